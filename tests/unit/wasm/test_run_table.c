// SPDX-License-Identifier: Apache-2.0
// Instructions on tables, against a model in C.
#include "sandbox/wasm/run.h"
#include "tests/unit/wasm/run_fixture.h"
#include "tests/unit/wasm/tripwire_fixture.h"

enum {
    CHUNK = 8192, // elements between two looks for an interruption
    SIZE = 5 * CHUNK + 100,
    SIZE_MAX_ = SIZE + 3000,
    SIZE_OTHER = 2 * CHUNK, // of a second table
    SEGMENT_COUNT = 4 * CHUNK + 33,
    SEGMENT = 0
};

// Tables: two of externref, one of funcref that is as large as the first.
enum { TABLE, OTHER, FUNCTIONS };

// The module's functions.
enum {
    GET,
    SET,
    FILL,
    COPY,
    COPY_TO_OTHER,
    COPY_FROM_OTHER,
    GROW,
    SIZE_OF,
    INIT,
    DROP_ELEMENT,
    FUNCTION_COUNT
};

static uint64_t model[SIZE];
static uint8_t segment[SEGMENT_COUNT];
static struct instance *instance;

static void build_three(const char *signature, uint8_t opcode, uint8_t first, uint8_t second,
                        bool two)
{
    const uint8_t code[] = {LOCAL_GET, 0,      LOCAL_GET, 1,     LOCAL_GET,
                            2,         PREFIX, opcode,    first, second};

    build_function(signature, "", code, sizeof code - !two);
}

static void build_all(void)
{
    build_table(EXTERNREF, SIZE, SIZE_MAX_);
    build_table(EXTERNREF, SIZE_OTHER, NO_MAXIMUM);
    build_table(FUNCREF, SIZE, NO_MAXIMUM);
    build_element(SEGMENT_PASSIVE, 0, segment, SEGMENT_COUNT);
    build_function("i:e", "", CODE(LOCAL_GET, 0, TABLE_GET, TABLE));
    build_function("ie:", "", CODE(LOCAL_GET, 0, LOCAL_GET, 1, TABLE_SET, TABLE));
    build_three("iei:", TABLE_FILL, TABLE, 0, false);
    build_three("iii:", TABLE_COPY, TABLE, TABLE, true);
    build_three("iii:", TABLE_COPY, OTHER, TABLE, true);
    build_three("iii:", TABLE_COPY, TABLE, OTHER, true);
    build_function("ei:i", "", CODE(LOCAL_GET, 0, LOCAL_GET, 1, PREFIX, TABLE_GROW, TABLE));
    build_function(":i", "", CODE(PREFIX, TABLE_SIZE, TABLE));
    build_three("iii:", TABLE_INIT, SEGMENT, FUNCTIONS, true);
    build_function(":", "", CODE(PREFIX, ELEM_DROP, SEGMENT));
    build_export("table", EXTERNAL_TABLE, TABLE);
}

static union slot *elements_of(uint32_t tableidx)
{
    return instance->tables[tableidx]->elements;
}

// A reference that tells the index, and is not null.
static uint64_t reference(uint64_t index)
{
    return 0x123456789abc0000u + index;
}

static void reset_table(void)
{
    for (uint32_t i = 0; i < SIZE; i++)
        model[i] = reference(i);
    memcpy(elements_of(TABLE), model, sizeof model);
}

static void begin(struct engine_config config)
{
    engine_replace(config);
    build_all();
    instance = instantiate_built();
    reset_table();
}

static int set_up(void **state)
{
    if (run_set_up(state) != 0)
        return 1;
    for (uint32_t i = 0; i < SEGMENT_COUNT; i++)
        segment[i] = (uint8_t)(i * 7 % FUNCTION_COUNT);
    clear_tripwire();
    begin((struct engine_config){.stack_bytes = 0});
    return 0;
}

static void assert_table_is_model(void)
{
    assert_memory_equal(elements_of(TABLE), model, sizeof model);
}

static void fill_model(uint32_t at, uint64_t value, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        model[at + i] = value;
}

static void move_model(uint32_t to, uint32_t from, uint32_t count)
{
    memmove(model + to, model + from, count * sizeof *model);
}

// --- get and set ---

static void get_gives_what_set_has_put(void **state)
{
    static const uint64_t values[] = {0, 1, UINT64_MAX, 0x8000000000000000u, 0xffffffff};

    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        CALL_GUEST(instance, SET, SIZE - 1, values[i]);
        model[SIZE - 1] = values[i];
        assert_int_equal(CALL_GUEST(instance, GET, SIZE - 1), values[i]);
        assert_table_is_model();
    }
    assert_int_equal(CALL_GUEST(instance, GET, 0), reference(0));
}

