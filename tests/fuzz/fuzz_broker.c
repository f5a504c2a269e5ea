// SPDX-License-Identifier: Apache-2.0
//
// Requests for files, one after another, in a small tree of its own: whatever they are, nothing
// outside of the grants is changed or opened, nothing is changed in the one for reading, and no
// descriptor is left. The input is text, so that seeds can be written by hand: "k" for openat2,
// anything else for our own walk; then lines of a letter for the operation, a digit for each
// handle, three letters for five flags each, and the paths with "|" between them.
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/broker.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#ifdef NDEBUG
#error "fuzz targets need assertions"
#endif

enum { HEAD = 6, REQUESTS_MAX = 64, OPEN_FILES = 3, NFTW_DESCRIPTORS = 8, WATCHED = 6 };

static const char *const grants[] = {"read", "write", "other", "none"};

// "" is what the grants are in.
static const char *const watched[WATCHED] = {"",     "outside",   "outside/secret",
                                             "read", "read/file", "read/a"};
static struct stat before[WATCHED];

static char base[64];
static int base_folder = -1;
static struct policy policy;
static struct broker broker;

// --- the tree ------------------------------------------------------------------------------------

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status;
    if (type == FTW_DNR)
        return -1;
    return place->level > 0 ? remove(path) : 0;
}

static void empty(const char *folder)
{
    char path[128];

    snprintf(path, sizeof path, "%s/%s", base, folder);
    nftw(path, remove_one, NFTW_DESCRIPTORS, FTW_DEPTH | FTW_PHYS);
}

static void remove_tree(void)
{
    empty("");
    rmdir(base);
}

