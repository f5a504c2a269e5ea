// SPDX-License-Identifier: Apache-2.0
#include <errno.h>

#include "tests/unit/wasi/wasi_fixture.h"

// Records as the host gives them.
static uint8_t records[512];
static size_t records_length;

static void put_record(uint64_t serial_number, uint64_t next, uint8_t type, const char *name)
{
    uint8_t *record = records + records_length;
    uint16_t length = (uint16_t)strlen(name);

    memcpy(record, &serial_number, 8);
    memcpy(record + 8, &next, 8);
    record[16] = type;
    memcpy(record + 17, &length, 2);
    memcpy(record + 19, name, length);
    records_length += 19 + (size_t)length;
}

static int directory_set_up(void **state)
{
    int result = wasi_set_up_with_directories(state);

    records_length = 0;
    put_record(70, 1111, FILE_TYPE_DIRECTORY, ".");
    put_record(71, 2222, FILE_TYPE_DIRECTORY, "..");
    put_record(72, UINT64_MAX, FILE_TYPE_REGULAR, "file");
    memset(memory(BYTES), 0xAA, 512);
    return result;
}

static void assert_entry(uint32_t at, uint64_t serial_number, uint64_t next, uint64_t type,
                         const char *name)
{
    assert_true(long_at(at) == next);
    assert_int_equal(long_at(at + 8), serial_number);
    assert_int_equal(long_at(at + 16), strlen(name) | type << 32); // and no padding
    assert_memory_equal(memory(at + 24), name, strlen(name));
}

static void entries_have_the_hosts_cookies(void **state)
{
    (void)state;
    play_bytes(records, records_length);
    assert_int_equal(WASI_CALL("fd_readdir", READABLE, BYTES, 500, 0, RESULT), WASI_SUCCESS);
    assert_int_equal(word_at(RESULT), 25 + 26 + 28);
    assert_entry(BYTES, 70, 1111, FILE_TYPE_DIRECTORY, ".");
    assert_entry(BYTES + 25, 71, 2222, FILE_TYPE_DIRECTORY, "..");
    assert_entry(BYTES + 51, 72, UINT64_MAX, FILE_TYPE_REGULAR, "file");
    assert_int_equal(*memory(BYTES + 79), 0xAA);
    assert_int_equal(asked[0].request.operation, FILE_LIST);
    assert_int_equal(asked[0].request.handle, 1);
    assert_int_equal(asked[0].request.values[0], 0);
    assert_true(asked[0].request.values[1] >= 4096);
}

static void a_listing_goes_on_until_the_host_has_no_more(void **state)
{
    (void)state;
    play_bytes(records, 20 + 21);
    play_bytes(records + 41, 23);
    assert_int_equal(WASI_CALL("fd_readdir", READABLE, BYTES, 500, 0, RESULT), WASI_SUCCESS);
    assert_int_equal(word_at(RESULT), 25 + 26 + 28);
    assert_int_equal(asked_count, 3);
    assert_int_equal(asked[1].request.values[0], 2222);
    assert_true(asked[2].request.values[0] == UINT64_MAX);
}

static void the_last_entry_is_cut_off_at_the_buffers_end(void **state)
{
    for (uint32_t room = 1; room < 79; room++) {
        memset(memory(BYTES), 0xAA, 512);
        play_bytes(records, records_length);
        assert_int_equal(WASI_CALL("fd_readdir", READABLE, BYTES, room, 0, RESULT), WASI_SUCCESS);
        assert_int_equal(word_at(RESULT), room);
        assert_int_equal(*memory(BYTES + room), 0xAA);
        if (asked_count == REQUESTS_MAX / 2) {
            assert_int_equal(wasi_tear_down(state), 0);
            assert_int_equal(directory_set_up(state), 0);
        }
    }
    assert_int_equal(WASI_CALL("fd_readdir", READABLE, BYTES, 0, 0, RESULT), WASI_SUCCESS);
    assert_int_equal(word_at(RESULT), 0);
    play_bytes(records, records_length);
    assert_int_equal(WASI_CALL("fd_readdir", READABLE, BYTES, 27, 0, RESULT), WASI_SUCCESS);
    assert_entry(BYTES, 70, 1111, FILE_TYPE_DIRECTORY, ".");
    assert_int_equal(*memory(BYTES + 25), 2222 & 0xFF);
}

