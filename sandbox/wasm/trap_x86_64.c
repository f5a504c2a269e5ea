// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE 1 // names of the registers in ucontext.h
#include "sandbox/wasm/trap.h"

#include <string.h>
#include <ucontext.h>

enum {
    RED_ZONE_BYTES = 128,  // below the stack pointer, used by leaf functions (System V ABI)
    STACK_ALIGNMENT = 16,  // of the stack pointer before a call pushes the return address
    FLAG_DIRECTION = 0x400 // must be clear at function entry
};

uintptr_t trap_context_pc(const void *ucontext)
{
    const ucontext_t *context = ucontext;

    return (uintptr_t)context->uc_mcontext.gregs[REG_RIP];
}

// Of preserve_none's registers for arguments, the first one.
const uint8_t *trap_context_cell(const void *ucontext)
{
    const ucontext_t *context = ucontext;

    return (const uint8_t *)(uintptr_t)context->uc_mcontext.gregs[REG_R12];
}

void trap_context_redirect(void *ucontext, void (*function)(uintptr_t), uintptr_t argument)
{
    ucontext_t *context = ucontext;
    greg_t *registers = context->uc_mcontext.gregs;
    uintptr_t stack = (uintptr_t)registers[REG_RSP] - RED_ZONE_BYTES;
    uintptr_t return_address = 0; // the end of the stack for whoever walks it

    stack &= ~(uintptr_t)(STACK_ALIGNMENT - 1);
    stack -= sizeof return_address;
    memcpy((void *)stack, &return_address, sizeof return_address);
    registers[REG_RSP] = (greg_t)stack;
    registers[REG_RBP] = 0;
    registers[REG_RDI] = (greg_t)argument;
    registers[REG_RIP] = (greg_t)(uintptr_t)function;
    registers[REG_EFL] &= ~(greg_t)FLAG_DIRECTION;
}
