// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <time.h>

#include "sandbox/wasm/run.h"
#include "tests/unit/wasi/wasi_fixture.h"

enum {
    SUBSCRIPTIONS = 2048,
    EVENTS = 8192,
    CLOCK = 0,
    READ = 1,
    WRITE = 2,
    REALTIME = 0,
    MONOTONIC = 1,
    RELATIVE = 0,
    ABSOLUTE = 1
};

#define MILLISECOND UINT64_C(1000000)
#define HOUR        (3600000 * MILLISECOND)

static int poll_set_up(void **state)
{
    int result = wasi_set_up_with_directories(state);

    policy.wasi_clock = POLICY_WASI_CLOCK_REAL;
    return result;
}

static void subscribe_clock(uint32_t index, uint32_t clock, uint64_t timeout, uint32_t flags)
{
    uint32_t at = SUBSCRIPTIONS + 48 * index;

    memset(memory(at), 0, 48);
    put_long(at, 1000 + index);
    *memory(at + 8) = CLOCK;
    put_word(at + 16, clock);
    put_long(at + 24, timeout);
    put_word(at + 40, flags);
}

static void subscribe(uint32_t index, uint8_t type, uint32_t fd)
{
    uint32_t at = SUBSCRIPTIONS + 48 * index;

    memset(memory(at), 0, 48);
    put_long(at, 1000 + index);
    *memory(at + 8) = type;
    put_word(at + 16, fd);
}

static uint32_t poll_some(uint32_t count)
{
    memset(memory(EVENTS), 0xAA, 512);
    return WASI_CALL("poll_oneoff", SUBSCRIPTIONS, EVENTS, count, RESULT);
}

static void assert_event(uint32_t event, uint32_t subscription, uint32_t number, uint8_t type,
                         uint64_t bytes, uint64_t flags)
{
    uint32_t at = EVENTS + 32 * event;

    assert_int_equal(long_at(at), 1000 + subscription);
    assert_int_equal(long_at(at + 8), number | (uint64_t)type << 16); // and no padding
    assert_int_equal(long_at(at + 16), bytes);
    assert_int_equal(long_at(at + 24), flags);
}

static void assert_event_count(uint32_t count)
{
    assert_int_equal(word_at(RESULT), count);
    assert_int_equal(*memory(EVENTS + 32 * count), 0xAA);
}

static uint64_t monotonic(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 * MILLISECOND + (uint64_t)now.tv_nsec;
}

// --- the call as a whole -------------------------------------------------------------------------

static void waiting_for_nothing_or_for_too_much_is_invalid(void **state)
{
    (void)state;
    assert_int_equal(poll_some(0), WASI_INVAL);
    assert_int_equal(poll_some(1025), WASI_INVAL);
    assert_int_equal(poll_some(UINT32_MAX), WASI_INVAL);
}

static void every_array_is_checked_as_a_whole(void **state)
{
    (void)state;
    subscribe(0, WRITE, 1);
    subscribe(1, WRITE, 1);
    assert_int_equal(WASI_CALL("poll_oneoff", PAGE - 95, EVENTS, 2, RESULT), WASI_FAULT);
    assert_int_equal(WASI_CALL("poll_oneoff", SUBSCRIPTIONS, PAGE - 63, 2, RESULT), WASI_FAULT);
    assert_int_equal(WASI_CALL("poll_oneoff", SUBSCRIPTIONS, EVENTS, 2, PAGE - 3), WASI_FAULT);
    assert_int_equal(WASI_CALL("poll_oneoff", SUBSCRIPTIONS, PAGE - 64, 2, RESULT), WASI_SUCCESS);
}

static void a_type_that_does_not_exist_is_invalid(void **state)
{
    (void)state;
    subscribe(0, WRITE, 1);
    subscribe(1, 3, 1);
    assert_int_equal(poll_some(2), WASI_INVAL);
}

static void events_may_be_written_over_subscriptions(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 8; i++)
        subscribe(i, WRITE, i % 2 == 0 ? 1 : 99);
    assert_int_equal(WASI_CALL("poll_oneoff", SUBSCRIPTIONS, SUBSCRIPTIONS + 16, 8, RESULT),
                     WASI_SUCCESS);
    assert_int_equal(word_at(RESULT), 8);
    for (uint32_t i = 0; i < 8; i++)
        assert_int_equal(long_at(SUBSCRIPTIONS + 16 + 32 * i), 1000 + i);
}

