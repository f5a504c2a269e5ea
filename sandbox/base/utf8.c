// SPDX-License-Identifier: Apache-2.0
#include "sandbox/base/utf8.h"

#include <string.h>

// What may follow a lead byte: how many continuation bytes, and the range of the first of them,
// which is where overlong forms, surrogates and numbers above U+10FFFF show. The rest are 80..BF.
// (Unicode standard, table "Well-Formed UTF-8 Byte Sequences".)
struct lead {
    uint8_t continuations; // 0: no lead byte
    uint8_t first_min;
    uint8_t first_max;
};

static struct lead lead_of(uint8_t byte)
{
    if (byte >= 0xC2 && byte <= 0xDF)
        return (struct lead){1, 0x80, 0xBF};
    if (byte == 0xE0)
        return (struct lead){2, 0xA0, 0xBF};
    if (byte == 0xED)
        return (struct lead){2, 0x80, 0x9F};
    if (byte >= 0xE1 && byte <= 0xEF)
        return (struct lead){2, 0x80, 0xBF};
    if (byte == 0xF0)
        return (struct lead){3, 0x90, 0xBF};
    if (byte >= 0xF1 && byte <= 0xF3)
        return (struct lead){3, 0x80, 0xBF};
    if (byte == 0xF4)
        return (struct lead){3, 0x80, 0x8F};
    return (struct lead){0, 0, 0};
}

// The number of ASCII bytes at the start, counted eight at a time; may stop up to seven short.
static size_t ascii_prefix(const uint8_t *bytes, size_t length)
{
    size_t done = 0;

    while (length - done >= sizeof(uint64_t)) {
        uint64_t word;

        memcpy(&word, bytes + done, sizeof word);
        if (word & UINT64_C(0x8080808080808080))
            break;
        done += sizeof word;
    }
    return done;
}

// The length of the character at the start of `bytes`, or 0 if it is ill-formed.
static size_t character_length(const uint8_t *bytes, size_t length)
{
    struct lead lead;

    if (bytes[0] < 0x80)
        return 1;
    lead = lead_of(bytes[0]);
    if (lead.continuations == 0 || length <= lead.continuations)
        return 0;
    if (bytes[1] < lead.first_min || bytes[1] > lead.first_max)
        return 0;
    for (size_t i = 2; i <= lead.continuations; i++) {
        if ((bytes[i] & 0xC0) != 0x80)
            return 0;
    }
    return (size_t)lead.continuations + 1;
}

bool utf8_valid(const uint8_t *bytes, size_t length)
{
    size_t at = 0;

    while (at < length) {
        size_t step = ascii_prefix(bytes + at, length - at);

        if (step == 0)
            step = character_length(bytes + at, length - at);
        if (step == 0)
            return false;
        at += step;
    }
    return true;
}
