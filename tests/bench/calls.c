// SPDX-License-Identifier: Apache-2.0
//
// Times what an application sees: calls of a plugin and its calls of the host, small ones and with
// bytes, and the start of a worker. Where host and worker run decides, so each combination is a
// column's pair; rounds take turns, so that what else the machine does hits all of them. A call of
// the host is timed in a loop of the guest's, whose own share is a few ns.
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <pinfold.h>

enum {
    KIB = 1024,
    MIB = 1024 * 1024,
    ROUNDS = 5,
    TIMES = 2000,     // of one measure in one round, at most
    WARM_UP = 200,    // calls of each round that are not counted
    HOST_CALLS = 100, // of one loop of the guest's
    ANY_CPU = -1,
    FILE_SIZE_MAX = 64 * KIB
};

#define POLICY                                                                                     \
    "pinfold: 1\n"                                                                                 \
    "limits: { time: 60s }\n"                                                                      \
    "host_functions: [app.make, app.take, app.nest, app.twice]\n"

// (module)
static const uint8_t tiny[] = {0x00, 'a', 's', 'm', 0x01, 0x00, 0x00, 0x00};

struct situation {
    const char *name;
    int host_cpu;
    int worker_cpu;
};

static const struct situation situations[] = {
    {"two cores", 0, 1},
    {"one core", 0, 0},
    {"not pinned", ANY_CPU, ANY_CPU},
};

enum { SITUATIONS = sizeof situations / sizeof situations[0] };

// What a round has at hand.
struct bench {
    pnf_plugin *plugin;
    pnf_export *add;
    pnf_export *call_host;
    pnf_export *drop;
    pnf_export *zeroes;
    pnf_export *take_many;
    pnf_export *make_many;
};

struct measure {
    const char *name;
    int count; // in one round
    int per;   // events of one time
    uint32_t bytes;
    bool (*run)(const struct bench *bench, const struct measure *measure);
    uint64_t times[SITUATIONS][ROUNDS * TIMES];
};

static uint8_t *bytes;
static cpu_set_t all;

static uint64_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

// --- an application ------------------------------------------------------------------------------

static pnf_bytes app_make(uint32_t size)
{
    return (pnf_bytes){bytes, size};
}

static uint32_t app_take(const uint8_t *data, size_t length)
{
    (void)data;
    return (uint32_t)length;
}

static int32_t app_twice(int32_t x)
{
    return 2 * x;
}

static pnf_bytes app_nest(int32_t depth, const uint8_t *data, size_t length)
{
    (void)depth;
    return (pnf_bytes){data, length};
}

static int32_t native_add(int32_t a, int32_t b)
{
    return a + b;
}

static bool failed(const char *what)
{
    fprintf(stderr, "bench-calls: %s: %s\n", what, pnf_error_text());
    return false;
}

static bool open_host(pnf_host **host)
{
    pnf_options options = {.libexec = PINFOLD_PROGRAMS};

    if (pnf_host_open(&options, host) != PNF_OK)
        return failed("host");
    pnf_host_function(*host, "app.make(size: u32) -> bytes", PNF_NATIVE(app_make), NULL);
    pnf_host_function(*host, "app.take(b: bytes) -> u32", PNF_NATIVE(app_take), NULL);
    pnf_host_function(*host, "app.twice(x: i32) -> i32", PNF_NATIVE(app_twice), NULL);
    pnf_host_function(*host, "app.nest(depth: i32, b: bytes) -> bytes", PNF_NATIVE(app_nest), NULL);
    return true;
}

