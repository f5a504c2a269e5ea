// SPDX-License-Identifier: Apache-2.0
#include "tests/spec/value.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/spec/lanes.h"
#include "tests/spec/script.h"

// Types by their names in scripts, with what values other than null need.
static const struct kind {
    const char *name;
    valtype type;
    enum feature feature;
} kinds[] = {
    {"i32", VALTYPE_I32, FEATURE_CORE},
    {"i64", VALTYPE_I64, FEATURE_CORE},
    {"f32", VALTYPE_F32, FEATURE_CORE},
    {"f64", VALTYPE_F64, FEATURE_CORE},
    {"v128", VALTYPE_V128, FEATURE_CORE},
    {"refnull", VALTYPE_BOTTOM, FEATURE_CORE},
    {"funcref", VALTYPE_FUNCREF, FEATURE_CORE},
    {"nullfuncref", VALTYPE_REF_NULL(HEAPTYPE_NOFUNC), FEATURE_CORE},
    {"externref", VALTYPE_EXTERNREF, FEATURE_CORE},
    {"nullexternref", VALTYPE_REF_NULL(HEAPTYPE_NOEXTERN), FEATURE_CORE},
    {"anyref", VALTYPE_REF_NULL(HEAPTYPE_ANY), FEATURE_GC},
    {"eqref", VALTYPE_REF_NULL(HEAPTYPE_EQ), FEATURE_GC},
    {"i31ref", VALTYPE_REF_NULL(HEAPTYPE_I31), FEATURE_GC},
    {"structref", VALTYPE_REF_NULL(HEAPTYPE_STRUCT), FEATURE_GC},
    {"arrayref", VALTYPE_REF_NULL(HEAPTYPE_ARRAY), FEATURE_GC},
    {"nullref", VALTYPE_REF_NULL(HEAPTYPE_NONE), FEATURE_GC},
    {"exnref", VALTYPE_REF_NULL(HEAPTYPE_EXN), FEATURE_CORE},
    {"nullexnref", VALTYPE_REF_NULL(HEAPTYPE_NOEXN), FEATURE_CORE},
};

static const struct kind *find_kind(const char *name)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(kinds[i].name, name) == 0)
            return &kinds[i];
    }
    return NULL;
}

// An unsigned decimal number and nothing else, at most `maximum`.
static bool parse_decimal(const char *text, uint64_t maximum, uint64_t *number)
{
    char *end;

    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    *number = strtoull(text, &end, 10);
    return errno == 0 && *end == '\0' && *number <= maximum;
}

bool value_parse_number(const char *text, struct value *value)
{
    bool is_wide = value->type == VALTYPE_I64 || value->type == VALTYPE_F64;
    bool is_float = value->type == VALTYPE_F32 || value->type == VALTYPE_F64;

    value->form = VALUE_BITS;
    if (is_float && strcmp(text, "nan:canonical") == 0)
        value->form = VALUE_NAN_CANONICAL;
    else if (is_float && strcmp(text, "nan:arithmetic") == 0)
        value->form = VALUE_NAN_ARITHMETIC;
    else
        return parse_decimal(text, is_wide ? UINT64_MAX : UINT32_MAX, &value->bits);
    return true;
}

static bool parse_reference(const json_t *json, const char *text, struct value *value)
{
    if (strcmp(text, "null") == 0) {
        value->form = VALUE_NULL;
        return true;
    }
    // "refnull" has no other value; the null types could only be null.
    if (value->type == VALTYPE_BOTTOM)
        return false;
    value->form = value->feature != FEATURE_CORE ? VALUE_LATER : VALUE_NON_NULL;
    if (json_object_get(json, "value") == NULL)
        return true;
    if (value->form == VALUE_NON_NULL)
        value->form = VALUE_HOST;
    return value->type != VALTYPE_FUNCREF && parse_decimal(text, UINT64_MAX - 1, &value->bits);
}

bool value_parse(const json_t *json, struct value *value)
{
    const char *name = script_word(json, "type");
    const char *text = script_word(json, "value");
    const struct kind *kind = find_kind(name);

    *value = (struct value){.type = VALTYPE_BOTTOM};
    if (strcmp(name, "either") == 0) {
        value->form = VALUE_EITHER;
        value->alternatives = json_object_get(json, "values");
        return json_array_size(value->alternatives) > 0;
    }
    if (kind == NULL)
        return false;
    value->type = kind->type;
    value->feature = kind->feature;
    if (value->type == VALTYPE_V128) {
        value->form = VALUE_VECTOR;
        value->lanes = json;
        return lanes_check(json);
    }
    if (value->type == VALTYPE_BOTTOM || valtype_is_reference(value->type))
        return parse_reference(json, text, value);
    return value_parse_number(text, value);
}

