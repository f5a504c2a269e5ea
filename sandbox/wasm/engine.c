// SPDX-License-Identifier: Apache-2.0
#include "sandbox/wasm/engine.h"

#include <string.h>

#include "sandbox/base/checked.h"
#include "sandbox/wasm/code.h"
#include "sandbox/wasm/compile.h"
#include "sandbox/wasm/decode.h"
#include "sandbox/wasm/layout.h"
#include "sandbox/wasm/limits.h"
#include "sandbox/wasm/link.h"
#include "sandbox/wasm/run.h"

#define ENGINE_ARENA_BYTES         ((size_t)64 * 1024 * 1024) // a hundred thousand modules
#define STACK_BYTES_DEFAULT        ((size_t)1024 * 1024)
#define MEMORY_BYTES_MAX_DEFAULT   (4ull * 1024 * 1024 * 1024)
#define CODE_BYTES_MAX_DEFAULT     (64ull * 1024 * 1024)
#define CODE_BYTES_PER_MODULE_BYTE 16

// A module of the engine's; the module comes first.
struct loaded {
    struct module module;
    struct loaded *next;
};

struct engine {
    struct store store;
    struct arena arena; // this struct and the modules
    struct loaded *modules;
    uint64_t code_bytes_max; // 0: by the module's size
    uint32_t features;       // of FEATURES_PROPOSED
    struct layout_options layout;
    bool relaxed_fast;
};

bool engine_create(const struct engine_config *config, struct engine **engine, struct error *error)
{
    static const struct engine_config defaults = {0};

    if (config == NULL)
        config = &defaults;
    struct store_options options = {
        .stack_bytes = config->stack_bytes != 0 ? config->stack_bytes : STACK_BYTES_DEFAULT,
        .memory_bytes_max =
            config->memory_bytes_max != 0 ? config->memory_bytes_max : MEMORY_BYTES_MAX_DEFAULT,
        .checked_memory = config->checked_memory,
        .metered = config->metered,
    };
    struct arena arena;
    struct engine *made;

    *engine = NULL;
    if (!trap_install(error) || !arena_init(&arena, ENGINE_ARENA_BYTES, error))
        return false;
    made = arena_alloc(&arena, sizeof *made, _Alignof(struct engine));
    if (made == NULL)
        error_set(error, ERROR_LIMIT_MEMORY, 0, NULL);
    if (made == NULL || !store_init(&made->store, &options, error)) {
        arena_finish(&arena);
        return false;
    }
    made->arena = arena;
    made->code_bytes_max = config->code_bytes_max;
    made->features = config->features & FEATURES_PROPOSED;
    made->layout = (struct layout_options){
        .has_stack_low = config->has_stack_low,
        .stack_low = config->stack_low,
        .memory_bytes_max = options.memory_bytes_max,
    };
    made->relaxed_fast = config->relaxed_fast;
    made->store.fuel = UINT64_MAX / 2;
    *engine = made;
    return true;
}

void engine_destroy(struct engine *engine)
{
    struct arena arena;

    if (engine == NULL)
        return;
    store_finish(&engine->store);
    for (struct loaded *loaded = engine->modules; loaded != NULL; loaded = loaded->next)
        module_finish(&loaded->module);
    arena = engine->arena; // which holds the engine
    arena_finish(&arena);
}

struct store *engine_store(struct engine *engine)
{
    return &engine->store;
}

/* Modules. */

void engine_share_stack(struct engine *engine, const struct module *main)
{
    engine->layout.has_stack_low = false;
    engine->layout.shared = &main->stack;
}

static struct compile_options compile_options_for(const struct engine *engine, size_t module_size)
{
    struct compile_options options = {
        .checked_memory = engine->store.checked_memory,
        .metered = engine->store.metered,
        .relaxed_fast = engine->relaxed_fast,
        .code_bytes_max = engine->code_bytes_max,
    };

    if (options.code_bytes_max == 0 &&
        (!checked_mul_u64(module_size, CODE_BYTES_PER_MODULE_BYTE, &options.code_bytes_max) ||
         !checked_add_u64(options.code_bytes_max, CODE_BYTES_MAX_DEFAULT, &options.code_bytes_max)))
        options.code_bytes_max = UINT64_MAX;
    return options;
}

// Decodes and, if `compiled`, does the rest. A module that fails is gone.
static bool load(struct engine *engine, const uint8_t *bytes, size_t size, bool compiled,
                 struct module **module, struct error *error)
{
    struct compile_options options = compile_options_for(engine, size);
    size_t mark = arena_mark(&engine->arena);
    struct loaded *loaded = arena_alloc(&engine->arena, sizeof *loaded, _Alignof(struct loaded));

    *module = NULL;
    if (loaded == NULL)
        return error_set(error, ERROR_LIMIT_MEMORY, 0, "too many modules");
    if (!module_decode(&loaded->module, &engine->store.types, engine->features, bytes, size,
                       error) ||
        (compiled && (!layout_limit_stack(&loaded->module, &engine->layout, error) ||
                      !module_compile(&loaded->module, &engine->store.types, &options, error)))) {
        module_finish(&loaded->module);
        arena_release(&engine->arena, mark);
        return false;
    }
    if (compiled)
        link_module(&loaded->module);
    loaded->next = engine->modules;
    engine->modules = loaded;
    *module = &loaded->module;
    return true;
}

bool engine_load(struct engine *engine, const uint8_t *bytes, size_t size, struct module **module,
                 struct error *error)
{
    return load(engine, bytes, size, true, module, error);
}

bool engine_decode(struct engine *engine, const uint8_t *bytes, size_t size, struct module **module,
                   struct error *error)
{
    return load(engine, bytes, size, false, module, error);
}