// --- descriptors ---------------------------------------------------------------------------------

static void files_and_outputs_are_ready(void **state)
{
    uint32_t fd = open_file("hello", RIGHTS_FILE, 0);

    (void)state;
    assert_int_equal(WASI_CALL("fd_seek", fd, 2, 0, RESULT), WASI_SUCCESS);
    subscribe(0, READ, fd);
    subscribe(1, WRITE, fd);
    subscribe(2, WRITE, 1);
    assert_int_equal(poll_some(3), WASI_SUCCESS);
    assert_event_count(3);
    assert_event(0, 0, WASI_SUCCESS, READ, 3, 0);
    assert_event(1, 1, WASI_SUCCESS, WRITE, 0, 0);
    assert_event(2, 2, WASI_SUCCESS, WRITE, 0, 0);
}

static void nothing_is_left_to_read_beyond_the_end(void **state)
{
    uint32_t fd = open_file("hello", RIGHTS_FILE, 0);

    (void)state;
    assert_int_equal(WASI_CALL("fd_seek", fd, 9, 0, RESULT), WASI_SUCCESS);
    subscribe(0, READ, fd);
    assert_int_equal(poll_some(1), WASI_SUCCESS);
    assert_event(0, 0, WASI_SUCCESS, READ, 0, 0);
}

static void a_descriptor_that_cannot_be_waited_for_is_an_event(void **state)
{
    uint32_t unpolled = open_file("", RIGHTS_FILE & ~(uint64_t)RIGHT_POLL_FD_READWRITE, 0);

    (void)state;
    subscribe(0, READ, 99);
    subscribe(1, READ, 1);
    subscribe(2, WRITE, WRITABLE);
    subscribe(3, READ, unpolled);
    subscribe_clock(4, MONOTONIC, HOUR, RELATIVE);
    assert_int_equal(poll_some(5), WASI_SUCCESS);
    assert_event_count(4);
    assert_event(0, 0, WASI_BADF, READ, 0, 0);
    assert_event(1, 1, WASI_NOTCAPABLE, READ, 0, 0);
    assert_event(2, 2, WASI_NOTCAPABLE, WRITE, 0, 0);
    assert_event(3, 3, WASI_NOTCAPABLE, READ, 0, 0);
}

// --- standard input ------------------------------------------------------------------------------

static void input_that_is_not_granted_is_at_its_end(void **state)
{
    (void)state;
    subscribe(0, READ, 0);
    assert_int_equal(poll_some(1), WASI_SUCCESS);
    assert_event_count(1);
    assert_event(0, 0, WASI_SUCCESS, READ, 0, 1);
    assert_int_equal(asked_count, 0);
}

static void input_is_waited_for_by_the_host(void **state)
{
    (void)state;
    policy.wasi_stdin = POLICY_WASI_STDIN_INHERIT;
    subscribe(0, READ, 0);
    assert_int_equal(poll_some(1), WASI_SUCCESS);
    assert_event_count(1);
    assert_event(0, 0, WASI_SUCCESS, READ, 0, 0);
    assert_int_equal(last_asked(FILE_READ_INPUT)->request.values[0], 0);
    assert_true(last_asked(FILE_READ_INPUT)->request.values[1] == UINT64_MAX);
}

static void input_is_waited_for_as_long_as_the_first_clock_runs(void **state)
{
    (void)state;
    policy.wasi_stdin = POLICY_WASI_STDIN_INHERIT;
    subscribe(0, READ, 0);
    subscribe_clock(1, MONOTONIC, HOUR, RELATIVE);
    subscribe_clock(2, MONOTONIC, 2 * HOUR, RELATIVE);
    assert_int_equal(poll_some(3), WASI_SUCCESS);
    assert_event_count(1);
    assert_event(0, 0, WASI_SUCCESS, READ, 0, 0);
    assert_in_range(last_asked(FILE_READ_INPUT)->request.values[1], HOUR / 2, HOUR);
}

static void input_that_does_not_come_lets_the_clock_expire(void **state)
{
    (void)state;
    policy.wasi_stdin = POLICY_WASI_STDIN_INHERIT;
    for (int i = 0; i < 8; i++)
        play_error(EAGAIN);
    subscribe(0, READ, 0);
    subscribe_clock(1, MONOTONIC, 0, RELATIVE);
    assert_int_equal(poll_some(2), WASI_SUCCESS);
    assert_event_count(1);
    assert_event(0, 1, WASI_SUCCESS, CLOCK, 0, 0);
    assert_int_equal(asked_count, 1);
    assert_int_equal(last_asked(FILE_READ_INPUT)->request.values[1], 0);
}

