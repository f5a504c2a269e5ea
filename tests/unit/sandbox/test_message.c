// SPDX-License-Identifier: Apache-2.0
#include "sandbox/message.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

enum { SESSIONS_MAX = 256 };

#define BIT(KIND_) (1u << MESSAGE_##KIND_)

// What message.def says, said again the other way round: by state.
static const struct {
    enum message_state state;
    enum message_direction direction;
    uint32_t kinds;
} expected[] = {
    {MESSAGE_STATE_CREATED, MESSAGE_TO_HOST, BIT(CONFINED) | BIT(ERROR)},
    {MESSAGE_STATE_CONFINED, MESSAGE_TO_WORKER, BIT(START) | BIT(SHUTDOWN) | BIT(PART)},
    {MESSAGE_STATE_LOADING, MESSAGE_TO_HOST, BIT(MODULE_REPORT) | BIT(ERROR) | BIT(PART)},
    {MESSAGE_STATE_LINKING, MESSAGE_TO_WORKER, BIT(LINK) | BIT(SHUTDOWN) | BIT(PART)},
    {MESSAGE_STATE_STARTING, MESSAGE_TO_HOST,
     BIT(LOADED) | BIT(TRAP) | BIT(HOST_CALL) | BIT(OUTPUT) | BIT(FILE) | BIT(EXIT) | BIT(ERROR) |
         BIT(PART)},
    {MESSAGE_STATE_START_IMPORT, MESSAGE_TO_WORKER,
     BIT(HOST_CALL_RESULT) | BIT(HOST_CALL_FAILED) | BIT(PART)},
    {MESSAGE_STATE_READY, MESSAGE_TO_WORKER, BIT(CALL) | BIT(SHUTDOWN) | BIT(PART)},
    {MESSAGE_STATE_RUNNING, MESSAGE_TO_HOST,
     BIT(CALL_RESULT) | BIT(TRAP) | BIT(HOST_CALL) | BIT(OUTPUT) | BIT(FILE) | BIT(EXIT) |
         BIT(ERROR) | BIT(PART)},
    {MESSAGE_STATE_IMPORT, MESSAGE_TO_WORKER,
     BIT(CALL) | BIT(HOST_CALL_RESULT) | BIT(HOST_CALL_FAILED) | BIT(PART)},
    {MESSAGE_STATE_ASKING, MESSAGE_TO_WORKER, BIT(FILE_RESULT)},
    {MESSAGE_STATE_ENDED, MESSAGE_TO_HOST, 0},
};

static uint32_t legal_kinds(const struct message_session *session, enum message_direction direction)
{
    uint32_t kinds = 0;

    for (uint32_t kind = 0; kind < MESSAGE_KIND_COUNT; kind++)
        kinds |= (uint32_t)message_legal(session, direction, (enum message_kind)kind) << kind;
    return kinds;
}

static enum message_direction other(enum message_direction direction)
{
    return direction == MESSAGE_TO_HOST ? MESSAGE_TO_WORKER : MESSAGE_TO_HOST;
}

static void each_state_allows_exactly_the_messages_listed_for_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        struct message_session session = {.state = expected[i].state, .depth = 1};

        assert_int_equal(legal_kinds(&session, expected[i].direction), expected[i].kinds);
        assert_int_equal(legal_kinds(&session, other(expected[i].direction)), 0);
    }
}

static void bytes_handed_over_are_answered_by_the_other_side_and_by_nothing_else(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        struct message_session session = {.state = expected[i].state, .depth = 1};
        struct message_session before = session;

        if (!message_legal(&session, expected[i].direction, MESSAGE_PART))
            continue;
        message_advance(&session, MESSAGE_PART);
        assert_int_equal(legal_kinds(&session, expected[i].direction), 0);
        assert_int_equal(legal_kinds(&session, other(expected[i].direction)), BIT(TAKEN));
        message_advance(&session, MESSAGE_TAKEN);
        assert_int_equal(session.state, before.state);
        assert_int_equal(session.depth, before.depth);
    }
}

static bool known(const struct message_session *sessions, size_t count,
                  const struct message_session *session)
{
    for (size_t i = 0; i < count; i++) {
        if (sessions[i].state == session->state && sessions[i].depth == session->depth &&
            ((session->state != MESSAGE_STATE_TAKING && session->state != MESSAGE_STATE_ASKING) ||
             sessions[i].resume == session->resume))
            return true;
    }
    return false;
}

