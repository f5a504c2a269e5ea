// SPDX-License-Identifier: Apache-2.0
//
// A guest that tries to leave its directories, by WASI's own functions, since a libc would mend the
// paths. Directories: 3 may be written, 4 only be read, 5 be written but has no links. escape.py
// makes the tree, and looks afterwards whether anything outside has changed.
//
//   escape           every trick once; prints those that were not answered as they should be
//   escape race N    what may be done in a directory that somebody else swaps for a link, N rounds
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WASI(name_)                                                                                \
    __attribute__((import_module("wasi_snapshot_preview1"), import_name(#name_))) uint32_t name_

WASI(path_open)
(uint32_t fd, uint32_t lookup, const char *path, size_t length, uint32_t oflags, uint64_t base,
 uint64_t inheriting, uint32_t fdflags, uint32_t *opened);
WASI(path_create_directory)(uint32_t fd, const char *path, size_t length);
WASI(path_remove_directory)(uint32_t fd, const char *path, size_t length);
WASI(path_unlink_file)(uint32_t fd, const char *path, size_t length);
WASI(path_filestat_get)(uint32_t fd, uint32_t lookup, const char *path, size_t length, void *stat);
WASI(path_filestat_set_times)
(uint32_t fd, uint32_t lookup, const char *path, size_t length, uint64_t access,
 uint64_t modification, uint32_t flags);
WASI(path_link)
(uint32_t fd, uint32_t lookup, const char *path, size_t length, uint32_t to, const char *other,
 size_t other_length);
WASI(path_rename)
(uint32_t fd, const char *path, size_t length, uint32_t to, const char *other, size_t other_length);
WASI(path_symlink)
(const char *text, size_t text_length, uint32_t fd, const char *path, size_t length);
WASI(path_readlink)
(uint32_t fd, const char *path, size_t length, char *buffer, size_t room, size_t *used);
WASI(fd_close)(uint32_t fd);
WASI(fd_read)(uint32_t fd, const void *iovecs, size_t count, size_t *got);
WASI(fd_write)(uint32_t fd, const void *iovecs, size_t count, size_t *put);

enum {
    FOLLOW = 1,
    CREAT = 1,
    DIRECTORY = 2,
    EXCL = 4,
    TRUNC = 8,
    D = 3,
    READ_ONLY = 4,
    NO_LINKS = 5
};
enum {
    OK = 0,
    EXIST = 20,
    INVAL = 28,
    ISDIR = 31,
    LOOP = 32,
    NAMETOOLONG = 37,
    NOENT = 44,
    NOTDIR = 54,
    NOTEMPTY = 55,
    NOTSUP = 58,
    PERM = 63,
    NOTCAPABLE = 76,
    ILSEQ = 25,
    ANY = 1000 // any error
};

#define RIGHT_READ  (UINT64_C(1) << 1)
#define RIGHT_WRITE (UINT64_C(1) << 6)

static int attempts;
static int wrong;

static void answered(const char *what, uint32_t fd, const char *path, uint32_t error,
                     uint32_t wanted)
{
    attempts++;
    if (error == wanted || (wanted == ANY && error != OK))
        return;
    wrong++;
    printf("%s %u %s: %u instead of %u\n", what, (unsigned)fd, path, (unsigned)error,
           (unsigned)wanted);
}

static uint32_t open_at(uint32_t fd, uint32_t lookup, const char *path, size_t length,
                        uint32_t oflags, uint64_t rights)
{
    uint32_t opened;
    uint32_t error = path_open(fd, lookup, path, length, oflags, rights, 0, 0, &opened);

    if (error == OK)
        fd_close(opened);
    return error;
}

static uint32_t stat_at(uint32_t fd, uint32_t lookup, const char *path)
{
    uint64_t stat[8];

    return path_filestat_get(fd, lookup, path, strlen(path), stat);
}

static uint32_t times_at(uint32_t fd, uint32_t lookup, const char *path)
{
    return path_filestat_set_times(fd, lookup, path, strlen(path), 0, 0, 1 | 4);
}

// Everything that follows the last component of a path that leads outside.
static void paths_that_lead_outside(void)
{
    static const char *const paths[] = {
        "..",
        "../outside/secret",
        "sub/../../outside/secret",
        "./../outside",
        "sub/../..",
        "abs",
        "absdir",
        "absdir/secret",
        "rel",
        "reldir",
        "reldir/secret",
        "dangling",
        "dangling-abs",
        "chain",
        "up",
        "up/outside",
        "updown",
        "magic",
        "reldir/",
        "absdir/",
        "rel/",
        "abs/",
        "dangling/",
        "reldir/dir/inner",
        "magic/etc",
        "descriptor",
        "insidedir/../../outside/secret",
        "reldir/.",
        "reldir/..",
        "/",
        "/file",
        "//file",
        "/../outside/secret",
    };

    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        const char *path = paths[i];
        size_t length = strlen(path);

        answered("read", D, path, open_at(D, FOLLOW, path, length, 0, RIGHT_READ), NOTCAPABLE);
        answered("write", D, path, open_at(D, FOLLOW, path, length, 0, RIGHT_WRITE), NOTCAPABLE);
        answered("open", D, path, open_at(D, FOLLOW, path, length, DIRECTORY, 0), NOTCAPABLE);
        answered("truncate", D, path, open_at(D, FOLLOW, path, length, TRUNC, RIGHT_WRITE),
                 NOTCAPABLE);
        answered("stat", D, path, stat_at(D, FOLLOW, path), NOTCAPABLE);
        answered("times", D, path, times_at(D, FOLLOW, path), NOTCAPABLE);
        // A slash behind what is to be a file is wrong already, however it leads.
        answered("create", D, path, open_at(D, FOLLOW, path, length, CREAT, RIGHT_WRITE),
                 path[length - 1] == '/' ? ANY : NOTCAPABLE);
        answered("create anew", D, path,
                 open_at(D, FOLLOW, path, length, CREAT | EXCL, RIGHT_WRITE), ANY);
    }
}

// The last component is not followed here, so only what comes before can lead outside.
static void changes_that_lead_outside(void)
{
    static const char *const paths[] = {
        "../new",
        "../outside/new",
        "absdir/new",
        "reldir/new",
        "up/new",
        "sub/../../new",
        "magic/tmp/new",
        "insidedir/../../new",
        "reldir/dir/new",
        "absdir/dir/new/",
        "updown/../../new",
        "/new",
        "../outside/secret",
        "reldir/secret",
        "absdir/dir/inner",
        "reldir/dir",
    };

    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        const char *path = paths[i];
        size_t length = strlen(path);
        char text[64];
        size_t used;

        answered("mkdir", D, path, path_create_directory(D, path, length), NOTCAPABLE);
        answered("rmdir", D, path, path_remove_directory(D, path, length), NOTCAPABLE);
        answered("unlink", D, path, path_unlink_file(D, path, length), NOTCAPABLE);
        answered("readlink", D, path, path_readlink(D, path, length, text, sizeof text, &used),
                 NOTCAPABLE);
        answered("symlink", D, path, path_symlink("file", 4, D, path, length), NOTCAPABLE);
        answered("rename to", D, path, path_rename(D, "file", 4, D, path, length), NOTCAPABLE);
        answered("rename", D, path, path_rename(D, path, length, D, "taken", 5), NOTCAPABLE);
        answered("link to", D, path, path_link(D, 0, "file", 4, D, path, length), NOTCAPABLE);
        answered("link", D, path, path_link(D, 0, path, length, D, "taken", 5), NOTCAPABLE);
        answered("stat", D, path, stat_at(D, 0, path), NOTCAPABLE);
        answered("times", D, path, times_at(D, 0, path), NOTCAPABLE);
    }
}

// Links themselves are inside, and may be handled as such.
static void links_as_such(void)
{
    static const char *const links[] = {"abs",      "absdir", "rel",  "reldir",
                                        "dangling", "up",     "magic"};
    char text[256];
    size_t used;

    for (size_t i = 0; i < sizeof links / sizeof links[0]; i++) {
        const char *path = links[i];
        size_t length = strlen(path);

        answered("open", D, path, open_at(D, 0, path, length, 0, RIGHT_READ), LOOP);
        answered("write", D, path, open_at(D, 0, path, length, 0, RIGHT_WRITE), LOOP);
        answered("truncate", D, path, open_at(D, 0, path, length, TRUNC, RIGHT_WRITE), LOOP);
        answered("create", D, path, open_at(D, 0, path, length, CREAT, RIGHT_WRITE), LOOP);
        answered("create", D, path, open_at(D, 0, path, length, CREAT | EXCL, RIGHT_WRITE), EXIST);
        answered("directory", D, path, open_at(D, 0, path, length, DIRECTORY, 0), ANY);
        answered("stat", D, path, stat_at(D, 0, path), OK);
        answered("mkdir", D, path, path_create_directory(D, path, length), EXIST);
        answered("rmdir", D, path, path_remove_directory(D, path, length), NOTDIR);
        answered("readlink", D, path, path_readlink(D, path, length, text, sizeof text, &used), OK);
        answered("link onto", D, path, path_link(D, 0, "file", 4, D, path, length), EXIST);
        answered("symlink onto", D, path, path_symlink("file", 4, D, path, length), EXIST);
        // A link to the link, then both are renamed and gone.
        answered("link", D, path, path_link(D, 0, path, length, D, "hard", 4), OK);
        answered("rename", D, path, path_rename(D, "hard", 4, D, "moved", 5), OK);
        answered("unlink", D, path, path_unlink_file(D, "moved", 5), OK);
        answered("link and follow", D, path, path_link(D, FOLLOW, path, length, D, "hard", 4),
                 INVAL);
    }
    answered("loop", D, "loop", open_at(D, FOLLOW, "loop", 4, 0, RIGHT_READ), LOOP);
    answered("symlink", D, "absolute", path_symlink("/etc/passwd", 11, D, "new", 3), NOTCAPABLE);
    // A link that leads outside may be made, and leads nowhere.
    answered("symlink", D, "outside", path_symlink("../outside/secret", 17, D, "out", 3), OK);
    answered("read", D, "out", open_at(D, FOLLOW, "out", 3, 0, RIGHT_READ), NOTCAPABLE);
    answered("unlink", D, "out", path_unlink_file(D, "out", 3), OK);
}

static void grants_that_differ(void)
{
    answered("write", READ_ONLY, "file", open_at(READ_ONLY, FOLLOW, "file", 4, 0, RIGHT_WRITE),
             NOTCAPABLE);
    answered("create", READ_ONLY, "new", open_at(READ_ONLY, 0, "new", 3, CREAT, RIGHT_READ),
             NOTCAPABLE);
    answered("truncate", READ_ONLY, "file", open_at(READ_ONLY, 0, "file", 4, TRUNC, RIGHT_READ),
             NOTCAPABLE);
    answered("mkdir", READ_ONLY, "new", path_create_directory(READ_ONLY, "new", 3), NOTCAPABLE);
    answered("unlink", READ_ONLY, "file", path_unlink_file(READ_ONLY, "file", 4), NOTCAPABLE);
    answered("rmdir", READ_ONLY, "sub", path_remove_directory(READ_ONLY, "sub", 3), NOTCAPABLE);
    answered("times", READ_ONLY, "file", times_at(READ_ONLY, 0, "file"), NOTCAPABLE);
    answered("symlink", READ_ONLY, "new", path_symlink("file", 4, READ_ONLY, "new", 3), NOTCAPABLE);
    answered("rename", READ_ONLY, "file", path_rename(READ_ONLY, "file", 4, D, "taken", 5),
             NOTCAPABLE);
    answered("rename into", READ_ONLY, "file", path_rename(D, "file", 4, READ_ONLY, "new", 3),
             NOTCAPABLE);
    answered("link", READ_ONLY, "file", path_link(READ_ONLY, 0, "file", 4, D, "taken", 5),
             NOTCAPABLE);
    answered("link into", READ_ONLY, "file", path_link(D, 0, "file", 4, READ_ONLY, "new", 3),
             NOTCAPABLE);
    answered("link", NO_LINKS, "link", open_at(NO_LINKS, FOLLOW, "link", 4, 0, RIGHT_READ), LOOP);
    answered("symlink", NO_LINKS, "new", path_symlink("file", 4, NO_LINKS, "new", 3), NOTCAPABLE);
    answered("rename link", NO_LINKS, "in", path_rename(D, "inside", 6, NO_LINKS, "in", 2), ANY);
}

static void paths_that_are_none(void)
{
    static char long_path[8192];

    memset(long_path, 'x', sizeof long_path);
    answered("open", D, "(empty)", open_at(D, FOLLOW, "", 0, 0, RIGHT_READ), NOENT);
    answered("open", D, "(NUL)", open_at(D, FOLLOW, "file\0", 5, 0, RIGHT_READ), INVAL);
    answered("open", D, "(NUL)", open_at(D, FOLLOW, "fi\0le", 5, 0, RIGHT_READ), INVAL);
    answered("open", D, "(not UTF-8)", open_at(D, FOLLOW, "\xff\xfe", 2, 0, RIGHT_READ), ILSEQ);
    answered("open", D, "(8192)", open_at(D, FOLLOW, long_path, 8192, 0, RIGHT_READ), NAMETOOLONG);
    answered("open", D, "(300)", open_at(D, FOLLOW, long_path, 300, 0, RIGHT_READ), NAMETOOLONG);
    answered("unlink", D, "file/", path_unlink_file(D, "file/", 5), NOTDIR);
    answered("unlink", D, "sub/", path_unlink_file(D, "sub/", 4), ISDIR);
    answered("open", D, "file/", open_at(D, FOLLOW, "file/", 5, 0, RIGHT_READ), NOTDIR);
    answered("open", D, "file/x", open_at(D, FOLLOW, "file/x", 6, 0, RIGHT_READ), NOTDIR);
    answered("rename", D, "file/", path_rename(D, "file/", 5, D, "new", 3), NOTDIR);
    answered("rename", D, "file new/", path_rename(D, "file", 4, D, "new/", 4), NOTDIR);
    answered("rmdir", D, "sub", path_remove_directory(D, "sub", 3), NOTEMPTY);
    answered("rmdir", D, ".", path_remove_directory(D, ".", 1), ANY);
    answered("fifo", D, "fifo", open_at(D, FOLLOW, "fifo", 4, 0, RIGHT_READ), ANY);
    answered("fifo", D, "fifo", open_at(D, FOLLOW, "fifo", 4, 0, RIGHT_WRITE), ANY);
    answered("socket", D, "socket", open_at(D, FOLLOW, "socket", 6, 0, RIGHT_READ), ANY);
    answered("link", D, "sub", path_link(D, 0, "sub", 3, D, "new", 3), PERM);
}

// What is ordinary goes on, also after all this.
static void ordinary_work(void)
{
    answered("read", D, "file", open_at(D, FOLLOW, "file", 4, 0, RIGHT_READ), OK);
    answered("read", D, "inside", open_at(D, FOLLOW, "inside", 6, 0, RIGHT_READ), OK);
    answered("read", D, "insidedir/deep", open_at(D, FOLLOW, "insidedir/deep", 14, 0, RIGHT_READ),
             OK);
    answered("read", D, "sub/../file", open_at(D, FOLLOW, "sub/../file", 11, 0, RIGHT_READ), OK);
    answered("open", D, "sub/", open_at(D, FOLLOW, "sub/", 4, DIRECTORY, 0), OK);
    answered("create", D, "work", open_at(D, 0, "work", 4, CREAT | EXCL, RIGHT_WRITE), OK);
    answered("link", D, "work", path_link(D, 0, "work", 4, D, "sub/work", 8), OK);
    answered("rename", D, "work", path_rename(D, "work", 4, NO_LINKS, "work", 4), ANY);
    answered("unlink", D, "work", path_unlink_file(D, "work", 4), OK);
    answered("unlink", D, "sub/work", path_unlink_file(D, "sub/work", 8), OK);
    answered("mkdir", D, "folder/", path_create_directory(D, "folder/", 7), OK);
    answered("rmdir", D, "folder/", path_remove_directory(D, "folder/", 7), OK);
    answered("through a dangling link", D, "to-come",
             open_at(D, FOLLOW, "to-come", 7, CREAT, RIGHT_WRITE), OK);
    answered("unlink", D, "sub/come", path_unlink_file(D, "sub/come", 8), OK);
}

// --- the race ------------------------------------------------------------------------------------

// What the file of that name in the directory that is swapped says; '-' if it cannot be read.
static char first_byte(const char *path)
{
    uint32_t opened;
    char byte = '-';
    struct {
        char *base;
        size_t length;
    } iovec = {&byte, 1};
    size_t got = 0;

    if (path_open(D, FOLLOW, path, strlen(path), 0, RIGHT_READ, 0, 0, &opened) != OK)
        return '-';
    if (fd_read(opened, &iovec, 1, &got) != OK || got != 1)
        byte = '-';
    fd_close(opened);
    return byte;
}

static void write_there(const char *path, uint32_t oflags)
{
    uint32_t opened;
    struct {
        const char *base;
        size_t length;
    } iovec = {"X", 1};
    size_t put;

    if (path_open(D, FOLLOW, path, strlen(path), oflags, RIGHT_WRITE, 0, 0, &opened) != OK)
        return;
    fd_write(opened, &iovec, 1, &put);
    fd_close(opened);
}

// "swap" is a directory of ours at one moment and a link to the outside at the next; "f" says 'i'
// inside and 's' outside. Whatever is done by name must be done inside, or not at all.
static int race(long rounds)
{
    long inside = 0;
    long refused = 0;

    for (long i = 0; i < rounds; i++) {
        char byte = first_byte("swap/f");

        inside += byte == 'i';
        refused += byte == '-';
        if (byte == 's') {
            printf("read the outside in round %ld\n", i);
            return 1;
        }
        write_there("swap/written", CREAT | TRUNC);
        write_there("swap/secret", TRUNC); // is only outside
        path_create_directory(D, "swap/made", 9);
        path_rename(D, "swap/written", 12, D, "swap/renamed", 12);
        path_link(D, 0, "file", 4, D, "swap/linked", 11);
        path_unlink_file(D, "swap/secret", 11);
        path_unlink_file(D, "swap/linked", 11);
        path_unlink_file(D, "swap/renamed", 12);
        path_remove_directory(D, "swap/made", 9);
        path_remove_directory(D, "swap/dir", 8);
        path_symlink("f", 1, D, "swap/sym", 8);
        path_unlink_file(D, "swap/sym", 8);
        path_rename(D, "swap/secret", 11, D, "taken", 5);
        times_at(D, FOLLOW, "swap/secret");
    }
    printf("race: %ld rounds, %ld inside, %ld refused\n", rounds, inside, refused);
    return inside > 0 && refused > 0 ? 0 : 2;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "race") == 0)
        return race(atol(argv[2]));
    paths_that_lead_outside();
    changes_that_lead_outside();
    links_as_such();
    grants_that_differ();
    paths_that_are_none();
    ordinary_work();
    printf("escape: %d attempts, %d wrong\n", attempts, wrong);
    return wrong == 0 ? 0 : 1;
}
