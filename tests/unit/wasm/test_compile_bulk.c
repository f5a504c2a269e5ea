// SPDX-License-Identifier: Apache-2.0
// Instructions on whole memories, tables and segments: operands in a row, indices in the cell.
#include "tests/unit/wasm/compile_fixture.h"

#define BULK(name_) PREFIX, name_
#define GET_3       LOCAL_GET, 0, LOCAL_GET, 1, LOCAL_GET, 2
#define MOVED_3     "move.64 $0 -> $5; move.64 $1 -> $6; move.64 $2 -> $7; "

// A memory; tables of functions (two) and of external references; segments of each kind, two.
static void build_world(const char *signature, const uint8_t *code, size_t length)
{
    static const uint8_t funcidxs[] = {0, 0};

    build_begin();
    build_memory(1, 5);
    build_table(FUNCREF, 10, NO_MAXIMUM);
    build_table(FUNCREF, 10, NO_MAXIMUM);
    build_table(EXTERNREF, 10, NO_MAXIMUM);
    build_function(signature, "", code, length);
    build_element(SEGMENT_PASSIVE, 0, funcidxs, 2);
    build_element(SEGMENT_PASSIVE, 0, funcidxs, 1);
    build_data_count(2);
    build_data(SEGMENT_PASSIVE, 0, CODE('a'));
    build_data(SEGMENT_PASSIVE, 0, CODE('b'));
}

static void assert_bulk(const char *signature, const char *expected, const uint8_t *code,
                        size_t length)
{
    build_world(signature, code, length);
    compile_accept();
    assert_code(0, expected);
}

static void refuse_bulk(const char *signature, enum error_code code, size_t at,
                        const uint8_t *bytes, size_t length)
{
    build_world(signature, bytes, length);
    assert_false(compile());
    assert_string_equal(error_wording(error.code), error_wording(code));
    assert_int_equal(error.offset, build_code_offset(0) + at);
}

static void sizes_are_cells_with_a_result(void **state)
{
    (void)state;
    assert_bulk(":i", "memory.size.n 0; return.integer.r", CODE(MEMORY_SIZE, 0));
    assert_bulk("i:", "memory.size 0 -> $0; return.0", CODE(MEMORY_SIZE, 0, LOCAL_SET, 0));
    assert_bulk(":i", "table.size.n 2; return.integer.r", CODE(BULK(TABLE_SIZE), 2));
}

static void operands_stand_in_a_row(void **state)
{
    (void)state;
    assert_bulk("iii:", MOVED_3 "memory.fill $5 0; return.0", CODE(GET_3, BULK(MEMORY_FILL), 0));
    assert_bulk("iii:", MOVED_3 "memory.copy $5 0 0; return.0",
                CODE(GET_3, BULK(MEMORY_COPY), 0, 0));
    assert_bulk("iii:", MOVED_3 "table.copy $5 1 0; return.0", CODE(GET_3, BULK(TABLE_COPY), 1, 0));
    assert_bulk("iri:", MOVED_3 "table.fill $5 1; return.0", CODE(GET_3, BULK(TABLE_FILL), 1));
    assert_bulk("ir:", "move.64 $0 -> $4; move.64 $1 -> $5; table.set $4 1; return.0",
                CODE(LOCAL_GET, 0, LOCAL_GET, 1, TABLE_SET, 1));
}

static void segment_and_target_are_both_in_the_cell(void **state)
{
    (void)state;
    // Binary: segment, then memory or table; cell: segment, then the other one.
    assert_bulk("iii:", MOVED_3 "memory.init $5 1 0; return.0",
                CODE(GET_3, BULK(MEMORY_INIT), 1, 0));
    assert_bulk("iii:", MOVED_3 "table.init $5 0 1; return.0", CODE(GET_3, BULK(TABLE_INIT), 0, 1));
}

static void result_stands_in_the_place_of_the_first_operand(void **state)
{
    (void)state;
    assert_bulk("i:i", "move.64 $0 -> $3; memory.grow $3 0; return.integer.s $3",
                CODE(LOCAL_GET, 0, MEMORY_GROW, 0));
    assert_bulk("i:r", "move.64 $0 -> $3; table.get $3 1; return.integer.s $3",
                CODE(LOCAL_GET, 0, TABLE_GET, 1));
    assert_bulk("ri:i", "move.64 $0 -> $4; move.64 $1 -> $5; table.grow $4 0; return.integer.s $4",
                CODE(LOCAL_GET, 0, LOCAL_GET, 1, BULK(TABLE_GROW), 0));
}

