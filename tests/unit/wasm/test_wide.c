// SPDX-License-Identifier: Apache-2.0
// Arithmetic on 128 bits, a proposal: against a reference by halves of 32 bits, with operands from
// everywhere.
#include "tests/unit/wasm/operation_forms.h"
#include "tests/unit/wasm/run_fixture.h"

#define WIDE FEATURE_BIT(FEATURE_WIDE_ARITHMETIC)

static const uint64_t edges[] = {0,
                                 1,
                                 2,
                                 0x7fffffff,
                                 0x80000000,
                                 0xffffffff,
                                 0x100000000,
                                 0x123456789abcdef0,
                                 0x7fffffffffffffff,
                                 0x8000000000000000,
                                 0x8000000000000001,
                                 0xffffffff00000000,
                                 0xfffffffffffffffe,
                                 0xffffffffffffffff};

enum { EDGES = sizeof edges / sizeof edges[0] };

struct pair {
    uint64_t low, high;
};

static struct pair add(struct pair a, struct pair b)
{
    struct pair sum = {a.low + b.low, a.high + b.high};

    sum.high += sum.low < a.low;
    return sum;
}

static struct pair negate(struct pair a)
{
    return add((struct pair){~a.low, ~a.high}, (struct pair){1, 0});
}

static struct pair multiply(uint64_t a, uint64_t b)
{
    uint64_t a_low = (uint32_t)a, a_high = a >> 32, b_low = (uint32_t)b, b_high = b >> 32;
    struct pair product = {a_low * b_low, a_high * b_high};

    product = add(product, (struct pair){(a_low * b_high) << 32, (a_low * b_high) >> 32});
    return add(product, (struct pair){(a_high * b_low) << 32, (a_high * b_low) >> 32});
}

static struct pair multiply_signed(uint64_t a, uint64_t b)
{
    bool is_negative = (a >> 63) != (b >> 63);
    struct pair product = multiply(a >> 63 ? 0 - a : a, b >> 63 ? 0 - b : b);

    return is_negative ? negate(product) : product;
}

static struct pair reference(uint8_t opcode, const uint64_t *operands)
{
    struct pair a = {operands[0], operands[1]}, b = {operands[2], operands[3]};

    switch (opcode) {
    case I64_ADD128:
        return add(a, b);
    case I64_SUB128:
        return add(a, negate(b));
    case I64_MUL_WIDE_S:
        return multiply_signed(a.low, a.high);
    default:
        return multiply(a.low, a.high);
    }
}

static uint32_t operand_count(uint8_t opcode)
{
    return opcode == I64_ADD128 || opcode == I64_SUB128 ? 4 : 2;
}

static const uint8_t opcodes[] = {I64_ADD128, I64_SUB128, I64_MUL_WIDE_S, I64_MUL_WIDE_U};

static void assert_result(struct instance *instance, uint32_t funcidx, uint8_t opcode,
                          const uint64_t *operands)
{
    struct pair expected = reference(opcode, operands);

    assert_true(CALL_GUEST(instance, funcidx, operands[0], operands[1], operands[2], operands[3]) ==
                expected.low);
    assert_true(slots[1].u64 == expected.high);
}

static void results_are_those_of_the_reference(void **state)
{
    (void)state;
    engine_replace((struct engine_config){.features = WIDE});
    for (size_t i = 0; i < sizeof opcodes; i++) {
        struct instance *instance;
        uint64_t operands[4];

        if (operand_count(opcodes[i]) == 4)
            build_function(
                "IIII:II", "",
                CODE(LOCAL_GET, 0, LOCAL_GET, 1, LOCAL_GET, 2, LOCAL_GET, 3, PREFIX, opcodes[i]));
        else
            build_function("IIII:II", "", CODE(LOCAL_GET, 0, LOCAL_GET, 1, PREFIX, opcodes[i]));
        instance = instantiate_built();
        for (uint32_t j = 0; j < EDGES * EDGES * EDGES * EDGES; j++) {
            for (uint32_t k = 0, rest = j; k < 4; k++, rest /= EDGES)
                operands[k] = edges[rest % EDGES];
            if (operand_count(opcodes[i]) == 2 && j >= EDGES * EDGES)
                break;
            assert_result(instance, 0, opcodes[i], operands);
        }
    }
}

