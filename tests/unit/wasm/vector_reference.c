// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/wasm/vector_reference.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/wasm/numeric_reference.h"

typedef __int128 wide;

enum { NAME_SIZE = 40 };

// A mnemonic taken apart: "i32x4.trunc_sat_f64x2_u_zero" is the operation trunc_sat on lanes of 4
// bytes from float lanes of 8, unsigned.
struct parts {
    bool is_float;
    uint32_t width; // bytes of a lane
    char operation[NAME_SIZE];
    bool is_unsigned;
    bool source_is_float;
    uint32_t source_width; // the same as width where the mnemonic names no source
    bool adds;             // relaxed_dot_..._add
};

struct call {
    const struct parts *parts;
    const struct vector_case *operands;
    union vector_result *result;
};

/* Lanes. */

uint64_t vector_lane(const struct vector *vector, uint32_t width, uint32_t index)
{
    uint64_t bits = 0;

    memcpy(&bits, vector->bytes + index * width, width);
    return bits;
}

void vector_set_lane(struct vector *vector, uint32_t width, uint32_t index, uint64_t bits)
{
    memcpy(vector->bytes + index * width, &bits, width);
}

static wide number(uint64_t bits, uint32_t width, bool is_unsigned)
{
    wide limit = (wide)1 << 8 * width;

    return !is_unsigned && bits >> (8 * width - 1) != 0 ? (wide)bits - limit : (wide)bits;
}

// Of the operand of that number, as wide and signed as the source.
static wide source(const struct call *call, uint32_t operand, uint32_t index)
{
    uint32_t width = call->parts->source_width;

    return number(vector_lane(&call->operands->vectors[operand], width, index), width,
                  call->parts->is_unsigned);
}

static void put(const struct call *call, uint32_t index, wide value)
{
    vector_set_lane(&call->result->vector, call->parts->width, index, (uint64_t)value);
}

static uint32_t lanes_of(const struct call *call)
{
    return 16 / call->parts->width;
}

static wide clamp(wide value, uint32_t width, bool is_unsigned)
{
    wide least = is_unsigned ? 0 : -((wide)1 << (8 * width - 1));
    wide greatest = ((wide)1 << (8 * width - !is_unsigned)) - 1;

    return value < least ? least : value > greatest ? greatest : value;
}

/* Integers. */

static wide combine(const struct parts *parts, wide a, wide b)
{
    const char *operation = parts->operation;
    wide truth = -1;

    if (strcmp(operation, "add") == 0)
        return a + b;
    if (strcmp(operation, "sub") == 0)
        return a - b;
    if (strcmp(operation, "mul") == 0)
        return a * b;
    if (strcmp(operation, "add_sat") == 0)
        return clamp(a + b, parts->width, parts->is_unsigned);
    if (strcmp(operation, "sub_sat") == 0)
        return clamp(a - b, parts->width, parts->is_unsigned);
    if (strcmp(operation, "min") == 0)
        return a < b ? a : b;
    if (strcmp(operation, "max") == 0)
        return a > b ? a : b;
    if (strcmp(operation, "avgr") == 0)
        return (a + b + 1) / 2;
    if (strcmp(operation, "q15mulr_sat") == 0 || strcmp(operation, "relaxed_q15mulr") == 0)
        return clamp((a * b + 0x4000) >> 15, 2, false);
    if (strcmp(operation, "eq") == 0)
        return a == b ? truth : 0;
    if (strcmp(operation, "ne") == 0)
        return a != b ? truth : 0;
    if (strcmp(operation, "lt") == 0)
        return a < b ? truth : 0;
    if (strcmp(operation, "gt") == 0)
        return a > b ? truth : 0;
    if (strcmp(operation, "le") == 0)
        return a <= b ? truth : 0;
    if (strcmp(operation, "ge") == 0)
        return a >= b ? truth : 0;
    abort();
}

static void lanes_binary(const struct call *call)
{
    for (uint32_t i = 0; i < lanes_of(call); i++)
        put(call, i, combine(call->parts, source(call, 0, i), source(call, 1, i)));
}

static void lanes_abs(const struct call *call)
{
    for (uint32_t i = 0; i < lanes_of(call); i++)
        put(call, i, source(call, 0, i) < 0 ? -source(call, 0, i) : source(call, 0, i));
}

static void lanes_neg(const struct call *call)
{
    for (uint32_t i = 0; i < lanes_of(call); i++)
        put(call, i, -source(call, 0, i));
}

