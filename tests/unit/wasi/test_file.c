// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "tests/unit/wasi/wasi_fixture.h"

// --- standard input and outputs ------------------------------------------------------------------

static void output_is_gathered(void **state)
{
    (void)state;
    memcpy(memory(BYTES), "hello, world", 12);
    put_iovec(0, BYTES + 7, 5);
    put_iovec(1, BYTES, 0);
    put_iovec(2, BYTES, 5);
    assert_int_equal(WASI_CALL("fd_write", 1, IOVECS, 3, RESULT), WASI_SUCCESS);
    assert_int_equal(word_at(RESULT), 10);
    assert_memory_equal(output, "worldhello", 10);
    assert_int_equal(WASI_CALL("fd_write", 2, IOVECS, 0, RESULT), WASI_SUCCESS);
    assert_int_equal(word_at(RESULT), 0);
}

static void many_iovecs_come_in_order(void **state)
{
    enum { MANY = 150, AT = 4096 };
    char expected[64];

    (void)state;
    for (uint32_t i = 0; i < MANY; i++) {
        *memory(BYTES + i) = (uint8_t)('a' + i % 26);
        put_word(AT + 8 * i, BYTES + i);
        put_word(AT + 8 * i + 4, i % 3 == 0);
    }
    for (uint32_t i = 0; i < MANY / 3; i++)
        expected[i] = (char)('a' + 3 * i % 26);
    assert_int_equal(WASI_CALL("fd_write", 1, AT, MANY, RESULT), WASI_SUCCESS);
    assert_int_equal(word_at(RESULT), MANY / 3);
    assert_memory_equal(output, expected, MANY / 3);
    assert_int_equal(WASI_CALL("fd_write", 1, AT, 1025, RESULT), WASI_INVAL);
}

static void output_beyond_the_limit_is_short_then_fails(void **state)
{
    (void)state;
    output_room = 3;
    put_iovec(0, BYTES, 5);
    put_iovec(1, BYTES, 5);
    assert_int_equal(WASI_CALL("fd_write", 1, IOVECS, 2, RESULT), WASI_SUCCESS);
    assert_int_equal(word_at(RESULT), 3);
    assert_int_equal(WASI_CALL("fd_write", 1, IOVECS, 2, RESULT), WASI_NOSPC);
}

static void iovecs_outside_of_memory_are_a_fault_and_nothing_is_written(void **state)
{
    (void)state;
    put_iovec(0, BYTES, 5);
    put_iovec(1, PAGE - 4, 5);
    assert_int_equal(WASI_CALL("fd_write", 1, IOVECS, 2, RESULT), WASI_FAULT);
    assert_int_equal(WASI_CALL("fd_write", 1, PAGE - 7, 1, RESULT), WASI_FAULT);
    assert_int_equal(WASI_CALL("fd_write", 1, IOVECS, 1, PAGE - 3), WASI_FAULT);
    put_iovec(1, UINT32_MAX, UINT32_MAX);
    assert_int_equal(WASI_CALL("fd_write", 1, IOVECS, 2, RESULT), WASI_FAULT);
    assert_int_equal(WASI_CALL("fd_read", 0, IOVECS, 2, RESULT), WASI_FAULT);
    assert_int_equal(output_length, 0);
}

static void a_host_that_is_gone_ends_the_run(void **state)
{
    (void)state;
    host_is_gone = true;
    put_iovec(0, BYTES, 5);
    assert_int_equal(run("fd_write", ARGUMENTS(1, IOVECS, 1, RESULT)), OUTCOME_TRAP);
    assert_int_equal(trap.code, TRAP_HOST);
}

static void standard_input_is_at_its_end(void **state)
{
    (void)state;
    put_iovec(0, BYTES, 5);
    put_word(RESULT, 99);
    assert_int_equal(WASI_CALL("fd_read", 0, IOVECS, 1, RESULT), WASI_SUCCESS);
    assert_int_equal(word_at(RESULT), 0);
    assert_int_equal(WASI_CALL("fd_read", 1, IOVECS, 1, RESULT), WASI_NOTCAPABLE);
    assert_int_equal(WASI_CALL("fd_write", 0, IOVECS, 1, RESULT), WASI_NOTCAPABLE);
}

