// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/wasm/numeric_reference.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

typedef __int128 wide;

static uint64_t mask_of(uint32_t bits)
{
    return bits == 64 ? UINT64_MAX : ((uint64_t)1 << bits) - 1;
}

// The signed integer that the low bits stand for.
static int64_t signed_of(uint64_t value, uint32_t bits)
{
    wide wide_value = value & mask_of(bits);

    if (value >> (bits - 1) & 1)
        wide_value -= (wide)1 << bits;
    return (int64_t)wide_value;
}

static double f64_of(uint64_t bits)
{
    double value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint64_t bits_of_f64(double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static float f32_of(uint64_t bits)
{
    uint32_t low = (uint32_t)bits;
    float value;

    memcpy(&value, &low, sizeof value);
    return value;
}

static uint64_t bits_of_f32(float value)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof bits);
    return bits;
}

// --- integers ---

static uint64_t count_bits(uint64_t value, uint32_t bits, bool from_top, bool all)
{
    uint64_t count = 0;

    for (uint32_t i = 0; i < bits; i++) {
        bool bit = value >> (from_top ? bits - 1 - i : i) & 1;
        if (all)
            count += bit;
        else if (bit)
            return i;
        else
            count++;
    }
    return count;
}

static enum trap_code divide(uint32_t kind, uint32_t bits, uint64_t a, uint64_t b, uint64_t *result)
{
    bool is_signed = kind % 2 == 0;
    wide left = is_signed ? signed_of(a, bits) : (wide)a;
    wide right = is_signed ? signed_of(b, bits) : (wide)b;

    if (right == 0)
        return TRAP_INTEGER_DIVIDE_BY_ZERO;
    if (kind < 2 && is_signed && left / right == (wide)1 << (bits - 1))
        return TRAP_INTEGER_OVERFLOW;
    *result = (uint64_t)(kind < 2 ? left / right : left % right) & mask_of(bits);
    return TRAP_NONE;
}

static uint64_t rotate_left(uint64_t value, uint32_t bits, uint32_t by)
{
    for (uint32_t i = 0; i < by; i++)
        value = (value << 1 | value >> (bits - 1)) & mask_of(bits);
    return value;
}

// In the order of opcodes, from clz.
static enum trap_code integer(uint32_t place, uint32_t bits, uint64_t a, uint64_t b,
                              uint64_t *result)
{
    uint32_t by = (uint32_t)(b % bits);
    uint64_t value = 0;

    if (place >= 6 && place < 10)
        return divide(place - 6, bits, a, b, result);
    switch (place) {
    case 0: // clz
    case 1: // ctz
    case 2: // popcnt
        value = count_bits(a, bits, place == 0, place == 2);
        break;
    case 3:
        value = a + b;
        break;
    case 4:
        value = a + ~b + 1;
        break;
    case 5:
        value = (uint64_t)((unsigned __int128)a * b);
        break;
    case 10:
        value = ~(~a | ~b);
        break;
    case 11:
        value = ~(~a & ~b);
        break;
    case 12:
        value = (a & ~b) | (~a & b);
        break;
    case 13: // shl
        value = (uint64_t)((unsigned __int128)a * ((unsigned __int128)1 << by));
        break;
    case 14: // shr_s, floor division
        for (value = a; by > 0; by--)
            value = value >> 1 | (value & (uint64_t)1 << (bits - 1));
        break;
    case 15: // shr_u
        value = by == 0 ? a : (a >> 1) / ((uint64_t)1 << (by - 1));
        break;
    case 16:
        value = rotate_left(a, bits, by);
        break;
    default:
        value = rotate_left(a, bits, bits - by);
        break;
    }
    *result = value & mask_of(bits);
    return TRAP_NONE;
}

// In the order of opcodes, from eqz.
static bool compare_integers(uint32_t place, uint32_t bits, uint64_t a, uint64_t b)
{
    wide left = place % 2 == 1 ? signed_of(a, bits) : (wide)a;
    wide right = place % 2 == 1 ? signed_of(b, bits) : (wide)b;

    switch (place) {
    case 0:
        return a == 0;
    case 1:
        return !(a ^ b);
    case 2:
        return (a ^ b) != 0;
    case 3:
    case 4:
        return left - right < 0;
    case 5:
    case 6:
        return left - right > 0;
    case 7:
    case 8:
        return !(left - right > 0);
    default:
        return !(left - right < 0);
    }
}

