// SPDX-License-Identifier: Apache-2.0
//
// The text of a policy before YAML sees it: what it may consist of. Everything that could make a
// person and the parser read different things is refused here: other encodings, marks that turn the
// direction of writing, characters that only YAML takes for the end of a line.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/policy_error.h"

enum { POLICY_SOURCE_BYTES_MAX = 64 * 1024 };

// Whether the text is one that may be parsed: not too long, UTF-8 without a byte order mark, lines
// that end in LF or CR LF, no tabs and no other control or direction characters.
MUST_CHECK bool policy_source_check(const char *text, size_t size, struct policy_error *error);

// A place in a text, counted in characters as libyaml does.
struct policy_cursor {
    const char *text; // borrowed; passed policy_source_check
    size_t size;
    size_t byte;
    size_t character;
};

// The byte at a character, or NUL at the end. Costs the way from the place asked for before.
char policy_cursor_at(struct policy_cursor *cursor, size_t character);
