// SPDX-License-Identifier: Apache-2.0
#include "sandbox/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// Large: not on the stack.
static struct policy policy;
static struct policy other;

static int start_with_the_default(void **state)
{
    (void)state;
    policy_init(&policy);
    return 0;
}

static struct policy_string add(const char *text)
{
    struct error error = {.code = ERROR_NONE};
    struct policy_string string;

    assert_true(policy_add_text(&policy, text, strlen(text), &string, &error));
    return string;
}

static bool add_function(const char *name, struct error *error)
{
    struct policy_function function = {
        .name = add(name), .calls_per_second = POLICY_NONE, .bytes_per_second = POLICY_NONE};

    return policy_add_function(&policy, &function, error);
}

static void assert_refused(const char *path)
{
    struct error error = {.code = ERROR_NONE};

    assert_false(policy_check(&policy, &error));
    assert_int_equal(error.code, ERROR_USAGE_ARGUMENT);
    assert_non_null(strstr(error.message, path));
}

static void assert_accepted(void)
{
    struct error error = {.code = ERROR_NONE};

    assert_true(policy_check(&policy, &error));
    assert_int_equal(error.code, ERROR_NONE);
}

static void the_default_is_valid_and_grants_nothing(void **state)
{
    (void)state;
    assert_accepted();
    assert_int_equal(policy.argument_count, 0);
    assert_int_equal(policy.variable_count, 0);
    assert_int_equal(policy.function_count, 0);
    assert_int_equal(policy.dir_count, 0);
    assert_int_equal(policy.wasi_stdin, POLICY_WASI_STDIN_NONE);
    assert_int_equal(policy.wasi_stdout, POLICY_WASI_STDOUT_NONE);
    assert_int_equal(policy.wasi_clock, POLICY_WASI_CLOCK_NONE);
    assert_int_equal(policy.wasi_random, POLICY_WASI_RANDOM_NONE);
    assert_int_equal(policy.limits.memory_bytes, 256 << 20);
    assert_int_equal(policy.limits.time_ms, 10000);
    assert_true(policy.limits.fuel == POLICY_NONE);
    assert_true(policy.limits.cpu_seconds == POLICY_NONE);
    assert_string_equal(policy_text(&policy, policy.name), "");
}

static void bytes_of_zero_are_no_policy(void **state)
{
    (void)state;
    memset(&policy, 0, sizeof policy);
    assert_refused("policy");
}

static void every_number_out_of_bounds_is_refused_by_its_path(void **state)
{
    (void)state;
    for (unsigned i = 0; i < POLICY_KEY_COUNT; i++) {
        enum policy_key key = (enum policy_key)i;
        const struct policy_key_info *info = policy_key_info(key);

        if (!policy_key_is_number(key) || strchr(info->path, '['))
            continue;
        policy_init(&policy);
        policy_key_write(key, &policy, info->type == POLICY_TYPE_WORD ? 999 : info->most + 1);
        assert_refused(info->path);
    }
}

static void what_is_not_supported_yet_is_refused(void **state)
{
    (void)state;
    policy.wasi_clock = POLICY_WASI_CLOCK_VIRTUAL;
    assert_refused("wasi.clock");
}

static void a_choice_of_another_key_is_refused(void **state)
{
    (void)state;
    policy.wasi_clock = POLICY_WASI_RANDOM_REAL;
    assert_refused("wasi.clock");
}

static void counts_beyond_the_arrays_are_refused(void **state)
{
    (void)state;
    policy.argument_count = POLICY_ARGUMENTS_MAX + 1;
    assert_refused("wasi.args");
    policy_init(&policy);
    policy.variable_count = UINT32_MAX;
    assert_refused("wasi.env");
    policy_init(&policy);
    policy.function_count = POLICY_FUNCTIONS_MAX + 1;
    assert_refused("host_functions");
    policy_init(&policy);
    policy.dir_count = POLICY_DIRS_MAX + 1;
    assert_refused("wasi.dirs");
}

static void a_pool_that_does_not_fit_is_refused(void **state)
{
    (void)state;
    policy.pool_used = POLICY_POOL_SIZE + 1;
    assert_refused("pool");
    policy.pool_used = 0;
    assert_refused("pool");
    policy.pool_used = 1;
    policy.pool[0] = 'x';
    assert_refused("pool");
}

