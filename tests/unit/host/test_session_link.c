// SPDX-License-Identifier: Apache-2.0
//
// What the host makes of libraries: of what its worker says of them, which may be anything.
#include "tests/unit/host/session_fixture.h"

#include <string.h>
#include <unistd.h>

#include "host/session_private.h"

#define I32 "\x7F"
#define NATIVE(function_) ((pnf_native)(function_))

static void twice(void)
{
}

static void offer(struct fixture *fixture, const char *signature)
{
    assert_true(registry_add(&fixture->registry, signature, NATIVE(twice), NULL, &fixture->error));
}

static void expect_load_failure(struct fixture *fixture, void (*worker)(struct channel *channel),
                                pnf_status status, const char *part)
{
    assert_false(fixture_load(fixture, worker));
    assert_int_equal(fixture->error.status, status);
    if (!strstr(fixture->error.text, part))
        fail_msg("'%s' is not in '%s'", part, fixture->error.text);
    fixture_expect_killed(fixture);
}

static struct report_item of(uint8_t owner, uint8_t flags, struct report_item item)
{
    item.owner = owner;
    item.flags = flags;
    return item;
}

// --- what is asked and served --------------------------------------------------------------------

static void linker(struct channel *channel)
{
    const struct report_item items[] = {
        of(0, REPORT_LINKED, worker_import("math", "add", I32 I32 I32, 2)),
        of(0, 0, worker_import("app", "twice", I32 I32, 1)),
        of(1, 0, worker_import("app", "twice", I32 I32, 1)),
        of(2, REPORT_LINKED, worker_import("math", "add", I32 I32 I32, 2)),
        of(2, 0, worker_import("wasi_snapshot_preview1", "sched_yield", I32, 0)),
        worker_export("run", I32, 0),
    };
    static struct policy policy;
    static uint8_t table[2 * REPORT_LIBRARY_SIZE];
    struct report_library libraries[REPORT_LIBRARIES_MAX];
    struct error below = {.code = ERROR_NONE};
    struct message message;
    uint64_t result = 0;
    uint32_t count;

    worker_send(channel, MESSAGE_CONFINED, 1, (const uint64_t[]){MESSAGE_PROTOCOL});
    worker_receive(channel, MESSAGE_START, &message);
    if (message.words[0] != sizeof policy + sizeof table ||
        !channel_arena_read(channel, sizeof policy, table, sizeof table) ||
        !report_take_libraries(table, sizeof table, 110, libraries, &count, &below) || count != 2 ||
        strcmp(libraries[1].name, "env") != 0 || libraries[1].offset != 100)
        _exit(97);
    worker_report(channel, items, 5, 1);
    worker_receive(channel, MESSAGE_LINK, &message);
    if (message.words[1] != 3)
        _exit(96);
    worker_send(channel, MESSAGE_LOADED, 0, NULL);
    worker_take_call(channel);
    if (worker_host_call(channel, 1, 4, &result) != MESSAGE_HOST_CALL_RESULT)
        _exit(95);
    worker_return(channel, (int32_t)result);
}

static int32_t double_it(int32_t value)
{
    return 2 * value;
}

static void only_what_no_library_provides_is_served(void **state)
{
    struct fixture *fixture = *state;
    int32_t result = 0;

    assert_true(registry_add(&fixture->registry, "app.twice(x: i32) -> i32", NATIVE(double_it),
                             NULL, &fixture->error));
    fixture_grant(fixture, "app.twice");
    fixture_link(fixture, "math");
    fixture_link(fixture, "env");
    if (!fixture_load(fixture, linker))
        fail_msg("%s", fixture->error.text);
    assert_true(fixture_call(fixture, "run() -> i32", &result));
    assert_int_equal(result, 8);
}

// --- what is refused -----------------------------------------------------------------------------

static void misser(struct channel *channel)
{
    const struct report_item memory = {
        .part = REPORT_IMPORT,
        .kind = REPORT_KIND_MEMORY,
        .module = {(const uint8_t *)"env", 3},
        .name = {(const uint8_t *)"memory", 6},
        .first = 1,
        .owner = 1,
    };
    const struct report_item items[] = {
        worker_import("math", "sub", I32, 1),
        of(1, 0, worker_import("app", "twice", I32, 1)),
        memory,
        of(2, 0, worker_import("env", "self", I32, 1)),
        of(2, 0, worker_import("app", "missing", I32, 1)),
    };
    struct message message;

    worker_confine(channel);
    worker_report(channel, items, 5, 0);
    worker_receive(channel, MESSAGE_SHUTDOWN, &message);
}

