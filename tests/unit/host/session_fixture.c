// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/host/session_fixture.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define I32 "\x7F"
#define I64 "\x7E"

// --- the host's side -----------------------------------------------------------------------------

static bool wait_end(void *context, int timeout_ms, enum launcher_end *end, int *status)
{
    struct fixture *fixture = context;
    siginfo_t information = {.si_pid = 0};

    for (int i = 0; i <= timeout_ms; i++) {
        if (waitid(P_PID, (id_t)fixture->child, &information, WEXITED | WNOHANG | WNOWAIT) == 0 &&
            information.si_pid != 0) {
            *end = information.si_code == CLD_EXITED ? LAUNCHER_END_EXITED : LAUNCHER_END_KILLED;
            *status = information.si_status;
            return true;
        }
        usleep(1000);
    }
    return false;
}

static void keep_log(void *context, int level, const char *text)
{
    struct fixture *fixture = context;

    snprintf(fixture->logged, sizeof fixture->logged, "%d %s", level, text);
}

int fixture_setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    struct error below = {.code = ERROR_NONE};

    assert_non_null(fixture);
    policy_init(&fixture->policy);
    registry_init(&fixture->registry);
    error_text_init(&fixture->error);
    assert_true(monitor_open(&fixture->monitor, NULL, &below));
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fixture->sockets), 0);
    *state = fixture;
    return 0;
}

int fixture_teardown(void **state)
{
    struct fixture *fixture = *state;

    if (fixture->child > 0) {
        kill(fixture->child, SIGKILL);
        waitpid(fixture->child, NULL, 0);
        monitor_remove(&fixture->monitor, &fixture->session.watch);
        close(fixture->pidfd);
    }
    session_finish(&fixture->session);
    monitor_close(&fixture->monitor);
    registry_finish(&fixture->registry);
    close(fixture->sockets[0]);
    close(fixture->sockets[1]);
    free(fixture);
    return 0;
}

void fixture_grant(struct fixture *fixture, const char *name)
{
    struct policy_function function = {.calls_per_second = POLICY_NONE,
                                       .bytes_per_second = POLICY_NONE};
    struct error below = {.code = ERROR_NONE};

    assert_true(policy_add_text(&fixture->policy, name, strlen(name), &function.name, &below));
    assert_true(policy_add_function(&fixture->policy, &function, &below));
}

void fixture_link(struct fixture *fixture, const char *name)
{
    struct report_library *library = &fixture->libraries[fixture->library_count++];

    snprintf(library->name, sizeof library->name, "%s", name);
    library->offset = 100;
    library->size = 10;
}

static int own_socket; // of the child

static _Noreturn void run_child(int fd, int socket, void (*worker)(struct channel *channel))
{
    struct channel channel;
    struct error below = {.code = ERROR_NONE};

    own_socket = socket;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGUSR1, SIG_IGN);
    if (!channel_attach(&channel, fd, &below))
        _exit(98);
    worker(&channel);
    _exit(0);
}

bool fixture_load(struct fixture *fixture, void (*worker)(struct channel *channel))
{
    struct session_setup setup = {
        .policy = &fixture->policy,
        .registry = &fixture->registry,
        .monitor = &fixture->monitor,
        .module_size = 100,
        .libraries = fixture->libraries,
        .library_count = fixture->library_count,
        .socket = fixture->sockets[0],
        .wait_end = wait_end,
        .log = keep_log,
        .context = fixture,
        .name = "test",
    };

    assert_true(session_init(&fixture->session, &fixture->error));
    fixture->child = fork();
    if (fixture->child == 0)
        run_child(fixture->session.channel.fd, fixture->sockets[1], worker);
    fixture->pidfd = (int)syscall(SYS_pidfd_open, fixture->child, 0);
    assert_true(fixture->pidfd >= 0);
    setup.pidfd = fixture->pidfd;
    channel_forget_fd(&fixture->session.channel);
    assert_true(session_begin(&fixture->session, &setup, &fixture->error));
    return session_load(&fixture->session, &fixture->error);
}

bool fixture_call(struct fixture *fixture, const char *signature, ...)
{
    struct session_export prepared;
    va_list arguments;
    bool done;

    error_text_init(&fixture->error);
    if (!session_prepare(&fixture->session, signature, &prepared, &fixture->error))
        return false;
    va_start(arguments, signature);
    done = session_call(&fixture->session, &prepared, arguments, &fixture->error);
    va_end(arguments);
    return done;
}

void fixture_expect_killed(struct fixture *fixture)
{
    enum launcher_end end;
    int status;

    assert_true(wait_end(fixture, 2000, &end, &status));
    assert_int_equal(end, LAUNCHER_END_KILLED);
    assert_int_equal(status, SIGKILL);
}

// --- the child's side ----------------------------------------------------------------------------

static void need(bool condition)
{
    if (!condition)
        _exit(99);
}

void worker_send(struct channel *channel, enum message_kind kind, uint32_t count,
                 const uint64_t *words)
{
    struct message message = {.kind = kind, .count = count};

    for (uint32_t i = 0; i < count; i++)
        message.words[i] = words[i];
    need(channel_send(channel, &message) == CHANNEL_OK);
}

