// SPDX-License-Identifier: Apache-2.0
//
// What relaxed vector instructions may give (specification: relax2 and relax4 of "Vector
// Numerics"): of each lane the alternatives, of which an engine makes the same choice every time.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "tests/unit/wasm/vector_reference.h"

// All choices, for relaxed_reference_choices to leave out those that the result is not of.
#define RELAXED_CHOICES_ALL 15u

// Which choices explain the result, of those in `choices`; 0 if there is none. Only for relaxed
// opcodes.
uint32_t relaxed_reference_choices(enum opcode opcode, const struct vector_case *operands,
                                   const union vector_result *actual, uint32_t choices);
