// SPDX-License-Identifier: Apache-2.0
// Instantiation of small modules, written as bytes, in an engine of their own.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sandbox/wasm/engine.h"
#include "sandbox/wasm/instantiate.h"

// Parts of the binary format; everything is shorter than 128 bytes.
#define LENGTH(...)       ((uint8_t)sizeof((const uint8_t[]){__VA_ARGS__}))
#define SECTION(id_, ...) id_, LENGTH(__VA_ARGS__), __VA_ARGS__
#define BODY(...)         LENGTH(0, __VA_ARGS__, END), 0, __VA_ARGS__, END
#define NAME(...)         LENGTH(__VA_ARGS__), __VA_ARGS__
#define EXPRESSION(...)   __VA_ARGS__, END
#define LOAD(...)                                                                                  \
    load((const uint8_t[]){'\0', 'a', 's', 'm', 1, 0, 0, 0, __VA_ARGS__},                          \
         8 + sizeof((const uint8_t[]){__VA_ARGS__}))

enum {
    SECTION_TYPE = 1,
    SECTION_IMPORT,
    SECTION_FUNCTION,
    SECTION_TABLE,
    SECTION_MEMORY,
    SECTION_GLOBAL,
    SECTION_EXPORT,
    SECTION_START,
    SECTION_ELEMENT,
    SECTION_CODE,
    SECTION_DATA,
    I32 = 0x7f,
    I64 = 0x7e,
    FUNCREF = 0x70,
    EXTERNREF = 0x6f,
    FUNCTION_TYPE = 0x60,
    UNREACHABLE = 0x00,
    NOP = 0x01,
    END = 0x0b,
    CALL = 0x10,
    GLOBAL_GET = 0x23,
    I32_CONST = 0x41,
    I64_CONST = 0x42,
    REF_NULL = 0xd0,
    REF_FUNC = 0xd2,
    CONST = 0, // globals
    VAR = 1,
    FUNCTION = 0, // imports and exports
    TABLE = 1,
    MEMORY = 2,
    GLOBAL = 3
};

static struct engine *engine;
static struct store *store;
static struct error error;
static struct trap trap;
static struct instance *instance;
static unsigned host_calls;
static unsigned host_calls_before_data; // memory was still zero

static const struct name host = {(const uint8_t *)"h", 1};

static struct name name_of(const char *text)
{
    return (struct name){(const uint8_t *)text, (uint32_t)strlen(text)};
}

static struct external host_external(const char *name)
{
    struct external external = {.pointer = NULL};

    assert_true(store_find(store, host, name_of(name), &external));
    return external;
}

static struct memory *host_memory(void)
{
    return host_external("m").memory;
}

static struct table *host_table(void)
{
    return host_external("t").table;
}

static enum trap_code host_function(void *context, struct store *caller, union slot *slots)
{
    (void)context;
    (void)caller;
    (void)slots;
    host_calls++;
    host_calls_before_data += host_memory()->base[0] == 0;
    return TRAP_NONE;
}

// The host offers f: [] -> [], g: (global i32 7), v: (global (mut i64) 8), t: (table 4 8 funcref),
// m: (memory 1 3).
static int set_up(void **state)
{
    const struct engine_config config = {.memory_bytes_max = 10 * MEMORY_PAGE_BYTES};
    const struct tabletype tabletype = {VALTYPE_FUNCREF,
                                        {.minimum = 4, .maximum = 8, .has_maximum = true}};
    const struct memorytype memorytype = {
        .limits = {.minimum = 1, .maximum = 3, .has_maximum = true}};

    (void)state;
    error_clear(&error);
    trap = (struct trap){.code = TRAP_NONE};
    instance = NULL;
    host_calls = 0;
    host_calls_before_data = 0;
    if (!engine_create(&config, &engine, &error))
        return 1;
    store = engine_store(engine);
    return !(
        engine_define_function(engine, host, name_of("f"), (struct host_type){NULL, 0, 0},
                               host_function, NULL, &error) &&
        engine_define_global(engine, host, name_of("g"), (struct globaltype){VALTYPE_I32, false},
                             (union slot){.u64 = 7}, &error) &&
        engine_define_global(engine, host, name_of("v"), (struct globaltype){VALTYPE_I64, true},
                             (union slot){.u64 = 8}, &error) &&
        engine_define_table(engine, host, name_of("t"), &tabletype, &error) &&
        engine_define_memory(engine, host, name_of("m"), &memorytype, &error));
}

