// SPDX-License-Identifier: Apache-2.0
#include "sandbox/report.h"

#include <assert.h>
#include <string.h>

#include "sandbox/base/checked.h"
#include "sandbox/base/utf8.h"

_Static_assert(REPORT_PLAN_SIZE == 4 + 2 * PLAN_PARAMETERS_MAX, "a plan is bytes only");
_Static_assert(REPORT_HEAD_SIZE == 4 * (2 + REPORT_PART_COUNT), "head without padding");
_Static_assert(REPORT_FRAME_HEAD_SIZE + REPORT_FRAME_NAME_MAX + REPORT_PLAN_SIZE + 8 +
                       8 * PLAN_WORDS_MAX + PLAN_ALIGNMENT <
                   MESSAGE_ARENA_SIZE,
               "a frame without blocks fits into an arena");

// --- bytes ---------------------------------------------------------------------------------------

static void put_bytes(struct report_writer *writer, const void *bytes, size_t length)
{
    if (writer->length <= writer->size && length <= writer->size - writer->length && length > 0)
        memcpy(writer->bytes + writer->length, bytes, length);
    writer->length += length;
}

static void put_number(struct report_writer *writer, uint64_t value, size_t size)
{
    uint8_t bytes[8];

    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(value >> 8 * i);
    put_bytes(writer, bytes, size);
}

static uint64_t number_at(const uint8_t *bytes, size_t size)
{
    uint64_t value = 0;

    for (size_t i = 0; i < size; i++)
        value |= (uint64_t)bytes[i] << 8 * i;
    return value;
}

static uint32_t u32_at(const uint8_t *bytes)
{
    return (uint32_t)number_at(bytes, 4);
}

// --- libraries -----------------------------------------------------------------------------------

void report_put_library(struct report_writer *writer, const struct report_library *library)
{
    size_t length = strlen(library->name);
    uint8_t name[POLICY_LIBRARY_NAME_MAX] = {0};

    assert(length <= sizeof name);
    memcpy(name, library->name, length);
    put_number(writer, library->offset, 8);
    put_number(writer, library->size, 8);
    put_number(writer, length, 1);
    put_bytes(writer, name, sizeof name);
}

static bool take_library(const uint8_t *bytes, uint64_t mapped, struct report_library *library)
{
    size_t length = bytes[16];

    *library = (struct report_library){
        .offset = number_at(bytes, 8),
        .size = number_at(bytes + 8, 8),
    };
    if (length > POLICY_LIBRARY_NAME_MAX ||
        !policy_is_library_name((const char *)bytes + 17, length))
        return false;
    memcpy(library->name, bytes + 17, length);
    return library->offset <= mapped && library->size <= mapped - library->offset;
}

bool report_take_libraries(const uint8_t *bytes, size_t size, uint64_t mapped,
                           struct report_library *libraries, uint32_t *count, struct error *error)
{
    *count = 0;
    if (size % REPORT_LIBRARY_SIZE != 0 || size / REPORT_LIBRARY_SIZE > REPORT_LIBRARIES_MAX)
        return error_set(error, ERROR_USAGE_ARGUMENT, 0, "libraries: %zu bytes are no table", size);
    for (size_t at = 0; at < size; at += REPORT_LIBRARY_SIZE) {
        struct report_library *library = &libraries[*count];

        if (!take_library(bytes + at, mapped, library))
            return error_set(error, ERROR_USAGE_ARGUMENT, at, "libraries: bad name or place");
        for (uint32_t i = 0; i < *count; i++) {
            if (strcmp(libraries[i].name, library->name) == 0)
                return error_set(error, ERROR_USAGE_ARGUMENT, at, "libraries: '%s' is there twice",
                                 library->name);
        }
        *count += 1;
    }
    return true;
}

// --- writing a report ----------------------------------------------------------------------------

void report_put_head(struct report_writer *writer, const struct report_head *head)
{
    put_number(writer, REPORT_FORMAT, 4);
    put_number(writer, head->flags, 4);
    for (size_t i = 0; i < REPORT_PART_COUNT; i++)
        put_number(writer, head->counts[i], 4);
}

void report_put_item(struct report_writer *writer, const struct report_item *item)
{
    put_number(writer, item->part, 1);
    put_number(writer, item->kind, 1);
    put_number(writer, item->value_type, 1);
    put_number(writer, item->flags, 1);
    put_number(writer, item->parameter_count, 2);
    put_number(writer, item->result_count, 2);
    put_number(writer, item->module.length, 4);
    put_number(writer, item->name.length, 4);
    put_number(writer, item->first, 8);
    put_number(writer, item->second, 8);
    put_number(writer, item->owner, 1);
    put_bytes(writer, item->module.bytes, item->module.length);
    put_bytes(writer, item->name.bytes, item->name.length);
    put_bytes(writer, item->types, (size_t)item->parameter_count + item->result_count);
}

