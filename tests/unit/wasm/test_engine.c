// SPDX-License-Identifier: Apache-2.0
// The facade, from bytes to results and traps. Modules are written as bytes.
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>

#include <cmocka.h>

#include "sandbox/wasm/engine.h"
#include "sandbox/wasm/limits.h"

// Parts of the binary format; everything is shorter than 128 bytes.
#define MAGIC             '\0', 'a', 's', 'm', 1, 0, 0, 0
#define LENGTH(...)       ((uint8_t)sizeof((const uint8_t[]){__VA_ARGS__}))
#define SECTION(id_, ...) id_, LENGTH(__VA_ARGS__), __VA_ARGS__
#define BODY(...)         LENGTH(0, __VA_ARGS__, END), 0, __VA_ARGS__, END
#define NAME(...)         LENGTH(__VA_ARGS__), __VA_ARGS__

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
    I32 = 0x7f,
    FUNCTION_TYPE = 0x60,
    EMPTY_BLOCK = 0x40,
    UNREACHABLE = 0x00,
    NOP = 0x01,
    LOOP = 0x03,
    END = 0x0b,
    BR = 0x0c,
    CALL = 0x10,
    RETURN_CALL = 0x12,
    DROP = 0x1a,
    LOCAL_GET = 0x20,
    I32_LOAD = 0x28,
    I32_CONST = 0x41,
    I32_ADD = 0x6a,
    FUNCTION = 0 // imports and exports
};

// add: [i32 i32] -> [i32]; load: [i32] -> [i32], from memory of one page; forever: [] -> [], an
// endless loop; recurse: [] -> [], a call of itself without end; trap: [] -> [], unreachable.
static const uint8_t sample[] = {
    MAGIC,
    SECTION(SECTION_TYPE, 3, FUNCTION_TYPE, 2, I32, I32, 1, I32, FUNCTION_TYPE, 1, I32, 1, I32,
            FUNCTION_TYPE, 0, 0),
    SECTION(SECTION_FUNCTION, 5, 0, 1, 2, 2, 2),
    SECTION(SECTION_MEMORY, 1, 1, 1, 1),
    SECTION(SECTION_EXPORT, 5, NAME('a', 'd', 'd'), FUNCTION, 0, NAME('l', 'o', 'a', 'd'), FUNCTION,
            1, NAME('f', 'o', 'r', 'e', 'v', 'e', 'r'), FUNCTION, 2,
            NAME('r', 'e', 'c', 'u', 'r', 's', 'e'), FUNCTION, 3, NAME('t', 'r', 'a', 'p'),
            FUNCTION, 4),
    SECTION(SECTION_CODE, 5, BODY(LOCAL_GET, 0, LOCAL_GET, 1, I32_ADD),
            BODY(LOCAL_GET, 0, I32_LOAD, 2, 0), BODY(LOOP, EMPTY_BLOCK, BR, 0, END), BODY(CALL, 3),
            BODY(NOP, UNREACHABLE)),
};

// call: [i32] -> [i32], calls the import host.function of that type.
static const uint8_t caller[] = {
    MAGIC,
    SECTION(SECTION_TYPE, 1, FUNCTION_TYPE, 1, I32, 1, I32),
    SECTION(SECTION_IMPORT, 1, NAME('h', 'o', 's', 't'),
            NAME('f', 'u', 'n', 'c', 't', 'i', 'o', 'n'), FUNCTION, 0),
    SECTION(SECTION_FUNCTION, 1, 0),
    SECTION(SECTION_EXPORT, 1, NAME('c', 'a', 'l', 'l'), FUNCTION, 1),
    SECTION(SECTION_CODE, 1, BODY(LOCAL_GET, 0, CALL, 0)),
};

