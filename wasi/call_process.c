// SPDX-License-Identifier: Apache-2.0
//
// proc_exit, sched_yield, random_get.
#include <errno.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "wasi/call.h"

#define RANDOM_STEP ((size_t)64 * 1024) // bytes between two looks at whether the run is to end

// The guest's code ends here; whoever started it sees `exited`.
enum wasi_errno wasi_proc_exit(struct wasi *wasi, const union slot *arguments)
{
    wasi->exited = true;
    wasi->exit_status = arguments[0].u32;
    wasi->trap = TRAP_HOST;
    return WASI_SUCCESS;
}

enum wasi_errno wasi_sched_yield(struct wasi *wasi, const union slot *arguments)
{
    (void)wasi;
    (void)arguments;
    sched_yield();
    return WASI_SUCCESS;
}

enum wasi_errno wasi_random_get(struct wasi *wasi, const union slot *arguments)
{
    size_t left = arguments[1].u32;
    uint8_t *bytes = wasi_memory(wasi, arguments[0].u32, left);

    if (wasi->policy->wasi_random != POLICY_WASI_RANDOM_REAL)
        return WASI_NOTCAPABLE;
    if (bytes == NULL)
        return WASI_FAULT;
    while (left > 0) {
        long got = syscall(SYS_getrandom, bytes, left < RANDOM_STEP ? left : RANDOM_STEP, 0);

        if (wasi->store->interrupted) {
            wasi->trap = TRAP_INTERRUPTED;
            return WASI_IO;
        }
        if (got < 0 && errno != EINTR)
            return WASI_IO;
        if (got > 0) {
            bytes += got;
            left -= (size_t)got;
        }
    }
    return WASI_SUCCESS;
}
