// SPDX-License-Identifier: Apache-2.0
//
// A thunk, libffi and the compiler's own idea of a function's arguments, against each other.
#include "host/thunk.h"

#include <assert.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "host/bridge.h"
#include "host/signature.h"

#define NATIVE(function_) ((void (*)(void))(function_))

enum {
    SCALARS = PLAN_F64 // kinds, from PLAN_BOOL on
};

static uint64_t seen[16]; // what the last native function was given

static uint64_t random_word(void)
{
    static uint64_t state = 0x9E3779B97F4A7C15;

    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

// A word of the kind: one in two is from the edges of its range.
static uint64_t random_value(enum plan_kind kind)
{
    static const uint64_t edges[] = {
        0,         1,          0x7F,       0x80,       0x7FFF,
        0x8000,    0x7FFFFFFF, 0x80000000, 0x7F800001, 0x8000000000000000,
        UINT64_MAX};
    uint64_t bits = random_word();

    if (bits & 0x100)
        bits = edges[(bits >> 16) % (sizeof edges / sizeof *edges)];
    return plan_word_extend(kind, kind == PLAN_BOOL ? bits & 1 : bits);
}

// --- thunk, libffi and compiled functions --------------------------------------------------------

static uint64_t word_signed(int64_t value)
{
    return (uint64_t)value;
}

static uint64_t word_unsigned(uint64_t value)
{
    return value;
}

static uint64_t word_f32(float value)
{
    uint64_t word = 0;

    memcpy(&word, &value, sizeof value);
    return word;
}

static uint64_t word_f64(double value)
{
    uint64_t word;

    memcpy(&word, &value, sizeof value);
    return word;
}

#define WORD(value_)                                                                               \
    _Generic((value_), bool                                                                        \
             : word_unsigned, int8_t                                                               \
             : word_signed, uint8_t                                                                \
             : word_unsigned, int16_t                                                              \
             : word_signed, uint16_t                                                               \
             : word_unsigned, int32_t                                                              \
             : word_signed, uint32_t                                                               \
             : word_unsigned, int64_t                                                              \
             : word_signed, uint64_t                                                               \
             : word_unsigned, float                                                                \
             : word_f32, double                                                                    \
             : word_f64)(value_)

typedef bool type_b8; // "bool" is a macro itself
typedef int8_t type_i8;
typedef uint8_t type_u8;
typedef int16_t type_i16;
typedef uint16_t type_u16;
typedef int32_t type_i32;
typedef uint32_t type_u32;
typedef int64_t type_i64;
typedef uint64_t type_u64;
typedef float type_f32;
typedef double type_f64;

// A macro is not expanded within itself, so there is one for each depth. All in plan_kind's order.
#define EACH_A(X_)                                                                                 \
    X_(b8) X_(i8) X_(u8) X_(i16) X_(u16) X_(i32) X_(u32) X_(i64) X_(u64) X_(f32) X_(f64)
#define EACH_B(X_, a_)                                                                             \
    X_(a_, b8)                                                                                     \
    X_(a_, i8)                                                                                     \
    X_(a_, u8)                                                                                     \
    X_(a_, i16) X_(a_, u16) X_(a_, i32) X_(a_, u32) X_(a_, i64) X_(a_, u64) X_(a_, f32) X_(a_, f64)
#define EACH_C(X_, a_, b_)                                                                         \
    X_(a_, b_, b8)                                                                                 \
    X_(a_, b_, i8)                                                                                 \
    X_(a_, b_, u8)                                                                                 \
    X_(a_, b_, i16)                                                                                \
    X_(a_, b_, u16)                                                                                \
    X_(a_, b_, i32) X_(a_, b_, u32) X_(a_, b_, i64) X_(a_, b_, u64) X_(a_, b_, f32) X_(a_, b_, f64)

// Each function notes its arguments and returns the last one.
#define DEFINE_1(a_)                                                                               \
    static type_##a_ function_##a_(type_##a_ a)                                                    \
    {                                                                                              \
        seen[0] = WORD(a);                                                                         \
        return a;                                                                                  \
    }
#define DEFINE_2(a_, b_)                                                                           \
    static type_##b_ function_##a_##_##b_(type_##a_ a, type_##b_ b)                                \
    {                                                                                              \
        seen[0] = WORD(a);                                                                         \
        seen[1] = WORD(b);                                                                         \
        return b;                                                                                  \
    }
#define DEFINE_3(a_, b_, c_)                                                                       \
    static type_##c_ function_##a_##_##b_##_##c_(type_##a_ a, type_##b_ b, type_##c_ c)            \
    {                                                                                              \
        seen[0] = WORD(a);                                                                         \
        seen[1] = WORD(b);                                                                         \
        seen[2] = WORD(c);                                                                         \
        return c;                                                                                  \
    }
#define NAME_1(a_)              NATIVE(function_##a_),
#define NAME_2(a_, b_)          NATIVE(function_##a_##_##b_),
#define NAME_3(a_, b_, c_)      NATIVE(function_##a_##_##b_##_##c_),
#define DEFINE_2_FROM(a_)       EACH_B(DEFINE_2, a_)
#define DEFINE_3_FROM_2(a_, b_) EACH_C(DEFINE_3, a_, b_)
#define DEFINE_3_FROM(a_)       EACH_B(DEFINE_3_FROM_2, a_)
#define NAME_2_FROM(a_)         EACH_B(NAME_2, a_)
#define NAME_3_FROM_2(a_, b_)   EACH_C(NAME_3, a_, b_)
#define NAME_3_FROM(a_)         EACH_B(NAME_3_FROM_2, a_)

EACH_A(DEFINE_1)
EACH_A(DEFINE_2_FROM)
EACH_A(DEFINE_3_FROM)

// Index 0: every signature of one argument, and so on.
static void (*const functions_1[])(void) = {EACH_A(NAME_1)};
static void (*const functions_2[])(void) = {EACH_A(NAME_2_FROM)};
static void (*const functions_3[])(void) = {EACH_A(NAME_3_FROM)};
static void (*const *const functions[])(void) = {functions_1, functions_2, functions_3};

static_assert(sizeof functions_3 / sizeof *functions_3 == SCALARS * SCALARS * SCALARS,
              "every signature");

// The plan of the signature with this index among those with so many arguments: digits to the base
// SCALARS, the first argument's being the highest.
static struct plan indexed_plan(unsigned count, unsigned index)
{
    struct plan plan = {.parameter_count = (uint8_t)count};

    for (unsigned i = count; i > 0; i--) {
        plan.parameters[i - 1].kind = (uint8_t)(PLAN_BOOL + index % SCALARS);
        index /= SCALARS;
    }
    return plan;
}

static void prepare_plan(struct bridge *bridge, const struct plan *plan, void (*function)(void))
{
    struct error error = {.code = ERROR_NONE};

    assert_true(bridge_prepare(plan, function, NULL, bridge, &error));
}

static uint64_t call_scalars(struct bridge *bridge, bool thunk, const uint64_t *words)
{
    uint64_t return_words[PLAN_WORDS_MAX] = {0};
    uint8_t arena[1];
    struct bridge_bytes blocks[BRIDGE_BLOCKS_MAX];
    struct error error = {.code = ERROR_NONE};
    struct bridge_exchange exchange = {.call_words = words,
                                       .call_arena = arena,
                                       .return_words = return_words,
                                       .return_blocks = blocks};

    memset(seen, 0xDB, sizeof seen);
    bridge->use_thunk = thunk;
    if (!bridge_call(bridge, &exchange, &error))
        fail_msg("%s", error.message);
    return return_words[0];
}

// Of a function that notes its arguments and returns the last one.
static void check_both_ways(struct bridge *bridge, bool fits, const uint64_t *words)
{
    size_t count = bridge->plan.parameter_count;

    for (int thunk = 0; thunk <= fits; thunk++) {
        assert_true(call_scalars(bridge, thunk, words) == words[count - 1]);
        assert_memory_equal(seen, words, count * sizeof *words);
    }
}

static void
every_function_of_up_to_3_scalars_gets_and_returns_the_same_by_thunk_and_libffi(void **state)
{
    unsigned signatures = 1;

    (void)state;
    for (unsigned count = 1; count <= 3; count++) {
        signatures *= SCALARS;
        for (unsigned index = 0; index < signatures; index++) {
            struct plan plan = indexed_plan(count, index);
            struct bridge bridge;

            plan.result = plan.parameters[count - 1].kind;
            prepare_plan(&bridge, &plan, functions[count - 1][index]);
            for (unsigned round = 0; round < 8; round++) {
                uint64_t words[3];

                for (unsigned i = 0; i < count; i++)
                    words[i] = random_value(plan.parameters[i].kind);
                check_both_ways(&bridge, thunk_fits(count, count), words);
            }
        }
    }
}

static uint64_t raw[THUNK_REGISTERS];

// Notes every register that a thunk fills.
static void capture(uint64_t i0, uint64_t i1, uint64_t i2, uint64_t i3, uint64_t i4, uint64_t i5,
                    double f0, double f1, double f2, double f3, double f4, double f5, double f6,
                    double f7)
{
    const uint64_t integers[] = {i0, i1, i2, i3, i4, i5};
    const double floats[] = {f0, f1, f2, f3, f4, f5, f6, f7};

    memcpy(raw, integers, sizeof integers);
    memcpy(raw + THUNK_INTEGERS, floats, sizeof floats);
}

// Calls `capture` in place of a function of these kinds, and compares the part of each register
// that such a function may look at: integers are extended to 32 bits by the caller.
static void check_registers(struct bridge *bridge, bool thunk, const uint64_t *words)
{
    const struct plan *plan = &bridge->plan;

    memset(raw, 0xDB, sizeof raw);
    call_scalars(bridge, thunk, words);
    for (size_t i = 0; i < plan->parameter_count; i++) {
        uint64_t at = raw[bridge->registers[i]];

        if (plan_kind_size(plan->parameters[i].kind) == 8)
            assert_true(at == words[i]);
        else
            assert_true((uint32_t)at == (uint32_t)words[i]);
    }
}

static void check_both(const struct plan *plan)
{
    uint64_t words[PLAN_PARAMETERS_MAX];
    struct bridge bridge;

    prepare_plan(&bridge, plan, NATIVE(capture));
    if (!bridge.use_thunk)
        return;
    for (size_t i = 0; i < plan->parameter_count; i++)
        words[i] = random_value(plan->parameters[i].kind);
    check_registers(&bridge, true, words);
    check_registers(&bridge, false, words);
}

static void
thunk_and_libffi_fill_registers_alike_for_every_signature_of_up_to_4_scalars(void **state)
{
    unsigned signatures = 1;

    (void)state;
    for (unsigned count = 0; count <= 4; count++) {
        for (unsigned index = 0; index < signatures; index++) {
            struct plan plan = indexed_plan(count, index);

            check_both(&plan);
        }
        signatures *= SCALARS;
    }
}

static void
thunk_and_libffi_fill_registers_alike_for_random_signatures_of_up_to_14_scalars(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 20000; round++) {
        unsigned integers = (unsigned)(random_word() >> 32) % (THUNK_INTEGERS + 1);
        unsigned floats = (unsigned)(random_word() >> 32) % (THUNK_FLOATS + 1);
        struct plan plan = {.parameter_count = 0};

        while (integers + floats > 0) {
            bool is_float = (unsigned)(random_word() >> 32) % (integers + floats) >= integers;
            unsigned kind = (unsigned)(random_word() >> 32);

            kind = is_float ? PLAN_F32 + kind % 2 : PLAN_BOOL + kind % (PLAN_F32 - PLAN_BOOL);
            plan.parameters[plan.parameter_count++].kind = (uint8_t)kind;
            *(is_float ? &floats : &integers) -= 1;
        }
        check_both(&plan);
    }
}

