// SPDX-License-Identifier: Apache-2.0
/*
 * Dynamic linking (WebAssembly tool conventions, "Dynamic Linking"): a main module and side modules
 * that share one memory, one table, one stack and one space of symbols, and import from each other
 * in circles. Beside engine.h; not the plain linking of modules by names, which is the registry's.
 *
 * The main module is one of two kinds. A static executable does not import `env.__memory_base` (a
 * section "dylink.0" it has only if it was linked against side modules): it exports its memory, its
 * growable table `__indirect_function_table`, its `__stack_pointer`, and an allocator
 * (`aligned_alloc`, `malloc` or `cabi_realloc`), which is asked for the data of the others. A
 * position-independent one imports all of this, and the linker makes it. Then memory is
 *
 *     0 .. stack_bytes    the stack, downwards, so that overflowing it traps
 *     ...                 the data of each module, in the order of modules, each aligned
 *     __heap_base         of 16 bytes' alignment, to __heap_end, the end of memory as it is made
 *
 * A symbol is an exported function, tag or immutable i32 global (the address of data; of all but a
 * static main module it counts from the module's own data). The main module's come before those of
 * the others, theirs in order, and the host's registry is last. What the modules want of it:
 *
 *     env.NAME            functions, and tags; `__cpp_exception` and `__c_longjmp` are made if
 *                         nobody defines them. A weak function that is not there traps when called
 *     GOT.mem.NAME        a mutable global: the absolute address; 0 if weak and not there
 *     GOT.func.NAME       a mutable global: the function's one index in the table; 0 likewise
 *     env.memory, env.__indirect_function_table, env.__stack_pointer, env.__memory_base,
 *     env.__table_base    of all but a static main module
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sandbox/wasm/engine.h"

struct dynamic;

/* A module to be linked. */
struct dynamic_module {
    struct module *module; /* borrowed; of engine_load */
    struct name name; /* borrowed; what NEEDED and errors say. The main module's may be empty */
    struct instance *instance; /* by dynamic_instantiate; of a failed one, for looking up traps */
};

struct dynamic_options {
    uint32_t stack_bytes; /* of a position-independent main module; 0: 1 MiB */
};

/* Is the module one for dynamic linking, a side module or a position-independent main module? */
bool dynamic_present(const struct module *module);

/*
 * Reads what modules[0], the main one, and the `count` - 1 side modules after it say, orders them
 * and enters their symbols. `modules` is borrowed, and the modules are the engine's. `options` may
 * be NULL. Errors: DYNAMIC_LINKING (a side module without "dylink.0", two of one name, a library
 * that is needed and not there, thread-local storage), those of dylink_read, LIMIT_MEMORY.
 */
bool dynamic_create(struct engine *engine, struct dynamic_module *modules, uint32_t count,
                    const struct dynamic_options *options, struct dynamic **dynamic,
                    struct error *error) MUST_CHECK;

/* Takes NULL. Instances live on with the engine. */
void dynamic_destroy(struct dynamic *dynamic);

/*
 * Will the linker, and not the registry, serve this import of modules[owner]? A weak function that
 * no module defines is the registry's if that has it by now. Constant time.
 */
bool dynamic_provides(const struct dynamic *dynamic, uint32_t owner, const struct import *import);

/*
 * Instantiates all modules, once. Every import is checked before anything runs. Then, of a static
 * main module, come segments, start function and the allocator; then all other modules: imports,
 * initial values, all segments, all GOT entries, the start functions, and
 * `__wasm_apply_data_relocs`, the last two from the main module onwards. Until a module has its
 * memory, calls of its functions trap.
 *
 * OUTCOME_ERROR: DYNAMIC_LINKING (what is missing where, and what would provide it),
 * INCOMPATIBLE_IMPORT_TYPE, UNKNOWN_IMPORT, or a limit; nothing has happened, unless what failed is
 * the main module's allocator or came after it. OUTCOME_TRAP: what was written before stays, and
 * trap->instance is one of modules'.
 */
enum outcome dynamic_instantiate(struct dynamic *dynamic, struct trap *trap, struct error *error);

/*
 * Runs the constructors of the side modules (`_initialize`, else `__wasm_call_ctors`), those of a
 * needed library before those of whoever needs it, else in order. After dynamic_instantiate. A main
 * module's own entry remains the caller's affair: a command's `_start` comes after this; a
 * reactor's `_initialize` may come before, if constructors use its libraries.
 */
enum outcome dynamic_construct(struct dynamic *dynamic, struct trap *trap);
