// SPDX-License-Identifier: Apache-2.0
// Which form of an arithmetic operation, a load or a store is chosen for which places of operands.
#include "tests/unit/wasm/compile_fixture.h"

#include <stdio.h>

#include "sandbox/wasm/opcode.h"

// A function of this signature, with a memory, becomes these cells.
static void assert_access(const char *signature, const char *expected, const uint8_t *code,
                          size_t length)
{
    build_begin();
    build_memory(1, NO_MAXIMUM);
    build_function(signature, "", code, length);
    compile_accept();
    assert_code(0, expected);
}

static void refuse_access(const char *signature, enum error_code code, size_t at,
                          const uint8_t *bytes, size_t length)
{
    build_begin();
    build_memory(1, NO_MAXIMUM);
    build_function(signature, "", bytes, length);
    assert_false(compile());
    assert_string_equal(error_wording(error.code), error_wording(code));
    assert_int_equal(error.offset, build_code_offset(0) + at);
}

/* Immediates. */

static void constant_on_the_right_is_an_immediate(void **state)
{
    (void)state;
    assert_translation("i:i", "", "i32.add.si.n $0 1; return.integer.r",
                       CODE(LOCAL_GET, 0, I32_CONST, 1, I32_ADD));
    assert_translation("i:i", "", "i32.shl.si.n $0 3; return.integer.r",
                       CODE(LOCAL_GET, 0, I32_CONST, 3, I32_SHL));
    assert_translation("f:f", "", "f32.add.si.n $0 1.5f; return.f32.r",
                       CODE(LOCAL_GET, 0, F32_CONST, BITS32(0x3fc00000), F32_ADD));
    assert_translation("F:F", "", "f64.add.si.n $0 1.5F; return.f64.r",
                       CODE(LOCAL_GET, 0, F64_CONST, BITS64(0x3ff8000000000000), F64_ADD));
}

static void constant_on_the_left_of_a_commutative_operation_goes_to_the_right(void **state)
{
    (void)state;
    assert_translation("i:i", "", "i32.mul.si.n $0 9; return.integer.r",
                       CODE(I32_CONST, 9, LOCAL_GET, 0, I32_MUL));
    assert_translation("F:F", "", "f64.mul.si.n $0 1.5F; return.f64.r",
                       CODE(F64_CONST, BITS64(0x3ff8000000000000), LOCAL_GET, 0, F64_MUL));
}

static void constant_on_the_left_of_an_ordered_operation_stays_there(void **state)
{
    (void)state;
    assert_translation("i:i", "", "i32.sub.is.n 5 $0; return.integer.r",
                       CODE(I32_CONST, 5, LOCAL_GET, 0, I32_SUB));
    assert_translation("ii:i", "", "i32.add.ss.n $0 $1; i32.shl.ir.n 5; return.integer.r",
                       CODE(I32_CONST, 5, LOCAL_GET, 0, LOCAL_GET, 1, I32_ADD, I32_SHL));
    assert_translation("F:F", "", "f64.div.is.n 1.5F $0; return.f64.r",
                       CODE(F64_CONST, BITS64(0x3ff8000000000000), LOCAL_GET, 0, F64_DIV));
}

static void of_two_constants_the_left_one_goes_to_its_home(void **state)
{
    (void)state;
    assert_translation(":i", "", "const.u32 6 -> $3; i32.mul.si.n $3 7; return.integer.r",
                       CODE(I32_CONST, 6, I32_CONST, 7, I32_MUL));
    assert_translation(":i", "", "const.u32 6 -> $3; i32.rem_u.si.n $3 7; return.integer.r",
                       CODE(I32_CONST, 6, I32_CONST, 7, I32_REM_U));
}

static void immediates_of_64_bits_are_those_that_sign_extension_gives(void **state)
{
    (void)state;
    assert_translation("I:I", "", "i64.add.si.n $0 2147483647; return.integer.r",
                       CODE(LOCAL_GET, 0, I64_CONST, S64(0x7fffffff), I64_ADD));
    assert_translation("I:I", "", "i64.mul.si.n $0 -2147483648; return.integer.r",
                       CODE(LOCAL_GET, 0, I64_CONST, S64(-0x80000000ll), I64_MUL));
    assert_translation("I:I", "",
                       "const.u32 2147483648 -> $4; i64.add.ss.n $0 $4; return.integer.r",
                       CODE(LOCAL_GET, 0, I64_CONST, S64(0x80000000ll), I64_ADD));
    assert_translation("I:I", "",
                       "const.64 18446744071562067967 -> $4; i64.add.ss.n $0 $4; return.integer.r",
                       CODE(LOCAL_GET, 0, I64_CONST, S64(-0x80000001ll), I64_ADD));
    assert_translation("I:I", "", "const.64 4294967296 -> $3; i64.shl.ss.n $3 $0; return.integer.r",
                       CODE(I64_CONST, S64(0x100000000ll), LOCAL_GET, 0, I64_SHL));
}

