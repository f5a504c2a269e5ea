// SPDX-License-Identifier: Apache-2.0
//
// Calls that take paths, but path_open and those on status. The worker follows no path: what is
// here checks the form of calls and asks the host, which looks the path up beneath the grant.
#include <string.h>

#include "sandbox/base/utf8.h"
#include "wasi/call.h"
#include "wasi/rights.h"

#define LOOKUP_FOLLOW 1u

// --- arguments -----------------------------------------------------------------------------------

enum wasi_errno wasi_directory(struct wasi *wasi, uint32_t number, uint64_t rights,
                               struct descriptor **directory)
{
    enum wasi_errno result = wasi_descriptor(wasi, number, rights, directory);

    if (result != WASI_BADF && (*directory)->kind != DESCRIPTOR_DIRECTORY)
        return WASI_NOTDIR;
    return result;
}

enum wasi_errno wasi_lookup(uint32_t lookup, uint32_t *flags)
{
    if ((lookup & ~LOOKUP_FOLLOW) != 0)
        return WASI_INVAL;
    if ((lookup & LOOKUP_FOLLOW) != 0)
        *flags |= FILE_FOLLOW;
    return WASI_SUCCESS;
}

enum wasi_errno wasi_path(const struct wasi *wasi, const union slot *address_and_length,
                          struct wasi_path *path)
{
    uint32_t length = address_and_length[1].u32;

    *path = (struct wasi_path){wasi_memory(wasi, address_and_length[0].u32, length), length};
    if (path->bytes == NULL)
        return WASI_FAULT;
    if (length > FILE_PATH_MAX)
        return WASI_NAMETOOLONG;
    if (length == 0)
        return WASI_NOENT;
    if (memchr(path->bytes, 0, length) != NULL)
        return WASI_INVAL;
    if (!utf8_valid(path->bytes, length))
        return WASI_ILSEQ;
    return path->bytes[0] == '/' ? WASI_NOTCAPABLE : WASI_SUCCESS;
}

// --- one path ------------------------------------------------------------------------------------

static enum wasi_errno change(struct wasi *wasi, const union slot *arguments, uint64_t right,
                              enum file_operation operation)
{
    struct file_request request = {.operation = operation};
    struct descriptor *directory;
    enum wasi_errno result = wasi_directory(wasi, arguments[0].u32, right, &directory);
    struct file_answer answer;
    struct wasi_path path;

    if (result == WASI_SUCCESS)
        result = wasi_path(wasi, arguments + 1, &path);
    if (result != WASI_SUCCESS)
        return result;
    request.handle = directory->handle;
    request.path = path.bytes;
    request.path_length = path.length;
    return wasi_ask(wasi, &request, &answer, NULL, NULL);
}

enum wasi_errno wasi_path_create_directory(struct wasi *wasi, const union slot *arguments)
{
    return change(wasi, arguments, RIGHT_PATH_CREATE_DIRECTORY, FILE_CREATE_DIRECTORY);
}

enum wasi_errno wasi_path_remove_directory(struct wasi *wasi, const union slot *arguments)
{
    return change(wasi, arguments, RIGHT_PATH_REMOVE_DIRECTORY, FILE_REMOVE_DIRECTORY);
}

enum wasi_errno wasi_path_unlink_file(struct wasi *wasi, const union slot *arguments)
{
    return change(wasi, arguments, RIGHT_PATH_UNLINK_FILE, FILE_UNLINK);
}

// A text that is longer than the guest's room is cut off without a word.
enum wasi_errno wasi_path_readlink(struct wasi *wasi, const union slot *arguments)
{
    uint8_t *buffer = wasi_memory(wasi, arguments[3].u32, arguments[4].u32);
    uint8_t *used = wasi_memory(wasi, arguments[5].u32, 4);
    struct file_request request = {.operation = FILE_READ_LINK};
    struct descriptor *directory;
    enum wasi_errno result =
        wasi_directory(wasi, arguments[0].u32, RIGHT_PATH_READLINK, &directory);
    uint8_t text[FILE_PATH_MAX];
    size_t length = sizeof text;
    struct file_answer answer;
    struct wasi_path path;

