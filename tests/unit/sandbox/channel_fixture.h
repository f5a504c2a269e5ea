// SPDX-License-Identifier: Apache-2.0
//
// What the tests of the channel share: a host and a worker in one process, over one mapping, so
// that TSan sees both sides meet.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sandbox/channel.h"

#define MS     1000000ull
#define SECOND (1000 * MS)

static inline uint64_t in(uint64_t ns)
{
    return channel_now() + ns;
}

struct pair {
    struct channel host;
    struct channel worker;
};

static inline void pair_init(struct pair *pair)
{
    struct error error = {.code = ERROR_NONE};

    assert_true(channel_create(&pair->host, &error));
    pair->worker = (struct channel){.memory = pair->host.memory, .fd = -1, .side = CHANNEL_WORKER};
    channel_patience_init(&pair->worker.patience, false);
}

static inline void pair_finish(struct pair *pair)
{
    channel_finish(&pair->host);
}

static inline void pair_set_state(struct pair *pair, enum message_state state, uint32_t depth)
{
    pair->host.session = (struct message_session){.state = state, .depth = depth};
    pair->worker.session = pair->host.session;
}

static inline void expect_sent(struct channel *channel, enum message_kind kind, uint32_t count,
                               uint64_t word)
{
    struct message message = {.kind = kind, .count = count, .words = {0, word}};

    assert_int_equal(channel_send(channel, &message), CHANNEL_OK);
}

static inline void expect_violation(struct channel *channel, enum message_violation violation)
{
    struct message message;

    assert_int_equal(channel_receive(channel, &message, in(SECOND)), CHANNEL_VIOLATION);
    assert_int_equal(channel->violation, violation);
    assert_int_equal(message.kind, MESSAGE_NONE);
}

// What a hostile worker does: it puts anything into its slot, and rings.
static inline void forge(struct pair *pair, uint64_t sequence, const struct message *message)
{
    message_write(&pair->host.memory->slots[MESSAGE_TO_HOST].slot, sequence, message);
    channel_ring(&pair->host.memory->bells[MESSAGE_TO_HOST],
                 (uint32_t)sequence & CHANNEL_BELL_MASK);
}