static double fourteen(float a, int8_t b, double c, uint16_t d, float e, bool f, double g,
                       int64_t h, float i, uint8_t j, double k, int32_t l, float m, double n)
{
    const uint64_t words[] = {WORD(a), WORD(b), WORD(c), WORD(d), WORD(e), WORD(f), WORD(g),
                              WORD(h), WORD(i), WORD(j), WORD(k), WORD(l), WORD(m), WORD(n)};

    memcpy(seen, words, sizeof words);
    return n;
}

// One integer more than there are registers.
static uint16_t sixteen(int8_t a, uint8_t b, int16_t c, uint16_t d, int32_t e, uint32_t f,
                        int64_t g, uint64_t h, bool i, float j, double k, int8_t l, float m,
                        int16_t n, bool o, uint16_t p)
{
    const uint64_t words[] = {WORD(a), WORD(b), WORD(c), WORD(d), WORD(e), WORD(f),
                              WORD(g), WORD(h), WORD(i), WORD(j), WORD(k), WORD(l),
                              WORD(m), WORD(n), WORD(o), WORD(p)};

    memcpy(seen, words, sizeof words);
    return p;
}

static void check_compiled(const char *text, void (*function)(void), bool fits)
{
    struct error error = {.code = ERROR_NONE};
    struct signature signature;
    struct bridge bridge;
    uint64_t words[PLAN_PARAMETERS_MAX];

    assert_true(signature_parse(text, strlen(text), &signature, &error));
    prepare_plan(&bridge, &signature.plan, function);
    fits = fits && thunk_fits(THUNK_INTEGERS, THUNK_FLOATS);
    assert_int_equal(bridge.use_thunk, fits);
    for (unsigned round = 0; round < 200; round++) {
        for (unsigned i = 0; i < signature.plan.parameter_count; i++)
            words[i] = random_value(signature.plan.parameters[i].kind);
        check_both_ways(&bridge, fits, words);
    }
}

