// SPDX-License-Identifier: Apache-2.0
/*
 * The opcode table against the specification, as extract_opcodes.py has read it into opcodes.csv,
 * and the look-ups against the table. PINFOLD_SOURCE_ROOT is the repository root, from the build.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sandbox/wasm/opcode.h"

#define ORACLE PINFOLD_SOURCE_ROOT "/tests/unit/wasm/opcodes.csv"

/* Behind those of the specification stand what it has given up, then the proposals'. */
#define SPECIFIED_COUNT OPCODE_TRY
#define PROPOSED_FIRST  OPCODE_I64_ADD128

struct oracle_row {
    unsigned page;
    unsigned code;
    char *mnemonic;   /* the strings point into `line` */
    char *immediates; /* grammar rules, or "" */
    char *signature;  /* or "" if the context decides */
    char line[160];
};

static struct oracle_row oracle[1024];
static size_t oracle_count;

/* Ends a field at the comma, and returns what comes after. */
static char *split_field(char *field)
{
    char *comma = strchr(field, ',');
    assert_non_null(comma);
    *comma = '\0';
    return comma + 1;
}

static int read_oracle(void **state)
{
    (void)state;
    FILE *file = fopen(ORACLE, "r");
    assert_non_null(file);
    char header[160];
    do
        assert_non_null(fgets(header, sizeof(header), file));
    while (header[0] == '#');
    assert_string_equal(header, "page,code,mnemonic,immediates,signature\n");
    struct oracle_row *row = oracle;
    while (fgets(row->line, sizeof(row->line), file) != NULL) {
        char *code = split_field(row->line);
        row->mnemonic = split_field(code);
        row->immediates = split_field(row->mnemonic);
        row->signature = split_field(row->immediates);
        row->signature[strcspn(row->signature, "\n")] = '\0';
        row->page = (unsigned)strtoul(row->line, NULL, 10);
        row->code = (unsigned)strtoul(code, NULL, 10);
        row++;
        assert_true(row < oracle + sizeof(oracle) / sizeof(oracle[0]));
    }
    assert_int_equal(fclose(file), 0);
    oracle_count = (size_t)(row - oracle);
    return 0;
}

/* What the grammar calls each kind of immediate. */
static const char *grammar_of(uint8_t immediate)
{
    static const char *const names[IMMEDIATE_COUNT] = {
        [IMMEDIATE_NONE] = "",
        [IMMEDIATE_BLOCK_TYPE] = "blocktype",
        [IMMEDIATE_TRY_TABLE] = "blocktype list(catch)",
        [IMMEDIATE_LABEL] = "labelidx",
        [IMMEDIATE_LABEL_TABLE] = "list(labelidx) labelidx",
        [IMMEDIATE_CAST_BRANCH] = "castop labelidx heaptype heaptype",
        [IMMEDIATE_FUNCTION] = "funcidx",
        [IMMEDIATE_CALL_INDIRECT] = "typeidx tableidx",
        [IMMEDIATE_TAG] = "tagidx",
        [IMMEDIATE_SELECT_TYPES] = "list(valtype)",
        [IMMEDIATE_LOCAL] = "localidx",
        [IMMEDIATE_GLOBAL] = "globalidx",
        [IMMEDIATE_TABLE] = "tableidx",
        [IMMEDIATE_TABLE_TABLE] = "tableidx tableidx",
        [IMMEDIATE_ELEMENT] = "elemidx",
        [IMMEDIATE_ELEMENT_TABLE] = "elemidx tableidx",
        [IMMEDIATE_MEMORY] = "memidx",
        [IMMEDIATE_MEMORY_MEMORY] = "memidx memidx",
        [IMMEDIATE_DATA] = "dataidx",
        [IMMEDIATE_DATA_MEMORY] = "dataidx memidx",
        [IMMEDIATE_HEAP_TYPE] = "heaptype",
        [IMMEDIATE_TYPE] = "typeidx",
        [IMMEDIATE_TYPE_TYPE] = "typeidx typeidx",
        [IMMEDIATE_TYPE_FIELD] = "typeidx fieldidx",
        [IMMEDIATE_TYPE_COUNT] = "typeidx u32",
        [IMMEDIATE_TYPE_DATA] = "typeidx dataidx",
        [IMMEDIATE_TYPE_ELEMENT] = "typeidx elemidx",
        [IMMEDIATE_I32] = "i32",
        [IMMEDIATE_I64] = "i64",
        [IMMEDIATE_F32] = "f32",
        [IMMEDIATE_F64] = "f64",
        [IMMEDIATE_V128] = "byte^16",
        [IMMEDIATE_MEMARG0] = "memarg",
        [IMMEDIATE_MEMARG1] = "memarg",
        [IMMEDIATE_MEMARG2] = "memarg",
        [IMMEDIATE_MEMARG3] = "memarg",
        [IMMEDIATE_MEMARG4] = "memarg",
        [IMMEDIATE_MEMARG0_LANE16] = "memarg laneidx",
        [IMMEDIATE_MEMARG1_LANE8] = "memarg laneidx",
        [IMMEDIATE_MEMARG2_LANE4] = "memarg laneidx",
        [IMMEDIATE_MEMARG3_LANE2] = "memarg laneidx",
        [IMMEDIATE_LANE16] = "laneidx",
        [IMMEDIATE_LANE8] = "laneidx",
        [IMMEDIATE_LANE4] = "laneidx",
        [IMMEDIATE_LANE2] = "laneidx",
        [IMMEDIATE_SHUFFLE] = "laneidx^16",
        [IMMEDIATE_ZERO] = "0x00",
    };
    assert_true(immediate < IMMEDIATE_COUNT);
    assert_non_null(names[immediate]);
    return names[immediate];
}

