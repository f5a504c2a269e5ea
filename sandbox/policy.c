// SPDX-License-Identifier: Apache-2.0
#include "sandbox/policy.h"

#include <assert.h>
#include <string.h>

#include "sandbox/base/checked.h"
#include "sandbox/base/utf8.h"

#define ENGINE_BYTES (UINT64_C(16) * 1024 * 1024)

// It is copied for each worker.
static_assert(sizeof(struct policy) <= 64 * 1024, "the policy has grown large");

static bool is_in_item(enum policy_key key)
{
    return strchr(policy_key_info(key)->path, '[') != NULL;
}

// Sets the numbers of a holder to their defaults: the policy's own for ROOT, else those of a list's
// item.
static void set_defaults(enum policy_key list, void *holder)
{
    for (unsigned i = 0; i < POLICY_KEY_COUNT; i++) {
        enum policy_key key = (enum policy_key)i;

        if (!policy_key_is_number(key))
            continue;
        if (is_in_item(key) ? policy_key_parent(key) == list : list == POLICY_KEY_ROOT)
            policy_key_write(key, holder, policy_key_info(key)->default_value);
    }
}

void policy_init(struct policy *policy)
{
    // Padding included: it will be copied to where it is none of the reader's business.
    memset(policy, 0, sizeof *policy);
    set_defaults(POLICY_KEY_ROOT, policy);
    policy->pool_used = 1; // the empty text
}

const char *policy_text(const struct policy *policy, struct policy_string string)
{
    assert(string.offset < policy->pool_used);
    return policy->pool + string.offset;
}

static bool fail(struct error *error, enum error_code code, enum policy_key key,
                 const char *problem)
{
    return error_set(error, code, key, "policy: %s: %s", policy_key_info(key)->path, problem);
}

/* Names. */

