// SPDX-License-Identifier: Apache-2.0
// A v128 as a value, which takes two slots where all others take one: in frames, locals, globals,
// blocks, calls and across instances, always with other values around it.
#include "sandbox/wasm/operation.h"
#include "tests/unit/wasm/operation_forms.h"
#include "tests/unit/wasm/run_fixture.h"

#define LOW  UINT64_C(0x0807060504030201)
#define HIGH UINT64_C(0x1817161514131211)
#define ONE  V(V128_CONST), BITS64(LOW), BITS64(HIGH)

static void assert_vector(uint32_t slot, uint64_t low, uint64_t high)
{
    assert_int_equal(slots[slot].u64, low);
    assert_int_equal(slots[slot + 1].u64, high);
}

static void put_slots(const uint64_t *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        slots[i].u64 = values[i];
}

#define PUT_SLOTS(...)                                                                             \
    put_slots((const uint64_t[]){__VA_ARGS__},                                                     \
              sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))

static void call(struct instance *instance, uint32_t funcidx)
{
    if (invoke(instance, funcidx) != OUTCOME_OK)
        fail_msg("trap: %s", trap_wording(trap.code));
}

/* Frames. */

static void parameters_and_results_take_the_slots_of_their_types(void **state)
{
    struct instance *instance;

    (void)state;
    build_function("ivIvf:fvIvi", "",
                   CODE(LOCAL_GET, 4, LOCAL_GET, 3, LOCAL_GET, 2, LOCAL_GET, 1, LOCAL_GET, 0));
    instance = instantiate_built();
    assert_int_equal(engine_call_slots(engine, function_at(instance, 0)), 7);
    PUT_SLOTS(1, LOW, HIGH, 4, 5, 6, 7);
    call(instance, 0);
    assert_int_equal(slots[0].u32, 7);
    assert_vector(1, 5, 6);
    assert_int_equal(slots[3].u64, 4);
    assert_vector(4, LOW, HIGH);
    assert_int_equal(slots[6].u64, 1);
}

static void results_may_take_more_slots_than_all_locals(void **state)
{
    struct instance *instance;

    (void)state;
    build_function(":vvv", "", CODE(ONE, V(V128_CONST), BITS64(3), BITS64(4), ONE));
    build_function(":vI", "", CODE(CALL, 0, DROP, V(V128_XOR), I64_CONST, 9));
    instance = instantiate_built();
    call(instance, 0);
    assert_vector(0, LOW, HIGH);
    assert_vector(2, 3, 4);
    assert_vector(4, LOW, HIGH);
    call(instance, 1);
    assert_vector(0, LOW ^ 3, HIGH ^ 4);
    assert_int_equal(slots[2].u64, 9);
}

static void locals_begin_as_zero_and_keep_apart(void **state)
{
    struct instance *instance;

    (void)state;
    build_function("i:IvIv", "IvIv",
                   CODE(LOCAL_GET, 0, IF, EMPTY, I64_CONST, 1, LOCAL_SET, 1, ONE, LOCAL_SET, 2,
                        I64_CONST, 2, LOCAL_SET, 3, LOCAL_GET, 2, LOCAL_TEE, 4, DROP, END,
                        LOCAL_GET, 1, LOCAL_GET, 2, LOCAL_GET, 3, LOCAL_GET, 4));
    instance = instantiate_built();
    PUT_SLOTS(0, 99, 99, 99, 99, 99);
    call(instance, 0);
    for (uint32_t i = 0; i < 6; i++)
        assert_int_equal(slots[i].u64, 0);
    slots[0].u64 = 1;
    call(instance, 0);
    assert_int_equal(slots[0].u64, 1);
    assert_vector(1, LOW, HIGH);
    assert_int_equal(slots[3].u64, 2);
    assert_vector(4, LOW, HIGH);
}

