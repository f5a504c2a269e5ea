// SPDX-License-Identifier: Apache-2.0
// Modules with several memories, and several modules with the same ones.
#include "tests/unit/wasm/run_fixture.h"

#define PAGE 65536u

enum { FEW, MANY }; // the first has one page, the second three

// The module's functions.
enum { COPY_TO_FEW, COPY_TO_MANY, FILL_MANY, INIT_MANY, GROW_FEW, SIZE_OF_MANY, LOAD_MANY };

static struct instance *instance;

static uint8_t *base_of(uint32_t memidx)
{
    return instance->memories[memidx]->base;
}

static void put_three(struct bytes *code, uint8_t opcode)
{
    put_all(code, CODE(LOCAL_GET, 0, LOCAL_GET, 1, LOCAL_GET, 2, PREFIX, opcode));
}

static void build_bulk(uint8_t opcode, const uint8_t *immediates, size_t count)
{
    struct bytes code = {0};

    put_three(&code, opcode);
    put_all(&code, immediates, count);
    build_function("iii:", "", code.data, code.length);
    bytes_free(&code);
}

static void build_both(void)
{
    build_memory(1, 2);
    build_memory(3, 3);
    build_data(SEGMENT_PASSIVE, 0, (const uint8_t *)"segment", 7);
    build_data_count(1);
    build_bulk(MEMORY_COPY, CODE(FEW, MANY));
    build_bulk(MEMORY_COPY, CODE(MANY, FEW));
    build_bulk(MEMORY_FILL, CODE(MANY));
    build_bulk(MEMORY_INIT, CODE(0, MANY));
    build_function("i:i", "", CODE(LOCAL_GET, 0, MEMORY_GROW, FEW));
    build_function(":i", "", CODE(MEMORY_SIZE, MANY));
    build_function("i:i", "", CODE(LOCAL_GET, 0, I32_LOAD8_U, 0x40, MANY, 0));
    build_export("few", EXTERNAL_MEMORY, FEW);
    build_export("many", EXTERNAL_MEMORY, MANY);
}

static void begin(bool checked)
{
    engine_replace((struct engine_config){.checked_memory = checked});
    build_both();
    instance = instantiate_built();
}

static void copy_goes_from_one_memory_to_another_in_both_directions(void **state)
{
    (void)state;
    for (int checked = 0; checked < 2; checked++) {
        begin(checked);
        memset(base_of(FEW), 1, PAGE);
        memset(base_of(MANY), 2, 3u * PAGE);
        CALL_GUEST(instance, COPY_TO_FEW, PAGE - 3, 3 * PAGE - 3, 3);
        assert_memory_equal(base_of(FEW) + PAGE - 4, "\1\2\2\2", 4);
        CALL_GUEST(instance, COPY_TO_MANY, 2 * PAGE, 0, PAGE);
        assert_int_equal(base_of(MANY)[2 * PAGE - 1], 2);
        assert_memory_equal(base_of(MANY) + 2u * PAGE, base_of(FEW), PAGE);
    }
}

static void copy_between_memories_keeps_to_the_bounds_of_each(void **state)
{
    (void)state;
    for (int checked = 0; checked < 2; checked++) {
        begin(checked);
        CALL_TRAPS(TRAP_MEMORY_OUT_OF_BOUNDS, instance, COPY_TO_FEW, 1, 0, PAGE);
        CALL_TRAPS(TRAP_MEMORY_OUT_OF_BOUNDS, instance, COPY_TO_FEW, 0, 2 * PAGE + 1, PAGE);
        CALL_TRAPS(TRAP_MEMORY_OUT_OF_BOUNDS, instance, COPY_TO_MANY, 0, 1, PAGE);
        CALL_TRAPS(TRAP_MEMORY_OUT_OF_BOUNDS, instance, COPY_TO_MANY, 2 * PAGE + 1, 0, PAGE);
        CALL_GUEST(instance, COPY_TO_FEW, PAGE, 3 * PAGE, 0);
        CALL_TRAPS(TRAP_MEMORY_OUT_OF_BOUNDS, instance, COPY_TO_FEW, PAGE + 1, 0, 0);
    }
}

