// SPDX-License-Identifier: Apache-2.0
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "host/cli/cli.h"
#include "sandbox/policy.h"

enum { PAGE_SIZE = 65536, GRANT_SIZE = 160 };

static const char wasi[] = "wasi_snapshot_preview1";

static bool is_text(pnf_bytes bytes, const char *text)
{
    return bytes.length == strlen(text) && memcmp(bytes.data, text, bytes.length) == 0;
}

static void show(pnf_bytes bytes)
{
    cli_show_safe(bytes.data, bytes.length);
}

// Of a global, signed.
static int64_t value_of(const pnf_item *item)
{
    return strstr(item->type, "i32") ? (int32_t)(uint32_t)item->value : (int64_t)item->value;
}

// --- what a policy has to say --------------------------------------------------------------------

// The lines of `wasi:` that the functions of a family need, by the beginning of their names.
static const struct {
    const char *prefix;
    const char *line;
} wasi_lines[] = {
    {"fd_write", "stdout: inherit"}, {"args_", "args: []"},       {"environ_", "env: {}"},
    {"clock_", "clock: coarse"},     {"random_", "random: real"},
};

// Proposals among the features; in a policy their keys are written with '_'.
static const char *const proposals[] = {"custom-page-sizes", "wide-arithmetic", "threads"};

enum { LINE_SIZE = 32 };

static const char *switch_on(const char *proposal, char line[LINE_SIZE])
{
    snprintf(line, LINE_SIZE, "%s: on", proposal);
    for (char *dash = line; (dash = strchr(dash, '-')) != NULL;)
        *dash = '_';
    return line;
}

static bool begins(pnf_bytes bytes, const char *prefix)
{
    return bytes.length >= strlen(prefix) && memcmp(bytes.data, prefix, strlen(prefix)) == 0;
}

static bool uses_wasi(const pnf_module *module, const char *prefix)
{
    const pnf_item *item;

    for (size_t i = 0; (item = pnf_module_item(module, i)) != NULL; i++)
        if (item->part == PNF_PART_IMPORT && is_text(item->module, wasi) &&
            begins(item->name, prefix))
            return true;
    return false;
}

static bool uses_feature(const pnf_module *module, const char *name)
{
    const char *feature;

    for (size_t i = 0; (feature = pnf_module_feature(module, i)) != NULL; i++)
        if (strcmp(feature, name) == 0)
            return true;
    return false;
}

// The item's name in a policy, module.name; false if it is for no policy to grant.
static bool grant_name(const pnf_item *item, char name[GRANT_SIZE])
{
    size_t length = item->module.length + 1 + item->name.length;

    if (item->part != PNF_PART_IMPORT || strcmp(item->kind, "function") != 0 ||
        is_text(item->module, wasi) || length >= GRANT_SIZE)
        return false;
    snprintf(name, GRANT_SIZE, "%.*s.%.*s", (int)item->module.length,
             (const char *)item->module.data, (int)item->name.length,
             (const char *)item->name.data);
    return policy_is_function_name(name, length);
}

// Whether an import before it has that name.
static bool is_repeated(const pnf_module *module, size_t index, const char *name)
{
    char other[GRANT_SIZE];

    for (size_t i = 0; i < index; i++)
        if (grant_name(pnf_module_item(module, i), other) && strcmp(other, name) == 0)
            return true;
    return false;
}

// The next host function to grant, from `index` on, which moves behind it.
static bool next_grant(const pnf_module *module, size_t *index, char name[GRANT_SIZE])
{
    const pnf_item *item;

    while ((item = pnf_module_item(module, (*index)++)) != NULL)
        if (grant_name(item, name) && !is_repeated(module, *index - 1, name))
            return true;
    return false;
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
        printf(" = %" PRId64, value_of(item));
    putchar('\n');
}

static void print_memory(const pnf_item *item, unsigned index)
{
    uint64_t page = strstr(item->type, "pages of 1 byte") ? 1 : PAGE_SIZE;
    char minimum[32] = "more than there is";
    char maximum[32] = "the policy's limit";

    if (item->minimum <= INT64_MAX / page)
        cli_size(item->minimum * page, minimum);
    if (item->maximum <= INT64_MAX / page)
        cli_size(item->maximum * page, maximum);
    printf("  memory %u: %s, growing to %s (%s)\n", index, minimum, maximum, item->type);
}

static void print_region(const pnf_item *item)
{
    const char *words = strcmp(item->kind, "data") == 0  ? "static data"
                        : strcmp(item->kind, "bss") == 0 ? "zeroed data"
                                                         : item->kind;

    if (item->size == UINT64_MAX - item->address)
        printf("  %s: from %" PRIu64 "\n", words, item->address);
    else
        printf("  %s: %" PRIu64 " to %" PRIu64 "\n", words, item->address,
               item->address + item->size);
}

// The region of that kind; NULL if it is not known.
static const pnf_item *find_region(const pnf_module *module, const char *kind)
{
    const pnf_item *item;

    for (size_t i = 0; (item = pnf_module_item(module, i)) != NULL; i++)
        if (item->part == PNF_PART_DATA && strcmp(item->kind, kind) == 0)
            return item;
    return NULL;
}

// Where the linker has put the stack.
static const char *layout_name(const pnf_module *module)
{
    const pnf_item *data = find_region(module, "data");
    const pnf_item *stack = find_region(module, "stack");

    if (!stack)
        return "unknown";
    return stack->address == 0 || (data && stack->address < data->address) ? "stack first"
                                                                           : "stack after data";
}

