// SPDX-License-Identifier: Apache-2.0
//
// Atomic accesses (proposal: threads). A store belongs to one thread, so that plain accesses are
// atomic, and nobody is ever waiting.
#include "sandbox/wasm/handler.h"

// What is done, in the order of the opcodes.
enum atomic_kind {
    ATOMIC_LOAD,
    ATOMIC_STORE,
    ATOMIC_ADD,
    ATOMIC_SUB,
    ATOMIC_AND,
    ATOMIC_OR,
    ATOMIC_XOR,
    ATOMIC_EXCHANGE,
    ATOMIC_COMPARE,
};

#define CODE_ACCESS 0x10 // the first that is neither wait nor notify
#define SHAPES      7    // of each kind

enum wait_result { WAIT_WOKEN, WAIT_NOT_EQUAL, WAIT_TIMED_OUT };

struct access {
    const struct memory *memory;
    uint8_t *at;
    uint32_t width; // bytes
};

// Alignment is that of the effective address, and comes before the bounds.
static enum trap_code find(const struct instance *in, uint32_t memidx, uint64_t address,
                           uint64_t offset, struct access *access)
{
    uint64_t effective;

    access->memory = in->memories[memidx];
    if (__builtin_add_overflow(address, offset, &effective))
        return TRAP_MEMORY_OUT_OF_BOUNDS;
    if (effective % access->width != 0)
        return TRAP_UNALIGNED_ATOMIC;
    if (!memory_contains(access->memory, effective, access->width))
        return TRAP_MEMORY_OUT_OF_BOUNDS;
    access->at = access->memory->base + effective;
    return TRAP_NONE;
}

static uint64_t load(const struct access *access)
{
    uint64_t value = 0;

    memcpy(&value, access->at, access->width);
    return value;
}

// What stands there afterwards, but for what does not fit; `old` stands there now.
static uint64_t modified(uint32_t kind, uint64_t old, const uint64_t *operands, uint64_t mask)
{
    switch (kind) {
    case ATOMIC_ADD:
        return old + operands[0];
    case ATOMIC_SUB:
        return old - operands[0];
    case ATOMIC_AND:
        return old & operands[0];
    case ATOMIC_OR:
        return old | operands[0];
    case ATOMIC_XOR:
        return old ^ operands[0];
    case ATOMIC_COMPARE: // expected, replacement
        return old == (operands[0] & mask) ? operands[1] : old;
    default: // store and exchange
        return operands[0];
    }
}

// The old value, with zeroes above, takes the place of the address.
static void run_access(uint32_t kind, const struct access *access, uint64_t *operands)
{
    uint64_t old = load(access), mask = UINT64_MAX >> (64 - 8 * access->width);

    if (kind != ATOMIC_LOAD) {
        uint64_t value = modified(kind, old, operands + 1, mask);
        memcpy(access->at, &value, access->width);
    }
    operands[0] = old;
}

// The one thread there is cannot wake itself: waiting for some time is over at once, with nothing
// changed, and waiting for ever would be.
static enum trap_code run_wait(const struct access *access, uint64_t *operands)
{
    if (!access->memory->type.is_shared)
        return TRAP_EXPECTED_SHARED_MEMORY;
    if (load(access) != operands[1]) {
        operands[0] = WAIT_NOT_EQUAL;
        return TRAP_NONE;
    }
    if ((int64_t)operands[2] < 0)
        return TRAP_ENDLESS_WAIT;
    operands[0] = WAIT_TIMED_OUT;
    return TRAP_NONE;
}

static enum trap_code run(const struct instance *in, uint32_t opcode, uint32_t memidx,
                          uint64_t offset, uint64_t *operands)
{
    const struct opcode_info *info = &opcode_info[opcode];
    struct access access = {.width = 1u << (info->immediate - IMMEDIATE_MEMARG0)};
    enum trap_code code = find(in, memidx, operands[0], offset, &access);

    if (code != TRAP_NONE)
        return code;
    if (opcode == OPCODE_MEMORY_ATOMIC_NOTIFY)
        operands[0] = 0; // woken
    else if (opcode == OPCODE_MEMORY_ATOMIC_WAIT32 || opcode == OPCODE_MEMORY_ATOMIC_WAIT64)
        return run_wait(&access, operands);
    else
        run_access((info->code - CODE_ACCESS) / SHAPES, &access, operands);
    return TRAP_NONE;
}

SLOW_HANDLER(slow_atomic)
{
    ENTER;
    uint64_t *operands = fp + FIELD_A(0);

    r0 = run(in, FIELD_B(0), FIELD_IMM(0), FIELD_WIDE(0), operands);
    if (r0 != TRAP_NONE)
        SLOW(pc, trap);
    SLOW_NEXT(24);
}
