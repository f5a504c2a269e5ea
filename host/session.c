// SPDX-License-Identifier: Apache-2.0
#include "host/session_private.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "host/policy_value.h"
#include "sandbox/report.h"
#include "sandbox/start.h"

enum { END_TIMEOUT_MS = 1000 };

static_assert(SESSION_RECORD_OFFSET % 8 == 0 &&
                  SESSION_RECORD_OFFSET >= offsetof(struct channel_memory, crash_text) +
                                               sizeof((struct channel_memory *)NULL)->crash_text &&
                  SESSION_RECORD_OFFSET + sizeof(struct start_record) <= CHANNEL_PAGE,
              "the record is in the first page, where nothing else is");

// --- making and ending ---------------------------------------------------------------------------

static void overdue(void *context)
{
    struct session *session = context;
    bool due;

    pthread_mutex_lock(&session->lock);
    due = session->active && session->cancelled == session->call;
    pthread_mutex_unlock(&session->lock);
    if (due)
        session_kill(session);
}

bool session_init(struct session *session, struct error_text *error)
{
    struct error below = {.code = ERROR_NONE};

    memset(session, 0, sizeof *session);
    pthread_mutex_init(&session->lock, NULL);
    session->made = true;
    session->deadline_ns = CHANNEL_FOREVER;
    session->channel.fd = -1;
    session->frame_max = MESSAGE_ARENA_SIZE;
    if (!session_reserve(session, &session->outgoing, MESSAGE_ARENA_SIZE, &below) ||
        !channel_create(&session->channel, &below))
        return error_text_from(error, &below, "load a plugin");
    return true;
}

void session_finish(struct session *session)
{
    if (!session->made)
        return;
    if (session->setup.monitor)
        monitor_remove(session->setup.monitor, &session->watch);
    channel_finish(&session->channel);
    broker_close(&session->broker);
    for (size_t i = 0; i <= MESSAGE_DEPTH_MAX; i++) {
        free(session->levels[i].incoming.bytes);
        free(session->levels[i].result.bytes);
    }
    free(session->imports);
    free(session->report);
    free(session->output);
    free(session->received.bytes);
    free(session->outgoing.bytes);
    pthread_mutex_destroy(&session->lock);
    session->made = false;
}

bool session_begin(struct session *session, const struct session_setup *setup,
                   struct error_text *error)
{
    struct error below = {.code = ERROR_NONE};

    session->setup = *setup;
    session->frame_max = report_frame_max(setup->policy->limits.memory_bytes);
    session->output_left = setup->policy->limits.output_bytes;
    session->watch = (struct monitor_watch){.pidfd = setup->pidfd,
                                            .channel = &session->channel,
                                            .overdue = overdue,
                                            .context = session};
    return monitor_add(setup->monitor, &session->watch, &below) ||
           error_text_from(error, &below, "load a plugin");
}

static void signal_worker(const struct session *session, int number)
{
    syscall(SYS_pidfd_send_signal, session->setup.pidfd, number, NULL, 0);
}

void session_kill(struct session *session)
{
    pthread_mutex_lock(&session->lock);
    session->killed = true;
    pthread_mutex_unlock(&session->lock);
    channel_poison(&session->channel, CHANNEL_KILLED);
    signal_worker(session, SIGKILL);
}

// --- ends ----------------------------------------------------------------------------------------

bool session_ended(struct session *session, pnf_status status, struct error_text *error,
                   const char *format, ...)
{
    char text[SESSION_END_TEXT_SIZE];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    pthread_mutex_lock(&session->lock);
    if (session->end == PNF_OK) {
        session->end = status;
        memcpy(session->end_text, text, sizeof text);
    }
    pthread_mutex_unlock(&session->lock);
    return error_text_set(error, status, "plugin '%s': %s", session->setup.name, text);
}

bool session_violated(struct session *session, const char *rule, struct error_text *error)
{
    session_kill(session);
    return session_ended(session, PNF_VIOLATION, error,
                         "its worker broke a rule of the protocol and was killed: %s", rule);
}

