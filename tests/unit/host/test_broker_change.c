// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/host/broker_fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

enum { RACE_SECONDS = 2 };

// --- one path ------------------------------------------------------------------------------------

static void directories_are_created_and_removed(void **state)
{
    (void)state;
    EXPECT(ask(FILE_CREATE_DIRECTORY, WRITE, "new", 0), 0);
    EXPECT(ask(FILE_CREATE_DIRECTORY, WRITE, "new", 0), EEXIST);
    EXPECT(ask(FILE_CREATE_DIRECTORY, WRITE, "folder/../new/deep//", 0), 0);
    assert_int_equal(status_in("write/new/deep").st_mode & 07022, 0);
    EXPECT(ask(FILE_REMOVE_DIRECTORY, WRITE, "new", 0), ENOTEMPTY);
    EXPECT(ask(FILE_REMOVE_DIRECTORY, WRITE, "new/deep/", 0), 0);
    EXPECT(ask(FILE_REMOVE_DIRECTORY, WRITE, "new", 0), 0);
    EXPECT(ask(FILE_REMOVE_DIRECTORY, WRITE, "new", 0), ENOENT);
    EXPECT(ask(FILE_REMOVE_DIRECTORY, WRITE, "file", 0), ENOTDIR);
    EXPECT(ask(FILE_REMOVE_DIRECTORY, WRITE, "file/", 0), ENOTDIR);
    EXPECT(ask(FILE_CREATE_DIRECTORY, WRITE, "missing/new", 0), ENOENT);
    EXPECT(ask(FILE_CREATE_DIRECTORY, WRITE, "file/new", 0), ENOTDIR);
}

static void a_slash_behind_a_link_does_not_have_it_followed(void **state)
{
    static char before[SNAPSHOT_SIZE];

    (void)state;
    take_snapshot("write", before);
    EXPECT(ask(FILE_CREATE_DIRECTORY, WRITE, "dangling-out/", 0), EEXIST);
    EXPECT(ask(FILE_CREATE_DIRECTORY, WRITE, "dangling/", 0), EEXIST);
    EXPECT(ask(FILE_REMOVE_DIRECTORY, WRITE, "up/", 0), ENOTDIR);
    EXPECT(ask(FILE_REMOVE_DIRECTORY, WRITE, "folder/", 0), ENOTDIR);
    EXPECT(ask(FILE_UNLINK, WRITE, "folder/", 0), ENOTDIR);
    EXPECT(ask_two(FILE_RENAME, WRITE, "up/", WRITE, "new"), ENOTDIR);
    EXPECT(ask_two(FILE_LINK, WRITE, "folder/", WRITE, "new"), ENOTDIR);
    EXPECT(ask_two(FILE_SYMLINK, WRITE, "x", WRITE, "dangling-out/"), EEXIST);
    EXPECT(ask(FILE_READ_LINK, WRITE, "folder/", 0), EINVAL);
    expect_unchanged("write", before);
}

static void files_and_links_are_unlinked_and_directories_are_not(void **state)
{
    (void)state;
    EXPECT(ask(FILE_UNLINK, WRITE, "a", 0), EISDIR);
    EXPECT(ask(FILE_UNLINK, WRITE, "a/", 0), EISDIR);
    EXPECT(ask(FILE_UNLINK, WRITE, "file/", 0), ENOTDIR);
    EXPECT(ask(FILE_UNLINK, WRITE, "missing/", 0), ENOENT);
    EXPECT(ask(FILE_UNLINK, WRITE, "link", 0), 0);
    EXPECT(ask(FILE_UNLINK, WRITE, "up", 0), 0);
    EXPECT(ask(FILE_UNLINK, NO_LINKS, "out", 0), 0);
    assert_true(exists("write/file"));
    EXPECT(ask(FILE_UNLINK, WRITE, "file", 0), 0);
    EXPECT(ask(FILE_UNLINK, WRITE, "file", 0), ENOENT);
}

