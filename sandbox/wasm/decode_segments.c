// SPDX-License-Identifier: Apache-2.0
//
// Element and data segments.
#include "sandbox/wasm/decode_internal.h"

// The number an element segment begins with, as bits (grammar Belem).
enum {
    ELEMENT_NOT_ACTIVE = 1 << 0,
    ELEMENT_EXPLICIT = 1 << 1, // active: with a tableidx; else: declarative, not passive
    ELEMENT_EXPRESSIONS = 1 << 2,
    ELEMENT_KIND_MAX = 7
};

static enum segment_mode element_mode(uint32_t kind)
{
    if (!(kind & ELEMENT_NOT_ACTIVE))
        return SEGMENT_ACTIVE;
    return kind & ELEMENT_EXPLICIT ? SEGMENT_DECLARATIVE : SEGMENT_PASSIVE;
}

// The element type: said by the segment, unless it is active and of the short form. Function
// indices are never null.
static bool read_element_type(struct decoder *decoder, struct reader *reader, uint32_t kind,
                              valtype *type)
{
    struct type_names names = decode_names(decoder);
    bool is_short = !(kind & (ELEMENT_NOT_ACTIVE | ELEMENT_EXPLICIT));
    uint64_t offset = reader_offset(reader);

    *type = kind & ELEMENT_EXPRESSIONS ? VALTYPE_FUNCREF : VALTYPE_REF(HEAPTYPE_FUNC);
    if (is_short)
        return true;
    if (kind & ELEMENT_EXPRESSIONS)
        *type = reftype_read(reader, &names);
    else if (reader_u8(reader) != 0)
        return reader_fail_at(reader, offset, ERROR_MALFORMED_ELEMENT_KIND);
    return !reader->failed;
}

static bool read_funcidxs(struct decoder *decoder, struct reader *reader,
                          struct element_segment *segment)
{
    uint32_t count = reader_count(reader, 1);
    uint32_t *funcidxs = decode_array(decoder, reader, count, sizeof *funcidxs);

    segment->count = count;
    segment->funcidxs = funcidxs;
    for (uint32_t i = 0; i < count && !reader->failed; i++) {
        funcidxs[i] = reader_u32(reader);
        if (!decode_declare(decoder, reader, funcidxs[i]))
            return false;
    }
    return !reader->failed;
}

static bool read_expressions(struct decoder *decoder, struct reader *reader,
                             struct element_segment *segment)
{
    uint32_t count = reader_count(reader, 1);

    segment->count = count;
    segment->expressions = decode_array(decoder, reader, count, sizeof *segment->expressions);
    for (uint32_t i = 0; i < count && !reader->failed; i++)
        if (!decode_expression(decoder, reader, &segment->expressions[i]))
            return false;
    return !reader->failed;
}

static bool read_element(struct decoder *decoder, struct reader *reader,
                         struct element_segment *segment)
{
    uint32_t kind;

    segment->position = reader_offset(reader);
    kind = reader_u32(reader);
    if (kind > ELEMENT_KIND_MAX)
        return reader_fail_at(reader, segment->position, ERROR_MALFORMED_ELEMENT_SEGMENT_KIND);
    segment->mode = element_mode(kind);
    if (segment->mode == SEGMENT_ACTIVE) {
        if (kind & ELEMENT_EXPLICIT)
            segment->tableidx = reader_u32(reader);
        if (!decode_expression(decoder, reader, &segment->offset))
            return false;
    }
    if (!read_element_type(decoder, reader, kind, &segment->type))
        return false;
    return kind & ELEMENT_EXPRESSIONS ? read_expressions(decoder, reader, segment)
                                      : read_funcidxs(decoder, reader, segment);
}

bool decode_elements(struct decoder *decoder, struct reader *reader)
{
    struct module *module = decoder->module;
    uint32_t count;

    if (!decode_count(reader, 0, LIMIT_ELEMENT_SEGMENTS, "element segments", &count))
        return false;
    module->elements = decode_array(decoder, reader, count, sizeof *module->elements);
    for (uint32_t i = 0; i < count && !reader->failed; i++)
        if (!read_element(decoder, reader, &module->elements[i]))
            return false;
    module->element_count = count;
    return !reader->failed;
}

// The number a data segment begins with (grammar Bdata).
enum {
    DATA_ACTIVE,
    DATA_PASSIVE,
    DATA_ACTIVE_EXPLICIT, // with a memidx
    DATA_KIND_COUNT
};

static bool read_data(struct decoder *decoder, struct reader *reader, struct data_segment *segment)
{
    uint32_t kind;

    segment->position = reader_offset(reader);
    kind = reader_u32(reader);
    if (kind >= DATA_KIND_COUNT)
        return reader_fail_at(reader, segment->position, ERROR_MALFORMED_DATA_SEGMENT_KIND);
    segment->mode = kind == DATA_PASSIVE ? SEGMENT_PASSIVE : SEGMENT_ACTIVE;
    if (kind == DATA_ACTIVE_EXPLICIT)
        segment->memidx = reader_u32(reader);
    if (kind != DATA_PASSIVE && !decode_expression(decoder, reader, &segment->offset))
        return false;
    segment->size = reader_count(reader, 1);
    segment->bytes = reader_bytes(reader, segment->size);
    return !reader->failed;
}

bool decode_datas(struct decoder *decoder, struct reader *reader)
{
    struct module *module = decoder->module;
    uint64_t offset = reader_offset(reader);
    uint32_t count;

    if (!decode_count(reader, 0, LIMIT_DATA_SEGMENTS, "data segments", &count))
        return false;
    if (module->has_data_count && count != module->data_count_declared)
        return reader_fail_at(reader, offset, ERROR_DATA_COUNT_MISMATCH);
    module->datas = decode_array(decoder, reader, count, sizeof *module->datas);
    for (uint32_t i = 0; i < count && !reader->failed; i++)
        if (!read_data(decoder, reader, &module->datas[i]))
            return false;
    module->data_count = count;
    return !reader->failed;
}
