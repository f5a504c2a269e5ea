// SPDX-License-Identifier: Apache-2.0
//
// The type store and matching, against the rules of the specification ("Matching", "Defined
// Types").
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sandbox/wasm/type.h"

#define TYPES_MAX 5000u

#define MEMBER(position_)    (TYPE_GROUP_MEMBER + (position_))
#define REF_TO(number_)      VALTYPE_REF(HEAPTYPE_CONCRETE + (number_))
#define NULLABLE_TO(number_) VALTYPE_REF_NULL(HEAPTYPE_CONCRETE + (number_))
#define TYPES(...)           ((const valtype[]){__VA_ARGS__})
#define ARRAY_LENGTH(array_) (sizeof(array_) / sizeof((array_)[0]))

static struct type_store store;

static int open_store(void **state)
{
    struct error error = {.code = ERROR_NONE};

    (void)state;
    return type_store_init(&store, TYPES_MAX, &error) ? 0 : -1;
}

static int close_store(void **state)
{
    (void)state;
    type_store_finish(&store);
    return 0;
}

static struct deftype function_type(const valtype *types, uint32_t parameters, uint32_t results)
{
    return (struct deftype){
        .composite = COMPOSITE_FUNCTION,
        .final = true,
        .supertype = TYPE_NONE,
        .parameter_count = parameters,
        .result_count = results,
        .types = types,
    };
}

static struct deftype open_type(enum composite composite, uint32_t supertype)
{
    return (struct deftype){.composite = composite, .supertype = supertype};
}

static uint32_t enter(const struct deftype *group, uint32_t count)
{
    struct error error = {.code = ERROR_NONE};
    uint32_t number = type_store_enter(&store, group, count, &error);

    assert_int_equal(error.code, ERROR_NONE);
    assert_int_not_equal(number, TYPE_NONE);
    return number;
}

static uint32_t enter_one(struct deftype type)
{
    return enter(&type, 1);
}

// --- Canonical numbers ---

static void store_gives_equal_types_one_number(void **state)
{
    uint32_t first = enter_one(function_type(TYPES(VALTYPE_I32, VALTYPE_I64), 1, 1));

    (void)state;
    assert_int_equal(enter_one(function_type(TYPES(VALTYPE_I32, VALTYPE_I64), 1, 1)), first);
    assert_int_equal(store.count, 1);
    assert_int_equal(store.group_count, 1);
}

static void store_tells_differing_types_apart(void **state)
{
    struct deftype types[] = {
        function_type(TYPES(VALTYPE_I32, VALTYPE_I64), 1, 1),
        function_type(TYPES(VALTYPE_I32, VALTYPE_I64), 2, 0),
        function_type(TYPES(VALTYPE_I32, VALTYPE_I64), 0, 2),
        function_type(TYPES(VALTYPE_I64, VALTYPE_I32), 1, 1),
        function_type(TYPES(VALTYPE_I32), 1, 0),
        function_type(TYPES(VALTYPE_I32, VALTYPE_BOTTOM), 2, 0), // as if padded
        function_type(NULL, 0, 0),
        open_type(COMPOSITE_FUNCTION, TYPE_NONE),
        open_type(COMPOSITE_STRUCT, TYPE_NONE),
        open_type(COMPOSITE_ARRAY, TYPE_NONE),
        open_type(COMPOSITE_FUNCTION, 7),
    };

    (void)state;
    for (uint32_t i = 0; i < ARRAY_LENGTH(types); i++)
        assert_int_equal(enter_one(types[i]), i);
    for (uint32_t i = 0; i < ARRAY_LENGTH(types); i++)
        assert_int_equal(enter_one(types[i]), i);
    assert_int_equal(store.count, ARRAY_LENGTH(types));
}

static void store_copies_what_it_keeps(void **state)
{
    valtype types[] = {VALTYPE_F32, VALTYPE_F64, VALTYPE_FUNCREF};
    struct deftype type = function_type(types, 2, 1);
    uint32_t number = enter_one(type);
    const struct deftype *kept = type_at(&store, number);

    (void)state;
    memset(types, 0, sizeof types);
    assert_int_equal(kept->composite, COMPOSITE_FUNCTION);
    assert_true(kept->final);
    assert_int_equal(kept->supertype, TYPE_NONE);
    assert_int_equal(kept->group_first, number);
    assert_int_equal(kept->group_count, 1);
    assert_int_equal(kept->parameter_count, 2);
    assert_int_equal(kept->result_count, 1);
    assert_int_equal(deftype_parameters(kept)[0], VALTYPE_F32);
    assert_int_equal(deftype_parameters(kept)[1], VALTYPE_F64);
    assert_int_equal(deftype_results(kept)[0], VALTYPE_FUNCREF);
}

