// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/host/broker_fixture.h"

#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

enum { NAMES = 2000, RECORDS_MAX = NAMES + 2, SOME = 64, NS_PER_SECOND = 1000000000 };

static void expect_content(const char *wanted)
{
    char text[64] = "";

    assert_true(received >= 0);
    assert_true(pread(received, text, sizeof text - 1, 0) >= 0);
    assert_string_equal(text, wanted);
}

// --- opening -------------------------------------------------------------------------------------

static void a_file_of_a_read_grant_comes_as_a_descriptor_to_read(void **state)
{
    (void)state;
    EXPECT(ask(FILE_OPEN, READ, "a/../file", FILE_READ), 0);
    expect_content("inside\n");
    assert_int_equal(answer.handle, FILE_NO_HANDLE);
    assert_int_equal(answer.status.type, FILE_TYPE_REGULAR);
    assert_int_equal(write(received, "x", 1), -1);
    assert_int_equal(ftruncate(received, 0), -1);
    assert_true((fcntl(received, F_GETFL) & O_ACCMODE) == O_RDONLY);
}

static void a_file_of_a_write_grant_has_a_handle_and_the_access_that_was_asked_for(void **state)
{
    (void)state;
    EXPECT(ask(FILE_OPEN, WRITE, "file", FILE_READ | FILE_WRITE), 0);
    assert_int_equal(answer.handle, GRANTS);
    assert_int_equal(pwrite(received, "I", 1, 0), 1);
    expect_content("Inside\n");
    EXPECT(ask(FILE_OPEN, WRITE, "file", FILE_READ), 0);
    assert_int_equal(write(received, "x", 1), -1);
    EXPECT(ask(FILE_OPEN, WRITE, "file", FILE_WRITE), 0);
    assert_int_equal(read(received, bytes, 1), -1);
}

static void links_are_followed_where_request_and_grant_have_it(void **state)
{
    (void)state;
    EXPECT(ask(FILE_OPEN, READ, "link", FILE_READ | FILE_FOLLOW), 0);
    expect_content("inside\n");
    EXPECT(ask(FILE_OPEN, READ, "link", FILE_READ), ELOOP);
    EXPECT(ask(FILE_OPEN, READ, "folder/deep", FILE_READ), 0);
    EXPECT(ask(FILE_OPEN, READ, "out", FILE_READ | FILE_FOLLOW), FILE_OUTSIDE);
    EXPECT(ask(FILE_OPEN, READ, "up/secret", FILE_READ), FILE_OUTSIDE);
    EXPECT(ask(FILE_OPEN, READ, "absolute", FILE_READ | FILE_FOLLOW), FILE_OUTSIDE);
    EXPECT(ask(FILE_OPEN, NO_LINKS, "file", FILE_READ | FILE_FOLLOW), 0);
    EXPECT(ask(FILE_OPEN, NO_LINKS, "link", FILE_READ | FILE_FOLLOW), ELOOP);
    EXPECT(ask(FILE_OPEN, NO_LINKS, "folder/deep", FILE_READ | FILE_FOLLOW), ELOOP);
}

