// SPDX-License-Identifier: Apache-2.0
//
// Crashes half-way through its work, in the way that it is asked for.
#include "tests/editor/guests/guest.h"

static volatile uint32_t zero;

static __attribute__((noinline)) uint32_t recurse(uint32_t depth)
{
    return zero > depth ? 0 : recurse(depth + 1) + zero;
}

PNF_EXPORT("run") pnf_text run(uint32_t first, uint32_t last, char *arguments, size_t length)
{
    spoil_half();
    if (is_word(arguments, length, "address"))
        *(volatile char *)0x7FFFFFFF = 1;
    else if (is_word(arguments, length, "division"))
        zero = first / zero;
    else if (is_word(arguments, length, "stack"))
        zero = recurse(last);
    else if (is_word(arguments, length, "lines"))
        buffer_replace(buffer_line_count() + 2, 1, "beyond", 6);
    pnf_trap();
    return pnf_text_of(NULL, 0);
}
