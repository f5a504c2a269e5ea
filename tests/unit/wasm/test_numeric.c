// SPDX-License-Identifier: Apache-2.0
// Every numeric instruction in every form of its operands and its result, for all pairs of edge
// values, against numeric_reference.c.
#include <inttypes.h>
#include <stdio.h>

#include "sandbox/wasm/operation.h"
#include "tests/unit/wasm/numeric_reference.h"
#include "tests/unit/wasm/run_fixture.h"

#define COUNT_OF(array_) (sizeof(array_) / sizeof((array_)[0]))

// Where an operand comes from: a local, a constant, or an instruction before, whose result is in an
// accumulator (or on the operand stack, if another one is computed after it).
enum source {
    SOURCE_LOCAL,
    SOURCE_CONSTANT,
    SOURCE_COMPUTED,
    SOURCES
};

// What becomes of the result. The last ones are for i32 only.
enum use {
    USE_RETURN,
    USE_SET,
    USE_TEE,
    USE_COMPUTE,
    USE_BELOW, // another value is computed while it waits
    USE_BRANCH,
    USE_IF,
    USE_NOT,
    USE_SELECT,
    USES
};

static const uint64_t values_i32[] = {
    0,          1,          2,          5,      31,     32,     33,         0x7f,
    0x80,       0xff,       0x7fff,     0x8000, 0xffff, 0x10000, 0x01000001, 0x01000003,
    0x7fffffff, 0x80000000, 0x80000001, 0xfffffffb, 0xffffffff};
static const uint64_t values_i64[] = {
    0,
    1,
    2,
    5,
    63,
    64,
    65,
    0x80,
    0x8000,
    0x7fffffff,
    0x80000000,
    0xffffffff,
    0x100000000,
    0x20000000000001, // halfway between two f64
    0x20000000000003,
    0x8000008000000000, // and two f32
    0x8000018000000000,
    0x8000008000000001,
    0x7fffff4000000001,
    0x7fffffffffffffff,
    0x8000000000000000,
    0xfffffffffffffffb,
    0xffffffff7fffffff,
    0xffffffffffffffff};
static const uint64_t values_f32[] = {
    0x00000000, 0x80000000, // zeroes
    0x00000001, 0x80000001, 0x007fffff, 0x00800000, // denormals and the least normal
    0x3effffff, 0x3f000000, 0xbf000000, 0x3f000001, // around a half
    0x3f800000, 0xbf800000, 0x3fc00000, 0x40200000, 0xc0200000, 0xbf7fffff,
    0x4affffff, 0x4b000001,             // the last with a fraction, the first without
    0x4effffff, 0x4f000000, 0xcf000000, // 2^31
    0xcf000001, 0x4f7fffff, 0x4f800000, // 2^32
    0x5effffff, 0x5f000000, 0xdf000000, 0xdf000001, 0x5f7fffff, 0x5f800000, // 2^63, 2^64
    0x7f7fffff, 0xff7fffff, 0x7f800000, 0xff800000,                         // largest, infinite
    0x7fc00000, 0xffc00000, 0x7fa00001, 0x7fc12345};                        // NaN
static const uint64_t values_f64[] = {
    0,
    0x8000000000000000,
    0x0000000000000001,
    0x8000000000000001,
    0x000fffffffffffff,
    0x0010000000000000,
    0x3fdfffffffffffff, // around a half
    0x3fe0000000000000,
    0xbfe0000000000000,
    0x3ff0000000000000, // 1, 1.5, 2.5
    0xbff0000000000000,
    0x3ff8000000000000,
    0x4004000000000000,
    0xc004000000000000,
    0xbfefffffffffffff,
    0x432fffffffffffff, // the last with a fraction
    0x4330000000000001,
    0x41dfffffffc00000, // 2^31 - 1 and what is next to it
    0x41dfffffffffffff,
    0x41e0000000000000,
    0xc1e0000000000000,
    0xc1e00000001fffff,
    0xc1e0000000200000,
    0x41efffffffe00000, // 2^32 - 1
    0x41efffffffffffff,
    0x41f0000000000000,
    0x43dfffffffffffff, // 2^63
    0x43e0000000000000,
    0xc3e0000000000000,
    0xc3e0000000000001,
    0x43efffffffffffff, // 2^64
    0x43f0000000000000,
    0x36a0000000000000, // least f32, and halfway to it
    0x3690000000000000,
    0x47efffffe0000000, // largest f32, and what rounds to infinity
    0x47effffff0000000,
    0x7fefffffffffffff,
    0xffefffffffffffff,
    0x7ff0000000000000,
    0xfff0000000000000,
    0x7ff8000000000000,
    0xfff8000000000000,
    0x7ff4000000000001,
    0x7ff8123456789abc};