// The same, and then loads from an address that no memory has.
static const uint8_t caller_then_fault[] = {
    MAGIC,
    SECTION(SECTION_TYPE, 1, FUNCTION_TYPE, 1, I32, 1, I32),
    SECTION(SECTION_IMPORT, 1, NAME('h', 'o', 's', 't'),
            NAME('f', 'u', 'n', 'c', 't', 'i', 'o', 'n'), FUNCTION, 0),
    SECTION(SECTION_FUNCTION, 1, 0),
    SECTION(SECTION_MEMORY, 1, 1, 1, 1),
    SECTION(SECTION_EXPORT, 1, NAME('c', 'a', 'l', 'l'), FUNCTION, 1),
    SECTION(SECTION_CODE, 1, BODY(LOCAL_GET, 0, CALL, 0, DROP, I32_CONST, 0x7f, I32_LOAD, 2, 0)),
};

// The same, and then a loop without end.
static const uint8_t caller_then_loop[] = {
    MAGIC,
    SECTION(SECTION_TYPE, 1, FUNCTION_TYPE, 1, I32, 1, I32),
    SECTION(SECTION_IMPORT, 1, NAME('h', 'o', 's', 't'),
            NAME('f', 'u', 'n', 'c', 't', 'i', 'o', 'n'), FUNCTION, 0),
    SECTION(SECTION_FUNCTION, 1, 0),
    SECTION(SECTION_EXPORT, 1, NAME('c', 'a', 'l', 'l'), FUNCTION, 1),
    SECTION(SECTION_CODE, 1,
            BODY(LOCAL_GET, 0, CALL, 0, DROP, LOOP, EMPTY_BLOCK, BR, 0, END, I32_CONST, 0)),
};

static struct engine *engine;
static struct error error;
static struct trap trap;
static union slot slots[8];
static struct sigaction fault_action; // as the engine wants it

static void create(struct engine_config config)
{
    error_clear(&error);
    memset(slots, 0, sizeof slots);
    assert_true(engine_create(&config, &engine, &error));
}

static int set_up(void **state)
{
    (void)state;
    create((struct engine_config){.stack_bytes = 0});
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    engine_destroy(engine);
    engine = NULL;
    return 0;
}

// cmocka puts handlers of its own in the place of the engine's for each test; instance_of brings
// the engine's back, which give faults that are no traps to cmocka.
static int save_fault_action(void **state)
{
    (void)state;
    return !trap_install(&error) || sigaction(SIGSEGV, NULL, &fault_action) != 0;
}

static struct instance *instance_of(const uint8_t *bytes, size_t size)
{
    struct instance *instance = NULL;
    struct module *module;

    assert_int_equal(sigaction(SIGSEGV, &fault_action, NULL), 0);
    assert_true(engine_load(engine, bytes, size, &module, &error));
    assert_int_equal(engine_instantiate(engine, module, &instance, &trap, &error), OUTCOME_OK);
    return instance;
}

static const struct function *function_of(struct instance *instance, const char *name)
{
    struct external external;

    assert_true(engine_export(instance, engine_name(name), &external));
    assert_int_equal(external.kind, EXTERNAL_FUNCTION);
    return external.function;
}

static enum outcome invoke(struct instance *instance, const char *name)
{
    return engine_invoke(engine, function_of(instance, name), slots, &trap);
}

static enum outcome invoke_sample(const char *name)
{
    return invoke(instance_of(sample, sizeof sample), name);
}

static void define_host_function(host_callback *callback, void *context)
{
    static const valtype types[] = {VALTYPE_I32, VALTYPE_I32};

    assert_true(engine_define_function(engine, engine_name("host"), engine_name("function"),
                                       (struct host_type){types, 1, 1}, callback, context, &error));
}

/* Engines and modules. */

static void destroying_takes_null(void **state)
{
    (void)state;
    engine_destroy(NULL);
}

static void engines_live_side_by_side(void **state)
{
    struct engine *first = engine;

    (void)state;
    create((struct engine_config){.checked_memory = true});
    assert_int_equal(invoke_sample("add"), OUTCOME_OK);
    engine_destroy(engine);
    engine = first;
    assert_int_equal(invoke_sample("add"), OUTCOME_OK);
}

