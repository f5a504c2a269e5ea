// SPDX-License-Identifier: Apache-2.0
//
// fd_readdir. The host lists, in records of its own (sandbox/file_request.h); the cookies are its.
// Names are passed on as they are, also those that are not UTF-8 and that no path can have.
#include <string.h>

#include "wasi/call.h"
#include "wasi/rights.h"

enum {
    DIRENT_SIZE = 24,
    LIST_ROOM = 16 * 1024 // bytes of records at a time
};

// One of the host's records.
struct record {
    uint64_t serial_number;
    uint64_t next;
    uint8_t type;
    uint16_t name_length;
    const uint8_t *name;
};

// Where the guest's entries go: as many bytes of them as there is room for.
struct entries {
    uint8_t *bytes;
    size_t room;
    size_t used;
};

// Takes a record off the front; false if it is cut off.
static bool take_record(const uint8_t **bytes, size_t *length, struct record *record)
{
    const uint8_t *at = *bytes;

    if (*length < FILE_RECORD_SIZE)
        return false;
    *record = (struct record){
        .serial_number = wasi_load_u64(at),
        .next = wasi_load_u64(at + 8),
        .type = at[16] <= FILE_TYPE_SYMBOLIC_LINK ? at[16] : FILE_TYPE_UNKNOWN,
        .name_length = wasi_load_u16(at + 17),
        .name = at + FILE_RECORD_SIZE,
    };
    if (record->name_length > *length - FILE_RECORD_SIZE)
        return false;
    *bytes += FILE_RECORD_SIZE + (size_t)record->name_length;
    *length -= FILE_RECORD_SIZE + (size_t)record->name_length;
    return true;
}

// As much as fits: the guest takes what is cut off for the end of its buffer, and asks again.
static void append(struct entries *entries, const uint8_t *bytes, size_t length)
{
    size_t left = entries->room - entries->used;

    if (length > left)
        length = left;
    memcpy(entries->bytes + entries->used, bytes, length);
    entries->used += length;
}

static void append_entry(struct entries *entries, const struct record *record)
{
    uint8_t dirent[DIRENT_SIZE] = {0};

    wasi_store_u64(dirent, record->next);
    wasi_store_u64(dirent + 8, record->serial_number);
    wasi_store_u32(dirent + 16, record->name_length);
    dirent[20] = record->type;
    append(entries, dirent, sizeof dirent);
    append(entries, record->name, record->name_length);
}

// Some records from `*cookie` on, and where the next ones are. None at all are the end.
static enum wasi_errno list(struct wasi *wasi, uint32_t handle, uint64_t *cookie,
                            struct entries *entries, bool *more)
{
    uint8_t bytes[LIST_ROOM];
    size_t length = sizeof bytes;
    struct file_request request = {
        .operation = FILE_LIST,
        .handle = handle,
        .values = {*cookie, sizeof bytes},
    };
    const uint8_t *at = bytes;
    struct file_answer answer;
    enum wasi_errno result = wasi_ask(wasi, &request, &answer, bytes, &length);

    *more = result == WASI_SUCCESS && length > 0;
    while (result == WASI_SUCCESS && length > 0) {
        struct record record;

        if (!take_record(&at, &length, &record))
            return WASI_IO;
        append_entry(entries, &record);
        *cookie = record.next;
    }
    return result;
}

enum wasi_errno wasi_fd_readdir(struct wasi *wasi, const union slot *arguments)
{
    struct entries entries = {
        .bytes = wasi_memory(wasi, arguments[1].u32, arguments[2].u32),
        .room = arguments[2].u32,
    };
    uint8_t *used = wasi_memory(wasi, arguments[4].u32, 4);
    uint64_t cookie = arguments[3].u64;
    struct descriptor *directory;
    enum wasi_errno result = wasi_directory(wasi, arguments[0].u32, RIGHT_FD_READDIR, &directory);
    bool more = true;

    if (result != WASI_SUCCESS)
        return result;
    if (entries.bytes == NULL || used == NULL)
        return WASI_FAULT;
    while (more && entries.used < entries.room && !wasi->store->interrupted) {
        result = list(wasi, directory->handle, &cookie, &entries, &more);
        if (result != WASI_SUCCESS)
            return result;
    }
    wasi_store_u32(used, (uint32_t)entries.used);
    return WASI_SUCCESS;
}
