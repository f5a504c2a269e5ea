// SPDX-License-Identifier: Apache-2.0
//
// The guest's descriptors. Their numbers are their own, the lowest free one first: standard input
// and outputs are 0 to 2, the preopened directories follow in the policy's order, then comes what
// the guest opens. A table is some numbers; nothing here makes a system call.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sandbox/policy.h"

enum {
    DESCRIPTOR_STDIO_COUNT = 3,
    DESCRIPTOR_OPENED_MAX = 64, // what limits.open_files is at most
    DESCRIPTOR_TABLE_SIZE = DESCRIPTOR_STDIO_COUNT + POLICY_DIRS_MAX + DESCRIPTOR_OPENED_MAX
};

enum descriptor_kind {
    DESCRIPTOR_FREE,
    DESCRIPTOR_INPUT,
    DESCRIPTOR_OUTPUT,
    DESCRIPTOR_FILE,
    DESCRIPTOR_DIRECTORY
};

enum descriptor_flag {
    DESCRIPTOR_APPEND = 1 << 0,
    DESCRIPTOR_DATA_SYNC = 1 << 1,
    DESCRIPTOR_NONBLOCKING = 1 << 2,
    DESCRIPTOR_READ_SYNC = 1 << 3,
    DESCRIPTOR_SYNC = 1 << 4,
    DESCRIPTOR_FLAGS = (1 << 5) - 1
};

struct descriptor {
    enum descriptor_kind kind;
    uint32_t type;   // enum file_type
    uint32_t flags;  // enum descriptor_flag
    uint32_t stream; // of outputs: which of the two, by the number that it had at first
    bool preopened;  // a directory of the policy's, of which `handle` is the index
    uint32_t handle; // the host's (sandbox/file_request.h); FILE_NO_HANDLE: there is none
    int file;        // the process's descriptor of a file; else -1
    uint64_t rights;
    uint64_t inheriting; // the rights that what is opened beneath it can have
};

struct descriptor_table {
    uint32_t opened; // by the guest
    uint32_t opened_max;
    struct descriptor entries[DESCRIPTOR_TABLE_SIZE];
};

void descriptor_table_init(struct descriptor_table *table, const struct policy *policy);

// The open descriptor of that number; NULL if there is none. Stays where it is until the number is
// closed.
struct descriptor *descriptor_at(struct descriptor_table *table, uint32_t number);

// Whether the guest may open one more.
bool descriptor_has_room(const struct descriptor_table *table);

// Takes over one that the guest opened, for which there is room: its number.
uint32_t descriptor_add(struct descriptor_table *table, const struct descriptor *descriptor);

// Forgets an open descriptor, whose number is free then. What it stood for is the caller's to
// close.
void descriptor_remove(struct descriptor_table *table, uint32_t number);

// Moves an open descriptor to the free number `to`; `from` is free then.
void descriptor_move(struct descriptor_table *table, uint32_t from, uint32_t to);
