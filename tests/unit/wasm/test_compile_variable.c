// SPDX-License-Identifier: Apache-2.0
// Constants, locals, globals, references, drop and select: what they emit, and where locals that
// are still on the stack go when they are written.
#include "tests/unit/wasm/compile_fixture.h"

// Globals 0 to 3 are mutable, of types i32, i64, f32, f64; 4 is an immutable i32.
static void build_globals(void)
{
    build_begin();
    build_global(I32, true, CODE(I32_CONST, 1));
    build_global(I64, true, CODE(I64_CONST, 1));
    build_global(F32, true, CODE(F32_CONST, BITS32(0)));
    build_global(F64, true, CODE(F64_CONST, BITS64(0)));
    build_global(I32, false, CODE(I32_CONST, 5));
}

static void assert_with_globals(const char *signature, const char *expected, const uint8_t *code,
                                size_t length)
{
    build_globals();
    build_function(signature, "", code, length);
    compile_accept();
    assert_code(0, expected);
}

static void refuse_with_globals(const char *signature, enum error_code code, size_t at,
                                const uint8_t *bytes, size_t length)
{
    build_globals();
    build_function(signature, "", bytes, length);
    assert_false(compile());
    assert_string_equal(error_wording(error.code), error_wording(code));
    assert_int_equal(error.offset, build_code_offset(0) + at);
}

/* Reading. */

static void reading_a_local_emits_nothing(void **state)
{
    (void)state;
    assert_translation("i:", "", "return.0", CODE(LOCAL_GET, 0, DROP));
    assert_translation("i:i", "", "return.integer.s $0", CODE(LOCAL_GET, 0));
    assert_translation("f:f", "", "return.f32.s $0", CODE(LOCAL_GET, 0));
    assert_translation("F:F", "", "return.f64.s $0", CODE(LOCAL_GET, 0));
}

static void constant_emits_nothing_before_it_is_needed(void **state)
{
    (void)state;
    assert_translation(":", "", "return.0", CODE(I32_CONST, 1, I64_CONST, 1, DROP, DROP));
    assert_translation(":i", "", "const.u32 4294967295 -> $3; return.integer.s $3",
                       CODE(I32_CONST, S32(-1)));
    assert_translation(":I", "", "const.s32 -1 -> $3; return.integer.s $3",
                       CODE(I64_CONST, S64(-1)));
    assert_translation(":I", "", "const.s32 -2147483648 -> $3; return.integer.s $3",
                       CODE(I64_CONST, S64(-0x80000000ll)));
    assert_translation(":I", "", "const.64 18446744071562067967 -> $3; return.integer.s $3",
                       CODE(I64_CONST, S64(-0x80000001ll)));
    assert_translation(":I", "", "const.u32 4294967295 -> $3; return.integer.s $3",
                       CODE(I64_CONST, S64(0xffffffffll)));
    assert_translation(":f", "", "const.u32 1069547520 -> $3; return.f32.s $3",
                       CODE(F32_CONST, BITS32(0x3fc00000)));
    assert_translation(":F", "", "const.64 4609434218613702656 -> $3; return.f64.s $3",
                       CODE(F64_CONST, BITS64(0x3ff8000000000000)));
    assert_translation(":r", "", "const.u32 0 -> $3; return.integer.s $3", CODE(REF_NULL, FUNCREF));
}

/* Writing. */

static void result_of_the_last_cell_goes_straight_to_the_local(void **state)
{
    (void)state;
    assert_translation("i:", "", "i32.add.si $0 1 -> $0; return.0",
                       CODE(LOCAL_GET, 0, I32_CONST, 1, I32_ADD, LOCAL_SET, 0));
    assert_translation("iii:", "", "i32.shl.ss $1 $2 -> $0; return.0",
                       CODE(LOCAL_GET, 1, LOCAL_GET, 2, I32_SHL, LOCAL_SET, 0));
    assert_translation("Fi:", "", "f64.convert_i32_s.s $1 -> $0; return.0",
                       CODE(LOCAL_GET, 1, F64_CONVERT_I32_S, LOCAL_SET, 0));
    assert_translation("ii:", "", "i32.lt_u.ss $0 $1 -> $1; return.0",
                       CODE(LOCAL_GET, 0, LOCAL_GET, 1, I32_LT_U, LOCAL_SET, 1));
}

