// SPDX-License-Identifier: Apache-2.0
// Everything outside of bodies: limits, exports, the start function, segments, initial values.
#include "tests/unit/wasm/compile_fixture.h"

#include <stdio.h>

enum {
    SECTION_TABLE = 4,
    SECTION_MEMORY,
    SECTION_EXPORT = 7,
    SECTION_START,
    SECTION_ELEMENT,
    SECTION_DATA = 11
};

static void refuse(enum error_code code)
{
    assert_false(compile());
    assert_string_equal(error_wording(error.code), error_wording(code));
    assert_int_equal(error_kind(error.code), ERROR_KIND_INVALID);
    build_begin();
}

static void accept(void)
{
    compile_accept();
    build_begin();
}

/* Limits. */

static void memory_has_at_most_4_gib(void **state)
{
    (void)state;
    build_memory(65536, 65536);
    accept();
    build_memory(65537, NO_MAXIMUM);
    refuse(ERROR_MEMORY_SIZE);
    build_memory(0, 65537);
    refuse(ERROR_MEMORY_SIZE);
}

static void memory_of_64_bits_has_at_most_2_to_the_48_pages(void **state)
{
    struct memorytype type = {.limits = {.minimum = 1ull << 48, .address64 = true}};

    (void)state;
    build_memory_of(&type);
    accept();
    type.limits.minimum++;
    build_memory_of(&type);
    refuse(ERROR_MEMORY_SIZE);
    type.limits = (struct limits){.maximum = 1ull << 48, .has_maximum = true, .address64 = true};
    build_memory_of(&type);
    accept();
    type.limits.maximum++;
    build_memory_of(&type);
    refuse(ERROR_MEMORY_SIZE);
    type.limits = (struct limits){.minimum = UINT64_MAX, .address64 = true};
    build_import_memory_of("m", "n", &type);
    refuse(ERROR_MEMORY_SIZE);
}

static void pages_have_one_byte_or_64_kib(void **state)
{
    struct memorytype type = {.has_page_size = true};

    (void)state;
    for (; type.page_log2 <= 64; type.page_log2++) {
        features = FEATURE_BIT(FEATURE_CUSTOM_PAGE_SIZES);
        build_memory_of(&type);
        if (type.page_log2 == 0 || type.page_log2 == 16)
            accept();
        else
            refuse(ERROR_CUSTOM_PAGE_SIZE);
    }
}

static void memory_of_bytes_has_a_size_of_its_address_type(void **state)
{
    struct memorytype type = {.limits = {.minimum = UINT32_MAX}, .has_page_size = true};

    (void)state;
    features = FEATURE_BIT(FEATURE_CUSTOM_PAGE_SIZES);
    build_memory_of(&type);
    accept();
    type.limits.minimum++;
    build_memory_of(&type);
    refuse(ERROR_MEMORY_SIZE);
    type.limits = (struct limits){.minimum = UINT64_MAX, .address64 = true};
    build_memory_of(&type);
    accept();
}

static void shared_memory_has_a_maximum(void **state)
{
    struct memorytype type = {.is_shared = true};

    (void)state;
    features = FEATURE_BIT(FEATURE_THREADS);
    build_memory_of(&type);
    refuse(ERROR_SHARED_MEMORY_MAXIMUM);
    type.limits = (struct limits){.maximum = 1, .has_maximum = true};
    build_memory_of(&type);
    accept();
}

static void table_of_64_bits_has_any_size(void **state)
{
    struct limits limits = {.minimum = UINT64_MAX, .address64 = true};

    (void)state;
    build_table_of(FUNCREF, &limits);
    accept();
    limits.address64 = false;
    build_table_of(FUNCREF, &limits);
    refuse(ERROR_TABLE_SIZE);
}

static void minimum_is_at_most_the_maximum(void **state)
{
    (void)state;
    build_memory(2, 1);
    refuse(ERROR_SIZE_MINIMUM);
    build_memory(1, 1);
    accept();
    build_table(FUNCREF, 2, 1);
    refuse(ERROR_SIZE_MINIMUM);
    build_table(FUNCREF, 0, 0);
    accept();
    build_table_of(FUNCREF, &(struct limits){.minimum = UINT64_MAX,
                                             .maximum = UINT64_MAX - 1,
                                             .has_maximum = true,
                                             .address64 = true});
    refuse(ERROR_SIZE_MINIMUM);
}

static void imported_memories_and_tables_are_checked_too(void **state)
{
    (void)state;
    build_import_memory("m", "f", 65537);
    refuse(ERROR_MEMORY_SIZE);
    build_import_memory("m", "f", 65536);
    accept();
}