static void fill_and_init_write_the_memory_that_they_name(void **state)
{
    (void)state;
    begin(false);
    CALL_GUEST(instance, FILL_MANY, PAGE, 0xee, 2 * PAGE);
    CALL_GUEST(instance, INIT_MANY, 2 * PAGE, 3, 4);
    assert_memory_equal(base_of(MANY) + 2u * PAGE - 1, "\xeement\xee", 6);
    assert_int_equal(CALL_GUEST(instance, LOAD_MANY, 3 * PAGE - 1), 0xee);
    assert_int_equal(base_of(FEW)[0], 0);
    CALL_TRAPS(TRAP_MEMORY_OUT_OF_BOUNDS, instance, FILL_MANY, PAGE, 0, 2 * PAGE + 1);
    CALL_TRAPS(TRAP_MEMORY_OUT_OF_BOUNDS, instance, INIT_MANY, 3 * PAGE - 3, 3, 4);
    CALL_TRAPS(TRAP_MEMORY_OUT_OF_BOUNDS, instance, LOAD_MANY, 3 * PAGE);
}

static void each_memory_grows_by_itself(void **state)
{
    (void)state;
    begin(false);
    assert_int_equal(CALL_GUEST(instance, GROW_FEW, 1), 1);
    assert_int_equal(CALL_GUEST(instance, GROW_FEW, 1), 0xffffffff);
    assert_int_equal(CALL_GUEST(instance, SIZE_OF_MANY), 3);
    assert_int_equal(memory_pages(instance->memories[FEW]), 2);
}

// The second memory of the one is the first of the other, which reaches it through guard pages.
static void memory_is_the_same_under_another_index(void **state)
{
    struct instance *other;

    (void)state;
    for (int checked = 0; checked < 2; checked++) {
        begin(checked);
        register_instance("m", instance);
        build_import_memory("m", "many", 1);
        build_import_memory("m", "few", 1);
        build_function("ii:", "", CODE(LOCAL_GET, 0, LOCAL_GET, 1, I32_STORE8, 0, 0));
        build_function("i:i", "", CODE(LOCAL_GET, 0, I32_LOAD8_U, 0x40, 1, 0));
        other = instantiate_built();
        CALL_GUEST(other, 0, 3 * PAGE - 1, 77);
        assert_int_equal(CALL_GUEST(instance, LOAD_MANY, 3 * PAGE - 1), 77);
        CALL_TRAPS(TRAP_MEMORY_OUT_OF_BOUNDS, other, 0, 3 * PAGE, 77);
        CALL_TRAPS(TRAP_MEMORY_OUT_OF_BOUNDS, other, 1, PAGE);
        CALL_GUEST(instance, GROW_FEW, 1);
        assert_int_equal(CALL_GUEST(other, 1, PAGE), 0);
    }
}

static void unknown_memory_is_invalid_in_every_instruction(void **state)
{
    static const uint8_t codes[][12] = {
        {I32_CONST, 0, I32_LOAD, 0x42, 2, 0, DROP},
        {I32_CONST, 0, I32_CONST, 0, I32_STORE, 0x42, 2, 0},
        {MEMORY_SIZE, 2, DROP},
        {I32_CONST, 0, MEMORY_GROW, 2, DROP},
    };
    static const uint8_t lengths[] = {7, 8, 3, 5};

    (void)state;
    for (size_t i = 0; i < sizeof lengths; i++) {
        struct module *module;
        uint8_t *bytes;
        size_t size;

        build_memory(1, 1);
        build_memory(1, 1);
        build_function(":", "", codes[i], lengths[i]);
        bytes = build_end(&size);
        assert_false(engine_load(engine, bytes, size, &module, &error));
        assert_int_equal(error.code, ERROR_UNKNOWN_MEMORY);
        error_clear(&error);
        free(bytes);
        build_begin();
    }
}

static void a_hundred_memories_are_all_there(void **state)
{
    (void)state;
    for (int checked = 0; checked < 2; checked++) {
        engine_replace((struct engine_config){.checked_memory = checked});
        for (uint32_t i = 0; i < LIMIT_MEMORIES; i++)
            build_memory(1, 2);
        for (uint8_t i = 0; i < LIMIT_MEMORIES; i++)
            build_function("ii:i", "",
                           CODE(LOCAL_GET, 0, LOCAL_GET, 1, I32_STORE, 0x40, i, 0, I32_CONST, 1,
                                MEMORY_GROW, i));
        instance = instantiate_built();
        for (uint32_t i = 0; i < LIMIT_MEMORIES; i++)
            assert_int_equal(CALL_GUEST(instance, i, PAGE - 4, 1000 + i), 1);
        for (uint32_t i = 0; i < LIMIT_MEMORIES; i++) {
            uint32_t value;

            memcpy(&value, base_of(i) + PAGE - 4, sizeof value);
            assert_int_equal(value, 1000 + i);
            CALL_GUEST(instance, i, PAGE, 0);
            CALL_TRAPS(TRAP_MEMORY_OUT_OF_BOUNDS, instance, i, 2 * PAGE - 3, 0);
        }
    }
}

