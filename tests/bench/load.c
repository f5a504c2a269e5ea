// SPDX-License-Identifier: Apache-2.0
// What a module costs until it can be called:
//     bench-load MODULE [--metered]
// prints the seconds of processor time that loading (decoding, validating, translating) and
// instantiating take, and the least memory in bytes with which both succeed. That is found as a
// policy's limit sets it, by RLIMIT_DATA: so much more private memory than an engine without
// modules has. The module's bytes are not in it, nor its linear memories and tables, which other
// limits are for. Imported functions are defined to do nothing. A module that is beyond a limit
// gives "refused", the seconds until then, and the error.
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sandbox/wasm/engine.h"

#define STEP_BYTES (64ull * 1024) // to which the memory is found out

struct input {
    const uint8_t *bytes;
    size_t size;
    bool metered;
};

struct cost {
    double load_seconds, instantiate_seconds;
};

enum result {
    RESULT_DONE,
    RESULT_LOADED, // but not instantiated
    RESULT_REFUSED,
    RESULT_FAILED,
};

static bool map_file(const char *path, struct input *input)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool good = fd >= 0 && fstat(fd, &status) == 0;

    if (good) {
        input->size = (size_t)status.st_size;
        void *bytes = mmap(NULL, input->size, PROT_READ, MAP_SHARED, fd, 0);
        input->bytes = bytes;
        good = bytes != MAP_FAILED;
    }
    if (!good)
        perror(path);
    if (fd >= 0)
        close(fd);
    return good;
}

static double processor_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

// Private writable memory of this process, as the kernel counts it against RLIMIT_DATA.
static uint64_t data_bytes(void)
{
    uint64_t kilobytes = 0;
    char line[128];
    FILE *stream = fopen("/proc/self/status", "r");

    while (stream != NULL && fgets(line, sizeof line, stream) != NULL) {
        if (sscanf(line, "VmData: %" SCNu64, &kilobytes) == 1)
            break;
    }
    if (stream != NULL)
        fclose(stream);
    return kilobytes * 1024;
}

static bool limit_data(uint64_t bytes)
{
    struct rlimit limit = {.rlim_cur = bytes, .rlim_max = RLIM_INFINITY};

    return setrlimit(RLIMIT_DATA, &limit) == 0;
}

static enum trap_code do_nothing(void *context, struct store *store, union slot *slots)
{
    (void)context;
    (void)store;
    (void)slots;
    return TRAP_NONE;
}

// Whether all imports are functions, and defined now.
static bool define_imports(struct engine *engine, const struct module *module, struct error *error)
{
    const struct type_store *types = &engine_store(engine)->types;

    for (uint32_t i = 0; i < module->import_count; i++) {
        const struct import *import = &module->imports[i];

        if (import->kind != EXTERNAL_FUNCTION)
            return false;
        const struct deftype *type = type_at(types, module->functions[import->index].type);
        struct host_type host = {type->types, type->parameter_count, type->result_count};
        if (!engine_define_function(engine, import->module, import->name, host, do_nothing, NULL,
                                    error))
            return false;
    }
    return true;
}

// What a module's own memories and tables take at first.
static uint64_t declared_bytes(const struct module *module)
{
    uint64_t bytes = 0;

    for (uint32_t i = module->imported_memory_count; i < module->memory_count; i++)
        bytes += module->memories[i].limits.minimum << memorytype_page_shift(&module->memories[i]);
    for (uint32_t i = module->imported_table_count; i < module->table_count; i++)
        bytes += module->tables[i].type.limits.minimum * sizeof(union slot) + STEP_BYTES;
    return bytes;
}

// Loads and instantiates in an engine of its own, with so much memory; 0 for any.
static enum result load(const struct input *input, uint64_t bytes, struct cost *cost,
                        struct error *error)
{
    struct engine_config config = {.metered = input->metered, .memory_bytes_max = 1ull << 40};
    struct engine *engine;
    struct module *module;
    struct instance *instance;
    struct trap trap = {0};

    if (!engine_create(&config, &engine, error))
        return RESULT_FAILED;
    uint64_t most = data_bytes() + bytes;
    if (bytes != 0 && !limit_data(most))
        return RESULT_FAILED;
    double begin = processor_seconds();
    bool loaded = engine_load(engine, input->bytes, input->size, &module, error);
    cost->load_seconds = processor_seconds() - begin;
    if (!loaded)
        return error_kind(error->code) == ERROR_KIND_LIMIT ? RESULT_REFUSED : RESULT_FAILED;
    if (!define_imports(engine, module, error))
        return RESULT_LOADED;
    if (bytes != 0 && !limit_data(most + declared_bytes(module)))
        return RESULT_FAILED;
    begin = processor_seconds();
    enum outcome outcome = engine_instantiate(engine, module, &instance, &trap, error);
    cost->instantiate_seconds = processor_seconds() - begin;
    if (outcome == OUTCOME_ERROR && error_kind(error->code) == ERROR_KIND_LIMIT)
        return RESULT_REFUSED;
    return outcome == OUTCOME_OK ? RESULT_DONE : RESULT_LOADED;
}

// The result with so much memory, in a process of its own.
static enum result try_load(const struct input *input, uint64_t bytes)
{
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        struct error error = {0};
        struct cost cost;
        _exit((int)load(input, bytes, &cost, &error));
    }
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
        return RESULT_FAILED;
    return (enum result)WEXITSTATUS(status);
}

// The least memory that gives the same result.
static uint64_t find_bytes(const struct input *input, enum result wanted)
{
    uint64_t low = 0, high = 1ull << 30;

    while (high < 1ull << 36 && try_load(input, high) != wanted)
        high *= 2;
    while (high - low > STEP_BYTES && high - low > high / 64) {
        uint64_t middle = low + (high - low) / 2;
        if (try_load(input, middle) == wanted)
            high = middle;
        else
            low = middle;
    }
    return high;
}

int main(int argc, char **argv)
{
    struct input input = {.metered = argc == 3 && strcmp(argv[2], "--metered") == 0};
    struct cost cost = {0};
    struct error error = {0};

    if (argc < 2 || argc > 3 || (argc == 3 && !input.metered)) {
        fprintf(stderr, "usage: %s MODULE [--metered]\n", argv[0]);
        return 2;
    }
    if (!map_file(argv[1], &input))
        return 1;
    uint64_t bytes = 0;
    enum result result = try_load(&input, 0);
    if (result == RESULT_DONE || result == RESULT_LOADED)
        bytes = find_bytes(&input, result);
    result = load(&input, 0, &cost, &error);
    switch (result) {
    case RESULT_DONE:
    case RESULT_LOADED:
        printf("loaded %.6f %.6f %" PRIu64 "\n", cost.load_seconds, cost.instantiate_seconds,
               bytes);
        return 0;
    case RESULT_REFUSED:
        printf("refused %.6f %s\n", cost.load_seconds + cost.instantiate_seconds, error.message);
        return 0;
    case RESULT_FAILED:
        fprintf(stderr, "%s: %s\n", argv[1], error.message);
        return 1;
    }
    return 1;
}
