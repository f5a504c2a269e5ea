// SPDX-License-Identifier: Apache-2.0
//
// The document: lines of any bytes but newline, numbered from 1. Lines are shared between copies,
// so that a copy, which is what undoing and rolling back are made of, costs a pointer each.
#pragma once

#include <stdbool.h>
#include <stddef.h>

// What a document may have at most: plugins write into it, and the memory is the editor's.
enum { BUFFER_BYTES_MAX = 16 * 1024 * 1024, BUFFER_LINES_MAX = 1024 * 1024 };

struct line {
    size_t uses; // copies of the document that have it
    size_t length;
    char text[];
};

// All zero is an empty document.
struct buffer {
    struct line **lines;
    size_t count;
    size_t bytes; // newlines included
    bool changed; // since it was copied or read
};

// False without memory; `to` is then empty.
bool buffer_copy(struct buffer *to, const struct buffer *from);
void buffer_finish(struct buffer *buffer);

// Puts the lines of a text in the place of `count` lines from `first` on; the last newline may be
// missing. An empty text deletes, a count of 0 inserts before `first`. NULL, or why not: then
// nothing has changed.
const char *buffer_replace(struct buffer *buffer, size_t first, size_t count, const char *text,
                           size_t length);

// Lines with their newlines, for the caller to free; NULL without memory. The range must be there.
char *buffer_text(const struct buffer *buffer, size_t first, size_t count, size_t *length);

// NULL, or why not.
const char *buffer_read(struct buffer *buffer, const char *path);
const char *buffer_write(const struct buffer *buffer, const char *path);
