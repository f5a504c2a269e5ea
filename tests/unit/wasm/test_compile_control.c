// SPDX-License-Identifier: Apache-2.0
// Blocks and branches: which cells they become, where the values of labels stand, what is dead.
#include "tests/unit/wasm/compile_fixture.h"

// Functions with block types of their own: type 0 is the function's, then come these.
enum { TYPE_I_I = 1, TYPE_II, TYPE_II_II, TYPE_I };

static void build_with_types(const char *signature, const uint8_t *code, size_t length)
{
    build_begin();
    build_type("fFfFfF:"); // so that the function's type is not one of the others
    assert_int_equal(build_type("i:i"), TYPE_I_I);
    assert_int_equal(build_type(":ii"), TYPE_II);
    assert_int_equal(build_type("ii:ii"), TYPE_II_II);
    assert_int_equal(build_type("i:"), TYPE_I);
    build_function(signature, "", code, length);
}

static void assert_with_types(const char *signature, const char *expected, const uint8_t *code,
                              size_t length)
{
    build_with_types(signature, code, length);
    compile_accept();
    assert_code(0, expected);
}

static void refuse_with_types(const char *signature, enum error_code code, size_t at,
                              const uint8_t *bytes, size_t length)
{
    build_with_types(signature, bytes, length);
    assert_false(compile());
    assert_string_equal(error_wording(error.code), error_wording(code));
    assert_int_equal(error.offset, build_code_offset(0) + at);
}

/* Conditions. */

static void comparison_and_branch_become_one_cell(void **state)
{
    (void)state;
    assert_translation("ii:", "", "br.i32.lt_s.ss $0 $1 @1; return.0",
                       CODE(BLOCK, EMPTY, LOCAL_GET, 0, LOCAL_GET, 1, I32_LT_S, BR_IF, 0, END));
    assert_translation("I:", "", "br.i64.ge_u.si $0 5 @1; return.0",
                       CODE(BLOCK, EMPTY, LOCAL_GET, 0, I64_CONST, 5, I64_GE_U, BR_IF, 0, END));
    assert_translation("iii:", "", "i32.add.ss.n $0 $1; br.i32.eq.rs $2 @2; return.0",
                       CODE(BLOCK, EMPTY, LOCAL_GET, 0, LOCAL_GET, 1, I32_ADD, LOCAL_GET, 2, I32_EQ,
                            BR_IF, 0, END));
    assert_translation("ii:", "", "i32.add.ss.n $0 $1; br.i32.gt_u.ri 9 @2; return.0",
                       CODE(BLOCK, EMPTY, LOCAL_GET, 0, LOCAL_GET, 1, I32_ADD, I32_CONST, 9,
                            I32_GT_U, BR_IF, 0, END));
    assert_translation("FF:", "", "br.f64.le.ss $0 $1 @1; return.0",
                       CODE(BLOCK, EMPTY, LOCAL_GET, 0, LOCAL_GET, 1, F64_LE, BR_IF, 0, END));
}

static void if_branches_on_the_opposite(void **state)
{
    (void)state;
    assert_translation(
        "ii:", "", "br.i32.ge_s.ss $0 $1 @2; const.u32 1 -> $0; return.0",
        CODE(LOCAL_GET, 0, LOCAL_GET, 1, I32_LT_S, IF, EMPTY, I32_CONST, 1, LOCAL_SET, 0, END));
    assert_translation(
        "iFF:", "", "br_not.f64.lt.ss $1 $2 @2; const.u32 1 -> $0; return.0",
        CODE(LOCAL_GET, 1, LOCAL_GET, 2, F64_LT, IF, EMPTY, I32_CONST, 1, LOCAL_SET, 0, END));
    assert_translation(
        "iff:", "", "br_not.f32.ne.ss $1 $2 @2; const.u32 1 -> $0; return.0",
        CODE(LOCAL_GET, 1, LOCAL_GET, 2, F32_NE, IF, EMPTY, I32_CONST, 1, LOCAL_SET, 0, END));
}

static void immediates_of_branches_have_16_bits(void **state)
{
    (void)state;
    assert_translation(
        "i:", "", "br.i32.lt_s.si $0 32767 @1; return.0",
        CODE(BLOCK, EMPTY, LOCAL_GET, 0, I32_CONST, S32(32767), I32_LT_S, BR_IF, 0, END));
    assert_translation(
        "I:", "", "br.i64.lt_s.si $0 -32768 @1; return.0",
        CODE(BLOCK, EMPTY, LOCAL_GET, 0, I64_CONST, S64(-32768), I64_LT_S, BR_IF, 0, END));
    assert_translation(
        "i:", "", "i32.lt_s.si.n $0 32768; br.i32.ne.ri 0 @2; return.0",
        CODE(BLOCK, EMPTY, LOCAL_GET, 0, I32_CONST, S32(32768), I32_LT_S, BR_IF, 0, END));
    assert_translation(
        "I:", "", "i64.lt_s.si.n $0 -32769; br.i32.ne.ri 0 @2; return.0",
        CODE(BLOCK, EMPTY, LOCAL_GET, 0, I64_CONST, S64(-32769), I64_LT_S, BR_IF, 0, END));
}

static void float_immediates_of_branches_are_those_of_64_bits(void **state)
{
    (void)state;
    assert_translation("F:", "", "br.f64.lt.si $0 1.5F @1; return.0",
                       CODE(BLOCK, EMPTY, LOCAL_GET, 0, F64_CONST, BITS64(0x3ff8000000000000),
                            F64_LT, BR_IF, 0, END));
    assert_translation(
        "f:", "", "f32.lt.si.n $0 1.5f; br.i32.ne.ri 0 @2; return.0",
        CODE(BLOCK, EMPTY, LOCAL_GET, 0, F32_CONST, BITS32(0x3fc00000), F32_LT, BR_IF, 0, END));
}

