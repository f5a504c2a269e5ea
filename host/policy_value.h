// SPDX-License-Identifier: Apache-2.0
//
// Values of a policy as text: sizes, durations, rates, words, in the documented forms and no
// others. Used for scalars of the file and options of the command line alike. Knows no YAML.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/policy_error.h"
#include "sandbox/policy_key.h"

enum {
    POLICY_VALUE_SIZE = 64 // of policy_value_format's result, its NUL included
};

// What the key's type is called, and how its values are written.
const char *policy_value_type_name(enum policy_type type);
const char *policy_value_forms(enum policy_type type);

// Parses a number or word; bounds and support are checked. The error has no place yet.
MUST_CHECK bool policy_value_parse(enum policy_key key, const char *text, size_t length,
                                   uint64_t *value, struct policy_error *error);

// Parses 64 hexadecimal digits, the key's value, into 32 bytes.
MUST_CHECK bool policy_value_parse_sha256(enum policy_key key, const char *text, size_t length,
                                          uint8_t *bytes, struct policy_error *error);

// The error of a key's value, which is shown, and of one that was taken no further. Always false.
bool policy_value_fail(struct policy_error *error, enum policy_key key, const char *text,
                       size_t length, const char *problem);
bool policy_value_fail_as(struct policy_error *error, enum policy_key key,
                          const struct error *below);

// The path of a value, from `folder` on if it is relative and that is not NULL. `what` it is of, as
// "a module", is for the error. Fills `joined`, of `size` bytes.
MUST_CHECK bool policy_value_path(enum policy_key key, const char *what, const char *folder,
                                  const char *path, size_t length, char *joined, size_t size,
                                  struct policy_error *error);

// The shortest exact form that policy_value_parse takes, or "none" and "automatic" for what cannot
// be written. Fills `text`, which must have POLICY_VALUE_SIZE bytes, and returns it.
const char *policy_value_format(enum policy_key key, uint64_t value, char *text);

// How many single changes (insert, delete, replace, swap neighbours) make one text the other; a
// large number for long ones.
unsigned policy_value_distance(const char *left, size_t left_length, const char *right,
                               size_t right_length);

// Whether `text` is so near to `word` that it was probably meant.
bool policy_value_is_near(const char *text, size_t length, const char *word);
