// SPDX-License-Identifier: Apache-2.0
//
// The part of vector arithmetic for which SSE4.1 has instructions that compilers do not find by
// themselves. numeric_vector_plain.h has the same functions; included by numeric_vector.h.
#pragma once

#include <smmintrin.h>

// Functions whose instruction does all there is to do.
#define SSE_BINARY(name_, intrinsic_)                                                              \
    static inline v128 name_(v128 a, v128 b)                                                       \
    {                                                                                              \
        return (v128)intrinsic_((__m128i)a, (__m128i)b);                                           \
    }

SSE_BINARY(i8x16_add_sat_s, _mm_adds_epi8)
SSE_BINARY(i8x16_add_sat_u, _mm_adds_epu8)
SSE_BINARY(i8x16_sub_sat_s, _mm_subs_epi8)
SSE_BINARY(i8x16_sub_sat_u, _mm_subs_epu8)
SSE_BINARY(i16x8_add_sat_s, _mm_adds_epi16)
SSE_BINARY(i16x8_add_sat_u, _mm_adds_epu16)
SSE_BINARY(i16x8_sub_sat_s, _mm_subs_epi16)
SSE_BINARY(i16x8_sub_sat_u, _mm_subs_epu16)
SSE_BINARY(i8x16_min_s, _mm_min_epi8)
SSE_BINARY(i8x16_min_u, _mm_min_epu8)
SSE_BINARY(i8x16_max_s, _mm_max_epi8)
SSE_BINARY(i8x16_max_u, _mm_max_epu8)
SSE_BINARY(i16x8_min_s, _mm_min_epi16)
SSE_BINARY(i16x8_min_u, _mm_min_epu16)
SSE_BINARY(i16x8_max_s, _mm_max_epi16)
SSE_BINARY(i16x8_max_u, _mm_max_epu16)
SSE_BINARY(i32x4_min_s, _mm_min_epi32)
SSE_BINARY(i32x4_min_u, _mm_min_epu32)
SSE_BINARY(i32x4_max_s, _mm_max_epi32)
SSE_BINARY(i32x4_max_u, _mm_max_epu32)
SSE_BINARY(i8x16_avgr_u, _mm_avg_epu8)
SSE_BINARY(i16x8_avgr_u, _mm_avg_epu16)
SSE_BINARY(i8x16_narrow_i16x8_s, _mm_packs_epi16)
SSE_BINARY(i8x16_narrow_i16x8_u, _mm_packus_epi16)
SSE_BINARY(i16x8_narrow_i32x4_s, _mm_packs_epi32)
SSE_BINARY(i16x8_narrow_i32x4_u, _mm_packus_epi32)
SSE_BINARY(i32x4_dot_i16x8_s, _mm_madd_epi16)

#undef SSE_BINARY

// Signed and unsigned products of the even lanes, where the wanted ones are put first.
static inline v128 extmul_low_32_s(v128 a, v128 b)
{
    return (v128)_mm_mul_epi32((__m128i)interleave_low_32(a, a), (__m128i)interleave_low_32(b, b));
}

static inline v128 extmul_high_32_s(v128 a, v128 b)
{
    return (v128)_mm_mul_epi32((__m128i)interleave_high_32(a, a),
                               (__m128i)interleave_high_32(b, b));
}

static inline v128 extmul_low_32_u(v128 a, v128 b)
{
    return (v128)_mm_mul_epu32((__m128i)interleave_low_32(a, a), (__m128i)interleave_low_32(b, b));
}

static inline v128 extmul_high_32_u(v128 a, v128 b)
{
    return (v128)_mm_mul_epu32((__m128i)interleave_high_32(a, a),
                               (__m128i)interleave_high_32(b, b));
}

// The instruction's only overflow gives the least number instead of the greatest.
static inline v128 i16x8_q15mulr_sat_s(v128 a, v128 b)
{
    u16x8 product = (u16x8)_mm_mulhrs_epi16((__m128i)a, (__m128i)b);

    return (v128)(product ^ (u16x8)(product == 0x8000));
}

