// SPDX-License-Identifier: Apache-2.0
//
// Calls inside each other, and their ends.
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/host/session_fixture.h"

#define NATIVE(function_) ((void (*)(void))(function_))

enum { TWICE_INDEX = 1 };

static struct fixture *current; // of the test that runs
static pnf_status inner;        // how the call inside the last one ended

static void app_log(int32_t level, const char *text, size_t length)
{
    (void)level;
    (void)text;
    (void)length;
}

static void offer_and_grant(struct fixture *fixture, int32_t (*twice)(pnf_context *, int32_t))
{
    current = fixture;
    assert_true(registry_add(&fixture->registry, "app.log(level: i32, text: str)", NATIVE(app_log),
                             NULL, &fixture->error));
    assert_true(registry_add(&fixture->registry, "app.twice(@ctx, x: i32) -> i32", NATIVE(twice),
                             NULL, &fixture->error));
    fixture_grant(fixture, "app.log");
    fixture_grant(fixture, "app.twice");
}

// A call of `run` that has to fail in that way, with these words in its text.
static void expect_failure(struct fixture *fixture, pnf_status status, const char *words)
{
    int32_t result;

    assert_false(fixture_call(fixture, "run() -> i32", &result));
    if (fixture->error.status != status || !strstr(fixture->error.text, words))
        fail_msg("%s: %s", pnf_status_words(fixture->error.status), fixture->error.text);
}

// Until the second of two calls inside each other has come.
static void nest(struct channel *channel)
{
    const uint64_t word = 1;

    worker_load(channel);
    worker_take_call(channel);
    worker_send(channel, MESSAGE_HOST_CALL, 2,
                (const uint64_t[]){worker_frame(channel, 1, &word, NULL), TWICE_INDEX});
    worker_take_call(channel);
}

static void nested_stranger(struct channel *channel)
{
    uint64_t result;

    nest(channel);
    worker_host_call(channel, 2, 1, &result);
}

// As in an application, the inner call's error is not the outer one's.
static int32_t call_apart(pnf_context *context, int32_t x)
{
    int32_t result = x;

    (void)context;
    if (!fixture_call(current, "run() -> i32", &result))
        inner = current->error.status;
    error_text_init(&current->error);
    return result;
}

static void session_says_of_the_outer_call_what_ended_the_inner_one(void **state)
{
    offer_and_grant(*state, call_apart);
    assert_true(fixture_load(*state, nested_stranger));
    inner = PNF_OK;
    expect_failure(*state, PNF_VIOLATION, "not granted");
    assert_int_equal(inner, PNF_VIOLATION);
    fixture_expect_killed(*state);
}

// The inner call ends the plugin; what comes then is the outer one's.
static void nested_trapper(struct channel *channel)
{
    struct message message;

    nest(channel);
    worker_send(channel, MESSAGE_TRAP, 7,
                (const uint64_t[]){0, WORKER_TRAP_UNREACHABLE, 0, 0, 0, 0, 0});
    worker_receive(channel, MESSAGE_HOST_CALL_FAILED, &message);
}

static void caller_after_the_end(struct channel *channel)
{
    uint64_t result;

    nested_trapper(channel);
    worker_host_call(channel, TWICE_INDEX, 1, &result);
}

static void returner_after_the_end(struct channel *channel)
{
    nested_trapper(channel);
    worker_return(channel, 1);
    pause();
}

static unsigned twice_calls;

static int32_t call_apart_counted(pnf_context *context, int32_t x)
{
    twice_calls++;
    return call_apart(context, x);
}

static void session_kills_whoever_goes_on_after_an_inner_call_ended_the_plugin(void **state)
{
    void (*const workers[])(struct channel *) = {caller_after_the_end, returner_after_the_end};

    for (size_t i = 0; i < 2; i++) {
        if (i > 0)
            fixture_setup(state);
        twice_calls = 0;
        offer_and_grant(*state, call_apart_counted);
        assert_true(fixture_load(*state, workers[i]));
        expect_failure(*state, PNF_VIOLATION, "went on after its end");
        assert_int_equal(twice_calls, 1);
        fixture_expect_killed(*state);
        if (i == 0)
            fixture_teardown(state);
    }
}

static void exiter_when_cancelled(struct channel *channel)
{
    uint64_t result;

    signal(SIGUSR1, SIG_IGN);
    worker_load(channel);
    worker_take_call(channel);
    worker_host_call(channel, TWICE_INDEX, 1, &result);
    worker_send(channel, MESSAGE_EXIT, 1, (const uint64_t[]){0});
    pause();
}

static int32_t cancel_the_call(pnf_context *context, int32_t x)
{
    session_cancel(context->session);
    return x;
}

static void a_cancelled_call_that_exits_is_cancelled(void **state)
{
    offer_and_grant(*state, cancel_the_call);
    assert_true(fixture_load(*state, exiter_when_cancelled));
    expect_failure(*state, PNF_CANCELLED, "cancelled");
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(session_says_of_the_outer_call_what_ended_the_inner_one),
        TEST(session_kills_whoever_goes_on_after_an_inner_call_ended_the_plugin),
        TEST(a_cancelled_call_that_exits_is_cancelled),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
