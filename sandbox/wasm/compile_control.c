// SPDX-License-Identifier: Apache-2.0
//
// Blocks and branches.
#include "sandbox/wasm/translate.h"

// What a frame's block type says; `instruction` has been read.
static bool block_type(struct compiler *c, struct control *control)
{
    const struct instruction *instruction = &c->instruction;

    control->parameters = control->results = NULL;
    control->parameter_count = control->result_count = 0;
    if (instruction->block == BLOCK_RESULT) {
        control->result = instruction->type;
        control->results = &control->result;
        control->result_count = 1;
    } else if (instruction->block == BLOCK_TYPE) {
        if (instruction->index >= c->names.count)
            return compile_fail(c, ERROR_UNKNOWN_TYPE, "%u", instruction->index);
        const struct deftype *type = type_at(c->store, c->names.types[instruction->index]);
        if (type->composite != COMPOSITE_FUNCTION)
            return compile_fail(c, ERROR_UNKNOWN_TYPE, "%u is not a function type",
                                instruction->index);
        control->parameters = deftype_parameters(type);
        control->parameter_count = type->parameter_count;
        control->results = deftype_results(type);
        control->result_count = type->result_count;
    }
    return true;
}

// Metered: a cell that pays for the instructions directly inside the frame; the amount is put in
// when the frame ends.
static void begin_fuel(struct compiler *c, struct control *control)
{
    control->fuel_cell = 0;
    control->fuel_cost = 0;
    if (c->options->metered && !c->dead) {
        control->fuel_cell = code_offset(c);
        emit(c, OPERATION_FUEL);
        c->last = NULL;
    }
}

// Blocks and branches of an if pay into the loop or function around them: what is charged bounds
// what is executed, and there is one charge for each turn.
static void end_fuel(struct compiler *c, struct control *control)
{
    if (control->fuel_cell != 0)
        ((struct cell *)(void *)(c->start + control->fuel_cell))->imm = control->fuel_cost;
    else if (control > c->controls)
        (control - 1)->fuel_cost = fuel_sum((control - 1)->fuel_cost, control->fuel_cost);
}

bool control_push(struct compiler *c, uint16_t opcode)
{
    struct control *control = c->control ? c->control + 1 : c->controls;

    if (control - c->controls > LIMIT_BLOCK_DEPTH ||
        !arena_commit(&c->control_arena,
                      (size_t)((uint8_t *)(control + 1) - (uint8_t *)c->controls)))
        return compile_fail(c, ERROR_LIMIT_NESTING, "more than %u blocks", LIMIT_BLOCK_DEPTH);
    if (opcode != OPCODE_INVALID && !block_type(c, control))
        return false;
    control->opcode = opcode;
    control->unreachable = false;
    control->dead = c->dead;
    control->targeted = false;
    control->fixups = control->else_fixup = 0;
    control->stub_table = control->checked_table = 0;
    control->fuel_cell = control->fuel_cost = 0;
    control->initialised_height = c->initialised_count;
    control->region = c->control ? c->control->region : REGION_NONE;
    control->own_region = REGION_NONE;
    control->clause = control->landings = CLAUSE_NONE;
    if (opcode != OPCODE_INVALID) {
        if (!check_top(c, control->parameters, control->parameter_count))
            return false;
        pop_all(c, control->parameters, control->parameter_count);
        control->height = control->label_height = operand_height(c);
        c->control = control;
        // Parameters were in their homes already, or are on a stack that no code looks at.
        return push_all(c, control->parameters, control->parameter_count);
    }
    control->height = control->label_height = 0;
    c->control = control;
    begin_fuel(c, control);
    return true;
}

// Operands below stay locals no longer since a path through the block could skip the move.
bool control_enter(struct compiler *c)
{
    struct control type;

    if (c->dead)
        return true;
    if (!block_type(c, &type) || !check_top(c, type.parameters, type.parameter_count))
        return false;
    materialise_top(c, type.parameter_count);
    flush_locals(c);
    return !compile_failed(c);
}

bool compile_block(struct compiler *c)
{
    return control_enter(c) && control_push(c, OPCODE_BLOCK);
}

