// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sandbox/wasm/memory.h"

#define BUDGET_PAGES 1000u

static struct memory_budget budget;
static struct error error;

static int set_up(void **state)
{
    (void)state;
    budget = (struct memory_budget){.bytes_max = BUDGET_PAGES * MEMORY_PAGE_BYTES};
    error_clear(&error);
    return 0;
}

static struct memorytype type_of(uint64_t minimum)
{
    return (struct memorytype){.limits = {.minimum = minimum, .maximum = UINT64_MAX}};
}

static struct memorytype type_with_maximum(uint64_t minimum, uint64_t maximum)
{
    return (struct memorytype){
        .limits = {.minimum = minimum, .maximum = maximum, .has_maximum = true}};
}

static void memory_begins_zeroed_with_its_minimum(void **state)
{
    struct memorytype type = type_of(2);
    struct memory memory;

    (void)state;
    assert_true(memory_init(&memory, &type, true, &budget, &error));
    assert_int_equal(memory_pages(&memory), 2);
    for (size_t i = 0; i < 2 * MEMORY_PAGE_BYTES; i++)
        assert_int_equal(memory.base[i], 0);
    memset(memory.base, 0xff, 2 * MEMORY_PAGE_BYTES);
    memory_finish(&memory);
}

static void guarded_memory_reserves_all_that_address_and_offset_reach(void **state)
{
    struct memorytype type = type_with_maximum(0, 1);
    struct memory memory;

    (void)state;
    assert_true(memory_init(&memory, &type, true, &budget, &error));
    assert_true(memory.guarded);
    // The last byte of a 16-byte access at the largest address with the largest offset.
    assert_true(memory.reserved_bytes > 2ull * UINT32_MAX + 15);
    memory_finish(&memory);
}

static void a_budget_remembers_that_more_was_asked_for_but_not_what_the_type_forbids(void **state)
{
    struct memory_budget small = {.bytes_max = 2 * MEMORY_PAGE_BYTES};
    struct memorytype type = type_with_maximum(1, 3);
    struct memory memory;

    (void)state;
    assert_true(memory_init(&memory, &type, true, &small, &error));
    assert_int_equal(memory_grow(&memory, 3), UINT64_MAX);
    assert_false(small.refused);
    assert_int_equal(memory_grow(&memory, 2), UINT64_MAX);
    assert_true(small.refused);
    memory_finish(&memory);
}

static void memory_of_64_bit_addresses_is_never_guarded(void **state)
{
    struct memorytype type = type_of(1);
    struct memory memory;

    (void)state;
    type.limits.address64 = true;
    assert_true(memory_init(&memory, &type, true, &budget, &error));
    assert_false(memory.guarded);
    assert_int_equal(memory.maximum_pages, 1ull << 48);
    assert_int_equal(memory.reserved_bytes, BUDGET_PAGES * MEMORY_PAGE_BYTES);
    memory_finish(&memory);
}

static void checked_memory_reserves_the_smaller_of_maximum_and_budget(void **state)
{
    struct memorytype small = type_with_maximum(1, 10);
    struct memorytype large = type_with_maximum(1, 60000);
    struct memory memory;

    (void)state;
    assert_true(memory_init(&memory, &small, false, &budget, &error));
    assert_int_equal(memory.reserved_bytes, 10 * MEMORY_PAGE_BYTES);
    memory_finish(&memory);
    assert_true(memory_init(&memory, &large, false, &budget, &error));
    assert_int_equal(memory.reserved_bytes, BUDGET_PAGES * MEMORY_PAGE_BYTES);
    memory_finish(&memory);
}

static void empty_memory_has_a_base_all_the_same(void **state)
{
    struct memorytype type = type_with_maximum(0, 0);
    struct memory memory;

    (void)state;
    budget.bytes_max = 0;
    assert_true(memory_init(&memory, &type, false, &budget, &error));
    assert_non_null(memory.base);
    assert_int_equal(memory.size_bytes, 0);
    assert_int_equal(memory_grow(&memory, 0), 0);
    assert_true(memory_grow(&memory, 1) == UINT64_MAX);
    memory_finish(&memory);
}

