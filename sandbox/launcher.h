// SPDX-License-Identifier: Apache-2.0
//
// The launcher: a small process with one thread that starts workers for a host, tells it how they
// end, and reads nothing but the host's messages (sandbox/start.h). When the host is gone, so are
// the launcher and its workers; the kernel sees to it even if the launcher is killed.
#pragma once

enum { LAUNCHER_WORKERS_MAX = 4096 };

// Exit statuses of the launcher.
enum {
    LAUNCHER_EXIT_DONE = 0,    // the host closed its end
    LAUNCHER_EXIT_SETUP = 210, // could not be set up
    LAUNCHER_EXIT_PEER = 211   // the host says what makes no sense
};

// Serves the host until it closes its end, then ends all workers. Expects exactly the descriptors
// that sandbox/start.h names, and makes the process what a launcher has to be. Returns the exit
// status.
int launcher_run(void);
