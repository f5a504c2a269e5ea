// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>

#include "host/policy_error.h"
#include "host/policy_value.h"
#include "host/session_private.h"
#include "sandbox/report.h"

enum {
    EXPLANATION_SIZE = 224,
    TRAP_NUMBER_NONE = 0, // the numbers that a trap has on the channel
#define TRAP(NAME_, words_) TRAP_NUMBER_##NAME_,
#include "sandbox/wasm/trap.def"
#undef TRAP
};

// --- what ends a call ----------------------------------------------------------------------------

// What was received as one line of printable ASCII.
static void copy_text(const struct session *session, char *text, size_t size)
{
    size_t length = session->received.length;

    if (length > size - 1)
        length = size - 1;
    if (length > 0)
        memcpy(text, session->received.bytes, length);
    text[length] = '\0';
    for (size_t i = 0; i < length; i++)
        if (text[i] < ' ' || text[i] > '~')
            text[i] = '?';
}

// The stack that compilers keep in the guest's memory, which is not the one of limits.stack. `text`
// says which limit it reached.
static bool end_by_overflow(struct session *session, const char *what, const char *place,
                            const char *text, struct error_text *error)
{
    if (session->setup.policy->limits.stack_low != POLICY_NONE && error->status == PNF_OK)
        snprintf(error->capability, sizeof error->capability, "limits.stack_low");
    return session_ended(session, PNF_TRAP, error,
                         "it could not %s: trap: %s%s: %s; for a larger stack, link it with "
                         "-Wl,-z,stack-size=N",
                         what, session_trap_words(TRAP_NUMBER_GUEST_STACK_OVERFLOW), place, text);
}

// A guest that is refused memory often goes on as if it had got it, so that its trap alone would
// not tell why it ended.
static bool end_by_trap(struct session *session, const struct message *message, const char *what,
                        const char *place, struct error_text *error)
{
    char value[POLICY_VALUE_SIZE];
    char refused[160] = "";

    if (message->words[5] != 0) {
        if (error->status == PNF_OK)
            snprintf(error->capability, sizeof error->capability, "limits.memory");
        snprintf(refused, sizeof refused,
                 "; it had asked for more memory than limits.memory, which is %s; for more, raise "
                 "`memory:` under limits: in the policy",
                 policy_value_format(POLICY_KEY_LIMITS_MEMORY,
                                     session->setup.policy->limits.memory_bytes, value));
    }
    return session_ended(session, PNF_TRAP, error, "it could not %s: trap: %s%s%s", what,
                         session_trap_words(message->words[1]), place, refused);
}

static bool take_trap(struct session *session, const struct message *message, const char *what,
                      struct error_text *error)
{
    char text[ERROR_MESSAGE_SIZE];
    const struct report_library *library = session_library(session, message->words[6]);
    char place[64 + POLICY_LIBRARY_NAME_MAX] = "";

    if (message->words[6] != 0 && !library)
        return session_violated(session, "a trap in a library that there is not", error);
    if (session_stop_of(session) != SESSION_STOP_NONE)
        return session_stopped(session, error);
    copy_text(session, text, sizeof text);
    if (error->status == PNF_OK && message->words[2]) {
        error->funcidx = (uint32_t)message->words[3];
        error->offset = message->words[4];
        snprintf(place, sizeof place, ", in function %u at offset 0x%llx%s%s%s", error->funcidx,
                 (unsigned long long)error->offset, library ? " of library '" : "",
                 library ? library->name : "", library ? "'" : "");
    } else if (library) {
        snprintf(place, sizeof place, ", in library '%s'", library->name);
    }
    if (session_trap_is_fuel(message->words[1])) {
        if (error->status == PNF_OK)
            snprintf(error->capability, sizeof error->capability, "limits.fuel");
        return session_ended(session, PNF_LIMIT, error,
                             "it could not %s: it used up its limits.fuel of %llu%s; for more, "
                             "raise `fuel:` under limits: in the policy",
                             what, (unsigned long long)session->setup.policy->limits.fuel, place);
    }
    if (session->failed && error->status == PNF_OK)
        snprintf(error->function, sizeof error->function, "%s.%s",
                 session->failed->signature.module, session->failed->signature.name);
    if (session->failed)
        return session_ended(session, session->failure_status, error, "it could not %s: %s%s", what,
                             session->failure, place);
    if (message->words[1] == TRAP_NUMBER_LIMIT && text[0] != '\0')
        return session_ended(session, PNF_LIMIT, error, "it could not %s: %s%s", what, text, place);
    if (message->words[1] == TRAP_NUMBER_GUEST_STACK_OVERFLOW)
        return end_by_overflow(session, what, place, text, error);
    return end_by_trap(session, message, what, place, error);
}