bool compile_loop(struct compiler *c)
{
    if (!control_enter(c))
        return false;
    trackers_reset(c);
    if (!control_push(c, OPCODE_LOOP))
        return false;
    c->control->start = code_offset(c);
    begin_fuel(c, c->control);
    return true;
}

// The condition's comparison must stay the last cell, so what goes to its home goes there before
// the branch only if there is something to put there.
bool compile_if(struct compiler *c)
{
    struct control type;
    uint32_t field = 0;

    if (!check_top(c, (const valtype[]){VALTYPE_I32}, 1))
        return false;
    if (!c->dead) {
        struct operand condition = c->top[-1];
        c->top--;
        if (!block_type(c, &type) || !check_top(c, type.parameters, type.parameter_count))
            return false;
        materialise_top(c, type.parameter_count);
        flush_locals(c);
        *c->top++ = condition;
        if (compile_failed(c))
            return false;
        field = emit_condition(c, false);
        producers_keep(c);
        c->top--;
    } else {
        pop(c, VALTYPE_I32);
    }
    if (!control_push(c, OPCODE_IF))
        return false;
    c->control->else_fixup = field;
    return true;
}

// Are the topmost `count` operands exactly the block's results? (at `else` and `end`)
bool control_check_results(struct compiler *c)
{
    struct control *control = c->control;

    if (!check_top(c, control->results, control->result_count))
        return false;
    if (operand_height(c) > control->height + control->result_count)
        return compile_fail(c, ERROR_TYPE_MISMATCH, "%u values remain on the stack of the block",
                            operand_height(c) - control->height - control->result_count);
    return true;
}

void control_forget_initialised(struct compiler *c, const struct control *control)
{
    while (c->initialised_count > control->initialised_height)
        c->initialised[c->initialised_log[--c->initialised_count]] = 0;
}

void control_leave(struct compiler *c)
{
    const struct control *control = c->control;

    if (control->height != control->label_height)
        move_to_label(c, control->label_height, control->result_count, true);
    else
        materialise_top(c, control->result_count);
}

bool compile_else(struct compiler *c)
{
    struct control *control = c->control;

    if (control->opcode != OPCODE_IF)
        return compile_fail(c, ERROR_MISPLACED_ELSE, NULL);
    if (!control_check_results(c))
        return false;
    if (!c->dead) {
        control_leave(c);
        control_branch(c, control);
    }
    c->dead = control->dead;
    control_forget_initialised(c, control);
    if (!c->dead) {
        patch_here(c, control->else_fixup);
        trackers_reset(c);
    }
    control->opcode = OPCODE_ELSE;
    control->unreachable = false;
    control->else_fixup = 0;
    c->top = c->operands + control->height;
    return push_all(c, control->parameters, control->parameter_count);
}

// An if without else: the other path has the parameters for results.
static bool check_missing_else(struct compiler *c, const struct control *control)
{
    if (control->parameter_count != control->result_count)
        return compile_fail(c, ERROR_TYPE_MISMATCH,
                            "if without else has other results than "
                            "parameters");
    for (uint32_t i = 0; i < control->result_count; i++) {
        if (!valtype_matches(c->store, control->parameters[i], control->results[i]))
            return compile_fail(c, ERROR_TYPE_MISMATCH, "if without else changes a type");
    }
    return true;
}

// Exceptions that land at the function's own label return with their payload.
static void land_at_return(struct compiler *c)
{
    struct control *control = c->control;

    exception_patch_landings(c, control);
    trackers_reset(c);
    c->top = c->operands;
    if (push_all(c, control->results, control->result_count))
        emit_return(c, control->result_count, true);
}

static bool end_function(struct compiler *c)
{
    struct control *control = c->control;

    if (!c->dead)
        emit_return(c, control->result_count, true);
    if (control->landings != CLAUSE_NONE)
        land_at_return(c);
    if (c->zero_end > c->zero_first)
        charge_moves(c, c->zero_end - c->zero_first);
    end_fuel(c, control);
    c->dead = true;
    c->control = NULL; // the body is complete
    return !compile_failed(c);
}

