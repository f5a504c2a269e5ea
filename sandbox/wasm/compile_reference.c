// SPDX-License-Identifier: Apache-2.0
//
// What asks whether a reference is null, and branches or traps on it.
#include "sandbox/wasm/translate.h"

static valtype non_null(valtype type)
{
    return VALTYPE_REF(valtype_heaptype(type));
}

// The reference stays where it is, with the better type.
bool compile_ref_as_non_null(struct compiler *c)
{
    valtype type = pop_reference(c);

    if (compile_failed(c))
        return false;
    if (c->dead)
        return push(c, non_null(type));
    struct operand *reference = c->top++;
    uint32_t slot = operand_slot(c, reference);
    bool in_accumulator = operand_in_accumulator(c, reference);
    struct cell *cell =
        emit(c, in_accumulator ? OPERATION_REF_AS_NON_NULL_R : OPERATION_REF_AS_NON_NULL_S);
    cell->a = (uint16_t)slot;
    reference->type = non_null(type);
    return !compile_failed(c);
}

// Types of the label's operands, and whether the topmost `count` are those.
static bool check_label_operands(struct compiler *c, const valtype *types, uint32_t count)
{
    if (!check_top(c, types, count))
        return false;
    if (c->dead) {
        pop_all(c, types, count);
        return push_all(c, types, count) && !compile_failed(c);
    }
    materialise_top(c, count); // a branch must not change where an operand is
    return !compile_failed(c);
}

bool compile_br_on_null(struct compiler *c)
{
    struct control *target = label_at(c, c->instruction.index);
    uint32_t count;

    if (!target)
        return false;
    const valtype *types = label_types(target, &count);
    valtype type = pop_reference(c);
    if (compile_failed(c))
        return false;
    struct operand *place = c->top;
    if (!check_label_operands(c, types, count))
        return false;
    if (c->dead)
        return push(c, non_null(type));
    if (target != c->controls && control_in_homes(c, target, count)) {
        branch_field(c, target, emit_null_test(c, place, true));
        if (count > 0)
            producers_keep(c);
    } else {
        control_branch_around(c, target, count, emit_null_test(c, place, false));
    }
    struct operand reference = *place;
    reference.type = non_null(type);
    retype_top(c, types, count);
    return push_operand(c, &reference) && !compile_failed(c);
}

bool compile_br_on_non_null(struct compiler *c)
{
    struct control *target = label_at(c, c->instruction.index);
    uint32_t count;

    if (!target)
        return false;
    const valtype *types = label_types(target, &count);
    if (count == 0 || !valtype_is_reference(types[count - 1]))
        return compile_fail(c, ERROR_TYPE_MISMATCH, "the label of %s needs a reference",
                            opcode_info[c->instruction.opcode].mnemonic);
    valtype last = types[count - 1];
    pop(c, VALTYPE_REF_NULL(valtype_heaptype(last)));
    if (compile_failed(c))
        return false;
    if (c->dead)
        return check_label_operands(c, types, count - 1);
    (c->top++)->type = last;
    if (!check_label_operands(c, types, count))
        return false;
    if (target != c->controls && control_in_homes(c, target, count)) {
        branch_field(c, target, emit_null_test(c, c->top - 1, false));
        producers_keep(c);
    } else {
        control_branch_around(c, target, count, emit_null_test(c, c->top - 1, true));
    }
    c->top--;
    retype_top(c, types, count - 1);
    return !compile_failed(c);
}