// Locals beyond those that the compiler keeps in an array.
static void thousands_of_locals_have_their_slots(void **state)
{
    struct bytes body = {0};
    struct instance *instance;

    (void)state;
    put_all(&body, CODE(4));
    put_u32(&body, 700);
    put(&body, V128);
    put_u32(&body, 700);
    put(&body, I64);
    put_u32(&body, 700);
    put(&body, V128);
    put_u32(&body, 700);
    put(&body, I32);
    for (uint32_t i = 0; i < 2800; i++) {
        char type = "vIvi"[i / 700];
        if (type == 'v')
            put_all(&body, CODE(I64_CONST)), put_s64(&body, i),
                put_all(&body, CODE(V(I64X2_SPLAT)));
        else
            put_constant(&body, type, i);
        put(&body, LOCAL_SET);
        put_u32(&body, i);
    }
    for (uint32_t i = 699; i < 2800; i += 700) {
        put(&body, LOCAL_GET);
        put_u32(&body, i);
        put(&body, LOCAL_GET);
        put_u32(&body, i - 699);
    }
    put(&body, END);
    build_function_raw(build_type(":vvIIvvii"), body.data, body.length);
    bytes_free(&body);
    instance = instantiate_built();
    call(instance, 0);
    assert_vector(0, 699, 699);
    assert_vector(2, 0, 0);
    assert_int_equal(slots[4].u64, 1399);
    assert_int_equal(slots[5].u64, 700);
    assert_vector(6, 2099, 2099);
    assert_vector(8, 1400, 1400);
    assert_int_equal(slots[10].u64, 2799);
    assert_int_equal(slots[11].u64, 2100);
}

static void frame_is_as_large_as_its_vectors(void **state)
{
    struct instance *instance;
    struct bytes body = {0};

    (void)state;
    put_all(&body, CODE(1));
    put_u32(&body, 32758); // 65516 slots, a header of two, and a home
    put_all(&body, CODE(V128, ONE, LOCAL_TEE, U32(32757), END));
    build_function_raw(build_type(":v"), body.data, body.length);
    engine_replace((struct engine_config){.stack_bytes = 4 << 20});
    instance = instantiate_built();
    call(instance, 0);
    assert_vector(0, LOW, HIGH);
    bytes_free(&body);
}

static void frame_that_is_too_large_is_a_limit(void **state)
{
    struct module *loaded;
    struct bytes body = {0};
    uint8_t *bytes;
    size_t size;

    (void)state;
    put_all(&body, CODE(1));
    put_u32(&body, 32768);
    put_all(&body, CODE(V128, END));
    build_function_raw(build_type(":"), body.data, body.length);
    bytes = build_end(&size);
    assert_false(engine_load(engine, bytes, size, &loaded, &error));
    assert_int_equal(error.code, ERROR_LIMIT_FRAME);
    bytes_free(&body);
    free(bytes);
}

/* Control. */

static void blocks_pass_vectors_among_other_values(void **state)
{
    uint32_t type, loop;
    struct instance *instance;

    (void)state;
    type = build_type("ivI:Ivi");
    loop = build_type("iv:v");
    // Through a block that a branch leaves with values at another height than theirs.
    build_function("ivIi:Ivi", "",
                   CODE(LOCAL_GET, 0, LOCAL_GET, 1, LOCAL_GET, 2, BLOCK, (uint8_t)type, DROP, DROP,
                        DROP, V(V128_CONST), BITS64(0), BITS64(0), LOCAL_GET, 2, LOCAL_GET, 1,
                        LOCAL_GET, 0, LOCAL_GET, 3, BR_IF, 0, DROP, DROP, DROP, DROP, I64_CONST, 5,
                        ONE, I32_CONST, 6, END));
    // A loop that counts its i32 down and adds to its vector.
    build_function("iv:v", "i",
                   CODE(LOCAL_GET, 0, LOCAL_GET, 1, LOOP, (uint8_t)loop, V(V128_CONST), BITS64(1),
                        BITS64(2), V(I64X2_ADD), LOCAL_SET, 1, I32_CONST, 1, I32_SUB, LOCAL_TEE, 2,
                        LOCAL_GET, 1, LOCAL_GET, 2, BR_IF, 0, LOCAL_SET, 1, DROP, LOCAL_GET, 1,
                        END));
    instance = instantiate_built();
    PUT_SLOTS(7, LOW, HIGH, 8, 1);
    call(instance, 0);
    assert_int_equal(slots[0].u64, 8);
    assert_vector(1, LOW, HIGH);
    assert_int_equal(slots[3].u64, 7);
    PUT_SLOTS(7, 0, 0, 8, 0);
    call(instance, 0);
    assert_int_equal(slots[0].u64, 5);
    assert_vector(1, LOW, HIGH);
    assert_int_equal(slots[3].u64, 6);
    PUT_SLOTS(10, LOW, HIGH);
    call(instance, 1);
    assert_vector(0, LOW + 10, HIGH + 20);
}

