// SPDX-License-Identifier: Apache-2.0
#include "wasi/descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "tests/unit/wasi/wasi_fixture.h"

// --- the table -----------------------------------------------------------------------------------

static void preopened_directories_come_after_the_standard_descriptors(void **state)
{
    (void)state;
    assert_int_equal(descriptor_at(&wasi.descriptors, 0)->kind, DESCRIPTOR_INPUT);
    assert_int_equal(descriptor_at(&wasi.descriptors, 1)->kind, DESCRIPTOR_OUTPUT);
    assert_int_equal(descriptor_at(&wasi.descriptors, 2)->kind, DESCRIPTOR_OUTPUT);
    for (uint32_t i = 3; i < 5; i++) {
        const struct descriptor *descriptor = descriptor_at(&wasi.descriptors, i);

        assert_int_equal(descriptor->kind, DESCRIPTOR_DIRECTORY);
        assert_int_equal(descriptor->handle, i - 3);
        assert_true(descriptor->preopened);
    }
    assert_null(descriptor_at(&wasi.descriptors, 5));
    assert_null(descriptor_at(&wasi.descriptors, DESCRIPTOR_TABLE_SIZE));
    assert_null(descriptor_at(&wasi.descriptors, UINT32_MAX));
}

static void the_lowest_free_number_is_taken(void **state)
{
    (void)state;
    assert_int_equal(open_file("", RIGHT_FD_READ, 0), 5);
    assert_int_equal(open_file("", RIGHT_FD_READ, 0), 6);
    assert_int_equal(WASI_CALL("fd_close", 5), WASI_SUCCESS);
    assert_int_equal(WASI_CALL("fd_close", 0), WASI_SUCCESS);
    assert_int_equal(open_file("", RIGHT_FD_READ, 0), 0);
    assert_int_equal(open_file("", RIGHT_FD_READ, 0), 5);
    assert_int_equal(open_file("", RIGHT_FD_READ, 0), 7);
}

static void no_more_are_open_than_the_policy_allows(void **state)
{
    size_t requests;

    (void)state;
    for (uint32_t i = 0; i < 8; i++)
        assert_int_equal(open_file("", RIGHT_FD_READ, 0), FIRST + i);
    requests = asked_count;
    // Closing what the policy gave makes no room: the limit is of what the guest opens.
    assert_int_equal(WASI_CALL("fd_close", READABLE), WASI_SUCCESS);
    assert_int_equal(WASI_CALL("path_open", WRITABLE, 0, PATH, 4, 0, 0, 0, 0, RESULT), WASI_MFILE);
    assert_int_equal(asked_count, requests);
    assert_int_equal(WASI_CALL("fd_close", FIRST), WASI_SUCCESS);
    assert_int_equal(open_directory(0, 0), READABLE);
    assert_int_equal(WASI_CALL("path_open", WRITABLE, 0, PATH, 4, 0, 0, 0, 0, RESULT), WASI_MFILE);
}

static void a_policys_larger_number_is_cut_to_the_tables(void **state)
{
    static struct descriptor_table table;
    struct descriptor opened = {.kind = DESCRIPTOR_DIRECTORY, .handle = 9, .file = -1};

    (void)state;
    policy.limits.open_files = 1024;
    policy.dir_count = POLICY_DIRS_MAX;
    descriptor_table_init(&table, &policy);
    for (uint32_t i = 0; i < DESCRIPTOR_OPENED_MAX; i++) {
        assert_true(descriptor_has_room(&table));
        assert_int_equal(descriptor_add(&table, &opened), 3 + POLICY_DIRS_MAX + i);
    }
    assert_false(descriptor_has_room(&table));
}

// --- closing -------------------------------------------------------------------------------------

static void a_closed_descriptor_is_bad(void **state)
{
    (void)state;
    assert_int_equal(WASI_CALL("fd_close", 1), WASI_SUCCESS);
    assert_int_equal(WASI_CALL("fd_close", 1), WASI_BADF);
    assert_int_equal(WASI_CALL("fd_write", 1, IOVECS, 0, RESULT), WASI_BADF);
    assert_int_equal(WASI_CALL("fd_write", 2, IOVECS, 0, RESULT), WASI_SUCCESS);
}

