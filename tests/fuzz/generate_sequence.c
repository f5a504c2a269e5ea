// SPDX-License-Identifier: Apache-2.0
//
// Code that the engine should make one of its fused sequences of (sequences.def), which other
// statements would hit by accident only. A sequence says of each operation where its operands are:
// slots are locals here, immediates constants; what is in the accumulator is the result of an
// operation before it, which is either still on the stack or was put into a local.
#include <string.h>

#include "sandbox/wasm/opcode.h"
#include "tests/fuzz/generate_body.h"

enum element_kind {
    END,
    BINARY,
    UNARY,
    LOAD,
    STORE,
    BRANCH_IF, // on a comparison
    IF,        // on the comparison's opposite
    BRANCH,
    TABLE,
    CALL,
    RETURN,
    I32, // a constant
    I64,
    MOVE_32,
    MOVE_64,
    SET_INTEGER, // from accumulator to slot
    SET_F32,
    SET_F64,
    GET_INTEGER, // globals
    GET_F32,
    GET_F64,
    PUT_INTEGER,
    PUT_F32,
    PUT_F64,
    SELECT_INTEGER,
    SELECT_F32,
    SELECT_F64,
};

struct element {
    uint8_t kind;
    bool keep; // the result gets a slot
    uint16_t opcode;
    char form[3];
};

#define ELEMENT(kind_, opcode_, form_, keep_) {kind_, keep_, opcode_, form_},
#define SEQUENCE_END                          {END, false, OPCODE_NOP, ""},
static const struct element elements[] = {
#include "tests/fuzz/sequences.inc"
};
#undef ELEMENT
#undef SEQUENCE_END

#define ELEMENT_COUNT ((uint32_t)(sizeof elements / sizeof elements[0]))

// A sequence under way.
struct sequence {
    const struct element *elements;
    uint32_t count;
    bool addresses;   // i32s should be small, since some become addresses
    uint8_t waiting;  // type of the result on top of the stack, 0 for none
    uint8_t returned; // type of the function's only result, 0 if it is no number
    uint32_t held[4]; // the last local that was set, by number of its type, or NOTHING
};

static uint32_t type_number(uint8_t type)
{
    return (uint32_t)(TYPE_I32 - type);
}

static uint8_t letter_type(char letter)
{
    return letter == 'I'   ? TYPE_I64
           : letter == 'f' ? TYPE_F32
           : letter == 'F' ? TYPE_F64
                           : TYPE_I32;
}

// The type of the accumulator that the element takes, 0 if it takes none.
static uint8_t taken_type(const struct sequence *s, const struct element *e)
{
    bool in_accumulator = strchr(e->form, 'r') != NULL;

    switch (e->kind) {
    case SET_INTEGER:
    case PUT_INTEGER:
        return TYPE_I32;
    case SET_F32:
    case PUT_F32:
        return TYPE_F32;
    case SET_F64:
    case PUT_F64:
        return TYPE_F64;
    case TABLE:
    case SELECT_INTEGER:
    case SELECT_F32:
    case SELECT_F64:
        return in_accumulator ? TYPE_I32 : 0;
    case RETURN:
        return in_accumulator ? s->returned : 0;
    case STORE: // either operand
        if (e->form[1] == 'r')
            return letter_type(opcode_info[e->opcode].signature[1]);
        return in_accumulator ? TYPE_I32 : 0;
    case BINARY:
    case UNARY:
    case LOAD:
    case BRANCH_IF:
    case IF:
        return in_accumulator ? letter_type(opcode_info[e->opcode].signature[0]) : 0;
    default:
        return 0;
    }
}

// The type of its result, 0 for none.
static uint8_t given_type(const struct element *e)
{
    const char *signature = opcode_info[e->opcode].signature;

    switch (e->kind) {
    case BINARY:
    case UNARY:
    case LOAD:
        return letter_type(strchr(signature, ':')[1]);
    case GET_INTEGER:
    case SELECT_INTEGER:
        return TYPE_I32;
    case GET_F32:
    case SELECT_F32:
        return TYPE_F32;
    case GET_F64:
    case SELECT_F64:
        return TYPE_F64;
    default:
        return 0;
    }
}

