// SPDX-License-Identifier: Apache-2.0
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "host/cli/cli.h"

enum { PAGE_SIZE = 65536 };

static const char wasi[] = "wasi_snapshot_preview1";

static bool is_text(pnf_bytes bytes, const char *text)
{
    return bytes.length == strlen(text) && memcmp(bytes.data, text, bytes.length) == 0;
}

static void show(pnf_bytes bytes)
{
    cli_show_safe(bytes.data, bytes.length);
}

// --- as text -------------------------------------------------------------------------------------

static void print_external(const pnf_item *item)
{
    printf("  %-8s ", item->kind);
    if (item->part == PNF_PART_IMPORT) {
        show(item->module);
        putchar('.');
    }
    show(item->name);
    printf("%s%s", strcmp(item->kind, "function") == 0 ? "" : ": ", item->type);
    if (item->has_value)
        printf(" = %" PRIu64, item->value);
    putchar('\n');
}

static void print_memory(const pnf_item *item, unsigned index)
{
    char minimum[32];
    char maximum[32] = "the policy's limit";

    if (item->maximum <= UINT64_MAX / PAGE_SIZE)
        cli_size(item->maximum * PAGE_SIZE, maximum);
    printf("  memory %u: %s, growing to %s (%s)\n", index,
           cli_size(item->minimum * PAGE_SIZE, minimum), maximum, item->type);
}

static void print_item(const pnf_item *item, unsigned index)
{
    switch (item->part) {
    case PNF_PART_IMPORT:
    case PNF_PART_EXPORT:
        print_external(item);
        break;
    case PNF_PART_MEMORY:
        print_memory(item, index);
        break;
    case PNF_PART_DATA:
        printf("  static data: %" PRIu64 " to %" PRIu64 "\n", item->address,
               item->address + item->size);
        break;
    case PNF_PART_SECTION:
        printf("  at 0x%08" PRIx64 " %10" PRIu64 " bytes  %s", item->address, item->size,
               item->kind);
        if (item->name.length > 0)
            putchar(' ');
        show(item->name);
        putchar('\n');
        break;
    }
}

static unsigned print_part(const pnf_module *module, pnf_part part, const char *title)
{
    const pnf_item *item;
    unsigned count = 0;

    for (size_t i = 0; (item = pnf_module_item(module, i)) != NULL; i++) {
        if (item->part != part)
            continue;
        if (count == 0 && title)
            printf("%s:\n", title);
        print_item(item, count++);
    }
    return count;
}

static bool is_grantable(const pnf_item *item)
{
    return item->part == PNF_PART_IMPORT && strcmp(item->kind, "function") == 0 &&
           !is_text(item->module, wasi);
}

// What a policy has to say for the imports to be granted.
static void print_grants(const pnf_module *module)
{
    const pnf_item *item;
    bool begun = false;

    for (size_t i = 0; (item = pnf_module_item(module, i)) != NULL; i++) {
        if (!is_grantable(item))
            continue;
        if (!begun)
            printf("policy lines that grant its imports:\n  host_functions:\n");
        begun = true;
        printf("    - ");
        show(item->module);
        putchar('.');
        show(item->name);
        putchar('\n');
    }
}

static void print_module(const char *path, const pnf_module *module)
{
    const char *feature;

    printf("%s: valid\n", path);
    if (pnf_module_feature(module, 0)) {
        printf("features needed:");
        for (size_t i = 0; (feature = pnf_module_feature(module, i)) != NULL; i++)
            printf(" %s", feature);
        putchar('\n');
    }
    print_part(module, PNF_PART_IMPORT, "imports");
    print_part(module, PNF_PART_EXPORT, "exports");
    if (print_part(module, PNF_PART_MEMORY, "memory layout") > 0)
        print_part(module, PNF_PART_DATA, NULL);
    print_part(module, PNF_PART_SECTION, "sections");
    print_grants(module);
}

// --- as JSON -------------------------------------------------------------------------------------

// Names are UTF-8 and may hold NUL.
static json_t *json_of_name(pnf_bytes bytes)
{
    json_t *text = json_stringn((const char *)bytes.data, bytes.length);

    return text ? text : json_string("");
}

static json_t *json_of_item(const pnf_item *item)
{
    json_t *object = json_pack("{s:s}", "kind", item->kind);

    if (item->part == PNF_PART_IMPORT)
        json_object_set_new(object, "module", json_of_name(item->module));
    if (item->part == PNF_PART_IMPORT || item->part == PNF_PART_EXPORT || item->name.length > 0)
        json_object_set_new(object, "name", json_of_name(item->name));
    if (item->type[0] != '\0')
        json_object_set_new(object, "type", json_string(item->type));
    if (item->part == PNF_PART_MEMORY) {
        json_object_set_new(object, "minimum_pages", json_integer((json_int_t)item->minimum));
        if (item->maximum != UINT64_MAX)
            json_object_set_new(object, "maximum_pages", json_integer((json_int_t)item->maximum));
    }
    if (item->part == PNF_PART_SECTION || item->part == PNF_PART_DATA) {
        json_object_set_new(object, item->part == PNF_PART_DATA ? "address" : "offset",
                            json_integer((json_int_t)item->address));
        json_object_set_new(object, "size", json_integer((json_int_t)item->size));
    }
    if (item->has_value)
        json_object_set_new(object, "value", json_integer((json_int_t)item->value));
    return object;
}

static void print_json(const char *path, const pnf_module *module)
{
    static const char *const parts[] = {
        [PNF_PART_IMPORT] = "imports",   [PNF_PART_EXPORT] = "exports",
        [PNF_PART_MEMORY] = "memories",  [PNF_PART_DATA] = "data",
        [PNF_PART_SECTION] = "sections",
    };
    json_t *object = json_pack("{s:s, s:b}", "module", path, "valid", 1);
    json_t *features = json_array();
    const pnf_item *item;
    const char *feature;

    for (size_t i = 0; (feature = pnf_module_feature(module, i)) != NULL; i++)
        json_array_append_new(features, json_string(feature));
    json_object_set_new(object, "features", features);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        json_object_set_new(object, parts[i], json_array());
    for (size_t i = 0; (item = pnf_module_item(module, i)) != NULL; i++)
        json_array_append_new(json_object_get(object, parts[item->part]), json_of_item(item));
    cli_print_json(object, JSON_INDENT(2));
}

int cli_inspect(const struct cli_options *options)
{
    pnf_source source = {.module_path = options->arguments[0]};
    pnf_module *module = NULL;
    pnf_host *host;
    int status = 0;

    if (pnf_host_open(NULL, &host) != PNF_OK)
        return cli_fail(options);
    if (pnf_inspect(host, &source, &module) != PNF_OK)
        status = cli_fail(options);
    else if (options->json)
        print_json(options->arguments[0], module);
    else
        print_module(options->arguments[0], module);
    pnf_module_free(module);
    pnf_host_close(host);
    return status;
}