// --- reading a report ----------------------------------------------------------------------------

static bool bad(struct error *error, size_t at, const char *what)
{
    return error_set(error, ERROR_USAGE_ARGUMENT, at, "report: %s", what);
}

static bool is_value_type(uint8_t type)
{
    return (type >= REPORT_V128 && type <= PLAN_CORE_I32) || type == REPORT_FUNCREF ||
           type == REPORT_EXTERNREF || type == REPORT_REF_NULL || type == REPORT_REF;
}

// The fixed part of an item, with the pointers into what follows, all of which must be there.
static bool take_item(const struct report_reader *reader, struct report_item *item, size_t *end)
{
    const uint8_t *bytes = reader->bytes + reader->at;
    size_t left = reader->size - reader->at;
    size_t types;

    if (left < REPORT_ITEM_SIZE)
        return false;
    *item = (struct report_item){
        .part = (enum report_part)bytes[0],
        .kind = bytes[1],
        .value_type = bytes[2],
        .flags = bytes[3],
        .parameter_count = (uint16_t)number_at(bytes + 4, 2),
        .result_count = (uint16_t)number_at(bytes + 6, 2),
        .module = {.length = u32_at(bytes + 8)},
        .name = {.length = u32_at(bytes + 12)},
        .first = number_at(bytes + 16, 8),
        .second = number_at(bytes + 24, 8),
        .owner = bytes[32],
    };
    types = (size_t)item->parameter_count + item->result_count;
    left -= REPORT_ITEM_SIZE;
    if (item->module.length > REPORT_NAME_MAX || item->name.length > REPORT_NAME_MAX ||
        item->module.length + item->name.length + types > left)
        return false;
    item->module.bytes = bytes + REPORT_ITEM_SIZE;
    item->name.bytes = item->module.bytes + item->module.length;
    item->types = item->name.bytes + item->name.length;
    *end = reader->at + REPORT_ITEM_SIZE + item->module.length + item->name.length + types;
    return true;
}

// Which fields an item of that part and kind has; the others must be zero.
static bool has_shape(const struct report_item *item)
{
    bool external = item->part != REPORT_SECTION && item->part != REPORT_DATA;
    bool function = external && (item->kind == REPORT_FUNCTION || item->kind == REPORT_TAG);
    bool table = external && item->kind == REPORT_TABLE;
    bool limits = table || (external && item->kind == REPORT_KIND_MEMORY);
    bool global = external && item->kind == REPORT_GLOBAL;
    uint8_t flags = table    ? REPORT_HAS_MAXIMUM | REPORT_ADDRESS64
                    : limits ? REPORT_HAS_MAXIMUM | REPORT_ADDRESS64 | REPORT_BYTE_PAGES
                    : global ? REPORT_MUTABLE | REPORT_HAS_VALUE
                             : 0;

    if (item->part == REPORT_IMPORT)
        flags |= REPORT_LINKED;
    else if (item->owner != 0)
        return false;
    if (item->part == REPORT_DATA && item->kind == REPORT_REGION_STACK) {
        if (item->flags >= REPORT_STACK_COUNT)
            return false;
        flags = item->flags;
    }
    if (!function && (item->parameter_count != 0 || item->result_count != 0))
        return false;
    if (table || global ? !is_value_type(item->value_type) : item->value_type != 0)
        return false;
    if (item->part == REPORT_DATA && item->first >= item->second)
        return false;
    if (external && !limits && (item->flags & REPORT_HAS_VALUE) == 0 && item->first != 0)
        return false;
    return item->owner <= REPORT_LIBRARIES_MAX && item->parameter_count <= REPORT_TYPES_MAX &&
           item->result_count <= REPORT_TYPES_MAX && (item->flags & ~flags) == 0 &&
           (!external || (item->flags & REPORT_HAS_MAXIMUM) != 0 || item->second == 0);
}

// Names are where they belong, and UTF-8.
static bool has_names(const struct report_item *item)
{
    bool named = item->part != REPORT_MEMORY && item->part != REPORT_DATA;

    return (item->part == REPORT_IMPORT || item->module.length == 0) &&
           (named || item->name.length == 0) &&
           utf8_valid(item->module.bytes, item->module.length) &&
           utf8_valid(item->name.bytes, item->name.length);
}

