// SPDX-License-Identifier: Apache-2.0
/*
 * What the specification says about each opcode: its bytes, its name in text, the kind of its
 * immediates, its signature and the feature it belongs to. All of it comes from opcode.def.
 *
 * This is neither the decoder, which reads immediates by their kind, nor the list of operations
 * that the interpreter runs: that is the engine's own table, and its numbers are not these.
 *
 * Specification: appendix "Index of Instructions"; SpecTec grammar Binstr.
 */
#pragma once

#include <stdint.h>

/* Features, as rows of opcode.def. Only CORE is not optional. */
enum feature {
#define FEATURE(name_, words_) FEATURE_##name_,
#include "sandbox/wasm/opcode.def"
    FEATURE_COUNT
};

/* Sets of features. */
#define FEATURE_BIT(feature_) (1u << (feature_))
#define FEATURES_PRESENT      /* always on */                                                      \
    (FEATURE_BIT(FEATURE_CORE) | FEATURE_BIT(FEATURE_VECTOR) |                                     \
     FEATURE_BIT(FEATURE_RELAXED_VECTOR) | FEATURE_BIT(FEATURE_TYPED_REFERENCE) |                  \
     FEATURE_BIT(FEATURE_TAIL_CALL) | FEATURE_BIT(FEATURE_EXCEPTION) |                             \
     FEATURE_BIT(FEATURE_LEGACY_EXCEPTION))
#define FEATURES_PROPOSED /* off by default */                                                     \
    (FEATURE_BIT(FEATURE_CUSTOM_PAGE_SIZES) | FEATURE_BIT(FEATURE_WIDE_ARITHMETIC) |               \
     FEATURE_BIT(FEATURE_THREADS))

/* Kinds of immediates; opcode.def says what each one holds. */
enum immediate {
#define IMMEDIATE(name_) IMMEDIATE_##name_,
#include "sandbox/wasm/opcode.def"
    IMMEDIATE_COUNT
};

/* Opcodes, numbered densely in the order of the table. */
enum opcode {
#define OPCODE(page_, code_, name_, ...) OPCODE_##name_,
#include "sandbox/wasm/opcode.def"
    OPCODE_COUNT,
    OPCODE_INVALID = OPCODE_COUNT /* no opcode: the result of look-ups that find nothing */
};

struct opcode_info {
    const char *mnemonic;    /* as in the text format; select, ref.test and ref.cast occur twice */
    const char *signature;   /* "parameters:results" in letters; NULL if the context decides */
    uint8_t immediate;       /* enum immediate */
    uint8_t feature;         /* enum feature */
    uint8_t page;            /* prefix byte, or 0 */
    uint8_t parameter_count; /* letters before the colon; 0 without a signature */
    uint8_t result_count;    /* letters after the colon; 0 without a signature */
    uint32_t code;           /* the byte, or the number after the prefix */
};

/* Rows of the table by enum opcode. */
extern const struct opcode_info opcode_info[OPCODE_COUNT];

/* The opcode of each single byte; OPCODE_INVALID if it has none, as prefixes have not. */
extern const uint16_t opcode_of_byte[256];

/* The opcode with this number after this prefix byte, or OPCODE_INVALID. Any arguments will do. */
uint16_t opcode_of_prefixed(uint8_t page, uint32_t code);

/* What users call a feature, in the plural where there is one ("tail calls"). Never NULL. */
const char *feature_name(enum feature feature);
