// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/differential.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sandbox/wasm/engine.h"
#include "tests/fuzz/host.h"
#include "tests/fuzz/known.h"
#include "tests/fuzz/reference.h"

#define FORMS            4u
#define MODULES_MAX      2u
#define MEMORY_BYTES_MAX (64ull * 1024 * 1024)
#define STACK_BYTES      ((size_t)256 * 1024)
#define COMPARED_BYTES   ((size_t)1024 * 1024) // of each memory
#define COMPARED_ITEMS   16384u                // of each table
#define NESTED_VALUES    32u                   // of a call from the host
#define VALUES_MAX       2000u                 // slots: of parameters and results, both up to 1000
#define SLOTS_RESERVED   2048u                 // of the stack, that the reference does not count
// More than the reference interpreter's, since whole loop bodies are paid at their beginning.
#define FUEL_FACTOR  4u
#define ATTEMPTS_MAX 4u // each goes on behind the call that ended the one before early

struct comparison;

struct side {
    const struct comparison *comparison;
    const char *name;
    bool checked;
    bool metered;
    struct engine *engine;
    struct host host;
    struct module *modules[MODULES_MAX];
    struct instance *instances[MODULES_MAX];
    enum outcome outcome; // of the latest run
    struct trap trap;
    struct error error;
    uint64_t charged;
    union slot values[VALUES_MAX];
};

static const struct side side_forms[FORMS] = {
    {.name = "guarded, metered", .metered = true},
    {.name = "checked, metered", .checked = true, .metered = true},
    {.name = "guarded"},
    {.name = "checked", .checked = true},
};

struct comparison {
    const struct differential_options *options;
    const struct differential_module *modules;
    struct side sides[FORMS];
    uint32_t side_count;
    struct reference_store reference;
    struct host reference_host;
    struct reference_instance *instances[MODULES_MAX];
    uint32_t instance_count;
    enum reference_outcome outcome; // of the latest run
    uint64_t values[VALUES_MAX];
    uint32_t done; // calls that were begun
    uint32_t skip; // calls that were made in an attempt before
    char doing[96];
    struct differential_result result;
};

/* Reports. */

static void write_module(const struct comparison *c, uint32_t index)
{
    const char *prefix = getenv("PINFOLD_FUZZ_DUMP");
    char path[256];

    if (prefix == NULL)
        return;
    snprintf(path, sizeof path, "%s%u.wasm", prefix, index);
    FILE *file = fopen(path, "wb");
    if (file == NULL)
        return;
    fwrite(c->modules[index].bytes, 1, c->modules[index].size, file);
    fclose(file);
    fprintf(stderr, "module %u: %s\n", index, path);
}

static void __attribute__((noreturn, format(printf, 3, 4)))
differ(const struct comparison *c, const struct side *side, const char *format, ...)
{
    va_list arguments;

    fprintf(stderr, "DIFFERENCE: %s: %s: %s: ", c->options->title ? c->options->title : "",
            side ? side->name : "all", c->doing);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "\n");
    abort();
}

/* Values. */

static bool is_arithmetic_nan(uint8_t type, uint64_t bits)
{
    return type == TYPE_F32 ? (bits & 0x7fc00000u) == 0x7fc00000u
                            : (bits & 0x7ff8000000000000u) == 0x7ff8000000000000u;
}

static bool functions_match(const struct side *side, const struct reference_function *wanted,
                            const struct function *given)
{
    if (wanted == NULL || given == NULL)
        return wanted == NULL && given == NULL;
    if (wanted->instance == NULL || given->instance == NULL)
        return wanted->instance == NULL && given->instance == NULL &&
               host_function_number(given) == wanted->index;
    return side->instances[wanted->instance->number] == given->instance &&
           given->funcidx == wanted->index;
}

