// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>

#include "host/policy_error.h"
#include "host/session_private.h"
#include "sandbox/report.h"

// --- what ends a call ----------------------------------------------------------------------------

// The bytes of a message as one line of printable ASCII.
static void copy_text(const struct session *session, const struct message *message, char *text,
                      size_t size)
{
    size_t length = message_bytes(message);

    if (length > size - 1)
        length = size - 1;
    if (!channel_arena_read(&session->channel, 0, text, length))
        length = 0;
    text[length] = '\0';
    for (size_t i = 0; i < length; i++)
        if (text[i] < ' ' || text[i] > '~')
            text[i] = '?';
}

static bool take_trap(struct session *session, const struct message *message, const char *what,
                      struct error_text *error)
{
    char text[256];
    char place[64] = "";

    if (session_stop_of(session) != SESSION_STOP_NONE)
        return session_stopped(session, error);
    copy_text(session, message, text, sizeof text);
    if (error->status == PNF_OK && message->words[2]) {
        error->funcidx = (uint32_t)message->words[3];
        error->offset = message->words[4];
        snprintf(place, sizeof place, ", in function %u at offset 0x%llx", error->funcidx,
                 (unsigned long long)error->offset);
    }
    if (session->failed && error->status == PNF_OK)
        snprintf(error->function, sizeof error->function, "%s.%s",
                 session->failed->signature.module, session->failed->signature.name);
    if (session->failed)
        return session_ended(session, PNF_TRAP, error, "it could not %s: %s%s", what,
                             session->failure, place);
    return session_ended(session, PNF_TRAP, error, "it could not %s: trap: %s%s", what,
                         session_trap_words(message->words[1]), place);
}

static bool take_error(struct session *session, const struct message *message, const char *what,
                       struct error_text *error)
{
    bool in_call = message->depth > 0;
    char text[ERROR_MESSAGE_SIZE];
    pnf_status status;

    copy_text(session, message, text, sizeof text);
    if (message->words[1] == ERROR_NONE || message->words[1] >= ERROR_CODE_COUNT)
        return session_violated(session, "an error that is none", error);
    status = error_text_status((enum error_code)message->words[1]);
    if (message->words[1] == ERROR_UNSUPPORTED_ABI)
        status = PNF_ABI;
    if (error->status == PNF_OK)
        error->offset = message->words[3];
    if (!in_call)
        return session_ended(session, status, error, "it cannot %s: %s (at offset 0x%llx)", what,
                             text, (unsigned long long)message->words[3]);
    return error_text_set(error, status, "plugin '%s' cannot %s: %s", session->setup.name, what,
                          text);
}

bool session_take_failure(struct session *session, const struct message *message, const char *what,
                          struct error_text *error)
{
    if (message->kind == MESSAGE_TRAP)
        return take_trap(session, message, what, error);
    if (message->kind == MESSAGE_ERROR)
        return take_error(session, message, what, error);
    if (error->status == PNF_OK)
        error->exit_status = (uint32_t)message->words[0];
    return session_ended(session, PNF_EXITED, error, "it has exited with status %u",
                         (uint32_t)message->words[0]);
}

// --- host functions ------------------------------------------------------------------------------

static bool send_frame(struct session *session, struct message *message,
                       const struct report_frame *frame, size_t blocks_used,
                       struct error_text *error)
{
    message->words[0] = report_frame_bytes(frame, blocks_used);
    return (channel_arena_write(&session->channel, 0, session->outgoing,
                                (size_t)message->words[0]) ||
            session_violated(session, "a frame beyond its arena", error)) &&
           session_send(session, message, error);
}

// Has the guest's call trap. The first reason is kept for the error that comes of it.
static bool refuse(struct session *session, const struct registry_function *function,
                   const char *reason, struct error_text *error)
{
    struct message message = {.kind = MESSAGE_HOST_CALL_FAILED, .count = 2};
    size_t length;

    if (!session->failed) {
        session->failed = function;
        snprintf(session->failure, sizeof session->failure, "host function %s.%s failed: %s",
                 function->signature.module, function->signature.name, reason);
    }
    length = strlen(session->failure);
    message.words[0] = length;
    return channel_arena_write(&session->channel, 0, session->failure, length) &&
           session_send(session, &message, error);
}

