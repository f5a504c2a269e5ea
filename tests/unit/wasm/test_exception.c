// SPDX-License-Identifier: Apache-2.0
// The heap of exceptions: what is marked stays, everything else is given back.
#include "sandbox/wasm/exception.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "sandbox/wasm/instance.h"
#include "sandbox/wasm/limits.h"

static struct memory_budget budget;
static struct exception_heap heap;
static struct error error;
static const struct tag tag;

static int open_heap(void **state)
{
    (void)state;
    budget = (struct memory_budget){.bytes_max = 16 * EXCEPTION_PAGE_BYTES};
    error_clear(&error);
    return exception_heap_init(&heap, &budget, &error) ? 0 : -1;
}

static int close_heap(void **state)
{
    (void)state;
    exception_heap_finish(&heap);
    assert_int_equal(budget.bytes_used, 0);
    return 0;
}

static struct exception *make(uint64_t value, uint32_t count)
{
    union slot values[2 * LIMIT_PARAMETERS];

    for (uint32_t i = 0; i < count; i++)
        values[i].u64 = value + i;
    return exception_new(&heap, &tag, values, count);
}

static uint64_t reference_to(const struct exception *object)
{
    return (uint64_t)(uintptr_t)object;
}

static void an_eager_heap_is_always_worth_a_sweep(void **state)
{
    (void)state;
    assert_false(exception_heap_is_due(&heap));
    heap.eager = true;
    assert_true(exception_heap_is_due(&heap));
    exception_sweep(&heap, 0);
    assert_true(exception_heap_is_due(&heap));
}

static void objects_of_a_page_that_had_another_size_are_not_taken_for_marked(void **state)
{
    union slot ones[100];

    (void)state;
    for (uint32_t i = 0; i < 100; i++)
        ones[i].u64 = 0x0101010101010101u; // also where smaller objects say whether they are marked
    assert_non_null(exception_new(&heap, &tag, ones, 100));
    exception_sweep(&heap, 0);
    assert_int_equal(heap.bytes_used, 0);
    assert_non_null(make(1, 1)); // in the same page
    assert_int_equal(heap.page_count, 1);
    exception_sweep(&heap, 0);
    assert_int_equal(heap.bytes_used, 0);
}

static void objects_hold_what_they_were_made_with(void **state)
{
    struct exception *objects[9];

    (void)state;
    for (uint32_t i = 0; i < 9; i++) {
        objects[i] = make(1000 * i, i * 200);
        assert_non_null(objects[i]);
    }
    for (uint32_t i = 0; i < 9; i++) {
        assert_ptr_equal(objects[i]->tag, &tag);
        assert_int_equal(objects[i]->count, i * 200);
        for (uint32_t j = 0; j < objects[i]->count; j++)
            assert_int_equal(objects[i]->values[j].u64, 1000 * i + j);
    }
}

static void only_addresses_of_objects_are_objects(void **state)
{
    (void)state;
    assert_false(exception_is_object(&heap, 0));
    struct exception *object = make(1, 3);
    assert_true(exception_is_object(&heap, reference_to(object)));
    assert_false(exception_is_object(&heap, reference_to(object) + 1));
    assert_false(exception_is_object(&heap, reference_to(object) + 8));
    assert_false(exception_is_object(&heap, reference_to(object) + 64)); // free
    assert_false(exception_is_object(&heap, reference_to(object) + EXCEPTION_PAGE_BYTES));
    assert_false(exception_is_object(&heap, UINT64_MAX));
    exception_sweep(&heap, 0);
    assert_false(exception_is_object(&heap, reference_to(object)));
}

static void what_is_marked_survives_a_sweep(void **state)
{
    (void)state;
    struct exception *kept = make(7, 2), *lost = make(8, 2);
    exception_mark(&heap, reference_to(kept));
    exception_mark(&heap, reference_to(kept));
    exception_mark(&heap, 12345);
    assert_ptr_equal(exception_take_marked(&heap), kept);
    assert_null(exception_take_marked(&heap));
    exception_sweep(&heap, 0);
    assert_int_equal(kept->values[1].u64, 8);
    assert_false(exception_is_object(&heap, reference_to(lost)));
    // The mark was for once only.
    exception_sweep(&heap, 0);
    assert_false(exception_is_object(&heap, reference_to(kept)));
}

static void pages_are_limited_by_the_budget_and_used_again(void **state)
{
    uint32_t count = 0;

    (void)state;
    while (make(0, 1) != NULL)
        count++;
    assert_int_equal(count, 16 * EXCEPTION_PAGE_BYTES / 32);
    assert_int_equal(budget.bytes_used, budget.bytes_max);
    assert_null(make(0, 900));
    exception_sweep(&heap, 0);
    // Also for objects of another size.
    count = 0;
    while (make(0, 900) != NULL)
        count++;
    assert_int_equal(count, 16 * EXCEPTION_PAGE_BYTES / 8192);
    assert_int_equal(budget.bytes_used, budget.bytes_max);
}

static void sweeps_are_due_by_what_was_made_since(void **state)
{
    (void)state;
    budget.bytes_max = UINT64_MAX;
    struct exception *kept = NULL;
    while (!exception_heap_is_due(&heap)) {
        kept = make(0, 1);
        exception_mark(&heap, reference_to(kept));
    }
    uint64_t used = heap.bytes_used;
    exception_sweep(&heap, 0);
    assert_int_equal(heap.bytes_used, used);
    assert_false(exception_heap_is_due(&heap));
    // Where there is much to look at, it is looked at less often.
    exception_sweep(&heap, 10000000);
    assert_int_equal(heap.bytes_used, 0);
    assert_true(heap.bytes_threshold >= 80000000);
}

#define TEST(test_) cmocka_unit_test_setup_teardown(test_, open_heap, close_heap)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(objects_of_a_page_that_had_another_size_are_not_taken_for_marked),
        TEST(an_eager_heap_is_always_worth_a_sweep),
        TEST(objects_hold_what_they_were_made_with),
        TEST(only_addresses_of_objects_are_objects),
        TEST(what_is_marked_survives_a_sweep),
        TEST(pages_are_limited_by_the_budget_and_used_again),
        TEST(sweeps_are_due_by_what_was_made_since),
    };

    return cmocka_run_group_tests_name("wasm/exception", tests, NULL, NULL);
}
