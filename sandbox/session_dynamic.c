// SPDX-License-Identifier: Apache-2.0
//
// Side modules of wasm-ld's dynamic linking (wasm/dynamic.h) among the libraries: they and the main
// module are instantiated together. Their names are what NEEDED says, and nobody imports from them
// by name: what they export is one space of symbols.
#include "sandbox/session_internal.h"

void session_find_dynamic(struct session *session)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < session->module_count; i++) {
        session->modules[i].is_dynamic = dynamic_present(session->modules[i].module);
        count += session->modules[i].is_dynamic;
    }
    if (count == 0)
        return;
    session->modules[0].is_dynamic = true;
    count = 0;
    for (uint32_t i = 0; i < session->module_count; i++) {
        const struct session_module *own = &session->modules[i];

        if (own->is_dynamic)
            session->dynamic_modules[count++] = (struct dynamic_module){
                .module = own->module,
                .name = engine_name(own->name),
            };
    }
    if (!dynamic_create(session->engine, session->dynamic_modules, count, NULL, &session->dynamic,
                        &session->unlinkable))
        session->dynamic = NULL;
}

void session_provide_dynamic(struct session *session)
{
    uint32_t owner = 0;

    for (uint32_t i = 0; i < session->module_count; i++) {
        const struct session_module *own = &session->modules[i];

        if (!own->is_dynamic)
            continue;
        for (uint32_t k = 0; k < own->module->import_count; k++) {
            if (session->dynamic == NULL ||
                dynamic_provides(session->dynamic, owner, &own->module->imports[k]))
                own->providers[k] = (struct session_provider){UINT32_MAX, NULL};
        }
        owner++;
    }
}

// Also after a failure: traps are looked up by instances.
static void take_instances(struct session *session)
{
    uint32_t next = 0;

    for (uint32_t i = 0; i < session->module_count; i++) {
        if (session->modules[i].is_dynamic)
            session->modules[i].instance = session->dynamic_modules[next++].instance;
    }
}

enum outcome session_start_dynamic(struct session *session, struct trap *trap, struct error *error)
{
    enum outcome outcome;

    session->starting = 0;
    for (uint32_t i = 0; i < session->module_count; i++) {
        if (session->modules[i].is_dynamic && !session_define_imports(session, i, error)) {
            session_blame(session, i, error);
            return OUTCOME_ERROR;
        }
    }
    outcome = dynamic_instantiate(session->dynamic, trap, error);
    take_instances(session);
    return outcome == OUTCOME_OK ? dynamic_construct(session->dynamic, trap) : outcome;
}