bool compile_end(struct compiler *c)
{
    struct control *control = c->control;
    bool joined = control->targeted || control->else_fixup != 0;

    if (!control_check_results(c) ||
        (control->opcode == OPCODE_IF && !check_missing_else(c, control)))
        return false;
    if (control == c->controls)
        return end_function(c);
    if (!c->dead && joined)
        control_leave(c);
    exception_end_region(c, control);
    bool falls_through = !c->dead;
    end_fuel(c, control);
    c->dead = control->dead;
    control_forget_initialised(c, control);
    if (joined && !c->dead) {
        patch_chain(c, control->fixups);
        exception_patch_landings(c, control);
        if (control->else_fixup != 0)
            patch_here(c, control->else_fixup);
        trackers_reset(c);
    } else if (!c->dead && !falls_through) {
        c->dead = true; // nothing reaches the end
    }
    c->control--;
    if (falls_through && !joined)
        return true; // the results stay what and where they are
    c->top = c->operands + control->label_height;
    return push_all(c, control->results, control->result_count);
}

bool control_in_homes(const struct compiler *c, const struct control *target, uint32_t count)
{
    if (count == 0)
        return true;
    if (operand_height(c) - count != target->label_height)
        return false;
    for (uint32_t i = 1; i <= count; i++) {
        if (c->top[-(int64_t)i].place != OPERAND_TEMPORARY)
            return false;
    }
    return true;
}

void control_branch(struct compiler *c, struct control *target)
{
    struct cell *cell = emit(c, OPERATION_BR);

    branch_field(c, target, (uint32_t)((uint8_t *)&cell->displacement - c->start));
}

// The whole of a branch that is taken in any case.
static void emit_branch(struct compiler *c, struct control *target, uint32_t count, bool consume)
{
    if (target == c->controls) {
        emit_return(c, count, consume);
        return;
    }
    move_to_label(c, target->label_height, count, consume);
    control_branch(c, target);
}

bool compile_br(struct compiler *c)
{
    struct control *target = label_at(c, c->instruction.index);
    uint32_t count;

    if (!target)
        return false;
    const valtype *types = label_types(target, &count);
    if (!check_top(c, types, count))
        return false;
    if (!c->dead)
        emit_branch(c, target, count, true);
    mark_unreachable(c);
    return true;
}

void control_branch_around(struct compiler *c, struct control *target, uint32_t count,
                           uint32_t field)
{
    struct tracker trackers[ACCUMULATOR_COUNT];

    for (uint32_t i = 0; i < ACCUMULATOR_COUNT; i++)
        trackers[i] = c->trackers[i];
    emit_branch(c, target, count, false);
    patch_here(c, field);
    c->last = NULL;
    for (uint32_t i = 0; i < ACCUMULATOR_COUNT; i++)
        c->trackers[i] = (struct tracker){trackers[i].slot, NULL};
    c->before_compare.slot = SLOT_NONE;
}

// Around the moves that only the taken path makes, by the opposite branch.
static void emit_br_if_with_moves(struct compiler *c, struct control *target, uint32_t count)
{
    uint32_t field = emit_condition(c, false);

    c->top--;
    control_branch_around(c, target, count, field);
    c->top++;
}

bool compile_br_if(struct compiler *c)
{
    struct control *target = label_at(c, c->instruction.index);
    uint32_t count;

    if (!target || !check_top(c, (const valtype[]){VALTYPE_I32}, 1))
        return false;
    const valtype *types = label_types(target, &count);
    if (c->dead) {
        pop(c, VALTYPE_I32);
        pop_all(c, types, count);
        return push_all(c, types, count);
    }
    struct operand condition = *--c->top;
    if (!check_top(c, types, count))
        return false;
    if (count > 1)
        materialise_top(c, count); // emit_branch must not change where an operand is
    bool direct = target != c->controls && control_in_homes(c, target, count);
    *c->top++ = condition;
    if (compile_failed(c))
        return false;
    if (direct)
        branch_field(c, target, emit_condition(c, true));
    else
        emit_br_if_with_moves(c, target, count);
    c->top--;
    if (count > 0)
        producers_keep(c);
    retype_top(c, types, count);
    return true;
}

