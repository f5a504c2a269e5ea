// SPDX-License-Identifier: Apache-2.0
//
// Modules that are mutated as such: whatever validates is instantiated, with imports made up, and
// compared in all forms. libFuzzer's mutations know nothing of modules, so ours mostly changes
// instructions, or bytes, in place; from time to time it starts anew from a module that the
// generator makes.
#include <stdlib.h>
#include <string.h>

#include "sandbox/wasm/engine.h"
#include "sandbox/wasm/limits.h"
#include "tests/fuzz/differential.h"
#include "tests/fuzz/generate.h"
#include "tests/fuzz/known.h"
#include "tests/fuzz/mutate.h"

#define SEEDS_BYTES 2048u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);

// A body's bytes are most of a module: a byte that looks like an opcode becomes one of the same
// neighbourhood, which often has the same type.
static size_t change_bytes(uint8_t *data, size_t size, uint32_t *random)
{
    uint32_t count = 1 + mutate_random(random) % 4;

    for (uint32_t i = 0; i < count && size > 8; i++) {
        uint8_t *byte = data + 8 + mutate_random(random) % (size - 8);
        uint32_t kind = mutate_random(random) % 4;

        if (kind == 0)
            *byte = (uint8_t)mutate_random(random);
        else
            *byte = (uint8_t)(*byte + mutate_random(random) % 7 - 3);
    }
    return size;
}

static size_t new_module(uint8_t *data, size_t max_size, uint32_t *random)
{
    static struct generated generated;
    uint8_t input[SEEDS_BYTES];
    size_t size = 100 + mutate_random(random) % (SEEDS_BYTES - 100);

    for (size_t i = 0; i < size; i++)
        input[i] = (uint8_t)(mutate_random(random) >> 8);
    generate(input, size, &generated);
    if (generated.modules[0].size > max_size)
        return 0;
    memcpy(data, generated.modules[0].bytes, generated.modules[0].size);
    return generated.modules[0].size;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
    uint32_t random = seed * 2654435761u | 1;
    uint32_t kind = mutate_random(&random) % 16;
    size_t made = kind == 0 ? new_module(data, max_size, &random) : 0;

    if (made != 0)
        return made;
    if (kind < 10) {
        bool changed = false;
        for (uint32_t count = 1 + mutate_random(&random) % 4; count > 0; count--)
            changed = mutate_instruction(data, size, &random) || changed;
        if (changed)
            return size;
    }
    return kind < 13 ? change_bytes(data, size, &random) : LLVMFuzzerMutate(data, size, max_size);
}

// Code that becomes too large is an error like any other, wherever that shows.
static void load_in_little_room(const uint8_t *data, size_t size)
{
    const struct engine_config config = {
        .metered = size % 8 == 0,
        .stack_bytes = 65536,
        .memory_bytes_max = 65536,
        .code_bytes_max = 64 + size % 61 * 64,
    };
    struct error error = {.code = ERROR_NONE};
    struct engine *engine;
    struct module *module;

    if (!engine_create(&config, &engine, &error))
        abort();
    if (engine_load(engine, data, size, &module, &error) != (error.code == ERROR_NONE))
        abort();
    engine_destroy(engine);
}

static void call_exports(struct engine *engine, struct instance *instance)
{
    static union slot slots[2 * (LIMIT_PARAMETERS + LIMIT_RESULTS)];

    for (uint32_t i = 0; i < instance->module->export_count && i < 16; i++) {
        struct external external;
        struct trap trap;

        memset(slots, 0, sizeof slots);
        if (instance->module->exports[i].kind != EXTERNAL_FUNCTION ||
            !engine_export(instance, instance->module->exports[i].name, &external))
            continue;
        engine_set_fuel(engine, 3000);
        if (engine_invoke(engine, external.function, slots, &trap) == OUTCOME_TRAP &&
            trap.code == TRAP_NONE)
            abort();
    }
}

// What the reference interpreter does not know is run all the same, for what a sanitizer sees.
static void run_alone(const uint8_t *data, size_t size)
{
    const struct engine_config config = {
        .metered = true, .stack_bytes = 65536, .memory_bytes_max = 1024 * 1024};
    struct error error = {.code = ERROR_NONE};
    struct engine *engine;
    struct module *module;
    struct instance *instance;
    struct trap trap;

    if (!engine_create(&config, &engine, &error))
        abort();
    if (engine_load(engine, data, size, &module, &error) && module->import_count == 0 &&
        !known_to_reference(module, &engine_store(engine)->types)) {
        engine_set_fuel(engine, 3000);
        if (engine_instantiate(engine, module, &instance, &trap, &error) == OUTCOME_OK)
            call_exports(engine, instance);
    }
    engine_destroy(engine);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct differential_module module = {data, size};
    const struct differential_options options = {
        .forms = size % 2 == 0 ? FORM_GUARDED_METERED | FORM_CHECKED_METERED
                               : FORM_GUARDED_METERED | FORM_CHECKED,
        .fuel = 3000,
        .calls = 2,
        .seed = size,
    };

    if (size % 4 == 0)
        load_in_little_room(data, size);
    run_alone(data, size);
    differential_run(&module, 1, &options);
    return 0;
}
