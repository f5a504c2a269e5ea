// SPDX-License-Identifier: Apache-2.0
//
// The worker's side of a session: it gets policy and modules from the host, reports on them,
// instantiates them, and serves calls until it is told to end (message.def has the order). This is
// where a plugin's bytes are first looked at, so it runs behind the jail; it allocates from arenas
// only and makes no system call that the filter does not know.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sandbox/channel.h"
#include "sandbox/policy.h"
#include "sandbox/report.h"
#include "sandbox/wasm/dynamic.h"
#include "wasi/wasi.h"

enum {
    // Addresses for private copies of messages. Arguments are in the guest's memory before guest
    // code runs, results in the host before a call is over: so only while the guest's allocator is
    // asked for room is there a frame beneath others, and how much of this may be memory at a time
    // is limits.engine's to say.
    SESSION_SCRATCH_SIZE = 4 * REPORT_FRAME_MAX,
    SESSION_SCRATCH_KEPT = 4 * 1024 * 1024, // stays committed between calls
    // The exit status of a worker whose host is gone or broke a rule.
    SESSION_EXIT_DISORDERLY = 203
};

struct hostcall;
struct worker;

// Who provides an import.
struct session_provider {
    uint32_t library;            // its index among the modules; 0: none, so the host or nobody
    const struct export *export; // of the library's module; NULL: the dynamic linker provides it
};

// A module of the session's, and its instance.
struct session_module {
    const char *name;     // of a library; borrowed
    const uint8_t *bytes; // borrowed
    size_t size;
    struct module *module;
    struct session_provider *providers;  // of each import
    struct instance *instance;           // NULL until its start function has returned
    bool is_dynamic;                     // the dynamic linker instantiates it
    uint32_t first_hostcall;             // of its imports
    bool has_reallocation;               // an import needed a cabi_realloc, and there is one
    const struct function *reallocation; // its cabi_realloc; NULL until it is looked up
    bool reallocation_known;             // it has been looked up
};

// In static memory: it is large. All but `channel`, `module_bytes` and `mapped_size` is zero before
// session_run.
struct session {
    struct channel *channel;     // borrowed; of the worker's side, in the state of a new worker
    const uint8_t *module_bytes; // borrowed; all that is mapped, of which START says what is where
    size_t mapped_size;

    struct policy policy; // the checked copy
    struct arena scratch; // private copies of messages: a stack
    size_t scratch_max;   // bytes of it that may be in use, by the policy
    uint32_t frame_max;   // bytes of a call's frame, by the policy
    struct error
        limit; // what a trap is about whose code is TRAP_LIMIT; empty if it is the engine's
    struct engine *engine;
    struct session_module modules[1 + REPORT_LIBRARIES_MAX]; // the main one, then libraries
    uint32_t module_count;                                   // the main one included
    struct report_library libraries[REPORT_LIBRARIES_MAX];
    struct dynamic *dynamic; // NULL if no module is made for dynamic linking, or it cannot be
    struct error unlinkable; // and why not
    struct dynamic_module dynamic_modules[1 + REPORT_LIBRARIES_MAX];
    uint32_t starting; // the module that is being instantiated; afterwards 0
    struct wasi wasi;
    struct hostcall *hostcalls; // a record for each imported function that no library provides
    uint32_t hostcall_count;
    bool over; // nothing more is to be said or waited for
};

// Runs a session to its end. False if that was not an orderly one: the host is gone or broke a
// rule. Afterwards session_finish.
bool session_run(struct session *session);
void session_finish(struct session *session);

// A worker's body (worker.h): a session on the control memory, which is a struct channel_memory,
// and on the modules in START_SLOT_MODULE, whose size is the payload's first eight bytes.
int session_body(struct worker *worker);
