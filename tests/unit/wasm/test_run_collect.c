// SPDX-License-Identifier: Apache-2.0
// Which exceptions live on: everything that can still be thrown, and nothing else for long.
#include "tests/unit/wasm/run_fixture.h"

// The first functions of each module here: 0 makes an exception with this value and gives the
// reference, 1 throws one and gives its value, 2 makes so many that nobody wants.
enum { MAKE, VALUE, CHURN, FIRST_OWN };
enum { ENOUGH = 100000 }; // for several collections

static uint8_t tag;

static void build_helpers(void)
{
    tag = (uint8_t)build_tag("I:");
    uint8_t both = (uint8_t)build_type(":Ix");
    build_function("I:x", "x",
                   CODE(BLOCK, both, TRY_TABLE, EMPTY, 1, 1, tag, 0, LOCAL_GET, 0, THROW, tag, END,
                        UNREACHABLE, END, LOCAL_SET, 1, DROP, LOCAL_GET, 1));
    build_function("x:I", "",
                   CODE(BLOCK, I64, TRY_TABLE, EMPTY, 1, 0, tag, 0, LOCAL_GET, 0, THROW_REF, END,
                        UNREACHABLE, END));
    build_function("i:", "",
                   CODE(LOOP, EMPTY, I64_CONST, 1, CALL, MAKE, DROP, LOCAL_GET, 0, I32_CONST, 1,
                        I32_SUB, LOCAL_TEE, 0, BR_IF, 0, END));
}

#define CHURNED I32_CONST, 0xa0, 0x8d, 0x06, CALL, CHURN // ENOUGH times

static void engine_with_little_memory(void)
{
    engine_replace((struct engine_config){.memory_bytes_max = 4 * 1024 * 1024});
}

static void millions_of_exceptions_take_constant_memory(void **state)
{
    (void)state;
    engine_with_little_memory();
    build_helpers();
    struct instance *instance = instantiate_built();
    slots[0].u64 = 5000000;
    assert_int_equal(invoke(instance, CHURN), OUTCOME_OK);
    assert_true(engine_store(engine)->memory_budget.bytes_used <= 2 * 1024 * 1024);
}

static void references_in_locals_and_operands_are_kept(void **state)
{
    (void)state;
    engine_with_little_memory();
    build_helpers();
    build_function(":I", "x",
                   CODE(I64_CONST, 30, CALL, MAKE, LOCAL_SET, 0, I64_CONST, 7, I64_CONST, 5, CALL,
                        MAKE, CHURNED, CALL, VALUE, LOCAL_GET, 0, CALL, VALUE, I64_ADD, I64_ADD));
    assert_int_equal(CALL_GUEST(instantiate_built(), FIRST_OWN), 42);
}

static void references_in_groups_of_locals_are_kept(void **state)
{
    (void)state;
    engine_with_little_memory();
    build_helpers();
    // None, a vector, two references, none of another type, one reference: locals 0 to 3.
    build_function_raw(build_type(":I"),
                       CODE(5, 0, EXNREF, 1, V128, 2, EXNREF, 0, I32, 1, EXNREF, //
                            I64_CONST, 30, CALL, MAKE, LOCAL_SET, 2, I64_CONST, 12, CALL, MAKE,
                            LOCAL_SET, 3, CHURNED, LOCAL_GET, 2, CALL, VALUE, LOCAL_GET, 3, CALL,
                            VALUE, I64_ADD, END));
    assert_int_equal(CALL_GUEST(instantiate_built(), FIRST_OWN), 42);
}

static void references_in_parameters_are_kept(void **state)
{
    (void)state;
    engine_with_little_memory();
    build_helpers();
    build_function("ixe:I", "", CODE(CHURNED, LOCAL_GET, 1, CALL, VALUE));
    build_function(
        ":I", "",
        CODE(I32_CONST, 0, I64_CONST, 42, CALL, MAKE, REF_NULL, EXTERNREF, CALL, FIRST_OWN));
    assert_int_equal(CALL_GUEST(instantiate_built(), FIRST_OWN + 1), 42);
}

static void references_of_outer_frames_are_kept(void **state)
{
    (void)state;
    engine_with_little_memory();
    build_helpers();
    // [n x] -> []: calls itself n times, and looks at its own reference when the others are done.
    build_function("iI:I", "x",
                   CODE(LOCAL_GET, 1, CALL, MAKE, LOCAL_SET, 2, LOCAL_GET, 0, I32_EQZ, IF, I64,
                        CHURNED, I64_CONST, 0, ELSE, LOCAL_GET, 0, I32_CONST, 1, I32_SUB, LOCAL_GET,
                        1, I64_CONST, 1, I64_ADD, CALL, FIRST_OWN, END, LOCAL_GET, 2, CALL, VALUE,
                        I64_ADD));
    assert_int_equal(CALL_GUEST(instantiate_built(), FIRST_OWN, 100, 1), 101 * 102 / 2);
}

