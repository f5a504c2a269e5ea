// SPDX-License-Identifier: Apache-2.0
//
// Where modules that are linked dynamically get their data and their elements, in main modules of
// both kinds.
#include "tests/unit/wasm/dynamic_fixture.h"

static void data_of_a_side_is_allocated_aligned_and_zeroed(void **state)
{
    (void)state;
    build_static_main();
    add_module("");
    build_dylink(48, 6, 0, NULL, NULL);
    build_shared_imports();
    build_based_data((const uint8_t *)"data", 4);
    build_exported("base", ":i", CODE(GLOBAL_GET, 1));
    add_module("side");
    link_all();

    uint64_t base = call_export(1, "base");
    const uint8_t *bytes = modules[0].instance->memory_base;
    static const uint8_t zeroes[44];

    assert_int_equal(base, HEAP + 64);
    assert_memory_equal(bytes + base, "data", 4);
    assert_memory_equal(bytes + base + 4, zeroes, sizeof zeroes);
    assert_int_equal(bytes[base - 1], 0xee);
    assert_int_equal(bytes[base + 48], 0xee);
}

static void build_needy_side(void)
{
    build_dylink(48, 4, 0, NULL, NULL);
    build_import_memory("env", "memory", 1);
    add_module("needy");
}

static void main_without_an_allocator_is_told_what_to_export(void **state)
{
    (void)state;
    build_export("memory", EXTERNAL_MEMORY, build_memory(1, NO_MAXIMUM));
    build_exported("malloc", "I:i", CODE(I32_CONST, 1)); // of another type
    add_module("");
    build_needy_side();
    refuse(ERROR_DYNAMIC_LINKING, "-Wl,--export=malloc");
}

static void allocator_that_lies_is_refused(void **state)
{
    static const uint32_t lies[] = {0, 65536, 65530, UINT32_MAX};

    (void)state;
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        build_export("memory", EXTERNAL_MEMORY, build_memory(1, NO_MAXIMUM));
        build_exported("malloc", "i:i", CODE(I32_CONST, S32(lies[i])));
        add_module("");
        build_needy_side();
        assert_true(create());
        assert_int_equal(dynamic_instantiate(dynamic, &trap, &error), OUTCOME_ERROR);
        assert_int_equal(error.code, ERROR_LIMIT_LINEAR_MEMORY);
        assert_non_null(strstr(error.message, "needy"));
        begin_again();
    }
}

// aligned_alloc(alignment, size) is 2048 + size, cabi_realloc(0, 0, alignment, size) 3072 + size.
static void every_kind_of_allocator_is_asked_in_its_way(void **state)
{
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        build_export("memory", EXTERNAL_MEMORY, build_memory(1, NO_MAXIMUM));
        if (kind == 0)
            build_exported("aligned_alloc", "ii:i",
                           CODE(I32_CONST, S32(2048), LOCAL_GET, 1, I32_ADD));
        build_exported("cabi_realloc", "iiii:i",
                       CODE(I32_CONST, S32(3072), LOCAL_GET, 3, I32_ADD, LOCAL_GET, 0, I32_ADD,
                            LOCAL_GET, 1, I32_ADD));
        add_module("");
        build_dylink(48, 4, 0, NULL, NULL);
        build_import_global("env", "__memory_base", I32, false);
        build_exported("base", ":i", CODE(GLOBAL_GET, 0));
        add_module("side");
        link_all();
        assert_int_equal(call_export(1, "base"), (kind == 0 ? 2048 : 3072) + 64);
        begin_again();
    }
}

static void no_element_of_a_side_is_the_null_pointer(void **state)
{
    (void)state;
    build_export("__indirect_function_table", EXTERNAL_TABLE, build_table(FUNCREF, 0, NO_MAXIMUM));
    add_module("");
    build_dylink(0, 0, 2, NULL, NULL);
    build_import_global("env", "__table_base", I32, false);
    build_exported("table", ":i", CODE(GLOBAL_GET, 0));
    add_module("side");
    link_all();
    assert_int_equal(call_export(1, "table"), 1);
    assert_int_equal(modules[0].instance->tables[0]->size, 3);
}

static void table_that_cannot_grow_is_told_how(void **state)
{
    (void)state;
    build_export("__indirect_function_table", EXTERNAL_TABLE, build_table(FUNCREF, 4, 4));
    add_module("");
    build_dylink(0, 0, 1, NULL, NULL);
    add_module("side");
    assert_true(create());
    assert_int_equal(dynamic_instantiate(dynamic, &trap, &error), OUTCOME_ERROR);
    assert_non_null(strstr(error.message, "--growable-table"));
}

