// SPDX-License-Identifier: Apache-2.0
//
// One thread for each host that watches what happens to workers while nobody asks: ends of
// processes, words of the launcher, and kills that are due. It poisons the channel of a worker that
// has ended, so that whoever waits for it wakes. All signals are blocked in it.
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "host/launcher_client.h"
#include "sandbox/channel.h"

struct monitor {
    pthread_mutex_t lock; // of the list, and held while a watch is told something
    pthread_t thread;
    int epoll;
    int wake; // eventfd: the list of kills has changed, or it is the end
    bool stop;
    struct launcher_client *launcher; // borrowed; NULL for none
    struct monitor_watch *watches;
    uint64_t next_id;
};

// A worker that is watched. Must stay where it is from monitor_add to monitor_remove.
struct monitor_watch {
    struct monitor_watch *next;
    uint64_t id;
    int pidfd;               // borrowed
    struct channel *channel; // borrowed
    uint64_t due_ns;         // when to call `overdue`; CHANNEL_FOREVER for never
    void (*overdue)(void *context);
    void *context;
};

// Errors: SYSTEM_PROCESS.
MUST_CHECK bool monitor_open(struct monitor *monitor, struct launcher_client *launcher,
                             struct error *error);

// Ends the thread. All watches must have been removed. Takes zeroes.
void monitor_close(struct monitor *monitor);

// Errors: SYSTEM_PROCESS.
MUST_CHECK bool monitor_add(struct monitor *monitor, struct monitor_watch *watch,
                            struct error *error);

// Afterwards the monitor has no more interest in the channel. Takes one that was never added.
void monitor_remove(struct monitor *monitor, struct monitor_watch *watch);

// Has `overdue` called at that time, in ns of CLOCK_MONOTONIC, on the monitor's thread.
void monitor_set_due(struct monitor *monitor, struct monitor_watch *watch, uint64_t due_ns);