static void get_and_set_out_of_bounds_trap(void **state)
{
    static const uint32_t indices[] = {SIZE, SIZE + 1, SIZE_MAX_, 0x80000000, UINT32_MAX};

    (void)state;
    for (size_t i = 0; i < sizeof indices / sizeof indices[0]; i++) {
        CALL_TRAPS(TRAP_TABLE_OUT_OF_BOUNDS, instance, GET, indices[i]);
        assert_int_equal(trap.funcidx, GET);
        CALL_TRAPS(TRAP_TABLE_OUT_OF_BOUNDS, instance, SET, indices[i], 1);
        assert_int_equal(trap.funcidx, SET);
    }
    assert_table_is_model();
}

// --- fill ---

static void fill_writes_its_range_and_nothing_else(void **state)
{
    static const uint32_t counts[] = {1, 2, 100, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 5};
    static const uint32_t starts[] = {0, 1, CHUNK - 1, CHUNK};

    (void)state;
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        for (size_t j = 0; j < sizeof starts / sizeof starts[0]; j++) {
            reset_table();
            CALL_GUEST(instance, FILL, starts[j], 0xfedcba9876543210u, counts[i]);
            fill_model(starts[j], 0xfedcba9876543210u, counts[i]);
            assert_table_is_model();
        }
    CALL_GUEST(instance, FILL, 0, 0, SIZE);
    fill_model(0, 0, SIZE);
    assert_table_is_model();
}

// --- copy ---

static void copy_of_overlapping_ranges_reads_before_it_writes(void **state)
{
    static const uint32_t distances[] = {0, 1, 2, 100, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK - 1};
    static const uint32_t counts[] = {1, 17, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 17};

    (void)state;
    for (size_t i = 0; i < sizeof distances / sizeof distances[0]; i++)
        for (size_t j = 0; j < sizeof counts / sizeof counts[0]; j++) {
            reset_table();
            CALL_GUEST(instance, COPY, 77 + distances[i], 77, counts[j]);
            move_model(77 + distances[i], 77, counts[j]);
            assert_table_is_model();
            reset_table();
            CALL_GUEST(instance, COPY, 77, 77 + distances[i], counts[j]);
            move_model(77, 77 + distances[i], counts[j]);
            assert_table_is_model();
        }
}

static void copy_reaches_from_one_table_to_another(void **state)
{
    (void)state;
    CALL_GUEST(instance, COPY_TO_OTHER, 5, CHUNK, SIZE_OTHER - 5);
    assert_memory_equal(elements_of(OTHER) + 5, model + CHUNK, (SIZE_OTHER - 5) * sizeof *model);
    for (uint32_t i = 0; i < 5; i++)
        assert_int_equal(elements_of(OTHER)[i].u64, 0);
    assert_table_is_model();
    CALL_GUEST(instance, COPY_FROM_OTHER, 0, 0, SIZE_OTHER);
    memcpy(model, elements_of(OTHER), SIZE_OTHER * sizeof *model);
    assert_table_is_model();
}

static void copy_minds_the_bounds_of_both_tables(void **state)
{
    (void)state;
    CALL_TRAPS(TRAP_TABLE_OUT_OF_BOUNDS, instance, COPY_TO_OTHER, 0, 0, SIZE_OTHER + 1);
    CALL_TRAPS(TRAP_TABLE_OUT_OF_BOUNDS, instance, COPY_TO_OTHER, SIZE_OTHER + 1, 0, 0);
    CALL_TRAPS(TRAP_TABLE_OUT_OF_BOUNDS, instance, COPY_FROM_OTHER, 0, SIZE_OTHER, 1);
    CALL_TRAPS(TRAP_TABLE_OUT_OF_BOUNDS, instance, COPY_FROM_OTHER, 0, SIZE_OTHER + 1, 0);
    CALL_GUEST(instance, COPY_TO_OTHER, SIZE_OTHER, SIZE, 0);
    CALL_GUEST(instance, COPY_FROM_OTHER, SIZE, SIZE_OTHER, 0);
    assert_table_is_model();
    for (uint32_t i = 0; i < SIZE_OTHER; i++)
        assert_int_equal(elements_of(OTHER)[i].u64, 0);
}

// --- init ---

static void assert_initialised(uint32_t to, uint32_t from, uint32_t count)
{
    for (uint32_t i = 0; i < SIZE; i++) {
        const struct function *expected = NULL;
        if (i >= to && i - to < count)
            expected = function_at(instance, segment[from + i - to]);
        assert_ptr_equal(elements_of(FUNCTIONS)[i].function, expected);
    }
}