static void lanes_popcnt(const struct call *call)
{
    for (uint32_t i = 0; i < 16; i++) {
        uint8_t byte = call->operands->vectors[0].bytes[i];
        int ones = 0;

        for (; byte != 0; byte &= (uint8_t)(byte - 1))
            ones++;
        put(call, i, ones);
    }
}

static void lanes_shift(const struct call *call)
{
    uint32_t count = (uint32_t)call->operands->scalar % (8 * call->parts->width);
    bool left = strcmp(call->parts->operation, "shl") == 0;

    for (uint32_t i = 0; i < lanes_of(call); i++) {
        wide value = source(call, 0, i);
        put(call, i, left ? (wide)((unsigned __int128)value << count) : value >> count);
    }
}

static bool is_high(const struct call *call)
{
    return strstr(call->parts->operation, "_high") != NULL;
}

static void lanes_extend(const struct call *call)
{
    for (uint32_t i = 0; i < lanes_of(call); i++)
        put(call, i, source(call, 0, i + (is_high(call) ? lanes_of(call) : 0)));
}

static void lanes_extmul(const struct call *call)
{
    for (uint32_t i = 0; i < lanes_of(call); i++) {
        uint32_t from = i + (is_high(call) ? lanes_of(call) : 0);
        put(call, i, source(call, 0, from) * source(call, 1, from));
    }
}

static void lanes_extadd(const struct call *call)
{
    for (uint32_t i = 0; i < lanes_of(call); i++)
        put(call, i, source(call, 0, 2 * i) + source(call, 0, 2 * i + 1));
}

static wide dot(const struct call *call, uint32_t pair)
{
    return source(call, 0, 2 * pair) * source(call, 1, 2 * pair) +
           source(call, 0, 2 * pair + 1) * source(call, 1, 2 * pair + 1);
}

static void lanes_dot(const struct call *call)
{
    for (uint32_t i = 0; i < lanes_of(call); i++)
        put(call, i, dot(call, i));
}

static void lanes_relaxed_dot(const struct call *call)
{
    for (uint32_t i = 0; i < lanes_of(call); i++) {
        if (!call->parts->adds) {
            put(call, i, clamp(dot(call, i), 2, false));
            continue;
        }
        wide third = number(vector_lane(&call->operands->vectors[2], 4, i), 4, false);
        put(call, i,
            clamp(dot(call, 2 * i), 2, false) + clamp(dot(call, 2 * i + 1), 2, false) + third);
    }
}

// The source is signed in any case.
static void lanes_narrow(const struct call *call)
{
    uint32_t width = call->parts->source_width, half = lanes_of(call) / 2;

    for (uint32_t i = 0; i < lanes_of(call); i++) {
        uint64_t bits = vector_lane(&call->operands->vectors[i / half], width, i % half);
        put(call, i,
            clamp(number(bits, width, false), call->parts->width, call->parts->is_unsigned));
    }
}

/* Bits, bytes and lanes. */

static void bits_all(const struct call *call)
{
    const struct vector *vectors = call->operands->vectors;
    const char *operation = call->parts->operation;

    for (uint32_t i = 0; i < 128; i++) {
        uint32_t a = vectors[0].bytes[i / 8] >> i % 8 & 1, b = vectors[1].bytes[i / 8] >> i % 8 & 1;
        uint32_t c = vectors[2].bytes[i / 8] >> i % 8 & 1, bit = c != 0 ? a : b;

        if (strcmp(operation, "not") == 0)
            bit = !a;
        else if (strcmp(operation, "and") == 0)
            bit = a && b;
        else if (strcmp(operation, "andnot") == 0)
            bit = a && !b;
        else if (strcmp(operation, "or") == 0)
            bit = a || b;
        else if (strcmp(operation, "xor") == 0)
            bit = a != b;
        call->result->vector.bytes[i / 8] |= (uint8_t)(bit << i % 8);
    }
}

static void test_lanes(const struct call *call)
{
    const char *operation = call->parts->operation;
    bool any = false, all = true;
    uint64_t mask = 0;

    for (uint32_t i = 0; i < lanes_of(call); i++) {
        wide value = source(call, 0, i);
        any |= value != 0;
        all &= value != 0;
        mask |= (uint64_t)(value < 0) << i;
    }
    call->result->scalar = strcmp(operation, "bitmask") == 0    ? mask
                           : strcmp(operation, "all_true") == 0 ? all
                                                                : any;
}

static void bytes_swizzle(const struct call *call)
{
    for (uint32_t i = 0; i < 16; i++) {
        uint8_t index = call->operands->vectors[1].bytes[i];
        put(call, i, index < 16 ? call->operands->vectors[0].bytes[index] : 0);
    }
}

