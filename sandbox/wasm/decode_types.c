// SPDX-License-Identifier: Apache-2.0
//
// The sections that say of which type things are: imports, tables, memories, tags, globals.
#include "sandbox/wasm/decode_internal.h"

bool decode_type_use(struct decoder *decoder, struct reader *reader, uint32_t *type)
{
    uint64_t offset = reader_offset(reader);
    uint32_t typeidx = reader_u32(reader);

    if (reader->failed)
        return false;
    if (typeidx >= decoder->module->type_count)
        return reader_fail_at(reader, offset, ERROR_UNKNOWN_TYPE);
    *type = decoder->module->types[typeidx];
    if (type_at(decoder->store, *type)->composite == COMPOSITE_FUNCTION)
        return true;
    error_set(reader->error, ERROR_UNKNOWN_TYPE, offset, "%u is not a function type", typeidx);
    return reader_fail_at(reader, offset, ERROR_UNKNOWN_TYPE);
}

enum {
    LIMITS_MAXIMUM = 1 << 0,
    LIMITS_SHARED = 1 << 1, // of memories, a proposal
    LIMITS_ADDRESS64 = 1 << 2,
    LIMITS_PAGE_SIZE = 1 << 3, // of memories, a proposal: the logarithm of a page's bytes follows
    LIMITS_KNOWN = LIMITS_MAXIMUM | LIMITS_ADDRESS64,
    LIMITS_PROPOSED = LIMITS_SHARED | LIMITS_PAGE_SIZE,
    PAGE_LOG2_MAX = 64
};

// Grammar Blimits: numbers are 64 bits wide here, whatever the address type. That they fit it, and
// each other, is validation. `proposed` and `on` are flags that proposals add, and those of them
// whose proposal is on; other flags than these are malformed.
static bool read_limits(struct reader *reader, unsigned proposed, unsigned on,
                        struct limits *limits, uint8_t *flags_read)
{
    uint64_t offset = reader_offset(reader);
    uint8_t flags = reader_u8(reader);

    *flags_read = flags;
    if (flags & ~(LIMITS_KNOWN | on)) {
        error_set(reader->error, ERROR_MALFORMED_LIMITS_FLAGS, offset, "%02x%s", flags,
                  flags & ~(LIMITS_KNOWN | proposed) ? "" : ", of a proposal that is off");
        return reader_fail_at(reader, offset, ERROR_MALFORMED_LIMITS_FLAGS);
    }
    limits->has_maximum = flags & LIMITS_MAXIMUM;
    limits->address64 = flags & LIMITS_ADDRESS64;
    limits->minimum = reader_u64(reader);
    limits->maximum = limits->has_maximum ? reader_u64(reader) : UINT64_MAX;
    return !reader->failed;
}

static bool read_table_type(struct decoder *decoder, struct reader *reader, struct tabletype *type)
{
    struct type_names names = decode_names(decoder);

    uint8_t flags;

    type->element = reftype_read(reader, &names);
    return !reader->failed && read_limits(reader, 0, 0, &type->limits, &flags);
}

static bool read_page_size(struct reader *reader, struct memorytype *type)
{
    uint64_t offset = reader_offset(reader);
    uint32_t log2 = reader_u32(reader);

    if (log2 > PAGE_LOG2_MAX)
        return reader_fail_at(reader, offset, ERROR_MALFORMED_PAGE_SIZE);
    type->has_page_size = true;
    type->page_log2 = (uint8_t)log2;
    return !reader->failed;
}

static bool read_memory_type(struct decoder *decoder, struct reader *reader,
                             struct memorytype *type)
{
    uint32_t features = decoder->module->features;
    unsigned on = 0;
    uint8_t flags;

    if (features & FEATURE_BIT(FEATURE_CUSTOM_PAGE_SIZES))
        on |= LIMITS_PAGE_SIZE;
    if (features & FEATURE_BIT(FEATURE_THREADS))
        on |= LIMITS_SHARED;
    if (!read_limits(reader, LIMITS_PROPOSED, on, &type->limits, &flags))
        return false;
    type->is_shared = flags & LIMITS_SHARED;
    return (!(flags & LIMITS_PAGE_SIZE) || read_page_size(reader, type));
}

static bool read_global_type(struct decoder *decoder, struct reader *reader,
                             struct globaltype *type)
{
    struct type_names names = decode_names(decoder);
    uint64_t offset;
    uint8_t mutability;