static bool take_error(struct session *session, const struct message *message, const char *what,
                       struct error_text *error)
{
    bool in_call = message->depth > 0;
    char text[ERROR_MESSAGE_SIZE];
    char place[40] = "";
    pnf_status status;

    // A call that was stopped ends the plugin, however the worker came to an end with it.
    if (in_call && session_stop_of(session) != SESSION_STOP_NONE)
        return session_stopped(session, error);
    copy_text(session, text, sizeof text);
    if (message->words[1] == ERROR_NONE || message->words[1] >= ERROR_CODE_COUNT)
        return session_violated(session, "an error that is none", error);
    status = error_text_status((enum error_code)message->words[1]);
    if (message->words[1] == ERROR_UNSUPPORTED_ABI)
        status = PNF_ABI;
    if (error->status == PNF_OK)
        error->offset = message->words[3];
    // Where a module begins is a place of what is malformed only.
    if (message->words[3] != 0 ||
        error_kind((enum error_code)message->words[1]) == ERROR_KIND_MALFORMED)
        snprintf(place, sizeof place, " (at offset 0x%llx)", (unsigned long long)message->words[3]);
    if (!in_call)
        return session_ended(session, status, error, "it cannot %s: %s%s", what, text, place);
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
    if (session_stop_of(session) != SESSION_STOP_NONE)
        return session_stopped(session, error);
    if (error->status == PNF_OK)
        error->exit_status = (uint32_t)message->words[0];
    return session_ended(session, PNF_EXITED, error, "it has exited with status %u",
                         (uint32_t)message->words[0]);
}

// --- host functions ------------------------------------------------------------------------------

// A frame that would be too long: what would allow it.
static void explain_limit(const struct session *session, char *text, size_t size)
{
    char value[POLICY_VALUE_SIZE];

    if (session->frame_max == REPORT_FRAME_MAX) {
        snprintf(text, size, "a call carries at most %d MiB; nothing allows more: pass it in parts",
                 REPORT_FRAME_MAX / (1024 * 1024));
        return;
    }
    policy_value_format(POLICY_KEY_LIMITS_MEMORY, session->setup.policy->limits.memory_bytes,
                        value);
    snprintf(text, size,
             "a call carries at most limits.memory, which is %s, and %d KiB; for more, raise "
             "`memory:` under limits: in the policy",
             value, MESSAGE_ARENA_SIZE / 1024);
}

