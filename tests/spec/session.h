// SPDX-License-Identifier: Apache-2.0
/*
 * A script under way: an engine of its own with the module "spectest", and what the script's names
 * stand for at this point.
 */
#pragma once

#include <stdbool.h>

#include <jansson.h>

#include "sandbox/wasm/engine.h"
#include "tests/spec/bindings.h"
#include "tests/spec/finding.h"
#include "tests/spec/script.h"

struct session {
    const struct script *script; /* borrowed; outlives the engine */
    struct engine *engine;
    struct bindings definitions;
    struct bindings instances;
    struct bindings registered;
    struct handle last_definition;
    struct handle current; /* instance */
};

bool session_init(struct session *session, const struct script *script,
                  const struct engine_config *config, struct error *error) MUST_CHECK;
void session_finish(struct session *session);

/*
 * The instance (or definition) that a field of a command names, or the current (last) one when
 * there is no such field. NULL with a finding when it cannot be used.
 */
struct instance *session_instance(const struct session *session, const json_t *object,
                                  const char *key, struct finding *finding);
struct module *session_definition(const struct session *session, const json_t *object,
                                  const char *key, struct finding *finding);

/* False, with a finding, when the module imports from something that was skipped or failed. */
bool session_can_link(const struct session *session, const struct module *module,
                      struct finding *finding);
