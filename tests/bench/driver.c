// SPDX-License-Identifier: Apache-2.0
// The engine as a program for the benchmarks:
//     bench-driver MODULE EXPORT N        calls EXPORT (i32) -> i64 and prints its result
//     bench-driver --load MODULE REPEAT   prints how fast the module is loaded
// Loading is decoding, validating and translating, each time by a new engine, whose making and
// destruction are not counted; what the engine puts off until a function's first call is not
// counted either.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sandbox/wasm/engine.h"

#define SLOTS_MAX 16

struct file {
    uint8_t *bytes;
    size_t size;
};

static bool read_file(const char *path, struct file *file)
{
    bool good = false;
    long size = -1;
    FILE *stream = fopen(path, "rb");
    if (stream == NULL || fseek(stream, 0, SEEK_END) != 0 || (size = ftell(stream)) < 0)
        goto out;
    file->size = (size_t)size;
    file->bytes = malloc(file->size + 1);
    rewind(stream);
    good = file->bytes != NULL && fread(file->bytes, 1, file->size, stream) == file->size;
out:
    if (!good)
        perror(path);
    if (stream != NULL)
        fclose(stream);
    return good;
}

static void print_error(const char *what, const struct error *error)
{
    fprintf(stderr, "%s: %s: %s (offset %" PRIu64 ")\n", what,
            error_kind_name(error_kind(error->code)), error->message, error->offset);
}

static void print_trap(const char *what, const struct trap *trap)
{
    fprintf(stderr, "%s: trap: %s\n", what, trap_wording(trap->code));
}

static bool make_instance(struct engine *engine, const struct file *file,
                          struct instance **instance)
{
    struct error error = {0};
    struct trap trap = {0};
    struct module *module = NULL;
    if (!engine_load(engine, file->bytes, file->size, &module, &error)) {
        print_error("load", &error);
        return false;
    }
    switch (engine_instantiate(engine, module, instance, &trap, &error)) {
    case OUTCOME_OK:
        return true;
    case OUTCOME_TRAP:
        print_trap("instantiate", &trap);
        return false;
    case OUTCOME_ERROR:
        print_error("instantiate", &error);
        return false;
    }
    return false;
}

// Calls the export with n and prints the first result slot.
static bool call_export(struct engine *engine, struct instance *instance, const char *name,
                        uint32_t n)
{
    struct external external;
    if (!engine_export(instance, engine_name(name), &external) ||
        external.kind != EXTERNAL_FUNCTION ||
        engine_call_slots(engine, external.function) > SLOTS_MAX) {
        fprintf(stderr, "%s: no such function\n", name);
        return false;
    }
    struct trap trap = {0};
    union slot slots[SLOTS_MAX] = {{.u64 = n}};
    if (engine_invoke(engine, external.function, slots, &trap) != OUTCOME_OK) {
        print_trap(name, &trap);
        return false;
    }
    printf("%" PRIu64 "\n", slots[0].u64);
    return true;
}

static bool run_export(const struct file *file, const char *name, uint32_t n)
{
    struct error error = {0};
    struct engine *engine = NULL;
    struct instance *instance = NULL;
    if (!engine_create(NULL, &engine, &error)) {
        print_error("engine", &error);
        return false;
    }
    bool good = make_instance(engine, file, &instance) && call_export(engine, instance, name, n);
    engine_destroy(engine);
    return good;
}

static double processor_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static uint64_t code_bytes(const struct module *module)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < module->body_count; i++)
        sum += module->bodies[i].size;
    return sum;
}

// Loads the module once, into an engine of its own.
static bool load_once(const struct file *file, double *seconds, uint64_t *code_size)
{
    struct error error = {0};
    struct engine *engine = NULL;
    struct module *module = NULL;
    if (!engine_create(NULL, &engine, &error)) {
        print_error("engine", &error);
        return false;
    }
    double start = processor_seconds();
    bool good = engine_load(engine, file->bytes, file->size, &module, &error);
    *seconds = processor_seconds() - start;
    if (good)
        *code_size = code_bytes(module);
    else
        print_error("load", &error);
    engine_destroy(engine);
    return good;
}

static bool load_repeatedly(const struct file *file, uint32_t repeat)
{
    double best = 0;
    uint64_t code_size = 0;
    for (uint32_t i = 0; i < repeat; i++) {
        double seconds;
        if (!load_once(file, &seconds, &code_size))
            return false;
        if (i == 0 || seconds < best)
            best = seconds;
    }
    printf("%.6f s, %.1f MB/s of code (%" PRIu64 " of %zu bytes), best of %" PRIu32 "\n", best,
           best > 0 ? (double)code_size / best / 1e6 : 0.0, code_size, file->size, repeat);
    return true;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: %s MODULE EXPORT N | --load MODULE REPEAT\n", argv[0]);
        return 2;
    }
    bool load = strcmp(argv[1], "--load") == 0;
    uint32_t number = (uint32_t)strtoul(argv[3], NULL, 10);
    struct file file = {0};
    bool good = read_file(argv[load ? 2 : 1], &file);
    if (good)
        good = load ? load_repeatedly(&file, number) : run_export(&file, argv[2], number);
    free(file.bytes);
    return good ? 0 : 1;
}