static void growing_keeps_base_and_content_and_adds_zeroes(void **state)
{
    struct memorytype type = type_of(1);

    (void)state;
    for (int guarded = 0; guarded <= 1; guarded++) {
        struct memory memory;
        uint8_t *base;

        assert_true(memory_init(&memory, &type, guarded, &budget, &error));
        base = memory.base;
        memset(base, 0xab, MEMORY_PAGE_BYTES);
        assert_int_equal(memory_grow(&memory, 3), 1);
        assert_ptr_equal(memory.base, base);
        assert_int_equal(memory_pages(&memory), 4);
        assert_int_equal(base[MEMORY_PAGE_BYTES - 1], 0xab);
        assert_int_equal(base[MEMORY_PAGE_BYTES], 0);
        base[4 * MEMORY_PAGE_BYTES - 1] = 1;
        memory_finish(&memory);
    }
}

static void growing_updates_the_minimum_that_imports_are_matched_with(void **state)
{
    struct memorytype type = type_with_maximum(1, 5);
    struct memory memory;

    (void)state;
    assert_true(memory_init(&memory, &type, true, &budget, &error));
    assert_int_equal(memory_grow(&memory, 2), 1);
    assert_int_equal(memory.type.limits.minimum, 3);
    assert_int_equal(memory.type.limits.maximum, 5);
    memory_finish(&memory);
}

static void growing_beyond_the_maximum_is_refused(void **state)
{
    struct memorytype type = type_with_maximum(1, 3);
    struct memory memory;

    (void)state;
    assert_true(memory_init(&memory, &type, true, &budget, &error));
    assert_true(memory_grow(&memory, 3) == UINT64_MAX);
    assert_true(memory_grow(&memory, UINT64_MAX) == UINT64_MAX);
    assert_true(memory_grow(&memory, UINT64_MAX / MEMORY_PAGE_BYTES) == UINT64_MAX);
    assert_int_equal(memory_pages(&memory), 1);
    assert_int_equal(memory_grow(&memory, 2), 1);
    assert_int_equal(memory_grow(&memory, 0), 3);
    memory_finish(&memory);
}

static void growing_to_four_gibibytes_is_the_end_for_32_bit_addresses(void **state)
{
    struct memorytype type = type_of(0);
    struct memory memory;

    (void)state;
    budget.bytes_max = UINT64_MAX;
    assert_true(memory_init(&memory, &type, true, &budget, &error));
    assert_int_equal(memory.maximum_pages, 65536);
    assert_true(memory_grow(&memory, 65537) == UINT64_MAX);
    memory_finish(&memory);
}

static void growing_beyond_the_budget_is_refused(void **state)
{
    struct memorytype type = type_of(1);
    struct memory first;
    struct memory second;

    (void)state;
    budget.bytes_max = 4 * MEMORY_PAGE_BYTES + 1;
    assert_true(memory_init(&first, &type, true, &budget, &error));
    assert_true(memory_init(&second, &type, true, &budget, &error));
    assert_true(memory_grow(&first, 3) == UINT64_MAX);
    assert_int_equal(memory_grow(&first, 2), 1);
    assert_true(memory_grow(&second, 1) == UINT64_MAX);
    assert_int_equal(budget.bytes_used, 4 * MEMORY_PAGE_BYTES);
    memory_finish(&first);
    assert_int_equal(memory_grow(&second, 3), 1);
    memory_finish(&second);
    assert_int_equal(budget.bytes_used, 0);
}

