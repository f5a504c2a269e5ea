// SPDX-License-Identifier: Apache-2.0
#include "host/policy_dir.h"

#include <errno.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "host/policy_value.h"

// No directories of files: through them other processes and the system are reached.
static const char *const systems[] = {"/proc", "/sys", "/dev"};

void policy_dir_begin(struct policy_dir *dir)
{
    *dir = (struct policy_dir){
        .access = policy_key_info(POLICY_KEY_WASI_DIRS_ACCESS)->default_value,
        .links = policy_key_info(POLICY_KEY_WASI_DIRS_LINKS)->default_value,
    };
}

bool policy_dir_is_within(const char *path, const char *folder)
{
    size_t length = strlen(folder);

    if (length == 1)
        return true; // "/"
    return strncmp(path, folder, length) == 0 && (path[length] == '\0' || path[length] == '/');
}

/* The directory. */

// What realpath(3) makes of it.
static bool resolve(const char *folder, const char *path, size_t length, char resolved[PATH_MAX],
                    struct policy_error *error)
{
    char joined[PATH_MAX];
    char problem[192];
    char reason[64];

    if (!policy_value_path(POLICY_KEY_WASI_DIRS_HOST, "a directory", folder, path, length, joined,
                           sizeof joined, error))
        return false;
    if (realpath(joined, resolved))
        return true;
    snprintf(problem, sizeof problem,
             "cannot be granted: %s (it must be there when the policy is read)",
             strerror_r(errno, reason, sizeof reason));
    return policy_value_fail(error, POLICY_KEY_WASI_DIRS_HOST, path, length, problem);
}

// "/proc/1 is ...": what is wrong with a resolved path, or NULL.
static const char *why_refused(const char *path)
{
    struct stat status;
    struct statfs system;

    if (path[1] == '\0')
        return "is the whole system and is never granted: name the directories that are needed";
    for (size_t i = 0; i < sizeof systems / sizeof systems[0]; i++) {
        if (policy_dir_is_within(path, systems[i]))
            return "is in /proc, /sys or /dev, which are never granted: grant one of ordinary "
                   "files";
    }
    if (stat(path, &status) != 0 || statfs(path, &system) != 0)
        return "cannot be looked at";
    if (!S_ISDIR(status.st_mode))
        return "is not a directory: grant the one that it is in";
    if (system.f_type == PROC_SUPER_MAGIC || system.f_type == SYSFS_MAGIC)
        return "is on a file system of the kernel's own (proc or sysfs), which is never granted";
    return NULL;
}

bool policy_dir_set_host(struct policy *policy, struct policy_dir *dir, const char *folder,
                         const char *path, size_t length, struct policy_error *error)
{
    struct error below = {.code = ERROR_NONE};
    char resolved[PATH_MAX];
    const char *why;

    if (!resolve(folder, path, length, resolved, error))
        return false;
    why = why_refused(resolved);
    if (why)
        return policy_value_fail(error, POLICY_KEY_WASI_DIRS_HOST, resolved, strlen(resolved), why);
    return policy_add_text(policy, resolved, strlen(resolved), &dir->host, &below) ||
           policy_value_fail_as(error, POLICY_KEY_WASI_DIRS_HOST, &below);
}

bool policy_dir_set_guest(struct policy *policy, struct policy_dir *dir, const char *path,
                          size_t length, struct policy_error *error)
{
    struct error below = {.code = ERROR_NONE};

    if (!policy_is_guest_path(path, length))
        return policy_value_fail(
            error, POLICY_KEY_WASI_DIRS_GUEST, path, length,
            "is no name for the plugin: it is '.', or begins with '/' and has no '.', "
            "'..', '//' and no '/' at the end");
    return policy_add_text(policy, path, length, &dir->guest, &below) ||
           policy_value_fail_as(error, POLICY_KEY_WASI_DIRS_GUEST, &below);
}

/* The grant among others. */

// Whether a file would have two rights, by the name under which it is reached.
static bool contradicts(const struct policy *policy, const struct policy_dir *left,
                        const struct policy_dir *right)
{
    const char *left_host = policy_text(policy, left->host);
    const char *right_host = policy_text(policy, right->host);

    return left->access != right->access && (policy_dir_is_within(left_host, right_host) ||
                                             policy_dir_is_within(right_host, left_host));
}

static bool fail_contradiction(const struct policy *policy, const struct policy_dir *dir,
                               const struct policy_dir *other, struct policy_error *error)
{
    char quote[POLICY_QUOTE_SIZE];
    char other_quote[POLICY_QUOTE_SIZE];
    char access[POLICY_VALUE_SIZE];

    return policy_error_set(
        error, 0, 0,
        "wasi.dirs: %s overlaps %s, whose access is %s: files could be written by one name and not "
        "by the other; grant both the same access",
        policy_quote(quote, policy_text(policy, dir->host), dir->host.length),
        policy_quote(other_quote, policy_text(policy, other->host), other->host.length),
        policy_value_format(POLICY_KEY_WASI_DIRS_ACCESS, other->access, access));
}

bool policy_dir_add(struct policy *policy, const struct policy_dir *dir, struct policy_error *error)
{
    struct error below = {.code = ERROR_NONE};
    const char *guest = policy_text(policy, dir->guest);

    if (policy->dir_count >= POLICY_DIRS_MAX)
        return policy_error_set(error, 0, 0, "wasi.dirs: too many: at most %d", POLICY_DIRS_MAX);
    if (policy_find_dir(policy, guest, dir->guest.length) != POLICY_NOT_FOUND)
        return policy_value_fail(error, POLICY_KEY_WASI_DIRS_GUEST, guest, dir->guest.length,
                                 "is given twice: each directory has a name of its own");
    for (uint32_t i = 0; i < policy->dir_count; i++) {
        if (contradicts(policy, dir, &policy->dirs[i]))
            return fail_contradiction(policy, dir, &policy->dirs[i], error);
    }
    return policy_add_dir(policy, dir, &below) ||
           policy_value_fail_as(error, POLICY_KEY_WASI_DIRS, &below);
}

bool policy_dir_add_text(struct policy *policy, const char *text, struct policy_error *error)
{
    const char *sign = strstr(text, "::");
    const char *guest = sign ? sign + 2 : "";
    const char *colon = strrchr(guest, ':');
    size_t guest_length = colon ? (size_t)(colon - guest) : strlen(guest);
    struct policy_dir dir;

    policy_dir_begin(&dir);
    if (!sign || sign == text || guest_length == 0)
        return policy_value_fail(
            error, POLICY_KEY_WASI_DIRS, text, strlen(text),
            "is not of the form HOST::GUEST, HOST::GUEST:read or HOST::GUEST:write");
    if (colon && !policy_value_parse(POLICY_KEY_WASI_DIRS_ACCESS, colon + 1, strlen(colon + 1),
                                     &dir.access, error))
        return false;
    return policy_dir_set_host(policy, &dir, NULL, text, (size_t)(sign - text), error) &&
           policy_dir_set_guest(policy, &dir, guest, guest_length, error) &&
           policy_dir_add(policy, &dir, error);
}
