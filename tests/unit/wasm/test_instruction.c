// SPDX-License-Identifier: Apache-2.0
//
// Instructions and types, byte by byte (specification: "Binary Format / Instructions" and "Types").
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sandbox/wasm/instruction.h"

#define BASE 100u // offset of the first byte

#define ARRAY_LENGTH(array_) (sizeof(array_) / sizeof((array_)[0]))
#define BYTES(...)           (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})

static const struct type_names no_names;
static struct error error;
static struct instruction instruction;
static struct reader reader;
static uint8_t *copy; // the bytes being read, and not one more

static int clean_up(void **state)
{
    (void)state;
    free(copy);
    copy = NULL;
    return 0;
}

static void open_bytes(const uint8_t *bytes, size_t length)
{
    free(copy);
    copy = malloc(length == 0 ? 1 : length);
    assert_non_null(copy);
    if (length != 0)
        memcpy(copy, bytes, length);
    error_clear(&error);
    reader_init(&reader, copy, length, BASE, &error);
}

// Reads one instruction, which must take all the bytes.
static void read_all(const uint8_t *bytes, size_t length)
{
    open_bytes(bytes, length);
    if (!instruction_read(&reader, &no_names, &instruction))
        fail_msg("%s at %u", error.message, (unsigned)error.offset);
    assert_int_equal(error.code, ERROR_NONE);
    assert_true(reader_done(&reader));
    assert_int_equal(instruction.offset, BASE);
}

static void assert_refused(enum error_code code, uint64_t offset)
{
    assert_int_equal(error.code, code);
    assert_int_equal(error.offset, BASE + offset);
    assert_true(reader.failed);
    assert_true(reader_done(&reader));
}

static void refuse(enum error_code code, uint64_t offset, const uint8_t *bytes, size_t length)
{
    open_bytes(bytes, length);
    assert_false(instruction_read(&reader, &no_names, &instruction));
    assert_refused(code, offset);
}

static void assert_lacks(enum feature feature, const char *what)
{
    assert_int_equal(error.code, FEATURES_PROPOSED & FEATURE_BIT(feature)
                                     ? ERROR_FEATURE_OFF
                                     : ERROR_UNSUPPORTED_FEATURE);
    assert_int_equal(error.detail, feature);
    assert_non_null(strstr(error.message, feature_name(feature)));
    assert_non_null(strstr(error.message, what));
}

// --- Opcodes ---

// The opcode's bytes, then zeroes (a type where zero is none that is supported).
static size_t encode(const struct opcode_info *info, uint8_t *bytes, size_t size)
{
    size_t length = 0;

    memset(bytes, 0, size);
    if (info->page == 0) {
        bytes[length++] = (uint8_t)info->code;
    } else {
        bytes[length++] = info->page;
        bytes[length++] = (uint8_t)(info->code >= 0x80 ? info->code % 0x80 + 0x80 : info->code);
        if (info->code >= 0x80)
            bytes[length++] = (uint8_t)(info->code / 0x80);
    }
    if (info->immediate == IMMEDIATE_HEAP_TYPE)
        bytes[length] = 0x70;
    return length;
}

// Those that come with later features, or are off.
static bool is_later(const struct opcode_info *info)
{
    return !(FEATURES_PRESENT & FEATURE_BIT(info->feature));
}

static void every_opcode_so_far_is_read_with_its_immediates(void **state)
{
    uint8_t bytes[24];

    (void)state;
    for (uint16_t opcode = 0; opcode < OPCODE_COUNT; opcode++) {
        if (is_later(&opcode_info[opcode]))
            continue;
        encode(&opcode_info[opcode], bytes, sizeof bytes);
        open_bytes(bytes, sizeof bytes);
        assert_true(instruction_read(&reader, &no_names, &instruction));
        assert_int_equal(instruction.opcode, opcode);
        assert_false(reader.failed);
    }
}

