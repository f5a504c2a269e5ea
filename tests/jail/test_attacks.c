// SPDX-License-Identifier: Apache-2.0
//
// What an attacker with native code in a confined worker would try, in families. Each attempt has a
// worker of its own, and must end with SIGSYS before it has an effect. Some are repeated without
// the filter, where the layers below it must answer. The numbers are those of the list of attacks
// that the design has; 19 is in test_process.c.
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/jail/fixture.h"

enum { PAGE = 4096, FAMILIES = 46 };

#define PRIVATE (MAP_PRIVATE | MAP_ANONYMOUS)
#define NOWHERE UINT64_MAX                   // descriptor -1
#define CONTROL (1u << ATTACK_CONTROL_SHIFT) // the first argument is in control memory

struct attempt {
    int64_t number;
    uint64_t arguments[6];
    uint32_t pointers;
    const char *text;
};

static struct attack attack_of(const struct attempt *attempt)
{
    struct attack attack = {
        .kind = ATTACK_CALL,
        .number = attempt->number,
        .pointers = attempt->pointers,
    };

    memcpy(attack.arguments, attempt->arguments, sizeof attack.arguments);
    if (attempt->text != NULL)
        snprintf(attack.text, sizeof attack.text, "%s", attempt->text);
    return attack;
}

static void expect_all_killed(struct fixture *fixture, const struct attempt *attempts, size_t count)
{
    for (size_t at = 0; at < count; at++) {
        struct attack attack = attack_of(&attempts[at]);
        struct outcome outcome = fixture_attack(fixture, &attack);
        char what[60];

        snprintf(what, sizeof what, "attempt %zu, call %lld", at, (long long)attack.number);
        fixture_expect_killed(&outcome, what);
    }
}

#define EXPECT_ALL_KILLED(state_, attempts_)                                                       \
    expect_all_killed(*(state_), attempts_, sizeof(attempts_) / sizeof((attempts_)[0]))

// The result that an attempt has without the filter.
static int64_t unfiltered(struct fixture *fixture, struct attempt attempt)
{
    struct attack attack = attack_of(&attempt);
    struct outcome outcome = fixture_attack_unfiltered(fixture, &attack);

    assert_int_equal(outcome.end, LAUNCHER_END_EXITED);
    assert_int_equal(outcome.report.done, 1);
    return outcome.report.result;
}

// An attempt with one bit of one argument turned round, for each bit that is not among `allowed`.
static void expect_bits_killed(struct fixture *fixture, const struct attempt *attempt,
                               unsigned argument, uint64_t allowed)
{
    for (unsigned bit = 0; bit < 64; bit++) {
        struct attempt turned = *attempt;

        turned.arguments[argument] ^= 1ull << bit;
        if ((allowed >> bit & 1) == 0)
            expect_all_killed(fixture, &turned, 1);
    }
}

// 3
static void executable_memory_is_not_to_be_had(void **state)
{
    static const struct attempt attempts[] = {
        {SYS_mmap, {0, PAGE, PROT_EXEC, PRIVATE, NOWHERE}, 0, NULL},
        {SYS_mmap, {0, PAGE, 7, PRIVATE, NOWHERE}, 0, NULL},
        {SYS_mmap, {0, PAGE, 3 | 1ull << 32, PRIVATE, NOWHERE}, 0, NULL},
        {SYS_mmap, {0, PAGE, 3 | 1ull << 63, PRIVATE, NOWHERE}, 0, NULL},
        {SYS_mmap, {0, PAGE, 5, MAP_PRIVATE, START_SLOT_MODULE}, 0, NULL},
        {SYS_mprotect, {0, PAGE, PROT_EXEC}, 1, NULL},
        {SYS_mprotect, {0, PAGE, 7}, 1, NULL},
        {SYS_mprotect, {0, PAGE, PROT_EXEC | 1ull << 40}, 1, NULL},
        {SYS_mprotect, {0, PAGE, PROT_READ | PROT_GROWSDOWN}, 1, NULL},
        {SYS_pkey_mprotect, {0, PAGE, 7, NOWHERE}, 1, NULL},
        {SYS_pkey_mprotect, {0, PAGE, 3, NOWHERE}, 1, NULL},
        {SYS_shmat, {0, 0, 0100000 /* SHM_EXEC */}, 0, NULL},
        {SYS_shmget, {0, PAGE, 01700}, 0, NULL},
        {SYS_remap_file_pages, {0, PAGE, 0, 0, 0}, 1, NULL},
        {SYS_mremap, {0, PAGE, PAGE, 1}, 1, NULL},
        {SYS_mprotect, {0, PAGE, PROT_EXEC | PROT_GROWSDOWN}, 1, NULL},
        {SYS_mprotect, {0, PAGE, PROT_READ | PROT_GROWSUP}, 1, NULL},
        {SYS_mprotect, {0, PAGE, PROT_EXEC | 1ull << 32}, 1, NULL},
        {SYS_mmap, {0, PAGE, PROT_EXEC | 1ull << 32, PRIVATE, NOWHERE}, 0, NULL},
        {SYS_mmap, {0, PAGE, PROT_EXEC, MAP_PRIVATE, START_SLOT_MODULE}, 0, NULL},
    };

    EXPECT_ALL_KILLED(state, attempts);
}

