// SPDX-License-Identifier: Apache-2.0
//
// Bytes to one instruction: the opcode and its immediates, read by the kind of immediate that
// opcode.def gives (binary format: "Instructions"). No index is checked here against a module, and
// no type: that is validation. Used by the compiler, by the decoder to find the end of constant
// expressions, and by tools.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sandbox/base/reader.h"
#include "sandbox/wasm/opcode.h"
#include "sandbox/wasm/type.h"

#define VECTOR_BYTES 16u

// A block type: a type index, or no parameters and at most one result.
enum block_kind {
    BLOCK_EMPTY,
    BLOCK_RESULT, // one result, of type instruction.type
    BLOCK_TYPE,   // instruction.index is a typeidx
};

struct instruction {
    uint16_t opcode;       // enum opcode
    uint8_t block;         // enum block_kind, of block, loop, if, try_table
    uint8_t lane;          // vector lane index
    uint32_t alignment;    // memory accesses: log2
    uint32_t index;        // the first index in the binary, e.g. typeidx of call_indirect;
                           // memory accesses: the memidx
    uint32_t index2;       // the second one
    valtype type;          // ref.null's reference type, block result, select's only type
    uint32_t count;        // label tables: labels without the default; select: types; try_table:
                           // clauses
    uint64_t bits;         // constants: the value's bits, i32 zero-extended, i64 as it is;
                           // memory accesses: the offset
    const uint8_t *table;  // label tables: first label, LEB128; count + 1 of them stand there;
                           // try_table: first clause, for catch_read
    const uint8_t *vector; // v128.const: its bytes; i8x16.shuffle: 16 lane indices
    uint64_t offset;       // of the opcode's first byte in the module
};

// A clause of try_table (grammar Bcatch).
enum catch_kind {
    CATCH_TAG,
    CATCH_TAG_REFERENCE,
    CATCH_ANY,
    CATCH_ANY_REFERENCE,
};
struct catch_clause {
    uint8_t kind;    // enum catch_kind
    uint32_t tagidx; // of the first two kinds
    uint32_t label;
};

// Names for concrete heap types while reading: which canonical type a typeidx stands for. And which
// proposals are on.
struct type_names {
    const uint32_t *types; // typeidx -> canonical number
    uint32_t count;
    uint32_t features; // of FEATURES_PROPOSED
    uint32_t *used;    // gets the features of what is read but the core's; NULL: not wanted
};

// Reads one instruction. False after an error (malformed: recorded in the reader; an opcode whose
// feature the engine lacks: unsupported, with the feature in error->detail). Opcodes of such
// features are recognised and refused before their immediates are read.
MUST_CHECK bool instruction_read(struct reader *reader, const struct type_names *names,
                                 struct instruction *instruction);

// Reads one clause of try_table.
void catch_read(struct reader *reader, struct catch_clause *clause);

// Reads a value type or reference type (binary format: "Value Types"), or a storage type, which may
// be packed. VALTYPE_BOTTOM after an error; a type index without a type is UNKNOWN_TYPE.
valtype valtype_read(struct reader *reader, const struct type_names *names);
valtype reftype_read(struct reader *reader, const struct type_names *names);
valtype storagetype_read(struct reader *reader, const struct type_names *names);

// Records that what stands at `offset`, called `what` (a mnemonic, say), needs a feature that the
// engine lacks or that is off, and makes the reader fail. Always returns false. error->detail is
// the feature.
bool feature_refuse(struct reader *reader, uint64_t offset, enum feature feature, const char *what);
