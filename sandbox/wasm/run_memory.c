// SPDX-License-Identifier: Apache-2.0
//
// Instructions on whole memories (specification: Step_read/memory.*). Bounds are checked before
// anything is written; long ones look for an interruption every 64 KiB and pay fuel by length.
#include "sandbox/wasm/handler.h"
#include "sandbox/wasm/run.h"

#define CHUNK_BYTES    65536u
#define BYTES_PER_FUEL 64u

static enum trap_code fill(struct store *store, uint8_t *at, uint8_t byte, uint64_t length)
{
    while (length > 0) {
        uint64_t chunk = length < CHUNK_BYTES ? length : CHUNK_BYTES;
        memset(at, byte, chunk);
        at += chunk;
        length -= chunk;
        if (store->interrupted)
            return TRAP_INTERRUPTED;
    }
    return TRAP_NONE;
}

// As memmove: in the direction in which an overlapping source is read before it is written.
static enum trap_code copy(struct store *store, uint8_t *to, const uint8_t *from, uint64_t length)
{
    bool backwards = to > from;

    while (length > 0) {
        uint64_t chunk = length < CHUNK_BYTES ? length : CHUNK_BYTES;
        length -= chunk;
        if (backwards) {
            memmove(to + length, from + length, chunk);
        } else {
            memmove(to, from, chunk);
            to += chunk;
            from += chunk;
        }
        if (store->interrupted)
            return TRAP_INTERRUPTED;
    }
    return TRAP_NONE;
}

static enum trap_code memory_fill(struct instance *in, uint32_t memidx, const uint64_t *operands)
{
    struct memory *memory = in->memories[memidx];

    if (!memory_contains(memory, operands[0], operands[2]))
        return TRAP_MEMORY_OUT_OF_BOUNDS;
    if (!store_pay(in->store, operands[2] / BYTES_PER_FUEL))
        return TRAP_FUEL_EXHAUSTED;
    return fill(in->store, memory->base + operands[0], (uint8_t)operands[1], operands[2]);
}

static enum trap_code memory_copy(struct instance *in, uint32_t to, uint32_t from,
                                  const uint64_t *operands)
{
    struct memory *target = in->memories[to], *source = in->memories[from];

    if (!memory_contains(target, operands[0], operands[2]) ||
        !memory_contains(source, operands[1], operands[2]))
        return TRAP_MEMORY_OUT_OF_BOUNDS;
    if (!store_pay(in->store, operands[2] / BYTES_PER_FUEL))
        return TRAP_FUEL_EXHAUSTED;
    return copy(in->store, target->base + operands[0], source->base + operands[1], operands[2]);
}

// The new pages are zeroed by the kernel when they are touched, so growing is constant time.
SLOW_HANDLER(slow_memory_grow)
{
    ENTER;
    struct memory *memory = in->memories[FIELD_IMM(0)];

    r0 = limits_grown(&memory->type.limits, memory_grow(memory, fp[FIELD_A(0)]));
    fp[FIELD_A(0)] = r0;
    SLOW_NEXT(16);
}

SLOW_HANDLER(slow_memory_fill)
{
    ENTER;
    r0 = memory_fill(in, FIELD_IMM(0), fp + FIELD_A(0));
    if (r0 != TRAP_NONE)
        SLOW(pc, trap);
    SLOW_NEXT(16);
}

SLOW_HANDLER(slow_memory_copy)
{
    ENTER;
    r0 = memory_copy(in, FIELD_IMM(0), (uint32_t)FIELD_WIDE(0), fp + FIELD_A(0));
    if (r0 != TRAP_NONE)
        SLOW(pc, trap);
    SLOW_NEXT(24);
}

SLOW_HANDLER(slow_memory_init)
{
    ENTER;
    const uint64_t *operands = fp + FIELD_A(0);

    if (!store_pay(in->store, operands[2] / BYTES_PER_FUEL))
        TRAP(pc, FUEL_EXHAUSTED);
    r0 = instance_memory_init(in, (uint32_t)FIELD_WIDE(0), FIELD_IMM(0), operands[0], operands[1],
                              operands[2]);
    if (r0 != TRAP_NONE)
        SLOW(pc, trap);
    SLOW_NEXT(24);
}

SLOW_HANDLER(slow_data_drop)
{
    ENTER;
    in->data_dropped[FIELD_IMM(0)] = true;
    SLOW_NEXT(16);
}
