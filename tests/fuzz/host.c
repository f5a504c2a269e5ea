// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/host.h"

#include <stdlib.h>

#define FUNCTIONS_MAX    256u
#define SLOTS_MAX        32u // values of a function, of which a v128 takes two
#define TRAP_FREQUENCY   61u
#define NESTED_FREQUENCY 4u
#define DEPTH_MAX        3u

struct host_function {
    struct host *host;
    const struct function *function;
    uint32_t number;
    struct host_function *next;
};

uint8_t host_type_byte(valtype type)
{
    switch (type) {
    case VALTYPE_I32:
        return TYPE_I32;
    case VALTYPE_I64:
        return TYPE_I64;
    case VALTYPE_F32:
        return TYPE_F32;
    case VALTYPE_F64:
        return TYPE_F64;
    case VALTYPE_V128:
        return TYPE_V128;
    case VALTYPE_EXTERNREF:
    case VALTYPE_REF(HEAPTYPE_EXTERN):
        return TYPE_EXTERNREF;
    case VALTYPE_REF_NULL(HEAPTYPE_EXN):
    case VALTYPE_REF(HEAPTYPE_EXN):
        return TYPE_EXNREF;
    default:
        return TYPE_FUNCREF;
    }
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 29;
}

// What is the same on all sides of a value: all NaNs are one, functions are all alike.
static uint64_t visible(uint8_t type, uint64_t value)
{
    if (type == TYPE_F32)
        return (value & 0x7fffffffu) > 0x7f800000u ? 1 : (uint32_t)value;
    if (type == TYPE_F64)
        return (value & INT64_MAX) > 0x7ff0000000000000u ? 1 : value;
    if (type == TYPE_FUNCREF || type == TYPE_EXNREF)
        return value != 0;
    return value;
}

// No NaN: floats are small numbers, or have a random but not the largest exponent.
uint64_t host_value(uint8_t type, uint64_t hash)
{
    static const uint32_t floats[] = {0, 0x80000000u, 0x3f800000u, 0xc0490fdbu};
    static const uint64_t doubles[] = {0, 0x8000000000000000u, 0x3ff0000000000000u,
                                       0xc00921fb54442d18u};

    switch (type) {
    case TYPE_I32:
        return hash & 1 ? hash >> 1 & 0xff : (uint32_t)(hash >> 1);
    case TYPE_I64:
        return hash & 1 ? hash >> 1 & 0xff : hash;
    case TYPE_F32:
        return hash & 1 ? floats[hash >> 1 & 3] : hash >> 32 & ~0x00800000u;
    case TYPE_F64:
        return hash & 1 ? doubles[hash >> 1 & 3] : hash & ~0x0010000000000000u;
    case TYPE_EXTERNREF:
        return hash & 1 ? hash >> 40 : 0;
    default:
        return 0;
    }
}

uint64_t host_mix(uint64_t hash, uint8_t type, uint64_t value)
{
    return mix(hash, visible(type, value));
}

// A list of types, of either side.
struct types {
    const uint8_t *bytes;
    uint32_t count;
};

static enum trap_code answer(struct host *host, uint32_t number, struct types parameters,
                             struct types results, uint64_t *values)
{
    uint64_t hash = mix(mix(0x5bd1e995, number), host->calls++), function = 0;

    for (uint32_t i = 0; i < parameters.count; i++) {
        hash = host_mix(hash, parameters.bytes[i], values[i]);
        if (parameters.bytes[i] == TYPE_FUNCREF)
            function = values[i];
    }
    if ((hash >> 8) % TRAP_FREQUENCY == 0)
        return TRAP_HOST;
    if (host->nested != NULL && host->depth < DEPTH_MAX && (hash >> 40) % NESTED_FREQUENCY == 0) {
        host->depth++;
        enum trap_code code = host->nested(host, mix(hash, 1), &hash);
        host->depth--;
        if (code != TRAP_NONE)
            return code;
    }
    for (uint32_t i = 0; i < results.count; i++) {
        hash = mix(hash, i);
        values[i] =
            results.bytes[i] == TYPE_FUNCREF ? function : host_value(results.bytes[i], hash);
    }
    return TRAP_NONE;
}

enum trap_code host_reference(void *context, const struct reference_function *function,
                              uint64_t *values)
{
    const struct reference_type *type = &function->type;
    uint8_t parameters[2 * SLOTS_MAX], results[2 * SLOTS_MAX];

    if (type->parameter_count > SLOTS_MAX || type->result_count > SLOTS_MAX)
        return TRAP_HOST; // the engine's side does not have it
    uint32_t parameter_count = reference_slots(type->parameters, type->parameter_count, parameters);
    uint32_t result_count = reference_slots(type->results, type->result_count, results);
    return answer(context, function->index, (struct types){parameters, parameter_count},
                  (struct types){results, result_count}, values);
}

