// SPDX-License-Identifier: Apache-2.0
#include "host/policy_setting.h"

#include <string.h>

#include "host/policy_dir.h"
#include "host/policy_link.h"
#include "host/policy_value.h"

static bool fail(struct policy_error *error, const char *key, const struct error *below)
{
    return policy_error_set(error, 0, 0, "%s: %s", key, below->message);
}

static bool set_number(struct policy *policy, enum policy_key key, const char *value,
                       struct policy_error *error)
{
    uint64_t number;

    if (!policy_value_parse(key, value, strlen(value), &number, error))
        return false;
    policy_key_write(key, policy, number);
    policy->lines[key] = 0; // it is no longer the file that says so
    return true;
}

static bool add_variable(struct policy *policy, const char *key, const char *value,
                         struct policy_error *error)
{
    const char *sign = strchr(value, '=');
    size_t length = sign ? (size_t)(sign - value) : 0;
    struct policy_string name;
    struct policy_string text;
    struct error below = {.code = ERROR_NONE};
    char quote[POLICY_QUOTE_SIZE];
    uint32_t known;

    if (!policy_is_variable_name(value, length))
        return policy_error_set(error, 0, 0, "%s: %s is not of the form NAME=VALUE", key,
                                policy_quote(quote, value, strlen(value)));
    known = policy_find_variable(policy, value, length);
    if (!policy_add_text(policy, sign + 1, strlen(sign + 1), &text, &below))
        return fail(error, key, &below);
    if (known != POLICY_NOT_FOUND) {
        policy->variables[known].value = text;
        policy->variables[known].line = 0;
        return true;
    }
    return (policy_add_text(policy, value, length, &name, &below) &&
            policy_add_variable(policy, name, text, 0, &below)) ||
           fail(error, key, &below);
}

static bool add_function(struct policy *policy, const char *key, const char *value,
                         struct policy_error *error)
{
    struct policy_function function = {
        .calls_per_second = policy_key_info(POLICY_KEY_HOST_FUNCTIONS_CALLS)->default_value,
        .bytes_per_second = policy_key_info(POLICY_KEY_HOST_FUNCTIONS_BYTES)->default_value,
    };
    struct error below = {.code = ERROR_NONE};

    if (policy_find_function(policy, value, strlen(value)) != POLICY_NOT_FOUND)
        return true;
    return (policy_add_text(policy, value, strlen(value), &function.name, &below) &&
            policy_add_function(policy, &function, &below)) ||
           fail(error, key, &below);
}

// The key with that path; POLICY_KEY_COUNT if there is none.
static enum policy_key find_key(const char *path)
{
    unsigned key = POLICY_KEY_ROOT + 1;

    while (key < POLICY_KEY_COUNT && strcmp(policy_key_info((enum policy_key)key)->path, path) != 0)
        key++;
    return (enum policy_key)key;
}

bool policy_set(struct policy *policy, const char *key, const char *value,
                struct policy_error *error)
{
    enum policy_key found = key ? find_key(key) : POLICY_KEY_COUNT;
    struct error below = {.code = ERROR_NONE};
    char quote[POLICY_QUOTE_SIZE];

    if (!value || found == POLICY_KEY_COUNT)
        return policy_error_set(error, 0, 0, "%s: %s",
                                policy_quote(quote, key ? key : "", key ? strlen(key) : 0),
                                found == POLICY_KEY_COUNT ? "unknown key" : "no value");
    if (found == POLICY_KEY_WASI_ARGS)
        return policy_add_argument(policy, value, strlen(value), &below) ||
               fail(error, key, &below);
    if (found == POLICY_KEY_WASI_ENV)
        return add_variable(policy, key, value, error);
    if (found == POLICY_KEY_HOST_FUNCTIONS)
        return add_function(policy, key, value, error);
    if (found == POLICY_KEY_WASI_DIRS)
        return policy_dir_add_text(policy, value, error);
    if (found == POLICY_KEY_LINK)
        return policy_link_add_text(policy, value, error);
    // What stands in a list's item has no meaning without that.
    if (!policy_key_is_number(found) || strchr(key, '['))
        return policy_error_set(error, 0, 0, "%s: can only be given in a policy file", key);
    return set_number(policy, found, value, error);
}