static void local_that_was_just_set_is_in_the_accumulator(void **state)
{
    (void)state;
    assert_translation("i:i", "", "i32.add.si $0 1 -> $0; i32.mul.ri.n 3; return.integer.r",
                       CODE(LOCAL_GET, 0, I32_CONST, 1, I32_ADD, LOCAL_SET, 0, LOCAL_GET, 0,
                            I32_CONST, 3, I32_MUL));
    assert_translation(
        "i:i", "", "i32.add.si $0 1 -> $0; i32.mul.ri.n 3; return.integer.r",
        CODE(LOCAL_GET, 0, I32_CONST, 1, I32_ADD, LOCAL_TEE, 0, I32_CONST, 3, I32_MUL));
}

static void local_that_is_in_the_accumulator_keeps_its_slot(void **state)
{
    (void)state;
    assert_translation("i:i", "", "i32.add.si $0 1 -> $0; i32.mul.ri 3 -> $3; return.integer.s $0",
                       CODE(LOCAL_GET, 0, I32_CONST, 1, I32_ADD, LOCAL_TEE, 0, I32_CONST, 3,
                            I32_MUL, DROP, LOCAL_GET, 0));
}

static void local_overwritten_meanwhile_is_not_taken_from_the_accumulator(void **state)
{
    (void)state;
    assert_translation("i:i", "", "i32.add.si $0 1 -> $0; const.u32 7 -> $0; return.integer.s $0",
                       CODE(LOCAL_GET, 0, I32_CONST, 1, I32_ADD, LOCAL_SET, 0, I32_CONST, 7,
                            LOCAL_SET, 0, LOCAL_GET, 0));
    assert_translation("fi:f", "", "f32.neg.s $0 -> $0; const.u32 0 -> $0; return.f32.s $0",
                       CODE(LOCAL_GET, 0, F32_NEG, LOCAL_SET, 0, F32_CONST, BITS32(0), LOCAL_SET, 0,
                            LOCAL_GET, 0));
}

static void local_set_from_a_local_or_constant_is_one_cell(void **state)
{
    (void)state;
    assert_translation("ii:", "", "move.64 $1 -> $0; return.0", CODE(LOCAL_GET, 1, LOCAL_SET, 0));
    assert_translation("ff:", "", "move.32 $1 -> $0; return.0", CODE(LOCAL_GET, 1, LOCAL_SET, 0));
    assert_translation("FF:", "", "move.64 $1 -> $0; return.0", CODE(LOCAL_GET, 1, LOCAL_SET, 0));
    assert_translation("rr:", "", "move.64 $1 -> $0; return.0", CODE(LOCAL_GET, 1, LOCAL_SET, 0));
    assert_translation("i:", "", "const.u32 5 -> $0; return.0", CODE(I32_CONST, 5, LOCAL_SET, 0));
    assert_translation("i:", "", "return.0", CODE(LOCAL_GET, 0, LOCAL_SET, 0));
}

static void value_in_the_accumulator_is_stored_from_there(void **state)
{
    (void)state;
    assert_translation(
        "ii:", "", "i32.add.ss.n $0 $1; const.u32 3 -> $1; set.integer -> $0; return.0",
        CODE(LOCAL_GET, 0, LOCAL_GET, 1, I32_ADD, I32_CONST, 3, LOCAL_SET, 1, LOCAL_SET, 0));
    assert_translation("fi:", "", "f32.neg.s.n $0; const.u32 3 -> $1; set.f32 -> $0; return.0",
                       CODE(LOCAL_GET, 0, F32_NEG, I32_CONST, 3, LOCAL_SET, 1, LOCAL_SET, 0));
    assert_translation("Fi:", "", "f64.neg.s.n $0; const.u32 3 -> $1; set.f64 -> $0; return.0",
                       CODE(LOCAL_GET, 0, F64_NEG, I32_CONST, 3, LOCAL_SET, 1, LOCAL_SET, 0));
}