static void dropping_takes_nothing(void **state)
{
    (void)state;
    assert_bulk(":", "data.drop 1; elem.drop 0; return.0",
                CODE(BULK(DATA_DROP), 1, BULK(ELEM_DROP), 0));
}

static void no_accumulator_outlives_an_operation_out_of_line(void **state)
{
    (void)state;
    assert_bulk("ii:i",
                "i32.add.ss $0 $1 -> $4; const.u32 1 -> $5; memory.grow $5 0; "
                "i32.add.ss.n $4 $5; return.integer.r",
                CODE(LOCAL_GET, 0, LOCAL_GET, 1, I32_ADD, I32_CONST, 1, MEMORY_GROW, 0, I32_ADD));
    assert_bulk("f:f", "f32.neg.s $0 -> $3; data.drop 0; return.f32.s $3",
                CODE(LOCAL_GET, 0, F32_NEG, BULK(DATA_DROP), 0));
}

static void dead_ones_emit_nothing_but_are_checked(void **state)
{
    (void)state;
    assert_bulk(":i", "unreachable",
                CODE(UNREACHABLE, BULK(MEMORY_FILL), 0, BULK(TABLE_COPY), 0, 1, BULK(DATA_DROP), 0,
                     BULK(TABLE_SIZE), 0, DROP, MEMORY_SIZE, 0, MEMORY_GROW, 0));
    refuse_bulk(":", ERROR_TYPE_MISMATCH, 3, CODE(UNREACHABLE, I64_CONST, 0, BULK(MEMORY_FILL), 0));
    refuse_bulk(":", ERROR_TYPE_MISMATCH, 3, CODE(UNREACHABLE, TABLE_GET, 0, I32_CLZ, DROP));
    refuse_bulk(":", ERROR_UNKNOWN_TABLE, 1, CODE(UNREACHABLE, TABLE_GET, 3, DROP));
}

static void indices_are_checked(void **state)
{
    (void)state;
    refuse_bulk("iii:", ERROR_UNKNOWN_TABLE, 6, CODE(GET_3, BULK(TABLE_COPY), 3, 0));
    refuse_bulk("iii:", ERROR_UNKNOWN_TABLE, 6, CODE(GET_3, BULK(TABLE_COPY), 0, 3));
    refuse_bulk("iii:", ERROR_UNKNOWN_TABLE, 6, CODE(GET_3, BULK(TABLE_INIT), 0, 3));
    refuse_bulk("iii:", ERROR_UNKNOWN_ELEMENT_SEGMENT, 6, CODE(GET_3, BULK(TABLE_INIT), 2, 0));
    refuse_bulk(":", ERROR_UNKNOWN_ELEMENT_SEGMENT, 0, CODE(BULK(ELEM_DROP), 2));
    refuse_bulk("iii:", ERROR_UNKNOWN_DATA_SEGMENT, 6, CODE(GET_3, BULK(MEMORY_INIT), 2, 0));
    refuse_bulk(":", ERROR_UNKNOWN_DATA_SEGMENT, 0, CODE(BULK(DATA_DROP), 2));
    refuse_bulk("iri:", ERROR_UNKNOWN_TABLE, 6, CODE(GET_3, BULK(TABLE_FILL), 3));
    refuse_bulk("ri:i", ERROR_UNKNOWN_TABLE, 4,
                CODE(LOCAL_GET, 0, LOCAL_GET, 1, BULK(TABLE_GROW), 3));
    refuse_bulk(":i", ERROR_UNKNOWN_TABLE, 0, CODE(BULK(TABLE_SIZE), 3));
    refuse_bulk("i:", ERROR_UNKNOWN_TABLE, 4, CODE(LOCAL_GET, 0, REF_NULL, FUNCREF, TABLE_SET, 3));
}

static void memory_must_be_there(void **state)
{
    (void)state;
    refuse_function(":i", "", ERROR_UNKNOWN_MEMORY, 0, CODE(MEMORY_SIZE, 0));
    refuse_function("i:i", "", ERROR_UNKNOWN_MEMORY, 2, CODE(LOCAL_GET, 0, MEMORY_GROW, 0));
    refuse_function("iii:", "", ERROR_UNKNOWN_MEMORY, 6, CODE(GET_3, BULK(MEMORY_FILL), 0));
    refuse_function("iii:", "", ERROR_UNKNOWN_MEMORY, 6, CODE(GET_3, BULK(MEMORY_COPY), 0, 0));
}

