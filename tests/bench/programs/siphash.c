// SPDX-License-Identifier: Apache-2.0
// SipHash-2-4 of n KiB in a chain: the hash of one KiB is part of the key of the next.
#include "program.h"

#define MESSAGE_BYTES 1024u

static uint64_t rotate_left(uint64_t x, uint32_t bits)
{
    return x << bits | x >> (64 - bits);
}

static uint64_t load_little_endian(const uint8_t *bytes, uint32_t count)
{
    uint64_t value = 0;
    for (uint32_t i = 0; i < count; i++)
        value |= (uint64_t)bytes[i] << (8 * i);
    return value;
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate_left(v[1], 13) ^ v[0];
    v[3] = rotate_left(v[3], 16) ^ v[2];
    v[0] = rotate_left(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate_left(v[1], 17) ^ v[2];
    v[3] = rotate_left(v[3], 21) ^ v[0];
    v[2] = rotate_left(v[2], 32);
}

static void absorb(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    sip_round(v);
    sip_round(v);
    v[0] ^= word;
}

static uint64_t siphash(uint64_t key0, uint64_t key1, const uint8_t *message, uint32_t length)
{
    uint64_t v[4] = {key0 ^ 0x736f6d6570736575u, key1 ^ 0x646f72616e646f6du,
                     key0 ^ 0x6c7967656e657261u, key1 ^ 0x7465646279746573u};
    uint32_t at = 0;
    for (; at + 8 <= length; at += 8)
        absorb(v, load_little_endian(message + at, 8));
    absorb(v, (uint64_t)length << 56 | load_little_endian(message + at, length - at));
    v[2] ^= 0xff;
    for (uint32_t i = 0; i < 4; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

// run(0) is the example of the SipHash paper, a129ca6149be45e5.
uint64_t run(uint32_t n)
{
    static uint8_t message[MESSAGE_BYTES];
    for (uint32_t i = 0; i < MESSAGE_BYTES; i++)
        message[i] = (uint8_t)i;
    uint64_t hash = siphash(0x0706050403020100u, 0x0f0e0d0c0b0a0908u, message, 15);
    for (uint32_t i = 0; i < n; i++)
        hash = siphash(hash, i, message, MESSAGE_BYTES);
    return hash;
}
