// SPDX-License-Identifier: Apache-2.0
// Places of operands: what the trackers know, where moves go, how branches find their cells. (Which
// instruction is translated to what is tested with compile_*.c.)
#include "tests/unit/wasm/compile_fixture.h"

#include "sandbox/wasm/translate.h"

/* Accumulators. */

static void home_that_is_written_again_is_not_in_the_accumulator(void **state)
{
    (void)state;
    assert_translation(
        "ii:i", "",
        "i32.add.ss $0 $1 -> $4; const.u32 5 -> $4; i32.add.si.n $4 6; "
        "return.integer.r",
        CODE(LOCAL_GET, 0, LOCAL_GET, 1, I32_ADD, DROP, I32_CONST, 5, I32_CONST, 6, I32_ADD));
    assert_translation("fi:f", "",
                       "f32.neg.s $0 -> $4; const.u32 0 -> $4; f32.abs.s.n $4; return.f32.r",
                       CODE(LOCAL_GET, 0, F32_NEG, DROP, F32_CONST, BITS32(0), F32_ABS));
}

static void home_that_another_class_wrote_is_in_no_other_accumulator(void **state)
{
    (void)state;
    // $4 held an f32 first, then an integer: the move to the local is the integer's.
    assert_translation("fi:", "",
                       "f32.neg.s $0 -> $4; i32.clz.s.n $1; const.u32 7 -> $1; set.integer -> $1; "
                       "return.0",
                       CODE(LOCAL_GET, 0, F32_NEG, DROP, LOCAL_GET, 1, I32_CLZ, I32_CONST, 7,
                            LOCAL_SET, 1, LOCAL_SET, 1));
}

static void new_value_displaces_only_its_own_class(void **state)
{
    (void)state;
    assert_translation("Fi:F", "", "f64.neg.s.n $0; i32.clz.s $1 -> $1; return.f64.r",
                       CODE(LOCAL_GET, 0, F64_NEG, LOCAL_GET, 1, I32_CLZ, LOCAL_SET, 1));
    assert_translation("FF:F", "", "f64.neg.s $0 -> $4; f64.abs.s $1 -> $1; return.f64.s $4",
                       CODE(LOCAL_GET, 0, F64_NEG, LOCAL_GET, 1, F64_ABS, LOCAL_SET, 1));
}

static void value_that_a_taken_branch_drops_need_not_be_stored(void **state)
{
    (void)state;
    assert_translation(
        "iii:", "", "i32.add.ss.n $0 $1; br.i32.lt_s.ss $2 $0 @3; i32.mul.ri 3 -> $0; return.0",
        CODE(BLOCK, EMPTY, LOCAL_GET, 0, LOCAL_GET, 1, I32_ADD, LOCAL_GET, 2, LOCAL_GET, 0,
             I32_LT_S, BR_IF, 0, I32_CONST, 3, I32_MUL, LOCAL_SET, 0, END));
}

static void value_below_a_label_is_read_from_its_slot_behind_it(void **state)
{
    (void)state;
    assert_translation("ii:i", "",
                       "i32.add.ss $0 $1 -> $4; br.i32.ne.si $0 0 @2; i32.mul.si.n $4 3; "
                       "return.integer.r",
                       CODE(LOCAL_GET, 0, LOCAL_GET, 1, I32_ADD, BLOCK, EMPTY, LOCAL_GET, 0, BR_IF,
                            0, END, I32_CONST, 3, I32_MUL));
}

static void moves_leave_the_accumulator_alone(void **state)
{
    (void)state;
    assert_translation("ii:i", "",
                       "i32.add.ss.n $0 $1; move.64 $1 -> $0; const.u32 4 -> $1; i32.mul.ri.n 3; "
                       "return.integer.r",
                       CODE(LOCAL_GET, 0, LOCAL_GET, 1, I32_ADD, LOCAL_GET, 1, LOCAL_SET, 0,
                            I32_CONST, 4, LOCAL_SET, 1, I32_CONST, 3, I32_MUL));
}

static void accumulator_with_two_owners_is_the_later_ones(void **state)
{
    (void)state;
    // After set.integer the accumulator is known as local 0's value.
    assert_translation("ii:i", "",
                       "i32.add.ss.n $0 $1; const.u32 4 -> $1; set.integer -> $0; i32.mul.ri.n 3; "
                       "return.integer.r",
                       CODE(LOCAL_GET, 0, LOCAL_GET, 1, I32_ADD, I32_CONST, 4, LOCAL_SET, 1,
                            LOCAL_SET, 0, LOCAL_GET, 0, I32_CONST, 3, I32_MUL));
}

