// SPDX-License-Identifier: Apache-2.0
#include "sandbox/wasm/translate.h"

// Cells become accessible in steps that grow with what is there, so that few system calls are made,
// but not for ever: what is accessible counts, used or not.
#define GROWTH_MAX (1024u * 1024)

static bool grow_cells(struct compiler *c, uint64_t needed)
{
    uint64_t maximum = c->options->code_bytes_max, growth = needed / 4;
    uint64_t wanted = needed + (growth < GROWTH_MAX ? growth : GROWTH_MAX);

    if (wanted > maximum)
        wanted = maximum;
    if (needed > maximum ||
        (!arena_commit(&c->module->cells, wanted) && !arena_commit(&c->module->cells, needed)))
        return compile_fail(c, ERROR_LIMIT_CODE, "cells would take more than %llu bytes",
                            (unsigned long long)maximum);
    return true;
}

bool reserve_cells(struct compiler *c, uint64_t bytes)
{
    const struct arena *cells = &c->module->cells;
    uint64_t function_bytes = code_offset(c) + bytes + TRANSLATE_SLACK;
    uint64_t needed = (uint64_t)(c->start - cells->base) + function_bytes;

    if (function_bytes > LIMIT_FUNCTION_CODE_BYTES)
        return compile_fail(c, ERROR_LIMIT_CODE,
                            "cells of a function would take more than %u bytes",
                            LIMIT_FUNCTION_CODE_BYTES);
    if (needed > cells->used && !grow_cells(c, needed))
        return false;
    uint64_t usable = cells->used - (uint64_t)(c->start - cells->base);
    c->limit = c->start + (usable < LIMIT_FUNCTION_CODE_BYTES ? usable : LIMIT_FUNCTION_CODE_BYTES);
    return true;
}

void trackers_reset(struct compiler *c)
{
    for (uint32_t i = 0; i < ACCUMULATOR_COUNT; i++)
        c->trackers[i] = (struct tracker){SLOT_NONE, NULL};
    c->last = NULL;
}

void slot_written(struct compiler *c, uint32_t slot)
{
    for (uint32_t i = 0; i < ACCUMULATOR_COUNT; i++) {
        if (c->trackers[i].slot == slot)
            c->trackers[i] = (struct tracker){SLOT_NONE, NULL};
    }
    if (c->before_compare.slot == slot)
        c->before_compare.slot = SLOT_NONE;
    // The upper half of a vector.
    if (c->trackers[ACCUMULATOR_V128].slot == slot - 1)
        c->trackers[ACCUMULATOR_V128] = (struct tracker){SLOT_NONE, NULL};
}

void value_written(struct compiler *c, uint32_t slot, valtype type)
{
    slot_written(c, slot);
    if (type == VALTYPE_V128)
        slot_written(c, slot + 1);
}

void producers_keep(struct compiler *c)
{
    for (uint32_t i = 0; i < ACCUMULATOR_COUNT; i++)
        c->trackers[i].producer = NULL;
}

void consume_accumulator(struct compiler *c, const struct operand *operand)
{
    struct tracker *tracker = &c->trackers[accumulator_class(operand->type)];

    if (operand->place != OPERAND_TEMPORARY || !tracker->producer)
        return;
    tracker->producer->handler++;
    *tracker = (struct tracker){SLOT_NONE, NULL};
}

static void constant_to_slot(struct compiler *c, const struct operand *operand, uint32_t slot)
{
    uint64_t bits = operand->value;
    struct cell *cell;

    if (bits <= UINT32_MAX) {
        cell = emit(c, OPERATION_CONST_U32);
        cell->imm = (uint32_t)bits;
    } else if (bits == (uint64_t)(int64_t)(int32_t)bits) {
        cell = emit(c, OPERATION_CONST_S32);
        cell->imm = (uint32_t)bits;
    } else {
        cell = emit(c, OPERATION_CONST_64);
        cell->wide[0] = bits;
    }
    cell->b = (uint16_t)slot;
    slot_written(c, slot);
}

void move_to_slot(struct compiler *c, struct operand *operand, uint32_t slot, bool consume)
{
    static const uint16_t set_operation[] = {OPERATION_SET_INTEGER, OPERATION_SET_F32,
                                             OPERATION_SET_F64, OPERATION_SET_V128};
    static const uint16_t move_operation[] = {OPERATION_MOVE_64, OPERATION_MOVE_32,
                                              OPERATION_MOVE_64, OPERATION_MOVE_128};
    enum accumulator_class class = accumulator_class(operand->type);

    if (operand->place == OPERAND_CONSTANT) {
        constant_to_slot(c, operand, slot);
        return;
    }
    uint32_t source = place_slot(operand);
    if (source == slot)
        return;
    struct cell *cell;
    if (operand_in_accumulator(c, operand)) {
        if (consume)
            consume_accumulator(c, operand);
        cell = emit(c, set_operation[class]);
    } else {
        cell = emit(c, move_operation[class]);
        cell->a = (uint16_t)source;
    }
    cell->b = (uint16_t)slot;
    value_written(c, slot, operand->type);
}

