// SPDX-License-Identifier: Apache-2.0
#include "sandbox/wasm/instantiate.h"

#include <stddef.h>
#include <stdint.h>

#include "sandbox/wasm/code.h"
#include "sandbox/wasm/run.h"

struct store_checkpoint store_checkpoint(const struct store *store)
{
    return (struct store_checkpoint){
        .memories = store->memories,
        .tables = store->tables_owned,
        .instances = store->instances,
        .mark = arena_mark(&store->arena),
    };
}

void store_restore(struct store *store, const struct store_checkpoint *before)
{
    while (store->memories != before->memories) {
        struct memory *memory = store->memories;

        store->memories = memory->next;
        memory_finish(memory);
    }
    while (store->tables_owned != before->tables) {
        struct table *table = store->tables_owned;

        store->tables_owned = table->next;
        table_finish(table);
    }
    store->instances = before->instances;
    arena_release(&store->arena, before->mark);
}

void trap_describe(const struct store *store, enum trap_code code, struct trap *trap)
{
    const struct instance *instance = NULL;

    *trap = (struct trap){.code = code, .instance = store->trap_instance};
    if (store->trap_pc == NULL)
        return;
    trap->has_place = code_find(store, store->trap_pc, &instance, &trap->funcidx, &trap->offset);
    // Instances of one module share its code: what the run says comes first.
    if (trap->instance == NULL)
        trap->instance = instance;
}

void trap_forget(struct store *store)
{
    store->trap_pc = NULL;
    store->trap_instance = NULL;
}

// A trap outside of any code, as the place of which the instance will do. An interruption that it
// reports is over with it, unless a run that waits for this instantiation must end too.
static bool set_trap(struct instantiation *work, enum trap_code code)
{
    if (code == TRAP_INTERRUPTED && work->store->run == NULL)
        work->store->interrupted = 0;
    work->trap = code;
    work->store->trap = code;
    work->store->trap_pc = NULL;
    work->store->trap_instance = work->instance;
    return false;
}

static bool out_of_memory(struct instantiation *work)
{
    error_set(work->error, ERROR_LIMIT_MEMORY, 0, NULL);
    return false;
}

/* The instance and its arrays. */

// An array of the instance's; none is needed, and NULL stands for it, when it has no elements.
static bool new_array(struct instantiation *work, void *array_address, size_t count, size_t size)
{
    void **array = array_address;

    if (count == 0)
        return true;
    *array = arena_array(&work->store->arena, count, size);
    return *array != NULL || out_of_memory(work);
}

static bool add_tags(struct instantiation *work)
{
    const struct module *module = work->module;

    for (uint32_t i = module->imported_tag_count; i < module->tag_count; i++) {
        struct tag *tag = arena_alloc(&work->store->arena, sizeof *tag, _Alignof(struct tag));

        if (tag == NULL)
            return out_of_memory(work);
        tag->type = module->tags[i].type;
        work->instance->tags[i] = tag;
    }
    return true;
}

bool instantiation_begin(struct instantiation *work)
{
    struct instance *instance =
        arena_alloc(&work->store->arena, sizeof *instance, _Alignof(struct instance));
    const struct module *module = work->module;

    if (instance == NULL)
        return out_of_memory(work);
    instance->store = work->store;
    instance->module = module;
    work->instance = instance;
    return new_array(work, &instance->globals, module->global_count, sizeof(union slot *)) &&
           new_array(work, &instance->global_objects, module->global_count, sizeof(void *)) &&
           new_array(work, &instance->memories, module->memory_count, sizeof(void *)) &&
           new_array(work, &instance->tables, module->table_count, sizeof(void *)) &&
           new_array(work, &instance->functions, module->function_count, sizeof(void *)) &&
           new_array(work, &instance->tags, module->tag_count, sizeof(void *)) &&
           new_array(work, &instance->element_values, module->element_count, sizeof(void *)) &&
           new_array(work, &instance->element_dropped, module->element_count, sizeof(bool)) &&
           new_array(work, &instance->data_dropped, module->data_count, sizeof(bool)) &&
           add_tags(work);
}

static void set_global(struct instance *instance, uint32_t globalidx, struct global *global)
{
    instance->global_objects[globalidx] = global;
    instance->globals[globalidx] = global->value;
}

