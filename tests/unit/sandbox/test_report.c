// SPDX-License-Identifier: Apache-2.0
#include "sandbox/report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define TEXT(text_)                                                                                \
    {                                                                                              \
        (const uint8_t *)(text_), sizeof(text_) - 1                                                \
    }

static const uint8_t types[] = {PLAN_CORE_I32, PLAN_CORE_I32, PLAN_CORE_I64};

static const struct report_item items[] = {
    {.part = REPORT_IMPORT,
     .kind = REPORT_FUNCTION,
     .module = TEXT("app"),
     .name = TEXT("log"),
     .parameter_count = 2,
     .result_count = 1,
     .types = types},
    {.part = REPORT_IMPORT,
     .kind = REPORT_GLOBAL,
     .value_type = PLAN_CORE_F64,
     .flags = REPORT_MUTABLE,
     .name = TEXT("base")},
    {.part = REPORT_IMPORT,
     .kind = REPORT_KIND_MEMORY,
     .flags = REPORT_LINKED | REPORT_ADDRESS64,
     .owner = 2,
     .module = TEXT("env"),
     .name = TEXT("memory"),
     .first = 3},
    {.part = REPORT_EXPORT,
     .kind = REPORT_GLOBAL,
     .value_type = PLAN_CORE_I32,
     .flags = REPORT_HAS_VALUE,
     .name = TEXT("__heap_base"),
     .first = 66560},
    {.part = REPORT_EXPORT,
     .kind = REPORT_TABLE,
     .name = TEXT("t"),
     .value_type = REPORT_FUNCREF,
     .first = 3},
    {.part = REPORT_MEMORY, .kind = REPORT_KIND_MEMORY, .flags = REPORT_HAS_MAXIMUM, .second = 9},
    {.part = REPORT_DATA, .kind = REPORT_KIND_MEMORY, .first = 1024, .second = 1030},
    {.part = REPORT_SECTION, .kind = 0, .name = TEXT("name"), .first = 10, .second = 20},
};

enum { ITEMS = sizeof items / sizeof items[0] };

static const struct report_head head = {.flags = REPORT_HAS_START, .counts = {3, 2, 1, 1, 1}};

static uint8_t bytes[4096];

static size_t write_with(const struct report_head *first, const struct report_item *list,
                         size_t count)
{
    struct report_writer writer = {.bytes = bytes, .size = sizeof bytes};

    report_put_head(&writer, first);
    for (size_t i = 0; i < count; i++)
        report_put_item(&writer, &list[i]);
    assert_true(writer.length <= sizeof bytes);
    return writer.length;
}

static size_t write_all(void)
{
    return write_with(&head, items, ITEMS);
}

static bool opens(size_t size)
{
    struct error error = {.code = ERROR_NONE};
    struct report_reader reader;
    bool opened = report_open(&reader, bytes, size, &error);

    assert_int_equal(opened, error.code == ERROR_NONE);
    return opened;
}

// --- reports -------------------------------------------------------------------------------------

static void a_report_is_read_as_it_was_written(void **state)
{
    struct error error = {.code = ERROR_NONE};
    struct report_reader reader;
    struct report_item item;

    (void)state;
    assert_true(report_open(&reader, bytes, write_all(), &error));
    assert_memory_equal(&reader.head, &head, sizeof head);
    for (size_t i = 0; i < ITEMS; i++) {
        const struct report_item *was = &items[i];

        assert_true(report_next(&reader, &item));
        assert_int_equal(item.part, was->part);
        assert_int_equal(item.kind, was->kind);
        assert_int_equal(item.value_type, was->value_type);
        assert_int_equal(item.flags, was->flags);
        assert_int_equal(item.owner, was->owner);
        assert_int_equal(item.first, was->first);
        assert_int_equal(item.second, was->second);
        assert_int_equal(item.module.length, was->module.length);
        assert_int_equal(item.name.length, was->name.length);
        if (was->name.length > 0)
            assert_memory_equal(item.name.bytes, was->name.bytes, was->name.length);
        assert_int_equal(item.parameter_count, was->parameter_count);
        if (was->parameter_count > 0)
            assert_memory_equal(item.types, types, sizeof types);
    }
    assert_false(report_next(&reader, &item));
}

