// SPDX-License-Identifier: Apache-2.0
//
// The functions of numeric_vector_sse.h for every other machine, in C and generic vectors alone.
// Included by numeric_vector.h.
#pragma once

// Lane by lane: the smaller and the larger, by the mask of a comparison.
#define PLAIN_MIN_MAX(shape_, sign_, vector_)                                                      \
    static inline v128 shape_##_min_##sign_(v128 a, v128 b)                                        \
    {                                                                                              \
        return v128_bitselect(a, b, (v128)((vector_)a < (vector_)b));                              \
    }                                                                                              \
    static inline v128 shape_##_max_##sign_(v128 a, v128 b)                                        \
    {                                                                                              \
        return v128_bitselect(a, b, (v128)((vector_)a > (vector_)b));                              \
    }

PLAIN_MIN_MAX(i8x16, s, i8x16)
PLAIN_MIN_MAX(i8x16, u, u8x16)
PLAIN_MIN_MAX(i16x8, s, i16x8)
PLAIN_MIN_MAX(i16x8, u, u16x8)
PLAIN_MIN_MAX(i32x4, s, i32x4)
PLAIN_MIN_MAX(i32x4, u, u32x4)

#undef PLAIN_MIN_MAX

// Saturation. An unsigned sum that is less than an operand was too large. A signed one was too
// large or too small when its sign is neither operand's; then the left operand's sign says which.
#define PLAIN_SATURATING(shape_, signed_, unsigned_, sign_bit_)                                    \
    static inline v128 shape_##_add_sat_u(v128 a, v128 b)                                          \
    {                                                                                              \
        unsigned_ sum = (unsigned_)a + (unsigned_)b;                                               \
        return (v128)(sum | (unsigned_)(sum < (unsigned_)a));                                      \
    }                                                                                              \
    static inline v128 shape_##_sub_sat_u(v128 a, v128 b)                                          \
    {                                                                                              \
        unsigned_ difference = (unsigned_)a - (unsigned_)b;                                        \
        return (v128)(difference & (unsigned_)((unsigned_)a >= (unsigned_)b));                     \
    }                                                                                              \
    static inline v128 shape_##_add_sat_s(v128 a, v128 b)                                          \
    {                                                                                              \
        unsigned_ sum = (unsigned_)a + (unsigned_)b;                                               \
        v128 over = (v128)((signed_)(((unsigned_)a ^ sum) & ((unsigned_)b ^ sum)) < 0);            \
        v128 limit = (v128)((unsigned_)((signed_)a < 0) ^ (sign_bit_ - 1));                        \
        return v128_bitselect(limit, (v128)sum, over);                                             \
    }                                                                                              \
    static inline v128 shape_##_sub_sat_s(v128 a, v128 b)                                          \
    {                                                                                              \
        unsigned_ difference = (unsigned_)a - (unsigned_)b;                                        \
        v128 over =                                                                                \
            (v128)((signed_)(((unsigned_)a ^ (unsigned_)b) & ((unsigned_)a ^ difference)) < 0);    \
        v128 limit = (v128)((unsigned_)((signed_)a < 0) ^ (sign_bit_ - 1));                        \
        return v128_bitselect(limit, (v128)difference, over);                                      \
    }

PLAIN_SATURATING(i8x16, i8x16, u8x16, 0x80)
PLAIN_SATURATING(i16x8, i16x8, u16x8, 0x8000)

#undef PLAIN_SATURATING

// Half the sum, rounded up, without the sum.
static inline v128 i8x16_avgr_u(v128 a, v128 b)
{
    return (v128)((u8x16)(a | b) - (u8x16)shr_8_u(a ^ b, 1));
}

static inline v128 i16x8_avgr_u(v128 a, v128 b)
{
    return (v128)((u16x8)(a | b) - ((u16x8)(a ^ b) >> 1));
}

// Lanes brought into the range of the narrow ones, of which then every other byte or word counts.
static inline v128 even_bytes(v128 a, v128 b)
{
    return (v128)__builtin_shufflevector((u8x16)a, (u8x16)b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20,
                                         22, 24, 26, 28, 30);
}

