// SPDX-License-Identifier: Apache-2.0
// Calls: where arguments and results stand, and what is known after one.
#include "tests/unit/wasm/compile_fixture.h"

#include <stdio.h>

// Function 0 is imported, [i32] -> [i32]; function 1 is [i32 i32] -> [i32], 2 is [] -> [],
// 3 is [i32] -> [i32 i64]; tables 0 and 2 hold functions and table 1 does not. What is tested is
// number 4, the body with number 3.
enum { IMPORTED, BINARY, NOTHING, PAIR, TESTED_BODY = 3 };

static void build_callees(const char *signature, const uint8_t *code, size_t length)
{
    build_begin();
    build_import_function("m", "f", "i:i");
    build_function("ii:i", "", CODE(LOCAL_GET, 0));
    build_function(":", "", NO_CODE);
    build_function("i:iI", "", CODE(LOCAL_GET, 0, I64_CONST, 0));
    build_table(FUNCREF, 1, NO_MAXIMUM);
    build_table(EXTERNREF, 1, NO_MAXIMUM);
    build_table(FUNCREF, 1, NO_MAXIMUM);
    build_function(signature, "", code, length);
}

static void assert_caller(const char *signature, const char *expected, const uint8_t *code,
                          size_t length)
{
    build_callees(signature, code, length);
    compile_accept();
    assert_code(TESTED_BODY, expected);
}

static void refuse_caller(const char *signature, enum error_code code, size_t at,
                          const uint8_t *bytes, size_t length)
{
    build_callees(signature, bytes, length);
    assert_false(compile());
    assert_string_equal(error_wording(error.code), error_wording(code));
    assert_int_equal(error.offset, build_code_offset(TESTED_BODY) + at);
}

static void arguments_go_to_their_homes(void **state)
{
    (void)state;
    assert_caller("ii:i", "move.64 $1 -> $4; move.64 $0 -> $5; call 1 $4; return.integer.r",
                  CODE(LOCAL_GET, 1, LOCAL_GET, 0, CALL, BINARY));
    assert_caller(":i", "const.u32 7 -> $3; const.u32 8 -> $4; call 1 $3; return.integer.r",
                  CODE(I32_CONST, 7, I32_CONST, 8, CALL, BINARY));
    assert_caller("ii:i",
                  "i32.add.ss $0 $1 -> $4; i32.mul.ss $0 $1 -> $5; call 1 $4; return.integer.r",
                  CODE(LOCAL_GET, 0, LOCAL_GET, 1, I32_ADD, LOCAL_GET, 0, LOCAL_GET, 1, I32_MUL,
                       CALL, BINARY));
}

static void argument_in_the_accumulator_is_stored(void **state)
{
    (void)state;
    // The callee finds it in its slot only.
    assert_caller("i:i", "i32.clz.s $0 -> $3; call.import 0 $3; return.integer.r",
                  CODE(LOCAL_GET, 0, I32_CLZ, CALL, IMPORTED));
}

static void frame_begins_at_the_first_argument(void **state)
{
    (void)state;
    assert_caller("i:", "i32.clz.s $0 -> $3; call 2 $4; return.0",
                  CODE(LOCAL_GET, 0, I32_CLZ, CALL, NOTHING, DROP));
    assert_caller("i:", "move.64 $0 -> $4; call.import 0 $4; return.0",
                  CODE(I32_CONST, 9, LOCAL_GET, 0, CALL, IMPORTED, DROP, DROP));
}

static void single_result_is_in_the_accumulator_and_its_home(void **state)
{
    (void)state;
    assert_caller("i:i", "move.64 $0 -> $3; call.import 0 $3; i32.clz.r.n; return.integer.r",
                  CODE(LOCAL_GET, 0, CALL, IMPORTED, I32_CLZ));
    assert_caller("i:ii",
                  "move.64 $0 -> $4; call.import 0 $4; i32.clz.s $0 -> $5; move.64 $4 -> $0; "
                  "set.integer -> $1; return.0",
                  CODE(LOCAL_GET, 0, CALL, IMPORTED, LOCAL_GET, 0, I32_CLZ));
}