static bool values_match(const struct side *side, uint8_t type, uint64_t wanted, union slot given)
{
    switch (type) {
    case TYPE_F32:
        return wanted == SOME_NAN_32 ? is_arithmetic_nan(type, given.u32) : given.u32 == wanted;
    case TYPE_F64:
        return wanted == SOME_NAN_64 ? is_arithmetic_nan(type, given.u64) : given.u64 == wanted;
    case TYPE_EXNREF: // nobody else can look into it
        return (wanted == 0) == (given.u64 == 0);
    case TYPE_FUNCREF:
        return functions_match(side, (const struct reference_function *)(uintptr_t)wanted,
                               given.function);
    default:
        return given.u64 == wanted; // of an i32, the zeros above it too
    }
}

/* Calls from the host back into a guest. */

// The function that a choice means: its instance's number and its index. False: none will do.
static bool choose_nested(const struct comparison *c, uint64_t choice, uint32_t *number,
                          uint32_t *index)
{
    if (c->instance_count == 0)
        return false;
    *number = (uint32_t)(choice >> 8) % c->instance_count;
    const struct reference_instance *instance = c->instances[*number];
    if (instance->function_count == 0)
        return false;
    *index = (uint32_t)(choice >> 16 & UINT16_MAX) % instance->function_count;
    const struct reference_type *type = &instance->functions[*index]->type;
    return type->parameter_count <= NESTED_VALUES && type->result_count <= NESTED_VALUES &&
           reference_has_defaults(type->parameters, type->parameter_count);
}

// A trap of the nested call becomes the host's or is forgotten, but for the end of fuel and stack.
static enum trap_code pass_on(enum trap_code code, uint64_t choice)
{
    bool exhaustion = code == TRAP_FUEL_EXHAUSTED || code == TRAP_CALL_STACK_EXHAUSTED;

    return exhaustion || choice % 2 == 0 ? code : TRAP_NONE;
}

static enum trap_code nested_engine(struct host *host, uint64_t choice, uint64_t *hash)
{
    struct side *side = host->owner;
    union slot values[2 * NESTED_VALUES];
    uint8_t types[2 * NESTED_VALUES];
    struct external external;
    struct trap trap;
    uint32_t number, index;

    if (!choose_nested(side->comparison, choice, &number, &index))
        return TRAP_NONE;
    const struct reference_type *type =
        &side->comparison->instances[number]->functions[index]->type;
    uint32_t count = reference_slots(type->parameters, type->parameter_count, types);
    for (uint32_t i = 0; i < count; i++)
        values[i].u64 = host_value(types[i], choice + i);
    if (!instance_external(side->instances[number], EXTERNAL_FUNCTION, index, &external))
        differ(side->comparison, side, "function %u is not there", index);
    if (engine_invoke(side->engine, external.function, values, &trap) != OUTCOME_OK) {
        *hash = host_mix(*hash, TYPE_I32, trap.code);
        return pass_on(trap.code, choice);
    }
    count = reference_slots(type->results, type->result_count, types);
    for (uint32_t i = 0; i < count; i++)
        *hash = host_mix(*hash, types[i], values[i].u64);
    return TRAP_NONE;
}

static enum trap_code nested_reference(struct host *host, uint64_t choice, uint64_t *hash)
{
    struct comparison *c = host->owner;
    uint64_t values[2 * NESTED_VALUES];
    uint8_t types[2 * NESTED_VALUES];
    uint32_t number, index;

    if (!choose_nested(c, choice, &number, &index))
        return TRAP_NONE;
    const struct reference_function *function = c->instances[number]->functions[index];
    const struct reference_type *type = &function->type;
    uint32_t count = reference_slots(type->parameters, type->parameter_count, types);
    for (uint32_t i = 0; i < count; i++)
        values[i] = host_value(types[i], choice + i);
    enum reference_outcome outcome = reference_call(&c->reference, function, values);
    if (outcome == REFERENCE_TRAP) {
        *hash = host_mix(*hash, TYPE_I32, c->reference.trap);
        return pass_on(c->reference.trap, choice);
    }
    count = reference_slots(type->results, type->result_count, types);
    for (uint32_t i = 0; outcome == REFERENCE_OK && i < count; i++)
        *hash = host_mix(*hash, types[i], values[i]);
    return outcome == REFERENCE_OK ? TRAP_NONE : TRAP_COUNT;
}

