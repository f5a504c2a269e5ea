// SPDX-License-Identifier: Apache-2.0
#include <errno.h>

#include "tests/unit/wasi/wasi_fixture.h"

enum { OTHER = 768 }; // where second paths are

// --- the form of paths ---------------------------------------------------------------------------

static uint32_t unlink_path(const char *path, uint32_t length)
{
    memcpy(memory(PATH), path, length);
    return WASI_CALL("path_unlink_file", WRITABLE, PATH, length);
}

static void a_path_of_the_wrong_form_is_refused_without_asking(void **state)
{
    (void)state;
    assert_int_equal(unlink_path("", 0), WASI_NOENT);
    assert_int_equal(unlink_path("/etc", 4), WASI_NOTCAPABLE);
    assert_int_equal(unlink_path("/", 1), WASI_NOTCAPABLE);
    assert_int_equal(unlink_path("a\0b", 3), WASI_INVAL);
    assert_int_equal(unlink_path("a\0", 2), WASI_INVAL);
    assert_int_equal(unlink_path("a\xFF", 2), WASI_ILSEQ);
    assert_int_equal(unlink_path("\xC3", 1), WASI_ILSEQ);
    assert_int_equal(unlink_path("\xED\xA0\x80", 3), WASI_ILSEQ);
    assert_int_equal(asked_count, 0);
}

static void a_path_has_at_most_4096_bytes(void **state)
{
    (void)state;
    memset(memory(BYTES), 'a', FILE_PATH_MAX + 1);
    assert_int_equal(WASI_CALL("path_unlink_file", WRITABLE, BYTES, FILE_PATH_MAX + 1),
                     WASI_NAMETOOLONG);
    assert_int_equal(asked_count, 0);
    assert_int_equal(WASI_CALL("path_unlink_file", WRITABLE, BYTES, FILE_PATH_MAX), WASI_SUCCESS);
    assert_int_equal(last_asked(FILE_UNLINK)->request.path_length, FILE_PATH_MAX);
}

static void a_path_outside_of_memory_is_a_fault(void **state)
{
    (void)state;
    assert_int_equal(WASI_CALL("path_unlink_file", WRITABLE, PAGE - 1, 2), WASI_FAULT);
    assert_int_equal(WASI_CALL("path_unlink_file", WRITABLE, UINT32_MAX, UINT32_MAX), WASI_FAULT);
    assert_int_equal(WASI_CALL("path_unlink_file", WRITABLE, UINT32_MAX, 0), WASI_FAULT);
    assert_int_equal(WASI_CALL("path_rename", WRITABLE, PATH, put_path("a"), WRITABLE, PAGE, 1),
                     WASI_FAULT);
    assert_int_equal(asked_count, 0);
}

// What leads out of the directory is the host's to find: it knows where links lead.
static void other_paths_are_passed_on_as_they_are(void **state)
{
    static const char *const paths[] = {"..", "a/../../b", "a//b/", ".", "\\", "\xF0\x9F\x98\x80"};

    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        play_error(FILE_OUTSIDE);
        assert_int_equal(unlink_path(paths[i], (uint32_t)strlen(paths[i])), WASI_NOTCAPABLE);
        assert_int_equal(last_asked(FILE_UNLINK)->request.path_length, strlen(paths[i]));
        assert_memory_equal(last_asked(FILE_UNLINK)->path, paths[i], strlen(paths[i]));
    }
}

// --- calls with one path -------------------------------------------------------------------------

static const struct {
    const char *name;
    enum file_operation operation;
    uint64_t right;
} changes[] = {
    {"path_create_directory", FILE_CREATE_DIRECTORY, RIGHT_PATH_CREATE_DIRECTORY},
    {"path_remove_directory", FILE_REMOVE_DIRECTORY, RIGHT_PATH_REMOVE_DIRECTORY},
    {"path_unlink_file", FILE_UNLINK, RIGHT_PATH_UNLINK_FILE},
};

enum { CHANGES = sizeof changes / sizeof changes[0] };

static void changes_are_asked_of_the_host(void **state)
{
    uint32_t length = put_path("a/b");

    (void)state;
    for (size_t i = 0; i < CHANGES; i++) {
        assert_int_equal(WASI_CALL(changes[i].name, WRITABLE, PATH, length), WASI_SUCCESS);
        assert_int_equal(last_asked(changes[i].operation)->request.handle, 0);
        assert_int_equal(last_asked(changes[i].operation)->request.flags, 0);
        assert_memory_equal(last_asked(changes[i].operation)->path, "a/b", 3);
        play_error(ENOTEMPTY);
        assert_int_equal(WASI_CALL(changes[i].name, WRITABLE, PATH, length), WASI_NOTEMPTY);
    }
}

