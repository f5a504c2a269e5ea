// SPDX-License-Identifier: Apache-2.0
//
// The one space of symbols: a hash table of what modules define, of their names, and of what they
// import weakly; and from it, how each import is served.
#include "sandbox/base/checked.h"
#include "sandbox/wasm/dynamic_internal.h"

#define SYMBOLS_MAX (1u << 28)

// Made by the linker when nobody defines them: what position-independent code throws with.
static const char *const exception_tags[2] = {"__cpp_exception", "__c_longjmp"};

struct printed_name dynamic_module_name(const struct dynamic *dynamic, uint32_t owner)
{
    struct name name = dynamic->modules[owner].name;

    return name_printed(name.length == 0 ? engine_name("the main module") : name);
}

/* The table. */

static uint32_t symbol_hash(const struct dynamic *dynamic, uint32_t space, struct name name)
{
    const struct hash_key *key = &dynamic->store->types.key;

    return (uint32_t)hash_bytes(key, hash_word(key, key->start, space), name.bytes, name.length);
}

// The slot of a symbol, or the free one where it would go.
static uint32_t *symbol_slot(const struct dynamic *dynamic, uint32_t space, struct name name,
                             uint32_t hash)
{
    uint32_t i = hash & dynamic->slot_mask;

    for (; dynamic->slots[i] != 0; i = (i + 1) & dynamic->slot_mask) {
        const struct symbol *symbol = &dynamic->symbols[dynamic->slots[i] - 1];

        if (symbol->hash == hash && symbol->space == space && names_equal(symbol->name, name))
            break;
    }
    return &dynamic->slots[i];
}

struct symbol *dynamic_find(const struct dynamic *dynamic, uint32_t space, struct name name)
{
    uint32_t slot = *symbol_slot(dynamic, space, name, symbol_hash(dynamic, space, name));

    return slot == 0 ? NULL : &dynamic->symbols[slot - 1];
}

// Enters a symbol, unless an earlier module has one of that name. Whether it was entered.
static bool enter(struct dynamic *dynamic, uint32_t space, struct name name, uint32_t owner,
                  uint32_t index)
{
    uint32_t hash = symbol_hash(dynamic, space, name);
    uint32_t *slot = symbol_slot(dynamic, space, name, hash);

    if (*slot != 0)
        return false;
    dynamic->symbols[dynamic->symbol_count++] = (struct symbol){
        .name = name,
        .space = space,
        .hash = hash,
        .owner = owner,
        .index = index,
    };
    *slot = dynamic->symbol_count;
    return true;
}

/* What goes into it. */

static bool is_data_symbol(const struct module *module, uint32_t globalidx)
{
    struct globaltype type = module->globals[globalidx].type;

    return globalidx >= module->imported_global_count && !type.is_mutable &&
           type.type == VALTYPE_I32;
}

// What a module imports it does not define, even if it exports it: else two could go on naming each
// other.
static bool is_definition(const struct module *module, const struct export *export)
{
    switch (export->kind) {
    case EXTERNAL_FUNCTION:
        return export->index >= module->imported_function_count;
    case EXTERNAL_GLOBAL:
        return is_data_symbol(module, export->index);
    case EXTERNAL_TAG:
        return export->index >= module->imported_tag_count;
    case EXTERNAL_TABLE:
    case EXTERNAL_MEMORY:
        break;
    }
    return false;
}

static void enter_module(struct dynamic *dynamic, uint32_t owner)
{
    const struct module *module = dynamic->modules[owner].module;
    const struct dylink *dylink = &dynamic->parts[owner].dylink;

    for (uint32_t i = 0; i < module->export_count; i++) {
        const struct export *export = &module->exports[i];

        if (is_definition(module, export))
            enter(dynamic, (uint32_t) export->kind, export->name, owner, export->index);
    }
    for (uint32_t i = 0; i < dylink->export_count; i++) {
        struct symbol *symbol = dynamic_find(dynamic, SPACE_GLOBAL, dylink->exports[i].name);

        if (symbol != NULL && symbol->owner == owner)
            symbol->flags |= dylink->exports[i].flags;
    }
    for (uint32_t i = 0; i < dylink->import_count; i++)
        if (dylink->imports[i].flags & DYLINK_BINDING_WEAK)
            enter(dynamic, SPACE_WEAK + owner, dylink->imports[i].name, owner, 0);
}

// How many there can be.
static bool count_symbols(const struct dynamic *dynamic, uint32_t *count, struct error *error)
{
    uint64_t sum = dynamic->count;

    for (uint32_t i = 0; i < dynamic->count; i++)
        sum += (uint64_t)dynamic->modules[i].module->export_count +
               dynamic->parts[i].dylink.import_count;
    *count = (uint32_t)sum;
    return sum <= SYMBOLS_MAX || error_set(error, ERROR_LIMIT_COUNT, 0, "symbols to be linked");
}

