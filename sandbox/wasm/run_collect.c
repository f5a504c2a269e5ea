// SPDX-License-Identifier: Apache-2.0
//
// Which exceptions are alive: those that frames, globals, tables and host functions' arguments
// refer to, and what their payloads refer to. Operands are found by the maps beside the code,
// locals by their types: slots that are no references are never looked at.
#include "sandbox/wasm/code.h"
#include "sandbox/wasm/run.h"

struct collection {
    struct store *store;
    uint64_t roots; // places looked at
};

static void mark(struct collection *collection, uint64_t reference)
{
    collection->roots++;
    if (reference != 0)
        exception_mark(&collection->store->exceptions, reference);
}

static bool may_be_exception(valtype type)
{
    return valtype_is_reference(type) && valtype_heaptype(type) == HEAPTYPE_EXN;
}

// --- frames ---

static void mark_map(struct collection *collection, const struct frame *frame,
                     const struct reference_map *map)
{
    const uint8_t *bits = frame->instance->module->reference_bits.base + map->bits;

    for (uint32_t i = 0; i < map->slot_count; i++)
        if (bits[i / 8] >> i % 8 & 1)
            mark(collection, frame->fp[map->first_slot + i]);
}

static void mark_locals(struct collection *collection, const struct frame *frame,
                        const struct code *code)
{
    const struct module *module = frame->instance->module;
    uint32_t index = (uint32_t)(code - module->codes), slot = 0;
    const struct deftype *type = type_at(
        &collection->store->types, module->functions[module->imported_function_count + index].type);
    const struct local_run *runs =
        (const struct local_run *)(const void *)module->exception_locals.base +
        code->exception_locals;

    for (uint32_t i = 0; i < type->parameter_count; i++) {
        valtype parameter = deftype_parameters(type)[i];

        if (may_be_exception(parameter))
            mark(collection, frame->fp[slot]);
        slot += valtype_slots(parameter);
    }
    for (uint32_t i = 0; i < code->exception_local_count; i++)
        for (uint32_t j = 0; j < runs[i].count; j++)
            mark(collection, frame->fp[runs[i].first_slot + j]);
}

static void mark_frame(struct collection *collection, const struct frame *frame,
                       const struct code *code, const struct reference_map *map)
{
    if (!code->holds_references)
        return;
    mark_locals(collection, frame, code);
    if (map)
        mark_map(collection, frame, map);
}

static const struct code *code_of(const struct frame *frame)
{
    return code_at(frame->instance->module, frame->pc - 1);
}

// A frame in which a call is under way, and those outside of it in the same run. Constant
// expressions call nothing.
static void mark_frames(struct collection *collection, struct frame frame)
{
    const struct code *code;

    do {
        code = code_of(&frame);
        if (!code)
            return;
        collection->roots++;
        mark_frame(collection, &frame, code,
                   code_references(frame.instance->module, code, frame.pc));
    } while (frame_caller(&frame, code));
}

// The runs around the innermost one, each of which waits for a host function.
static void mark_outer_runs(struct collection *collection)
{
    const struct store *store = collection->store;

    for (const struct run *run = store->run ? store->run->outer : NULL; run; run = run->outer) {
        struct frame frame = run->caller;

        for (uint64_t i = 0; i < run->argument_count; i++)
            mark(collection, run->arguments[i].u64);
        if (frame_return(&frame, (uint64_t)(uintptr_t)frame.pc, (uint64_t)(uintptr_t)frame.fp))
            mark_frames(collection, frame);
    }
}

// --- everything else ---

static void mark_globals(struct collection *collection)
{
    for (const struct instance *in = collection->store->instances; in; in = in->next) {
        for (uint32_t i = 0; i < in->module->global_count; i++) {
            collection->roots++;
            if (may_be_exception(in->module->globals[i].type.type) && in->globals[i])
                mark(collection, in->globals[i]->u64);
        }
    }
}

static void mark_tables(struct collection *collection)
{
    for (const struct table *table = collection->store->tables_owned; table; table = table->next) {
        for (uint64_t i = 0; may_be_exception(table->type.element) && i < table->size; i++)
            mark(collection, table->elements[i].u64);
    }
}

static void mark_payloads(struct collection *collection)
{
    struct exception *object;

    while ((object = exception_take_marked(&collection->store->exceptions))) {
        const struct deftype *type = type_at(&collection->store->types, object->tag->type);
        const union slot *value = object->values;

        for (uint32_t i = 0; i < type->parameter_count; i++) {
            valtype parameter = deftype_parameters(type)[i];

            if (may_be_exception(parameter))
                mark(collection, value->u64);
            value += valtype_slots(parameter);
        }
    }
}

void run_collect(struct store *store, const struct frame *frame,
                 const struct exception_clause *landing, const union slot *values, uint32_t count)
{
    struct collection collection = {.store = store};
    const struct module *module = frame->instance->module;
    const struct reference_map *maps =
        (const struct reference_map *)(const void *)module->landing_references.base;
    const struct code *code = code_of(frame);
    struct frame caller = *frame;

    for (uint32_t i = 0; i < count; i++)
        mark(&collection, values[i].u64);
    mark_frame(&collection, frame, code,
               landing->references == 0 ? NULL : &maps[landing->references - 1]);
    if (frame_caller(&caller, code))
        mark_frames(&collection, caller);
    mark_outer_runs(&collection);
    mark_globals(&collection);
    mark_tables(&collection);
    mark_payloads(&collection);
    exception_sweep(&store->exceptions, collection.roots);
}
