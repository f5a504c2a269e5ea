// SPDX-License-Identifier: Apache-2.0
//
// Launcher and workers as processes: what they hold, how their ends are told, and what of them the
// application notices.
#include <errno.h>
#include <fcntl.h>
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
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/jail/fixture.h"

enum { EXTRA_DESCRIPTORS = 1000, CHURNED_DESCRIPTORS = 50, MANY_WORKERS = 200 };

static struct outcome end_of(struct fixture *fixture, enum attack_kind kind)
{
    const struct attack attack = {.kind = kind};

    return fixture_attack(fixture, &attack);
}

static atomic_bool churning;

// Opens descriptors without close-on-exec, and closes them, as another library's thread might.
static void *churn(void *unused)
{
    (void)unused;
    while (atomic_load(&churning)) {
        int descriptors[CHURNED_DESCRIPTORS];

        for (int at = 0; at < CHURNED_DESCRIPTORS; at++)
            descriptors[at] = open("/dev/null", O_RDONLY);
        for (int at = 0; at < CHURNED_DESCRIPTORS; at++)
            close(descriptors[at]);
    }
    return NULL;
}

static void expect_exact_descriptors(struct fixture *fixture, struct launcher_client *client)
{
    const struct attack attack = {.kind = ATTACK_DESCRIPTORS};
    const struct start_options options = fixture_options(&attack);
    const struct attack_report *report;
    struct launcher_worker worker;
    uint8_t *control;

    fixture_start(fixture, client, fixture->permissive, &options, &worker, &control);
    assert_true(launcher_client_wait(client, &worker, FIXTURE_TIMEOUT_MS));
    report = (const struct attack_report *)control;
    assert_int_equal(report->done, 1);
    assert_int_equal(report->bits, 1u << START_SLOT_SOCKET | 1u << START_SLOT_MODULE);
    assert_int_equal(report->result, 2);
    launcher_client_release(client, &worker);
    munmap(control, FIXTURE_CONTROL_BYTES);
}

static void a_worker_has_its_descriptors_and_no_others(void **state)
{
    int extra[EXTRA_DESCRIPTORS];
    struct launcher_client client;
    pthread_t thread;

    for (int at = 0; at < EXTRA_DESCRIPTORS; at++)
        extra[at] = open("/dev/null", at % 2 == 0 ? O_RDONLY | O_CLOEXEC : O_RDONLY);
    assert_true(extra[EXTRA_DESCRIPTORS - 1] >= 0);
    atomic_store(&churning, true);
    assert_int_equal(pthread_create(&thread, NULL, churn, NULL), 0);
    fixture_open(&client);
    for (int turn = 0; turn < 20; turn++)
        expect_exact_descriptors(*state, &client);
    launcher_client_close(&client);
    atomic_store(&churning, false);
    pthread_join(thread, NULL);
    for (int at = 0; at < EXTRA_DESCRIPTORS; at++)
        close(extra[at]);
}

static volatile sig_atomic_t children_noticed;

static void notice_child(int signal_number)
{
    (void)signal_number;
    children_noticed++;
}

static void the_application_notices_no_children(void **state)
{
    struct sigaction before;
    const struct sigaction noticing = {.sa_handler = notice_child};
    struct launcher_client client;
    struct launcher_worker worker;
    const struct attack attack = {.kind = ATTACK_NOTHING};
    const struct start_options options = fixture_options(&attack);
    uint8_t *control;

    children_noticed = 0;
    sigaction(SIGCHLD, &noticing, &before);
    fixture_open(&client);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    fixture_start(*state, &client, ((struct fixture *)*state)->filter, &options, &worker, &control);
    launcher_client_release(&client, &worker);
    launcher_client_close(&client);
    munmap(control, FIXTURE_CONTROL_BYTES);
    sigaction(SIGCHLD, &before, NULL);
    assert_int_equal(children_noticed, 0);
}

static void the_end_of_a_worker_is_told_as_it_was(void **state)
{
    struct outcome outcome = end_of(*state, ATTACK_NOTHING);

    assert_int_equal(outcome.end, LAUNCHER_END_EXITED);
    assert_int_equal(outcome.status, 0);
    outcome = end_of(*state, ATTACK_FAULT);
    assert_int_equal(outcome.end, LAUNCHER_END_KILLED);
    assert_int_equal(outcome.status, SIGSEGV);
}

static void expect_crash(struct fixture *fixture, enum attack_kind kind, const char *text)
{
    struct outcome outcome = end_of(fixture, kind);

    assert_int_equal(outcome.end, LAUNCHER_END_EXITED);
    assert_int_equal(outcome.status, START_EXIT_CRASHED);
    assert_int_equal(outcome.record.kind, START_RECORD_CRASHED);
    assert_int_equal(outcome.record.length, strlen(text));
    assert_memory_equal(outcome.record.text, text, strlen(text));
}

