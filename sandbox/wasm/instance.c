// SPDX-License-Identifier: Apache-2.0
#include "sandbox/wasm/instance.h"

#include <assert.h>
#include <string.h>
#include <sys/mman.h>

#include "sandbox/base/checked.h"
#include "sandbox/wasm/limits.h"

// Addresses only: what is used of them is bounded by the limit on data of the process.
#define STORE_ARENA_BYTES  ((size_t)4 * 1024 * 1024 * 1024)
#define STORE_TYPES_MAX    (2 * LIMIT_TYPES)
#define REGISTRY_TABLE_MAX ((size_t)2 * LIMIT_IMPORTABLE_NAMES) // at most half full

enum {
    REGISTRY_TABLE_FIRST = 256,  // slots
    INIT_CHUNK_BYTES = 64 * 1024 // of a bulk copy between two looks at store->interrupted
};

/* The life of a store. */

static bool stack_reserve(struct store *store, size_t stack_bytes, struct error *error)
{
    const size_t guards = STACK_GUARD_BELOW_BYTES + STACK_GUARD_ABOVE_BYTES;
    size_t rounded;
    size_t total;
    uint8_t *base;

    if (!checked_align_up(stack_bytes, ARENA_GRANULE, &rounded) ||
        !checked_add_size(rounded, guards, &total))
        return error_set(error, ERROR_LIMIT_STACK, 0, "%zu bytes", stack_bytes);
    base = mmap(NULL, total, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED)
        return error_set(error, ERROR_SYSTEM_RESERVE, 0, "a stack of %zu bytes", stack_bytes);
    if (rounded != 0 &&
        mprotect(base + STACK_GUARD_BELOW_BYTES, rounded, PROT_READ | PROT_WRITE) != 0) {
        munmap(base, total);
        return error_set(error, ERROR_LIMIT_STACK, 0, "%zu bytes", stack_bytes);
    }
    store->stack = (union slot *)(void *)(base + STACK_GUARD_BELOW_BYTES);
    store->stack_bytes = rounded;
    store->stack_top = store->stack;
    return true;
}

static void stack_release(struct store *store)
{
    if (store->stack != NULL)
        munmap((uint8_t *)store->stack - STACK_GUARD_BELOW_BYTES,
               STACK_GUARD_BELOW_BYTES + store->stack_bytes + STACK_GUARD_ABOVE_BYTES);
}

bool store_init(struct store *store, const struct store_options *options, struct error *error)
{
    *store = (struct store){
        .memory_budget.bytes_max = options->memory_bytes_max,
        .checked_memory = options->checked_memory,
        .metered = options->metered,
    };
    if (arena_init(&store->arena, STORE_ARENA_BYTES, error) &&
        type_store_init(&store->types, STORE_TYPES_MAX, error) &&
        exception_heap_init(&store->exceptions, &store->memory_budget, error) &&
        arena_init(&store->registry, LIMIT_IMPORTABLE_NAMES * sizeof(struct registered), error) &&
        arena_init(&store->registry_table, REGISTRY_TABLE_MAX * sizeof(uint32_t), error) &&
        stack_reserve(store, options->stack_bytes, error))
        return true;
    store_finish(store);
    return false;
}

void store_finish(struct store *store)
{
    if (store == NULL)
        return;
    assert(store->run == NULL);
    // The next pointers stand inside of what is finished.
    for (struct memory *memory = store->memories, *next; memory != NULL; memory = next) {
        next = memory->next;
        memory_finish(memory);
    }
    for (struct table *table = store->tables_owned, *next; table != NULL; table = next) {
        next = table->next;
        table_finish(table);
    }
    stack_release(store);
    arena_finish(&store->registry_table);
    arena_finish(&store->registry);
    exception_heap_finish(&store->exceptions);
    type_store_finish(&store->types);
    arena_finish(&store->arena);
    *store = (struct store){.stack = NULL};
}

/* Objects of a store. */

static void *allocate(struct store *store, size_t size, struct error *error)
{
    void *object = arena_alloc(&store->arena, size, _Alignof(max_align_t));

    if (object == NULL)
        error_set(error, ERROR_LIMIT_MEMORY, 0, NULL);
    return object;
}

struct memory *store_add_memory(struct store *store, const struct memorytype *type,
                                struct error *error)
{
    struct memory *memory = allocate(store, sizeof *memory, error);

    if (memory == NULL ||
        !memory_init(memory, type, !store->checked_memory, &store->memory_budget, error))
        return NULL;
    memory->next = store->memories;
    store->memories = memory;
    return memory;
}

struct table *store_add_table(struct store *store, const struct tabletype *type, union slot initial,
                              struct error *error)
{
    struct table *table = allocate(store, sizeof *table, error);

