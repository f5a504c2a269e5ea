// SPDX-License-Identifier: Apache-2.0
// The tables that operation.py makes: what the compiler and the linker take for granted.
#include "tests/unit/wasm/compile_fixture.h"

#include <stdio.h>

#include "sandbox/wasm/opcode.h"
#include "sandbox/wasm/operation.h"

#define FORMS_MAX 9

static const char *name_of(uint32_t number)
{
    assert_in_range(number, 0, OPERATION_COUNT - 1);
    return operation_info[number].name;
}

static void assert_name(uint32_t number, const char *prefix, const char *name, const char *form)
{
    char expected[64];

    snprintf(expected, sizeof expected, "%s%s%s%s", prefix, name, form[0] == '\0' ? "" : ".", form);
    assert_string_equal(name_of(number), expected);
}

static bool has_suffix(const char *name, const char *suffix)
{
    return strlen(name) > strlen(suffix) &&
           strcmp(name + strlen(name) - strlen(suffix), suffix) == 0;
}

/* Rows. */

static void names_are_given_and_differ(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < OPERATION_COUNT; i++) {
        assert_non_null(operation_info[i].name);
        for (uint32_t j = 0; j < i; j++)
            assert_string_not_equal(operation_info[i].name, operation_info[j].name);
    }
}

static void cells_are_16_to_32_bytes_long(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < OPERATION_COUNT; i++)
        assert_true(operation_info[i].length % 8 == 0 && operation_info[i].length >= 16 &&
                    operation_info[i].length <= 32);
}

static void result_field_is_one_of_four(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < OPERATION_COUNT; i++)
        assert_in_range(operation_info[i].destination, 0, 4);
    assert_int_equal(operation_info[OPERATION_I32_ADD_SS].destination, 3);
    assert_int_equal(operation_info[OPERATION_I32_ADD_SI].destination, 2);
    assert_int_equal(operation_info[OPERATION_I32_CLZ_S].destination, 2);
    assert_int_equal(operation_info[OPERATION_SELECT_F64_R].destination, 4);
    assert_int_equal(operation_info[OPERATION_CALL].destination, 0);
}

static void each_operation_with_a_result_is_followed_by_its_variant_without_a_store(void **state)
{
    unsigned pairs = 0;

    (void)state;
    for (uint32_t i = 0; i < OPERATION_COUNT; i++) {
        const struct operation_info *info = &operation_info[i], *next = info + 1;
        bool moves = strncmp(info->name, "move.", 5) == 0 || strncmp(info->name, "set.", 4) == 0 ||
                     strncmp(info->name, "const.", 6) == 0;

        if (info->destination == 0 || moves)
            continue;
        pairs++;
        assert_name(i + 1, "", info->name, "n");
        assert_int_equal(next->length, info->length);
        assert_int_equal(next->family, info->family);
        assert_int_equal(next->flags, info->flags);
        assert_int_equal(next->compare, info->compare);
        assert_int_equal(next->destination, 0);
    }
    assert_in_range(pairs, 400, OPERATION_COUNT / 2);
}

static void variants_without_a_store_follow_what_they_are_variants_of(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < OPERATION_COUNT; i++) {
        char stored[64];

        // Loads and stores have forms of that name: i32.load.n, i32.store...
        if (!has_suffix(name_of(i), ".n") || operation_info[i].destination != 0 ||
            operation_info[i].family == FAMILY_STORE_LANE)
            continue;
        snprintf(stored, sizeof stored, "%.*s", (int)strlen(name_of(i)) - 2, name_of(i));
        assert_string_equal(name_of(i - 1), stored);
        assert_int_not_equal(operation_info[i - 1].destination, 0);
    }
}

/* Families. */

