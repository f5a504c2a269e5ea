// SPDX-License-Identifier: Apache-2.0
//
// Statements and blocks of function bodies. Statements leave operands behind on purpose: what the
// engine does with those that wait is what is to be tested.
#include <assert.h>
#include <string.h>

#include "tests/fuzz/generate_body.h"

static const struct access stores[] = {
    {0x36, TYPE_I32, 2}, {0x37, TYPE_I64, 3}, {0x38, TYPE_F32, 2},
    {0x39, TYPE_F64, 3}, {0x3a, TYPE_I32, 0}, {0x3b, TYPE_I32, 1},
    {0x3c, TYPE_I64, 0}, {0x3d, TYPE_I64, 1}, {0x3e, TYPE_I64, 2}};

static const struct access loads[] = {{0x28, TYPE_I32, 2}, {0x29, TYPE_I64, 3}, {0x2a, TYPE_F32, 2},
                                      {0x2b, TYPE_F64, 3}, {0x2c, TYPE_I32, 0}, {0x2d, TYPE_I32, 0},
                                      {0x2e, TYPE_I32, 1}, {0x2f, TYPE_I32, 1}, {0x30, TYPE_I64, 0},
                                      {0x31, TYPE_I64, 0}, {0x32, TYPE_I64, 1}, {0x33, TYPE_I64, 1},
                                      {0x34, TYPE_I64, 2}, {0x35, TYPE_I64, 2}};

static const uint8_t numeric_types[TYPE_NUMERIC] = {TYPE_I32, TYPE_I64, TYPE_F32, TYPE_F64};

/* Statements. */

typedef void statement(struct body *b);

static void push_any(struct body *b)
{
    body_push_value(b, body_any_type(b));
}

// The type of what is on top, if there is something and a number; any numeric type otherwise.
static uint8_t top_type(struct body *b)
{
    uint8_t type = b->height > body_innermost(b)->height ? b->stack[b->height - 1] : TYPE_FUNCREF;

    return !body_is_number(type) || chance(b->choices, 6) ? body_any_number(b) : type;
}

static void operate(struct body *b)
{
    const struct arithmetic *a =
        chance(b->choices, 3) ? body_choose_arithmetic(b, 0) : body_choose_fitting(b);

    if (body_may_trap_by_zero(a)) {
        body_want(b, a->parameters, 1);
        body_push_right(b, a);
    } else if (chance(b->choices, 6)) { // special values meet
        for (uint32_t i = 0; i < a->parameter_count; i++) {
            put_constant(b->plan, a->parameters[i]);
            body_pushed(b, a->parameters[i]);
        }
    } else {
        body_want(b, a->parameters, a->parameter_count);
    }
    body_arithmetic(b, a);
}

static void set_local(struct body *b)
{
    uint8_t type = chance(b->choices, 4) ? body_any_type(b) : top_type(b);
    uint32_t index = body_find_local(b, type);
    uint8_t opcode = chance(b->choices, 3) ? 0x22 : 0x21;

    if (index == NOTHING)
        return;
    body_want(b, &type, 1);
    body_local(b, opcode, index);
    if (opcode == 0x22 && b->height == body_innermost(b)->height) // from nowhere
        body_pushed(b, type);
}

static void set_global(struct body *b)
{
    uint8_t type = chance(b->choices, 2) ? body_any_type(b) : top_type(b);
    uint32_t index = body_find_global(b, type, true);

    if (index == NOTHING || index == b->plan->budget)
        return;
    body_want(b, &type, 1);
    body_global(b, 0x24, index);
}

static void store(struct body *b)
{
    const struct access *access = &stores[choose(b->choices, sizeof stores / sizeof stores[0])];

    if (!b->plan->has_memory)
        return;
    body_push_address(b);
    body_push_value(b, access->type);
    body_byte(b, access->opcode);
    body_memarg(b, access);
    body_popped(b, 2);
}