static void a_failure_of_our_own_is_a_crash_and_not_an_attack(void **state)
{
    expect_crash(*state, ATTACK_ABORT, "abort");
    expect_crash(*state, ATTACK_ASSERT, "!wrong");
    expect_crash(*state, ATTACK_SMASH, "stack smashed");
}

static void processor_time_ends_with_its_own_signal(void **state)
{
    const struct attack attack = {.kind = ATTACK_SPIN};
    struct start_options options = fixture_options(&attack);
    struct fixture *fixture = *state;
    struct outcome outcome;

    options.cpu_seconds = 1;
    outcome = fixture_run(fixture, fixture->filter, &options);
    assert_int_equal(outcome.end, LAUNCHER_END_KILLED);
    assert_int_equal(outcome.status, SIGXCPU);
}

static void the_time_stamp_counter_can_be_denied(void **state)
{
#if defined(__x86_64__)
    const struct attack attack = {.kind = ATTACK_TSC};
    struct start_options options = fixture_options(&attack);
    struct fixture *fixture = *state;
    struct outcome outcome = fixture_run(fixture, fixture->filter, &options);

    assert_int_equal(outcome.end, LAUNCHER_END_EXITED);
    options.flags = START_TSC_OFF;
    outcome = fixture_run(fixture, fixture->filter, &options);
    assert_int_equal(outcome.end, LAUNCHER_END_KILLED);
    assert_int_equal(outcome.status, SIGSEGV);
#else
    (void)state;
#endif
}

static void a_worker_whose_launcher_is_another_refuses(void **state)
{
    struct fixture *fixture = *state;
    const struct attack attack = {.kind = ATTACK_NOTHING};
    const struct start_options options = fixture_options(&attack);
    pid_t pid = fixture->client.pid;
    struct outcome outcome;

    fixture->client.pid = getpid();
    outcome = fixture_run(fixture, fixture->filter, &options);
    fixture->client.pid = pid;
    assert_int_equal(outcome.status, START_EXIT_REFUSED);
    assert_non_null(strstr(outcome.record.text, "the launcher has gone"));
}

static void many_workers_live_at_once(void **state)
{
    static struct launcher_worker workers[MANY_WORKERS];
    struct fixture *fixture = *state;
    const struct attack attack = {.kind = ATTACK_ANSWER};
    const struct start_options options = fixture_options(&attack);
    uint8_t *control;

    for (int at = 0; at < MANY_WORKERS; at++) {
        fixture_start(fixture, &fixture->client, fixture->filter, &options, &workers[at], &control);
        munmap(control, FIXTURE_CONTROL_BYTES);
    }
    for (int at = 0; at < MANY_WORKERS; at++)
        assert_true(fixture_answers(&workers[at]));
    for (int at = 0; at < MANY_WORKERS; at++)
        launcher_client_release(&fixture->client, &workers[at]);
}

static void expect_not_opened(const char *launcher, const char *worker)
{
    const struct launcher_paths paths = {.launcher = launcher, .worker = worker};
    struct error error = {.code = ERROR_NONE};
    struct launcher_client client;
    int before = fixture_descriptors();

    assert_false(launcher_client_open(&client, &paths, &error));
    assert_int_equal(error.code, ERROR_SYSTEM_PROCESS);
    launcher_client_close(&client);
    assert_int_equal(fixture_descriptors(), before);
}

static void executables_that_others_could_write_are_not_started(void **state)
{
    char path[] = "/tmp/pinfold-test-XXXXXX";
    int descriptor = mkstemp(path);

    (void)state;
    assert_true(descriptor >= 0);
    assert_int_equal(fchmod(descriptor, 0777), 0);
    close(descriptor);
    expect_not_opened(path, PINFOLD_ATTACK_WORKER);
    expect_not_opened(PINFOLD_LAUNCHER, path);
    assert_int_equal(chmod(path, 0600), 0); // not executable
    expect_not_opened(path, PINFOLD_ATTACK_WORKER);
    unlink(path);
    expect_not_opened(path, PINFOLD_ATTACK_WORKER);
    expect_not_opened("/", PINFOLD_ATTACK_WORKER);
    expect_not_opened("/bin/true", PINFOLD_ATTACK_WORKER); // ends without a word
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_worker_has_its_descriptors_and_no_others),
        cmocka_unit_test(the_application_notices_no_children),
        cmocka_unit_test(the_end_of_a_worker_is_told_as_it_was),
        cmocka_unit_test(a_failure_of_our_own_is_a_crash_and_not_an_attack),
        cmocka_unit_test(processor_time_ends_with_its_own_signal),
        cmocka_unit_test(the_time_stamp_counter_can_be_denied),
        cmocka_unit_test(a_worker_whose_launcher_is_another_refuses),
        cmocka_unit_test(many_workers_live_at_once),
        cmocka_unit_test(executables_that_others_could_write_are_not_started),
    };

    return cmocka_run_group_tests(tests, fixture_begin, fixture_end);
}
