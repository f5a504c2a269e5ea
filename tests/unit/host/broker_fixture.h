// SPDX-License-Identifier: Apache-2.0
//
// For the tests of the broker: a tree of files with four grants in it, requests in one line, and
// the look at what they have changed. Each test runs twice: with openat2, and with our own walk.
#pragma once

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/broker.h"

// The grants. OUTSIDE is the folder beside them.
enum { READ, WRITE, OTHER, NO_LINKS, GRANTS };

enum { OPEN_FILES = 6, SNAPSHOT_SIZE = 64 * 1024, WAITS_SECONDS = 60 };

static char base[64];
static struct policy policy;
static struct broker broker;
static bool use_openat2;
static int descriptors_before;
static char outside_before[SNAPSHOT_SIZE];

// Of the last request.
static struct file_answer answer;
static uint8_t bytes[48 * 1024];
static size_t length;
static int received; // the worker's descriptor, -1 if there is none

// For the next ones.
static uint64_t values[2];
static uint32_t other_handle;

// --- the tree ------------------------------------------------------------------------------------

static void run(const char *line)
{
    char command[2304];

    snprintf(command, sizeof command, "cd %s && %s", base, line);
    if (system(command) != 0)
        fail_msg("%s", line);
}

// What is in a folder: names, types, sizes, times, links.
static void take_snapshot(const char *folder, char text[SNAPSHOT_SIZE])
{
    char command[256];
    size_t got;
    FILE *pipe;

    snprintf(command, sizeof command,
             "cd %s/%s && find . -printf '%%p %%y %%s %%m %%n %%i %%T@ %%C@ %%l\\n' | sort", base,
             folder);
    pipe = popen(command, "r");
    assert_non_null(pipe);
    got = fread(text, 1, SNAPSHOT_SIZE - 1, pipe);
    text[got] = '\0';
    assert_int_equal(pclose(pipe), 0);
    assert_in_range(got, 1, SNAPSHOT_SIZE - 2);
}

static void expect_unchanged(const char *folder, const char *before)
{
    static char after[SNAPSHOT_SIZE];

    take_snapshot(folder, after);
    assert_string_equal(after, before);
}

static int count_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    int count = -1; // the folder's own

    assert_non_null(folder);
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder))
        count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}

static struct stat status_in(const char *name)
{
    struct stat status;
    char path[256];

    snprintf(path, sizeof path, "%s/%s", base, name);
    assert_int_equal(lstat(path, &status), 0);
    return status;
}

__attribute__((unused)) static bool exists(const char *name)
{
    struct stat status;
    char path[256];

    snprintf(path, sizeof path, "%s/%s", base, name);
    return lstat(path, &status) == 0;
}

// --- the broker ----------------------------------------------------------------------------------

static void grant(const char *name, uint64_t access, uint64_t links)
{
    struct policy_dir *dir = &policy.dirs[policy.dir_count++];
    struct error error = {.code = ERROR_NONE};
    char path[128];

    snprintf(path, sizeof path, "%s/%s", base, name);
    assert_true(policy_add_text(&policy, path, strlen(path), &dir->host, &error));
    dir->access = access;
    dir->links = links;
}

static void open_broker(void)
{
    struct error error = {.code = ERROR_NONE};

    if (!broker_open(&broker, &policy, &error))
        fail_msg("%s", error.message);
    for (uint32_t i = 0; i < broker.grant_count; i++) {
        assert_true(broker.entries[i].place.use_openat2 || !use_openat2);
        broker.entries[i].place.use_openat2 = use_openat2;
    }
}

