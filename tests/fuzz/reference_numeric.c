// SPDX-License-Identifier: Apache-2.0
//
// Numeric instructions (specification: "Numerics"), by the bytes of their opcodes. Written for
// being plain: bit by bit where the engine uses the processor, and in wider types where it tests
// ranges.
#include <math.h>
#include <string.h>

#include "tests/fuzz/reference.h"

#define SIGN_32 0x80000000u
#define SIGN_64 0x8000000000000000u

static float to_f32(uint64_t bits)
{
    uint32_t low = (uint32_t)bits;
    float value;

    memcpy(&value, &low, sizeof value);
    return value;
}

static double to_f64(uint64_t bits)
{
    double value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint64_t f32_result(float value)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof bits);
    return isnan(value) ? SOME_NAN_32 : bits;
}

static uint64_t f64_result(double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof bits);
    return isnan(value) ? SOME_NAN_64 : bits;
}

bool reference_is_unary(uint32_t opcode)
{
    return opcode == 0x45 || opcode == 0x50 || (opcode >= 0x67 && opcode <= 0x69) ||
           (opcode >= 0x79 && opcode <= 0x7b) || (opcode >= 0x8b && opcode <= 0x91) ||
           (opcode >= 0x99 && opcode <= 0x9f) || opcode >= 0xa7;
}

// The ten comparisons in their order, eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u.
static bool compare_integers(uint32_t index, int64_t left, int64_t right, uint64_t left_unsigned,
                             uint64_t right_unsigned)
{
    bool is_signed = index % 2 == 0;
    bool less = is_signed ? left < right : left_unsigned < right_unsigned;
    bool equal = left == right;

    switch (index) {
    case 0:
        return equal;
    case 1:
        return !equal;
    case 2:
    case 3:
        return less;
    case 4:
    case 5:
        return !less && !equal;
    case 6:
    case 7:
        return less || equal;
    default:
        return !less;
    }
}

// eq ne lt gt le ge.
static bool compare_floats(uint32_t index, double left, double right)
{
    bool ordered = !isnan(left) && !isnan(right);

    switch (index) {
    case 0:
        return ordered && left == right;
    case 1:
        return !ordered || left != right;
    case 2:
        return ordered && left < right;
    case 3:
        return ordered && left > right;
    case 4:
        return ordered && left <= right;
    default:
        return ordered && left >= right;
    }
}

static uint64_t count_bits(uint32_t index, uint64_t value, uint32_t width)
{
    uint32_t leading = 0, trailing = 0, ones = 0;

    while (leading < width && !(value >> (width - 1 - leading) & 1))
        leading++;
    while (trailing < width && !(value >> trailing & 1))
        trailing++;
    for (uint32_t i = 0; i < width; i++)
        ones += (uint32_t)(value >> i & 1);
    return index == 0 ? leading : index == 1 ? trailing : ones;
}

static int64_t sign_extend(uint64_t value, uint32_t width)
{
    uint64_t sign = 1ull << (width - 1);
    uint64_t mask = sign | (sign - 1);

    value &= mask;
    return (int64_t)((value ^ sign) - sign);
}

// div_s div_u rem_s rem_u of numbers of `width` bits.
static uint64_t divide(uint32_t index, uint64_t left, uint64_t right, uint32_t width,
                       enum trap_code *fault)
{
    int64_t left_signed = sign_extend(left, width), right_signed = sign_extend(right, width);

    if (right == 0) {
        *fault = TRAP_INTEGER_DIVIDE_BY_ZERO;
        return 0;
    }
    if (index == 1)
        return left / right;
    if (index == 3)
        return left % right;
    if (right_signed == -1) {
        if (index == 0 && left == 1ull << (width - 1))
            *fault = TRAP_INTEGER_OVERFLOW;
        return index == 0 ? 0 - left : 0;
    }
    return index == 0 ? (uint64_t)(left_signed / right_signed)
                      : (uint64_t)(left_signed % right_signed);
}

static uint64_t shift(uint32_t index, uint64_t left, uint64_t right, uint32_t width)
{
    uint32_t count = (uint32_t)(right % width);
    uint64_t result = left;

    for (uint32_t i = 0; i < count; i++) {
        uint64_t top = result >> (width - 1) & 1, bottom = result & 1;
        if (index == 0)
            result = result << 1;
        else if (index == 1)
            result = result >> 1 | top << (width - 1);
        else if (index == 2)
            result = result >> 1;
        else if (index == 3)
            result = result << 1 | top;
        else
            result = result >> 1 | bottom << (width - 1);
        if (width == 32)
            result = (uint32_t)result;
    }
    return result;
}

