// SPDX-License-Identifier: Apache-2.0
/*
 * Linear memories. A guarded memory reserves 8 GiB + 64 KiB of PROT_NONE, all that a 32-bit address
 * plus a 32-bit offset can reach, so that accesses need no check; a checked one reserves what its
 * maximum allows. Growing is mprotect; the base never moves. The engine's only caller of mmap but
 * the arenas and the slot stack.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sandbox/base/checked.h"
#include "sandbox/wasm/module.h"

#define MEMORY_GUARDED_RESERVATION (8ull * 1024 * 1024 * 1024 + 65536)

struct memory {
    uint8_t *base;
    uint64_t size_bytes;
    uint64_t reserved_bytes;
    uint32_t page_shift;    /* logarithm of a page's bytes */
    uint64_t maximum_pages; /* of the type, or what its address type allows */
    struct memorytype type; /* its minimum is the current size, as the import rules want it */
    bool guarded;
    struct memory_budget *budget; /* borrowed */
    struct memory *next;          /* in the store's list, which the fault handler walks */
};

/* Bytes that all memories and tables of a store may take together. */
struct memory_budget {
    uint64_t bytes_max;
    uint64_t bytes_used;
    bool refused; /* more than it allows was asked for: the likely cause of what goes wrong next */
};

/*
 * What is accessible, and counts towards the budget: whole pages of 64 KiB, which is a multiple of
 * the machine's, whatever the memory's own are. Beyond the size all of it is zero.
 */
static inline uint64_t memory_committed(const struct memory *memory)
{
    return ALIGN_UP(memory->size_bytes, MEMORY_PAGE_BYTES);
}

/* Reserves and commits the minimum. On failure nothing is kept. Zeroed. */
bool memory_init(struct memory *memory, const struct memorytype *type, bool guarded,
                 struct memory_budget *budget, struct error *error) MUST_CHECK;
void memory_finish(struct memory *memory);

/* The old size in pages, or UINT64_MAX when growing by `pages` is refused (maximum, budget,
 * kernel). */
uint64_t memory_grow(struct memory *memory, uint64_t pages);

static inline uint64_t memory_pages(const struct memory *memory)
{
    return memory->size_bytes >> memory->page_shift;
}

/* Are [address, address + length) all inside? */
static inline bool memory_contains(const struct memory *memory, uint64_t address, uint64_t length)
{
    return length <= memory->size_bytes && address <= memory->size_bytes - length;
}
