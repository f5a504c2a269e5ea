// SPDX-License-Identifier: Apache-2.0
//
// For the tests of validation and translation: compiles the module under construction
// (module_builder.h) without linking it, and shows cells as text, one operation after another:
//   i32.add.si.n $0 1; br.i32.lt_s.rs $1 @5; return.0
// $n is a slot of the frame, -> $n the result's, @n the cell that a branch goes to, counted from
// the function's entry; everything else is an immediate. Operands are in the order of the form.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sandbox/wasm/compile.h"
#include "sandbox/wasm/decode.h"
#include "sandbox/wasm/limits.h"
#include "sandbox/wasm/operation.h"
#include "tests/unit/wasm/module_builder.h"

// The module compiled last and what is around it; `options` and `features` may be set before
// compiling.
extern struct type_store store;
extern struct module module;
extern struct error error;
extern struct compile_options options;
extern uint32_t features;
extern uint8_t *module_bytes;

int open_compiler(void **state);
int close_compiler(void **state);

// Compiles what was built, and begins a new module at the next call of anything.
bool compile(void);
void compile_accept(void);
void compile_refuse(enum error_code code, uint64_t offset);

// A module with nothing but one function, [] -> [] unless said otherwise.
void accept_function(const char *signature, const char *locals, const uint8_t *code, size_t length);
// The error's place is that of the byte `at` of the code.
void refuse_function(const char *signature, const char *locals, enum error_code code, size_t at,
                     const uint8_t *bytes, size_t length);

// Cells as text, valid until the next call: of any code, or of a body.
const char *cells_text(const struct code *code);
const char *code_text(uint32_t body);
// Fails unless the body's code is this.
void assert_code(uint32_t body, const char *expected);
// The same for a module of one function.
void assert_translation(const char *signature, const char *locals, const char *expected,
                        const uint8_t *code, size_t length);

// The cell of a number, counted from the entry, and how many there are.
const struct cell *cell_at(uint32_t body, uint32_t number);
uint32_t cell_count(uint32_t body);

#define TEST(test_) cmocka_unit_test_setup_teardown(test_, open_compiler, close_compiler)
