// SPDX-License-Identifier: Apache-2.0
//
// Where modules get their data and their part of the table: from a static main module, which has
// them, or in what the linker makes for a position-independent one.
#include "sandbox/base/checked.h"
#include "sandbox/wasm/dynamic_internal.h"
#include "sandbox/wasm/run.h"

enum {
    STACK_ALIGNMENT = 16,   // of the C ABI, and of what allocators give at least
    CLEAR_BYTES = 64 * 1024 // between two looks at store->interrupted
};

/* A static main module. */

bool dynamic_exported(const struct module *module, const char *name, enum external_kind kind,
                      uint32_t *index)
{
    for (uint32_t i = 0; i < module->export_count; i++) {
        if (module->exports[i].kind != kind || !name_is(module->exports[i].name, name))
            continue;
        *index = module->exports[i].index;
        return true;
    }
    return false;
}

// The ways to ask a guest for memory; each takes and gives i32s.
static const struct allocator {
    const char *name;
    uint32_t parameter_count;
} allocators[] = {{"aligned_alloc", 2}, {"malloc", 1}, {"cabi_realloc", 4}};

static const struct allocator *find_allocator(const struct dynamic *dynamic, uint32_t *funcidx)
{
    const struct module *module = dynamic->modules[0].module;

    for (size_t i = 0; i < sizeof allocators / sizeof allocators[0]; i++) {
        const struct deftype *type;
        bool fits;

        if (!dynamic_exported(module, allocators[i].name, EXTERNAL_FUNCTION, funcidx))
            continue;
        type = type_at(&dynamic->store->types, module->functions[*funcidx].type);
        fits = type->parameter_count == allocators[i].parameter_count && type->result_count == 1;
        for (uint32_t k = 0; fits && k <= type->parameter_count; k++)
            fits = type->types[k] == VALTYPE_I32;
        if (fits)
            return &allocators[i];
    }
    return NULL;
}

// What the side modules need of the main one.
struct needs {
    bool memory;
    bool table;
    bool stack_pointer;
    bool allocator;
};

static void add_needs(const struct dynamic *dynamic, uint32_t owner, struct needs *needs)
{
    const struct module *module = dynamic->modules[owner].module;
    const struct dylink *dylink = &dynamic->parts[owner].dylink;
    const struct symbol *symbol;

    needs->allocator |= dylink->memory_size != 0;
    needs->memory |= needs->allocator;
    needs->table |= dylink->table_size != 0;
    for (uint32_t i = 0; i < module->import_count; i++) {
        enum provision provision = dynamic_classify(dynamic, owner, &module->imports[i], &symbol);

        needs->memory |= provision == PROVISION_MEMORY;
        needs->table |= provision == PROVISION_TABLE || provision == PROVISION_GOT_FUNCTION;
        needs->stack_pointer |= provision == PROVISION_STACK_POINTER;
    }
}

static bool missing(const char *what, struct error *error)
{
    return error_set(error, ERROR_DYNAMIC_LINKING, 0, "side modules need %s of the main module",
                     what);
}

bool dynamic_check_main(const struct dynamic *dynamic, struct error *error)
{
    const struct module *module = dynamic->modules[0].module;
    struct needs needs = {false, false, false, false};
    uint32_t index;

    for (uint32_t i = 0; i < dynamic->count; i++)
        add_needs(dynamic, i, &needs);
    if (needs.memory && !dynamic_exported(module, "memory", EXTERNAL_MEMORY, &index))
        return missing("the export memory", error);
    if (needs.memory && (module->memories[index].limits.address64 ||
                         memorytype_page_shift(&module->memories[index]) != 16))
        return missing("a 32-bit memory of 64 KiB pages", error);
    if (needs.table &&
        (!dynamic_exported(module, "__indirect_function_table", EXTERNAL_TABLE, &index) ||
         module->tables[index].type.element != VALTYPE_FUNCREF ||
         module->tables[index].type.limits.address64))
        return missing("the table of functions (-Wl,--export-table,--growable-table)", error);
    if (needs.stack_pointer &&
        (!dynamic_exported(module, "__stack_pointer", EXTERNAL_GLOBAL, &index) ||
         module->globals[index].type.type != VALTYPE_I32 ||
         !module->globals[index].type.is_mutable))
        return missing("the stack pointer (-Wl,--export=__stack_pointer)", error);
    if (needs.allocator && find_allocator(dynamic, &index) == NULL)
        return missing("an allocator (-Wl,--export=malloc)", error);
    return true;
}