static void standard_descriptors_do_not_seek(void **state)
{
    (void)state;
    assert_int_equal(WASI_CALL("fd_seek", 1, 0, 1, RESULT), WASI_SPIPE);
    assert_int_equal(WASI_CALL("fd_seek", 1, 0, 3, RESULT), WASI_INVAL);
    assert_int_equal(WASI_CALL("fd_tell", 0, RESULT), WASI_SPIPE);
}

static void other_descriptors_are_bad(void **state)
{
    static const uint64_t numbers[] = {3, 4, INT32_MAX, UINT32_MAX};

    (void)state;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        assert_int_equal(WASI_CALL("fd_close", numbers[i]), WASI_BADF);
        assert_int_equal(WASI_CALL("fd_fdstat_get", numbers[i], RESULT), WASI_BADF);
        assert_int_equal(WASI_CALL("fd_prestat_get", numbers[i], RESULT), WASI_BADF);
        assert_int_equal(WASI_CALL("fd_prestat_dir_name", numbers[i], RESULT, 9), WASI_BADF);
        assert_int_equal(WASI_CALL("fd_seek", numbers[i], 0, 0, RESULT), WASI_BADF);
        assert_int_equal(WASI_CALL("fd_tell", numbers[i], RESULT), WASI_BADF);
        assert_int_equal(WASI_CALL("fd_read", numbers[i], IOVECS, 1, RESULT), WASI_BADF);
        assert_int_equal(WASI_CALL("fd_write", numbers[i], IOVECS, 1, RESULT), WASI_BADF);
    }
}

// --- standard input ------------------------------------------------------------------------------

static void inherited_input_is_the_hosts(void **state)
{
    (void)state;
    policy.wasi_stdin = POLICY_WASI_STDIN_INHERIT;
    put_iovec(0, BYTES, 0);
    put_iovec(1, BYTES + 4, 3);
    put_iovec(2, BYTES, 4);
    play_bytes("hello", 5);
    assert_int_equal(WASI_CALL("fd_read", 0, IOVECS, 3, RESULT), WASI_SUCCESS);
    assert_int_equal(word_at(RESULT), 5);
    assert_memory_equal(memory(BYTES), "lo\0\0hel", 7);
    assert_int_equal(last_asked(FILE_READ_INPUT)->request.values[0], 7);
    assert_true(last_asked(FILE_READ_INPUT)->request.values[1] == UINT64_MAX);
    assert_int_equal(WASI_CALL("fd_read", 0, IOVECS, 3, RESULT), WASI_SUCCESS);
    assert_int_equal(word_at(RESULT), 0);
}

static void nonblocking_input_does_not_wait(void **state)
{
    (void)state;
    policy.wasi_stdin = POLICY_WASI_STDIN_INHERIT;
    assert_int_equal(WASI_CALL("fd_fdstat_set_flags", 0, DESCRIPTOR_NONBLOCKING), WASI_SUCCESS);
    put_iovec(0, BYTES, 4);
    play_error(EAGAIN);
    assert_int_equal(WASI_CALL("fd_read", 0, IOVECS, 1, RESULT), WASI_AGAIN);
    assert_int_equal(last_asked(FILE_READ_INPUT)->request.values[1], 0);
}

static void reading_no_bytes_of_input_asks_nobody(void **state)
{
    (void)state;
    policy.wasi_stdin = POLICY_WASI_STDIN_INHERIT;
    assert_int_equal(WASI_CALL("fd_read", 0, IOVECS, 0, RESULT), WASI_SUCCESS);
    assert_int_equal(asked_count, 0);
}

// --- files ---------------------------------------------------------------------------------------

static void a_file_is_read_from_its_offset_on(void **state)
{
    uint32_t fd = open_file("hello, world", RIGHTS_FILE, 0);

    (void)state;
    put_iovec(0, BYTES, 5);
    put_iovec(1, BYTES + 8, 2);
    assert_int_equal(WASI_CALL("fd_read", fd, IOVECS, 2, RESULT), WASI_SUCCESS);
    assert_int_equal(word_at(RESULT), 7);
    assert_memory_equal(memory(BYTES), "hello\0\0\0, ", 10);
    assert_int_equal(WASI_CALL("fd_tell", fd, RESULT), WASI_SUCCESS);
    assert_int_equal(long_at(RESULT), 7);
    put_iovec(0, BYTES, 100);
    assert_int_equal(WASI_CALL("fd_read", fd, IOVECS, 1, RESULT), WASI_SUCCESS);
    assert_int_equal(word_at(RESULT), 5);
    assert_int_equal(WASI_CALL("fd_read", fd, IOVECS, 1, RESULT), WASI_SUCCESS);
    assert_int_equal(word_at(RESULT), 0);
}