static void largest_table_is_valid(void **state)
{
    (void)state;
    build_table(FUNCREF, 0xffffffff - 1, NO_MAXIMUM);
    accept();
}

/* Exports. */

static void exported_things_must_be_there(void **state)
{
    static const enum error_code codes[] = {ERROR_UNKNOWN_FUNCTION, ERROR_UNKNOWN_TABLE,
                                            ERROR_UNKNOWN_MEMORY, ERROR_UNKNOWN_GLOBAL};

    (void)state;
    for (int kind = EXTERNAL_FUNCTION; kind <= EXTERNAL_GLOBAL; kind++) {
        build_export("x", (enum external_kind)kind, 0);
        refuse(codes[kind]);
    }
}

static void last_index_of_each_kind_can_be_exported(void **state)
{
    (void)state;
    for (uint32_t beyond = 0; beyond < 2; beyond++) {
        for (int kind = EXTERNAL_FUNCTION; kind <= EXTERNAL_GLOBAL; kind++) {
            build_import_function("m", "f", ":");
            build_import_global("m", "g", I32, false);
            build_function(":", "", NO_CODE);
            build_table(FUNCREF, 0, 0);
            build_table(FUNCREF, 0, 0);
            build_memory(0, 0);
            build_global(I32, false, CODE(I32_CONST, 0));
            build_export("x", (enum external_kind)kind, (kind == EXTERNAL_MEMORY ? 0 : 1) + beyond);
            assert_int_equal(compile(), beyond == 0);
            build_begin();
        }
    }
}

static void error_in_an_export_has_its_place(void **state)
{
    (void)state;
    build_function(":", "", NO_CODE);
    build_export("a", EXTERNAL_FUNCTION, 0);
    build_export("b", EXTERNAL_FUNCTION, 1);
    assert_false(compile());
    assert_int_equal(error.code, ERROR_UNKNOWN_FUNCTION);
    assert_in_range(error.offset, build_section_offset(SECTION_EXPORT) + 4,
                    build_section_offset(SECTION_EXPORT) + 7);
}

static void names_of_exports_differ(void **state)
{
    (void)state;
    build_function(":", "", NO_CODE);
    build_memory(0, 0);
    build_export("a", EXTERNAL_FUNCTION, 0);
    build_export("b", EXTERNAL_FUNCTION, 0);
    build_export("", EXTERNAL_FUNCTION, 0);
    build_export("ab", EXTERNAL_MEMORY, 0);
    accept();
    build_function(":", "", NO_CODE);
    build_memory(0, 0);
    build_export("a", EXTERNAL_FUNCTION, 0);
    build_export("b", EXTERNAL_FUNCTION, 0);
    build_export("a", EXTERNAL_MEMORY, 0);
    refuse(ERROR_DUPLICATE_EXPORT_NAME);
    build_memory(0, 0);
    build_export("", EXTERNAL_MEMORY, 0);
    build_export("", EXTERNAL_MEMORY, 0);
    refuse(ERROR_DUPLICATE_EXPORT_NAME);
}

static void equal_names_are_found_among_many(void **state)
{
    enum { COUNT = 3000 };

    (void)state;
    for (int twice = -1; twice < COUNT; twice += 500) {
        build_memory(0, 0);
        for (int i = 0; i < COUNT; i++) {
            char name[24];

            snprintf(name, sizeof name, "export%d", i);
            build_export(name, EXTERNAL_MEMORY, 0);
        }
        if (twice >= 0) {
            char name[24];

            snprintf(name, sizeof name, "export%d", twice);
            build_export(name, EXTERNAL_MEMORY, 0);
        }
        assert_int_equal(compile(), twice < 0);
        if (twice >= 0)
            assert_int_equal(error.code, ERROR_DUPLICATE_EXPORT_NAME);
        build_begin();
    }
}

/* Start. */

static void start_function_takes_and_gives_nothing(void **state)
{
    (void)state;
    build_function(":", "i", NO_CODE);
    build_start(0);
    accept();
    build_function("i:", "", NO_CODE);
    build_start(0);
    refuse(ERROR_START_FUNCTION);
    build_function(":i", "", CODE(I32_CONST, 0));
    build_start(0);
    refuse(ERROR_START_FUNCTION);
}

static void start_function_must_be_there(void **state)
{
    (void)state;
    build_function(":", "", NO_CODE);
    build_start(1);
    assert_false(compile());
    assert_int_equal(error.code, ERROR_UNKNOWN_FUNCTION);
    assert_int_equal(error.offset, build_section_offset(SECTION_START));
}

static void start_function_may_be_imported(void **state)
{
    (void)state;
    build_import_function("m", "f", ":");
    build_start(0);
    accept();
    build_import_function("m", "f", "i:");
    build_start(0);
    refuse(ERROR_START_FUNCTION);
}

