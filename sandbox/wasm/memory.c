// SPDX-License-Identifier: Apache-2.0
#include "sandbox/wasm/memory.h"

#include <assert.h>
#include <inttypes.h>
#include <stddef.h>
#include <sys/mman.h>

static uint64_t smaller(uint64_t left, uint64_t right)
{
    return left < right ? left : right;
}

// A checked memory never grows beyond the budget, so more addresses would be of no use; one page
// is reserved even for an empty one, since a base of NULL means that there is no memory at all.
static uint64_t reservation_bytes(const struct memory *memory)
{
    uint64_t bytes = memory->budget->bytes_max & ~(MEMORY_PAGE_BYTES - 1);

    if (memory->guarded)
        return MEMORY_GUARDED_RESERVATION;
    if (memory->maximum_pages < bytes >> memory->page_shift)
        bytes = ALIGN_UP(memory->maximum_pages << memory->page_shift, MEMORY_PAGE_BYTES);
    return bytes == 0 ? MEMORY_PAGE_BYTES : bytes;
}

static bool reserve(struct memory *memory, struct error *error)
{
    uint64_t bytes = reservation_bytes(memory);
    void *base = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (base == MAP_FAILED)
        return error_set(error, ERROR_SYSTEM_RESERVE, 0, "a memory of %" PRIu64 " bytes", bytes);
    memory->base = base;
    memory->reserved_bytes = bytes;
    return true;
}

bool memory_init(struct memory *memory, const struct memorytype *type, bool guarded,
                 struct memory_budget *budget, struct error *error)
{
    const struct limits *limits = &type->limits;
    uint64_t minimum = limits->minimum;

    *memory = (struct memory){.type = *type, .budget = budget};
    memory->guarded = guarded && memorytype_is_guardable(type);
    memory->page_shift = memorytype_page_shift(type);
    memory->maximum_pages = memorytype_pages_max(type);
    if (limits->has_maximum)
        memory->maximum_pages = smaller(memory->maximum_pages, limits->maximum);
    if (!reserve(memory, error))
        return false;
    if (memory_grow(memory, minimum) == UINT64_MAX) {
        memory_finish(memory);
        return error_set(error, ERROR_LIMIT_LINEAR_MEMORY, 0, "%" PRIu64 " pages", minimum);
    }
    return true;
}

void memory_finish(struct memory *memory)
{
    if (memory == NULL || memory->base == NULL)
        return;
    assert(memory->budget->bytes_used >= memory_committed(memory));
    memory->budget->bytes_used -= memory_committed(memory);
    munmap(memory->base, memory->reserved_bytes);
    *memory = (struct memory){.base = NULL};
}

// Would `pages` more be within the maximum, the reservation and the budget?
static bool may_grow(const struct memory *memory, uint64_t pages)
{
    struct memory_budget *budget = memory->budget;
    uint64_t committed = memory_committed(memory);
    uint64_t room =
        smaller(memory->reserved_bytes - committed, budget->bytes_max - budget->bytes_used) &
        ~(MEMORY_PAGE_BYTES - 1);
    uint64_t most = (committed + room - memory->size_bytes) >> memory->page_shift;

    if (pages > memory->maximum_pages - memory_pages(memory))
        return false;
    budget->refused = budget->refused || pages > most;
    return pages <= most;
}

// Fresh pages of a private mapping read as zero, as growing wants them (specification: growmem).
uint64_t memory_grow(struct memory *memory, uint64_t pages)
{
    uint64_t pages_before = memory_pages(memory);
    uint64_t committed = memory_committed(memory);
    uint64_t bytes; // more to commit

    if (!may_grow(memory, pages))
        return UINT64_MAX;
    bytes = ALIGN_UP(memory->size_bytes + (pages << memory->page_shift), MEMORY_PAGE_BYTES) -
            committed; // no more than is reserved
    if (bytes != 0 && mprotect(memory->base + committed, bytes, PROT_READ | PROT_WRITE) != 0)
        return UINT64_MAX;
    memory->size_bytes += pages << memory->page_shift;
    memory->budget->bytes_used += bytes;
    memory->type.limits.minimum = pages_before + pages;
    return pages_before;
}
