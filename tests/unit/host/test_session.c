// SPDX-License-Identifier: Apache-2.0
#include "host/session.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "sandbox/start.h"
#include "tests/unit/host/session_fixture.h"

#define NATIVE(function_) ((void (*)(void))(function_))

enum { MS = 1000 * 1000, LOG_INDEX = 0, TWICE_INDEX = 1 };

// --- an application ------------------------------------------------------------------------------

static struct fixture *current; // of the test that runs

static void app_log(int32_t level, const char *text, size_t length)
{
    snprintf(current->logged, sizeof current->logged, "app %d %.*s", level, (int)length, text);
}

static int32_t app_twice(pnf_context *context, int32_t x)
{
    (void)context;
    return 2 * x;
}

static void offer(struct fixture *fixture, int32_t (*twice)(pnf_context *, int32_t))
{
    current = fixture;
    assert_true(registry_add(&fixture->registry, "app.log(level: i32, text: str)", NATIVE(app_log),
                             NULL, &fixture->error));
    assert_true(registry_add(&fixture->registry, "app.twice(@ctx, x: i32) -> i32", NATIVE(twice),
                             NULL, &fixture->error));
}

static void offer_and_grant(struct fixture *fixture, int32_t (*twice)(pnf_context *, int32_t))
{
    offer(fixture, twice);
    fixture_grant(fixture, "app.log");
    fixture_grant(fixture, "app.twice");
}

static void load(struct fixture *fixture, void (*worker)(struct channel *channel))
{
    offer_and_grant(fixture, app_twice);
    if (!fixture_load(fixture, worker))
        fail_msg("%s", fixture->error.text);
}

// A call of `run` that has to fail in that way, with these words in its text.
static void expect_failure(struct fixture *fixture, pnf_status status, const char *words)
{
    int32_t result;

    assert_false(fixture_call(fixture, "run() -> i32", &result));
    if (fixture->error.status != status || !strstr(fixture->error.text, words))
        fail_msg("%s: %s", pnf_status_words(fixture->error.status), fixture->error.text);
}

static void expect_load_failure(struct fixture *fixture, void (*worker)(struct channel *channel),
                                pnf_status status, const char *words)
{
    assert_false(fixture_load(fixture, worker));
    if (fixture->error.status != status || !strstr(fixture->error.text, words))
        fail_msg("%s: %s", pnf_status_words(fixture->error.status), fixture->error.text);
    fixture_expect_killed(fixture);
}

// --- what goes well ------------------------------------------------------------------------------

static void greeter(struct channel *channel)
{
    const uint64_t back[2] = {0, 11};
    const uint64_t call[3] = {7, 0, 4};
    struct message message;

    worker_load(channel);
    worker_take_call(channel);
    worker_send(channel, MESSAGE_HOST_CALL, 2,
                (const uint64_t[]){worker_frame(channel, 3, call, "note"), LOG_INDEX});
    worker_receive(channel, MESSAGE_HOST_CALL_RESULT, &message);
    worker_send(channel, MESSAGE_CALL_RESULT, 1,
                (const uint64_t[]){worker_frame(channel, 2, back, "Hello, Ada!")});
    worker_receive(channel, MESSAGE_SHUTDOWN, &message);
}

static void session_calls_the_plugin_which_calls_the_host(void **state)
{
    struct fixture *fixture = *state;
    struct bridge_bytes greeting;

    load(fixture, greeter);
    assert_true(fixture_call(fixture, "greet(name: str) -> str", "Ada", (size_t)3, &greeting));
    assert_int_equal(greeting.length, 11);
    assert_memory_equal(greeting.data, "Hello, Ada!", 11);
    assert_string_equal(fixture->logged, "app 7 note");
}

static void start_caller(struct channel *channel)
{
    const struct report_item item = worker_import("app", "twice", "\x7F\x7F", 1);
    struct message message;
    uint64_t result;

    worker_confine(channel);
    worker_report(channel, &item, 1, 0);
    worker_receive(channel, MESSAGE_LINK, &message);
    if (worker_host_call(channel, 0, 21, &result) != MESSAGE_HOST_CALL_RESULT || result != 42)
        _exit(99);
    worker_send(channel, MESSAGE_LOADED, 0, NULL);
    worker_receive(channel, MESSAGE_SHUTDOWN, &message);
}

