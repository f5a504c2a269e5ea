// SPDX-License-Identifier: Apache-2.0
//
// Element and data segments (specification: "Binary Format / Modules").
#include "tests/unit/wasm/decode_fixture.h"

// --- Element segments ---

static void element_segments_of_all_kinds_are_read(void **state)
{
    static const struct {
        uint8_t bytes[12];
        uint8_t length;
        enum segment_mode mode;
        valtype type;
        uint32_t tableidx;
        bool expressions;
    } rows[] = {
        {{0, I32_CONST_END, 1, 7}, 6, SEGMENT_ACTIVE, VALTYPE_REF(HEAPTYPE_FUNC), 0, false},
        {{1, 0, 1, 7}, 4, SEGMENT_PASSIVE, VALTYPE_REF(HEAPTYPE_FUNC), 0, false},
        {{2, 3, I32_CONST_END, 0, 1, 7}, 8, SEGMENT_ACTIVE, VALTYPE_REF(HEAPTYPE_FUNC), 3, false},
        {{3, 0, 1, 7}, 4, SEGMENT_DECLARATIVE, VALTYPE_REF(HEAPTYPE_FUNC), 0, false},
        {{4, I32_CONST_END, 1, REF_FUNC_END}, 8, SEGMENT_ACTIVE, VALTYPE_FUNCREF, 0, true},
        {{5, 0x6F, 1, 0xD0, 0x6F, 0x0B}, 6, SEGMENT_PASSIVE, VALTYPE_EXTERNREF, 0, true},
        {{6, 3, I32_CONST_END, 0x70, 1, REF_FUNC_END},
         10,
         SEGMENT_ACTIVE,
         VALTYPE_FUNCREF,
         3,
         true},
        {{7, 0x70, 1, REF_FUNC_END}, 6, SEGMENT_DECLARATIVE, VALTYPE_FUNCREF, 0, true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        uint8_t bytes[8 + 3 + 12] = {0x00, 'a', 's', 'm', 1, 0, 0, 0, 9, 0, 1};

        bytes[9] = (uint8_t)(rows[i].length + 1);
        memcpy(bytes + 11, rows[i].bytes, rows[i].length);
        accept(bytes, 11u + rows[i].length);
        assert_int_equal(module.element_count, 1);

        const struct element_segment *segment = &module.elements[0];
        assert_int_equal(segment->mode, rows[i].mode);
        assert_int_equal(segment->type, rows[i].type);
        assert_int_equal(segment->tableidx, rows[i].tableidx);
        assert_int_equal(segment->position, 11);
        assert_int_equal(segment->count, 1);
        assert_int_equal(segment->offset.size, segment->mode == SEGMENT_ACTIVE ? 3 : 0);
        if (rows[i].expressions) {
            assert_null(segment->funcidxs);
            assert_int_equal(segment->expressions[0].size, 3);
        } else {
            assert_null(segment->expressions);
            assert_int_equal(segment->funcidxs[0], 7);
        }
    }
}

static void malformed_element_segments_are_refused(void **state)
{
    (void)state;
    refuse(ERROR_MALFORMED_ELEMENT_SEGMENT_KIND, 11, MODULE(9, 4, 1, 8, 0, 0));
    refuse(ERROR_MALFORMED_ELEMENT_KIND, 12, MODULE(9, 4, 1, 1, 1, 0));
    refuse(ERROR_MALFORMED_ELEMENT_KIND, 12, MODULE(9, 4, 1, 3, 0x70, 0));
    refuse(ERROR_MALFORMED_REFERENCE_TYPE, 12, MODULE(9, 4, 1, 5, 0x7F, 0));
    refuse(ERROR_LENGTH_OUT_OF_BOUNDS, 13, MODULE(9, 5, 1, 1, 0, 2, 0));
}

// --- Data segments ---

static void data_segments_of_all_kinds_are_read(void **state)
{
    (void)state;
    accept(MODULE(11, 20, 3, 0, I32_CONST_END, 2, 'a', 'b', 1, 1, 'c', 2, 1, 0x23, 3, 0x0B, 3, 'd',
                  'e', 'f'));
    assert_int_equal(module.data_count, 3);
    assert_int_equal(module.datas[0].mode, SEGMENT_ACTIVE);
    assert_int_equal(module.datas[0].memidx, 0);
    assert_int_equal(module.datas[0].offset.size, 3);
    assert_int_equal(module.datas[0].size, 2);
    assert_memory_equal(module.datas[0].bytes, "ab", 2);
    assert_int_equal(module.datas[0].position, 11);
    assert_int_equal(module.datas[1].mode, SEGMENT_PASSIVE);
    assert_int_equal(module.datas[1].offset.size, 0);
    assert_memory_equal(module.datas[1].bytes, "c", 1);
    assert_int_equal(module.datas[2].mode, SEGMENT_ACTIVE);
    assert_int_equal(module.datas[2].memidx, 1);
    assert_memory_equal(module.datas[2].bytes, "def", 3);
    refuse(ERROR_MALFORMED_DATA_SEGMENT_KIND, 11, MODULE(11, 3, 1, 3, 0));
    refuse(ERROR_LENGTH_OUT_OF_BOUNDS, 12, MODULE(11, 4, 1, 1, 2, 0));
}

static void the_data_count_must_be_that_of_the_data_section(void **state)
{
    (void)state;
    accept(MODULE(12, 1, 1, 11, 3, 1, 1, 0));
    assert_true(module.has_data_count);
    assert_int_equal(module.data_count_declared, 1);
    accept(MODULE(12, 1, 0));
    refuse(ERROR_DATA_COUNT_MISMATCH, 13, MODULE(12, 1, 2, 11, 3, 1, 1, 0));
    refuse(ERROR_DATA_COUNT_MISMATCH, 11, MODULE(12, 1, 1));
    accept(MODULE(11, 3, 1, 1, 0));
    assert_false(module.has_data_count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(element_segments_of_all_kinds_are_read),
        TEST(malformed_element_segments_are_refused),
        TEST(data_segments_of_all_kinds_are_read),
        TEST(the_data_count_must_be_that_of_the_data_section),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
