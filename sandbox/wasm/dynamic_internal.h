// SPDX-License-Identifier: Apache-2.0
/* What the parts of dynamic linking share: symbols (dynamic_symbols.c), the room that modules get
 * (dynamic_layout.c), and the linking itself (dynamic.c). */
#pragma once

#include <string.h>

#include "sandbox/wasm/dylink.h"
#include "sandbox/wasm/dynamic.h"

/*
 * A module's part in it. `work.instance` is there from the start of dynamic_instantiate, and it is
 * ready once it has all that its code may touch.
 */
struct dynamic_part {
    struct instantiation work;
    struct dylink dylink;
    bool has_section;    /* "dylink.0" */
    bool is_relocatable; /* and is not a static main module */
    bool is_ready;
    uint32_t memory_base;
    uint32_t table_base;
};

/*
 * What names are looked up in. Of definitions there is one space for each kind; the others hold a
 * module's number, and for each module the names that it imports weakly.
 */
enum symbol_space {
    SPACE_FUNCTION = EXTERNAL_FUNCTION,
    SPACE_GLOBAL = EXTERNAL_GLOBAL,
    SPACE_TAG = EXTERNAL_TAG,
    SPACE_MODULE,
    SPACE_WEAK, /* of modules[0]; then of modules[1] and so on */
};

struct symbol {
    struct name name; /* borrowed */
    uint32_t space;
    uint32_t hash;
    uint32_t owner; /* modules[owner] */
    uint32_t index; /* in the index space of its kind */
    uint32_t flags; /* of enum dylink_flag */
};

struct dynamic {
    struct engine *engine;
    struct store *store;
    struct dynamic_module *modules; /* borrowed */
    struct dynamic_part *parts;     /* `count` of each */
    uint32_t count;
    uint32_t stack_bytes;
    struct arena arena; /* this struct and all of the linker's own */
    struct symbol *symbols;
    uint32_t symbol_count;
    uint32_t *slots; /* open addressing: index into symbols, plus 1; 0 is free */
    uint32_t slot_mask;
    uint32_t *order; /* of constructors: numbers of side modules */

    /* While instantiating. What is shared, or NULL where a static main module has none. */
    enum trap_code trap; /* a step that returns false has set this or `*error` */
    struct error *error;
    struct error step_error; /* of the parts' work, before it is said in whose */
    struct memory *memory;
    struct table *table;
    struct global *stack_pointer;
    uint32_t heap_base; /* of a position-independent main module */
    uint32_t heap_end;
    struct tag *exception_tags[2]; /* made for who imports them: see dynamic_symbols.c */
    bool has_begun;
    bool is_visible; /* what was made may be seen from outside: nothing is taken back */
};

/* How the linker serves an import, if it does. */
enum provision {
    PROVISION_REGISTRY, /* it does not */
    PROVISION_MEMORY,
    PROVISION_TABLE,
    PROVISION_STACK_POINTER,
    PROVISION_MEMORY_BASE,
    PROVISION_TABLE_BASE,
    PROVISION_GOT_MEMORY,
    PROVISION_GOT_FUNCTION,
    PROVISION_SYMBOL,        /* a function or tag that a module defines */
    PROVISION_WEAK,          /* a function that nobody defines */
    PROVISION_EXCEPTION_TAG, /* one of those that the linker makes */
};

/* A module's name in messages. */
struct printed_name dynamic_module_name(const struct dynamic *dynamic, uint32_t owner);

/* Fills the tables of names from modules and their parts' dylink. */
bool dynamic_enter_symbols(struct dynamic *dynamic, struct error *error) MUST_CHECK;

/* The symbol of that name, NULL when there is none. */
struct symbol *dynamic_find(const struct dynamic *dynamic, uint32_t space, struct name name);

/* How an import of modules[owner] is served; `symbol` is set where one is found. */
enum provision dynamic_classify(const struct dynamic *dynamic, uint32_t owner,
                                const struct import *import, const struct symbol **symbol);

/* Is the name one that modules[owner] can do without? */
bool dynamic_is_weak(const struct dynamic *dynamic, uint32_t owner, struct name name);

/* Which of the tags that the linker makes is it? dynamic->exception_tags has as many; -1: none. */
int dynamic_exception_tag(struct name name);

/* Checks, before anything runs, that each import is there and of the right type. */
bool dynamic_check(const struct dynamic *dynamic, struct error *error) MUST_CHECK;

/*
 * Does a static main module export what the others need? Checked before anything runs; then, when
 * it is allocated, memory, table and stack pointer are found among its exports; and when it is
 * ready, there is room for the data and elements of the others. Where that returns false, either
 * `dynamic->trap` or `*dynamic->error` is set.
 */
bool dynamic_check_main(const struct dynamic *dynamic, struct error *error) MUST_CHECK;
void dynamic_adopt(struct dynamic *dynamic);
bool dynamic_allocate(struct dynamic *dynamic) MUST_CHECK;

/* Lays out memory and table of a position-independent main module, and makes them. */
bool dynamic_make(struct dynamic *dynamic) MUST_CHECK;

/* The export of a module that has this name and kind; false when there is none. Linear. */
bool dynamic_exported(const struct module *module, const char *name, enum external_kind kind,
                      uint32_t *index);

/* Fills the GOT entries of all modules, which are instantiated. */
bool dynamic_fill_got(struct dynamic *dynamic) MUST_CHECK;

/* Runs a function of a module's as a call of that module's own (engine_caller). */
enum trap_code dynamic_run(struct dynamic *dynamic, uint32_t owner, const struct function *function,
                           union slot *slots) MUST_CHECK;

/* The function that a symbol stands for: a place-holder until its module is ready. */
struct function *dynamic_function(struct dynamic *dynamic, const struct symbol *symbol);