static void every_other_opcode_is_refused_by_feature_and_name(void **state)
{
    uint8_t bytes[24];

    (void)state;
    for (uint16_t opcode = 0; opcode < OPCODE_COUNT; opcode++) {
        const struct opcode_info *info = &opcode_info[opcode];

        if (!is_later(info))
            continue;
        // No immediates: they are not needed for that.
        refuse(FEATURES_PROPOSED & FEATURE_BIT(info->feature) ? ERROR_FEATURE_OFF
                                                              : ERROR_UNSUPPORTED_FEATURE,
               0, bytes, encode(info, bytes, sizeof bytes));
        assert_lacks((enum feature)info->feature, info->mnemonic);
    }
}

static void opcodes_of_proposals_are_read_where_these_are_on(void **state)
{
    uint8_t bytes[24];

    (void)state;
    for (uint16_t opcode = 0; opcode < OPCODE_COUNT; opcode++) {
        uint32_t feature = FEATURE_BIT(opcode_info[opcode].feature);
        const struct type_names names = {.features = feature};

        if (!(FEATURES_PROPOSED & feature))
            continue;
        encode(&opcode_info[opcode], bytes, sizeof bytes);
        open_bytes(bytes, sizeof bytes);
        assert_true(instruction_read(&reader, &names, &instruction));
        assert_int_equal(instruction.opcode, opcode);
    }
}

static void features_of_what_is_read_are_noted(void **state)
{
    uint32_t used = 0;
    const struct type_names names = {.features = FEATURES_PROPOSED, .used = &used};

    (void)state;
    open_bytes(BYTES(0x20, 0x00, 0x7F, 0x70, 0x00, 0x00));
    assert_true(instruction_read(&reader, &names, &instruction));
    assert_int_equal(valtype_read(&reader, &names), VALTYPE_I32);
    assert_int_equal(valtype_read(&reader, &names), VALTYPE_FUNCREF);
    assert_int_equal(used & ~FEATURE_BIT(FEATURE_CORE), 0);
    open_bytes(BYTES(0xFD, 0x4D, 0xFE, 0x03, 0x00, 0x64, 0x70));
    assert_true(instruction_read(&reader, &names, &instruction));
    assert_int_equal(used & ~FEATURE_BIT(FEATURE_CORE), FEATURE_BIT(FEATURE_VECTOR));
    assert_true(instruction_read(&reader, &names, &instruction));
    assert_int_equal(valtype_read(&reader, &names), VALTYPE_REF(HEAPTYPE_FUNC));
    assert_int_equal(used & ~FEATURE_BIT(FEATURE_CORE), FEATURE_BIT(FEATURE_VECTOR) |
                                                            FEATURE_BIT(FEATURE_THREADS) |
                                                            FEATURE_BIT(FEATURE_TYPED_REFERENCE));
}

static void a_fence_is_followed_by_a_zero(void **state)
{
    const struct type_names names = {.features = FEATURE_BIT(FEATURE_THREADS)};

    (void)state;
    open_bytes(BYTES(0xFE, 0x03, 0x00));
    assert_true(instruction_read(&reader, &names, &instruction));
    assert_int_equal(instruction.opcode, OPCODE_ATOMIC_FENCE);
    open_bytes(BYTES(0xFE, 0x03, 0x01));
    assert_false(instruction_read(&reader, &names, &instruction));
    assert_refused(ERROR_ZERO_BYTE_EXPECTED, 2);
}

static void every_byte_that_is_no_opcode_is_illegal(void **state)
{
    unsigned illegal = 0;

    (void)state;
    for (unsigned byte = 0; byte < 256; byte++) {
        if (opcode_of_byte[byte] != OPCODE_INVALID || (byte >= 0xFB && byte <= 0xFE))
            continue;
        refuse(ERROR_ILLEGAL_OPCODE, 0, BYTES((uint8_t)byte, 0, 0, 0, 0));
        illegal++;
    }
    assert_true(illegal > 30);
}