// The instruction looks at bit 7 and the four lowest of an index.
static inline v128 i8x16_swizzle(v128 a, v128 lanes)
{
    return (v128)_mm_shuffle_epi8((__m128i)a,
                                  _mm_adds_epu8((__m128i)lanes, (__m128i)splat_8(0x70)));
}

// By a table of the bits in each four.
static inline v128 i8x16_popcnt(v128 a)
{
    const u8x16 counts = {0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4};
    u8x16 low = (u8x16)a & 15, high = (u8x16)((u16x8)a >> 4) & 15;

    return (v128)((u8x16)_mm_shuffle_epi8((__m128i)counts, (__m128i)low) +
                  (u8x16)_mm_shuffle_epi8((__m128i)counts, (__m128i)high));
}

// Is no lane of the comparison with zero true?
static inline uint32_t none_true(v128 zeroes)
{
    return (uint32_t)_mm_testz_si128((__m128i)zeroes, (__m128i)zeroes);
}

static inline uint32_t i8x16_bitmask(v128 a)
{
    return (uint32_t)_mm_movemask_epi8((__m128i)a);
}

static inline uint32_t i16x8_bitmask(v128 a)
{
    return (uint32_t)_mm_movemask_epi8(_mm_packs_epi16((__m128i)a, _mm_setzero_si128()));
}

static inline uint32_t i32x4_bitmask(v128 a)
{
    return (uint32_t)_mm_movemask_ps((__m128)a);
}

static inline uint32_t i64x2_bitmask(v128 a)
{
    return (uint32_t)_mm_movemask_pd((__m128d)a);
}

// --- floating point ---

#define SSE_ROUND (_MM_FROUND_NO_EXC)

#define SSE_FLOAT_UNARY(name_, suffix_, vector_, operation_)                                       \
    static inline vector_ name_(vector_ a)                                                         \
    {                                                                                              \
        return (vector_)_mm_##operation_;                                                          \
    }

SSE_FLOAT_UNARY(f32x4_ceil, ps, f32x4, round_ps((__m128)a, _MM_FROUND_TO_POS_INF | SSE_ROUND))
SSE_FLOAT_UNARY(f32x4_floor, ps, f32x4, round_ps((__m128)a, _MM_FROUND_TO_NEG_INF | SSE_ROUND))
SSE_FLOAT_UNARY(f32x4_trunc, ps, f32x4, round_ps((__m128)a, _MM_FROUND_TO_ZERO | SSE_ROUND))
SSE_FLOAT_UNARY(f32x4_nearest, ps, f32x4,
                round_ps((__m128)a, _MM_FROUND_TO_NEAREST_INT | SSE_ROUND))
SSE_FLOAT_UNARY(f32x4_sqrt, ps, f32x4, sqrt_ps((__m128)a))
SSE_FLOAT_UNARY(f64x2_ceil, pd, f64x2, round_pd((__m128d)a, _MM_FROUND_TO_POS_INF | SSE_ROUND))
SSE_FLOAT_UNARY(f64x2_floor, pd, f64x2, round_pd((__m128d)a, _MM_FROUND_TO_NEG_INF | SSE_ROUND))
SSE_FLOAT_UNARY(f64x2_trunc, pd, f64x2, round_pd((__m128d)a, _MM_FROUND_TO_ZERO | SSE_ROUND))
SSE_FLOAT_UNARY(f64x2_nearest, pd, f64x2,
                round_pd((__m128d)a, _MM_FROUND_TO_NEAREST_INT | SSE_ROUND))
SSE_FLOAT_UNARY(f64x2_sqrt, pd, f64x2, sqrt_pd((__m128d)a))

#undef SSE_FLOAT_UNARY
#undef SSE_ROUND