static void wide_constant_leaves_the_other_operand_in_the_accumulator(void **state)
{
    (void)state;
    assert_translation(
        "II:I", "",
        "i64.add.ss.n $0 $1; const.u32 2147483648 -> $5; i64.rotl.rs.n $5; return.integer.r",
        CODE(LOCAL_GET, 0, LOCAL_GET, 1, I64_ADD, I64_CONST, S64(0x80000000ll), I64_ROTL));
}

/* Subtraction of a constant. */

static void subtraction_of_a_constant_is_addition_of_its_negation(void **state)
{
    (void)state;
    assert_translation("i:i", "", "i32.add.si.n $0 -1; return.integer.r",
                       CODE(LOCAL_GET, 0, I32_CONST, 1, I32_SUB));
    assert_translation("i:i", "", "i32.add.si.n $0 -2147483648; return.integer.r",
                       CODE(LOCAL_GET, 0, I32_CONST, S32(INT32_MIN), I32_SUB));
    assert_translation("I:I", "", "i64.add.si.n $0 -1; return.integer.r",
                       CODE(LOCAL_GET, 0, I64_CONST, 1, I64_SUB));
    assert_translation("I:I", "", "i64.add.si.n $0 -2147483648; return.integer.r",
                       CODE(LOCAL_GET, 0, I64_CONST, S64(0x80000000ll), I64_SUB));
    assert_translation("ii:i", "", "i32.mul.ss.n $0 $1; i32.add.ri.n 5; return.integer.r",
                       CODE(LOCAL_GET, 0, LOCAL_GET, 1, I32_MUL, I32_CONST, S32(-5), I32_SUB));
}

static void subtraction_of_a_constant_whose_negation_is_too_wide_stays(void **state)
{
    (void)state;
    assert_translation("I:I", "", "i64.sub.si.n $0 -2147483648; return.integer.r",
                       CODE(LOCAL_GET, 0, I64_CONST, S64(-0x80000000ll), I64_SUB));
    assert_translation("I:I", "", "const.64 4294967296 -> $4; i64.sub.ss.n $0 $4; return.integer.r",
                       CODE(LOCAL_GET, 0, I64_CONST, S64(0x100000000ll), I64_SUB));
}

static void float_subtraction_of_a_constant_stays(void **state)
{
    (void)state;
    assert_translation("f:f", "", "f32.sub.si.n $0 1.5f; return.f32.r",
                       CODE(LOCAL_GET, 0, F32_CONST, BITS32(0x3fc00000), F32_SUB));
}

/* Accumulators. */

static void value_used_once_at_once_is_not_stored(void **state)
{
    (void)state;
    assert_translation("iii:i", "", "i32.add.ss.n $0 $1; i32.mul.rs.n $2; return.integer.r",
                       CODE(LOCAL_GET, 0, LOCAL_GET, 1, I32_ADD, LOCAL_GET, 2, I32_MUL));
    assert_translation("iii:i", "", "i32.add.ss.n $0 $1; i32.sub.rs.n $2; return.integer.r",
                       CODE(LOCAL_GET, 0, LOCAL_GET, 1, I32_ADD, LOCAL_GET, 2, I32_SUB));
    assert_translation("ii:i", "", "i32.add.ss.n $0 $1; i32.shl.ri.n 3; return.integer.r",
                       CODE(LOCAL_GET, 0, LOCAL_GET, 1, I32_ADD, I32_CONST, 3, I32_SHL));
    assert_translation("i:i", "", "i32.clz.s.n $0; i32.ctz.r.n; return.integer.r",
                       CODE(LOCAL_GET, 0, I32_CLZ, I32_CTZ));
}

