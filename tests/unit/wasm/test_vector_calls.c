// SPDX-License-Identifier: Apache-2.0
// Vectors where calls and branches count operands: they take two slots, so nothing else may.
#include "tests/unit/wasm/run_fixture.h"

#define ROUNDS 100001 // odd, so that what swaps two vectors in each has swapped them

static const struct engine_config configs[] = {
    {.checked_memory = false}, {.checked_memory = true}, {.metered = true}};

static struct instance *instance;

static void start(void)
{
    instance = instantiate_built();
    engine_set_fuel(engine, UINT64_MAX);
}

static void assert_vector(uint32_t first, uint64_t low, uint64_t high)
{
    assert_int_equal(slots[first].u64, low);
    assert_int_equal(slots[first + 1].u64, high);
}

// For each configuration, with an engine of its own.
#define IN_EACH_CONFIGURATION(i_)                                                                  \
    for (size_t i_ = 0; i_ < sizeof configs / sizeof *configs && (engine_replace(configs[i_]), 1); \
         i_++)

/* Tail calls. */

enum { DIRECT, INDIRECT, INDIRECT_LOCAL, REFERENCE, KIND_COUNT };

// What a countdown ends with: the two vectors, a number that stood between them, and 0.
#define COUNTDOWN "viIv:vIv"

static void put_tail_call(struct bytes *code, unsigned kind, uint8_t funcidx)
{
    uint8_t type = (uint8_t)build_type(COUNTDOWN);

    switch (kind) {
    case DIRECT:
        put_all(code, CODE(RETURN_CALL, funcidx));
        break;
    case INDIRECT:
        // The index is in the accumulator.
        put_all(code, CODE(LOCAL_GET, 4, I64_CONST, 2, I64_ADD, RETURN_CALL_INDIRECT, type, 0));
        break;
    case INDIRECT_LOCAL:
        put_all(code,
                CODE(I64_CONST, 3, LOCAL_SET, 4, LOCAL_GET, 4, RETURN_CALL_INDIRECT, type, 0));
        break;
    default:
        put_all(code, CODE(REF_FUNC, funcidx, RETURN_CALL_REF, type));
    }
}

// Calls itself with one less, the vectors swapped, and one more between them.
static void build_countdown(unsigned kind)
{
    struct bytes code = {0};

    put_all(&code, CODE(LOCAL_GET, 1, I32_EQZ, IF, EMPTY, LOCAL_GET, 0, LOCAL_GET, 2, LOCAL_GET, 3,
                        RETURN, END, LOCAL_GET, 3, LOCAL_GET, 1, I32_CONST, 1, I32_SUB, LOCAL_GET,
                        2, I64_CONST, 1, I64_ADD, LOCAL_GET, 0));
    put_tail_call(&code, kind, (uint8_t)kind);
    build_function(COUNTDOWN, "Iv", code.data, code.length);
    bytes_free(&code);
}

static void build_countdowns(void)
{
    const struct limits limits = {.minimum = 4, .address64 = true};

    build_table_of(FUNCREF, &limits);
    // What calls through an element finds itself there.
    build_element(SEGMENT_PASSIVE, 0, CODE(INDIRECT, INDIRECT_LOCAL, REFERENCE));
    for (unsigned kind = 0; kind < KIND_COUNT; kind++)
        build_countdown(kind);
    build_function(":", "",
                   CODE(I64_CONST, 2, I32_CONST, 0, I32_CONST, 2, PREFIX, TABLE_INIT, 0, 0));
    build_function("IvI:vIv", "",
                   CODE(LOCAL_GET, 1, I32_CONST, 0, LOCAL_GET, 2, LOCAL_GET, 1, LOCAL_GET, 0,
                        RETURN_CALL_INDIRECT, (uint8_t)build_type(COUNTDOWN), 0));
    start();
    CALL_GUEST(instance, KIND_COUNT);
}

static void vectors_are_arguments_of_every_kind_of_tail_call(void **state)
{
    (void)state;
    IN_EACH_CONFIGURATION(i)
    {
        build_countdowns();
        for (unsigned kind = 0; kind < KIND_COUNT; kind++) {
            CALL_GUEST(instance, kind, 1, 2, ROUNDS, 5, 3, 4);
            assert_vector(0, 3, 4);
            assert_int_equal(slots[2].u64, 5 + ROUNDS);
            assert_vector(3, 1, 2);
        }
    }
}

static void indices_of_tail_calls_have_64_bits_where_the_tables_have(void **state)
{
    enum { CALLER = KIND_COUNT + 1 };

    (void)state;
    IN_EACH_CONFIGURATION(i)
    {
        build_countdowns();
        CALL_GUEST(instance, CALLER, 2, 7, 8, 9);
        assert_vector(0, 7, 8);
        assert_int_equal(slots[2].u64, 9);
        assert_vector(3, 7, 8);
        CALL_TRAPS(TRAP_UNINITIALIZED_ELEMENT, instance, CALLER, 1, 7, 8, 9);
        CALL_TRAPS(TRAP_UNDEFINED_ELEMENT, instance, CALLER, 4, 7, 8, 9);
        CALL_TRAPS(TRAP_UNDEFINED_ELEMENT, instance, CALLER, (1ull << 32) + 2, 7, 8, 9);
        CALL_TRAPS(TRAP_UNDEFINED_ELEMENT, instance, CALLER, UINT64_MAX, 7, 8, 9);
    }
}

