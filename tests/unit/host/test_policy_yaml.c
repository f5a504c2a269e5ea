// SPDX-License-Identifier: Apache-2.0
#include "host/policy_yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "host/policy_source.h"

static struct policy policy;

static const char whole[] =
    "pinfold: 1\n"
    "plugin:\n"
    "  name: spellcheck\n"
    "  sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08   # pin\n"
    "limits:\n"
    "  memory: 32MiB          # comment\n"
    "  stack: 256KiB\n"
    "  time: 200ms\n"
    "  cpu: 10s\n"
    "  fuel: 50000000\n"
    "  output: 2MiB\n"
    "  open_files: 20\n"
    "  engine: 64MiB\n"
    "  memories: 4\n"
    "  stack_low: 4096\n"
    "wasi:\n"
    "  args: [--lang, en, \"\", 5, NO]\n"
    "  env: { LANG: en_GB.UTF-8, EMPTY: \"\" }\n"
    "  stdin: inherit\n"
    "  stdout: capture\n"
    "  clock: coarse\n"
    "  random: real\n"
    "  dirs:\n"
    "    - { host: /usr, guest: /u }\n"
    "    - host: /etc/../usr/bin/.\n"
    "      links: none\n"
    "      access: read\n"
    "      guest: .\n"
    "host_functions:\n"
    "  - app.log\n"
    "  - { name: doc.read }\n"
    "features:\n"
    "  custom_page_sizes: on\n"
    "  wide_arithmetic: on\n"
    "  threads: on\n"
    "  relaxed_simd: fast\n";

static bool parses(const char *text, size_t size, struct policy_error *error)
{
    memset(error, 0, sizeof *error);
    return policy_from_text(text, size, &policy, error);
}

static void assert_parses(const char *text)
{
    struct policy_error error;

    if (!parses(text, strlen(text), &error))
        fail_msg("%u:%u: %s in\n%s", error.line, error.column, error.message, text);
    assert_int_equal(error.message[0], '\0');
}

static void assert_denies(void)
{
    static struct policy fresh;

    policy_init(&fresh);
    assert_memory_equal(&policy, &fresh, sizeof policy);
}

static void assert_refused_bytes(const char *text, size_t size, uint32_t line, uint32_t column,
                                 const char *part)
{
    struct policy_error error;

    if (parses(text, size, &error))
        fail_msg("accepted:\n%s", text);
    if (strstr(error.message, part) == NULL)
        fail_msg("'%s' is not in '%s'", part, error.message);
    if (error.line != line || error.column != column)
        fail_msg("%u:%u, not %u:%u: %s in\n%s", error.line, error.column, line, column,
                 error.message, text);
    assert_denies();
}

struct refusal {
    const char *text;
    uint32_t line;
    uint32_t column;
    const char *part;
};

static void assert_all_refused(const struct refusal *refusals, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_refused_bytes(refusals[i].text, strlen(refusals[i].text), refusals[i].line,
                             refusals[i].column, refusals[i].part);
}

#define ALL_REFUSED(refusals_)                                                                     \
    assert_all_refused(refusals_, sizeof(refusals_) / sizeof((refusals_)[0]))

/* What is accepted. */

static void every_key_arrives_in_the_policy(void **state)
{
    (void)state;
    assert_parses(whole);
    assert_string_equal(policy_text(&policy, policy.name), "spellcheck");
    assert_int_equal(policy.pinned, 1);
    assert_int_equal(policy.sha256[0], 0x9f);
    assert_int_equal(policy.limits.memory_bytes, 32 << 20);
    assert_int_equal(policy.limits.stack_bytes, 256 << 10);
    assert_int_equal(policy.limits.time_ms, 200);
    assert_int_equal(policy.limits.cpu_seconds, 10);
    assert_int_equal(policy.limits.fuel, 50000000);
    assert_int_equal(policy.limits.output_bytes, 2 << 20);
    assert_int_equal(policy.limits.open_files, 20);
    assert_int_equal(policy.limits.engine_bytes, 64 << 20);
    assert_int_equal(policy.limits.memories, 4);
    assert_int_equal(policy.limits.stack_low, 4096);
    assert_int_equal(policy.wasi_stdin, POLICY_WASI_STDIN_INHERIT);
    assert_int_equal(policy.wasi_stdout, POLICY_WASI_STDOUT_CAPTURE);
    assert_int_equal(policy.wasi_clock, POLICY_WASI_CLOCK_COARSE);
    assert_int_equal(policy.wasi_random, POLICY_WASI_RANDOM_REAL);
    assert_int_equal(policy.features_custom_page_sizes, POLICY_FEATURES_CUSTOM_PAGE_SIZES_ON);
    assert_int_equal(policy.features_wide_arithmetic, POLICY_FEATURES_WIDE_ARITHMETIC_ON);
    assert_int_equal(policy.features_threads, POLICY_FEATURES_THREADS_ON);
    assert_int_equal(policy.features_relaxed_simd, POLICY_FEATURES_RELAXED_SIMD_FAST);
}