// Everything that can be reached from a new session.
static size_t reach(struct message_session *sessions)
{
    size_t count = 1;

    sessions[0] = (struct message_session){.state = MESSAGE_STATE_CREATED};
    for (size_t i = 0; i < count; i++) {
        uint32_t kinds = legal_kinds(&sessions[i], MESSAGE_TO_HOST) |
                         legal_kinds(&sessions[i], MESSAGE_TO_WORKER);

        for (uint32_t kind = 0; kind < MESSAGE_KIND_COUNT; kind++) {
            struct message_session next = sessions[i];

            if ((kinds >> kind & 1) == 0)
                continue;
            message_advance(&next, (enum message_kind)kind);
            if (!known(sessions, count, &next)) {
                assert_in_range(count, 1, SESSIONS_MAX - 1);
                sessions[count++] = next;
            }
        }
    }
    return count;
}

static void each_message_gives_the_turn_away(void **state)
{
    struct message_session sessions[SESSIONS_MAX];
    size_t count = reach(sessions);

    (void)state;
    for (size_t i = 0; i < count; i++) {
        for (int direction = 0; direction < MESSAGE_DIRECTION_COUNT; direction++) {
            for (uint32_t kind = 0; kind < MESSAGE_KIND_COUNT; kind++) {
                struct message_session next = sessions[i];

                if (!message_legal(&next, (enum message_direction)direction,
                                   (enum message_kind)kind))
                    continue;
                message_advance(&next, (enum message_kind)kind);
                assert_int_equal(legal_kinds(&next, (enum message_direction)direction), 0);
            }
        }
    }
}

static void only_an_ended_session_has_no_legal_message(void **state)
{
    struct message_session sessions[SESSIONS_MAX];
    size_t count = reach(sessions);

    (void)state;
    for (size_t i = 0; i < count; i++) {
        uint32_t kinds = legal_kinds(&sessions[i], MESSAGE_TO_HOST) |
                         legal_kinds(&sessions[i], MESSAGE_TO_WORKER);

        assert_int_equal(kinds == 0, sessions[i].state == MESSAGE_STATE_ENDED);
    }
}

static void no_session_gets_deeper_than_the_limit(void **state)
{
    struct message_session sessions[SESSIONS_MAX];
    size_t count = reach(sessions);
    uint32_t deepest = 0;

    (void)state;
    for (size_t i = 0; i < count; i++) {
        bool in_call = sessions[i].depth > 0;

        deepest = sessions[i].depth > deepest ? sessions[i].depth : deepest;
        if (sessions[i].state == MESSAGE_STATE_RUNNING || sessions[i].state == MESSAGE_STATE_IMPORT)
            assert_true(in_call);
        if (sessions[i].state == MESSAGE_STATE_READY)
            assert_false(in_call);
    }
    assert_int_equal(deepest, MESSAGE_DEPTH_MAX);
}

static void walk(struct message_session *session, enum message_direction direction,
                 enum message_kind kind, enum message_state state, uint32_t depth)
{
    assert_true(message_legal(session, direction, kind));
    message_advance(session, kind);
    assert_int_equal(session->state, state);
    assert_int_equal(session->depth, depth);
}

static void a_session_goes_from_start_to_shutdown(void **state)
{
    struct message_session session = {.state = MESSAGE_STATE_CREATED};

    (void)state;
    walk(&session, MESSAGE_TO_HOST, MESSAGE_CONFINED, MESSAGE_STATE_CONFINED, 0);
    walk(&session, MESSAGE_TO_WORKER, MESSAGE_START, MESSAGE_STATE_LOADING, 0);
    walk(&session, MESSAGE_TO_HOST, MESSAGE_MODULE_REPORT, MESSAGE_STATE_LINKING, 0);
    walk(&session, MESSAGE_TO_WORKER, MESSAGE_LINK, MESSAGE_STATE_STARTING, 0);
    walk(&session, MESSAGE_TO_HOST, MESSAGE_HOST_CALL, MESSAGE_STATE_START_IMPORT, 0);
    walk(&session, MESSAGE_TO_WORKER, MESSAGE_HOST_CALL_FAILED, MESSAGE_STATE_STARTING, 0);
    walk(&session, MESSAGE_TO_HOST, MESSAGE_LOADED, MESSAGE_STATE_READY, 0);
    walk(&session, MESSAGE_TO_WORKER, MESSAGE_CALL, MESSAGE_STATE_RUNNING, 1);
    walk(&session, MESSAGE_TO_HOST, MESSAGE_CALL_RESULT, MESSAGE_STATE_READY, 0);
    walk(&session, MESSAGE_TO_WORKER, MESSAGE_SHUTDOWN, MESSAGE_STATE_ENDED, 0);
}

