// SPDX-License-Identifier: Apache-2.0
#include "host/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "sandbox/base/utf8.h"

enum {
    AGAIN_MAX = 128,                 // something was moved while the kernel walked
    TEXT_MAX = 2 * BENEATH_PATH_MAX, // of a link and what is left behind it
    OPEN_ALWAYS = O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
    FOLDER = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
};

// O_PATH takes few flags beside it, which openat2 insists on.
static int opening_flags(int flags)
{
    return flags | ((flags & O_PATH) != 0 ? O_CLOEXEC : OPEN_ALWAYS);
}

// --- the root ------------------------------------------------------------------------------------

static long open_with_kernel(int folder, const char *path, const struct open_how *how)
{
    long opened = -1;

    for (int i = 0; i < AGAIN_MAX; i++) {
        opened = syscall(SYS_openat2, folder, path, how, sizeof *how);
        if (opened >= 0 || (errno != EAGAIN && errno != EINTR))
            break;
    }
    return opened >= 0 ? opened : -errno;
}

// Kernels before 5.6 do not have it, and filters of containers may answer EPERM.
static bool has_openat2(int root)
{
    const struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_BENEATH};
    long opened = open_with_kernel(root, ".", &how);

    if (opened >= 0)
        close((int)opened);
    return opened >= 0;
}

static int open_root(const char *path)
{
    const struct open_how how = {.flags = FOLDER, .resolve = RESOLVE_NO_SYMLINKS};
    int opened = (int)open_with_kernel(AT_FDCWD, path, &how);

    if (opened != -ENOSYS && opened != -EPERM)
        return opened;
    opened = open(path, FOLDER);
    return opened >= 0 ? opened : -errno;
}

int beneath_open_root(struct beneath *beneath, const char *path, bool follow)
{
    *beneath = (struct beneath){.follow = follow};
    beneath->root = open_root(path);
    if (beneath->root < 0)
        return beneath->root;
    beneath->use_openat2 = has_openat2(beneath->root);
    return 0;
}

void beneath_close(struct beneath *beneath)
{
    if (beneath->root >= 0)
        close(beneath->root);
    beneath->root = -1;
}

// --- the walk without openat2 --------------------------------------------------------------------

// The folders from the root to where we are. ".." goes back to one that was open before, never to
// what the kernel would call the parent now.
struct walk {
    const struct beneath *beneath;
    int folders[BENEATH_DEPTH_MAX];
    size_t depth; // of folders that are ours; 0: at the root
    unsigned links;
    char rest[TEXT_MAX]; // what is still to be walked
};

static int here(const struct walk *walk)
{
    return walk->depth > 0 ? walk->folders[walk->depth - 1] : walk->beneath->root;
}

static void finish(struct walk *walk)
{
    while (walk->depth > 0)
        close(walk->folders[--walk->depth]);
}

static int enter(struct walk *walk, const char *name)
{
    int folder;

    if (walk->depth >= BENEATH_DEPTH_MAX)
        return -ENAMETOOLONG;
    folder = openat(here(walk), name, FOLDER);
    if (folder < 0)
        return -errno;
    walk->folders[walk->depth++] = folder;
    return 0;
}

static int leave(struct walk *walk)
{
    if (walk->depth == 0)
        return -EXDEV;
    close(walk->folders[--walk->depth]);
    return 0;
}

// Puts a link's text in front of what is left. 0 if the name is a link; -EINVAL if it is none.
static int expand(struct walk *walk, const char *name)
{
    char text[BENEATH_PATH_MAX];
    ssize_t length = readlinkat(here(walk), name, text, sizeof text);
    size_t rest = strlen(walk->rest);

    if (length < 0)
        return -errno;
    if (!walk->beneath->follow || ++walk->links > BENEATH_LINKS_MAX)
        return -ELOOP;
    if (length == 0)
        return -ENOENT;
    if (text[0] == '/')
        return -EXDEV;
    if ((size_t)length >= sizeof text || (size_t)length + 1 + rest >= sizeof walk->rest)
        return -ENAMETOOLONG;
    memmove(walk->rest + length + 1, walk->rest, rest + 1);
    memcpy(walk->rest, text, (size_t)length);
    walk->rest[length] = '/';
    if (rest == 0) // nothing followed: the link's own end decides
        walk->rest[length] = '\0';
    return 0;
}

