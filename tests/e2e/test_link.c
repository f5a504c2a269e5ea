// SPDX-License-Identifier: Apache-2.0
//
// Plugins of several modules, from what an application or a policy says of libraries to what their
// code does together in one confined worker.
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>
#include <pinfold.h>

#include "tests/e2e/fixture.h"
#include "tests/unit/wasm/module_builder.h"

#define POLICY "pinfold: 1\n"

struct built {
    uint8_t *bytes;
    size_t size;
};

static pnf_host *host;
static struct built built[8]; // until the end of the test
static size_t built_count;
static char asked[64]; // what app.ask was asked last

static pnf_bytes app_ask(const char *text, size_t length)
{
    snprintf(asked, sizeof asked, "%.*s", (int)length, text);
    return (pnf_bytes){(const uint8_t *)"answer", 6};
}

static int set_up(void **state)
{
    char libexec[PATH_MAX];

    (void)state;
    snprintf(libexec, sizeof libexec, "%s", fixture_program(""));
    host = fixture_open_host(libexec);
    pnf_host_function(host, "app.ask(text: str) -> str", PNF_NATIVE(app_ask), NULL);
    build_begin();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    pnf_host_close(host);
    while (built_count > 0)
        free(built[--built_count].bytes);
    return 0;
}

// --- modules -------------------------------------------------------------------------------------

// What was built; something else can be built then.
static struct built finish(void)
{
    struct built *made = &built[built_count++];

    made->bytes = build_end(&made->size);
    build_begin();
    return *made;
}

static void export(const char *name, const char *signature, const uint8_t *code, size_t length)
{
    build_export(name, EXTERNAL_FUNCTION, build_function(signature, "", code, length));
}

static void write_module(const char *name, struct built module)
{
    const char *path = fixture_in_folder(name);
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(module.bytes, 1, module.size, file), module.size);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, 0600), 0);
}

// add: [i32 i32] -> [i32].
static struct built adder(void)
{
    export("add", "ii:i", CODE(LOCAL_GET, 0, LOCAL_GET, 1, I32_ADD));
    return finish();
}

// twice: [i32] -> [i32], by math.add.
static struct built doubler(void)
{
    uint32_t add = build_import_function("math", "add", "ii:i");

    export("twice", "i:i", CODE(LOCAL_GET, 0, LOCAL_GET, 0, CALL, (uint8_t)add));
    return finish();
}

// four: [i32] -> [i32], four times that, by double.twice and math.add.
static struct built user(void)
{
    uint32_t twice = build_import_function("double", "twice", "i:i");
    uint32_t add = build_import_function("math", "add", "ii:i");

    export("four", "i:i",
           CODE(LOCAL_GET, 0, CALL, (uint8_t)twice, LOCAL_GET, 0, CALL, (uint8_t)twice, CALL,
                (uint8_t)add));
    return finish();
}

// --- loading -------------------------------------------------------------------------------------

static pnf_link link_of(const char *name, struct built module)
{
    return (pnf_link){.name = name, .module = module.bytes, .module_size = module.size};
}

static pnf_source source_of(struct built module, const char *policy, const pnf_link *links,
                            size_t link_count)
{
    return (pnf_source){
        .name = "linked",
        .module = module.bytes,
        .module_size = module.size,
        .policy_text = policy,
        .policy_size = strlen(policy),
        .links = links,
        .link_count = link_count,
    };
}

static pnf_plugin *load(const pnf_source *source)
{
    pnf_plugin *plugin;

    if (pnf_load_from(host, source, &plugin) != PNF_OK)
        fail_msg("%s", pnf_error_text());
    return plugin;
}

static pnf_plugin *load_linked(struct built module, const char *policy, const pnf_link *links,
                               size_t link_count)
{
    pnf_source source = source_of(module, policy, links, link_count);

    return load(&source);
}

static void expect_refusal(const pnf_source *source, pnf_status status, const char *words)
{
    pnf_plugin *plugin;
    pnf_status got = pnf_load_from(host, source, &plugin);

    assert_null(plugin);
    if (got != status || !strstr(pnf_error_text(), words))
        fail_msg("'%s' is not in: %s: %s", words, pnf_status_words(got), pnf_error_text());
}