/* State. */

static void compare_globals(const struct comparison *c, const struct side *side, uint32_t number)
{
    const struct reference_instance *wanted = c->instances[number];

    for (uint32_t i = 0; i < wanted->global_count; i++) {
        const struct reference_global *global = wanted->globals[i];
        const union slot *given = side->instances[number]->globals[i];
        const uint64_t halves[] = {global->value.low, global->value.high};
        uint8_t slots[2];

        for (uint32_t k = 0, count = reference_slots(&global->type, 1, slots); k < count; k++)
            if (!values_match(side, slots[k], halves[k], given[k]))
                differ(c, side, "global %u of module %u is %#" PRIx64 ", not %#" PRIx64, i, number,
                       given[k].u64, halves[k]);
    }
}

static void compare_tables(const struct comparison *c, const struct side *side, uint32_t number)
{
    const struct reference_instance *wanted = c->instances[number];

    for (uint32_t i = 0; i < wanted->table_count; i++) {
        const struct reference_table *table = wanted->tables[i];
        const struct table *given = side->instances[number]->tables[i];
        uint8_t type = host_type_byte(given->type.element);

        if (given->size != table->size)
            differ(c, side, "table %u has %" PRIu64 " elements, not %u", i, given->size,
                   table->size);
        for (uint32_t k = 0; k < table->size && k < COMPARED_ITEMS; k++)
            if (!values_match(side, type, table->elements[k], given->elements[k]))
                differ(c, side, "element %u of table %u differs", k, i);
    }
}

// The bytes at `i`, or some NaN that begins there, are the same; moves on.
static bool bytes_match(const struct reference_memory *wanted, const uint8_t *given, size_t *i)
{
    uint8_t mark = wanted->nans[*i];
    uint32_t width = mark == NAN_FIRST_32 ? 4 : mark == NAN_FIRST_64 ? 8 : 1;
    bool whole = *i + width <= wanted->size && width > 1;
    uint64_t bits = 0;
    size_t first = *i;

    for (uint32_t k = 1; whole && k < width; k++)
        whole = wanted->nans[first + k] == NAN_REST;
    *i += whole ? width : 1;
    if (!whole)
        return mark != NAN_NONE || given[first] == wanted->bytes[first];
    memcpy(&bits, given + first, width);
    return is_arithmetic_nan(width == 4 ? TYPE_F32 : TYPE_F64, bits);
}

static void compare_memory(const struct comparison *c, const struct side *side, uint32_t number,
                           uint32_t index)
{
    const struct reference_memory *wanted = c->instances[number]->memories[index];
    const struct memory *given = side->instances[number]->memories[index];
    size_t size = wanted->size < COMPARED_BYTES ? wanted->size : COMPARED_BYTES;

    if (given->size_bytes != wanted->size)
        differ(c, side, "memory %u has %" PRIu64 " bytes, not %" PRIu64, index, given->size_bytes,
               wanted->size);
    if (size == 0 || memcmp(given->base, wanted->bytes, size) == 0)
        return;
    for (size_t i = 0; i < size;) {
        size_t at = i;
        if (!bytes_match(wanted, given->base, &i))
            differ(c, side, "memory %u at %zu is %02x, not %02x", index, at, given->base[at],
                   wanted->bytes[at]);
    }
}

static void compare_state(const struct comparison *c, const struct side *side)
{
    for (uint32_t i = 0; i < c->instance_count; i++) {
        compare_globals(c, side, i);
        compare_tables(c, side, i);
        for (uint32_t k = 0; k < c->instances[i]->memory_count; k++)
            compare_memory(c, side, i, k);
    }
    if (side->host.calls != c->reference_host.calls)
        differ(c, side, "%" PRIu64 " calls of the host, not %" PRIu64, side->host.calls,
               c->reference_host.calls);
}

