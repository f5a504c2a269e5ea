// SPDX-License-Identifier: Apache-2.0
//
// The entries of the global offset tables: addresses of data, and for each function whose address
// is taken anywhere one index in the table, so that pointers to it are equal in all modules.
#include "sandbox/wasm/dynamic_internal.h"

// A function that some GOT.func entry wants, and its index; 0 while there is none.
struct pointer {
    const struct function *function;
    uint32_t index;
};

// Open addressing by the function's address.
struct pointers {
    struct pointer *slots;
    uint32_t mask;
};

static struct pointer *pointer_slot(const struct dynamic *dynamic, const struct pointers *pointers,
                                    const struct function *function)
{
    const struct hash_key *key = &dynamic->store->types.key;
    uint32_t i = (uint32_t)hash_word(key, key->start, (uintptr_t)function) & pointers->mask;

    while (pointers->slots[i].function != NULL && pointers->slots[i].function != function)
        i = (i + 1) & pointers->mask;
    return &pointers->slots[i];
}

// The function that a GOT.func entry is of: a module's, or else the host's. NULL for a weak one
// that is not there; an error is set where memory is lacking.
static const struct function *pointed_to(struct dynamic *dynamic, const struct import *import,
                                         const struct symbol *symbol)
{
    struct external external;

    if (symbol != NULL)
        return dynamic_function(dynamic, symbol);
    if (store_find(dynamic->store, engine_name("env"), import->name, &external) &&
        external.kind == EXTERNAL_FUNCTION)
        return external.function;
    return NULL;
}

static union slot *entry_of(const struct dynamic *dynamic, uint32_t owner,
                            const struct import *import)
{
    return dynamic->modules[owner].instance->globals[import->index];
}

typedef bool entry_callback(struct dynamic *dynamic, uint32_t owner, const struct import *import,
                            const struct symbol *symbol, void *context);

// Calls for each import of a kind of entries, in order.
static bool each_entry(struct dynamic *dynamic, enum provision provision, entry_callback *callback,
                       void *context)
{
    for (uint32_t owner = 0; owner < dynamic->count; owner++) {
        const struct module *module = dynamic->modules[owner].module;

        for (uint32_t i = 0; i < module->import_count; i++) {
            const struct import *import = &module->imports[i];
            const struct symbol *symbol;

            if (dynamic_classify(dynamic, owner, import, &symbol) == provision &&
                !callback(dynamic, owner, import, symbol, context))
                return false;
        }
    }
    return true;
}

static bool fill_address(struct dynamic *dynamic, uint32_t owner, const struct import *import,
                         const struct symbol *symbol, void *context)
{
    union slot *entry = entry_of(dynamic, owner, import);
    uint32_t address = 0;

    (void)context;
    if (symbol != NULL) {
        const struct dynamic_part *part = &dynamic->parts[symbol->owner];

        address = dynamic->modules[symbol->owner].instance->globals[symbol->index]->u32;
        if (part->is_relocatable && !(symbol->flags & DYLINK_ABSOLUTE))
            address += part->memory_base; // wraps, as the guest's own arithmetic does
    } else if (name_is(import->name, "__heap_base")) {
        address = dynamic->heap_base;
    } else if (name_is(import->name, "__heap_end")) {
        address = dynamic->heap_end;
    }
    *entry = (union slot){.u64 = address};
    return true;
}

static bool count_pointer(struct dynamic *dynamic, uint32_t owner, const struct import *import,
                          const struct symbol *symbol, void *context)
{
    uint32_t *count = context;

    (void)dynamic;
    (void)owner;
    (void)import;
    (void)symbol;
    (*count)++;
    return true;
}

static bool enter_pointer(struct dynamic *dynamic, uint32_t owner, const struct import *import,
                          const struct symbol *symbol, void *context)
{
    const struct function *function = pointed_to(dynamic, import, symbol);

    (void)owner;
    if (function != NULL)
        pointer_slot(dynamic, context, function)->function = function;
    return function != NULL || symbol == NULL;
}

static bool fill_pointer(struct dynamic *dynamic, uint32_t owner, const struct import *import,
                         const struct symbol *symbol, void *context)
{
    const struct function *function = pointed_to(dynamic, import, symbol);
    uint32_t index = function == NULL ? 0 : pointer_slot(dynamic, context, function)->index;

    *entry_of(dynamic, owner, import) = (union slot){.u64 = index};
    return true;
}

// What the table has already keeps its lowest index, but for 0, the null pointer.
static void find_in_table(const struct dynamic *dynamic, const struct pointers *pointers)
{
    const struct table *table = dynamic->table;

    for (uint64_t i = 1; i < table->size; i++) {
        const struct function *function = table->elements[i].function;
        struct pointer *pointer;

        if (function == NULL)
            continue;
        pointer = pointer_slot(dynamic, pointers, function);
        if (pointer->function != NULL && pointer->index == 0)
            pointer->index = (uint32_t)i;
    }
}

// What it has not comes at its end, all at once.
static bool append_to_table(struct dynamic *dynamic, const struct pointers *pointers)
{
    struct table *table = dynamic->table;
    uint64_t next = table->size;
    uint64_t count = 0;

    for (uint32_t i = 0; i <= pointers->mask; i++)
        count += pointers->slots[i].function != NULL && pointers->slots[i].index == 0;
    // An empty table of a main module's own still has no function at 0.
    if (count != 0 && next == 0) {
        count++;
        next++;
    }
    if (table_grow(table, count, (union slot){0}) == UINT64_MAX)
        return error_set(dynamic->error, ERROR_LIMIT_TABLE, 0,
                         "%llu more functions whose address is taken, in a table of %llu: link the "
                         "main module with -Wl,--growable-table",
                         (unsigned long long)count, (unsigned long long)table->size);
    for (uint32_t i = 0; i <= pointers->mask; i++) {
        struct pointer *pointer = &pointers->slots[i];

        if (pointer->function == NULL || pointer->index != 0)
            continue;
        pointer->index = (uint32_t)next;
        table->elements[next++].function = pointer->function;
    }
    return true;
}

static bool fill_pointers(struct dynamic *dynamic)
{
    struct pointers pointers;
    uint32_t count = 0;
    uint32_t size = 16;

    if (!each_entry(dynamic, PROVISION_GOT_FUNCTION, count_pointer, &count))
        return false;
    if (count == 0)
        return true;
    while (size < 2 * (uint64_t)count)
        size *= 2;
    pointers.mask = size - 1;
    pointers.slots = arena_array(&dynamic->arena, size, sizeof *pointers.slots);
    if (pointers.slots == NULL ||
        !each_entry(dynamic, PROVISION_GOT_FUNCTION, enter_pointer, &pointers))
        return error_set(dynamic->error, ERROR_LIMIT_MEMORY, 0, NULL);
    find_in_table(dynamic, &pointers);
    return append_to_table(dynamic, &pointers) &&
           each_entry(dynamic, PROVISION_GOT_FUNCTION, fill_pointer, &pointers);
}

bool dynamic_fill_got(struct dynamic *dynamic)
{
    return each_entry(dynamic, PROVISION_GOT_MEMORY, fill_address, NULL) && fill_pointers(dynamic);
}