static void value_no_longer_in_the_accumulator_is_moved(void **state)
{
    (void)state;
    assert_translation("ii:", "",
                       "i32.add.ss $0 $1 -> $4; i32.mul.ss $0 $1 -> $0; move.64 $4 -> $1; "
                       "return.0",
                       CODE(LOCAL_GET, 0, LOCAL_GET, 1, I32_ADD, LOCAL_GET, 0, LOCAL_GET, 1,
                            I32_MUL, LOCAL_SET, 0, LOCAL_SET, 1));
    assert_translation("ff:", "",
                       "f32.add.ss $0 $1 -> $4; f32.mul.ss $0 $1 -> $0; move.32 $4 -> $1; "
                       "return.0",
                       CODE(LOCAL_GET, 0, LOCAL_GET, 1, F32_ADD, LOCAL_GET, 0, LOCAL_GET, 1,
                            F32_MUL, LOCAL_SET, 0, LOCAL_SET, 1));
}

static void value_behind_a_label_is_not_redirected(void **state)
{
    (void)state;
    // The addition is the last cell, but a branch may have jumped over it.
    assert_translation("i:", "",
                       "br.i32.eq.si $0 0 @3; i32.add.si $0 1 -> $3; br @4; const.u32 2 -> $3; "
                       "move.64 $3 -> $0; return.0",
                       CODE(LOCAL_GET, 0, IF, I32, LOCAL_GET, 0, I32_CONST, 1, I32_ADD, ELSE,
                            I32_CONST, 2, END, LOCAL_SET, 0));
}

/* Locals on the stack while they are written. */

static void old_value_on_the_stack_is_saved_first(void **state)
{
    (void)state;
    assert_translation("i:i", "", "move.64 $0 -> $3; const.u32 5 -> $0; return.integer.s $3",
                       CODE(LOCAL_GET, 0, I32_CONST, 5, LOCAL_SET, 0));
    assert_translation("f:f", "", "move.32 $0 -> $3; const.u32 0 -> $0; return.f32.s $3",
                       CODE(LOCAL_GET, 0, F32_CONST, BITS32(0), LOCAL_SET, 0));
    assert_translation("i:ii", "",
                       "move.64 $0 -> $4; move.64 $0 -> $5; const.u32 5 -> $0; move.64 $4 -> $0; "
                       "move.64 $5 -> $1; return.0",
                       CODE(LOCAL_GET, 0, LOCAL_GET, 0, I32_CONST, 5, LOCAL_SET, 0));
}

static void old_value_is_saved_after_the_new_one_was_computed(void **state)
{
    (void)state;
    assert_translation("i:i", "",
                       "i32.add.si.n $0 1; move.64 $0 -> $3; set.integer -> $0; "
                       "return.integer.s $3",
                       CODE(LOCAL_GET, 0, LOCAL_GET, 0, I32_CONST, 1, I32_ADD, LOCAL_SET, 0));
}

static void old_value_in_the_accumulator_is_saved_from_there(void **state)
{
    (void)state;
    assert_translation("ii:i", "",
                       "i32.add.ss $0 $1 -> $0; set.integer -> $4; const.u32 1 -> $0; "
                       "return.integer.s $4",
                       CODE(LOCAL_GET, 0, LOCAL_GET, 1, I32_ADD, LOCAL_SET, 0, LOCAL_GET, 0,
                            I32_CONST, 1, LOCAL_SET, 0));
}

static void tee_saves_the_old_value_as_well(void **state)
{
    (void)state;
    assert_translation("i:i", "",
                       "move.64 $0 -> $3; const.u32 5 -> $0; i32.add.si.n $3 -5; return.integer.r",
                       CODE(LOCAL_GET, 0, I32_CONST, 5, LOCAL_TEE, 0, I32_SUB));
}

static void other_locals_on_the_stack_stay_where_they_are(void **state)
{
    (void)state;
    assert_translation("ii:i", "", "const.u32 5 -> $0; return.integer.s $1",
                       CODE(LOCAL_GET, 1, I32_CONST, 5, LOCAL_SET, 0));
}

static void set_to_what_it_is_keeps_pending_values_right(void **state)
{
    (void)state;
    // The local is on the stack twice; the upper one is set to the local itself.
    assert_translation("i:i", "", "move.64 $0 -> $3; return.integer.s $3",
                       CODE(LOCAL_GET, 0, LOCAL_GET, 0, LOCAL_SET, 0));
}

