// SPDX-License-Identifier: Apache-2.0
//
// What a signature means to both processes: the plan by which a call's values are put on the
// channel, checked and taken off again. Flat, without pointers, shared by copying. Everything here
// is a pure function of its arguments; nothing allocates.
//
// Three views of one call, each derived from the plan alone. In C a value looks the same to host
// and guest; the guest's core type is what a C compiler for wasm32 makes of it, but for results:
//
//   signature              C                          core type        call words   return words
//   bool, i8 ... u32       by value                   i32              value
//   i64, u64, f32, f64     by value                   the same         value
//   str                    const char *, size_t       i32, i32         block
//   cstr                   const char *               i32              block
//   bytes                  const uint8_t *, size_t    i32, i32         block
//   out T (scalar)         T *                        i32                           value
//   inout T (scalar)       T *                        i32              value        value
//   out bytes              uint8_t *, size_t *        i32, i32         block (room) block
//   inout bytes            uint8_t *, size_t *        i32, i32         block        block
//   -> scalar              by value                   the same                      value
//   -> str, -> bytes       {pointer, size_t}          i64: address low, length high block
//   -> cstr                const char *               i32                           block
//   @ctx                   a pointer, first           nothing          nothing
//
// The size that goes with out and inout bytes is, on entry, how much there is room for (of inout
// bytes: all of it filled), on return the length, which is not more. In a guest's memory it is a
// u32, and scalars are little endian in their natural size, a bool one byte, 0 or 1. Memory that a
// guest gets for out and inout parameters stays its caller's.
//
// A value is one 64-bit word: signed kinds sign-extended, unsigned ones zero-extended, a bool 0 or
// 1, floats their bits with zeroes above. A block is two words, offset in the arena and length; the
// arena is the part of a frame (report.h) that has the blocks, of whatever size.
// The words of a call are its parameters' in order; those of a return are the result's, then the
// parameters'. Blocks lie in that order too, each at the first multiple of PLAN_ALIGNMENT that is
// free, a cstr with its NUL behind it (not counted in the length), and no offset but that one is
// accepted: so blocks never overlap, and what a host function writes into one cannot change
// another one that was already checked.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sandbox/base/error.h"

enum {
    PLAN_PARAMETERS_MAX = 16,
    PLAN_WORDS_MAX = 2 * (PLAN_PARAMETERS_MAX + 1), // of a call or a return
    PLAN_CORE_MAX = 2 * PLAN_PARAMETERS_MAX,        // parameters of the core type
    PLAN_ALIGNMENT = 16,                            // of blocks in the arena
    PLAN_RESULT = 0xFF                              // in place of a parameter's index
};

enum plan_kind {
    PLAN_NONE, // of a result only: there is none
    PLAN_BOOL,
    PLAN_I8,
    PLAN_U8,
    PLAN_I16,
    PLAN_U16,
    PLAN_I32,
    PLAN_U32,
    PLAN_I64,
    PLAN_U64,
    PLAN_F32,
    PLAN_F64,
    PLAN_STR,   // well-formed UTF-8, NUL allowed inside
    PLAN_CSTR,  // any bytes but NUL, and then NUL
    PLAN_BYTES, // any bytes
    PLAN_KIND_COUNT
};

enum plan_direction { PLAN_IN, PLAN_OUT, PLAN_INOUT, PLAN_DIRECTION_COUNT };

// Value types of the core specification, by their codes in the binary format.
enum plan_core { PLAN_CORE_F64 = 0x7C, PLAN_CORE_F32, PLAN_CORE_I64, PLAN_CORE_I32 };

struct plan_parameter {
    uint8_t kind;      // enum plan_kind, not PLAN_NONE
    uint8_t direction; // enum plan_direction; str and cstr are PLAN_IN
};

// Bytes only, no padding, zeroes where nothing is used: two plans are equal if their bytes are.
struct plan {
    uint8_t parameter_count;
    uint8_t context;  // 0 or 1: the host function gets the call's context first
    uint8_t fallible; // "!": comes later, 0 for now
    uint8_t result;   // enum plan_kind
    struct plan_parameter parameters[PLAN_PARAMETERS_MAX];
};

