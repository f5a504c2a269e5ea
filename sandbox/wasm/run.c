// SPDX-License-Identifier: Apache-2.0
#include "sandbox/wasm/run.h"

#include "sandbox/wasm/code.h"
#include "sandbox/wasm/handler.h"
#include "sandbox/wasm/limits.h"
#include "sandbox/wasm/link.h"

// --- the cells and handlers that no translation emits ---

static const struct fixed_cell halt_cell = {run_halt, 0};

bool run_ends_at(uint64_t return_pc)
{
    return return_pc == (uint64_t)(uintptr_t)&halt_cell;
}

HANDLER(run_halt)
{
    ENTER;
    LEAVE;
}

HANDLER(run_resume)
{
    ENTER;
    if (in->store->interrupted)
        TRAP(pc, INTERRUPTED);
    NEXT(0);
}

HANDLER(run_link)
{
    ENTER;
    SLOW(pc, link);
}

SLOW_HANDLER(slow_link)
{
    ENTER;
    struct code *code = code_at(in->module, pc);

    if (!link_code(in->module, code))
        TRAP(pc, LIMIT);
    SLOW_NEXT(0);
}

static void interrupt_all(struct store *store);

SLOW_HANDLER(slow_trap)
{
    ENTER;
    struct store *store = in->store;

    if (r0 == TRAP_INTERRUPTED)
        interrupt_all(store);
    store->trap = (enum trap_code)r0;
    store->trap_pc = pc;
    store->trap_instance = in;
    LEAVE;
}

SLOW_HANDLER(slow_zero_many)
{
    ENTER;
    memset(fp + FIELD_A(0), 0, FIELD_B(0) * sizeof *fp);
    SLOW_NEXT(16);
}

// --- runs ---

// An interruption is of all runs of the thread: those around this one, perhaps of other stores, are
// to end as well, whatever a host function makes of its end.
static void interrupt_all(struct store *store)
{
    for (struct run *run = store->run; run; run = run->enclosing)
        run->store->interrupted = 1;
}

void run_begin_entry(struct store *store, struct run_entry *entry)
{
    *entry = (struct run_entry){trap_store, store->enclosing};
    if (!store->run)
        store->interrupted = 0;
    store->enclosing = trap_store ? trap_store->run : NULL;
    trap_store = store;
}

void run_end_entry(struct store *store, const struct run_entry *entry)
{
    store->enclosing = entry->enclosing;
    trap_store = entry->outer_store;
}

void run_landing(uintptr_t trap_code)
{
    struct store *store = trap_store;

    store->trap = (enum trap_code)trap_code;
    if (trap_code == TRAP_INTERRUPTED)
        interrupt_all(store);
    siglongjmp(store->run->landing, 1);
}

#if PINFOLD_DISPATCH_TAIL
static void dispatch(const uint8_t *pc, uint64_t *fp, struct instance *in)
{
    run_resume(pc, fp, in->memory_base, 0, in, 0, 0, (v128){0});
}
#else
// In the handlers' section, so that an interruption ends the run here as well: never inlined.
HANDLER_SECTION static __attribute__((noinline)) void dispatch(const uint8_t *pc, uint64_t *fp,
                                                               struct instance *in)
{
    struct registers registers = {.fp = fp, .mem = in->memory_base, .in = in};

    // Instrumented handlers call what is outside of their section, where an interruption only sets
    // the flag: this form looks at it at every cell.
    while (pc) {
        handler *next =
            registers.in->store->interrupted ? run_resume : *(handler *const *)(const void *)pc;
        pc = next(pc, &registers);
    }
}
#endif

// Nothing here changes after sigsetjmp, which would be lost.
static void run_guarded(struct run *run, const uint8_t *pc, uint64_t *fp, struct instance *in)
{
    if (sigsetjmp(run->landing, 0) == 0)
        dispatch(pc, fp, in);
}

static void begin_run(struct store *store, struct run *run)
{
    *run = (struct run){.store = store,
                        .outer = store->run,
                        .enclosing = store->enclosing,
                        .outer_store = trap_store,
                        .stack_top = store->stack_top};
    store->run = run;
    trap_store = store;
    store->run_depth++;
    store->trap = TRAP_NONE;
    store->trap_pc = NULL;
    store->trap_instance = NULL;
}

static enum trap_code end_run(struct store *store, struct run *run)
{
    enum trap_code code = store->trap;

    store->run = run->outer;
    store->run_depth--;
    store->stack_top = run->stack_top;
    trap_store = run->outer_store;
    store->trap = TRAP_NONE;
    return code;
}

// Runs the code at `entry` in a new outermost frame whose first slots are filled already.
static enum trap_code run_frame(struct instance *in, const uint8_t *entry, uint32_t header_slot)
{
    struct store *store = in->store;
    union slot *frame = store->stack_top;
    struct run run;

    if (store->run_depth >= LIMIT_NESTED_RUNS)
        return TRAP_CALL_STACK_EXHAUSTED;
    frame[header_slot].u64 = (uint64_t)(uintptr_t)&halt_cell;
    frame[header_slot + 1].u64 = 0;
    begin_run(store, &run);
    run_guarded(&run, entry, &frame->u64, in);
    return end_run(store, &run);
}

static bool fits_stack(const struct store *store, uint64_t slots)
{
    return slots <= (uint64_t)(stack_end(store) - store->stack_top);
}

enum trap_code run_host_function(struct store *store, const struct function *function,
                                 union slot *slots, union slot *stack_top)
{
    union slot *saved = store->stack_top;

    store->stack_top = stack_top;
    enum trap_code code = function->callback(function->context, store, slots);
    store->stack_top = saved;
    return code;
}

enum trap_code run_function(struct store *store, const struct function *function, union slot *slots)
{
    const struct deftype *type = type_at(&store->types, function->type);
    union slot *frame = store->stack_top;

    if (!function->instance)
        return run_host_function(store, function, slots, frame);
    if (!fits_stack(store, function->header_slot + 2ull))
        return TRAP_CALL_STACK_EXHAUSTED;
    memcpy(frame, slots, deftype_parameter_slots(type) * sizeof *slots);
    enum trap_code code = run_frame(function->instance, function->entry, function->header_slot);
    if (code == TRAP_NONE)
        memcpy(slots, frame, deftype_result_slots(type) * sizeof *slots);
    return code;
}

enum trap_code run_expression(struct store *store, struct instance *instance, struct code *code,
                              union slot *result, uint32_t slots)
{
    if (!fits_stack(store, code->header + 2ull))
        return TRAP_CALL_STACK_EXHAUSTED;
    if (!code->linked && !link_code(instance->module, code))
        return TRAP_LIMIT;
    enum trap_code trap = run_frame(instance, code->entry, code->header);
    memcpy(result, store->stack_top, slots * sizeof *result);
    return trap;
}
