// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/wasm/relaxed_reference.h"

#include <math.h>
#include <string.h>

#include "tests/unit/wasm/numeric_reference.h"

enum { CHOICES = 4 };

// The operands of one lane, and what it may give. Where there are two alternatives, each stands
// twice.
struct lane {
    const struct vector_case *operands;
    uint32_t width;
    uint32_t index;
    uint64_t alternatives[CHOICES];
    enum opcode computed; // of floats: alternative 0 is any NaN that this may give
};

static uint64_t operand(const struct lane *lane, uint32_t number)
{
    return vector_lane(&lane->operands->vectors[number], lane->width, lane->index);
}

static void two(struct lane *lane, uint64_t first, uint64_t second)
{
    for (uint32_t i = 0; i < CHOICES; i++)
        lane->alternatives[i] = i % 2 == 0 ? first : second;
}

static uint64_t scalar(enum opcode opcode, uint64_t a, uint64_t b)
{
    uint64_t result = 0;

    reference_result(opcode, a, b, &result);
    return result;
}

static bool is_nan(uint64_t bits, uint32_t width)
{
    uint64_t infinity = width == 4 ? UINT64_C(0x7f800000) : UINT64_C(0x7ff0000000000000);
    uint64_t sign = UINT64_C(1) << (8 * width - 1);

    return (bits & ~sign) > infinity;
}

static void swizzle(struct lane *lane)
{
    uint8_t from = (uint8_t)operand(lane, 1);
    uint8_t chosen = lane->operands->vectors[0].bytes[from % 16];

    two(lane, from < 16 ? chosen : 0, from < 128 ? chosen : 0);
}

static void laneselect(struct lane *lane)
{
    uint64_t a = operand(lane, 0), b = operand(lane, 1), mask = operand(lane, 2);

    two(lane, (a & mask) | (b & ~mask), mask >> (8 * lane->width - 1) ? a : b);
}

static void q15mulr(struct lane *lane)
{
    int32_t product = (int16_t)operand(lane, 0) * (int16_t)operand(lane, 1);
    int32_t rounded = (product + 0x4000) >> 15;

    two(lane, (uint16_t)(rounded > INT16_MAX ? INT16_MAX : rounded), (uint16_t)rounded);
}

// `opcode` is the saturating scalar one; only signed ones are asked for.
static void truncate(struct lane *lane, enum opcode opcode, uint32_t source_width)
{
    const struct vector *source = &lane->operands->vectors[0];
    uint64_t bits, saturated;
    double number;

    if (lane->index >= 16 / source_width) {
        two(lane, 0, 0);
        return;
    }
    bits = vector_lane(source, source_width, lane->index);
    saturated = scalar(opcode, bits, 0);
    if (source_width == 4) {
        uint32_t narrow = (uint32_t)bits;
        float value;

        memcpy(&value, &narrow, sizeof value);
        number = (double)value;
    } else {
        memcpy(&number, &bits, sizeof number);
    }
    bool inside = trunc(number) >= -2147483648.0 && trunc(number) <= 2147483647.0;
    two(lane, saturated, inside ? saturated : 0x80000000);
}

static void extreme(struct lane *lane, enum opcode opcode, bool least)
{
    uint64_t a = operand(lane, 0), b = operand(lane, 1);
    uint64_t sign = UINT64_C(1) << (8 * lane->width - 1);

    lane->computed = opcode;
    for (uint32_t i = 0; i < CHOICES; i++)
        lane->alternatives[i] = scalar(opcode, a, b);
    if (is_nan(a, lane->width)) {
        lane->alternatives[1] = a;
        lane->alternatives[2] = lane->alternatives[3] = b;
    } else if (is_nan(b, lane->width)) {
        lane->alternatives[1] = lane->alternatives[3] = a;
        lane->alternatives[2] = b;
    } else if ((a ^ b) == sign && (a & ~sign) == 0) {
        lane->alternatives[1] = a;
        lane->alternatives[2] = b;
        lane->alternatives[3] = least ? sign : 0;
    }
}