static bool check_item(const struct report_item *item)
{
    // The kinds that each part has: the first, and the one after the last.
    static const uint8_t kinds[REPORT_PART_COUNT][2] = {
        [REPORT_IMPORT] = {0, REPORT_KIND_COUNT},
        [REPORT_EXPORT] = {0, REPORT_KIND_COUNT},
        [REPORT_MEMORY] = {REPORT_KIND_MEMORY, REPORT_KIND_MEMORY + 1},
        [REPORT_DATA] = {REPORT_REGION_DATA, REPORT_REGION_END},
        [REPORT_SECTION] = {0, REPORT_SECTION_ID_END},
    };
    size_t types = (size_t)item->parameter_count + item->result_count;

    if (item->kind < kinds[item->part][0] || item->kind >= kinds[item->part][1] ||
        !has_shape(item) || !has_names(item))
        return false;
    for (size_t i = 0; i < types; i++) {
        if (!is_value_type(item->types[i]))
            return false;
    }
    return true;
}

// The part of the next item, by the counts.
static enum report_part next_part(const struct report_reader *reader)
{
    uint32_t part = 0;

    while (part < REPORT_PART_COUNT && reader->left[part] == 0)
        part++;
    return (enum report_part)part;
}

static bool read_head(struct report_reader *reader, const uint8_t *bytes, size_t size,
                      struct error *error)
{
    *reader = (struct report_reader){.bytes = bytes, .size = size};
    if (size > REPORT_BYTES_MAX)
        return error_set(error, ERROR_LIMIT_MODULE, 0, "report of %zu bytes", size);
    if (size < REPORT_HEAD_SIZE || u32_at(bytes) != REPORT_FORMAT)
        return bad(error, 0, "no report of this format");
    reader->head.flags = u32_at(bytes + 4);
    if ((reader->head.flags & ~(uint32_t)REPORT_FLAGS_ALL) != 0)
        return bad(error, 4, "unknown flags");
    for (size_t i = 0; i < REPORT_PART_COUNT; i++) {
        reader->head.counts[i] = u32_at(bytes + 8 + 4 * i);
        reader->left[i] = reader->head.counts[i];
        if (reader->left[i] > size / REPORT_ITEM_SIZE)
            return bad(error, 8 + 4 * i, "more items than fit");
    }
    reader->at = REPORT_HEAD_SIZE;
    return true;
}

bool report_open(struct report_reader *reader, const uint8_t *bytes, size_t size,
                 struct error *error)
{
    struct report_reader walk;
    uint8_t owner = 0;

    if (!read_head(&walk, bytes, size, error))
        return false;
    *reader = walk;
    for (enum report_part part; (part = next_part(&walk)) < REPORT_PART_COUNT; walk.left[part]--) {
        struct report_item item;
        size_t end;

        if (!take_item(&walk, &item, &end))
            return bad(error, walk.at, "cut off");
        if (item.part != part || !check_item(&item) ||
            (part == REPORT_IMPORT && item.owner < owner))
            return bad(error, walk.at, "bad item");
        owner = item.owner;
        walk.at = end;
    }
    return walk.at == size || bad(error, walk.at, "more than it says");
}

bool report_next(struct report_reader *reader, struct report_item *item)
{
    enum report_part part = next_part(reader);

    if (part >= REPORT_PART_COUNT || !take_item(reader, item, &reader->at))
        return false;
    reader->left[part]--;
    return true;
}

bool report_fits(const struct report_item *item, const struct plan *plan)
{
    struct plan_core_type type;

    plan_core_type(plan, &type);
    return item->part != REPORT_SECTION && item->kind == REPORT_FUNCTION &&
           item->parameter_count == type.parameter_count &&
           item->result_count == type.result_count &&
           memcmp(item->types, type.parameters, type.parameter_count) == 0 &&
           (type.result_count == 0 || item->types[type.parameter_count] == type.result);
}

// --- how imports are served ----------------------------------------------------------------------

void report_put_link(struct report_writer *writer, enum report_service service,
                     const struct plan *plan)
{
    assert((service == REPORT_HOST) == (plan != NULL));
    put_number(writer, service, 1);
    if (plan != NULL)
        put_bytes(writer, plan, sizeof *plan);
}

bool report_take_link(const uint8_t *bytes, size_t size, size_t *at, enum report_service *service,
                      struct plan *plan, struct error *error)
{
    if (*at >= size || bytes[*at] >= REPORT_SERVICE_COUNT)
        return error_set(error, ERROR_USAGE_ARGUMENT, *at, "link: no such service");
    *service = (enum report_service)bytes[*at];
    *at += 1;
    if (*service != REPORT_HOST)
        return true;
    if (size - *at < sizeof *plan)
        return error_set(error, ERROR_USAGE_ARGUMENT, *at, "link: cut off");
    memcpy(plan, bytes + *at, sizeof *plan);
    *at += sizeof *plan;
    return plan_check(plan, error);
}