static void reading_over_the_iovecs_does_not_change_where_it_goes(void **state)
{
    char bytes[33];
    uint32_t fd;

    (void)state;
    memset(bytes, 0xFE, 32);
    bytes[32] = '\0';
    fd = open_file(bytes, RIGHTS_FILE, 0);
    put_iovec(0, IOVECS, 16);
    put_iovec(1, BYTES, 16);
    assert_int_equal(WASI_CALL("fd_read", fd, IOVECS, 2, RESULT), WASI_SUCCESS);
    assert_int_equal(word_at(RESULT), 32);
    assert_memory_equal(memory(IOVECS), bytes, 16);
    assert_memory_equal(memory(BYTES), bytes, 16);
}

static void a_file_is_written_at_its_offset(void **state)
{
    uint32_t fd = open_file("hello", RIGHTS_FILE, 0);

    (void)state;
    assert_int_equal(WASI_CALL("fd_seek", fd, 3, 0, RESULT), WASI_SUCCESS);
    memcpy(memory(BYTES), "p! help", 7);
    put_iovec(0, BYTES, 3);
    put_iovec(1, BYTES + 3, 4);
    assert_int_equal(WASI_CALL("fd_write", fd, IOVECS, 2, RESULT), WASI_SUCCESS);
    assert_int_equal(word_at(RESULT), 7);
    assert_int_equal(WASI_CALL("fd_seek", fd, 0, 0, RESULT), WASI_SUCCESS);
    put_iovec(0, BYTES + 100, 20);
    assert_int_equal(WASI_CALL("fd_read", fd, IOVECS, 1, RESULT), WASI_SUCCESS);
    assert_int_equal(word_at(RESULT), 10);
    assert_memory_equal(memory(BYTES + 100), "help! help", 10);
}

static void reading_and_writing_at_a_place_leave_the_offset_alone(void **state)
{
    uint32_t fd = open_file("hello", RIGHTS_FILE, 0);

    (void)state;
    memcpy(memory(BYTES), "y!", 2);
    put_iovec(0, BYTES, 2);
    assert_int_equal(WASI_CALL("fd_pwrite", fd, IOVECS, 1, 4, RESULT), WASI_SUCCESS);
    assert_int_equal(word_at(RESULT), 2);
    put_iovec(0, BYTES + 8, 9);
    assert_int_equal(WASI_CALL("fd_pread", fd, IOVECS, 1, 1, RESULT), WASI_SUCCESS);
    assert_int_equal(word_at(RESULT), 5);
    assert_memory_equal(memory(BYTES + 8), "elly!", 5);
    assert_int_equal(WASI_CALL("fd_tell", fd, RESULT), WASI_SUCCESS);
    assert_int_equal(long_at(RESULT), 0);
    assert_int_equal(WASI_CALL("fd_pread", fd, IOVECS, 1, UINT64_MAX, RESULT), WASI_INVAL);
    assert_int_equal(WASI_CALL("fd_pwrite", fd, IOVECS, 1, UINT64_C(1) << 63, RESULT), WASI_INVAL);
}

static void writing_at_a_place_of_an_appended_file_succeeds(void **state)
{
    uint32_t fd = open_file("hello", RIGHTS_FILE, 0);

    (void)state;
    assert_int_equal(WASI_CALL("fd_fdstat_set_flags", fd, DESCRIPTOR_APPEND), WASI_SUCCESS);
    memcpy(memory(BYTES), "!", 1);
    put_iovec(0, BYTES, 1);
    assert_int_equal(WASI_CALL("fd_write", fd, IOVECS, 1, RESULT), WASI_SUCCESS);
    assert_int_equal(WASI_CALL("fd_tell", fd, RESULT), WASI_SUCCESS);
    assert_int_equal(long_at(RESULT), 6);
    assert_int_equal(WASI_CALL("fd_pwrite", fd, IOVECS, 1, 0, RESULT), WASI_SUCCESS);
    assert_int_equal(word_at(RESULT), 1);
    assert_int_equal(WASI_CALL("fd_tell", fd, RESULT), WASI_SUCCESS);
    assert_int_equal(long_at(RESULT), 6);
}