static uint32_t put_slots(const valtype *types, uint32_t count, uint8_t *bytes)
{
    uint32_t slots = 0;

    for (uint32_t i = 0; i < count; i++)
        for (uint32_t half = 0; half < valtype_slots(types[i]); half++)
            bytes[slots++] = types[i] == VALTYPE_V128 ? TYPE_I64 : host_type_byte(types[i]);
    return slots;
}

static enum trap_code engine_callback(void *context, struct store *store, union slot *slots)
{
    const struct host_function *function = context;
    const struct deftype *type = type_at(&store->types, function->function->type);
    uint8_t bytes[4 * SLOTS_MAX];
    uint32_t parameters = put_slots(deftype_parameters(type), type->parameter_count, bytes);
    uint32_t results = put_slots(deftype_results(type), type->result_count, bytes + 2 * SLOTS_MAX);

    return answer(function->host, function->number, (struct types){bytes, parameters},
                  (struct types){bytes + 2 * SLOTS_MAX, results}, &slots->u64);
}

uint32_t host_function_number(const struct function *function)
{
    return ((const struct host_function *)function->context)->number;
}

uint64_t reference_made_global(uint8_t type)
{
    return type == TYPE_I32   ? 666
           : type == TYPE_I64 ? 0x123456789au
           : type == TYPE_F32 ? 0x4426a666u
           : type == TYPE_F64 ? 0x4084d4cccccccccdu
                              : 0;
}

// No typed references and no exceptions: it cannot make those up.
static bool can_answer(const struct deftype *type)
{
    for (uint32_t i = 0; i < type->parameter_count + type->result_count; i++)
        if (valtype_is_reference(type->types[i]) && type->types[i] != VALTYPE_FUNCREF &&
            type->types[i] != VALTYPE_EXTERNREF)
            return false;
    return type->parameter_count <= SLOTS_MAX && type->result_count <= SLOTS_MAX;
}

static bool define_function(struct host *host, struct engine *engine, const struct import *import,
                            uint32_t type_number, struct error *error)
{
    struct store *store = engine_store(engine);
    const struct deftype *type = type_at(&store->types, type_number);
    struct host_type host_type = {type->types, type->parameter_count, type->result_count};
    struct host_function *function = calloc(1, sizeof *function);
    struct external external;

    if (function == NULL)
        abort();
    *function = (struct host_function){
        .host = host, .number = host->function_count++, .next = host->functions};
    host->functions = function;
    if (host->function_count > FUNCTIONS_MAX || !can_answer(type) ||
        !engine_define_function(engine, import->module, import->name, host_type, engine_callback,
                                function, error) ||
        !store_find(store, import->module, import->name, &external))
        return false;
    function->function = external.function;
    return true;
}

static bool define(struct host *host, struct engine *engine, const struct module *module,
                   const struct import *import, struct error *error)
{
    uint32_t index = import->index;

    switch (import->kind) {
    case EXTERNAL_FUNCTION:
        return define_function(host, engine, import, module->functions[index].type, error);
    case EXTERNAL_TABLE:
        return engine_define_table(engine, import->module, import->name,
                                   &module->tables[index].type, error);
    case EXTERNAL_MEMORY:
        return engine_define_memory(engine, import->module, import->name, &module->memories[index],
                                    error);
    case EXTERNAL_GLOBAL: {
        struct globaltype type = module->globals[index].type;
        union slot value = {.u64 = reference_made_global(host_type_byte(type.type))};
        return engine_define_global(engine, import->module, import->name, type, value, error);
    }
    case EXTERNAL_TAG:
        break;
    }
    return false;
}

bool host_define_imports(struct host *host, struct engine *engine, const struct module *module)
{
    struct error error = {.code = ERROR_NONE};

    for (uint32_t i = 0; i < module->import_count; i++) {
        const struct import *import = &module->imports[i];
        struct external external;

        if (!store_find(engine_store(engine), import->module, import->name, &external) &&
            !define(host, engine, module, import, &error))
            return false;
    }
    return true;
}

void host_finish(struct host *host)
{
    while (host->functions != NULL) {
        struct host_function *next = host->functions->next;

        free(host->functions);
        host->functions = next;
    }
    *host = (struct host){.calls = 0};
}
