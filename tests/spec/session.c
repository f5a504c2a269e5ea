// SPDX-License-Identifier: Apache-2.0
#include "tests/spec/session.h"

#include "tests/spec/host.h"

bool session_init(struct session *session, const struct script *script,
                  const struct engine_config *config, struct error *error)
{
    *session = (struct session){.script = script};
    if (!engine_create(config, &session->engine, error))
        return false;
    if (host_define(session->engine, error))
        return true;
    session_finish(session);
    return false;
}

void session_finish(struct session *session)
{
    engine_destroy(session->engine);
    bindings_finish(&session->definitions);
    bindings_finish(&session->instances);
    bindings_finish(&session->registered);
    *session = (struct session){.script = NULL};
}

static bool check_standing(enum standing standing, const char *what, struct finding *finding)
{
    switch (standing) {
    case STANDING_READY:
        return true;
    case STANDING_SKIPPED:
        finding_set(finding, VERDICT_DEPENDENT, "%s was skipped", what);
        return false;
    case STANDING_BROKEN:
        finding_fail(finding, "%s failed", what);
        return false;
    case STANDING_ABSENT:
        break;
    }
    finding_fail(finding, "%s does not exist", what);
    return false;
}

// The handle that the field names, or `otherwise` without the field.
static struct handle look_up(const struct bindings *bindings, struct handle otherwise,
                             const json_t *object, const char *key)
{
    struct name name;

    return script_name(object, key, &name) ? bindings_find(bindings, name) : otherwise;
}

struct instance *session_instance(const struct session *session, const json_t *object,
                                  const char *key, struct finding *finding)
{
    struct handle handle = look_up(&session->instances, session->current, object, key);

    return check_standing(handle.standing, "the instance", finding) ? handle.instance : NULL;
}

struct module *session_definition(const struct session *session, const json_t *object,
                                  const char *key, struct finding *finding)
{
    struct handle handle = look_up(&session->definitions, session->last_definition, object, key);

    return check_standing(handle.standing, "the definition", finding) ? handle.module : NULL;
}

bool session_can_link(const struct session *session, const struct module *module,
                      struct finding *finding)
{
    for (uint32_t i = 0; i < module->import_count; i++) {
        struct handle handle = bindings_find(&session->registered, module->imports[i].module);

        // What nobody registered is for the linker to refuse.
        if (handle.standing != STANDING_ABSENT &&
            !check_standing(handle.standing, "a module that this one imports from", finding))
            return false;
    }
    return true;
}
