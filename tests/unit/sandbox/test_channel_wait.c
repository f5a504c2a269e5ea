// SPDX-License-Identifier: Apache-2.0
#include "sandbox/channel_wait.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "sandbox/channel.h"
#include "tests/unit/sandbox/channel_fixture.h"

enum { ENOUGH = 5000 }; // messages, and violations, of a peer that writes without pause

// --- deadlines -----------------------------------------------------------------------------------

static void a_wait_ends_at_its_deadline_and_not_before(void **state)
{
    struct message message;
    struct pair pair;

    (void)state;
    pair_init(&pair);
    for (int blocking = 0; blocking < 2; blocking++) {
        uint64_t deadline = in(20 * MS);

        channel_set_blocking(&pair.host, blocking != 0);
        assert_int_equal(channel_receive(&pair.host, &message, deadline), CHANNEL_TIMEOUT);
        assert_true(channel_now() >= deadline);
        assert_true(channel_now() < deadline + 10 * SECOND);
    }
    assert_int_equal(message.kind, MESSAGE_NONE);
    pair_finish(&pair);
}

static void a_message_after_the_deadline_can_still_be_received(void **state)
{
    struct message message;
    struct pair pair;

    (void)state;
    pair_init(&pair);
    assert_int_equal(channel_receive(&pair.host, &message, in(MS)), CHANNEL_TIMEOUT);
    expect_sent(&pair.worker, MESSAGE_CONFINED, 1, 0);
    assert_int_equal(channel_receive(&pair.host, &message, in(SECOND)), CHANNEL_OK);
    pair_finish(&pair);
}

static void messages_do_not_put_a_deadline_off(void **state)
{
    struct message message;
    struct pair pair;
    uint64_t deadline = in(5 * MS);
    enum channel_result result = CHANNEL_OK;
    uint32_t sent = 0;

    (void)state;
    pair_init(&pair);
    pair_set_state(&pair, MESSAGE_STATE_RUNNING, 1);
    while (result == CHANNEL_OK) {
        expect_sent(&pair.worker, MESSAGE_OUTPUT, 2, 1);
        sent++;
        result = channel_receive(&pair.host, &message, deadline);
        if (result != CHANNEL_OK)
            break;
        expect_sent(&pair.host, MESSAGE_TAKEN, 1, 0);
        assert_int_equal(channel_receive(&pair.worker, &message, CHANNEL_FOREVER), CHANNEL_OK);
    }
    assert_int_equal(result, CHANNEL_TIMEOUT);
    assert_true(sent > 1);
    assert_true(channel_now() >= deadline);
    pair_finish(&pair);
}

// --- death ---------------------------------------------------------------------------------------

static void *receive_in_thread(void *channel)
{
    static __thread struct message message;

    return channel_receive(channel, &message, CHANNEL_FOREVER) == CHANNEL_DEAD ? channel : NULL;
}

static void poison_releases_whoever_waits(void **state)
{
    struct timespec nap = {.tv_nsec = (long)MS};

    (void)state;
    for (int i = 0; i < 50; i++) {
        struct pair pair;
        pthread_t thread;
        void *dead;

        pair_init(&pair);
        assert_int_equal(pthread_create(&thread, NULL, receive_in_thread, &pair.host), 0);
        if (i % 2)
            nanosleep(&nap, NULL);
        channel_poison(&pair.host, i % 4 < 2 ? CHANNEL_DIED : CHANNEL_KILLED);
        assert_int_equal(pthread_join(thread, &dead), 0);
        assert_non_null(dead);
        pair_finish(&pair);
    }
}

struct stubborn {
    struct channel_bell *bell;
    uint32_t stop;
};

static void *undo_poison(void *argument)
{
    struct stubborn *stubborn = argument;

    while (!__atomic_load_n(&stubborn->stop, __ATOMIC_RELAXED))
        __atomic_store_n(&stubborn->bell->sequence, 0, __ATOMIC_RELAXED);
    return NULL;
}