static void init_copies_functions_out_of_its_segment(void **state)
{
    (void)state;
    CALL_GUEST(instance, INIT, 3, 5, 1);
    assert_initialised(3, 5, 1);
    CALL_GUEST(instance, INIT, 3, 5, CHUNK + 1);
    assert_initialised(3, 5, CHUNK + 1);
    CALL_GUEST(instance, INIT, SIZE - SEGMENT_COUNT, 0, SEGMENT_COUNT);
    assert_int_equal((uintptr_t)elements_of(FUNCTIONS)[SIZE - 1].function,
                     (uintptr_t)function_at(instance, segment[SEGMENT_COUNT - 1]));
}

static void dropped_segment_is_empty(void **state)
{
    (void)state;
    CALL_GUEST(instance, DROP_ELEMENT);
    CALL_TRAPS(TRAP_TABLE_OUT_OF_BOUNDS, instance, INIT, 0, 0, 1);
    CALL_TRAPS(TRAP_TABLE_OUT_OF_BOUNDS, instance, INIT, 0, 1, 0);
    CALL_GUEST(instance, INIT, SIZE, 0, 0);
    CALL_GUEST(instance, DROP_ELEMENT);
    assert_initialised(0, 0, 0);
}

// --- bounds ---

static void assert_refused(uint32_t funcidx, uint64_t first, uint64_t second, uint64_t count)
{
    CALL_TRAPS(TRAP_TABLE_OUT_OF_BOUNDS, instance, funcidx, first, second, count);
    assert_true(trap.has_place);
    assert_int_equal(trap.funcidx, funcidx);
    assert_table_is_model();
}

static void nothing_is_written_when_a_range_passes_the_end(void **state)
{
    static const uint32_t ranges[][2] = {{SIZE, 1},
                                         {SIZE - 1, 2},
                                         {SIZE - 3 * CHUNK, 3 * CHUNK + 1},
                                         {0, SIZE + 1},
                                         {1, UINT32_MAX},
                                         {0, UINT32_MAX},
                                         {UINT32_MAX, 1},
                                         {UINT32_MAX, UINT32_MAX},
                                         {0x80000000, 0x80000000}};

    (void)state;
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        assert_refused(FILL, ranges[i][0], 1, ranges[i][1]);
        assert_refused(COPY, ranges[i][0], 0, ranges[i][1]);
        assert_refused(COPY, 0, ranges[i][0], ranges[i][1]);
        assert_refused(INIT, ranges[i][0], 0, ranges[i][1]);
    }
    assert_initialised(0, 0, 0);
}

static void nothing_is_written_when_a_range_passes_the_end_of_its_segment(void **state)
{
    (void)state;
    assert_refused(INIT, 0, 0, SEGMENT_COUNT + 1);
    assert_refused(INIT, 0, 1, SEGMENT_COUNT);
    assert_refused(INIT, 0, SEGMENT_COUNT, 1);
    assert_refused(INIT, 0, UINT32_MAX, 1);
    assert_refused(INIT, 0, 1, UINT32_MAX);
    assert_initialised(0, 0, 0);
}

static void zero_counts_are_allowed_at_the_end_and_not_past_it(void **state)
{
    (void)state;
    CALL_GUEST(instance, FILL, SIZE, 1, 0);
    CALL_GUEST(instance, COPY, SIZE, SIZE, 0);
    CALL_GUEST(instance, COPY, SIZE, 0, 0);
    CALL_GUEST(instance, COPY, 0, SIZE, 0);
    CALL_GUEST(instance, INIT, SIZE, SEGMENT_COUNT, 0);
    assert_refused(FILL, SIZE + 1, 1, 0);
    assert_refused(FILL, UINT32_MAX, 1, 0);
    assert_refused(COPY, SIZE + 1, 0, 0);
    assert_refused(COPY, 0, SIZE + 1, 0);
    assert_refused(INIT, SIZE + 1, 0, 0);
    assert_refused(INIT, 0, SEGMENT_COUNT + 1, 0);
    assert_initialised(0, 0, 0);
}

// --- grow and size ---