bool dynamic_enter_symbols(struct dynamic *dynamic, struct error *error)
{
    uint32_t count;
    uint32_t size = 16;

    if (!count_symbols(dynamic, &count, error))
        return false;
    while (size < 2 * count)
        size *= 2;
    dynamic->symbols = arena_array(&dynamic->arena, count, sizeof *dynamic->symbols);
    dynamic->slots = arena_array(&dynamic->arena, size, sizeof *dynamic->slots);
    if (dynamic->symbols == NULL || dynamic->slots == NULL)
        return error_set(error, ERROR_LIMIT_MEMORY, 0, "symbols to be linked");
    dynamic->slot_mask = size - 1;
    for (uint32_t i = 0; i < dynamic->count; i++)
        enter_module(dynamic, i);
    for (uint32_t i = 1; i < dynamic->count; i++)
        if (!enter(dynamic, SPACE_MODULE, dynamic->modules[i].name, i, i))
            return error_set(error, ERROR_DYNAMIC_LINKING, 0, "two side modules are named %s",
                             dynamic_module_name(dynamic, i).text);
    return true;
}

/* Imports. */

bool dynamic_is_weak(const struct dynamic *dynamic, uint32_t owner, struct name name)
{
    return dynamic_find(dynamic, SPACE_WEAK + owner, name) != NULL;
}

int dynamic_exception_tag(struct name name)
{
    for (int i = 0; i < 2; i++)
        if (name_is(name, exception_tags[i]))
            return i;
    return -1;
}

static enum provision classify_function(const struct dynamic *dynamic, uint32_t owner,
                                        const struct import *import, const struct symbol **symbol)
{
    struct external external;

    *symbol = dynamic_find(dynamic, SPACE_FUNCTION, import->name);
    if (*symbol != NULL)
        return PROVISION_SYMBOL;
    return dynamic_is_weak(dynamic, owner, import->name) &&
                   !store_find(dynamic->store, import->module, import->name, &external)
               ? PROVISION_WEAK
               : PROVISION_REGISTRY;
}

static enum provision classify_tag(const struct dynamic *dynamic, const struct import *import,
                                   const struct symbol **symbol)
{
    *symbol = dynamic_find(dynamic, SPACE_TAG, import->name);
    if (*symbol != NULL)
        return PROVISION_SYMBOL;
    return dynamic_exception_tag(import->name) >= 0 ? PROVISION_EXCEPTION_TAG : PROVISION_REGISTRY;
}

// What only modules that are made for it get: others have their own.
static enum provision classify_shared(const struct import *import)
{
    static const struct {
        const char *name;
        enum external_kind kind;
        enum provision provision;
    } shared[] = {
        {"memory", EXTERNAL_MEMORY, PROVISION_MEMORY},
        {"__indirect_function_table", EXTERNAL_TABLE, PROVISION_TABLE},
        {"__stack_pointer", EXTERNAL_GLOBAL, PROVISION_STACK_POINTER},
        {"__memory_base", EXTERNAL_GLOBAL, PROVISION_MEMORY_BASE},
        {"__table_base", EXTERNAL_GLOBAL, PROVISION_TABLE_BASE},
    };

    for (size_t i = 0; i < sizeof shared / sizeof shared[0]; i++)
        if (import->kind == shared[i].kind && name_is(import->name, shared[i].name))
            return shared[i].provision;
    return PROVISION_REGISTRY;
}

enum provision dynamic_classify(const struct dynamic *dynamic, uint32_t owner,
                                const struct import *import, const struct symbol **symbol)
{
    *symbol = NULL;
    if (import->kind == EXTERNAL_GLOBAL && name_is(import->module, "GOT.mem")) {
        *symbol = dynamic_find(dynamic, SPACE_GLOBAL, import->name);
        return PROVISION_GOT_MEMORY;
    }
    if (import->kind == EXTERNAL_GLOBAL && name_is(import->module, "GOT.func")) {
        *symbol = dynamic_find(dynamic, SPACE_FUNCTION, import->name);
        return PROVISION_GOT_FUNCTION;
    }
    if (!name_is(import->module, "env"))
        return PROVISION_REGISTRY;
    if (import->kind == EXTERNAL_FUNCTION)
        return classify_function(dynamic, owner, import, symbol);
    if (import->kind == EXTERNAL_TAG)
        return classify_tag(dynamic, import, symbol);
    return dynamic->parts[owner].is_relocatable ? classify_shared(import) : PROVISION_REGISTRY;
}

bool dynamic_provides(const struct dynamic *dynamic, uint32_t owner, const struct import *import)
{
    const struct symbol *symbol;

    return dynamic_classify(dynamic, owner, import, &symbol) != PROVISION_REGISTRY;
}
