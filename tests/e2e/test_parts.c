// SPDX-License-Identifier: Apache-2.0
//
// Arguments and results that are longer than the channel's arenas, through all of it.
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <pinfold.h>

#include "tests/e2e/fixture.h"

enum { KIB = 1024, MIB = 1024 * 1024, FILE_SIZE_MAX = 64 * KIB, LARGEST = 60 * MIB };

#define POLICY "pinfold: 1\n"
#define GRANTS "host_functions: [app.make, app.take, app.nest, app.twice]\n"
#define LARGE  "limits: { engine: 128MiB }\n"

static const uint32_t sizes[] = {0, 1, 65535, 65536, 65537, MIB, 10 * MIB};

#define SIZES (sizeof sizes / sizeof sizes[0])

static uint8_t *pattern; // LARGEST bytes, of which no two arenas are alike

static int make_pattern(void **state)
{
    (void)state;
    pattern = malloc(LARGEST);
    for (size_t i = 0; pattern && i < LARGEST; i++)
        pattern[i] = (uint8_t)(1 + (i ^ i >> 8 ^ i >> 16) % 127);
    return pattern ? 0 : -1;
}

static int free_pattern(void **state)
{
    (void)state;
    free(pattern);
    return 0;
}

static uint32_t sum_of(const uint8_t *bytes, size_t length)
{
    uint32_t sum = (uint32_t)length;

    for (size_t i = 0; i < length; i++)
        sum = sum * 31 + bytes[i];
    return sum;
}

// --- an application ------------------------------------------------------------------------------

static pnf_bytes app_make(uint32_t size)
{
    return (pnf_bytes){pattern, size};
}

static uint32_t app_take(const uint8_t *bytes, size_t length)
{
    return sum_of(bytes, length);
}

static int32_t app_twice(int32_t x)
{
    return 2 * x;
}

static pnf_bytes app_nest(pnf_context *context, int32_t depth, const uint8_t *bytes, size_t length)
{
    pnf_bytes result = {NULL, 0};

    if (pnf_call(pnf_context_plugin(context), "nest(depth: i32, b: bytes) -> bytes", depth, bytes,
                 length, &result) != PNF_OK)
        pnf_context_fail(context, pnf_error_text());
    return result;
}

static pnf_plugin *load(pnf_host **host, const char *policy)
{
    static uint8_t bytes[FILE_SIZE_MAX];
    FILE *file = fopen(PINFOLD_PARTS, "rb");
    pnf_plugin *plugin;
    size_t size;

    assert_non_null(file);
    size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    *host = fixture_open_host(fixture_program(""));
    pnf_host_function(*host, "app.make(size: u32) -> bytes", PNF_NATIVE(app_make), NULL);
    pnf_host_function(*host, "app.take(b: bytes) -> u32", PNF_NATIVE(app_take), NULL);
    pnf_host_function(*host, "app.twice(x: i32) -> i32", PNF_NATIVE(app_twice), NULL);
    pnf_host_function(*host, "app.nest(@ctx, depth: i32, b: bytes) -> bytes", PNF_NATIVE(app_nest),
                      NULL);
    if (pnf_load_bytes(*host, "parts", bytes, size, policy, strlen(policy), &plugin) != PNF_OK)
        fail_msg("%s", pnf_error_text());
    return plugin;
}

static void well(pnf_status status)
{
    if (status != PNF_OK)
        fail_msg("%s", pnf_error_text());
}

static void expect(pnf_status got, pnf_status status, const char *words)
{
    if (got != status || !strstr(pnf_error_text(), words))
        fail_msg("%s: %s", pnf_status_words(got), pnf_error_text());
}

static void expect_pattern(pnf_bytes result, size_t length)
{
    assert_int_equal(result.length, length);
    assert_true(length == 0 || memcmp(result.data, pattern, length) == 0);
}

static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

// --- what goes well ------------------------------------------------------------------------------

static void bytes_and_texts_of_any_length_come_back(void **state)
{
    pnf_host *host;
    pnf_plugin *plugin = load(&host, POLICY GRANTS);
    pnf_bytes result;
    const char *text;

    (void)state;
    for (size_t i = 0; i < SIZES; i++) {
        uint8_t kept = pattern[sizes[i]];

        well(pnf_call(plugin, "echo(b: bytes) -> bytes", pattern, (size_t)sizes[i], &result));
        expect_pattern(result, sizes[i]);
        well(pnf_call(plugin, "echo(b: str) -> str", pattern, (size_t)sizes[i], &result));
        expect_pattern(result, sizes[i]);
        pattern[sizes[i]] = 0;
        well(pnf_call(plugin, "echo_cstr(b: cstr) -> cstr", (const char *)pattern, &text));
        assert_string_equal(text, (const char *)pattern);
        pattern[sizes[i]] = kept;
    }
    pnf_host_close(host);
}

