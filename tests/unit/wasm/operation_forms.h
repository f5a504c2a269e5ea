// SPDX-License-Identifier: Apache-2.0
//
// For tests that run every form of the operations: pieces of code that put operands where a form
// wants them, and which operations a module has.
#pragma once

#include "sandbox/wasm/operation.h"
#include "tests/unit/wasm/module_builder.h"

// A constant of the type of that letter.
void put_constant(struct bytes *code, char type, uint64_t bits);

// The same of a vector's 16 bytes.
void put_vector(struct bytes *code, const uint8_t *bytes);

// Leaves the bits of the value on the stack as they are, but has them computed, so that they are in
// the accumulator.
void put_identity(struct bytes *code, char type);

// Puts something else into the accumulator of the type.
void put_displacement(struct bytes *code, char type);

// Marks the operations of a module that is loaded and of which nothing has run yet.
void note_operations(const struct module *module, bool *covered);