static inline v128 even_words(v128 a, v128 b)
{
    return (v128)__builtin_shufflevector((u16x8)a, (u16x8)b, 0, 2, 4, 6, 8, 10, 12, 14);
}

static inline v128 clamp_16(v128 a, int16_t least, int16_t greatest)
{
    return i16x8_max_s(i16x8_min_s(a, (v128)((i16x8){0} + greatest)), (v128)((i16x8){0} + least));
}

static inline v128 clamp_32(v128 a, int32_t least, int32_t greatest)
{
    return i32x4_max_s(i32x4_min_s(a, (v128)((i32x4){0} + greatest)), (v128)((i32x4){0} + least));
}

static inline v128 i8x16_narrow_i16x8_s(v128 a, v128 b)
{
    return even_bytes(clamp_16(a, INT8_MIN, INT8_MAX), clamp_16(b, INT8_MIN, INT8_MAX));
}

static inline v128 i8x16_narrow_i16x8_u(v128 a, v128 b)
{
    return even_bytes(clamp_16(a, 0, UINT8_MAX), clamp_16(b, 0, UINT8_MAX));
}

static inline v128 i16x8_narrow_i32x4_s(v128 a, v128 b)
{
    return even_words(clamp_32(a, INT16_MIN, INT16_MAX), clamp_32(b, INT16_MIN, INT16_MAX));
}

static inline v128 i16x8_narrow_i32x4_u(v128 a, v128 b)
{
    return even_words(clamp_32(a, 0, UINT16_MAX), clamp_32(b, 0, UINT16_MAX));
}

// --- products ---

static inline v128 i32x4_dot_i16x8_s(v128 a, v128 b)
{
    u32x4 even = (u32x4)even_16_s(a) * (u32x4)even_16_s(b);
    u32x4 odd = (u32x4)((i32x4)a >> 16) * (u32x4)((i32x4)b >> 16);

    return (v128)(even + odd);
}

static inline v128 extmul_low_32_s(v128 a, v128 b)
{
    return (v128)((u64x2)extend_low_32_s(a) * (u64x2)extend_low_32_s(b));
}

static inline v128 extmul_high_32_s(v128 a, v128 b)
{
    return (v128)((u64x2)extend_high_32_s(a) * (u64x2)extend_high_32_s(b));
}

static inline v128 extmul_low_32_u(v128 a, v128 b)
{
    return (v128)(extend_low_32_u(a) * extend_low_32_u(b));
}

static inline v128 extmul_high_32_u(v128 a, v128 b)
{
    return (v128)(extend_high_32_u(a) * extend_high_32_u(b));
}

static inline v128 i16x8_q15mulr_sat_s(v128 a, v128 b)
{
    i32x4 low = (extend_low_16_s(a) * extend_low_16_s(b) + 0x4000) >> 15;
    i32x4 high = (extend_high_16_s(a) * extend_high_16_s(b) + 0x4000) >> 15;

    return i16x8_narrow_i32x4_s((v128)low, (v128)high);
}

// --- bytes and bits ---

// The two compilers have different names for lanes chosen by a vector of indices modulo 16.
#if defined(__clang__)
#define SHUFFLE_BYTES(a_, lanes_) __builtin_shufflevector(a_, lanes_)
#else
#define SHUFFLE_BYTES(a_, lanes_) __builtin_shuffle(a_, lanes_)
#endif

static inline v128 i8x16_swizzle(v128 a, v128 lanes)
{
    u8x16 chosen = (u8x16)SHUFFLE_BYTES((u8x16)a, (u8x16)lanes & 15);

    return (v128)(chosen & (u8x16)((u8x16)lanes < 16));
}

#undef SHUFFLE_BYTES

// Sums of one, two and four bits beside each other.
static inline v128 i8x16_popcnt(v128 a)
{
    u8x16 ones = (u8x16)a - ((u8x16)((u16x8)a >> 1) & 0x55);
    u8x16 twos = (ones & 0x33) + ((u8x16)((u16x8)ones >> 2) & 0x33);

    return (v128)((twos + (u8x16)((u16x8)twos >> 4)) & 0x0f);
}

// Is no lane of the comparison with zero true?
static inline uint32_t none_true(v128 zeroes)
{
    return !v128_any_true(zeroes);
}

