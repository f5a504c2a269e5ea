// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "sandbox/file_request.h"
#include "tests/unit/host/session_fixture.h"

enum { MS = 1000 * 1000, DEADLINE_MS = 150, LATE_MS = 2000 };

static char base[64];

static int count_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    int count = -1; // the folder's own

    assert_non_null(folder);
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder))
        count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}

static int descriptors_before;

// A folder with a file and a link in it.
static int set_up(void **state)
{
    char command[256];

    descriptors_before = count_descriptors();
    snprintf(base, sizeof base, "/tmp/pinfold-session-XXXXXX");
    if (!mkdtemp(base) || fixture_setup(state) != 0)
        return -1;
    snprintf(command, sizeof command, "cd %s && echo inside >file && ln -s file link", base);
    return system(command);
}

static int tear_down(void **state)
{
    char command[128];

    fixture_teardown(state);
    assert_int_equal(count_descriptors(), descriptors_before);
    snprintf(command, sizeof command, "rm -rf %s", base);
    return system(command);
}

// --- the worker's side ---------------------------------------------------------------------------

static struct channel *own;

// What the call then returns is where it went wrong.
static void check(bool condition, int line)
{
    if (condition)
        return;
    worker_return(own, line);
    for (;;)
        pause();
}

#define NEED(condition_) check(condition_, __LINE__)

static struct file_answer answer;
static uint8_t bytes[MESSAGE_ARENA_SIZE];
static size_t length;

static uint32_t ask(const struct file_request *request)
{
    struct message message;

    file_request_put(request, &message);
    NEED(channel_arena_write(own, 0, request->path, request->path_length));
    worker_send(own, message.kind, message.count, message.words);
    worker_receive(own, MESSAGE_FILE_RESULT, &message);
    NEED(file_answer_take(&message, &answer));
    length = message_bytes(&message);
    NEED(channel_arena_read(own, 0, bytes, length));
    return answer.error;
}

static uint32_t ask_path(enum file_operation operation, const char *path, uint32_t flags)
{
    return ask(&(const struct file_request){.operation = operation,
                                            .flags = flags,
                                            .values = {0, sizeof bytes},
                                            .path = (const uint8_t *)path,
                                            .path_length = strlen(path)});
}

static int receive_descriptor(void)
{
    union {
        struct cmsghdr header;
        uint8_t bytes[CMSG_SPACE(sizeof(int))];
    } rights;
    uint8_t byte;
    struct iovec part = {&byte, sizeof byte};
    struct msghdr header = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = rights.bytes,
                            .msg_controllen = sizeof rights.bytes};
    int descriptor = -1;

    if (recvmsg(worker_socket(), &header, MSG_DONTWAIT) == 1 && CMSG_FIRSTHDR(&header))
        memcpy(&descriptor, CMSG_DATA(CMSG_FIRSTHDR(&header)), sizeof descriptor);
    return descriptor;
}

static void begin_call(struct channel *channel)
{
    own = channel;
    worker_load(channel);
    worker_take_call(channel);
}

static void end_call(void)
{
    worker_return(own, 0);
    for (;;)
        pause();
}

// --- the host's side -----------------------------------------------------------------------------

static void app_log(int32_t level, const char *text, size_t size)
{
    (void)level;
    (void)text;
    (void)size;
}

static int32_t app_twice(int32_t x)
{
    return 2 * x;
}

static uint64_t granted_stdin = POLICY_WASI_STDIN_NONE;

// Of a plugin that is loaded: whether a policy may say so is not the question here.
static void grant_folder(struct fixture *fixture)
{
    struct policy *policy = &fixture->policy;
    struct error error = {.code = ERROR_NONE};

    policy->dir_count = 1;
    policy->dirs[0].access = POLICY_WASI_DIRS_ACCESS_WRITE;
    policy->dirs[0].links = POLICY_WASI_DIRS_LINKS_FOLLOW;
    assert_true(policy_add_text(policy, base, strlen(base), &policy->dirs[0].host, &error));
    broker_close(&fixture->session.broker);
    if (!broker_open(&fixture->session.broker, policy, &error))
        fail_msg("%s", error.message);
}

static void load(struct fixture *fixture, void (*worker)(struct channel *channel))
{
    assert_true(registry_add(&fixture->registry, "app.log(level: i32, text: str)",
                             (void (*)(void))app_log, NULL, &fixture->error));
    assert_true(registry_add(&fixture->registry, "app.twice(x: i32) -> i32",
                             (void (*)(void))app_twice, NULL, &fixture->error));
    fixture_grant(fixture, "app.log");
    fixture_grant(fixture, "app.twice");
    if (!fixture_load(fixture, worker))
        fail_msg("%s", fixture->error.text);
    grant_folder(fixture);
    fixture->policy.wasi_stdin = granted_stdin;
}