static void many_pending_locals_are_all_saved_at_once(void **state)
{
    struct bytes code = {0};
    enum { COUNT = 40 };

    (void)state;
    for (int i = 0; i < COUNT; i++)
        put_all(&code, CODE(LOCAL_GET, 1));
    put_all(&code, CODE(I32_CONST, 5, LOCAL_SET, 0));
    for (int i = 0; i < COUNT; i++)
        put(&code, DROP);
    accept_function("ii:", "", code.data, code.length);
    assert_int_equal(cell_count(0), COUNT + 2);
    for (uint32_t i = 0; i < COUNT; i++) {
        assert_string_equal(operation_info[cell_at(0, i)->handler].name, "move.64");
        assert_int_equal(cell_at(0, i)->a, 1);
        assert_int_equal(cell_at(0, i)->b, 4 + i);
    }
    bytes_free(&code);
}

static void locals_saved_once_are_not_saved_again(void **state)
{
    struct bytes code = {0};
    enum { COUNT = 40 };

    (void)state;
    for (int i = 0; i < COUNT; i++)
        put_all(&code, CODE(LOCAL_GET, 1));
    for (int i = 0; i < 10; i++)
        put_all(&code, CODE(I32_CONST, 5, LOCAL_SET, 0));
    for (int i = 0; i < COUNT; i++)
        put(&code, DROP);
    accept_function("ii:", "", code.data, code.length);
    assert_int_equal(cell_count(0), COUNT + 10 + 1);
    bytes_free(&code);
}

/* Zeroing at entry. */

static void local_read_before_it_is_set_is_zeroed(void **state)
{
    (void)state;
    assert_translation(":i", "i", "zero $0 1; return.integer.s $0", CODE(LOCAL_GET, 0));
    assert_int_equal(module.codes[0].prologue, 16);
    assert_translation("i:i", "iii", "zero $2 1; return.integer.s $2", CODE(LOCAL_GET, 2));
}

static void local_set_before_it_is_read_is_not_zeroed(void **state)
{
    (void)state;
    assert_translation(":i", "i", "const.u32 5 -> $0; return.integer.s $0",
                       CODE(I32_CONST, 5, LOCAL_SET, 0, LOCAL_GET, 0));
    assert_int_equal(module.codes[0].prologue, 0);
    assert_translation(":i", "i", "const.u32 5 -> $0; const.u32 5 -> $3; return.integer.s $3",
                       CODE(I32_CONST, 5, LOCAL_TEE, 0));
    assert_translation(":", "iIfF", "return.0", CODE(NOP));
}

static void local_set_on_one_path_only_is_zeroed(void **state)
{
    (void)state;
    assert_translation(
        "i:i", "i", "zero $1 1; br.i32.eq.si $0 0 @3; const.u32 5 -> $1; return.integer.s $1",
        CODE(LOCAL_GET, 0, IF, EMPTY, I32_CONST, 5, LOCAL_SET, 1, END, LOCAL_GET, 1));
    assert_translation("i:i", "i",
                       "zero $1 1; br.i32.eq.si $0 0 @4; const.u32 5 -> $1; br @5; "
                       "move.64 $1 -> $0; return.integer.s $0",
                       CODE(LOCAL_GET, 0, IF, EMPTY, I32_CONST, 5, LOCAL_SET, 1, ELSE, LOCAL_GET, 1,
                            LOCAL_SET, 0, END, LOCAL_GET, 0));
}

static void parameter_is_never_zeroed(void **state)
{
    (void)state;
    assert_translation("ir:i", "", "return.integer.s $0", CODE(LOCAL_GET, 0));
    assert_int_equal(module.codes[0].prologue, 0);
}

static void zeroed_locals_are_one_range(void **state)
{
    (void)state;
    assert_translation("i:", "iiiii", "zero $2 3; i32.add.ss $4 $2 -> $0; return.0",
                       CODE(LOCAL_GET, 4, LOCAL_GET, 2, I32_ADD, LOCAL_SET, 0));
    assert_translation(":i", "iiiiiiii", "zero $0 8; i32.add.ss.n $0 $7; return.integer.r",
                       CODE(LOCAL_GET, 0, LOCAL_GET, 7, I32_ADD));
    assert_translation(":i", "iiiiiiiii", "zero_many $0 9; i32.add.ss.n $0 $8; return.integer.r",
                       CODE(LOCAL_GET, 0, LOCAL_GET, 8, I32_ADD));
}

