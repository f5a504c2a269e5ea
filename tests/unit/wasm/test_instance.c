// SPDX-License-Identifier: Apache-2.0
// The store, its registry and the segments, with a module and an instance made by hand.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sandbox/wasm/instance.h"

enum {
    FUNCTIONS = 4, // one of them imported
    TABLE_SIZE = 8
};

static struct error error;
static struct store store;

// The module: one memory of one page, one table, an element segment of function indices, one of
// expressions, a data segment.
static uint8_t cells[3][8];
static struct code codes[3] = {
    {.entry = cells[0], .header = 2},
    {.entry = cells[1], .header = 5},
    {.entry = cells[2], .header = 0},
};
static struct function_declaration declarations[FUNCTIONS] = {{7}, {8}, {9}, {10}};
static const uint32_t funcidxs[3] = {3, 0, 3};
static struct expression expressions[2];
static struct element_segment elements[2] = {
    {.count = 3, .funcidxs = funcidxs},
    {.count = 2, .expressions = expressions},
};
static struct data_segment datas[2] = {
    {.bytes = (const uint8_t *)"hello", .size = 5},
    {.bytes = NULL, .size = 0},
};
static struct export exports[] = {
    {.name = {(const uint8_t *)"run", 3}, .kind = EXTERNAL_FUNCTION, .index = 2},
    {.name = {(const uint8_t *)"", 0}, .kind = EXTERNAL_TABLE, .index = 0},
    {.name = {(const uint8_t *)"memory", 6}, .kind = EXTERNAL_MEMORY, .index = 0},
    {.name = {(const uint8_t *)"global", 6}, .kind = EXTERNAL_GLOBAL, .index = 0},
    {.name = {(const uint8_t *)"tag\0x", 5}, .kind = EXTERNAL_TAG, .index = 0},
};
static const struct module module = {
    .functions = declarations,
    .function_count = FUNCTIONS,
    .imported_function_count = 1,
    .codes = codes,
    .elements = elements,
    .element_count = 2,
    .datas = datas,
    .data_count = 2,
    .exports = exports,
    .export_count = sizeof exports / sizeof exports[0],
};

static struct instance instance;
static struct function imported = {.funcidx = 99};
static struct tag tag;
static struct function *functions[FUNCTIONS];
static struct table *tables[1];
static struct memory *memories[1];
static struct global *globals[1];
static struct tag *tags[1] = {&tag};
static union slot values[2] = {{.u64 = 111}, {.u64 = 222}};
static union slot *element_values[2] = {NULL, values};
static bool element_dropped[2];
static bool data_dropped[2];

static const struct store_options options = {
    .stack_bytes = 100000,
    .memory_bytes_max = 64 * 1024 * 1024,
};

static struct name name_of(const char *text)
{
    return (struct name){(const uint8_t *)text, (uint32_t)strlen(text)};
}

static void make_instance(void)
{
    const union slot value[2] = {{.u64 = 42}, {0}};
    struct memorytype memorytype = {.limits = {.minimum = 1}};
    struct tabletype tabletype = {VALTYPE_FUNCREF, {.minimum = TABLE_SIZE}};

    memories[0] = store_add_memory(&store, &memorytype, &error);
    tables[0] = store_add_table(&store, &tabletype, (union slot){0}, &error);
    globals[0] = store_add_global(&store, (struct globaltype){VALTYPE_I64, true}, value, &error);
    memset(functions, 0, sizeof functions);
    memset(element_dropped, 0, sizeof element_dropped);
    memset(data_dropped, 0, sizeof data_dropped);
    functions[0] = &imported;
    instance = (struct instance){
        .store = &store,
        .module = &module,
        .functions = functions,
        .tables = tables,
        .memories = memories,
        .global_objects = globals,
        .tags = tags,
        .element_values = element_values,
        .element_dropped = element_dropped,
        .data_dropped = data_dropped,
    };
}

static int set_up(void **state)
{
    (void)state;
    error_clear(&error);
    if (!store_init(&store, &options, &error))
        return 1;
    make_instance();
    return error.code != ERROR_NONE;
}

static int tear_down(void **state)
{
    (void)state;
    store_finish(&store);
    return 0;
}

/* The store. */

