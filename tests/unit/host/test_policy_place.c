// SPDX-License-Identifier: Apache-2.0
#include "host/policy_place.h"

#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/policy_file.h"

enum { SOMEBODY = 65534, ROUNDS = 2000 };

static char folder[64];
static struct policy policy;

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/pinfold-place-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    char command[128];

    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

static const char *in_folder(const char *name)
{
    static char paths[4][PATH_MAX];
    static unsigned next;
    char *path = paths[next++ % 4];

    snprintf(path, PATH_MAX, "%s/%s", folder, name);
    return path;
}

static void provide_folder(const char *name, mode_t mode)
{
    assert_int_equal(mkdir(in_folder(name), 0700), 0);
    assert_int_equal(chmod(in_folder(name), mode), 0);
}

static void provide(const char *name, const char *text, mode_t mode)
{
    FILE *file = fopen(in_folder(name), "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(in_folder(name), mode), 0);
}

static void assert_opened(const char *path)
{
    struct policy_error error = {.line = 0};
    int file;

    if (!policy_place_open(path, &file, &error))
        fail_msg("%s: %s", path, error.message);
    close(file);
}

static void assert_refused(const char *path, const char *part)
{
    struct policy_error error = {.line = 0};
    int file = 0;

    assert_false(policy_place_open(path, &file, &error));
    if (strstr(error.message, part) == NULL)
        fail_msg("'%s' is not in '%s'", part, error.message);
    assert_int_equal(file, -1);
}

static void a_file_of_ones_own_in_a_folder_of_ones_own_is_opened(void **state)
{
    char relative[PATH_MAX];
    struct stat status;
    int before = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);

    (void)state;
    provide("p.yaml", "", 0644);
    assert_opened(in_folder("p.yaml"));
    snprintf(relative, sizeof relative, "../%s/./p.yaml", strrchr(folder, '/') + 1);
    assert_int_equal(chdir(folder), 0);
    assert_opened("p.yaml");
    assert_opened(relative);
    assert_int_equal(fchdir(before), 0);
    close(before);
    // Root's are everybody's to trust; in some namespaces they are not root's.
    if (stat("/etc/passwd", &status) == 0 && status.st_uid == 0)
        assert_opened("/etc/passwd");
}

static void a_folder_where_others_may_exchange_the_file_is_refused(void **state)
{
    (void)state;
    provide_folder("open", 0777);
    provide("open/p.yaml", "", 0644);
    assert_refused(in_folder("open/p.yaml"), "its folder may be written by everybody (mode 777)");
    chmod(in_folder("open"), 0770);
    assert_refused(in_folder("open/p.yaml"), "its folder may be written by its group (mode 770)");
    chmod(in_folder("open"), 01777);
    assert_opened(in_folder("open/p.yaml"));
    assert_refused(in_folder("open/absent.yaml"), "No such file");
}

static void what_belongs_to_somebody_else_is_refused(void **state)
{
    (void)state;
    if (geteuid() != 0)
        return; // only root can give files away
    provide("p.yaml", "", 0644);
    assert_int_equal(chown(in_folder("p.yaml"), SOMEBODY, 0), 0);
    assert_refused(in_folder("p.yaml"), "the policy belongs to user 65534");
    provide_folder("theirs", 0755);
    provide("theirs/p.yaml", "", 0644);
    assert_int_equal(chown(in_folder("theirs"), SOMEBODY, 0), 0);
    assert_refused(in_folder("theirs/p.yaml"), "the policy's folder belongs to user 65534");
}

static void symbolic_links_are_looked_at_one_by_one(void **state)
{
    (void)state;
    provide_folder("good", 0755);
    provide("good/p.yaml", "", 0644);
    provide_folder("open", 0777);
    provide("open/p.yaml", "", 0644);
    assert_int_equal(symlink("good/p.yaml", in_folder("relative")), 0);
    assert_int_equal(symlink(in_folder("relative"), in_folder("absolute")), 0);
    assert_int_equal(symlink("open/p.yaml", in_folder("out")), 0);
    assert_int_equal(symlink("../good/p.yaml", in_folder("open/in")), 0);
    assert_opened(in_folder("relative"));
    assert_opened(in_folder("absolute"));
    assert_refused(in_folder("out"), "its folder may be written by everybody");
    assert_refused(in_folder("open/in"), "its folder may be written by everybody");
    chmod(in_folder("open"), 01777);
    assert_opened(in_folder("open/in"));
    if (geteuid() == 0) {
        assert_int_equal(lchown(in_folder("open/in"), SOMEBODY, 0), 0);
        assert_refused(in_folder("open/in"), "a symbolic link to the policy belongs to user");
    }
}

static void symbolic_links_come_to_an_end(void **state)
{
    (void)state;
    assert_int_equal(symlink("b", in_folder("a")), 0);
    assert_int_equal(symlink("a", in_folder("b")), 0);
    assert_refused(in_folder("a"), "symbolic links");
    assert_int_equal(symlink("nowhere", in_folder("c")), 0);
    assert_refused(in_folder("c"), "No such file");
}

static void odd_paths_are_refused(void **state)
{
    char path[PATH_MAX + 2];

    (void)state;
    assert_refused("", "not a regular file");
    assert_refused("/", "not a regular file");
    assert_refused("/tmp/", "not a regular file");
    assert_refused(in_folder(""), "not a regular file");
    assert_refused(in_folder(".."), "not a regular file");
    provide("p.yaml", "", 0644);
    assert_refused(in_folder("p.yaml/"), "Not a directory");
    assert_refused(in_folder("p.yaml/x"), "Not a directory");
    memset(path, 'x', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    assert_refused(path, "too long");
}

// Puts one of two files in the place of the policy, again and again.
static void swap_for_ever(void)
{
    for (;;) {
        unlink(in_folder("next"));
        if (link(in_folder("good"), in_folder("next")) ||
            rename(in_folder("next"), in_folder("p.yaml")) ||
            link(in_folder("bad"), in_folder("next")) ||
            rename(in_folder("next"), in_folder("p.yaml")))
            _exit(1);
    }
}

static void a_file_swapped_between_check_and_use_is_not_used(void **state)
{
    unsigned accepted = 0;
    pid_t child;

    (void)state;
    provide("good", "pinfold: 1\nhost_functions: [app.good]\n", 0644);
    provide("bad", "pinfold: 1\nhost_functions: [app.bad]\n", 0666);
    provide("p.yaml", "pinfold: 1\nhost_functions: [app.good]\n", 0644);
    child = fork();
    if (child == 0)
        swap_for_ever();
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct policy_error error = {.line = 0};

        if (policy_from_file(in_folder("p.yaml"), &policy, &error)) {
            accepted++;
            assert_int_equal(policy.function_count, 1);
            assert_string_equal(policy_text(&policy, policy.functions[0].name), "app.good");
        } else {
            assert_non_null(strstr(error.message, "written by everybody"));
            assert_int_equal(policy.function_count, 0);
        }
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_true(accepted > 0);
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_file_of_ones_own_in_a_folder_of_ones_own_is_opened),
        TEST(a_folder_where_others_may_exchange_the_file_is_refused),
        TEST(what_belongs_to_somebody_else_is_refused),
        TEST(symbolic_links_are_looked_at_one_by_one),
        TEST(symbolic_links_come_to_an_end),
        TEST(odd_paths_are_refused),
        TEST(a_file_swapped_between_check_and_use_is_not_used),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
