// SPDX-License-Identifier: Apache-2.0
#include "host/filter.h"

#include <linux/audit.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "sandbox/start.h"
#include "tests/jail/bpf.h"

#if defined(__x86_64__)
#define NATIVE_ARCHITECTURE AUDIT_ARCH_X86_64
#else
#define NATIVE_ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

enum {
    NUMBERS = 1024,
    ARGUMENTS = 6,
    RANDOM_RECORDS = 1000 * 1000,
    INSTRUCTIONS_EXPECTED_MAX = 200
};

#define ANSWER (SECCOMP_RET_ERRNO | START_PROBE_ERRNO)

struct program {
    struct sock_filter code[START_FILTER_INSTRUCTIONS_MAX];
    size_t count;
};

static const struct filter_options nothing;
static const struct filter_options everything = {
    .clock = true, .random = true, .files = true, .files_write = true};

static struct program built(const struct filter_options *options)
{
    struct program program = {.count = START_FILTER_INSTRUCTIONS_MAX};
    struct error error = {.code = ERROR_NONE};

    if (!filter_build(options, program.code, &program.count, &error))
        fail_msg("%s", error.message);
    return program;
}

static uint32_t decide(const struct program *program, const struct seccomp_data *record)
{
    return bpf_decide(program->code, program->count, record);
}

static struct seccomp_data record_of(int number)
{
    return (struct seccomp_data){.nr = number, .arch = NATIVE_ARCHITECTURE};
}

static bool holds(const struct filter_rule *rule, const struct seccomp_data *record)
{
    if (rule->number != record->nr)
        return false;
    for (size_t at = 0; at < FILTER_CONDITIONS_MAX && rule->conditions[at].present; at++) {
        const struct filter_condition *condition = &rule->conditions[at];

        if ((record->args[condition->argument] & condition->mask) != condition->value)
            return false;
    }
    return true;
}

// The decision as the table has it, without libseccomp.
static uint32_t expected(const struct filter_options *options, const struct seccomp_data *record)
{
    size_t count;
    const struct filter_rule *rules = filter_rules(&count);

    if (record->arch != NATIVE_ARCHITECTURE)
        return SECCOMP_RET_KILL_PROCESS;
    for (size_t at = 0; at < count; at++)
        if (filter_includes(options, &rules[at]) && holds(&rules[at], record))
            return rules[at].probe ? ANSWER : SECCOMP_RET_ALLOW;
    return SECCOMP_RET_KILL_PROCESS;
}

// A small generator (xorshift), the same numbers every time.
static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

// A record that a rule is about, with what its conditions leave open at random.
static struct seccomp_data fitting(const struct filter_rule *rule, uint64_t *state)
{
    struct seccomp_data record = record_of(rule->number);

    for (size_t at = 0; at < ARGUMENTS; at++)
        record.args[at] = next_random(state);
    for (size_t at = 0; at < FILTER_CONDITIONS_MAX && rule->conditions[at].present; at++) {
        const struct filter_condition *condition = &rule->conditions[at];
        __u64 *argument = &record.args[condition->argument];

        *argument = (*argument & ~condition->mask) | condition->value;
    }
    return record;
}

static void each_rule_lets_pass_what_it_names(void **state)
{
    struct program program = built(&everything);
    uint64_t seed = 88172645463325252u;
    size_t count;
    const struct filter_rule *rules = filter_rules(&count);

    (void)state;
    for (size_t at = 0; at < count; at++) {
        for (int turn = 0; turn < 1000; turn++) {
            struct seccomp_data record = fitting(&rules[at], &seed);

            assert_int_equal(decide(&program, &record),
                             rules[at].probe ? ANSWER : SECCOMP_RET_ALLOW);
        }
    }
}

// Neighbours are all values that differ in one bit that the condition looks at, which includes the
// upper half of each argument.
static void each_condition_kills_its_neighbours(void **state)
{
    struct program program = built(&everything);
    uint64_t seed = 362436069u;
    size_t killed = 0;
    size_t count;
    const struct filter_rule *rules = filter_rules(&count);

    (void)state;
    for (size_t at = 0; at < count; at++) {
        for (size_t of = 0; of < FILTER_CONDITIONS_MAX && rules[at].conditions[of].present; of++) {
            const struct filter_condition *condition = &rules[at].conditions[of];

            for (unsigned bit = 0; bit < 64; bit++) {
                struct seccomp_data record = fitting(&rules[at], &seed);

                if ((condition->mask >> bit & 1) == 0)
                    continue;
                record.args[condition->argument] ^= 1ull << bit;
                assert_int_equal(decide(&program, &record), expected(&everything, &record));
                killed += decide(&program, &record) == SECCOMP_RET_KILL_PROCESS;
            }
        }
    }
    assert_true(killed > 1500);
}

