// SPDX-License-Identifier: Apache-2.0
// Calls that leave the instance: to other instances and to host functions, directly and through
// tables, in which everything of the caller's must be as it was afterwards.
#include "sandbox/wasm/run.h"
#include "tests/unit/wasm/fault_fixture.h"
#include "tests/unit/wasm/run_fixture.h"

#define COUNT_OF(array_) (sizeof(array_) / sizeof((array_)[0]))

// --- one result of each type, from each kind of function, by each kind of call ---

enum {
    TYPES = 6, // letters
    KINDS = 3, // of callees: the host's, another instance's, the caller's own
    CALLEES = TYPES * KINDS
};

// How a caller calls and what it does with the result.
enum way {
    DIRECT,
    INDIRECT,
    DIRECT_CONSUMED,
    INDIRECT_CONSUMED,
    DIRECT_TO_LOCAL,
    INDIRECT_TO_LOCAL,
    WAYS
};

static const char letters[] = "iIfFre";

static const char *signature_of(uint32_t type, char result)
{
    static char text[5];

    text[0] = text[1] = letters[type];
    text[2] = ':';
    text[3] = result;
    return text;
}

static bool is_reference(uint32_t type)
{
    return letters[type] == 'r' || letters[type] == 'e';
}

// An instruction whose result depends on all bits of its operand's, but for references.
static void put_consumer(struct bytes *code, uint32_t type)
{
    static const uint8_t consumers[TYPES][3] = {{I32_CONST, 1, I32_ADD}, {I64_CONST, 1, I64_ADD},
                                                {F32_NEG, NOP, NOP},     {F64_NEG, NOP, NOP},
                                                {REF_IS_NULL, NOP, NOP}, {REF_IS_NULL, NOP, NOP}};

    put_all(code, consumers[type], sizeof consumers[type]);
}

static uint64_t consumed(uint32_t type, uint64_t value)
{
    switch (letters[type]) {
    case 'i':
        return (uint32_t)(value + 1);
    case 'I':
        return value + 1;
    case 'f':
        return value ^ 0x80000000u;
    case 'F':
        return value ^ 0x8000000000000000u;
    default:
        return value == 0;
    }
}

static void build_caller(uint32_t callee, enum way way)
{
    uint32_t type = callee % TYPES;
    struct bytes code = {0};
    const uint8_t operands[] = {LOCAL_GET, 0, LOCAL_GET, 1};
    bool is_consumed = way == DIRECT_CONSUMED || way == INDIRECT_CONSUMED;

    put_all(&code, operands, sizeof operands);
    if (way == DIRECT || way == DIRECT_CONSUMED || way == DIRECT_TO_LOCAL) {
        put_all(&code, CODE(CALL, (uint8_t)callee));
    } else {
        uint8_t typeidx = (uint8_t)build_type(signature_of(type, letters[type]));
        put_all(&code, CODE(I32_CONST, (uint8_t)callee, CALL_INDIRECT, typeidx, 0));
    }
    if (is_consumed)
        put_consumer(&code, type);
    if (way == DIRECT_TO_LOCAL || way == INDIRECT_TO_LOCAL)
        put_all(&code, CODE(LOCAL_SET, 0, LOCAL_GET, 0));
    char result = is_consumed && is_reference(type) ? 'i' : letters[type];
    build_function(signature_of(type, result), "", code.data, code.length);
    bytes_free(&code);
}

static enum trap_code second_argument(void *context, struct store *store, union slot *values)
{
    (void)context;
    (void)store;
    values[0] = values[1];
    return TRAP_NONE;
}

// Functions that give their second argument; the caller's indices are 0 to CALLEES - 1.
static struct instance *instantiate_callers(void)
{
    uint8_t indices[CALLEES];
    char name[2] = {0};

