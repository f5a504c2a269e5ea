// SPDX-License-Identifier: Apache-2.0
//
// What a hostile worker may do to the host through the control memory. The input is a state to
// begin in and a list of steps: messages as an honest worker sends them, damage to them, bytes
// written anywhere, and what the host does in between. So most inputs stay inside the protocol for
// a while. Whatever happens, the host must see legal messages, one violation for good, or nothing.
#include "sandbox/channel.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    const uint8_t *bytes;
    size_t left;
};

struct round {
    struct channel *host;
    struct input input;
    struct message message; // the last one received, kind MESSAGE_NONE before the first
};

static void must(bool condition)
{
    if (!condition)
        abort();
}

static uint8_t next_byte(struct input *input)
{
    if (input->left == 0)
        return 0;
    input->left--;
    return *input->bytes++;
}

// Small numbers, numbers around limits, and any other.
static uint64_t next_number(struct input *input)
{
    uint8_t form = next_byte(input);
    uint64_t number = 0;

    switch (form % 5) {
    case 0:
        return form / 5;
    case 1:
        return UINT64_MAX - form / 5;
    case 2:
        return (uint64_t)1 << form / 5;
    case 3:
        return MESSAGE_ARENA_SIZE - 25u + form / 5;
    default:
        for (int i = 0; i < 8; i++)
            number = number << 8 | next_byte(input);
        return number;
    }
}

static void begin(struct channel *host, struct input *input)
{
    enum message_state state = (enum message_state)(next_byte(input) % MESSAGE_STATE_COUNT);
    enum message_state resume = (enum message_state)(next_byte(input) % MESSAGE_STATE_TAKING);
    enum message_state inner = state == MESSAGE_STATE_TAKING ? resume : state;
    uint32_t depth = 1 + next_byte(input) % MESSAGE_DEPTH_MAX;
    bool in_call = inner == MESSAGE_STATE_RUNNING || inner == MESSAGE_STATE_IMPORT;

    memset(host->memory, 0, CHANNEL_PAGE);
    host->session =
        (struct message_session){.state = state, .resume = resume, .depth = in_call ? depth : 0};
    host->sent = host->received = 0;
    host->violation = MESSAGE_VIOLATION_NONE;
    host->end = CHANNEL_ALIVE;
    channel_patience_init(&host->patience, true);
    channel_set_blocking(host, true);
}

// The legal message that a number picks; NONE if there is none.
static enum message_kind pick_legal(const struct channel *host, enum message_direction direction,
                                    uint8_t number)
{
    for (uint32_t i = 0; i < MESSAGE_KIND_COUNT; i++) {
        enum message_kind kind = (enum message_kind)((number + i) % MESSAGE_KIND_COUNT);

        if (message_legal(&host->session, direction, kind))
            return kind;
    }
    return MESSAGE_NONE;
}

// As many words as the message has to have at least, and up to three more if it may.
static void fill(struct message *message, const struct channel *host,
                 enum message_direction direction, struct input *input)
{
    uint32_t more = next_byte(input) % 4;

    message->depth = message_depth(&host->session, message->kind);
    message->count = 0;
    while (message->count < MESSAGE_WORDS_MAX &&
           message_check(&host->session, direction, message) == MESSAGE_VIOLATION_COUNT)
        message->count++;
    message->count += more;
    if (message->count > MESSAGE_WORDS_MAX ||
        message_check(&host->session, direction, message) != MESSAGE_VIOLATION_NONE)
        message->count -= more;
    for (uint32_t i = 0; i < message->count; i++)
        message->words[i] = next_number(input) >> (i == 0 ? 48 : 0);
}

static void ring(struct channel *host, uint64_t sequence)
{
    __atomic_store_n(&host->memory->bells[MESSAGE_TO_HOST].sequence,
                     (uint32_t)sequence & CHANNEL_BELL_MASK, __ATOMIC_RELEASE);
}

static void worker_sends(struct round *round)
{
    struct channel *host = round->host;
    struct message message = {.kind = pick_legal(host, MESSAGE_TO_HOST, next_byte(&round->input))};

    fill(&message, host, MESSAGE_TO_HOST, &round->input);
    message_write(&host->memory->slots[MESSAGE_TO_HOST].slot, host->received + 1, &message);
    ring(host, host->received + 1);
}