static bool load(pnf_host *host, const char *path, struct bench *bench)
{
    static uint8_t module[FILE_SIZE_MAX];
    FILE *file = fopen(path, "rb");
    size_t size = file ? fread(module, 1, sizeof module, file) : 0;

    if (file)
        fclose(file);
    if (pnf_load_bytes(host, "parts", module, size, POLICY, strlen(POLICY), &bench->plugin) !=
            PNF_OK ||
        pnf_prepare(bench->plugin, "add(a: i32, b: i32) -> i32", &bench->add) != PNF_OK ||
        pnf_prepare(bench->plugin, "call_host(count: i32) -> i32", &bench->call_host) != PNF_OK ||
        pnf_prepare(bench->plugin, "drop(b: bytes) -> u32", &bench->drop) != PNF_OK ||
        pnf_prepare(bench->plugin, "zeroes(size: u32) -> bytes", &bench->zeroes) != PNF_OK ||
        pnf_prepare(bench->plugin, "take_many(count: i32, size: u32) -> u32", &bench->take_many) !=
            PNF_OK ||
        pnf_prepare(bench->plugin, "make_many(count: i32, size: u32) -> u32", &bench->make_many) !=
            PNF_OK)
        return failed("load");
    return true;
}

// --- what is measured ----------------------------------------------------------------------------

static bool run_native(const struct bench *bench, const struct measure *measure)
{
    static int32_t (*volatile function)(int32_t, int32_t) = native_add;
    int32_t sum = 0;

    (void)bench;
    for (int i = 0; i < measure->per; i++)
        sum = function(sum, i);
    return sum >= 0;
}

static bool run_add(const struct bench *bench, const struct measure *measure)
{
    int32_t sum;

    (void)measure;
    return pnf_call_export(bench->add, 1, 2, &sum) == PNF_OK && sum == 3;
}

static bool run_call_host(const struct bench *bench, const struct measure *measure)
{
    int32_t result;

    return pnf_call_export(bench->call_host, measure->per, &result) == PNF_OK;
}

static bool run_drop(const struct bench *bench, const struct measure *measure)
{
    uint32_t length;

    return pnf_call_export(bench->drop, bytes, (size_t)measure->bytes, &length) == PNF_OK;
}

static bool run_zeroes(const struct bench *bench, const struct measure *measure)
{
    pnf_bytes result;

    return pnf_call_export(bench->zeroes, measure->bytes, &result) == PNF_OK;
}

static bool run_take(const struct bench *bench, const struct measure *measure)
{
    uint32_t sum;

    return pnf_call_export(bench->take_many, measure->per, measure->bytes, &sum) == PNF_OK;
}

static bool run_make(const struct bench *bench, const struct measure *measure)
{
    uint32_t sum;

    return pnf_call_export(bench->make_many, measure->per, measure->bytes, &sum) == PNF_OK;
}

static struct measure measures[] = {
    {.name = "native call", .count = 1000, .per = 1000, .run = run_native},
    {.name = "call, two i32", .count = TIMES, .per = 1, .run = run_add},
    {.name = "host call, i32", .count = 50, .per = HOST_CALLS, .run = run_call_host},
    {.name = "call, 4 KiB in", .count = 1000, .per = 1, .bytes = 4 * KIB, .run = run_drop},
    {.name = "call, 4 KiB out", .count = 1000, .per = 1, .bytes = 4 * KIB, .run = run_zeroes},
    {.name = "call, 1 MiB in", .count = 30, .per = 1, .bytes = MIB, .run = run_drop},
    {.name = "call, 1 MiB out", .count = 30, .per = 1, .bytes = MIB, .run = run_zeroes},
    {.name = "host call, 4 KiB to host", .count = 20, .per = 20, .bytes = 4 * KIB, .run = run_take},
    {.name = "host call, 4 KiB to guest",
     .count = 20,
     .per = 20,
     .bytes = 4 * KIB,
     .run = run_make},
    {.name = "host call, 1 MiB to host", .count = 5, .per = 5, .bytes = MIB, .run = run_take},
    {.name = "host call, 1 MiB to guest", .count = 5, .per = 5, .bytes = MIB, .run = run_make},
};

enum { MEASURES = sizeof measures / sizeof measures[0] };

// --- rounds --------------------------------------------------------------------------------------

static bool run_on(int cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET((size_t)(cpu < 0 ? 0 : cpu), &set);
    return sched_setaffinity(0, sizeof set, cpu < 0 ? &all : &set) == 0;
}