    for (uint32_t type = 0; type < TYPES; type++) {
        name[0] = letters[type];
        define_host(name, signature_of(type, letters[type]), second_argument, NULL);
        build_export(name, EXTERNAL_FUNCTION,
                     build_function(signature_of(type, letters[type]), "", CODE(LOCAL_GET, 1)));
    }
    register_instance("other", instantiate_built());
    for (uint32_t kind = 0; kind < 2; kind++)
        for (uint32_t type = 0; type < TYPES; type++) {
            name[0] = letters[type];
            build_import_function(kind == 0 ? "host" : "other", name,
                                  signature_of(type, letters[type]));
        }
    for (uint32_t type = 0; type < TYPES; type++)
        build_function(signature_of(type, letters[type]), "", CODE(LOCAL_GET, 1));
    for (uint32_t i = 0; i < CALLEES; i++)
        indices[i] = (uint8_t)i;
    build_table(FUNCREF, CALLEES, NO_MAXIMUM);
    build_element(SEGMENT_ACTIVE, 0, indices, CALLEES);
    for (enum way way = DIRECT; way < WAYS; way++)
        for (uint32_t callee = 0; callee < CALLEES; callee++)
            build_caller(callee, way);
    return instantiate_built();
}

static void results_of_each_type_come_from_each_function_by_each_call(void **state)
{
    static const uint64_t values[] = {0x7fa00001ull, 1, 0, 0x7ff4000000000001ull,
                                      0xfedcba9876543210ull};
    struct instance *caller = instantiate_callers();

    (void)state;
    for (uint32_t funcidx = CALLEES; funcidx < CALLEES * (1 + WAYS); funcidx++) {
        uint32_t type = funcidx % TYPES;
        enum way way = (enum way)(funcidx / CALLEES - 1);
        bool narrow = letters[type] == 'i' || letters[type] == 'f';
        for (size_t i = 0; i < COUNT_OF(values); i++) {
            uint64_t value = narrow ? (uint32_t)values[i] : values[i];
            uint64_t expected =
                way == DIRECT_CONSUMED || way == INDIRECT_CONSUMED ? consumed(type, value) : value;
            uint64_t result = CALL_GUEST(caller, funcidx, 0x5555, value);
            if (narrow || (is_reference(type) && expected != value))
                result = (uint32_t)result;
            if (result != expected)
                fail_msg("function %u, type %c, way %d", funcidx, letters[type], (int)way);
        }
    }
}

// --- many parameters and results ---

#define MANY        "iIfFieIFfi:FifIeFIiif"
#define MANY_LENGTH 10

// The result at each place is the parameter of some place, of the same type.
static const uint8_t many_results[MANY_LENGTH] = {7, 0, 2, 1, 5, 3, 6, 4, 9, 8};

static const uint64_t many_values[MANY_LENGTH] = {
    0xffffffff, 0x8000000000000000u, 0x7fa00001,          0x7ff4000000000001u, 1,
    0xabcdef,   0x123456789abcdef0u, 0xfff0000000000000u, 0x80000000,          0x7fffffff};

static enum trap_code give_many(void *context, struct store *store, union slot *values)
{
    union slot copy[MANY_LENGTH];

    (void)store;
    ++*(int *)context;
    memcpy(copy, values, sizeof copy);
    for (int i = 0; i < MANY_LENGTH; i++)
        values[i] = copy[many_results[i]];
    return TRAP_NONE;
}

static void put_parameters(struct bytes *code)
{
    for (uint8_t i = 0; i < MANY_LENGTH; i++)
        put_all(code, CODE(LOCAL_GET, i));
}

static uint32_t build_many(void)
{
    struct bytes code = {0};

    for (int i = 0; i < MANY_LENGTH; i++)
        put_all(&code, CODE(LOCAL_GET, many_results[i]));
    uint32_t funcidx = build_function(MANY, "", code.data, code.length);
    bytes_free(&code);
    return funcidx;
}

