// SPDX-License-Identifier: Apache-2.0
//
// Messages with all their bytes, however many: those that do not fit into an arena go ahead in
// PARTs. What a worker sends is copied out of the arena once, into memory that grows only as bytes
// really come.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/session_private.h"
#include "sandbox/report.h"

// Bytes of the longest frame; the report comes before there are frames.
static size_t frame_max(const struct session *session)
{
    return session->preparing ? REPORT_BYTES_MAX : session->frame_max;
}

// --- buffers -------------------------------------------------------------------------------------

// What a buffer has beyond an arena's size: that much is for one frame only.
static size_t excess(const struct session_buffer *buffer)
{
    return buffer->size > MESSAGE_ARENA_SIZE ? buffer->size - MESSAGE_ARENA_SIZE : 0;
}

// Twice as much, or what is wanted if that is more, but no more than a frame ever needs.
static size_t next_size(const struct session *session, const struct session_buffer *buffer,
                        size_t wanted)
{
    size_t size = 2 * buffer->size < frame_max(session) ? 2 * buffer->size : frame_max(session);

    if (size < MESSAGE_ARENA_SIZE)
        size = MESSAGE_ARENA_SIZE;
    return size < wanted ? wanted : size;
}

// How many calls of host functions are being served, further in than which nothing that came in is
// needed any more.
static uint32_t served(const struct session *session)
{
    const struct message_session *state = &session->channel.session;
    enum message_state now = state->state == MESSAGE_STATE_TAKING ? state->resume : state->state;

    return now == MESSAGE_STATE_IMPORT || now == MESSAGE_STATE_START_IMPORT ? state->depth + 1
                                                                            : state->depth;
}

// Gives back what calls that are over still hold. Of their results the application may still look
// at those, until its next call; they are not counted, and this is how much they are.
static size_t give_back_dead(struct session *session)
{
    size_t results = 0;

    for (size_t i = served(session); i <= MESSAGE_DEPTH_MAX; i++)
        session_give_back(session, &session->levels[i].incoming);
    for (size_t i = session->channel.session.depth + 1; i <= MESSAGE_DEPTH_MAX; i++)
        results += excess(&session->levels[i].result);
    return results;
}

bool session_reserve(struct session *session, struct session_buffer *buffer, size_t wanted,
                     struct error *error)
{
    struct session_buffer grown = *buffer;
    size_t most = SESSION_FRAMES_HELD * frame_max(session);
    size_t dead = 0;
    size_t held;

    if (wanted <= buffer->size)
        return true;
    grown.size = next_size(session, buffer, wanted);
    if (session->held - excess(buffer) + excess(&grown) > most)
        dead = give_back_dead(session);
    held = session->held - excess(buffer) + excess(&grown);
    if (held - dead > most)
        return error_set(error, ERROR_LIMIT_MEMORY, 0,
                         "calls inside each other would hold %zu bytes in the host, at most %zu",
                         held, most);
    grown.bytes = realloc(buffer->bytes, grown.size);
    if (!grown.bytes)
        return error_set(error, ERROR_SYSTEM_RESERVE, 0, "%zu bytes for a call", grown.size);
    *buffer = grown;
    session->held = held;
    return true;
}

void session_give_back(struct session *session, struct session_buffer *buffer)
{
    if (excess(buffer) == 0)
        return;
    session->held -= excess(buffer);
    free(buffer->bytes);
    *buffer = (struct session_buffer){.bytes = NULL};
}

void session_give_back_all(struct session *session)
{
    session_give_back(session, &session->outgoing);
    session_give_back(session, &session->received);
    for (size_t i = 0; i <= MESSAGE_DEPTH_MAX; i++)
        session_give_back(session, &session->levels[i].incoming);
}

// --- receiving -----------------------------------------------------------------------------------

bool session_append(struct session *session, const struct message *message,
                    struct session_buffer *buffer, struct error_text *error)
{
    size_t length = message_bytes(message);
    struct error below = {.code = ERROR_NONE};

    if (length == 0)
        return true;
    if (length > frame_max(session) - buffer->length)
        return session_violated(session, "more bytes than such a message may have", error);
    if (!session_reserve(session, buffer, buffer->length + length, &below)) {
        session_kill(session);
        return session_ended(session, error_text_status(below.code), error, "%s", below.message);
    }
    if (!channel_arena_read(&session->channel, 0, buffer->bytes + buffer->length, length))
        return session_violated(session, "bytes outside of the arena", error);
    buffer->length += length;
    return true;
}

static bool may_have_parts(enum message_kind kind)
{
    return kind == MESSAGE_MODULE_REPORT || kind == MESSAGE_CALL_RESULT ||
           kind == MESSAGE_HOST_CALL;
}

bool session_unexpected(struct session *session, enum message_kind kind, struct error_text *error)
{
    char rule[64];

    snprintf(rule, sizeof rule, "%s was not expected", message_name(kind));
    return session_violated(session, rule, error);
}

bool session_receive_frame(struct session *session, struct message *message,
                           struct error_text *error)
{
    struct session_buffer *buffer = &session->received;

    buffer->length = 0;
    for (;;) {
        struct message taken = {.kind = MESSAGE_TAKEN, .count = 1};

        if (!session_receive(session, message, error) ||
            !session_append(session, message, buffer, error))
            return false;
        if (message->kind != MESSAGE_PART)
            break;
        taken.words[0] = message_bytes(message);
        if (!session_send(session, &taken, error))
            return false;
    }
    return buffer->length == message_bytes(message) || may_have_parts(message->kind) ||
           session_unexpected(session, MESSAGE_PART, error);
}

void session_keep(struct session *session, struct session_buffer *buffer)
{
    struct session_buffer kept = session->received;

    session->received = *buffer;
    *buffer = kept;
}

// --- sending -------------------------------------------------------------------------------------

// Who is to stop does not go on to the message that the bytes are for: nothing can take them back.
static bool send_part(struct session *session, const uint8_t *bytes, struct error_text *error)
{
    struct message message = {.kind = MESSAGE_PART, .count = 1, .words = {MESSAGE_ARENA_SIZE}};

    if (!channel_arena_write(&session->channel, 0, bytes, MESSAGE_ARENA_SIZE) ||
        !session_send(session, &message, error) || !session_receive(session, &message, error))
        return false;
    if (message.kind != MESSAGE_TAKEN)
        return session_unexpected(session, message.kind, error);
    if (message.words[0] != MESSAGE_ARENA_SIZE)
        return session_violated(session, "a part that was taken in part", error);
    if (session_stop_of(session) == SESSION_STOP_NONE)
        return true;
    session_kill(session);
    return session_stopped(session, error);
}

bool session_send_frame(struct session *session, struct message *message, const uint8_t *bytes,
                        size_t length, struct error_text *error)
{
    for (; length > MESSAGE_ARENA_SIZE; length -= MESSAGE_ARENA_SIZE) {
        if (!send_part(session, bytes, error))
            return false;
        bytes += MESSAGE_ARENA_SIZE;
    }
    message->words[0] = length;
    return channel_arena_write(&session->channel, 0, bytes, length) &&
           session_send(session, message, error);
}
