// SPDX-License-Identifier: Apache-2.0
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/cli/cli.h"
#include "host/policy_file.h"
#include "host/policy_value.h"

// --- check ---------------------------------------------------------------------------------------

static void print_good(const struct cli_options *options, const char *path)
{
    if (options->json)
        cli_print_json(json_pack("{s:o, s:b}", "policy", cli_json_text(path), "good", 1),
                       JSON_COMPACT);
    else
        printf("%s: good\n", path);
}

static int check(const struct cli_options *options, const char *path)
{
    if (pnf_policy_check(path) != PNF_OK)
        return cli_fail(options, NULL);
    print_good(options, path);
    return 0;
}

// --- explain -------------------------------------------------------------------------------------

// The value of a key as a file would say it; "" for what is not one value.
static const char *value_of(const struct policy *policy, enum policy_key key,
                            char text[POLICY_VALUE_SIZE])
{
    text[0] = '\0';
    if (policy_key_is_number(key))
        policy_value_format(key, policy_key_read(key, policy), text);
    else if (key == POLICY_KEY_PLUGIN_NAME)
        snprintf(text, POLICY_VALUE_SIZE, "%.63s", policy_text(policy, policy->name));
    else if (key == POLICY_KEY_PLUGIN_SHA256)
        snprintf(text, POLICY_VALUE_SIZE, "%s", policy->pinned ? "pinned" : "any module");
    else if (key == POLICY_KEY_WASI_ARGS)
        snprintf(text, POLICY_VALUE_SIZE, "%" PRIu32 " given", policy->argument_count);
    else if (key == POLICY_KEY_WASI_ENV)
        snprintf(text, POLICY_VALUE_SIZE, "%" PRIu32 " given", policy->variable_count);
    else if (key == POLICY_KEY_HOST_FUNCTIONS)
        snprintf(text, POLICY_VALUE_SIZE, "%" PRIu32 " granted", policy->function_count);
    else if (key == POLICY_KEY_WASI_DIRS)
        snprintf(text, POLICY_VALUE_SIZE, "%" PRIu32 " granted", policy->dir_count);
    else if (key == POLICY_KEY_LINK)
        snprintf(text, POLICY_VALUE_SIZE, "%" PRIu32 " given", policy->link_count);
    return text;
}

// Keys of a list's items, and sections, have no value of their own.
static bool is_explained(enum policy_key key)
{
    const struct policy_key_info *info = policy_key_info(key);

    return info->type != POLICY_TYPE_SECTION && !strchr(info->path, '[');
}

static const char *word(uint64_t choice)
{
    return policy_choice_info(choice)->word;
}

// "grants /usr/share/dict as /dict: read, links follow (greet.yaml:7)"
static void explain_dir(const char *path, const struct policy *policy, const struct policy_dir *dir)
{
    printf("grants ");
    cli_show_safe(policy_text(policy, dir->host), dir->host.length);
    printf(" as ");
    cli_show_safe(policy_text(policy, dir->guest), dir->guest.length);
    printf(": %s, links %s (%s:%" PRIu32 ")\n", word(dir->access), word(dir->links), path,
           dir->line);
}

static json_t *dirs_json(const struct policy *policy)
{
    json_t *list = json_array();

    for (uint32_t i = 0; i < policy->dir_count; i++) {
        const struct policy_dir *dir = &policy->dirs[i];

        json_array_append_new(
            list, json_pack("{s:s, s:s, s:s, s:s, s:i}", "host", policy_text(policy, dir->host),
                            "guest", policy_text(policy, dir->guest), "access", word(dir->access),
                            "links", word(dir->links), "line", (int)dir->line));
    }
    return list;
}

// "links math: ./math.wasm, pinned (greet.yaml:7)"
static void explain_link(const char *path, const struct policy *policy,
                         const struct policy_link *link)
{
    printf("links %s: ", policy_text(policy, link->name));
    cli_show_safe(policy_text(policy, link->file), link->file.length);
    printf("%s (%s:%" PRIu32 ")\n", link->pinned ? ", pinned" : "", path, link->line);
}