static void data_instructions_need_a_data_count(void **state)
{
    (void)state;
    build_begin();
    build_memory(1, NO_MAXIMUM);
    build_function("iii:", "", CODE(GET_3, BULK(MEMORY_INIT), 0, 0));
    build_data(SEGMENT_PASSIVE, 0, CODE('a'));
    assert_false(compile());
    assert_int_equal(error.code, ERROR_DATA_COUNT_REQUIRED);
    assert_int_equal(error.offset, build_code_offset(0) + 6);
    build_begin();
    build_function(":", "", CODE(BULK(DATA_DROP), 0));
    build_data(SEGMENT_PASSIVE, 0, CODE('a'));
    assert_false(compile());
    assert_int_equal(error.code, ERROR_DATA_COUNT_REQUIRED);
}

static void operands_are_checked(void **state)
{
    (void)state;
    refuse_bulk("iIi:", ERROR_TYPE_MISMATCH, 6, CODE(GET_3, BULK(MEMORY_FILL), 0));
    refuse_bulk("iiI:", ERROR_TYPE_MISMATCH, 6, CODE(GET_3, BULK(MEMORY_COPY), 0, 0));
    refuse_bulk("Iii:", ERROR_TYPE_MISMATCH, 6, CODE(GET_3, BULK(MEMORY_INIT), 0, 0));
    refuse_bulk("ie:", ERROR_TYPE_MISMATCH, 4, CODE(LOCAL_GET, 0, LOCAL_GET, 1, TABLE_SET, 0));
    refuse_bulk("ri:i", ERROR_TYPE_MISMATCH, 4,
                CODE(LOCAL_GET, 0, LOCAL_GET, 1, BULK(TABLE_GROW), 2));
    refuse_bulk("iei:", ERROR_TYPE_MISMATCH, 6, CODE(GET_3, BULK(TABLE_FILL), 0));
    refuse_bulk("I:r", ERROR_TYPE_MISMATCH, 2, CODE(LOCAL_GET, 0, TABLE_GET, 0));
    refuse_bulk("I:i", ERROR_TYPE_MISMATCH, 2, CODE(LOCAL_GET, 0, MEMORY_GROW, 0));
    refuse_bulk("i:", ERROR_TYPE_MISMATCH, 4,
                CODE(LOCAL_GET, 0, LOCAL_GET, 0, BULK(MEMORY_FILL), 0));
}

static void tables_of_a_copy_hold_the_same(void **state)
{
    (void)state;
    refuse_bulk("iii:", ERROR_TYPE_MISMATCH, 6, CODE(GET_3, BULK(TABLE_COPY), 0, 2));
    refuse_bulk("iii:", ERROR_TYPE_MISMATCH, 6, CODE(GET_3, BULK(TABLE_COPY), 2, 0));
    refuse_bulk("iii:", ERROR_TYPE_MISMATCH, 6, CODE(GET_3, BULK(TABLE_INIT), 0, 2));
}

static void result_has_the_tables_type(void **state)
{
    (void)state;
    assert_bulk("i:e", "move.64 $0 -> $3; table.get $3 2; return.integer.s $3",
                CODE(LOCAL_GET, 0, TABLE_GET, 2));
    refuse_bulk("i:e", ERROR_TYPE_MISMATCH, 4, CODE(LOCAL_GET, 0, TABLE_GET, 0));
}

/* Address types. */

// Memories and tables 0 have 32-bit addresses, 1 have 64-bit ones.
static bool accepts_mixed(const char *signature, const uint8_t *code, size_t length)
{
    const struct limits wide = {.minimum = 1, .address64 = true};

    build_begin();
    build_memory(1, 1);
    build_memory_of(&(struct memorytype){.limits = wide});
    build_table(FUNCREF, 1, 1);
    build_table_of(FUNCREF, &wide);
    build_function(signature, "", code, length);
    build_element(SEGMENT_PASSIVE, 0, NULL, 0);
    build_data_count(1);
    build_data(SEGMENT_PASSIVE, 0, NULL, 0);
    if (compile())
        return true;
    assert_int_equal(error.code, ERROR_TYPE_MISMATCH);
    return false;
}

// An instruction on three operands, which must have these types and no others.
static void assert_operands(const char *types, const uint8_t *code, size_t length)
{
    static const char letters[] = "iIr";
    struct bytes whole = {0};

    put_all(&whole, CODE(GET_3));
    put_all(&whole, code, length);
    for (unsigned i = 0; i < 27; i++) {
        const char signature[] = {letters[i % 3], letters[i / 3 % 3], letters[i / 9], ':', '\0'};

        assert_int_equal(accepts_mixed(signature, whole.data, whole.length),
                         strncmp(signature, types, 3) == 0);
    }
    bytes_free(&whole);
}

