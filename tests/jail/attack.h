// SPDX-License-Identifier: Apache-2.0
//
// What the host's side of the jail's tests says to the attacking worker, in the payload of the
// start message, and what that leaves in control memory.
#pragma once

#include <stdint.h>

enum attack_kind {
    ATTACK_NOTHING,     // the body ends at once
    ATTACK_CALL,        // one system call, its result in `result`
    ATTACK_CALL_32,     // the same number by int 0x80
    ATTACK_VSYSCALL,    // a call of the fixed page that old programs use for the time
    ATTACK_ANSWER,      // answers each message of the host until that closes
    ATTACK_SPIN,        // never ends
    ATTACK_DESCRIPTORS, // which descriptors are open: `result` counts, `bits` has the first 64
    ATTACK_ABORT,
    ATTACK_ASSERT,
    ATTACK_SMASH, // writes beyond an array on the stack
    ATTACK_FAULT, // reads from address 0
    ATTACK_TSC,   // reads the time stamp counter
    ATTACK_FILE,  // as ATTACK_CALL, with a file that the host sends as the first argument
    ATTACK_GROW   // mprotect of arguments[0] bytes that were reserved before lock-down
};

enum fault_mode {
    FAULT_NONE,
    FAULT_FAIL,   // the call fails with an errno and is not made
    FAULT_PRETEND // the call returns 0 and is not made
};

struct attack {
    uint32_t kind;
    // Bits of the arguments that are offsets in a page with `text` in it; and, from
    // ATTACK_CONTROL_SHIFT on, of those that are offsets in control memory.
    uint32_t pointers;
    int64_t number;
    uint64_t arguments[6];
    uint32_t fault_mode;
    uint32_t fault_at; // of the calls of the set-up
    int32_t fault_errno;
    char text[60];
};

enum {
    ATTACK_CONTROL_SHIFT = 8,
    ATTACK_VECTOR = 1024, // offset in the page with `text`: a struct iovec of the text, or, if
                          // there is none, of as many bytes as it may have
    ATTACK_EXIT_WENT_ON = 99,   // a call was made after the one that failed
    ATTACK_RECORD_OFFSET = 1024 // of the record in control memory
};

// At the start of control memory.
struct attack_report {
    int64_t result;
    uint64_t bits;
    uint32_t done; // the attack came to its end
    uint32_t calls;
};