static int tear_down(void **state)
{
    (void)state;
    engine_destroy(engine);
    return 0;
}

// The bytes are the caller's, which lets them be until its test has made its instance; the copy
// lives as long as the engine.
static struct module *load(const uint8_t *bytes, size_t size)
{
    uint8_t *copy = arena_alloc(&store->arena, size, 1);
    struct module *module = NULL;

    memcpy(copy, bytes, size);
    if (!engine_load(engine, copy, size, &module, &error))
        print_error("%s at %llu\n", error.message, (unsigned long long)error.offset);
    assert_non_null(module);
    return module;
}

static enum outcome try(struct module *module)
{
    return instantiate(store, module, &instance, &trap, &error);
}

static void assert_unlinkable(struct module *module, enum error_code code)
{
    error_clear(&error);
    assert_int_equal(try(module), OUTCOME_ERROR);
    assert_int_equal(error.code, code);
    assert_null(instance);
}

static void assert_linkable(struct module *module)
{
    assert_int_equal(try(module), OUTCOME_OK);
    assert_non_null(instance);
    instance = NULL;
}

/* Imports. */

#define IMPORT(...) LOAD(SECTION(SECTION_IMPORT, 1, NAME('h'), __VA_ARGS__))

static void import_that_nobody_offers_is_unknown(void **state)
{
    (void)state;
    assert_unlinkable(LOAD(SECTION(SECTION_IMPORT, 2, NAME('h'), NAME('g'), GLOBAL, I32, CONST,
                                   NAME('h', 'h'), NAME('x', 'y'), GLOBAL, I32, CONST)),
                      ERROR_UNKNOWN_IMPORT);
    assert_string_equal(error.message, "unknown import: hh.xy");
    assert_int_equal(error.offset, 8 + 3 + 7);
}

static void control_characters_of_names_are_not_printed(void **state)
{
    (void)state;
    assert_unlinkable(LOAD(SECTION(SECTION_IMPORT, 1, NAME('a', 0, 0x1b, '['),
                                   NAME(0xc2, 0x9b, 0xc3, 0xa4, 0x7f), GLOBAL, I32, CONST)),
                      ERROR_UNKNOWN_IMPORT);
    assert_string_equal(error.message, "unknown import: a..[...\xc3\xa4.");
}

static void long_names_are_cut_between_characters(void **state)
{
    // A module name of no bytes, a name of "a" and 49 letters of two bytes.
    const uint8_t head[] = {'\0', 'a', 's', 'm', 1, 0, 0, 0, SECTION_IMPORT, 1 + 1 + 100 + 3,
                            1,    0,   99,  'a'};
    const uint8_t tail[] = {GLOBAL, I32, CONST};
    uint8_t bytes[sizeof head + 98 + sizeof tail];

    (void)state;
    memcpy(bytes, head, sizeof head);
    for (size_t i = 0; i < 49; i++)
        memcpy(bytes + sizeof head + 2 * i, "\xc3\xa4", 2);
    memcpy(bytes + sizeof bytes - sizeof tail, tail, sizeof tail);
    assert_unlinkable(load(bytes, sizeof bytes), ERROR_UNKNOWN_IMPORT);
    assert_int_equal(strlen(error.message), strlen("unknown import: .a") + 2 * 35);
}

static void import_of_another_kind_is_incompatible(void **state)
{
    (void)state;
    assert_unlinkable(IMPORT(NAME('f'), GLOBAL, I32, CONST), ERROR_INCOMPATIBLE_IMPORT_TYPE);
    assert_string_equal(error.message, "incompatible import type: h.f");
    assert_unlinkable(IMPORT(NAME('g'), MEMORY, 0, 1), ERROR_INCOMPATIBLE_IMPORT_TYPE);
    assert_unlinkable(IMPORT(NAME('m'), TABLE, FUNCREF, 0, 1), ERROR_INCOMPATIBLE_IMPORT_TYPE);
}

