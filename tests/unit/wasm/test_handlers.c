// SPDX-License-Identifier: Apache-2.0
// The operations that are neither arithmetic nor access, as operation.def has them, alone and in
// fused sequences; and the places of traps.
#include "tests/unit/wasm/run_fixture.h"

/* Frames. */

static void results_beside_arguments_are_not_touched(void **state)
{
    struct instance *instance;

    (void)state;
    build_function("iii:i", "", CODE(LOCAL_GET, 2));
    instance = instantiate_built();
    slots[3].u64 = 0x5555;
    assert_int_equal(CALL_GUEST(instance, 0, 1, 2, 3), 3);
    assert_int_equal(slots[1].u64, 2);
    assert_int_equal(slots[3].u64, 0x5555);
}

static void locals_begin_as_zero_in_every_call(void **state)
{
    struct bytes locals = {0};
    struct instance *instance;

    (void)state;
    // Sums up what it finds in its locals, then leaves something there.
    put_u32(&locals, 1);
    put_u32(&locals, 3000);
    put(&locals, I64);
    put_all(&locals, CODE(I64_CONST, 0));
    for (uint32_t i = 0; i < 3000; i++) {
        put(&locals, LOCAL_GET);
        put_u32(&locals, i);
        put(&locals, I64_OR);
        put_all(&locals, CODE(I64_CONST, S64(-1)));
        put(&locals, LOCAL_SET);
        put_u32(&locals, i);
    }
    put(&locals, END);
    build_function_raw(build_type(":I"), locals.data, locals.length);
    build_function(":I", "iIfFre",
                   CODE(LOCAL_GET, 0, I64_EXTEND_I32_U, LOCAL_GET, 1, I64_OR, LOCAL_GET, 2,
                        I32_REINTERPRET_F32, I64_EXTEND_I32_U, I64_OR, LOCAL_GET, 3,
                        I64_REINTERPRET_F64, I64_OR, LOCAL_GET, 4, REF_IS_NULL, I32_EQZ,
                        I64_EXTEND_I32_U, I64_OR, LOCAL_GET, 5, REF_IS_NULL, I32_EQZ,
                        I64_EXTEND_I32_U, I64_OR));
    bytes_free(&locals);
    instance = instantiate_built();
    assert_int_equal(CALL_GUEST(instance, 0), 0);
    assert_int_equal(CALL_GUEST(instance, 0), 0);
    assert_int_equal(CALL_GUEST(instance, 1), 0);
}

/* Control. */

static void label_table_takes_the_default_beyond_its_end(void **state)
{
    struct instance *instance;

    (void)state;
    build_function("i:i", "",
                   CODE(BLOCK, EMPTY, BLOCK, EMPTY, BLOCK, EMPTY, LOCAL_GET, 0, BR_TABLE, 2, 0, 1,
                        2, END, I32_CONST, 10, RETURN, END, I32_CONST, 20, RETURN, END, I32_CONST,
                        30));
    build_function("i:i", "", // the index in the accumulator
                   CODE(BLOCK, EMPTY, BLOCK, EMPTY, LOCAL_GET, 0, I32_CONST, 1, I32_ADD, BR_TABLE,
                        1, 0, 1, END, I32_CONST, 10, RETURN, END, I32_CONST, 20));
    instance = instantiate_built();
    assert_int_equal(CALL_GUEST(instance, 0, 0), 10);
    assert_int_equal(CALL_GUEST(instance, 0, 1), 20);
    assert_int_equal(CALL_GUEST(instance, 0, 2), 30);
    assert_int_equal(CALL_GUEST(instance, 0, 3), 30);
    assert_int_equal(CALL_GUEST(instance, 0, 0x80000000), 30);
    assert_int_equal(CALL_GUEST(instance, 0, 0xffffffff), 30);
    assert_int_equal(CALL_GUEST(instance, 1, 0xffffffff), 10);
    assert_int_equal(CALL_GUEST(instance, 1, 0), 20);
}

