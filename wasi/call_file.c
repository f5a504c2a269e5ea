// SPDX-License-Identifier: Apache-2.0
//
// Reading and writing, and the other calls on a file's contents. Files are the process's own
// descriptors, whose offset is the kernel's; standard input and outputs are the host's.
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "wasi/call.h"
#include "wasi/rights.h"

enum {
    IOVEC_SIZE = 8,
    IOVECS_MAX = 1024,
    SPANS = 64,             // iovecs handed to the host at a time
    INPUT_STEP = 16 * 1024, // bytes of standard input that are asked for at a time
    ADVICE_COUNT = 6
};

#define TOTAL_MAX INT32_MAX // bytes of one call

// The guest's iovecs, copied once and checked: what is read may go where the guest has them.
struct transfer {
    uint32_t count;
    size_t total;
    struct iovec parts[IOVECS_MAX];
};

static enum wasi_errno take_iovecs(const struct wasi *wasi, uint64_t address, uint32_t count,
                                   struct transfer *transfer)
{
    const uint8_t *iovecs;

    transfer->count = count;
    transfer->total = 0;
    if (count > IOVECS_MAX)
        return WASI_INVAL;
    iovecs = wasi_array(wasi, address, count, IOVEC_SIZE);
    if (iovecs == NULL)
        return WASI_FAULT;
    for (uint32_t i = 0; i < count; i++, iovecs += IOVEC_SIZE) {
        uint32_t length = wasi_load_u32(iovecs + 4);
        uint8_t *bytes = wasi_memory(wasi, wasi_load_u32(iovecs), length);

        if (bytes == NULL)
            return WASI_FAULT;
        transfer->parts[i] = (struct iovec){bytes, length};
        transfer->total += length;
    }
    return transfer->total > TOTAL_MAX ? WASI_INVAL : WASI_SUCCESS;
}

// --- standard input and outputs ------------------------------------------------------------------

static void scatter(const struct transfer *transfer, const uint8_t *bytes, size_t length)
{
    for (uint32_t i = 0; i < transfer->count && length > 0; i++) {
        size_t part = transfer->parts[i].iov_len < length ? transfer->parts[i].iov_len : length;

        memcpy(transfer->parts[i].iov_base, bytes, part);
        bytes += part;
        length -= part;
    }
}

static enum wasi_errno read_input(struct wasi *wasi, const struct descriptor *descriptor,
                                  const struct transfer *transfer, size_t *done)
{
    bool waits = (descriptor->flags & DESCRIPTOR_NONBLOCKING) == 0;
    uint8_t bytes[INPUT_STEP];
    size_t length = transfer->total < sizeof bytes ? transfer->total : sizeof bytes;
    struct file_request request = {
        .operation = FILE_READ_INPUT,
        .values = {length, waits ? UINT64_MAX : 0},
    };
    struct file_answer answer;
    enum wasi_errno result;

    *done = 0;
    if (wasi->policy->wasi_stdin != POLICY_WASI_STDIN_INHERIT || length == 0)
        return WASI_SUCCESS;
    result = wasi_ask(wasi, &request, &answer, bytes, &length);
    if (result != WASI_SUCCESS)
        return result;
    scatter(transfer, bytes, length);
    *done = length;
    return WASI_SUCCESS;
}

// Offers everything, some iovecs at a time, until the other side takes less than it is offered.
static enum wasi_errno write_output(struct wasi *wasi, const struct descriptor *descriptor,
                                    const struct transfer *transfer, size_t *done)
{
    size_t offered = 0;

    *done = 0;
    for (uint32_t at = 0; at < transfer->count && offered == *done;) {
        struct wasi_span spans[SPANS];
        size_t count = 0;
        size_t taken = 0;

        for (; at < transfer->count && count < SPANS; at++) {
            const struct iovec *part = &transfer->parts[at];

            spans[count++] = (struct wasi_span){part->iov_base, part->iov_len};
            offered += part->iov_len;
        }
        if (!wasi->output(wasi->context, descriptor->stream, spans, count, &taken))
            wasi->trap = TRAP_HOST;
        *done += taken;
    }
    return offered > 0 && *done == 0 ? WASI_NOSPC : WASI_SUCCESS;
}

// --- files ---------------------------------------------------------------------------------------

// One call of the kernel's on all of it, at the file's offset or at another place.
struct file_call {
    bool writes;
    bool at_place;
    int64_t place;
};