static void a_read_grant_lets_nothing_be_changed(void **state)
{
    static const struct {
        enum file_operation operation;
        uint32_t flags;
        const char *path;
        const char *other;
    } requests[] = {
        {FILE_OPEN, FILE_WRITE, "file", ""},
        {FILE_OPEN, FILE_READ | FILE_WRITE, "link", ""},
        {FILE_OPEN, FILE_READ | FILE_CREATE, "file", ""},
        {FILE_OPEN, FILE_READ | FILE_CREATE | FILE_EXCLUSIVE, "new", ""},
        {FILE_OPEN, FILE_READ | FILE_CREATE | FILE_FOLLOW, "dangling", ""},
        {FILE_OPEN, FILE_READ | FILE_TRUNCATE, "file", ""},
        {FILE_OPEN, FILE_READ | FILE_APPEND, "file", ""},
        {FILE_OPEN, FILE_WRITE | FILE_DIRECTORY, "a", ""},
        {FILE_SET_TIMES, FILE_ACCESS_NOW, "file", ""},
        {FILE_SET_TIMES, FILE_MODIFICATION_TIME, "", ""},
        {FILE_SET_TIMES, 0, "file", ""},
        {FILE_CREATE_DIRECTORY, 0, "new", ""},
        {FILE_REMOVE_DIRECTORY, 0, "a", ""},
        {FILE_UNLINK, 0, "file", ""},
        {FILE_RENAME, 0, "file", "new"},
        {FILE_LINK, 0, "file", "new"},
        {FILE_SYMLINK, 0, "file", "new"},
    };
    static char before[SNAPSHOT_SIZE];
    uint32_t handles[2] = {READ};

    (void)state;
    run("cp -a read copy && rm -r read/a && mv copy read/a");
    EXPECT(ask(FILE_OPEN, READ, "a", FILE_READ), 0);
    handles[1] = answer.handle;
    take_snapshot("read", before);
    for (size_t i = 0; i < 2 * sizeof requests / sizeof requests[0]; i++) {
        size_t which = i / 2;
        uint32_t handle = handles[i % 2];

        other_handle = WRITE; // of all operations but SYMLINK
        EXPECT(ask_bytes(requests[which].operation, handle, requests[which].path,
                         strlen(requests[which].path), requests[which].other,
                         requests[which].flags),
               FILE_NOT_GRANTED);
    }
    EXPECT(ask_two(FILE_RENAME, WRITE, "file", READ, "new"), FILE_NOT_GRANTED);
    EXPECT(ask_two(FILE_LINK, WRITE, "file", READ, "new"), FILE_NOT_GRANTED);
    expect_unchanged("read", before);
    assert_false(exists("write/new"));
}

static void files_are_created_once_cut_and_appended_to(void **state)
{
    (void)state;
    EXPECT(ask(FILE_OPEN, WRITE, "a/new", FILE_WRITE), ENOENT);
    EXPECT(ask(FILE_OPEN, WRITE, "a/new", FILE_WRITE | FILE_CREATE | FILE_EXCLUSIVE), 0);
    assert_int_equal(write(received, "12", 2), 2);
    EXPECT(ask(FILE_OPEN, WRITE, "a/new", FILE_WRITE | FILE_CREATE | FILE_EXCLUSIVE), EEXIST);
    EXPECT(ask(FILE_OPEN, WRITE, "a/new", FILE_WRITE | FILE_CREATE | FILE_APPEND), 0);
    assert_int_equal(write(received, "34", 2), 2);
    EXPECT(ask(FILE_OPEN, WRITE, "a/new", FILE_READ), 0);
    expect_content("1234");
    EXPECT(ask(FILE_OPEN, WRITE, "a/new", FILE_READ | FILE_WRITE | FILE_TRUNCATE), 0);
    expect_content("");
    assert_int_equal(status_in("write/a/new").st_mode & 07133, 0);
}

static void a_link_to_nothing_is_created_through_only_inside(void **state)
{
    const uint32_t create = FILE_WRITE | FILE_CREATE;

    (void)state;
    EXPECT(ask(FILE_OPEN, WRITE, "dangling", create), ELOOP);
    EXPECT(ask(FILE_OPEN, WRITE, "dangling", create | FILE_EXCLUSIVE | FILE_FOLLOW), EEXIST);
    EXPECT(ask(FILE_OPEN, WRITE, "dangling-out", create | FILE_FOLLOW), FILE_OUTSIDE);
    EXPECT(ask(FILE_OPEN, NO_LINKS, "dangling", create | FILE_FOLLOW), ELOOP);
    assert_false(exists("write/new"));
    assert_false(exists("none/new"));
    EXPECT(ask(FILE_OPEN, WRITE, "dangling", create | FILE_FOLLOW), 0);
    assert_true(S_ISREG(status_in("write/new").st_mode));
}

