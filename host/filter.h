// SPDX-License-Identifier: Apache-2.0
//
// The filter of a worker's system calls: the table in syscall.def, as a program for the kernel's
// seccomp. Everything that no row allows kills the whole process, and so do other architectures and
// x32. The program is made here, where libseccomp is, and handed to workers as bytes.
#pragma once

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sandbox/base/error.h"

enum filter_capability {
    FILTER_CORE,
    FILTER_CLOCK,
    FILTER_RANDOM,
    FILTER_FILES,
    FILTER_FILES_WRITE
};

// What a filter allows beyond CORE.
struct filter_options {
    bool clock;
    bool random;
    bool files;
    bool files_write; // with files
    bool linear; // a chain of comparisons instead of a tree: the same decisions, for comparison
};

enum { FILTER_CONDITIONS_MAX = 6 };

// (argument & mask) == value
struct filter_condition {
    bool present;
    uint8_t argument;
    uint64_t mask;
    uint64_t value;
};

// A row of syscall.def.
struct filter_rule {
    enum filter_capability capability;
    bool probe; // answered with START_PROBE_ERRNO instead of allowed
    int number;
    const char *name;
    struct filter_condition conditions[FILTER_CONDITIONS_MAX]; // the first that is not present ends
    const char *reason;
};

// The whole table.
const struct filter_rule *filter_rules(size_t *count);

// Whether a rule is part of a filter.
bool filter_includes(const struct filter_options *options, const struct filter_rule *rule);

// Makes the program. `*count` is the room in `out`, in instructions, and then what was used;
// START_FILTER_INSTRUCTIONS_MAX is always enough. Errors: SYSTEM_FILTER. Any thread.
bool filter_build(const struct filter_options *options, struct sock_filter *out, size_t *count,
                  struct error *error) MUST_CHECK;

// The same as a sealed memfd, to be handed to workers, any number of them; the caller closes it.
bool filter_memfd(const struct filter_options *options, int *descriptor,
                  struct error *error) MUST_CHECK;