static ssize_t call_once(int file, struct file_call call, const struct transfer *transfer)
{
    int count = (int)transfer->count;

    if (call.at_place)
        return call.writes ? pwritev(file, transfer->parts, count, call.place)
                           : preadv(file, transfer->parts, count, call.place);
    return call.writes ? writev(file, transfer->parts, count) : readv(file, transfer->parts, count);
}

// Whether to try again what a signal has stopped: not if it came to end the run.
static bool is_to_be_repeated(const struct wasi *wasi)
{
    return errno == EINTR && !wasi->store->interrupted;
}

static enum wasi_errno transfer_file(struct wasi *wasi, int file, struct file_call call,
                                     const struct transfer *transfer, size_t *done)
{
    ssize_t length;

    *done = 0;
    do
        length = call_once(file, call, transfer);
    while (length < 0 && is_to_be_repeated(wasi));
    if (length < 0)
        return wasi_errno_of((uint32_t)errno);
    *done = (size_t)length;
    return WASI_SUCCESS;
}

static enum wasi_errno transfer_any(struct wasi *wasi, const struct descriptor *descriptor,
                                    struct file_call call, const struct transfer *transfer,
                                    size_t *done)
{
    switch (descriptor->kind) {
    case DESCRIPTOR_INPUT:
        return read_input(wasi, descriptor, transfer, done);
    case DESCRIPTOR_OUTPUT:
        return write_output(wasi, descriptor, transfer, done);
    case DESCRIPTOR_FILE:
        return transfer_file(wasi, descriptor->file, call, transfer, done);
    case DESCRIPTOR_DIRECTORY:
    case DESCRIPTOR_FREE:
    default:
        return WASI_ISDIR; // has neither right
    }
}

static bool is_stream(const struct descriptor *descriptor)
{
    return descriptor->kind == DESCRIPTOR_INPUT || descriptor->kind == DESCRIPTOR_OUTPUT;
}

// All four calls; `count_at` is where the count goes.
static enum wasi_errno transfer(struct wasi *wasi, const union slot *arguments,
                                struct file_call call, uint32_t count_at)
{
    uint8_t *count = wasi_memory(wasi, count_at, 4);
    uint64_t rights = (uint64_t)(call.writes ? RIGHT_FD_WRITE : RIGHT_FD_READ) |
                      (call.at_place ? RIGHT_FD_SEEK : 0);
    struct descriptor *descriptor;
    enum wasi_errno result = wasi_descriptor(wasi, arguments[0].u32, rights, &descriptor);
    struct transfer transfer;
    size_t done;

    if (result != WASI_BADF && call.at_place && is_stream(descriptor))
        return WASI_SPIPE;
    if (result != WASI_SUCCESS)
        return result;
    if (call.at_place && call.place < 0)
        return WASI_INVAL;
    result = take_iovecs(wasi, arguments[1].u32, arguments[2].u32, &transfer);
    if (result != WASI_SUCCESS)
        return result;
    if (count == NULL)
        return WASI_FAULT;
    result = transfer_any(wasi, descriptor, call, &transfer, &done);
    if (result == WASI_SUCCESS)
        wasi_store_u32(count, (uint32_t)done);
    return result;
}

enum wasi_errno wasi_fd_read(struct wasi *wasi, const union slot *arguments)
{
    return transfer(wasi, arguments, (struct file_call){.writes = false}, arguments[3].u32);
}

enum wasi_errno wasi_fd_write(struct wasi *wasi, const union slot *arguments)
{
    return transfer(wasi, arguments, (struct file_call){.writes = true}, arguments[3].u32);
}

enum wasi_errno wasi_fd_pread(struct wasi *wasi, const union slot *arguments)
{
    struct file_call call = {.at_place = true, .place = (int64_t)arguments[3].u64};

    return transfer(wasi, arguments, call, arguments[4].u32);
}

// Of a file that is appended to, Linux appends this as well.
enum wasi_errno wasi_fd_pwrite(struct wasi *wasi, const union slot *arguments)
{
    struct file_call call = {.writes = true, .at_place = true, .place = (int64_t)arguments[3].u64};

    return transfer(wasi, arguments, call, arguments[4].u32);
}

// --- the offset ----------------------------------------------------------------------------------

