// SPDX-License-Identifier: Apache-2.0
#include "host/policy_value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sandbox/policy.h"

static bool parses(enum policy_key key, const char *text, uint64_t *value)
{
    struct policy_error error = {.line = 0};
    bool parsed = policy_value_parse(key, text, strlen(text), value, &error);

    assert_int_equal(parsed, error.message[0] == '\0');
    return parsed;
}

static void assert_value(enum policy_key key, const char *text, uint64_t wanted)
{
    uint64_t value = 0;

    assert_true(parses(key, text, &value));
    assert_true(value == wanted);
}

static void assert_error(enum policy_key key, const char *text, const char *part)
{
    struct policy_error error = {.line = 0};
    uint64_t value;

    assert_false(policy_value_parse(key, text, strlen(text), &value, &error));
    if (strstr(error.message, part) == NULL)
        fail_msg("'%s' is not in '%s'", part, error.message);
    assert_non_null(strstr(error.message, policy_key_info(key)->path));
}

static void sizes_have_binary_units_or_none(void **state)
{
    (void)state;
    assert_value(POLICY_KEY_LIMITS_MEMORY, "65536", 65536);
    assert_value(POLICY_KEY_LIMITS_MEMORY, "64KiB", 65536);
    assert_value(POLICY_KEY_LIMITS_MEMORY, "32MiB", 32 << 20);
    assert_value(POLICY_KEY_LIMITS_MEMORY, "64GiB", UINT64_C(64) << 30);
    assert_error(POLICY_KEY_LIMITS_MEMORY, "32MB", "not of the form");
    assert_error(POLICY_KEY_LIMITS_MEMORY, "32mib", "not of the form");
    assert_error(POLICY_KEY_LIMITS_MEMORY, "32 MiB", "not of the form");
    assert_error(POLICY_KEY_LIMITS_MEMORY, "1.5GiB", "not of the form");
    assert_error(POLICY_KEY_LIMITS_MEMORY, "MiB", "not of the form");
    assert_error(POLICY_KEY_LIMITS_MEMORY, "1TiB", "not of the form");
}

static void durations_need_a_unit(void **state)
{
    (void)state;
    assert_value(POLICY_KEY_LIMITS_TIME, "200ms", 200);
    assert_value(POLICY_KEY_LIMITS_TIME, "10s", 10000);
    assert_value(POLICY_KEY_LIMITS_TIME, "2min", 120000);
    assert_value(POLICY_KEY_LIMITS_TIME, "24h", 86400000);
    assert_error(POLICY_KEY_LIMITS_TIME, "200", "not of the form");
    assert_error(POLICY_KEY_LIMITS_TIME, "200us", "not of the form");
    assert_error(POLICY_KEY_LIMITS_TIME, "10S", "not of the form");
    assert_error(POLICY_KEY_LIMITS_TIME, "25h", "from 1ms to 24h");
    assert_value(POLICY_KEY_LIMITS_CPU, "10s", 10);
    assert_error(POLICY_KEY_LIMITS_CPU, "1500ms", "not of the form");
}

static void rates_are_per_second(void **state)
{
    (void)state;
    assert_error(POLICY_KEY_HOST_FUNCTIONS_CALLS, "1000", "not of the form");
    assert_error(POLICY_KEY_HOST_FUNCTIONS_CALLS, "1000/min", "not of the form");
    assert_error(POLICY_KEY_HOST_FUNCTIONS_CALLS, "1000/s", "not supported yet");
    assert_error(POLICY_KEY_HOST_FUNCTIONS_BYTES, "4MiB/s", "not supported yet");
    assert_error(POLICY_KEY_HOST_FUNCTIONS_BYTES, "4MiB", "not of the form");
}

static void only_the_documented_form_is_a_number(void **state)
{
    static const char *const refused[] = {
        "",     "NO",       "no",  "yes",  "on",   "0777", "00",    "0x10",      "0o17",
        "0b1",  "1e9",      "-1",  "+1",   " 5",   "5 ",   "1_000", "1,000",     "1.0",
        "5.",   ".5",       "~",   "null", "none", "inf",  ".inf",  "unlimited", "max",
        "1:30", "\xd9\xa1", "5\n", "5#",   "'5'",  "5f",   "NaN",   "automatic",
    };
    uint64_t value;

    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        assert_error(POLICY_KEY_LIMITS_FUEL, refused[i], "not of the form");
        assert_false(parses(POLICY_KEY_LIMITS_MEMORY, refused[i], &value));
        assert_false(parses(POLICY_KEY_LIMITS_TIME, refused[i], &value));
    }
    struct policy_error error = {.line = 0};
    assert_false(policy_value_parse(POLICY_KEY_LIMITS_FUEL, "5\0", 2, &value, &error));
}

