// SPDX-License-Identifier: Apache-2.0
//
// What the steps of jail.c leave for check.c. Not for others.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sandbox/jail/jail.h"

enum { JAIL_LIMITS = 13 };

struct jail_limit {
    int resource;
    uint64_t soft;
    uint64_t hard;
};

struct jail {
    const struct jail_options *options;
    int parked;    // a descriptor that was open until others were closed
    bool mdwe;     // the kernel has it
    bool landlock; // the kernel has it
    struct jail_limit limits[JAIL_LIMITS];
};

// Records which step failed, and the errno if `result` is one. Returns false.
bool jail_fail(struct error *error, const char *step, long result);

// Whether `result` is `expected`; an error otherwise.
bool jail_expect(long result, long expected, const char *step, struct error *error) MUST_CHECK;
