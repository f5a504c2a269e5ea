// SPDX-License-Identifier: Apache-2.0
// The operand stack and the control stack: matching, polymorphism, labels, locals of many groups.
#include "tests/unit/wasm/compile_fixture.h"

#include <stdio.h>

static void error_names_instruction_and_both_types(void **state)
{
    (void)state;
    refuse_function("F:i", "", ERROR_TYPE_MISMATCH, 2, CODE(LOCAL_GET, 0, I32_CLZ));
    assert_string_equal(error.message, "type mismatch: i32.clz needs i32 but the operand is f64");
    refuse_function("F:i", "", ERROR_TYPE_MISMATCH, 2, CODE(LOCAL_GET, 0));
    assert_string_equal(error.message, "type mismatch: end needs i32 but the operand is f64");
    refuse_function(":", "", ERROR_UNKNOWN_LOCAL, 0, CODE(LOCAL_GET, 7, DROP));
    assert_string_equal(error.message, "unknown local: 7 of 0");
}

static void first_error_is_the_one_that_is_told(void **state)
{
    (void)state;
    refuse_function("F:i", "", ERROR_TYPE_MISMATCH, 2,
                    CODE(LOCAL_GET, 0, I32_CLZ, LOCAL_GET, 9, BR, 9, I64_CLZ));
}

static void errors_of_later_functions_have_their_own_offsets(void **state)
{
    (void)state;
    build_begin();
    for (int i = 0; i < 5; i++)
        build_function("i:i", "ifF", CODE(LOCAL_GET, 0, NOP, NOP));
    build_function("i:i", "ifF", CODE(LOCAL_GET, 0, NOP, NOP, I64_CLZ));
    assert_false(compile());
    assert_int_equal(error.code, ERROR_TYPE_MISMATCH);
    assert_int_equal(error.offset, build_code_offset(5) + 4);
    assert_int_equal(module_bytes[error.offset], I64_CLZ);
}

static void operands_below_a_block_are_out_of_its_reach(void **state)
{
    (void)state;
    refuse_function("i:i", "", ERROR_TYPE_MISMATCH, 4,
                    CODE(LOCAL_GET, 0, BLOCK, I32, I32_CLZ, END));
    refuse_function("i:", "", ERROR_TYPE_MISMATCH, 4, CODE(LOCAL_GET, 0, LOOP, EMPTY, DROP, END));
    refuse_function("ii:", "", ERROR_TYPE_MISMATCH, 6,
                    CODE(LOCAL_GET, 0, LOCAL_GET, 1, IF, EMPTY, DROP, END));
    refuse_function("ii:", "", ERROR_TYPE_MISMATCH, 7,
                    CODE(LOCAL_GET, 0, LOCAL_GET, 1, IF, EMPTY, ELSE, DROP, END));
}

static void dead_code_does_not_reach_below_its_block_either(void **state)
{
    (void)state;
    // The i64 below is not what the dead i32.clz takes, nor does it vanish.
    assert_translation("I:I", "", "move.64 $0 -> $3; br @2; return.integer.s $3",
                       CODE(LOCAL_GET, 0, BLOCK, EMPTY, BR, 0, I32_CLZ, DROP, END));
}

static void polymorphic_stack_gives_what_is_asked_for(void **state)
{
    (void)state;
    accept_function(":i", "", CODE(UNREACHABLE, I32_ADD));
    accept_function(":F", "", CODE(UNREACHABLE, F64_ADD, F64_NEG));
    accept_function(":", "", CODE(UNREACHABLE, DROP, DROP, DROP));
    accept_function(":r", "", CODE(UNREACHABLE));
    accept_function(":iIfF", "", CODE(UNREACHABLE));
}

static void known_operands_of_a_polymorphic_stack_are_checked(void **state)
{
    (void)state;
    accept_function(":i", "", CODE(UNREACHABLE, I32_CONST, 0, I32_ADD));
    refuse_function(":i", "", ERROR_TYPE_MISMATCH, 3, CODE(UNREACHABLE, I64_CONST, 0, I32_ADD));
    refuse_function(":i", "", ERROR_TYPE_MISMATCH, 3, CODE(UNREACHABLE, I64_CONST, 0));
    refuse_function(":i", "", ERROR_TYPE_MISMATCH, 5,
                    CODE(UNREACHABLE, I32_CONST, 0, I32_CONST, 0));
    refuse_function(":Ii", "", ERROR_TYPE_MISMATCH, 5,
                    CODE(UNREACHABLE, I32_CONST, 0, I32_CONST, 0));
}

