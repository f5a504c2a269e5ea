// SPDX-License-Identifier: Apache-2.0
//
// Instructions on tables (specification: Step_read/table.*). Bounds are checked before anything is
// written; long ones look for an interruption every 8192 elements and pay fuel for each.
#include "sandbox/wasm/handler.h"
#include "sandbox/wasm/run.h"

#define CHUNK_ELEMENTS 8192u

static enum trap_code fill(struct instance *in, uint32_t tableidx, const uint64_t *operands)
{
    struct table *table = in->tables[tableidx];
    uint64_t at = operands[0], count = operands[2];

    if (!table_contains(table, at, count))
        return TRAP_TABLE_OUT_OF_BOUNDS;
    if (!store_pay(in->store, count))
        return TRAP_FUEL_EXHAUSTED;
    for (uint64_t i = 0; i < count; i++) {
        table->elements[at + i].u64 = operands[1];
        if (i % CHUNK_ELEMENTS == CHUNK_ELEMENTS - 1 && in->store->interrupted)
            return TRAP_INTERRUPTED;
    }
    return TRAP_NONE;
}

// As memmove, in chunks.
static enum trap_code copy(struct instance *in, uint32_t to, uint32_t from,
                           const uint64_t *operands)
{
    struct table *target = in->tables[to], *source = in->tables[from];
    uint64_t count = operands[2];

    if (!table_contains(target, operands[0], count) || !table_contains(source, operands[1], count))
        return TRAP_TABLE_OUT_OF_BOUNDS;
    if (!store_pay(in->store, count))
        return TRAP_FUEL_EXHAUSTED;
    union slot *write = target->elements + operands[0];
    const union slot *read = source->elements + operands[1];
    bool backwards = write > read;
    while (count > 0) {
        uint64_t chunk = count < CHUNK_ELEMENTS ? count : CHUNK_ELEMENTS;
        count -= chunk;
        memmove(write + (backwards ? count : 0), read + (backwards ? count : 0),
                chunk * sizeof *write);
        write += backwards ? 0 : chunk;
        read += backwards ? 0 : chunk;
        if (in->store->interrupted)
            return TRAP_INTERRUPTED;
    }
    return TRAP_NONE;
}

SLOW_HANDLER(slow_table_get)
{
    ENTER;
    const struct table *table = in->tables[FIELD_IMM(0)];
    uint64_t *operand = fp + FIELD_A(0);

    if (!table_contains(table, *operand, 1))
        TRAP(pc, TABLE_OUT_OF_BOUNDS);
    r0 = *operand = table->elements[*operand].u64;
    SLOW_NEXT(16);
}

SLOW_HANDLER(slow_table_set)
{
    ENTER;
    struct table *table = in->tables[FIELD_IMM(0)];
    const uint64_t *operands = fp + FIELD_A(0);

    if (!table_contains(table, operands[0], 1))
        TRAP(pc, TABLE_OUT_OF_BOUNDS);
    table->elements[operands[0]].u64 = operands[1];
    SLOW_NEXT(16);
}

SLOW_HANDLER(slow_table_grow)
{
    ENTER;
    struct table *table = in->tables[FIELD_IMM(0)];
    uint64_t *operands = fp + FIELD_A(0);

    // What is refused for its size costs nothing.
    if (operands[1] <= table->maximum - table->size && !store_pay(in->store, operands[1]))
        TRAP(pc, FUEL_EXHAUSTED);
    r0 = limits_grown(&table->type.limits,
                      table_grow(table, operands[1], (union slot){operands[0]}));
    operands[0] = r0;
    SLOW_NEXT(16);
}

SLOW_HANDLER(slow_table_fill)
{
    ENTER;
    r0 = fill(in, FIELD_IMM(0), fp + FIELD_A(0));
    if (r0 != TRAP_NONE)
        SLOW(pc, trap);
    SLOW_NEXT(16);
}

SLOW_HANDLER(slow_table_copy)
{
    ENTER;
    r0 = copy(in, FIELD_IMM(0), (uint32_t)FIELD_WIDE(0), fp + FIELD_A(0));
    if (r0 != TRAP_NONE)
        SLOW(pc, trap);
    SLOW_NEXT(24);
}

SLOW_HANDLER(slow_table_init)
{
    ENTER;
    const uint64_t *operands = fp + FIELD_A(0);

    if (!store_pay(in->store, operands[2]))
        TRAP(pc, FUEL_EXHAUSTED);
    r0 = instance_table_init(in, (uint32_t)FIELD_WIDE(0), FIELD_IMM(0), operands[0], operands[1],
                             operands[2]);
    if (r0 != TRAP_NONE)
        SLOW(pc, trap);
    SLOW_NEXT(24);
}

SLOW_HANDLER(slow_elem_drop)
{
    ENTER;
    in->element_dropped[FIELD_IMM(0)] = true;
    SLOW_NEXT(16);
}
