// SPDX-License-Identifier: Apache-2.0
// Every vector instruction but those on memory, in every form of its operands, on lanes that are
// edges of their types in all pairs and on random ones, against vector_reference.c.
#include <inttypes.h>
#include <stdio.h>

#include "tests/unit/wasm/operation_forms.h"
#include "tests/unit/wasm/relaxed_reference.h"
#include "tests/unit/wasm/run_fixture.h"
#include "tests/unit/wasm/vector_reference.h"

#define COUNT_OF(array_) (sizeof(array_) / sizeof((array_)[0]))

// Where an operand comes from: a local, the accumulator (or the operand stack, when another one is
// computed after it), or an instruction that makes a constant.
enum source { SOURCE_LOCAL, SOURCE_COMPUTED, SOURCE_CONSTANT, SOURCES };

// What becomes of the result.
enum use {
    USE_RETURN,
    USE_SET,
    USE_BELOW, // another value is computed while it waits
    USES
};

// A function of the module. Where there are constants, all of them are those of the case.
struct variant {
    enum source sources[3];
    enum use use;
    uint32_t constants; // number of the case
    uint8_t lane;
    const uint8_t *lanes;
};

enum {
    VARIANTS_MAX = 4096,
    RANDOM_VECTORS = 8,
    VECTORS_MAX = 48,
    SAMPLES = 60 // cases of a variant other than the first
};

static const uint64_t edges_1[] = {0,    1,    2,    7,    8,    15,   16,  31,
                                   0x7e, 0x7f, 0x80, 0x81, 0xf0, 0xfe, 0xff};
static const uint64_t edges_2[] = {0,      1,      2,      0x7f,   0x80,   0xff,   0x100,  0x4000,
                                   0x7ffe, 0x7fff, 0x8000, 0x8001, 0xff7f, 0xff80, 0xfffe, 0xffff};
static const uint64_t edges_4[] = {
    0,          1,          2,          0x7fff,     0x8000,     0xffff,     0x10000,    0x01000001,
    0x7ffffffe, 0x7fffffff, 0x80000000, 0x80000001, 0xffff7fff, 0xffff8000, 0xfffffffe, 0xffffffff};
static const uint64_t edges_8[] = {0,
                                   1,
                                   2,
                                   0x7fffffff,
                                   0x80000000,
                                   0xffffffff,
                                   0x100000000,
                                   0x7ffffffffffffffe,
                                   0x7fffffffffffffff,
                                   0x8000000000000000,
                                   0x8000000000000001,
                                   0xffffffff7fffffff,
                                   0xffffffff80000000,
                                   0xfffffffffffffffe,
                                   0xffffffffffffffff};
static const uint64_t edges_f32[] = {
    0x00000000, 0x80000000, 0x00000001, 0x80000001, 0x007fffff, 0x00800000, 0x3effffff, 0x3f000000,
    0xbf000000, 0x3f800000, 0xbf800000, 0x3fc00000, 0x40200000, 0xc0200000, 0x4affffff, 0x4effffff,
    0x4f000000, 0xcf000000, 0xcf000001, 0x4f7fffff, 0x4f800000, 0x7f7fffff, 0xff7fffff, 0x7f800000,
    0xff800000, 0x7fc00000, 0xffc00000, 0x7fa00001, 0xffc12345};
static const uint64_t edges_f64[] = {
    0x0000000000000000, 0x8000000000000000, 0x0000000000000001, 0x000fffffffffffff,
    0x0010000000000000, 0x3fdfffffffffffff, 0x3fe0000000000000, 0xbfe0000000000000,
    0x3ff0000000000000, 0xbff0000000000000, 0x4004000000000000, 0xc004000000000000,
    0x432fffffffffffff, 0x41dfffffffc00000, 0x41dfffffffffffff, 0x41e0000000000000,
    0xc1e0000000000000, 0xc1e00000001fffff, 0xc1e0000000200000, 0x41efffffffe00000,
    0x41efffffffffffff, 0x41f0000000000000, 0x36a0000000000000, 0x47efffffe0000000,
    0x47effffff0000000, 0x7fefffffffffffff, 0x7ff0000000000000, 0xfff0000000000000,
    0x7ff8000000000000, 0xfff8000000000000, 0x7ff4000000000001, 0xfff8123456789abc};

