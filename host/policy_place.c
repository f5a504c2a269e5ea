// SPDX-License-Identifier: Apache-2.0
#include "host/policy_place.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINKS_MAX = 8 };

// Where the next name is taken from.
struct way {
    int folder; // AT_FDCWD at first
    char path[PATH_MAX];
    const char *name; // in the folder
};

bool policy_place_fail(struct policy_error *error, const char *what)
{
    char reason[128];

    return policy_error_set(error, 0, 0, "cannot %s: %s", what,
                            strerror_r(errno, reason, sizeof reason));
}

static bool check_owner(const struct stat *status, const char *what, struct policy_error *error)
{
    if (status->st_uid == 0 || status->st_uid == geteuid())
        return true;
    return policy_error_set(error, 0, 0,
                            "%s belongs to user %u, and not to root or the user of this process",
                            what, (unsigned)status->st_uid);
}

static const char *who_writes(const struct stat *status)
{
    return status->st_mode & S_IWOTH ? "everybody" : "its group";
}

static bool check_file(int fd, struct policy_error *error)
{
    struct stat status;

    if (fstat(fd, &status) != 0)
        return policy_place_fail(error, "look at the policy");
    if (!S_ISREG(status.st_mode))
        return policy_error_set(error, 0, 0, "the policy is not a regular file");
    if (status.st_mode & (S_IWGRP | S_IWOTH))
        return policy_error_set(error, 0, 0,
                                "the policy may be written by %s (mode %03o): chmod go-w it",
                                who_writes(&status), (unsigned)status.st_mode & 0777u);
    return check_owner(&status, "the policy", error);
}

static bool check_folder(int fd, struct policy_error *error)
{
    struct stat status;

    if (fstat(fd, &status) != 0)
        return policy_place_fail(error, "look at the policy's folder");
    if (status.st_mode & (S_IWGRP | S_IWOTH) && !(status.st_mode & S_ISVTX))
        return policy_error_set(error, 0, 0,
                                "the policy may be exchanged: its folder may be written by %s "
                                "(mode %03o): chmod go-w the folder",
                                who_writes(&status), (unsigned)status.st_mode & 0777u);
    return check_owner(&status, "the policy's folder", error);
}

// Enters the folder of the last name in the path, relative to where the way is.
static bool enter(struct way *way, struct policy_error *error)
{
    char *slash = strrchr(way->path, '/');
    const char *folder = slash == NULL ? "." : slash == way->path ? "/" : way->path;
    int entered;

    if (slash)
        *slash = '\0'; // "/" above is a text of its own
    entered = openat(way->folder, folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    way->name = slash ? slash + 1 : way->path;
    if (way->name[0] == '\0')
        way->name = "."; // a folder, which is then refused as one
    if (entered < 0)
        return policy_place_fail(error, "open the policy");
    if (way->folder != AT_FDCWD)
        close(way->folder);
    way->folder = entered;
    return check_folder(entered, error);
}

// Makes where a symbolic link leads the path of the way.
static bool follow(struct way *way, struct policy_error *error)
{
    char target[PATH_MAX];
    struct stat status;
    ssize_t length;

    if (fstatat(way->folder, way->name, &status, AT_SYMLINK_NOFOLLOW) != 0)
        return policy_place_fail(error, "look at the policy");
    if (!check_owner(&status, "a symbolic link to the policy", error))
        return false;
    length = readlinkat(way->folder, way->name, target, sizeof target - 1);
    if (length < 0)
        return policy_place_fail(error, "follow a symbolic link to the policy");
    target[length] = '\0';
    strcpy(way->path, target);
    return true;
}

static bool walk(struct way *way, int *file, struct policy_error *error)
{
    for (unsigned links = 0; links <= LINKS_MAX; links++) {
        if (!enter(way, error))
            return false;
        // Not to wait for a FIFO's writer, and not to get a terminal.
        *file = openat(way->folder, way->name,
                       O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (*file >= 0)
            return check_file(*file, error);
        if (errno != ELOOP)
            return policy_place_fail(error, "open the policy");
        if (!follow(way, error))
            return false;
    }
    return policy_error_set(error, 0, 0, "more than %d symbolic links lead to the policy",
                            LINKS_MAX);
}

bool policy_place_open(const char *path, int *file, struct policy_error *error)
{
    struct way way = {.folder = AT_FDCWD};
    bool opened;

    *file = -1;
    if (strlen(path) >= sizeof way.path) {
        errno = ENAMETOOLONG;
        return policy_place_fail(error, "open the policy");
    }
    strcpy(way.path, path);
    opened = walk(&way, file, error);
    if (way.folder != AT_FDCWD)
        close(way.folder);
    if (!opened && *file >= 0) {
        close(*file);
        *file = -1;
    }
    return opened;
}