static void closing_a_file_closes_the_systems_descriptor_and_the_handle(void **state)
{
    int file = make_file("");

    (void)state;
    play_file(file, 41);
    assert_int_equal(WASI_CALL("path_open", WRITABLE, 0, PATH, put_path("a"), 0, 0, 0, 0, RESULT),
                     WASI_SUCCESS);
    assert_int_equal(WASI_CALL("fd_close", word_at(RESULT)), WASI_SUCCESS);
    assert_int_equal(fcntl(file, F_GETFD), -1);
    assert_int_equal(last_asked(FILE_CLOSE)->request.handle, 41);
}

static void a_file_without_a_handle_is_closed_without_asking(void **state)
{
    (void)state;
    play_file(make_file(""), FILE_NO_HANDLE);
    assert_int_equal(WASI_CALL("path_open", READABLE, 0, PATH, put_path("a"), 0, 0, 0, 0, RESULT),
                     WASI_SUCCESS);
    assert_int_equal(WASI_CALL("fd_close", word_at(RESULT)), WASI_SUCCESS);
    assert_int_equal(asked_count, 1);
}

static void closing_a_preopened_directory_is_not_told(void **state)
{
    (void)state;
    assert_int_equal(WASI_CALL("fd_close", WRITABLE), WASI_SUCCESS);
    assert_int_equal(asked_count, 0);
    assert_int_equal(WASI_CALL("fd_prestat_get", WRITABLE, RESULT), WASI_BADF);
    assert_int_equal(WASI_CALL("fd_prestat_get", READABLE, RESULT), WASI_SUCCESS);
}

static void an_opened_directory_is_closed_by_its_handle(void **state)
{
    uint32_t fd = open_directory(0, 0);

    (void)state;
    play_error(EIO);
    assert_int_equal(WASI_CALL("fd_close", fd), WASI_IO);
    assert_int_equal(last_asked(FILE_CLOSE)->request.handle, 100);
    assert_int_equal(WASI_CALL("fd_close", fd), WASI_BADF);
}

// --- renumbering ---------------------------------------------------------------------------------

static void renumbering_moves_and_closes_the_target_once(void **state)
{
    uint32_t from = open_file("", RIGHT_FD_READ, 0);
    uint32_t to = open_file("", RIGHT_FD_READ, 0);
    int moved = descriptor_at(&wasi.descriptors, from)->file;
    int closed = descriptor_at(&wasi.descriptors, to)->file;
    size_t requests = asked_count;

    (void)state;
    assert_int_equal(WASI_CALL("fd_renumber", from, to), WASI_SUCCESS);
    assert_int_equal(asked_count, requests + 1);
    assert_int_equal(last_asked(FILE_CLOSE)->request.handle, 101);
    assert_int_equal(fcntl(closed, F_GETFD), -1);
    assert_int_equal(descriptor_at(&wasi.descriptors, to)->file, moved);
    assert_true(fcntl(moved, F_GETFD) >= 0);
    assert_int_equal(WASI_CALL("fd_close", from), WASI_BADF);
    assert_int_equal(open_file("", RIGHT_FD_READ, 0), from);
}

static void renumbering_to_itself_does_nothing(void **state)
{
    uint32_t fd = open_file("", RIGHT_FD_READ, 0);

    (void)state;
    assert_int_equal(WASI_CALL("fd_renumber", fd, fd), WASI_SUCCESS);
    assert_int_equal(asked_count, 1);
    assert_int_equal(WASI_CALL("fd_tell", fd, RESULT), WASI_NOTCAPABLE);
}

static void renumbering_takes_open_descriptors_only(void **state)
{
    uint32_t fd = open_file("", RIGHT_FD_READ, 0);

    (void)state;
    assert_int_equal(WASI_CALL("fd_renumber", fd, fd + 1), WASI_BADF);
    assert_int_equal(WASI_CALL("fd_renumber", fd + 1, fd), WASI_BADF);
    assert_int_equal(WASI_CALL("fd_renumber", fd + 1, fd + 1), WASI_BADF);
    assert_int_equal(WASI_CALL("fd_renumber", fd, UINT32_MAX), WASI_BADF);
    assert_int_equal(WASI_CALL("fd_renumber", UINT32_MAX, 1), WASI_BADF);
}

