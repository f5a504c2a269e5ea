// SPDX-License-Identifier: Apache-2.0
// Vectors in payloads and around try blocks: they take two slots, wherever exceptions count them.
#include "tests/unit/wasm/run_fixture.h"

static const struct engine_config configs[] = {
    {.checked_memory = false}, {.checked_memory = true}, {.metered = true}};

// For each configuration, with an engine of its own.
#define IN_EACH_CONFIGURATION(i_)                                                                  \
    for (size_t i_ = 0; i_ < sizeof configs / sizeof *configs && (engine_replace(configs[i_]), 1); \
         i_++)

// --- payloads ---

// What is thrown, and what the catchers give: below it, a vector that was there before.
#define PAYLOAD "ivI"
enum { THROWER, CATCHER };

static uint8_t tag, payload, payload_reference;

static void build_thrower(void)
{
    tag = (uint8_t)build_tag(PAYLOAD ":");
    payload = (uint8_t)build_type(":" PAYLOAD);
    payload_reference = (uint8_t)build_type(":" PAYLOAD "x");
    build_function(PAYLOAD ":", "",
                   CODE(LOCAL_GET, 1, V(V128_NOT), LOCAL_GET, 0, LOCAL_GET, 1, V(V128_NOT),
                        V(V128_NOT), LOCAL_GET, 2, THROW, tag));
}

// Of a function with a vector and the payload for parameters: throws it from a call, with operands
// of the try block's own below the arguments.
#define THROW_PARAMETERS                                                                           \
    I64_CONST, 9, LOCAL_GET, 0, V(V128_NOT), LOCAL_GET, 1, LOCAL_GET, 2, LOCAL_GET, 3, CALL,       \
        THROWER, UNREACHABLE

static void assert_caught_by(uint32_t catcher)
{
    struct instance *instance = instantiate_built();

    engine_set_fuel(engine, UINT64_MAX);
    CALL_GUEST(instance, catcher, 10, 20, 3, 40, 50, 60);
    assert_int_equal(slots[0].u64, ~10ull);
    assert_int_equal(slots[1].u64, ~20ull);
    assert_int_equal(slots[2].u32, 3);
    assert_int_equal(slots[3].u64, 40);
    assert_int_equal(slots[4].u64, 50);
    assert_int_equal(slots[5].u64, 60);
}

static void payload_with_a_vector_lands_above_a_vector(void **state)
{
    (void)state;
    IN_EACH_CONFIGURATION(i)
    {
        build_thrower();
        build_function("v" PAYLOAD ":v" PAYLOAD, "",
                       CODE(LOCAL_GET, 0, V(V128_NOT), BLOCK, payload, TRY_TABLE, EMPTY, 1, 0, tag,
                            0, THROW_PARAMETERS, END, UNREACHABLE, END));
        assert_caught_by(CATCHER);
    }
}

static void payload_with_a_vector_lands_at_the_label_of_the_function(void **state)
{
    (void)state;
    IN_EACH_CONFIGURATION(i)
    {
        build_thrower();
        uint8_t inner = (uint8_t)build_function(
            "v" PAYLOAD ":" PAYLOAD, "",
            CODE(TRY_TABLE, EMPTY, 1, 0, tag, 0, THROW_PARAMETERS, END, UNREACHABLE));
        build_function("v" PAYLOAD ":v" PAYLOAD, "",
                       CODE(LOCAL_GET, 0, V(V128_NOT), LOCAL_GET, 0, LOCAL_GET, 1, LOCAL_GET, 2,
                            LOCAL_GET, 3, CALL, inner));
        assert_caught_by(inner + 1u);
    }
}

static void reference_lands_behind_a_vector_and_throws_it_again(void **state)
{
    (void)state;
    IN_EACH_CONFIGURATION(i)
    {
        build_thrower();
        build_function("v" PAYLOAD ":v" PAYLOAD, "vx",
                       CODE(LOCAL_GET, 0, V(V128_NOT), BLOCK, payload, TRY_TABLE, EMPTY, 1, 0, tag,
                            0, LOCAL_GET, 0, V(V128_NOT), BLOCK, payload_reference, TRY_TABLE,
                            EMPTY, 1, 1, tag, 0, THROW_PARAMETERS, END, UNREACHABLE, END, LOCAL_SET,
                            5, DROP, DROP, DROP, DROP, LOCAL_GET, 5, THROW_REF, END, UNREACHABLE,
                            END));
        assert_caught_by(CATCHER);
    }
}

