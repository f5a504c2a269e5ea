// SPDX-License-Identifier: Apache-2.0
//
// Each test runs twice: with openat2, and with our own walk.
#include "host/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static char base[64];
static struct beneath grant;
static bool use_openat2;

// base/secret is outside; base/in is the grant.
static void run(const char *format)
{
    char command[1024];

    snprintf(command, sizeof command, "cd %s && %s", base, format);
    assert_int_equal(system(command), 0);
}

static int begin(void **state)
{
    char path[128];

    (void)state;
    snprintf(base, sizeof base, "/tmp/pinfold-beneath-XXXXXX");
    if (!mkdtemp(base))
        return -1;
    run("mkdir -p in/a/b out && echo secret >secret && echo inside >in/file && echo deep "
        ">in/a/b/deep"
        " && ln -s file in/link && ln -s a in/folder && ln -s ../secret in/up"
        " && ln -s $PWD/secret in/absolute && ln -s ../out/new in/dangling-out"
        " && ln -s new in/dangling && ln -s loop in/loop && ln -s ../file in/a/back"
        " && ln -s /proc/self/root in/magic && ln -s a/../../secret in/dots"
        " && ln -s .. in/parent && ln -s folder/b in/chain && mkfifo in/fifo");
    snprintf(path, sizeof path, "%s/in", base);
    if (beneath_open_root(&grant, path, true) != 0)
        return -1;
    if (use_openat2 && !grant.use_openat2)
        return -1;
    grant.use_openat2 = use_openat2;
    return 0;
}

static int begin_with_kernel(void **state)
{
    use_openat2 = true;
    return begin(state);
}

static int begin_walking(void **state)
{
    use_openat2 = false;
    return begin(state);
}

static int end(void **state)
{
    char command[128];

    (void)state;
    beneath_close(&grant);
    snprintf(command, sizeof command, "rm -rf %s", base);
    return system(command);
}

static int open_path(const char *path, int flags, bool follow)
{
    return beneath_open(&grant, path, strlen(path), flags, 0644, follow);
}

static void assert_opens(const char *path, bool follow, const char *wanted)
{
    char text[64] = "";
    int file = open_path(path, O_RDONLY, follow);

    if (file < 0)
        fail_msg("%s: %s", path, strerror(-file));
    assert_true(read(file, text, sizeof text - 1) >= 0);
    close(file);
    assert_string_equal(text, wanted);
}

static void assert_refused(const char *path, int flags, bool follow, int error)
{
    int file = open_path(path, flags, follow);

    if (file != -error)
        fail_msg("%s: %d (%s), not %s", path, file, file < 0 ? strerror(-file) : "open",
                 strerror(error));
}

static void files_inside_are_opened(void **state)
{
    (void)state;
    assert_opens("file", true, "inside\n");
    assert_opens("./a/./b//deep", false, "deep\n");
    assert_opens("a/../file", false, "inside\n");
    assert_opens("a/b/../../a/b/deep", false, "deep\n");
}

static void links_inside_are_followed_where_that_is_asked(void **state)
{
    (void)state;
    assert_opens("link", true, "inside\n");
    assert_opens("folder/b/deep", false, "deep\n");
    assert_opens("a/back", true, "inside\n");
    assert_opens("chain/deep", true, "deep\n");
    assert_opens("folder/back", true, "inside\n");
    assert_refused("link", O_RDONLY, false, ELOOP);
    grant.follow = false;
    assert_refused("link", O_RDONLY, true, ELOOP);
    assert_refused("folder/b/deep", O_RDONLY, true, ELOOP);
    assert_opens("a/b/deep", true, "deep\n");
}

static void nothing_leads_outside(void **state)
{
    static const char *const paths[] = {
        "../secret",
        "a/../../secret",
        "..",
        "up",
        "absolute",
        "dots",
        "parent",
        "parent/secret",
        "magic",
        "a/../..",
        "/",
        "/etc/passwd",
        "folder/../../secret",
        "up/",
        "parent/",
        "magic/etc/passwd",
    };

    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        int file = open_path(paths[i], O_RDONLY, true);

        if (file >= 0)
            fail_msg("%s is open", paths[i]);
        assert_true(file == -EXDEV || file == -ELOOP);
    }
}

