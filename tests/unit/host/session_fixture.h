// SPDX-License-Identifier: Apache-2.0
//
// A session with a worker that is no worker: a forked child that says on the channel whatever the
// test wants it to say.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "host/session.h"
#include "sandbox/report.h"

// The numbers that traps have on the channel.
enum worker_trap {
    WORKER_TRAP_NONE,
#define TRAP(NAME_, words_) WORKER_TRAP_##NAME_,
#include "sandbox/wasm/trap.def"
#undef TRAP
};

struct fixture {
    struct session session;
    struct policy policy;
    struct registry registry;
    struct monitor monitor;
    struct error_text error;
    pid_t child;
    int pidfd;
    int sockets[2]; // the host's end, the worker's
    bool reaped;
    struct report_library libraries[REPORT_LIBRARIES_MAX];
    uint32_t library_count;
    char logged[256]; // the last line
};

// --- the host's side -----------------------------------------------------------------------------

int fixture_setup(void **state);
int fixture_teardown(void **state);

// Grants the function in the policy.
void fixture_grant(struct fixture *fixture, const char *name);

// Adds a library; its bytes are nobody's.
void fixture_link(struct fixture *fixture, const char *name);

// Starts the child, which runs `worker` and then exits with 0, and loads.
bool fixture_load(struct fixture *fixture, void (*worker)(struct channel *channel));

bool fixture_call(struct fixture *fixture, const char *signature, ...);

// How the child ended, as fixture's wait_end says it.
void fixture_expect_killed(struct fixture *fixture);

// --- the child's side; whatever goes wrong exits with 99 -----------------------------------------

void worker_send(struct channel *channel, enum message_kind kind, uint32_t count,
                 const uint64_t *words);
void worker_receive(struct channel *channel, enum message_kind kind, struct message *message);

// CONFINED, START.
void worker_confine(struct channel *channel);

// An item of the report: functions of these types.
struct report_item worker_import(const char *module, const char *name, const char *types,
                                 uint16_t parameters);
struct report_item worker_export(const char *name, const char *types, uint16_t parameters);
void worker_report(struct channel *channel, const struct report_item *items, uint32_t imports,
                   uint32_t exports);

// All until LOADED: a module that exports `run: [] -> [i32]`, `greet: [i32 i32] -> [i64]`, and
// imports `app.log: [i32 i32 i32] -> []` and `app.twice: [i32] -> [i32]`.
void worker_load(struct channel *channel);

// The end of the socket that descriptors come by.
int worker_socket(void);

// Waits for a CALL, and answers one with an i32.
void worker_take_call(struct channel *channel);
void worker_return(struct channel *channel, int32_t value);

// HOST_CALL with one word; the answer's kind, and its word if it has one.
enum message_kind worker_host_call(struct channel *channel, uint64_t index, uint64_t word,
                                   uint64_t *result);

// A frame with these words and a block of text behind them, in the arena; returns its bytes.
uint64_t worker_frame(struct channel *channel, uint32_t count, const uint64_t *words,
                      const char *text);
