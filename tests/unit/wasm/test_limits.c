// SPDX-License-Identifier: Apache-2.0
// Large modules, each of which would take forever if some part of the engine were not linear in its
// size: they load and run, or are refused as beyond a limit. Each is made twice, the second time of
// four times the size, and may take at most ten times as long then; the times are printed.
#include "tests/unit/wasm/run_fixture.h"

#include <stdio.h>
#include <time.h>

#include "sandbox/base/error.h"

#define TIME_FLOOR_MS 50.0 // of what takes less nothing can be said
#define RATIO_MAX     10.0 // of times for four times the size: 4 is linear, 16 quadratic

static uint8_t *bytes; // of the module
static size_t size;

static double now_ms(void)
{
    struct timespec time;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1000 + (double)time.tv_nsec / 1e6;
}

static void put_repeated(struct bytes *code, uint32_t times, const uint8_t *repeated, size_t length)
{
    for (uint32_t i = 0; i < times; i++)
        put_all(code, repeated, length);
}

static int tear_down(void **state)
{
    run_tear_down(state);
    free(bytes);
    bytes = NULL;
    return 0;
}

// What a large module does: its function of that index, [] -> [i32], gives `result`.
struct large {
    uint32_t funcidx;
    uint32_t result;
};

// Puts a module of about that size together.
typedef struct large build_large(uint32_t count);

// Loads, instantiates and runs the module; the time, or -1 when it was beyond a limit.
static double run_large(build_large *build, uint32_t count, bool may_refuse)
{
    struct large large;
    struct module *module;
    struct instance *instance;
    double begin;

    engine_replace((struct engine_config){.stack_bytes = 16 * 1024 * 1024});
    free(bytes);
    build_begin();
    large = build(count);
    bytes = build_end(&size);
    build_begin();
    begin = now_ms();
    if (!engine_load(engine, bytes, size, &module, &error)) {
        if (!may_refuse || error_kind(error.code) != ERROR_KIND_LIMIT)
            fail_msg("%s", error.message);
        return -1;
    }
    if (engine_instantiate(engine, module, &instance, &trap, &error) != OUTCOME_OK)
        fail_msg("%s %s", error.message, trap_wording(trap.code));
    assert_int_equal(CALL_GUEST(instance, large.funcidx), large.result);
    return now_ms() - begin;
}

static void assert_linear(const char *what, build_large *build, uint32_t count)
{
    double first = run_large(build, count, false), second;
    size_t first_size = size;

    second = run_large(build, 4 * count, false);
    print_message("# %s: %zu bytes %.0f ms, %zu bytes %.0f ms\n", what, first_size, first, size,
                  second);
    if (first < TIME_FLOOR_MS)
        first = TIME_FLOOR_MS;
    if (second > RATIO_MAX * first)
        fail_msg("four times the size took %.1f times as long", second / first);
}

// A function of one body, whose result is what the code leaves.
static struct large one_function(const char *locals, struct bytes *code, uint32_t result)
{
    uint32_t funcidx = build_function(":i", locals, code->data, code->length);

    bytes_free(code);
    return (struct large){funcidx, result};
}

/* Many definitions. */

static struct large build_functions(uint32_t count)
{
    uint32_t last = 0;

    build_function(":i", "", CODE(I32_CONST, 7));
    for (uint32_t i = 1; i < count; i++)
        last = build_function(":i", "", CODE(CALL, 0));
    return (struct large){last, 7};
}

static void million_functions_load_in_linear_time(void **state)
{
    (void)state;
    assert_linear("functions", build_functions, 250000);
}

static struct large build_globals(uint32_t count)
{
    uint32_t last = 0;
    struct bytes code = {0};

    for (uint32_t i = 0; i < count; i++)
        last = build_global(I32, true, CODE(I32_CONST, 9));
    put(&code, GLOBAL_GET);
    put_u32(&code, last);
    return one_function("", &code, 9);
}

static void many_globals_load_in_linear_time(void **state)
{
    (void)state;
    assert_linear("globals", build_globals, 50000);
}

static struct large build_exports(uint32_t count)
{
    struct bytes code = {0};

    for (uint32_t i = 0; i < count; i++) {
        char name[16];

        snprintf(name, sizeof name, "%u", i);
        build_export(name, EXTERNAL_FUNCTION, 0);
    }
    put_all(&code, CODE(I32_CONST, 1));
    return one_function("", &code, 1);
}

static void many_exports_load_in_linear_time(void **state)
{
    (void)state;
    assert_linear("exports", build_exports, 250000);
}

