// SPDX-License-Identifier: Apache-2.0
#include "host/policy_dir.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/policy_file.h"

static struct policy policy;
static struct policy_error failure;
static char folder[PATH_MAX]; // has data/inner, data/file, link -> data, odd:name, ~x

static const char *in_folder(const char *name)
{
    static char paths[4][PATH_MAX];
    static unsigned next;
    char *path = paths[next++ % 4];

    assert_true(snprintf(path, PATH_MAX, "%.4000s/%s", folder, name) < PATH_MAX);
    return path;
}

static void write_file(const char *name, const char *text)
{
    FILE *file = fopen(in_folder(name), "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(in_folder(name), 0600), 0);
}

static int make_folder(void **state)
{
    static const char *const folders[] = {"data", "data/inner", "odd:name", "~x", "database"};
    char made[] = "/tmp/pinfold-dir-XXXXXX";

    (void)state;
    if (mkdtemp(made) == NULL || realpath(made, folder) == NULL)
        return -1;
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
        assert_int_equal(mkdir(in_folder(folders[i]), 0700), 0);
    write_file("data/file", "text");
    return symlink("data", in_folder("link"));
}

static int remove_folder(void **state)
{
    static const char *const names[] = {"p.yaml",   "link", "data/file", "data/inner", "data/moved",
                                        "odd:name", "~x",   "database",  "data"};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        remove(in_folder(names[i]));
    return rmdir(folder);
}

static int begin(void **state)
{
    (void)state;
    policy_init(&policy);
    policy_error_clear(&failure);
    return 0;
}

static int unlink_moved(void **state)
{
    (void)state;
    return unlink(in_folder("data/moved"));
}

static bool set_host(const char *path)
{
    struct policy_dir dir;

    policy_dir_begin(&dir);
    policy_error_clear(&failure);
    if (!policy_dir_set_host(&policy, &dir, folder, path, strlen(path), &failure))
        return false;
    policy.dirs[0] = dir;
    return true;
}

static void assert_resolves(const char *path, const char *resolved)
{
    if (!set_host(path))
        fail_msg("%s: %s", path, failure.message);
    assert_string_equal(policy_text(&policy, policy.dirs[0].host), resolved);
}

static void assert_failed(const char *part)
{
    if (strstr(failure.message, part) == NULL)
        fail_msg("'%s' is not in '%s'", part, failure.message);
}

static void assert_host_refused(const char *path, const char *part)
{
    uint32_t used = policy.pool_used;

    assert_false(set_host(path));
    assert_failed(part);
    assert_int_equal(policy.pool_used, used);
}

static bool add(const char *text)
{
    policy_error_clear(&failure);
    return policy_dir_add_text(&policy, text, &failure);
}

static void assert_text_refused(const char *text, const char *part)
{
    uint32_t count = policy.dir_count;

    assert_false(add(text));
    assert_failed(part);
    assert_int_equal(policy.dir_count, count);
}

// "HOST::GUEST:access" with a host from the folder.
static const char *grant(const char *name, const char *rest)
{
    static char text[PATH_MAX + 64];

    snprintf(text, sizeof text, "%s%s", in_folder(name), rest);
    return text;
}

/* The directory. */

static void what_realpath_names_is_granted(void **state)
{
    char parent[PATH_MAX];

    (void)state;
    strcpy(parent, folder);
    assert_resolves("data", in_folder("data"));
    assert_resolves("./data/", in_folder("data"));
    assert_resolves("data/inner/../../data//inner", in_folder("data/inner"));
    assert_resolves(in_folder("data/./inner"), in_folder("data/inner"));
    assert_resolves(".", folder);
    assert_resolves("./~x", in_folder("~x"));
    parent[strrchr(folder, '/') - folder] = '\0';
    assert_resolves("..", parent);
}

static void a_link_is_resolved_when_it_is_read(void **state)
{
    (void)state;
    assert_resolves("link", in_folder("data"));
    assert_resolves("link/inner", in_folder("data/inner"));
    // ".." behind a link is the parent of where it leads.
    assert_int_equal(symlink("data/inner", in_folder("data/moved")), 0);
    assert_host_refused("data/moved/..", "No such file");
    assert_int_equal(unlink(in_folder("data/moved")), 0);
    assert_int_equal(symlink("inner", in_folder("data/moved")), 0);
    assert_resolves("data/moved/..", in_folder("data"));
}

static void a_relative_path_without_a_folder_begins_in_the_working_directory(void **state)
{
    struct policy_dir dir;
    char before[PATH_MAX];

    (void)state;
    policy_dir_begin(&dir);
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(in_folder("data")), 0);
    assert_true(policy_dir_set_host(&policy, &dir, NULL, "inner", 5, &failure));
    assert_int_equal(chdir(before), 0);
    assert_string_equal(policy_text(&policy, dir.host), in_folder("data/inner"));
}