static void every_opcode_of_the_specification_has_its_row_in_binary_order(void **state)
{
    (void)state;
    assert_int_equal(oracle_count, SPECIFIED_COUNT);
    for (size_t opcode = 0; opcode < SPECIFIED_COUNT; opcode++) {
        assert_string_equal(opcode_info[opcode].mnemonic, oracle[opcode].mnemonic);
        assert_int_equal(opcode_info[opcode].page, oracle[opcode].page);
        assert_int_equal(opcode_info[opcode].code, oracle[opcode].code);
    }
}

static void opcodes_that_the_specification_has_given_up_come_behind_its_own(void **state)
{
    static const struct {
        uint8_t code;
        const char *mnemonic;
        uint8_t immediate;
    } rows[] = {{0x06, "try", IMMEDIATE_BLOCK_TYPE},
                {0x07, "catch", IMMEDIATE_TAG},
                {0x09, "rethrow", IMMEDIATE_LABEL},
                {0x18, "delegate", IMMEDIATE_LABEL},
                {0x19, "catch_all", IMMEDIATE_NONE}};

    (void)state;
    assert_int_equal(PROPOSED_FIRST - SPECIFIED_COUNT, sizeof rows / sizeof rows[0]);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct opcode_info *info = &opcode_info[SPECIFIED_COUNT + i];

        assert_int_equal(info->code, rows[i].code);
        assert_string_equal(info->mnemonic, rows[i].mnemonic);
        assert_int_equal(info->immediate, rows[i].immediate);
        assert_int_equal(info->feature, FEATURE_LEGACY_EXCEPTION);
        assert_null(info->signature);
    }
}

static void every_row_has_the_immediates_of_the_grammar(void **state)
{
    (void)state;
    for (size_t opcode = 0; opcode < SPECIFIED_COUNT; opcode++)
        assert_string_equal(grammar_of(opcode_info[opcode].immediate), oracle[opcode].immediates);
}

static void every_row_has_the_signature_of_the_typing_rule(void **state)
{
    (void)state;
    for (size_t opcode = 0; opcode < SPECIFIED_COUNT; opcode++) {
        const char *signature = opcode_info[opcode].signature;
        assert_string_equal(signature == NULL ? "" : signature, oracle[opcode].signature);
    }
}

/* The bits that a load or store moves: "i64.load32_s" 32, "v128.load16x4_u" 64, "f64.store" 64. */
static unsigned long access_width(const char *mnemonic)
{
    const char *digits = strchr(mnemonic, '.');
    digits += strcspn(digits, "0123456789");
    if (*digits == '\0')
        return strtoul(mnemonic + 1, NULL, 10);
    char *rest;
    unsigned long width = strtoul(digits, &rest, 10);
    return *rest == 'x' ? width * strtoul(rest + 1, NULL, 10) : width;
}

static void natural_alignment_is_the_width_of_the_access(void **state)
{
    (void)state;
    for (size_t opcode = 0; opcode < SPECIFIED_COUNT; opcode++) {
        const struct opcode_info *info = &opcode_info[opcode];
        if (strncmp(oracle[opcode].immediates, "memarg", 6) != 0)
            continue;
        int first = strchr(oracle[opcode].immediates, ' ') == NULL ? IMMEDIATE_MEMARG0
                                                                   : IMMEDIATE_MEMARG0_LANE16;
        assert_int_equal(8UL << (info->immediate - first), access_width(info->mnemonic));
    }
}

static void lanes_are_as_many_as_the_shape_has(void **state)
{
    (void)state;
    for (size_t opcode = 0; opcode < SPECIFIED_COUNT; opcode++) {
        const struct opcode_info *info = &opcode_info[opcode];
        if (strcmp(oracle[opcode].immediates, "laneidx") != 0)
            continue;
        unsigned long lanes = strtoul(strchr(info->mnemonic, 'x') + 1, NULL, 10);
        assert_int_equal(16UL >> (info->immediate - IMMEDIATE_LANE16), lanes);
    }
}