// The instruction gives its second operand for NaN and for zeroes: asked both ways and joined, -0
// wins, and what was NaN becomes all ones and then the canonical one.
static inline v128 f32x4_min(f32x4 a, f32x4 b)
{
    f32x4 least =
        (f32x4)_mm_or_ps(_mm_min_ps((__m128)a, (__m128)b), _mm_min_ps((__m128)b, (__m128)a));
    u32x4 nan = (u32x4)(least != least);

    return (v128)(((u32x4)least | nan) & ~(nan >> 10));
}

static inline v128 f64x2_min(f64x2 a, f64x2 b)
{
    f64x2 least =
        (f64x2)_mm_or_pd(_mm_min_pd((__m128d)a, (__m128d)b), _mm_min_pd((__m128d)b, (__m128d)a));
    u64x2 nan = (u64x2)(least != least);

    return (v128)(((u64x2)least | nan) & ~(nan >> 13));
}

// The same with the bits on which both agree, where 0 wins; NaN are found in the operands.
static inline v128 f32x4_max(f32x4 a, f32x4 b)
{
    u32x4 greatest =
        (u32x4)_mm_and_ps(_mm_max_ps((__m128)a, (__m128)b), _mm_max_ps((__m128)b, (__m128)a));
    u32x4 nan = (u32x4)_mm_cmpunord_ps((__m128)a, (__m128)b);

    return (v128)((greatest | nan) & ~(nan >> 10));
}

static inline v128 f64x2_max(f64x2 a, f64x2 b)
{
    u64x2 greatest =
        (u64x2)_mm_and_pd(_mm_max_pd((__m128d)a, (__m128d)b), _mm_max_pd((__m128d)b, (__m128d)a));
    u64x2 nan = (u64x2)_mm_cmpunord_pd((__m128d)a, (__m128d)b);

    return (v128)((greatest | nan) & ~(nan >> 13));
}

// b < a ? b : a and a < b ? b : a are what the instructions compute.
static inline v128 f32x4_pmin(f32x4 a, f32x4 b)
{
    return (v128)_mm_min_ps((__m128)b, (__m128)a);
}

static inline v128 f32x4_pmax(f32x4 a, f32x4 b)
{
    return (v128)_mm_max_ps((__m128)b, (__m128)a);
}

static inline v128 f64x2_pmin(f64x2 a, f64x2 b)
{
    return (v128)_mm_min_pd((__m128d)b, (__m128d)a);
}

static inline v128 f64x2_pmax(f64x2 a, f64x2 b)
{
    return (v128)_mm_max_pd((__m128d)b, (__m128d)a);
}

// --- conversions ---

// What the instruction cannot convert becomes 0x80000000: NaN are 0 before, what is too large is
// inverted after.
static inline v128 i32x4_trunc_sat_f32x4_s(f32x4 a)
{
    f32x4 number = (f32x4)((i32x4)a & (a == a));
    i32x4 large = a >= 2147483648.0f;

    return (v128)((i32x4)_mm_cvttps_epi32((__m128)number) ^ large);
}

// What is 2^31 or more is converted without it; what is 2^32 or more has all bits.
static inline v128 i32x4_trunc_sat_f32x4_u(f32x4 a)
{
    f32x4 number = (f32x4)_mm_max_ps((__m128)a, _mm_setzero_ps()); // NaN are 0
    u32x4 large = (u32x4)(number >= 2147483648.0f), all = (u32x4)(number >= 4294967296.0f);
    u32x4 rest = (u32x4)_mm_cvttps_epi32((__m128)(number - 2147483648.0f));

    return (v128)(((u32x4)_mm_cvttps_epi32((__m128)number) + (rest & large)) | all);
}

static inline v128 i32x4_trunc_sat_f64x2_s_zero(f64x2 a)
{
    f64x2 number = (f64x2)((i64x2)a & (a == a));

    return (v128)_mm_cvttpd_epi32(_mm_min_pd((__m128d)number, _mm_set1_pd(2147483647.0)));
}

