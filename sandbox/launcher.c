// SPDX-License-Identifier: Apache-2.0
#include "sandbox/launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/jail/system.h"
#include "sandbox/start.h"

enum {
    EVENTS_MAX = 64,
    CHILD_STACK_BYTES = 16 * 1024,
    SIGNALS_MAX = 64,
    SIGNAL_SET_BYTES = SIGNALS_MAX / 8,
    EXIT_NO_EXEC = 127
};

struct entry {
    uint32_t id;
    int pidfd; // -1 while the entry is free
};

static struct {
    int poll;
    int32_t pid; // our own
    struct entry workers[LAUNCHER_WORKERS_MAX];
    uint32_t used; // entries beyond were never in use
} launcher;

// What a child shares with us until it runs the worker's executable.
static struct {
    int socket;
    int error; // errno, 0 if the worker runs
    _Alignas(16) uint8_t stack[CHILD_STACK_BYTES];
} child;

// Control message with one descriptor.
union rights {
    struct cmsghdr header;
    uint8_t bytes[CMSG_SPACE(sizeof(int))];
};

// Sends a reply, with a descriptor unless that is -1. The host may be gone, which the next
// receipt tells.
static void reply(const struct launcher_reply *reply_message, int descriptor)
{
    struct launcher_reply message = *reply_message;
    union rights rights = {.header = {.cmsg_len = CMSG_LEN(sizeof(int)),
                                      .cmsg_level = SOL_SOCKET,
                                      .cmsg_type = SCM_RIGHTS}};
    struct iovec part = {&message, sizeof message};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};

    message.protocol = START_PROTOCOL;
    if (descriptor >= 0) {
        memcpy(CMSG_DATA(&rights.header), &descriptor, sizeof descriptor);
        header.msg_control = rights.bytes;
        header.msg_controllen = sizeof rights.bytes;
    }
    while (system_call(SYS_sendmsg, START_LAUNCHER_SOCKET, &header, MSG_NOSIGNAL) == -EINTR)
        continue;
}

// Runs on a stack of its own in our memory, with descriptors and signals of its own. Our end ends
// it already here, not only after it has locked itself down.
static int become_worker(void *unused)
{
    static char *const nothing[] = {NULL};
    static char nameless[] = "";
    static char *const name[] = {nameless, NULL};
    long result = system_call(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL);

    (void)unused;
    if (result == 0 && system_call(SYS_getppid) != launcher.pid)
        result = -ESRCH;
    if (result == 0)
        result = system_call(SYS_dup3, child.socket, START_SLOT_SOCKET, 0);
    if (result == START_SLOT_SOCKET)
        result = system_call(SYS_close_range, START_LAUNCHER_WORKER + 1, ~0u, 0);
    if (result == 0)
        result = system_call(SYS_execveat, START_LAUNCHER_WORKER, "", name, nothing, AT_EMPTY_PATH);
    child.error = (int)-result;
    _exit(EXIT_NO_EXEC);
}

// Waits for a child that has ended, or is about to.
static void reap(int pidfd, siginfo_t *information)
{
    *information = (siginfo_t){.si_pid = 0};
    while (system_call(SYS_waitid, P_PIDFD, pidfd, information, WEXITED | __WALL, NULL) == -EINTR)
        continue;
}

// Returns the process id and sets *pidfd, or returns the negative errno.
static int spawn(int socket, int *pidfd)
{
    siginfo_t information;
    int pid;

    child.socket = socket;
    child.error = 0;
    pid = clone(become_worker, child.stack + sizeof child.stack,
                CLONE_VM | CLONE_VFORK | CLONE_PIDFD, NULL, pidfd);
    if (pid < 0)
        return -errno;
    if (child.error == 0)
        return pid;
    reap(*pidfd, &information);
    close(*pidfd);
    return -child.error;
}