static void forms_of_a_family_are_two_apart(void **state)
{
    static const char *const binary[] = {"ss", "rs", "si", "ri", "sr", "is", "ir"};
    static const char *const unary[] = {"s", "r"};

    (void)state;
    assert_int_equal(FORM_SS, 0);
    assert_int_equal(FORM_IR, 6);
    for (uint32_t opcode = 0; opcode < OPCODE_COUNT; opcode++) {
        const struct numeric_operation *operation = &numeric_operation[opcode];
        const char *name = opcode_info[opcode].mnemonic;
        uint32_t forms = operation->family == FAMILY_ORDERED       ? 7
                         : operation->family == FAMILY_COMMUTATIVE ? 4
                         : operation->family == FAMILY_COMPARE     ? 4
                         : operation->family == FAMILY_UNARY       ? 2
                                                                   : 0;

        for (uint32_t form = 0; form < forms; form++) {
            assert_name(operation->base + 2 * form, "", name,
                        forms == 2 ? unary[form] : binary[form]);
            assert_int_equal(operation_info[operation->base + 2 * form].family, operation->family);
        }
    }
}

// The forms of vectors, in the order of the enumeration or of loads.
static const char *const *vector_forms(uint32_t family)
{
    static const char *const forms[][7] = {
        [FAMILY_VECTOR_COMMUTATIVE - FAMILY_VECTOR] = {"ss", "rs"},
        [FAMILY_VECTOR_ORDERED - FAMILY_VECTOR] = {"ss", "rs", "sr"},
        [FAMILY_VECTOR_UNARY - FAMILY_VECTOR] = {"s", "r"},
        [FAMILY_VECTOR_SHIFT - FAMILY_VECTOR] = {"ss", "rs", "sr", "rr", "si", "ri"},
        [FAMILY_VECTOR_TERNARY - FAMILY_VECTOR] = {"sss", "ssr"},
        [FAMILY_VECTOR_EXTRACT - FAMILY_VECTOR] = {"s"},
        [FAMILY_VECTOR_REPLACE - FAMILY_VECTOR] = {"ss", "rs", "sr", "rr"},
        [FAMILY_LOAD_LANE - FAMILY_VECTOR] = {"s", "r", "n"},
        [FAMILY_STORE_LANE - FAMILY_VECTOR] = {"s", "r", "n"},
    };

    return forms[family - FAMILY_VECTOR];
}

static void forms_of_vectors_are_at_their_distances(void **state)
{
    unsigned count = 0;

    (void)state;
    for (uint32_t opcode = 0; opcode < OPCODE_COUNT; opcode++) {
        const struct numeric_operation *operation = &numeric_operation[opcode];
        const char *name = opcode_info[opcode].mnemonic;
        uint32_t step = operation->family == FAMILY_STORE_LANE ? 1 : 2;
        bool access = operation->family == FAMILY_LOAD_LANE || step == 1;

        if (operation->family < FAMILY_VECTOR)
            continue;
        count++;
        for (uint32_t form = 0; vector_forms(operation->family)[form] != NULL; form++) {
            assert_name(operation->base + step * form, "", name,
                        vector_forms(operation->family)[form]);
            if (access)
                assert_name(operation->base + step * (form + LOAD_FORMS), "checked.", name,
                            vector_forms(operation->family)[form]);
        }
    }
    assert_int_equal(count, 236 + 20 - 13 - 1 - 1); // but whole loads, the store and the constant
}

static void forms_of_accesses_are_at_their_distances(void **state)
{
    static const char *const loads[LOAD_FORMS] = {"s", "r", "n"};
    static const char *const stores[STORE_FORMS] = {"ss", "sr", "si", "rs", "ri",
                                                    "ns", "nr", "ni", "rr"};

    (void)state;
    for (uint32_t opcode = 0; opcode < OPCODE_COUNT; opcode++) {
        const struct numeric_operation *operation = &numeric_operation[opcode];
        const char *name = opcode_info[opcode].mnemonic;

        for (uint32_t form = 0; operation->family == FAMILY_LOAD && form < LOAD_FORMS; form++) {
            assert_name(operation->base + 2 * form, "", name, loads[form]);
            assert_name(operation->base + 2 * (form + LOAD_FORMS), "checked.", name, loads[form]);
        }
        for (uint32_t form = 0; operation->family == FAMILY_STORE && form < STORE_FORMS; form++) {
            assert_name(operation->base + form, "", name, stores[form]);
            assert_name(operation->base + form + STORE_FORMS, "checked.", name, stores[form]);
        }
    }
}

