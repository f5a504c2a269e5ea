// SPDX-License-Identifier: Apache-2.0
//
// Vector instructions. As in compile_numeric.c the tables describe them, and what is decided here
// is the form. A vector is never immediate; one in the accumulator is taken from there, except
// where the operation wants the bytes of the slot. Loads and stores of whole vectors are in
// compile_numeric.c, with the others.
#include <string.h>

#include "sandbox/wasm/translate.h"

static enum form_place place_of(const struct compiler *c, const struct operand *operand)
{
    if (operand->place == OPERAND_CONSTANT)
        return IMMEDIATE;
    return operand_in_accumulator(c, operand) ? IN_ACCUMULATOR : IN_SLOT;
}

static void consume(struct compiler *c, const struct operand *operand, enum form_place place)
{
    if (place == IN_ACCUMULATOR)
        consume_accumulator(c, operand);
}

// --- constants ---

bool compile_vector_constant(struct compiler *c)
{
    if (c->dead)
        return push(c, VALTYPE_V128);
    struct cell *cell = emit(c, OPERATION_V128_CONST);
    memcpy(cell->wide, c->instruction.vector, VECTOR_BYTES);
    if (push(c, VALTYPE_V128))
        result_to(c, cell, VALTYPE_V128, operand_height(c) - 1);
    return !compile_failed(c);
}

// --- arithmetic ---

// Two vectors, of which one at most is in the accumulator.
static struct cell *emit_vectors(struct compiler *c, const struct numeric_operation *operation)
{
    struct operand *left = c->top - 2, *right = c->top - 1;
    enum vector_form form = VECTOR_SS;

    if (operand_in_accumulator(c, left)) {
        form = VECTOR_RS;
        consume_accumulator(c, left);
    } else if (operand_in_accumulator(c, right)) {
        form = VECTOR_SR;
        consume_accumulator(c, right);
    }
    if (form == VECTOR_SR && operation->family == FAMILY_VECTOR_COMMUTATIVE) {
        form = VECTOR_RS;
        right = left;
    }
    struct cell *cell = emit(c, operation->base + 2u * form);
    cell->a = (uint16_t)place_slot(left);
    cell->b = (uint16_t)place_slot(right);
    return cell;
}

static struct cell *emit_shuffle(struct compiler *c, const struct numeric_operation *operation)
{
    struct cell *cell = emit_vectors(c, operation);

    memcpy(cell->wide, c->instruction.vector, VECTOR_BYTES);
    return cell;
}

// A vector and a scalar, which have accumulators of their own. Only shifts have immediates, of
// which the lowest bits count.
static struct cell *emit_mixed(struct compiler *c, const struct numeric_operation *operation)
{
    static const uint8_t forms[2][3] = {
        [IN_SLOT] = {VECTOR_SS, VECTOR_SR, VECTOR_SI},
        [IN_ACCUMULATOR] = {VECTOR_RS, VECTOR_RR, VECTOR_RI},
    };
    struct operand *vector = c->top - 2, *scalar = c->top - 1;

    if (operation->family == FAMILY_VECTOR_REPLACE)
        operand_slot(c, scalar);
    enum form_place vector_place = place_of(c, vector), scalar_place = place_of(c, scalar);
    consume(c, vector, vector_place);
    consume(c, scalar, scalar_place);
    struct cell *cell = emit(c, operation->base + 2u * forms[vector_place][scalar_place]);
    cell->a = (uint16_t)place_slot(vector);
    cell->b = (uint16_t)(scalar_place == IMMEDIATE ? (uint16_t)scalar->value : place_slot(scalar));
    if (operation->family == FAMILY_VECTOR_REPLACE)
        cell->d = c->instruction.lane;
    return cell;
}

static struct cell *emit_ternary(struct compiler *c, uint32_t base)
{
    struct operand *last = c->top - 1;
    bool in_accumulator = operand_in_accumulator(c, last);

    consume(c, last, in_accumulator ? IN_ACCUMULATOR : IN_SLOT);
    struct cell *cell = emit(c, base + (in_accumulator ? 2u : 0u));
    cell->a = (uint16_t)place_slot(c->top - 3);
    cell->b = (uint16_t)place_slot(c->top - 2);
    cell->c = (uint16_t)place_slot(last);
    return cell;
}

// A lane is read from the slot.
static struct cell *emit_extract(struct compiler *c, uint32_t base)
{
    struct cell *cell = emit(c, base);

    cell->a = (uint16_t)place_slot(c->top - 1);
    cell->d = c->instruction.lane;
    return cell;
}