static void names_of_dots_are_nothing_to_change(void **state)
{
    static const char *const names[] = {".", "./", "a/.", "a/..", "a/../", "folder/./"};
    static char before[SNAPSHOT_SIZE];

    (void)state;
    take_snapshot("write", before);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        EXPECT(ask(FILE_CREATE_DIRECTORY, WRITE, names[i], 0), EEXIST);
        EXPECT(ask(FILE_REMOVE_DIRECTORY, WRITE, names[i], 0), EINVAL);
        EXPECT(ask(FILE_UNLINK, WRITE, names[i], 0), EISDIR);
        EXPECT(ask(FILE_READ_LINK, WRITE, names[i], 0), EINVAL);
        EXPECT(ask_two(FILE_SYMLINK, WRITE, "x", WRITE, names[i]), EEXIST);
        EXPECT(ask_two(FILE_RENAME, WRITE, names[i], WRITE, "new"), EBUSY);
        EXPECT(ask_two(FILE_RENAME, WRITE, "file", WRITE, names[i]), EBUSY);
        EXPECT(ask_two(FILE_LINK, WRITE, names[i], WRITE, "new"), EPERM);
        EXPECT(ask_two(FILE_LINK, WRITE, "file", WRITE, names[i]), EEXIST);
    }
    expect_unchanged("write", before);
}

static void paths_that_lead_outside_change_nothing(void **state)
{
    static const char *const paths[] = {
        "../outside/new", "up/new", "a/../../outside/new", "/tmp/new", "up/secret",     "..",
        "up/..",          "up/.",   "../outside/folder",   "/",        "up/folder/new",
    };
    static char before[SNAPSHOT_SIZE];

    (void)state;
    take_snapshot("write", before);
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        EXPECT(ask(FILE_OPEN, WRITE, paths[i], FILE_WRITE | FILE_CREATE | FILE_TRUNCATE),
               FILE_OUTSIDE);
        EXPECT(ask(FILE_CREATE_DIRECTORY, WRITE, paths[i], 0), FILE_OUTSIDE);
        EXPECT(ask(FILE_REMOVE_DIRECTORY, WRITE, paths[i], 0), FILE_OUTSIDE);
        EXPECT(ask(FILE_UNLINK, WRITE, paths[i], 0), FILE_OUTSIDE);
        EXPECT(ask(FILE_READ_LINK, WRITE, paths[i], 0), FILE_OUTSIDE);
        EXPECT(ask_two(FILE_SYMLINK, WRITE, "x", WRITE, paths[i]), FILE_OUTSIDE);
        EXPECT(ask_two(FILE_RENAME, WRITE, paths[i], WRITE, "new"), FILE_OUTSIDE);
        EXPECT(ask_two(FILE_RENAME, WRITE, "file", WRITE, paths[i]), FILE_OUTSIDE);
        EXPECT(ask_two(FILE_LINK, WRITE, paths[i], WRITE, "new"), FILE_OUTSIDE);
        EXPECT(ask_two(FILE_LINK, WRITE, "file", WRITE, paths[i]), FILE_OUTSIDE);
    }
    expect_unchanged("write", before);
}

static void paths_that_are_none_are_refused(void **state)
{
    static char longest[FILE_PATH_MAX];

    (void)state;
    memset(longest, 'a', sizeof longest);
    for (int operation = FILE_CREATE_DIRECTORY; operation <= FILE_UNLINK; operation++) {
        EXPECT(ask((enum file_operation)operation, WRITE, "", 0), ENOENT);
        EXPECT(ask((enum file_operation)operation, WRITE, "\xff", 0), EILSEQ);
        EXPECT(ask_bytes((enum file_operation)operation, WRITE, "a\0b", 3, "", 0), EINVAL);
        EXPECT(ask_bytes((enum file_operation)operation, WRITE, longest, sizeof longest, "", 0),
               ENAMETOOLONG);
        EXPECT(ask_bytes((enum file_operation)operation, WRITE, longest, 256, "", 0), ENAMETOOLONG);
    }
    EXPECT(ask_two(FILE_RENAME, WRITE, "", WRITE, "new"), ENOENT);
    EXPECT(ask_two(FILE_RENAME, WRITE, "file", WRITE, ""), ENOENT);
    EXPECT(ask_two(FILE_LINK, WRITE, "file", WRITE, ""), ENOENT);
    EXPECT(ask_two(FILE_LINK, WRITE, "file", WRITE, "\xc0\x80"), EILSEQ);
}

// --- links ---------------------------------------------------------------------------------------