static void operands_below_a_catch_are_kept(void **state)
{
    (void)state;
    engine_with_little_memory();
    build_helpers();
    // A loop that catches above a reference, in this frame, is what makes and collects.
    build_function("i:I", "",
                   CODE(I64_CONST, 42, CALL, MAKE, LOOP, EMPTY, BLOCK, EXNREF, TRY_TABLE, EMPTY, 1,
                        3, 0, I64_CONST, 1, THROW, 0, END, UNREACHABLE, END, DROP, LOCAL_GET, 0,
                        I32_CONST, 1, I32_SUB, LOCAL_TEE, 0, BR_IF, 0, END, CALL, VALUE));
    assert_int_equal(CALL_GUEST(instantiate_built(), FIRST_OWN, ENOUGH), 42);
}

static void references_in_globals_and_tables_are_kept(void **state)
{
    (void)state;
    engine_with_little_memory();
    build_helpers();
    uint8_t global = (uint8_t)build_global(EXNREF, true, CODE(REF_NULL, EXNREF));
    uint8_t table = (uint8_t)build_table(EXNREF, 9, NO_MAXIMUM);
    build_function(":I", "",
                   CODE(I64_CONST, 30, CALL, MAKE, GLOBAL_SET, global, I32_CONST, 8, I64_CONST, 12,
                        CALL, MAKE, TABLE_SET, table, CHURNED, GLOBAL_GET, global, CALL, VALUE,
                        I32_CONST, 8, TABLE_GET, table, CALL, VALUE, I64_ADD));
    assert_int_equal(CALL_GUEST(instantiate_built(), FIRST_OWN), 42);
}

static void references_in_payloads_are_kept(void **state)
{
    (void)state;
    engine_with_little_memory();
    build_helpers();
    uint8_t chain = (uint8_t)build_tag("xI:"), parts = (uint8_t)build_type(":xI");
    uint8_t whole = (uint8_t)build_type(":xIx");
    // A chain of so many, the last one first; then its values from the front.
    build_function("i:I", "xxI",
                   CODE(LOOP, EMPTY, BLOCK, whole, TRY_TABLE, EMPTY, 1, 1, chain, 0, LOCAL_GET, 1,
                        LOCAL_GET, 0, I64_EXTEND_I32_U, THROW, chain, END, UNREACHABLE, END,
                        LOCAL_SET, 1, DROP, DROP, LOCAL_GET, 0, I32_CONST, 1, I32_SUB, LOCAL_TEE, 0,
                        BR_IF, 0, END, CHURNED, LOOP, EMPTY, BLOCK, parts, TRY_TABLE, EMPTY, 1, 0,
                        chain, 0, LOCAL_GET, 1, THROW_REF, END, UNREACHABLE, END, LOCAL_GET, 3,
                        I64_ADD, LOCAL_SET, 3, LOCAL_TEE, 1, REF_IS_NULL, I32_EQZ, BR_IF, 0, END,
                        LOCAL_GET, 3));
    struct instance *instance = instantiate_built();
    assert_int_equal(CALL_GUEST(instance, FIRST_OWN, 1000), 1000 * 1001 / 2);
    // More than there is room for.
    CALL_TRAPS(TRAP_LIMIT, instance, FIRST_OWN, 10000000);
    // Nothing of it is left to anybody.
    assert_int_equal(CALL_GUEST(instance, FIRST_OWN, 1000), 1000 * 1001 / 2);
}

static void reference_to_what_is_handled_is_kept(void **state)
{
    (void)state;
    engine_with_little_memory();
    build_helpers();
    build_function(":I", "",
                   CODE(TRY, I64, TRY, I64, I64_CONST, 42, THROW, tag, CATCH_ALL, CHURNED, RETHROW,
                        0, END, CATCH, tag, END));
    assert_int_equal(CALL_GUEST(instantiate_built(), FIRST_OWN), 42);
}

static enum trap_code churn(void *context, struct store *store, union slot *values)
{
    const struct function *const *function = context;
    union slot count = {.u64 = ENOUGH};

    (void)store;
    (void)values;
    return engine_invoke(engine, *function, &count, &trap) == OUTCOME_OK ? TRAP_NONE : trap.code;
}