static bool has_ended(struct session *session)
{
    bool ended;

    pthread_mutex_lock(&session->lock);
    ended = session->end != PNF_OK;
    pthread_mutex_unlock(&session->lock);
    return ended;
}

// Calls the function and answers.
static bool serve(struct session *session, const struct registry_function *function,
                  struct bridge_exchange *exchange, struct error_text *error)
{
    struct message message = {.kind = MESSAGE_HOST_CALL_RESULT, .count = 1};
    struct pnf_context context = {.session = session, .user = function->user};
    struct report_frame frame;
    struct error below = {.code = ERROR_NONE};
    uint64_t words[PLAN_WORDS_MAX] = {0};
    bool done;

    report_frame_layout(0, function->bridge.wire.back.word_count, &frame);
    exchange->context = &context;
    exchange->return_words = words;
    exchange->return_arena = session->outgoing + frame.blocks_at;
    exchange->return_size = frame.blocks_size;
    done = bridge_call(&function->bridge, exchange, &below);
    if (exchange->violation)
        return session_violated(session, below.message, error);
    if (session_must_stop(session))
        return refuse(session, function, "the call was to end", error);
    if (has_ended(session))
        return refuse(session, function, "the plugin ended in a call that it made", error);
    if (context.failed || !done)
        return refuse(session, function, context.failed ? context.text : below.message, error);
    report_put_frame(session->outgoing, &frame, NULL, NULL, words);
    return send_frame(session, &message, &frame, exchange->return_used, error);
}

bool session_host_call(struct session *session, const struct message *message,
                       struct error_text *error)
{
    struct session_level *level = &session->levels[message->depth];
    const struct registry_function *function = NULL;
    struct bridge_exchange exchange = {.call_words = NULL};
    struct report_frame frame;
    struct error below = {.code = ERROR_NONE};
    uint64_t words[PLAN_WORDS_MAX];

    if (message->words[1] < session->import_count)
        function = session->imports[message->words[1]];
    if (!function)
        return session_violated(session, "a call of a host function that was not granted", error);
    if (session_must_stop(session))
        return refuse(session, function, "the call was to end", error);
    if (!session_copy(session, message, &level->incoming, error))
        return false;
    if (!report_take_frame(level->incoming, message_bytes(message), false, &frame, NULL, words,
                           &below))
        return session_violated(session, below.message, error);
    if (frame.word_count != function->bridge.wire.call.word_count)
        return session_violated(session, "a call with another number of words", error);
    exchange.call_words = words;
    exchange.call_arena = level->incoming + frame.blocks_at;
    exchange.call_size = frame.blocks_size;
    return serve(session, function, &exchange, error);
}

// --- calls of the plugin -------------------------------------------------------------------------

static bool send_call(struct session *session, const struct session_export *prepared,
                      va_list arguments, uint64_t *words, struct bridge_outputs *outputs,
                      struct error_text *error)
{
    struct message message = {.kind = MESSAGE_CALL, .count = 2, .words = {0, MESSAGE_BY_NAME}};
    const struct signature *signature = &prepared->signature;
    struct report_frame frame;
    struct error below = {.code = ERROR_NONE};
    size_t used;

    report_frame_layout((uint32_t)strlen(signature->name), prepared->wire.call.word_count, &frame);
    if (!bridge_arguments(&signature->plan, arguments, words, session->outgoing + frame.blocks_at,
                          frame.blocks_size, &used, outputs, &below))
        return error_text_set(error, error_text_status(below.code), "cannot call %s: %s",
                              signature->name, below.message);
    report_put_frame(session->outgoing, &frame, (const uint8_t *)signature->name, &signature->plan,
                     words);
    return send_frame(session, &message, &frame, used, error);
}

static bool take_result(struct session *session, const struct session_export *prepared,
                        const struct message *message, const uint64_t *call_words,
                        const struct bridge_outputs *outputs, struct error_text *error)
{
    struct session_level *level = &session->levels[message->depth];
    struct report_frame frame;
    struct error below = {.code = ERROR_NONE};
    uint64_t words[PLAN_WORDS_MAX];
    size_t used;

    if (session_stop_of(session) != SESSION_STOP_NONE)
        return session_stopped(session, error);
    if (!session_copy(session, message, &level->result, error))
        return false;
    if (!report_take_frame(level->result, message_bytes(message), false, &frame, NULL, words,
                           &below) ||
        !plan_check_return(&prepared->wire, call_words, words, level->result + frame.blocks_at,
                           frame.blocks_size, &used, &below))
        return session_violated(session, below.message, error);
    if (frame.word_count != prepared->wire.back.word_count)
        return session_violated(session, "a result with another number of words", error);
    bridge_results(&prepared->signature.plan, outputs, words, level->result + frame.blocks_at);
    return true;
}