static void what_is_no_file_is_refused_and_nothing_waits_for_it(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char path[128];
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)state;
    run("mkfifo read/fifo write/fifo");
    snprintf(address.sun_path, sizeof address.sun_path, "%s/read/socket", base);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    close(listener);
    EXPECT(ask(FILE_OPEN, READ, "fifo", FILE_READ), FILE_NOT_A_FILE);
    EXPECT(ask(FILE_OPEN, WRITE, "fifo", FILE_READ | FILE_WRITE), FILE_NOT_A_FILE);
    EXPECT(ask(FILE_OPEN, WRITE, "fifo", FILE_WRITE), ENXIO); // nobody reads
    EXPECT(ask(FILE_OPEN, READ, "socket", FILE_READ), ENXIO);
    EXPECT(ask(FILE_STATUS, READ, "socket", 0), 0);
    assert_int_equal(answer.status.type, FILE_TYPE_SOCKET_STREAM);
    snprintf(path, sizeof path, "%s/read/null", base);
    if (mknod(path, S_IFCHR | 0666, makedev(1, 3)) == 0)
        EXPECT(ask(FILE_OPEN, READ, "null", FILE_READ), FILE_NOT_A_FILE);
}

static void a_file_without_permissions_is_opened_by_root_alone(void **state)
{
    (void)state;
    run("chmod 0 read/file");
    EXPECT(ask(FILE_OPEN, READ, "file", FILE_READ), geteuid() == 0 ? 0 : EACCES);
}

static void a_slash_or_the_flag_wants_a_directory(void **state)
{
    (void)state;
    EXPECT(ask(FILE_OPEN, READ, "file/", FILE_READ), ENOTDIR);
    EXPECT(ask(FILE_OPEN, READ, "file", FILE_READ | FILE_DIRECTORY), ENOTDIR);
    EXPECT(ask(FILE_OPEN, READ, "link/", FILE_READ | FILE_FOLLOW), ENOTDIR);
    EXPECT(ask(FILE_OPEN, READ, "folder/", FILE_READ), ENOTDIR);
    EXPECT(ask(FILE_OPEN, READ, "folder/", FILE_READ | FILE_FOLLOW), 0);
    EXPECT(ask(FILE_OPEN, READ, "a//", FILE_READ | FILE_DIRECTORY), 0);
    EXPECT(ask(FILE_OPEN, WRITE, "a", FILE_WRITE), EISDIR);
}

// --- handles -------------------------------------------------------------------------------------

static void a_directory_becomes_a_handle_which_is_a_limit_of_its_own(void **state)
{
    uint32_t handle;

    (void)state;
    EXPECT(ask(FILE_OPEN, READ, "folder", FILE_READ | FILE_FOLLOW), 0);
    handle = answer.handle;
    assert_int_equal(handle, GRANTS);
    assert_int_equal(answer.status.type, FILE_TYPE_DIRECTORY);
    assert_int_equal(received, -1);
    EXPECT(ask(FILE_OPEN, handle, "deep", FILE_READ), 0);
    expect_content("deep\n");
    EXPECT(ask(FILE_OPEN, handle, "../file", FILE_READ), FILE_OUTSIDE);
    EXPECT(ask(FILE_OPEN, handle, "..", FILE_READ), FILE_OUTSIDE);
    EXPECT(ask(FILE_STATUS, handle, "", 0), 0);
    assert_int_equal(answer.status.serial_number, status_in("read/a").st_ino);
    EXPECT(ask(FILE_OPEN, handle, "deep", FILE_WRITE), FILE_NOT_GRANTED);
}