static void calls_through_imports_return_last_in_first_out(void **state)
{
    static const enum message_kind returns[] = {MESSAGE_CALL_RESULT, MESSAGE_TRAP, MESSAGE_ERROR};
    struct message_session session = {.state = MESSAGE_STATE_READY};

    (void)state;
    for (uint32_t depth = 1; depth <= MESSAGE_DEPTH_MAX; depth++) {
        walk(&session, MESSAGE_TO_WORKER, MESSAGE_CALL, MESSAGE_STATE_RUNNING, depth);
        walk(&session, MESSAGE_TO_HOST, MESSAGE_HOST_CALL, MESSAGE_STATE_IMPORT, depth);
    }
    assert_false(message_legal(&session, MESSAGE_TO_WORKER, MESSAGE_CALL));
    for (uint32_t depth = MESSAGE_DEPTH_MAX; depth > 0; depth--) {
        walk(&session, MESSAGE_TO_WORKER, MESSAGE_HOST_CALL_RESULT, MESSAGE_STATE_RUNNING, depth);
        walk(&session, MESSAGE_TO_HOST, returns[depth % 3],
             depth == 1 ? MESSAGE_STATE_READY : MESSAGE_STATE_IMPORT, depth - 1);
    }
}

static void failures_outside_of_calls_end_the_session(void **state)
{
    static const enum message_state states[] = {MESSAGE_STATE_CREATED, MESSAGE_STATE_LOADING,
                                                MESSAGE_STATE_STARTING};
    struct message_session session = {.state = MESSAGE_STATE_STARTING};

    (void)state;
    walk(&session, MESSAGE_TO_HOST, MESSAGE_TRAP, MESSAGE_STATE_ENDED, 0);
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        session = (struct message_session){.state = states[i]};
        walk(&session, MESSAGE_TO_HOST, MESSAGE_ERROR, MESSAGE_STATE_ENDED, 0);
    }
}

static void an_exit_ends_the_session_from_any_depth(void **state)
{
    struct message_session session = {.state = MESSAGE_STATE_RUNNING, .depth = 5};

    (void)state;
    walk(&session, MESSAGE_TO_HOST, MESSAGE_EXIT, MESSAGE_STATE_ENDED, 5);
}

// --- codec ---------------------------------------------------------------------------------------

static const struct message_session running = {.state = MESSAGE_STATE_RUNNING, .depth = 3};

static struct message host_call(void)
{
    return (struct message){
        .kind = MESSAGE_HOST_CALL, .depth = 3, .count = 4, .words = {100, 7, UINT64_MAX, 1}};
}

// A slot as a hostile worker fills it, read in the state `running`.
static enum message_violation read_slot(const struct message_slot *slot)
{
    struct message message;
    struct message zero;
    enum message_violation violation = message_read(slot, 42, &running, MESSAGE_TO_HOST, &message);

    memset(&zero, 0, sizeof zero);
    if (violation != MESSAGE_VIOLATION_NONE)
        assert_memory_equal(&message, &zero, sizeof zero);
    return violation;
}

static struct message_slot good_slot(void)
{
    struct message message = host_call();
    struct message_slot slot;

    memset(&slot, 0xff, sizeof slot);
    message_write(&slot, 42, &message);
    return slot;
}

static void a_message_comes_out_of_a_slot_as_it_went_in(void **state)
{
    struct message_slot slot = good_slot();
    struct message in = host_call();
    struct message out;

    (void)state;
    assert_int_equal(message_read(&slot, 42, &running, MESSAGE_TO_HOST, &out),
                     MESSAGE_VIOLATION_NONE);
    assert_int_equal(out.kind, in.kind);
    assert_int_equal(out.depth, in.depth);
    assert_int_equal(out.count, in.count);
    assert_memory_equal(out.words, in.words, sizeof in.words);
    assert_int_equal(message_bytes(&out), 100);
}

