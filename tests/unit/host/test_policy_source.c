// SPDX-License-Identifier: Apache-2.0
#include "host/policy_source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void assert_refused(const char *text, size_t size, uint32_t line, uint32_t column,
                           const char *part)
{
    struct policy_error error = {.line = 0};

    assert_false(policy_source_check(text, size, &error));
    assert_int_equal(error.line, line);
    assert_int_equal(error.column, column);
    if (strstr(error.message, part) == NULL)
        fail_msg("'%s' is not in '%s'", part, error.message);
}

#define REFUSED(text_, line_, column_, part_)                                                      \
    assert_refused(text_, sizeof(text_) - 1, line_, column_, part_)

static void ordinary_text_passes(void **state)
{
    static const char text[] = "a: b\nc: gr\xc3\xbc\xc3\x9f\r\n# \xe6\xbc\xa2 \xf0\x9f\x98\x80\n";
    struct policy_error error = {.line = 0};

    (void)state;
    assert_true(policy_source_check(text, sizeof text - 1, &error));
    assert_true(policy_source_check(text, 0, &error));
    assert_int_equal(error.message[0], '\0');
}

static void control_characters_are_refused_where_they_stand(void **state)
{
    (void)state;
    REFUSED("a: b\n\tc: d\n", 2, 1, "tab");
    REFUSED("a:\tb", 1, 3, "tab");
    REFUSED("a\0b", 1, 2, "NUL");
    REFUSED("a\n\033[2J", 2, 1, "control");
    REFUSED("a\x7f", 1, 2, "control");
    REFUSED("a\xc2\x80", 1, 2, "control");
    REFUSED("a\rb: c", 1, 2, "control"); // an editor shows one line, YAML sees two
    REFUSED("a\r", 1, 2, "control");
    REFUSED("a\r\r\n", 1, 2, "control");
}

static void line_ends_that_only_yaml_knows_are_refused(void **state)
{
    (void)state;
    REFUSED("# x\xc2\x85y: z", 1, 4, "U+0085");
    REFUSED("# x\xe2\x80\xa8y: z", 1, 4, "U+2028");
    REFUSED("# x\xe2\x80\xa9y: z", 1, 4, "U+2029");
}

static void what_hides_or_turns_text_is_refused(void **state)
{
    (void)state;
    REFUSED("gr\xc3\xbc\xe2\x80\xae", 1, 4, "direction");
    REFUSED("\xe2\x81\xa6", 1, 1, "direction");
    REFUSED("\xe2\x80\x8b", 1, 1, "invisible");
}

static void other_encodings_and_byte_order_marks_are_refused(void **state)
{
    (void)state;
    REFUSED("\xef\xbb\xbfpinfold: 1", 1, 1, "byte order mark");
    REFUSED("pinfold: 1\n\xef\xbb\xbf", 2, 1, "byte order mark");
    REFUSED("\xff\xfep\0i\0", 1, 1, "UTF-16");
    REFUSED("\xfe\xff\0p\0i", 1, 1, "UTF-16");
    REFUSED("p\0i\0n\0", 1, 2, "NUL"); // UTF-16 without a mark
}

static void ill_formed_utf_8_is_refused_where_it_stands(void **state)
{
    (void)state;
    REFUSED("a\nb\xff", 2, 2, "not UTF-8");
    REFUSED("\xc0\x80", 1, 1, "not UTF-8");
    REFUSED("\xed\xa0\x80", 1, 1, "not UTF-8");
    REFUSED("\xf4\x90\x80\x80", 1, 1, "not UTF-8");
    REFUSED("ab\xe2\x80", 1, 3, "not UTF-8");
    REFUSED("\x80", 1, 1, "not UTF-8");
    REFUSED("\xc3", 1, 1, "not UTF-8");
}

static void one_byte_too_many_is_refused(void **state)
{
    struct policy_error error = {.line = 0};
    char *text = malloc(POLICY_SOURCE_BYTES_MAX + 1);

    (void)state;
    memset(text, ' ', POLICY_SOURCE_BYTES_MAX + 1);
    assert_true(policy_source_check(text, POLICY_SOURCE_BYTES_MAX, &error));
    assert_refused(text, POLICY_SOURCE_BYTES_MAX + 1, 0, 0, "65536");
    free(text);
}

static void the_cursor_counts_characters_forwards_and_backwards(void **state)
{
    static const char text[] = "a\xc3\xbc\xe6\xbc\xa2\xf0\x9f\x98\x80z";
    struct policy_cursor cursor = {.text = text, .size = sizeof text - 1};

    (void)state;
    assert_int_equal(policy_cursor_at(&cursor, 0), 'a');
    assert_int_equal(policy_cursor_at(&cursor, 4), 'z');
    assert_int_equal(policy_cursor_at(&cursor, 2), '\xe6');
    assert_int_equal(policy_cursor_at(&cursor, 1), '\xc3');
    assert_int_equal(policy_cursor_at(&cursor, 5), '\0');
    assert_int_equal(policy_cursor_at(&cursor, 99), '\0');
    assert_int_equal(policy_cursor_at(&cursor, 4), 'z');
    assert_int_equal(policy_cursor_at(&cursor, 0), 'a');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ordinary_text_passes),
        cmocka_unit_test(control_characters_are_refused_where_they_stand),
        cmocka_unit_test(line_ends_that_only_yaml_knows_are_refused),
        cmocka_unit_test(what_hides_or_turns_text_is_refused),
        cmocka_unit_test(other_encodings_and_byte_order_marks_are_refused),
        cmocka_unit_test(ill_formed_utf_8_is_refused_where_it_stands),
        cmocka_unit_test(one_byte_too_many_is_refused),
        cmocka_unit_test(the_cursor_counts_characters_forwards_and_backwards),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