static void illegal_opcodes_are_shown(void **state)
{
    (void)state;
    refuse(ERROR_ILLEGAL_OPCODE, 0, BYTES(0xFF));
    assert_string_equal(error.message, "illegal opcode: ff");
    refuse(ERROR_ILLEGAL_OPCODE, 0, BYTES(0xFC, 0x12));
    assert_string_equal(error.message, "illegal opcode: fc 12");
    refuse(ERROR_ILLEGAL_OPCODE, 0, BYTES(0xFB, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F));
    assert_string_equal(error.message, "illegal opcode: fb ffffffff");
    refuse(ERROR_ILLEGAL_OPCODE, 0, BYTES(0xFE, 0x04));
    assert_string_equal(error.message, "illegal opcode: fe 04");
}

static void numbers_after_a_prefix_may_be_longer_than_needed(void **state)
{
    (void)state;
    read_all(BYTES(0xFC, 0x89, 0x80, 0x80, 0x80, 0x00, 0x05));
    assert_int_equal(instruction.opcode, OPCODE_DATA_DROP);
    assert_int_equal(instruction.index, 5);
    refuse(ERROR_INTEGER_REPRESENTATION_TOO_LONG, 1,
           BYTES(0xFC, 0x89, 0x80, 0x80, 0x80, 0x80, 0x00, 0x05));
}

static void a_prefix_alone_is_an_end(void **state)
{
    (void)state;
    refuse(ERROR_UNEXPECTED_END, 1, BYTES(0xFC));
    open_bytes(NULL, 0);
    assert_false(instruction_read(&reader, &no_names, &instruction));
    assert_refused(ERROR_UNEXPECTED_END, 0);
}

// --- Immediates ---

static void fields_without_a_meaning_are_zero(void **state)
{
    static const struct instruction nop = {.opcode = OPCODE_NOP, .offset = BASE};

    (void)state;
    memset(&instruction, 0xFF, sizeof instruction);
    read_all(BYTES(0x01));
    assert_int_equal(instruction.index, nop.index);
    assert_int_equal(instruction.index2, nop.index2);
    assert_int_equal(instruction.type, nop.type);
    assert_int_equal(instruction.count, nop.count);
    assert_int_equal(instruction.bits, nop.bits);
    assert_int_equal(instruction.alignment, nop.alignment);
    assert_int_equal(instruction.block, nop.block);
    assert_null(instruction.table);
}

static void clauses_of_a_try_block_are_located(void **state)
{
    struct catch_clause clause;

    (void)state;
    read_all(BYTES(0x1F, 0x7F, 4, 0, 0x80, 1, 2, 1, 3, 4, 2, 5, 3, 6));
    assert_int_equal(instruction.block, BLOCK_RESULT);
    assert_int_equal(instruction.type, VALTYPE_I32);
    assert_int_equal(instruction.count, 4);
    reader_init(&reader, instruction.table, 11, BASE, &error);
    catch_read(&reader, &clause);
    assert_int_equal(clause.kind, CATCH_TAG);
    assert_int_equal(clause.tagidx, 128);
    assert_int_equal(clause.label, 2);
    catch_read(&reader, &clause);
    assert_int_equal(clause.kind, CATCH_TAG_REFERENCE);
    assert_int_equal(clause.tagidx, 3);
    catch_read(&reader, &clause);
    assert_int_equal(clause.kind, CATCH_ANY);
    assert_int_equal(clause.label, 5);
    catch_read(&reader, &clause);
    assert_int_equal(clause.kind, CATCH_ANY_REFERENCE);
    assert_int_equal(clause.label, 6);
    refuse(ERROR_MALFORMED_CATCH_CLAUSE, 3, BYTES(0x1F, 0x40, 1, 4, 0));
    refuse(ERROR_LENGTH_OUT_OF_BOUNDS, 2, BYTES(0x1F, 0x40, 2, 2, 0));
}

static void one_index_is_read(void **state)
{
    static const uint8_t opcodes[] = {0x0C, 0x0D, 0x10, 0x20, 0x21, 0x22, 0x23,
                                      0x24, 0x25, 0x26, 0x3F, 0x40, 0xD2};

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(opcodes); i++) {
        read_all(BYTES(opcodes[i], 0xE5, 0x8E, 0x26));
        assert_int_equal(instruction.opcode, opcode_of_byte[opcodes[i]]);
        assert_int_equal(instruction.index, 624485);
    }
}

