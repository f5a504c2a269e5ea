// SPDX-License-Identifier: Apache-2.0
//
// The type section: recursion groups, sub types, structures and arrays (specification: "Types /
// Recursive Types").
#include "tests/unit/wasm/decode_fixture.h"

static const struct deftype *type_of(uint32_t typeidx)
{
    assert_in_range(typeidx, 0, module.type_count - 1);
    return type_at(&store, module.types[typeidx]);
}

static void members_of_a_group_name_each_other(void **state)
{
    (void)state;
    // (rec (type (func (param (ref 1)))) (type (func (result (ref null 0)))))
    accept(MODULE(1, 13, 1, 0x4E, 2, 0x60, 1, 0x64, 1, 0, 0x60, 0, 1, 0x63, 0));
    assert_int_equal(module.type_count, 2);
    assert_int_equal(module.types[1], module.types[0] + 1);
    assert_int_equal(deftype_parameters(type_of(0))[0],
                     VALTYPE_REF(HEAPTYPE_CONCRETE + module.types[1]));
    assert_int_equal(deftype_results(type_of(1))[0],
                     VALTYPE_REF_NULL(HEAPTYPE_CONCRETE + module.types[0]));
    assert_int_equal(type_of(0)->group_count, 2);
}

static void equal_groups_are_the_same_types(void **state)
{
    (void)state;
    accept(MODULE(1, 18, 2, 0x4E, 2, 0x60, 0, 0, 0x60, 1, 0x64, 0, 0, //
                  0x4E, 1, 0x60, 1, 0x64, 2, 0));
    uint32_t number = module.types[2];
    accept(MODULE(1, 8, 1, 0x4E, 1, 0x60, 1, 0x64, 0, 0));
    assert_int_equal(module.types[0], number);
    // A group of one is the type by itself.
    accept(MODULE(1, 6, 1, 0x60, 1, 0x64, 0, 0));
    assert_int_equal(module.types[0], number);
}

static void empty_groups_define_nothing(void **state)
{
    (void)state;
    accept(MODULE(1, 8, 3, 0x4E, 0, 0x60, 0, 0, 0x4E, 0));
    assert_int_equal(module.type_count, 1);
}

static void sub_types_may_be_open_or_final(void **state)
{
    (void)state;
    accept(MODULE(1, 18, 3, 0x50, 0, 0x60, 0, 0, 0x50, 1, 0, 0x60, 0, 0, //
                  0x4F, 1, 1, 0x60, 0, 0));
    assert_false(type_of(0)->final);
    assert_int_equal(type_of(0)->depth, 0);
    assert_int_equal(type_of(1)->supertype, module.types[0]);
    assert_int_equal(type_of(2)->depth, 2);
    assert_true(type_of(2)->final);
    assert_true(type_matches(&store, module.types[2], module.types[0]));
}

static void structures_and_arrays_have_fields(void **state)
{
    (void)state;
    accept(MODULE(1, 11, 2, 0x5F, 2, 0x78, 1, 0x7E, 0, 0x5E, 0x64, 0, 1));
    assert_int_equal(type_of(0)->composite, COMPOSITE_STRUCT);
    assert_int_equal(type_of(0)->parameter_count, 2);
    assert_int_equal(type_of(0)->types[0], VALTYPE_I8 | FIELD_MUTABLE);
    assert_int_equal(type_of(0)->types[1], VALTYPE_I64);
    assert_int_equal(type_of(1)->composite, COMPOSITE_ARRAY);
    assert_int_equal(type_of(1)->types[0],
                     VALTYPE_REF(HEAPTYPE_CONCRETE + module.types[0]) | FIELD_MUTABLE);
    refuse(ERROR_MALFORMED_MUTABILITY, 13, MODULE(1, 4, 1, 0x5E, 0x7F, 2));
    refuse(ERROR_MALFORMED_STORAGE_TYPE, 12, MODULE(1, 4, 1, 0x5E, 0x40, 0));
    // Neither is a function's type.
    refuse(ERROR_UNKNOWN_TYPE, 17, MODULE(1, 4, 1, 0x5E, 0x7F, 0, 3, 2, 1, 0));
}

static void supertypes_stand_before_their_subtypes(void **state)
{
    (void)state;
    refuse(ERROR_UNKNOWN_TYPE, 12, MODULE(1, 7, 1, 0x50, 1, 0, 0x60, 0, 0));
    refuse(ERROR_UNKNOWN_TYPE, 14,
           MODULE(1, 14, 1, 0x4E, 2, 0x50, 1, 1, 0x60, 0, 0, 0x50, 0, 0x60, 0, 0));
    refuse(ERROR_SUB_TYPE_MISMATCH, 17,
           MODULE(1, 13, 2, 0x50, 0, 0x60, 0, 0, 0x50, 2, 0, 0, 0x60, 0, 0));
}