static void collections_arrive_in_order(void **state)
{
    static const char *const arguments[] = {"--lang", "en", "", "5", "NO"};

    (void)state;
    assert_parses(whole);
    assert_int_equal(policy.argument_count, 5);
    for (size_t i = 0; i < 5; i++)
        assert_string_equal(policy_text(&policy, policy.arguments[i]), arguments[i]);
    assert_int_equal(policy.variable_count, 2);
    assert_string_equal(policy_text(&policy, policy.variables[0].name), "LANG");
    assert_string_equal(policy_text(&policy, policy.variables[0].value), "en_GB.UTF-8");
    assert_string_equal(policy_text(&policy, policy.variables[1].value), "");
    assert_int_equal(policy.function_count, 2);
    assert_int_equal(policy_find_function(&policy, "app.log", 7), 0);
    assert_int_equal(policy_find_function(&policy, "doc.read", 8), 1);
}

static void directories_arrive_with_their_defaults(void **state)
{
    (void)state;
    assert_parses(whole);
    assert_int_equal(policy.dir_count, 2);
    assert_string_equal(policy_text(&policy, policy.dirs[0].host), "/usr");
    assert_string_equal(policy_text(&policy, policy.dirs[0].guest), "/u");
    assert_int_equal(policy.dirs[0].access, POLICY_WASI_DIRS_ACCESS_READ);
    assert_int_equal(policy.dirs[0].links, POLICY_WASI_DIRS_LINKS_FOLLOW);
    assert_string_equal(policy_text(&policy, policy.dirs[1].guest), ".");
    assert_int_equal(policy.dirs[1].links, POLICY_WASI_DIRS_LINKS_NONE);
    assert_parses("pinfold: 1\nwasi: { dirs: [] }\n");
    assert_int_equal(policy.dir_count, 0);
}

static void the_line_of_every_grant_is_kept(void **state)
{
    (void)state;
    assert_parses(whole);
    assert_int_equal(policy.lines[POLICY_KEY_PINFOLD], 1);
    assert_int_equal(policy.lines[POLICY_KEY_LIMITS_TIME], 8);
    assert_int_equal(policy.lines[POLICY_KEY_WASI], 16);
    assert_int_equal(policy.lines[POLICY_KEY_WASI_RANDOM], 22);
    assert_int_equal(policy.lines[POLICY_KEY_HOST_FUNCTIONS], 29);
    assert_int_equal(policy.functions[0].line, 30);
    assert_int_equal(policy.functions[1].line, 31);
    assert_int_equal(policy.dirs[0].line, 24);
    assert_int_equal(policy.dirs[0].column, 7);
    assert_int_equal(policy.dirs[1].line, 25);
    assert_int_equal(policy.variables[0].line, 18);
    assert_parses("pinfold: 1\n");
    assert_int_equal(policy.lines[POLICY_KEY_LIMITS_TIME], 0);
}

static void the_least_policy_is_the_default(void **state)
{
    static struct policy fresh;

    (void)state;
    assert_parses("pinfold: 1");
    policy.lines[POLICY_KEY_PINFOLD] = 0;
    policy_init(&fresh);
    assert_memory_equal(&policy, &fresh, sizeof policy);
}

static void harmless_ways_to_write_the_same_are_accepted(void **state)
{
    (void)state;
    assert_parses("---\npinfold: 1\n...\n");
    assert_parses("{pinfold: 1, limits: {memory: 1MiB}}");
    assert_parses("# first\r\npinfold: 1\r\nlimits:\r\n  time: 1s\r\n");
    assert_int_equal(policy.lines[POLICY_KEY_LIMITS_TIME], 4);
    assert_parses(
        "pinfold: 1\nwasi:\n  args:\n  - 'it''s'\n  - \"a\\tb\"\n  - |\n    two\n    lines\n");
    assert_string_equal(policy_text(&policy, policy.arguments[0]), "it's");
    assert_string_equal(policy_text(&policy, policy.arguments[1]), "a\tb");
    assert_string_equal(policy_text(&policy, policy.arguments[2]), "two\nlines\n");
    assert_parses("pinfold: 1\nwasi: { args: [gr\xc3\xbc\xc3\x9f] } # "
                  "\xf0\x9f\x98\x80\nhost_functions: []\n");
    assert_parses("host_functions: [a.b]\npinfold: 1\n");
}

/* What is refused. */

