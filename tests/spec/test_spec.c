// SPDX-License-Identifier: Apache-2.0
// The specification runner's own tests: above all that it can fail. The sample scripts are written
// by hand, their blob by samples/samples.py.
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/spec/runner.h"
#include "tests/spec/value.h"
#include "tests/spec/wanted.h"

#define SAMPLES PINFOLD_SOURCE_ROOT "/tests/spec/samples/"

/* Values. */

static bool parses(const char *type, const char *text, struct value *value)
{
    json_t *json = text == NULL ? json_pack("{s:s}", "type", type)
                                : json_pack("{s:s, s:s}", "type", type, "value", text);
    bool good;

    assert_non_null(json);
    good = value_parse(json, value);
    json_decref(json);
    return good;
}

// Does a result of this type and these bits match the value?
static bool matches(const char *type, const char *text, valtype result, uint64_t bits)
{
    struct value value;

    assert_true(parses(type, text, &value));
    return value_matches(&value, NULL, result, &(union slot){.u64 = bits});
}

static void numbers_are_unsigned_decimals_in_range(void **state)
{
    static const char *const bad[] = {"",    "-1",         "+1",  " 1", "1 ",
                                      "0x1", "4294967296", "nan", "1.0"};
    struct value value;

    (void)state;
    assert_true(parses("i32", "4294967295", &value));
    assert_int_equal(value.form, VALUE_BITS);
    assert_true(value.bits == UINT32_MAX);
    assert_true(parses("i64", "18446744073709551615", &value));
    assert_true(value.bits == UINT64_MAX);
    assert_false(parses("i64", "18446744073709551616", &value));
    assert_false(parses("i32", NULL, &value));
    assert_false(parses("i32", "nan:canonical", &value));
    assert_false(parses("i33", "1", &value));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(parses("i32", bad[i], &value));
        assert_false(parses("f32", bad[i], &value));
    }
}

static void references_are_null_numbered_or_any(void **state)
{
    struct value value;

    (void)state;
    assert_true(parses("refnull", "null", &value) && value.form == VALUE_NULL);
    assert_true(parses("nullfuncref", "null", &value) && value.form == VALUE_NULL);
    assert_true(parses("anyref", "null", &value) && value.form == VALUE_NULL);
    assert_true(parses("externref", "0", &value) && value.form == VALUE_HOST);
    assert_true(parses("externref", NULL, &value) && value.form == VALUE_NON_NULL);
    assert_true(parses("funcref", NULL, &value) && value.form == VALUE_NON_NULL);
    assert_true(parses("exnref", NULL, &value) && value.form == VALUE_NON_NULL);
    assert_false(parses("funcref", "0", &value));
    assert_false(parses("refnull", NULL, &value));
    assert_false(parses("externref", "seven", &value));
}

static void values_of_later_features_name_them(void **state)
{
    struct value value;

    (void)state;
    assert_true(parses("structref", NULL, &value) && value.form == VALUE_LATER);
    assert_int_equal(value.feature, FEATURE_GC);
    assert_true(parses("anyref", "7", &value) && value.form == VALUE_LATER);
}

static void bits_match_exactly(void **state)
{
    (void)state;
    assert_true(matches("i32", "7", VALTYPE_I32, 7));
    assert_false(matches("i32", "7", VALTYPE_I32, 8));
    assert_false(matches("i32", "7", VALTYPE_I32, UINT64_C(0x100000007))); // not zero-extended
    assert_false(matches("i32", "7", VALTYPE_I64, 7));
    assert_false(matches("i64", "7", VALTYPE_I64, UINT64_C(0x100000007)));
    assert_false(matches("f32", "0", VALTYPE_F32, 0x80000000)); // the sign of zero
    assert_true(matches("f32", "0", VALTYPE_F32, UINT64_C(0xdead00000000)));
    assert_false(matches("f64", "0", VALTYPE_F64, UINT64_C(0x8000000000000000)));
    assert_false(matches("f64", "0", VALTYPE_I64, 0));
}

