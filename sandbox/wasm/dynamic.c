// SPDX-License-Identifier: Apache-2.0
#include "sandbox/wasm/dynamic.h"

#include <string.h>

#include "sandbox/wasm/dynamic_internal.h"
#include "sandbox/wasm/run.h"

#define DYNAMIC_ARENA_BYTES ((size_t)4 * 1024 * 1024 * 1024) // addresses only
#define STACK_BYTES_DEFAULT (1024u * 1024)
#define STACK_BYTES_MAX     (1024u * 1024 * 1024)

bool dynamic_present(const struct module *module)
{
    return dylink_present(module);
}

/* What modules say, and their order. */

// A static main module that was linked against side modules says so, and has GOT entries for their
// data, but its own has fixed addresses.
static bool is_based(const struct module *module)
{
    for (uint32_t i = 0; i < module->import_count; i++)
        if (module->imports[i].kind == EXTERNAL_GLOBAL &&
            name_is(module->imports[i].module, "env") &&
            name_is(module->imports[i].name, "__memory_base"))
            return true;
    return false;
}

static bool read_parts(struct dynamic *dynamic, struct error *error)
{
    for (uint32_t i = 0; i < dynamic->count; i++) {
        const struct module *module = dynamic->modules[i].module;
        struct dynamic_part *part = &dynamic->parts[i];

        part->has_section = dylink_present(module);
        part->is_relocatable = part->has_section && (i != 0 || is_based(module));
        part->work = (struct instantiation){
            .store = dynamic->store, .module = module, .error = &dynamic->step_error};
        if (part->has_section) {
            if (!dylink_read(module, &dynamic->arena, &part->dylink, error))
                return false;
            if (!part->is_relocatable) // it has what the sizes are of
                part->dylink.memory_size = part->dylink.table_size = 0;
        } else if (i != 0) {
            return error_set(error, ERROR_DYNAMIC_LINKING, 0,
                             "%s is no side module: it has no section dylink.0 (compile with "
                             "-fPIC, link with -shared)",
                             dynamic_module_name(dynamic, i).text);
        } else {
            part->dylink = (struct dylink){.memory_alignment = 1, .table_alignment = 1};
        }
    }
    return true;
}

static bool find_needed(const struct dynamic *dynamic, uint32_t owner, uint32_t position,
                        uint32_t *needed, struct error *error)
{
    struct name name = dynamic->parts[owner].dylink.needed[position];
    const struct symbol *symbol = dynamic_find(dynamic, SPACE_MODULE, name);

    if (symbol == NULL)
        return error_set(error, ERROR_DYNAMIC_LINKING, 0,
                         "%s needs %s: link it with --link %s=FILE",
                         dynamic_module_name(dynamic, owner).text, name_printed(name).text,
                         name_printed(name).text);
    *needed = symbol->owner;
    return true;
}

// A module on the way to the order, and how many of those that it needs have been looked at.
struct visit {
    uint32_t owner;
    uint32_t position;
};

// Puts a module in order behind those that it needs. Where they need each other in a circle, who
// was met first comes last.
static bool order_from(struct dynamic *dynamic, uint32_t root, struct visit *stack, bool *seen,
                       uint32_t *ordered, struct error *error)
{
    uint32_t depth = 0;

    if (seen[root])
        return true;
    seen[root] = true;
    stack[depth++] = (struct visit){root, 0};
    while (depth != 0) {
        struct visit *visit = &stack[depth - 1];
        uint32_t needed;

        if (visit->position == dynamic->parts[visit->owner].dylink.needed_count) {
            dynamic->order[(*ordered)++] = visit->owner;
            depth--;
            continue;
        }
        if (!find_needed(dynamic, visit->owner, visit->position++, &needed, error))
            return false;
        if (!seen[needed]) {
            seen[needed] = true;
            stack[depth++] = (struct visit){needed, 0};
        }
    }
    return true;
}

static bool order_modules(struct dynamic *dynamic, struct error *error)
{
    uint32_t count = dynamic->count;
    struct visit *stack = arena_array(&dynamic->arena, count, sizeof *stack);
    bool *seen = arena_array(&dynamic->arena, count, sizeof *seen);
    uint32_t ordered = 0;
    uint32_t needed;

    dynamic->order = arena_array(&dynamic->arena, count, sizeof *dynamic->order);
    if (stack == NULL || seen == NULL || dynamic->order == NULL)
        return error_set(error, ERROR_LIMIT_MEMORY, 0, NULL);
    for (uint32_t i = 0; i < dynamic->parts[0].dylink.needed_count; i++)
        if (!find_needed(dynamic, 0, i, &needed, error))
            return false;
    for (uint32_t i = 1; i < count; i++)
        if (!order_from(dynamic, i, stack, seen, &ordered, error))
            return false;
    return true;
}