static void push_slot(struct body *b, const struct sequence *s, uint8_t type)
{
    uint32_t index = body_find_local(b, type);

    if (type == TYPE_I32 && s->addresses && !chance(b->choices, 24))
        index = b->local_count + choose(b->choices, COUNTERS);
    if (index == NOTHING)
        body_push_simple(b, type);
    else
        body_local(b, 0x20, index);
}

static void push_immediate(struct body *b, const struct sequence *s, uint8_t type)
{
    if (type == TYPE_I32 && s->addresses && !chance(b->choices, 24)) {
        body_i32(b, (int32_t)choose(b->choices, 64));
    } else {
        put_constant(b->plan, type);
        body_pushed(b, type);
    }
}

static void push_operand(struct body *b, const struct sequence *s, uint8_t type, char form)
{
    if (form == 'i' || form == 'n')
        push_immediate(b, s, type);
    else
        push_slot(b, s, type);
}

// The value that is in the accumulator already, if all goes well.
static void push_accumulator(struct body *b, struct sequence *s, uint8_t type)
{
    uint32_t held = s->held[type_number(type)];

    if (s->waiting == type) {
        s->waiting = 0;
    } else if (held != NOTHING) {
        body_local(b, 0x20, held);
    } else {
        body_push_chain(b, type, 1);
        if (type == TYPE_I32 && s->addresses)
            body_limit_address(b);
    }
}

// What must be below the accumulator's value.
static void push_left(struct body *b, const struct sequence *s, const struct element *e)
{
    uint8_t type = given_type(e);

    if (e->kind == BINARY && e->form[1] == 'r') {
        push_operand(b, s, letter_type(opcode_info[e->opcode].signature[0]), e->form[0]);
    } else if (e->kind == STORE && e->form[1] == 'r') {
        if (e->form[0] == 'r') {
            body_push_chain(b, TYPE_I32, 1);
            body_limit_address(b);
        } else {
            push_operand(b, s, TYPE_I32, e->form[0]);
        }
    } else if (e->kind >= SELECT_INTEGER && e->form[0] == 'r') {
        push_slot(b, s, type);
        push_slot(b, s, type);
    }
}

// Does element `i` take the result of the one before from the stack?
static bool follows(const struct sequence *s, uint32_t i)
{
    return i > 0 && !s->elements[i - 1].keep && given_type(&s->elements[i - 1]) != 0 &&
           given_type(&s->elements[i - 1]) == taken_type(s, &s->elements[i]);
}

static void take_operands(struct body *b, struct sequence *s, const struct element *e)
{
    const char *signature = opcode_info[e->opcode].signature;
    uint8_t taken = taken_type(s, e);

    if (e->kind == BINARY || e->kind == BRANCH_IF || e->kind == IF || e->kind == STORE) {
        if (e->form[1] == 'r') { // what is left of it was pushed before
            push_accumulator(b, s, taken);
            return;
        }
        if (e->form[0] == 'r')
            push_accumulator(b, s, taken);
        else
            push_operand(b, s, letter_type(signature[0]), e->form[0]);
        push_operand(b, s, letter_type(signature[1]), e->form[1]);
    } else if (e->kind == UNARY || e->kind == LOAD) {
        if (e->form[0] == 'r')
            push_accumulator(b, s, taken);
        else
            push_operand(b, s, letter_type(signature[0]), e->form[0]);
    } else if (e->kind >= SELECT_INTEGER) {
        if (e->form[0] == 'r') {
            push_accumulator(b, s, taken);
            return;
        }
        push_slot(b, s, given_type(e));
        push_slot(b, s, given_type(e));
        push_slot(b, s, TYPE_I32);
    } else if (taken != 0) {
        push_accumulator(b, s, taken);
    } else if (e->kind == TABLE) {
        push_slot(b, s, TYPE_I32);
    }
}

static void set_some_local(struct body *b, struct sequence *s, uint8_t type)
{
    uint32_t index = body_find_local(b, type);

    if (index == NOTHING)
        return; // stays on the stack
    body_local(b, 0x21, index);
    s->held[type_number(type)] = index;
}