// 3
static void no_other_bit_of_a_protection_is_let_through(void **state)
{
    static const struct attempt map = {SYS_mmap, {0, PAGE, 0, PRIVATE, NOWHERE}, 0, NULL};
    static const struct attempt protect = {SYS_mprotect, {0, PAGE, 0}, 1, NULL};

    expect_bits_killed(*state, &map, 2, PROT_READ | PROT_WRITE);
    expect_bits_killed(*state, &protect, 2, PROT_READ | PROT_WRITE);
}

// 3
static void without_the_filter_mdwe_still_denies_executable_memory(void **state)
{
    if (prctl(66 /* PR_GET_MDWE */, 0, 0, 0, 0) < 0) {
        print_message("# the kernel has no MDWE\n");
        return;
    }
    assert_int_equal(
        unfiltered(*state, (struct attempt){SYS_mmap, {0, PAGE, 7, PRIVATE, NOWHERE}, 0, NULL}),
        -EACCES);
    assert_int_equal(
        unfiltered(*state, (struct attempt){SYS_mprotect, {0, PAGE, PROT_EXEC}, 1, NULL}), -EACCES);
    assert_int_equal(
        unfiltered(*state,
                   (struct attempt){SYS_pkey_mprotect, {0, PAGE, PROT_EXEC, NOWHERE}, 1, NULL}),
        -EACCES);
    assert_int_equal(
        unfiltered(*state, (struct attempt){SYS_mprotect, {0, PAGE, 7}, CONTROL, NULL}), -EACCES);
}

// 4
static void mappings_are_private_anonymous_or_the_module_to_read(void **state)
{
    static const struct attempt attempts[] = {
        {SYS_mmap, {0, PAGE, 3, MAP_SHARED | MAP_ANONYMOUS, NOWHERE}, 0, NULL},
        {SYS_mmap, {0, PAGE, 3, PRIVATE | MAP_HUGETLB, NOWHERE}, 0, NULL},
        {SYS_mmap, {0, PAGE, 3, PRIVATE | MAP_LOCKED, NOWHERE}, 0, NULL},
        {SYS_mmap, {0, PAGE, 3, PRIVATE | MAP_POPULATE, NOWHERE}, 0, NULL},
        {SYS_mmap, {0, PAGE, 3, PRIVATE | MAP_GROWSDOWN, NOWHERE}, 0, NULL},
        {SYS_mmap, {0, PAGE, 3, PRIVATE | 1ull << 32, NOWHERE}, 0, NULL},
        {SYS_mmap, {0, PAGE, 3, PRIVATE, 0}, 0, NULL},
        {SYS_mmap, {0, PAGE, 1, MAP_SHARED, START_SLOT_MODULE}, 0, NULL},
        {SYS_mmap, {0, PAGE, 3, MAP_PRIVATE, START_SLOT_MODULE}, 0, NULL},
        {SYS_mmap, {0, PAGE, 1, MAP_PRIVATE, START_SLOT_SOCKET}, 0, NULL},
        {SYS_mmap, {0, PAGE, 1, MAP_PRIVATE, 1ull << 32 | START_SLOT_MODULE}, 0, NULL},
        {SYS_mmap, {0, PAGE, 3, 0x03 | MAP_ANONYMOUS, NOWHERE}, 0, NULL},
        {SYS_madvise, {0, PAGE, MADV_HUGEPAGE}, 1, NULL},
        {SYS_madvise, {0, PAGE, MADV_DONTFORK}, 1, NULL},
        {SYS_mlock, {0, PAGE}, 1, NULL},
        {SYS_mlockall, {3}, 0, NULL},
        {SYS_brk, {0}, 0, NULL},
        {SYS_mmap, {0, PAGE, 1, MAP_SHARED, START_SLOT_REGION}, 0, NULL},
        {SYS_mmap, {0, PAGE, 3, MAP_SHARED, START_SLOT_REGION}, 0, NULL},
        {SYS_mmap, {0, PAGE, 1, MAP_PRIVATE, START_SLOT_COUNT}, 0, NULL},
        {SYS_mmap, {0, PAGE, 1, MAP_PRIVATE | MAP_POPULATE, START_SLOT_MODULE}, 0, NULL},
    };

    EXPECT_ALL_KILLED(state, attempts);
}