static void make_file(int folder, const char *name)
{
    int file = openat(folder, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

    assert(file >= 0 && write(file, name, strlen(name)) > 0);
    close(file);
}

static void fill(const char *name)
{
    static const char *const links[][2] = {
        {"a", "l"},          {"../outside", "up"},         {"../outside/secret", "out"},
        {"new", "dangling"}, {"../outside/new", "astray"}, {"loop", "loop"},
    };
    int folder = openat(base_folder, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    assert(folder >= 0 && mkdirat(folder, "a", 0755) == 0 && mkdirat(folder, "a/b", 0755) == 0);
    make_file(folder, "file");
    for (size_t i = 0; i < sizeof links / sizeof links[0]; i++)
        if (symlinkat(links[i][0], folder, links[i][1]) != 0)
            __builtin_trap();
    close(folder);
}

static void grant(const char *name, uint64_t access, uint64_t links)
{
    struct policy_dir *dir = &policy.dirs[policy.dir_count++];
    struct error error = {.code = ERROR_NONE};
    char path[128];

    snprintf(path, sizeof path, "%s/%s", base, name);
    if (!policy_add_text(&policy, path, strlen(path), &dir->host, &error))
        __builtin_trap();
    dir->access = access;
    dir->links = links;
}

static void look(struct stat status[WATCHED])
{
    for (size_t i = 0; i < WATCHED; i++)
        if (fstatat(base_folder, watched[i], &status[i],
                    AT_SYMLINK_NOFOLLOW | (watched[i][0] ? 0 : AT_EMPTY_PATH)) != 0)
            __builtin_trap();
}

static void begin(void)
{
    snprintf(base, sizeof base, "%s/pinfold-fuzz-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(base))
        abort();
    atexit(remove_tree);
    base_folder = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert(base_folder >= 0 && mkdirat(base_folder, "outside", 0755) == 0);
    make_file(base_folder, "outside/secret");
    policy_init(&policy);
    policy.limits.open_files = OPEN_FILES;
    for (size_t i = 0; i < sizeof grants / sizeof grants[0]; i++) {
        if (mkdirat(base_folder, grants[i], 0755) != 0)
            abort();
        grant(grants[i], i == 0 ? POLICY_WASI_DIRS_ACCESS_READ : POLICY_WASI_DIRS_ACCESS_WRITE,
              i == 3 ? POLICY_WASI_DIRS_LINKS_NONE : POLICY_WASI_DIRS_LINKS_FOLLOW);
    }
    fill("read");
    look(before);
}

// Times of access are nobody's concern.
static bool is_same(const struct stat *one, const struct stat *other)
{
    return one->st_ino == other->st_ino && one->st_mode == other->st_mode &&
           one->st_nlink == other->st_nlink && one->st_size == other->st_size &&
           memcmp(&one->st_mtim, &other->st_mtim, sizeof one->st_mtim) == 0 &&
           memcmp(&one->st_ctim, &other->st_ctim, sizeof one->st_ctim) == 0;
}

static void expect_unchanged(void)
{
    struct stat now[WATCHED];

    look(now);
    for (size_t i = 0; i < WATCHED; i++)
        if (!is_same(&before[i], &now[i]))
            __builtin_trap();
}

// --- requests ------------------------------------------------------------------------------------

static void check_answer(const struct file_answer *answer, size_t length, size_t room,
                         int descriptor)
{
    struct stat status;
    struct message message;
    struct file_answer taken;

    assert(length <= room && answer->has_descriptor == (descriptor >= 0));
    assert(answer->error == 0 ||
           (length == 0 && descriptor < 0 && answer->handle == FILE_NO_HANDLE));
    file_answer_put(answer, &message);
    if (!file_answer_take(&message, &taken))
        __builtin_trap();
    if (descriptor < 0)
        return;
    assert(fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode));
    assert(status.st_ino != before[2].st_ino || status.st_dev != before[2].st_dev);
}

// The paths as they come with a message: one behind the other. False if the session would not have
// let it through.
static bool read_request(const uint8_t *line, size_t length, const uint8_t head[HEAD],
                         struct file_request *request)
{
    static uint8_t paths[2 * FILE_PATH_MAX];
    const uint8_t *bar = length > 0 ? memchr(line, '|', length) : NULL;
    size_t first = bar ? (size_t)(bar - line) : length;
    size_t second = bar ? length - first - 1 : 0;
    struct message message;

    if (first + second > sizeof paths)
        return false;
    if (first > 0)
        memcpy(paths, line, first);
    if (second > 0)
        memcpy(paths + first, bar + 1, second);
    *request = (struct file_request){
        .operation = (enum file_operation)(head[0] % 32),
        .handle = head[1] - (uint32_t)'0',
        .other_handle = head[2] - (uint32_t)'0',
        .flags = (head[3] & 31u) | (head[4] & 31u) << 5 | (head[5] & 31u) << 10,
        .values = {(uint64_t)(head[2] & 15) << (head[3] & 63), 1ull << (head[4] & 63)},
        .path_length = first,
        .other_path_length = second,
    };
    file_request_put(request, &message);
    return file_request_take(&message, paths, first + second, request) &&
           request->operation != FILE_READ_INPUT;
}

static void serve(const uint8_t *line, size_t length)
{
    static uint8_t bytes[4096];
    size_t head_length = length < HEAD ? length : HEAD;
    uint8_t head[HEAD] = {0};
    struct file_request request;
    struct file_answer answer;
    size_t room = sizeof bytes;
    int descriptor;

    if (head_length > 0)
        memcpy(head, line, head_length);
    if (!read_request(line + head_length, length - head_length, head, &request))
        return;
    broker_serve(&broker, &request, &answer, bytes, &room, &descriptor);
    check_answer(&answer, room, sizeof bytes, descriptor);
    if (descriptor >= 0)
        broker_sent(&broker, &answer, descriptor, (head[5] & 64) != 0 ? 0 : EPIPE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error error = {.code = ERROR_NONE};
    const uint8_t *end = data + size;
    bool use_openat2 = size > 0 && data[0] == 'k';
    int free_before;
    int free_after;

    if (base_folder < 0)
        begin();
    for (size_t i = 1; i < sizeof grants / sizeof grants[0]; i++) {
        empty(grants[i]);
        fill(grants[i]);
    }
    free_before = dup(base_folder);
    close(free_before);
    if (!broker_open(&broker, &policy, &error))
        __builtin_trap();
    for (uint32_t i = 0; i < broker.grant_count; i++)
        broker.entries[i].place.use_openat2 &= use_openat2;
    for (int i = 0; data < end && i < REQUESTS_MAX; i++) {
        const uint8_t *newline = memchr(data, '\n', (size_t)(end - data));
        const uint8_t *line_end = newline ? newline : end;

        if (i > 0)
            serve(data, (size_t)(line_end - data));
        data = newline ? newline + 1 : end;
    }
    broker_close(&broker);
    free_after = dup(base_folder);
    close(free_after);
    assert(free_before == free_after);
    expect_unchanged();
    return 0;
}
