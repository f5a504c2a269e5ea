// SPDX-License-Identifier: Apache-2.0
//
// Handles, opening, and what is done with an open directory or file. What changes directories is in
// broker_change.c.
#include "host/broker.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "host/broker_private.h"

enum {
    CREATION_MODE = 0666,
    WRITING_FLAGS = FILE_WRITE | FILE_CREATE | FILE_TRUNCATE | FILE_APPEND
};

// --- handles -------------------------------------------------------------------------------------

static void close_entry(struct broker_entry *entry)
{
    beneath_close(&entry->place);
    if (entry->listing >= 0)
        close(entry->listing);
    entry->listing = -1;
}

bool broker_open(struct broker *broker, const struct policy *policy, struct error *error)
{
    uint64_t files = policy->limits.open_files;

    *broker = (struct broker){
        .count = policy->dir_count + (uint32_t)(files < BROKER_OPEN_MAX ? files : BROKER_OPEN_MAX)};
    for (uint32_t i = 0; i < BROKER_HANDLES_MAX; i++)
        broker->entries[i] = (struct broker_entry){.place = {.root = -1}, .listing = -1};
    for (uint32_t i = 0; i < policy->dir_count; i++) {
        const struct policy_dir *dir = &policy->dirs[i];
        struct broker_entry *entry = &broker->entries[i];
        bool follow = dir->links == POLICY_WASI_DIRS_LINKS_FOLLOW;
        int result = beneath_open_root(&entry->place, policy_text(policy, dir->host), follow);

        if (result != 0) {
            broker_close(broker);
            return error_set(
                error, ERROR_USAGE_ARGUMENT, 0,
                "wasi.dirs: cannot open %s: %s; it was a directory when the policy was "
                "read",
                policy_text(policy, dir->host), strerror(-result));
        }
        entry->may_write = dir->access == POLICY_WASI_DIRS_ACCESS_WRITE;
        broker->grant_count++;
    }
    return true;
}

void broker_close(struct broker *broker)
{
    for (uint32_t i = 0; i < broker->count; i++)
        close_entry(&broker->entries[i]);
    *broker = (struct broker){.count = 0};
}

struct broker_entry *broker_find(struct broker *broker, uint32_t handle)
{
    struct broker_entry *entry = handle < broker->count ? &broker->entries[handle] : NULL;

    return entry && entry->place.root >= 0 ? entry : NULL;
}

static uint32_t free_handle(const struct broker *broker)
{
    for (uint32_t i = broker->grant_count; i < broker->count; i++)
        if (broker->entries[i].place.root < 0)
            return i;
    return FILE_NO_HANDLE;
}

static int close_handle(struct broker *broker, uint32_t handle)
{
    struct broker_entry *entry = broker_find(broker, handle);

    if (!entry || handle < broker->grant_count)
        return EBADF;
    close_entry(entry);
    return 0;
}

// --- status --------------------------------------------------------------------------------------

static uint64_t nanoseconds(const struct timespec *time)
{
    uint64_t result;

    if (time->tv_sec < 0)
        return 0;
    if (__builtin_mul_overflow((uint64_t)time->tv_sec, UINT64_C(1000000000), &result) ||
        __builtin_add_overflow(result, (uint64_t)time->tv_nsec, &result))
        return UINT64_MAX;
    return result;
}

static enum file_type type_of(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFREG:
        return FILE_TYPE_REGULAR;
    case S_IFDIR:
        return FILE_TYPE_DIRECTORY;
    case S_IFLNK:
        return FILE_TYPE_SYMBOLIC_LINK;
    case S_IFBLK:
        return FILE_TYPE_BLOCK_DEVICE;
    case S_IFCHR:
        return FILE_TYPE_CHARACTER_DEVICE;
    case S_IFSOCK:
        return FILE_TYPE_SOCKET_STREAM;
    default:
        return FILE_TYPE_UNKNOWN;
    }
}

static int status_of(int file, struct file_status *status)
{
    struct stat found;

    if (fstat(file, &found) != 0)
        return errno;
    *status = (struct file_status){
        .device = found.st_dev,
        .serial_number = found.st_ino,
        .type = type_of(found.st_mode),
        .link_count = found.st_nlink,
        .size = found.st_size < 0 ? 0 : (uint64_t)found.st_size,
        .access_time = nanoseconds(&found.st_atim),
        .modification_time = nanoseconds(&found.st_mtim),
        .change_time = nanoseconds(&found.st_ctim),
    };
    return 0;
}

int broker_error(int result)
{
    return result == -EXDEV ? FILE_OUTSIDE : -result;
}

// What a path leads to, O_PATH: a descriptor, the caller's to close; or the handle's own, for the
// empty path.
static int reach(const struct broker_entry *entry, const struct file_request *request, bool *own)
{
    *own = request->path_length > 0;
    if (!*own)
        return entry->place.root;
    if (entry->is_file)
        return -ENOTDIR;
    return beneath_open(&entry->place, (const char *)request->path, request->path_length, O_PATH, 0,
                        (request->flags & FILE_FOLLOW) != 0);
}

