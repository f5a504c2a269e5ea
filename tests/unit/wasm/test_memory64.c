// SPDX-License-Identifier: Apache-2.0
// Memories and tables of 64-bit addresses at run time: what wraps at 2^64, mixed address types, and
// sizes that nobody has.
#include <inttypes.h>

#include "tests/unit/wasm/run_fixture.h"

#define PAGE 65536ull

enum { WIDE, NARROW }; // memories and tables: of 64-bit and of 32-bit addresses

// The module's functions; those before SIZE_OF take three operands.
enum {
    FILL,
    COPY_WIDE,
    COPY_TO_NARROW,
    COPY_FROM_NARROW,
    INIT,
    TABLE_FILL_WIDE,
    TABLE_COPY_WIDE,
    TABLE_COPY_TO_NARROW,
    TABLE_COPY_FROM_NARROW,
    TABLE_INIT_WIDE,
    SIZE_OF,
    GROW,
    TABLE_SIZE_OF,
    TABLE_GROW_BY,
    GET,
    SET,
    CALL_WIDE
};

static const struct limits wide = {
    .minimum = 2, .maximum = 4, .has_maximum = true, .address64 = true};
static struct instance *instance;

static void build_three(const char *signature, uint8_t opcode, const uint8_t *immediates,
                        size_t count)
{
    struct bytes code = {0};

    put_all(&code, CODE(LOCAL_GET, 0, LOCAL_GET, 1, LOCAL_GET, 2, PREFIX, opcode));
    put_all(&code, immediates, count);
    build_function(signature, "", code.data, code.length);
    bytes_free(&code);
}

static void build_bulk(void)
{
    build_three("IiI:", MEMORY_FILL, CODE(WIDE));
    build_three("III:", MEMORY_COPY, CODE(WIDE, WIDE));
    build_three("iIi:", MEMORY_COPY, CODE(NARROW, WIDE));
    build_three("Iii:", MEMORY_COPY, CODE(WIDE, NARROW));
    build_three("Iii:", MEMORY_INIT, CODE(0, WIDE));
    build_three("IrI:", TABLE_FILL, CODE(WIDE));
    build_three("III:", TABLE_COPY, CODE(WIDE, WIDE));
    build_three("iIi:", TABLE_COPY, CODE(NARROW, WIDE));
    build_three("Iii:", TABLE_COPY, CODE(WIDE, NARROW));
    build_three("Iii:", TABLE_INIT, CODE(0, WIDE));
}

static void build_all(void)
{
    build_memory_of(&(struct memorytype){.limits = wide});
    build_memory(1, 1);
    build_table_of(FUNCREF, &wide);
    build_table(FUNCREF, 3, 3);
    build_element(SEGMENT_PASSIVE, 0, CODE(SIZE_OF, TABLE_SIZE_OF));
    build_data_count(1);
    build_data(SEGMENT_PASSIVE, 0, (const uint8_t *)"segment", 7);
    build_bulk();
    build_function(":I", "", CODE(MEMORY_SIZE, WIDE));
    build_function("I:I", "", CODE(LOCAL_GET, 0, MEMORY_GROW, WIDE));
    build_function(":I", "", CODE(PREFIX, TABLE_SIZE, WIDE));
    build_function("rI:I", "", CODE(LOCAL_GET, 0, LOCAL_GET, 1, PREFIX, TABLE_GROW, WIDE));
    build_function("I:r", "", CODE(LOCAL_GET, 0, TABLE_GET, WIDE));
    build_function("Ir:", "", CODE(LOCAL_GET, 0, LOCAL_GET, 1, TABLE_SET, WIDE));
    build_function("I:I", "", CODE(LOCAL_GET, 0, CALL_INDIRECT, (uint8_t)build_type(":I"), WIDE));
}

static void begin(struct engine_config config)
{
    engine_replace(config);
    build_all();
    instance = instantiate_built();
}

static const struct engine_config configs[] = {
    {.checked_memory = false}, {.checked_memory = true}, {.metered = true}};

/* Bounds. */