static const struct values {
    const uint64_t *bits;
    uint32_t count;
} all_values[] = {{values_i32, COUNT_OF(values_i32)},
                  {values_i64, COUNT_OF(values_i64)},
                  {values_f32, COUNT_OF(values_f32)},
                  {values_f64, COUNT_OF(values_f64)}};

static uint32_t type_index(char letter)
{
    return (uint32_t)(strchr("iIfF", letter) - "iIfF");
}

static const struct values *values_of(char letter)
{
    return &all_values[type_index(letter)];
}

// --- functions ---

// A function of the module: its form, and which values its constants have.
struct variant {
    enum source sources[2];
    enum use use;
    uint32_t constants[2];
};

enum {
    VARIANTS_MAX = 16384
};

static struct variant variants[VARIANTS_MAX];
static uint32_t variant_count;
static enum opcode tested;
static const struct opcode_info *info;
static char result_letter;

static void put_constant(struct bytes *code, char letter, uint64_t value)
{
    static const uint8_t opcodes[] = {I32_CONST, I64_CONST, F32_CONST, F64_CONST};
    const uint8_t bits[] = {BITS64(value)};

    put(code, opcodes[type_index(letter)]);
    if (letter == 'i')
        put_s64(code, (int32_t)value);
    else if (letter == 'I')
        put_s64(code, (int64_t)value);
    else
        put_all(code, bits, letter == 'f' ? 4 : 8);
}

// Leaves each value as it is, to the last bit.
static void put_identity(struct bytes *code, char letter)
{
    static const uint8_t identities[][3] = {{I32_CONST, 0, I32_XOR},
                                            {I64_CONST, 0, I64_XOR},
                                            {F32_NEG, F32_NEG, NOP},
                                            {F64_NEG, F64_NEG, NOP}};

    put_all(code, identities[type_index(letter)], 3);
}

static void put_operands(struct bytes *code, const struct variant *variant)
{
    for (uint8_t i = 0; i < info->parameter_count; i++) {
        char letter = info->signature[i];
        if (variant->sources[i] == SOURCE_CONSTANT) {
            put_constant(code, letter, values_of(letter)->bits[variant->constants[i]]);
            continue;
        }
        put_all(code, CODE(LOCAL_GET, i));
        if (variant->sources[i] == SOURCE_COMPUTED)
            put_identity(code, letter);
    }
}

static void put_use(struct bytes *code, enum use use)
{
    const uint8_t local = info->parameter_count;

    switch (use) {
    case USE_SET:
        put_all(code, CODE(LOCAL_SET, local, LOCAL_GET, local));
        break;
    case USE_TEE: // and what it gives thrown away
        put_all(code, CODE(LOCAL_TEE, local, DROP, LOCAL_GET, local));
        break;
    case USE_COMPUTE:
        put_identity(code, result_letter);
        break;
    case USE_BELOW:
        put_constant(code, result_letter, 1);
        put_identity(code, result_letter);
        put_all(code, CODE(LOCAL_SET, local));
        break;
    case USE_BRANCH:
        put_all(code, CODE(BR_IF, 0, I32_CONST, 0, RETURN, END, I32_CONST, 1));
        break;
    case USE_IF:
        put_all(code, CODE(IF, I32, I32_CONST, 1, ELSE, I32_CONST, 0, END));
        break;
    case USE_NOT:
        put_all(code, CODE(I32_EQZ, IF, I32, I32_CONST, 0, ELSE, I32_CONST, 1, END));
        break;
    case USE_SELECT:
        put(code, SELECT);
        break;
    case USE_RETURN:
    case USES:
    default:
        break;
    }
}

static void build_variant(const struct variant *variant)
{
    const char local[] = {result_letter, '\0'};
    struct bytes code = {0};

    if (variant->use == USE_BRANCH)
        put_all(&code, CODE(BLOCK, EMPTY));
    if (variant->use == USE_SELECT)
        put_all(&code, CODE(I32_CONST, 1, I32_CONST, 0));
    put_operands(&code, variant);
    if (info->page == 0) {
        put(&code, (uint8_t)info->code);
    } else {
        put(&code, info->page);
        put_u32(&code, info->code);
    }
    put_use(&code, variant->use);
    build_function(info->signature, local, code.data, code.length);
    bytes_free(&code);
}

static void add_variant(struct variant variant)
{
    assert_in_range(variant_count, 0, VARIANTS_MAX - 1);
    variants[variant_count++] = variant;
    build_variant(&variant);
}

// One function for each value of a constant; of two constants, each value occurs once in both.
static void add_variants(enum source left, enum source right, enum use use)
{
    uint32_t count = 1;
    uint32_t right_count = info->parameter_count < 2 ? 1 : values_of(info->signature[1])->count;

    if (left == SOURCE_CONSTANT)
        count = values_of(info->signature[0])->count;
    else if (right == SOURCE_CONSTANT)
        count = right_count;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t second = left == SOURCE_CONSTANT ? (7 * i + 3) % right_count : i;
        add_variant((struct variant){{left, right}, use, {i, second}});
    }
}