void dynamic_adopt(struct dynamic *dynamic)
{
    const struct instance *instance = dynamic->modules[0].instance;
    uint32_t index;

    if (dynamic_exported(instance->module, "memory", EXTERNAL_MEMORY, &index))
        dynamic->memory = instance->memories[index];
    if (dynamic_exported(instance->module, "__indirect_function_table", EXTERNAL_TABLE, &index))
        dynamic->table = instance->tables[index];
    if (dynamic_exported(instance->module, "__stack_pointer", EXTERNAL_GLOBAL, &index))
        dynamic->stack_pointer = instance->global_objects[index];
}

// Calls the main module's allocator. What it says is checked by whoever asks.
static bool call_allocator(struct dynamic *dynamic, uint32_t size, uint32_t alignment,
                           uint32_t *address)
{
    union slot slots[4] = {{0}, {0}, {0}, {0}};
    uint32_t funcidx;
    const struct allocator *allocator = find_allocator(dynamic, &funcidx);
    const struct function *function = instance_function(dynamic->modules[0].instance, funcidx);

    if (function == NULL)
        return error_set(dynamic->error, ERROR_LIMIT_MEMORY, 0, NULL);
    if (allocator->parameter_count == 1) {
        slots[0].u64 = size;
    } else if (allocator->parameter_count == 2) {
        slots[0].u64 = alignment;
        slots[1].u64 = size;
    } else { // of no old block
        slots[2].u64 = alignment;
        slots[3].u64 = size;
    }
    dynamic->trap = dynamic_run(dynamic, 0, function, slots);
    *address = slots[0].u32;
    return dynamic->trap == TRAP_NONE;
}

// As in instantiation: it is over with the trap, unless a run that waits for this must end too.
static bool interrupted(struct dynamic *dynamic)
{
    if (dynamic->store->run == NULL)
        dynamic->store->interrupted = 0;
    dynamic->trap = TRAP_INTERRUPTED;
    return false;
}

static bool clear(struct dynamic *dynamic, uint32_t address, uint32_t size)
{
    while (size != 0) {
        uint32_t part = size < CLEAR_BYTES ? size : CLEAR_BYTES;

        if (dynamic->store->interrupted)
            return interrupted(dynamic);
        memset(dynamic->memory->base + address, 0, part);
        address += part;
        size -= part;
    }
    return true;
}

// Room for a module's data: as much more than it needs as aligning it, and aligned_alloc's wish for
// whole multiples, may take. Zeroed, which no allocator promises.
static bool allocate_data(struct dynamic *dynamic, uint32_t owner)
{
    const struct dylink *dylink = &dynamic->parts[owner].dylink;
    uint32_t alignment =
        dylink->memory_alignment > STACK_ALIGNMENT ? dylink->memory_alignment : STACK_ALIGNMENT;
    uint64_t size = ALIGN_UP((uint64_t)dylink->memory_size, alignment) + alignment;
    uint64_t base;
    uint32_t address = 0;

    if (dylink->memory_size == 0)
        return true;
    if (size <= UINT32_MAX && !call_allocator(dynamic, (uint32_t)size, alignment, &address))
        return false;
    base = ALIGN_UP((uint64_t)address, alignment);
    if (address == 0 || !memory_contains(dynamic->memory, base, dylink->memory_size))
        return error_set(dynamic->error, ERROR_LIMIT_LINEAR_MEMORY, 0,
                         "the main module's allocator has no %u bytes for %s", dylink->memory_size,
                         dynamic_module_name(dynamic, owner).text);
    dynamic->parts[owner].memory_base = (uint32_t)base;
    return clear(dynamic, (uint32_t)base, dylink->memory_size);
}

static bool allocate_elements(struct dynamic *dynamic, uint32_t owner)
{
    const struct dylink *dylink = &dynamic->parts[owner].dylink;
    struct table *table = dynamic->table;
    uint64_t base;

    if (dylink->table_size == 0)
        return true;
    // No function is at 0, the null pointer.
    base = ALIGN_UP(table->size == 0 ? 1 : table->size, (uint64_t)dylink->table_alignment);
    if (table_grow(table, base - table->size + dylink->table_size, (union slot){0}) == UINT64_MAX)
        return error_set(dynamic->error, ERROR_LIMIT_TABLE, 0,
                         "%u elements for %s, in a table of %llu: link the main module with "
                         "-Wl,--growable-table",
                         dylink->table_size, dynamic_module_name(dynamic, owner).text,
                         (unsigned long long)table->size);
    dynamic->parts[owner].table_base = (uint32_t)base;
    return true;
}

bool dynamic_allocate(struct dynamic *dynamic)
{
    for (uint32_t i = 1; i < dynamic->count; i++)
        if (!allocate_data(dynamic, i) || !allocate_elements(dynamic, i))
            return false;
    return true;
}

/* A position-independent main module. */

