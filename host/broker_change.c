// SPDX-License-Identifier: Apache-2.0
//
// What changes directories. Each path is looked up to the directory of its last component, and the
// change is made there, by a name that is followed nowhere.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/broker_private.h"

enum { CREATION_MODE = 0777 };

static int find(const struct broker_entry *entry, const uint8_t *path, size_t length,
                struct beneath_place *place)
{
    int result = beneath_find(&entry->place, (const char *)path, length, place);

    return result == 0 ? 0 : broker_error(result);
}

static int result_of(int returned)
{
    return returned == 0 ? 0 : errno;
}

// 0 for what does not exist.
static mode_t mode_at(const struct beneath_place *place)
{
    struct stat found;

    return fstatat(place->folder, place->name, &found, AT_SYMLINK_NOFOLLOW) == 0 ? found.st_mode
                                                                                 : 0;
}

static bool is_directory(const struct beneath_place *place)
{
    return S_ISDIR(mode_at(place));
}

// --- one path ------------------------------------------------------------------------------------

static int create_directory(const struct beneath_place *place)
{
    if (place->name[0] == '\0')
        return EEXIST;
    return result_of(mkdirat(place->folder, place->name, CREATION_MODE));
}

static int remove_directory(const struct beneath_place *place)
{
    if (place->name[0] == '\0')
        return EINVAL;
    return result_of(unlinkat(place->folder, place->name, AT_REMOVEDIR));
}

// "name/" says that it is a directory, which is not unlinked; of anything else that is wrong.
static int unlink_file(const struct beneath_place *place)
{
    if (place->name[0] == '\0')
        return EISDIR;
    if (place->must_be_directory && mode_at(place) != 0)
        return is_directory(place) ? EISDIR : ENOTDIR;
    return result_of(unlinkat(place->folder, place->name, 0));
}

// What is not a directory cannot have a slash behind it.
static int create_link(const struct file_request *request, const struct beneath_place *place)
{
    char text[FILE_PATH_MAX + 1];

    if (memchr(request->path, '\0', request->path_length))
        return EINVAL;
    if (place->name[0] == '\0')
        return EEXIST;
    if (place->must_be_directory)
        return mode_at(place) != 0 ? EEXIST : ENOENT;
    snprintf(text, sizeof text, "%.*s", (int)request->path_length, (const char *)request->path);
    return result_of(symlinkat(text, place->folder, place->name));
}

int broker_read_link(const struct broker_entry *entry, const struct file_request *request,
                     uint8_t *bytes, size_t *length)
{
    struct beneath_place place;
    int error = entry->is_file ? ENOTDIR : find(entry, request->path, request->path_length, &place);
    ssize_t got = -1;

    if (error != 0)
        return error;
    if (place.name[0] == '\0' || place.must_be_directory)
        error = EINVAL;
    else if ((got = readlinkat(place.folder, place.name, (char *)bytes, *length)) < 0)
        error = errno;
    else
        *length = (size_t)got;
    close(place.folder);
    return error;
}

// --- two paths -----------------------------------------------------------------------------------

static int rename_to(const struct beneath_place *from, const struct beneath_place *to)
{
    if (from->name[0] == '\0' || to->name[0] == '\0')
        return EBUSY;
    if ((from->must_be_directory || to->must_be_directory) && mode_at(from) != 0 &&
        !is_directory(from))
        return ENOTDIR;
    return result_of(renameat(from->folder, from->name, to->folder, to->name));
}

static int link_to(const struct beneath_place *from, const struct beneath_place *to)
{
    if (from->name[0] == '\0')
        return EPERM;
    if (to->name[0] == '\0')
        return EEXIST;
    if (from->must_be_directory && mode_at(from) != 0 && !is_directory(from))
        return ENOTDIR;
    if (to->must_be_directory && !is_directory(from))
        return mode_at(to) != 0 ? EEXIST : ENOENT;
    return result_of(linkat(from->folder, from->name, to->folder, to->name, 0));
}

// From one grant to another only if both say the same, or a file would get other rights on the way.
static int change_two(const struct broker_entry *from, const struct broker_entry *to,
                      const struct file_request *request)
{
    struct beneath_place source;
    struct beneath_place target;
    int error;

    if (to->is_file)
        return ENOTDIR;
    if (!to->may_write)
        return FILE_NOT_GRANTED;
    if (from->place.follow != to->place.follow)
        return EXDEV;
    error = find(from, request->path, request->path_length, &source);
    if (error != 0)
        return error;
    error = find(to, request->other_path, request->other_path_length, &target);
    if (error == 0) {
        error = request->operation == FILE_RENAME ? rename_to(&source, &target)
                                                  : link_to(&source, &target);
        close(target.folder);
    }
    close(source.folder);
    return error;
}

// --- all of them ---------------------------------------------------------------------------------

static bool is_absolute(const uint8_t *path, size_t length)
{
    return length > 0 && path[0] == '/';
}

static int change_one(const struct broker_entry *entry, const struct file_request *request)
{
    bool links = request->operation == FILE_SYMLINK;
    const uint8_t *path = links ? request->other_path : request->path;
    size_t length = links ? request->other_path_length : request->path_length;
    struct beneath_place place;
    int error = find(entry, path, length, &place);

    if (error != 0)
        return error;
    if (links)
        error = create_link(request, &place);
    else if (request->operation == FILE_CREATE_DIRECTORY)
        error = create_directory(&place);
    else if (request->operation == FILE_REMOVE_DIRECTORY)
        error = remove_directory(&place);
    else
        error = unlink_file(&place);
    close(place.folder);
    return error;
}

int broker_change(struct broker *broker, const struct broker_entry *entry,
                  const struct file_request *request)
{
    const struct broker_entry *other;

    if (entry->is_file)
        return ENOTDIR;
    if (!entry->may_write)
        return FILE_NOT_GRANTED;
    if (request->operation == FILE_RENAME || request->operation == FILE_LINK) {
        other = broker_find(broker, request->other_handle);
        return other ? change_two(entry, other, request) : EBADF;
    }
    if (request->operation == FILE_SYMLINK && is_absolute(request->path, request->path_length))
        return FILE_OUTSIDE;
    if (request->operation == FILE_SYMLINK && !entry->place.follow)
        return FILE_NOT_GRANTED;
    return change_one(entry, request);
}
