// SPDX-License-Identifier: Apache-2.0
//
// What an attacker with native code in a confined worker would try with the files that the host has
// opened for it. What may be done with one, the kernel knows by how it was opened; whatever else
// there is to be done with a file, the filter ends. The numbers are those of the list of attacks
// that the design has.
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/filter.h"
#include "tests/jail/fixture.h"

enum { PAGE = 4096 };

#define CONTENT "what is in it"

// The first argument is the file.
struct attempt {
    int64_t number;
    uint64_t arguments[6];
    uint32_t pointers;
    const char *text;
    int64_t result; // where it is not the end of the worker
};

static char folder[] = "/tmp/pinfold-jail-XXXXXX";
static char path[sizeof folder + 8];
static int reading; // a filter of a plugin that has been granted nothing to write
static int read_only;
static int read_write;

static int begin(void **state)
{
    const struct filter_options granted = {.files = true};
    struct error error = {.code = ERROR_NONE};
    struct fixture *fixture;

    if (fixture_begin(state) != 0 || !mkdtemp(folder))
        return -1;
    fixture = *state;
    snprintf(path, sizeof path, "%s/file", folder);
    read_write = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    read_only = open(path, O_RDONLY | O_CLOEXEC);
    if (read_write < 0 || read_only < 0 || !filter_memfd(&granted, &reading, &error))
        return -1;
    assert_true(fixture->filter >= 0);
    return 0;
}

static int end(void **state)
{
    close(reading);
    close(read_only);
    close(read_write);
    unlink(path);
    rmdir(folder);
    return fixture_end(state);
}

static int fill(void **state)
{
    (void)state;
    return ftruncate(read_write, 0) == 0 && fcntl(read_write, F_SETFL, 0) == 0 &&
                   lseek(read_only, 0, SEEK_SET) == 0 && lseek(read_write, 0, SEEK_SET) == 0 &&
                   pwrite(read_write, CONTENT, strlen(CONTENT), 0) == (ssize_t)strlen(CONTENT)
               ? 0
               : -1;
}

static void expect_content(const char *wanted)
{
    char text[64] = "";

    assert_true(pread(read_write, text, sizeof text - 1, 0) >= 0);
    assert_string_equal(text, wanted);
}

static struct outcome run(struct fixture *fixture, int filter, const struct attempt *attempt,
                          int file)
{
    struct attack attack = {
        .kind = ATTACK_FILE, .number = attempt->number, .pointers = attempt->pointers};

    memcpy(attack.arguments, attempt->arguments, sizeof attack.arguments);
    if (attempt->text != NULL)
        snprintf(attack.text, sizeof attack.text, "%s", attempt->text);
    return fixture_attack_file(fixture, filter, &attack, file);
}

static void expect_results(struct fixture *fixture, int filter, int file,
                           const struct attempt *attempts, size_t count)
{
    for (size_t at = 0; at < count; at++) {
        struct outcome outcome = run(fixture, filter, &attempts[at], file);

        if (!outcome.report.done || outcome.report.result != attempts[at].result)
            fail_msg("attempt %zu, call %lld: end %d, status %d, result %lld", at,
                     (long long)attempts[at].number, (int)outcome.end, outcome.status,
                     (long long)outcome.report.result);
    }
}

static void expect_all_killed(struct fixture *fixture, int filter, int file,
                              const struct attempt *attempts, size_t count)
{
    for (size_t at = 0; at < count; at++) {
        struct outcome outcome = run(fixture, filter, &attempts[at], file);
        char what[60];

        snprintf(what, sizeof what, "attempt %zu, call %lld", at, (long long)attempts[at].number);
        fixture_expect_killed(&outcome, what);
    }
}

#define EXPECT_RESULTS(filter_, file_, attempts_)                                                  \
    expect_results(*state, filter_, file_, attempts_, sizeof(attempts_) / sizeof((attempts_)[0]))
#define EXPECT_ALL_KILLED(filter_, file_, attempts_)                                               \
    expect_all_killed(*state, filter_, file_, attempts_, sizeof(attempts_) / sizeof((attempts_)[0]))

static int both(void **state)
{
    return ((struct fixture *)*state)->filter;
}

// --- what is allowed -----------------------------------------------------------------------------

static void a_file_is_read_as_far_as_it_was_opened_for_that(void **state)
{
    static const struct attempt attempts[] = {
        {SYS_readv, {0, ATTACK_VECTOR, 1}, 2, "four", 4},
        {SYS_preadv, {0, ATTACK_VECTOR, 1, 4}, 2, NULL, (int64_t)sizeof CONTENT - 1 - 4},
        {SYS_lseek, {0, 0, SEEK_END}, 0, NULL, (int64_t)sizeof CONTENT - 1},
        {SYS_fstat, {0, 0}, 2, NULL, 0},
        {SYS_fadvise64, {0, 0, 0, POSIX_FADV_WILLNEED}, 0, NULL, 0},
        {SYS_fsync, {0}, 0, NULL, 0},
        {SYS_fdatasync, {0}, 0, NULL, 0},
        {SYS_fcntl, {0, F_SETFL, O_NONBLOCK}, 0, NULL, 0},
    };

    EXPECT_RESULTS(reading, read_only, attempts);
    EXPECT_RESULTS(both(state), read_only, (const struct attempt[]){attempts[1]});
    assert_int_equal(fcntl(read_only, F_SETFL, 0), 0);
}