static void functions_that_fill_the_registers_or_need_the_stack_get_every_argument(void **state)
{
    (void)state;
    check_compiled("m.f(a: f32, b: i8, c: f64, d: u16, e: f32, f: bool, g: f64, h: i64, i: f32, "
                   "j: u8, k: f64, l: i32, m: f32, n: f64) -> f64",
                   NATIVE(fourteen), true);
    check_compiled("m.f(a: i8, b: u8, c: i16, d: u16, e: i32, f: u32, g: i64, h: u64, i: bool, "
                   "j: f32, k: f64, l: i8, m: f32, n: i16, o: bool, p: u16) -> u16",
                   NATIVE(sixteen), false);
}

static uint64_t dirty(void)
{
    return 0x123456789ABCDEFF;
}

// The ABI leaves the bits above a small result undefined.
static void only_the_low_bits_of_a_small_result_count(void **state)
{
    static const struct {
        uint8_t kind;
        uint64_t word;
    } rows[] = {{PLAN_I8, UINT64_MAX},
                {PLAN_U8, 0xFF},
                {PLAN_I16, (uint64_t)(int16_t)-0x2101},
                {PLAN_U16, 0xDEFF},
                {PLAN_I32, (uint64_t)(int32_t)-0x65432101},
                {PLAN_U32, 0x9ABCDEFF},
                {PLAN_I64, 0x123456789ABCDEFF}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct plan plan = {.result = rows[i].kind};
        struct bridge bridge;

        prepare_plan(&bridge, &plan, NATIVE(dirty));
        assert_true(call_scalars(&bridge, bridge.use_thunk, NULL) == rows[i].word);
        assert_true(call_scalars(&bridge, false, NULL) == rows[i].word);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            every_function_of_up_to_3_scalars_gets_and_returns_the_same_by_thunk_and_libffi),
        cmocka_unit_test(
            thunk_and_libffi_fill_registers_alike_for_every_signature_of_up_to_4_scalars),
        cmocka_unit_test(
            thunk_and_libffi_fill_registers_alike_for_random_signatures_of_up_to_14_scalars),
        cmocka_unit_test(functions_that_fill_the_registers_or_need_the_stack_get_every_argument),
        cmocka_unit_test(only_the_low_bits_of_a_small_result_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
