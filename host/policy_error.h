// SPDX-License-Identifier: Apache-2.0
//
// What is wrong with a policy, and where. The first error wins, as with struct error. Messages are
// one line of printable ASCII, whatever the file holds: they end up in terminals and logs.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sandbox/base/error.h"

enum {
    POLICY_MESSAGE_SIZE = 320,
    POLICY_QUOTE_SIZE = 64 // of policy_quote's result, its NUL included
};

struct policy_error {
    uint32_t line;                     // from 1; 0 if it is about no place in the text
    uint32_t column;                   // in characters, from 1
    char message[POLICY_MESSAGE_SIZE]; // "" while nothing went wrong
};

// Sets `error` unless it is set, and always returns false.
bool policy_error_set(struct policy_error *error, uint32_t line, uint32_t column,
                      const char *format, ...) __attribute__((format(printf, 4, 5)));

void policy_error_clear(struct policy_error *error);

// A text as it may be shown: in single quotes, everything but printable ASCII as \xNN, cut off with
// "..." where it is long. Fills `quote`, which must have POLICY_QUOTE_SIZE bytes, and returns it.
const char *policy_quote(char *quote, const char *text, size_t length);

// Copies a text for showing, without quotes: not printable as "?", cut off where `size` ends.
void policy_show(char *shown, size_t size, const char *text);