static void set_memory(struct instance *instance, uint32_t memidx, struct memory *memory)
{
    instance->memories[memidx] = memory;
    if (memidx == 0)
        instance->memory_base = memory->base;
}

/* Imports (specification: "Matching", Externtype_sub). */

// Limits_sub, and the address types, which must be the same.
static bool limits_match(const struct limits *given, const struct limits *wanted)
{
    return given->address64 == wanted->address64 && given->minimum >= wanted->minimum &&
           (!wanted->has_maximum || (given->has_maximum && given->maximum <= wanted->maximum));
}

// Reftype_sub in both directions is equality: types are canonical numbers.
static bool tabletype_matches(const struct tabletype *given, const struct tabletype *wanted)
{
    return given->element == wanted->element && limits_match(&given->limits, &wanted->limits);
}

static bool globaltype_matches(const struct type_store *types, struct globaltype given,
                               struct globaltype wanted)
{
    if (given.is_mutable != wanted.is_mutable)
        return false;
    return wanted.is_mutable ? given.type == wanted.type
                             : valtype_matches(types, given.type, wanted.type);
}

static bool memorytype_matches(const struct memorytype *given, const struct memorytype *wanted)
{
    return given->is_shared == wanted->is_shared &&
           memorytype_page_shift(given) == memorytype_page_shift(wanted) &&
           limits_match(&given->limits, &wanted->limits);
}

// An external type; the field by the kind.
struct externtype {
    enum external_kind kind;
    uint32_t number; // of functions and tags: their type's
    struct tabletype table;
    struct memorytype memory;
    struct globaltype global;
};

static struct externtype externtype_of(const struct external *external)
{
    struct externtype type = {.kind = external->kind};

    switch (external->kind) {
    case EXTERNAL_FUNCTION:
        type.number = external->function->type;
        break;
    case EXTERNAL_TABLE:
        type.table = external->table->type;
        break;
    case EXTERNAL_MEMORY:
        type.memory = external->memory->type;
        break;
    case EXTERNAL_GLOBAL:
        type.global = external->global->type;
        break;
    case EXTERNAL_TAG:
        type.number = external->tag->type;
        break;
    }
    return type;
}

// What a module declares at an index of the kind's index space.
static struct externtype externtype_declared(const struct module *module, enum external_kind kind,
                                             uint32_t index)
{
    struct externtype type = {.kind = kind};

    switch (kind) {
    case EXTERNAL_FUNCTION:
        type.number = module->functions[index].type;
        break;
    case EXTERNAL_TABLE:
        type.table = module->tables[index].type;
        break;
    case EXTERNAL_MEMORY:
        type.memory = module->memories[index];
        break;
    case EXTERNAL_GLOBAL:
        type.global = module->globals[index].type;
        break;
    case EXTERNAL_TAG:
        type.number = module->tags[index].type;
        break;
    }
    return type;
}

static bool externtype_matches(const struct type_store *types, const struct externtype *given,
                               const struct externtype *wanted)
{
    if (given->kind != wanted->kind)
        return false;
    switch (given->kind) {
    case EXTERNAL_FUNCTION:
        return type_matches(types, given->number, wanted->number);
    case EXTERNAL_TABLE:
        return tabletype_matches(&given->table, &wanted->table);
    case EXTERNAL_MEMORY:
        return memorytype_matches(&given->memory, &wanted->memory);
    case EXTERNAL_GLOBAL:
        return globaltype_matches(types, given->global, wanted->global);
    case EXTERNAL_TAG:
        return given->number == wanted->number;
    }
    return false;
}

bool instantiation_accepts(const struct instantiation *work, const struct import *import,
                           const struct external *external)
{
    struct externtype given = externtype_of(external);
    struct externtype wanted = externtype_declared(work->module, import->kind, import->index);

    return externtype_matches(&work->store->types, &given, &wanted);
}

// Whoever has grown by then has more than its declaration says.
static void grow_to(struct limits *given, const struct limits *wanted)
{
    if (given->minimum < wanted->minimum)
        given->minimum = wanted->minimum;
}