static void references_are_zeroed_even_if_nobody_reads_them(void **state)
{
    (void)state;
    assert_translation(":", "ir", "zero $1 1; return.0", CODE(NOP));
    assert_translation(":", "eir", "zero $0 3; return.0", CODE(NOP));
    assert_true(module.codes[0].holds_references);
}

static void dead_read_does_not_count(void **state)
{
    (void)state;
    assert_translation(":", "i", "unreachable", CODE(UNREACHABLE, LOCAL_GET, 0, DROP));
}

static void local_set_in_dead_code_only_is_zeroed(void **state)
{
    (void)state;
    assert_translation(":i", "i", "zero $0 1; br @2; return.integer.s $0",
                       CODE(BLOCK, EMPTY, BR, 0, I32_CONST, 5, LOCAL_SET, 0, END, LOCAL_GET, 0));
}

static void local_read_first_in_a_loop_that_sets_it_later_is_zeroed(void **state)
{
    (void)state;
    assert_translation("i:", "i",
                       "zero $1 1; i32.add.si $1 1 -> $1; br.i32.ne.si $0 0 @1; return.0",
                       CODE(LOOP, EMPTY, LOCAL_GET, 1, I32_CONST, 1, I32_ADD, LOCAL_SET, 1,
                            LOCAL_GET, 0, BR_IF, 0, END));
}

/* Globals. */

static void reading_a_global_is_a_cell_with_a_result(void **state)
{
    (void)state;
    assert_with_globals(":i", "global.get.integer.n 0; return.integer.r", CODE(GLOBAL_GET, 0));
    assert_with_globals(":I", "global.get.integer.n 1; return.integer.r", CODE(GLOBAL_GET, 1));
    assert_with_globals(":f", "global.get.f32.n 2; return.f32.r", CODE(GLOBAL_GET, 2));
    assert_with_globals(":F", "global.get.f64.n 3; return.f64.r", CODE(GLOBAL_GET, 3));
    assert_with_globals("i:", "global.get.integer 4 -> $0; return.0",
                        CODE(GLOBAL_GET, 4, LOCAL_SET, 0));
}

static void writing_a_global_takes_the_value_from_where_it_is(void **state)
{
    (void)state;
    assert_with_globals("i:", "global.set.64.s $0 0; return.0", CODE(LOCAL_GET, 0, GLOBAL_SET, 0));
    assert_with_globals("F:", "global.set.64.s $0 3; return.0", CODE(LOCAL_GET, 0, GLOBAL_SET, 3));
    assert_with_globals("f:", "global.set.f32.s $0 2; return.0", CODE(LOCAL_GET, 0, GLOBAL_SET, 2));
    assert_with_globals("i:", "i32.clz.s.n $0; global.set.integer.r 0; return.0",
                        CODE(LOCAL_GET, 0, I32_CLZ, GLOBAL_SET, 0));
    assert_with_globals("f:", "f32.neg.s.n $0; global.set.f32.r 2; return.0",
                        CODE(LOCAL_GET, 0, F32_NEG, GLOBAL_SET, 2));
    assert_with_globals("F:", "f64.neg.s.n $0; global.set.f64.r 3; return.0",
                        CODE(LOCAL_GET, 0, F64_NEG, GLOBAL_SET, 3));
    assert_with_globals(":", "const.u32 9 -> $2; global.set.64.s $2 1; return.0",
                        CODE(I64_CONST, 9, GLOBAL_SET, 1));
}

static void globals_in_dead_code_emit_nothing(void **state)
{
    (void)state;
    assert_with_globals(":", "unreachable",
                        CODE(UNREACHABLE, GLOBAL_GET, 0, GLOBAL_SET, 0, GLOBAL_SET, 3));
    refuse_with_globals(":", ERROR_TYPE_MISMATCH, 3,
                        CODE(UNREACHABLE, GLOBAL_GET, 0, GLOBAL_SET, 1));
}