static void counts_are_those_of_the_letters_on_either_side_of_the_colon(void **state)
{
    (void)state;
    for (size_t opcode = 0; opcode < OPCODE_COUNT; opcode++) {
        const struct opcode_info *info = &opcode_info[opcode];
        const char *signature = info->signature == NULL ? ":" : info->signature;
        size_t parameters = strspn(signature, "iIfFva");
        assert_int_equal(signature[parameters], ':');
        size_t results = strspn(signature + parameters + 1, "iIfFva");
        assert_int_equal(signature[parameters + 1 + results], '\0');
        assert_int_equal(info->parameter_count, parameters);
        assert_int_equal(info->result_count, results);
    }
}

static void an_address_type_occurs_only_where_one_memory_is_named(void **state)
{
    (void)state;
    for (size_t opcode = 0; opcode < SPECIFIED_COUNT; opcode++) {
        const char *signature = opcode_info[opcode].signature;
        if (signature == NULL || strchr(signature, 'a') == NULL)
            continue;
        const char *immediates = oracle[opcode].immediates;
        assert_true(strncmp(immediates, "memarg", 6) == 0 || strcmp(immediates, "memidx") == 0 ||
                    strcmp(immediates, "dataidx memidx") == 0);
    }
}

static void every_row_is_found_by_its_code(void **state)
{
    (void)state;
    for (size_t opcode = 0; opcode < OPCODE_COUNT; opcode++) {
        const struct opcode_info *info = &opcode_info[opcode];
        if (info->page == 0)
            assert_int_equal(opcode_of_byte[info->code], opcode);
        else
            assert_int_equal(opcode_of_prefixed(info->page, info->code), opcode);
    }
}

static void a_byte_without_a_row_is_no_opcode(void **state)
{
    (void)state;
    for (unsigned byte = 0; byte < 256; byte++) {
        uint16_t opcode = opcode_of_byte[byte];
        if (opcode == OPCODE_INVALID)
            continue;
        assert_true(opcode < OPCODE_COUNT);
        assert_int_equal(opcode_info[opcode].page, 0);
        assert_int_equal(opcode_info[opcode].code, byte);
    }
    assert_int_equal(opcode_of_byte[0x16], OPCODE_INVALID);
    assert_int_equal(opcode_of_byte[0xFF], OPCODE_INVALID);
}

static void a_prefix_byte_alone_is_no_opcode(void **state)
{
    (void)state;
    for (unsigned byte = 0xFB; byte <= 0xFE; byte++)
        assert_int_equal(opcode_of_byte[byte], OPCODE_INVALID);
}

static void a_prefixed_code_without_a_row_is_no_opcode(void **state)
{
    (void)state;
    for (unsigned page = 0; page < 256; page++) {
        for (uint32_t code = 0; code < 1024; code++) {
            uint16_t opcode = opcode_of_prefixed((uint8_t)page, code);
            if (opcode == OPCODE_INVALID)
                continue;
            assert_true(opcode < OPCODE_COUNT);
            assert_int_not_equal(page, 0);
            assert_int_equal(opcode_info[opcode].page, page);
            assert_int_equal(opcode_info[opcode].code, code);
        }
        assert_int_equal(opcode_of_prefixed((uint8_t)page, UINT32_MAX), OPCODE_INVALID);
    }
    assert_int_equal(opcode_of_prefixed(0xFB, 0x1F), OPCODE_INVALID);
    assert_int_equal(opcode_of_prefixed(0xFC, 0x12), OPCODE_INVALID);
    assert_int_equal(opcode_of_prefixed(0xFD, 0x9A), OPCODE_INVALID);
    assert_int_equal(opcode_of_prefixed(0xFD, 0x114), OPCODE_INVALID);
    assert_int_equal(opcode_of_prefixed(0xFD, 0x10000), OPCODE_INVALID);
}

static void features_follow_the_page_where_it_decides(void **state)
{
    (void)state;
    for (size_t opcode = 0; opcode < SPECIFIED_COUNT; opcode++) {
        const struct opcode_info *info = &opcode_info[opcode];
        if (info->page == 0xFB)
            assert_int_equal(info->feature, FEATURE_GC);
        else if (info->page == 0xFC)
            assert_int_equal(info->feature, FEATURE_CORE);
        else if (info->page == 0xFD)
            assert_int_equal(info->feature,
                             info->code < 0x100 ? FEATURE_VECTOR : FEATURE_RELAXED_VECTOR);
        else
            assert_true(info->feature < FEATURE_MEMORY64);
    }
}

