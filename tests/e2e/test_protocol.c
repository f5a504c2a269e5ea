// SPDX-License-Identifier: Apache-2.0
//
// Workers that break one rule of the protocol each, or obey it to no good end. The numbers are
// those of the list of attacks that the design has.
#include <pthread.h>
#include <sched.h>
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

#include "sandbox/file_request.h"
#include "sandbox/report.h"
#include "tests/e2e/fixture.h"
#include "tests/e2e/hostile.h"

enum {
    DEADLINE_MS = 200,
    DEATH_MS = 50, // until the caller of a worker that has died returns
    LOADING_MS = 30000,
    FLIPS = 300,
    SWITCHES_MAX = 100,
    TRIES = 5,
    PATIENCE_MS = 2000
};

// --- the host's side -----------------------------------------------------------------------------

static pnf_host *host;
static const char *policy;

static void app_pause(void)
{
    usleep(3000);
}

static unsigned notes;

static void app_note(const char *text, size_t length)
{
    (void)text;
    (void)length;
    notes++;
}

// The worker inherits the processor that this thread has when it opens the host; this thread then
// takes another, so that both run at the same time where there are two.
static void choose_processor(int number)
{
    cpu_set_t all;
    cpu_set_t one;

    CPU_ZERO(&one);
    CPU_ZERO(&all);
    if (sched_getaffinity(0, sizeof all, &all) != 0)
        return;
    for (size_t i = 0; i < CPU_SETSIZE && CPU_COUNT(&one) == 0; i++)
        if (CPU_ISSET(i, &all) && number-- == 0)
            CPU_SET(i, &one);
    if (CPU_COUNT(&one) > 0)
        sched_setaffinity(0, sizeof one, &one);
}

// --- one plugin ----------------------------------------------------------------------------------

struct outcome {
    pnf_status status; // of the load, or if that was good of the call
    bool loaded;
    uint64_t took_us; // the last of both, without what the machine was late by
    int32_t result;
};

static uint64_t took_since(uint64_t begin_us)
{
    uint64_t took_us = fixture_now_us() - begin_us;
    uint64_t late_us = fixture_watch_late_us();

    return took_us > late_us ? took_us - late_us : 0;
}

static pnf_plugin *load(const struct hostile_order *order, struct outcome *outcome)
{
    struct hostile_order whole = *order;
    uint64_t begin_us = fixture_now_us();
    pnf_plugin *plugin;

    whole.magic = HOSTILE_MAGIC;
    if (whole.imports == 0)
        whole.imports = HOSTILE_IMPORTS;
    fixture_watch_late_us();
    *outcome = (struct outcome){.status = pnf_load_bytes(host, "bad", &whole, sizeof whole, policy,
                                                         strlen(policy), &plugin)};
    outcome->took_us = took_since(begin_us);
    outcome->loaded = outcome->status == PNF_OK;
    return plugin;
}

static void call(pnf_plugin *plugin, struct outcome *outcome)
{
    uint64_t begin_us = fixture_now_us();

    fixture_watch_late_us();
    outcome->status = pnf_call(plugin, "run() -> i32", &outcome->result);
    outcome->took_us = took_since(begin_us);
}

// Loads; calls if that worked, twice where the first call is still answered.
static struct outcome run(const struct hostile_order *order)
{
    struct outcome outcome;
    pnf_plugin *plugin = load(order, &outcome);

    if (outcome.loaded)
        call(plugin, &outcome);
    if (outcome.loaded && order->place == HOSTILE_RETURNED) {
        // A message that is sent on top of the answer may be seen in its place.
        assert_true(outcome.status == PNF_OK || order->act == HOSTILE_FORGE);
        call(plugin, &outcome);
    }
    pnf_unload(plugin);
    return outcome;
}

static void expect(const struct hostile_order *order, const char *name, pnf_status status,
                   const char *words, uint64_t limit_ms)
{
    struct outcome outcome;

    // A busy machine is late now and then, a deadline that does not hold always.
    for (int i = 0; i < TRIES; i++) {
        outcome = run(order);
        if (outcome.status != status || !strstr(pnf_error_text(), words))
            fail_msg("%s: %s: %s", name, pnf_status_words(outcome.status), pnf_error_text());
        if (outcome.took_us <= limit_ms * 1000)
            return;
    }
    fail_msg("%s: took %llu us", name, (unsigned long long)outcome.took_us);
}

