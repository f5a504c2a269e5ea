// SPDX-License-Identifier: Apache-2.0
//
// A worker dies at each step of a call: it is followed instruction by instruction, and killed after
// so many of them, many times over. Whoever waits for it is told at once, and always the same,
// until the very store that publishes the answer. 37 of the design's list of attacks.
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
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <pinfold.h>

#include "tests/e2e/fixture.h"
#include "tests/e2e/hostile.h"

enum {
    STEPS_MAX = 20000,
    PLACES_MAX = 400, // where a worker dies
    AROUND = 12,      // instructions before and behind each atomic store and system call,
    STRIDE = 3,       // each of so many
    DEATH_MS = 50,
    TRIES = 5,
    PATIENCE_MS = 2000
};

#define POLICY "pinfold: 1\nhost_functions:\n  - app.again\n  - app.note\n  - app.pause\n"

static pnf_host *host;

static void app_nothing(void)
{
}

static void app_note(const char *text, size_t length)
{
    (void)text;
    (void)length;
}

static pnf_plugin *load(enum hostile_place place)
{
    const struct hostile_order order = {
        .magic = HOSTILE_MAGIC, .place = place, .act = HOSTILE_HONEST, .imports = HOSTILE_IMPORTS};
    pnf_plugin *plugin;

    if (pnf_load_bytes(host, "followed", &order, sizeof order, POLICY, strlen(POLICY), &plugin) !=
        PNF_OK)
        fail_msg("%s", pnf_error_text());
    return plugin;
}

// --- the caller ----------------------------------------------------------------------------------

// A thread of its own, since the one that follows a process has to wait for it.
struct caller {
    pthread_t thread;
    pnf_plugin *plugin;
    pnf_status status;
    int32_t result;
    atomic_ullong returned_us;
};

static void *run_caller(void *argument)
{
    struct caller *caller = argument;

    caller->status = pnf_call(caller->plugin, "run() -> i32", &caller->result);
    atomic_store(&caller->returned_us, fixture_now_us());
    return NULL;
}

// --- the one that follows ------------------------------------------------------------------------

// The only worker: the only child of our only child.
static pid_t find_worker(void)
{
    pid_t launcher;
    pid_t worker;

    assert_int_equal(fixture_children_of(getpid(), 0, &launcher, 1), 1);
    assert_int_equal(fixture_children_of(launcher, 0, &worker, 1), 1);
    return worker;
}

// Waits until the worker stops. False if it has ended.
static bool wait_stop(pid_t worker)
{
    int status;

    while (waitpid(worker, &status, __WALL) != worker)
        assert_int_equal(errno, EINTR);
    return WIFSTOPPED(status);
}

static bool follow(pid_t process)
{
    return ptrace(PTRACE_SEIZE, process, NULL, PTRACE_O_EXITKILL) == 0;
}

// Whether we may follow a process that wants not to be looked at, as a worker does. Says so if not.
static bool may_follow(void)
{
    pid_t child = fork();
    bool may;

    if (child == 0) {
        prctl(PR_SET_DUMPABLE, 0);
        for (;;)
            pause();
    }
    usleep(20000);
    may = child > 0 && follow(child);
    kill(child, SIGKILL);
    waitpid(child, NULL, __WALL);
    if (!may)
        printf("1..0 # SKIP processes may not be followed here (CAP_SYS_PTRACE)\n");
    return may;
}

static void stop(pid_t worker)
{
    assert_int_equal(ptrace(PTRACE_INTERRUPT, worker, NULL, NULL), 0);
    assert_true(wait_stop(worker));
}

static bool step(pid_t worker)
{
    return ptrace(PTRACE_SINGLESTEP, worker, NULL, NULL) == 0 && wait_stop(worker);
}

// Whether the instruction that comes next is a system call or changes memory atomically: xchg, or
// anything with a lock prefix.
static bool is_critical(pid_t worker)
{
    struct user_regs_struct registers;
    uint8_t bytes[sizeof(long)];
    long word;
    size_t at = 0;

    if (ptrace(PTRACE_GETREGS, worker, NULL, &registers) != 0)
        return false;
    errno = 0;
    word = ptrace(PTRACE_PEEKTEXT, worker, registers.rip, NULL);
    if (errno != 0)
        return false;
    memcpy(bytes, &word, sizeof word);
    if (bytes[0] >= 0x40 && bytes[0] < 0x50) // REX
        at = 1;
    return bytes[0] == 0xf0 || bytes[at] == 0x86 || bytes[at] == 0x87 ||
           (bytes[0] == 0x0f && bytes[1] == 0x05);
}

static void end_worker(pid_t worker)
{
    kill(worker, SIGKILL); // it stays a zombie until we have seen it
    while (wait_stop(worker))
        continue;
}

// --- a call that is followed ---------------------------------------------------------------------

struct course {
    uint32_t length; // in instructions, until the answer was published
    uint32_t critical[PLACES_MAX];
    uint32_t critical_count;
};

// Follows one call to its end, after which the worker waits for the next.
static void record(pid_t worker, struct caller *caller, struct course *course)
{
    *course = (struct course){.length = 0};
    for (; atomic_load(&caller->returned_us) == 0; course->length++) {
        assert_true(course->length < STEPS_MAX);
        if (is_critical(worker) && course->critical_count < PLACES_MAX)
            course->critical[course->critical_count++] = course->length;
        assert_true(step(worker));
    }
}

