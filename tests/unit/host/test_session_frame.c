// SPDX-License-Identifier: Apache-2.0
//
// Frames that are longer than an arena, with workers that send and take them well and badly.
#include "host/session_private.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/host/session_fixture.h"

#define NATIVE(function_) ((void (*)(void))(function_))

enum { KIB = 1024, MIB = 1024 * 1024, MS = 1000 * 1000, LOG_INDEX = 0, SWAP_INDEX = 1 };

static struct fixture *current; // of the test that runs

// Bytes of which no two arenas are alike.
static uint8_t byte_at(size_t at)
{
    return (uint8_t)(at ^ at >> 8 ^ at >> 16);
}

static uint8_t *pattern(size_t size)
{
    uint8_t *bytes = malloc(size + 1);

    for (size_t i = 0; bytes && i < size; i++)
        bytes[i] = byte_at(i);
    return bytes;
}

static void expect_pattern(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != byte_at(i))
            fail_msg("byte %zu", i);
}

// --- the child's side ----------------------------------------------------------------------------

static void need(bool condition)
{
    if (!condition)
        _exit(99);
}

// Exports `swap: [i32 i32] -> [i64]`, imports `app.log` and `app.swap` of the same type.
static void load_swapper(struct channel *channel)
{
    const struct report_item items[] = {
        worker_import("app", "log", "\x7F\x7F\x7F", 3),
        worker_import("app", "swap", "\x7F\x7F\x7E", 2),
        worker_export("swap", "\x7F\x7F\x7E", 2),
    };
    struct message message;

    worker_confine(channel);
    worker_report(channel, items, 2, 1);
    worker_receive(channel, MESSAGE_LINK, &message);
    worker_send(channel, MESSAGE_LOADED, 0, NULL);
}

// Takes a message with its parts; its bytes are the caller's to free.
static uint8_t *take_frame(struct channel *channel, struct message *message, size_t *size)
{
    uint8_t *bytes = NULL;

    for (*size = 0;;) {
        size_t length;

        worker_receive(channel, MESSAGE_NONE, message);
        length = message_bytes(message);
        bytes = realloc(bytes, *size + length + 1);
        need(bytes && channel_arena_read(channel, 0, bytes + *size, length));
        *size += length;
        if (message->kind != MESSAGE_PART)
            return bytes;
        worker_send(channel, MESSAGE_TAKEN, 1, &message->words[0]);
    }
}

static void send_part(struct channel *channel, const uint8_t *bytes, uint64_t size)
{
    struct message message;

    need(channel_arena_write(channel, 0, bytes, size));
    worker_send(channel, MESSAGE_PART, 1, &size);
    worker_receive(channel, MESSAGE_TAKEN, &message);
    need(message.words[0] == size);
}

// A frame with one block, with an OUTPUT between its parts.
static void send_frame(struct channel *channel, enum message_kind kind, uint64_t index,
                       const uint8_t *block, size_t size)
{
    const uint64_t words[2] = {0, size};
    struct report_frame frame;
    struct message message;
    uint8_t *bytes;
    size_t left;
    size_t at = 0;

    report_frame_layout(0, 2, REPORT_FRAME_MAX, &frame);
    bytes = malloc(frame.blocks_at + size);
    need(bytes != NULL);
    report_put_frame(bytes, &frame, NULL, NULL, words);
    if (size > 0)
        memcpy(bytes + frame.blocks_at, block, size);
    for (left = report_frame_bytes(&frame, size); left > MESSAGE_ARENA_SIZE; at += 40000) {
        send_part(channel, bytes + at, 40000);
        left -= 40000;
        need(channel_arena_write(channel, 0, "between", 7));
        worker_send(channel, MESSAGE_OUTPUT, 2, (const uint64_t[]){7, 1});
        worker_receive(channel, MESSAGE_TAKEN, &message);
    }
    need(channel_arena_write(channel, 0, bytes + at, left));
    worker_send(channel, kind, kind == MESSAGE_HOST_CALL ? 2 : 1, (const uint64_t[]){left, index});
    free(bytes);
}