static void unknown_keys_are_refused_with_the_right_spelling(void **state)
{
    static const struct refusal refusals[] = {
        {"pinfold: 1\nlimit: {}\n", 2, 1, "unknown key 'limit'; did you mean 'limits'?"},
        {"pinfold: 1\nlimits:\n  memroy: 1MiB\n", 3, 3,
         "limits: unknown key 'memroy'; did you mean 'limits.memory'?"},
        {"pinfold: 1\nlimits: { openfiles: 8 }\n", 2, 11, "did you mean 'limits.open_files'?"},
        {"pinfold: 1\nmemory: 1MiB\n", 2, 1, "did you mean 'limits.memory'?"},
        {"pinfold: 1\nwasi:\n  colour: red\n", 3, 3, "wasi: unknown key 'colour'"},
        {"pinfold: 1\nWasi: {}\n", 2, 1, "did you mean 'wasi'?"},
        {"pinfold: 1\nhost_functions:\n- { nam: a.b }\n", 3, 5,
         "did you mean 'host_functions[].name'?"},
        {"pinfold: 1\nlimits.memory: 1MiB\n", 2, 1, "unknown key"},
        {"pinfold: 1\nw\xd0\xb0si: {}\n", 2, 1, "unknown key 'w\\xd0\\xb0si'"},
        {"pinfold: 1\n\"\": 1\n", 2, 1, "without quotes"},
        {"pinfold: 1\n\"wasi\": {}\n", 2, 1, "without quotes"},
        {"pinfold: 1\nrequires: [gc]\n", 2, 1, "unknown key"},
    };

    (void)state;
    ALL_REFUSED(refusals);
}

static void duplicate_keys_are_refused_where_they_are_repeated(void **state)
{
    static const struct refusal refusals[] = {
        {"pinfold: 1\npinfold: 1\n", 2, 1, "pinfold: given twice"},
        {"pinfold: 1\nwasi: { clock: none }\nlimits: {}\nwasi: { clock: real }\n", 4, 1,
         "wasi: given twice"},
        {"pinfold: 1\nlimits:\n  time: 1s\n  fuel: 5\n  time: 9s\n", 5, 3,
         "limits.time: given twice"},
        {"pinfold: 1\nwasi: { env: { A: 1, B: 2, A: 3 } }\n", 2, 28,
         "wasi.env: 'A' is given twice"},
        {"pinfold: 1\nhost_functions: [a.b, a.c, a.b]\n", 2, 28, "'a.b': given twice"},
        {"pinfold: 1\nhost_functions: [a.b, { name: a.b }]\n", 2, 31, "'a.b': given twice"},
        {"pinfold: 1\nhost_functions: [{ name: a.b, name: a.c }]\n", 2, 31, "given twice"},
    };

    (void)state;
    ALL_REFUSED(refusals);
}

static void what_is_required_must_be_there(void **state)
{
    static const struct refusal refusals[] = {
        {"", 1, 1, "empty"},
        {"\n\n# nothing\n", 4, 1, "empty"},
        {"---\n", 2, 1, "must be a mapping"},
        {"limits: {}\n", 1, 1, "pinfold: missing"},
        {"pinfold: 1\nhost_functions: [{}]\n", 2, 18, "host_functions[].name: missing"},
        {"pinfold: 2\n", 1, 10, "must be 1"},
        {"pinfold: 1.0\n", 1, 10, "not of the form"},
        {"pinfold: \"1\"\n", 1, 10, "quotes"},
    };

    (void)state;
    ALL_REFUSED(refusals);
}