/* Runs. */

static bool exhausted(const struct side *side)
{
    return side->outcome == OUTCOME_TRAP &&
           (side->trap.code == TRAP_FUEL_EXHAUSTED || side->trap.code == TRAP_CALL_STACK_EXHAUSTED);
}

static void compare_traps(const struct comparison *c, const struct side *side)
{
    const struct reference_store *wanted = &c->reference;
    const struct trap *given = &side->trap;

    if (given->code != wanted->trap)
        differ(c, side, "trap %s, not %s", trap_wording(given->code), trap_wording(wanted->trap));
    // The register that tells where a fault happened is kept by one calling convention only.
    if (wanted->trap_function == UINT32_MAX ||
        (!TRAP_FAULT_HAS_PLACE && !side->checked && given->code == TRAP_MEMORY_OUT_OF_BOUNDS))
        return;
    if (!given->has_place)
        differ(c, side, "a trap without place: %s", trap_wording(given->code));
    // A fused sequence gives the place of its first instruction.
    if (given->funcidx != wanted->trap_function || given->offset > wanted->trap_offset)
        differ(c, side, "trap %s in function %u at %" PRIu64 ", not %u at %" PRIu64,
               trap_wording(given->code), given->funcidx, given->offset, wanted->trap_function,
               wanted->trap_offset);
}

// One side's latest run against the reference's. False: there is no more to compare.
static bool compare_outcome(struct comparison *c, const struct side *side)
{
    static const char *const names[] = {"results", "a trap", "an error"};
    bool finished = c->outcome == REFERENCE_OK || c->outcome == REFERENCE_TRAP;

    if (side->outcome == OUTCOME_ERROR)
        differ(c, side, "error %s", side->error.message);
    if (exhausted(side)) {
        if (side->trap.code == TRAP_CALL_STACK_EXHAUSTED && finished &&
            c->reference.deepest + SLOTS_RESERVED < STACK_BYTES / sizeof(union slot) / 2)
            differ(c, side, "call stack exhausted by %" PRIu64 " slots", c->reference.deepest);
        return false;
    }
    if (c->outcome == REFERENCE_UNDETERMINED || c->outcome == REFERENCE_OTHER)
        return false;
    if (side->metered && side->charged < c->reference.steps)
        differ(c, side, "%" PRIu64 " instructions charged for %" PRIu64, side->charged,
               c->reference.steps);
    if (!finished)
        return false;
    if ((side->outcome == OUTCOME_OK) != (c->outcome == REFERENCE_OK))
        differ(c, side, "%s (%s), not %s (%s)", names[side->outcome],
               side->outcome == OUTCOME_OK ? "" : trap_wording(side->trap.code), names[c->outcome],
               c->outcome == REFERENCE_OK ? "" : trap_wording(c->reference.trap));
    if (c->outcome == REFERENCE_TRAP)
        compare_traps(c, side);
    return true;
}

// Would this side end its run?
static bool may_run(const struct comparison *c, const struct side *side)
{
    return side->metered || c->outcome == REFERENCE_OK || c->outcome == REFERENCE_TRAP;
}

// All sides have run. False: there is no more to compare.
static bool compare_outcomes(struct comparison *c)
{
    const struct side *metered = NULL;
    bool go_on = c->outcome == REFERENCE_OK || c->outcome == REFERENCE_TRAP;

    for (uint32_t i = 0; i < c->side_count; i++) {
        const struct side *side = &c->sides[i];

        if (!may_run(c, side))
            continue;
        go_on = compare_outcome(c, side) && go_on;
        if (side->metered && metered != NULL && c->outcome != REFERENCE_UNDETERMINED &&
            !exhausted(side) && side->charged != metered->charged)
            differ(c, side, "charged %" PRIu64 ", not %" PRIu64, side->charged, metered->charged);
        if (side->metered && !exhausted(side))
            metered = side;
    }
    c->result.undetermined = c->result.undetermined || !go_on;
    return go_on;
}