static bool set_up(struct dynamic *dynamic, const struct dynamic_options *options,
                   struct error *error)
{
    uint32_t stack_bytes =
        options == NULL || options->stack_bytes == 0 ? STACK_BYTES_DEFAULT : options->stack_bytes;

    if (stack_bytes > STACK_BYTES_MAX)
        return error_set(error, ERROR_USAGE_ARGUMENT, 0, "a stack of %u bytes", stack_bytes);
    dynamic->stack_bytes = ALIGN_UP(stack_bytes, 16u);
    dynamic->parts = arena_array(&dynamic->arena, dynamic->count, sizeof *dynamic->parts);
    if (dynamic->parts == NULL)
        return error_set(error, ERROR_LIMIT_MEMORY, 0, NULL);
    return read_parts(dynamic, error) && dynamic_enter_symbols(dynamic, error) &&
           order_modules(dynamic, error);
}

bool dynamic_create(struct engine *engine, struct dynamic_module *modules, uint32_t count,
                    const struct dynamic_options *options, struct dynamic **dynamic,
                    struct error *error)
{
    struct arena arena;
    struct dynamic *made;

    *dynamic = NULL;
    if (count == 0)
        return error_set(error, ERROR_USAGE_ARGUMENT, 0, "nothing to link");
    if (!arena_init(&arena, DYNAMIC_ARENA_BYTES, error))
        return false;
    made = arena_alloc(&arena, sizeof *made, _Alignof(struct dynamic));
    if (made == NULL) {
        arena_finish(&arena);
        return error_set(error, ERROR_LIMIT_MEMORY, 0, NULL);
    }
    made->arena = arena;
    made->engine = engine;
    made->store = engine_store(engine);
    made->modules = modules;
    made->count = count;
    if (!set_up(made, options, error)) {
        dynamic_destroy(made);
        return false;
    }
    *dynamic = made;
    return true;
}

void dynamic_destroy(struct dynamic *dynamic)
{
    struct arena arena;

    if (dynamic == NULL)
        return;
    arena = dynamic->arena; // which holds it
    arena_finish(&arena);
}

/* Functions that are called before they may be, or that nobody has. */

// Of a module that has not got its memory: its code may touch nothing yet.
static enum trap_code trap_not_ready(void *context, struct store *store, union slot *slots)
{
    (void)context;
    (void)store;
    (void)slots;
    return TRAP_UNINITIALIZED_ELEMENT;
}

static enum trap_code trap_undefined(void *context, struct store *store, union slot *slots)
{
    (void)context;
    (void)store;
    (void)slots;
    return TRAP_NULL_FUNCTION_REFERENCE;
}

// NULL when out of memory.
static struct function *make_trapping(struct dynamic *dynamic, uint32_t type,
                                      host_callback *callback)
{
    struct function *function =
        arena_alloc(&dynamic->store->arena, sizeof *function, _Alignof(struct function));

    if (function == NULL) {
        error_set(dynamic->error, ERROR_LIMIT_MEMORY, 0, NULL);
        return NULL;
    }
    *function = (struct function){.type = type, .callback = callback};
    function->header_slot = engine_call_slots(dynamic->engine, function);
    return function;
}

// The place-holder is the function from the start: who has its address keeps it.
struct function *dynamic_function(struct dynamic *dynamic, const struct symbol *symbol)
{
    struct instance *instance = dynamic->modules[symbol->owner].instance;
    struct function **function = &instance->functions[symbol->index];

    if (*function == NULL && !dynamic->parts[symbol->owner].is_ready)
        *function =
            make_trapping(dynamic, instance->module->functions[symbol->index].type, trap_not_ready);
    return *function != NULL ? *function : instance_function(instance, symbol->index);
}

static void make_ready(struct dynamic *dynamic, uint32_t owner)
{
    struct instance *instance = dynamic->modules[owner].instance;
    const struct module *module = instance->module;

    dynamic->parts[owner].is_ready = true;
    for (uint32_t i = module->imported_function_count; i < module->function_count; i++) {
        struct function *function = instance->functions[i];

        if (function != NULL && function->callback == trap_not_ready)
            instance_fill_function(instance, i, function);
    }
}

/* Imports. */

static struct global *make_global(struct dynamic *dynamic, bool is_mutable, uint32_t value)
{
    const union slot slot = {.u64 = value};

