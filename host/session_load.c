// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/policy_error.h"
#include "host/session_private.h"
#include "sandbox/report.h"

static void set_deadline(struct session *session, uint64_t time_ms)
{
    session->deadline_ns = time_ms == POLICY_NONE
                               ? CHANNEL_FOREVER
                               : channel_now() + time_ms * (uint64_t)SESSION_NS_PER_MS;
}

static bool confirm(struct session *session, struct error_text *error)
{
    struct message message;

    if (!session_receive_frame(session, &message, error))
        return false;
    if (message.kind == MESSAGE_ERROR)
        return session_take_failure(session, &message, "be confined", error);
    if (message.kind != MESSAGE_CONFINED)
        return session_unexpected(session, message.kind, error);
    if (message.words[0] == MESSAGE_PROTOCOL)
        return true;
    session_kill(session);
    return session_ended(session, PNF_SYSTEM, error,
                         "the worker program speaks protocol %llu, this library %d: they are of "
                         "different versions",
                         (unsigned long long)message.words[0], MESSAGE_PROTOCOL);
}

static bool put_start(struct session *session, uint64_t *length, struct error *error)
{
    uint8_t table[REPORT_LIBRARIES_MAX * REPORT_LIBRARY_SIZE];
    struct report_writer writer = {.bytes = table, .size = sizeof table};
    struct policy *copy = malloc(sizeof *copy);
    bool done;

    _Static_assert(sizeof *copy + sizeof table <= MESSAGE_ARENA_SIZE,
                   "a policy and the table of libraries fit into an arena");
    for (uint32_t i = 0; i < session->setup.library_count; i++)
        report_put_library(&writer, &session->setup.libraries[i]);
    *length = sizeof *copy + writer.length;
    done = copy && policy_for_worker(session->setup.policy, copy, error) &&
           channel_arena_write(&session->channel, 0, copy, sizeof *copy) &&
           channel_arena_write(&session->channel, sizeof *copy, table, writer.length);
    free(copy);
    return done;
}

static bool send_start(struct session *session, struct error_text *error)
{
    struct message message = {.kind = MESSAGE_START, .count = 2};
    struct error below = {.code = ERROR_NONE};

    message.words[1] = session->setup.module_size;
    if (!put_start(session, &message.words[0], &below))
        return session_ended(session, PNF_SYSTEM, error, "its policy cannot be handed over: %s",
                             below.code ? below.message : "out of memory");
    return session_send(session, &message, error);
}

// The report gets memory of its own size: it stays as long as the session does.
static bool receive_report(struct session *session, struct error_text *error)
{
    struct message message;

    if (!session_receive_frame(session, &message, error))
        return false;
    if (message.kind == MESSAGE_ERROR)
        return session_take_failure(session, &message, "be loaded", error);
    if (message.kind != MESSAGE_MODULE_REPORT)
        return session_unexpected(session, message.kind, error);
    session->report_size = session->received.length;
    session->report = malloc(session->report_size + 1);
    if (!session->report)
        return session_ended(session, PNF_SYSTEM, error, "out of memory");
    if (session->report_size > 0)
        memcpy(session->report, session->received.bytes, session->report_size);
    return true;
}

static bool send_link(struct session *session, const uint8_t *link, size_t size,
                      struct error_text *error)
{
    struct message message = {
        .kind = MESSAGE_LINK, .count = 2, .words = {0, session->import_count}};

    return session_send_frame(session, &message, link, size, error);
}

// Matches, and only if all is well lets the worker go on.
static bool link_module(struct session *session, struct error_text *error)
{
    struct report_reader reader;
    struct error below = {.code = ERROR_NONE};
    uint8_t *link;
    size_t imports;
    size_t used;
    bool done;

    if (!report_open(&reader, session->report, session->report_size, &below))
        return session_violated(session, below.message, error);
    imports = reader.head.counts[REPORT_IMPORT];
    session->imports = calloc(imports + 1, sizeof *session->imports);
    link = malloc(imports * REPORT_LINK_MAX + 1);
    if (session->imports && link)
        done = session_link(session, link, imports * REPORT_LINK_MAX, &used, error) &&
               send_link(session, link, used, error);
    else
        done = session_ended(session, PNF_SYSTEM, error, "out of memory");
    free(link);
    return done;
}

static bool start(struct session *session, struct error_text *error)
{
    struct message message;

    for (;;) {
        if (!session_receive_frame(session, &message, error))
            return false;
        if (message.kind == MESSAGE_LOADED)
            return session_stop_of(session) == SESSION_STOP_NONE || session_stopped(session, error);
        if (message.kind != MESSAGE_HOST_CALL)
            break;
        if (!session_host_call(session, &message, error))
            return false;
    }
    if (message.kind == MESSAGE_TRAP || message.kind == MESSAGE_EXIT ||
        message.kind == MESSAGE_ERROR)
        return session_take_failure(session, &message, "be started", error);
    return session_unexpected(session, message.kind, error);
}

// Confined, with the policy, and its report checked.
static bool prepare(struct session *session, struct error_text *error)
{
    struct report_reader reader;
    struct error below = {.code = ERROR_NONE};

    set_deadline(session, SESSION_LOAD_SECONDS * UINT64_C(1000));
    session->preparing = true;
    if (!confirm(session, error) || !send_start(session, error) || !receive_report(session, error))
        return false;
    session->preparing = false;
    session_give_back_all(session);
    return report_open(&reader, session->report, session->report_size, &below) ||
           session_violated(session, below.message, error);
}

static bool open_grants(struct session *session, struct error_text *error)
{
    struct error below = {.code = ERROR_NONE};

    return broker_open(&session->broker, session->setup.policy, &below) ||
           session_ended(session, PNF_DENIED, error, "it cannot be granted its directories: %s",
                         below.message);
}

static bool load(struct session *session, struct error_text *error)
{
    if (!open_grants(session, error) || !prepare(session, error))
        return false;
    // The start function is guest code and has a call's time.
    set_deadline(session, session->setup.policy->limits.time_ms);
    return link_module(session, error) && start(session, error) &&
           session_initialize(session, error);
}

// Goes a way with the worker, in which no call can come between.
static bool go(struct session *session, session_way *way, struct error_text *error)
{
    bool done;

    pthread_mutex_lock(&session->lock);
    session->active = true;
    session->owner = pthread_self();
    session->call++;
    pthread_mutex_unlock(&session->lock);
    done = session_leave(session, way(session, error), error);
    pthread_mutex_lock(&session->lock);
    if (!done && session->end == PNF_OK)
        session->end = error->status;
    pthread_mutex_unlock(&session->lock);
    return done;
}

bool session_load(struct session *session, struct error_text *error)
{
    bool loaded = go(session, load, error);

    if (!loaded)
        session_kill(session);
    return loaded;
}

bool session_inspect(struct session *session, struct error_text *error)
{
    bool inspected = go(session, prepare, error);

    session_kill(session);
    return inspected;
}