static uint64_t begin(const struct comparison *c, struct side *side)
{
    uint64_t fuel = (uint64_t)c->options->fuel * FUEL_FACTOR;

    side->error = (struct error){.code = ERROR_NONE};
    engine_set_fuel(side->engine, fuel);
    return fuel;
}

/* Loading. */

// False: there is nothing to run, or the reference could not run it.
static bool load(struct comparison *c, struct side *side, uint32_t number)
{
    const struct differential_module *module = &c->modules[number];
    const struct side *first = &c->sides[0];

    begin(c, side);
    bool loaded = engine_load(side->engine, module->bytes, module->size, &side->modules[number],
                              &side->error);
    if (!loaded && c->options->must_be_valid)
        differ(c, side, "refused at %" PRIu64 ": %s", side->error.offset, side->error.message);
    if (side->error.code != first->error.code || side->error.offset != first->error.offset)
        differ(c, side, "%s at %" PRIu64 ", not %s at %" PRIu64, side->error.message,
               side->error.offset, first->error.message, first->error.offset);
    return loaded;
}

static void instantiate_side(struct comparison *c, struct side *side, uint32_t number)
{
    uint64_t fuel = begin(c, side);

    side->outcome = engine_instantiate(side->engine, side->modules[number],
                                       &side->instances[number], &side->trap, &side->error);
    side->charged = fuel - engine_fuel(side->engine);
    if (side->outcome == OUTCOME_OK &&
        !engine_register(side->engine, engine_name("first"), side->instances[number], &side->error))
        side->outcome = OUTCOME_ERROR;
}

// An error is fine if all have the same and the module is not one of ours.
static bool errors_agree(const struct comparison *c)
{
    bool error = false;

    for (uint32_t i = 0; i < c->side_count; i++)
        error = error || c->sides[i].error.code != ERROR_NONE;
    if (!error || c->options->must_be_valid)
        return false;
    for (uint32_t i = 1; i < c->side_count; i++)
        if (c->sides[i].error.code != c->sides[0].error.code && may_run(c, &c->sides[i]))
            differ(c, &c->sides[i], "error %s", c->sides[i].error.message);
    return true;
}

static bool instantiate_all(struct comparison *c, uint32_t number)
{
    const struct differential_module *module = &c->modules[number];

    snprintf(c->doing, sizeof c->doing, "instantiation of module %u", number);
    for (uint32_t i = 0; i < c->side_count; i++)
        if (!host_define_imports(&c->sides[i].host, c->sides[i].engine,
                                 c->sides[i].modules[number]))
            return false;
    reference_fuel(&c->reference, c->options->fuel);
    c->outcome =
        reference_instantiate(&c->reference, module->bytes, module->size, &c->instances[number]);
    for (uint32_t i = 0; i < c->side_count; i++)
        if (may_run(c, &c->sides[i]))
            instantiate_side(c, &c->sides[i], number);
    if (errors_agree(c) || !compare_outcomes(c) || c->outcome != REFERENCE_OK)
        return false;
    c->instance_count = number + 1;
    reference_register(c->instances[number], (struct reference_name){(const uint8_t *)"first", 5});
    for (uint32_t i = 0; i < c->side_count; i++)
        compare_state(c, &c->sides[i]);
    return true;
}

/* Calls. */

static uint64_t next_random(uint64_t *state)
{
    *state += 0x9e3779b97f4a7c15u;
    uint64_t value = *state;
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9u;
    value = (value ^ value >> 27) * 0x94d049bb133111ebu;
    return value ^ value >> 31;
}