static void label_tables_carry_vectors(void **state)
{
    struct instance *instance;

    (void)state;
    build_function("iv:v", "",
                   CODE(BLOCK, V128, I32_CONST, 3, BLOCK, V128, I32_CONST, 4, LOCAL_GET, 1,
                        LOCAL_GET, 0, BR_TABLE, 1, 0, 1, END, V(V128_NOT), BR, 0, END));
    instance = instantiate_built();
    for (uint64_t i = 0; i < 3; i++) {
        PUT_SLOTS(i, LOW, HIGH);
        call(instance, 0);
        assert_vector(0, i == 0 ? ~LOW : LOW, i == 0 ? ~HIGH : HIGH);
    }
}

static void select_takes_vectors_with_and_without_a_type(void **state)
{
    struct instance *instance;

    (void)state;
    build_function("vvi:v", "", CODE(LOCAL_GET, 0, LOCAL_GET, 1, LOCAL_GET, 2, SELECT));
    build_function("vvi:v", "v",
                   CODE(LOCAL_GET, 0, LOCAL_GET, 1, LOCAL_GET, 2, I32_EQZ, SELECT_TYPED, 1, V128,
                        LOCAL_SET, 3, LOCAL_GET, 3));
    instance = instantiate_built();
    for (uint64_t condition = 0; condition < 2; condition++) {
        PUT_SLOTS(1, 2, LOW, HIGH, condition);
        call(instance, 0);
        assert_vector(0, condition != 0 ? 1 : LOW, condition != 0 ? 2 : HIGH);
        PUT_SLOTS(1, 2, LOW, HIGH, condition);
        call(instance, 1);
        assert_vector(0, condition == 0 ? 1 : LOW, condition == 0 ? 2 : HIGH);
    }
}

static void old_value_of_a_local_stays_on_the_stack(void **state)
{
    struct instance *instance;

    (void)state;
    build_function("vi:vvv", "",
                   CODE(LOCAL_GET, 0, LOCAL_GET, 0, V(V128_NOT), LOCAL_SET, 0, LOCAL_GET, 0,
                        LOCAL_GET, 1, V(I32X4_SPLAT), LOCAL_SET, 0, LOCAL_GET, 0));
    instance = instantiate_built();
    PUT_SLOTS(LOW, HIGH, 1);
    call(instance, 0);
    assert_vector(0, LOW, HIGH);
    assert_vector(2, ~LOW, ~HIGH);
    assert_vector(4, 0x100000001, 0x100000001);
}