static void stack_that_cannot_be_had_is_an_error(void **state)
{
    const struct engine_config config = {.stack_bytes = SIZE_MAX};
    struct engine *refused = engine;

    (void)state;
    assert_false(engine_create(&config, &refused, &error));
    assert_int_equal(error_kind(error.code), ERROR_KIND_LIMIT);
    assert_null(refused);
}

static void loading_tells_malformed_from_invalid(void **state)
{
    static const uint8_t malformed[] = {'\0', 'a', 's', 'm', 2, 0, 0, 0};
    static const uint8_t invalid[] = {MAGIC, SECTION(SECTION_FUNCTION, 1, 5),
                                      SECTION(SECTION_CODE, 1, BODY(NOP))};
    struct module *module;

    (void)state;
    assert_false(engine_load(engine, malformed, sizeof malformed, &module, &error));
    assert_int_equal(error_kind(error.code), ERROR_KIND_MALFORMED);
    assert_null(module);
    error_clear(&error);
    assert_false(engine_load(engine, invalid, sizeof invalid, &module, &error));
    assert_int_equal(error_kind(error.code), ERROR_KIND_INVALID);
    assert_null(module);
}

static void decoding_alone_does_not_look_into_bodies(void **state)
{
    static const uint8_t bytes[] = {MAGIC, SECTION(SECTION_TYPE, 1, FUNCTION_TYPE, 0, 0),
                                    SECTION(SECTION_FUNCTION, 1, 0),
                                    SECTION(SECTION_CODE, 1, BODY(I32_ADD))};
    struct module *module;

    (void)state;
    assert_true(engine_decode(engine, bytes, sizeof bytes, &module, &error));
    assert_int_equal(module->function_count, 1);
    assert_false(engine_load(engine, bytes, sizeof bytes, &module, &error));
    assert_int_equal(error.code, ERROR_TYPE_MISMATCH);
}

static void code_beyond_its_limit_is_a_limit_error(void **state)
{
    struct module *module;

    (void)state;
    engine_destroy(engine);
    create((struct engine_config){.code_bytes_max = 1});
    assert_false(engine_load(engine, sample, sizeof sample, &module, &error));
    assert_int_equal(error.code, ERROR_LIMIT_CODE);
}

// Lines of the process's list of mappings.
static unsigned mappings(void)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    unsigned lines = 0;
    int byte;

    assert_non_null(maps);
    while ((byte = fgetc(maps)) != EOF)
        lines += byte == '\n';
    fclose(maps);
    return lines;
}

// Each takes address space for several arenas, which runs out when it is not given back. The body
// is what is wrong, so that every arena was there.
static void failed_loads_leave_no_mapping_behind(void **state)
{
    static const uint8_t invalid[] = {MAGIC, SECTION(SECTION_TYPE, 1, FUNCTION_TYPE, 0, 0),
                                      SECTION(SECTION_FUNCTION, 1, 0),
                                      SECTION(SECTION_CODE, 1, BODY(I32_ADD))};
    struct module *module;
    unsigned before = 0;

    (void)state;
    for (int i = 0; i < 50; i++) {
        error_clear(&error);
        assert_false(engine_load(engine, invalid, sizeof invalid, &module, &error));
        assert_int_equal(error_kind(error.code), ERROR_KIND_INVALID);
        if (i == 1) // what is allocated once is there by now
            before = mappings();
    }
    assert_true(mappings() < before + 20); // of 48; sanitizers map some for themselves
}

/* Calls. */

static void call_gives_results(void **state)
{
    (void)state;
    slots[0].u64 = 40;
    slots[1].u64 = 2;
    assert_int_equal(invoke_sample("add"), OUTCOME_OK);
    assert_int_equal(slots[0].u64, 42);
}

static void results_of_32_bits_are_zero_extended(void **state)
{
    (void)state;
    slots[0].u64 = 0;
    slots[1].u64 = 0xffffffff;
    assert_int_equal(invoke_sample("add"), OUTCOME_OK);
    assert_int_equal(slots[0].u64, 0xffffffff);
}

