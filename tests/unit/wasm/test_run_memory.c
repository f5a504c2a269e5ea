// SPDX-License-Identifier: Apache-2.0
// Instructions on whole memories, against a model in C; everything with guarded and with checked
// memories.
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "sandbox/wasm/run.h"
#include "tests/unit/wasm/run_fixture.h"
#include "tests/unit/wasm/tripwire_fixture.h"

enum {
    PAGE = 65536,
    PAGES = 8,
    PAGES_MAX = 11,
    SIZE = PAGES * PAGE,
    SEGMENT_BYTES = 5 * PAGE + 321,
    SEGMENT = 0,
    BYTES_PER_FUEL = 64,
    CHUNK = 65536 // between two looks for an interruption
};

// The module's functions.
enum { FILL, COPY, INIT, DROP_DATA, GROW, SIZE_OF, FILL_FOR_EVER };

static const struct engine_config guarded[] = {{.checked_memory = false}};
static const struct engine_config checked[] = {{.checked_memory = true}};

static uint8_t model[SIZE];
static uint8_t segment[SEGMENT_BYTES];
static struct instance *instance;

// --- the module ---

static const uint8_t three_operands[] = {LOCAL_GET, 0, LOCAL_GET, 1, LOCAL_GET, 2, PREFIX};

static void build_three(uint8_t opcode, uint8_t first, uint8_t second, size_t immediates)
{
    uint8_t code[sizeof three_operands + 3];

    memcpy(code, three_operands, sizeof three_operands);
    code[sizeof three_operands] = opcode;
    code[sizeof three_operands + 1] = first;
    code[sizeof three_operands + 2] = second;
    build_function("iii:", "", code, sizeof three_operands + 1 + immediates);
}

static void build_all(void)
{
    build_memory(PAGES, PAGES_MAX);
    build_data(SEGMENT_PASSIVE, 0, segment, sizeof segment);
    build_data_count(1);
    build_three(MEMORY_FILL, 0, 0, 1);
    build_three(MEMORY_COPY, 0, 0, 2);
    build_three(MEMORY_INIT, SEGMENT, 0, 2);
    build_function(":", "", CODE(PREFIX, DATA_DROP, SEGMENT));
    build_function("i:i", "", CODE(LOCAL_GET, 0, MEMORY_GROW, 0));
    build_function(":i", "", CODE(MEMORY_SIZE, 0));
    build_function(":", "",
                   CODE(LOOP, EMPTY, I32_CONST, 0, I32_CONST, 7, I32_CONST, U32(SIZE), PREFIX,
                        MEMORY_FILL, 0, BR, 0, END));
    build_export("memory", EXTERNAL_MEMORY, 0);
}

static uint8_t *memory_base(void)
{
    return instance->memories[0]->base;
}

// Bytes of a sequence that does not repeat within the memory.
static uint8_t noise(uint32_t index)
{
    return (uint8_t)((index * 2654435761u) >> 24);
}

static void reset_memory(void)
{
    for (uint32_t i = 0; i < SIZE; i++)
        model[i] = noise(i);
    memcpy(memory_base(), model, SIZE);
}

static void begin(struct engine_config config)
{
    engine_replace(config);
    build_all();
    instance = instantiate_built();
    reset_memory();
}

// The state is a configuration at first.
static int set_up(void **state)
{
    if (run_set_up(state) != 0)
        return 1;
    for (uint32_t i = 0; i < SEGMENT_BYTES; i++)
        segment[i] = noise(~i);
    clear_tripwire();
    begin(*(const struct engine_config *)*state);
    return 0;
}

static void assert_memory_is_model(void)
{
    assert_memory_equal(memory_base(), model, SIZE);
}

static uint64_t fuel_of(uint32_t funcidx, uint64_t first, uint64_t second, uint64_t length)
{
    engine_set_fuel(engine, 1000000);
    CALL_GUEST(instance, funcidx, first, second, length);
    return 1000000 - engine_fuel(engine);
}

// --- fill ---

static void fill_writes_its_range_and_nothing_else(void **state)
{
    static const uint32_t lengths[] = {1,         2,     63,        64,        65,
                                       CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 5};
    static const uint32_t starts[] = {0, 1, 4095, CHUNK - 1, CHUNK, CHUNK + 1};

    (void)state;
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++)
        for (size_t j = 0; j < sizeof starts / sizeof starts[0]; j++) {
            reset_memory();
            CALL_GUEST(instance, FILL, starts[j], 0xa5, lengths[i]);
            memset(model + starts[j], 0xa5, lengths[i]);
            assert_memory_is_model();
        }
}