static json_t *links_json(const struct policy *policy)
{
    json_t *list = json_array();

    for (uint32_t i = 0; i < policy->link_count; i++) {
        const struct policy_link *link = &policy->links[i];

        json_array_append_new(list, json_pack("{s:s, s:s, s:b, s:i}", "name",
                                              policy_text(policy, link->name), "file",
                                              policy_text(policy, link->file), "pinned",
                                              (int)link->pinned, "line", (int)link->line));
    }
    return list;
}

static void explain_text(const char *path, const struct policy *policy)
{
    char text[POLICY_VALUE_SIZE];

    for (unsigned i = POLICY_KEY_ROOT + 1; i < POLICY_KEY_COUNT; i++) {
        enum policy_key key = (enum policy_key)i;
        char where[32] = "default";

        if (!is_explained(key))
            continue;
        if (policy->lines[key] != 0)
            snprintf(where, sizeof where, "line %" PRIu32, policy->lines[key]);
        printf("%-20s %-16s %-8s %s\n", policy_key_info(key)->path, value_of(policy, key, text),
               where, policy_key_info(key)->meaning);
    }
    for (uint32_t i = 0; i < policy->function_count; i++)
        printf("grants %s (%s:%" PRIu32 ")\n", policy_text(policy, policy->functions[i].name), path,
               policy->functions[i].line);
    for (uint32_t i = 0; i < policy->dir_count; i++)
        explain_dir(path, policy, &policy->dirs[i]);
    for (uint32_t i = 0; i < policy->link_count; i++)
        explain_link(path, policy, &policy->links[i]);
}

static void explain_json(const char *path, const struct policy *policy)
{
    json_t *object =
        json_pack("{s:o, s:{}, s:[]}", "policy", cli_json_text(path), "keys", "host_functions");
    char text[POLICY_VALUE_SIZE];

    for (unsigned i = POLICY_KEY_ROOT + 1; i < POLICY_KEY_COUNT; i++) {
        enum policy_key key = (enum policy_key)i;

        if (is_explained(key))
            json_object_set_new(json_object_get(object, "keys"), policy_key_info(key)->path,
                                json_pack("{s:s, s:i}", "value", value_of(policy, key, text),
                                          "line", (int)policy->lines[key]));
    }
    for (uint32_t i = 0; i < policy->function_count; i++)
        json_array_append_new(json_object_get(object, "host_functions"),
                              json_string(policy_text(policy, policy->functions[i].name)));
    json_object_set_new(object, "dirs", dirs_json(policy));
    json_object_set_new(object, "link", links_json(policy));
    cli_print_json(object, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
}

static int explain(const struct cli_options *options, const char *path)
{
    struct policy *policy;
    struct policy_error ignored = {.message = ""};
    bool read;

    // The check has the error, in the API's words.
    if (pnf_policy_check(path) != PNF_OK)
        return cli_fail(options, NULL);
    policy = malloc(sizeof *policy);
    read = policy && policy_from_file(path, policy, &ignored);
    if (read && options->json)
        explain_json(path, policy);
    else if (read)
        explain_text(path, policy);
    free(policy);
    return read ? 0 : cli_fail_as(options, PNF_SYSTEM, "cannot read %s again", path);
}

int cli_policy(const struct cli_options *options)
{
    const char *what = options->arguments[0];
    bool checks = strcmp(what, "check") == 0;
    int first = 0;

    if (!checks && strcmp(what, "explain") != 0)
        return cli_fail_as(options, PNF_USAGE, "pinfold policy has check and explain, not '%.40s'",
                           what);
    for (size_t i = 1; i < options->argument_count; i++) {
        int status = checks ? check(options, options->arguments[i])
                            : explain(options, options->arguments[i]);

        if (first == 0)
            first = status;
    }
    return first;
}