static void call_needs_slots_for_the_larger_of_parameters_and_results(void **state)
{
    struct instance *instance = instance_of(sample, sizeof sample);

    (void)state;
    assert_int_equal(engine_call_slots(engine, function_of(instance, "add")), 2);
    assert_int_equal(engine_call_slots(engine, function_of(instance, "load")), 1);
    assert_int_equal(engine_call_slots(engine, function_of(instance, "trap")), 0);
}

static void missing_export_is_not_found(void **state)
{
    struct external external;

    (void)state;
    assert_false(engine_export(instance_of(sample, sizeof sample), engine_name("ad"), &external));
}

static void trap_tells_code_and_place(void **state)
{
    struct instance *instance = instance_of(sample, sizeof sample);

    (void)state;
    assert_int_equal(invoke(instance, "trap"), OUTCOME_TRAP);
    assert_int_equal(trap.code, TRAP_UNREACHABLE);
    assert_true(trap.has_place);
    assert_int_equal(trap.funcidx, 4);
    assert_int_equal(sample[trap.offset], UNREACHABLE);
    assert_int_equal(trap.offset, sizeof sample - 2);
    assert_ptr_equal(trap.instance, instance);
}

static void engine_works_on_after_a_trap(void **state)
{
    struct instance *instance = instance_of(sample, sizeof sample);

    (void)state;
    for (int i = 0; i < 100; i++) {
        assert_int_equal(invoke(instance, i % 2 == 0 ? "trap" : "recurse"), OUTCOME_TRAP);
        slots[0].u64 = 1;
        slots[1].u64 = 2;
        assert_int_equal(invoke(instance, "add"), OUTCOME_OK);
        assert_int_equal(slots[0].u64, 3);
    }
}

static void access_out_of_bounds_traps(void **state)
{
    (void)state;
    for (int checked = 0; checked <= 1; checked++) {
        struct instance *instance;

        engine_destroy(engine);
        create((struct engine_config){.checked_memory = checked});
        instance = instance_of(sample, sizeof sample);
        slots[0].u64 = 65532;
        assert_int_equal(invoke(instance, "load"), OUTCOME_OK);
        slots[0].u64 = 65533;
        assert_int_equal(invoke(instance, "load"), OUTCOME_TRAP);
        assert_int_equal(trap.code, TRAP_MEMORY_OUT_OF_BOUNDS);
        slots[0].u64 = UINT32_MAX;
        assert_int_equal(invoke(instance, "load"), OUTCOME_TRAP);
        assert_int_equal(trap.code, TRAP_MEMORY_OUT_OF_BOUNDS);
        assert_true(!trap.has_place || trap.funcidx == 1);
    }
}

static void endless_recursion_exhausts_the_stack(void **state)
{
    (void)state;
    assert_int_equal(invoke_sample("recurse"), OUTCOME_TRAP);
    assert_int_equal(trap.code, TRAP_CALL_STACK_EXHAUSTED);
}

static void smallest_stack_is_enough_for_small_calls(void **state)
{
    (void)state;
    engine_destroy(engine);
    create((struct engine_config){.stack_bytes = 1});
    assert_int_equal(invoke_sample("add"), OUTCOME_OK);
    assert_int_equal(invoke_sample("recurse"), OUTCOME_TRAP);
}

/* Host functions. */

static enum trap_code twice(void *context, struct store *store, union slot *arguments)
{
    (void)store;
    ++*(unsigned *)context;
    arguments[0].u64 = (uint32_t)(2 * arguments[0].u32);
    return TRAP_NONE;
}

static void host_function_takes_and_gives_values(void **state)
{
    unsigned calls = 0;

    (void)state;
    define_host_function(twice, &calls);
    slots[0].u64 = 21;
    assert_int_equal(invoke(instance_of(caller, sizeof caller), "call"), OUTCOME_OK);
    assert_int_equal(slots[0].u64, 42);
    assert_int_equal(calls, 1);
}