    type->type = valtype_read(reader, &names);
    offset = reader_offset(reader);
    mutability = reader_u8(reader);
    if (mutability > 1)
        return reader_fail_at(reader, offset, ERROR_MALFORMED_MUTABILITY);
    type->is_mutable = mutability == 1;
    return !reader->failed;
}

// Grammar Btagtype.
static bool read_tag_type(struct decoder *decoder, struct reader *reader, uint32_t *type)
{
    uint64_t offset = reader_offset(reader);

    if (reader_u8(reader) != 0)
        return reader_fail_at(reader, offset, ERROR_MALFORMED_TAG_ATTRIBUTE);
    if (!decode_type_use(decoder, reader, type))
        return false;
    return type_at(decoder->store, *type)->result_count == 0 ||
           reader_fail_at(reader, offset, ERROR_NON_EMPTY_TAG_RESULT);
}

// --- Imports: one function for each kind, which appends to the kind's index space ---

static bool import_function(struct decoder *decoder, struct reader *reader)
{
    struct module *module = decoder->module;
    struct function_declaration *functions =
        decode_push(decoder, reader, module->functions, module->function_count, sizeof *functions);

    if (functions == NULL)
        return false;
    module->functions = functions;
    return decode_type_use(decoder, reader, &functions[module->function_count++].type);
}

static bool import_table(struct decoder *decoder, struct reader *reader)
{
    struct module *module = decoder->module;
    struct table_declaration *tables;

    if (module->table_count == LIMIT_TABLES)
        return reader_fail(reader, ERROR_LIMIT_COUNT, "tables: at most %u", LIMIT_TABLES);
    tables = decode_push(decoder, reader, module->tables, module->table_count, sizeof *tables);
    if (tables == NULL)
        return false;
    module->tables = tables;
    return read_table_type(decoder, reader, &tables[module->table_count++].type);
}

static bool import_memory(struct decoder *decoder, struct reader *reader)
{
    struct module *module = decoder->module;
    struct memorytype *memories;

    if (module->memory_count == LIMIT_MEMORIES)
        return reader_fail(reader, ERROR_LIMIT_COUNT, "memories: at most %u", LIMIT_MEMORIES);
    memories =
        decode_push(decoder, reader, module->memories, module->memory_count, sizeof *memories);
    if (memories == NULL)
        return false;
    module->memories = memories;
    return read_memory_type(decoder, reader, &memories[module->memory_count++]);
}

static bool import_global(struct decoder *decoder, struct reader *reader)
{
    struct module *module = decoder->module;
    struct global_declaration *globals =
        decode_push(decoder, reader, module->globals, module->global_count, sizeof *globals);

    if (globals == NULL)
        return false;
    module->globals = globals;
    return read_global_type(decoder, reader, &globals[module->global_count++].type);
}

static bool import_tag(struct decoder *decoder, struct reader *reader)
{
    struct module *module = decoder->module;
    struct tag_declaration *tags =
        decode_push(decoder, reader, module->tags, module->tag_count, sizeof *tags);

    if (tags == NULL)
        return false;
    module->tags = tags;
    return read_tag_type(decoder, reader, &tags[module->tag_count++].type);
}

static bool (*const import_kinds[])(struct decoder *decoder, struct reader *reader) = {
    [EXTERNAL_FUNCTION] = import_function, [EXTERNAL_TABLE] = import_table,
    [EXTERNAL_MEMORY] = import_memory,     [EXTERNAL_GLOBAL] = import_global,
    [EXTERNAL_TAG] = import_tag,
};

// How many things of a kind there are so far: the index of the next one.
static uint32_t space_size(const struct module *module, enum external_kind kind)
{
    const uint32_t sizes[] = {
        [EXTERNAL_FUNCTION] = module->function_count, [EXTERNAL_TABLE] = module->table_count,
        [EXTERNAL_MEMORY] = module->memory_count,     [EXTERNAL_GLOBAL] = module->global_count,
        [EXTERNAL_TAG] = module->tag_count,
    };

    return sizes[kind];
}