static void session_serves_calls_of_the_start_function(void **state)
{
    load(*state, start_caller);
}

static void writer(struct channel *channel)
{
    struct message message;

    worker_load(channel);
    worker_take_call(channel);
    for (int i = 0; i < 2; i++) {
        if (!channel_arena_write(channel, 0, "0123456789", 10))
            _exit(99);
        worker_send(channel, MESSAGE_OUTPUT, 2, (const uint64_t[]){10, 1});
        worker_receive(channel, MESSAGE_TAKEN, &message);
    }
    worker_return(channel, (int32_t)message.words[0]);
    worker_receive(channel, MESSAGE_SHUTDOWN, &message);
}

static void session_captures_output_up_to_its_limit(void **state)
{
    struct fixture *fixture = *state;
    int32_t taken;

    fixture->policy.wasi_stdout = POLICY_WASI_STDOUT_CAPTURE;
    fixture->policy.limits.output_bytes = 16;
    load(fixture, writer);
    assert_true(fixture_call(fixture, "run() -> i32", &taken));
    assert_int_equal(taken, 6);
    assert_int_equal(fixture->session.output_length, 16);
    assert_memory_equal(fixture->session.output, "0123456789012345", 16);
}

static void session_logs_output_where_the_policy_says_so(void **state)
{
    struct fixture *fixture = *state;
    int32_t taken;

    fixture->policy.wasi_stdout = POLICY_WASI_STDOUT_LOG;
    load(fixture, writer);
    assert_true(fixture_call(fixture, "run() -> i32", &taken));
    assert_int_equal(taken, 10);
    assert_string_equal(fixture->logged, "2 0123456789");
}

// Recursion through the host: each call calls app.twice, which calls run.
static void nester(struct channel *channel)
{
    uint64_t result = 0;
    struct message message;

    worker_load(channel);
    worker_take_call(channel);
    for (uint32_t depth = 1; depth < MESSAGE_DEPTH_MAX; depth++) {
        uint64_t word = depth;

        worker_send(channel, MESSAGE_HOST_CALL, 2,
                    (const uint64_t[]){worker_frame(channel, 1, &word, NULL), TWICE_INDEX});
        worker_take_call(channel);
    }
    if (worker_host_call(channel, TWICE_INDEX, 8, &result) != MESSAGE_HOST_CALL_RESULT)
        _exit(99);
    for (uint32_t depth = MESSAGE_DEPTH_MAX; depth > 1; depth--) {
        worker_return(channel, (int32_t)result + 1);
        worker_receive(channel, MESSAGE_HOST_CALL_RESULT, &message);
        result++;
    }
    worker_return(channel, (int32_t)result + 1);
    worker_receive(channel, MESSAGE_SHUTDOWN, &message);
}

static pnf_status deepest;

static int32_t call_again(pnf_context *context, int32_t x)
{
    int32_t result = 0;

    (void)context;
    if (!fixture_call(current, "run() -> i32", &result)) {
        deepest = current->error.status;
        return 100 * x;
    }
    return result;
}

static void session_nests_calls_to_the_depth_limit_and_says_so_beyond(void **state)
{
    struct fixture *fixture = *state;
    int32_t result;

    offer_and_grant(fixture, call_again);
    assert_true(fixture_load(fixture, nester));
    deepest = PNF_OK;
    assert_true(fixture_call(fixture, "run() -> i32", &result));
    assert_int_equal(deepest, PNF_LIMIT);
    assert_int_equal(result, 808);
}

// --- what is refused before guest code runs ------------------------------------------------------

// Reports, and whoever sends LINK then gets a worker that is gone for a violation.
static void importer(struct channel *channel)
{
    const struct report_item items[] = {
        worker_import("app", "twice", "\x7F\x7F", 1),
        worker_import("app", "log", "\x7F\x7F\x7F", 3),
        worker_import("app", "missing", "\x7F", 1),
        worker_import("wasi_snapshot_preview1", "fd_write", "\x7F\x7F\x7F\x7F\x7F", 4),
        worker_export("run", "\x7F\x7E", 1),
    };
    struct message message;

    worker_confine(channel);
    worker_report(channel, items, 4, 1);
    worker_receive(channel, MESSAGE_SHUTDOWN, &message);
}