/* Segments. */

static void functions_of_elements_must_be_there(void **state)
{
    static const enum segment_mode modes[] = {SEGMENT_ACTIVE, SEGMENT_PASSIVE, SEGMENT_DECLARATIVE};

    (void)state;
    for (int i = 0; i < 3; i++) {
        build_function(":", "", NO_CODE);
        build_table(FUNCREF, 5, NO_MAXIMUM);
        build_element(modes[i], 0, CODE(0, 0, 0));
        accept();
        build_function(":", "", NO_CODE);
        build_table(FUNCREF, 5, NO_MAXIMUM);
        build_element(modes[i], 0, CODE(0, 1, 0));
        refuse(ERROR_UNKNOWN_FUNCTION);
    }
}

static void active_elements_need_their_table(void **state)
{
    (void)state;
    build_function(":", "", NO_CODE);
    build_element(SEGMENT_ACTIVE, 0, CODE(0));
    refuse(ERROR_UNKNOWN_TABLE);
    build_function(":", "", NO_CODE);
    build_element(SEGMENT_PASSIVE, 0, CODE(0));
    accept();
}

static void active_elements_fit_their_tables_type(void **state)
{
    // Active, table 0, offset 0, externref expressions: one null.
    static const uint8_t of_externref[] = {1,         6, 0,        I32_CONST, 0,  END,
                                           EXTERNREF, 1, REF_NULL, EXTERNREF, END};

    (void)state;
    build_function(":", "", NO_CODE);
    build_table(EXTERNREF, 5, NO_MAXIMUM);
    build_element(SEGMENT_ACTIVE, 0, CODE(0));
    refuse(ERROR_TYPE_MISMATCH);
    build_table(EXTERNREF, 5, NO_MAXIMUM);
    build_section(SECTION_ELEMENT, of_externref, sizeof of_externref);
    accept();
    build_table(FUNCREF, 5, NO_MAXIMUM);
    build_section(SECTION_ELEMENT, of_externref, sizeof of_externref);
    refuse(ERROR_TYPE_MISMATCH);
}

static void active_data_needs_its_memory(void **state)
{
    (void)state;
    build_data(SEGMENT_ACTIVE, 0, CODE('a'));
    refuse(ERROR_UNKNOWN_MEMORY);
    build_data(SEGMENT_PASSIVE, 0, CODE('a'));
    accept();
    build_memory(0, 0);
    build_data(SEGMENT_ACTIVE, 0, CODE('a'));
    accept();
}

/* Constant expressions. */

static void offset_is_a_constant_i32(void **state)
{
    static const uint8_t of_i64[] = {1, 0, I64_CONST, 0, END, 0};
    static const uint8_t of_nothing[] = {1, 0, END, 0};
    static const uint8_t of_two[] = {1, 0, I32_CONST, 0, I32_CONST, 0, END, 0};

    (void)state;
    build_memory(1, 1);
    build_section(SECTION_DATA, of_i64, sizeof of_i64);
    refuse(ERROR_TYPE_MISMATCH);
    build_memory(1, 1);
    build_section(SECTION_DATA, of_nothing, sizeof of_nothing);
    refuse(ERROR_TYPE_MISMATCH);
    build_memory(1, 1);
    build_section(SECTION_DATA, of_two, sizeof of_two);
    refuse(ERROR_TYPE_MISMATCH);
}

static void initial_value_has_the_globals_type(void **state)
{
    (void)state;
    build_global(I32, false, CODE(I64_CONST, 0));
    refuse(ERROR_TYPE_MISMATCH);
    build_global(EXTERNREF, false, CODE(REF_NULL, FUNCREF));
    refuse(ERROR_TYPE_MISMATCH);
    build_global(F64, true, NO_CODE);
    refuse(ERROR_TYPE_MISMATCH);
    build_global(F64, true, CODE(F64_CONST, BITS64(0)));
    accept();
}