static void comparison_of_f32_with_a_constant_is_not_fused_whatever_the_constant(void **state)
{
    (void)state;
    assert_translation(
        "f:", "", "f32.eq.si.n $0 0f; br.i32.ne.ri 0 @2; return.0",
        CODE(BLOCK, EMPTY, LOCAL_GET, 0, F32_CONST, BITS32(0), F32_EQ, BR_IF, 0, END));
}

static void any_other_condition_is_compared_with_zero(void **state)
{
    (void)state;
    assert_translation("i:", "", "br.i32.ne.si $0 0 @1; return.0",
                       CODE(BLOCK, EMPTY, LOCAL_GET, 0, BR_IF, 0, END));
    assert_translation("ii:", "", "i32.add.ss.n $0 $1; br.i32.ne.ri 0 @2; return.0",
                       CODE(BLOCK, EMPTY, LOCAL_GET, 0, LOCAL_GET, 1, I32_ADD, BR_IF, 0, END));
    assert_translation(":", "", "const.u32 7 -> $2; br.i32.ne.si $2 0 @2; return.0",
                       CODE(BLOCK, EMPTY, I32_CONST, 7, BR_IF, 0, END));
    assert_translation("i:", "", "br.i32.eq.si $0 0 @1; return.0",
                       CODE(BLOCK, EMPTY, LOCAL_GET, 0, I32_EQZ, BR_IF, 0, END));
}

static void comparison_that_a_local_keeps_is_not_fused(void **state)
{
    (void)state;
    assert_translation(
        "iii:", "", "i32.lt_s.ss $0 $1 -> $2; br.i32.ne.ri 0 @2; return.0",
        CODE(BLOCK, EMPTY, LOCAL_GET, 0, LOCAL_GET, 1, I32_LT_S, LOCAL_TEE, 2, BR_IF, 0, END));
}

static void comparison_that_became_a_branch_leaves_the_accumulator(void **state)
{
    (void)state;
    assert_translation("ii:", "",
                       "i32.add.ss $0 $1 -> $0; br.i32.ge_s.rs $1 @3; i32.mul.ri 3 -> $1; "
                       "return.0",
                       CODE(LOCAL_GET, 0, LOCAL_GET, 1, I32_ADD, LOCAL_TEE, 0, LOCAL_GET, 1,
                            I32_LT_S, IF, EMPTY, LOCAL_GET, 0, I32_CONST, 3, I32_MUL, LOCAL_SET, 1,
                            END));
}

static void accumulator_spent_on_a_fused_comparison_is_not_used_again(void **state)
{
    (void)state;
    // The sum is consumed by the comparison, so that r0 has no slot's value behind it.
    assert_translation("ii:", "",
                       "i32.add.ss.n $0 $1; br.i32.ge_s.ri 5 @3; i32.mul.si $0 3 -> $1; return.0",
                       CODE(LOCAL_GET, 0, LOCAL_GET, 1, I32_ADD, I32_CONST, 5, I32_LT_S, IF, EMPTY,
                            LOCAL_GET, 0, I32_CONST, 3, I32_MUL, LOCAL_SET, 1, END));
}

static void moves_before_an_if_keep_it_from_fusing(void **state)
{
    (void)state;
    // Local 0 lies below and must go to its home on both paths.
    assert_translation("ii:i", "",
                       "i32.lt_s.ss.n $0 $1; move.64 $0 -> $4; br.i32.eq.ri 0 @4; "
                       "const.u32 1 -> $0; return.integer.s $4",
                       CODE(LOCAL_GET, 0, LOCAL_GET, 0, LOCAL_GET, 1, I32_LT_S, IF, EMPTY,
                            I32_CONST, 1, LOCAL_SET, 0, END));
}

/* Labels without values. */

static void branch_to_a_loop_goes_to_its_first_cell(void **state)
{
    (void)state;
    assert_translation(":", "", "br @0", CODE(LOOP, EMPTY, BR, 0, END));
    assert_translation("i:", "",
                       "const.u32 1 -> $0; i32.add.si $0 2 -> $0; br.i32.ne.ri 0 @1; return.0",
                       CODE(I32_CONST, 1, LOCAL_SET, 0, LOOP, EMPTY, LOCAL_GET, 0, I32_CONST, 2,
                            I32_ADD, LOCAL_TEE, 0, BR_IF, 0, END));
}

static void branch_out_of_blocks_goes_behind_their_end(void **state)
{
    (void)state;
    assert_translation("i:", "",
                       "br.i32.ne.si $0 0 @3; br.i32.ne.si $0 0 @4; const.u32 1 -> $0; "
                       "const.u32 2 -> $0; return.0",
                       CODE(BLOCK, EMPTY, BLOCK, EMPTY, LOCAL_GET, 0, BR_IF, 0, LOCAL_GET, 0, BR_IF,
                            1, I32_CONST, 1, LOCAL_SET, 0, END, I32_CONST, 2, LOCAL_SET, 0, END));
}

static void all_branches_to_one_label_find_it(void **state)
{
    (void)state;
    assert_translation("i:", "",
                       "br.i32.ne.si $0 0 @4; br.i32.ne.si $0 0 @4; br.i32.ne.si $0 0 @4; "
                       "const.u32 1 -> $0; return.0",
                       CODE(BLOCK, EMPTY, LOCAL_GET, 0, BR_IF, 0, LOCAL_GET, 0, BR_IF, 0, LOCAL_GET,
                            0, BR_IF, 0, I32_CONST, 1, LOCAL_SET, 0, END));
}