static void texts_outside_the_pool_are_refused(void **state)
{
    static const struct policy_string strings[] = {
        {0, 1}, {1, 0}, {0, UINT32_MAX}, {UINT32_MAX, 0}, {UINT32_MAX, UINT32_MAX}, {0, 5000},
    };

    (void)state;
    policy.argument_count = 1;
    for (size_t i = 0; i < sizeof strings / sizeof strings[0]; i++) {
        policy.arguments[0] = strings[i];
        assert_refused("wasi.args");
    }
}

static void texts_must_be_closed_by_their_nul_and_be_utf_8(void **state)
{
    (void)state;
    policy.arguments[0] = add("text");
    policy.argument_count = 1;
    assert_accepted();
    policy.arguments[0].length = 3;
    assert_refused("wasi.args");
    policy.arguments[0].length = 4;
    policy.pool[2] = '\0';
    assert_refused("wasi.args");
    policy.pool[2] = '\xff';
    assert_refused("wasi.args");
}

static void names_of_the_wrong_form_are_refused(void **state)
{
    (void)state;
    policy.name = add("spell check");
    assert_refused("plugin.name");
    policy_init(&policy);
    policy.variables[0] = (struct policy_variable){add("A=B"), add(""), 0};
    policy.variable_count = 1;
    assert_refused("wasi.env");
    policy_init(&policy);
    policy.functions[0] = (struct policy_function){.name = add("app.*")};
    policy.function_count = 1;
    assert_refused("host_functions[].name");
    policy.functions[0].name = add("app.log"); // the rates are 0
    assert_refused("host_functions[].calls");
}

static void directories_of_the_wrong_form_are_refused(void **state)
{
    const struct policy_dir good = {
        .host = add("/srv/data"),
        .guest = add("/data"),
        .access = POLICY_WASI_DIRS_ACCESS_WRITE,
        .links = POLICY_WASI_DIRS_LINKS_NONE,
    };

    (void)state;
    policy.dir_count = 1;
    policy.dirs[0] = good;
    assert_accepted();
    policy.dirs[0].access = POLICY_WASI_DIRS_LINKS_NONE;
    assert_refused("wasi.dirs[].access");
    policy.dirs[0] = good;
    policy.dirs[0].links = 0;
    assert_refused("wasi.dirs[].links");
    policy.dirs[0] = good;
    policy.dirs[0].guest = add("data");
    assert_refused("wasi.dirs[].guest");
    policy.dirs[0] = good;
    policy.dirs[0].host.length = UINT32_MAX;
    assert_refused("wasi.dirs[].host");
}

static void a_file_name_without_an_end_and_a_strange_pin_are_refused(void **state)
{
    (void)state;
    memset(policy.source, 'x', sizeof policy.source);
    assert_refused("file name");
    policy_init(&policy);
    policy.pinned = 2;
    assert_refused("plugin.sha256");
}

static void texts_are_kept_and_the_empty_one_costs_nothing(void **state)
{
    uint32_t used = policy.pool_used;

    (void)state;
    assert_string_equal(policy_text(&policy, add("")), "");
    assert_int_equal(policy.pool_used, used);
    struct policy_string string = add("gr\xc3\xbc\xc3\x9f");
    assert_string_equal(policy_text(&policy, string), "gr\xc3\xbc\xc3\x9f");
    assert_int_equal(string.length, 6);
    assert_accepted();
}

static void texts_that_are_too_long_have_a_nul_or_no_utf_8_are_not_added(void **state)
{
    static const char zeroes[POLICY_TEXT_MAX + 1];
    char longest[POLICY_TEXT_MAX + 1];
    struct policy_string string;
    struct error error = {.code = ERROR_NONE};

    (void)state;
    memset(longest, 'x', sizeof longest);
    assert_true(policy_add_text(&policy, longest, POLICY_TEXT_MAX, &string, &error));
    assert_false(policy_add_text(&policy, longest, POLICY_TEXT_MAX + 1, &string, &error));
    assert_int_equal(error.code, ERROR_USAGE_ARGUMENT);
    error_clear(&error);
    assert_false(policy_add_text(&policy, zeroes, 1, &string, &error));
    assert_int_equal(error.code, ERROR_USAGE_ARGUMENT);
    error_clear(&error);
    assert_false(policy_add_text(&policy, "\xc0\x80", 2, &string, &error));
    assert_int_equal(error.code, ERROR_USAGE_ARGUMENT);
    assert_accepted();
}