// --- messages that are wrong ---------------------------------------------------------------------

struct forgery {
    const char *name;
    enum hostile_place place;
    uint32_t word_count;             // of the frame; its words:
    uint64_t words[3];               // and two bytes of text behind them
    uint64_t length;                 // of the frame in place of the right one, unless 0
    const struct message_slot *slot; // NULL: a HOST_CALL of app.note
    const char *expected;
};

static void make_frame(const struct forgery *forgery, struct hostile_order *order)
{
    struct report_frame frame;

    report_frame_layout(0, forgery->word_count, REPORT_FRAME_MAX, &frame);
    assert_true(frame.blocks_at + 2 <= sizeof order->frame);
    report_put_frame(order->frame, &frame, NULL, NULL, forgery->words);
    memcpy(order->frame + frame.blocks_at, "hi", 2);
    order->frame_length = report_frame_bytes(&frame, 2);
}

static void expect_violation(const struct forgery *forgery)
{
    struct hostile_order order = {.place = forgery->place, .act = HOSTILE_FORGE};

    make_frame(forgery, &order);
    order.slot = (struct message_slot){
        .kind = MESSAGE_HOST_CALL, .count = 2, .words = {order.frame_length, HOSTILE_IMPORT_NOTE}};
    if (forgery->slot != NULL)
        order.slot = *forgery->slot;
    if (forgery->length != 0)
        order.slot.words[0] = forgery->length;
    expect(&order, forgery->name, PNF_VIOLATION, forgery->expected,
           DEADLINE_MS / 2 + PINFOLD_SLACK_MS);
}

static void expect_violations(const struct forgery *forgeries, size_t count)
{
    for (size_t i = 0; i < count; i++)
        expect_violation(&forgeries[i]);
    assert_int_equal(notes, 0);
}

#define EXPECT_VIOLATIONS(forgeries_)                                                              \
    expect_violations(forgeries_, sizeof(forgeries_) / sizeof(forgeries_)[0])

#define SLOT(...) (&(const struct message_slot){__VA_ARGS__})

// Otherwise the next tests would prove nothing.
static void what_the_forgeries_are_made_of_is_a_good_call(void **state)
{
    const struct forgery good = {.word_count = 2, .words = {0, 2}};
    struct hostile_order order = {.place = HOSTILE_RUNNING, .act = HOSTILE_FORGE};

    (void)state;
    make_frame(&good, &order);
    order.slot = (struct message_slot){
        .kind = MESSAGE_HOST_CALL, .count = 2, .words = {order.frame_length, HOSTILE_IMPORT_NOTE}};
    notes = 0;
    expect(&order, "good", PNF_TIMEOUT, "deadline", DEADLINE_MS + PINFOLD_SLACK_MS);
    assert_int_equal(notes, 1);
    notes = 0;
}

// 33
static void jumps_of_the_sequence_are_violations(void **state)
{
    static const uint64_t jumps[] = {
        (uint64_t)-1, (uint64_t)-2, 1, 2, 1ull << 31, 1ull << 32, 1ull << 63, (uint64_t)-1000,
    };

    (void)state;
    for (size_t i = 0; i < sizeof jumps / sizeof jumps[0]; i++) {
        const struct forgery forgery = {
            .name = "jump",
            .place = HOSTILE_RUNNING,
            .slot = SLOT(.sequence = jumps[i], .kind = MESSAGE_EXIT, .depth = 0, .count = 1),
            .expected = "out of sequence",
        };

        expect_violation(&forgery);
    }
}