static void symbolic_links_are_made_of_relative_text_alone(void **state)
{
    static char longest[FILE_PATH_MAX];

    (void)state;
    EXPECT(ask_two(FILE_SYMLINK, WRITE, "../a b", WRITE, "a/new"), 0);
    run("test \"$(readlink write/a/new)\" = '../a b'");
    EXPECT(ask_two(FILE_SYMLINK, WRITE, "x", WRITE, "a/new"), EEXIST);
    EXPECT(ask_two(FILE_SYMLINK, WRITE, "x", WRITE, "other/"), ENOENT);
    EXPECT(ask_two(FILE_SYMLINK, WRITE, "/etc/passwd", WRITE, "new"), FILE_OUTSIDE);
    EXPECT(ask_two(FILE_SYMLINK, WRITE, "/", WRITE, "new"), FILE_OUTSIDE);
    EXPECT(ask_two(FILE_SYMLINK, WRITE, "", WRITE, "new"), ENOENT);
    EXPECT(ask_bytes(FILE_SYMLINK, WRITE, "a\0b", 3, "new", 0), EINVAL);
    memset(longest, 'a', sizeof longest);
    EXPECT(ask_bytes(FILE_SYMLINK, WRITE, longest, sizeof longest, "new", 0), ENAMETOOLONG);
    EXPECT(ask_bytes(FILE_SYMLINK, WRITE, longest, sizeof longest - 1, "new", 0), 0);
    EXPECT(ask_two(FILE_SYMLINK, NO_LINKS, "file", NO_LINKS, "new"), FILE_NOT_GRANTED);
    assert_false(exists("none/new"));
}

static void a_link_that_a_plugin_made_leads_nowhere_either(void **state)
{
    (void)state;
    EXPECT(ask_two(FILE_SYMLINK, WRITE, "../outside", WRITE, "own"), 0);
    EXPECT(ask(FILE_OPEN, WRITE, "own/secret", FILE_READ | FILE_FOLLOW), FILE_OUTSIDE);
    EXPECT(ask(FILE_OPEN, WRITE, "own", FILE_READ | FILE_FOLLOW), FILE_OUTSIDE);
    EXPECT(ask_two(FILE_SYMLINK, WRITE, "../..", WRITE, "a/own"), 0);
    EXPECT(ask(FILE_OPEN, WRITE, "a/own/outside/secret", FILE_READ), FILE_OUTSIDE);
    // What is inside where it was made is not where it is moved to.
    EXPECT(ask_two(FILE_SYMLINK, WRITE, "../up", WRITE, "a/moved"), 0);
    EXPECT(ask_two(FILE_RENAME, WRITE, "a/moved", WRITE, "moved"), 0);
    EXPECT(ask(FILE_OPEN, WRITE, "moved", FILE_READ | FILE_FOLLOW), FILE_OUTSIDE);
}

static void links_are_read_and_not_followed(void **state)
{
    (void)state;
    EXPECT(ask(FILE_READ_LINK, READ, "out", 0), 0);
    assert_int_equal(length, strlen("../outside/secret"));
    assert_memory_equal(bytes, "../outside/secret", length);
    EXPECT(ask(FILE_READ_LINK, NO_LINKS, "folder", 0), 0);
    assert_int_equal(length, 1);
    EXPECT(ask(FILE_READ_LINK, READ, "file", 0), EINVAL);
    EXPECT(ask(FILE_READ_LINK, READ, "a", 0), EINVAL);
    EXPECT(ask(FILE_READ_LINK, READ, "missing", 0), ENOENT);
    EXPECT(ask(FILE_READ_LINK, READ, "", 0), ENOENT);
    EXPECT(ask(FILE_READ_LINK, READ, "up/secret", 0), FILE_OUTSIDE);
}

static void hard_links_are_made_of_files_and_of_links_themselves(void **state)
{
    (void)state;
    EXPECT(ask_two(FILE_LINK, WRITE, "file", WRITE, "a/new"), 0);
    assert_int_equal(status_in("write/a/new").st_ino, status_in("write/file").st_ino);
    EXPECT(ask_two(FILE_LINK, WRITE, "out", WRITE, "out2"), 0);
    assert_true(S_ISLNK(status_in("write/out2").st_mode));
    assert_int_equal(status_in("outside/secret").st_nlink, 1);
    EXPECT(ask_two(FILE_LINK, WRITE, "a", WRITE, "new"), EPERM);
    EXPECT(ask_two(FILE_LINK, WRITE, "file", WRITE, "link"), EEXIST);
    EXPECT(ask_two(FILE_LINK, WRITE, "file/", WRITE, "new"), ENOTDIR);
    EXPECT(ask_two(FILE_LINK, WRITE, "file", WRITE, "new/"), ENOENT);
    EXPECT(ask_two(FILE_LINK, WRITE, "file", WRITE, "a/"), EEXIST);
    EXPECT(ask_two(FILE_LINK, WRITE, "missing", WRITE, "new"), ENOENT);
}

