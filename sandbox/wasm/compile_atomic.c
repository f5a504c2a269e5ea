// SPDX-License-Identifier: Apache-2.0
//
// Atomic accesses (proposal: threads). One operation does all of them, out of line; which one is in
// its cell.
#include "sandbox/wasm/translate.h"

static void emit_atomic(struct compiler *c, uint32_t operand_count)
{
    materialise_top(c, operand_count);
    struct cell *cell = emit(c, OPERATION_ATOMIC);
    cell->a = (uint16_t)(home_slot(c, operand_height(c)) - operand_count);
    cell->b = c->instruction.opcode;
    cell->imm = c->instruction.index;
    cell->wide[0] = c->instruction.bits;
    trackers_reset(c);
}

bool compile_atomic(struct compiler *c)
{
    const struct opcode_info *info = &opcode_info[c->instruction.opcode];
    uint32_t natural = (uint32_t)info->immediate - IMMEDIATE_MEMARG0;

    if (c->instruction.alignment != natural)
        return compile_fail(c, ERROR_ALIGNMENT_NOT_NATURAL, "2^%u, not 2^%u",
                            c->instruction.alignment, natural);
    if (!check_access(c, info) || !check_signature(c, info))
        return !compile_failed(c);
    emit_atomic(c, info->parameter_count);
    c->top -= info->parameter_count;
    if (info->result_count == 0)
        return true;
    return push(c, letter_type(c, info->signature[info->parameter_count + 1u]));
}
