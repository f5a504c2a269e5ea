// SPDX-License-Identifier: Apache-2.0
#include "host/inspection.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sandbox/report.h"

static uint8_t bytes[1024];

static struct report_text text_of(const char *text)
{
    return (struct report_text){(const uint8_t *)text, (uint32_t)strlen(text)};
}

// An import, an exported global with a value, a memory, data, a section.
static size_t write_report(void)
{
    static const uint8_t types[] = {PLAN_CORE_I32};
    const struct report_head head = {
        .flags = REPORT_HAS_MULTI_VALUE | REPORT_HAS_DATA_COUNT,
        .counts = {1, 1, 1, 1, 1},
    };
    const struct report_item items[] = {
        {.part = REPORT_IMPORT,
         .kind = REPORT_FUNCTION,
         .module = text_of("app"),
         .name = text_of("log"),
         .parameter_count = 1,
         .types = types},
        {.part = REPORT_EXPORT,
         .kind = REPORT_GLOBAL,
         .value_type = PLAN_CORE_I32,
         .flags = REPORT_HAS_VALUE,
         .name = text_of("__heap_base"),
         .first = 66560},
        {.part = REPORT_MEMORY, .kind = REPORT_KIND_MEMORY, .first = 2},
        {.part = REPORT_DATA, .kind = REPORT_KIND_MEMORY, .first = 1024, .second = 1040},
        {.part = REPORT_SECTION, .kind = 10, .first = 50, .second = 70},
    };
    struct report_writer writer = {.bytes = bytes, .size = sizeof bytes};

    report_put_head(&writer, &head);
    for (size_t i = 0; i < sizeof items / sizeof items[0]; i++)
        report_put_item(&writer, &items[i]);
    return writer.length;
}

static void every_item_of_the_report_is_shown(void **state)
{
    struct error_text error = {.status = PNF_OK};
    pnf_module *module = inspection_make(bytes, write_report(), &error);

    (void)state;
    assert_non_null(module);
    assert_int_equal(pnf_module_count(module), 5);
    assert_string_equal(pnf_module_item(module, 0)->type, "(i32)");
    assert_memory_equal(pnf_module_item(module, 0)->module.data, "app", 3);
    assert_true(pnf_module_item(module, 1)->has_value);
    assert_true(pnf_module_item(module, 1)->value == 66560);
    assert_true(pnf_module_item(module, 2)->minimum == 2);
    assert_true(pnf_module_item(module, 2)->maximum == UINT64_MAX);
    assert_true(pnf_module_item(module, 3)->address == 1024);
    assert_true(pnf_module_item(module, 3)->size == 16);
    assert_string_equal(pnf_module_item(module, 4)->kind, "code");
    assert_true(pnf_module_item(module, 4)->size == 70);
    assert_null(pnf_module_item(module, 5));
    pnf_module_free(module);
}

static void evidence_is_shown_of_stacks_alone(void **state)
{
    static const char *const names[REPORT_STACK_COUNT] = {"", "__stack_low", "__data_end",
                                                          "stack first", "limits.stack_low"};
    const struct report_head head = {.counts = {[REPORT_DATA] = 2}};
    struct error_text error = {.status = PNF_OK};

    (void)state;
    for (uint8_t i = 0; i < REPORT_STACK_COUNT; i++) {
        const struct report_item items[] = {
            {.part = REPORT_DATA, .kind = REPORT_REGION_DATA, .first = 1024, .second = 1040},
            {.part = REPORT_DATA,
             .kind = REPORT_REGION_STACK,
             .flags = i,
             .first = 1040,
             .second = 66560},
        };
        struct report_writer writer = {.bytes = bytes, .size = sizeof bytes};
        pnf_module *module;

        report_put_head(&writer, &head);
        report_put_item(&writer, &items[0]);
        report_put_item(&writer, &items[1]);
        module = inspection_make(bytes, writer.length, &error);
        assert_non_null(module);
        assert_string_equal(pnf_module_item(module, 0)->evidence, "");
        assert_string_equal(pnf_module_item(module, 1)->evidence, names[i]);
        assert_false(pnf_module_item(module, 1)->has_value);
        pnf_module_free(module);
    }
}

static void the_report_may_go_once_it_is_shown(void **state)
{
    struct error_text error = {.status = PNF_OK};
    pnf_module *module = inspection_make(bytes, write_report(), &error);

    (void)state;
    memset(bytes, 0xAA, sizeof bytes);
    assert_memory_equal(pnf_module_item(module, 0)->name.data, "log", 3);
    pnf_module_free(module);
}

static void features_end_with_NULL(void **state)
{
    struct error_text error = {.status = PNF_OK};
    pnf_module *module = inspection_make(bytes, write_report(), &error);

    (void)state;
    assert_string_equal(pnf_module_feature(module, 0), "multi-value");
    assert_string_equal(pnf_module_feature(module, 1), "bulk-memory");
    assert_null(pnf_module_feature(module, 2));
    assert_null(pnf_module_feature(module, 1000));
    pnf_module_free(module);
}

static void what_is_no_report_is_a_violation(void **state)
{
    struct error_text error = {.status = PNF_OK};
    size_t size = write_report();

    (void)state;
    for (size_t cut = 0; cut < size; cut++) {
        error.status = PNF_OK;
        assert_null(inspection_make(bytes, cut, &error));
        assert_int_equal(error.status, PNF_VIOLATION);
    }
}

static void nothing_is_in_no_module(void **state)
{
    (void)state;
    assert_int_equal(pnf_module_count(NULL), 0);
    assert_null(pnf_module_item(NULL, 0));
    assert_null(pnf_module_feature(NULL, 0));
    pnf_module_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_item_of_the_report_is_shown),
        cmocka_unit_test(evidence_is_shown_of_stacks_alone),
        cmocka_unit_test(the_report_may_go_once_it_is_shown),
        cmocka_unit_test(features_end_with_NULL),
        cmocka_unit_test(what_is_no_report_is_a_violation),
        cmocka_unit_test(nothing_is_in_no_module),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