bool instantiate_may_link(const struct store *store, const struct module *module,
                          const struct import *import, const struct module *provider,
                          const struct export *export)
{
    struct externtype given = externtype_declared(provider, export->kind, export->index);
    struct externtype wanted = externtype_declared(module, import->kind, import->index);

    grow_to(&given.table.limits, &wanted.table.limits);
    grow_to(&given.memory.limits, &wanted.memory.limits);
    return externtype_matches(&store->types, &given, &wanted);
}

static void import_bind(struct instance *instance, const struct import *import,
                        const struct external *external)
{
    switch (import->kind) {
    case EXTERNAL_FUNCTION:
        instance->functions[import->index] = external->function;
        break;
    case EXTERNAL_TABLE:
        instance->tables[import->index] = external->table;
        break;
    case EXTERNAL_MEMORY:
        set_memory(instance, import->index, external->memory);
        break;
    case EXTERNAL_GLOBAL:
        set_global(instance, import->index, external->global);
        break;
    case EXTERNAL_TAG:
        instance->tags[import->index] = external->tag;
        break;
    }
}

static bool import_error(const struct instantiation *work, const struct import *import,
                         enum error_code code)
{
    return error_set(work->error, code, import->offset, "%s.%s", name_printed(import->module).text,
                     name_printed(import->name).text);
}

bool instantiation_bind(struct instantiation *work, const struct import *import,
                        const struct external *external)
{
    if (!instantiation_accepts(work, import, external))
        return import_error(work, import, ERROR_INCOMPATIBLE_IMPORT_TYPE);
    import_bind(work->instance, import, external);
    return true;
}

static bool bind_imports(struct instantiation *work)
{
    const struct module *module = work->module;

    for (uint32_t i = 0; i < module->import_count; i++) {
        const struct import *import = &module->imports[i];
        struct external external;

        if (!store_find(work->store, import->module, import->name, &external))
            return import_error(work, import, ERROR_UNKNOWN_IMPORT);
        if (!instantiation_bind(work, import, &external))
            return false;
    }
    return true;
}

/* Allocation and initial values, but for tags, which have none. */

static bool evaluate_slots(struct instantiation *work, const struct expression *expression,
                           union slot *result, uint32_t slots)
{
    work->trap = run_expression(work->store, work->instance, expression->code, result, slots);
    return work->trap == TRAP_NONE;
}

static bool evaluate(struct instantiation *work, const struct expression *expression,
                     union slot *result)
{
    return evaluate_slots(work, expression, result, 1);
}

// In order, each seeing those before it (specification: evalglobals).
static bool add_globals(struct instantiation *work)
{
    const struct module *module = work->module;

    for (uint32_t i = module->imported_global_count; i < module->global_count; i++) {
        const struct global_declaration *declaration = &module->globals[i];
        union slot value[2] = {{0}, {0}};
        struct global *global;

        if (!evaluate_slots(work, &declaration->initial, value,
                            valtype_slots(declaration->type.type)))
            return false;
        global = store_add_global(work->store, declaration->type, value, work->error);
        if (global == NULL)
            return false;
        set_global(work->instance, i, global);
    }
    return true;
}

static bool add_tables(struct instantiation *work)
{
    const struct module *module = work->module;

    for (uint32_t i = module->imported_table_count; i < module->table_count; i++) {
        const struct table_declaration *declaration = &module->tables[i];
        union slot initial = {0};

        if (declaration->has_initial && !evaluate(work, &declaration->initial, &initial))
            return false;
        work->instance->tables[i] =
            store_add_table(work->store, &declaration->type, initial, work->error);
        if (work->instance->tables[i] == NULL)
            return false;
    }
    return true;
}

static bool add_memories(struct instantiation *work)
{
    const struct module *module = work->module;

    for (uint32_t i = module->imported_memory_count; i < module->memory_count; i++) {
        struct memory *memory = store_add_memory(work->store, &module->memories[i], work->error);

        if (memory == NULL)
            return false;
        set_memory(work->instance, i, memory);
    }
    return true;
}

static bool evaluate_elements(struct instantiation *work, uint32_t elemidx)
{
    const struct element_segment *segment = &work->module->elements[elemidx];
    union slot *values;

    if (segment->expressions == NULL || segment->count == 0)
        return true;
    values = arena_array(&work->store->arena, segment->count, sizeof *values);
    if (values == NULL)
        return out_of_memory(work);
    for (uint32_t i = 0; i < segment->count; i++)
        if (!evaluate(work, &segment->expressions[i], &values[i]))
            return false;
    work->instance->element_values[elemidx] = values;
    return true;
}