static void handles_are_closed_and_given_again(void **state)
{
    uint32_t first;

    (void)state;
    EXPECT(ask(FILE_OPEN, READ, "a", FILE_READ), 0);
    first = answer.handle;
    EXPECT(ask(FILE_OPEN, WRITE, "file", FILE_READ), 0);
    assert_int_equal(answer.handle, first + 1);
    EXPECT(ask(FILE_CLOSE, first, "", 0), 0);
    EXPECT(ask(FILE_CLOSE, first, "", 0), EBADF);
    EXPECT(ask(FILE_STATUS, first, "", 0), EBADF);
    EXPECT(ask(FILE_OPEN, WRITE, "a", FILE_READ), 0);
    assert_int_equal(answer.handle, first);
    EXPECT(ask(FILE_OPEN, first, "deep", FILE_WRITE), 0); // of another grant than before
    EXPECT(ask(FILE_STATUS, first + 1, "", 0), 0);
    assert_int_equal(answer.status.type, FILE_TYPE_REGULAR);
}

static void handles_that_are_not_open_answer_so_whatever_is_asked(void **state)
{
    static const uint32_t handles[] = {
        GRANTS, GRANTS + OPEN_FILES - 1, GRANTS + OPEN_FILES, BROKER_HANDLES_MAX - 1,
        80,     BROKER_HANDLES_MAX,      INT32_MAX,           1u << 31,
        255,    FILE_NO_HANDLE - 1,      FILE_NO_HANDLE,
    };

    (void)state;
    for (size_t i = 0; i < sizeof handles / sizeof handles[0]; i++) {
        for (int operation = 0; operation < FILE_READ_INPUT; operation++)
            EXPECT(ask_two((enum file_operation)operation, handles[i], "file", WRITE, "new"),
                   EBADF);
        EXPECT(ask_two(FILE_RENAME, WRITE, "file", handles[i], "new"), EBADF);
        EXPECT(ask_two(FILE_LINK, WRITE, "file", handles[i], "new"), EBADF);
    }
    assert_false(exists("write/new"));
}

static void grants_cannot_be_closed(void **state)
{
    (void)state;
    for (uint32_t handle = 0; handle < GRANTS; handle++) {
        EXPECT(ask(FILE_CLOSE, handle, "", 0), EBADF);
        EXPECT(ask(FILE_STATUS, handle, "", 0), 0);
    }
}

static void too_many_handles_are_refused_before_anything_is_created(void **state)
{
    (void)state;
    for (int i = 0; i < OPEN_FILES; i++)
        EXPECT(ask(FILE_OPEN, READ, "a", FILE_READ), 0);
    EXPECT(ask(FILE_OPEN, READ, "a", FILE_READ), EMFILE);
    EXPECT(ask(FILE_OPEN, WRITE, "new", FILE_WRITE | FILE_CREATE), EMFILE);
    assert_false(exists("write/new"));
    EXPECT(ask(FILE_OPEN, WRITE, "file", FILE_WRITE | FILE_TRUNCATE), EMFILE);
    assert_int_equal(status_in("write/file").st_size, 7);
    EXPECT(ask(FILE_OPEN, READ, "file", FILE_READ), 0); // has no handle
    EXPECT(ask(FILE_CLOSE, GRANTS + 1, "", 0), 0);
    EXPECT(ask(FILE_OPEN, WRITE, "new", FILE_WRITE | FILE_CREATE), 0);
    assert_int_equal(answer.handle, GRANTS + 1);
}

