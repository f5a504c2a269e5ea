// SPDX-License-Identifier: Apache-2.0
#include "sandbox/jail/jail.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/jail/check.h"
#include "sandbox/jail/jail_state.h"
#include "sandbox/jail/system.h"

enum {
    PARKING = 64, // descriptors are moved here and above while slots are filled
    SIGNALS_MAX = 64,
    SIGNAL_SET_BYTES = SIGNALS_MAX / 8,
    STACK_BYTES_MAX = 1024 * 1024,
    SIGNALS_PENDING_MAX = 16,
    CREATE_MASK = 0777, // nothing is created; if it were, for nobody
    // Of kernel headers that are newer than Debian 12's.
    SET_MDWE = 65,
    MDWE_REFUSE_EXEC_GAIN = 1,
    LANDLOCK_VERSION = 1,
    LANDLOCK_ABI_MAX = 7
};

// Descriptors are moved away first: a slot's number may be in use by another slot's descriptor.
static bool fill_slots(struct jail *jail, struct error *error)
{
    long parked[START_SLOT_COUNT];

    for (int slot = 0; slot < START_SLOT_COUNT; slot++) {
        parked[slot] = -1;
        if (jail->options->slots[slot] < 0)
            continue;
        parked[slot] = system_call(SYS_fcntl, jail->options->slots[slot], F_DUPFD, PARKING);
        if (parked[slot] < PARKING)
            return jail_fail(error, "parking a descriptor", parked[slot]);
        jail->parked = (int)parked[slot];
    }
    for (int slot = 0; slot < START_SLOT_COUNT; slot++) {
        long result = parked[slot] < 0 ? system_call(SYS_close, slot)
                                       : system_call(SYS_dup3, parked[slot], slot, 0);

        if (parked[slot] < 0 ? result != 0 && result != -EBADF : result != slot)
            return jail_fail(error, "filling a slot", result);
    }
    return true;
}

static bool close_others(struct jail *jail, struct error *error)
{
    (void)jail;
    return jail_expect(system_call(SYS_close_range, START_SLOT_COUNT, ~0u, 0), 0,
                       "closing descriptors", error);
}

static bool empty_environment(struct jail *jail, struct error *error)
{
    (void)jail;
    (void)error;
    if (environ == NULL)
        return true;
    for (char **entry = environ; *entry != NULL; entry++) {
        explicit_bzero(*entry, strlen(*entry));
        *entry = NULL;
    }
    return true;
}

static bool mask_files(struct jail *jail, struct error *error)
{
    long result = system_call(SYS_umask, CREATE_MASK);

    (void)jail;
    return result >= 0 || jail_fail(error, "umask", result);
}

// The kernel's own layout, without libc's additions.
struct kernel_action {
    void (*handler)(int);
    unsigned long flags;
    void (*restorer)(void);
    uint64_t mask;
};

// What a disposition has to be: a write beyond a limit or to nobody is an error and not the end;
// handlers, which the engine has installed, stay; nothing that the host ignored is inherited.
static bool set_disposition(int signal_number, struct error *error)
{
    bool ignored = signal_number == SIGPIPE || signal_number == SIGXFSZ;
    struct kernel_action wanted = {.handler = ignored ? SIG_IGN : SIG_DFL};
    struct kernel_action present = {.handler = SIG_ERR};
    long result;

    if (signal_number == SIGKILL || signal_number == SIGSTOP)
        return true;
    result = system_call(SYS_rt_sigaction, signal_number, NULL, &present, SIGNAL_SET_BYTES);
    if (result != 0 || present.handler == SIG_ERR)
        return jail_fail(error, "reading a signal's disposition", result);
    if (present.handler == wanted.handler ||
        (present.handler != SIG_DFL && !ignored && present.handler != SIG_IGN))
        return true;
    result = system_call(SYS_rt_sigaction, signal_number, &wanted, NULL, SIGNAL_SET_BYTES);
    if (result == 0)
        result = system_call(SYS_rt_sigaction, signal_number, NULL, &present, SIGNAL_SET_BYTES);
    if (result != 0 || present.handler != wanted.handler)
        return jail_fail(error, "setting a signal's disposition", result);
    return true;
}

