// SPDX-License-Identifier: Apache-2.0
#include "sandbox/wasm/decode.h"

#include <string.h>

#include "sandbox/wasm/decode_internal.h"
#include "sandbox/wasm/instruction.h"
#include "sandbox/wasm/limits.h"

// The module's arena: a byte of the module never decodes to more than 64. Addresses only, committed
// as they are used; compile.c puts what it makes of the module there too.
#define ARENA_BASE   ((size_t)64 << 20)
#define ARENA_FACTOR 64

enum { SECTION_CUSTOM = 0, SECTION_ID_COUNT = 14 };

// --- Shared with the other decode files ---

struct type_names decode_names(const struct decoder *decoder)
{
    struct module *module = decoder->module;

    return (struct type_names){module->types, module->type_count, module->features,
                               &module->features_used};
}

bool decode_count(struct reader *reader, uint32_t present, uint32_t limit, const char *what,
                  uint32_t *count)
{
    uint64_t offset = reader_offset(reader);

    *count = reader_count(reader, 1);
    if (reader->failed)
        return false;
    if (present <= limit && *count <= limit - present)
        return true;
    error_set(reader->error, ERROR_LIMIT_COUNT, offset, "%s: at most %u", what, limit);
    return reader_fail_at(reader, offset, ERROR_LIMIT_COUNT);
}

void *decode_array(struct decoder *decoder, struct reader *reader, size_t count, size_t size)
{
    void *array = arena_array(&decoder->module->arena, count, size);

    if (array == NULL)
        reader_fail(reader, ERROR_LIMIT_MEMORY, NULL);
    return array;
}

void *decode_extend(struct decoder *decoder, struct reader *reader, const void *old,
                    uint32_t old_count, uint32_t count, size_t size)
{
    void *array = decode_array(decoder, reader, count, size);

    if (array != NULL && old_count != 0)
        memcpy(array, old, old_count * size);
    return array;
}

void *decode_push(struct decoder *decoder, struct reader *reader, void *array, uint32_t count,
                  size_t size)
{
    bool is_full = (count & (count - 1)) == 0; // of a power of two there was room for just as many

    if (!is_full)
        return array;
    return decode_extend(decoder, reader, array, count, count == 0 ? 1 : 2 * count, size);
}

static bool make_declared(struct decoder *decoder, struct reader *reader)
{
    struct module *module = decoder->module;

    if (module->declared == NULL)
        module->declared = decode_array(decoder, reader, module->function_count / 8 + 1, 1);
    return module->declared != NULL;
}

bool decode_declare(struct decoder *decoder, struct reader *reader, uint32_t funcidx)
{
    struct module *module = decoder->module;

    if (!make_declared(decoder, reader))
        return false;
    // An index out of range is for validation to complain about.
    if (funcidx < module->function_count)
        module->declared[funcidx / 8] |= (uint8_t)(1u << funcidx % 8);
    return true;
}

static bool begins_block(uint16_t opcode)
{
    return opcode == OPCODE_BLOCK || opcode == OPCODE_LOOP || opcode == OPCODE_IF ||
           opcode == OPCODE_TRY_TABLE || opcode == OPCODE_TRY;
}

// Follows the nesting of blocks as far as is needed to find the end: an `else` in the wrong kind of
// block passes, since validation refuses all blocks here.
bool decode_expression(struct decoder *decoder, struct reader *reader,
                       struct expression *expression)
{
    struct type_names names = decode_names(decoder);
    const uint8_t *start = reader->cursor;
    uint32_t depth = 1;
    struct instruction instruction;

    expression->offset = reader_offset(reader);
    while (depth != 0) {
        if (!instruction_read(reader, &names, &instruction))
            return false;
        if (begins_block(instruction.opcode))
            depth++;
        else if (instruction.opcode == OPCODE_END || instruction.opcode == OPCODE_DELEGATE)
            depth--;
        else if (instruction.opcode == OPCODE_ELSE && depth == 1)
            return reader_fail_at(reader, instruction.offset, ERROR_END_OPCODE_EXPECTED);
        else if (instruction.opcode == OPCODE_REF_FUNC &&
                 !decode_declare(decoder, reader, instruction.index))
            return false;
    }
    expression->bytes = start;
    expression->size = (uint32_t)(reader->cursor - start);
    return true;
}

// --- Sections that hold little but numbers ---

