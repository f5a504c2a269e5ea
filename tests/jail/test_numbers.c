// SPDX-License-Identifier: Apache-2.0
//
// Every system call by number, each in a worker of its own that is locked down.
#include <errno.h>
#include <linux/audit.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/syscall.h>

#include <cmocka.h>

#include "host/filter.h"
#include "tests/jail/fixture.h"

enum { NUMBERS = 1024 };

static struct outcome call(struct fixture *fixture, enum attack_kind kind, int64_t number)
{
    const struct attack attack = {.kind = kind, .number = number};

    return fixture_attack(fixture, &attack);
}

// What passes the filter with all arguments 0, and what it returns then. By hand: the table of the
// filter is what is on trial.
static const struct {
    int64_t number;
    int64_t result;
} harmless[] = {
    // There is no descriptor 0.
    {SYS_readv, -EBADF},     {SYS_preadv, -EBADF},    {SYS_pwritev, -EBADF},
    {SYS_lseek, -EBADF},     {SYS_fstat, -EBADF},     {SYS_ftruncate, -EBADF},
    {SYS_fallocate, -EBADF}, {SYS_fadvise64, -EBADF}, {SYS_fsync, -EBADF},
    {SYS_fdatasync, -EBADF}, {SYS_mprotect, 0}, // of nothing
    {SYS_munmap, -EINVAL},   {SYS_sched_yield, 0},    {SYS_restart_syscall, -EINTR},
    {SYS_futex, -EFAULT},
};

// Linux lets these pass all filters (6.14 and 6.18): they belong to its own probes, and do nothing
// when called from anywhere else than a trampoline of the kernel's.
enum { URETPROBE = 335, UPROBE = 336 };

static bool is_probe(int64_t number, const struct outcome *outcome)
{
#if defined(__x86_64__)
    if (number == URETPROBE)
        return outcome->end == LAUNCHER_END_KILLED && outcome->status == SIGILL;
    if (number == UPROBE)
        return outcome->end == LAUNCHER_END_EXITED && outcome->report.result == -ENXIO;
#endif
    (void)number;
    (void)outcome;
    return false;
}

static bool is_harmless(int64_t number, int64_t *result)
{
    for (size_t at = 0; at < sizeof harmless / sizeof harmless[0]; at++) {
        *result = harmless[at].result;
        if (harmless[at].number == number)
            return true;
    }
    return false;
}

static void expect_end(int64_t number, const struct outcome *outcome)
{
    char what[40];
    int64_t result;

    snprintf(what, sizeof what, "system call %lld", (long long)number);
    if (number == SYS_exit || number == SYS_exit_group) {
        assert_int_equal(outcome->end, LAUNCHER_END_EXITED);
        assert_int_equal(outcome->status, 0);
        assert_int_equal(outcome->report.done, 0);
    } else if (number == SYS_rt_sigreturn) { // there is no frame to return to
        assert_int_equal(outcome->end, LAUNCHER_END_KILLED);
        assert_int_equal(outcome->status, SIGSEGV);
    } else if (is_harmless(number, &result)) {
        assert_int_equal(outcome->end, LAUNCHER_END_EXITED);
        assert_int_equal(outcome->report.result, result);
    } else if (!is_probe(number, outcome)) {
        fixture_expect_killed(outcome, what);
    }
}

static void every_number_is_allowed_as_listed_or_kills(void **state)
{
    for (int64_t number = 0; number < NUMBERS; number++) {
        struct outcome outcome = call(*state, ATTACK_CALL, number);

        expect_end(number, &outcome);
    }
}

static void numbers_that_do_not_exist_kill(void **state)
{
    static const int64_t numbers[] = {-1, -100, 0xffffffff, 0x7fffffff, 1 << 20, 100000};

    for (size_t at = 0; at < sizeof numbers / sizeof numbers[0]; at++) {
        struct outcome outcome = call(*state, ATTACK_CALL, numbers[at]);

        fixture_expect_killed(&outcome, "no such number");
    }
}

static void x32_calls_kill_even_where_the_number_is_allowed(void **state)
{
    static const int64_t numbers[] = {SYS_sched_yield, SYS_exit_group, SYS_futex, 59, 512, 547};

    for (size_t at = 0; at < sizeof numbers / sizeof numbers[0]; at++) {
        struct outcome outcome = call(*state, ATTACK_CALL, numbers[at] | 0x40000000);

        fixture_expect_killed(&outcome, "x32");
    }
}

// 32-bit numbers mean other calls: 11 is execve, 1 exit, 4 write, 158 sched_yield, 252 exit_group.
// Where the kernel has no 32-bit entry at all, it is a fault.
static void calls_by_int_80_kill(void **state)
{
    static const int64_t numbers[] = {1, 4, 11, 158, 252, 20};

    for (size_t at = 0; at < sizeof numbers / sizeof numbers[0]; at++) {
        struct outcome outcome = call(*state, ATTACK_CALL_32, numbers[at]);

        assert_int_equal(outcome.end, LAUNCHER_END_KILLED);
        assert_true(outcome.status == SIGSYS || outcome.status == SIGSEGV);
        assert_int_equal(outcome.report.done, 0);
    }
}

static void the_vsyscall_page_is_no_way_around(void **state)
{
    struct outcome outcome = call(*state, ATTACK_VSYSCALL, 0);

    assert_int_equal(outcome.end, LAUNCHER_END_KILLED);
    assert_true(outcome.status == SIGSYS || outcome.status == SIGSEGV);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_number_is_allowed_as_listed_or_kills),
        cmocka_unit_test(numbers_that_do_not_exist_kill),
        cmocka_unit_test(x32_calls_kill_even_where_the_number_is_allowed),
        cmocka_unit_test(calls_by_int_80_kill),
        cmocka_unit_test(the_vsyscall_page_is_no_way_around),
    };

    return cmocka_run_group_tests(tests, fixture_begin, fixture_end);
}
