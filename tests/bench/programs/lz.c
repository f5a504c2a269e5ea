// SPDX-License-Identifier: Apache-2.0
// A small Lempel-Ziv compressor and its inverse, n times over 32 KiB of generated text.
// Format: a control byte c; c < 128 is followed by c + 1 literal bytes, otherwise
// c - 128 + MATCH_MIN bytes are copied from a two-byte distance back.
#include "program.h"

#define TEXT_BYTES       32768u
#define PACKED_BYTES_MAX (TEXT_BYTES + TEXT_BYTES / 64 + 16)
#define HASH_BITS        12
#define MATCH_MIN        4u
#define MATCH_MAX        (127u + MATCH_MIN)
#define LITERALS_MAX     128u

static uint8_t text[TEXT_BYTES];
static uint8_t packed[PACKED_BYTES_MAX];
static uint8_t restored[TEXT_BYTES];
static uint32_t last_seen[1u << HASH_BITS]; // position + 1 of a four-byte string; 0: never

static void generate_text(uint32_t *state)
{
    static const char SYLLABLES[] = "banacoduveriloshemtakunogepiwaru";
    uint32_t at = 0;
    while (at < TEXT_BYTES) {
        // Squaring makes some words much more frequent than others.
        uint32_t rank = random_next(state) % 64 * (random_next(state) % 64);
        uint32_t syllables = 1 + rank % 4;
        for (uint32_t i = 0; i < syllables && at + 2 < TEXT_BYTES; i++) {
            uint32_t syllable = (rank >> i) % 16;
            text[at++] = (uint8_t)SYLLABLES[2 * syllable];
            text[at++] = (uint8_t)SYLLABLES[2 * syllable + 1];
        }
        text[at++] = rank % 11 == 0 ? '\n' : ' ';
    }
}

static uint32_t load_four(const uint8_t *bytes)
{
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static uint32_t match_length(uint32_t earlier, uint32_t at)
{
    uint32_t length = 0;
    while (length < MATCH_MAX && at + length < TEXT_BYTES &&
           text[earlier + length] == text[at + length])
        length++;
    return length;
}

static uint32_t put_literals(uint32_t out, uint32_t from, uint32_t to)
{
    while (from < to) {
        uint32_t count = to - from < LITERALS_MAX ? to - from : LITERALS_MAX;
        packed[out++] = (uint8_t)(count - 1);
        for (uint32_t i = 0; i < count; i++)
            packed[out++] = text[from++];
    }
    return out;
}

// Packs the text and returns the packed size.
static uint32_t compress(void)
{
    uint32_t out = 0;
    uint32_t literals_from = 0;
    uint32_t at = 0;
    for (uint32_t i = 0; i < 1u << HASH_BITS; i++)
        last_seen[i] = 0;
    while (at + MATCH_MIN <= TEXT_BYTES) {
        uint32_t *slot = &last_seen[load_four(text + at) * 0x9e3779b1u >> (32 - HASH_BITS)];
        uint32_t earlier = *slot;
        *slot = at + 1;
        uint32_t length = earlier == 0 ? 0 : match_length(earlier - 1, at);
        if (length < MATCH_MIN) {
            at++;
            continue;
        }
        uint32_t distance = at - (earlier - 1);
        out = put_literals(out, literals_from, at);
        packed[out++] = (uint8_t)(128 + length - MATCH_MIN);
        packed[out++] = (uint8_t)distance;
        packed[out++] = (uint8_t)(distance >> 8);
        at += length;
        literals_from = at;
    }
    return put_literals(out, literals_from, TEXT_BYTES);
}

// Unpacks and returns the restored size.
static uint32_t decompress(uint32_t packed_size)
{
    uint32_t in = 0;
    uint32_t out = 0;
    while (in < packed_size) {
        uint32_t control = packed[in++];
        if (control < 128) {
            for (uint32_t i = 0; i <= control; i++)
                restored[out++] = packed[in++];
        } else {
            uint32_t distance = packed[in] | (uint32_t)packed[in + 1] << 8;
            uint32_t end = out + control - 128 + MATCH_MIN;
            in += 2;
            for (; out < end; out++)
                restored[out] = restored[out - distance];
        }
    }
    return out;
}

uint64_t run(uint32_t n)
{
    uint64_t checksum = 0;
    uint32_t state = 777;
    generate_text(&state);
    for (uint32_t round = 0; round < n; round++) {
        uint32_t packed_size = compress();
        uint32_t size = decompress(packed_size);
        uint32_t differences = 0;
        for (uint32_t i = 0; i < TEXT_BYTES; i++)
            differences += restored[i] != text[i];
        checksum = checksum_add(checksum, packed_size);
        checksum = checksum_add(checksum, (uint64_t)size << 32 | differences);
        text[random_next(&state) % TEXT_BYTES] = '*';
    }
    return checksum;
}
