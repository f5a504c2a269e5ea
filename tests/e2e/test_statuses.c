// SPDX-License-Identifier: Apache-2.0
//
// Which status stands for what, as sdk/README.md has it.
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, open_host, close_host)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_guest_for_another_interface_has_a_status_of_its_own),
        TEST(types_that_come_later_are_used_wrongly),
        TEST(exports_that_are_not_there_or_another_cannot_be_linked),
        TEST(fuel_is_a_limit_of_the_policy),
        TEST(a_second_caller_is_told_that_the_plugin_is_busy),
    };

    if (!fixture_has_programs())
        return 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