    if (table == NULL || !table_init(table, type, initial, &store->memory_budget, error))
        return NULL;
    table->next = store->tables_owned;
    store->tables_owned = table;
    return table;
}

struct global *store_add_global(struct store *store, struct globaltype type,
                                const union slot *value, struct error *error)
{
    struct global *global = allocate(store, sizeof *global, error);

    if (global == NULL)
        return NULL;
    global->type = type;
    global->value[0] = value[0];
    if (valtype_kind(type.type) == VALKIND_V128)
        global->value[1] = value[1];
    return global;
}

/* Instances. */

void instance_fill_function(struct instance *instance, uint32_t funcidx, struct function *function)
{
    const struct module *module = instance->module;
    const struct code *code;

    assert(funcidx >= module->imported_function_count && funcidx < module->function_count);
    code = &module->codes[funcidx - module->imported_function_count];
    *function = (struct function){
        .entry = code->entry,
        .instance = instance,
        .type = module->functions[funcidx].type,
        .header_slot = code->header,
        .funcidx = funcidx,
    };
}

static struct function *make_function(struct instance *instance, uint32_t funcidx)
{
    struct function *function =
        arena_alloc(&instance->store->arena, sizeof *function, _Alignof(struct function));

    if (function == NULL)
        return NULL;
    instance_fill_function(instance, funcidx, function);
    instance->functions[funcidx] = function;
    return function;
}

struct function *instance_function(struct instance *instance, uint32_t funcidx)
{
    struct function *function = instance->functions[funcidx];

    return function != NULL ? function : make_function(instance, funcidx);
}

bool instance_external(struct instance *instance, enum external_kind kind, uint32_t index,
                       struct external *external)
{
    *external = (struct external){.kind = kind};
    switch (kind) {
    case EXTERNAL_FUNCTION:
        external->function = instance_function(instance, index);
        break;
    case EXTERNAL_TABLE:
        external->table = instance->tables[index];
        break;
    case EXTERNAL_MEMORY:
        external->memory = instance->memories[index];
        break;
    case EXTERNAL_GLOBAL:
        external->global = instance->global_objects[index];
        break;
    case EXTERNAL_TAG:
        external->tag = instance->tags[index];
        break;
    }
    return external->pointer != NULL;
}

bool instance_export(struct instance *instance, struct name name, struct external *external)
{
    const struct module *module = instance->module;

    for (uint32_t i = 0; i < module->export_count; i++)
        if (names_equal(module->exports[i].name, name))
            return instance_external(instance, module->exports[i].kind, module->exports[i].index,
                                     external);
    return false;
}

/* Segments. */

static uint64_t smaller(uint64_t left, uint64_t right)
{
    return left < right ? left : right;
}

// Copies elements [source, source + count) of a segment, all of which there are.
static enum trap_code copy_elements(struct instance *instance, uint32_t elemidx,
                                    union slot *destination, uint64_t source, uint64_t count)
{
    const union slot *values = instance->element_values[elemidx];
    const uint32_t *funcidxs = instance->module->elements[elemidx].funcidxs;

    if (values != NULL) {
        memcpy(destination, values + source, count * sizeof *values);
        return TRAP_NONE;
    }
    for (uint64_t i = 0; i < count; i++) {
        const struct function *function = instance_function(instance, funcidxs[source + i]);

        if (function == NULL)
            return TRAP_LIMIT;
        destination[i] = (union slot){.function = function};
    }
    return TRAP_NONE;
}

enum trap_code instance_table_init(struct instance *instance, uint32_t tableidx, uint32_t elemidx,
                                   uint64_t destination, uint64_t source, uint64_t count)
{
    const struct table *table = instance->tables[tableidx];
    uint64_t length =
        instance->element_dropped[elemidx] ? 0 : instance->module->elements[elemidx].count;
    enum trap_code code = TRAP_NONE;

    // Step/table.init-oob, which comes before anything is written.
    if (count > length || source > length - count || !table_contains(table, destination, count))
        return TRAP_TABLE_OUT_OF_BOUNDS;
    while (count != 0 && code == TRAP_NONE) {
        uint64_t part = smaller(count, INIT_CHUNK_BYTES / sizeof(union slot));

        if (instance->store->interrupted)
            return TRAP_INTERRUPTED;
        code = copy_elements(instance, elemidx, table->elements + destination, source, part);
        destination += part;
        source += part;
        count -= part;
    }
    return code;
}

