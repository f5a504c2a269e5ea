// SPDX-License-Identifier: Apache-2.0
#include "host/policy_setting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct policy policy;
static struct policy_error failure;

static int begin(void **state)
{
    (void)state;
    policy_init(&policy);
    policy_error_clear(&failure);
    return 0;
}

static bool set(const char *key, const char *value)
{
    return policy_set(&policy, key, value, &failure);
}

static void assert_refused(const char *key, const char *value, const char *part)
{
    policy_error_clear(&failure);
    assert_false(set(key, value));
    if (strstr(failure.message, part) == NULL)
        fail_msg("'%s' is not in '%s'", part, failure.message);
}

static void numbers_and_words_replace_what_a_file_said(void **state)
{
    (void)state;
    policy.lines[POLICY_KEY_LIMITS_TIME] = 3;
    assert_true(set("limits.time", "500ms"));
    assert_true(set("limits.memory", "64MiB"));
    assert_true(set("wasi.stdout", "inherit"));
    assert_true(set("wasi.stdin", "inherit"));
    assert_true(set("limits.open_files", "64"));
    assert_true(policy.limits.time_ms == 500);
    assert_true(policy.limits.memory_bytes == 64 << 20);
    assert_true(policy.wasi_stdout == POLICY_WASI_STDOUT_INHERIT);
    assert_true(policy.wasi_stdin == POLICY_WASI_STDIN_INHERIT);
    assert_true(policy.limits.open_files == 64);
    assert_int_equal(policy.lines[POLICY_KEY_LIMITS_TIME], 0);
}

static void arguments_variables_and_functions_are_added(void **state)
{
    (void)state;
    assert_true(set("wasi.args", "--fast"));
    assert_true(set("wasi.args", ""));
    assert_true(set("wasi.env", "LANG=de=DE"));
    assert_true(set("host_functions", "app.log"));
    assert_true(set("host_functions", "app.log"));
    assert_int_equal(policy.argument_count, 2);
    assert_string_equal(policy_text(&policy, policy.arguments[0]), "--fast");
    assert_int_equal(policy.variable_count, 1);
    assert_string_equal(policy_text(&policy, policy.variables[0].name), "LANG");
    assert_string_equal(policy_text(&policy, policy.variables[0].value), "de=DE");
    assert_int_equal(policy.function_count, 1);
    assert_true(policy.functions[0].calls_per_second == POLICY_NONE);
}

static void directories_are_added(void **state)
{
    (void)state;
    assert_true(set("wasi.dirs", "/usr::/u"));
    assert_true(set("wasi.dirs", "/usr/../usr::.:read"));
    assert_int_equal(policy.dir_count, 2);
    assert_string_equal(policy_text(&policy, policy.dirs[1].host), "/usr");
    assert_string_equal(policy_text(&policy, policy.dirs[1].guest), ".");
    assert_int_equal(policy.dirs[1].line, 0);
    assert_refused("wasi.dirs", ".", "HOST::GUEST");
}

static void libraries_are_added_in_their_order(void **state)
{
    (void)state;
    assert_true(set("link", "env=./env.wasm") && set("link", "libmath.so=/lib/a=b.wasm"));
    assert_int_equal(policy.link_count, 2);
    assert_string_equal(policy_text(&policy, policy.links[0].name), "env");
    assert_string_equal(policy_text(&policy, policy.links[0].file), "./env.wasm");
    assert_string_equal(policy_text(&policy, policy.links[1].file), "/lib/a=b.wasm");
    assert_int_equal(policy.links[1].line, 0);
    assert_refused("link", "env.wasm", "NAME=FILE");
    assert_refused("link", "=env.wasm", "NAME=FILE");
    assert_refused("link", "env=", "NAME=FILE");
    assert_refused("link", "a/b=env.wasm", "'a/b' is no name of a library");
    assert_refused("link", "home=~/env.wasm", "not expanded");
    assert_refused("link", "env=again.wasm", "'env' is given twice");
    assert_refused("link[].name", "env", "policy file");
}

static void a_variable_that_is_there_gets_the_new_value(void **state)
{
    (void)state;
    assert_true(set("wasi.env", "LANG=de") && set("wasi.env", "LANG=en"));
    assert_int_equal(policy.variable_count, 1);
    assert_string_equal(policy_text(&policy, policy.variables[0].value), "en");
}

static void what_is_set_passes_the_check_of_the_worker(void **state)
{
    struct error error = {.code = ERROR_NONE};

    (void)state;
    assert_true(set("wasi.args", "a") && set("wasi.env", "A=") && set("limits.fuel", "7") &&
                set("host_functions", "app.log") && set("wasi.dirs", "/usr::/u:write"));
    assert_true(policy_check(&policy, &error));
}

static void what_has_not_the_form_of_the_file_is_refused(void **state)
{
    (void)state;
    assert_refused("limits.time", "500", "limits.time");
    assert_refused("limits.time", "none", "limits.time");
    assert_refused("limits.memory", "-1", "limits.memory");
    assert_refused("limits.memory", "99999999GiB", "out of range");
    assert_refused("wasi.clock", "fast", "none, coarse, real");
    assert_refused("wasi.env", "LANG", "NAME=VALUE");
    assert_refused("wasi.env", "=x", "NAME=VALUE");
    assert_refused("wasi.env", "A B=x", "NAME=VALUE");
    assert_refused("wasi.args", "\xff", "UTF-8");
    assert_refused("host_functions", "app.*", "module.name");
}

static void keys_that_are_unknown_unsupported_or_only_for_files_are_refused(void **state)
{
    (void)state;
    assert_refused("limits.tme", "1s", "unknown key");
    assert_refused("", "1s", "unknown key");
    assert_refused(NULL, "1s", "unknown key");
    assert_refused("limits.time", NULL, "no value");
    assert_refused("wasi.clock", "virtual", "not supported yet");
    assert_refused("wasi.dirs[].host", "/usr", "only be given in a policy file");
    assert_refused("wasi.dirs[].access", "read", "only be given in a policy file");
    assert_refused("limits", "1", "only be given in a policy file");
    assert_refused("plugin.sha256", "00", "only be given in a policy file");
    assert_refused("host_functions[].name", "app.log", "only be given in a policy file");
}

static void too_many_are_refused(void **state)
{
    (void)state;
    for (unsigned i = 0; i < POLICY_ARGUMENTS_MAX; i++)
        assert_true(set("wasi.args", "x"));
    assert_refused("wasi.args", "x", "too many");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(numbers_and_words_replace_what_a_file_said, begin),
        cmocka_unit_test_setup(arguments_variables_and_functions_are_added, begin),
        cmocka_unit_test_setup(directories_are_added, begin),
        cmocka_unit_test_setup(libraries_are_added_in_their_order, begin),
        cmocka_unit_test_setup(a_variable_that_is_there_gets_the_new_value, begin),
        cmocka_unit_test_setup(what_is_set_passes_the_check_of_the_worker, begin),
        cmocka_unit_test_setup(what_has_not_the_form_of_the_file_is_refused, begin),
        cmocka_unit_test_setup(keys_that_are_unknown_unsupported_or_only_for_files_are_refused,
                               begin),
        cmocka_unit_test_setup(too_many_are_refused, begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