// clz ctz popcnt add sub mul div_s div_u rem_s rem_u and or xor shl shr_s shr_u rotl rotr.
static uint64_t integer_arithmetic(uint32_t index, uint64_t left, uint64_t right, uint32_t width,
                                   enum trap_code *fault)
{
    uint64_t result;

    if (index < 3)
        return count_bits(index, left, width);
    if (index >= 13)
        return shift(index - 13, left, right, width);
    if (index >= 6 && index <= 9)
        result = divide(index - 6, left, right, width, fault);
    else
        result = index == 3    ? left + right
                 : index == 4  ? left - right
                 : index == 5  ? left * right
                 : index == 10 ? left & right
                 : index == 11 ? left | right
                               : left ^ right;
    return width == 32 ? (uint32_t)result : result;
}

// abs neg, and copysign with the sign in `right`. The sign of an undetermined NaN is that too.
static uint64_t change_sign(uint32_t index, uint64_t left, uint64_t right, uint64_t sign,
                            uint64_t some_nan, enum trap_code *fault)
{
    if (index == 13 && right == some_nan)
        *fault = TRAP_COUNT;
    if (left == some_nan)
        return left;
    return index == 0 ? left & ~sign : index == 1 ? left ^ sign : (left & ~sign) | (right & sign);
}

// abs neg ceil floor trunc nearest sqrt add sub mul div min max copysign.
static uint64_t f32_arithmetic(uint32_t index, uint64_t left, uint64_t right, enum trap_code *fault)
{
    float a = to_f32(left), b = to_f32(right);

    switch (index) {
    case 2:
        return f32_result(ceilf(a));
    case 3:
        return f32_result(floorf(a));
    case 4:
        return f32_result(truncf(a));
    case 5:
        return f32_result(nearbyintf(a));
    case 6:
        return f32_result(sqrtf(a));
    case 7:
        return f32_result(a + b);
    case 8:
        return f32_result(a - b);
    case 9:
        return f32_result(a * b);
    case 10:
        return f32_result(a / b);
    case 11:
    case 12:
        if (isnan(a) || isnan(b))
            return SOME_NAN_32;
        if (a == b) // zeros of two signs, or all the same
            return index == 11 ? left | right : left & right;
        return (index == 11) == (a < b) ? left : right;
    default:
        return change_sign(index, left, right, SIGN_32, SOME_NAN_32, fault);
    }
}

static uint64_t f64_arithmetic(uint32_t index, uint64_t left, uint64_t right, enum trap_code *fault)
{
    double a = to_f64(left), b = to_f64(right);

    switch (index) {
    case 2:
        return f64_result(ceil(a));
    case 3:
        return f64_result(floor(a));
    case 4:
        return f64_result(trunc(a));
    case 5:
        return f64_result(nearbyint(a));
    case 6:
        return f64_result(sqrt(a));
    case 7:
        return f64_result(a + b);
    case 8:
        return f64_result(a - b);
    case 9:
        return f64_result(a * b);
    case 10:
        return f64_result(a / b);
    case 11:
    case 12:
        if (isnan(a) || isnan(b))
            return SOME_NAN_64;
        if (a == b)
            return index == 11 ? left | right : left & right;
        return (index == 11) == (a < b) ? left : right;
    default:
        return change_sign(index, left, right, SIGN_64, SOME_NAN_64, fault);
    }
}

// To an integer of `width` bits; what does not fit traps or, saturating, becomes the nearest.
static uint64_t truncate(double value, uint32_t width, bool is_signed, bool saturating,
                         enum trap_code *fault)
{
    double whole = trunc(value);
    double above = ldexp(1.0, (int)width - (is_signed ? 1 : 0));
    double below = is_signed ? -above : 0.0; // the least that fits
    uint64_t most = is_signed ? (1ull << (width - 1)) - 1 : width == 32 ? UINT32_MAX : UINT64_MAX;
    uint64_t least = is_signed ? 1ull << (width - 1) : 0;

