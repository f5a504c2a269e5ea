// SPDX-License-Identifier: Apache-2.0
//
// generated_programs [FIRST [COUNT]] | FILE.wasm...: compares the engine with the reference
// interpreter on modules made from random bytes, of which the seed is a number, or on modules that
// are there. Without libFuzzer, for every build. PINFOLD_FUZZ_DUMP=PREFIX writes the modules to
// files whose names begin so.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/differential.h"
#include "tests/fuzz/generate.h"

#define COUNT_DEFAULT  1000u
#define INPUT_BYTES    3000u
#define FILE_BYTES_MAX (16u * 1024 * 1024)

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

struct totals {
    uint64_t instantiated, calls, traps, steps, undetermined, bytes;
};

static void run_seed(uint64_t seed, struct totals *totals)
{
    static struct generated generated;
    uint8_t input[INPUT_BYTES];
    uint64_t state = (seed + 1) * 0x9e3779b97f4a7c15u;
    size_t size = 200 + next_random(&state) % (INPUT_BYTES - 200);
    char title[32];

    for (size_t i = 0; i < size; i++)
        input[i] = (uint8_t)(next_random(&state) >> 32);
    generate(input, size, &generated);
    snprintf(title, sizeof title, "seed %" PRIu64, seed);
    generated.options.title = title;
    struct differential_result result =
        differential_run(generated.modules, generated.count, &generated.options);
    totals->instantiated += result.instantiated;
    totals->calls += result.calls;
    totals->traps += result.traps;
    totals->steps += result.steps;
    totals->undetermined += result.undetermined;
    totals->bytes += generated.modules[0].size;
}

static bool is_file(const char *argument)
{
    size_t length = strlen(argument);

    return length > 5 && strcmp(argument + length - 5, ".wasm") == 0;
}

static bool run_file(const char *path)
{
    static uint8_t bytes[FILE_BYTES_MAX];
    const struct differential_options options = {
        .forms = FORM_ALL, .fuel = 50000000, .calls = 3, .title = path};
    FILE *file = fopen(path, "rb");

    if (file == NULL) {
        perror(path);
        return false;
    }
    struct differential_module module = {bytes, fread(bytes, 1, sizeof bytes, file)};
    fclose(file);
    struct differential_result result = differential_run(&module, 1, &options);
    printf("%s: %s, %u calls compared, %u of them traps, %" PRIu64 " instructions%s\n", path,
           result.instantiated ? "instantiated"
           : result.loaded     ? "loaded"
                               : "refused",
           result.calls, result.traps, result.steps, result.undetermined ? ", ended early" : "");
    return true;
}

int main(int argc, char **argv)
{
    uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 0) : 0;
    uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 0) : COUNT_DEFAULT;
    struct totals totals = {0};
    bool fine = true;

    if (argc > 1 && is_file(argv[1])) {
        for (int i = 1; i < argc; i++)
            fine = run_file(argv[i]) && fine;
        return fine ? 0 : 1;
    }
    for (uint64_t seed = first; seed < first + count; seed++)
        run_seed(seed, &totals);
    printf("%" PRIu64 " programs of %" PRIu64 " bytes: %" PRIu64 " instantiated, %" PRIu64
           " ended early, %" PRIu64 " calls compared, %" PRIu64 " of them traps, %" PRIu64
           " instructions\n",
           count, count ? totals.bytes / count : 0, totals.instantiated, totals.undetermined,
           totals.calls, totals.traps, totals.steps);
    return 0;
}