static int32_t call(pnf_plugin *plugin, const char *signature, int32_t argument)
{
    int32_t result = 0;

    if (pnf_call(plugin, signature, argument, &result) != PNF_OK)
        fail_msg("%s", pnf_error_text());
    return result;
}

// --- what is linked ------------------------------------------------------------------------------

static void libraries_of_an_application_are_linked_in_their_order(void **state)
{
    const pnf_link links[] = {link_of("math", adder()), link_of("double", doubler())};

    (void)state;
    assert_int_equal(call(load_linked(user(), POLICY, links, 2), "four(x: i32) -> i32", 5), 20);
}

static void libraries_of_a_policy_lie_beside_it(void **state)
{
    pnf_source source = {.policy_path = fixture_in_folder("linked.yaml")};
    FILE *policy = fopen(source.policy_path, "w");
    struct built module;

    (void)state;
    assert_non_null(policy);
    assert_true(fputs("pinfold: 1\nlink:\n  - { name: math, file: ./math.wasm }\n", policy) >= 0);
    assert_int_equal(fclose(policy), 0);
    assert_int_equal(chmod(source.policy_path, 0600), 0);
    write_module("math.wasm", adder());
    write_module("double.wasm", doubler());
    module = user();
    source.module = module.bytes;
    source.module_size = module.size;
    // A setting comes behind the policy, and what the application gives behind both.
    {
        char setting[PATH_MAX];
        const pnf_setting settings[] = {{"link", setting}};

        snprintf(setting, sizeof setting, "double=%s", fixture_in_folder("double.wasm"));
        source.settings = settings;
        source.setting_count = 1;
        assert_int_equal(call(load(&source), "four(x: i32) -> i32", 3), 12);
    }
}

static void what_a_plugin_is_linked_with_is_not_among_its_items(void **state)
{
    const pnf_link links[] = {link_of("math", adder()), link_of("double", doubler())};
    const pnf_module *module = pnf_plugin_module(load_linked(user(), POLICY, links, 2));
    const pnf_item *item;
    size_t imports = 0;
    size_t exports = 0;

    (void)state;
    for (size_t i = 0; (item = pnf_module_item(module, i)) != NULL; i++) {
        imports += item->part == PNF_PART_IMPORT;
        exports += item->part == PNF_PART_EXPORT;
    }
    assert_int_equal(imports, 2);
    assert_int_equal(exports, 1);
}

// Memory, table, global and tag are the library's.
static void two_modules_share_memory_table_global_and_tag(void **state)
{
    pnf_link links[1];
    uint32_t throw;
    uint32_t three;
    pnf_plugin *plugin;

    (void)state;
    build_memory(1, 1);
    build_export("memory", EXTERNAL_MEMORY, 0);
    build_export("global", EXTERNAL_GLOBAL, build_global(I32, true, CODE(I32_CONST, 20)));
    build_export("table", EXTERNAL_TABLE, build_table(FUNCREF, 1, 1));
    build_export("tag", EXTERNAL_TAG, build_tag("i:"));
    throw = build_function("i:", "", CODE(LOCAL_GET, 0, THROW, 0));
    build_export("throw", EXTERNAL_FUNCTION, throw);
    // What stands at 0 of the memory, plus the global, plus what the table's function gives.
    export("sum", ":i",
           CODE(I32_CONST, 0, I32_LOAD, 2, 0, GLOBAL_GET, 0, I32_ADD, I32_CONST, 0, CALL_INDIRECT,
                (uint8_t)build_type(":i"), 0, I32_ADD));
    links[0] = link_of("env", finish());

    throw = build_import_function("env", "throw", "i:");
    (void)build_import_function("env", "sum", ":i");
    build_import_memory("env", "memory", 1);
    build_import_table("env", "table", FUNCREF, 1);
    build_import_global("env", "global", I32, true);
    build_import_tag("env", "tag", "i:");
    three = build_function(":i", "", CODE(I32_CONST, 3));
    build_element(SEGMENT_ACTIVE, 0, CODE((uint8_t)three));
    export("sum", "i:i",
           CODE(I32_CONST, 0, BLOCK, I32, TRY_TABLE, EMPTY, 1, 0, 0, 0, LOCAL_GET, 0, CALL,
                (uint8_t) throw, END, UNREACHABLE, END, I32_STORE, 2, 0, GLOBAL_GET, 0, I32_CONST,
                1, I32_ADD, GLOBAL_SET, 0, CALL, 1));
    plugin = load_linked(finish(), POLICY, links, 1);
    assert_int_equal(call(plugin, "sum(x: i32) -> i32", 1000), 1000 + 21 + 3);
    assert_int_equal(call(plugin, "sum(x: i32) -> i32", 1), 1 + 22 + 3);
}