void materialise(struct compiler *c, struct operand *operand)
{
    if (operand->place == OPERAND_TEMPORARY)
        return;
    move_to_slot(c, operand, operand->home, false);
    operand->place = OPERAND_TEMPORARY;
}

void materialise_top(struct compiler *c, uint32_t count)
{
    if (count == 0 || !reserve_cells(c, count * 24ull))
        return;
    charge_moves(c, count);
    for (uint32_t i = count; i > 0; i--)
        materialise(c, c->top - i);
}

uint32_t operand_slot(struct compiler *c, struct operand *operand)
{
    if (operand->place == OPERAND_CONSTANT)
        materialise(c, operand);
    return place_slot(operand);
}

struct cell *emit_with(struct compiler *c, struct operand *operand, uint32_t from_slot,
                       uint32_t from_accumulator)
{
    uint32_t slot = operand_slot(c, operand);
    bool in_accumulator = operand_in_accumulator(c, operand);

    if (in_accumulator)
        consume_accumulator(c, operand);
    struct cell *cell = emit(c, in_accumulator ? from_accumulator : from_slot);
    cell->a = (uint16_t)slot;
    return cell;
}

void flush_locals(struct compiler *c)
{
    uint32_t height = operand_height(c);

    if (c->flushed < height && reserve_cells(c, (height - c->flushed) * 24ull)) {
        for (struct operand *o = c->operands + c->flushed; o < c->top; o++) {
            if (o->place == OPERAND_LOCAL)
                materialise(c, o);
        }
    }
    c->flushed = height;
}

void move_to_label(struct compiler *c, uint32_t height, uint32_t count, bool consume)
{
    if (!reserve_cells(c, count * 24ull))
        return;
    charge_moves(c, count);
    uint32_t slot = home_slot(c, height);
    for (struct operand *operand = c->top - count; operand < c->top; operand++) {
        move_to_slot(c, operand, slot, consume);
        slot += valtype_slots(operand->type);
    }
}

void result_to(struct compiler *c, struct cell *cell, valtype type, uint32_t height)
{
    uint32_t slot = home_slot(c, height);

    *cell_destination(cell) = (uint16_t)slot;
    value_written(c, slot, type);
    c->trackers[accumulator_class(type)] = (struct tracker){slot, cell};
}

// Several results go to slots 0 and up, which are parameters' and locals': none of the operands
// may still be one. Homes lie above all of those slots, so the order of the moves does not matter.
static void emit_return_many(struct compiler *c, uint32_t count)
{
    uint32_t slot = 0;

    if (!reserve_cells(c, count * 48ull))
        return;
    materialise_top(c, count);
    for (struct operand *operand = c->top - count; operand < c->top; operand++) {
        move_to_slot(c, operand, slot, false);
        slot += valtype_slots(operand->type);
    }
    emit(c, OPERATION_RETURN_0)->d = (uint16_t)c->header;
}

void emit_return(struct compiler *c, uint32_t count, bool consume)
{
    static const uint16_t from_slot[] = {OPERATION_RETURN_INTEGER_S, OPERATION_RETURN_F32_S,
                                         OPERATION_RETURN_F64_S, OPERATION_RETURN_V128_S};
    static const uint16_t from_accumulator[] = {OPERATION_RETURN_INTEGER_R, OPERATION_RETURN_F32_R,
                                                OPERATION_RETURN_F64_R, OPERATION_RETURN_V128_R};
    struct cell *cell;

    if (count != 1) {
        emit_return_many(c, count);
        return;
    }
    struct operand *operand = c->top - 1;
    enum accumulator_class class = accumulator_class(operand->type);
    if (operand_in_accumulator(c, operand)) {
        if (consume)
            consume_accumulator(c, operand);
        cell = emit(c, from_accumulator[class]);
    } else {
        uint32_t slot = operand->home;
        if (operand->place == OPERAND_CONSTANT)
            constant_to_slot(c, operand, slot);
        else
            slot = place_slot(operand);
        cell = emit(c, from_slot[class]);
        cell->a = (uint16_t)slot;
    }
    cell->d = (uint16_t)c->header;
}

static int32_t *field_at(struct compiler *c, uint32_t offset)
{
    return (int32_t *)(void *)(c->start + offset);
}

void branch_field(struct compiler *c, struct control *target, uint32_t field)
{
    if (target->opcode == OPCODE_LOOP) {
        *field_at(c, field) = (int32_t)(target->start - field);
        return;
    }
    target->targeted = true;
    *field_at(c, field) = (int32_t)target->fixups;
    target->fixups = field;
}

void patch_here(struct compiler *c, uint32_t field)
{
    *field_at(c, field) = (int32_t)(code_offset(c) - field);
}

void patch_chain(struct compiler *c, uint32_t field)
{
    while (field != 0) {
        uint32_t next = (uint32_t)*field_at(c, field);
        patch_here(c, field);
        field = next;
    }
}

// The comparison whose result is the operand on top, if it is the last cell and still there to be
// changed; NULL otherwise.
static struct cell *pending_compare(const struct compiler *c)
{
    const struct operand *condition = c->top - 1;
    const struct tracker *tracker = &c->trackers[ACCUMULATOR_INTEGER];