static void fill_takes_the_low_byte_of_its_value(void **state)
{
    (void)state;
    CALL_GUEST(instance, FILL, 10, 0xffffff3c, 20);
    memset(model + 10, 0x3c, 20);
    assert_memory_is_model();
}

static void fill_may_end_at_the_last_byte(void **state)
{
    (void)state;
    CALL_GUEST(instance, FILL, SIZE - 1, 1, 1);
    model[SIZE - 1] = 1;
    assert_memory_is_model();
    CALL_GUEST(instance, FILL, 0, 2, SIZE);
    memset(model, 2, SIZE);
    assert_memory_is_model();
}

// --- copy ---

static void copy_and_compare(uint32_t to, uint32_t from, uint32_t length)
{
    reset_memory();
    CALL_GUEST(instance, COPY, to, from, length);
    memmove(model + to, model + from, length);
    assert_memory_is_model();
}

static void copy_of_overlapping_ranges_reads_before_it_writes(void **state)
{
    static const uint32_t distances[] = {0,         1,     2,         8,         100,
                                         CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK - 1};
    static const uint32_t lengths[] = {1, 17, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 17};

    (void)state;
    for (size_t i = 0; i < sizeof distances / sizeof distances[0]; i++)
        for (size_t j = 0; j < sizeof lengths / sizeof lengths[0]; j++) {
            copy_and_compare(777 + distances[i], 777, lengths[j]);
            copy_and_compare(777, 777 + distances[i], lengths[j]);
        }
}

static void copy_may_reach_the_last_byte(void **state)
{
    (void)state;
    copy_and_compare(SIZE - 2 * CHUNK - 3, 5, 2 * CHUNK + 3);
    copy_and_compare(5, SIZE - 2 * CHUNK - 3, 2 * CHUNK + 3);
    copy_and_compare(0, 1, SIZE - 1);
    copy_and_compare(1, 0, SIZE - 1);
    copy_and_compare(0, 0, SIZE);
}

// --- init and drop ---

static void init_copies_out_of_its_segment(void **state)
{
    static const uint32_t lengths[] = {1, 100, CHUNK - 1, CHUNK, CHUNK + 1, 4 * CHUNK + 7};

    (void)state;
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        reset_memory();
        CALL_GUEST(instance, INIT, 1234, 55, lengths[i]);
        memcpy(model + 1234, segment + 55, lengths[i]);
        assert_memory_is_model();
    }
    CALL_GUEST(instance, INIT, SIZE - SEGMENT_BYTES, 0, SEGMENT_BYTES);
    memcpy(model + SIZE - SEGMENT_BYTES, segment, SEGMENT_BYTES);
    assert_memory_is_model();
}

static void dropped_segment_is_empty(void **state)
{
    (void)state;
    CALL_GUEST(instance, DROP_DATA);
    CALL_TRAPS(TRAP_MEMORY_OUT_OF_BOUNDS, instance, INIT, 0, 0, 1);
    CALL_TRAPS(TRAP_MEMORY_OUT_OF_BOUNDS, instance, INIT, 0, 1, 0);
    CALL_GUEST(instance, INIT, SIZE, 0, 0);
    CALL_GUEST(instance, DROP_DATA); // once more does nothing
    assert_memory_is_model();
}

// --- bounds ---

static void assert_refused(uint32_t funcidx, uint32_t first, uint32_t second, uint32_t length)
{
    CALL_TRAPS(TRAP_MEMORY_OUT_OF_BOUNDS, instance, funcidx, first, second, length);
    assert_memory_is_model();
}