static void a_poison_that_the_worker_undoes_works_once_the_worker_is_gone(void **state)
{
    struct pair pair;
    struct stubborn stubborn;
    pthread_t waiter;
    pthread_t hostile;
    void *dead;

    (void)state;
    pair_init(&pair);
    stubborn = (struct stubborn){.bell = &pair.host.memory->bells[MESSAGE_TO_HOST]};
    assert_int_equal(pthread_create(&hostile, NULL, undo_poison, &stubborn), 0);
    assert_int_equal(pthread_create(&waiter, NULL, receive_in_thread, &pair.host), 0);
    channel_poison(&pair.host, CHANNEL_KILLED);
    __atomic_store_n(&stubborn.stop, 1, __ATOMIC_RELAXED);
    assert_int_equal(pthread_join(hostile, NULL), 0);
    channel_poison(&pair.host, CHANNEL_DIED);
    assert_int_equal(pthread_join(waiter, &dead), 0);
    assert_non_null(dead);
    assert_int_equal(pair.host.end, CHANNEL_KILLED);
    pair_finish(&pair);
}

static void *poison_at_death(void *argument)
{
    struct channel *host = argument;

    channel_poison(host, CHANNEL_DIED);
    return NULL;
}

static void the_death_of_a_worker_releases_the_caller(void **state)
{
    struct channel host;
    struct message message;
    struct error error = {.code = ERROR_NONE};
    pthread_t monitor;
    int status;
    pid_t pid;

    (void)state;
    assert_true(channel_create(&host, &error));
    host.session.state = MESSAGE_STATE_READY;
    pid = fork();
    assert_true(pid >= 0);
    while (pid == 0)
        pause();
    expect_sent(&host, MESSAGE_CALL, 2, 0);
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(pthread_create(&monitor, NULL, poison_at_death, &host), 0);
    assert_int_equal(channel_receive(&host, &message, in(60 * SECOND)), CHANNEL_DEAD);
    assert_int_equal(pthread_join(monitor, NULL), 0);
    assert_int_equal(channel_send(&host, &message), CHANNEL_DEAD);
    channel_finish(&host);
}

static void the_last_message_of_a_worker_that_died_is_received(void **state)
{
    struct message message;
    struct pair pair;

    (void)state;
    pair_init(&pair);
    pair_set_state(&pair, MESSAGE_STATE_RUNNING, 1);
    expect_sent(&pair.worker, MESSAGE_EXIT, 1, 0);
    channel_poison(&pair.host, CHANNEL_DIED);
    assert_int_equal(channel_receive(&pair.host, &message, in(SECOND)), CHANNEL_OK);
    assert_int_equal(message.kind, MESSAGE_EXIT);
    assert_int_equal(channel_receive(&pair.host, &message, in(SECOND)), CHANNEL_DEAD);
    pair_finish(&pair);
}

static void nothing_of_a_worker_that_was_killed_is_received(void **state)
{
    struct message message;
    struct pair pair;

    (void)state;
    pair_init(&pair);
    pair_set_state(&pair, MESSAGE_STATE_RUNNING, 1);
    expect_sent(&pair.worker, MESSAGE_EXIT, 1, 0);
    channel_poison(&pair.host, CHANNEL_KILLED);
    channel_poison(&pair.host, CHANNEL_DIED);
    assert_int_equal(channel_receive(&pair.host, &message, in(SECOND)), CHANNEL_DEAD);
    assert_int_equal(message.kind, MESSAGE_NONE);
    pair_finish(&pair);
}

// --- a peer that writes while the host reads -----------------------------------------------------

struct scribbler {
    struct channel_memory *memory;
    uint64_t next; // the sequence that the host expects, told so that it gets far
    uint32_t stop;
};