static bool read_functions(struct decoder *decoder, struct reader *reader)
{
    struct module *module = decoder->module;
    uint32_t imported = module->function_count;
    uint32_t count;

    if (!decode_count(reader, imported, LIMIT_FUNCTIONS, "functions", &count))
        return false;
    module->functions = decode_extend(decoder, reader, module->functions, imported,
                                      imported + count, sizeof *module->functions);
    if (module->functions == NULL)
        return false;
    module->function_count = imported + count;
    for (uint32_t i = imported; i < module->function_count; i++)
        if (!decode_type_use(decoder, reader, &module->functions[i].type))
            return false;
    return true;
}

static bool read_exports(struct decoder *decoder, struct reader *reader)
{
    struct module *module = decoder->module;
    uint32_t count;

    if (!decode_count(reader, 0, LIMIT_EXPORTS, "exports", &count))
        return false;
    module->exports = decode_array(decoder, reader, count, sizeof *module->exports);
    for (uint32_t i = 0; i < count && !reader->failed; i++) {
        struct export *export = &module->exports[i];
        uint64_t kind_offset;
        uint8_t kind;

        export->offset = reader_offset(reader);
        export->name = reader_name(reader);
        kind_offset = reader_offset(reader);
        kind = reader_u8(reader);
        if (kind > EXTERNAL_TAG)
            return reader_fail_at(reader, kind_offset, ERROR_MALFORMED_EXPORT_KIND);
        export->kind = (enum external_kind)kind;
        export->index = reader_u32(reader);
        if (kind == EXTERNAL_FUNCTION && !decode_declare(decoder, reader, export->index))
            return false;
    }
    module->export_count = count;
    return !reader->failed;
}

static bool read_start(struct decoder *decoder, struct reader *reader)
{
    struct module *module = decoder->module;

    module->start_offset = reader_offset(reader);
    module->start = reader_u32(reader);
    module->has_start = true;
    return !reader->failed;
}

static bool read_data_count(struct decoder *decoder, struct reader *reader)
{
    struct module *module = decoder->module;

    module->data_count_declared = reader_u32(reader);
    module->has_data_count = true;
    return !reader->failed;
}

static bool read_body(struct reader *reader, struct body *body)
{
    uint64_t offset = reader_offset(reader);
    uint32_t size = reader_u32(reader);
    struct reader content;

    if (reader->failed || !reader_sub(reader, size, &content))
        return false;
    if (size > LIMIT_BODY_BYTES)
        return reader_fail_at(reader, offset, ERROR_LIMIT_CODE);
    *body = (struct body){content.start, size, reader_offset(&content)};
    return true;
}

static bool read_code(struct decoder *decoder, struct reader *reader)
{
    struct module *module = decoder->module;
    uint64_t offset = reader_offset(reader);
    uint32_t count = reader_count(reader, 1);

    if (!reader->failed && count != module->function_count - module->imported_function_count)
        return reader_fail_at(reader, offset, ERROR_FUNCTION_CODE_MISMATCH);
    module->bodies = decode_array(decoder, reader, count, sizeof *module->bodies);
    for (uint32_t i = 0; i < count && !reader->failed; i++)
        if (!read_body(reader, &module->bodies[i]))
            return false;
    module->body_count = count;
    return !reader->failed;
}

// --- The module ---

// Known sections in the order they must have (grammar Bmodule), which is not that of their ids.
#define SECTIONS(SECTION_)                                                                         \
    SECTION_(1, decode_types)                                                                      \
    SECTION_(2, decode_imports)                                                                    \
    SECTION_(3, read_functions)                                                                    \
    SECTION_(4, decode_tables)                                                                     \
    SECTION_(5, decode_memories)                                                                   \
    SECTION_(13, decode_tags)                                                                      \
    SECTION_(6, decode_globals)                                                                    \
    SECTION_(7, read_exports)                                                                      \
    SECTION_(8, read_start)                                                                        \
    SECTION_(9, decode_elements)                                                                   \
    SECTION_(12, read_data_count)                                                                  \
    SECTION_(10, read_code)                                                                        \
    SECTION_(11, decode_datas)

enum section_place {
    PLACE_NONE, // before all of them
#define SECTION(id_, read_) PLACE_##id_,
    SECTIONS(SECTION)
#undef SECTION
};

static const struct {
    enum section_place place;
    bool (*read)(struct decoder *decoder, struct reader *reader);
} sections[SECTION_ID_COUNT] = {
#define SECTION(id_, read_) [id_] = {PLACE_##id_, read_},
    SECTIONS(SECTION)
#undef SECTION
};

