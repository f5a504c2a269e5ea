// SPDX-License-Identifier: Apache-2.0
//
// Which status stands for what, as sdk/README.md has it.
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>
#include <pinfold.h>

#include "tests/e2e/fixture.h"

enum { FILE_SIZE_MAX = 1024 * 1024 };

#define POLICY "pinfold: 1\nlimits: { time: 2s }\n"
#define GRANTS "host_functions: [app.fail, app.again]\n"

static pnf_host *host;

static void app_fail(void)
{
}

static int32_t app_again(int32_t depth)
{
    return depth;
}

static int open_host(void **state)
{
    (void)state;
    host = fixture_open_host(fixture_program(""));
    return 0;
}

static int close_host(void **state)
{
    (void)state;
    pnf_host_close(host);
    return 0;
}

static void expect(pnf_status got, pnf_status status, const char *words)
{
    if (got != status || !strstr(pnf_error_text(), words))
        fail_msg("%s: %s", pnf_status_words(got), pnf_error_text());
    assert_int_equal(pnf_last_error()->status, status);
}

static pnf_plugin *load_trouble_under(const char *policy)
{
    static uint8_t bytes[FILE_SIZE_MAX];
    FILE *file = fopen(PINFOLD_TROUBLE, "rb");
    pnf_plugin *plugin;
    size_t size;

    assert_non_null(file);
    size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    pnf_host_function(host, "app.fail()", PNF_NATIVE(app_fail), NULL);
    pnf_host_function(host, "app.again(depth: i32) -> i32", PNF_NATIVE(app_again), NULL);
    if (pnf_load_bytes(host, "trouble", bytes, size, policy, strlen(policy), &plugin) != PNF_OK)
        fail_msg("%s", pnf_error_text());
    return plugin;
}

static pnf_plugin *load_trouble(void)
{
    return load_trouble_under(POLICY GRANTS);
}

static pnf_status load_version(uint8_t version)
{
    uint8_t module[] = {0,   'a', 's', 'm', 1,   0,   0,   0,   0,   13,  11,     'p',
                        'i', 'n', 'f', 'o', 'l', 'd', '.', 'a', 'b', 'i', version};
    pnf_plugin *plugin;

    return pnf_load_bytes(host, "versioned", module, sizeof module, POLICY, sizeof POLICY - 1,
                          &plugin);
}

static void a_guest_for_another_interface_has_a_status_of_its_own(void **state)
{
    (void)state;
    assert_int_equal(load_version(1), PNF_OK);
    expect(load_version(2), PNF_ABI, "interface: 2; Pinfold has 1");
    expect(load_version(0), PNF_ABI, "interface: 0; Pinfold has 1");
}

static void types_that_come_later_are_used_wrongly(void **state)
{
    static const char *const types[] = {"i32[]", "handle<T>", "struct x",
                                        "i33",   "out str",   "inout cstr"};
    pnf_plugin *plugin = load_trouble();
    pnf_export *prepared;
    char signature[64];

    (void)state;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        snprintf(signature, sizeof signature, "reverse(b: %s)", types[i]);
        expect(pnf_call(plugin, signature), PNF_USAGE, "column");
        expect(pnf_prepare(plugin, signature, &prepared), PNF_USAGE, "column");
        snprintf(signature, sizeof signature, "app.later(b: %s)", types[i]);
        expect(pnf_host_function(host, signature, PNF_NATIVE(app_fail), NULL), PNF_USAGE, "column");
    }
    expect(pnf_call(plugin, "trap() -> i32!"), PNF_USAGE, "may fail");
    expect(pnf_call(plugin, "app.trap()"), PNF_USAGE, "without a module");
    expect(pnf_call(plugin, "trap(@ctx)"), PNF_USAGE, "@ctx");
    expect(pnf_call(plugin, NULL), PNF_USAGE, "no signature");
}

static void exports_that_are_not_there_or_another_cannot_be_linked(void **state)
{
    pnf_plugin *plugin = load_trouble();
    pnf_bytes result;
    int32_t number;

    (void)state;
    expect(pnf_call(plugin, "absent()"), PNF_UNLINKABLE, "absent");
    expect(pnf_call(plugin, "trap(x: i32)", 1), PNF_UNLINKABLE, "trap");
    expect(pnf_call(plugin, "grow(x: i32) -> i64", 1, &number), PNF_UNLINKABLE, "grow");
    // Nothing of that is the plugin's end.
    assert_int_equal(pnf_call(plugin, "reverse(b: bytes) -> bytes", "ab", (size_t)2, &result),
                     PNF_OK);
}

static void fuel_is_a_limit_of_the_policy(void **state)
{
    pnf_plugin *plugin = load_trouble_under("pinfold: 1\nlimits: { fuel: 100000 }\n" GRANTS);

    (void)state;
    expect(pnf_call(plugin, "spin()"), PNF_LIMIT, "limits.fuel");
    assert_string_equal(pnf_last_error()->capability, "limits.fuel");
    expect(pnf_call(plugin, "trap()"), PNF_LIMIT, "must be loaded again");
}