static void a_full_pool_is_an_error_and_leaves_a_valid_policy(void **state)
{
    char text[1024];
    struct error error = {.code = ERROR_NONE};
    uint32_t count = 0;

    (void)state;
    memset(text, 'x', sizeof text);
    while (policy_add_argument(&policy, text, sizeof text, &error))
        count++;
    assert_int_equal(count, (POLICY_POOL_SIZE - 1) / (sizeof text + 1));
    assert_int_equal(error.code, ERROR_LIMIT_COUNT);
    assert_int_equal(policy.argument_count, count);
    assert_accepted();
}

static void one_item_too_many_is_an_error(void **state)
{
    struct error error = {.code = ERROR_NONE};
    char name[32];

    (void)state;
    for (unsigned i = 0; i < POLICY_ARGUMENTS_MAX; i++)
        assert_true(policy_add_argument(&policy, "a", 1, &error));
    assert_false(policy_add_argument(&policy, "a", 1, &error));
    assert_int_equal(error.code, ERROR_LIMIT_COUNT);
    error_clear(&error);
    for (unsigned i = 0; i < POLICY_VARIABLES_MAX; i++) {
        snprintf(name, sizeof name, "V%u", i);
        assert_true(policy_add_variable(&policy, add(name), add("x"), i, &error));
    }
    assert_false(policy_add_variable(&policy, add("MORE"), add("x"), 0, &error));
    assert_int_equal(error.code, ERROR_LIMIT_COUNT);
    error_clear(&error);
    for (unsigned i = 0; i < POLICY_FUNCTIONS_MAX; i++) {
        snprintf(name, sizeof name, "app.f%u", i);
        assert_true(add_function(name, &error));
    }
    assert_false(add_function("app.more", &error));
    assert_int_equal(error.code, ERROR_LIMIT_COUNT);
    assert_accepted();
}

static void a_name_is_given_only_once(void **state)
{
    struct error error = {.code = ERROR_NONE};

    (void)state;
    assert_true(add_function("app.log", &error));
    assert_true(add_function("app.Log", &error));
    assert_false(add_function("app.log", &error));
    assert_int_equal(error.code, ERROR_USAGE_ARGUMENT);
    error_clear(&error);
    assert_true(policy_add_variable(&policy, add("A"), add("1"), 0, &error));
    assert_false(policy_add_variable(&policy, add("A"), add("2"), 0, &error));
    assert_int_equal(error.code, ERROR_USAGE_ARGUMENT);
}

static void functions_and_variables_are_found_by_the_exact_name(void **state)
{
    struct error error = {.code = ERROR_NONE};

    (void)state;
    assert_true(add_function("app.log", &error));
    assert_true(add_function("app.logs", &error));
    assert_int_equal(policy_find_function(&policy, "app.logs", 8), 1);
    assert_int_equal(policy_find_function(&policy, "app.log", 7), 0);
    assert_int_equal(policy_find_function(&policy, "app.lo", 6), POLICY_NOT_FOUND);
    assert_int_equal(policy_find_function(&policy, "APP.log", 7), POLICY_NOT_FOUND);
    assert_int_equal(policy_find_function(&policy, "app.log\0", 8), POLICY_NOT_FOUND);
    assert_int_equal(policy_find_function(&policy, "", 0), POLICY_NOT_FOUND);
    assert_int_equal(policy_find_variable(&policy, "A", 1), POLICY_NOT_FOUND);
}

