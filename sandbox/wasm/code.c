// SPDX-License-Identifier: Apache-2.0
#include "sandbox/wasm/code.h"

struct code *code_at(const struct module *module, const uint8_t *pc)
{
    uint32_t low = 0, high = module->body_count;

    if (high == 0 || pc < module->codes[0].entry)
        return NULL;
    // The last function that begins at or before pc: functions were translated in this order.
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (module->codes[middle].entry <= pc)
            low = middle;
        else
            high = middle;
    }
    struct code *code = &module->codes[low];
    return pc < code->entry + code->size ? code : NULL;
}

static uint64_t read_leb(const uint8_t **cursor)
{
    uint64_t value = 0;
    uint32_t shift = 0;
    uint8_t byte;

    do {
        byte = *(*cursor)++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        shift += 7;
    } while (byte & 0x80);
    return value;
}

uint64_t code_origin(const struct module *module, const struct code *code, const uint8_t *pc)
{
    const uint8_t *cursor = module->origins.base + code->origins;
    const uint8_t *end = cursor + code->origins_size;
    int64_t position = 0, target = pc - code->entry - code->prologue;
    uint64_t offset = module->bodies[code - module->codes].offset;

    while (cursor < end) {
        position += (int64_t)read_leb(&cursor) * 8;
        offset += read_leb(&cursor);
        if (position > target)
            break;
    }
    return offset;
}

// The only instance of the module; NULL if there are several, any of which may be meant.
static const struct instance *only_instance(const struct store *store, const struct module *module)
{
    const struct instance *found = NULL;

    for (const struct instance *in = store->instances; in; in = in->next) {
        if (in->module != module)
            continue;
        if (found)
            return NULL;
        found = in;
    }
    return found;
}

bool code_find(const struct store *store, const uint8_t *pc, const struct instance **instance,
               uint32_t *funcidx, uint64_t *offset)
{
    for (const struct instance *in = store->instances; in; in = in->next) {
        const struct module *module = in->module;
        const struct code *code = code_at(module, pc);
        if (!code)
            continue;
        *instance = only_instance(store, module);
        *funcidx = module->imported_function_count + (uint32_t)(code - module->codes);
        *offset = code_origin(module, code, pc);
        return true;
    }
    return false;
}

const struct reference_map *code_references(const struct module *module, const struct code *code,
                                            const uint8_t *return_pc)
{
    const struct reference_map *maps =
        (const struct reference_map *)(const void *)module->references.base + code->references;
    uint32_t offset = (uint32_t)(return_pc - code->entry - code->prologue);
    uint32_t low = 0, high = code->reference_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (maps[middle].return_offset < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low < code->reference_count && maps[low].return_offset == offset ? &maps[low] : NULL;
}

// The innermost region that holds a cell: of those that begin no later the last one, or one around
// it. REGION_NONE if there is none.
static uint32_t region_of(const struct exception_region *regions, const struct code *code,
                          uint32_t offset, uint64_t *steps)
{
    uint32_t low = code->regions, high = code->regions + code->region_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (regions[middle].start <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    uint32_t region = low == code->regions ? REGION_NONE : low - 1;
    for (; region != REGION_NONE && offset >= regions[region].end; ++*steps)
        region = regions[region].parent;
    return region;
}

const struct exception_clause *code_catch(const struct instance *instance, const struct code *code,
                                          const uint8_t *pc, const struct tag *tag, uint64_t *steps)
{
    const struct module *module = instance->module;
    const struct exception_region *regions =
        (const struct exception_region *)(const void *)module->regions.base;
    const struct exception_clause *clauses =
        (const struct exception_clause *)(const void *)module->clauses.base;
    uint32_t offset = (uint32_t)(pc - code->entry - code->prologue) - 1;
    uint32_t region = region_of(regions, code, offset, steps);

    for (; region != REGION_NONE; region = regions[region].next, ++*steps) {
        for (uint32_t i = regions[region].clauses; i != CLAUSE_NONE; i = clauses[i].next) {
            if (clauses[i].tagidx == CLAUSE_ANY_TAG || instance->tags[clauses[i].tagidx] == tag)
                return &clauses[i];
            ++*steps;
        }
    }
    return NULL;
}
