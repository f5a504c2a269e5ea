// SPDX-License-Identifier: Apache-2.0
//
// Several modules in one worker: which library provides what a module imports, and their
// instances, one after the other. Libraries come before the main module, which is modules[0].
#include <stdio.h>
#include <string.h>

#include "sandbox/base/hash.h"
#include "sandbox/session_internal.h"

static const char initialize[] = "_initialize";

bool session_blame(const struct session *session, uint32_t index, struct error *error)
{
    const char *name = session->modules[index].name;
    char plain[ERROR_MESSAGE_SIZE];
    size_t room = sizeof plain - sizeof "library '': " - strlen(name);

    if (index == 0)
        return false;
    memcpy(plain, error->message, sizeof plain);
    // What is cut off is the end of a detail.
    snprintf(error->message, sizeof error->message, "library '%s': %.*s", name, (int)room, plain);
    return false;
}

uint32_t session_module_of(const struct session *session, const struct instance *instance)
{
    for (uint32_t i = 0; i < session->module_count; i++) {
        if (instance != NULL && session->modules[i].module == instance->module)
            return i;
    }
    return session->starting;
}

// --- providers -----------------------------------------------------------------------------------

// The exports of a library by their names: a hash table, whose slots have an index plus 1.
struct names {
    const struct module *module;
    const struct hash_key *key;
    uint32_t *slots;
    uint64_t mask;
};

// The slot of a name, or the free one where it would be. Names of exports differ.
static uint32_t *find_slot(const struct names *names, struct name name)
{
    uint64_t at = hash_bytes(names->key, names->key->start, name.bytes, name.length) & names->mask;

    while (names->slots[at] != 0 &&
           !names_equal(names->module->exports[names->slots[at] - 1].name, name))
        at = (at + 1) & names->mask;
    return &names->slots[at];
}

static bool make_names(struct store *store, const struct module *module, struct names *names,
                       struct error *error)
{
    uint64_t size = 16;

    while (size < 2ull * module->export_count)
        size *= 2;
    *names = (struct names){
        .module = module,
        .key = &store->types.key,
        .slots = arena_array(&store->arena, size, sizeof(uint32_t)),
        .mask = size - 1,
    };
    if (names->slots == NULL)
        return error_set(error, ERROR_LIMIT_MEMORY, 0, "for exports");
    for (uint32_t i = 0; i < module->export_count; i++)
        *find_slot(names, module->exports[i].name) = i + 1;
    return true;
}

// Lets the modules that come after a library import from it: side modules are among them, wherever
// they stand. A name has one library, so nothing is provided twice.
static void provide(struct session *session, uint32_t library, const struct names *names)
{
    const struct name own = engine_name(session->modules[library].name);

    for (uint32_t i = 0; i < session->module_count; i++) {
        const struct session_module *user = &session->modules[i];

        if (i != 0 && i <= library && !user->is_dynamic)
            continue;
        for (uint32_t k = 0; k < user->module->import_count; k++) {
            const struct import *import = &user->module->imports[k];
            uint32_t slot = 0;

            if (names_equal(import->module, own))
                slot = *find_slot(names, import->name);
            if (slot != 0)
                user->providers[k] =
                    (struct session_provider){library, &names->module->exports[slot - 1]};
        }
    }
}

bool session_find_providers(struct session *session, struct error *error)
{
    struct store *store = engine_store(session->engine);

    for (uint32_t i = 0; i < session->module_count; i++) {
        struct session_module *module = &session->modules[i];

        module->providers =
            arena_array(&store->arena, module->module->import_count, sizeof *module->providers);
        if (module->providers == NULL)
            return error_set(error, ERROR_LIMIT_MEMORY, 0, "for imports");
    }
    for (uint32_t i = 1; i < session->module_count; i++) {
        size_t mark = arena_mark(&store->arena);
        struct names names;

        if (session->modules[i].is_dynamic)
            continue;
        if (!make_names(store, session->modules[i].module, &names, error))
            return false;
        provide(session, i, &names);
        arena_release(&store->arena, mark);
    }
    session_provide_dynamic(session);
    return true;
}

// --- the check before anything runs --------------------------------------------------------------

static uint32_t imported_count(const struct module *module, enum external_kind kind)
{
    const uint32_t counts[] = {
        [EXTERNAL_FUNCTION] = module->imported_function_count,
        [EXTERNAL_TABLE] = module->imported_table_count,
        [EXTERNAL_MEMORY] = module->imported_memory_count,
        [EXTERNAL_GLOBAL] = module->imported_global_count,
        [EXTERNAL_TAG] = module->imported_tag_count,
    };

    return counts[kind];
}

