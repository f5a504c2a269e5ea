// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "tests/unit/wasi/wasi_fixture.h"

enum { CREAT = 1, DIRECTORY = 2, EXCL = 4, TRUNC = 8 };

static uint32_t open_with(uint32_t directory, uint64_t how, uint64_t rights, uint64_t flags)
{
    return WASI_CALL("path_open", directory, 0, PATH, put_path("file"), how, rights, 0, flags,
                     RESULT);
}

static void rights_of(uint32_t fd, uint64_t *rights, uint64_t *inheriting)
{
    assert_int_equal(WASI_CALL("fd_fdstat_get", fd, RESULT), WASI_SUCCESS);
    *rights = long_at(RESULT + 8);
    *inheriting = long_at(RESULT + 16);
}

// --- the request ---------------------------------------------------------------------------------

static void a_path_is_asked_for_beneath_its_directory(void **state)
{
    (void)state;
    play_directory(100);
    assert_int_equal(
        WASI_CALL("path_open", READABLE, 1, PATH, put_path("a/\xC3\xA9"), 0, 0, 0, 0, RESULT),
        WASI_SUCCESS);
    assert_int_equal(word_at(RESULT), FIRST);
    assert_int_equal(last_asked(FILE_OPEN)->request.handle, 1);
    assert_int_equal(last_asked(FILE_OPEN)->request.flags, FILE_FOLLOW);
    assert_int_equal(last_asked(FILE_OPEN)->request.path_length, 4);
    assert_memory_equal(last_asked(FILE_OPEN)->path, "a/\xC3\xA9", 4);
    play_directory(101);
    assert_int_equal(open_with(FIRST, 0, 0, 0), WASI_NOTCAPABLE); // opened without that right
}

static void an_opened_directory_is_opened_beneath_by_its_handle(void **state)
{
    uint32_t directory = open_directory(RIGHT_PATH_OPEN, RIGHT_FD_READ);

    (void)state;
    play_file(make_file(""), 7);
    assert_int_equal(open_with(directory, 0, RIGHT_FD_READ, 0), WASI_SUCCESS);
    assert_int_equal(last_asked(FILE_OPEN)->request.handle, 100);
}

