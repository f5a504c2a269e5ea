// SPDX-License-Identifier: Apache-2.0
#include "host/type_text.h"

#include <inttypes.h>
#include <stdio.h>

static const char *value_type(uint8_t code)
{
    switch (code) {
    case PLAN_CORE_I32:
        return "i32";
    case PLAN_CORE_I64:
        return "i64";
    case PLAN_CORE_F32:
        return "f32";
    case PLAN_CORE_F64:
        return "f64";
    case REPORT_V128:
        return "v128";
    case REPORT_FUNCREF:
        return "funcref";
    case REPORT_EXTERNREF:
        return "externref";
    case REPORT_REF_NULL:
        return "(ref null ...)";
    default:
        return "(ref ...)";
    }
}

// Room for "(ref null ...)" and what closes a list.
enum { LIST_RESERVE = 32 };

static size_t append_list(char *text, size_t at, const uint8_t *types, uint32_t count)
{
    at += (size_t)snprintf(text + at, TYPE_TEXT_SIZE - at, "(");
    for (uint32_t i = 0; i < count; i++) {
        if (at > TYPE_TEXT_SIZE - 2 * LIST_RESERVE)
            return at + (size_t)snprintf(text + at, TYPE_TEXT_SIZE - at, ", ...)");
        at += (size_t)snprintf(text + at, TYPE_TEXT_SIZE - at, "%s%s", i > 0 ? ", " : "",
                               value_type(types[i]));
    }
    return at + (size_t)snprintf(text + at, TYPE_TEXT_SIZE - at, ")");
}

static void function_type(const struct report_item *item, char *text)
{
    const uint8_t *results = item->types + item->parameter_count;
    size_t at = append_list(text, 0, item->types, item->parameter_count);

    if (item->result_count == 0)
        return;
    at += (size_t)snprintf(text + at, TYPE_TEXT_SIZE - at, " -> ");
    if (item->result_count == 1)
        snprintf(text + at, TYPE_TEXT_SIZE - at, "%s", value_type(results[0]));
    else if (at < TYPE_TEXT_SIZE - 2 * LIST_RESERVE)
        append_list(text, at, results, item->result_count);
    else
        snprintf(text + at, TYPE_TEXT_SIZE - at, "(...)");
}

static void limits_type(const struct report_item *item, char *text)
{
    const char *unit = item->kind == REPORT_TABLE          ? value_type(item->value_type)
                       : (item->flags & REPORT_BYTE_PAGES) ? "pages of 1 byte"
                                                           : "pages";
    const char *wide = (item->flags & REPORT_ADDRESS64) ? "64-bit, " : "";

    if (item->flags & REPORT_HAS_MAXIMUM)
        snprintf(text, TYPE_TEXT_SIZE, "%s%" PRIu64 " to %" PRIu64 " %s", wide, item->first,
                 item->second, unit);
    else
        snprintf(text, TYPE_TEXT_SIZE, "%sfrom %" PRIu64 " %s", wide, item->first, unit);
}

const char *type_text(const struct report_item *item, char text[TYPE_TEXT_SIZE])
{
    text[0] = '\0';
    if (item->part == REPORT_SECTION || item->part == REPORT_DATA)
        return text;
    if (item->kind == REPORT_FUNCTION || item->kind == REPORT_TAG)
        function_type(item, text);
    else if (item->kind == REPORT_GLOBAL)
        snprintf(text, TYPE_TEXT_SIZE, "%s%s", (item->flags & REPORT_MUTABLE) ? "mut " : "",
                 value_type(item->value_type));
    else
        limits_type(item, text);
    return text;
}

const char *type_text_kind(const struct report_item *item)
{
    static const char *const kinds[REPORT_KIND_COUNT] = {"function", "table", "memory", "global",
                                                         "tag"};
    static const char *const sections[REPORT_SECTION_ID_END] = {
        "custom", "type",  "import",  "function", "table", "memory",     "global",
        "export", "start", "element", "code",     "data",  "data count", "tag",
    };

    static const char *const regions[] = {"data", "bss", "stack", "heap"};

    if (item->part == REPORT_DATA)
        return regions[item->kind - REPORT_REGION_DATA];
    return item->part == REPORT_SECTION ? sections[item->kind] : kinds[item->kind];
}
