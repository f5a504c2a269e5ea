// SPDX-License-Identifier: Apache-2.0
// Try blocks emit nothing; what they say is in the tables beside the code.
#include "tests/unit/wasm/compile_fixture.h"

// Tag 0 is [i32 i64], tag 1 is []; function 0 is [] -> [], and what is tested is number 1.
static void build_tested(const char *signature, const uint8_t *code, size_t length)
{
    build_begin();
    build_tag("iI:");
    build_tag(":");
    build_function(":", "", NO_CODE);
    build_function(signature, "", code, length);
}

static void assert_tested(const char *signature, const char *expected, const uint8_t *code,
                          size_t length)
{
    build_tested(signature, code, length);
    compile_accept();
    assert_code(1, expected);
}

static void refuse_tested(const char *signature, enum error_code code, size_t at,
                          const uint8_t *bytes, size_t length)
{
    build_tested(signature, bytes, length);
    assert_false(compile());
    assert_string_equal(error_wording(error.code), error_wording(code));
    assert_int_equal(error.offset, build_code_offset(1) + at);
}

static const struct exception_region *region(uint32_t index)
{
    assert_in_range(index, 0, module.codes[1].region_count - 1);
    return (const struct exception_region *)(const void *)module.regions.base +
           module.codes[1].regions + index;
}

static const struct exception_clause *clause(uint32_t index)
{
    assert_int_not_equal(index, CLAUSE_NONE);
    return (const struct exception_clause *)(const void *)module.clauses.base + index;
}

static void entering_and_leaving_a_try_block_costs_nothing(void **state)
{
    (void)state;
    assert_tested(":", "call 0 $2; return.0",
                  CODE(BLOCK, EMPTY, TRY_TABLE, EMPTY, 1, 2, 0, CALL, 0, END, END));
    assert_int_equal(module.codes[1].region_count, 1);
    assert_int_equal(region(0)->start, 0);
    assert_int_equal(region(0)->end, 24);
    assert_int_equal(region(0)->parent, REGION_NONE);
    const struct exception_clause *only = clause(region(0)->clauses);
    assert_int_equal(only->tagidx, CLAUSE_ANY_TAG);
    assert_int_equal(only->landing, 24);
    assert_int_equal(only->next, CLAUSE_NONE);
    assert_int_equal(only->reference_slot, 0);
}

static void payload_goes_to_the_homes_of_the_label(void **state)
{
    (void)state;
    uint8_t type = 2; // the third signature of the module
    build_tested("i:", CODE(LOCAL_GET, 0, BLOCK, type, TRY_TABLE, EMPTY, 1, 1, 0, 0, CALL, 0, END,
                            UNREACHABLE, END, DROP, DROP, DROP, DROP));
    assert_false(compile()); // the type is not there yet
    build_begin();
    build_tag("iI:");
    build_tag(":");
    build_function(":", "", NO_CODE);
    type = (uint8_t)build_type(":iIx");
    build_function("i:", "",
                   CODE(LOCAL_GET, 0, BLOCK, type, TRY_TABLE, EMPTY, 1, 1, 0, 0, CALL, 0, END,
                        UNREACHABLE, END, DROP, DROP, DROP, DROP));
    compile_accept();
    assert_code(1, "move.64 $0 -> $3; call 0 $4; unreachable; return.0");
    const struct exception_clause *only = clause(region(0)->clauses);
    assert_int_equal(only->tagidx, 0);
    assert_int_equal(only->slot, 4);
    assert_int_equal(only->reference_slot, 6);
    assert_true(only->wants_object);
    assert_int_equal(only->landing, 16 + 24 + 16);
}

static void regions_nest_and_clauses_keep_their_order(void **state)
{
    (void)state;
    assert_tested(":", "call 0 $2; call 0 $2; call 0 $2; return.0",
                  CODE(BLOCK, EMPTY, TRY_TABLE, EMPTY, 2, 0, 1, 0, 2, 0, CALL, 0, TRY_TABLE, EMPTY,
                       1, 2, 1, CALL, 0, END, CALL, 0, END, END));
    assert_int_equal(module.codes[1].region_count, 2);
    assert_int_equal(region(1)->start, 24);
    assert_int_equal(region(1)->end, 48);
    assert_int_equal(region(1)->parent, module.codes[1].regions);
    assert_int_equal(region(1)->next, module.codes[1].regions);
    assert_int_equal(region(0)->end, 72);
    const struct exception_clause *first = clause(region(0)->clauses);
    assert_int_equal(first->tagidx, 1);
    assert_int_equal(clause(first->next)->tagidx, CLAUSE_ANY_TAG);
}