static void load(struct body *b)
{
    if (!b->plan->has_memory)
        return;
    if (chance(b->choices, 3)) {
        const uint8_t type = TYPE_I32;
        body_want(b, &type, 1);
        body_limit_address(b);
    } else {
        body_push_address(b);
    }
    body_load(b, &loads[choose(b->choices, sizeof loads / sizeof loads[0])]);
}

static void drop(struct body *b)
{
    if (b->height > body_innermost(b)->height)
        body_plain(b, 0x1a, 1, 0);
}

static void select_one(struct body *b)
{
    uint8_t type = chance(b->choices, 2) ? body_any_type(b) : top_type(b);
    const uint8_t types[] = {type, type, TYPE_I32};

    body_want(b, types, 3);
    if (body_is_reference(type) || chance(b->choices, 3)) {
        body_byte(b, 0x1c);
        body_byte(b, 1);
        put_type(b->output, type);
        body_popped(b, 3);
        body_pushed(b, type);
    } else {
        body_plain(b, 0x1b, 3, type);
    }
}

/* Control. */

// Chooses a block type, writes it only later; its parameters must be on the stack before the
// block's own condition.
uint32_t body_choose_block_type(struct body *b, struct open_block *block)
{
    uint32_t kind = choose(b->choices, 4);
    const struct plan_type *type;

    if (kind == 0) {
        block->results = NULL;
        return 0x40;
    }
    if (kind == 1) {
        b->block_result[b->depth] = body_any_type(b);
        block->results = &b->block_result[b->depth];
        block->result_count = 1;
        return *block->results;
    }
    uint32_t index = choose(b->choices, b->plan->type_count);
    type = &b->plan->types[index];
    block->has_index = true;
    block->parameters = type->parameters;
    block->parameter_count = type->parameter_count;
    block->results = type->results;
    block->result_count = type->result_count;
    return index;
}

// A loop of some turns: the local that counts them.
static uint32_t begin_counter(struct body *b)
{
    uint32_t open = 0;

    for (uint32_t i = 0; i < b->depth; i++)
        open += b->blocks[i].counter != NOTHING;
    if (open >= COUNTERS || chance(b->choices, 8))
        return NOTHING;
    body_i32(b, 1 + (int32_t)choose(b->choices, 7));
    body_local(b, 0x21, b->local_count + open);
    return b->local_count + open;
}

void body_enter(struct body *b, struct open_block block)
{
    body_popped(b, block.parameter_count);
    block.height = b->height;
    block.statements = 1 + choose(b->choices, 12);
    b->blocks[b->depth++] = block;
    for (uint32_t i = 0; i < block.parameter_count; i++)
        body_pushed(b, block.parameters[i]);
}

void body_open(struct body *b, struct open_block block, uint32_t type)
{
    body_byte(b, block.opcode);
    if (block.has_index)
        put_signed(b->output, type);
    else
        put_type(b->output, (uint8_t)type);
    body_enter(b, block);
}

static void open_block(struct body *b)
{
    static const uint8_t opcodes[] = {0x02, 0x03, 0x04, 0x04, 0x03};
    struct open_block block = {.opcode = opcodes[choose(b->choices, sizeof opcodes)],
                               .counter = NOTHING};
    const uint8_t condition = TYPE_I32;

    if (b->depth == LABELS_MAX)
        return;
    if (block.opcode == 0x03)
        block.counter = begin_counter(b);
    uint32_t type = body_choose_block_type(b, &block);
    body_want(b, block.parameters, block.parameter_count);
    if (block.opcode == 0x04) {
        if (chance(b->choices, 2))
            body_push_value(b, condition);
        else
            body_push_chain(b, condition, 1);
        body_popped(b, 1);
    }
    body_open(b, block, type);
}

void body_open_plain(struct body *b, uint8_t opcode)
{
    body_byte(b, opcode);
    body_byte(b, 0x40);
    b->blocks[b->depth++] =
        (struct open_block){.opcode = opcode, .counter = NOTHING, .height = b->height};
}