static void every_call_on_contents_needs_its_right(void **state)
{
    uint32_t none = open_file("abc", RIGHT_FD_FILESTAT_GET, 0);
    uint32_t all_but_seek =
        open_file("abc", RIGHTS_FILE & ~(uint64_t)(RIGHT_FD_SEEK | RIGHT_FD_TELL), 0);

    (void)state;
    assert_int_equal(WASI_CALL("fd_read", none, IOVECS, 0, RESULT), WASI_NOTCAPABLE);
    assert_int_equal(WASI_CALL("fd_write", none, IOVECS, 0, RESULT), WASI_NOTCAPABLE);
    assert_int_equal(WASI_CALL("fd_pread", none, IOVECS, 0, 0, RESULT), WASI_NOTCAPABLE);
    assert_int_equal(WASI_CALL("fd_pwrite", none, IOVECS, 0, 0, RESULT), WASI_NOTCAPABLE);
    assert_int_equal(WASI_CALL("fd_seek", none, 0, 0, RESULT), WASI_NOTCAPABLE);
    assert_int_equal(WASI_CALL("fd_tell", none, RESULT), WASI_NOTCAPABLE);
    assert_int_equal(WASI_CALL("fd_sync", none), WASI_NOTCAPABLE);
    assert_int_equal(WASI_CALL("fd_datasync", none), WASI_NOTCAPABLE);
    assert_int_equal(WASI_CALL("fd_advise", none, 0, 0, 0), WASI_NOTCAPABLE);
    assert_int_equal(WASI_CALL("fd_allocate", none, 0, 1), WASI_NOTCAPABLE);
    assert_int_equal(WASI_CALL("fd_read", all_but_seek, IOVECS, 0, RESULT), WASI_SUCCESS);
    assert_int_equal(WASI_CALL("fd_pread", all_but_seek, IOVECS, 0, 0, RESULT), WASI_NOTCAPABLE);
    assert_int_equal(WASI_CALL("fd_pwrite", all_but_seek, IOVECS, 0, 0, RESULT), WASI_NOTCAPABLE);
}

static void every_pointer_of_a_transfer_is_checked_before_it(void **state)
{
    uint32_t fd = open_file("abc", RIGHTS_FILE, 0);

    (void)state;
    put_iovec(0, BYTES, 2);
    put_iovec(1, PAGE - 1, 2);
    assert_int_equal(WASI_CALL("fd_read", fd, IOVECS, 2, RESULT), WASI_FAULT);
    assert_int_equal(WASI_CALL("fd_write", fd, IOVECS, 2, RESULT), WASI_FAULT);
    assert_int_equal(WASI_CALL("fd_pread", fd, IOVECS, 2, 0, RESULT), WASI_FAULT);
    assert_int_equal(WASI_CALL("fd_pwrite", fd, IOVECS, 2, 0, RESULT), WASI_FAULT);
    assert_int_equal(WASI_CALL("fd_read", fd, PAGE - 7, 1, RESULT), WASI_FAULT);
    assert_int_equal(WASI_CALL("fd_read", fd, IOVECS, 1, PAGE - 3), WASI_FAULT);
    assert_int_equal(WASI_CALL("fd_pread", fd, IOVECS, 1, 0, UINT32_MAX), WASI_FAULT);
    assert_int_equal(WASI_CALL("fd_seek", fd, 2, 0, PAGE - 7), WASI_FAULT);
    assert_int_equal(WASI_CALL("fd_tell", fd, PAGE - 7), WASI_FAULT);
    assert_int_equal(WASI_CALL("fd_tell", fd, RESULT), WASI_SUCCESS);
    assert_int_equal(long_at(RESULT), 0);
    assert_int_equal(long_at(BYTES), 0);
}