static void a_handle_of_a_file_is_that_file_and_no_directory(void **state)
{
    uint32_t handle;

    (void)state;
    EXPECT(ask(FILE_OPEN, WRITE, "file", FILE_READ), 0);
    handle = answer.handle;
    for (int operation = 0; operation < FILE_READ_INPUT; operation++)
        if (operation != FILE_CLOSE && operation != FILE_SYNCHRONIZE)
            EXPECT(ask_two((enum file_operation)operation, handle, "x", WRITE, "new"), ENOTDIR);
    EXPECT(ask_two(FILE_RENAME, WRITE, "file", handle, "new"), ENOTDIR);
    EXPECT(ask_two(FILE_LINK, WRITE, "file", handle, "new"), ENOTDIR);
    EXPECT(ask(FILE_SYNCHRONIZE, handle, "", 0), 0);
    run("mv write/file write/moved && echo another >write/file");
    EXPECT(ask(FILE_STATUS, handle, "", 0), 0);
    assert_int_equal(answer.status.serial_number, status_in("write/moved").st_ino);
    values[0] = NS_PER_SECOND;
    EXPECT(ask(FILE_SET_TIMES, handle, "", FILE_ACCESS_TIME), 0);
    assert_int_equal(status_in("write/moved").st_atim.tv_sec, 1);
}

static void a_descriptor_that_could_not_be_sent_leaves_no_handle(void **state)
{
    struct file_request request = {.operation = FILE_OPEN,
                                   .handle = WRITE,
                                   .flags = FILE_READ,
                                   .path = (const uint8_t *)"file",
                                   .path_length = 4};
    int descriptor;

    (void)state;
    for (request.handle = READ; request.handle <= WRITE; request.handle++) {
        length = sizeof bytes;
        broker_serve(&broker, &request, &answer, bytes, &length, &descriptor);
        assert_int_equal(answer.error, 0);
        broker_sent(&broker, &answer, descriptor, ETOOMANYREFS);
        assert_int_equal(answer.error, ETOOMANYREFS);
        assert_int_equal(answer.handle, FILE_NO_HANDLE);
        assert_false(answer.has_descriptor);
        assert_int_equal(fcntl(descriptor, F_GETFD), -1);
    }
    EXPECT(ask(FILE_STATUS, GRANTS, "", 0), EBADF);
}

// --- status --------------------------------------------------------------------------------------

static void the_status_is_that_of_a_link_unless_it_is_to_be_followed(void **state)
{
    struct stat file = status_in("read/file");

    (void)state;
    EXPECT(ask(FILE_STATUS, READ, "link", FILE_FOLLOW), 0);
    assert_int_equal(answer.status.device, file.st_dev);
    assert_int_equal(answer.status.serial_number, file.st_ino);
    assert_int_equal(answer.status.type, FILE_TYPE_REGULAR);
    assert_int_equal(answer.status.size, 7);
    assert_int_equal(answer.status.link_count, 1);
    assert_int_equal(answer.status.modification_time,
                     (uint64_t)file.st_mtim.tv_sec * NS_PER_SECOND +
                         (uint64_t)file.st_mtim.tv_nsec);
    for (uint32_t handle = READ; handle <= NO_LINKS; handle += NO_LINKS) {
        EXPECT(ask(FILE_STATUS, handle, "link", 0), 0);
        assert_int_equal(answer.status.type, FILE_TYPE_SYMBOLIC_LINK);
    }
    EXPECT(ask(FILE_STATUS, READ, "out", 0), 0);
    EXPECT(ask(FILE_STATUS, READ, "out", FILE_FOLLOW), FILE_OUTSIDE);
    EXPECT(ask(FILE_STATUS, READ, "up/secret", 0), FILE_OUTSIDE);
    EXPECT(ask(FILE_STATUS, READ, "folder/", 0), ENOTDIR);
    EXPECT(ask(FILE_STATUS, READ, "folder/", FILE_FOLLOW), 0);
    EXPECT(ask(FILE_STATUS, READ, "..", 0), FILE_OUTSIDE);
    EXPECT(ask(FILE_STATUS, NO_LINKS, "link", FILE_FOLLOW), ELOOP);
}