// 4
static void no_other_flag_of_a_mapping_is_let_through(void **state)
{
    static const struct attempt map = {SYS_mmap, {0, PAGE, 3, PRIVATE, NOWHERE}, 0, NULL};

    expect_bits_killed(*state, &map, 3,
                       MAP_NORESERVE | MAP_FIXED | MAP_FIXED_NOREPLACE | MAP_STACK);
}

static void what_the_engine_needs_of_memory_is_allowed(void **state)
{
    const struct attack map = {.kind = ATTACK_CALL,
                               .number = SYS_mmap,
                               .arguments = {0, PAGE, 3, PRIVATE | MAP_NORESERVE, NOWHERE}};
    const struct attack module = {.kind = ATTACK_CALL,
                                  .number = SYS_mmap,
                                  .arguments = {0, PAGE, 1, MAP_PRIVATE, START_SLOT_MODULE}};
    const struct attack grow = {.kind = ATTACK_GROW, .arguments = {1 << 20}};

    assert_true(fixture_attack(*state, &map).report.result > 0);
    assert_true(fixture_attack(*state, &module).report.result > 0);
    assert_int_equal(fixture_attack(*state, &grow).report.result, 0);
}

// A regression test for the rule in jail.h about the limit of addresses.
static void private_memory_ends_at_its_limit(void **state)
{
    const struct attack beyond = {.kind = ATTACK_GROW, .arguments = {512 << 20}};
    struct start_options options = fixture_options(&beyond);
    struct fixture *fixture = *state;

    assert_int_equal(fixture_attack(fixture, &beyond).report.result, -ENOMEM);
    options.address_bytes_max = 24ull << 30;
    assert_int_equal(fixture_run(fixture, fixture->filter, &options).report.result, -ENOMEM);
}

// 5
static void nothing_can_be_executed(void **state)
{
    static const struct attempt attempts[] = {
        {SYS_execve, {0, 0, 0}, 1, "/bin/true"},
        {SYS_execveat, {START_SLOT_SOCKET, 32, 0, 0, AT_EMPTY_PATH}, 2, "x"},
        {SYS_execveat, {START_SLOT_MODULE, 32, 0, 0, AT_EMPTY_PATH}, 2, "x"},
        {SYS_execveat, {(uint64_t)AT_FDCWD, 0, 0, 0, 0}, 2, "/bin/true"},
        {SYS_memfd_create, {0, 0}, 1, "x"},
    };

    EXPECT_ALL_KILLED(state, attempts);
}

// 6
static void no_process_or_thread_can_be_made(void **state)
{
    static const struct attempt attempts[] = {
        {SYS_clone3, {0, 88}, 1, ""},
        {SYS_unshare, {CLONE_NEWUSER}, 0, NULL},
        {SYS_setns, {START_SLOT_SOCKET, 0}, 0, NULL},
#if defined(__x86_64__)
        {SYS_fork, {0}, 0, NULL},
        {SYS_vfork, {0}, 0, NULL},
#endif
    };

    static const struct attempt nothing = {SYS_clone, {0}, 0, NULL};
    static const struct attempt child = {SYS_clone, {SIGCHLD}, 0, NULL};
    static const struct attempt thread = {
        SYS_clone, {CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD}, 0, NULL};

    EXPECT_ALL_KILLED(state, attempts);
    expect_bits_killed(*state, &nothing, 0, 0);
    expect_bits_killed(*state, &child, 0, 0);
    expect_bits_killed(*state, &thread, 0, 0);
}

