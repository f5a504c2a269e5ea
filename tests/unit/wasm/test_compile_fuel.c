// SPDX-License-Identifier: Apache-2.0
// Metered code: which cells pay, and for how much.
#include "tests/unit/wasm/compile_fixture.h"

static void body_is_paid_for_at_entry(void **state)
{
    (void)state;
    options.metered = true;
    assert_translation(":", "", "fuel 1; return.0", NO_CODE);
    assert_translation(":", "", "fuel 3; return.0", CODE(NOP, NOP));
    assert_translation("i:i", "i", "zero $1 1; fuel 4; i32.add.ss.n $0 $1; return.integer.r",
                       CODE(LOCAL_GET, 0, LOCAL_GET, 1, I32_ADD));
}

static void blocks_pay_into_what_is_around_them(void **state)
{
    (void)state;
    options.metered = true;
    assert_translation(":", "", "fuel 4; return.0", CODE(BLOCK, EMPTY, NOP, END));
    assert_translation("i:", "", "fuel 7; br.i32.eq.si $0 0 @3; br @3; return.0",
                       CODE(LOCAL_GET, 0, IF, EMPTY, NOP, ELSE, NOP, END));
}

static void each_turn_of_a_loop_is_paid_for(void **state)
{
    (void)state;
    options.metered = true;
    assert_translation("i:", "", "fuel 2; fuel 3; br.i32.ne.si $0 0 @1; return.0",
                       CODE(LOOP, EMPTY, LOCAL_GET, 0, BR_IF, 0, END));
    assert_translation(
        "i:", "",
        "fuel 2; fuel 4; fuel 3; br.i32.ne.si $0 0 @2; br.i32.ne.si $0 0 @1; "
        "return.0",
        CODE(LOOP, EMPTY, LOOP, EMPTY, LOCAL_GET, 0, BR_IF, 0, END, LOCAL_GET, 0, BR_IF, 0, END));
    assert_translation("i:", "", "fuel 2; fuel 5; br.i32.eq.si $0 0 @4; br @1; return.0",
                       CODE(LOOP, EMPTY, LOCAL_GET, 0, IF, EMPTY, BR, 1, END, END));
}

static void dead_loop_has_no_fuel_cell(void **state)
{
    (void)state;
    options.metered = true;
    assert_translation(":", "", "fuel 5; unreachable", CODE(UNREACHABLE, LOOP, EMPTY, NOP, END));
}

static void fuel_cell_is_no_comparison_to_fuse_with(void **state)
{
    (void)state;
    options.metered = true;
    build_type("i:i");
    build_function(
        "ii:i", "",
        CODE(LOCAL_GET, 0, LOCAL_GET, 1, I32_LT_S, LOOP, 0, I32_EQZ, LOCAL_GET, 0, BR_IF, 0, END));
    compile_accept();
    assert_code(0, "fuel 5; i32.lt_s.ss $0 $1 -> $4; fuel 4; i32.eq.si $4 0 -> $4; "
                   "br.i32.ne.si $0 0 @2; return.integer.r");
}

// One sixteenth of an instruction for each.
static void moves_of_many_values_are_paid_for(void **state)
{
    char parameters[40] = "", results[40] = ":";
    struct bytes call = {0}, branch = {0};

    (void)state;
    options.metered = true;
    memset(parameters, 'i', 32);
    strcpy(parameters + 32, ":");
    memset(results + 1, 'i', 32);
    build_function(parameters, "", NO_CODE);
    assert_int_equal(build_type(results), 1);
    put_all(&branch, CODE(BLOCK, 1));
    for (int i = 0; i < 32; i++) {
        put_all(&call, CODE(I32_CONST, 0));
        put_all(&branch, CODE(I32_CONST, 0));
    }
    put_all(&call, CODE(CALL, 0));
    put_all(&branch, CODE(BR, 0, END));
    for (int i = 0; i < 32; i++)
        put(&branch, DROP);
    build_function(":", "", call.data, call.length);
    build_function(":", "", branch.data, branch.length);
    compile_accept();
    assert_int_equal(cell_at(1, 0)->imm, 32 + 2 + 2);
    assert_int_equal(cell_at(2, 0)->imm, 1 + 32 + 1 + 1 + 32 + 1 + 2);
    bytes_free(&call);
    bytes_free(&branch);
}

static void zeroing_of_many_locals_is_paid_for(void **state)
{
    (void)state;
    options.metered = true;
    accept_function(":", "iiiiiiiiiiiiiiiiiiiiiiiiiiiiiiii",
                    CODE(LOCAL_GET, 0, DROP, LOCAL_GET, 31, DROP));
    assert_string_equal(operation_info[cell_at(0, 0)->handler].name, "zero_many");
    assert_int_equal(cell_at(0, 1)->imm, 5 + 2);
}

static const struct CMUnitTest tests[] = {
    TEST(body_is_paid_for_at_entry),
    TEST(blocks_pay_into_what_is_around_them),
    TEST(each_turn_of_a_loop_is_paid_for),
    TEST(dead_loop_has_no_fuel_cell),
    TEST(fuel_cell_is_no_comparison_to_fuse_with),
    TEST(moves_of_many_values_are_paid_for),
    TEST(zeroing_of_many_locals_is_paid_for),
};

int main(void)
{
    return cmocka_run_group_tests(tests, NULL, NULL);
}
