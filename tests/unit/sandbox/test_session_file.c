// SPDX-License-Identifier: Apache-2.0
//
// The worker's end of requests for files, in a thread of its own and in the midst of a call; the
// test is the host.
#include "tests/unit/sandbox/channel_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "sandbox/session_internal.h"
#include "sandbox/start.h"

enum { SCRATCH = 1024 * 1024, ROOM = 1000 };

static struct pair pair;
static struct session session;
static pthread_t thread;
static int host_socket;

// What the worker asks, and what it gets.
static struct file_request request;
static struct file_answer answer;
static uint8_t bytes[ROOM];
static size_t length;
static int descriptor;
static bool answered;

static int set_up(void **state)
{
    struct error error = {.code = ERROR_NONE};

    (void)state;
    pair_init(&pair);
    pair_set_state(&pair, MESSAGE_STATE_RUNNING, 1);
    session = (struct session){.channel = &pair.worker, .scratch_max = SCRATCH};
    request = (struct file_request){.operation = FILE_STATUS};
    length = ROOM;
    return arena_init(&session.scratch, SCRATCH, &error) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    assert_int_equal(session.scratch.used, 0);
    arena_finish(&session.scratch);
    pair_finish(&pair);
    return 0;
}

static void *run(void *unused)
{
    (void)unused;
    answered = session_files(&session, &request, &answer, bytes, &length, &descriptor);
    return NULL;
}

// The request as the host receives it; its paths are at the beginning of the arena.
static struct file_request receive(uint8_t *paths)
{
    struct message message;
    struct file_request got;

    assert_int_equal(pthread_create(&thread, NULL, run, NULL), 0);
    assert_int_equal(channel_receive(&pair.host, &message, in(20 * SECOND)), CHANNEL_OK);
    assert_string_equal(message_name(message.kind), "FILE");
    assert_true(channel_arena_read(&pair.host, 0, paths, message_bytes(&message)));
    assert_true(file_request_take(&message, paths, message_bytes(&message), &got));
    return got;
}

static void send_answer(struct message *message)
{
    assert_int_equal(channel_send(&pair.host, message), CHANNEL_OK);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

static struct file_request exchange(struct message *message)
{
    static uint8_t paths[2 * FILE_PATH_MAX];
    struct file_request got = receive(paths);

    send_answer(message);
    return got;
}

static void a_request_is_sent_and_the_answer_taken(void **state)
{
    const struct file_answer sent = {.error = FILE_OUTSIDE, .handle = 5, .status = {.size = 99}};
    static char longest[FILE_PATH_MAX];
    struct file_request got;
    struct message message;

    (void)state;
    memset(longest, 'a', sizeof longest);
    request = (struct file_request){.operation = FILE_RENAME,
                                    .handle = 3,
                                    .other_handle = 4,
                                    .path = (const uint8_t *)longest,
                                    .path_length = sizeof longest,
                                    .other_path = (const uint8_t *)"b",
                                    .other_path_length = 1};
    file_answer_put(&sent, &message);
    assert_true(channel_arena_write(&pair.host, 0, "text", 4));
    message.words[0] = 4;
    got = exchange(&message);
    assert_int_equal(got.operation, FILE_RENAME);
    assert_int_equal(got.path_length, sizeof longest);
    assert_memory_equal(got.path, longest, sizeof longest);
    assert_memory_equal(got.other_path, "b", 1);
    assert_true(answered && !session.over);
    assert_int_equal(answer.error, FILE_OUTSIDE);
    assert_int_equal(answer.handle, 5);
    assert_int_equal(answer.status.size, 99);
    assert_int_equal(length, 4);
    assert_memory_equal(bytes, "text", 4);
    assert_int_equal(descriptor, -1);
}

static void paths_that_are_too_long_are_not_asked_about(void **state)
{
    static const uint8_t path[FILE_PATH_MAX + 1];

    (void)state;
    for (int other = 0; other < 2; other++) {
        request = (struct file_request){.operation = FILE_RENAME,
                                        .path = path,
                                        .path_length = FILE_PATH_MAX + (other == 0),
                                        .other_path = path,
                                        .other_path_length = other == 0 ? 1 : SIZE_MAX};
        length = ROOM;
        run(NULL);
        assert_true(answered);
        assert_int_equal(answer.error, ENAMETOOLONG);
        assert_int_equal(answer.handle, FILE_NO_HANDLE);
        assert_int_equal(length, 0);
        assert_int_equal(pair.worker.sent, 0);
    }
}

static void answers_that_are_none_end_the_session(void **state)
{
    static const struct {
        size_t word;
        uint64_t value;
    } wrong[] = {
        {0, ROOM + 1},
        {0, MESSAGE_ARENA_SIZE},
        {1, FILE_NOT_A_FILE + 1},
        {1, UINT64_MAX},
        {2, UINT64_C(1) << 32},
        {3, 2},
        {6, FILE_TYPE_SYMBOLIC_LINK + 1},
    };

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        const struct file_answer sent = {.handle = FILE_NO_HANDLE};
        struct message message;

        if (i > 0) {
            tear_down(state);
            set_up(state);
        }
        file_answer_put(&sent, &message);
        message.words[wrong[i].word] = wrong[i].value;
        exchange(&message);
        assert_false(answered);
        assert_true(session.over);
    }
}

