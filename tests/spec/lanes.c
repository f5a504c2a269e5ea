// SPDX-License-Identifier: Apache-2.0
#include "tests/spec/lanes.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tests/spec/script.h"

enum { VECTOR_SIZE = 16 };

// A lane is read as a scalar of this type, and is as many bytes of it as it is wide.
static const struct shape {
    const char *name;
    valtype type;
    uint32_t width;
    uint64_t maximum;
} shapes[] = {
    {"i8", VALTYPE_I32, 1, UINT8_MAX},   {"i16", VALTYPE_I32, 2, UINT16_MAX},
    {"i32", VALTYPE_I32, 4, UINT32_MAX}, {"i64", VALTYPE_I64, 8, UINT64_MAX},
    {"f32", VALTYPE_F32, 4, UINT32_MAX}, {"f64", VALTYPE_F64, 8, UINT64_MAX},
};

static const struct shape *shape_of(const json_t *json)
{
    const char *name = script_word(json, "lane_type");

    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        if (strcmp(shapes[i].name, name) == 0)
            return &shapes[i];
    }
    return NULL;
}

static bool parse_lane(const json_t *json, const struct shape *shape, uint32_t lane,
                       struct value *value)
{
    const char *text = json_string_value(json_array_get(json_object_get(json, "value"), lane));

    *value = (struct value){.type = shape->type};
    return text != NULL && value_parse_number(text, value) && value->bits <= shape->maximum;
}

bool lanes_check(const json_t *json)
{
    const struct shape *shape = shape_of(json);
    struct value lane;

    if (shape == NULL ||
        json_array_size(json_object_get(json, "value")) != VECTOR_SIZE / shape->width)
        return false;
    for (uint32_t i = 0; i < VECTOR_SIZE / shape->width; i++) {
        if (!parse_lane(json, shape, i, &lane))
            return false;
    }
    return true;
}

bool lanes_to_slots(const json_t *json, union slot *slots)
{
    const struct shape *shape = shape_of(json);
    uint8_t bytes[VECTOR_SIZE];

    for (uint32_t i = 0; i < VECTOR_SIZE / shape->width; i++) {
        struct value lane;

        if (!parse_lane(json, shape, i, &lane) || lane.form != VALUE_BITS)
            return false;
        memcpy(bytes + i * shape->width, &lane.bits, shape->width); // little-endian
    }
    memcpy(slots, bytes, sizeof bytes);
    return true;
}

bool lanes_match(const json_t *json, const union slot *slots)
{
    const struct shape *shape = shape_of(json);
    const uint8_t *bytes = (const uint8_t *)slots;

    for (uint32_t i = 0; i < VECTOR_SIZE / shape->width; i++) {
        union slot got = {0};
        struct value lane;

        memcpy(&got, bytes + i * shape->width, shape->width);
        if (!parse_lane(json, shape, i, &lane) || !value_matches(&lane, NULL, shape->type, &got))
            return false;
    }
    return true;
}

void lanes_print(const json_t *json, char *buffer, size_t size)
{
    const json_t *lanes = json_object_get(json, "value");
    size_t used = 0;

    for (size_t i = 0; i < json_array_size(lanes) && used < size; i++) {
        const char *text = json_string_value(json_array_get(lanes, i));
        used += (size_t)snprintf(buffer + used, size - used, "%s%s", i == 0 ? "" : " ", text);
    }
}

void lanes_print_slots(const union slot *slots, char *buffer, size_t size)
{
    (void)snprintf(buffer, size, "v128 0x%016" PRIx64 "%016" PRIx64, slots[1].u64, slots[0].u64);
}
