// SPDX-License-Identifier: Apache-2.0
//
// The report on the modules that were loaded. Made in two passes of the same code: the first one
// has no room and measures.
#include "sandbox/session_internal.h"

enum {
    MODULE_HEAD_SIZE = 8 // magic and version
};

struct pass {
    const struct session *session;
    const struct module *module;
    const struct type_store *types;
    struct report_writer writer;
    struct report_head head; // counts grow along
    struct error *error;
};

_Static_assert((int)REPORT_FUNCTION == (int)EXTERNAL_FUNCTION &&
                   (int)REPORT_TABLE == (int)EXTERNAL_TABLE &&
                   (int)REPORT_KIND_MEMORY == (int)EXTERNAL_MEMORY &&
                   (int)REPORT_GLOBAL == (int)EXTERNAL_GLOBAL &&
                   (int)REPORT_TAG == (int)EXTERNAL_TAG,
               "both as in the binary format");

uint8_t session_value_code(valtype type)
{
    switch (valtype_kind(type)) {
    case VALKIND_I32:
        return PLAN_CORE_I32;
    case VALKIND_I64:
        return PLAN_CORE_I64;
    case VALKIND_F32:
        return PLAN_CORE_F32;
    case VALKIND_F64:
        return PLAN_CORE_F64;
    case VALKIND_V128:
        return REPORT_V128;
    case VALKIND_REF:
        return REPORT_REF;
    case VALKIND_BOTTOM:
    case VALKIND_I8: // of fields only
    case VALKIND_I16:
    case VALKIND_REF_NULL:
        break;
    }
    if (type == VALTYPE_FUNCREF)
        return REPORT_FUNCREF;
    return type == VALTYPE_EXTERNREF ? REPORT_EXTERNREF : REPORT_REF_NULL;
}

static struct report_text text_of(struct name name)
{
    return (struct report_text){name.bytes, name.length};
}

static void put(struct pass *pass, const struct report_item *item)
{
    if (item->module.length > REPORT_NAME_MAX || item->name.length > REPORT_NAME_MAX)
        error_set(pass->error, ERROR_LIMIT_MODULE, 0, "a name of more than %d bytes",
                  REPORT_NAME_MAX);
    pass->head.counts[item->part]++;
    report_put_item(&pass->writer, item);
}

static void set_limits(struct report_item *item, const struct limits *limits)
{
    item->first = limits->minimum;
    item->second = limits->has_maximum ? limits->maximum : 0;
    item->flags |= (uint8_t)((limits->has_maximum ? REPORT_HAS_MAXIMUM : 0) |
                             (limits->address64 ? REPORT_ADDRESS64 : 0));
}

static void set_global(struct report_item *item, const struct global_declaration *global)
{
    uint64_t value;

    item->value_type = session_value_code(global->type.type);
    item->flags |= global->type.is_mutable ? REPORT_MUTABLE : 0;
    if (layout_constant(&global->initial, &value)) {
        item->flags |= REPORT_HAS_VALUE;
        item->first = value;
    }
}

static void put_function(struct pass *pass, struct report_item *item, uint32_t number)
{
    const struct deftype *type = type_at(pass->types, number);
    uint8_t codes[2 * REPORT_TYPES_MAX];
    uint32_t count = type->parameter_count + type->result_count;

    for (uint32_t i = 0; i < count; i++)
        codes[i] = session_value_code(type->types[i]);
    item->parameter_count = (uint16_t)type->parameter_count;
    item->result_count = (uint16_t)type->result_count;
    item->types = codes;
    if (type->result_count > 1 && item->owner == 0)
        pass->head.flags |= REPORT_HAS_MULTI_VALUE;
    put(pass, item);
}

// An import or an export, whose type stands in the index space of its kind.
static void put_external(struct pass *pass, struct report_item *item, uint32_t index)
{
    const struct module *module = pass->module;

    switch ((enum external_kind)item->kind) {
    case EXTERNAL_FUNCTION:
        put_function(pass, item, module->functions[index].type);
        return;
    case EXTERNAL_TAG:
        put_function(pass, item, module->tags[index].type);
        return;
    case EXTERNAL_TABLE:
        item->value_type = session_value_code(module->tables[index].type.element);
        set_limits(item, &module->tables[index].type.limits);
        break;
    case EXTERNAL_MEMORY:
        set_limits(item, &module->memories[index].limits);
        if (memorytype_page_shift(&module->memories[index]) == 0)
            item->flags |= REPORT_BYTE_PAGES;
        break;
    case EXTERNAL_GLOBAL:
        set_global(item, &module->globals[index]);
        break;
    }
    put(pass, item);
}

static void put_regions(struct pass *pass)
{
    struct session_layout layout;

    if (pass->module->memory_count == 0)
        return;
    session_layout(pass->module, &layout);
    for (uint8_t i = 0; i < REPORT_REGION_END - REPORT_REGION_DATA; i++) {
        struct report_item item = {.part = REPORT_DATA,
                                   .kind = (uint8_t)(REPORT_REGION_DATA + i),
                                   .first = layout.regions[i].first,
                                   .second = layout.regions[i].end};

        if (item.kind == REPORT_REGION_STACK)
            item.flags = layout.evidence;
        if (item.first < item.second)
            put(pass, &item);
    }
}

// The module was decoded, so its sections are as they say.
static void put_sections(struct pass *pass)
{
    struct error error = {.code = ERROR_NONE};
    struct reader reader;

    reader_init(&reader, pass->module->bytes, pass->module->size, 0, &error);
    reader_bytes(&reader, MODULE_HEAD_SIZE);
    while (!reader_done(&reader)) {
        struct report_item item = {.part = REPORT_SECTION, .kind = reader_u8(&reader)};
        struct reader content;

        item.second = reader_u32(&reader);
        item.first = reader_offset(&reader);
        if (!reader_sub(&reader, item.second, &content))
            return;
        if (item.kind == 0)
            item.name = text_of(reader_name(&content));
        put(pass, &item);
    }
}