static struct instance *instantiate_variants(void)
{
    uint32_t uses = result_letter == 'i' ? USES : USE_BRANCH;

    variant_count = 0;
    for (uint32_t use = 0; use < uses; use++)
        for (uint32_t left = 0; left < SOURCES; left++)
            for (uint32_t right = 0; right < (info->parameter_count < 2 ? 1u : SOURCES); right++)
                add_variants((enum source)left, (enum source)right, (enum use)use);
    return instantiate_built();
}

// --- calls ---

static void check_call(const struct function *function, const struct variant *variant, uint64_t a,
                       uint64_t b)
{
    uint64_t expected = 0;
    enum trap_code code = reference_result(tested, a, b, &expected);
    bool narrow = result_letter == 'i' || result_letter == 'f', right;

    slots[0].u64 = a;
    slots[1].u64 = b;
    enum outcome outcome = engine_invoke(engine, function, slots, &trap);
    uint64_t actual = narrow ? slots[0].u32 : slots[0].u64;
    if (code != TRAP_NONE)
        right = outcome == OUTCOME_TRAP && trap.code == code;
    else if (outcome != OUTCOME_OK)
        right = false;
    else if (variant->use >= USE_BRANCH)
        right = actual == (expected != 0);
    else
        right = reference_allows(tested, a, b, expected, actual);
    if (!right)
        fail_msg("%s of 0x%" PRIx64 " 0x%" PRIx64 ", sources %d %d, use %d: 0x%" PRIx64
                 " %s, not 0x%" PRIx64 " %s",
                 info->mnemonic, a, b, (int)variant->sources[0], (int)variant->sources[1],
                 (int)variant->use, actual, outcome == OUTCOME_OK ? "" : trap_wording(trap.code),
                 expected, trap_wording(code));
}

// All values that the variant leaves open.
static void check_variant(struct instance *instance, uint32_t funcidx)
{
    const struct variant *variant = &variants[funcidx];
    const struct function *function = function_at(instance, funcidx);
    uint32_t first[2] = {0}, end[2] = {1, 1};

    for (uint32_t i = 0; i < info->parameter_count; i++) {
        bool constant = variant->sources[i] == SOURCE_CONSTANT;
        first[i] = constant ? variant->constants[i] : 0;
        end[i] = constant ? first[i] + 1 : values_of(info->signature[i])->count;
    }
    for (uint32_t i = first[0]; i < end[0]; i++)
        for (uint32_t j = first[1]; j < end[1]; j++) {
            uint64_t a = values_of(info->signature[0])->bits[i];
            uint64_t b = info->parameter_count < 2 ? 0 : values_of(info->signature[1])->bits[j];
            check_call(function, variant, a, b);
        }
}

static void check_opcode(void **state)
{
    struct instance *instance;

    tested = *(const enum opcode *)*state;
    info = &opcode_info[tested];
    result_letter = info->signature[info->parameter_count + 1];
    instance = instantiate_variants();
    for (uint32_t i = 0; i < variant_count; i++)
        check_variant(instance, i);
}

static bool is_numeric(enum opcode opcode)
{
    uint8_t family = numeric_operation[opcode].family;

    return family == FAMILY_COMMUTATIVE || family == FAMILY_ORDERED || family == FAMILY_COMPARE ||
           family == FAMILY_UNARY;
}

static void reference_knows_every_numeric_opcode(void **state)
{
    uint32_t count = 0;

    (void)state;
    for (uint32_t i = 0; i < OPCODE_COUNT; i++) {
        if (is_numeric((enum opcode)i) && !reference_has((enum opcode)i))
            fail_msg("%s", opcode_info[i].mnemonic);
        count += reference_has((enum opcode)i);
    }
    assert_int_equal(count, 136); // those of 0x45 to 0xc4, and eight saturating ones
}

int main(void)
{
    static struct CMUnitTest tests[OPCODE_COUNT + 1];
    static enum opcode opcodes[OPCODE_COUNT];
    static char names[OPCODE_COUNT][64];
    uint32_t count = 0;

    for (uint32_t i = 0; i < OPCODE_COUNT; i++) {
        if (!reference_has((enum opcode)i))
            continue;
        opcodes[i] = (enum opcode)i;
        snprintf(names[i], sizeof names[i], "%s_is_right_in_every_form", opcode_info[i].mnemonic);
        tests[count++] = (struct CMUnitTest){names[i], check_opcode, run_set_up, run_tear_down,
                                             &opcodes[i]};
    }
    tests[count] = (struct CMUnitTest)cmocka_unit_test(reference_knows_every_numeric_opcode);
    // cmocka runs all of an array, and passes over what has no function.
    return cmocka_run_group_tests(tests, run_group_set_up, NULL);
}