static sigjmp_buf interrupted;

static void interrupt(int number)
{
    (void)number;
    siglongjmp(interrupted, 1);
}

// Everything behind the sequence lies in a page that cannot be written.
static void a_message_whose_writing_was_cut_short_is_not_there(void **state)
{
    const struct sigaction action = {.sa_handler = interrupt};
    const struct message message = {.kind = MESSAGE_EXIT, .depth = 1, .count = 1};
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    struct sigaction before;
    struct message_slot *slot;
    uint8_t *pages =
        mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    (void)state;
    assert_ptr_not_equal(pages, MAP_FAILED);
    assert_int_equal(mprotect(pages + page, page, PROT_NONE), 0);
    slot = (struct message_slot *)(void *)(pages + page - offsetof(struct message_slot, kind));
    slot->sequence = 6;
    assert_int_equal(sigaction(SIGSEGV, &action, &before), 0);
    if (sigsetjmp(interrupted, 1) == 0) {
        message_write(slot, 7, &message);
        fail();
    }
    sigaction(SIGSEGV, &before, NULL);
    assert_int_equal(slot->sequence, 6);
    munmap(pages, 2 * page);
}

static void words_beyond_the_count_are_read_as_zero(void **state)
{
    struct message_slot slot = good_slot();
    struct message out;

    (void)state;
    assert_int_equal(slot.words[4], UINT64_MAX);
    assert_int_equal(message_read(&slot, 42, &running, MESSAGE_TO_HOST, &out),
                     MESSAGE_VIOLATION_NONE);
    for (uint32_t i = 4; i < MESSAGE_WORDS_MAX; i++)
        assert_int_equal(out.words[i], 0);
}

static void every_sequence_but_the_next_is_a_violation(void **state)
{
    static const uint64_t wrong[] = {0, 1, 41, 43, 44, 42 + ((uint64_t)1 << 32), UINT64_MAX};
    struct message_slot slot = good_slot();

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        slot.sequence = wrong[i];
        assert_int_equal(read_slot(&slot), MESSAGE_VIOLATION_SEQUENCE);
    }
}

static void numbers_that_are_no_message_are_a_violation(void **state)
{
    static const uint64_t wrong[] = {MESSAGE_NONE, MESSAGE_KIND_COUNT, 255,
                                     MESSAGE_HOST_CALL + ((uint64_t)1 << 32), UINT64_MAX};
    struct message_slot slot = good_slot();

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        slot.kind = wrong[i];
        assert_int_equal(read_slot(&slot), MESSAGE_VIOLATION_KIND);
    }
}

static void messages_of_the_other_side_or_of_another_state_are_violations(void **state)
{
    struct message_slot slot = good_slot();

    (void)state;
    slot.kind = MESSAGE_CALL;
    assert_int_equal(read_slot(&slot), MESSAGE_VIOLATION_DIRECTION);
    slot.kind = MESSAGE_MODULE_REPORT;
    assert_int_equal(read_slot(&slot), MESSAGE_VIOLATION_STATE);
    slot.kind = MESSAGE_TAKEN;
    assert_int_equal(read_slot(&slot), MESSAGE_VIOLATION_STATE);
}

static void every_depth_but_the_innermost_call_is_a_violation(void **state)
{
    static const uint64_t wrong[] = {0, 2, 4, 3 + ((uint64_t)1 << 32), UINT32_MAX, UINT64_MAX};
    struct message_slot slot = good_slot();

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        slot.depth = wrong[i];
        assert_int_equal(read_slot(&slot), MESSAGE_VIOLATION_DEPTH);
    }
}

static void a_count_outside_of_its_row_is_a_violation(void **state)
{
    static const uint64_t wrong[] = {0, 1, 13, 16, UINT32_MAX, 4 + ((uint64_t)1 << 32), UINT64_MAX};
    struct message_slot slot = good_slot();

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        slot.count = wrong[i];
        assert_int_equal(read_slot(&slot), MESSAGE_VIOLATION_COUNT);
    }
    slot.count = 2;
    assert_int_equal(read_slot(&slot), MESSAGE_VIOLATION_NONE);
    slot.count = MESSAGE_WORDS_MAX;
    assert_int_equal(read_slot(&slot), MESSAGE_VIOLATION_NONE);
}

