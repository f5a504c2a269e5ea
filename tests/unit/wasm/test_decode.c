// SPDX-License-Identifier: Apache-2.0
//
// Modules as a whole: preamble, sections, expressions (specification: "Binary Format / Modules").
#include "tests/unit/wasm/decode_fixture.h"

// --- The preamble ---

static void the_empty_module_is_a_module(void **state)
{
    (void)state;
    accept(EMPTY_MODULE);
    assert_int_equal(module.function_count, 0);
    assert_int_equal(module.custom_count, 0);
    assert_false(module.has_start);
    assert_false(module.has_data_count);
}

static void preambles_that_are_not_webassembly_are_refused(void **state)
{
    (void)state;
    refuse(ERROR_MAGIC, 0, BYTES(0x01, 'a', 's', 'm', 0x01, 0x00, 0x00, 0x00));
    refuse(ERROR_MAGIC, 0, BYTES('m', 's', 'a', 0x00));
    refuse(ERROR_VERSION, 4, BYTES(0x00, 'a', 's', 'm', 0x02, 0x00, 0x00, 0x00));
    refuse(ERROR_VERSION, 4, BYTES(0x00, 'a', 's', 'm', 0x0D, 0x00, 0x01, 0x00)); // a component
    refuse(ERROR_UNEXPECTED_END, 0, NULL, 0);
    refuse(ERROR_UNEXPECTED_END, 3, BYTES(0x00, 'a', 's'));
    refuse(ERROR_UNEXPECTED_END, 7, BYTES(0x00, 'a', 's', 'm', 0x01, 0x00, 0x00));
}

// A section whose list claims `count` items; behind that zeroes, so that there is a byte for each.
static size_t write_claim(uint8_t *bytes, uint8_t section, uint32_t count)
{
    const uint32_t numbers[] = {count + 5, count};
    uint8_t *at = (uint8_t *)mempcpy(bytes, EMPTY_MODULE);

    *at++ = section;
    for (int i = 0; i < 2; i++)
        for (int shift = 0; shift < 35; shift += 7)
            *at++ = (uint8_t)((numbers[i] >> shift & 0x7F) | (shift < 28 ? 0x80 : 0));
    memset(at, 0, count);
    return (size_t)(at - bytes) + count;
}

static void more_than_the_limit_of_anything_is_a_limit_error(void **state)
{
    static const struct {
        uint8_t section;
        uint32_t limit;
    } claims[] = {
        {1, LIMIT_TYPES},   {2, LIMIT_IMPORTS},          {3, LIMIT_FUNCTIONS},
        {4, LIMIT_TABLES},  {5, LIMIT_MEMORIES},         {6, LIMIT_GLOBALS},
        {7, LIMIT_EXPORTS}, {9, LIMIT_ELEMENT_SEGMENTS}, {11, LIMIT_DATA_SEGMENTS},
        {13, LIMIT_TAGS},
    };
    uint8_t *bytes = malloc(LIMIT_ELEMENT_SEGMENTS + 100);

    (void)state;
    assert_non_null(bytes);
    for (size_t i = 0; i < ARRAY_LENGTH(claims); i++) {
        size_t length = write_claim(bytes, claims[i].section, claims[i].limit + 1);

        refuse(ERROR_LIMIT_COUNT, 14, bytes, length);
        assert_int_equal(error_kind(error.code), ERROR_KIND_LIMIT);
        length = write_claim(bytes, claims[i].section, claims[i].limit);
        assert_true(decode(bytes, length) || error.code != ERROR_LIMIT_COUNT);
    }
    free(bytes);
}

static void more_custom_sections_than_the_limit_are_a_limit_error(void **state)
{
    size_t length = 8 + 3 * ((size_t)LIMIT_CUSTOM_SECTIONS + 1);
    uint8_t *bytes = malloc(length);
    uint8_t *at;

    (void)state;
    assert_non_null(bytes);
    at = (uint8_t *)mempcpy(bytes, EMPTY_MODULE);
    for (; at < bytes + length; at += 3)
        memcpy(at, BYTES(0, 1, 0));
    refuse(ERROR_LIMIT_COUNT, length, bytes, length);
    accept(bytes, length - 3);
    free(bytes);
}