static void functions_must_have_the_same_type(void **state)
{
    (void)state;
    assert_linkable(LOAD(SECTION(SECTION_TYPE, 1, FUNCTION_TYPE, 0, 0),
                         SECTION(SECTION_IMPORT, 1, NAME('h'), NAME('f'), FUNCTION, 0)));
    assert_unlinkable(LOAD(SECTION(SECTION_TYPE, 1, FUNCTION_TYPE, 1, I32, 0),
                           SECTION(SECTION_IMPORT, 1, NAME('h'), NAME('f'), FUNCTION, 0)),
                      ERROR_INCOMPATIBLE_IMPORT_TYPE);
    assert_unlinkable(LOAD(SECTION(SECTION_TYPE, 1, FUNCTION_TYPE, 0, 1, I32),
                           SECTION(SECTION_IMPORT, 1, NAME('h'), NAME('f'), FUNCTION, 0)),
                      ERROR_INCOMPATIBLE_IMPORT_TYPE);
}

static void globals_must_agree_in_type_and_mutability(void **state)
{
    (void)state;
    assert_linkable(IMPORT(NAME('g'), GLOBAL, I32, CONST));
    assert_linkable(IMPORT(NAME('v'), GLOBAL, I64, VAR));
    assert_unlinkable(IMPORT(NAME('g'), GLOBAL, I32, VAR), ERROR_INCOMPATIBLE_IMPORT_TYPE);
    assert_unlinkable(IMPORT(NAME('g'), GLOBAL, I64, CONST), ERROR_INCOMPATIBLE_IMPORT_TYPE);
    assert_unlinkable(IMPORT(NAME('v'), GLOBAL, I64, CONST), ERROR_INCOMPATIBLE_IMPORT_TYPE);
    assert_unlinkable(IMPORT(NAME('v'), GLOBAL, I32, VAR), ERROR_INCOMPATIBLE_IMPORT_TYPE);
}

static void memories_must_lie_within_the_limits_wanted(void **state)
{
    (void)state;
    assert_linkable(IMPORT(NAME('m'), MEMORY, 0, 0));
    assert_linkable(IMPORT(NAME('m'), MEMORY, 1, 1, 3));
    assert_linkable(IMPORT(NAME('m'), MEMORY, 1, 0, 4));
    assert_unlinkable(IMPORT(NAME('m'), MEMORY, 0, 2), ERROR_INCOMPATIBLE_IMPORT_TYPE);
    assert_unlinkable(IMPORT(NAME('m'), MEMORY, 1, 1, 2), ERROR_INCOMPATIBLE_IMPORT_TYPE);
}

static void memory_without_maximum_does_not_fit_one_with(void **state)
{
    const struct memorytype type = {.limits = {.minimum = 1, .maximum = UINT64_MAX}};

    (void)state;
    assert_true(engine_define_memory(engine, host, name_of("n"), &type, &error));
    assert_linkable(IMPORT(NAME('n'), MEMORY, 0, 1));
    assert_unlinkable(IMPORT(NAME('n'), MEMORY, 1, 1, 100), ERROR_INCOMPATIBLE_IMPORT_TYPE);
}

static void memories_and_tables_must_agree_in_address_type(void **state)
{
    const struct limits wide = {.minimum = 1, .address64 = true};
    const struct memorytype memory = {.limits = wide};
    const struct tabletype table = {VALTYPE_FUNCREF, wide};

    (void)state;
    assert_true(engine_define_memory(engine, host, name_of("w"), &memory, &error));
    assert_true(engine_define_table(engine, host, name_of("x"), &table, &error));
    assert_linkable(IMPORT(NAME('w'), MEMORY, 4, 1));
    assert_unlinkable(IMPORT(NAME('w'), MEMORY, 0, 1), ERROR_INCOMPATIBLE_IMPORT_TYPE);
    assert_unlinkable(IMPORT(NAME('m'), MEMORY, 4, 1), ERROR_INCOMPATIBLE_IMPORT_TYPE);
    assert_linkable(IMPORT(NAME('x'), TABLE, FUNCREF, 4, 1));
    assert_unlinkable(IMPORT(NAME('x'), TABLE, FUNCREF, 0, 1), ERROR_INCOMPATIBLE_IMPORT_TYPE);
    assert_unlinkable(IMPORT(NAME('t'), TABLE, FUNCREF, 4, 1), ERROR_INCOMPATIBLE_IMPORT_TYPE);
}