static void branch_to_the_function_is_a_return(void **state)
{
    (void)state;
    assert_translation("i:i", "", "return.integer.s $0", CODE(LOCAL_GET, 0, BR, 0));
    assert_translation("i:i", "", "return.integer.s $0", CODE(LOCAL_GET, 0, RETURN));
    assert_translation("i:i", "",
                       "br.i32.eq.si $0 0 @3; const.u32 5 -> $3; return.integer.s $3; "
                       "const.u32 5 -> $3; return.integer.s $3",
                       CODE(I32_CONST, 5, LOCAL_GET, 0, BR_IF, 0));
    assert_translation("i:", "", "br.i32.eq.si $0 0 @2; return.0; return.0",
                       CODE(LOCAL_GET, 0, BR_IF, 0));
}

static void accumulators_are_unknown_at_a_label(void **state)
{
    (void)state;
    assert_translation("ii:i", "",
                       "br.i32.ne.si $1 0 @2; i32.add.si $0 1 -> $0; return.integer.s $0",
                       CODE(BLOCK, EMPTY, LOCAL_GET, 1, BR_IF, 0, LOCAL_GET, 0, I32_CONST, 1,
                            I32_ADD, LOCAL_SET, 0, END, LOCAL_GET, 0));
    assert_translation("ii:i", "",
                       "i32.add.ss $0 $1 -> $0; i32.mul.si $0 3 -> $1; br.i32.ne.ri 0 @1; "
                       "return.integer.r",
                       CODE(LOCAL_GET, 0, LOCAL_GET, 1, I32_ADD, LOCAL_SET, 0, LOOP, EMPTY,
                            LOCAL_GET, 0, I32_CONST, 3, I32_MUL, LOCAL_TEE, 1, BR_IF, 0, END,
                            LOCAL_GET, 1));
}

static void results_of_a_block_that_nobody_leaves_early_stay_where_they_are(void **state)
{
    (void)state;
    assert_translation("i:i", "", "i32.add.si.n $0 1; return.integer.r",
                       CODE(BLOCK, I32, LOCAL_GET, 0, END, I32_CONST, 1, I32_ADD));
    assert_translation("i:i", "", "const.u32 5 -> $0; return.integer.s $0",
                       CODE(BLOCK, I32, I32_CONST, 5, END, LOCAL_SET, 0, LOCAL_GET, 0));
}

static void accumulators_outlive_a_block_that_nobody_leaves_early(void **state)
{
    (void)state;
    assert_translation(
        "ii:i", "", "i32.add.ss.n $0 $1; i32.mul.ri.n 3; return.integer.r",
        CODE(BLOCK, I32, LOCAL_GET, 0, LOCAL_GET, 1, I32_ADD, END, I32_CONST, 3, I32_MUL));
}

/* Labels with values. */

static void values_are_moved_to_the_homes_of_the_label(void **state)
{
    (void)state;
    assert_translation("i:i", "", "move.64 $0 -> $3; br @2; return.integer.s $3",
                       CODE(BLOCK, I32, LOCAL_GET, 0, BR, 0, END));
    assert_translation(
        "ii:i", "", "i32.add.ss.n $0 $1; set.integer -> $4; br @3; return.integer.s $4",
        CODE(BLOCK, I32, I32_CONST, 9, LOCAL_GET, 0, LOCAL_GET, 1, I32_ADD, BR, 0, END));
    // Homes $4 and $5; the values' own are one further up.
    assert_with_types("ii:ii",
                      "i32.clz.s $0 -> $5; i32.ctz.s.n $1; move.64 $5 -> $4; set.integer -> $5; "
                      "br @5; move.64 $4 -> $0; move.64 $5 -> $1; return.0",
                      CODE(BLOCK, TYPE_II, I32_CONST, 9, LOCAL_GET, 0, I32_CLZ, LOCAL_GET, 1,
                           I32_CTZ, BR, 0, END));
}

static void value_in_its_home_needs_no_move(void **state)
{
    (void)state;
    assert_translation("ii:i", "", "i32.add.ss $0 $1 -> $4; br @2; return.integer.s $4",
                       CODE(BLOCK, I32, LOCAL_GET, 0, LOCAL_GET, 1, I32_ADD, BR, 0, END));
}

static void conditional_branch_with_values_at_home_is_one_cell(void **state)
{
    (void)state;
    assert_translation(
        "i:i", "", "i32.add.si $0 1 -> $3; br.i32.ne.si $0 0 @2; return.integer.s $3",
        CODE(BLOCK, I32, LOCAL_GET, 0, I32_CONST, 1, I32_ADD, LOCAL_GET, 0, BR_IF, 0, END));
}

static void value_that_the_taken_branch_needs_stays_stored(void **state)
{
    (void)state;
    // Behind the branch the sum is consumed through the accumulator, but its store must stay.
    assert_translation("ii:i", "",
                       "i32.add.ss $0 $1 -> $4; br.i32.lt_s.ss $0 $1 @3; i32.mul.ri 3 -> $4; "
                       "return.integer.s $4",
                       CODE(BLOCK, I32, LOCAL_GET, 0, LOCAL_GET, 1, I32_ADD, LOCAL_GET, 0,
                            LOCAL_GET, 1, I32_LT_S, BR_IF, 0, I32_CONST, 3, I32_MUL, END));
}

static void conditional_branch_moves_values_on_the_taken_path_only(void **state)
{
    (void)state;
    assert_translation("i:i", "",
                       "br.i32.eq.si $0 0 @3; const.u32 7 -> $3; br @4; const.u32 7 -> $3; "
                       "return.integer.s $3",
                       CODE(BLOCK, I32, I32_CONST, 7, LOCAL_GET, 0, BR_IF, 0, END));
    assert_translation(
        "ii:i", "",
        "br.i32.lt_s.ss $0 $1 @3; move.64 $0 -> $4; br @4; move.64 $0 -> $4; "
        "return.integer.s $4",
        CODE(BLOCK, I32, LOCAL_GET, 0, LOCAL_GET, 0, LOCAL_GET, 1, I32_GE_S, BR_IF, 0, END));
}