static void landing_at_the_functions_label_returns(void **state)
{
    (void)state;
    assert_tested(":iI", "call 0 $4; unreachable; move.64 $4 -> $0; move.64 $5 -> $1; return.0",
                  CODE(TRY_TABLE, EMPTY, 1, 0, 0, 0, CALL, 0, END, UNREACHABLE));
    assert_int_equal(clause(region(0)->clauses)->landing, 24 + 16);
}

static void landing_at_a_loop_is_its_start(void **state)
{
    (void)state;
    assert_tested(":", "call 0 $2; call 0 $2; return.0",
                  CODE(CALL, 0, LOOP, EMPTY, TRY_TABLE, EMPTY, 1, 2, 0, CALL, 0, END, END));
    assert_int_equal(clause(region(0)->clauses)->landing, 24);
}

static void catch_of_old_has_its_cells_behind_the_body(void **state)
{
    (void)state;
    // The hidden reference is in $2, the payload above it.
    assert_tested(":i",
                  "call 0 $3; const.u32 1 -> $3; br @4; move.64 $4 -> $3; "
                  "return.integer.s $3",
                  CODE(TRY, I32, CALL, 0, I32_CONST, 1, CATCH, 0, DROP, END));
    const struct exception_clause *only = clause(region(0)->clauses);
    assert_int_equal(only->slot, 4);
    assert_int_equal(only->reference_slot, 3);
    assert_false(only->wants_object);
    assert_int_equal(only->landing, 24 + 16 + 16);
    assert_int_equal(region(0)->end, 24 + 16 + 16);
}

static void only_a_catch_that_is_rethrown_wants_an_object(void **state)
{
    (void)state;
    assert_tested(":", "call 0 $2; br @3; throw_ref $2; return.0",
                  CODE(TRY, EMPTY, CALL, 0, CATCH_ALL, RETHROW, 0, END));
    assert_true(clause(region(0)->clauses)->wants_object);
}

static void delegate_names_the_region_that_is_next(void **state)
{
    (void)state;
    assert_tested(
        ":", "call 0 $2; br @2; return.0",
        CODE(TRY, EMPTY, TRY, EMPTY, TRY, EMPTY, CALL, 0, DELEGATE, 1, END, CATCH_ALL, END));
    uint32_t first = module.codes[1].regions;
    assert_int_equal(region(2)->parent, first + 1);
    assert_int_equal(region(2)->next, first);
    build_tested(":", CODE(TRY, EMPTY, TRY, EMPTY, CALL, 0, DELEGATE, 1, CATCH_ALL, END));
    compile_accept();
    assert_int_equal(region(1)->next, REGION_NONE);
}

static void dead_try_blocks_have_no_region(void **state)
{
    (void)state;
    assert_tested(":", "unreachable",
                  CODE(UNREACHABLE, TRY, EMPTY, CATCH, 0, DROP, DROP, CATCH_ALL, RETHROW, 0, END));
    assert_int_equal(module.codes[1].region_count, 0);
    assert_tested(":", "unreachable",
                  CODE(UNREACHABLE, BLOCK, EMPTY, TRY_TABLE, EMPTY, 1, 2, 0, THROW, 1, END, END));
    assert_int_equal(module.codes[1].region_count, 0);
}

