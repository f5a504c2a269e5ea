// SPDX-License-Identifier: Apache-2.0
//
// Waiting for a bell in shared memory, in three stages: pauses, only against a peer that last ran
// on another processor; then yields; then futex. The first two adapt to what worked lately, and a
// yield that took long (other jobs wanted the processor) switches yields off for a second. The
// bell's value only ends the wait: what arrived is checked elsewhere. Behind channel.h, which is
// what others use.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
    CHANNEL_LINE = 64, // of the cache
    // Pauses, of about 16 ns: less than it takes to sleep and be woken on another processor, and
    // enough for a short call with its bytes, or for the copy of an arena.
    CHANNEL_SPINS_MAX = 512,
    CHANNEL_YIELDS_MAX = 8,   // of one wait
    CHANNEL_PROBE = 16,       // each of so many waits tries everything again
    CHANNEL_NO_CPU = 0xffffff // where a processor does not tell its number
};

#define CHANNEL_FOREVER UINT64_MAX // a deadline that never comes

#define CHANNEL_SLOW_YIELD_NS 50000u      // a yield above this gave a slice of time to another job
#define CHANNEL_CALM_NS       1000000000u // for so long no yields after such a one
#define CHANNEL_BELL_MASK     0x7fffffffu // the bell shows these bits of a sequence number,
#define CHANNEL_BELL_POISON   0x80000000u // and this one never

// One direction's. The first line is written by the sender, the second by the receiver.
struct channel_bell {
    _Alignas(CHANNEL_LINE) uint32_t sequence; // low bits of the last message's; the futex word
    uint32_t cpu;                             // hint: where the sender ran
    _Alignas(CHANNEL_LINE) uint32_t sleeping; // whether ringing needs a wake-up call
    uint32_t calm;                            // hint: yields are slow now; the host's word only
};

// Private to each side.
struct channel_patience {
    uint32_t spins;   // pauses to try next time
    uint32_t yields;  // and yields
    uint32_t waits;   // so far, wrapping
    bool blocking;    // neither: straight to the futex
    bool has_clock;   // the host's side
    uint64_t calm_to; // no yields before this time; host only
};

struct channel_wait {
    struct channel_bell *bell;         // shared
    uint32_t seen;                     // the bell's value so far
    const uint32_t *end;               // private, atomic: nonzero ends the wait
    const struct channel_bell *answer; // the other direction's, which carries the host's hint
    uint64_t deadline_ns;
};

// Now, in ns of CLOCK_MONOTONIC. For the host: the worker may have no clock.
uint64_t channel_now(void);

void channel_patience_init(struct channel_patience *patience, bool has_clock);

// True when the bell differs from `seen` or the end has come, false when the deadline has. A worker
// (no clock) has no deadline.
bool channel_wait(const struct channel_wait *wait, struct channel_patience *patience);

// Shows a new sequence, and wakes the receiver if it sleeps.
void channel_ring(struct channel_bell *bell, uint32_t sequence);

// The host's monitor: changes the bell whatever it shows, and wakes.
void channel_ring_poison(struct channel_bell *bell);
