// SPDX-License-Identifier: Apache-2.0
// Vector instructions: the forms that they are given, where values of two slots go, and what is
// wrong with lanes, alignments and types.
#include "tests/unit/wasm/compile_fixture.h"

/* Forms. Slots: parameters and locals, then two of the header, then the operands. */

static void vectors_come_from_slots_or_the_accumulator(void **state)
{
    (void)state;
    assert_translation("vv:v", "", "i8x16.sub.ss.n $0 $2; return.v128.r",
                       CODE(LOCAL_GET, 0, LOCAL_GET, 1, V(I8X16_SUB)));
    assert_translation("vv:v", "", "v128.not.s.n $0; i8x16.sub.rs.n $2; return.v128.r",
                       CODE(LOCAL_GET, 0, V(V128_NOT), LOCAL_GET, 1, V(I8X16_SUB)));
    assert_translation("vv:v", "", "v128.not.s.n $2; i8x16.sub.sr.n $0; return.v128.r",
                       CODE(LOCAL_GET, 0, LOCAL_GET, 1, V(V128_NOT), V(I8X16_SUB)));
}

static void accumulator_goes_left_in_commutative_operations(void **state)
{
    (void)state;
    assert_translation("vv:v", "", "v128.not.s.n $2; i8x16.add.rs.n $0; return.v128.r",
                       CODE(LOCAL_GET, 0, LOCAL_GET, 1, V(V128_NOT), V(I8X16_ADD)));
}

static void constant_is_an_operation(void **state)
{
    (void)state;
    assert_translation("v:v", "", "v128.const.n; v128.and.rs.n $0; return.v128.r",
                       CODE(LOCAL_GET, 0, V(V128_CONST), BITS64(1), BITS64(2), V(V128_AND)));
    assert_int_equal(cell_at(0, 0)->wide[0], 1);
    assert_int_equal(cell_at(0, 0)->wide[1], 2);
}

static void shift_by_a_constant_has_it_in_the_cell(void **state)
{
    (void)state;
    assert_translation("vi:v", "", "i32x4.shl.si.n $0 33; return.v128.r",
                       CODE(LOCAL_GET, 0, I32_CONST, 33, V(I32X4_SHL)));
    assert_translation("vi:v", "", "i32x4.shl.ss.n $0 $2; return.v128.r",
                       CODE(LOCAL_GET, 0, LOCAL_GET, 1, V(I32X4_SHL)));
    assert_translation("vi:v", "", "v128.not.s.n $0; i32.clz.s.n $2; i32x4.shl.rr.n; return.v128.r",
                       CODE(LOCAL_GET, 0, V(V128_NOT), LOCAL_GET, 1, I32_CLZ, V(I32X4_SHL)));
}

static void lane_is_read_from_the_slot(void **state)
{
    (void)state;
    assert_translation("v:i", "", "i8x16.extract_lane_u.s.n $0; return.integer.r",
                       CODE(LOCAL_GET, 0, V(I8X16_EXTRACT_LANE_U), 15));
    assert_int_equal(cell_at(0, 0)->d, 15);
    // Its store must not be taken back.
    assert_translation("v:i", "",
                       "v128.not.s $0 -> $4; i8x16.extract_lane_u.s.n $4; return.integer.r",
                       CODE(LOCAL_GET, 0, V(V128_NOT), V(I8X16_EXTRACT_LANE_U), 15));
}

static void result_goes_straight_into_a_local(void **state)
{
    (void)state;
    assert_translation("v:v", "iv", "v128.not.s $0 -> $3; i8x16.neg.r.n; return.v128.r",
                       CODE(LOCAL_GET, 0, V(V128_NOT), LOCAL_SET, 2, LOCAL_GET, 2, V(I8X16_NEG)));
}

static void homes_above_a_vector_are_two_further(void **state)
{
    (void)state;
    assert_translation(
        "vi:i", "",
        "i32.clz.s $2 -> $5; v128.not.s $0 -> $6; i32.clz.s.n $2; i64.extend_i32_u.r -> $8; "
        "return.integer.s $5",
        CODE(LOCAL_GET, 1, I32_CLZ, LOCAL_GET, 0, V(V128_NOT), LOCAL_GET, 1, I32_CLZ,
             I64_EXTEND_I32_U, DROP, DROP));
}

/* Errors. */

