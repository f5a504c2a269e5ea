// SPDX-License-Identifier: Apache-2.0
//
// Types, imports, and the definitions that have a type (specification: "Binary Format / Types").
#include "tests/unit/wasm/decode_fixture.h"

// --- Types ---

static void function_types_become_canonical_numbers(void **state)
{
    (void)state;
    accept(
        MODULE(1, 16, 3, 0x60, 2, 0x7F, 0x7E, 1, 0x70, 0x60, 0, 0, 0x60, 2, 0x7F, 0x7E, 1, 0x70));
    assert_int_equal(module.type_count, 3);
    assert_int_equal(store.count, 2);
    assert_int_equal(module.types[0], module.types[2]);
    assert_int_not_equal(module.types[0], module.types[1]);

    const struct deftype *type = type_at(&store, module.types[0]);
    assert_int_equal(type->composite, COMPOSITE_FUNCTION);
    assert_true(type->final);
    assert_int_equal(type->supertype, TYPE_NONE);
    assert_int_equal(type->parameter_count, 2);
    assert_int_equal(type->result_count, 1);
    assert_int_equal(deftype_parameters(type)[0], VALTYPE_I32);
    assert_int_equal(deftype_parameters(type)[1], VALTYPE_I64);
    assert_int_equal(deftype_results(type)[0], VALTYPE_FUNCREF);
}

static void modules_share_canonical_numbers(void **state)
{
    uint32_t number;

    (void)state;
    accept(MODULE(1, 5, 1, 0x60, 0, 1, 0x7F));
    number = module.types[0];
    accept(MODULE(1, 8, 2, 0x60, 0, 0, 0x60, 0, 1, 0x7F));
    assert_int_equal(module.types[1], number);
}

static void malformed_types_are_refused(void **state)
{
    (void)state;
    refuse(ERROR_MALFORMED_DEFINITION_TYPE, 11, MODULE(1, 4, 1, 0x40, 0, 0));
    refuse(ERROR_MALFORMED_DEFINITION_TYPE, 11, MODULE(1, 4, 1, 0x00, 0, 0));
    // The form is a signed number of seven bits, so it has but one spelling.
    refuse(ERROR_INTEGER_REPRESENTATION_TOO_LONG, 11, MODULE(1, 5, 1, 0xE0, 0x7F, 0, 0));
    refuse(ERROR_MALFORMED_VALUE_TYPE, 13, MODULE(1, 5, 1, 0x60, 1, 0x40, 0));
    refuse(ERROR_LENGTH_OUT_OF_BOUNDS, 12, MODULE(1, 5, 1, 0x60, 3, 0x7F, 0));
    refuse(ERROR_LENGTH_OUT_OF_BOUNDS, 10, MODULE(1, 4, 4, 0x60, 0, 0));
}

// A module with one type of `count` parameters.
static size_t wide_type(uint8_t *bytes, uint32_t count)
{
    uint32_t size = count + 5;
    const uint8_t sizes[] = {(uint8_t)(size % 128 + 128), (uint8_t)(size / 128)};
    const uint8_t counts[] = {(uint8_t)(count % 128 + 128), (uint8_t)(count / 128)};
    const uint8_t head[] = {0x00, 'a',      's',      'm', 1,    0,         0,        0,
                            1,    sizes[0], sizes[1], 1,   0x60, counts[0], counts[1]};

    memcpy(bytes, head, sizeof head);
    memset(bytes + sizeof head, 0x7F, count);
    bytes[sizeof head + count] = 0;
    return sizeof head + count + 1;
}

static void parameters_beyond_the_limit_are_a_limit_error(void **state)
{
    static uint8_t bytes[LIMIT_PARAMETERS + 32];

    (void)state;
    accept(bytes, wide_type(bytes, LIMIT_PARAMETERS));
    assert_int_equal(type_at(&store, module.types[0])->parameter_count, LIMIT_PARAMETERS);
    refuse(ERROR_LIMIT_PARAMETERS, 13, bytes, wide_type(bytes, LIMIT_PARAMETERS + 1));
}

