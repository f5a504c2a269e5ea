// SPDX-License-Identifier: Apache-2.0
//
// Each system call of a worker's set-up fails, or claims to have worked without having been made.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/jail/fixture.h"

enum { CALLS_EXPECTED_MIN = 60, CALLS_EXPECTED_MAX = 250, LIES_TOLERATED_MAX = 20 };

static struct outcome with_fault(struct fixture *fixture, enum fault_mode mode, uint32_t at,
                                 int number)
{
    const struct attack attack = {
        .kind = ATTACK_NOTHING, .fault_mode = mode, .fault_at = at, .fault_errno = number};

    return fixture_attack(fixture, &attack);
}

static uint32_t count_calls(struct fixture *fixture)
{
    struct outcome outcome = with_fault(fixture, FAULT_NONE, 0, 0);

    assert_int_equal(outcome.end, LAUNCHER_END_EXITED);
    assert_int_equal(outcome.status, 0);
    assert_in_range(outcome.report.calls, CALLS_EXPECTED_MIN, CALLS_EXPECTED_MAX);
    return outcome.report.calls;
}

// Refused: the body did not run, no further call was made, and the record, if control memory was
// there already, says so.
static bool is_refused(const struct outcome *outcome)
{
    return outcome->end == LAUNCHER_END_EXITED && outcome->status == START_EXIT_REFUSED &&
           !outcome->report.done &&
           (outcome->record.kind == START_RECORD_REFUSED ||
            outcome->record.kind == START_RECORD_NONE);
}

static void expect_all_refused(struct fixture *fixture, int number)
{
    uint32_t calls = count_calls(fixture);
    unsigned silent = 0;
    char wording[20];

    snprintf(wording, sizeof wording, ": errno %d", number);
    for (uint32_t at = 0; at < calls; at++) {
        struct outcome outcome = with_fault(fixture, FAULT_FAIL, at, number);

        if (!is_refused(&outcome))
            fail_msg("call %u: end %d, status %d", at, (int)outcome.end, outcome.status);
        silent += outcome.record.kind == START_RECORD_NONE;
        if (outcome.record.kind == START_RECORD_REFUSED)
            assert_non_null(
                memmem(outcome.record.text, outcome.record.length, wording, strlen(wording)));
    }
    assert_true(silent <= 3); // the receipt, the size, the mapping
}

static void a_call_that_is_forbidden_ends_the_start_with_its_errno(void **state)
{
    expect_all_refused(*state, EPERM);
}

static void a_call_that_fails_oddly_ends_the_start_with_its_errno(void **state)
{
    expect_all_refused(*state, EIO);
}

// Some lies make no difference: about what the launcher has seen to already (umask, signal mask, a
// few limits, no_new_privs, PDEATHSIG), what another step repeats (closing), and of the checks
// themselves, whose good answer is 0.
static void a_call_that_lies_is_found_out_where_it_matters(void **state)
{
    uint32_t calls = count_calls(*state);
    unsigned tolerated = 0;

    for (uint32_t at = 0; at < calls; at++) {
        struct outcome outcome = with_fault(*state, FAULT_PRETEND, at, 0);

        if (is_refused(&outcome))
            continue;
        assert_int_equal(outcome.report.done, 1);
        tolerated++;
    }
    assert_true(tolerated <= LIES_TOLERATED_MAX);
}

static void a_kernel_without_what_is_optional_is_good_enough(void **state)
{
    uint32_t calls = count_calls(*state);
    unsigned without = 0;

    for (uint32_t at = 0; at < calls; at++) {
        struct outcome outcome = with_fault(*state, FAULT_FAIL, at, ENOSYS);

        without += outcome.end == LAUNCHER_END_EXITED && outcome.status == ATTACK_EXIT_WENT_ON;
    }
    assert_int_equal(without, 1); // Landlock
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_that_is_forbidden_ends_the_start_with_its_errno),
        cmocka_unit_test(a_call_that_fails_oddly_ends_the_start_with_its_errno),
        cmocka_unit_test(a_call_that_lies_is_found_out_where_it_matters),
        cmocka_unit_test(a_kernel_without_what_is_optional_is_good_enough),
    };

    return cmocka_run_group_tests(tests, fixture_begin, fixture_end);
}