// The only block of a frame.
static const uint8_t *block_of(const uint8_t *bytes, size_t size, bool named, size_t *length)
{
    struct error below = {.code = ERROR_NONE};
    uint64_t words[PLAN_WORDS_MAX];
    struct report_frame frame;
    struct plan plan;

    need(report_take_frame(bytes, size, named, &frame, &plan, words, &below));
    *length = (size_t)words[1];
    return bytes + frame.blocks_at;
}

// Gives every call on to the host, and its answer back.
static void swapper(struct channel *channel)
{
    load_swapper(channel);
    for (;;) {
        struct message message;
        size_t size;
        size_t length;
        const uint8_t *block;
        uint8_t *call = take_frame(channel, &message, &size);
        uint8_t *answer;

        if (message.kind == MESSAGE_SHUTDOWN)
            _exit(0);
        need(message.kind == MESSAGE_CALL);
        block = block_of(call, size, true, &length);
        send_frame(channel, MESSAGE_HOST_CALL, SWAP_INDEX, block, length);
        answer = take_frame(channel, &message, &size);
        need(message.kind == MESSAGE_HOST_CALL_RESULT);
        block = block_of(answer, size, false, &length);
        send_frame(channel, MESSAGE_CALL_RESULT, 0, block, length);
        free(call);
        free(answer);
    }
}

// --- the host's side -----------------------------------------------------------------------------

static void app_log(int32_t level, const char *text, size_t length)
{
    (void)level;
    (void)text;
    (void)length;
}

static struct bridge_bytes app_swap(const uint8_t *bytes, size_t length)
{
    expect_pattern(bytes, length);
    return (struct bridge_bytes){bytes, length};
}

static void offer(struct fixture *fixture, const char *signature, void (*swap)(void))
{
    current = fixture;
    assert_true(registry_add(&fixture->registry, "app.log(level: i32, text: str)", NATIVE(app_log),
                             NULL, &fixture->error));
    assert_true(registry_add(&fixture->registry, signature, swap, NULL, &fixture->error));
    fixture_grant(fixture, "app.log");
    fixture_grant(fixture, "app.swap");
    fixture->policy.wasi_stdout = POLICY_WASI_STDOUT_CAPTURE;
}

static void load(struct fixture *fixture, void (*worker)(struct channel *channel))
{
    offer(fixture, "app.swap(b: bytes) -> bytes", NATIVE(app_swap));
    if (!fixture_load(fixture, worker))
        fail_msg("%s", fixture->error.text);
}

static bool swap(struct fixture *fixture, size_t size, struct bridge_bytes *result)
{
    uint8_t *bytes = pattern(size);
    bool done;

    assert_non_null(bytes);
    done = fixture_call(fixture, "swap(b: bytes) -> bytes", bytes, size, result);
    free(bytes);
    return done;
}

static void expect_failure(struct fixture *fixture, size_t size, pnf_status status,
                           const char *words)
{
    struct bridge_bytes result;

    assert_false(swap(fixture, size, &result));
    if (fixture->error.status != status || !strstr(fixture->error.text, words))
        fail_msg("%s: %s", pnf_status_words(fixture->error.status), fixture->error.text);
}

// --- what goes well ------------------------------------------------------------------------------

static void frames_of_any_length_are_whole_in_all_directions(void **state)
{
    static const size_t sizes[] = {0, 1, 65535, 65536, 65537, 200000, 3 * MIB, 10};
    struct fixture *fixture = *state;
    struct bridge_bytes result;

    load(fixture, swapper);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        if (!swap(fixture, sizes[i], &result))
            fail_msg("%zu: %s", sizes[i], fixture->error.text);
        assert_int_equal(result.length, sizes[i]);
        expect_pattern(result.data, result.length);
    }
    assert_memory_equal(fixture->session.output, "betweenbetween", 14);
}

static void large_buffers_are_given_back_but_for_the_result(void **state)
{
    struct fixture *fixture = *state;
    struct bridge_bytes result;

    load(fixture, swapper);
    assert_int_equal(fixture->session.held, 0);
    assert_true(swap(fixture, 2 * MIB, &result));
    assert_true(fixture->session.held > 0 && fixture->session.held < 4 * MIB);
    assert_int_equal(fixture->session.outgoing.size, 0);
    assert_int_equal(fixture->session.levels[1].incoming.size, 0);
    expect_pattern(result.data, 2 * MIB);
    // The next call may be about the result itself.
    assert_true(
        fixture_call(fixture, "swap(b: bytes) -> bytes", result.data, result.length, &result));
    expect_pattern(result.data, 2 * MIB);
    assert_true(swap(fixture, 10, &result));
    assert_int_equal(fixture->session.held, 0);
}