static struct large build_types(uint32_t count)
{
    struct bytes code = {0};

    // All of them different: numbers in base 4, with the types for digits.
    for (uint32_t i = 0; i < count; i++) {
        char signature[32] = ":";
        uint32_t length = 1;

        for (uint32_t rest = i; rest > 0; rest /= 4)
            signature[length++] = "iIfF"[rest % 4];
        build_type(signature);
    }
    put_all(&code, CODE(I32_CONST, 1));
    return one_function("", &code, 1);
}

static void many_types_load_in_linear_time(void **state)
{
    (void)state;
    assert_linear("types", build_types, 200000);
}

static struct large build_segments(uint32_t count)
{
    struct bytes code = {0};

    build_memory(1, 1);
    for (uint32_t i = 0; i < count; i++)
        build_data(SEGMENT_ACTIVE, i % 60000, CODE('a'));
    put_all(&code, CODE(I32_CONST, 0, I32_LOAD8_U, 0, 0));
    return one_function("", &code, 'a');
}

static void many_data_segments_load_in_linear_time(void **state)
{
    (void)state;
    assert_linear("data segments", build_segments, 25000);
}

static struct large build_elements(uint32_t count)
{
    struct bytes section = {0}, code = {0};

    // Active, table 0, at 0: expressions.
    put_all(&section, CODE(1, 4, I32_CONST, 0, END));
    put_u32(&section, count);
    put_repeated(&section, count, CODE(REF_FUNC, 0, END));
    build_section(9, section.data, section.length);
    bytes_free(&section);
    build_table(FUNCREF, count, NO_MAXIMUM);
    build_function(":i", "", CODE(I32_CONST, 5));
    put(&code, I32_CONST);
    put_s64(&code, count - 1);
    put_all(&code, CODE(CALL_INDIRECT, 0, 0));
    return one_function("", &code, 5);
}

static void many_element_expressions_load_in_linear_time(void **state)
{
    (void)state;
    assert_linear("element expressions", build_elements, 50000);
}

/* Locals. */

static struct large build_locals(uint32_t count)
{
    struct bytes body = {0};

    // A group for each local, so that none is found at once.
    put_u32(&body, count);
    for (uint32_t i = 0; i < count; i++)
        put_all(&body, CODE(1, i % 2 == 0 ? I32 : I64));
    for (uint32_t i = 0; i < count; i += 2) {
        put_all(&body, CODE(I32_CONST, 3, LOCAL_SET));
        put_u32(&body, i);
    }
    put(&body, LOCAL_GET);
    put_u32(&body, count - 2);
    put(&body, END);
    build_function_raw(build_type(":i"), body.data, body.length);
    bytes_free(&body);
    return (struct large){0, 3};
}

static void function_of_50000_locals_loads_in_linear_time(void **state)
{
    (void)state;
    assert_linear("locals", build_locals, 12500);
}

static struct large build_empty_groups(uint32_t count)
{
    struct bytes body = {0};

    put_u32(&body, 2 * count + 1);
    put_repeated(&body, count, CODE(0, I64));
    put_all(&body, CODE(2, I32));
    put_repeated(&body, count, CODE(0, F64));
    put_repeated(&body, 1000, CODE(I32_CONST, 6, LOCAL_SET, 1));
    put_all(&body, CODE(LOCAL_GET, 1, END));
    build_function_raw(build_type(":i"), body.data, body.length);
    bytes_free(&body);
    return (struct large){0, 6};
}

static void million_groups_of_no_locals_load_in_linear_time(void **state)
{
    (void)state;
    assert_linear("groups of locals", build_empty_groups, 250000);
}

/* Control. */

static struct large build_blocks(uint32_t count)
{
    struct bytes code = {0};

    put_repeated(&code, count, CODE(BLOCK, I32));
    put_all(&code, CODE(I32_CONST, 4, BR));
    put_u32(&code, count - 1);
    put_repeated(&code, count, CODE(END));
    return one_function("", &code, 4);
}

static void hundred_thousand_nested_blocks_load_in_linear_time(void **state)
{
    (void)state;
    assert_linear("nested blocks", build_blocks, 25000);
}

static struct large build_ifs(uint32_t count)
{
    struct bytes code = {0};

    put_repeated(&code, count, CODE(I32_CONST, 1, IF, I32));
    put_all(&code, CODE(I32_CONST, 4));
    put_repeated(&code, count, CODE(ELSE, I32_CONST, 2, END));
    return one_function("", &code, 4);
}

