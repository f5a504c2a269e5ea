// SPDX-License-Identifier: Apache-2.0
#include "sandbox/jail/check.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "sandbox/jail/jail_state.h"
#include "sandbox/jail/system.h"

enum { PROBE_BYTES = 4096, CREATE_MASK = 0777 };

bool jail_fail(struct error *error, const char *step, long result)
{
    if (result < 0 && result >= -4095)
        return error_set(error, ERROR_SYSTEM_CONFINE, 0, "%s: errno %ld", step, -result);
    return error_set(error, ERROR_SYSTEM_CONFINE, 0, "%s: result %ld", step, result);
}

bool jail_expect(long result, long expected, const char *step, struct error *error)
{
    return result == expected || jail_fail(error, step, result);
}

// The slots, and one of those that were closed.
static bool check_descriptors(const struct jail *jail, struct error *error)
{
    for (int slot = 0; slot < START_SLOT_COUNT; slot++) {
        long expected = jail->options->slots[slot] < 0 ? -EBADF : 0;

        if (!jail_expect(system_call(SYS_fcntl, slot, F_GETFD), expected, "check of slots", error))
            return false;
    }
    return jail_expect(system_call(SYS_fcntl, jail->parked, F_GETFD), -EBADF,
                       "check of closed descriptors", error);
}

static bool check_limits(const struct jail *jail, struct error *error)
{
    for (size_t at = 0; at < JAIL_LIMITS; at++) {
        const struct jail_limit *limit = &jail->limits[at];
        uint64_t pair[2] = {~limit->soft, ~limit->hard};
        long result = system_call(SYS_prlimit64, 0, limit->resource, NULL, pair);

        if (result != 0 || pair[0] != limit->soft || pair[1] != limit->hard)
            return jail_fail(error, "check of resource limits", result);
    }
    return true;
}

static bool check_attributes(const struct jail *jail, struct error *error)
{
    int signal_number = -1;
    int tsc = -1;

    if (!jail_expect(system_call(SYS_umask, CREATE_MASK), CREATE_MASK, "check of umask", error) ||
        !jail_expect(system_call(SYS_prctl, PR_GET_DUMPABLE), 0, "check of dumpable", error) ||
        !jail_expect(system_call(SYS_prctl, PR_GET_NO_NEW_PRIVS), 1, "check of no_new_privs",
                     error) ||
        !jail_expect(system_call(SYS_prctl, PR_GET_PDEATHSIG, &signal_number), 0,
                     "reading PDEATHSIG", error) ||
        !jail_expect(signal_number, SIGKILL, "check of PDEATHSIG", error))
        return false;
    if (!jail->options->tsc_off)
        return true;
    return jail_expect(system_call(SYS_prctl, PR_GET_TSC, &tsc), 0, "reading TSC", error) &&
           jail_expect(tsc, PR_TSC_SIGSEGV, "check of TSC", error);
}

static bool check_capabilities(struct error *error)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {{.effective = UINT32_MAX}};
    long result = system_call(SYS_capget, &header, data);
    uint32_t left = 0;

    for (size_t at = 0; at < _LINUX_CAPABILITY_U32S_3; at++)
        left |= data[at].effective | data[at].permitted | data[at].inheritable;
    if (result != 0 || left != 0)
        return jail_fail(error, "check of capabilities", result);
    return true;
}

// Writable and executable memory must not be had.
static bool check_mdwe(const struct jail *jail, struct error *error)
{
    if (!jail->mdwe)
        return true;
    return jail_expect(system_call(SYS_mmap, NULL, PROBE_BYTES, PROT_WRITE | PROT_EXEC,
                                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
                       -EACCES, "check of MDWE", error);
}

// A directory that everybody may list.
static bool check_landlock(const struct jail *jail, struct error *error)
{
    if (!jail->landlock)
        return true;
    return jail_expect(system_call(SYS_openat, AT_FDCWD, "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
                       -EACCES, "check of Landlock", error);
}

bool check_state(struct jail *jail, struct error *error)
{
    return check_descriptors(jail, error) && check_limits(jail, error) &&
           check_attributes(jail, error) && check_capabilities(error) && check_mdwe(jail, error) &&
           check_landlock(jail, error);
}
