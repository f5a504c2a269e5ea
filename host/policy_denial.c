// SPDX-License-Identifier: Apache-2.0
#include "host/policy_denial.h"

#include <stdio.h>
#include <string.h>

#include "host/policy_error.h"
#include "host/policy_value.h"

enum {
    PART_SIZE = 200,
    PLACE_SIZE = POLICY_SOURCE_SIZE + 32 // with the line
};

// "greet.yaml:12", or without a line the file alone.
static void format_place(const struct policy *policy, uint32_t line, char *place)
{
    char source[POLICY_SOURCE_SIZE];

    policy_show(source, sizeof source, policy->source[0] ? policy->source : "the policy");
    if (line == 0)
        snprintf(place, PLACE_SIZE, "%s", source);
    else if (policy->source[0])
        snprintf(place, PLACE_SIZE, "%s:%u", source, line);
    else
        snprintf(place, PLACE_SIZE, "%s, line %u", source, line);
}

static void format_rule(const struct policy *policy, enum policy_key key, char *rule, size_t size)
{
    uint32_t line = policy->lines[key];
    const char *path = policy_key_info(key)->path;
    char value[POLICY_VALUE_SIZE];
    char place[PLACE_SIZE];

    format_place(policy, line, place);
    if (!policy_key_is_number(key))
        snprintf(rule, size, line ? "not among %s (%s)" : "no %s (in %s)", path, place);
    else
        snprintf(rule, size, line ? "%s is %s (%s)" : "%s is %s by default (nothing in %s)", path,
                 policy_value_format(key, policy_key_read(key, policy), value), place);
}

// The line as it is written in the file: without the sections above it.
static void format_line(enum policy_key key, const char *grant, char *text)
{
    enum policy_type type = policy_key_info(key)->type;

    if (type == POLICY_TYPE_FUNCTIONS || type == POLICY_TYPE_DIRS || type == POLICY_TYPE_LINKS ||
        type == POLICY_TYPE_TEXTS)
        snprintf(text, PART_SIZE, "- %s", grant);
    else if (type == POLICY_TYPE_VARIABLES)
        snprintf(text, PART_SIZE, "%s", grant);
    else
        snprintf(text, PART_SIZE, "%s: %s", policy_key_name(key), grant);
}

static void format_grant(const struct policy *policy, enum policy_key key, const char *grant,
                         char *text, size_t size)
{
    bool is_entry = !policy_key_is_number(key);
    enum policy_key section = is_entry ? key : policy_key_parent(key);
    char shown[PART_SIZE - 64];
    char line[PART_SIZE];
    char place[PLACE_SIZE];

    policy_show(shown, sizeof shown, grant);
    format_line(key, shown, line);
    format_place(policy, is_entry ? 0 : policy->lines[key], place);
    if (!is_entry && policy->lines[key])
        snprintf(text, size, "write `%s` in %s", line, place);
    else
        snprintf(text, size, "add `%s` under %s: in %s", line, policy_key_info(section)->path,
                 place);
}

const char *policy_denial(const struct policy *policy, const struct policy_attempt *attempt,
                          char *text, size_t size)
{
    char what[PART_SIZE];
    char guest[PART_SIZE];
    char rule[PLACE_SIZE + PART_SIZE];
    char grant[PLACE_SIZE + 2 * PART_SIZE];
    const char *name = policy_text(policy, policy->name);

    policy_show(what, sizeof what, attempt->what);
    policy_show(guest, sizeof guest, attempt->guest);
    format_rule(policy, attempt->key, rule, sizeof rule);
    format_grant(policy, attempt->key, attempt->grant, grant, sizeof grant);
    snprintf(text, size, "denied: %s%s%s tried to %s: %s; the guest %s; to grant it, %s",
             name[0] ? "plugin '" : "the plugin", name, name[0] ? "'" : "", what, rule, guest,
             grant);
    return text;
}