// --- floats ---

// In the order of opcodes, from eq.
static bool compare_floats(uint32_t place, double a, double b)
{
    bool unordered = isnan(a) || isnan(b);

    switch (place) {
    case 0:
        return !unordered && !isless(a, b) && !isgreater(a, b);
    case 1:
        return unordered || isless(a, b) || isgreater(a, b);
    case 2:
        return isless(a, b) != 0;
    case 3:
        return isgreater(a, b) != 0;
    case 4:
        return !unordered && !isgreater(a, b);
    default:
        return !unordered && !isless(a, b);
    }
}

// ceil, floor, trunc, nearest.
static double round_by_hand(uint32_t place, double a)
{
    double whole, rest;

    if (isnan(a) || fabs(a) >= 4503599627370496.0)
        return a + 0.0;
    whole = (double)(int64_t)a;
    rest = a - whole; // of the sign of a
    if (place == 0 && rest > 0)
        whole += 1;
    else if (place == 1 && rest < 0)
        whole -= 1;
    else if (place == 3 && (fabs(rest) > 0.5 || (fabs(rest) == 0.5 && (int64_t)whole % 2 != 0)))
        whole += a < 0 ? -1 : 1;
    return copysign(whole, a);
}

static double smaller_or_larger(double a, double b, bool smaller)
{
    if (isnan(a) || isnan(b))
        return (double)NAN;
    if (a == b)
        return (signbit(a) != 0) == smaller ? a : b;
    return (a < b) == smaller ? a : b;
}

// Arithmetic in the order of opcodes, from ceil to max. For f32 in f64, which has more than twice
// the digits: rounding twice is rounding once.
static double arithmetic(uint32_t place, double a, double b)
{
    volatile double left = a, right = b;

    switch (place) {
    case 6:
        return sqrt(left);
    case 7:
        return left + right;
    case 8:
        return left - right;
    case 9:
        return left * right;
    case 10:
        return left / right;
    case 11:
    case 12:
        return smaller_or_larger(left, right, place == 11);
    default:
        return round_by_hand(place - 2, left);
    }
}

// In the order of opcodes, from abs.
static uint64_t floating(uint32_t place, uint32_t bits, uint64_t a, uint64_t b)
{
    uint64_t sign = (uint64_t)1 << (bits - 1);

    if (place == 0)
        return a & ~sign;
    if (place == 1)
        return a ^ sign;
    if (place == 13)
        return (a & ~sign) | (b & sign);
    if (bits == 32)
        return bits_of_f32((float)arithmetic(place, (double)f32_of(a), (double)f32_of(b)));
    return bits_of_f64(arithmetic(place, f64_of(a), f64_of(b)));
}

// --- conversions ---

// The nearest float with so many digits, ties to even.
static double round_integer(uint64_t magnitude, bool negative, int digits)
{
    int exponent = 0;
    uint64_t lost = 0, half;

    while (magnitude >> digits) {
        lost |= (magnitude & 1) << exponent;
        magnitude >>= 1;
        exponent++;
    }
    half = exponent == 0 ? 0 : (uint64_t)1 << (exponent - 1);
    if (exponent != 0 && (lost > half || (lost == half && magnitude % 2 != 0)))
        magnitude++;
    double value = ldexp((double)magnitude, exponent);
    return negative ? -value : value;
}

static double convert(uint64_t value, uint32_t bits, bool is_signed, int digits)
{
    bool negative = is_signed && signed_of(value, bits) < 0;
    uint64_t magnitude = negative ? (~value + 1) & mask_of(bits) : value;

    // 0 has no sign.
    return round_integer(magnitude, negative && magnitude != 0, digits);
}