// The guest's function type.
struct plan_core_type {
    uint8_t parameter_count;
    uint8_t result_count; // 0 or 1
    uint8_t result;       // enum plan_core
    uint8_t parameters[PLAN_CORE_MAX];
};

// A value or block of a call or return.
struct plan_slot {
    uint8_t kind;
    uint8_t direction; // PLAN_OUT for the result
    uint8_t parameter; // index, or PLAN_RESULT
    uint8_t word;      // index of its only or first word
};

struct plan_form {
    uint8_t slot_count;
    uint8_t word_count;
    struct plan_slot slots[PLAN_PARAMETERS_MAX + 1];
};

// How a call and its return look on the channel; made once for each plan.
struct plan_wire {
    struct plan_form call;
    struct plan_form back;
};

// Whether a plan, which may come from the other process, is one that the functions below take.
// Errors: USAGE_SIGNATURE; UNSUPPORTED_FEATURE for what comes later.
MUST_CHECK bool plan_check(const struct plan *plan, struct error *error);

// "i32" and so on, as in signatures; "" for PLAN_NONE and for what is no kind.
const char *plan_kind_name(enum plan_kind kind);

// Whether values of the kind are blocks: str, cstr, bytes.
bool plan_kind_is_block(enum plan_kind kind);

// The size of a scalar kind in memory, in bytes; 0 for blocks.
size_t plan_kind_size(enum plan_kind kind);

void plan_core_type(const struct plan *plan, struct plan_core_type *type);

void plan_wire(const struct plan *plan, struct plan_wire *wire);

// The slot of a parameter, or of PLAN_RESULT; NULL if it has none in this form.
const struct plan_slot *plan_form_find(const struct plan_form *form, uint8_t parameter);

// --- scalars -------------------------------------------------------------------------------------

// The word of a scalar kind made of the low bytes of `bits`, whatever is above them.
uint64_t plan_word_extend(enum plan_kind kind, uint64_t bits);

// Whether the word is in the kind's range, in the one form that it has.
bool plan_word_fits(enum plan_kind kind, uint64_t word);

// From a guest's argument or result, a core value in the low half or the whole of `core`. False if
// an i32 is outside of a smaller kind's range.
MUST_CHECK bool plan_word_from_core(enum plan_kind kind, uint64_t core, uint64_t *word);

// The reverse, of a word that fits; the upper half is zero for 32-bit core types.
uint64_t plan_core_from_word(enum plan_kind kind, uint64_t word);

// Between memory, the guest's or a native function's, and words. False for a byte that is no bool.
MUST_CHECK bool plan_word_load(enum plan_kind kind, const void *bytes, uint64_t *word);
void plan_word_store(enum plan_kind kind, uint64_t word, void *bytes);

// --- the sender's side ---------------------------------------------------------------------------

// Lays out the blocks: of each, the second word is the length (or room) that the sender has set,
// and the first one becomes the offset. `used` is how much of the arena the message takes. Error:
// LIMIT_MEMORY when they do not fit into `arena_size` bytes.
MUST_CHECK bool plan_place(const struct plan_form *form, uint64_t *words, size_t arena_size,
                           size_t *used, struct error *error);

// Copies a block that plan_place has placed into the arena. `bytes` may be NULL if it is empty.
void plan_put_block(const struct plan_slot *slot, const uint64_t *words, uint8_t *arena,
                    const void *bytes);

// --- the receiver's side -------------------------------------------------------------------------

// Checks every word and every block that came from the other side. Words and arena must be private
// copies: checked here, used later. `used` is how much of the arena the message takes; bytes of it
// between blocks are left alone. Error: USAGE_SIGNATURE.
MUST_CHECK bool plan_check_call(const struct plan_wire *wire, const uint64_t *words,
                                const uint8_t *arena, size_t arena_size, size_t *used,
                                struct error *error);

// The same for what comes back of the call with `call_words`, which are the receiver's own: out and
// inout bytes are no longer than there was room for.
MUST_CHECK bool plan_check_return(const struct plan_wire *wire, const uint64_t *call_words,
                                  const uint64_t *words, const uint8_t *arena, size_t arena_size,
                                  size_t *used, struct error *error);