// Calls a function of this type with values on the stack below and locals that must survive.
static uint32_t build_many_caller(const uint8_t *call, size_t length)
{
    struct bytes code = {0};

    put_all(&code, CODE(I64_CONST, 0x2a, LOCAL_SET, MANY_LENGTH, LOCAL_GET, 1));
    put_parameters(&code);
    put_all(&code, call, length);
    // The results to locals, what was below to the last one, and all back.
    for (uint8_t i = MANY_LENGTH; i-- > 0;)
        put_all(&code, CODE(LOCAL_SET, (uint8_t)(MANY_LENGTH + 1 + i)));
    put_all(&code, CODE(LOCAL_GET, MANY_LENGTH, I64_ADD, GLOBAL_SET, 0));
    for (uint8_t i = 0; i < MANY_LENGTH; i++)
        put_all(&code, CODE(LOCAL_GET, (uint8_t)(MANY_LENGTH + 1 + i)));
    uint32_t funcidx = build_function(MANY, "IFifIeFIiif", code.data, code.length);
    bytes_free(&code);
    return funcidx;
}

static void assert_many(struct instance *instance, uint32_t funcidx)
{
    for (int i = 0; i < MANY_LENGTH; i++)
        slots[i].u64 = many_values[i];
    assert_int_equal(invoke(instance, funcidx), OUTCOME_OK);
    for (int i = 0; i < MANY_LENGTH; i++) {
        bool narrow = strchr("if", strchr(MANY, ':')[1 + i]) != NULL;
        uint64_t result = narrow ? slots[i].u32 : slots[i].u64;
        assert_int_equal(result, many_values[many_results[i]]);
    }
}

static void many_parameters_and_results_keep_their_places(void **state)
{
    static const uint8_t callees[] = {0, 1, 2};
    uint32_t callers[2 * COUNT_OF(callees)];
    struct instance *caller;
    int host_calls = 0;

    (void)state;
    define_host("many", MANY, give_many, &host_calls);
    build_export("many", EXTERNAL_FUNCTION, build_many());
    register_instance("other", instantiate_built());
    build_import_function("host", "many", MANY);
    build_import_function("other", "many", MANY);
    build_many();
    uint8_t typeidx = (uint8_t)build_type(MANY);
    build_table(FUNCREF, COUNT_OF(callees), NO_MAXIMUM);
    build_element(SEGMENT_ACTIVE, 0, callees, COUNT_OF(callees));
    build_global(I64, true, CODE(I64_CONST, 0));
    for (uint8_t i = 0; i < COUNT_OF(callees); i++) {
        callers[2 * i] = build_many_caller(CODE(CALL, i));
        callers[2 * i + 1] = build_many_caller(CODE(I32_CONST, i, CALL_INDIRECT, typeidx, 0));
    }
    caller = instantiate_built();
    for (size_t i = 0; i < COUNT_OF(callers); i++) {
        caller->globals[0]->u64 = 0;
        assert_many(caller, callers[i]);
        assert_int_equal(caller->globals[0]->u64, many_values[1] + 0x2a);
    }
    assert_many(caller, 0);
    assert_many(caller, 1);
    assert_int_equal(host_calls, 3);
}

// --- the callee's surroundings and the caller's ---

// Its memory's first byte, its global, both set to a digit; add_all gives their sum.
static void build_surroundings(uint8_t digit)
{
    build_memory(1, 1);
    build_data(SEGMENT_ACTIVE, 0, &digit, 1);
    build_global(I32, true, CODE(I32_CONST, digit));
}

static const uint8_t own_digits[] = {I32_CONST, 0, I32_LOAD8_U, 0, 0, GLOBAL_GET, 0, I32_ADD};

