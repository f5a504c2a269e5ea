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
static const struct signature one_i32 = {{VALTYPE_I32}, 1, VALTYPE_I32};
static const struct signature three_i32 = {
    {VALTYPE_I32, VALTYPE_I32, VALTYPE_I32}, 3, VALTYPE_BOTTOM};

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
static bool compile_size(struct compiler *c, uint32_t operation)
{
    if (c->dead)
        return push(c, VALTYPE_I32);
    struct cell *cell = emit(c, operation);
    cell->imm = c->instruction.index;
    if (push(c, VALTYPE_I32))
        result_to(c, cell, VALTYPE_I32, operand_height(c) - 1);
    return !compile_failed(c);
}

bool compile_memory(struct compiler *c)
{
    const struct instruction *instruction = &c->instruction;

    switch (instruction->opcode) {
    case OPCODE_MEMORY_SIZE:
        return memidx_valid(c, instruction->index) && compile_size(c, OPERATION_MEMORY_SIZE);
    case OPCODE_MEMORY_GROW:
        return memidx_valid(c, instruction->index) &&
               emit_bulk(c, OPERATION_MEMORY_GROW, &one_i32, instruction->index, 0);
    case OPCODE_MEMORY_FILL:
        return memidx_valid(c, instruction->index) &&
               emit_bulk(c, OPERATION_MEMORY_FILL, &three_i32, instruction->index, 0);
    case OPCODE_MEMORY_COPY: // destination, source
        return memidx_valid(c, instruction->index) && memidx_valid(c, instruction->index2) &&
               emit_bulk(c, OPERATION_MEMORY_COPY, &three_i32, instruction->index,
                         instruction->index2);
    default: // memory.init: dataidx, memidx
        return memidx_valid(c, instruction->index2) && dataidx_valid(c, instruction->index) &&
               emit_bulk(c, OPERATION_MEMORY_INIT, &three_i32, instruction->index,
                         instruction->index2);
    }
}

static bool compile_table_copy(struct compiler *c, uint32_t destination, uint32_t source)
{
    const struct table_declaration *tables = c->module->tables;

    if (!tableidx_valid(c, destination) || !tableidx_valid(c, source))
        return false;
    if (!valtype_matches(c->store, tables[source].type.element, tables[destination].type.element))
        return compile_fail(c, ERROR_TYPE_MISMATCH, "table.copy between tables of other types");
    return emit_bulk(c, OPERATION_TABLE_COPY, &three_i32, destination, source);
}

static bool compile_table_init(struct compiler *c, uint32_t elemidx, uint32_t tableidx)
{
    if (!tableidx_valid(c, tableidx) || !elemidx_valid(c, elemidx))
        return false;
    if (!valtype_matches(c->store, c->module->elements[elemidx].type,
                         c->module->tables[tableidx].type.element))
        return compile_fail(c, ERROR_TYPE_MISMATCH, "table.init from elements of another type");
    return emit_bulk(c, OPERATION_TABLE_INIT, &three_i32, elemidx, tableidx);
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
    const struct signature get = {{VALTYPE_I32}, 1, element};
    const struct signature set = {{VALTYPE_I32, element}, 2, VALTYPE_BOTTOM};
    const struct signature grow = {{element, VALTYPE_I32}, 2, VALTYPE_I32};
    const struct signature fill = {{VALTYPE_I32, element, VALTYPE_I32}, 3, VALTYPE_BOTTOM};

    switch (instruction->opcode) {
    case OPCODE_TABLE_GET:
        return emit_bulk(c, OPERATION_TABLE_GET, &get, tableidx, 0);
    case OPCODE_TABLE_SET:
        return emit_bulk(c, OPERATION_TABLE_SET, &set, tableidx, 0);
    case OPCODE_TABLE_SIZE:
        return compile_size(c, OPERATION_TABLE_SIZE);
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