static void accumulator_is_the_left_operand_of_a_commutative_operation(void **state)
{
    (void)state;
    assert_translation("iii:i", "", "i32.add.ss.n $0 $1; i32.mul.rs.n $2; return.integer.r",
                       CODE(LOCAL_GET, 2, LOCAL_GET, 0, LOCAL_GET, 1, I32_ADD, I32_MUL));
    assert_translation("iii:i", "", "i32.add.ss.n $0 $1; i32.sub.sr.n $2; return.integer.r",
                       CODE(LOCAL_GET, 2, LOCAL_GET, 0, LOCAL_GET, 1, I32_ADD, I32_SUB));
}

static void value_that_another_one_displaces_is_stored(void **state)
{
    (void)state;
    assert_translation(
        "iiii:i", "",
        "i32.add.ss $0 $1 -> $6; i32.add.ss.n $2 $3; i32.mul.rs.n $6; "
        "return.integer.r",
        CODE(LOCAL_GET, 0, LOCAL_GET, 1, I32_ADD, LOCAL_GET, 2, LOCAL_GET, 3, I32_ADD, I32_MUL));
}

static void accumulators_of_the_classes_do_not_displace_each_other(void **state)
{
    (void)state;
    assert_translation("fF:f", "",
                       "f32.neg.s.n $0; f64.neg.s.n $1; i64.trunc_f64_s.r -> $5; return.f32.r",
                       CODE(LOCAL_GET, 0, F32_NEG, LOCAL_GET, 1, F64_NEG, I64_TRUNC_F64_S, DROP));
}

static void local_twice_is_once_in_the_accumulator_and_once_in_its_slot(void **state)
{
    (void)state;
    assert_translation(
        "ii:i", "", "i32.add.ss $0 $1 -> $1; i32.mul.rs.n $1; return.integer.r",
        CODE(LOCAL_GET, 0, LOCAL_GET, 1, I32_ADD, LOCAL_TEE, 1, LOCAL_GET, 1, I32_MUL));
}

/* Comparisons. */

static void comparison_with_a_constant_on_the_left_is_mirrored(void **state)
{
    (void)state;
    assert_translation("i:i", "", "i32.gt_s.si.n $0 5; return.integer.r",
                       CODE(I32_CONST, 5, LOCAL_GET, 0, I32_LT_S));
    assert_translation("I:i", "", "i64.le_u.si.n $0 5; return.integer.r",
                       CODE(I64_CONST, 5, LOCAL_GET, 0, I64_GE_U));
    assert_translation("f:i", "", "f32.ge.si.n $0 1.5f; return.integer.r",
                       CODE(F32_CONST, BITS32(0x3fc00000), LOCAL_GET, 0, F32_LE));
    assert_translation("F:i", "", "f64.ne.si.n $0 1.5F; return.integer.r",
                       CODE(F64_CONST, BITS64(0x3ff8000000000000), LOCAL_GET, 0, F64_NE));
}

static void comparison_with_the_accumulator_on_the_right_is_mirrored(void **state)
{
    (void)state;
    assert_translation("iii:i", "", "i32.add.ss.n $0 $1; i32.ge_u.rs.n $2; return.integer.r",
                       CODE(LOCAL_GET, 2, LOCAL_GET, 0, LOCAL_GET, 1, I32_ADD, I32_LE_U));
}

static void eqz_of_an_integer_comparison_inverts_it(void **state)
{
    (void)state;
    assert_translation("ii:i", "", "i32.ge_s.ss.n $0 $1; return.integer.r",
                       CODE(LOCAL_GET, 0, LOCAL_GET, 1, I32_LT_S, I32_EQZ));
    assert_translation("I:i", "", "i64.gt_u.si.n $0 3; return.integer.r",
                       CODE(LOCAL_GET, 0, I64_CONST, 3, I64_LE_U, I32_EQZ));
    assert_translation("i:i", "", "i32.ne.si.n $0 0; return.integer.r",
                       CODE(LOCAL_GET, 0, I32_EQZ, I32_EQZ));
    assert_translation("I:i", "", "i64.eq.si.n $0 0; return.integer.r",
                       CODE(LOCAL_GET, 0, I64_EQZ, I32_EQZ, I32_EQZ));
}

static void eqz_of_a_float_comparison_does_not_invert_it(void **state)
{
    (void)state;
    assert_translation("ff:i", "", "f32.lt.ss.n $0 $1; i32.eq.ri.n 0; return.integer.r",
                       CODE(LOCAL_GET, 0, LOCAL_GET, 1, F32_LT, I32_EQZ));
    assert_translation("FF:i", "", "f64.eq.ss.n $0 $1; i32.eq.ri.n 0; return.integer.r",
                       CODE(LOCAL_GET, 0, LOCAL_GET, 1, F64_EQ, I32_EQZ));
}