// The sum of two products of bytes from `first` on. Choice 1: the second factor is unsigned; choice
// 2: the sum wraps around.
static int32_t pair(const struct lane *lane, uint32_t first, uint32_t choice)
{
    const struct vector *vectors = lane->operands->vectors;
    int32_t sum = 0;

    for (uint32_t i = first; i < first + 2; i++)
        sum += (int8_t)vectors[0].bytes[i] *
               (choice & 1 ? (int32_t)vectors[1].bytes[i] : (int8_t)vectors[1].bytes[i]);
    if (choice & 2)
        return (int16_t)sum;
    return sum > INT16_MAX ? INT16_MAX : sum < INT16_MIN ? INT16_MIN : sum;
}

static void dot(struct lane *lane, bool adds)
{
    for (uint32_t i = 0; i < CHOICES; i++)
        lane->alternatives[i] = adds ? (uint32_t)pair(lane, 4 * lane->index, i) +
                                           (uint32_t)pair(lane, 4 * lane->index + 2, i) +
                                           (uint32_t)operand(lane, 2)
                                     : (uint16_t)pair(lane, 2 * lane->index, i);
    if (adds)
        for (uint32_t i = 0; i < CHOICES; i++)
            lane->alternatives[i] = (uint32_t)lane->alternatives[i];
}

// Fills in the alternatives. False for opcodes that are never anything but deterministic here.
static bool find_alternatives(enum opcode opcode, struct lane *lane)
{
    lane->computed = OPCODE_INVALID;
    switch ((int)opcode) {
    case OPCODE_I8X16_RELAXED_SWIZZLE:
        swizzle(lane);
        return true;
    case OPCODE_I8X16_RELAXED_LANESELECT:
    case OPCODE_I16X8_RELAXED_LANESELECT:
    case OPCODE_I32X4_RELAXED_LANESELECT:
    case OPCODE_I64X2_RELAXED_LANESELECT:
        laneselect(lane);
        return true;
    case OPCODE_I16X8_RELAXED_Q15MULR_S:
        q15mulr(lane);
        return true;
    case OPCODE_I32X4_RELAXED_TRUNC_F32X4_S:
        truncate(lane, OPCODE_I32_TRUNC_SAT_F32_S, 4);
        return true;
    case OPCODE_I32X4_RELAXED_TRUNC_F64X2_S_ZERO:
        truncate(lane, OPCODE_I32_TRUNC_SAT_F64_S, 8);
        return true;
    case OPCODE_F32X4_RELAXED_MIN:
        extreme(lane, OPCODE_F32_MIN, true);
        return true;
    case OPCODE_F32X4_RELAXED_MAX:
        extreme(lane, OPCODE_F32_MAX, false);
        return true;
    case OPCODE_F64X2_RELAXED_MIN:
        extreme(lane, OPCODE_F64_MIN, true);
        return true;
    case OPCODE_F64X2_RELAXED_MAX:
        extreme(lane, OPCODE_F64_MAX, false);
        return true;
    case OPCODE_I16X8_RELAXED_DOT_I8X16_I7X16_S:
        dot(lane, false);
        return true;
    case OPCODE_I32X4_RELAXED_DOT_I8X16_I7X16_ADD_S:
        dot(lane, true);
        return true;
    default:
        return false;
    }
}

static bool is_alternative(const struct lane *lane, uint32_t choice, uint64_t actual)
{
    uint64_t expected = lane->alternatives[choice];

    if (lane->computed != OPCODE_INVALID && choice == 0)
        return reference_allows(lane->computed, operand(lane, 0), operand(lane, 1), expected,
                                actual);
    return actual == expected;
}

uint32_t relaxed_reference_choices(enum opcode opcode, const struct vector_case *operands,
                                   const union vector_result *actual, uint32_t choices)
{
    const char *mnemonic = opcode_info[opcode].mnemonic;
    uint32_t width = strstr(mnemonic, "8x16.")   ? 1u
                     : strstr(mnemonic, "16x8.") ? 2u
                     : strstr(mnemonic, "32x4.") ? 4u
                                                 : 8u;
    union vector_result expected;

    for (uint32_t index = 0; index < 16 / width; index++) {
        struct lane lane = {.operands = operands, .width = width, .index = index};

        if (!find_alternatives(opcode, &lane))
            return vector_reference_allows(opcode, operands, actual, &expected) ? choices : 0;
        for (uint32_t choice = 0; choice < CHOICES; choice++)
            if (!is_alternative(&lane, choice, vector_lane(&actual->vector, width, index)))
                choices &= ~(1u << choice);
    }
    return choices;
}