static void a_full_type_store_is_a_limit_error_with_a_place(void **state)
{
    struct deftype type = {.composite = COMPOSITE_FUNCTION, .supertype = TYPE_NONE};

    (void)state;
    for (uint32_t i = 0; i < TYPES_MAX; i++) {
        assert_int_equal(type_store_enter(&store, &type, 1, &error), i);
        type.supertype = i;
    }
    refuse(ERROR_LIMIT_COUNT, 11, MODULE(TYPE_SECTION));
}

// --- Imports ---

static void imports_come_first_in_their_index_spaces(void **state)
{
    (void)state;
    accept(MODULE(TYPE_SECTION,                    //
                  2, 28, 4, 1, 'm', 1, 'f', 0, 0,  //
                  1, 'm', 1, 't', 1, 0x70, 0, 5,   //
                  1, 'm', 1, 'g', 3, 0x7E, 1,      //
                  1, 'n', 1, 'h', 0, 0,            //
                  3, 2, 1, 0,                      //
                  4, 4, 1, 0x6F, 0, 7,             //
                  6, 6, 1, 0x7F, 0, I32_CONST_END, //
                  10, 4, 1, 2, 0, 0x0B));
    assert_int_equal(module.import_count, 4);
    assert_int_equal(module.imported_function_count, 2);
    assert_int_equal(module.imported_table_count, 1);
    assert_int_equal(module.imported_memory_count, 0);
    assert_int_equal(module.imported_global_count, 1);
    assert_name(module.imports[0].module, "m");
    assert_name(module.imports[0].name, "f");
    assert_int_equal(module.imports[0].kind, EXTERNAL_FUNCTION);
    assert_int_equal(module.imports[0].index, 0);
    assert_int_equal(module.imports[0].offset, 17);
    assert_int_equal(module.imports[1].kind, EXTERNAL_TABLE);
    assert_int_equal(module.imports[1].index, 0);
    assert_int_equal(module.imports[2].kind, EXTERNAL_GLOBAL);
    assert_name(module.imports[3].module, "n");
    assert_name(module.imports[3].name, "h");
    assert_int_equal(module.imports[3].index, 1);

    assert_int_equal(module.function_count, 3);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(module.functions[i].type, module.types[0]);
    assert_int_equal(module.body_count, 1);
    assert_int_equal(module.table_count, 2);
    assert_int_equal(module.tables[0].type.element, VALTYPE_FUNCREF);
    assert_int_equal(module.tables[0].type.limits.minimum, 5);
    assert_int_equal(module.tables[1].type.element, VALTYPE_EXTERNREF);
    assert_int_equal(module.tables[1].type.limits.minimum, 7);
    assert_int_equal(module.global_count, 2);
    assert_int_equal(module.globals[0].type.type, VALTYPE_I64);
    assert_true(module.globals[0].type.is_mutable);
    assert_int_equal(module.globals[0].initial.size, 0);
    assert_int_equal(module.globals[1].type.type, VALTYPE_I32);
    assert_false(module.globals[1].type.is_mutable);
    assert_int_equal(module.globals[1].initial.size, 3);
}

static void malformed_imports_are_refused(void **state)
{
    (void)state;
    refuse(ERROR_MALFORMED_IMPORT_KIND, 13, MODULE(2, 5, 1, 0, 0, 5, 0));
    refuse(ERROR_MALFORMED_IMPORT_KIND, 13, MODULE(2, 5, 1, 0, 0, 0x80, 0));
    refuse(ERROR_MALFORMED_UTF8, 12, MODULE(2, 6, 1, 1, 0xFF, 0, 0, 0));
    refuse(ERROR_MALFORMED_MUTABILITY, 15, MODULE(2, 6, 1, 0, 0, 3, 0x7F, 2));
    refuse(ERROR_MALFORMED_REFERENCE_TYPE, 14, MODULE(2, 7, 1, 0, 0, 1, 0x7F, 0, 0));
}