static void several_results_are_in_their_homes_only(void **state)
{
    (void)state;
    assert_caller("i:i", "move.64 $0 -> $3; call 3 $3; return.integer.s $3",
                  CODE(LOCAL_GET, 0, CALL, PAIR, DROP));
    assert_caller(
        "iI:", "move.64 $0 -> $4; call 3 $4; move.64 $5 -> $1; move.64 $4 -> $0; return.0",
        CODE(LOCAL_GET, 0, CALL, PAIR, LOCAL_SET, 1, LOCAL_SET, 0));
}

static void local_below_a_call_stays_where_it_is(void **state)
{
    (void)state;
    assert_caller("ii:i", "move.64 $1 -> $5; call.import 0 $5; i32.add.rs.n $0; return.integer.r",
                  CODE(LOCAL_GET, 0, LOCAL_GET, 1, CALL, IMPORTED, I32_ADD));
}

static void no_accumulator_outlives_a_call(void **state)
{
    (void)state;
    assert_caller(
        "i:i", "i32.add.si $0 1 -> $0; call 2 $3; return.integer.s $0",
        CODE(LOCAL_GET, 0, I32_CONST, 1, I32_ADD, LOCAL_SET, 0, CALL, NOTHING, LOCAL_GET, 0));
    assert_caller("f:f", "f32.neg.s $0 -> $3; call 2 $4; return.f32.s $3",
                  CODE(LOCAL_GET, 0, F32_NEG, CALL, NOTHING));
    assert_caller("Fi:F", "f64.neg.s $0 -> $4; move.64 $1 -> $5; call.import 0 $5; return.f64.s $4",
                  CODE(LOCAL_GET, 0, F64_NEG, LOCAL_GET, 1, CALL, IMPORTED, DROP));
}

static void result_of_a_call_is_not_redirected(void **state)
{
    (void)state;
    // It is in r0; the call's cell has no destination.
    assert_caller("i:", "move.64 $0 -> $3; call.import 0 $3; set.integer -> $0; return.0",
                  CODE(LOCAL_GET, 0, CALL, IMPORTED, LOCAL_SET, 0));
}

static void call_through_a_table_has_type_and_table(void **state)
{
    char expected[100];

    (void)state;
    build_callees("i:i", CODE(LOCAL_GET, 0, LOCAL_GET, 0, CALL_INDIRECT, 0, 0));
    compile_accept();
    snprintf(expected, sizeof expected,
             "move.64 $0 -> $3; call_indirect.s $0 %u 0 $3; return.integer.r", module.types[0]);
    assert_code(TESTED_BODY, expected);
    build_callees("ii:i", CODE(LOCAL_GET, 1, LOCAL_GET, 0, I32_CLZ, CALL_INDIRECT, 0, 0));
    compile_accept();
    snprintf(expected, sizeof expected,
             "i32.clz.s.n $0; move.64 $1 -> $4; call_indirect.r %u 0 $4; return.integer.r",
             module.types[0]);
    assert_code(TESTED_BODY, expected);
}

static void type_of_an_indirect_call_is_the_canonical_one(void **state)
{
    char expected[100];

    (void)state;
    // So that the store's numbers are not those of the module.
    accept_function("fFfF:", "", NO_CODE);
    build_callees("i:i", CODE(LOCAL_GET, 0, LOCAL_GET, 0, CALL_INDIRECT, 0, 2));
    compile_accept();
    assert_int_not_equal(module.types[0], 0);
    snprintf(expected, sizeof expected,
             "move.64 $0 -> $3; call_indirect.s $0 %u 2 $3; return.integer.r", module.types[0]);
    assert_code(TESTED_BODY, expected);
}