// 34
static void lengths_and_places_beyond_the_arena_are_violations(void **state)
{
    static const struct forgery forgeries[] = {
        {"2^32 - 1", HOSTILE_RUNNING, 2, {0, 2}, UINT32_MAX, NULL, "longer than its arena"},
        {"2^64 - 1", HOSTILE_RUNNING, 2, {0, 2}, UINT64_MAX, NULL, "longer than its arena"},
        {"one more", HOSTILE_RUNNING, 2, {0, 2}, MESSAGE_ARENA_SIZE + 1, NULL, "longer than"},
        {"no head", HOSTILE_RUNNING, 2, {0, 2}, 7, NULL, "no head"},
        {"half a word", HOSTILE_RUNNING, 2, {0, 2}, 20, NULL, "cut off"},
        {"text 2^32 - 1", HOSTILE_RUNNING, 2, {0, UINT32_MAX}, 0, NULL, "longer than the arena"},
        {"text 2^64 - 1", HOSTILE_RUNNING, 2, {0, UINT64_MAX}, 0, NULL, "longer than the arena"},
        {"wraps", HOSTILE_RUNNING, 2, {UINT64_MAX - 15, 32}, 0, NULL, ""},
        {"wraps to itself", HOSTILE_RUNNING, 2, {16, UINT64_MAX - 15}, 0, NULL, ""},
        {"last byte", HOSTILE_RUNNING, 2, {MESSAGE_ARENA_SIZE - 1, 1}, 0, NULL, "not where"},
        {"empty at the end", HOSTILE_RUNNING, 2, {MESSAGE_ARENA_SIZE, 0}, 0, NULL, "not where"},
        {"empty behind the text", HOSTILE_RUNNING, 2, {2, 0}, 0, NULL, "not where"},
        {"misaligned", HOSTILE_RUNNING, 2, {1, 1}, 0, NULL, "not where"},
        {"one byte too long", HOSTILE_RUNNING, 2, {0, 3}, 0, NULL, "longer than the arena"},
        {"of the start function", HOSTILE_STARTING, 2, {0, UINT32_MAX}, 0, NULL, "longer than"},
        {"of a nested call", HOSTILE_NESTED, 2, {0, UINT32_MAX}, 0, NULL, "longer than"},
    };

    (void)state;
    EXPECT_VIOLATIONS(forgeries);
}

// 34, of what comes back to the host
static void results_out_of_range_are_violations(void **state)
{
    static const uint64_t results[] = {1ull << 31, 1ull << 32, UINT64_MAX - (1ull << 31),
                                       1ull << 63};

    (void)state;
    for (size_t i = 0; i < sizeof results / sizeof results[0]; i++) {
        const struct forgery forgery = {
            .name = "result",
            .place = HOSTILE_RUNNING,
            .word_count = 1,
            .words = {results[i]},
            .slot = SLOT(.kind = MESSAGE_CALL_RESULT, .count = 1, .words = {18}),
            .expected = "out of range",
        };

        expect_violation(&forgery);
    }
}

// 35
static void calls_that_are_not_granted_or_of_another_shape_are_violations(void **state)
{
    const struct forgery forgeries[] = {
        {"behind the last",
         HOSTILE_RUNNING,
         2,
         {0, 2},
         0,
         SLOT(.kind = MESSAGE_HOST_CALL, .count = 2, .words = {26, HOSTILE_IMPORTS}),
         "not granted"},
        {"index -1",
         HOSTILE_RUNNING,
         2,
         {0, 2},
         0,
         SLOT(.kind = MESSAGE_HOST_CALL, .count = 2, .words = {26, UINT64_MAX}),
         "not granted"},
        {"index 2^32",
         HOSTILE_RUNNING,
         2,
         {0, 2},
         0,
         SLOT(.kind = MESSAGE_HOST_CALL, .count = 2, .words = {26, 1ull << 32}),
         "not granted"},
        {"not the host's",
         HOSTILE_RUNNING,
         2,
         {0, 2},
         0,
         SLOT(.kind = MESSAGE_HOST_CALL, .count = 2, .words = {26, HOSTILE_IMPORT_WASI}),
         "not granted"},
        {"too few words", HOSTILE_RUNNING, 1, {0}, 0, NULL, "another number of words"},
        {"too many words", HOSTILE_RUNNING, 3, {0, 2, 0}, 0, NULL, "another number of words"},
        {"no words", HOSTILE_RUNNING, 0, {0}, 0, NULL, "another number of words"},
    };

    (void)state;
    EXPECT_VIOLATIONS(forgeries);
}