static void two_indices_come_in_binary_order(void **state)
{
    (void)state;
    read_all(BYTES(0x11, 0x07, 0x03)); // call_indirect: typeidx, tableidx
    assert_int_equal(instruction.index, 7);
    assert_int_equal(instruction.index2, 3);
    for (uint8_t code = 0x08; code <= 0x0E; code += 2) { // memory.init, .copy, table.init, .copy
        read_all(BYTES(0xFC, code, 0x07, 0x03));
        assert_int_equal(instruction.index, 7);
        assert_int_equal(instruction.index2, 3);
    }
}

static void constants_keep_their_bits(void **state)
{
    (void)state;
    read_all(BYTES(0x41, 0x7F));
    assert_int_equal(instruction.bits, 0xFFFFFFFF);
    read_all(BYTES(0x41, 0x80, 0x80, 0x80, 0x80, 0x78));
    assert_int_equal(instruction.bits, 0x80000000);
    read_all(BYTES(0x42, 0x7F));
    assert_true(instruction.bits == UINT64_MAX);
    read_all(BYTES(0x42, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7F));
    assert_true(instruction.bits == (uint64_t)1 << 63);
    read_all(BYTES(0x43, 0x01, 0x00, 0xA0, 0x7F)); // a signalling NaN
    assert_int_equal(instruction.bits, 0x7FA00001);
    read_all(BYTES(0x44, 1, 2, 3, 4, 5, 6, 7, 8));
    assert_true(instruction.bits == 0x0807060504030201);
    refuse(ERROR_INTEGER_TOO_LARGE, 1, BYTES(0x41, 0x80, 0x80, 0x80, 0x80, 0x70));
}

static void memory_arguments_have_alignment_and_offset(void **state)
{
    (void)state;
    read_all(BYTES(0x28, 0x02, 0x10));
    assert_int_equal(instruction.alignment, 2);
    assert_int_equal(instruction.index, 0);
    assert_int_equal(instruction.bits, 16);
    // The greatest of both: whether they make sense is validation.
    read_all(BYTES(0x3E, 0x3F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01));
    assert_int_equal(instruction.alignment, 63);
    assert_true(instruction.bits == UINT64_MAX);
}

static void bit_six_of_memory_flags_says_that_an_index_follows(void **state)
{
    (void)state;
    read_all(BYTES(0x28, 0x42, 0x81, 0x01, 0x10));
    assert_int_equal(instruction.alignment, 2);
    assert_int_equal(instruction.index, 129);
    assert_int_equal(instruction.bits, 16);
    refuse(ERROR_UNEXPECTED_END, 3, BYTES(0x28, 0x42, 0x01));
}

static void memory_flags_of_128_and_more_are_malformed(void **state)
{
    (void)state;
    refuse(ERROR_MALFORMED_MEMOP_FLAGS, 1, BYTES(0x28, 0x80, 0x01, 0x00));
    refuse(ERROR_MALFORMED_MEMOP_FLAGS, 1, BYTES(0x36, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 0x00));
}

static void vectors_have_lanes_or_sixteen_bytes(void **state)
{
    static const uint8_t constant[] = {0xFD, 0x0C, 1,  2,  3,  4,  5,  6,  7,
                                       8,    9,    10, 11, 12, 13, 14, 15, 255};
    static const uint8_t shuffle[] = {0xFD, 0x0D, 0, 1,  2,  3,  4,  5,  6,
                                      7,    8,    9, 10, 11, 12, 13, 14, 31};

    (void)state;
    read_all(constant, sizeof constant);
    assert_memory_equal(instruction.vector, constant + 2, 16);
    read_all(shuffle, sizeof shuffle);
    assert_memory_equal(instruction.vector, shuffle + 2, 16);
    refuse(ERROR_UNEXPECTED_END, sizeof constant - 1, constant, sizeof constant - 1);
    read_all(BYTES(0xFD, 0x57, 0x43, 0x02, 0x81, 0x01, 0x01)); // v128.load64_lane
    assert_int_equal(instruction.alignment, 3);
    assert_int_equal(instruction.index, 2);
    assert_int_equal(instruction.bits, 129);
    assert_int_equal(instruction.lane, 1);
    read_all(BYTES(0xFD, 0x17, 0xFF)); // i8x16.replace_lane; that the lane exists is validation
    assert_int_equal(instruction.lane, 255);
}

