// SPDX-License-Identifier: Apache-2.0
/*
 * The engine's facade: what the worker, WASI, tests and tools include, and all that they include.
 * An engine is one store with one slot stack; it belongs to one thread at a time (only
 * engine_interrupt may be called from elsewhere). Modules and instances live as long as their
 * engine.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sandbox/base/error.h"
#include "sandbox/wasm/instance.h"
#include "sandbox/wasm/instantiate.h"
#include "sandbox/wasm/module.h"
#include "sandbox/wasm/opcode.h"
#include "sandbox/wasm/trap.h"
#include "sandbox/wasm/type.h"
#include "sandbox/wasm/value.h"

struct engine;

/* Zero is a good value for each field: it means the default. */
struct engine_config {
    bool checked_memory;       /* explicit bounds checks instead of guard pages */
    bool metered;              /* count fuel */
    size_t stack_bytes;        /* slot stack; default 1 MiB */
    uint64_t memory_bytes_max; /* all linear memories and tables together; default 4 GiB */
    uint32_t features;         /* proposals to switch on, of FEATURES_PROPOSED; default none */
    uint64_t code_bytes_max;   /* cells of one module; default 64 MiB + 16 x its size */
    bool has_stack_low;        /* stack_low is given, and taken instead of what modules tell */
    uint64_t stack_low;        /* no guest's stack pointer goes below: see layout.h */
    bool relaxed_fast;         /* relaxed vectors: what is fastest, not what is deterministic */
};

/* NULL for all defaults. Installs the fault handlers (trap.h) as a side effect. */
bool engine_create(const struct engine_config *config, struct engine **engine,
                   struct error *error) MUST_CHECK;
void engine_destroy(struct engine *engine);
struct store *engine_store(struct engine *engine);

/*
 * Decodes, validates and translates. `bytes` must stay as they are while the engine lives. An error
 * says malformed, invalid, limit or unsupported (error_kind), with the offset of the place; for
 * unsupported, error->detail is the enum feature that the module needs. USAGE_STACK_LOW if a
 * stack_low is given and there is no stack pointer that could be held to it.
 */
bool engine_load(struct engine *engine, const uint8_t *bytes, size_t size, struct module **module,
                 struct error *error) MUST_CHECK;

/*
 * Of the modules that are loaded from now on: none is the one that stack_low was given for, which
 * is `main`, and side modules (dylink.h) are held to its stack's limit, since they share the stack.
 */
void engine_share_stack(struct engine *engine, const struct module *main);

/* Decodes only: for tools that look at a module. */
bool engine_decode(struct engine *engine, const uint8_t *bytes, size_t size, struct module **module,
                   struct error *error) MUST_CHECK;

/*
 * Instantiates with imports from the registry, in the specification's order of effects, and runs
 * the start function. OUTCOME_ERROR: unlinkable or out of a limit. OUTCOME_TRAP: an active segment
 * or the start function trapped; what was written before stays. `instance` is set only on
 * OUTCOME_OK.
 */
enum outcome engine_instantiate(struct engine *engine, struct module *module,
                                struct instance **instance, struct trap *trap, struct error *error);

/*
 * Makes all exports of an instance importable from `module`, each in place of what had its name
 * before; other names of that module stay.
 */
bool engine_register(struct engine *engine, struct name module, struct instance *instance,
                     struct error *error) MUST_CHECK;

/*
 * Makes something of the host importable. Function types: parameters, then results. A global is one
 * slot, so it cannot be a v128.
 */
struct host_type {
    const valtype *types;
    uint32_t parameter_count;
    uint32_t result_count;
};
bool engine_define_function(struct engine *engine, struct name module, struct name name,
                            struct host_type type, host_callback *callback, void *context,
                            struct error *error) MUST_CHECK;
bool engine_define_global(struct engine *engine, struct name module, struct name name,
                          struct globaltype type, union slot value, struct error *error) MUST_CHECK;
bool engine_define_table(struct engine *engine, struct name module, struct name name,
                         const struct tabletype *type, struct error *error) MUST_CHECK;
bool engine_define_memory(struct engine *engine, struct name module, struct name name,
                          const struct memorytype *type, struct error *error) MUST_CHECK;

/* The export of that name; false when there is none. */
bool engine_export(struct instance *instance, struct name name, struct external *external);

/*
 * Number of slots that a call of this function needs: the larger of parameters and results, of
 * which a v128 takes two.
 */
uint32_t engine_call_slots(const struct engine *engine, const struct function *function);

/*
 * Calls a function. slots[0..] hold the arguments, i32s zero-extended, and afterwards the results.
 * May be called from a host function, to a depth of LIMIT_NESTED_RUNS. An exception that nothing
 * catches is TRAP_UNCAUGHT_EXCEPTION, and goes no further than this call. Nothing keeps an exnref
 * among the results alive: it is good until code runs again, and throwing it later traps or throws
 * another one.
 */
enum outcome engine_invoke(struct engine *engine, const struct function *function,
                           union slot *slots, struct trap *trap);

/*
 * The instance whose code called the host function that is running: where the addresses among its
 * arguments lie. A function that is called without code of a guest's has the instance that
 * engine_set_caller says, a start function that is the host's own the instance that is being made;
 * else it is the newest one. NULL if there is none.
 */
struct instance *engine_caller(const struct store *store);

/* For calls by the embedder, from now on; returns whose turn it was, to be set again afterwards. */
struct instance *engine_set_caller(struct store *store, struct instance *instance);

/* Fuel left, in instructions; meaningful when metered. A new engine has UINT64_MAX / 2. */
void engine_set_fuel(struct engine *engine, uint64_t fuel);
uint64_t engine_fuel(const struct engine *engine);

/*
 * Interruption. The signal handler of trap_install_interrupt stops a run that is inside handlers at
 * once; this only sets the flag that out-of-line operations test. Async-signal-safe, any thread.
 */
void engine_interrupt(struct engine *engine);

/* Name of a C string, for callers' convenience. */
struct name engine_name(const char *text);
