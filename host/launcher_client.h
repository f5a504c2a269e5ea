// SPDX-License-Identifier: Apache-2.0
//
// The host's side of the launcher: starts it, asks it for workers, learns how they end. All
// descriptors are close-on-exec; the application's signals, children and descriptors are left
// alone: neither its SIGCHLD handler nor its waitpid(-1) sees the launcher or a worker.
//
// A client may be used from several threads. A worker belongs to whoever started it; only its
// `ended` changes under it, within calls for the same client.
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "sandbox/base/error.h"
#include "sandbox/start.h"

struct launcher_client {
    pthread_mutex_t lock; // of everything below
    int socket;           // readable when a worker has ended, or the launcher has
    int pidfd;            // the launcher's
    pid_t pid;
    bool lost; // the launcher has ended; nothing more can be started
    uint32_t next_id;
    struct launcher_worker *workers; // a list
};

// Where the executables are. Each must belong to root or to us, and be writable by nobody else.
struct launcher_paths {
    const char *launcher;
    const char *worker;
};

// What a worker gets. All descriptors are borrowed; -1 in a slot for none.
struct launcher_start {
    struct start_options options; // without parent, which launcher_client_start knows
    int control;                  // a memfd, sealed against changes of its size
    int filter;                   // see filter_memfd
    int slots[START_SLOT_COUNT];  // that of the socket is ignored
};

enum launcher_end {
    LAUNCHER_END_NONE,   // runs
    LAUNCHER_END_EXITED, // `status` is its exit status
    LAUNCHER_END_KILLED, // `status` is the signal
    LAUNCHER_END_LOST    // the launcher went first, and took it along
};

struct launcher_worker {
    uint32_t id;
    pid_t pid;
    int pidfd;  // readable when it has ended
    int socket; // the host's end of the worker's socket
    enum launcher_end ended;
    int status;
    struct launcher_worker *next;
};

// Starts a launcher. Errors: SYSTEM_PROCESS.
bool launcher_client_open(struct launcher_client *client, const struct launcher_paths *paths,
                          struct error *error) MUST_CHECK;

// Ends the launcher and all workers, and waits until the launcher is gone. All workers must have
// been released. Takes a client of zeroes and one that is closed.
void launcher_client_close(struct launcher_client *client);

// Starts a worker, which is running but not yet locked down when this returns. `worker` must stay
// where it is until it is released. Errors: SYSTEM_PROCESS.
bool launcher_client_start(struct launcher_client *client, const struct launcher_start *start,
                           struct launcher_worker *worker, struct error *error) MUST_CHECK;

// Takes in what the launcher has said. For whoever watches `socket`; never blocks for long.
void launcher_client_poll(struct launcher_client *client);

// Waits until the worker has ended and it is known how. False if that takes longer.
bool launcher_client_wait(struct launcher_client *client, struct launcher_worker *worker,
                          int timeout_ms);

// Sends a signal; nothing happens if the worker has ended.
void launcher_client_signal(const struct launcher_worker *worker, int signal_number);

// Kills the worker unless it has ended, waits for that, and closes what belongs to it.
void launcher_client_release(struct launcher_client *client, struct launcher_worker *worker);