static void label_tables_stay_where_they_are(void **state)
{
    (void)state;
    read_all(BYTES(0x0E, 0x02, 0x00, 0x81, 0x01, 0x05));
    assert_int_equal(instruction.count, 2);
    assert_ptr_equal(instruction.table, copy + 2);
    read_all(BYTES(0x0E, 0x00, 0x05));
    assert_int_equal(instruction.count, 0);
    assert_ptr_equal(instruction.table, copy + 2);
    refuse(ERROR_UNEXPECTED_END, 4, BYTES(0x0E, 0x02, 0x00, 0x01)); // no default
}

static void label_tables_beyond_the_bytes_left_are_refused_unread(void **state)
{
    (void)state;
    refuse(ERROR_LENGTH_OUT_OF_BOUNDS, 1, BYTES(0x0E, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 0x00));
}

static void select_has_a_list_of_types(void **state)
{
    (void)state;
    read_all(BYTES(0x1C, 0x01, 0x7E));
    assert_int_equal(instruction.count, 1);
    assert_int_equal(instruction.type, VALTYPE_I64);
    // Other lengths than one are well-formed.
    read_all(BYTES(0x1C, 0x00));
    assert_int_equal(instruction.count, 0);
    read_all(BYTES(0x1C, 0x02, 0x70, 0x7F));
    assert_int_equal(instruction.count, 2);
    assert_int_equal(instruction.type, VALTYPE_FUNCREF);
    refuse(ERROR_MALFORMED_VALUE_TYPE, 3, BYTES(0x1C, 0x02, 0x7F, 0x40));
    refuse(ERROR_LENGTH_OUT_OF_BOUNDS, 1, BYTES(0x1C, 0x05, 0x7F));
}

// --- Block types ---

static void blocks_have_no_result_or_one_or_a_type_index(void **state)
{
    (void)state;
    for (uint8_t opcode = 0x02; opcode <= 0x04; opcode++) {
        read_all(BYTES(opcode, 0x40));
        assert_int_equal(instruction.block, BLOCK_EMPTY);
        read_all(BYTES(opcode, 0x7C));
        assert_int_equal(instruction.block, BLOCK_RESULT);
        assert_int_equal(instruction.type, VALTYPE_F64);
        read_all(BYTES(opcode, 0x3F));
        assert_int_equal(instruction.block, BLOCK_TYPE);
        assert_int_equal(instruction.index, 63);
    }
}

static void type_indices_of_blocks_are_signed_of_33_bits(void **state)
{
    (void)state;
    read_all(BYTES(0x02, 0xC0, 0x00)); // 64, which would be negative in one byte
    assert_int_equal(instruction.block, BLOCK_TYPE);
    assert_int_equal(instruction.index, 64);
    read_all(BYTES(0x02, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F));
    assert_int_equal(instruction.index, UINT32_MAX);
    refuse(ERROR_INTEGER_TOO_LARGE, 1, BYTES(0x02, 0x80, 0x80, 0x80, 0x80, 0x10));
    refuse(ERROR_INTEGER_REPRESENTATION_TOO_LONG, 1,
           BYTES(0x02, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00));
}

static void block_types_that_are_neither_are_malformed(void **state)
{
    (void)state;
    refuse(ERROR_MALFORMED_VALUE_TYPE, 1, BYTES(0x02, 0x41));
    refuse(ERROR_MALFORMED_VALUE_TYPE, 1, BYTES(0x02, 0x60));
    refuse(ERROR_INTEGER_REPRESENTATION_TOO_LONG, 1, BYTES(0x02, 0xFF, 0x7F)); // i32, too long
    refuse(ERROR_INTEGER_REPRESENTATION_TOO_LONG, 1, BYTES(0x02, 0xC0, 0x7F)); // empty, too long
}