static void nothing_is_written_when_a_range_passes_the_end(void **state)
{
    static const uint32_t ranges[][2] = {{SIZE, 1},
                                         {SIZE - 1, 2},
                                         {SIZE - 3 * CHUNK, 3 * CHUNK + 1},
                                         {0, SIZE + 1},
                                         {1, SIZE},
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
}

static void nothing_is_written_when_a_range_passes_the_end_of_its_segment(void **state)
{
    (void)state;
    assert_refused(INIT, 0, 0, SEGMENT_BYTES + 1);
    assert_refused(INIT, 0, 1, SEGMENT_BYTES);
    assert_refused(INIT, 0, SEGMENT_BYTES, 1);
    assert_refused(INIT, 0, UINT32_MAX, 1);
    assert_refused(INIT, 0, UINT32_MAX, UINT32_MAX);
    assert_refused(INIT, 0, 1, UINT32_MAX);
}

static void zero_lengths_are_allowed_at_the_end_and_not_past_it(void **state)
{
    (void)state;
    CALL_GUEST(instance, FILL, SIZE, 1, 0);
    CALL_GUEST(instance, COPY, SIZE, SIZE, 0);
    CALL_GUEST(instance, COPY, SIZE, 0, 0);
    CALL_GUEST(instance, COPY, 0, SIZE, 0);
    CALL_GUEST(instance, INIT, SIZE, SEGMENT_BYTES, 0);
    assert_memory_is_model();
    assert_refused(FILL, SIZE + 1, 1, 0);
    assert_refused(FILL, UINT32_MAX, 1, 0);
    assert_refused(COPY, SIZE + 1, 0, 0);
    assert_refused(COPY, 0, SIZE + 1, 0);
    assert_refused(INIT, SIZE + 1, 0, 0);
    assert_refused(INIT, 0, SEGMENT_BYTES + 1, 0);
}

static void trap_tells_the_instruction(void **state)
{
    static const uint32_t funcidxs[] = {FILL, COPY, INIT};

    (void)state;
    for (size_t i = 0; i < sizeof funcidxs / sizeof funcidxs[0]; i++) {
        CALL_TRAPS(TRAP_MEMORY_OUT_OF_BOUNDS, instance, funcidxs[i], SIZE, 0, 1);
        assert_true(trap.has_place);
        assert_int_equal(trap.funcidx, funcidxs[i]);
        // Behind the count of locals and three operands, at the prefix.
        assert_int_equal(trap.offset, instance->module->bodies[funcidxs[i]].offset + 7);
    }
}

// --- grow and size ---

static void grow_gives_the_old_size_and_zeroed_pages(void **state)
{
    (void)state;
    assert_int_equal(CALL_GUEST(instance, SIZE_OF), PAGES);
    assert_int_equal(CALL_GUEST(instance, GROW, 0), PAGES);
    assert_int_equal(CALL_GUEST(instance, GROW, 1), PAGES);
    assert_int_equal(CALL_GUEST(instance, SIZE_OF), PAGES + 1);
    assert_int_equal(CALL_GUEST(instance, GROW, 2), PAGES + 1);
    assert_int_equal(CALL_GUEST(instance, SIZE_OF), PAGES_MAX);
    assert_memory_is_model();
    for (uint32_t i = SIZE; i < PAGES_MAX * PAGE; i++)
        assert_int_equal(memory_base()[i], 0);
}

static void refused_growth_gives_minus_one_and_changes_nothing(void **state)
{
    static const uint32_t refused[] = {PAGES_MAX - PAGES + 1, 65536, 65537, 0x80000000, UINT32_MAX,
                                       UINT32_MAX - PAGES + 1};

    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        assert_int_equal(CALL_GUEST(instance, GROW, refused[i]), UINT32_MAX);
    assert_int_equal(CALL_GUEST(instance, SIZE_OF), PAGES);
    assert_refused(FILL, SIZE, 1, 1);
    assert_int_equal(CALL_GUEST(instance, GROW, PAGES_MAX - PAGES), PAGES);
    assert_int_equal(CALL_GUEST(instance, GROW, 1), UINT32_MAX);
    assert_int_equal(CALL_GUEST(instance, GROW, 0), PAGES_MAX);
}

static void grown_memory_is_within_bounds_at_once(void **state)
{
    (void)state;
    assert_refused(FILL, SIZE, 9, PAGE);
    CALL_GUEST(instance, GROW, 1);
    CALL_GUEST(instance, FILL, SIZE, 9, PAGE);
    assert_memory_is_model();
    assert_int_equal(memory_base()[SIZE], 9);
    assert_int_equal(memory_base()[SIZE + PAGE - 1], 9);
    CALL_TRAPS(TRAP_MEMORY_OUT_OF_BOUNDS, instance, FILL, SIZE, 8, PAGE + 1);
    assert_int_equal(memory_base()[SIZE], 9);
}

static void growth_shows_in_every_instance_that_shares_the_memory(void **state)
{
    struct instance *other;

    (void)state;
    register_instance("first", instance);
    build_import_memory("first", "memory", PAGES);
    build_function("i:i", "", CODE(LOCAL_GET, 0, MEMORY_GROW, 0));
    build_function(":i", "", CODE(MEMORY_SIZE, 0));
    other = instantiate_built();
    assert_int_equal(CALL_GUEST(other, 0, 1), PAGES);
    assert_int_equal(CALL_GUEST(instance, SIZE_OF), PAGES + 1);
    assert_int_equal(CALL_GUEST(instance, GROW, 1), PAGES + 1);
    assert_int_equal(CALL_GUEST(other, 1), PAGES + 2);
}

static void growth_ends_at_the_embedders_limit(void **state)
{
    struct engine_config config = *(const struct engine_config *)*state;

    config.memory_bytes_max = (PAGES + 1) * (uint64_t)PAGE;
    begin(config);
    assert_int_equal(CALL_GUEST(instance, GROW, 2), UINT32_MAX);
    assert_int_equal(CALL_GUEST(instance, GROW, 1), PAGES);
    assert_int_equal(CALL_GUEST(instance, GROW, 1), UINT32_MAX);
    assert_int_equal(CALL_GUEST(instance, SIZE_OF), PAGES + 1);
}

// --- fuel ---

static void begin_metered(void *const *state)
{
    struct engine_config config = *(const struct engine_config *)*state;

    config.metered = true;
    begin(config);
}

static void fuel_is_paid_by_length(void **state)
{
    static const uint32_t funcidxs[] = {FILL, COPY, INIT};

    begin_metered(state);
    for (size_t i = 0; i < sizeof funcidxs / sizeof funcidxs[0]; i++) {
        uint64_t least = fuel_of(funcidxs[i], 0, 0, 0);
        assert_in_range(least, 4, 10); // its four instructions
        assert_int_equal(fuel_of(funcidxs[i], 0, 0, BYTES_PER_FUEL - 1), least);
        assert_int_equal(fuel_of(funcidxs[i], 0, 0, BYTES_PER_FUEL), least + 1);
        assert_int_equal(fuel_of(funcidxs[i], 0, 0, 5 * CHUNK), least + 5 * CHUNK / BYTES_PER_FUEL);
    }
}

static void nothing_is_written_without_the_fuel_for_all(void **state)
{
    static const uint32_t funcidxs[] = {FILL, COPY, INIT};

    begin_metered(state);
    for (size_t i = 0; i < sizeof funcidxs / sizeof funcidxs[0]; i++) {
        uint64_t cost = fuel_of(funcidxs[i], 3, 1, 3 * CHUNK);
        reset_memory();
        engine_set_fuel(engine, cost - 1);
        CALL_TRAPS(TRAP_FUEL_EXHAUSTED, instance, funcidxs[i], 3, 1, 3 * CHUNK);
        assert_memory_is_model();
        engine_set_fuel(engine, cost);
        CALL_GUEST(instance, funcidxs[i], 3, 1, 3 * CHUNK);
        assert_int_equal(engine_fuel(engine), 0);
    }
}

// --- interruption ---

// Interrupted when it touches the byte `at`: it goes on until it looks for interruptions.
static void assert_interrupted(uint32_t funcidx, uint32_t to, uint32_t from, uint32_t length,
                               uint32_t at)
{
    reset_memory();
    set_tripwire(memory_base() + at);
    CALL_TRAPS(TRAP_INTERRUPTED, instance, funcidx, to, from, length);
    assert_true(tripwire_touched());
}

static void interruption_ends_a_fill_at_the_next_chunk(void **state)
{
    (void)state;
    assert_interrupted(FILL, 100, 0x11, 5 * CHUNK, 2 * CHUNK);
    memset(model + 100, 0x11, 2 * CHUNK);
    assert_memory_is_model();
}

static void interruption_ends_a_copy_at_the_next_chunk(void **state)
{
    (void)state;
    // Downwards in memory the first chunks are done, upwards the last ones.
    assert_interrupted(COPY, 100, 5000, 5 * CHUNK, 2 * CHUNK - 4096);
    memmove(model + 100, model + 5000, 2 * CHUNK);
    assert_memory_is_model();
    assert_interrupted(COPY, 5000, 100, 5 * CHUNK, 4 * CHUNK - 4096);
    memmove(model + 5000 + 3 * CHUNK, model + 100 + 3 * CHUNK, 2 * CHUNK);
    assert_memory_is_model();
}

static void interruption_ends_an_init_in_the_middle(void **state)
{
    uint32_t written = 0;

    (void)state;
    assert_interrupted(INIT, 0, 0, 5 * CHUNK, 2 * CHUNK);
    while (written < SIZE && memory_base()[written] == segment[written])
        written++;
    // It looked by then, and the rest is as it was.
    assert_in_range(written, 2 * CHUNK, 4 * CHUNK);
    memcpy(model, segment, written);
    assert_memory_is_model();
}

static void interruption_in_the_last_chunk_ends_the_run_after_it(void **state)
{
    (void)state;
    assert_interrupted(FILL, 0, 0x22, CHUNK, 4096);
    memset(model, 0x22, CHUNK);
    assert_memory_is_model();
}

static void next_run_is_not_interrupted_again(void **state)
{
    (void)state;
    assert_interrupted(FILL, 0, 0x33, 4 * CHUNK, 0);
    CALL_GUEST(instance, FILL, 0, 0x44, 4 * CHUNK);
    memset(model, 0x44, 4 * CHUNK);
    assert_memory_is_model();
}

static enum trap_code interrupt_from_host(void *context, struct store *store, union slot *values)
{
    (void)context;
    (void)store;
    (void)values;
    engine_interrupt(engine);
    return TRAP_NONE;
}

static void interruption_by_a_host_function_comes_before_the_next_instruction(void **state)
{
    struct instance *caller;

    (void)state;
    define_host("interrupt", ":", interrupt_from_host, NULL);
    register_instance("first", instance);
    build_import_function("host", "interrupt", ":");
    build_import_memory("first", "memory", PAGES);
    build_function(
        ":", "",
        CODE(CALL, 0, I32_CONST, 0, I32_CONST, 9, I32_CONST, U32(SIZE), PREFIX, MEMORY_FILL, 0));
    caller = instantiate_built();
    CALL_TRAPS(TRAP_INTERRUPTED, caller, 1);
    assert_memory_is_model();
}

static volatile sig_atomic_t finished;

static void *interrupt_until_finished(void *argument)
{
    (void)argument;
    while (!finished) {
        usleep(2000);
        engine_interrupt(engine); // again, if it came before the run
    }
    return NULL;
}

static void another_thread_ends_a_loop_around_a_fill(void **state)
{
    pthread_t thread;

    (void)state;
    finished = 0;
    assert_int_equal(pthread_create(&thread, NULL, interrupt_until_finished, NULL), 0);
    CALL_TRAPS(TRAP_INTERRUPTED, instance, FILL_FOR_EVER);
    finished = 1;
    assert_int_equal(pthread_join(thread, NULL), 0);
}

#define TEST_WITH(test_, configuration_)                                                           \
    {                                                                                              \
        .name = #test_ "_" #configuration_, .test_func = test_, .setup_func = set_up,              \
        .teardown_func = run_tear_down, .initial_state = (void *)(uintptr_t)configuration_         \
    }
#define BOTH(test_) TEST_WITH(test_, guarded), TEST_WITH(test_, checked)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(fill_writes_its_range_and_nothing_else),
        BOTH(fill_takes_the_low_byte_of_its_value),
        BOTH(fill_may_end_at_the_last_byte),
        BOTH(copy_of_overlapping_ranges_reads_before_it_writes),
        BOTH(copy_may_reach_the_last_byte),
        BOTH(init_copies_out_of_its_segment),
        BOTH(dropped_segment_is_empty),
        BOTH(nothing_is_written_when_a_range_passes_the_end),
        BOTH(nothing_is_written_when_a_range_passes_the_end_of_its_segment),
        BOTH(zero_lengths_are_allowed_at_the_end_and_not_past_it),
        BOTH(trap_tells_the_instruction),
        BOTH(grow_gives_the_old_size_and_zeroed_pages),
        BOTH(refused_growth_gives_minus_one_and_changes_nothing),
        BOTH(grown_memory_is_within_bounds_at_once),
        BOTH(growth_shows_in_every_instance_that_shares_the_memory),
        BOTH(growth_ends_at_the_embedders_limit),
        BOTH(fuel_is_paid_by_length),
        BOTH(nothing_is_written_without_the_fuel_for_all),
        BOTH(interruption_ends_a_fill_at_the_next_chunk),
        BOTH(interruption_ends_a_copy_at_the_next_chunk),
        BOTH(interruption_ends_an_init_in_the_middle),
        BOTH(interruption_in_the_last_chunk_ends_the_run_after_it),
        BOTH(next_run_is_not_interrupted_again),
        BOTH(interruption_by_a_host_function_comes_before_the_next_instruction),
        BOTH(another_thread_ends_a_loop_around_a_fill),
    };

    return cmocka_run_group_tests(tests, tripwire_group_set_up, NULL);
}
