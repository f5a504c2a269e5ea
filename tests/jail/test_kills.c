// SPDX-License-Identifier: Apache-2.0
//
// Workers, launchers and hosts that are killed at any time: nothing may be left. This process
// adopts orphans, so that it sees each of them.
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/jail/fixture.h"

enum {
    WORKER_KILLS = 700,
    LAUNCHER_KILLS = 200,
    HOST_KILLS = 100,
    WORKERS = 3, // per host
    DELAY_MAX_US = 4000,
    PATIENCE_MS = 5000
};

static uint64_t seed = 2463534242u;

static uint64_t next_random(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static void wait_a_while(void)
{
    usleep((useconds_t)(next_random() % DELAY_MAX_US));
}

// Starts a worker; false when the launcher was killed first.
static bool try_start(struct fixture *fixture, struct launcher_client *client,
                      struct launcher_worker *worker)
{
    const struct attack attack = {.kind = next_random() % 2 == 0 ? ATTACK_SPIN : ATTACK_ANSWER};
    struct launcher_start start = {.options = fixture_options(&attack),
                                   .filter = fixture->filter,
                                   .slots = {-1, -1, -1, -1, fixture->module, -1}};
    struct error error = {.code = ERROR_NONE};
    uint8_t *control;
    bool started;

    start.control = fixture_control(&control);
    started = launcher_client_start(client, &start, worker, &error);
    close(start.control);
    munmap(control, FIXTURE_CONTROL_BYTES);
    return started;
}

static void adopt_and_reap(void)
{
    while (waitpid(-1, NULL, WNOHANG) > 0)
        continue;
}

// Nobody of ours runs and no child is left, however dead.
static void expect_nothing_left(void)
{
    for (int waited_ms = 0; waited_ms < PATIENCE_MS; waited_ms += 10) {
        adopt_and_reap();
        if (waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD && fixture_left_behind(0) == 0)
            return;
        usleep(10 * 1000);
    }
    fail_msg("something is left");
}

static void killed_workers_are_reaped_and_told(void **state)
{
    struct fixture *fixture = *state;
    struct launcher_client client;

    fixture_open(&client);
    for (int turn = 0; turn < WORKER_KILLS; turn++) {
        struct launcher_worker worker;

        assert_true(try_start(fixture, &client, &worker));
        usleep((useconds_t)(next_random() % 1500));
        launcher_client_signal(&worker, SIGKILL);
        assert_true(launcher_client_wait(&client, &worker, FIXTURE_TIMEOUT_MS));
        assert_int_equal(worker.ended, LAUNCHER_END_KILLED);
        assert_int_equal(worker.status, SIGKILL);
        launcher_client_release(&client, &worker);
    }
    launcher_client_close(&client);
    expect_nothing_left();
}

static void kill_launcher_once(struct fixture *fixture)
{
    struct launcher_worker workers[WORKERS];
    struct launcher_worker late;
    struct launcher_client client;
    int started = 0;

    fixture_open(&client);
    while (started < WORKERS && (next_random() % 4 != 0 || started == 0)) {
        assert_true(try_start(fixture, &client, &workers[started]));
        started++;
    }
    usleep((useconds_t)(next_random() % 1500));
    kill(client.pid, SIGKILL);
    for (int at = 0; at < started; at++) {
        assert_true(launcher_client_wait(&client, &workers[at], FIXTURE_TIMEOUT_MS));
        assert_int_equal(workers[at].ended, LAUNCHER_END_LOST);
    }
    assert_false(try_start(fixture, &client, &late));
    for (int at = 0; at < started; at++)
        launcher_client_release(&client, &workers[at]);
    launcher_client_close(&client);
    adopt_and_reap();
}

static void a_killed_launcher_takes_its_workers_along(void **state)
{
    for (int turn = 0; turn < LAUNCHER_KILLS; turn++)
        kill_launcher_once(*state);
    expect_nothing_left();
}

// The life of a host until it is killed: launchers and workers come and go.
static _Noreturn void live_as_host(struct fixture *fixture)
{
    struct launcher_worker workers[WORKERS];
    struct launcher_client client;

    for (;;) {
        fixture_open(&client);
        for (int at = 0; at < WORKERS; at++)
            if (!try_start(fixture, &client, &workers[at]))
                _exit(1);
        wait_a_while();
        for (int at = 0; at < WORKERS; at++)
            launcher_client_release(&client, &workers[at]);
        launcher_client_close(&client);
    }
}

static void a_killed_host_takes_everything_along(void **state)
{
    for (int turn = 0; turn < HOST_KILLS; turn++) {
        pid_t child = fork();
        int status;

        assert_true(child >= 0);
        seed += (uint64_t)turn;
        if (child == 0)
            live_as_host(*state);
        usleep((useconds_t)(next_random() % (3 * DELAY_MAX_US)));
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        adopt_and_reap();
    }
    expect_nothing_left();
}

static int begin(void **state)
{
    struct fixture *fixture;

    // The sibling would count as left behind.
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    fixture_begin(state);
    fixture = *state;
    launcher_client_release(&fixture->client, &fixture->sibling);
    launcher_client_close(&fixture->client);
    adopt_and_reap();
    return 0;
}

static int end(void **state)
{
    struct fixture *fixture = *state;

    munmap(fixture->sibling_control, FIXTURE_CONTROL_BYTES);
    close(fixture->filter);
    close(fixture->permissive);
    close(fixture->module);
    return fixture_descriptors() == fixture->descriptors_before ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_workers_are_reaped_and_told),
        cmocka_unit_test(a_killed_launcher_takes_its_workers_along),
        cmocka_unit_test(a_killed_host_takes_everything_along),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