// The export of another engine's instance that call_other_engine runs, in the same thread.
static const char *other_export;

static enum trap_code call_other_engine(void *context, struct store *store, union slot *arguments)
{
    struct engine *outer = engine;
    struct instance *other = context;
    enum outcome outcome;

    (void)store;
    (void)arguments;
    engine = (struct engine *)other->store; // where an engine begins
    outcome = engine_invoke(engine, function_of(other, other_export), slots + 4, &trap);
    engine = outer;
    return outcome == OUTCOME_TRAP ? TRAP_NONE : TRAP_HOST;
}

static void run_inside_another_engines_run_leaves_its_traps_working(void **state)
{
    struct engine *first = engine;
    struct instance *other;

    (void)state;
    create((struct engine_config){.stack_bytes = 0});
    struct engine *second = engine;
    other = instance_of(sample, sizeof sample);
    engine = first;
    define_host_function(call_other_engine, other);
    other_export = "trap";
    struct instance *calling = instance_of(caller_then_fault, sizeof caller_then_fault);
    assert_int_equal(invoke(calling, "call"), OUTCOME_TRAP);
    assert_int_equal(trap.code, TRAP_MEMORY_OUT_OF_BOUNDS);
    engine_destroy(second);
}

static enum trap_code refuse(void *context, struct store *store, union slot *arguments)
{
    (void)context;
    (void)store;
    (void)arguments;
    return TRAP_HOST;
}

static void host_function_may_end_the_run(void **state)
{
    (void)state;
    define_host_function(refuse, NULL);
    assert_int_equal(invoke(instance_of(caller, sizeof caller), "call"), OUTCOME_TRAP);
    assert_int_equal(trap.code, TRAP_HOST);
}

// Calls the guest that called it, one level less, until none are left.
static enum trap_code call_back(void *context, struct store *store, union slot *arguments)
{
    struct instance *const *instance = context;
    union slot nested = {.u64 = arguments[0].u32 - 1};
    struct trap inner;

    (void)store;
    if (arguments[0].u32 == 0)
        return TRAP_NONE;
    if (engine_invoke(engine, function_of(*instance, "call"), &nested, &inner) != OUTCOME_OK)
        return inner.code;
    arguments[0].u64 = nested.u32 + 1;
    return TRAP_NONE;
}

static void host_function_may_call_the_guest_to_a_depth(void **state)
{
    struct instance *instance;

    (void)state;
    define_host_function(call_back, &instance);
    instance = instance_of(caller, sizeof caller);
    slots[0].u64 = LIMIT_NESTED_RUNS - 1;
    assert_int_equal(invoke(instance, "call"), OUTCOME_OK);
    assert_int_equal(slots[0].u64, LIMIT_NESTED_RUNS - 1);
    slots[0].u64 = 10 * LIMIT_NESTED_RUNS;
    assert_int_equal(invoke(instance, "call"), OUTCOME_TRAP);
    slots[0].u64 = 5;
    assert_int_equal(invoke(instance, "call"), OUTCOME_OK);
}

static void function_with_too_many_parameters_is_refused(void **state)
{
    static const valtype types[LIMIT_PARAMETERS + 1];

    (void)state;
    assert_false(engine_define_function(engine, engine_name("host"), engine_name("function"),
                                        (struct host_type){types, LIMIT_PARAMETERS + 1, 0}, refuse,
                                        NULL, &error));
    assert_int_equal(error.code, ERROR_LIMIT_PARAMETERS);
}

static void table_of_references_without_null_is_refused(void **state)
{
    const struct tabletype type = {VALTYPE_REF(HEAPTYPE_FUNC), {.minimum = 1}};

    (void)state;
    assert_false(engine_define_table(engine, engine_name("h"), engine_name("t"), &type, &error));
    assert_int_equal(error.code, ERROR_USAGE_ARGUMENT);
}

