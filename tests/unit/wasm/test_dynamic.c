// SPDX-License-Identifier: Apache-2.0
//
// Dynamic linking of modules put together by hand: circles of imports, tags, constructors,
// libraries.
#include "tests/unit/wasm/dynamic_fixture.h"

// ask(x) of the main module calls the side's twice(x), which calls back add(x, x).
static void static_main_and_side_import_from_each_other(void **state)
{
    (void)state;
    uint32_t twice = build_import_function("env", "twice", "i:i");
    build_static_main();
    build_exported("add", "ii:i", CODE(LOCAL_GET, 0, LOCAL_GET, 1, I32_ADD));
    build_exported("ask", "i:i", CODE(LOCAL_GET, 0, CALL, (uint8_t)twice));
    build_exported("tail", "i:i", CODE(LOCAL_GET, 0, RETURN_CALL, (uint8_t)twice));
    add_module("");
    build_dylink(0, 0, 0, NULL, NULL);
    uint32_t add = build_import_function("env", "add", "ii:i");
    build_exported("twice", "i:i", CODE(LOCAL_GET, 0, LOCAL_GET, 0, CALL, (uint8_t)add));
    add_module("side");
    link_all();
    slots[0].u64 = 21;
    assert_int_equal(call_export(0, "ask"), 42);
    slots[0].u64 = 4;
    assert_int_equal(call_export(0, "tail"), 8);
}

// The side's function is in the main module's table before the side exists.
static void element_of_main_may_be_a_function_of_a_side(void **state)
{
    (void)state;
    uint32_t seven = build_import_function("env", "seven", ":i");
    build_static_main();
    build_element(SEGMENT_ACTIVE, 2, (const uint8_t[]){(uint8_t)seven}, 1);
    uint32_t type = build_type(":i");
    build_exported("ask", ":i", CODE(I32_CONST, 2, CALL_INDIRECT, (uint8_t)type, 0));
    add_module("");
    build_dylink(0, 0, 0, NULL, NULL);
    build_exported("seven", ":i", CODE(I32_CONST, 7));
    add_module("side");
    link_all();
    assert_int_equal(call_export(0, "ask"), 7);
}

// Its memory is not there yet: were it run, address 0 would be the process's.
static void function_of_a_side_that_is_called_too_early_traps(void **state)
{
    (void)state;
    uint32_t early = build_import_function("env", "early", "i:i");
    build_export("memory", EXTERNAL_MEMORY, build_memory(1, NO_MAXIMUM));
    build_exported("malloc", "i:i", CODE(LOCAL_GET, 0, CALL, (uint8_t)early));
    add_module("");
    build_dylink(16, 0, 0, NULL, NULL);
    build_import_memory("env", "memory", 1);
    build_exported("early", "i:i", CODE(LOCAL_GET, 0, I32_LOAD, 2, 0));
    add_module("side");
    assert_true(create());
    assert_int_equal(dynamic_instantiate(dynamic, &trap, &error), OUTCOME_TRAP);
    assert_int_equal(trap.code, TRAP_UNINITIALIZED_ELEMENT);
    assert_int_equal(dynamic_instantiate(dynamic, &trap, &error), OUTCOME_ERROR);
    assert_int_equal(error.code, ERROR_USAGE_STATE);
}

// The side throws what the main module catches: once a tag that the main module defines, and once
// the one that nobody does.
static void tags_are_one_for_all_modules(void **state)
{
    static const char *const names[] = {"mine", "__cpp_exception"};

    (void)state;
    for (int made = 0; made < 2; made++) {
        uint32_t tag = made ? build_import_tag("env", names[1], "i:") : 0;
        uint32_t thrower = build_import_function("env", "throw", ":");
        build_static_main();
        if (!made) {
            tag = build_tag("i:");
            build_export(names[0], EXTERNAL_TAG, tag);
        }
        build_exported("ask", ":i",
                       CODE(BLOCK, I32, TRY_TABLE, EMPTY, 1, 0, (uint8_t)tag, 0, CALL,
                            (uint8_t)thrower, END, I32_CONST, 0, END));
        add_module("");
        build_dylink(0, 0, 0, NULL, NULL);
        uint32_t thrown = build_import_tag("env", names[made], "i:");
        build_exported("throw", ":", CODE(I32_CONST, 42, THROW, (uint8_t)thrown));
        add_module("side");
        link_all();
        assert_int_equal(call_export(0, "ask"), 42);
        begin_again();
    }
}

// As wasm-ld makes it of static code and side modules: what needs whom, and GOT entries, but data
// of its own at fixed addresses.
static void static_main_may_say_what_it_needs(void **state)
{
    (void)state;
    build_dylink(0, 4, 0, "side", "absent");
    uint32_t absent = build_import_function("env", "absent", ":");
    build_import_global("GOT.mem", "there", I32, true);
    build_static_main();
    build_symbol("here", 40);
    build_exported("call", ":", CODE(CALL, (uint8_t)absent));
    build_exported("there", ":i", CODE(I32_CONST, 16, I32_LOAD, 2, 0));
    build_exported("__wasm_apply_data_relocs", ":",
                   CODE(I32_CONST, 16, GLOBAL_GET, 0, I32_STORE, 2, 0));
    add_module("");
    build_dylink(16, 0, 0, NULL, NULL);
    build_shared_imports();
    build_import_global("GOT.mem", "here", I32, true);
    build_symbol("there", 4);
    build_exported("base", ":i", CODE(GLOBAL_GET, 1));
    build_exported("here", ":i", CODE(GLOBAL_GET, 3));
    add_module("side");
    link_all();
    assert_int_equal(call_export(1, "here"), 40);
    assert_int_equal(call_export(0, "there"), call_export(1, "base") + 4);
    begin_again();
    build_dylink(0, 4, 0, "other", NULL);
    build_static_main();
    add_module("");
    refuse(ERROR_DYNAMIC_LINKING, "the main module needs other");
}