static void minimum_beyond_the_budget_is_a_limit_error(void **state)
{
    struct memorytype type = type_of(BUDGET_PAGES + 1);

    (void)state;
    for (int guarded = 0; guarded <= 1; guarded++) {
        struct memory memory;

        error_clear(&error);
        assert_false(memory_init(&memory, &type, guarded, &budget, &error));
        assert_int_equal(error.code, ERROR_LIMIT_LINEAR_MEMORY);
        assert_null(memory.base);
        assert_int_equal(budget.bytes_used, 0);
    }
}

static void minimum_of_64_bits_is_refused_without_wrapping(void **state)
{
    struct memorytype type = type_of(1ull << 48);
    struct memory memory;

    (void)state;
    type.limits.address64 = true;
    assert_false(memory_init(&memory, &type, false, &budget, &error));
    assert_int_equal(error.code, ERROR_LIMIT_LINEAR_MEMORY);
}

static void reservation_that_no_address_space_has_is_a_system_error(void **state)
{
    struct memorytype type = type_of(1);
    struct memory memory;

    (void)state;
    budget.bytes_max = UINT64_MAX;
    type.limits.address64 = true;
    assert_false(memory_init(&memory, &type, false, &budget, &error));
    assert_int_equal(error.code, ERROR_SYSTEM_RESERVE);
}

/* Pages of one byte. */

static struct memorytype type_of_bytes(uint64_t minimum, bool address64)
{
    return (struct memorytype){
        .limits = {.minimum = minimum, .maximum = UINT64_MAX, .address64 = address64},
        .has_page_size = true,
    };
}

static void memory_of_bytes_grows_by_bytes_and_commits_whole_pages(void **state)
{
    struct memorytype type = type_of_bytes(1, false);
    struct memory memory;

    (void)state;
    assert_true(memory_init(&memory, &type, true, &budget, &error));
    assert_false(memory.guarded);
    assert_int_equal(memory.size_bytes, 1);
    assert_int_equal(budget.bytes_used, MEMORY_PAGE_BYTES);
    assert_int_equal(memory_grow(&memory, MEMORY_PAGE_BYTES - 1), 1);
    assert_int_equal(budget.bytes_used, MEMORY_PAGE_BYTES);
    memory.base[MEMORY_PAGE_BYTES - 1] = 1;
    assert_int_equal(memory_grow(&memory, 1), MEMORY_PAGE_BYTES);
    assert_int_equal(memory.size_bytes, MEMORY_PAGE_BYTES + 1);
    assert_int_equal(budget.bytes_used, 2 * MEMORY_PAGE_BYTES);
    assert_int_equal(memory.base[MEMORY_PAGE_BYTES], 0);
    memory.base[MEMORY_PAGE_BYTES] = 1;
    assert_int_equal(memory.type.limits.minimum, MEMORY_PAGE_BYTES + 1);
    memory_finish(&memory);
    assert_int_equal(budget.bytes_used, 0);
}

static void memory_of_bytes_keeps_to_maximum_and_budget(void **state)
{
    struct memorytype type = type_of_bytes(0, false);
    struct memory memory;

    (void)state;
    type.limits.has_maximum = true;
    type.limits.maximum = 100;
    assert_true(memory_init(&memory, &type, false, &budget, &error));
    assert_int_equal(memory.reserved_bytes, MEMORY_PAGE_BYTES);
    assert_true(memory_grow(&memory, 101) == UINT64_MAX);
    assert_int_equal(memory_grow(&memory, 100), 0);
    assert_true(memory_grow(&memory, 1) == UINT64_MAX);
    memory_finish(&memory);
    budget.bytes_max = 2 * MEMORY_PAGE_BYTES + 10;
    type = type_of_bytes(1, true);
    assert_true(memory_init(&memory, &type, false, &budget, &error));
    assert_true(memory_grow(&memory, UINT64_MAX) == UINT64_MAX);
    assert_true(memory_grow(&memory, UINT64_MAX - 1) == UINT64_MAX);
    assert_true(memory_grow(&memory, 2 * MEMORY_PAGE_BYTES) == UINT64_MAX);
    assert_int_equal(memory_grow(&memory, 2 * MEMORY_PAGE_BYTES - 1), 1);
    assert_true(memory_grow(&memory, 1) == UINT64_MAX);
    memory_finish(&memory);
    type.limits.minimum = UINT64_MAX;
    assert_false(memory_init(&memory, &type, false, &budget, &error));
    assert_int_equal(error.code, ERROR_LIMIT_LINEAR_MEMORY);
    assert_int_equal(budget.bytes_used, 0);
}