static void a_file_is_written_as_far_as_it_was_opened_for_that(void **state)
{
    static const struct attempt attempts[] = {
        {SYS_writev, {0, ATTACK_VECTOR, 1}, 2, "WHAT", 4},
        {SYS_pwritev, {0, ATTACK_VECTOR, 1, 5}, 2, "IS", 2},
        {SYS_ftruncate, {0, 7}, 0, NULL, 0},
        {SYS_fallocate, {0, 0, 0, 8}, 0, NULL, 0},
        {SYS_ftruncate, {0, 7}, 0, NULL, 0},
        {SYS_fsync, {0}, 0, NULL, 0},
        {SYS_fdatasync, {0}, 0, NULL, 0},
    };

    EXPECT_RESULTS(both(state), read_write, attempts);
    expect_content("WHAT IS");
}

// --- what is not ---------------------------------------------------------------------------------

// 20, 31: by the kernel, for a plugin that may write other files.
static void a_file_that_is_open_for_reading_is_not_changed(void **state)
{
    static const struct attempt attempts[] = {
        {SYS_writev, {0, ATTACK_VECTOR, 1}, 2, "xxxx", -EBADF},
        {SYS_pwritev, {0, ATTACK_VECTOR, 1, 0, 0}, 2, "xxxx", -EBADF},
        {SYS_ftruncate, {0, 0}, 0, NULL, -EINVAL},
        {SYS_fallocate, {0, 0, 0, PAGE}, 0, NULL, -EBADF},
        {SYS_fcntl, {0, F_SETFL, O_APPEND}, 0, NULL, 0}, // which opens nothing
        {SYS_writev, {0, ATTACK_VECTOR, 1}, 2, "xxxx", -EBADF},
    };

    EXPECT_RESULTS(both(state), read_only, attempts);
    expect_content(CONTENT);
    assert_int_equal(fcntl(read_only, F_GETFL) & O_ACCMODE, O_RDONLY);
}

// 20, 31: by the filter, even if the file was open for writing.
static void a_plugin_that_may_write_no_file_has_no_calls_for_it(void **state)
{
    static const struct attempt attempts[] = {
        {SYS_write, {0, 0, 4}, 2, "xxxx", 0},
        {SYS_writev, {0, ATTACK_VECTOR, 1}, 2, "xxxx", 0},
        {SYS_pwrite64, {0, 0, 4, 0}, 2, "xxxx", 0},
        {SYS_pwritev, {0, ATTACK_VECTOR, 1, 0, 0}, 2, "xxxx", 0},
        {SYS_ftruncate, {0, 0}, 0, NULL, 0},
        {SYS_fallocate, {0, 0, 0, PAGE}, 0, NULL, 0},
    };

    EXPECT_ALL_KILLED(reading, read_only, attempts);
    EXPECT_ALL_KILLED(reading, read_write, attempts);
    expect_content(CONTENT);
}

// 31
static void flags_of_a_file_are_appending_and_not_waiting_alone(void **state)
{
    static const struct attempt appending = {SYS_fcntl, {0, F_SETFL, 0}, 0, NULL, 0};
    int append = open(path, O_RDWR | O_APPEND | O_CLOEXEC);

    for (unsigned bit = 0; bit < 64; bit++) {
        struct attempt turned = appending;
        uint64_t flag = 1ull << bit;

        turned.arguments[2] = flag;
        if ((flag & (O_APPEND | O_NONBLOCK)) == 0)
            expect_all_killed(*state, both(state), read_write, &turned, 1);
    }
    // Taking O_APPEND off is the file's writer's own affair.
    expect_results(*state, both(state), append, &appending, 1);
    assert_int_equal(fcntl(append, F_GETFL) & O_APPEND, 0);
    close(append);
}

// 20: nor holes, nor space that does not count.
static void room_is_made_for_a_file_in_no_other_way(void **state)
{
    for (unsigned bit = 0; bit < 64; bit++) {
        const struct attempt attempt = {SYS_fallocate, {0, 1ull << bit, 0, PAGE}, 0, NULL, 0};

        expect_all_killed(*state, both(state), read_write, &attempt, 1);
    }
    expect_content(CONTENT);
}