static void expect_done(struct fixture *fixture, void (*worker)(struct channel *channel))
{
    int32_t line = -1;

    load(fixture, worker);
    if (!fixture_call(fixture, "run() -> i32", &line))
        fail_msg("%s", fixture->error.text);
    if (line != 0)
        fail_msg("the worker at line %d", line);
}

static void expect_failure(struct fixture *fixture, pnf_status status, const char *words)
{
    int32_t line = 0;

    if (fixture_call(fixture, "run() -> i32", &line))
        fail_msg("no failure; the worker at line %d", line);
    if (fixture->error.status != status || !strstr(fixture->error.text, words))
        fail_msg("%s: %s", pnf_status_words(fixture->error.status), fixture->error.text);
    fixture_expect_killed(fixture);
}

// --- requests ------------------------------------------------------------------------------------

static void asker(struct channel *channel)
{
    begin_call(channel);
    NEED(ask_path(FILE_STATUS, "file", 0) == 0 && answer.status.size == 7 && length == 0);
    NEED(ask_path(FILE_STATUS, "missing", 0) == ENOENT);
    NEED(ask_path(FILE_READ_LINK, "link", 0) == 0 && length == 4 && !memcmp(bytes, "file", 4));
    NEED(ask_path(FILE_LIST, "", 0) == 0 && length == 4 * FILE_RECORD_SIZE + 11);
    NEED(ask_path(FILE_CREATE_DIRECTORY, "new", 0) == 0);
    NEED(ask(&(const struct file_request){.operation = FILE_STATUS, .handle = 1}) == EBADF);
    end_call();
}

static void requests_are_answered(void **state)
{
    expect_done(*state, asker);
}

static void opener(struct channel *channel)
{
    char text[16] = "";
    int descriptor;

    begin_call(channel);
    for (uint32_t i = 0; i < 3; i++) {
        NEED(ask_path(FILE_OPEN, "file", FILE_READ) == 0);
        NEED(answer.has_descriptor && answer.handle == 1 + i);
        NEED(ask_path(FILE_STATUS, "file", 0) == 0); // in between is no matter
        descriptor = receive_descriptor();
        NEED(descriptor >= 0 && read(descriptor, text, sizeof text) == 7);
        NEED(memcmp(text, "inside\n", 7) == 0);
        NEED(ask_path(FILE_OPEN, "missing", FILE_READ) == ENOENT);
        NEED(receive_descriptor() == -1);
    }
    NEED(ask(&(const struct file_request){.operation = FILE_CLOSE, .handle = 2}) == 0);
    NEED(ask_path(FILE_OPEN, ".", FILE_READ) == 0);
    NEED(!answer.has_descriptor && answer.handle == 2 && receive_descriptor() == -1);
    end_call();
}

static void descriptors_come_by_the_socket(void **state)
{
    expect_done(*state, opener);
}

// LINK has come, LOADED is not sent.
static void early_asker(struct channel *channel)
{
    const struct report_item item = worker_export("run", "\x7f", 0);
    struct message message;

    own = channel;
    worker_confine(channel);
    worker_report(channel, &item, 0, 1);
    worker_receive(channel, MESSAGE_LINK, &message);
    if (ask_path(FILE_STATUS, "file", 0) != EBADF) // without grants
        _exit(97);
    worker_send(channel, MESSAGE_LOADED, 0, NULL);
    worker_take_call(channel);
    end_call();
}

static void the_start_function_may_ask_too(void **state)
{
    struct fixture *fixture = *state;

    if (!fixture_load(fixture, early_asker))
        fail_msg("%s", fixture->error.text);
}

// --- violations ----------------------------------------------------------------------------------

static struct message bad;

static void breaker(struct channel *channel)
{
    begin_call(channel);
    worker_send(channel, bad.kind, bad.count, bad.words);
    worker_receive(channel, MESSAGE_NONE, &bad);
    end_call();
}

