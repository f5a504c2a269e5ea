// SPDX-License-Identifier: Apache-2.0
// Atomic accesses, a proposal: each against a model in C, at every alignment and at the bounds;
// waiting where there is one thread.
#include "sandbox/wasm/opcode.h"
#include "tests/unit/wasm/run_fixture.h"

#define PAGE    65536u
#define THREADS FEATURE_BIT(FEATURE_THREADS)

static const struct memorytype shared = {
    .limits = {.minimum = 1, .maximum = 2, .has_maximum = true}, .is_shared = true};
static struct instance *instance;

static uint32_t width_of(uint32_t opcode)
{
    return 1u << (opcode_info[opcode].immediate - IMMEDIATE_MEMARG0);
}

// A function that does nothing but this, with operands as the opcode has them.
static uint32_t build_atomic(uint32_t opcode, uint8_t memidx, uint64_t offset, char address)
{
    const struct opcode_info *info = &opcode_info[opcode];
    struct bytes code = {0};
    char signature[16];
    uint32_t funcidx;

    strcpy(signature, info->signature);
    signature[0] = address;
    for (uint8_t i = 0; i < info->parameter_count; i++)
        put_all(&code, CODE(LOCAL_GET, i));
    put_all(&code, CODE(ATOMIC_PREFIX, (uint8_t)info->code,
                        (uint8_t)(0x40 | (info->immediate - IMMEDIATE_MEMARG0)), memidx));
    put_u64(&code, offset);
    funcidx = build_function(signature, "", code.data, code.length);
    bytes_free(&code);
    return funcidx;
}

static void begin(struct engine_config config)
{
    config.features = THREADS;
    engine_replace(config);
}

/* Accesses. */

static const uint64_t values[] = {0,
                                  1,
                                  0x7f,
                                  0x80,
                                  0xff,
                                  0x100,
                                  0xffff,
                                  0x12345678,
                                  0xffffffff,
                                  0x8000000000000000,
                                  0x123456789abcdef0,
                                  0xffffffffffffffff};

// What stands in memory after the access; kinds are in the order of the opcodes.
static uint64_t modified(uint32_t kind, uint64_t old, uint64_t first, uint64_t second,
                         uint64_t mask)
{
    const uint64_t results[] = {old,         first,       old + first, old - first,
                                old & first, old | first, old ^ first, first};

    if (kind == 8)
        return (first & mask) == old ? second & mask : old;
    return results[kind] & mask;
}

static void check_access(uint32_t opcode, uint32_t funcidx, uint64_t old, uint64_t first,
                         uint64_t second)
{
    const struct opcode_info *info = &opcode_info[opcode];
    uint32_t kind = (info->code - 0x10) / 7, width = width_of(opcode);
    uint64_t mask = UINT64_MAX >> (64 - 8 * width), now = 0, result;
    uint8_t *memory = instance->memories[1]->base;

    if (info->mnemonic[1] == '3') {
        first = (uint32_t)first;
        second = (uint32_t)second;
    }
    memset(memory, 0xa5, 32);
    memcpy(memory + 8, &old, width);
    old &= mask;
    result = CALL_GUEST(instance, funcidx, 8, first, second);
    memcpy(&now, memory + 8, width);
    if (info->result_count != 0)
        assert_true(result == old);
    assert_true(now == modified(kind, old, first, second, mask));
    assert_int_equal(memory[7], 0xa5);
    assert_int_equal(memory[8 + width], 0xa5);
}

static void accesses_do_what_the_model_does(void **state)
{
    enum { COUNT = sizeof values / sizeof values[0] };

    (void)state;
    for (int checked = 0; checked < 2; checked++) {
        begin((struct engine_config){.checked_memory = checked});
        build_memory(1, 1);
        build_memory_of(&shared);
        for (uint32_t i = OPCODE_I32_ATOMIC_LOAD; i <= OPCODE_I64_ATOMIC_RMW32_CMPXCHG_U; i++)
            build_atomic(i, 1, 0, 'i');
        instance = instantiate_built();
        for (uint32_t i = OPCODE_I32_ATOMIC_LOAD; i <= OPCODE_I64_ATOMIC_RMW32_CMPXCHG_U; i++)
            for (uint32_t j = 0; j < COUNT * COUNT * COUNT; j++)
                check_access(i, i - OPCODE_I32_ATOMIC_LOAD, values[j % COUNT],
                             values[j / COUNT % COUNT], values[j / COUNT / COUNT]);
    }
}