static void worker_changes_a_word(struct round *round)
{
    struct message_slot *slot = &round->host->memory->slots[MESSAGE_TO_HOST].slot;
    uint8_t which = next_byte(&round->input) % 16;

    ((uint64_t *)slot)[which] = next_number(&round->input);
}

static void worker_writes_anywhere(struct round *round)
{
    size_t at = next_byte(&round->input) * (size_t)256 + next_byte(&round->input);
    size_t length = next_byte(&round->input) % 32;
    uint8_t *memory = (uint8_t *)round->host->memory;

    for (size_t i = 0; i < length; i++)
        memory[(at + i) % (2 * CHANNEL_PAGE)] = next_byte(&round->input);
}

static void check_message(struct round *round, const struct message_session *before)
{
    static uint8_t bytes[MESSAGE_ARENA_SIZE];
    struct channel *host = round->host;

    must(message_check(before, MESSAGE_TO_HOST, &round->message) == MESSAGE_VIOLATION_NONE);
    must(message_name(round->message.kind)[0] != '\0');
    must(host->session.depth <= MESSAGE_DEPTH_MAX);
    must(!message_legal(&host->session, MESSAGE_TO_HOST, round->message.kind));
    must(channel_arena_read(host, 0, bytes, message_bytes(&round->message)));
}

static void host_receives(struct round *round)
{
    struct channel *host = round->host;
    struct message_session before = host->session;
    enum message_violation violation = host->violation;
    uint64_t received = host->received;
    bool rings = host->memory->bells[MESSAGE_TO_HOST].sequence != (uint32_t)received;
    enum channel_result result =
        channel_receive(host, &round->message, channel_now() + (rings ? 1000000000u : 500u));

    must(result != CHANNEL_MISUSE);
    must(violation == MESSAGE_VIOLATION_NONE || result == CHANNEL_VIOLATION);
    must((result == CHANNEL_VIOLATION) == (host->violation != MESSAGE_VIOLATION_NONE));
    must(host->received == received + (result == CHANNEL_OK));
    if (result == CHANNEL_OK)
        check_message(round, &before);
    else
        must(round->message.kind == MESSAGE_NONE &&
             memcmp(&before, &host->session, sizeof before) == 0);
}

static void host_sends(struct round *round)
{
    struct channel *host = round->host;
    struct message message = {.kind =
                                  pick_legal(host, MESSAGE_TO_WORKER, next_byte(&round->input))};
    enum channel_result result;

    if (message.kind == MESSAGE_NONE)
        return;
    fill(&message, host, MESSAGE_TO_WORKER, &round->input);
    result = channel_send(host, &message);
    must(result == CHANNEL_OK || result == CHANNEL_MISUSE || host->violation || host->end);
}

static void host_reads_what_is_left(struct round *round)
{
    struct channel_crash crash;
    uint8_t bytes[64];
    uint64_t offset = next_number(&round->input);

    if (channel_crash_read(round->host, &crash)) {
        must(strlen(crash.text) == crash.length);
        must(crash.length <= CHANNEL_CRASH_TEXT_MAX);
    }
    must(channel_arena_read(round->host, offset, bytes, sizeof bytes) ==
         (offset <= MESSAGE_ARENA_SIZE - sizeof bytes));
}

static void worker_ends(struct round *round)
{
    channel_poison(round->host, next_byte(&round->input) % 2 ? CHANNEL_DIED : CHANNEL_KILLED);
}

static void step(struct round *round)
{
    static void (*const steps[])(struct round *) = {
        worker_sends,
        worker_sends,
        host_receives,
        host_receives,
        host_sends,
        host_sends,
        worker_changes_a_word,
        worker_writes_anywhere,
        host_reads_what_is_left,
    };
    uint8_t which = next_byte(&round->input);

    if (which == 255)
        worker_ends(round);
    else
        steps[which % (sizeof steps / sizeof steps[0])](round);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct channel host;
    struct error error = {.code = ERROR_NONE};
    struct round round = {.host = &host, .input = {.bytes = data, .left = size}};

    if (!host.memory)
        must(channel_create(&host, &error));
    begin(&host, &round.input);
    while (round.input.left > 0)
        step(&round);
    return 0;
}
