// SPDX-License-Identifier: Apache-2.0
//
// The reference interpreter's memories and tables.
#include <string.h>

#include "tests/fuzz/reference_machine.h"

/* Memory. */

// Are there `count` from `at` on, of so many?
static bool contains(uint64_t size, uint64_t at, uint64_t count)
{
    return at <= size && count <= size - at;
}

struct reference_memarg machine_memarg(struct reference_machine *m)
{
    uint32_t index = machine_immediate(m) & 0x40 ? machine_immediate(m) : 0;

    return (struct reference_memarg){m->instance->memories[index], reference_unsigned(&m->pc)};
}

bool machine_address(struct reference_machine *m, struct reference_memarg memarg, uint32_t width,
                     uint64_t *at)
{
    uint64_t base = machine_pop_address(m, memarg.memory->is_64);

    *at = base + memarg.offset;
    if (*at >= base && contains(memarg.memory->size, *at, width))
        return true;
    machine_trap(m, TRAP_MEMORY_OUT_OF_BOUNDS);
    return false;
}

// Width of the accesses 0x28 to 0x3e, and whether a load extends the sign.
static const uint8_t access_widths[] = {4, 8, 4, 8, 1, 1, 2, 2, 1, 1, 2, 2,
                                        4, 4, 4, 8, 4, 8, 1, 2, 1, 2, 4};
static const bool access_signed[] = {0, 0, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0};

static void load(struct reference_machine *m, const struct reference_memory *memory, uint8_t opcode,
                 uint64_t at, uint32_t width)
{
    const uint8_t *nans = memory->nans + at;
    uint64_t value = 0;
    bool touched = false, whole = true;

    for (uint32_t i = 0; i < width; i++) {
        value |= (uint64_t)memory->bytes[at + i] << i * 8;
        touched = touched || nans[i] != NAN_NONE;
        whole = whole && (i == 0 || nans[i] == NAN_REST);
    }
    // Some NaN may be loaded by what stored it, but its bits may not be seen.
    if (touched && !(whole && ((opcode == 0x2a && nans[0] == NAN_FIRST_32) ||
                               (opcode == 0x2b && nans[0] == NAN_FIRST_64))))
        machine_stop(m, REFERENCE_UNDETERMINED);
    if (access_signed[opcode - 0x28]) {
        uint64_t sign = 1ull << (width * 8 - 1);
        value = (value ^ sign) - sign;
    }
    machine_push(m, opcode == 0x28 || opcode == 0x2a || (opcode >= 0x2c && opcode <= 0x2f)
                        ? (uint32_t)value
                        : value);
}

static void store(struct reference_memory *memory, uint8_t opcode, uint64_t at, uint32_t width,
                  uint64_t value)
{
    bool some_nan =
        (opcode == 0x38 && value == SOME_NAN_32) || (opcode == 0x39 && value == SOME_NAN_64);

    for (uint32_t i = 0; i < width; i++) {
        memory->bytes[at + i] = (uint8_t)(value >> i * 8);
        memory->nans[at + i] = some_nan ? NAN_REST : NAN_NONE;
    }
    if (some_nan) {
        memory->nans[at] = opcode == 0x38 ? NAN_FIRST_32 : NAN_FIRST_64;
        memory->has_nans = true;
    }
}

void machine_access(struct reference_machine *m, uint8_t opcode)
{
    uint32_t width = access_widths[opcode - 0x28];
    bool is_store = opcode >= 0x36;
    struct reference_memarg memarg = machine_memarg(m);
    uint64_t value = is_store ? machine_pop(m) : 0, at;

    if (!machine_address(m, memarg, width, &at))
        return;
    if (is_store)
        store(memarg.memory, opcode, at, width, value);
    else
        load(m, memarg.memory, opcode, at, width);
}

void machine_memory_size(struct reference_machine *m, uint8_t opcode)
{
    struct reference_memory *memory = m->instance->memories[machine_immediate(m)];
    struct reference_store *owner = m->store;
    uint64_t pages = memory->size / 65536;

    if (opcode == 0x40) {
        uint64_t more = machine_pop_address(m, memory->is_64);
        if (more > (memory->maximum - memory->size) / 65536 ||
            more > (owner->memory_maximum - owner->memory_used) / 65536) {
            pages = memory->is_64 ? UINT64_MAX : UINT32_MAX;
        } else {
            memory->size += more * 65536;
            owner->memory_used += more * 65536;
        }
    }
    machine_push(m, pages);
}

enum trap_code reference_memory_init(struct reference_instance *instance, uint32_t memoryidx,
                                     uint32_t index, uint64_t to, uint64_t from, uint64_t count)
{
    const struct reference_data *data = &instance->datas[index];
    struct reference_memory *memory = instance->memories[memoryidx];

    if (!contains(data->dropped ? 0 : data->size, from, count) ||
        !contains(memory->size, to, count))
        return TRAP_MEMORY_OUT_OF_BOUNDS;
    if (count > 0)
        memcpy(memory->bytes + to, data->bytes + from, count);
    memset(memory->nans + to, NAN_NONE, count);
    return TRAP_NONE;
}

static void copy(struct reference_machine *m, const struct reference_memory *target,
                 const struct reference_memory *source)
{
    uint64_t count = machine_pop_address(m, target->is_64 && source->is_64);
    uint64_t from = machine_pop_address(m, source->is_64);
    uint64_t to = machine_pop_address(m, target->is_64);

    if (!contains(target->size, to, count) || !contains(source->size, from, count)) {
        machine_trap(m, TRAP_MEMORY_OUT_OF_BOUNDS);
        return;
    }
    memmove(target->bytes + to, source->bytes + from, count);
    memmove(target->nans + to, source->nans + from, count);
}

