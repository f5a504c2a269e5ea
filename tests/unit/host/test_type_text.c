// SPDX-License-Identifier: Apache-2.0
#include "host/type_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void assert_text(struct report_item item, const char *wanted)
{
    char text[TYPE_TEXT_SIZE];

    assert_string_equal(type_text(&item, text), wanted);
}

static void functions_have_parameters_and_results(void **state)
{
    static const uint8_t types[] = {PLAN_CORE_I32, PLAN_CORE_F64, REPORT_FUNCREF, REPORT_V128};

    (void)state;
    assert_text((struct report_item){.kind = REPORT_FUNCTION, .types = types}, "()");
    assert_text((struct report_item){.kind = REPORT_FUNCTION, .parameter_count = 1, .types = types},
                "(i32)");
    assert_text(
        (struct report_item){
            .kind = REPORT_FUNCTION, .parameter_count = 2, .result_count = 1, .types = types},
        "(i32, f64) -> funcref");
    assert_text((struct report_item){.kind = REPORT_FUNCTION, .result_count = 4, .types = types},
                "() -> (i32, f64, funcref, v128)");
}

static void long_types_are_cut_off(void **state)
{
    static uint8_t types[2 * REPORT_TYPES_MAX];
    struct report_item item = {
        .kind = REPORT_FUNCTION,
        .parameter_count = REPORT_TYPES_MAX,
        .result_count = REPORT_TYPES_MAX,
        .types = types,
    };
    char text[TYPE_TEXT_SIZE];

    (void)state;
    for (int other = 0; other < 2; other++) {
        memset(types, other ? (int)REPORT_REF_NULL : (int)PLAN_CORE_I32, sizeof types);
        type_text(&item, text);
        assert_true(strlen(text) < TYPE_TEXT_SIZE);
        assert_non_null(strstr(text, ", ...) -> (...)"));
        item.parameter_count = 0;
        assert_non_null(strstr(type_text(&item, text), ", ...)"));
        item.parameter_count = REPORT_TYPES_MAX;
    }
}

static void memories_tables_and_globals_have_limits_and_types(void **state)
{
    (void)state;
    assert_text((struct report_item){.kind = REPORT_KIND_MEMORY, .first = 2}, "from 2 pages");
    assert_text((struct report_item){.kind = REPORT_KIND_MEMORY,
                                     .flags = REPORT_HAS_MAXIMUM | REPORT_ADDRESS64,
                                     .first = 2,
                                     .second = 3},
                "64-bit, 2 to 3 pages");
    assert_text((struct report_item){.kind = REPORT_KIND_MEMORY,
                                     .flags = REPORT_BYTE_PAGES,
                                     .first = 100},
                "from 100 pages of 1 byte");
    assert_text((struct report_item){.kind = REPORT_TABLE,
                                     .value_type = REPORT_EXTERNREF,
                                     .flags = REPORT_HAS_MAXIMUM,
                                     .second = 10},
                "0 to 10 externref");
    assert_text((struct report_item){.kind = REPORT_GLOBAL,
                                     .value_type = PLAN_CORE_I64,
                                     .flags = REPORT_MUTABLE},
                "mut i64");
    assert_text((struct report_item){.part = REPORT_SECTION, .kind = 10}, "");
    assert_text((struct report_item){.part = REPORT_DATA, .kind = REPORT_KIND_MEMORY}, "");
}

static void kinds_have_the_names_of_the_specification(void **state)
{
    struct report_item item = {.kind = REPORT_TAG};

    (void)state;
    assert_string_equal(type_text_kind(&item), "tag");
    item = (struct report_item){.part = REPORT_SECTION, .kind = 12};
    assert_string_equal(type_text_kind(&item), "data count");
    item = (struct report_item){.part = REPORT_DATA, .kind = REPORT_REGION_DATA};
    assert_string_equal(type_text_kind(&item), "data");
    item.kind = REPORT_REGION_HEAP;
    assert_string_equal(type_text_kind(&item), "heap");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(functions_have_parameters_and_results),
        cmocka_unit_test(long_types_are_cut_off),
        cmocka_unit_test(memories_tables_and_globals_have_limits_and_types),
        cmocka_unit_test(kinds_have_the_names_of_the_specification),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