static const struct edges {
    const char *shape;
    uint32_t width;
    const uint64_t *bits;
    uint32_t count;
} all_edges[] = {
    {"i8x16", 1, edges_1, COUNT_OF(edges_1)},     {"i16x8", 2, edges_2, COUNT_OF(edges_2)},
    {"i32x4", 4, edges_4, COUNT_OF(edges_4)},     {"i64x2", 8, edges_8, COUNT_OF(edges_8)},
    {"f32x4", 4, edges_f32, COUNT_OF(edges_f32)}, {"f64x2", 8, edges_f64, COUNT_OF(edges_f64)},
};

static const uint8_t shuffles[][16] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
    {31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16},
    {0, 16, 1, 17, 2, 18, 3, 19, 15, 31, 14, 30, 13, 29, 12, 28},
    {7, 7, 7, 7, 23, 23, 23, 23, 0, 31, 0, 31, 15, 16, 15, 16},
};

static struct variant variants[VARIANTS_MAX];
static uint32_t variant_count;
static struct vector vectors[VECTORS_MAX];
static uint32_t vector_count;
static enum opcode tested;
static const struct opcode_info *info;
static bool covered[OPERATION_COUNT];
static bool fast;        // what relaxed instructions are to be
static uint32_t choices; // that explain all results so far, where they are

/* Operands. */