// --- what is too long ----------------------------------------------------------------------------

static void arguments_beyond_a_frame_are_a_limit_and_the_plugin_goes_on(void **state)
{
    struct fixture *fixture = *state;
    struct bridge_bytes result;

    fixture->policy.limits.memory_bytes = 2 * MIB;
    load(fixture, swapper);
    expect_failure(fixture, 3 * MIB, PNF_LIMIT, "3145728 bytes");
    assert_non_null(strstr(fixture->error.text, "limits.memory, which is 2MiB, and 64 KiB"));
    assert_non_null(strstr(fixture->error.text, "raise `memory:`"));
    assert_string_equal(fixture->error.capability, "limits.memory");
    assert_true(swap(fixture, 2 * MIB, &result));
    assert_false(fixture_call(fixture, "swap(b: bytes) -> bytes", "", SIZE_MAX, &result));
    assert_int_equal(fixture->error.status, PNF_LIMIT);
    assert_true(swap(fixture, 1, &result));
}

static void nothing_allows_more_than_the_bound_on_all_frames(void **state)
{
    struct fixture *fixture = *state;

    load(fixture, swapper);
    expect_failure(fixture, REPORT_FRAME_MAX, PNF_LIMIT, "nothing allows more");
    assert_string_equal(fixture->error.capability, "");
}

static struct bridge_bytes swap_more(const uint8_t *bytes, size_t length)
{
    return (struct bridge_bytes){bytes, length + 10 * MIB};
}

static void refused(struct channel *channel)
{
    struct message message;

    load_swapper(channel);
    worker_take_call(channel);
    send_frame(channel, MESSAGE_HOST_CALL, SWAP_INDEX, (const uint8_t *)"abc", 3);
    worker_receive(channel, MESSAGE_HOST_CALL_FAILED, &message);
    worker_send(channel, MESSAGE_TRAP, 7, (const uint64_t[]){0, WORKER_TRAP_HOST, 0, 0, 0, 0, 0});
    pause();
}

static void what_a_host_function_returns_beyond_a_frame_is_a_limit(void **state)
{
    struct fixture *fixture = *state;

    fixture->policy.limits.memory_bytes = 2 * MIB;
    offer(fixture, "app.swap(b: bytes) -> bytes", NATIVE(swap_more));
    assert_true(fixture_load(fixture, refused));
    expect_failure(fixture, 3, PNF_LIMIT, "host function app.swap failed: ");
    assert_non_null(strstr(fixture->error.text, "raise `memory:`"));
}

static void explainer(struct channel *channel)
{
    load_swapper(channel);
    worker_take_call(channel);
    need(channel_arena_write(channel, 0, "more than limits.engine", 23));
    worker_send(channel, MESSAGE_TRAP, 7, (const uint64_t[]){23, WORKER_TRAP_LIMIT, 0, 0, 0, 0, 0});
    pause();
}

static void a_trap_that_is_about_a_limit_says_which(void **state)
{
    load(*state, explainer);
    expect_failure(*state, 3, PNF_LIMIT, "more than limits.engine");
}

static void overflower(struct channel *channel)
{
    load_swapper(channel);
    worker_take_call(channel);
    need(channel_arena_write(channel, 0, "below 4000", 10));
    worker_send(channel, MESSAGE_TRAP, 7,
                (const uint64_t[]){10, WORKER_TRAP_GUEST_STACK_OVERFLOW, 0, 0, 0, 0, 0});
    pause();
}

static void a_stack_that_overflows_says_where_and_how_to_get_more(void **state)
{
    struct fixture *fixture = *state;

    load(fixture, overflower);
    expect_failure(fixture, 3, PNF_TRAP, "trap: guest stack overflow: below 4000; ");
    assert_non_null(strstr(fixture->error.text, "-Wl,-z,stack-size=N"));
    assert_string_equal(fixture->error.capability, "");
}