static void lengths_have_the_smaller_of_two_address_types(void **state)
{
    (void)state;
    for (uint8_t bulk = 0; bulk < 2; bulk++) {
        uint8_t opcode = bulk == 0 ? MEMORY_COPY : TABLE_COPY;

        assert_operands("iii", CODE(BULK(opcode), 0, 0));
        assert_operands("iIi", CODE(BULK(opcode), 0, 1));
        assert_operands("Iii", CODE(BULK(opcode), 1, 0));
        assert_operands("III", CODE(BULK(opcode), 1, 1));
    }
}

static void places_in_segments_have_32_bits(void **state)
{
    (void)state;
    assert_operands("iii", CODE(BULK(MEMORY_INIT), 0, 0));
    assert_operands("Iii", CODE(BULK(MEMORY_INIT), 0, 1));
    assert_operands("iii", CODE(BULK(TABLE_INIT), 0, 0));
    assert_operands("Iii", CODE(BULK(TABLE_INIT), 0, 1));
}

static void filling_has_the_address_type_twice(void **state)
{
    (void)state;
    assert_operands("iii", CODE(BULK(MEMORY_FILL), 0));
    assert_operands("IiI", CODE(BULK(MEMORY_FILL), 1));
    assert_operands("iri", CODE(BULK(TABLE_FILL), 0));
    assert_operands("IrI", CODE(BULK(TABLE_FILL), 1));
}

static void sizes_and_indices_have_the_address_type(void **state)
{
    (void)state;
    for (uint8_t wide = 0; wide < 2; wide++) {
        const char *i_i = wide ? "I:I" : "i:i";

        assert_true(accepts_mixed(i_i, CODE(LOCAL_GET, 0, MEMORY_GROW, wide)));
        assert_false(accepts_mixed(i_i, CODE(LOCAL_GET, 0, MEMORY_GROW, !wide)));
        assert_true(accepts_mixed(i_i + 1, CODE(MEMORY_SIZE, wide)));
        assert_false(accepts_mixed(i_i + 1, CODE(MEMORY_SIZE, !wide)));
        assert_true(accepts_mixed(i_i + 1, CODE(BULK(TABLE_SIZE), wide)));
        assert_false(accepts_mixed(i_i + 1, CODE(BULK(TABLE_SIZE), !wide)));
        assert_true(accepts_mixed(wide ? "Ir:I" : "ir:i",
                                  CODE(LOCAL_GET, 1, LOCAL_GET, 0, BULK(TABLE_GROW), wide)));
        assert_false(accepts_mixed(wide ? "Ir:I" : "ir:i",
                                   CODE(LOCAL_GET, 1, LOCAL_GET, 0, BULK(TABLE_GROW), !wide)));
        assert_true(accepts_mixed(wide ? "I:r" : "i:r", CODE(LOCAL_GET, 0, TABLE_GET, wide)));
        assert_false(accepts_mixed(wide ? "I:r" : "i:r", CODE(LOCAL_GET, 0, TABLE_GET, !wide)));
        assert_true(
            accepts_mixed(wide ? "Ir:" : "ir:", CODE(LOCAL_GET, 0, LOCAL_GET, 1, TABLE_SET, wide)));
        assert_false(accepts_mixed(wide ? "Ir:" : "ir:",
                                   CODE(LOCAL_GET, 0, LOCAL_GET, 1, TABLE_SET, !wide)));
    }
}

static const struct CMUnitTest tests[] = {
    TEST(sizes_are_cells_with_a_result),
    TEST(operands_stand_in_a_row),
    TEST(segment_and_target_are_both_in_the_cell),
    TEST(result_stands_in_the_place_of_the_first_operand),
    TEST(dropping_takes_nothing),
    TEST(no_accumulator_outlives_an_operation_out_of_line),
    TEST(dead_ones_emit_nothing_but_are_checked),
    TEST(indices_are_checked),
    TEST(memory_must_be_there),
    TEST(data_instructions_need_a_data_count),
    TEST(operands_are_checked),
    TEST(tables_of_a_copy_hold_the_same),
    TEST(result_has_the_tables_type),
    TEST(lengths_have_the_smaller_of_two_address_types),
    TEST(places_in_segments_have_32_bits),
    TEST(filling_has_the_address_type_twice),
    TEST(sizes_and_indices_have_the_address_type),
};

int main(void)
{
    return cmocka_run_group_tests(tests, NULL, NULL);
}