static void wrong_types_are_refused(void **state)
{
    static const struct refusal refusals[] = {
        {"pinfold", 1, 1, "must be a mapping"},
        {"[pinfold, 1]", 1, 1, "must be a mapping"},
        {"pinfold: 1\nlimits: 5\n", 2, 9, "limits: must be a mapping"},
        {"pinfold: 1\nlimits: [memory]\n", 2, 9, "limits: must be a mapping"},
        {"pinfold: 1\nlimits:\n", 2, 8, "limits: must be a mapping"},
        {"pinfold: 1\nlimits: { memory: [1MiB] }\n", 2, 19,
         "limits.memory: must be a whole number"},
        {"pinfold: 1\nlimits: { memory: { a: b } }\n", 2, 19, "limits.memory: must be"},
        {"pinfold: 1\nlimits: { memory: }\n", 2, 19, "limits.memory: '' is not of the form"},
        {"pinfold: 1\nwasi: { args: --lang }\n", 2, 15, "wasi.args: must be a list"},
        {"pinfold: 1\nwasi: { args: { a: b } }\n", 2, 15, "wasi.args: must be a list"},
        {"pinfold: 1\nwasi: { args: [[a]] }\n", 2, 16, "wasi.args: must be"},
        {"pinfold: 1\nwasi: { args: [a: b] }\n", 2, 16, "wasi.args: must be"},
        {"pinfold: 1\nwasi: { env: [A] }\n", 2, 14, "wasi.env: must be a mapping"},
        {"pinfold: 1\nwasi: { env: { A: [b] } }\n", 2, 19, "must be a text"},
        {"pinfold: 1\nwasi: { env: { [A]: b } }\n", 2, 16, "cannot be a key"},
        {"pinfold: 1\nhost_functions: app.log\n", 2, 17, "host_functions: must be a list"},
        {"pinfold: 1\nhost_functions: { app.log: yes }\n", 2, 17, "host_functions: must be a list"},
        {"pinfold: 1\nhost_functions: [[app.log]]\n", 2, 18, "host_functions: must be"},
        {"pinfold: 1\nplugin: { name: [a] }\n", 2, 17, "plugin.name: must be"},
        {"pinfold: 1\n? [a, b]\n: c\n", 2, 3, "cannot be a key"},
        {"pinfold: 1\n? { a: b }\n: c\n", 2, 3, "cannot be a key"},
        {"pinfold: 1\nwasi: { dirs: ./dict }\n", 2, 15, "wasi.dirs: must be a list"},
        {"pinfold: 1\nwasi: { dirs: [./dict] }\n", 2, 16, "wasi.dirs: must be a list of mappings"},
        {"pinfold: 1\nwasi: { dirs: [[/usr, /u]] }\n", 2, 16, "must be a list of mappings"},
        {"pinfold: 1\nwasi: { dirs: [{ host: [/usr] }] }\n", 2, 24, "wasi.dirs[].host: must be"},
        {"pinfold: 1\nwasi: { dirs: [{ guest: { a: b } }] }\n", 2, 25, "wasi.dirs[].guest: must"},
    };

    (void)state;
    ALL_REFUSED(refusals);
}

static void values_of_the_wrong_form_are_refused(void **state)
{
    static const struct refusal refusals[] = {
        {"pinfold: 1\nlimits: { memory: 32MB }\n", 2, 19, "'32MB' is not of the form"},
        {"pinfold: 1\nlimits: { memory: \"32MiB\" }\n", 2, 19, "quotes"},
        {"pinfold: 1\nlimits: { memory: '32MiB' }\n", 2, 19, "quotes"},
        {"pinfold: 1\nlimits:\n  memory: |\n    32MiB\n", 3, 11, "quotes"},
        {"pinfold: 1\nlimits: { memory: 32\n    MiB }\n", 2, 19, "not of the form"},
        {"pinfold: 1\nlimits: { fuel: \" 5\" }\n", 2, 17, "quotes"},
        {"pinfold: 1\nlimits: { fuel: -1 }\n", 2, 17, "not of the form"},
        {"pinfold: 1\nlimits: { fuel: NO }\n", 2, 17, "not of the form"},
        {"pinfold: 1\nlimits: { fuel: 0777 }\n", 2, 17, "not of the form"},
        {"pinfold: 1\nlimits: { fuel: 1_000 }\n", 2, 17, "not of the form"},
        {"pinfold: 1\nlimits: { fuel: 0x10 }\n", 2, 17, "not of the form"},
        {"pinfold: 1\nlimits: { fuel: 1e9 }\n", 2, 17, "not of the form"},
        {"pinfold: 1\nlimits: { fuel: 18446744073709551616 }\n", 2, 17, "out of range"},
        {"pinfold: 1\nlimits: { fuel: 0 }\n", 2, 17, "out of range"},
        {"pinfold: 1\nlimits: { memory: unlimited }\n", 2, 19, "not of the form"},
        {"pinfold: 1\nlimits: { time: none }\n", 2, 17, "not of the form"},
        {"pinfold: 1\nlimits: { time: 1:30 }\n", 2, 17, "not of the form"},
        {"pinfold: 1\nwasi: { stdout: captur }\n", 2, 17, "did you mean 'capture'?"},
        {"pinfold: 1\nwasi: { stdout: yes }\n", 2, 17, "none of its words"},
        {"pinfold: 1\nwasi: { stdout: \"capture\" }\n", 2, 17, "quotes"},
        {"pinfold: 1\nplugin: { name: spell check }\n", 2, 17, "plugin.name: letters"},
        {"pinfold: 1\nplugin: { name: \"\" }\n", 2, 17, "plugin.name: letters"},
        {"pinfold: 1\nplugin: { name: \"a\\e[31m\" }\n", 2, 17, "plugin.name: letters"},
        {"pinfold: 1\nplugin: { sha256: abc }\n", 2, 19, "64 hexadecimal digits"},
        {"pinfold: 1\nwasi: { args: [~] }\n", 2, 16, "null"},
        {"pinfold: 1\nwasi:\n  args:\n  -\n  - b\n", 4, 4, "missing"},
        {"pinfold: 1\nwasi: { env: { A: null } }\n", 2, 19, "null"},
        {"pinfold: 1\nwasi: { env: { A-B: c } }\n", 2, 16, "'A-B' is no name"},
        {"pinfold: 1\nwasi: { env: { \"A\": c } }\n", 2, 16, "without quotes"},
        {"pinfold: 1\nwasi: { args: [\"a\\0b\"] }\n", 2, 16, "NUL"},
        {"pinfold: 1\nwasi: { env: { A: \"\\x00\" } }\n", 2, 19, "NUL"},
    };

    (void)state;
    ALL_REFUSED(refusals);
}

