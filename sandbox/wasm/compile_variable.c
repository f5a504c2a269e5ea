// SPDX-License-Identifier: Apache-2.0
//
// Constants, locals, globals, references, drop and select.
#include "sandbox/wasm/translate.h"

bool push_operand(struct compiler *c, const struct operand *operand)
{
    uint32_t height = operand_height(c);

    if (!push(c, operand->type))
        return false;
    c->top[-1].place = operand->place;
    c->top[-1].value = operand->value;
    if (operand->place == OPERAND_LOCAL && height < c->flushed)
        c->flushed = height;
    return true;
}

static bool push_constant(struct compiler *c, valtype type, uint64_t bits)
{
    return push_operand(c,
                        &(struct operand){.type = type, .place = OPERAND_CONSTANT, .value = bits});
}

bool compile_constant(struct compiler *c)
{
    static const uint8_t kinds[] = {VALKIND_I32, VALKIND_I64, VALKIND_F32, VALKIND_F64};

    return push_constant(c, kinds[c->instruction.opcode - OPCODE_I32_CONST], c->instruction.bits);
}

bool compile_ref_null(struct compiler *c)
{
    return push_constant(c, c->instruction.type, 0);
}

// A local that may be read before it was set on this path must be zero at entry.
static void needs_zero(struct compiler *c, uint32_t slot, valtype type)
{
    uint32_t end = slot + valtype_slots(type);

    if (slot < c->zero_first)
        c->zero_first = slot;
    if (end > c->zero_end)
        c->zero_end = end;
}

bool compile_local_get(struct compiler *c)
{
    uint32_t localidx = c->instruction.index;
    valtype type = local_type(c, localidx);

    if (compile_failed(c))
        return false;
    bool is_set = localidx < c->parameter_count || c->initialised[localidx];
    if (!is_set && !valtype_is_defaultable(type))
        return compile_fail(c, ERROR_UNINITIALIZED_LOCAL, "%u", localidx);
    uint32_t slot = local_slot(c, localidx);
    if (!is_set && !c->dead)
        needs_zero(c, slot, type);
    return push_operand(c, &(struct operand){.type = type, .place = OPERAND_LOCAL, .value = slot});
}

static void mark_initialised(struct compiler *c, uint32_t localidx)
{
    if (localidx < c->parameter_count || c->initialised[localidx])
        return;
    c->initialised[localidx] = 1;
    c->initialised_log[c->initialised_count++] = localidx;
}

// How far down local.set looks for operands that are still the local's old value before it rather
// puts all locals into their homes: keeps translation linear, and the moves within the slack.
#define PENDING_SCAN_MAX 16u

_Static_assert(PENDING_SCAN_MAX * sizeof(struct cell) <= TRANSLATE_SLACK / 2,
               "saving pending operands needs no reservation");

static void save_pending(struct compiler *c, uint32_t slot)
{
    uint32_t height = operand_height(c);

    if (height > c->flushed && height - c->flushed > PENDING_SCAN_MAX) {
        flush_locals(c);
        return;
    }
    for (uint32_t i = c->flushed; i < height; i++) {
        struct operand *operand = c->operands + i;
        if (operand->place == OPERAND_LOCAL && operand->value == slot)
            materialise(c, operand);
    }
}

// The value, above the stack, goes to the local: by changing the destination of the cell that just
// made it if possible.
static void emit_local_set(struct compiler *c, struct operand *value, uint32_t slot)
{
    enum accumulator_class class = accumulator_class(value->type);
    struct tracker *tracker = &c->trackers[class];

    save_pending(c, slot);
    if (value->place == OPERAND_TEMPORARY && c->last && tracker->producer == c->last &&
        tracker->slot == value->home) {
        *cell_destination(c->last) = (uint16_t)slot;
        *tracker = (struct tracker){SLOT_NONE, NULL};
        value_written(c, slot, value->type);
        *tracker = (struct tracker){slot, NULL};
        return;
    }
    bool was_in_accumulator = operand_in_accumulator(c, value);
    move_to_slot(c, value, slot, true);
    if (was_in_accumulator)
        *tracker = (struct tracker){slot, NULL};
}

