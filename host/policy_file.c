// SPDX-License-Identifier: Apache-2.0
#include "host/policy_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/policy_place.h"
#include "host/policy_source.h"
#include "host/policy_yaml.h"

// Reads to the end, at most `size` bytes.
static bool read_all(int fd, char *bytes, size_t size, size_t *used, struct policy_error *error)
{
    *used = 0;
    while (*used < size) {
        ssize_t got = read(fd, bytes + *used, size - *used);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return policy_place_fail(error, "read the policy");
        if (got == 0)
            break;
        *used += (size_t)got;
    }
    return true;
}

// The folder of a path as it is given, without a look at links: "." if there is none in it.
static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    if (slash == NULL)
        return strdup(".");
    return strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

static bool parse_file(int fd, const char *path, struct policy *policy, struct policy_error *error)
{
    char *folder = folder_of(path);
    size_t size = POLICY_SOURCE_BYTES_MAX + 1; // one more, to see that it is too long
    char *bytes = malloc(size);
    size_t used;
    bool parsed;

    if (bytes == NULL || folder == NULL)
        parsed = policy_error_set(error, 0, 0, "out of memory");
    else
        parsed = read_all(fd, bytes, size, &used, error) &&
                 policy_from_text_in(folder, bytes, used, policy, error);
    free(bytes);
    free(folder);
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
    bool parsed;
    int fd;

    policy_init(policy);
    if (!policy_place_open(path, &fd, error))
        return false;
    parsed = parse_file(fd, path, policy, error);
    close(fd);
    if (parsed)
        keep_source(path, policy);
    return parsed;
}
