// SPDX-License-Identifier: Apache-2.0
// What asks for null, calls through references, and locals that are never null.
#include "tests/unit/wasm/compile_fixture.h"

enum { REF = 0x64 };

static void reference_that_is_not_null_stays_in_place(void **state)
{
    (void)state;
    assert_translation("r:r", "", "ref.as_non_null.s $0; return.integer.s $0",
                       CODE(LOCAL_GET, 0, REF_AS_NON_NULL));
    // What is in the accumulator is still to be stored or not by its one use.
    assert_translation(
        "rri:r", "", "select.integer.s.n $0 $1 $2; ref.as_non_null.r; return.integer.r",
        CODE(LOCAL_GET, 0, LOCAL_GET, 1, LOCAL_GET, 2, SELECT_TYPED, 1, FUNCREF, REF_AS_NON_NULL));
}

static void branch_on_null_compares_with_zero(void **state)
{
    (void)state;
    assert_translation("r:", "", "br.i64.eq.si $0 0 @1; return.0",
                       CODE(BLOCK, EMPTY, LOCAL_GET, 0, BR_ON_NULL, 0, DROP, END));
    assert_translation("r:", "", "br.i64.ne.si $0 0 @2; return.0; return.0",
                       CODE(LOCAL_GET, 0, BR_ON_NULL, 0, DROP));
    assert_translation("ir:i", "",
                       "move.64 $0 -> $4; br.i64.ne.si $1 0 @3; return.integer.s $4; "
                       "return.integer.s $4",
                       CODE(LOCAL_GET, 0, LOCAL_GET, 1, BR_ON_NULL, 0, DROP));
}

static void branch_on_non_null_takes_the_reference_with_it(void **state)
{
    (void)state;
    assert_translation(
        "r:r", "",
        "move.64 $0 -> $3; br.i64.ne.si $3 0 @3; const.u32 0 -> $3; "
        "return.integer.s $3",
        CODE(BLOCK, FUNCREF, LOCAL_GET, 0, BR_ON_NON_NULL, 0, REF_NULL, FUNCREF, END));
    assert_translation("r:r", "",
                       "move.64 $0 -> $3; br.i64.eq.si $3 0 @3; return.integer.s $3; "
                       "unreachable",
                       CODE(LOCAL_GET, 0, BR_ON_NON_NULL, 0, UNREACHABLE));
}

static void branches_on_references_need_one(void **state)
{
    (void)state;
    refuse_function("i:", "", ERROR_TYPE_MISMATCH, 2, CODE(LOCAL_GET, 0, BR_ON_NULL, 0, DROP));
    refuse_function("i:", "", ERROR_TYPE_MISMATCH, 2, CODE(LOCAL_GET, 0, REF_AS_NON_NULL, DROP));
    refuse_function("r:", "", ERROR_TYPE_MISMATCH, 2, CODE(LOCAL_GET, 0, BR_ON_NON_NULL, 0));
    refuse_function("e:r", "", ERROR_TYPE_MISMATCH, 2,
                    CODE(LOCAL_GET, 0, BR_ON_NON_NULL, 0, UNREACHABLE));
    refuse_function("r:", "", ERROR_UNKNOWN_LABEL, 2, CODE(LOCAL_GET, 0, BR_ON_NULL, 1, DROP));
}

static void dead_code_has_a_reference_that_matches_all(void **state)
{
    (void)state;
    accept_function(":e", "", CODE(UNREACHABLE, REF_AS_NON_NULL));
    accept_function(":r", "", CODE(UNREACHABLE, BR_ON_NULL, 0, DROP));
    refuse_function(":i", "", ERROR_TYPE_MISMATCH, 2, CODE(UNREACHABLE, REF_AS_NON_NULL));
}

static void build_caller(const uint8_t *body, size_t length)
{
    build_begin();
    uint32_t callee = build_type("i:i");
    build_element(SEGMENT_DECLARATIVE, 0, (const uint8_t[]){0}, 1);
    build_function_raw(callee, body, length);
}

static void callee_is_taken_from_slot_or_accumulator(void **state)
{
    (void)state;
    build_caller(CODE(1, 1, 0x63, 0, LOCAL_GET, 0, LOCAL_GET, 1, CALL_REF, 0, END));
    compile_accept();
    assert_code(0, "zero $1 1; move.64 $0 -> $4; call_ref.s $1 $4; return.integer.r");
    build_caller(CODE(0, LOCAL_GET, 0, REF_FUNC, 0, CALL_REF, 0, END));
    compile_accept();
    assert_code(0, "ref.func 0 -> $4; move.64 $0 -> $3; call_ref.s $4 $3; return.integer.r");
}

static void callee_has_the_type_that_is_named(void **state)
{
    (void)state;
    build_caller(CODE(0, LOCAL_GET, 0, REF_NULL, FUNCREF, CALL_REF, 0, END));
    compile_refuse(ERROR_TYPE_MISMATCH, build_code_offset(0) + 5);
    build_caller(CODE(0, LOCAL_GET, 0, REF_FUNC, 0, CALL_REF, 9, END));
    compile_refuse(ERROR_UNKNOWN_TYPE, build_code_offset(0) + 5);
}