// Sixteen parameters of two types spell the number.
static struct deftype spelled(uint32_t number, valtype *types)
{
    for (uint32_t bit = 0; bit < 16; bit++)
        types[bit] = number >> bit & 1 ? VALTYPE_I64 : VALTYPE_I32;
    return function_type(types, 16, 0);
}

static void numbers_stay_while_the_table_grows(void **state)
{
    valtype types[16];

    (void)state;
    for (uint32_t i = 0; i < TYPES_MAX; i++)
        assert_int_equal(enter_one(spelled(i, types)), i);
    for (uint32_t i = 0; i < TYPES_MAX; i++)
        assert_int_equal(enter_one(spelled(i, types)), i);
    assert_int_equal(store.count, TYPES_MAX);
    assert_true(store.table_size >= 2 * TYPES_MAX);
}

static void full_store_refuses_new_types_and_still_finds_old_ones(void **state)
{
    struct error error = {.code = ERROR_NONE};
    valtype types[16];
    struct deftype extra = function_type(TYPES(VALTYPE_F32), 1, 0);
    struct deftype pair[2] = {extra, extra};

    (void)state;
    for (uint32_t i = 0; i < TYPES_MAX - 1; i++)
        enter_one(spelled(i, types));
    // One is left, which a group of two does not fit into.
    assert_int_equal(type_store_enter(&store, pair, 2, &error), TYPE_NONE);
    assert_int_equal(error.code, ERROR_LIMIT_COUNT);
    assert_int_equal(store.count, TYPES_MAX - 1);
    error_clear(&error);
    assert_int_equal(enter_one(extra), TYPES_MAX - 1);
    extra.result_count = 1;
    extra.parameter_count = 0;
    assert_int_equal(type_store_enter(&store, &extra, 1, &error), TYPE_NONE);
    assert_int_equal(error.code, ERROR_LIMIT_COUNT);
    assert_int_equal(error_kind(error.code), ERROR_KIND_LIMIT);
    assert_int_equal(enter_one(spelled(17, types)), 17);
    assert_int_equal(store.count, TYPES_MAX);
}

// --- Recursion groups ---

static void groups_that_name_themselves_alike_are_equal(void **state)
{
    struct deftype loop = function_type(TYPES(NULLABLE_TO(MEMBER(0))), 1, 0);
    uint32_t filler = enter_one(function_type(NULL, 0, 0));
    uint32_t first = enter_one(loop);

    (void)state;
    assert_int_equal(filler, 0);
    assert_int_equal(first, 1);
    assert_int_equal(enter_one(loop), first);
    // In the store the reference is to the type itself.
    assert_int_equal(type_at(&store, first)->types[0], NULLABLE_TO(first));
}

static void a_group_differs_from_one_that_names_it_from_outside(void **state)
{
    uint32_t loop = enter_one(function_type(TYPES(REF_TO(MEMBER(0))), 1, 0));
    uint32_t outside = enter_one(function_type(TYPES(REF_TO(loop)), 1, 0));

    (void)state;
    assert_int_not_equal(outside, loop);
    // What they are stored as looks the same.
    assert_int_equal(type_at(&store, outside)->types[0], type_at(&store, loop)->types[0]);
    assert_int_equal(enter_one(function_type(TYPES(REF_TO(MEMBER(0))), 1, 0)), loop);
    assert_int_equal(enter_one(function_type(TYPES(REF_TO(loop)), 1, 0)), outside);
}

static void groups_of_equal_types_differ_by_their_size(void **state)
{
    struct deftype type = function_type(TYPES(VALTYPE_I32), 1, 0);
    struct deftype pair[2] = {type, type};
    uint32_t alone = enter(&type, 1);
    uint32_t both = enter(pair, 2);

    (void)state;
    assert_int_equal(alone, 0);
    assert_int_equal(both, 1);
    assert_int_equal(enter(pair, 2), both);
    assert_int_equal(store.count, 3);
    assert_int_equal(type_at(&store, both + 1)->group_first, both);
    assert_int_equal(type_at(&store, both + 1)->group_count, 2);
}