// The next component of what is left; its length, 0 at the end.
static size_t next_component(struct walk *walk, char name[NAME_MAX + 1], int *error)
{
    const char *at = walk->rest;
    size_t length;

    while (*at == '/')
        at++;
    length = strcspn(at, "/");
    if (length > NAME_MAX) {
        *error = -ENAMETOOLONG;
        return 0;
    }
    memcpy(name, at, length);
    name[length] = '\0';
    memmove(walk->rest, at + length, strlen(at + length) + 1);
    return length;
}

static bool is_last(const struct walk *walk)
{
    return walk->rest[strspn(walk->rest, "/")] == '\0';
}

// One component that is not the last one wanted, or a folder at the end.
static int step(struct walk *walk, const char *name)
{
    int error;

    if (strcmp(name, ".") == 0)
        return 0;
    if (strcmp(name, "..") == 0)
        return leave(walk);
    error = enter(walk, name);
    // O_NOFOLLOW with O_DIRECTORY: a link is no directory.
    if (error != -ENOTDIR && error != -ELOOP)
        return error;
    error = expand(walk, name);
    return error == -EINVAL ? -ENOTDIR : error;
}

// Walks to the folder of the last component, which ends up in `place`.
static int walk_to(struct walk *walk, struct beneath_place *place)
{
    int error = 0;

    for (;;) {
        char name[NAME_MAX + 1];
        size_t length = next_component(walk, name, &error);

        if (error != 0 || length == 0)
            break;
        if (is_last(walk) && strcmp(name, ".") != 0 && strcmp(name, "..") != 0) {
            place->must_be_directory = walk->rest[0] == '/';
            memcpy(place->name, name, length + 1);
            return 0;
        }
        error = step(walk, name);
        if (error != 0)
            break;
    }
    place->must_be_directory = false; // it is one
    place->name[0] = '\0';
    return error;
}

static void begin(struct walk *walk, const struct beneath *beneath, const char *path, size_t length)
{
    walk->beneath = beneath;
    walk->depth = 0;
    walk->links = 0;
    memcpy(walk->rest, path, length);
    walk->rest[length] = '\0';
}

// A descriptor of one's own for the folder where the walk is.
static int keep_here(const struct walk *walk)
{
    int folder = fcntl(here(walk), F_DUPFD_CLOEXEC, 0);

    return folder >= 0 ? folder : -errno;
}

static int find_by_walking(const struct beneath *beneath, const char *path, size_t length,
                           struct beneath_place *place)
{
    struct walk walk;
    int result;

    begin(&walk, beneath, path, length);
    result = walk_to(&walk, place);
    if (result == 0)
        place->folder = result = keep_here(&walk);
    finish(&walk);
    return result < 0 ? result : 0;
}

static bool is_link(int file)
{
    struct stat status;

    return fstat(file, &status) == 0 && S_ISLNK(status.st_mode);
}

// Opens the last component; a link there is walked as well, if it is to be followed.
static int open_by_walking(const struct beneath *beneath, const char *path, size_t length,
                           int flags, mode_t mode, bool follow)
{
    struct beneath_place place = {.folder = -1};
    struct walk walk;
    int result = 0;

    begin(&walk, beneath, path, length);
    while (result == 0) {
        int own = opening_flags(flags) | O_NOFOLLOW;

        result = walk_to(&walk, &place);
        if (result != 0)
            break;
        if (place.must_be_directory && (flags & O_CREAT) != 0) {
            result = -EISDIR;
            break;
        }
        if (place.must_be_directory)
            own |= O_DIRECTORY;
        // The folder itself, where the path ended with "." or "..".
        result = openat(here(&walk), place.name[0] ? place.name : ".", own, mode);
        if (result >= 0 && follow && is_link(result)) { // O_PATH opens the link itself
            close(result);
            result = -1;
            errno = ELOOP;
        }
        if (result >= 0)
            break;
        result = -errno;
        if (!follow || place.name[0] == '\0' || (flags & O_EXCL) != 0 ||
            (result != -ELOOP && result != -ENOTDIR))
            break;
        result = expand(&walk, place.name);
        if (result == -EINVAL)
            result = -ENOTDIR;
        if (result == 0 && place.must_be_directory && strlen(walk.rest) + 1 < sizeof walk.rest)
            strcat(walk.rest, "/");
    }
    finish(&walk);
    return result;
}

// --- paths ---------------------------------------------------------------------------------------

static int check_path(const char *path, size_t length)
{
    if (length == 0)
        return -ENOENT;
    if (length >= BENEATH_PATH_MAX)
        return -ENAMETOOLONG;
    if (memchr(path, '\0', length))
        return -EINVAL;
    if (!utf8_valid((const uint8_t *)path, length))
        return -EILSEQ;
    return path[0] == '/' ? -EXDEV : 0;
}