static void rights_choose_between_reading_and_writing(void **state)
{
    static const struct {
        uint64_t rights;
        uint32_t flags;
    } rows[] = {
        {0, 0},
        {RIGHT_FD_SEEK | RIGHT_FD_FILESTAT_SET_TIMES | RIGHT_FD_DATASYNC, 0},
        {RIGHT_FD_READ, FILE_READ},
        {RIGHT_FD_WRITE, FILE_WRITE},
        {RIGHT_FD_ALLOCATE, FILE_WRITE},
        {RIGHT_FD_FILESTAT_SET_SIZE, FILE_WRITE},
        {RIGHT_FD_READ | RIGHT_FD_WRITE, FILE_READ | FILE_WRITE},
        {UINT64_MAX, FILE_READ | FILE_WRITE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        play_file(make_file(""), 7);
        assert_int_equal(open_with(WRITABLE, 0, rows[i].rights, 0), WASI_SUCCESS);
        assert_int_equal(last_asked(FILE_OPEN)->request.flags, rows[i].flags);
    }
}

static void flags_are_passed_on(void **state)
{
    static const struct {
        uint64_t how;
        uint64_t flags;
        uint32_t asked;
    } rows[] = {
        {CREAT, 0, FILE_CREATE},
        {CREAT | EXCL, 0, FILE_CREATE | FILE_EXCLUSIVE},
        {TRUNC, 0, FILE_TRUNCATE},
        {DIRECTORY, 0, FILE_DIRECTORY},
        {0, DESCRIPTOR_APPEND, FILE_APPEND},
        {0, DESCRIPTOR_DATA_SYNC, FILE_DATA_SYNC},
        {0, DESCRIPTOR_SYNC | DESCRIPTOR_NONBLOCKING, FILE_SYNC},
        {0, DESCRIPTOR_READ_SYNC, FILE_SYNC},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        play_file(make_file(""), 7);
        assert_int_equal(open_with(WRITABLE, rows[i].how, 0, rows[i].flags), WASI_SUCCESS);
        assert_int_equal(last_asked(FILE_OPEN)->request.flags, rows[i].asked);
        assert_int_equal(WASI_CALL("fd_fdstat_get", FIRST + i, RESULT), WASI_SUCCESS);
        assert_int_equal(word_at(RESULT), FILE_TYPE_REGULAR | rows[i].flags << 16);
    }
}

static void flags_that_do_not_exist_or_go_together_are_invalid(void **state)
{
    (void)state;
    assert_int_equal(open_with(WRITABLE, 16, 0, 0), WASI_INVAL);
    assert_int_equal(open_with(WRITABLE, 0, 0, 32), WASI_INVAL);
    assert_int_equal(open_with(WRITABLE, CREAT | DIRECTORY, 0, 0), WASI_INVAL);
    assert_int_equal(WASI_CALL("path_open", WRITABLE, 2, PATH, 4, 0, 0, 0, 0, RESULT), WASI_INVAL);
    assert_int_equal(asked_count, 0);
}

// --- rights --------------------------------------------------------------------------------------

static void a_file_has_the_rights_asked_for_that_the_directory_hands_on(void **state)
{
    uint32_t directory = open_directory(UINT64_MAX, RIGHT_FD_READ | RIGHT_FD_TELL);
    uint64_t rights;
    uint64_t inheriting;

    (void)state;
    play_file(make_file(""), 7);
    assert_int_equal(open_with(directory, 0, RIGHT_FD_READ | RIGHT_FD_SEEK, 0), WASI_SUCCESS);
    rights_of(word_at(RESULT), &rights, &inheriting);
    assert_int_equal(rights, RIGHT_FD_READ);
    assert_int_equal(inheriting, 0);
}

static void a_directory_has_directories_rights_and_hands_on_what_it_may(void **state)
{
    uint32_t directory = open_directory(UINT64_MAX, UINT64_MAX);
    uint64_t rights;
    uint64_t inheriting;

    (void)state;
    rights_of(directory, &rights, &inheriting);
    assert_int_equal(rights, RIGHTS_DIRECTORY);
    assert_int_equal(inheriting, RIGHTS_DIRECTORY | RIGHTS_FILE);
    play_directory(7);
    assert_int_equal(WASI_CALL("path_open", directory, 0, PATH, put_path("a"), DIRECTORY,
                               RIGHT_FD_READDIR | RIGHT_FD_SEEK, RIGHT_FD_READ, 0, RESULT),
                     WASI_SUCCESS);
    rights_of(word_at(RESULT), &rights, &inheriting);
    assert_int_equal(rights, RIGHT_FD_READDIR);
    assert_int_equal(inheriting, RIGHT_FD_READ);
}

static void a_grant_for_reading_refuses_whatever_writes(void **state)
{
    (void)state;
    assert_int_equal(open_with(READABLE, 0, RIGHT_FD_READ | RIGHT_FD_WRITE, 0), WASI_NOTCAPABLE);
    assert_int_equal(open_with(READABLE, CREAT, RIGHT_FD_READ, 0), WASI_NOTCAPABLE);
    assert_int_equal(open_with(READABLE, TRUNC, RIGHT_FD_READ, 0), WASI_NOTCAPABLE);
    assert_int_equal(asked_count, 0);
}

// Rust asks for every right that there is when it opens a file for reading.
static void a_grant_for_reading_gives_fewer_rights_than_asked_for(void **state)
{
    uint64_t asked_for = UINT64_MAX & ~(uint64_t)RIGHT_FD_WRITE;
    uint64_t rights;
    uint64_t inheriting;

    (void)state;
    play_file(make_file(""), FILE_NO_HANDLE);
    assert_int_equal(open_with(READABLE, 0, asked_for, 0), WASI_SUCCESS);
    assert_int_equal(last_asked(FILE_OPEN)->request.flags, FILE_READ);
    rights_of(word_at(RESULT), &rights, &inheriting);
    assert_int_equal(rights, RIGHTS_FILE & ~RIGHTS_CHANGING);
}

// Go asks for the right to change the size when it opens a file for reading.
static void who_asks_only_to_read_gets_no_right_that_needs_a_file_open_for_writing(void **state)
{
    uint64_t rights;
    uint64_t inheriting;

    (void)state;
    play_file(make_file(""), 7);
    assert_int_equal(open_with(WRITABLE, 0, RIGHTS_FILE & ~(uint64_t)RIGHT_FD_WRITE, 0),
                     WASI_SUCCESS);
    assert_int_equal(last_asked(FILE_OPEN)->request.flags, FILE_READ);
    rights_of(word_at(RESULT), &rights, &inheriting);
    assert_int_equal(rights, RIGHTS_FILE & ~(uint64_t)(RIGHT_FD_WRITE | RIGHT_FD_ALLOCATE |
                                                       RIGHT_FD_FILESTAT_SET_SIZE));
}

static void creating_and_truncating_need_rights_of_the_directory(void **state)
{
    (void)state;
    assert_int_equal(WASI_CALL("fd_fdstat_set_rights", WRITABLE, RIGHT_PATH_OPEN, RIGHTS_FILE),
                     WASI_SUCCESS);
    assert_int_equal(open_with(WRITABLE, CREAT, RIGHT_FD_WRITE, 0), WASI_NOTCAPABLE);
    assert_int_equal(open_with(WRITABLE, TRUNC, RIGHT_FD_WRITE, 0), WASI_NOTCAPABLE);
    play_file(make_file(""), 7);
    assert_int_equal(open_with(WRITABLE, 0, RIGHT_FD_WRITE, 0), WASI_SUCCESS);
    assert_int_equal(WASI_CALL("fd_fdstat_set_rights", WRITABLE, 0, RIGHTS_FILE), WASI_SUCCESS);
    assert_int_equal(open_with(WRITABLE, 0, RIGHT_FD_WRITE, 0), WASI_NOTCAPABLE);
}

// --- arguments -----------------------------------------------------------------------------------

static void only_a_directory_is_opened_beneath(void **state)
{
    uint32_t fd = open_file("", RIGHTS_FILE, 0);

    (void)state;
    assert_int_equal(open_with(fd, 0, 0, 0), WASI_NOTDIR);
    assert_int_equal(open_with(0, 0, 0, 0), WASI_NOTDIR);
    assert_int_equal(open_with(fd + 1, 0, 0, 0), WASI_BADF);
}

static void pointers_are_checked_before_anything_is_opened(void **state)
{
    uint32_t length = put_path("file");

    (void)state;
    assert_int_equal(WASI_CALL("path_open", WRITABLE, 0, PATH, length, 0, 0, 0, 0, PAGE - 3),
                     WASI_FAULT);
    assert_int_equal(WASI_CALL("path_open", WRITABLE, 0, PAGE - 3, 4, 0, 0, 0, 0, RESULT),
                     WASI_FAULT);
    assert_int_equal(asked_count, 0);
}

// --- the answer ----------------------------------------------------------------------------------

static void what_the_host_refuses_is_not_opened(void **state)
{
    (void)state;
    put_word(RESULT, 99);
    play_error(ELOOP);
    assert_int_equal(open_with(WRITABLE, 0, 0, 0), WASI_LOOP);
    play_error(FILE_NOT_GRANTED);
    assert_int_equal(open_with(WRITABLE, 0, 0, 0), WASI_NOTCAPABLE);
    play_error(FILE_NOT_A_FILE);
    assert_int_equal(open_with(WRITABLE, 0, 0, 0), WASI_NXIO);
    assert_int_equal(word_at(RESULT), 99);
    assert_null(descriptor_at(&wasi.descriptors, FIRST));
}

static void a_file_that_got_lost_is_given_up_at_the_host_as_well(void **state)
{
    (void)state;
    play_file(-1, 44);
    assert_int_equal(open_with(WRITABLE, 0, 0, 0), WASI_MFILE);
    assert_int_equal(last_asked(FILE_CLOSE)->request.handle, 44);
    play_file(-1, FILE_NO_HANDLE);
    assert_int_equal(open_with(WRITABLE, 0, 0, 0), WASI_MFILE);
    assert_int_equal(asked_count, 3);
}

static void an_answer_without_anything_is_an_error(void **state)
{
    (void)state;
    assert_int_equal(open_with(WRITABLE, 0, 0, 0), WASI_IO);
    assert_null(descriptor_at(&wasi.descriptors, FIRST));
}

static void a_host_that_is_gone_ends_the_run(void **state)
{
    uint32_t length = put_path("file");

    (void)state;
    host_is_gone = true;
    assert_int_equal(run("path_open", ARGUMENTS(WRITABLE, 0, PATH, length, 0, 0, 0, 0, RESULT)),
                     OUTCOME_TRAP);
    assert_int_equal(trap.code, TRAP_HOST);
}

static void an_interruption_ends_the_run_after_the_call(void **state)
{
    uint32_t length = put_path("file");

    (void)state;
    interrupts = true;
    assert_int_equal(run("path_open", ARGUMENTS(WRITABLE, 0, PATH, length, 0, 0, 0, 0, RESULT)),
                     OUTCOME_TRAP);
    assert_int_equal(trap.code, TRAP_INTERRUPTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DIRECTORY_TEST(a_path_is_asked_for_beneath_its_directory),
        DIRECTORY_TEST(an_opened_directory_is_opened_beneath_by_its_handle),
        DIRECTORY_TEST(rights_choose_between_reading_and_writing),
        DIRECTORY_TEST(flags_are_passed_on),
        DIRECTORY_TEST(flags_that_do_not_exist_or_go_together_are_invalid),
        DIRECTORY_TEST(a_file_has_the_rights_asked_for_that_the_directory_hands_on),
        DIRECTORY_TEST(a_directory_has_directories_rights_and_hands_on_what_it_may),
        DIRECTORY_TEST(a_grant_for_reading_refuses_whatever_writes),
        DIRECTORY_TEST(a_grant_for_reading_gives_fewer_rights_than_asked_for),
        DIRECTORY_TEST(who_asks_only_to_read_gets_no_right_that_needs_a_file_open_for_writing),
        DIRECTORY_TEST(creating_and_truncating_need_rights_of_the_directory),
        DIRECTORY_TEST(only_a_directory_is_opened_beneath),
        DIRECTORY_TEST(pointers_are_checked_before_anything_is_opened),
        DIRECTORY_TEST(what_the_host_refuses_is_not_opened),
        DIRECTORY_TEST(a_file_that_got_lost_is_given_up_at_the_host_as_well),
        DIRECTORY_TEST(an_answer_without_anything_is_an_error),
        DIRECTORY_TEST(a_host_that_is_gone_ends_the_run),
        DIRECTORY_TEST(an_interruption_ends_the_run_after_the_call),
    };

    return cmocka_run_group_tests(tests, run_group_set_up, NULL);
}
