// SPDX-License-Identifier: Apache-2.0
// The regions of memory 0 that a session reports.
#include "tests/unit/sandbox/session_fixture.h"

// The report's region of that kind must be this one; none of it for an empty one.
static void assert_region(enum report_region kind, uint64_t first, uint64_t end)
{
    struct error error = {.code = ERROR_NONE};
    struct report_reader reader;
    struct report_item item;

    assert_true(report_open(&reader, incoming, incoming_length, &error));
    while (report_next(&reader, &item)) {
        if (item.part != REPORT_DATA || item.kind != kind)
            continue;
        assert_int_equal(item.first, first);
        assert_true(item.second == end);
        return;
    }
    assert_true(first >= end);
}

static void build_symbol(const char *name, uint32_t address)
{
    build_export(name, EXTERNAL_GLOBAL, build_global(I32, false, CODE(I32_CONST, U32(address))));
}

static void regions_follow_from_the_linkers_symbols(void **state)
{
    (void)state;
    build_memory(2, 2);
    build_data(SEGMENT_ACTIVE, 1024, CODE('a', 'b', 'c'));
    build_data(SEGMENT_ACTIVE, 2000, CODE('d'));
    build_symbol("__stack_pointer", 70000);
    build_symbol("__data_end", 4000);
    build_symbol("__heap_base", 70000);
    start_session();
    expect(MESSAGE_MODULE_REPORT);
    assert_region(REPORT_REGION_DATA, 1024, 2001);
    assert_region(REPORT_REGION_BSS, 2001, 4000);
    assert_region(REPORT_REGION_STACK, 4000, 70000);
    assert_region(REPORT_REGION_HEAP, 70000, UINT64_MAX);
    shut_down();
}

static void stack_is_first_where_its_pointer_is_below_the_data(void **state)
{
    (void)state;
    build_memory(2, 2);
    build_data(SEGMENT_ACTIVE, 65536, CODE('a'));
    build_symbol("__stack_pointer", 65536);
    start_session();
    expect(MESSAGE_MODULE_REPORT);
    assert_region(REPORT_REGION_STACK, 0, 65536);
    assert_region(REPORT_REGION_BSS, 0, 0);
    assert_region(REPORT_REGION_HEAP, 0, 0);
    shut_down();
}

static void names_of_globals_are_read_as_far_as_they_are_well_formed(void **state)
{
    // A memory, the global 4096, a byte at 8; then names: of functions, of globals.
    static const uint8_t bytes[] = "\5\3\1\0\1"
                                   "\6\7\1\x7f\1\x41\x80\x20\x0b"
                                   "\x0b\7\1\0\x41\x08\x0b\1x"
                                   "\0\x1d\4name"
                                   "\1\1\0"
                                   "\7\x12\1\0\x0f__stack_pointer"
                                   "\7";

    (void)state;
    for (int cut = 0; cut < 2; cut++) {
        uint8_t copy[sizeof bytes - 1];

        memcpy(copy, bytes, sizeof copy);
        copy[sizeof copy - 17] += (uint8_t)(40 * cut); // the name's length
        start_session_with(copy, sizeof copy);
        expect(MESSAGE_MODULE_REPORT);
        assert_region(REPORT_REGION_DATA, 8, 9);
        if (cut)
            assert_region(REPORT_REGION_STACK, 0, 0);
        else
            assert_region(REPORT_REGION_STACK, 9, 4096);
        shut_down();
        tear_down(state);
        set_up(state);
    }
}

int main(void)
{
#define T(test_) cmocka_unit_test_setup_teardown(test_, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(regions_follow_from_the_linkers_symbols),
        T(stack_is_first_where_its_pointer_is_below_the_data),
        T(names_of_globals_are_read_as_far_as_they_are_well_formed),
    };
#undef T

    return cmocka_run_group_tests(tests, NULL, NULL);
}