// Signals beyond 31 are the launcher's affair: it starts with all of them at their defaults.
static bool set_signals(struct jail *jail, struct error *error)
{
    uint64_t none = 0;
    uint64_t present = UINT64_MAX;
    long result;

    (void)jail;
    for (int signal_number = 1; signal_number < 32; signal_number++)
        if (!set_disposition(signal_number, error))
            return false;
    result = system_call(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, SIGNAL_SET_BYTES);
    if (result == 0)
        result = system_call(SYS_rt_sigprocmask, SIG_SETMASK, NULL, &present, SIGNAL_SET_BYTES);
    if (result != 0 || present != 0)
        return jail_fail(error, "unblocking signals", result);
    return true;
}

// A fault on the ordinary stack, or its exhaustion, must find another one.
static bool check_alternate_stack(struct jail *jail, struct error *error)
{
    stack_t stack = {.ss_flags = SS_DISABLE};
    long result = system_call(SYS_sigaltstack, NULL, &stack);

    (void)jail;
    if (result != 0 || (stack.ss_flags & SS_DISABLE) != 0)
        return jail_fail(error, "alternate signal stack", result);
    return true;
}

static uint64_t or_none(uint64_t limit)
{
    return limit == 0 ? (uint64_t)RLIM_INFINITY : limit;
}

// Processor time has a second more until SIGKILL: the first signal, SIGXCPU, tells the reason.
static bool set_limits(struct jail *jail, struct error *error)
{
    const struct jail_options *options = jail->options;
    uint64_t cpu = or_none(options->cpu_seconds);
    const struct jail_limit limits[JAIL_LIMITS] = {
        {RLIMIT_CORE, 0, 0},
        {RLIMIT_FSIZE, options->file_bytes_max, options->file_bytes_max},
        {RLIMIT_NOFILE, options->descriptors_max, options->descriptors_max},
        {RLIMIT_NPROC, 0, 0},
        {RLIMIT_MEMLOCK, 0, 0},
        {RLIMIT_MSGQUEUE, 0, 0},
        {RLIMIT_SIGPENDING, SIGNALS_PENDING_MAX, SIGNALS_PENDING_MAX},
        {RLIMIT_RTPRIO, 0, 0},
        {RLIMIT_NICE, 0, 0},
        {RLIMIT_STACK, STACK_BYTES_MAX, STACK_BYTES_MAX},
        {RLIMIT_DATA, options->data_bytes_max, options->data_bytes_max},
        {RLIMIT_AS, or_none(options->address_bytes_max), or_none(options->address_bytes_max)},
        {RLIMIT_CPU, cpu, options->cpu_seconds == 0 ? cpu : cpu + 1},
    };

    memcpy(jail->limits, limits, sizeof jail->limits);
    for (size_t at = 0; at < JAIL_LIMITS; at++) {
        const uint64_t pair[2] = {limits[at].soft, limits[at].hard};

        if (!jail_expect(system_call(SYS_prlimit64, 0, limits[at].resource, pair, NULL), 0,
                         "resource limits", error))
            return false;
    }
    return true;
}

static bool set_undumpable(struct jail *jail, struct error *error)
{
    (void)jail;
    return jail_expect(system_call(SYS_prctl, PR_SET_DUMPABLE, 0), 0, "dumpable", error);
}

static bool set_no_new_privileges(struct jail *jail, struct error *error)
{
    (void)jail;
    return jail_expect(system_call(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1), 0, "no_new_privs", error);
}

// Memory that was ever writable never becomes executable (Linux 6.3).
static bool deny_execution(struct jail *jail, struct error *error)
{
    long result = system_call(SYS_prctl, SET_MDWE, MDWE_REFUSE_EXEC_GAIN);

    if (result == -EINVAL)
        return true;
    jail->mdwe = true;
    return jail_expect(result, 0, "MDWE", error);
}

// The launcher has a single thread, so its end is that of the thread that the signal follows. It
// may have ended before this was asked for.
static bool die_with_parent(struct jail *jail, struct error *error)
{
    long parent;

    if (!jail_expect(system_call(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL), 0, "PDEATHSIG", error))
        return false;
    parent = system_call(SYS_getppid);
    return parent == jail->options->parent || jail_fail(error, "the launcher has gone", parent);
}

