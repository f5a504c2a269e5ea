// SPDX-License-Identifier: Apache-2.0
//
// What is known of files and directories, by descriptor and by path: type, size, times. Times are
// set by the host, also those of an open file, for which the worker has no system call.
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "wasi/call.h"
#include "wasi/rights.h"

#define SECOND_NS INT64_C(1000000000)

enum { FILESTAT_SIZE = 64 };

enum { // fstflags
    ACCESS_TIME = 1 << 0,
    ACCESS_NOW = 1 << 1,
    MODIFICATION_TIME = 1 << 2,
    MODIFICATION_NOW = 1 << 3,
    TIME_FLAGS = (1 << 4) - 1
};

static void store_status(uint8_t *filestat, const struct file_status *status)
{
    memset(filestat, 0, FILESTAT_SIZE);
    wasi_store_u64(filestat, status->device);
    wasi_store_u64(filestat + 8, status->serial_number);
    filestat[16] = (uint8_t)status->type;
    wasi_store_u64(filestat + 24, status->link_count);
    wasi_store_u64(filestat + 32, status->size);
    wasi_store_u64(filestat + 40, status->access_time);
    wasi_store_u64(filestat + 48, status->modification_time);
    wasi_store_u64(filestat + 56, status->change_time);
}

// As in struct file_status; what is too far away is the last one that can be said.
static uint64_t nanoseconds(const struct timespec *time)
{
    if (time->tv_sec < 0)
        return 0;
    if (time->tv_sec >= INT64_MAX / SECOND_NS)
        return UINT64_MAX;
    return (uint64_t)(time->tv_sec * SECOND_NS + time->tv_nsec);
}

// The system call itself: libc's fstat() makes another one, which takes paths.
static enum wasi_errno file_status(const struct descriptor *descriptor, struct file_status *status)
{
    struct stat found;

    if (syscall(SYS_fstat, descriptor->file, &found) != 0)
        return wasi_errno_of((uint32_t)errno);
    *status = (struct file_status){
        .device = found.st_dev,
        .serial_number = found.st_ino,
        .type = descriptor->type,
        .link_count = found.st_nlink,
        .size = (uint64_t)found.st_size,
        .access_time = nanoseconds(&found.st_atim),
        .modification_time = nanoseconds(&found.st_mtim),
        .change_time = nanoseconds(&found.st_ctim),
    };
    return WASI_SUCCESS;
}

int64_t wasi_file_size(int file)
{
    struct stat found;

    return syscall(SYS_fstat, file, &found) == 0 ? (int64_t)found.st_size : -1;
}

// An empty path is the directory itself.
static enum wasi_errno directory_status(struct wasi *wasi, const struct descriptor *directory,
                                        uint32_t flags, struct wasi_path path,
                                        struct file_status *status)
{
    struct file_request request = {
        .operation = FILE_STATUS,
        .handle = directory->handle,
        .flags = flags,
        .path = path.bytes,
        .path_length = path.length,
    };
    struct file_answer answer;
    enum wasi_errno result = wasi_ask(wasi, &request, &answer, NULL, NULL);

    *status = answer.status;
    return result;
}

enum wasi_errno wasi_fd_filestat_get(struct wasi *wasi, const union slot *arguments)
{
    uint8_t *filestat = wasi_memory(wasi, arguments[1].u32, FILESTAT_SIZE);
    struct descriptor *descriptor;
    enum wasi_errno result =
        wasi_descriptor(wasi, arguments[0].u32, RIGHT_FD_FILESTAT_GET, &descriptor);
    struct file_status status = {.type = FILE_TYPE_UNKNOWN};

    if (result != WASI_SUCCESS)
        return result;
    if (filestat == NULL)
        return WASI_FAULT;
    if (descriptor->kind == DESCRIPTOR_FILE)
        result = file_status(descriptor, &status);
    else if (descriptor->kind == DESCRIPTOR_DIRECTORY)
        result = directory_status(wasi, descriptor, 0, (struct wasi_path){.length = 0}, &status);
    if (result == WASI_SUCCESS)
        store_status(filestat, &status);
    return result;
}

enum wasi_errno wasi_path_filestat_get(struct wasi *wasi, const union slot *arguments)
{
    uint8_t *filestat = wasi_memory(wasi, arguments[4].u32, FILESTAT_SIZE);
    struct descriptor *directory;
    enum wasi_errno result =
        wasi_directory(wasi, arguments[0].u32, RIGHT_PATH_FILESTAT_GET, &directory);
    struct file_status status;
    struct wasi_path path;
    uint32_t flags = 0;