static bool read_import(struct decoder *decoder, struct reader *reader, struct import *import)
{
    uint64_t kind_offset;
    uint8_t kind;

    import->offset = reader_offset(reader);
    import->module = reader_name(reader);
    import->name = reader_name(reader);
    kind_offset = reader_offset(reader);
    kind = reader_u8(reader);
    if (reader->failed)
        return false;
    if (kind > EXTERNAL_TAG)
        return reader_fail_at(reader, kind_offset, ERROR_MALFORMED_IMPORT_KIND);
    import->kind = (enum external_kind)kind;
    import->index = space_size(decoder->module, import->kind);
    return import_kinds[kind](decoder, reader);
}

bool decode_imports(struct decoder *decoder, struct reader *reader)
{
    struct module *module = decoder->module;
    uint32_t count;

    if (!decode_count(reader, 0, LIMIT_IMPORTS, "imports", &count))
        return false;
    module->imports = decode_array(decoder, reader, count, sizeof *module->imports);
    for (uint32_t i = 0; i < count && !reader->failed; i++)
        if (!read_import(decoder, reader, &module->imports[i]))
            return false;
    module->import_count = count;
    module->imported_function_count = module->function_count;
    module->imported_table_count = module->table_count;
    module->imported_memory_count = module->memory_count;
    module->imported_global_count = module->global_count;
    module->imported_tag_count = module->tag_count;
    return !reader->failed;
}

// --- Definitions: appended to what is imported ---

enum {
    TABLE_WITH_INITIAL = 0x40 // no reference type begins with this byte
};

static bool read_table(struct decoder *decoder, struct reader *reader,
                       struct table_declaration *table)
{
    uint64_t offset = reader_offset(reader);

    if (reader_done(reader) || *reader->cursor != TABLE_WITH_INITIAL)
        return read_table_type(decoder, reader, &table->type);
    reader_u8(reader);
    if (reader_u8(reader) != 0)
        return reader_fail_at(reader, offset + 1, ERROR_ZERO_BYTE_EXPECTED);
    table->has_initial = true;
    return read_table_type(decoder, reader, &table->type) &&
           decode_expression(decoder, reader, &table->initial);
}

bool decode_tables(struct decoder *decoder, struct reader *reader)
{
    struct module *module = decoder->module;
    uint32_t imported = module->table_count;
    uint32_t count;

    if (!decode_count(reader, imported, LIMIT_TABLES, "tables", &count))
        return false;
    module->tables = decode_extend(decoder, reader, module->tables, imported, imported + count,
                                   sizeof *module->tables);
    for (uint32_t i = 0; i < count && !reader->failed; i++)
        if (!read_table(decoder, reader, &module->tables[imported + i]))
            return false;
    module->table_count += count;
    return !reader->failed;
}

bool decode_memories(struct decoder *decoder, struct reader *reader)
{
    struct module *module = decoder->module;
    uint32_t imported = module->memory_count;
    uint32_t count;

    if (!decode_count(reader, imported, LIMIT_MEMORIES, "memories", &count))
        return false;
    module->memories = decode_extend(decoder, reader, module->memories, imported, imported + count,
                                     sizeof *module->memories);
    for (uint32_t i = 0; i < count && !reader->failed; i++)
        if (!read_memory_type(decoder, reader, &module->memories[imported + i]))
            return false;
    module->memory_count += count;
    return !reader->failed;
}

bool decode_tags(struct decoder *decoder, struct reader *reader)
{
    struct module *module = decoder->module;
    uint32_t imported = module->tag_count;
    uint32_t count;

    if (!decode_count(reader, imported, LIMIT_TAGS, "tags", &count))
        return false;
    module->tags = decode_extend(decoder, reader, module->tags, imported, imported + count,
                                 sizeof *module->tags);
    for (uint32_t i = 0; i < count && !reader->failed; i++)
        if (!read_tag_type(decoder, reader, &module->tags[imported + i].type))
            return false;
    module->tag_count += count;
    return !reader->failed;
}

bool decode_globals(struct decoder *decoder, struct reader *reader)
{
    struct module *module = decoder->module;
    uint32_t imported = module->global_count;
    uint32_t count;

    if (!decode_count(reader, imported, LIMIT_GLOBALS, "globals", &count))
        return false;
    module->globals = decode_extend(decoder, reader, module->globals, imported, imported + count,
                                    sizeof *module->globals);
    for (uint32_t i = 0; i < count && !reader->failed; i++) {
        struct global_declaration *global = &module->globals[imported + i];

        if (!read_global_type(decoder, reader, &global->type) ||
            !decode_expression(decoder, reader, &global->initial))
            return false;
    }
    module->global_count += count;
    return !reader->failed;
}