static bool stop_tsc(struct jail *jail, struct error *error)
{
    if (!jail->options->tsc_off)
        return true;
    return jail_expect(system_call(SYS_prctl, PR_SET_TSC, PR_TSC_SIGSEGV), 0, "TSC", error);
}

static bool drop_capabilities(struct jail *jail, struct error *error)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{.effective = 0}};

    (void)jail;
    return jail_expect(system_call(SYS_capset, &header, none), 0, "capabilities", error);
}

// The rights that each version of Landlock added, so that all the kernel knows are handled.
struct landlock_rights {
    uint64_t files;
    uint64_t network;
    uint64_t scopes;
};

static struct landlock_rights all_rights(long abi)
{
    static const struct landlock_rights added[LANDLOCK_ABI_MAX + 1] = {
        [1] = {.files = (1u << 13) - 1}, // execute to make_sym
        [2] = {.files = 1u << 13},       // refer
        [3] = {.files = 1u << 14},       // truncate
        [4] = {.network = 3},            // bind and connect TCP
        [5] = {.files = 1u << 15},       // ioctl of devices
        [6] = {.scopes = 3},             // abstract sockets, signals
    };
    struct landlock_rights all = {.files = 0};

    for (long version = 1; version <= abi && version <= LANDLOCK_ABI_MAX; version++) {
        all.files |= added[version].files;
        all.network |= added[version].network;
        all.scopes |= added[version].scopes;
    }
    return all;
}

// Older kernels take a shorter structure, and a longer one whose end is zero.
static bool enter_landlock(struct jail *jail, struct error *error)
{
    long abi = system_call(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_VERSION);
    struct landlock_rights rights = all_rights(abi);
    long ruleset;

    if (abi == -ENOSYS || abi == -EOPNOTSUPP)
        return true;
    if (abi <= 0)
        return jail_fail(error, "Landlock's version", abi);
    ruleset = system_call(SYS_landlock_create_ruleset, &rights, sizeof rights, 0);
    if (ruleset < 0)
        return jail_fail(error, "Landlock's rules", ruleset);
    jail->landlock = true;
    if (!jail_expect(system_call(SYS_landlock_restrict_self, ruleset, 0), 0, "Landlock", error))
        return false;
    return jail_expect(system_call(SYS_close, ruleset), 0, "closing Landlock's rules", error);
}

static bool load_filter(struct jail *jail, struct error *error)
{
    // The kernel's and libc's structures are one; libc's is without const.
    struct sock_fprog program = {.len = jail->options->filter_count,
                                 .filter = (struct sock_filter *)(uintptr_t)jail->options->filter};

    return jail_expect(system_call(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program), 0, "seccomp",
                       error);
}

static bool probe_filter(struct jail *jail, struct error *error)
{
    (void)jail;
    return jail_expect(system_call(SYS_madvise, NULL, 0, START_PROBE_ADVICE), -START_PROBE_ERRNO,
                       "the filter is not in force", error);
}

// The order matters: limits come after descriptors were moved, Landlock after no_new_privs, and the
// filter, which forbids all of these calls, last.
static bool (*const steps[])(struct jail *, struct error *) = {
    fill_slots,        close_others,    empty_environment,
    mask_files,        set_signals,     check_alternate_stack,
    set_limits,        set_undumpable,  set_no_new_privileges,
    deny_execution,    die_with_parent, stop_tsc,
    drop_capabilities, enter_landlock,  check_state,
    load_filter,       probe_filter,
};

bool jail_enter(const struct jail_options *options, struct error *error)
{
    struct jail jail = {.options = options, .parked = -1};

    if (options->filter == NULL || options->filter_count == 0 ||
        options->descriptors_max < START_SLOT_COUNT)
        return error_set(error, ERROR_SYSTEM_CONFINE, 0, "incomplete options");
    for (size_t at = 0; at < sizeof steps / sizeof steps[0]; at++)
        if (!steps[at](&jail, error))
            return false;
    return true;
}