/* Conditions. */

static void second_branch_does_not_change_the_first(void **state)
{
    (void)state;
    assert_translation("ii:", "", "br.i32.lt_s.ss $0 $1 @2; br.i32.ne.si $1 0 @2; return.0",
                       CODE(BLOCK, EMPTY, LOCAL_GET, 0, LOCAL_GET, 1, I32_LT_S, BR_IF, 0, LOCAL_GET,
                            1, BR_IF, 0, END));
}

static void comparison_before_a_label_is_not_changed_behind_it(void **state)
{
    (void)state;
    assert_translation("iii:", "",
                       "br.i32.eq.si $2 0 @3; i32.lt_s.ss $0 $1 -> $5; br @4; "
                       "i32.gt_s.ss $0 $1 -> $5; br.i32.ne.si $5 0 @5; return.0",
                       CODE(BLOCK, EMPTY, LOCAL_GET, 2, IF, I32, LOCAL_GET, 0, LOCAL_GET, 1,
                            I32_LT_S, ELSE, LOCAL_GET, 0, LOCAL_GET, 1, I32_GT_S, END, BR_IF, 0,
                            END));
    assert_translation("iii:i", "",
                       "br.i32.eq.si $2 0 @3; i32.lt_s.ss $0 $1 -> $5; br @4; "
                       "i32.gt_s.ss $0 $1 -> $5; i32.eq.si.n $5 0; return.integer.r",
                       CODE(LOCAL_GET, 2, IF, I32, LOCAL_GET, 0, LOCAL_GET, 1, I32_LT_S, ELSE,
                            LOCAL_GET, 0, LOCAL_GET, 1, I32_GT_S, END, I32_EQZ));
}

static void each_comparison_fuses_with_both_senses(void **state)
{
    static const struct {
        uint8_t opcode;
        const char *taken, *not_taken;
    } rows[] = {
        {I32_EQ, "br.i32.eq.ss", "br.i32.ne.ss"},
        {I32_NE, "br.i32.ne.ss", "br.i32.eq.ss"},
        {I32_LT_S, "br.i32.lt_s.ss", "br.i32.ge_s.ss"},
        {I32_LT_U, "br.i32.lt_u.ss", "br.i32.ge_u.ss"},
        {I32_GT_S, "br.i32.gt_s.ss", "br.i32.le_s.ss"},
        {I32_GT_U, "br.i32.gt_u.ss", "br.i32.le_u.ss"},
        {I32_LE_S, "br.i32.le_s.ss", "br.i32.gt_s.ss"},
        {I32_LE_U, "br.i32.le_u.ss", "br.i32.gt_u.ss"},
        {I32_GE_S, "br.i32.ge_s.ss", "br.i32.lt_s.ss"},
        {I32_GE_U, "br.i32.ge_u.ss", "br.i32.lt_u.ss"},
        {I64_EQ, "br.i64.eq.ss", "br.i64.ne.ss"},
        {I64_NE, "br.i64.ne.ss", "br.i64.eq.ss"},
        {I64_LT_S, "br.i64.lt_s.ss", "br.i64.ge_s.ss"},
        {I64_LT_U, "br.i64.lt_u.ss", "br.i64.ge_u.ss"},
        {I64_GT_S, "br.i64.gt_s.ss", "br.i64.le_s.ss"},
        {I64_GT_U, "br.i64.gt_u.ss", "br.i64.le_u.ss"},
        {I64_LE_S, "br.i64.le_s.ss", "br.i64.gt_s.ss"},
        {I64_LE_U, "br.i64.le_u.ss", "br.i64.gt_u.ss"},
        {I64_GE_S, "br.i64.ge_s.ss", "br.i64.lt_s.ss"},
        {I64_GE_U, "br.i64.ge_u.ss", "br.i64.lt_u.ss"},
        {F32_EQ, "br.f32.eq.ss", "br_not.f32.eq.ss"},
        {F32_NE, "br.f32.ne.ss", "br_not.f32.ne.ss"},
        {F32_LT, "br.f32.lt.ss", "br_not.f32.lt.ss"},
        {F32_GT, "br.f32.gt.ss", "br_not.f32.gt.ss"},
        {F32_LE, "br.f32.le.ss", "br_not.f32.le.ss"},
        {F32_GE, "br.f32.ge.ss", "br_not.f32.ge.ss"},
        {F64_EQ, "br.f64.eq.ss", "br_not.f64.eq.ss"},
        {F64_NE, "br.f64.ne.ss", "br_not.f64.ne.ss"},
        {F64_LT, "br.f64.lt.ss", "br_not.f64.lt.ss"},
        {F64_GT, "br.f64.gt.ss", "br_not.f64.gt.ss"},
        {F64_LE, "br.f64.le.ss", "br_not.f64.le.ss"},
        {F64_GE, "br.f64.ge.ss", "br_not.f64.ge.ss"},
    };
    static const char *const signatures[] = {"ii:", "II:", "ff:", "FF:"};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *signature = signatures[i < 10 ? 0 : i < 20 ? 1 : i < 26 ? 2 : 3];

        accept_function(
            signature, "",
            CODE(BLOCK, EMPTY, LOCAL_GET, 0, LOCAL_GET, 1, rows[i].opcode, BR_IF, 0, END));
        assert_string_equal(operation_info[cell_at(0, 0)->handler].name, rows[i].taken);
        accept_function(signature, "",
                        CODE(LOCAL_GET, 0, LOCAL_GET, 1, rows[i].opcode, IF, EMPTY, END));
        assert_string_equal(operation_info[cell_at(0, 0)->handler].name, rows[i].not_taken);
    }
}