static void select_looks_at_32_bits_of_its_condition(void **state)
{
    struct instance *instance;

    (void)state;
    build_function("IIi:I", "", CODE(LOCAL_GET, 0, LOCAL_GET, 1, LOCAL_GET, 2, SELECT));
    build_function("ffi:f", "", CODE(LOCAL_GET, 0, LOCAL_GET, 1, LOCAL_GET, 2, I32_EQZ, SELECT));
    build_function(
        "FFi:F", "F",
        CODE(LOCAL_GET, 0, LOCAL_GET, 1, LOCAL_GET, 2, SELECT, LOCAL_SET, 3, LOCAL_GET, 3));
    build_function("III:I", "",
                   CODE(LOCAL_GET, 0, LOCAL_GET, 1, LOCAL_GET, 2, I32_WRAP_I64, SELECT));
    instance = instantiate_built();
    for (uint64_t condition = 0; condition < 2; condition++) {
        assert_int_equal(CALL_GUEST(instance, 0, 7, 8, condition << 31), condition != 0 ? 7 : 8);
        assert_int_equal((uint32_t)CALL_GUEST(instance, 1, 7, 8, condition),
                         condition == 0 ? 7 : 8);
        assert_int_equal(CALL_GUEST(instance, 2, 7, 8, condition), condition != 0 ? 7 : 8);
    }
    assert_int_equal(CALL_GUEST(instance, 3, 7, 8, 0x100000000), 8);
}

static void branch_into_the_middle_of_a_fused_sequence_works(void **state)
{
    struct instance *instance;

    (void)state;
    // The four moves after the label can be fused with those before it.
    build_function("ii:i", "iiii",
                   CODE(BLOCK, EMPTY, LOCAL_GET, 1, BR_IF, 0, LOCAL_GET, 0, LOCAL_SET, 2, LOCAL_GET,
                        2, LOCAL_SET, 3, END, LOCAL_GET, 3, LOCAL_SET, 4, LOCAL_GET, 4, LOCAL_SET,
                        5, LOCAL_GET, 5));
    // A loop back into what was fused with the cells above it.
    build_function("i:i", "i",
                   CODE(I32_CONST, 5, LOCAL_SET, 1, LOOP, EMPTY, LOCAL_GET, 1, I32_CONST, 3,
                        I32_ADD, LOCAL_SET, 1, LOCAL_GET, 0, I32_CONST, 1, I32_SUB, LOCAL_TEE, 0,
                        BR_IF, 0, END, LOCAL_GET, 1));
    instance = instantiate_built();
    assert_int_equal(CALL_GUEST(instance, 0, 42, 0), 42);
    assert_int_equal(CALL_GUEST(instance, 0, 42, 1), 0);
    for (uint64_t i = 1; i < 10; i++)
        assert_int_equal(CALL_GUEST(instance, 1, i), 5 + 3 * i);
}

static void globals_of_each_type_keep_their_values(void **state)
{
    static const char letters[] = "iIfFe";
    static const uint64_t values[] = {0xffffffff, 0xfedcba9876543210, 0x7fa00001,
                                      0x7ff4000000000001, 0x123456789a};
    struct instance *instance;

    (void)state;
    build_global(I32, true, CODE(I32_CONST, 0));
    build_global(I64, true, CODE(I64_CONST, 0));
    build_global(F32, true, CODE(F32_CONST, BITS32(0)));
    build_global(F64, true, CODE(F64_CONST, BITS64(0)));
    build_global(EXTERNREF, true, CODE(REF_NULL, EXTERNREF));
    for (uint8_t i = 0; i < 5; i++) {
        const char setter[] = {letters[i], ':', '\0'}, getter[] = {':', letters[i], '\0'};

        build_function(setter, "", CODE(LOCAL_GET, 0, GLOBAL_SET, i));
        build_function(getter, "", CODE(GLOBAL_GET, i));
    }
    instance = instantiate_built();
    for (uint32_t i = 0; i < 5; i++)
        CALL_GUEST(instance, 2 * i, values[i]);
    for (uint32_t i = 0; i < 5; i++) {
        uint64_t mask = letters[i] == 'f' ? 0xffffffff : UINT64_MAX;

        assert_int_equal(CALL_GUEST(instance, 2 * i + 1) & mask, values[i]);
    }
}