static void a_module_beyond_the_limit_is_not_looked_at(void **state)
{
    static const uint8_t byte;

    (void)state;
    error_clear(&error);
    assert_false(
        module_decode(&module, &store, features, &byte, (size_t)LIMIT_MODULE_BYTES + 1, &error));
    assert_int_equal(error.code, ERROR_LIMIT_MODULE);
    assert_null(module.arena.base);
}

// --- Sections ---

static void sections_come_in_their_order_and_once(void **state)
{
    // Empty ones of all kinds, but for the start section, which cannot be empty.
    static const uint8_t order[] = {1, 2, 3, 4, 5, 13, 6, 7, 9, 12, 10, 11};

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(order); i++)
        for (size_t k = 0; k < ARRAY_LENGTH(order); k++) {
            if (i < k)
                accept(MODULE(order[i], 1, 0, order[k], 1, 0));
            else
                refuse(ERROR_UNEXPECTED_CONTENT, 11, MODULE(order[i], 1, 0, order[k], 1, 0));
        }
    accept(MODULE(7, 1, 0, 8, 1, 0, 9, 1, 0));
    refuse(ERROR_UNEXPECTED_CONTENT, 11, MODULE(8, 1, 0, 7, 1, 0));
    refuse(ERROR_UNEXPECTED_CONTENT, 11, MODULE(9, 1, 0, 8, 1, 0));
}

static void unknown_section_ids_are_malformed(void **state)
{
    (void)state;
    refuse(ERROR_MALFORMED_SECTION_ID, 8, MODULE(14, 1, 0));
    refuse(ERROR_MALFORMED_SECTION_ID, 8, MODULE(0x80, 0, 1, 0));
    refuse(ERROR_MALFORMED_SECTION_ID, 11, MODULE(1, 1, 0, 0xFF));
}

static void a_section_must_fill_its_size(void **state)
{
    (void)state;
    refuse(ERROR_SECTION_SIZE_MISMATCH, 11, MODULE(1, 2, 0, 0));
    refuse(ERROR_SECTION_SIZE_MISMATCH, 11, MODULE(8, 2, 0, 0));
    refuse(ERROR_UNEXPECTED_END_OF_SECTION, 13, MODULE(1, 3, 1, 0x60, 0, 0));
    refuse(ERROR_UNEXPECTED_END_OF_SECTION, 10, MODULE(1, 0));
    refuse(ERROR_LENGTH_OUT_OF_BOUNDS, 10, MODULE(1, 2, 0));
    refuse(ERROR_INTEGER_REPRESENTATION_TOO_LONG, 9, MODULE(1, 0x80, 0x80, 0x80, 0x80, 0x80, 0));
}

static void section_sizes_and_counts_may_be_longer_than_needed(void **state)
{
    (void)state;
    accept(MODULE(1, 0x88, 0x80, 0x80, 0x80, 0x00, 0x81, 0x80, 0x80, 0x80, 0x00, 0x60, 0x00, 0x00));
    assert_int_equal(module.type_count, 1);
}

static void hostile_counts_fail_without_allocating(void **state)
{
    static const uint8_t lists[] = {1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 13};

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(lists); i++)
        refuse(ERROR_LENGTH_OUT_OF_BOUNDS, 10,
               MODULE(lists[i], 6, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 0x00));
    assert_int_equal(store.count, 0);
}

static void custom_sections_are_kept_with_their_place(void **state)
{
    (void)state;
    accept(MODULE(0, 4, 1, 'a', 7, 8, TYPE_SECTION, 0, 1, 0, 0, 2, 1, 'c', 11, 1, 0, 0, 2, 1, 'd'));
    assert_int_equal(module.custom_count, 4);
    assert_name(module.customs[0].name, "a");
    assert_int_equal(module.customs[0].size, 2);
    assert_ptr_equal(module.customs[0].bytes, copy + 12);
    assert_int_equal(module.customs[0].offset, 10);
    assert_int_equal(module.customs[0].after, 0);
    assert_name(module.customs[1].name, "");
    assert_int_equal(module.customs[1].size, 0);
    assert_int_equal(module.customs[1].after, 1);
    assert_name(module.customs[2].name, "c");
    assert_int_equal(module.customs[2].after, 1);
    assert_name(module.customs[3].name, "d");
    assert_int_equal(module.customs[3].after, 11);
}