static void renumbering_over_preopened_and_standard_descriptors_is_legal(void **state)
{
    uint32_t fd = open_file("", RIGHT_FD_READ, 0);

    (void)state;
    assert_int_equal(WASI_CALL("fd_renumber", fd, WRITABLE), WASI_SUCCESS);
    assert_int_equal(WASI_CALL("fd_prestat_get", WRITABLE, RESULT), WASI_BADF);
    assert_int_equal(WASI_CALL("fd_renumber", READABLE, 0), WASI_SUCCESS);
    assert_int_equal(WASI_CALL("fd_prestat_get", 0, RESULT), WASI_SUCCESS);
    assert_int_equal(word_at(RESULT + 4), 3);
    assert_int_equal(asked_count, 1);
}

static void an_output_stays_itself_under_another_number(void **state)
{
    (void)state;
    put_iovec(0, BYTES, 1);
    assert_int_equal(WASI_CALL("fd_renumber", 2, 1), WASI_SUCCESS);
    assert_int_equal(WASI_CALL("fd_write", 1, IOVECS, 1, RESULT), WASI_SUCCESS);
    assert_int_equal(output_stream, 2);
    assert_int_equal(WASI_CALL("fd_write", 2, IOVECS, 1, RESULT), WASI_BADF);
}

static void renumbering_keeps_count_of_what_is_open(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 20; i++) {
        uint32_t fd = open_file("", RIGHT_FD_READ, 0);

        assert_int_equal(WASI_CALL("fd_renumber", fd, 0), WASI_SUCCESS);
    }
    assert_int_equal(wasi.descriptors.opened, 1);
}

// --- flags and rights ----------------------------------------------------------------------------

static void descriptors_tell_their_rights_without_padding(void **state)
{
    (void)state;
    memset(memory(RESULT), 0xAA, 24);
    assert_int_equal(WASI_CALL("fd_fdstat_get", 1, RESULT), WASI_SUCCESS);
    assert_int_equal(long_at(RESULT), 0);
    assert_int_equal(long_at(RESULT + 8), RIGHTS_OUTPUT);
    assert_int_equal(long_at(RESULT + 16), 0);
    assert_int_equal(WASI_CALL("fd_fdstat_get", 0, RESULT), WASI_SUCCESS);
    assert_int_equal(long_at(RESULT + 8), RIGHTS_INPUT);
    assert_int_equal(WASI_CALL("fd_fdstat_get", WRITABLE, RESULT), WASI_SUCCESS);
    assert_int_equal(long_at(RESULT), FILE_TYPE_DIRECTORY);
    assert_int_equal(long_at(RESULT + 8), RIGHTS_DIRECTORY);
    assert_int_equal(long_at(RESULT + 16), RIGHTS_DIRECTORY | RIGHTS_FILE);
    assert_int_equal(WASI_CALL("fd_fdstat_get", 1, PAGE - 23), WASI_FAULT);
    assert_int_equal(WASI_CALL("fd_fdstat_get", 9, PAGE - 23), WASI_BADF);
}

static void a_grant_for_reading_has_no_right_that_changes_anything(void **state)
{
    (void)state;
    assert_int_equal(WASI_CALL("fd_fdstat_get", READABLE, RESULT), WASI_SUCCESS);
    assert_int_equal(long_at(RESULT + 8) & RIGHTS_CHANGING, 0);
    assert_int_equal(long_at(RESULT + 16) & RIGHTS_CHANGING, 0);
    assert_true((long_at(RESULT + 8) & RIGHT_PATH_OPEN) != 0);
    assert_true((long_at(RESULT + 16) & RIGHT_FD_READ) != 0);
}

static void a_directory_has_no_place_and_no_size(void **state)
{
    (void)state;
    assert_int_equal(WASI_CALL("fd_seek", WRITABLE, 0, 0, RESULT), WASI_NOTCAPABLE);
    assert_int_equal(WASI_CALL("fd_tell", WRITABLE, RESULT), WASI_NOTCAPABLE);
    assert_int_equal(WASI_CALL("fd_filestat_set_size", WRITABLE, 0), WASI_NOTCAPABLE);
    assert_int_equal(WASI_CALL("fd_allocate", WRITABLE, 0, 1), WASI_NOTCAPABLE);
    assert_int_equal(WASI_CALL("fd_advise", WRITABLE, 0, 1, 0), WASI_NOTCAPABLE);
    assert_int_equal(WASI_CALL("fd_read", WRITABLE, IOVECS, 0, RESULT), WASI_NOTCAPABLE);
}

