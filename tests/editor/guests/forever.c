// SPDX-License-Identifier: Apache-2.0
//
// Never ends: by itself, or by calling the editor again and again.
#include "tests/editor/guests/guest.h"

PNF_EXPORT("run") pnf_text run(uint32_t first, uint32_t last, char *arguments, size_t length)
{
    bool calls = is_word(arguments, length, "calls");
    volatile uint32_t sink = first + last;

    spoil_half();
    editor_print("looping", 7);
    for (;;)
        sink += calls ? buffer_line_count() : 1;
}
