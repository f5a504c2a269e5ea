// SPDX-License-Identifier: Apache-2.0
//
// Paths of a plugin, looked up beneath a directory that it was granted. No path of the host's is
// ever put together from them: every step begins at a descriptor, so that nothing that changes
// meanwhile can lead outside. With openat2 the kernel does the walk, without it we do, component by
// component; both are tested. What is looked up is a folder and the last component in it, or, for
// opening, the file itself.
//
// Functions return 0 or a descriptor, or an errno as a negative number. -EXDEV means: the path
// leads outside; the same for absolute paths and links, and for mounts of proc and sysfs, which are
// outside wherever they are.
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    BENEATH_PATH_MAX = 4096, // bytes of a path
    BENEATH_LINKS_MAX = 40,  // symbolic links on the way, as the kernel has it
    BENEATH_DEPTH_MAX = 128  // folders below the grant, where we walk ourselves
};

// A directory that was granted. Constant once it is open; any thread may use it.
struct beneath {
    int root;         // O_PATH
    bool use_openat2; // the kernel has it and lets us
    bool follow;      // links inside the grant
};

// Opens the directory. `path` is the host's own, without symbolic links: ELOOP or ENOTDIR if it is
// or, with openat2, leads through one. Errors: errno. On failure there is nothing to close.
int beneath_open_root(struct beneath *beneath, const char *path, bool follow);
void beneath_close(struct beneath *beneath);

// Where a path ends: a folder, and a name in it that is neither "." nor "..", or "" for the folder
// itself. A slash at the end says that it is to be a directory.
struct beneath_place {
    int folder; // O_PATH; the caller's to close
    bool must_be_directory;
    char name[NAME_MAX + 1];
};

// Looks up all but the last component, which need not exist. Errors: ENOENT for the empty path,
// ENAMETOOLONG, EILSEQ for what is not UTF-8, EINVAL for a NUL, EXDEV, ELOOP, ENOTDIR and so on.
int beneath_find(const struct beneath *beneath, const char *path, size_t length,
                 struct beneath_place *place);

// Opens what is there, or creates it. `flags` are open's: access mode, O_CREAT, O_EXCL, O_TRUNC,
// O_APPEND, O_DIRECTORY, O_PATH and sync flags; O_CLOEXEC, O_NOCTTY and O_NONBLOCK are added.
// O_CREAT is EISDIR with a slash at the end, EINVAL with O_DIRECTORY; O_EXCL is nothing without it.
// `follow` is for a link in the last component, which is ELOOP otherwise.
int beneath_open(const struct beneath *beneath, const char *path, size_t length, int flags,
                 mode_t mode, bool follow);