static void session_lists_everything_denied_or_missing_before_anything_runs(void **state)
{
    struct fixture *fixture = *state;

    offer(fixture, app_twice);
    fixture_grant(fixture, "app.log");
    assert_true(registry_expect(&fixture->registry, "stop()", &fixture->error));
    assert_true(registry_expect(&fixture->registry, "run() -> i32", &fixture->error));
    expect_load_failure(fixture, importer, PNF_DENIED, "add `- app.twice` under host_functions");
    assert_non_null(strstr(fixture->error.text, "'missing' of module 'app' is no function"));
    assert_non_null(strstr(fixture->error.text, "exports no function 'stop'"));
    assert_non_null(strstr(fixture->error.text, "exports 'run' with the type (i32) -> i64"));
    assert_null(strstr(fixture->error.text, "fd_write"));
    assert_string_equal(fixture->error.function, "app.twice");
    assert_string_equal(fixture->error.hint, "- app.twice");
}

static void mistyped(struct channel *channel)
{
    const struct report_item item = worker_import("app", "log", "\x7F\x7F", 2);
    struct message message;

    worker_confine(channel);
    worker_report(channel, &item, 1, 0);
    worker_receive(channel, MESSAGE_SHUTDOWN, &message);
}

static void session_refuses_an_import_of_another_type(void **state)
{
    offer_and_grant(*state, app_twice);
    expect_load_failure(*state, mistyped, PNF_UNLINKABLE,
                        "has the type (i32, i32), but app.log(level: i32, text: str) is "
                        "(i32, i32, i32) for a guest");
}

static void memory_importer(struct channel *channel)
{
    const struct report_item item = {
        .part = REPORT_IMPORT,
        .kind = REPORT_KIND_MEMORY,
        .module = {(const uint8_t *)"app", 3},
        .name = {(const uint8_t *)"memory", 6},
        .first = 1,
    };
    struct message message;

    worker_confine(channel);
    worker_report(channel, &item, 1, 0);
    worker_receive(channel, MESSAGE_SHUTDOWN, &message);
}

static void session_refuses_imports_that_are_no_functions(void **state)
{
    expect_load_failure(
        *state, memory_importer, PNF_UNLINKABLE,
        "is a memory, which only a library can provide: link a module that exports it");
}

static void rememberer(struct channel *channel)
{
    struct report_head head = {.counts = {[REPORT_MEMORY] = 3}};
    struct report_item item = {.part = REPORT_MEMORY, .kind = REPORT_KIND_MEMORY, .first = 1};
    uint8_t bytes[512];
    struct report_writer writer = {.bytes = bytes, .size = sizeof bytes};
    struct message message;

    worker_confine(channel);
    report_put_head(&writer, &head);
    for (int i = 0; i < 3; i++)
        report_put_item(&writer, &item);
    if (channel_arena_write(channel, 0, bytes, writer.length))
        worker_send(channel, MESSAGE_MODULE_REPORT, 3, (const uint64_t[]){writer.length, 0, 0});
    worker_receive(channel, MESSAGE_SHUTDOWN, &message);
}

static void session_refuses_more_memories_than_granted_with_the_line_that_would(void **state)
{
    struct fixture *fixture = *state;

    expect_load_failure(fixture, rememberer, PNF_LIMIT, "add `memories: 3` under limits");
    assert_non_null(strstr(fixture->error.text, "limits.memories is 1 by default"));
    assert_string_equal(fixture->error.capability, "limits.memories");
    assert_string_equal(fixture->error.hint, "limits: { memories: 3 }");
}

static void refuser(struct channel *channel)
{
    static const char text[] = "unexpected end";

    worker_confine(channel);
    if (!channel_arena_write(channel, 0, text, sizeof text - 1))
        _exit(99);
    worker_send(channel, MESSAGE_ERROR, 4,
                (const uint64_t[]){sizeof text - 1, ERROR_TYPE_MISMATCH, 0, 77});
    pause();
}

static void session_hands_on_what_is_wrong_with_a_module(void **state)
{
    struct fixture *fixture = *state;

    expect_load_failure(fixture, refuser, PNF_INVALID, "unexpected end (at offset 0x4d)");
    assert_int_equal(fixture->error.offset, 77);
}

// --- ends of a call ------------------------------------------------------------------------------

