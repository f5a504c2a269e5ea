// SPDX-License-Identifier: Apache-2.0
//
// A bounded cursor over the bytes of a module (core specification, "Binary Format / Values").
// Errors are sticky: the first failed read is recorded in the struct error given at the start, sets
// `failed` and moves the cursor to the end; from then on every read yields zero, NULL or an empty
// name. So a caller checks once per construct, and loops that read come to an end. A sub-reader
// shares the error, not the `failed` flag: whoever opens one looks at it when done with it.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "sandbox/base/error.h"

struct reader {
    const uint8_t *start;     // borrowed
    const uint8_t *cursor;    // start <= cursor <= end
    const uint8_t *end;       // first byte that may not be read
    uint64_t base_offset;     // of `start` in the module
    struct error *error;      // borrowed; shared with sub-readers
    enum error_code end_code; // the error when bytes run out
    bool failed;              // a read failed; nothing but zeroes from here on
};

// A name of the module: well-formed UTF-8, not closed by NUL, possibly with NUL inside.
struct name {
    const uint8_t *bytes; // borrowed from the module; NULL for the empty name of a failed read
    uint32_t length;      // in bytes
};

static inline bool names_equal(struct name left, struct name right)
{
    return left.length == right.length &&
           (left.length == 0 || memcmp(left.bytes, right.bytes, left.length) == 0);
}

static inline bool name_is(struct name name, const char *text)
{
    return names_equal(name, (struct name){(const uint8_t *)text, (uint32_t)strlen(text)});
}

// A name as it may be shown on a terminal, cut off where it is long.
struct printed_name {
    char text[72];
};
struct printed_name name_printed(struct name name);

// A reader of `length` bytes, the first of which has offset `base_offset` in the module. `bytes`
// and `error` are borrowed; `error` must be clear. Running out of bytes is UNEXPECTED_END.
void reader_init(struct reader *reader, const uint8_t *bytes, size_t length, uint64_t base_offset,
                 struct error *error);

// Splits off the next `length` bytes as a section or function body of its own and skips them.
// Running out of bytes in `sub` is UNEXPECTED_END_OF_SECTION. If fewer bytes are left:
// LENGTH_OUT_OF_BOUNDS, false, and `sub` is empty and failed too.
MUST_CHECK bool reader_sub(struct reader *reader, size_t length, struct reader *sub);

// Records an error at the cursor, or at `offset` in the module, and makes the reader fail. Always
// returns false. `detail_format` as for error_set.
bool reader_fail(struct reader *reader, enum error_code code, const char *detail_format, ...)
    __attribute__((format(printf, 3, 4)));
bool reader_fail_at(struct reader *reader, uint64_t offset, enum error_code code);

// The slow paths of the inline functions below. Not for others.
uint8_t reader_ran_out(struct reader *reader);
uint32_t reader_u32_slow(struct reader *reader);
uint64_t reader_u64_slow(struct reader *reader);
int32_t reader_s32_slow(struct reader *reader);
int64_t reader_s33_slow(struct reader *reader);
int64_t reader_s64_slow(struct reader *reader);

// The cursor's offset in the module. After a failure that of the end; the place is in the error.
static inline uint64_t reader_offset(const struct reader *reader)
{
    return reader->base_offset + (uint64_t)(reader->cursor - reader->start);
}

static inline size_t reader_remaining(const struct reader *reader)
{
    return (size_t)(reader->end - reader->cursor);
}

// Whether nothing is left to read, be it for a failure.
static inline bool reader_done(const struct reader *reader)
{
    return reader->cursor == reader->end;
}

static inline uint8_t reader_u8(struct reader *reader)
{
    if (__builtin_expect(reader->cursor < reader->end, 1))
        return *reader->cursor++;
    return reader_ran_out(reader);
}

// The next `length` bytes, borrowed from the module; NULL when there are fewer.
const uint8_t *reader_bytes(struct reader *reader, size_t length);

// Whether the next byte is there and is a whole LEB128 number by itself.
static inline bool reader_at_short_leb(const struct reader *reader)
{
    return __builtin_expect(reader->cursor < reader->end && *reader->cursor < 0x80, 1);
}

// The seven bits of a one-byte LEB128 number, sign-extended.
static inline int32_t reader_short_signed(struct reader *reader)
{
    return (int32_t)(*reader->cursor++ ^ 0x40) - 0x40;
}

// LEB128 numbers. Errors: INTEGER_REPRESENTATION_TOO_LONG when there are more than ceil(N/7)
// bytes, INTEGER_TOO_LARGE when the last byte has bits that do not fit N bits, and the end.
static inline uint32_t reader_u32(struct reader *reader)
{
    return reader_at_short_leb(reader) ? *reader->cursor++ : reader_u32_slow(reader);
}

static inline uint64_t reader_u64(struct reader *reader)
{
    return reader_at_short_leb(reader) ? *reader->cursor++ : reader_u64_slow(reader);
}

static inline int32_t reader_s32(struct reader *reader)
{
    return reader_at_short_leb(reader) ? reader_short_signed(reader) : reader_s32_slow(reader);
}

// Block types and heap types: negative for an abstract type's code, else a type index.
static inline int64_t reader_s33(struct reader *reader)
{
    return reader_at_short_leb(reader) ? reader_short_signed(reader) : reader_s33_slow(reader);
}

static inline int64_t reader_s64(struct reader *reader)
{
    return reader_at_short_leb(reader) ? reader_short_signed(reader) : reader_s64_slow(reader);
}

// The one-byte signed number that codes a type constructor, -64 to 63. A byte with its top bit
// set is INTEGER_REPRESENTATION_TOO_LONG.
int32_t reader_s7(struct reader *reader);

// The bit patterns of floating-point constants: little endian, every pattern allowed.
uint32_t reader_f32_bits(struct reader *reader);
uint64_t reader_f64_bits(struct reader *reader);

// A name: its length, then UTF-8. Errors: LENGTH_OUT_OF_BOUNDS, MALFORMED_UTF8.
struct name reader_name(struct reader *reader);

// The number of things that follow, each at least `minimum_bytes_each` (1 or more) long. More than
// fit into the bytes left is LENGTH_OUT_OF_BOUNDS (or the end, when nothing is left at all), so
// that memory may be allocated for the count.
uint32_t reader_count(struct reader *reader, size_t minimum_bytes_each);
