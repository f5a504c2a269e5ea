// SPDX-License-Identifier: Apache-2.0
//
// What is kept beside the cells of a function: where in the module each came from, which slots
// hold references at each call, and where exceptions land. Written by the compiler, read for traps
// and backtraces, and by whatever walks frames.
//
// Regions are the bodies of try blocks. What is thrown in one is offered to its clauses, in their
// order, then to those of the next one, which usually is the one around it.
//
// Origins are pairs of LEB128 numbers: so many units of 8 bytes of cells come from the instruction
// that lies so many bytes behind the one before (the first: behind the body's start).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sandbox/wasm/instance.h"
#include "sandbox/wasm/module.h"

// The function and module offset of a cell of some instance of the store, and that instance: NULL
// if the module has several, since they share its cells. False when pc is in none.
bool code_find(const struct store *store, const uint8_t *pc, const struct instance **instance,
               uint32_t *funcidx, uint64_t *offset);

// The code whose cells `pc` is in; NULL when it is in none of the module's functions.
struct code *code_at(const struct module *module, const uint8_t *pc);

// The module offset of the instruction that the cell at `pc` of `code` came from.
uint64_t code_origin(const struct module *module, const struct code *code, const uint8_t *pc);

// The map of the call that returns to `return_pc`; NULL for functions that hold no references and
// for calls with none that is live.
const struct reference_map *code_references(const struct module *module, const struct code *code,
                                            const uint8_t *return_pc);

// The first clause that catches the tag when it is thrown by the cell that ends at `pc` of `code`;
// NULL if none does. Adds to `steps` how many were looked at.
const struct exception_clause *code_catch(const struct instance *instance, const struct code *code,
                                          const uint8_t *pc, const struct tag *tag,
                                          uint64_t *steps);

// Where what the clause caught goes on.
static inline const uint8_t *code_landing(const struct code *code,
                                          const struct exception_clause *clause)
{
    return code->entry + code->prologue + clause->landing;
}