static bool run_call(struct session *session, const struct session_export *prepared,
                     va_list arguments, struct error_text *error)
{
    uint64_t words[PLAN_WORDS_MAX] = {0};
    struct bridge_outputs outputs;
    struct message message;
    char what[SIGNATURE_NAME_MAX + 16];

    if (!send_call(session, prepared, arguments, words, &outputs, error))
        return false;
    for (;;) {
        if (!session_receive(session, &message, error))
            return false;
        if (message.kind == MESSAGE_CALL_RESULT)
            return take_result(session, prepared, &message, words, &outputs, error);
        if (message.kind != MESSAGE_HOST_CALL)
            break;
        if (!session_host_call(session, &message, error))
            return false;
    }
    snprintf(what, sizeof what, "run %s", prepared->signature.name);
    if (message.kind == MESSAGE_PART)
        return session_violated(session, "PART was not expected", error);
    return session_take_failure(session, &message, what, error);
}

// A call without arguments while the plugin is being loaded.
static bool run_plain(struct session *session, struct error_text *error,
                      const struct session_export *prepared, ...)
{
    va_list none;
    bool done;

    va_start(none, prepared);
    done = run_call(session, prepared, none, error);
    va_end(none);
    return done;
}

bool session_initialize(struct session *session, struct error_text *error)
{
    struct session_export prepared;

    if (!session_exports(session, "_initialize"))
        return true;
    return session_prepare(session, "_initialize()", &prepared, error) &&
           run_plain(session, error, &prepared);
}

// Under the lock: whether this thread may call now.
static bool may_enter(struct session *session, bool *nested, struct error_text *error)
{
    *nested = session->active;
    if (session->active && !pthread_equal(session->owner, pthread_self()))
        return error_text_set(error, PNF_BUSY,
                              "plugin '%s' is busy with a call of another thread; wait for it, or "
                              "load the plugin once more",
                              session->setup.name);
    if (session->end != PNF_OK)
        return error_text_set(error, session->end,
                              "plugin '%s' has ended and must be loaded again; it ended so: %s",
                              session->setup.name, session->end_text);
    if (session->active && session->channel.session.state != MESSAGE_STATE_IMPORT)
        return error_text_set(error, PNF_USAGE,
                              "plugin '%s' cannot be called before its start function has returned",
                              session->setup.name);
    if (session->active && session->channel.session.depth >= MESSAGE_DEPTH_MAX)
        return error_text_set(error, PNF_LIMIT,
                              "plugin '%s' cannot be called: there are %d calls inside each other",
                              session->setup.name, MESSAGE_DEPTH_MAX);
    return true;
}

static bool enter(struct session *session, bool *nested, struct error_text *error)
{
    uint64_t time_ms = session->setup.policy->limits.time_ms;
    bool may;

    pthread_mutex_lock(&session->lock);
    may = may_enter(session, nested, error);
    if (may && !*nested) {
        session->active = true;
        session->owner = pthread_self();
        session->call++;
        session->failed = NULL;
        session->deadline_ns = time_ms == POLICY_NONE
                                   ? CHANNEL_FOREVER
                                   : channel_now() + time_ms * (uint64_t)SESSION_NS_PER_MS;
    }
    pthread_mutex_unlock(&session->lock);
    return may;
}

bool session_call(struct session *session, const struct session_export *prepared, va_list arguments,
                  struct error_text *error)
{
    bool nested;
    bool done;

    if (!enter(session, &nested, error))
        return false;
    done = run_call(session, prepared, arguments, error);
    if (!done && error->export_name[0] == '\0')
        error_text_name(error->export_name, prepared->signature.name,
                        strlen(prepared->signature.name));
    if (nested)
        return done;
    pthread_mutex_lock(&session->lock);
    session->active = false;
    session->deadline_ns = CHANNEL_FOREVER;
    pthread_mutex_unlock(&session->lock);
    return done;
}