static void grown_memory_counts_with_its_present_size(void **state)
{
    (void)state;
    assert_int_equal(memory_grow(host_memory(), 1), 1);
    assert_linkable(IMPORT(NAME('m'), MEMORY, 0, 2));
}

static void tables_must_agree_in_type_and_lie_within_the_limits_wanted(void **state)
{
    (void)state;
    assert_linkable(IMPORT(NAME('t'), TABLE, FUNCREF, 0, 4));
    assert_linkable(IMPORT(NAME('t'), TABLE, FUNCREF, 1, 0, 8));
    assert_unlinkable(IMPORT(NAME('t'), TABLE, FUNCREF, 0, 5), ERROR_INCOMPATIBLE_IMPORT_TYPE);
    assert_unlinkable(IMPORT(NAME('t'), TABLE, FUNCREF, 1, 4, 7), ERROR_INCOMPATIBLE_IMPORT_TYPE);
    assert_unlinkable(IMPORT(NAME('t'), TABLE, EXTERNREF, 0, 4), ERROR_INCOMPATIBLE_IMPORT_TYPE);
}

// Whether the first import of one module may be linked with the first export of another.
static bool may_link(const struct module *module, const struct module *provider)
{
    return instantiate_may_link(store, module, &module->imports[0], provider,
                                &provider->exports[0]);
}

#define EXPORTED(...) LOAD(__VA_ARGS__, SECTION(SECTION_EXPORT, 1, NAME('x'), MEMORY, 0))

static void declarations_tell_what_cannot_be_linked_before_anything_runs(void **state)
{
    struct module *memory = EXPORTED(SECTION(SECTION_MEMORY, 1, 1, 1, 3));
    struct module *table = LOAD(SECTION(SECTION_TABLE, 1, FUNCREF, 0, 2),
                                SECTION(SECTION_EXPORT, 1, NAME('x'), TABLE, 0));
    struct module *global = LOAD(SECTION(SECTION_GLOBAL, 1, I32, VAR, EXPRESSION(I32_CONST, 7)),
                                 SECTION(SECTION_EXPORT, 1, NAME('x'), GLOBAL, 0));
    struct module *function = LOAD(
        SECTION(SECTION_TYPE, 1, FUNCTION_TYPE, 1, I32, 0), SECTION(SECTION_FUNCTION, 1, 0),
        SECTION(SECTION_EXPORT, 1, NAME('x'), FUNCTION, 0), SECTION(SECTION_CODE, 1, BODY(NOP)));

    (void)state;
    assert_true(may_link(IMPORT(NAME('x'), MEMORY, 1, 1, 3), memory));
    assert_true(may_link(IMPORT(NAME('x'), MEMORY, 0, 2), memory)); // it may have grown by then
    assert_false(may_link(IMPORT(NAME('x'), MEMORY, 1, 1, 2), memory));
    assert_false(may_link(IMPORT(NAME('x'), MEMORY, 4, 1), memory)); // 64-bit addresses
    assert_false(may_link(IMPORT(NAME('x'), MEMORY, 0, 1), table));
    assert_true(may_link(IMPORT(NAME('x'), TABLE, FUNCREF, 0, 9), table));
    assert_false(may_link(IMPORT(NAME('x'), TABLE, EXTERNREF, 0, 1), table));
    assert_false(may_link(IMPORT(NAME('x'), TABLE, FUNCREF, 1, 1, 9), table)); // it has no maximum
    assert_true(may_link(IMPORT(NAME('x'), GLOBAL, I32, VAR), global));
    assert_false(may_link(IMPORT(NAME('x'), GLOBAL, I32, CONST), global));
    assert_false(may_link(IMPORT(NAME('x'), GLOBAL, I64, VAR), global));
    assert_true(may_link(LOAD(SECTION(SECTION_TYPE, 1, FUNCTION_TYPE, 1, I32, 0),
                              SECTION(SECTION_IMPORT, 1, NAME('h'), NAME('x'), FUNCTION, 0)),
                         function));
    assert_false(may_link(LOAD(SECTION(SECTION_TYPE, 1, FUNCTION_TYPE, 1, I64, 0),
                               SECTION(SECTION_IMPORT, 1, NAME('h'), NAME('x'), FUNCTION, 0)),
                          function));
    assert_null(store->instances);
}