static void print_layout(const pnf_module *module)
{
    const pnf_item *stack = find_region(module, "stack");

    printf("  layout: %s\n", layout_name(module));
    if (stack && stack->evidence[0] != '\0')
        printf("  stack limit: %" PRIu64 " (%s): what overflows it traps\n", stack->address,
               stack->evidence);
    else
        printf(
            "  stack limit: cannot tell, so that an overflow may overwrite data unseen: link with\n"
            "    -Wl,--stack-first or -Wl,--export=__stack_low, and -Wl,--export=__stack_pointer,\n"
            "    or give its address as stack_low under limits: in the policy\n");
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
        print_region(item);
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

// What a policy has to say for the imports to be granted.
static void print_grants(const pnf_module *module)
{
    char name[GRANT_SIZE];
    size_t index = 0;
    bool begun = false;

    if (uses_wasi(module, "") || next_grant(module, &index, name))
        printf("policy lines that grant its imports:\n");
    for (index = 0; next_grant(module, &index, name); begun = true)
        printf("%s    - %s\n", begun ? "" : "  host_functions:\n", name);
    begun = false;
    for (size_t i = 0; i < sizeof wasi_lines / sizeof wasi_lines[0]; i++)
        if (uses_wasi(module, wasi_lines[i].prefix)) {
            printf("%s    %s\n", begun ? "" : "  wasi:\n", wasi_lines[i].line);
            begun = true;
        }
}

// What a policy has to say for the module to be run at all.
static void print_needs(const pnf_module *module, size_t memories)
{
    char line[LINE_SIZE];
    bool begun = false;

    if (memories > 1)
        printf("policy lines that its memories need:\n  limits:\n    memories: %zu\n", memories);
    for (size_t i = 0; i < sizeof proposals / sizeof proposals[0]; i++)
        if (uses_feature(module, proposals[i])) {
            printf("%s    %s\n",
                   begun ? "" : "policy lines that switch its proposals on:\n  features:\n",
                   switch_on(proposals[i], line));
            begun = true;
        }
}

static void print_module(const char *path, const pnf_module *module)
{
    const char *feature;
    size_t memories;

    printf("%s: valid\n", path);
    if (pnf_module_feature(module, 0)) {
        printf("features needed:");
        for (size_t i = 0; (feature = pnf_module_feature(module, i)) != NULL; i++)
            printf(" %s", feature);
        putchar('\n');
    }
    print_part(module, PNF_PART_IMPORT, "imports");
    print_part(module, PNF_PART_EXPORT, "exports");
    memories = print_part(module, PNF_PART_MEMORY, "memory layout");
    if (memories > 0) {
        print_part(module, PNF_PART_DATA, NULL);
        print_layout(module);
    }
    print_part(module, PNF_PART_SECTION, "sections");
    print_needs(module, memories);
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
    if (item->evidence[0] != '\0')
        json_object_set_new(object, "evidence", json_string(item->evidence));
    if (item->has_value)
        json_object_set_new(object, "value", json_integer(value_of(item)));
    return object;
}

static json_t *json_of_grants(const pnf_module *module)
{
    json_t *functions = json_array();
    json_t *lines = json_array();
    json_t *features = json_array();
    char line[LINE_SIZE];
    char name[GRANT_SIZE];
    size_t index = 0;

    while (next_grant(module, &index, name))
        json_array_append_new(functions, json_string(name));
    for (size_t i = 0; i < sizeof wasi_lines / sizeof wasi_lines[0]; i++)
        if (uses_wasi(module, wasi_lines[i].prefix))
            json_array_append_new(lines, json_string(wasi_lines[i].line));
    for (size_t i = 0; i < sizeof proposals / sizeof proposals[0]; i++)
        if (uses_feature(module, proposals[i]))
            json_array_append_new(features, json_string(switch_on(proposals[i], line)));
    return json_pack("{s:o, s:o, s:o}", "host_functions", functions, "wasi", lines, "features",
                     features);
}

static void print_json(const char *path, const pnf_module *module)
{
    static const char *const parts[] = {
        [PNF_PART_IMPORT] = "imports",   [PNF_PART_EXPORT] = "exports",
        [PNF_PART_MEMORY] = "memories",  [PNF_PART_DATA] = "data",
        [PNF_PART_SECTION] = "sections",
    };
    json_t *object = json_pack("{s:o, s:b}", "module", cli_json_text(path), "valid", 1);
    json_t *features = json_array();
    const pnf_item *item;
    const char *feature;

    for (size_t i = 0; (feature = pnf_module_feature(module, i)) != NULL; i++)
        json_array_append_new(features, json_string(feature));
    json_object_set_new(object, "features", features);
    json_object_set_new(object, "layout", json_string(layout_name(module)));
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        json_object_set_new(object, parts[i], json_array());
    for (size_t i = 0; (item = pnf_module_item(module, i)) != NULL; i++)
        json_array_append_new(json_object_get(object, parts[item->part]), json_of_item(item));
    json_object_set_new(object, "grants", json_of_grants(module));
    cli_print_json(object, JSON_INDENT(2));
}

int cli_inspect(const struct cli_options *options)
{
    pnf_source source = {.module_path = options->arguments[0]};
    pnf_module *module = NULL;
    int status = 0;
    pnf_host *host = cli_open_host(options, &status);

    if (!host)
        return status;
    if (pnf_inspect(host, &source, &module) != PNF_OK)
        status = cli_fail(options, options->arguments[0]);
    else if (options->json)
        print_json(options->arguments[0], module);
    else
        print_module(options->arguments[0], module);
    pnf_module_free(module);
    pnf_host_close(host);
    return status;
}