// --- Types ---

static const struct type_row {
    uint8_t byte;
    valtype type; // VALTYPE_BOTTOM: refused
    enum feature feature;
    const char *text;
} type_rows[] = {
    {0x7F, VALTYPE_I32, FEATURE_CORE, ""},
    {0x7E, VALTYPE_I64, FEATURE_CORE, ""},
    {0x7D, VALTYPE_F32, FEATURE_CORE, ""},
    {0x7C, VALTYPE_F64, FEATURE_CORE, ""},
    {0x7B, VALTYPE_V128, FEATURE_VECTOR, ""},
    {0x74, VALTYPE_REF_NULL(HEAPTYPE_NOEXN), FEATURE_CORE, ""},
    {0x73, VALTYPE_REF_NULL(HEAPTYPE_NOFUNC), FEATURE_CORE, ""},
    {0x72, VALTYPE_REF_NULL(HEAPTYPE_NOEXTERN), FEATURE_CORE, ""},
    {0x71, VALTYPE_REF_NULL(HEAPTYPE_NONE), FEATURE_CORE, ""},
    {0x70, VALTYPE_FUNCREF, FEATURE_CORE, ""},
    {0x6F, VALTYPE_EXTERNREF, FEATURE_CORE, ""},
    {0x6E, VALTYPE_REF_NULL(HEAPTYPE_ANY), FEATURE_CORE, ""},
    {0x6D, VALTYPE_REF_NULL(HEAPTYPE_EQ), FEATURE_CORE, ""},
    {0x6C, VALTYPE_REF_NULL(HEAPTYPE_I31), FEATURE_CORE, ""},
    {0x6B, VALTYPE_REF_NULL(HEAPTYPE_STRUCT), FEATURE_CORE, ""},
    {0x6A, VALTYPE_REF_NULL(HEAPTYPE_ARRAY), FEATURE_CORE, ""},
    {0x69, VALTYPE_REF_NULL(HEAPTYPE_EXN), FEATURE_CORE, ""},
};

static const struct type_row *row_of(unsigned byte)
{
    for (size_t i = 0; i < ARRAY_LENGTH(type_rows); i++)
        if (type_rows[i].byte == byte)
            return &type_rows[i];
    return NULL;
}

static void check_type_byte(unsigned byte, bool is_reference,
                            valtype (*read)(struct reader *, const struct type_names *),
                            enum error_code malformed)
{
    const struct type_row *row = row_of(byte);
    valtype type;

    open_bytes(BYTES((uint8_t)byte, 0x70));
    type = read(&reader, &no_names);
    if (byte >= 0x80) {
        assert_refused(ERROR_INTEGER_REPRESENTATION_TOO_LONG, 0);
    } else if (byte == 0x63 || byte == 0x64) {
        assert_int_equal(error.code, ERROR_NONE);
        assert_int_equal(type, byte == 0x63 ? VALTYPE_FUNCREF : VALTYPE_REF(HEAPTYPE_FUNC));
        return;
    } else if (row == NULL || !is_reference) {
        assert_refused(malformed, 0);
    } else if (row->type == VALTYPE_BOTTOM) {
        assert_refused(ERROR_UNSUPPORTED_FEATURE, 0);
        assert_lacks(row->feature, row->text);
    } else {
        assert_int_equal(error.code, ERROR_NONE);
        assert_int_equal(type, row->type);
        assert_int_equal(reader_offset(&reader), BASE + 1);
        return;
    }
    assert_int_equal(type, VALTYPE_BOTTOM);
}

static void every_byte_is_a_value_type_or_is_refused(void **state)
{
    (void)state;
    for (unsigned byte = 0; byte < 256; byte++)
        check_type_byte(byte, true, valtype_read, ERROR_MALFORMED_VALUE_TYPE);
}

static void reference_types_are_no_number_types(void **state)
{
    (void)state;
    for (unsigned byte = 0; byte < 256; byte++)
        check_type_byte(byte, byte < 0x7B, reftype_read, ERROR_MALFORMED_REFERENCE_TYPE);
}