    return store_add_global(dynamic->store, (struct globaltype){VALTYPE_I32, is_mutable}, &slot,
                            dynamic->error);
}

// One for all who import it. Its type is the first one's, and the others must have the same.
static struct tag *exception_tag(struct dynamic *dynamic, uint32_t owner,
                                 const struct import *import)
{
    struct tag **tag = &dynamic->exception_tags[dynamic_exception_tag(import->name)];

    if (*tag != NULL)
        return *tag;
    *tag = arena_alloc(&dynamic->store->arena, sizeof **tag, _Alignof(struct tag));
    if (*tag != NULL)
        (*tag)->type = dynamic->modules[owner].module->tags[import->index].type;
    return *tag;
}

// What a symbol, a function or a tag, gives.
static void symbol_external(struct dynamic *dynamic, const struct symbol *symbol,
                            struct external *external)
{
    if (symbol->space == SPACE_FUNCTION)
        external->function = dynamic_function(dynamic, symbol);
    else
        external->tag = dynamic->modules[symbol->owner].instance->tags[symbol->index];
}

static bool provide(struct dynamic *dynamic, uint32_t owner, const struct import *import,
                    struct external *external)
{
    const struct dynamic_part *part = &dynamic->parts[owner];
    const struct symbol *symbol;
    enum provision provision = dynamic_classify(dynamic, owner, import, &symbol);

    *external = (struct external){.kind = import->kind};
    switch (provision) {
    case PROVISION_REGISTRY:
        return store_find(dynamic->store, import->module, import->name, external);
    case PROVISION_MEMORY:
        external->memory = dynamic->memory;
        break;
    case PROVISION_TABLE:
        external->table = dynamic->table;
        break;
    case PROVISION_STACK_POINTER:
        external->global = dynamic->stack_pointer;
        break;
    case PROVISION_MEMORY_BASE:
        external->global = make_global(dynamic, false, part->memory_base);
        break;
    case PROVISION_TABLE_BASE:
        external->global = make_global(dynamic, false, part->table_base);
        break;
    case PROVISION_GOT_MEMORY:
    case PROVISION_GOT_FUNCTION: // filled when all are instantiated
        external->global = make_global(dynamic, true, 0);
        break;
    case PROVISION_SYMBOL:
        symbol_external(dynamic, symbol, external);
        break;
    case PROVISION_WEAK:
        external->function = make_trapping(
            dynamic, part->work.module->functions[import->index].type, trap_undefined);
        break;
    case PROVISION_EXCEPTION_TAG:
        external->tag = exception_tag(dynamic, owner, import);
        break;
    }
    return external->pointer != NULL;
}

/* The steps. Each returns false with dynamic->trap or *dynamic->error set. */

// After a step of a module's own: an error is said to be of that module.
static bool settle(struct dynamic *dynamic, uint32_t owner, bool done)
{
    const struct error *error = &dynamic->step_error;

    if (done)
        return true;
    dynamic->trap = dynamic->parts[owner].work.trap;
    if (dynamic->trap == TRAP_NONE)
        error_set(dynamic->error, error->code, error->offset, "%s%s",
                  dynamic_module_name(dynamic, owner).text,
                  error->message + strlen(error_wording(error->code)));
    return false;
}

static bool begin(struct dynamic *dynamic)
{
    for (uint32_t i = 0; i < dynamic->count; i++) {
        struct instantiation *work = &dynamic->parts[i].work;

        if (!settle(dynamic, i, instantiation_begin(work)))
            return false;
        dynamic->modules[i].instance = work->instance;
    }
    return true;
}

static bool allocate(struct dynamic *dynamic, uint32_t owner)
{
    struct instantiation *work = &dynamic->parts[owner].work;

    for (uint32_t i = 0; i < work->module->import_count; i++) {
        const struct import *import = &work->module->imports[i];
        struct external external;

        if (!provide(dynamic, owner, import, &external))
            return error_set(dynamic->error, ERROR_LIMIT_MEMORY, 0, NULL);
        if (!settle(dynamic, owner, instantiation_bind(work, import, &external)))
            return false;
    }
    return settle(dynamic, owner, instantiation_allocate(work));
}

// From here on what happens stays.
static bool run_main(struct dynamic *dynamic)
{
    struct instantiation *work = &dynamic->parts[0].work;

    make_ready(dynamic, 0);
    dynamic->is_visible = true;
    return settle(dynamic, 0, instantiation_segments(work) && instantiation_start(work)) &&
           dynamic_allocate(dynamic);
}