static void nothing_is_created_or_cut_outside(void **state)
{
    (void)state;
    assert_refused("dangling-out", O_WRONLY | O_CREAT, true, EXDEV);
    assert_refused("up", O_WRONLY | O_TRUNC, true, EXDEV);
    assert_refused("../new", O_WRONLY | O_CREAT, true, EXDEV);
    run("test ! -e out/new && test ! -e new && test -s secret");
    assert_refused("dangling", O_WRONLY | O_CREAT | O_EXCL, true, EEXIST);
    close(open_path("dangling", O_WRONLY | O_CREAT, true));
    run("test -e in/new");
}

static void what_is_created_is_never_meant_to_be_a_folder(void **state)
{
    (void)state;
    run("ln -s made/ in/slashed");
    assert_refused("made/", O_WRONLY | O_CREAT, true, EISDIR);
    assert_refused("a/", O_RDONLY | O_CREAT, true, EISDIR);
    assert_refused("slashed", O_WRONLY | O_CREAT, true, EISDIR);
    assert_refused(".", O_RDONLY | O_CREAT, true, EISDIR);
    assert_refused("made", O_RDONLY | O_CREAT | O_DIRECTORY, true, EINVAL);
    run("test ! -e in/made");
}

static void o_excl_means_something_with_o_creat_only(void **state)
{
    int file;

    (void)state;
    assert_refused("link", O_RDONLY | O_CREAT | O_EXCL, true, EEXIST);
    file = open_path("link", O_RDONLY | O_EXCL, true);
    assert_true(file >= 0);
    close(file);
}

static void a_slash_at_the_end_wants_a_folder_and_follows_nothing_more(void **state)
{
    int folder = open_path("a/b/", O_RDONLY, false);

    (void)state;
    assert_true(folder >= 0);
    close(folder);
    assert_refused("file/", O_RDONLY, true, ENOTDIR);
    assert_refused("link/", O_RDONLY, true, ENOTDIR);
    assert_true(open_path("folder/", O_RDONLY, false) < 0);
    folder = open_path("folder/", O_RDONLY, true);
    assert_true(folder >= 0);
    close(folder);
}

// The root of a chroot may be without them.
static bool is_there(const char *path)
{
    if (access(path, F_OK) == 0)
        return true;
    print_message("# no %s\n", path);
    return false;
}

static void proc_and_sysfs_are_outside_wherever_they_are_mounted(void **state)
{
    struct beneath_place place;
    struct beneath all;

    (void)state;
    assert_int_equal(beneath_open_root(&all, "/", true), 0);
    all.use_openat2 = use_openat2;
    if (is_there("/proc/self/exe")) {
        assert_int_equal(beneath_open(&all, "proc/self/mem", 13, O_RDWR, 0, true), -EXDEV);
        assert_int_equal(beneath_open(&all, "proc", 4, O_RDONLY, 0, true), -EXDEV);
        assert_int_equal(beneath_open(&all, "proc/self/exe", 13, O_PATH, 0, false), -EXDEV);
        assert_int_equal(beneath_find(&all, "proc/self/exe", 13, &place), -EXDEV);
    }
    if (is_there("/sys/kernel"))
        assert_int_equal(beneath_open(&all, "sys/kernel", 10, O_RDONLY, 0, true), -EXDEV);
    beneath_close(&all);
}

static void no_file_is_created_where_the_path_ends_with_a_slash(void **state)
{
    (void)state;
    assert_refused("new/", O_WRONLY | O_CREAT, true, EISDIR);
    assert_refused("a/", O_RDONLY | O_CREAT, true, EISDIR);
    assert_refused("dangling/", O_WRONLY | O_CREAT, true, EISDIR);
    run("test ! -e in/new");
}

