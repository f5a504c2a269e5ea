// SPDX-License-Identifier: Apache-2.0
//
// Several modules in one session.
#include "sandbox/session.h"

#include <time.h>

#include "tests/unit/sandbox/session_fixture.h"

enum { PAGES = 1 };

static void expect_text(const char *part)
{
    incoming[incoming_length] = '\0';
    if (strstr((const char *)incoming, part) == NULL)
        fail_msg("'%s' is not in '%s'", part, (const char *)incoming);
}

// A library "math" that exports add, a table with it, a memory, a global and a tag.
static void build_math(void)
{
    uint32_t add;
    uint32_t throw;

    build_memory(PAGES, PAGES);
    build_export("memory", EXTERNAL_MEMORY, 0);
    build_export("base", EXTERNAL_GLOBAL, build_global(I32, true, CODE(I32_CONST, 40)));
    build_export("table", EXTERNAL_TABLE, build_table(FUNCREF, 2, 2));
    build_export("tag", EXTERNAL_TAG, build_tag("i:"));
    add = build_function("ii:i", "", CODE(LOCAL_GET, 0, LOCAL_GET, 1, I32_ADD));
    throw = build_function("i:", "", CODE(LOCAL_GET, 0, THROW, 0));
    build_export("add", EXTERNAL_FUNCTION, add);
    build_export("throw", EXTERNAL_FUNCTION, throw);
    build_element(SEGMENT_ACTIVE, 0, CODE((uint8_t)add));
    build_data(SEGMENT_ACTIVE, 8, (const uint8_t *)"\x2a", 1);
    finish_library("math");
}

// A library whose start function would show.
static void build_bystander(void)
{
    build_start(build_function(":", "", CODE(UNREACHABLE)));
    finish_library("bystander");
}

static void load_it(const char *const *services)
{
    start_session();
    expect(MESSAGE_MODULE_REPORT);
    send_link(services);
}

#define START(...) load_it((const char *const[]){__VA_ARGS__})

// --- what is linked ------------------------------------------------------------------------------

static void functions_memories_tables_globals_and_tags_are_linked_by_name(void **state)
{
    uint32_t add;
    uint32_t throw;

    (void)state;
    build_math();
    add = build_import_function("math", "add", "ii:i");
    throw = build_import_function("math", "throw", "i:");
    build_import_memory("math", "memory", PAGES);
    build_import_table("math", "table", FUNCREF, 2);
    build_import_global("math", "base", I32, true);
    build_import_tag("math", "tag", "i:");
    // 42 from the memory and 40 from the global, by the table's function and by the imported one,
    // and what is thrown there and caught here.
    build_exported("sum", ":i",
                   CODE(I32_CONST, 8, I32_LOAD, 2, 0, GLOBAL_GET, 0, I32_CONST, 0, CALL_INDIRECT,
                        (uint8_t)build_type("ii:i"), 0, BLOCK, I32, TRY_TABLE, EMPTY, 1, 0, 0, 0,
                        I32_CONST, 7, CALL, (uint8_t) throw, END, UNREACHABLE, END, CALL,
                        (uint8_t)add));
    build_exported("set", "i:", CODE(LOCAL_GET, 0, GLOBAL_SET, 0));
    START(NULL);
    expect(MESSAGE_LOADED);
    SEND_CALL("sum() -> i32");
    expect_result();
    assert_int_equal(words[0], 42 + 40 + 7);
    SEND_CALL("set(to: i32)", WORD(1));
    expect_result();
    SEND_CALL("sum() -> i32");
    expect_result();
    assert_int_equal(words[0], 42 + 1 + 7);
    shut_down();
}