static void references_of_runs_around_are_kept(void **state)
{
    const struct function *function = NULL;
    struct instance *helpers;

    (void)state;
    engine_with_little_memory();
    build_helpers();
    build_export("make", EXTERNAL_FUNCTION, MAKE);
    build_export("value", EXTERNAL_FUNCTION, VALUE);
    helpers = instantiate_built();
    function = function_at(helpers, CHURN);
    register_instance("helpers", helpers);
    define_host("churn", "x:x", churn, &function);

    enum { IMPORTED_MAKE, IMPORTED_VALUE, HOST, TAIL };
    build_import_function("helpers", "make", "I:x");
    build_import_function("helpers", "value", "x:I");
    build_import_function("host", "churn", "x:x");
    build_function("x:x", "", CODE(LOCAL_GET, 0, RETURN_CALL, HOST));
    // One in a local, one as an operand, one for the host, which gives it back.
    for (uint8_t callee = HOST; callee <= TAIL; callee++)
        build_function(":I", "xx",
                       CODE(I64_CONST, 30, CALL, IMPORTED_MAKE, LOCAL_SET, 0, I64_CONST, 8, CALL,
                            IMPORTED_MAKE, I64_CONST, 4, CALL, IMPORTED_MAKE, CALL, callee, CALL,
                            IMPORTED_VALUE, LOCAL_GET, 0, CALL, IMPORTED_VALUE, I64_ADD, GLOBAL_SET,
                            0, CALL, IMPORTED_VALUE, GLOBAL_GET, 0, I64_ADD));
    build_global(I64, true, CODE(I64_CONST, 0));
    struct instance *instance = instantiate_built();
    assert_int_equal(CALL_GUEST(instance, 4), 42);
    assert_int_equal(CALL_GUEST(instance, 5), 42);
}

// What it takes to make so many that refer to one another, and then so many that nobody wants.
static uint64_t fuel_of(struct instance *instance, uint64_t kept, uint64_t dropped)
{
    const uint64_t plenty = 100000000;

    engine_set_fuel(engine, plenty);
    CALL_GUEST(instance, 0, kept, dropped);
    return plenty - engine_fuel(engine);
}

static void making_exceptions_in_a_full_heap_takes_more_fuel(void **state)
{
    enum { PAGES = 16, OBJECTS = PAGES * 2048, FREE = 8, TURNS = 10 };

    (void)state;
    engine_replace((struct engine_config){.metered = true, .memory_bytes_max = PAGES * 65536});
    uint8_t link = (uint8_t)build_tag("x:"), both = (uint8_t)build_type(":xx");
    build_function("ii:", "x",
                   CODE(LOOP, EMPTY, BLOCK, both, TRY_TABLE, EMPTY, 1, 1, link, 0, LOCAL_GET, 2,
                        THROW, link, END, UNREACHABLE, END, LOCAL_SET, 2, DROP, LOCAL_GET, 0,
                        I32_CONST, 1, I32_SUB, LOCAL_TEE, 0, BR_IF, 0, END, //
                        LOOP, EMPTY, BLOCK, both, TRY_TABLE, EMPTY, 1, 1, link, 0, LOCAL_GET, 2,
                        THROW, link, END, UNREACHABLE, END, DROP, DROP, LOCAL_GET, 1, I32_CONST, 1,
                        I32_SUB, LOCAL_TEE, 1, BR_IF, 0, END));
    struct instance *instance = instantiate_built();
    uint64_t plain = fuel_of(instance, 1, TURNS * FREE) - fuel_of(instance, 1, 1);
    uint64_t full =
        fuel_of(instance, OBJECTS - FREE, TURNS * FREE) - fuel_of(instance, OBJECTS - FREE, 1);
    // One more or less by what the calls before left behind.
    assert_in_range(full - plain, (TURNS - 2) * PAGES * 128, (TURNS + 2) * PAGES * 128);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(millions_of_exceptions_take_constant_memory),
        TEST(references_in_locals_and_operands_are_kept),
        TEST(references_in_groups_of_locals_are_kept),
        TEST(references_in_parameters_are_kept),
        TEST(references_of_outer_frames_are_kept),
        TEST(operands_below_a_catch_are_kept),
        TEST(references_in_globals_and_tables_are_kept),
        TEST(references_in_payloads_are_kept),
        TEST(reference_to_what_is_handled_is_kept),
        TEST(references_of_runs_around_are_kept),
        TEST(making_exceptions_in_a_full_heap_takes_more_fuel),
    };

    return cmocka_run_group_tests_name("wasm/run_collect", tests, run_group_set_up, NULL);
}