static void several_values_are_in_their_homes_on_both_paths(void **state)
{
    (void)state;
    assert_translation("ii:ii", "",
                       "move.64 $0 -> $4; move.64 $1 -> $5; br.i32.eq.si $0 0 @6; "
                       "move.64 $4 -> $0; move.64 $5 -> $1; return.0; move.64 $4 -> $0; "
                       "move.64 $5 -> $1; return.0",
                       CODE(LOCAL_GET, 0, LOCAL_GET, 1, LOCAL_GET, 0, BR_IF, 0));
}

static void value_behind_a_branch_that_was_not_taken_is_where_it_was(void **state)
{
    (void)state;
    // The constant is still one: it becomes an immediate.
    assert_translation(
        "ii:i", "",
        "br.i32.eq.si $0 0 @3; const.u32 7 -> $4; br @4; i32.add.si $1 7 -> $4; "
        "return.integer.s $4",
        CODE(BLOCK, I32, I32_CONST, 7, LOCAL_GET, 0, BR_IF, 0, LOCAL_GET, 1, I32_ADD, END));
}

static void accumulator_outlives_a_branch_that_was_not_taken(void **state)
{
    (void)state;
    // The sum at height 1 would have to be moved to height 0, where the taken path wants it.
    assert_translation("ii:i", "",
                       "i32.add.ss $0 $1 -> $5; br.i32.ge_s.ss $0 $1 @4; set.integer -> $4; "
                       "br @6; i32.mul.ri 3 -> $0; set.integer -> $4; return.integer.s $4",
                       CODE(BLOCK, I32, I32_CONST, 9, LOCAL_GET, 0, LOCAL_GET, 1, I32_ADD,
                            LOCAL_GET, 0, LOCAL_GET, 1, I32_LT_S, BR_IF, 0, I32_CONST, 3, I32_MUL,
                            LOCAL_SET, 0, DROP, LOCAL_GET, 0, END));
}

static void pending_locals_go_to_their_homes_before_a_block(void **state)
{
    (void)state;
    assert_translation("i:i", "", "move.64 $0 -> $3; const.u32 1 -> $0; return.integer.s $3",
                       CODE(LOCAL_GET, 0, BLOCK, EMPTY, I32_CONST, 1, LOCAL_SET, 0, END));
    assert_translation(
        "i:i", "",
        "move.64 $0 -> $3; br.i32.eq.si $0 0 @3; const.u32 1 -> $0; "
        "return.integer.s $3",
        CODE(LOCAL_GET, 0, LOCAL_GET, 0, IF, EMPTY, I32_CONST, 1, LOCAL_SET, 0, END));
}

static void constants_stay_constants_across_a_block(void **state)
{
    (void)state;
    assert_translation("i:i", "",
                       "br.i32.ne.si $0 0 @2; const.u32 1 -> $0; i32.add.si.n $0 9; "
                       "return.integer.r",
                       CODE(I32_CONST, 9, BLOCK, EMPTY, LOCAL_GET, 0, BR_IF, 0, I32_CONST, 1,
                            LOCAL_SET, 0, END, LOCAL_GET, 0, I32_ADD));
}

static void parameters_of_a_block_stand_in_their_homes(void **state)
{
    (void)state;
    assert_with_types("i:i", "move.64 $0 -> $3; i32.add.si.n $3 1; return.integer.r",
                      CODE(LOCAL_GET, 0, BLOCK, TYPE_I_I, I32_CONST, 1, I32_ADD, END));
    assert_with_types(":i", "const.u32 5 -> $3; i32.add.si.n $3 1; return.integer.r",
                      CODE(I32_CONST, 5, BLOCK, TYPE_I_I, I32_CONST, 1, I32_ADD, END));
}

static void branch_to_a_loop_moves_values_to_its_parameters(void **state)
{
    (void)state;
    assert_with_types(
        "i:i",
        "move.64 $0 -> $3; i32.add.si $3 -1 -> $3; br.i32.ne.si $0 0 @1; "
        "return.integer.r",
        CODE(LOCAL_GET, 0, LOOP, TYPE_I_I, I32_CONST, 1, I32_SUB, LOCAL_GET, 0, BR_IF, 0, END));
    assert_with_types("i:", "move.64 $0 -> $3; const.u32 4 -> $3; br @1",
                      CODE(LOCAL_GET, 0, LOOP, TYPE_I, DROP, I32_CONST, 4, BR, 0, END));
}

/* if and else. */

static void arms_of_an_if_meet_in_the_homes(void **state)
{
    (void)state;
    assert_translation("i:i", "",
                       "br.i32.eq.si $0 0 @3; const.u32 1 -> $3; br @4; const.u32 2 -> $3; "
                       "return.integer.s $3",
                       CODE(LOCAL_GET, 0, IF, I32, I32_CONST, 1, ELSE, I32_CONST, 2, END));
    assert_translation(
        "ii:i", "",
        "br.i32.eq.si $0 0 @3; move.64 $0 -> $4; br @4; i32.add.ss $0 $1 -> $4; "
        "return.integer.s $4",
        CODE(LOCAL_GET, 0, IF, I32, LOCAL_GET, 0, ELSE, LOCAL_GET, 0, LOCAL_GET, 1, I32_ADD, END));
}