// By hand, so that not only the table vouches for the table.
static void the_calls_that_matter_are_decided_as_documented(void **state)
{
    static const struct {
        int number;
        uint64_t arguments[ARGUMENTS];
        uint32_t decision;
    } rows[] = {
        {SYS_mprotect, {0, 4096, PROT_READ | PROT_WRITE}, SECCOMP_RET_ALLOW},
        {SYS_mprotect, {0, 4096, PROT_EXEC}, SECCOMP_RET_KILL_PROCESS},
        {SYS_mprotect, {0, 4096, PROT_READ | PROT_GROWSDOWN}, SECCOMP_RET_KILL_PROCESS},
        {SYS_mmap, {0, 4096, PROT_READ, MAP_PRIVATE, 4, 0}, SECCOMP_RET_ALLOW},
        {SYS_mmap, {0, 4096, PROT_READ, MAP_PRIVATE, 5, 0}, SECCOMP_RET_KILL_PROCESS},
        {SYS_mmap, {0, 4096, PROT_READ, MAP_SHARED, 4, 0}, SECCOMP_RET_KILL_PROCESS},
        {SYS_mmap, {0, 4096, 3, MAP_PRIVATE | MAP_ANONYMOUS, UINT64_MAX, 0}, SECCOMP_RET_ALLOW},
        {SYS_mmap,
         {0, 4096, 7, MAP_PRIVATE | MAP_ANONYMOUS, UINT64_MAX, 0},
         SECCOMP_RET_KILL_PROCESS},
        {SYS_close, {3}, SECCOMP_RET_KILL_PROCESS},
        {SYS_close, {4}, SECCOMP_RET_ALLOW},
        {SYS_close, {127}, SECCOMP_RET_ALLOW},
        {SYS_close, {128}, SECCOMP_RET_KILL_PROCESS},
        {SYS_close, {0x100000003}, SECCOMP_RET_KILL_PROCESS},
        {SYS_sendto, {3, 1, 1, 0, 0, 0}, SECCOMP_RET_ALLOW},
        {SYS_sendto, {3, 1, 2, 0, 0, 0}, SECCOMP_RET_KILL_PROCESS},
        {SYS_futex, {1, 6, 0}, SECCOMP_RET_KILL_PROCESS},
        {SYS_futex, {1, 128, 0}, SECCOMP_RET_ALLOW},
        {SYS_clock_gettime, {3}, SECCOMP_RET_ALLOW},
        {SYS_clock_gettime, {4}, SECCOMP_RET_KILL_PROCESS},
        {SYS_madvise, {0, 0, START_PROBE_ADVICE}, ANSWER},
        {SYS_madvise, {0, 0, MADV_HUGEPAGE}, SECCOMP_RET_KILL_PROCESS},
    };
    struct program program = built(&everything);

    (void)state;
    for (size_t at = 0; at < sizeof rows / sizeof rows[0]; at++) {
        struct seccomp_data record = record_of(rows[at].number);

        memcpy(record.args, rows[at].arguments, sizeof record.args);
        assert_int_equal(decide(&program, &record), rows[at].decision);
    }
}

static bool in_table(int number)
{
    size_t count;
    const struct filter_rule *rules = filter_rules(&count);

    for (size_t at = 0; at < count; at++)
        if (rules[at].number == number)
            return true;
    return false;
}

static void every_number_that_is_not_in_the_table_is_killed(void **state)
{
    struct program program = built(&everything);
    uint64_t seed = 521288629u;

    (void)state;
    for (int number = -1; number < NUMBERS; number++) {
        struct seccomp_data record = record_of(number);

        if (in_table(number))
            continue;
        assert_int_equal(decide(&program, &record), SECCOMP_RET_KILL_PROCESS);
        for (size_t at = 0; at < ARGUMENTS; at++)
            record.args[at] = next_random(&seed);
        assert_int_equal(decide(&program, &record), SECCOMP_RET_KILL_PROCESS);
    }
}

static void other_architectures_and_x32_are_killed(void **state)
{
    struct program program = built(&everything);

    (void)state;
    for (int number = 0; number < NUMBERS; number++) {
        struct seccomp_data record = record_of(number);

        record.arch = AUDIT_ARCH_I386;
        assert_int_equal(decide(&program, &record), SECCOMP_RET_KILL_PROCESS);
        record = record_of(number | 0x40000000);
        assert_int_equal(decide(&program, &record), SECCOMP_RET_KILL_PROCESS);
    }
}