static void exports_of_an_instance_can_be_imported(void **state)
{
    // Imports "sample.load", and exports it as "f".
    static const uint8_t importer[] = {
        MAGIC, SECTION(SECTION_TYPE, 1, FUNCTION_TYPE, 1, I32, 1, I32),
        SECTION(SECTION_IMPORT, 1, NAME('s', 'a', 'm', 'p', 'l', 'e'), NAME('l', 'o', 'a', 'd'),
                FUNCTION, 0),
        SECTION(SECTION_EXPORT, 1, NAME('f'), FUNCTION, 0)};
    struct instance *instance = instance_of(sample, sizeof sample);

    (void)state;
    assert_true(engine_register(engine, engine_name("sample"), instance, &error));
    instance->memory_base[8] = 77;
    slots[0].u64 = 8;
    assert_int_equal(invoke(instance_of(importer, sizeof importer), "f"), OUTCOME_OK);
    assert_int_equal(slots[0].u64, 77);
}

static void later_registration_takes_the_place_of_an_earlier_one(void **state)
{
    struct instance *first = instance_of(sample, sizeof sample);
    struct instance *second = instance_of(sample, sizeof sample);
    struct external external;

    (void)state;
    assert_true(engine_register(engine, engine_name("m"), first, &error));
    assert_true(engine_register(engine, engine_name("m"), second, &error));
    assert_true(store_find(engine_store(engine), engine_name("m"), engine_name("add"), &external));
    assert_ptr_equal(external.function, function_of(second, "add"));
}

/* Bounds on time. */

// call: [i32] -> [i32], calls host.function; tail: the same by a tail call; through: calls
// library.call; pass: is library.host; begin: host.function, which is the start function too.
static const uint8_t passer[] = {
    MAGIC,
    SECTION(SECTION_TYPE, 2, FUNCTION_TYPE, 1, I32, 1, I32, FUNCTION_TYPE, 0, 0),
    SECTION(SECTION_IMPORT, 3, NAME('h', 'o', 's', 't'),
            NAME('f', 'u', 'n', 'c', 't', 'i', 'o', 'n'), FUNCTION, 0, NAME('l'), NAME('c'),
            FUNCTION, 0, NAME('h', 'o', 's', 't'), NAME('b', 'e', 'g', 'i', 'n'), FUNCTION, 1),
    SECTION(SECTION_FUNCTION, 3, 0, 0, 0),
    SECTION(SECTION_EXPORT, 4, NAME('c', 'a', 'l', 'l'), FUNCTION, 3, NAME('t', 'a', 'i', 'l'),
            FUNCTION, 4, NAME('t', 'h', 'r', 'o', 'u', 'g', 'h'), FUNCTION, 5,
            NAME('p', 'a', 's', 's'), FUNCTION, 0),
    SECTION(SECTION_START, 2),
    SECTION(SECTION_CODE, 3, BODY(LOCAL_GET, 0, CALL, 0), BODY(LOCAL_GET, 0, RETURN_CALL, 0),
            BODY(LOCAL_GET, 0, CALL, 1)),
};

static struct instance *callers[8];
static unsigned caller_count;

// Notes whose code called, before and after it calls `context`, if that is something.
static enum trap_code note_caller(void *context, struct store *store, union slot *arguments)
{
    struct instance **inner = context;
    struct external external;
    union slot inside[2] = {{.u64 = 1}, {0}};

    callers[caller_count++] = engine_caller(store);
    if (inner == NULL || *inner == NULL || arguments[0].u32 == 1)
        return TRAP_NONE;
    if (!engine_export(*inner, engine_name("call"), &external) ||
        engine_invoke(engine, external.function, inside, &trap) != OUTCOME_OK)
        return TRAP_HOST;
    callers[caller_count++] = engine_caller(store);
    return TRAP_NONE;
}