static void give_result(struct body *b, struct sequence *s, const struct element *e)
{
    uint8_t type = given_type(e);

    s->waiting = 0;
    if (type == 0)
        return;
    if (e->keep && !chance(b->choices, 8))
        set_some_local(b, s, type);
    else
        s->waiting = type;
}

static void emit_opcode(struct body *b, uint16_t opcode)
{
    const struct opcode_info *info = &opcode_info[opcode];
    uint8_t alignment = (uint8_t)(info->immediate - IMMEDIATE_MEMARG0);
    const struct access access = {(uint8_t)info->code, 0, alignment};

    if (info->page != 0)
        body_byte(b, info->page);
    body_byte(b, info->code);
    if (info->immediate != IMMEDIATE_NONE)
        body_memarg(b, &access);
    body_popped(b, info->parameter_count);
    if (info->result_count != 0)
        body_pushed(b, letter_type(info->signature[info->parameter_count + 1]));
}

static void emit_if(struct body *b)
{
    body_plain(b, 0x04, 1, 0);
    body_byte(b, 0x40);
    if (chance(b->choices, 2))
        body_byte(b, 0x01);
    body_byte(b, 0x0b);
}

static void emit_branch(struct body *b, const struct element *e)
{
    if (e->kind == BRANCH_IF) {
        body_plain(b, 0x0d, 1, 0);
        body_byte(b, 0);
        return;
    }
    if (e->kind == TABLE) {
        uint32_t entries = choose(b->choices, 4);
        body_plain(b, 0x0e, 1, 0);
        body_number(b, entries);
        for (uint32_t i = 0; i < entries; i++)
            body_byte(b, 0);
    } else {
        body_byte(b, 0x0c);
    }
    body_byte(b, 0);
    body_end_of_path(b);
}

static void emit_return(struct body *b, struct sequence *s, const struct element *e)
{
    uint32_t results = b->blocks[0].result_count;

    if (results > 1 || (results == 1 && s->returned == 0)) {
        if (taken_type(s, e) != 0)
            body_plain(b, 0x1a, 1, 0);
        return;
    }
    if (results == 1 && taken_type(s, e) == 0)
        push_slot(b, s, s->returned);
    body_byte(b, 0x0f);
    body_end_of_path(b);
}

static void emit_move(struct body *b, struct sequence *s, uint8_t type)
{
    push_slot(b, s, type);
    set_some_local(b, s, type);
}

// Through another local, lest the operation itself writes the last one.
static void emit_set(struct body *b, struct sequence *s, uint8_t type)
{
    uint32_t index = body_find_local(b, type);

    if (index != NOTHING)
        body_local(b, 0x22, index);
    set_some_local(b, s, type);
}

static void emit_global(struct body *b, struct sequence *s, uint8_t type, bool set)
{
    uint32_t index = body_find_global(b, type, set);

    if (index == b->plan->budget && set)
        index = NOTHING;
    if (index != NOTHING)
        body_global(b, set ? 0x24 : 0x23, index);
    else if (set)
        body_plain(b, 0x1a, 1, 0);
    else
        body_push_simple(b, type);
    (void)s;
}

static void emit_element(struct body *b, struct sequence *s, const struct element *e)
{
    switch (e->kind) {
    case BRANCH_IF:
    case IF:
        emit_opcode(b, e->opcode);
        if (e->kind == IF)
            emit_if(b);
        else
            emit_branch(b, e);
        break;
    case BRANCH:
    case TABLE:
        emit_branch(b, e);
        break;
    case CALL:
        body_call(b);
        break;
    case RETURN:
        emit_return(b, s, e);
        break;
    case I32:
    case I64:
        push_immediate(b, s, e->kind == I32 ? TYPE_I32 : TYPE_I64);
        set_some_local(b, s, e->kind == I32 ? TYPE_I32 : TYPE_I64);
        break;
    case MOVE_32:
        emit_move(b, s, TYPE_F32);
        break;
    case MOVE_64:
        emit_move(b, s, chance(b->choices, 4) ? TYPE_F64 : TYPE_I32);
        break;
    case SET_INTEGER:
    case SET_F32:
    case SET_F64:
        emit_set(b, s, taken_type(s, e));
        break;
    case GET_INTEGER:
    case GET_F32:
    case GET_F64:
        emit_global(b, s, given_type(e), false);
        break;
    case PUT_INTEGER:
    case PUT_F32:
    case PUT_F64:
        emit_global(b, s, taken_type(s, e), true);
        break;
    case SELECT_INTEGER:
    case SELECT_F32:
    case SELECT_F64:
        body_plain(b, 0x1b, 3, given_type(e));
        break;
    default:
        emit_opcode(b, e->opcode);
    }
}

