// SPDX-License-Identifier: Apache-2.0
//
// Vector arithmetic that is more than an operator of C (specification: "Vector Numerics").
// Everything is inlined into handlers. Here is what generic vectors say in a few instructions on
// every machine; numeric_vector_sse.h and numeric_vector_plain.h each have the rest, the second in
// nothing but C. Functions are named as their instructions where there is one.
#pragma once

#include "sandbox/wasm/numeric.h"
#include "sandbox/wasm/vector_type.h"

// A bit of `mask` chooses the one of `a` (1) or `b` (0).
static inline v128 v128_bitselect(v128 a, v128 b, v128 mask)
{
    return (a & mask) | (b & ~mask);
}

// The lanes of each half of a and b, alternating.
static inline u8x16 interleave_low_8(v128 a, v128 b)
{
    return __builtin_shufflevector((u8x16)a, (u8x16)b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6,
                                   22, 7, 23);
}

static inline u8x16 interleave_high_8(v128 a, v128 b)
{
    return __builtin_shufflevector((u8x16)a, (u8x16)b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29,
                                   14, 30, 15, 31);
}

static inline u16x8 interleave_low_16(v128 a, v128 b)
{
    return __builtin_shufflevector((u16x8)a, (u16x8)b, 0, 8, 1, 9, 2, 10, 3, 11);
}

static inline u16x8 interleave_high_16(v128 a, v128 b)
{
    return __builtin_shufflevector((u16x8)a, (u16x8)b, 4, 12, 5, 13, 6, 14, 7, 15);
}

static inline u32x4 interleave_low_32(v128 a, v128 b)
{
    return __builtin_shufflevector((u32x4)a, (u32x4)b, 0, 4, 1, 5);
}

static inline u32x4 interleave_high_32(v128 a, v128 b)
{
    return __builtin_shufflevector((u32x4)a, (u32x4)b, 2, 6, 3, 7);
}

// Unsigned: zeroes in the upper halves. Signed: the value there, then shifted down.
static inline u16x8 extend_low_8_u(v128 a)
{
    return (u16x8)interleave_low_8(a, (v128){0});
}

static inline u16x8 extend_high_8_u(v128 a)
{
    return (u16x8)interleave_high_8(a, (v128){0});
}

static inline i16x8 extend_low_8_s(v128 a)
{
    return (i16x8)interleave_low_8((v128){0}, a) >> 8;
}

static inline i16x8 extend_high_8_s(v128 a)
{
    return (i16x8)interleave_high_8((v128){0}, a) >> 8;
}

static inline u32x4 extend_low_16_u(v128 a)
{
    return (u32x4)interleave_low_16(a, (v128){0});
}

static inline u32x4 extend_high_16_u(v128 a)
{
    return (u32x4)interleave_high_16(a, (v128){0});
}

static inline i32x4 extend_low_16_s(v128 a)
{
    return (i32x4)interleave_low_16((v128){0}, a) >> 16;
}

static inline i32x4 extend_high_16_s(v128 a)
{
    return (i32x4)interleave_high_16((v128){0}, a) >> 16;
}

static inline u64x2 extend_low_32_u(v128 a)
{
    return (u64x2)interleave_low_32(a, (v128){0});
}

static inline u64x2 extend_high_32_u(v128 a)
{
    return (u64x2)interleave_high_32(a, (v128){0});
}

static inline i64x2 extend_low_32_s(v128 a)
{
    return (i64x2)interleave_low_32(a, (v128)((i32x4)a < 0));
}

static inline i64x2 extend_high_32_s(v128 a)
{
    return (i64x2)interleave_high_32(a, (v128)((i32x4)a < 0));
}

// Products and sums of neighbours. The lower neighbour is shifted up to be shifted down with its
// sign.
static inline i16x8 even_8_s(v128 a)
{
    return (i16x8)((u16x8)a << 8) >> 8;
}

static inline i32x4 even_16_s(v128 a)
{
    return (i32x4)((u32x4)a << 16) >> 16;
}

static inline u16x8 extadd_pairwise_8_s(v128 a)
{
    return (u16x8)(even_8_s(a) + ((i16x8)a >> 8));
}

static inline u16x8 extadd_pairwise_8_u(v128 a)
{
    return ((u16x8)a & 0xff) + ((u16x8)a >> 8);
}