static void missing_operands_of_a_polymorphic_stack_are_the_lower_ones(void **state)
{
    (void)state;
    accept_function(":iI", "", CODE(UNREACHABLE, I64_CONST, 0));
    accept_function(":iI", "", CODE(UNREACHABLE, I64_CONST, 0, BR, 0));
    accept_function(":iI", "", CODE(UNREACHABLE, I64_CONST, 0, RETURN));
    accept_function(":iI", "", CODE(UNREACHABLE, I64_CONST, 0, I32_CONST, 0, BR_TABLE, 0, 0));
    refuse_function(":iI", "", ERROR_TYPE_MISMATCH, 3, CODE(UNREACHABLE, I32_CONST, 0));
    refuse_function(":iI", "", ERROR_TYPE_MISMATCH, 3, CODE(UNREACHABLE, I32_CONST, 0, BR, 0));
    refuse_function(":iI", "", ERROR_TYPE_MISMATCH, 3, CODE(UNREACHABLE, I32_CONST, 0, RETURN));
    refuse_function(":iI", "", ERROR_TYPE_MISMATCH, 5,
                    CODE(UNREACHABLE, I32_CONST, 0, I32_CONST, 0, BR_TABLE, 0, 0));
}

static void blocks_in_dead_code_begin_with_an_ordinary_stack(void **state)
{
    (void)state;
    refuse_function(":", "", ERROR_TYPE_MISMATCH, 3, CODE(UNREACHABLE, BLOCK, EMPTY, DROP, END));
    refuse_function(":i", "", ERROR_TYPE_MISMATCH, 3, CODE(UNREACHABLE, BLOCK, I32, END));
    refuse_function(":", "", ERROR_TYPE_MISMATCH, 4, CODE(UNREACHABLE, IF, EMPTY, NOP, DROP, END));
}

static void code_after_a_dead_block_is_still_polymorphic(void **state)
{
    (void)state;
    accept_function(":i", "", CODE(UNREACHABLE, BLOCK, EMPTY, END, I32_ADD));
    accept_function(":i", "", CODE(UNREACHABLE, BLOCK, I32, I32_CONST, 0, END, I32_ADD));
    refuse_function(":i", "", ERROR_TYPE_MISMATCH, 6,
                    CODE(UNREACHABLE, BLOCK, I64, I64_CONST, 0, END, I32_ADD));
}

static void code_after_a_block_that_ended_early_is_not_polymorphic(void **state)
{
    (void)state;
    // Inside the block everything was dead; behind it the stack is the block's results.
    refuse_function(":i", "", ERROR_TYPE_MISMATCH, 4,
                    CODE(BLOCK, EMPTY, UNREACHABLE, END, I32_CLZ));
    refuse_function(":I", "", ERROR_TYPE_MISMATCH, 4, CODE(BLOCK, I32, UNREACHABLE, END, I64_CLZ));
    accept_function(":i", "", CODE(BLOCK, I32, UNREACHABLE, END, I32_CLZ));
}

static void else_arm_is_not_polymorphic_for_what_the_first_arm_did(void **state)
{
    (void)state;
    refuse_function("i:i", "", ERROR_TYPE_MISMATCH, 6,
                    CODE(LOCAL_GET, 0, IF, I32, UNREACHABLE, ELSE, END));
    refuse_function("i:i", "", ERROR_TYPE_MISMATCH, 6,
                    CODE(LOCAL_GET, 0, IF, I32, UNREACHABLE, ELSE, I32_CLZ, END));
}

static void unreachable_return_and_branches_make_code_dead(void **state)
{
    (void)state;
    accept_function(":i", "", CODE(UNREACHABLE, I32_CLZ));
    accept_function("i:i", "", CODE(LOCAL_GET, 0, RETURN, I32_CLZ));
    accept_function("i:i", "", CODE(LOCAL_GET, 0, BR, 0, I32_CLZ));
    accept_function("i:i", "", CODE(LOCAL_GET, 0, LOCAL_GET, 0, BR_TABLE, 0, 0, I32_CLZ));
    refuse_function("i:i", "", ERROR_TYPE_MISMATCH, 6,
                    CODE(BLOCK, EMPTY, LOCAL_GET, 0, BR_IF, 0, I32_CLZ, END, LOCAL_GET, 0));
}

static void instructions_that_end_a_path_leave_nothing_on_the_stack(void **state)
{
    (void)state;
    // What was there before does not count any more.
    accept_function("I:i", "", CODE(LOCAL_GET, 0, UNREACHABLE, I32_CLZ));
    accept_function("Ii:i", "", CODE(LOCAL_GET, 0, LOCAL_GET, 1, RETURN));
    accept_function("Ii:i", "", CODE(LOCAL_GET, 0, LOCAL_GET, 1, BR, 0));
}

/* References. */

static void function_reference_fits_funcref_and_no_externref(void **state)
{
    (void)state;
    build_begin();
    build_function(":r", "", CODE(REF_FUNC, 0));
    build_element(SEGMENT_DECLARATIVE, 0, CODE(0));
    compile_accept();
    build_begin();
    build_function(":e", "", CODE(REF_FUNC, 0));
    build_element(SEGMENT_DECLARATIVE, 0, CODE(0));
    assert_false(compile());
    assert_int_equal(error.code, ERROR_TYPE_MISMATCH);
    refuse_function("r:e", "", ERROR_TYPE_MISMATCH, 2, CODE(LOCAL_GET, 0));
    refuse_function("e:r", "", ERROR_TYPE_MISMATCH, 2, CODE(LOCAL_GET, 0));
    refuse_function(":r", "", ERROR_TYPE_MISMATCH, 2, CODE(REF_NULL, EXTERNREF));
}