bool session_stopped(struct session *session, struct error_text *error)
{
    char value[POLICY_VALUE_SIZE];
    uint64_t limit = session->setup.policy->limits.time_ms;

    if (session_stop_of(session) == SESSION_STOP_CANCELLED)
        return session_ended(session, PNF_CANCELLED, error, "the call was cancelled");
    if (session->preparing)
        return session_ended(session, PNF_TIMEOUT, error,
                             "it was not decoded and validated within %d s", SESSION_LOAD_SECONDS);
    policy_value_format(POLICY_KEY_LIMITS_TIME, limit, value);
    if (error->status == PNF_OK) {
        snprintf(error->capability, sizeof error->capability, "limits.time");
        snprintf(error->hint, sizeof error->hint, "limits: { time: ... }");
    }
    return session_ended(session, PNF_TIMEOUT, error,
                         "the call did not end before its deadline: limits.time is %s; for more, "
                         "raise `time:` under limits: in the policy",
                         value);
}

// What a worker that gave up says about it: a claim.
static void read_record(const struct session *session, char *text, size_t size)
{
    struct start_record record;
    struct channel_crash crash;
    size_t length;

    memcpy(&record, (const uint8_t *)session->channel.memory + SESSION_RECORD_OFFSET,
           sizeof record);
    length = record.length < sizeof record.text ? record.length : sizeof record.text;
    if (record.kind != START_RECORD_NONE) {
        length = length < size - 1 ? length : size - 1;
        for (size_t i = 0; i < length; i++)
            text[i] = record.text[i] >= ' ' && record.text[i] <= '~' ? record.text[i] : '?';
        text[length] = '\0';
    } else if (channel_crash_read(&session->channel, &crash)) {
        snprintf(text, size, "%.*s", (int)size - 1, crash.text);
    } else {
        snprintf(text, size, "it left no word");
    }
}

static bool classify_exit(struct session *session, int status, struct error_text *error)
{
    char text[START_TEXT_BYTES + 1];

    read_record(session, text, sizeof text);
    if (status == START_EXIT_REFUSED)
        return session_ended(session, PNF_SYSTEM, error, "its worker could not be confined: %s",
                             text);
    return session_ended(session, PNF_CRASHED, error, "its worker crashed (exit status %d): %s",
                         status, text);
}

static bool classify_signal(struct session *session, int number, struct error_text *error)
{
    uint64_t cpu = session->setup.policy->limits.cpu_seconds;

    if (number == SIGSYS)
        return session_ended(session, PNF_VIOLATION, error,
                             "its worker made a system call that its filter forbids and was "
                             "killed (SIGSYS); nothing can grant that: do not trust this module");
    if (number == SIGXCPU || (number == SIGKILL && cpu != POLICY_NONE)) {
        if (error->status == PNF_OK)
            snprintf(error->capability, sizeof error->capability, "limits.cpu");
        return session_ended(session, PNF_LIMIT, error,
                             "it used up its processor time: limits.cpu is %llus; for more, raise "
                             "`cpu:` under limits: in the policy",
                             (unsigned long long)cpu);
    }
    if (number == SIGKILL)
        return session_ended(session, PNF_CRASHED, error,
                             "its worker was killed (SIGKILL), not by Pinfold: out of memory?");
    return session_ended(session, PNF_CRASHED, error, "its worker crashed (signal %d)", number);
}

// The plugin had ended before its worker did, in a call that is inside of this one: it is the same
// end. Without one it was pnf_cancel or the like.
static bool classify_killed(struct session *session, struct error_text *error)
{
    char text[SESSION_END_TEXT_SIZE];
    pnf_status end;

    pthread_mutex_lock(&session->lock);
    end = session->end;
    memcpy(text, session->end_text, sizeof text);
    pthread_mutex_unlock(&session->lock);
    if (end == PNF_OK)
        return session_ended(session, PNF_CANCELLED, error, "its worker was ended");
    return error_text_set(error, end, "plugin '%s': %s", session->setup.name, text);
}

// The worker is gone: why?
static bool classify_end(struct session *session, struct error_text *error)
{
    enum launcher_end end = LAUNCHER_END_NONE;
    int status = 0;

    // It has ended in a call inside this one, which knows more.
    if (session->end != PNF_OK)
        return error_text_set(error, session->end, "plugin '%s': %s", session->setup.name,
                              session->end_text);
    if (session_stop_of(session) != SESSION_STOP_NONE)
        return session_stopped(session, error);
    if (session->killed)
        return classify_killed(session, error);
    if (!session->setup.wait_end(session->setup.context, END_TIMEOUT_MS, &end, &status))
        return session_ended(session, PNF_CRASHED, error, "its worker is gone, nobody knows why");
    if (end == LAUNCHER_END_LOST)
        return session_ended(session, PNF_SYSTEM, error,
                             "the launcher has ended, and took its worker along");
    return end == LAUNCHER_END_EXITED ? classify_exit(session, status, error)
                                      : classify_signal(session, status, error);
}