static void constant_index_of_a_table_goes_above_the_arguments(void **state)
{
    char expected[100];

    (void)state;
    build_callees("i:i", CODE(LOCAL_GET, 0, I32_CONST, 9, CALL_INDIRECT, 0, 0));
    compile_accept();
    snprintf(expected, sizeof expected,
             "const.u32 9 -> $4; move.64 $0 -> $3; call_indirect.s $4 %u 0 $3; return.integer.r",
             module.types[0]);
    assert_code(TESTED_BODY, expected);
}

static void index_has_the_address_type_of_the_table(void **state)
{
    const struct limits wide = {.minimum = 1, .address64 = true};

    (void)state;
    for (uint8_t tableidx = 0; tableidx < 2; tableidx++) {
        for (uint8_t type = 0; type < 2; type++) {
            build_begin();
            build_table(FUNCREF, 1, 1);
            build_table_of(FUNCREF, &wide);
            build_type(":");
            build_function(type ? "I:" : "i:", "", CODE(LOCAL_GET, 0, CALL_INDIRECT, 0, tableidx));
            assert_int_equal(compile(), type == tableidx);
        }
    }
}

static void call_cells_are_24_bytes_long(void **state)
{
    (void)state;
    build_callees("i:", CODE(LOCAL_GET, 0, CALL, IMPORTED, DROP, CALL, NOTHING));
    compile_accept();
    assert_ptr_equal((const uint8_t *)cell_at(TESTED_BODY, 1) + 24, cell_at(TESTED_BODY, 2));
    assert_ptr_equal((const uint8_t *)cell_at(TESTED_BODY, 2) + 24, cell_at(TESTED_BODY, 3));
}

static void header_of_a_frame_lies_behind_locals_and_results(void **state)
{
    (void)state;
    build_begin();
    build_function("ii:i", "iii", CODE(LOCAL_GET, 0));
    build_function("i:iiii", "", CODE(I32_CONST, 0, I32_CONST, 0, I32_CONST, 0, I32_CONST, 0));
    build_function(":", "", NO_CODE);
    compile_accept();
    assert_int_equal(module.codes[0].header, 5);
    assert_int_equal(module.codes[1].header, 4);
    assert_int_equal(module.codes[2].header, 0);
}

static void dead_calls_are_checked_and_emit_nothing(void **state)
{
    (void)state;
    assert_caller(":i", "unreachable", CODE(UNREACHABLE, CALL, BINARY));
    assert_caller(":iI", "unreachable", CODE(UNREACHABLE, CALL, PAIR));
    assert_caller(":i", "unreachable", CODE(UNREACHABLE, CALL_INDIRECT, 0, 0));
    refuse_caller(":i", ERROR_TYPE_MISMATCH, 3, CODE(UNREACHABLE, I64_CONST, 0, CALL, BINARY));
    refuse_caller(":", ERROR_TYPE_MISMATCH, 3, CODE(UNREACHABLE, CALL, PAIR, F32_NEG));
    refuse_caller(":i", ERROR_TYPE_MISMATCH, 3,
                  CODE(UNREACHABLE, I64_CONST, 0, CALL_INDIRECT, 0, 0));
}

static void callee_must_be_there(void **state)
{
    (void)state;
    refuse_caller(":", ERROR_UNKNOWN_FUNCTION, 0, CODE(CALL, 5));
    refuse_caller(":", ERROR_UNKNOWN_FUNCTION, 1, CODE(UNREACHABLE, CALL, 5));
    refuse_caller("i:", ERROR_UNKNOWN_TYPE, 2, CODE(LOCAL_GET, 0, CALL_INDIRECT, 9, 0));
    refuse_caller("i:", ERROR_UNKNOWN_TABLE, 2, CODE(LOCAL_GET, 0, CALL_INDIRECT, 0, 3));
    refuse_caller("ii:i", ERROR_TYPE_MISMATCH, 4,
                  CODE(LOCAL_GET, 0, LOCAL_GET, 1, CALL_INDIRECT, 0, 1));
}

