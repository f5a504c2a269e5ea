// SPDX-License-Identifier: Apache-2.0
//
// Times a round trip over the channel between two processes: a call with 64 bytes of words, and its
// result with as many. Where the two processes run and how they wait decides; so each combination
// is a line. The peers take turns in rounds, so that what else the machine does hits all of them.
#include "sandbox/channel.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    ROUNDS = 5,
    WARM_UP = 500, // trips of each round that are not counted
    TRIPS = 4000,  // and that are
    WORDS = 8,     // of 8 bytes each
    ANY_CPU = -1
};

struct situation {
    const char *name;
    bool blocking;
    int host_cpu;
    int worker_cpu;
    uint64_t times[ROUNDS * TRIPS];
};

static struct situation situations[] = {
    {.name = "not pinned, hybrid", .host_cpu = ANY_CPU, .worker_cpu = ANY_CPU},
    {.name = "not pinned, block", .blocking = true, .host_cpu = ANY_CPU, .worker_cpu = ANY_CPU},
    {.name = "one core, hybrid", .host_cpu = 0, .worker_cpu = 0},
    {.name = "one core, block", .blocking = true, .host_cpu = 0, .worker_cpu = 0},
    {.name = "two cores, hybrid", .host_cpu = 0, .worker_cpu = 1},
    {.name = "two cores, block", .blocking = true, .host_cpu = 0, .worker_cpu = 1},
};

static bool run_on(int cpu, const cpu_set_t *all)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET((size_t)(cpu < 0 ? 0 : cpu), &set);
    return sched_setaffinity(0, sizeof set, cpu < 0 ? all : &set) == 0;
}

static void echo(int fd, bool blocking)
{
    struct error error = {.code = ERROR_NONE};
    struct channel channel;
    struct message message;

    if (!channel_attach(&channel, fd, &error))
        _exit(1);
    channel_set_blocking(&channel, blocking);
    channel.session.state = MESSAGE_STATE_READY;
    while (channel_receive(&channel, &message, CHANNEL_FOREVER) == CHANNEL_OK &&
           message.kind == MESSAGE_CALL) {
        message.kind = MESSAGE_CALL_RESULT;
        if (channel_send(&channel, &message) != CHANNEL_OK)
            _exit(1);
    }
    _exit(0);
}

static bool trip(struct channel *host, uint64_t *time_ns)
{
    struct message message = {.kind = MESSAGE_CALL, .count = WORDS};
    uint64_t before = channel_now();
    bool well = channel_send(host, &message) == CHANNEL_OK &&
                channel_receive(host, &message, before + 60000000000u) == CHANNEL_OK;

    *time_ns = channel_now() - before;
    return well;
}

static bool run_trips(struct channel *host, uint64_t *times)
{
    struct message end = {.kind = MESSAGE_SHUTDOWN};
    uint64_t ignored;
    bool well = true;

    for (int i = 0; i < WARM_UP && well; i++)
        well = trip(host, &ignored);
    for (int i = 0; i < TRIPS && well; i++)
        well = trip(host, &times[i]);
    return well && channel_send(host, &end) == CHANNEL_OK;
}

static bool run_round(struct situation *situation, int round, const cpu_set_t *all)
{
    struct error error = {.code = ERROR_NONE};
    struct channel host;
    bool well;
    pid_t pid;

    if (!channel_create(&host, &error) || !run_on(situation->worker_cpu, all))
        return false;
    host.session.state = MESSAGE_STATE_READY;
    channel_set_blocking(&host, situation->blocking);
    pid = fork();
    if (pid == 0)
        echo(host.fd, situation->blocking);
    well = pid > 0 && run_on(situation->host_cpu, all) &&
           run_trips(&host, situation->times + round * TRIPS);
    if (pid > 0) {
        if (!well)
            kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
    channel_finish(&host);
    return well && run_on(ANY_CPU, all);
}

static int compare_times(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;

    return (a > b) - (a < b);
}

static void report(struct situation *situation)
{
    size_t count = ROUNDS * TRIPS;
    uint64_t *times = situation->times;

    qsort(times, count, sizeof times[0], compare_times);
    printf("%-20s %10llu %10llu\n", situation->name, (unsigned long long)times[count / 2],
           (unsigned long long)times[count * 99 / 100]);
}

int main(void)
{
    size_t count = sizeof situations / sizeof situations[0];
    cpu_set_t all;

    if (sched_getaffinity(0, sizeof all, &all) != 0)
        return 1;
    if (!CPU_ISSET(0, &all) || !CPU_ISSET(1, &all))
        count -= 2;
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < count; i++) {
            if (!run_round(&situations[i], round, &all)) {
                fprintf(stderr, "bench-channel: %s: failed\n", situations[i].name);
                return 1;
            }
        }
    }
    printf("%-20s %10s %10s\n", "round trip, 64 bytes", "p50 ns", "p99 ns");
    for (size_t i = 0; i < count; i++)
        report(&situations[i]);
    return 0;
}
