// SPDX-License-Identifier: Apache-2.0
// Throwing and catching: over frames, instances and runs.
#include "tests/unit/wasm/run_fixture.h"

// In a block of the type, a try block with one clause of the tag that lands at its end.
#define CATCHING(type_, tag_, ...)                                                                 \
    BLOCK, type_, TRY_TABLE, EMPTY, 1, 0, tag_, 0, __VA_ARGS__, END, UNREACHABLE, END

static void payload_lands_where_the_clause_says(void **state)
{
    (void)state;
    uint8_t tag = (uint8_t)build_tag("iI:"), type = (uint8_t)build_type(":iI");
    // Above an operand that is still there afterwards.
    build_function("I:I", "I",
                   CODE(LOCAL_GET, 0, CATCHING(type, tag, I32_CONST, 5, I64_CONST, 7, THROW, tag),
                        LOCAL_SET, 1, I64_EXTEND_I32_S, I64_ADD, LOCAL_GET, 1, I64_MUL));
    assert_int_equal(CALL_GUEST(instantiate_built(), 0, 100), (100 + 5) * 7);
}

// Function 0 calls itself so many times, then throws what it was called with.
static void build_thrower(uint8_t tag)
{
    build_function("iI:", "",
                   CODE(LOCAL_GET, 0, IF, EMPTY, LOCAL_GET, 0, I32_CONST, 1, I32_SUB, LOCAL_GET, 1,
                        CALL, 0, END, LOCAL_GET, 1, THROW, tag));
}

static void frames_are_left_however_many_there_are(void **state)
{
    (void)state;
    uint8_t tag = (uint8_t)build_tag("I:");
    build_thrower(tag);
    uint32_t catcher =
        build_function("iI:I", "",
                       CODE(BLOCK, I64, TRY_TABLE, EMPTY, 1, 0, tag, 0, LOCAL_GET, 0, LOCAL_GET, 1,
                            CALL, 0, END, UNREACHABLE, END, LOCAL_GET, 1, I64_ADD));
    struct instance *instance = instantiate_built();
    assert_int_equal(CALL_GUEST(instance, catcher, 0, 21), 42);
    assert_int_equal(CALL_GUEST(instance, catcher, 10000, 21), 42);
    CALL_TRAPS(TRAP_UNCAUGHT_EXCEPTION, instance, 0, 10000, 1);
    CALL_TRAPS(TRAP_CALL_STACK_EXHAUSTED, instance, catcher, 100000000, 1);
}

static void uncaught_exception_names_who_threw_it(void **state)
{
    (void)state;
    uint8_t tag = (uint8_t)build_tag("I:");
    build_thrower(tag);
    build_function(":", "", CODE(I32_CONST, 3, I64_CONST, 1, CALL, 0));
    struct instance *instance = instantiate_built();
    CALL_TRAPS(TRAP_UNCAUGHT_EXCEPTION, instance, 1);
    assert_true(trap.has_place);
    assert_int_equal(trap.funcidx, 0);
    assert_int_equal(trap.offset, build_code_offset(0) + 16);
}

static void first_clause_that_fits_catches(void **state)
{
    (void)state;
    uint8_t first = (uint8_t)build_tag(":"), second = (uint8_t)build_tag(":");
    // Of the argument's tag, or a trap that none catches; 1, 2 or 3 by where it lands.
    build_function("i:i", "",
                   CODE(BLOCK, EMPTY, BLOCK, EMPTY, BLOCK, EMPTY, TRY_TABLE, EMPTY, 1, 2, 0,
                        TRY_TABLE, EMPTY, 2, 0, first, 2, 0, second, 3, LOCAL_GET, 0, IF, EMPTY,
                        LOCAL_GET, 0, I32_CONST, 1, I32_EQ, IF, EMPTY, THROW, second, END,
                        UNREACHABLE, END, THROW, first, END, END, UNREACHABLE, END, I32_CONST, 1,
                        RETURN, END, I32_CONST, 2, RETURN, END, I32_CONST, 3));
    struct instance *instance = instantiate_built();
    assert_int_equal(CALL_GUEST(instance, 0, 0), 2);
    assert_int_equal(CALL_GUEST(instance, 0, 1), 3);
    CALL_TRAPS(TRAP_UNREACHABLE, instance, 0, 2);
}

static void reference_throws_the_same_again(void **state)
{
    (void)state;
    uint8_t tag = (uint8_t)build_tag("I:"), both = (uint8_t)build_type(":Ix");
    uint8_t single = (uint8_t)build_type(":I");
    build_function("I:I", "xI",
                   CODE(CATCHING(single, tag,                                     //
                                 BLOCK, both, TRY_TABLE, EMPTY, 1, 1, tag, 0,     // catch_ref
                                 LOCAL_GET, 0, THROW, tag, END, UNREACHABLE, END, //
                                 LOCAL_SET, 1, LOCAL_SET, 2, LOCAL_GET, 1, THROW_REF),
                        LOCAL_GET, 2, I64_ADD));
    build_function(":", "x", CODE(LOCAL_GET, 0, THROW_REF));
    struct instance *instance = instantiate_built();
    assert_int_equal(CALL_GUEST(instance, 0, 21), 42);
    CALL_TRAPS(TRAP_NULL_EXCEPTION_REFERENCE, instance, 1);
}