static void a_writer_without_room_measures(void **state)
{
    struct report_writer writer = {.bytes = NULL};

    (void)state;
    report_put_head(&writer, &head);
    for (size_t i = 0; i < ITEMS; i++)
        report_put_item(&writer, &items[i]);
    assert_int_equal(writer.length, write_all());
}

static void evidence_of_a_stack_is_one_there_is_and_nothing_else_has_it(void **state)
{
    const struct report_head one = {.counts = {[REPORT_DATA] = 1}};
    struct report_item item = {.part = REPORT_DATA, .first = 4096, .second = 69632};

    (void)state;
    for (uint8_t kind = REPORT_REGION_DATA; kind < REPORT_REGION_END; kind++) {
        for (unsigned flags = 0; flags < 256; flags++) {
            item.kind = kind;
            item.flags = (uint8_t)flags;
            assert_int_equal(opens(write_with(&one, &item, 1)),
                             kind == REPORT_REGION_STACK ? flags < REPORT_STACK_COUNT : flags == 0);
        }
    }
}

static void a_report_that_is_cut_off_anywhere_is_refused(void **state)
{
    size_t size = write_all();

    (void)state;
    for (size_t i = 0; i < size; i++)
        assert_false(opens(i));
    bytes[size] = 0;
    assert_false(opens(size + 1));
    assert_true(opens(size));
}

static void lengths_beyond_the_report_are_refused(void **state)
{
    static const size_t fields[] = {4, 6, 8, 9, 10, 11, 12, 13, 14, 15}; // in the first item

    (void)state;
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        size_t size = write_all();

        bytes[REPORT_HEAD_SIZE + fields[i]] = 0xFF;
        assert_false(opens(size));
    }
}

static void counts_that_differ_from_the_items_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < REPORT_PART_COUNT; i++) {
        size_t size = write_all();

        bytes[8 + 4 * i]++;
        assert_false(opens(size));
        bytes[8 + 4 * i] = 0;
        assert_false(opens(size));
        memset(bytes + 8 + 4 * i, 0xFF, 4);
        assert_false(opens(size));
    }
}

// Writes one item of the part by itself.
static bool accepts(struct report_item item)
{
    struct report_head one = {.flags = 0};

    one.counts[item.part] = 1;
    return opens(write_with(&one, &item, 1));
}

static void fields_that_do_not_belong_to_an_item_are_refused(void **state)
{
    (void)state;
    assert_true(accepts(items[0]));
    assert_false(accepts((struct report_item){.part = REPORT_IMPORT, .kind = REPORT_KIND_COUNT}));
    assert_false(accepts((struct report_item){.part = REPORT_IMPORT, .first = 1}));
    assert_false(accepts((struct report_item){.part = REPORT_IMPORT, .flags = REPORT_MUTABLE}));
    assert_false(accepts((struct report_item){.part = REPORT_EXPORT, .module = TEXT("m")}));
    assert_false(accepts((struct report_item){.part = REPORT_EXPORT, .kind = REPORT_GLOBAL}));
    assert_false(accepts(
        (struct report_item){.part = REPORT_EXPORT, .kind = REPORT_GLOBAL, .value_type = 0x40}));
    assert_false(accepts((struct report_item){.part = REPORT_MEMORY, .kind = REPORT_TABLE}));
    assert_false(accepts((struct report_item){.part = REPORT_SECTION, .kind = 14}));
    assert_false(accepts((struct report_item){.part = REPORT_SECTION, .value_type = 1}));
    assert_false(accepts(
        (struct report_item){.part = REPORT_MEMORY, .kind = REPORT_KIND_MEMORY, .second = 1}));
}

static void only_imports_have_owners_which_go_up_and_may_be_linked(void **state)
{
    const struct report_head two = {.counts = {[REPORT_IMPORT] = 2}};
    struct report_item list[] = {items[0], items[0]};

    (void)state;
    assert_true(accepts((struct report_item){.part = REPORT_IMPORT, .flags = REPORT_LINKED}));
    assert_false(accepts((struct report_item){.part = REPORT_EXPORT, .flags = REPORT_LINKED}));
    assert_false(accepts((struct report_item){.part = REPORT_EXPORT, .owner = 1}));
    assert_false(accepts((struct report_item){.part = REPORT_SECTION, .owner = 1}));
    assert_true(
        accepts((struct report_item){.part = REPORT_IMPORT, .owner = REPORT_LIBRARIES_MAX}));
    assert_false(
        accepts((struct report_item){.part = REPORT_IMPORT, .owner = REPORT_LIBRARIES_MAX + 1}));
    list[0].owner = 1;
    list[1].owner = 1;
    assert_true(opens(write_with(&two, list, 2)));
    list[1].owner = 0;
    assert_false(opens(write_with(&two, list, 2)));
}

