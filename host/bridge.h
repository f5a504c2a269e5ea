// SPDX-License-Identifier: Apache-2.0
//
// Between the words and blocks of the channel and natural C, in both directions: calls of the
// application's functions by a plugin, and the application's variadic calls of a plugin. What each
// type of a signature is in C stands in sandbox/plan.h. This is about shapes, not meaning: who may
// call what, and when, is decided elsewhere.
#pragma once

#include <ffi.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/thunk.h"
#include "sandbox/base/error.h"
#include "sandbox/plan.h"

enum {
    BRIDGE_ARGUMENTS_MAX = 1 + 2 * PLAN_PARAMETERS_MAX, // the context, then at most pairs
    BRIDGE_BLOCKS_MAX = PLAN_PARAMETERS_MAX + 1         // of a call or a return, one for each slot
};

// What a function returns for -> str and -> bytes, and what a caller gets for them. The API's
// pnf_bytes has the same layout.
struct bridge_bytes {
    const uint8_t *data; // may be NULL if `length` is 0
    size_t length;
};

// A native function ready to be called. Neither moved nor copied once it is prepared; then
// constant, so that any number of threads may call through it. Nothing to finish.
struct bridge {
    void (*function)(void);
    void *context; // borrowed
    struct plan plan;
    struct plan_wire wire;
    uint8_t argument_count;
    bool use_thunk;                          // every argument travels in a register
    enum thunk_result thunk_result;          // how the result does
    uint8_t registers[BRIDGE_ARGUMENTS_MAX]; // of each argument, an index for thunk_call
    ffi_type *types[BRIDGE_ARGUMENTS_MAX];   // `cif` points here
    ffi_cif cif;
};

// One call's messages. Words and arena of the call are private copies, exactly the bytes that came;
// the function may write to blocks of the arena that are out or inout.
struct bridge_exchange {
    void *context; // for @ctx, NULL: the bridge's own
    const uint64_t *call_words;
    uint8_t *call_arena; // not NULL, even if it is empty
    size_t call_size;
    uint64_t *return_words;
    struct bridge_bytes *return_blocks; // BRIDGE_BLOCKS_MAX of them, for bridge_put_blocks
    size_t return_size;                 // at most so much may come back
    size_t return_used;                 // set: how much bridge_put_blocks needs
    bool violation; // set when bridge_call fails: the call's words or blocks were wrong, so the
                    // peer broke the protocol; otherwise the function is at fault
};

// Prepares `function`, whose C type must be the one that the plan stands for. Errors: as for
// plan_check; USAGE_ARGUMENT.
MUST_CHECK bool bridge_prepare(const struct plan *plan, void (*function)(void), void *context,
                               struct bridge *bridge, struct error *error);

// Checks the call's words and blocks, calls the function on this thread, and lays out what it
// returned: words are complete, blocks still where the function left them. The function is not
// called if the check fails. Errors: USAGE_SIGNATURE, the peer's (violation) or the function's,
// with a result that is no UTF-8, a bool that is none, a longer length than there was room for;
// LIMIT_MEMORY when results do not fit into `return_size`.
MUST_CHECK bool bridge_call(const struct bridge *bridge, struct bridge_exchange *exchange,
                            struct error *error);

// Where the results of a variadic call go: the caller's pointers, borrowed until then.
struct bridge_outputs {
    void *result;                          // NULL: not wanted
    void *parameters[PLAN_PARAMETERS_MAX]; // of out and inout ones
    size_t *lengths[PLAN_PARAMETERS_MAX];  // of out and inout bytes
};

// Takes the arguments that the plan asks for off `arguments`, each as C passes it to a variadic
// function, and last, if the plan has a result, a pointer for it (may be NULL): T * for a scalar,
// const char ** for cstr, struct bridge_bytes * for str and bytes. Leaves `arguments` undefined.
// `blocks`, BRIDGE_BLOCKS_MAX of them, are borrowed from the caller; bridge_put_blocks needs `used`
// bytes for them. Errors: USAGE_SIGNATURE for NULL pointers, numbers out of range, text that is no
// UTF-8; LIMIT_MEMORY when blocks do not fit into `size_max` bytes.
MUST_CHECK bool bridge_arguments(const struct plan *plan, const struct plan_form *form,
                                 va_list arguments, size_t size_max, uint64_t *words,
                                 struct bridge_bytes *blocks, size_t *used,
                                 struct bridge_outputs *outputs, struct error *error);

// Copies blocks that were laid out to where they belong in `arena`. All of it is written: what is
// between them, and room that holds nothing yet, is zero, since whatever the arena held before is
// no business of the plugin's.
void bridge_put_blocks(const struct plan_form *form, const uint64_t *words,
                       const struct bridge_bytes *blocks, uint8_t *arena);

// Hands out the words and blocks of a return, which plan_check_return has passed. The result's
// block is borrowed from `arena`, which must outlive it; out and inout bytes are copied.
void bridge_results(const struct plan_form *form, const struct bridge_outputs *outputs,
                    const uint64_t *words, const uint8_t *arena);