static struct entry *free_entry(void)
{
    for (uint32_t at = 0; at < launcher.used; at++)
        if (launcher.workers[at].pidfd < 0)
            return &launcher.workers[at];
    return launcher.used < LAUNCHER_WORKERS_MAX ? &launcher.workers[launcher.used++] : NULL;
}

static long watch(int descriptor, uint64_t tag)
{
    struct epoll_event event = {.events = EPOLLIN, .data = {.u64 = tag}};

    return system_call(SYS_epoll_ctl, launcher.poll, EPOLL_CTL_ADD, descriptor, &event);
}

static void kill_entry(const struct entry *entry)
{
    system_call(SYS_pidfd_send_signal, entry->pidfd, SIGKILL, NULL, 0);
}

// To close the pidfd does not end the watch, since the host has the same one open.
static void forget(struct entry *entry, siginfo_t *information)
{
    reap(entry->pidfd, information);
    system_call(SYS_epoll_ctl, launcher.poll, EPOLL_CTL_DEL, entry->pidfd, NULL);
    close(entry->pidfd);
    entry->pidfd = -1;
}

// Returns the process id, or the negative errno.
static int start_worker(struct entry *entry, uint32_t id, int socket)
{
    siginfo_t information;
    long watched;
    int pid;

    if (entry == NULL)
        return -EAGAIN;
    pid = spawn(socket, &entry->pidfd);
    if (pid < 0) {
        entry->pidfd = -1;
        return pid;
    }
    entry->id = id;
    watched = watch(entry->pidfd, (uint64_t)(entry - launcher.workers));
    if (watched == 0)
        return pid;
    kill_entry(entry);
    forget(entry, &information);
    return (int)watched;
}

static void serve(const struct launcher_request *request, int socket)
{
    struct entry *entry = free_entry();
    int pid = start_worker(entry, request->id, socket);
    struct launcher_reply message = {.id = request->id};

    if (pid < 0) {
        message.kind = LAUNCHER_FAILED;
        message.status = -pid;
        reply(&message, -1);
    } else {
        message.kind = LAUNCHER_STARTED;
        message.pid = pid;
        reply(&message, entry->pidfd);
    }
}

static void report_end(struct entry *entry)
{
    struct launcher_reply message = {.kind = LAUNCHER_ENDED, .id = entry->id};
    siginfo_t information;

    forget(entry, &information);
    message.pid = information.si_pid;
    message.code = information.si_code;
    message.status = information.si_status;
    reply(&message, -1);
}

// The only descriptor of a message, or -1. There is room for one: the kernel drops others.
static int received_descriptor(struct msghdr *header)
{
    struct cmsghdr *control = CMSG_FIRSTHDR(header);
    int descriptor = -1;

    if (control != NULL && control->cmsg_level == SOL_SOCKET && control->cmsg_type == SCM_RIGHTS &&
        control->cmsg_len == CMSG_LEN(sizeof descriptor))
        memcpy(&descriptor, CMSG_DATA(control), sizeof descriptor);
    return descriptor;
}

// Receives and serves one request. False at the end, with *status set.
static bool converse(int *status)
{
    struct launcher_request request;
    union rights rights;
    struct iovec part = {&request, sizeof request};
    struct msghdr header = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = rights.bytes,
                            .msg_controllen = sizeof rights.bytes};
    long length = system_call(SYS_recvmsg, START_LAUNCHER_SOCKET, &header, MSG_CMSG_CLOEXEC);
    int socket;

    if (length == -EINTR)
        return true;
    *status = length == 0 || length == -ECONNRESET ? LAUNCHER_EXIT_DONE : LAUNCHER_EXIT_PEER;
    if (length <= 0)
        return false;
    socket = received_descriptor(&header);
    if (length != sizeof request || (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 ||
        request.protocol != START_PROTOCOL || request.kind != LAUNCHER_START ||
        request.flags != 0 || socket < 0)
        return false;
    serve(&request, socket);
    close(socket);
    return true;
}

