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

static uint8_t stack_flags(void)
{
    struct error error = {.code = ERROR_NONE};
    struct report_reader reader;
    struct report_item item;

    assert_true(report_open(&reader, incoming, incoming_length, &error));
    while (report_next(&reader, &item))
        if (item.part == REPORT_DATA && item.kind == REPORT_REGION_STACK)
            return item.flags;
    fail_msg("no stack");
    return 0;
}

// With an export that sets the stack pointer.
static void build_stack(void)
{
    uint8_t pointer = (uint8_t)build_global(I32, true, CODE(I32_CONST, U32(70000)));

    build_memory(2, 2);
    build_export("__stack_pointer", EXTERNAL_GLOBAL, pointer);
    build_data(SEGMENT_ACTIVE, 1024, CODE('a'));
    build_exported("set", "i:", CODE(LOCAL_GET, 0, GLOBAL_SET, pointer));
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

static void overflow_traps_where_there_is_evidence_of_the_limit(void **state)
{
    static const struct {
        uint64_t low;      // in the policy
        const char *known; // symbol, whose address is 4000
        enum report_stack evidence;
        const char *text;
    } cases[] = {
        {POLICY_NONE, "__stack_low", REPORT_STACK_LOW, "below 4000, which is __stack_low"},
        {POLICY_NONE, "__data_end", REPORT_STACK_DATA, "below 4000, which is __data_end"},
        {5000, "__data_end", REPORT_STACK_GIVEN, "below 5000, which is limits.stack_low"},
        {POLICY_NONE, "something", REPORT_STACK_UNKNOWN, NULL},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t low = cases[i].low == POLICY_NONE ? 4000 : cases[i].low;

        tear_down(state);
        set_up(state);
        policy.limits.stack_low = cases[i].low;
        build_stack();
        build_symbol(cases[i].known, 4000);
        start_session();
        expect(MESSAGE_MODULE_REPORT);
        assert_int_equal(stack_flags(), cases[i].evidence);
        if (cases[i].text)
            assert_region(REPORT_REGION_STACK, low, 70000);
        LINK(NULL);
        expect(MESSAGE_LOADED);
        SEND_CALL("set(a: u32)", WORD(low));
        expect_result();
        SEND_CALL("set(a: u32)", WORD(low - 1));
        if (cases[i].text) {
            expect_trap(TRAP_GUEST_STACK_OVERFLOW);
            assert_non_null(
                memmem(incoming, incoming_length, cases[i].text, strlen(cases[i].text)));
        } else {
            expect_result();
        }
        shut_down();
    }
}

static void a_limit_that_the_module_cannot_be_held_to_is_an_error(void **state)
{
    (void)state;
    policy.limits.stack_low = 70000;
    build_stack();
    start_session();
    expect_error(ERROR_USAGE_STACK_LOW);
    join_session(true);
}

int main(void)
{
#define T(test_) cmocka_unit_test_setup_teardown(test_, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(regions_follow_from_the_linkers_symbols),
        T(stack_is_first_where_its_pointer_is_below_the_data),
        T(names_of_globals_are_read_as_far_as_they_are_well_formed),
        T(overflow_traps_where_there_is_evidence_of_the_limit),
        T(a_limit_that_the_module_cannot_be_held_to_is_an_error),
    };
#undef T

    return cmocka_run_group_tests(tests, NULL, NULL);
}