static void value_that_both_arms_need_stays_stored(void **state)
{
    (void)state;
    assert_with_types("ii:i",
                      "i32.add.ss $0 $1 -> $4; br.i32.eq.si $0 0 @4; i32.mul.ri 3 -> $4; br @5; "
                      "i32.mul.si $4 5 -> $4; return.integer.s $4",
                      CODE(LOCAL_GET, 0, LOCAL_GET, 1, I32_ADD, LOCAL_GET, 0, IF, TYPE_I_I,
                           I32_CONST, 3, I32_MUL, ELSE, I32_CONST, 5, I32_MUL, END));
}

static void if_without_else_keeps_its_parameters(void **state)
{
    (void)state;
    assert_with_types("i:i",
                      "const.u32 7 -> $3; br.i32.eq.si $0 0 @3; i32.add.si $3 1 -> $3; "
                      "return.integer.s $3",
                      CODE(I32_CONST, 7, LOCAL_GET, 0, IF, TYPE_I_I, I32_CONST, 1, I32_ADD, END));
}

static void arm_that_does_not_end_needs_no_jump(void **state)
{
    (void)state;
    assert_translation("i:i", "",
                       "br.i32.eq.si $0 0 @2; return.integer.s $0; const.u32 2 -> $3; "
                       "return.integer.s $3",
                       CODE(LOCAL_GET, 0, IF, I32, LOCAL_GET, 0, RETURN, ELSE, I32_CONST, 2, END));
    assert_translation("i:i", "",
                       "br.i32.eq.si $0 0 @3; const.u32 2 -> $3; br @4; unreachable; "
                       "return.integer.s $3",
                       CODE(LOCAL_GET, 0, IF, I32, I32_CONST, 2, ELSE, UNREACHABLE, END));
}

static void empty_arms_leave_the_branch(void **state)
{
    (void)state;
    assert_translation("i:", "", "br.i32.eq.si $0 0 @1; return.0",
                       CODE(LOCAL_GET, 0, IF, EMPTY, END));
    assert_translation("i:", "", "br.i32.eq.si $0 0 @2; br @2; return.0",
                       CODE(LOCAL_GET, 0, IF, EMPTY, ELSE, END));
}

/* br_table. */

static void entries_of_a_table_go_straight_to_labels(void **state)
{
    (void)state;
    assert_translation("i:", "", "br_table.s $0 @1 @2; const.u32 1 -> $0; return.0",
                       CODE(BLOCK, EMPTY, BLOCK, EMPTY, LOCAL_GET, 0, BR_TABLE, 1, 0, 1, END,
                            I32_CONST, 1, LOCAL_SET, 0, END));
    assert_translation("i:", "", "i32.clz.s.n $0; br_table.r @2 @3 @2; const.u32 1 -> $0; return.0",
                       CODE(BLOCK, EMPTY, BLOCK, EMPTY, LOCAL_GET, 0, I32_CLZ, BR_TABLE, 2, 0, 1, 0,
                            END, I32_CONST, 1, LOCAL_SET, 0, END));
    assert_translation("i:", "", "br_table.s $0 @0 @1; return.0",
                       CODE(LOOP, EMPTY, BLOCK, EMPTY, LOCAL_GET, 0, BR_TABLE, 1, 1, 0, END, END));
}

static void table_without_entries_has_its_default(void **state)
{
    (void)state;
    assert_translation("i:", "", "br_table.s $0 @1; return.0",
                       CODE(BLOCK, EMPTY, LOCAL_GET, 0, BR_TABLE, 0, 0, END));
}

static void cells_after_a_table_begin_on_a_multiple_of_eight(void **state)
{
    (void)state;
    for (uint8_t entries = 0; entries < 6; entries++) {
        struct bytes code = {0};

        put_all(&code, CODE(BLOCK, EMPTY, LOCAL_GET, 0, BR_TABLE));
        put(&code, entries);
        for (int i = 0; i <= entries; i++)
            put(&code, 0);
        put(&code, END);
        accept_function("i:", "", code.data, code.length);
        assert_int_equal(cell_count(0), 2);
        assert_int_equal((uintptr_t)cell_at(0, 1) % 8, 0);
        assert_string_equal(operation_info[cell_at(0, 1)->handler].name, "return.0");
        assert_int_equal(cell_at(0, 0)->imm, entries);
        bytes_free(&code);
    }
}

static void entry_for_the_function_returns_from_a_stub(void **state)
{
    (void)state;
    assert_translation("i:", "", "br_table.s $0 @1 @1; return.0",
                       CODE(LOCAL_GET, 0, BR_TABLE, 1, 0, 0));
    assert_translation("ii:i", "", "move.64 $1 -> $4; br_table.s $0 @2; return.integer.s $4",
                       CODE(LOCAL_GET, 1, LOCAL_GET, 0, BR_TABLE, 0, 0));
}

static void values_of_a_table_are_moved_in_one_stub_for_each_label(void **state)
{
    (void)state;
    // The inner block's result stands above the constant 5, the outer block's in its place.
    assert_translation("ii:i", "",
                       "move.64 $0 -> $5; br_table.s $1 @4 @2 @4 @2; move.64 $5 -> $4; br @5; "
                       "i32.add.si $5 5 -> $4; return.integer.s $4",
                       CODE(BLOCK, I32, I32_CONST, 5, BLOCK, I32, LOCAL_GET, 0, LOCAL_GET, 1,
                            BR_TABLE, 3, 0, 1, 0, 1, END, I32_ADD, END));
}

static void second_table_has_stubs_of_its_own(void **state)
{
    (void)state;
    assert_translation("i:", "",
                       "br.i32.eq.si $0 0 @3; br_table.s $0 @2 @2; return.0; br_table.s $0 @4 @4; "
                       "return.0",
                       CODE(LOCAL_GET, 0, IF, EMPTY, LOCAL_GET, 0, BR_TABLE, 1, 1, 1, END,
                            LOCAL_GET, 0, BR_TABLE, 1, 0, 0));
}