    if (isnan(value)) {
        *fault = saturating ? TRAP_NONE : TRAP_INVALID_CONVERSION;
        return 0;
    }
    if (whole >= below && whole < above) {
        uint64_t bits = whole < 0 ? 0 - (uint64_t)-whole : (uint64_t)whole;
        return width == 32 ? (uint32_t)bits : bits;
    }
    *fault = saturating ? TRAP_NONE : TRAP_INTEGER_OVERFLOW;
    return whole < below ? least : most;
}

// 0xa7 to 0xbf, and the saturating truncations.
static uint64_t convert(uint32_t opcode, uint64_t a, enum trap_code *fault)
{
    switch (opcode) {
    case 0xa7: // i32.wrap_i64
        return (uint32_t)a;
    case 0xac: // i64.extend_i32_s
        return (uint64_t)sign_extend(a, 32);
    case 0xad: // i64.extend_i32_u
        return (uint32_t)a;
    case 0xb2: // f32.convert_i32_s
        return f32_result((float)sign_extend(a, 32));
    case 0xb3:
        return f32_result((float)(uint32_t)a);
    case 0xb4:
        return f32_result((float)(int64_t)a);
    case 0xb5:
        return f32_result((float)a);
    case 0xb6: // f32.demote_f64
        return f32_result((float)to_f64(a));
    case 0xb7: // f64.convert_i32_s
        return f64_result((double)sign_extend(a, 32));
    case 0xb8:
        return f64_result((double)(uint32_t)a);
    case 0xb9:
        return f64_result((double)(int64_t)a);
    case 0xba:
        return f64_result((double)a);
    case 0xbb: // f64.promote_f32
        return f64_result((double)to_f32(a));
    case 0xbc: // reinterpretations to integers: here a NaN shows
        *fault = a == SOME_NAN_32 ? TRAP_COUNT : TRAP_NONE;
        return a;
    case 0xbd:
        *fault = a == SOME_NAN_64 ? TRAP_COUNT : TRAP_NONE;
        return a;
    default: // reinterpretations to floats
        return a;
    }
}

// 0xa8 to 0xab, 0xae to 0xb1, 0x100 to 0x107: i32 then i64, of f32_s f32_u f64_s f64_u.
static bool find_truncation(uint32_t opcode, uint32_t *index)
{
    if (opcode >= 0xa8 && opcode <= 0xab)
        *index = opcode - 0xa8;
    else if (opcode >= 0xae && opcode <= 0xb1)
        *index = 4 + opcode - 0xae;
    else if (opcode >= 0x100)
        *index = opcode - 0x100;
    else
        return false;
    return true;
}

uint64_t reference_numeric(uint32_t opcode, uint64_t left, uint64_t right, enum trap_code *fault)
{
    static const uint8_t extensions[] = {8, 16, 8, 16, 32};
    uint32_t index;

    *fault = TRAP_NONE;
    if (find_truncation(opcode, &index))
        return truncate(index % 4 < 2 ? (double)to_f32(left) : to_f64(left), index < 4 ? 32 : 64,
                        index % 2 == 0, opcode >= 0x100, fault);
    if (opcode == 0x45 || opcode == 0x50)
        return left == 0;
    if (opcode <= 0x4f)
        return compare_integers(opcode - 0x46, sign_extend(left, 32), sign_extend(right, 32), left,
                                right);
    if (opcode <= 0x5a)
        return compare_integers(opcode - 0x51, (int64_t)left, (int64_t)right, left, right);
    if (opcode <= 0x60)
        return compare_floats(opcode - 0x5b, (double)to_f32(left), (double)to_f32(right));
    if (opcode <= 0x66)
        return compare_floats(opcode - 0x61, to_f64(left), to_f64(right));
    if (opcode <= 0x78)
        return integer_arithmetic(opcode - 0x67, left, right, 32, fault);
    if (opcode <= 0x8a)
        return integer_arithmetic(opcode - 0x79, left, right, 64, fault);
    if (opcode <= 0x98)
        return f32_arithmetic(opcode - 0x8b, left, right, fault);
    if (opcode <= 0xa6)
        return f64_arithmetic(opcode - 0x99, left, right, fault);
    if (opcode <= 0xbf)
        return convert(opcode, left, fault);
    uint64_t extended = (uint64_t)sign_extend(left, extensions[opcode - 0xc0]);
    return opcode <= 0xc1 ? (uint32_t)extended : extended;
}
