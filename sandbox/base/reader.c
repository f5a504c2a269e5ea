// SPDX-License-Identifier: Apache-2.0
#include "sandbox/base/reader.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "sandbox/base/utf8.h"

// Where a reader of no bytes points, so that no pointer is ever NULL.
static const uint8_t nothing[1];

void reader_init(struct reader *reader, const uint8_t *bytes, size_t length, uint64_t base_offset,
                 struct error *error)
{
    const uint8_t *start = length != 0 ? bytes : nothing;

    *reader = (struct reader){
        .start = start,
        .cursor = start,
        .end = start + length,
        .base_offset = base_offset,
        .error = error,
        .end_code = ERROR_UNEXPECTED_END,
    };
}

bool reader_sub(struct reader *reader, size_t length, struct reader *sub)
{
    uint64_t offset = reader_offset(reader);
    bool enough = length <= reader_remaining(reader);

    reader_init(sub, reader->cursor, enough ? length : 0, offset, reader->error);
    sub->end_code = ERROR_UNEXPECTED_END_OF_SECTION;
    if (enough)
        reader->cursor += length;
    else
        reader_fail_at(reader, offset, ERROR_LENGTH_OUT_OF_BOUNDS);
    sub->failed = reader->failed;
    return !reader->failed;
}

static bool fail_sticky(struct reader *reader)
{
    reader->failed = true;
    reader->cursor = reader->end;
    return false;
}

bool reader_fail_at(struct reader *reader, uint64_t offset, enum error_code code)
{
    error_set(reader->error, code, offset, NULL);
    return fail_sticky(reader);
}

bool reader_fail(struct reader *reader, enum error_code code, const char *detail_format, ...)
{
    char detail[ERROR_MESSAGE_SIZE];
    va_list arguments;

    if (detail_format == NULL)
        return reader_fail_at(reader, reader_offset(reader), code);
    va_start(arguments, detail_format);
    vsnprintf(detail, sizeof detail, detail_format, arguments);
    va_end(arguments);
    error_set(reader->error, code, reader_offset(reader), "%s", detail);
    return fail_sticky(reader);
}

__attribute__((noinline, cold)) uint8_t reader_ran_out(struct reader *reader)
{
    reader_fail_at(reader, reader->base_offset + (uint64_t)(reader->end - reader->start),
                   reader->end_code);
    return 0;
}

const uint8_t *reader_bytes(struct reader *reader, size_t length)
{
    const uint8_t *bytes = reader->cursor;

    if (reader->failed || length > reader_remaining(reader)) {
        reader_ran_out(reader);
        return NULL;
    }
    reader->cursor += length;
    return bytes;
}

// Whether the seven bits of a number's last possible byte are all that `used` bits allow: what lies
// above them must be zero, or for a signed number equal to the sign.
static bool last_byte_fits(uint8_t byte, unsigned used, bool is_signed)
{
    unsigned payload = byte & 0x7F;
    unsigned sign_bits;

    if (!is_signed)
        return payload >> used == 0;
    sign_bits = (0x7Fu << (used - 1)) & 0x7F; // the sign and all above it
    return (payload & sign_bits) == 0 || (payload & sign_bits) == sign_bits;
}

// A LEB128 number of `width` bits, sign-extended to 64 if it is signed. The checks come in the
// order of the specification's decoder: a sixth byte of a 32-bit number is a representation too
// long, whether or not it is there.
static uint64_t read_leb(struct reader *reader, unsigned width, bool is_signed)
{
    uint64_t offset = reader_offset(reader);
    uint64_t value = 0;
    unsigned shift = 0;
    uint8_t byte;

    do {
        if (shift >= width) {
            reader_fail_at(reader, offset, ERROR_INTEGER_REPRESENTATION_TOO_LONG);
            return 0;
        }
        byte = reader_u8(reader);
        if (reader->failed)
            return 0;
        if (width - shift < 7 && !last_byte_fits(byte, width - shift, is_signed)) {
            reader_fail_at(reader, offset, ERROR_INTEGER_TOO_LARGE);
            return 0;
        }
        value |= (uint64_t)(byte & 0x7F) << shift;
        shift += 7;
    } while (byte & 0x80);

    if (is_signed && shift < 64 && (byte & 0x40))
        value |= UINT64_MAX << shift;
    return value;
}