static void the_report_says_whose_imports_are_linked(void **state)
{
    static const struct {
        const char *name;
        uint8_t owner, flags;
    } wanted[] = {{"add", 0, REPORT_LINKED}, {"sub", 0, 0}, {"log", 0, 0}, {"log", 1, 0},
                  {"add", 2, REPORT_LINKED}, {"more", 2, 0}};
    struct error error = {.code = ERROR_NONE};
    struct report_reader reader;
    struct report_item item;

    (void)state;
    build_import_function("app", "log", ":");
    build_exported("add", ":", CODE(NOP));
    finish_library("one");
    build_import_function("one", "add", ":");
    build_import_function("three", "more", ":");
    finish_library("two");
    build_exported("more", ":", CODE(NOP));
    finish_library("three");
    build_import_function("one", "add", ":");
    build_import_function("one", "sub", ":");
    build_import_function("app", "log", ":");
    start_session();
    expect(MESSAGE_MODULE_REPORT);
    assert_true(report_open(&reader, incoming, incoming_length, &error));
    assert_int_equal(reader.head.counts[REPORT_IMPORT], sizeof wanted / sizeof wanted[0]);
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        assert_true(report_next(&reader, &item));
        assert_int_equal(item.part, REPORT_IMPORT);
        assert_memory_equal(item.name.bytes, wanted[i].name, item.name.length);
        assert_int_equal(item.owner, wanted[i].owner);
        assert_int_equal(item.flags, wanted[i].flags);
    }
    shut_down();
}

static void libraries_import_from_those_in_front_of_them(void **state)
{
    uint32_t import;

    (void)state;
    build_exported("one", ":i", CODE(I32_CONST, 1));
    finish_library("first");
    import = build_import_function("first", "one", ":i");
    build_exported("two", ":i", CODE(CALL, (uint8_t)import, I32_CONST, 1, I32_ADD));
    finish_library("second.so");
    import = build_import_function("second.so", "two", ":i");
    build_exported("three", ":i", CODE(CALL, (uint8_t)import, I32_CONST, 1, I32_ADD));
    START(NULL);
    expect(MESSAGE_LOADED);
    SEND_CALL("three() -> i32");
    expect_result();
    assert_int_equal(words[0], 3);
    shut_down();
}

// The adapter's own import of the name is the system's, everybody else's is the adapter's.
static void a_library_may_stand_in_for_functions_of_wasi(void **state)
{
    uint32_t import;

    (void)state;
    import = build_import_function("wasi_snapshot_preview1", "sched_yield", ":i");
    build_exported("sched_yield", ":i", CODE(CALL, (uint8_t)import, I32_CONST, 60, I32_ADD));
    finish_library("wasi_snapshot_preview1");
    import = build_import_function("wasi_snapshot_preview1", "sched_yield", ":i");
    build_import_function("wasi_snapshot_preview1", "fd_close", "i:i");
    build_exported("yield", ":i", CODE(CALL, (uint8_t)import));
    build_exported("close", ":i", CODE(I32_CONST, 60, CALL, 1));
    START("wasi", "wasi", NULL);
    expect(MESSAGE_LOADED);
    SEND_CALL("yield() -> i32");
    expect_result();
    assert_int_equal(words[0], 60);
    SEND_CALL("close() -> i32");
    expect_result();
    assert_int_equal(words[0], WASI_BADF);
    shut_down();
}

static void host_functions_are_counted_over_all_modules(void **state)
{
    uint32_t import;

    (void)state;
    import = build_import_function("app", "low", "i:i");
    build_exported("low", "i:i", CODE(LOCAL_GET, 0, CALL, (uint8_t)import));
    finish_library("lib");
    build_import_function("app", "high", "i:i");
    import = build_import_function("lib", "low", "i:i");
    build_exported("low", "i:i", CODE(LOCAL_GET, 0, CALL, (uint8_t)import));
    build_exported("high", "i:i", CODE(LOCAL_GET, 0, CALL, 0));
    START("app.high(x: i32) -> i32", "app.low(x: i32) -> i32", NULL);
    expect(MESSAGE_LOADED);
    SEND_CALL("low(x: i32) -> i32", WORD(5));
    expect_host_call(1);
    SEND_RESULT("app.low(x: i32) -> i32", WORD(6));
    expect_result();
    assert_int_equal(words[0], 6);
    SEND_CALL("high(x: i32) -> i32", WORD(5));
    expect_host_call(0);
    SEND_RESULT("app.high(x: i32) -> i32", WORD(7));
    expect_result();
    assert_int_equal(words[0], 7);
    shut_down();
}

// --- side modules --------------------------------------------------------------------------------

// What makes a side module of what is being built: no data, no elements.
static void build_side(void)
{
    static const uint8_t section[] = "\x08"
                                     "dylink.0"
                                     "\x01\x04\0\0\0\0";

    build_section(0, section, sizeof section - 1);
}

// One that needs "libfoo.so".
static void build_needy(void)
{
    static const uint8_t section[] = "\x08"
                                     "dylink.0"
                                     "\x02\x0b\x01\x09"
                                     "libfoo.so";

    build_section(0, section, sizeof section - 1);
}