static void arguments_are_checked_at_the_call(void **state)
{
    (void)state;
    refuse_caller("i:i", ERROR_TYPE_MISMATCH, 2, CODE(LOCAL_GET, 0, CALL, BINARY));
    refuse_caller("iI:i", ERROR_TYPE_MISMATCH, 4, CODE(LOCAL_GET, 0, LOCAL_GET, 1, CALL, BINARY));
    refuse_caller("iI:i", ERROR_TYPE_MISMATCH, 4, CODE(LOCAL_GET, 1, LOCAL_GET, 0, CALL, BINARY));
    refuse_caller("iI:i", ERROR_TYPE_MISMATCH, 4,
                  CODE(LOCAL_GET, 0, LOCAL_GET, 1, CALL_INDIRECT, 0, 0));
    refuse_caller("iI:i", ERROR_TYPE_MISMATCH, 4,
                  CODE(LOCAL_GET, 1, LOCAL_GET, 0, CALL_INDIRECT, 0, 0));
    refuse_caller("i:i", ERROR_TYPE_MISMATCH, 2, CODE(LOCAL_GET, 0, CALL_INDIRECT, 0, 0));
}

static void tail_call_names_where_its_arguments_are(void **state)
{
    (void)state;
    assert_caller("ii:i", "move.64 $1 -> $4; move.64 $0 -> $5; return_call 1 $4",
                  CODE(LOCAL_GET, 1, LOCAL_GET, 0, RETURN_CALL, BINARY));
    assert_int_equal(cell_at(TESTED_BODY, 2)->c, 2);
    assert_int_equal(cell_at(TESTED_BODY, 2)->d, 2);
    assert_caller("i:i", "move.64 $0 -> $3; return_call.import 0 $3",
                  CODE(LOCAL_GET, 0, RETURN_CALL, IMPORTED));
    assert_caller("i:i",
                  "const.u32 5 -> $4; move.64 $0 -> $3; return_call_indirect.s $4 $3 "
                  "8589934592",
                  CODE(LOCAL_GET, 0, I32_CONST, 5, RETURN_CALL_INDIRECT, 0, 2));
}

static void tail_call_gives_what_the_caller_is_to_give(void **state)
{
    (void)state;
    refuse_caller("i:", ERROR_TYPE_MISMATCH, 2, CODE(LOCAL_GET, 0, RETURN_CALL, IMPORTED));
    refuse_caller("i:I", ERROR_TYPE_MISMATCH, 2, CODE(LOCAL_GET, 0, RETURN_CALL, IMPORTED));
    refuse_caller("i:i", ERROR_TYPE_MISMATCH, 0, CODE(RETURN_CALL, IMPORTED));
    refuse_caller("i:i", ERROR_UNKNOWN_FUNCTION, 0, CODE(RETURN_CALL, 9));
    // What follows is dead.
    assert_caller(":", "return_call 2 $2", CODE(RETURN_CALL, NOTHING, CALL, NOTHING));
}

static const struct CMUnitTest tests[] = {
    TEST(arguments_go_to_their_homes),
    TEST(argument_in_the_accumulator_is_stored),
    TEST(frame_begins_at_the_first_argument),
    TEST(single_result_is_in_the_accumulator_and_its_home),
    TEST(several_results_are_in_their_homes_only),
    TEST(local_below_a_call_stays_where_it_is),
    TEST(no_accumulator_outlives_a_call),
    TEST(result_of_a_call_is_not_redirected),
    TEST(call_through_a_table_has_type_and_table),
    TEST(type_of_an_indirect_call_is_the_canonical_one),
    TEST(constant_index_of_a_table_goes_above_the_arguments),
    TEST(index_has_the_address_type_of_the_table),
    TEST(call_cells_are_24_bytes_long),
    TEST(header_of_a_frame_lies_behind_locals_and_results),
    TEST(dead_calls_are_checked_and_emit_nothing),
    TEST(callee_must_be_there),
    TEST(arguments_are_checked_at_the_call),
    TEST(tail_call_names_where_its_arguments_are),
    TEST(tail_call_gives_what_the_caller_is_to_give),
};

int main(void)
{
    return cmocka_run_group_tests(tests, NULL, NULL);
}