static bool set_local(struct compiler *c, bool tee)
{
    uint32_t localidx = c->instruction.index;
    valtype type = local_type(c, localidx);

    if (compile_failed(c) || !check_top(c, &type, 1))
        return false;
    if (c->dead) {
        pop(c, type);
        mark_initialised(c, localidx);
        return tee ? push(c, type) : true;
    }
    struct operand *value = --c->top;
    struct operand teed = *value;
    uint32_t slot = local_slot(c, localidx);
    emit_local_set(c, value, slot);
    mark_initialised(c, localidx);
    if (tee) {
        if (teed.place == OPERAND_TEMPORARY) { // its home may not have been written at all
            teed.place = OPERAND_LOCAL;
            teed.value = slot;
        }
        teed.type = type;
        push_operand(c, &teed);
    }
    return !compile_failed(c);
}

bool compile_local_set(struct compiler *c)
{
    return set_local(c, false);
}

bool compile_local_tee(struct compiler *c)
{
    return set_local(c, true);
}

static bool globalidx_valid(struct compiler *c, uint32_t globalidx)
{
    uint32_t count = c->constant ? c->globals_visible : c->module->global_count;

    return globalidx < count || compile_fail(c, ERROR_UNKNOWN_GLOBAL, "%u", globalidx);
}

static void push_result(struct compiler *c, struct cell *cell, valtype type)
{
    if (push(c, type))
        result_to(c, cell, type, operand_height(c) - 1);
}

bool compile_global_get(struct compiler *c)
{
    static const uint16_t operations[] = {OPERATION_GLOBAL_GET_INTEGER, OPERATION_GLOBAL_GET_F32,
                                          OPERATION_GLOBAL_GET_F64, OPERATION_GLOBAL_GET_V128};
    uint32_t globalidx = c->instruction.index;

    if (!globalidx_valid(c, globalidx))
        return false;
    const struct globaltype *type = &c->module->globals[globalidx].type;
    if (c->constant && type->is_mutable)
        return compile_fail(c, ERROR_CONSTANT_EXPRESSION_REQUIRED, "global %u is mutable",
                            globalidx);
    if (c->dead)
        return push(c, type->type);
    struct cell *cell = emit(c, operations[accumulator_class(type->type)]);
    cell->imm = globalidx;
    push_result(c, cell, type->type);
    return !compile_failed(c);
}

static void emit_global_set(struct compiler *c, valtype type, uint32_t globalidx)
{
    static const uint16_t from_accumulator[] = {
        OPERATION_GLOBAL_SET_INTEGER_R, OPERATION_GLOBAL_SET_F32_R, OPERATION_GLOBAL_SET_F64_R,
        OPERATION_GLOBAL_SET_V128_R};
    static const uint16_t from_slot[] = {OPERATION_GLOBAL_SET_64_S, OPERATION_GLOBAL_SET_F32_S,
                                         OPERATION_GLOBAL_SET_64_S, OPERATION_GLOBAL_SET_V128_S};
    enum accumulator_class class = accumulator_class(type);

    emit_with(c, c->top - 1, from_slot[class], from_accumulator[class])->imm = globalidx;
}

// Is it the stack pointer, whose limits are known?
static bool is_limited(const struct compiler *c, uint32_t globalidx)
{
    const struct module_stack *stack = &c->module->stack;

    return stack->evidence != STACK_EVIDENCE_NONE && globalidx == stack->globalidx;
}

static void emit_stack_set(struct compiler *c, valtype type, uint32_t globalidx)
{
    const struct module_stack *stack = &c->module->stack;
    uint64_t span = stack->high - stack->low;
    struct cell *cell;

    if (type == VALTYPE_I32) {
        cell = emit_with(c, c->top - 1, OPERATION_GLOBAL_SET_STACK_I32_S,
                         OPERATION_GLOBAL_SET_STACK_I32_R);
        cell->wide[0] = (uint32_t)stack->low | span << 32;
    } else {
        cell = emit_with(c, c->top - 1, OPERATION_GLOBAL_SET_STACK_I64_S,
                         OPERATION_GLOBAL_SET_STACK_I64_R);
        cell->wide[0] = stack->low;
        cell->wide[1] = span;
    }
    cell->imm = globalidx;
}

bool compile_global_set(struct compiler *c)
{
    uint32_t globalidx = c->instruction.index;

    if (!globalidx_valid(c, globalidx))
        return false;
    const struct globaltype *type = &c->module->globals[globalidx].type;
    if (!type->is_mutable)
        return compile_fail(c, ERROR_IMMUTABLE_GLOBAL, "%u", globalidx);
    if (!check_top(c, &type->type, 1))
        return false;
    if (!c->dead && is_limited(c, globalidx))
        emit_stack_set(c, type->type, globalidx);
    else if (!c->dead)
        emit_global_set(c, type->type, globalidx);
    pop(c, type->type);
    return !compile_failed(c);
}

