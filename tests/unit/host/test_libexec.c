// SPDX-License-Identifier: Apache-2.0
#include "host/libexec.h"

#include <fcntl.h>
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

static char folder[64];
static char other[96];

static void put(const char *in, const char *name, mode_t mode)
{
    char path[PATH_MAX];
    int file;

    snprintf(path, sizeof path, "%s/%s", in, name);
    unlink(path);
    file = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, mode);
    assert_true(file >= 0);
    close(file);
}

static int begin(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/pinfold-libexec-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(other, sizeof other, "%s/other", folder);
    if (mkdir(other, 0700) != 0)
        return -1;
    put(folder, "pinfold-launcher", 0755);
    put(folder, "pinfold-worker", 0755);
    put(other, "pinfold-launcher", 0755);
    put(other, "pinfold-worker", 0755);
    return 0;
}

static int end(void **state)
{
    char command[128];

    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

static void expect_found(const char *asked, const char *in)
{
    struct libexec libexec;
    struct error_text error;
    char path[PATH_MAX];

    error_text_init(&error);
    if (!libexec_find(asked, &libexec, &error))
        fail_msg("%s", error.text);
    snprintf(path, sizeof path, "%s/pinfold-launcher", in);
    assert_string_equal(libexec.launcher, path);
    snprintf(path, sizeof path, "%s/pinfold-worker", in);
    assert_string_equal(libexec.worker, path);
}

static void expect_missing(const char *asked, const char *words)
{
    struct libexec libexec;
    struct error_text error;

    error_text_init(&error);
    assert_false(libexec_find(asked, &libexec, &error));
    assert_int_equal(error.status, PNF_SYSTEM);
    if (!strstr(error.text, words))
        fail_msg("'%s' is not in: %s", words, error.text);
}

static void a_folder_that_is_asked_for_comes_first(void **state)
{
    (void)state;
    setenv("PINFOLD_LIBEXEC", other, 1);
    expect_found(folder, folder);
    unsetenv("PINFOLD_LIBEXEC");
    expect_found(folder, folder);
}

static void the_environment_comes_second(void **state)
{
    (void)state;
    setenv("PINFOLD_LIBEXEC", other, 1);
    expect_found(NULL, other);
    unsetenv("PINFOLD_LIBEXEC");
}

static void who_asks_for_a_folder_gets_no_other(void **state)
{
    (void)state;
    setenv("PINFOLD_LIBEXEC", other, 1);
    expect_missing("/nonexistent", "in /nonexistent, which the option libexec names");
    setenv("PINFOLD_LIBEXEC", "/nonexistent", 1);
    expect_missing(NULL, "in /nonexistent, which PINFOLD_LIBEXEC names");
    unsetenv("PINFOLD_LIBEXEC");
}

static void both_programs_have_to_be_there_and_executable(void **state)
{
    (void)state;
    put(other, "pinfold-worker", 0644);
    expect_missing(other, other);
    put(other, "pinfold-worker", 0755);
    put(other, "pinfold-launcher", 0644);
    expect_missing(other, other);
    put(other, "pinfold-launcher", 0755);
    expect_found(other, other);
}

static void a_path_that_is_too_long_is_missing_and_not_cut_off(void **state)
{
    static char path[2 * PATH_MAX];
    size_t length = strlen(folder);

    (void)state;
    memset(path, '/', sizeof path - 1);
    memcpy(path, folder, length);
    expect_missing(path, "no executable");
    path[PATH_MAX - 1] = '\0';
    expect_missing(path, "no executable");
    path[PATH_MAX - sizeof "/pinfold-launcher"] = '\0';
    expect_found(path, path);
}

// The library of this test is the test program.
static void without_either_it_is_beside_the_library(void **state)
{
    char program[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    struct libexec libexec;
    struct error_text error;
    char *slash;

    (void)state;
    assert_true(length > 0);
    program[length] = '\0';
    slash = strrchr(program, '/');
    *slash = '\0';
    put(program, "pinfold-launcher", 0755);
    put(program, "pinfold-worker", 0755);
    error_text_init(&error);
    assert_true(libexec_find(NULL, &libexec, &error));
    strcpy(slash, "/pinfold-launcher");
    unlink(program);
    strcpy(slash, "/pinfold-worker");
    unlink(program);
    expect_missing(NULL, "neither beside the library nor in");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_folder_that_is_asked_for_comes_first),
        cmocka_unit_test(the_environment_comes_second),
        cmocka_unit_test(who_asks_for_a_folder_gets_no_other),
        cmocka_unit_test(both_programs_have_to_be_there_and_executable),
        cmocka_unit_test(a_path_that_is_too_long_is_missing_and_not_cut_off),
        cmocka_unit_test(without_either_it_is_beside_the_library),
    };

    unsetenv("PINFOLD_LIBEXEC");
    return cmocka_run_group_tests(tests, begin, end);
}
