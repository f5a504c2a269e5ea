// SPDX-License-Identifier: Apache-2.0
//
// The host's side of one worker, from its first message to its end: loading, linking, calls in both
// directions, deadlines, and what the end of a worker means. What comes from the worker is copied
// once, then checked; whatever breaks a rule ends the worker. One thread at a time is in a session
// (others get PNF_BUSY), and only it uses the channel; session_cancel may come from any.
#pragma once

#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/bridge.h"
#include "host/broker.h"
#include "host/error_text.h"
#include "host/launcher_client.h"
#include "host/monitor.h"
#include "host/registry.h"
#include "host/signature.h"
#include "sandbox/channel.h"
#include "sandbox/policy.h"
#include "sandbox/report.h"

enum {
    SESSION_END_TEXT_SIZE = 512,
    SESSION_FAILURE_SIZE = 512,
    // What all buffers of a session hold at a time, however deep its calls are inside each other,
    // in frames of the greatest size (report_frame_max): 256 MiB under the default policy. An
    // arena's size for each of them is not counted.
    SESSION_FRAMES_HELD = 4,
    // Where a worker that gives up leaves its record: behind the channel's own in its first page.
    SESSION_RECORD_OFFSET = 3072
};

// What a session is given; all borrowed.
struct session_setup {
    const struct policy *policy;
    struct registry *registry;
    struct monitor *monitor;
    uint64_t module_size;
    const struct report_library *libraries;
    uint32_t library_count;
    int pidfd;  // of the worker
    int socket; // the host's end of the worker's; what it is sent are files that were opened
    // Waits for the end of the worker and says how it went; false if that takes longer.
    bool (*wait_end)(void *context, int timeout_ms, enum launcher_end *end, int *status);
    void (*log)(void *context, int level, const char *text);
    void *context;      // of the two above
    pnf_plugin *plugin; // for pnf_context_plugin
    const char *name;   // the plugin's, for messages
};

// Why the host ends a call before it is done.
enum session_stop { SESSION_STOP_NONE, SESSION_STOP_TIMEOUT, SESSION_STOP_CANCELLED };

// Grows when needed, from an arena's size on; what is larger is given back when the outermost call
// returns.
struct session_buffer {
    uint8_t *bytes; // NULL at first
    size_t size;
    size_t length; // in use
};

// Private copies of what came, for each call that has not returned.
struct session_level {
    struct session_buffer incoming; // the call of a host function
    struct session_buffer result;   // the call's result, which the application may still look at
};

// The plugin's state for the application is `end`: PNF_OK while it can be called.
struct session {
    bool made; // there is something to finish
    struct session_setup setup;
    struct channel channel;
    struct monitor_watch watch;
    struct broker broker;
    uint8_t *report; // the worker's report on the modules, checked
    size_t report_size;
    const struct registry_function **imports; // that no library provides; NULL: not the host's
    uint32_t import_count;
    struct session_buffer outgoing; // the next message's bytes
    struct session_buffer received; // the last one's, until they are kept elsewhere
    struct session_level levels[MESSAGE_DEPTH_MAX + 1];
    size_t frame_max; // bytes of a call's frame, by the policy
    size_t held;      // bytes of all buffers beyond an arena's size each
    uint8_t *output;
    size_t output_size;                 // room
    size_t output_length;               // captured
    uint64_t output_left;               // of limits.output
    pnf_status output_state;            // PNF_OK until some was lost
    uint64_t deadline_ns;               // of the outermost call
    bool preparing;                     // no guest code has run yet
    char failure[SESSION_FAILURE_SIZE]; // of the host function that failed last
    pnf_status failure_status;          // PNF_LIMIT if its result was too large, else PNF_TRAP
    const struct registry_function *failed;

    pthread_mutex_t lock; // of everything below
    bool active;          // a thread is in a call,
    pthread_t owner;      // this one
    uint64_t call;        // which call, counted
    uint64_t cancelled;   // which one to kill when its grace is over
    uint32_t stop;        // enum session_stop; atomic
    uint64_t grace_ns;    // until when a stopped call may end by itself; atomic
    pnf_status end;       // how the plugin ended
    char end_text[SESSION_END_TEXT_SIZE];
    bool killed; // by us
};

// An export that is ready to be called.
struct session_export {
    struct signature signature;
    struct plan_wire wire;
};

// What a host function may ask about its call.
struct pnf_context {
    struct session *session;
    void *user;
    bool failed;
    char text[SESSION_FAILURE_SIZE];
};

// Makes a session with its channel, whose descriptor is then the worker's to get. Errors:
// PNF_SYSTEM.
MUST_CHECK bool session_init(struct session *session, struct error_text *error);

// Takes zeroes. The worker must have ended, or nobody wait for it any more.
void session_finish(struct session *session);

// Begins to watch the worker, which is there now. Errors: PNF_SYSTEM.
MUST_CHECK bool session_begin(struct session *session, const struct session_setup *setup,
                              struct error_text *error);

// Has the module checked, matched and started. No guest code has run if the error is about imports
// or exports. On failure the worker is killed.
MUST_CHECK bool session_load(struct session *session, struct error_text *error);

// Has the module decoded and validated only: its report is there, and nothing of it ever runs. The
// worker is then killed.
MUST_CHECK bool session_inspect(struct session *session, struct error_text *error);

// The two above.
typedef bool session_way(struct session *session, struct error_text *error);

// Finds the export and compares its type. Errors: PNF_USAGE, PNF_UNLINKABLE.
MUST_CHECK bool session_prepare(const struct session *session, const char *signature,
                                struct session_export *prepared, struct error_text *error);

// Calls an export; `arguments` as for bridge_arguments. A result's block stays until the next call
// at the same depth, or further out if it is larger than an arena; a call's own arguments may still
// be there. Errors: PNF_LIMIT for arguments that no frame holds, after which the plugin goes on.
MUST_CHECK bool session_call(struct session *session, const struct session_export *prepared,
                             va_list arguments, struct error_text *error);

// Whether all output was taken. Errors: PNF_LIMIT, PNF_SYSTEM.
MUST_CHECK bool session_check_output(const struct session *session, struct error_text *error);

// Ends the call under way, if there is one. Any thread.
void session_cancel(struct session *session);

// Ends the worker. Any thread.
void session_kill(struct session *session);

// Nanoseconds until the deadline; UINT64_MAX without one.
uint64_t session_time_left(const struct session *session);