static void rights_are_dropped_and_never_come_back(void **state)
{
    uint32_t fd = open_file("abc", RIGHTS_FILE, 0);

    (void)state;
    assert_int_equal(WASI_CALL("fd_fdstat_set_rights", fd, RIGHT_FD_READ | RIGHT_FD_TELL, 0),
                     WASI_SUCCESS);
    assert_int_equal(WASI_CALL("fd_tell", fd, RESULT), WASI_SUCCESS);
    assert_int_equal(WASI_CALL("fd_seek", fd, 1, 0, RESULT), WASI_NOTCAPABLE);
    assert_int_equal(WASI_CALL("fd_write", fd, IOVECS, 0, RESULT), WASI_NOTCAPABLE);
    assert_int_equal(WASI_CALL("fd_fdstat_set_rights", fd, RIGHT_FD_READ | RIGHT_FD_SEEK, 0),
                     WASI_NOTCAPABLE);
    assert_int_equal(WASI_CALL("fd_fdstat_set_rights", fd, 0, RIGHT_FD_READ), WASI_NOTCAPABLE);
    assert_int_equal(WASI_CALL("fd_fdstat_set_rights", fd, UINT64_MAX, 0), WASI_NOTCAPABLE);
    assert_int_equal(WASI_CALL("fd_tell", fd, RESULT), WASI_SUCCESS);
    assert_int_equal(WASI_CALL("fd_fdstat_set_rights", 99, 0, 0), WASI_BADF);
}

static void flags_of_a_file_are_the_systems(void **state)
{
    uint32_t fd = open_file("abc", RIGHTS_FILE, 0);
    int file = descriptor_at(&wasi.descriptors, fd)->file;

    (void)state;
    assert_int_equal(
        WASI_CALL("fd_fdstat_set_flags", fd, DESCRIPTOR_APPEND | DESCRIPTOR_NONBLOCKING),
        WASI_SUCCESS);
    assert_int_equal(fcntl(file, F_GETFL) & (O_APPEND | O_NONBLOCK), O_APPEND | O_NONBLOCK);
    assert_int_equal(WASI_CALL("fd_fdstat_get", fd, RESULT), WASI_SUCCESS);
    assert_int_equal(word_at(RESULT), FILE_TYPE_REGULAR | 5 << 16);
    assert_int_equal(WASI_CALL("fd_fdstat_set_flags", fd, 0), WASI_SUCCESS);
    assert_int_equal(fcntl(file, F_GETFL) & (O_APPEND | O_NONBLOCK), 0);
}

static void flags_that_only_opening_sets_stay(void **state)
{
    uint32_t fd = open_file("abc", RIGHTS_FILE, DESCRIPTOR_SYNC);

    (void)state;
    assert_int_equal(WASI_CALL("fd_fdstat_set_flags", fd, DESCRIPTOR_DATA_SYNC), WASI_NOTSUP);
    assert_int_equal(WASI_CALL("fd_fdstat_set_flags", fd, 0), WASI_NOTSUP);
    assert_int_equal(WASI_CALL("fd_fdstat_set_flags", fd, DESCRIPTOR_SYNC | DESCRIPTOR_APPEND),
                     WASI_SUCCESS);
    assert_int_equal(WASI_CALL("fd_fdstat_set_flags", fd, 1 << 5), WASI_INVAL);
    assert_int_equal(WASI_CALL("fd_fdstat_set_flags", fd, UINT32_MAX), WASI_INVAL);
}

static void flags_of_standard_descriptors_are_kept_here_only(void **state)
{
    int before = fcntl(0, F_GETFL);

    (void)state;
    assert_int_equal(WASI_CALL("fd_fdstat_set_flags", 0, DESCRIPTOR_NONBLOCKING), WASI_SUCCESS);
    assert_int_equal(fcntl(0, F_GETFL), before);
    assert_int_equal(WASI_CALL("fd_fdstat_get", 0, RESULT), WASI_SUCCESS);
    assert_int_equal(word_at(RESULT), DESCRIPTOR_NONBLOCKING << 16);
}

// --- preopened directories -----------------------------------------------------------------------

