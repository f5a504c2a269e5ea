// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/wasi/wasi_fixture.h"

enum { ATIM = 1, ATIM_NOW = 2, MTIM = 4, MTIM_NOW = 8 };

static const struct file_status link_status = {
    .device = 1,
    .serial_number = UINT64_C(0x0123456789ABCDEF),
    .type = FILE_TYPE_SYMBOLIC_LINK,
    .link_count = 2,
    .size = 3,
    .access_time = 4,
    .modification_time = 5,
    .change_time = UINT64_MAX,
};

static void assert_link_status(void)
{
    assert_int_equal(long_at(RESULT), 1);
    assert_int_equal(long_at(RESULT + 8), link_status.serial_number);
    assert_int_equal(long_at(RESULT + 16), FILE_TYPE_SYMBOLIC_LINK); // and no padding
    assert_int_equal(long_at(RESULT + 24), 2);
    assert_int_equal(long_at(RESULT + 32), 3);
    assert_int_equal(long_at(RESULT + 40), 4);
    assert_int_equal(long_at(RESULT + 48), 5);
    assert_true(long_at(RESULT + 56) == UINT64_MAX);
}

// --- asking --------------------------------------------------------------------------------------

static void a_files_status_is_the_systems(void **state)
{
    uint32_t fd = open_file("hello", RIGHTS_FILE, 0);
    struct stat expected;

    (void)state;
    assert_int_equal(fstat(descriptor_at(&wasi.descriptors, fd)->file, &expected), 0);
    memset(memory(RESULT), 0xAA, 64);
    assert_int_equal(WASI_CALL("fd_filestat_get", fd, RESULT), WASI_SUCCESS);
    assert_int_equal(long_at(RESULT), expected.st_dev);
    assert_int_equal(long_at(RESULT + 8), expected.st_ino);
    assert_int_equal(long_at(RESULT + 16), FILE_TYPE_REGULAR);
    assert_int_equal(long_at(RESULT + 24), expected.st_nlink);
    assert_int_equal(long_at(RESULT + 32), 5);
    assert_int_equal(long_at(RESULT + 48),
                     expected.st_mtim.tv_sec * 1000000000 + expected.st_mtim.tv_nsec);
}

static void times_out_of_range_are_the_nearest_ones(void **state)
{
    const struct timespec times[] = {{.tv_sec = -5}, {.tv_sec = INT64_C(9223372037)}};
    uint32_t fd = open_file("hello", RIGHTS_FILE, 0);

    (void)state;
    assert_int_equal(futimens(descriptor_at(&wasi.descriptors, fd)->file, times), 0);
    assert_int_equal(WASI_CALL("fd_filestat_get", fd, RESULT), WASI_SUCCESS);
    assert_int_equal(long_at(RESULT + 40), 0);
    assert_true(long_at(RESULT + 48) == UINT64_MAX);
}

static void a_directorys_status_is_asked_by_its_handle(void **state)
{
    (void)state;
    play_status(link_status);
    assert_int_equal(WASI_CALL("fd_filestat_get", READABLE, RESULT), WASI_SUCCESS);
    assert_link_status();
    assert_int_equal(last_asked(FILE_STATUS)->request.handle, 1);
    assert_int_equal(last_asked(FILE_STATUS)->request.path_length, 0);
}

static void standard_descriptors_have_an_empty_status(void **state)
{
    (void)state;
    memset(memory(RESULT), 0xAA, 65);
    assert_int_equal(WASI_CALL("fd_filestat_get", 1, RESULT), WASI_SUCCESS);
    for (uint32_t i = 0; i < 64; i++)
        assert_int_equal(*memory(RESULT + i), 0);
    assert_int_equal(*memory(RESULT + 64), 0xAA);
}

static void a_paths_status_is_asked_with_its_lookup_flags(void **state)
{
    uint32_t length = put_path("a/b");

    (void)state;
    memset(memory(RESULT), 0xAA, 64);
    play_status(link_status);
    assert_int_equal(WASI_CALL("path_filestat_get", READABLE, 0, PATH, length, RESULT),
                     WASI_SUCCESS);
    assert_link_status();
    assert_int_equal(last_asked(FILE_STATUS)->request.flags, 0);
    assert_int_equal(last_asked(FILE_STATUS)->request.handle, 1);
    assert_int_equal(last_asked(FILE_STATUS)->request.path_length, 3);
    assert_memory_equal(last_asked(FILE_STATUS)->path, "a/b", 3);
    assert_int_equal(WASI_CALL("path_filestat_get", READABLE, 1, PATH, length, RESULT),
                     WASI_SUCCESS);
    assert_int_equal(last_asked(FILE_STATUS)->request.flags, FILE_FOLLOW);
}