// --- libraries -----------------------------------------------------------------------------------

static const struct report_library some_libraries[] = {
    {.name = "env", .offset = 10, .size = 20},
    {.name = "libmath.so", .offset = 30, .size = 70},
};

static size_t put_libraries(size_t count)
{
    struct report_writer writer = {.bytes = bytes, .size = sizeof bytes};

    for (size_t i = 0; i < count; i++)
        report_put_library(&writer, &some_libraries[i % 2]);
    assert_int_equal(writer.length, count * REPORT_LIBRARY_SIZE);
    return writer.length;
}

static bool takes_libraries(size_t size, uint64_t mapped)
{
    struct report_library taken[REPORT_LIBRARIES_MAX];
    struct error error = {.code = ERROR_NONE};
    uint32_t count;
    bool took = report_take_libraries(bytes, size, mapped, taken, &count, &error);

    assert_int_equal(took, error.code == ERROR_NONE);
    return took;
}

static void libraries_are_read_as_they_were_written(void **state)
{
    struct report_library taken[REPORT_LIBRARIES_MAX];
    struct error error = {.code = ERROR_NONE};
    uint32_t count;

    (void)state;
    assert_true(report_take_libraries(bytes, put_libraries(2), 100, taken, &count, &error));
    assert_int_equal(count, 2);
    assert_string_equal(taken[1].name, "libmath.so");
    assert_int_equal(taken[1].offset, 30);
    assert_int_equal(taken[1].size, 70);
    assert_true(report_take_libraries(bytes, 0, 0, taken, &count, &error));
    assert_int_equal(count, 0);
}

static void libraries_of_another_form_are_refused(void **state)
{
    size_t size = put_libraries(2);

    (void)state;
    assert_true(takes_libraries(size, 100));
    assert_false(takes_libraries(size, 99)); // the second goes beyond
    assert_false(takes_libraries(size - 1, 100));
    assert_false(takes_libraries(put_libraries(3), 100)); // twice the same name
    assert_false(takes_libraries(put_libraries(REPORT_LIBRARIES_MAX + 1), 100));
    put_libraries(1);
    bytes[16] = 0; // no name
    assert_false(takes_libraries(REPORT_LIBRARY_SIZE, 100));
    bytes[16] = POLICY_LIBRARY_NAME_MAX + 1;
    assert_false(takes_libraries(REPORT_LIBRARY_SIZE, 100));
    put_libraries(1);
    bytes[17] = '/';
    assert_false(takes_libraries(REPORT_LIBRARY_SIZE, 100));
    put_libraries(1);
    memset(bytes, 0xFF, 8); // an offset with which the end wraps
    assert_false(takes_libraries(REPORT_LIBRARY_SIZE, UINT64_MAX - 1));
}

static void names_are_utf8(void **state)
{
    (void)state;
    assert_true(accepts((struct report_item){.part = REPORT_EXPORT, .name = TEXT("n\303\266")}));
    assert_false(accepts((struct report_item){.part = REPORT_EXPORT, .name = TEXT("n\303")}));
    assert_false(accepts((struct report_item){.part = REPORT_IMPORT, .module = TEXT("\377")}));
}

static void value_types_are_known_ones(void **state)
{
    static const uint8_t odd[] = {0x40};

    (void)state;
    assert_false(
        accepts((struct report_item){.part = REPORT_EXPORT, .parameter_count = 1, .types = odd}));
    assert_false(
        accepts((struct report_item){.part = REPORT_EXPORT, .result_count = 1, .types = odd}));
}

static void a_function_fits_the_core_type_of_its_plan(void **state)
{
    struct plan plan = {.parameter_count = 1,
                        .result = PLAN_STR,
                        .parameters = {{.kind = PLAN_STR, .direction = PLAN_IN}}};
    struct report_item item = items[0];

    (void)state;
    assert_true(report_fits(&item, &plan));
    item.kind = REPORT_TAG;
    assert_false(report_fits(&item, &plan));
    item.kind = REPORT_FUNCTION;
    plan.result = PLAN_CSTR;
    assert_false(report_fits(&item, &plan));
    plan.result = PLAN_NONE;
    assert_false(report_fits(&item, &plan));
    plan.result = PLAN_STR;
    plan.parameters[0].kind = PLAN_U64;
    assert_false(report_fits(&item, &plan));
}