static void what_is_not_granted_is_killed(void **state)
{
    struct program program = built(&nothing);
    uint64_t seed = 123456789u;
    size_t count;
    const struct filter_rule *rules = filter_rules(&count);

    (void)state;
    for (size_t at = 0; at < count; at++) {
        struct seccomp_data record = fitting(&rules[at], &seed);

        if (rules[at].capability != FILTER_CORE)
            assert_int_equal(decide(&program, &record), SECCOMP_RET_KILL_PROCESS);
    }
}

// Most records are near a rule: a purely random one is almost never allowed.
static struct seccomp_data random_record(uint64_t *seed)
{
    size_t count;
    const struct filter_rule *rules = filter_rules(&count);
    struct seccomp_data record = fitting(&rules[next_random(seed) % count], seed);

    for (size_t changes = next_random(seed) % 3; changes > 0; changes--)
        record.args[next_random(seed) % ARGUMENTS] ^= 1ull << next_random(seed) % 64;
    if (next_random(seed) % 16 == 0)
        record.nr = (int)(next_random(seed) % NUMBERS);
    if (next_random(seed) % 256 == 0)
        record.arch = AUDIT_ARCH_I386;
    return record;
}

static void tree_chain_and_table_agree_on_a_million_records(void **state)
{
    struct filter_options chained = everything;
    struct program tree = built(&everything);
    struct program chain;
    uint64_t seed = 2463534242u;
    size_t allowed = 0;

    (void)state;
    chained.linear = true;
    chain = built(&chained);
    for (int turn = 0; turn < RANDOM_RECORDS; turn++) {
        struct seccomp_data record = random_record(&seed);
        uint32_t decision = decide(&tree, &record);

        if (decision != decide(&chain, &record) || decision != expected(&everything, &record))
            fail_msg("they differ about call %d", record.nr);
        allowed += decision == SECCOMP_RET_ALLOW;
    }
    assert_in_range(allowed, RANDOM_RECORDS / 10, RANDOM_RECORDS - RANDOM_RECORDS / 10);
}

static void programs_are_small_and_the_same_every_time(void **state)
{
    struct program first = built(&everything);
    struct program second = built(&everything);

    (void)state;
    assert_true(first.count <= INSTRUCTIONS_EXPECTED_MAX);
    assert_int_equal(first.count, second.count);
    assert_memory_equal(first.code, second.code, first.count * sizeof first.code[0]);
    print_message("# instructions: %zu, core alone %zu\n", first.count, built(&nothing).count);
}

static void a_program_that_does_not_fit_is_an_error(void **state)
{
    struct error error = {.code = ERROR_NONE};
    struct sock_filter code[4];
    size_t count = 4;

    (void)state;
    assert_false(filter_build(&nothing, code, &count, &error));
    assert_int_equal(error.code, ERROR_SYSTEM_FILTER);
}

static void each_rule_has_a_reason(void **state)
{
    size_t count;
    const struct filter_rule *rules = filter_rules(&count);

    (void)state;
    for (size_t at = 0; at < count; at++)
        assert_true(strlen(rules[at].reason) >= 10);
}

// A rule is redundant if some other one of the same capability or CORE holds wherever it holds.
static void no_rule_is_redundant(void **state)
{
    uint64_t seed = 88675123u;
    size_t count;
    const struct filter_rule *rules = filter_rules(&count);

    (void)state;
    for (size_t at = 0; at < count; at++) {
        for (size_t other = 0; other < count; other++) {
            bool covered = other != at;

            for (int turn = 0; covered && turn < 1000; turn++) {
                struct seccomp_data record = fitting(&rules[at], &seed);

                covered = holds(&rules[other], &record);
            }
            assert_false(covered);
        }
    }
}

static void the_memfd_cannot_be_changed(void **state)
{
    struct error error = {.code = ERROR_NONE};
    int descriptor;

    (void)state;
    assert_true(filter_memfd(&nothing, &descriptor, &error));
    assert_int_equal(pwrite(descriptor, "", 1, 0), -1);
    assert_int_equal(ftruncate(descriptor, 0), -1);
    close(descriptor);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_rule_lets_pass_what_it_names),
        cmocka_unit_test(each_condition_kills_its_neighbours),
        cmocka_unit_test(the_calls_that_matter_are_decided_as_documented),
        cmocka_unit_test(every_number_that_is_not_in_the_table_is_killed),
        cmocka_unit_test(other_architectures_and_x32_are_killed),
        cmocka_unit_test(what_is_not_granted_is_killed),
        cmocka_unit_test(tree_chain_and_table_agree_on_a_million_records),
        cmocka_unit_test(programs_are_small_and_the_same_every_time),
        cmocka_unit_test(a_program_that_does_not_fit_is_an_error),
        cmocka_unit_test(each_rule_has_a_reason),
        cmocka_unit_test(no_rule_is_redundant),
        cmocka_unit_test(the_memfd_cannot_be_changed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