bool compile_ref_func(struct compiler *c)
{
    uint32_t funcidx = c->instruction.index;
    const struct module *module = c->module;

    if (funcidx >= module->function_count)
        return compile_fail(c, ERROR_UNKNOWN_FUNCTION, "%u", funcidx);
    if (!c->constant && !(module->declared[funcidx / 8] >> (funcidx % 8) & 1))
        return compile_fail(c, ERROR_UNDECLARED_FUNCTION_REFERENCE, "%u", funcidx);
    // The precise type, (ref $t), is a subtype of funcref.
    valtype type = VALTYPE_REF(HEAPTYPE_CONCRETE + module->functions[funcidx].type);
    if (c->dead)
        return push(c, type);
    struct cell *cell = emit(c, OPERATION_REF_FUNC);
    cell->a = (uint16_t)home_slot(c, operand_height(c));
    cell->imm = funcidx;
    trackers_reset(c);
    return push(c, type);
}

// A reference is null if its slot is 0, so the test is a comparison.
bool compile_ref_is_null(struct compiler *c)
{
    valtype type = pop(c, VALTYPE_BOTTOM);

    if (compile_failed(c))
        return false;
    if (type != VALTYPE_BOTTOM && !valtype_is_reference(type))
        return compile_fail(c, ERROR_TYPE_MISMATCH, "ref.is_null needs a reference");
    if (c->dead)
        return push(c, VALTYPE_I32);
    struct cell *cell = emit_with(c, c->top++, OPERATION_I64_EQ_SS + 2u * FORM_SI,
                                  OPERATION_I64_EQ_SS + 2u * FORM_RI);
    cell->imm = 0;
    c->before_compare = c->trackers[ACCUMULATOR_INTEGER];
    c->top--;
    push_result(c, cell, VALTYPE_I32);
    return !compile_failed(c);
}

bool compile_drop(struct compiler *c)
{
    pop(c, VALTYPE_BOTTOM);
    return !compile_failed(c);
}

// The type of select's operands without an annotation: numeric, and the same. BOTTOM when a
// polymorphic stack leaves it open.
static valtype select_type(struct compiler *c)
{
    if (c->instruction.opcode == OPCODE_SELECT_TYPED) {
        if (c->instruction.count != 1)
            compile_fail(c, ERROR_INVALID_RESULT_ARITY, "select with %u types",
                         c->instruction.count);
        return c->instruction.type;
    }
    valtype right = pop(c, VALTYPE_BOTTOM), left = pop(c, VALTYPE_BOTTOM);
    valtype type = left == VALTYPE_BOTTOM ? right : left;
    if (valtype_is_reference(left) || valtype_is_reference(right))
        compile_fail(c, ERROR_TYPE_MISMATCH, "select without a type takes no references");
    else if (left != VALTYPE_BOTTOM && right != VALTYPE_BOTTOM && left != right)
        compile_fail(c, ERROR_TYPE_MISMATCH, "select's operands differ in type");
    return type;
}

static void emit_select(struct compiler *c, struct operand *left, valtype type)
{
    static const uint16_t operations[] = {OPERATION_SELECT_INTEGER_S, OPERATION_SELECT_F32_S,
                                          OPERATION_SELECT_F64_S, OPERATION_SELECT_V128_S};
    struct operand *condition = left + 2;
    uint32_t left_slot = operand_slot(c, left), right_slot = operand_slot(c, left + 1);
    uint32_t condition_slot = operand_slot(c, condition);
    bool in_accumulator = operand_in_accumulator(c, condition);

    if (in_accumulator)
        consume_accumulator(c, condition);
    struct cell *cell = emit(c, operations[accumulator_class(type)] + (in_accumulator ? 2u : 0u));
    cell->a = (uint16_t)left_slot;
    cell->b = (uint16_t)right_slot;
    cell->c = (uint16_t)condition_slot;
    push_result(c, cell, type);
}

bool compile_select(struct compiler *c)
{
    struct operand *top = c->top;

    pop(c, VALTYPE_I32);
    if (compile_failed(c))
        return false;
    valtype type = select_type(c);
    if (c->instruction.opcode == OPCODE_SELECT_TYPED) {
        pop(c, type);
        pop(c, type);
    }
    if (compile_failed(c))
        return false;
    if (c->dead)
        return push(c, type);
    emit_select(c, top - 3, type);
    return !compile_failed(c);
}
