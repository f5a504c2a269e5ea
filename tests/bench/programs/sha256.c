// SPDX-License-Identifier: Apache-2.0
// SHA-256 (FIPS 180-4) of n KiB in a chain: every KiB starts with the digest of the one before.
#include "program.h"

#define MESSAGE_BYTES 1024u
#define BLOCK_BYTES   64u

static const uint32_t ROUND_CONSTANTS[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static const uint32_t INITIAL_STATE[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                          0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

static uint32_t rotate_right(uint32_t x, uint32_t bits)
{
    return x >> bits | x << (32 - bits);
}

static uint32_t load_big_endian(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static void store_big_endian(uint8_t *bytes, uint32_t value)
{
    for (uint32_t i = 0; i < 4; i++)
        bytes[i] = (uint8_t)(value >> (24 - 8 * i));
}

static void expand(const uint8_t *block, uint32_t schedule[64])
{
    for (uint32_t i = 0; i < 16; i++)
        schedule[i] = load_big_endian(block + 4 * i);
    for (uint32_t i = 16; i < 64; i++) {
        uint32_t a = schedule[i - 15];
        uint32_t b = schedule[i - 2];
        uint32_t small0 = rotate_right(a, 7) ^ rotate_right(a, 18) ^ (a >> 3);
        uint32_t small1 = rotate_right(b, 17) ^ rotate_right(b, 19) ^ (b >> 10);
        schedule[i] = schedule[i - 16] + small0 + schedule[i - 7] + small1;
    }
}

static void compress(uint32_t state[8], const uint8_t *block)
{
    uint32_t schedule[64];
    expand(block, schedule);
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
    for (uint32_t i = 0; i < 64; i++) {
        uint32_t big1 = rotate_right(e, 6) ^ rotate_right(e, 11) ^ rotate_right(e, 25);
        uint32_t choice = (e & f) ^ (~e & g);
        uint32_t sum1 = h + big1 + choice + ROUND_CONSTANTS[i] + schedule[i];
        uint32_t big0 = rotate_right(a, 2) ^ rotate_right(a, 13) ^ rotate_right(a, 22);
        uint32_t majority = (a & b) ^ (a & c) ^ (b & c);
        h = g;
        g = f;
        f = e;
        e = d + sum1;
        d = c;
        c = b;
        b = a;
        a = sum1 + big0 + majority;
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
    state[4] += e;
    state[5] += f;
    state[6] += g;
    state[7] += h;
}

// The message length is fixed and whole in blocks, so the padding is a block of its own.
static void sha256(const uint8_t message[MESSAGE_BYTES], uint8_t digest[32])
{
    uint32_t state[8];
    for (uint32_t i = 0; i < 8; i++)
        state[i] = INITIAL_STATE[i];
    for (uint32_t at = 0; at < MESSAGE_BYTES; at += BLOCK_BYTES)
        compress(state, message + at);
    uint8_t padding[BLOCK_BYTES] = {0x80};
    store_big_endian(padding + BLOCK_BYTES - 4, MESSAGE_BYTES * 8);
    compress(state, padding);
    for (uint32_t i = 0; i < 8; i++)
        store_big_endian(digest + 4 * i, state[i]);
}

// Returns the first eight bytes of the last digest, big-endian.
uint64_t run(uint32_t n)
{
    static uint8_t message[MESSAGE_BYTES];
    for (uint32_t i = 0; i < MESSAGE_BYTES; i++)
        message[i] = (uint8_t)(i * 7);
    for (uint32_t i = 0; i < n; i++)
        sha256(message, message);
    return (uint64_t)load_big_endian(message) << 32 | load_big_endian(message + 4);
}