static void times_are_set_to_a_value_to_now_or_left_alone(void **state)
{
    struct stat status;

    (void)state;
    values[0] = UINT64_C(1000000000000000007);
    values[1] = 5;
    EXPECT(ask(FILE_SET_TIMES, WRITE, "file", FILE_ACCESS_TIME | FILE_MODIFICATION_TIME), 0);
    status = status_in("write/file");
    assert_int_equal(status.st_atim.tv_sec, 1000000000);
    assert_int_equal(status.st_atim.tv_nsec, 7);
    assert_int_equal(status.st_mtim.tv_sec, 0);
    assert_int_equal(status.st_mtim.tv_nsec, 5);
    EXPECT(ask(FILE_SET_TIMES, WRITE, "file", FILE_MODIFICATION_NOW), 0);
    status = status_in("write/file");
    assert_int_equal(status.st_atim.tv_sec, 1000000000);
    assert_true(status.st_mtim.tv_sec > 1000000000);
    EXPECT(ask(FILE_SET_TIMES, WRITE, "file", 0), 0);
    assert_int_equal(status_in("write/file").st_atim.tv_sec, 1000000000);
    values[0] = UINT64_MAX; // what the file system makes of it is its own affair
    ask(FILE_SET_TIMES, WRITE, "file", FILE_ACCESS_TIME);
    EXPECT(ask(FILE_SET_TIMES, WRITE, "file", FILE_ACCESS_TIME | FILE_ACCESS_NOW), EINVAL);
    EXPECT(ask(FILE_SET_TIMES, WRITE, "file", FILE_MODIFICATION_TIME | FILE_MODIFICATION_NOW),
           EINVAL);
}

static void times_of_a_link_are_its_own_unless_it_is_to_be_followed(void **state)
{
    struct stat before = status_in("write/file");

    (void)state;
    values[1] = 3 * (uint64_t)NS_PER_SECOND;
    EXPECT(ask(FILE_SET_TIMES, WRITE, "link", FILE_MODIFICATION_TIME), 0);
    EXPECT(ask(FILE_SET_TIMES, WRITE, "out", FILE_MODIFICATION_TIME), 0);
    EXPECT(ask(FILE_SET_TIMES, NO_LINKS, "link", FILE_MODIFICATION_TIME), 0);
    EXPECT(ask(FILE_SET_TIMES, WRITE, "out", FILE_MODIFICATION_TIME | FILE_FOLLOW), FILE_OUTSIDE);
    EXPECT(ask(FILE_SET_TIMES, WRITE, "up/secret", FILE_MODIFICATION_TIME), FILE_OUTSIDE);
    assert_int_equal(status_in("write/link").st_mtim.tv_sec, 3);
    assert_int_equal(status_in("write/file").st_mtim.tv_sec, before.st_mtim.tv_sec);
    EXPECT(ask(FILE_SET_TIMES, WRITE, "link", FILE_MODIFICATION_TIME | FILE_FOLLOW), 0);
    assert_int_equal(status_in("write/file").st_mtim.tv_sec, 3);
    EXPECT(ask(FILE_SET_TIMES, WRITE, "", FILE_MODIFICATION_TIME), 0);
    assert_int_equal(status_in("write").st_mtim.tv_sec, 3);
}

// --- listing -------------------------------------------------------------------------------------

struct record {
    uint64_t serial_number;
    uint64_t next;
    char name[NAME_MAX + 1];
    uint8_t type;
};

static struct record records[RECORDS_MAX];

// Takes apart what LIST answered; how many records there are.
static size_t read_records(struct record *into, size_t most)
{
    size_t count = 0;

    for (size_t at = 0; at < length; count++) {
        struct record record = {.type = bytes[at + 16]};
        uint16_t name_length;

        assert_true(count < most && length - at > FILE_RECORD_SIZE);
        memcpy(&record.serial_number, bytes + at, 8);
        memcpy(&record.next, bytes + at + 8, 8);
        memcpy(&name_length, bytes + at + 17, 2);
        assert_in_range(name_length, 1, NAME_MAX);
        assert_true(name_length <= length - at - FILE_RECORD_SIZE);
        memcpy(record.name, bytes + at + FILE_RECORD_SIZE, name_length);
        assert_null(memchr(record.name, '/', name_length));
        assert_int_equal(strlen(record.name), name_length);
        into[count] = record;
        at += FILE_RECORD_SIZE + (size_t)name_length;
    }
    return count;
}

