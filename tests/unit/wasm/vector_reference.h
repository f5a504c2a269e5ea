// SPDX-License-Identifier: Apache-2.0
//
// What vector instructions give, written down a second time: lane by lane, integers by way of 128
// bits, floats by numeric_reference.h, and found by the parts of the mnemonic instead of by a table
// of opcodes. Accesses to memory are not here.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sandbox/wasm/opcode.h"

struct vector {
    uint8_t bytes[16];
};

// The operands and immediates of one execution; those that the instruction lacks are ignored.
struct vector_case {
    struct vector vectors[3]; // in the order of the operands
    uint64_t scalar;          // the operand that is none, by its bits
    uint8_t lane;
    uint8_t lanes[16]; // of shuffle
};

// A result that is no vector has zeroes above.
union vector_result {
    struct vector vector;
    uint64_t scalar;
};

// Is it known here?
bool vector_reference_has(enum opcode opcode);

// May the instruction give this? `expected` gets what the reference gives, in which a NaN that is
// computed may stand for others (specification: "NaN Propagation").
bool vector_reference_allows(enum opcode opcode, const struct vector_case *operands,
                             const union vector_result *actual, union vector_result *expected);

// Lanes of `width` bytes.
uint64_t vector_lane(const struct vector *vector, uint32_t width, uint32_t index);
void vector_set_lane(struct vector *vector, uint32_t width, uint32_t index, uint64_t bits);