// The next label of the table; `cursor` runs over the immediates, which were read once already.
static struct control *table_label(struct compiler *c, struct reader *labels)
{
    return label_at(c, reader_u32(labels));
}

static void table_reader(struct compiler *c, struct reader *labels)
{
    reader_init(labels, c->instruction.table, (size_t)(c->reader.cursor - c->instruction.table), 0,
                c->reader.error);
}

// Every label of a table has the arity of the last one, and accepts what is on the stack.
static bool check_table(struct compiler *c, uint32_t *count)
{
    struct reader labels;
    struct control *target = NULL;

    table_reader(c, &labels);
    for (uint32_t i = 0; i <= c->instruction.count; i++) {
        target = table_label(c, &labels);
        if (!target)
            return false;
    }
    label_types(target, count);
    uint32_t number = ++c->br_table_count;
    table_reader(c, &labels);
    for (uint32_t i = 0; i <= c->instruction.count; i++) {
        uint32_t arity;
        target = table_label(c, &labels);
        const valtype *types = label_types(target, &arity);
        if (arity != *count)
            return compile_fail(c, ERROR_TYPE_MISMATCH, "labels of br_table with %u and %u values",
                                arity, *count);
        // Labels repeat: what fits once fits again.
        if (target->checked_table != number && !check_top(c, types, arity))
            return false;
        target->checked_table = number;
    }
    return true;
}

// Entries go straight to a label unless values have to be moved there, or it is the function's.
static void emit_table_stub(struct compiler *c, struct control *target, uint32_t count)
{
    target->stub = 0;
    if (target != c->controls && control_in_homes(c, target, count))
        return;
    target->stub = code_offset(c);
    trackers_reset(c);
    if (reserve_cells(c, 0))
        emit_branch(c, target, count, false);
}

static void emit_table_entries(struct compiler *c, uint32_t table, uint32_t count)
{
    struct reader labels;
    uint32_t number = c->br_table_count;

    table_reader(c, &labels);
    for (uint32_t i = 0; i <= c->instruction.count && !compile_failed(c); i++) {
        struct control *target = table_label(c, &labels);
        uint32_t field = table + i * 4;
        if (target->stub_table != number) {
            target->stub_table = number;
            emit_table_stub(c, target, count);
        }
        if (target->stub == 0)
            branch_field(c, target, field);
        else
            *(int32_t *)(void *)(c->start + field) = (int32_t)(target->stub - field);
    }
}

// The index was popped but is still above the stack.
static bool emit_br_table(struct compiler *c, uint32_t count)
{
    struct operand *index = c->top;

    materialise_top(c, count); // for the stubs
    if (!reserve_cells(c, 24ull + c->instruction.count * 4ull))
        return false;
    struct cell *cell = emit_with(c, index, OPERATION_BR_TABLE_S, OPERATION_BR_TABLE_R);
    cell->imm = c->instruction.count;
    uint32_t table = code_offset(c);
    c->out += (c->instruction.count + 2) / 2 * 8;
    emit_table_entries(c, table, count);
    return !compile_failed(c);
}

bool compile_br_table(struct compiler *c)
{
    uint32_t count;

    pop(c, VALTYPE_I32);
    if (compile_failed(c) || !check_table(c, &count) || (!c->dead && !emit_br_table(c, count)))
        return false;
    mark_unreachable(c);
    return true;
}

bool compile_return(struct compiler *c)
{
    const struct control *function = c->controls;

    if (!check_top(c, function->results, function->result_count))
        return false;
    if (!c->dead)
        emit_return(c, function->result_count, true);
    mark_unreachable(c);
    return !compile_failed(c);
}

bool compile_unreachable(struct compiler *c)
{
    if (!c->dead)
        emit(c, OPERATION_UNREACHABLE);
    mark_unreachable(c);
    return true;
}

bool compile_nop(struct compiler *c)
{
    (void)c;
    return true;
}
