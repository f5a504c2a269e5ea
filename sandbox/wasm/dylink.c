// SPDX-License-Identifier: Apache-2.0
#include "sandbox/wasm/dylink.h"

#include <string.h>

#include "sandbox/base/reader.h"

enum subsection {
    SUBSECTION_MEMORY_INFO = 1,
    SUBSECTION_NEEDED = 2,
    SUBSECTION_EXPORT_INFO = 3,
    SUBSECTION_IMPORT_INFO = 4,
};

// Reading under way.
struct section {
    struct arena *arena;
    struct dylink *dylink;
    bool has_memory_info;
};

bool dylink_present(const struct module *module)
{
    for (uint32_t i = 0; i < module->custom_count; i++)
        if (name_is(module->customs[i].name, "dylink.0") ||
            name_is(module->customs[i].name, "dylink"))
            return true;
    return false;
}

// An array with room for `added` elements more, copied when it has to move. Subsections of one kind
// may be many, so what is allocated doubles.
static void *make_room(struct section *section, struct reader *reader, void *array, uint32_t count,
                       uint32_t added, size_t size)
{
    uint64_t wanted = (uint64_t)count + added;
    uint64_t capacity = 1;
    void *larger;

    while (capacity < count)
        capacity *= 2;
    if (count != 0 && wanted <= capacity)
        return array;
    while (capacity < wanted)
        capacity *= 2;
    larger = arena_array(section->arena, capacity, size);
    if (larger == NULL) {
        reader_fail(reader, ERROR_LIMIT_MEMORY, NULL);
        return NULL;
    }
    if (count != 0)
        memcpy(larger, array, count * size);
    return larger;
}

static uint32_t read_alignment(struct reader *reader)
{
    uint32_t exponent = reader_u32(reader);

    if (exponent > DYLINK_ALIGNMENT_LOG2_MAX) {
        reader_fail(reader, ERROR_MALFORMED_DYLINK, "an alignment of 2^%u; at most 2^%u", exponent,
                    DYLINK_ALIGNMENT_LOG2_MAX);
        exponent = 0;
    }
    return 1u << exponent;
}

static void read_memory_info(struct section *section, struct reader *reader)
{
    struct dylink *dylink = section->dylink;

    if (section->has_memory_info)
        reader_fail(reader, ERROR_MALFORMED_DYLINK, "the sizes are given twice");
    section->has_memory_info = true;
    dylink->memory_size = reader_u32(reader);
    dylink->memory_alignment = read_alignment(reader);
    dylink->table_size = reader_u32(reader);
    dylink->table_alignment = read_alignment(reader);
}

static void read_needed(struct section *section, struct reader *reader)
{
    struct dylink *dylink = section->dylink;
    uint32_t count = reader_count(reader, 1);
    struct name *needed =
        make_room(section, reader, dylink->needed, dylink->needed_count, count, sizeof *needed);

    if (reader->failed)
        return;
    dylink->needed = needed;
    for (uint32_t i = 0; i < count && !reader->failed; i++)
        needed[dylink->needed_count++] = reader_name(reader);
}

// Export info has no module names; else it is as import info.
static void read_symbols(struct section *section, struct reader *reader,
                         struct dylink_symbol **symbols, uint32_t *symbol_count, bool has_module)
{
    uint32_t count = reader_count(reader, has_module ? 3 : 2);
    struct dylink_symbol *array =
        make_room(section, reader, *symbols, *symbol_count, count, sizeof *array);

    if (reader->failed)
        return;
    *symbols = array;
    for (uint32_t i = 0; i < count && !reader->failed; i++) {
        struct dylink_symbol *symbol = &array[(*symbol_count)++];

        if (has_module)
            symbol->module = reader_name(reader);
        symbol->name = reader_name(reader);
        symbol->flags = reader_u32(reader);
    }
}

static bool read_subsection(struct section *section, struct reader *reader)
{
    struct dylink *dylink = section->dylink;
    uint8_t id = reader_u8(reader);
    uint32_t size = reader_u32(reader);
    struct reader content;

    if (reader->failed || !reader_sub(reader, size, &content))
        return false;
    switch (id) {
    case SUBSECTION_MEMORY_INFO:
        read_memory_info(section, &content);
        break;
    case SUBSECTION_NEEDED:
        read_needed(section, &content);
        break;
    case SUBSECTION_EXPORT_INFO:
        read_symbols(section, &content, &dylink->exports, &dylink->export_count, false);
        break;
    case SUBSECTION_IMPORT_INFO:
        read_symbols(section, &content, &dylink->imports, &dylink->import_count, true);
        break;
    default: // the runtime path, or what later conventions add
        return true;
    }
    if (!content.failed && !reader_done(&content))
        reader_fail(&content, ERROR_MALFORMED_DYLINK, "subsection %u is longer than its content",
                    (unsigned)id);
    return !content.failed;
}

bool dylink_read(const struct module *module, struct arena *arena, struct dylink *dylink,
                 struct error *error)
{
    const struct custom_section *first = module->customs;
    struct section section = {.arena = arena, .dylink = dylink};
    struct reader reader;

    *dylink = (struct dylink){.memory_alignment = 1, .table_alignment = 1};
    if (module->custom_count == 0 || first->after != 0 || !name_is(first->name, "dylink.0"))
        return error_set(error, ERROR_MALFORMED_DYLINK, 0,
                         "it has to be the first section (of that name: \"dylink\" was an earlier "
                         "format)");
    reader_init(&reader, first->bytes, first->size, (uint64_t)(first->bytes - module->bytes),
                error);
    while (!reader_done(&reader))
        if (!read_subsection(&section, &reader))
            return false;
    return true;
}