static void bytes_that_are_filled_or_changed_come_back(void **state)
{
    uint8_t *copy = malloc(10 * MIB);
    pnf_host *host;
    pnf_plugin *plugin = load(&host, POLICY GRANTS);

    (void)state;
    assert_non_null(copy);
    for (size_t i = 2; i < SIZES; i++) {
        size_t length = sizes[i];

        memcpy(copy, pattern, length);
        well(pnf_call(plugin, "flip(b: inout bytes)", copy, &length));
        assert_int_equal(length, sizes[i] - 1);
        assert_int_equal(copy[0], pattern[0] ^ 0xFF);
        assert_int_equal(copy[length - 1], pattern[length - 1] ^ 0xFF);
        assert_memory_equal(copy + 1, pattern + 1, length - 2);
        length = sizes[i];
        well(pnf_call(plugin, "flip(b: out bytes)", copy, &length));
        assert_int_equal(copy[0], 0xFF); // room is zero at first
        assert_int_equal(copy[1], 0);
    }
    free(copy);
    pnf_host_close(host);
}

static void host_functions_return_and_take_bytes_of_any_length(void **state)
{
    pnf_host *host;
    pnf_plugin *plugin = load(&host, POLICY GRANTS);
    uint32_t sum;

    (void)state;
    for (size_t i = 0; i < SIZES; i++) {
        well(pnf_call(plugin, "fetch(size: u32) -> u32", sizes[i], &sum));
        assert_int_equal(sum, sum_of(pattern, sizes[i]));
    }
    pnf_host_close(host);
}

static void large_frames_nest_to_the_depth_limit(void **state)
{
    static const uint32_t depths[] = {7, 7, 3, 1};
    pnf_host *host;
    pnf_plugin *plugin = load(&host, POLICY GRANTS);
    pnf_bytes result;

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        size_t size = i == 0 ? 65537 : MIB * i;

        well(pnf_call(plugin, "nest(depth: i32, b: bytes) -> bytes", depths[i], pattern, size,
                      &result));
        expect_pattern(result, size);
    }
    pnf_host_close(host);
}

static void the_largest_frames_cross_where_the_policy_has_room(void **state)
{
    pnf_host *host;
    pnf_plugin *plugin = load(&host, POLICY LARGE GRANTS);
    pnf_bytes result;

    (void)state;
    for (int i = 0; i < 3; i++) {
        well(pnf_call(plugin, "echo(b: bytes) -> bytes", pattern, (size_t)LARGEST, &result));
        expect_pattern(result, LARGEST);
        well(pnf_call(plugin, "echo(b: bytes) -> bytes", result.data, result.length, &result));
        expect_pattern(result, LARGEST);
    }
    pnf_host_close(host);
}

// --- what is too much ----------------------------------------------------------------------------

static void too_much_is_a_limit_that_says_what_would_allow_it(void **state)
{
    pnf_host *host;
    pnf_plugin *plugin = load(&host, POLICY "limits: { memory: 8MiB }\n" GRANTS);
    pnf_bytes result;
    uint32_t sum;

    (void)state;
    expect(pnf_call(plugin, "drop(b: bytes) -> u32", pattern, (size_t)9 * MIB, &sum), PNF_LIMIT,
           "raise `memory:` under limits:");
    assert_string_equal(pnf_last_error()->capability, "limits.memory");
    well(pnf_call(plugin, "drop(b: bytes) -> u32", pattern, (size_t)6 * MIB, &sum));
    assert_int_equal(sum, 6 * MIB);
    expect(pnf_call(plugin, "fetch(size: u32) -> u32", 9 * MIB, &sum), PNF_LIMIT,
           "host function app.make failed");
    pnf_host_close(host);
    plugin = load(&host, POLICY GRANTS);
    expect(pnf_call(plugin, "echo(b: bytes) -> bytes", pattern, (size_t)65 * MIB, &result),
           PNF_LIMIT, "at most 64 MiB");
    well(pnf_call(plugin, "echo(b: bytes) -> bytes", pattern, (size_t)1, &result));
    pnf_host_close(host);
}

static void what_limits_engine_has_no_room_for_fails_and_the_plugin_goes_on(void **state)
{
    pnf_host *host;
    pnf_plugin *plugin = load(&host, POLICY "limits: { engine: 8MiB }\n" GRANTS);
    pnf_bytes result;

    (void)state;
    for (int i = 0; i < 3; i++) {
        expect(pnf_call(plugin, "echo(b: bytes) -> bytes", pattern, (size_t)30 * MIB, &result),
               PNF_LIMIT, "limits.engine");
        expect(pnf_call(plugin, "zeroes(size: u32) -> bytes", 6 * MIB, &result), PNF_LIMIT,
               "limits.engine");
        well(pnf_call(plugin, "echo(b: bytes) -> bytes", pattern, (size_t)3 * MIB, &result));
        expect_pattern(result, 3 * MIB);
    }
    expect(pnf_call(plugin, "fetch(size: u32) -> u32", 9 * MIB, &(uint32_t){0}), PNF_LIMIT,
           "limits.engine");
    pnf_host_close(host);
}