static void preopened_directories_tell_their_names(void **state)
{
    (void)state;
    memset(memory(RESULT), 0xAA, 16);
    assert_int_equal(WASI_CALL("fd_prestat_get", WRITABLE, RESULT), WASI_SUCCESS);
    assert_int_equal(word_at(RESULT), 0);
    assert_int_equal(word_at(RESULT + 4), 5);
    memset(memory(BYTES), 0xAA, 16);
    assert_int_equal(WASI_CALL("fd_prestat_dir_name", WRITABLE, BYTES, 5), WASI_SUCCESS);
    assert_memory_equal(memory(BYTES), "/data\xAA", 6);
    assert_int_equal(WASI_CALL("fd_prestat_dir_name", READABLE, BYTES, 16), WASI_SUCCESS);
    assert_memory_equal(memory(BYTES), "libta\xAA", 6);
    assert_int_equal(WASI_CALL("fd_prestat_dir_name", WRITABLE, BYTES, 4), WASI_NAMETOOLONG);
    assert_int_equal(WASI_CALL("fd_prestat_dir_name", WRITABLE, PAGE - 4, 5), WASI_FAULT);
    assert_int_equal(WASI_CALL("fd_prestat_get", WRITABLE, PAGE - 7), WASI_FAULT);
}

static void other_descriptors_are_no_preopened_directories(void **state)
{
    uint32_t file = open_file("", 0, 0);
    uint32_t directory = open_directory(0, 0);
    const uint64_t numbers[] = {0, 1, 2, file, directory, directory + 1, UINT32_MAX};

    (void)state;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        assert_int_equal(WASI_CALL("fd_prestat_get", numbers[i], RESULT), WASI_BADF);
        assert_int_equal(WASI_CALL("fd_prestat_dir_name", numbers[i], RESULT, 9), WASI_BADF);
    }
}

static void a_host_that_is_gone_ends_the_run(void **state)
{
    uint32_t directory = open_directory(0, 0);

    (void)state;
    host_is_gone = true;
    assert_int_equal(run("fd_close", ARGUMENTS(directory)), OUTCOME_TRAP);
    assert_int_equal(trap.code, TRAP_HOST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DIRECTORY_TEST(preopened_directories_come_after_the_standard_descriptors),
        DIRECTORY_TEST(the_lowest_free_number_is_taken),
        DIRECTORY_TEST(no_more_are_open_than_the_policy_allows),
        DIRECTORY_TEST(a_policys_larger_number_is_cut_to_the_tables),
        DIRECTORY_TEST(a_closed_descriptor_is_bad),
        DIRECTORY_TEST(closing_a_file_closes_the_systems_descriptor_and_the_handle),
        DIRECTORY_TEST(a_file_without_a_handle_is_closed_without_asking),
        DIRECTORY_TEST(closing_a_preopened_directory_is_not_told),
        DIRECTORY_TEST(an_opened_directory_is_closed_by_its_handle),
        DIRECTORY_TEST(renumbering_moves_and_closes_the_target_once),
        DIRECTORY_TEST(renumbering_to_itself_does_nothing),
        DIRECTORY_TEST(renumbering_takes_open_descriptors_only),
        DIRECTORY_TEST(renumbering_over_preopened_and_standard_descriptors_is_legal),
        DIRECTORY_TEST(an_output_stays_itself_under_another_number),
        DIRECTORY_TEST(renumbering_keeps_count_of_what_is_open),
        DIRECTORY_TEST(descriptors_tell_their_rights_without_padding),
        DIRECTORY_TEST(a_grant_for_reading_has_no_right_that_changes_anything),
        DIRECTORY_TEST(a_directory_has_no_place_and_no_size),
        DIRECTORY_TEST(rights_are_dropped_and_never_come_back),
        DIRECTORY_TEST(flags_of_a_file_are_the_systems),
        DIRECTORY_TEST(flags_that_only_opening_sets_stay),
        DIRECTORY_TEST(flags_of_standard_descriptors_are_kept_here_only),
        DIRECTORY_TEST(preopened_directories_tell_their_names),
        DIRECTORY_TEST(other_descriptors_are_no_preopened_directories),
        DIRECTORY_TEST(a_host_that_is_gone_ends_the_run),
    };

    return cmocka_run_group_tests(tests, run_group_set_up, NULL);
}