// Who only looks at a module has none of its libraries, and what dylink.0 says makes none invalid.
static void what_cannot_be_linked_can_be_looked_at(void **state)
{
    (void)state;
    build_needy();
    build_import_function("env", "foo", ":");
    start_session();
    expect(MESSAGE_MODULE_REPORT);
    shut_down();
}

static void what_cannot_be_linked_is_refused_when_it_is_linked(void **state)
{
    (void)state;
    build_bystander();
    build_needy();
    build_import_function("env", "foo", ":");
    START(NULL);
    expect_error(ERROR_DYNAMIC_LINKING);
    expect_text("the main module needs libfoo.so");
    join_session(true);
}

// Side modules are instantiated when all other libraries are there, whatever the order says.
static void a_side_module_takes_no_library_away_from_others(void **state)
{
    uint32_t import;

    (void)state;
    build_side();
    import = build_import_function("wasi_snapshot_preview1", "sched_yield", ":i");
    build_exported("yield", ":i", CODE(CALL, (uint8_t)import));
    finish_library("side");
    build_exported("sched_yield", ":i", CODE(I32_CONST, 60));
    finish_library("wasi_snapshot_preview1");
    import = build_import_function("wasi_snapshot_preview1", "sched_yield", ":i");
    build_import_function("env", "yield", ":i");
    build_exported("here", ":i", CODE(CALL, (uint8_t)import));
    build_exported("there", ":i", CODE(CALL, 1));
    START(NULL);
    expect(MESSAGE_LOADED);
    SEND_CALL("here() -> i32");
    expect_result();
    assert_int_equal(words[0], 60);
    SEND_CALL("there() -> i32");
    expect_result();
    assert_int_equal(words[0], 60);
    shut_down();
}

// --- whose memory --------------------------------------------------------------------------------

// Writes what is at 16 of its own memory, to descriptor 1; the text is behind the vector.
static void build_writer(const char *name, const char *text)
{
    uint8_t data[16] = {24, 0, 0, 0, (uint8_t)strlen(text)};
    uint32_t import = build_import_function("wasi_snapshot_preview1", "fd_write", "iiii:i");

    memcpy(data + 8, text, strlen(text));
    build_allocator();
    build_data(SEGMENT_ACTIVE, 16, data, sizeof data);
    build_exported(
        name, ":i",
        CODE(I32_CONST, 1, I32_CONST, 16, I32_CONST, 1, I32_CONST, 48, CALL, (uint8_t)import));
}

static void wasi_reads_the_memory_of_the_module_that_calls_it(void **state)
{
    uint32_t import;

    (void)state;
    policy.wasi_stdout = POLICY_WASI_STDOUT_CAPTURE;
    build_writer("write", "library;");
    finish_library("lib");
    import = build_import_function("lib", "write", ":i");
    build_writer("write", "main;");
    build_exported("both", ":i", CODE(CALL, 3, DROP, CALL, (uint8_t)import, DROP, CALL, 3));
    START("wasi", "wasi", NULL);
    expect(MESSAGE_LOADED);
    SEND_CALL("write() -> i32");
    expect_result();
    SEND_CALL("both() -> i32");
    expect_result();
    shut_down();
    output[output_length] = 0;
    assert_string_equal(output, "main;main;library;main;");
}

// A library's text goes to the host from its memory, and what comes back into memory that its own
// cabi_realloc gives; meanwhile the host calls the plugin, whose arguments are in the main memory.
static void a_host_function_works_on_the_memory_of_the_library_that_calls_it(void **state)
{
    static const char signature[] = "app.ask(text: str) -> str";
    uint32_t import;

    (void)state;
    import = build_import_function("app", "ask", "ii:I");
    build_allocator();
    build_data(SEGMENT_ACTIVE, 512, (const uint8_t *)"library?", 8);
    // The answer's first byte, which is in this memory.
    build_exported("ask", ":i",
                   CODE(I32_CONST, S32(512), I32_CONST, 8, CALL, (uint8_t)import, I32_WRAP_I64,
                        I32_LOAD8_U, 0, 0));
    finish_library("lib");
    import = build_import_function("lib", "ask", ":i");
    build_allocator();
    build_data(SEGMENT_ACTIVE, 512, (const uint8_t *)"main----", 8);
    build_exported("ask", ":i", CODE(CALL, (uint8_t)import));
    build_exported("echo", "ii:I", CODE(PACKED));
    START(signature, NULL);
    expect(MESSAGE_LOADED);
    SEND_CALL("ask() -> i32");
    expect_host_call(0);
    expect_block(0, "library?");
    SEND_CALL("echo(text: str) -> str", BLOCK("from main"));
    expect_result();
    expect_block(0, "from main");
    SEND_RESULT("app.ask(text: str) -> str", BLOCK("Z"));
    expect_result();
    assert_int_equal(words[0], 'Z');
    shut_down();
}