// The main module and the side have 40 bytes of data each; relocating stores the other's address,
// which the constructor and the main module see.
static void position_independent_main_gets_memory_and_table(void **state)
{
    static const char *const here[] = {"m", "s"};

    (void)state;
    for (int i = 0; i < 2; i++) {
        build_dylink(40, 6, 1, NULL, NULL);
        build_shared_imports();
        build_import_global("GOT.mem", here[!i], I32, true);
        build_import_global("GOT.mem", "__heap_base", I32, true);
        build_import_global("GOT.mem", "__heap_end", I32, true);
        build_based_data((const uint8_t *)here[i], 1);
        build_symbol(here[i], 8);
        build_exported("__wasm_apply_data_relocs", ":",
                       CODE(GLOBAL_GET, 1, GLOBAL_GET, 3, I32_STORE, 2, 4));
        build_exported("stored", ":i", CODE(GLOBAL_GET, 1, I32_LOAD, 2, 4));
        build_exported("stack", ":i", CODE(GLOBAL_GET, 0));
        build_exported("base", ":i", CODE(GLOBAL_GET, 1));
        build_exported("table", ":i", CODE(GLOBAL_GET, 2));
        build_exported("heap", ":i", CODE(GLOBAL_GET, 4));
        build_exported("end", ":i", CODE(GLOBAL_GET, 5));
        add_module(i == 0 ? "" : "side");
    }
    link_all();
    assert_int_equal(call_export(1, "stack"), 1024 * 1024);
    assert_int_equal(call_export(0, "base"), 1024 * 1024);
    assert_int_equal(call_export(1, "base"), 1024 * 1024 + 64);
    assert_int_equal(call_export(0, "table"), 1);
    assert_int_equal(call_export(1, "table"), 2);
    assert_int_equal(call_export(0, "heap"), 1024 * 1024 + 64 + 48);
    assert_int_equal(call_export(0, "end"), 17 * MEMORY_PAGE_BYTES);
    assert_int_equal(call_export(0, "stored"), 1024 * 1024 + 64 + 8);
    assert_int_equal(call_export(1, "stored"), 1024 * 1024 + 8);
    assert_int_equal(modules[0].instance->memory_base[1024 * 1024 + 64], 's');
    assert_int_equal(modules[0].instance->memories[0]->size_bytes, 17 * MEMORY_PAGE_BYTES);
    assert_ptr_equal(modules[0].instance->memories[0], modules[1].instance->memories[0]);
}

static void memory_has_what_its_importers_agree_on(void **state)
{
    const struct memorytype small = {.limits = {.minimum = 1, .maximum = 16, .has_maximum = true}};
    const struct memorytype large = {.limits = {.minimum = 30, .maximum = 40, .has_maximum = true}};

    (void)state;
    build_dylink(0, 0, 0, NULL, NULL);
    build_import_memory_of("env", "memory", &large);
    build_import_global("env", "__memory_base", I32, false);
    add_module("");
    link_all();
    assert_int_equal(modules[0].instance->memories[0]->size_bytes, 30 * MEMORY_PAGE_BYTES);
    assert_int_equal(modules[0].instance->memories[0]->maximum_pages, 40);
    begin_again();
    build_dylink(1024 * 1024, 0, 0, NULL, NULL);
    build_import_memory_of("env", "memory", &small);
    build_import_global("env", "__memory_base", I32, false);
    add_module("");
    assert_true(create());
    assert_int_equal(dynamic_instantiate(dynamic, &trap, &error), OUTCOME_ERROR);
    assert_non_null(strstr(error.message, "lower maximum"));
}

static void sizes_beyond_all_addresses_are_refused(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        build_dylink(UINT32_MAX, 16, UINT32_MAX, NULL, NULL);
        build_import_global("env", "__memory_base", I32, false);
        add_module(i == 0 ? "" : i == 1 ? "one" : "two");
    }
    refuse(ERROR_LIMIT_LINEAR_MEMORY, "no room is left for the main module");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(data_of_a_side_is_allocated_aligned_and_zeroed),
        TEST(main_without_an_allocator_is_told_what_to_export),
        TEST(allocator_that_lies_is_refused),
        TEST(every_kind_of_allocator_is_asked_in_its_way),
        TEST(no_element_of_a_side_is_the_null_pointer),
        TEST(table_that_cannot_grow_is_told_how),
        TEST(position_independent_main_gets_memory_and_table),
        TEST(memory_has_what_its_importers_agree_on),
        TEST(sizes_beyond_all_addresses_are_refused),
    };

    return cmocka_run_group_tests(tests, run_group_set_up, NULL);
}