static void supertypes_are_open_and_of_matching_content(void **state)
{
    (void)state;
    refuse(ERROR_SUB_TYPE_MISMATCH, 14, MODULE(1, 10, 2, 0x60, 0, 0, 0x50, 1, 0, 0x60, 0, 0));
    // Another parameter, a field too few, a mutable field of another type, another composite.
    refuse(ERROR_SUB_TYPE_MISMATCH, 16,
           MODULE(1, 13, 2, 0x50, 0, 0x60, 0, 0, 0x50, 1, 0, 0x60, 1, 0x7F, 0));
    refuse(ERROR_SUB_TYPE_MISMATCH, 17,
           MODULE(1, 12, 2, 0x50, 0, 0x5F, 1, 0x7F, 0, 0x50, 1, 0, 0x5F, 0));
    refuse(ERROR_SUB_TYPE_MISMATCH, 16,
           MODULE(1, 12, 2, 0x50, 0, 0x5E, 0x70, 1, 0x50, 1, 0, 0x5E, 0x73, 1));
    refuse(ERROR_SUB_TYPE_MISMATCH, 16,
           MODULE(1, 11, 2, 0x50, 0, 0x5E, 0x70, 0, 0x50, 1, 0, 0x5F, 0));
    // Fields that cannot be written may have a subtype.
    accept(MODULE(1, 12, 2, 0x50, 0, 0x5E, 0x70, 0, 0x50, 1, 0, 0x5E, 0x73, 0));
}

// `count` types, each but the first with the one before for its supertype.
static size_t chain(uint8_t *bytes, uint32_t count)
{
    const uint8_t head[] = {0, 'a', 's', 'm', 1, 0, 0, 0, 1};
    uint32_t size = 2 + 5 + (count - 1) * 6;
    size_t length = sizeof head;

    memcpy(bytes, head, sizeof head);
    bytes[length++] = (uint8_t)(size % 128 + 128);
    bytes[length++] = (uint8_t)(size / 128);
    bytes[length++] = (uint8_t)(count + 128);
    bytes[length++] = 0;
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t code[] = {0x50, i > 0, (uint8_t)(i - 1), 0x60, 0, 0};
        memcpy(bytes + length, code, 2);
        length += 2;
        if (i > 0)
            bytes[length++] = code[2];
        memcpy(bytes + length, code + 3, 3);
        length += 3;
    }
    return length;
}

static void chains_of_supertypes_have_a_limit(void **state)
{
    uint8_t bytes[1024];

    (void)state;
    accept(bytes, chain(bytes, LIMIT_SUBTYPING + 1));
    assert_int_equal(type_of(LIMIT_SUBTYPING)->depth, LIMIT_SUBTYPING);
    size_t length = chain(bytes, LIMIT_SUBTYPING + 2);
    assert_false(decode(bytes, length));
    assert_int_equal(error.code, ERROR_LIMIT_NESTING);
    assert_int_equal(error.offset, length - 6);
}

// Nothing may follow a chain before its length is known, or a group takes the square of its size.
static void chains_in_a_group_are_measured_before_types_are_compared(void **state)
{
    const uint8_t group[] = {1, 0x4E};
    uint8_t bytes[1024];
    size_t length = chain(bytes, LIMIT_SUBTYPING + 2), size = length - 11 + sizeof group;

    (void)state;
    memmove(bytes + 13, bytes + 11, length - 11);
    memcpy(bytes + 11, group, sizeof group);
    bytes[9] = (uint8_t)(size % 128 + 128);
    bytes[10] = (uint8_t)(size / 128);
    bytes[15] = 0x4F; // the first type is final, so that the second one is no subtype of it
    refuse(ERROR_LIMIT_NESTING, 12, bytes, length + sizeof group);
}

static void groups_cut_off_are_ends(void **state)
{
    (void)state;
    refuse(ERROR_UNEXPECTED_END_OF_SECTION, 12, MODULE(1, 2, 1, 0x4E));
    refuse(ERROR_UNEXPECTED_END_OF_SECTION, 13, MODULE(1, 3, 1, 0x50, 0));
    refuse(ERROR_LENGTH_OUT_OF_BOUNDS, 12, MODULE(1, 6, 1, 0x4E, 9, 0x60, 0, 0));
    refuse(ERROR_LENGTH_OUT_OF_BOUNDS, 12, MODULE(1, 5, 1, 0x5F, 9, 0x7F, 0));
    refuse(ERROR_MALFORMED_DEFINITION_TYPE, 13, MODULE(1, 6, 1, 0x4E, 1, 0x4E, 0, 0));
    refuse(ERROR_MALFORMED_DEFINITION_TYPE, 13, MODULE(1, 6, 1, 0x50, 0, 0x50, 0, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(members_of_a_group_name_each_other),
        TEST(equal_groups_are_the_same_types),
        TEST(empty_groups_define_nothing),
        TEST(sub_types_may_be_open_or_final),
        TEST(structures_and_arrays_have_fields),
        TEST(supertypes_stand_before_their_subtypes),
        TEST(supertypes_are_open_and_of_matching_content),
        TEST(chains_of_supertypes_have_a_limit),
        TEST(chains_in_a_group_are_measured_before_types_are_compared),
        TEST(groups_cut_off_are_ends),
    };

    return cmocka_run_group_tests_name("wasm/decode_groups", tests, NULL, NULL);
}