// 6: a worker that forks without end is dead after the first time, and its end is told once.
static void a_fork_bomb_is_one_report(void **state)
{
    static const struct attempt bomb = {SYS_clone, {SIGCHLD}, 0, NULL};
    struct fixture *fixture = *state;
    struct launcher_worker next;
    uint8_t *control;
    const struct attack nothing = {.kind = ATTACK_NOTHING};
    struct start_options options = fixture_options(&nothing);

    expect_all_killed(fixture, &bomb, 1);
    // A second report of the first worker would come before that of the second one.
    fixture_start(fixture, &fixture->client, fixture->filter, &options, &next, &control);
    assert_true(launcher_client_wait(&fixture->client, &next, FIXTURE_TIMEOUT_MS));
    assert_int_equal(next.ended, LAUNCHER_END_EXITED);
    assert_int_equal(next.status, 0);
    launcher_client_release(&fixture->client, &next);
    munmap(control, FIXTURE_CONTROL_BYTES);
    assert_null(fixture->client.workers->next); // the sibling alone
}

// 7
static void no_file_can_be_opened(void **state)
{
    static const struct attempt attempts[] = {
#if defined(__x86_64__)
        {SYS_open, {0, O_RDONLY}, 1, "/etc/passwd"},
        {SYS_creat, {0, 0600}, 1, "/tmp/x"},
        {SYS_stat, {0, 1024}, 3, "/"},
#endif
        {SYS_openat, {(uint64_t)AT_FDCWD, 0, O_RDONLY}, 2, "/etc/passwd"},
        {SYS_openat, {(uint64_t)AT_FDCWD, 0, O_RDWR}, 2, "/proc/self/mem"},
        {SYS_openat, {(uint64_t)AT_FDCWD, 0, O_RDWR}, 2, "/proc/1/mem"},
        {SYS_openat, {START_SLOT_SOCKET, 0, O_RDONLY}, 2, "x"},
        {SYS_openat2, {(uint64_t)AT_FDCWD, 0, 1024, 24}, 6, "/etc/passwd"},
        {SYS_open_by_handle_at, {START_SLOT_SOCKET, 0, 0}, 2, ""},
        {SYS_name_to_handle_at, {(uint64_t)AT_FDCWD, 0, 1024, 2048, 0}, 14, "/"},
        {SYS_chdir, {0}, 1, "/"},
        {SYS_chroot, {0}, 1, "/"},
        {SYS_mount, {0, 0, 0, 0, 0}, 1, "/"},
        {SYS_unlinkat, {(uint64_t)AT_FDCWD, 0, 0}, 2, "/tmp/x"},
    };

    EXPECT_ALL_KILLED(state, attempts);
}

// 7
static void the_memory_of_no_process_can_be_opened(void **state)
{
    struct fixture *fixture = *state;
    const pid_t targets[] = {getpid(), fixture->client.pid, fixture->sibling.pid};
    bool has_landlock = syscall(SYS_landlock_create_ruleset, NULL, 0, 1) >= 1;

    for (size_t at = 0; at < sizeof targets / sizeof targets[0]; at++) {
        char path[32];
        const struct attempt attempt = {SYS_openat, {(uint64_t)AT_FDCWD, 0, O_RDWR}, 2, path};

        snprintf(path, sizeof path, "/proc/%d/mem", (int)targets[at]);
        expect_all_killed(fixture, &attempt, 1);
        if (has_landlock)
            assert_int_equal(unfiltered(fixture, attempt), -EACCES);
    }
}

