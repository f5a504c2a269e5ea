// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/wasm/module_builder.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
    SECTION_CUSTOM, // one, before all others
    SECTION_TYPE,
    SECTION_IMPORT,
    SECTION_FUNCTION,
    SECTION_TABLE,
    SECTION_MEMORY,
    SECTION_GLOBAL,
    SECTION_EXPORT,
    SECTION_START,
    SECTION_ELEMENT,
    SECTION_CODE,
    SECTION_DATA,
    SECTION_DATA_COUNT,
    SECTION_TAG,
    SECTION_COUNT,
    KINDS = EXTERNAL_TAG + 1,
    SIGNATURES_KEPT = 64
};

static struct {
    struct bytes sections[SECTION_COUNT]; // content, without the count of vectors
    uint32_t counts[SECTION_COUNT];
    bool raw[SECTION_COUNT];     // given as a whole
    struct bytes code_positions; // uint32_t: first instructions in the code section's content
    uint32_t kinds[KINDS];       // how many there are of each
    char signatures[SIGNATURES_KEPT][16]; // of the first types, if short
} build;

// The module finished last.
static struct {
    uint64_t offsets[SECTION_COUNT]; // of the sections' content
    struct bytes code_positions;
} finished;

void put(struct bytes *bytes, uint8_t byte)
{
    put_all(bytes, &byte, 1);
}

void put_all(struct bytes *bytes, const uint8_t *data, size_t length)
{
    if (bytes->capacity - bytes->length < length) {
        bytes->capacity = 2 * bytes->capacity + length + 16;
        bytes->data = realloc(bytes->data, bytes->capacity);
        assert(bytes->data != NULL);
    }
    if (length != 0)
        memcpy(bytes->data + bytes->length, data, length);
    bytes->length += length;
}

void put_u32(struct bytes *bytes, uint32_t value)
{
    for (; value >= 0x80; value >>= 7)
        put(bytes, (uint8_t)(value | 0x80));
    put(bytes, (uint8_t)value);
}

void put_u64(struct bytes *bytes, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        put(bytes, (uint8_t)(value | 0x80));
    put(bytes, (uint8_t)value);
}

void put_s64(struct bytes *bytes, int64_t value)
{
    for (; value < -64 || value > 63; value >>= 7)
        put(bytes, (uint8_t)(value & 0x7f) | 0x80);
    put(bytes, (uint8_t)(value & 0x7f));
}

void bytes_free(struct bytes *bytes)
{
    free(bytes->data);
    *bytes = (struct bytes){.data = NULL};
}

static void put_name(struct bytes *bytes, const char *name)
{
    put_u32(bytes, (uint32_t)strlen(name));
    put_all(bytes, (const uint8_t *)name, strlen(name));
}

static void put_limits(struct bytes *bytes, uint32_t minimum, uint32_t maximum)
{
    put(bytes, maximum != NO_MAXIMUM);
    put_u32(bytes, minimum);
    if (maximum != NO_MAXIMUM)
        put_u32(bytes, maximum);
}

static void put_limits_of(struct bytes *bytes, const struct limits *limits)
{
    put(bytes, (uint8_t)(limits->has_maximum | limits->address64 << 2));
    put_u64(bytes, limits->minimum);
    if (limits->has_maximum)
        put_u64(bytes, limits->maximum);
}

static uint8_t type_of_letter(char letter)
{
    switch (letter) {
    case 'i':
        return I32;
    case 'I':
        return I64;
    case 'f':
        return F32;
    case 'F':
        return F64;
    case 'v':
        return V128;
    case 'r':
        return FUNCREF;
    case 'x':
        return EXNREF;
    default:
        assert(letter == 'e');
        return EXTERNREF;
    }
}

void build_begin(void)
{
    for (int i = 0; i < SECTION_COUNT; i++)
        bytes_free(&build.sections[i]);
    bytes_free(&build.code_positions);
    memset(&build, 0, sizeof build);
}

// The next element of a section that is a vector.
static struct bytes *add_to(int section)
{
    assert(!build.raw[section]);
    build.counts[section]++;
    return &build.sections[section];
}

static uint32_t count_kind(enum external_kind kind)
{
    return build.kinds[kind]++;
}

static void put_types(struct bytes *bytes, const char *letters, size_t count)
{
    put_u32(bytes, (uint32_t)count);
    for (size_t i = 0; i < count; i++)
        put(bytes, type_of_letter(letters[i]));
}

uint32_t build_type(const char *signature)
{
    uint32_t count = build.counts[SECTION_TYPE];
    const char *colon = strchr(signature, ':');
    struct bytes *section;

    assert(colon != NULL);
    for (uint32_t i = 0; i < count && i < SIGNATURES_KEPT; i++)
        if (strcmp(build.signatures[i], signature) == 0)
            return i;
    if (count < SIGNATURES_KEPT && strlen(signature) < sizeof build.signatures[0])
        strcpy(build.signatures[count], signature);
    section = add_to(SECTION_TYPE);
    put(section, 0x60);
    put_types(section, signature, (size_t)(colon - signature));
    put_types(section, colon + 1, strlen(colon + 1));
    return count;
}

