// SPDX-License-Identifier: Apache-2.0
//
// The channel between a host and one worker: control memory that both map, in which messages
// (message.h) go back and forth, one at a time. The worker may write anything anywhere at any time;
// so whatever a side decides, it decides on what it keeps in its own struct channel. Shared values
// influence only hints: whether to spin, whether to make a wake-up call. One thread at a time uses
// a channel; only channel_poison may come from another. Nothing is allocated. After channel_attach
// the worker's side makes no system call but futex and sched_yield.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sandbox/base/error.h"
#include "sandbox/channel_wait.h"
#include "sandbox/message.h"

enum {
    CHANNEL_PAGE = 4096,
    CHANNEL_CRASH_TEXT_MAX = 496 // bytes of a crash record's text
};

enum channel_result {
    CHANNEL_OK,
    CHANNEL_TIMEOUT,   // the deadline is over; the channel stays usable
    CHANNEL_DEAD,      // the other side is gone, see channel_poison
    CHANNEL_VIOLATION, // the other side broke a rule (channel->violation); for good
    CHANNEL_MISUSE     // this side's own message is not legal (channel->violation unset)
};

enum channel_side { CHANNEL_HOST, CHANNEL_WORKER };

// Why a worker is given up.
enum channel_end {
    CHANNEL_ALIVE,
    CHANNEL_DIED,  // by itself: a message that it sent before is still received
    CHANNEL_KILLED // by the host: nothing that it says counts any more
};

// What the worker says about its own end: a failed assertion and the like. Forgeable.
struct channel_crash {
    uint32_t length;                       // of the text, without the NUL
    char text[CHANNEL_CRASH_TEXT_MAX + 1]; // printable ASCII, NUL at the end
};

struct channel_arena {
    _Alignas(CHANNEL_PAGE) uint64_t words[MESSAGE_ARENA_SIZE / sizeof(uint64_t)];
};

// The control memory. First index of each pair: enum message_direction.
struct channel_memory {
    struct channel_bell bells[MESSAGE_DIRECTION_COUNT];
    struct {
        _Alignas(MESSAGE_SLOT_SIZE) struct message_slot slot;
    } slots[MESSAGE_DIRECTION_COUNT];
    _Alignas(CHANNEL_PAGE / 2) uint64_t crash_length; // zero while there is no record
    uint64_t crash_text[CHANNEL_CRASH_TEXT_MAX / sizeof(uint64_t)];
    struct channel_arena arenas[MESSAGE_DIRECTION_COUNT];
};

_Static_assert(offsetof(struct channel_memory, arenas) == CHANNEL_PAGE, "one page of control");
_Static_assert(sizeof(struct channel_memory) == CHANNEL_PAGE + 2 * MESSAGE_ARENA_SIZE, "no more");

struct channel {
    struct channel_memory *memory;    // shared; owned mapping
    int fd;                           // of the control memory; -1 if it is not the channel's
    enum channel_side side;           // which of the two this process is
    struct message_session session;   // as this side knows it
    uint64_t sent;                    // sequence of the last message sent, from 1
    uint64_t received;                // and received
    enum message_violation violation; // NONE until the other side breaks a rule
    struct channel_patience patience; // how to wait
    uint32_t end;                     // enum channel_end; atomic, since the monitor writes it
};

// Host: makes the control memory, sealed against a change of size, and maps it. The descriptor is
// for the worker; channel_forget_fd closes it once it is passed on. Errors: SYSTEM_*.
MUST_CHECK bool channel_create(struct channel *channel, struct error *error);

// Worker: maps the control memory, whose size and seals must be right. `fd` stays the caller's, who
// closes it before lock-down. Errors: SYSTEM_*, USAGE_ARGUMENT.
MUST_CHECK bool channel_attach(struct channel *channel, int fd, struct error *error);

void channel_forget_fd(struct channel *channel);

// Unmaps. Takes NULL, zeroes, and a channel that is finished already. The host must have seen the
// end of the worker and of the monitor's interest.
void channel_finish(struct channel *channel);

// The policy's `wait: hybrid | block`, for either side.
void channel_set_blocking(struct channel *channel, bool blocking);

// Sends; the depth is filled in here. The message's bytes are in the arena already. Never waits.
MUST_CHECK enum channel_result channel_send(struct channel *channel, struct message *message);

// Waits for the next message and copies it out. The deadline is in ns of CLOCK_MONOTONIC, absolute,
// so that no number of messages moves it; a worker must use CHANNEL_FOREVER, it may have no clock.
// A deadline that is over when this begins is TIMEOUT even if there is a message. `message` is zero
// unless the answer is OK.
MUST_CHECK enum channel_result channel_receive(struct channel *channel, struct message *message,
                                               uint64_t deadline_ns);

// Host, any thread: gives the worker up and releases whoever waits for it. A living worker may undo
// the release (never the verdict), so who kills poisons twice: when deciding to, and when the pidfd
// is readable. KILLED is not softened by a later DIED.
void channel_poison(struct channel *channel, enum channel_end end);

// Copies into the arena of what this side sends, or out of what it receives; each byte is read
// once. False, and nothing happens, when that is outside the arena.
MUST_CHECK bool channel_arena_write(struct channel *channel, size_t offset, const void *bytes,
                                    size_t length);
MUST_CHECK bool channel_arena_read(const struct channel *channel, size_t offset, void *bytes,
                                   size_t length);

// Worker: leaves a record for the host, cut off where it does not fit. Async-signal-safe.
void channel_crash_write(struct channel *channel, const char *text);

// Host: copies the record out, once, with everything unprintable replaced. False if there is none.
MUST_CHECK bool channel_crash_read(const struct channel *channel, struct channel_crash *crash);
