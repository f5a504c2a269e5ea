// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>

#include "sandbox/session_internal.h"

enum { OVERFLOW_TEXT_SIZE = 96 };

// The channel is gone, or the host broke a rule: nothing can be said any more.
static bool give_up(struct session *session)
{
    session->over = true;
    return false;
}

static bool send(struct session *session, struct message *message)
{
    if (session->over)
        return false;
    if (channel_send(session->channel, message) != CHANNEL_OK)
        return give_up(session);
    return true;
}

static bool receive(struct session *session, struct message *message)
{
    if (session->over)
        return false;
    if (channel_receive(session->channel, message, CHANNEL_FOREVER) != CHANNEL_OK)
        return give_up(session);
    return true;
}

bool session_send(struct session *session, enum message_kind kind, uint32_t count,
                  const uint64_t *words)
{
    struct message message = {.kind = kind, .count = count};

    if (count > 0)
        memcpy(message.words, words, count * sizeof *words);
    return send(session, &message);
}

// --- receiving -----------------------------------------------------------------------------------

// Memory for messages counts as the worker's own: more of it than limits.engine says would be taken
// from what limits.memory promises the guest.
static uint8_t *allocate(struct session *session, size_t length, size_t alignment)
{
    size_t used = arena_mark(&session->scratch);

    if (used > session->scratch_max || length > session->scratch_max - used)
        return NULL;
    return arena_alloc(&session->scratch, length, alignment);
}

static bool no_room(size_t length, struct error *error)
{
    return error_set(error, ERROR_LIMIT_MEMORY, 0,
                     "%zu bytes of a call's values are more than is left of limits.engine; for "
                     "more, raise `engine:` under limits: in the policy",
                     length);
}

// Copies `length` bytes of the arena behind those that are there already. Without room for them the
// others come all the same, so that the host hears why.
static bool append(struct session *session, struct session_message *received, size_t length)
{
    uint8_t *copy = NULL;

    if (!received->lost)
        copy = allocate(session, length, received->length == 0 ? PLAN_ALIGNMENT : 1);
    if (copy != NULL && !channel_arena_read(session->channel, 0, copy, length))
        return give_up(session);
    received->lost = copy == NULL;
    if (received->lost)
        received->bytes = NULL;
    else if (received->length == 0)
        received->bytes = copy;
    received->length += length;
    return true;
}

bool session_whole(const struct session_message *received, struct error *error)
{
    return !received->lost || no_room(received->length, error);
}

bool session_receive(struct session *session, struct session_message *received)
{
    *received = (struct session_message){.mark = arena_mark(&session->scratch)};
    for (;;) {
        uint32_t length;

        if (!receive(session, &received->message))
            return false;
        length = message_bytes(&received->message);
        if (length > 0 && !append(session, received, length))
            return false;
        if (received->message.kind != MESSAGE_PART)
            return true;
        if (!session_send(session, MESSAGE_TAKEN, 1, (const uint64_t[]){length}))
            return false;
    }
}

// --- sending -------------------------------------------------------------------------------------

// Sends a message that hands the arena over, and waits for the answer.
static bool hand_over(struct session *session, struct message *message, uint64_t *taken)
{
    struct message answer;
    uint64_t offered = message->words[0];

    if (!send(session, message) || !receive(session, &answer))
        return false;
    if (answer.kind != MESSAGE_TAKEN || answer.words[0] > offered)
        return give_up(session);
    *taken = answer.words[0];
    return true;
}

bool session_send_bytes(struct session *session, struct message *message, const uint8_t *bytes,
                        size_t length)
{
    while (length > MESSAGE_ARENA_SIZE) {
        struct message part = {.kind = MESSAGE_PART, .count = 1, .words = {MESSAGE_ARENA_SIZE}};
        uint64_t taken;

        if (!channel_arena_write(session->channel, 0, bytes, MESSAGE_ARENA_SIZE) ||
            !hand_over(session, &part, &taken))
            return give_up(session);
        if (taken != MESSAGE_ARENA_SIZE)
            return give_up(session);
        bytes += MESSAGE_ARENA_SIZE;
        length -= MESSAGE_ARENA_SIZE;
    }
    if (length > 0 && !channel_arena_write(session->channel, 0, bytes, length))
        return give_up(session);
    message->words[0] = length;
    return send(session, message);
}

void session_send_error(struct session *session, const struct error *error)
{
    struct message message = {
        .kind = MESSAGE_ERROR,
        .count = 4,
        .words = {0, error->code, error->detail, error->offset},
    };
    bool last = session->channel->session.depth == 0;

    session_send_bytes(session, &message, (const uint8_t *)error->message, strlen(error->message));
    session->over = session->over || last;
}