static void define_noting(struct instance **inner)
{
    static const valtype types[] = {VALTYPE_I32, VALTYPE_I32};

    caller_count = 0;
    assert_true(engine_define_function(engine, engine_name("host"), engine_name("function"),
                                       (struct host_type){types, 1, 1}, note_caller, inner,
                                       &error));
    assert_true(engine_define_function(engine, engine_name("host"), engine_name("begin"),
                                       (struct host_type){NULL, 0, 0}, note_caller, NULL, &error));
}

static void expect_callers(struct instance *instance, const char *name, struct instance *first,
                           struct instance *second, struct instance *third)
{
    struct external external;

    caller_count = 0;
    slots[0].u64 = 0;
    assert_true(engine_export(instance, engine_name(name), &external));
    assert_int_equal(engine_invoke(engine, external.function, slots, &trap), OUTCOME_OK);
    assert_ptr_equal(callers[0], first);
    assert_int_equal(caller_count, second == NULL ? 1 : 3);
    if (second != NULL)
        assert_ptr_equal(callers[1], second);
    if (second != NULL)
        assert_ptr_equal(callers[2], third);
}

// Two instances of which the second calls the first, as "l.c".
static void make_pair(struct instance **library, struct instance **user)
{
    struct external external;

    assert_true(engine_define_function(
        engine, engine_name("l"), engine_name("c"),
        (struct host_type){(const valtype[]){VALTYPE_I32, VALTYPE_I32}, 1, 1}, note_caller, NULL,
        &error));
    *library = instance_of(passer, sizeof passer);
    assert_ptr_equal(callers[caller_count - 1], *library); // of the start function
    assert_true(engine_export(*library, engine_name("call"), &external));
    assert_true(
        store_register(engine_store(engine), engine_name("l"), engine_name("c"), external, &error));
    *user = instance_of(passer, sizeof passer);
    assert_ptr_equal(callers[caller_count - 1], *user);
}

static void host_function_learns_whose_code_called_it(void **state)
{
    struct instance *inner = NULL;
    struct instance *library;
    struct instance *user;

    (void)state;
    define_noting(&inner);
    make_pair(&library, &user);
    expect_callers(library, "call", library, NULL, NULL);
    expect_callers(library, "tail", library, NULL, NULL);
    expect_callers(user, "call", user, NULL, NULL);
    expect_callers(user, "through", library, NULL, NULL);
    expect_callers(user, "tail", user, NULL, NULL);
    inner = library; // and in the run inside
    expect_callers(user, "call", user, library, user);
    inner = user;
    expect_callers(user, "through", library, user, library);
}

static void host_function_that_the_embedder_calls_has_the_caller_that_it_says(void **state)
{
    struct store *store = engine_store(engine);
    struct instance *library;
    struct instance *user;

    (void)state;
    assert_null(engine_caller(store));
    define_noting(NULL);
    make_pair(&library, &user);
    expect_callers(library, "pass", user, NULL, NULL); // the newest
    assert_null(engine_set_caller(store, library));
    expect_callers(user, "pass", library, NULL, NULL);
    expect_callers(user, "call", user, NULL, NULL);
    assert_ptr_equal(engine_set_caller(store, NULL), library);
}

static void signal_interrupts_an_endless_loop(void **state)
{
    const struct itimerval soon = {.it_value.tv_usec = 20000};
    struct instance *instance = instance_of(sample, sizeof sample);

    (void)state;
    assert_true(trap_install_interrupt(SIGALRM, &error));
    assert_int_equal(setitimer(ITIMER_REAL, &soon, NULL), 0);
    assert_int_equal(invoke(instance, "forever"), OUTCOME_TRAP);
    assert_int_equal(trap.code, TRAP_INTERRUPTED);
    slots[0].u64 = 1;
    slots[1].u64 = 2;
    assert_int_equal(invoke(instance, "add"), OUTCOME_OK);
    assert_int_equal(slots[0].u64, 3);
}