static void eqz_does_not_invert_a_comparison_that_a_local_keeps(void **state)
{
    (void)state;
    assert_translation("iii:i", "", "i32.lt_s.ss $0 $1 -> $2; i32.eq.ri.n 0; return.integer.r",
                       CODE(LOCAL_GET, 0, LOCAL_GET, 1, I32_LT_S, LOCAL_TEE, 2, I32_EQZ));
}

static void eqz_does_not_invert_a_comparison_that_is_not_the_last_cell(void **state)
{
    (void)state;
    assert_translation(
        "ii:i", "", "i32.lt_s.ss.n $0 $1; const.u32 1 -> $0; i32.eq.ri.n 0; return.integer.r",
        CODE(LOCAL_GET, 0, LOCAL_GET, 1, I32_LT_S, I32_CONST, 1, LOCAL_SET, 0, I32_EQZ));
}

static void eqz_is_the_comparison_with_zero(void **state)
{
    (void)state;
    assert_translation("i:i", "", "i32.eq.si.n $0 0; return.integer.r",
                       CODE(LOCAL_GET, 0, I32_EQZ));
    assert_translation("II:i", "", "i64.add.ss.n $0 $1; i64.eq.ri.n 0; return.integer.r",
                       CODE(LOCAL_GET, 0, LOCAL_GET, 1, I64_ADD, I64_EQZ));
    assert_translation(":i", "", "const.u32 4 -> $3; i32.eq.si.n $3 0; return.integer.r",
                       CODE(I32_CONST, 4, I32_EQZ));
}

/* Every opcode with a family. */

static void local_operands(struct bytes *code, const struct opcode_info *info)
{
    for (uint8_t i = 0; i < info->parameter_count; i++) {
        put(code, LOCAL_GET);
        put(code, i);
    }
    if (info->page != 0)
        put(code, info->page);
    put(code, (uint8_t)info->code);
    if (info->immediate >= IMMEDIATE_MEMARG0 && info->immediate <= IMMEDIATE_MEMARG3) {
        put(code, 0);
        put(code, 0);
    }
}

static void assert_named_operation(const struct opcode_info *info, const char *form)
{
    struct bytes code = {0};
    char signature[16], expected[64];

    snprintf(signature, sizeof signature, "%s", info->signature);
    if (signature[0] == 'a') // addresses
        signature[0] = 'i';
    local_operands(&code, info);
    build_begin();
    build_memory(1, NO_MAXIMUM);
    build_function(signature, "", code.data, code.length);
    compile_accept();
    snprintf(expected, sizeof expected, "%s.%s", info->mnemonic, form);
    assert_string_equal(operation_info[cell_at(0, 0)->handler].name, expected);
    assert_int_equal(cell_at(0, 0)->a, 0);
    if (info->parameter_count == 2)
        assert_int_equal(cell_at(0, 0)->b, 1);
    assert_int_equal(cell_count(0), 2);
    bytes_free(&code);
}

static void each_numeric_opcode_becomes_the_operation_of_its_name(void **state)
{
    static const char *const forms[] = {
        [FAMILY_COMMUTATIVE] = "ss.n", [FAMILY_ORDERED] = "ss.n", [FAMILY_COMPARE] = "ss.n",
        [FAMILY_UNARY] = "s.n",        [FAMILY_LOAD] = "s.n",     [FAMILY_STORE] = "ss"};
    unsigned seen = 0;

    (void)state;
    for (uint32_t opcode = 0; opcode < OPCODE_COUNT; opcode++) {
        if (numeric_operation[opcode].family == FAMILY_OTHER ||
            opcode_info[opcode].feature != FEATURE_CORE)
            continue;
        seen++;
        assert_named_operation(&opcode_info[opcode], forms[numeric_operation[opcode].family]);
    }
    // Arithmetic, comparisons but eqz, conversions, saturating ones, sign extensions, accesses.
    assert_int_equal(seen, 64 + 32 + 25 + 8 + 5 + 23);
}

/* Loads and stores. */

