// SPDX-License-Identifier: Apache-2.0
#include "sandbox/wasm/exception.h"

#include <stddef.h>
#include <string.h>

#include "sandbox/wasm/limits.h"

#define THRESHOLD_MIN ((uint64_t)1024 * 1024)
#define PAGES_MAX     (LIMIT_EXCEPTION_BYTES / EXCEPTION_PAGE_BYTES)

_Static_assert(EXCEPTION_PAGE_BYTES % ARENA_GRANULE == 0, "pages are committed one by one");
_Static_assert(sizeof(struct exception) + 2 * sizeof(union slot) * LIMIT_PARAMETERS <=
                   32u << (EXCEPTION_SIZES - 1),
               "the largest size holds the largest payload, of v128s too");

bool exception_heap_init(struct exception_heap *heap, struct memory_budget *budget,
                         struct error *error)
{
    *heap = (struct exception_heap){.budget = budget, .bytes_threshold = THRESHOLD_MIN};
    if (arena_init(&heap->arena, LIMIT_EXCEPTION_BYTES, error) &&
        arena_init(&heap->page_sizes, PAGES_MAX, error))
        return true;
    exception_heap_finish(heap);
    return false;
}

void exception_heap_finish(struct exception_heap *heap)
{
    if (heap->budget != NULL)
        heap->budget->bytes_used -= (uint64_t)heap->page_count * EXCEPTION_PAGE_BYTES;
    arena_finish(&heap->arena);
    arena_finish(&heap->page_sizes);
    *heap = (struct exception_heap){.page_count = 0};
}

bool exception_heap_is_due(const struct exception_heap *heap)
{
    return heap->bytes_used >= heap->bytes_threshold || heap->eager;
}

static uint32_t size_of(uint32_t index)
{
    return 32u << index;
}

// The size for a payload of so many slots.
static uint32_t size_index(uint32_t count)
{
    size_t bytes = sizeof(struct exception) + count * sizeof(union slot);
    uint32_t index = 0;

    while (size_of(index) < bytes)
        index++;
    return index;
}

static struct exception *object_at(const struct exception_heap *heap, uint32_t page,
                                   uint32_t offset)
{
    return (struct exception *)(void *)(heap->arena.base + (size_t)page * EXCEPTION_PAGE_BYTES +
                                        offset);
}

// Puts the objects of a page, which are all free, into the list of their size.
static void add_free_page(struct exception_heap *heap, uint32_t page, uint32_t index)
{
    uint32_t size = size_of(index);

    heap->page_sizes.base[page] = (uint8_t)(index + 1);
    for (uint32_t at = EXCEPTION_PAGE_BYTES / size; at > 0; at--) {
        struct exception *object = object_at(heap, page, (at - 1) * size);

        object->tag = NULL;
        object->marked = false; // what the page had before may stand there
        object->link = heap->free[index];
        heap->free[index] = object;
    }
}

static bool add_page(struct exception_heap *heap, uint32_t *page)
{
    struct memory_budget *budget = heap->budget;

    for (*page = 0; *page < heap->page_count; ++*page)
        if (heap->page_sizes.base[*page] == 0)
            return true;
    if (heap->page_count == PAGES_MAX ||
        budget->bytes_max - budget->bytes_used < EXCEPTION_PAGE_BYTES ||
        !arena_commit(&heap->page_sizes, *page + 1u) ||
        !arena_commit(&heap->arena, (*page + 1ull) * EXCEPTION_PAGE_BYTES))
        return false;
    budget->bytes_used += EXCEPTION_PAGE_BYTES;
    heap->page_count++;
    return true;
}

struct exception *exception_new(struct exception_heap *heap, const struct tag *tag,
                                const union slot *values, uint32_t count)
{
    uint32_t index = size_index(count);
    uint32_t page;

    if (heap->free[index] == NULL) {
        if (!add_page(heap, &page))
            return NULL;
        add_free_page(heap, page, index);
    }
    struct exception *object = heap->free[index];
    heap->free[index] = object->link;
    heap->bytes_used += size_of(index);
    *object = (struct exception){.tag = tag, .count = count};
    memcpy(object->values, values, count * sizeof *values);
    return object;
}

bool exception_is_object(const struct exception_heap *heap, uint64_t reference)
{
    uint64_t offset = reference - (uint64_t)(uintptr_t)heap->arena.base;
    uint64_t page = offset / EXCEPTION_PAGE_BYTES;

    if (heap->page_count == 0 || page >= heap->page_count || heap->page_sizes.base[page] == 0)
        return false;
    return offset % size_of(heap->page_sizes.base[page] - 1u) == 0 &&
           ((const struct exception *)(uintptr_t)reference)->tag != NULL;
}

void exception_mark(struct exception_heap *heap, uint64_t reference)
{
    if (!exception_is_object(heap, reference))
        return;
    struct exception *object = (struct exception *)(uintptr_t)reference;
    if (object->marked)
        return;
    object->marked = true;
    object->link = heap->marking;
    heap->marking = object;
}

struct exception *exception_take_marked(struct exception_heap *heap)
{
    struct exception *object = heap->marking;

    if (object != NULL)
        heap->marking = object->link;
    return object;
}

// Frees what is not marked; how many bytes of objects are left in the page.
static uint32_t sweep_page(struct exception_heap *heap, uint32_t page, uint32_t index)
{
    uint32_t size = size_of(index), left = 0;

    for (uint32_t offset = 0; offset + size <= EXCEPTION_PAGE_BYTES; offset += size) {
        struct exception *object = object_at(heap, page, offset);

        if (object->marked)
            left += size;
        else
            object->tag = NULL;
        object->marked = false;
    }
    return left;
}

static void list_free_objects(struct exception_heap *heap, uint32_t page, uint32_t index)
{
    uint32_t size = size_of(index);

    for (uint32_t offset = 0; offset + size <= EXCEPTION_PAGE_BYTES; offset += size) {
        struct exception *object = object_at(heap, page, offset);

        if (object->tag == NULL) {
            object->link = heap->free[index];
            heap->free[index] = object;
        }
    }
}

// A page with nothing left in it may get another size.
void exception_sweep(struct exception_heap *heap, uint64_t root_count)
{
    memset(heap->free, 0, sizeof heap->free);
    heap->bytes_used = 0;
    for (uint32_t page = 0; page < heap->page_count; page++) {
        uint8_t *size = &heap->page_sizes.base[page];
        uint32_t left = *size == 0 ? 0 : sweep_page(heap, page, *size - 1u);

        heap->bytes_used += left;
        if (left == 0)
            *size = 0;
        else
            list_free_objects(heap, page, *size - 1u);
    }
    heap->bytes_threshold = 2 * heap->bytes_used + root_count * sizeof(union slot);
    if (heap->bytes_threshold < THRESHOLD_MIN)
        heap->bytes_threshold = THRESHOLD_MIN;
}