static void globals_are_checked(void **state)
{
    (void)state;
    refuse_with_globals(":", ERROR_UNKNOWN_GLOBAL, 0, CODE(GLOBAL_GET, 5, DROP));
    refuse_with_globals("i:", ERROR_UNKNOWN_GLOBAL, 2, CODE(LOCAL_GET, 0, GLOBAL_SET, 5));
    refuse_with_globals("i:", ERROR_IMMUTABLE_GLOBAL, 2, CODE(LOCAL_GET, 0, GLOBAL_SET, 4));
    refuse_with_globals("i:", ERROR_TYPE_MISMATCH, 2, CODE(LOCAL_GET, 0, GLOBAL_SET, 1));
    refuse_with_globals(":", ERROR_TYPE_MISMATCH, 0, CODE(GLOBAL_SET, 0));
}

/* References. */

static void test_for_null_is_a_comparison(void **state)
{
    (void)state;
    assert_translation("r:i", "", "i64.eq.si.n $0 0; return.integer.r",
                       CODE(LOCAL_GET, 0, REF_IS_NULL));
    assert_translation("e:", "", "br.i64.eq.si $0 0 @1; return.0",
                       CODE(BLOCK, EMPTY, LOCAL_GET, 0, REF_IS_NULL, BR_IF, 0, END));
    assert_translation("e:i", "", "i64.ne.si.n $0 0; return.integer.r",
                       CODE(LOCAL_GET, 0, REF_IS_NULL, I32_EQZ));
    assert_translation(":i", "", "const.u32 0 -> $3; i64.eq.si.n $3 0; return.integer.r",
                       CODE(REF_NULL, EXTERNREF, REF_IS_NULL));
}

static void function_reference_is_made_in_its_home(void **state)
{
    (void)state;
    build_begin();
    build_function(":r", "", CODE(REF_FUNC, 0));
    build_element(SEGMENT_DECLARATIVE, 0, CODE(0));
    compile_accept();
    assert_code(0, "ref.func 0 -> $3; return.integer.s $3");
}

static void no_accumulator_outlives_the_making_of_a_function_reference(void **state)
{
    (void)state;
    build_begin();
    build_function(
        "i:i", "",
        CODE(LOCAL_GET, 0, I32_CONST, 1, I32_ADD, LOCAL_SET, 0, REF_FUNC, 0, DROP, LOCAL_GET, 0));
    build_element(SEGMENT_DECLARATIVE, 0, CODE(0));
    compile_accept();
    assert_code(0, "i32.add.si $0 1 -> $0; ref.func 0 -> $3; return.integer.s $0");
}

static void function_reference_must_be_declared(void **state)
{
    (void)state;
    refuse_function(":r", "", ERROR_UNDECLARED_FUNCTION_REFERENCE, 0, CODE(REF_FUNC, 0));
    refuse_function(":r", "", ERROR_UNKNOWN_FUNCTION, 0, CODE(REF_FUNC, 1));
    refuse_function(":r", "", ERROR_UNKNOWN_FUNCTION, 1, CODE(UNREACHABLE, REF_FUNC, 1));
}

static void test_for_null_needs_a_reference(void **state)
{
    (void)state;
    refuse_function("i:i", "", ERROR_TYPE_MISMATCH, 2, CODE(LOCAL_GET, 0, REF_IS_NULL));
    refuse_function(":i", "", ERROR_TYPE_MISMATCH, 0, CODE(REF_IS_NULL));
    assert_translation(":i", "", "unreachable", CODE(UNREACHABLE, REF_IS_NULL));
    refuse_function(":i", "", ERROR_TYPE_MISMATCH, 3, CODE(UNREACHABLE, I32_CONST, 0, REF_IS_NULL));
}

/* drop and select. */

static void dropping_needs_an_operand(void **state)
{
    (void)state;
    refuse_function(":", "", ERROR_TYPE_MISMATCH, 0, CODE(DROP));
    refuse_function("i:", "", ERROR_TYPE_MISMATCH, 4, CODE(LOCAL_GET, 0, BLOCK, EMPTY, DROP, END));
}