// 35
static void messages_that_nobody_asked_for_are_violations(void **state)
{
    static const struct message_slot result = {.kind = MESSAGE_CALL_RESULT, .count = 1};
    static const struct message_slot host_call = {.kind = MESSAGE_HOST_CALL, .count = 2};
    static const struct message_slot taken = {.kind = MESSAGE_TAKEN, .count = 1};
    static const struct message_slot loaded = {.kind = MESSAGE_LOADED};
    static const struct message_slot confined = {.kind = MESSAGE_CONFINED, .count = 1};
    static const struct forgery forgeries[] = {
        {"return while idle", HOSTILE_READY, 0, {0}, 0, &result, ""},
        {"return twice", HOSTILE_RETURNED, 0, {0}, 0, &result, ""},
        {"call while idle", HOSTILE_READY, 0, {0}, 0, &host_call, ""},
        {"call in an import", HOSTILE_IMPORT, 0, {0}, 0, &host_call, ""},
        {"return in an import", HOSTILE_IMPORT, 0, {0}, 0, &result, ""},
        {"call in a start import", HOSTILE_START_IMPORT, 0, {0}, 0, &host_call, ""},
        {"taken when running", HOSTILE_RUNNING, 0, {0}, 0, &taken, "not legal in this state"},
        {"taken when asking", HOSTILE_ASKING, 0, {0}, 0, &taken, ""},
        {"confined when asking", HOSTILE_ASKING, 0, {0}, 0, &confined, ""},
        {"loaded twice", HOSTILE_RUNNING, 0, {0}, 0, &loaded, "not legal in this state"},
        {"confined twice", HOSTILE_LOADING, 0, {0}, 0, &confined, "not legal in this state"},
        {"loaded at first", HOSTILE_CREATED, 0, {0}, 0, &loaded, "not legal in this state"},
        {"result when loading", HOSTILE_LOADING, 0, {0}, 0, &result, "not legal in this state"},
    };

    (void)state;
    EXPECT_VIOLATIONS(forgeries);
}

static void requests_for_files_that_are_none_are_violations(void **state)
{
    static const struct {
        const char *name;
        uint64_t words[8]; // bytes, operation, handles, flags, values, length of the first path
        const char *expected;
    } requests[] = {
        {"operation", {0, FILE_OPERATION_COUNT}, "files that is none"},
        {"operation 2^32", {0, UINT64_C(1) << 32 | FILE_LIST}, "files that is none"},
        {"handle 2^32", {0, FILE_LIST, UINT64_C(1) << 32}, "files that is none"},
        {"flags", {0, FILE_LIST, 0, 0, FILE_WRITE}, "files that is none"},
        {"flags -1", {0, FILE_OPEN, 0, 0, UINT64_MAX}, "files that is none"},
        {"path", {1, FILE_LIST, 0, 0, 0, 0, 0, 1}, "files that is none"},
        {"second path", {2, FILE_UNLINK, 0, 0, 0, 0, 0, 1}, "files that is none"},
        {"path too long", {4097, FILE_OPEN, 0, 0, 0, 0, 0, 4097}, "files that is none"},
        {"path longer than bytes", {1, FILE_OPEN, 0, 0, 0, 0, 0, 2}, "files that is none"},
        {"path -1", {1, FILE_OPEN, 0, 0, 0, 0, 0, UINT64_MAX}, "files that is none"},
        {"paths too long", {8193, FILE_RENAME, 0, 0, 0, 0, 0, 4096}, "paths that are too long"},
        {"arena", {MESSAGE_ARENA_SIZE + 1, FILE_OPEN}, "longer than its arena"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++)
        for (int place = 0; place < 2; place++) {
            struct message_slot slot = {.kind = MESSAGE_FILE, .count = 8};
            const struct forgery forgery = {
                .name = requests[i].name,
                .place = place == 0 ? HOSTILE_RUNNING : HOSTILE_STARTING,
                .slot = &slot,
                .expected = requests[i].expected,
            };

            memcpy(slot.words, requests[i].words, sizeof requests[i].words);
            expect_violation(&forgery);
        }
}

// In all states but those in which guest code runs. While the host is about to answer, and then
// goes on to wait, the second one is late or early, and malformed.
static void requests_for_files_at_the_wrong_time_are_violations(void **state)
{
    static const enum hostile_place places[] = {
        HOSTILE_CREATED, HOSTILE_CONFINED, HOSTILE_LOADING, HOSTILE_LINKING, HOSTILE_START_IMPORT,
        HOSTILE_READY,   HOSTILE_OUTPUT,   HOSTILE_ASKING,  HOSTILE_IMPORT,  HOSTILE_RETURNED,
    };

    (void)state;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        const struct forgery forgery = {
            .name = "file",
            .place = places[i],
            .slot = SLOT(.kind = MESSAGE_FILE, .count = 8, .words = {0, FILE_OPERATION_COUNT}),
            .expected = "",
        };

        expect_violation(&forgery);
    }
}