    if (result == WASI_SUCCESS)
        result = wasi_path(wasi, arguments + 1, &path);
    if (result != WASI_SUCCESS)
        return result;
    if (buffer == NULL || used == NULL)
        return WASI_FAULT;
    request.handle = directory->handle;
    request.path = path.bytes;
    request.path_length = path.length;
    result = wasi_ask(wasi, &request, &answer, text, &length);
    if (result != WASI_SUCCESS)
        return result;
    if (length > arguments[4].u32)
        length = arguments[4].u32;
    memcpy(buffer, text, length);
    wasi_store_u32(used, (uint32_t)length);
    return WASI_SUCCESS;
}

// --- two paths -----------------------------------------------------------------------------------

// A side of it: a directory's number, then address and length of the path.
static enum wasi_errno take_side(struct wasi *wasi, const union slot *side, uint64_t right,
                                 uint32_t *handle, struct wasi_path *path)
{
    struct descriptor *directory;
    enum wasi_errno result = wasi_directory(wasi, side[0].u32, right, &directory);

    if (result != WASI_SUCCESS)
        return result;
    *handle = directory->handle;
    return wasi_path(wasi, side + 1, path);
}

static enum wasi_errno ask_about_two(struct wasi *wasi, struct file_request request,
                                     struct wasi_path path, struct wasi_path other)
{
    struct file_answer answer;

    request.path = path.bytes;
    request.path_length = path.length;
    request.other_path = other.bytes;
    request.other_path_length = other.length;
    return wasi_ask(wasi, &request, &answer, NULL, NULL);
}

enum wasi_errno wasi_path_rename(struct wasi *wasi, const union slot *arguments)
{
    struct file_request request = {.operation = FILE_RENAME};
    struct wasi_path path;
    struct wasi_path other;
    enum wasi_errno result =
        take_side(wasi, arguments, RIGHT_PATH_RENAME_SOURCE, &request.handle, &path);

    if (result == WASI_SUCCESS)
        result =
            take_side(wasi, arguments + 3, RIGHT_PATH_RENAME_TARGET, &request.other_handle, &other);
    return result == WASI_SUCCESS ? ask_about_two(wasi, request, path, other) : result;
}

// Never a link to what a link leads to.
enum wasi_errno wasi_path_link(struct wasi *wasi, const union slot *arguments)
{
    const union slot source[] = {arguments[0], arguments[2], arguments[3]};
    struct file_request request = {.operation = FILE_LINK};
    struct wasi_path path;
    struct wasi_path other;
    enum wasi_errno result =
        take_side(wasi, source, RIGHT_PATH_LINK_SOURCE, &request.handle, &path);

    if (result == WASI_SUCCESS)
        result =
            take_side(wasi, arguments + 4, RIGHT_PATH_LINK_TARGET, &request.other_handle, &other);
    if (result == WASI_SUCCESS && arguments[1].u32 != 0)
        result = WASI_INVAL;
    return result == WASI_SUCCESS ? ask_about_two(wasi, request, path, other) : result;
}

// The link's text goes through the same checks: an absolute one would lead nowhere.
enum wasi_errno wasi_path_symlink(struct wasi *wasi, const union slot *arguments)
{
    struct file_request request = {.operation = FILE_SYMLINK};
    struct wasi_path text;
    struct wasi_path path;
    enum wasi_errno result =
        take_side(wasi, arguments + 2, RIGHT_PATH_SYMLINK, &request.handle, &path);

    if (result == WASI_SUCCESS)
        result = wasi_path(wasi, arguments, &text);
    return result == WASI_SUCCESS ? ask_about_two(wasi, request, text, path) : result;
}
