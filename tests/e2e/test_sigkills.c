// SPDX-License-Identifier: Apache-2.0
//
// PINFOLD_KILLS random SIGKILLs, of workers, launchers and hosts, at any moment of loads, calls and
// ends. This process starts a host in a child, kills, and adopts orphans, so that it sees whatever
// is left. The child's threads load, call and unload without end, each with a host of its own; they
// expect a status that fits, in time.
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <pinfold.h>

#include "tests/e2e/fixture.h"

enum {
    KILLS_OF_ONE = 12, // at most, before the host is looked at
    THREADS = 2,
    CALLS = 6,
    DELAY_MAX_US = 8000,
    CALL_MAX_MS = 1500, // besides what the machine is late by: a host waits a second for a reason
    PATIENCE_MS = 5000,
    PROCESSES_MAX = 64
};

#define POLICY "pinfold: 1\nhost_functions:\n  - app.again\n  - app.fail\n"

static uint64_t seed = 2463534242u;

static uint64_t next_random(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

// What both processes see.
static struct {
    atomic_bool rest; // the host is to end by itself
    atomic_uint failures;
    atomic_uint loads;
    atomic_uint calls;
    atomic_uint ends[PNF_STATUS_COUNT];
    char text[1024]; // of the first failure
} * shared;

// --- the host's process --------------------------------------------------------------------------

static void fail_host(const char *what, pnf_status status)
{
    if (atomic_fetch_add(&shared->failures, 1) == 0)
        snprintf(shared->text, sizeof shared->text, "%s: %s: %s", what, pnf_status_words(status),
                 pnf_error_text());
}

// A worker that is gone is CRASHED, a launcher that is gone SYSTEM.
static bool fits(const char *what, pnf_status status, uint64_t begin_us)
{
    if (fixture_now_us() - begin_us > CALL_MAX_MS * UINT64_C(1000) + fixture_watch_late_us())
        fail_host("late", status);
    if (status != PNF_OK && status != PNF_CRASHED && status != PNF_SYSTEM)
        fail_host(what, status);
    atomic_fetch_add(&shared->ends[status], 1);
    return status == PNF_OK;
}

static int32_t app_again(pnf_context *context, int32_t depth)
{
    int32_t result = 0;

    if (pnf_call(pnf_context_plugin(context), "nest(depth: i32) -> i32", depth, &result) != PNF_OK)
        pnf_context_fail(context, pnf_error_text());
    return result;
}

static void app_fail(void)
{
}

static void call_plugin(pnf_plugin *plugin)
{
    bool goes_on = true;

    for (int i = 0; i < CALLS && goes_on; i++) {
        uint64_t begin_us = fixture_now_us();
        pnf_bytes bytes;
        int32_t depth = 0;

        goes_on =
            fits("call", pnf_call(plugin, "reverse(b: bytes) -> bytes", "abc", (size_t)3, &bytes),
                 begin_us);
        if (goes_on && (bytes.length != 3 || memcmp(bytes.data, "cba", 3) != 0))
            fail_host("wrong bytes", PNF_OK);
        begin_us = fixture_now_us();
        goes_on = goes_on && fits("nested call",
                                  pnf_call(plugin, "nest(depth: i32) -> i32", 3, &depth), begin_us);
        if (goes_on && depth != 3)
            fail_host("wrong depth", PNF_OK);
        atomic_fetch_add(&shared->calls, 1);
    }
}

static bool load_and_call(pnf_host *host, const uint8_t *module, size_t size)
{
    uint64_t begin_us = fixture_now_us();
    pnf_plugin *plugin;
    pnf_status status =
        pnf_load_bytes(host, "trouble", module, size, POLICY, strlen(POLICY), &plugin);

    if (fits("load", status, begin_us)) {
        atomic_fetch_add(&shared->loads, 1);
        call_plugin(plugin);
    }
    pnf_unload(plugin);
    return status != PNF_SYSTEM;
}

static struct {
    const char *libexec;
    const uint8_t *module;
    size_t size;
} common;

// Until the launcher is gone; then another host.
static void *live(void *unused)
{
    const pnf_options options = {.libexec = common.libexec};

    (void)unused;
    while (!atomic_load(&shared->rest)) {
        uint64_t begin_us = fixture_now_us();
        pnf_host *host;
        pnf_status status = pnf_host_open(&options, &host);

        if (!fits("open", status, begin_us))
            continue;
        pnf_host_function(host, "app.again(@ctx, depth: i32) -> i32", PNF_NATIVE(app_again), NULL);
        pnf_host_function(host, "app.fail()", PNF_NATIVE(app_fail), NULL);
        while (!atomic_load(&shared->rest) && load_and_call(host, common.module, common.size))
            continue;
        pnf_host_close(host);
    }
    return NULL;
}

static void live_with_threads(void)
{
    pthread_t threads[THREADS];

    for (size_t i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, live, NULL) != 0)
            _exit(2);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

static _Noreturn void be_host(void)
{
    int descriptors;

    fixture_watch_begin();
    descriptors = fixture_descriptors();
    live_with_threads();
    if (fixture_descriptors() != descriptors)
        fail_host("descriptors are left", PNF_OK);
    if (fixture_channels() != 0)
        fail_host("mappings are left", PNF_OK);
    fixture_watch_end();
    exit(atomic_load(&shared->failures) != 0);
}

// --- the killer ----------------------------------------------------------------------------------

struct processes {
    pid_t pids[PROCESSES_MAX];
    size_t count;
};

// Only if it is still whose it was: numbers are used again.
static bool kill_child_of(pid_t parent, pid_t pid)
{
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    bool killed = pidfd >= 0 && fixture_parent_of(pid) == parent &&
                  syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0) == 0;

    if (pidfd >= 0)
        close(pidfd);
    return killed;
}