enum trap_code instance_memory_init(struct instance *instance, uint32_t memidx, uint32_t dataidx,
                                    uint64_t destination, uint64_t source, uint64_t count)
{
    const struct memory *memory = instance->memories[memidx];
    const struct data_segment *segment = &instance->module->datas[dataidx];
    uint64_t length = instance->data_dropped[dataidx] ? 0 : segment->size;

    // Step/memory.init-oob, which comes before anything is written.
    if (count > length || source > length - count || !memory_contains(memory, destination, count))
        return TRAP_MEMORY_OUT_OF_BOUNDS;
    while (count != 0) {
        uint64_t part = smaller(count, INIT_CHUNK_BYTES);

        if (instance->store->interrupted)
            return TRAP_INTERRUPTED;
        memcpy(memory->base + destination, segment->bytes + source, part);
        destination += part;
        source += part;
        count -= part;
    }
    return TRAP_NONE;
}

/* The registry: an array in order of arrival, and a hash table of indices into it. */

static uint32_t registry_hash(const struct store *store, struct name module, struct name name)
{
    const struct hash_key *key = &store->types.key;
    uint64_t hash = hash_bytes(key, key->start, module.bytes, module.length);

    return (uint32_t)hash_bytes(key, hash, name.bytes, name.length);
}

static struct registered *registry_entries(const struct store *store)
{
    return (struct registered *)(void *)store->registry.base;
}

static uint32_t *registry_slots(const struct store *store)
{
    return (uint32_t *)(void *)store->registry_table.base;
}

static struct registered *registry_lookup(const struct store *store, struct name module,
                                          struct name name, uint32_t hash)
{
    uint32_t mask = store->registry_table_size - 1;
    const uint32_t *slots = registry_slots(store);

    if (store->registry_table_size == 0)
        return NULL;
    for (uint32_t i = hash & mask; slots[i] != 0; i = (i + 1) & mask) {
        struct registered *entry = &registry_entries(store)[slots[i] - 1];

        if (entry->hash == hash && names_equal(entry->module, module) &&
            names_equal(entry->name, name))
            return entry;
    }
    return NULL;
}

static void registry_insert(struct store *store, uint32_t index)
{
    uint32_t mask = store->registry_table_size - 1;
    uint32_t *slots = registry_slots(store);
    uint32_t i = registry_entries(store)[index].hash & mask;

    while (slots[i] != 0)
        i = (i + 1) & mask;
    slots[i] = index + 1;
}

// Doubles the table when it is half full; since it grows in place, all entries are put in anew.
static bool registry_make_room(struct store *store)
{
    uint32_t size = store->registry_table_size;

    if (store->registry_count >= LIMIT_IMPORTABLE_NAMES)
        return false;
    if (store->registry_count < size / 2)
        return true;
    size = size == 0 ? REGISTRY_TABLE_FIRST : 2 * size;
    if (!arena_commit(&store->registry_table, size * sizeof(uint32_t)))
        return false;
    store->registry_table_size = size;
    memset(registry_slots(store), 0, size * sizeof(uint32_t));
    for (uint32_t i = 0; i < store->registry_count; i++)
        registry_insert(store, i);
    return true;
}

static bool copy_name(struct store *store, struct name name, struct name *copy)
{
    uint8_t *bytes = arena_alloc(&store->arena, name.length, 1);

    if (bytes == NULL)
        return false;
    if (name.length != 0)
        memcpy(bytes, name.bytes, name.length);
    *copy = (struct name){.bytes = bytes, .length = name.length};
    return true;
}

// Copies the names of an entry. All exports of an instance come one after another under the same
// module name: one copy of that serves them.
static bool copy_names(struct store *store, struct registered *entry)
{
    const struct registered *previous =
        store->registry_count == 0 ? NULL : &registry_entries(store)[store->registry_count - 1];

    if (previous != NULL && names_equal(previous->module, entry->module))
        entry->module = previous->module;
    else if (!copy_name(store, entry->module, &entry->module))
        return false;
    return copy_name(store, entry->name, &entry->name);
}

bool store_register(struct store *store, struct name module, struct name name,
                    struct external external, struct error *error)
{
    uint32_t hash = registry_hash(store, module, name);
    struct registered added = {module, name, external, hash};
    struct registered *present = registry_lookup(store, module, name, hash);
    uint32_t index = store->registry_count;

    if (present != NULL) {
        present->external = external;
        return true;
    }
    if (!registry_make_room(store) || !copy_names(store, &added) ||
        !arena_commit(&store->registry, ((size_t)index + 1) * sizeof added))
        return error_set(error, ERROR_LIMIT_COUNT, 0, "importable names");
    registry_entries(store)[index] = added;
    store->registry_count = index + 1;
    registry_insert(store, index);
    return true;
}

bool store_find(const struct store *store, struct name module, struct name name,
                struct external *external)
{
    const struct registered *entry =
        registry_lookup(store, module, name, registry_hash(store, module, name));

    if (entry == NULL)
        return false;
    *external = entry->external;
    return true;
}
