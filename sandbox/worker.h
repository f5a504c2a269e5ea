// SPDX-License-Identifier: Apache-2.0
//
// The life of a worker process around its body: it receives what the host sent along, maps control
// memory, locks itself down, and only then does the body look at anything of a plugin's. A worker
// that cannot be set up, and one whose own code fails (assertion, smashed stack, abort), leaves a
// record in control memory and exits with a status of its own; the libc functions for such ends are
// replaced (see the link arguments), since they would make calls that look like an attack.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sandbox/base/error.h"
#include "sandbox/start.h"

struct worker {
    uint8_t *control; // shared with the host, and not to be trusted by it
    size_t control_bytes;
    uint32_t slots; // bits of enum start_slot: the descriptors that there are, besides the socket
    struct start_options options;
};

struct worker_options {
    // What needs system calls that the body may not make: signal handlers, reservations. Before
    // lock-down, so it must not look at the module. Installs an alternate signal stack, at least.
    bool (*prepare)(struct worker *worker, struct error *error);
};

// Sets the process up as a worker and runs `body` in it, confined; its result is the exit status.
// Does not return. What is read of the start message comes from the host and is trusted.
_Noreturn void worker_run(const struct worker_options *options, int (*body)(struct worker *worker));

// Ends the process as crashed, with `text` in the record. Any time, any stack.
_Noreturn void worker_crash(const char *text);