// Ranges that are not inside, some of which would be if sums wrapped: start and length.
static const uint64_t outside[][2] = {
    {2 * PAGE, 1},
    {0, 2 * PAGE + 1},
    {2 * PAGE + 1, 0},
    {UINT64_MAX, 0},
    {UINT64_MAX, 1},
    {UINT64_MAX, 2},
    {UINT64_MAX - PAGE, 2 * PAGE},
    {1, UINT64_MAX},
    {0, UINT64_MAX},
    {PAGE, UINT64_MAX - PAGE + 1},
    {PAGE, UINT64_MAX - PAGE + 2},
    {1ull << 63, 1ull << 63},
    {1ull << 32, 0},
    {1ull << 32, 1},
    {0, 1ull << 32},
    {PAGE, 1ull << 48},
};

static void memory_is_untouched(void)
{
    const uint8_t *base = instance->memories[WIDE]->base;

    assert_int_equal(instance->memories[WIDE]->size_bytes, 2 * PAGE);
    for (size_t i = 0; i < 2 * PAGE; i++)
        if (base[i] != 0)
            fail_msg("byte %zu was written", i);
}

static void bulk_operations_keep_to_the_bounds_without_wrapping(void **state)
{
    (void)state;
    for (size_t c = 0; c < sizeof configs / sizeof configs[0]; c++) {
        begin(configs[c]);
        for (size_t i = 0; i < sizeof outside / sizeof outside[0]; i++) {
            uint64_t at = outside[i][0], length = outside[i][1];

            CALL_TRAPS(TRAP_MEMORY_OUT_OF_BOUNDS, instance, FILL, at, 1, length);
            CALL_TRAPS(TRAP_MEMORY_OUT_OF_BOUNDS, instance, COPY_WIDE, at, 0, length);
            CALL_TRAPS(TRAP_MEMORY_OUT_OF_BOUNDS, instance, COPY_WIDE, 0, at, length);
            if (length >> 32 != 0)
                continue;
            CALL_TRAPS(TRAP_MEMORY_OUT_OF_BOUNDS, instance, COPY_TO_NARROW, 0, at, length);
            CALL_TRAPS(TRAP_MEMORY_OUT_OF_BOUNDS, instance, COPY_FROM_NARROW, at, 0, length);
            CALL_TRAPS(TRAP_MEMORY_OUT_OF_BOUNDS, instance, INIT, at, 0, length);
        }
        memory_is_untouched();
    }
}

static void table_operations_keep_to_the_bounds_without_wrapping(void **state)
{
    static const uint64_t ranges[][2] = {
        {2, 1}, {0, 3},          {3, 0},          {UINT64_MAX, 0}, {UINT64_MAX, 1}, {UINT64_MAX, 2},
        {1, 2}, {1, UINT64_MAX}, {0, UINT64_MAX}, {1ull << 61, 1}, {1ull << 32, 1}, {1, 1ull << 32},
    };

    (void)state;
    for (size_t c = 0; c < sizeof configs / sizeof configs[0]; c++) {
        begin(configs[c]);
        for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
            uint64_t at = ranges[i][0], count = ranges[i][1];

            CALL_TRAPS(TRAP_TABLE_OUT_OF_BOUNDS, instance, TABLE_FILL_WIDE, at, 0, count);
            CALL_TRAPS(TRAP_TABLE_OUT_OF_BOUNDS, instance, TABLE_COPY_WIDE, at, 0, count);
            CALL_TRAPS(TRAP_TABLE_OUT_OF_BOUNDS, instance, TABLE_COPY_WIDE, 0, at, count);
            if (count >> 32 != 0)
                continue;
            CALL_TRAPS(TRAP_TABLE_OUT_OF_BOUNDS, instance, TABLE_COPY_TO_NARROW, 0, at, count);
            CALL_TRAPS(TRAP_TABLE_OUT_OF_BOUNDS, instance, TABLE_COPY_FROM_NARROW, at, 0, count);
            CALL_TRAPS(TRAP_TABLE_OUT_OF_BOUNDS, instance, TABLE_INIT_WIDE, at, 0, count);
        }
    }
}

