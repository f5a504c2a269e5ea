// SPDX-License-Identifier: Apache-2.0
//
// What tests say to the hostile worker: an order in place of a module. Anything else in that place
// makes it the real worker, so that a hostile plugin and an honest one can live in one host.
#pragma once

#include <stdint.h>

#include "sandbox/message.h"

// How far it follows the protocol first.
enum hostile_place {
    HOSTILE_CREATED,      // nothing has been said
    HOSTILE_CONFINED,     // CONFINED is sent, START perhaps on its way
    HOSTILE_LOADING,      // START is received
    HOSTILE_PART,         // a PART of the report is sent, TAKEN perhaps on its way
    HOSTILE_LINKING,      // the report is sent
    HOSTILE_LINK_PART,    // a PART of the link message is received
    HOSTILE_STARTING,     // LINK is received
    HOSTILE_START_IMPORT, // the start function has called
    HOSTILE_READY,        // LOADED is sent
    HOSTILE_RUNNING,      // a call is received
    HOSTILE_OUTPUT,       // output is sent in it
    HOSTILE_ASKING,       // a file is asked for in it
    HOSTILE_IMPORT,       // it has called a host function
    HOSTILE_NESTED,       // and that has called back
    HOSTILE_RETURNED,     // a call has been answered properly
    HOSTILE_PLACES
};

// What it does then. It does not come back but from those that say so.
enum hostile_act {
    HOSTILE_NOISE,   // random bytes over everything that is shared
    HOSTILE_QUIET,   // the same, but for the bell that would wake the host
    HOSTILE_CONTROL, // near misses in bells and slots, and wake-up calls
    HOSTILE_WANDER,  // messages picked at random, most of them legal; then NOISE
    HOSTILE_FLIP,    // answers the call, and changes the answer's words back and forth
    HOSTILE_SILENCE, // nothing any more
    HOSTILE_EXIT,    // ends, orderly as it were
    HOSTILE_FAULT,   // dies by a signal
    HOSTILE_FORGE,   // one message, as the order has it; goes on with SILENCE
    HOSTILE_LATE,    // the same without a bell
    HOSTILE_LORIS,   // a legal message every so many ms; for ever
    HOSTILE_TOGGLE,  // both flags of sleepers up and down, as fast as can be
    HOSTILE_WAKE,    // the same with wake-up calls for bells that did not ring
    HOSTILE_ASK,     // asks for files at random, most of it legal
    HOSTILE_FLOOD,   // has files opened for ever; takes only the first `number` of them
    HOSTILE_HONEST,  // plays by the rules for ever
    HOSTILE_ACTS
};

enum {
    HOSTILE_MAGIC = 0x68737466,
    HOSTILE_FRAME_MAX = 256,
    HOSTILE_IMPORTS_MAX = 4000 // more than a message holds, of report and of link
};

// The module that it claims to have:
// (export "run" (func (result i32)))    which returns HOSTILE_RESULT
// (export "text" (func (result i64)))   a str, which is empty
// and these imports, then more of `pause`.
enum hostile_import {
    HOSTILE_IMPORT_AGAIN, // (import "app" "again" (func (param i32) (result i32)))
    HOSTILE_IMPORT_PAUSE, // (import "app" "pause" (func))
    HOSTILE_IMPORT_NOTE,  // (import "app" "note" (func (param i32 i32)))   a str
    HOSTILE_IMPORT_WASI,  // (import "wasi_snapshot_preview1" "sched_yield" (func (result i32)))
    HOSTILE_IMPORTS       // at least
};
enum { HOSTILE_RESULT = 42 };

struct hostile_order {
    uint32_t magic;
    uint32_t place;
    uint32_t act;
    uint32_t imports;
    uint64_t seed;
    uint64_t number; // LORIS: ms between messages; FLOOD: files that are taken
    // FORGE and LATE: sequence and depth are added to the right ones, the others are as they are.
    struct message_slot slot;
    uint8_t frame[HOSTILE_FRAME_MAX]; // in the arena, if `frame_length` is not 0
    uint32_t frame_length;
    uint32_t bell; // added to the right one
};