static void globals_take_values_from_accumulators(void **state)
{
    struct instance *instance;

    (void)state;
    build_global(I32, true, CODE(I32_CONST, 0));
    build_global(F32, true, CODE(F32_CONST, BITS32(0)));
    build_global(F64, true, CODE(F64_CONST, BITS64(0)));
    build_function("i:i", "",
                   CODE(LOCAL_GET, 0, I32_CONST, 1, I32_ADD, GLOBAL_SET, 0, GLOBAL_GET, 0));
    build_function("f:f", "", CODE(LOCAL_GET, 0, F32_NEG, GLOBAL_SET, 1, GLOBAL_GET, 1));
    build_function("F:F", "", CODE(LOCAL_GET, 0, F64_NEG, GLOBAL_SET, 2, GLOBAL_GET, 2));
    instance = instantiate_built();
    assert_int_equal(CALL_GUEST(instance, 0, 0xffffffff), 0);
    assert_int_equal((uint32_t)CALL_GUEST(instance, 1, 0x3f800000), 0xbf800000);
    assert_int_equal(CALL_GUEST(instance, 2, 0x3ff0000000000000), 0xbff0000000000000);
}

static void initial_values_are_computed(void **state)
{
    struct instance *instance;

    (void)state;
    build_global(I32, false, CODE(I32_CONST, 40, I32_CONST, 2, I32_ADD));
    build_global(I64, false, CODE(I64_CONST, 6, I64_CONST, 7, I64_MUL, I64_CONST, 1, I64_SUB));
    build_global(F64, false, CODE(F64_CONST, BITS64(0x3ff8000000000000)));
    build_function(":i", "", CODE(GLOBAL_GET, 0));
    build_function(":I", "", CODE(GLOBAL_GET, 1));
    build_function(":F", "", CODE(GLOBAL_GET, 2));
    instance = instantiate_built();
    assert_int_equal(CALL_GUEST(instance, 0), 42);
    assert_int_equal(CALL_GUEST(instance, 1), 41);
    assert_int_equal(CALL_GUEST(instance, 2), 0x3ff8000000000000);
}

/* References. */

static void references_pass_through_locals_globals_and_select(void **state)
{
    struct instance *instance;

    (void)state;
    build_global(EXTERNREF, true, CODE(REF_NULL, EXTERNREF));
    build_function("e:e", "e", CODE(LOCAL_GET, 0, LOCAL_TEE, 1, GLOBAL_SET, 0, GLOBAL_GET, 0));
    build_function("eei:e", "",
                   CODE(LOCAL_GET, 0, LOCAL_GET, 1, LOCAL_GET, 2, SELECT_TYPED, 1, EXTERNREF));
    build_function("e:i", "", CODE(LOCAL_GET, 0, REF_IS_NULL));
    build_function(":r", "", CODE(REF_FUNC, 2));
    build_function(":e", "e", CODE(LOCAL_GET, 0));
    build_export("f", EXTERNAL_FUNCTION, 2);
    instance = instantiate_built();
    assert_int_equal(CALL_GUEST(instance, 0, 0xfedcba9876543210), 0xfedcba9876543210);
    assert_int_equal(CALL_GUEST(instance, 1, 0x1111111111111111, 0x2222222222222222, 1),
                     0x1111111111111111);
    assert_int_equal(CALL_GUEST(instance, 1, 0x1111111111111111, 0x2222222222222222, 0),
                     0x2222222222222222);
    assert_int_equal(CALL_GUEST(instance, 2, 0), 1);
    assert_int_equal(CALL_GUEST(instance, 2, 0x100000000), 0);
    assert_int_equal(CALL_GUEST(instance, 3), (uintptr_t)function_at(instance, 2));
    slots[0].u64 = 99;
    assert_int_equal(CALL_GUEST(instance, 4), 0);
}