static void custom_sections_need_a_name_of_utf8(void **state)
{
    (void)state;
    refuse(ERROR_UNEXPECTED_END_OF_SECTION, 10, MODULE(0, 0));
    refuse(ERROR_LENGTH_OUT_OF_BOUNDS, 11, MODULE(0, 2, 2, 'a', 0, 1, 0));
    refuse(ERROR_MALFORMED_UTF8, 11, MODULE(0, 3, 2, 0xC0, 0x80));
}

static void many_custom_sections_are_all_kept(void **state)
{
    enum { COUNT = 1000 };
    static uint8_t bytes[8 + 4 * COUNT] = {0x00, 'a', 's', 'm', 0x01};

    (void)state;
    for (size_t i = 0; i < COUNT; i++)
        memcpy(bytes + 8 + 4 * i, (const uint8_t[]){0, 2, 0, (uint8_t)i}, 4);
    accept(bytes, sizeof bytes);
    assert_int_equal(module.custom_count, COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(module.customs[i].offset, 10 + 4 * i);
        assert_int_equal(module.customs[i].bytes[0], (uint8_t)i);
    }
}

// --- Functions, exports, start ---

static void functions_of_unknown_types_are_invalid(void **state)
{
    (void)state;
    refuse(ERROR_UNKNOWN_TYPE, 18, MODULE(TYPE_SECTION, 3, 3, 2, 0, 1));
}

static void functions_and_bodies_must_be_equally_many(void **state)
{
    (void)state;
    refuse(ERROR_FUNCTION_CODE_MISMATCH, 18, MODULE(TYPE_SECTION, 3, 2, 1, 0));
    refuse(ERROR_FUNCTION_CODE_MISMATCH, 20, MODULE(TYPE_SECTION, 3, 2, 1, 0, 10, 1, 0));
    refuse(ERROR_FUNCTION_CODE_MISMATCH, 10, MODULE(10, 4, 1, 2, 0, 0x0B));
    accept(MODULE(3, 1, 0));
    accept(MODULE(10, 1, 0));
}

static void exports_are_kept_and_their_indices_not_checked(void **state)
{
    (void)state;
    accept(MODULE(7, 17, 4, 1, 'f', 0, 9, 0, 1, 8, 1, 'g', 3, 0xFF, 0x00, 1, 't', 4, 3));
    assert_int_equal(module.export_count, 4);
    assert_name(module.exports[0].name, "f");
    assert_int_equal(module.exports[0].kind, EXTERNAL_FUNCTION);
    assert_int_equal(module.exports[0].index, 9);
    assert_int_equal(module.exports[0].offset, 11);
    assert_name(module.exports[1].name, "");
    assert_int_equal(module.exports[1].kind, EXTERNAL_TABLE);
    assert_int_equal(module.exports[2].kind, EXTERNAL_GLOBAL);
    assert_int_equal(module.exports[2].index, 127);
    assert_int_equal(module.exports[3].kind, EXTERNAL_TAG);
    refuse(ERROR_MALFORMED_EXPORT_KIND, 13, MODULE(7, 5, 1, 1, 'f', 5, 0));
    refuse(ERROR_MALFORMED_UTF8, 12, MODULE(7, 5, 1, 1, 0x80, 0, 0));
}

static void the_start_function_is_kept(void **state)
{
    (void)state;
    accept(MODULE(8, 2, 0xC8, 0x01));
    assert_true(module.has_start);
    assert_int_equal(module.start, 200);
    assert_int_equal(module.start_offset, 10);
}

// --- Constant expressions ---

