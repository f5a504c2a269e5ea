// SPDX-License-Identifier: Apache-2.0
//
// Instructions and operands of function bodies.
#include <assert.h>
#include <string.h>

#include "sandbox/wasm/opcode.h"
#include "tests/fuzz/generate_body.h"

#define ARITHMETIC_MAX 256u

/* Emission. */

void body_byte(struct body *b, uint32_t value)
{
    put_byte(b->output, value);
}

void body_number(struct body *b, uint32_t value)
{
    put_unsigned(b->output, value);
}

struct open_block *body_innermost(struct body *b)
{
    return &b->blocks[b->depth - 1];
}

void body_pushed(struct body *b, uint8_t type)
{
    assert(b->height < STACK_MAX);
    b->stack[b->height++] = type;
}

// In dead code there may be less than is taken.
void body_popped(struct body *b, uint32_t count)
{
    uint32_t available = b->height - body_innermost(b)->height;

    assert(count <= available || body_innermost(b)->unreachable);
    b->height -= count < available ? count : available;
}

void body_i32(struct body *b, int32_t value)
{
    body_byte(b, 0x41);
    put_signed(b->output, value);
    body_pushed(b, TYPE_I32);
}

// An instruction without immediates.
void body_plain(struct body *b, uint8_t opcode, uint32_t takes, uint8_t gives)
{
    body_byte(b, opcode);
    body_popped(b, takes);
    if (gives != 0)
        body_pushed(b, gives);
}

bool body_is_reference(uint8_t type)
{
    return type < TYPE_V128;
}

bool body_is_number(uint8_t type)
{
    return type > TYPE_V128;
}

// A local of that type, NOTHING where there is none.
uint32_t body_find_local(struct body *b, uint8_t type)
{
    uint32_t first = choose(b->choices, b->local_count + 3);

    if (b->many > 0 && b->many_type == type && chance(b->choices, 3))
        return b->local_count + COUNTERS + (uint32_t)choose_bits(b->choices, 2) % b->many;
    if (first >= b->local_count)
        first = b->recent;
    for (uint32_t i = 0; i < b->local_count; i++) {
        uint32_t local = (first + i) % b->local_count;
        if (b->locals[local] == type)
            return local;
    }
    return NOTHING;
}

uint32_t body_find_global(struct body *b, uint8_t type, bool is_mutable)
{
    const struct plan *plan = b->plan;
    uint32_t first = choose(b->choices, plan->global_count);

    for (uint32_t i = 0; i < plan->global_count; i++) {
        uint32_t global = (first + i) % plan->global_count;
        if (plan->globals[global].type == type && (plan->globals[global].is_mutable || !is_mutable))
            return global;
    }
    return NOTHING;
}

void body_local(struct body *b, uint8_t opcode, uint32_t index)
{
    bool counter = index >= b->local_count && index < b->local_count + COUNTERS;

    body_byte(b, opcode);
    body_number(b, index);
    if (index < b->local_count)
        b->recent = index;
    if (opcode == 0x20)
        body_pushed(b, counter                  ? TYPE_I32
                       : index < b->local_count ? b->locals[index]
                                                : b->many_type);
    else if (opcode == 0x21)
        body_popped(b, 1);
}

void body_global(struct body *b, uint8_t opcode, uint32_t index)
{
    body_byte(b, opcode);
    body_number(b, index);
    if (opcode == 0x23)
        body_pushed(b, b->plan->globals[index].type);
    else
        body_popped(b, 1);
}

static void push_constant(struct body *b, uint8_t type)
{
    if (body_is_reference(type))
        put_reference(b->plan, type);
    else
        put_constant(b->plan, type);
    body_pushed(b, type);
}

// A constant, a local or a global.
void body_push_simple(struct body *b, uint8_t type)
{
    uint32_t kind = choose(b->choices, 8);
    uint32_t found = kind == 0  ? body_find_global(b, type, false)
                     : kind < 5 ? body_find_local(b, type)
                                : NOTHING;

    if (found == NOTHING)
        push_constant(b, type);
    else if (kind == 0)
        body_global(b, 0x23, found);
    else
        body_local(b, 0x20, found);
}

/* Arithmetic. */

static struct arithmetic arithmetic[ARITHMETIC_MAX];
static uint32_t arithmetic_count;
static bool prepared;

static uint8_t letter_type(char letter)
{
    return letter == 'I'   ? TYPE_I64
           : letter == 'f' ? TYPE_F32
           : letter == 'F' ? TYPE_F64
                           : TYPE_I32;
}

