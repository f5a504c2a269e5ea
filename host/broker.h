// SPDX-License-Identifier: Apache-2.0
//
// The broker of a plugin's files: opens what the policy's dirs grant, looks up what the worker asks
// for beneath them (beneath.h), and does what has to be done by path. Requests are hostile; what is
// not granted is refused here, whatever the worker's own rights say. One thread at a time.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/beneath.h"
#include "sandbox/base/error.h"
#include "sandbox/file_request.h"
#include "sandbox/policy.h"

enum {
    BROKER_OPEN_MAX = 64, // of limits.open_files what there are handles for
    BROKER_HANDLES_MAX = POLICY_DIRS_MAX + BROKER_OPEN_MAX
};

// What a handle stands for. `place.root` is -1 while it is free, a file's own descriptor if it is
// one.
struct broker_entry {
    struct beneath place;
    int listing; // the directory, open for reading; -1 until it is read
    bool is_file;
    bool may_write;
};

struct broker {
    struct broker_entry entries[BROKER_HANDLES_MAX]; // the grants first
    uint32_t grant_count;
    uint32_t count; // entries that may be in use
};

// Opens the directories of a policy, whose host paths are absolute and free of symbolic links: one
// that has become a link meanwhile is refused. Errors: USAGE_ARGUMENT, which names the directory.
MUST_CHECK bool broker_open(struct broker *broker, const struct policy *policy,
                            struct error *error);

// Takes zeroes, and one that is closed.
void broker_close(struct broker *broker);

// Serves a request but READ_INPUT. What belongs to the answer goes to `bytes`, of which `length` is
// the room, and then how much there is. `*descriptor` is the file that was opened, or -1; it then
// goes to broker_sent.
void broker_serve(struct broker *broker, const struct file_request *request,
                  struct file_answer *answer, uint8_t *bytes, size_t *length, int *descriptor);

// The descriptor of an answer was sent, with what came of it: 0, or an errno, which becomes the
// answer. Closes it, unless the broker keeps it.
void broker_sent(struct broker *broker, struct file_answer *answer, int descriptor, int error);