static void an_expression_ends_with_the_end_that_belongs_to_it(void **state)
{
    (void)state;
    accept(MODULE(6, 16, 1, 0x7F, 0, 0x02, 0x40, 0x03, 0x7F, 0x04, 0x40, 0x05, 0x0B, 0x41, 0x0B,
                  0x0B, 0x0B, 0x0B));
    assert_int_equal(module.globals[0].initial.size, 13);
    refuse(ERROR_UNEXPECTED_END_OF_SECTION, 15, MODULE(6, 5, 1, 0x7F, 0, 0x41, 0));
    refuse(ERROR_UNEXPECTED_END_OF_SECTION, 16, MODULE(6, 6, 1, 0x7F, 0, 0x02, 0x40, 0x0B));
    refuse(ERROR_END_OPCODE_EXPECTED, 13, MODULE(6, 5, 1, 0x7F, 0, 0x05, 0x0B));
    refuse(ERROR_ILLEGAL_OPCODE, 13, MODULE(6, 5, 1, 0x7F, 0, 0xFF, 0x0B));
    lack(FEATURE_GC, 13, MODULE(6, 6, 1, 0x7F, 0, 0xFB, 0x1C, 0x0B));
}

static void deep_nesting_in_an_expression_takes_no_stack(void **state)
{
    enum { DEPTH = 1000000 };
    // A section of 3 * DEPTH + 4 bytes, written in four.
    static const uint8_t head[] = {0x00, 'a',  's',  'm',  1, 0, 0,    0, //
                                   6,    0xC4, 0x8D, 0xB7, 1, 1, 0x7F, 0};
    static uint8_t bytes[sizeof head + 3 * DEPTH + 1];
    uint8_t *cursor = bytes + sizeof head;

    (void)state;
    memcpy(bytes, head, sizeof head);
    for (size_t i = 0; i < DEPTH; i++) {
        *cursor++ = 0x02;
        *cursor++ = 0x40;
    }
    memset(cursor, 0x0B, DEPTH + 1);
    accept(bytes, sizeof bytes);
    assert_int_equal(module.globals[0].initial.size, 3 * DEPTH + 1);
}

// --- Which functions ref.func may name ---

// A module of one type and 20 functions; sections follow at offset 38, the code section apart.
#define FUNCTIONS                                                                                  \
    TYPE_SECTION, 3, 21, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
#define BODY 2, 0, 0x0B
#define BODIES                                                                                     \
    10, 61, 20, BODY, BODY, BODY, BODY, BODY, BODY, BODY, BODY, BODY, BODY, BODY, BODY, BODY,      \
        BODY, BODY, BODY, BODY, BODY, BODY, BODY

static void declared_functions_are_those_of_globals_exports_and_segments(void **state)
{
    static const uint32_t expected[] = {1, 3, 8, 17, 19};
    size_t next = 0;

    (void)state;
    accept(MODULE(FUNCTIONS,                                            //
                  6, 6, 1, 0x70, 0, 0xD2, 1, 0x0B,                      // global: 1
                  7, 9, 2, 1, 'a', 0, 8, 1, 'b', 1, 9,                  // exports: 8; a table, 9
                  8, 1, 5,                                              // start: 5, which is none
                  9, 12, 2, 3, 0, 2, 3, 17, 5, 0x70, 1, 0xD2, 19, 0x0B, // 3, 17, 19
                  BODIES));
    for (uint32_t i = 0; i < 20; i++) {
        bool is_expected = next < ARRAY_LENGTH(expected) && expected[next] == i;

        assert_int_equal(is_declared(i), is_expected);
        next += is_expected;
    }
    assert_int_equal(next, ARRAY_LENGTH(expected));
}

static void without_declarations_the_set_is_there_and_empty(void **state)
{
    (void)state;
    accept(MODULE(FUNCTIONS, BODIES));
    for (uint32_t i = 0; i < 20; i++)
        assert_false(is_declared(i));
    // Indices out of range are for validation.
    accept(MODULE(7, 5, 1, 1, 'f', 0, 0x7F));
    assert_non_null(module.declared);
}

// --- Code ---

static void bodies_are_located_not_looked_into(void **state)
{
    (void)state;
    accept(MODULE(TYPE_SECTION, 3, 3, 2, 0, 0, 10, 6, 2, 1, 0xFF, 2, 0xFF, 0xFF));
    assert_int_equal(module.body_count, 2);
    assert_ptr_equal(module.bodies[0].bytes, copy + 23);
    assert_int_equal(module.bodies[0].size, 1);
    assert_int_equal(module.bodies[0].offset, 23);
    assert_int_equal(module.bodies[1].size, 2);
    assert_int_equal(module.bodies[1].offset, 25);
    refuse(ERROR_LENGTH_OUT_OF_BOUNDS, 22,
           MODULE(TYPE_SECTION, 3, 2, 1, 0, 10, 4, 1, 3, 0, 0x0B, 0, 1, 0));
}

