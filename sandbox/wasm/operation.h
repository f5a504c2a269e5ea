// SPDX-License-Identifier: Apache-2.0
//
// The engine's own operations (operation.def) and the cells of threaded code that they stand in.
// Numbers, names and tables are made by operation.py at build time. The specification's
// instructions are opcode.h; nothing here knows them but the look-up from one to the other.
#pragma once

#include <stdint.h>

#include "sandbox/wasm/opcode.h"
#include "sandbox/wasm/operation_numbers.h"

// A cell. Until its function is linked, `handler` is the operation's number.
struct cell {
    uint64_t handler;
    uint16_t a;
    uint16_t b;
    union {
        struct {
            uint16_t c;
            uint16_t d;
        };
        uint32_t imm;
        int32_t displacement; // of a branch, from this field to the target cell
    };
    uint64_t wide[]; // of cells that are longer; label table entries after a br_table
};

_Static_assert(sizeof(struct cell) == 16, "cells are 16 bytes, and 8 more for each wide field");

enum operation_family {
    FAMILY_OTHER,
    FAMILY_COMMUTATIVE,
    FAMILY_ORDERED,
    FAMILY_COMPARE,
    FAMILY_UNARY,
    FAMILY_LOAD,
    FAMILY_STORE,
    FAMILY_BRANCH, // on a comparison
    FAMILY_HOLE,   // keeps a place in the numbering, never emitted
    FAMILY_VECTOR, // here and below: vector.def
    FAMILY_VECTOR_COMMUTATIVE = FAMILY_VECTOR,
    FAMILY_VECTOR_ORDERED,
    FAMILY_VECTOR_UNARY, // of one operand, not always a vector
    FAMILY_VECTOR_SHIFT,
    FAMILY_VECTOR_TERNARY,
    FAMILY_VECTOR_EXTRACT,
    FAMILY_VECTOR_REPLACE,
    FAMILY_LOAD_LANE,
    FAMILY_STORE_LANE,
};

// Operand forms in the order of the numbers; forms of operations with a result are two apart,
// the odd number being the variant that leaves its result in the accumulator only.
enum binary_form {
    FORM_SS,
    FORM_RS,
    FORM_SI,
    FORM_RI,
    FORM_SR,
    FORM_IS,
    FORM_IR,
};
enum load_form {
    LOAD_S,
    LOAD_R,
    LOAD_N,
    LOAD_FORMS,
};
enum store_form {
    STORE_SS,
    STORE_SR,
    STORE_SI,
    STORE_RS,
    STORE_RI,
    STORE_NS,
    STORE_NR,
    STORE_NI,
    STORE_RR,
    STORE_FORMS,
};

// Vectors: where the first operand is comes first, and the same distance between forms.
enum vector_form {
    VECTOR_SS,
    VECTOR_RS,
    VECTOR_SR, // not of commutative operations
    VECTOR_RR, // of a vector and a scalar
    VECTOR_SI, // of shifts
    VECTOR_RI,
};

#define OPERATION_IS_TERMINATOR 1u // dispatches itself: last in a fused sequence
#define OPERATION_IS_TABLE      2u // label table entries follow the cell

struct operation_info {
    const char *name;
    uint8_t length;      // of the cell in bytes, without a label table
    uint8_t family;      // enum operation_family
    uint8_t destination; // 1 to 4: the result's slot is field a to d; 0: none to redirect
    uint8_t flags;
    uint16_t compare; // comparisons: row of compare_operation
};
extern const struct operation_info operation_info[OPERATION_COUNT];

// Which family an opcode belongs to and the number of its first form; FAMILY_OTHER where the
// opcode has a function of its own in the compiler.
struct numeric_operation {
    uint8_t family;
    uint16_t base;
};
extern const struct numeric_operation numeric_operation[OPCODE_COUNT];
// What relaxed opcodes are where speed counts more than the same results everywhere; FAMILY_OTHER
// where there is nothing faster.
extern const struct numeric_operation fast_operation[OPCODE_COUNT];

// A comparison's relatives, each by its form SS.
struct compare_operation {
    uint16_t base;
    uint16_t mirror;     // operands exchanged
    uint16_t inverse;    // OPERATION_COUNT for floats: !(a < b) is not a >= b
    uint16_t branch;     // branches if it holds
    uint16_t branch_not; // branches if it does not
};
extern const struct compare_operation compare_operation[];

// The fused sequences as a trie in a double array: from `state` on operation `number` to
// sequence_child[i] where i = sequence_base[state] + number, if sequence_check[i] == state.
// sequence_accepted[state] is the number of the sequence that ends there, plus 1.
extern const uint16_t sequence_base[];
extern const uint16_t sequence_check[];
extern const uint16_t sequence_child[];
extern const uint16_t sequence_accepted[];

static inline uint32_t operation_length(const struct cell *cell, uint32_t number)
{
    uint32_t length = operation_info[number].length;

    if (operation_info[number].flags & OPERATION_IS_TABLE)
        length += (cell->imm + 2) / 2 * 8; // imm + 1 entries of 4 bytes, padded to 8
    return length;
}