static void callee_uses_its_own_memory_and_globals_and_the_caller_keeps_its_own(void **state)
{
    struct bytes code = {0};
    struct instance *caller, *middle;

    (void)state;
    build_surroundings(1);
    build_export("digits", EXTERNAL_FUNCTION,
                 build_function(":i", "", own_digits, sizeof own_digits));
    register_instance("inner", instantiate_built());

    // 10 x inner's + its own, which it reads after the call; its first byte is set before.
    build_import_function("inner", "digits", ":i");
    build_surroundings(2);
    put_all(&code, CODE(CALL, 0, I32_CONST, 10, I32_MUL));
    put_all(&code, own_digits, sizeof own_digits);
    put(&code, I32_ADD);
    build_export("digits", EXTERNAL_FUNCTION, build_function(":i", "", code.data, code.length));
    middle = instantiate_built();
    register_instance("middle", middle);

    code.length = 0;
    build_import_function("middle", "digits", ":i");
    build_surroundings(4);
    put_all(&code, own_digits, sizeof own_digits);
    put_all(&code, CODE(CALL, 0, I32_CONST, U32(1000), I32_MUL, I32_ADD));
    put_all(&code, own_digits, sizeof own_digits);
    put(&code, I32_ADD);
    uint32_t all = build_function(":i", "", code.data, code.length);
    caller = instantiate_built();
    assert_int_equal(CALL_GUEST(caller, all), 8 + 8 + 1000 * (10 * 2 + 4));
    // The same by a function that only passes through.
    assert_int_equal(CALL_GUEST(caller, 0), 24);
    assert_ptr_equal(function_at(caller, 0), function_at(middle, 1));
    bytes_free(&code);
}

static void instance_without_memory_gets_none_back_and_gives_the_callers(void **state)
{
    struct instance *caller;

    (void)state;
    build_export("nothing", EXTERNAL_FUNCTION, build_function(":", "", CODE(NOP)));
    register_instance("other", instantiate_built());
    build_import_function("other", "nothing", ":");
    build_memory(1, 1);
    uint32_t store = build_function("ii:i", "",
                                    CODE(CALL, 0, LOCAL_GET, 0, LOCAL_GET, 1, I32_STORE, 2, 0, CALL,
                                         0, LOCAL_GET, 0, I32_LOAD, 2, 0));
    caller = instantiate_built();
    assert_int_equal(CALL_GUEST(caller, store, 65532, 0x12345678), 0x12345678);
    assert_memory_equal(caller->memory_base + 65532, "\x78\x56\x34\x12", 4);
}

// --- recursion across instances ---

enum {
    DOWN_A = 0, // by table index
    DOWN_B = 1
};

/*
 * a.down and b.down call each other with n - 1 until n is 0, and add n on the way back, with n in a
 * local of the one and on the operand stack of the other. a has the table, b imports it.
 */
static struct instance *instantiate_recursion(uint32_t *down_b)
{
    static const uint8_t down_a[] = {DOWN_A};
    struct instance *b;

    uint8_t type = (uint8_t)build_type("i:i");
    build_table(FUNCREF, 2, NO_MAXIMUM);
    build_function("i:i", "",
                   CODE(LOCAL_GET, 0, IF, I32, LOCAL_GET, 0, I32_CONST, 1, I32_SUB, I32_CONST,
                        DOWN_B, CALL_INDIRECT, type, 0, LOCAL_GET, 0, I32_ADD, ELSE, I32_CONST, 0,
                        END));
    build_element(SEGMENT_ACTIVE, DOWN_A, down_a, 1);
    build_export("down", EXTERNAL_FUNCTION, 0);
    build_export("table", EXTERNAL_TABLE, 0);
    register_instance("a", instantiate_built());

    build_import_function("a", "down", "i:i");
    build_import_table("a", "table", FUNCREF, 2);
    *down_b = build_function("i:i", "",
                             CODE(LOCAL_GET, 0, LOCAL_GET, 0, IF, I32, LOCAL_GET, 0, I32_CONST, 1,
                                  I32_SUB, CALL, 0, ELSE, I32_CONST, 0, END, I32_ADD));
    const uint8_t funcidx = (uint8_t)*down_b;
    build_element(SEGMENT_ACTIVE, DOWN_B, &funcidx, 1);
    b = instantiate_built();
    return b;
}

static void mutual_recursion_across_instances_returns_through_all(void **state)
{
    uint32_t down_b;
    struct instance *b = instantiate_recursion(&down_b);

    (void)state;
    assert_int_equal(CALL_GUEST(b, down_b, 0), 0);
    assert_int_equal(CALL_GUEST(b, down_b, 1), 1);
    assert_int_equal(CALL_GUEST(b, down_b, 1000), 1000 * 1001 / 2);
    assert_int_equal(CALL_GUEST(b, 0, 999), 999 * 1000 / 2);
}