// Has the guest's call trap. The first reason is kept for the error that comes of it.
static bool refuse(struct session *session, const struct registry_function *function,
                   pnf_status status, const char *reason, struct error_text *error)
{
    struct message message = {.kind = MESSAGE_HOST_CALL_FAILED, .count = 2};
    size_t length;

    if (!session->failed) {
        session->failed = function;
        session->failure_status = status;
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

// After a call inside of this one has ended the plugin, its worker may only come to an end.
static bool goes_on(struct session *session, struct error_text *error)
{
    session_kill(session);
    return error_text_set(error, PNF_VIOLATION,
                          "plugin '%s': its worker went on after its end and was killed: %s",
                          session->setup.name, session->end_text);
}

// What the function is to blame for, or the size of what it returned.
static bool refuse_result(struct session *session, const struct registry_function *function,
                          const struct error *below, struct error_text *error)
{
    char limit[EXPLANATION_SIZE];
    char reason[SESSION_FAILURE_SIZE];

    if (error_text_status(below->code) != PNF_LIMIT)
        return refuse(session, function, PNF_TRAP, below->message, error);
    explain_limit(session, limit, sizeof limit);
    snprintf(reason, sizeof reason, "%s; %s", below->message, limit);
    return refuse(session, function, PNF_LIMIT, reason, error);
}

// Sends what the function returned.
static bool answer(struct session *session, const struct registry_function *function,
                   const struct report_frame *frame, const struct bridge_exchange *exchange,
                   struct error_text *error)
{
    struct message message = {.kind = MESSAGE_HOST_CALL_RESULT, .count = 1};
    struct session_buffer *outgoing = &session->outgoing;
    struct error below = {.code = ERROR_NONE};

    if (!session_reserve(session, outgoing, frame->blocks_at + exchange->return_used, &below))
        return refuse_result(session, function, &below, error);
    report_put_frame(outgoing->bytes, frame, NULL, NULL, exchange->return_words);
    bridge_put_blocks(&function->bridge.wire.back, exchange->return_words, exchange->return_blocks,
                      outgoing->bytes + frame->blocks_at);
    return session_send_frame(session, &message, outgoing->bytes,
                              report_frame_bytes(frame, exchange->return_used), error);
}

// Calls the function and answers.
static bool serve(struct session *session, const struct registry_function *function,
                  struct bridge_exchange *exchange, struct error_text *error)
{
    struct pnf_context context = {.session = session, .user = function->user};
    struct bridge_bytes blocks[BRIDGE_BLOCKS_MAX];
    struct report_frame frame;
    struct error below = {.code = ERROR_NONE};
    uint64_t words[PLAN_WORDS_MAX] = {0};
    bool done;

    report_frame_layout(0, function->bridge.wire.back.word_count, (uint32_t)session->frame_max,
                        &frame);
    exchange->context = &context;
    exchange->return_words = words;
    exchange->return_blocks = blocks;
    exchange->return_size = frame.blocks_size;
    done = bridge_call(&function->bridge, exchange, &below);
    if (exchange->violation)
        return session_violated(session, below.message, error);
    if (session_must_stop(session))
        return refuse(session, function, PNF_TRAP, "the call was to end", error);
    if (has_ended(session))
        return refuse(session, function, PNF_TRAP, "the plugin ended in a call that it made",
                      error);
    if (context.failed)
        return refuse(session, function, PNF_TRAP, context.text, error);
    if (!done)
        return refuse_result(session, function, &below, error);
    return answer(session, function, &frame, exchange, error);
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
    if (has_ended(session))
        return goes_on(session, error);
    if (session_must_stop(session))
        return refuse(session, function, PNF_TRAP, "the call was to end", error);
    session_keep(session, &level->incoming);
    if (!report_take_frame(level->incoming.bytes, level->incoming.length, false, &frame, NULL,
                           words, &below))
        return session_violated(session, below.message, error);
    if (frame.word_count != function->bridge.wire.call.word_count)
        return session_violated(session, "a call with another number of words", error);
    exchange.call_words = words;
    exchange.call_arena = level->incoming.bytes + frame.blocks_at;
    exchange.call_size = frame.blocks_size;
    return serve(session, function, &exchange, error);
}

// --- calls of the plugin -------------------------------------------------------------------------

static bool refuse_arguments(const struct session *session, const char *name,
                             const struct error *below, struct error_text *error)
{
    pnf_status status = error_text_status(below->code);
    char limit[EXPLANATION_SIZE];

    if (status != PNF_LIMIT)
        return error_text_set(error, status, "cannot call %s: %s", name, below->message);
    if (error->status == PNF_OK && session->frame_max < REPORT_FRAME_MAX) {
        snprintf(error->capability, sizeof error->capability, "limits.memory");
        snprintf(error->hint, sizeof error->hint, "limits: { memory: ... }");
    }
    explain_limit(session, limit, sizeof limit);
    return error_text_set(error, status, "cannot call %s: %s; %s", name, below->message, limit);
}

// The last call's result, and those of calls further in, end here: until the arguments are copied,
// they may be in them.
static void forget_results(struct session *session)
{
    for (size_t i = session->channel.session.depth + 1; i <= MESSAGE_DEPTH_MAX; i++)
        session_give_back(session, &session->levels[i].result);
}

static bool send_call(struct session *session, const struct session_export *prepared,
                      va_list arguments, uint64_t *words, struct bridge_outputs *outputs,
                      struct error_text *error)
{
    struct message message = {.kind = MESSAGE_CALL, .count = 2, .words = {0, MESSAGE_BY_NAME}};
    const struct signature *signature = &prepared->signature;
    const struct plan_form *form = &prepared->wire.call;
    struct session_buffer *outgoing = &session->outgoing;
    struct bridge_bytes blocks[BRIDGE_BLOCKS_MAX];
    struct report_frame frame;
    struct error below = {.code = ERROR_NONE};
    size_t used;

    report_frame_layout((uint32_t)strlen(signature->name), form->word_count,
                        (uint32_t)session->frame_max, &frame);
    if (!bridge_arguments(&signature->plan, form, arguments, frame.blocks_size, words, blocks,
                          &used, outputs, &below) ||
        !session_reserve(session, outgoing, frame.blocks_at + used, &below))
        return refuse_arguments(session, signature->name, &below, error);
    report_put_frame(outgoing->bytes, &frame, (const uint8_t *)signature->name, &signature->plan,
                     words);
    bridge_put_blocks(form, words, blocks, outgoing->bytes + frame.blocks_at);
    if (session->held > 0)
        forget_results(session);
    return session_send_frame(session, &message, outgoing->bytes, report_frame_bytes(&frame, used),
                              error);
}

static bool take_result(struct session *session, const struct session_export *prepared,
                        const struct message *message, const uint64_t *call_words,
                        const struct bridge_outputs *outputs, struct error_text *error)
{
    struct session_buffer *result = &session->levels[message->depth].result;
    struct report_frame frame;
    struct error below = {.code = ERROR_NONE};
    uint64_t words[PLAN_WORDS_MAX];
    size_t used;

    if (session_stop_of(session) != SESSION_STOP_NONE)
        return session_stopped(session, error);
    if (has_ended(session))
        return goes_on(session, error);
    session_keep(session, result);
    if (!report_take_frame(result->bytes, result->length, false, &frame, NULL, words, &below) ||
        !plan_check_return(&prepared->wire, call_words, words, result->bytes + frame.blocks_at,
                           frame.blocks_size, &used, &below))
        return session_violated(session, below.message, error);
    if (frame.word_count != prepared->wire.back.word_count)
        return session_violated(session, "a result with another number of words", error);
    bridge_results(&prepared->wire.back, outputs, words, result->bytes + frame.blocks_at);
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
        if (!session_receive_frame(session, &message, error))
            return false;
        if (message.kind == MESSAGE_CALL_RESULT)
            return take_result(session, prepared, &message, words, &outputs, error);
        if (message.kind != MESSAGE_HOST_CALL)
            break;
        if (!session_host_call(session, &message, error))
            return false;
    }
    snprintf(what, sizeof what, "run %s", prepared->signature.name);
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

bool session_leave(struct session *session, bool done, struct error_text *error)
{
    if (session->held > 0)
        session_give_back_all(session);
    pthread_mutex_lock(&session->lock);
    if (session->end == PNF_OK && session_stop_of(session) != SESSION_STOP_NONE) {
        pthread_mutex_unlock(&session->lock);
        done = session_stopped(session, error);
        pthread_mutex_lock(&session->lock);
    }
    session->active = false;
    session->deadline_ns = CHANNEL_FOREVER;
    pthread_mutex_unlock(&session->lock);
    return done;
}

bool session_call(struct session *session, const struct session_export *prepared, va_list arguments,
                  struct error_text *error)
{
    bool nested;
    bool done;

    if (!enter(session, &nested, error))
        return false;
    done = run_call(session, prepared, arguments, error);
    if (!nested)
        done = session_leave(session, done, error);
    if (!done && error->export_name[0] == '\0')
        error_text_name(error->export_name, prepared->signature.name,
                        strlen(prepared->signature.name));
    return done;
}
