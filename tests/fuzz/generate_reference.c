// SPDX-License-Identifier: Apache-2.0
//
// Tail calls, calls by typed references, and what is done with references.
#include <string.h>

#include "tests/fuzz/generate_body.h"

// Does it give what this function gives?
static bool same_results(const struct body *b, const struct plan_type *type)
{
    const struct open_block *whole = &b->blocks[0];

    return type->result_count == whole->result_count &&
           (type->result_count == 0 ||
            memcmp(type->results, whole->results, type->result_count) == 0);
}

static const struct plan_type *type_of(const struct plan *plan, uint32_t function)
{
    return &plan->types[plan->functions[function]];
}

/* Tail calls. */

static void return_call(struct body *b, uint32_t function)
{
    const struct plan_type *type = type_of(b->plan, function);

    body_want(b, type->parameters, type->parameter_count);
    body_byte(b, 0x12);
    body_number(b, function);
    body_end_of_path(b);
}

// By way of table 0, if the function is in it.
static bool return_call_indirect(struct body *b, uint32_t function)
{
    const struct plan *plan = b->plan;
    const struct plan_type *type = type_of(plan, function);
    uint32_t entry = 0;

    while (entry < PLAN_TABLE_SIZE && plan->tables[0].functions[entry] != function)
        entry++;
    if (entry == PLAN_TABLE_SIZE)
        return false;
    body_want(b, type->parameters, type->parameter_count);
    body_i32(b, (int32_t)entry);
    body_byte(b, 0x13);
    body_number(b, plan->functions[function]);
    body_byte(b, 0);
    body_end_of_path(b);
    return true;
}

// By way of another table, of which all functions have the type.
static bool return_call_typed(struct body *b, uint32_t function)
{
    const struct plan *plan = b->plan;
    const struct plan_type *type = type_of(plan, function);
    uint32_t index = plan->functions[function], table = choose(b->choices, plan->table_count);
    const struct plan_table *chosen = &plan->tables[table];

    if (index >= TYPED_COUNT ||
        (chosen->type != TYPE_OPTIONAL + index && chosen->type != TYPE_CERTAIN + index))
        return false;
    body_want(b, type->parameters, type->parameter_count);
    body_other_index(b, chosen->is_64, 1u + chosen->minimum % 8u);
    body_byte(b, 0x13);
    body_number(b, index);
    body_number(b, table);
    body_end_of_path(b);
    return true;
}

static bool return_call_ref(struct body *b, uint32_t function)
{
    const struct plan_type *type = type_of(b->plan, function);
    uint32_t index = b->plan->functions[function];

    if (index >= TYPED_COUNT)
        return false;
    body_want(b, type->parameters, type->parameter_count);
    body_push_value(b, (uint8_t)((chance(b->choices, 2) ? TYPE_OPTIONAL : TYPE_CERTAIN) + index));
    body_byte(b, 0x15);
    body_number(b, index);
    body_end_of_path(b);
    return true;
}

// Functions behind this one, imported ones; any other, itself too, as long as there is budget.
void body_tail_call(struct body *b)
{
    const struct plan *plan = b->plan;
    uint32_t first = choose(b->choices, plan->function_count), function = NOTHING;

    if (chance(b->choices, 3)) // those that are referred to
        first = plan->function_count - TYPED_COUNT;
    for (uint32_t i = 0; i < plan->function_count && function == NOTHING; i++) {
        uint32_t candidate = (first + i) % plan->function_count;
        if (same_results(b, type_of(plan, candidate)))
            function = candidate;
    }
    if (function == NOTHING || b->depth == LABELS_MAX || body_innermost(b)->unreachable)
        return;
    bool back = function >= plan->imported_function_count && function <= b->function;
    if (back) {
        body_spend_budget(b);
        body_push_budget(b);
    } else {
        body_push_value(b, TYPE_I32);
    }
    body_popped(b, 1);
    body_open_plain(b, 0x04);
    uint32_t kind = choose(b->choices, 4);
    if (!(kind == 1 && !back && return_call_typed(b, function)) &&
        !(kind == 0 && return_call_indirect(b, function)) &&
        !(kind < 3 && !back && return_call_ref(b, function)))
        return_call(b, function);
}