static void throw_takes_the_payload_of_its_tag(void **state)
{
    (void)state;
    assert_tested("iI:", "move.64 $0 -> $4; move.64 $1 -> $5; throw 0 $4",
                  CODE(LOCAL_GET, 0, LOCAL_GET, 1, THROW, 0));
    assert_tested(":", "const.u32 0 -> $2; throw_ref $2", CODE(REF_NULL, EXNREF, THROW_REF));
    refuse_tested("i:", ERROR_TYPE_MISMATCH, 2, CODE(LOCAL_GET, 0, THROW, 0));
    refuse_tested(":", ERROR_UNKNOWN_TAG, 0, CODE(THROW, 2));
    refuse_tested("r:", ERROR_TYPE_MISMATCH, 2, CODE(LOCAL_GET, 0, THROW_REF));
}

static void clauses_fit_their_labels(void **state)
{
    (void)state;
    refuse_tested(":", ERROR_TYPE_MISMATCH, 0, CODE(TRY_TABLE, EMPTY, 1, 0, 0, 0, END));
    refuse_tested(":", ERROR_TYPE_MISMATCH, 0, CODE(TRY_TABLE, EMPTY, 1, 3, 0, END));
    refuse_tested(":i", ERROR_TYPE_MISMATCH, 0, CODE(TRY_TABLE, EMPTY, 1, 2, 0, END, UNREACHABLE));
    refuse_tested(":", ERROR_UNKNOWN_TAG, 0, CODE(TRY_TABLE, EMPTY, 1, 0, 2, 0, END));
    refuse_tested(":", ERROR_UNKNOWN_LABEL, 0, CODE(TRY_TABLE, EMPTY, 1, 2, 1, END));
    // The same in dead code, and the reference is never null.
    refuse_tested(":", ERROR_TYPE_MISMATCH, 1, CODE(UNREACHABLE, TRY_TABLE, EMPTY, 1, 3, 0, END));
    build_tested(":x", CODE(TRY_TABLE, EMPTY, 1, 3, 0, END, UNREACHABLE));
    compile_accept();
}

static void catches_of_old_stand_in_their_place(void **state)
{
    (void)state;
    refuse_tested(":", ERROR_MISPLACED_CATCH, 0, CODE(CATCH, 0));
    refuse_tested(":", ERROR_MISPLACED_CATCH, 3, CODE(TRY, EMPTY, CATCH_ALL, CATCH_ALL, END));
    refuse_tested(":", ERROR_MISPLACED_CATCH, 3, CODE(TRY, EMPTY, CATCH_ALL, CATCH, 1, END));
    refuse_tested(":", ERROR_MISPLACED_CATCH, 3, CODE(TRY, EMPTY, CATCH_ALL, DELEGATE, 0));
    refuse_tested(":", ERROR_UNKNOWN_LABEL, 2, CODE(TRY, EMPTY, DELEGATE, 1));
    refuse_tested(":", ERROR_RETHROW_LABEL, 2, CODE(TRY, EMPTY, RETHROW, 0, CATCH_ALL, END));
    refuse_tested(":", ERROR_RETHROW_LABEL, 0, CODE(RETHROW, 0));
    refuse_tested(":", ERROR_UNKNOWN_LABEL, 0, CODE(RETHROW, 1));
    refuse_tested(":", ERROR_UNKNOWN_TAG, 2, CODE(TRY, EMPTY, CATCH, 2, END));
    refuse_tested(":", ERROR_TYPE_MISMATCH, 4, CODE(TRY, EMPTY, CATCH, 0, END));
    // The hidden operand is nobody's.
    refuse_tested(":", ERROR_TYPE_MISMATCH, 3, CODE(TRY, EMPTY, CATCH_ALL, DROP, END));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(entering_and_leaving_a_try_block_costs_nothing),
        TEST(payload_goes_to_the_homes_of_the_label),
        TEST(regions_nest_and_clauses_keep_their_order),
        TEST(landing_at_the_functions_label_returns),
        TEST(landing_at_a_loop_is_its_start),
        TEST(catch_of_old_has_its_cells_behind_the_body),
        TEST(only_a_catch_that_is_rethrown_wants_an_object),
        TEST(delegate_names_the_region_that_is_next),
        TEST(dead_try_blocks_have_no_region),
        TEST(throw_takes_the_payload_of_its_tag),
        TEST(clauses_fit_their_labels),
        TEST(catches_of_old_stand_in_their_place),
    };

    return cmocka_run_group_tests_name("wasm/compile_exception", tests, NULL, NULL);
}
