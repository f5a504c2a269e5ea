// SPDX-License-Identifier: Apache-2.0
//
// Messages between host and worker: the table (message.def), the session's state as each side keeps
// it for itself, and the codec of a slot in shared memory. A message is copied out of its slot
// once; only the copy is checked and only the copy is used. A message that breaks a rule is a
// violation, which says which rule; nothing is repaired. Neither allocates nor makes a system call.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sandbox/base/error.h"

enum {
    MESSAGE_PROTOCOL = 2,           // what CONFINED carries; host and worker must agree
    MESSAGE_WORDS_MAX = 12,         // 64-bit words of one message
    MESSAGE_DEPTH_MAX = 8,          // calls inside each other, through host functions
    MESSAGE_ARENA_SIZE = 64 * 1024, // bytes of each direction's arena
    MESSAGE_SLOT_SIZE = 128
};

// In place of an export index: the name of the export is in the arena.
#define MESSAGE_BY_NAME UINT64_MAX

enum message_kind {
    MESSAGE_NONE = 0,
#define MESSAGE(NAME_, FROM_, LEGAL_IN_, LEADS_, WORDS_MIN_, WORDS_MAX_, ARENA_) MESSAGE_##NAME_,
#include "sandbox/message.def"
#undef MESSAGE
    MESSAGE_KIND_COUNT
};

enum message_direction { MESSAGE_TO_WORKER, MESSAGE_TO_HOST, MESSAGE_DIRECTION_COUNT };

// The turn of each is in brackets.
enum message_state {
    MESSAGE_STATE_CREATED,      // [worker] confines itself
    MESSAGE_STATE_CONFINED,     // [host] parked, without policy and module
    MESSAGE_STATE_LOADING,      // [worker] decodes and validates
    MESSAGE_STATE_LINKING,      // [host] has the report, matches imports
    MESSAGE_STATE_STARTING,     // [worker] instantiates, runs the start function
    MESSAGE_STATE_START_IMPORT, // [host] a host function that the start function called
    MESSAGE_STATE_READY,        // [host]
    MESSAGE_STATE_RUNNING,      // [worker] call number `depth`
    MESSAGE_STATE_IMPORT,       // [host] a host function that call number `depth` called
    MESSAGE_STATE_TAKING,       // [whose turn it was not] reads the arena
    MESSAGE_STATE_ASKING,       // [host] looks for a file
    MESSAGE_STATE_ENDED,        // [nobody]
    MESSAGE_STATE_COUNT
};

// Private to each side; zero is the state of a new worker.
struct message_session {
    enum message_state state;
    enum message_state resume; // where TAKING and ASKING go back to
    uint32_t depth;            // calls that have not returned, at most MESSAGE_DEPTH_MAX
};

struct message {
    enum message_kind kind;
    uint32_t depth; // of the call that it is about, CALL: that it begins; 0 outside of calls
    uint32_t count; // words in use; the others are zero
    uint64_t words[MESSAGE_WORDS_MAX];
};

// Which rule a message broke, in the order in which they are checked.
enum message_violation {
    MESSAGE_VIOLATION_NONE,
    MESSAGE_VIOLATION_SEQUENCE,  // not exactly the number after the last one
    MESSAGE_VIOLATION_KIND,      // no such message
    MESSAGE_VIOLATION_DIRECTION, // the other side's message
    MESSAGE_VIOLATION_STATE,     // not legal now
    MESSAGE_VIOLATION_DEPTH,     // about another call than the innermost, or one too deep
    MESSAGE_VIOLATION_COUNT,     // too few or too many words
    MESSAGE_VIOLATION_LENGTH,    // more bytes than an arena holds
    MESSAGE_VIOLATION_KINDS
};

// A message in shared memory. Only atomic accesses, only from message.c.
struct message_slot {
    uint64_t sequence;
    uint64_t kind;
    uint64_t depth;
    uint64_t count;
    uint64_t words[MESSAGE_WORDS_MAX];
};

_Static_assert(sizeof(struct message_slot) == MESSAGE_SLOT_SIZE, "no padding in shared memory");

// Whether that side may send that message now. False for numbers that are no kind.
bool message_legal(const struct message_session *session, enum message_direction direction,
                   enum message_kind kind);

// The depth that a message sent now has to carry.
uint32_t message_depth(const struct message_session *session, enum message_kind kind);

// The first rule that a private message breaks, but for the sequence.
enum message_violation message_check(const struct message_session *session,
                                     enum message_direction direction,
                                     const struct message *message) MUST_CHECK;

// Moves the session on. The message must have passed message_check.
void message_advance(struct message_session *session, enum message_kind kind);

// Writes a message that was checked. Whoever rings the bell afterwards publishes it.
void message_write(struct message_slot *slot, uint64_t sequence, const struct message *message);

// Copies the slot once, without looking twice at any word of it, and checks the copy. `message` is
// zero unless the answer is NONE; the session stays as it is.
enum message_violation message_read(const struct message_slot *slot, uint64_t sequence,
                                    const struct message_session *session,
                                    enum message_direction direction,
                                    struct message *message) MUST_CHECK;

// Bytes of the arena that belong to a message that was checked.
uint32_t message_bytes(const struct message *message);

// Words for logs: "HOST_CALL", "running", "message not legal in this state"; "" for other numbers.
const char *message_name(enum message_kind kind);
const char *message_state_name(enum message_state state);
const char *message_violation_text(enum message_violation violation);