static void tail_calls_may_have_more_arguments_than_the_caller_has_slots(void **state)
{
    (void)state;
    IN_EACH_CONFIGURATION(i)
    {
        build_function("vvivv:vv", "",
                       CODE(LOCAL_GET, 0, LOCAL_GET, 1, V(I64X2_SUB), LOCAL_GET, 3, LOCAL_GET, 4,
                            V(I64X2_SUB)));
        build_function("vv:vv", "",
                       CODE(LOCAL_GET, 1, LOCAL_GET, 0, I32_CONST, 1, LOCAL_GET, 0, LOCAL_GET, 1,
                            RETURN_CALL, 0));
        build_function(
            "vv:v", "v",
            CODE(LOCAL_GET, 0, LOCAL_GET, 1, CALL, 1, V(I64X2_SUB), LOCAL_GET, 2, V(I64X2_ADD)));
        start();
        CALL_GUEST(instance, 2, 100, 200, 110, 230);
        assert_vector(0, 20, 60);
    }
}

/* Between instances, and the host. */

static enum trap_code swap(void *context, struct store *store, union slot *values)
{
    const union slot low = values[0], high = values[1];

    (void)context;
    (void)store;
    values[0] = values[3];
    values[1] = values[4];
    values[2] = low;
    values[3] = high;
    return TRAP_NONE;
}

static enum trap_code second(void *context, struct store *store, union slot *values)
{
    (void)context;
    (void)store;
    values[0] = values[3];
    values[1] = values[4];
    return TRAP_NONE;
}

static void vectors_are_tail_called_into_other_instances(void **state)
{
    (void)state;
    IN_EACH_CONFIGURATION(i)
    {
        build_function("viv:vv", "", CODE(LOCAL_GET, 2, LOCAL_GET, 0));
        build_export("swap", EXTERNAL_FUNCTION, 0);
        register_instance("first", instantiate_built());
        build_import_function("first", "swap", "viv:vv");
        build_function("v:vv", "",
                       CODE(LOCAL_GET, 0, I32_CONST, 1, LOCAL_GET, 0, LOCAL_GET, 0, V(I64X2_ADD),
                            RETURN_CALL, 0));
        build_function("v:v", "v",
                       CODE(LOCAL_GET, 0, CALL, 1, V(I64X2_SUB), LOCAL_GET, 1, V(I64X2_SUB)));
        build_function("v:v", "", CODE(LOCAL_GET, 0, CALL, 1, DROP));
        start();
        CALL_GUEST(instance, 2, 5, 6);
        assert_vector(0, 5, 6);
        CALL_GUEST(instance, 3, 5, 6);
        assert_vector(0, 10, 12);
    }
}

static void vectors_are_tail_called_out_of_the_guest(void **state)
{
    (void)state;
    IN_EACH_CONFIGURATION(i)
    {
        define_host("swap", "viv:vv", swap, NULL);
        define_host("second", "viv:v", second, NULL);
        build_import_function("host", "swap", "viv:vv");
        build_import_function("host", "second", "viv:v");
        build_function("vv:vv", "", CODE(LOCAL_GET, 0, I32_CONST, 1, LOCAL_GET, 1, RETURN_CALL, 0));
        build_function("vv:v", "", CODE(LOCAL_GET, 0, I32_CONST, 1, LOCAL_GET, 1, RETURN_CALL, 1));
        build_function("vv:v", "", CODE(LOCAL_GET, 0, LOCAL_GET, 1, CALL, 2, V(I64X2_SUB)));
        // The result is taken from its accumulator.
        build_function("vv:v", "", CODE(LOCAL_GET, 0, LOCAL_GET, 1, CALL, 3, V(I64X2_NEG)));
        start();
        CALL_GUEST(instance, 4, 5, 6, 15, 26);
        assert_vector(0, 10, 20);
        CALL_GUEST(instance, 5, 5, 6, 15, 26);
        assert_vector(0, 0 - 15ull, 0 - 26ull);
    }
}

/* References. */

static void vectors_are_arguments_of_calls_of_references(void **state)
{
    (void)state;
    IN_EACH_CONFIGURATION(i)
    {
        uint8_t type = (uint8_t)build_type("viv:vi");
        build_element(SEGMENT_DECLARATIVE, 0, CODE(0));
        build_function("viv:vi", "", CODE(LOCAL_GET, 0, LOCAL_GET, 2, V(I64X2_SUB), LOCAL_GET, 1));
        build_function("vv:vi", "",
                       CODE(LOCAL_GET, 1, I32_CONST, 9, LOCAL_GET, 0, REF_FUNC, 0, CALL_REF, type));
        start();
        CALL_GUEST(instance, 1, 5, 6, 15, 26);
        assert_vector(0, 10, 20);
        assert_int_equal(slots[2].u64, 9);
    }
}