static void bytes_shuffle(const struct call *call)
{
    for (uint32_t i = 0; i < 16; i++) {
        uint8_t index = call->operands->lanes[i];
        put(call, i, call->operands->vectors[index / 16].bytes[index % 16]);
    }
}

static void lanes_splat(const struct call *call)
{
    for (uint32_t i = 0; i < lanes_of(call); i++)
        put(call, i, (wide)call->operands->scalar);
}

static void extract_lane(const struct call *call)
{
    wide value = source(call, 0, call->operands->lane);

    call->result->scalar = call->parts->width < 8 ? (uint32_t)value : (uint64_t)value;
    if (call->parts->is_float)
        call->result->scalar =
            vector_lane(&call->operands->vectors[0], call->parts->width, call->operands->lane);
}

static void replace_lane(const struct call *call)
{
    call->result->vector = call->operands->vectors[0];
    put(call, call->operands->lane, (wide)call->operands->scalar);
}

/* Floats, by the scalar instruction of that name. */

static enum opcode opcode_named(const char *mnemonic)
{
    for (uint32_t i = 0; i < OPCODE_COUNT; i++)
        if (strcmp(opcode_info[i].mnemonic, mnemonic) == 0 && opcode_info[i].page != 0xFB)
            return (enum opcode)i;
    abort();
}

static uint64_t scalar_result(const char *mnemonic, uint64_t a, uint64_t b)
{
    static char last[NAME_SIZE];
    static enum opcode opcode;
    uint64_t result = 0;

    if (strcmp(last, mnemonic) != 0) {
        snprintf(last, sizeof last, "%s", mnemonic);
        opcode = opcode_named(mnemonic);
    }
    if (reference_result(opcode, a, b, &result) != TRAP_NONE)
        abort();
    return result;
}

static uint64_t float_result(const struct parts *parts, const char *operation, uint64_t a,
                             uint64_t b)
{
    char mnemonic[NAME_SIZE + 8];

    snprintf(mnemonic, sizeof mnemonic, "f%u.%s", 8 * parts->width, operation);
    return scalar_result(mnemonic, a, b);
}

static uint64_t float_source(const struct call *call, uint32_t operand, uint32_t index)
{
    return vector_lane(&call->operands->vectors[operand], call->parts->source_width, index);
}

static void float_lanes(const struct call *call)
{
    const char *operation = call->parts->operation;
    bool compares = strlen(operation) == 2; // eq, ne, ...

    if (strncmp(operation, "relaxed_", 8) == 0) // min, max
        operation += 8;
    for (uint32_t i = 0; i < lanes_of(call); i++) {
        uint64_t result = float_result(call->parts, operation, float_source(call, 0, i),
                                       float_source(call, 1, i));
        put(call, i, compares ? -(wide)result : (wide)result);
    }
}

static void float_pseudo_minimum(const struct call *call)
{
    bool least = strcmp(call->parts->operation, "pmin") == 0;

    for (uint32_t i = 0; i < lanes_of(call); i++) {
        uint64_t a = float_source(call, 0, i), b = float_source(call, 1, i);
        uint64_t second =
            least ? float_result(call->parts, "lt", b, a) : float_result(call->parts, "lt", a, b);
        put(call, i, (wide)(second != 0 ? b : a));
    }
}

static void float_multiply_add(const struct call *call)
{
    bool negated = strcmp(call->parts->operation, "relaxed_nmadd") == 0;

    for (uint32_t i = 0; i < lanes_of(call); i++) {
        uint64_t a = float_source(call, 0, i);
        if (negated)
            a = float_result(call->parts, "neg", a, 0);
        uint64_t product = float_result(call->parts, "mul", a, float_source(call, 1, i));
        put(call, i, (wide)float_result(call->parts, "add", product, float_source(call, 2, i)));
    }
}

/* Conversions, by the scalar instruction: of as many lanes as both shapes have. */

static void convert(const struct call *call)
{
    const struct parts *parts = call->parts;
    uint32_t from = 16 / parts->source_width;
    uint32_t count = from < lanes_of(call) ? from : lanes_of(call);
    char mnemonic[2 * NAME_SIZE], operation[NAME_SIZE];

    snprintf(operation, sizeof operation, "%s", parts->operation);
    if (strcmp(operation, "relaxed_trunc") == 0)
        strcpy(operation, "trunc_sat");
    if (strstr(operation, "_low") != NULL)
        *strstr(operation, "_low") = '\0';
    snprintf(mnemonic, sizeof mnemonic, "%c%u.%s_%c%u%s", parts->is_float ? 'f' : 'i',
             8 * parts->width, operation, parts->source_is_float ? 'f' : 'i',
             8 * parts->source_width,
             parts->is_float && parts->source_is_float ? ""
             : parts->is_unsigned                      ? "_u"
                                                       : "_s");
    for (uint32_t i = 0; i < count; i++)
        put(call, i, (wide)scalar_result(mnemonic, float_source(call, 0, i), 0));
}