static void requests_that_are_none_are_violations(void **state)
{
    static const struct {
        uint64_t words[8]; // bytes, operation, handles, flags, values, length of the path
        const char *text;
    } requests[] = {
        {{0, FILE_OPERATION_COUNT}, "a request for files that is none"},
        {{0, UINT64_MAX}, "that is none"},
        {{0, FILE_STATUS, UINT64_C(1) << 32}, "that is none"},
        {{0, FILE_STATUS, 0, 0, FILE_CREATE}, "that is none"},
        {{4, FILE_STATUS, 0, 0, 0, 0, 0, 5}, "that is none"},
        {{4, FILE_STATUS, 0, 0, 0, 0, 0, UINT64_MAX}, "that is none"},
        {{4, FILE_STATUS, 0, 0, 0, 0, 0, 3}, "that is none"},
        {{1, FILE_READ_INPUT, 0, 0, 0, 0, 0, 1}, "that is none"},
        {{FILE_PATH_MAX + 1, FILE_STATUS, 0, 0, 0, 0, 0, FILE_PATH_MAX + 1}, "that is none"},
        {{2 * FILE_PATH_MAX + 1, FILE_RENAME, 0, 0, 0, 0, 0, FILE_PATH_MAX}, "too long"},
        {{MESSAGE_ARENA_SIZE, FILE_RENAME, 0, 0, 0, 0, 0, FILE_PATH_MAX}, "too long"},
    };

    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        if (i > 0) {
            tear_down(state);
            set_up(state);
        }
        bad = (struct message){.kind = MESSAGE_FILE, .count = 8};
        memcpy(bad.words, requests[i].words, sizeof requests[i].words);
        load(*state, breaker);
        expect_failure(*state, PNF_VIOLATION, requests[i].text);
    }
}

static void hoarder(struct channel *channel)
{
    begin_call(channel);
    NEED(ask_path(FILE_OPEN, "file", FILE_READ) == 0 && answer.has_descriptor);
    ask_path(FILE_OPEN, "file", FILE_READ);
    end_call();
}

static void who_does_not_take_a_descriptor_gets_no_other(void **state)
{
    load(*state, hoarder);
    expect_failure(*state, PNF_VIOLATION, "descriptors that were not taken");
}

// --- standard input ------------------------------------------------------------------------------

static int input[2]; // of which the first is standard input
static int input_before;

static int set_up_input(void **state)
{
    input_before = dup(STDIN_FILENO);
    if (set_up(state) != 0 || pipe2(input, O_CLOEXEC) != 0)
        return -1;
    granted_stdin = POLICY_WASI_STDIN_INHERIT;
    return dup2(input[0], STDIN_FILENO) == STDIN_FILENO ? 0 : -1;
}

static void close_input(void)
{
    if (input[1] >= 0)
        close(input[1]);
    input[1] = -1;
}

static int tear_down_input(void **state)
{
    close_input();
    close(input[0]);
    if (tear_down(state) != 0)
        return -1;
    if (input_before < 0)
        return close(STDIN_FILENO);
    dup2(input_before, STDIN_FILENO);
    return close(input_before);
}

static uint32_t read_input(uint64_t room, uint64_t wait_ns)
{
    return ask(&(const struct file_request){.operation = FILE_READ_INPUT,
                                            .handle = FILE_NO_HANDLE, // means nothing
                                            .values = {room, wait_ns}});
}

static void reader_of_nothing(struct channel *channel)
{
    begin_call(channel);
    NEED(read_input(100, UINT64_MAX) == 0 && length == 0);
    NEED(read_input(0, 0) == 0 && length == 0);
    end_call();
}

static void without_the_grant_input_is_at_its_end(void **state)
{
    assert_int_equal(write(input[1], "secret", 6), 6);
    granted_stdin = POLICY_WASI_STDIN_NONE;
    expect_done(*state, reader_of_nothing);
}

static void reader(struct channel *channel)
{
    uint64_t begin;

    begin_call(channel);
    NEED(read_input(0, 0) == 0 && length == 0); // there is some
    NEED(read_input(3, UINT64_MAX) == 0 && length == 3 && !memcmp(bytes, "hel", 3));
    NEED(read_input(UINT64_MAX, 0) == 0 && length == 2 && !memcmp(bytes, "lo", 2));
    NEED(read_input(1, 0) == EAGAIN && length == 0);
    begin = channel_now();
    NEED(read_input(1, 30 * MS) == EAGAIN);
    NEED(channel_now() - begin >= 30 * MS);
    end_call();
}

static void input_is_read_as_far_as_there_is_some(void **state)
{
    assert_int_equal(write(input[1], "hello", 5), 5);
    expect_done(*state, reader);
}

static void late_reader(struct channel *channel)
{
    close(input[1]); // or there would be no end
    begin_call(channel);
    NEED(read_input(100, UINT64_MAX) == 0 && length == 4 && !memcmp(bytes, "late", 4));
    NEED(read_input(100, UINT64_MAX) == 0 && length == 0);
    NEED(read_input(0, UINT64_MAX) == 0 && length == 0);
    end_call();
}