static void opcodes_of_proposals_are_off_by_default(void **state)
{
    (void)state;
    for (size_t opcode = PROPOSED_FIRST; opcode < OPCODE_COUNT; opcode++)
        assert_true(FEATURES_PROPOSED & FEATURE_BIT(opcode_info[opcode].feature));
    assert_int_equal(opcode_of_prefixed(0xFC, 19), OPCODE_I64_ADD128);
    assert_int_equal(opcode_of_prefixed(0xFC, 20), OPCODE_I64_SUB128);
    assert_int_equal(opcode_of_prefixed(0xFC, 21), OPCODE_I64_MUL_WIDE_S);
    assert_int_equal(opcode_of_prefixed(0xFC, 22), OPCODE_I64_MUL_WIDE_U);
}

/* Each kind of atomic access has the same seven shapes. */
static void atomic_accesses_come_in_rows_of_seven(void **state)
{
    static const char *const kinds[] = {"load",   "store",   "rmw.add",  "rmw.sub",    "rmw.and",
                                        "rmw.or", "rmw.xor", "rmw.xchg", "rmw.cmpxchg"};
    static const struct {
        char type;
        const char *bits; /* "" for all */
        int immediate;
    } shapes[] = {{'i', "", IMMEDIATE_MEMARG2},  {'I', "", IMMEDIATE_MEMARG3},
                  {'i', "8", IMMEDIATE_MEMARG0}, {'i', "16", IMMEDIATE_MEMARG1},
                  {'I', "8", IMMEDIATE_MEMARG0}, {'I', "16", IMMEDIATE_MEMARG1},
                  {'I', "32", IMMEDIATE_MEMARG2}};
    uint32_t code = 0x10;

    (void)state;
    for (size_t kind = 0; kind < 9; kind++) {
        for (size_t shape = 0; shape < 7; shape++, code++) {
            const struct opcode_info *info = &opcode_info[opcode_of_prefixed(0xFE, code)];
            const char *rest = kinds[kind] + strcspn(kinds[kind], ".");
            char type = shapes[shape].type;
            char mnemonic[64];
            char signature[16];

            snprintf(mnemonic, sizeof mnemonic, "i%s.atomic.%.*s%s%s%s", type == 'i' ? "32" : "64",
                     (int)(rest - kinds[kind]), kinds[kind], shapes[shape].bits, rest,
                     kind != 1 && shapes[shape].bits[0] != '\0' ? "_u" : "");
            snprintf(signature, sizeof signature,
                     kind == 0   ? "a:%c"
                     : kind == 1 ? "a%c:"
                     : kind == 8 ? "a%c%c:%c"
                                 : "a%c:%c",
                     type, type, type);
            assert_string_equal(info->mnemonic, mnemonic);
            assert_string_equal(info->signature, signature);
            assert_int_equal(info->immediate, shapes[shape].immediate);
        }
    }
    assert_int_equal(opcode_of_prefixed(0xFE, code), OPCODE_INVALID);
}

static void every_feature_has_a_name_for_users(void **state)
{
    (void)state;
    for (unsigned feature = 0; feature < FEATURE_COUNT; feature++) {
        assert_non_null(feature_name((enum feature)feature));
        assert_int_not_equal(feature_name((enum feature)feature)[0], '\0');
    }
    assert_string_equal(feature_name(FEATURE_TAIL_CALL), "tail calls");
    assert_string_equal(feature_name(FEATURE_MEMORY64), "64-bit memories");
    assert_false(FEATURES_PROPOSED & (FEATURE_BIT(FEATURE_CORE) | FEATURE_BIT(FEATURE_MEMORY64)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_opcode_of_the_specification_has_its_row_in_binary_order),
        cmocka_unit_test(opcodes_that_the_specification_has_given_up_come_behind_its_own),
        cmocka_unit_test(every_row_has_the_immediates_of_the_grammar),
        cmocka_unit_test(every_row_has_the_signature_of_the_typing_rule),
        cmocka_unit_test(natural_alignment_is_the_width_of_the_access),
        cmocka_unit_test(lanes_are_as_many_as_the_shape_has),
        cmocka_unit_test(counts_are_those_of_the_letters_on_either_side_of_the_colon),
        cmocka_unit_test(an_address_type_occurs_only_where_one_memory_is_named),
        cmocka_unit_test(every_row_is_found_by_its_code),
        cmocka_unit_test(a_byte_without_a_row_is_no_opcode),
        cmocka_unit_test(a_prefix_byte_alone_is_no_opcode),
        cmocka_unit_test(a_prefixed_code_without_a_row_is_no_opcode),
        cmocka_unit_test(features_follow_the_page_where_it_decides),
        cmocka_unit_test(opcodes_of_proposals_are_off_by_default),
        cmocka_unit_test(atomic_accesses_come_in_rows_of_seven),
        cmocka_unit_test(every_feature_has_a_name_for_users),
    };
    return cmocka_run_group_tests(tests, read_oracle, NULL);
}
