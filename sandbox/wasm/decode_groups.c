// SPDX-License-Identifier: Apache-2.0
//
// The type section: recursion groups of function, structure and array types (grammar Brectype,
// Bsubtype, Bcomptype). Each group is entered into the store as a whole, and what it says about its
// supertypes is checked there, where types have their final numbers.
#include "sandbox/wasm/decode_internal.h"

enum {
    CODE_GROUP = 0x4E,
    CODE_SUB_FINAL = 0x4F,
    CODE_SUB = 0x50,
    CODE_ARRAY = 0x5E,
    CODE_STRUCTURE = 0x5F,
    CODE_FUNCTION = 0x60,
};

// A group on its way. Its types and their words are at the end of the module's arena until the
// store has copied them.
struct group {
    struct deftype *types;
    uint32_t first; // typeidx of the first one
    uint32_t count;
    uint64_t offset; // of the group, for errors
};

// A byte that codes a type constructor, 0 after an error.
static uint8_t read_code(struct reader *reader)
{
    int32_t number = reader_s7(reader);

    return reader->failed ? 0 : number & 0x7F;
}

// Room for `count` more types of value in `type`.
static valtype *extend_words(struct decoder *decoder, struct reader *reader, struct deftype *type,
                             uint32_t old_count, uint32_t count)
{
    valtype *words =
        decode_extend(decoder, reader, type->types, old_count, old_count + count, sizeof *words);

    type->types = words;
    return words;
}

// Grammar Bresulttype, appended to what the type has.
static uint32_t read_result_type(struct decoder *decoder, struct reader *reader,
                                 struct deftype *type, uint32_t present, uint32_t limit)
{
    struct type_names names = decode_names(decoder);
    uint64_t offset = reader_offset(reader);
    uint32_t count = reader_count(reader, 1);
    valtype *words;

    if (count > limit) {
        reader_fail_at(reader, offset, ERROR_LIMIT_PARAMETERS);
        return 0;
    }
    words = extend_words(decoder, reader, type, present, count);
    for (uint32_t i = 0; i < count && !reader->failed; i++)
        words[present + i] = valtype_read(reader, &names);
    return count;
}

static bool read_function_type(struct decoder *decoder, struct reader *reader, struct deftype *type)
{
    type->composite = COMPOSITE_FUNCTION;
    type->parameter_count = read_result_type(decoder, reader, type, 0, LIMIT_PARAMETERS);
    type->result_count =
        read_result_type(decoder, reader, type, type->parameter_count, LIMIT_RESULTS);
    return !reader->failed;
}

// Grammar Bfieldtype.
static valtype read_field(struct reader *reader, const struct type_names *names)
{
    valtype type = storagetype_read(reader, names);
    uint64_t offset = reader_offset(reader);
    uint8_t mutability = reader_u8(reader);

    if (mutability > 1)
        reader_fail_at(reader, offset, ERROR_MALFORMED_MUTABILITY);
    return mutability == 1 ? type | FIELD_MUTABLE : type;
}

static bool read_fields(struct decoder *decoder, struct reader *reader, struct deftype *type,
                        uint32_t count)
{
    struct type_names names = decode_names(decoder);
    valtype *words = extend_words(decoder, reader, type, 0, count);

    for (uint32_t i = 0; i < count && !reader->failed; i++)
        words[i] = read_field(reader, &names);
    type->parameter_count = count;
    return !reader->failed;
}

static bool read_structure_type(struct decoder *decoder, struct reader *reader,
                                struct deftype *type)
{
    uint32_t count;

    type->composite = COMPOSITE_STRUCT;
    return decode_count(reader, 0, LIMIT_FIELDS, "fields", &count) &&
           read_fields(decoder, reader, type, count);
}

static bool read_array_type(struct decoder *decoder, struct reader *reader, struct deftype *type)
{
    type->composite = COMPOSITE_ARRAY;
    return read_fields(decoder, reader, type, 1);
}

static bool read_composite_type(struct decoder *decoder, struct reader *reader, uint64_t offset,
                                uint8_t code, struct deftype *type)
{
    switch (code) {
    case CODE_FUNCTION:
        return read_function_type(decoder, reader, type);
    case CODE_STRUCTURE:
        return read_structure_type(decoder, reader, type);
    case CODE_ARRAY:
        return read_array_type(decoder, reader, type);
    default:
        return reader_fail_at(reader, offset, ERROR_MALFORMED_DEFINITION_TYPE);
    }
}

// The list of supertypes, of which there is at most one, before the type itself.
static bool read_supertype(struct decoder *decoder, struct reader *reader, uint32_t own,
                           struct deftype *type)
{
    uint64_t offset = reader_offset(reader);
    uint32_t count = reader_count(reader, 1);
    uint32_t typeidx;

    if (reader->failed || count == 0)
        return !reader->failed;
    if (count > 1)
        return reader_fail_at(reader, offset, ERROR_SUB_TYPE_MISMATCH);
    typeidx = reader_u32(reader);
    if (!reader->failed && typeidx >= own)
        return reader_fail_at(reader, offset, ERROR_UNKNOWN_TYPE);
    if (!reader->failed)
        type->supertype = decoder->module->types[typeidx];
    return !reader->failed;
}