/* Displacements. */

static const struct cell *target_of(const struct cell *cell)
{
    const uint8_t *field = (const uint8_t *)&cell->displacement;

    return (const struct cell *)(const void *)(field + cell->displacement);
}

static void branches_reach_over_many_cells(void **state)
{
    enum { COUNT = 20000 };
    struct bytes code = {0};

    (void)state;
    put_all(&code, CODE(LOOP, EMPTY, BLOCK, EMPTY, LOCAL_GET, 0, BR_IF, 0));
    for (int i = 0; i < COUNT; i++)
        put_all(&code, CODE(I32_CONST, 1, LOCAL_SET, 0));
    put_all(&code, CODE(BR, 1, END, END));
    accept_function("i:", "", code.data, code.length);
    assert_int_equal(cell_count(0), COUNT + 3);
    assert_ptr_equal(target_of(cell_at(0, 0)), cell_at(0, COUNT + 2));
    assert_ptr_equal(target_of(cell_at(0, COUNT + 1)), cell_at(0, 0));
    bytes_free(&code);
}

static void many_branches_find_one_label(void **state)
{
    enum { COUNT = 5000 };
    struct bytes code = {0};
    const struct cell *end;

    (void)state;
    put_all(&code, CODE(BLOCK, EMPTY));
    for (int i = 0; i < COUNT; i++)
        put_all(&code, CODE(LOCAL_GET, 0, BR_IF, 0));
    put_all(&code, CODE(END));
    accept_function("i:", "", code.data, code.length);
    end = cell_at(0, COUNT);
    for (const struct cell *cell = cell_at(0, 0); cell < end; cell++)
        assert_ptr_equal(target_of(cell), end);
    bytes_free(&code);
}

static void entries_of_a_table_may_repeat_and_mix_with_branches(void **state)
{
    (void)state;
    assert_translation("i:", "",
                       "br.i32.ne.si $0 0 @2; br_table.s $0 @2 @0 @2 @3 @2; const.u32 1 -> $0; "
                       "return.0",
                       CODE(BLOCK, EMPTY, LOOP, EMPTY, BLOCK, EMPTY, LOCAL_GET, 0, BR_IF, 0,
                            LOCAL_GET, 0, BR_TABLE, 4, 0, 1, 0, 2, 0, END, I32_CONST, 1, LOCAL_SET,
                            0, END, END));
}

/* Moves. */

static void moves_to_a_label_do_not_overwrite_what_is_still_to_move(void **state)
{
    (void)state;
    // Three results of $5.. to $4..: each source lies one slot above its target.
    build_type(":iii");
    build_function("i:", "",
                   CODE(BLOCK, 0, I32_CONST, 9, LOCAL_GET, 0, I32_CLZ, LOCAL_GET, 0, I32_CTZ,
                        LOCAL_GET, 0, I32_POPCNT, BR, 0, END, DROP, DROP, DROP));
    compile_accept();
    assert_code(0, "i32.clz.s $0 -> $4; i32.ctz.s $0 -> $5; i32.popcnt.s.n $0; move.64 $4 -> $3; "
                   "move.64 $5 -> $4; set.integer -> $5; br @7; return.0");
}

static void values_for_a_label_come_from_locals_and_constants_too(void **state)
{
    (void)state;
    build_type(":iIf");
    build_function("if:", "",
                   CODE(BLOCK, 0, LOCAL_GET, 0, I64_CONST, S64(-1), LOCAL_GET, 1, BR, 0, END, DROP,
                        DROP, DROP));
    compile_accept();
    assert_code(0, "move.64 $0 -> $4; const.s32 -1 -> $5; move.32 $1 -> $6; br @4; return.0");
}

