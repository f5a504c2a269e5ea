// SPDX-License-Identifier: Apache-2.0
//
// The custom section "dylink.0" (tool conventions, "Dynamic Linking").
#include "sandbox/wasm/dylink.h"
#include "tests/unit/wasm/decode_fixture.h"

#define DYLINK_NAME 8, 'd', 'y', 'l', 'i', 'n', 'k', '.', '0'
#define CONTENT_AT  19u // offset of the section's content, its name apart
#define SIZES       1, 4, 12, 2, 3, 1

static struct dylink dylink;
static struct arena arena;

static int set_up(void **state)
{
    return open_store(state) != 0 || !arena_init(&arena, 1024 * 1024, &error);
}

static int tear_down(void **state)
{
    arena_finish(&arena);
    return close_store(state);
}

// Reads a section of this content, the first of a module.
static bool read_section(const uint8_t *content, size_t length)
{
    uint8_t bytes[128] = {0x00, 'a', 's', 'm', 1, 0, 0, 0, 0, 0, DYLINK_NAME};

    assert_in_range(length, 0, sizeof bytes - CONTENT_AT);
    bytes[9] = (uint8_t)(9 + length);
    if (length != 0)
        memcpy(bytes + CONTENT_AT, content, length);
    accept(bytes, CONTENT_AT + length);
    return dylink_read(&module, &arena, &dylink, &error);
}

static void accept_section(const uint8_t *content, size_t length)
{
    if (!read_section(content, length))
        fail_msg("%s at %u", error.message, (unsigned)error.offset);
}

// `offset` counts from the section's content.
static void refuse_section(enum error_code code, uint64_t offset, const uint8_t *content,
                           size_t length)
{
    assert_false(read_section(content, length));
    assert_string_equal(error_wording(error.code), error_wording(code));
    assert_int_equal(error.offset, CONTENT_AT + offset);
}

static void everything_that_a_section_says_is_read(void **state)
{
    (void)state;
    accept_section(BYTES(SIZES, 2, 5, 2, 1, 'a', 1, 'b', 3, 5, 1, 1, 'x', 0x80, 2, 4, 6, 1, 1, 'e',
                         1, 'f', 0x11));
    assert_int_equal(dylink.memory_size, 12);
    assert_int_equal(dylink.memory_alignment, 4);
    assert_int_equal(dylink.table_size, 3);
    assert_int_equal(dylink.table_alignment, 2);
    assert_int_equal(dylink.needed_count, 2);
    assert_name(dylink.needed[0], "a");
    assert_name(dylink.needed[1], "b");
    assert_int_equal(dylink.export_count, 1);
    assert_name(dylink.exports[0].name, "x");
    assert_int_equal(dylink.exports[0].flags, DYLINK_TLS);
    assert_int_equal(dylink.import_count, 1);
    assert_name(dylink.imports[0].module, "e");
    assert_name(dylink.imports[0].name, "f");
    assert_int_equal(dylink.imports[0].flags, DYLINK_BINDING_WEAK | DYLINK_UNDEFINED);
}

static void empty_section_needs_nothing(void **state)
{
    (void)state;
    accept_section(NULL, 0);
    assert_int_equal(dylink.memory_size, 0);
    assert_int_equal(dylink.memory_alignment, 1);
    assert_int_equal(dylink.table_size, 0);
    assert_int_equal(dylink.table_alignment, 1);
    assert_int_equal(dylink.needed_count + dylink.export_count + dylink.import_count, 0);
}

static void runtime_path_and_unknown_subsections_are_passed_over(void **state)
{
    (void)state;
    accept_section(BYTES(5, 3, 1, 1, '/', 99, 2, 0xff, 0xff, SIZES));
    assert_int_equal(dylink.memory_size, 12);
}

static void lists_of_several_subsections_are_joined(void **state)
{
    (void)state;
    accept_section(BYTES(2, 3, 1, 1, 'a', 2, 1, 0, 2, 3, 1, 1, 'b', 2, 7, 3, 1, 'c', 1, 'd', 1, 'e',
                         3, 4, 1, 1, 'x', 1, 3, 4, 1, 1, 'y', 2));
    assert_int_equal(dylink.needed_count, 5);
    for (uint32_t i = 0; i < 5; i++)
        assert_name(dylink.needed[i], (const char[]){(char)('a' + i), '\0'});
    assert_int_equal(dylink.export_count, 2);
    assert_name(dylink.exports[0].name, "x");
    assert_name(dylink.exports[1].name, "y");
}