// Which limit the guest's stack has reached.
static void tell_overflow(const struct module_stack *stack, char text[OVERFLOW_TEXT_SIZE])
{
    static const char *const evidence[STACK_EVIDENCE_COUNT] = {
        [STACK_EVIDENCE_NONE] = "",
        [STACK_EVIDENCE_LOW] = ", which is __stack_low",
        [STACK_EVIDENCE_DATA] = ", which is __data_end",
        [STACK_EVIDENCE_FIRST] = ", where its memory begins",
        [STACK_EVIDENCE_GIVEN] = ", which is limits.stack_low",
    };

    snprintf(text, OVERFLOW_TEXT_SIZE, "its stack pointer went below %llu%s",
             (unsigned long long)stack->low, evidence[stack->evidence]);
}

void session_send_trap(struct session *session, const struct trap *trap)
{
    struct message message = {
        .kind = MESSAGE_TRAP,
        .count = 7,
        .words = {0, trap->code, trap->has_place, trap->funcidx, trap->offset,
                  engine_store(session->engine)->memory_budget.refused,
                  session_module_of(session, trap->instance)},
    };
    bool last = session->channel->session.depth == 0;
    char overflow[OVERFLOW_TEXT_SIZE];
    const char *text = trap->code == TRAP_LIMIT ? session->limit.message : "";

    if (session->wasi.exited) {
        session_send(session, MESSAGE_EXIT, 1, (const uint64_t[]){session->wasi.exit_status});
        session->over = true;
        return;
    }
    if (trap->code == TRAP_GUEST_STACK_OVERFLOW) {
        tell_overflow(&session->modules[message.words[6]].module->stack, overflow);
        text = overflow;
    }
    session_send_bytes(session, &message, (const uint8_t *)text, strlen(text));
    error_clear(&session->limit);
    session->over = session->over || last;
}

bool session_frame_make(struct session *session, const struct plan_form *form, uint64_t *words,
                        struct session_frame *frame, struct error *error)
{
    struct report_frame layout;
    size_t used;

    struct error below = {.code = ERROR_NONE};

    report_frame_layout(0, form->word_count, session->frame_max, &layout);
    if (!plan_place(form, words, layout.blocks_size, &used, &below))
        return error_set(error, below.code, 0, "%s; a call carries at most %u bytes%s",
                         below.message + strlen(error_wording(below.code)) + 2, session->frame_max,
                         session->frame_max < REPORT_FRAME_MAX ? ": limits.memory and 64 KiB" : "");
    frame->bytes = allocate(session, layout.blocks_at + used, PLAN_ALIGNMENT);
    if (frame->bytes == NULL)
        return no_room(layout.blocks_at + used, error);
    report_put_frame(frame->bytes, &layout, NULL, NULL, words);
    frame->length = report_frame_bytes(&layout, used);
    frame->blocks = frame->bytes + layout.blocks_at;
    frame->blocks_size = used;
    return true;
}

// --- output --------------------------------------------------------------------------------------

// Fills the arena from the spans, from `at` of the first on.
static size_t gather(struct session *session, const struct wasi_span **span, size_t *at,
                     const struct wasi_span *end)
{
    size_t filled = 0;

    while (*span < end && filled < MESSAGE_ARENA_SIZE) {
        size_t left = (*span)->length - *at;
        size_t part = left < MESSAGE_ARENA_SIZE - filled ? left : MESSAGE_ARENA_SIZE - filled;

        if (part > 0 && !channel_arena_write(session->channel, filled, (*span)->bytes + *at, part))
            break;
        filled += part;
        *at += part;
        if (*at == (*span)->length) {
            *span += 1;
            *at = 0;
        }
    }
    return filled;
}

static size_t total_length(const struct wasi_span *spans, size_t count)
{
    size_t total = 0;

    for (size_t i = 0; i < count; i++)
        total += spans[i].length;
    return total;
}

bool session_output(void *context, uint32_t descriptor, const struct wasi_span *spans, size_t count,
                    size_t *taken)
{
    struct session *session = context;
    const struct wasi_span *span = spans;
    size_t at = 0;

    *taken = 0;
    if (session->policy.wasi_stdout == POLICY_WASI_STDOUT_NONE) {
        *taken = total_length(spans, count);
        return true;
    }
    for (;;) {
        struct message message = {.kind = MESSAGE_OUTPUT, .count = 2, .words = {0, descriptor}};
        uint64_t part;

        message.words[0] = gather(session, &span, &at, spans + count);
        if (message.words[0] == 0)
            return true;
        if (!hand_over(session, &message, &part))
            return false;
        *taken += part;
        if (part < message.words[0])
            return true;
    }
}