static void a_relative_path_in_a_file_begins_in_the_files_folder(void **state)
{
    char before[PATH_MAX];

    (void)state;
    write_file("p.yaml", "pinfold: 1\nwasi: { dirs: [{ host: ./data, guest: /d }] }\n");
    assert_true(policy_from_file(in_folder("p.yaml"), &policy, &failure));
    assert_string_equal(policy_text(&policy, policy.dirs[0].host), in_folder("data"));
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(in_folder("data")), 0);
    assert_true(policy_from_file("../p.yaml", &policy, &failure));
    assert_int_equal(chdir(folder), 0);
    assert_string_equal(policy_text(&policy, policy.dirs[0].host), in_folder("data"));
    assert_true(policy_from_file("p.yaml", &policy, &failure));
    assert_int_equal(chdir(before), 0);
    assert_string_equal(policy_text(&policy, policy.dirs[0].host), in_folder("data"));
}

static void what_is_no_directory_that_is_there_is_refused(void **state)
{
    char longest[PATH_MAX + 1];

    (void)state;
    assert_host_refused("", "is empty");
    assert_host_refused("missing", "'missing' cannot be granted: No such file or directory");
    assert_host_refused("data/file", "is not a directory: grant the one that it is in");
    assert_host_refused("data/file/", "Not a directory");
    assert_host_refused("~", "not expanded: write the path out");
    assert_host_refused("~x", "not expanded");
    memset(longest, '/', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    assert_host_refused(longest, "too long");
    assert_int_equal(symlink("loop", in_folder("data/moved")), 0);
    assert_host_refused("data/moved", "No such file");
    assert_int_equal(unlink(in_folder("data/moved")), 0);
    assert_int_equal(symlink("moved", in_folder("data/moved")), 0);
    assert_host_refused("data/moved", "symbolic links");
}

static void the_system_itself_is_refused_by_every_name(void **state)
{
    static const char *const roots[] = {"/", "//", "/.", "/usr/..", "/proc/self/root"};
    static const char *const systems[] = {
        "/proc", "/proc/",      "/proc/self", "/proc/self/fd", "/usr/../proc",
        "/sys",  "/sys/kernel", "/dev",       "/dev/pts",      "/dev/../dev",
    };

    (void)state;
    for (size_t i = 0; i < sizeof roots / sizeof roots[0]; i++)
        assert_host_refused(roots[i], "the whole system");
    for (size_t i = 0; i < sizeof systems / sizeof systems[0]; i++) {
        if (access(systems[i], F_OK) == 0)
            assert_host_refused(systems[i], "in /proc, /sys or /dev");
    }
    assert_int_equal(symlink("/proc/self", in_folder("data/moved")), 0);
    assert_host_refused("data/moved", "in /proc, /sys or /dev");
}

static void what_a_link_of_proc_leads_to_counts_and_not_the_link(void **state)
{
    char before[PATH_MAX];

    (void)state;
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(in_folder("data")), 0);
    assert_resolves("/proc/self/cwd", in_folder("data"));
    assert_int_equal(chdir(before), 0);
}

static void a_path_that_is_no_text_is_refused(void **state)
{
    (void)state;
    assert_int_equal(symlink("inner", in_folder("data/moved")), 0);
    assert_resolves("data/moved", in_folder("data/inner"));
    assert_int_equal(unlink(in_folder("data/moved")), 0);
    assert_int_equal(mkdir(in_folder("data/\xff"), 0700), 0);
    assert_int_equal(symlink("\xff", in_folder("data/moved")), 0);
    assert_host_refused("data/moved", "UTF-8");
    assert_int_equal(rmdir(in_folder("data/\xff")), 0);
}

static void folders_are_compared_by_whole_names(void **state)
{
    (void)state;
    assert_true(policy_dir_is_within("/a/b", "/a/b"));
    assert_true(policy_dir_is_within("/a/b/c", "/a/b"));
    assert_true(policy_dir_is_within("/a", "/"));
    assert_false(policy_dir_is_within("/a/bc", "/a/b"));
    assert_false(policy_dir_is_within("/a", "/a/b"));
    assert_false(policy_dir_is_within("/", "/a"));
}

/* As one text. */

static void a_grant_as_text_has_host_guest_and_access(void **state)
{
    (void)state;
    assert_true(add(grant("data", "::/data")));
    assert_true(add(grant("odd:name", "::.:write")));
    assert_true(add(grant("data/inner", "::/:read")));
    assert_true(add(grant("data", "::/a:b::c:read")));
    assert_int_equal(policy.dir_count, 4);
    assert_string_equal(policy_text(&policy, policy.dirs[3].guest), "/a:b::c");
    assert_string_equal(policy_text(&policy, policy.dirs[0].host), in_folder("data"));
    assert_string_equal(policy_text(&policy, policy.dirs[0].guest), "/data");
    assert_int_equal(policy.dirs[0].access, POLICY_WASI_DIRS_ACCESS_READ);
    assert_int_equal(policy.dirs[0].links, POLICY_WASI_DIRS_LINKS_FOLLOW);
    assert_string_equal(policy_text(&policy, policy.dirs[1].host), in_folder("odd:name"));
    assert_string_equal(policy_text(&policy, policy.dirs[1].guest), ".");
    assert_int_equal(policy.dirs[1].access, POLICY_WASI_DIRS_ACCESS_WRITE);
    assert_string_equal(policy_text(&policy, policy.dirs[2].guest), "/");
    assert_int_equal(policy.dirs[2].access, POLICY_WASI_DIRS_ACCESS_READ);
}