static void load_takes_its_address_from_where_it_is(void **state)
{
    (void)state;
    assert_access("i:i", "i32.load.s.n $0 8; return.integer.r", CODE(LOCAL_GET, 0, I32_LOAD, 2, 8));
    assert_access("ii:I", "i32.add.ss.n $0 $1; i64.load32_s.r.n 0; return.integer.r",
                  CODE(LOCAL_GET, 0, LOCAL_GET, 1, I32_ADD, I64_LOAD32_S, 2, 0));
    assert_access(":F", "f64.load.n.n 16; return.f64.r", CODE(I32_CONST, 16, F64_LOAD, 3, 0));
}

static void constant_address_goes_into_the_offset(void **state)
{
    (void)state;
    assert_access(":i", "i32.load.n.n 24; return.integer.r", CODE(I32_CONST, 16, I32_LOAD, 2, 8));
    assert_access(":i", "i32.load8_u.n.n 4294967295; return.integer.r",
                  CODE(I32_CONST, S32(-2), I32_LOAD8_U, 0, 1));
    assert_access("i:", "i32.store.ns 24 $0; return.0",
                  CODE(I32_CONST, 16, LOCAL_GET, 0, I32_STORE, 2, 8));
}

static void constant_address_stays_apart_where_the_sum_leaves_32_bits(void **state)
{
    (void)state;
    assert_access(":i", "const.u32 4294967295 -> $3; i32.load8_u.s.n $3 1; return.integer.r",
                  CODE(I32_CONST, S32(-1), I32_LOAD8_U, 0, 1));
    assert_access("i:", "const.u32 1 -> $3; i32.store8.ss $3 4294967295 $0; return.0",
                  CODE(I32_CONST, 1, LOCAL_GET, 0, I32_STORE8, 0, U32(0xffffffff)));
}

static void address_that_was_added_to_is_not_folded(void **state)
{
    (void)state;
    assert_access("i:i", "i32.add.si.n $0 4; i32.load.r.n 8; return.integer.r",
                  CODE(LOCAL_GET, 0, I32_CONST, 4, I32_ADD, I32_LOAD, 2, 8));
}

static void store_takes_its_operands_from_where_they_are(void **state)
{
    (void)state;
    assert_access("ii:", "i32.store.ss $0 4 $1; return.0",
                  CODE(LOCAL_GET, 0, LOCAL_GET, 1, I32_STORE, 2, 4));
    assert_access("ii:", "i32.add.si.n $1 1; i32.store.sr $0 4; return.0",
                  CODE(LOCAL_GET, 0, LOCAL_GET, 1, I32_CONST, 1, I32_ADD, I32_STORE, 2, 4));
    assert_access("i:", "i32.store.si $0 4 7; return.0",
                  CODE(LOCAL_GET, 0, I32_CONST, 7, I32_STORE, 2, 4));
    assert_access("ii:", "i32.add.si.n $0 1; i32.store.rs 4 $1; return.0",
                  CODE(LOCAL_GET, 0, I32_CONST, 1, I32_ADD, LOCAL_GET, 1, I32_STORE, 2, 4));
    assert_access("i:", "i32.add.si.n $0 1; i32.store.ri 4 7; return.0",
                  CODE(LOCAL_GET, 0, I32_CONST, 1, I32_ADD, I32_CONST, 7, I32_STORE, 2, 4));
    assert_access("i:", "i32.clz.s.n $0; i32.store.nr 20; return.0",
                  CODE(I32_CONST, 16, LOCAL_GET, 0, I32_CLZ, I32_STORE, 2, 4));
    assert_access(":", "i32.store.ni 20 7; return.0",
                  CODE(I32_CONST, 16, I32_CONST, 7, I32_STORE, 2, 4));
}

static void float_and_its_address_are_both_in_accumulators(void **state)
{
    (void)state;
    assert_access(
        "iF:", "i32.add.si.n $0 1; f64.neg.s.n $1; f64.store.rr 4; return.0",
        CODE(LOCAL_GET, 0, I32_CONST, 1, I32_ADD, LOCAL_GET, 1, F64_NEG, F64_STORE, 3, 4));
    assert_access(
        "if:", "i32.add.si.n $0 1; f32.neg.s.n $1; f32.store.rr 4; return.0",
        CODE(LOCAL_GET, 0, I32_CONST, 1, I32_ADD, LOCAL_GET, 1, F32_NEG, F32_STORE, 2, 4));
}

