// SPDX-License-Identifier: Apache-2.0
//
// Eats memory: its own and touches all of it, or the editor's.
#include "tests/editor/guests/guest.h"

enum { PAGE_SIZE = 65536, CHUNK_SIZE = 1024 * 1024 };

static void eat_own(void)
{
    for (size_t at = __builtin_wasm_memory_size(0) * PAGE_SIZE;; at += PAGE_SIZE) {
        // What it gets is of no interest to it.
        __builtin_wasm_memory_grow(0, 1);
        for (size_t i = 0; i < PAGE_SIZE; i += 1024)
            *(volatile char *)(at + i) = 1;
    }
}

static void eat_the_editors(void)
{
    char *chunk = pnf_alloc(CHUNK_SIZE);

    for (size_t i = 0; i < CHUNK_SIZE; i++)
        chunk[i] = i % 1024 ? 'x' : '\n';
    for (;;)
        buffer_replace(1, 0, chunk, CHUNK_SIZE);
}

PNF_EXPORT("run") pnf_text run(uint32_t first, uint32_t last, char *arguments, size_t length)
{
    (void)first;
    (void)last;
    spoil_half();
    if (is_word(arguments, length, "editor"))
        eat_the_editors();
    eat_own();
    return pnf_text_of(NULL, 0);
}
