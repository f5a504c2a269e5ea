// SPDX-License-Identifier: Apache-2.0
/*
 * Runs modules in several forms of the engine (guarded or checked memory, metered or not) and in
 * the reference interpreter, call by call, and compares results, traps and all that the modules
 * have: globals, tables, memories. A difference is reported and aborts.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct differential_module {
    const uint8_t *bytes;
    size_t size;
};

/* The forms, by bit. */
enum differential_form {
    FORM_GUARDED_METERED = 1 << 0,
    FORM_CHECKED_METERED = 1 << 1,
    FORM_GUARDED = 1 << 2,
    FORM_CHECKED = 1 << 3,
    FORM_ALL = 15
};

struct differential_options {
    uint32_t forms;     /* enum differential_form */
    uint32_t fuel;      /* instructions of each call */
    uint32_t calls;     /* of each exported function */
    uint64_t seed;      /* of the arguments */
    bool must_be_valid; /* to be refused is a difference too */
    const char *title;  /* for reports; may be NULL */
};

/* How far the comparison came. */
struct differential_result {
    uint32_t calls;    /* compared to the end */
    uint32_t traps;    /* of these */
    uint64_t steps;    /* of the reference interpreter */
    bool loaded;       /* all modules are valid */
    bool instantiated; /* and were instantiated */
    bool undetermined; /* it ended early, because of fuel, stack or NaNs */
};

/* The second of two modules may import from the first by the name "first". */
struct differential_result differential_run(const struct differential_module *modules,
                                            uint32_t count,
                                            const struct differential_options *options);
