// SPDX-License-Identifier: Apache-2.0
#include "host/policy_guard.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "host/policy_dir.h"

enum { LINKS_MAX = 40 };

// A path, walked name by name as the kernel does.
struct walk {
    char folder[PATH_MAX]; // where the next name is looked up; without links, "." and ".."
    char left[PATH_MAX];   // the names to come
    unsigned links;
};

static bool begin(struct walk *walk, const char *path)
{
    walk->links = 0;
    if (strlen(path) >= sizeof walk->left)
        return false;
    strcpy(walk->left, path);
    if (path[0] != '/')
        return getcwd(walk->folder, sizeof walk->folder) != NULL;
    strcpy(walk->folder, "/");
    return true;
}

static void leave(struct walk *walk)
{
    char *slash = strrchr(walk->folder, '/');

    slash[slash == walk->folder ? 1 : 0] = '\0';
}

// Puts the text of a link before the names to come.
static bool follow(struct walk *walk, const char *target, size_t length)
{
    size_t left = strlen(walk->left);

    if (++walk->links > LINKS_MAX || length + 1 + left >= sizeof walk->left)
        return false;
    memmove(walk->left + length + 1, walk->left, left + 1);
    memcpy(walk->left, target, length);
    walk->left[length] = '/';
    if (target[0] == '/')
        strcpy(walk->folder, "/");
    return true;
}

// Goes on by one name, which is neither empty nor too long for a path by itself.
static bool enter(struct walk *walk, const char *name, size_t length)
{
    size_t used = walk->folder[1] == '\0' ? 0 : strlen(walk->folder);
    char path[PATH_MAX];
    char target[PATH_MAX];
    ssize_t target_length;

    if (length == 1 && name[0] == '.')
        return true;
    if (length == 2 && memcmp(name, "..", 2) == 0) {
        leave(walk);
        return true;
    }
    if (used + 1 + length >= sizeof path)
        return false;
    memcpy(path, walk->folder, used);
    path[used] = '/';
    memcpy(path + used + 1, name, length);
    path[used + 1 + length] = '\0';
    target_length = readlink(path, target, sizeof target);
    if (target_length > 0)
        return follow(walk, target, (size_t)target_length);
    strcpy(walk->folder, path);
    return true;
}

// Takes the next name from those to come; false at the end.
static bool next_name(struct walk *walk, char name[PATH_MAX], size_t *length)
{
    size_t slashes = strspn(walk->left, "/");
    size_t rest;

    *length = strcspn(walk->left + slashes, "/");
    memcpy(name, walk->left + slashes, *length);
    rest = slashes + *length;
    memmove(walk->left, walk->left + rest, strlen(walk->left + rest) + 1);
    return *length > 0;
}

static bool is_writable(const struct policy *policy, const struct policy_dir *dir,
                        const char *folder)
{
    return dir->access != POLICY_WASI_DIRS_ACCESS_READ &&
           policy_dir_is_within(folder, policy_text(policy, dir->host));
}

static bool check_folder(const struct policy *policy, const char *folder, const char *what,
                         struct policy_error *error)
{
    char quote[POLICY_QUOTE_SIZE];

    for (uint32_t i = 0; i < policy->dir_count; i++) {
        const struct policy_dir *dir = &policy->dirs[i];

        if (is_writable(policy, dir, folder))
            return policy_error_set(
                error, dir->line, dir->column,
                "wasi.dirs: %s cannot be granted for writing: %s is in there, "
                "or a link to it; grant a directory below, or access read",
                policy_quote(quote, policy_text(policy, dir->host), dir->host.length), what);
    }
    return true;
}

bool policy_guard(const struct policy *policy, const char *path, const char *what,
                  struct policy_error *error)
{
    struct walk walk;
    char name[PATH_MAX];
    size_t length;
    bool entered;

    if (!policy_may_write(policy))
        return true;
    entered = begin(&walk, path);
    while (entered && next_name(&walk, name, &length)) {
        // Whoever may write to a folder can exchange what has a name there, not the folder: where
        // its ".." leads is for its parent's owner to say.
        bool up = name[0] == '.' && (length == 1 || (length == 2 && name[1] == '.'));

        if (!up && !check_folder(policy, walk.folder, what, error))
            return false;
        entered = enter(&walk, name, length);
        if (up && length == 2 && !check_folder(policy, walk.folder, what, error))
            return false;
    }
    return entered || policy_error_set(error, 0, 0,
                                       "wasi.dirs: nothing can be granted for writing: the way to "
                                       "%s is too long or has too many links",
                                       what);
}