static void largest_memory_of_bytes_is_one_less_than_4_gib(void **state)
{
    struct memorytype type = type_of_bytes(UINT32_MAX, false);
    struct memory memory;

    (void)state;
    budget.bytes_max = 1ull << 33;
    assert_true(memory_init(&memory, &type, true, &budget, &error));
    assert_int_equal(memory_pages(&memory), UINT32_MAX);
    assert_true(memory_grow(&memory, 1) == UINT64_MAX);
    memory_finish(&memory);
}

static void containment_does_not_wrap(void **state)
{
    struct memory memory = {.size_bytes = 100};

    (void)state;
    assert_true(memory_contains(&memory, 0, 100));
    assert_true(memory_contains(&memory, 100, 0));
    assert_false(memory_contains(&memory, 101, 0));
    assert_false(memory_contains(&memory, 1, 100));
    assert_false(memory_contains(&memory, UINT64_MAX, 2));
    assert_false(memory_contains(&memory, 2, UINT64_MAX));
}

static void finishing_takes_nothing_and_what_is_finished(void **state)
{
    struct memorytype type = type_of(1);
    struct memory memory = {.base = NULL};

    (void)state;
    memory_finish(NULL);
    memory_finish(&memory);
    assert_true(memory_init(&memory, &type, true, &budget, &error));
    memory_finish(&memory);
    memory_finish(&memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(memory_begins_zeroed_with_its_minimum, set_up),
        cmocka_unit_test_setup(guarded_memory_reserves_all_that_address_and_offset_reach, set_up),
        cmocka_unit_test_setup(
            a_budget_remembers_that_more_was_asked_for_but_not_what_the_type_forbids, set_up),
        cmocka_unit_test_setup(memory_of_64_bit_addresses_is_never_guarded, set_up),
        cmocka_unit_test_setup(checked_memory_reserves_the_smaller_of_maximum_and_budget, set_up),
        cmocka_unit_test_setup(empty_memory_has_a_base_all_the_same, set_up),
        cmocka_unit_test_setup(growing_keeps_base_and_content_and_adds_zeroes, set_up),
        cmocka_unit_test_setup(growing_updates_the_minimum_that_imports_are_matched_with, set_up),
        cmocka_unit_test_setup(growing_beyond_the_maximum_is_refused, set_up),
        cmocka_unit_test_setup(growing_to_four_gibibytes_is_the_end_for_32_bit_addresses, set_up),
        cmocka_unit_test_setup(growing_beyond_the_budget_is_refused, set_up),
        cmocka_unit_test_setup(minimum_beyond_the_budget_is_a_limit_error, set_up),
        cmocka_unit_test_setup(minimum_of_64_bits_is_refused_without_wrapping, set_up),
        cmocka_unit_test_setup(reservation_that_no_address_space_has_is_a_system_error, set_up),
        cmocka_unit_test_setup(memory_of_bytes_grows_by_bytes_and_commits_whole_pages, set_up),
        cmocka_unit_test_setup(memory_of_bytes_keeps_to_maximum_and_budget, set_up),
        cmocka_unit_test_setup(largest_memory_of_bytes_is_one_less_than_4_gib, set_up),
        cmocka_unit_test_setup(containment_does_not_wrap, set_up),
        cmocka_unit_test_setup(finishing_takes_nothing_and_what_is_finished, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
