// SPDX-License-Identifier: Apache-2.0
//
// What plugins have that try to do the editor in examples/editor harm.
#pragma once

#include <pinfold_plugin.h>

PNF_IMPORT("buffer", "line_count") uint32_t buffer_line_count(void);
PNF_IMPORT("buffer", "replace")
void buffer_replace(uint32_t first, uint32_t count, const char *text, size_t length);
PNF_IMPORT("editor", "print") void editor_print(const char *text, size_t length);

static inline bool is_word(const char *text, size_t length, const char *word)
{
    size_t i = 0;

    while (i < length && word[i] == text[i])
        i++;
    return i == length && !word[i];
}

// So that there is something to roll back.
static inline void spoil_half(void)
{
    for (uint32_t line = 1; line <= buffer_line_count() / 2; line++)
        buffer_replace(line, 1, "spoilt", 6);
}