static void canonical_nans_have_one_payload(void **state)
{
    (void)state;
    assert_true(matches("f32", "nan:canonical", VALTYPE_F32, 0x7fc00000));
    assert_true(matches("f32", "nan:canonical", VALTYPE_F32, 0xffc00000));
    assert_false(matches("f32", "nan:canonical", VALTYPE_F32, 0x7fc00001));
    assert_false(matches("f32", "nan:canonical", VALTYPE_F32, 0x7fe00000));
    assert_false(matches("f32", "nan:canonical", VALTYPE_F32, 0x7f800000));
    assert_true(matches("f32", "nan:canonical", VALTYPE_F32, UINT64_C(0xdead7fc00000)));
    assert_true(matches("f64", "nan:canonical", VALTYPE_F64, UINT64_C(0x7ff8000000000000)));
    assert_true(matches("f64", "nan:canonical", VALTYPE_F64, UINT64_C(0xfff8000000000000)));
    assert_false(matches("f64", "nan:canonical", VALTYPE_F64, UINT64_C(0x7ff8000000000001)));
    assert_false(matches("f64", "nan:canonical", VALTYPE_F32, 0x7fc00000));
}

static void arithmetic_nans_have_the_top_bit(void **state)
{
    (void)state;
    assert_true(matches("f32", "nan:arithmetic", VALTYPE_F32, 0x7fc00000));
    assert_true(matches("f32", "nan:arithmetic", VALTYPE_F32, 0xffe00001));
    assert_false(matches("f32", "nan:arithmetic", VALTYPE_F32, 0x7fa00000));
    assert_false(matches("f32", "nan:arithmetic", VALTYPE_F32, 0x7f800000));
    assert_false(matches("f32", "nan:arithmetic", VALTYPE_F32, 0x3fc00000));
    assert_true(matches("f64", "nan:arithmetic", VALTYPE_F64, UINT64_C(0xfff8000000000001)));
    assert_false(matches("f64", "nan:arithmetic", VALTYPE_F64, UINT64_C(0x7ff4000000000000)));
    assert_false(matches("f64", "nan:arithmetic", VALTYPE_F64, UINT64_C(0x7ff0000000000000)));
}

static void references_match_by_identity_and_nullness(void **state)
{
    (void)state;
    assert_true(matches("externref", "7", VALTYPE_EXTERNREF, 8));
    assert_false(matches("externref", "7", VALTYPE_EXTERNREF, 7));
    assert_false(matches("externref", "7", VALTYPE_I64, 8));
    assert_true(matches("refnull", "null", VALTYPE_EXTERNREF, 0));
    assert_true(matches("funcref", "null", VALTYPE_REF_NULL(HEAPTYPE_CONCRETE), 0));
    assert_false(matches("refnull", "null", VALTYPE_EXTERNREF, 1));
    assert_false(matches("refnull", "null", VALTYPE_I32, 0));
    assert_true(matches("funcref", NULL, VALTYPE_FUNCREF, 64));
    assert_false(matches("funcref", NULL, VALTYPE_FUNCREF, 0));
}

static void either_matches_any_of_its_values(void **state)
{
    const union slot slot = {.u64 = 3};
    json_t *json = json_pack("{s:s, s:[{s:s, s:s}, {s:s, s:s}]}", "type", "either", "values",
                             "type", "i32", "value", "2", "type", "i32", "value", "3");
    struct value value;

    (void)state;
    assert_true(value_parse(json, &value));
    assert_true(value_matches(&value, NULL, VALTYPE_I32, &slot));
    assert_false(value_matches(&value, NULL, VALTYPE_I32, &(union slot){.u64 = 4}));
    assert_false(value_matches(&value, NULL, VALTYPE_I64, &slot));
    json_decref(json);
}

static void arguments_fit_their_parameters(void **state)
{
    struct value value;
    union slot slot = {.u64 = 99};

    (void)state;
    assert_true(parses("externref", "7", &value));
    assert_true(value_to_slot(&value, VALTYPE_EXTERNREF, &slot));
    assert_true(slot.u64 == 8);
    assert_false(value_to_slot(&value, VALTYPE_FUNCREF, &slot));
    assert_false(value_to_slot(&value, VALTYPE_I64, &slot));
    assert_true(parses("funcref", "null", &value));
    assert_true(value_to_slot(&value, VALTYPE_FUNCREF, &slot));
    assert_true(slot.u64 == 0);
    assert_false(value_to_slot(&value, VALTYPE_REF(HEAPTYPE_FUNC), &slot));
    assert_true(parses("f32", "nan:canonical", &value));
    assert_false(value_to_slot(&value, VALTYPE_F32, &slot));
}