static void end_workers(void)
{
    siginfo_t information;

    for (uint32_t at = 0; at < launcher.used; at++)
        if (launcher.workers[at].pidfd >= 0)
            kill_entry(&launcher.workers[at]);
    for (uint32_t at = 0; at < launcher.used; at++)
        if (launcher.workers[at].pidfd >= 0)
            forget(&launcher.workers[at], &information);
}

// Nothing that the host ignores or blocks is inherited by workers.
static bool reset_signals(void)
{
    uint64_t none = 0;
    const uint64_t by_default[4] = {0}; // the kernel's struct sigaction with SIG_DFL
    long result;

    for (int signal_number = 1; signal_number <= SIGNALS_MAX; signal_number++) {
        result = system_call(SYS_rt_sigaction, signal_number, by_default, NULL, SIGNAL_SET_BYTES);
        if (result != 0 && signal_number != SIGKILL && signal_number != SIGSTOP)
            return false;
    }
    return system_call(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, SIGNAL_SET_BYTES) == 0;
}

// A session of its own: an interruption from the terminal is for the host to handle. The limit of
// descriptors is for a pidfd of each worker.
static bool set_up_process(void)
{
    const uint64_t no_core[2] = {0, 0};
    uint64_t files[2];
    struct stat file;

    system_call(SYS_setsid); // fails in the leader of a group, as when run by hand
    if (!reset_signals() || system_call(SYS_close_range, 0, 2, 0) != 0 ||
        system_call(SYS_close_range, START_LAUNCHER_SELF, ~0u, 0) != 0 ||
        system_call(SYS_chdir, "/") != 0 ||
        system_call(SYS_prlimit64, 0, RLIMIT_CORE, no_core, NULL) != 0 ||
        system_call(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, files) != 0 ||
        system_call(SYS_prctl, PR_SET_DUMPABLE, 0) != 0 ||
        system_call(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1) != 0)
        return false;
    files[0] = files[1];
    if (system_call(SYS_prlimit64, 0, RLIMIT_NOFILE, files, NULL) != 0)
        return false;
    system_call(SYS_umask, 0777);
    return fstat(START_LAUNCHER_WORKER, &file) == 0 && start_is_trusted(&file, geteuid()) &&
           fcntl(START_LAUNCHER_WORKER, F_SETFD, FD_CLOEXEC) == 0;
}

static bool set_up(void)
{
    struct launcher_reply ready = {.kind = LAUNCHER_READY};

    if (!set_up_process())
        return false;
    launcher.pid = (int32_t)system_call(SYS_getpid);
    launcher.poll = (int)system_call(SYS_epoll_create1, EPOLL_CLOEXEC);
    if (launcher.poll < 0 || watch(START_LAUNCHER_SOCKET, LAUNCHER_WORKERS_MAX) != 0)
        return false;
    ready.pid = launcher.pid;
    reply(&ready, -1);
    return true;
}

// Ends are reported before the next request is served.
static bool handle(const struct epoll_event *events, long count, int *status)
{
    bool asked = false;

    for (long at = 0; at < count; at++) {
        if (events[at].data.u64 == LAUNCHER_WORKERS_MAX)
            asked = true;
        else
            report_end(&launcher.workers[events[at].data.u64]);
    }
    return !asked || converse(status);
}

int launcher_run(void)
{
    struct epoll_event events[EVENTS_MAX];
    int status = LAUNCHER_EXIT_DONE;
    long count;

    if (!set_up())
        return LAUNCHER_EXIT_SETUP;
    do {
        count = system_call(SYS_epoll_pwait, launcher.poll, events, EVENTS_MAX, -1, NULL, 0);
        if (count == -EINTR)
            count = 0;
        if (count < 0)
            status = LAUNCHER_EXIT_SETUP;
    } while (count >= 0 && handle(events, count, &status));
    end_workers();
    return status;
}