enum outcome engine_instantiate(struct engine *engine, struct module *module,
                                struct instance **instance, struct trap *trap, struct error *error)
{
    struct run_entry entry;

    run_begin_entry(&engine->store, &entry);
    enum outcome outcome = instantiate(&engine->store, module, instance, trap, error);
    run_end_entry(&engine->store, &entry);
    return outcome;
}

/* What modules may import. */

bool engine_register(struct engine *engine, struct name module, struct instance *instance,
                     struct error *error)
{
    const struct module *definition = instance->module;

    for (uint32_t i = 0; i < definition->export_count; i++) {
        const struct export *export = &definition->exports[i];
        struct external external;

        if (!instance_external(instance, export->kind, export->index, &external))
            return error_set(error, ERROR_LIMIT_MEMORY, 0, NULL);
        if (!store_register(&engine->store, module, export->name, external, error))
            return false;
    }
    return true;
}

static uint32_t call_slots(const struct deftype *type)
{
    uint32_t parameters = deftype_parameter_slots(type);
    uint32_t results = deftype_result_slots(type);

    return parameters > results ? parameters : results;
}

// The canonical number of a function type that stands alone and has no supertype.
static uint32_t enter_function_type(struct engine *engine, const struct host_type *type,
                                    struct error *error)
{
    struct deftype definition = {
        .composite = COMPOSITE_FUNCTION,
        .final = true,
        .supertype = TYPE_NONE,
        .group_count = 1,
        .parameter_count = type->parameter_count,
        .result_count = type->result_count,
        .types = type->types,
    };

    if (type->parameter_count > LIMIT_PARAMETERS || type->result_count > LIMIT_RESULTS) {
        error_set(error, ERROR_LIMIT_PARAMETERS, 0, NULL);
        return TYPE_NONE;
    }
    return type_store_enter(&engine->store.types, &definition, 1, error);
}

bool engine_define_function(struct engine *engine, struct name module, struct name name,
                            struct host_type type, host_callback *callback, void *context,
                            struct error *error)
{
    struct store *store = &engine->store;
    uint32_t number = enter_function_type(engine, &type, error);
    struct function *function;
    uint32_t slots;

    if (number == TYPE_NONE)
        return false;
    function = arena_alloc(&store->arena, sizeof *function, _Alignof(struct function));
    if (function == NULL)
        return error_set(error, ERROR_LIMIT_MEMORY, 0, NULL);
    slots = call_slots(type_at(&store->types, number));
    *function = (struct function){
        .type = number,
        .header_slot = slots,
        .callback = callback,
        .context = context,
    };
    return store_register(store, module, name,
                          (struct external){.kind = EXTERNAL_FUNCTION, .function = function},
                          error);
}

bool engine_define_global(struct engine *engine, struct name module, struct name name,
                          struct globaltype type, union slot value, struct error *error)
{
    struct global *global;

    if (valtype_slots(type.type) != 1)
        return error_set(error, ERROR_USAGE_ARGUMENT, 0, "a global that takes more than a slot");
    global = store_add_global(&engine->store, type, &value, error);
    return global != NULL &&
           store_register(&engine->store, module, name,
                          (struct external){.kind = EXTERNAL_GLOBAL, .global = global}, error);
}

bool engine_define_table(struct engine *engine, struct name module, struct name name,
                         const struct tabletype *type, struct error *error)
{
    const union slot null = {0};
    struct table *table;

    if (!valtype_is_defaultable(type->element))
        return error_set(error, ERROR_USAGE_ARGUMENT, 0, "a table of non-null references");
    table = store_add_table(&engine->store, type, null, error);
    return table != NULL &&
           store_register(&engine->store, module, name,
                          (struct external){.kind = EXTERNAL_TABLE, .table = table}, error);
}

bool engine_define_memory(struct engine *engine, struct name module, struct name name,
                          const struct memorytype *type, struct error *error)
{
    struct memory *memory = store_add_memory(&engine->store, type, error);

    return memory != NULL &&
           store_register(&engine->store, module, name,
                          (struct external){.kind = EXTERNAL_MEMORY, .memory = memory}, error);
}

/* Calls. */

bool engine_export(struct instance *instance, struct name name, struct external *external)
{
    return instance_export(instance, name, external);
}

uint32_t engine_call_slots(const struct engine *engine, const struct function *function)
{
    return call_slots(type_at(&engine->store.types, function->type));
}

enum outcome engine_invoke(struct engine *engine, const struct function *function,
                           union slot *slots, struct trap *trap)
{
    struct run_entry entry;

    trap_forget(&engine->store);
    run_begin_entry(&engine->store, &entry);
    enum trap_code code = run_function(&engine->store, function, slots);
    run_end_entry(&engine->store, &entry);
    if (code == TRAP_NONE)
        return OUTCOME_OK;
    trap_describe(&engine->store, code, trap);
    return OUTCOME_TRAP;
}

struct instance *engine_caller(const struct store *store)
{
    return store->caller != NULL ? store->caller : store->instances;
}

struct instance *engine_set_caller(struct store *store, struct instance *instance)
{
    struct instance *before = store->caller;

    store->caller = instance;
    return before;
}

void engine_set_fuel(struct engine *engine, uint64_t fuel)
{
    engine->store.fuel = fuel;
}

uint64_t engine_fuel(const struct engine *engine)
{
    return engine->store.fuel;
}

void engine_interrupt(struct engine *engine)
{
    engine->store.interrupted = 1;
}

struct name engine_name(const char *text)
{
    return (struct name){.bytes = (const uint8_t *)text, .length = (uint32_t)strlen(text)};
}
