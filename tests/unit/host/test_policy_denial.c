// SPDX-License-Identifier: Apache-2.0
#include "host/policy_denial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "host/policy_yaml.h"

static struct policy policy;

static void use(const char *text, const char *source)
{
    struct policy_error error = {.line = 0};

    assert_true(policy_from_text(text, strlen(text), &policy, &error));
    strcpy(policy.source, source);
}

static void assert_text(const struct policy_attempt *attempt, const char *wanted)
{
    char text[POLICY_DENIAL_SIZE];

    assert_string_equal(policy_denial(&policy, attempt, text, sizeof text), wanted);
}

static const struct policy_attempt import_write = {
    .what = "import host function doc.write",
    .key = POLICY_KEY_HOST_FUNCTIONS,
    .grant = "doc.write",
    .guest = "did not start",
};

static const struct policy_attempt read_clock = {
    .what = "read the clock",
    .key = POLICY_KEY_WASI_CLOCK,
    .grant = "coarse",
    .guest = "saw errno 76 (notcapable)",
};

static void a_list_that_does_not_name_it_is_cited_with_its_line(void **state)
{
    (void)state;
    use("pinfold: 1\nplugin: { name: spell }\nhost_functions:\n  - doc.read\n", "spell.yaml");
    assert_text(&import_write,
                "denied: plugin 'spell' tried to import host function doc.write: not among "
                "host_functions (spell.yaml:3); the guest did not start; to grant it, add "
                "`- doc.write` under host_functions: in spell.yaml");
}

static void the_absence_of_a_list_is_said(void **state)
{
    (void)state;
    use("pinfold: 1\n", "spell.yaml");
    assert_text(&import_write,
                "denied: the plugin tried to import host function doc.write: no host_functions "
                "(in spell.yaml); the guest did not start; to grant it, add `- doc.write` under "
                "host_functions: in spell.yaml");
}

static void a_value_that_refuses_is_cited_with_its_line(void **state)
{
    (void)state;
    use("pinfold: 1\nwasi:\n  clock: none\n", "a.yaml");
    assert_text(&read_clock,
                "denied: the plugin tried to read the clock: wasi.clock is none (a.yaml:3); the "
                "guest saw errno 76 (notcapable); to grant it, write `clock: coarse` in a.yaml:3");
}

static void a_default_that_refuses_is_called_one(void **state)
{
    (void)state;
    use("pinfold: 1\n", "a.yaml");
    assert_text(&read_clock,
                "denied: the plugin tried to read the clock: wasi.clock is none by default "
                "(nothing in a.yaml); the guest saw errno 76 (notcapable); to grant it, add "
                "`clock: coarse` under wasi: in a.yaml");
}

static void a_limit_is_shown_in_its_unit(void **state)
{
    static const struct policy_attempt attempt = {
        .what = "use 64MiB of memory",
        .key = POLICY_KEY_LIMITS_MEMORY,
        .grant = "64MiB",
        .guest = "saw memory.grow fail",
    };

    (void)state;
    use("pinfold: 1\nlimits: { memory: 32MiB }\n", "");
    assert_text(&attempt,
                "denied: the plugin tried to use 64MiB of memory: limits.memory is 32MiB (the "
                "policy, line 2); the guest saw memory.grow fail; to grant it, write "
                "`memory: 64MiB` in the policy, line 2");
}

static void variables_are_granted_as_an_entry(void **state)
{
    static const struct policy_attempt attempt = {
        .what = "read HOME",
        .key = POLICY_KEY_WASI_ENV,
        .grant = "HOME: /",
        .guest = "saw no such variable",
    };
    char text[POLICY_DENIAL_SIZE];

    (void)state;
    use("pinfold: 1\n", "a.yaml");
    assert_non_null(strstr(policy_denial(&policy, &attempt, text, sizeof text),
                           "add `HOME: /` under wasi.env: in a.yaml"));
}

static void hostile_texts_come_out_printable_and_within_bounds(void **state)
{
    static char hostile[3000];
    struct policy_attempt attempt = {hostile, POLICY_KEY_HOST_FUNCTIONS, hostile, hostile};
    char text[POLICY_DENIAL_SIZE + 1];

    (void)state;
    use("pinfold: 1\n", "a.yaml");
    for (unsigned first = 1; first < 256; first++) {
        memset(hostile, (int)first, sizeof hostile - 1);
        memset(policy.source, (int)first, sizeof policy.source - 1);
        memset(text, 'x', sizeof text);
        policy_denial(&policy, &attempt, text, POLICY_DENIAL_SIZE);
        assert_true(strlen(text) < POLICY_DENIAL_SIZE);
        for (const char *at = text; *at; at++)
            assert_true(*at >= 0x20 && *at < 0x7f);
    }
    assert_int_equal(strlen(policy_denial(&policy, &attempt, text, 10)), 9);
}

static void every_key_can_be_what_refuses(void **state)
{
    char text[POLICY_DENIAL_SIZE];

    (void)state;
    use("pinfold: 1\n", "a.yaml");
    for (unsigned i = POLICY_KEY_PINFOLD; i < POLICY_KEY_COUNT; i++) {
        struct policy_attempt attempt = {"x", (enum policy_key)i, "y", "z"};

        if (strchr(policy_key_info(attempt.key)->path, '['))
            continue; // those are parts of an entry
        assert_non_null(strstr(policy_denial(&policy, &attempt, text, sizeof text),
                               policy_key_info(attempt.key)->path));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_that_does_not_name_it_is_cited_with_its_line),
        cmocka_unit_test(the_absence_of_a_list_is_said),
        cmocka_unit_test(a_value_that_refuses_is_cited_with_its_line),
        cmocka_unit_test(a_default_that_refuses_is_called_one),
        cmocka_unit_test(a_limit_is_shown_in_its_unit),
        cmocka_unit_test(variables_are_granted_as_an_entry),
        cmocka_unit_test(hostile_texts_come_out_printable_and_within_bounds),
        cmocka_unit_test(every_key_can_be_what_refuses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