// 29, 22
static void files_that_a_worker_does_not_take_are_not_opened(void **state)
{
    const struct hostile_order none = {.place = HOSTILE_RUNNING, .act = HOSTILE_FLOOD};
    const struct hostile_order some = {.place = HOSTILE_RUNNING, .act = HOSTILE_FLOOD, .number = 3};
    int before = fixture_descriptors();

    (void)state;
    expect(&none, "none", PNF_VIOLATION, "not taken", DEADLINE_MS + PINFOLD_SLACK_MS);
    expect(&some, "some", PNF_VIOLATION, "not taken", DEADLINE_MS + PINFOLD_SLACK_MS);
    assert_int_equal(fixture_descriptors(), before);
}

// 22, 29: beyond its number of descriptors the kernel throws away what comes, and the handles of
// the host end as well.
static void files_that_a_worker_does_not_close_end_at_its_limit(void **state)
{
    const struct hostile_order all = {
        .place = HOSTILE_RUNNING, .act = HOSTILE_FLOOD, .number = UINT64_MAX};
    int before = fixture_descriptors();

    (void)state;
    expect(&all, "all", PNF_TIMEOUT, "limits.time", DEADLINE_MS + PINFOLD_SLACK_MS);
    assert_int_equal(fixture_descriptors(), before);
}

// 35
static void unknown_kinds_wrong_depths_and_counts_are_violations(void **state)
{
    const struct forgery forgeries[] = {
        {"no kind", HOSTILE_RUNNING, 0, {0}, 0, SLOT(.kind = 0), "unknown message"},
        {"next kind", HOSTILE_RUNNING, 0, {0}, 0, SLOT(.kind = MESSAGE_KIND_COUNT), "unknown"},
        {"2^32 + EXIT",
         HOSTILE_RUNNING,
         0,
         {0},
         0,
         SLOT(.kind = 1ull << 32 | MESSAGE_EXIT, .count = 1),
         "unknown message"},
        {"kind -1", HOSTILE_RUNNING, 0, {0}, 0, SLOT(.kind = UINT64_MAX), "unknown message"},
        {"the host's", HOSTILE_RUNNING, 0, {0}, 0, SLOT(.kind = MESSAGE_CALL, .count = 2), "other"},
        {"deeper",
         HOSTILE_RUNNING,
         0,
         {0},
         0,
         SLOT(.kind = MESSAGE_CALL_RESULT, .depth = 1, .count = 1),
         "another call"},
        {"depth 9",
         HOSTILE_RUNNING,
         0,
         {0},
         0,
         SLOT(.kind = MESSAGE_HOST_CALL, .depth = 8, .count = 2),
         "another call"},
        {"of the outer call",
         HOSTILE_NESTED,
         0,
         {0},
         0,
         SLOT(.kind = MESSAGE_CALL_RESULT, .depth = UINT64_MAX, .count = 1),
         "another call"},
        {"depth 2^32 + 1",
         HOSTILE_RUNNING,
         0,
         {0},
         0,
         SLOT(.kind = MESSAGE_CALL_RESULT, .depth = 1ull << 32, .count = 1),
         "another call"},
        {"no words", HOSTILE_RUNNING, 0, {0}, 0, SLOT(.kind = MESSAGE_CALL_RESULT), "number of"},
        {"13 words",
         HOSTILE_RUNNING,
         0,
         {0},
         0,
         SLOT(.kind = MESSAGE_CALL_RESULT, .count = MESSAGE_WORDS_MAX + 1),
         "number of words"},
        {"2^32 + 1 words",
         HOSTILE_RUNNING,
         0,
         {0},
         0,
         SLOT(.kind = MESSAGE_CALL_RESULT, .count = 1ull << 32 | 1),
         "number of words"},
    };

    (void)state;
    EXPECT_VIOLATIONS(forgeries);
}