static uint64_t random_bits(void)
{
    static uint64_t state = 0x9e3779b97f4a7c15;

    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

// The lanes of what the instruction reads: the shape that its mnemonic names last.
static const struct edges *edges_of(const char *mnemonic)
{
    const struct edges *found = &all_edges[0];
    const char *at = mnemonic;

    for (size_t i = 0; i < COUNT_OF(all_edges); i++) {
        const char *shape = strstr(mnemonic, all_edges[i].shape);
        if (shape != NULL && shape >= at) {
            at = shape;
            found = &all_edges[i];
        }
    }
    return found;
}

// Each vector begins with another edge, so that of all pairs of vectors some have each pair of
// edges in a lane.
static void make_vectors(void)
{
    const struct edges *edges = edges_of(info->mnemonic);

    vector_count = 0;
    for (uint32_t i = 0; i < edges->count; i++, vector_count++)
        for (uint32_t lane = 0; lane < 16 / edges->width; lane++)
            vector_set_lane(&vectors[vector_count], edges->width, lane,
                            edges->bits[(i + lane) % edges->count]);
    for (uint32_t i = 0; i < RANDOM_VECTORS; i++, vector_count++)
        for (uint32_t lane = 0; lane < 2; lane++)
            vector_set_lane(&vectors[vector_count], 8, lane, random_bits());
}

// Case number n: the first vectors run through all pairs; the scalar is an edge, or a small number.
static struct vector_case case_of(uint32_t number)
{
    static const uint64_t scalars[] = {0,  1,  7,  8,    15,   16,     31,         32,
                                       63, 64, 65, 0x80, 0xff, 0x8000, 0xffffffff, 0x7fa00001};
    struct vector_case made = {.scalar = scalars[number % COUNT_OF(scalars)]};
    uint32_t count = 0;
    char scalar = 'v';

    for (uint32_t i = 0; i < info->parameter_count; i++) {
        uint32_t from = count == 0   ? number % vector_count
                        : count == 1 ? number / vector_count % vector_count
                                     : (number * 7 + number / vector_count * 3) % vector_count;
        if (info->signature[i] == 'v')
            made.vectors[count++] = vectors[from];
        else
            scalar = info->signature[i];
    }
    if (scalar == 'I' || scalar == 'F')
        made.scalar |= (uint64_t)number * 0x9e3779b9 << 32;
    return made;
}

static uint32_t case_count(void)
{
    uint32_t count = vector_count;

    if (info->parameter_count > 1)
        count *= vector_count;
    return count;
}

/* Functions. */

static void put_operands(struct bytes *code, const struct variant *variant)
{
    struct vector_case constants = case_of(variant->constants);
    uint32_t count = 0;

    for (uint8_t i = 0; i < info->parameter_count; i++) {
        char letter = info->signature[i];
        const struct vector *vector = letter == 'v' ? &constants.vectors[count++] : NULL;

        if (variant->sources[i] == SOURCE_CONSTANT && vector != NULL) {
            put_vector(code, vector->bytes);
        } else if (variant->sources[i] == SOURCE_CONSTANT) {
            put_constant(code, letter, constants.scalar);
        } else {
            put_all(code, CODE(LOCAL_GET, i));
            if (variant->sources[i] == SOURCE_COMPUTED)
                put_identity(code, letter);
        }
    }
}

static void put_instruction(struct bytes *code, const struct variant *variant)
{
    put(code, info->page);
    put_u32(code, info->code);
    if (info->immediate == IMMEDIATE_SHUFFLE)
        put_all(code, variant->lanes, 16);
    else if (info->immediate != IMMEDIATE_NONE)
        put(code, variant->lane);
}

static void add_variant(struct variant variant)
{
    const char result[] = {info->signature[info->parameter_count + 1], '\0'};
    const uint8_t local = info->parameter_count;
    struct bytes code = {0};

    assert_in_range(variant_count, 0, VARIANTS_MAX - 1);
    variants[variant_count++] = variant;
    put_operands(&code, &variant);
    put_instruction(&code, &variant);
    if (variant.use == USE_SET)
        put_all(&code, CODE(LOCAL_SET, local, LOCAL_GET, local));
    else if (variant.use == USE_BELOW)
        put_displacement(&code, result[0]);
    build_function(info->signature, result, code.data, code.length);
    bytes_free(&code);
}

// One for each lane and each shuffle there may be.
static void add_immediates(struct variant variant)
{
    uint32_t lanes = 1;

    if (info->immediate >= IMMEDIATE_LANE16 && info->immediate <= IMMEDIATE_LANE2)
        lanes = 16u >> (info->immediate - IMMEDIATE_LANE16);
    else if (info->immediate == IMMEDIATE_SHUFFLE)
        lanes = COUNT_OF(shuffles);
    for (uint32_t i = 0; i < lanes; i++) {
        variant.lane = (uint8_t)i;
        variant.lanes = shuffles[i % COUNT_OF(shuffles)];
        variant.constants = (uint32_t)(random_bits() % case_count());
        add_variant(variant);
    }
}

static void add_variants(void)
{
    uint32_t combinations = 1;

    for (uint32_t i = 0; i < info->parameter_count; i++)
        combinations *= SOURCES;
    for (uint32_t i = 0; i < combinations; i++)
        for (uint32_t use = 0; use < USES; use++)
            add_immediates((struct variant){
                .sources = {i % SOURCES, i / SOURCES % SOURCES, i / SOURCES / SOURCES},
                .use = (enum use)use});
}

/* Calls. */

static void print_vector(const char *what, const uint8_t *bytes)
{
    print_error("%s", what);
    for (int i = 15; i >= 0; i--)
        print_error("%02x", bytes[i]);
}

static void fail_call(const struct variant *variant, const struct vector_case *operands,
                      const union vector_result *actual, const union vector_result *expected)
{
    print_vector("of ", operands->vectors[0].bytes);
    print_vector(", ", operands->vectors[1].bytes);
    print_vector(", ", operands->vectors[2].bytes);
    print_vector(": ", actual->vector.bytes);
    print_vector(", not ", expected->vector.bytes);
    fail_msg("%s, scalar 0x%" PRIx64 ", lane %d, sources %d %d %d, use %d", info->mnemonic,
             operands->scalar, variant->lane, (int)variant->sources[0], (int)variant->sources[1],
             (int)variant->sources[2], (int)variant->use);
}

static void put_arguments(const struct vector_case *operands)
{
    union slot *slot = slots;
    uint32_t count = 0;

    for (uint32_t i = 0; i < info->parameter_count; i++) {
        if (info->signature[i] == 'v') {
            memcpy(slot, &operands->vectors[count++], 16);
            slot += 2;
        } else {
            (slot++)->u64 = operands->scalar;
        }
    }
}

static void check_call(const struct function *function, const struct variant *variant,
                       struct vector_case operands)
{
    char result = info->signature[info->parameter_count + 1];
    union vector_result actual = {.scalar = 0}, expected;

    operands.lane = variant->lane;
    memcpy(operands.lanes, variant->lanes, 16);
    put_arguments(&operands);
    if (engine_invoke(engine, function, slots, &trap) != OUTCOME_OK)
        fail_msg("%s: %s", info->mnemonic, trap_wording(trap.code));
    if (result == 'v')
        memcpy(&actual, slots, sizeof actual);
    else
        actual.scalar = result == 'f' ? slots[0].u32 : slots[0].u64;
    bool allowed = vector_reference_allows(tested, &operands, &actual, &expected);
    if (fast) {
        choices = relaxed_reference_choices(tested, &operands, &actual, choices);
        allowed = choices != 0;
    }
    if (!allowed)
        fail_call(variant, &operands, &actual, &expected);
}

static bool has_constant(const struct variant *variant)
{
    for (uint32_t i = 0; i < info->parameter_count; i++)
        if (variant->sources[i] == SOURCE_CONSTANT)
            return true;
    return false;
}

// All cases in the first variant, in others a few of them.
static void check_variant(struct instance *instance, uint32_t funcidx)
{
    const struct variant *variant = &variants[funcidx];
    const struct function *function = function_at(instance, funcidx);
    uint32_t count = case_count(), step = funcidx == 0 || count < SAMPLES ? 1 : count / SAMPLES;

    if (has_constant(variant)) {
        check_call(function, variant, case_of(variant->constants));
        return;
    }
    for (uint32_t i = 0; i < count; i += step)
        check_call(function, variant, case_of(i));
}

static void check_all_forms(enum opcode opcode)
{
    struct instance *instance;

    tested = opcode;
    info = &opcode_info[tested];
    variant_count = 0;
    make_vectors();
    add_variants();
    instance = instantiate_built();
    note_operations(instance->module, covered);
    for (uint32_t i = 0; i < variant_count; i++)
        check_variant(instance, i);
}

static void check_opcode(void **state)
{
    fast = false;
    check_all_forms(*(const enum opcode *)*state);
}

// The choice is one that the specification leaves, and the same every time.
static void check_fast_opcode(void **state)
{
    fast = true;
    choices = RELAXED_CHOICES_ALL;
    engine_replace((struct engine_config){.relaxed_fast = true});
    check_all_forms(*(const enum opcode *)*state);
}

static bool is_access(const struct opcode_info *row)
{
    return strstr(row->mnemonic, ".load") != NULL || strstr(row->mnemonic, ".store") != NULL;
}

static void reference_knows_every_vector_opcode(void **state)
{
    uint32_t count = 0;

    (void)state;
    for (uint32_t i = 0; i < OPCODE_COUNT; i++) {
        const struct opcode_info *row = &opcode_info[i];
        bool vector = row->feature == FEATURE_VECTOR || row->feature == FEATURE_RELAXED_VECTOR;

        assert_int_equal(vector_reference_has((enum opcode)i),
                         vector && !is_access(row) && i != OPCODE_V128_CONST);
        count += vector_reference_has((enum opcode)i);
    }
    assert_int_equal(count, 236 + 20 - 22 - 1); // but accesses and the constant
}

static void no_form_of_an_operation_was_left_out(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < OPERATION_COUNT; i++) {
        uint8_t family = operation_info[i].family;

        if (family >= FAMILY_VECTOR && family != FAMILY_LOAD_LANE && family != FAMILY_STORE_LANE &&
            !covered[i])
            fail_msg("%s", operation_info[i].name);
    }
    assert_true(covered[OPERATION_V128_CONST]);
    assert_true(covered[OPERATION_V128_CONST_N]);
}

