// SPDX-License-Identifier: Apache-2.0
//
// Clocks. Without a grant they answer NOTCAPABLE, and no system call is made: the filter would not
// let it through. Always raw: without the grant the vDSO's way would fault as well.
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "wasi/call.h"

#define SECOND_NS UINT64_C(1000000000)
#define COARSE_NS UINT64_C(1000000) // what coarse times are multiples of

// The numbers are Linux's, by chance.
enum clock { CLOCK_OF_DAY, CLOCK_STEADY, CLOCK_PROCESS, CLOCK_THREAD, CLOCK_KINDS };

_Static_assert(CLOCK_OF_DAY == CLOCK_REALTIME && CLOCK_STEADY == CLOCK_MONOTONIC &&
                   CLOCK_PROCESS == CLOCK_PROCESS_CPUTIME_ID &&
                   CLOCK_THREAD == CLOCK_THREAD_CPUTIME_ID,
               "ids are passed on");

bool wasi_has_clock(const struct wasi *wasi)
{
    return wasi->policy->wasi_clock == POLICY_WASI_CLOCK_REAL ||
           wasi->policy->wasi_clock == POLICY_WASI_CLOCK_COARSE;
}

static uint64_t resolution(const struct wasi *wasi)
{
    return wasi->policy->wasi_clock == POLICY_WASI_CLOCK_COARSE ? COARSE_NS : 1;
}

enum wasi_errno wasi_clock_res_get(struct wasi *wasi, const union slot *arguments)
{
    uint8_t *result = wasi_memory(wasi, arguments[1].u32, 8);

    if (!wasi_has_clock(wasi))
        return WASI_NOTCAPABLE;
    if (arguments[0].u32 >= CLOCK_KINDS)
        return WASI_INVAL;
    if (result == NULL)
        return WASI_FAULT;
    wasi_store_u64(result, resolution(wasi));
    return WASI_SUCCESS;
}

enum wasi_errno wasi_clock_time_get(struct wasi *wasi, const union slot *arguments)
{
    uint8_t *result = wasi_memory(wasi, arguments[2].u32, 8);
    struct timespec now;
    uint64_t now_ns;

    if (!wasi_has_clock(wasi))
        return WASI_NOTCAPABLE;
    if (arguments[0].u32 >= CLOCK_KINDS)
        return WASI_INVAL;
    if (result == NULL)
        return WASI_FAULT;
    if (syscall(SYS_clock_gettime, arguments[0].u32, &now) != 0)
        return WASI_IO;
    now_ns = (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
    wasi_store_u64(result, now_ns - now_ns % resolution(wasi));
    return WASI_SUCCESS;
}