static void imports_of_unknown_types_are_invalid(void **state)
{
    (void)state;
    refuse(ERROR_UNKNOWN_TYPE, 20, MODULE(TYPE_SECTION, 2, 5, 1, 0, 0, 0, 1));
    refuse(ERROR_UNKNOWN_TYPE, 14, MODULE(2, 5, 1, 0, 0, 0, 0));
    assert_int_equal(error_kind(error.code), ERROR_KIND_INVALID);
}

// --- Tables, memories, tags, globals ---

static void limits_are_numbers_of_64_bits(void **state)
{
    (void)state;
    accept(MODULE(5, 3, 1, 0, 2));
    assert_int_equal(module.memory_count, 1);
    assert_int_equal(module.memories[0].limits.minimum, 2);
    assert_false(module.memories[0].limits.has_maximum);
    assert_true(module.memories[0].limits.maximum == UINT64_MAX);
    assert_false(module.memories[0].limits.address64);
    // That the minimum is the greater one is for validation.
    accept(MODULE(5, 9, 1, 1, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01, 3));
    assert_true(module.memories[0].limits.minimum == 0xFFFFFFFFFF >> 4);
    assert_true(module.memories[0].limits.has_maximum);
    assert_int_equal(module.memories[0].limits.maximum, 3);
}

static void limits_flags_are_bits_of_which_two_are_known(void **state)
{
    (void)state;
    for (unsigned flags = 0; flags < 256; flags++) {
        if (flags & 0xFA)
            refuse(ERROR_MALFORMED_LIMITS_FLAGS, 11, MODULE(5, 4, 1, (uint8_t)flags, 0, 0));
    }
    accept(MODULE(5, 3, 1, 4, 1));
    assert_true(module.memories[0].limits.address64);
    accept(MODULE(5, 13, 1, 5, 1, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1));
    assert_true(module.memories[0].limits.maximum == UINT64_MAX);
    assert_true(module.memories[0].limits.has_maximum);
    accept(MODULE(4, 4, 1, 0x70, 4, 0));
    assert_true(module.tables[0].type.limits.address64);
    refuse(ERROR_UNEXPECTED_END_OF_SECTION, 13, MODULE(5, 3, 1, 5, 0));
}

static void page_sizes_stand_behind_the_limits_of_memories_where_they_are_on(void **state)
{
    (void)state;
    refuse(ERROR_MALFORMED_LIMITS_FLAGS, 11, MODULE(5, 4, 1, 8, 0, 0));
    features = FEATURE_BIT(FEATURE_CUSTOM_PAGE_SIZES);
    accept(MODULE(5, 4, 1, 8, 3, 0));
    assert_int_equal(module.memories[0].limits.minimum, 3);
    assert_int_equal(memorytype_page_shift(&module.memories[0]), 0);
    accept(MODULE(2, 8, 1, 0, 0, 2, 0x0D, 1, 5, 16));
    assert_int_equal(memorytype_page_shift(&module.memories[0]), 16);
    assert_true(module.memories[0].limits.address64);
    accept(MODULE(5, 3, 1, 0, 1));
    assert_int_equal(memorytype_page_shift(&module.memories[0]), 16);
    accept(MODULE(5, 4, 1, 8, 0, 64)); // not valid, but well-formed
    refuse(ERROR_MALFORMED_PAGE_SIZE, 13, MODULE(5, 4, 1, 8, 0, 65));
    refuse(ERROR_UNEXPECTED_END_OF_SECTION, 13, MODULE(5, 3, 1, 8, 0));
    refuse(ERROR_MALFORMED_LIMITS_FLAGS, 12, MODULE(4, 5, 1, 0x70, 8, 0, 0));
}

