// SPDX-License-Identifier: Apache-2.0
//
// How long a worker takes from the request to its first answer, which it gives when it is locked
// down, and to its end: start-time LAUNCHER WORKER. The worker must end when its socket is closed.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "host/filter.h"
#include "host/launcher_client.h"

enum { TURNS = 500, CONTROL_BYTES = 4096, DATA_BYTES_MAX = 64 * 1024 * 1024 };

static double now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static int compare(const void *left, const void *right)
{
    double difference = *(const double *)left - *(const double *)right;

    return (difference > 0) - (difference < 0);
}

static void print(const char *what, double *times)
{
    qsort(times, TURNS, sizeof times[0], compare);
    printf("%-28s p10 %6.0f  median %6.0f  p90 %6.0f us\n", what, times[TURNS / 10],
           times[TURNS / 2], times[TURNS * 9 / 10]);
}

int main(int count, char **arguments)
{
    static double started[TURNS];
    static double ended[TURNS];
    const struct filter_options granted = {.clock = true};
    struct launcher_client client;
    struct error error = {.code = ERROR_NONE};
    struct launcher_start start = {
        .options = {.data_bytes_max = DATA_BYTES_MAX, .descriptors_max = 16},
        .slots = {-1, -1, -1, -1, -1, -1},
    };

    if (count != 3)
        return 2;
    start.control = memfd_create("control", MFD_CLOEXEC);
    if (ftruncate(start.control, CONTROL_BYTES) != 0 ||
        !filter_memfd(&granted, &start.filter, &error) ||
        !launcher_client_open(&client, &(struct launcher_paths){arguments[1], arguments[2]},
                              &error)) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    for (int turn = 0; turn < TURNS; turn++) {
        struct launcher_worker worker;
        double begin = now_us();

        if (!launcher_client_start(&client, &start, &worker, &error))
            return 1;
        started[turn] = now_us() - begin;
        close(worker.socket); // the worker ends as soon as its set-up is done
        worker.socket = -1;
        launcher_client_wait(&client, &worker, 10000);
        ended[turn] = now_us() - begin;
        if (worker.ended != LAUNCHER_END_EXITED || worker.status != 0)
            fprintf(stderr, "end %d, status %d\n", (int)worker.ended, worker.status);
        launcher_client_release(&client, &worker);
    }
    print("process is there", started);
    print("set up, confined, ended", ended);
    launcher_client_close(&client);
    return 0;
}
