// SPDX-License-Identifier: Apache-2.0
#include "host/policy_link.h"

#include <string.h>

#include "host/policy_value.h"

bool policy_link_set_name(struct policy *policy, struct policy_link *link, const char *name,
                          size_t length, struct policy_error *error)
{
    struct error below = {.code = ERROR_NONE};

    if (!policy_is_library_name(name, length))
        return policy_value_fail(
            error, POLICY_KEY_LINK_NAME, name, length,
            "is no name of a library: it has letters, digits, '.', '_' and '-', at most "
            "64");
    return policy_add_text(policy, name, length, &link->name, &below) ||
           policy_value_fail_as(error, POLICY_KEY_LINK_NAME, &below);
}

bool policy_link_set_file(struct policy *policy, struct policy_link *link, const char *folder,
                          const char *path, size_t length, struct policy_error *error)
{
    struct error below = {.code = ERROR_NONE};
    char joined[POLICY_TEXT_MAX + 1];

    if (!policy_value_path(POLICY_KEY_LINK_FILE, "a module", folder, path, length, joined,
                           sizeof joined, error))
        return false;
    return policy_add_text(policy, joined, strlen(joined), &link->file, &below) ||
           policy_value_fail_as(error, POLICY_KEY_LINK_FILE, &below);
}

bool policy_link_add(struct policy *policy, const struct policy_link *link,
                     struct policy_error *error)
{
    struct error below = {.code = ERROR_NONE};
    const char *name = policy_text(policy, link->name);

    if (policy->link_count >= POLICY_LINKS_MAX)
        return policy_error_set(error, 0, 0, "link: too many: at most %d", POLICY_LINKS_MAX);
    if (policy_find_link(policy, name, link->name.length) != POLICY_NOT_FOUND)
        return policy_value_fail(error, POLICY_KEY_LINK_NAME, name, link->name.length,
                                 "is given twice: each library has a name of its own");
    return policy_add_link(policy, link, &below) ||
           policy_value_fail_as(error, POLICY_KEY_LINK, &below);
}

bool policy_link_add_text(struct policy *policy, const char *text, struct policy_error *error)
{
    const char *sign = strchr(text, '=');
    struct policy_link link = {.line = 0};

    if (!sign || sign == text || sign[1] == '\0')
        return policy_value_fail(error, POLICY_KEY_LINK, text, strlen(text),
                                 "is not of the form NAME=FILE");
    return policy_link_set_name(policy, &link, text, (size_t)(sign - text), error) &&
           policy_link_set_file(policy, &link, NULL, sign + 1, strlen(sign + 1), error) &&
           policy_link_add(policy, &link, error);
}
