// SPDX-License-Identifier: Apache-2.0
/*
 * Traps: results of running, not errors. The list is trap.def. Here too are the signal handlers
 * that turn a fault in a guard area, or an interruption from outside, into a trap: they rewrite the
 * interrupted context so that it continues, on its own stack, in the innermost run's landing
 * (run.h); nothing is unwound on the signal stack.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sandbox/base/error.h"

enum trap_code {
    TRAP_NONE,
#define TRAP(name_, wording_) TRAP_##name_,
#include "sandbox/wasm/trap.def"
#undef TRAP
    TRAP_COUNT
};

/* What a run that did not return tells its caller. */
struct trap {
    enum trap_code code;
    bool has_place;   /* the next two are known */
    uint32_t funcidx; /* of the function that trapped, in its module's index space */
    uint64_t offset;  /* of the instruction in its module (the first of a fused sequence) */
    const struct instance *instance; /* borrowed; NULL where not known */
};

/* The specification's wording; "" for TRAP_NONE and for numbers that are no trap. */
const char *trap_wording(enum trap_code code);

struct store;

/*
 * Installs the process's SIGSEGV and SIGBUS handlers, with an alternate stack for the calling
 * thread, unless that is done already. Faults outside guard areas go to the handlers that stood
 * before. Must have happened in each thread that runs guests, and before lock-down: the first call
 * in a thread makes system calls that seccomp then refuses. Later calls make none. The alternate
 * stack is never given back; a thread that has one large enough keeps it.
 */
bool trap_install(struct error *error) MUST_CHECK;

/*
 * Makes `signal_number` an interruption of the run of the thread that receives it: ended at once
 * when inside handlers, else store->interrupted is set. Without a run it does nothing. System calls
 * that it meets fail with EINTR.
 */
bool trap_install_interrupt(int signal_number, struct error *error) MUST_CHECK;

/*
 * The store whose guest runs in this thread, NULL outside of runs. run.c sets it at the entry of
 * the outermost run, when the landing may be used, and restores it when that returns. Initial-exec,
 * since the general model may allocate inside a signal handler.
 */
extern _Thread_local struct store *trap_store __attribute__((tls_model("initial-exec")));

/*
 * Where a fault or an interruption continues, on the interrupted stack below its red zone: ends the
 * innermost run of trap_store with this enum trap_code. In run.c.
 */
void run_landing(uintptr_t trap_code) __attribute__((noreturn));

/*
 * The processor's part, in trap_<architecture>.c; `ucontext` is what signal handlers get. The pc
 * that was interrupted; the register with the handlers' first argument, which with preserve_none
 * points to a cell while the pc is inside a handler, where TRAP_FAULT_HAS_PLACE (else NULL);
 * and the rewriting of the context, so that it continues in a call `function(argument)` that must
 * not return. All async-signal-safe.
 */
#if PINFOLD_PRESERVE_NONE && defined(__x86_64__)
#define TRAP_FAULT_HAS_PLACE 1
#else
#define TRAP_FAULT_HAS_PLACE 0
#endif
uintptr_t trap_context_pc(const void *ucontext);
const uint8_t *trap_context_cell(const void *ucontext);
void trap_context_redirect(void *ucontext, void (*function)(uintptr_t), uintptr_t argument);