// From 2^52 on, the fraction ends with the integer.
static inline v128 i32x4_trunc_sat_f64x2_u_zero(f64x2 a)
{
    __m128d number = _mm_max_pd((__m128d)a, _mm_setzero_pd()); // NaN are 0

    number = _mm_round_pd(_mm_min_pd(number, _mm_set1_pd(4294967295.0)),
                          _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC);
    number = _mm_add_pd(number, _mm_set1_pd(4503599627370496.0));
    return (v128)_mm_shuffle_ps((__m128)number, _mm_setzero_ps(), 0x88);
}

static inline f64x2 f64x2_convert_low_i32x4_s(v128 a)
{
    return (f64x2)_mm_cvtepi32_pd((__m128i)a);
}

static inline f64x2 f64x2_promote_low_f32x4(f32x4 a)
{
    return (f64x2)_mm_cvtps_pd((__m128)a);
}

static inline f32x4 f32x4_demote_f64x2_zero(f64x2 a)
{
    return (f32x4)_mm_cvtpd_ps((__m128d)a);
}

// --- relaxed: what the instructions give, where the specification allows that as well ---

static inline v128 fast_swizzle(v128 a, v128 lanes)
{
    return (v128)_mm_shuffle_epi8((__m128i)a, (__m128i)lanes);
}

static inline v128 fast_q15mulr(v128 a, v128 b)
{
    return (v128)_mm_mulhrs_epi16((__m128i)a, (__m128i)b);
}

static inline v128 fast_trunc_f32x4_s(f32x4 a)
{
    return (v128)_mm_cvttps_epi32((__m128)a);
}

static inline v128 fast_trunc_f64x2_s_zero(f64x2 a)
{
    return (v128)_mm_cvttpd_epi32((__m128d)a);
}

// The second operand for NaN and for zeroes.
static inline v128 fast_f32x4_min(f32x4 a, f32x4 b)
{
    return (v128)_mm_min_ps((__m128)a, (__m128)b);
}

static inline v128 fast_f32x4_max(f32x4 a, f32x4 b)
{
    return (v128)_mm_max_ps((__m128)a, (__m128)b);
}

static inline v128 fast_f64x2_min(f64x2 a, f64x2 b)
{
    return (v128)_mm_min_pd((__m128d)a, (__m128d)b);
}

static inline v128 fast_f64x2_max(f64x2 a, f64x2 b)
{
    return (v128)_mm_max_pd((__m128d)a, (__m128d)b);
}

// By the uppermost bit of a lane.
static inline v128 fast_laneselect_8(v128 a, v128 b, v128 mask)
{
    return (v128)_mm_blendv_epi8((__m128i)b, (__m128i)a, (__m128i)mask);
}

// Of bytes with the sign of their lane.
static inline v128 fast_laneselect_16(v128 a, v128 b, v128 mask)
{
    return fast_laneselect_8(a, b, (v128)((i16x8)mask >> 15));
}

static inline v128 fast_laneselect_32(v128 a, v128 b, v128 mask)
{
    return (v128)_mm_blendv_ps((__m128)b, (__m128)a, (__m128)mask);
}

static inline v128 fast_laneselect_64(v128 a, v128 b, v128 mask)
{
    return (v128)_mm_blendv_pd((__m128d)b, (__m128d)a, (__m128d)mask);
}

// The instruction's first operand is unsigned: that is the second one here, which has 7 bits where
// the result is to be the same everywhere.
static inline v128 fast_dot(v128 a, v128 b)
{
    return (v128)_mm_maddubs_epi16((__m128i)b, (__m128i)a);
}

static inline u32x4 fast_dot_pairs(v128 a)
{
    return (u32x4)_mm_madd_epi16((__m128i)a, _mm_set1_epi16(1));
}