// --- stopping ------------------------------------------------------------------------------------

enum session_stop session_stop_of(const struct session *session)
{
    return (enum session_stop)__atomic_load_n(&session->stop, __ATOMIC_ACQUIRE);
}

// Under the lock. Tells the worker once; whoever stops first says why.
static bool stop(struct session *session, enum session_stop why)
{
    if (session->stop != SESSION_STOP_NONE)
        return false;
    __atomic_store_n(&session->grace_ns, channel_now() + SESSION_GRACE_NS, __ATOMIC_RELAXED);
    __atomic_store_n(&session->stop, why, __ATOMIC_RELEASE);
    signal_worker(session, SIGUSR1);
    return true;
}

void session_cancel(struct session *session)
{
    bool stopped = false;

    pthread_mutex_lock(&session->lock);
    if (session->active)
        stopped = stop(session, SESSION_STOP_CANCELLED);
    if (stopped)
        session->cancelled = session->call;
    pthread_mutex_unlock(&session->lock);
    // Not under the lock, which `overdue` takes under the monitor's.
    if (stopped)
        monitor_set_due(session->setup.monitor, &session->watch,
                        __atomic_load_n(&session->grace_ns, __ATOMIC_RELAXED));
}

static void stop_for_time(struct session *session)
{
    pthread_mutex_lock(&session->lock);
    stop(session, SESSION_STOP_TIMEOUT);
    pthread_mutex_unlock(&session->lock);
}

bool session_must_stop(struct session *session)
{
    if (session_time_left(session) == 0)
        stop_for_time(session);
    return session_stop_of(session) != SESSION_STOP_NONE;
}

uint64_t session_time_left(const struct session *session)
{
    uint64_t now;

    if (session->deadline_ns == CHANNEL_FOREVER)
        return UINT64_MAX;
    now = channel_now();
    return now < session->deadline_ns ? session->deadline_ns - now : 0;
}

// --- messages ------------------------------------------------------------------------------------

static bool fail_channel(struct session *session, enum channel_result result,
                         struct error_text *error)
{
    char rule[128];

    switch (result) {
    case CHANNEL_VIOLATION:
        snprintf(rule, sizeof rule, "%s, while %s",
                 message_violation_text(session->channel.violation),
                 message_state_name(session->channel.session.state));
        return session_violated(session, rule, error);
    case CHANNEL_TIMEOUT:
        session_kill(session);
        return session_stopped(session, error);
    case CHANNEL_DEAD:
        return classify_end(session, error);
    case CHANNEL_OK:
    case CHANNEL_MISUSE:
        break;
    }
    session_kill(session);
    return session_ended(session, PNF_SYSTEM, error, "Pinfold broke its own protocol");
}

// A first time-out tells the worker, which then has its grace to answer; the second one kills.
static enum channel_result receive(struct session *session, struct message *message)
{
    for (;;) {
        bool stopped = session_stop_of(session) != SESSION_STOP_NONE;
        uint64_t until =
            stopped ? __atomic_load_n(&session->grace_ns, __ATOMIC_RELAXED) : session->deadline_ns;
        enum channel_result result = channel_receive(&session->channel, message, until);

        if (result != CHANNEL_TIMEOUT || stopped)
            return result;
        stop_for_time(session);
    }
}

bool session_receive(struct session *session, struct message *message, struct error_text *error)
{
    for (;;) {
        enum channel_result result = receive(session, message);

        if (result != CHANNEL_OK)
            return fail_channel(session, result, error);
        if (message->kind != MESSAGE_OUTPUT && message->kind != MESSAGE_FILE)
            return true;
        if (!(message->kind == MESSAGE_OUTPUT ? session_take_output(session, message, error)
                                              : session_take_request(session, message, error)))
            return false;
    }
}

bool session_send(struct session *session, struct message *message, struct error_text *error)
{
    enum channel_result result = channel_send(&session->channel, message);

    return result == CHANNEL_OK || fail_channel(session, result, error);
}