static enum trap_code truncate(double a, uint32_t bits, bool is_signed, bool saturate,
                               uint64_t *result)
{
    double low = is_signed ? -ldexp(1, (int)bits - 1) : 0, high = ldexp(1, (int)(bits - is_signed));
    double whole = isnan(a) || isinf(a) ? a : round_by_hand(2, a);

    *result = 0;
    if (isnan(a))
        return saturate ? TRAP_NONE : TRAP_INVALID_CONVERSION;
    if (!(whole < low) && whole < high) {
        wide exact = (wide)whole;
        *result = (uint64_t)exact & mask_of(bits);
        return TRAP_NONE;
    }
    if (!saturate)
        return TRAP_INTEGER_OVERFLOW;
    if (whole < low)
        *result = is_signed ? (uint64_t)1 << (bits - 1) : 0;
    else
        *result = mask_of(bits - is_signed);
    return TRAP_NONE;
}

// A row for each truncation and each conversion of an integer.
struct conversion {
    uint16_t opcode;
    uint8_t from; // bits
    uint8_t to;
    bool is_signed;
    bool saturate;
    bool truncates;
};

#define TRUNCATION(to_, from_, letter_, signed_)                                                   \
    {OPCODE_I##to_##_TRUNC_F##from_##_##letter_, from_, to_, signed_, false, true},                \
    {                                                                                              \
        OPCODE_I##to_##_TRUNC_SAT_F##from_##_##letter_, from_, to_, signed_, true, true            \
    }
#define CONVERSION(to_, from_, letter_, signed_)                                                   \
    {                                                                                              \
        OPCODE_F##to_##_CONVERT_I##from_##_##letter_, from_, to_, signed_, false, false            \
    }

static const struct conversion conversions[] = {
    TRUNCATION(32, 32, S, true),  TRUNCATION(32, 32, U, false), TRUNCATION(32, 64, S, true),
    TRUNCATION(32, 64, U, false), TRUNCATION(64, 32, S, true),  TRUNCATION(64, 32, U, false),
    TRUNCATION(64, 64, S, true),  TRUNCATION(64, 64, U, false), CONVERSION(32, 32, S, true),
    CONVERSION(32, 32, U, false), CONVERSION(32, 64, S, true),  CONVERSION(32, 64, U, false),
    CONVERSION(64, 32, S, true),  CONVERSION(64, 32, U, false), CONVERSION(64, 64, S, true),
    CONVERSION(64, 64, U, false),
};

static const struct conversion *find_conversion(enum opcode opcode)
{
    for (size_t i = 0; i < sizeof conversions / sizeof conversions[0]; i++)
        if (conversions[i].opcode == opcode)
            return &conversions[i];
    return NULL;
}

static enum trap_code convert_by(const struct conversion *row, uint64_t a, uint64_t *result)
{
    if (row->truncates)
        return truncate(row->from == 32 ? (double)f32_of(a) : f64_of(a), row->to, row->is_signed,
                        row->saturate, result);
    double value = convert(a, row->from, row->is_signed, row->to == 32 ? 24 : 53);
    *result = row->to == 32 ? bits_of_f32((float)value) : bits_of_f64(value);
    return TRAP_NONE;
}

// What is not in a row or in a run of opcodes; false if there is no such thing.
static bool single(enum opcode opcode, uint64_t a, uint64_t *result)
{
    uint64_t unused = 0;

    result = result ? result : &unused;
    if (opcode == OPCODE_I32_EXTEND8_S)
        *result = (uint64_t)signed_of(a, 8) & UINT32_MAX;
    else if (opcode == OPCODE_I32_EXTEND16_S)
        *result = (uint64_t)signed_of(a, 16) & UINT32_MAX;
    else if (opcode == OPCODE_I64_EXTEND8_S)
        *result = (uint64_t)signed_of(a, 8);
    else if (opcode == OPCODE_I64_EXTEND16_S)
        *result = (uint64_t)signed_of(a, 16);
    else if (opcode == OPCODE_I64_EXTEND32_S || opcode == OPCODE_I64_EXTEND_I32_S)
        *result = (uint64_t)signed_of(a, 32);
    else if (opcode == OPCODE_I64_EXTEND_I32_U || opcode == OPCODE_I32_WRAP_I64)
        *result = a & UINT32_MAX;
    else if (opcode >= OPCODE_I32_REINTERPRET_F32 && opcode <= OPCODE_F64_REINTERPRET_I64)
        *result = a;
    else if (opcode == OPCODE_F32_DEMOTE_F64)
        *result = bits_of_f32((float)f64_of(a));
    else if (opcode == OPCODE_F64_PROMOTE_F32)
        *result = bits_of_f64((double)f32_of(a));
    else
        return false;
    return true;
}

// --- all ---

static bool between(enum opcode opcode, enum opcode first, enum opcode last)
{
    return opcode >= first && opcode <= last;
}

bool reference_has(enum opcode opcode)
{
    return between(opcode, OPCODE_I32_EQZ, OPCODE_F64_COPYSIGN) || find_conversion(opcode) ||
           single(opcode, 0, NULL);
}

enum trap_code reference_result(enum opcode opcode, uint64_t a, uint64_t b, uint64_t *result)
{
    const struct conversion *conversion = find_conversion(opcode);

    if (conversion)
        return convert_by(conversion, a, result);
    if (single(opcode, a, result))
        return TRAP_NONE;
    if (between(opcode, OPCODE_I32_CLZ, OPCODE_I32_ROTR))
        return integer(opcode - OPCODE_I32_CLZ, 32, a, b, result);
    if (between(opcode, OPCODE_I64_CLZ, OPCODE_I64_ROTR))
        return integer(opcode - OPCODE_I64_CLZ, 64, a, b, result);
    if (between(opcode, OPCODE_I32_EQZ, OPCODE_I32_GE_U))
        *result = compare_integers(opcode - OPCODE_I32_EQZ, 32, a, b);
    else if (between(opcode, OPCODE_I64_EQZ, OPCODE_I64_GE_U))
        *result = compare_integers(opcode - OPCODE_I64_EQZ, 64, a, b);
    else if (between(opcode, OPCODE_F32_EQ, OPCODE_F32_GE))
        *result = compare_floats(opcode - OPCODE_F32_EQ, (double)f32_of(a), (double)f32_of(b));
    else if (between(opcode, OPCODE_F64_EQ, OPCODE_F64_GE))
        *result = compare_floats(opcode - OPCODE_F64_EQ, f64_of(a), f64_of(b));
    else if (between(opcode, OPCODE_F32_ABS, OPCODE_F32_COPYSIGN))
        *result = floating(opcode - OPCODE_F32_ABS, 32, a, b);
    else
        *result = floating(opcode - OPCODE_F64_ABS, 64, a, b);
    return TRAP_NONE;
}

static const uint64_t quiet_bit[] = {0x400000, 0x8000000000000};

static bool is_nan(char letter, uint64_t bits)
{
    return (letter == 'f' && isnan(f32_of(bits))) || (letter == 'F' && isnan(f64_of(bits)));
}

static bool is_canonical(char letter, uint64_t bits)
{
    return letter == 'f' ? (bits & 0x7fffff) == quiet_bit[0]
                         : (bits & 0xfffffffffffff) == quiet_bit[1];
}

bool reference_allows(enum opcode opcode, uint64_t a, uint64_t b, uint64_t expected,
                      uint64_t actual)
{
    const struct opcode_info *info = &opcode_info[opcode];
    char result = info->signature[info->parameter_count + 1];
    bool canonical = true;
    bool exact = opcode == OPCODE_F32_ABS || opcode == OPCODE_F64_ABS || opcode == OPCODE_F32_NEG ||
                 opcode == OPCODE_F64_NEG || opcode == OPCODE_F32_COPYSIGN ||
                 opcode == OPCODE_F64_COPYSIGN || opcode == OPCODE_F32_REINTERPRET_I32 ||
                 opcode == OPCODE_F64_REINTERPRET_I64;

    if (exact || !is_nan(result, expected))
        return expected == actual;
    for (int i = 0; i < info->parameter_count; i++) {
        uint64_t operand = i == 0 ? a : b;
        if (is_nan(info->signature[i], operand) && !is_canonical(info->signature[i], operand))
            canonical = false;
    }
    return is_nan(result, actual) && (actual & quiet_bit[result == 'F']) != 0 &&
           (!canonical || is_canonical(result, actual));
}