static void mutual_recursion_without_end_exhausts_the_stack(void **state)
{
    static const size_t stacks[] = {65536, 131072, 200000, 1048576};
    uint32_t down_b;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(stacks); i++) {
        engine_replace((struct engine_config){.stack_bytes = stacks[i]});
        struct instance *b = instantiate_recursion(&down_b);
        restore_fault_handler();
        for (int again = 0; again < 3; again++)
            CALL_TRAPS(TRAP_CALL_STACK_EXHAUSTED, b, down_b, UINT32_MAX);
        assert_int_equal(CALL_GUEST(b, down_b, 100), 100 * 101 / 2);
    }
}

static void depth_of_recursion_across_instances_grows_with_the_stack(void **state)
{
    uint32_t depths[2];

    (void)state;
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t down_b, low = 0, high = 1000000; // fits, does not
        engine_replace((struct engine_config){.stack_bytes = (size_t)(i + 1) * 512 * 1024});
        struct instance *b = instantiate_recursion(&down_b);
        restore_fault_handler();
        while (high - low > 1) {
            slots[0].u64 = (low + high) / 2;
            if (invoke(b, down_b) == OUTCOME_OK)
                low = (low + high) / 2;
            else
                high = (low + high) / 2;
        }
        depths[i] = low;
    }
    // At least one call for each 128 bytes.
    assert_in_range(depths[0], 512 * 1024 / 128, 512 * 1024 / 16);
    assert_in_range(depths[1], 2 * depths[0] - 2, 2 * depths[0] + 2);
}

// --- traps in other instances ---

static void trap_in_another_instance_names_its_function(void **state)
{
    struct instance *other, *caller;
    uint32_t call, call_through_table;
    static const uint8_t imported[] = {0};

    (void)state;
    build_function(":", "", CODE(NOP));
    build_export("trap", EXTERNAL_FUNCTION, build_function(":", "", CODE(NOP, UNREACHABLE)));
    other = instantiate_built();
    register_instance("other", other);
    build_import_function("other", "trap", ":");
    build_function(":", "", CODE(NOP));
    build_table(FUNCREF, 1, 1);
    build_element(SEGMENT_ACTIVE, 0, imported, 1);
    call = build_function(":", "", CODE(CALL, 0));
    call_through_table =
        build_function(":", "", CODE(I32_CONST, 0, CALL_INDIRECT, (uint8_t)build_type(":"), 0));
    caller = instantiate_built();
    for (int i = 0; i < 2; i++) {
        CALL_TRAPS(TRAP_UNREACHABLE, caller, i == 0 ? call : call_through_table);
        assert_true(trap.has_place);
        assert_ptr_equal(trap.instance, other);
        assert_int_equal(trap.funcidx, 1);
        assert_int_equal(trap.offset, other->module->bodies[1].offset + 2);
    }
}

static void trap_after_a_call_across_names_the_caller(void **state)
{
    struct instance *caller;

    (void)state;
    build_export("nothing", EXTERNAL_FUNCTION, build_function(":", "", CODE(NOP)));
    register_instance("other", instantiate_built());
    build_import_function("other", "nothing", ":");
    build_memory(1, 1);
    uint32_t trapping = build_function(":", "", CODE(CALL, 0, UNREACHABLE));
    uint32_t faulting =
        build_function(":", "", CODE(CALL, 0, I32_CONST, 0x7f, I32_LOAD, 2, 0, DROP));
    caller = instantiate_built();
    CALL_TRAPS(TRAP_UNREACHABLE, caller, trapping);
    assert_ptr_equal(trap.instance, caller);
    assert_int_equal(trap.funcidx, trapping);
    assert_int_equal(trap.offset, caller->module->bodies[0].offset + 3);
    restore_fault_handler();
    CALL_TRAPS(TRAP_MEMORY_OUT_OF_BOUNDS, caller, faulting);
    if (!TRAP_FAULT_HAS_PLACE) // the place of a fault is not known
        return;
    assert_ptr_equal(trap.instance, caller);
    assert_int_equal(trap.funcidx, faulting);
    assert_int_equal(trap.offset, caller->module->bodies[1].offset + 5);
}