static void import_of_a_function_is_the_same_function(void **state)
{
    struct external external;

    (void)state;
    assert_int_equal(try(LOAD(SECTION(SECTION_TYPE, 1, FUNCTION_TYPE, 0, 0),
                              SECTION(SECTION_IMPORT, 1, NAME('h'), NAME('f'), FUNCTION, 0),
                              SECTION(SECTION_EXPORT, 1, NAME('x'), FUNCTION, 0))),
                     OUTCOME_OK);
    assert_true(instance_export(instance, name_of("x"), &external));
    assert_ptr_equal(external.function, host_external("f").function);
}

/* Allocation. */

static void globals_are_evaluated_in_order(void **state)
{
    (void)state;
    assert_int_equal(
        try(LOAD(SECTION(SECTION_IMPORT, 1, NAME('h'), NAME('g'), GLOBAL, I32, CONST),
                 SECTION(SECTION_GLOBAL, 3, I32, CONST, EXPRESSION(GLOBAL_GET, 0), I64, VAR,
                         EXPRESSION(I64_CONST, 5), I32, VAR, EXPRESSION(GLOBAL_GET, 1)))),
        OUTCOME_OK);
    assert_int_equal(instance->globals[0]->u64, 7);
    assert_int_equal(instance->globals[1]->u64, 7);
    assert_int_equal(instance->globals[2]->u64, 5);
    assert_int_equal(instance->globals[3]->u64, 7);
    assert_true(instance->global_objects[3]->type.is_mutable);
}

static void globals_hold_references(void **state)
{
    (void)state;
    assert_int_equal(
        try(LOAD(SECTION(SECTION_TYPE, 1, FUNCTION_TYPE, 0, 0), SECTION(SECTION_FUNCTION, 1, 0),
                 SECTION(SECTION_GLOBAL, 2, FUNCREF, CONST, EXPRESSION(REF_FUNC, 0), EXTERNREF,
                         CONST, EXPRESSION(REF_NULL, EXTERNREF)),
                 SECTION(SECTION_CODE, 1, BODY(NOP)))),
        OUTCOME_OK);
    assert_ptr_equal(instance->globals[0]->function, instance_function(instance, 0));
    assert_int_equal(instance->globals[1]->u64, 0);
}

static void tables_and_memories_begin_with_their_minimum(void **state)
{
    (void)state;
    assert_int_equal(
        try(LOAD(SECTION(SECTION_TABLE, 1, EXTERNREF, 0, 3), SECTION(SECTION_MEMORY, 1, 0, 2))),
        OUTCOME_OK);
    assert_int_equal(instance->tables[0]->size, 3);
    assert_int_equal(instance->tables[0]->elements[2].u64, 0);
    assert_int_equal(memory_pages(instance->memories[0]), 2);
    assert_ptr_equal(instance->memory_base, instance->memories[0]->base);
}

static void instance_is_in_the_stores_list(void **state)
{
    struct instance *before = store->instances;

    (void)state;
    assert_int_equal(try(LOAD(SECTION(SECTION_MEMORY, 1, 0, 1))), OUTCOME_OK);
    assert_ptr_equal(store->instances, instance);
    assert_ptr_equal(instance->next, before);
}

static void failure_leaves_the_store_as_it_was(void **state)
{
    struct module *module = LOAD(SECTION(SECTION_TABLE, 1, FUNCREF, 0, 3),
                                 SECTION(SECTION_MEMORY, 1, 0, 10)); // one is the host's
    const struct store before = *store;

    (void)state;
    assert_int_equal(try(module), OUTCOME_ERROR);
    assert_int_equal(error.code, ERROR_LIMIT_LINEAR_MEMORY);
    assert_ptr_equal(store->memories, before.memories);
    assert_ptr_equal(store->tables_owned, before.tables_owned);
    assert_ptr_equal(store->instances, before.instances);
    assert_int_equal(store->arena.used, before.arena.used);
    assert_int_equal(store->memory_budget.bytes_used, before.memory_budget.bytes_used);
}