static void a_transfer_has_at_most_1024_iovecs_and_2_gigabytes(void **state)
{
    enum { AT = 8192, PAGES = 33 };
    uint32_t fd = open_file("abc", RIGHTS_FILE, 0);

    (void)state;
    assert_int_equal(WASI_CALL("fd_read", fd, AT, 1024, RESULT), WASI_SUCCESS);
    assert_int_equal(WASI_CALL("fd_read", fd, AT, 1025, RESULT), WASI_INVAL);
    assert_int_equal(WASI_CALL("fd_read", fd, AT, UINT32_MAX, RESULT), WASI_INVAL);
    build_begin();
    build_memory(PAGES, PAGES);
    guest = instantiate_built();
    for (uint32_t i = 0; i < 1024; i++)
        put_word(AT + 8 * i + 4, PAGES * PAGE);
    assert_int_equal(WASI_CALL("fd_write", fd, AT, 1024, RESULT), WASI_INVAL);
    assert_int_equal(WASI_CALL("fd_seek", fd, 0, 2, RESULT), WASI_SUCCESS);
    assert_int_equal(long_at(RESULT), 3);
}

static void an_error_of_the_system_is_told_by_wasis_number(void **state)
{
    uint32_t fd = open_file("abc", RIGHTS_FILE, 0);
    int file = descriptor_at(&wasi.descriptors, fd)->file;

    (void)state;
    assert_int_equal(dup2(open("/dev/null", O_RDONLY | O_CLOEXEC), file), file);
    put_iovec(0, BYTES, 2);
    put_word(RESULT, 99);
    assert_int_equal(WASI_CALL("fd_write", fd, IOVECS, 1, RESULT), WASI_BADF);
    assert_int_equal(word_at(RESULT), 99);
}

// --- the offset ----------------------------------------------------------------------------------

static void an_offset_is_from_the_start_the_offset_or_the_end(void **state)
{
    uint32_t fd = open_file("hello", RIGHTS_FILE, 0);

    (void)state;
    assert_int_equal(WASI_CALL("fd_seek", fd, 3, 0, RESULT), WASI_SUCCESS);
    assert_int_equal(long_at(RESULT), 3);
    assert_int_equal(WASI_CALL("fd_seek", fd, (uint64_t)-1, 1, RESULT), WASI_SUCCESS);
    assert_int_equal(long_at(RESULT), 2);
    assert_int_equal(WASI_CALL("fd_seek", fd, 10, 2, RESULT), WASI_SUCCESS);
    assert_int_equal(long_at(RESULT), 15);
    assert_int_equal(WASI_CALL("fd_seek", fd, (uint64_t)-6, 2, RESULT), WASI_INVAL);
    assert_int_equal(WASI_CALL("fd_seek", fd, 0, 3, RESULT), WASI_INVAL);
    assert_int_equal(WASI_CALL("fd_tell", fd, RESULT), WASI_SUCCESS);
    assert_int_equal(long_at(RESULT), 15);
}

static void the_right_to_tell_is_enough_to_seek_nowhere(void **state)
{
    uint32_t teller = open_file("hello", RIGHT_FD_TELL, 0);
    uint32_t seeker = open_file("hello", RIGHT_FD_SEEK, 0);

    (void)state;
    assert_int_equal(WASI_CALL("fd_seek", teller, 0, 1, RESULT), WASI_SUCCESS);
    assert_int_equal(WASI_CALL("fd_seek", teller, 1, 1, RESULT), WASI_NOTCAPABLE);
    assert_int_equal(WASI_CALL("fd_seek", teller, 0, 0, RESULT), WASI_NOTCAPABLE);
    assert_int_equal(WASI_CALL("fd_tell", seeker, RESULT), WASI_SUCCESS);
}

// --- the contents as a whole ---------------------------------------------------------------------

static void files_are_synchronized_here_and_directories_by_the_host(void **state)
{
    uint32_t fd = open_file("hello", RIGHTS_FILE, 0);
    size_t requests = asked_count;

    (void)state;
    assert_int_equal(WASI_CALL("fd_sync", fd), WASI_SUCCESS);
    assert_int_equal(WASI_CALL("fd_datasync", fd), WASI_SUCCESS);
    assert_int_equal(asked_count, requests);
    assert_int_equal(WASI_CALL("fd_sync", READABLE), WASI_SUCCESS);
    assert_int_equal(last_asked(FILE_SYNCHRONIZE)->request.handle, 1);
    play_error(EIO);
    assert_int_equal(WASI_CALL("fd_datasync", WRITABLE), WASI_IO);
    assert_int_equal(last_asked(FILE_SYNCHRONIZE)->request.handle, 0);
    assert_int_equal(WASI_CALL("fd_sync", 1), WASI_NOTCAPABLE);
}