// The right to seek is the right to tell the offset as well.
static enum wasi_errno seek(struct wasi *wasi, uint32_t number, int64_t delta, uint32_t whence,
                            uint32_t result_at)
{
    bool tells = delta == 0 && whence == SEEK_CUR;
    uint64_t either = (uint64_t)(RIGHT_FD_SEEK | (tells ? RIGHT_FD_TELL : 0));
    uint8_t *offset = wasi_memory(wasi, result_at, 8);
    struct descriptor *descriptor;
    enum wasi_errno result = wasi_descriptor(wasi, number, 0, &descriptor);
    off_t place;

    if (result != WASI_SUCCESS)
        return result;
    if (whence > SEEK_END)
        return WASI_INVAL;
    if (is_stream(descriptor))
        return WASI_SPIPE;
    if ((descriptor->rights & either) == 0)
        return WASI_NOTCAPABLE;
    if (offset == NULL)
        return WASI_FAULT;
    place = lseek(descriptor->file, delta, (int)whence);
    if (place < 0)
        return wasi_errno_of((uint32_t)errno);
    wasi_store_u64(offset, (uint64_t)place);
    return WASI_SUCCESS;
}

_Static_assert(SEEK_SET == 0 && SEEK_CUR == 1 && SEEK_END == 2, "whence is passed on");

enum wasi_errno wasi_fd_seek(struct wasi *wasi, const union slot *arguments)
{
    return seek(wasi, arguments[0].u32, (int64_t)arguments[1].u64, arguments[2].u32,
                arguments[3].u32);
}

enum wasi_errno wasi_fd_tell(struct wasi *wasi, const union slot *arguments)
{
    return seek(wasi, arguments[0].u32, 0, SEEK_CUR, arguments[1].u32);
}

// --- the contents as a whole ---------------------------------------------------------------------

static enum wasi_errno result_of(int result)
{
    return result == 0 ? WASI_SUCCESS : wasi_errno_of((uint32_t)errno);
}

static enum wasi_errno synchronize(struct wasi *wasi, uint32_t number, uint64_t right,
                                   int system_call(int))
{
    struct descriptor *descriptor;
    enum wasi_errno result = wasi_descriptor(wasi, number, right, &descriptor);
    struct file_request request = {.operation = FILE_SYNCHRONIZE};
    struct file_answer answer;
    int done;

    if (result != WASI_SUCCESS)
        return result;
    if (descriptor->kind == DESCRIPTOR_DIRECTORY) {
        request.handle = descriptor->handle;
        return wasi_ask(wasi, &request, &answer, NULL, NULL);
    }
    do
        done = system_call(descriptor->file);
    while (done != 0 && is_to_be_repeated(wasi));
    return result_of(done);
}

enum wasi_errno wasi_fd_sync(struct wasi *wasi, const union slot *arguments)
{
    return synchronize(wasi, arguments[0].u32, RIGHT_FD_SYNC, fsync);
}

enum wasi_errno wasi_fd_datasync(struct wasi *wasi, const union slot *arguments)
{
    return synchronize(wasi, arguments[0].u32, RIGHT_FD_DATASYNC, fdatasync);
}

enum wasi_errno wasi_fd_advise(struct wasi *wasi, const union slot *arguments)
{
    static const int advices[ADVICE_COUNT] = {
        POSIX_FADV_NORMAL,   POSIX_FADV_SEQUENTIAL, POSIX_FADV_RANDOM,
        POSIX_FADV_WILLNEED, POSIX_FADV_DONTNEED,   POSIX_FADV_NOREUSE,
    };
    struct descriptor *descriptor;
    enum wasi_errno result = wasi_descriptor(wasi, arguments[0].u32, RIGHT_FD_ADVISE, &descriptor);

    if (result != WASI_BADF && is_stream(descriptor))
        return WASI_SPIPE;
    if (result != WASI_SUCCESS)
        return result;
    if (arguments[3].u32 >= ADVICE_COUNT || arguments[1].u64 > INT64_MAX ||
        arguments[2].u64 > INT64_MAX)
        return WASI_INVAL;
    return wasi_errno_of((uint32_t)posix_fadvise(descriptor->file, (off_t)arguments[1].u64,
                                                 (off_t)arguments[2].u64,
                                                 advices[arguments[3].u32]));
}

// By the system call itself: where the file system cannot do it, posix_fallocate would write.
enum wasi_errno wasi_fd_allocate(struct wasi *wasi, const union slot *arguments)
{
    struct descriptor *descriptor;
    enum wasi_errno result =
        wasi_descriptor(wasi, arguments[0].u32, RIGHT_FD_ALLOCATE, &descriptor);
    int done;

    if (result != WASI_SUCCESS)
        return result;
    if (arguments[1].u64 > INT64_MAX || arguments[2].u64 > INT64_MAX)
        return WASI_INVAL;
    do
        done = fallocate(descriptor->file, 0, (off_t)arguments[1].u64, (off_t)arguments[2].u64);
    while (done != 0 && is_to_be_repeated(wasi));
    return result_of(done);
}