// Gets in when the other thread is not in.
static void *spin(void *plugin)
{
    pnf_status got;

    do
        got = pnf_call(plugin, "spin()");
    while (got == PNF_BUSY);
    return (void *)(uintptr_t)got;
}

static void a_second_caller_is_told_that_the_plugin_is_busy(void **state)
{
    pnf_plugin *plugin = load_trouble();
    pnf_bytes result;
    pnf_status got = PNF_OK;
    pthread_t thread;
    void *ended;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, spin, plugin), 0);
    while (got == PNF_OK)
        got = pnf_call(plugin, "reverse(b: bytes) -> bytes", "ab", (size_t)2, &result);
    expect(got, PNF_BUSY, "busy with a call of another thread");
    pnf_cancel(plugin);
    pthread_join(thread, &ended);
    assert_int_equal((uintptr_t)ended, PNF_CANCELLED);
}

static unsigned loops;

static const char *app_loop(int32_t a, int32_t b, int32_t c, int32_t d)
{
    (void)a;
    (void)b;
    (void)c;
    (void)d;
    loops++;
    return "text";
}

// (import "app" "loop" (func $loop (param i32 i32 i32 i32) (result i32))) (memory 1)
// (export "cabi_realloc" (func $loop))
// (func (export "f") (drop (call $loop (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))))
static const uint8_t looper[] = {
    0x00, 'a',  's',  'm',  0x01, 0x00, 0x00, 0x00, 0x01, 0x0c, 0x02, 0x60, 0x04, 0x7f,
    0x7f, 0x7f, 0x7f, 0x01, 0x7f, 0x60, 0x00, 0x00, 0x02, 0x0c, 0x01, 0x03, 'a',  'p',
    'p',  0x04, 'l',  'o',  'o',  'p',  0x00, 0x00, 0x03, 0x02, 0x01, 0x01, 0x05, 0x03,
    0x01, 0x00, 0x01, 0x07, 0x14, 0x02, 0x0c, 'c',  'a',  'b',  'i',  '_',  'r',  'e',
    'a',  'l',  'l',  'o',  'c',  0x00, 0x00, 0x01, 'f',  0x00, 0x01, 0x0a, 0x0f, 0x01,
    0x0d, 0x00, 0x41, 0x00, 0x41, 0x00, 0x41, 0x00, 0x41, 0x00, 0x10, 0x00, 0x1a, 0x0b,
};

static void a_host_function_as_cabi_realloc_does_not_call_itself(void **state)
{
    static const char policy[] = POLICY "host_functions: [app.loop]\n";
    pnf_plugin *plugin;

    (void)state;
    assert_int_equal(pnf_host_function(host, "app.loop(a: i32, b: i32, c: i32, d: i32) -> cstr",
                                       PNF_NATIVE(app_loop), NULL),
                     PNF_OK);
    assert_int_equal(
        pnf_load_bytes(host, "looper", looper, sizeof looper, policy, strlen(policy), &plugin),
        PNF_OK);
    assert_int_equal(pnf_call(plugin, "f()"), PNF_TRAP);
    assert_int_equal(loops, 1);
}

// An open descriptor more is the one that the limit leaves room for.
static void limit_descriptors(rlim_t more, struct rlimit *before)
{
    int next = open("/dev/null", O_RDONLY | O_CLOEXEC);
    struct rlimit limit;

    assert_true(next >= 0);
    close(next);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, before), 0);
    limit = (struct rlimit){(rlim_t)next + more, before->rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void a_full_table_of_descriptors_is_the_systems_refusal(void **state)
{
    static const uint8_t empty[] = {0x00, 'a', 's', 'm', 0x01, 0x00, 0x00, 0x00};
    pnf_status status = PNF_SYSTEM;

    (void)state;
    for (rlim_t more = 0; status != PNF_OK; more++) {
        struct rlimit before;
        pnf_plugin *plugin;

        assert_true(more < 32);
        limit_descriptors(more, &before);
        status = pnf_load_bytes(host, "empty", empty, sizeof empty, NULL, 0, &plugin);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
        assert_true(status == PNF_OK || status == PNF_SYSTEM);
        // Whatever failed, the launcher is still there.
        if (pnf_load_bytes(host, "empty", empty, sizeof empty, NULL, 0, &plugin) != PNF_OK)
            fail_msg("%llu more: %s", (unsigned long long)more, pnf_error_text());
        pnf_unload(plugin);
    }
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, open_host, close_host)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_guest_for_another_interface_has_a_status_of_its_own),
        TEST(types_that_come_later_are_used_wrongly),
        TEST(exports_that_are_not_there_or_another_cannot_be_linked),
        TEST(fuel_is_a_limit_of_the_policy),
        TEST(a_second_caller_is_told_that_the_plugin_is_busy),
        TEST(a_host_function_as_cabi_realloc_does_not_call_itself),
        TEST(a_full_table_of_descriptors_is_the_systems_refusal),
    };

    if (!fixture_has_programs())
        return 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