static void a_stack_that_overflows_the_policys_limit_names_that(void **state)
{
    struct fixture *fixture = *state;

    fixture->policy.limits.stack_low = 4000;
    load(fixture, overflower);
    expect_failure(fixture, 3, PNF_TRAP, "guest stack overflow");
    assert_string_equal(fixture->error.capability, "limits.stack_low");
}

// Calls the host with large frames, deeper and deeper.
static void hoarder(struct channel *channel)
{
    uint8_t *bytes = pattern(MIB);

    load_swapper(channel);
    for (;;) {
        struct message message;
        size_t size;

        free(take_frame(channel, &message, &size));
        send_frame(channel, MESSAGE_HOST_CALL, SWAP_INDEX, bytes, MIB);
    }
}

static struct bridge_bytes swap_again(const uint8_t *bytes, size_t length)
{
    struct bridge_bytes result = {bytes, 0};

    (void)length;
    fixture_call(current, "swap(b: bytes) -> bytes", bytes, (size_t)1, &result);
    assert_true(current->session.held <= SESSION_FRAMES_HELD * current->session.frame_max);
    return result;
}

static void what_calls_inside_each_other_hold_is_bounded(void **state)
{
    struct fixture *fixture = *state;

    fixture->policy.limits.memory_bytes = MIB;
    offer(fixture, "app.swap(b: bytes) -> bytes", NATIVE(swap_again));
    assert_true(fixture_load(fixture, hoarder));
    expect_failure(fixture, 3, PNF_LIMIT, "calls inside each other would hold");
    fixture_expect_killed(fixture);
}

// --- workers that misbehave ----------------------------------------------------------------------

static void flooder(struct channel *channel)
{
    static uint8_t bytes[MESSAGE_ARENA_SIZE];

    load_swapper(channel);
    worker_take_call(channel);
    for (;;)
        send_part(channel, bytes, sizeof bytes);
}

static void early_flooder(struct channel *channel)
{
    static uint8_t bytes[MESSAGE_ARENA_SIZE];

    worker_confine(channel);
    for (;;)
        send_part(channel, bytes, sizeof bytes);
}

static void trapper(struct channel *channel)
{
    load_swapper(channel);
    worker_take_call(channel);
    send_part(channel, (const uint8_t *)"part", 4);
    worker_send(channel, MESSAGE_TRAP, 7,
                (const uint64_t[]){0, WORKER_TRAP_UNREACHABLE, 0, 0, 0, 0, 0});
    pause();
}

static void picky(struct channel *channel)
{
    struct message message;

    load_swapper(channel);
    worker_receive(channel, MESSAGE_PART, &message);
    worker_send(channel, MESSAGE_TAKEN, 1, (const uint64_t[]){message.words[0] - 1});
    pause();
}

