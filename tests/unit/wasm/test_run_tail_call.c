// SPDX-License-Identifier: Apache-2.0
// Tail calls of every kind, which leave nothing on the stack however many there are.
#include "tests/unit/wasm/run_fixture.h"

#define MANY 10000000

// --- within a module ---

static void ten_million_tail_calls_take_no_stack(void **state)
{
    (void)state;
    uint32_t type = build_type("iI:I");
    build_table(FUNCREF, 2, NO_MAXIMUM);
    build_element(SEGMENT_ACTIVE, 0, (const uint8_t[]){0, 1}, 2);
    // Each counts the first argument down and the second one up, and calls the other.
    build_function("iI:I", "",
                   CODE(LOCAL_GET, 0, I32_EQZ, IF, EMPTY, LOCAL_GET, 1, RETURN, END, LOCAL_GET, 0,
                        I32_CONST, 1, I32_SUB, LOCAL_GET, 1, I64_CONST, 1, I64_ADD, RETURN_CALL,
                        1));
    build_function("iI:I", "IIII",
                   CODE(LOCAL_GET, 0, I32_EQZ, IF, EMPTY, LOCAL_GET, 1, RETURN, END, LOCAL_GET, 0,
                        I32_CONST, 1, I32_SUB, LOCAL_GET, 1, I64_CONST, 1, I64_ADD, I32_CONST, 0,
                        RETURN_CALL_INDIRECT, (uint8_t)type, 0));
    struct instance *instance = instantiate_built();
    assert_int_equal(CALL_GUEST(instance, 0, MANY, 0), MANY);
    assert_int_equal(CALL_GUEST(instance, 1, MANY + 1, 5), MANY + 6);
}

static void caller_gets_the_results_where_it_expects_them(void **state)
{
    (void)state;
    // More arguments than the caller has slots, in another order, and several results.
    build_function("iiiI:Ii", "",
                   CODE(LOCAL_GET, 3, LOCAL_GET, 0, LOCAL_GET, 1, I32_SUB, LOCAL_GET, 2, I32_SUB));
    build_function(":Ii", "",
                   CODE(I32_CONST, 50, I32_CONST, 7, I32_CONST, 1, I64_CONST, 3, RETURN_CALL, 0));
    build_function(":I", "i", CODE(I64_CONST, 9, CALL, 1, I64_EXTEND_I32_S, I64_MUL, I64_ADD));
    assert_int_equal(CALL_GUEST(instantiate_built(), 2), 9 + 3 * 42);
}

static void tail_call_through_a_reference(void **state)
{
    (void)state;
    uint8_t type = (uint8_t)build_type("i:i");
    build_element(SEGMENT_DECLARATIVE, 0, (const uint8_t[]){0}, 1);
    build_function("i:i", "", CODE(LOCAL_GET, 0, I32_CONST, 3, I32_MUL));
    build_function("i:i", "", CODE(LOCAL_GET, 0, REF_FUNC, 0, RETURN_CALL_REF, type));
    build_function("i:i", "", CODE(LOCAL_GET, 0, REF_NULL, type, RETURN_CALL_REF, type));
    struct instance *instance = instantiate_built();
    assert_int_equal(CALL_GUEST(instance, 1, 14), 42);
    CALL_TRAPS(TRAP_NULL_FUNCTION_REFERENCE, instance, 2, 14);
}

static void tail_call_through_a_table_is_checked(void **state)
{
    (void)state;
    uint8_t type = (uint8_t)build_type("i:i");
    build_table(FUNCREF, 3, NO_MAXIMUM);
    build_element(SEGMENT_ACTIVE, 0, (const uint8_t[]){0, 1}, 2);
    build_function("i:i", "", CODE(I32_CONST, 4, LOCAL_GET, 0, RETURN_CALL_INDIRECT, type, 0));
    build_function(":", "", NO_CODE);
    struct instance *instance = instantiate_built();
    CALL_TRAPS(TRAP_INDIRECT_CALL_TYPE, instance, 0, 1);
    CALL_TRAPS(TRAP_UNINITIALIZED_ELEMENT, instance, 0, 2);
    CALL_TRAPS(TRAP_UNDEFINED_ELEMENT, instance, 0, 3);
    // It calls itself with 4.
    CALL_TRAPS(TRAP_UNDEFINED_ELEMENT, instance, 0, 0);
}

// --- between instances ---

// Element `other` of a shared table is called with one less.
static void build_countdown(uint32_t own, uint8_t other)
{
    uint8_t type = (uint8_t)build_type("iI:I");

    uint32_t funcidx =
        build_function("iI:I", "",
                       CODE(LOCAL_GET, 0, I32_EQZ, IF, EMPTY, LOCAL_GET, 1, RETURN, END, LOCAL_GET,
                            0, I32_CONST, 1, I32_SUB, LOCAL_GET, 1, I64_CONST, 1, I64_ADD,
                            I32_CONST, other, RETURN_CALL_INDIRECT, type, 0));
    build_element(SEGMENT_ACTIVE, own, (const uint8_t[]){(uint8_t)funcidx}, 1);
}