// Zeros first, then special values, then anything that is no NaN.
static uint64_t argument(uint8_t type, uint32_t call, uint64_t *random)
{
    static const uint32_t i32s[] = {1, UINT32_MAX, 0x80000000u, 0x7fffffffu, 65535, 8, 1000, 3};
    static const uint64_t i64s[] = {1, UINT64_MAX, 1ull << 63, INT64_MAX, UINT32_MAX, 63, 7, 100};
    static const uint32_t f32s[] = {0x3f800000u, 0xbf800000u, 0x80000000u, 0x7f800000u,
                                    0x4f000000u, 0x00000001u, 0x3fc00000u, 0x7fc00000u};
    static const uint64_t f64s[] = {0x3ff0000000000000u, 0xbff0000000000000u, 1ull << 63,
                                    0x7ff0000000000000u, 0x41e0000000000000u, 1,
                                    0x3ff8000000000000u, 0x7ff8000000000000u};
    uint64_t value = next_random(random);
    bool special = value >> 60 < 8;

    if (call == 0 || type == TYPE_FUNCREF || type == TYPE_EXNREF)
        return 0;
    switch (type) {
    case TYPE_I32:
        return special ? i32s[value & 7] : value >> 40 & (value & 1 ? 0xff : UINT32_MAX);
    case TYPE_I64:
        return special ? i64s[value & 7] : value;
    case TYPE_F32:
        return special ? f32s[value & 7] : value >> 20 & 0xff7fffffu;
    case TYPE_F64:
        return special ? f64s[value & 7] : value & 0xffefffffffffffffu;
    default:
        return value & 0xf;
    }
}

static void call_side(struct comparison *c, struct side *side, uint32_t number, uint32_t index,
                      const uint64_t *arguments)
{
    uint64_t fuel = begin(c, side);
    const struct reference_type *type = &c->instances[number]->functions[index]->type;
    struct external external;

    if (!instance_external(side->instances[number], EXTERNAL_FUNCTION, index, &external))
        differ(c, side, "function %u is not there", index);
    for (uint32_t i = 0, n = reference_slots(type->parameters, type->parameter_count, NULL); i < n;
         i++)
        side->values[i].u64 = arguments[i];
    side->outcome = engine_invoke(side->engine, external.function, side->values, &side->trap);
    side->charged = fuel - engine_fuel(side->engine);
}

static void compare_results(const struct comparison *c, const struct side *side,
                            const struct reference_type *type)
{
    static uint8_t types[VALUES_MAX];
    uint32_t count = reference_slots(type->results, type->result_count, types);

    for (uint32_t i = 0; i < count; i++)
        if (!values_match(side, types[i], c->values[i], side->values[i]))
            differ(c, side, "result %u is %#" PRIx64 ", not %#" PRIx64, i, side->values[i].u64,
                   c->values[i]);
}

static bool call(struct comparison *c, uint32_t number, uint32_t index, uint32_t nth)
{
    const struct reference_function *function = c->instances[number]->functions[index];
    const struct reference_type *type = &function->type;
    uint64_t random = c->options->seed + nth * 1000003u + index;
    static uint64_t arguments[VALUES_MAX];
    static uint8_t types[VALUES_MAX];
    uint32_t count = reference_slots(type->parameters, type->parameter_count, types);

    snprintf(c->doing, sizeof c->doing, "module %u, call %u of function %u", number, nth, index);
    for (uint32_t i = 0; i < count; i++)
        c->values[i] = arguments[i] = argument(types[i], nth, &random);
    reference_fuel(&c->reference, c->options->fuel);
    c->outcome = reference_call(&c->reference, function, c->values);
    c->result.steps += c->reference.steps;
    for (uint32_t i = 0; i < c->side_count; i++)
        if (may_run(c, &c->sides[i]))
            call_side(c, &c->sides[i], number, index, arguments);
    if (!compare_outcomes(c))
        return false;
    for (uint32_t i = 0; i < c->side_count; i++) {
        if (c->outcome == REFERENCE_OK)
            compare_results(c, &c->sides[i], type);
        compare_state(c, &c->sides[i]);
    }
    c->result.calls++;
    c->result.traps += c->outcome == REFERENCE_TRAP;
    return true;
}