static void a_status_that_is_refused_is_not_written(void **state)
{
    uint32_t length = put_path("a");

    (void)state;
    play_error(ENOENT);
    assert_int_equal(WASI_CALL("path_filestat_get", READABLE, 0, PATH, length, RESULT), WASI_NOENT);
    play_error(FILE_OUTSIDE);
    assert_int_equal(WASI_CALL("path_filestat_get", READABLE, 0, PATH, length, RESULT),
                     WASI_NOTCAPABLE);
    assert_int_equal(long_at(RESULT), 0);
    assert_int_equal(asked_count, 2);
    assert_int_equal(WASI_CALL("path_filestat_get", READABLE, 2, PATH, length, RESULT), WASI_INVAL);
    assert_int_equal(WASI_CALL("path_filestat_get", READABLE, 0, PATH, length, PAGE - 63),
                     WASI_FAULT);
    assert_int_equal(WASI_CALL("fd_filestat_get", READABLE, PAGE - 63), WASI_FAULT);
    assert_int_equal(WASI_CALL("fd_filestat_get", 99, RESULT), WASI_BADF);
    assert_int_equal(asked_count, 2);
}

static void a_status_needs_its_right(void **state)
{
    uint32_t length = put_path("a");
    uint32_t file = open_file("", RIGHT_FD_READ, 0);
    uint32_t directory = open_directory(RIGHT_PATH_OPEN, 0);

    (void)state;
    assert_int_equal(WASI_CALL("fd_filestat_get", file, RESULT), WASI_NOTCAPABLE);
    assert_int_equal(WASI_CALL("fd_filestat_get", directory, RESULT), WASI_NOTCAPABLE);
    assert_int_equal(WASI_CALL("path_filestat_get", directory, 0, PATH, length, RESULT),
                     WASI_NOTCAPABLE);
    assert_int_equal(WASI_CALL("path_filestat_get", file, 0, PATH, length, RESULT), WASI_NOTDIR);
}

// --- size ----------------------------------------------------------------------------------------

static void a_size_is_set_and_what_is_new_is_zero(void **state)
{
    uint32_t fd = open_file("hello", RIGHTS_FILE, 0);
    int file = descriptor_at(&wasi.descriptors, fd)->file;
    char bytes[8] = "........";

    (void)state;
    assert_int_equal(WASI_CALL("fd_filestat_set_size", fd, 2), WASI_SUCCESS);
    assert_int_equal(WASI_CALL("fd_filestat_set_size", fd, 4), WASI_SUCCESS);
    assert_int_equal(pread(file, bytes, sizeof bytes, 0), 4);
    assert_memory_equal(bytes, "he\0\0", 4);
    assert_int_equal(WASI_CALL("fd_filestat_set_size", fd, UINT64_MAX), WASI_INVAL);
    assert_int_equal(WASI_CALL("fd_filestat_set_size", 1, 0), WASI_NOTCAPABLE);
}

static void a_size_needs_its_right(void **state)
{
    uint32_t fd = open_file("hello", RIGHT_FD_WRITE, 0);

    (void)state;
    assert_int_equal(WASI_CALL("fd_filestat_set_size", fd, 0), WASI_NOTCAPABLE);
}

// --- times ---------------------------------------------------------------------------------------

static void times_of_a_file_are_set_by_its_handle(void **state)
{
    uint32_t fd = open_file("hello", RIGHTS_FILE, 0);

    (void)state;
    assert_int_equal(WASI_CALL("fd_filestat_set_times", fd, 7, UINT64_MAX, ATIM | MTIM),
                     WASI_SUCCESS);
    assert_int_equal(last_asked(FILE_SET_TIMES)->request.handle, 100);
    assert_int_equal(last_asked(FILE_SET_TIMES)->request.path_length, 0);
    assert_int_equal(last_asked(FILE_SET_TIMES)->request.values[0], 7);
    assert_true(last_asked(FILE_SET_TIMES)->request.values[1] == UINT64_MAX);
    assert_int_equal(last_asked(FILE_SET_TIMES)->request.flags,
                     FILE_ACCESS_TIME | FILE_MODIFICATION_TIME);
    assert_int_equal(WASI_CALL("fd_filestat_set_times", WRITABLE, 0, 0, ATIM_NOW | MTIM_NOW),
                     WASI_SUCCESS);
    assert_int_equal(last_asked(FILE_SET_TIMES)->request.handle, 0);
    assert_int_equal(last_asked(FILE_SET_TIMES)->request.flags,
                     FILE_ACCESS_NOW | FILE_MODIFICATION_NOW);
}