static void nested_ifs_load_in_linear_time(void **state)
{
    (void)state;
    assert_linear("nested ifs", build_ifs, 50000);
}

static struct large build_branches(uint32_t count)
{
    struct bytes code = {0};

    put_all(&code, CODE(BLOCK, EMPTY));
    put_repeated(&code, count, CODE(LOCAL_GET, 0, BR_IF, 0));
    put_all(&code, CODE(END, I32_CONST, 8));
    return one_function("i", &code, 8);
}

static void many_branches_to_one_label_load_in_linear_time(void **state)
{
    (void)state;
    assert_linear("branches to one label", build_branches, 250000);
}

static struct large build_label_table(uint32_t count)
{
    struct bytes code = {0};

    put_all(&code, CODE(BLOCK, EMPTY, BLOCK, EMPTY, I32_CONST));
    put_s64(&code, count - 1);
    put(&code, BR_TABLE);
    put_u32(&code, count);
    for (uint32_t i = 0; i < count; i++)
        put(&code, i == count - 1);
    put_all(&code, CODE(0, END, I32_CONST, 1, RETURN, END, I32_CONST, 2));
    return one_function("", &code, 2);
}

static void label_table_of_a_million_entries_loads_in_linear_time(void **state)
{
    (void)state;
    assert_linear("label table", build_label_table, 250000);
}

// As many labels as entries, each of which needs a move.
static struct large build_label_table_of_stubs(uint32_t count)
{
    struct bytes code = {0};

    put_all(&code, CODE(BLOCK, I32, I32_CONST, 1));
    put_repeated(&code, count, CODE(BLOCK, I32, I32_CONST, 1));
    put_all(&code, CODE(I32_CONST, 5, I32_CONST, 0, BR_TABLE));
    put_u32(&code, count);
    for (uint32_t i = 0; i < count; i++)
        put_u32(&code, count - i);
    put(&code, 0);
    put_repeated(&code, count, CODE(END, DROP));
    put_all(&code, CODE(END));
    return one_function("", &code, 5);
}

static void label_table_to_many_labels_loads_in_linear_time(void **state)
{
    (void)state;
    assert_linear("label table to many labels", build_label_table_of_stubs, 15000);
}

static struct large build_small_label_tables(uint32_t count)
{
    struct bytes code = {0};

    // In deep blocks, to a few labels each.
    put_repeated(&code, 1000, CODE(BLOCK, EMPTY));
    put_repeated(&code, count,
                 CODE(BLOCK, EMPTY, BLOCK, EMPTY, I32_CONST, 0, BR_TABLE, 2, 0, 1, 0, END, END));
    put_repeated(&code, 1000, CODE(END));
    put_all(&code, CODE(I32_CONST, 3));
    return one_function("", &code, 3);
}

static void many_label_tables_load_in_linear_time(void **state)
{
    (void)state;
    assert_linear("label tables", build_small_label_tables, 50000);
}

static struct large build_dead_code(uint32_t count)
{
    struct bytes code = {0};

    put_all(&code, CODE(I32_CONST, 3, RETURN));
    put_repeated(&code, count,
                 CODE(LOCAL_GET, 0, I32_CONST, 1, I32_ADD, LOCAL_SET, 0, BLOCK, EMPTY, BR, 0, END));
    put(&code, UNREACHABLE);
    return one_function("i", &code, 3);
}

static void dead_code_loads_in_linear_time(void **state)
{
    (void)state;
    assert_linear("dead code", build_dead_code, 100000);
}

/* Deep operand stacks; a frame has some 65000 slots. */

#define DEEP 60000u

static struct large build_deep_gets(uint32_t count)
{
    struct bytes code = {0};

    // Locals wait on the stack while another one is set again and again.
    put_repeated(&code, DEEP, CODE(LOCAL_GET, 0));
    put_repeated(&code, count, CODE(I32_CONST, 2, LOCAL_SET, 1));
    put_repeated(&code, DEEP, CODE(DROP));
    put_all(&code, CODE(LOCAL_GET, 1));
    return one_function("ii", &code, 2);
}

static void setting_a_local_below_a_deep_stack_takes_linear_time(void **state)
{
    (void)state;
    assert_linear("local.set on a deep stack", build_deep_gets, 250000);
}

static struct large build_gets_and_sets(uint32_t count)
{
    struct bytes code = {0};

    // Each local.set finds one more of its local's old values waiting.
    put_repeated(&code, count, CODE(LOCAL_GET, 0, I32_CONST, 2, LOCAL_SET, 0));
    put_repeated(&code, count, CODE(DROP));
    put_all(&code, CODE(LOCAL_GET, 0));
    return one_function("i", &code, 2);
}