static void select_takes_slots_and_the_condition_from_anywhere(void **state)
{
    (void)state;
    assert_translation("iii:i", "", "select.integer.s.n $0 $1 $2; return.integer.r",
                       CODE(LOCAL_GET, 0, LOCAL_GET, 1, LOCAL_GET, 2, SELECT));
    assert_translation("ffi:f", "", "select.f32.s.n $0 $1 $2; return.f32.r",
                       CODE(LOCAL_GET, 0, LOCAL_GET, 1, LOCAL_GET, 2, SELECT));
    assert_translation("FFi:F", "", "select.f64.s.n $0 $1 $2; return.f64.r",
                       CODE(LOCAL_GET, 0, LOCAL_GET, 1, LOCAL_GET, 2, SELECT));
    assert_translation(
        "ii:i", "",
        "i32.lt_s.ss.n $0 $1; select.integer.r.n $0 $1; "
        "return.integer.r",
        CODE(LOCAL_GET, 0, LOCAL_GET, 1, LOCAL_GET, 0, LOCAL_GET, 1, I32_LT_S, SELECT));
    assert_translation("FFi:F", "", "i32.eq.si.n $2 0; select.f64.r.n $0 $1; return.f64.r",
                       CODE(LOCAL_GET, 0, LOCAL_GET, 1, LOCAL_GET, 2, I32_EQZ, SELECT));
    assert_translation("ffi:f", "", "i32.eq.si.n $2 0; select.f32.r.n $0 $1; return.f32.r",
                       CODE(LOCAL_GET, 0, LOCAL_GET, 1, LOCAL_GET, 2, I32_EQZ, SELECT));
}

static void select_puts_constants_into_their_homes(void **state)
{
    (void)state;
    assert_translation("i:i", "",
                       "const.u32 1 -> $3; const.u32 2 -> $4; select.integer.s.n $3 $4 $0; "
                       "return.integer.r",
                       CODE(I32_CONST, 1, I32_CONST, 2, LOCAL_GET, 0, SELECT));
}

static void select_gives_its_result_to_a_local_directly(void **state)
{
    (void)state;
    assert_translation("iii:", "", "select.integer.s $0 $1 $2 -> $0; return.0",
                       CODE(LOCAL_GET, 0, LOCAL_GET, 1, LOCAL_GET, 2, SELECT, LOCAL_SET, 0));
}

static void select_of_references_needs_its_type(void **state)
{
    (void)state;
    assert_translation("rri:r", "", "select.integer.s.n $0 $1 $2; return.integer.r",
                       CODE(LOCAL_GET, 0, LOCAL_GET, 1, LOCAL_GET, 2, SELECT_TYPED, 1, FUNCREF));
    refuse_function("rri:r", "", ERROR_TYPE_MISMATCH, 6,
                    CODE(LOCAL_GET, 0, LOCAL_GET, 1, LOCAL_GET, 2, SELECT));
    refuse_function("rri:e", "", ERROR_TYPE_MISMATCH, 6,
                    CODE(LOCAL_GET, 0, LOCAL_GET, 1, LOCAL_GET, 2, SELECT_TYPED, 1, EXTERNREF));
}

static void select_needs_operands_of_one_type(void **state)
{
    (void)state;
    refuse_function("iIi:i", "", ERROR_TYPE_MISMATCH, 6,
                    CODE(LOCAL_GET, 0, LOCAL_GET, 1, LOCAL_GET, 2, SELECT));
    refuse_function("iiI:i", "", ERROR_TYPE_MISMATCH, 6,
                    CODE(LOCAL_GET, 0, LOCAL_GET, 1, LOCAL_GET, 2, SELECT));
    refuse_function("ii:i", "", ERROR_TYPE_MISMATCH, 4, CODE(LOCAL_GET, 0, LOCAL_GET, 1, SELECT));
    refuse_function("iIi:i", "", ERROR_TYPE_MISMATCH, 6,
                    CODE(LOCAL_GET, 0, LOCAL_GET, 1, LOCAL_GET, 2, SELECT_TYPED, 1, I32));
}

static void select_has_exactly_one_type(void **state)
{
    (void)state;
    refuse_function("iii:i", "", ERROR_INVALID_RESULT_ARITY, 6,
                    CODE(LOCAL_GET, 0, LOCAL_GET, 1, LOCAL_GET, 2, SELECT_TYPED, 0));
    refuse_function("iii:i", "", ERROR_INVALID_RESULT_ARITY, 6,
                    CODE(LOCAL_GET, 0, LOCAL_GET, 1, LOCAL_GET, 2, SELECT_TYPED, 2, I32, I32));
}