// Of arithmetic: an f64's immediate. Of accesses: the offset of checked ones.
static bool has_wide_field(const struct operation_info *info)
{
    static const char *const immediates[] = {".si", ".ri", ".is", ".ir"};
    const char *name = info->name;

    if (info->family == FAMILY_LOAD || strstr(name, ".store") != NULL)
        return strncmp(name, "checked.", 8) == 0;
    for (size_t i = 0; i < sizeof immediates / sizeof immediates[0]; i++)
        if (strstr(name, immediates[i]) != NULL)
            return strncmp(name, "f64.", 4) == 0 || strstr(name, ".f64.") != NULL;
    return false;
}

static void wide_fields_are_where_the_compiler_puts_them(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < OPERATION_COUNT; i++)
        if (operation_info[i].family != FAMILY_OTHER && operation_info[i].family < FAMILY_VECTOR)
            assert_int_equal(operation_info[i].length,
                             has_wide_field(&operation_info[i]) ? 24 : 16);
}

static void only_places_that_nothing_needs_are_holes(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < OPERATION_COUNT; i++) {
        const char *name = name_of(i);
        bool float_branch =
            strncmp(name, "br.f32.", 7) == 0 || strncmp(name, "br_not.f32.", 11) == 0;
        bool is_store = strstr(name, ".store") != NULL;
        bool floats = strstr(name, "f32.store") != NULL || strstr(name, "f64.store") != NULL ||
                      strstr(name, "v128.store") != NULL;
        bool hole = (float_branch && (has_suffix(name, ".si") || has_suffix(name, ".ri"))) ||
                    (is_store && floats && has_suffix(name, "i")) ||
                    (is_store && !floats && has_suffix(name, ".rr"));

        assert_int_equal(operation_info[i].family == FAMILY_HOLE, hole);
    }
}

/* Comparisons. */

static const struct compare_operation *row_of(uint32_t base)
{
    const struct compare_operation *row = &compare_operation[operation_info[base].compare];

    assert_int_equal(operation_info[base].family, FAMILY_COMPARE);
    assert_int_equal(row->base, base);
    return row;
}

static void mirror_and_inverse_are_involutions(void **state)
{
    unsigned count = 0;

    (void)state;
    for (uint32_t opcode = 0; opcode < OPCODE_COUNT; opcode++) {
        uint32_t base = numeric_operation[opcode].base;
        const struct compare_operation *row;

        if (numeric_operation[opcode].family != FAMILY_COMPARE)
            continue;
        count++;
        row = row_of(base);
        assert_int_equal(row_of(row->mirror)->mirror, base);
        if (row->inverse != OPERATION_COUNT) {
            assert_int_equal(row_of(row->inverse)->inverse, base);
            assert_int_equal(row_of(row->inverse)->mirror, row_of(row->mirror)->inverse);
        }
    }
    assert_int_equal(count, 32);
}

static void only_integer_comparisons_have_an_inverse(void **state)
{
    (void)state;
    for (uint32_t opcode = 0; opcode < OPCODE_COUNT; opcode++) {
        if (numeric_operation[opcode].family != FAMILY_COMPARE)
            continue;
        assert_int_equal(row_of(numeric_operation[opcode].base)->inverse != OPERATION_COUNT,
                         opcode_info[opcode].mnemonic[0] == 'i');
    }
}

static void all_forms_of_a_comparison_have_its_row(void **state)
{
    (void)state;
    for (uint32_t opcode = 0; opcode < OPCODE_COUNT; opcode++) {
        uint32_t base = numeric_operation[opcode].base;

        if (numeric_operation[opcode].family != FAMILY_COMPARE)
            continue;
        for (uint32_t i = base; i < base + 8; i++) {
            assert_int_equal(operation_info[i].family, FAMILY_COMPARE);
            assert_int_equal(operation_info[i].compare, operation_info[base].compare);
        }
    }
}

static void branches_of_a_comparison_are_one_apart(void **state)
{
    static const char *const forms[] = {"ss", "rs", "si", "ri"};

    (void)state;
    for (uint32_t opcode = 0; opcode < OPCODE_COUNT; opcode++) {
        const char *name = opcode_info[opcode].mnemonic;
        const struct compare_operation *row;

        if (numeric_operation[opcode].family != FAMILY_COMPARE)
            continue;
        row = row_of(numeric_operation[opcode].base);
        for (uint32_t form = 0; form < 4; form++) {
            assert_name(row->branch + form, "br.", name, forms[form]);
            if (row->inverse == OPERATION_COUNT)
                assert_name(row->branch_not + form, "br_not.", name, forms[form]);
        }
        if (row->inverse != OPERATION_COUNT)
            assert_int_equal(row->branch_not, row_of(row->inverse)->branch);
    }
}