static void reference_types_name_types_of_the_module(void **state)
{
    static const uint32_t types[] = {7, 9};
    static const struct type_names names = {types, 2, 0, NULL};

    (void)state;
    open_bytes(BYTES(0x63, 0x01, 0x64, 0x80, 0x00, 0x64, 0x02));
    assert_int_equal(reftype_read(&reader, &names), VALTYPE_REF_NULL(HEAPTYPE_CONCRETE + 9));
    assert_int_equal(valtype_read(&reader, &names), VALTYPE_REF(HEAPTYPE_CONCRETE + 7));
    assert_int_equal(valtype_read(&reader, &names), VALTYPE_BOTTOM);
    assert_refused(ERROR_UNKNOWN_TYPE, 6);
}

static void packed_types_are_storage_types_only(void **state)
{
    (void)state;
    open_bytes(BYTES(0x78, 0x77, 0x7F, 0x64, 0x70));
    assert_int_equal(storagetype_read(&reader, &no_names), VALTYPE_I8);
    assert_int_equal(storagetype_read(&reader, &no_names), VALTYPE_I16);
    assert_int_equal(storagetype_read(&reader, &no_names), VALTYPE_I32);
    assert_int_equal(storagetype_read(&reader, &no_names), VALTYPE_REF(HEAPTYPE_FUNC));
    assert_int_equal(storagetype_read(&reader, &no_names), VALTYPE_BOTTOM);
    assert_refused(ERROR_UNEXPECTED_END, 5);
    open_bytes(BYTES(0x40));
    assert_int_equal(storagetype_read(&reader, &no_names), VALTYPE_BOTTOM);
    assert_refused(ERROR_MALFORMED_STORAGE_TYPE, 0);
}

static void reference_types_need_a_heap_type(void **state)
{
    (void)state;
    open_bytes(BYTES(0x63, 0x7F));
    assert_int_equal(valtype_read(&reader, &no_names), VALTYPE_BOTTOM);
    assert_refused(ERROR_MALFORMED_HEAP_TYPE, 1);
    open_bytes(BYTES(0x64));
    assert_int_equal(valtype_read(&reader, &no_names), VALTYPE_BOTTOM);
    assert_refused(ERROR_UNEXPECTED_END, 1);
    open_bytes(BYTES(0x64, 0x80));
    assert_int_equal(valtype_read(&reader, &no_names), VALTYPE_BOTTOM);
    assert_refused(ERROR_UNEXPECTED_END, 2);
}

static void ref_null_takes_a_heap_type(void **state)
{
    (void)state;
    read_all(BYTES(0xD0, 0x70));
    assert_int_equal(instruction.type, VALTYPE_FUNCREF);
    read_all(BYTES(0xD0, 0x6F));
    assert_int_equal(instruction.type, VALTYPE_EXTERNREF);
    read_all(BYTES(0xD0, 0x6E));
    assert_int_equal(instruction.type, VALTYPE_REF_NULL(HEAPTYPE_ANY));
    read_all(BYTES(0xD0, 0x69));
    assert_int_equal(instruction.type, VALTYPE_REF_NULL(HEAPTYPE_EXN));
    refuse(ERROR_UNKNOWN_TYPE, 1, BYTES(0xD0, 0x80, 0x01));
    refuse(ERROR_MALFORMED_HEAP_TYPE, 1, BYTES(0xD0, 0x7F));
    refuse(ERROR_MALFORMED_HEAP_TYPE, 1, BYTES(0xD0, 0x63, 0x70));
    refuse(ERROR_INTEGER_REPRESENTATION_TOO_LONG, 1, BYTES(0xD0, 0xF0, 0x7F));
}

// --- Cut off ---