static void members_of_a_group_differ_by_whom_they_name(void **state)
{
    struct deftype crossed[2] = {
        function_type(TYPES(REF_TO(MEMBER(1))), 1, 0),
        function_type(TYPES(REF_TO(MEMBER(0))), 1, 0),
    };
    struct deftype straight[2] = {crossed[1], crossed[0]};
    uint32_t first = enter(crossed, 2);
    uint32_t second = enter(straight, 2);

    (void)state;
    assert_int_equal(first, 0);
    assert_int_equal(second, 2);
    assert_int_equal(type_at(&store, first)->types[0], REF_TO(first + 1));
    assert_int_equal(type_at(&store, second)->types[0], REF_TO(second));
    assert_int_equal(enter(crossed, 2), first);
    assert_int_equal(enter(straight, 2), second);
}

static void supertypes_of_a_group_may_be_its_members(void **state)
{
    struct deftype group[2] = {
        open_type(COMPOSITE_STRUCT, TYPE_NONE),
        open_type(COMPOSITE_STRUCT, MEMBER(0)),
    };
    uint32_t filler = enter_one(function_type(NULL, 0, 0));
    uint32_t first = enter(group, 2);

    (void)state;
    assert_int_equal(filler, 0);
    assert_int_equal(type_at(&store, first)->supertype, TYPE_NONE);
    assert_int_equal(type_at(&store, first + 1)->supertype, first);
    assert_int_equal(enter(group, 2), first);
}

// --- Matching ---

// Everything that Heaptype_sub says of abstract heap types, reflexivity apart.
static const struct {
    enum heaptype sub;
    enum heaptype super;
} abstract_pairs[] = {
    {HEAPTYPE_EQ, HEAPTYPE_ANY},      {HEAPTYPE_I31, HEAPTYPE_EQ},
    {HEAPTYPE_I31, HEAPTYPE_ANY},     {HEAPTYPE_STRUCT, HEAPTYPE_EQ},
    {HEAPTYPE_STRUCT, HEAPTYPE_ANY},  {HEAPTYPE_ARRAY, HEAPTYPE_EQ},
    {HEAPTYPE_ARRAY, HEAPTYPE_ANY},   {HEAPTYPE_NONE, HEAPTYPE_ANY},
    {HEAPTYPE_NONE, HEAPTYPE_EQ},     {HEAPTYPE_NONE, HEAPTYPE_I31},
    {HEAPTYPE_NONE, HEAPTYPE_STRUCT}, {HEAPTYPE_NONE, HEAPTYPE_ARRAY},
    {HEAPTYPE_NOFUNC, HEAPTYPE_FUNC}, {HEAPTYPE_NOEXTERN, HEAPTYPE_EXTERN},
    {HEAPTYPE_NOEXN, HEAPTYPE_EXN},
};

static bool is_abstract_pair(uint32_t sub, uint32_t super)
{
    for (size_t i = 0; i < ARRAY_LENGTH(abstract_pairs); i++)
        if (abstract_pairs[i].sub == sub && abstract_pairs[i].super == super)
            return true;
    return sub == super;
}

static void abstract_heap_types_match_as_the_specification_says(void **state)
{
    (void)state;
    for (uint32_t sub = 0; sub <= HEAPTYPE_NOEXN; sub++)
        for (uint32_t super = 0; super <= HEAPTYPE_NOEXN; super++) {
            bool expected = is_abstract_pair(sub, super);

            assert_int_equal(
                valtype_matches(&store, VALTYPE_REF_NULL(sub), VALTYPE_REF_NULL(super)), expected);
            assert_int_equal(valtype_matches(&store, VALTYPE_REF(sub), VALTYPE_REF(super)),
                             expected);
            assert_int_equal(valtype_matches(&store, VALTYPE_REF(sub), VALTYPE_REF_NULL(super)),
                             expected);
            assert_false(valtype_matches(&store, VALTYPE_REF_NULL(sub), VALTYPE_REF(super)));
        }
}

