// SPDX-License-Identifier: Apache-2.0
//
// What the files of a session share with each other and with nobody else.
#pragma once

#include "host/session.h"

enum {
    SESSION_LOAD_SECONDS = 30, // bounded by the module's size; this is for a worker that hangs
    SESSION_GRACE_NS = 2 * 1000 * 1000,
    SESSION_NS_PER_MS = 1000 * 1000
};

// --- session.c -----------------------------------------------------------------------------------

// Waits for the next message that is not about output or files, and leaves its bytes where they
// are. Sees to deadline and cancellation. On false the session has ended, and the error says how.
MUST_CHECK bool session_receive(struct session *session, struct message *message,
                                struct error_text *error);

// Sends; false as above.
MUST_CHECK bool session_send(struct session *session, struct message *message,
                             struct error_text *error);

// The worker broke a rule: kills it. Always false.
bool session_violated(struct session *session, const char *rule, struct error_text *error);

// Notes the end of the plugin, and makes it the error. The first end counts. Always false.
bool session_ended(struct session *session, pnf_status status, struct error_text *error,
                   const char *format, ...) __attribute__((format(printf, 4, 5)));

// A call that was stopped is over. Always false.
bool session_stopped(struct session *session, struct error_text *error);

enum session_stop session_stop_of(const struct session *session);

// Whether the call is to end now: cancelled, or its time is over.
bool session_must_stop(struct session *session);

// --- session_frame.c -----------------------------------------------------------------------------

// The same with all bytes of the message, those of PARTs included, in session->received. Bounds:
// REPORT_BYTES_MAX while preparing, then session->frame_max.
MUST_CHECK bool session_receive_frame(struct session *session, struct message *message,
                                      struct error_text *error);

// Takes what was received into `buffer`, whose memory the next message gets.
void session_keep(struct session *session, struct session_buffer *buffer);

// Copies the bytes of a message behind those in the buffer; false as above.
MUST_CHECK bool session_append(struct session *session, const struct message *message,
                               struct session_buffer *buffer, struct error_text *error);

// Sends a message that has these bytes, after PARTs where they are too many for the arena. Word 0
// is filled in here.
MUST_CHECK bool session_send_frame(struct session *session, struct message *message,
                                   const uint8_t *bytes, size_t length, struct error_text *error);

// The worker sent what has no place here: kills it. Always false.
bool session_unexpected(struct session *session, enum message_kind kind, struct error_text *error);

// Makes room for `wanted` bytes, at most a frame's; those that are there stay. The session goes on
// after errors: LIMIT_MEMORY when all buffers together would hold too much, SYSTEM_RESERVE.
MUST_CHECK bool session_reserve(struct session *session, struct session_buffer *buffer,
                                size_t wanted, struct error *error);

// Frees a buffer that is larger than an arena; all of them but those with results.
void session_give_back(struct session *session, struct session_buffer *buffer);
void session_give_back_all(struct session *session);

// --- session_output.c ----------------------------------------------------------------------------

// Deals with OUTPUT, and answers.
MUST_CHECK bool session_take_output(struct session *session, const struct message *message,
                                    struct error_text *error);

// --- session_file.c ------------------------------------------------------------------------------

// Serves FILE.
MUST_CHECK bool session_take_request(struct session *session, const struct message *message,
                                     struct error_text *error);

// --- session_link.c ------------------------------------------------------------------------------

// Matches imports and expected exports with policy and registry; the link message's bytes go to
// `link`, which has room for REPORT_LINK_MAX bytes for each import. The error lists everything.
MUST_CHECK bool session_link(struct session *session, uint8_t *link, size_t size, size_t *used,
                             struct error_text *error);

// Whether the module exports a function of that name.
bool session_exports(const struct session *session, const char *name);

// The library of that number, as reports and traps count; NULL if there is none, and for 0, which
// is the main module.
const struct report_library *session_library(const struct session *session, uint64_t number);

// --- session_trap.c ------------------------------------------------------------------------------

// The words of a trap's code, which came from the worker.
const char *session_trap_words(uint64_t code);

// Whether it is the end of limits.fuel: a limit then, and no trap of the guest's own.
bool session_trap_is_fuel(uint64_t code);

// --- session_call.c ------------------------------------------------------------------------------

// Serves a HOST_CALL.
MUST_CHECK bool session_host_call(struct session *session, const struct message *message,
                                  struct error_text *error);

// Runs _initialize, if the module exports that: WASI has it run before everything else.
MUST_CHECK bool session_initialize(struct session *session, struct error_text *error);

// Ends the outermost call, or the load; whether it was well done. One that was stopped has been,
// even if its result came first: or the next call would be the one that finds out.
MUST_CHECK bool session_leave(struct session *session, bool done, struct error_text *error);

// TRAP, EXIT or ERROR, which end what was under way. Always false. `what` was: "start greet".
bool session_take_failure(struct session *session, const struct message *message, const char *what,
                          struct error_text *error);
