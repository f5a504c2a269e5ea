// SPDX-License-Identifier: Apache-2.0
//
// Calls. The arguments' homes are the first slots of the callee's frame, and the results come back
// in the same place. A tail call moves the arguments to the first slots of the caller's own frame,
// which becomes the callee's.
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

// The callee was popped but is still where it was: placing the arguments touches neither its home
// nor the accumulator. The form that takes it from there follows the one that takes it from a slot.
static struct cell *emit_call_of(struct compiler *c, struct operand *callee, uint32_t from_slot,
                                 const struct deftype *type)
{
    uint32_t slot = operand_slot(c, callee);

    materialise_top(c, type->parameter_count);
    bool in_accumulator = operand_in_accumulator(c, callee);
    if (in_accumulator)
        consume_accumulator(c, callee);
    struct cell *cell = emit_call(c, from_slot + in_accumulator, type);
    if (cell)
        cell->b = (uint16_t)slot;
    return cell;
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

// Of the table's indices.
static valtype table_index_type(const struct compiler *c)
{
    return address_type(&c->module->tables[c->instruction.index2].type.limits);
}

// The function type that the instruction names; NULL after an error.
static const struct deftype *callee_type(struct compiler *c, uint32_t *canonical)
{
    uint32_t typeidx = c->instruction.index;

    if (typeidx >= c->names.count) {
        compile_fail(c, ERROR_UNKNOWN_TYPE, "%u", typeidx);
        return NULL;
    }
    *canonical = c->names.types[typeidx];
    const struct deftype *type = type_at(c->store, *canonical);
    if (type->composite != COMPOSITE_FUNCTION) {
        compile_fail(c, ERROR_UNKNOWN_TYPE, "%u is not a function type", typeidx);
        return NULL;
    }
    return type;
}

// Pops what says which function to call, and checks the arguments below.
static bool check_callee(struct compiler *c, valtype callee, const struct deftype *type)
{
    pop(c, callee);
    return !compile_failed(c) && check_top(c, deftype_parameters(type), type->parameter_count);
}

bool compile_call_indirect(struct compiler *c)
{
    uint32_t canonical;
    const struct deftype *type;

    if (!check_callee_table(c) || !(type = callee_type(c, &canonical)) ||
        !check_callee(c, table_index_type(c), type))
        return false;
    if (c->dead)
        return apply_call_dead(c, type);
    struct cell *cell = emit_call_of(c, c->top, OPERATION_CALL_INDIRECT_S, type);
    if (!cell)
        return false;
    cell->imm = canonical;
    cell->wide[0] = c->instruction.index2;
    finish_call(c, type);
    return !compile_failed(c);
}

// What is called has the type, or one below it: nothing is left to check but null.
bool compile_call_ref(struct compiler *c)
{
    uint32_t canonical;
    const struct deftype *type = callee_type(c, &canonical);

    if (!type || !check_callee(c, VALTYPE_REF_NULL(HEAPTYPE_CONCRETE + canonical), type))
        return false;
    if (c->dead)
        return apply_call_dead(c, type);
    if (!emit_call_of(c, c->top, OPERATION_CALL_REF_S, type))
        return false;
    finish_call(c, type);
    return !compile_failed(c);
}

// A tail call's callee gives what the caller is to give.
static bool check_returned(struct compiler *c, const struct deftype *type)
{
    const struct control *function = c->controls;
    const valtype *results = deftype_results(type);

    if (type->result_count != function->result_count)
        return compile_fail(c, ERROR_TYPE_MISMATCH, "%s of a function with other results",
                            opcode_info[c->instruction.opcode].mnemonic);
    for (uint32_t i = 0; i < type->result_count; i++) {
        if (!valtype_matches(c->store, results[i], function->results[i]))
            return compile_fail(c, ERROR_TYPE_MISMATCH, "%s of a function with other results",
                                opcode_info[c->instruction.opcode].mnemonic);
    }
    return true;
}

// What all tail calls' cells have: where the arguments are, how many slots they take, and where the
// own header is.
static bool finish_return_call(struct compiler *c, struct cell *cell, const struct deftype *type,
                               uint64_t wide)
{
    uint32_t slots = deftype_parameter_slots(type);

    if (!cell)
        return false;
    cell->c = (uint16_t)slots;
    cell->d = (uint16_t)c->header;
    cell->wide[0] = wide;
    charge_moves(c, slots);
    mark_unreachable(c);
    return !compile_failed(c);
}

static bool return_call_dead(struct compiler *c)
{
    mark_unreachable(c);
    return true;
}

bool compile_return_call(struct compiler *c)
{
    uint32_t funcidx = c->instruction.index;
    const struct module *module = c->module;

    if (funcidx >= module->function_count)
        return compile_fail(c, ERROR_UNKNOWN_FUNCTION, "%u", funcidx);
    const struct deftype *type = type_at(c->store, module->functions[funcidx].type);
    if (!check_top(c, deftype_parameters(type), type->parameter_count) || !check_returned(c, type))
        return false;
    if (c->dead)
        return return_call_dead(c);
    bool imported = funcidx < module->imported_function_count;
    struct cell *cell =
        emit_call(c, imported ? OPERATION_RETURN_CALL_IMPORT : OPERATION_RETURN_CALL, type);
    // Of a function of the module: until it is linked.
    return finish_return_call(c, cell, type, funcidx);
}

bool compile_return_call_indirect(struct compiler *c)
{
    uint32_t canonical;
    const struct deftype *type;

    if (!check_callee_table(c) || !(type = callee_type(c, &canonical)) ||
        !check_callee(c, table_index_type(c), type) || !check_returned(c, type))
        return false;
    if (c->dead)
        return return_call_dead(c);
    struct cell *cell = emit_call_of(c, c->top, OPERATION_RETURN_CALL_INDIRECT_S, type);
    return finish_return_call(c, cell, type, (uint64_t)c->instruction.index2 << 32 | canonical);
}

bool compile_return_call_ref(struct compiler *c)
{
    uint32_t canonical;
    const struct deftype *type = callee_type(c, &canonical);

    if (!type || !check_callee(c, VALTYPE_REF_NULL(HEAPTYPE_CONCRETE + canonical), type) ||
        !check_returned(c, type))
        return false;
    if (c->dead)
        return return_call_dead(c);
    struct cell *cell = emit_call_of(c, c->top, OPERATION_RETURN_CALL_REF_S, type);
    return finish_return_call(c, cell, type, 0);
}