__attribute__((noinline)) uint32_t reader_u32_slow(struct reader *reader)
{
    return (uint32_t)read_leb(reader, 32, false);
}

__attribute__((noinline)) uint64_t reader_u64_slow(struct reader *reader)
{
    return read_leb(reader, 64, false);
}

__attribute__((noinline)) int32_t reader_s32_slow(struct reader *reader)
{
    return (int32_t)(int64_t)read_leb(reader, 32, true);
}

__attribute__((noinline)) int64_t reader_s33_slow(struct reader *reader)
{
    return (int64_t)read_leb(reader, 33, true);
}

__attribute__((noinline)) int64_t reader_s64_slow(struct reader *reader)
{
    return (int64_t)read_leb(reader, 64, true);
}

int32_t reader_s7(struct reader *reader)
{
    return (int32_t)(int64_t)read_leb(reader, 7, true);
}

// `length` bytes as a little-endian number; zero after a failure.
static uint64_t read_little_endian(struct reader *reader, size_t length)
{
    const uint8_t *bytes = reader_bytes(reader, length);
    uint64_t value = 0;

    if (bytes == NULL)
        return 0;
    for (size_t i = 0; i < length; i++)
        value |= (uint64_t)bytes[i] << (8 * i);
    return value;
}

uint32_t reader_f32_bits(struct reader *reader)
{
    return (uint32_t)read_little_endian(reader, 4);
}

uint64_t reader_f64_bits(struct reader *reader)
{
    return read_little_endian(reader, 8);
}

struct name reader_name(struct reader *reader)
{
    uint32_t length = reader_u32(reader);
    uint64_t offset = reader_offset(reader);
    struct name name = {.bytes = NULL, .length = 0};

    if (reader->failed)
        return name;
    if (length > reader_remaining(reader)) {
        reader_fail_at(reader, offset, ERROR_LENGTH_OUT_OF_BOUNDS);
        return name;
    }
    if (!utf8_valid(reader->cursor, length)) {
        reader_fail_at(reader, offset, ERROR_MALFORMED_UTF8);
        return name;
    }
    name.bytes = reader->cursor;
    name.length = length;
    reader->cursor += length;
    return name;
}

uint32_t reader_count(struct reader *reader, size_t minimum_bytes_each)
{
    uint64_t offset = reader_offset(reader);
    uint32_t count = reader_u32(reader);

    assert(minimum_bytes_each != 0);
    if (count <= reader_remaining(reader) / minimum_bytes_each)
        return count;
    // The specification's decoder finds nothing at all to be an end, not a length.
    if (reader_done(reader))
        reader_ran_out(reader);
    else
        reader_fail_at(reader, offset, ERROR_LENGTH_OUT_OF_BOUNDS);
    return 0;
}

// Control characters, C1 ones (which UTF-8 begins with C2) included, become dots.
struct printed_name name_printed(struct name name)
{
    struct printed_name printed;
    char *text = printed.text;
    uint32_t length = name.length < sizeof printed.text ? name.length : sizeof printed.text - 1;
    bool after_c2 = false;

    // A cut does not split a character.
    while (length < name.length && length > 0 && (name.bytes[length] & 0xc0) == 0x80)
        length--;
    for (uint32_t i = 0; i < length; i++) {
        uint8_t byte = name.bytes[i];
        bool control = byte < 0x20 || byte == 0x7f || (after_c2 && byte < 0xa0);

        after_c2 = byte == 0xc2;
        if (control && byte >= 0x80)
            text[i - 1] = '.';
        text[i] = (char)(control ? (uint8_t)'.' : byte);
    }
    text[length] = '\0';
    return printed;
}