/* Terminators. */

static void what_does_not_go_on_to_the_next_cell_is_a_terminator(void **state)
{
    static const char *const others[] = {
        "move.",      "set.",       "const.",       "zero",           "fuel",
        "global.",    "select.",    "memory.size",  "table.size",     "v128.const",
        "i64.add128", "i64.sub128", "i64.mul_wide", "ref.as_non_null"};

    (void)state;
    for (uint32_t i = 0; i < OPERATION_COUNT; i++) {
        bool goes_on = operation_info[i].family != FAMILY_OTHER;

        for (size_t j = 0; j < sizeof others / sizeof others[0]; j++)
            goes_on |= strncmp(name_of(i), others[j], strlen(others[j])) == 0;
        if (strcmp(name_of(i), "zero_many") == 0)
            goes_on = false;
        assert_int_equal((operation_info[i].flags & OPERATION_IS_TERMINATOR) == 0, goes_on);
        assert_int_equal((operation_info[i].flags & OPERATION_IS_TABLE) != 0,
                         strncmp(name_of(i), "br_table", 8) == 0);
    }
}

static void length_of_a_table_is_that_of_its_entries(void **state)
{
    struct cell cell = {.handler = OPERATION_BR_TABLE_S};

    (void)state;
    for (uint32_t count = 0; count < 10; count++) {
        cell.imm = count; // without the default
        assert_in_range(operation_length(&cell, OPERATION_BR_TABLE_S), 16 + 4 * (count + 1),
                        16 + 4 * (count + 1) + 7);
        assert_int_equal(operation_length(&cell, OPERATION_BR_TABLE_S) % 8, 0);
    }
    assert_int_equal(operation_length(&cell, OPERATION_CALL), 24);
}

/* Sequences: the trie, walked from its root. */

static unsigned seen[SEQUENCE_COUNT];

static void check_sequence(const uint16_t *numbers, uint32_t count)
{
    assert_in_range(count, 2, 4);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_not_equal(operation_info[numbers[i]].family, FAMILY_HOLE);
        if (i + 1 < count)
            assert_int_equal(operation_info[numbers[i]].flags & OPERATION_IS_TERMINATOR, 0);
    }
}

// Depth first, with the path in `numbers`: at most four levels.
static void walk_trie(void)
{
    uint16_t numbers[5] = {0}, states[5] = {0};
    uint32_t depth = 0;

    for (;;) {
        uint32_t at = (uint32_t)sequence_base[states[depth]] + numbers[depth];

        if (sequence_check[at] == states[depth]) {
            uint32_t child = sequence_child[at];

            if (sequence_accepted[child] != 0) {
                assert_in_range(sequence_accepted[child], 1, SEQUENCE_COUNT);
                seen[sequence_accepted[child] - 1]++;
                check_sequence(numbers, depth + 1);
            }
            assert_in_range(++depth, 1, 4);
            states[depth] = (uint16_t)child;
            numbers[depth] = 0;
            continue;
        }
        while (++numbers[depth] == OPERATION_COUNT) {
            if (depth == 0)
                return;
            depth--;
        }
    }
}

static void each_sequence_is_reached_once_and_could_be_a_handler(void **state)
{
    (void)state;
    walk_trie();
    for (uint32_t i = 0; i < SEQUENCE_COUNT; i++)
        assert_int_equal(seen[i], 1);
    assert_int_equal(sequence_accepted[0], 0);
}

/* Opcodes. */