static void more_bytes_than_an_arena_holds_are_a_violation(void **state)
{
    static const uint64_t wrong[] = {MESSAGE_ARENA_SIZE + 1, (uint64_t)1 << 32, UINT64_MAX};
    struct message_slot slot = good_slot();

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        slot.words[0] = wrong[i];
        assert_int_equal(read_slot(&slot), MESSAGE_VIOLATION_LENGTH);
    }
    slot.words[0] = MESSAGE_ARENA_SIZE;
    assert_int_equal(read_slot(&slot), MESSAGE_VIOLATION_NONE);
}

static void a_ninth_call_is_a_violation(void **state)
{
    struct message_session deepest = {.state = MESSAGE_STATE_IMPORT, .depth = MESSAGE_DEPTH_MAX};
    struct message call = {.kind = MESSAGE_CALL, .depth = MESSAGE_DEPTH_MAX + 1, .count = 2};

    (void)state;
    assert_int_equal(message_check(&deepest, MESSAGE_TO_WORKER, &call), MESSAGE_VIOLATION_DEPTH);
    deepest.depth--;
    call.depth--;
    assert_int_equal(message_depth(&deepest, MESSAGE_CALL), MESSAGE_DEPTH_MAX);
    assert_int_equal(message_check(&deepest, MESSAGE_TO_WORKER, &call), MESSAGE_VIOLATION_NONE);
}

static void messages_without_bytes_may_have_any_first_word(void **state)
{
    struct message exit = {.kind = MESSAGE_EXIT, .depth = 3, .count = 1, .words = {UINT64_MAX}};

    (void)state;
    assert_int_equal(message_check(&running, MESSAGE_TO_HOST, &exit), MESSAGE_VIOLATION_NONE);
    assert_int_equal(message_bytes(&exit), 0);
}

static void everything_has_a_name_and_other_numbers_have_none(void **state)
{
    (void)state;
    assert_string_equal(message_name(MESSAGE_HOST_CALL), "HOST_CALL");
    assert_string_equal(message_name(MESSAGE_NONE), "");
    assert_string_equal(message_name(MESSAGE_KIND_COUNT), "");
    assert_string_equal(message_state_name(MESSAGE_STATE_COUNT), "");
    assert_string_equal(message_violation_text(MESSAGE_VIOLATION_KINDS), "");
    for (int i = 1; i < MESSAGE_KIND_COUNT; i++)
        assert_true(message_name((enum message_kind)i)[0] != '\0');
    for (int i = 0; i < MESSAGE_STATE_COUNT; i++)
        assert_true(message_state_name((enum message_state)i)[0] != '\0');
    for (int i = 0; i < MESSAGE_VIOLATION_KINDS; i++)
        assert_true(message_violation_text((enum message_violation)i)[0] != '\0');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_state_allows_exactly_the_messages_listed_for_it),
        cmocka_unit_test(bytes_handed_over_are_answered_by_the_other_side_and_by_nothing_else),
        cmocka_unit_test(each_message_gives_the_turn_away),
        cmocka_unit_test(only_an_ended_session_has_no_legal_message),
        cmocka_unit_test(no_session_gets_deeper_than_the_limit),
        cmocka_unit_test(a_session_goes_from_start_to_shutdown),
        cmocka_unit_test(calls_through_imports_return_last_in_first_out),
        cmocka_unit_test(failures_outside_of_calls_end_the_session),
        cmocka_unit_test(an_exit_ends_the_session_from_any_depth),
        cmocka_unit_test(a_message_comes_out_of_a_slot_as_it_went_in),
        cmocka_unit_test(a_message_whose_writing_was_cut_short_is_not_there),
        cmocka_unit_test(words_beyond_the_count_are_read_as_zero),
        cmocka_unit_test(every_sequence_but_the_next_is_a_violation),
        cmocka_unit_test(numbers_that_are_no_message_are_a_violation),
        cmocka_unit_test(messages_of_the_other_side_or_of_another_state_are_violations),
        cmocka_unit_test(every_depth_but_the_innermost_call_is_a_violation),
        cmocka_unit_test(a_count_outside_of_its_row_is_a_violation),
        cmocka_unit_test(more_bytes_than_an_arena_holds_are_a_violation),
        cmocka_unit_test(a_ninth_call_is_a_violation),
        cmocka_unit_test(messages_without_bytes_may_have_any_first_word),
        cmocka_unit_test(everything_has_a_name_and_other_numbers_have_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
