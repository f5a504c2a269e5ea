// SPDX-License-Identifier: Apache-2.0
#include "host/monitor.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { MS = 1000 * 1000, WATCHES = 50, PATIENCE_MS = 5000 };

// A child in a worker's place, and what the monitor knows of it.
struct subject {
    pid_t pid;
    struct channel channel;
    struct monitor_watch watch;
};

static void start(struct subject *subject, struct monitor *monitor)
{
    struct error error = {.code = ERROR_NONE};

    memset(subject, 0, sizeof *subject);
    assert_true(channel_create(&subject->channel, &error));
    channel_forget_fd(&subject->channel);
    subject->pid = fork();
    if (subject->pid == 0)
        for (;;)
            pause();
    assert_true(subject->pid > 0);
    subject->watch.pidfd = (int)syscall(SYS_pidfd_open, subject->pid, 0);
    subject->watch.channel = &subject->channel;
    assert_true(subject->watch.pidfd >= 0);
    assert_true(monitor_add(monitor, &subject->watch, &error));
}

static void kill_and_reap(struct subject *subject)
{
    kill(subject->pid, SIGKILL);
    assert_int_equal(waitpid(subject->pid, NULL, 0), subject->pid);
    subject->pid = 0;
}

static void finish(struct subject *subject, struct monitor *monitor)
{
    monitor_remove(monitor, &subject->watch);
    if (subject->pid > 0)
        kill_and_reap(subject);
    close(subject->watch.pidfd);
    channel_finish(&subject->channel);
}

static void open_monitor(struct monitor *monitor, struct launcher_client *launcher)
{
    struct error error = {.code = ERROR_NONE};

    if (!monitor_open(monitor, launcher, &error))
        fail_msg("%s", error.message);
}

static enum channel_result receive(struct subject *subject, uint64_t ms)
{
    struct message message;

    return channel_receive(&subject->channel, &message, channel_now() + ms * MS);
}

// --- ends ----------------------------------------------------------------------------------------

static void the_end_of_a_worker_releases_who_waits_for_it_and_nobody_else(void **state)
{
    struct monitor monitor;
    struct subject first;
    struct subject second;

    (void)state;
    open_monitor(&monitor, NULL);
    start(&first, &monitor);
    start(&second, &monitor);
    assert_int_equal(receive(&first, 5), CHANNEL_TIMEOUT);
    kill_and_reap(&first);
    assert_int_equal(receive(&first, PATIENCE_MS), CHANNEL_DEAD);
    assert_int_equal(receive(&second, 5), CHANNEL_TIMEOUT);
    finish(&first, &monitor);
    finish(&second, &monitor);
    monitor_close(&monitor);
}

static void many_workers_that_end_at_once_are_all_seen(void **state)
{
    static struct subject subjects[WATCHES];
    struct monitor monitor;

    (void)state;
    open_monitor(&monitor, NULL);
    for (size_t i = 0; i < WATCHES; i++)
        start(&subjects[i], &monitor);
    for (size_t i = 0; i < WATCHES; i++)
        kill(subjects[i].pid, SIGKILL);
    for (size_t i = 0; i < WATCHES; i++)
        assert_int_equal(receive(&subjects[i], PATIENCE_MS), CHANNEL_DEAD);
    for (size_t i = 0; i < WATCHES; i++)
        finish(&subjects[i], &monitor);
    monitor_close(&monitor);
}

static void a_removed_watch_hears_of_nothing(void **state)
{
    struct monitor monitor;
    struct subject removed;
    struct subject kept;

    (void)state;
    open_monitor(&monitor, NULL);
    start(&removed, &monitor);
    start(&kept, &monitor);
    monitor_remove(&monitor, &removed.watch);
    monitor_remove(&monitor, &removed.watch);
    kill_and_reap(&removed);
    kill_and_reap(&kept);
    assert_int_equal(receive(&kept, PATIENCE_MS), CHANNEL_DEAD);
    assert_int_equal(receive(&removed, 5), CHANNEL_TIMEOUT);
    finish(&removed, &monitor);
    finish(&kept, &monitor);
    monitor_close(&monitor);
}

// --- what is due ---------------------------------------------------------------------------------

struct due {
    atomic_uint calls;
    atomic_ullong at_ns;
};

static void note_due(void *context)
{
    struct due *due = context;

    atomic_store(&due->at_ns, channel_now());
    atomic_fetch_add(&due->calls, 1);
}

static void start_with_due(struct subject *subject, struct monitor *monitor, struct due *due)
{
    start(subject, monitor);
    *due = (struct due){.calls = 0};
    subject->watch.overdue = note_due;
    subject->watch.context = due;
}

static void wait_for_call(struct due *due)
{
    for (int waited_ms = 0; atomic_load(&due->calls) == 0; waited_ms++) {
        assert_in_range(waited_ms, 0, PATIENCE_MS);
        usleep(1000);
    }
}

static void what_is_due_is_done_once_and_not_before_its_time(void **state)
{
    struct monitor monitor;
    struct subject subject;
    struct due due;
    uint64_t time_ns;

    (void)state;
    open_monitor(&monitor, NULL);
    start_with_due(&subject, &monitor, &due);
    time_ns = channel_now() + 20 * MS;
    monitor_set_due(&monitor, &subject.watch, time_ns);
    wait_for_call(&due);
    assert_true(atomic_load(&due.at_ns) >= time_ns);
    usleep(20 * 1000);
    assert_int_equal(atomic_load(&due.calls), 1);
    finish(&subject, &monitor);
    monitor_close(&monitor);
}

