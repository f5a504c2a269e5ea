// SPDX-License-Identifier: Apache-2.0
#include "sandbox/base/arena.h"

#include <assert.h>
#include <string.h>
#include <sys/mman.h>

#include "sandbox/base/checked.h"

enum {
    STEP_LARGE = 1024 * 1024,        // committed at a time once an arena is that large
    GIVE_BACK_MIN = 4 * 1024 * 1024, // released parts of this size go back to the kernel
    MARGIN = ARENA_GRANULE           // of `reserved` below SIZE_MAX: offsets cannot wrap
};

bool arena_init(struct arena *arena, size_t reserve_bytes, struct error *error)
{
    size_t reserved;
    void *base;

    *arena = (struct arena){.base = NULL};
    if (!checked_align_up(reserve_bytes, ARENA_GRANULE, &reserved) || reserved > SIZE_MAX - MARGIN)
        return error_set(error, ERROR_LIMIT_MEMORY, 0, "an arena of %zu bytes", reserve_bytes);
    if (reserved == 0)
        reserved = ARENA_GRANULE;
    base = mmap(NULL, reserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED)
        return error_set(error, ERROR_SYSTEM_RESERVE, 0, "an arena of %zu bytes", reserve_bytes);
    arena->base = base;
    arena->reserved = reserved;
    return true;
}

// Makes [0, committed) accessible; `committed` is a multiple of the granule.
static bool commit_to(struct arena *arena, size_t committed)
{
    if (mprotect(arena->base + arena->committed, committed - arena->committed,
                 PROT_READ | PROT_WRITE) != 0)
        return false;
    arena->committed = committed;
    return true;
}

// Makes [0, end) accessible, and some more if that is to be had, to come here less often.
static bool commit_at_least(struct arena *arena, size_t end)
{
    size_t step = arena->committed < STEP_LARGE ? ARENA_GRANULE : STEP_LARGE;
    size_t exact;
    size_t generous;

    if (end <= arena->committed)
        return true;
    if (end > arena->reserved)
        return false;
    exact = ALIGN_UP(end, ARENA_GRANULE);
    generous =
        arena->reserved - arena->committed < step ? arena->reserved : arena->committed + step;
    // Close to the limit on data a whole step may be too much while what is needed still fits.
    return (generous > exact && commit_to(arena, generous)) || commit_to(arena, exact);
}

__attribute__((noinline)) void *arena_alloc_slow(struct arena *arena, size_t size, size_t alignment)
{
    size_t start;
    size_t end;

    assert(alignment != 0 && (alignment & (alignment - 1)) == 0);
    assert(alignment <= ARENA_ALIGNMENT_MAX);
    start = ALIGN_UP(arena->used, alignment);
    if (!checked_add_size(start, size, &end) || !commit_at_least(arena, end))
        return NULL;
    arena->used = end;
    return arena->base + start;
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
    size_t alignment = size & (~size + 1); // of a type divides its size: take the lowest bit
    size_t total;

    if (!checked_mul_size(count, size, &total))
        return NULL;
    if (alignment == 0)
        alignment = 1;
    return arena_alloc(arena, total, alignment < 16 ? alignment : 16);
}

bool arena_commit(struct arena *arena, size_t used)
{
    if (!commit_at_least(arena, used))
        return false;
    if (used > arena->used)
        arena->used = used;
    return true;
}

void arena_release(struct arena *arena, size_t mark)
{
    size_t clear_end = arena->used;

    assert(mark <= arena->used);
    if (mark == arena->used)
        return;
    if (arena->used - mark >= GIVE_BACK_MIN) {
        size_t from = ALIGN_UP(mark, ARENA_GRANULE);

        // Dropped pages read as zero; if the kernel refuses, clear them by hand.
        if (madvise(arena->base + from, arena->committed - from, MADV_DONTNEED) == 0)
            clear_end = from;
    }
    memset(arena->base + mark, 0, clear_end - mark);
    arena->used = mark;
}

void arena_shrink(struct arena *arena, size_t keep)
{
    size_t from = ALIGN_UP(arena->used, ARENA_GRANULE);
    size_t least = keep < arena->reserved ? ALIGN_UP(keep, ARENA_GRANULE) : arena->reserved;

    if (from < least)
        from = least;
    if (from >= arena->committed)
        return;
    // Whatever the kernel refuses: what stays committed is zero as before.
    if (madvise(arena->base + from, arena->committed - from, MADV_DONTNEED) == 0 &&
        mprotect(arena->base + from, arena->committed - from, PROT_NONE) == 0)
        arena->committed = from;
}

void arena_finish(struct arena *arena)
{
    if (arena == NULL || arena->base == NULL)
        return;
    munmap(arena->base, arena->reserved);
    *arena = (struct arena){.base = NULL};
}