// The inner run, of another engine, is what the signal meets; the host function makes nothing of
// its end, and the outer guest would go on for ever.
static void signal_interrupts_all_runs_of_the_thread(void **state)
{
    const struct itimerval soon = {.it_value.tv_usec = 20000};
    struct engine *first = engine;

    (void)state;
    create((struct engine_config){.stack_bytes = 0});
    struct engine *second = engine;
    struct instance *other = instance_of(sample, sizeof sample);
    engine = first;
    define_host_function(call_other_engine, other);
    other_export = "forever";
    struct instance *calling = instance_of(caller_then_loop, sizeof caller_then_loop);
    assert_true(trap_install_interrupt(SIGALRM, &error));
    assert_int_equal(setitimer(ITIMER_REAL, &soon, NULL), 0);
    assert_int_equal(invoke(calling, "call"), OUTCOME_TRAP);
    assert_int_equal(trap.code, TRAP_INTERRUPTED);
    engine_destroy(second);
}

static enum trap_code interrupt(void *context, struct store *store, union slot *arguments)
{
    (void)context;
    (void)store;
    (void)arguments;
    engine_interrupt(engine);
    return TRAP_NONE;
}

static void interruption_during_a_host_function_ends_the_run(void **state)
{
    (void)state;
    define_host_function(interrupt, NULL);
    assert_int_equal(invoke(instance_of(caller, sizeof caller), "call"), OUTCOME_TRAP);
    assert_int_equal(trap.code, TRAP_INTERRUPTED);
}

static void fuel_ends_an_endless_loop(void **state)
{
    struct instance *instance;

    (void)state;
    engine_destroy(engine);
    create((struct engine_config){.metered = true});
    assert_true(engine_fuel(engine) == UINT64_MAX / 2);
    instance = instance_of(sample, sizeof sample);
    engine_set_fuel(engine, 100000);
    assert_int_equal(invoke(instance, "forever"), OUTCOME_TRAP);
    assert_int_equal(trap.code, TRAP_FUEL_EXHAUSTED);
    engine_set_fuel(engine, 100);
    assert_int_equal(invoke(instance, "add"), OUTCOME_OK);
    assert_true(engine_fuel(engine) < 100);
}

int main(void)
{
#define TEST(function_) cmocka_unit_test_setup_teardown(function_, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(destroying_takes_null),
        TEST(engines_live_side_by_side),
        TEST(stack_that_cannot_be_had_is_an_error),
        TEST(loading_tells_malformed_from_invalid),
        TEST(decoding_alone_does_not_look_into_bodies),
        TEST(code_beyond_its_limit_is_a_limit_error),
        TEST(failed_loads_leave_no_mapping_behind),
        TEST(call_gives_results),
        TEST(results_of_32_bits_are_zero_extended),
        TEST(call_needs_slots_for_the_larger_of_parameters_and_results),
        TEST(missing_export_is_not_found),
        TEST(trap_tells_code_and_place),
        TEST(engine_works_on_after_a_trap),
        TEST(access_out_of_bounds_traps),
        TEST(endless_recursion_exhausts_the_stack),
        TEST(smallest_stack_is_enough_for_small_calls),
        TEST(host_function_takes_and_gives_values),
        TEST(run_inside_another_engines_run_leaves_its_traps_working),
        TEST(host_function_may_end_the_run),
        TEST(host_function_may_call_the_guest_to_a_depth),
        TEST(function_with_too_many_parameters_is_refused),
        TEST(table_of_references_without_null_is_refused),
        TEST(exports_of_an_instance_can_be_imported),
        TEST(later_registration_takes_the_place_of_an_earlier_one),
        TEST(host_function_learns_whose_code_called_it),
        TEST(host_function_that_the_embedder_calls_has_the_caller_that_it_says),
        TEST(signal_interrupts_an_endless_loop),
        TEST(signal_interrupts_all_runs_of_the_thread),
        TEST(interruption_during_a_host_function_ends_the_run),
        TEST(fuel_ends_an_endless_loop),
    };
#undef TEST

    return cmocka_run_group_tests(tests, save_fault_action, NULL);
}