enum trap_code dynamic_run(struct dynamic *dynamic, uint32_t owner, const struct function *function,
                           union slot *slots)
{
    struct instance *before = engine_set_caller(dynamic->store, dynamic->modules[owner].instance);
    enum trap_code code = run_function(dynamic->store, function, slots);

    engine_set_caller(dynamic->store, before);
    return code;
}

// Calls a function of a module's, if it has it; what is called so takes and gives nothing.
static bool call(struct dynamic *dynamic, uint32_t owner, const char *name, bool *found)
{
    union slot nothing = {0};
    const struct function *function;
    uint32_t funcidx;

    *found = dynamic_exported(dynamic->modules[owner].module, name, EXTERNAL_FUNCTION, &funcidx);
    if (!*found)
        return true;
    function = instance_function(dynamic->modules[owner].instance, funcidx);
    dynamic->trap = function == NULL ? TRAP_LIMIT : dynamic_run(dynamic, owner, function, &nothing);
    return dynamic->trap == TRAP_NONE;
}

static bool relocate(struct dynamic *dynamic)
{
    bool found;

    for (uint32_t i = 0; i < dynamic->count; i++)
        if (dynamic->parts[i].has_section && !call(dynamic, i, "__wasm_apply_data_relocs", &found))
            return false;
    return true;
}

// All modules from `first` on, which have their bases.
static bool run_others(struct dynamic *dynamic, uint32_t first)
{
    for (uint32_t i = first; i < dynamic->count; i++)
        if (!allocate(dynamic, i))
            return false;
    for (uint32_t i = first; i < dynamic->count; i++)
        make_ready(dynamic, i);
    dynamic->is_visible = true;
    for (uint32_t i = first; i < dynamic->count; i++)
        if (!settle(dynamic, i, instantiation_segments(&dynamic->parts[i].work)))
            return false;
    if (!dynamic_fill_got(dynamic))
        return false;
    for (uint32_t i = first; i < dynamic->count; i++)
        if (!settle(dynamic, i, instantiation_start(&dynamic->parts[i].work)))
            return false;
    return relocate(dynamic);
}

static bool link_static(struct dynamic *dynamic)
{
    if (!dynamic_check_main(dynamic, dynamic->error) || !allocate(dynamic, 0))
        return false;
    dynamic_adopt(dynamic);
    return run_main(dynamic) && run_others(dynamic, 1);
}

static enum outcome conclude(struct dynamic *dynamic, const struct store_checkpoint *before,
                             struct trap *trap)
{
    if (dynamic->trap != TRAP_NONE) {
        trap_describe(dynamic->store, dynamic->trap, trap);
        return OUTCOME_TRAP;
    }
    if (!dynamic->is_visible) {
        store_restore(dynamic->store, before);
        for (uint32_t i = 0; i < dynamic->count; i++)
            dynamic->modules[i].instance = NULL;
    }
    return OUTCOME_ERROR;
}

enum outcome dynamic_instantiate(struct dynamic *dynamic, struct trap *trap, struct error *error)
{
    struct store_checkpoint before = store_checkpoint(dynamic->store);
    struct run_entry entry;
    bool done;

    if (dynamic->has_begun) {
        error_set(error, ERROR_USAGE_STATE, 0, "these modules have been instantiated");
        return OUTCOME_ERROR;
    }
    dynamic->has_begun = true;
    dynamic->error = error;
    run_begin_entry(dynamic->store, &entry);
    trap_forget(dynamic->store);
    done = begin(dynamic) && dynamic_check(dynamic, error) &&
           (dynamic->parts[0].is_relocatable ? dynamic_make(dynamic) && run_others(dynamic, 0)
                                             : link_static(dynamic));
    run_end_entry(dynamic->store, &entry);
    return done ? OUTCOME_OK : conclude(dynamic, &before, trap);
}

enum outcome dynamic_construct(struct dynamic *dynamic, struct trap *trap)
{
    struct run_entry entry;
    bool done = true;

    run_begin_entry(dynamic->store, &entry);
    trap_forget(dynamic->store);
    for (uint32_t i = 0; done && i + 1 < dynamic->count; i++) {
        bool found;

        done = call(dynamic, dynamic->order[i], "_initialize", &found) &&
               (found || call(dynamic, dynamic->order[i], "__wasm_call_ctors", &found));
    }
    run_end_entry(dynamic->store, &entry);
    if (!done)
        trap_describe(dynamic->store, dynamic->trap, trap);
    return done ? OUTCOME_OK : OUTCOME_TRAP;
}