static void library_that_is_needed_must_be_there(void **state)
{
    (void)state;
    build_static_main();
    add_module("");
    build_dylink(0, 0, 0, "libfoo.so", NULL);
    add_module("libbar.so");
    refuse(ERROR_DYNAMIC_LINKING, "libbar.so needs libfoo.so: link it with --link libfoo.so=FILE");
}

// Each constructor appends its digit to the number that the main module exports at address 16.
static void build_constructed(uint8_t digit, const char *needed, const char *name)
{
    build_dylink(0, 0, 0, needed, NULL);
    build_import_memory("env", "memory", 1);
    build_exported(digit == 2 ? "_initialize" : "__wasm_call_ctors", ":",
                   CODE(I32_CONST, 16, I32_CONST, 16, I32_LOAD, 2, 0, I32_CONST, 10, I32_MUL,
                        I32_CONST, digit, I32_ADD, I32_STORE, 2, 0));
    add_module(name);
}

static void constructors_run_dependencies_first_then_in_order(void **state)
{
    uint32_t value;

    (void)state;
    build_static_main();
    add_module("");
    build_constructed(1, "two", "one");
    build_constructed(2, "one", "two"); // a circle
    build_constructed(3, NULL, "three");
    link_all();
    memcpy(&value, modules[0].instance->memory_base + 16, sizeof value);
    assert_int_equal(value, 0);
    assert_int_equal(dynamic_construct(dynamic, &trap), OUTCOME_OK);
    memcpy(&value, modules[0].instance->memory_base + 16, sizeof value);
    assert_int_equal(value, 213);
}

static enum trap_code note_caller(void *context, struct store *store, union slot *arguments)
{
    (void)arguments;
    *(struct instance **)context = engine_caller(store);
    return TRAP_NONE;
}

// The host's function, exported again: there is no code of the module's on the way.
static void constructor_that_is_the_hosts_is_called_by_its_module(void **state)
{
    struct instance *caller = NULL;

    (void)state;
    define_host("note", ":", note_caller, &caller);
    build_static_main();
    add_module("");
    build_dylink(0, 0, 0, NULL, NULL);
    build_export("__wasm_call_ctors", EXTERNAL_FUNCTION,
                 build_import_function("host", "note", ":"));
    add_module("first");
    build_dylink(0, 0, 0, NULL, NULL);
    add_module("second");
    link_all();
    assert_int_equal(dynamic_construct(dynamic, &trap), OUTCOME_OK);
    assert_ptr_equal(caller, modules[1].instance);
}

static void side_modules_have_names_of_their_own(void **state)
{
    (void)state;
    build_static_main();
    add_module("");
    build_constructed(1, NULL, "one");
    build_constructed(2, NULL, "one");
    refuse(ERROR_DYNAMIC_LINKING, "two side modules are named one");
}

static void side_module_without_its_section_is_refused(void **state)
{
    (void)state;
    build_static_main();
    add_module("");
    build_exported("f", ":", NO_CODE);
    add_module("plain");
    refuse(ERROR_DYNAMIC_LINKING, "plain is no side module");
}

static void side_with_data_outside_of_memory_traps(void **state)
{
    (void)state;
    build_static_main();
    add_module("");
    build_dylink(0, 0, 0, NULL, NULL);
    build_import_memory("env", "memory", 1);
    build_data(SEGMENT_ACTIVE, 2 * MEMORY_PAGE_BYTES, (const uint8_t *)"x", 1);
    add_module("side");
    assert_true(create());
    assert_int_equal(dynamic_instantiate(dynamic, &trap, &error), OUTCOME_TRAP);
    assert_int_equal(trap.code, TRAP_MEMORY_OUT_OF_BOUNDS);
    assert_ptr_equal(trap.instance, modules[1].instance);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(static_main_and_side_import_from_each_other),
        TEST(element_of_main_may_be_a_function_of_a_side),
        TEST(function_of_a_side_that_is_called_too_early_traps),
        TEST(tags_are_one_for_all_modules),
        TEST(static_main_may_say_what_it_needs),
        TEST(library_that_is_needed_must_be_there),
        TEST(constructors_run_dependencies_first_then_in_order),
        TEST(constructor_that_is_the_hosts_is_called_by_its_module),
        TEST(side_modules_have_names_of_their_own),
        TEST(side_module_without_its_section_is_refused),
        TEST(side_with_data_outside_of_memory_traps),
    };

    return cmocka_run_group_tests(tests, run_group_set_up, NULL);
}