static void float_moves_keep_their_width(void **state)
{
    (void)state;
    assert_translation("f:f", "", "move.32 $0 -> $3; br @2; return.f32.s $3",
                       CODE(BLOCK, F32, LOCAL_GET, 0, BR, 0, END));
    assert_translation("F:F", "", "f64.neg.s.n $0; set.f64 -> $3; br @3; return.f64.s $3",
                       CODE(BLOCK, F64, I32_CONST, 0, LOCAL_GET, 0, F64_NEG, BR, 0, END));
}

static void local_twice_on_the_stack_of_a_block_is_moved_twice(void **state)
{
    (void)state;
    assert_translation(
        "i:i", "",
        "move.64 $0 -> $3; move.64 $0 -> $4; const.u32 1 -> $0; "
        "i32.add.ss.n $3 $4; return.integer.r",
        CODE(LOCAL_GET, 0, LOCAL_GET, 0, BLOCK, EMPTY, I32_CONST, 1, LOCAL_SET, 0, END, I32_ADD));
}

static void second_block_moves_only_what_came_since(void **state)
{
    (void)state;
    assert_translation("i:i", "",
                       "move.64 $0 -> $3; move.64 $0 -> $4; i32.add.ss.n $3 $4; return.integer.r",
                       CODE(LOCAL_GET, 0, BLOCK, EMPTY, END, LOCAL_GET, 0, BLOCK, EMPTY, END, BLOCK,
                            EMPTY, END, I32_ADD));
}

static void operand_popped_below_what_was_flushed_is_flushed_anew(void **state)
{
    (void)state;
    assert_translation("ii:i", "",
                       "move.64 $0 -> $4; move.64 $0 -> $5; move.64 $1 -> $4; const.u32 1 -> $1; "
                       "return.integer.s $4",
                       CODE(LOCAL_GET, 0, LOCAL_GET, 0, BLOCK, EMPTY, END, DROP, DROP, LOCAL_GET, 1,
                            BLOCK, EMPTY, I32_CONST, 1, LOCAL_SET, 1, END));
}

static void cells_have_the_length_of_their_operation(void **state)
{
    (void)state;
    accept_function("F:F", "", CODE(LOCAL_GET, 0, F64_CONST, BITS64(0x3ff8000000000000), F64_ADD));
    assert_ptr_equal((const uint8_t *)cell_at(0, 0) + 24, cell_at(0, 1));
    assert_int_equal(cell_at(0, 0)->wide[0], 0x3ff8000000000000);
}

static void return_cells_name_the_header(void **state)
{
    (void)state;
    accept_function("iii:i", "iii", CODE(LOCAL_GET, 0));
    assert_int_equal(cell_at(0, 0)->d, 6);
    accept_function(":iiii", "", CODE(I32_CONST, 0, I32_CONST, 0, I32_CONST, 0, I32_CONST, 0));
    assert_int_equal(cell_at(0, cell_count(0) - 1)->d, 4);
}

static const struct CMUnitTest tests[] = {
    TEST(home_that_is_written_again_is_not_in_the_accumulator),
    TEST(home_that_another_class_wrote_is_in_no_other_accumulator),
    TEST(new_value_displaces_only_its_own_class),
    TEST(value_that_a_taken_branch_drops_need_not_be_stored),
    TEST(value_below_a_label_is_read_from_its_slot_behind_it),
    TEST(moves_leave_the_accumulator_alone),
    TEST(accumulator_with_two_owners_is_the_later_ones),
    TEST(second_branch_does_not_change_the_first),
    TEST(comparison_before_a_label_is_not_changed_behind_it),
    TEST(each_comparison_fuses_with_both_senses),
    TEST(branches_reach_over_many_cells),
    TEST(many_branches_find_one_label),
    TEST(entries_of_a_table_may_repeat_and_mix_with_branches),
    TEST(moves_to_a_label_do_not_overwrite_what_is_still_to_move),
    TEST(values_for_a_label_come_from_locals_and_constants_too),
    TEST(float_moves_keep_their_width),
    TEST(local_twice_on_the_stack_of_a_block_is_moved_twice),
    TEST(second_block_moves_only_what_came_since),
    TEST(operand_popped_below_what_was_flushed_is_flushed_anew),
    TEST(cells_have_the_length_of_their_operation),
    TEST(return_cells_name_the_header),
};

int main(void)
{
    return cmocka_run_group_tests(tests, NULL, NULL);
}