static int serve_status(const struct broker_entry *entry, const struct file_request *request,
                        struct file_status *status)
{
    bool own;
    int file = reach(entry, request, &own);
    int error;

    if (file < 0)
        return broker_error(file);
    error = status_of(file, status);
    if (own)
        close(file);
    return error;
}

static struct timespec time_to_set(uint32_t flags, uint32_t value_flag, uint32_t now_flag,
                                   uint64_t value)
{
    if (flags & now_flag)
        return (struct timespec){.tv_nsec = UTIME_NOW};
    if (flags & value_flag)
        return (struct timespec){.tv_sec = (time_t)(value / 1000000000),
                                 .tv_nsec = (long)(value % 1000000000)};
    return (struct timespec){.tv_nsec = UTIME_OMIT};
}

static int serve_times(const struct broker_entry *entry, const struct file_request *request)
{
    const uint32_t access = FILE_ACCESS_TIME | FILE_ACCESS_NOW;
    const uint32_t modification = FILE_MODIFICATION_TIME | FILE_MODIFICATION_NOW;
    const struct timespec times[2] = {
        time_to_set(request->flags, FILE_ACCESS_TIME, FILE_ACCESS_NOW, request->values[0]),
        time_to_set(request->flags, FILE_MODIFICATION_TIME, FILE_MODIFICATION_NOW,
                    request->values[1]),
    };
    bool own;
    int error = 0;
    int file;

    if ((request->flags & access) == access || (request->flags & modification) == modification)
        return EINVAL;
    if (!entry->may_write)
        return FILE_NOT_GRANTED;
    file = reach(entry, request, &own);
    if (file < 0)
        return broker_error(file);
    if (utimensat(file, "", times, AT_EMPTY_PATH) != 0)
        error = errno;
    if (own)
        close(file);
    return error;
}

// --- opening -------------------------------------------------------------------------------------

static int flags_of(uint32_t flags)
{
    static const struct {
        uint32_t flag;
        int value;
    } others[] = {{FILE_CREATE, O_CREAT},       {FILE_EXCLUSIVE, O_EXCL},  {FILE_TRUNCATE, O_TRUNC},
                  {FILE_APPEND, O_APPEND},      {FILE_DATA_SYNC, O_DSYNC}, {FILE_SYNC, O_SYNC},
                  {FILE_DIRECTORY, O_DIRECTORY}};
    int value = (flags & FILE_WRITE) == 0 ? O_RDONLY : (flags & FILE_READ) == 0 ? O_WRONLY : O_RDWR;

    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (flags & others[i].flag)
            value |= others[i].value;
    return value;
}