static pid_t pick(const struct processes *from)
{
    return from->count == 0 ? 0 : from->pids[next_random() % from->count];
}

// Launchers are adopted by this process when the one between them and the host ends.
static bool kill_launcher(pid_t host)
{
    struct processes launchers = {.count = 0};
    pid_t victim;

    launchers.count = fixture_children_of(getpid(), host, launchers.pids, PROCESSES_MAX);
    victim = pick(&launchers);
    return victim != 0 && kill_child_of(getpid(), victim);
}

static bool kill_worker(pid_t host)
{
    struct processes launchers = {.count = 0};
    struct processes workers = {.count = 0};
    pid_t launcher;
    pid_t victim;

    launchers.count = fixture_children_of(getpid(), host, launchers.pids, PROCESSES_MAX);
    launcher = pick(&launchers);
    if (launcher == 0)
        return false;
    workers.count = fixture_children_of(launcher, 0, workers.pids, PROCESSES_MAX);
    victim = pick(&workers);
    return victim != 0 && kill_child_of(launcher, victim);
}

static pid_t start_host(void)
{
    pid_t host;

    atomic_store(&shared->rest, false);
    host = fork();
    assert_true(host >= 0);
    if (host == 0)
        be_host();
    return host;
}

static void expect_no_failure(void)
{
    if (atomic_load(&shared->failures) != 0)
        fail_msg("%s", shared->text);
}

static void end_host(pid_t host, bool by_force)
{
    int status;

    if (by_force)
        kill(host, SIGKILL);
    else
        atomic_store(&shared->rest, true);
    assert_int_equal(waitpid(host, &status, 0), host);
    expect_no_failure();
    if (by_force)
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    else
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_false(fixture_has_children(PATIENCE_MS));
}

static struct {
    unsigned workers;
    unsigned launchers;
    unsigned hosts;
} killed;

static unsigned kills(void)
{
    return killed.workers + killed.launchers + killed.hosts;
}

// Half of the hosts are killed, half of them look at what they have left.
static void live_and_die(void)
{
    pid_t host = start_host();
    uint64_t kills_left = next_random() % KILLS_OF_ONE;
    bool by_force = next_random() % 2 == 0;

    while (kills_left-- > 0 && kills() < PINFOLD_KILLS) {
        usleep((useconds_t)(next_random() % DELAY_MAX_US));
        if (next_random() % 3 == 0)
            killed.launchers += kill_launcher(host);
        else
            killed.workers += kill_worker(host);
    }
    usleep((useconds_t)(next_random() % DELAY_MAX_US));
    end_host(host, by_force);
    killed.hosts += by_force;
}

static void random_kills_leave_nothing_behind(void **state)
{
    int descriptors = fixture_descriptors();

    (void)state;
    while (kills() < PINFOLD_KILLS)
        live_and_die();
    print_message("# killed: %u workers, %u launchers, %u hosts; meanwhile %u loads, %u calls\n",
                  killed.workers, killed.launchers, killed.hosts, atomic_load(&shared->loads),
                  atomic_load(&shared->calls));
    for (int status = 0; status < PNF_STATUS_COUNT; status++)
        if (atomic_load(&shared->ends[status]) > 0)
            print_message("# %6u %s\n", atomic_load(&shared->ends[status]),
                          pnf_status_words((pnf_status)status));
    assert_int_equal(fixture_descriptors(), descriptors);
    assert_true(killed.workers > 0 && killed.launchers > 0 && killed.hosts > 0);
    assert_true(atomic_load(&shared->calls) > 0);
}

static int begin(void **state)
{
    static char libexec[PATH_MAX];

    (void)state;
    snprintf(libexec, sizeof libexec, "%s", fixture_program(""));
    common.libexec = libexec;
    common.module = fixture_read(PINFOLD_TROUBLE, &common.size);
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    fixture_adopt();
    return shared == MAP_FAILED ? -1 : 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_kills_leave_nothing_behind),
    };

    if (!fixture_has_programs())
        return 0;
    return cmocka_run_group_tests(tests, begin, NULL);
}