static void dead_select_leaves_its_type_open_only_without_operands(void **state)
{
    (void)state;
    assert_translation(":F", "", "unreachable", CODE(UNREACHABLE, SELECT));
    assert_translation("i:i", "", "unreachable", CODE(UNREACHABLE, LOCAL_GET, 0, SELECT));
    refuse_function("iI:F", "", ERROR_TYPE_MISMATCH, 6,
                    CODE(UNREACHABLE, LOCAL_GET, 1, LOCAL_GET, 0, SELECT));
}

static void locals_are_checked(void **state)
{
    (void)state;
    refuse_function("i:", "i", ERROR_UNKNOWN_LOCAL, 0, CODE(LOCAL_GET, 2, DROP));
    refuse_function("i:", "i", ERROR_UNKNOWN_LOCAL, 2, CODE(I32_CONST, 0, LOCAL_SET, 2));
    refuse_function("i:", "i", ERROR_UNKNOWN_LOCAL, 1, CODE(UNREACHABLE, LOCAL_TEE, 2, DROP));
    refuse_function("i:", "I", ERROR_TYPE_MISMATCH, 2, CODE(LOCAL_GET, 0, LOCAL_SET, 1));
    refuse_function("i:", "I", ERROR_TYPE_MISMATCH, 0, CODE(LOCAL_SET, 1));
    refuse_function("i:i", "I", ERROR_TYPE_MISMATCH, 3, CODE(UNREACHABLE, LOCAL_TEE, 1, I32_CLZ));
}

static const struct CMUnitTest tests[] = {
    TEST(reading_a_local_emits_nothing),
    TEST(constant_emits_nothing_before_it_is_needed),
    TEST(result_of_the_last_cell_goes_straight_to_the_local),
    TEST(local_that_was_just_set_is_in_the_accumulator),
    TEST(local_that_is_in_the_accumulator_keeps_its_slot),
    TEST(local_overwritten_meanwhile_is_not_taken_from_the_accumulator),
    TEST(local_set_from_a_local_or_constant_is_one_cell),
    TEST(value_in_the_accumulator_is_stored_from_there),
    TEST(value_no_longer_in_the_accumulator_is_moved),
    TEST(value_behind_a_label_is_not_redirected),
    TEST(old_value_on_the_stack_is_saved_first),
    TEST(old_value_is_saved_after_the_new_one_was_computed),
    TEST(old_value_in_the_accumulator_is_saved_from_there),
    TEST(tee_saves_the_old_value_as_well),
    TEST(other_locals_on_the_stack_stay_where_they_are),
    TEST(set_to_what_it_is_keeps_pending_values_right),
    TEST(many_pending_locals_are_all_saved_at_once),
    TEST(locals_saved_once_are_not_saved_again),
    TEST(local_read_before_it_is_set_is_zeroed),
    TEST(local_set_before_it_is_read_is_not_zeroed),
    TEST(local_set_on_one_path_only_is_zeroed),
    TEST(parameter_is_never_zeroed),
    TEST(zeroed_locals_are_one_range),
    TEST(references_are_zeroed_even_if_nobody_reads_them),
    TEST(dead_read_does_not_count),
    TEST(local_set_in_dead_code_only_is_zeroed),
    TEST(local_read_first_in_a_loop_that_sets_it_later_is_zeroed),
    TEST(reading_a_global_is_a_cell_with_a_result),
    TEST(writing_a_global_takes_the_value_from_where_it_is),
    TEST(globals_in_dead_code_emit_nothing),
    TEST(globals_are_checked),
    TEST(test_for_null_is_a_comparison),
    TEST(function_reference_is_made_in_its_home),
    TEST(no_accumulator_outlives_the_making_of_a_function_reference),
    TEST(function_reference_must_be_declared),
    TEST(test_for_null_needs_a_reference),
    TEST(dropping_needs_an_operand),
    TEST(select_takes_slots_and_the_condition_from_anywhere),
    TEST(select_puts_constants_into_their_homes),
    TEST(select_gives_its_result_to_a_local_directly),
    TEST(select_of_references_needs_its_type),
    TEST(select_needs_operands_of_one_type),
    TEST(select_has_exactly_one_type),
    TEST(dead_select_leaves_its_type_open_only_without_operands),
    TEST(locals_are_checked),
};

int main(void)
{
    return cmocka_run_group_tests(tests, NULL, NULL);
}