static inline u32x4 extadd_pairwise_16_s(v128 a)
{
    return (u32x4)(even_16_s(a) + ((i32x4)a >> 16));
}

static inline u32x4 extadd_pairwise_16_u(v128 a)
{
    return ((u32x4)a & 0xffff) + ((u32x4)a >> 16);
}

// Absolute values, of which the least stays as it is.
static inline v128 i8x16_abs(v128 a)
{
    u8x16 sign = (u8x16)((i8x16)a < 0);

    return (v128)(((u8x16)a ^ sign) - sign);
}

static inline v128 i16x8_abs(v128 a)
{
    u16x8 sign = (u16x8)((i16x8)a < 0);

    return (v128)(((u16x8)a ^ sign) - sign);
}

static inline v128 i32x4_abs(v128 a)
{
    u32x4 sign = (u32x4)((i32x4)a < 0);

    return (v128)(((u32x4)a ^ sign) - sign);
}

static inline v128 i64x2_abs(v128 a)
{
    u64x2 sign = (u64x2)((i64x2)a < 0);

    return (v128)(((u64x2)a ^ sign) - sign);
}

// Shifts of bytes, which machines do not have, by those of 16 bits. `count` is less than 8.
static inline u8x16 splat_8(uint32_t byte)
{
    return (u8x16){0} + (uint8_t)byte;
}

static inline v128 shl_8(v128 a, uint32_t count)
{
    return (v128)((u8x16)((u16x8)a << (uint16_t)count) & splat_8(0xffu << count));
}

static inline v128 shr_8_u(v128 a, uint32_t count)
{
    return (v128)((u8x16)((u16x8)a >> (uint16_t)count) & splat_8(0xffu >> count));
}

// The sign bit where it went, to be drawn out to the left.
static inline v128 shr_8_s(v128 a, uint32_t count)
{
    u8x16 sign = splat_8(0x80u >> count);

    return (v128)(((u8x16)shr_8_u(a, count) ^ sign) - sign);
}

static inline v128 shr_64_s(v128 a, uint32_t count)
{
    uint64_t sign = UINT64_C(0x8000000000000000) >> count;

    return (v128)((((u64x2)a >> (uint64_t)count) ^ sign) - sign);
}

// Lanes by number. A window of bytes, read from further down for higher lanes, has ones in the lane
// of that width alone.
static const uint8_t lane_window_1[32] = {[16] = 0xff};
static const uint8_t lane_window_2[32] = {[16] = 0xff, 0xff};
static const uint8_t lane_window_4[32] = {[16] = 0xff, 0xff, 0xff, 0xff};
static const uint8_t lane_window_8[32] = {[16] = 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

// `a` with the lane taken from `b`; both numbers are constants or below 16 / width.
#define REPLACE_LANE(width_, a_, b_, lane_)                                                        \
    v128_bitselect((v128)(b_), (v128)(a_), V128_IN(lane_window_##width_ + 16 - (lane_) * (width_)))

// Are there ones at all?
static inline uint32_t v128_any_true(v128 a)
{
    return (a[0] | a[1]) != 0;
}

// Integers below 2^32 as the fractions of numbers from 2^52 on: nothing is rounded.
static inline f64x2 f64x2_convert_low_i32x4_u(v128 a)
{
    const double bias = 4503599627370496.0; // 2^52

    return (f64x2)(extend_low_32_u(a) | UINT64_C(0x4330000000000000)) - bias;
}

#if defined(__SSE4_1__) && !PINFOLD_VECTOR_PLAIN
#include "sandbox/wasm/numeric_vector_sse.h"
#else
#include "sandbox/wasm/numeric_vector_plain.h"
#endif

// Two operands of shuffle as two of swizzle, for which indices beyond 15 mean zero.
static inline v128 i8x16_shuffle(v128 a, v128 b, v128 lanes)
{
    return i8x16_swizzle(a, lanes) | i8x16_swizzle(b, (v128)((u8x16)lanes - 16));
}

// Pairs of products of bytes. Only -128 * -128 twice is too much.
static inline v128 dot_i8x16_s(v128 a, v128 b)
{
    u16x8 even = (u16x8)even_8_s(a) * (u16x8)even_8_s(b);
    u16x8 odd = (u16x8)((i16x8)a >> 8) * (u16x8)((i16x8)b >> 8);

    return i16x8_add_sat_s((v128)even, (v128)odd);
}