void body_prepare(void)
{
    for (uint32_t i = OPCODE_I32_EQZ; i < OPCODE_COUNT && !prepared; i++) {
        const struct opcode_info *info = &opcode_info[i];
        struct arithmetic *added = &arithmetic[arithmetic_count];

        if (info->feature != FEATURE_CORE || info->immediate != IMMEDIATE_NONE ||
            info->signature == NULL || info->result_count != 1)
            continue;
        *added = (struct arithmetic){.page = info->page,
                                     .code = (uint8_t)info->code,
                                     .parameter_count = info->parameter_count,
                                     .result = letter_type(strchr(info->signature, ':')[1])};
        for (uint32_t k = 0; k < info->parameter_count; k++)
            added->parameters[k] = letter_type(info->signature[k]);
        arithmetic_count++;
    }
    prepared = true;
    assert(arithmetic_count > 0 && arithmetic_count <= ARITHMETIC_MAX);
}

const struct arithmetic *body_choose_arithmetic(struct body *b, uint8_t result)
{
    uint32_t first = choose(b->choices, arithmetic_count);
    uint32_t i = first;

    while (result != 0 && arithmetic[i].result != result)
        i = (i + 1) % arithmetic_count;
    return &arithmetic[i];
}

const struct arithmetic *body_choose_taking(struct body *b, uint8_t type)
{
    uint32_t i = choose(b->choices, arithmetic_count);

    while (arithmetic[i].parameters[0] != type)
        i = (i + 1) % arithmetic_count;
    return &arithmetic[i];
}

// An operation of which the operands are on top, if there is one from the chosen place on.
const struct arithmetic *body_choose_fitting(struct body *b)
{
    uint32_t first = choose(b->choices, arithmetic_count);
    uint32_t present = b->height - body_innermost(b)->height;

    for (uint32_t i = 0; i < arithmetic_count; i++) {
        const struct arithmetic *a = &arithmetic[(first + i) % arithmetic_count];
        if (a->parameter_count <= present && memcmp(b->stack + b->height - a->parameter_count,
                                                    a->parameters, a->parameter_count) == 0)
            return a;
    }
    return &arithmetic[first];
}

bool body_may_trap_by_zero(const struct arithmetic *a)
{
    return a->page == 0 &&
           ((a->code >= 0x6d && a->code <= 0x70) || (a->code >= 0x7f && a->code <= 0x82));
}

void body_arithmetic(struct body *b, const struct arithmetic *a)
{
    static const uint8_t saturating[] = {0, 1, 2, 3, 0xff, 0xff, 4, 5, 6, 7};
    bool truncates =
        a->page == 0 && a->code >= 0xa8 && a->code <= 0xb1 && a->code != 0xac && a->code != 0xad;

    if (truncates && !chance(b->choices, 8)) {
        body_byte(b, 0xfc);
        body_byte(b, saturating[a->code - 0xa8]);
    } else {
        if (a->page != 0)
            body_byte(b, a->page);
        body_byte(b, a->code);
    }
    body_popped(b, a->parameter_count);
    body_pushed(b, a->result);
}

// Makes the integer on top other than 0, mostly.
static void avoid_zero(struct body *b, uint8_t type)
{
    if (chance(b->choices, 8))
        return;
    body_byte(b, type == TYPE_I32 ? 0x41 : 0x42);
    put_signed(b->output, 1 + (int64_t)choose(b->choices, 60));
    body_pushed(b, type);
    body_plain(b, type == TYPE_I32 ? 0x72 : 0x84, 2, type);
}

void body_push_right(struct body *b, const struct arithmetic *a)
{
    body_push_simple(b, a->parameters[1]);
    if (body_may_trap_by_zero(a))
        avoid_zero(b, a->parameters[1]);
}

/* Memory. */

static const struct access loads[] = {{0x28, TYPE_I32, 2}, {0x29, TYPE_I64, 3}, {0x2a, TYPE_F32, 2},
                                      {0x2b, TYPE_F64, 3}, {0x2c, TYPE_I32, 0}, {0x2d, TYPE_I32, 0},
                                      {0x2e, TYPE_I32, 1}, {0x2f, TYPE_I32, 1}, {0x30, TYPE_I64, 0},
                                      {0x31, TYPE_I64, 0}, {0x32, TYPE_I64, 1}, {0x33, TYPE_I64, 1},
                                      {0x34, TYPE_I64, 2}, {0x35, TYPE_I64, 2}};

void body_memarg(struct body *b, const struct access *access)
{
    static const uint32_t offsets[] = {0, 4, 8, 1, 16, 65528, 65536, 0x7ffffffc, UINT32_MAX};
    uint32_t kind = choose(b->choices, 8);
    bool far = chance(b->choices, 128);

    body_byte(b, choose(b->choices, access->alignment + 1u));
    put_unsigned(b->output, far        ? offsets[5 + kind % 4]
                            : kind < 5 ? offsets[kind]
                                       : choose(b->choices, 256));
}