static void the_working_directory_is_a_grant(void **state)
{
    char before[PATH_MAX];

    (void)state;
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(in_folder("data")), 0);
    assert_true(add(".::."));
    assert_int_equal(chdir(before), 0);
    assert_string_equal(policy_text(&policy, policy.dirs[0].host), in_folder("data"));
    assert_string_equal(policy_text(&policy, policy.dirs[0].guest), ".");
}

static void texts_of_another_form_are_refused(void **state)
{
    (void)state;
    assert_text_refused("", "HOST::GUEST");
    assert_text_refused(".", "HOST::GUEST");
    assert_text_refused("a:b", "HOST::GUEST");
    assert_text_refused("::/a", "HOST::GUEST");
    assert_text_refused("::", "HOST::GUEST");
    assert_text_refused("/usr::", "HOST::GUEST");
    assert_text_refused("/usr:::read", "HOST::GUEST");
    assert_text_refused("/usr::/a:", "read, write");
    assert_text_refused("/usr::/a:rw", "read, write");
    assert_text_refused("/usr::/a:wirte", "did you mean 'write'?");
    assert_text_refused("/usr::/a:READ", "read, write");
    assert_text_refused("/usr::a", "no name for the plugin");
    assert_text_refused("/usr::/a/", "no name for the plugin");
    assert_text_refused("/usr::/a::/b", "read, write");
    assert_text_refused("/usr::/a\xff", "UTF-8");
    assert_text_refused("~::/a", "not expanded");
    assert_text_refused("/nonexistent::/a", "No such file");
}

/* Among others. */

static void two_directories_of_one_name_are_refused(void **state)
{
    (void)state;
    assert_true(add(grant("data", "::/d")));
    assert_text_refused(grant("data", "::/d"), "'/d' is given twice");
    assert_text_refused(grant("database", "::/d"), "'/d' is given twice");
    assert_true(add(grant("data", "::/e")));
}

static void overlapping_directories_have_one_access(void **state)
{
    (void)state;
    assert_true(add(grant("data", "::/data:write")));
    assert_text_refused(grant("data", "::/again"), "whose access is write");
    assert_text_refused(grant("link", "::/link"), "whose access is write");
    assert_text_refused(grant("data/inner", "::/inner"), "overlaps");
    assert_text_refused(grant(".", "::/all"), "overlaps");
    assert_true(add(grant("data/inner", "::/inner:write")));
    assert_true(add(grant("database", "::/base:read")));
}

static void one_directory_too_many_is_refused(void **state)
{
    char text[64];

    (void)state;
    for (unsigned i = 0; i < POLICY_DIRS_MAX; i++) {
        snprintf(text, sizeof text, "/usr::/%u", i);
        assert_true(add(text));
    }
    assert_text_refused("/usr::/more", "at most 16");
}

static void what_is_added_passes_the_check_of_the_worker_without_its_host(void **state)
{
    static struct policy copy;
    struct error error = {.code = ERROR_NONE};

    (void)state;
    assert_true(add(grant("data", "::/data:write")));
    assert_true(policy_check(&policy, &error));
    assert_true(policy_for_worker(&policy, &copy, &error));
    assert_true(policy_check(&copy, &error));
    assert_null(memmem(&copy, sizeof copy, "pinfold-dir-", strlen("pinfold-dir-")));
}

#define TEST(name_)      cmocka_unit_test_setup(name_, begin)
#define TEST_LINK(name_) cmocka_unit_test_setup_teardown(name_, begin, unlink_moved)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_realpath_names_is_granted),
        TEST(a_relative_path_without_a_folder_begins_in_the_working_directory),
        TEST(a_relative_path_in_a_file_begins_in_the_files_folder),
        TEST(folders_are_compared_by_whole_names),
        TEST(a_grant_as_text_has_host_guest_and_access),
        TEST(the_working_directory_is_a_grant),
        TEST(texts_of_another_form_are_refused),
        TEST(two_directories_of_one_name_are_refused),
        TEST(overlapping_directories_have_one_access),
        TEST(one_directory_too_many_is_refused),
        TEST(what_is_added_passes_the_check_of_the_worker_without_its_host),
        TEST(what_a_link_of_proc_leads_to_counts_and_not_the_link),
        TEST_LINK(a_link_is_resolved_when_it_is_read),
        TEST_LINK(what_is_no_directory_that_is_there_is_refused),
        TEST_LINK(the_system_itself_is_refused_by_every_name),
        TEST_LINK(a_path_that_is_no_text_is_refused),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