// Of a reference above two vectors: 1 is added if it is not null.
static void build_null_branches(void)
{
    const uint8_t vectors = (uint8_t)build_type(":vv");

    build_function("vvr:v", "",
                   CODE(BLOCK, vectors, LOCAL_GET, 0, LOCAL_GET, 1, LOCAL_GET, 2, BR_ON_NULL, 0,
                        DROP, I64_CONST, 1, V(I64X2_SPLAT), V(I64X2_ADD), END, V(I64X2_SUB)));
    // The operands are not in the homes of the label, for there is one below them.
    build_function("vvr:v", "",
                   CODE(BLOCK, vectors, LOCAL_GET, 1, LOCAL_GET, 0, LOCAL_GET, 1, LOCAL_GET, 2,
                        BR_ON_NULL, 0, DROP, I64_CONST, 1, V(I64X2_SPLAT), V(I64X2_ADD), BR, 0, END,
                        V(I64X2_SUB)));
    // It is returned past the first results.
    build_function("vvr:vr", "",
                   CODE(LOCAL_GET, 1, LOCAL_GET, 0, LOCAL_GET, 2, BR_ON_NON_NULL, 0, V(I64X2_SUB),
                        REF_NULL, FUNCREF));
}

static void vectors_are_carried_by_branches_on_null(void **state)
{
    (void)state;
    IN_EACH_CONFIGURATION(i)
    {
        build_null_branches();
        start();
        uint64_t function = (uint64_t)(uintptr_t)function_at(instance, 0);
        for (uint32_t funcidx = 0; funcidx < 2; funcidx++) {
            CALL_GUEST(instance, funcidx, 50, 70, 8, 9, 0);
            assert_vector(0, 42, 61);
            CALL_GUEST(instance, funcidx, 50, 70, 8, 9, function);
            assert_vector(0, 41, 60);
        }
        CALL_GUEST(instance, 2, 8, 9, 50, 70, 0);
        assert_vector(0, 42, 61);
        assert_int_equal(slots[2].u64, 0);
        CALL_GUEST(instance, 2, 8, 9, 50, 70, function);
        assert_vector(0, 8, 9);
        assert_int_equal(slots[2].u64, function);
    }
}

// Locals without a default value are followed by their index, which is not their slot.
static void locals_of_references_that_are_never_null_stand_behind_vectors(void **state)
{
    static const uint8_t body[] = {2,         2, V128,      1, 0x64,     FUNCREF, LOCAL_GET, 0,
                                   LOCAL_SET, 3, LOCAL_GET, 3, REF_FUNC, 0,       LOCAL_SET, 4,
                                   LOCAL_GET, 2, LOCAL_GET, 4, END};

    (void)state;
    IN_EACH_CONFIGURATION(i)
    {
        build_element(SEGMENT_DECLARATIVE, 0, CODE(0));
        build_function_raw(build_type("vi:vvr"), body, sizeof body);
        start();
        CALL_GUEST(instance, 0, 5, 6, 7);
        assert_vector(0, 5, 6);
        assert_vector(2, 0, 0);
        assert_int_equal(slots[4].u64, (uintptr_t)function_at(instance, 0));
    }
}

static void selects_with_a_type_choose_whole_vectors(void **state)
{
    (void)state;
    IN_EACH_CONFIGURATION(i)
    {
        build_function(
            "vvi:vi", "",
            CODE(LOCAL_GET, 0, LOCAL_GET, 1, LOCAL_GET, 2, SELECT_TYPED, 1, V128, LOCAL_GET, 2));
        start();
        CALL_GUEST(instance, 0, 1, 2, 3, 4, 7);
        assert_vector(0, 1, 2);
        assert_int_equal(slots[2].u64, 7);
        CALL_GUEST(instance, 0, 1, 2, 3, 4, 0);
        assert_vector(0, 3, 4);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(vectors_are_arguments_of_every_kind_of_tail_call),
        TEST(indices_of_tail_calls_have_64_bits_where_the_tables_have),
        TEST(tail_calls_may_have_more_arguments_than_the_caller_has_slots),
        TEST(vectors_are_tail_called_into_other_instances),
        TEST(vectors_are_tail_called_out_of_the_guest),
        TEST(vectors_are_arguments_of_calls_of_references),
        TEST(vectors_are_carried_by_branches_on_null),
        TEST(locals_of_references_that_are_never_null_stand_behind_vectors),
        TEST(selects_with_a_type_choose_whole_vectors),
    };

    return cmocka_run_group_tests_name("wasm/vector_calls", tests, run_group_set_up, NULL);
}