static void catch_of_old_and_rethrow_keep_vectors(void **state)
{
    (void)state;
    IN_EACH_CONFIGURATION(i)
    {
        build_thrower();
        build_function("v" PAYLOAD ":v" PAYLOAD, "",
                       CODE(LOCAL_GET, 0, V(V128_NOT), TRY, payload, LOCAL_GET, 0, TRY, payload,
                            THROW_PARAMETERS, CATCH, tag, RETHROW, 0, END, UNREACHABLE, CATCH, tag,
                            END));
        assert_caught_by(CATCHER);
    }
}

// What falls through the catch stands one slot above its place, in which half of it overlaps.
static void results_of_a_catch_of_old_may_be_vectors(void **state)
{
    (void)state;
    IN_EACH_CONFIGURATION(i)
    {
        build_thrower();
        uint8_t type = (uint8_t)build_type(":v" PAYLOAD);
        build_function("v" PAYLOAD ":v" PAYLOAD, "ivI",
                       CODE(TRY, type, THROW_PARAMETERS, CATCH, tag, LOCAL_SET, 6, LOCAL_SET, 5,
                            LOCAL_SET, 4, LOCAL_GET, 0, V(V128_NOT), LOCAL_GET, 4, LOCAL_GET, 5,
                            V(V128_NOT), V(V128_NOT), LOCAL_GET, 6, I64_CONST, 1, I64_ADD,
                            I64_CONST, 1, I64_SUB, END));
        assert_caught_by(CATCHER);
    }
}

// --- what is alive ---

// 0 makes an exception with this value in a vector and beside it and gives the reference, 1 throws
// one and gives the sum of its values, 2 makes so many that nobody wants.
enum { MAKE, VALUE, CHURN, FIRST_OWN };
enum { ENOUGH = 100000 }; // for several collections

static uint8_t reference_tag;

static void build_helpers(void)
{
    engine_replace((struct engine_config){.memory_bytes_max = 4 * 1024 * 1024});
    tag = (uint8_t)build_tag("vI:");
    reference_tag = (uint8_t)build_tag("vxv:");
    uint8_t values = (uint8_t)build_type(":vI"), all = (uint8_t)build_type(":vIx");
    build_function("I:x", "x",
                   CODE(BLOCK, all, TRY_TABLE, EMPTY, 1, 1, tag, 0, LOCAL_GET, 0, V(I64X2_SPLAT),
                        LOCAL_GET, 0, THROW, tag, END, UNREACHABLE, END, LOCAL_SET, 1, DROP, DROP,
                        LOCAL_GET, 1));
    build_function("x:I", "I",
                   CODE(BLOCK, values, TRY_TABLE, EMPTY, 1, 0, tag, 0, LOCAL_GET, 0, THROW_REF, END,
                        UNREACHABLE, END, LOCAL_SET, 1, V(I64X2_EXTRACT_LANE), 1, LOCAL_GET, 1,
                        I64_ADD));
    build_function("i:", "",
                   CODE(LOOP, EMPTY, I64_CONST, 1, CALL, MAKE, DROP, LOCAL_GET, 0, I32_CONST, 1,
                        I32_SUB, LOCAL_TEE, 0, BR_IF, 0, END));
}

#define CHURNED I32_CONST, S32(ENOUGH), CALL, CHURN
#define VECTOR  V(V128_CONST), BITS64(1), BITS64(2), V(V128_NOT)

static void references_behind_vectors_are_kept(void **state)
{
    (void)state;
    build_helpers();
    // In a parameter, a local and an operand, each behind a vector.
    build_function("vx:I", "vxvI",
                   CODE(I64_CONST, 5, CALL, MAKE, LOCAL_SET, 3, VECTOR, I64_CONST, 6, CALL, MAKE,
                        VECTOR, CHURNED, DROP, CALL, VALUE, LOCAL_GET, 1, CALL, VALUE, I64_ADD,
                        LOCAL_GET, 3, CALL, VALUE, I64_ADD, LOCAL_SET, 5, DROP, LOCAL_GET, 5));
    build_function(":I", "", CODE(VECTOR, I64_CONST, 10, CALL, MAKE, CALL, FIRST_OWN));
    assert_int_equal(CALL_GUEST(instantiate_built(), FIRST_OWN + 1), 2 * (5 + 6 + 10));
}

