// SPDX-License-Identifier: Apache-2.0
//
// Exceptions, both kinds: try_table, whose clauses branch to a block that is made for one of them,
// and the legacy try.
#include <string.h>

#include "tests/fuzz/generate_body.h"

// The first tags may have none.
static uint32_t tag_with_payload(struct body *b)
{
    uint32_t tag = choose(b->choices, b->plan->tag_count);

    if (b->plan->types[b->plan->tags[tag].type].parameter_count == 0 && !chance(b->choices, 4))
        tag = choose(b->choices, b->plan->tag_count);
    return tag;
}

/* try_table. */

static bool label_fits(const struct open_block *block, const struct plan_type *landing)
{
    uint32_t count;
    const uint8_t *types = body_label_types(block, &count);

    return block->opcode != 0x03 && count == landing->result_count &&
           (count == 0 || memcmp(types, landing->results, count) == 0);
}

// Of kind 0 catch, 1 catch_ref, 2 catch_all, 3 catch_all_ref, to a label from `first` on outwards.
// Without one that fits there is no clause.
static uint32_t put_clause(struct body *b, uint32_t kind, uint32_t tag, uint32_t first)
{
    static const struct plan_type nothing = {.result_count = 0};
    static const struct plan_type reference = {.results = {TYPE_EXNREF}, .result_count = 1};
    const struct plan_type *landing = kind == 2 ? &nothing
                                      : kind == 3
                                          ? &reference
                                          : &b->plan->types[b->plan->tags[tag].landings[kind]];

    for (uint32_t label = first; label < b->depth; label++) {
        if (!label_fits(&b->blocks[b->depth - 1 - label], landing))
            continue;
        body_byte(b, kind);
        if (kind < 2)
            body_number(b, tag);
        body_number(b, label);
        return 1;
    }
    return 0;
}

static void put_clauses(struct body *b, uint32_t kind, uint32_t tag)
{
    size_t place = b->output->size;
    uint32_t count = 0, more = choose(b->choices, 3);

    body_byte(b, 0); // how many
    if (chance(b->choices, 4))
        count += put_clause(b, choose(b->choices, 4), choose(b->choices, b->plan->tag_count), 1);
    count += put_clause(b, kind, tag, 0);
    for (uint32_t i = 0; i < more; i++)
        count += put_clause(b, choose(b->choices, 4), choose(b->choices, b->plan->tag_count),
                            choose(b->choices, b->depth));
    b->output->bytes[place] = (uint8_t)count;
}

// The block that the first clause lands in, then the try.
void body_try_table(struct body *b)
{
    uint32_t tag = tag_with_payload(b), kind = choose(b->choices, 4);
    const struct plan_tag *chosen = &b->plan->tags[tag];
    struct open_block landing = {.opcode = 0x02, .shown = true, .counter = NOTHING};
    struct open_block block = {.opcode = 0x1f, .counter = NOTHING};
    uint32_t type;

    if (b->depth + 2 > LABELS_MAX)
        return;
    if (kind < 2) {
        type = chosen->landings[kind];
        landing.has_index = true;
        landing.results = b->plan->types[type].results;
        landing.result_count = b->plan->types[type].result_count;
    } else {
        type = kind == 2 ? 0x40 : TYPE_EXNREF;
        b->block_result[b->depth] = TYPE_EXNREF;
        landing.results = kind == 2 ? NULL : &b->block_result[b->depth];
        landing.result_count = kind == 3;
    }
    body_open(b, landing, type);
    type = body_choose_block_type(b, &block);
    body_want(b, block.parameters, block.parameter_count);
    // The clauses stand behind the block type, and see the labels around it.
    body_byte(b, block.opcode);
    if (block.has_index)
        put_signed(b->output, type);
    else
        put_type(b->output, (uint8_t)type);
    put_clauses(b, kind, tag);
    block.tag = (uint8_t)tag;
    body_enter(b, block);
    if (chance(b->choices, 2))
        body_call(b);
    if (chance(b->choices, 2))
        body_throw(b);
}

