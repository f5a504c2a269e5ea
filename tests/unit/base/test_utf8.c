// SPDX-License-Identifier: Apache-2.0
#include "sandbox/base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static bool valid(const char *text)
{
    return utf8_valid((const uint8_t *)text, strlen(text));
}

// Encodes any number below 2^21 in `length` bytes, with no regard for what is allowed.
static void encode(uint32_t number, size_t length, uint8_t bytes[4])
{
    static const uint8_t leads[5] = {0, 0x00, 0xC0, 0xE0, 0xF0};

    for (size_t i = length - 1; i > 0; i--) {
        bytes[i] = (uint8_t)(0x80 | (number & 0x3F));
        number >>= 6;
    }
    bytes[0] = (uint8_t)(leads[length] | number);
}

static size_t shortest_length(uint32_t number)
{
    if (number < 0x80)
        return 1;
    if (number < 0x800)
        return 2;
    return number < 0x10000 ? 3 : 4;
}

static void no_bytes_are_valid(void **state)
{
    (void)state;
    assert_true(utf8_valid(NULL, 0));
}

static void nul_is_a_character(void **state)
{
    (void)state;
    assert_true(utf8_valid((const uint8_t *)"a\0b", 3));
}

// Every number in every length that can hold it: valid exactly for scalar values in their shortest
// form. This covers overlong forms, surrogates and the upper end.
static void exactly_the_shortest_forms_of_scalar_values_are_valid(void **state)
{
    static const uint32_t limits[5] = {0, 0x80, 0x800, 0x10000, 0x200000};
    uint8_t bytes[4];

    (void)state;
    for (size_t length = 1; length <= 4; length++) {
        for (uint32_t number = 0; number < limits[length]; number++) {
            bool surrogate = number >= 0xD800 && number <= 0xDFFF;
            bool expected = number <= 0x10FFFF && !surrogate && shortest_length(number) == length;

            encode(number, length, bytes);
            if (utf8_valid(bytes, length) != expected)
                fail_msg("U+%X in %zu bytes", (unsigned)number, length);
        }
    }
}

static void bytes_that_never_occur_are_rejected_everywhere(void **state)
{
    static const uint8_t never[] = {0xC0, 0xC1, 0xF5, 0xF8, 0xFC, 0xFE, 0xFF};

    (void)state;
    for (size_t i = 0; i < sizeof never; i++) {
        for (size_t at = 0; at < 20; at++) {
            uint8_t text[24];

            memset(text, 'a', sizeof text);
            text[at] = never[i];
            memset(text + at + 1, 0x80, 3);
            assert_false(utf8_valid(text, sizeof text));
        }
    }
}

static void a_lone_continuation_is_rejected(void **state)
{
    (void)state;
    assert_false(valid("\x80"));
    assert_false(valid("abcdefgh\xBF"));
    assert_false(valid("\xC3\xA4\xA4"));
}

static void a_character_cut_off_by_the_end_is_rejected(void **state)
{
    static const char four[] = "\xF0\x9F\x98\x80";

    (void)state;
    for (size_t length = 1; length < 4; length++)
        assert_false(utf8_valid((const uint8_t *)four, length));
    assert_true(utf8_valid((const uint8_t *)four, 4));
    assert_false(valid("abcdefg\xE2\x82"));
}

static void a_character_cut_off_by_another_is_rejected(void **state)
{
    (void)state;
    assert_false(valid("\xE2\x82z"));
    assert_false(valid("\xF0\x9F\x98z"));
    assert_false(valid("\xC3\xC3\xA4"));
}

static void mixed_text_of_any_alignment_is_valid(void **state)
{
    static const char text[] =
        "plain ascii text, \xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80 and more of it";

    (void)state;
    for (size_t start = 0; start < 18; start++)
        assert_true(valid(text + start));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_bytes_are_valid),
        cmocka_unit_test(nul_is_a_character),
        cmocka_unit_test(exactly_the_shortest_forms_of_scalar_values_are_valid),
        cmocka_unit_test(bytes_that_never_occur_are_rejected_everywhere),
        cmocka_unit_test(a_lone_continuation_is_rejected),
        cmocka_unit_test(a_character_cut_off_by_the_end_is_rejected),
        cmocka_unit_test(a_character_cut_off_by_another_is_rejected),
        cmocka_unit_test(mixed_text_of_any_alignment_is_valid),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
