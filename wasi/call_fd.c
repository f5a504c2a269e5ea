// SPDX-License-Identifier: Apache-2.0
//
// Descriptors. For now there are the three standard ones: input, which is at its end, and two
// outputs, which the host takes. Their rights are fixed.
#include <string.h>

#include "wasi/call.h"

enum {
    IOVEC_SIZE = 8,
    IOVECS_MAX = 1024,
    SPANS = 64, // iovecs handed on at a time
    FDSTAT_SIZE = 24
};

#define TOTAL_MAX INT32_MAX // bytes of one fd_read or fd_write

#define RIGHT_FD_READ  (UINT64_C(1) << 1)
#define RIGHT_FD_WRITE (UINT64_C(1) << 6)

static bool is_open(const struct wasi *wasi, uint32_t fd)
{
    return fd < WASI_STDIO_COUNT && !wasi->closed[fd];
}

enum wasi_errno wasi_fd_close(struct wasi *wasi, const union slot *arguments)
{
    uint32_t fd = arguments[0].u32;

    if (!is_open(wasi, fd))
        return WASI_BADF;
    wasi->closed[fd] = true;
    return WASI_SUCCESS;
}

// The file type is "unknown": a pipe at best, and no terminal.
enum wasi_errno wasi_fd_fdstat_get(struct wasi *wasi, const union slot *arguments)
{
    uint8_t *fdstat = wasi_memory(wasi, arguments[1].u32, FDSTAT_SIZE);
    uint32_t fd = arguments[0].u32;

    if (!is_open(wasi, fd))
        return WASI_BADF;
    if (fdstat == NULL)
        return WASI_FAULT;
    memset(fdstat, 0, FDSTAT_SIZE);
    wasi_store_u64(fdstat + 8, fd == 0 ? RIGHT_FD_READ : RIGHT_FD_WRITE);
    return WASI_SUCCESS;
}

static enum wasi_errno seek_nothing(const struct wasi *wasi, uint32_t fd, const uint8_t *result)
{
    if (!is_open(wasi, fd))
        return WASI_BADF;
    return result == NULL ? WASI_FAULT : WASI_SPIPE;
}

enum wasi_errno wasi_fd_seek(struct wasi *wasi, const union slot *arguments)
{
    if (arguments[2].u32 > 2)
        return WASI_INVAL;
    return seek_nothing(wasi, arguments[0].u32, wasi_memory(wasi, arguments[3].u32, 8));
}

enum wasi_errno wasi_fd_tell(struct wasi *wasi, const union slot *arguments)
{
    return seek_nothing(wasi, arguments[0].u32, wasi_memory(wasi, arguments[1].u32, 8));
}

// There is no preopened directory: libc's scan from 3 on ends at once.
enum wasi_errno wasi_fd_prestat_get(struct wasi *wasi, const union slot *arguments)
{
    (void)wasi;
    (void)arguments;
    return WASI_BADF;
}

enum wasi_errno wasi_fd_prestat_dir_name(struct wasi *wasi, const union slot *arguments)
{
    (void)wasi;
    (void)arguments;
    return WASI_BADF;
}

// --- reading and writing -------------------------------------------------------------------------

static struct wasi_span span_at(const struct wasi *wasi, const uint8_t *iovec)
{
    uint32_t length = wasi_load_u32(iovec + 4);

    return (struct wasi_span){wasi_memory(wasi, wasi_load_u32(iovec), length), length};
}

// Checks all of an array of iovecs before anything is read or written.
static enum wasi_errno check_iovecs(const struct wasi *wasi, uint64_t address, uint32_t count,
                                    const uint8_t **iovecs)
{
    uint64_t total = 0;

    if (count > IOVECS_MAX)
        return WASI_INVAL;
    *iovecs = wasi_array(wasi, address, count, IOVEC_SIZE);
    if (*iovecs == NULL)
        return WASI_FAULT;
    for (uint32_t i = 0; i < count; i++) {
        struct wasi_span span = span_at(wasi, *iovecs + IOVEC_SIZE * (size_t)i);

        if (span.bytes == NULL)
            return WASI_FAULT;
        total += span.length;
    }
    return total > TOTAL_MAX ? WASI_INVAL : WASI_SUCCESS;
}

enum wasi_errno wasi_fd_read(struct wasi *wasi, const union slot *arguments)
{
    uint8_t *count = wasi_memory(wasi, arguments[3].u32, 4);
    uint32_t fd = arguments[0].u32;
    const uint8_t *iovecs;
    enum wasi_errno result;

    if (!is_open(wasi, fd))
        return WASI_BADF;
    if (fd != 0)
        return WASI_NOTCAPABLE;
    result = check_iovecs(wasi, arguments[1].u32, arguments[2].u32, &iovecs);
    if (result != WASI_SUCCESS)
        return result;
    if (count == NULL)
        return WASI_FAULT;
    wasi_store_u32(count, 0);
    return WASI_SUCCESS;
}

// Offers everything, some iovecs at a time, until the other side takes less than it is offered.
static void write_all(struct wasi *wasi, uint32_t fd, const uint8_t *iovecs, uint32_t count,
                      size_t *offered, size_t *taken)
{
    *offered = 0;
    *taken = 0;
    for (uint32_t at = 0; at < count && *offered == *taken;) {
        struct wasi_span spans[SPANS];
        size_t span_count = 0;
        size_t part = 0;

        for (; at < count && span_count < SPANS; at++) {
            struct wasi_span span = span_at(wasi, iovecs + IOVEC_SIZE * (size_t)at);

            spans[span_count++] = span;
            *offered += span.length;
        }
        if (!wasi->output(wasi->context, fd, spans, span_count, &part))
            wasi->trap = TRAP_HOST;
        *taken += part;
    }
}

enum wasi_errno wasi_fd_write(struct wasi *wasi, const union slot *arguments)
{
    uint8_t *count = wasi_memory(wasi, arguments[3].u32, 4);
    uint32_t fd = arguments[0].u32;
    const uint8_t *iovecs;
    enum wasi_errno result;
    size_t offered;
    size_t taken;

    if (!is_open(wasi, fd))
        return WASI_BADF;
    if (fd == 0)
        return WASI_NOTCAPABLE;
    result = check_iovecs(wasi, arguments[1].u32, arguments[2].u32, &iovecs);
    if (result != WASI_SUCCESS)
        return result;
    if (count == NULL)
        return WASI_FAULT;
    write_all(wasi, fd, iovecs, arguments[2].u32, &offered, &taken);
    if (offered > 0 && taken == 0)
        return WASI_NOSPC;
    wasi_store_u32(count, (uint32_t)taken);
    return WASI_SUCCESS;
}