// Each calls the other one in the end, ten million times, on the smallest stack that there is.
static void modules_that_call_each_other_in_the_end_need_no_stack(void **state)
{
    pnf_link links[1];
    uint32_t down;
    uint32_t back;

    (void)state;
    build_export("table", EXTERNAL_TABLE, build_table(FUNCREF, 1, 1));
    export("down", "i:i",
           CODE(LOCAL_GET, 0, I32_EQZ, IF, EMPTY, I32_CONST, 7, RETURN, END, LOCAL_GET, 0,
                I32_CONST, 1, I32_SUB, I32_CONST, 0, RETURN_CALL_INDIRECT,
                (uint8_t)build_type("i:i"), 0));
    links[0] = link_of("lib", finish());
    down = build_import_function("lib", "down", "i:i");
    build_import_table("lib", "table", FUNCREF, 1);
    back = build_function("i:i", "", CODE(LOCAL_GET, 0, RETURN_CALL, (uint8_t)down));
    build_export("back", EXTERNAL_FUNCTION, back);
    build_element(SEGMENT_ACTIVE, 0, CODE((uint8_t)back));
    assert_int_equal(
        call(load_linked(finish(), POLICY "limits: { stack: 16KiB, time: 60s }\n", links, 1),
             "back(x: i32) -> i32", 10 * 1000 * 1000),
        7);
}

// --- whose memory --------------------------------------------------------------------------------

// A memory, and cabi_realloc, which gives what is behind the global.
static void build_own_memory(const char *text)
{
    uint8_t data[24] = {24, 0, 0, 0, (uint8_t)strlen(text)};

    build_memory(1, 1);
    memcpy(data + 8, text, strlen(text));
    build_data(SEGMENT_ACTIVE, 16, data, sizeof data);
    (void)build_global(I32, true, CODE(I32_CONST, S32(1024)));
    export("cabi_realloc", "iiii:i",
           CODE(GLOBAL_GET, 0, GLOBAL_GET, 0, LOCAL_GET, 3, I32_ADD, GLOBAL_SET, 0));
}

// "say" writes its text to standard output, and asks the host for it; the answer's first byte.
static struct built sayer(const char *text, bool is_user)
{
    uint8_t length = (uint8_t)strlen(text);
    uint32_t write = build_import_function("wasi_snapshot_preview1", "fd_write", "iiii:i");
    uint32_t ask = build_import_function("app", "ask", "ii:I");
    uint32_t say = is_user ? build_import_function("lib", "say", ":i") : 0;

    build_own_memory(text);
    export("say", ":i",
           CODE(I32_CONST, 1, I32_CONST, 16, I32_CONST, 1, I32_CONST, 4, CALL, (uint8_t)write, DROP,
                I32_CONST, 24, I32_CONST, length, CALL, (uint8_t)ask, I32_WRAP_I64, I32_LOAD8_U, 0,
                0));
    if (is_user)
        export("through", ":i", CODE(CALL, (uint8_t)say));
    return finish();
}

static void each_module_gives_the_host_addresses_of_its_own_memory(void **state)
{
    const pnf_link links[] = {link_of("lib", sayer("library;", false))};
    pnf_plugin *plugin =
        load_linked(sayer("main;", true),
                    POLICY "wasi: { stdout: capture }\nhost_functions: [app.ask]\n", links, 1);
    pnf_bytes output;
    int32_t result = 0;

    (void)state;
    assert_int_equal(pnf_call(plugin, "through() -> i32", &result), PNF_OK);
    assert_string_equal(asked, "library;");
    assert_int_equal(result, 'a');
    assert_int_equal(pnf_call(plugin, "say() -> i32", &result), PNF_OK);
    assert_string_equal(asked, "main;");
    assert_int_equal(result, 'a');
    output = pnf_output(plugin);
    assert_int_equal(output.length, 13);
    assert_memory_equal(output.data, "library;main;", 13);
}

