// SPDX-License-Identifier: Apache-2.0
//
// Arithmetic that C does not have as WebAssembly means it (specification: "Numerics"). Everything
// is inlined into handlers.
#pragma once

#include <stdint.h>
#include <string.h>

static inline uint32_t f32_bits(float value)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline uint64_t f64_bits(double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline float f32_from_bits(uint32_t bits)
{
    float value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline double f64_from_bits(uint64_t bits)
{
    double value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

// fmin and fmax: a NaN wins (the sum makes it quiet), and -0 is less than 0.
static inline float f32_min(float a, float b)
{
    if (a != a || b != b)
        return a + b;
    if (a == b)
        return f32_from_bits(f32_bits(a) | f32_bits(b));
    return a < b ? a : b;
}

static inline float f32_max(float a, float b)
{
    if (a != a || b != b)
        return a + b;
    if (a == b)
        return f32_from_bits(f32_bits(a) & f32_bits(b));
    return a > b ? a : b;
}

static inline double f64_min(double a, double b)
{
    if (a != a || b != b)
        return a + b;
    if (a == b)
        return f64_from_bits(f64_bits(a) | f64_bits(b));
    return a < b ? a : b;
}

static inline double f64_max(double a, double b)
{
    if (a != a || b != b)
        return a + b;
    if (a == b)
        return f64_from_bits(f64_bits(a) & f64_bits(b));
    return a > b ? a : b;
}

static inline unsigned __int128 wide_of(uint64_t low, uint64_t high)
{
    return (unsigned __int128)high << 64 | low;
}

// Saturating conversions. Every f32 is exact as an f64, so these serve for both.
static inline uint32_t f64_to_i32_s(double a)
{
    return a != a               ? 0
           : a <= -2147483648.0 ? 0x80000000u
           : a >= 2147483647.0  ? 0x7fffffffu
                                : (uint32_t)(int32_t)a;
}

static inline uint32_t f64_to_i32_u(double a)
{
    return !(a > 0) ? 0 : a >= 4294967295.0 ? 0xffffffffu : (uint32_t)a;
}

static inline uint64_t f64_to_i64_s(double a)
{
    return a != a                       ? 0
           : a < -9223372036854775808.0 ? 0x8000000000000000u
           : a >= 9223372036854775808.0 ? 0x7fffffffffffffffu
                                        : (uint64_t)(int64_t)a;
}

static inline uint64_t f64_to_i64_u(double a)
{
    return !(a > 0) ? 0 : a >= 18446744073709551616.0 ? UINT64_MAX : (uint64_t)a;
}