static int begin(void)
{
    alarm(WAITS_SECONDS); // nothing waits
    snprintf(base, sizeof base, "/tmp/pinfold-broker-XXXXXX");
    if (!mkdtemp(base))
        return -1;
    policy_init(&policy);
    policy.limits.open_files = OPEN_FILES;
    run("umask 022 && mkdir -p outside/folder read/a write/a other none/a"
        " && echo secret >outside/secret && echo deep >outside/folder/deep"
        " && for i in read write none; do cd $i && echo inside >file && echo deep >a/deep"
        " && ln -s file link && ln -s a folder && ln -s ../outside/secret out"
        " && ln -s ../outside up && ln -s $PWD/file absolute && ln -s new dangling"
        " && ln -s ../outside/new dangling-out && cd ..; done");
    take_snapshot("outside", outside_before);
    grant("read", POLICY_WASI_DIRS_ACCESS_READ, POLICY_WASI_DIRS_LINKS_FOLLOW);
    grant("write", POLICY_WASI_DIRS_ACCESS_WRITE, POLICY_WASI_DIRS_LINKS_FOLLOW);
    grant("other", POLICY_WASI_DIRS_ACCESS_WRITE, POLICY_WASI_DIRS_LINKS_FOLLOW);
    grant("none", POLICY_WASI_DIRS_ACCESS_WRITE, POLICY_WASI_DIRS_LINKS_NONE);
    received = -1;
    descriptors_before = count_descriptors();
    open_broker();
    return 0;
}

static int begin_with_kernel(void **state)
{
    (void)state;
    use_openat2 = true;
    return begin();
}

static int begin_walking(void **state)
{
    (void)state;
    use_openat2 = false;
    return begin();
}

static void drop_received(void)
{
    if (received >= 0)
        close(received);
    received = -1;
}

// No test changes what is outside, and none leaves a descriptor.
static int end(void **state)
{
    static char outside[SNAPSHOT_SIZE];
    char command[128];

    (void)state;
    drop_received();
    broker_close(&broker);
    assert_int_equal(count_descriptors(), descriptors_before);
    take_snapshot("outside", outside);
    assert_string_equal(outside, outside_before);
    snprintf(command, sizeof command, "rm -rf %s", base);
    return system(command);
}

// --- requests ------------------------------------------------------------------------------------

// As the session serves one: the worker gets a descriptor of its own.
static uint32_t ask_bytes(enum file_operation operation, uint32_t handle, const void *path,
                          size_t path_length, const char *other_path, uint32_t flags)
{
    const struct file_request request = {
        .operation = operation,
        .handle = handle,
        .other_handle = other_handle,
        .flags = flags,
        .values = {values[0], values[1]},
        .path = path,
        .path_length = path_length,
        .other_path = (const uint8_t *)other_path,
        .other_path_length = strlen(other_path),
    };
    int descriptor;

    drop_received();
    length = sizeof bytes;
    broker_serve(&broker, &request, &answer, bytes, &length, &descriptor);
    assert_true(length <= sizeof bytes);
    assert_true(answer.error == 0 || (length == 0 && descriptor < 0 && !answer.has_descriptor &&
                                      answer.handle == FILE_NO_HANDLE));
    assert_int_equal(answer.has_descriptor, descriptor >= 0);
    if (descriptor >= 0) {
        received = dup(descriptor);
        broker_sent(&broker, &answer, descriptor, 0);
    }
    return answer.error;
}

static uint32_t ask(enum file_operation operation, uint32_t handle, const char *path,
                    uint32_t flags)
{
    return ask_bytes(operation, handle, path, strlen(path), "", flags);
}

__attribute__((unused)) static uint32_t ask_two(enum file_operation operation, uint32_t handle,
                                                const char *path, uint32_t other,
                                                const char *other_path)
{
    other_handle = other;
    return ask_bytes(operation, handle, path, strlen(path), other_path, 0);
}

static void expect(uint32_t got, uint32_t wanted, const char *what)
{
    if (got != wanted)
        fail_msg("%s: %u (%s), not %u (%s)", what, got, strerror((int)got), wanted,
                 strerror((int)wanted));
}

#define EXPECT(call_, wanted_) expect(call_, wanted_, #call_)

#define TEST(name_)                                                                                \
    cmocka_unit_test_setup_teardown(name_, begin_with_kernel, end),                                \
        cmocka_unit_test_setup_teardown(name_, begin_walking, end)