    if (result == WASI_SUCCESS)
        result = wasi_lookup(arguments[1].u32, &flags);
    if (result == WASI_SUCCESS)
        result = wasi_path(wasi, arguments + 2, &path);
    if (result != WASI_SUCCESS)
        return result;
    if (filestat == NULL)
        return WASI_FAULT;
    result = directory_status(wasi, directory, flags, path, &status);
    if (result == WASI_SUCCESS)
        store_status(filestat, &status);
    return result;
}

enum wasi_errno wasi_fd_filestat_set_size(struct wasi *wasi, const union slot *arguments)
{
    struct descriptor *descriptor;
    enum wasi_errno result =
        wasi_descriptor(wasi, arguments[0].u32, RIGHT_FD_FILESTAT_SET_SIZE, &descriptor);
    int done;

    if (result != WASI_SUCCESS)
        return result;
    if (arguments[1].u64 > INT64_MAX)
        return WASI_INVAL;
    do
        done = ftruncate(descriptor->file, (off_t)arguments[1].u64);
    while (done != 0 && errno == EINTR && !wasi->store->interrupted);
    return done == 0 ? WASI_SUCCESS : wasi_errno_of((uint32_t)errno);
}

// --- times ---------------------------------------------------------------------------------------

// `times`: access and modification time, then the flags.
static enum wasi_errno take_times(const union slot *times, struct file_request *request)
{
    static const struct {
        uint32_t flag;
        uint32_t asked;
    } bits[] = {
        {ACCESS_TIME, FILE_ACCESS_TIME},
        {ACCESS_NOW, FILE_ACCESS_NOW},
        {MODIFICATION_TIME, FILE_MODIFICATION_TIME},
        {MODIFICATION_NOW, FILE_MODIFICATION_NOW},
    };
    const uint32_t access = ACCESS_TIME | ACCESS_NOW;
    const uint32_t modification = MODIFICATION_TIME | MODIFICATION_NOW;
    uint32_t flags = times[2].u32;

    if ((flags & ~(uint32_t)TIME_FLAGS) != 0 || (flags & access) == access ||
        (flags & modification) == modification)
        return WASI_INVAL;
    for (size_t i = 0; i < sizeof bits / sizeof bits[0]; i++)
        request->flags |= (flags & bits[i].flag) != 0 ? bits[i].asked : 0;
    request->values[0] = times[0].u64;
    request->values[1] = times[1].u64;
    return WASI_SUCCESS;
}

enum wasi_errno wasi_fd_filestat_set_times(struct wasi *wasi, const union slot *arguments)
{
    struct descriptor *descriptor;
    enum wasi_errno result =
        wasi_descriptor(wasi, arguments[0].u32, RIGHT_FD_FILESTAT_SET_TIMES, &descriptor);
    struct file_request request = {.operation = FILE_SET_TIMES};
    struct file_answer answer;

    if (result == WASI_SUCCESS)
        result = take_times(arguments + 1, &request);
    if (result != WASI_SUCCESS)
        return result;
    if (descriptor->handle == FILE_NO_HANDLE)
        return WASI_NOTCAPABLE;
    request.handle = descriptor->handle;
    return wasi_ask(wasi, &request, &answer, NULL, NULL);
}

enum wasi_errno wasi_path_filestat_set_times(struct wasi *wasi, const union slot *arguments)
{
    struct descriptor *directory;
    enum wasi_errno result =
        wasi_directory(wasi, arguments[0].u32, RIGHT_PATH_FILESTAT_SET_TIMES, &directory);
    struct file_request request = {.operation = FILE_SET_TIMES};
    struct file_answer answer;
    struct wasi_path path;

    if (result == WASI_SUCCESS)
        result = wasi_lookup(arguments[1].u32, &request.flags);
    if (result == WASI_SUCCESS)
        result = take_times(arguments + 4, &request);
    if (result == WASI_SUCCESS)
        result = wasi_path(wasi, arguments + 2, &path);
    if (result != WASI_SUCCESS)
        return result;
    request.handle = directory->handle;
    request.path = path.bytes;
    request.path_length = path.length;
    return wasi_ask(wasi, &request, &answer, NULL, NULL);
}