static void every_instruction_cut_off_is_an_end(void **state)
{
    static const struct {
        uint8_t bytes[12];
        size_t length;
    } rows[] = {
        {{0x02, 0xC0, 0x00}, 3},
        {{0x0C, 0x81, 0x01}, 3},
        {{0x11, 0x81, 0x01, 0x81, 0x01}, 5},
        {{0x1C, 0x01, 0x7F}, 3},
        {{0x28, 0x42, 0x81, 0x01, 0x82, 0x01}, 6},
        {{0x41, 0xFF, 0x01}, 3},
        {{0x42, 0xFF, 0xFF, 0x01}, 4},
        {{0x43, 1, 2, 3, 4}, 5},
        {{0x44, 1, 2, 3, 4, 5, 6, 7, 8}, 9},
        {{0xD0, 0x70}, 2},
        {{0x06, 0x40}, 2},
        {{0x07, 0x81, 0x01}, 3},
        {{0x08, 0x81, 0x01}, 3},
        {{0x14, 0x81, 0x01}, 3},
        {{0xFC, 0x8A, 0x00, 0x01, 0x02}, 5},
        {{0xFD, 0x15, 0x0F}, 3},
        {{0xFD, 0x54, 0x00, 0x04, 0x0F}, 5},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        read_all(rows[i].bytes, rows[i].length);
        for (size_t length = 0; length < rows[i].length; length++)
            refuse(ERROR_UNEXPECTED_END, length, rows[i].bytes, length);
    }
}

static void nothing_is_read_after_a_failure(void **state)
{
    (void)state;
    refuse(ERROR_ILLEGAL_OPCODE, 0, BYTES(0xFF, 0x01, 0x01));
    assert_false(instruction_read(&reader, &no_names, &instruction));
    assert_int_equal(valtype_read(&reader, &no_names), VALTYPE_BOTTOM);
    assert_refused(ERROR_ILLEGAL_OPCODE, 0);
}

static void the_first_error_stays_when_a_feature_is_refused(void **state)
{
    (void)state;
    open_bytes(BYTES(0x00));
    reader_fail_at(&reader, BASE, ERROR_TOO_MANY_LOCALS);
    assert_false(feature_refuse(&reader, BASE, FEATURE_GC, "any"));
    assert_refused(ERROR_TOO_MANY_LOCALS, 0);
    assert_int_equal(error.detail, 0);
}

#define TEST(test_) cmocka_unit_test_teardown(test_, clean_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_opcode_so_far_is_read_with_its_immediates),
        TEST(every_other_opcode_is_refused_by_feature_and_name),
        TEST(opcodes_of_proposals_are_read_where_these_are_on),
        TEST(features_of_what_is_read_are_noted),
        TEST(a_fence_is_followed_by_a_zero),
        TEST(every_byte_that_is_no_opcode_is_illegal),
        TEST(illegal_opcodes_are_shown),
        TEST(numbers_after_a_prefix_may_be_longer_than_needed),
        TEST(a_prefix_alone_is_an_end),
        TEST(fields_without_a_meaning_are_zero),
        TEST(clauses_of_a_try_block_are_located),
        TEST(one_index_is_read),
        TEST(two_indices_come_in_binary_order),
        TEST(constants_keep_their_bits),
        TEST(memory_arguments_have_alignment_and_offset),
        TEST(bit_six_of_memory_flags_says_that_an_index_follows),
        TEST(memory_flags_of_128_and_more_are_malformed),
        TEST(vectors_have_lanes_or_sixteen_bytes),
        TEST(label_tables_stay_where_they_are),
        TEST(label_tables_beyond_the_bytes_left_are_refused_unread),
        TEST(select_has_a_list_of_types),
        TEST(blocks_have_no_result_or_one_or_a_type_index),
        TEST(type_indices_of_blocks_are_signed_of_33_bits),
        TEST(block_types_that_are_neither_are_malformed),
        TEST(every_byte_is_a_value_type_or_is_refused),
        TEST(reference_types_are_no_number_types),
        TEST(reference_types_name_types_of_the_module),
        TEST(packed_types_are_storage_types_only),
        TEST(reference_types_need_a_heap_type),
        TEST(ref_null_takes_a_heap_type),
        TEST(every_instruction_cut_off_is_an_end),
        TEST(nothing_is_read_after_a_failure),
        TEST(the_first_error_stays_when_a_feature_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
