// SPDX-License-Identifier: Apache-2.0
/* Tables of references: reserved for their maximum, grown in place, elements never move. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sandbox/base/arena.h"
#include "sandbox/wasm/memory.h"
#include "sandbox/wasm/module.h"
#include "sandbox/wasm/value.h"

struct table {
    union slot *elements; /* borrowed from the arena */
    uint64_t size;
    uint64_t maximum;      /* of the type, capped by LIMIT_TABLE_ELEMENTS */
    struct tabletype type; /* its minimum is the current size, as the import rules want it */
    struct arena arena;
    struct memory_budget *budget; /* borrowed; shared with the memories */
    struct table *next;           /* in the store's list */
};

/* `initial` fills the table. A minimum beyond LIMIT_TABLE_ELEMENTS is a limit error. */
bool table_init(struct table *table, const struct tabletype *type, union slot initial,
                struct memory_budget *budget, struct error *error) MUST_CHECK;
void table_finish(struct table *table);

/* The old size, or UINT64_MAX when growing by `count` is refused (maximum, kernel). */
uint64_t table_grow(struct table *table, uint64_t count, union slot value);

static inline bool table_contains(const struct table *table, uint64_t index, uint64_t count)
{
    return count <= table->size && index <= table->size - count;
}