static void *write_late(void *unused)
{
    (void)unused;
    usleep(50 * 1000);
    assert_int_equal(write(input[1], "late", 4), 4);
    usleep(50 * 1000);
    close_input();
    return NULL;
}

static void input_is_waited_for_and_ends(void **state)
{
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, write_late, NULL), 0);
    expect_done(*state, late_reader);
    pthread_join(thread, NULL);
}

static void waiter(struct channel *channel)
{
    begin_call(channel);
    NEED(read_input(1, UINT64_MAX) == EINTR);
    for (;;)
        pause();
}

static void the_deadline_ends_waiting_for_input(void **state)
{
    struct fixture *fixture = *state;
    uint64_t begin;

    fixture->policy.limits.time_ms = DEADLINE_MS;
    load(fixture, waiter);
    begin = channel_now();
    expect_failure(fixture, PNF_TIMEOUT, "limits.time");
    assert_in_range(channel_now() - begin, DEADLINE_MS * (uint64_t)MS, LATE_MS * (uint64_t)MS);
}

static void *cancel_late(void *session)
{
    usleep(50 * 1000);
    session_cancel(session);
    return NULL;
}

static void cancelling_ends_waiting_for_input(void **state)
{
    struct fixture *fixture = *state;
    pthread_t thread;

    fixture->policy.limits.time_ms = POLICY_NONE;
    load(fixture, waiter);
    assert_int_equal(pthread_create(&thread, NULL, cancel_late, &fixture->session), 0);
    expect_failure(fixture, PNF_CANCELLED, "cancelled");
    pthread_join(thread, NULL);
}

static atomic_bool is_slow;

// In place of the C library's: by the time that the caller looks, others have seen the same.
int poll(struct pollfd *descriptors, nfds_t count, int timeout_ms)
{
    const struct timespec timeout = {timeout_ms / 1000, timeout_ms % 1000 * (long)MS};
    int ready = ppoll(descriptors, count, timeout_ms < 0 ? NULL : &timeout, NULL);

    if (ready > 0 && atomic_load(&is_slow) && descriptors->fd == STDIN_FILENO && timeout_ms > 0)
        usleep(50 * 1000);
    return ready;
}

static void taker(struct channel *channel)
{
    close(input[1]);
    begin_call(channel);
    NEED(read_input(100, UINT64_MAX) != ETIMEDOUT);
    end_call();
}

static atomic_uint still_waiting;

static void *take_one(void *fixture)
{
    int32_t line = -1;
    bool done = fixture_call(fixture, "run() -> i32", &line);

    atomic_fetch_sub(&still_waiting, 1);
    return done ? fixture : NULL;
}

// Whoever finds nothing any more waits on, and with the deadline.
static void of_two_that_wait_for_input_one_gets_it_and_the_other_keeps_its_deadline(void **state)
{
    struct fixture *fixtures[2] = {*state};
    pthread_t threads[2];
    void *done[2];
    unsigned waiting;
    void *second;

    atomic_store(&still_waiting, 2);
    atomic_store(&is_slow, true);
    assert_int_equal(fixture_setup(&second), 0);
    fixtures[1] = second;
    for (int i = 0; i < 2; i++) {
        fixtures[i]->policy.limits.time_ms = DEADLINE_MS;
        load(fixtures[i], taker);
    }
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_one, fixtures[i]), 0);
    usleep(DEADLINE_MS / 2 * 1000);
    assert_int_equal(write(input[1], "x", 1), 1);
    usleep(LATE_MS / 2 * 1000);
    waiting = atomic_load(&still_waiting);
    close_input();
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], &done[i]);
    assert_int_equal((done[0] != NULL) + (done[1] != NULL), 1);
    atomic_store(&is_slow, false);
    assert_int_equal(waiting, 0);
    fixture_teardown(&second);
}

#define TEST(name_)       cmocka_unit_test_setup_teardown(name_, set_up, tear_down)
#define INPUT_TEST(name_) cmocka_unit_test_setup_teardown(name_, set_up_input, tear_down_input)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(requests_are_answered),
        TEST(descriptors_come_by_the_socket),
        TEST(the_start_function_may_ask_too),
        TEST(requests_that_are_none_are_violations),
        TEST(who_does_not_take_a_descriptor_gets_no_other),
        INPUT_TEST(without_the_grant_input_is_at_its_end),
        INPUT_TEST(input_is_read_as_far_as_there_is_some),
        INPUT_TEST(input_is_waited_for_and_ends),
        INPUT_TEST(the_deadline_ends_waiting_for_input),
        INPUT_TEST(cancelling_ends_waiting_for_input),
        INPUT_TEST(of_two_that_wait_for_input_one_gets_it_and_the_other_keeps_its_deadline),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