// --- locals of a type without a default value; `body` begins behind their declaration ---

static bool compile_with_local(uint8_t localidx, const uint8_t *code, size_t length)
{
    struct bytes body = {0};

    build_begin();
    build_element(SEGMENT_DECLARATIVE, 0, (const uint8_t[]){0}, 1);
    put(&body, 1);
    put_u32(&body, localidx + 1u);
    put_all(&body, (const uint8_t[]){REF, FUNCREF}, 2);
    put_all(&body, code, length);
    put(&body, END);
    build_function_raw(build_type(":"), body.data, body.length);
    bytes_free(&body);
    return compile();
}

static void assert_uninitialised(const uint8_t *code, size_t length)
{
    assert_false(compile_with_local(0, code, length));
    assert_string_equal(error_wording(error.code), error_wording(ERROR_UNINITIALIZED_LOCAL));
}

static void locals_without_a_default_are_set_first(void **state)
{
    (void)state;
    assert_uninitialised(CODE(LOCAL_GET, 0, DROP));
    assert_true(compile_with_local(0, CODE(REF_FUNC, 0, LOCAL_SET, 0, LOCAL_GET, 0, DROP)));
    assert_true(compile_with_local(0, CODE(REF_FUNC, 0, LOCAL_TEE, 0, LOCAL_GET, 0, DROP, DROP)));
    assert_uninitialised(
        CODE(REF_FUNC, 0, DROP, BLOCK, EMPTY, REF_FUNC, 0, LOCAL_SET, 0, END, LOCAL_GET, 0, DROP));
    assert_true(compile_with_local(
        0, CODE(REF_FUNC, 0, LOCAL_SET, 0, BLOCK, EMPTY, LOCAL_GET, 0, DROP, END)));
    assert_uninitialised(
        CODE(I32_CONST, 0, IF, EMPTY, REF_FUNC, 0, LOCAL_SET, 0, ELSE, LOCAL_GET, 0, DROP, END));
}

static void locals_are_set_in_dead_code_too(void **state)
{
    (void)state;
    assert_true(
        compile_with_local(0, CODE(UNREACHABLE, REF_FUNC, 0, LOCAL_SET, 0, LOCAL_GET, 0, DROP)));
    assert_uninitialised(CODE(UNREACHABLE, LOCAL_GET, 0, DROP));
}

static void locals_are_followed_however_many_there_are(void **state)
{
    const uint8_t get[] = {LOCAL_GET, 0x90, 0x4e, DROP}; // 10000
    struct bytes code = {0};

    (void)state;
    for (int is_set = 0; is_set < 2; is_set++) {
        build_begin();
        build_element(SEGMENT_DECLARATIVE, 0, (const uint8_t[]){0}, 1);
        code.length = 0;
        put_all(&code, CODE(1, 0x91, 0x4e, REF, FUNCREF)); // 10001 of them
        if (is_set)
            put_all(&code, CODE(REF_FUNC, 0, LOCAL_SET, 0x90, 0x4e));
        put_all(&code, get, sizeof get);
        put(&code, END);
        build_function_raw(build_type(":"), code.data, code.length);
        assert_int_equal(compile(), is_set);
    }
    // Nothing of one function is left for the next.
    build_begin();
    build_element(SEGMENT_DECLARATIVE, 0, (const uint8_t[]){0}, 1);
    build_function_raw(build_type(":"), code.data, code.length);
    build_function_raw(build_type(":"), CODE(1, 1, REF, FUNCREF, LOCAL_GET, 0, DROP, END));
    assert_false(compile());
    bytes_free(&code);
}

static void tables_of_references_that_are_never_null_need_a_value(void **state)
{
    (void)state;
    build_begin();
    build_section(4, CODE(1, REF, FUNCREF, 0, 1));
    assert_false(compile());
    assert_int_equal(error.code, ERROR_TYPE_MISMATCH);
    build_begin();
    build_function(":", "", NO_CODE);
    build_section(4, CODE(1, 0x40, 0, REF, FUNCREF, 0, 1, REF_FUNC, 0, END));
    assert_true(compile());
    build_begin();
    build_function(":", "", NO_CODE);
    build_section(4, CODE(1, 0x40, 0, REF, FUNCREF, 0, 1, REF_NULL, FUNCREF, END));
    assert_false(compile());
    assert_int_equal(error.code, ERROR_TYPE_MISMATCH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(reference_that_is_not_null_stays_in_place),
        TEST(branch_on_null_compares_with_zero),
        TEST(branch_on_non_null_takes_the_reference_with_it),
        TEST(branches_on_references_need_one),
        TEST(dead_code_has_a_reference_that_matches_all),
        TEST(callee_is_taken_from_slot_or_accumulator),
        TEST(callee_has_the_type_that_is_named),
        TEST(locals_without_a_default_are_set_first),
        TEST(locals_are_set_in_dead_code_too),
        TEST(locals_are_followed_however_many_there_are),
        TEST(tables_of_references_that_are_never_null_need_a_value),
    };

    return cmocka_run_group_tests_name("wasm/compile_reference", tests, NULL, NULL);
}