static uint64_t resolution(const struct beneath *beneath)
{
    return RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS |
           (beneath->follow ? 0 : (uint64_t)RESOLVE_NO_SYMLINKS);
}

// Splits off the last component; what is in front is closed by NUL in `folder`, "." if nothing is.
static int split(const char *path, size_t length, char folder[BENEATH_PATH_MAX],
                 struct beneath_place *place)
{
    size_t end = length;
    size_t begin;

    while (end > 0 && path[end - 1] == '/')
        end--;
    place->must_be_directory = end < length;
    begin = end;
    while (begin > 0 && path[begin - 1] != '/')
        begin--;
    if (end - begin > NAME_MAX)
        return -ENAMETOOLONG;
    memcpy(place->name, path + begin, end - begin);
    place->name[end - begin] = '\0';
    if (strcmp(place->name, ".") == 0 || strcmp(place->name, "..") == 0) {
        place->name[0] = '\0';
        begin = length;
    }
    memcpy(folder, path, begin);
    folder[begin] = '\0';
    if (begin == 0)
        memcpy(folder, ".", 2);
    return 0;
}

static int find_by_kernel(const struct beneath *beneath, const char *path, size_t length,
                          struct beneath_place *place)
{
    struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
                           .resolve = resolution(beneath)};
    char folder[BENEATH_PATH_MAX];
    int error = split(path, length, folder, place);
    long opened;

    if (error != 0)
        return error;
    opened = open_with_kernel(beneath->root, folder, &how);
    place->folder = (int)opened;
    return opened < 0 ? (int)opened : 0;
}

// Takes what was opened, and gives it back unless it is on a file system through which the host
// and other processes are reached. Whoever mounts one below a grant did not mean that.
static int keep_ordinary(int opened)
{
    struct statfs system;
    int error;

    if (opened < 0)
        return opened;
    error = fstatfs(opened, &system) != 0 ? -errno : 0;
    if (error == 0 && (system.f_type == PROC_SUPER_MAGIC || system.f_type == SYSFS_MAGIC))
        error = -EXDEV;
    if (error == 0)
        return opened;
    close(opened);
    return error;
}

int beneath_find(const struct beneath *beneath, const char *path, size_t length,
                 struct beneath_place *place)
{
    int error = check_path(path, length);

    *place = (struct beneath_place){.folder = -1};
    if (error == 0)
        error = beneath->use_openat2 ? find_by_kernel(beneath, path, length, place)
                                     : find_by_walking(beneath, path, length, place);
    if (error != 0)
        return error;
    place->folder = keep_ordinary(place->folder);
    return place->folder < 0 ? place->folder : 0;
}

// The slashes at the end are not the kernel's to see: with them it follows a link in the last
// component, whatever is asked.
static int open_by_kernel(const struct beneath *beneath, const char *path, size_t length, int flags,
                          mode_t mode, bool follow)
{
    uint32_t own = (uint32_t)(opening_flags(flags) | (follow ? 0 : O_NOFOLLOW));
    struct open_how how = {
        .flags = own, .mode = (flags & O_CREAT) != 0 ? mode : 0, .resolve = resolution(beneath)};
    char text[BENEATH_PATH_MAX];

    memcpy(text, path, length);
    while (length > 1 && text[length - 1] == '/') {
        length--;
        how.flags |= O_DIRECTORY;
    }
    text[length] = '\0';
    return (int)open_with_kernel(beneath->root, text, &how);
}

// Older kernels create a file for O_CREAT with O_DIRECTORY, and then say that it is no directory.
static int check_creation(const char *path, size_t length, int flags)
{
    if ((flags & O_CREAT) == 0)
        return 0;
    if ((flags & O_DIRECTORY) != 0)
        return -EINVAL;
    return path[length - 1] == '/' ? -EISDIR : 0;
}

int beneath_open(const struct beneath *beneath, const char *path, size_t length, int flags,
                 mode_t mode, bool follow)
{
    int error = check_path(path, length);

    if (error == 0)
        error = check_creation(path, length, flags);
    if (error != 0)
        return error;
    if ((flags & O_CREAT) == 0)
        flags &= ~O_EXCL; // claims a block device
    return keep_ordinary(beneath->use_openat2
                             ? open_by_kernel(beneath, path, length, flags, mode, follow)
                             : open_by_walking(beneath, path, length, flags, mode, follow));
}