// --- Cut off ---

// One of everything that is supported; long enough that each construct is cut in its middle.
// clang-format off
static const uint8_t whole[] = {
    0x00, 'a', 's', 'm', 1, 0, 0, 0,
    0, 3, 1, 'x', 9,
    1, 9, 2, 0x60, 0, 0, 0x60, 1, 0x7F, 1, 0x7C,
    2, 28, 4, 1, 'm', 1, 'f', 0, 0,
    1, 'm', 1, 't', 1, 0x70, 0, 5,
    1, 'm', 1, 'g', 3, 0x7E, 1,
    1, 'n', 1, 'h', 0, 1,
    3, 3, 2, 0, 1,
    4, 5, 1, 0x6F, 1, 7, 9,
    5, 4, 1, 1, 1, 2,
    6, 9, 1, 0x7F, 0, 0x41, 0x80, 0x80, 0x01, 0x6A, 0x0B,
    7, 9, 2, 1, 'a', 0, 1, 1, 'b', 2, 0,
    8, 1, 3,
    9, 15, 2, 2, 0, I32_CONST_END, 0, 1, 3, 5, 0x70, 1, 0xD0, 0x70, 0x0B,
    12, 1, 2,
    10, 7, 2, 2, 0, 0x0B, 2, 0, 0x0B,
    11, 11, 2, 0, I32_CONST_END, 1, 'd', 1, 2, 'e', 'f',
    0, 2, 1, 'y',
};
// clang-format on

static void every_prefix_of_a_module_is_refused_with_an_offset_or_is_one(void **state)
{
    unsigned accepted = 0;

    (void)state;
    accept(whole, sizeof whole);
    for (size_t cut = 0; cut < sizeof whole; cut++) {
        if (decode(whole, cut)) {
            accepted++;
            continue;
        }
        assert_int_equal(error_kind(error.code), ERROR_KIND_MALFORMED);
        assert_true(error.offset <= cut);
        assert_null(module.arena.base);
    }
    // After the preamble, the first custom section, types, imports and data.
    assert_int_equal(accepted, 5);
}

static void a_failed_module_leaves_nothing_and_can_be_finished(void **state)
{
    (void)state;
    refuse(ERROR_MALFORMED_SECTION_ID, 14, MODULE(TYPE_SECTION, 14));
    module_finish(&module);
    module_finish(&module);
    accept(MODULE(TYPE_SECTION));
    module_finish(&module);
    assert_null(module.arena.base);
    assert_int_equal(module.type_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_empty_module_is_a_module),
        TEST(preambles_that_are_not_webassembly_are_refused),
        TEST(a_module_beyond_the_limit_is_not_looked_at),
        TEST(more_than_the_limit_of_anything_is_a_limit_error),
        TEST(more_custom_sections_than_the_limit_are_a_limit_error),
        TEST(sections_come_in_their_order_and_once),
        TEST(unknown_section_ids_are_malformed),
        TEST(a_section_must_fill_its_size),
        TEST(section_sizes_and_counts_may_be_longer_than_needed),
        TEST(hostile_counts_fail_without_allocating),
        TEST(custom_sections_are_kept_with_their_place),
        TEST(custom_sections_need_a_name_of_utf8),
        TEST(many_custom_sections_are_all_kept),
        TEST(functions_of_unknown_types_are_invalid),
        TEST(functions_and_bodies_must_be_equally_many),
        TEST(exports_are_kept_and_their_indices_not_checked),
        TEST(the_start_function_is_kept),
        TEST(an_expression_ends_with_the_end_that_belongs_to_it),
        TEST(deep_nesting_in_an_expression_takes_no_stack),
        TEST(declared_functions_are_those_of_globals_exports_and_segments),
        TEST(without_declarations_the_set_is_there_and_empty),
        TEST(bodies_are_located_not_looked_into),
        TEST(every_prefix_of_a_module_is_refused_with_an_offset_or_is_one),
        TEST(a_failed_module_leaves_nothing_and_can_be_finished),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