static void memories_are_shared_where_threads_are_on(void **state)
{
    (void)state;
    refuse(ERROR_MALFORMED_LIMITS_FLAGS, 11, MODULE(5, 4, 1, 3, 0, 1));
    assert_string_equal(error.message, "malformed limits flags: 03, of a proposal that is off");
    refuse(ERROR_MALFORMED_LIMITS_FLAGS, 12, MODULE(4, 5, 1, 0x70, 3, 0, 1));
    assert_string_equal(error.message, "malformed limits flags: 03");
    features = FEATURE_BIT(FEATURE_THREADS);
    accept(MODULE(5, 4, 1, 3, 0, 1));
    assert_true(module.memories[0].is_shared);
    accept(MODULE(2, 7, 1, 0, 0, 2, 7, 1, 2));
    assert_true(module.memories[0].is_shared && module.memories[0].limits.address64);
    accept(MODULE(5, 4, 1, 1, 0, 1));
    assert_false(module.memories[0].is_shared);
    refuse(ERROR_MALFORMED_LIMITS_FLAGS, 11, MODULE(5, 5, 1, 11, 0, 1, 0));
    refuse(ERROR_MALFORMED_LIMITS_FLAGS, 12, MODULE(4, 5, 1, 0x70, 3, 0, 1));
}

static void several_memories_are_fine_imported_ones_first(void **state)
{
    (void)state;
    accept(MODULE(2, 11, 2, 0, 0, 2, 0, 1, 0, 0, 2, 0, 2, 5, 5, 2, 0, 3, 0, 4));
    assert_int_equal(module.memory_count, 4);
    assert_int_equal(module.imported_memory_count, 2);
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(module.memories[i].limits.minimum, i + 1);
}

// Writes a module with so many imported memories and so many of its own, none of them with a page.
static size_t write_memories(uint8_t *bytes, unsigned imported, unsigned defined)
{
    uint8_t *at = bytes;

    at = (uint8_t *)mempcpy(at, EMPTY_MODULE);
    at = (uint8_t *)mempcpy(at, BYTES(2, (uint8_t)((5 * imported + 1) % 128 | 128),
                                      (uint8_t)((5 * imported + 1) / 128), (uint8_t)imported));
    for (unsigned i = 0; i < imported; i++)
        at = (uint8_t *)mempcpy(at, BYTES(0, 0, 2, 0, 0));
    at = (uint8_t *)mempcpy(at, BYTES(5, (uint8_t)((2 * defined + 1) % 128 | 128),
                                      (uint8_t)((2 * defined + 1) / 128), (uint8_t)defined));
    for (unsigned i = 0; i < defined; i++)
        at = (uint8_t *)mempcpy(at, BYTES(0, 0));
    return (size_t)(at - bytes);
}

static void more_than_a_hundred_memories_are_a_limit_error(void **state)
{
    static const unsigned counts[][2] = {{100, 0}, {101, 0}, {0, 100},
                                         {0, 101}, {60, 40}, {60, 41}};
    uint8_t bytes[1024];

    (void)state;
    assert_int_equal(LIMIT_MEMORIES, 100);
    for (size_t i = 0; i < ARRAY_LENGTH(counts); i++) {
        size_t length = write_memories(bytes, counts[i][0], counts[i][1]);
        bool fits = counts[i][0] + counts[i][1] <= 100;

        assert_int_equal(decode(bytes, length), fits);
        assert_int_equal(error.code, fits ? ERROR_NONE : ERROR_LIMIT_COUNT);
    }
}

static void several_tables_are_fine(void **state)
{
    (void)state;
    accept(MODULE(4, 8, 2, 0x70, 0, 1, 0x6F, 1, 2, 3));
    assert_int_equal(module.table_count, 2);
    assert_int_equal(module.tables[1].type.element, VALTYPE_EXTERNREF);
    assert_int_equal(module.tables[1].type.limits.minimum, 2);
    assert_int_equal(module.tables[1].type.limits.maximum, 3);
    assert_false(module.tables[1].has_initial);
    assert_int_equal(module.tables[1].initial.size, 0);
}