static void a_cookie_is_where_to_go_on(void **state)
{
    (void)state;
    play_bytes(records + 41, 23);
    assert_int_equal(WASI_CALL("fd_readdir", WRITABLE, BYTES, 500, 2222, RESULT), WASI_SUCCESS);
    assert_int_equal(word_at(RESULT), 28);
    assert_int_equal(asked[0].request.values[0], 2222);
    assert_int_equal(asked[0].request.handle, 0);
    assert_int_equal(WASI_CALL("fd_readdir", WRITABLE, BYTES, 500, UINT64_MAX, RESULT),
                     WASI_SUCCESS);
    assert_int_equal(word_at(RESULT), 0);
}

static void records_that_are_cut_off_are_an_error(void **state)
{
    (void)state;
    put_word(RESULT, 99);
    for (size_t length = 1; length < 20; length++) {
        play_bytes(records, length);
        assert_int_equal(WASI_CALL("fd_readdir", READABLE, BYTES, 500, 0, RESULT), WASI_IO);
    }
    records[17] = 0xFF;
    records[18] = 0xFF;
    play_bytes(records, records_length);
    assert_int_equal(WASI_CALL("fd_readdir", READABLE, BYTES, 500, 0, RESULT), WASI_IO);
    assert_int_equal(word_at(RESULT), 99);
}

static void a_type_that_does_not_exist_is_unknown(void **state)
{
    (void)state;
    records[16] = 200;
    play_bytes(records, records_length);
    assert_int_equal(WASI_CALL("fd_readdir", READABLE, BYTES, 500, 0, RESULT), WASI_SUCCESS);
    assert_entry(BYTES, 70, 1111, FILE_TYPE_UNKNOWN, ".");
}

static void only_a_directory_with_that_right_is_listed(void **state)
{
    uint32_t file = open_file("", RIGHTS_FILE, 0);
    uint32_t directory = open_directory(RIGHTS_DIRECTORY & ~(uint64_t)RIGHT_FD_READDIR, 0);
    size_t requests = asked_count;

    (void)state;
    assert_int_equal(WASI_CALL("fd_readdir", file, BYTES, 500, 0, RESULT), WASI_NOTDIR);
    assert_int_equal(WASI_CALL("fd_readdir", directory, BYTES, 500, 0, RESULT), WASI_NOTCAPABLE);
    assert_int_equal(WASI_CALL("fd_readdir", 99, BYTES, 500, 0, RESULT), WASI_BADF);
    assert_int_equal(WASI_CALL("fd_readdir", READABLE, PAGE - 8, 9, 0, RESULT), WASI_FAULT);
    assert_int_equal(WASI_CALL("fd_readdir", READABLE, BYTES, 500, 0, PAGE - 3), WASI_FAULT);
    assert_int_equal(asked_count, requests);
    play_error(EIO);
    assert_int_equal(WASI_CALL("fd_readdir", READABLE, BYTES, 500, 0, RESULT), WASI_IO);
}

static void an_interruption_ends_a_long_listing(void **state)
{
    (void)state;
    play_bytes(records, records_length);
    interrupts = true;
    assert_int_equal(run("fd_readdir", ARGUMENTS(READABLE, BYTES, 500, 0, RESULT)), OUTCOME_TRAP);
    assert_int_equal(trap.code, TRAP_INTERRUPTED);
    assert_int_equal(asked_count, 1);
}

#define LISTING_TEST(test_) cmocka_unit_test_setup_teardown(test_, directory_set_up, wasi_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LISTING_TEST(entries_have_the_hosts_cookies),
        LISTING_TEST(a_listing_goes_on_until_the_host_has_no_more),
        LISTING_TEST(the_last_entry_is_cut_off_at_the_buffers_end),
        LISTING_TEST(a_cookie_is_where_to_go_on),
        LISTING_TEST(records_that_are_cut_off_are_an_error),
        LISTING_TEST(a_type_that_does_not_exist_is_unknown),
        LISTING_TEST(only_a_directory_with_that_right_is_listed),
        LISTING_TEST(an_interruption_ends_a_long_listing),
    };

    return cmocka_run_group_tests(tests, run_group_set_up, NULL);
}
