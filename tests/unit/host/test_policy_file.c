// SPDX-License-Identifier: Apache-2.0
#include "host/policy_file.h"

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

static struct policy policy;
static char folder[64];
static char path[128];

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/pinfold-policy-XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/p.yaml", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    remove(path);
    return rmdir(folder);
}

static void write_file(const char *text, mode_t mode)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static void assert_refused(const char *name, const char *part)
{
    struct policy_error error = {.line = 0};

    assert_false(policy_from_file(name, &policy, &error));
    if (strstr(error.message, part) == NULL)
        fail_msg("'%s' is not in '%s'", part, error.message);
    assert_int_equal(policy.function_count, 0);
}

static void a_file_is_read_and_named_as_the_source(void **state)
{
    struct policy_error error = {.line = 0};

    (void)state;
    write_file("pinfold: 1\nhost_functions: [app.log]\n", 0644);
    assert_true(policy_from_file(path, &policy, &error));
    assert_int_equal(policy.function_count, 1);
    assert_string_equal(policy.source, path);
}

static void a_file_that_group_or_others_may_write_is_refused(void **state)
{
    (void)state;
    write_file("pinfold: 1\nhost_functions: [app.log]\n", 0664);
    assert_refused(path, "written by its group");
    chmod(path, 0646);
    assert_refused(path, "written by everybody");
}

static void the_error_of_the_text_keeps_its_place(void **state)
{
    struct policy_error error = {.line = 0};

    (void)state;
    write_file("pinfold: 1\nbad: 2\n", 0600);
    assert_false(policy_from_file(path, &policy, &error));
    assert_int_equal(error.line, 2);
    assert_int_equal(error.column, 1);
}

static void what_is_no_regular_file_is_refused_without_waiting(void **state)
{
    (void)state;
    assert_refused(folder, "regular file");
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_refused(path, "regular file");
    assert_refused("/dev/null", "regular file");
}

static void a_missing_file_is_an_error_that_says_so(void **state)
{
    (void)state;
    assert_refused(path, "No such file");
}

static void a_file_that_is_too_long_is_refused(void **state)
{
    char *text = malloc(70000);

    (void)state;
    memset(text, '\n', 70000);
    text[69999] = '\0';
    write_file(text, 0600);
    free(text);
    assert_refused(path, "more than 65536 bytes");
}

static void a_long_path_is_kept_by_its_end(void **state)
{
    struct policy_error error = {.line = 0};
    char detour[1024];

    (void)state;
    write_file("pinfold: 1\n", 0600);
    strcpy(detour, folder);
    for (unsigned i = 0; i < 200; i++)
        strcat(detour, "/.");
    strcat(detour, "/p.yaml");
    assert_true(policy_from_file(detour, &policy, &error));
    assert_int_equal(strlen(policy.source), sizeof policy.source - 1);
    assert_memory_equal(policy.source, "...", 3);
    assert_string_equal(policy.source + sizeof policy.source - 1 - 7, "/p.yaml");
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_file_is_read_and_named_as_the_source),
        TEST(a_file_that_group_or_others_may_write_is_refused),
        TEST(the_error_of_the_text_keeps_its_place),
        TEST(what_is_no_regular_file_is_refused_without_waiting),
        TEST(a_missing_file_is_an_error_that_says_so),
        TEST(a_file_that_is_too_long_is_refused),
        TEST(a_long_path_is_kept_by_its_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