static void input_is_not_waited_for_beside_what_is_ready(void **state)
{
    (void)state;
    policy.wasi_stdin = POLICY_WASI_STDIN_INHERIT;
    play_error(EAGAIN);
    subscribe(0, READ, 0);
    subscribe(1, WRITE, 1);
    assert_int_equal(poll_some(2), WASI_SUCCESS);
    assert_event_count(1);
    assert_event(0, 1, WASI_SUCCESS, WRITE, 0, 0);
    assert_int_equal(last_asked(FILE_READ_INPUT)->request.values[1], 0);
    assert_int_equal(poll_some(2), WASI_SUCCESS);
    assert_event_count(2);
}

static void an_error_of_input_is_an_event(void **state)
{
    (void)state;
    policy.wasi_stdin = POLICY_WASI_STDIN_INHERIT;
    play_error(EIO);
    subscribe(0, READ, 0);
    assert_int_equal(poll_some(1), WASI_SUCCESS);
    assert_event(0, 0, WASI_IO, READ, 0, 0);
}

// --- clocks --------------------------------------------------------------------------------------

static void a_timeout_of_nothing_returns_at_once(void **state)
{
    (void)state;
    subscribe_clock(0, MONOTONIC, 0, RELATIVE);
    subscribe_clock(1, REALTIME, 1, ABSOLUTE);
    subscribe_clock(2, MONOTONIC, HOUR, RELATIVE);
    assert_int_equal(poll_some(3), WASI_SUCCESS);
    assert_event_count(2);
    assert_event(0, 0, WASI_SUCCESS, CLOCK, 0, 0);
    assert_event(1, 1, WASI_SUCCESS, CLOCK, 0, 0);
}

static void sleeping_lasts_until_the_earliest_deadline(void **state)
{
    uint64_t start = monotonic();

    (void)state;
    subscribe_clock(0, MONOTONIC, HOUR, RELATIVE);
    subscribe_clock(1, MONOTONIC, 120 * MILLISECOND, RELATIVE); // more than a slice
    subscribe_clock(2, REALTIME, UINT64_MAX, RELATIVE);
    assert_int_equal(poll_some(3), WASI_SUCCESS);
    assert_true(monotonic() - start >= 120 * MILLISECOND);
    assert_event_count(1);
    assert_event(0, 1, WASI_SUCCESS, CLOCK, 0, 0);
}

static void an_absolute_deadline_is_of_its_own_clock(void **state)
{
    uint64_t start = monotonic();
    struct timespec now;

    (void)state;
    clock_gettime(CLOCK_REALTIME, &now);
    subscribe_clock(0, REALTIME,
                    (uint64_t)now.tv_sec * 1000 * MILLISECOND + (uint64_t)now.tv_nsec +
                        10 * MILLISECOND,
                    ABSOLUTE);
    assert_int_equal(poll_some(1), WASI_SUCCESS);
    assert_true(monotonic() - start >= 9 * MILLISECOND);
    start = monotonic();
    subscribe_clock(0, MONOTONIC, start + 10 * MILLISECOND, ABSOLUTE);
    assert_int_equal(poll_some(1), WASI_SUCCESS);
    assert_true(monotonic() - start >= 10 * MILLISECOND);
    assert_event(0, 0, WASI_SUCCESS, CLOCK, 0, 0);
}

static void what_is_ready_suppresses_clocks_that_run_on(void **state)
{
    (void)state;
    subscribe_clock(0, MONOTONIC, HOUR, RELATIVE);
    subscribe(1, WRITE, 2);
    subscribe_clock(2, MONOTONIC, 0, RELATIVE);
    assert_int_equal(poll_some(3), WASI_SUCCESS);
    assert_event_count(2);
    assert_event(0, 1, WASI_SUCCESS, WRITE, 0, 0);
    assert_event(1, 2, WASI_SUCCESS, CLOCK, 0, 0);
}

static void a_clock_that_nobody_sleeps_by_is_an_event(void **state)
{
    (void)state;
    subscribe_clock(0, 2, 0, RELATIVE);
    subscribe_clock(1, 99, 0, RELATIVE);
    subscribe_clock(2, MONOTONIC, 0, 2);
    assert_int_equal(poll_some(3), WASI_SUCCESS);
    assert_event_count(3);
    for (uint32_t i = 0; i < 3; i++)
        assert_event(i, i, WASI_INVAL, CLOCK, 0, 0);
}