/* Which function computes an operation. */

static const struct row {
    const char *operation;
    void (*of_integers)(const struct call *call);
    void (*of_floats)(const struct call *call);
} rows[] = {
    {"abs", lanes_abs, float_lanes},
    {"add", lanes_binary, float_lanes},
    {"add_sat", lanes_binary, NULL},
    {"all_true", test_lanes, NULL},
    {"and", bits_all, NULL},
    {"andnot", bits_all, NULL},
    {"any_true", test_lanes, NULL},
    {"avgr", lanes_binary, NULL},
    {"bitmask", test_lanes, NULL},
    {"bitselect", bits_all, NULL},
    {"ceil", NULL, float_lanes},
    {"convert", NULL, convert},
    {"convert_low", NULL, convert},
    {"demote", NULL, convert},
    {"div", NULL, float_lanes},
    {"dot", lanes_dot, NULL},
    {"eq", lanes_binary, float_lanes},
    {"extadd_pairwise", lanes_extadd, NULL},
    {"extend_high", lanes_extend, NULL},
    {"extend_low", lanes_extend, NULL},
    {"extmul_high", lanes_extmul, NULL},
    {"extmul_low", lanes_extmul, NULL},
    {"extract_lane", extract_lane, extract_lane},
    {"floor", NULL, float_lanes},
    {"ge", lanes_binary, float_lanes},
    {"gt", lanes_binary, float_lanes},
    {"le", lanes_binary, float_lanes},
    {"lt", lanes_binary, float_lanes},
    {"max", lanes_binary, float_lanes},
    {"min", lanes_binary, float_lanes},
    {"mul", lanes_binary, float_lanes},
    {"narrow", lanes_narrow, NULL},
    {"ne", lanes_binary, float_lanes},
    {"nearest", NULL, float_lanes},
    {"neg", lanes_neg, float_lanes},
    {"not", bits_all, NULL},
    {"or", bits_all, NULL},
    {"pmax", NULL, float_pseudo_minimum},
    {"pmin", NULL, float_pseudo_minimum},
    {"popcnt", lanes_popcnt, NULL},
    {"promote_low", NULL, convert},
    {"q15mulr_sat", lanes_binary, NULL},
    {"relaxed_dot", lanes_relaxed_dot, NULL},
    {"relaxed_laneselect", bits_all, NULL},
    {"relaxed_madd", NULL, float_multiply_add},
    {"relaxed_max", NULL, float_lanes},
    {"relaxed_min", NULL, float_lanes},
    {"relaxed_nmadd", NULL, float_multiply_add},
    {"relaxed_q15mulr", lanes_binary, NULL},
    {"relaxed_swizzle", bytes_swizzle, NULL},
    {"relaxed_trunc", convert, NULL},
    {"replace_lane", replace_lane, replace_lane},
    {"shl", lanes_shift, NULL},
    {"shr", lanes_shift, NULL},
    {"shuffle", bytes_shuffle, NULL},
    {"splat", lanes_splat, lanes_splat},
    {"sqrt", NULL, float_lanes},
    {"sub", lanes_binary, float_lanes},
    {"sub_sat", lanes_binary, NULL},
    {"swizzle", bytes_swizzle, NULL},
    {"trunc", NULL, float_lanes},
    {"trunc_sat", convert, NULL},
    {"xor", bits_all, NULL},
};

static bool ends_with(const char *text, const char *end)
{
    return strlen(text) > strlen(end) && strcmp(text + strlen(text) - strlen(end), end) == 0;
}

static void cut(char *text, const char *end)
{
    if (ends_with(text, end))
        text[strlen(text) - strlen(end)] = '\0';
}

// The shape that the operation names as its source, "_i8x16" say, and whatever follows it.
static void take_source(struct parts *parts)
{
    for (char *at = parts->operation; *at != '\0'; at++) {
        unsigned bits, lanes;
        char letter;

        if (sscanf(at, "_%c%ux%u", &letter, &bits, &lanes) == 3 &&
            (letter == 'i' || letter == 'f')) {
            parts->source_is_float = letter == 'f';
            parts->source_width = bits / 8;
            *at = '\0';
            return;
        }
    }
}