static void each_change_needs_its_right(void **state)
{
    uint32_t length = put_path("a");

    (void)state;
    for (size_t i = 0; i < CHANGES; i++) {
        uint32_t without = open_directory(RIGHTS_DIRECTORY & ~changes[i].right, 0);
        uint32_t with = open_directory(changes[i].right, 0);

        length = put_path("a");
        assert_int_equal(WASI_CALL(changes[i].name, without, PATH, length), WASI_NOTCAPABLE);
        assert_int_equal(WASI_CALL(changes[i].name, with, PATH, length), WASI_SUCCESS);
        assert_int_equal(WASI_CALL(changes[i].name, READABLE, PATH, length), WASI_NOTCAPABLE);
        assert_int_equal(WASI_CALL(changes[i].name, 1, PATH, length), WASI_NOTDIR);
        assert_int_equal(WASI_CALL(changes[i].name, 99, PATH, length), WASI_BADF);
        assert_int_equal(WASI_CALL("fd_close", with), WASI_SUCCESS);
    }
}

// --- reading links -------------------------------------------------------------------------------

static void a_link_is_read_and_cut_off_without_a_word(void **state)
{
    uint32_t length = put_path("link");

    (void)state;
    memset(memory(BYTES), 0xAA, 16);
    play_bytes("target", 6);
    assert_int_equal(WASI_CALL("path_readlink", READABLE, PATH, length, BYTES, 16, RESULT),
                     WASI_SUCCESS);
    assert_int_equal(word_at(RESULT), 6);
    assert_memory_equal(memory(BYTES), "target\xAA", 7);
    assert_int_equal(last_asked(FILE_READ_LINK)->request.handle, 1);
    play_bytes("another", 7);
    assert_int_equal(WASI_CALL("path_readlink", READABLE, PATH, length, BYTES, 3, RESULT),
                     WASI_SUCCESS);
    assert_int_equal(word_at(RESULT), 3);
    assert_memory_equal(memory(BYTES), "anoget\xAA", 7);
    play_bytes("another", 7);
    assert_int_equal(WASI_CALL("path_readlink", READABLE, PATH, length, BYTES, 0, RESULT),
                     WASI_SUCCESS);
    assert_int_equal(word_at(RESULT), 0);
}

static void reading_a_link_checks_both_results_first(void **state)
{
    uint32_t length = put_path("link");
    uint32_t without = open_directory(RIGHT_PATH_OPEN, 0);

    (void)state;
    length = put_path("link");
    assert_int_equal(WASI_CALL("path_readlink", READABLE, PATH, length, PAGE - 3, 4, RESULT),
                     WASI_FAULT);
    assert_int_equal(WASI_CALL("path_readlink", READABLE, PATH, length, BYTES, 4, PAGE - 3),
                     WASI_FAULT);
    assert_int_equal(WASI_CALL("path_readlink", without, PATH, length, BYTES, 4, RESULT),
                     WASI_NOTCAPABLE);
    assert_int_equal(asked_count, 1);
    play_error(EINVAL);
    assert_int_equal(WASI_CALL("path_readlink", READABLE, PATH, length, BYTES, 4, RESULT),
                     WASI_INVAL);
}

// --- calls with two paths ------------------------------------------------------------------------

static void renaming_names_both_directories(void **state)
{
    uint32_t directory = open_directory(RIGHTS_DIRECTORY, 0);
    uint32_t length = put_path("old");

    (void)state;
    assert_int_equal(WASI_CALL("path_rename", directory, PATH, length, WRITABLE, OTHER,
                               put_path_at(OTHER, "newer")),
                     WASI_SUCCESS);
    assert_int_equal(last_asked(FILE_RENAME)->request.handle, 100);
    assert_int_equal(last_asked(FILE_RENAME)->request.other_handle, 0);
    assert_int_equal(last_asked(FILE_RENAME)->request.path_length, 3);
    assert_int_equal(last_asked(FILE_RENAME)->request.other_path_length, 5);
    assert_memory_equal(last_asked(FILE_RENAME)->path, "old", 3);
    assert_memory_equal(last_asked(FILE_RENAME)->other_path, "newer", 5);
}

static void linking_names_both_directories_and_follows_nothing(void **state)
{
    uint32_t directory = open_directory(RIGHTS_DIRECTORY, 0);
    uint32_t length = put_path("old");
    uint32_t other_length = put_path_at(OTHER, "newer");

    (void)state;
    assert_int_equal(
        WASI_CALL("path_link", WRITABLE, 0, PATH, length, directory, OTHER, other_length),
        WASI_SUCCESS);
    assert_int_equal(last_asked(FILE_LINK)->request.handle, 0);
    assert_int_equal(last_asked(FILE_LINK)->request.other_handle, 100);
    assert_int_equal(last_asked(FILE_LINK)->request.flags, 0);
    assert_memory_equal(last_asked(FILE_LINK)->path, "old", 3);
    assert_memory_equal(last_asked(FILE_LINK)->other_path, "newer", 5);
    for (uint64_t lookup = 1; lookup < 4; lookup++)
        assert_int_equal(
            WASI_CALL("path_link", WRITABLE, lookup, PATH, length, directory, OTHER, other_length),
            WASI_INVAL);
}

