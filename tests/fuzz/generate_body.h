// SPDX-License-Identifier: Apache-2.0
/*
 * A function body while it is made: what the parts of the generator of code share. The types of the
 * operands are known at each place, so an instruction takes what stands on the stack if it fits, or
 * gets operands made for it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/fuzz/generate_plan.h"
#include "tests/fuzz/reference.h"

#define LABELS_MAX   9u
#define OPERANDS_MAX 48u // more are dropped
#define STACK_MAX    1024u
#define LOCALS_MAX   32u
#define COUNTERS     3u
#define CHAIN_MAX    4u
#define NOTHING      UINT32_MAX // no local, no global
#define TYPE_NUMERIC 4u

struct open_block {
    uint8_t opcode; /* 0 for the function */
    const uint8_t *parameters, *results;
    uint8_t parameter_count, result_count;
    bool shown;     /* so are its results, behind it */
    bool has_index; /* its type is one of the module's */
    uint32_t height;
    uint32_t statements; /* left for it */
    uint8_t tag;         /* of a try: the next to catch */
    uint32_t counter;    /* of a loop: the local that counts turns, or NOTHING */
    bool unreachable;
};

struct body {
    struct plan *plan;
    struct choices *choices;
    struct output *output;
    uint32_t function;
    uint8_t locals[LOCALS_MAX];
    uint32_t local_count; /* without the counters behind them */
    uint32_t recent;      /* local that was read last */
    uint32_t many;        /* how many locals of one type follow the counters */
    uint8_t many_type;
    uint8_t kept; /* tag of the exception that was made last to be kept */
    uint8_t stack[STACK_MAX];
    uint32_t height;
    struct open_block blocks[LABELS_MAX];
    uint32_t depth;
    uint8_t block_result[LABELS_MAX]; /* of block types that are one type */
};

/* An instruction without immediates that gives one number. */
struct arithmetic {
    uint8_t page;
    uint8_t code;
    uint8_t parameters[2];
    uint8_t parameter_count;
    uint8_t result;
};

/* A load or a store. */
struct access {
    uint8_t opcode;
    uint8_t type;
    uint8_t alignment;
};

/* To be called first. */
void body_prepare(void);

/* Bytes, and what they do to the types of the operands. */
void body_byte(struct body *b, uint32_t value);
void body_number(struct body *b, uint32_t value);
void body_pushed(struct body *b, uint8_t type);
void body_popped(struct body *b, uint32_t count);
struct open_block *body_innermost(struct body *b);
bool body_is_reference(uint8_t type);
bool body_is_number(uint8_t type);

/* Instructions. `gives` is 0 where nothing is given. */
void body_plain(struct body *b, uint8_t opcode, uint32_t takes, uint8_t gives);
void body_i32(struct body *b, int32_t value);
void body_local(struct body *b, uint8_t opcode, uint32_t index);
void body_global(struct body *b, uint8_t opcode, uint32_t index);
void body_memarg(struct body *b, const struct access *access);
void body_load(struct body *b, const struct access *load);
void body_arithmetic(struct body *b, const struct arithmetic *a);

/* Locals and globals of a type, NOTHING where there is none. */
uint32_t body_find_local(struct body *b, uint8_t type);
uint32_t body_find_global(struct body *b, uint8_t type, bool is_mutable);

/* Operations: with a result, if that is not 0; with a first operand; which have all operands on
 * top. */
const struct arithmetic *body_choose_arithmetic(struct body *b, uint8_t result);
const struct arithmetic *body_choose_taking(struct body *b, uint8_t type);
const struct arithmetic *body_choose_fitting(struct body *b);
bool body_may_trap_by_zero(const struct arithmetic *a);
/* The right operand; mostly not 0 where that would trap. */
void body_push_right(struct body *b, const struct arithmetic *a);

/* New operands: a constant, local or global; one made by some operations; either. */
void body_push_simple(struct body *b, uint8_t type);
void body_push_chain(struct body *b, uint8_t type, uint32_t length);
void body_push_value(struct body *b, uint8_t type);
/* An address, and the making of one out of the i32 on top, that the memory mostly has. */
void body_push_address(struct body *b);
void body_limit_address(struct body *b);

/* An address, size or index of either width: below `limit`, or around what ends that width. */
void body_other_index(struct body *b, bool is_64, uint32_t limit);
/* What accesses to a memory take, by its index. */
void body_other_address(struct body *b, uint32_t memory);
void body_other_memarg(struct body *b, uint32_t alignment, uint32_t memory);

/*
 * Puts operands of these types on top: those that are there already, or new ones. In dead code some
 * may be missing.
 */
void body_want(struct body *b, const uint8_t *types, uint32_t count);

uint8_t body_any_type(struct body *b);
uint8_t body_any_number(struct body *b);

/* Opens a block without parameters and results, and lets no statement into it by itself. */
void body_open_plain(struct body *b, uint8_t opcode);
/* What follows in the block is dead; mostly nothing does. */
void body_end_of_path(struct body *b);
/* Mostly writes up to `count` operands to locals and memory, or globals, where it can. */
void body_show(struct body *b, uint32_t count);
/* A call of some function. */
void body_call(struct body *b);
/* What a call does to the operands. */
void body_apply_type(struct body *b, const struct plan_type *type);
/* Branches back, and other things that would go on for ever, are done while a global that they
 * count down is no multiple of 16: the condition, and the counting. */
void body_push_budget(struct body *b);
void body_spend_budget(struct body *b);
/* Opens a block of that type, after its operands were made; see struct open_block. */
void body_open(struct body *b, struct open_block block, uint32_t type);
/* The same, behind the instruction. */
void body_enter(struct body *b, struct open_block block);
/* Chooses a block type, which is written only later. */
uint32_t body_choose_block_type(struct body *b, struct open_block *block);
/* The types that a branch to the block takes. */
const uint8_t *body_label_types(const struct open_block *block, uint32_t *count);
/* Gives what stays on the stack the types that a label has. */
void body_retype(struct body *b, const uint8_t *types, uint32_t count);

/* Statements. */
void body_sequence(struct body *b);    /* one of the engine's fused sequences */
void body_bulk_memory(struct body *b); /* generate_storage.c: the first memory, all at once */
void body_use_table(struct body *b);
void body_other_memory(struct body *b);
void body_tail_call(struct body *b); /* generate_reference.c */
void body_call_reference(struct body *b);
void body_use_reference(struct body *b);
void body_try_table(struct body *b); /* generate_exception.c */
void body_legacy_try(struct body *b);
void body_throw(struct body *b);
void body_keep_exceptions(struct body *b);
void body_vector(struct body *b); /* generate_vector.c */
void body_vector_memory(struct body *b);

/* The body of a try, or a catch of it, has ended: goes on with a catch, or ends it. True: there is
 * more. */
bool body_next_catch(struct body *b);