// --- links ---------------------------------------------------------------------------------------

static void a_link_is_read_as_it_was_written(void **state)
{
    struct report_writer writer = {.bytes = bytes, .size = sizeof bytes};
    struct error error = {.code = ERROR_NONE};
    struct plan plan = {.parameter_count = 1,
                        .result = PLAN_I32,
                        .parameters = {{.kind = PLAN_U8, .direction = PLAN_IN}}};
    struct plan taken;
    enum report_service service;
    size_t at = 0;

    (void)state;
    report_put_link(&writer, REPORT_WASI, NULL);
    report_put_link(&writer, REPORT_HOST, &plan);
    report_put_link(&writer, REPORT_ABSENT, NULL);
    assert_true(report_take_link(bytes, writer.length, &at, &service, &taken, &error));
    assert_int_equal(service, REPORT_WASI);
    assert_true(report_take_link(bytes, writer.length, &at, &service, &taken, &error));
    assert_int_equal(service, REPORT_HOST);
    assert_memory_equal(&taken, &plan, sizeof plan);
    assert_true(report_take_link(bytes, writer.length, &at, &service, &taken, &error));
    assert_int_equal(service, REPORT_ABSENT);
    assert_int_equal(at, writer.length);
    assert_false(report_take_link(bytes, writer.length, &at, &service, &taken, &error));
}

static void links_that_are_cut_off_or_unknown_are_refused(void **state)
{
    struct report_writer writer = {.bytes = bytes, .size = sizeof bytes};
    struct plan plan = {.result = PLAN_NONE};

    (void)state;
    report_put_link(&writer, REPORT_HOST, &plan);
    for (size_t size = 0; size <= writer.length; size++) {
        struct error error = {.code = ERROR_NONE};
        enum report_service service;
        size_t at = 0;

        assert_int_equal(report_take_link(bytes, size, &at, &service, &plan, &error),
                         size == writer.length);
    }
    for (unsigned i = 0; i < 2; i++) {
        struct error error = {.code = ERROR_NONE};
        enum report_service service;
        size_t at = 0;

        bytes[i] = 0xFF; // the plan's number of parameters, the second time the service
        bytes[0] = i == 0 ? 0xFF : REPORT_HOST;
        assert_false(report_take_link(bytes, writer.length, &at, &service, &plan, &error));
    }
}

// --- frames --------------------------------------------------------------------------------------

static const char name[] = "greet";
static const struct plan greet = {.parameter_count = 1,
                                  .result = PLAN_STR,
                                  .parameters = {{.kind = PLAN_STR, .direction = PLAN_IN}}};

static size_t write_frame(struct report_frame *frame)
{
    const uint64_t words[] = {0, 3};

    report_frame_layout(sizeof name - 1, 2, MESSAGE_ARENA_SIZE, frame);
    report_put_frame(bytes, frame, (const uint8_t *)name, &greet, words);
    memcpy(bytes + frame->blocks_at, "Ada", 3);
    return report_frame_bytes(frame, 3);
}

static void the_parts_of_a_frame_lie_where_documented(void **state)
{
    struct report_frame frame;

    (void)state;
    report_frame_layout(sizeof name - 1, 2, MESSAGE_ARENA_SIZE, &frame);
    assert_int_equal(frame.name_at, 8);
    assert_int_equal(frame.plan_at, 13);
    assert_int_equal(frame.words_at, 56);
    assert_int_equal(frame.blocks_at, 80);
    assert_int_equal(frame.blocks_size, MESSAGE_ARENA_SIZE - 80);
    report_frame_layout(0, 3, REPORT_FRAME_MAX, &frame);
    assert_int_equal(frame.words_at, 8);
    assert_int_equal(frame.blocks_at, 32);
    assert_int_equal(frame.blocks_size, REPORT_FRAME_MAX - 32);
    assert_int_equal(report_frame_bytes(&frame, 0), 32);
    assert_int_equal(report_frame_bytes(&frame, 5), 37);
}