static void names_of_host_functions_are_exact(void **state)
{
    static const struct refusal refusals[] = {
        {"pinfold: 1\nhost_functions: [app.*]\n", 2, 18, "no wildcards"},
        {"pinfold: 1\nhost_functions: ['*']\n", 2, 18, "no wildcards"},
        {"pinfold: 1\nhost_functions: [app]\n", 2, 18, "module.name"},
        {"pinfold: 1\nhost_functions: [\xd0\xb0pp.log]\n", 2, 18, "module.name"},
        {"pinfold: 1\nhost_functions: [\"app.log\\0\"]\n", 2, 18, "NUL"},
        {"pinfold: 1\nhost_functions: [\"app.log \"]\n", 2, 18, "module.name"},
        {"pinfold: 1\nhost_functions: [{ name: app.* }]\n", 2, 26, "no wildcards"},
    };

    (void)state;
    ALL_REFUSED(refusals);
    assert_parses("pinfold: 1\nhost_functions: [app.log]\n");
    assert_int_equal(policy_find_function(&policy, "app.Log", 7), POLICY_NOT_FOUND);
}

static void what_is_not_supported_yet_is_refused_and_never_ignored(void **state)
{
    static const struct refusal refusals[] = {
        {"pinfold: 1\nwasi: { clock: virtual }\n", 2, 16, "not supported yet"},
        {"pinfold: 1\nwasi: { random: seeded }\n", 2, 17, "not supported yet"},
        {"pinfold: 1\nhost_functions: [{ name: a.b, calls: 1000/s }]\n", 2, 38,
         "not supported yet"},
        {"pinfold: 1\nhost_functions: [{ name: a.b, bytes: 4MiB/s }]\n", 2, 38,
         "not supported yet"},
    };

    (void)state;
    ALL_REFUSED(refusals);
}

static void a_wrong_directory_is_refused_with_its_place(void **state)
{
    static const struct refusal refusals[] = {
        {"pinfold: 1\nwasi: { dirs: [{}] }\n", 2, 16, "wasi.dirs[].host: missing"},
        {"pinfold: 1\nwasi: { dirs: [{ guest: /u }] }\n", 2, 16, "wasi.dirs[].host: missing"},
        {"pinfold: 1\nwasi: { dirs: [{ host: /usr }] }\n", 2, 16, "wasi.dirs[].guest: missing"},
        {"pinfold: 1\nwasi: { dirs: [{ hots: /usr }] }\n", 2, 18,
         "did you mean 'wasi.dirs[].host'?"},
        {"pinfold: 1\nwasi: { dirs: [{ host: /usr, host: /usr }] }\n", 2, 30, "given twice"},
        {"pinfold: 1\nwasi: { dirs: [{ host: /usr, guest: /u, access: wirte }] }\n", 2, 49,
         "did you mean 'write'?"},
        {"pinfold: 1\nwasi: { dirs: [{ host: /usr, guest: /u, access: \"read\" }] }\n", 2, 49,
         "quotes"},
        {"pinfold: 1\nwasi: { dirs: [{ host: /usr, guest: /u, links: read }] }\n", 2, 48,
         "follow, none"},
        {"pinfold: 1\nwasi: { dirs: [{ host: /nonexistent, guest: /u }] }\n", 2, 24,
         "No such file"},
        {"pinfold: 1\nwasi: { dirs: [{ host: ~, guest: /u }] }\n", 2, 24, "null"},
        {"pinfold: 1\nwasi: { dirs: [{ host: /usr, guest: null }] }\n", 2, 37, "null"},
        {"pinfold: 1\nwasi: { dirs: [{ host: \"\", guest: /u }] }\n", 2, 24, "is empty"},
        {"pinfold: 1\nwasi: { dirs: [{ host: /usr, guest: u }] }\n", 2, 37, "is no name"},
        {"pinfold: 1\nwasi: { dirs: [{ host: \"/usr\\0x\", guest: /u }] }\n", 2, 24, "NUL"},
        {"pinfold: 1\nwasi:\n  dirs:\n  - { host: /usr, guest: /u }\n"
         "  - { host: /etc, guest: /u }\n",
         5, 5, "'/u' is given twice"},
        {"pinfold: 1\nwasi:\n  dirs:\n  - { host: /usr, guest: /u }\n"
         "  - { host: /usr/bin, guest: /b, access: write }\n",
         5, 5, "overlaps '/usr'"},
    };

    (void)state;
    ALL_REFUSED(refusals);
}