static void grow_gives_the_old_size_and_puts_its_value(void **state)
{
    (void)state;
    assert_int_equal(CALL_GUEST(instance, SIZE_OF), SIZE);
    assert_int_equal(CALL_GUEST(instance, GROW, 42, 0), SIZE);
    assert_int_equal(CALL_GUEST(instance, GROW, 42, 1000), SIZE);
    assert_int_equal(CALL_GUEST(instance, SIZE_OF), SIZE + 1000);
    assert_int_equal(CALL_GUEST(instance, GROW, 0, 2000), SIZE + 1000);
    assert_int_equal(CALL_GUEST(instance, SIZE_OF), SIZE_MAX_);
    assert_table_is_model();
    for (uint32_t i = SIZE; i < SIZE_MAX_; i++)
        assert_int_equal(CALL_GUEST(instance, GET, i), i < SIZE + 1000 ? 42 : 0);
    CALL_TRAPS(TRAP_TABLE_OUT_OF_BOUNDS, instance, GET, SIZE_MAX_);
}

static void refused_growth_gives_minus_one_and_changes_nothing(void **state)
{
    static const uint32_t refused[] = {SIZE_MAX_ - SIZE + 1, 0x80000000, UINT32_MAX,
                                       UINT32_MAX - SIZE + 1, LIMIT_TABLE_ELEMENTS};

    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        assert_int_equal(CALL_GUEST(instance, GROW, 1, refused[i]), UINT32_MAX);
    assert_int_equal(CALL_GUEST(instance, SIZE_OF), SIZE);
    assert_refused(FILL, SIZE, 1, 1);
    assert_int_equal(CALL_GUEST(instance, GROW, 1, SIZE_MAX_ - SIZE), SIZE);
    assert_int_equal(CALL_GUEST(instance, GROW, 1, 1), UINT32_MAX);
}

static void growth_shows_in_every_instance_that_shares_the_table(void **state)
{
    struct instance *other;

    (void)state;
    register_instance("first", instance);
    build_import_table("first", "table", EXTERNREF, SIZE);
    build_function("ei:i", "", CODE(LOCAL_GET, 0, LOCAL_GET, 1, PREFIX, TABLE_GROW, 0));
    build_function("i:e", "", CODE(LOCAL_GET, 0, TABLE_GET, 0));
    // The maximum of an import may not be looser than asked for; this asks for none.
    other = instantiate_built();
    assert_int_equal(CALL_GUEST(other, 0, 7, 10), SIZE);
    assert_int_equal(CALL_GUEST(instance, SIZE_OF), SIZE + 10);
    assert_int_equal(CALL_GUEST(instance, GET, SIZE + 9), 7);
    CALL_GUEST(instance, SET, SIZE, 8);
    assert_int_equal(CALL_GUEST(other, 1, SIZE), 8);
}

static void growth_ends_at_the_embedders_limit(void **state)
{
    const uint64_t used = (2 * SIZE + SIZE_OTHER) * sizeof(union slot);

    (void)state;
    begin((struct engine_config){.memory_bytes_max = used + 100 * sizeof(union slot)});
    assert_int_equal(CALL_GUEST(instance, GROW, 1, 101), UINT32_MAX);
    assert_int_equal(CALL_GUEST(instance, GROW, 1, 100), SIZE);
    assert_int_equal(CALL_GUEST(instance, GROW, 1, 1), UINT32_MAX);
    assert_int_equal(CALL_GUEST(instance, SIZE_OF), SIZE + 100);
}

// --- fuel ---

static uint64_t fuel_of(uint32_t funcidx, uint64_t first, uint64_t second, uint64_t count)
{
    engine_set_fuel(engine, 1000000);
    CALL_GUEST(instance, funcidx, first, second, count);
    return 1000000 - engine_fuel(engine);
}

static void fuel_is_paid_for_each_element(void **state)
{
    static const uint32_t funcidxs[] = {FILL, COPY, INIT};

    (void)state;
    begin((struct engine_config){.metered = true});
    for (size_t i = 0; i < sizeof funcidxs / sizeof funcidxs[0]; i++) {
        uint64_t least = fuel_of(funcidxs[i], 0, 0, 0);
        assert_in_range(least, 4, 10); // its four instructions
        assert_int_equal(fuel_of(funcidxs[i], 0, 0, 1), least + 1);
        assert_int_equal(fuel_of(funcidxs[i], 0, 0, 3 * CHUNK + 1), least + 3 * CHUNK + 1);
    }
    uint64_t grow = fuel_of(GROW, 1, 0, 0);
    assert_int_equal(fuel_of(GROW, 1, 1000, 0), grow + 1000);
    assert_int_equal(CALL_GUEST(instance, SIZE_OF), SIZE + 1000);
}