// The slots of one vector later hold two numbers, and the other way round.
static void homes_are_used_again_by_other_types(void **state)
{
    struct instance *instance;

    (void)state;
    build_function("vI:vI", "",
                   CODE(LOCAL_GET, 0, V(V128_NOT), V(V128_ANY_TRUE), DROP,          //
                        LOCAL_GET, 1, I64_CONST, 1, I64_ADD,                        //
                        LOCAL_GET, 1, I64_CONST, 2, I64_ADD, I64_MUL, LOCAL_SET, 1, //
                        LOCAL_GET, 0, V(V128_NOT), V(V128_NOT), LOCAL_GET, 1, I64_CONST, 1,
                        I64_SUB));
    instance = instantiate_built();
    PUT_SLOTS(LOW, HIGH, 3);
    call(instance, 0);
    assert_vector(0, LOW, HIGH);
    assert_int_equal(slots[2].u64, 19);
}

/* Globals. */

static void globals_hold_vectors(void **state)
{
    struct instance *first, *second;

    (void)state;
    build_global(V128, true, CODE(ONE));
    build_global(I64, true, CODE(I64_CONST, 5));
    build_function(":v", "", CODE(GLOBAL_GET, 0));
    build_function("v:", "", CODE(LOCAL_GET, 0, GLOBAL_SET, 0));
    build_function("v:v", "", CODE(LOCAL_GET, 0, V(V128_NOT), GLOBAL_SET, 0, GLOBAL_GET, 0));
    build_export("vector", EXTERNAL_GLOBAL, 0);
    first = instantiate_built();
    call(first, 0);
    assert_vector(0, LOW, HIGH);
    register_instance("m", first);
    build_import_global("m", "vector", V128, true);
    build_function(":v", "", CODE(GLOBAL_GET, 0));
    second = instantiate_built();
    PUT_SLOTS(HIGH, LOW);
    call(first, 1);
    call(second, 0);
    assert_vector(0, HIGH, LOW);
    call(first, 2);
    assert_vector(0, ~HIGH, ~LOW);
    assert_int_equal(first->globals[1]->u64, 5);
}

static void initial_value_may_be_a_global_before(void **state)
{
    struct instance *instance;

    (void)state;
    build_global(V128, false, CODE(ONE));
    build_global(V128, false, CODE(GLOBAL_GET, 0));
    build_function(":v", "", CODE(GLOBAL_GET, 1));
    instance = instantiate_built();
    call(instance, 0);
    assert_vector(0, LOW, HIGH);
}

static void host_defines_no_vector_as_a_global(void **state)
{
    const struct globaltype type = {.type = VALTYPE_V128};

    (void)state;
    assert_false(engine_define_global(engine, engine_name("m"), engine_name("g"), type,
                                      (union slot){.u64 = 1}, &error));
    assert_int_equal(error.code, ERROR_USAGE_ARGUMENT);
}

/* Calls. */

static void vectors_go_into_other_functions_and_instances(void **state)
{
    struct instance *first, *second;

    (void)state;
    build_function(
        "vivI:Ivv", "",
        CODE(LOCAL_GET, 3, LOCAL_GET, 2, LOCAL_GET, 0, LOCAL_GET, 1, V(I32X4_SPLAT), V(I32X4_ADD)));
    build_function("v:v", "", CODE(LOCAL_GET, 0, V(V128_NOT)));
    build_export("many", EXTERNAL_FUNCTION, 0);
    build_export("one", EXTERNAL_FUNCTION, 1);
    first = instantiate_built();
    register_instance("m", first);
    build_import_function("m", "many", "vivI:Ivv");
    build_import_function("m", "one", "v:v");
    build_table(FUNCREF, 2, 2);
    build_element(SEGMENT_ACTIVE, 0, CODE(0, 1));
    build_function(
        "I:Ivv", "",
        CODE(ONE, I32_CONST, 1, V(V128_CONST), BITS64(2), BITS64(3), LOCAL_GET, 0, CALL, 0));
    build_function("I:Iv", "", CODE(LOCAL_GET, 0, ONE, CALL, 1, V(V128_NOT)));
    build_function(
        "I:vI", "",
        CODE(ONE, I32_CONST, 1, CALL_INDIRECT, (uint8_t)build_type("v:v"), 0, LOCAL_GET, 0));
    second = instantiate_built();
    slots[0].u64 = 77;
    call(second, 2);
    assert_int_equal(slots[0].u64, 77);
    assert_vector(1, 2, 3);
    assert_vector(3, LOW + 0x100000001, HIGH + 0x100000001);
    slots[0].u64 = 78;
    call(second, 3);
    assert_int_equal(slots[0].u64, 78);
    assert_vector(1, LOW, HIGH);
    slots[0].u64 = 79;
    call(second, 4);
    assert_vector(0, ~LOW, ~HIGH);
    assert_int_equal(slots[2].u64, 79);
}