/* Places of traps. */

static void assert_place(struct instance *instance, uint32_t funcidx, uint32_t trapping,
                         uint64_t offset, enum trap_code code)
{
    slots[0].u64 = slots[1].u64 = 0;
    assert_int_equal(invoke(instance, funcidx), OUTCOME_TRAP);
    assert_string_equal(trap_wording(trap.code), trap_wording(code));
    assert_true(trap.has_place);
    assert_int_equal(trap.funcidx, trapping);
    assert_int_equal(trap.offset, offset);
    assert_ptr_equal(trap.instance, instance);
}

static void place_of_a_trap_is_its_instruction(void **state)
{
    struct instance *instance;

    (void)state;
    build_table(FUNCREF, 1, 1);
    build_function("ii:i", "", CODE(NOP, LOCAL_GET, 0, LOCAL_GET, 1, I32_DIV_S));
    build_function(":", "iiii", CODE(NOP, NOP, LOCAL_GET, 3, DROP, UNREACHABLE));
    build_function("ii:i", "i", CODE(LOCAL_GET, 2, LOCAL_GET, 0, I32_ADD, LOCAL_GET, 1, I32_REM_U));
    build_function("i:", "", CODE(NOP, NOP, NOP, LOCAL_GET, 0, CALL_INDIRECT, 1, 0));
    build_function("i:", "",
                   CODE(I32_CONST, 0, TABLE_GET, 0, DROP, I32_CONST, 1, TABLE_GET, 0, DROP));
    build_function("f:i", "", CODE(F32_CONST, BITS32(0x7fc00000), NOP, I32_TRUNC_F32_S));
    instance = instantiate_built();
    assert_place(instance, 0, 0, build_code_offset(0) + 5, TRAP_INTEGER_DIVIDE_BY_ZERO);
    assert_place(instance, 1, 1, build_code_offset(1) + 5, TRAP_UNREACHABLE);
    assert_place(instance, 2, 2, build_code_offset(2) + 7, TRAP_INTEGER_DIVIDE_BY_ZERO);
    assert_place(instance, 3, 3, build_code_offset(3) + 5, TRAP_UNINITIALIZED_ELEMENT);
    assert_place(instance, 4, 4, build_code_offset(4) + 7, TRAP_TABLE_OUT_OF_BOUNDS);
    assert_place(instance, 5, 5, build_code_offset(5) + 6, TRAP_INVALID_CONVERSION);
}

static void place_of_a_trap_is_in_the_callee(void **state)
{
    struct instance *instance;

    (void)state;
    build_function(":", "i", CODE(LOCAL_GET, 0, DROP, UNREACHABLE));
    build_function(":", "", CODE(NOP, CALL, 0));
    build_function(":", "", CODE(CALL, 1, UNREACHABLE));
    instance = instantiate_built();
    assert_place(instance, 2, 0, build_code_offset(0) + 3, TRAP_UNREACHABLE);
}

// What a call of the function that calls `callee` tells of a fault between these instructions.
static void assert_fault_place(struct instance *instance, uint32_t caller, uint32_t callee,
                               uint64_t first, uint64_t last)
{
    slots[0].u64 = 0;
    assert_int_equal(invoke(instance, caller), OUTCOME_TRAP);
    assert_int_equal(trap.code, TRAP_MEMORY_OUT_OF_BOUNDS);
    if (!trap.has_place)
        return;
    assert_int_equal(trap.funcidx, callee);
    assert_in_range(trap.offset, build_code_offset(callee) + first,
                    build_code_offset(callee) + last);
}

