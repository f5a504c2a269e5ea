// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sandbox/wasm/limits.h"
#include "sandbox/wasm/table.h"

static const union slot null = {0};
static const union slot something = {.u64 = 0x123456789abcull};
static struct error error;
static struct memory_budget budget;

static int set_up(void **state)
{
    (void)state;
    budget = (struct memory_budget){.bytes_max = 1ull << 40};
    error_clear(&error);
    return 0;
}

static struct tabletype type_of(uint64_t minimum)
{
    return (struct tabletype){
        .element = VALTYPE_EXTERNREF,
        .limits = {.minimum = minimum, .maximum = UINT64_MAX},
    };
}

static struct tabletype type_with_maximum(uint64_t minimum, uint64_t maximum)
{
    struct tabletype type = type_of(minimum);

    type.limits.has_maximum = true;
    type.limits.maximum = maximum;
    return type;
}

static void table_begins_with_its_minimum_of_the_initial_value(void **state)
{
    struct tabletype type = type_of(1000);
    struct table table;

    (void)state;
    assert_true(table_init(&table, &type, something, &budget, &error));
    assert_int_equal(table.size, 1000);
    for (size_t i = 0; i < 1000; i++)
        assert_true(table.elements[i].u64 == something.u64);
    table_finish(&table);
}

static void growing_keeps_place_and_content(void **state)
{
    struct tabletype type = type_of(3);
    struct table table;
    union slot *elements;

    (void)state;
    assert_true(table_init(&table, &type, something, &budget, &error));
    elements = table.elements;
    assert_int_equal(table_grow(&table, 100000, null), 3);
    assert_int_equal(table_grow(&table, 2, something), 100003);
    assert_ptr_equal(table.elements, elements);
    assert_true(elements[2].u64 == something.u64);
    assert_true(elements[3].u64 == 0 && elements[100002].u64 == 0);
    assert_true(elements[100003].u64 == something.u64 && elements[100004].u64 == something.u64);
    table_finish(&table);
}

static void growing_updates_the_minimum_that_imports_are_matched_with(void **state)
{
    struct tabletype type = type_with_maximum(1, 9);
    struct table table;

    (void)state;
    assert_true(table_init(&table, &type, null, &budget, &error));
    assert_int_equal(table_grow(&table, 4, null), 1);
    assert_int_equal(table.type.limits.minimum, 5);
    assert_int_equal(table.type.limits.maximum, 9);
    table_finish(&table);
}

static void growing_beyond_the_maximum_is_refused(void **state)
{
    struct tabletype type = type_with_maximum(2, 4);
    struct table table;

    (void)state;
    assert_true(table_init(&table, &type, null, &budget, &error));
    assert_true(table_grow(&table, 3, null) == UINT64_MAX);
    assert_true(table_grow(&table, UINT64_MAX, null) == UINT64_MAX);
    assert_true(table_grow(&table, UINT64_MAX - 1, null) == UINT64_MAX);
    assert_int_equal(table_grow(&table, 2, null), 2);
    assert_int_equal(table_grow(&table, 0, something), 4);
    assert_true(table_grow(&table, 1, null) == UINT64_MAX);
    table_finish(&table);
}

static void growing_beyond_the_limit_of_all_tables_is_refused(void **state)
{
    struct tabletype type = type_of(0);
    struct table table;

    (void)state;
    assert_true(table_init(&table, &type, null, &budget, &error));
    assert_true(table_grow(&table, LIMIT_TABLE_ELEMENTS + 1, null) == UINT64_MAX);
    assert_int_equal(table_grow(&table, LIMIT_TABLE_ELEMENTS, null), 0);
    assert_true(table_grow(&table, 1, null) == UINT64_MAX);
    table_finish(&table);
}

static void minimum_beyond_the_limit_is_a_limit_error(void **state)
{
    struct tabletype type = type_of(LIMIT_TABLE_ELEMENTS + 1);
    struct table table;

    (void)state;
    assert_false(table_init(&table, &type, null, &budget, &error));
    assert_int_equal(error.code, ERROR_LIMIT_TABLE);
    assert_null(table.elements);
}

