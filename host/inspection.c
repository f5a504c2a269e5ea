// SPDX-License-Identifier: Apache-2.0
#include "host/inspection.h"

#include <stdlib.h>
#include <string.h>

#include "host/type_text.h"
#include "sandbox/report.h"

_Static_assert((int)PNF_PART_IMPORT == (int)REPORT_IMPORT &&
                   (int)PNF_PART_EXPORT == (int)REPORT_EXPORT &&
                   (int)PNF_PART_MEMORY == (int)REPORT_MEMORY &&
                   (int)PNF_PART_DATA == (int)REPORT_DATA &&
                   (int)PNF_PART_SECTION == (int)REPORT_SECTION,
               "the API shows the report's parts");

enum { FEATURES_MAX = 13 };

struct pnf_module {
    uint8_t *report; // which the names point into
    pnf_item *items;
    size_t count;
    const char *features[FEATURES_MAX + 1]; // NULL after the last
};

static pnf_bytes bytes_of(struct report_text text)
{
    return (pnf_bytes){text.bytes, text.length};
}

static const char *evidence_of(const struct report_item *item)
{
    static const char *const names[REPORT_STACK_COUNT] = {
        [REPORT_STACK_UNKNOWN] = "",
        [REPORT_STACK_LOW] = "__stack_low",
        [REPORT_STACK_DATA] = "__data_end",
        [REPORT_STACK_FIRST] = "stack first",
        [REPORT_STACK_GIVEN] = "limits.stack_low",
    };

    return item->part == REPORT_DATA && item->kind == REPORT_REGION_STACK ? names[item->flags] : "";
}

// False without memory.
static bool show_item(const struct report_item *item, pnf_item *shown)
{
    bool limits = item->part != REPORT_SECTION && item->part != REPORT_DATA &&
                  (item->kind == REPORT_TABLE || item->kind == REPORT_KIND_MEMORY);
    char text[TYPE_TEXT_SIZE];

    *shown = (pnf_item){
        .part = (pnf_part)item->part,
        .kind = type_text_kind(item),
        .module = bytes_of(item->module),
        .name = bytes_of(item->name),
        .type = strdup(type_text(item, text)),
        .has_value = item->part <= REPORT_MEMORY && (item->flags & REPORT_HAS_VALUE) != 0,
        .evidence = evidence_of(item),
    };
    if (limits) {
        shown->minimum = item->first;
        shown->maximum = (item->flags & REPORT_HAS_MAXIMUM) ? item->second : UINT64_MAX;
    } else if (item->part == REPORT_DATA) {
        shown->address = item->first;
        shown->size = item->second - item->first;
    } else if (item->part == REPORT_SECTION) {
        shown->address = item->first;
        shown->size = item->second;
    } else {
        shown->value = item->first;
    }
    return shown->type != NULL;
}

static void show_features(uint32_t flags, const char **features)
{
    static const struct {
        uint32_t flag;
        const char *name;
    } names[FEATURES_MAX] = {
        {REPORT_HAS_MULTI_VALUE, "multi-value"},
        {REPORT_HAS_DATA_COUNT, "bulk-memory"},
        {REPORT_HAS_VECTORS, "simd"},
        {REPORT_HAS_RELAXED_VECTORS, "relaxed-simd"},
        {REPORT_HAS_TAIL_CALLS, "tail-call"},
        {REPORT_HAS_EXCEPTIONS, "exception-handling"},
        {REPORT_HAS_LEGACY_EXCEPTIONS, "legacy-exceptions"},
        {REPORT_HAS_TYPED_REFERENCES, "function-references"},
        {REPORT_HAS_MEMORY64, "memory64"},
        {REPORT_HAS_MULTI_MEMORY, "multi-memory"},
        {REPORT_HAS_CUSTOM_PAGE_SIZES, "custom-page-sizes"},
        {REPORT_HAS_WIDE_ARITHMETIC, "wide-arithmetic"},
        {REPORT_HAS_THREADS, "threads"},
    };

    for (size_t i = 0; i < FEATURES_MAX; i++)
        if (names[i].name && (flags & names[i].flag))
            *features++ = names[i].name;
}

static bool fill(pnf_module *module, size_t size, struct error_text *error)
{
    struct report_reader reader;
    struct report_item item;
    struct error below = {.code = ERROR_NONE};
    size_t count = 0;

    if (!report_open(&reader, module->report, size, &below))
        return error_text_set(error, PNF_VIOLATION, "cannot inspect a module: %s", below.message);
    for (size_t i = 0; i < REPORT_PART_COUNT; i++)
        count += reader.head.counts[i];
    module->items = calloc(count + 1, sizeof *module->items);
    if (!module->items)
        return error_text_set(error, PNF_SYSTEM, "cannot inspect a module: out of memory");
    // What libraries import is not the module's.
    while (report_next(&reader, &item))
        if (item.owner == 0 && !show_item(&item, &module->items[module->count++]))
            return error_text_set(error, PNF_SYSTEM, "cannot inspect a module: out of memory");
    show_features(reader.head.flags, module->features);
    return true;
}

pnf_module *inspection_make(const uint8_t *report, size_t size, struct error_text *error)
{
    pnf_module *module = calloc(1, sizeof *module);
    uint8_t *copy = malloc(size + 1);

    if (!module || !copy) {
        free(module);
        free(copy);
        error_text_set(error, PNF_SYSTEM, "cannot inspect a module: out of memory");
        return NULL;
    }
    if (size > 0)
        memcpy(copy, report, size);
    module->report = copy;
    if (fill(module, size, error))
        return module;
    pnf_module_free(module);
    return NULL;
}

void pnf_module_free(pnf_module *module)
{
    if (!module)
        return;
    for (size_t i = 0; i < module->count; i++)
        free((char *)(uintptr_t)module->items[i].type); // const for the others
    free(module->items);
    free(module->report);
    free(module);
}

size_t pnf_module_count(const pnf_module *module)
{
    return module ? module->count : 0;
}

const pnf_item *pnf_module_item(const pnf_module *module, size_t index)
{
    return module && index < module->count ? &module->items[index] : NULL;
}

const char *pnf_module_feature(const pnf_module *module, size_t index)
{
    return module && index < FEATURES_MAX ? module->features[index] : NULL;
}