// 4, 14, 31
static void nothing_else_is_done_with_a_file(void **state)
{
    static const struct attempt attempts[] = {
        {SYS_ioctl, {0, FS_IOC_SETFLAGS, 0}, 4, NULL, 0},
        {SYS_ioctl, {0, FICLONE, 4}, 0, NULL, 0},
        {SYS_ioctl, {0, FIONREAD, 0}, 4, NULL, 0},
        {SYS_fchmod, {0, 04777}, 0, NULL, 0},
        {SYS_fchown, {0, 1, 1}, 0, NULL, 0},
        {SYS_fchdir, {0}, 0, NULL, 0},
        {SYS_openat, {0, 0, O_RDONLY}, 2, "..", 0},
        {SYS_utimensat, {0, 0, 0, 0}, 0, NULL, 0},
        {SYS_getdents64, {0, 0, 1024}, 2, NULL, 0},
        {SYS_fsetxattr, {0, 0, 0, 1, 0}, 6, "user.x", 0},
        {SYS_fgetxattr, {0, 0, 0, 1}, 6, "user.x", 0},
        {SYS_flock, {0, LOCK_EX}, 0, NULL, 0},
        {SYS_fstatfs, {0, 0}, 2, NULL, 0},
        {SYS_sync_file_range, {0, 0, 0, 0}, 0, NULL, 0},
        {SYS_syncfs, {0}, 0, NULL, 0},
        {SYS_readahead, {0, 0, PAGE}, 0, NULL, 0},
        {SYS_copy_file_range, {0, 0, 4, 0, 1, 0}, 0, NULL, 0},
        {SYS_sendfile, {0, START_SLOT_MODULE, 0, 1}, 0, NULL, 0},
        {SYS_preadv2, {0, 0, 0, 0, 0, 0}, 2, NULL, 0},
        {SYS_pwritev2, {0, 0, 0, 0, 0, 0x20 /* RWF_NOAPPEND */}, 2, NULL, 0},
        {SYS_dup, {0}, 0, NULL, 0},
        {SYS_fcntl, {0, F_DUPFD, 0}, 0, NULL, 0},
        {SYS_fcntl, {0, F_GETFD}, 0, NULL, 0},
        {SYS_fcntl, {0, F_GETFL}, 0, NULL, 0},
        {SYS_read, {0, 0, 4}, 2, NULL, 0},
        {SYS_pread64, {0, 0, 4, 0}, 2, NULL, 0},
        {SYS_fcntl, {0, F_SETFD, 0}, 0, NULL, 0},
        {SYS_fcntl, {0, F_SETLK, 0}, 4, NULL, 0},
        {SYS_fcntl, {0, F_OFD_SETLKW, 0}, 4, NULL, 0},
        {SYS_fcntl, {0, F_SETLEASE, F_WRLCK}, 0, NULL, 0},
        {SYS_fcntl, {0, F_NOTIFY, 1}, 0, NULL, 0},
        {SYS_fcntl, {0, F_SETOWN, 1}, 0, NULL, 0},
        {SYS_fcntl, {0, F_SETSIG, 9}, 0, NULL, 0},
    };

    EXPECT_ALL_KILLED(both(state), read_write, attempts);
    expect_content(CONTENT);
}

// --- numbers of descriptors ----------------------------------------------------------------------

static struct outcome call(struct fixture *fixture, int64_t number, uint64_t descriptor)
{
    const struct attack attack = {
        .kind = ATTACK_CALL, .number = number, .arguments = {descriptor, 0, 1}, .pointers = 2};

    return fixture_attack(fixture, &attack);
}

// 30
static void descriptors_out_of_range_end_the_worker_and_others_are_not_open(void **state)
{
    static const int64_t numbers[] = {SYS_readv, SYS_preadv, SYS_fstat, SYS_writev, SYS_pwritev};
    static const uint64_t closed[] = {START_SLOT_COUNT, 31, 32, 63, 64, 127};
    static const uint64_t out[] = {128, 255, 1ull << 31, UINT32_MAX, 1ull << 32 | 4, UINT64_MAX};

    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        for (size_t at = 0; at < sizeof out / sizeof out[0]; at++) {
            struct outcome outcome = call(*state, numbers[i], out[at]);

            fixture_expect_killed(&outcome, "out of range");
        }
        for (size_t at = 0; at < sizeof closed / sizeof closed[0]; at++)
            assert_int_equal(call(*state, numbers[i], closed[at]).report.result, -EBADF);
    }
}

// 21, 30: or a worker could send what it likes by its socket.
static void what_the_worker_began_with_is_not_written_to(void **state)
{
    for (uint64_t descriptor = 0; descriptor < 4; descriptor++) {
        struct outcome outcome = call(*state, SYS_writev, descriptor);

        fixture_expect_killed(&outcome, "writev");
    }
    assert_int_equal(call(*state, SYS_pwritev, START_SLOT_SOCKET).report.result, -ESPIPE);
}

#define TEST(name_) cmocka_unit_test_setup(name_, fill)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_file_is_read_as_far_as_it_was_opened_for_that),
        TEST(a_file_is_written_as_far_as_it_was_opened_for_that),
        TEST(a_file_that_is_open_for_reading_is_not_changed),
        TEST(a_plugin_that_may_write_no_file_has_no_calls_for_it),
        TEST(flags_of_a_file_are_appending_and_not_waiting_alone),
        TEST(room_is_made_for_a_file_in_no_other_way),
        TEST(nothing_else_is_done_with_a_file),
        TEST(descriptors_out_of_range_end_the_worker_and_others_are_not_open),
        TEST(what_the_worker_began_with_is_not_written_to),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
