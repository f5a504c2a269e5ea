// SPDX-License-Identifier: Apache-2.0
#include "tests/spec/host.h"

static enum trap_code print_nothing(void *context, struct store *store, union slot *slots)
{
    (void)context;
    (void)store;
    (void)slots;
    return TRAP_NONE;
}

static const struct {
    const char *name;
    uint32_t count;
    valtype parameters[2];
} functions[] = {
    {"print", 0, {VALTYPE_BOTTOM}},
    {"print_i32", 1, {VALTYPE_I32}},
    {"print_i64", 1, {VALTYPE_I64}},
    {"print_f32", 1, {VALTYPE_F32}},
    {"print_f64", 1, {VALTYPE_F64}},
    {"print_i32_f32", 2, {VALTYPE_I32, VALTYPE_F32}},
    {"print_f64_f64", 2, {VALTYPE_F64, VALTYPE_F64}},
};

static const struct {
    const char *name;
    valtype type;
    union slot value;
} globals[] = {
    {"global_i32", VALTYPE_I32, {.u64 = 666}},
    {"global_i64", VALTYPE_I64, {.u64 = 666}},
    {"global_f32", VALTYPE_F32, {.u64 = 0x4426a666}},
    {"global_f64", VALTYPE_F64, {.u64 = 0x4084d4cccccccccd}},
};

static bool define_functions(struct engine *engine, struct error *error)
{
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        struct host_type type = {functions[i].parameters, functions[i].count, 0};

        if (!engine_define_function(engine, engine_name("spectest"), engine_name(functions[i].name),
                                    type, print_nothing, NULL, error))
            return false;
    }
    return true;
}

static bool define_globals(struct engine *engine, struct error *error)
{
    for (size_t i = 0; i < sizeof globals / sizeof globals[0]; i++) {
        struct globaltype type = {.type = globals[i].type};

        if (!engine_define_global(engine, engine_name("spectest"), engine_name(globals[i].name),
                                  type, globals[i].value, error))
            return false;
    }
    return true;
}

static bool define_table(struct engine *engine, const char *name, bool address64,
                         struct error *error)
{
    struct tabletype type = {
        .element = VALTYPE_FUNCREF,
        .limits = {.minimum = 10, .maximum = 20, .has_maximum = true, .address64 = address64},
    };

    return engine_define_table(engine, engine_name("spectest"), engine_name(name), &type, error);
}

static bool define_memory(struct engine *engine, const char *name, bool is_shared,
                          struct error *error)
{
    struct memorytype type = {
        .limits = {.minimum = 1, .maximum = 2, .has_maximum = true},
        .is_shared = is_shared,
    };

    return engine_define_memory(engine, engine_name("spectest"), engine_name(name), &type, error);
}

bool host_define(struct engine *engine, struct error *error)
{
    struct error table64_error = {.code = ERROR_NONE};

    if (!define_functions(engine, error) || !define_globals(engine, error) ||
        !define_table(engine, "table", false, error) ||
        !define_memory(engine, "memory", false, error) ||
        !define_memory(engine, "shared_memory", true, error))
        return false;
    if (!define_table(engine, "table64", true, &table64_error) &&
        error_kind(table64_error.code) != ERROR_KIND_UNSUPPORTED) {
        *error = table64_error;
        return false;
    }
    return true;
}