/* The legacy try. */

void body_legacy_try(struct body *b)
{
    struct open_block block = {.opcode = 0x06, .counter = NOTHING};

    if (b->depth == LABELS_MAX)
        return;
    block.tag = (uint8_t)tag_with_payload(b);
    uint32_t type = body_choose_block_type(b, &block);
    body_want(b, block.parameters, block.parameter_count);
    body_open(b, block, type);
    if (chance(b->choices, 2))
        body_call(b);
    if (chance(b->choices, 2))
        body_throw(b);
}

bool body_next_catch(struct body *b)
{
    struct open_block *block = body_innermost(b);
    uint32_t kind = choose(b->choices, 6);

    if (kind == 0 && block->opcode == 0x06) {
        body_byte(b, 0x18);
        body_number(b, choose(b->choices, b->depth - 1));
        block->opcode = 0x18;
        return false;
    }
    if (kind < 2) // also when there are no more choices
        return false;
    b->height = block->height;
    block->unreachable = false;
    block->statements = choose(b->choices, 6);
    if (kind == 2) {
        body_byte(b, 0x19);
        block->opcode = 0x19;
        return true;
    }
    const struct plan_type *type = &b->plan->types[b->plan->tags[block->tag].type];
    body_byte(b, 0x07);
    body_number(b, block->tag);
    block->opcode = 0x07;
    block->tag = (uint8_t)choose(b->choices, b->plan->tag_count);
    for (uint32_t i = 0; i < type->parameter_count; i++)
        body_pushed(b, type->parameters[i]);
    body_show(b, type->parameter_count);
    if (chance(b->choices, 3))
        body_throw(b);
    return true;
}

/* Throwing. */

static bool rethrow(struct body *b)
{
    for (uint32_t i = 0; i < b->depth; i++) {
        uint8_t opcode = b->blocks[b->depth - 1 - i].opcode;

        if (opcode != 0x07 && opcode != 0x19)
            continue;
        body_byte(b, 0x09);
        body_number(b, i);
        return true;
    }
    return false;
}

// Again what a local has, mostly only if there is one.
static void throw_again(struct body *b, uint32_t local)
{
    if (!chance(b->choices, 8)) {
        body_local(b, 0x20, local);
        body_plain(b, 0xd1, 1, TYPE_I32);
        body_plain(b, 0x0d, 1, 0);
        body_number(b, 0);
    }
    body_local(b, 0x20, local);
    body_byte(b, 0x0a);
}

// The tag that the innermost try catches first, if there is one.
static uint32_t choose_tag(struct body *b)
{
    uint32_t tag = tag_with_payload(b);

    for (uint32_t i = b->depth; i > 0 && chance(b->choices, 2); i--)
        if (b->blocks[i - 1].opcode == 0x06 || b->blocks[i - 1].opcode == 0x1f)
            return b->blocks[i - 1].tag;
    return tag;
}

// What was caught goes into a local. Thrown is sometimes only, so that there is more to run.
void body_throw(struct body *b)
{
    uint32_t tag = choose_tag(b), kind = choose(b->choices, 5);
    uint32_t local = body_find_local(b, TYPE_EXNREF);
    const struct plan_type *type = &b->plan->types[b->plan->tags[tag].type];

    if (b->depth == LABELS_MAX)
        return;
    if (local != NOTHING && b->height > body_innermost(b)->height &&
        b->stack[b->height - 1] == TYPE_EXNREF) {
        body_local(b, 0x21, local);
        kind = 0;
    }
    body_push_value(b, TYPE_I32);
    body_popped(b, 1);
    body_open_plain(b, 0x04);
    if (kind == 0 && local != NOTHING) {
        throw_again(b, local);
    } else if (kind > 2 || !rethrow(b)) {
        body_want(b, type->parameters, type->parameter_count);
        body_byte(b, 0x08);
        body_number(b, tag);
    }
    body_end_of_path(b);
}

/* References to exceptions, which have to stay alive while others are made. */