/* Segments. */

static void active_segments_are_copied_and_dropped(void **state)
{
    (void)state;
    assert_int_equal(
        try(LOAD(SECTION(SECTION_TYPE, 1, FUNCTION_TYPE, 0, 0), SECTION(SECTION_FUNCTION, 1, 0),
                 SECTION(SECTION_TABLE, 1, FUNCREF, 0, 4), SECTION(SECTION_MEMORY, 1, 0, 1),
                 SECTION(SECTION_ELEMENT, 1, 0, EXPRESSION(I32_CONST, 2), 2, 0, 0),
                 SECTION(SECTION_CODE, 1, BODY(NOP)),
                 SECTION(SECTION_DATA, 1, 0, EXPRESSION(I32_CONST, 9), 2, 'h', 'i'))),
        OUTCOME_OK);
    assert_null(instance->tables[0]->elements[1].function);
    assert_ptr_equal(instance->tables[0]->elements[2].function, instance_function(instance, 0));
    assert_ptr_equal(instance->tables[0]->elements[3].function, instance_function(instance, 0));
    assert_memory_equal(instance->memory_base + 8, "\0hi\0", 4);
    assert_true(instance->element_dropped[0]);
    assert_true(instance->data_dropped[0]);
}

static void passive_segments_stay_and_declarative_ones_go(void **state)
{
    (void)state;
    assert_int_equal(
        try(LOAD(SECTION(SECTION_TYPE, 1, FUNCTION_TYPE, 0, 0), SECTION(SECTION_FUNCTION, 1, 0),
                 SECTION(SECTION_MEMORY, 1, 0, 1),
                 SECTION(SECTION_ELEMENT, 3, 1, 0, 1, 0, 3, 0, 1, 0, 5, FUNCREF, 2,
                         EXPRESSION(REF_NULL, FUNCREF), EXPRESSION(REF_FUNC, 0)),
                 SECTION(SECTION_CODE, 1, BODY(NOP)), SECTION(SECTION_DATA, 1, 1, 1, 'x'))),
        OUTCOME_OK);
    assert_false(instance->element_dropped[0]);
    assert_true(instance->element_dropped[1]);
    assert_false(instance->element_dropped[2]);
    assert_false(instance->data_dropped[0]);
    assert_int_equal(instance->element_values[2][0].u64, 0);
    assert_ptr_equal(instance->element_values[2][1].function, instance_function(instance, 0));
}

static void offset_may_come_from_an_imported_global(void **state)
{
    (void)state;
    assert_int_equal(try(LOAD(SECTION(SECTION_IMPORT, 1, NAME('h'), NAME('g'), GLOBAL, I32, CONST),
                              SECTION(SECTION_MEMORY, 1, 0, 1),
                              SECTION(SECTION_DATA, 1, 0, EXPRESSION(GLOBAL_GET, 0), 1, 'x'))),
                     OUTCOME_OK);
    assert_int_equal(instance->memory_base[7], 'x');
}

#define IMPORT_TABLE_AND_MEMORY                                                                    \
    SECTION(SECTION_IMPORT, 2, NAME('h'), NAME('t'), TABLE, FUNCREF, 0, 4, NAME('h'), NAME('m'),   \
            MEMORY, 0, 1)