// 7
static void without_the_filter_landlock_still_denies_files(void **state)
{
    if (syscall(SYS_landlock_create_ruleset, NULL, 0, 1) < 1) {
        print_message("# the kernel has no Landlock\n");
        return;
    }
    assert_int_equal(
        unfiltered(
            *state,
            (struct attempt){SYS_openat, {(uint64_t)AT_FDCWD, 0, O_RDONLY}, 2, "/etc/passwd"}),
        -EACCES);
    assert_int_equal(
        unfiltered(
            *state,
            (struct attempt){SYS_openat, {(uint64_t)AT_FDCWD, 0, O_RDONLY}, 2, "/proc/self/mem"}),
        -EACCES);
    assert_int_equal(unfiltered(*state, (struct attempt){SYS_execve, {0, 0, 0}, 1, "/bin/true"}),
                     -EACCES);
}

// 8
static void no_socket_can_be_made_and_ours_only_used_as_agreed(void **state)
{
    static const struct attempt attempts[] = {
        {SYS_socketpair, {AF_UNIX, SOCK_STREAM, 0, 0}, 8, NULL},
        {SYS_connect, {START_SLOT_SOCKET, 0, 16}, 2, NULL},
        {SYS_bind, {START_SLOT_SOCKET, 0, 16}, 2, NULL},
        {SYS_listen, {START_SLOT_SOCKET, 1}, 0, NULL},
        {SYS_accept4, {START_SLOT_SOCKET, 0, 0, 0}, 0, NULL},
        {SYS_sendmsg, {START_SLOT_SOCKET, 0, 0}, 2, NULL},
        {SYS_sendmmsg, {START_SLOT_SOCKET, 0, 1, 0}, 2, NULL},
        {SYS_recvmmsg, {START_SLOT_SOCKET, 0, 1, 0, 0}, 2, NULL},
        {SYS_setsockopt, {START_SLOT_SOCKET, 1, 1, 0, 4}, 8, NULL},
        {SYS_shutdown, {START_SLOT_SOCKET, 2}, 0, NULL},
        {SYS_sendto, {START_SLOT_SOCKET, 0, 2, 0, 0, 0}, 2, NULL},
        {SYS_sendto, {START_SLOT_SOCKET, 0, 1, MSG_OOB, 0, 0}, 2, NULL},
        {SYS_sendto, {START_SLOT_SOCKET, 0, 1, 0, 64, 16}, 2 | 16, NULL},
        {SYS_recvmsg, {START_SLOT_SOCKET, 0, MSG_PEEK}, 2, NULL},
        {SYS_recvmsg, {START_SLOT_MODULE, 0, 0}, 2, NULL},
        {SYS_recvfrom, {START_SLOT_SOCKET, 0, 1, 0, 0, 0}, 2, NULL},
    };

    EXPECT_ALL_KILLED(state, attempts);
    for (uint64_t family = 0; family < FAMILIES; family++) {
        const struct attempt attempt = {SYS_socket, {family, SOCK_DGRAM, 0}, 0, NULL};

        expect_all_killed(*state, &attempt, 1);
    }
}

// 9 and 10
static void no_other_process_can_be_reached(void **state)
{
    struct fixture *fixture = *state;
    const uint64_t targets[] = {(uint64_t)getpid(), (uint64_t)fixture->client.pid,
                                (uint64_t)fixture->sibling.pid, 1, NOWHERE};

    for (size_t at = 0; at < sizeof targets / sizeof targets[0]; at++) {
        const struct attempt attempts[] = {
            {SYS_kill, {targets[at], SIGKILL}, 0, NULL},
            {SYS_tkill, {targets[at], SIGKILL}, 0, NULL},
            {SYS_tgkill, {targets[at], targets[at], SIGKILL}, 0, NULL},
            {SYS_rt_sigqueueinfo, {targets[at], SIGKILL, 0}, 4, NULL},
            {SYS_rt_tgsigqueueinfo, {targets[at], targets[at], SIGKILL, 0}, 8, NULL},
            {SYS_pidfd_open, {targets[at], 0}, 0, NULL},
            {SYS_kill, {0 - targets[at], SIGKILL}, 0, NULL},
            {SYS_ptrace, {16 /* PTRACE_ATTACH */, targets[at], 0, 0}, 0, NULL},
            {SYS_process_vm_readv, {targets[at], 0, 1, 64, 1, 0}, 10, NULL},
            {SYS_process_vm_writev, {targets[at], 0, 1, 64, 1, 0}, 10, NULL},
            {SYS_kcmp, {targets[at], targets[at], 0, 3, 3}, 0, NULL},
            {SYS_prlimit64, {targets[at], 7, 0, 0}, 0, NULL},
        };

        EXPECT_ALL_KILLED(state, attempts);
    }
}