// The product gathers the lowest bits of eight bytes, or of four words, in its uppermost ones.
static inline uint32_t gather_8(uint64_t half)
{
    return (uint32_t)((half >> 7 & UINT64_C(0x0101010101010101)) * UINT64_C(0x0102040810204080) >>
                      56);
}

static inline uint32_t gather_4(uint64_t half)
{
    return (uint32_t)((half >> 15 & UINT64_C(0x0001000100010001)) * UINT64_C(0x1000200040008000) >>
                      60);
}

static inline uint32_t i8x16_bitmask(v128 a)
{
    return gather_8(a[0]) | gather_8(a[1]) << 8;
}

static inline uint32_t i16x8_bitmask(v128 a)
{
    return gather_4(a[0]) | gather_4(a[1]) << 4;
}

static inline uint32_t i64x2_bitmask(v128 a)
{
    return (uint32_t)(a[0] >> 63) | (uint32_t)(a[1] >> 63) << 1;
}

static inline uint32_t i32x4_bitmask(v128 a)
{
    u32x4 bits = (u32x4)a >> 31;

    return bits[0] | bits[1] << 1 | bits[2] << 2 | bits[3] << 3;
}

// --- floating point ---

#define PLAIN_FLOAT_UNARY(name_, function_)                                                        \
    static inline f32x4 f32x4_##name_(f32x4 a)                                                     \
    {                                                                                              \
        return (f32x4){function_##f(a[0]), function_##f(a[1]), function_##f(a[2]),                 \
                       function_##f(a[3])};                                                        \
    }                                                                                              \
    static inline f64x2 f64x2_##name_(f64x2 a)                                                     \
    {                                                                                              \
        return (f64x2){function_(a[0]), function_(a[1])};                                          \
    }

PLAIN_FLOAT_UNARY(ceil, __builtin_ceil)
PLAIN_FLOAT_UNARY(floor, __builtin_floor)
PLAIN_FLOAT_UNARY(trunc, __builtin_trunc)
PLAIN_FLOAT_UNARY(nearest, __builtin_rint)
PLAIN_FLOAT_UNARY(sqrt, __builtin_sqrt)

#undef PLAIN_FLOAT_UNARY

// As f32_min and f32_max of numeric.h: a NaN wins (the sum makes it quiet), -0 is less than 0.
#define PLAIN_FLOAT_BINARY(shape_, float_)                                                         \
    static inline v128 shape_##_min(float_ a, float_ b)                                            \
    {                                                                                              \
        v128 unequal = v128_bitselect((v128)a, (v128)b, (v128)(a < b));                            \
        v128 ordered = v128_bitselect((v128)a | (v128)b, unequal, (v128)(a == b));                 \
        return v128_bitselect((v128)(a + b), ordered, (v128)(a != a) | (v128)(b != b));            \
    }                                                                                              \
    static inline v128 shape_##_max(float_ a, float_ b)                                            \
    {                                                                                              \
        v128 unequal = v128_bitselect((v128)a, (v128)b, (v128)(a > b));                            \
        v128 ordered = v128_bitselect((v128)a & (v128)b, unequal, (v128)(a == b));                 \
        return v128_bitselect((v128)(a + b), ordered, (v128)(a != a) | (v128)(b != b));            \
    }                                                                                              \
    static inline v128 shape_##_pmin(float_ a, float_ b)                                           \
    {                                                                                              \
        return v128_bitselect((v128)b, (v128)a, (v128)(b < a));                                    \
    }                                                                                              \
    static inline v128 shape_##_pmax(float_ a, float_ b)                                           \
    {                                                                                              \
        return v128_bitselect((v128)b, (v128)a, (v128)(a < b));                                    \
    }

PLAIN_FLOAT_BINARY(f32x4, f32x4)
PLAIN_FLOAT_BINARY(f64x2, f64x2)

#undef PLAIN_FLOAT_BINARY

// --- conversions ---

// Brought into the range in which C has a conversion, that is up to the last float below the limit;
// what was beyond that becomes the greatest integer.
static inline f32x4 clamp_f32(f32x4 a, float least, float greatest)
{
    f32x4 low = (f32x4){least, least, least, least};
    f32x4 high = (f32x4){greatest, greatest, greatest, greatest};
    f32x4 number = (f32x4)((u32x4)a & (u32x4)(a == a)); // NaN are 0

    return (f32x4)f32x4_pmax((f32x4)f32x4_pmin(number, high), low);
}

static inline v128 i32x4_trunc_sat_f32x4_s(f32x4 a)
{
    i32x4 integer = __builtin_convertvector(clamp_f32(a, -2147483648.0f, 2147483520.0f), i32x4);

    return v128_bitselect((v128)((u32x4){0} + 0x7fffffffu), (v128)integer,
                          (v128)(a >= 2147483648.0f));
}

static inline v128 i32x4_trunc_sat_f32x4_u(f32x4 a)
{
    u32x4 integer = __builtin_convertvector(clamp_f32(a, 0.0f, 4294967040.0f), u32x4);

    return (v128)(integer | (u32x4)(a >= 4294967296.0f));
}

static inline v128 i32x4_trunc_sat_f64x2_s_zero(f64x2 a)
{
    return (v128)(u32x4){f64_to_i32_s(a[0]), f64_to_i32_s(a[1])};
}

static inline v128 i32x4_trunc_sat_f64x2_u_zero(f64x2 a)
{
    return (v128)(u32x4){f64_to_i32_u(a[0]), f64_to_i32_u(a[1])};
}

static inline f64x2 f64x2_convert_low_i32x4_s(v128 a)
{
    return (f64x2){(double)((i32x4)a)[0], (double)((i32x4)a)[1]};
}

static inline f64x2 f64x2_promote_low_f32x4(f32x4 a)
{
    return (f64x2){(double)a[0], (double)a[1]};
}

static inline f32x4 f32x4_demote_f64x2_zero(f64x2 a)
{
    return (f32x4){(float)a[0], (float)a[1]};
}

// --- relaxed: nothing is known to be faster than what is the same everywhere ---

#define PLAIN_FAST_UNARY(name_, type_, function_)                                                  \
    static inline v128 fast_##name_(type_ a)                                                       \
    {                                                                                              \
        return function_(a);                                                                       \
    }
#define PLAIN_FAST_BINARY(name_, type_, function_)                                                 \
    static inline v128 fast_##name_(type_ a, type_ b)                                              \
    {                                                                                              \
        return function_(a, b);                                                                    \
    }
#define PLAIN_FAST_LANESELECT(width_)                                                              \
    static inline v128 fast_laneselect_##width_(v128 a, v128 b, v128 mask)                         \
    {                                                                                              \
        return v128_bitselect(a, b, mask);                                                         \
    }

static inline v128 dot_i8x16_s(v128 a, v128 b); // numeric_vector.h

PLAIN_FAST_BINARY(swizzle, v128, i8x16_swizzle)
PLAIN_FAST_UNARY(trunc_f32x4_s, f32x4, i32x4_trunc_sat_f32x4_s)
PLAIN_FAST_UNARY(trunc_f64x2_s_zero, f64x2, i32x4_trunc_sat_f64x2_s_zero)
PLAIN_FAST_BINARY(f32x4_min, f32x4, f32x4_min)
PLAIN_FAST_BINARY(f32x4_max, f32x4, f32x4_max)
PLAIN_FAST_BINARY(f64x2_min, f64x2, f64x2_min)
PLAIN_FAST_BINARY(f64x2_max, f64x2, f64x2_max)
PLAIN_FAST_LANESELECT(8)
PLAIN_FAST_LANESELECT(16)
PLAIN_FAST_LANESELECT(32)
PLAIN_FAST_LANESELECT(64)
PLAIN_FAST_BINARY(q15mulr, v128, i16x8_q15mulr_sat_s)
PLAIN_FAST_BINARY(dot, v128, dot_i8x16_s)

#undef PLAIN_FAST_UNARY
#undef PLAIN_FAST_BINARY
#undef PLAIN_FAST_LANESELECT

static inline u32x4 fast_dot_pairs(v128 a)
{
    return extadd_pairwise_16_s(a);
}
