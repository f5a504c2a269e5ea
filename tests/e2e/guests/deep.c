// SPDX-License-Identifier: Apache-2.0
//
// Goes down with arrays on its stack, of which the linker has made 64 KiB: 50 frames fit, 100 do
// not. tests/e2e/meson.build links it in several layouts.
static volatile char table[2000] = {1};

__attribute__((noinline)) static int deep(int depth, const volatile char *above)
{
    volatile char room[1024];

    room[0] = (char)depth;
    if (depth == 0)
        return above[0];
    return deep(depth - 1, room) + room[0];
}

__attribute__((export_name("dive"))) int dive(int depth)
{
    volatile char first = table[0];

    table[1] = (char)depth;
    return deep(depth, &first);
}