// 9 and 10
static void pidfds_are_of_no_use(void **state)
{
    static const struct attempt attempts[] = {
        {SYS_pidfd_send_signal, {START_SLOT_MODULE, SIGKILL, 0, 0}, 0, NULL},
        {SYS_pidfd_getfd, {START_SLOT_MODULE, 0, 0}, 0, NULL},
        {SYS_process_madvise, {START_SLOT_MODULE, 0, 1, 4, 0}, 2, NULL},
    };

    EXPECT_ALL_KILLED(state, attempts);
}

// 11
static void the_jail_cannot_be_changed_from_inside(void **state)
{
    static const struct attempt attempts[] = {
        {SYS_prctl, {PR_SET_DUMPABLE, 1}, 0, NULL},
        {SYS_prctl, {PR_SET_TSC, PR_TSC_ENABLE}, 0, NULL},
        {SYS_prctl, {PR_SET_KEEPCAPS, 1}, 0, NULL},
        {SYS_prctl, {PR_SET_NO_NEW_PRIVS, 1}, 0, NULL},
        {SYS_prctl, {PR_SET_PDEATHSIG, 0}, 0, NULL},
        {SYS_prctl, {PR_SET_NAME, 0}, 2, "x"},
        {SYS_prctl, {PR_SET_SECCOMP, 2, 0}, 4, NULL},
        {SYS_seccomp, {SECCOMP_SET_MODE_FILTER, 0, 0}, 4, NULL},
        {SYS_seccomp, {SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, 0}, 4, NULL},
        {SYS_seccomp, {SECCOMP_SET_MODE_STRICT, 0, 0}, 0, NULL},
        {SYS_seccomp, {SECCOMP_GET_ACTION_AVAIL, 0, 0}, 4, NULL},
        {SYS_capset, {0, 64}, 3, NULL},
        {SYS_setuid, {0}, 0, NULL},
        {SYS_setrlimit, {7, 0}, 2, NULL},
        {SYS_personality, {0x0400000}, 0, NULL},
        {SYS_landlock_create_ruleset, {0, 0, 1}, 0, NULL},
        {SYS_rt_sigaction, {SIGSYS, 0, 64, 8}, 6, NULL},
        {SYS_rt_sigprocmask, {0, 0, 64, 8}, 6, NULL},
        {SYS_sigaltstack, {0, 0}, 1, NULL},
#if defined(__x86_64__)
        {SYS_arch_prctl, {0x1002, 0}, 0, NULL},
        {SYS_modify_ldt, {1, 0, 16}, 2, NULL},
        {SYS_iopl, {3}, 0, NULL},
#endif
    };

    EXPECT_ALL_KILLED(state, attempts);
}

// 12 and 13
static void the_wide_interfaces_of_the_kernel_are_closed(void **state)
{
    static const struct attempt attempts[] = {
        {SYS_io_uring_setup, {8, 0}, 2, NULL},
        {SYS_io_uring_enter, {START_SLOT_SOCKET, 1, 0, 0}, 0, NULL},
        {SYS_io_uring_register, {START_SLOT_SOCKET, 0, 0, 0}, 0, NULL},
        {SYS_userfaultfd, {0}, 0, NULL},
        {SYS_bpf, {5, 0, 128}, 2, NULL},
        {SYS_perf_event_open, {0, 0, NOWHERE, NOWHERE, 0}, 1, NULL},
        {SYS_keyctl, {0}, 0, NULL},
        {SYS_add_key, {0, 0, 0, 0, 0}, 3, "user"},
        {SYS_memfd_secret, {0}, 0, NULL},
        {SYS_splice, {START_SLOT_MODULE, 0, START_SLOT_SOCKET, 0, 1, 0}, 0, NULL},
        {SYS_tee, {START_SLOT_MODULE, START_SLOT_SOCKET, 1, 0}, 0, NULL},
        {SYS_vmsplice, {START_SLOT_SOCKET, 0, 1, 0}, 2, NULL},
        {SYS_sendfile, {START_SLOT_SOCKET, START_SLOT_MODULE, 0, 1}, 0, NULL},
        {SYS_futex, {0, FUTEX_LOCK_PI, 0}, 1, NULL},
        {SYS_futex, {0, FUTEX_WAKE_OP, 0, 0, 64}, 17, NULL},
        {SYS_futex, {0, FUTEX_CMP_REQUEUE, 1, 1, 64}, 17, NULL},
        {SYS_futex, {0, FUTEX_WAIT_REQUEUE_PI, 0, 0, 64}, 17, NULL},
        {SYS_futex, {0, FUTEX_WAIT | 1ull << 32, 0}, 1, NULL},
        {SYS_membarrier, {0}, 0, NULL},
        {SYS_set_robust_list, {0, 24}, 1, NULL},
        {SYS_timer_create, {0, 0, 64}, 4, NULL},
        {SYS_clock_gettime, {1, 0}, 2, NULL}, // not granted here
        {SYS_getrandom, {0, 8, 0}, 1, NULL},  // not granted here
    };

    EXPECT_ALL_KILLED(state, attempts);
}

