// SPDX-License-Identifier: Apache-2.0
#include "sandbox/wasm/validate_module.h"

#include <string.h>

struct checker {
    struct module *module;
    const struct type_store *store;
    struct error *error;
};

static bool limits_valid(struct checker *v, const struct limits *limits, uint64_t bound,
                         enum error_code code)
{
    if (limits->minimum > bound || (limits->has_maximum && limits->maximum > bound))
        return error_set(v->error, code, 0, "at most %llu", (unsigned long long)bound);
    if (limits->has_maximum && limits->minimum > limits->maximum)
        return error_set(v->error, ERROR_SIZE_MINIMUM, 0, "%llu and %llu",
                         (unsigned long long)limits->minimum, (unsigned long long)limits->maximum);
    return true;
}

static bool tables_valid(struct checker *v)
{
    for (uint32_t i = 0; i < v->module->table_count; i++) {
        const struct table_declaration *table = &v->module->tables[i];
        const struct limits *limits = &table->type.limits;

        if (!limits_valid(v, limits, limits->address64 ? UINT64_MAX : UINT32_MAX, ERROR_TABLE_SIZE))
            return false;
        if (i >= v->module->imported_table_count && !table->has_initial &&
            !valtype_is_defaultable(table->type.element))
            return error_set(v->error, ERROR_TYPE_MISMATCH, 0,
                             "table %u of references that are never null needs an initial value",
                             i);
    }
    return true;
}

static bool memories_valid(struct checker *v)
{
    for (uint32_t i = 0; i < v->module->memory_count; i++) {
        const struct memorytype *type = &v->module->memories[i];

        if (type->has_page_size && type->page_log2 != 0 && type->page_log2 != 16)
            return error_set(v->error, ERROR_CUSTOM_PAGE_SIZE, 0, "2^%u bytes, not 1 or 65536",
                             type->page_log2);
        if (type->is_shared && !type->limits.has_maximum)
            return error_set(v->error, ERROR_SHARED_MEMORY_MAXIMUM, 0, NULL);
        if (!limits_valid(v, &type->limits, memorytype_pages_max(type), ERROR_MEMORY_SIZE))
            return false;
    }
    return true;
}

static bool index_valid(struct checker *v, enum external_kind kind, uint32_t index, uint64_t offset)
{
    const struct module *module = v->module;
    const uint32_t counts[] = {module->function_count, module->table_count, module->memory_count,
                               module->global_count, module->tag_count};
    static const enum error_code codes[] = {ERROR_UNKNOWN_FUNCTION, ERROR_UNKNOWN_TABLE,
                                            ERROR_UNKNOWN_MEMORY, ERROR_UNKNOWN_GLOBAL,
                                            ERROR_UNKNOWN_TAG};

    return index < counts[kind] || error_set(v->error, codes[kind], offset, "%u", index);
}

// Export names must differ. A hash table of twice their number.
static bool names_differ(struct checker *v, uint32_t *slots, uint64_t mask)
{
    const struct module *module = v->module;
    const struct hash_key *key = &v->store->key;

    for (uint32_t i = 0; i < module->export_count; i++) {
        struct name name = module->exports[i].name;
        uint64_t at = hash_bytes(key, key->start, name.bytes, name.length) & mask;
        for (; slots[at] != 0; at = (at + 1) & mask) {
            if (names_equal(module->exports[slots[at] - 1].name, name))
                return error_set(v->error, ERROR_DUPLICATE_EXPORT_NAME, module->exports[i].offset,
                                 NULL);
        }
        slots[at] = i + 1;
    }
    return true;
}

static bool export_names_valid(struct checker *v)
{
    struct arena scratch = {0};
    uint64_t size = 16;

    while (size < 2ull * v->module->export_count)
        size *= 2;
    if (!arena_init(&scratch, size * sizeof(uint32_t), v->error))
        return false;
    uint32_t *slots = arena_array(&scratch, size, sizeof *slots);
    bool valid =
        slots ? names_differ(v, slots, size - 1) : error_set(v->error, ERROR_LIMIT_MEMORY, 0, NULL);
    arena_finish(&scratch);
    return valid;
}

static bool exports_valid(struct checker *v)
{
    for (uint32_t i = 0; i < v->module->export_count; i++) {
        const struct export *export = &v->module->exports[i];
        if (!index_valid(v, export->kind, export->index, export->offset))
            return false;
    }
    return export_names_valid(v);
}

static bool start_valid(struct checker *v)
{
    const struct module *module = v->module;

    if (!module->has_start)
        return true;
    if (!index_valid(v, EXTERNAL_FUNCTION, module->start, module->start_offset))
        return false;
    const struct deftype *type = type_at(v->store, module->functions[module->start].type);
    if (type->parameter_count > 0 || type->result_count > 0)
        return error_set(v->error, ERROR_START_FUNCTION, module->start_offset,
                         "it must have neither parameters nor results");
    return true;
}

static bool element_valid(struct checker *v, const struct element_segment *element)
{
    const struct module *module = v->module;

    for (uint32_t i = 0; element->funcidxs && i < element->count; i++) {
        if (!index_valid(v, EXTERNAL_FUNCTION, element->funcidxs[i], element->position))
            return false;
    }
    if (element->mode != SEGMENT_ACTIVE)
        return true;
    if (!index_valid(v, EXTERNAL_TABLE, element->tableidx, element->position))
        return false;
    if (!valtype_matches(v->store, element->type, module->tables[element->tableidx].type.element))
        return error_set(v->error, ERROR_TYPE_MISMATCH, element->position,
                         "elements of another type than the table's");
    return true;
}

static bool segments_valid(struct checker *v)
{
    const struct module *module = v->module;

    for (uint32_t i = 0; i < module->element_count; i++) {
        if (!element_valid(v, &module->elements[i]))
            return false;
    }
    for (uint32_t i = 0; i < module->data_count; i++) {
        const struct data_segment *data = &module->datas[i];
        if (data->mode == SEGMENT_ACTIVE &&
            !index_valid(v, EXTERNAL_MEMORY, data->memidx, data->position))
            return false;
    }
    return true;
}

bool module_validate(struct module *module, const struct type_store *store, struct error *error)
{
    struct checker v = {module, store, error};

    return tables_valid(&v) && memories_valid(&v) && segments_valid(&v) && start_valid(&v) &&
           exports_valid(&v);
}