static void store_gives_a_stack_that_can_be_written(void **state)
{
    (void)state;
    assert_true(store.stack_bytes >= options.stack_bytes);
    assert_ptr_equal(store.stack_top, store.stack);
    memset(store.stack, 0xff, store.stack_bytes);
}

static void store_refuses_a_stack_of_absurd_size(void **state)
{
    struct store other;
    struct store_options absurd = options;

    (void)state;
    absurd.stack_bytes = SIZE_MAX;
    assert_false(store_init(&other, &absurd, &error));
    assert_int_equal(error.code, ERROR_LIMIT_STACK);
    error_clear(&error);
    absurd.stack_bytes = (size_t)1 << 50;
    assert_false(store_init(&other, &absurd, &error));
    assert_int_equal(error.code, ERROR_SYSTEM_RESERVE);
    store_finish(&other);
}

static void store_finishes_twice_and_from_zero(void **state)
{
    struct store other = {.stack = NULL};

    (void)state;
    store_finish(NULL);
    store_finish(&other);
    assert_true(store_init(&other, &options, &error));
    store_finish(&other);
    store_finish(&other);
}

static void store_keeps_a_list_of_its_memories(void **state)
{
    struct memorytype type = {.limits = {.minimum = 0}};
    struct memory *second = store_add_memory(&store, &type, &error);

    (void)state;
    assert_ptr_equal(store.memories, second);
    assert_ptr_equal(second->next, memories[0]);
    assert_null(memories[0]->next);
}

static void store_guards_memories_unless_told_to_check(void **state)
{
    struct memorytype type = {.limits = {.minimum = 0}};

    (void)state;
    assert_true(memories[0]->guarded);
    store.checked_memory = true;
    assert_false(store_add_memory(&store, &type, &error)->guarded);
}

static void store_keeps_both_slots_of_a_vector_global(void **state)
{
    const union slot value[2] = {{.u64 = 1}, {.u64 = 2}};
    struct global *global =
        store_add_global(&store, (struct globaltype){VALTYPE_V128, false}, value, &error);

    (void)state;
    assert_int_equal(global->value[0].u64, 1);
    assert_int_equal(global->value[1].u64, 2);
}

/* Instances. */

static void function_is_made_once_from_its_code(void **state)
{
    struct function *function = instance_function(&instance, 2);

    (void)state;
    assert_ptr_equal(function->entry, cells[1]);
    assert_ptr_equal(function->instance, &instance);
    assert_int_equal(function->type, 9);
    assert_int_equal(function->header_slot, 5);
    assert_int_equal(function->funcidx, 2);
    assert_null(function->callback);
    assert_ptr_equal(instance_function(&instance, 2), function);
    assert_ptr_not_equal(instance_function(&instance, 1), function);
}

static void imported_function_is_the_one_imported(void **state)
{
    (void)state;
    assert_ptr_equal(instance_function(&instance, 0), &imported);
}

static void function_is_null_when_memory_has_run_out(void **state)
{
    (void)state;
    while (arena_alloc(&store.arena, (size_t)64 * 1024 * 1024, 1) != NULL)
        ;
    while (arena_alloc(&store.arena, 8, 8) != NULL)
        ;
    assert_null(instance_function(&instance, 1));
}

static void exports_are_found_by_name(void **state)
{
    struct external external;

    (void)state;
    assert_true(instance_export(&instance, name_of("run"), &external));
    assert_int_equal(external.kind, EXTERNAL_FUNCTION);
    assert_ptr_equal(external.function, functions[2]);
    assert_true(instance_export(&instance, name_of(""), &external));
    assert_ptr_equal(external.table, tables[0]);
    assert_true(instance_export(&instance, name_of("memory"), &external));
    assert_ptr_equal(external.memory, memories[0]);
    assert_true(instance_export(&instance, name_of("global"), &external));
    assert_ptr_equal(external.global, globals[0]);
    assert_false(instance_export(&instance, name_of("tag"), &external));
    assert_true(instance_export(&instance, (struct name){(const uint8_t *)"tag\0x", 5}, &external));
    assert_ptr_equal(external.tag, &tag);
}

/* Segments. */

static void table_init_copies_function_references(void **state)
{
    (void)state;
    assert_int_equal(instance_table_init(&instance, 0, 0, 5, 0, 3), TRAP_NONE);
    assert_ptr_equal(tables[0]->elements[5].function, instance_function(&instance, 3));
    assert_ptr_equal(tables[0]->elements[6].function, &imported);
    assert_ptr_equal(tables[0]->elements[7].function, functions[3]);
    assert_null(tables[0]->elements[4].function);
}