/* Dead code. */

static void dead_code_emits_nothing(void **state)
{
    (void)state;
    assert_translation("i:i", "", "return.integer.s $0",
                       CODE(LOCAL_GET, 0, RETURN, LOCAL_GET, 0, I32_CONST, 1, I32_ADD, LOCAL_SET, 0,
                            BLOCK, EMPTY, LOOP, EMPTY, LOCAL_GET, 0, BR_IF, 1, BR, 0, END, END,
                            LOCAL_GET, 0, IF, I32, I32_CONST, 1, ELSE, I32_CONST, 2, END));
    assert_translation("i:", "", "br @1; return.0",
                       CODE(BLOCK, EMPTY, BR, 0, UNREACHABLE, LOCAL_GET, 0, BR_IF, 0, RETURN, END));
}

static void what_follows_a_block_that_does_not_end_is_dead(void **state)
{
    (void)state;
    assert_translation("i:", "", "unreachable",
                       CODE(BLOCK, EMPTY, UNREACHABLE, END, I32_CONST, 1, LOCAL_SET, 0));
    assert_translation("i:i", "", "br @0", CODE(LOOP, I32, BR, 0, END, LOCAL_GET, 0, I32_ADD));
}

static void what_follows_a_block_that_is_left_early_is_alive(void **state)
{
    (void)state;
    assert_translation(
        "i:", "", "br.i32.ne.si $0 0 @2; unreachable; const.u32 1 -> $0; return.0",
        CODE(BLOCK, EMPTY, LOCAL_GET, 0, BR_IF, 0, UNREACHABLE, END, I32_CONST, 1, LOCAL_SET, 0));
}

static void dead_branches_keep_no_label_alive(void **state)
{
    (void)state;
    assert_translation("i:", "", "unreachable",
                       CODE(BLOCK, EMPTY, UNREACHABLE, LOCAL_GET, 0, BR_IF, 0, LOCAL_GET, 0,
                            BR_TABLE, 1, 0, 0, END, I32_CONST, 1, LOCAL_SET, 0));
}

static void polymorphic_stack_has_any_operand(void **state)
{
    (void)state;
    // Below each block stands an operand of a type that does not fit: it must not be looked at.
    assert_translation(
        ":", "", "unreachable",
        CODE(F32_CONST, BITS32(0), BLOCK, EMPTY, UNREACHABLE, BR_TABLE, 1, 0, 0, END, DROP));
    assert_translation(":", "", "unreachable",
                       CODE(F32_CONST, BITS32(0), BLOCK, EMPTY, UNREACHABLE, BR_IF, 0, END, DROP));
    assert_translation(
        ":", "", "unreachable",
        CODE(F32_CONST, BITS32(0), BLOCK, EMPTY, UNREACHABLE, SELECT, I32_CLZ, DROP, END, DROP));
    assert_translation(
        ":", "", "unreachable",
        CODE(F32_CONST, BITS32(0), BLOCK, EMPTY, UNREACHABLE, IF, EMPTY, ELSE, END, END, DROP));
    assert_translation(":", "", "unreachable",
                       CODE(F32_CONST, BITS32(0), BLOCK, I32, UNREACHABLE, BR, 0, END, DROP, DROP));
    assert_translation(":i", "", "unreachable", CODE(UNREACHABLE, BR_TABLE, 0, 0));
    assert_translation(":i", "", "unreachable", CODE(UNREACHABLE, BR_IF, 0));
    assert_translation(":i", "", "unreachable",
                       CODE(UNREACHABLE, IF, I32, UNREACHABLE, ELSE, UNREACHABLE, END));
    assert_translation(":i", "", "unreachable", CODE(UNREACHABLE, RETURN));
}

static void labels_of_a_dead_table_are_checked(void **state)
{
    (void)state;
    refuse_function(":", "", ERROR_UNKNOWN_LABEL, 1, CODE(UNREACHABLE, BR_TABLE, 1, 1, 0));
    refuse_function(":", "", ERROR_TYPE_MISMATCH, 3,
                    CODE(UNREACHABLE, I64_CONST, 0, BR_TABLE, 0, 0));
    refuse_function(":i", "", ERROR_TYPE_MISMATCH, 5,
                    CODE(UNREACHABLE, I64_CONST, 0, I32_CONST, 0, BR_TABLE, 0, 0));
    refuse_function(":i", "", ERROR_TYPE_MISMATCH, 3,
                    CODE(BLOCK, EMPTY, UNREACHABLE, BR_TABLE, 1, 0, 1, END, I32_CONST, 0));
}

static void dead_branch_gives_its_labels_types(void **state)
{
    (void)state;
    // After br_if the stack holds the label's i32, whatever was there.
    refuse_function(":i", "", ERROR_TYPE_MISMATCH, 6,
                    CODE(BLOCK, I32, UNREACHABLE, NOP, BR_IF, 0, F32_NEG, DROP, I32_CONST, 0, END));
}

/* What is not valid. */

static void labels_are_checked(void **state)
{
    (void)state;
    refuse_function(":", "", ERROR_UNKNOWN_LABEL, 0, CODE(BR, 1));
    refuse_function("i:", "", ERROR_UNKNOWN_LABEL, 4,
                    CODE(BLOCK, EMPTY, LOCAL_GET, 0, BR_IF, 2, END));
    refuse_function("i:", "", ERROR_UNKNOWN_LABEL, 2, CODE(LOCAL_GET, 0, BR_TABLE, 1, 1, 0));
    refuse_function("i:", "", ERROR_UNKNOWN_LABEL, 2, CODE(LOCAL_GET, 0, BR_TABLE, 1, 0, 1));
    refuse_function(":", "", ERROR_UNKNOWN_LABEL, 0, CODE(BR, U32(0xffffffff)));
}