// 33, on two processors
static void an_answer_that_changes_while_it_is_read_is_right_or_a_violation(void **state)
{
    struct hostile_order order = {.place = HOSTILE_RUNNING, .act = HOSTILE_FLIP};
    unsigned right = 0;

    (void)state;
    for (uint64_t i = 0; i < FLIPS; i++) {
        struct outcome outcome;

        order.seed = i * 2654435761u + 1;
        outcome = run(&order);
        assert_true(outcome.loaded);
        if (outcome.status == PNF_OK)
            assert_int_equal(outcome.result, HOSTILE_RESULT);
        else if (outcome.status != PNF_VIOLATION)
            fail_msg("%s: %s", pnf_status_words(outcome.status), pnf_error_text());
        right += outcome.status == PNF_OK;
    }
    print_message("# %u of %d were right\n", right, FLIPS);
}

// --- time ----------------------------------------------------------------------------------------

// 36
static void a_worker_that_never_answers_is_ended_at_the_deadline(void **state)
{
    static const enum hostile_place places[] = {
        HOSTILE_LINK_PART, HOSTILE_STARTING, HOSTILE_START_IMPORT,
        HOSTILE_READY,     HOSTILE_RUNNING,  HOSTILE_OUTPUT,
        HOSTILE_IMPORT,    HOSTILE_NESTED,   HOSTILE_RETURNED,
    };

    (void)state;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        struct hostile_order order = {.place = places[i], .act = HOSTILE_SILENCE};

        order.imports = places[i] == HOSTILE_LINK_PART ? HOSTILE_IMPORTS_MAX : 0;
        expect(&order, "silence", PNF_TIMEOUT, "limits.time is 200ms",
               DEADLINE_MS + PINFOLD_SLACK_MS);
    }
}

static void a_worker_that_never_says_what_the_module_is_has_half_a_minute(void **state)
{
    const struct hostile_order order = {.place = HOSTILE_LOADING, .act = HOSTILE_SILENCE};
    const char *ms = getenv("PINFOLD_HOSTILE_MS");

    (void)state;
    if (ms == NULL || strtoull(ms, NULL, 10) < LOADING_MS) {
        print_message("# PINFOLD_HOSTILE_MS leaves no time for that\n");
        return;
    }
    expect(&order, "silence", PNF_TIMEOUT, "30 s", LOADING_MS + PINFOLD_SLACK_MS);
}

// 36
static void messages_do_not_put_the_deadline_off(void **state)
{
    static const uint64_t pauses_ms[] = {0, 1, 20, DEADLINE_MS - 1};

    (void)state;
    for (size_t i = 0; i < sizeof pauses_ms / sizeof pauses_ms[0]; i++) {
        const struct hostile_order order = {
            .place = HOSTILE_RUNNING, .act = HOSTILE_LORIS, .number = pauses_ms[i]};

        expect(&order, "slow loris", PNF_TIMEOUT, "limits.time", DEADLINE_MS + PINFOLD_SLACK_MS);
    }
}

// 36
static void an_answer_that_is_only_seen_after_the_kill_does_not_count(void **state)
{
    const struct forgery result = {.word_count = 1, .words = {HOSTILE_RESULT}};
    struct hostile_order order = {.place = HOSTILE_RUNNING, .act = HOSTILE_LATE};

    (void)state;
    make_frame(&result, &order);
    order.slot = (struct message_slot){.kind = MESSAGE_CALL_RESULT, .count = 1, .words = {24}};
    expect(&order, "late", PNF_TIMEOUT, "limits.time", DEADLINE_MS + PINFOLD_SLACK_MS);
}

static uint64_t switches(void)
{
    struct rusage usage;

    getrusage(RUSAGE_THREAD, &usage);
    return (uint64_t)usage.ru_nvcsw;
}

// 36
static void flags_of_sleepers_do_not_wake_the_host(void **state)
{
    const struct hostile_order order = {.place = HOSTILE_RUNNING, .act = HOSTILE_TOGGLE};
    uint64_t before = switches();

    (void)state;
    expect(&order, "toggle", PNF_TIMEOUT, "limits.time", DEADLINE_MS + PINFOLD_SLACK_MS);
    print_message("# the host's thread slept %llu times\n",
                  (unsigned long long)(switches() - before));
    assert_in_range(switches() - before, 0, SWITCHES_MAX);
}