static bool run_measure(const struct bench *bench, struct measure *measure, size_t situation,
                        int round)
{
    for (int i = 0; i < (measure->bytes < MIB ? WARM_UP / measure->per : 2); i++)
        if (!measure->run(bench, measure))
            return failed(measure->name);
    for (int i = 0; i < measure->count; i++) {
        uint64_t before = now();

        if (!measure->run(bench, measure))
            return failed(measure->name);
        measure->times[situation][round * measure->count + i] = now() - before;
    }
    return true;
}

static bool run_round(size_t situation, int round)
{
    struct bench bench = {.plugin = NULL};
    pnf_host *host;
    bool well;

    // Workers run where their launcher did when it was started.
    if (!run_on(situations[situation].worker_cpu) || !open_host(&host))
        return false;
    well = load(host, PINFOLD_PARTS, &bench) && run_on(situations[situation].host_cpu);
    for (size_t i = 0; i < MEASURES && well; i++)
        well = run_measure(&bench, &measures[i], situation, round);
    pnf_host_close(host);
    return well && run_on(ANY_CPU);
}

static int compare_times(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;

    return (a > b) - (a < b);
}

static void print_times(uint64_t *times, int count, int per, uint32_t size)
{
    double median;
    double late;

    qsort(times, (size_t)count, sizeof times[0], compare_times);
    median = (double)times[count / 2] / per;
    late = (double)times[count * 99 / 100] / per;
    if (median < 10000)
        printf(" %9.0f ns %9.0f ns", median, late);
    else
        printf(" %9.1f us %9.1f us", median / 1000, late / 1000);
    if (size > 0)
        printf(" %6.2f GB/s", size / median);
}

static const char greet_policy[] = "pinfold: 1\nhost_functions: [app.log]\n";

static bool run_starts(pnf_host *host, const char *path, uint64_t *times, int count)
{
    for (int i = 0; i < count; i++) {
        uint64_t before = now();
        pnf_plugin *plugin;
        pnf_source source = {
            .module_path = path,
            .module = path ? NULL : tiny,
            .module_size = path ? 0 : sizeof tiny,
            .policy_text = greet_policy,
            .policy_size = sizeof greet_policy - 1,
        };
        pnf_status status = pnf_load_from(host, &source, &plugin);

        times[i] = now() - before;
        if (status != PNF_OK)
            return failed("start");
        pnf_unload(plugin);
    }
    return true;
}

static void app_log(int32_t level, const char *text, size_t length)
{
    (void)level;
    (void)text;
    (void)length;
}

// From pnf_load to a plugin that can be called.
static bool report_starts(void)
{
    static uint64_t times[100];
    pnf_host *host;

    if (!open_host(&host))
        return false;
    pnf_host_function(host, "app.log(level: i32, text: str)", PNF_NATIVE(app_log), NULL);
    for (int i = 0; i < 2; i++) {
        if (!run_starts(host, i == 0 ? NULL : PINFOLD_GREET_WASM, times, 100))
            return false;
        printf("%-26s", i == 0 ? "start, empty module" : "start, greet");
        print_times(times, 100, 1, 0);
        printf("\n");
    }
    pnf_host_close(host);
    return true;
}

int main(void)
{
    size_t first;

    bytes = calloc(1, MIB);
    if (!bytes || sched_getaffinity(0, sizeof all, &all) != 0)
        return 1;
    first = CPU_ISSET(0, &all) && CPU_ISSET(1, &all) ? 0 : SITUATIONS - 1;
    for (int round = 0; round < ROUNDS; round++)
        for (size_t i = first; i < SITUATIONS; i++)
            if (!run_round(i, round))
                return 1;
    for (size_t i = first; i < SITUATIONS; i++) {
        printf("%-26s %12s %12s\n", situations[i].name, "p50", "p99");
        for (size_t j = 0; j < MEASURES; j++) {
            printf("%-26s", measures[j].name);
            print_times(measures[j].times[i], ROUNDS * measures[j].count, measures[j].per,
                        measures[j].bytes);
            printf("\n");
        }
    }
    return report_starts() ? 0 : 1;
}