static void branch_needs_its_labels_values(void **state)
{
    (void)state;
    refuse_function(":i", "", ERROR_TYPE_MISMATCH, 0, CODE(BR, 0));
    refuse_function("I:i", "", ERROR_TYPE_MISMATCH, 2, CODE(LOCAL_GET, 0, BR, 0));
    refuse_function("I:i", "", ERROR_TYPE_MISMATCH, 4, CODE(LOCAL_GET, 0, I32_CONST, 0, BR_IF, 0));
    refuse_function("i:i", "", ERROR_TYPE_MISMATCH, 2, CODE(LOCAL_GET, 0, BR_IF, 0));
    refuse_function("I:", "", ERROR_TYPE_MISMATCH, 4,
                    CODE(BLOCK, EMPTY, LOCAL_GET, 0, BR_IF, 0, END));
    refuse_function("I:i", "", ERROR_TYPE_MISMATCH, 2, CODE(LOCAL_GET, 0, RETURN));
    refuse_function("I:i", "", ERROR_TYPE_MISMATCH, 4,
                    CODE(LOCAL_GET, 0, I32_CONST, 0, BR_TABLE, 0, 0));
    refuse_function("I:", "", ERROR_TYPE_MISMATCH, 2, CODE(LOCAL_GET, 0, BR_TABLE, 0, 0));
    // What stands below the block is not the branch's.
    refuse_function("i:i", "", ERROR_TYPE_MISMATCH, 4, CODE(LOCAL_GET, 0, BLOCK, I32, BR, 0, END));
}

static void labels_of_a_table_have_one_arity(void **state)
{
    (void)state;
    refuse_function(
        "i:i", "", ERROR_TYPE_MISMATCH, 6,
        CODE(BLOCK, EMPTY, LOCAL_GET, 0, LOCAL_GET, 0, BR_TABLE, 1, 0, 1, END, I32_CONST, 0));
    refuse_function(
        "i:i", "", ERROR_TYPE_MISMATCH, 6,
        CODE(BLOCK, F32, LOCAL_GET, 0, LOCAL_GET, 0, BR_TABLE, 1, 0, 1, END, DROP, I32_CONST, 0));
}

static void block_leaves_exactly_its_results(void **state)
{
    (void)state;
    refuse_function(":", "", ERROR_TYPE_MISMATCH, 4, CODE(BLOCK, EMPTY, I32_CONST, 0, END));
    refuse_function(":", "", ERROR_TYPE_MISMATCH, 2, CODE(BLOCK, I32, END, DROP));
    refuse_function(":", "", ERROR_TYPE_MISMATCH, 4, CODE(BLOCK, F32, I32_CONST, 0, END, DROP));
    refuse_function(":", "", ERROR_TYPE_MISMATCH, 2, CODE(I32_CONST, 0));
    refuse_function(":i", "", ERROR_TYPE_MISMATCH, 0, NO_CODE);
    refuse_function(":", "", ERROR_TYPE_MISMATCH, 5,
                    CODE(BLOCK, EMPTY, UNREACHABLE, I32_CONST, 0, END));
    refuse_function("i:i", "", ERROR_TYPE_MISMATCH, 4,
                    CODE(LOCAL_GET, 0, IF, I32, ELSE, I32_CONST, 0, END));
    refuse_function("i:i", "", ERROR_TYPE_MISMATCH, 7,
                    CODE(LOCAL_GET, 0, IF, I32, I32_CONST, 0, ELSE, END));
}

static void if_without_else_must_not_need_one(void **state)
{
    (void)state;
    refuse_function("i:i", "", ERROR_TYPE_MISMATCH, 6,
                    CODE(LOCAL_GET, 0, IF, I32, I32_CONST, 0, END));
    refuse_with_types("i:", ERROR_TYPE_MISMATCH, 7,
                      CODE(LOCAL_GET, 0, LOCAL_GET, 0, IF, TYPE_I, DROP, END));
    refuse_function(":i", "", ERROR_TYPE_MISMATCH, 5,
                    CODE(UNREACHABLE, IF, I32, I32_CONST, 0, END));
}

static void else_belongs_to_an_if(void **state)
{
    (void)state;
    refuse_function(":", "", ERROR_MISPLACED_ELSE, 0, CODE(ELSE));
    refuse_function(":", "", ERROR_MISPLACED_ELSE, 2, CODE(BLOCK, EMPTY, ELSE, END));
    refuse_function("i:", "", ERROR_MISPLACED_ELSE, 5,
                    CODE(LOCAL_GET, 0, IF, EMPTY, ELSE, ELSE, END));
}

static void if_needs_a_condition(void **state)
{
    (void)state;
    refuse_function(":", "", ERROR_TYPE_MISMATCH, 0, CODE(IF, EMPTY, END));
    refuse_function("I:", "", ERROR_TYPE_MISMATCH, 2, CODE(LOCAL_GET, 0, IF, EMPTY, END));
    refuse_function(":", "", ERROR_TYPE_MISMATCH, 3,
                    CODE(UNREACHABLE, I64_CONST, 0, IF, EMPTY, END));
}

static void block_type_must_be_a_function_type(void **state)
{
    (void)state;
    refuse_function(":", "", ERROR_UNKNOWN_TYPE, 0, CODE(BLOCK, 1, END));
    refuse_function(":", "", ERROR_UNKNOWN_TYPE, 1, CODE(UNREACHABLE, LOOP, 1, END));
    refuse_function("i:", "", ERROR_UNKNOWN_TYPE, 2, CODE(LOCAL_GET, 0, IF, 1, END));
}

