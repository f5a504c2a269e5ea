// SPDX-License-Identifier: Apache-2.0
#include "sandbox/policy_key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define FOR_KEYS(key_) for (enum policy_key key_ = POLICY_KEY_ROOT; key_ < POLICY_KEY_COUNT; key_++)

static void no_two_keys_share_a_path(void **state)
{
    (void)state;
    FOR_KEYS(left)
    for (unsigned right = left + 1; right < POLICY_KEY_COUNT; right++)
        assert_string_not_equal(policy_key_info(left)->path,
                                policy_key_info((enum policy_key)right)->path);
}

static void a_key_is_found_under_its_parent_and_nowhere_else(void **state)
{
    (void)state;
    for (unsigned i = POLICY_KEY_ROOT + 1; i < POLICY_KEY_COUNT; i++) {
        enum policy_key key = (enum policy_key)i;
        const char *name = policy_key_name(key);
        enum policy_key parent = policy_key_parent(key);

        assert_int_equal(policy_key_find(parent, name, strlen(name)), key);
        FOR_KEYS(other)
        if (other != parent)
            assert_int_not_equal(policy_key_find(other, name, strlen(name)), key);
    }
    assert_int_equal(policy_key_parent(POLICY_KEY_PINFOLD), POLICY_KEY_ROOT);
    assert_int_equal(policy_key_parent(POLICY_KEY_LIMITS_TIME), POLICY_KEY_LIMITS);
    assert_int_equal(policy_key_parent(POLICY_KEY_WASI_DIRS_HOST), POLICY_KEY_WASI_DIRS);
    assert_int_equal(policy_key_parent(POLICY_KEY_ROOT), POLICY_KEY_ROOT);
}

static void only_exact_names_are_found(void **state)
{
    (void)state;
    assert_int_equal(policy_key_find(POLICY_KEY_LIMITS, "memor", 5), POLICY_KEY_COUNT);
    assert_int_equal(policy_key_find(POLICY_KEY_LIMITS, "memoryx", 7), POLICY_KEY_COUNT);
    assert_int_equal(policy_key_find(POLICY_KEY_LIMITS, "Memory", 6), POLICY_KEY_COUNT);
    assert_int_equal(policy_key_find(POLICY_KEY_LIMITS, "limits.memory", 13), POLICY_KEY_COUNT);
    assert_int_equal(policy_key_find(POLICY_KEY_LIMITS, "memory\0", 7), POLICY_KEY_COUNT);
    assert_int_equal(policy_key_find(POLICY_KEY_ROOT, "", 0), POLICY_KEY_COUNT);
    assert_int_equal(policy_key_find(POLICY_KEY_ROOT, "memory", 6), POLICY_KEY_COUNT);
}

static void every_default_is_allowed_and_supported(void **state)
{
    (void)state;
    FOR_KEYS(key)
    {
        const struct policy_key_info *info = policy_key_info(key);

        if (!policy_key_is_number(key))
            continue;
        assert_true(policy_key_allows(key, info->default_value));
        if (policy_key_parent(key) != POLICY_KEY_WASI_DIRS)
            assert_true(policy_key_supports(key, info->default_value));
    }
}

static void every_limit_but_fuel_cpu_and_stack_low_is_finite_by_default(void **state)
{
    (void)state;
    FOR_KEYS(key)
    if (policy_key_parent(key) == POLICY_KEY_LIMITS)
        assert_int_equal(policy_key_info(key)->default_value == POLICY_NONE,
                         key == POLICY_KEY_LIMITS_FUEL || key == POLICY_KEY_LIMITS_CPU ||
                             key == POLICY_KEY_LIMITS_STACK_LOW);
}

static void wasi_grants_nothing_by_default(void **state)
{
    (void)state;
    FOR_KEYS(key)
    if (policy_key_parent(key) == POLICY_KEY_WASI && policy_key_is_number(key))
        assert_string_equal(policy_choice_info(policy_key_info(key)->default_value)->word, "none");
}

static void no_bounds_allow_zero_or_what_is_next_to_them(void **state)
{
    (void)state;
    FOR_KEYS(key)
    {
        const struct policy_key_info *info = policy_key_info(key);

        if (!policy_key_is_number(key) || info->type == POLICY_TYPE_WORD)
            continue;
        assert_true(info->least > 0 && info->least <= info->most);
        assert_true(policy_key_allows(key, info->least));
        assert_true(policy_key_allows(key, info->most));
        assert_false(policy_key_allows(key, info->most + 1));
        assert_int_equal(policy_key_allows(key, 0), info->absence == POLICY_ABSENCE_AUTOMATIC);
        assert_int_equal(policy_key_allows(key, POLICY_NONE), info->absence == POLICY_ABSENCE_NONE);
        if (info->least > 1)
            assert_false(policy_key_allows(key, info->least - 1));
    }
}

static void a_word_is_allowed_at_its_own_key_only(void **state)
{
    (void)state;
    FOR_KEYS(key)
    {
        if (policy_key_info(key)->type != POLICY_TYPE_WORD)
            continue;
        for (uint64_t i = 0; i < POLICY_CHOICE_COUNT + 3; i++) {
            const struct policy_choice_info *choice = policy_choice_info(i);

            assert_int_equal(policy_key_allows(key, i), choice && choice->key == key);
        }
        assert_false(policy_key_allows(key, POLICY_NONE));
    }
}

static void numbers_are_written_and_read_where_the_table_says(void **state)
{
    uint64_t holder[1 << 12] = {0}; // larger than what the fields of numbers span

    (void)state;
    policy_key_write(POLICY_KEY_PINFOLD, holder, 7);
    assert_int_equal(policy_key_read(POLICY_KEY_PINFOLD, holder), 7);
    assert_int_equal(holder[policy_key_info(POLICY_KEY_PINFOLD)->offset / 8], 7);
}

static void every_key_says_what_it_means_and_what_enforces_it(void **state)
{
    (void)state;
    FOR_KEYS(key)
    {
        assert_true(strlen(policy_key_info(key)->meaning) > 0);
        assert_int_equal(strlen(policy_key_info(key)->enforcer) > 0,
                         policy_key_info(key)->type != POLICY_TYPE_SECTION);
        assert_null(strchr(policy_key_info(key)->meaning, '|'));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_two_keys_share_a_path),
        cmocka_unit_test(a_key_is_found_under_its_parent_and_nowhere_else),
        cmocka_unit_test(only_exact_names_are_found),
        cmocka_unit_test(every_default_is_allowed_and_supported),
        cmocka_unit_test(every_limit_but_fuel_cpu_and_stack_low_is_finite_by_default),
        cmocka_unit_test(wasi_grants_nothing_by_default),
        cmocka_unit_test(no_bounds_allow_zero_or_what_is_next_to_them),
        cmocka_unit_test(a_word_is_allowed_at_its_own_key_only),
        cmocka_unit_test(numbers_are_written_and_read_where_the_table_says),
        cmocka_unit_test(every_key_says_what_it_means_and_what_enforces_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