static bool is_alphanumeric(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// Whether every character is a letter, a digit or one of `others`.
static bool consists_of(const char *text, size_t length, const char *others)
{
    for (size_t i = 0; i < length; i++) {
        if (!is_alphanumeric(text[i]) && (text[i] == '\0' || !strchr(others, text[i])))
            return false;
    }
    return length > 0;
}

bool policy_is_plugin_name(const char *text, size_t length)
{
    return length <= policy_key_info(POLICY_KEY_PLUGIN_NAME)->most &&
           consists_of(text, length, "._-") && is_alphanumeric(text[0]);
}

bool policy_is_variable_name(const char *text, size_t length)
{
    return length <= POLICY_TEXT_MAX && consists_of(text, length, "_") &&
           !(text[0] >= '0' && text[0] <= '9');
}

bool policy_is_function_name(const char *text, size_t length)
{
    const char *dot = length > 0 ? memchr(text, '.', length) : NULL;
    size_t module_length;

    if (length > policy_key_info(POLICY_KEY_HOST_FUNCTIONS_NAME)->most || dot == NULL)
        return false;
    module_length = (size_t)(dot - text);
    return consists_of(text, module_length, "_-$") &&
           consists_of(dot + 1, length - module_length - 1, "_-$.");
}

bool policy_is_library_name(const char *text, size_t length)
{
    return length <= POLICY_LIBRARY_NAME_MAX && consists_of(text, length, "._-");
}

bool policy_is_guest_path(const char *text, size_t length)
{
    size_t start = 1; // of a component

    if (length == 1 && (text[0] == '/' || text[0] == '.'))
        return true;
    if (length == 0 || length > POLICY_TEXT_MAX || text[0] != '/')
        return false;
    for (size_t at = 1; at <= length; at++) {
        if (at < length && text[at] != '/')
            continue;
        if (at == start || (at == start + 1 && text[start] == '.') ||
            (at == start + 2 && text[start] == '.' && text[start + 1] == '.'))
            return false;
        start = at + 1;
    }
    return true;
}

static bool is_called(const struct policy *policy, struct policy_string own, const char *name,
                      size_t length)
{
    return own.length == length && memcmp(policy_text(policy, own), name, length) == 0;
}

uint32_t policy_find_function(const struct policy *policy, const char *name, size_t length)
{
    for (uint32_t i = 0; i < policy->function_count; i++) {
        if (is_called(policy, policy->functions[i].name, name, length))
            return i;
    }
    return POLICY_NOT_FOUND;
}

uint32_t policy_find_variable(const struct policy *policy, const char *name, size_t length)
{
    for (uint32_t i = 0; i < policy->variable_count; i++) {
        if (is_called(policy, policy->variables[i].name, name, length))
            return i;
    }
    return POLICY_NOT_FOUND;
}

uint32_t policy_find_dir(const struct policy *policy, const char *name, size_t length)
{
    for (uint32_t i = 0; i < policy->dir_count; i++) {
        if (is_called(policy, policy->dirs[i].guest, name, length))
            return i;
    }
    return POLICY_NOT_FOUND;
}

uint32_t policy_find_link(const struct policy *policy, const char *name, size_t length)
{
    for (uint32_t i = 0; i < policy->link_count; i++) {
        if (is_called(policy, policy->links[i].name, name, length))
            return i;
    }
    return POLICY_NOT_FOUND;
}

/* Putting one together. */

bool policy_add_text(struct policy *policy, const char *text, size_t length,
                     struct policy_string *string, struct error *error)
{
    *string = (struct policy_string){0, 0};
    if (length == 0)
        return true;
    if (length > POLICY_TEXT_MAX)
        return error_set(error, ERROR_USAGE_ARGUMENT, 0, "a text of more than %d bytes",
                         POLICY_TEXT_MAX);
    if (memchr(text, '\0', length))
        return error_set(error, ERROR_USAGE_ARGUMENT, 0, "a text with a NUL in it");
    if (!utf8_valid((const uint8_t *)text, length))
        return error_set(error, ERROR_USAGE_ARGUMENT, 0, "a text that is not UTF-8");
    assert(policy->pool_used >= 1 && policy->pool_used <= POLICY_POOL_SIZE);
    if (length >= POLICY_POOL_SIZE - policy->pool_used)
        return error_set(error, ERROR_LIMIT_COUNT, 0, "more than %d bytes of text in a policy",
                         POLICY_POOL_SIZE);
    *string = (struct policy_string){policy->pool_used, (uint32_t)length};
    memcpy(policy->pool + policy->pool_used, text, length);
    policy->pool_used += (uint32_t)length + 1; // the NUL is there
    return true;
}

bool policy_add_argument(struct policy *policy, const char *text, size_t length,
                         struct error *error)
{
    if (policy->argument_count >= POLICY_ARGUMENTS_MAX)
        return fail(error, ERROR_LIMIT_COUNT, POLICY_KEY_WASI_ARGS, "too many");
    if (!policy_add_text(policy, text, length, &policy->arguments[policy->argument_count], error))
        return false;
    policy->argument_count++;
    return true;
}

bool policy_add_variable(struct policy *policy, struct policy_string name,
                         struct policy_string value, uint32_t line, struct error *error)
{
    const char *text = policy_text(policy, name);

    if (policy->variable_count >= POLICY_VARIABLES_MAX)
        return fail(error, ERROR_LIMIT_COUNT, POLICY_KEY_WASI_ENV, "too many");
    if (!policy_is_variable_name(text, name.length))
        return fail(error, ERROR_USAGE_ARGUMENT, POLICY_KEY_WASI_ENV, "no name of a variable");
    if (policy_find_variable(policy, text, name.length) != POLICY_NOT_FOUND)
        return fail(error, ERROR_USAGE_ARGUMENT, POLICY_KEY_WASI_ENV, "given twice");
    policy->variables[policy->variable_count++] = (struct policy_variable){name, value, line};
    return true;
}

bool policy_add_function(struct policy *policy, const struct policy_function *function,
                         struct error *error)
{
    const char *text = policy_text(policy, function->name);

    if (policy->function_count >= POLICY_FUNCTIONS_MAX)
        return fail(error, ERROR_LIMIT_COUNT, POLICY_KEY_HOST_FUNCTIONS, "too many");
    if (!policy_is_function_name(text, function->name.length))
        return fail(error, ERROR_USAGE_ARGUMENT, POLICY_KEY_HOST_FUNCTIONS_NAME,
                    "not of the form module.name");
    if (policy_find_function(policy, text, function->name.length) != POLICY_NOT_FOUND)
        return fail(error, ERROR_USAGE_ARGUMENT, POLICY_KEY_HOST_FUNCTIONS, "given twice");
    policy->functions[policy->function_count++] = *function;
    return true;
}

bool policy_add_dir(struct policy *policy, const struct policy_dir *dir, struct error *error)
{
    const char *guest = policy_text(policy, dir->guest);

    if (policy->dir_count >= POLICY_DIRS_MAX)
        return fail(error, ERROR_LIMIT_COUNT, POLICY_KEY_WASI_DIRS, "too many");
    if (!policy_is_guest_path(guest, dir->guest.length))
        return fail(error, ERROR_USAGE_ARGUMENT, POLICY_KEY_WASI_DIRS_GUEST, "no such path");
    if (policy_find_dir(policy, guest, dir->guest.length) != POLICY_NOT_FOUND)
        return fail(error, ERROR_USAGE_ARGUMENT, POLICY_KEY_WASI_DIRS_GUEST, "given twice");
    policy->dirs[policy->dir_count++] = *dir;
    return true;
}

bool policy_add_link(struct policy *policy, const struct policy_link *link, struct error *error)
{
    const char *name = policy_text(policy, link->name);

    if (policy->link_count >= POLICY_LINKS_MAX)
        return fail(error, ERROR_LIMIT_COUNT, POLICY_KEY_LINK, "too many");
    if (!policy_is_library_name(name, link->name.length))
        return fail(error, ERROR_USAGE_ARGUMENT, POLICY_KEY_LINK_NAME, "no name of a library");
    if (policy_find_link(policy, name, link->name.length) != POLICY_NOT_FOUND)
        return fail(error, ERROR_USAGE_ARGUMENT, POLICY_KEY_LINK_NAME, "given twice");
    policy->links[policy->link_count++] = *link;
    return true;
}

/* The worker's copy. */

static bool move_text(const struct policy *from, struct policy *to, struct policy_string *string,
                      struct error *error)
{
    return policy_add_text(to, policy_text(from, *string), string->length, string, error);
}

static bool move_texts(const struct policy *from, struct policy *to, struct error *error)
{
    if (!move_text(from, to, &to->name, error))
        return false;
    for (uint32_t i = 0; i < to->argument_count; i++) {
        if (!move_text(from, to, &to->arguments[i], error))
            return false;
    }
    for (uint32_t i = 0; i < to->variable_count; i++) {
        to->variables[i].line = 0;
        if (!move_text(from, to, &to->variables[i].name, error) ||
            !move_text(from, to, &to->variables[i].value, error))
            return false;
    }
    for (uint32_t i = 0; i < to->function_count; i++) {
        to->functions[i].line = 0;
        if (!move_text(from, to, &to->functions[i].name, error))
            return false;
    }
    for (uint32_t i = 0; i < to->dir_count; i++) {
        to->dirs[i].line = 0;
        to->dirs[i].column = 0;
        to->dirs[i].host = (struct policy_string){0, 0};
        if (!move_text(from, to, &to->dirs[i].guest, error))
            return false;
    }
    return true;
}

bool policy_for_worker(const struct policy *policy, struct policy *copy, struct error *error)
{
    memcpy(copy, policy, sizeof *copy); // padding included, as in policy_init
    copy->pinned = 0;
    memset(copy->sha256, 0, sizeof copy->sha256);
    copy->link_count = 0;
    memset(copy->links, 0, sizeof copy->links);
    memset(copy->lines, 0, sizeof copy->lines);
    memset(copy->source, 0, sizeof copy->source);
    memset(copy->pool, 0, sizeof copy->pool);
    copy->pool_used = 1;
    return move_texts(policy, copy, error);
}

/* The check. */

static bool check_text(const struct policy *policy, struct policy_string string,
                       enum policy_key key, struct error *error)
{
    const char *text;

    if (string.length > POLICY_TEXT_MAX || string.offset >= policy->pool_used ||
        string.length >= policy->pool_used - string.offset)
        return fail(error, ERROR_USAGE_ARGUMENT, key, "text outside the pool");
    text = policy->pool + string.offset;
    if (text[string.length] != '\0' || memchr(text, '\0', string.length) != NULL)
        return fail(error, ERROR_USAGE_ARGUMENT, key, "text not closed by the NUL");
    if (!utf8_valid((const uint8_t *)text, string.length))
        return fail(error, ERROR_USAGE_ARGUMENT, key, "not UTF-8");
    return true;
}

static bool check_name(const struct policy *policy, struct policy_string string,
                       enum policy_key key, bool (*is_name)(const char *text, size_t length),
                       struct error *error)
{
    if (!check_text(policy, string, key, error))
        return false;
    if (!is_name(policy->pool + string.offset, string.length))
        return fail(error, ERROR_USAGE_ARGUMENT, key, "no such name");
    return true;
}

// The numbers of a holder, as for set_defaults.
static bool check_numbers(enum policy_key list, const void *holder, struct error *error)
{
    for (unsigned i = 0; i < POLICY_KEY_COUNT; i++) {
        enum policy_key key = (enum policy_key)i;
        uint64_t value;

        if (!policy_key_is_number(key) ||
            !(is_in_item(key) ? policy_key_parent(key) == list : list == POLICY_KEY_ROOT))
            continue;
        value = policy_key_read(key, holder);
        if (!policy_key_allows(key, value))
            return fail(error, ERROR_USAGE_ARGUMENT, key, "out of range");
        if (!policy_key_supports(key, value))
            return fail(error, ERROR_USAGE_ARGUMENT, key, "not supported yet");
    }
    return true;
}

static bool check_counts(const struct policy *policy, struct error *error)
{
    if (policy->argument_count > POLICY_ARGUMENTS_MAX)
        return fail(error, ERROR_USAGE_ARGUMENT, POLICY_KEY_WASI_ARGS, "too many");
    if (policy->variable_count > POLICY_VARIABLES_MAX)
        return fail(error, ERROR_USAGE_ARGUMENT, POLICY_KEY_WASI_ENV, "too many");
    if (policy->function_count > POLICY_FUNCTIONS_MAX)
        return fail(error, ERROR_USAGE_ARGUMENT, POLICY_KEY_HOST_FUNCTIONS, "too many");
    if (policy->dir_count > POLICY_DIRS_MAX)
        return fail(error, ERROR_USAGE_ARGUMENT, POLICY_KEY_WASI_DIRS, "too many");
    if (policy->link_count > POLICY_LINKS_MAX)
        return fail(error, ERROR_USAGE_ARGUMENT, POLICY_KEY_LINK, "too many");
    if (policy->pool_used == 0 || policy->pool_used > POLICY_POOL_SIZE || policy->pool[0] != '\0')
        return fail(error, ERROR_USAGE_ARGUMENT, POLICY_KEY_ROOT, "bad pool");
    if (policy->pinned > 1)
        return fail(error, ERROR_USAGE_ARGUMENT, POLICY_KEY_PLUGIN_SHA256, "neither there nor not");
    if (memchr(policy->source, '\0', sizeof policy->source) == NULL)
        return fail(error, ERROR_USAGE_ARGUMENT, POLICY_KEY_ROOT, "file name without an end");
    return true;
}

static bool check_wasi(const struct policy *policy, struct error *error)
{
    for (uint32_t i = 0; i < policy->argument_count; i++) {
        if (!check_text(policy, policy->arguments[i], POLICY_KEY_WASI_ARGS, error))
            return false;
    }
    for (uint32_t i = 0; i < policy->variable_count; i++) {
        const struct policy_variable *variable = &policy->variables[i];

        if (!check_name(policy, variable->name, POLICY_KEY_WASI_ENV, policy_is_variable_name,
                        error) ||
            !check_text(policy, variable->value, POLICY_KEY_WASI_ENV, error))
            return false;
    }
    for (uint32_t i = 0; i < policy->dir_count; i++) {
        const struct policy_dir *dir = &policy->dirs[i];

        if (!check_text(policy, dir->host, POLICY_KEY_WASI_DIRS_HOST, error) ||
            !check_name(policy, dir->guest, POLICY_KEY_WASI_DIRS_GUEST, policy_is_guest_path,
                        error) ||
            !check_numbers(POLICY_KEY_WASI_DIRS, dir, error))
            return false;
    }
    return true;
}

static bool check_links(const struct policy *policy, struct error *error)
{
    for (uint32_t i = 0; i < policy->link_count; i++) {
        const struct policy_link *link = &policy->links[i];

        if (!check_name(policy, link->name, POLICY_KEY_LINK_NAME, policy_is_library_name, error) ||
            !check_text(policy, link->file, POLICY_KEY_LINK_FILE, error))
            return false;
        if (link->pinned > 1)
            return fail(error, ERROR_USAGE_ARGUMENT, POLICY_KEY_LINK_SHA256,
                        "neither there nor not");
    }
    return true;
}

bool policy_check(const struct policy *policy, struct error *error)
{
    if (!check_counts(policy, error) || !check_numbers(POLICY_KEY_ROOT, policy, error) ||
        !check_wasi(policy, error) || !check_links(policy, error))
        return false;
    for (uint32_t i = 0; i < policy->function_count; i++) {
        const struct policy_function *function = &policy->functions[i];

        if (!check_name(policy, function->name, POLICY_KEY_HOST_FUNCTIONS_NAME,
                        policy_is_function_name, error) ||
            !check_numbers(POLICY_KEY_HOST_FUNCTIONS, function, error))
            return false;
    }
    return policy->name.length == 0
               ? check_text(policy, policy->name, POLICY_KEY_PLUGIN_NAME, error)
               : check_name(policy, policy->name, POLICY_KEY_PLUGIN_NAME, policy_is_plugin_name,
                            error);
}

uint64_t policy_engine_bytes(const struct policy *policy, uint64_t module_bytes)
{
    uint64_t bytes;

    if (policy->limits.engine_bytes != POLICY_AUTOMATIC)
        return policy->limits.engine_bytes;
    if (__builtin_mul_overflow(module_bytes, (uint64_t)POLICY_ENGINE_PER_MODULE, &bytes) ||
        !checked_add_u64(bytes, ENGINE_BYTES, &bytes))
        return policy_key_info(POLICY_KEY_LIMITS_ENGINE)->most;
    return bytes;
}

bool policy_may_write(const struct policy *policy)
{
    for (uint32_t i = 0; i < policy->dir_count; i++)
        if (policy->dirs[i].access == POLICY_WASI_DIRS_ACCESS_WRITE)
            return true;
    return false;
}