static void saving_old_values_takes_linear_time(void **state)
{
    (void)state;
    assert_linear("old values", build_gets_and_sets, 15000);
}

static struct large build_alternating(uint32_t count)
{
    struct bytes code = {0};

    // Above a deep stack of locals, one is pushed, set and popped each time.
    put_repeated(&code, DEEP, CODE(LOCAL_GET, 0));
    put_repeated(&code, count, CODE(LOCAL_GET, 1, I32_CONST, 2, LOCAL_SET, 1, DROP));
    put_repeated(&code, DEEP, CODE(DROP));
    put_all(&code, CODE(LOCAL_GET, 1));
    return one_function("ii", &code, 2);
}

static void pushing_and_setting_above_a_deep_stack_takes_linear_time(void **state)
{
    (void)state;
    assert_linear("get and set on a deep stack", build_alternating, 100000);
}

static struct large build_blocks_above(uint32_t count)
{
    struct bytes code = {0};

    put_repeated(&code, DEEP, CODE(LOCAL_GET, 0));
    put_repeated(&code, count, CODE(LOCAL_GET, 0, BLOCK, EMPTY, END, DROP));
    put_repeated(&code, DEEP, CODE(DROP));
    put_all(&code, CODE(I32_CONST, 5));
    return one_function("i", &code, 5);
}

static void blocks_above_a_deep_stack_take_linear_time(void **state)
{
    (void)state;
    assert_linear("blocks on a deep stack", build_blocks_above, 100000);
}

static struct large build_refills(uint32_t count)
{
    struct bytes code = {0};
    char signature[1002];

    // A call takes a thousand operands away, to be pushed anew: what waits is never the same.
    memset(signature, 'i', 1000);
    strcpy(signature + 1000, ":");
    build_function(signature, "", NO_CODE);
    put_repeated(&code, 50000, CODE(LOCAL_GET, 0));
    for (uint32_t i = 0; i < count; i++) {
        put_repeated(&code, 1000, CODE(LOCAL_GET, 0));
        put_all(&code, CODE(BLOCK, EMPTY, END, CALL, 0));
    }
    put_repeated(&code, 50000, CODE(DROP));
    put_all(&code, CODE(I32_CONST, 5));
    return one_function("i", &code, 5);
}

static void refilling_a_deep_stack_takes_linear_time(void **state)
{
    (void)state;
    assert_linear("refills", build_refills, 100);
}

/* References. */

static struct large build_references(uint32_t count)
{
    struct bytes code = {0};

    // All in their homes, live at each of as many calls.
    build_table(FUNCREF, 1, 1);
    build_function(":", "", NO_CODE);
    put_repeated(&code, count, CODE(I32_CONST, 0, TABLE_GET, 0));
    put_repeated(&code, count, CODE(CALL, 0));
    put_repeated(&code, count, CODE(DROP));
    put_all(&code, CODE(I32_CONST, 5));
    return one_function("", &code, 5);
}

static void live_references_at_many_calls_take_linear_time_or_are_refused(void **state)
{
    double first = run_large(build_references, 15000, true), second;

    (void)state;
    second = run_large(build_references, 60000, true);
    print_message("# references at calls: %.0f ms, %.0f ms (-1: refused)\n", first, second);
    if (second > RATIO_MAX * (first < TIME_FLOOR_MS ? TIME_FLOOR_MS : first))
        fail_msg("four times the size took %.1f times as long", second / first);
}

/* Many values. */

static struct large build_value_branches(uint32_t count)
{
    struct bytes code = {0};
    char signature[1002] = ":";

    memset(signature + 1, 'i', 1000);
    build_type(signature);
    put_all(&code, CODE(BLOCK, 0, I32_CONST, 1));
    put_repeated(&code, 1000, CODE(I32_CONST, 3));
    put_repeated(&code, count, CODE(LOCAL_GET, 0, BR_IF, 0));
    put_all(&code, CODE(BR, 0, END));
    put_repeated(&code, 999, CODE(DROP));
    return one_function("i", &code, 3);
}

static void branches_with_a_thousand_values_load_in_linear_time_or_are_refused(void **state)
{
    double first = run_large(build_value_branches, 250, true), second, third;

    (void)state;
    second = run_large(build_value_branches, 1000, true);
    third = run_large(build_value_branches, 100000, true);
    print_message("# branches with values: %.0f ms, %.0f ms, %.0f ms (-1: refused)\n", first,
                  second, third);
    assert_true(first >= 0 && second >= 0);
    assert_true(second <= RATIO_MAX * (first < TIME_FLOOR_MS ? TIME_FLOOR_MS : first));
    assert_true(third < 0); // its moves would be 1.6 GB of cells
}