// --- two paths -----------------------------------------------------------------------------------

static void files_and_directories_are_renamed(void **state)
{
    (void)state;
    EXPECT(ask_two(FILE_RENAME, WRITE, "file", WRITE, "a/deep"), 0);
    run("test inside = $(cat write/a/deep) && test ! -e write/file");
    EXPECT(ask_two(FILE_RENAME, WRITE, "a/", WRITE, "b/"), 0);
    EXPECT(ask_two(FILE_RENAME, WRITE, "b", WRITE, "b/inside"), EINVAL);
    EXPECT(ask_two(FILE_RENAME, WRITE, "b/deep/", WRITE, "c"), ENOTDIR);
    EXPECT(ask_two(FILE_RENAME, WRITE, "b/deep", WRITE, "c/"), ENOTDIR);
    EXPECT(ask_two(FILE_RENAME, WRITE, "b", WRITE, "link"), ENOTDIR);
    EXPECT(ask_two(FILE_RENAME, WRITE, "missing", WRITE, "c"), ENOENT);
    EXPECT(ask_two(FILE_RENAME, WRITE, "missing/", WRITE, "c"), ENOENT);
    // The link itself, on top of another one.
    EXPECT(ask_two(FILE_RENAME, WRITE, "out", WRITE, "up"), 0);
    assert_true(S_ISLNK(status_in("write/up").st_mode));
}

static void grants_of_the_same_rights_exchange_files_and_others_do_not(void **state)
{
    static const enum file_operation operations[] = {FILE_LINK, FILE_RENAME};
    static char before[SNAPSHOT_SIZE];

    (void)state;
    take_snapshot("none", before);
    for (size_t i = 0; i < 2; i++) {
        EXPECT(ask_two(operations[i], READ, "file", WRITE, "new"), FILE_NOT_GRANTED);
        EXPECT(ask_two(operations[i], WRITE, "file", READ, "new"), FILE_NOT_GRANTED);
        EXPECT(ask_two(operations[i], WRITE, "out", NO_LINKS, "new"), EXDEV);
        EXPECT(ask_two(operations[i], NO_LINKS, "out", WRITE, "new"), EXDEV);
        EXPECT(ask_two(operations[i], WRITE, "file", OTHER, i == 0 ? "linked" : "moved"), 0);
    }
    assert_false(exists("write/new"));
    assert_false(exists("read/new"));
    assert_true(exists("other/linked"));
    assert_true(exists("other/moved"));
    expect_unchanged("none", before);
}

static void handles_have_the_rights_of_their_grant(void **state)
{
    uint32_t readable;
    uint32_t writable;

    (void)state;
    EXPECT(ask(FILE_OPEN, READ, "a", FILE_READ), 0);
    readable = answer.handle;
    EXPECT(ask(FILE_OPEN, WRITE, "a", FILE_READ), 0);
    writable = answer.handle;
    EXPECT(ask_two(FILE_LINK, readable, "deep", writable, "new"), FILE_NOT_GRANTED);
    EXPECT(ask_two(FILE_RENAME, writable, "deep", readable, "new"), FILE_NOT_GRANTED);
    EXPECT(ask_two(FILE_RENAME, writable, "deep", writable, "../new"), FILE_OUTSIDE);
    EXPECT(ask_two(FILE_RENAME, writable, "deep", WRITE, "new"), 0);
    assert_true(exists("write/new"));
    EXPECT(ask_two(FILE_SYMLINK, writable, "x", WRITE, "made"), 0);
    assert_true(exists("write/a/made")); // where the text's handle is
}

// --- others at work meanwhile --------------------------------------------------------------------

static atomic_bool stop;

static void exchange(const char *one, const char *other)
{
    char paths[2][128];

    snprintf(paths[0], sizeof paths[0], "%s/%s", base, one);
    snprintf(paths[1], sizeof paths[1], "%s/%s", base, other);
    while (!atomic_load(&stop))
        renameat2(AT_FDCWD, paths[0], AT_FDCWD, paths[1], RENAME_EXCHANGE);
}

