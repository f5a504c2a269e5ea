// SPDX-License-Identifier: Apache-2.0
#include "host/registry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/policy_error.h"

void registry_init(struct registry *registry)
{
    memset(registry, 0, sizeof *registry);
    pthread_mutex_init(&registry->lock, NULL);
    error_text_init(&registry->failure);
}

void registry_finish(struct registry *registry)
{
    while (registry->functions) {
        struct registry_function *function = registry->functions;

        registry->functions = function->next;
        free(function);
    }
    while (registry->expectations) {
        struct registry_expectation *expectation = registry->expectations;

        registry->expectations = expectation->next;
        free(expectation);
    }
    pthread_mutex_destroy(&registry->lock);
}

// "register 'app.log(level: i32)'", for messages.
static const char *describe(char *what, size_t size, const char *verb, const char *signature)
{
    char quote[POLICY_QUOTE_SIZE];

    if (signature)
        snprintf(what, size, "%s %s", verb, policy_quote(quote, signature, strlen(signature)));
    else
        snprintf(what, size, "%s a function without a signature", verb);
    return what;
}

// Parses a signature of the right sort.
static bool parse(const char *text, bool import, struct signature *signature,
                  struct error_text *error)
{
    char what[128];
    struct error below = {.code = ERROR_NONE};

    describe(what, sizeof what, import ? "offer" : "expect", text);
    if (!text)
        return error_text_set(error, PNF_USAGE, "cannot %s", what);
    if (!signature_parse(text, strlen(text), signature, &below))
        return error_text_set(error, PNF_USAGE, "cannot %s: %s", what, below.message);
    if (import == (signature->module[0] != '\0'))
        return true;
    return error_text_set(error, PNF_USAGE, "cannot %s: %s", what,
                          import ? "a host function is written module.name(...)"
                                 : "an export is written name(...), without a module");
}

static const struct registry_function *find(const struct registry *registry, const char *module,
                                            size_t module_length, const char *name,
                                            size_t name_length)
{
    for (const struct registry_function *at = registry->functions; at; at = at->next) {
        const struct signature *signature = &at->signature;

        if (strlen(signature->module) == module_length &&
            memcmp(signature->module, module, module_length) == 0 &&
            strlen(signature->name) == name_length &&
            memcmp(signature->name, name, name_length) == 0)
            return at;
    }
    return NULL;
}

static bool prepare(struct registry_function *added, const char *text, void (*function)(void),
                    struct error_text *error)
{
    char what[128];
    struct error below = {.code = ERROR_NONE};

    if (!parse(text, true, &added->signature, error))
        return false;
    if (!bridge_prepare(&added->signature.plan, function, NULL, &added->bridge, &below))
        return error_text_from(error, &below, describe(what, sizeof what, "offer", text));
    plan_core_type(&added->signature.plan, &added->core);
    return true;
}

// Puts an entry that is prepared into the list, unless its name is taken.
static bool link_function(struct registry *registry, struct registry_function *added,
                          struct error_text *error)
{
    const struct signature *signature = &added->signature;

    if (find(registry, signature->module, strlen(signature->module), signature->name,
             strlen(signature->name)))
        return error_text_set(error, PNF_USAGE, "cannot offer %s.%s: it is offered already",
                              signature->module, signature->name);
    added->next = registry->functions;
    registry->functions = added;
    return true;
}

static void remember(struct registry *registry, const struct error_text *error)
{
    if (registry->failure.status == PNF_OK)
        registry->failure = *error;
}

bool registry_add(struct registry *registry, const char *signature, void (*function)(void),
                  void *user, struct error_text *error)
{
    struct registry_function *added = calloc(1, sizeof *added);
    bool done;

    if (added)
        added->user = user;
    done = added ? prepare(added, signature, function, error)
                 : error_text_set(error, PNF_SYSTEM, "cannot offer a function: out of memory");
    pthread_mutex_lock(&registry->lock);
    done = done && link_function(registry, added, error);
    if (!done)
        remember(registry, error);
    pthread_mutex_unlock(&registry->lock);
    if (!done)
        free(added);
    return done;
}

bool registry_expect(struct registry *registry, const char *signature, struct error_text *error)
{
    struct registry_expectation *added = calloc(1, sizeof *added);
    bool done = added ? parse(signature, false, &added->signature, error)
                      : error_text_set(error, PNF_SYSTEM, "cannot expect: out of memory");

    if (done)
        plan_core_type(&added->signature.plan, &added->core);
    pthread_mutex_lock(&registry->lock);
    if (done) {
        added->next = registry->expectations;
        registry->expectations = added;
    } else {
        remember(registry, error);
    }
    pthread_mutex_unlock(&registry->lock);
    if (!done)
        free(added);
    return done;
}

bool registry_check(struct registry *registry, struct error_text *error)
{
    bool fine;

    pthread_mutex_lock(&registry->lock);
    fine = registry->failure.status == PNF_OK;
    if (!fine && error->status == PNF_OK)
        *error = registry->failure;
    error_text_init(&registry->failure);
    pthread_mutex_unlock(&registry->lock);
    return fine;
}

const struct registry_function *registry_find(struct registry *registry, const char *module,
                                              size_t module_length, const char *name,
                                              size_t name_length)
{
    const struct registry_function *found;

    pthread_mutex_lock(&registry->lock);
    found = find(registry, module, module_length, name, name_length);
    pthread_mutex_unlock(&registry->lock);
    return found;
}

const struct registry_expectation *registry_expectations(struct registry *registry)
{
    const struct registry_expectation *first;

    pthread_mutex_lock(&registry->lock);
    first = registry->expectations;
    pthread_mutex_unlock(&registry->lock);
    return first;
}
