// SPDX-License-Identifier: Apache-2.0
//
// path_open: the host opens, the guest gets a number. What is opened has the rights that were asked
// for, as far as the directory hands them on and the kind of thing has any use for them.
#include <unistd.h>

#include "wasi/call.h"
#include "wasi/rights.h"

enum { // oflags
    OPEN_CREATE = 1 << 0,
    OPEN_DIRECTORY = 1 << 1,
    OPEN_EXCLUSIVE = 1 << 2,
    OPEN_TRUNCATE = 1 << 3,
    OPEN_FLAGS = (1 << 4) - 1
};

#define RIGHTS_WRITING (RIGHT_FD_WRITE | RIGHT_FD_ALLOCATE | RIGHT_FD_FILESTAT_SET_SIZE)

struct opening {
    struct wasi_path path;
    uint32_t parent; // handle
    uint32_t lookup; // enum file_flag
    uint32_t how;    // oflags
    uint32_t flags;  // enum descriptor_flag
    uint64_t rights;
    uint64_t inheriting;
};

// --- arguments -----------------------------------------------------------------------------------

static uint64_t rights_needed(uint32_t how)
{
    return (uint64_t)(RIGHT_PATH_OPEN | ((how & OPEN_CREATE) != 0 ? RIGHT_PATH_CREATE_FILE : 0) |
                      ((how & OPEN_TRUNCATE) != 0 ? RIGHT_PATH_FILESTAT_SET_SIZE : 0));
}

static enum wasi_errno check_flags(const struct opening *opening)
{
    if ((opening->how & ~(uint32_t)OPEN_FLAGS) != 0 ||
        (opening->flags & ~(uint32_t)DESCRIPTOR_FLAGS) != 0)
        return WASI_INVAL;
    return (opening->how & OPEN_DIRECTORY) != 0 && (opening->how & OPEN_CREATE) != 0 ? WASI_INVAL
                                                                                     : WASI_SUCCESS;
}

// Programs ask for every right there is and live with fewer. One that asks to read or to write
// means it, and is told now rather than at its first attempt. One that asks only to read is not to
// fail because the file may not be written, or is a directory.
static enum wasi_errno take_rights(struct opening *opening, const struct descriptor *parent,
                                   const union slot *rights)
{
    const uint64_t meant = RIGHT_FD_READ | RIGHT_FD_WRITE;

    opening->rights = rights[0].u64 & parent->inheriting;
    opening->inheriting = rights[1].u64 & parent->inheriting;
    if ((rights[0].u64 & meant) == RIGHT_FD_READ)
        opening->rights &= ~(uint64_t)RIGHTS_WRITING;
    return (rights[0].u64 & ~opening->rights & meant) != 0 ? WASI_NOTCAPABLE : WASI_SUCCESS;
}

static enum wasi_errno take_arguments(struct wasi *wasi, const union slot *arguments,
                                      struct opening *opening)
{
    struct descriptor *parent;
    enum wasi_errno result;

    *opening = (struct opening){.how = arguments[4].u32, .flags = arguments[7].u32};
    result = wasi_directory(wasi, arguments[0].u32, rights_needed(opening->how), &parent);
    if (result == WASI_SUCCESS)
        result = wasi_lookup(arguments[1].u32, &opening->lookup);
    if (result == WASI_SUCCESS)
        result = check_flags(opening);
    if (result == WASI_SUCCESS)
        result = take_rights(opening, parent, arguments + 5);
    if (result != WASI_SUCCESS)
        return result;
    opening->parent = parent->handle;
    return wasi_path(wasi, arguments + 2, &opening->path);
}

// --- the request ---------------------------------------------------------------------------------