static void both_sides_need_their_rights(void **state)
{
    uint32_t source = open_directory(RIGHT_PATH_LINK_SOURCE | RIGHT_PATH_RENAME_SOURCE, 0);
    uint32_t target = open_directory(RIGHT_PATH_LINK_TARGET | RIGHT_PATH_RENAME_TARGET, 0);
    uint32_t length = put_path("a");
    size_t requests = asked_count;

    (void)state;
    assert_int_equal(WASI_CALL("path_rename", target, PATH, length, target, PATH, length),
                     WASI_NOTCAPABLE);
    assert_int_equal(WASI_CALL("path_rename", source, PATH, length, source, PATH, length),
                     WASI_NOTCAPABLE);
    assert_int_equal(WASI_CALL("path_link", target, 0, PATH, length, target, PATH, length),
                     WASI_NOTCAPABLE);
    assert_int_equal(WASI_CALL("path_link", source, 0, PATH, length, source, PATH, length),
                     WASI_NOTCAPABLE);
    // Nothing goes from a grant for reading into another one, or out of it.
    assert_int_equal(WASI_CALL("path_link", READABLE, 0, PATH, length, WRITABLE, PATH, length),
                     WASI_NOTCAPABLE);
    assert_int_equal(WASI_CALL("path_link", WRITABLE, 0, PATH, length, READABLE, PATH, length),
                     WASI_NOTCAPABLE);
    assert_int_equal(WASI_CALL("path_rename", READABLE, PATH, length, WRITABLE, PATH, length),
                     WASI_NOTCAPABLE);
    assert_int_equal(WASI_CALL("path_rename", WRITABLE, PATH, length, READABLE, PATH, length),
                     WASI_NOTCAPABLE);
    assert_int_equal(asked_count, requests);
    assert_int_equal(WASI_CALL("path_rename", source, PATH, length, target, PATH, length),
                     WASI_SUCCESS);
    assert_int_equal(WASI_CALL("path_link", source, 0, PATH, length, target, PATH, length),
                     WASI_SUCCESS);
}

static void a_symbolic_link_has_its_text_first(void **state)
{
    uint32_t length = put_path("../to");

    (void)state;
    assert_int_equal(
        WASI_CALL("path_symlink", PATH, length, WRITABLE, OTHER, put_path_at(OTHER, "link")),
        WASI_SUCCESS);
    assert_int_equal(last_asked(FILE_SYMLINK)->request.handle, 0);
    assert_memory_equal(last_asked(FILE_SYMLINK)->path, "../to", 5);
    assert_int_equal(last_asked(FILE_SYMLINK)->request.path_length, 5);
    assert_memory_equal(last_asked(FILE_SYMLINK)->other_path, "link", 4);
    assert_int_equal(last_asked(FILE_SYMLINK)->request.other_path_length, 4);
}

static void a_symbolic_link_to_an_absolute_path_is_refused(void **state)
{
    uint32_t length = put_path("/etc/passwd");
    uint32_t other_length = put_path_at(OTHER, "link");

    (void)state;
    assert_int_equal(WASI_CALL("path_symlink", PATH, length, WRITABLE, OTHER, other_length),
                     WASI_NOTCAPABLE);
    assert_int_equal(WASI_CALL("path_symlink", PATH, 0, WRITABLE, OTHER, other_length), WASI_NOENT);
    assert_int_equal(WASI_CALL("path_symlink", OTHER, other_length, READABLE, OTHER, other_length),
                     WASI_NOTCAPABLE);
    assert_int_equal(asked_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DIRECTORY_TEST(a_path_of_the_wrong_form_is_refused_without_asking),
        DIRECTORY_TEST(a_path_has_at_most_4096_bytes),
        DIRECTORY_TEST(a_path_outside_of_memory_is_a_fault),
        DIRECTORY_TEST(other_paths_are_passed_on_as_they_are),
        DIRECTORY_TEST(changes_are_asked_of_the_host),
        DIRECTORY_TEST(each_change_needs_its_right),
        DIRECTORY_TEST(a_link_is_read_and_cut_off_without_a_word),
        DIRECTORY_TEST(reading_a_link_checks_both_results_first),
        DIRECTORY_TEST(renaming_names_both_directories),
        DIRECTORY_TEST(linking_names_both_directories_and_follows_nothing),
        DIRECTORY_TEST(both_sides_need_their_rights),
        DIRECTORY_TEST(a_symbolic_link_has_its_text_first),
        DIRECTORY_TEST(a_symbolic_link_to_an_absolute_path_is_refused),
    };

    return cmocka_run_group_tests(tests, run_group_set_up, NULL);
}
