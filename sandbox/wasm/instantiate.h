// SPDX-License-Identifier: Apache-2.0
/*
 * Instantiation (specification: "Modules / Instantiation"): imports, allocation, initialisers,
 * active segments, start function, in the order of effects that the specification has.
 */
#pragma once

#include "sandbox/base/error.h"
#include "sandbox/wasm/instance.h"
#include "sandbox/wasm/module.h"
#include "sandbox/wasm/trap.h"

/* How a call into the engine ended. */
enum outcome {
    OUTCOME_OK,
    OUTCOME_TRAP,  /* struct trap tells */
    OUTCOME_ERROR, /* struct error tells */
};

/*
 * Instantiates a compiled module with imports from the store's registry. After OUTCOME_ERROR
 * (unlinkable, limit, system) the store is as it was before; after OUTCOME_TRAP the instance, and
 * what its segments and start function wrote, live on. `*instance` is set only on OUTCOME_OK.
 */
enum outcome instantiate(struct store *store, struct module *module, struct instance **instance,
                         struct trap *trap, struct error *error);

/*
 * Whether an import of a module may turn out to match what another one exports, by what the two
 * declare: of memories and tables all but the minimum, which may grow until they are linked.
 * Neither need have been instantiated; both are the store's. `export` is of something that the
 * provider defines itself.
 */
bool instantiate_may_link(const struct store *store, const struct module *module,
                          const struct import *import, const struct module *provider,
                          const struct export *export);

/* Fills `trap` with `code` and what the store's latest run says about its place. */
void trap_describe(const struct store *store, enum trap_code code, struct trap *trap);

/*
 * Forgets what the latest trap told about its place, so that a call that traps before any code has
 * run (a host function, a stack that is full) is not given the place of an earlier one.
 */
void trap_forget(struct store *store);

/*
 * The steps of an instantiation, for who links modules that import from each other (dynamic.h). In
 * the order in which they stand here; between the first two each import is bound. A step that
 * returns false has set either `trap` or `*error`.
 */
struct instantiation {
    struct store *store;
    const struct module *module;
    struct instance *instance; /* by instantiation_begin */
    enum trap_code trap;
    struct error *error;
};

/* The instance, with its tags and room for all else. No code of it may run yet. */
bool instantiation_begin(struct instantiation *work) MUST_CHECK;

/* Is it of the import's type? */
bool instantiation_accepts(const struct instantiation *work, const struct import *import,
                           const struct external *external);

/* Gives the instance what it imports, if that is of the import's type. */
bool instantiation_bind(struct instantiation *work, const struct import *import,
                        const struct external *external) MUST_CHECK;

/*
 * Everything up to the point where the instance's objects become visible to others. The instance is
 * in the store's list before any code of it runs, so that traps find their place.
 */
bool instantiation_allocate(struct instantiation *work) MUST_CHECK;

/* Active segments and the start function, whose effects stay whatever comes after them. */
bool instantiation_segments(struct instantiation *work) MUST_CHECK;
bool instantiation_start(struct instantiation *work) MUST_CHECK;

/*
 * What a store held before an instantiation, and back to it. Until the first active segment is
 * copied nothing can have got hold of anything newer.
 */
struct store_checkpoint {
    struct memory *memories;
    struct table *tables;
    struct instance *instances;
    size_t mark;
};
struct store_checkpoint store_checkpoint(const struct store *store);
void store_restore(struct store *store, const struct store_checkpoint *before);