// --- call_indirect ---

// A table of 4: the host's [i]->[i], nothing, one's own []->[], one's own [i]->[i].
static struct instance *instantiate_indirect(uint32_t *call)
{
    const uint8_t first[] = {0}, last[] = {1, 2};

    define_host("twice", "ii:i", second_argument, NULL);
    build_import_function("host", "twice", "ii:i");
    build_function(":", "", CODE(NOP));
    build_function("ii:i", "", CODE(LOCAL_GET, 0, LOCAL_GET, 1, I32_ADD));
    build_table(FUNCREF, 4, NO_MAXIMUM);
    build_element(SEGMENT_ACTIVE, 0, first, 1);
    build_element(SEGMENT_ACTIVE, 2, last, 2);
    *call = build_function("iii:i", "",
                           CODE(LOCAL_GET, 1, LOCAL_GET, 2, LOCAL_GET, 0, CALL_INDIRECT,
                                (uint8_t)build_type("ii:i"), 0));
    // The same with an index that is in the accumulator.
    build_function("iii:i", "",
                   CODE(LOCAL_GET, 1, LOCAL_GET, 2, LOCAL_GET, 0, I32_CONST, 1, I32_SUB,
                        CALL_INDIRECT, (uint8_t)build_type("ii:i"), 0));
    return instantiate_built();
}

static void indirect_call_traps_by_what_it_finds_in_the_table(void **state)
{
    static const uint32_t outside[] = {4, 5, 0x7fffffff, 0x80000000, UINT32_MAX - 1};
    uint32_t call;
    struct instance *instance = instantiate_indirect(&call);

    (void)state;
    for (uint32_t i = 0; i < 2; i++, call++) {
        assert_int_equal(CALL_GUEST(instance, call, 0 + i, 30, 12), 12);
        assert_int_equal(CALL_GUEST(instance, call, 3 + i, 30, 12), 42);
        CALL_TRAPS(TRAP_UNINITIALIZED_ELEMENT, instance, call, 1 + i, 30, 12);
        assert_int_equal(trap.funcidx, call);
        CALL_TRAPS(TRAP_INDIRECT_CALL_TYPE, instance, call, 2 + i, 30, 12);
        assert_int_equal(trap.funcidx, call);
        for (size_t j = 0; j < COUNT_OF(outside); j++) {
            CALL_TRAPS(TRAP_UNDEFINED_ELEMENT, instance, call, outside[j] + i, 30, 12);
            assert_int_equal(trap.funcidx, call);
        }
    }
}

static void types_are_equal_across_modules_by_structure(void **state)
{
    static const uint8_t funcidxs[] = {0, 1, 2};
    struct instance *caller;

    (void)state;
    // Type 0 is [F i]->[I] in the one and []->[] in the other, and so on.
    build_type("Fi:I");
    build_type(":");
    build_function("Fi:I", "", CODE(I64_CONST, 11));
    build_function(":", "", CODE(NOP));
    build_function("Ii:I", "", CODE(I64_CONST, 13));
    build_table(FUNCREF, 3, NO_MAXIMUM);
    build_element(SEGMENT_ACTIVE, 0, funcidxs, 3);
    build_export("table", EXTERNAL_TABLE, 0);
    register_instance("other", instantiate_built());

    build_type(":");
    build_type("i:");
    uint8_t type = (uint8_t)build_type("Fi:I");
    build_import_table("other", "table", FUNCREF, 3);
    uint32_t call = build_function(
        "i:I", "", CODE(F64_CONST, BITS64(0), I32_CONST, 0, LOCAL_GET, 0, CALL_INDIRECT, type, 0));
    uint32_t call_empty = build_function("i:", "", CODE(LOCAL_GET, 0, CALL_INDIRECT, 0, 0));
    caller = instantiate_built();
    assert_int_equal(CALL_GUEST(caller, call, 0), 11);
    CALL_TRAPS(TRAP_INDIRECT_CALL_TYPE, caller, call, 1);
    CALL_TRAPS(TRAP_INDIRECT_CALL_TYPE, caller, call, 2);
    assert_ptr_equal(trap.instance, caller);
    CALL_GUEST(caller, call_empty, 1);
    CALL_TRAPS(TRAP_INDIRECT_CALL_TYPE, caller, call_empty, 0);
}

