// SPDX-License-Identifier: Apache-2.0
#include "host/launcher_client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    STACK_BYTES = 32 * 1024, // of each of the two children
    FIRST_FREE = 16,         // descriptors for the launcher stay clear of its fixed numbers
    START_TIMEOUT_MS = 5000,
    CLOSE_TIMEOUT_MS = 2000,
    EXIT_NO_EXEC = 127
};

// clone, by the name that no sanitizer stands before: what they do around it is for children with
// a memory of their own. For the same reason the children make system calls and no others.
int __clone(int (*function)(void *), void *stack, int flags, void *argument, ...);

// What the children see of us, and leave for us: they share our memory until they exec.
struct birth {
    int socket;
    int launcher;
    int worker;
    uint8_t *stack; // the launcher's
    pid_t pid;
    int pidfd;
    int error;
};

static bool system_error(struct error *error, const char *what)
{
    return error_set(error, ERROR_SYSTEM_PROCESS, 0, "%s: errno %d", what, errno);
}

static void close_if_open(int *descriptor)
{
    if (*descriptor >= 0)
        close(*descriptor);
    *descriptor = -1;
}

// Closes `descriptor` and returns a duplicate that is clear of the fixed numbers; -1 on failure.
static int move_up(int descriptor)
{
    int moved = descriptor < 0 ? -1 : fcntl(descriptor, F_DUPFD_CLOEXEC, FIRST_FREE);
    int reason = errno;

    close_if_open(&descriptor);
    errno = reason;
    return moved;
}