static bool read_custom(struct decoder *decoder, struct reader *reader)
{
    struct module *module = decoder->module;
    uint64_t offset = reader_offset(reader);
    struct name name = reader_name(reader);
    struct custom_section *customs;

    if (reader->failed)
        return false;
    if (module->custom_count == LIMIT_CUSTOM_SECTIONS)
        return reader_fail(reader, ERROR_LIMIT_COUNT, "custom sections: at most %u",
                           LIMIT_CUSTOM_SECTIONS);
    customs = decode_push(decoder, reader, module->customs, module->custom_count, sizeof *customs);
    if (customs == NULL)
        return false;
    module->customs = customs;
    customs[module->custom_count++] = (struct custom_section){
        .name = name,
        .bytes = reader->cursor,
        .size = (uint32_t)reader_remaining(reader),
        .after = decoder->last_section,
        .offset = offset,
    };
    reader_bytes(reader, reader_remaining(reader));
    return true;
}

// A known section's content. Its place in the order must be behind that of the last one.
static bool read_known(struct decoder *decoder, struct reader *content, uint8_t id)
{
    if (!sections[id].read(decoder, content))
        return false;
    decoder->last_section = id;
    return true;
}

static bool read_section(struct decoder *decoder, struct reader *reader)
{
    uint64_t offset = reader_offset(reader);
    uint8_t id = reader_u8(reader);
    uint32_t size;
    struct reader content;

    if (id >= SECTION_ID_COUNT)
        return reader_fail_at(reader, offset, ERROR_MALFORMED_SECTION_ID);
    if (id != SECTION_CUSTOM && sections[id].place <= sections[decoder->last_section].place)
        return reader_fail_at(reader, offset, ERROR_UNEXPECTED_CONTENT);
    size = reader_u32(reader);
    if (reader->failed || !reader_sub(reader, size, &content))
        return false;
    if (!(id == SECTION_CUSTOM ? read_custom(decoder, &content)
                               : read_known(decoder, &content, id)))
        return false;
    if (!reader_done(&content))
        return reader_fail_at(reader, reader_offset(&content), ERROR_SECTION_SIZE_MISMATCH);
    return true;
}

// Grammar Bmagic, Bversion. A module cut off here is too short, not of another kind.
static bool read_preamble(struct reader *reader)
{
    static const uint8_t magic[4] = {0x00, 'a', 's', 'm'};
    static const uint8_t version[4] = {1, 0, 0, 0};
    const uint8_t *bytes = reader_bytes(reader, sizeof magic);

    if (bytes == NULL)
        return false;
    if (memcmp(bytes, magic, sizeof magic) != 0)
        return reader_fail_at(reader, 0, ERROR_MAGIC);
    bytes = reader_bytes(reader, sizeof version);
    if (bytes == NULL)
        return false;
    if (memcmp(bytes, version, sizeof version) != 0)
        return reader_fail_at(reader, sizeof magic, ERROR_VERSION);
    return true;
}

// What grammar Bmodule demands of sections together, and what must hold even without any.
static bool finish_module(struct decoder *decoder, struct reader *reader)
{
    struct module *module = decoder->module;

    if (module->body_count != module->function_count - module->imported_function_count)
        return reader_fail(reader, ERROR_FUNCTION_CODE_MISMATCH, NULL);
    if (module->has_data_count && module->data_count_declared != module->data_count)
        return reader_fail(reader, ERROR_DATA_COUNT_MISMATCH, NULL);
    return make_declared(decoder, reader);
}

static bool read_module(struct decoder *decoder, struct reader *reader)
{
    if (!read_preamble(reader))
        return false;
    while (!reader_done(reader))
        if (!read_section(decoder, reader))
            return false;
    return finish_module(decoder, reader);
}

bool module_decode(struct module *module, struct type_store *store, uint32_t features,
                   const uint8_t *bytes, size_t size, struct error *error)
{
    struct decoder decoder = {.module = module, .store = store};
    struct reader reader;

    *module = (struct module){.bytes = bytes, .size = size, .features = features};
    if (size > LIMIT_MODULE_BYTES) {
        error_set(error, ERROR_LIMIT_MODULE, 0, "%zu bytes, at most %u", size, LIMIT_MODULE_BYTES);
    } else if (arena_init(&module->arena, ARENA_BASE + ARENA_FACTOR * size, error)) {
        reader_init(&reader, bytes, size, 0, error);
        if (read_module(&decoder, &reader))
            return true;
    }
    module_finish(module);
    return false;
}

void module_finish(struct module *module)
{
    arena_finish(&module->arena);
    arena_finish(&module->cells);
    arena_finish(&module->origins);
    arena_finish(&module->references);
    arena_finish(&module->reference_bits);
    arena_finish(&module->exception_locals);
    arena_finish(&module->regions);
    arena_finish(&module->clauses);
    arena_finish(&module->landing_references);
    *module = (struct module){.size = 0};
}