static void local_that_is_address_and_value_is_in_the_accumulator_once(void **state)
{
    (void)state;
    assert_access(
        "ii:", "i32.add.ss $0 $1 -> $0; i32.store.sr $0 0; return.0",
        CODE(LOCAL_GET, 0, LOCAL_GET, 1, I32_ADD, LOCAL_TEE, 0, LOCAL_GET, 0, I32_STORE, 2, 0));
}

static void stored_constants_of_16_bits_are_immediates(void **state)
{
    (void)state;
    assert_access("i:", "i32.store.si $0 0 32767; return.0",
                  CODE(LOCAL_GET, 0, I32_CONST, S32(32767), I32_STORE, 2, 0));
    assert_access("i:", "i32.store16.si $0 0 -32768; return.0",
                  CODE(LOCAL_GET, 0, I32_CONST, S32(-32768), I32_STORE16, 1, 0));
    assert_access("i:", "i64.store.si $0 0 -1; return.0",
                  CODE(LOCAL_GET, 0, I64_CONST, S64(-1), I64_STORE, 3, 0));
    assert_access("i:", "const.u32 32768 -> $4; i32.store.ss $0 0 $4; return.0",
                  CODE(LOCAL_GET, 0, I32_CONST, S32(32768), I32_STORE, 2, 0));
    assert_access("i:", "const.s32 -32769 -> $4; i64.store.ss $0 0 $4; return.0",
                  CODE(LOCAL_GET, 0, I64_CONST, S64(-32769), I64_STORE, 3, 0));
}

static void float_zero_is_stored_as_an_integer_but_minus_zero_is_not(void **state)
{
    (void)state;
    assert_access("i:", "i32.store.si $0 0 0; return.0",
                  CODE(LOCAL_GET, 0, F32_CONST, BITS32(0), F32_STORE, 2, 0));
    assert_access("i:", "i64.store.si $0 0 0; return.0",
                  CODE(LOCAL_GET, 0, F64_CONST, BITS64(0), F64_STORE, 3, 0));
    assert_access("i:", "const.u32 2147483648 -> $4; f32.store.ss $0 0 $4; return.0",
                  CODE(LOCAL_GET, 0, F32_CONST, BITS32(0x80000000), F32_STORE, 2, 0));
    assert_access("i:", "const.64 9223372036854775808 -> $4; f64.store.ss $0 0 $4; return.0",
                  CODE(LOCAL_GET, 0, F64_CONST, BITS64(0x8000000000000000), F64_STORE, 3, 0));
}

static void checked_accesses_have_memory_and_wide_offset(void **state)
{
    (void)state;
    options.checked_memory = true;
    assert_access("i:i", "checked.i32.load.s.n $0 0 8; return.integer.r",
                  CODE(LOCAL_GET, 0, I32_LOAD, 2, 8));
    assert_access(":i", "checked.i32.load8_s.n.n 0 4294967296; return.integer.r",
                  CODE(I32_CONST, S32(-1), I32_LOAD8_S, 0, 1));
    assert_access(":", "checked.i64.store.ni 0 20 7; return.0",
                  CODE(I32_CONST, 16, I64_CONST, 7, I64_STORE, 3, 4));
    assert_access(
        "iF:", "i32.add.si.n $0 1; f64.neg.s.n $1; checked.f64.store.rr 0 4; return.0",
        CODE(LOCAL_GET, 0, I32_CONST, 1, I32_ADD, LOCAL_GET, 1, F64_NEG, F64_STORE, 3, 4));
}

#define U64_MAX 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1 // LEB128

// One function with a 64-bit memory.
static void build_access64(const char *signature, const uint8_t *code, size_t length)
{
    build_begin();
    build_memory_of(&(struct memorytype){.limits = {.minimum = 1, .address64 = true}});
    build_function(signature, "", code, length);
}

static void accesses_of_64_bit_addresses_are_checked_ones(void **state)
{
    (void)state;
    build_access64("I:i", CODE(LOCAL_GET, 0, I32_LOAD, 2, 8));
    compile_accept();
    assert_code(0, "checked.i32.load.s.n $0 0 8; return.integer.r");
    build_access64("I:", CODE(LOCAL_GET, 0, LOCAL_GET, 0, I64_STORE, 3, U64_MAX));
    compile_accept();
    assert_code(0, "checked.i64.store.ss $0 0 18446744073709551615 $0; return.0");
}