// --- host functions ---

static enum trap_code fail_host(void *context, struct store *store, union slot *values)
{
    (void)context;
    (void)store;
    (void)values;
    return TRAP_HOST;
}

static void trap_of_a_host_function_names_its_caller(void **state)
{
    struct instance *instance;

    (void)state;
    define_host("fail", ":", fail_host, NULL);
    build_import_function("host", "fail", ":");
    build_function(":", "", CODE(NOP, CALL, 0));
    instance = instantiate_built();
    CALL_TRAPS(TRAP_HOST, instance, 1);
    assert_true(trap.has_place);
    assert_ptr_equal(trap.instance, instance);
    assert_int_equal(trap.funcidx, 1);
    assert_int_equal(trap.offset, instance->module->bodies[0].offset + 2);
    CALL_TRAPS(TRAP_HOST, instance, 0);
    assert_false(trap.has_place);
}

// Recurses through the host: guest -> host -> guest.
struct nesting {
    struct instance *instance;
    uint32_t funcidx;
    uint32_t depth;
    uint32_t deepest;
    enum trap_code at_the_end; // of the run that was refused
};

static enum trap_code nest(void *context, struct store *store, union slot *values)
{
    struct nesting *nesting = context;
    union slot own[2] = {{.u64 = values[0].u64 + 1}};
    struct trap inner;

    (void)store;
    nesting->depth++;
    if (nesting->depth > nesting->deepest)
        nesting->deepest = nesting->depth;
    if (engine_invoke(engine, function_at(nesting->instance, nesting->funcidx), own, &inner) ==
        OUTCOME_OK) {
        values[0].u64 = own[0].u64 + 1;
    } else {
        nesting->at_the_end = inner.code;
        values[0].u64 = 1000;
    }
    nesting->depth--;
    return TRAP_NONE;
}

static void runs_nest_to_their_limit_and_the_refused_one_harms_none(void **state)
{
    struct nesting nesting = {0};

    (void)state;
    define_host("nest", "i:i", nest, &nesting);
    build_import_function("host", "nest", "i:i");
    // n -> host(n) + n, with n on the stack below the call.
    nesting.funcidx = build_function("i:i", "", CODE(LOCAL_GET, 0, LOCAL_GET, 0, CALL, 0, I32_ADD));
    nesting.instance = instantiate_built();
    for (int again = 0; again < 2; again++) {
        nesting.deepest = nesting.depth = 0;
        uint64_t result = CALL_GUEST(nesting.instance, nesting.funcidx, 5);
        // Runs with n = 5 to 68; the last one's host gives 1000, each host on the way adds 1.
        uint64_t sum = 1000 + LIMIT_NESTED_RUNS - 1;
        for (uint64_t n = 5; n < 5 + LIMIT_NESTED_RUNS; n++)
            sum += n;
        assert_int_equal(result, sum);
        assert_int_equal(nesting.deepest, LIMIT_NESTED_RUNS);
        assert_int_equal(nesting.at_the_end, TRAP_CALL_STACK_EXHAUSTED);
    }
}

// A host function that runs a guest function which traps, and makes nothing of it. What it saw is
// looked at afterwards: an assertion that fails must not leave a run.
struct swallower {
    struct instance *instance;
    uint32_t funcidx;
    enum outcome outcome;
    struct trap inner;
};

static enum trap_code swallow(void *context, struct store *store, union slot *values)
{
    struct swallower *swallower = context;

    (void)store;
    swallower->outcome = engine_invoke(engine, function_at(swallower->instance, swallower->funcidx),
                                       values, &swallower->inner);
    values[0].u64 = 7;
    return TRAP_NONE;
}