// The address on top is mostly made one that the memory has.
void body_limit_address(struct body *b)
{
    if (chance(b->choices, 100))
        return;
    body_i32(b, chance(b->choices, 2) ? 0xfff : 0x1f8);
    body_plain(b, 0x71, 2, TYPE_I32);
}

void body_push_address(struct body *b)
{
    uint32_t kind = choose(b->choices, 4);

    if (kind == 0) {
        body_i32(b, (int32_t)choose_bits(b->choices, 1 + chance(b->choices, 4)));
        return;
    }
    body_push_simple(b, TYPE_I32);
    if (kind == 1) {
        body_i32(b, (int32_t)choose(b->choices, 64));
        body_plain(b, 0x6a, 2, TYPE_I32);
    }
    body_limit_address(b);
}

void body_load(struct body *b, const struct access *load)
{
    body_byte(b, load->opcode);
    body_memarg(b, load);
    body_popped(b, 1);
    body_pushed(b, load->type);
}

static const struct access *choose_load(struct body *b, uint8_t type)
{
    uint32_t count = sizeof loads / sizeof loads[0];
    uint32_t i = choose(b->choices, count);

    while (loads[i].type != type)
        i = (i + 1) % count;
    return &loads[i];
}

/* Values. */

// One operation of a chain: what comes before it is one of its operands.
struct link {
    const struct arithmetic *arithmetic; // NULL: a load
    const struct access *load;
    uint32_t position;
};

// A numeric value made by several operations, each of which takes the result of the one before.
void body_push_chain(struct body *b, uint8_t type, uint32_t length)
{
    struct link links[CHAIN_MAX];
    uint8_t needed = type;

    for (uint32_t i = length; i > 0; i--) {
        struct link *link = &links[i - 1];
        *link = (struct link){.position = 0};
        if (b->plan->has_memory && chance(b->choices, 4)) {
            link->load = choose_load(b, needed);
            needed = TYPE_I32;
        } else {
            link->arithmetic = body_choose_arithmetic(b, needed);
            link->position = choose(b->choices, link->arithmetic->parameter_count);
            needed = link->arithmetic->parameters[link->position];
        }
    }
    for (uint32_t i = length; i > 0; i--)
        if (links[i - 1].position == 1)
            body_push_simple(b, links[i - 1].arithmetic->parameters[0]);
    body_push_simple(b, needed);
    for (uint32_t i = 0; i < length; i++) {
        const struct link *link = &links[i];
        if (link->arithmetic == NULL) {
            body_limit_address(b);
            body_load(b, link->load);
            continue;
        }
        if (link->position == 1 && body_may_trap_by_zero(link->arithmetic))
            avoid_zero(b, link->arithmetic->parameters[1]);
        if (link->position == 0 && link->arithmetic->parameter_count == 2)
            body_push_right(b, link->arithmetic);
        body_arithmetic(b, link->arithmetic);
    }
}

void body_push_value(struct body *b, uint8_t type)
{
    if (body_is_number(type) && chance(b->choices, 3))
        body_push_chain(b, type, 1 + choose(b->choices, CHAIN_MAX));
    else
        body_push_simple(b, type);
}

// Puts operands of these types on top: those that are there already, or new ones. In dead code
// some may be missing.
void body_want(struct body *b, const uint8_t *types, uint32_t count)
{
    const struct open_block *block = body_innermost(b);
    uint32_t present = b->height - block->height;
    uint32_t kept = present < count ? present : count;

    while (kept > 0 && memcmp(b->stack + b->height - kept, types, kept) != 0)
        kept--;
    if (chance(b->choices, 6))
        kept = 0;
    if (block->unreachable && kept == 0 && present == 0)
        kept = choose(b->choices, count + 1); // they need not be there at all
    for (uint32_t i = kept; i < count; i++)
        body_push_value(b, types[i]);
}

uint8_t body_any_type(struct body *b)
{
    static const uint8_t types[] = {TYPE_I32, TYPE_I64, TYPE_F32,     TYPE_F64,       TYPE_I32,
                                    TYPE_I32, TYPE_I64, TYPE_FUNCREF, TYPE_EXTERNREF, TYPE_F64};
    static const uint8_t newer[] = {TYPE_V128,         TYPE_V128,         TYPE_V128,
                                    TYPE_V128,         TYPE_EXNREF,       TYPE_OPTIONAL,
                                    TYPE_OPTIONAL + 1, TYPE_OPTIONAL + 2, TYPE_CERTAIN,
                                    TYPE_CERTAIN + 1,  TYPE_CERTAIN + 2};

    if (b->plan->newer && chance(b->choices, 4))
        return newer[choose(b->choices, sizeof newer)];
    return types[choose(b->choices, sizeof types)];
}

uint8_t body_any_number(struct body *b)
{
    static const uint8_t types[] = {TYPE_I32, TYPE_I64, TYPE_F32, TYPE_F64};

    return types[choose(b->choices, sizeof types)];
}