static json_t *vector_of(const char *lane_type, size_t count, const char *lane)
{
    json_t *lanes = json_array();

    for (size_t i = 0; i < count; i++)
        json_array_append_new(lanes, json_string(lane));
    return json_pack("{s:s, s:s, s:o}", "type", "v128", "lane_type", lane_type, "value", lanes);
}

static void vectors_are_compared_lane_by_lane(void **state)
{
    json_t *bytes = vector_of("i8", 16, "255"), *nans = vector_of("f32", 4, "nan:canonical");
    const union slot ones[2] = {{.u64 = UINT64_MAX}, {.u64 = UINT64_MAX}};
    union slot slots[2] = {{.u64 = UINT64_C(0xffc000007fc00000)},
                           {.u64 = UINT64_C(0x7fc00000ffc00000)}};
    struct value value;

    (void)state;
    assert_true(value_parse(bytes, &value));
    assert_true(value_matches(&value, NULL, VALTYPE_V128, ones));
    assert_false(value_matches(&value, NULL, VALTYPE_V128, slots));
    assert_false(value_matches(&value, NULL, VALTYPE_I64, ones));
    assert_true(value_parse(nans, &value));
    assert_true(value_matches(&value, NULL, VALTYPE_V128, slots));
    assert_false(value_to_slot(&value, VALTYPE_V128, slots));
    slots[1].u64++;
    assert_false(value_matches(&value, NULL, VALTYPE_V128, slots));
    assert_true(value_parse(bytes, &value));
    assert_true(value_to_slot(&value, VALTYPE_V128, slots));
    assert_memory_equal(slots, ones, sizeof ones);
    assert_false(value_to_slot(&value, VALTYPE_I64, slots));
    json_decref(bytes);
    json_decref(nans);
}

static void vectors_have_as_many_lanes_as_fit(void **state)
{
    static const struct {
        const char *type;
        size_t count;
        const char *lane;
    } bad[] = {{"i8", 15, "0"}, {"i8", 16, "256"}, {"i16", 8, "65536"}, {"i16", 8, "nan:canonical"},
               {"i64", 4, "0"}, {"i1", 16, "0"},   {"f64", 2, "x"},     {"f32", 4, "4294967296"},
               {"i32", 4, "-1"}};
    struct value value;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        json_t *json = vector_of(bad[i].type, bad[i].count, bad[i].lane);

        assert_false(value_parse(json, &value));
        json_decref(json);
    }
}

static void messages_agree_when_one_begins_the_other(void **state)
{
    (void)state;
    assert_true(finding_messages_agree("undefined", "undefined element"));
    assert_true(finding_messages_agree("uninitialized element 2", "uninitialized element"));
    assert_false(finding_messages_agree("undefined element", "uninitialized element"));
    assert_false(finding_messages_agree("", "undefined element"));
    assert_false(finding_messages_agree("undefined element", ""));
}

/* The list of later features. */

static bool read_list(struct later *later, const char *text)
{
    FILE *stream = tmpfile();
    bool good;

    assert_non_null(stream);
    assert_true(fputs(text, stream) >= 0);
    rewind(stream);
    *later = (struct later){.ranges = NULL};
    good = later_read(later, stream, "sample");
    (void)fclose(stream);
    return good;
}

static void list_finds_lines_ranges_and_whole_scripts(void **state)
{
    struct later later;
    const struct later_range *range;

    (void)state;
    assert_true(read_list(&later, "# comment\n\ncore/a 12,40-52 gc types  # why\n"
                                  "core/b all 64-bit memories\ncore/a 60 exceptions\n"));
    range = later_find(&later, "core/a", 12);
    assert_non_null(range);
    assert_int_equal(range->feature, FEATURE_GC);
    assert_int_equal(range->place, 3);
    assert_non_null(later_find(&later, "core/a", 40));
    assert_non_null(later_find(&later, "core/a", 52));
    assert_null(later_find(&later, "core/a", 13));
    assert_null(later_find(&later, "core/a", 39));
    assert_null(later_find(&later, "core/a", 53));
    assert_null(later_find(&later, "a", 12));
    range = later_find(&later, "core/b", 1000000);
    assert_non_null(range);
    assert_int_equal(range->feature, FEATURE_MEMORY64);
    assert_int_equal(later_find(&later, "core/a", 60)->feature, FEATURE_EXCEPTION);
    later_finish(&later);
}

