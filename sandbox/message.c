// SPDX-License-Identifier: Apache-2.0
#include "sandbox/message.h"

#include <assert.h>
#include <stddef.h>

enum sender { SENDER_WORKER, SENDER_HOST, SENDER_EITHER };

enum move {
    MOVE_CONFINED,
    MOVE_LOADING,
    MOVE_LINKING,
    MOVE_STARTING,
    MOVE_READY,
    MOVE_ENDED,
    MOVE_CALL,
    MOVE_RETURN,
    MOVE_IMPORT,
    MOVE_RESUME,
    MOVE_HAND,
    MOVE_ASK,
    MOVE_TAKE
};

enum arena_use { ARENA_USE_NONE, ARENA_USE_BYTES };

struct row {
    const char *name;
    enum sender sender;
    uint32_t legal_in; // a bit for each state
    enum move move;
    uint8_t words_min;
    uint8_t words_max;
    enum arena_use arena;
};

#define IN(STATE_) (1u << MESSAGE_STATE_##STATE_)
#define MESSAGE(NAME_, FROM_, LEGAL_IN_, LEADS_, WORDS_MIN_, WORDS_MAX_, ARENA_)                   \
    [MESSAGE_##NAME_] = {#NAME_,     SENDER_##FROM_, (LEGAL_IN_),       MOVE_##LEADS_,             \
                         WORDS_MIN_, WORDS_MAX_,     ARENA_USE_##ARENA_},
static const struct row rows[MESSAGE_KIND_COUNT] = {
#include "sandbox/message.def"
};
#undef MESSAGE

#define MESSAGE(NAME_, FROM_, LEGAL_IN_, LEADS_, WORDS_MIN_, WORDS_MAX_, ARENA_)                   \
    _Static_assert((WORDS_MIN_) <= (WORDS_MAX_) && (WORDS_MAX_) <= MESSAGE_WORDS_MAX &&            \
                       (ARENA_USE_##ARENA_ == ARENA_USE_NONE || (WORDS_MIN_) > 0),                 \
                   #NAME_ " carries more than a slot, or no word for its bytes");
#include "sandbox/message.def"
#undef MESSAGE
#undef IN

// Whose turn each state is; TAKING depends on where it came from.
static const struct {
    const char *name;
    bool has_turn;
    enum message_direction direction;
} states[MESSAGE_STATE_COUNT] = {
    [MESSAGE_STATE_CREATED] = {"created", true, MESSAGE_TO_HOST},
    [MESSAGE_STATE_CONFINED] = {"confined", true, MESSAGE_TO_WORKER},
    [MESSAGE_STATE_LOADING] = {"loading", true, MESSAGE_TO_HOST},
    [MESSAGE_STATE_LINKING] = {"linking", true, MESSAGE_TO_WORKER},
    [MESSAGE_STATE_STARTING] = {"starting", true, MESSAGE_TO_HOST},
    [MESSAGE_STATE_START_IMPORT] = {"in an import of the start function", true, MESSAGE_TO_WORKER},
    [MESSAGE_STATE_READY] = {"ready", true, MESSAGE_TO_WORKER},
    [MESSAGE_STATE_RUNNING] = {"running", true, MESSAGE_TO_HOST},
    [MESSAGE_STATE_IMPORT] = {"in an import", true, MESSAGE_TO_WORKER},
    [MESSAGE_STATE_TAKING] = {"taking bytes", true, MESSAGE_TO_HOST},
    [MESSAGE_STATE_ASKING] = {"asking for a file", true, MESSAGE_TO_WORKER},
    [MESSAGE_STATE_ENDED] = {"ended", false, MESSAGE_TO_HOST},
};

static const char *const violation_texts[MESSAGE_VIOLATION_KINDS] = {
    [MESSAGE_VIOLATION_NONE] = "no violation",
    [MESSAGE_VIOLATION_SEQUENCE] = "message out of sequence",
    [MESSAGE_VIOLATION_KIND] = "unknown message",
    [MESSAGE_VIOLATION_DIRECTION] = "message of the other side",
    [MESSAGE_VIOLATION_STATE] = "message not legal in this state",
    [MESSAGE_VIOLATION_DEPTH] = "message about another call",
    [MESSAGE_VIOLATION_COUNT] = "message with a wrong number of words",
    [MESSAGE_VIOLATION_LENGTH] = "message longer than its arena",
};

static bool is_kind(enum message_kind kind)
{
    return kind > MESSAGE_NONE && kind < MESSAGE_KIND_COUNT;
}

static bool sends(enum message_direction direction, enum message_kind kind)
{
    enum sender sender = rows[kind].sender;

    return sender == SENDER_EITHER || (sender == SENDER_WORKER) == (direction == MESSAGE_TO_HOST);
}

static bool has_turn(const struct message_session *session, enum message_direction direction)
{
    if (session->state == MESSAGE_STATE_TAKING)
        return states[session->resume].direction != direction;
    return states[session->state].has_turn && states[session->state].direction == direction;
}

static bool legal_now(const struct message_session *session, enum message_direction direction,
                      enum message_kind kind)
{
    return (rows[kind].legal_in >> session->state & 1) != 0 && has_turn(session, direction);
}

static bool too_deep(const struct message_session *session, enum message_kind kind)
{
    return rows[kind].move == MOVE_CALL && session->depth >= MESSAGE_DEPTH_MAX;
}

bool message_legal(const struct message_session *session, enum message_direction direction,
                   enum message_kind kind)
{
    return is_kind(kind) && sends(direction, kind) && legal_now(session, direction, kind) &&
           !too_deep(session, kind);
}

uint32_t message_depth(const struct message_session *session, enum message_kind kind)
{
    return session->depth + (is_kind(kind) && rows[kind].move == MOVE_CALL);
}

enum message_violation message_check(const struct message_session *session,
                                     enum message_direction direction,
                                     const struct message *message)
{
    const struct row *row;

    if (!is_kind(message->kind))
        return MESSAGE_VIOLATION_KIND;
    if (!sends(direction, message->kind))
        return MESSAGE_VIOLATION_DIRECTION;
    if (!legal_now(session, direction, message->kind))
        return MESSAGE_VIOLATION_STATE;
    if (too_deep(session, message->kind) || message->depth != message_depth(session, message->kind))
        return MESSAGE_VIOLATION_DEPTH;
    row = &rows[message->kind];
    if (message->count < row->words_min || message->count > row->words_max)
        return MESSAGE_VIOLATION_COUNT;
    if (row->arena == ARENA_USE_BYTES && message->words[0] > MESSAGE_ARENA_SIZE)
        return MESSAGE_VIOLATION_LENGTH;
    return MESSAGE_VIOLATION_NONE;
}

static void finish_call(struct message_session *session)
{
    if (session->depth == 0) {
        session->state = MESSAGE_STATE_ENDED;
        return;
    }
    session->depth--;
    session->state = session->depth == 0 ? MESSAGE_STATE_READY : MESSAGE_STATE_IMPORT;
}

void message_advance(struct message_session *session, enum message_kind kind)
{
    static const enum message_state fixed[] = {
        [MOVE_CONFINED] = MESSAGE_STATE_CONFINED, [MOVE_LOADING] = MESSAGE_STATE_LOADING,
        [MOVE_LINKING] = MESSAGE_STATE_LINKING,   [MOVE_STARTING] = MESSAGE_STATE_STARTING,
        [MOVE_READY] = MESSAGE_STATE_READY,       [MOVE_ENDED] = MESSAGE_STATE_ENDED,
    };
    enum move move;

    assert(is_kind(kind) && (rows[kind].legal_in >> session->state & 1) != 0);
    move = rows[kind].move;
    switch (move) {
    case MOVE_CALL:
        session->depth++;
        session->state = MESSAGE_STATE_RUNNING;
        break;
    case MOVE_RETURN:
        finish_call(session);
        break;
    case MOVE_IMPORT:
        session->state = session->state == MESSAGE_STATE_STARTING ? MESSAGE_STATE_START_IMPORT
                                                                  : MESSAGE_STATE_IMPORT;
        break;
    case MOVE_RESUME:
        session->state = session->state == MESSAGE_STATE_START_IMPORT ? MESSAGE_STATE_STARTING
                                                                      : MESSAGE_STATE_RUNNING;
        break;
    case MOVE_HAND:
        session->resume = session->state;
        session->state = MESSAGE_STATE_TAKING;
        break;
    case MOVE_ASK:
        session->resume = session->state;
        session->state = MESSAGE_STATE_ASKING;
        break;
    case MOVE_TAKE:
        session->state = session->resume;
        break;
    case MOVE_CONFINED:
    case MOVE_LOADING:
    case MOVE_LINKING:
    case MOVE_STARTING:
    case MOVE_READY:
    case MOVE_ENDED:
        session->state = fixed[move];
        break;
    }
}

static void put(uint64_t *word, uint64_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELAXED);
}

static uint64_t take(const uint64_t *word)
{
    return __atomic_load_n(word, __ATOMIC_RELAXED);
}

// The sequence comes last, and is read first: whoever dies on the way has sent nothing.
void message_write(struct message_slot *slot, uint64_t sequence, const struct message *message)
{
    assert(message->count <= MESSAGE_WORDS_MAX);
    put(&slot->kind, message->kind);
    put(&slot->depth, message->depth);
    put(&slot->count, message->count);
    for (uint32_t i = 0; i < message->count; i++)
        put(&slot->words[i], message->words[i]);
    __atomic_store_n(&slot->sequence, sequence, __ATOMIC_RELEASE);
}

static void copy_slot(const struct message_slot *slot, struct message_slot *copy)
{
    copy->sequence = __atomic_load_n(&slot->sequence, __ATOMIC_ACQUIRE);
    copy->kind = take(&slot->kind);
    copy->depth = take(&slot->depth);
    copy->count = take(&slot->count);
    for (size_t i = 0; i < MESSAGE_WORDS_MAX; i++)
        copy->words[i] = take(&slot->words[i]);
}

// What does not fit the narrower fields becomes a number that no check lets through.
static void unpack(const struct message_slot *copy, struct message *message)
{
    message->kind = copy->kind < MESSAGE_KIND_COUNT ? (enum message_kind)copy->kind : MESSAGE_NONE;
    message->depth = copy->depth <= UINT32_MAX ? (uint32_t)copy->depth : UINT32_MAX;
    message->count = copy->count <= UINT32_MAX ? (uint32_t)copy->count : UINT32_MAX;
    for (uint32_t i = 0; i < MESSAGE_WORDS_MAX; i++)
        message->words[i] = i < message->count ? copy->words[i] : 0;
}

enum message_violation message_read(const struct message_slot *slot, uint64_t sequence,
                                    const struct message_session *session,
                                    enum message_direction direction, struct message *message)
{
    struct message_slot copy;
    enum message_violation violation = MESSAGE_VIOLATION_SEQUENCE;

    copy_slot(slot, &copy);
    unpack(&copy, message);
    if (copy.sequence == sequence)
        violation = message_check(session, direction, message);
    if (violation != MESSAGE_VIOLATION_NONE)
        *message = (struct message){.kind = MESSAGE_NONE};
    return violation;
}

uint32_t message_bytes(const struct message *message)
{
    assert(is_kind(message->kind));
    if (rows[message->kind].arena == ARENA_USE_NONE)
        return 0;
    assert(message->words[0] <= MESSAGE_ARENA_SIZE);
    return (uint32_t)message->words[0];
}

const char *message_name(enum message_kind kind)
{
    return is_kind(kind) ? rows[kind].name : "";
}

const char *message_state_name(enum message_state state)
{
    return (unsigned)state < MESSAGE_STATE_COUNT ? states[state].name : "";
}

const char *message_violation_text(enum message_violation violation)
{
    return (unsigned)violation < MESSAGE_VIOLATION_KINDS ? violation_texts[violation] : "";
}