static void sizes_given_twice_are_refused(void **state)
{
    (void)state;
    refuse_section(ERROR_MALFORMED_DYLINK, 8, BYTES(SIZES, SIZES));
}

static void alignment_beyond_the_limit_is_refused(void **state)
{
    (void)state;
    accept_section(BYTES(1, 4, 0, 16, 0, 16));
    assert_int_equal(dylink.memory_alignment, 65536);
    refuse_section(ERROR_MALFORMED_DYLINK, 4, BYTES(1, 4, 0, 17, 0, 0));
    refuse_section(ERROR_MALFORMED_DYLINK, 6, BYTES(1, 4, 0, 0, 0, 32));
    refuse_section(ERROR_MALFORMED_DYLINK, 8, BYTES(1, 8, 0, 0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0));
}

static void counts_beyond_the_bytes_left_are_refused(void **state)
{
    (void)state;
    refuse_section(ERROR_LENGTH_OUT_OF_BOUNDS, 2, BYTES(2, 3, 3, 0, 0));
    refuse_section(ERROR_LENGTH_OUT_OF_BOUNDS, 2, BYTES(2, 6, 0xff, 0xff, 0xff, 0xff, 0x0f, 0));
    refuse_section(ERROR_LENGTH_OUT_OF_BOUNDS, 2, BYTES(3, 4, 2, 0, 0, 0));
    refuse_section(ERROR_LENGTH_OUT_OF_BOUNDS, 2, BYTES(4, 6, 2, 0, 0, 0, 0, 0));
    refuse_section(ERROR_LENGTH_OUT_OF_BOUNDS, 2, BYTES(2, 9, 0));
}

static void subsection_longer_than_its_content_is_refused(void **state)
{
    (void)state;
    refuse_section(ERROR_MALFORMED_DYLINK, 6, BYTES(1, 5, 0, 0, 0, 0, 0));
    refuse_section(ERROR_MALFORMED_DYLINK, 3, BYTES(2, 2, 0, 0));
}

static void names_must_be_well_formed(void **state)
{
    (void)state;
    assert_false(read_section(BYTES(2, 3, 1, 1, 0xff)));
    assert_int_equal(error.code, ERROR_MALFORMED_UTF8);
}

static void section_that_is_cut_off_anywhere_is_refused(void **state)
{
    static const uint8_t content[] = {SIZES, 2, 3, 1, 1, 'a', 4, 6, 1, 1, 'e', 1, 'f', 1};

    (void)state;
    for (size_t length = 1; length < sizeof content; length++)
        if (length != 6 && length != 11) // between subsections
            assert_false(read_section(content, length));
}

static void refuse_module(const uint8_t *bytes, size_t length)
{
    accept(bytes, length);
    assert_false(dylink_read(&module, &arena, &dylink, &error));
    assert_int_equal(error.code, ERROR_MALFORMED_DYLINK);
}

static void section_must_be_the_first_one(void **state)
{
    (void)state;
    refuse_module(EMPTY_MODULE);
    assert_false(dylink_present(&module));
    refuse_module(MODULE(TYPE_SECTION, 0, 9, DYLINK_NAME));
    assert_true(dylink_present(&module));
    refuse_module(MODULE(0, 2, 1, 'a', 0, 9, DYLINK_NAME));
    assert_true(dylink_present(&module));
    refuse_module(MODULE(0, 7, 6, 'd', 'y', 'l', 'i', 'n', 'k')); // its predecessor
    assert_true(dylink_present(&module));
}

#undef TEST
#define TEST(test_) cmocka_unit_test_setup_teardown(test_, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(everything_that_a_section_says_is_read),
        TEST(empty_section_needs_nothing),
        TEST(runtime_path_and_unknown_subsections_are_passed_over),
        TEST(lists_of_several_subsections_are_joined),
        TEST(sizes_given_twice_are_refused),
        TEST(alignment_beyond_the_limit_is_refused),
        TEST(counts_beyond_the_bytes_left_are_refused),
        TEST(subsection_longer_than_its_content_is_refused),
        TEST(names_must_be_well_formed),
        TEST(section_that_is_cut_off_anywhere_is_refused),
        TEST(section_must_be_the_first_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
