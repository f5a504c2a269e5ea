// SPDX-License-Identifier: Apache-2.0
#include "host/policy_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/policy_source.h"
#include "host/policy_yaml.h"

static bool fail_system(struct policy_error *error, const char *what)
{
    char reason[128];

    return policy_error_set(error, 0, 0, "cannot %s: %s", what,
                            strerror_r(errno, reason, sizeof reason));
}

static bool check_file(int fd, struct policy_error *error)
{
    struct stat status;

    if (fstat(fd, &status) != 0)
        return fail_system(error, "look at the policy");
    if (!S_ISREG(status.st_mode))
        return policy_error_set(error, 0, 0, "the policy is not a regular file");
    if (status.st_mode & (S_IWGRP | S_IWOTH))
        return policy_error_set(
            error, 0, 0, "the policy may be written by %s (mode %03o): chmod go-w it",
            status.st_mode & S_IWOTH ? "everybody" : "its group", (unsigned)status.st_mode & 0777u);
    return true;
}

// Reads to the end, at most `size` bytes.
static bool read_all(int fd, char *bytes, size_t size, size_t *used, struct policy_error *error)
{
    *used = 0;
    while (*used < size) {
        ssize_t got = read(fd, bytes + *used, size - *used);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fail_system(error, "read the policy");
        if (got == 0)
            break;
        *used += (size_t)got;
    }
    return true;
}

static bool parse_file(int fd, struct policy *policy, struct policy_error *error)
{
    size_t size = POLICY_SOURCE_BYTES_MAX + 1; // one more, to see that it is too long
    char *bytes = malloc(size);
    size_t used;
    bool parsed;

    if (bytes == NULL)
        return policy_error_set(error, 0, 0, "out of memory");
    parsed =
        read_all(fd, bytes, size, &used, error) && policy_from_text(bytes, used, policy, error);
    free(bytes);
    return parsed;
}

// The whole path, or its end if it is long.
static void keep_source(const char *path, struct policy *policy)
{
    size_t length = strlen(path);
    size_t room = sizeof policy->source - 1;

    if (length <= room)
        memcpy(policy->source, path, length);
    else
        snprintf(policy->source, sizeof policy->source, "...%s", path + length - (room - 3));
}

bool policy_from_file(const char *path, struct policy *policy, struct policy_error *error)
{
    // Not to wait for a FIFO's writer, and not to get a terminal.
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    bool parsed;

    policy_init(policy);
    if (fd < 0)
        return fail_system(error, "open the policy");
    parsed = check_file(fd, error) && parse_file(fd, policy, error);
    close(fd);
    if (parsed)
        keep_source(path, policy);
    return parsed;
}