static void sizes_of_64_bits_are_refused_without_wrapping(void **state)
{
    struct tabletype type = {VALTYPE_FUNCREF, {.minimum = UINT64_MAX, .address64 = true}};
    struct table table;

    (void)state;
    assert_false(table_init(&table, &type, null, &budget, &error));
    assert_int_equal(error.code, ERROR_LIMIT_TABLE);
    error_clear(&error);
    type.limits.minimum = 3;
    assert_true(table_init(&table, &type, null, &budget, &error));
    assert_true(table_grow(&table, UINT64_MAX, null) == UINT64_MAX);
    assert_true(table_grow(&table, UINT64_MAX - 2, null) == UINT64_MAX);
    assert_true(table_grow(&table, 1ull << 61, null) == UINT64_MAX);
    assert_int_equal(table.size, 3);
    table_finish(&table);
}

static void table_of_no_elements_can_be_had(void **state)
{
    struct tabletype type = type_with_maximum(0, 0);
    struct table table;

    (void)state;
    assert_true(table_init(&table, &type, something, &budget, &error));
    assert_int_equal(table.size, 0);
    assert_true(table_contains(&table, 0, 0));
    table_finish(&table);
}

static void containment_does_not_wrap(void **state)
{
    struct table table = {.size = 10};

    (void)state;
    assert_true(table_contains(&table, 0, 10));
    assert_true(table_contains(&table, 10, 0));
    assert_false(table_contains(&table, 11, 0));
    assert_false(table_contains(&table, UINT64_MAX, 2));
    assert_false(table_contains(&table, 2, UINT64_MAX));
}

static void finishing_takes_nothing_and_what_is_finished(void **state)
{
    struct tabletype type = type_of(1);
    struct table table = {.elements = NULL};

    (void)state;
    table_finish(NULL);
    table_finish(&table);
    assert_true(table_init(&table, &type, null, &budget, &error));
    table_finish(&table);
    table_finish(&table);
}

static void elements_are_charged_to_the_budget_and_given_back(void **state)
{
    struct tabletype type = type_of(4);
    struct table table;

    (void)state;
    budget.bytes_max = 10 * sizeof(union slot);
    assert_true(table_init(&table, &type, null, &budget, &error));
    assert_int_equal(budget.bytes_used, 4 * sizeof(union slot));
    assert_true(table_grow(&table, 7, null) == UINT64_MAX);
    assert_int_equal(table_grow(&table, 6, null), 4);
    assert_int_equal(budget.bytes_used, 10 * sizeof(union slot));
    table_finish(&table);
    assert_int_equal(budget.bytes_used, 0);
}

static void minimum_beyond_the_budget_is_a_limit_error(void **state)
{
    struct tabletype type = type_of(11);
    struct table table;

    (void)state;
    budget.bytes_max = 10 * sizeof(union slot);
    assert_false(table_init(&table, &type, null, &budget, &error));
    assert_int_equal(error.code, ERROR_LIMIT_TABLE);
    assert_int_equal(budget.bytes_used, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(table_begins_with_its_minimum_of_the_initial_value, set_up),
        cmocka_unit_test_setup(growing_keeps_place_and_content, set_up),
        cmocka_unit_test_setup(growing_updates_the_minimum_that_imports_are_matched_with, set_up),
        cmocka_unit_test_setup(growing_beyond_the_maximum_is_refused, set_up),
        cmocka_unit_test_setup(growing_beyond_the_limit_of_all_tables_is_refused, set_up),
        cmocka_unit_test_setup(minimum_beyond_the_limit_is_a_limit_error, set_up),
        cmocka_unit_test_setup(sizes_of_64_bits_are_refused_without_wrapping, set_up),
        cmocka_unit_test_setup(table_of_no_elements_can_be_had, set_up),
        cmocka_unit_test_setup(elements_are_charged_to_the_budget_and_given_back, set_up),
        cmocka_unit_test_setup(minimum_beyond_the_budget_is_a_limit_error, set_up),
        cmocka_unit_test_setup(containment_does_not_wrap, set_up),
        cmocka_unit_test_setup(finishing_takes_nothing_and_what_is_finished, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
