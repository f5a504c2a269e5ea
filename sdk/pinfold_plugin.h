// SPDX-License-Identifier: 0BSD
//
// Pinfold for plugins in C and C++: names for imports and exports, texts, and the memory that the
// host needs to pass them. Freestanding: it needs a compiler for wasm32 and nothing else.
//
//   PNF_IMPORT("app", "log") void app_log(int32_t level, const char *text, size_t length);
//
//   PNF_EXPORT("twice") int32_t twice(int32_t x) { return 2 * x; }
//
// How a signature of the host looks here (guest interface 1):
//
//   bool, i8 ... u32, i64, u64, f32, f64   the C type
//   str, bytes                             const char * or const uint8_t *, then size_t
//   cstr                                   const char *, closed by NUL
//   out T, inout T                         T *
//   out bytes, inout bytes                 uint8_t *, then size_t *: room, or length
//   -> str, -> bytes                       pnf_text
//
// Memory: an export owns the texts that it gets, and frees them (pnf_free). A text that it returns
// is from pnf_alloc and is the host's to free. Arguments of imports stay the plugin's; a text that
// an import returns is the plugin's.
//
// The allocator here is small and slow. Define PNF_NO_ALLOCATOR before including this where there
// is a better one, and export cabi_realloc.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define PNF_LINKAGE_ extern "C"
#else
#define PNF_LINKAGE_ extern
#endif

#define PNF_IMPORT(module_, name_)                                                                 \
    PNF_LINKAGE_ __attribute__((import_module(module_), import_name(name_)))

#ifdef __cplusplus
#define PNF_EXPORT(name_) extern "C" __attribute__((export_name(name_), visibility("default")))
#else
#define PNF_EXPORT(name_) __attribute__((export_name(name_), visibility("default")))
#endif

// A text or bytes as a result: the address in the low half, the length in the high half.
typedef uint64_t pnf_text;

static inline pnf_text pnf_text_of(const void *data, size_t length)
{
    return (uint64_t)(uintptr_t)data | (uint64_t)length << 32;
}

static inline char *pnf_text_data(pnf_text text)
{
    return (char *)(uintptr_t)(uint32_t)text;
}

static inline size_t pnf_text_length(pnf_text text)
{
    return (size_t)(text >> 32);
}

// Traps: the host's call fails.
static inline void pnf_trap(void)
{
    __builtin_trap();
}

#ifndef PNF_NO_ALLOCATOR

#define PNF_WEAK_ __attribute__((weak))

#ifdef __cplusplus
extern "C" {
#endif

// In front of each block; a free one is linked, in the order of addresses.
struct pnf_block_ {
    size_t size; // with this head, a multiple of 16
    struct pnf_block_ *next;
    size_t unused[2];
};

extern unsigned char __heap_base;

PNF_WEAK_ struct pnf_block_ *pnf_free_list_;
PNF_WEAK_ uintptr_t pnf_heap_end_; // where untouched memory begins; 0 at first

// NULL when there is no more memory.
PNF_WEAK_ void *pnf_alloc(size_t size);
// Takes NULL. Two free neighbours become one.
PNF_WEAK_ void pnf_free(void *data);
PNF_WEAK_ void *pnf_realloc(void *data, size_t size);

static inline struct pnf_block_ *pnf_extend_(size_t size)
{
    uintptr_t begin =
        pnf_heap_end_ ? pnf_heap_end_ : ((uintptr_t)&__heap_base + 15) & ~(uintptr_t)15;
    uintptr_t end = begin + size;
    uintptr_t have = (uintptr_t)__builtin_wasm_memory_size(0) << 16;
    struct pnf_block_ *block = (struct pnf_block_ *)begin;

    if (end < begin)
        return NULL;
    // The last page of 4 GiB cannot be had: its end is no number.
    if (end > have &&
        (size_t)__builtin_wasm_memory_grow(0, (end - have + 0xFFFF) >> 16) == SIZE_MAX)
        return NULL;
    pnf_heap_end_ = end;
    block->size = size;
    return block;
}

void *pnf_alloc(size_t size)
{
    struct pnf_block_ **at = &pnf_free_list_;
    struct pnf_block_ *block;

    if (size > SIZE_MAX / 2)
        return NULL;
    size = (size + sizeof(struct pnf_block_) + 15) & ~(size_t)15;
    while (*at && (*at)->size < size)
        at = &(*at)->next;
    block = *at;
    if (!block) {
        block = pnf_extend_(size);
        return block ? block + 1 : NULL;
    }
    if (block->size - size >= 2 * sizeof(struct pnf_block_)) {
        struct pnf_block_ *rest = (struct pnf_block_ *)((char *)block + size);

        rest->size = block->size - size;
        rest->next = block->next;
        block->size = size;
        *at = rest;
    } else {
        *at = block->next;
    }
    return block + 1;
}

void pnf_free(void *data)
{
    struct pnf_block_ *block = (struct pnf_block_ *)data - 1;
    struct pnf_block_ *before = NULL;
    struct pnf_block_ *after = pnf_free_list_;

    if (!data)
        return;
    while (after && after < block) {
        before = after;
        after = after->next;
    }
    block->next = after;
    if (before)
        before->next = block;
    else
        pnf_free_list_ = block;
    if (after && (char *)block + block->size == (char *)after) {
        block->size += after->size;
        block->next = after->next;
    }
    if (before && (char *)before + before->size == (char *)block) {
        before->size += block->size;
        before->next = block->next;
    }
}

void *pnf_realloc(void *data, size_t size)
{
    size_t had = data ? ((struct pnf_block_ *)data - 1)->size - sizeof(struct pnf_block_) : 0;
    char *moved;

    if (data && size <= had)
        return data;
    moved = (char *)pnf_alloc(size);
    if (!moved)
        return NULL;
    for (size_t i = 0; i < had; i++)
        moved[i] = ((char *)data)[i];
    pnf_free(data);
    return moved;
}

// What the host calls: new memory, another size, or with size 0 the end. Blocks are aligned to 16.
PNF_WEAK_ PNF_EXPORT("cabi_realloc") void *cabi_realloc(void *old, size_t old_size,
                                                        size_t alignment, size_t size)
{
    void *data;

    (void)old_size;
    if (size == 0 && old) {
        pnf_free(old);
        return NULL;
    }
    data = alignment <= 16 ? pnf_realloc(old, size) : NULL;
    if (!data)
        pnf_trap();
    return data;
}

#ifdef __cplusplus
}
#endif

#endif