static void number_types_match_only_themselves(void **state)
{
    static const valtype all[] = {VALTYPE_I32,  VALTYPE_I64,     VALTYPE_F32,      VALTYPE_F64,
                                  VALTYPE_V128, VALTYPE_FUNCREF, VALTYPE_EXTERNREF};

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(all); i++)
        for (size_t k = 0; k < ARRAY_LENGTH(all); k++) {
            assert_int_equal(valtype_matches(&store, all[i], all[k]), i == k);
            assert_int_equal(valtype_matches_slow(&store, all[i], all[k]), i == k);
        }
}

static void bottom_matches_everything_and_nothing_else_matches_bottom(void **state)
{
    static const valtype all[] = {VALTYPE_I32, VALTYPE_F64, VALTYPE_V128, VALTYPE_FUNCREF,
                                  VALTYPE_REF(HEAPTYPE_NONE)};

    (void)state;
    assert_true(valtype_matches_slow(&store, VALTYPE_BOTTOM, VALTYPE_BOTTOM));
    for (size_t i = 0; i < ARRAY_LENGTH(all); i++) {
        assert_true(valtype_matches_slow(&store, VALTYPE_BOTTOM, all[i]));
        assert_false(valtype_matches_slow(&store, all[i], VALTYPE_BOTTOM));
    }
}

static void defined_types_match_along_their_supertypes(void **state)
{
    uint32_t top = enter_one(open_type(COMPOSITE_STRUCT, TYPE_NONE));
    uint32_t middle = enter_one(open_type(COMPOSITE_STRUCT, top));
    uint32_t bottom = enter_one(open_type(COMPOSITE_STRUCT, middle));
    uint32_t sibling =
        enter_one((struct deftype){.composite = COMPOSITE_STRUCT, .final = true, .supertype = top});

    (void)state;
    assert_true(type_matches(&store, top, top));
    assert_true(type_matches(&store, bottom, top));
    assert_true(type_matches(&store, middle, top));
    assert_false(type_matches(&store, top, middle));
    assert_false(type_matches(&store, sibling, middle));
    assert_true(valtype_matches(&store, REF_TO(bottom), NULLABLE_TO(top)));
    assert_true(valtype_matches(&store, NULLABLE_TO(bottom), NULLABLE_TO(middle)));
    assert_false(valtype_matches(&store, NULLABLE_TO(bottom), REF_TO(middle)));
    assert_false(valtype_matches(&store, REF_TO(sibling), REF_TO(bottom)));
}

static void depth_is_the_number_of_supertypes(void **state)
{
    uint32_t last = TYPE_NONE;

    (void)state;
    for (uint32_t i = 0; i < 5; i++) {
        last = enter_one(open_type(COMPOSITE_STRUCT, last));
        assert_int_equal(type_at(&store, last)->depth, i);
    }
}

static void bottom_of_references_is_below_them_all(void **state)
{
    (void)state;
    uint32_t number = enter_one(function_type(NULL, 0, 0));
    for (uint32_t heaptype = 0; heaptype <= HEAPTYPE_BOTTOM; heaptype++)
        assert_true(valtype_matches(&store, VALTYPE_REF(HEAPTYPE_BOTTOM), VALTYPE_REF(heaptype)));
    assert_true(valtype_matches(&store, VALTYPE_REF(HEAPTYPE_BOTTOM), REF_TO(number)));
    assert_false(valtype_matches(&store, VALTYPE_REF(HEAPTYPE_BOTTOM), VALTYPE_I32));
    assert_false(valtype_matches(&store, VALTYPE_FUNCREF, VALTYPE_REF_NULL(HEAPTYPE_BOTTOM)));
}

static bool function_extends(const valtype *sub, const valtype *super)
{
    uint32_t below = enter_one(function_type(sub, 1, 1));

    return type_extends(&store, below, enter_one(function_type(super, 1, 1)));
}

static void functions_extend_others_against_their_parameters(void **state)
{
    const valtype null = VALTYPE_REF_NULL(HEAPTYPE_NOFUNC), any = VALTYPE_FUNCREF;

    (void)state;
    assert_true(function_extends((const valtype[]){any, any}, (const valtype[]){any, any}));
    assert_true(function_extends((const valtype[]){any, null}, (const valtype[]){null, any}));
    assert_false(function_extends((const valtype[]){null, any}, (const valtype[]){any, any}));
    assert_false(function_extends((const valtype[]){any, any}, (const valtype[]){any, null}));
    assert_false(type_extends(&store, enter_one(function_type(&any, 1, 0)),
                              enter_one(function_type(&any, 0, 1))));
}