static void table_init_copies_values_of_expressions(void **state)
{
    (void)state;
    assert_int_equal(instance_table_init(&instance, 0, 1, 0, 1, 1), TRAP_NONE);
    assert_int_equal(tables[0]->elements[0].u64, 222);
    assert_int_equal(tables[0]->elements[1].u64, 0);
}

static void table_init_out_of_bounds_writes_nothing(void **state)
{
    (void)state;
    assert_int_equal(instance_table_init(&instance, 0, 0, 6, 0, 3), TRAP_TABLE_OUT_OF_BOUNDS);
    assert_int_equal(instance_table_init(&instance, 0, 0, 0, 1, 3), TRAP_TABLE_OUT_OF_BOUNDS);
    assert_int_equal(instance_table_init(&instance, 0, 0, 0, UINT64_MAX, 2),
                     TRAP_TABLE_OUT_OF_BOUNDS);
    assert_int_equal(instance_table_init(&instance, 0, 0, UINT64_MAX, 0, 2),
                     TRAP_TABLE_OUT_OF_BOUNDS);
    assert_int_equal(instance_table_init(&instance, 0, 0, 0, 0, UINT64_MAX),
                     TRAP_TABLE_OUT_OF_BOUNDS);
    for (size_t i = 0; i < TABLE_SIZE; i++)
        assert_null(tables[0]->elements[i].function);
}

static void table_init_of_nothing_traps_only_past_the_ends(void **state)
{
    (void)state;
    assert_int_equal(instance_table_init(&instance, 0, 0, TABLE_SIZE, 3, 0), TRAP_NONE);
    assert_int_equal(instance_table_init(&instance, 0, 0, TABLE_SIZE + 1, 0, 0),
                     TRAP_TABLE_OUT_OF_BOUNDS);
    assert_int_equal(instance_table_init(&instance, 0, 0, 0, 4, 0), TRAP_TABLE_OUT_OF_BOUNDS);
}

static void dropped_element_segment_has_no_elements(void **state)
{
    (void)state;
    element_dropped[0] = true;
    assert_int_equal(instance_table_init(&instance, 0, 0, 0, 0, 0), TRAP_NONE);
    assert_int_equal(instance_table_init(&instance, 0, 0, 0, 0, 1), TRAP_TABLE_OUT_OF_BOUNDS);
}

static void memory_init_copies_bytes(void **state)
{
    (void)state;
    assert_int_equal(instance_memory_init(&instance, 0, 0, 65533, 2, 3), TRAP_NONE);
    assert_memory_equal(memories[0]->base + 65533, "llo", 3);
    assert_int_equal(instance_memory_init(&instance, 0, 1, 65536, 0, 0), TRAP_NONE);
}

static void memory_init_out_of_bounds_writes_nothing(void **state)
{
    (void)state;
    assert_int_equal(instance_memory_init(&instance, 0, 0, 65532, 0, 5), TRAP_MEMORY_OUT_OF_BOUNDS);
    assert_int_equal(memories[0]->base[65532], 0);
    assert_int_equal(instance_memory_init(&instance, 0, 0, 0, 1, 5), TRAP_MEMORY_OUT_OF_BOUNDS);
    assert_int_equal(instance_memory_init(&instance, 0, 0, UINT64_MAX, 0, 5),
                     TRAP_MEMORY_OUT_OF_BOUNDS);
    assert_int_equal(instance_memory_init(&instance, 0, 0, 0, UINT64_MAX, 5),
                     TRAP_MEMORY_OUT_OF_BOUNDS);
    assert_int_equal(memories[0]->base[0], 0);
}

static void dropped_data_segment_has_no_bytes(void **state)
{
    (void)state;
    data_dropped[0] = true;
    assert_int_equal(instance_memory_init(&instance, 0, 0, 0, 0, 0), TRAP_NONE);
    assert_int_equal(instance_memory_init(&instance, 0, 0, 0, 0, 1), TRAP_MEMORY_OUT_OF_BOUNDS);
}

