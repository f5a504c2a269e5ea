// SPDX-License-Identifier: Apache-2.0
//
// Everything together: the library as an application uses it, launcher, confined workers, guests.
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <pinfold.h>

#include "tests/e2e/fixture.h"

#define POLICY "pinfold: 1\n"
#define GRANTS "host_functions:\n  - app.fail\n  - app.again\n"

// (module (import "app" "mark" (func)) (func $start (call 0)) (start $start))
static const uint8_t starter[] = {
    0x00, 'a',  's',  'm',  0x01, 0x00, 0x00, 0x00, 0x01, 0x04, 0x01, 0x60, 0x00, 0x00, 0x02,
    0x0c, 0x01, 0x03, 'a',  'p',  'p',  0x04, 'm',  'a',  'r',  'k',  0x00, 0x00, 0x03, 0x02,
    0x01, 0x00, 0x08, 0x01, 0x01, 0x0a, 0x06, 0x01, 0x04, 0x00, 0x10, 0x00, 0x0b,
};

// (module (memory 1000))
static const uint8_t large[] = {
    0x00, 'a', 's', 'm', 0x01, 0x00, 0x00, 0x00, 0x05, 0x04, 0x01, 0x00, 0xe8, 0x07,
};

static void app_fail(pnf_context *context)
{
    pnf_context_fail(context, "on purpose");
}

static int32_t app_again(pnf_context *context, int32_t depth)
{
    int32_t result = 0;

    if (pnf_call(pnf_context_plugin(context), "nest(depth: i32) -> i32", depth, &result) != PNF_OK)
        pnf_context_fail(context, pnf_error_text());
    return result;
}

static pnf_host *open_good_host(void)
{
    char libexec[PATH_MAX];
    pnf_host *host;

    snprintf(libexec, sizeof libexec, "%s", fixture_program(""));
    host = fixture_open_host(libexec);

    pnf_host_function(host, "app.fail(@ctx)", PNF_NATIVE(app_fail), NULL);
    pnf_host_function(host, "app.again(@ctx, depth: i32) -> i32", PNF_NATIVE(app_again), NULL);
    return host;
}

static pnf_plugin *load_trouble(pnf_host *host, const char *policy)
{
    pnf_plugin *plugin;
    size_t size;
    const uint8_t *bytes = fixture_read(PINFOLD_TROUBLE, &size);

    if (pnf_load_bytes(host, "trouble", bytes, size, policy, strlen(policy), &plugin) != PNF_OK)
        fail_msg("%s", pnf_error_text());
    return plugin;
}

static void expect(pnf_status got, pnf_status status, const char *words)
{
    if (got != status || !strstr(pnf_error_text(), words))
        fail_msg("%s: %s", pnf_status_words(got), pnf_error_text());
    assert_int_equal(pnf_last_error()->status, status);
}

// --- what goes well ------------------------------------------------------------------------------

static void hello_prints_the_greeting(void **state)
{
    char command[4 * PATH_MAX];
    char line[256];
    FILE *output;

    (void)state;
    fixture_provide(PINFOLD_GREET_WASM, "greet.wasm");
    // A copy: the sources may be where a group may write.
    snprintf(command, sizeof command, "cd %s && umask 022 && cp %s . && PINFOLD_LIBEXEC=%s %s 2>&1",
             fixture_in_folder(""), PINFOLD_GREET_YAML, fixture_program(""), PINFOLD_HELLO);
    output = popen(command, "r");
    assert_non_null(output);
    assert_non_null(fgets(line, sizeof line, output));
    assert_string_equal(line, "[2] greeting somebody\n");
    assert_non_null(fgets(line, sizeof line, output));
    assert_string_equal(line, "Hello, Ada!\n");
    assert_null(fgets(line, sizeof line, output));
    assert_int_equal(pclose(output), 0);
}

static void bytes_come_back_as_the_guest_made_them(void **state)
{
    pnf_host *host = open_good_host();
    pnf_plugin *plugin = load_trouble(host, POLICY GRANTS);
    pnf_export *reverse;
    pnf_bytes result;

    (void)state;
    assert_int_equal(pnf_prepare(plugin, "reverse(b: bytes) -> bytes", &reverse), PNF_OK);
    for (int i = 0; i < 1000; i++) {
        if (pnf_call_export(reverse, "abc\0de", (size_t)6, &result) != PNF_OK)
            fail_msg("%s", pnf_error_text());
        assert_int_equal(result.length, 6);
        assert_memory_equal(result.data, "ed\0cba", 6);
    }
    pnf_host_close(host);
}

static void calls_nest_through_the_host(void **state)
{
    pnf_host *host = open_good_host();
    pnf_plugin *plugin = load_trouble(host, POLICY GRANTS);
    int32_t result = 0;

    (void)state;
    assert_int_equal(pnf_call(plugin, "nest(depth: i32) -> i32", 7, &result), PNF_OK);
    assert_int_equal(result, 7);
    expect(pnf_call(plugin, "nest(depth: i32) -> i32", 8, &result), PNF_TRAP,
           "8 calls inside each other");
    pnf_host_close(host);
}