static void a_large_call_leaves_the_guest_all_of_its_memory(void **state)
{
    pnf_host *host;
    pnf_plugin *plugin = load(&host, POLICY "limits: { memory: 13MiB }\n" GRANTS);
    uint32_t sum;

    (void)state;
    for (int i = 0; i < 4; i++)
        well(pnf_call(plugin, "drop(b: bytes) -> u32", pattern, (size_t)12 * MIB, &sum));
    pnf_host_close(host);
}

// --- ends in the middle --------------------------------------------------------------------------

// A call that takes long, nearly all of it while parts are under way.
static pnf_status call_at_length(pnf_plugin *plugin)
{
    uint32_t sum;

    return pnf_call(plugin, "make_many(count: i32, size: u32) -> u32", 1000, LARGEST, &sum);
}

static void a_deadline_ends_a_large_call(void **state)
{
    pnf_host *host;
    uint64_t begin;
    pnf_plugin *plugin = load(&host, POLICY "limits: { engine: 128MiB, time: 300ms }\n" GRANTS);

    (void)state;
    begin = now_ms();
    expect(call_at_length(plugin), PNF_TIMEOUT, "limits.time is 300ms");
    assert_in_range(now_ms() - begin, 300, 2000);
    pnf_host_close(host);
}

static bool call_is_over;

// More than once: nothing is cancelled before the call is under way.
static void *cancel_soon(void *plugin)
{
    while (!__atomic_load_n(&call_is_over, __ATOMIC_RELAXED)) {
        usleep(50000);
        pnf_cancel(plugin);
    }
    return NULL;
}

static void a_large_call_is_cancelled(void **state)
{
    pnf_host *host;
    pthread_t thread;
    pnf_plugin *plugin = load(&host, POLICY LARGE GRANTS);

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, cancel_soon, plugin), 0);
    expect(call_at_length(plugin), PNF_CANCELLED, "cancelled");
    __atomic_store_n(&call_is_over, true, __ATOMIC_RELAXED);
    pthread_join(thread, NULL);
    pnf_host_close(host);
}

// Whether a process is one of the workers.
static bool is_worker(long process)
{
    char line[64] = "";
    char path[64];
    FILE *name;

    snprintf(path, sizeof path, "/proc/%ld/comm", process);
    name = fopen(path, "r");
    if (!name)
        return false;
    if (!fgets(line, sizeof line, name))
        line[0] = '\0';
    fclose(name);
    return strncmp(line, "pinfold-worker", 14) == 0;
}

// Of this process: the library has a descriptor of each worker, which knows its number.
static void kill_workers(void)
{
    for (int fd = 0; fd < 256; fd++) {
        char line[128];
        char path[64];
        FILE *information;
        long process;

        snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
        information = fopen(path, "r");
        if (!information)
            continue;
        while (fgets(line, sizeof line, information))
            if (sscanf(line, "Pid: %ld", &process) == 1 && process > 0 && is_worker(process))
                kill((pid_t)process, SIGKILL);
        fclose(information);
    }
}

static void *kill_soon(void *argument)
{
    (void)argument;
    usleep(50000);
    kill_workers();
    return NULL;
}

static void a_worker_that_is_killed_in_a_large_call_has_crashed(void **state)
{
    pnf_host *host;
    pthread_t thread;
    pnf_plugin *plugin = load(&host, POLICY LARGE GRANTS);

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, kill_soon, NULL), 0);
    expect(call_at_length(plugin), PNF_CRASHED, "SIGKILL");
    pthread_join(thread, NULL);
    pnf_host_close(host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_and_texts_of_any_length_come_back),
        cmocka_unit_test(bytes_that_are_filled_or_changed_come_back),
        cmocka_unit_test(host_functions_return_and_take_bytes_of_any_length),
        cmocka_unit_test(large_frames_nest_to_the_depth_limit),
        cmocka_unit_test(the_largest_frames_cross_where_the_policy_has_room),
        cmocka_unit_test(too_much_is_a_limit_that_says_what_would_allow_it),
        cmocka_unit_test(what_limits_engine_has_no_room_for_fails_and_the_plugin_goes_on),
        cmocka_unit_test(a_large_call_leaves_the_guest_all_of_its_memory),
        cmocka_unit_test(a_deadline_ends_a_large_call),
        cmocka_unit_test(a_large_call_is_cancelled),
        cmocka_unit_test(a_worker_that_is_killed_in_a_large_call_has_crashed),
    };

    if (!fixture_has_programs())
        return 0;
    return cmocka_run_group_tests(tests, make_pattern, free_pattern);
}