static size_t list_all(uint32_t handle, uint64_t room)
{
    size_t count = 0;
    size_t got;

    values[0] = 0;
    values[1] = room;
    do {
        EXPECT(ask(FILE_LIST, handle, "", 0), 0);
        assert_true(length <= room);
        got = read_records(records + count, RECORDS_MAX - count);
        count += got;
        values[0] = count > 0 ? records[count - 1].next : 0;
    } while (got > 0);
    return count;
}

static void all_names_of_a_directory_are_listed_once(void **state)
{
    static const uint64_t rooms[] = {FILE_LIST_MIN, 4096, UINT64_MAX};
    static bool seen[NAMES];

    (void)state;
    run("cd other && seq 0 1999 | xargs touch");
    for (size_t i = 0; i < sizeof rooms / sizeof rooms[0]; i++) {
        memset(seen, 0, sizeof seen);
        assert_int_equal(list_all(OTHER, rooms[i]), RECORDS_MAX);
        for (size_t at = 0; at < RECORDS_MAX; at++) {
            unsigned long name = strtoul(records[at].name, NULL, 10);

            if (records[at].name[0] == '.') {
                assert_int_equal(records[at].type, FILE_TYPE_DIRECTORY);
                continue;
            }
            assert_true(name < NAMES && !seen[name]);
            assert_int_equal(records[at].type, FILE_TYPE_REGULAR);
            seen[name] = true;
        }
    }
}

static void a_list_goes_on_behind_any_record(void **state)
{
    static struct record following[SOME];
    size_t count;

    (void)state;
    run("cd other && touch $(printf %0255d 7) && seq 1 100 | xargs touch");
    count = list_all(OTHER, sizeof bytes);
    assert_int_equal(count, 103);
    values[1] = FILE_LIST_MIN;
    for (size_t i = count - 1; i > 0; i--) {
        values[0] = records[i - 1].next;
        EXPECT(ask(FILE_LIST, OTHER, "", 0), 0);
        assert_true(read_records(following, SOME) > 0);
        assert_string_equal(following[0].name, records[i].name);
        assert_int_equal(following[0].serial_number, records[i].serial_number);
    }
}

static void places_that_are_none_do_no_harm(void **state)
{
    static const uint64_t places[] = {
        1, 2, 3, 1000, UINT32_MAX, INT64_MAX - 1, INT64_MAX, 1ull << 63, UINT64_MAX,
    };
    static struct record some[SOME];

    (void)state;
    values[1] = sizeof bytes;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        values[0] = places[i];
        if (ask(FILE_LIST, READ, "", 0) == 0)
            read_records(some, SOME);
        else
            EXPECT(answer.error, EINVAL);
    }
    values[0] = 0;
    for (values[1] = 0; values[1] < FILE_LIST_MIN; values[1] += 7)
        if (ask(FILE_LIST, READ, "", 0) == 0)
            assert_true(length <= values[1] && read_records(some, SOME) > 0);
    assert_int_equal(list_all(READ, FILE_LIST_MIN), 11);
}

static void a_list_tells_nothing_of_what_is_outside(void **state)
{
    size_t count = list_all(READ, sizeof bytes);
    uint64_t own = status_in("read").st_ino;
    unsigned dots = 0;

    (void)state;
    for (size_t i = 0; i < count; i++) {
        assert_true(records[i].serial_number != status_in("").st_ino);
        if (records[i].name[0] != '.')
            continue;
        assert_int_equal(records[i].serial_number, own);
        dots++;
    }
    assert_int_equal(dots, 2);
}