static void a_library_may_stand_in_for_wasi(void **state)
{
    pnf_link links[1];
    uint32_t write;
    pnf_plugin *plugin;
    int32_t result = 0;

    (void)state;
    // It writes what is at 16 of its memory, whatever it is asked to write.
    write = build_import_function("wasi_snapshot_preview1", "fd_write", "iiii:i");
    build_own_memory("adapted;");
    export("fd_write", "iiii:i",
           CODE(LOCAL_GET, 0, I32_CONST, 16, I32_CONST, 1, I32_CONST, 4, CALL, (uint8_t)write));
    links[0] = link_of("wasi_snapshot_preview1", finish());
    plugin = load_linked(sayer("main;", false),
                         POLICY "wasi: { stdout: capture }\nhost_functions: [app.ask]\n", links, 1);
    assert_int_equal(pnf_call(plugin, "say() -> i32", &result), PNF_OK);
    assert_int_equal(pnf_output(plugin).length, 8);
    assert_memory_equal(pnf_output(plugin).data, "adapted;", 8);
}

// --- what is refused -----------------------------------------------------------------------------

static void what_is_no_library_is_refused_before_anything_is_read(void **state)
{
    struct built module = user();
    const struct {
        pnf_link links[2];
        size_t count;
        pnf_status status;
        const char *words;
    } cases[] = {
        {{{.path = "x.wasm"}}, 1, PNF_USAGE, "needs a name"},
        {{{.name = "x"}}, 1, PNF_USAGE, "either a path or bytes"},
        {{{.name = "x", .path = "x", .module = "x"}}, 1, PNF_USAGE, "either a path or bytes"},
        {{{.name = "x/y", .path = "x.wasm"}}, 1, PNF_USAGE, "'x/y' is no name of a library"},
        {{{.name = "x", .path = "~/x.wasm"}}, 1, PNF_USAGE, "not expanded"},
        {{{.name = "x", .path = "a"}, {.name = "x", .path = "b"}}, 2, PNF_USAGE, "given twice"},
        {{{.name = "x", .path = "/nonexistent/x.wasm"}},
         1,
         PNF_SYSTEM,
         "library 'x': cannot open module /nonexistent/x.wasm: No such file"},
        {{{.name = "x", .path = "/dev/null"}}, 1, PNF_SYSTEM, "not a regular file"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        pnf_source source = source_of(module, POLICY, cases[i].links, cases[i].count);

        expect_refusal(&source, cases[i].status, cases[i].words);
    }
}

static void what_no_library_exports_is_told(void **state)
{
    const pnf_link links[] = {link_of("math", doubler())};
    pnf_source source = source_of(user(), POLICY, links, 1);

    (void)state;
    expect_refusal(&source, PNF_UNLINKABLE,
                   "import 'add' of module 'math' is no function that the application offers; "
                   "library 'math' exports nothing of that name");
    assert_non_null(strstr(pnf_error_text(), "import 'add' of module 'math' in library 'math'"));
}

static void another_type_is_told_with_the_library(void **state)
{
    pnf_link links[1];
    pnf_source source;

    (void)state;
    export("add", "i:i", CODE(LOCAL_GET, 0));
    links[0] = link_of("math", finish());
    source = source_of(doubler(), POLICY, links, 1);
    expect_refusal(&source, PNF_UNLINKABLE,
                   "incompatible import type: 'add', which library 'math' exports as something "
                   "else");
}

static void a_library_that_is_malformed_is_told_by_name_and_offset(void **state)
{
    static const uint8_t bytes[] = {0, 'a', 's', 'm', 1, 0, 0, 0, 0x7F};
    const pnf_link links[] = {{.name = "broken", .module = bytes, .module_size = sizeof bytes}};
    pnf_source source = source_of(user(), POLICY, links, 1);

    (void)state;
    expect_refusal(&source, PNF_INVALID, "library 'broken': malformed section id");
    assert_non_null(strstr(pnf_error_text(), "(at offset 0x8)"));
    assert_int_equal(pnf_last_error()->offset, 8);
}

static void a_librarys_import_that_is_not_granted_is_denied(void **state)
{
    const pnf_link links[] = {link_of("lib", sayer("library;", false))};
    pnf_source source = source_of(adder(), POLICY, links, 1);

    (void)state;
    expect_refusal(&source, PNF_DENIED, "import host function app.ask in library 'lib'");
    assert_string_equal(pnf_last_error()->hint, "- app.ask");
}

static void a_library_with_another_hash_than_its_pin_is_denied(void **state)
{
    pnf_source source = source_of(user(), "", NULL, 0);
    char policy[PATH_MAX + 256];

    (void)state;
    write_module("pinned.wasm", adder());
    snprintf(policy, sizeof policy,
             "pinfold: 1\nlink:\n  - name: math\n    file: %s\n    sha256: %064d\n",
             fixture_in_folder("pinned.wasm"), 0);
    source.policy_text = policy;
    source.policy_size = strlen(policy);
    expect_refusal(&source, PNF_DENIED, "library 'math': denied: the module is not the one");
    assert_string_equal(pnf_last_error()->capability, "link[].sha256");
}

// --- traps ---------------------------------------------------------------------------------------

static void a_trap_in_a_librarys_start_names_it(void **state)
{
    pnf_link links[1];
    pnf_source source;

    (void)state;
    export("_initialize", ":", CODE(NOP, UNREACHABLE));
    links[0] = link_of("bad", finish());
    source = source_of(adder(), POLICY, links, 1);
    expect_refusal(&source, PNF_TRAP, "it could not be started: trap: unreachable, in function 0");
    assert_non_null(strstr(pnf_error_text(), "of library 'bad'"));
}

static void a_trap_in_a_call_names_the_library_that_it_is_in(void **state)
{
    pnf_link links[1];
    pnf_plugin *plugin;
    uint32_t die;

    (void)state;
    export("die", ":", CODE(UNREACHABLE));
    links[0] = link_of("bad", finish());
    die = build_import_function("bad", "die", ":");
    export("run", ":", CODE(CALL, (uint8_t)die));
    plugin = load_linked(finish(), POLICY, links, 1);
    assert_int_equal(pnf_call(plugin, "run()"), PNF_TRAP);
    assert_non_null(strstr(pnf_error_text(), "of library 'bad'"));
    assert_int_equal(pnf_last_error()->funcidx, 0);
}

// Memory is counted over all modules.
static void limits_are_for_all_modules_together(void **state)
{
    pnf_link links[2];
    pnf_source source;

    (void)state;
    for (int i = 0; i < 2; i++) {
        build_memory(20, 20);
        links[i] = link_of(i == 0 ? "one" : "two", finish());
    }
    source = source_of(adder(), POLICY "limits: { memory: 2MiB }\n", links, 2);
    expect_refusal(&source, PNF_LIMIT, "library 'two': ");
    source.link_count = 1;
    load(&source);
}

int main(void)
{
#define TEST(name_) cmocka_unit_test_setup_teardown(name_, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(libraries_of_an_application_are_linked_in_their_order),
        TEST(libraries_of_a_policy_lie_beside_it),
        TEST(what_a_plugin_is_linked_with_is_not_among_its_items),
        TEST(two_modules_share_memory_table_global_and_tag),
        TEST(modules_that_call_each_other_in_the_end_need_no_stack),
        TEST(each_module_gives_the_host_addresses_of_its_own_memory),
        TEST(a_library_may_stand_in_for_wasi),
        TEST(what_is_no_library_is_refused_before_anything_is_read),
        TEST(what_no_library_exports_is_told),
        TEST(another_type_is_told_with_the_library),
        TEST(a_library_that_is_malformed_is_told_by_name_and_offset),
        TEST(a_librarys_import_that_is_not_granted_is_denied),
        TEST(a_library_with_another_hash_than_its_pin_is_denied),
        TEST(a_trap_in_a_librarys_start_names_it),
        TEST(a_trap_in_a_call_names_the_library_that_it_is_in),
        TEST(limits_are_for_all_modules_together),
    };
#undef TEST

    if (!fixture_has_programs())
        return 0;
    return cmocka_run_group_tests(tests, fixture_make_folder, fixture_remove_folder);
}