static void begin_call(struct caller *caller, pid_t worker)
{
    stop(worker);
    atomic_store(&caller->returned_us, 0);
    assert_int_equal(pthread_create(&caller->thread, NULL, run_caller, caller), 0);
}

static void follow_whole_call(enum hostile_place place, struct course *course)
{
    struct caller caller = {.plugin = load(place)};
    pid_t worker = find_worker();

    assert_true(follow(worker));
    begin_call(&caller, worker);
    record(worker, &caller, course);
    pthread_join(caller.thread, NULL);
    assert_int_equal(caller.status, PNF_OK);
    assert_int_equal(caller.result, HOSTILE_RESULT);
    end_worker(worker);
    pnf_unload(caller.plugin);
}

// Whether that came in time.
static bool expect_death_noticed(struct caller *caller, uint64_t killed_us, uint32_t at)
{
    uint64_t returned_us = atomic_load(&caller->returned_us);
    uint64_t limit_us = (DEATH_MS + PINFOLD_SLACK_MS - 50) * UINT64_C(1000);

    if (caller->status == PNF_OK)
        assert_int_equal(caller->result, HOSTILE_RESULT);
    else if (caller->status != PNF_CRASHED)
        fail_msg("step %u: %s", at, pnf_status_words(caller->status));
    if (returned_us <= killed_us + limit_us + fixture_watch_late_us())
        return true;
    print_message("# step %u: returned after %llu us\n", at,
                  (unsigned long long)(returned_us - killed_us));
    return false;
}

struct death {
    bool answered; // the caller got an answer all the same
    bool in_time;
};

static struct death die_once(enum hostile_place place, uint32_t steps)
{
    struct death death;
    struct caller caller = {.plugin = load(place)};
    pid_t worker = find_worker();
    uint64_t killed_us;
    int32_t result;

    assert_true(follow(worker));
    begin_call(&caller, worker);
    for (uint32_t i = 0; i < steps && atomic_load(&caller.returned_us) == 0; i++)
        assert_true(step(worker));
    fixture_watch_late_us();
    killed_us = fixture_now_us();
    end_worker(worker);
    pthread_join(caller.thread, NULL);
    death.in_time = expect_death_noticed(&caller, killed_us, steps);
    assert_int_equal(pnf_call(caller.plugin, "run() -> i32", &result), PNF_CRASHED);
    pnf_unload(caller.plugin);
    death.answered = caller.status == PNF_OK;
    return death;
}

// Whether it was answered. A busy machine is late now and then, a call that does not notice always.
static bool die_after(enum hostile_place place, uint32_t steps)
{
    struct death death = die_once(place, steps);

    for (int i = 1; i < TRIES && !death.in_time; i++)
        death = die_once(place, steps);
    assert_true(death.in_time);
    return death.answered;
}

static void die_around(enum hostile_place place, uint32_t at, unsigned *deaths, unsigned *answers)
{
    for (uint32_t steps = at < AROUND ? 0 : at - AROUND; steps <= at + AROUND; steps += STRIDE) {
        *answers += die_after(place, steps);
        *deaths += 1;
    }
}

static void die_everywhere(enum hostile_place place)
{
    static struct course course;
    unsigned deaths = 0;
    unsigned answers = 0;

    follow_whole_call(place, &course);
    for (uint32_t i = 0; i < course.critical_count && deaths < PINFOLD_DEATHS; i++)
        die_around(place, course.critical[i], &deaths, &answers);
    for (uint32_t i = 0; i < PINFOLD_DEATHS; i++, deaths++)
        answers += die_after(place, i * course.length / PINFOLD_DEATHS);
    print_message("# %u instructions, %u atomic; %u deaths, %u after the answer\n", course.length,
                  course.critical_count, deaths, answers);
    assert_true(answers < deaths);
}

static void a_worker_may_die_at_each_step_of_a_call(void **state)
{
    (void)state;
    die_everywhere(HOSTILE_RUNNING);
}

static void a_worker_may_die_at_each_step_of_a_call_of_the_host(void **state)
{
    (void)state;
    die_everywhere(HOSTILE_IMPORT);
}

static void a_worker_may_die_at_each_step_of_a_nested_call(void **state)
{
    (void)state;
    die_everywhere(HOSTILE_NESTED);
}

// --- everything ----------------------------------------------------------------------------------

static int descriptors;

static int begin(void **state)
{
    if (fixture_make_folder(state) != 0)
        return -1;
    fixture_adopt();
    descriptors = fixture_descriptors();
    fixture_watch_begin();
    host = fixture_open_hostile(app_nothing, app_note);
    return 0;
}

static int end(void **state)
{
    pnf_host_close(host);
    fixture_watch_end();
    if (fixture_has_children(PATIENCE_MS) || fixture_channels() != 0 ||
        fixture_descriptors() != descriptors)
        return -1;
    return fixture_remove_folder(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_worker_may_die_at_each_step_of_a_call),
        cmocka_unit_test(a_worker_may_die_at_each_step_of_a_call_of_the_host),
        cmocka_unit_test(a_worker_may_die_at_each_step_of_a_nested_call),
    };

    if (!fixture_has_programs() || !may_follow())
        return 0;
    return cmocka_run_group_tests(tests, begin, end);
}