// Three bytes that name a type of a thousand parameters and results.
static struct large build_value_blocks(uint32_t count)
{
    struct bytes code = {0};
    char signature[2002];

    memset(signature, 'i', 2001);
    signature[1000] = ':';
    signature[2001] = '\0';
    build_type(signature);
    put_repeated(&code, 1000, CODE(I32_CONST, 3));
    put_repeated(&code, count, CODE(BLOCK, 0, END));
    put_repeated(&code, 999, CODE(DROP));
    return one_function("", &code, 3);
}

static void blocks_of_a_thousand_values_load_until_they_are_refused(void **state)
{
    (void)state;
    assert_true(run_large(build_value_blocks, 500, false) >= 0);
    assert_true(run_large(build_value_blocks, 100000, true) < 0);
    assert_int_equal(error.code, ERROR_LIMIT_CODE);
    assert_non_null(strstr(error.message, "for each byte of the module"));
}

// Each entry of a table, of one byte, goes to a label of a thousand values that are all in place.
static struct large build_value_table(uint32_t count)
{
    struct bytes code = {0};
    char signature[1002] = ":";

    memset(signature + 1, 'i', 1000);
    build_type(signature);
    put_all(&code, CODE(BLOCK, 0));
    put_repeated(&code, 1000, CODE(LOCAL_GET, 0, I32_EQZ));
    put_all(&code, CODE(LOCAL_GET, 0, BR_TABLE));
    put_u32(&code, count);
    put_repeated(&code, count + 1, CODE(0));
    put(&code, END);
    put_repeated(&code, 999, CODE(DROP));
    return one_function("i", &code, 1);
}

static void label_table_for_a_thousand_values_loads_in_linear_time(void **state)
{
    (void)state;
    assert_linear("label table, many values", build_value_table, 250000);
}

/* Straight code: translation and linking. */

static struct large build_straight(uint32_t count)
{
    struct bytes code = {0};

    put_repeated(
        &code, count,
        CODE(LOCAL_GET, 0, I32_CONST, 1, I32_ADD, LOCAL_SET, 0, LOCAL_GET, 0, LOCAL_SET, 1));
    put_all(&code, CODE(LOCAL_GET, 1));
    return one_function("ii", &code, count);
}

static void long_function_loads_and_links_in_linear_time(void **state)
{
    (void)state;
    assert_linear("straight code", build_straight, 250000);
}

#define LARGE(test_) cmocka_unit_test_setup_teardown(test_, run_set_up, tear_down)

static const struct CMUnitTest tests[] = {
    LARGE(million_functions_load_in_linear_time),
    LARGE(many_globals_load_in_linear_time),
    LARGE(many_exports_load_in_linear_time),
    LARGE(many_types_load_in_linear_time),
    LARGE(many_data_segments_load_in_linear_time),
    LARGE(many_element_expressions_load_in_linear_time),
    LARGE(function_of_50000_locals_loads_in_linear_time),
    LARGE(million_groups_of_no_locals_load_in_linear_time),
    LARGE(hundred_thousand_nested_blocks_load_in_linear_time),
    LARGE(nested_ifs_load_in_linear_time),
    LARGE(many_branches_to_one_label_load_in_linear_time),
    LARGE(label_table_of_a_million_entries_loads_in_linear_time),
    LARGE(label_table_to_many_labels_loads_in_linear_time),
    LARGE(many_label_tables_load_in_linear_time),
    LARGE(dead_code_loads_in_linear_time),
    LARGE(setting_a_local_below_a_deep_stack_takes_linear_time),
    LARGE(saving_old_values_takes_linear_time),
    LARGE(pushing_and_setting_above_a_deep_stack_takes_linear_time),
    LARGE(blocks_above_a_deep_stack_take_linear_time),
    LARGE(refilling_a_deep_stack_takes_linear_time),
    LARGE(live_references_at_many_calls_take_linear_time_or_are_refused),
    LARGE(branches_with_a_thousand_values_load_in_linear_time_or_are_refused),
    LARGE(blocks_of_a_thousand_values_load_until_they_are_refused),
    LARGE(label_table_for_a_thousand_values_loads_in_linear_time),
    LARGE(long_function_loads_and_links_in_linear_time),
};

#undef LARGE

int main(void)
{
    return cmocka_run_group_tests(tests, run_group_set_up, NULL);
}