// Grammar Bsubtype. A composite type by itself is short for a final one without a supertype.
static bool read_sub_type(struct decoder *decoder, struct reader *reader, uint32_t own,
                          struct deftype *type)
{
    uint64_t offset = reader_offset(reader);
    uint8_t code = read_code(reader);

    *type = (struct deftype){.final = code != CODE_SUB, .supertype = TYPE_NONE};
    if (code == CODE_SUB || code == CODE_SUB_FINAL) {
        if (!read_supertype(decoder, reader, own, type))
            return false;
        offset = reader_offset(reader);
        code = read_code(reader);
    }
    return !reader->failed && read_composite_type(decoder, reader, offset, code, type);
}

// Before anything follows chains of supertypes, which may be as long as the group.
static bool check_depths(struct decoder *decoder, struct reader *reader, const struct group *group)
{
    for (uint32_t i = 0; i < group->count; i++) {
        uint32_t number = decoder->module->types[group->first + i];

        if (type_at(decoder->store, number)->depth > LIMIT_SUBTYPING) {
            error_set(reader->error, ERROR_LIMIT_NESTING, group->offset,
                      "a type with more than %u supertypes", LIMIT_SUBTYPING);
            return reader_fail_at(reader, group->offset, ERROR_LIMIT_NESTING);
        }
    }
    return true;
}

// Subtype_ok, once all types have their numbers.
static bool check_supertypes(struct decoder *decoder, struct reader *reader,
                             const struct group *group)
{
    const struct type_store *store = decoder->store;

    for (uint32_t i = 0; i < group->count; i++) {
        uint32_t number = decoder->module->types[group->first + i];
        const struct deftype *type = type_at(store, number);

        if (type->supertype != TYPE_NONE && (type_at(store, type->supertype)->final ||
                                             !type_extends(store, number, type->supertype))) {
            error_set(reader->error, ERROR_SUB_TYPE_MISMATCH, group->offset, "type %u",
                      group->first + i);
            return reader_fail_at(reader, group->offset, ERROR_SUB_TYPE_MISMATCH);
        }
    }
    return true;
}

static bool enter_group(struct decoder *decoder, struct reader *reader, const struct group *group,
                        uint32_t *types)
{
    uint32_t number = type_store_enter(decoder->store, group->types, group->count, reader->error);

    if (number == TYPE_NONE) {
        reader->error->offset = group->offset;
        return reader_fail_at(reader, group->offset, reader->error->code);
    }
    for (uint32_t i = 0; i < group->count; i++)
        types[group->first + i] = number + i;
    return check_depths(decoder, reader, group) && check_supertypes(decoder, reader, group);
}

// The members of a group know each other from the start.
static uint32_t *add_members(struct decoder *decoder, struct reader *reader, uint32_t count)
{
    struct module *module = decoder->module;
    uint32_t *types = module->types;

    for (uint32_t i = 0; i < count; i++) {
        types = decode_push(decoder, reader, types, module->type_count, sizeof *types);
        if (types == NULL)
            return NULL;
        types[module->type_count++] = TYPE_GROUP_MEMBER + i;
        module->types = types;
    }
    return types;
}

static bool read_members(struct decoder *decoder, struct reader *reader, struct group *group,
                         uint32_t *types)
{
    for (uint32_t i = 0; i < group->count; i++)
        if (!read_sub_type(decoder, reader, group->first + i, &group->types[i]))
            return false;
    return enter_group(decoder, reader, group, types);
}

// Grammar Brectype. A sub type by itself is a group of one.
static bool read_group(struct decoder *decoder, struct reader *reader)
{
    struct module *module = decoder->module;
    struct group group = {.first = module->type_count, .count = 1, .offset = reader_offset(reader)};
    uint32_t *types;
    size_t mark;

    if (!reader_done(reader) && *reader->cursor == CODE_GROUP) {
        reader_u8(reader);
        if (!decode_count(reader, module->type_count, LIMIT_TYPES, "types", &group.count) ||
            group.count == 0)
            return !reader->failed;
    }
    if (module->type_count == LIMIT_TYPES)
        return reader_fail_at(reader, group.offset, ERROR_LIMIT_COUNT);
    types = add_members(decoder, reader, group.count);
    if (types == NULL)
        return false;
    mark = arena_mark(&module->arena);
    group.types = decode_array(decoder, reader, group.count, sizeof *group.types);
    if (group.types == NULL || !read_members(decoder, reader, &group, types))
        return false;
    arena_release(&module->arena, mark);
    return true;
}

bool decode_types(struct decoder *decoder, struct reader *reader)
{
    uint32_t count;

    if (!decode_count(reader, 0, LIMIT_TYPES, "types", &count))
        return false;
    // One by one: a type may name those before it.
    for (uint32_t i = 0; i < count; i++)
        if (!read_group(decoder, reader))
            return false;
    return true;
}
