// SPDX-License-Identifier: Apache-2.0
//
// A bump allocator over one contiguous range of addresses. The range is reserved at the start
// (PROT_NONE, so it costs nothing and RLIMIT_DATA does not count it) and made accessible step by
// step, so what it handed out never moves. Memory comes zeroed. Nothing is freed one by one: the
// arena is rewound to a mark, or finished as a whole. Not for more than one thread at a time.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sandbox/base/error.h"

enum {
    ARENA_GRANULE = 64 * 1024,     // ranges are reserved and committed in multiples of this
    ARENA_ALIGNMENT_MAX = 4 * 1024 // the largest alignment arena_alloc takes
};

struct arena {
    uint8_t *base;    // start of the range; NULL before arena_init and after arena_finish
    size_t used;      // bytes handed out; everything in [used, committed) is zero
    size_t committed; // bytes that can be read and written, a multiple of ARENA_GRANULE
    size_t reserved;  // bytes of addresses, a multiple of ARENA_GRANULE
};

// Reserves at least `reserve_bytes` of addresses, which is also the arena's limit. Errors:
// LIMIT_MEMORY for a size that no address space has, SYSTEM_RESERVE.
MUST_CHECK bool arena_init(struct arena *arena, size_t reserve_bytes, struct error *error);

// The slow path of arena_alloc: commits more and tries again. Not for others.
void *arena_alloc_slow(struct arena *arena, size_t size, size_t alignment);

// `size` zeroed bytes, aligned to `alignment` (a power of two, at most ARENA_ALIGNMENT_MAX), or
// NULL when the reservation is used up or the kernel refuses. Size 0 gives an address that must
// not be read. The memory lives until the arena is released to an earlier mark or finished.
static inline void *arena_alloc(struct arena *arena, size_t size, size_t alignment)
{
    size_t start = (arena->used + (alignment - 1)) & ~(alignment - 1);

    // No wrap-around: `used` is at most `reserved`, far below the maximum of size_t.
    if (__builtin_expect(start <= arena->committed && size <= arena->committed - start, 1)) {
        arena->used = start + size;
        return arena->base + start;
    }
    return arena_alloc_slow(arena, size, alignment);
}

// An array of `count` elements of `size` bytes each, zeroed and aligned for any type of that size
// up to 16 bytes of alignment; NULL also when the product overflows.
void *arena_array(struct arena *arena, size_t count, size_t size);

// Makes [0, used) accessible and handed out, for one array that is the arena's only user and grows
// in place at `arena->base`. Never shrinks. False (arena unchanged) when it does not fit.
MUST_CHECK bool arena_commit(struct arena *arena, size_t used);

// The present fill, for arena_release.
static inline size_t arena_mark(const struct arena *arena)
{
    return arena->used;
}

// Rewinds to a mark: what was handed out since is gone, and zero when handed out again. A large
// part is given back to the kernel, though it stays committed.
void arena_release(struct arena *arena, size_t mark);

// Gives what is not handed out back to the kernel, so that RLIMIT_DATA no longer counts it either,
// but for the first `keep` bytes of the arena. It is committed again when needed.
void arena_shrink(struct arena *arena, size_t keep);

// Unmaps everything. Takes NULL, an arena of zeroes, and one that is already finished.
void arena_finish(struct arena *arena);
