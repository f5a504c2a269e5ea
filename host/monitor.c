// SPDX-License-Identifier: Apache-2.0
#include "host/monitor.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { EVENTS_AT_ONCE = 16, NS_PER_MS = 1000000 };

// What events carry: the number of a watch, from FIRST_WATCH, or one of these. Numbers and not
// pointers, so that an event that is late finds nothing.
enum { OF_WAKE, OF_LAUNCHER, FIRST_WATCH };

static bool system_error(struct error *error, const char *what)
{
    return error_set(error, ERROR_SYSTEM_PROCESS, 0, "monitor: %s: errno %d", what, errno);
}

static bool listen_to(struct monitor *monitor, int descriptor, uint64_t id)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = id};

    return epoll_ctl(monitor->epoll, EPOLL_CTL_ADD, descriptor, &event) == 0;
}

static void deafen(struct monitor *monitor, int descriptor)
{
    epoll_ctl(monitor->epoll, EPOLL_CTL_DEL, descriptor, NULL);
}

static void take_wake(struct monitor *monitor)
{
    uint64_t count;

    while (read(monitor->wake, &count, sizeof count) < 0 && errno == EINTR)
        continue;
}

// A launcher that is gone stays readable for ever.
static void take_launcher(struct monitor *monitor, uint32_t events)
{
    launcher_client_poll(monitor->launcher);
    if (events & (EPOLLHUP | EPOLLERR))
        deafen(monitor, monitor->launcher->socket);
}

static void take_end(struct monitor *monitor, uint64_t id)
{
    for (struct monitor_watch *watch = monitor->watches; watch; watch = watch->next) {
        if (watch->id != id)
            continue;
        // No thread of the worker's is left, so nothing can undo this.
        channel_poison(watch->channel, CHANNEL_DIED);
        deafen(monitor, watch->pidfd);
        return;
    }
}

static void take_event(struct monitor *monitor, const struct epoll_event *event)
{
    if (event->data.u64 == OF_WAKE)
        take_wake(monitor);
    else if (event->data.u64 != OF_LAUNCHER)
        take_end(monitor, event->data.u64);
}

// Calls what is due, and returns how long to wait for the next, in ms as epoll_wait has them.
static int run_due(struct monitor *monitor)
{
    uint64_t now = channel_now();
    uint64_t next = CHANNEL_FOREVER;

    for (struct monitor_watch *watch = monitor->watches; watch; watch = watch->next) {
        if (watch->due_ns <= now) {
            watch->due_ns = CHANNEL_FOREVER;
            watch->overdue(watch->context);
        }
        if (watch->due_ns < next)
            next = watch->due_ns;
    }
    if (next == CHANNEL_FOREVER)
        return -1;
    next = (next - now) / NS_PER_MS + 1;
    return next < INT32_MAX ? (int)next : INT32_MAX;
}

static void *run(void *argument)
{
    struct monitor *monitor = argument;
    struct epoll_event events[EVENTS_AT_ONCE];

    pthread_mutex_lock(&monitor->lock);
    while (!monitor->stop) {
        int timeout = run_due(monitor);
        int count;

        pthread_mutex_unlock(&monitor->lock);
        count = epoll_wait(monitor->epoll, events, EVENTS_AT_ONCE, timeout);
        // Without the lock: whoever starts a worker may hold the launcher's for long.
        for (int i = 0; i < count; i++)
            if (events[i].data.u64 == OF_LAUNCHER)
                take_launcher(monitor, events[i].events);
        pthread_mutex_lock(&monitor->lock);
        for (int i = 0; i < count; i++)
            take_event(monitor, &events[i]);
    }
    pthread_mutex_unlock(&monitor->lock);
    return NULL;
}

static int start_thread(struct monitor *monitor)
{
    sigset_t all;
    sigset_t before;
    int result;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    result = pthread_create(&monitor->thread, NULL, run, monitor);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return result;
}

static void close_descriptors(struct monitor *monitor)
{
    if (monitor->epoll >= 0)
        close(monitor->epoll);
    if (monitor->wake >= 0)
        close(monitor->wake);
    pthread_mutex_destroy(&monitor->lock);
    *monitor = (struct monitor){.next_id = 0};
}

bool monitor_open(struct monitor *monitor, struct launcher_client *launcher, struct error *error)
{
    bool opened;

    *monitor = (struct monitor){.launcher = launcher, .next_id = FIRST_WATCH};
    pthread_mutex_init(&monitor->lock, NULL);
    monitor->epoll = epoll_create1(EPOLL_CLOEXEC);
    monitor->wake = eventfd(0, EFD_CLOEXEC);
    opened = monitor->epoll >= 0 && monitor->wake >= 0 &&
             listen_to(monitor, monitor->wake, OF_WAKE) &&
             (!launcher || listen_to(monitor, launcher->socket, OF_LAUNCHER));
    if (opened) {
        errno = start_thread(monitor);
        opened = errno == 0;
    }
    if (opened)
        return true;
    system_error(error, "cannot start");
    close_descriptors(monitor);
    return false;
}

static void wake(struct monitor *monitor)
{
    uint64_t one = 1;

    while (write(monitor->wake, &one, sizeof one) < 0 && errno == EINTR)
        continue;
}

void monitor_close(struct monitor *monitor)
{
    if (monitor->next_id == 0)
        return;
    pthread_mutex_lock(&monitor->lock);
    monitor->stop = true;
    pthread_mutex_unlock(&monitor->lock);
    wake(monitor);
    pthread_join(monitor->thread, NULL);
    close_descriptors(monitor);
}

bool monitor_add(struct monitor *monitor, struct monitor_watch *watch, struct error *error)
{
    bool added;

    pthread_mutex_lock(&monitor->lock);
    watch->id = monitor->next_id++;
    watch->due_ns = CHANNEL_FOREVER;
    added = listen_to(monitor, watch->pidfd, watch->id);
    if (added) {
        watch->next = monitor->watches;
        monitor->watches = watch;
    } else {
        watch->id = 0;
        system_error(error, "cannot watch a worker");
    }
    pthread_mutex_unlock(&monitor->lock);
    return added;
}

void monitor_remove(struct monitor *monitor, struct monitor_watch *watch)
{
    struct monitor_watch **at;

    if (watch->id == 0)
        return;
    pthread_mutex_lock(&monitor->lock);
    for (at = &monitor->watches; *at && *at != watch; at = &(*at)->next)
        continue;
    if (*at)
        *at = watch->next;
    deafen(monitor, watch->pidfd);
    watch->id = 0;
    pthread_mutex_unlock(&monitor->lock);
}

void monitor_set_due(struct monitor *monitor, struct monitor_watch *watch, uint64_t due_ns)
{
    pthread_mutex_lock(&monitor->lock);
    watch->due_ns = due_ns;
    pthread_mutex_unlock(&monitor->lock);
    wake(monitor);
}