static bool take_apart(enum opcode opcode, struct parts *parts)
{
    const char *mnemonic = opcode_info[opcode].mnemonic;
    unsigned bits, lanes;
    char letter;

    *parts = (struct parts){.width = 1};
    if (strncmp(mnemonic, "v128.", 5) != 0) {
        if (sscanf(mnemonic, "%c%ux%u.", &letter, &bits, &lanes) != 3 || bits * lanes != 128)
            return false;
        parts->is_float = letter == 'f';
        parts->width = bits / 8;
    }
    parts->source_is_float = parts->is_float;
    parts->source_width = parts->width;
    snprintf(parts->operation, sizeof parts->operation, "%s", strchr(mnemonic, '.') + 1);
    parts->is_unsigned = strstr(parts->operation, "_u_") != NULL || ends_with(mnemonic, "_u");
    parts->adds = strstr(parts->operation, "_add_s") != NULL && ends_with(mnemonic, "_add_s");
    take_source(parts);
    cut(parts->operation, "_u");
    cut(parts->operation, "_s");
    return true;
}

static const struct row *find_row(const struct parts *parts)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *row = &rows[i];

        if (strcmp(row->operation, parts->operation) == 0 &&
            (parts->is_float ? row->of_floats : row->of_integers) != NULL)
            return row;
    }
    return NULL;
}

bool vector_reference_has(enum opcode opcode)
{
    struct parts parts;

    return take_apart(opcode, &parts) && find_row(&parts) != NULL;
}

/* NaN. */

static uint64_t quiet_bit(uint32_t width)
{
    return width == 4 ? UINT64_C(0x00400000) : UINT64_C(0x0008000000000000);
}

static uint64_t infinity_bits(uint32_t width)
{
    return width == 4 ? UINT64_C(0x7f800000) : UINT64_C(0x7ff0000000000000);
}

static uint64_t without_sign(uint64_t bits, uint32_t width)
{
    return bits & ~(UINT64_C(1) << (8 * width - 1));
}

static bool is_nan(uint64_t bits, uint32_t width)
{
    return without_sign(bits, width) > infinity_bits(width);
}

static bool is_canonical(uint64_t bits, uint32_t width)
{
    return without_sign(bits, width) == (infinity_bits(width) | quiet_bit(width));
}

// A computed NaN is canonical if all that went in are, and quiet in any case.
static bool nan_allowed(const struct call *call, uint32_t index, uint64_t actual)
{
    uint32_t width = call->parts->width;
    bool canonical = true;

    for (uint32_t i = 0; i < 3; i++) {
        uint32_t from = call->parts->source_width;
        uint64_t bits = float_source(call, i, index);
        canonical &= !is_nan(bits, from) || is_canonical(bits, from);
    }
    if (canonical && is_canonical(actual, width))
        return true;
    return !canonical && is_nan(actual, width) && (actual & quiet_bit(width)) != 0;
}

// Do these compute floats, so that they may change a NaN?
static bool computes_floats(const struct parts *parts)
{
    static const char *const exact[] = {"abs",          "neg",          "pmin", "pmax",
                                        "extract_lane", "replace_lane", "splat"};

    for (size_t i = 0; i < sizeof exact / sizeof exact[0]; i++)
        if (strcmp(parts->operation, exact[i]) == 0)
            return false;
    return parts->is_float && strlen(parts->operation) != 2 && parts->source_is_float;
}

static bool allowed(const struct call *call, const union vector_result *actual)
{
    uint32_t width = call->parts->width;

    for (uint32_t i = 0; i < 16 / width; i++) {
        uint64_t expected = vector_lane(&call->result->vector, width, i);
        uint64_t lane = vector_lane(&actual->vector, width, i);

        if (lane != expected && !(computes_floats(call->parts) && is_nan(expected, width) &&
                                  nan_allowed(call, i, lane)))
            return false;
    }
    return true;
}

bool vector_reference_allows(enum opcode opcode, const struct vector_case *operands,
                             const union vector_result *actual, union vector_result *expected)
{
    static struct parts parts;
    static const struct row *row;
    static enum opcode last = OPCODE_COUNT;
    struct call call = {&parts, operands, expected};

    if (opcode != last) {
        if (!take_apart(opcode, &parts) || (row = find_row(&parts)) == NULL)
            abort();
        last = opcode;
    }
    memset(expected, 0, sizeof *expected);
    (parts.is_float ? row->of_floats : row->of_integers)(&call);
    return allowed(&call, actual);
}