static void memories_share_one_budget(void **state)
{
    (void)state;
    engine_replace((struct engine_config){.memory_bytes_max = 5ull * PAGE});
    build_both();
    instance = instantiate_built();
    assert_int_equal(CALL_GUEST(instance, GROW_FEW, 1), 1);
    engine_replace((struct engine_config){.memory_bytes_max = 4ull * PAGE});
    build_both();
    instance = instantiate_built();
    assert_int_equal(CALL_GUEST(instance, GROW_FEW, 1), 0xffffffff);
}

/* Pages of one byte, a proposal. */

static void memory_of_bytes_ends_at_its_last_byte(void **state)
{
    const struct memorytype type = {.limits = {.minimum = 5, .maximum = 12, .has_maximum = true},
                                    .has_page_size = true};

    (void)state;
    for (int checked = 0; checked < 2; checked++) {
        engine_replace((struct engine_config){.checked_memory = checked,
                                              .features = FEATURE_BIT(FEATURE_CUSTOM_PAGE_SIZES)});
        build_memory_of(&type);
        build_function("i:i", "", CODE(LOCAL_GET, 0, I32_LOAD8_U, 0, 0));
        build_function("i:i", "", CODE(LOCAL_GET, 0, I32_LOAD, 0, 0));
        build_function("i:i", "", CODE(LOCAL_GET, 0, MEMORY_GROW, 0));
        build_function(":i", "", CODE(MEMORY_SIZE, 0));
        instance = instantiate_built();
        assert_int_equal(CALL_GUEST(instance, 0, 4), 0);
        CALL_TRAPS(TRAP_MEMORY_OUT_OF_BOUNDS, instance, 0, 5);
        CALL_TRAPS(TRAP_MEMORY_OUT_OF_BOUNDS, instance, 1, 2);
        assert_int_equal(CALL_GUEST(instance, 2, 7), 5);
        assert_int_equal(CALL_GUEST(instance, 1, 8), 0);
        CALL_TRAPS(TRAP_MEMORY_OUT_OF_BOUNDS, instance, 1, 9);
        assert_int_equal(CALL_GUEST(instance, 2, 1), 0xffffffff);
        assert_int_equal(CALL_GUEST(instance, 3), 12);
    }
}

static void page_size_of_an_imported_memory_must_be_the_same(void **state)
{
    const struct memorytype bytes = {.limits = {.minimum = 1}, .has_page_size = true};
    const struct memorytype pages = {.limits = {.minimum = 1}};
    const struct memorytype same = {
        .limits = {.minimum = 1}, .has_page_size = true, .page_log2 = 16};
    const struct memorytype *const types[] = {&bytes, &pages, &same};

    (void)state;
    engine_replace((struct engine_config){.features = FEATURE_BIT(FEATURE_CUSTOM_PAGE_SIZES)});
    for (int given = 0; given < 3; given++) {
        assert_true(
            engine_define_memory(engine, engine_name("m"), engine_name("n"), types[given], &error));
        for (int wanted = 0; wanted < 3; wanted++) {
            struct module *module;
            bool fits = (given == 0) == (wanted == 0);

            build_import_memory_of("m", "n", types[wanted]);
            module = load_built();
            error_clear(&error);
            assert_int_equal(engine_instantiate(engine, module, &instance, &trap, &error),
                             fits ? OUTCOME_OK : OUTCOME_ERROR);
            assert_int_equal(error.code, fits ? ERROR_NONE : ERROR_INCOMPATIBLE_IMPORT_TYPE);
        }
    }
    error_clear(&error);
}

static const struct CMUnitTest tests[] = {
    TEST(copy_goes_from_one_memory_to_another_in_both_directions),
    TEST(copy_between_memories_keeps_to_the_bounds_of_each),
    TEST(fill_and_init_write_the_memory_that_they_name),
    TEST(each_memory_grows_by_itself),
    TEST(memory_is_the_same_under_another_index),
    TEST(unknown_memory_is_invalid_in_every_instruction),
    TEST(a_hundred_memories_are_all_there),
    TEST(memories_share_one_budget),
    TEST(memory_of_bytes_ends_at_its_last_byte),
    TEST(page_size_of_an_imported_memory_must_be_the_same),
};

int main(void)
{
    return cmocka_run_group_tests(tests, run_group_set_up, NULL);
}
