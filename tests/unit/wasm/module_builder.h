// SPDX-License-Identifier: Apache-2.0
//
// For the tests of what comes after decoding: a module put together from parts, so that no size is
// written by hand. One module is under construction at a time. Bodies are bytes, with the opcodes
// by their names:
//   build_begin();
//   uint32_t next = build_function("i:i", "", CODE(LOCAL_GET, 0, I32_CONST, 1, I32_ADD));
//   build_export("next", EXTERNAL_FUNCTION, next);
// Signatures are letters, parameters before the colon: i = i32, I = i64, f = f32, F = f64,
// v = v128, r = funcref, e = externref, x = exnref.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "sandbox/wasm/module.h"

// Opcodes by name; of prefixed ones the number after the prefix, which V of a vector instruction
// writes together.
enum {
#define OPCODE(page_, code_, name_, ...) name_ = (code_),
#include "sandbox/wasm/opcode.def"
    PREFIX = 0xfc, // of the bulk and saturating instructions
    ATOMIC_PREFIX = 0xfe,
    I32 = 0x7f,
    I64 = 0x7e,
    F32 = 0x7d,
    F64 = 0x7c,
    V128 = 0x7b,
    VECTOR_PREFIX = 0xfd,
    FUNCREF = 0x70,
    EXTERNREF = 0x6f,
    EXNREF = 0x69,
    EMPTY = 0x40 // block type
};

// Bytes and their number.
#define CODE(...) (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})
#define NO_CODE   NULL, 0

#define V(name_) VECTOR_PREFIX, (uint8_t)(name_ | 0x80), (uint8_t)((name_) >> 7)

// Constant immediates that need more than one byte, padded to the longest form.
#define LEB_BYTE(x_, shift_) ((uint8_t)((x_) >> (shift_)) & 0x7f)
#define LEB_4(x_)                                                                                  \
    LEB_BYTE(x_, 0) | 0x80, LEB_BYTE(x_, 7) | 0x80, LEB_BYTE(x_, 14) | 0x80, LEB_BYTE(x_, 21) | 0x80
#define U32(x_) LEB_4((uint64_t)(x_)), LEB_BYTE((uint64_t)(x_), 28)
#define S32(x_) LEB_4((int64_t)(int32_t)(x_)), LEB_BYTE((int64_t)(int32_t)(x_), 28)
#define S64(x_)                                                                                    \
    LEB_4((int64_t)(x_)), LEB_BYTE((int64_t)(x_), 28) | 0x80, LEB_BYTE((int64_t)(x_), 35) | 0x80,  \
        LEB_BYTE((int64_t)(x_), 42) | 0x80, LEB_BYTE((int64_t)(x_), 49) | 0x80,                    \
        LEB_BYTE((int64_t)(x_), 56) | 0x80, LEB_BYTE((int64_t)(x_), 63)
#define BYTE_OF(x_, index_) (uint8_t)((uint64_t)(x_) >> 8 * (index_))
#define BITS32(x_)          BYTE_OF(x_, 0), BYTE_OF(x_, 1), BYTE_OF(x_, 2), BYTE_OF(x_, 3)
#define BITS64(x_)          BITS32(x_), BITS32((uint64_t)(x_) >> 32)

// A growing array of bytes; zeroes are an empty one.
struct bytes {
    uint8_t *data;
    size_t length;
    size_t capacity;
};

void put(struct bytes *bytes, uint8_t byte);
void put_all(struct bytes *bytes, const uint8_t *data, size_t length);
void put_u32(struct bytes *bytes, uint32_t value); // shortest LEB128
void put_u64(struct bytes *bytes, uint64_t value);
void put_s64(struct bytes *bytes, int64_t value); // shortest signed LEB128
void bytes_free(struct bytes *bytes);

// Forgets the module under construction.
void build_begin(void);

// Each gives the index of what it adds. Imports come before all else of their kind.
uint32_t build_type(const char *signature);
uint32_t build_import_function(const char *module, const char *name, const char *signature);
uint32_t build_import_global(const char *module, const char *name, uint8_t type, bool is_mutable);
uint32_t build_import_memory(const char *module, const char *name, uint32_t pages);
uint32_t build_import_table(const char *module, const char *name, uint8_t type, uint32_t size);
uint32_t build_import_tag(const char *module, const char *name, const char *signature);

// A function with locals of the types that the letters name; the final END is added.
uint32_t build_function(const char *signature, const char *locals, const uint8_t *code,
                        size_t length);
// A function whose body is given as a whole: locals, instructions and END.
uint32_t build_function_raw(uint32_t type, const uint8_t *body, size_t length);

#define NO_MAXIMUM UINT32_MAX
uint32_t build_memory(uint32_t pages, uint32_t maximum);
uint32_t build_tag(const char *signature);
uint32_t build_table(uint8_t type, uint32_t size, uint32_t maximum);
// Of any type; of a memory's or table's limits, `maximum` counts where they have one.
uint32_t build_memory_of(const struct memorytype *type);
uint32_t build_import_memory_of(const char *module, const char *name,
                                const struct memorytype *type);
uint32_t build_table_of(uint8_t type, const struct limits *limits);
uint32_t build_import_table_of(const char *module, const char *name, uint8_t type,
                               const struct limits *limits);
// The initial value's expression without its END.
uint32_t build_global(uint8_t type, bool is_mutable, const uint8_t *code, size_t length);
void build_export(const char *name, enum external_kind kind, uint32_t index);
void build_start(uint32_t funcidx);
// Segments of function indices, of mode active (at `offset` of table 0), passive or declarative.
uint32_t build_element(enum segment_mode mode, uint32_t offset, const uint8_t *funcidxs,
                       size_t count);
uint32_t build_data(enum segment_mode mode, uint32_t offset, const uint8_t *data, size_t length);
void build_data_count(uint32_t count);

// Any section's content, in the place of what else was put there. A custom section comes first.
void build_section(uint8_t id, const uint8_t *content, size_t length);

// The finished module; the bytes belong to the caller, who frees them.
uint8_t *build_end(size_t *size);

// Offset in the module finished last of the first instruction of a function, by its place among the
// functions that have bodies, and of a section's content.
uint64_t build_code_offset(uint32_t body);
uint64_t build_section_offset(uint8_t id);
