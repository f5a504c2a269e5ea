// SPDX-License-Identifier: Apache-2.0
/*
 * Objects of exceptions, and the heap that they live in: pages of objects of one size, marked and
 * swept. An object exists only where a reference to an exception can be had; what is thrown and
 * caught without one never gets here. An exnref is the address of an object, null is 0.
 *
 * What is alive is for the caller to say (run_collect.c). One thread at a time.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sandbox/base/arena.h"
#include "sandbox/base/error.h"
#include "sandbox/wasm/memory.h"
#include "sandbox/wasm/value.h"

struct tag;

struct exception {
    const struct tag *tag;  /* NULL: the object is free */
    struct exception *link; /* free ones: the next one; while marking: the next to be looked at */
    uint32_t count;         /* of the slots of the payload */
    bool marked;
    union slot values[];
};

#define EXCEPTION_PAGE_BYTES 65536u
#define EXCEPTION_SIZES      10u /* 32 << i bytes */

struct exception_heap {
    struct arena arena;
    struct arena page_sizes;      /* a byte for each page: which of the sizes, plus 1; 0: free */
    struct memory_budget *budget; /* borrowed: pages count as the guest's memory */
    uint32_t page_count;
    bool eager;                /* tests: a sweep is always due */
    uint64_t bytes_used;       /* objects, since the last sweep and before */
    uint64_t bytes_threshold;  /* from which a sweep is due */
    struct exception *marking; /* marked, but not looked at yet */
    struct exception *free[EXCEPTION_SIZES];
};

/* Reserves addresses only. */
bool exception_heap_init(struct exception_heap *heap, struct memory_budget *budget,
                         struct error *error) MUST_CHECK;
void exception_heap_finish(struct exception_heap *heap);

/* Has so much been made since the last sweep that it is worth another one? */
bool exception_heap_is_due(const struct exception_heap *heap);

/* A new object with this payload, which is copied; NULL when there is no room for it. */
struct exception *exception_new(struct exception_heap *heap, const struct tag *tag,
                                const union slot *values, uint32_t count);

/* Is this the address of an object? Any number will do. */
bool exception_is_object(const struct exception_heap *heap, uint64_t reference);

/*
 * Collecting: mark the roots, which may be any numbers; take what was marked until there is none
 * and mark what its payload refers to; sweep. `root_count` is how many places were looked at, for
 * which the next sweep has to wait.
 */
void exception_mark(struct exception_heap *heap, uint64_t reference);
struct exception *exception_take_marked(struct exception_heap *heap);
void exception_sweep(struct exception_heap *heap, uint64_t root_count);