static void one_directory_too_many_is_refused_where_it_stands(void **state)
{
    char text[2048];
    size_t used;

    (void)state;
    used = (size_t)sprintf(text, "pinfold: 1\nwasi:\n  dirs:\n");
    for (unsigned i = 0; i < POLICY_DIRS_MAX; i++)
        used += (size_t)sprintf(text + used, "  - { host: /usr, guest: /%u }\n", i);
    assert_parses(text);
    assert_int_equal(policy.dir_count, POLICY_DIRS_MAX);
    used += (size_t)sprintf(text + used, "  - { host: /usr, guest: /more }\n");
    assert_refused_bytes(text, used, 4 + POLICY_DIRS_MAX, 5, "at most 16");
}

static void anchors_aliases_tags_merge_keys_and_directives_are_refused(void **state)
{
    static const struct refusal refusals[] = {
        {"&a pinfold: 1\n", 1, 1, "anchors"},
        {"pinfold: &a 1\n", 1, 10, "anchors"},
        {"pinfold: 1\nlimits: &l {}\n", 2, 9, "anchors"},
        {"pinfold: 1\nhost_functions: &f [a.b]\n", 2, 17, "anchors"},
        {"&root\npinfold: 1\n", 1, 1, "anchors"},
        {"pinfold: *a\n", 1, 10, "aliases"},
        {"pinfold: 1\nwasi: { args: [*a] }\n", 2, 16, "aliases"},
        {"pinfold: !!int 1\n", 1, 10, "tags"},
        {"pinfold: ! 1\n", 1, 10, "tags"},
        {"pinfold: 1\nwasi: { args: [! 5] }\n", 2, 16, "tags"},
        {"pinfold: 1\nwasi: { args: [!!str 5] }\n", 2, 16, "tags"},
        {"pinfold: 1\nwasi: { args: [! \"5\"] }\n", 2, 16, "tags"},
        {"pinfold: 1\nwasi: ! { clock: real }\n", 2, 7, "tags"},
        {"pinfold: 1\nwasi: !<tag:x> {}\n", 2, 7, "tags"},
        {"!!map\npinfold: 1\n", 1, 1, "tags"},
        {"pinfold: 1\n# gr\xc3\xbc\xc3\x9f\nwasi: { args: [! 5] }\n", 3, 16, "tags"},
        {"pinfold: 1\n<<: {}\n", 2, 1, "merge keys"},
        {"pinfold: 1\nwasi: { env: { <<: {} } }\n", 2, 16, "merge keys"},
        {"%YAML 1.1\n---\npinfold: 1\n", 1, 1, "directives"},
        {"%TAG ! tag:x\n---\npinfold: 1\n", 1, 1, "directives"},
        {"pinfold: 1\n---\npinfold: 1\n", 2, 1, "second document"},
        {"---\npinfold: 1\n...\n---\n", 4, 1, "second document"},
    };

    (void)state;
    ALL_REFUSED(refusals);
}

static void what_is_no_yaml_is_refused_with_its_place(void **state)
{
    static const struct refusal refusals[] = {
        {"pinfold: 1\nlimits: {\n", 3, 1, "not YAML"},
        {"pinfold: 1\nwasi: { args: [a }\n", 2, 18, "not YAML"},
        {"pinfold: 1\nlimits: {}\n  wasi: {}\n", 3, 3, "not YAML"},
        {"pinfold: 1\nwasi: { args: ['a] }\n", 3, 1, "not YAML"},
        {"pinfold: 1\n@x: 1\n", 2, 1, "not YAML"},
        {"pinfold: 1\nwasi: \"\\q\"\n", 2, 8, "not YAML"},
        {"pinfold: 1\n}\n", 2, 1, "not YAML"},
    };

    (void)state;
    ALL_REFUSED(refusals);
}