static void anything_but_an_answer_ends_the_session(void **state)
{
    struct message message = {.kind = MESSAGE_HOST_CALL_RESULT, .count = 1};
    static uint8_t paths[2 * FILE_PATH_MAX];

    (void)state;
    receive(paths);
    pair.host.session.state = MESSAGE_STATE_IMPORT; // a host that is wrong about it
    send_answer(&message);
    assert_false(answered);
    assert_true(session.over);
    run(NULL); // and then nothing is asked any more
    assert_false(answered);
    assert_int_equal(pair.worker.sent, 1);
}

// A guest may have used up what limits.engine leaves; the host has done nothing wrong then.
static void an_answer_that_there_is_no_memory_for_is_an_error(void **state)
{
    const struct file_answer sent = {.handle = FILE_NO_HANDLE};
    struct message message;

    (void)state;
    request = (struct file_request){.operation = FILE_LIST, .values = {0, ROOM}};
    session.scratch_max = 100;
    file_answer_put(&sent, &message);
    message.words[0] = 101;
    exchange(&message);
    assert_true(answered && !session.over);
    assert_int_equal(answer.error, ENOMEM);
    assert_int_equal(answer.handle, FILE_NO_HANDLE);
    assert_int_equal(length, 0);
}

// --- descriptors ---------------------------------------------------------------------------------

static void send_descriptor(int sent)
{
    union {
        struct cmsghdr header;
        uint8_t bytes[CMSG_SPACE(sizeof(int))];
    } rights = {.header = {.cmsg_len = CMSG_LEN(sizeof(int)),
                           .cmsg_level = SOL_SOCKET,
                           .cmsg_type = SCM_RIGHTS}};
    uint8_t byte = 0;
    struct iovec part = {&byte, sizeof byte};
    struct msghdr header = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = rights.bytes,
                            .msg_controllen = sizeof rights.bytes};

    memcpy(CMSG_DATA(&rights.header), &sent, sizeof sent);
    assert_int_equal(sendmsg(host_socket, &header, 0), 1);
}

static void a_descriptor_is_taken_where_one_is_announced(void **state)
{
    const struct file_answer sent = {.handle = 9, .has_descriptor = true};
    struct message message;
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    send_descriptor(ends[0]);
    file_answer_put(&sent, &message);
    exchange(&message);
    assert_true(answered && answer.has_descriptor);
    assert_true(descriptor >= 0 && descriptor != ends[0]);
    assert_true((fcntl(descriptor, F_GETFD) & FD_CLOEXEC) != 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_int_equal(read(descriptor, bytes, 1), 1);
    close(descriptor);
    close(ends[0]);
    close(ends[1]);
}

static void a_descriptor_that_did_not_arrive_is_none(void **state)
{
    const struct file_answer sent = {.handle = 9, .has_descriptor = true};
    const uint8_t byte = 0;
    struct message message;

    (void)state;
    file_answer_put(&sent, &message);
    exchange(&message);
    assert_true(answered && answer.has_descriptor);
    assert_int_equal(descriptor, -1);
    assert_int_equal(write(host_socket, &byte, 1), 1); // as the kernel leaves it
    exchange(&message);
    assert_true(answered);
    assert_int_equal(descriptor, -1);
}

// The worker's socket has a number of its own.
static int make_socket(void **state)
{
    int ends[2];

    (void)state;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return -1;
    host_socket = fcntl(ends[0], F_DUPFD_CLOEXEC, START_SLOT_COUNT);
    if (host_socket < 0 || dup2(ends[1], START_SLOT_SOCKET) < 0)
        return -1;
    for (int i = 0; i < 2; i++)
        if (ends[i] != START_SLOT_SOCKET)
            close(ends[i]);
    return 0;
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_request_is_sent_and_the_answer_taken),
        TEST(paths_that_are_too_long_are_not_asked_about),
        TEST(answers_that_are_none_end_the_session),
        TEST(anything_but_an_answer_ends_the_session),
        TEST(an_answer_that_there_is_no_memory_for_is_an_error),
        TEST(a_descriptor_is_taken_where_one_is_announced),
        TEST(a_descriptor_that_did_not_arrive_is_none),
    };

    return cmocka_run_group_tests(tests, make_socket, NULL);
}
