// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE 1 // members of mcontext_t
#include "sandbox/wasm/trap.h"

#include <stddef.h>
#include <ucontext.h>

enum {
    REGISTER_FRAME = 29,
    REGISTER_LINK = 30,
    STACK_ALIGNMENT = 16,       // of the stack pointer, always (AAPCS64); there is no red zone
    STATE_BRANCH_TYPE = 3 << 10 // PSTATE.BTYPE: left by an indirect branch, not by this "call"
};

uintptr_t trap_context_pc(const void *ucontext)
{
    const ucontext_t *context = ucontext;

    return (uintptr_t)context->uc_mcontext.pc;
}

// A pre-indexed load before the access has moved the register with the cell on.
const uint8_t *trap_context_cell(const void *ucontext)
{
    (void)ucontext;
    return NULL;
}

void trap_context_redirect(void *ucontext, void (*function)(uintptr_t), uintptr_t argument)
{
    ucontext_t *context = ucontext;
    mcontext_t *machine = &context->uc_mcontext;

    machine->sp &= ~(STACK_ALIGNMENT - 1ull);
    machine->regs[0] = argument;
    machine->regs[REGISTER_FRAME] = 0;
    machine->regs[REGISTER_LINK] = 0; // the end of the stack for whoever walks it
    machine->pc = (uintptr_t)function;
    machine->pstate &= ~(unsigned long long)STATE_BRANCH_TYPE;
}
