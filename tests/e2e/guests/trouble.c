// SPDX-License-Identifier: Apache-2.0
//
// A guest that goes wrong on request.
#include <pinfold_plugin.h>

PNF_IMPORT("app", "fail") void app_fail(void);
PNF_IMPORT("app", "again") int32_t app_again(int32_t depth);

static volatile int32_t sink;

PNF_EXPORT("trap") void trap(void)
{
    pnf_trap();
}

PNF_EXPORT("spin") void spin(void)
{
    for (;;)
        sink++;
}

// noinline and not a tail call, or there would be no stack to use up.
PNF_EXPORT("recurse") __attribute__((noinline)) int32_t recurse(int32_t depth)
{
    int32_t below = sink < 0 ? 0 : recurse(depth + 1);

    return below + sink;
}

PNF_EXPORT("peek") int32_t peek(uint32_t address)
{
    return *(volatile const int32_t *)(uintptr_t)address;
}

// How many pages more it gets, at most so many.
PNF_EXPORT("grow") int32_t grow(int32_t pages)
{
    int32_t count = 0;

    while (count < pages && __builtin_wasm_memory_grow(0, 1) != SIZE_MAX)
        count++;
    return count;
}

PNF_EXPORT("fail") void fail(void)
{
    app_fail();
}

PNF_EXPORT("nest") int32_t nest(int32_t depth)
{
    return depth == 0 ? 0 : 1 + app_again(depth - 1);
}

PNF_EXPORT("reverse") pnf_text reverse(uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length / 2; i++) {
        uint8_t byte = bytes[i];

        bytes[i] = bytes[length - 1 - i];
        bytes[length - 1 - i] = byte;
    }
    return pnf_text_of(bytes, length);
}