bool value_to_slot(const struct value *value, valtype parameter, union slot *slots)
{
    if (value->form == VALUE_VECTOR)
        return parameter == VALTYPE_V128 && lanes_to_slots(value->lanes, slots);
    if (value->form == VALUE_BITS && parameter == value->type)
        slots->u64 = value->bits;
    else if (value->form == VALUE_NULL && valtype_kind(parameter) == VALKIND_REF_NULL)
        slots->u64 = 0;
    else if (value->form == VALUE_HOST && valtype_is_reference(parameter) &&
             valtype_heaptype(parameter) == HEAPTYPE_EXTERN)
        slots->u64 = value->bits + 1; // 0 is null
    else
        return false;
    return true;
}

static bool matches_nan(const struct value *value, valtype type, union slot slot)
{
    bool canonical = value->form == VALUE_NAN_CANONICAL;
    uint64_t quiet = type == VALTYPE_F32 ? UINT32_C(0x7fc00000) : UINT64_C(0x7ff8000000000000);
    uint64_t sign = type == VALTYPE_F32 ? UINT32_C(0x80000000) : UINT64_C(0x8000000000000000);
    uint64_t bits = type == VALTYPE_F32 ? slot.u32 : slot.u64;

    return type == value->type && (bits & (canonical ? ~sign : quiet)) == quiet;
}

// The slot of an i32 is zero-extended, so all of it counts; that of an f32 has an undefined half.
static bool matches_bits(const struct value *value, valtype type, union slot slot)
{
    uint64_t bits = type == VALTYPE_F32 ? slot.u32 : slot.u64;

    return type == value->type && bits == value->bits;
}

static bool matches_one(const struct value *value, const struct type_store *types, valtype type,
                        const union slot *slots)
{
    union slot slot = *slots;

    switch (value->form) {
    case VALUE_BITS:
        return matches_bits(value, type, slot);
    case VALUE_NAN_CANONICAL:
    case VALUE_NAN_ARITHMETIC:
        return matches_nan(value, type, slot);
    case VALUE_VECTOR:
        return type == VALTYPE_V128 && lanes_match(value->lanes, slots);
    case VALUE_NULL:
        return valtype_is_reference(type) && slot.u64 == 0;
    case VALUE_HOST:
        return valtype_matches(types, type, value->type) && slot.u64 == value->bits + 1;
    case VALUE_NON_NULL:
        return valtype_matches(types, type, value->type) && slot.u64 != 0;
    case VALUE_EITHER: // they do not nest
    case VALUE_LATER:
        break;
    }
    return false;
}

bool value_matches(const struct value *value, const struct type_store *types, valtype type,
                   const union slot *slots)
{
    size_t count = value->form == VALUE_EITHER ? json_array_size(value->alternatives) : 0;

    for (size_t i = 0; i < count; i++) {
        struct value alternative;

        if (value_parse(json_array_get(value->alternatives, i), &alternative) &&
            matches_one(&alternative, types, type, slots))
            return true;
    }
    return matches_one(value, types, type, slots);
}

void value_print(const struct value *value, char *buffer, size_t size)
{
    char type[32] = "null";

    if (value->type != VALTYPE_BOTTOM)
        valtype_print(value->type, type, sizeof type);
    switch (value->form) {
    case VALUE_BITS:
        (void)snprintf(buffer, size, "%s 0x%" PRIx64, type, value->bits);
        break;
    case VALUE_NAN_CANONICAL:
        (void)snprintf(buffer, size, "%s nan:canonical", type);
        break;
    case VALUE_NAN_ARITHMETIC:
        (void)snprintf(buffer, size, "%s nan:arithmetic", type);
        break;
    case VALUE_VECTOR:
        lanes_print(value->lanes, buffer, size);
        break;
    case VALUE_NULL:
        (void)snprintf(buffer, size, "null");
        break;
    case VALUE_HOST:
        (void)snprintf(buffer, size, "host reference %" PRIu64, value->bits);
        break;
    case VALUE_NON_NULL:
        (void)snprintf(buffer, size, "%s that is not null", type);
        break;
    case VALUE_EITHER:
        (void)snprintf(buffer, size, "one of %zu values", json_array_size(value->alternatives));
        break;
    case VALUE_LATER:
        (void)snprintf(buffer, size, "%s of %s", type, feature_name(value->feature));
        break;
    }
}

void value_print_slot(valtype type, const union slot *slots, char *buffer, size_t size)
{
    char name[32];

    if (type == VALTYPE_V128) {
        lanes_print_slots(slots, buffer, size);
        return;
    }

    valtype_print(type, name, sizeof name);
    (void)snprintf(buffer, size, "%s 0x%" PRIx64, name,
                   type == VALTYPE_F32 ? slots->u32 : slots->u64);
}
