// SPDX-License-Identifier: Apache-2.0
/*
 * The store and what lives in it: functions, tables, memories, globals, instances, and the registry
 * of names that imports are taken from (specification: "Store", "Module Instances"). Everything
 * lives as long as the store: a trapped instantiation may have left its functions in other
 * instances' tables.
 *
 * A store belongs to one thread at a time. Only store_interrupt may be called from elsewhere.
 */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "sandbox/base/arena.h"
#include "sandbox/wasm/exception.h"
#include "sandbox/wasm/memory.h"
#include "sandbox/wasm/module.h"
#include "sandbox/wasm/table.h"
#include "sandbox/wasm/trap.h"
#include "sandbox/wasm/type.h"
#include "sandbox/wasm/value.h"

struct instance;
struct store;

/*
 * A host function: the arguments stand in slots[0..], the results are to be written there too, i32s
 * zero-extended, a v128 in two of them. May call engine_invoke on the same store. Anything but
 * TRAP_NONE ends the guest's run with that trap.
 */
typedef enum trap_code host_callback(void *context, struct store *store, union slot *slots);

/* A function instance; its address is the funcref. */
struct function {
    const uint8_t *entry;      /* first cell; NULL for a host function */
    struct instance *instance; /* NULL for a host function */
    uint32_t type;             /* canonical number */
    uint32_t header_slot;      /* of the return pc in the callee's frame */
    uint32_t funcidx;          /* in its own module */
    host_callback *callback;   /* host functions */
    void *context;             /* host functions; borrowed */
};

/* A global; two slots, so that a v128 fits. */
struct global {
    union slot value[2];
    struct globaltype type;
};

struct tag {
    uint32_t type;
};

/* What an import gets or an export gives (specification: "External Addresses"). */
struct external {
    enum external_kind kind;
    union {
        struct function *function;
        struct table *table;
        struct memory *memory;
        struct global *global;
        struct tag *tag;
        const void *pointer;
    };
};

/* The handlers' `in`: what they touch most comes first. */
struct instance {
    struct store *store;
    uint8_t *memory_base;        /* of memory 0, NULL without one */
    union slot **globals;        /* globalidx -> its value */
    struct memory **memories;    /* memidx -> memory */
    struct table **tables;       /* tableidx -> table */
    struct function **functions; /* funcidx -> function; NULL until instance_function made it */
    const struct module *module;
    struct global **global_objects; /* globalidx -> global */
    struct tag **tags;
    union slot **element_values; /* of segments made of expressions, else NULL */
    bool *element_dropped;
    bool *data_dropped;
    struct instance *next;
};

/* A name under which an external may be imported. */
struct registered {
    struct name module; /* both names are the store's own copies */
    struct name name;
    struct external external;
    uint32_t hash; /* of both names */
};

struct run;

struct store {
    struct arena arena; /* instances and what they own */
    struct type_store types;
    struct memory_budget memory_budget;
    struct memory *memories;    /* all of them, for the fault handler */
    struct table *tables_owned; /* all of them, for store_finish */
    struct instance *instances; /* newest first */

    struct arena registry; /* array of struct registered, no two of the same names */
    uint32_t registry_count;
    struct arena registry_table;  /* open addressing: index into the array, plus 1; 0 is free */
    uint32_t registry_table_size; /* a power of two, or 0 before the first entry */

    bool checked_memory; /* no guard pages: checked handlers for every access */
    bool metered;

    /* Running: see run.h. */
    union slot *stack; /* slots, with guard areas below and above */
    size_t stack_bytes;
    union slot *stack_top; /* where the next run's frame begins */
    struct run *run;       /* innermost, NULL outside */
    struct run *enclosing; /* the thread's innermost when this store was entered */
    uint32_t run_depth;
    uint64_t fuel; /* metered stores: instructions left */
    enum trap_code trap;
    const uint8_t *trap_pc; /* cell that trapped, NULL where not known */
    const struct instance *trap_instance;
    struct instance *caller; /* whose code called the host function that runs; see engine_caller */
    volatile sig_atomic_t interrupted;

    struct exception_heap exceptions;
};

/* The guard areas around the slot stack, PROT_NONE. The upper one exceeds the largest frame. */
#define STACK_GUARD_BELOW_BYTES ((size_t)64 * 1024)
#define STACK_GUARD_ABOVE_BYTES ((size_t)2 * 1024 * 1024)

struct store_options {
    size_t stack_bytes;        /* rounded up to a multiple of 64 KiB */
    uint64_t memory_bytes_max; /* all linear memories and tables together */
    bool checked_memory;
    bool metered;
};

/* Reserves stack, arenas and type store. On failure nothing is kept. */
bool store_init(struct store *store, const struct store_options *options,
                struct error *error) MUST_CHECK;

/* Frees all that lives in the store. Takes NULL, a zeroed store and one that is finished. */
void store_finish(struct store *store);

/*
 * New objects that belong to the store, for instantiation and for embedders. NULL with an error of
 * limit or system kind when it cannot be had. Whether a memory is guarded follows from the store
 * and its type. `value` of a global is one slot, or two for a v128.
 */
struct memory *store_add_memory(struct store *store, const struct memorytype *type,
                                struct error *error);
struct table *store_add_table(struct store *store, const struct tabletype *type, union slot initial,
                              struct error *error);
struct global *store_add_global(struct store *store, struct globaltype type,
                                const union slot *value, struct error *error);

/* The function instance of a funcidx, made on first use. NULL when out of memory. */
struct function *instance_function(struct instance *instance, uint32_t funcidx);

/*
 * Makes `function` the one of a funcidx, which is not an imported one: what instance_function does
 * to one that it makes. For whoever gave out a place-holder before the instance could run.
 */
void instance_fill_function(struct instance *instance, uint32_t funcidx, struct function *function);

/* What an export or an import stands for; false when out of memory. */
bool instance_external(struct instance *instance, enum external_kind kind, uint32_t index,
                       struct external *external) MUST_CHECK;

/* The export of that name; false when there is none (or its function cannot be made). Linear. */
bool instance_export(struct instance *instance, struct name name, struct external *external);

/*
 * table.init and memory.init (specification: Step/table.init, Step/memory.init), for the bulk
 * instructions and for active segments. A dropped segment has size 0. All or nothing when out of
 * bounds; TRAP_INTERRUPTED and TRAP_LIMIT may leave a part written.
 */
enum trap_code instance_table_init(struct instance *instance, uint32_t tableidx, uint32_t elemidx,
                                   uint64_t destination, uint64_t source, uint64_t count);
enum trap_code instance_memory_init(struct instance *instance, uint32_t memidx, uint32_t dataidx,
                                    uint64_t destination, uint64_t source, uint64_t count);

/*
 * Adds an external to the registry, in place of an older one of the same names. The names are
 * copied. Constant time but for the growth of the hash table, whose hash is keyed:
 * a module may have a million imports, and a guest may choose the names.
 */
bool store_register(struct store *store, struct name module, struct name name,
                    struct external external, struct error *error) MUST_CHECK;

/* The external of these names; false when there is none. */
bool store_find(const struct store *store, struct name module, struct name name,
                struct external *external);
