// SPDX-License-Identifier: Apache-2.0
//
// Instructions on whole memories, tables and segments. Their operations are out of line and take
// their operands from consecutive slots, so here everything goes to its home.
#include "sandbox/wasm/translate.h"

// Types of an instruction's operands, and of its result or VALTYPE_BOTTOM.
struct signature {
    valtype operands[3];
    uint32_t count;
    valtype result;
};

static const struct signature no_operands = {{0}, 0, VALTYPE_BOTTOM};

// Emits the operation with its operands in their homes; `first` and `second` are indices.
static bool emit_bulk(struct compiler *c, uint32_t operation, const struct signature *signature,
                      uint32_t first, uint32_t second)
{
    if (!check_top(c, signature->operands, signature->count))
        return false;
    bool dead = c->dead;
    if (!dead) {
        materialise_top(c, signature->count);
        struct cell *cell = emit(c, operation);
        cell->a = (uint16_t)(home_slot(c, operand_height(c)) - signature->count);
        cell->imm = first;
        if (operation_info[operation].length > sizeof *cell)
            cell->wide[0] = second;
        trackers_reset(c);
    }
    pop_all(c, signature->operands, signature->count);
    if (signature->result != VALTYPE_BOTTOM)
        push(c, signature->result);
    return !compile_failed(c);
}

// The rest of the operands follows from the addresses': a length fits both, a segment has 32 bits.
static struct signature copy_signature(const struct limits *destination,
                                       const struct limits *source)
{
    valtype length = destination->address64 && source->address64 ? VALTYPE_I64 : VALTYPE_I32;

    return (struct signature){
        {address_type(destination), address_type(source), length}, 3, VALTYPE_BOTTOM};
}

static struct signature init_signature(const struct limits *destination)
{
    return (struct signature){
        {address_type(destination), VALTYPE_I32, VALTYPE_I32}, 3, VALTYPE_BOTTOM};
}

static bool memidx_valid(struct compiler *c, uint32_t memidx)
{
    return memidx < c->module->memory_count || compile_fail(c, ERROR_UNKNOWN_MEMORY, "%u", memidx);
}

static bool tableidx_valid(struct compiler *c, uint32_t tableidx)
{
    return tableidx < c->module->table_count ||
           compile_fail(c, ERROR_UNKNOWN_TABLE, "%u", tableidx);
}

static bool dataidx_valid(struct compiler *c, uint32_t dataidx)
{
    if (!c->module->has_data_count)
        return compile_fail(c, ERROR_DATA_COUNT_REQUIRED, NULL);
    return dataidx < c->module->data_count_declared ||
           compile_fail(c, ERROR_UNKNOWN_DATA_SEGMENT, "%u", dataidx);
}

static bool elemidx_valid(struct compiler *c, uint32_t elemidx)
{
    return elemidx < c->module->element_count ||
           compile_fail(c, ERROR_UNKNOWN_ELEMENT_SEGMENT, "%u", elemidx);
}

// memory.size and table.size: in line, with a result in the accumulator.
static bool compile_size(struct compiler *c, uint32_t operation, valtype type)
{
    if (c->dead)
        return push(c, type);
    struct cell *cell = emit(c, operation);
    cell->imm = c->instruction.index;
    if (push(c, type))
        result_to(c, cell, type, operand_height(c) - 1);
    return !compile_failed(c);
}

static bool compile_memory_copy(struct compiler *c, uint32_t destination, uint32_t source)
{
    const struct memorytype *memories = c->module->memories;

    if (!memidx_valid(c, destination) || !memidx_valid(c, source))
        return false;
    const struct signature copy =
        copy_signature(&memories[destination].limits, &memories[source].limits);
    return emit_bulk(c, OPERATION_MEMORY_COPY, &copy, destination, source);
}

static bool compile_memory_init(struct compiler *c, uint32_t dataidx, uint32_t memidx)
{
    if (!memidx_valid(c, memidx) || !dataidx_valid(c, dataidx))
        return false;
    const struct signature init = init_signature(&c->module->memories[memidx].limits);
    return emit_bulk(c, OPERATION_MEMORY_INIT, &init, dataidx, memidx);
}