static void hidden_and_foreign_characters_are_refused_with_their_place(void **state)
{
    static const char nul[] = "pinfold: 1\n\0wasi: {}\n";
    static const struct refusal refusals[] = {
        {"pinfold: 1\nlimits:\n\tmemory: 1MiB\n", 3, 1, "tab"},
        {"pinfold:\t1\n", 1, 9, "tab"},
        {"\xef\xbb\xbfpinfold: 1\n", 1, 1, "byte order mark"},
        {"pinfold: 1\n# \xff\n", 2, 3, "not UTF-8"},
        {"pinfold: 1\n# x\xe2\x80\xa8wasi: { clock: real }\n", 2, 4, "U+2028"},
    };

    (void)state;
    ALL_REFUSED(refusals);
    assert_refused_bytes(nul, sizeof nul - 1, 2, 1, "NUL");
    assert_refused_bytes("\xff\xfep\0", 4, 1, 1, "UTF-16");
}

/* Hostile sizes. */

static double milliseconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

// A text of `size` bytes: a beginning, and then a piece again and again.
static char *repeat(const char *beginning, const char *piece, size_t size)
{
    char *text = malloc(size + 1);
    size_t used = strlen(beginning);
    size_t length = strlen(piece);

    assert_non_null(text);
    memcpy(text, beginning, used);
    for (; used + length <= size; used += length)
        memcpy(text + used, piece, length);
    memset(text + used, '\n', size - used);
    text[size] = '\0';
    return text;
}

static void assert_refused_soon(const char *beginning, const char *piece, size_t size)
{
    char *text = repeat(beginning, piece, size);
    struct policy_error error;
    double before = milliseconds();

    assert_false(parses(text, size, &error));
    double spent = milliseconds() - before;
    if (spent > 50)
        fail_msg("%.1f ms for '%s' and then '%s'", spent, beginning, piece);
    assert_true(error.message[0] != '\0');
    assert_denies();
    free(text);
}

static void hostile_texts_are_refused_soon(void **state)
{
    static const char *const texts[][2] = {
        {"", "["},
        {"", "{"},
        {"", "- "},
        {"", "? "},
        {"", "a: "},
        {"pinfold: ", "["},
        {"pinfold: 1\nwasi: { args: ", "["},
        {"pinfold: 1\nwasi: { args: [", "{"},
        {"pinfold: 1\nwasi: { args: [", "a,"},
        {"pinfold: 1\nwasi: { args: [", ","},
        {"pinfold: 1\nwasi: { args: [a", "x"},
        {"pinfold: 1\nwasi: { args: [\"", "\\\""},
        {"pinfold: 1\nwasi: { args: ['", "''"},
        {"pinfold: 1\nwasi: { args: [", "\n"},
        {"pinfold: 1\nwasi: { env: {", "A: b, "},
        {"pinfold: 1\nwasi: { env: {", "A, "},
        {"pinfold: 1\nhost_functions: [", "a.b,"},
        {"pinfold: 1\nhost_functions: [", "{},"},
        {"pinfold: 1\nx: ", "&a "},
        {"pinfold: 1\nwasi: { args: [", "&a x,"},
        {"pinfold: 1\nwasi: { args: [", "*a,"},
        {"", "!a "},
        {"", "%TAG ! x\n"},
        {"", "%X\n"},
        {"", "---\n"},
        {"", "...\n"},
        {"", "#"},
        {"", "\n"},
        {"", " "},
        {"", "\xe2\x98\x83"},
        {"pinfold: 1\na: |\n", "  x\n"},
        {"pinfold: 1\na: >\n", "\n"},
        {"pinfold: 1\n", "a: b\n"},
        {"pinfold: 1\n", "x"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_refused_soon(texts[i][0], texts[i][1], POLICY_SOURCE_BYTES_MAX);
        assert_refused_soon(texts[i][0], texts[i][1], 200000);
    }
    assert_refused_soon("pinfold: 1\nwasi: { args: [", "x", 8 << 20);
}

static void alias_bombs_are_refused_at_the_first_anchor(void **state)
{
    static const struct refusal refusals[] = {
        {"a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\npinfold: 1\n", 1, 1, "unknown key"},
        {"pinfold: 1\nwasi: { args: &a [x, *a] }\n", 2, 15, "anchors"},
    };

    (void)state;
    ALL_REFUSED(refusals);
}

// As many names and texts as one policy takes, in the longest form of writing them.
static void the_largest_policy_is_accepted_soon(void **state)
{
    char *text = calloc(1, POLICY_SOURCE_BYTES_MAX + 1);
    size_t used;
    struct policy_error error;

    (void)state;
    used = (size_t)sprintf(text, "pinfold: 1\nwasi:\n  env:\n");
    for (unsigned i = 0; i < POLICY_VARIABLES_MAX; i++)
        used += (size_t)sprintf(text + used, "    V%u: v\n", i);
    used += (size_t)sprintf(text + used, "  args:\n");
    for (unsigned i = 0; i < POLICY_ARGUMENTS_MAX; i++)
        used += (size_t)sprintf(text + used, "    - a%u\n", i);
    used += (size_t)sprintf(text + used, "host_functions:\n");
    for (unsigned i = 0; i < POLICY_FUNCTIONS_MAX; i++)
        used += (size_t)sprintf(text + used, "- { name: application.function_%u }\n", i);
    assert_true(used <= POLICY_SOURCE_BYTES_MAX);
    double before = milliseconds();
    if (!parses(text, used, &error))
        fail_msg("%u:%u: %s", error.line, error.column, error.message);
    assert_true(milliseconds() - before < 200);
    assert_int_equal(policy.function_count, POLICY_FUNCTIONS_MAX);
    used += (size_t)sprintf(text + used, "- one.more\n");
    assert_refused_bytes(
        text, used, 4 + POLICY_VARIABLES_MAX + POLICY_ARGUMENTS_MAX + 1 + POLICY_FUNCTIONS_MAX + 1,
        3, "too many");
    free(text);
}

static void every_beginning_of_a_policy_is_refused_or_valid(void **state)
{
    struct policy_error error;

    (void)state;
    for (size_t size = 0; size < sizeof whole; size++) {
        // A copy of exactly that size, so that a sanitizer sees what is read behind it.
        char *copy = malloc(size + (size == 0));

        memcpy(copy, whole, size);
        if (!parses(copy, size, &error)) {
            assert_true(error.message[0] != '\0');
            assert_true(error.line >= 1 && error.column >= 1);
            assert_denies();
        }
        free(copy);
    }
}

static uint32_t next_random(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*seed >> 33);
}