// A fault leaves only the registers to tell where it was; better nothing than a wrong place.
static void place_of_a_fault_is_in_its_sequence_or_unknown(void **state)
{
    static const struct {
        uint8_t code[20];
        uint8_t length, first, last; // instructions of the sequence
    } callees[] = {
        {{LOCAL_GET, 0, I32_LOAD, 2, 0}, 5, 2, 5},
        {{LOCAL_GET, 0, I32_CONST, 4, I32_ADD, I32_LOAD, 2, 0}, 8, 4, 8},
        {{LOCAL_GET, 0, I32_LOAD, 2, 0, I32_CONST, 3, I32_AND}, 8, 2, 8},
        {{LOCAL_GET, 0, I32_LOAD, 2, 0, I32_CLZ}, 6, 2, 2},
        {{LOCAL_GET, 0, LOCAL_GET, 0, I32_STORE, 2, 0, LOCAL_GET, 0}, 9, 4, 9},
        {{LOCAL_GET, 0, LOCAL_GET, 0, I32_LOAD, 2, 0, I32_STORE, 2, 0, LOCAL_GET, 0}, 12, 4, 12},
        {{LOCAL_GET, 0, I32_LOAD8_U, 0, 0, IF, EMPTY, NOP, END, LOCAL_GET, 0}, 11, 2, 5},
    };
    enum { CALLEES = sizeof callees / sizeof callees[0] };
    struct instance *instance;

    (void)state;
    for (int checked = 0; checked < 2; checked++) {
        engine_replace((struct engine_config){.checked_memory = checked});
        build_memory(0, 0);
        for (uint8_t i = 0; i < CALLEES; i++)
            build_function("i:i", "", callees[i].code, callees[i].length);
        for (uint8_t i = 0; i < CALLEES; i++)
            build_function("i:i", "", CODE(LOCAL_GET, 0, CALL, i, I32_CONST, 1, I32_ADD));
        instance = instantiate_built();
        for (uint32_t i = 0; i < CALLEES; i++) {
            assert_fault_place(instance, i, i, callees[i].first, callees[i].last);
            assert_fault_place(instance, CALLEES + i, i, callees[i].first, callees[i].last);
            assert_true(checked == 0 || trap.has_place);
        }
    }
}

// Instances of a module share its cells, so a fault may leave it open which one ran.
static void instance_of_a_fault_is_the_one_that_ran(void **state)
{
    struct instance *first, *second, *instances[2];
    struct module *module;

    (void)state;
    build_memory(0, 0);
    build_function(":", "", CODE(I32_CONST, 0, I32_LOAD, 2, 0, DROP));
    build_function(":", "", CODE(UNREACHABLE));
    module = load_built();
    assert_int_equal(engine_instantiate(engine, module, &first, &trap, &error), OUTCOME_OK);
    assert_int_equal(engine_instantiate(engine, module, &second, &trap, &error), OUTCOME_OK);
    instances[0] = first;
    instances[1] = second;
    for (int i = 0; i < 2; i++) {
        for (uint32_t funcidx = 0; funcidx < 2; funcidx++) {
            assert_int_equal(invoke(instances[i], funcidx), OUTCOME_TRAP);
            assert_true(trap.instance == NULL || trap.instance == instances[i]);
        }
    }
}

static const struct CMUnitTest tests[] = {
    TEST(results_beside_arguments_are_not_touched),
    TEST(locals_begin_as_zero_in_every_call),
    TEST(label_table_takes_the_default_beyond_its_end),
    TEST(select_looks_at_32_bits_of_its_condition),
    TEST(branch_into_the_middle_of_a_fused_sequence_works),
    TEST(globals_of_each_type_keep_their_values),
    TEST(globals_take_values_from_accumulators),
    TEST(initial_values_are_computed),
    TEST(references_pass_through_locals_globals_and_select),
    TEST(place_of_a_trap_is_its_instruction),
    TEST(place_of_a_trap_is_in_the_callee),
    TEST(place_of_a_fault_is_in_its_sequence_or_unknown),
    TEST(instance_of_a_fault_is_the_one_that_ran),
};

int main(void)
{
    return cmocka_run_group_tests(tests, run_group_set_up, NULL);
}