static void *run_one(void *argument)
{
    pnf_bytes result;
    pnf_plugin *plugin = argument;
    uintptr_t failures = 0;

    for (int i = 0; i < 200; i++)
        failures +=
            pnf_call(plugin, "reverse(b: bytes) -> bytes", "ab", (size_t)2, &result) != PNF_OK ||
            memcmp(result.data, "ba", 2) != 0;
    return (void *)failures;
}

static void different_plugins_run_in_parallel(void **state)
{
    pnf_host *host = open_good_host();
    pthread_t threads[4];
    void *failures;

    (void)state;
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(
            pthread_create(&threads[i], NULL, run_one, load_trouble(host, POLICY GRANTS)), 0);
    for (size_t i = 0; i < 4; i++) {
        pthread_join(threads[i], &failures);
        assert_null(failures);
    }
    pnf_host_close(host);
}

// --- what is refused -----------------------------------------------------------------------------

static unsigned marks;

static void app_mark(void)
{
    marks++;
}

static void an_import_that_is_not_granted_is_refused_before_the_start_function(void **state)
{
    static const char denies[] = POLICY;
    static const char grants[] = POLICY "host_functions:\n  - app.mark\n";
    pnf_host *host = open_good_host();
    pnf_plugin *plugin;

    (void)state;
    marks = 0;
    pnf_host_function(host, "app.mark()", PNF_NATIVE(app_mark), NULL);
    expect(pnf_load_bytes(host, "starter", starter, sizeof starter, denies, sizeof denies - 1,
                          &plugin),
           PNF_DENIED, "`- app.mark`");
    assert_null(plugin);
    assert_int_equal(marks, 0);
    assert_string_equal(pnf_last_error()->hint, "- app.mark");
    if (pnf_load_bytes(host, "starter", starter, sizeof starter, grants, sizeof grants - 1,
                       &plugin) != PNF_OK)
        fail_msg("%s", pnf_error_text());
    assert_int_equal(marks, 1);
    pnf_host_close(host);
}

static void a_failed_registration_is_reported_by_the_next_load(void **state)
{
    pnf_host *host = open_good_host();
    pnf_plugin *plugin;

    (void)state;
    pnf_host_function(host, "app.mark(x: i33)", PNF_NATIVE(app_mark), NULL);
    expect(pnf_load(host, "greet.wasm", NULL, &plugin), PNF_USAGE, "app.mark(x: i33)");
    pnf_host_close(host);
}

static void a_missing_file_is_named(void **state)
{
    pnf_host *host = open_good_host();
    pnf_plugin *plugin;

    (void)state;
    errno = 0;
    expect(pnf_load(host, "/nonexistent.wasm", NULL, &plugin), PNF_SYSTEM,
           "/nonexistent.wasm: No such file");
    assert_int_equal(errno, 0);
    expect(pnf_load(host, PINFOLD_GREET_WASM, "/nonexistent.yaml", &plugin), PNF_DENIED,
           "/nonexistent.yaml");
    pnf_host_close(host);
}

static void what_is_no_module_is_invalid(void **state)
{
    pnf_host *host = open_good_host();
    pnf_plugin *plugin;

    (void)state;
    expect(pnf_load_bytes(host, "text", "nonsense", 8, NULL, 0, &plugin), PNF_INVALID, "text");
    expect(pnf_load_bytes(host, "empty", "", 0, NULL, 0, &plugin), PNF_INVALID, "empty");
    pnf_host_close(host);
}

// --- what goes wrong -----------------------------------------------------------------------------

static void a_trap_says_where(void **state)
{
    pnf_host *host = open_good_host();
    pnf_plugin *plugin = load_trouble(host, POLICY GRANTS);

    (void)state;
    expect(pnf_call(plugin, "trap()"), PNF_TRAP, "unreachable");
    assert_string_equal(pnf_last_error()->plugin, "trouble");
    assert_string_equal(pnf_last_error()->export_name, "trap");
    assert_true(pnf_last_error()->funcidx != UINT32_MAX);
    expect(pnf_call(plugin, "trap()"), PNF_TRAP, "must be loaded again");
    pnf_host_close(host);
}

static void each_trap_has_its_words(void **state)
{
    pnf_host *host = open_good_host();
    int32_t result;

    (void)state;
    expect(pnf_call(load_trouble(host, POLICY GRANTS), "recurse(depth: i32) -> i32", 0, &result),
           PNF_TRAP, "call stack exhausted");
    pnf_host_close(host);
    host = open_good_host();
    expect(pnf_call(load_trouble(host, POLICY GRANTS), "peek(address: u32) -> i32", 0xfffffff0u,
                    &result),
           PNF_TRAP, "out of bounds memory access");
    pnf_host_close(host);
    host = open_good_host();
    expect(pnf_call(load_trouble(host, POLICY GRANTS), "fail()"), PNF_TRAP,
           "host function app.fail failed: on purpose");
    pnf_host_close(host);
}