static uint32_t request_flags(const struct opening *opening)
{
    static const struct {
        uint32_t bit;
        uint32_t asked;
    } hows[] =
        {
            {OPEN_CREATE, FILE_CREATE},
            {OPEN_DIRECTORY, FILE_DIRECTORY},
            {OPEN_EXCLUSIVE, FILE_EXCLUSIVE},
            {OPEN_TRUNCATE, FILE_TRUNCATE},
        },
      flags[] = {
          {DESCRIPTOR_APPEND, FILE_APPEND},
          {DESCRIPTOR_DATA_SYNC, FILE_DATA_SYNC},
          {DESCRIPTOR_READ_SYNC, FILE_SYNC},
          {DESCRIPTOR_SYNC, FILE_SYNC},
      };
    uint32_t asked = opening->lookup | ((opening->rights & RIGHTS_WRITING) != 0 ? FILE_WRITE : 0u) |
                     ((opening->rights & RIGHT_FD_READ) != 0 ? FILE_READ : 0u);

    for (size_t i = 0; i < sizeof hows / sizeof hows[0]; i++)
        asked |= (opening->how & hows[i].bit) != 0 ? hows[i].asked : 0;
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
        asked |= (opening->flags & flags[i].bit) != 0 ? flags[i].asked : 0;
    return asked;
}

// --- the answer ----------------------------------------------------------------------------------

static enum wasi_errno close_handle(struct wasi *wasi, uint32_t handle, enum wasi_errno why)
{
    struct file_request request = {.operation = FILE_CLOSE, .handle = handle};
    struct file_answer answer;

    if (handle != FILE_NO_HANDLE)
        (void)wasi_ask(wasi, &request, &answer, NULL, NULL);
    return why;
}

// A file that did not arrive is one too many for the process.
static enum wasi_errno take_opened(struct wasi *wasi, const struct opening *opening,
                                   const struct file_answer *answer, int file, uint32_t *number)
{
    bool is_file = answer->has_descriptor;
    struct descriptor opened = {
        .kind = is_file ? DESCRIPTOR_FILE : DESCRIPTOR_DIRECTORY,
        .type = is_file ? (uint32_t)answer->status.type : FILE_TYPE_DIRECTORY,
        .flags = opening->flags,
        .handle = answer->handle,
        .file = file,
        .rights = opening->rights & (is_file ? RIGHTS_FILE : RIGHTS_DIRECTORY),
        .inheriting = opening->inheriting,
    };

    if (is_file && file < 0)
        return close_handle(wasi, answer->handle, WASI_MFILE);
    if (!is_file && answer->handle == FILE_NO_HANDLE)
        return WASI_IO;
    *number = descriptor_add(&wasi->descriptors, &opened);
    return WASI_SUCCESS;
}

static enum wasi_errno open_path(struct wasi *wasi, const struct opening *opening, uint32_t *number)
{
    struct file_request request = {
        .operation = FILE_OPEN,
        .handle = opening->parent,
        .flags = request_flags(opening),
        .path = opening->path.bytes,
        .path_length = opening->path.length,
    };
    struct file_answer answer = {.handle = FILE_NO_HANDLE};
    size_t length = 0;
    int file = -1;

    if (!wasi->files(wasi->context, &request, &answer, NULL, &length, &file)) {
        wasi->trap = TRAP_HOST;
        return WASI_IO;
    }
    if (file >= 0 && (answer.error != 0 || !answer.has_descriptor)) {
        close(file);
        file = -1;
    }
    if (answer.error != 0)
        return wasi_errno_of(answer.error);
    return take_opened(wasi, opening, &answer, file, number);
}

enum wasi_errno wasi_path_open(struct wasi *wasi, const union slot *arguments)
{
    uint8_t *result_at = wasi_memory(wasi, arguments[8].u32, 4);
    struct opening opening;
    enum wasi_errno result = take_arguments(wasi, arguments, &opening);
    uint32_t number = 0;

    if (result != WASI_SUCCESS)
        return result;
    if (result_at == NULL)
        return WASI_FAULT;
    if (!descriptor_has_room(&wasi->descriptors))
        return WASI_MFILE;
    result = open_path(wasi, &opening, &number);
    if (result == WASI_SUCCESS)
        wasi_store_u32(result_at, number);
    return result;
}