// The limits that all who import it agree on.
static void agree(struct limits *limits, const struct limits *wanted)
{
    if (wanted->minimum > limits->minimum)
        limits->minimum = wanted->minimum;
    if (wanted->has_maximum && wanted->maximum < limits->maximum) {
        limits->maximum = wanted->maximum;
        limits->has_maximum = true;
    }
}

static bool agree_on(const struct dynamic *dynamic, uint32_t owner, struct limits *memory,
                     struct limits *table)
{
    const struct module *module = dynamic->modules[owner].module;
    const struct symbol *symbol;

    for (uint32_t i = 0; i < module->import_count; i++) {
        const struct import *import = &module->imports[i];
        enum provision provision = dynamic_classify(dynamic, owner, import, &symbol);

        if (provision == PROVISION_MEMORY) {
            const struct memorytype *type = &module->memories[import->index];

            if (type->is_shared || type->limits.address64 || memorytype_page_shift(type) != 16)
                return error_set(dynamic->error, ERROR_DYNAMIC_LINKING, import->offset,
                                 "%s imports a memory that is shared, of 64 bits or of other pages",
                                 dynamic_module_name(dynamic, owner).text);
            agree(memory, &type->limits);
        } else if (provision == PROVISION_TABLE) {
            agree(table, &module->tables[import->index].type.limits);
        }
    }
    return true;
}

// Gives each module its part of memory and table, from these ends on.
static bool lay_out(struct dynamic *dynamic, uint64_t *memory_end, uint64_t *table_end)
{
    for (uint32_t i = 0; i < dynamic->count; i++) {
        struct dynamic_part *part = &dynamic->parts[i];

        *memory_end = ALIGN_UP(*memory_end, (uint64_t)part->dylink.memory_alignment);
        *table_end = ALIGN_UP(*table_end, (uint64_t)part->dylink.table_alignment);
        part->memory_base = (uint32_t)*memory_end;
        part->table_base = (uint32_t)*table_end;
        // Far from the maximum of 64 bits: each turn begins below that of 32.
        *memory_end += part->dylink.memory_size;
        *table_end += part->dylink.table_size;
        if (*memory_end > UINT32_MAX - MEMORY_PAGE_BYTES || *table_end > UINT32_MAX)
            return error_set(dynamic->error, ERROR_LIMIT_LINEAR_MEMORY, 0, "no room is left for %s",
                             dynamic_module_name(dynamic, i).text);
    }
    return true;
}

static bool make_shared(struct dynamic *dynamic, const struct limits *memory,
                        const struct limits *table)
{
    const struct memorytype memorytype = {.limits = *memory};
    const struct tabletype tabletype = {VALTYPE_FUNCREF, *table};
    const struct globaltype stack_pointer = {VALTYPE_I32, true};
    const union slot stack_top = {.u64 = dynamic->stack_bytes};

    if (memory->maximum < memory->minimum || table->maximum < table->minimum)
        return error_set(dynamic->error, ERROR_DYNAMIC_LINKING, 0,
                         "%llu pages of memory and %llu elements are needed, but a module that "
                         "imports them has a lower maximum",
                         (unsigned long long)memory->minimum, (unsigned long long)table->minimum);
    dynamic->memory = store_add_memory(dynamic->store, &memorytype, dynamic->error);
    if (dynamic->memory == NULL)
        return false;
    dynamic->table = store_add_table(dynamic->store, &tabletype, (union slot){0}, dynamic->error);
    if (dynamic->table == NULL)
        return false;
    dynamic->stack_pointer =
        store_add_global(dynamic->store, stack_pointer, &stack_top, dynamic->error);
    return dynamic->stack_pointer != NULL;
}

bool dynamic_make(struct dynamic *dynamic)
{
    struct limits memory = {.maximum = UINT64_MAX};
    struct limits table = {.maximum = UINT64_MAX};
    uint64_t memory_end = dynamic->stack_bytes;
    uint64_t table_end = 1; // element 0 is the null pointer

    if (!lay_out(dynamic, &memory_end, &table_end))
        return false;
    memory_end = ALIGN_UP(memory_end, (uint64_t)STACK_ALIGNMENT);
    memory.minimum = ALIGN_UP(memory_end, MEMORY_PAGE_BYTES) / MEMORY_PAGE_BYTES;
    table.minimum = table_end;
    for (uint32_t i = 0; i < dynamic->count; i++)
        if (!agree_on(dynamic, i, &memory, &table))
            return false;
    dynamic->heap_base = (uint32_t)memory_end;
    // The end of all that 32 bits can address is no number of theirs.
    dynamic->heap_end = memory.minimum >= 65536 ? UINT32_MAX & ~(STACK_ALIGNMENT - 1u)
                                                : (uint32_t)(memory.minimum * MEMORY_PAGE_BYTES);
    return make_shared(dynamic, &memory, &table);
}