// The immediates of an opcode, such that they are valid in the module below, and what else its body
// needs.
static void put_immediate(struct bytes *code, const struct opcode_info *info)
{
    switch (info->immediate) {
    case IMMEDIATE_NONE:
        break;
    case IMMEDIATE_BLOCK_TYPE:
        put_all(code, CODE(EMPTY, END));
        break;
    case IMMEDIATE_LABEL_TABLE:
    case IMMEDIATE_CALL_INDIRECT:
    case IMMEDIATE_TABLE_TABLE:
    case IMMEDIATE_ELEMENT_TABLE:
    case IMMEDIATE_MEMORY_MEMORY:
    case IMMEDIATE_DATA_MEMORY:
        put_all(code, CODE(0, 0));
        break;
    case IMMEDIATE_MEMARG0:
    case IMMEDIATE_MEMARG1:
    case IMMEDIATE_MEMARG2:
    case IMMEDIATE_MEMARG3: // atomic accesses want their natural alignment
        put(code,
            info->feature == FEATURE_THREADS ? (uint8_t)(info->immediate - IMMEDIATE_MEMARG0) : 0);
        put(code, 0);
        break;
    case IMMEDIATE_SELECT_TYPES:
        put_all(code, CODE(1, I32));
        break;
    case IMMEDIATE_HEAP_TYPE:
        put(code, FUNCREF);
        break;
    case IMMEDIATE_F32:
        put_all(code, CODE(BITS32(0)));
        break;
    case IMMEDIATE_F64:
        put_all(code, CODE(BITS64(0)));
        break;
    default:
        put(code, 0);
    }
}

static void build_body_with(uint32_t opcode)
{
    const struct opcode_info *info = &opcode_info[opcode];
    struct bytes code = {0};

    put(&code, UNREACHABLE); // so that any operands are there
    if (opcode == OPCODE_ELSE)
        put_all(&code, CODE(IF, EMPTY));
    if (opcode == OPCODE_END)
        put_all(&code, CODE(BLOCK, EMPTY));
    if (info->page != 0)
        put(&code, info->page);
    put(&code, (uint8_t)info->code);
    put_immediate(&code, info);
    if (opcode == OPCODE_ELSE)
        put(&code, END);
    put(&code, UNREACHABLE); // and none remain
    build_function("i:", "", code.data, code.length);
    bytes_free(&code);
}

static void each_core_opcode_has_a_compiler(void **state)
{
    unsigned count = 0;

    (void)state;
    for (uint32_t opcode = 0; opcode < OPCODE_COUNT; opcode++) {
        if (opcode_info[opcode].feature != FEATURE_CORE &&
            !(FEATURES_PROPOSED & FEATURE_BIT(opcode_info[opcode].feature)))
            continue;
        count += opcode_info[opcode].feature == FEATURE_CORE;
        features = FEATURES_PROPOSED;
        build_begin();
        build_memory(1, 1);
        build_table(FUNCREF, 1, 1);
        build_global(I32, true, CODE(I32_CONST, 0));
        build_body_with(opcode);
        build_element(SEGMENT_PASSIVE, 0, CODE(0));
        build_data_count(1);
        build_data(SEGMENT_PASSIVE, 0, CODE('a'));
        if (!compile())
            fail_msg("%s: %s", opcode_info[opcode].mnemonic, error.message);
    }
    assert_in_range(count, 190, 220);
}

static const struct CMUnitTest tests[] = {
    TEST(names_are_given_and_differ),
    TEST(cells_are_16_to_32_bytes_long),
    TEST(result_field_is_one_of_four),
    TEST(each_operation_with_a_result_is_followed_by_its_variant_without_a_store),
    TEST(variants_without_a_store_follow_what_they_are_variants_of),
    TEST(forms_of_a_family_are_two_apart),
    TEST(forms_of_vectors_are_at_their_distances),
    TEST(forms_of_accesses_are_at_their_distances),
    TEST(wide_fields_are_where_the_compiler_puts_them),
    TEST(only_places_that_nothing_needs_are_holes),
    TEST(mirror_and_inverse_are_involutions),
    TEST(only_integer_comparisons_have_an_inverse),
    TEST(all_forms_of_a_comparison_have_its_row),
    TEST(branches_of_a_comparison_are_one_apart),
    TEST(what_does_not_go_on_to_the_next_cell_is_a_terminator),
    TEST(length_of_a_table_is_that_of_its_entries),
    TEST(each_sequence_is_reached_once_and_could_be_a_handler),
    TEST(each_core_opcode_has_a_compiler),
};

int main(void)
{
    return cmocka_run_group_tests(tests, NULL, NULL);
}