static void references_below_a_catch_and_behind_a_vector_are_kept(void **state)
{
    (void)state;
    build_helpers();
    build_function("i:I", "vI",
                   CODE(VECTOR, I64_CONST, 21, CALL, MAKE, LOOP, EMPTY, BLOCK, EXNREF, TRY_TABLE,
                        EMPTY, 1, 3, 0, VECTOR, I64_CONST, 1, THROW, tag, END, UNREACHABLE, END,
                        DROP, LOCAL_GET, 0, I32_CONST, 1, I32_SUB, LOCAL_TEE, 0, BR_IF, 0, END,
                        CALL, VALUE, LOCAL_SET, 2, DROP, LOCAL_GET, 2));
    assert_int_equal(CALL_GUEST(instantiate_built(), FIRST_OWN, ENOUGH), 42);
}

static void references_behind_vectors_in_payloads_are_kept(void **state)
{
    (void)state;
    build_helpers();
    uint8_t inner = (uint8_t)build_type(":vxv"), outer = (uint8_t)build_type(":vxvx");
    build_function(":I", "x",
                   CODE(BLOCK, outer, TRY_TABLE, EMPTY, 1, 1, reference_tag, 0, VECTOR, I64_CONST,
                        21, CALL, MAKE, VECTOR, THROW, reference_tag, END, UNREACHABLE, END,
                        LOCAL_SET, 0, DROP, DROP, DROP, CHURNED, BLOCK, inner, TRY_TABLE, EMPTY, 1,
                        0, reference_tag, 0, LOCAL_GET, 0, THROW_REF, END, UNREACHABLE, END, DROP,
                        CALL, VALUE, RETURN));
    assert_int_equal(CALL_GUEST(instantiate_built(), FIRST_OWN), 42);
}

static enum trap_code churn(void *context, struct store *store, union slot *values)
{
    const struct function *const *function = context;
    union slot count = {.u64 = ENOUGH};

    (void)store;
    // It gives back the last of its arguments, for the first of its results.
    union slot reference = values[2];
    if (engine_invoke(engine, *function, &count, &trap) != OUTCOME_OK)
        return trap.code;
    values[0] = reference;
    return TRAP_NONE;
}

static void references_behind_vectors_in_arguments_of_the_host_are_kept(void **state)
{
    const struct function *function = NULL;

    (void)state;
    build_helpers();
    build_export("make", EXTERNAL_FUNCTION, MAKE);
    build_export("value", EXTERNAL_FUNCTION, VALUE);
    struct instance *helpers = instantiate_built();
    function = function_at(helpers, CHURN);
    register_instance("helpers", helpers);
    define_host("churn", "vx:x", churn, &function);

    enum { IMPORTED_MAKE, IMPORTED_VALUE, HOST };
    build_import_function("helpers", "make", "I:x");
    build_import_function("helpers", "value", "x:I");
    build_import_function("host", "churn", "vx:x");
    build_function(
        ":I", "",
        CODE(VECTOR, I64_CONST, 21, CALL, IMPORTED_MAKE, CALL, HOST, CALL, IMPORTED_VALUE));
    assert_int_equal(CALL_GUEST(instantiate_built(), 3), 42);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(payload_with_a_vector_lands_above_a_vector),
        TEST(payload_with_a_vector_lands_at_the_label_of_the_function),
        TEST(reference_lands_behind_a_vector_and_throws_it_again),
        TEST(catch_of_old_and_rethrow_keep_vectors),
        TEST(results_of_a_catch_of_old_may_be_vectors),
        TEST(references_behind_vectors_are_kept),
        TEST(references_below_a_catch_and_behind_a_vector_are_kept),
        TEST(references_behind_vectors_in_payloads_are_kept),
        TEST(references_behind_vectors_in_arguments_of_the_host_are_kept),
    };

    return cmocka_run_group_tests_name("wasm/exception_vector", tests, run_group_set_up, NULL);
}
