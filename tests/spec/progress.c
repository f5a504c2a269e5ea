// SPDX-License-Identifier: Apache-2.0
#include "tests/spec/progress.h"

#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    SCRIPT_SECONDS_MAX = 240, // generous: instrumented builds are slow
};

static const int crash_signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};

enum { CRASH_SIGNAL_COUNT = sizeof crash_signals / sizeof crash_signals[0] };

static struct sigaction previous[CRASH_SIGNAL_COUNT];
static char place[512]; // written outside the handlers, so they need not format anything

static void say(const char *text)
{
    ssize_t written = write(STDERR_FILENO, text, strlen(text));

    (void)written; // nowhere else to complain
}

// Gives the signal back to whom it belonged (a sanitizer, or the kernel), where it comes again.
static void crashed(int signal_number)
{
    say("pinfold-spec: crash at ");
    say(place);
    say("\n");
    for (size_t i = 0; i < CRASH_SIGNAL_COUNT; i++) {
        if (crash_signals[i] == signal_number)
            (void)sigaction(signal_number, &previous[i], NULL);
    }
}

static void timed_out(int signal_number)
{
    (void)signal_number;
    say("pinfold-spec: no end at ");
    say(place);
    say("\n");
    _exit(1);
}

void progress_install(void)
{
    struct sigaction crash = {.sa_handler = crashed, .sa_flags = SA_ONSTACK};
    struct sigaction alarm = {.sa_handler = timed_out, .sa_flags = SA_ONSTACK};

    for (size_t i = 0; i < CRASH_SIGNAL_COUNT; i++)
        (void)sigaction(crash_signals[i], &crash, &previous[i]);
    (void)sigaction(SIGALRM, &alarm, NULL);
}

void progress_at(const char *script, unsigned line)
{
    size_t length = strlen(script);

    if (strncmp(place, script, length) != 0 || place[length] != ':')
        (void)alarm(SCRIPT_SECONDS_MAX);
    (void)snprintf(place, sizeof place, "%s:%u", script, line);
}