static enum trap_code exchange_halves(void *context, struct store *store, union slot *host_slots)
{
    union slot low = host_slots[1];

    (void)context;
    (void)store;
    host_slots[0] = host_slots[2];
    host_slots[1] = low;
    return TRAP_NONE;
}

static void host_functions_take_and_give_vectors(void **state)
{
    struct instance *instance;

    (void)state;
    define_host("exchange", "iv:v", exchange_halves, NULL);
    build_import_function("host", "exchange", "iv:v");
    build_function("I:vI", "", CODE(I32_CONST, 1, ONE, CALL, 0, V(V128_NOT), LOCAL_GET, 0));
    instance = instantiate_built();
    slots[0].u64 = 5;
    call(instance, 1);
    assert_vector(0, ~HIGH, ~LOW);
    assert_int_equal(slots[2].u64, 5);
}

static void recursion_with_vectors_keeps_every_frame(void **state)
{
    struct instance *instance;

    (void)state;
    build_function("iv:v", "",
                   CODE(LOCAL_GET, 0, IF, V128, LOCAL_GET, 1, LOCAL_GET, 0, I32_CONST, 1, I32_SUB,
                        LOCAL_GET, 1, LOCAL_GET, 1, V(I64X2_ADD), CALL, 0, V(I64X2_ADD), ELSE,
                        LOCAL_GET, 1, END));
    instance = instantiate_built();
    PUT_SLOTS(20, 1, 3);
    call(instance, 0);
    assert_vector(0, (1 << 21) - 1, 3 * ((1 << 21) - 1));
    PUT_SLOTS(0xffffffff, 1, 3);
    assert_int_equal(invoke(instance, 0), OUTCOME_TRAP);
    assert_int_equal(trap.code, TRAP_CALL_STACK_EXHAUSTED);
}

/* Fused sequences: the same cells with a label between them, where nothing is fused, say what is
 * right. */

static void put_opcode(struct bytes *code, uint32_t number)
{
    put(code, VECTOR_PREFIX);
    put_u32(code, number);
}

// memory[address + 32] = (memory[address] `first` local 1) `second` memory[address + 16], the
// addresses computed or not.
static void build_fused(uint32_t first, uint32_t second, bool computed)
{
    const uint8_t address[] = {LOCAL_GET, 0, I32_CONST, 16, I32_ADD};
    struct bytes code = {0};

    put_all(&code, address, computed ? 5 : 2);
    put_all(&code, CODE(LOCAL_GET, 0, V(V128_LOAD), 0, 0, LOCAL_GET, 1));
    put_opcode(&code, first);
    put_all(&code, address, computed ? 5 : 2);
    put_all(&code, CODE(V(V128_LOAD), 0, (uint8_t)(computed ? 0 : 16)));
    put_opcode(&code, second);
    put_all(&code, CODE(V(V128_STORE), 0, (uint8_t)(computed ? 16 : 32)));
    build_function("iv:", "", code.data, code.length);
    bytes_free(&code);
}