static uint32_t random_next(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

// Changes one thing after the other, mostly to what could be right.
static void *scribble(void *argument)
{
    struct scribbler *scribbler = argument;
    struct message_slot *slot = &scribbler->memory->slots[MESSAGE_TO_HOST].slot;
    struct channel_bell *bell = &scribbler->memory->bells[MESSAGE_TO_HOST];
    uint32_t seed = 1;

    while (!__atomic_load_n(&scribbler->stop, __ATOMIC_RELAXED)) {
        uint64_t next = __atomic_load_n(&scribbler->next, __ATOMIC_RELAXED);
        uint32_t dice = random_next(&seed);

        __atomic_store_n(&slot->sequence, next - (dice % 16 == 0), __ATOMIC_RELAXED);
        __atomic_store_n(&slot->kind, random_next(&seed) % (MESSAGE_KIND_COUNT + 1),
                         __ATOMIC_RELAXED);
        __atomic_store_n(&slot->count, random_next(&seed) % 15, __ATOMIC_RELAXED);
        __atomic_store_n(&slot->depth, dice % 8 ? 1 : UINT64_MAX, __ATOMIC_RELAXED);
        __atomic_store_n(&slot->words[0], (uint64_t)random_next(&seed) % (2 * MESSAGE_ARENA_SIZE),
                         __ATOMIC_RELAXED);
        __atomic_store_n(&bell->sequence, (uint32_t)next, __ATOMIC_SEQ_CST);
        __atomic_store_n(&bell->sleeping, dice & 1, __ATOMIC_RELAXED);
        __atomic_store_n(&bell->cpu, dice, __ATOMIC_RELAXED);
        channel_ring(bell, (uint32_t)next);
        for (size_t i = 0; i < 64; i++)
            __atomic_store_n(&scribbler->memory->arenas[MESSAGE_TO_HOST].words[i], seed,
                             __ATOMIC_RELAXED);
    }
    return NULL;
}

static void receive_from_scribbler(struct channel *host, struct scribbler *scribbler,
                                   uint32_t *received, uint32_t *violations)
{
    const struct message_session before = {.state = MESSAGE_STATE_RUNNING, .depth = 1};
    uint8_t bytes[600];
    struct message message;
    enum channel_result result;

    host->session = before;
    host->violation = MESSAGE_VIOLATION_NONE;
    __atomic_store_n(&scribbler->next, host->received + 1, __ATOMIC_RELAXED);
    result = channel_receive(host, &message, in(60 * SECOND));
    if (result == CHANNEL_VIOLATION) {
        assert_int_not_equal(host->violation, MESSAGE_VIOLATION_NONE);
        ++*violations;
        sched_yield();
        return;
    }
    assert_int_equal(result, CHANNEL_OK);
    assert_int_equal(message_check(&before, MESSAGE_TO_HOST, &message), MESSAGE_VIOLATION_NONE);
    assert_true(channel_arena_read(host, 3, bytes, sizeof bytes));
    ++*received;
}

static void a_peer_that_writes_while_the_host_reads_is_obeyed_or_found_out(void **state)
{
    struct pair pair;
    struct scribbler scribbler;
    pthread_t thread;
    uint32_t received = 0;
    uint32_t violations = 0;
    uint64_t stop = in(2 * SECOND);

    (void)state;
    pair_init(&pair);
    scribbler = (struct scribbler){.memory = pair.host.memory, .next = 1};
    assert_int_equal(pthread_create(&thread, NULL, scribble, &scribbler), 0);
    // On a busy machine neither gets far: then for a while, and until both were seen.
    while (received == 0 || violations == 0 ||
           ((received < ENOUGH || violations < ENOUGH) && channel_now() < stop))
        receive_from_scribbler(&pair.host, &scribbler, &received, &violations);
    __atomic_store_n(&scribbler.stop, 1, __ATOMIC_RELAXED);
    assert_int_equal(pthread_join(thread, NULL), 0);
    pair_finish(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wait_ends_at_its_deadline_and_not_before),
        cmocka_unit_test(a_message_after_the_deadline_can_still_be_received),
        cmocka_unit_test(messages_do_not_put_a_deadline_off),
        cmocka_unit_test(poison_releases_whoever_waits),
        cmocka_unit_test(a_poison_that_the_worker_undoes_works_once_the_worker_is_gone),
        cmocka_unit_test(the_death_of_a_worker_releases_the_caller),
        cmocka_unit_test(the_last_message_of_a_worker_that_died_is_received),
        cmocka_unit_test(nothing_of_a_worker_that_was_killed_is_received),
        cmocka_unit_test(a_peer_that_writes_while_the_host_reads_is_obeyed_or_found_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