// 14
static void descriptors_can_be_closed_and_nothing_else(void **state)
{
    static const struct attempt attempts[] = {
        {SYS_ioctl, {START_SLOT_SOCKET, TIOCSTI, 0}, 4, NULL},
        {SYS_ioctl, {0, 0x541c /* TIOCLINUX */, 0}, 4, NULL},
        {SYS_ioctl, {START_SLOT_SOCKET, FIOCLEX, 0}, 0, NULL},
        {SYS_fcntl, {START_SLOT_SOCKET, F_SETOWN, 1}, 0, NULL},
        {SYS_fcntl, {START_SLOT_SOCKET, F_SETSIG, 9}, 0, NULL},
        {SYS_fcntl, {START_SLOT_MODULE, F_SETLEASE, F_RDLCK}, 0, NULL},
        {SYS_fcntl, {START_SLOT_MODULE, F_NOTIFY, 1}, 0, NULL},
        {SYS_fcntl, {START_SLOT_MODULE, F_ADD_SEALS, F_SEAL_WRITE}, 0, NULL},
        {SYS_fcntl, {START_SLOT_SOCKET, F_DUPFD, 0}, 0, NULL},
        {SYS_fcntl, {START_SLOT_SOCKET, F_DUPFD_CLOEXEC, 0}, 0, NULL},
        {SYS_fcntl, {START_SLOT_SOCKET, F_SETFD, 0}, 0, NULL},
        {SYS_fcntl, {START_SLOT_SOCKET, F_SETPIPE_SZ, 1 << 20}, 0, NULL},
        {SYS_fcntl, {START_SLOT_MODULE, F_SETLEASE, F_WRLCK}, 0, NULL},
        {SYS_fcntl, {START_SLOT_SOCKET, F_SETFL, O_DIRECT}, 0, NULL},
        {SYS_fcntl, {START_SLOT_SOCKET, F_SETFL, O_ASYNC}, 0, NULL},
        {SYS_dup, {START_SLOT_SOCKET}, 0, NULL},
        {SYS_dup3, {START_SLOT_SOCKET, 8, 0}, 0, NULL},
        {SYS_close, {START_SLOT_SOCKET}, 0, NULL},
        {SYS_close, {0}, 0, NULL},
        {SYS_close_range, {0, NOWHERE, 0}, 0, NULL},
        {SYS_write, {START_SLOT_SOCKET, 0, 1}, 2, NULL},
        {SYS_writev, {START_SLOT_SOCKET, 0, 0}, 2, NULL},
        {SYS_fsync, {128}, 0, NULL},
        {SYS_read, {START_SLOT_MODULE, 0, 1}, 2, NULL},
        {SYS_readv, {NOWHERE, 0, 1}, 2, NULL},
    };
    const struct attack close_module = {
        .kind = ATTACK_CALL, .number = SYS_close, .arguments = {START_SLOT_MODULE}};

    EXPECT_ALL_KILLED(state, attempts);
    assert_int_equal(fixture_attack(*state, &close_module).report.result, 0);
}