static void lanes_that_are_not_there_are_invalid(void **state)
{
    static const struct {
        uint8_t code, lanes;
    } rows[] = {
        {I8X16_EXTRACT_LANE_S, 16}, {I16X8_EXTRACT_LANE_U, 8}, {I32X4_EXTRACT_LANE, 4},
        {I64X2_EXTRACT_LANE, 2},    {F32X4_EXTRACT_LANE, 4},   {F64X2_EXTRACT_LANE, 2},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        accept_function("v:", "", CODE(LOCAL_GET, 0, 0xfd, rows[i].code, rows[i].lanes - 1, DROP));
        refuse_function("v:", "", ERROR_INVALID_LANE_INDEX, 2,
                        CODE(LOCAL_GET, 0, 0xfd, rows[i].code, rows[i].lanes, DROP));
    }
    refuse_function("vv:v", "", ERROR_INVALID_LANE_INDEX, 4,
                    CODE(LOCAL_GET, 0, LOCAL_GET, 1, V(I8X16_SHUFFLE), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                         0, 0, 0, 0, 0, 32));
    // Also where no code is made.
    refuse_function("v:", "", ERROR_INVALID_LANE_INDEX, 1,
                    CODE(UNREACHABLE, V(I64X2_EXTRACT_LANE), 2, DROP));
}

static void accesses_have_the_alignment_of_what_they_move(void **state)
{
    static const struct {
        uint8_t code, alignment;
        bool has_lane;
    } rows[] = {
        {V128_LOAD, 4, false},        {V128_LOAD8X8_S, 3, false},    {V128_LOAD32X2_U, 3, false},
        {V128_LOAD8_SPLAT, 0, false}, {V128_LOAD16_SPLAT, 1, false}, {V128_LOAD32_ZERO, 2, false},
        {V128_LOAD64_ZERO, 3, false}, {V128_LOAD8_LANE, 0, true},    {V128_LOAD16_LANE, 1, true},
        {V128_LOAD32_LANE, 2, true},  {V128_LOAD64_LANE, 3, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (uint8_t wrong = 0; wrong < 2; wrong++) {
            struct bytes code = {0};

            build_begin();
            build_memory(1, 1);
            put_all(&code, CODE(LOCAL_GET, 0));
            if (rows[i].has_lane)
                put_all(&code, CODE(LOCAL_GET, 1));
            put_all(&code, CODE(0xfd, rows[i].code, (uint8_t)(rows[i].alignment + wrong), 0));
            if (rows[i].has_lane)
                put(&code, 0);
            put(&code, DROP);
            build_function("iv:", "", code.data, code.length);
            bytes_free(&code);
            if (wrong == 0)
                compile_accept();
            else
                compile_refuse(ERROR_ALIGNMENT_TOO_LARGE,
                               build_code_offset(0) + (rows[i].has_lane ? 4 : 2));
        }
    }
}

static void vectors_are_no_other_type(void **state)
{
    (void)state;
    refuse_function("v:i", "", ERROR_TYPE_MISMATCH, 2, CODE(LOCAL_GET, 0));
    refuse_function("iv:v", "", ERROR_TYPE_MISMATCH, 4,
                    CODE(LOCAL_GET, 0, LOCAL_GET, 1, V(I8X16_ADD)));
    refuse_function("vI:v", "", ERROR_TYPE_MISMATCH, 4,
                    CODE(LOCAL_GET, 0, LOCAL_GET, 1, V(I64X2_SHL)));
    refuse_function("v:v", "", ERROR_TYPE_MISMATCH, 2, CODE(LOCAL_GET, 0, V(V128_BITSELECT)));
    refuse_function("vIi:v", "", ERROR_TYPE_MISMATCH, 6,
                    CODE(LOCAL_GET, 0, LOCAL_GET, 1, LOCAL_GET, 2, SELECT));
}

static void unreachable_vectors_are_checked_and_emit_nothing(void **state)
{
    (void)state;
    assert_translation(":v", "", "unreachable",
                       CODE(UNREACHABLE, V(I8X16_ADD), I32_CONST, 1, V(I8X16_SHL), V(V128_CONST),
                            BITS64(0), BITS64(0), V(V128_BITSELECT)));
    refuse_function(":v", "", ERROR_TYPE_MISMATCH, 3,
                    CODE(UNREACHABLE, I32_CONST, 1, V(I8X16_ADD)));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(vectors_come_from_slots_or_the_accumulator),
        TEST(accumulator_goes_left_in_commutative_operations),
        TEST(constant_is_an_operation),
        TEST(shift_by_a_constant_has_it_in_the_cell),
        TEST(lane_is_read_from_the_slot),
        TEST(result_goes_straight_into_a_local),
        TEST(homes_above_a_vector_are_two_further),
        TEST(lanes_that_are_not_there_are_invalid),
        TEST(accesses_have_the_alignment_of_what_they_move),
        TEST(vectors_are_no_other_type),
        TEST(unreachable_vectors_are_checked_and_emit_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