// Each operand a local, a constant, or a value just computed, as the digits of `places` say.
static void put_operands(struct bytes *code, uint32_t places, uint32_t count,
                         const uint64_t *operands)
{
    for (uint32_t i = 0; i < count; i++, places /= 3) {
        if (places % 3 == 1) {
            put_constant(code, 'I', operands[i]);
            continue;
        }
        put_all(code, CODE(LOCAL_GET, (uint8_t)i));
        if (places % 3 == 2)
            put_identity(code, 'I');
    }
}

static void operands_come_from_everywhere_and_results_go_there(void **state)
{
    static const uint64_t operands[] = {0xfffffffffffffff0, 0x8000000000000003, 0x1234, 0x77};

    (void)state;
    engine_replace((struct engine_config){.features = WIDE});
    for (size_t i = 0; i < sizeof opcodes; i++) {
        uint32_t count = operand_count(opcodes[i]), functions = count == 4 ? 81 : 9;
        struct instance *instance;

        for (uint32_t places = 0; places < functions; places++) {
            struct bytes code = {0};

            // Below them a value that must stay; the results through a local and back.
            put_all(&code, CODE(LOCAL_GET, 0, I64_CONST, 1, I64_ADD));
            put_operands(&code, places, count, operands);
            put_all(&code, CODE(PREFIX, opcodes[i], LOCAL_SET, 4, LOCAL_SET, 5, DROP, LOCAL_GET, 5,
                                LOCAL_GET, 4));
            build_function("IIII:II", "II", code.data, code.length);
            bytes_free(&code);
        }
        instance = instantiate_built();
        for (uint32_t places = 0; places < functions; places++)
            assert_result(instance, places, opcodes[i], operands);
    }
}

static void types_are_checked_also_where_code_is_dead(void **state)
{
    static const struct {
        const char *signature;
        bool valid;
        uint8_t length;
        uint8_t code[10];
    } functions[] = {
        {"I:", false, 4, {LOCAL_GET, 0, PREFIX, I64_MUL_WIDE_S}},
        {"i:", false, 8, {LOCAL_GET, 0, LOCAL_GET, 0, PREFIX, I64_MUL_WIDE_U, DROP, DROP}},
        {"I:", true, 8, {LOCAL_GET, 0, LOCAL_GET, 0, PREFIX, I64_MUL_WIDE_U, DROP, DROP}},
        {":", true, 5, {UNREACHABLE, PREFIX, I64_ADD128, DROP, DROP}},
        {"i:", false, 7, {UNREACHABLE, LOCAL_GET, 0, PREFIX, I64_ADD128, DROP, DROP}},
        {":i", false, 4, {UNREACHABLE, PREFIX, I64_SUB128, DROP}},
        {":I", true, 4, {UNREACHABLE, PREFIX, I64_SUB128, DROP}},
    };

    (void)state;
    engine_replace((struct engine_config){.features = WIDE});
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        struct module *module;
        uint8_t *bytes;
        size_t size;

        build_function(functions[i].signature, "", functions[i].code, functions[i].length);
        bytes = build_end(&size);
        assert_int_equal(engine_load(engine, bytes, size, &module, &error), functions[i].valid);
        assert_int_equal(error.code, functions[i].valid ? ERROR_NONE : ERROR_TYPE_MISMATCH);
        error_clear(&error);
        engine_replace((struct engine_config){.features = WIDE});
        free(bytes);
        build_begin();
    }
}

static void proposal_that_is_off_is_refused_by_name(void **state)
{
    struct module *module;
    uint8_t *bytes;
    size_t size;

    (void)state;
    build_function("I:", "", CODE(LOCAL_GET, 0, LOCAL_GET, 0, PREFIX, I64_MUL_WIDE_U, DROP, DROP));
    bytes = build_end(&size);
    assert_false(engine_load(engine, bytes, size, &module, &error));
    assert_int_equal(error.code, ERROR_FEATURE_OFF);
    assert_int_equal(error_kind(error.code), ERROR_KIND_UNSUPPORTED);
    assert_int_equal(error.detail, FEATURE_WIDE_ARITHMETIC);
    assert_string_equal(error.message, "not switched on: wide arithmetic (i64.mul_wide_u)");
    error_clear(&error);
    free(bytes);
    build_begin();
}

static const struct CMUnitTest tests[] = {
    TEST(results_are_those_of_the_reference),
    TEST(operands_come_from_everywhere_and_results_go_there),
    TEST(types_are_checked_also_where_code_is_dead),
    TEST(proposal_that_is_off_is_refused_by_name),
};

int main(void)
{
    return cmocka_run_group_tests(tests, run_group_set_up, NULL);
}