static void a_library_without_memory_cannot_give_an_address(void **state)
{
    uint32_t import;

    (void)state;
    import = build_import_function("app", "say", "ii:");
    build_exported("say", ":", CODE(I32_CONST, 0, I32_CONST, 1, CALL, (uint8_t)import));
    finish_library("lib");
    import = build_import_function("lib", "say", ":");
    build_allocator();
    build_exported("say", ":", CODE(CALL, (uint8_t)import));
    START("app.say(text: str)", NULL);
    expect(MESSAGE_LOADED);
    SEND_CALL("say()");
    expect_trap(TRAP_MEMORY_OUT_OF_BOUNDS);
    shut_down();
}

static void a_library_that_gets_blocks_needs_a_reallocation_of_its_own(void **state)
{
    (void)state;
    build_import_function("app", "ask", "ii:I");
    finish_library("lib");
    build_allocator();
    START("app.ask(text: str) -> str", NULL);
    expect_error(ERROR_USAGE_EXPORT);
    expect_text("library 'lib': ");
    expect_text("cabi_realloc");
    join_session(true);
}

static double seconds_of(clockid_t clock)
{
    struct timespec now;

    assert_int_equal(clock_gettime(clock, &now), 0);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

// Each import that gets a block asks for cabi_realloc, which is behind other exports of its length.
static void many_imports_and_many_exports_are_no_product(void **state)
{
    enum { IMPORTS = 50000, EXPORTS = 44000 };
    struct report_writer writer = {.size = IMPORTS * REPORT_LINK_MAX};
    struct signature signature;
    struct plan plan = plan_of("app.ask() -> str", &signature);
    char name[32];
    clockid_t clock;

    (void)state;
    for (int i = 0; i < IMPORTS; i++)
        build_import_function("app", "ask", ":I");
    for (int i = 0; i < EXPORTS; i++) {
        snprintf(name, sizeof name, "cabi_re%05d", i);
        build_export(name, EXTERNAL_FUNCTION, 0);
    }
    build_allocator();
    start_session();
    expect(MESSAGE_MODULE_REPORT);
    writer.bytes = malloc(writer.size);
    assert_non_null(writer.bytes);
    for (int i = 0; i < IMPORTS; i++)
        report_put_link(&writer, REPORT_HOST, &plan);
    host_send_long(MESSAGE_LINK, writer.bytes, writer.length, IMPORTS);
    free(writer.bytes);
    expect(MESSAGE_LOADED);
    assert_int_equal(pthread_getcpuclockid(thread, &clock), 0);
    assert_true(seconds_of(clock) < 0.6);
    shut_down();
}

// Also from a start function, of a module that is no instance for others yet.
static void a_start_function_of_a_library_has_its_own_memory(void **state)
{
    uint32_t import;

    (void)state;
    import = build_import_function("app", "say", "ii:");
    build_allocator();
    build_data(SEGMENT_ACTIVE, 512, (const uint8_t *)"start", 5);
    build_data(SEGMENT_ACTIVE, 520, (const uint8_t *)"init", 4);
    build_start(
        build_function(":", "", CODE(I32_CONST, S32(512), I32_CONST, 5, CALL, (uint8_t)import)));
    build_exported("_initialize", ":",
                   CODE(I32_CONST, S32(520), I32_CONST, 4, CALL, (uint8_t)import));
    finish_library("lib");
    build_allocator();
    START("app.say(text: str)", NULL);
    expect_host_call(0);
    expect_block(0, "start");
    SEND_RESULT("app.say(text: str)");
    expect_host_call(0);
    expect_block(0, "init");
    SEND_RESULT("app.say(text: str)");
    expect(MESSAGE_LOADED);
    shut_down();
}

// --- order and ends ------------------------------------------------------------------------------

static void initialisers_of_libraries_run_once_and_before_the_next_module(void **state)
{
    uint32_t global;

    (void)state;
    global = build_global(I32, true, CODE(I32_CONST, 0));
    build_export("runs", EXTERNAL_GLOBAL, global);
    build_start(build_function(":", "", CODE(I32_CONST, 5, GLOBAL_SET, 0)));
    build_exported("_initialize", ":", CODE(GLOBAL_GET, 0, I32_CONST, 1, I32_ADD, GLOBAL_SET, 0));
    finish_library("lib");
    build_import_global("lib", "runs", I32, true);
    build_global(I32, true, CODE(I32_CONST, 0));
    build_start(build_function(":", "", CODE(GLOBAL_GET, 0, GLOBAL_SET, 1)));
    build_exported("seen", ":i", CODE(GLOBAL_GET, 1));
    START(NULL);
    expect(MESSAGE_LOADED);
    SEND_CALL("seen() -> i32");
    expect_result();
    assert_int_equal(words[0], 6);
    shut_down();
}

static void a_trap_tells_which_module_it_was_in(void **state)
{
    struct message message;
    uint32_t import;

    (void)state;
    finish_library("empty");
    build_exported("die", ":", CODE(UNREACHABLE));
    finish_library("lib");
    import = build_import_function("lib", "die", ":");
    build_exported("there", ":", CODE(CALL, (uint8_t)import));
    build_exported("here", ":", CODE(UNREACHABLE));
    START(NULL);
    expect(MESSAGE_LOADED);
    SEND_CALL("there()");
    message = expect(MESSAGE_TRAP);
    assert_int_equal(message.words[2], 1);
    assert_int_equal(message.words[3], 0);
    assert_int_equal(message.words[6], 2);
    SEND_CALL("here()");
    message = expect(MESSAGE_TRAP);
    assert_int_equal(message.words[3], 2);
    assert_int_equal(message.words[6], 0);
    shut_down();
}

static void a_trap_in_a_librarys_start_is_the_end(void **state)
{
    (void)state;
    finish_library("empty");
    build_start(build_function(":", "", CODE(UNREACHABLE)));
    finish_library("lib");
    START(NULL);
    assert_int_equal(expect(MESSAGE_TRAP).words[6], 2);
    join_session(true);
}

static void data_of_a_library_outside_of_its_memory_is_its_trap(void **state)
{
    (void)state;
    build_memory(PAGES, PAGES);
    build_data(SEGMENT_ACTIVE, 65536, (const uint8_t *)"x", 1);
    finish_library("lib");
    START(NULL);
    assert_int_equal(expect(MESSAGE_TRAP).words[6], 1);
    join_session(true);
}

static void a_library_may_exit_while_it_starts(void **state)
{
    uint32_t import;

    (void)state;
    import = build_import_function("wasi_snapshot_preview1", "proc_exit", "i:");
    build_exported("_initialize", ":", CODE(I32_CONST, 3, CALL, (uint8_t)import));
    finish_library("lib");
    START("wasi", NULL);
    assert_int_equal(expect(MESSAGE_EXIT).words[0], 3);
    join_session(true);
}

// --- what is refused, before anything runs -------------------------------------------------------

static void expect_mismatch(const char *part)
{
    START(NULL);
    expect_error(ERROR_INCOMPATIBLE_IMPORT_TYPE);
    expect_text(part);
    join_session(true);
}

static void a_function_of_another_type_is_refused_before_anything_runs(void **state)
{
    (void)state;
    build_bystander();
    build_math();
    build_import_function("math", "add", "ii:I");
    expect_mismatch("'add', which library 'math' exports as something else");
}

static void a_memory_of_another_maximum_is_refused_before_anything_runs(void **state)
{
    const struct memorytype type = {.limits = {.minimum = 1, .address64 = true}};

    (void)state;
    build_bystander();
    build_math();
    build_import_memory_of("math", "memory", &type);
    expect_mismatch("'memory'");
}

static void a_tag_of_another_type_is_refused_in_a_library_too(void **state)
{
    (void)state;
    build_bystander();
    build_math();
    build_import_tag("math", "tag", ":");
    finish_library("user");
    expect_mismatch("library 'user': incompatible import type: 'tag'");
}

static void what_is_too_small_when_it_is_linked_is_refused_then(void **state)
{
    (void)state;
    build_math();
    build_import_memory("math", "memory", PAGES + 1);
    START(NULL);
    expect_error(ERROR_INCOMPATIBLE_IMPORT_TYPE);
    expect_text("math.memory");
    join_session(true);
}

static void an_initialiser_with_parameters_is_refused(void **state)
{
    (void)state;
    build_bystander();
    build_exported("_initialize", "i:", CODE(NOP));
    finish_library("lib");
    START(NULL);
    expect_error(ERROR_USAGE_SIGNATURE);
    expect_text("library 'lib': ");
    expect_text("_initialize");
    join_session(true);
}

static void memories_are_counted_in_each_module(void **state)
{
    (void)state;
    build_memory(PAGES, PAGES);
    finish_library("one");
    build_memory(PAGES, PAGES);
    build_memory(PAGES, PAGES);
    finish_library("two");
    build_memory(PAGES, PAGES);
    START(NULL);
    expect_error(ERROR_LIMIT_COUNT);
    expect_text("library 'two': ");
    expect_text("limits.memories is 1");
    join_session(true);
}

static void a_library_that_is_no_module_is_an_error_with_its_name(void **state)
{
    (void)state;
    finish_library("good");
    finish_library("bad");
    library_bytes[libraries_size - 5] ^= 1;
    start_session();
    expect_error(ERROR_MAGIC);
    expect_text("library 'bad': ");
    join_session(true);
}

static void a_table_of_libraries_that_is_none_is_an_error(void **state)
{
    (void)state;
    finish_library("same");
    finish_library("same");
    start_session();
    expect_error(ERROR_USAGE_ARGUMENT);
    join_session(true);
}

static void a_library_outside_of_what_is_mapped_is_an_error(void **state)
{
    (void)state;
    finish_library("long");
    libraries[0].size++;
    start_session();
    expect_error(ERROR_USAGE_ARGUMENT);
    join_session(true);
}

static void a_link_for_other_imports_is_an_error(void **state)
{
    (void)state;
    build_math();
    build_import_function("math", "add", "ii:i");
    START("app.add(a: i32, b: i32) -> i32", NULL); // which is linked already
    expect_error(ERROR_USAGE_ARGUMENT);
    join_session(true);
}

int main(void)
{
#define TEST(name_) cmocka_unit_test_setup_teardown(name_, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(functions_memories_tables_globals_and_tags_are_linked_by_name),
        TEST(the_report_says_whose_imports_are_linked),
        TEST(libraries_import_from_those_in_front_of_them),
        TEST(a_library_may_stand_in_for_functions_of_wasi),
        TEST(host_functions_are_counted_over_all_modules),
        TEST(what_cannot_be_linked_can_be_looked_at),
        TEST(what_cannot_be_linked_is_refused_when_it_is_linked),
        TEST(a_side_module_takes_no_library_away_from_others),
        TEST(wasi_reads_the_memory_of_the_module_that_calls_it),
        TEST(a_host_function_works_on_the_memory_of_the_library_that_calls_it),
        TEST(a_library_without_memory_cannot_give_an_address),
        TEST(a_library_that_gets_blocks_needs_a_reallocation_of_its_own),
        TEST(many_imports_and_many_exports_are_no_product),
        TEST(a_start_function_of_a_library_has_its_own_memory),
        TEST(initialisers_of_libraries_run_once_and_before_the_next_module),
        TEST(a_trap_tells_which_module_it_was_in),
        TEST(a_trap_in_a_librarys_start_is_the_end),
        TEST(data_of_a_library_outside_of_its_memory_is_its_trap),
        TEST(a_library_may_exit_while_it_starts),
        TEST(a_function_of_another_type_is_refused_before_anything_runs),
        TEST(a_memory_of_another_maximum_is_refused_before_anything_runs),
        TEST(a_tag_of_another_type_is_refused_in_a_library_too),
        TEST(what_is_too_small_when_it_is_linked_is_refused_then),
        TEST(an_initialiser_with_parameters_is_refused),
        TEST(memories_are_counted_in_each_module),
        TEST(a_library_that_is_no_module_is_an_error_with_its_name),
        TEST(a_table_of_libraries_that_is_none_is_an_error),
        TEST(a_library_outside_of_what_is_mapped_is_an_error),
        TEST(a_link_for_other_imports_is_an_error),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