// What a library only passes on has a type of its own; that is compared when it is bound.
static bool check_import(const struct session *session, const struct session_module *user,
                         uint32_t index, struct error *error)
{
    const struct import *import = &user->module->imports[index];
    const struct session_provider *provider = &user->providers[index];
    const struct module *library;

    if (provider->export == NULL) // of nobody, or the dynamic linker's, which looks itself
        return true;
    library = session->modules[provider->library].module;
    if (provider->export->index < imported_count(library, provider->export->kind) ||
        instantiate_may_link(engine_store(session->engine), user->module, import, library,
                             provider->export))
        return true;
    return error_set(error, ERROR_INCOMPATIBLE_IMPORT_TYPE, import->offset,
                     "'%s', which library '%s' exports as something else",
                     name_printed(import->name).text, session->modules[provider->library].name);
}

// `_initialize` of a library, which the worker calls itself.
static bool check_initialize(const struct session *session, const struct module *module,
                             struct error *error)
{
    const struct type_store *types = &engine_store(session->engine)->types;

    for (uint32_t i = 0; i < module->export_count; i++) {
        const struct export *export = &module->exports[i];
        const struct deftype *type;

        if (export->kind != EXTERNAL_FUNCTION || !name_is(export->name, initialize))
            continue;
        type = type_at(types, module->functions[export->index].type);
        if (type->parameter_count + type->result_count != 0)
            return error_set(error, ERROR_USAGE_SIGNATURE, export->offset,
                             "%s takes or gives something", initialize);
    }
    return true;
}

static bool check_module(const struct session *session, uint32_t index, struct error *error)
{
    const struct session_module *own = &session->modules[index];
    uint64_t most = session->policy.limits.memories;

    // Of the main module the host has refused already what it could see to be too many.
    if (own->module->memory_count > most)
        return error_set(error, ERROR_LIMIT_COUNT, 0, "%u linear memories; limits.memories is %llu",
                         own->module->memory_count, (unsigned long long)most);
    for (uint32_t i = 0; i < own->module->import_count; i++) {
        if (!check_import(session, own, i, error))
            return false;
    }
    return index == 0 || own->is_dynamic || check_initialize(session, own->module, error);
}

bool session_check_modules(const struct session *session, struct error *error)
{
    for (uint32_t i = 0; i < session->module_count; i++) {
        if (!check_module(session, i, error))
            return session_blame(session, i, error);
    }
    return true;
}

// --- instances -----------------------------------------------------------------------------------

static enum outcome run_initialize(struct session *session, struct instance *instance,
                                   struct trap *trap)
{
    struct store *store = engine_store(session->engine);
    struct external external;
    struct instance *before;
    union slot nothing = {0};
    enum outcome outcome;

    if (!engine_export(instance, engine_name(initialize), &external) ||
        external.kind != EXTERNAL_FUNCTION)
        return OUTCOME_OK;
    before = engine_set_caller(store, instance);
    outcome = engine_invoke(session->engine, external.function, &nothing, trap);
    engine_set_caller(store, before);
    return outcome;
}

// What the module imports from the host is defined just before, since a library may have exported
// the same names then: an adapter of WASI's functions imports those themselves.
static enum outcome start(struct session *session, uint32_t index, struct trap *trap,
                          struct error *error)
{
    struct session_module *own = &session->modules[index];
    enum outcome outcome = OUTCOME_ERROR;

    session->starting = index;
    if (session_define_imports(session, index, error))
        outcome = engine_instantiate(session->engine, own->module, &own->instance, trap, error);
    if (outcome == OUTCOME_OK && index != 0) {
        outcome = run_initialize(session, own->instance, trap);
        if (outcome == OUTCOME_OK &&
            !engine_register(session->engine, engine_name(own->name), own->instance, error))
            outcome = OUTCOME_ERROR;
    }
    if (outcome == OUTCOME_ERROR)
        session_blame(session, index, error);
    return outcome;
}

enum outcome session_start_modules(struct session *session, struct trap *trap, struct error *error)
{
    for (uint32_t i = 1; i < session->module_count; i++) {
        enum outcome outcome =
            session->modules[i].is_dynamic ? OUTCOME_OK : start(session, i, trap, error);

        if (outcome != OUTCOME_OK)
            return outcome;
    }
    return session->dynamic != NULL ? session_start_dynamic(session, trap, error)
                                    : start(session, 0, trap, error);
}