static void bulk_copies_end_when_interrupted(void **state)
{
    (void)state;
    store.interrupted = 1;
    assert_int_equal(instance_memory_init(&instance, 0, 0, 0, 0, 5), TRAP_INTERRUPTED);
    assert_int_equal(instance_table_init(&instance, 0, 0, 0, 0, 3), TRAP_INTERRUPTED);
}

/* The registry. */

static void add(const char *module_name, const char *name, const void *pointer)
{
    struct external external = {.kind = EXTERNAL_FUNCTION, .pointer = pointer};

    assert_true(store_register(&store, name_of(module_name), name_of(name), external, &error));
}

static const void *find(const char *module_name, const char *name)
{
    struct external external;

    return store_find(&store, name_of(module_name), name_of(name), &external) ? external.pointer
                                                                              : NULL;
}

static void registry_finds_what_was_registered_and_nothing_else(void **state)
{
    static const int one = 1;
    static const int two = 2;

    (void)state;
    assert_null(find("a", "b"));
    add("a", "b", &one);
    add("a", "", &two);
    assert_ptr_equal(find("a", "b"), &one);
    assert_ptr_equal(find("a", ""), &two);
    assert_null(find("b", "a"));
    assert_null(find("ab", ""));
    assert_null(find("", "ab"));
}

static void registry_replaces_an_entry_of_the_same_names(void **state)
{
    static const int one = 1;
    static const int two = 2;

    (void)state;
    add("a", "b", &one);
    add("a", "b", &two);
    assert_ptr_equal(find("a", "b"), &two);
    assert_int_equal(store.registry_count, 1);
}

static void registry_copies_names(void **state)
{
    char text[] = "name";
    static const int one = 1;

    (void)state;
    add("module", text, &one);
    text[0] = 'g';
    assert_ptr_equal(find("module", "name"), &one);
    assert_null(find("module", "game"));
}

static void registry_tells_names_with_nul_apart(void **state)
{
    const struct name with = {(const uint8_t *)"a\0b", 3};
    const struct name other = {(const uint8_t *)"a\0c", 3};
    struct external external = {.kind = EXTERNAL_TAG, .pointer = &tag};

    (void)state;
    assert_true(store_register(&store, with, with, external, &error));
    assert_true(store_find(&store, with, with, &external));
    assert_false(store_find(&store, with, other, &external));
    assert_false(store_find(&store, name_of("a"), name_of("a"), &external));
}

// Would take minutes if a look-up were linear.
static void registry_holds_hundreds_of_thousands(void **state)
{
    static const char bytes[300000];
    char text[32];

    (void)state;
    for (unsigned i = 0; i < sizeof bytes; i++) {
        snprintf(text, sizeof text, "%u", i);
        add("numbers", text, &bytes[i]);
    }
    for (unsigned i = 0; i < sizeof bytes; i++) {
        snprintf(text, sizeof text, "%u", i);
        assert_ptr_equal(find("numbers", text), &bytes[i]);
    }
    assert_null(find("numbers", "300000"));
}

int main(void)
{
#define TEST(function_) cmocka_unit_test_setup_teardown(function_, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(store_gives_a_stack_that_can_be_written),
        TEST(store_refuses_a_stack_of_absurd_size),
        TEST(store_finishes_twice_and_from_zero),
        TEST(store_keeps_a_list_of_its_memories),
        TEST(store_guards_memories_unless_told_to_check),
        TEST(store_keeps_both_slots_of_a_vector_global),
        TEST(function_is_made_once_from_its_code),
        TEST(imported_function_is_the_one_imported),
        TEST(function_is_null_when_memory_has_run_out),
        TEST(exports_are_found_by_name),
        TEST(table_init_copies_function_references),
        TEST(table_init_copies_values_of_expressions),
        TEST(table_init_out_of_bounds_writes_nothing),
        TEST(table_init_of_nothing_traps_only_past_the_ends),
        TEST(dropped_element_segment_has_no_elements),
        TEST(memory_init_copies_bytes),
        TEST(memory_init_out_of_bounds_writes_nothing),
        TEST(dropped_data_segment_has_no_bytes),
        TEST(bulk_copies_end_when_interrupted),
        TEST(registry_finds_what_was_registered_and_nothing_else),
        TEST(registry_replaces_an_entry_of_the_same_names),
        TEST(registry_copies_names),
        TEST(registry_tells_names_with_nul_apart),
        TEST(registry_holds_hundreds_of_thousands),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