int main(void)
{
    static struct CMUnitTest tests[2 * OPCODE_COUNT + 2];
    static enum opcode opcodes[2 * OPCODE_COUNT];
    static char names[2 * OPCODE_COUNT][80];
    uint32_t count = 0;

    for (uint32_t i = 0; i < OPCODE_COUNT; i++) {
        if (!vector_reference_has((enum opcode)i))
            continue;
        opcodes[count] = (enum opcode)i;
        snprintf(names[count], sizeof names[count], "%s_is_right_in_every_form",
                 opcode_info[i].mnemonic);
        tests[count] = (struct CMUnitTest){names[count], check_opcode, run_set_up, run_tear_down,
                                           &opcodes[count]};
        count++;
    }
    for (uint32_t i = 0; i < OPCODE_COUNT; i++) {
        if (opcode_info[i].feature != FEATURE_RELAXED_VECTOR)
            continue;
        opcodes[count] = (enum opcode)i;
        snprintf(names[count], sizeof names[count], "%s_makes_one_allowed_choice_when_fast",
                 opcode_info[i].mnemonic);
        tests[count] = (struct CMUnitTest){names[count], check_fast_opcode, run_set_up,
                                           run_tear_down, &opcodes[count]};
        count++;
    }
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(reference_knows_every_vector_opcode);
    tests[count] = (struct CMUnitTest)cmocka_unit_test(no_form_of_an_operation_was_left_out);
    // cmocka runs all of an array, and passes over what has no function.
    return cmocka_run_group_tests(tests, run_group_set_up, NULL);
}