static void a_frame_is_no_longer_than_memory_and_an_arena(void **state)
{
    (void)state;
    assert_int_equal(report_frame_max(0), 2 * MESSAGE_ARENA_SIZE);
    assert_int_equal(report_frame_max(64 * 1024), 128 * 1024);
    assert_int_equal(report_frame_max(1024 * 1024), 1024 * 1024 + MESSAGE_ARENA_SIZE);
    assert_int_equal(report_frame_max(REPORT_FRAME_MAX - MESSAGE_ARENA_SIZE - 1),
                     REPORT_FRAME_MAX - 1);
    assert_int_equal(report_frame_max(REPORT_FRAME_MAX), REPORT_FRAME_MAX);
    assert_int_equal(report_frame_max(UINT64_MAX), REPORT_FRAME_MAX);
}

static void a_frame_is_read_as_it_was_written(void **state)
{
    struct error error = {.code = ERROR_NONE};
    uint64_t words[PLAN_WORDS_MAX];
    struct report_frame frame;
    struct report_frame read;
    struct plan plan;
    size_t size = write_frame(&frame);

    (void)state;
    assert_true(report_take_frame(bytes, size, true, &read, &plan, words, &error));
    assert_int_equal(read.name_length, sizeof name - 1);
    assert_memory_equal(bytes + read.name_at, name, sizeof name - 1);
    assert_memory_equal(&plan, &greet, sizeof plan);
    assert_int_equal(read.word_count, 2);
    assert_int_equal(words[1], 3);
    assert_int_equal(words[2], 0);
    assert_int_equal(read.blocks_at, frame.blocks_at);
    assert_int_equal(read.blocks_size, 3);
}

static void frames_that_are_cut_off_or_misnamed_are_refused(void **state)
{
    uint64_t words[PLAN_WORDS_MAX];
    struct report_frame frame;
    struct plan plan;
    size_t size = write_frame(&frame);
    struct error error = {.code = ERROR_NONE};

    (void)state;
    for (size_t i = 0; i < frame.words_at + 16; i++) {
        error_clear(&error);
        assert_false(report_take_frame(bytes, i, true, &frame, &plan, words, &error));
    }
    assert_false(report_take_frame(bytes, size, false, &frame, &plan, words, &error));
    memset(bytes, 0, 8);
    assert_false(report_take_frame(bytes, size, true, &frame, &plan, words, &error));
    error_clear(&error);
    assert_true(report_take_frame(bytes, size, false, &frame, NULL, words, &error));
}

static void lengths_in_a_frame_are_bounded(void **state)
{
    uint64_t words[PLAN_WORDS_MAX];
    struct report_frame frame;
    struct plan plan;

    (void)state;
    for (size_t i = 0; i < 8; i++) {
        struct error error = {.code = ERROR_NONE};
        size_t size = write_frame(&frame);

        bytes[i] = 0xFF;
        assert_false(report_take_frame(bytes, size, true, &frame, &plan, words, &error));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_report_is_read_as_it_was_written),
        cmocka_unit_test(a_writer_without_room_measures),
        cmocka_unit_test(evidence_of_a_stack_is_one_there_is_and_nothing_else_has_it),
        cmocka_unit_test(a_report_that_is_cut_off_anywhere_is_refused),
        cmocka_unit_test(lengths_beyond_the_report_are_refused),
        cmocka_unit_test(counts_that_differ_from_the_items_are_refused),
        cmocka_unit_test(fields_that_do_not_belong_to_an_item_are_refused),
        cmocka_unit_test(only_imports_have_owners_which_go_up_and_may_be_linked),
        cmocka_unit_test(libraries_are_read_as_they_were_written),
        cmocka_unit_test(libraries_of_another_form_are_refused),
        cmocka_unit_test(names_are_utf8),
        cmocka_unit_test(value_types_are_known_ones),
        cmocka_unit_test(a_function_fits_the_core_type_of_its_plan),
        cmocka_unit_test(a_link_is_read_as_it_was_written),
        cmocka_unit_test(links_that_are_cut_off_or_unknown_are_refused),
        cmocka_unit_test(the_parts_of_a_frame_lie_where_documented),
        cmocka_unit_test(a_frame_is_no_longer_than_memory_and_an_arena),
        cmocka_unit_test(a_frame_is_read_as_it_was_written),
        cmocka_unit_test(frames_that_are_cut_off_or_misnamed_are_refused),
        cmocka_unit_test(lengths_in_a_frame_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