    if (condition->place != OPERAND_TEMPORARY || !c->last || tracker->producer != c->last ||
        tracker->slot != condition->home)
        return NULL;
    return operation_info[c->last->handler].family == FAMILY_COMPARE ? c->last : NULL;
}

bool invert_compare(struct compiler *c)
{
    struct cell *cell = pending_compare(c);

    if (!cell)
        return false;
    const struct compare_operation *compare =
        &compare_operation[operation_info[cell->handler].compare];
    if (compare->inverse == OPERATION_COUNT)
        return false;
    cell->handler += (uint64_t)compare->inverse - compare->base;
    return true;
}

// Turns the last comparison into a branch, in place. False where the branch has no such form.
static bool fuse_condition(struct compiler *c, bool if_true)
{
    struct cell *cell = pending_compare(c);

    if (!cell)
        return false;
    const struct compare_operation *compare =
        &compare_operation[operation_info[cell->handler].compare];
    uint32_t form = (uint32_t)(cell->handler - compare->base) / 2;
    if (form == FORM_SI || form == FORM_RI) {
        // An f64's immediate stays where it is; an integer's must fit the field beside the
        // displacement; an f32's has no place.
        uint32_t branch = compare->branch + form;
        if (operation_info[branch].family == FAMILY_HOLE)
            return false;
        if (operation_info[branch].length == sizeof *cell) {
            if (cell->displacement != (int16_t)cell->displacement)
                return false;
            cell->b = (uint16_t)cell->imm;
        }
    }
    cell->handler = (if_true ? compare->branch : compare->branch_not) + form;
    // The comparison's result is gone, so r0 still has what it had.
    c->trackers[ACCUMULATOR_INTEGER] = c->before_compare;
    return true;
}

uint32_t emit_condition(struct compiler *c, bool if_true)
{
    struct operand *condition = c->top - 1;

    if (!fuse_condition(c, if_true)) {
        uint32_t base = if_true ? OPERATION_BR_I32_NE_SS : OPERATION_BR_I32_EQ_SS;
        struct cell *cell = emit_with(c, condition, base + FORM_SI, base + FORM_RI);
        cell->b = 0;
    }
    uint32_t field = (uint32_t)((uint8_t *)&c->last->displacement - c->start);
    c->last = NULL; // a branch is not to be changed any more
    return field;
}

uint32_t emit_null_test(struct compiler *c, struct operand *reference, bool if_null)
{
    uint32_t base = if_null ? OPERATION_BR_I64_EQ_SS : OPERATION_BR_I64_NE_SS;
    uint32_t slot = operand_slot(c, reference);
    struct cell *cell = emit(c, base + (operand_in_accumulator(c, reference) ? FORM_RI : FORM_SI));

    cell->a = (uint16_t)slot;
    cell->b = 0;
    c->last = NULL; // a branch is not to be changed any more
    return (uint32_t)((uint8_t *)&cell->displacement - c->start);
}

static void set_bit(uint8_t *bits, uint32_t index)
{
    bits[index / 8] = (uint8_t)(bits[index / 8] | 1u << index % 8);
}

// Of the operand whose height was noted so, counted from the first home.
static uint32_t reference_slot(const struct compiler *c, uint32_t index)
{
    return home_slot(c, c->reference_heights[index]) - c->operand_base;
}

// The map of the operands below `height` that are references, in an arena of maps; false if none
// is, or after an error.
static bool record_map(struct compiler *c, struct arena *maps, uint32_t height)
{
    struct module *module = c->module;
    uint32_t count = c->reference_count;

    while (count > 0 && c->reference_heights[count - 1] >= height)
        count--;
    if (count == 0)
        return false;
    uint32_t slot_count = reference_slot(c, count - 1) + 1;
    size_t start = arena_mark(&module->reference_bits);
    uint8_t *bits = arena_alloc(&module->reference_bits, (slot_count + 7) / 8, 1);
    struct reference_map *map = arena_alloc(maps, sizeof *map, _Alignof(struct reference_map));
    if (!bits || !map || start > UINT32_MAX - slot_count)
        return compile_fail(c, ERROR_LIMIT_CODE, "too many reference maps");
    for (uint32_t i = 0; i < count; i++) {
        // A height may meanwhile have been given another type; places say what is in the home.
        const struct operand *operand = c->operands + c->reference_heights[i];
        if (valtype_is_reference(operand->type) && operand->place == OPERAND_TEMPORARY)
            set_bit(bits, reference_slot(c, i));
    }
    *map = (struct reference_map){code_offset(c) - PROLOGUE_BYTES, c->operand_base, slot_count,
                                  (uint32_t)start};
    return true;
}

void record_references(struct compiler *c, uint32_t height)
{
    if (record_map(c, &c->module->references, height))
        c->code->reference_count++;
}

uint32_t record_landing(struct compiler *c, uint32_t height)
{
    struct arena *maps = &c->module->landing_references;

    return record_map(c, maps, height) ? (uint32_t)(arena_mark(maps) / sizeof(struct reference_map))
                                       : 0;
}