bool compile_memory(struct compiler *c)
{
    const struct instruction *instruction = &c->instruction;
    uint32_t memidx = instruction->index;

    if (instruction->opcode == OPCODE_MEMORY_COPY)
        return compile_memory_copy(c, memidx, instruction->index2);
    if (instruction->opcode == OPCODE_MEMORY_INIT)
        return compile_memory_init(c, memidx, instruction->index2);
    if (!memidx_valid(c, memidx))
        return false;
    valtype address = address_type(&c->module->memories[memidx].limits);
    const struct signature grow = {{address}, 1, address};
    const struct signature fill = {{address, VALTYPE_I32, address}, 3, VALTYPE_BOTTOM};

    switch (instruction->opcode) {
    case OPCODE_MEMORY_SIZE:
        return compile_size(c, OPERATION_MEMORY_SIZE, address);
    case OPCODE_MEMORY_GROW:
        return emit_bulk(c, OPERATION_MEMORY_GROW, &grow, memidx, 0);
    default:
        return emit_bulk(c, OPERATION_MEMORY_FILL, &fill, memidx, 0);
    }
}

static bool compile_table_copy(struct compiler *c, uint32_t destination, uint32_t source)
{
    const struct table_declaration *tables = c->module->tables;

    if (!tableidx_valid(c, destination) || !tableidx_valid(c, source))
        return false;
    if (!valtype_matches(c->store, tables[source].type.element, tables[destination].type.element))
        return compile_fail(c, ERROR_TYPE_MISMATCH, "table.copy between tables of other types");
    const struct signature copy =
        copy_signature(&tables[destination].type.limits, &tables[source].type.limits);
    return emit_bulk(c, OPERATION_TABLE_COPY, &copy, destination, source);
}

static bool compile_table_init(struct compiler *c, uint32_t elemidx, uint32_t tableidx)
{
    if (!tableidx_valid(c, tableidx) || !elemidx_valid(c, elemidx))
        return false;
    if (!valtype_matches(c->store, c->module->elements[elemidx].type,
                         c->module->tables[tableidx].type.element))
        return compile_fail(c, ERROR_TYPE_MISMATCH, "table.init from elements of another type");
    const struct signature init = init_signature(&c->module->tables[tableidx].type.limits);
    return emit_bulk(c, OPERATION_TABLE_INIT, &init, elemidx, tableidx);
}

bool compile_table(struct compiler *c)
{
    const struct instruction *instruction = &c->instruction;
    uint32_t tableidx = instruction->index;

    if (instruction->opcode == OPCODE_TABLE_COPY)
        return compile_table_copy(c, tableidx, instruction->index2);
    if (instruction->opcode == OPCODE_TABLE_INIT)
        return compile_table_init(c, tableidx, instruction->index2);
    if (!tableidx_valid(c, tableidx))
        return false;
    valtype element = c->module->tables[tableidx].type.element;
    valtype address = address_type(&c->module->tables[tableidx].type.limits);
    const struct signature get = {{address}, 1, element};
    const struct signature set = {{address, element}, 2, VALTYPE_BOTTOM};
    const struct signature grow = {{element, address}, 2, address};
    const struct signature fill = {{address, element, address}, 3, VALTYPE_BOTTOM};

    switch (instruction->opcode) {
    case OPCODE_TABLE_GET:
        return emit_bulk(c, OPERATION_TABLE_GET, &get, tableidx, 0);
    case OPCODE_TABLE_SET:
        return emit_bulk(c, OPERATION_TABLE_SET, &set, tableidx, 0);
    case OPCODE_TABLE_SIZE:
        return compile_size(c, OPERATION_TABLE_SIZE, address);
    case OPCODE_TABLE_GROW:
        return emit_bulk(c, OPERATION_TABLE_GROW, &grow, tableidx, 0);
    default:
        return emit_bulk(c, OPERATION_TABLE_FILL, &fill, tableidx, 0);
    }
}

bool compile_data_drop(struct compiler *c)
{
    return dataidx_valid(c, c->instruction.index) &&
           emit_bulk(c, OPERATION_DATA_DROP, &no_operands, c->instruction.index, 0);
}

bool compile_elem_drop(struct compiler *c)
{
    return elemidx_valid(c, c->instruction.index) &&
           emit_bulk(c, OPERATION_ELEM_DROP, &no_operands, c->instruction.index, 0);
}