// Directories are kept, by a descriptor that only serves to go on from there.
static int keep_directory(struct broker_entry *from, struct broker_entry *entry, int file)
{
    int directory = openat(file, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (directory < 0)
        return errno;
    close(file);
    *entry = *from;
    entry->place.root = directory;
    entry->listing = -1;
    return 0;
}

static int keep(struct broker *broker, struct broker_entry *from, int file,
                struct file_answer *answer, int *descriptor)
{
    uint32_t handle = free_handle(broker);
    struct broker_entry *entry = handle == FILE_NO_HANDLE ? NULL : &broker->entries[handle];
    bool is_directory = answer->status.type == FILE_TYPE_DIRECTORY;
    int error;

    if (!is_directory && answer->status.type != FILE_TYPE_REGULAR)
        return FILE_NOT_A_FILE;
    if (!entry && (is_directory || from->may_write))
        return EMFILE;
    if (is_directory) {
        error = keep_directory(from, entry, file);
        if (error == 0)
            answer->handle = handle;
        return error;
    }
    if (from->may_write) {
        *entry = (struct broker_entry){
            .place = {.root = file}, .listing = -1, .is_file = true, .may_write = true};
        answer->handle = handle;
    }
    answer->has_descriptor = true;
    *descriptor = file;
    return 0;
}

// FIFOs do not wait (O_NONBLOCK); of all that is no regular file and no directory, nothing is given
// out.
static int serve_open(struct broker *broker, struct broker_entry *from,
                      const struct file_request *request, struct file_answer *answer,
                      int *descriptor)
{
    struct file_status status = {.type = FILE_TYPE_UNKNOWN};
    int error;
    int file;

    if (from->is_file)
        return ENOTDIR;
    if ((request->flags & WRITING_FLAGS) != 0 && !from->may_write)
        return FILE_NOT_GRANTED;
    if (from->may_write && free_handle(broker) == FILE_NO_HANDLE)
        return EMFILE; // before anything is created
    file =
        beneath_open(&from->place, (const char *)request->path, request->path_length,
                     flags_of(request->flags), CREATION_MODE, (request->flags & FILE_FOLLOW) != 0);
    if (file < 0)
        return broker_error(file);
    error = status_of(file, &status);
    answer->status.type = status.type;
    if (error == 0)
        error = keep(broker, from, file, answer, descriptor);
    if (error != 0)
        close(file);
    return error;
}

void broker_sent(struct broker *broker, struct file_answer *answer, int descriptor, int error)
{
    if (answer->handle == FILE_NO_HANDLE)
        close(descriptor);
    else if (error != 0)
        close_handle(broker, answer->handle);
    if (error != 0)
        *answer = (struct file_answer){.error = (uint32_t)error, .handle = FILE_NO_HANDLE};
}

// --- directories ---------------------------------------------------------------------------------

static int open_listing(struct broker_entry *entry)
{
    if (entry->is_file)
        return ENOTDIR;
    if (entry->listing < 0)
        entry->listing =
            openat(entry->place.root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK);
    return entry->listing < 0 ? errno : 0;
}

// getdents64's record is no smaller than ours, so ours are put where they were, one after another.
// What ".." leads to may be outside, and its number nobody's business.
static size_t pack_records(const struct broker_entry *entry, uint8_t *bytes, size_t size)
{
    struct file_status own = {.serial_number = 0};
    size_t used = 0;

    status_of(entry->place.root, &own);
    for (size_t at = 0; at < size;) {
        uint8_t *record = bytes + used;
        struct dirent64 head;
        const char *name = (const char *)bytes + at + offsetof(struct dirent64, d_name);
        uint16_t length = (uint16_t)strlen(name);

        memcpy(&head, bytes + at, offsetof(struct dirent64, d_name));
        at += head.d_reclen;
        if (strcmp(name, "..") == 0)
            head.d_ino = own.serial_number;
        memmove(record + FILE_RECORD_SIZE, name, length);
        memcpy(record, &head.d_ino, 8);
        memcpy(record + 8, &head.d_off, 8);
        record[16] = (uint8_t)type_of((mode_t)DTTOIF(head.d_type));
        memcpy(record + 17, &length, 2);
        used += FILE_RECORD_SIZE + length;
    }
    return used;
}

_Static_assert(offsetof(struct dirent64, d_name) == FILE_RECORD_SIZE, "they are packed in place");

static int serve_list(struct broker_entry *entry, const struct file_request *request,
                      uint8_t *bytes, size_t *length)
{
    size_t room = request->values[1] < *length ? (size_t)request->values[1] : *length;
    int error = open_listing(entry);
    long got;

    if (error != 0)
        return error;
    if (request->values[0] > INT64_MAX ||
        lseek(entry->listing, (off_t)request->values[0], SEEK_SET) < 0)
        return EINVAL;
    got = syscall(SYS_getdents64, entry->listing, bytes, room);
    if (got < 0)
        return errno;
    *length = pack_records(entry, bytes, (size_t)got);
    return 0;
}

static int serve_synchronize(struct broker_entry *entry)
{
    int error = entry->is_file ? 0 : open_listing(entry);

    if (error == 0 && fsync(entry->is_file ? entry->place.root : entry->listing) != 0)
        error = errno;
    return error;
}

// --- requests ------------------------------------------------------------------------------------

static int serve_entry(struct broker *broker, struct broker_entry *entry,
                       const struct file_request *request, struct file_answer *answer,
                       uint8_t *bytes, size_t *length, int *descriptor)
{
    size_t room = *length;

    *length = 0;
    switch (request->operation) {
    case FILE_OPEN:
        return serve_open(broker, entry, request, answer, descriptor);
    case FILE_CLOSE:
        return close_handle(broker, request->handle);
    case FILE_STATUS:
        return serve_status(entry, request, &answer->status);
    case FILE_SET_TIMES:
        return serve_times(entry, request);
    case FILE_LIST:
        *length = room;
        return serve_list(entry, request, bytes, length);
    case FILE_SYNCHRONIZE:
        return serve_synchronize(entry);
    case FILE_READ_LINK:
        *length = room;
        return broker_read_link(entry, request, bytes, length);
    case FILE_CREATE_DIRECTORY:
    case FILE_REMOVE_DIRECTORY:
    case FILE_UNLINK:
    case FILE_RENAME:
    case FILE_LINK:
    case FILE_SYMLINK:
        return broker_change(broker, entry, request);
    case FILE_READ_INPUT: // the session's
    case FILE_OPERATION_COUNT:
        break;
    }
    return ENOSYS;
}

void broker_serve(struct broker *broker, const struct file_request *request,
                  struct file_answer *answer, uint8_t *bytes, size_t *length, int *descriptor)
{
    struct broker_entry *entry = broker_find(broker, request->handle);

    *answer = (struct file_answer){.handle = FILE_NO_HANDLE};
    *descriptor = -1;
    answer->error = EBADF;
    if (entry)
        answer->error =
            (uint32_t)serve_entry(broker, entry, request, answer, bytes, length, descriptor);
    if (answer->error != 0)
        *length = 0;
}