static bool fields_extend(const valtype *sub, uint32_t sub_count, const valtype *super,
                          uint32_t super_count)
{
    struct deftype below = open_type(COMPOSITE_STRUCT, TYPE_NONE), above = below;

    below.types = sub;
    below.parameter_count = sub_count;
    above.types = super;
    above.parameter_count = super_count;
    return type_extends(&store, enter_one(below), enter_one(above));
}

static void structures_extend_others_by_more_and_narrower_fields(void **state)
{
    const valtype fixed[] = {VALTYPE_REF_NULL(HEAPTYPE_NOFUNC), VALTYPE_I8};
    const valtype wide[] = {VALTYPE_FUNCREF};
    const valtype open[] = {VALTYPE_FUNCREF | FIELD_MUTABLE};

    (void)state;
    assert_true(fields_extend(fixed, 2, wide, 1));
    assert_true(fields_extend(open, 1, open, 1));
    assert_true(fields_extend(wide, 1, wide, 0));
    assert_false(fields_extend(wide, 0, wide, 1));
    assert_false(fields_extend(wide, 1, fixed, 1));
    // What can be written is the same in both.
    assert_false(fields_extend(fixed, 1, open, 1));
    assert_false(fields_extend(open, 1, wide, 1));
    assert_false(fields_extend(wide, 1, open, 1));
    assert_false(type_extends(&store, enter_one(open_type(COMPOSITE_STRUCT, TYPE_NONE)),
                              enter_one(open_type(COMPOSITE_ARRAY, TYPE_NONE))));
}

static void long_chains_of_supertypes_take_no_stack(void **state)
{
    uint32_t number = enter_one(open_type(COMPOSITE_ARRAY, TYPE_NONE));

    (void)state;
    for (uint32_t i = 1; i < TYPES_MAX; i++)
        number = enter_one(open_type(COMPOSITE_ARRAY, number));
    assert_int_equal(number, TYPES_MAX - 1);
    assert_true(type_matches(&store, number, 0));
    assert_false(type_matches(&store, 0, number));
}

// Of all pairs in a tree with long and short branches, against a walk step by step.
static void types_match_exactly_those_above_them(void **state)
{
    enum { COUNT = 300 };
    uint32_t numbers[COUNT], seed = 1;

    (void)state;
    for (uint32_t i = 0; i < COUNT; i++) {
        uint32_t back = 1 + ((seed = seed * 1103515245 + 12345) >> 16) % 3;
        struct deftype type = open_type(COMPOSITE_STRUCT, i < back ? TYPE_NONE : numbers[i - back]);
        valtype field = i; // so that none equals another
        type.types = &field;
        type.parameter_count = 1;
        numbers[i] = enter_one(type);
    }
    for (uint32_t sub = 0; sub < COUNT; sub++) {
        uint32_t above = numbers[sub];
        for (uint32_t super = sub + 1; super-- > 0;) {
            assert_int_equal(type_matches(&store, numbers[sub], numbers[super]),
                             above == numbers[super]);
            assert_int_equal(type_matches(&store, numbers[super], numbers[sub]), super == sub);
            if (above == numbers[super])
                above = type_at(&store, above)->supertype;
        }
        assert_int_equal(above, TYPE_NONE);
    }
}

static void defined_types_stand_between_the_abstract_ones_of_their_kind(void **state)
{
    static const struct {
        enum composite composite;
        enum heaptype above;
        enum heaptype below;
    } rows[] = {
        {COMPOSITE_FUNCTION, HEAPTYPE_FUNC, HEAPTYPE_NOFUNC},
        {COMPOSITE_STRUCT, HEAPTYPE_STRUCT, HEAPTYPE_NONE},
        {COMPOSITE_ARRAY, HEAPTYPE_ARRAY, HEAPTYPE_NONE},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        uint32_t number = enter_one(open_type(rows[i].composite, TYPE_NONE));

        for (uint32_t abstract = 0; abstract <= HEAPTYPE_NOEXN; abstract++) {
            assert_int_equal(valtype_matches(&store, REF_TO(number), VALTYPE_REF(abstract)),
                             is_abstract_pair(rows[i].above, abstract));
            assert_int_equal(valtype_matches(&store, VALTYPE_REF(abstract), REF_TO(number)),
                             abstract == rows[i].below);
        }
    }
}