/* Locals. */

static void put_group(struct bytes *code, uint32_t count, uint8_t type)
{
    put_u32(code, count);
    put(code, type);
}

// Locals of groups, some of them empty, on both sides of what is looked up in an array.
static void locals_of_many_groups_have_their_types(void **state)
{
    static const struct {
        uint32_t local;
        uint8_t type;
    } expected[] = {{0, I32},        {999, I32},  {1000, I64}, {1022, I64},
                    {1023, F32},     {1024, F32}, {1025, F64}, {1026, FUNCREF},
                    {5999, FUNCREF}, {6000, I32}, {6001, F64}};

    (void)state;
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        for (uint8_t asked = F64; asked <= I32; asked++) {
            struct bytes body = {0};

            put_u32(&body, 11);
            put_group(&body, 1000, I32);
            put_group(&body, 0, F64);
            put_group(&body, 23, I64);
            put_group(&body, 2, F32);
            put_group(&body, 0, I64);
            put_group(&body, 0, FUNCREF);
            put_group(&body, 1, F64);
            put_group(&body, 4974, FUNCREF);
            put_group(&body, 1, I32);
            put_group(&body, 0, I32);
            put_group(&body, 1, F64);
            put(&body, BLOCK);
            put(&body, asked);
            put(&body, LOCAL_GET);
            put_u32(&body, expected[i].local);
            put_all(&body, CODE(END, DROP, END));
            build_begin();
            build_function_raw(build_type(":"), body.data, body.length);
            assert_int_equal(compile(), asked == expected[i].type);
            bytes_free(&body);
        }
    }
}

static void parameters_are_the_first_locals(void **state)
{
    (void)state;
    accept_function("Fi:i", "Ir", CODE(LOCAL_GET, 1));
    accept_function("Fi:F", "Ir", CODE(LOCAL_GET, 0));
    accept_function("Fi:I", "Ir", CODE(LOCAL_GET, 2));
    accept_function("Fi:r", "Ir", CODE(LOCAL_GET, 3));
    refuse_function("Fi:", "Ir", ERROR_UNKNOWN_LOCAL, 0, CODE(LOCAL_GET, 4, DROP));
}

/* What is left of a body. */

static void body_must_end(void **state)
{
    const uint8_t without_end[] = {0, NOP, NOP};
    const uint8_t inside_block[] = {0, BLOCK, EMPTY, END};

    (void)state;
    build_begin();
    build_function_raw(build_type(":"), without_end, sizeof without_end);
    assert_false(compile());
    assert_int_equal(error.code, ERROR_UNEXPECTED_END_OF_SECTION);
    build_begin();
    build_function_raw(build_type(":"), inside_block, sizeof inside_block);
    assert_false(compile());
    assert_int_equal(error.code, ERROR_UNEXPECTED_END_OF_SECTION);
}

static void nothing_may_follow_the_last_end(void **state)
{
    (void)state;
    refuse_function(":", "", ERROR_END_OPCODE_EXPECTED, 1, CODE(END));
    refuse_function(":", "", ERROR_END_OPCODE_EXPECTED, 1, CODE(END, NOP));
}

static void malformed_instructions_are_told_from_invalid_ones(void **state)
{
    (void)state;
    refuse_function(":", "", ERROR_ILLEGAL_OPCODE, 1, CODE(NOP, 0xff));
    assert_int_equal(error_kind(error.code), ERROR_KIND_MALFORMED);
    refuse_function(":", "", ERROR_MISPLACED_ELSE, 1, CODE(NOP, ELSE));
    assert_int_equal(error_kind(error.code), ERROR_KIND_MALFORMED);
}

static const struct CMUnitTest tests[] = {
    TEST(error_names_instruction_and_both_types),
    TEST(first_error_is_the_one_that_is_told),
    TEST(errors_of_later_functions_have_their_own_offsets),
    TEST(operands_below_a_block_are_out_of_its_reach),
    TEST(dead_code_does_not_reach_below_its_block_either),
    TEST(polymorphic_stack_gives_what_is_asked_for),
    TEST(known_operands_of_a_polymorphic_stack_are_checked),
    TEST(missing_operands_of_a_polymorphic_stack_are_the_lower_ones),
    TEST(blocks_in_dead_code_begin_with_an_ordinary_stack),
    TEST(code_after_a_dead_block_is_still_polymorphic),
    TEST(code_after_a_block_that_ended_early_is_not_polymorphic),
    TEST(else_arm_is_not_polymorphic_for_what_the_first_arm_did),
    TEST(unreachable_return_and_branches_make_code_dead),
    TEST(instructions_that_end_a_path_leave_nothing_on_the_stack),
    TEST(function_reference_fits_funcref_and_no_externref),
    TEST(locals_of_many_groups_have_their_types),
    TEST(parameters_are_the_first_locals),
    TEST(body_must_end),
    TEST(nothing_may_follow_the_last_end),
    TEST(malformed_instructions_are_told_from_invalid_ones),
};

int main(void)
{
    return cmocka_run_group_tests(tests, NULL, NULL);
}
