// SPDX-License-Identifier: Apache-2.0
#include "sandbox/wasm/table.h"

#include <inttypes.h>

#include "sandbox/wasm/limits.h"

// Elements past the end are null already: the arena's memory is zeroed and a table never shrinks.
static bool extend(struct table *table, uint64_t count, union slot value)
{
    uint64_t size = table->size + count, bytes = count * sizeof(union slot);
    struct memory_budget *budget = table->budget;

    if (bytes > budget->bytes_max - budget->bytes_used ||
        !arena_commit(&table->arena, size * sizeof(union slot)))
        return false;
    budget->bytes_used += bytes;
    if (value.u64 != 0)
        for (uint64_t i = table->size; i < size; i++)
            table->elements[i] = value;
    table->size = size;
    table->type.limits.minimum = size;
    return true;
}

bool table_init(struct table *table, const struct tabletype *type, union slot initial,
                struct memory_budget *budget, struct error *error)
{
    const struct limits *limits = &type->limits;
    uint64_t minimum = limits->minimum;

    *table = (struct table){.type = *type, .maximum = LIMIT_TABLE_ELEMENTS, .budget = budget};
    if (minimum > LIMIT_TABLE_ELEMENTS)
        return error_set(error, ERROR_LIMIT_TABLE, 0, "%" PRIu64 " elements", minimum);
    if (limits->has_maximum && limits->maximum < table->maximum)
        table->maximum = limits->maximum;
    if (!arena_init(&table->arena, table->maximum * sizeof(union slot), error))
        return false;
    table->elements = (union slot *)(void *)table->arena.base;
    if (minimum > table->maximum || !extend(table, minimum, initial)) {
        table_finish(table);
        return error_set(error, ERROR_LIMIT_TABLE, 0, "%" PRIu64 " elements", minimum);
    }
    return true;
}

void table_finish(struct table *table)
{
    if (table == NULL || table->elements == NULL)
        return;
    table->budget->bytes_used -= table->size * sizeof(union slot);
    arena_finish(&table->arena);
    *table = (struct table){.elements = NULL};
}

uint64_t table_grow(struct table *table, uint64_t count, union slot value)
{
    uint64_t size_before = table->size;

    if (count > table->maximum - size_before || !extend(table, count, value))
        return UINT64_MAX;
    return size_before;
}