static void trapper(struct channel *channel)
{
    worker_load(channel);
    worker_take_call(channel);
    worker_send(channel, MESSAGE_TRAP, 7,
                (const uint64_t[]){0, WORKER_TRAP_UNREACHABLE, 1, 3, 0x99, 0, 0});
    pause();
}

static void session_reports_a_trap_and_refuses_what_comes_after(void **state)
{
    struct fixture *fixture = *state;

    load(fixture, trapper);
    expect_failure(fixture, PNF_TRAP, "trap: unreachable, in function 3 at offset 0x99");
    assert_int_equal(fixture->error.funcidx, 3);
    assert_int_equal(fixture->error.offset, 0x99);
    expect_failure(fixture, PNF_TRAP, "must be loaded again");
}

static void exiter(struct channel *channel)
{
    worker_load(channel);
    worker_take_call(channel);
    worker_send(channel, MESSAGE_EXIT, 1, (const uint64_t[]){7});
    pause();
}

static void session_reports_an_exit_with_its_status(void **state)
{
    struct fixture *fixture = *state;

    load(fixture, exiter);
    expect_failure(fixture, PNF_EXITED, "exited with status 7");
    assert_int_equal(fixture->error.exit_status, 7);
}

static void failing_caller(struct channel *channel)
{
    uint64_t result;

    worker_load(channel);
    worker_take_call(channel);
    if (worker_host_call(channel, TWICE_INDEX, 1, &result) != MESSAGE_HOST_CALL_FAILED)
        _exit(99);
    worker_send(channel, MESSAGE_TRAP, 7, (const uint64_t[]){0, WORKER_TRAP_HOST, 0, 0, 0, 0, 0});
    pause();
}

static int32_t refuse_twice(pnf_context *context, int32_t x)
{
    (void)x;
    context->failed = true;
    snprintf(context->text, sizeof context->text, "not today");
    return 0;
}

static void session_says_which_host_function_failed_and_why(void **state)
{
    struct fixture *fixture = *state;

    offer_and_grant(fixture, refuse_twice);
    assert_true(fixture_load(fixture, failing_caller));
    expect_failure(fixture, PNF_TRAP, "host function app.twice failed: not today");
    assert_string_equal(fixture->error.function, "app.twice");
}

static void sleeper(struct channel *channel)
{
    worker_load(channel);
    worker_take_call(channel);
    for (;;)
        pause();
}

static void session_kills_a_worker_that_ignores_its_deadline(void **state)
{
    struct fixture *fixture = *state;
    uint64_t begin;

    fixture->policy.limits.time_ms = 50;
    load(fixture, sleeper);
    begin = channel_now();
    expect_failure(fixture, PNF_TIMEOUT, "limits.time is 50ms");
    assert_in_range(channel_now() - begin, 50 * MS, 1000 * MS);
    fixture_expect_killed(fixture);
    expect_failure(fixture, PNF_TIMEOUT, "must be loaded again");
}

static struct channel *interrupted;

static void answer_interruption(int number)
{
    (void)number;
    worker_send(interrupted, MESSAGE_TRAP, 7,
                (const uint64_t[]){0, WORKER_TRAP_INTERRUPTED, 0, 0, 0, 0, 0});
}

static void interruptible(struct channel *channel)
{
    struct message message;

    interrupted = channel;
    worker_load(channel);
    worker_take_call(channel);
    signal(SIGUSR1, answer_interruption);
    pause();
    worker_receive(channel, MESSAGE_SHUTDOWN, &message);
}

static void session_interrupts_a_worker_at_its_deadline(void **state)
{
    struct fixture *fixture = *state;

    // On a machine under load the grace may be too short, and it is killed: the answer is the same.
    fixture->policy.limits.time_ms = 50;
    load(fixture, interruptible);
    expect_failure(fixture, PNF_TIMEOUT, "limits.time is 50ms");
}

static void answer_with_error(int number)
{
    (void)number;
    worker_send(interrupted, MESSAGE_ERROR, 4, (const uint64_t[]){0, ERROR_USAGE_EXPORT, 0, 0});
}

static void late_refuser(struct channel *channel)
{
    struct message message;

    interrupted = channel;
    worker_load(channel);
    worker_take_call(channel);
    signal(SIGUSR1, answer_with_error);
    pause();
    worker_receive(channel, MESSAGE_SHUTDOWN, &message);
}

