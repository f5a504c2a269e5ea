// SPDX-License-Identifier: Apache-2.0
//
// What numeric instructions give, written down a second time and in other ways than in
// operation.def: integers by way of 128 bits, rounding by hand, floats of 32 bits by way of 64.
// Values are bits; those of 32 bits have zeroes above.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sandbox/wasm/opcode.h"
#include "sandbox/wasm/trap.h"

// Is it known here?
bool reference_has(enum opcode opcode);

// The result, or a trap. Of a NaN that is computed only some bits are fixed: see reference_allows.
enum trap_code reference_result(enum opcode opcode, uint64_t a, uint64_t b, uint64_t *result);

// May the instruction give `actual` where the reference gives `expected` (specification: "NaN
// Propagation")?
bool reference_allows(enum opcode opcode, uint64_t a, uint64_t b, uint64_t expected,
                      uint64_t actual);