static void data_out_of_bounds_traps_after_all_that_came_before(void **state)
{
    (void)state;
    assert_int_equal(
        try(LOAD(SECTION(SECTION_TYPE, 1, FUNCTION_TYPE, 0, 0), IMPORT_TABLE_AND_MEMORY,
                 SECTION(SECTION_FUNCTION, 1, 0), SECTION(SECTION_START, 0),
                 SECTION(SECTION_ELEMENT, 1, 0, EXPRESSION(I32_CONST, 3), 1, 0),
                 SECTION(SECTION_CODE, 1, BODY(UNREACHABLE)),
                 SECTION(SECTION_DATA, 3, 0, EXPRESSION(I32_CONST, 0), 1, 'a', 0,
                         EXPRESSION(I32_CONST, 0x7f), 2, 'b', 'c', 0, EXPRESSION(I32_CONST, 1), 1,
                         'd'))),
        OUTCOME_TRAP);
    assert_int_equal(trap.code, TRAP_MEMORY_OUT_OF_BOUNDS);
    assert_null(instance);
    assert_int_equal(host_memory()->base[0], 'a');
    assert_int_equal(host_memory()->base[1], 0);
    assert_non_null(host_table()->elements[3].function);
    assert_ptr_equal(host_table()->elements[3].function->instance, store->instances);
}

static void elements_out_of_bounds_trap_before_any_data(void **state)
{
    (void)state;
    assert_int_equal(try(LOAD(SECTION(SECTION_TYPE, 1, FUNCTION_TYPE, 0, 0),
                              IMPORT_TABLE_AND_MEMORY, SECTION(SECTION_FUNCTION, 1, 0),
                              SECTION(SECTION_ELEMENT, 2, 0, EXPRESSION(I32_CONST, 0), 1, 0, 0,
                                      EXPRESSION(I32_CONST, 3), 2, 0, 0),
                              SECTION(SECTION_CODE, 1, BODY(NOP)),
                              SECTION(SECTION_DATA, 1, 0, EXPRESSION(I32_CONST, 0), 1, 'a'))),
                     OUTCOME_TRAP);
    assert_int_equal(trap.code, TRAP_TABLE_OUT_OF_BOUNDS);
    assert_non_null(host_table()->elements[0].function);
    assert_null(host_table()->elements[3].function);
    assert_int_equal(host_memory()->base[0], 0);
}

static void empty_segment_past_the_end_traps(void **state)
{
    (void)state;
    assert_int_equal(try(LOAD(SECTION(SECTION_MEMORY, 1, 0, 0),
                              SECTION(SECTION_DATA, 1, 0, EXPRESSION(I32_CONST, 0), 0))),
                     OUTCOME_OK);
    assert_int_equal(try(LOAD(SECTION(SECTION_MEMORY, 1, 0, 0),
                              SECTION(SECTION_DATA, 1, 0, EXPRESSION(I32_CONST, 1), 0))),
                     OUTCOME_TRAP);
    assert_int_equal(try(LOAD(SECTION(SECTION_TABLE, 1, FUNCREF, 0, 0),
                              SECTION(SECTION_ELEMENT, 1, 0, EXPRESSION(I32_CONST, 1), 0))),
                     OUTCOME_TRAP);
    assert_int_equal(trap.code, TRAP_TABLE_OUT_OF_BOUNDS);
}

static void negative_offset_is_a_large_one(void **state)
{
    (void)state;
    assert_int_equal(try(LOAD(SECTION(SECTION_MEMORY, 1, 0, 1),
                              SECTION(SECTION_DATA, 1, 0, EXPRESSION(I32_CONST, 0x7f), 1, 'x'))),
                     OUTCOME_TRAP);
    assert_int_equal(trap.code, TRAP_MEMORY_OUT_OF_BOUNDS);
}

/* The start function. */

static void start_function_runs_once_after_the_segments(void **state)
{
    (void)state;
    assert_int_equal(try(LOAD(SECTION(SECTION_TYPE, 1, FUNCTION_TYPE, 0, 0),
                              SECTION(SECTION_IMPORT, 2, NAME('h'), NAME('f'), FUNCTION, 0,
                                      NAME('h'), NAME('m'), MEMORY, 0, 1),
                              SECTION(SECTION_FUNCTION, 1, 0), SECTION(SECTION_START, 1),
                              SECTION(SECTION_CODE, 1, BODY(CALL, 0)),
                              SECTION(SECTION_DATA, 1, 0, EXPRESSION(I32_CONST, 0), 1, 'a'))),
                     OUTCOME_OK);
    assert_int_equal(host_calls, 1);
    assert_int_equal(host_calls_before_data, 0);
}