static struct cell *emit_vector(struct compiler *c, const struct numeric_operation *operation)
{
    switch (operation->family) {
    case FAMILY_VECTOR_UNARY:
        return emit_with(c, c->top - 1, operation->base, operation->base + 2u);
    case FAMILY_VECTOR_SHIFT:
    case FAMILY_VECTOR_REPLACE:
        return emit_mixed(c, operation);
    case FAMILY_VECTOR_TERNARY:
        return emit_ternary(c, operation->base);
    case FAMILY_VECTOR_EXTRACT:
        return emit_extract(c, operation->base);
    default:
        return c->instruction.opcode == OPCODE_I8X16_SHUFFLE ? emit_shuffle(c, operation)
                                                             : emit_vectors(c, operation);
    }
}

// Puts the result in the place of the operands.
static void finish(struct compiler *c, struct cell *cell, const struct opcode_info *info)
{
    struct operand *destination = c->top - info->parameter_count;
    valtype result = letter_type(c, info->signature[info->parameter_count + 1]);

    result_to(c, cell, result, height_of(c, destination));
    destination->type = result;
    destination->place = OPERAND_TEMPORARY;
    c->top = destination + 1;
}

// --- lanes in memory ---

// The vector is in its slot, whose number stands in the cell's last field, below the lane's.
static struct cell *emit_lane(struct compiler *c, uint32_t base, uint32_t step)
{
    static const uint8_t forms[] = {
        [IN_SLOT] = LOAD_S, [IN_ACCUMULATOR] = LOAD_R, [IMMEDIATE] = LOAD_N};
    struct operand *address = c->top - 2, *vector = c->top - 1;
    struct access access;
    enum form_place place = find_address(c, address, &access);
    uint32_t slot = place == IN_SLOT ? operand_slot(c, address) : 0;

    consume(c, address, place);
    struct cell *cell =
        emit(c, base + step * (forms[place] + (access.checked ? (uint32_t)LOAD_FORMS : 0)));
    cell->a = (uint16_t)slot;
    put_access(c, cell, &access);
    cell->wide[access.checked ? 1 : 0] = place_slot(vector) | (uint64_t)c->instruction.lane << 16;
    return cell;
}

static bool compile_lane(struct compiler *c, const struct numeric_operation *operation,
                         const struct opcode_info *info)
{
    if (!check_access(c, info) || !check_signature(c, info))
        return !compile_failed(c);
    if (operation->family == FAMILY_LOAD_LANE) {
        finish(c, emit_lane(c, operation->base, 2), info);
    } else {
        emit_lane(c, operation->base, 1);
        c->top -= 2;
    }
    return true;
}

// --- all of them ---

// How many lanes there are to choose from, by the kind of immediate; 0 where there is none.
static uint32_t lanes_of(enum immediate immediate)
{
    if (immediate >= IMMEDIATE_LANE16 && immediate <= IMMEDIATE_LANE2)
        return 16u >> (immediate - IMMEDIATE_LANE16);
    if (immediate >= IMMEDIATE_MEMARG0_LANE16 && immediate <= IMMEDIATE_MEMARG3_LANE2)
        return 16u >> (immediate - IMMEDIATE_MEMARG0_LANE16);
    return 0;
}

static bool check_lanes(struct compiler *c, const struct opcode_info *info)
{
    const struct instruction *instruction = &c->instruction;
    uint32_t lanes = lanes_of((enum immediate)info->immediate);

    if (lanes != 0 && instruction->lane >= lanes)
        return compile_fail(c, ERROR_INVALID_LANE_INDEX, "%u of %u", instruction->lane, lanes);
    for (uint32_t i = 0; info->immediate == IMMEDIATE_SHUFFLE && i < VECTOR_BYTES; i++) {
        if (instruction->vector[i] >= 2 * VECTOR_BYTES)
            return compile_fail(c, ERROR_INVALID_LANE_INDEX, "%u of %u", instruction->vector[i],
                                2 * VECTOR_BYTES);
    }
    return true;
}

// Relaxed ones may be something else than what is the same on every machine.
static const struct numeric_operation *operation_of(const struct compiler *c)
{
    const struct numeric_operation *fast = &fast_operation[c->instruction.opcode];

    return c->options->relaxed_fast && fast->family != FAMILY_OTHER
               ? fast
               : &numeric_operation[c->instruction.opcode];
}

bool compile_vector(struct compiler *c)
{
    const struct opcode_info *info = &opcode_info[c->instruction.opcode];
    const struct numeric_operation *operation = operation_of(c);

    if (!check_lanes(c, info))
        return false;
    if (operation->family == FAMILY_LOAD_LANE || operation->family == FAMILY_STORE_LANE)
        return compile_lane(c, operation, info);
    if (!check_signature(c, info))
        return !compile_failed(c);
    finish(c, emit_vector(c, operation), info);
    return true;
}
