// SPDX-License-Identifier: Apache-2.0
//
// Modules, one behind the other, that are linked dynamically, and what they export called. Each
// begins where the magic number stands.
#include <stdlib.h>
#include <string.h>

#include "sandbox/wasm/dynamic.h"

enum { MODULES_MAX = 4, CALLS_MAX = 16, FUEL = 100000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum trap_code give_nothing(void *context, struct store *store, union slot *slots)
{
    (void)context;
    (void)store;
    slots[0].u64 = 0;
    return TRAP_NONE;
}

static const uint8_t *next_module(const uint8_t *data, const uint8_t *end)
{
    const uint8_t *found = memmem(data, (size_t)(end - data), "\0asm\1\0\0", 8);

    return found != NULL ? found : end;
}

static uint32_t load(struct engine *engine, const uint8_t *data, size_t size,
                     struct dynamic_module *modules)
{
    static const char *const names[MODULES_MAX] = {"", "one", "two", "three"};
    const uint8_t *end = data + size;
    const uint8_t *start = next_module(data, end);
    struct error error = {.code = ERROR_NONE};
    uint32_t count = 0;

    while (start != end && count < MODULES_MAX) {
        const uint8_t *next = next_module(start + 1, end);

        modules[count].name = engine_name(names[count]);
        if (!engine_load(engine, start, (size_t)(next - start), &modules[count].module, &error))
            return 0;
        count++;
        start = next;
    }
    return count;
}

// Whatever function nobody has is the host's.
static void define_others(struct engine *engine, const struct dynamic *dynamic, uint32_t owner,
                          const struct module *module)
{
    struct error error = {.code = ERROR_NONE};

    for (uint32_t i = 0; i < module->import_count; i++) {
        const struct import *import = &module->imports[i];
        const struct deftype *type;

        if (import->kind != EXTERNAL_FUNCTION || dynamic_provides(dynamic, owner, import))
            continue;
        type = type_at(&engine_store(engine)->types, module->functions[import->index].type);
        if (!engine_define_function(
                engine, import->module, import->name,
                (struct host_type){type->types, type->parameter_count, type->result_count},
                give_nothing, NULL, &error))
            return;
    }
}

static void call_exports(struct engine *engine, struct instance *instance)
{
    const struct module *module = instance->module;

    for (uint32_t i = 0; i < module->export_count && i < CALLS_MAX; i++) {
        union slot slots[64] = {{0}};
        struct external external;
        struct trap trap;

        if (module->exports[i].kind != EXTERNAL_FUNCTION ||
            !engine_export(instance, module->exports[i].name, &external) ||
            engine_call_slots(engine, external.function) > 64)
            continue;
        engine_set_fuel(engine, FUEL);
        if (engine_invoke(engine, external.function, slots, &trap) == OUTCOME_ERROR)
            abort();
    }
}

static void link_and_call(struct engine *engine, struct dynamic *dynamic,
                          const struct dynamic_module *modules, uint32_t count)
{
    struct error error = {.code = ERROR_NONE};
    struct trap trap = {.code = TRAP_NONE};
    enum outcome outcome = dynamic_instantiate(dynamic, &trap, &error);

    if ((outcome == OUTCOME_ERROR) != (error.code != ERROR_NONE) ||
        (outcome == OUTCOME_TRAP) != (trap.code != TRAP_NONE))
        abort();
    if (outcome != OUTCOME_OK || dynamic_construct(dynamic, &trap) == OUTCOME_ERROR)
        return;
    for (uint32_t i = 0; i < count; i++)
        call_exports(engine, modules[i].instance);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct engine_config config = {
        .stack_bytes = 65536, .metered = true, .memory_bytes_max = 64 * 1024 * 1024};
    struct dynamic_module modules[MODULES_MAX] = {{.instance = NULL}};
    struct error error = {.code = ERROR_NONE};
    struct dynamic *dynamic = NULL;
    struct engine *engine;
    uint32_t count;

    if (!engine_create(&config, &engine, &error))
        abort();
    engine_set_fuel(engine, FUEL);
    count = load(engine, data, size, modules);
    if (count != 0 && dynamic_create(engine, modules, count, NULL, &dynamic, &error)) {
        for (uint32_t i = 0; i < count; i++)
            define_others(engine, dynamic, i, modules[i].module);
        link_and_call(engine, dynamic, modules, count);
    } else if (count != 0 && error.code == ERROR_NONE) {
        abort();
    }
    dynamic_destroy(dynamic);
    engine_destroy(engine);
    return 0;
}
