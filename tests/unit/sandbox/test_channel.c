// SPDX-License-Identifier: Apache-2.0
#include "sandbox/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/sandbox/channel_fixture.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITISED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITISED 1
#endif
#endif
#ifndef SANITISED
#define SANITISED 0
#endif

enum { CALLS = 25000 }; // of four messages each

// --- memory --------------------------------------------------------------------------------------

static void the_control_memory_cannot_change_its_size(void **state)
{
    struct error error = {.code = ERROR_NONE};
    struct channel channel;

    (void)state;
    assert_true(channel_create(&channel, &error));
    assert_int_equal(ftruncate(channel.fd, 0), -1);
    assert_int_equal(errno, EPERM);
    assert_int_equal(ftruncate(channel.fd, 1 << 20), -1);
    assert_int_equal(errno, EPERM);
    assert_int_equal(fcntl(channel.fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
    assert_int_equal(errno, EPERM);
    assert_int_equal(fcntl(channel.fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    channel_finish(&channel);
}

static void a_worker_attaches_to_what_a_host_created(void **state)
{
    struct error error = {.code = ERROR_NONE};
    struct channel host;
    struct channel worker;

    (void)state;
    assert_true(channel_create(&host, &error));
    assert_true(channel_attach(&worker, host.fd, &error));
    assert_ptr_not_equal(host.memory, worker.memory);
    assert_int_equal(worker.fd, -1);
    expect_sent(&worker, MESSAGE_CONFINED, 1, 0);
    assert_int_equal(host.memory->slots[MESSAGE_TO_HOST].slot.sequence, 1);
    channel_finish(&worker);
    channel_finish(&host);
}

static void expect_refused(int fd, enum error_code code)
{
    struct error error = {.code = ERROR_NONE};
    struct channel worker;

    assert_false(channel_attach(&worker, fd, &error));
    assert_int_equal(error.code, code);
    channel_finish(&worker);
}

static void a_worker_refuses_memory_of_another_size_or_without_seals(void **state)
{
    int fd = memfd_create("test", MFD_ALLOW_SEALING | MFD_CLOEXEC);

    (void)state;
    assert_int_equal(ftruncate(fd, (off_t)sizeof(struct channel_memory)), 0);
    expect_refused(fd, ERROR_USAGE_ARGUMENT);
    assert_int_equal(ftruncate(fd, CHANNEL_PAGE), 0);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL), 0);
    expect_refused(fd, ERROR_USAGE_ARGUMENT);
    close(fd);
    expect_refused(-1, ERROR_SYSTEM_OPEN);
}

static void finish_takes_null_zeroes_and_what_is_finished(void **state)
{
    struct error error = {.code = ERROR_NONE};
    struct channel channel = {.memory = NULL};

    (void)state;
    channel_finish(NULL);
    channel_finish(&channel);
    assert_true(channel_create(&channel, &error));
    channel_forget_fd(&channel);
    assert_int_equal(channel.fd, -1);
    channel_finish(&channel);
    channel_finish(&channel);
}

// --- messages ------------------------------------------------------------------------------------

// A well-behaved worker: calls the host back in each call, and returns what it got. True when all
// was well.
static bool serve(struct channel *channel)
{
    struct message message = {.kind = MESSAGE_CALL_RESULT};
    uint64_t got;

    while (channel_receive(channel, &message, CHANNEL_FOREVER) == CHANNEL_OK) {
        if (message.kind == MESSAGE_SHUTDOWN)
            return true;
        message.kind = MESSAGE_HOST_CALL;
        if (channel_send(channel, &message) != CHANNEL_OK ||
            channel_receive(channel, &message, CHANNEL_FOREVER) != CHANNEL_OK ||
            message.kind != MESSAGE_HOST_CALL_RESULT)
            return false;
        got = message.words[1];
        message = (struct message){.kind = MESSAGE_CALL_RESULT, .count = 2, .words = {0, got}};
        if (channel_send(channel, &message) != CHANNEL_OK)
            return false;
    }
    return false;
}

static void call_once(struct channel *host, uint64_t number)
{
    struct message message;

    expect_sent(host, MESSAGE_CALL, 2, number);
    assert_int_equal(channel_receive(host, &message, in(60 * SECOND)), CHANNEL_OK);
    assert_int_equal(message.kind, MESSAGE_HOST_CALL);
    assert_int_equal(message.words[1], number);
    expect_sent(host, MESSAGE_HOST_CALL_RESULT, 2, number + 1);
    assert_int_equal(channel_receive(host, &message, in(60 * SECOND)), CHANNEL_OK);
    assert_int_equal(message.kind, MESSAGE_CALL_RESULT);
    assert_int_equal(message.words[1], number + 1);
}

static void *serve_in_thread(void *channel)
{
    return serve(channel) ? channel : NULL;
}

static void ping_pong_with_thread(bool blocking, uint32_t calls)
{
    struct pair pair;
    pthread_t thread;
    void *well;

    pair_init(&pair);
    pair_set_state(&pair, MESSAGE_STATE_READY, 0);
    channel_set_blocking(&pair.host, blocking);
    channel_set_blocking(&pair.worker, blocking);
    assert_int_equal(pthread_create(&thread, NULL, serve_in_thread, &pair.worker), 0);
    for (uint32_t i = 0; i < calls; i++)
        call_once(&pair.host, i);
    expect_sent(&pair.host, MESSAGE_SHUTDOWN, 0, 0);
    assert_int_equal(pthread_join(thread, &well), 0);
    assert_non_null(well);
    assert_int_equal(pair.host.sent, 2 * calls + 1);
    assert_int_equal(pair.host.received, 2 * calls);
    pair_finish(&pair);
}

static void a_hundred_thousand_messages_arrive_in_order_between_threads(void **state)
{
    (void)state;
    ping_pong_with_thread(false, CALLS);
}

static void messages_arrive_in_order_where_both_sides_only_block(void **state)
{
    (void)state;
    ping_pong_with_thread(true, CALLS / 10);
}

// The system calls that a confined worker has for its channel, and how it ends.
static bool confine(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_futex, 3, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_sched_yield, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof filter / sizeof filter[0], .filter = filter};

    return SANITISED || (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
                         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

static void be_worker(int fd)
{
    struct error error = {.code = ERROR_NONE};
    struct channel channel;
    bool well = channel_attach(&channel, fd, &error);

    channel.session.state = MESSAGE_STATE_READY;
    close(fd);
    well = well && confine() && serve(&channel);
    if (well)
        channel_crash_write(&channel, "served");
    _exit(well ? 0 : 1);
}

// A peer in a process of its own, confined.
static pid_t spawn(struct channel *host)
{
    struct error error = {.code = ERROR_NONE};
    pid_t pid;

    assert_true(channel_create(host, &error));
    host->session.state = MESSAGE_STATE_READY;
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        be_worker(host->fd);
    channel_forget_fd(host);
    return pid;
}

static void a_worker_needs_no_system_call_but_futex_and_yield(void **state)
{
    struct channel host;
    struct channel_crash crash;
    pid_t pid = spawn(&host);
    int status;

    (void)state;
    for (uint32_t i = 0; i < CALLS; i++)
        call_once(&host, i);
    expect_sent(&host, MESSAGE_SHUTDOWN, 0, 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_true(channel_crash_read(&host, &crash));
    assert_string_equal(crash.text, "served");
    channel_finish(&host);
}

static void a_message_that_is_not_legal_is_not_sent(void **state)
{
    struct message message = {.kind = MESSAGE_CALL, .count = 2};
    struct message_slot zero = {.sequence = 0};
    struct pair pair;

    (void)state;
    pair_init(&pair);
    assert_int_equal(channel_send(&pair.host, &message), CHANNEL_MISUSE);
    pair_set_state(&pair, MESSAGE_STATE_READY, 0);
    message.count = 1;
    assert_int_equal(channel_send(&pair.host, &message), CHANNEL_MISUSE);
    assert_memory_equal(&pair.host.memory->slots[MESSAGE_TO_WORKER].slot, &zero, sizeof zero);
    assert_int_equal(pair.host.sent, 0);
    assert_int_equal(pair.host.session.state, MESSAGE_STATE_READY);
    pair_finish(&pair);
}

static void the_host_accepts_in_each_state_exactly_what_is_legal(void **state)
{
    struct pair pair;

    (void)state;
    pair_init(&pair);
    for (uint32_t at = 0; at < MESSAGE_STATE_COUNT; at++) {
        for (uint32_t kind = 0; kind <= MESSAGE_KIND_COUNT; kind++) {
            struct message_session session = {
                .state = (enum message_state)at, .resume = MESSAGE_STATE_LINKING, .depth = 2};
            bool accepted = false;

            // The row's number of words is not known here, so each is tried.
            for (uint32_t count = 0; count <= MESSAGE_WORDS_MAX; count++) {
                struct message message = {
                    .kind = (enum message_kind)kind, .depth = 2, .count = count};

                pair.host.session = session;
                pair.host.violation = MESSAGE_VIOLATION_NONE;
                forge(&pair, pair.host.received + 1, &message);
                accepted |= channel_receive(&pair.host, &message, in(SECOND)) == CHANNEL_OK;
            }
            assert_int_equal(accepted,
                             message_legal(&session, MESSAGE_TO_HOST, (enum message_kind)kind));
        }
    }
    pair_finish(&pair);
}

static void every_jump_of_the_sequence_is_a_violation(void **state)
{
    static const int64_t jumps[] = {-1, 2, 3, 0x80000000, 0x80000001, 0x100000001, INT64_MIN};
    struct message message = {.kind = MESSAGE_LOADED};

    (void)state;
    for (size_t i = 0; i < sizeof jumps / sizeof jumps[0]; i++) {
        struct pair pair;

        pair_init(&pair);
        pair_set_state(&pair, MESSAGE_STATE_STARTING, 0);
        pair.host.received = 77;
        forge(&pair, (uint64_t)(77 + jumps[i]), &message);
        // Some of them look like silence at the bell, which a second ring ends.
        pair.host.memory->bells[MESSAGE_TO_HOST].sequence = 78;
        expect_violation(&pair.host, MESSAGE_VIOLATION_SEQUENCE);
        pair_finish(&pair);
    }
}

static void a_bell_without_a_message_is_a_violation(void **state)
{
    struct pair pair;

    (void)state;
    pair_init(&pair);
    channel_ring(&pair.host.memory->bells[MESSAGE_TO_HOST], 12345);
    expect_violation(&pair.host, MESSAGE_VIOLATION_SEQUENCE);
    pair_finish(&pair);
}

static void a_message_without_a_bell_is_not_seen(void **state)
{
    struct message message = {.kind = MESSAGE_CONFINED, .count = 1};
    struct pair pair;

    (void)state;
    pair_init(&pair);
    message_write(&pair.host.memory->slots[MESSAGE_TO_HOST].slot, 1, &message);
    assert_int_equal(channel_receive(&pair.host, &message, in(MS)), CHANNEL_TIMEOUT);
    pair_finish(&pair);
}

static void after_a_violation_nothing_goes_through_any_more(void **state)
{
    struct message message = {.kind = MESSAGE_LOADED};
    struct pair pair;

    (void)state;
    pair_init(&pair);
    forge(&pair, 1, &message);
    expect_violation(&pair.host, MESSAGE_VIOLATION_STATE);
    message = (struct message){.kind = MESSAGE_CONFINED, .count = 1};
    forge(&pair, 1, &message);
    expect_violation(&pair.host, MESSAGE_VIOLATION_STATE);
    assert_int_equal(channel_send(&pair.host, &message), CHANNEL_VIOLATION);
    pair_finish(&pair);
}

static void the_bell_wraps_without_a_violation(void **state)
{
    struct message message;
    struct pair pair;

    (void)state;
    pair_init(&pair);
    pair.host.received = pair.worker.sent = CHANNEL_BELL_MASK;
    pair.host.memory->bells[MESSAGE_TO_HOST].sequence = CHANNEL_BELL_MASK;
    expect_sent(&pair.worker, MESSAGE_CONFINED, 1, 0);
    assert_int_equal(pair.host.memory->bells[MESSAGE_TO_HOST].sequence, 0);
    assert_int_equal(channel_receive(&pair.host, &message, in(SECOND)), CHANNEL_OK);
    pair_finish(&pair);
}

// --- bytes ---------------------------------------------------------------------------------------

static void bytes_cross_at_every_offset_and_length(void **state)
{
    struct pair pair;
    uint8_t sent[40];
    uint8_t got[42];

    (void)state;
    pair_init(&pair);
    for (size_t offset = 0; offset < 9; offset++) {
        for (size_t length = 0; length <= sizeof sent; length++) {
            for (size_t i = 0; i < sizeof sent; i++)
                sent[i] = (uint8_t)(i + offset * 7 + length);
            memset(got, 0xee, sizeof got);
            assert_true(channel_arena_write(&pair.worker, offset, sent, length));
            assert_true(channel_arena_read(&pair.host, offset, got + 1, length));
            assert_memory_equal(got + 1, sent, length);
            assert_int_equal(got[0], 0xee);
            assert_int_equal(got[length + 1], 0xee);
        }
    }
    pair_finish(&pair);
}

static void each_direction_has_an_arena_of_its_own(void **state)
{
    struct pair pair;
    uint8_t byte = 1;

    (void)state;
    pair_init(&pair);
    assert_true(channel_arena_write(&pair.host, 0, &byte, 1));
    assert_true(channel_arena_read(&pair.host, 0, &byte, 1));
    assert_int_equal(byte, 0);
    assert_true(channel_arena_read(&pair.worker, 0, &byte, 1));
    assert_int_equal(byte, 1);
    pair_finish(&pair);
}

static void nothing_outside_of_the_arena_is_copied(void **state)
{
    static const struct {
        size_t offset;
        size_t length;
    } outside[] = {
        {0, MESSAGE_ARENA_SIZE + 1}, {1, MESSAGE_ARENA_SIZE}, {MESSAGE_ARENA_SIZE, 1},
        {MESSAGE_ARENA_SIZE + 1, 0}, {SIZE_MAX, 1},           {1, SIZE_MAX},
        {SIZE_MAX, SIZE_MAX},        {SIZE_MAX - 7, 8},
    };
    static uint8_t bytes[MESSAGE_ARENA_SIZE];
    struct pair pair;

    (void)state;
    pair_init(&pair);
    for (size_t i = 0; i < sizeof outside / sizeof outside[0]; i++) {
        assert_false(channel_arena_read(&pair.host, outside[i].offset, bytes, outside[i].length));
        assert_false(channel_arena_write(&pair.host, outside[i].offset, bytes, outside[i].length));
    }
    assert_true(channel_arena_write(&pair.host, 0, bytes, sizeof bytes));
    assert_true(channel_arena_read(&pair.host, MESSAGE_ARENA_SIZE - 1, bytes, 1));
    assert_true(channel_arena_read(&pair.host, MESSAGE_ARENA_SIZE, bytes, 0));
    pair_finish(&pair);
}

static void a_crash_record_is_made_printable_and_cut_off(void **state)
{
    static char text[2 * CHANNEL_CRASH_TEXT_MAX];
    struct channel_crash crash;
    struct pair pair;

    (void)state;
    pair_init(&pair);
    assert_false(channel_crash_read(&pair.host, &crash));
    channel_crash_write(&pair.worker, "at \x1b[31mrun.c\n\xff:1");
    assert_true(channel_crash_read(&pair.host, &crash));
    assert_string_equal(crash.text, "at ?[31mrun.c??:1");
    memset(text, 'x', sizeof text - 1);
    channel_crash_write(&pair.worker, text);
    assert_true(channel_crash_read(&pair.host, &crash));
    assert_int_equal(crash.length, CHANNEL_CRASH_TEXT_MAX);
    assert_int_equal(strlen(crash.text), CHANNEL_CRASH_TEXT_MAX);
    channel_crash_write(&pair.worker, "");
    assert_true(channel_crash_read(&pair.host, &crash));
    assert_string_equal(crash.text, "");
    pair_finish(&pair);
}

static void a_crash_record_of_any_length_is_read_within_its_area(void **state)
{
    struct channel_crash crash;
    struct pair pair;

    (void)state;
    pair_init(&pair);
    for (uint64_t length = UINT64_MAX; length > 0; length >>= 1) {
        pair.host.memory->crash_length = length;
        assert_true(channel_crash_read(&pair.host, &crash));
        assert_in_range(crash.length, 0, CHANNEL_CRASH_TEXT_MAX);
        assert_int_equal(crash.text[crash.length], '\0');
    }
    pair_finish(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_control_memory_cannot_change_its_size),
        cmocka_unit_test(a_worker_attaches_to_what_a_host_created),
        cmocka_unit_test(a_worker_refuses_memory_of_another_size_or_without_seals),
        cmocka_unit_test(finish_takes_null_zeroes_and_what_is_finished),
        cmocka_unit_test(a_hundred_thousand_messages_arrive_in_order_between_threads),
        cmocka_unit_test(messages_arrive_in_order_where_both_sides_only_block),
        cmocka_unit_test(a_worker_needs_no_system_call_but_futex_and_yield),
        cmocka_unit_test(a_message_that_is_not_legal_is_not_sent),
        cmocka_unit_test(the_host_accepts_in_each_state_exactly_what_is_legal),
        cmocka_unit_test(every_jump_of_the_sequence_is_a_violation),
        cmocka_unit_test(a_bell_without_a_message_is_a_violation),
        cmocka_unit_test(a_message_without_a_bell_is_not_seen),
        cmocka_unit_test(after_a_violation_nothing_goes_through_any_more),
        cmocka_unit_test(the_bell_wraps_without_a_violation),
        cmocka_unit_test(bytes_cross_at_every_offset_and_length),
        cmocka_unit_test(each_direction_has_an_arena_of_its_own),
        cmocka_unit_test(nothing_outside_of_the_arena_is_copied),
        cmocka_unit_test(a_crash_record_is_made_printable_and_cut_off),
        cmocka_unit_test(a_crash_record_of_any_length_is_read_within_its_area),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