static void paths_that_are_none_are_refused(void **state)
{
    static char longest[BENEATH_PATH_MAX + 1];
    static char name[NAME_MAX + 2];

    (void)state;
    memset(longest, 'a', sizeof longest - 1);
    memset(name, 'a', sizeof name - 1);
    assert_refused("", O_RDONLY, true, ENOENT);
    assert_refused(longest, O_RDONLY, true, ENAMETOOLONG);
    assert_refused(name, O_RDONLY, true, ENAMETOOLONG);
    assert_refused("\xff", O_RDONLY, true, EILSEQ);
    assert_int_equal(beneath_open(&grant, "a\0b", 3, O_RDONLY, 0, true), -EINVAL);
    assert_refused("loop", O_RDONLY, true, ELOOP);
    assert_refused("loop/file", O_RDONLY, true, ELOOP);
    assert_refused("missing", O_RDONLY, true, ENOENT);
    assert_refused("missing/file", O_RDONLY, true, ENOENT);
    assert_refused("file/file", O_RDONLY, true, ENOTDIR);
}

static void a_fifo_does_not_wait(void **state)
{
    int file = open_path("fifo", O_RDONLY, true);

    (void)state;
    assert_true(file >= 0);
    close(file);
}

static void assert_found(const char *path, const char *name, bool must_be_directory)
{
    struct beneath_place place;
    int error = beneath_find(&grant, path, strlen(path), &place);

    if (error != 0)
        fail_msg("%s: %s", path, strerror(-error));
    assert_string_equal(place.name, name);
    assert_int_equal(place.must_be_directory, must_be_directory);
    close(place.folder);
}

static void the_folder_of_the_last_component_is_found(void **state)
{
    struct beneath_place place;

    (void)state;
    assert_found("new", "new", false);
    assert_found("a/new", "new", false);
    assert_found("folder/b/new/", "new", true);
    assert_found("a/..", "", false);
    assert_found(".", "", false);
    assert_found("up", "up", false);
    assert_int_equal(beneath_find(&grant, "../new", 6, &place), -EXDEV);
    assert_int_equal(beneath_find(&grant, "parent/new", 10, &place), -EXDEV);
    assert_int_equal(beneath_find(&grant, "missing/new", 11, &place), -ENOENT);
}

// A folder that somebody swaps for a link to the outside, again and again.
static atomic_bool stop;

static void *swap(void *argument)
{
    char from[128];
    char to[128];

    (void)argument;
    snprintf(from, sizeof from, "%s/in/swapped", base);
    snprintf(to, sizeof to, "%s/in/other", base);
    while (!atomic_load(&stop))
        renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_EXCHANGE);
    return NULL;
}

static void what_is_swapped_meanwhile_does_not_lead_outside(void **state)
{
    time_t until = time(NULL) + 2;
    unsigned opened = 0;
    pthread_t thread;

    (void)state;
    run("mkdir in/swapped && echo inside >in/swapped/secret && ln -s .. in/other");
    atomic_store(&stop, false);
    assert_int_equal(pthread_create(&thread, NULL, swap, NULL), 0);
    while (time(NULL) < until) {
        char text[16] = "";
        int file = open_path("swapped/secret", O_RDONLY, true);

        if (file < 0)
            continue;
        opened++;
        assert_true(read(file, text, sizeof text - 1) >= 0);
        close(file);
        assert_string_equal(text, "inside\n");
    }
    atomic_store(&stop, true);
    pthread_join(thread, NULL);
    assert_true(opened > 0);
}

#define TEST(name_)                                                                                \
    cmocka_unit_test_setup_teardown(name_, begin_with_kernel, end),                                \
        cmocka_unit_test_setup_teardown(name_, begin_walking, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(files_inside_are_opened),
        TEST(links_inside_are_followed_where_that_is_asked),
        TEST(nothing_leads_outside),
        TEST(nothing_is_created_or_cut_outside),
        TEST(what_is_created_is_never_meant_to_be_a_folder),
        TEST(o_excl_means_something_with_o_creat_only),
        TEST(a_slash_at_the_end_wants_a_folder_and_follows_nothing_more),
        TEST(proc_and_sysfs_are_outside_wherever_they_are_mounted),
        TEST(no_file_is_created_where_the_path_ends_with_a_slash),
        TEST(paths_that_are_none_are_refused),
        TEST(a_fifo_does_not_wait),
        TEST(the_folder_of_the_last_component_is_found),
        TEST(what_is_swapped_meanwhile_does_not_lead_outside),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