static void parameters_of_a_block_are_checked(void **state)
{
    (void)state;
    refuse_with_types(":", ERROR_TYPE_MISMATCH, 0, CODE(BLOCK, TYPE_I, DROP, END));
    refuse_with_types("F:", ERROR_TYPE_MISMATCH, 2, CODE(LOCAL_GET, 0, LOOP, TYPE_I, DROP, END));
    refuse_with_types("iF:", ERROR_TYPE_MISMATCH, 4,
                      CODE(LOCAL_GET, 1, LOCAL_GET, 0, IF, TYPE_I, DROP, ELSE, DROP, END));
    // A branch to a loop wants its parameters, not its results.
    refuse_with_types("i:i", ERROR_TYPE_MISMATCH, 5,
                      CODE(LOCAL_GET, 0, LOOP, TYPE_I_I, DROP, BR, 0, END));
}

static void return_from_anywhere_needs_the_functions_results(void **state)
{
    (void)state;
    refuse_function("i:i", "", ERROR_TYPE_MISMATCH, 4,
                    CODE(LOCAL_GET, 0, BLOCK, EMPTY, RETURN, END));
    refuse_function("II:i", "", ERROR_TYPE_MISMATCH, 4, CODE(LOCAL_GET, 0, LOCAL_GET, 1, RETURN));
    assert_translation("iI:i", "", "return.integer.s $0", CODE(LOCAL_GET, 1, LOCAL_GET, 0, RETURN));
}

/* Results of the function. */

static void several_results_go_to_the_first_slots(void **state)
{
    (void)state;
    assert_translation("ii:ii", "",
                       "move.64 $1 -> $4; move.64 $0 -> $5; move.64 $4 -> $0; move.64 $5 -> $1; "
                       "return.0",
                       CODE(LOCAL_GET, 1, LOCAL_GET, 0));
    assert_translation(":fi", "",
                       "const.u32 1065353216 -> $4; const.u32 3 -> $5; move.32 $4 -> $0; "
                       "move.64 $5 -> $1; return.0",
                       CODE(F32_CONST, BITS32(0x3f800000), I32_CONST, 3));
    assert_translation("i:", "", "return.0", NO_CODE);
}

static const struct CMUnitTest tests[] = {
    TEST(comparison_and_branch_become_one_cell),
    TEST(if_branches_on_the_opposite),
    TEST(immediates_of_branches_have_16_bits),
    TEST(float_immediates_of_branches_are_those_of_64_bits),
    TEST(comparison_of_f32_with_a_constant_is_not_fused_whatever_the_constant),
    TEST(any_other_condition_is_compared_with_zero),
    TEST(comparison_that_a_local_keeps_is_not_fused),
    TEST(comparison_that_became_a_branch_leaves_the_accumulator),
    TEST(accumulator_spent_on_a_fused_comparison_is_not_used_again),
    TEST(moves_before_an_if_keep_it_from_fusing),
    TEST(branch_to_a_loop_goes_to_its_first_cell),
    TEST(branch_out_of_blocks_goes_behind_their_end),
    TEST(all_branches_to_one_label_find_it),
    TEST(branch_to_the_function_is_a_return),
    TEST(accumulators_are_unknown_at_a_label),
    TEST(results_of_a_block_that_nobody_leaves_early_stay_where_they_are),
    TEST(accumulators_outlive_a_block_that_nobody_leaves_early),
    TEST(values_are_moved_to_the_homes_of_the_label),
    TEST(value_in_its_home_needs_no_move),
    TEST(conditional_branch_with_values_at_home_is_one_cell),
    TEST(value_that_the_taken_branch_needs_stays_stored),
    TEST(conditional_branch_moves_values_on_the_taken_path_only),
    TEST(several_values_are_in_their_homes_on_both_paths),
    TEST(value_behind_a_branch_that_was_not_taken_is_where_it_was),
    TEST(accumulator_outlives_a_branch_that_was_not_taken),
    TEST(pending_locals_go_to_their_homes_before_a_block),
    TEST(constants_stay_constants_across_a_block),
    TEST(parameters_of_a_block_stand_in_their_homes),
    TEST(branch_to_a_loop_moves_values_to_its_parameters),
    TEST(arms_of_an_if_meet_in_the_homes),
    TEST(value_that_both_arms_need_stays_stored),
    TEST(if_without_else_keeps_its_parameters),
    TEST(arm_that_does_not_end_needs_no_jump),
    TEST(empty_arms_leave_the_branch),
    TEST(entries_of_a_table_go_straight_to_labels),
    TEST(table_without_entries_has_its_default),
    TEST(cells_after_a_table_begin_on_a_multiple_of_eight),
    TEST(entry_for_the_function_returns_from_a_stub),
    TEST(values_of_a_table_are_moved_in_one_stub_for_each_label),
    TEST(second_table_has_stubs_of_its_own),
    TEST(dead_code_emits_nothing),
    TEST(what_follows_a_block_that_does_not_end_is_dead),
    TEST(what_follows_a_block_that_is_left_early_is_alive),
    TEST(dead_branches_keep_no_label_alive),
    TEST(polymorphic_stack_has_any_operand),
    TEST(labels_of_a_dead_table_are_checked),
    TEST(dead_branch_gives_its_labels_types),
    TEST(labels_are_checked),
    TEST(branch_needs_its_labels_values),
    TEST(labels_of_a_table_have_one_arity),
    TEST(block_leaves_exactly_its_results),
    TEST(if_without_else_must_not_need_one),
    TEST(else_belongs_to_an_if),
    TEST(if_needs_a_condition),
    TEST(block_type_must_be_a_function_type),
    TEST(parameters_of_a_block_are_checked),
    TEST(return_from_anywhere_needs_the_functions_results),
    TEST(several_results_go_to_the_first_slots),
};

int main(void)
{
    return cmocka_run_group_tests(tests, NULL, NULL);
}