static void directories_are_synchronized(void **state)
{
    (void)state;
    EXPECT(ask(FILE_SYNCHRONIZE, WRITE, "", 0), 0);
    EXPECT(ask(FILE_SYNCHRONIZE, READ, "", 0), 0);
}

// --- grants --------------------------------------------------------------------------------------

static void expect_refused(const char *name)
{
    struct error error = {.code = ERROR_NONE};

    broker_close(&broker);
    assert_false(broker_open(&broker, &policy, &error));
    assert_int_equal(error.code, ERROR_USAGE_ARGUMENT);
    assert_non_null(strstr(error.message, name));
    assert_int_equal(count_descriptors(), descriptors_before);
    EXPECT(ask(FILE_STATUS, READ, "", 0), EBADF);
}

static void a_granted_directory_that_became_something_else_is_refused(void **state)
{
    (void)state;
    run("mv none kept && ln -s outside none");
    expect_refused("/none");
    run("rm none && touch none");
    expect_refused("/none");
    run("rm none");
    expect_refused("/none");
    run("mv kept none");
    open_broker();
}

static void more_files_than_there_is_room_for_are_not_open_at_a_time(void **state)
{
    (void)state;
    broker_close(&broker);
    policy.limits.open_files = UINT64_C(1) << 32 | 1024;
    open_broker();
    for (int i = 0; i < BROKER_OPEN_MAX; i++)
        EXPECT(ask(FILE_OPEN, READ, "a", FILE_READ), 0);
    EXPECT(ask(FILE_OPEN, READ, "a", FILE_READ), EMFILE);
    EXPECT(ask(FILE_STATUS, GRANTS + BROKER_OPEN_MAX, "", 0), EBADF);
}

static void without_grants_there_is_nothing(void **state)
{
    (void)state;
    broker_close(&broker);
    policy.dir_count = 0;
    open_broker();
    for (int operation = 0; operation < FILE_READ_INPUT; operation++)
        EXPECT(ask_two((enum file_operation)operation, 0, "file", 0, "new"), EBADF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_file_of_a_read_grant_comes_as_a_descriptor_to_read),
        TEST(a_file_of_a_write_grant_has_a_handle_and_the_access_that_was_asked_for),
        TEST(links_are_followed_where_request_and_grant_have_it),
        TEST(a_read_grant_lets_nothing_be_changed),
        TEST(files_are_created_once_cut_and_appended_to),
        TEST(a_link_to_nothing_is_created_through_only_inside),
        TEST(what_is_no_file_is_refused_and_nothing_waits_for_it),
        TEST(a_file_without_permissions_is_opened_by_root_alone),
        TEST(a_slash_or_the_flag_wants_a_directory),
        TEST(a_directory_becomes_a_handle_which_is_a_limit_of_its_own),
        TEST(handles_are_closed_and_given_again),
        TEST(handles_that_are_not_open_answer_so_whatever_is_asked),
        TEST(grants_cannot_be_closed),
        TEST(too_many_handles_are_refused_before_anything_is_created),
        TEST(a_handle_of_a_file_is_that_file_and_no_directory),
        TEST(a_descriptor_that_could_not_be_sent_leaves_no_handle),
        TEST(the_status_is_that_of_a_link_unless_it_is_to_be_followed),
        TEST(times_are_set_to_a_value_to_now_or_left_alone),
        TEST(times_of_a_link_are_its_own_unless_it_is_to_be_followed),
        TEST(all_names_of_a_directory_are_listed_once),
        TEST(a_list_goes_on_behind_any_record),
        TEST(places_that_are_none_do_no_harm),
        TEST(a_list_tells_nothing_of_what_is_outside),
        TEST(directories_are_synchronized),
        TEST(a_granted_directory_that_became_something_else_is_refused),
        TEST(more_files_than_there_is_room_for_are_not_open_at_a_time),
        TEST(without_grants_there_is_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
