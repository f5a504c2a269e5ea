// SPDX-License-Identifier: Apache-2.0
//
// Calls. The arguments' homes are the first slots of the callee's frame, and the results come back
// in the same place.
#include "sandbox/wasm/translate.h"

// Arguments to their homes, the call, the results. `cell` gets the frame's slot.
static struct cell *emit_call(struct compiler *c, uint32_t operation, const struct deftype *type)
{
    materialise_top(c, type->parameter_count);
    if (!reserve_cells(c, 0))
        return NULL;
    struct cell *cell = emit(c, operation);
    cell->a = (uint16_t)home_slot(c, operand_height(c) - type->parameter_count);
    return cell;
}

static void finish_call(struct compiler *c, const struct deftype *type)
{
    const valtype *results = deftype_results(type);
    uint32_t height = operand_height(c) - type->parameter_count;

    if (c->code->holds_references)
        record_references(c, height);
    c->top = c->operands + height;
    trackers_reset(c);
    if (!push_all(c, results, type->result_count) || type->result_count != 1)
        return;
    // A return leaves a single result in its accumulator as well.
    c->trackers[accumulator_class(results[0])].slot = home_slot(c, height);
}

static bool apply_call_dead(struct compiler *c, const struct deftype *type)
{
    pop_all(c, deftype_parameters(type), type->parameter_count);
    return push_all(c, deftype_results(type), type->result_count) && !compile_failed(c);
}

bool compile_call(struct compiler *c)
{
    uint32_t funcidx = c->instruction.index;
    const struct module *module = c->module;

    if (funcidx >= module->function_count)
        return compile_fail(c, ERROR_UNKNOWN_FUNCTION, "%u", funcidx);
    const struct deftype *type = type_at(c->store, module->functions[funcidx].type);
    if (!check_top(c, deftype_parameters(type), type->parameter_count))
        return false;
    if (c->dead)
        return apply_call_dead(c, type);
    bool imported = funcidx < module->imported_function_count;
    struct cell *cell = emit_call(c, imported ? OPERATION_CALL_IMPORT : OPERATION_CALL, type);
    if (!cell)
        return false;
    cell->imm = funcidx; // of a direct call: until it is linked
    finish_call(c, type);
    return !compile_failed(c);
}

static bool check_callee_table(struct compiler *c)
{
    uint32_t tableidx = c->instruction.index2;

    if (tableidx >= c->module->table_count)
        return compile_fail(c, ERROR_UNKNOWN_TABLE, "%u", tableidx);
    if (!valtype_matches(c->store, c->module->tables[tableidx].type.element, VALTYPE_FUNCREF))
        return compile_fail(c, ERROR_TYPE_MISMATCH, "call_indirect needs a table of functions");
    return true;
}

bool compile_call_indirect(struct compiler *c)
{
    uint32_t typeidx = c->instruction.index;

    if (!check_callee_table(c))
        return false;
    if (typeidx >= c->names.count)
        return compile_fail(c, ERROR_UNKNOWN_TYPE, "%u", typeidx);
    uint32_t canonical = c->names.types[typeidx];
    const struct deftype *type = type_at(c->store, canonical);
    if (type->composite != COMPOSITE_FUNCTION)
        return compile_fail(c, ERROR_UNKNOWN_TYPE, "%u is not a function type", typeidx);
    pop(c, address_type(&c->module->tables[c->instruction.index2].type.limits));
    if (compile_failed(c) || !check_top(c, deftype_parameters(type), type->parameter_count))
        return false;
    if (c->dead)
        return apply_call_dead(c, type);
    // The index was popped but is still where it was. Placing the arguments touches neither its
    // home nor the accumulator.
    struct operand *index = c->top;
    uint32_t slot = operand_slot(c, index);
    materialise_top(c, type->parameter_count);
    bool in_accumulator = operand_in_accumulator(c, index);
    if (in_accumulator)
        consume_accumulator(c, index);
    struct cell *cell =
        emit_call(c, in_accumulator ? OPERATION_CALL_INDIRECT_R : OPERATION_CALL_INDIRECT_S, type);
    if (!cell)
        return false;
    cell->b = (uint16_t)slot;
    cell->imm = canonical;
    cell->wide[0] = c->instruction.index2;
    finish_call(c, type);
    return !compile_failed(c);
}