static struct instance *instantiate_countdowns(void)
{
    build_table(FUNCREF, 2, NO_MAXIMUM);
    build_countdown(0, 1);
    build_function("iI:I", "", CODE(I64_CONST, 1, LOCAL_GET, 0, LOCAL_GET, 1, CALL, 0, I64_ADD));
    build_memory(1, NO_MAXIMUM);
    build_data(SEGMENT_ACTIVE, 0, (const uint8_t *)"A", 1);
    build_function(
        "i:i", "",
        CODE(LOCAL_GET, 0, I64_CONST, 0, CALL, 0, DROP, I32_CONST, 0, I32_LOAD8_U, 0, 0));
    build_export("table", EXTERNAL_TABLE, 0);
    struct instance *first = instantiate_built();
    register_instance("first", first);
    build_import_table("first", "table", FUNCREF, 2);
    build_countdown(1, 0);
    build_memory(1, NO_MAXIMUM);
    instantiate_built();
    return first;
}

static void ten_million_tail_calls_between_instances_take_no_stack(void **state)
{
    (void)state;
    struct instance *instance = instantiate_countdowns();
    assert_int_equal(CALL_GUEST(instance, 0, MANY, 0), MANY);
    assert_int_equal(CALL_GUEST(instance, 1, MANY + 1, 0), MANY + 2);
    // The caller's instance is its own again, whichever of them returned.
    assert_int_equal(CALL_GUEST(instance, 2, 8), 'A');
    assert_int_equal(CALL_GUEST(instance, 2, 9), 'A');
}

// --- the host ---

static enum trap_code difference(void *context, struct store *store, union slot *values)
{
    (void)context;
    (void)store;
    if (values[0].u32 == 99)
        return TRAP_HOST;
    values[0].u64 = (uint32_t)(values[0].u32 - values[1].u32);
    return TRAP_NONE;
}

static void host_functions_are_called_in_place_of_the_caller(void **state)
{
    (void)state;
    define_host("difference", "iiii:i", difference, NULL);
    build_import_function("host", "difference", "iiii:i");
    uint32_t direct = build_function(
        "i:i", "", CODE(LOCAL_GET, 0, I32_CONST, 2, I32_CONST, 3, I32_CONST, 4, RETURN_CALL, 0));
    uint32_t caller =
        build_function("i:i", "", CODE(I32_CONST, 1, LOCAL_GET, 0, CALL, (uint8_t)direct, I32_ADD));
    struct instance *instance = instantiate_built();
    assert_int_equal(CALL_GUEST(instance, direct, 44), 42);
    assert_int_equal(CALL_GUEST(instance, caller, 44), 43);
    CALL_TRAPS(TRAP_HOST, instance, caller, 99);
}

static enum trap_code call_again(void *context, struct store *store, union slot *values)
{
    const struct function *const *function = context;

    (void)store;
    if (values[0].u32 == 0)
        return TRAP_NONE;
    values[0].u64--;
    return engine_invoke(engine, *function, values, &trap) == OUTCOME_OK ? TRAP_NONE : trap.code;
}

static void host_function_may_run_guests_from_a_tail_call(void **state)
{
    const struct function *function = NULL;

    (void)state;
    define_host("again", "i:i", call_again, &function);
    build_import_function("host", "again", "i:i");
    uint32_t caller = build_function("i:i", "ii", CODE(LOCAL_GET, 0, RETURN_CALL, 0));
    struct instance *instance = instantiate_built();
    function = function_at(instance, caller);
    assert_int_equal(CALL_GUEST(instance, caller, 20), 0);
}

// --- what ends them ---

static void endless_tail_calls_run_out_of_fuel(void **state)
{
    (void)state;
    engine_replace((struct engine_config){.metered = true});
    build_function(":", "", CODE(RETURN_CALL, 0));
    struct instance *instance = instantiate_built();
    engine_set_fuel(engine, 100000);
    CALL_TRAPS(TRAP_FUEL_EXHAUSTED, instance, 0);
}

static void frame_that_no_longer_fits_is_a_full_stack(void **state)
{
    struct bytes body = {0};

    (void)state;
    engine_replace((struct engine_config){.stack_bytes = 64 * 1024});
    put_all(&body, CODE(1));
    put_u32(&body, 60000);
    put_all(&body, CODE(I32, END));
    build_function(":", "", CODE(RETURN_CALL, 1));
    build_function_raw(build_type(":"), body.data, body.length);
    bytes_free(&body);
    CALL_TRAPS(TRAP_CALL_STACK_EXHAUSTED, instantiate_built(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(ten_million_tail_calls_take_no_stack),
        TEST(caller_gets_the_results_where_it_expects_them),
        TEST(tail_call_through_a_reference),
        TEST(tail_call_through_a_table_is_checked),
        TEST(ten_million_tail_calls_between_instances_take_no_stack),
        TEST(host_functions_are_called_in_place_of_the_caller),
        TEST(host_function_may_run_guests_from_a_tail_call),
        TEST(endless_tail_calls_run_out_of_fuel),
        TEST(frame_that_no_longer_fits_is_a_full_stack),
    };

    return cmocka_run_group_tests_name("wasm/run_tail_call", tests, run_group_set_up, NULL);
}
