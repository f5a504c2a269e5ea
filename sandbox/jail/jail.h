// SPDX-License-Identifier: Apache-2.0
//
// Confinement of the calling process, which must have a single thread: its descriptors, limits,
// privileges, and at last the filter of its system calls. Namespaces are not made here: a worker is
// born into them. Nothing can be undone, and a jail that failed half-way is no jail: the caller has
// to end the process.
#pragma once

#include <linux/filter.h>
#include <stdbool.h>
#include <stdint.h>

#include "sandbox/base/error.h"
#include "sandbox/start.h"

struct jail_options {
    // The descriptor that shall be at each slot, or -1 for none. All others are closed.
    int slots[START_SLOT_COUNT];
    uint32_t descriptors_max; // START_SLOT_COUNT or more
    uint64_t data_bytes_max;
    // 0 for none. Else it must leave room for the largest reservation beyond all that is reserved,
    // because the kernel lets an mprotect escape data_bytes_max once no mapping could grow.
    uint64_t address_bytes_max;
    uint64_t file_bytes_max;
    uint32_t cpu_seconds; // 0 for none
    int32_t parent;       // whose end is also ours; refused if it is gone already
    bool tsc_off;
    const struct sock_filter *filter; // borrowed; must answer the probe of sandbox/start.h
    uint16_t filter_count;
};

// Locks the process down, in the order that the table in jail.c has. Must come after trap_install.
// On failure the error names the step and the errno, and no later step was tried. What the kernel
// does not have (Landlock, MDWE) is left out; what it has must work. All is verified by its effect.
bool jail_enter(const struct jail_options *options, struct error *error) MUST_CHECK;
