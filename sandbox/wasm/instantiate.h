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