static void elements_are_found_by_all_64_bits_of_an_index(void **state)
{
    static const uint64_t indices[] = {2, 1ull << 32, (1ull << 32) + 1, 1ull << 61, UINT64_MAX};

    (void)state;
    begin(configs[0]);
    CALL_GUEST(instance, TABLE_INIT_WIDE, 0, 0, 2);
    assert_int_equal(CALL_GUEST(instance, CALL_WIDE, 0), 2); // pages
    assert_int_equal(CALL_GUEST(instance, CALL_WIDE, 1), 2); // elements
    assert_ptr_equal((const void *)CALL_GUEST(instance, GET, 1),
                     function_at(instance, TABLE_SIZE_OF));
    for (size_t i = 0; i < sizeof indices / sizeof indices[0]; i++) {
        CALL_TRAPS(TRAP_UNDEFINED_ELEMENT, instance, CALL_WIDE, indices[i]);
        CALL_TRAPS(TRAP_TABLE_OUT_OF_BOUNDS, instance, GET, indices[i]);
        CALL_TRAPS(TRAP_TABLE_OUT_OF_BOUNDS, instance, SET, indices[i], 0);
    }
}

/* What works. */

static void bulk_operations_work_across_address_types(void **state)
{
    uint8_t *base, *other;

    (void)state;
    for (size_t c = 0; c < sizeof configs / sizeof configs[0]; c++) {
        begin(configs[c]);
        base = instance->memories[WIDE]->base;
        other = instance->memories[NARROW]->base;
        CALL_GUEST(instance, FILL, PAGE, 0x11, PAGE);
        CALL_GUEST(instance, INIT, PAGE - 2, 2, 4);
        assert_memory_equal(base + PAGE - 3, "\0gmen\x11", 6);
        CALL_GUEST(instance, COPY_TO_NARROW, PAGE - 4, PAGE - 2, 4);
        assert_memory_equal(other + PAGE - 4, "gmen", 4);
        CALL_GUEST(instance, COPY_FROM_NARROW, 2 * PAGE - 3, PAGE - 3, 3);
        assert_memory_equal(base + 2 * PAGE - 4, "\x11men", 4);
        CALL_GUEST(instance, COPY_WIDE, 0, 2 * PAGE - 4, 4);
        assert_memory_equal(base, "\x11men", 4);
        CALL_GUEST(instance, FILL, 2 * PAGE, 0, 0);
    }
}

static void tables_are_copied_across_address_types(void **state)
{
    (void)state;
    begin(configs[0]);
    CALL_GUEST(instance, TABLE_INIT_WIDE, 0, 0, 2);
    CALL_GUEST(instance, TABLE_COPY_TO_NARROW, 1, 0, 2);
    assert_ptr_equal(instance->tables[NARROW]->elements[2].function,
                     function_at(instance, TABLE_SIZE_OF));
    CALL_GUEST(instance, TABLE_COPY_FROM_NARROW, 0, 2, 1);
    assert_ptr_equal(instance->tables[WIDE]->elements[0].function,
                     function_at(instance, TABLE_SIZE_OF));
    CALL_GUEST(instance, TABLE_FILL_WIDE, 0, 0, 2);
    assert_null(instance->tables[WIDE]->elements[1].function);
}

static void refused_growth_gives_minus_one_of_64_bits(void **state)
{
    static const uint64_t sizes[] = {3,          1ull << 32, (1ull << 32) + 1, 1ull << 48,
                                     1ull << 61, 1ull << 63, UINT64_MAX - 1,   UINT64_MAX};

    (void)state;
    for (size_t c = 0; c < sizeof configs / sizeof configs[0]; c++) {
        begin(configs[c]);
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            assert_true(CALL_GUEST(instance, GROW, sizes[i]) == UINT64_MAX);
            assert_true(CALL_GUEST(instance, TABLE_GROW_BY, 0, sizes[i]) == UINT64_MAX);
        }
        assert_int_equal(CALL_GUEST(instance, GROW, 2), 2);
        assert_int_equal(CALL_GUEST(instance, SIZE_OF), 4);
        assert_int_equal(CALL_GUEST(instance, TABLE_GROW_BY, 0, 2), 2);
        assert_int_equal(CALL_GUEST(instance, TABLE_SIZE_OF), 4);
    }
}