static void advice_is_one_of_six(void **state)
{
    uint32_t fd = open_file("hello", RIGHTS_FILE, 0);

    (void)state;
    for (uint64_t advice = 0; advice < 6; advice++)
        assert_int_equal(WASI_CALL("fd_advise", fd, 0, 5, advice), WASI_SUCCESS);
    assert_int_equal(WASI_CALL("fd_advise", fd, 0, 5, 6), WASI_INVAL);
    assert_int_equal(WASI_CALL("fd_advise", fd, UINT64_MAX, 5, 0), WASI_INVAL);
    assert_int_equal(WASI_CALL("fd_advise", fd, 0, UINT64_MAX, 0), WASI_INVAL);
    assert_int_equal(WASI_CALL("fd_advise", 0, 0, 5, 0), WASI_SPIPE);
}

static void allocating_extends_and_never_shrinks(void **state)
{
    uint32_t fd = open_file("hello", RIGHTS_FILE, 0);

    (void)state;
    assert_int_equal(WASI_CALL("fd_allocate", fd, 0, 2), WASI_SUCCESS);
    assert_int_equal(WASI_CALL("fd_seek", fd, 0, 2, RESULT), WASI_SUCCESS);
    assert_int_equal(long_at(RESULT), 5);
    assert_int_equal(WASI_CALL("fd_allocate", fd, 4, 6), WASI_SUCCESS);
    assert_int_equal(WASI_CALL("fd_seek", fd, 0, 2, RESULT), WASI_SUCCESS);
    assert_int_equal(long_at(RESULT), 10);
    assert_int_equal(WASI_CALL("fd_allocate", fd, 0, 0), WASI_INVAL);
    assert_int_equal(WASI_CALL("fd_allocate", fd, UINT64_MAX, 1), WASI_INVAL);
    assert_int_equal(WASI_CALL("fd_allocate", fd, 0, UINT64_MAX), WASI_INVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WASI_TEST(output_is_gathered),
        WASI_TEST(many_iovecs_come_in_order),
        WASI_TEST(output_beyond_the_limit_is_short_then_fails),
        WASI_TEST(iovecs_outside_of_memory_are_a_fault_and_nothing_is_written),
        WASI_TEST(a_host_that_is_gone_ends_the_run),
        WASI_TEST(standard_input_is_at_its_end),
        WASI_TEST(standard_descriptors_do_not_seek),
        WASI_TEST(other_descriptors_are_bad),
        DIRECTORY_TEST(inherited_input_is_the_hosts),
        DIRECTORY_TEST(nonblocking_input_does_not_wait),
        DIRECTORY_TEST(reading_no_bytes_of_input_asks_nobody),
        DIRECTORY_TEST(a_file_is_read_from_its_offset_on),
        DIRECTORY_TEST(reading_over_the_iovecs_does_not_change_where_it_goes),
        DIRECTORY_TEST(a_file_is_written_at_its_offset),
        DIRECTORY_TEST(reading_and_writing_at_a_place_leave_the_offset_alone),
        DIRECTORY_TEST(writing_at_a_place_of_an_appended_file_succeeds),
        DIRECTORY_TEST(every_call_on_contents_needs_its_right),
        DIRECTORY_TEST(every_pointer_of_a_transfer_is_checked_before_it),
        DIRECTORY_TEST(a_transfer_has_at_most_1024_iovecs_and_2_gigabytes),
        DIRECTORY_TEST(an_error_of_the_system_is_told_by_wasis_number),
        DIRECTORY_TEST(an_offset_is_from_the_start_the_offset_or_the_end),
        DIRECTORY_TEST(the_right_to_tell_is_enough_to_seek_nowhere),
        DIRECTORY_TEST(files_are_synchronized_here_and_directories_by_the_host),
        DIRECTORY_TEST(advice_is_one_of_six),
        DIRECTORY_TEST(allocating_extends_and_never_shrinks),
    };

    return cmocka_run_group_tests(tests, run_group_set_up, NULL);
}