static int open_executable(const char *path, struct error *error)
{
    int descriptor = move_up(open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
    struct stat file;

    if (descriptor < 0 || fstat(descriptor, &file) != 0) {
        system_error(error, path);
    } else if (!start_is_trusted(&file, geteuid())) {
        error_set(error, ERROR_SYSTEM_PROCESS, 0, "%s could be written by others", path);
    } else {
        return descriptor;
    }
    close_if_open(&descriptor);
    return -1;
}

// All signals are blocked here and handlers end with exec, so no handler of the application runs in
// this process; the launcher unblocks.
static int become_launcher(void *argument)
{
    static char *const nothing[] = {NULL};
    static char title[] = "pinfold-launcher";
    static char *const name[] = {title, NULL};
    struct birth *birth = argument;

    if (syscall(SYS_dup3, birth->socket, START_LAUNCHER_SOCKET, 0) >= 0 &&
        syscall(SYS_dup3, birth->worker, START_LAUNCHER_WORKER, 0) >= 0 &&
        syscall(SYS_dup3, birth->launcher, START_LAUNCHER_SELF, O_CLOEXEC) >= 0 &&
        syscall(SYS_close_range, START_LAUNCHER_SELF + 1, ~0u, 0) == 0)
        syscall(SYS_execveat, START_LAUNCHER_SELF, "", name, nothing, AT_EMPTY_PATH);
    birth->error = errno;
    return (int)syscall(SYS_exit_group, EXIT_NO_EXEC);
}

// Between us and the launcher, for a moment: exec makes SIGCHLD the exit signal of a process,
// whatever clone was told, so the launcher must not be our child. It shares our descriptors, so
// that the pidfd is ours.
static int become_nobody(void *argument)
{
    struct birth *birth = argument;

    birth->pid = __clone(become_launcher, birth->stack + STACK_BYTES,
                         CLONE_VM | CLONE_VFORK | CLONE_PIDFD, birth, &birth->pidfd);
    if (birth->pid < 0)
        birth->error = errno;
    return (int)syscall(SYS_exit_group, 0);
}

static void clone_twice(struct birth *birth, uint8_t *stacks)
{
    sigset_t all;
    sigset_t before;
    pid_t child;

    sigfillset(&all);
    birth->stack = stacks + STACK_BYTES;
    pthread_sigmask(SIG_BLOCK, &all, &before);
    child =
        __clone(become_nobody, stacks + STACK_BYTES, CLONE_VM | CLONE_VFORK | CLONE_FILES, birth);
    if (child < 0)
        birth->error = errno;
    else
        while (waitpid(child, NULL, (int)__WCLONE) < 0 && errno == EINTR)
            continue;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static bool give_birth(struct birth *birth, struct error *error)
{
    uint8_t *stacks = mmap(NULL, 2 * STACK_BYTES, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    int cancel_state;

    if (stacks == MAP_FAILED)
        return system_error(error, "stack");
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
    clone_twice(birth, stacks);
    pthread_setcancelstate(cancel_state, NULL);
    munmap(stacks, 2 * STACK_BYTES);
    if (birth->error == 0)
        return true;
    close_if_open(&birth->pidfd);
    errno = birth->error;
    return system_error(error, "launcher");
}

// Milliseconds on a clock that does not jump.
static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int remaining_ms(int64_t until)
{
    int64_t left = until - now_ms();

    return left > 0 ? (int)left : 0;
}

// Whether a descriptor is readable before `until`.
static bool wait_readable(int descriptor, int64_t until)
{
    struct pollfd waited = {.fd = descriptor, .events = POLLIN};
    int count;

    do
        count = poll(&waited, 1, remaining_ms(until));
    while (count < 0 && errno == EINTR);
    return count > 0;
}

// Sends a message with descriptors. False with errno.
static bool send_message(int socket, const void *message, size_t length, const int *descriptors,
                         size_t count)
{
    union {
        struct cmsghdr header;
        uint8_t bytes[CMSG_SPACE(START_DESCRIPTORS_MAX * sizeof(int))];
    } rights = {.header = {.cmsg_len = CMSG_LEN(count * sizeof(int)),
                           .cmsg_level = SOL_SOCKET,
                           .cmsg_type = SCM_RIGHTS}};
    struct iovec part = {(void *)(uintptr_t)message, length};
    struct msghdr header = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = rights.bytes,
                            .msg_controllen = CMSG_SPACE(count * sizeof(int))};
    ssize_t sent;

    memcpy(CMSG_DATA(&rights.header), descriptors, count * sizeof(int));
    do
        sent = sendmsg(socket, &header, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent == (ssize_t)length;
}

// Ends the launcher, and with it all workers, so that it is lost for good: what it might still say
// would not be heard, and a worker that nobody knows would stay.
static void give_up(struct launcher_client *client)
{
    client->lost = true;
    shutdown(client->socket, SHUT_RDWR);
    if (client->pidfd >= 0)
        syscall(SYS_pidfd_send_signal, client->pidfd, SIGKILL, NULL, 0);
}

// The next reply, if there is one; `*descriptor` is -1 or the caller's. Anything but a well-formed
// reply is the end of the launcher.
static bool receive_reply(struct launcher_client *client, struct launcher_reply *reply,
                          int *descriptor)
{
    union {
        struct cmsghdr header;
        uint8_t bytes[CMSG_SPACE(sizeof(int))];
    } rights;
    struct iovec part = {reply, sizeof *reply};
    struct msghdr header = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = rights.bytes,
                            .msg_controllen = sizeof rights.bytes};
    ssize_t length;
    struct cmsghdr *control;

    *descriptor = -1;
    do
        length = recvmsg(client->socket, &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    while (length < 0 && errno == EINTR);
    if (length < 0 && errno == EAGAIN)
        return false;
    control = length < 0 ? NULL : CMSG_FIRSTHDR(&header);
    if (control != NULL && control->cmsg_type == SCM_RIGHTS &&
        control->cmsg_len == CMSG_LEN(sizeof(int)))
        memcpy(descriptor, CMSG_DATA(control), sizeof(int));
    if (length == sizeof *reply && reply->protocol == START_PROTOCOL)
        return true;
    close_if_open(descriptor);
    give_up(client);
    return false;
}

static void note_end(struct launcher_client *client, const struct launcher_reply *reply)
{
    for (struct launcher_worker *worker = client->workers; worker != NULL; worker = worker->next) {
        if (worker->id != reply->id)
            continue;
        worker->ended = reply->code == CLD_EXITED ? LAUNCHER_END_EXITED : LAUNCHER_END_KILLED;
        worker->status = reply->status;
        return;
    }
}

static void note_loss(struct launcher_client *client)
{
    for (struct launcher_worker *worker = client->workers; worker != NULL; worker = worker->next)
        if (worker->ended == LAUNCHER_END_NONE)
            worker->ended = LAUNCHER_END_LOST;
}

// Takes in one reply. `awaited` is the one to hand out, by kind being anything but ENDED. False
// when there is none left.
static bool take_reply(struct launcher_client *client, struct launcher_reply *awaited,
                       int *descriptor)
{
    struct launcher_reply reply;
    int arrived;

    if (client->lost || !receive_reply(client, &reply, &arrived)) {
        if (client->lost)
            note_loss(client);
        return false;
    }
    if (reply.kind == LAUNCHER_ENDED) {
        note_end(client, &reply);
    } else if (awaited != NULL && awaited->kind == 0) {
        *awaited = reply;
        *descriptor = arrived;
        return true;
    }
    close_if_open(&arrived);
    return true;
}

// Waits for the reply to what was just sent.
static bool await_reply(struct launcher_client *client, struct launcher_reply *reply,
                        int *descriptor, struct error *error)
{
    int64_t until = now_ms() + START_TIMEOUT_MS;

    reply->kind = 0;
    *descriptor = -1;
    while (reply->kind == 0 && !client->lost && wait_readable(client->socket, until))
        take_reply(client, reply, descriptor);
    if (reply->kind != 0)
        return true;
    give_up(client); // one that does not answer is of no use
    note_loss(client);
    return error_set(error, ERROR_SYSTEM_PROCESS, 0, "the launcher does not answer");
}

// The launcher's process from here on.
static bool start_launcher(struct launcher_client *client, struct birth *birth, struct error *error)
{
    struct launcher_reply reply;
    int descriptor;

    if (!give_birth(birth, error))
        return false;
    close_if_open(&birth->socket); // or the launcher's end could not be seen
    client->pid = birth->pid;
    client->pidfd = birth->pidfd;
    if (!await_reply(client, &reply, &descriptor, error))
        return false;
    close_if_open(&descriptor);
    if (reply.kind != LAUNCHER_READY)
        return error_set(error, ERROR_SYSTEM_PROCESS, 0, "the launcher is not ready");
    // As the launcher sees itself, which is how workers will.
    client->pid = reply.pid;
    return true;
}

bool launcher_client_open(struct launcher_client *client, const struct launcher_paths *paths,
                          struct error *error)
{
    struct birth birth = {.pidfd = -1, .launcher = -1, .worker = -1};
    int ends[2] = {-1, -1};
    bool started = false;

    *client = (struct launcher_client){.socket = -1, .pidfd = -1, .next_id = 1};
    pthread_mutex_init(&client->lock, NULL);
    birth.launcher = open_executable(paths->launcher, error);
    birth.worker = birth.launcher < 0 ? -1 : open_executable(paths->worker, error);
    if (birth.worker >= 0) {
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
            system_error(error, "socket");
        client->socket = ends[0];
        birth.socket = move_up(ends[1]);
        started = birth.socket >= 0 && start_launcher(client, &birth, error);
        close_if_open(&birth.socket);
    }
    close_if_open(&birth.launcher);
    close_if_open(&birth.worker);
    if (!started) {
        system_error(error, "descriptors"); // unless there is a better reason
        launcher_client_close(client);
    }
    return started;
}

// The launcher becomes our child after all where we are the one that adopts orphans.
static void reap_launcher(int pidfd)
{
    siginfo_t information;

    if (!wait_readable(pidfd, now_ms() + CLOSE_TIMEOUT_MS)) {
        syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
        wait_readable(pidfd, now_ms() + CLOSE_TIMEOUT_MS);
    }
    waitid(P_PIDFD, (id_t)pidfd, &information, WEXITED | WNOHANG | __WALL);
}

void launcher_client_close(struct launcher_client *client)
{
    if (client->next_id == 0)
        return;
    close_if_open(&client->socket);
    if (client->pidfd >= 0)
        reap_launcher(client->pidfd);
    close_if_open(&client->pidfd);
    pthread_mutex_destroy(&client->lock);
    client->next_id = 0;
}

// Puts the start message into the worker's socket, before there is a worker.
static bool send_start(struct launcher_client *client, const struct launcher_start *start,
                       int socket, struct error *error)
{
    struct start_message message = {.protocol = START_PROTOCOL, .options = start->options};
    int descriptors[START_DESCRIPTORS_MAX] = {start->control, start->filter};
    size_t count = 2;

    for (unsigned slot = 0; slot < START_SLOT_COUNT; slot++) {
        if (start->slots[slot] < 0 || slot == START_SLOT_SOCKET)
            continue;
        message.slots |= 1u << slot;
        descriptors[count++] = start->slots[slot];
    }
    message.options.parent = client->pid;
    return send_message(socket, &message, sizeof message, descriptors, count) ||
           system_error(error, "start message");
}

// Closes the socket once the launcher has it: that leaves room for the descriptor that comes back.
static bool request_worker(struct launcher_client *client, struct launcher_worker *worker,
                           int *socket, struct error *error)
{
    struct launcher_request request = {
        .protocol = START_PROTOCOL, .kind = LAUNCHER_START, .id = client->next_id};
    struct launcher_reply reply;

    if (client->lost)
        return error_set(error, ERROR_SYSTEM_PROCESS, 0, "the launcher is gone");
    if (!send_message(client->socket, &request, sizeof request, socket, 1))
        return system_error(error, "request");
    close_if_open(socket);
    client->next_id = client->next_id == UINT32_MAX ? 1 : client->next_id + 1;
    if (!await_reply(client, &reply, &worker->pidfd, error))
        return false;
    if (reply.kind == LAUNCHER_STARTED && reply.id == request.id && worker->pidfd >= 0) {
        worker->id = reply.id;
        worker->pid = reply.pid;
        return true;
    }
    close_if_open(&worker->pidfd);
    if (reply.kind == LAUNCHER_STARTED) {
        give_up(client);
        return error_set(error, ERROR_SYSTEM_PROCESS, 0, "no descriptor is left for a worker");
    }
    return error_set(error, ERROR_SYSTEM_PROCESS, 0, "worker: errno %d", reply.status);
}

bool launcher_client_start(struct launcher_client *client, const struct launcher_start *start,
                           struct launcher_worker *worker, struct error *error)
{
    int ends[2];
    bool started;

    *worker = (struct launcher_worker){.pidfd = -1, .socket = -1};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return system_error(error, "socket");
    pthread_mutex_lock(&client->lock);
    started = send_start(client, start, ends[0], error) &&
              request_worker(client, worker, &ends[1], error);
    if (started) {
        worker->socket = ends[0];
        worker->next = client->workers;
        client->workers = worker;
    }
    pthread_mutex_unlock(&client->lock);
    close_if_open(&ends[1]);
    if (!started)
        close(ends[0]);
    return started;
}

void launcher_client_poll(struct launcher_client *client)
{
    pthread_mutex_lock(&client->lock);
    while (take_reply(client, NULL, NULL))
        continue;
    pthread_mutex_unlock(&client->lock);
}

static bool has_ended(struct launcher_client *client, const struct launcher_worker *worker)
{
    bool ended;

    launcher_client_poll(client);
    pthread_mutex_lock(&client->lock);
    ended = worker->ended != LAUNCHER_END_NONE;
    pthread_mutex_unlock(&client->lock);
    return ended;
}

// Another thread may take in what this one waits for: hence the short waits once the process has
// ended. The launcher reports within them.
bool launcher_client_wait(struct launcher_client *client, struct launcher_worker *worker,
                          int timeout_ms)
{
    int64_t until = now_ms() + timeout_ms;

    if (!wait_readable(worker->pidfd, until))
        return false;
    while (!has_ended(client, worker)) {
        if (remaining_ms(until) == 0)
            return false;
        wait_readable(client->socket, now_ms() + 1);
    }
    return true;
}

void launcher_client_signal(const struct launcher_worker *worker, int signal_number)
{
    if (worker->pidfd >= 0)
        syscall(SYS_pidfd_send_signal, worker->pidfd, signal_number, NULL, 0);
}

static void unlink_worker(struct launcher_client *client, const struct launcher_worker *worker)
{
    struct launcher_worker **at = &client->workers;

    while (*at != NULL && *at != worker)
        at = &(*at)->next;
    if (*at != NULL)
        *at = worker->next;
}

void launcher_client_release(struct launcher_client *client, struct launcher_worker *worker)
{
    if (worker->pidfd < 0)
        return;
    launcher_client_signal(worker, SIGKILL);
    launcher_client_wait(client, worker, CLOSE_TIMEOUT_MS);
    pthread_mutex_lock(&client->lock);
    unlink_worker(client, worker);
    pthread_mutex_unlock(&client->lock);
    close_if_open(&worker->pidfd);
    close_if_open(&worker->socket);
}