void body_end_of_path(struct body *b)
{
    struct open_block *block = body_innermost(b);

    block->unreachable = true;
    b->height = block->height;
    block->statements = chance(b->choices, 3) ? choose(b->choices, 4) : 0;
}

const uint8_t *body_label_types(const struct open_block *block, uint32_t *count)
{
    bool loop = block->opcode == 0x03;

    *count = loop ? block->parameter_count : block->result_count;
    return loop ? block->parameters : block->results;
}

// Branches back are taken while a global that they count down is no multiple of 16.
void body_push_budget(struct body *b)
{
    body_global(b, 0x23, b->plan->budget);
    body_i32(b, 15);
    body_plain(b, 0x71, 2, TYPE_I32);
}

void body_spend_budget(struct body *b)
{
    body_global(b, 0x23, b->plan->budget);
    body_i32(b, 1);
    body_plain(b, 0x6b, 2, TYPE_I32);
    body_global(b, 0x24, b->plan->budget);
}

// The operands that a conditional branch leaves have the label's types, even those from nowhere.
void body_retype(struct body *b, const uint8_t *types, uint32_t count)
{
    body_popped(b, count);
    for (uint32_t i = 0; i < count; i++)
        body_pushed(b, types[i]);
}

static void branch_if(struct body *b)
{
    uint32_t index = choose(b->choices, b->depth), count;
    const struct open_block *target = &b->blocks[b->depth - 1 - index];
    const uint8_t *types = body_label_types(target, &count);

    if (target->opcode == 0x03)
        body_spend_budget(b);
    body_want(b, types, count);
    if (target->opcode == 0x03)
        body_push_budget(b);
    else if (chance(b->choices, 2))
        body_push_simple(b, TYPE_I32);
    else
        body_push_chain(b, TYPE_I32, 1 + choose(b->choices, 3));
    body_byte(b, 0x0d);
    body_number(b, index);
    body_popped(b, 1);
    body_retype(b, types, count);
}

static void branch(struct body *b)
{
    uint32_t index = choose(b->choices, b->depth), count;
    const struct open_block *target = &b->blocks[b->depth - 1 - index];
    const uint8_t *types = body_label_types(target, &count);

    if (target->opcode == 0x03 && !chance(b->choices, 32))
        return;
    body_want(b, types, count);
    body_byte(b, 0x0c);
    body_number(b, index);
    body_end_of_path(b);
}

// Labels with the same types as the first one chosen.
static void branch_table(struct body *b)
{
    uint32_t first = choose(b->choices, b->depth), count, entries = choose(b->choices, 6);
    const uint8_t *types = body_label_types(&b->blocks[b->depth - 1 - first], &count);
    uint32_t fitting[LABELS_MAX], fitting_count = 0;

    for (uint32_t i = 0; i < b->depth; i++) {
        const struct open_block *block = &b->blocks[b->depth - 1 - i];
        uint32_t other_count;
        const uint8_t *others = body_label_types(block, &other_count);
        if ((block->opcode != 0x03 || chance(b->choices, 32)) && other_count == count &&
            (count == 0 || memcmp(types, others, count) == 0))
            fitting[fitting_count++] = i;
    }
    if (fitting_count == 0)
        return;
    body_want(b, types, count);
    body_push_value(b, TYPE_I32);
    if (!chance(b->choices, 4)) {
        body_i32(b, 7);
        body_plain(b, 0x71, 2, TYPE_I32);
    }
    body_byte(b, 0x0e);
    body_number(b, entries);
    for (uint32_t i = 0; i <= entries; i++)
        body_number(b, fitting[choose(b->choices, fitting_count)]);
    body_end_of_path(b);
}