static void constant_address_stays_apart_where_the_sum_leaves_64_bits(void **state)
{
    (void)state;
    build_access64(":i", CODE(I64_CONST, 0x7f, I32_LOAD8_U, 0, 0));
    compile_accept();
    assert_code(0, "checked.i32.load8_u.n.n 0 18446744073709551615; return.integer.r");
    build_access64(":i", CODE(I64_CONST, 0x7f, I32_LOAD8_U, 0, 1));
    compile_accept();
    assert_code(0, "const.s32 -1 -> $3; checked.i32.load8_u.s.n $3 0 1; return.integer.r");
}

static void address_and_offset_have_the_memorys_type(void **state)
{
    (void)state;
    build_access64("i:i", CODE(LOCAL_GET, 0, I32_LOAD, 2, 0));
    assert_false(compile());
    assert_int_equal(error.code, ERROR_TYPE_MISMATCH);
    build_access64("Ii:", CODE(LOCAL_GET, 1, LOCAL_GET, 1, I32_STORE, 2, 0));
    assert_false(compile());
    assert_int_equal(error.code, ERROR_TYPE_MISMATCH);
    refuse_access("i:i", ERROR_OFFSET_OUT_OF_RANGE, 2,
                  CODE(LOCAL_GET, 0, I32_LOAD, 2, 0x80, 0x80, 0x80, 0x80, 0x10));
}

/* What is not valid. */

static void operands_of_another_type_are_refused_at_the_opcode(void **state)
{
    (void)state;
    refuse_function("iI:i", "", ERROR_TYPE_MISMATCH, 4, CODE(LOCAL_GET, 0, LOCAL_GET, 1, I32_ADD));
    refuse_function("iI:i", "", ERROR_TYPE_MISMATCH, 4, CODE(LOCAL_GET, 1, LOCAL_GET, 0, I32_ADD));
    refuse_function("f:F", "", ERROR_TYPE_MISMATCH, 2, CODE(LOCAL_GET, 0, F64_NEG));
    refuse_function("r:i", "", ERROR_TYPE_MISMATCH, 2, CODE(LOCAL_GET, 0, I32_EQZ));
    assert_string_equal(error.message,
                        "type mismatch: i32.eqz needs i32 but the operand is funcref");
    refuse_access("I:i", ERROR_TYPE_MISMATCH, 2, CODE(LOCAL_GET, 0, I32_LOAD, 2, 0));
    refuse_access("ii:", ERROR_TYPE_MISMATCH, 4, CODE(LOCAL_GET, 0, LOCAL_GET, 1, I64_STORE, 3, 0));
    refuse_access("II:", ERROR_TYPE_MISMATCH, 4, CODE(LOCAL_GET, 0, LOCAL_GET, 1, I64_STORE, 3, 0));
}

static void missing_operands_are_refused_at_the_opcode(void **state)
{
    (void)state;
    refuse_function(":i", "", ERROR_TYPE_MISMATCH, 0, CODE(I32_ADD));
    refuse_function("i:i", "", ERROR_TYPE_MISMATCH, 2, CODE(LOCAL_GET, 0, I32_ADD));
    assert_string_equal(error.message,
                        "type mismatch: i32.add needs more operands than the block has");
    refuse_function("i:i", "", ERROR_TYPE_MISMATCH, 4,
                    CODE(LOCAL_GET, 0, BLOCK, I32, I32_CLZ, END));
    refuse_access("i:", ERROR_TYPE_MISMATCH, 2, CODE(LOCAL_GET, 0, I32_STORE, 2, 0));
}

static void types_are_checked_in_dead_code(void **state)
{
    (void)state;
    refuse_function("I:i", "", ERROR_TYPE_MISMATCH, 3, CODE(UNREACHABLE, LOCAL_GET, 0, I32_ADD));
    refuse_function(":i", "", ERROR_TYPE_MISMATCH, 2, CODE(UNREACHABLE, I64_ADD, I32_CLZ));
    refuse_access(":", ERROR_TYPE_MISMATCH, 3,
                  CODE(UNREACHABLE, I64_CONST, 0, I32_LOAD, 2, 0, DROP));
}

static void dead_code_is_valid_with_operands_from_nowhere(void **state)
{
    (void)state;
    assert_translation(":i", "", "unreachable", CODE(UNREACHABLE, I32_ADD));
    assert_translation("i:i", "", "unreachable", CODE(UNREACHABLE, LOCAL_GET, 0, I32_ADD));
    assert_access(":i", "unreachable", CODE(UNREACHABLE, I64_LOAD, 3, 0, I64_STORE, 3, 0, I32_EQZ));
}