static void numbers_never_wrap(void **state)
{
    static const char *const refused[] = {
        "18446744073709551615",
        "18446744073709551616",
        "18446744073709551617",
        "9223372036854775808",
        "184467440737095516160",
        "99999999999999999999999999999999999999999999999999999999999999",
        "0",
    };

    (void)state;
    assert_value(POLICY_KEY_LIMITS_FUEL, "9223372036854775807", INT64_MAX);
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        assert_error(POLICY_KEY_LIMITS_FUEL, refused[i], "out of range");
    // 2^64 and 2^64 + 64 KiB by way of the unit.
    assert_error(POLICY_KEY_LIMITS_MEMORY, "17179869184GiB", "out of range");
    assert_error(POLICY_KEY_LIMITS_MEMORY, "18014398509482048KiB", "out of range");
    assert_error(POLICY_KEY_LIMITS_TIME, "5124095576030432h", "out of range");
    assert_error(POLICY_KEY_LIMITS_MEMORY, "0MiB", "out of range: from 64KiB to 64GiB");
    assert_error(POLICY_KEY_PINFOLD, "2", "it must be 1");
}

static void words_are_exact_and_the_near_one_is_named(void **state)
{
    (void)state;
    assert_value(POLICY_KEY_WASI_STDOUT, "capture", POLICY_WASI_STDOUT_CAPTURE);
    assert_error(POLICY_KEY_WASI_STDOUT, "captrue", "did you mean 'capture'?");
    assert_error(POLICY_KEY_WASI_STDOUT, "Capture", "did you mean 'capture'?");
    assert_error(POLICY_KEY_WASI_STDOUT, "true", "none, inherit, capture, log");
    assert_error(POLICY_KEY_WASI_STDOUT, "", "none of its words");
    assert_error(POLICY_KEY_WASI_CLOCK, "virtual", "not supported yet");
    assert_error(POLICY_KEY_WASI_RANDOM, "seeded", "not supported yet");
    assert_value(POLICY_KEY_WASI_STDIN, "inherit", POLICY_WASI_STDIN_INHERIT);
}

static void later_keys_are_refused(void **state)
{
    (void)state;
    assert_error(POLICY_KEY_HOST_FUNCTIONS_CALLS, "1000/s", "not supported yet");
    assert_error(POLICY_KEY_HOST_FUNCTIONS_BYTES, "4MiB/s", "not supported yet");
}

static void memories_are_as_many_as_the_engine_can_have(void **state)
{
    (void)state;
    assert_value(POLICY_KEY_LIMITS_MEMORIES, "1", 1);
    assert_value(POLICY_KEY_LIMITS_MEMORIES, "100", 100);
    assert_error(POLICY_KEY_LIMITS_MEMORIES, "101", "out of range");
    assert_error(POLICY_KEY_LIMITS_MEMORIES, "0", "out of range");
}

static void stack_low_is_an_address(void **state)
{
    (void)state;
    assert_value(POLICY_KEY_LIMITS_STACK_LOW, "1", 1);
    assert_value(POLICY_KEY_LIMITS_STACK_LOW, "68719476736", UINT64_C(64) << 30);
    assert_error(POLICY_KEY_LIMITS_STACK_LOW, "68719476737", "out of range");
    assert_error(POLICY_KEY_LIMITS_STACK_LOW, "0", "out of range");
    assert_error(POLICY_KEY_LIMITS_STACK_LOW, "4KiB", "a whole number");
}

static void open_files_are_as_many_as_a_worker_may_have(void **state)
{
    (void)state;
    assert_value(POLICY_KEY_LIMITS_OPEN_FILES, "1", 1);
    assert_value(POLICY_KEY_LIMITS_OPEN_FILES, "64", 64);
    assert_error(POLICY_KEY_LIMITS_OPEN_FILES, "65", "out of range: from 1 to 64");
    assert_error(POLICY_KEY_LIMITS_OPEN_FILES, "0", "out of range");
}