// Or the next call would be over before it began.
static void session_ends_a_plugin_that_refuses_a_call_after_its_deadline(void **state)
{
    struct fixture *fixture = *state;

    fixture->policy.limits.time_ms = 50;
    load(fixture, late_refuser);
    expect_failure(fixture, PNF_TIMEOUT, "limits.time is 50ms");
    expect_failure(fixture, PNF_TIMEOUT, "must be loaded again");
}

static void *cancel_soon(void *argument)
{
    struct fixture *fixture = argument;

    usleep(30000);
    session_cancel(&fixture->session);
    return NULL;
}

static void session_cancels_a_call_from_another_thread(void **state)
{
    struct fixture *fixture = *state;
    pthread_t thread;
    uint64_t begin;

    load(fixture, sleeper);
    session_cancel(&fixture->session); // nothing to cancel
    begin = channel_now();
    assert_int_equal(pthread_create(&thread, NULL, cancel_soon, fixture), 0);
    expect_failure(fixture, PNF_CANCELLED, "cancelled");
    assert_true(channel_now() - begin < 1000ull * MS);
    pthread_join(thread, NULL);
    fixture_expect_killed(fixture);
}

static void *call_meanwhile(void *argument)
{
    static struct error_text error;
    struct fixture *fixture = argument;
    struct session_export prepared;
    va_list none;

    usleep(30000);
    memset(&none, 0, sizeof none);
    error_text_init(&error);
    if (!session_prepare(&fixture->session, "run() -> i32", &prepared, &error) ||
        session_call(&fixture->session, &prepared, none, &error))
        error.status = PNF_OK;
    session_cancel(&fixture->session);
    return &error;
}

static void session_tells_a_second_thread_that_it_is_busy(void **state)
{
    struct fixture *fixture = *state;
    pthread_t thread;
    void *other;

    load(fixture, sleeper);
    assert_int_equal(pthread_create(&thread, NULL, call_meanwhile, fixture), 0);
    expect_failure(fixture, PNF_CANCELLED, "cancelled");
    pthread_join(thread, &other);
    assert_int_equal(((struct error_text *)other)->status, PNF_BUSY);
}

// --- workers that misbehave ----------------------------------------------------------------------

static void forger(struct channel *channel)
{
    struct message message = {.kind = MESSAGE_LOADED, .depth = 1};

    worker_load(channel);
    worker_take_call(channel);
    message_write(&channel->memory->slots[MESSAGE_TO_HOST].slot, channel->sent + 1, &message);
    channel_ring(&channel->memory->bells[MESSAGE_TO_HOST], (uint32_t)channel->sent + 1);
    pause();
}

static void stranger(struct channel *channel)
{
    uint64_t result;

    worker_load(channel);
    worker_take_call(channel);
    worker_host_call(channel, 2, 1, &result);
}

static void liar(struct channel *channel)
{
    const uint64_t words[2] = {0, 1000000};

    worker_load(channel);
    worker_take_call(channel);
    worker_send(channel, MESSAGE_CALL_RESULT, 1,
                (const uint64_t[]){worker_frame(channel, 2, words, "short")});
    pause();
}

static void miscounter(struct channel *channel)
{
    worker_load(channel);
    worker_take_call(channel);
    worker_send(channel, MESSAGE_CALL_RESULT, 1, (const uint64_t[]){3});
    pause();
}

static void early_caller(struct channel *channel)
{
    struct message message = {.kind = MESSAGE_HOST_CALL, .count = 2};

    worker_confine(channel);
    message_write(&channel->memory->slots[MESSAGE_TO_HOST].slot, channel->sent + 1, &message);
    channel_ring(&channel->memory->bells[MESSAGE_TO_HOST], (uint32_t)channel->sent + 1);
    pause();
}

static void bad_reporter(struct channel *channel)
{
    worker_confine(channel);
    if (!channel_arena_write(channel, 0, "nonsense", 8))
        _exit(99);
    worker_send(channel, MESSAGE_MODULE_REPORT, 3, (const uint64_t[]){8, 1000000, 0});
    pause();
}