static void leave(struct body *b)
{
    if (chance(b->choices, 8)) {
        body_byte(b, 0x00);
    } else {
        body_want(b, b->blocks[0].results, b->blocks[0].result_count);
        body_byte(b, 0x0f);
    }
    body_end_of_path(b);
}

void body_apply_type(struct body *b, const struct plan_type *type)
{
    body_popped(b, type->parameter_count);
    for (uint32_t i = 0; i < type->result_count; i++)
        body_pushed(b, type->results[i]);
}

// Mostly functions behind this one, so that recursion is rare, and imported ones.
void body_call(struct body *b)
{
    const struct plan *plan = b->plan;
    uint32_t index = choose(b->choices, plan->function_count);

    if (index >= plan->imported_function_count && index <= b->function && !chance(b->choices, 32))
        return;
    const struct plan_type *type = &plan->types[plan->functions[index]];
    body_want(b, type->parameters, type->parameter_count);
    body_byte(b, 0x10);
    body_number(b, index);
    body_apply_type(b, type);
}

static void call_indirect(struct body *b)
{
    const struct plan *plan = b->plan;
    uint32_t entry = choose(b->choices, PLAN_TABLE_SIZE);
    uint8_t function = plan->tables[0].functions[entry];
    bool recursive = function != NO_FUNCTION && function >= plan->imported_function_count &&
                     function <= b->function;
    uint32_t index =
        function == NO_FUNCTION ? choose(b->choices, plan->type_count) : plan->functions[function];
    const struct plan_type *type = &plan->types[index];

    if ((recursive || function == NO_FUNCTION) && !chance(b->choices, 32))
        return;
    body_want(b, type->parameters, type->parameter_count);
    if (chance(b->choices, 32))
        body_push_value(b, TYPE_I32);
    else
        body_i32(b, (int32_t)entry);
    body_byte(b, 0x11);
    body_number(b, index);
    body_byte(b, 0);
    body_popped(b, 1);
    body_apply_type(b, type);
}

static void test_reference(struct body *b)
{
    uint8_t type = chance(b->choices, 2) ? TYPE_EXTERNREF : TYPE_FUNCREF;

    if (b->plan->newer && chance(b->choices, 2))
        type = (uint8_t)(TYPE_OPTIONAL + choose(b->choices, TYPED_COUNT));
    body_want(b, &type, 1);
    body_plain(b, 0xd1, 1, TYPE_I32);
}

static void nothing(struct body *b)
{
    body_byte(b, 0x01);
}

// Weights add up to 256.
static const struct {
    uint8_t weight;
    statement *statement;
} statements[] = {
    {22, push_any},      {32, operate},       {36, set_local},    {8, set_global},
    {20, store},         {12, load},          {5, drop},          {9, select_one},
    {24, open_block},    {15, branch_if},     {5, branch},        {4, branch_table},
    {3, leave},          {10, body_call},     {4, call_indirect}, {5, body_bulk_memory},
    {6, body_use_table}, {2, test_reference}, {1, nothing},       {33, body_sequence},
};

// In modules that may have what came after WebAssembly 2.0, one statement out of three.
static const struct {
    uint8_t weight;
    statement *statement;
} newer_statements[] = {
    {26, body_tail_call},       {30, body_call_reference}, {30, body_use_reference},
    {34, body_try_table},       {16, body_legacy_try},     {20, body_throw},
    {28, body_vector},          {18, body_vector_memory},  {30, body_other_memory},
    {24, body_keep_exceptions},
};

static void newer_statement(struct body *b)
{
    uint32_t number = choose(b->choices, 256), i = 0;

    while (number >= newer_statements[i].weight) {
        number -= newer_statements[i].weight;
        i = (i + 1) % (sizeof newer_statements / sizeof newer_statements[0]);
    }
    newer_statements[i].statement(b);
}

static void older_statement(struct body *b)
{
    uint32_t number = choose(b->choices, 256), i = 0;

    while (number >= statements[i].weight) {
        number -= statements[i].weight;
        i = (i + 1) % (sizeof statements / sizeof statements[0]);
    }
    statements[i].statement(b);
}

