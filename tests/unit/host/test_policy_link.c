// SPDX-License-Identifier: Apache-2.0
#include "host/policy_link.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "host/policy_yaml.h"

static struct policy policy;
static struct policy_error failure;

static bool parse_in(const char *folder, const char *text)
{
    policy_error_clear(&failure);
    return policy_from_text_in(folder, text, strlen(text), &policy, &failure);
}

static const char *name_of(uint32_t index)
{
    return policy_text(&policy, policy.links[index].name);
}

static const char *file_of(uint32_t index)
{
    return policy_text(&policy, policy.links[index].file);
}

static void libraries_keep_their_order_and_line(void **state)
{
    static const char text[] =
        "pinfold: 1\n"
        "link:\n"
        "  - { name: math, file: math.wasm }\n"
        "  - name: wasi_snapshot_preview1\n"
        "    file: /lib/adapter.wasm\n"
        "    sha256: ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n";

    (void)state;
    assert_true(parse_in("/etc/plugins", text));
    assert_int_equal(policy.link_count, 2);
    assert_string_equal(name_of(0), "math");
    assert_string_equal(file_of(0), "/etc/plugins/math.wasm");
    assert_int_equal(policy.links[0].line, 3);
    assert_int_equal(policy.links[0].pinned, 0);
    assert_string_equal(name_of(1), "wasi_snapshot_preview1");
    assert_string_equal(file_of(1), "/lib/adapter.wasm");
    assert_int_equal(policy.links[1].pinned, 1);
    assert_int_equal(policy.links[1].sha256[0], 0xba);
    assert_int_equal(policy.links[1].sha256[31], 0xad);
    assert_int_equal(policy.pinned, 0);
}

static void a_relative_file_of_a_policy_in_memory_begins_in_the_working_directory(void **state)
{
    (void)state;
    assert_true(parse_in(NULL, "pinfold: 1\nlink: [{ name: m, file: lib/m.wasm }]\n"));
    assert_string_equal(file_of(0), "lib/m.wasm");
    assert_true(parse_in("dir", "pinfold: 1\nlink: []\n"));
    assert_int_equal(policy.link_count, 0);
}

static void what_is_no_library_is_refused_where_it_stands(void **state)
{
    static const struct {
        const char *text;
        uint32_t line, column;
        const char *part;
    } refusals[] = {
        {"pinfold: 1\nlink: math.wasm\n", 2, 7, "link: must be a list"},
        {"pinfold: 1\nlink: [math.wasm]\n", 2, 8, "link: must be a list"},
        {"pinfold: 1\nlink: [[]]\n", 2, 8, "link: must be a list"},
        {"pinfold: 1\nlink: { name: m }\n", 2, 7, "link: must be a list"},
        {"pinfold: 1\nlink: [{ name: m }]\n", 2, 8, "link[].file: missing"},
        {"pinfold: 1\nlink: [{ file: m }]\n", 2, 8, "link[].name: missing"},
        {"pinfold: 1\nlink: [{ name: a/b, file: m }]\n", 2, 16, "'a/b' is no name"},
        {"pinfold: 1\nlink: [{ name: \"\", file: m }]\n", 2, 16, "'' is no name"},
        {"pinfold: 1\nlink: [{ name: m, file: \"\" }]\n", 2, 25, "is empty"},
        {"pinfold: 1\nlink: [{ name: m, file: ~ }]\n", 2, 25, "null"},
        {"pinfold: 1\nlink: [{ name: m, file: ~/m }]\n", 2, 25, "not expanded"},
        {"pinfold: 1\nlink: [{ name: m, file: \"a\\0b\" }]\n", 2, 25, "NUL"},
        {"pinfold: 1\nlink: [{ name: m, file: m, sha256: 12 }]\n", 2, 36, "link[].sha256: '12'"},
        {"pinfold: 1\nlink: [{ name: m, path: m }]\n", 2, 19, "unknown key 'path'"},
        {"pinfold: 1\nlink:\n- { name: m, file: a }\n- { name: m, file: b }\n", 4, 3,
         "'m' is given twice"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        assert_false(parse_in(NULL, refusals[i].text));
        if (!strstr(failure.message, refusals[i].part))
            fail_msg("'%s' is not in '%s'", refusals[i].part, failure.message);
        assert_int_equal(failure.line, refusals[i].line);
        assert_int_equal(failure.column, refusals[i].column);
    }
}

static void one_library_too_many_is_refused_where_it_stands(void **state)
{
    char text[2048];
    size_t used = (size_t)sprintf(text, "pinfold: 1\nlink:\n");

    (void)state;
    for (unsigned i = 0; i < POLICY_LINKS_MAX; i++)
        used += (size_t)sprintf(text + used, "  - { name: l%u, file: m }\n", i);
    assert_true(parse_in(NULL, text));
    assert_int_equal(policy.link_count, POLICY_LINKS_MAX);
    sprintf(text + used, "  - { name: more, file: m }\n");
    assert_false(parse_in(NULL, text));
    assert_non_null(strstr(failure.message, "at most 16"));
    assert_int_equal(failure.line, 3 + POLICY_LINKS_MAX);
}

static void a_path_that_is_too_long_is_refused(void **state)
{
    static char text[POLICY_TEXT_MAX + 2];
    struct policy_link link = {.line = 0};

    (void)state;
    policy_init(&policy);
    memset(text, 'a', sizeof text - 1);
    policy_error_clear(&failure);
    assert_true(policy_link_set_file(&policy, &link, NULL, text, POLICY_TEXT_MAX, &failure));
    assert_false(policy_link_set_file(&policy, &link, NULL, text, POLICY_TEXT_MAX + 1, &failure));
    assert_non_null(strstr(failure.message, "too long"));
    policy_error_clear(&failure);
    assert_false(policy_link_set_file(&policy, &link, "x", text, POLICY_TEXT_MAX - 1, &failure));
    assert_non_null(strstr(failure.message, "too long"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(libraries_keep_their_order_and_line),
        cmocka_unit_test(a_relative_file_of_a_policy_in_memory_begins_in_the_working_directory),
        cmocka_unit_test(what_is_no_library_is_refused_where_it_stands),
        cmocka_unit_test(one_library_too_many_is_refused_where_it_stands),
        cmocka_unit_test(a_path_that_is_too_long_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