static void session_kills_whoever_breaks_the_protocol_in_a_call(void **state)
{
    static const struct {
        void (*worker)(struct channel *channel);
        const char *words;
    } cases[] = {
        {forger, "not legal in this state"},
        {stranger, "not granted"},
        {liar, ""},
        {miscounter, ""},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (i > 0)
            fixture_setup(state);
        load(*state, cases[i].worker);
        expect_failure(*state, PNF_VIOLATION, cases[i].words);
        fixture_expect_killed(*state);
        expect_failure(*state, PNF_VIOLATION, "must be loaded again");
        if (i + 1 < sizeof cases / sizeof cases[0])
            fixture_teardown(state);
    }
}

static void session_kills_whoever_calls_before_it_is_linked(void **state)
{
    expect_load_failure(*state, early_caller, PNF_VIOLATION, "not legal in this state");
}

static void session_kills_whoever_reports_nonsense(void **state)
{
    expect_load_failure(*state, bad_reporter, PNF_VIOLATION, "");
}

// --- workers that die ----------------------------------------------------------------------------

static enum start_record_kind record_kind;
static int exit_status;
static int end_signal;

static void dier(struct channel *channel)
{
    struct start_record record = {.kind = record_kind, .length = 9, .text = "length\n< 5"};

    worker_load(channel);
    worker_take_call(channel);
    if (end_signal != 0) {
        signal(end_signal, SIG_DFL);
        raise(end_signal);
    }
    memcpy((uint8_t *)channel->memory + SESSION_RECORD_OFFSET, &record, sizeof record);
    _exit(exit_status);
}

static void session_says_how_a_worker_died(void **state)
{
    static const struct {
        enum start_record_kind kind;
        int exit;
        int signal;
        pnf_status status;
        const char *words;
    } cases[] = {
        {START_RECORD_CRASHED, START_EXIT_CRASHED, 0, PNF_CRASHED, "length?< "},
        {START_RECORD_REFUSED, START_EXIT_REFUSED, 0, PNF_SYSTEM, "could not be confined"},
        {START_RECORD_NONE, 3, 0, PNF_CRASHED, "left no word"},
        {START_RECORD_NONE, 0, SIGSYS, PNF_VIOLATION, "SIGSYS"},
        {START_RECORD_NONE, 0, SIGXCPU, PNF_LIMIT, "limits.cpu"},
        {START_RECORD_NONE, 0, SIGSEGV, PNF_CRASHED, "signal 11"},
        {START_RECORD_NONE, 0, SIGKILL, PNF_CRASHED, "not by Pinfold"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        record_kind = cases[i].kind;
        exit_status = cases[i].exit;
        end_signal = cases[i].signal;
        if (i > 0)
            fixture_setup(state);
        load(*state, dier);
        expect_failure(*state, cases[i].status, cases[i].words);
        if (i + 1 < sizeof cases / sizeof cases[0])
            fixture_teardown(state);
    }
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(session_calls_the_plugin_which_calls_the_host),
        TEST(session_serves_calls_of_the_start_function),
        TEST(session_captures_output_up_to_its_limit),
        TEST(session_logs_output_where_the_policy_says_so),
        TEST(session_nests_calls_to_the_depth_limit_and_says_so_beyond),
        TEST(session_lists_everything_denied_or_missing_before_anything_runs),
        TEST(session_refuses_an_import_of_another_type),
        TEST(session_refuses_imports_that_are_no_functions),
        TEST(session_refuses_more_memories_than_granted_with_the_line_that_would),
        TEST(session_hands_on_what_is_wrong_with_a_module),
        TEST(session_reports_a_trap_and_refuses_what_comes_after),
        TEST(session_reports_an_exit_with_its_status),
        TEST(session_says_which_host_function_failed_and_why),
        TEST(session_kills_a_worker_that_ignores_its_deadline),
        TEST(session_interrupts_a_worker_at_its_deadline),
        TEST(session_ends_a_plugin_that_refuses_a_call_after_its_deadline),
        TEST(session_cancels_a_call_from_another_thread),
        TEST(session_tells_a_second_thread_that_it_is_busy),
        TEST(session_kills_whoever_breaks_the_protocol_in_a_call),
        TEST(session_kills_whoever_calls_before_it_is_linked),
        TEST(session_kills_whoever_reports_nonsense),
        TEST(session_says_how_a_worker_died),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