static void a_time_is_not_both_given_and_now(void **state)
{
    static const uint64_t wrong[] = {ATIM | ATIM_NOW, MTIM | MTIM_NOW, 16, UINT32_MAX};
    uint32_t fd = open_file("hello", RIGHTS_FILE, 0);
    uint32_t length = put_path("a");
    size_t requests = asked_count;

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(WASI_CALL("fd_filestat_set_times", fd, 1, 1, wrong[i]), WASI_INVAL);
        assert_int_equal(
            WASI_CALL("path_filestat_set_times", WRITABLE, 0, PATH, length, 1, 1, wrong[i]),
            WASI_INVAL);
    }
    assert_int_equal(asked_count, requests);
}

static void a_file_without_a_handle_has_no_times_to_set(void **state)
{
    uint32_t fd = open_file("hello", RIGHTS_FILE, 0);

    (void)state;
    descriptor_at(&wasi.descriptors, fd)->handle = FILE_NO_HANDLE;
    assert_int_equal(WASI_CALL("fd_filestat_set_times", fd, 1, 1, ATIM), WASI_NOTCAPABLE);
    assert_int_equal(asked_count, 1);
}

static void times_of_a_path_are_asked_for(void **state)
{
    uint32_t length = put_path("a");

    (void)state;
    assert_int_equal(
        WASI_CALL("path_filestat_set_times", WRITABLE, 1, PATH, length, 8, 9, ATIM | MTIM_NOW),
        WASI_SUCCESS);
    assert_int_equal(last_asked(FILE_SET_TIMES)->request.flags,
                     FILE_FOLLOW | FILE_ACCESS_TIME | FILE_MODIFICATION_NOW);
    assert_int_equal(last_asked(FILE_SET_TIMES)->request.values[0], 8);
    assert_memory_equal(last_asked(FILE_SET_TIMES)->path, "a", 1);
    assert_int_equal(WASI_CALL("path_filestat_set_times", WRITABLE, 4, PATH, length, 8, 9, ATIM),
                     WASI_INVAL);
    assert_int_equal(asked_count, 1);
}

static void times_need_a_right_that_a_grant_for_reading_lacks(void **state)
{
    uint32_t length = put_path("a");

    (void)state;
    assert_int_equal(WASI_CALL("fd_filestat_set_times", READABLE, 1, 1, ATIM), WASI_NOTCAPABLE);
    assert_int_equal(WASI_CALL("path_filestat_set_times", READABLE, 0, PATH, length, 8, 9, ATIM),
                     WASI_NOTCAPABLE);
    assert_int_equal(WASI_CALL("fd_filestat_set_times", 1, 1, 1, ATIM), WASI_NOTCAPABLE);
    assert_int_equal(asked_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DIRECTORY_TEST(a_files_status_is_the_systems),
        DIRECTORY_TEST(times_out_of_range_are_the_nearest_ones),
        DIRECTORY_TEST(a_directorys_status_is_asked_by_its_handle),
        DIRECTORY_TEST(standard_descriptors_have_an_empty_status),
        DIRECTORY_TEST(a_paths_status_is_asked_with_its_lookup_flags),
        DIRECTORY_TEST(a_status_that_is_refused_is_not_written),
        DIRECTORY_TEST(a_status_needs_its_right),
        DIRECTORY_TEST(a_size_is_set_and_what_is_new_is_zero),
        DIRECTORY_TEST(a_size_needs_its_right),
        DIRECTORY_TEST(times_of_a_file_are_set_by_its_handle),
        DIRECTORY_TEST(a_time_is_not_both_given_and_now),
        DIRECTORY_TEST(a_file_without_a_handle_has_no_times_to_set),
        DIRECTORY_TEST(times_of_a_path_are_asked_for),
        DIRECTORY_TEST(times_need_a_right_that_a_grant_for_reading_lacks),
    };

    return cmocka_run_group_tests(tests, run_group_set_up, NULL);
}