static void mutated_policies_are_refused_or_valid(void **state)
{
    static const char alphabet[] = "{}[]:,-?&*!|>'\"%@`# \n\r\tapw01.MiB\\\xc3\xff\0";
    uint64_t seed = 42;
    char copy[sizeof whole];

    (void)state;
    for (unsigned round = 0; round < 5000; round++) {
        struct policy_error error;
        struct error bad = {.code = ERROR_NONE};

        memcpy(copy, whole, sizeof whole);
        for (unsigned change = next_random(&seed) % 4 + 1; change > 0; change--)
            copy[next_random(&seed) % (sizeof whole - 1)] =
                alphabet[next_random(&seed) % sizeof alphabet];
        if (parses(copy, sizeof whole - 1, &error))
            assert_true(policy_check(&policy, &bad));
        else
            assert_denies();
    }
}

static void messages_are_one_printable_line(void **state)
{
    static const char *const texts[] = {
        "pinfold: 1\n\xd0\xb0\xd0\xb0\xd0\xb0: 1\n",
        "pinfold: 1\nwasi: { stdout: \xd0\xb0 }\n",
        "pinfold: 1\nwasi: { env: { \xd0\xb0: 1 } }\n",
        "pinfold: 1\nhost_functions: [\"a\\e\\n.b\"]\n",
    };
    struct policy_error error;

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_false(parses(texts[i], strlen(texts[i]), &error));
        for (const char *at = error.message; *at; at++)
            assert_true(*at >= 0x20 && *at < 0x7f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_arrives_in_the_policy),
        cmocka_unit_test(collections_arrive_in_order),
        cmocka_unit_test(directories_arrive_with_their_defaults),
        cmocka_unit_test(the_line_of_every_grant_is_kept),
        cmocka_unit_test(the_least_policy_is_the_default),
        cmocka_unit_test(harmless_ways_to_write_the_same_are_accepted),
        cmocka_unit_test(unknown_keys_are_refused_with_the_right_spelling),
        cmocka_unit_test(duplicate_keys_are_refused_where_they_are_repeated),
        cmocka_unit_test(what_is_required_must_be_there),
        cmocka_unit_test(wrong_types_are_refused),
        cmocka_unit_test(values_of_the_wrong_form_are_refused),
        cmocka_unit_test(names_of_host_functions_are_exact),
        cmocka_unit_test(what_is_not_supported_yet_is_refused_and_never_ignored),
        cmocka_unit_test(a_wrong_directory_is_refused_with_its_place),
        cmocka_unit_test(one_directory_too_many_is_refused_where_it_stands),
        cmocka_unit_test(anchors_aliases_tags_merge_keys_and_directives_are_refused),
        cmocka_unit_test(what_is_no_yaml_is_refused_with_its_place),
        cmocka_unit_test(hidden_and_foreign_characters_are_refused_with_their_place),
        cmocka_unit_test(hostile_texts_are_refused_soon),
        cmocka_unit_test(alias_bombs_are_refused_at_the_first_anchor),
        cmocka_unit_test(the_largest_policy_is_accepted_soon),
        cmocka_unit_test(every_beginning_of_a_policy_is_refused_or_valid),
        cmocka_unit_test(mutated_policies_are_refused_or_valid),
        cmocka_unit_test(messages_are_one_printable_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