// 13 and 36: each costs the worker a system call, too.
static void wake_up_calls_for_nothing_do_not_put_the_deadline_off(void **state)
{
    const struct hostile_order order = {.place = HOSTILE_RUNNING, .act = HOSTILE_WAKE};
    uint64_t before = switches();

    (void)state;
    expect(&order, "wake", PNF_TIMEOUT, "limits.time", DEADLINE_MS + PINFOLD_SLACK_MS);
    print_message("# the host's thread slept %llu times\n",
                  (unsigned long long)(switches() - before));
}

// --- death ---------------------------------------------------------------------------------------

// 37: the class of error does not depend on when it happens.
static void expect_crashes(enum hostile_act act, const char *words)
{
    for (uint32_t place = 0; place < HOSTILE_PLACES; place++) {
        struct hostile_order order = {.place = place, .act = act};
        char name[32];

        snprintf(name, sizeof name, "place %u", place);
        if (place == HOSTILE_PART || place == HOSTILE_LINK_PART)
            order.imports = HOSTILE_IMPORTS_MAX;
        expect(&order, name, PNF_CRASHED, words, DEATH_MS + PINFOLD_SLACK_MS);
    }
}

static void a_worker_that_exits_at_any_step_has_crashed(void **state)
{
    (void)state;
    expect_crashes(HOSTILE_EXIT, "exit status 0");
}

static void a_worker_that_faults_at_any_step_has_crashed(void **state)
{
    (void)state;
    expect_crashes(HOSTILE_FAULT, "signal 11");
}

// --- everything ----------------------------------------------------------------------------------

static int descriptors;

static int begin(void **state)
{
    if (fixture_make_folder(state) != 0)
        return -1;
    fixture_adopt();
    descriptors = fixture_descriptors();
    fixture_watch_begin();
    choose_processor(1);
    host = fixture_open_hostile(app_pause, app_note);
    policy = fixture_hostile_policy(host);
    choose_processor(0);
    return 0;
}

static int end(void **state)
{
    pnf_host_close(host);
    fixture_watch_end();
    if (fixture_has_children(PATIENCE_MS) || fixture_channels() != 0 ||
        fixture_descriptors() != descriptors)
        return -1;
    return fixture_remove_folder(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_forgeries_are_made_of_is_a_good_call),
        cmocka_unit_test(jumps_of_the_sequence_are_violations),
        cmocka_unit_test(lengths_and_places_beyond_the_arena_are_violations),
        cmocka_unit_test(results_out_of_range_are_violations),
        cmocka_unit_test(calls_that_are_not_granted_or_of_another_shape_are_violations),
        cmocka_unit_test(messages_that_nobody_asked_for_are_violations),
        cmocka_unit_test(requests_for_files_that_are_none_are_violations),
        cmocka_unit_test(requests_for_files_at_the_wrong_time_are_violations),
        cmocka_unit_test(files_that_a_worker_does_not_take_are_not_opened),
        cmocka_unit_test(files_that_a_worker_does_not_close_end_at_its_limit),
        cmocka_unit_test(unknown_kinds_wrong_depths_and_counts_are_violations),
        cmocka_unit_test(an_answer_that_changes_while_it_is_read_is_right_or_a_violation),
        cmocka_unit_test(a_worker_that_never_answers_is_ended_at_the_deadline),
        cmocka_unit_test(a_worker_that_never_says_what_the_module_is_has_half_a_minute),
        cmocka_unit_test(messages_do_not_put_the_deadline_off),
        cmocka_unit_test(an_answer_that_is_only_seen_after_the_kill_does_not_count),
        cmocka_unit_test(flags_of_sleepers_do_not_wake_the_host),
        cmocka_unit_test(wake_up_calls_for_nothing_do_not_put_the_deadline_off),
        cmocka_unit_test(a_worker_that_exits_at_any_step_has_crashed),
        cmocka_unit_test(a_worker_that_faults_at_any_step_has_crashed),
    };

    if (!fixture_has_programs())
        return 0;
    return cmocka_run_group_tests(tests, begin, end);
}