// Whether the access is to trap is the effective address's matter: what is added may be odd.
static void accesses_are_aligned_and_inside(void **state)
{
    static const uint64_t offsets[] = {0, 1, 3, 8};

    (void)state;
    for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
        begin((struct engine_config){.checked_memory = false});
        build_memory_of(&shared);
        for (uint32_t opcode = OPCODE_MEMORY_ATOMIC_NOTIFY; opcode < OPCODE_COUNT; opcode++)
            if (opcode != OPCODE_ATOMIC_FENCE)
                build_atomic(opcode, 0, offsets[i], 'i');
            else
                build_function(":", "", CODE(ATOMIC_PREFIX, ATOMIC_FENCE, 0));
        instance = instantiate_built();
        for (uint32_t opcode = OPCODE_MEMORY_ATOMIC_NOTIFY; opcode < OPCODE_COUNT; opcode++) {
            uint32_t funcidx = opcode - OPCODE_MEMORY_ATOMIC_NOTIFY;
            uint32_t width = opcode == OPCODE_ATOMIC_FENCE ? 0 : width_of(opcode);

            for (uint64_t address = 16; width != 0 && address < 32; address++) {
                if ((address + offsets[i]) % width != 0)
                    CALL_TRAPS(TRAP_UNALIGNED_ATOMIC, instance, funcidx, address, 1, 0);
                else
                    CALL_GUEST(instance, funcidx, address, 1, 0);
            }
            if (width == 0)
                continue;
            CALL_GUEST(instance, funcidx, PAGE - 8 - offsets[i], 1, 0);
            CALL_TRAPS(TRAP_MEMORY_OUT_OF_BOUNDS, instance, funcidx, PAGE - offsets[i], 0, 0);
            CALL_TRAPS(TRAP_MEMORY_OUT_OF_BOUNDS, instance, funcidx, 0x100000000 - 16 - offsets[i],
                       0, 0);
        }
    }
}

static void addresses_of_64_bits_do_not_wrap(void **state)
{
    const struct memorytype wide = {
        .limits = {.minimum = 1, .maximum = 1, .has_maximum = true, .address64 = true},
        .is_shared = true};

    (void)state;
    begin((struct engine_config){.checked_memory = false});
    build_memory_of(&wide);
    build_atomic(OPCODE_I64_ATOMIC_RMW_ADD, 0, 0xfffffffffffffff8, 'I');
    build_atomic(OPCODE_I64_ATOMIC_RMW_ADD, 0, 0, 'I');
    instance = instantiate_built();
    CALL_TRAPS(TRAP_MEMORY_OUT_OF_BOUNDS, instance, 0, 8, 1);
    CALL_TRAPS(TRAP_MEMORY_OUT_OF_BOUNDS, instance, 0, 16, 1);
    CALL_TRAPS(TRAP_MEMORY_OUT_OF_BOUNDS, instance, 0, 0, 1);
    CALL_TRAPS(TRAP_MEMORY_OUT_OF_BOUNDS, instance, 1, 1ull << 32, 1);
    CALL_TRAPS(TRAP_UNALIGNED_ATOMIC, instance, 1, UINT64_MAX, 1);
    assert_int_equal(CALL_GUEST(instance, 1, PAGE - 8, 5), 0);
    assert_int_equal(CALL_GUEST(instance, 1, PAGE - 8, 0), 5);
}

/* Waiting. */

enum { NOTIFY, WAIT_32, WAIT_64, NOTIFY_UNSHARED, WAIT_UNSHARED };

static void build_waiting(void)
{
    begin((struct engine_config){.checked_memory = false});
    build_memory_of(&shared);
    build_memory(1, 1);
    build_atomic(OPCODE_MEMORY_ATOMIC_NOTIFY, 0, 0, 'i');
    build_atomic(OPCODE_MEMORY_ATOMIC_WAIT32, 0, 0, 'i');
    build_atomic(OPCODE_MEMORY_ATOMIC_WAIT64, 0, 0, 'i');
    build_atomic(OPCODE_MEMORY_ATOMIC_NOTIFY, 1, 0, 'i');
    build_atomic(OPCODE_MEMORY_ATOMIC_WAIT32, 1, 0, 'i');
    instance = instantiate_built();
}

static void waiting_times_out_or_traps_where_nothing_could_end_it(void **state)
{
    (void)state;
    build_waiting();
    assert_int_equal(CALL_GUEST(instance, WAIT_32, 8, 0, 0), 2);
    assert_int_equal(CALL_GUEST(instance, WAIT_32, 8, 0, INT64_MAX), 2);
    assert_int_equal(CALL_GUEST(instance, WAIT_64, 8, 0, 1000), 2);
    CALL_TRAPS(TRAP_ENDLESS_WAIT, instance, WAIT_32, 8, 0, (uint64_t)-1);
    CALL_TRAPS(TRAP_ENDLESS_WAIT, instance, WAIT_64, 8, 0, 1ull << 63);
}