// 20. With files granted, the filter lets the first two pass.
static void memfds_of_the_host_keep_size_and_content(void **state)
{
    static const struct attempt passing[] = {
        {SYS_ftruncate, {START_SLOT_MODULE, 0}, 0, NULL},
        {SYS_fallocate, {START_SLOT_MODULE, 0, 0, PAGE}, 0, NULL},
    };
    static const struct attempt attempts[] = {
        {SYS_pwrite64, {START_SLOT_MODULE, 0, 1, 0}, 2, "x"},
        {SYS_fallocate, {START_SLOT_MODULE, 3 /* punch a hole */, 0, 8}, 0, NULL},
        {SYS_fcntl, {START_SLOT_MODULE, F_ADD_SEALS, F_SEAL_WRITE}, 0, NULL},
    };
    const struct attempt map = {SYS_mmap, {0, PAGE, 3, MAP_SHARED, START_SLOT_MODULE}, 0, NULL};

    EXPECT_ALL_KILLED(state, attempts);
    for (size_t at = 0; at < sizeof attempts / sizeof attempts[0]; at++)
        assert_int_equal(unfiltered(*state, attempts[at]), -EPERM);
    for (size_t at = 0; at < sizeof passing / sizeof passing[0]; at++) {
        struct attack attack = attack_of(&passing[at]);

        assert_int_equal(fixture_attack(*state, &attack).report.result, -EPERM);
    }
    assert_int_equal(unfiltered(*state, map), -EPERM);
}

// 20: the worker has no descriptor of control memory, but the mapping.
static void control_memory_keeps_its_size_and_stays_mapped_in_the_host(void **state)
{
    static const struct attempt attempts[] = {
        {SYS_madvise, {0, PAGE, MADV_REMOVE}, CONTROL, NULL},
        {SYS_madvise, {0, PAGE, 14 /* MADV_HUGEPAGE */}, CONTROL, NULL},
        {SYS_mremap, {0, PAGE, 0, 0}, CONTROL, NULL},
        {SYS_mremap, {0, PAGE, 2ull * PAGE, MREMAP_MAYMOVE}, CONTROL, NULL},
        {SYS_mprotect, {0, PAGE, PROT_EXEC}, CONTROL, NULL},
        {SYS_remap_file_pages, {0, PAGE, 0, 1, 0}, CONTROL, NULL},
        {462 /* mseal */, {0, PAGE, 0}, CONTROL, NULL},
    };
    const struct attempt removal = attempts[0];

    EXPECT_ALL_KILLED(state, attempts);
    // The host reads the report there afterwards; a hole in it is full of zeroes, and no SIGBUS.
    unfiltered(*state, removal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(executable_memory_is_not_to_be_had),
        cmocka_unit_test(no_other_bit_of_a_protection_is_let_through),
        cmocka_unit_test(without_the_filter_mdwe_still_denies_executable_memory),
        cmocka_unit_test(mappings_are_private_anonymous_or_the_module_to_read),
        cmocka_unit_test(no_other_flag_of_a_mapping_is_let_through),
        cmocka_unit_test(what_the_engine_needs_of_memory_is_allowed),
        cmocka_unit_test(private_memory_ends_at_its_limit),
        cmocka_unit_test(nothing_can_be_executed),
        cmocka_unit_test(no_process_or_thread_can_be_made),
        cmocka_unit_test(a_fork_bomb_is_one_report),
        cmocka_unit_test(no_file_can_be_opened),
        cmocka_unit_test(the_memory_of_no_process_can_be_opened),
        cmocka_unit_test(without_the_filter_landlock_still_denies_files),
        cmocka_unit_test(no_socket_can_be_made_and_ours_only_used_as_agreed),
        cmocka_unit_test(no_other_process_can_be_reached),
        cmocka_unit_test(pidfds_are_of_no_use),
        cmocka_unit_test(the_jail_cannot_be_changed_from_inside),
        cmocka_unit_test(the_wide_interfaces_of_the_kernel_are_closed),
        cmocka_unit_test(descriptors_can_be_closed_and_nothing_else),
        cmocka_unit_test(memfds_of_the_host_keep_size_and_content),
        cmocka_unit_test(control_memory_keeps_its_size_and_stays_mapped_in_the_host),
    };

    return cmocka_run_group_tests(tests, fixture_begin, fixture_end);
}