static void only_plain_names_are_names_of_host_functions(void **state)
{
    static const char *const good[] = {"app.log", "env.console.log", "a.b", "_x-1.$f", "1.2"};
    static const char *const bad[] = {
        "",        "log",     ".log",           "app.",      "app.*",   "*.*",     "*",
        "app log", "app.l g", "\xd0\xb0pp.log", "app.log\n", "app:x.y", "app/x.y", "app.log(",
    };
    char longest[200];

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(policy_is_function_name(good[i], strlen(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(policy_is_function_name(bad[i], strlen(bad[i])));
    assert_false(policy_is_function_name("app.l\0g", 7));
    memset(longest, 'x', sizeof longest);
    longest[3] = '.';
    assert_true(policy_is_function_name(longest, 128));
    assert_false(policy_is_function_name(longest, 129));
}

static void names_of_plugins_and_variables_have_their_forms(void **state)
{
    (void)state;
    assert_true(policy_is_plugin_name("spell-check_2.0", 15));
    assert_false(policy_is_plugin_name("", 0));
    assert_false(policy_is_plugin_name(".hidden", 7));
    assert_false(policy_is_plugin_name("-rf", 3));
    assert_false(policy_is_plugin_name("a/b", 3));
    assert_false(policy_is_plugin_name("a\033[31m", 6));
    assert_true(policy_is_variable_name("_LANG2", 6));
    assert_false(policy_is_variable_name("2LANG", 5));
    assert_false(policy_is_variable_name("LANG=", 5));
    assert_false(policy_is_variable_name("", 0));
}

static void paths_of_directories_are_normal_for_the_plugin(void **state)
{
    static const char *const good[] = {"/", ".", "/a", "/a/b", "/...", "/.a", "/a..", "/a b/:"};
    static const char *const bad[] = {
        "",   "a",   "./a",  "..",    "~",    "//",    "/a/",    "/a//b",
        "/.", "/..", "/a/.", "/a/..", "/./a", "/../a", "/a/./b", "a/",
    };
    char longest[POLICY_TEXT_MAX + 1];

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(policy_is_guest_path(good[i], strlen(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(policy_is_guest_path(bad[i], strlen(bad[i])));
    memset(longest, 'x', sizeof longest);
    longest[0] = '/';
    assert_true(policy_is_guest_path(longest, POLICY_TEXT_MAX));
    assert_false(policy_is_guest_path(longest, POLICY_TEXT_MAX + 1));
}

static void directories_are_found_by_the_plugins_name_and_given_once(void **state)
{
    struct error error = {.code = ERROR_NONE};
    struct policy_dir dir = {
        .host = add("/srv"),
        .access = POLICY_WASI_DIRS_ACCESS_READ,
        .links = POLICY_WASI_DIRS_LINKS_FOLLOW,
    };
    char name[16];

    (void)state;
    for (unsigned i = 0; i < POLICY_DIRS_MAX; i++) {
        snprintf(name, sizeof name, "/%u", i);
        dir.guest = add(name);
        if (i == 1)
            assert_true(policy_find_dir(&policy, "/1", 2) == POLICY_NOT_FOUND);
        assert_true(policy_add_dir(&policy, &dir, &error));
    }
    assert_int_equal(policy_find_dir(&policy, "/1", 2), 1);
    assert_int_equal(policy_find_dir(&policy, "/srv", 4), POLICY_NOT_FOUND);
    assert_accepted();
    dir.guest = add("/more");
    assert_false(policy_add_dir(&policy, &dir, &error));
    assert_int_equal(error.code, ERROR_LIMIT_COUNT);
    policy.dir_count--;
    error = (struct error){.code = ERROR_NONE};
    dir.guest = add("/1");
    assert_false(policy_add_dir(&policy, &dir, &error));
    assert_non_null(strstr(error.message, "given twice"));
    error = (struct error){.code = ERROR_NONE};
    dir.guest = add("more");
    assert_false(policy_add_dir(&policy, &dir, &error));
    assert_non_null(strstr(error.message, "no such path"));
}

static void libraries_have_a_name_each(void **state)
{
    struct error error = {.code = ERROR_NONE};
    struct policy_link link = {.file = add("/lib/env.wasm")};
    char name[16];

    (void)state;
    assert_true(policy_is_library_name("libmath.so", 10) && policy_is_library_name("_", 1));
    assert_false(policy_is_library_name("", 0) || policy_is_library_name("a/b", 3) ||
                 policy_is_library_name("a b", 3) || policy_is_library_name("a\0b", 3));
    for (unsigned i = 0; i < POLICY_LINKS_MAX; i++) {
        snprintf(name, sizeof name, "lib%u", i);
        link.name = add(name);
        assert_true(policy_add_link(&policy, &link, &error));
    }
    assert_int_equal(policy_find_link(&policy, "lib1", 4), 1);
    assert_int_equal(policy_find_link(&policy, "lib", 3), POLICY_NOT_FOUND);
    assert_accepted();
    link.name = add("more");
    assert_false(policy_add_link(&policy, &link, &error));
    assert_int_equal(error.code, ERROR_LIMIT_COUNT);
    policy.link_count--;
    error = (struct error){.code = ERROR_NONE};
    link.name = add("lib1");
    assert_false(policy_add_link(&policy, &link, &error));
    assert_non_null(strstr(error.message, "given twice"));
    error = (struct error){.code = ERROR_NONE};
    link.name = add("a/b");
    assert_false(policy_add_link(&policy, &link, &error));
    assert_non_null(strstr(error.message, "no name of a library"));
}

static void libraries_of_another_form_are_refused(void **state)
{
    const struct policy_link good = {.name = add("env"), .file = add("env.wasm"), .pinned = 1};

    (void)state;
    policy.link_count = POLICY_LINKS_MAX + 1;
    assert_refused("link");
    policy.link_count = 1;
    policy.links[0] = good;
    assert_accepted();
    policy.links[0].pinned = 2;
    assert_refused("link[].sha256");
    policy.links[0] = good;
    policy.links[0].name = add("e:v");
    assert_refused("link[].name");
    policy.links[0] = good;
    policy.links[0].file.offset = UINT32_MAX;
    assert_refused("link[].file");
}

static void the_workers_copy_has_no_canary_of_the_host_in_it(void **state)
{
    static const char canary[] = "CANARY";
    struct error error = {.code = ERROR_NONE};

    (void)state;
    strcpy(policy.source, "/home/CANARY/policy.yaml");
    add("CANARY");
    policy.pinned = 1;
    memset(policy.sha256, 0xaa, sizeof policy.sha256);
    policy.lines[POLICY_KEY_WASI] = 77;
    policy.name = add("spell");
    assert_true(policy_add_argument(&policy, "one", 3, &error));
    assert_true(policy_add_variable(&policy, add("A"), add("value"), 5, &error));
    assert_true(add_function("app.log", &error));
    policy.functions[0].line = 9;
    policy.limits.fuel = 12;
    policy.dir_count = 1;
    policy.dirs[0] = (struct policy_dir){
        .host = add("/home/CANARY/data"),
        .guest = add("/data"),
        .line = 3,
        .column = 7,
        .access = POLICY_WASI_DIRS_ACCESS_WRITE,
        .links = POLICY_WASI_DIRS_LINKS_NONE,
    };

    policy.link_count = 1;
    policy.links[0] = (struct policy_link){
        .name = add("CANARY"), .file = add("/home/CANARY/x.wasm"), .line = 9, .pinned = 1};

    assert_true(policy_for_worker(&policy, &other, &error));
    assert_int_equal(other.link_count, 0);
    assert_int_equal(other.links[0].pinned, 0);
    assert_null(memmem(&other, sizeof other, canary, sizeof canary - 1));
    assert_true(policy_check(&other, &error));
    assert_int_equal(other.pinned, 0);
    assert_int_equal(other.sha256[0], 0);
    assert_int_equal(other.lines[POLICY_KEY_WASI], 0);
    assert_int_equal(other.functions[0].line, 0);
    assert_int_equal(other.variables[0].line, 0);
    assert_int_equal(other.limits.fuel, 12);
    assert_int_equal(other.dir_count, 1);
    assert_int_equal(other.dirs[0].host.length, 0);
    assert_int_equal(other.dirs[0].line, 0);
    assert_int_equal(other.dirs[0].column, 0);
    assert_int_equal(other.dirs[0].access, POLICY_WASI_DIRS_ACCESS_WRITE);
    assert_int_equal(other.dirs[0].links, POLICY_WASI_DIRS_LINKS_NONE);
    assert_string_equal(policy_text(&other, other.dirs[0].guest), "/data");
    assert_string_equal(policy_text(&other, other.name), "spell");
    assert_string_equal(policy_text(&other, other.arguments[0]), "one");
    assert_string_equal(policy_text(&other, other.variables[0].value), "value");
    assert_int_equal(policy_find_function(&other, "app.log", 7), 0);
}

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static void random_bytes_are_never_a_policy(void **state)
{
    uint64_t seed = 0x9e3779b97f4a7c15;

    (void)state;
    for (unsigned round = 0; round < 50; round++) {
        struct error error = {.code = ERROR_NONE};

        for (size_t at = 0; at + 8 <= sizeof policy; at += 8) {
            uint64_t word = next_random(&seed);

            memcpy((char *)&policy + at, &word, 8);
        }
        assert_false(policy_check(&policy, &error));
    }
}

static void a_policy_with_changed_bytes_is_refused_or_safe_to_use(void **state)
{
    uint64_t seed = 0x2545f4914f6cdd1d;
    struct error error = {.code = ERROR_NONE};

    (void)state;
    assert_true(add_function("app.log", &error));
    assert_true(policy_add_argument(&policy, "argument", 8, &error));
    assert_true(policy_add_variable(&policy, add("NAME"), add("value"), 0, &error));
    other = policy;
    for (unsigned round = 0; round < 20000; round++) {
        // The parts that matter; most of the pool is empty.
        size_t at = (size_t)(next_random(&seed) % offsetof(struct policy, arguments));

        policy = other;
        if (round % 3 == 1)
            at = offsetof(struct policy, arguments) + at % sizeof policy.arguments[0];
        if (round % 3 == 2)
            at = offsetof(struct policy, functions) + at % sizeof policy.functions[0];
        ((unsigned char *)&policy)[at] ^= (unsigned char)(1u << (next_random(&seed) & 7));
        error_clear(&error);
        if (!policy_check(&policy, &error))
            continue;
        for (uint32_t i = 0; i < policy.argument_count; i++)
            assert_int_equal(strlen(policy_text(&policy, policy.arguments[i])),
                             policy.arguments[i].length);
        policy_find_function(&policy, "app.none", 8);
    }
}

static void the_engines_share_grows_with_the_module_unless_given(void **state)
{
    (void)state;
    assert_int_equal(policy_engine_bytes(&policy, 0), 16 << 20);
    assert_int_equal(policy_engine_bytes(&policy, 1 << 20), 22 << 20);
    assert_true(policy_engine_bytes(&policy, UINT64_MAX) == UINT64_C(16) << 30);
    policy.limits.engine_bytes = 5 << 20;
    assert_int_equal(policy_engine_bytes(&policy, 1 << 30), 5 << 20);
}

#define TEST(name_) cmocka_unit_test_setup(name_, start_with_the_default)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_default_is_valid_and_grants_nothing),
        TEST(bytes_of_zero_are_no_policy),
        TEST(every_number_out_of_bounds_is_refused_by_its_path),
        TEST(what_is_not_supported_yet_is_refused),
        TEST(a_choice_of_another_key_is_refused),
        TEST(counts_beyond_the_arrays_are_refused),
        TEST(a_pool_that_does_not_fit_is_refused),
        TEST(texts_outside_the_pool_are_refused),
        TEST(texts_must_be_closed_by_their_nul_and_be_utf_8),
        TEST(names_of_the_wrong_form_are_refused),
        TEST(directories_of_the_wrong_form_are_refused),
        TEST(a_file_name_without_an_end_and_a_strange_pin_are_refused),
        TEST(texts_are_kept_and_the_empty_one_costs_nothing),
        TEST(texts_that_are_too_long_have_a_nul_or_no_utf_8_are_not_added),
        TEST(a_full_pool_is_an_error_and_leaves_a_valid_policy),
        TEST(one_item_too_many_is_an_error),
        TEST(a_name_is_given_only_once),
        TEST(functions_and_variables_are_found_by_the_exact_name),
        TEST(only_plain_names_are_names_of_host_functions),
        TEST(names_of_plugins_and_variables_have_their_forms),
        TEST(paths_of_directories_are_normal_for_the_plugin),
        TEST(directories_are_found_by_the_plugins_name_and_given_once),
        TEST(libraries_have_a_name_each),
        TEST(libraries_of_another_form_are_refused),
        TEST(the_workers_copy_has_no_canary_of_the_host_in_it),
        TEST(random_bytes_are_never_a_policy),
        TEST(a_policy_with_changed_bytes_is_refused_or_safe_to_use),
        TEST(the_engines_share_grows_with_the_module_unless_given),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
