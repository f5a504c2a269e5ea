// SPDX-License-Identifier: Apache-2.0
/*
 * What names in scripts stand for: definitions, instances and registered module names. A module
 * that was skipped or failed is bound as well, so that whatever uses it is skipped or fails too.
 */
#pragma once

#include <stddef.h>

#include "sandbox/wasm/engine.h"

enum standing {
    STANDING_ABSENT, /* no module yet */
    STANDING_READY,
    STANDING_SKIPPED,
    STANDING_BROKEN, /* its command failed */
};

struct handle {
    enum standing standing;
    struct module *module;     /* of a definition that is ready */
    struct instance *instance; /* of an instance that is ready */
};

struct bindings {
    struct binding {
        struct name name; /* borrowed from the script */
        struct handle handle;
    } *items;
    size_t count;
};

/* Binds a name, perhaps again. */
void bindings_bind(struct bindings *bindings, struct name name, struct handle handle);

/* What the name stands for; STANDING_ABSENT when it is not bound. */
struct handle bindings_find(const struct bindings *bindings, struct name name);

void bindings_finish(struct bindings *bindings);