// Can the export be called? Functions that are asked for cannot be made up.
static bool callable(const struct reference_instance *instance, uint32_t export)
{
    if (instance->exports[export].kind != KIND_FUNCTION)
        return false;
    const struct reference_type *type = &instance->functions[instance->exports[export].index]->type;
    return reference_has_defaults(type->parameters, type->parameter_count);
}

static bool call_exports(struct comparison *c, uint32_t number)
{
    const struct reference_instance *instance = c->instances[number];

    for (uint32_t nth = 0; nth < c->options->calls; nth++)
        for (uint32_t i = 0; i < instance->export_count && i < 16; i++)
            if (callable(instance, i) && c->done++ >= c->skip &&
                !call(c, number, instance->exports[i].index, nth))
                return false;
    return true;
}

// False: a call ended early, after which the sides are not in the same state.
static bool compare(struct comparison *c, uint32_t count)
{
    for (uint32_t number = 0; number < count; number++) {
        bool loaded = true;

        snprintf(c->doing, sizeof c->doing, "load of module %u", number);
        for (uint32_t i = 0; i < c->side_count; i++)
            loaded = load(c, &c->sides[i], number) && loaded;
        const struct side *side = &c->sides[0];
        if (!loaded ||
            !known_to_reference(side->modules[number], &engine_store(side->engine)->types))
            return true;
    }
    c->result.loaded = true;
    for (uint32_t number = 0; number < count; number++)
        if (!instantiate_all(c, number))
            return true;
    c->result.instantiated = true;
    for (uint32_t number = count; number > 0; number--)
        if (!call_exports(c, number - 1))
            return false;
    return true;
}

static void create_side(struct comparison *c, const struct side *form)
{
    struct side *side = &c->sides[c->side_count++];
    struct engine_config config = {
        .checked_memory = form->checked,
        .metered = form->metered,
        .stack_bytes = STACK_BYTES,
        .memory_bytes_max = MEMORY_BYTES_MAX,
    };

    *side = *form;
    side->comparison = c;
    side->host.nested = nested_engine;
    side->host.owner = side;
    if (!engine_create(&config, &side->engine, &side->error))
        differ(c, side, "no engine: %s", side->error.message);
    engine_store(side->engine)->exceptions.eager = true; // what is taken for alive shows
}

static void start(struct comparison *c)
{
    reference_init(&c->reference);
    c->reference_host.nested = nested_reference;
    c->reference_host.owner = c;
    c->reference.host = host_reference;
    c->reference.host_context = &c->reference_host;
    c->reference.memory_maximum = MEMORY_BYTES_MAX;
    for (uint32_t i = 0; i < FORMS; i++)
        if (c->options->forms >> i & 1)
            create_side(c, &side_forms[i]);
}

static void finish(struct comparison *c)
{
    for (uint32_t i = 0; i < c->side_count; i++) {
        engine_destroy(c->sides[i].engine);
        host_finish(&c->sides[i].host);
    }
    reference_finish(&c->reference);
}

struct differential_result differential_run(const struct differential_module *modules,
                                            uint32_t count,
                                            const struct differential_options *options)
{
    static struct comparison comparison; // large
    struct comparison *c = &comparison;
    struct differential_result result = {.calls = 0};
    uint32_t skip = 0;
    bool complete = false;

    for (uint32_t i = 0; i < ATTEMPTS_MAX && !complete; i++) {
        *c = (struct comparison){.options = options, .modules = modules, .skip = skip};
        c->result = result;
        for (uint32_t k = 0; k < count && i == 0; k++)
            write_module(c, k);
        start(c);
        complete = compare(c, count);
        finish(c);
        skip = c->done;
        result = c->result;
    }
    return result;
}