// Function indices need no values of their own: see instance_table_init.
static bool add_elements(struct instantiation *work)
{
    for (uint32_t i = 0; i < work->module->element_count; i++)
        if (!evaluate_elements(work, i))
            return false;
    return true;
}

bool instantiation_allocate(struct instantiation *work)
{
    work->instance->next = work->store->instances;
    work->store->instances = work->instance;
    return add_globals(work) && add_tables(work) && add_memories(work) && add_elements(work);
}

/* Active segments and the start function, whose effects stay whatever comes after them. */

static bool evaluate_offset(struct instantiation *work, const struct expression *expression,
                            bool address64, uint64_t *offset)
{
    union slot value = {0};

    if (!evaluate(work, expression, &value))
        return false;
    *offset = address64 ? value.u64 : value.u32;
    return true;
}

// specification: runelem_
static bool run_element_segment(struct instantiation *work, uint32_t elemidx)
{
    const struct element_segment *segment = &work->module->elements[elemidx];
    struct instance *instance = work->instance;
    uint64_t offset;
    enum trap_code code;

    if (segment->mode == SEGMENT_PASSIVE)
        return true;
    if (segment->mode == SEGMENT_ACTIVE) {
        const struct table *table = instance->tables[segment->tableidx];

        if (!evaluate_offset(work, &segment->offset, table->type.limits.address64, &offset))
            return false;
        code = instance_table_init(instance, segment->tableidx, elemidx, offset, 0, segment->count);
        if (code != TRAP_NONE)
            return set_trap(work, code);
    }
    instance->element_dropped[elemidx] = true;
    return true;
}

// specification: rundata_
static bool run_data_segment(struct instantiation *work, uint32_t dataidx)
{
    const struct data_segment *segment = &work->module->datas[dataidx];
    struct instance *instance = work->instance;
    const struct memory *memory;
    uint64_t offset;
    enum trap_code code;

    if (segment->mode != SEGMENT_ACTIVE)
        return true;
    memory = instance->memories[segment->memidx];
    if (!evaluate_offset(work, &segment->offset, memory->type.limits.address64, &offset))
        return false;
    code = instance_memory_init(instance, segment->memidx, dataidx, offset, 0, segment->size);
    if (code != TRAP_NONE)
        return set_trap(work, code);
    instance->data_dropped[dataidx] = true;
    return true;
}

bool instantiation_segments(struct instantiation *work)
{
    for (uint32_t i = 0; i < work->module->element_count; i++)
        if (!run_element_segment(work, i))
            return false;
    for (uint32_t i = 0; i < work->module->data_count; i++)
        if (!run_data_segment(work, i))
            return false;
    return true;
}

bool instantiation_start(struct instantiation *work)
{
    union slot nothing = {0}; // start functions take and give nothing
    struct instance *outer = work->store->caller;
    struct function *function;

    if (!work->module->has_start)
        return true;
    function = instance_function(work->instance, work->module->start);
    if (function == NULL)
        return set_trap(work, TRAP_LIMIT);
    work->store->caller = work->instance;
    work->trap = run_function(work->store, function, &nothing);
    work->store->caller = outer;
    return work->trap == TRAP_NONE;
}

enum outcome instantiate(struct store *store, struct module *module, struct instance **instance,
                         struct trap *trap, struct error *error)
{
    struct store_checkpoint before = store_checkpoint(store);
    struct instantiation work = {.store = store, .module = module, .error = error};

    trap_forget(store);
    if (!(instantiation_begin(&work) && bind_imports(&work) && instantiation_allocate(&work)) &&
        work.trap == TRAP_NONE) {
        store_restore(store, &before);
        return OUTCOME_ERROR;
    }
    if (work.trap == TRAP_NONE && instantiation_segments(&work) && instantiation_start(&work)) {
        *instance = work.instance;
        return OUTCOME_OK;
    }
    trap_describe(store, work.trap, trap);
    return OUTCOME_TRAP;
}