void worker_receive(struct channel *channel, enum message_kind kind, struct message *message)
{
    need(channel_receive(channel, message, CHANNEL_FOREVER) == CHANNEL_OK);
    need(kind == MESSAGE_NONE || message->kind == kind);
}

void worker_confine(struct channel *channel)
{
    static struct policy policy;
    struct error below = {.code = ERROR_NONE};
    struct message message;

    worker_send(channel, MESSAGE_CONFINED, 1, (const uint64_t[]){MESSAGE_PROTOCOL});
    worker_receive(channel, MESSAGE_START, &message);
    need(message.words[0] >= sizeof policy && message.words[1] == 100);
    need(channel_arena_read(channel, 0, &policy, sizeof policy) && policy_check(&policy, &below));
}

static struct report_text text_of(const char *text)
{
    return (struct report_text){(const uint8_t *)text, (uint32_t)strlen(text)};
}

struct report_item worker_export(const char *name, const char *types, uint16_t parameters)
{
    return (struct report_item){
        .part = REPORT_EXPORT,
        .kind = REPORT_FUNCTION,
        .parameter_count = parameters,
        .result_count = (uint16_t)(strlen(types) - parameters),
        .name = text_of(name),
        .types = (const uint8_t *)types,
    };
}

struct report_item worker_import(const char *module, const char *name, const char *types,
                                 uint16_t parameters)
{
    struct report_item item = worker_export(name, types, parameters);

    item.part = REPORT_IMPORT;
    item.module = text_of(module);
    return item;
}

void worker_report(struct channel *channel, const struct report_item *items, uint32_t imports,
                   uint32_t exports)
{
    static uint8_t bytes[MESSAGE_ARENA_SIZE];
    struct report_writer writer = {.bytes = bytes, .size = sizeof bytes};
    struct report_head head = {.counts = {[REPORT_IMPORT] = imports, [REPORT_EXPORT] = exports}};

    report_put_head(&writer, &head);
    for (uint32_t i = 0; i < imports + exports; i++)
        report_put_item(&writer, &items[i]);
    need(writer.length <= sizeof bytes && channel_arena_write(channel, 0, bytes, writer.length));
    worker_send(channel, MESSAGE_MODULE_REPORT, 3,
                (const uint64_t[]){writer.length, imports, exports});
}

void worker_load(struct channel *channel)
{
    const struct report_item items[] = {
        worker_import("app", "log", I32 I32 I32, 3),
        worker_import("app", "twice", I32 I32, 1),
        worker_export("run", I32, 0),
        worker_export("greet", I32 I32 I64, 2),
    };
    struct message message;

    worker_confine(channel);
    worker_report(channel, items, 2, 2);
    worker_receive(channel, MESSAGE_LINK, &message);
    need(message.words[1] == 2);
    worker_send(channel, MESSAGE_LOADED, 0, NULL);
}

int worker_socket(void)
{
    return own_socket;
}

void worker_take_call(struct channel *channel)
{
    struct message message;

    worker_receive(channel, MESSAGE_CALL, &message);
    need(message.words[1] == MESSAGE_BY_NAME);
}

uint64_t worker_frame(struct channel *channel, uint32_t count, const uint64_t *words,
                      const char *text)
{
    static uint8_t bytes[MESSAGE_ARENA_SIZE];
    struct report_frame frame;
    size_t length = text ? strlen(text) : 0;

    report_frame_layout(0, count, REPORT_FRAME_MAX, &frame);
    report_put_frame(bytes, &frame, NULL, NULL, words);
    if (length > 0)
        memcpy(bytes + frame.blocks_at, text, length);
    need(channel_arena_write(channel, 0, bytes, frame.blocks_at + length));
    return report_frame_bytes(&frame, length);
}

void worker_return(struct channel *channel, int32_t value)
{
    uint64_t words[1] = {(uint64_t)value};

    worker_send(channel, MESSAGE_CALL_RESULT, 1,
                (const uint64_t[]){worker_frame(channel, 1, words, NULL)});
}

enum message_kind worker_host_call(struct channel *channel, uint64_t index, uint64_t word,
                                   uint64_t *result)
{
    static uint8_t bytes[MESSAGE_ARENA_SIZE];
    uint64_t words[PLAN_WORDS_MAX];
    struct report_frame frame;
    struct error below = {.code = ERROR_NONE};
    struct message message;

    worker_send(channel, MESSAGE_HOST_CALL, 2,
                (const uint64_t[]){worker_frame(channel, 1, &word, NULL), index});
    worker_receive(channel, MESSAGE_NONE, &message);
    if (message.kind != MESSAGE_HOST_CALL_RESULT)
        return message.kind;
    need(channel_arena_read(channel, 0, bytes, message_bytes(&message)) &&
         report_take_frame(bytes, message_bytes(&message), false, &frame, NULL, words, &below));
    *result = words[0];
    return message.kind;
}