static void start_function_may_be_the_hosts(void **state)
{
    (void)state;
    assert_int_equal(try(LOAD(SECTION(SECTION_TYPE, 1, FUNCTION_TYPE, 0, 0),
                              SECTION(SECTION_IMPORT, 1, NAME('h'), NAME('f'), FUNCTION, 0),
                              SECTION(SECTION_START, 0))),
                     OUTCOME_OK);
    assert_int_equal(host_calls, 1);
}

static void trap_in_the_start_function_keeps_what_was_done(void **state)
{
    (void)state;
    assert_int_equal(
        try(LOAD(SECTION(SECTION_TYPE, 1, FUNCTION_TYPE, 0, 0), IMPORT_TABLE_AND_MEMORY,
                 SECTION(SECTION_FUNCTION, 2, 0, 0), SECTION(SECTION_START, 1),
                 SECTION(SECTION_ELEMENT, 1, 0, EXPRESSION(I32_CONST, 0), 1, 0),
                 SECTION(SECTION_CODE, 2, BODY(NOP), BODY(NOP, UNREACHABLE)),
                 SECTION(SECTION_DATA, 1, 0, EXPRESSION(I32_CONST, 0), 1, 'a'))),
        OUTCOME_TRAP);
    assert_int_equal(trap.code, TRAP_UNREACHABLE);
    assert_null(instance);
    assert_int_equal(host_memory()->base[0], 'a');
    // What it left in the table can still be called.
    assert_int_equal(
        engine_invoke(engine, host_table()->elements[0].function, (union slot[1]){{0}}, &trap),
        OUTCOME_OK);
}

static void trap_in_the_start_function_tells_its_place(void **state)
{
    (void)state;
    assert_int_equal(try(LOAD(SECTION(SECTION_TYPE, 1, FUNCTION_TYPE, 0, 0),
                              SECTION(SECTION_IMPORT, 1, NAME('h'), NAME('f'), FUNCTION, 0),
                              SECTION(SECTION_FUNCTION, 2, 0, 0), SECTION(SECTION_START, 2),
                              SECTION(SECTION_CODE, 2, BODY(NOP), BODY(NOP, UNREACHABLE)))),
                     OUTCOME_TRAP);
    assert_true(trap.has_place);
    assert_int_equal(trap.funcidx, 2);
    assert_int_equal(trap.offset, 8 + 6 + 9 + 5 + 3 + 3 + 4 + 3);
    assert_ptr_equal(trap.instance, store->instances);
}

int main(void)
{
#define TEST(function_) cmocka_unit_test_setup_teardown(function_, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(import_that_nobody_offers_is_unknown),
        TEST(control_characters_of_names_are_not_printed),
        TEST(long_names_are_cut_between_characters),
        TEST(import_of_another_kind_is_incompatible),
        TEST(functions_must_have_the_same_type),
        TEST(globals_must_agree_in_type_and_mutability),
        TEST(memories_must_lie_within_the_limits_wanted),
        TEST(memory_without_maximum_does_not_fit_one_with),
        TEST(memories_and_tables_must_agree_in_address_type),
        TEST(grown_memory_counts_with_its_present_size),
        TEST(tables_must_agree_in_type_and_lie_within_the_limits_wanted),
        TEST(declarations_tell_what_cannot_be_linked_before_anything_runs),
        TEST(import_of_a_function_is_the_same_function),
        TEST(globals_are_evaluated_in_order),
        TEST(globals_hold_references),
        TEST(tables_and_memories_begin_with_their_minimum),
        TEST(instance_is_in_the_stores_list),
        TEST(failure_leaves_the_store_as_it_was),
        TEST(active_segments_are_copied_and_dropped),
        TEST(passive_segments_stay_and_declarative_ones_go),
        TEST(offset_may_come_from_an_imported_global),
        TEST(data_out_of_bounds_traps_after_all_that_came_before),
        TEST(elements_out_of_bounds_trap_before_any_data),
        TEST(empty_segment_past_the_end_traps),
        TEST(negative_offset_is_a_large_one),
        TEST(start_function_runs_once_after_the_segments),
        TEST(start_function_may_be_the_hosts),
        TEST(trap_in_the_start_function_keeps_what_was_done),
        TEST(trap_in_the_start_function_tells_its_place),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