static void list_rejects_what_is_no_entry(void **state)
{
    static const char *const bad[] = {
        "core/a\n",
        "core/a 12\n",
        "core/a 12 core\n",
        "core/a 12 magic\n",
        "core/a 0 vectors\n",
        "core/a 5-4 vectors\n",
        "core/a 5, vectors\n",
        "core/a ,5 vectors\n",
        "core/a 5- vectors\n",
        "core/a x vectors\n",
        "core/a  5 vectors\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct later later;

        assert_false(read_list(&later, bad[i]));
        later_finish(&later);
    }
}

static enum verdict judged(enum verdict verdict, enum feature feature, bool is_listed)
{
    struct later_range range = {.feature = FEATURE_GC};
    struct finding finding = {.verdict = verdict, .feature = feature};

    later_judge(is_listed ? &range : NULL, &finding);
    assert_int_equal(range.used, is_listed && verdict != VERDICT_DEPENDENT);
    return finding.verdict;
}

static void only_what_lacks_the_listed_feature_is_skipped(void **state)
{
    (void)state;
    assert_int_equal(judged(VERDICT_UNSUPPORTED, FEATURE_GC, true), VERDICT_SKIPPED);
    assert_int_equal(judged(VERDICT_UNSUPPORTED, FEATURE_VECTOR, true), VERDICT_FAILED);
    assert_int_equal(judged(VERDICT_UNSUPPORTED, FEATURE_GC, false), VERDICT_FAILED);
    assert_int_equal(judged(VERDICT_PASSED, FEATURE_CORE, true), VERDICT_FAILED);
    assert_int_equal(judged(VERDICT_FAILED, FEATURE_CORE, true), VERDICT_FAILED);
    assert_int_equal(judged(VERDICT_PASSED, FEATURE_CORE, false), VERDICT_PASSED);
    assert_int_equal(judged(VERDICT_DEPENDENT, FEATURE_CORE, true), VERDICT_SKIPPED);
    assert_int_equal(judged(VERDICT_DEPENDENT, FEATURE_CORE, false), VERDICT_SKIPPED);
    assert_int_equal(judged(VERDICT_IGNORED, FEATURE_CORE, false), VERDICT_SKIPPED);
}

// Prints what the commands of the given verdicts, at lines 10, 20, ..., would need.
static char *wanted_for(const char *letters)
{
    struct wanted wanted = {.items = NULL};
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);

    assert_non_null(stream);
    for (unsigned i = 0; letters[i] != '\0'; i++) {
        struct finding finding = {.verdict = VERDICT_PASSED};

        if (letters[i] == 'g')
            finding_needs(&finding, FEATURE_GC);
        else if (letters[i] == 'v')
            finding_needs(&finding, FEATURE_VECTOR);
        else if (letters[i] == 'd')
            finding.verdict = VERDICT_DEPENDENT;
        wanted_add(&wanted, 10 * (i + 1), &finding);
    }
    wanted_print(&wanted, "s", stream);
    (void)fclose(stream);
    return text;
}