static void segments_begin_at_offsets_of_64_bits(void **state)
{
    // A data and an element segment in the first memory and table, at an i64.
    static const uint8_t data[] = {1, 0, I64_CONST, 5, END, 1, 'x'};
    static const uint8_t element[] = {1, 0, I64_CONST, 1, END, 1, 0};
    static const uint8_t far[] = {1, 0, I64_CONST, S64(1ll << 32), END, 1, 'x'};

    (void)state;
    for (int is_far = 0; is_far < 2; is_far++) {
        struct module *module;

        build_memory_of(&(struct memorytype){.limits = wide});
        build_table_of(FUNCREF, &wide);
        build_function(":", "", NO_CODE);
        build_section(9, element, sizeof element);
        build_section(11, is_far ? far : data, is_far ? sizeof far : sizeof data);
        module = load_built();
        assert_int_equal(engine_instantiate(engine, module, &instance, &trap, &error),
                         is_far ? OUTCOME_TRAP : OUTCOME_OK);
        if (is_far) {
            assert_int_equal(trap.code, TRAP_MEMORY_OUT_OF_BOUNDS);
            break;
        }
        assert_int_equal(instance->memories[0]->base[5], 'x');
        assert_non_null(instance->tables[0]->elements[1].function);
    }
}

/* More than there is. */

static void largest_sizes_load_and_are_limits_when_they_are_wanted(void **state)
{
    const struct limits pages = {.minimum = 1ull << 48, .address64 = true};
    const struct limits elements = {.minimum = UINT64_MAX, .address64 = true};
    struct module *module;

    (void)state;
    build_memory_of(&(struct memorytype){.limits = pages});
    module = load_built();
    assert_int_equal(engine_instantiate(engine, module, &instance, &trap, &error), OUTCOME_ERROR);
    assert_int_equal(error.code, ERROR_LIMIT_LINEAR_MEMORY);
    error_clear(&error);
    build_table_of(FUNCREF, &elements);
    module = load_built();
    assert_int_equal(engine_instantiate(engine, module, &instance, &trap, &error), OUTCOME_ERROR);
    assert_int_equal(error.code, ERROR_LIMIT_TABLE);
    error_clear(&error);
}

static void memory_of_64_bits_reaches_beyond_4_gib(void **state)
{
    const struct limits limits = {.minimum = 65537, .address64 = true};

    (void)state;
    engine_replace((struct engine_config){.memory_bytes_max = 1ull << 33});
    build_memory_of(&(struct memorytype){.limits = limits});
    build_function("II:", "", CODE(LOCAL_GET, 0, LOCAL_GET, 1, I64_STORE, 0, 0));
    build_function("I:I", "", CODE(LOCAL_GET, 0, I64_LOAD, 0, U32(0xffffffff)));
    instance = instantiate_built();
    CALL_GUEST(instance, 0, (1ull << 32) + PAGE - 8, 0x1122334455667788);
    assert_true(CALL_GUEST(instance, 1, PAGE - 7) == 0x1122334455667788);
    CALL_TRAPS(TRAP_MEMORY_OUT_OF_BOUNDS, instance, 0, (1ull << 32) + PAGE - 7, 0);
    CALL_TRAPS(TRAP_MEMORY_OUT_OF_BOUNDS, instance, 1, PAGE - 6);
    CALL_TRAPS(TRAP_MEMORY_OUT_OF_BOUNDS, instance, 1, UINT64_MAX);
}

static const struct CMUnitTest tests[] = {
    TEST(bulk_operations_keep_to_the_bounds_without_wrapping),
    TEST(table_operations_keep_to_the_bounds_without_wrapping),
    TEST(elements_are_found_by_all_64_bits_of_an_index),
    TEST(bulk_operations_work_across_address_types),
    TEST(tables_are_copied_across_address_types),
    TEST(refused_growth_gives_minus_one_of_64_bits),
    TEST(segments_begin_at_offsets_of_64_bits),
    TEST(largest_sizes_load_and_are_limits_when_they_are_wanted),
    TEST(memory_of_64_bits_reaches_beyond_4_gib),
};

int main(void)
{
    return cmocka_run_group_tests(tests, run_group_set_up, NULL);
}