static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void a_deadline_ends_a_loop(void **state)
{
    pnf_host *host = open_good_host();
    pnf_plugin *plugin = load_trouble(host, POLICY "limits: { time: 100ms }\n" GRANTS);
    uint64_t begin = now_ms();

    (void)state;
    expect(pnf_call(plugin, "spin()"), PNF_TIMEOUT, "limits.time is 100ms");
    assert_in_range(now_ms() - begin, 100, 2000);
    pnf_host_close(host);
}

static void *cancel_soon(void *plugin)
{
    usleep(50000);
    pnf_cancel(plugin);
    return NULL;
}

static void a_call_is_cancelled_from_another_thread(void **state)
{
    pnf_host *host = open_good_host();
    pnf_plugin *plugin = load_trouble(host, POLICY GRANTS);
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, cancel_soon, plugin), 0);
    expect(pnf_call(plugin, "spin()"), PNF_CANCELLED, "cancelled");
    pthread_join(thread, NULL);
    pnf_host_close(host);
}

static atomic_bool has_cancelled;

static void *cancel_at_once(void *plugin)
{
    usleep(100);
    pnf_cancel(plugin);
    atomic_store(&has_cancelled, true);
    return NULL;
}

// A call that begins when pnf_cancel has returned is not the one that was meant.
static void a_cancellation_is_not_kept_for_a_later_call(void **state)
{
    pnf_host *host = open_good_host();

    (void)state;
    for (int turn = 0; turn < 200; turn++) {
        pnf_plugin *plugin = load_trouble(host, POLICY GRANTS);
        pnf_status status = PNF_OK;
        pnf_bytes result;
        pthread_t thread;
        bool later = false;

        atomic_store(&has_cancelled, false);
        assert_int_equal(pthread_create(&thread, NULL, cancel_at_once, plugin), 0);
        while (status == PNF_OK && !later) {
            later = atomic_load(&has_cancelled);
            status = pnf_call(plugin, "reverse(b: bytes) -> bytes", "ab", (size_t)2, &result);
        }
        pthread_join(thread, NULL);
        if (status != PNF_OK && (later || status != PNF_CANCELLED) &&
            !strstr(pnf_error_text(), "has ended"))
            fail_msg("turn %d: %s", turn, pnf_error_text());
        pnf_unload(plugin);
    }
    pnf_host_close(host);
}

static void memory_ends_where_the_policy_says(void **state)
{
    static const char policy[] = POLICY "limits: { memory: 2MiB }\n" GRANTS;
    pnf_host *host = open_good_host();
    pnf_plugin *plugin = load_trouble(host, policy);
    int32_t pages = 0;

    (void)state;
    assert_int_equal(pnf_call(plugin, "grow(pages: i32) -> i32", 1000, &pages), PNF_OK);
    assert_in_range(pages, 1, 31);
    expect(pnf_load_bytes(host, "large", large, sizeof large, policy, sizeof policy - 1, &plugin),
           PNF_LIMIT, "memory");
    pnf_host_close(host);
}

static void expect_bad_worker(const char *worker, pnf_status status, const char *words)
{
    pnf_host *host;
    pnf_plugin *plugin;

    fixture_provide_worker(fixture_program(worker));
    host = fixture_open_host(fixture_in_folder(""));
    expect(pnf_load(host, PINFOLD_GREET_WASM, NULL, &plugin), status, words);
    pnf_host_close(host);
}

static void workers_that_go_wrong_have_their_own_status(void **state)
{
    (void)state;
    expect_bad_worker("tests/e2e/worker-violate", PNF_VIOLATION, "SIGSYS");
    expect_bad_worker("tests/e2e/worker-crash", PNF_CRASHED, "assertion of the test");
    expect_bad_worker("tests/e2e/worker-forge", PNF_VIOLATION, "not legal in this state");
}

static void missing_programs_are_named(void **state)
{
    pnf_options options = {.libexec = "/nonexistent"};
    pnf_host *host;

    (void)state;
    expect(pnf_host_open(&options, &host), PNF_SYSTEM, "in /nonexistent, which the option");
    assert_null(host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hello_prints_the_greeting),
        cmocka_unit_test(bytes_come_back_as_the_guest_made_them),
        cmocka_unit_test(calls_nest_through_the_host),
        cmocka_unit_test(different_plugins_run_in_parallel),
        cmocka_unit_test(an_import_that_is_not_granted_is_refused_before_the_start_function),
        cmocka_unit_test(a_failed_registration_is_reported_by_the_next_load),
        cmocka_unit_test(a_missing_file_is_named),
        cmocka_unit_test(what_is_no_module_is_invalid),
        cmocka_unit_test(a_trap_says_where),
        cmocka_unit_test(each_trap_has_its_words),
        cmocka_unit_test(a_deadline_ends_a_loop),
        cmocka_unit_test(a_call_is_cancelled_from_another_thread),
        cmocka_unit_test(a_cancellation_is_not_kept_for_a_later_call),
        cmocka_unit_test(memory_ends_where_the_policy_says),
        cmocka_unit_test(workers_that_go_wrong_have_their_own_status),
        cmocka_unit_test(missing_programs_are_named),
    };

    if (!fixture_has_programs())
        return 0;
    return cmocka_run_group_tests(tests, fixture_make_folder, fixture_remove_folder);
}