// The same through locals.
static void build_unfused(uint32_t first, uint32_t second)
{
    struct bytes code = {0};

    put_all(&code, CODE(LOCAL_GET, 0, V(V128_LOAD), 0, 0, LOOP, EMPTY, END, LOCAL_GET, 1));
    put_opcode(&code, first);
    put_all(&code, CODE(LOOP, EMPTY, END, LOCAL_GET, 0, V(V128_LOAD), 0, 16, LOOP, EMPTY, END));
    put_opcode(&code, second);
    put_all(&code,
            CODE(LOCAL_SET, 2, LOOP, EMPTY, END, LOCAL_GET, 0, LOCAL_GET, 2, V(V128_STORE), 0, 32));
    build_function("iv:", "v", code.data, code.length);
    bytes_free(&code);
}

static const uint8_t *run_fused(struct instance *instance, uint32_t funcidx, uint32_t at)
{
    uint8_t *memory = instance->memory_base + at;

    for (uint32_t i = 0; i < 32; i++)
        memory[i] = (uint8_t)(i * 37 + 11);
    memset(memory + 32, 0, 16);
    PUT_SLOTS(at, LOW, HIGH);
    call(instance, funcidx);
    return memory + 32;
}

static void fused_sequences_compute_what_their_parts_do(void **state)
{
    static const uint32_t opcodes[] = {I8X16_ADD, I8X16_SUB, I16X8_ADD, I16X8_SUB, I16X8_MUL,
                                       I32X4_ADD, I32X4_SUB, I32X4_MUL, I64X2_ADD, I64X2_SUB,
                                       F32X4_ADD, F32X4_SUB, F32X4_MUL, F64X2_ADD, F64X2_SUB,
                                       F64X2_MUL, V128_AND,  V128_OR,   V128_XOR,  I8X16_EQ};
    enum { COUNT = sizeof opcodes / sizeof opcodes[0] };
    struct instance *instance;

    (void)state;
    build_memory(1, 1);
    for (uint32_t i = 0; i < COUNT; i++) {
        for (uint32_t j = 0; j < COUNT; j++) {
            build_fused(opcodes[i], opcodes[j], false);
            build_fused(opcodes[i], opcodes[j], true);
            build_unfused(opcodes[i], opcodes[j]);
        }
    }
    instance = instantiate_built();
    for (uint32_t i = 0; i < 3 * COUNT * COUNT; i += 3) {
        uint8_t expected[16];

        memcpy(expected, run_fused(instance, i + 2, 100), sizeof expected);
        assert_memory_equal(run_fused(instance, i, 200), expected, sizeof expected);
        assert_memory_equal(run_fused(instance, i + 1, 300), expected, sizeof expected);
    }
    call_traps(TRAP_MEMORY_OUT_OF_BOUNDS, instance, 0, (const uint64_t[]){0, 65536 - 47, 0, 0}, 3);
    call_traps(TRAP_MEMORY_OUT_OF_BOUNDS, instance, 1, (const uint64_t[]){0, 65536 - 47, 0, 0}, 3);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(parameters_and_results_take_the_slots_of_their_types),
        TEST(results_may_take_more_slots_than_all_locals),
        TEST(locals_begin_as_zero_and_keep_apart),
        TEST(thousands_of_locals_have_their_slots),
        TEST(frame_is_as_large_as_its_vectors),
        TEST(frame_that_is_too_large_is_a_limit),
        TEST(blocks_pass_vectors_among_other_values),
        TEST(label_tables_carry_vectors),
        TEST(select_takes_vectors_with_and_without_a_type),
        TEST(old_value_of_a_local_stays_on_the_stack),
        TEST(homes_are_used_again_by_other_types),
        TEST(globals_hold_vectors),
        TEST(initial_value_may_be_a_global_before),
        TEST(host_defines_no_vector_as_a_global),
        TEST(vectors_go_into_other_functions_and_instances),
        TEST(host_functions_take_and_give_vectors),
        TEST(recursion_with_vectors_keeps_every_frame),
        TEST(fused_sequences_compute_what_their_parts_do),
    };
    return cmocka_run_group_tests(tests, run_group_set_up, NULL);
}