static void handler_in_a_loop_catches_each_time(void **state)
{
    (void)state;
    uint8_t tag = (uint8_t)build_tag(":");
    build_function("i:i", "i",
                   CODE(LOOP, EMPTY, LOCAL_GET, 0, LOCAL_GET, 1, I32_EQ, IF, EMPTY, LOCAL_GET, 1,
                        RETURN, END, LOCAL_GET, 1, I32_CONST, 1, I32_ADD, LOCAL_SET, 1, TRY_TABLE,
                        EMPTY, 1, 2, 0, THROW, tag, END, END, UNREACHABLE));
    assert_int_equal(CALL_GUEST(instantiate_built(), 0, 10000000), 10000000);
}

// --- the legacy encoding ---

static void catch_of_old_gives_its_results_in_place(void **state)
{
    (void)state;
    uint8_t tag = (uint8_t)build_tag("II:"), type = (uint8_t)build_type(":II");
    build_function("Ii:I", "",
                   CODE(LOCAL_GET, 0, TRY, type, LOCAL_GET, 1, IF, EMPTY, I64_CONST, 3, I64_CONST,
                        4, THROW, tag, END, I64_CONST, 1, I64_CONST, 2, CATCH, tag, END, I64_SUB,
                        I64_SUB));
    struct instance *instance = instantiate_built();
    assert_int_equal(CALL_GUEST(instance, 0, 50, 0), 50 - (1 - 2));
    assert_int_equal(CALL_GUEST(instance, 0, 50, 1), 50 - (3 - 4));
}

static void rethrow_reaches_past_an_inner_catch(void **state)
{
    (void)state;
    uint8_t first = (uint8_t)build_tag("I:"), second = (uint8_t)build_tag(":");
    // The second tag is thrown while the first is handled, and then the first goes on.
    build_function(":I", "",
                   CODE(TRY, I64, TRY, I64, I64_CONST, 42, THROW, first, CATCH, first, DROP, TRY,
                        EMPTY, THROW, second, CATCH, second, RETHROW, 1, END, UNREACHABLE, END,
                        CATCH, first, END));
    assert_int_equal(CALL_GUEST(instantiate_built(), 0), 42);
}

static void delegate_passes_over_the_handlers_between(void **state)
{
    (void)state;
    uint8_t tag = (uint8_t)build_tag(":");
    build_function(":i", "",
                   CODE(TRY, I32, TRY, I32, TRY, I32, THROW, tag, DELEGATE, 1, CATCH_ALL, I32_CONST,
                        1, END, CATCH_ALL, I32_CONST, 2, END));
    build_function(":i", "",
                   CODE(TRY, I32, TRY, I32, THROW, tag, DELEGATE, 1, CATCH_ALL, I32_CONST, 1, END));
    build_function(":i", "", CODE(TRY, I32, CALL, 1, CATCH, tag, I32_CONST, 3, END));
    struct instance *instance = instantiate_built();
    assert_int_equal(CALL_GUEST(instance, 0), 2);
    assert_int_equal(CALL_GUEST(instance, 2), 3);
}

// --- over instances, runs and tail calls ---

static void exceptions_cross_instances_by_the_identity_of_tags(void **state)
{
    (void)state;
    uint8_t tag = (uint8_t)build_tag("I:"), other = (uint8_t)build_tag("I:");
    build_thrower(tag);
    build_function("iI:", "", CODE(LOCAL_GET, 1, THROW, other));
    build_memory(1, NO_MAXIMUM);
    build_export("tag", EXTERNAL_TAG, tag);
    build_export("throw", EXTERNAL_FUNCTION, 0);
    build_export("other", EXTERNAL_FUNCTION, 1);
    register_instance("thrower", instantiate_built());

    build_import_tag("thrower", "tag", "I:");
    build_import_function("thrower", "throw", "iI:");
    build_import_function("thrower", "other", "iI:");
    build_memory(1, NO_MAXIMUM);
    build_data(SEGMENT_ACTIVE, 0, (const uint8_t *)"B", 1);
    for (uint8_t callee = 0; callee < 2; callee++)
        build_function(":I", "",
                       CODE(BLOCK, EMPTY, BLOCK, I64, TRY_TABLE, EMPTY, 2, 0, 0, 0, 2, 1, I32_CONST,
                            5, I64_CONST, 3, CALL, callee, END, UNREACHABLE, END, I32_CONST, 0,
                            I64_LOAD8_U, 0, 0, I64_ADD, RETURN, END, I64_CONST, 1));
    struct instance *instance = instantiate_built();
    assert_int_equal(CALL_GUEST(instance, 2), 'B' + 3);
    assert_int_equal(CALL_GUEST(instance, 3), 1);
}