static void without_the_grant_a_clock_is_an_event_that_says_so(void **state)
{
    (void)state;
    policy.wasi_clock = POLICY_WASI_CLOCK_NONE;
    subscribe_clock(0, MONOTONIC, 0, RELATIVE);
    subscribe(1, WRITE, 1);
    assert_int_equal(poll_some(2), WASI_SUCCESS);
    assert_event_count(2);
    assert_event(0, 0, WASI_NOTCAPABLE, CLOCK, 0, 0);
    assert_event(1, 1, WASI_SUCCESS, WRITE, 0, 0);
}

static void an_interruption_ends_sleep(void **state)
{
    struct external external;

    (void)state;
    assert_true(wasi_define(&wasi, engine, engine_name("poll_oneoff"), &refusal));
    assert_true(store_find(engine_store(engine), engine_name(WASI_MODULE),
                           engine_name("poll_oneoff"), &external));
    subscribe_clock(0, MONOTONIC, HOUR, RELATIVE);
    slots[0].u64 = SUBSCRIPTIONS;
    slots[1].u64 = EVENTS;
    slots[2].u64 = 1;
    slots[3].u64 = RESULT;
    // As if it came during the call: engine_invoke forgets those of before.
    engine_store(engine)->interrupted = 1;
    assert_int_equal(run_function(engine_store(engine), external.function, slots),
                     TRAP_INTERRUPTED);
}

static void an_interruption_ends_waiting_for_input(void **state)
{
    (void)state;
    policy.wasi_stdin = POLICY_WASI_STDIN_INHERIT;
    play_error(EAGAIN);
    interrupts = true;
    subscribe(0, READ, 0);
    assert_int_equal(run("poll_oneoff", ARGUMENTS(SUBSCRIPTIONS, EVENTS, 1, RESULT)), OUTCOME_TRAP);
    assert_int_equal(trap.code, TRAP_INTERRUPTED);
}

static void a_host_that_is_gone_ends_the_run(void **state)
{
    (void)state;
    policy.wasi_stdin = POLICY_WASI_STDIN_INHERIT;
    host_is_gone = true;
    subscribe(0, READ, 0);
    assert_int_equal(run("poll_oneoff", ARGUMENTS(SUBSCRIPTIONS, EVENTS, 1, RESULT)), OUTCOME_TRAP);
    assert_int_equal(trap.code, TRAP_HOST);
}

#define POLL_TEST(test_) cmocka_unit_test_setup_teardown(test_, poll_set_up, wasi_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        POLL_TEST(waiting_for_nothing_or_for_too_much_is_invalid),
        POLL_TEST(every_array_is_checked_as_a_whole),
        POLL_TEST(a_type_that_does_not_exist_is_invalid),
        POLL_TEST(events_may_be_written_over_subscriptions),
        POLL_TEST(files_and_outputs_are_ready),
        POLL_TEST(nothing_is_left_to_read_beyond_the_end),
        POLL_TEST(a_descriptor_that_cannot_be_waited_for_is_an_event),
        POLL_TEST(input_that_is_not_granted_is_at_its_end),
        POLL_TEST(input_is_waited_for_by_the_host),
        POLL_TEST(input_is_waited_for_as_long_as_the_first_clock_runs),
        POLL_TEST(input_that_does_not_come_lets_the_clock_expire),
        POLL_TEST(input_is_not_waited_for_beside_what_is_ready),
        POLL_TEST(an_error_of_input_is_an_event),
        POLL_TEST(a_timeout_of_nothing_returns_at_once),
        POLL_TEST(sleeping_lasts_until_the_earliest_deadline),
        POLL_TEST(an_absolute_deadline_is_of_its_own_clock),
        POLL_TEST(what_is_ready_suppresses_clocks_that_run_on),
        POLL_TEST(a_clock_that_nobody_sleeps_by_is_an_event),
        POLL_TEST(without_the_grant_a_clock_is_an_event_that_says_so),
        POLL_TEST(an_interruption_ends_sleep),
        POLL_TEST(an_interruption_ends_waiting_for_input),
        POLL_TEST(a_host_that_is_gone_ends_the_run),
    };

    return cmocka_run_group_tests(tests, run_group_set_up, NULL);
}