static void a_pin_is_64_hexadecimal_digits(void **state)
{
    static const char digits[] = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00A08";
    struct policy_error error = {.line = 0};
    uint8_t bytes[32];
    char wrong[65];

    (void)state;
    assert_true(policy_value_parse_sha256(POLICY_KEY_PLUGIN_SHA256, digits, 64, bytes, &error));
    assert_int_equal(bytes[0], 0x9f);
    assert_int_equal(bytes[31], 0x08);
    assert_int_equal(bytes[30], 0x0a);
    assert_false(policy_value_parse_sha256(POLICY_KEY_PLUGIN_SHA256, digits, 63, bytes, &error));
    policy_error_clear(&error);
    memcpy(wrong, digits, sizeof wrong);
    wrong[63] = 'g';
    assert_false(policy_value_parse_sha256(POLICY_KEY_PLUGIN_SHA256, wrong, 64, bytes, &error));
    assert_non_null(strstr(error.message, "plugin.sha256"));
}

static void what_is_formatted_parses_to_the_same(void **state)
{
    char text[POLICY_VALUE_SIZE];
    uint64_t value;

    (void)state;
    for (unsigned i = 0; i < POLICY_KEY_COUNT; i++) {
        enum policy_key key = (enum policy_key)i;
        const struct policy_key_info *info = policy_key_info(key);

        if (!policy_key_is_number(key) || info->type == POLICY_TYPE_WORD ||
            info->support == POLICY_SUPPORT_LATER)
            continue;
        for (uint64_t number = info->least; number <= info->most; number += info->most / 7 + 1) {
            assert_true(parses(key, policy_value_format(key, number, text), &value));
            assert_true(value == number);
        }
        assert_true(parses(key, policy_value_format(key, info->most, text), &value));
    }
    assert_string_equal(policy_value_format(POLICY_KEY_LIMITS_MEMORY, 32 << 20, text), "32MiB");
    assert_string_equal(policy_value_format(POLICY_KEY_LIMITS_TIME, 90000, text), "90s");
    assert_string_equal(policy_value_format(POLICY_KEY_LIMITS_FUEL, POLICY_NONE, text), "none");
    assert_string_equal(policy_value_format(POLICY_KEY_LIMITS_ENGINE, 0, text), "automatic");
}

static void the_distance_counts_single_changes(void **state)
{
    (void)state;
    assert_int_equal(policy_value_distance("", 0, "", 0), 0);
    assert_int_equal(policy_value_distance("abc", 3, "abc", 3), 0);
    assert_int_equal(policy_value_distance("memroy", 6, "memory", 6), 1);
    assert_int_equal(policy_value_distance("memry", 5, "memory", 6), 1);
    assert_int_equal(policy_value_distance("memoryy", 7, "memory", 6), 1);
    assert_int_equal(policy_value_distance("kitten", 6, "sitting", 7), 3);
    assert_int_equal(policy_value_distance("", 0, "abc", 3), 3);
    assert_true(policy_value_distance("a", 1, "0123456789012345678901234567890123456789", 40) > 40);
    assert_true(policy_value_is_near("memroy", 6, "memory"));
    assert_false(policy_value_is_near("cup", 3, "fuel"));
    assert_false(policy_value_is_near("x", 1, "y"));
}

static void messages_are_printable_whatever_the_value_is(void **state)
{
    struct policy_error error = {.line = 0};
    char text[512];
    uint64_t value;

    (void)state;
    memset(text, '\033', sizeof text);
    assert_false(policy_value_parse(POLICY_KEY_LIMITS_FUEL, text, sizeof text, &value, &error));
    for (const char *at = error.message; *at; at++)
        assert_true(*at >= 0x20 && *at < 0x7f);
    assert_non_null(strstr(error.message, "...'"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_have_binary_units_or_none),
        cmocka_unit_test(durations_need_a_unit),
        cmocka_unit_test(rates_are_per_second),
        cmocka_unit_test(only_the_documented_form_is_a_number),
        cmocka_unit_test(numbers_never_wrap),
        cmocka_unit_test(words_are_exact_and_the_near_one_is_named),
        cmocka_unit_test(later_keys_are_refused),
        cmocka_unit_test(memories_are_as_many_as_the_engine_can_have),
        cmocka_unit_test(stack_low_is_an_address),
        cmocka_unit_test(open_files_are_as_many_as_a_worker_may_have),
        cmocka_unit_test(a_pin_is_64_hexadecimal_digits),
        cmocka_unit_test(what_is_formatted_parses_to_the_same),
        cmocka_unit_test(the_distance_counts_single_changes),
        cmocka_unit_test(messages_are_printable_whatever_the_value_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