static struct bytes *add_import(const char *module, const char *name, enum external_kind kind)
{
    struct bytes *section = add_to(SECTION_IMPORT);

    put_name(section, module);
    put_name(section, name);
    put(section, (uint8_t)kind);
    return section;
}

uint32_t build_import_function(const char *module, const char *name, const char *signature)
{
    uint32_t type = build_type(signature);

    put_u32(add_import(module, name, EXTERNAL_FUNCTION), type);
    return count_kind(EXTERNAL_FUNCTION);
}

uint32_t build_import_global(const char *module, const char *name, uint8_t type, bool is_mutable)
{
    struct bytes *section = add_import(module, name, EXTERNAL_GLOBAL);

    put(section, type);
    put(section, is_mutable);
    return count_kind(EXTERNAL_GLOBAL);
}

uint32_t build_import_memory(const char *module, const char *name, uint32_t pages)
{
    put_limits(add_import(module, name, EXTERNAL_MEMORY), pages, NO_MAXIMUM);
    return count_kind(EXTERNAL_MEMORY);
}

uint32_t build_import_table(const char *module, const char *name, uint8_t type, uint32_t size)
{
    struct bytes *section = add_import(module, name, EXTERNAL_TABLE);

    put(section, type);
    put_limits(section, size, NO_MAXIMUM);
    return count_kind(EXTERNAL_TABLE);
}

static uint32_t add_function(uint32_t type, const struct bytes *locals, const uint8_t *code,
                             size_t length, bool end)
{
    struct bytes *section = add_to(SECTION_CODE);
    uint32_t position;

    put_u32(add_to(SECTION_FUNCTION), type);
    put_u32(section, (uint32_t)(locals->length + length + end));
    put_all(section, locals->data, locals->length);
    position = (uint32_t)section->length;
    put_all(&build.code_positions, (const uint8_t *)&position, sizeof position);
    put_all(section, code, length);
    if (end)
        put(section, END);
    return count_kind(EXTERNAL_FUNCTION);
}

uint32_t build_function(const char *signature, const char *locals, const uint8_t *code,
                        size_t length)
{
    struct bytes groups = {0};
    uint32_t group_count = 0, funcidx;

    for (size_t i = 0; locals[i] != '\0'; i++)
        group_count += i == 0 || locals[i] != locals[i - 1];
    put_u32(&groups, group_count);
    for (const char *end; *locals != '\0'; locals = end) {
        for (end = locals; *end == *locals;)
            end++;
        put_u32(&groups, (uint32_t)(end - locals));
        put(&groups, type_of_letter(*locals));
    }
    funcidx = add_function(build_type(signature), &groups, code, length, true);
    bytes_free(&groups);
    return funcidx;
}

uint32_t build_function_raw(uint32_t type, const uint8_t *body, size_t length)
{
    return add_function(type, &(struct bytes){.data = NULL}, body, length, false);
}

uint32_t build_memory(uint32_t pages, uint32_t maximum)
{
    put_limits(add_to(SECTION_MEMORY), pages, maximum);
    return count_kind(EXTERNAL_MEMORY);
}

uint32_t build_import_tag(const char *module, const char *name, const char *signature)
{
    uint32_t type = build_type(signature);
    struct bytes *section = add_import(module, name, EXTERNAL_TAG);

    put(section, 0);
    put_u32(section, type);
    return count_kind(EXTERNAL_TAG);
}

uint32_t build_tag(const char *signature)
{
    uint32_t type = build_type(signature);
    struct bytes *section = add_to(SECTION_TAG);

    put(section, 0);
    put_u32(section, type);
    return count_kind(EXTERNAL_TAG);
}

uint32_t build_table(uint8_t type, uint32_t size, uint32_t maximum)
{
    struct bytes *section = add_to(SECTION_TABLE);

    put(section, type);
    put_limits(section, size, maximum);
    return count_kind(EXTERNAL_TABLE);
}

static uint32_t put_memory_of(struct bytes *bytes, const struct memorytype *type)
{
    size_t flags = bytes->length;

    put_limits_of(bytes, &type->limits);
    bytes->data[flags] |= (uint8_t)(type->is_shared << 1 | type->has_page_size << 3);
    if (type->has_page_size)
        put_u32(bytes, type->page_log2);
    return count_kind(EXTERNAL_MEMORY);
}

uint32_t build_memory_of(const struct memorytype *type)
{
    return put_memory_of(add_to(SECTION_MEMORY), type);
}

uint32_t build_import_memory_of(const char *module, const char *name, const struct memorytype *type)
{
    return put_memory_of(add_import(module, name, EXTERNAL_MEMORY), type);
}

uint32_t build_table_of(uint8_t type, const struct limits *limits)
{
    struct bytes *section = add_to(SECTION_TABLE);

    put(section, type);
    put_limits_of(section, limits);
    return count_kind(EXTERNAL_TABLE);
}