static void access_needs_a_memory(void **state)
{
    (void)state;
    refuse_function("i:i", "", ERROR_UNKNOWN_MEMORY, 2, CODE(LOCAL_GET, 0, I32_LOAD, 2, 0));
    refuse_function("i:", "", ERROR_UNKNOWN_MEMORY, 4,
                    CODE(LOCAL_GET, 0, LOCAL_GET, 0, I32_STORE, 2, 0));
}

static void alignment_is_at_most_the_natural_one(void **state)
{
    (void)state;
    refuse_access("i:i", ERROR_ALIGNMENT_TOO_LARGE, 2, CODE(LOCAL_GET, 0, I32_LOAD8_U, 1, 0));
    refuse_access("i:i", ERROR_ALIGNMENT_TOO_LARGE, 2, CODE(LOCAL_GET, 0, I32_LOAD16_U, 2, 0));
    refuse_access("i:i", ERROR_ALIGNMENT_TOO_LARGE, 2, CODE(LOCAL_GET, 0, I32_LOAD, 3, 0));
    refuse_access("iI:", ERROR_ALIGNMENT_TOO_LARGE, 4,
                  CODE(LOCAL_GET, 0, LOCAL_GET, 1, I64_STORE, 4, 0));
    assert_access("i:i", "i32.load.s.n $0 0; return.integer.r", CODE(LOCAL_GET, 0, I32_LOAD, 0, 0));
}

static const struct CMUnitTest tests[] = {
    TEST(constant_on_the_right_is_an_immediate),
    TEST(constant_on_the_left_of_a_commutative_operation_goes_to_the_right),
    TEST(constant_on_the_left_of_an_ordered_operation_stays_there),
    TEST(of_two_constants_the_left_one_goes_to_its_home),
    TEST(immediates_of_64_bits_are_those_that_sign_extension_gives),
    TEST(wide_constant_leaves_the_other_operand_in_the_accumulator),
    TEST(subtraction_of_a_constant_is_addition_of_its_negation),
    TEST(subtraction_of_a_constant_whose_negation_is_too_wide_stays),
    TEST(float_subtraction_of_a_constant_stays),
    TEST(value_used_once_at_once_is_not_stored),
    TEST(accumulator_is_the_left_operand_of_a_commutative_operation),
    TEST(value_that_another_one_displaces_is_stored),
    TEST(accumulators_of_the_classes_do_not_displace_each_other),
    TEST(local_twice_is_once_in_the_accumulator_and_once_in_its_slot),
    TEST(comparison_with_a_constant_on_the_left_is_mirrored),
    TEST(comparison_with_the_accumulator_on_the_right_is_mirrored),
    TEST(eqz_of_an_integer_comparison_inverts_it),
    TEST(eqz_of_a_float_comparison_does_not_invert_it),
    TEST(eqz_does_not_invert_a_comparison_that_a_local_keeps),
    TEST(eqz_does_not_invert_a_comparison_that_is_not_the_last_cell),
    TEST(eqz_is_the_comparison_with_zero),
    TEST(each_numeric_opcode_becomes_the_operation_of_its_name),
    TEST(load_takes_its_address_from_where_it_is),
    TEST(constant_address_goes_into_the_offset),
    TEST(constant_address_stays_apart_where_the_sum_leaves_32_bits),
    TEST(address_that_was_added_to_is_not_folded),
    TEST(store_takes_its_operands_from_where_they_are),
    TEST(float_and_its_address_are_both_in_accumulators),
    TEST(local_that_is_address_and_value_is_in_the_accumulator_once),
    TEST(stored_constants_of_16_bits_are_immediates),
    TEST(float_zero_is_stored_as_an_integer_but_minus_zero_is_not),
    TEST(checked_accesses_have_memory_and_wide_offset),
    TEST(accesses_of_64_bit_addresses_are_checked_ones),
    TEST(constant_address_stays_apart_where_the_sum_leaves_64_bits),
    TEST(address_and_offset_have_the_memorys_type),
    TEST(operands_of_another_type_are_refused_at_the_opcode),
    TEST(missing_operands_are_refused_at_the_opcode),
    TEST(types_are_checked_in_dead_code),
    TEST(dead_code_is_valid_with_operands_from_nowhere),
    TEST(access_needs_a_memory),
    TEST(alignment_is_at_most_the_natural_one),
};

int main(void)
{
    return cmocka_run_group_tests(tests, NULL, NULL);
}
