// SPDX-License-Identifier: Apache-2.0
#include "sandbox/base/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void error_set_records_code_offset_and_wording(void **state)
{
    struct error error = {.code = ERROR_NONE};

    (void)state;
    assert_false(error_set(&error, ERROR_TYPE_MISMATCH, UINT64_C(1) << 40, NULL));
    assert_int_equal(error.code, ERROR_TYPE_MISMATCH);
    assert_true(error.offset == UINT64_C(1) << 40);
    assert_string_equal(error.message, "type mismatch");
}

static void error_set_appends_the_formatted_detail(void **state)
{
    struct error error = {.code = ERROR_NONE};

    (void)state;
    error_set(&error, ERROR_UNKNOWN_LOCAL, 7, "%u of %s", 3u, "f");
    assert_string_equal(error.message, "unknown local: 3 of f");
}

static void error_set_keeps_the_first_error(void **state)
{
    struct error error = {.code = ERROR_NONE};

    (void)state;
    error_set(&error, ERROR_MAGIC, 1, "first");
    error.detail = 9;
    assert_false(error_set(&error, ERROR_VERSION, 2, "second"));
    assert_int_equal(error.code, ERROR_MAGIC);
    assert_int_equal(error.offset, 1);
    assert_int_equal(error.detail, 9);
    assert_string_equal(error.message, "magic header not detected: first");
}

static void error_set_cuts_off_a_detail_that_does_not_fit(void **state)
{
    struct {
        struct error error;
        char canary[16];
    } frame = {.error = {.code = ERROR_NONE}, .canary = "untouched"};
    char detail[2 * ERROR_MESSAGE_SIZE];

    (void)state;
    memset(detail, 'x', sizeof detail);
    detail[sizeof detail - 1] = '\0';
    error_set(&frame.error, ERROR_MAGIC, 0, "%s", detail);
    assert_int_equal(strlen(frame.error.message), ERROR_MESSAGE_SIZE - 1);
    assert_int_equal(frame.error.message[ERROR_MESSAGE_SIZE - 2], 'x');
    assert_string_equal(frame.canary, "untouched");
}

static void error_clear_makes_the_struct_usable_again(void **state)
{
    struct error error = {.code = ERROR_NONE};

    (void)state;
    error_set(&error, ERROR_MAGIC, 1, NULL);
    error_clear(&error);
    assert_int_equal(error.code, ERROR_NONE);
    assert_string_equal(error.message, "");
    error_set(&error, ERROR_VERSION, 2, NULL);
    assert_int_equal(error.code, ERROR_VERSION);
}

static void every_code_has_a_kind_and_a_wording_with_room_for_detail(void **state)
{
    (void)state;
    for (unsigned code = ERROR_NONE + 1; code < ERROR_CODE_COUNT; code++) {
        const char *wording = error_wording((enum error_code)code);

        assert_int_not_equal(error_kind((enum error_code)code), ERROR_KIND_NONE);
        assert_int_not_equal(wording[0], '\0');
        assert_true(strlen(wording) + 64 <= ERROR_MESSAGE_SIZE);
    }
}

static void no_two_codes_of_a_kind_share_a_wording(void **state)
{
    (void)state;
    for (unsigned left = ERROR_NONE + 1; left < ERROR_CODE_COUNT; left++) {
        for (unsigned right = left + 1; right < ERROR_CODE_COUNT; right++) {
            if (error_kind((enum error_code)left) == error_kind((enum error_code)right))
                assert_string_not_equal(error_wording((enum error_code)left),
                                        error_wording((enum error_code)right));
        }
    }
}

static void kinds_follow_the_table(void **state)
{
    (void)state;
    assert_int_equal(error_kind(ERROR_UNEXPECTED_END), ERROR_KIND_MALFORMED);
    assert_int_equal(error_kind(ERROR_TYPE_MISMATCH), ERROR_KIND_INVALID);
    assert_int_equal(error_kind(ERROR_UNKNOWN_IMPORT), ERROR_KIND_UNLINKABLE);
    assert_int_equal(error_kind(ERROR_LIMIT_FRAME), ERROR_KIND_LIMIT);
    assert_int_equal(error_kind(ERROR_UNSUPPORTED_FEATURE), ERROR_KIND_UNSUPPORTED);
    assert_int_equal(error_kind(ERROR_SYSTEM_PROTECT), ERROR_KIND_SYSTEM);
    assert_int_equal(error_kind(ERROR_USAGE_ARGUMENT), ERROR_KIND_USAGE);
}

static void numbers_that_are_no_code_have_no_kind_and_no_wording(void **state)
{
    (void)state;
    assert_int_equal(error_kind(ERROR_NONE), ERROR_KIND_NONE);
    assert_int_equal(error_kind(ERROR_CODE_COUNT), ERROR_KIND_NONE);
    assert_string_equal(error_wording(ERROR_NONE), "");
    assert_string_equal(error_wording(ERROR_CODE_COUNT), "");
}

static void every_kind_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (unsigned left = ERROR_KIND_NONE; left < ERROR_KIND_COUNT; left++) {
        assert_non_null(error_kind_name((enum error_kind)left));
        for (unsigned right = left + 1; right < ERROR_KIND_COUNT; right++) {
            assert_string_not_equal(error_kind_name((enum error_kind)left),
                                    error_kind_name((enum error_kind)right));
        }
    }
    assert_string_equal(error_kind_name(ERROR_KIND_INVALID), "invalid");
    assert_string_equal(error_kind_name(ERROR_KIND_COUNT), "none");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(error_set_records_code_offset_and_wording),
        cmocka_unit_test(error_set_appends_the_formatted_detail),
        cmocka_unit_test(error_set_keeps_the_first_error),
        cmocka_unit_test(error_set_cuts_off_a_detail_that_does_not_fit),
        cmocka_unit_test(error_clear_makes_the_struct_usable_again),
        cmocka_unit_test(every_code_has_a_kind_and_a_wording_with_room_for_detail),
        cmocka_unit_test(no_two_codes_of_a_kind_share_a_wording),
        cmocka_unit_test(kinds_follow_the_table),
        cmocka_unit_test(numbers_that_are_no_code_have_no_kind_and_no_wording),
        cmocka_unit_test(every_kind_has_a_name_of_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