static void fill(struct reference_machine *m, const struct reference_memory *memory)
{
    uint64_t count = machine_pop_address(m, memory->is_64);
    uint8_t value = (uint8_t)machine_pop(m);
    uint64_t to = machine_pop_address(m, memory->is_64);

    if (!contains(memory->size, to, count)) {
        machine_trap(m, TRAP_MEMORY_OUT_OF_BOUNDS);
        return;
    }
    memset(memory->bytes + to, value, count);
    memset(memory->nans + to, NAN_NONE, count);
}

// memory.init, data.drop, memory.copy, memory.fill.
void machine_bulk_memory(struct reference_machine *m, uint32_t opcode)
{
    struct reference_instance *instance = m->instance;
    uint32_t index = machine_immediate(m);

    if (opcode == 8) {
        uint32_t memory = machine_immediate(m);
        uint64_t count = (uint32_t)machine_pop(m), from = (uint32_t)machine_pop(m);
        uint64_t to = machine_pop_address(m, instance->memories[memory]->is_64);
        enum trap_code code = reference_memory_init(instance, memory, index, to, from, count);
        if (code != TRAP_NONE)
            machine_trap(m, code);
    } else if (opcode == 9) {
        instance->datas[index].dropped = true;
    } else if (opcode == 10) {
        copy(m, instance->memories[index], instance->memories[machine_immediate(m)]);
    } else {
        fill(m, instance->memories[index]);
    }
}

/* Tables. */

void machine_table_access(struct reference_machine *m, uint8_t opcode)
{
    struct reference_table *table = m->instance->tables[machine_immediate(m)];
    uint64_t value = opcode == 0x26 ? machine_pop(m) : 0;
    uint64_t index = machine_pop_address(m, table->is_64);

    if (index >= table->size)
        machine_trap(m, TRAP_TABLE_OUT_OF_BOUNDS);
    else if (opcode == 0x26)
        table->elements[index] = value;
    else
        machine_push(m, table->elements[index]);
}

enum trap_code reference_table_init(struct reference_instance *instance, uint32_t index,
                                    uint32_t elements, uint64_t to, uint64_t from, uint64_t count)
{
    const struct reference_element *element = &instance->elements[elements];
    struct reference_table *table = instance->tables[index];

    if (!contains(element->dropped ? 0 : element->count, from, count) ||
        !contains(table->size, to, count))
        return TRAP_TABLE_OUT_OF_BOUNDS;
    for (uint64_t i = 0; i < count; i++)
        table->elements[to + i] = element->values[from + i];
    return TRAP_NONE;
}

static void table_grow(struct reference_machine *m, struct reference_table *table)
{
    uint64_t count = machine_pop_address(m, table->is_64), value = machine_pop(m);
    uint64_t room = m->store->memory_maximum - m->store->memory_used;
    uint32_t old = table->size;

    if (count > table->maximum - table->size || count > room / sizeof *table->elements) {
        machine_push(m, table->is_64 ? UINT64_MAX : UINT32_MAX);
        return;
    }
    m->store->memory_used += count * sizeof *table->elements;
    if (table->size + count > table->capacity) {
        uint64_t *elements = table->elements;
        table->capacity = 2 * (table->size + (uint32_t)count);
        table->elements = reference_allocate(m->store, table->capacity, sizeof *elements);
        memcpy(table->elements, elements, table->size * sizeof *elements);
    }
    table->size += (uint32_t)count;
    for (uint32_t i = old; i < table->size; i++)
        table->elements[i] = value;
    machine_push(m, old);
}

// Elements from one table, which may be the same, to another: as if all were read first.
static void table_copy(struct reference_machine *m, struct reference_table *target,
                       const struct reference_table *source)
{
    uint64_t count = machine_pop_address(m, target->is_64 && source->is_64);
    uint64_t from = machine_pop_address(m, source->is_64);
    uint64_t to = machine_pop_address(m, target->is_64);

    if (!contains(source->size, from, count) || !contains(target->size, to, count))
        machine_trap(m, TRAP_TABLE_OUT_OF_BOUNDS);
    else
        memmove(target->elements + to, source->elements + from, count * sizeof *target->elements);
}

static void table_fill(struct reference_machine *m, struct reference_table *table)
{
    uint64_t count = machine_pop_address(m, table->is_64), value = machine_pop(m);
    uint64_t to = machine_pop_address(m, table->is_64);

    if (!contains(table->size, to, count)) {
        machine_trap(m, TRAP_TABLE_OUT_OF_BOUNDS);
        return;
    }
    for (uint64_t i = 0; i < count; i++)
        table->elements[to + i] = value;
}

// table.init, elem.drop, table.copy, table.grow, table.size, table.fill: 12 to 17.
void machine_bulk_table(struct reference_machine *m, uint32_t opcode)
{
    struct reference_instance *instance = m->instance;
    uint32_t index = machine_immediate(m);

    if (opcode == 13) {
        instance->elements[index].dropped = true;
    } else if (opcode == 12) {
        uint32_t table = machine_immediate(m);
        uint64_t count = (uint32_t)machine_pop(m), from = (uint32_t)machine_pop(m);
        uint64_t to = machine_pop_address(m, instance->tables[table]->is_64);
        enum trap_code code = reference_table_init(instance, table, index, to, from, count);
        if (code != TRAP_NONE)
            machine_trap(m, code);
    } else if (opcode == 14) {
        table_copy(m, instance->tables[index], instance->tables[machine_immediate(m)]);
    } else if (opcode == 15) {
        table_grow(m, instance->tables[index]);
    } else if (opcode == 16) {
        machine_push(m, instance->tables[index]->size);
    } else {
        table_fill(m, instance->tables[index]);
    }
}