// Values that the sequence finds in accumulators, though not on top of the stack.
static void prepare_accumulators(struct body *b, struct sequence *s)
{
    bool known[4] = {false};

    for (uint32_t i = 0; i < s->count; i++) {
        uint8_t taken = taken_type(s, &s->elements[i]), given = given_type(&s->elements[i]);

        if (taken != 0 && i > 0 && !known[type_number(taken)]) {
            body_push_chain(b, taken, 1);
            if (taken == TYPE_I32 && s->addresses)
                body_limit_address(b);
            set_some_local(b, s, taken);
        }
        if (taken != 0)
            known[type_number(taken)] = true;
        if (given != 0)
            known[type_number(given)] = true;
    }
}

// The result on top goes on through the accumulator: some operation takes it as its left operand.
static void use_result(struct body *b, uint8_t type)
{
    const struct arithmetic *a = body_choose_taking(b, type);

    if (a->parameter_count == 2)
        body_push_right(b, a);
    body_arithmetic(b, a);
}

static void emit_sequence(struct body *b, struct sequence *s)
{
    prepare_accumulators(b, s);
    for (uint32_t i = 0; i < s->count && !body_innermost(b)->unreachable; i++) {
        const struct element *e = &s->elements[i];
        uint32_t last = i;

        if (!follows(s, i)) {
            // All that waits below the results that are handed on.
            while (last + 1 < s->count && follows(s, last + 1))
                last++;
            for (uint32_t k = last; k + 1 > i; k--)
                push_left(b, s, &s->elements[k]);
            s->waiting = 0;
        }
        take_operands(b, s, e);
        emit_element(b, s, e);
        give_result(b, s, e);
    }
    if (s->waiting != 0 && !chance(b->choices, 4))
        use_result(b, s->waiting);
}

static void choose_sequence(struct body *b, struct sequence *s)
{
    uint32_t at = (uint32_t)choose_bits(b->choices, 2) % ELEMENT_COUNT;

    while (at > 0 && elements[at - 1].kind != END)
        at--;
    *s = (struct sequence){.elements = elements + at};
    while (s->elements[s->count].kind != END)
        s->count++;
    for (uint32_t i = 0; i < 4; i++)
        s->held[i] = NOTHING;
    if (b->blocks[0].result_count == 1 && body_is_number(b->blocks[0].results[0]))
        s->returned = b->blocks[0].results[0];
    for (uint32_t i = 0; i < s->count; i++)
        s->addresses = s->addresses || s->elements[i].kind == LOAD || s->elements[i].kind == STORE;
}

void body_sequence(struct body *b)
{
    struct sequence s;
    uint8_t wrapper = 0;

    choose_sequence(b, &s);
    if ((s.addresses && !b->plan->has_memory) || b->depth == LABELS_MAX)
        return;
    for (uint32_t i = 0; i < s.count; i++) {
        uint8_t kind = s.elements[i].kind;
        if (kind == RETURN)
            wrapper = 0x04;
        else if (kind == BRANCH || kind == BRANCH_IF || kind == TABLE)
            wrapper = wrapper == 0 ? 0x02 : wrapper;
    }
    if (wrapper == 0x04) {
        body_push_simple(b, TYPE_I32);
        body_popped(b, 1);
    }
    if (wrapper != 0)
        body_open_plain(b, wrapper);
    emit_sequence(b, &s);
    if (wrapper != 0 && !body_innermost(b)->unreachable)
        body_innermost(b)->statements = choose(b->choices, 4);
}