static void waiting_for_another_value_is_over_at_once(void **state)
{
    (void)state;
    build_waiting();
    instance->memories[0]->base[12] = 1;
    assert_int_equal(CALL_GUEST(instance, WAIT_32, 8, 1, (uint64_t)-1), 1);
    assert_int_equal(CALL_GUEST(instance, WAIT_32, 8, 0, 0), 2);
    assert_int_equal(CALL_GUEST(instance, WAIT_64, 8, 0, (uint64_t)-1), 1);
    assert_int_equal(CALL_GUEST(instance, WAIT_64, 8, 1ull << 32, 0), 2);
}

static void nobody_waits_to_be_woken(void **state)
{
    (void)state;
    build_waiting();
    assert_int_equal(CALL_GUEST(instance, NOTIFY, 8, 0xffffffff), 0);
    assert_int_equal(CALL_GUEST(instance, NOTIFY_UNSHARED, 8, 1), 0);
    CALL_TRAPS(TRAP_EXPECTED_SHARED_MEMORY, instance, WAIT_UNSHARED, 8, 0, 0);
    CALL_TRAPS(TRAP_EXPECTED_SHARED_MEMORY, instance, WAIT_UNSHARED, 8, 1, 0);
    CALL_TRAPS(TRAP_UNALIGNED_ATOMIC, instance, WAIT_UNSHARED, 9, 0, 0);
}

/* What is not valid. */

static void refuse(enum error_code code, const uint8_t *bytes, size_t length)
{
    struct module *module;
    uint8_t *copy;
    size_t size;

    build_memory(1, 1);
    build_function("iII:", "", bytes, length);
    copy = build_end(&size);
    error_clear(&error);
    assert_false(engine_load(engine, copy, size, &module, &error));
    assert_string_equal(error_wording(error.code), error_wording(code));
    error_clear(&error);
    free(copy);
    build_begin();
}

static void alignment_is_the_natural_one_and_types_are_checked(void **state)
{
    (void)state;
    begin((struct engine_config){.checked_memory = false});
    for (uint8_t alignment = 0; alignment < 8; alignment++)
        if (alignment != 2)
            refuse(ERROR_ALIGNMENT_NOT_NATURAL,
                   CODE(LOCAL_GET, 0, ATOMIC_PREFIX, I32_ATOMIC_LOAD, alignment, 0, DROP));
    refuse(ERROR_TYPE_MISMATCH, CODE(LOCAL_GET, 1, ATOMIC_PREFIX, I32_ATOMIC_LOAD, 2, 0, DROP));
    refuse(ERROR_TYPE_MISMATCH,
           CODE(LOCAL_GET, 0, LOCAL_GET, 0, ATOMIC_PREFIX, I64_ATOMIC_RMW_ADD, 3, 0, DROP));
    refuse(ERROR_TYPE_MISMATCH, CODE(LOCAL_GET, 0, LOCAL_GET, 0, LOCAL_GET, 0, ATOMIC_PREFIX,
                                     MEMORY_ATOMIC_WAIT32, 2, 0, DROP));
    refuse(ERROR_UNKNOWN_MEMORY,
           CODE(LOCAL_GET, 0, ATOMIC_PREFIX, I32_ATOMIC_LOAD, 0x42, 1, 0, DROP));
}

static void shared_and_unshared_memories_do_not_match(void **state)
{
    const struct memorytype unshared = {.limits = shared.limits};

    (void)state;
    begin((struct engine_config){.checked_memory = false});
    for (int given = 0; given < 2; given++) {
        assert_true(engine_define_memory(engine, engine_name("m"), engine_name("n"),
                                         given ? &shared : &unshared, &error));
        for (int wanted = 0; wanted < 2; wanted++) {
            struct module *module;

            build_import_memory_of("m", "n", wanted ? &shared : &unshared);
            module = load_built();
            error_clear(&error);
            assert_int_equal(engine_instantiate(engine, module, &instance, &trap, &error),
                             given == wanted ? OUTCOME_OK : OUTCOME_ERROR);
        }
    }
    error_clear(&error);
}

static const struct CMUnitTest tests[] = {
    TEST(accesses_do_what_the_model_does),
    TEST(accesses_are_aligned_and_inside),
    TEST(addresses_of_64_bits_do_not_wrap),
    TEST(waiting_times_out_or_traps_where_nothing_could_end_it),
    TEST(waiting_for_another_value_is_over_at_once),
    TEST(nobody_waits_to_be_woken),
    TEST(alignment_is_the_natural_one_and_types_are_checked),
    TEST(shared_and_unshared_memories_do_not_match),
};

int main(void)
{
    return cmocka_run_group_tests(tests, run_group_set_up, NULL);
}
