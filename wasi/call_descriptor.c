// SPDX-License-Identifier: Apache-2.0
//
// Descriptors themselves, whatever they stand for: closing and renumbering, their flags and rights,
// and the names of preopened directories.
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "wasi/call.h"
#include "wasi/rights.h"

enum { FDSTAT_SIZE = 24, PRESTAT_SIZE = 8 };

// --- closing -------------------------------------------------------------------------------------

enum wasi_errno wasi_close(struct wasi *wasi, uint32_t number)
{
    struct descriptor descriptor = *descriptor_at(&wasi->descriptors, number);
    enum wasi_errno result = WASI_SUCCESS;
    struct file_answer answer;

    descriptor_remove(&wasi->descriptors, number);
    // Whatever Linux answers, the descriptor is closed.
    if (descriptor.file >= 0 && close(descriptor.file) != 0 && errno != EINTR)
        result = wasi_errno_of((uint32_t)errno);
    if (descriptor.handle != FILE_NO_HANDLE && !descriptor.preopened) {
        struct file_request request = {.operation = FILE_CLOSE, .handle = descriptor.handle};
        enum wasi_errno closed = wasi_ask(wasi, &request, &answer, NULL, NULL);

        result = result == WASI_SUCCESS ? closed : result;
    }
    return result;
}

enum wasi_errno wasi_fd_close(struct wasi *wasi, const union slot *arguments)
{
    if (descriptor_at(&wasi->descriptors, arguments[0].u32) == NULL)
        return WASI_BADF;
    return wasi_close(wasi, arguments[0].u32);
}

// What `to` stood for is closed, once; whether that went well is not for who asked for a number.
enum wasi_errno wasi_fd_renumber(struct wasi *wasi, const union slot *arguments)
{
    uint32_t from = arguments[0].u32;
    uint32_t to = arguments[1].u32;

    if (descriptor_at(&wasi->descriptors, from) == NULL ||
        descriptor_at(&wasi->descriptors, to) == NULL)
        return WASI_BADF;
    if (from == to)
        return WASI_SUCCESS;
    wasi_close(wasi, to);
    descriptor_move(&wasi->descriptors, from, to);
    return WASI_SUCCESS;
}

// --- flags and rights ----------------------------------------------------------------------------

enum wasi_errno wasi_fd_fdstat_get(struct wasi *wasi, const union slot *arguments)
{
    uint8_t *fdstat = wasi_memory(wasi, arguments[1].u32, FDSTAT_SIZE);
    struct descriptor *descriptor;
    enum wasi_errno result = wasi_descriptor(wasi, arguments[0].u32, 0, &descriptor);

    if (result != WASI_SUCCESS)
        return result;
    if (fdstat == NULL)
        return WASI_FAULT;
    memset(fdstat, 0, FDSTAT_SIZE);
    fdstat[0] = (uint8_t)descriptor->type;
    wasi_store_u16(fdstat + 2, (uint16_t)descriptor->flags);
    wasi_store_u64(fdstat + 8, descriptor->rights);
    wasi_store_u64(fdstat + 16, descriptor->inheriting);
    return WASI_SUCCESS;
}

static enum wasi_errno set_file_flags(int file, uint32_t flags)
{
    int system = ((flags & DESCRIPTOR_APPEND) != 0 ? O_APPEND : 0) |
                 ((flags & DESCRIPTOR_NONBLOCKING) != 0 ? O_NONBLOCK : 0);

    return fcntl(file, F_SETFL, system) == 0 ? WASI_SUCCESS : wasi_errno_of((uint32_t)errno);
}

// Standard input and outputs are the host's as well: their flags are only kept here.
enum wasi_errno wasi_fd_fdstat_set_flags(struct wasi *wasi, const union slot *arguments)
{
    const uint32_t changeable = DESCRIPTOR_APPEND | DESCRIPTOR_NONBLOCKING;
    uint32_t flags = arguments[1].u32;
    struct descriptor *descriptor;
    enum wasi_errno result =
        wasi_descriptor(wasi, arguments[0].u32, RIGHT_FD_FDSTAT_SET_FLAGS, &descriptor);

    if (result != WASI_SUCCESS)
        return result;
    if ((flags & ~(uint32_t)DESCRIPTOR_FLAGS) != 0)
        return WASI_INVAL;
    if (((flags ^ descriptor->flags) & ~changeable) != 0)
        return WASI_NOTSUP;
    if (descriptor->kind == DESCRIPTOR_FILE)
        result = set_file_flags(descriptor->file, flags);
    if (result == WASI_SUCCESS)
        descriptor->flags = flags;
    return result;
}

enum wasi_errno wasi_fd_fdstat_set_rights(struct wasi *wasi, const union slot *arguments)
{
    uint64_t inheriting = arguments[2].u64;
    struct descriptor *descriptor;
    enum wasi_errno result = wasi_descriptor(wasi, arguments[0].u32, arguments[1].u64, &descriptor);

    if (result != WASI_SUCCESS)
        return result;
    if ((inheriting & ~descriptor->inheriting) != 0)
        return WASI_NOTCAPABLE;
    descriptor->rights = arguments[1].u64;
    descriptor->inheriting = inheriting;
    return WASI_SUCCESS;
}

// --- preopened directories -----------------------------------------------------------------------

// BADF ends libc's scan from 3 on, for descriptors that are no preopened directories as well.
static enum wasi_errno preopened(struct wasi *wasi, uint32_t number, struct policy_string *name)
{
    struct descriptor *descriptor;
    enum wasi_errno result = wasi_descriptor(wasi, number, 0, &descriptor);

    if (result != WASI_SUCCESS)
        return result;
    if (!descriptor->preopened)
        return WASI_BADF;
    *name = wasi->policy->dirs[descriptor->handle].guest;
    return WASI_SUCCESS;
}

enum wasi_errno wasi_fd_prestat_get(struct wasi *wasi, const union slot *arguments)
{
    uint8_t *prestat = wasi_memory(wasi, arguments[1].u32, PRESTAT_SIZE);
    struct policy_string name;
    enum wasi_errno result = preopened(wasi, arguments[0].u32, &name);

    if (result != WASI_SUCCESS)
        return result;
    if (prestat == NULL)
        return WASI_FAULT;
    memset(prestat, 0, PRESTAT_SIZE);
    wasi_store_u32(prestat + 4, name.length);
    return WASI_SUCCESS;
}

enum wasi_errno wasi_fd_prestat_dir_name(struct wasi *wasi, const union slot *arguments)
{
    uint8_t *bytes = wasi_memory(wasi, arguments[1].u32, arguments[2].u32);
    struct policy_string name;
    enum wasi_errno result = preopened(wasi, arguments[0].u32, &name);

    if (result != WASI_SUCCESS)
        return result;
    if (bytes == NULL)
        return WASI_FAULT;
    if (arguments[2].u32 < name.length)
        return WASI_NAMETOOLONG;
    memcpy(bytes, policy_text(wasi->policy, name), name.length);
    return WASI_SUCCESS;
}