static void constant_expressions_have_few_instructions(void **state)
{
    (void)state;
    build_global(
        I32, false,
        CODE(I32_CONST, 1, I32_CONST, 2, I32_ADD, I32_CONST, 3, I32_SUB, I32_CONST, 4, I32_MUL));
    build_global(
        I64, false,
        CODE(I64_CONST, 1, I64_CONST, 2, I64_ADD, I64_CONST, 3, I64_SUB, I64_CONST, 4, I64_MUL));
    accept();
    build_global(I32, false, CODE(I32_CONST, 1, I32_CLZ));
    refuse(ERROR_CONSTANT_EXPRESSION_REQUIRED);
    build_global(I32, false, CODE(I32_CONST, 1, I32_CONST, 1, I32_DIV_U));
    refuse(ERROR_CONSTANT_EXPRESSION_REQUIRED);
    build_global(I32, false, CODE(NOP, I32_CONST, 1));
    refuse(ERROR_CONSTANT_EXPRESSION_REQUIRED);
    build_global(I32, false, CODE(UNREACHABLE));
    refuse(ERROR_CONSTANT_EXPRESSION_REQUIRED);
    build_global(I32, false, CODE(MEMORY_SIZE, 0));
    refuse(ERROR_CONSTANT_EXPRESSION_REQUIRED);
    build_global(I32, false, CODE(I32_CONST, 1, DROP, I32_CONST, 1));
    refuse(ERROR_CONSTANT_EXPRESSION_REQUIRED);
}

static void initial_values_read_immutable_globals_before_them(void **state)
{
    (void)state;
    build_import_global("m", "g", I32, false);
    build_global(I32, false, CODE(GLOBAL_GET, 0));
    build_global(I32, false, CODE(GLOBAL_GET, 1));
    accept();
    build_global(I32, false, CODE(GLOBAL_GET, 0));
    refuse(ERROR_UNKNOWN_GLOBAL);
    build_global(I32, false, CODE(GLOBAL_GET, 1));
    build_global(I32, false, CODE(I32_CONST, 0));
    refuse(ERROR_UNKNOWN_GLOBAL);
    build_global(I32, true, CODE(I32_CONST, 0));
    build_global(I32, false, CODE(GLOBAL_GET, 0));
    refuse(ERROR_CONSTANT_EXPRESSION_REQUIRED);
    build_import_global("m", "g", I32, true);
    build_global(I32, false, CODE(GLOBAL_GET, 0));
    refuse(ERROR_CONSTANT_EXPRESSION_REQUIRED);
}

static void offsets_read_any_immutable_global(void **state)
{
    static const uint8_t data[] = {1, 0, GLOBAL_GET, 0, END, 0};

    (void)state;
    build_memory(1, 1);
    build_global(I32, false, CODE(I32_CONST, 0));
    build_section(SECTION_DATA, data, sizeof data);
    accept();
}

static void function_named_in_an_initial_value_counts_as_declared(void **state)
{
    (void)state;
    build_function(":r", "", CODE(REF_FUNC, 0));
    build_global(FUNCREF, false, CODE(REF_FUNC, 0));
    accept();
    build_function(":r", "", CODE(REF_FUNC, 0));
    build_export("f", EXTERNAL_FUNCTION, 0);
    accept();
    build_global(FUNCREF, false, CODE(REF_FUNC, 0));
    refuse(ERROR_UNKNOWN_FUNCTION);
}

static void function_called_or_started_does_not_count_as_declared(void **state)
{
    (void)state;
    build_function(":", "", CODE(REF_FUNC, 0, DROP, CALL, 0));
    build_start(0);
    refuse(ERROR_UNDECLARED_FUNCTION_REFERENCE);
}

static const struct CMUnitTest tests[] = {
    TEST(memory_has_at_most_4_gib),
    TEST(memory_of_64_bits_has_at_most_2_to_the_48_pages),
    TEST(table_of_64_bits_has_any_size),
    TEST(shared_memory_has_a_maximum),
    TEST(pages_have_one_byte_or_64_kib),
    TEST(memory_of_bytes_has_a_size_of_its_address_type),
    TEST(minimum_is_at_most_the_maximum),
    TEST(imported_memories_and_tables_are_checked_too),
    TEST(largest_table_is_valid),
    TEST(exported_things_must_be_there),
    TEST(last_index_of_each_kind_can_be_exported),
    TEST(error_in_an_export_has_its_place),
    TEST(names_of_exports_differ),
    TEST(equal_names_are_found_among_many),
    TEST(start_function_takes_and_gives_nothing),
    TEST(start_function_must_be_there),
    TEST(start_function_may_be_imported),
    TEST(functions_of_elements_must_be_there),
    TEST(active_elements_need_their_table),
    TEST(active_elements_fit_their_tables_type),
    TEST(active_data_needs_its_memory),
    TEST(offset_is_a_constant_i32),
    TEST(initial_value_has_the_globals_type),
    TEST(constant_expressions_have_few_instructions),
    TEST(initial_values_read_immutable_globals_before_them),
    TEST(offsets_read_any_immutable_global),
    TEST(function_named_in_an_initial_value_counts_as_declared),
    TEST(function_called_or_started_does_not_count_as_declared),
};

int main(void)
{
    return cmocka_run_group_tests(tests, NULL, NULL);
}