static void *exchange_folder(void *argument)
{
    (void)argument;
    exchange("write/swapped", "write/bridge");
    return NULL;
}

static void *exchange_file(void *argument)
{
    (void)argument;
    exchange("write/a/deep", "write/a/bridge");
    return NULL;
}

static unsigned inside;

// A file that is open is not the one outside.
static void look(void)
{
    struct stat secret = status_in("outside/secret");
    struct stat found;

    if (answer.error == 0 && received >= 0) {
        assert_int_equal(fstat(received, &found), 0);
        assert_true(found.st_ino != secret.st_ino || found.st_dev != secret.st_dev);
        inside++;
    }
    if (answer.handle != FILE_NO_HANDLE)
        EXPECT(ask(FILE_CLOSE, answer.handle, "", 0), 0);
}

static void go_at_it(void)
{
    ask(FILE_OPEN, WRITE, "swapped/secret", FILE_READ | FILE_FOLLOW);
    look();
    ask(FILE_OPEN, WRITE, "a/deep", FILE_READ | FILE_WRITE | FILE_TRUNCATE | FILE_FOLLOW);
    look();
    ask(FILE_OPEN, WRITE, "swapped/new", FILE_WRITE | FILE_CREATE | FILE_EXCLUSIVE);
    look();
    ask(FILE_SET_TIMES, WRITE, "swapped/secret", FILE_ACCESS_NOW | FILE_FOLLOW);
    ask_two(FILE_RENAME, WRITE, "swapped/secret", WRITE, "swapped/renamed");
    ask_two(FILE_RENAME, WRITE, "swapped/renamed", WRITE, "swapped/secret");
    ask_two(FILE_LINK, WRITE, "swapped/secret", WRITE, "swapped/linked");
    ask_two(FILE_SYMLINK, WRITE, "x", WRITE, "swapped/symbolic");
    ask(FILE_CREATE_DIRECTORY, WRITE, "swapped/made", 0);
    ask(FILE_REMOVE_DIRECTORY, WRITE, "swapped/made", 0);
    ask(FILE_REMOVE_DIRECTORY, WRITE, "swapped/folder", 0);
    ask(FILE_UNLINK, WRITE, "swapped/new", 0);
    ask(FILE_UNLINK, WRITE, "swapped/linked", 0);
    ask(FILE_UNLINK, WRITE, "swapped/symbolic", 0);
}

// The tear-down compares what is outside with what it was.
static void nothing_outside_is_reached_while_others_swap_what_is_on_the_way(void **state)
{
    time_t until = time(NULL) + RACE_SECONDS;
    pthread_t threads[2];
    unsigned rounds = 0;

    (void)state;
    run("mkdir write/swapped && echo inside >write/swapped/secret && ln -s ../outside write/bridge"
        " && ln -s ../../outside/secret write/a/bridge");
    inside = 0;
    atomic_store(&stop, false);
    assert_int_equal(pthread_create(&threads[0], NULL, exchange_folder, NULL), 0);
    assert_int_equal(pthread_create(&threads[1], NULL, exchange_file, NULL), 0);
    for (; time(NULL) < until; rounds++)
        go_at_it();
    atomic_store(&stop, true);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    assert_true(inside > 0);
    print_message("# %u rounds, %u files opened\n", rounds, inside);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(directories_are_created_and_removed),
        TEST(a_slash_behind_a_link_does_not_have_it_followed),
        TEST(files_and_links_are_unlinked_and_directories_are_not),
        TEST(names_of_dots_are_nothing_to_change),
        TEST(paths_that_lead_outside_change_nothing),
        TEST(paths_that_are_none_are_refused),
        TEST(symbolic_links_are_made_of_relative_text_alone),
        TEST(a_link_that_a_plugin_made_leads_nowhere_either),
        TEST(links_are_read_and_not_followed),
        TEST(hard_links_are_made_of_files_and_of_links_themselves),
        TEST(files_and_directories_are_renamed),
        TEST(grants_of_the_same_rights_exchange_files_and_others_do_not),
        TEST(handles_have_the_rights_of_their_grant),
        TEST(nothing_outside_is_reached_while_others_swap_what_is_on_the_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