// What its types and instructions use.
static uint32_t flags_of_features(uint32_t features)
{
    static const uint32_t flags[FEATURE_COUNT] = {
        [FEATURE_EXCEPTION] = REPORT_HAS_EXCEPTIONS,
        [FEATURE_LEGACY_EXCEPTION] = REPORT_HAS_LEGACY_EXCEPTIONS,
        [FEATURE_VECTOR] = REPORT_HAS_VECTORS,
        [FEATURE_RELAXED_VECTOR] = REPORT_HAS_RELAXED_VECTORS,
        [FEATURE_TAIL_CALL] = REPORT_HAS_TAIL_CALLS,
        [FEATURE_TYPED_REFERENCE] = REPORT_HAS_TYPED_REFERENCES,
        [FEATURE_WIDE_ARITHMETIC] = REPORT_HAS_WIDE_ARITHMETIC,
        [FEATURE_THREADS] = REPORT_HAS_THREADS,
    };
    uint32_t found = 0;

    for (uint32_t i = 0; i < FEATURE_COUNT; i++) {
        if (features & FEATURE_BIT(i))
            found |= flags[i];
    }
    return found;
}

static uint32_t flags_of_memory(const struct memorytype *type)
{
    return (type->limits.address64 ? REPORT_HAS_MEMORY64 : 0u) |
           (type->has_page_size ? REPORT_HAS_CUSTOM_PAGE_SIZES : 0u) |
           (type->is_shared ? REPORT_HAS_THREADS : 0u);
}

static void put_flags(struct pass *pass)
{
    const struct module *module = pass->module;

    pass->head.flags |= flags_of_features(module->features_used);
    if (module->has_start)
        pass->head.flags |= REPORT_HAS_START;
    if (module->memory_count > 1)
        pass->head.flags |= REPORT_HAS_MULTI_MEMORY;
    if (module->tag_count > 0)
        pass->head.flags |= REPORT_HAS_EXCEPTIONS;
    if (module->has_data_count)
        pass->head.flags |= REPORT_HAS_DATA_COUNT;
    for (uint32_t i = 0; i < module->memory_count; i++)
        pass->head.flags |= flags_of_memory(&module->memories[i]);
    for (uint32_t i = 0; i < module->table_count; i++) {
        if (module->tables[i].type.limits.address64)
            pass->head.flags |= REPORT_HAS_MEMORY64;
    }
}

// Those of one module; pass->module is that one meanwhile.
static void put_imports(struct pass *pass, const struct session_module *own, uint32_t owner)
{
    pass->module = own->module;
    for (uint32_t i = 0; i < own->module->import_count; i++) {
        const struct import *import = &own->module->imports[i];
        struct report_item item = {
            .part = REPORT_IMPORT,
            .kind = (uint8_t)import->kind,
            .module = text_of(import->module),
            .name = text_of(import->name),
            .owner = (uint8_t)owner,
            .flags = own->providers[i].library != 0 ? REPORT_LINKED : 0,
        };

        put_external(pass, &item, import->index);
    }
}

static void put_all(struct pass *pass)
{
    const struct session *session = pass->session;
    const struct module *module = session->modules[0].module;

    report_put_head(&pass->writer, &pass->head);
    pass->head = (struct report_head){.flags = 0};
    for (uint32_t i = 0; i < session->module_count; i++)
        put_imports(pass, &session->modules[i], i);
    pass->module = module;
    for (uint32_t i = 0; i < module->export_count; i++) {
        const struct export *export = &module->exports[i];
        struct report_item item = {
            .part = REPORT_EXPORT,
            .kind = (uint8_t) export->kind,
            .name = text_of(export->name),
        };

        put_external(pass, &item, export->index);
    }
    for (uint32_t i = 0; i < module->memory_count; i++) {
        struct report_item item = {.part = REPORT_MEMORY, .kind = REPORT_KIND_MEMORY};

        put_external(pass, &item, i);
    }
    put_regions(pass);
    put_sections(pass);
    put_flags(pass);
}

static bool write_report(struct session *session, struct pass *pass)
{
    struct error *error = pass->error;
    size_t size;

    put_all(pass);
    size = pass->writer.length;
    if (error->code != ERROR_NONE)
        return false;
    if (size > REPORT_BYTES_MAX)
        return error_set(error, ERROR_LIMIT_MODULE, 0,
                         "imports, exports and sections take %zu bytes of report, of %d", size,
                         REPORT_BYTES_MAX);
    pass->writer = (struct report_writer){
        .bytes = arena_alloc(&session->scratch, size, 8),
        .size = size,
    };
    if (pass->writer.bytes == NULL)
        return error_set(error, ERROR_LIMIT_MEMORY, 0, "for the report on the module");
    put_all(pass);
    return true;
}

bool session_report(struct session *session, struct error *error)
{
    size_t mark = arena_mark(&session->scratch);
    struct pass pass = {
        .session = session,
        .types = &engine_store(session->engine)->types,
        .error = error,
    };
    struct message message = {.kind = MESSAGE_MODULE_REPORT, .count = 3};

    if (!write_report(session, &pass))
        return false;
    message.words[1] = pass.head.counts[REPORT_IMPORT];
    message.words[2] = pass.head.counts[REPORT_EXPORT];
    session_send_bytes(session, &message, pass.writer.bytes, pass.writer.length);
    arena_release(&session->scratch, mark);
    return true;
}