static enum trap_code call_function(void *context, struct store *store, union slot *values)
{
    const struct function *const *function = context;

    (void)store;
    enum outcome outcome = engine_invoke(engine, *function, values, &trap);
    return outcome == OUTCOME_OK ? TRAP_NONE : trap.code;
}

static void exception_ends_the_run_that_a_host_function_began(void **state)
{
    const struct function *function = NULL;

    (void)state;
    define_host("call", ":", call_function, &function);
    build_import_function("host", "call", ":");
    uint8_t tag = (uint8_t)build_tag(":");
    uint32_t thrower = build_function(":", "", CODE(THROW, tag));
    uint32_t catcher =
        build_function(":", "", CODE(BLOCK, EMPTY, TRY_TABLE, EMPTY, 1, 2, 0, CALL, 0, END, END));
    struct instance *instance = instantiate_built();
    function = function_at(instance, thrower);
    CALL_TRAPS(TRAP_UNCAUGHT_EXCEPTION, instance, catcher);
}

static void tail_call_leaves_the_try_blocks_of_its_caller(void **state)
{
    (void)state;
    uint8_t tag = (uint8_t)build_tag(":");
    build_function(":", "", CODE(THROW, tag));
    build_function(":", "",
                   CODE(BLOCK, EMPTY, TRY_TABLE, EMPTY, 1, 2, 0, RETURN_CALL, 0, END, END));
    build_function(":i", "",
                   CODE(BLOCK, EMPTY, TRY_TABLE, EMPTY, 1, 2, 0, CALL, 1, END, I32_CONST, 1, RETURN,
                        END, I32_CONST, 2));
    struct instance *instance = instantiate_built();
    CALL_TRAPS(TRAP_UNCAUGHT_EXCEPTION, instance, 1);
    assert_int_equal(CALL_GUEST(instance, 2), 2);
}

static void throwing_for_ever_runs_out_of_fuel(void **state)
{
    (void)state;
    engine_replace((struct engine_config){.metered = true});
    uint8_t tag = (uint8_t)build_tag(":");
    build_function(":", "", CODE(LOOP, EMPTY, TRY_TABLE, EMPTY, 1, 2, 0, THROW, tag, END, END));
    struct instance *instance = instantiate_built();
    engine_set_fuel(engine, 100000);
    CALL_TRAPS(TRAP_FUEL_EXHAUSTED, instance, 0);
}

// What a call takes that must end so.
static uint64_t fuel_of(enum trap_code code, struct instance *instance, uint32_t funcidx,
                        uint64_t depth)
{
    const uint64_t plenty = 10000000;

    engine_set_fuel(engine, plenty);
    if (code == TRAP_NONE)
        CALL_GUEST(instance, funcidx, depth, 1);
    else
        CALL_TRAPS(code, instance, funcidx, depth, 1);
    return plenty - engine_fuel(engine);
}

static void frames_are_paid_for_whether_one_catches_or_none(void **state)
{
    const uint64_t depth = 10000;

    (void)state;
    engine_replace((struct engine_config){.metered = true});
    uint8_t tag = (uint8_t)build_tag("I:");
    build_thrower(tag);
    build_function("iI:I", "", CODE(CATCHING(I64, tag, LOCAL_GET, 0, LOCAL_GET, 1, CALL, 0)));
    struct instance *instance = instantiate_built();
    uint64_t caught = fuel_of(TRAP_NONE, instance, 1, depth) - fuel_of(TRAP_NONE, instance, 1, 0);
    uint64_t uncaught = fuel_of(TRAP_UNCAUGHT_EXCEPTION, instance, 0, depth) -
                        fuel_of(TRAP_UNCAUGHT_EXCEPTION, instance, 0, 0);
    assert_in_range(uncaught, caught - 1, caught + 1);
    // It ends among the frames.
    engine_set_fuel(engine, uncaught - 100);
    CALL_TRAPS(TRAP_FUEL_EXHAUSTED, instance, 0, depth, 1);
    assert_in_range(engine_fuel(engine), 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(payload_lands_where_the_clause_says),
        TEST(frames_are_left_however_many_there_are),
        TEST(uncaught_exception_names_who_threw_it),
        TEST(first_clause_that_fits_catches),
        TEST(reference_throws_the_same_again),
        TEST(handler_in_a_loop_catches_each_time),
        TEST(catch_of_old_gives_its_results_in_place),
        TEST(rethrow_reaches_past_an_inner_catch),
        TEST(delegate_passes_over_the_handlers_between),
        TEST(exceptions_cross_instances_by_the_identity_of_tags),
        TEST(exception_ends_the_run_that_a_host_function_began),
        TEST(tail_call_leaves_the_try_blocks_of_its_caller),
        TEST(throwing_for_ever_runs_out_of_fuel),
        TEST(frames_are_paid_for_whether_one_catches_or_none),
    };

    return cmocka_run_group_tests_name("wasm/run_exception", tests, run_group_set_up, NULL);
}
