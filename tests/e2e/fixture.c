// SPDX-License-Identifier: Apache-2.0
#include "tests/e2e/fixture.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/e2e/hostile.h"

enum {
    PATHS = 4,
    FILE_SIZE_MAX = 1024 * 1024,
    WATCH_US = 1000,
    LATE_US = 500,
    PATIENCE_STEP_MS = 5
};

// --- programs and files --------------------------------------------------------------------------

static char folder[64];

static const char *programs(void)
{
    const char *other = getenv("PINFOLD_TEST_WORKERS");

    return other != NULL ? other : PINFOLD_PROGRAMS;
}

static const char *next_path(const char *in, const char *name)
{
    static char paths[PATHS][PATH_MAX];
    static unsigned next;
    char *path = paths[next++ % PATHS];

    snprintf(path, PATH_MAX, "%s/%s", in, name);
    return path;
}

const char *fixture_program(const char *name)
{
    return next_path(programs(), name);
}

bool fixture_has_programs(void)
{
    if (access(fixture_program("pinfold-worker"), X_OK) == 0)
        return true;
    printf("1..0 # SKIP confined programs are built in release builds only, and "
           "PINFOLD_TEST_WORKERS names none\n");
    return false;
}

int fixture_make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/pinfold-e2e-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

int fixture_remove_folder(void **state)
{
    char command[128];

    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

const char *fixture_in_folder(const char *name)
{
    return next_path(folder, name);
}

void fixture_provide(const char *file, const char *name)
{
    const char *path = fixture_in_folder(name);

    unlink(path);
    assert_int_equal(symlink(file, path), 0);
}

void fixture_provide_worker(const char *worker)
{
    fixture_provide(fixture_program("pinfold-launcher"), "pinfold-launcher");
    fixture_provide(worker, "pinfold-worker");
}

pnf_host *fixture_open_host(const char *libexec)
{
    pnf_options options = {.libexec = libexec};
    pnf_host *host;

    if (pnf_host_open(&options, &host) != PNF_OK)
        fail_msg("%s", pnf_error_text());
    return host;
}

static int32_t app_again(pnf_context *context, int32_t depth)
{
    int32_t result = 0;

    (void)depth;
    if (pnf_call(pnf_context_plugin(context), "run() -> i32", &result) != PNF_OK)
        pnf_context_fail(context, pnf_error_text());
    return result;
}

pnf_host *fixture_open_hostile(void (*pause)(void), void (*note)(const char *text, size_t length))
{
    pnf_host *host;

    fixture_provide_worker(fixture_program("tests/e2e/worker-hostile"));
    host = fixture_open_host(fixture_in_folder(""));
    pnf_host_function(host, "app.again(@ctx, depth: i32) -> i32", PNF_NATIVE(app_again), NULL);
    pnf_host_function(host, "app.note(text: str)", PNF_NATIVE(note), NULL);
    pnf_host_function(host, "app.pause()", PNF_NATIVE(pause), NULL);
    return host;
}

const char *fixture_hostile_policy(pnf_host *host)
{
    static char policy[1024];
    const struct hostile_order honest = {
        .magic = HOSTILE_MAGIC, .act = HOSTILE_HONEST, .imports = HOSTILE_IMPORTS};
    pnf_plugin *plugin;
    const char *path = fixture_in_folder("granted");

    assert_true(mkdir(path, 0755) == 0 || errno == EEXIST);
    snprintf(policy, sizeof policy,
             "pinfold: 1\n"
             "limits: { time: 200ms, output: 64MiB }\n"
             "host_functions:\n  - app.again\n  - app.note\n  - app.pause\n"
             "wasi:\n  stdout: capture\n"
             "  dirs:\n  - host: %s\n    guest: /granted\n    access: write\n",
             path);
    if (pnf_load_bytes(host, "honest", &honest, sizeof honest, policy, strlen(policy), &plugin) !=
        PNF_OK)
        fail_msg("%s", pnf_error_text());
    pnf_unload(plugin);
    return policy;
}

const uint8_t *fixture_read(const char *path, size_t *size)
{
    static uint8_t bytes[FILE_SIZE_MAX];
    FILE *file = fopen(path, "rb");

    assert_non_null(file);
    *size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    return bytes;
}

// --- time ----------------------------------------------------------------------------------------

static pthread_t watch;
static atomic_bool watching;
static atomic_ullong late_us;

uint64_t fixture_now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void *run_watch(void *unused)
{
    (void)unused;
    while (atomic_load(&watching)) {
        uint64_t begin = fixture_now_us();
        uint64_t took;

        usleep(WATCH_US);
        took = fixture_now_us() - begin;
        if (took > WATCH_US + LATE_US)
            atomic_fetch_add(&late_us, took - WATCH_US);
    }
    return NULL;
}

void fixture_watch_begin(void)
{
    atomic_store(&watching, true);
    assert_int_equal(pthread_create(&watch, NULL, run_watch, NULL), 0);
}

void fixture_watch_end(void)
{
    atomic_store(&watching, false);
    pthread_join(watch, NULL);
}

uint64_t fixture_watch_late_us(void)
{
    return 2 * atomic_exchange(&late_us, 0);
}

// --- what is left --------------------------------------------------------------------------------

int fixture_descriptors(void)
{
    DIR *descriptors = opendir("/proc/self/fd");
    int count = -1; // the folder's own

    assert_non_null(descriptors);
    for (struct dirent *entry = readdir(descriptors); entry != NULL; entry = readdir(descriptors))
        count += entry->d_name[0] != '.';
    closedir(descriptors);
    return count;
}

// Lines of this process's list of mappings with these words in them.
static int count_mappings(const char *words)
{
    FILE *file = fopen("/proc/self/maps", "r");
    char line[PATH_MAX + 256];
    int count = 0;

    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL)
        count += strstr(line, words) != NULL;
    fclose(file);
    return count;
}

int fixture_channels(void)
{
    return count_mappings("pinfold-channel");
}

int fixture_mappings(void)
{
    return count_mappings("");
}

void fixture_adopt(void)
{
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
}

bool fixture_has_children(int patience_ms)
{
    pid_t child;

    for (int waited_ms = 0;; waited_ms += PATIENCE_STEP_MS) {
        do
            child = waitpid(-1, NULL, WNOHANG | __WALL);
        while (child > 0);
        if (child < 0 && errno == ECHILD)
            return false;
        if (waited_ms >= patience_ms)
            return true;
        usleep(PATIENCE_STEP_MS * 1000);
    }
}

pid_t fixture_parent_of(pid_t pid)
{
    char path[64];
    char line[512];
    FILE *file;
    const char *after_name = NULL;
    int parent = 0;

    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    file = fopen(path, "r");
    if (file == NULL)
        return 0;
    if (fgets(line, sizeof line, file) != NULL)
        after_name = strrchr(line, ')');
    fclose(file);
    if (after_name == NULL || sscanf(after_name, ") %*c %d", &parent) != 1)
        return 0;
    return parent;
}

size_t fixture_children_of(pid_t parent, pid_t other, pid_t *children, size_t most)
{
    DIR *all = opendir("/proc");
    size_t count = 0;

    assert_non_null(all);
    for (struct dirent *entry = readdir(all); entry != NULL; entry = readdir(all)) {
        pid_t pid = (pid_t)atoi(entry->d_name);

        if (pid > 0 && pid != other && count < most && fixture_parent_of(pid) == parent)
            children[count++] = pid;
    }
    closedir(all);
    return count;
}
