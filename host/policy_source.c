// SPDX-License-Identifier: Apache-2.0
#include "host/policy_source.h"

#include "sandbox/base/utf8.h"

struct range {
    uint32_t first;
    uint32_t last;
    const char *what;
};

// Characters that no policy has, beyond the well-formed ones that all have.
static const struct range refused[] = {
    {0x00, 0x00, "a NUL"},
    {0x09, 0x09, "a tab (indent with spaces; inside double quotes write \\t)"},
    {0x01, 0x1f, "a control character"}, // LF and CR are looked at before
    {0x7f, 0x84, "a control character"},
    {0x85, 0x85, "a line end that editors do not show (U+0085)"},
    {0x86, 0x9f, "a control character"},
    {0x200b, 0x200f, "an invisible character"},
    {0x2028, 0x2029, "a line end that editors do not show (U+2028 or U+2029)"},
    {0x202a, 0x202e, "a character that turns the direction of writing"},
    {0x2060, 0x2064, "an invisible character"},
    {0x2066, 0x2069, "a character that turns the direction of writing"},
    {0xfeff, 0xfeff, "a byte order mark"},
    {0xfffe, 0xffff, "no character"},
};

static const char *why_refused(uint32_t character)
{
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        if (character >= refused[i].first && character <= refused[i].last)
            return refused[i].what;
    }
    return NULL;
}

static size_t length_of(char lead)
{
    unsigned char byte = (unsigned char)lead;

    return byte < 0x80 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
}

// Decodes the character at the start; its length, or 0 if it is ill-formed.
static size_t decode(const char *text, size_t size, uint32_t *character)
{
    size_t length = length_of(text[0]);
    uint32_t bits;

    if (length > size || !utf8_valid((const uint8_t *)text, length))
        return 0;
    bits = (unsigned char)text[0];
    if (length > 1)
        bits &= 0x7fu >> length;
    for (size_t i = 1; i < length; i++)
        bits = bits << 6 | ((unsigned char)text[i] & 0x3fu);
    *character = bits;
    return length;
}

static bool fail_encoding(const char *text, size_t size, uint32_t line, uint32_t column,
                          struct policy_error *error)
{
    unsigned first = (unsigned char)text[0];
    unsigned second = size > 1 ? (unsigned char)text[1] : 0;

    if ((first == 0xff && second == 0xfe) || (first == 0xfe && second == 0xff))
        return policy_error_set(error, line, column, "UTF-16: a policy is written in UTF-8");
    return policy_error_set(error, line, column, "not UTF-8 (byte \\x%02x)", first);
}

bool policy_source_check(const char *text, size_t size, struct policy_error *error)
{
    uint32_t line = 1;
    uint32_t column = 1;

    if (size > POLICY_SOURCE_BYTES_MAX)
        return policy_error_set(error, 0, 0, "more than %d bytes", POLICY_SOURCE_BYTES_MAX);
    for (size_t at = 0; at < size;) {
        uint32_t character = 0;
        size_t length = decode(text + at, size - at, &character);
        const char *why;

        if (length == 0)
            return fail_encoding(text + at, size - at, line, column, error);
        at += length;
        if (character == '\n') {
            line++;
            column = 1;
            continue;
        }
        if (character == '\r' && at < size && text[at] == '\n')
            continue;
        why = why_refused(character);
        if (why)
            return policy_error_set(error, line, column, "%s is not allowed", why);
        column++;
    }
    return true;
}

char policy_cursor_at(struct policy_cursor *cursor, size_t character)
{
    while (cursor->character < character && cursor->byte < cursor->size) {
        cursor->byte += length_of(cursor->text[cursor->byte]);
        cursor->character++;
    }
    while (cursor->character > character) {
        do
            cursor->byte--;
        while (((unsigned char)cursor->text[cursor->byte] & 0xc0) == 0x80);
        cursor->character--;
    }
    return cursor->byte < cursor->size ? cursor->text[cursor->byte] : '\0';
}