static void errors_tell_the_library_and_what_could_have_provided_an_import(void **state)
{
    static const char *const parts[] = {
        "import 'sub' of module 'math' is no function that the application offers; library 'math' "
        "exports nothing of that name",
        "import host function app.twice in library 'math'",
        "import 'memory' of module 'env' in library 'math' is a memory, which only a library can "
        "provide; library 'env' does not stand in front",
        "import 'self' of module 'env' in library 'env' is no function that the application "
        "offers; library 'env' does not stand in front",
        "import 'missing' of module 'app' in library 'env' is no function that the application "
        "offers\n",
    };
    struct fixture *fixture = *state;

    offer(fixture, "app.twice(x: i32)");
    fixture_link(fixture, "math");
    fixture_link(fixture, "env");
    assert_true(registry_expect(&fixture->registry, "stop()", &fixture->error));
    expect_load_failure(fixture, misser, PNF_UNLINKABLE, parts[0]);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (!strstr(fixture->error.text, parts[i]))
            fail_msg("'%s' is not in '%s'", parts[i], fixture->error.text);
}

static void stranger(struct channel *channel)
{
    const struct report_item item = of(2, REPORT_LINKED, worker_import("math", "add", I32, 1));

    worker_confine(channel);
    worker_report(channel, &item, 1, 0);
    pause();
}

static void a_report_on_a_library_that_there_is_not_is_a_violation(void **state)
{
    struct fixture *fixture = *state;

    fixture_link(fixture, "math");
    expect_load_failure(fixture, stranger, PNF_VIOLATION, "a library that there is not");
}

// --- traps ---------------------------------------------------------------------------------------

static void trap_in(struct channel *channel, uint64_t known, uint64_t module)
{
    struct message message;

    worker_confine(channel);
    worker_report(channel, NULL, 0, 0);
    worker_receive(channel, MESSAGE_LINK, &message);
    worker_send(channel, MESSAGE_TRAP, 7,
                (const uint64_t[]){0, WORKER_TRAP_UNREACHABLE, known, 3, 0x99, 0, module});
    pause();
}

static void trapper(struct channel *channel)
{
    trap_in(channel, 1, 2);
}

static void placeless_trapper(struct channel *channel)
{
    trap_in(channel, 0, 1);
}

static void strange_trapper(struct channel *channel)
{
    trap_in(channel, 1, UINT64_C(1) << 32 | 1);
}

static void a_trap_names_the_library_that_its_place_is_in(void **state)
{
    struct fixture *fixture = *state;

    fixture_link(fixture, "math");
    fixture_link(fixture, "env");
    expect_load_failure(fixture, trapper, PNF_TRAP,
                        "it could not be started: trap: unreachable, in function 3 at offset 0x99 "
                        "of library 'env'");
    assert_int_equal(fixture->error.funcidx, 3);
}

static void a_trap_without_a_place_names_the_library_too(void **state)
{
    struct fixture *fixture = *state;

    fixture_link(fixture, "math");
    expect_load_failure(fixture, placeless_trapper, PNF_TRAP, "unreachable, in library 'math'");
}

static void a_trap_in_a_library_that_there_is_not_is_a_violation(void **state)
{
    struct fixture *fixture = *state;

    fixture_link(fixture, "math");
    expect_load_failure(fixture, strange_trapper, PNF_VIOLATION, "a library that there is not");
}

int main(void)
{
#define TEST(name_) cmocka_unit_test_setup_teardown(name_, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(only_what_no_library_provides_is_served),
        TEST(errors_tell_the_library_and_what_could_have_provided_an_import),
        TEST(a_report_on_a_library_that_there_is_not_is_a_violation),
        TEST(a_trap_names_the_library_that_its_place_is_in),
        TEST(a_trap_without_a_place_names_the_library_too),
        TEST(a_trap_in_a_library_that_there_is_not_is_a_violation),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
