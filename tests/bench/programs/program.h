// SPDX-License-Identifier: Apache-2.0
// What all benchmark programs share: the one entry point and two tiny helpers. The programs are
// freestanding and are compiled twice, for the guest and for the machine; both must return the
// same checksum, so nothing here or there may depend on the width of a pointer or of a long.
#pragma once

#include <stdint.h>

// Does work proportional to n and returns a checksum of it.
uint64_t run(uint32_t n);

// Xorshift generator; *state must start and stays other than zero.
static inline uint32_t random_next(uint32_t *state)
{
    uint32_t x = *state;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    *state = x;
    return x;
}

// Folds one value into a checksum; the order of the values matters.
static inline uint64_t checksum_add(uint64_t checksum, uint64_t value)
{
    uint64_t x = (checksum ^ value) * 0x9e3779b97f4a7c15u;
    return x ^ (x >> 29);
}

// The bits of a double, to make a checksum of floating-point results. No result may be a NaN.
static inline uint64_t double_bits(double value)
{
    union {
        double value;
        uint64_t bits;
    } both = {.value = value};
    return both.bits;
}