/* Calls. */

static bool may_call(struct body *b)
{
    uint32_t last = b->plan->function_count - TYPED_COUNT;

    return b->function < last || chance(b->choices, 32);
}

// By a reference, or by a table of them.
void body_call_reference(struct body *b)
{
    const struct plan *plan = b->plan;
    uint32_t index = choose(b->choices, TYPED_COUNT);
    uint32_t table = choose(b->choices, plan->table_count);
    const struct plan_table *chosen = &plan->tables[table];
    bool typed = type_is_optional(chosen->type) || type_is_certain(chosen->type);

    if (!may_call(b))
        return;
    bool by_table = typed && chance(b->choices, 2);
    if (by_table)
        index = TYPED_INDEX(chosen->type);
    const struct plan_type *type = &plan->types[index];
    body_want(b, type->parameters, type->parameter_count);
    if (by_table) {
        body_other_index(b, chosen->is_64, 1u + chosen->minimum % 8u);
        body_byte(b, 0x11);
        body_number(b, index);
        body_number(b, table);
    } else {
        body_push_value(b,
                        (uint8_t)((chance(b->choices, 2) ? TYPE_OPTIONAL : TYPE_CERTAIN) + index));
        body_byte(b, 0x14);
        body_number(b, index);
    }
    body_popped(b, 1);
    body_apply_type(b, type);
}

/* Nulls. */

static void as_non_null(struct body *b)
{
    uint32_t index = choose(b->choices, TYPED_COUNT);

    body_push_value(b, (uint8_t)(TYPE_OPTIONAL + index));
    body_plain(b, 0xd4, 1, (uint8_t)(TYPE_CERTAIN + index));
}

// What is left if there is no branch cannot be null.
static void branch_on_null(struct body *b)
{
    static const uint8_t abstract[] = {TYPE_FUNCREF, TYPE_EXTERNREF, TYPE_EXNREF};
    uint32_t index = choose(b->choices, b->depth), count, kind = choose(b->choices, 6);
    const struct open_block *target = &b->blocks[b->depth - 1 - index];
    const uint8_t *types = body_label_types(target, &count);
    uint8_t type = kind < 3 ? (uint8_t)(TYPE_OPTIONAL + kind) : abstract[kind - 3];

    if (target->opcode == 0x03)
        return;
    body_want(b, types, count);
    body_push_value(b, type);
    body_byte(b, 0xd5);
    body_number(b, index);
    body_popped(b, 1);
    body_retype(b, types, count);
    if (kind < 3) {
        body_pushed(b, (uint8_t)(TYPE_CERTAIN + kind));
    } else {
        body_pushed(b, type);
        body_plain(b, 0xd1, 1, TYPE_I32);
    }
}

// To a label that takes a reference last.
static void branch_on_non_null(struct body *b)
{
    uint32_t first = choose(b->choices, b->depth);

    for (uint32_t i = 0; i < b->depth; i++) {
        uint32_t index = (first + i) % b->depth, count;
        const struct open_block *target = &b->blocks[b->depth - 1 - index];
        const uint8_t *types = body_label_types(target, &count);

        if (target->opcode == 0x03 || count == 0 || !body_is_reference(types[count - 1]))
            continue;
        uint8_t type = types[count - 1];
        body_want(b, types, count - 1);
        body_push_value(b, type_is_certain(type) ? (uint8_t)(TYPE_OPTIONAL + TYPED_INDEX(type))
                                                 : type);
        body_byte(b, 0xd6);
        body_number(b, index);
        body_popped(b, 1);
        body_retype(b, types, count - 1);
        return;
    }
}

void body_use_reference(struct body *b)
{
    uint32_t kind = choose(b->choices, 3);

    if (kind == 0)
        as_non_null(b);
    else if (kind == 1)
        branch_on_null(b);
    else
        branch_on_non_null(b);
}
