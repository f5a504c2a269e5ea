// SPDX-License-Identifier: Apache-2.0
//
// Throwing: frames are walked outwards until a clause of one catches the tag (code.h), and its
// payload is copied straight to where that lands. Nothing is done for frames that are left.
#include "sandbox/wasm/code.h"
#include "sandbox/wasm/handler.h"
#include "sandbox/wasm/run.h"

#define STEPS_PER_FUEL 4u
#define FUEL_PER_PAGE  128u // of a heap that is searched for room

// What is on its way. The payload stands in the thrower's frame, above all that is written, or in
// the object.
struct thrown {
    const struct tag *tag;
    const union slot *values;
    uint32_t count;           // slots
    struct exception *object; // NULL as long as nobody asked for one
};

// Where the heap is as large as it may be, each new object may take a collection, which nothing
// that was made since the one before has paid for.
static enum trap_code make_object(struct store *store, struct thrown *thrown,
                                  const struct frame *frame, const struct exception_clause *clause)
{
    struct exception_heap *heap = &store->exceptions;

    if (exception_heap_is_due(heap))
        run_collect(store, frame, clause, thrown->values, thrown->count);
    thrown->object = exception_new(heap, thrown->tag, thrown->values, thrown->count);
    if (!thrown->object) {
        if (!store_pay(store, (uint64_t)heap->page_count * FUEL_PER_PAGE))
            return TRAP_FUEL_EXHAUSTED;
        run_collect(store, frame, clause, thrown->values, thrown->count);
        thrown->object = exception_new(heap, thrown->tag, thrown->values, thrown->count);
    }
    return thrown->object ? TRAP_NONE : TRAP_LIMIT;
}

// Puts what was caught where the clause wants it.
static enum trap_code land(struct store *store, struct thrown *thrown, struct frame *frame,
                           const struct code *code, const struct exception_clause *clause)
{
    if (clause->wants_object && !thrown->object) {
        enum trap_code trap = make_object(store, thrown, frame, clause);
        if (trap != TRAP_NONE)
            return trap;
    }
    if (clause->tagidx != CLAUSE_ANY_TAG)
        memmove(frame->fp + clause->slot, thrown->values, thrown->count * sizeof *thrown->values);
    if (clause->reference_slot != 0)
        frame->fp[clause->reference_slot] =
            clause->wants_object ? (uint64_t)(uintptr_t)thrown->object : 0;
    frame->pc = code_landing(code, clause);
    return TRAP_NONE;
}

// Sets `frame` to where the exception lands. A frame may have a million try blocks, and there may
// be many frames: what is looked at is paid frame by frame, and an interruption waits for one at
// most.
static enum trap_code unwind(struct store *store, struct thrown *thrown, struct frame *frame)
{
    uint64_t steps = 0;
    const struct code *code;

    do {
        if (store->interrupted)
            return TRAP_INTERRUPTED;
        code = code_at(frame->instance->module, frame->pc - 1);
        const struct exception_clause *clause =
            code_catch(frame->instance, code, frame->pc, thrown->tag, &steps);
        if (!store_pay(store, steps / STEPS_PER_FUEL))
            return TRAP_FUEL_EXHAUSTED;
        steps %= STEPS_PER_FUEL;
        if (clause)
            return land(store, thrown, frame, code, clause);
    } while (steps++, frame_caller(frame, code));
    return TRAP_UNCAUGHT_EXCEPTION;
}

#define UNWIND(thrown_)                                                                            \
    do {                                                                                           \
        struct frame frame = {pc + 16, fp, in};                                                    \
        enum trap_code code = unwind(in->store, &(thrown_), &frame);                               \
        if (code != TRAP_NONE) {                                                                   \
            r0 = code;                                                                             \
            SLOW(pc, trap);                                                                        \
        }                                                                                          \
        pc = frame.pc;                                                                             \
        fp = frame.fp;                                                                             \
        in = frame.instance;                                                                       \
        mem = in->memory_base;                                                                     \
    } while (0)

SLOW_HANDLER(slow_throw)
{
    ENTER;
    const struct tag *tag = in->tags[FIELD_IMM(0)];
    struct thrown thrown = {.tag = tag,
                            .values = (const union slot *)(const void *)(fp + FIELD_A(0)),
                            .count =
                                deftype_parameter_slots(type_at(&in->store->types, tag->type))};

    UNWIND(thrown);
    SLOW_NEXT(0);
}

// A host may give back what it no longer had a right to: that is no object, or another one.
SLOW_HANDLER(slow_throw_ref)
{
    ENTER;
    uint64_t reference = fp[FIELD_A(0)];

    if (!exception_is_object(&in->store->exceptions, reference))
        TRAP(pc, NULL_EXCEPTION_REFERENCE);
    struct exception *object = (struct exception *)(uintptr_t)reference;
    struct thrown thrown = {object->tag, object->values, object->count, object};
    UNWIND(thrown);
    SLOW_NEXT(0);
}