// try_table with a clause for the tag, of kind 0 or 1, to label 0, and with `all` a catch_all to
// label 1.
static void open_try(struct body *b, uint32_t kind, uint32_t tag, bool all)
{
    const struct open_block block = {.opcode = 0x1f, .counter = NOTHING};

    body_byte(b, 0x1f);
    body_byte(b, 0x40);
    body_number(b, 1 + all);
    body_byte(b, kind);
    body_number(b, tag);
    body_number(b, 0);
    if (all) {
        body_byte(b, 2);
        body_number(b, 1);
    }
    body_enter(b, block);
}

static void open_landing(struct body *b, uint32_t kind, uint32_t tag)
{
    uint32_t index = b->plan->tags[tag].landings[kind];
    const struct plan_type *type = &b->plan->types[index];
    const struct open_block block = {.opcode = 0x02,
                                     .has_index = true,
                                     .results = type->results,
                                     .result_count = type->result_count,
                                     .counter = NOTHING};

    body_open(b, block, index);
}

// Ends the try, in which something was thrown, and the landing.
static void end_both(struct body *b)
{
    const struct open_block *landing = &b->blocks[b->depth - 2];

    body_byte(b, 0x0b);
    body_byte(b, 0x00);
    body_byte(b, 0x0b);
    b->depth -= 2;
    b->height = landing->height;
    for (uint32_t i = 0; i < landing->result_count; i++)
        body_pushed(b, landing->results[i]);
}

// Leaves the payload and an exnref.
static void make_exception(struct body *b, uint32_t tag)
{
    const struct plan_type *type = &b->plan->types[b->plan->tags[tag].type];

    open_landing(b, 1, tag);
    open_try(b, 1, tag, false);
    body_want(b, type->parameters, type->parameter_count);
    body_byte(b, 0x08);
    body_number(b, tag);
    end_both(b);
    b->kept = (uint8_t)tag;
}

// What is in the local is thrown, if there is something, and what it carries shown.
static void throw_kept(struct body *b, uint32_t local)
{
    uint32_t tag = chance(b->choices, 3) ? tag_with_payload(b) : b->kept;

    body_open_plain(b, 0x02);
    open_landing(b, 0, tag);
    open_try(b, 0, tag, true);
    body_local(b, 0x20, local);
    body_plain(b, 0xd1, 1, TYPE_I32);
    body_plain(b, 0x0d, 1, 0);
    body_number(b, 2);
    body_local(b, 0x20, local);
    body_byte(b, 0x0a);
    end_both(b);
    body_show(b, b->plan->types[b->plan->tags[tag].type].parameter_count);
}

// The exnref on top waits there, or goes where it can be had from later.
static void keep(struct body *b)
{
    uint32_t global = body_find_global(b, TYPE_EXNREF, true);
    uint32_t local = body_find_local(b, TYPE_EXNREF), kind = choose(b->choices, 4);

    if (kind == 0 && global != NOTHING)
        body_global(b, 0x24, global);
    else if (kind < 3 && local != NOTHING)
        body_local(b, 0x21, local);
}

void body_keep_exceptions(struct body *b)
{
    uint32_t count = 1 + choose(b->choices, 3);
    uint32_t local = body_find_local(b, TYPE_EXNREF);
    uint32_t global = body_find_global(b, TYPE_EXNREF, false);

    if (b->depth + 3 > LABELS_MAX || local == NOTHING || body_innermost(b)->unreachable)
        return;
    for (uint32_t i = 0; i < count; i++) {
        make_exception(b, tag_with_payload(b));
        keep(b);
        if (chance(b->choices, 4))
            body_call(b);
    }
    if (b->height > body_innermost(b)->height && b->stack[b->height - 1] == TYPE_EXNREF) {
        body_local(b, 0x21, local);
    } else if (global != NOTHING && chance(b->choices, 3)) {
        body_global(b, 0x23, global);
        body_local(b, 0x21, local);
    }
    throw_kept(b, local);
}
