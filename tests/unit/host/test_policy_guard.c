// SPDX-License-Identifier: Apache-2.0
#include "host/policy_guard.h"

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

#include "host/policy_dir.h"

static struct policy policy;
static char folder[PATH_MAX]; // has the folders a, a/deep, b, c, d

static const char *in_folder(const char *name)
{
    static char paths[4][PATH_MAX];
    static unsigned next;
    char *path = paths[next++ % 4];

    assert_true(snprintf(path, PATH_MAX, "%.4000s/%s", folder, name) < PATH_MAX);
    return path;
}

static int make_folder(void **state)
{
    static const char *const folders[] = {"a", "a/deep", "b", "c", "d"};
    char made[] = "/tmp/pinfold-guard-XXXXXX";
    FILE *file;

    (void)state;
    if (mkdtemp(made) == NULL || realpath(made, folder) == NULL)
        return -1;
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
        assert_int_equal(mkdir(in_folder(folders[i]), 0700), 0);
    file = fopen(in_folder("a/deep/p.yaml"), "w");
    return file ? fclose(file) : -1;
}

static int remove_folder(void **state)
{
    static const char *const names[] = {"a/deep/p.yaml", "a/deep", "a", "b/p.yaml", "b/to", "b",
                                        "c/to",          "c/loop", "c", "d"};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        remove(in_folder(names[i]));
    return rmdir(folder);
}

// The policy with one grant, of a folder.
static void grant(const char *name, const char *access)
{
    struct policy_error error = {.message = ""};
    char text[PATH_MAX + 32];

    policy_init(&policy);
    snprintf(text, sizeof text, "%s::/x:%s", in_folder(name), access);
    if (!policy_dir_add_text(&policy, text, &error))
        fail_msg("%s", error.message);
    policy.dirs[0].line = 4;
    policy.dirs[0].column = 7;
}

static void assert_guarded(const char *name, const char *path)
{
    struct policy_error error = {.message = ""};

    grant(name, "write");
    if (policy_guard(&policy, path, "the policy", &error))
        fail_msg("%s may be written, on the way to %s", name, path);
    assert_non_null(strstr(error.message, "cannot be granted for writing: the policy is in there"));
    assert_int_equal(error.line, 4);
    assert_int_equal(error.column, 7);
    grant(name, "read");
    assert_true(policy_guard(&policy, path, "the policy", &error));
}

static void assert_free(const char *name, const char *path)
{
    struct policy_error error = {.message = ""};

    grant(name, "write");
    if (!policy_guard(&policy, path, "the policy", &error))
        fail_msg("%s may not be written: %s", name, error.message);
}

static void the_folders_of_a_file_are_not_written_but_read(void **state)
{
    (void)state;
    assert_guarded("a/deep", in_folder("a/deep/p.yaml"));
    assert_guarded("a", in_folder("a/deep/p.yaml"));
    assert_guarded(".", in_folder("a/deep/p.yaml"));
    assert_guarded("a", in_folder("a/./deep/..//deep/p.yaml"));
    assert_guarded("a/deep", in_folder("a/p.yaml/../deep/p.yaml"));
}

static void other_folders_may_be_written(void **state)
{
    (void)state;
    assert_free("b", in_folder("a/deep/p.yaml"));
    assert_free("a/deep", in_folder("a/p.yaml"));
}

static void a_folder_that_is_only_passed_through_is_guarded_too(void **state)
{
    (void)state;
    assert_guarded("a", in_folder("a/deep/../../b/p.yaml"));
    assert_guarded("a", in_folder("a/deep/../p.yaml"));
}

// What is in a folder cannot make its ".." another one, unless the folder itself can be moved.
static void a_folder_that_is_only_left_may_be_written(void **state)
{
    char before[PATH_MAX];

    (void)state;
    assert_free("b", in_folder("b/../a/deep/p.yaml"));
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(in_folder("a/deep")), 0);
    assert_free("a/deep", "../../b/p.yaml");
    assert_guarded("a", "../../b/p.yaml");
    assert_int_equal(chdir(before), 0);
}

static void links_to_the_file_are_as_good_as_the_file(void **state)
{
    (void)state;
    assert_int_equal(symlink("../a/deep/p.yaml", in_folder("b/p.yaml")), 0);
    assert_guarded("b", in_folder("b/p.yaml"));
    assert_guarded("a", in_folder("b/p.yaml"));
    assert_guarded("a/deep", in_folder("b/p.yaml"));
    assert_free("c", in_folder("b/p.yaml"));
    assert_free("b", in_folder("a/deep/p.yaml"));
}

static void links_to_folders_on_the_way_are_guarded(void **state)
{
    (void)state;
    // b/to -> c/to -> a/deep, the first relative and the second absolute.
    assert_int_equal(symlink("../c/to", in_folder("b/to")), 0);
    assert_int_equal(symlink(in_folder("a/deep"), in_folder("c/to")), 0);
    assert_guarded("a/deep", in_folder("b/to/p.yaml"));
    assert_guarded("b", in_folder("b/to/p.yaml"));
    assert_guarded("c", in_folder("b/to/p.yaml"));
    assert_free("d", in_folder("b/to/p.yaml"));
}

static void a_relative_path_begins_in_the_working_directory(void **state)
{
    char before[PATH_MAX];

    (void)state;
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(in_folder("a")), 0);
    assert_guarded("a/deep", "deep/p.yaml");
    assert_guarded("a", "p.yaml");
    assert_guarded("b", "../b/p.yaml");
    assert_free("b", "deep/p.yaml");
    assert_int_equal(chdir(before), 0);
}

static void a_way_that_does_not_end_grants_no_writing(void **state)
{
    struct policy_error error = {.message = ""};
    char longest[PATH_MAX + 1];

    (void)state;
    assert_int_equal(symlink("loop", in_folder("c/loop")), 0);
    grant("d", "write");
    assert_false(policy_guard(&policy, in_folder("c/loop/x"), "the policy", &error));
    assert_non_null(strstr(error.message, "too many links"));
    memset(longest, 'x', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    policy_error_clear(&error);
    assert_false(policy_guard(&policy, longest, "the policy", &error));
    assert_int_equal(error.line, 0);
    grant("d", "read");
    assert_true(policy_guard(&policy, longest, "the policy", &error));
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_folders_of_a_file_are_not_written_but_read),
        TEST(other_folders_may_be_written),
        TEST(a_folder_that_is_only_passed_through_is_guarded_too),
        TEST(a_folder_that_is_only_left_may_be_written),
        TEST(links_to_the_file_are_as_good_as_the_file),
        TEST(links_to_folders_on_the_way_are_guarded),
        TEST(a_relative_path_begins_in_the_working_directory),
        TEST(a_way_that_does_not_end_grants_no_writing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