static void choose_statement(struct body *b)
{
    if (b->plan->newer && chance(b->choices, 3))
        newer_statement(b);
    else
        older_statement(b);
    while (b->height > body_innermost(b)->height + OPERANDS_MAX)
        body_plain(b, 0x1a, 1, 0);
}

/* Ends. */

// Leaves exactly these operands in the block.
static void settle(struct body *b, const uint8_t *types, uint32_t count)
{
    struct open_block *block = body_innermost(b);
    uint32_t kept = 0;

    while (kept < count && block->height + kept < b->height &&
           b->stack[block->height + kept] == types[kept])
        kept++;
    while (b->height > block->height + kept) {
        uint8_t type = b->stack[b->height - 1];
        uint32_t index = body_find_local(b, type);
        uint8_t below = b->height > block->height + kept + 1 ? b->stack[b->height - 2] : 0;
        if (index != NOTHING && !chance(b->choices, 3))
            body_local(b, 0x21, index);
        else if (below == type && body_is_number(type)) // add
            body_plain(b,
                       type == TYPE_I32   ? 0x6a
                       : type == TYPE_I64 ? 0x7c
                       : type == TYPE_F32 ? 0x92
                                          : 0xa0,
                       2, type);
        else
            body_plain(b, 0x1a, 1, 0);
    }
    if (block->unreachable && kept == 0)
        kept = choose(b->choices, count + 1);
    for (uint32_t i = kept; i < count; i++)
        body_push_value(b, types[i]);
}

static void end_turn(struct body *b, uint32_t counter)
{
    const struct open_block *block = body_innermost(b);
    bool counts_up = chance(b->choices, 4);

    body_want(b, block->parameters, block->parameter_count);
    body_local(b, 0x20, counter);
    body_i32(b, counts_up ? -1 : 1);
    body_plain(b, counts_up ? 0x6a : 0x6b, 2, TYPE_I32);
    body_local(b, 0x22, counter);
    body_byte(b, 0x0d);
    body_number(b, 0);
    body_popped(b, 1);
    body_retype(b, block->parameters, block->parameter_count);
}

static void store_local(struct body *b, uint32_t address, uint32_t index)
{
    static const uint8_t opcodes[TYPE_NUMERIC] = {0x36, 0x37, 0x38, 0x39};
    uint8_t type = b->locals[index];

    body_i32(b, (int32_t)address);
    body_local(b, 0x20, index);
    if (type == TYPE_V128) {
        body_byte(b, 0xfd);
        body_byte(b, 0x0b);
    } else {
        body_byte(b, opcodes[TYPE_I32 - type]);
    }
    body_byte(b, 0);
    body_byte(b, 0);
    body_popped(b, 2);
}

void body_show(struct body *b, uint32_t count)
{
    for (; count > 0 && b->height > body_innermost(b)->height && !chance(b->choices, 8); count--) {
        uint8_t type = b->stack[b->height - 1];
        uint32_t global = body_find_global(b, type, true), local = body_find_local(b, type);

        if (type != TYPE_I32 && global != NOTHING && chance(b->choices, 2))
            body_global(b, 0x24, global);
        else if (local != NOTHING && local < b->local_count)
            body_local(b, 0x21, local);
        else
            return;
        if (local < b->local_count && !body_is_reference(type) && b->plan->has_memory)
            store_local(b, 2048 + 16 * choose(b->choices, 128), local);
    }
}

// Shows what the locals are at the end.
static void store_locals(struct body *b)
{
    for (uint32_t i = 0; i < b->local_count; i++)
        if (!body_is_reference(b->locals[i]))
            store_local(b, 1024 + b->function * 8 * LOCALS_MAX + i * 8, i);
}