static void wanted_entries_are_short_and_cover_no_more(void **state)
{
    static const char *const samples[][2] = {
        {"ppdp", ""},
        {"gdddg", "s all gc types\n"},
        {"pgddgdpg", "s 20-50,80 gc types\n"},
        {"gvg", "s 20 vectors\ns 10,30 gc types\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        char *text = wanted_for(samples[i][0]);

        assert_string_equal(text, samples[i][1]);
        free(text);
    }
}

/* Scripts. */

static struct runner runner;
static char *output;
static size_t output_size;
static struct sigaction fault_action; // as the engine wants it

// cmocka puts handlers of its own in the place of the engine's for each test; run brings them back.
static int save_fault_action(void **state)
{
    struct error error = {.code = ERROR_NONE};

    (void)state;
    return !trap_install(&error) || sigaction(SIGSEGV, NULL, &fault_action) != 0;
}

static void run(const char *path)
{
    assert_int_equal(sigaction(SIGSEGV, &fault_action, NULL), 0);
    runner_run(&runner, path);
}

static int set_up(void **state)
{
    FILE *stream = open_memstream(&output, &output_size);

    (void)state;
    runner = (struct runner){.broken = false};
    if (stream == NULL)
        return -1;
    report_init(&runner.report, stream, false);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    later_finish(&runner.later);
    (void)fclose(runner.report.stream);
    free(output);
    return 0;
}

static void expect_counts(const char *script, unsigned long passed, unsigned long failed,
                          unsigned long skipped)
{
    struct counts before = runner.report.total;
    char path[sizeof SAMPLES + 64];

    (void)snprintf(path, sizeof path, SAMPLES "%s.json", script);
    run(path);
    assert_int_equal(runner.report.total.passed - before.passed, passed);
    assert_int_equal(runner.report.total.failed - before.failed, failed);
    assert_int_equal(runner.report.total.skipped - before.skipped, skipped);
}

static void script_of_true_assertions_passes(void **state)
{
    (void)state;
    expect_counts("passing", 30, 0, 3); // skipped: text format, custom section, obsolete
    report_finish(&runner.report);
    assert_string_equal(output, "skipped: 1 in text format, 1 about custom sections, 1 obsolete\n"
                                "30 passed, 0 failed, 3 skipped\n");
    assert_false(runner.broken);
}

static void scripts_pass_in_checked_and_metered_engines(void **state)
{
    (void)state;
    runner.config.checked_memory = true;
    expect_counts("passing", 30, 0, 3);
    runner.config.metered = true;
    expect_counts("passing", 30, 0, 3);
}

static void wrong_expectation_fails_with_line_and_reason(void **state)
{
    (void)state;
    expect_counts("failing", 3, 1, 0);
    report_finish(&runner.report);
    assert_string_equal(output,
                        "samples/failing: 1 failed, 3 passed, 0 skipped\n"
                        "    line 3: assert_return: result 0: expected i32 0x4, got i32 0x3\n"
                        "3 passed, 1 failed, 0 skipped\n");
}

static void every_wrong_action_fails(void **state)
{
    (void)state;
    expect_counts("wrong", 1, 30, 0); // the one is the module
    assert_non_null(strstr(output, "    and 20 more\n"));
}

static void every_wrong_module_command_fails(void **state)
{
    (void)state;
    expect_counts("all_failing", 0, 23, 0);
}

// The sample needs the collected heap. When the engine has it, it needs another feature that is
// missing.
static void listed_module_is_skipped_with_what_depends_on_it(void **state)
{
    struct later *later = &runner.later;

    (void)state;
    assert_true(read_list(later, "samples/later 1 gc types\n"));
    expect_counts("later", 3, 0, 7);
    assert_false(runner.broken);
    report_finish(&runner.report);
    assert_string_equal(output, "skipped: 6 dependent on what was skipped, 1 listed as later\n"
                                "3 passed, 0 failed, 7 skipped\n");
}

// Even with a list.
static void strict_runs_skip_nothing_for_what_the_engine_lacks(void **state)
{
    (void)state;
    runner.strict = true;
    assert_true(read_list(&runner.later, "samples/later 1 gc types\n"));
    expect_counts("later", 3, 7, 0);
    expect_counts("passing", 30, 0, 3);
}

// No script depends on a module that is skipped for its format.
static void strict_runs_fail_what_depends_on_a_skipped_module(void **state)
{
    struct finding finding = {.verdict = VERDICT_DEPENDENT};

    (void)state;
    later_judge_strictly(&finding);
    assert_int_equal(finding.verdict, VERDICT_FAILED);
}

static void unlisted_module_fails_with_what_depends_on_it(void **state)
{
    (void)state;
    expect_counts("later", 3, 7, 0);
}

static void listed_module_of_another_feature_fails(void **state)
{
    (void)state;
    assert_true(read_list(&runner.later, "samples/later 1 vectors\n"));
    expect_counts("later", 3, 7, 0);
    assert_non_null(strstr(output, "but needs gc types"));
}

static void listed_commands_that_pass_fail(void **state)
{
    (void)state;
    assert_true(read_list(&runner.later, "samples/later 1,8-10 gc types\n"));
    expect_counts("later", 0, 3, 7);
    assert_non_null(strstr(output, "remove it from the list"));
}

static void entry_that_nothing_needs_is_reported(void **state)
{
    (void)state;
    assert_true(read_list(&runner.later, "samples/later 1,2 gc types\n")); // 2 depends on 1
    expect_counts("later", 3, 0, 7);
    assert_true(runner.broken);
}

static void needed_entries_can_be_printed(void **state)
{
    char *text = NULL;
    size_t size;

    (void)state;
    runner.wanted = open_memstream(&text, &size);
    assert_non_null(runner.wanted);
    expect_counts("later", 3, 0, 7);
    (void)fclose(runner.wanted);
    assert_string_equal(text, "samples/later 1 gc types\n");
    free(text);
}

static void paths_without_scripts_are_reported(void **state)
{
    (void)state;
    expect_counts("missing", 0, 0, 0);
    assert_true(runner.broken);
    runner.broken = false;
    run(SAMPLES "samples.py"); // no JSON
    assert_true(runner.broken);
    runner.broken = false;
    run(PINFOLD_SOURCE_ROOT "/tests/lint"); // no scripts
    assert_true(runner.broken);
}

static void folder_is_all_its_scripts(void **state)
{
    (void)state;
    run(SAMPLES);
    assert_int_equal(runner.report.total.passed + runner.report.total.failed +
                         runner.report.total.skipped,
                     33 + 4 + 31 + 23 + 10);
}

static void folder_is_also_the_folders_in_it(void **state)
{
    (void)state;
    run(PINFOLD_SOURCE_ROOT "/tests/spec");
    assert_int_equal(runner.report.total.passed + runner.report.total.failed +
                         runner.report.total.skipped,
                     33 + 4 + 31 + 23 + 10);
    assert_false(runner.broken);
}

#define RUNNER_TEST(name_) cmocka_unit_test_setup_teardown(name_, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_unsigned_decimals_in_range),
        cmocka_unit_test(references_are_null_numbered_or_any),
        cmocka_unit_test(values_of_later_features_name_them),
        cmocka_unit_test(bits_match_exactly),
        cmocka_unit_test(canonical_nans_have_one_payload),
        cmocka_unit_test(arithmetic_nans_have_the_top_bit),
        cmocka_unit_test(references_match_by_identity_and_nullness),
        cmocka_unit_test(either_matches_any_of_its_values),
        cmocka_unit_test(arguments_fit_their_parameters),
        cmocka_unit_test(vectors_are_compared_lane_by_lane),
        cmocka_unit_test(vectors_have_as_many_lanes_as_fit),
        cmocka_unit_test(messages_agree_when_one_begins_the_other),
        cmocka_unit_test(list_finds_lines_ranges_and_whole_scripts),
        cmocka_unit_test(list_rejects_what_is_no_entry),
        cmocka_unit_test(only_what_lacks_the_listed_feature_is_skipped),
        cmocka_unit_test(wanted_entries_are_short_and_cover_no_more),
        RUNNER_TEST(script_of_true_assertions_passes),
        RUNNER_TEST(scripts_pass_in_checked_and_metered_engines),
        RUNNER_TEST(wrong_expectation_fails_with_line_and_reason),
        RUNNER_TEST(every_wrong_action_fails),
        RUNNER_TEST(every_wrong_module_command_fails),
        RUNNER_TEST(listed_module_is_skipped_with_what_depends_on_it),
        RUNNER_TEST(strict_runs_skip_nothing_for_what_the_engine_lacks),
        cmocka_unit_test(strict_runs_fail_what_depends_on_a_skipped_module),
        RUNNER_TEST(unlisted_module_fails_with_what_depends_on_it),
        RUNNER_TEST(listed_module_of_another_feature_fails),
        RUNNER_TEST(listed_commands_that_pass_fail),
        RUNNER_TEST(entry_that_nothing_needs_is_reported),
        RUNNER_TEST(needed_entries_can_be_printed),
        RUNNER_TEST(paths_without_scripts_are_reported),
        RUNNER_TEST(folder_is_all_its_scripts),
        RUNNER_TEST(folder_is_also_the_folders_in_it),
    };

    return cmocka_run_group_tests_name("spec/runner", tests, save_fault_action, NULL);
}
