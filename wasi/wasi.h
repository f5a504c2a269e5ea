// SPDX-License-Identifier: Apache-2.0
//
// WASI preview 1 (wasi_snapshot_preview1) as functions that a module may import: the table of them
// (wasi.def), and the state of one instance. Output, and everything that has a path, goes through
// the embedder's hooks; system calls are made on the descriptors of files that come from there, and
// where the policy grants the clock or random numbers. Every address is checked against the memory
// before anything happens.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sandbox/base/error.h"
#include "sandbox/file_request.h"
#include "sandbox/policy.h"
#include "sandbox/wasm/engine.h"
#include "wasi/descriptor.h"
#include "wasi/wasi_errno.h"

#define WASI_MODULE "wasi_snapshot_preview1"

enum { WASI_PARAMETERS_MAX = 9 };

enum wasi_function {
#define WASI(name_, parameters_, RESULT_, SUPPORT_) WASI_FUNCTION_##name_,
#include "wasi/wasi.def"
#undef WASI
    WASI_FUNCTION_COUNT
};

// A piece of the guest's memory.
struct wasi_span {
    const uint8_t *bytes;
    size_t length;
};

// Where output goes: takes what the spans hold, or less if a limit is reached, and says in `taken`
// how much. False ends the run: there is nobody to talk to.
typedef bool wasi_output(void *context, uint32_t descriptor, const struct wasi_span *spans,
                         size_t count, size_t *taken);

// Asks the host's broker (sandbox/file_request.h). What comes with the answer goes to `bytes`, of
// which `length` is the room, and then how much came. `descriptor` is the file, the caller's to
// close, or -1. False ends the run, as above.
typedef bool wasi_files(void *context, const struct file_request *request,
                        struct file_answer *answer, uint8_t *bytes, size_t *length,
                        int *descriptor);

struct wasi;

// What an imported function's context is.
struct wasi_binding {
    struct wasi *wasi;
    enum wasi_function function;
};

struct wasi {
    const struct policy *policy; // borrowed
    wasi_output *output;
    wasi_files *files;
    void *context;       // of the two above; borrowed
    struct store *store; // whose engine_caller is the guest
    struct descriptor_table descriptors;
    bool exited; // proc_exit was called: the run ended with TRAP_HOST for it
    uint32_t exit_status;
    enum trap_code trap; // why the call under way ends the run; TRAP_NONE: it does not
    struct wasi_binding bindings[WASI_FUNCTION_COUNT];
};

// The wasi stays where it is while the engine lives.
void wasi_init(struct wasi *wasi, const struct policy *policy, struct store *store,
               wasi_output *output, wasi_files *files, void *context);

// The function of that name, or WASI_FUNCTION_COUNT.
enum wasi_function wasi_find(struct name name);

// Its name, and whether it does anything but answer NOSYS.
const char *wasi_name(enum wasi_function function);
bool wasi_is_supported(enum wasi_function function);

// Makes the function of that name importable, with the type it has by the specification. Error:
// UNKNOWN_IMPORT if there is none.
MUST_CHECK bool wasi_define(struct wasi *wasi, struct engine *engine, struct name name,
                            struct error *error);
