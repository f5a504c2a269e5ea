// SPDX-License-Identifier: Apache-2.0
#include "sandbox/base/checked.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void sums_that_fit_are_exact(void **state)
{
    size_t size;
    uint32_t word;
    uint64_t wide;

    (void)state;
    assert_true(checked_add_size(SIZE_MAX - 1, 1, &size));
    assert_true(size == SIZE_MAX);
    assert_true(checked_add_u32(UINT32_MAX - 1, 1, &word));
    assert_true(word == UINT32_MAX);
    assert_true(checked_add_u64(UINT64_MAX - 1, 1, &wide));
    assert_true(wide == UINT64_MAX);
}

static void sums_that_overflow_are_refused(void **state)
{
    size_t size;
    uint32_t word;
    uint64_t wide;

    (void)state;
    assert_false(checked_add_size(SIZE_MAX, 1, &size));
    assert_false(checked_add_u32(UINT32_MAX, 1, &word));
    assert_false(checked_add_u64(UINT64_MAX, 1, &wide));
    assert_false(checked_add_u64(UINT64_MAX, UINT64_MAX, &wide));
}

static void products_that_fit_are_exact(void **state)
{
    size_t size;
    uint32_t word;
    uint64_t wide;

    (void)state;
    assert_true(checked_mul_size(SIZE_MAX / 2, 2, &size));
    assert_true(size == SIZE_MAX - 1);
    assert_true(checked_mul_u32(65537, 65535, &word));
    assert_true(word == UINT32_MAX);
    assert_true(checked_mul_u64(UINT64_MAX, 1, &wide));
    assert_true(wide == UINT64_MAX);
    assert_true(checked_mul_u64(UINT64_MAX, 0, &wide));
    assert_true(wide == 0);
}

static void products_that_overflow_are_refused(void **state)
{
    size_t size;
    uint32_t word;
    uint64_t wide;

    (void)state;
    assert_false(checked_mul_size(SIZE_MAX / 2 + 1, 2, &size));
    assert_false(checked_mul_u32(65536, 65536, &word));
    assert_false(checked_mul_u64(UINT64_C(1) << 32, UINT64_C(1) << 32, &wide));
}

static void checked_align_up_refuses_what_would_wrap(void **state)
{
    size_t aligned;

    (void)state;
    assert_true(checked_align_up(SIZE_MAX - 15, 16, &aligned));
    assert_true(aligned == SIZE_MAX - 15);
    assert_false(checked_align_up(SIZE_MAX - 14, 16, &aligned));
    assert_false(checked_align_up(SIZE_MAX, 2, &aligned));
    assert_true(checked_align_up(SIZE_MAX, 1, &aligned));
    assert_true(aligned == SIZE_MAX);
}

static void align_up_goes_to_the_next_multiple_and_stays_on_one(void **state)
{
    (void)state;
    assert_int_equal(ALIGN_UP((size_t)0, 8), 0);
    assert_int_equal(ALIGN_UP((size_t)1, 8), 8);
    assert_int_equal(ALIGN_UP((size_t)8, 8), 8);
    assert_int_equal(ALIGN_UP((size_t)9, 8), 16);
    assert_true(ALIGN_UP(UINT64_C(0x100000001), 4) == UINT64_C(0x100000004));
    // The type is the value's, so a narrow alignment must not cut its upper half off.
    assert_true(ALIGN_UP(UINT64_C(0x100000001), 4u) == UINT64_C(0x100000004));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_that_fit_are_exact),
        cmocka_unit_test(sums_that_overflow_are_refused),
        cmocka_unit_test(products_that_fit_are_exact),
        cmocka_unit_test(products_that_overflow_are_refused),
        cmocka_unit_test(checked_align_up_refuses_what_would_wrap),
        cmocka_unit_test(align_up_goes_to_the_next_multiple_and_stays_on_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