static void the_earlier_of_two_is_not_kept_waiting_by_the_later(void **state)
{
    struct monitor monitor;
    struct subject late;
    struct subject early;
    struct due late_due;
    struct due early_due;

    (void)state;
    open_monitor(&monitor, NULL);
    start_with_due(&late, &monitor, &late_due);
    start_with_due(&early, &monitor, &early_due);
    monitor_set_due(&monitor, &late.watch, channel_now() + 3600ull * 1000 * MS);
    monitor_set_due(&monitor, &early.watch, channel_now());
    wait_for_call(&early_due);
    assert_int_equal(atomic_load(&late_due.calls), 0);
    finish(&late, &monitor);
    finish(&early, &monitor);
    monitor_close(&monitor);
}

static void what_is_put_off_for_ever_is_not_done(void **state)
{
    struct monitor monitor;
    struct subject subject;
    struct due due;

    (void)state;
    open_monitor(&monitor, NULL);
    start_with_due(&subject, &monitor, &due);
    monitor_set_due(&monitor, &subject.watch, channel_now() + 30 * MS);
    monitor_set_due(&monitor, &subject.watch, CHANNEL_FOREVER);
    usleep(50 * 1000);
    assert_int_equal(atomic_load(&due.calls), 0);
    finish(&subject, &monitor);
    monitor_close(&monitor);
}

// --- the thread ----------------------------------------------------------------------------------

static uint64_t processor_us(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
           (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static void a_launcher_that_is_gone_is_noticed_and_keeps_nobody_busy(void **state)
{
    struct launcher_worker worker = {.id = 7, .pidfd = -1, .socket = -1};
    struct launcher_client launcher = {.pidfd = -1, .next_id = 1, .workers = &worker};
    struct monitor monitor;
    int ends[2];
    uint64_t before_us;
    bool lost = false;

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    pthread_mutex_init(&launcher.lock, NULL);
    launcher.socket = ends[0];
    open_monitor(&monitor, &launcher);
    close(ends[1]);
    for (int waited_ms = 0; !lost && waited_ms < PATIENCE_MS; waited_ms++) {
        usleep(1000);
        pthread_mutex_lock(&launcher.lock);
        lost = launcher.lost && worker.ended == LAUNCHER_END_LOST;
        pthread_mutex_unlock(&launcher.lock);
    }
    assert_true(lost);
    before_us = processor_us();
    usleep(50 * 1000);
    assert_in_range(processor_us() - before_us, 0, 25 * 1000);
    monitor_close(&monitor);
    close(ends[0]);
    pthread_mutex_destroy(&launcher.lock);
}

static void no_signal_is_delivered_to_the_thread(void **state)
{
    struct monitor monitor;
    sigset_t one;
    sigset_t before;
    sigset_t pending;

    (void)state;
    open_monitor(&monitor, NULL);
    sigemptyset(&one);
    sigaddset(&one, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &one, &before);
    kill(getpid(), SIGUSR2);
    usleep(10 * 1000);
    sigpending(&pending);
    assert_true(sigismember(&pending, SIGUSR2)); // it would have ended the process
    assert_int_equal(sigwaitinfo(&one, NULL), SIGUSR2);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    monitor_close(&monitor);
}

static void close_takes_zeroes_and_what_is_closed(void **state)
{
    struct monitor monitor = {.next_id = 0};

    (void)state;
    monitor_close(&monitor);
    open_monitor(&monitor, NULL);
    monitor_close(&monitor);
    monitor_close(&monitor);
}

static void what_is_no_process_cannot_be_watched(void **state)
{
    struct monitor_watch watch = {.pidfd = -1};
    struct error error = {.code = ERROR_NONE};
    struct monitor monitor;

    (void)state;
    open_monitor(&monitor, NULL);
    assert_false(monitor_add(&monitor, &watch, &error));
    assert_int_equal(error.code, ERROR_SYSTEM_PROCESS);
    monitor_remove(&monitor, &watch);
    monitor_close(&monitor);
}

static void without_descriptors_nothing_is_left_open(void **state)
{
    struct rlimit before;
    struct rlimit limit;
    struct error error = {.code = ERROR_NONE};
    struct monitor monitor;
    bool opened;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    limit = (struct rlimit){.rlim_cur = 0, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    opened = monitor_open(&monitor, NULL, &error);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_false(opened);
    assert_int_equal(error.code, ERROR_SYSTEM_PROCESS);
    monitor_close(&monitor);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_end_of_a_worker_releases_who_waits_for_it_and_nobody_else),
        cmocka_unit_test(many_workers_that_end_at_once_are_all_seen),
        cmocka_unit_test(a_removed_watch_hears_of_nothing),
        cmocka_unit_test(what_is_due_is_done_once_and_not_before_its_time),
        cmocka_unit_test(the_earlier_of_two_is_not_kept_waiting_by_the_later),
        cmocka_unit_test(what_is_put_off_for_ever_is_not_done),
        cmocka_unit_test(a_launcher_that_is_gone_is_noticed_and_keeps_nobody_busy),
        cmocka_unit_test(no_signal_is_delivered_to_the_thread),
        cmocka_unit_test(close_takes_zeroes_and_what_is_closed),
        cmocka_unit_test(what_is_no_process_cannot_be_watched),
        cmocka_unit_test(without_descriptors_nothing_is_left_open),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