uint32_t build_import_table_of(const char *module, const char *name, uint8_t type,
                               const struct limits *limits)
{
    struct bytes *section = add_import(module, name, EXTERNAL_TABLE);

    put(section, type);
    put_limits_of(section, limits);
    return count_kind(EXTERNAL_TABLE);
}

uint32_t build_global(uint8_t type, bool is_mutable, const uint8_t *code, size_t length)
{
    struct bytes *section = add_to(SECTION_GLOBAL);

    put(section, type);
    put(section, is_mutable);
    put_all(section, code, length);
    put(section, END);
    return count_kind(EXTERNAL_GLOBAL);
}

void build_export(const char *name, enum external_kind kind, uint32_t index)
{
    struct bytes *section = add_to(SECTION_EXPORT);

    put_name(section, name);
    put(section, (uint8_t)kind);
    put_u32(section, index);
}

void build_start(uint32_t funcidx)
{
    put_u32(&build.sections[SECTION_START], funcidx);
    build.raw[SECTION_START] = true;
}

static void put_offset(struct bytes *bytes, uint32_t offset)
{
    put(bytes, I32_CONST);
    put_s64(bytes, (int32_t)offset);
    put(bytes, END);
}

uint32_t build_element(enum segment_mode mode, uint32_t offset, const uint8_t *funcidxs,
                       size_t count)
{
    static const uint8_t flags[] = {
        [SEGMENT_ACTIVE] = 0, [SEGMENT_PASSIVE] = 1, [SEGMENT_DECLARATIVE] = 3};
    struct bytes *section = add_to(SECTION_ELEMENT);

    put(section, flags[mode]);
    if (mode == SEGMENT_ACTIVE)
        put_offset(section, offset);
    else
        put(section, 0); // function indices
    put_u32(section, (uint32_t)count);
    for (size_t i = 0; i < count; i++)
        put_u32(section, funcidxs[i]);
    return build.counts[SECTION_ELEMENT] - 1;
}

uint32_t build_data(enum segment_mode mode, uint32_t offset, const uint8_t *data, size_t length)
{
    struct bytes *section = add_to(SECTION_DATA);

    put(section, mode == SEGMENT_PASSIVE);
    if (mode == SEGMENT_ACTIVE)
        put_offset(section, offset);
    put_u32(section, (uint32_t)length);
    put_all(section, data, length);
    return build.counts[SECTION_DATA] - 1;
}

void build_data_count(uint32_t count)
{
    put_u32(&build.sections[SECTION_DATA_COUNT], count);
    build.raw[SECTION_DATA_COUNT] = true;
}

void build_section(uint8_t id, const uint8_t *content, size_t length)
{
    build.sections[id].length = 0;
    put_all(&build.sections[id], content, length);
    build.raw[id] = true;
}

static void put_section(struct bytes *module, uint8_t id)
{
    const struct bytes *content = &build.sections[id];
    struct bytes count = {0};

    if (!build.raw[id] && build.counts[id] == 0)
        return;
    if (!build.raw[id])
        put_u32(&count, build.counts[id]);
    put(module, id);
    put_u32(module, (uint32_t)(count.length + content->length));
    put_all(module, count.data, count.length);
    finished.offsets[id] = module->length;
    put_all(module, content->data, content->length);
    bytes_free(&count);
}

uint8_t *build_end(size_t *size)
{
    static const uint8_t preamble[] = {'\0', 'a', 's', 'm', 1, 0, 0, 0};
    static const uint8_t order[] = {
        SECTION_CUSTOM,  SECTION_TYPE,       SECTION_IMPORT, SECTION_FUNCTION, SECTION_TABLE,
        SECTION_MEMORY,  SECTION_TAG,        SECTION_GLOBAL, SECTION_EXPORT,   SECTION_START,
        SECTION_ELEMENT, SECTION_DATA_COUNT, SECTION_CODE,   SECTION_DATA};
    struct bytes module = {0};
    uint8_t *exact;

    put_all(&module, preamble, sizeof preamble);
    for (size_t i = 0; i < sizeof order; i++)
        put_section(&module, order[i]);
    // Not one byte more, so that a sanitizer sees whoever reads on.
    exact = malloc(module.length);
    assert(exact != NULL);
    memcpy(exact, module.data, module.length);
    *size = module.length;
    bytes_free(&module);
    finished.code_positions.length = 0;
    put_all(&finished.code_positions, build.code_positions.data, build.code_positions.length);
    return exact;
}

uint64_t build_code_offset(uint32_t body)
{
    uint32_t position;

    assert((body + 1) * sizeof position <= finished.code_positions.length);
    memcpy(&position, finished.code_positions.data + body * sizeof position, sizeof position);
    return finished.offsets[SECTION_CODE] + position;
}

uint64_t build_section_offset(uint8_t id)
{
    return finished.offsets[id];
}