static void nothing_is_written_without_the_fuel_for_all(void **state)
{
    static const uint32_t funcidxs[] = {FILL, COPY, INIT};

    (void)state;
    begin((struct engine_config){.metered = true});
    for (size_t i = 0; i < sizeof funcidxs / sizeof funcidxs[0]; i++) {
        uint64_t least = fuel_of(funcidxs[i], 3, 1, 0);
        reset_table();
        engine_set_fuel(engine, least + 3 * CHUNK - 1);
        CALL_TRAPS(TRAP_FUEL_EXHAUSTED, instance, funcidxs[i], 3, 1, 3 * CHUNK);
        assert_table_is_model();
        assert_initialised(0, 0, 0);
        engine_set_fuel(engine, least + 3 * CHUNK);
        CALL_GUEST(instance, funcidxs[i], 3, 1, 3 * CHUNK);
        assert_int_equal(engine_fuel(engine), 0);
    }
    engine_set_fuel(engine, 100);
    CALL_TRAPS(TRAP_FUEL_EXHAUSTED, instance, GROW, 1, 100);
    assert_int_equal(instance->tables[TABLE]->size, SIZE);
}

// --- interruption ---

static void assert_interrupted(uint32_t funcidx, uint64_t to, uint64_t from, uint64_t count,
                               union slot *at)
{
    reset_table();
    set_tripwire(at);
    CALL_TRAPS(TRAP_INTERRUPTED, instance, funcidx, to, from, count);
    assert_true(tripwire_touched());
}

static void interruption_ends_a_fill_at_the_next_chunk(void **state)
{
    (void)state;
    assert_interrupted(FILL, 50, 9, 5 * CHUNK, elements_of(TABLE) + 2 * CHUNK);
    fill_model(50, 9, 2 * CHUNK);
    assert_table_is_model();
}

static void interruption_ends_a_copy_at_the_next_chunk(void **state)
{
    (void)state;
    // Downwards in the table the first chunks are done, upwards the last ones.
    assert_interrupted(COPY, 50, 90, 5 * CHUNK, elements_of(TABLE) + 2 * CHUNK - 512);
    move_model(50, 90, 2 * CHUNK);
    assert_table_is_model();
    assert_interrupted(COPY, 90, 50, 5 * CHUNK, elements_of(TABLE) + 4 * CHUNK - 512);
    move_model(90 + 3 * CHUNK, 50 + 3 * CHUNK, 2 * CHUNK);
    assert_table_is_model();
}

static void interruption_ends_an_init_in_the_middle(void **state)
{
    uint32_t written = 0;

    (void)state;
    assert_interrupted(INIT, 0, 0, SEGMENT_COUNT, elements_of(FUNCTIONS) + CHUNK);
    while (written < SIZE && elements_of(FUNCTIONS)[written].function != NULL)
        written++;
    // It looked by then, and the rest is as it was.
    assert_in_range(written, CHUNK, 3 * CHUNK);
    assert_initialised(0, 0, written);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST_TABLE(test_) cmocka_unit_test_setup_teardown(test_, set_up, run_tear_down)
        TEST_TABLE(get_gives_what_set_has_put),
        TEST_TABLE(get_and_set_out_of_bounds_trap),
        TEST_TABLE(fill_writes_its_range_and_nothing_else),
        TEST_TABLE(copy_of_overlapping_ranges_reads_before_it_writes),
        TEST_TABLE(copy_reaches_from_one_table_to_another),
        TEST_TABLE(copy_minds_the_bounds_of_both_tables),
        TEST_TABLE(init_copies_functions_out_of_its_segment),
        TEST_TABLE(dropped_segment_is_empty),
        TEST_TABLE(nothing_is_written_when_a_range_passes_the_end),
        TEST_TABLE(nothing_is_written_when_a_range_passes_the_end_of_its_segment),
        TEST_TABLE(zero_counts_are_allowed_at_the_end_and_not_past_it),
        TEST_TABLE(grow_gives_the_old_size_and_puts_its_value),
        TEST_TABLE(refused_growth_gives_minus_one_and_changes_nothing),
        TEST_TABLE(growth_shows_in_every_instance_that_shares_the_table),
        TEST_TABLE(growth_ends_at_the_embedders_limit),
        TEST_TABLE(fuel_is_paid_for_each_element),
        TEST_TABLE(nothing_is_written_without_the_fuel_for_all),
        TEST_TABLE(interruption_ends_a_fill_at_the_next_chunk),
        TEST_TABLE(interruption_ends_a_copy_at_the_next_chunk),
        TEST_TABLE(interruption_ends_an_init_in_the_middle),
#undef TEST_TABLE
    };

    return cmocka_run_group_tests(tests, tripwire_group_set_up, NULL);
}