static void assert_swallowed(const struct swallower *swallower, enum trap_code code)
{
    assert_int_equal(swallower->outcome, OUTCOME_TRAP);
    assert_int_equal(swallower->inner.code, code);
    if (swallower->inner.has_place)
        assert_int_equal(swallower->inner.funcidx, swallower->funcidx);
}

static void guest_goes_on_after_a_trap_that_the_host_swallowed(void **state)
{
    struct swallower swallower = {0};

    (void)state;
    define_host("swallow", "i:i", swallow, &swallower);
    build_import_function("host", "swallow", "i:i");
    build_memory(1, 1);
    uint32_t faulting = build_function("i:i", "", CODE(LOCAL_GET, 0, I32_LOAD, 2, 0));
    uint32_t endless = build_function("i:i", "", CODE(LOCAL_GET, 0, CALL, 2));
    uint32_t caller = build_function(
        "i:i", "", CODE(LOCAL_GET, 0, I32_CONST, 0x7f, CALL, 0, I32_ADD, UNREACHABLE));
    uint32_t adder =
        build_function("i:i", "", CODE(LOCAL_GET, 0, I32_CONST, 0x7f, CALL, 0, I32_ADD));
    swallower.instance = instantiate_built();
    restore_fault_handler();
    swallower.funcidx = faulting;
    assert_int_equal(CALL_GUEST(swallower.instance, adder, 35), 42);
    assert_swallowed(&swallower, TRAP_MEMORY_OUT_OF_BOUNDS);
    CALL_TRAPS(TRAP_UNREACHABLE, swallower.instance, caller, 35);
    assert_int_equal(trap.funcidx, caller); // not the inner trap's
    swallower.funcidx = endless;
    assert_int_equal(CALL_GUEST(swallower.instance, adder, 35), 42);
    assert_swallowed(&swallower, TRAP_CALL_STACK_EXHAUSTED);
}

static enum trap_code count_calls(void *context, struct store *store, union slot *values)
{
    (void)store;
    ++*(uint64_t *)context;
    values[0].u64 = values[MANY_LENGTH - 1].u64;
    return TRAP_NONE;
}

static void recursion_with_host_calls_exhausts_the_stack(void **state)
{
    struct instance *instance;
    uint64_t calls = 0;
    struct bytes code = {0};

    (void)state;
    define_host("wide", "iiiiiiiiii:i", count_calls, &calls);
    build_import_function("host", "wide", "iiiiiiiiii:i");
    for (uint8_t i = 0; i < MANY_LENGTH; i++)
        put_all(&code, CODE(I32_CONST, i));
    put_all(&code, CODE(CALL, 0, CALL, 1, DROP, I32_CONST, 0));
    build_function("i:i", "", code.data, code.length);
    instance = instantiate_built();
    restore_fault_handler();
    CALL_TRAPS(TRAP_CALL_STACK_EXHAUSTED, instance, 1, 0);
    assert_in_range(calls, 1024 * 1024 / 128, 1024 * 1024 / 16);
    bytes_free(&code);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(results_of_each_type_come_from_each_function_by_each_call),
        TEST(many_parameters_and_results_keep_their_places),
        TEST(callee_uses_its_own_memory_and_globals_and_the_caller_keeps_its_own),
        TEST(instance_without_memory_gets_none_back_and_gives_the_callers),
        TEST(mutual_recursion_across_instances_returns_through_all),
        TEST(mutual_recursion_without_end_exhausts_the_stack),
        TEST(depth_of_recursion_across_instances_grows_with_the_stack),
        TEST(trap_in_another_instance_names_its_function),
        TEST(trap_after_a_call_across_names_the_caller),
        TEST(indirect_call_traps_by_what_it_finds_in_the_table),
        TEST(types_are_equal_across_modules_by_structure),
        TEST(trap_of_a_host_function_names_its_caller),
        TEST(runs_nest_to_their_limit_and_the_refused_one_harms_none),
        TEST(guest_goes_on_after_a_trap_that_the_host_swallowed),
        TEST(recursion_with_host_calls_exhausts_the_stack),
    };

    return cmocka_run_group_tests(tests, fault_group_set_up, NULL);
}
