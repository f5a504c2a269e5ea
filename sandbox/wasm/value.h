// SPDX-License-Identifier: Apache-2.0
/*
 * Values at run time: the 8-byte slot of frames, tables and globals. An i32 is stored zero-extended
 * to the whole slot, an f32 in its low half with the upper half undefined. A reference is 0 for
 * null; a funcref is the address of its struct function, an externref whatever the embedder gave.
 * A v128 takes two consecutive slots, lanes in the order of their addresses.
 */
#pragma once

#include <stdint.h>

union slot {
    uint64_t u64;
    uint32_t u32;
    double f64;
    float f32;
    const struct function *function;
};

_Static_assert(sizeof(union slot) == 8, "frames are addressed in 8-byte slots");