static void session_kills_whoever_sends_or_takes_parts_wrongly(void **state)
{
    static const struct {
        void (*worker)(struct channel *channel);
        const char *words;
    } cases[] = {
        {flooder, "more bytes than such a message may have"},
        {trapper, "PART was not expected"},
        {picky, "taken in part"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (i > 0)
            fixture_setup(state);
        ((struct fixture *)*state)->policy.limits.memory_bytes = 4 * MIB;
        load(*state, cases[i].worker);
        expect_failure(*state, cases[i].worker == picky ? MIB : 10, PNF_VIOLATION, cases[i].words);
        fixture_expect_killed(*state);
        if (i + 1 < sizeof cases / sizeof cases[0])
            fixture_teardown(state);
    }
}

static void session_bounds_the_report(void **state)
{
    struct fixture *fixture = *state;

    assert_false(fixture_load(fixture, early_flooder));
    assert_int_equal(fixture->error.status, PNF_VIOLATION);
    fixture_expect_killed(fixture);
}

// --- ends in the middle --------------------------------------------------------------------------

// One byte at a time, for ever.
static void dripper(struct channel *channel)
{
    load_swapper(channel);
    worker_take_call(channel);
    for (;;) {
        send_part(channel, (const uint8_t *)"x", 1);
        usleep(100);
    }
}

static void slow_taker(struct channel *channel)
{
    load_swapper(channel);
    for (;;) {
        struct message message;

        worker_receive(channel, MESSAGE_PART, &message);
        usleep(2000);
        worker_send(channel, MESSAGE_TAKEN, 1, &message.words[0]);
    }
}

static void lazy_taker(struct channel *channel)
{
    struct message message;

    load_swapper(channel);
    worker_receive(channel, MESSAGE_PART, &message);
    for (;;)
        pause();
}

static bool call_is_over;

// Again and again: on a busy machine the call may begin late.
static void *cancel_soon(void *argument)
{
    struct fixture *fixture = argument;

    while (!__atomic_load_n(&call_is_over, __ATOMIC_ACQUIRE)) {
        usleep(30000);
        session_cancel(&fixture->session);
    }
    return NULL;
}

static const struct {
    void (*worker)(struct channel *channel);
    size_t size;
} slow_ones[] = {{dripper, 3}, {slow_taker, 20 * MIB}, {lazy_taker, MIB}};

#define SLOW_ONES (sizeof slow_ones / sizeof slow_ones[0])

static void the_deadline_holds_while_parts_are_under_way(void **state)
{
    for (size_t i = 0; i < SLOW_ONES; i++) {
        uint64_t begin;

        if (i > 0)
            fixture_setup(state);
        ((struct fixture *)*state)->policy.limits.time_ms = 50;
        load(*state, slow_ones[i].worker);
        begin = channel_now();
        expect_failure(*state, slow_ones[i].size, PNF_TIMEOUT, "limits.time is 50ms");
        assert_in_range(channel_now() - begin, 50 * MS, 1000 * MS);
        fixture_expect_killed(*state);
        if (i + 1 < SLOW_ONES)
            fixture_teardown(state);
    }
}

static void a_call_is_cancelled_while_parts_are_under_way(void **state)
{
    for (size_t i = 0; i < SLOW_ONES; i++) {
        pthread_t thread;

        if (i > 0)
            fixture_setup(state);
        load(*state, slow_ones[i].worker);
        __atomic_store_n(&call_is_over, false, __ATOMIC_RELEASE);
        assert_int_equal(pthread_create(&thread, NULL, cancel_soon, *state), 0);
        expect_failure(*state, slow_ones[i].size, PNF_CANCELLED, "cancelled");
        __atomic_store_n(&call_is_over, true, __ATOMIC_RELEASE);
        pthread_join(thread, NULL);
        fixture_expect_killed(*state);
        if (i + 1 < SLOW_ONES)
            fixture_teardown(state);
    }
}

static void dying_taker(struct channel *channel)
{
    struct message message;

    load_swapper(channel);
    for (int i = 0; i < 3; i++) {
        worker_receive(channel, MESSAGE_PART, &message);
        worker_send(channel, MESSAGE_TAKEN, 1, &message.words[0]);
    }
    raise(SIGKILL);
}

static void dying_sender(struct channel *channel)
{
    load_swapper(channel);
    worker_take_call(channel);
    for (int i = 0; i < 3; i++)
        send_part(channel, (const uint8_t *)"part", 4);
    raise(SIGKILL);
}

static void a_worker_that_dies_between_parts_has_crashed(void **state)
{
    struct fixture *fixture = *state;

    load(fixture, dying_taker);
    expect_failure(fixture, 20 * MIB, PNF_CRASHED, "not by Pinfold");
    fixture_teardown(state);
    fixture_setup(state);
    fixture = *state;
    load(fixture, dying_sender);
    expect_failure(fixture, 3, PNF_CRASHED, "not by Pinfold");
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(frames_of_any_length_are_whole_in_all_directions),
        TEST(large_buffers_are_given_back_but_for_the_result),
        TEST(arguments_beyond_a_frame_are_a_limit_and_the_plugin_goes_on),
        TEST(nothing_allows_more_than_the_bound_on_all_frames),
        TEST(what_a_host_function_returns_beyond_a_frame_is_a_limit),
        TEST(a_trap_that_is_about_a_limit_says_which),
        TEST(a_stack_that_overflows_says_where_and_how_to_get_more),
        TEST(a_stack_that_overflows_the_policys_limit_names_that),
        TEST(what_calls_inside_each_other_hold_is_bounded),
        TEST(session_kills_whoever_sends_or_takes_parts_wrongly),
        TEST(session_bounds_the_report),
        TEST(the_deadline_holds_while_parts_are_under_way),
        TEST(a_call_is_cancelled_while_parts_are_under_way),
        TEST(a_worker_that_dies_between_parts_has_crashed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