// --- Printing ---

static void assert_prints(valtype type, const char *expected)
{
    char text[32];

    valtype_print(type, text, sizeof text);
    assert_string_equal(text, expected);
}

static void types_print_as_the_text_format_has_them(void **state)
{
    (void)state;
    assert_prints(VALTYPE_I32, "i32");
    assert_prints(VALTYPE_I64, "i64");
    assert_prints(VALTYPE_F32, "f32");
    assert_prints(VALTYPE_F64, "f64");
    assert_prints(VALTYPE_V128, "v128");
    assert_prints(VALTYPE_BOTTOM, "bot");
    assert_prints(VALTYPE_FUNCREF, "funcref");
    assert_prints(VALTYPE_EXTERNREF, "externref");
    assert_prints(VALTYPE_REF_NULL(HEAPTYPE_NONE), "nullref");
    assert_prints(VALTYPE_REF_NULL(HEAPTYPE_NOEXN), "nullexnref");
    assert_prints(VALTYPE_REF(HEAPTYPE_FUNC), "(ref func)");
    assert_prints(VALTYPE_REF(HEAPTYPE_I31), "(ref i31)");
    assert_prints(NULLABLE_TO(5u), "(ref null 5)");
    assert_prints(REF_TO(1234567u), "(ref 1234567)");
}

static void print_cuts_off_what_does_not_fit(void **state)
{
    char text[8] = "xxxxxxx";

    (void)state;
    valtype_print(VALTYPE_EXTERNREF, text, 5);
    assert_string_equal(text, "exte");
    assert_int_equal(text[5], 'x');
}

// --- Life cycle ---

static void finishing_a_store_twice_or_of_zeroes_is_harmless(void **state)
{
    struct type_store other = {.count = 0};
    struct error error = {.code = ERROR_NONE};

    (void)state;
    type_store_finish(&other);
    assert_true(type_store_init(&other, 10, &error));
    type_store_finish(&other);
    type_store_finish(&other);
    assert_null(other.types.base);
    assert_int_equal(other.count, 0);
}

#define WITH_STORE(test_) cmocka_unit_test_setup_teardown(test_, open_store, close_store)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STORE(store_gives_equal_types_one_number),
        WITH_STORE(store_tells_differing_types_apart),
        WITH_STORE(store_copies_what_it_keeps),
        WITH_STORE(numbers_stay_while_the_table_grows),
        WITH_STORE(full_store_refuses_new_types_and_still_finds_old_ones),
        WITH_STORE(groups_that_name_themselves_alike_are_equal),
        WITH_STORE(a_group_differs_from_one_that_names_it_from_outside),
        WITH_STORE(groups_of_equal_types_differ_by_their_size),
        WITH_STORE(members_of_a_group_differ_by_whom_they_name),
        WITH_STORE(supertypes_of_a_group_may_be_its_members),
        WITH_STORE(abstract_heap_types_match_as_the_specification_says),
        WITH_STORE(number_types_match_only_themselves),
        WITH_STORE(bottom_matches_everything_and_nothing_else_matches_bottom),
        WITH_STORE(defined_types_match_along_their_supertypes),
        WITH_STORE(depth_is_the_number_of_supertypes),
        WITH_STORE(bottom_of_references_is_below_them_all),
        WITH_STORE(functions_extend_others_against_their_parameters),
        WITH_STORE(structures_extend_others_by_more_and_narrower_fields),
        WITH_STORE(long_chains_of_supertypes_take_no_stack),
        WITH_STORE(types_match_exactly_those_above_them),
        WITH_STORE(defined_types_stand_between_the_abstract_ones_of_their_kind),
        cmocka_unit_test(types_print_as_the_text_format_has_them),
        cmocka_unit_test(print_cuts_off_what_does_not_fit),
        cmocka_unit_test(finishing_a_store_twice_or_of_zeroes_is_harmless),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