static void close_block(struct body *b)
{
    struct open_block *block = body_innermost(b);
    bool same = block->parameter_count == block->result_count &&
                (block->result_count == 0 ||
                 memcmp(block->parameters, block->results, block->result_count) == 0);

    if (block->counter != NOTHING && (!block->unreachable || chance(b->choices, 2)))
        end_turn(b, block->counter);
    if (b->depth == 1 && !block->unreachable && b->plan->has_memory &&
        !chance(b->choices, b->plan->newer ? 4 : 2))
        store_locals(b);
    settle(b, block->results, block->result_count);
    if ((block->opcode == 0x06 || block->opcode == 0x07) && body_next_catch(b))
        return;
    if (block->opcode == 0x04 && (!same || chance(b->choices, 2))) {
        body_byte(b, 0x05);
        b->height = block->height;
        for (uint32_t i = 0; i < block->parameter_count; i++)
            body_pushed(b, block->parameters[i]);
        block->opcode = 0x05;
        block->unreachable = false;
        block->statements = choose(b->choices, 8);
        return;
    }
    if (block->opcode != 0x18) // a delegate was the end
        body_byte(b, 0x0b);
    b->height = block->height;
    b->depth--;
    if (b->depth == 0)
        return;
    for (uint32_t i = 0; i < block->result_count; i++)
        body_pushed(b, block->results[i]);
    if (block->shown)
        body_show(b, block->result_count);
}

static void put_locals(struct body *b, const struct plan_type *type)
{
    static const uint16_t many[] = {1, 7, 9, 40, 300, 1025, 3000};
    uint32_t count = choose(b->choices, 13);

    b->local_count = type->parameter_count;
    memcpy(b->locals, type->parameters, type->parameter_count);
    if (chance(b->choices, 12)) {
        b->many = many[choose(b->choices, sizeof many / sizeof many[0])];
        b->many_type = body_any_type(b);
        if (type_is_certain(b->many_type))
            b->many_type = TYPE_V128;
    }
    put_unsigned(b->output, count + 1 + (b->many > 0));
    for (uint32_t i = 0; i < count; i++) {
        uint8_t local_type = i < TYPE_NUMERIC ? numeric_types[i] : body_any_type(b);
        if (b->plan->newer && (i == TYPE_NUMERIC || i == TYPE_NUMERIC + 1))
            local_type = i == TYPE_NUMERIC ? TYPE_EXNREF : TYPE_V128;
        b->locals[b->local_count++] = local_type;
        put_unsigned(b->output, 1);
        put_type(b->output, local_type);
    }
    put_unsigned(b->output, COUNTERS);
    put_byte(b->output, TYPE_I32);
    if (b->many > 0) {
        put_unsigned(b->output, b->many);
        put_type(b->output, b->many_type);
    }
}

// Those that have no default value.
static void set_locals(struct body *b, uint32_t first)
{
    for (uint32_t i = first; i < b->local_count; i++)
        if (type_is_certain(b->locals[i])) {
            put_reference(b->plan, b->locals[i]);
            body_pushed(b, b->locals[i]);
            body_local(b, 0x21, i);
        }
}

void generate_body(struct plan *plan, uint32_t function)
{
    const struct plan_type *type = &plan->types[plan->functions[function]];
    struct body body = {
        .plan = plan, .choices = plan->choices, .output = &plan->output, .function = function};
    struct body *b = &body;

    body_prepare();
    put_locals(b, type);
    b->blocks[b->depth++] = (struct open_block){.counter = NOTHING,
                                                .results = type->results,
                                                .result_count = type->result_count,
                                                .statements = 4 + choose(b->choices, 40)};
    set_locals(b, type->parameter_count);
    while (b->depth > 0) {
        struct open_block *block = body_innermost(b);
        if (block->statements == 0 || plan->statements == 0 || b->choices->at >= b->choices->size) {
            close_block(b);
        } else {
            block->statements--;
            plan->statements--;
            choose_statement(b);
        }
    }
}