static void tables_may_have_an_initial_value(void **state)
{
    (void)state;
    accept(MODULE(4, 9, 1, 0x40, 0, 0x70, 0, 1, 0xD0, 0x70, 0x0B));
    assert_true(module.tables[0].has_initial);
    assert_int_equal(module.tables[0].initial.size, 3);
    assert_int_equal(module.tables[0].initial.offset, 16);
    refuse(ERROR_ZERO_BYTE_EXPECTED, 12, MODULE(4, 9, 1, 0x40, 1, 0x70, 0, 1, 0xD0, 0x70, 0x0B));
    refuse(ERROR_UNEXPECTED_END_OF_SECTION, 18, MODULE(4, 8, 1, 0x40, 0, 0x70, 0, 1, 0xD0, 0x70));
}

static void tags_have_a_type_without_results(void **state)
{
    (void)state;
    accept(MODULE(13, 1, 0));
    accept(MODULE(TYPE_SECTION, 2, 8, 1, 1, 'm', 1, 't', 4, 0, 0, 13, 5, 2, 0, 0, 0, 0));
    assert_int_equal(module.tag_count, 3);
    assert_int_equal(module.imported_tag_count, 1);
    assert_int_equal(module.tags[2].type, module.types[0]);
    refuse(ERROR_NON_EMPTY_TAG_RESULT, 18, MODULE(1, 5, 1, 0x60, 0, 1, 0x7F, 13, 3, 1, 0, 0));
    refuse(ERROR_MALFORMED_TAG_ATTRIBUTE, 17, MODULE(TYPE_SECTION, 13, 3, 1, 1, 0));
    refuse(ERROR_UNKNOWN_TYPE, 18, MODULE(TYPE_SECTION, 13, 3, 1, 0, 1));
    refuse(ERROR_MALFORMED_TAG_ATTRIBUTE, 20, MODULE(TYPE_SECTION, 2, 6, 1, 0, 0, 4, 1, 0));
}

static void globals_have_a_type_and_an_expression(void **state)
{
    (void)state;
    accept(MODULE(6, 11, 2, 0x7F, 0, 0x41, 5, 0x0B, 0x70, 1, 0xD0, 0x70, 0x0B));
    assert_int_equal(module.global_count, 2);
    assert_int_equal(module.globals[0].type.type, VALTYPE_I32);
    assert_ptr_equal(module.globals[0].initial.bytes, copy + 13);
    assert_int_equal(module.globals[0].initial.size, 3);
    assert_int_equal(module.globals[0].initial.offset, 13);
    assert_int_equal(module.globals[1].type.type, VALTYPE_FUNCREF);
    assert_true(module.globals[1].type.is_mutable);
    assert_int_equal(module.globals[1].initial.size, 3);
    refuse(ERROR_MALFORMED_MUTABILITY, 12, MODULE(6, 6, 1, 0x7F, 2, I32_CONST_END));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(function_types_become_canonical_numbers),
        TEST(modules_share_canonical_numbers),
        TEST(malformed_types_are_refused),
        TEST(parameters_beyond_the_limit_are_a_limit_error),
        TEST(a_full_type_store_is_a_limit_error_with_a_place),
        TEST(imports_come_first_in_their_index_spaces),
        TEST(malformed_imports_are_refused),
        TEST(imports_of_unknown_types_are_invalid),
        TEST(limits_are_numbers_of_64_bits),
        TEST(limits_flags_are_bits_of_which_two_are_known),
        TEST(page_sizes_stand_behind_the_limits_of_memories_where_they_are_on),
        TEST(memories_are_shared_where_threads_are_on),
        TEST(several_memories_are_fine_imported_ones_first),
        TEST(more_than_a_hundred_memories_are_a_limit_error),
        TEST(several_tables_are_fine),
        TEST(tables_may_have_an_initial_value),
        TEST(tags_have_a_type_without_results),
        TEST(globals_have_a_type_and_an_expression),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