// --- frames of calls -----------------------------------------------------------------------------

uint32_t report_frame_max(uint64_t memory_bytes)
{
    if (memory_bytes >= REPORT_FRAME_MAX - MESSAGE_ARENA_SIZE)
        return REPORT_FRAME_MAX;
    if (memory_bytes < MESSAGE_ARENA_SIZE)
        memory_bytes = MESSAGE_ARENA_SIZE;
    return (uint32_t)memory_bytes + MESSAGE_ARENA_SIZE;
}

void report_frame_layout(uint32_t name_length, uint32_t word_count, uint32_t most,
                         struct report_frame *frame)
{
    uint32_t end = REPORT_FRAME_HEAD_SIZE + name_length;

    assert(name_length <= REPORT_FRAME_NAME_MAX && word_count <= PLAN_WORDS_MAX);
    assert(most >= MESSAGE_ARENA_SIZE && most <= REPORT_FRAME_MAX);
    *frame = (struct report_frame){
        .name_length = name_length,
        .word_count = word_count,
        .name_at = REPORT_FRAME_HEAD_SIZE,
        .plan_at = end,
    };
    frame->words_at = ALIGN_UP(name_length > 0 ? end + REPORT_PLAN_SIZE : end, 8u);
    frame->blocks_at = ALIGN_UP(frame->words_at + 8 * word_count, (uint32_t)PLAN_ALIGNMENT);
    frame->blocks_size = most - frame->blocks_at;
}

uint32_t report_frame_bytes(const struct report_frame *frame, size_t blocks_used)
{
    assert(blocks_used <= frame->blocks_size);
    if (blocks_used == 0)
        return frame->words_at + 8 * frame->word_count;
    return frame->blocks_at + (uint32_t)blocks_used;
}

void report_put_frame(uint8_t *start, const struct report_frame *frame, const uint8_t *name,
                      const struct plan *plan, const uint64_t *words)
{
    struct report_writer writer = {.bytes = start, .size = frame->blocks_at};

    memset(start, 0, frame->blocks_at);
    put_number(&writer, frame->name_length, 4);
    put_number(&writer, frame->word_count, 4);
    if (frame->name_length > 0) {
        put_bytes(&writer, name, frame->name_length);
        put_bytes(&writer, plan, sizeof *plan);
    }
    writer.length = frame->words_at;
    for (size_t i = 0; i < frame->word_count; i++)
        put_number(&writer, words[i], 8);
}

static bool take_name(const uint8_t *bytes, const struct report_frame *frame, struct plan *plan,
                      struct error *error)
{
    if (!utf8_valid(bytes + frame->name_at, frame->name_length))
        return error_set(error, ERROR_USAGE_ARGUMENT, frame->name_at, "frame: name is not UTF-8");
    memcpy(plan, bytes + frame->plan_at, sizeof *plan);
    return plan_check(plan, error);
}

bool report_take_frame(const uint8_t *bytes, size_t size, bool named, struct report_frame *frame,
                       struct plan *plan, uint64_t *words, struct error *error)
{
    uint32_t name_length;
    uint32_t word_count;

    if (size < REPORT_FRAME_HEAD_SIZE || size > REPORT_FRAME_MAX)
        return error_set(error, ERROR_USAGE_ARGUMENT, 0, "frame: no head");
    name_length = u32_at(bytes);
    word_count = u32_at(bytes + 4);
    if ((name_length > 0) != named || name_length > REPORT_FRAME_NAME_MAX ||
        word_count > PLAN_WORDS_MAX)
        return error_set(error, ERROR_USAGE_ARGUMENT, 0, "frame: bad head");
    report_frame_layout(name_length, word_count, REPORT_FRAME_MAX, frame);
    if (frame->words_at + 8 * word_count > size)
        return error_set(error, ERROR_USAGE_ARGUMENT, 0, "frame: cut off");
    frame->blocks_size = size > frame->blocks_at ? (uint32_t)size - frame->blocks_at : 0;
    memset(words, 0, PLAN_WORDS_MAX * sizeof *words);
    for (size_t i = 0; i < word_count; i++)
        words[i] = number_at(bytes + frame->words_at + 8 * i, 8);
    return !named || take_name(bytes, frame, plan, error);
}
