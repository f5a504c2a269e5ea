// SPDX-License-Identifier: Apache-2.0
//
// Calls that leave the instance: to host functions and to functions of other instances.
#include "sandbox/wasm/handler.h"
#include "sandbox/wasm/run.h"

// What a call into another instance leaves below the callee's frame, where its arguments were: the
// caller's state. The callee returns to `return_across_cell` with this as its caller's frame.
enum across_frame {
    ACROSS_RETURN_PC,
    ACROSS_FP,
    ACROSS_INSTANCE,
    ACROSS_RESULTS, // how many slots they take
    ACROSS_SLOTS,
};

static const struct fixed_cell return_across_cell = {run_return_across, 0};

HANDLER(run_return_across)
{
    ENTER;
    SLOW(pc, return_across);
}

// Back in the caller's instance: its state returns, and the results go to where it expects them.
// The accumulators have the first result already.
SLOW_HANDLER(slow_return_across)
{
    ENTER;
    uint64_t *across = fp;
    const uint8_t *return_pc = (const uint8_t *)across[ACROSS_RETURN_PC];
    uint64_t results = across[ACROSS_RESULTS];

    fp = (uint64_t *)across[ACROSS_FP];
    in = (struct instance *)across[ACROSS_INSTANCE];
    mem = in->memory_base;
    memmove(across, across + ACROSS_SLOTS, results * sizeof *across);
    pc = return_pc;
    SLOW_NEXT(0);
}

bool frame_return(struct frame *frame, uint64_t return_pc, uint64_t caller)
{
    if (return_pc == (uint64_t)&return_across_cell) {
        const uint64_t *across = (const uint64_t *)caller;

        return_pc = across[ACROSS_RETURN_PC];
        caller = across[ACROSS_FP];
        frame->instance = (struct instance *)across[ACROSS_INSTANCE];
    }
    frame->pc = (const uint8_t *)return_pc;
    frame->fp = (uint64_t *)caller;
    return !run_ends_at(return_pc);
}

bool frame_caller(struct frame *frame, const struct code *code)
{
    const uint64_t *header = frame->fp + code->header;

    return frame_return(frame, header[0], header[1]);
}

static bool frame_fits(const struct store *store, const uint64_t *frame, uint64_t slots)
{
    const uint64_t *end = &stack_end(store)->u64;

    return frame <= end && slots <= (uint64_t)(end - frame);
}

// Calls a host function, remembering where it returns to for whoever walks frames meanwhile.
static enum trap_code call_host(struct store *store, const struct function *callee, uint64_t *frame,
                                uint64_t slots, struct frame caller)
{
    struct run *run = store->run;
    struct instance *outer = store->caller;

    run->caller = caller;
    run->arguments = (const union slot *)(const void *)frame;
    run->argument_count = deftype_parameter_slots(type_at(&store->types, callee->type));
    store->caller = caller.instance;
    enum trap_code code = run_host_function(store, callee, (union slot *)(void *)frame,
                                            (union slot *)(void *)(frame + slots));
    store->caller = outer;
    return code;
}

// How many slots a host function reads and writes. The accumulators are filled from the first two,
// whatever it returns, so those must be there.
static uint64_t host_slots(const struct store *store, const struct function *callee)
{
    const struct deftype *type = type_at(&store->types, callee->type);
    uint32_t parameters = deftype_parameter_slots(type), results = deftype_result_slots(type);

    return parameters > results ? parameters : results;
}

SLOW_HANDLER(slow_call_host)
{
    ENTER;
    const struct function *callee = (const struct function *)r0;
    struct store *store = in->store;
    uint64_t *frame = fp + FIELD_A(0);
    uint64_t slots = host_slots(store, callee);

    if (!frame_fits(store, frame, slots + 2))
        TRAP(pc, CALL_STACK_EXHAUSTED);
    enum trap_code code = call_host(store, callee, frame, slots, (struct frame){pc + 24, fp, in});
    if (code != TRAP_NONE) {
        r0 = code;
        SLOW(pc, trap);
    }
    r0 = frame[0];
    d0 = f64_from_bits(frame[0]);
    s0 = f32_from_bits((uint32_t)frame[0]);
    v0 = V128_AT(frame);
    SLOW_NEXT(24);
}

// Through run_resume to the callee as well, which may never come back to a slow function.
SLOW_HANDLER(slow_call_function)
{
    ENTER;
    const struct function *callee = (const struct function *)r0;
    const struct deftype *type = type_at(&in->store->types, callee->type);
    uint64_t *frame = fp + FIELD_A(0);
    const uint8_t *return_pc = pc + 24;

    if (!callee->instance)
        SLOW(pc, call_host);
    if (callee->instance != in) {
        uint64_t *across = frame;
        if (!frame_fits(in->store, frame, ACROSS_SLOTS + callee->header_slot + 2ull))
            TRAP(pc, CALL_STACK_EXHAUSTED);
        memmove(across + ACROSS_SLOTS, frame, deftype_parameter_slots(type) * sizeof *frame);
        across[ACROSS_RETURN_PC] = (uint64_t)return_pc;
        across[ACROSS_FP] = (uint64_t)fp;
        across[ACROSS_INSTANCE] = (uint64_t)in;
        across[ACROSS_RESULTS] = deftype_result_slots(type);
        fp = across; // becomes the callee's caller
        in = callee->instance;
        mem = in->memory_base;
        frame = across + ACROSS_SLOTS;
        return_pc = (const uint8_t *)&return_across_cell;
    }
    frame[callee->header_slot] = (uint64_t)return_pc;
    frame[callee->header_slot + 1] = (uint64_t)fp;
    fp = frame;
    pc = callee->entry;
    SLOW_NEXT(0);
}

// The callee's type is not the expected one, which may yet be a supertype; or it is another
// instance's.
SLOW_HANDLER(slow_call_indirect)
{
    ENTER;
    const struct function *callee = (const struct function *)r0;

    if (!type_matches(&in->store->types, callee->type, FIELD_IMM(0)))
        TRAP(pc, INDIRECT_CALL_TYPE);
    SLOW(pc, call_function);
}

// --- tail calls ---

// A frame that already returns into another instance goes on doing so: any number of tail calls
// between instances leaves one such step on the stack.
SLOW_HANDLER(slow_return_call_function)
{
    ENTER;
    const struct function *callee = (const struct function *)r0;
    const struct deftype *type = type_at(&in->store->types, callee->type);
    const uint64_t *own_header = fp + FIELD_D(0), *arguments = fp + FIELD_A(0);
    uint64_t return_pc = own_header[0], caller = own_header[1];

    if (!callee->instance)
        SLOW(pc, return_call_host);
    if (!frame_fits(in->store, fp, ACROSS_SLOTS + callee->header_slot + 2ull))
        TRAP(pc, CALL_STACK_EXHAUSTED);
    bool steps = callee->instance != in && return_pc != (uint64_t)&return_across_cell;
    memmove(steps ? fp + ACROSS_SLOTS : fp, arguments, FIELD_C(0) * sizeof *fp);
    if (steps) {
        fp[ACROSS_RETURN_PC] = return_pc;
        fp[ACROSS_FP] = caller;
        fp[ACROSS_INSTANCE] = (uint64_t)in;
        fp[ACROSS_RESULTS] = deftype_result_slots(type);
        return_pc = (uint64_t)&return_across_cell;
        caller = (uint64_t)fp;
        fp += ACROSS_SLOTS;
    }
    fp[callee->header_slot] = return_pc;
    fp[callee->header_slot + 1] = caller;
    in = callee->instance;
    mem = in->memory_base;
    pc = callee->entry;
    SLOW_NEXT(0); // such calls may go on forever, so they look for an interruption
}

SLOW_HANDLER(slow_return_call_host)
{
    ENTER;
    const struct function *callee = (const struct function *)r0;
    const uint64_t *own_header = fp + FIELD_D(0), *arguments = fp + FIELD_A(0);
    uint64_t return_pc = own_header[0], caller = own_header[1];
    uint64_t slots = host_slots(in->store, callee);

    if (!frame_fits(in->store, fp, slots + 2))
        TRAP(pc, CALL_STACK_EXHAUSTED);
    memmove(fp, arguments, FIELD_C(0) * sizeof *fp);
    enum trap_code code =
        call_host(in->store, callee, fp, slots,
                  (struct frame){(const uint8_t *)return_pc, (uint64_t *)caller, in});
    if (code != TRAP_NONE) {
        r0 = code;
        SLOW(pc, trap);
    }
    r0 = fp[0];
    d0 = f64_from_bits(fp[0]);
    s0 = f32_from_bits((uint32_t)fp[0]);
    v0 = V128_AT(fp);
    fp = (uint64_t *)caller;
    pc = (const uint8_t *)return_pc;
    SLOW_NEXT(0);
}

SLOW_HANDLER(slow_return_call_indirect)
{
    ENTER;
    const struct function *callee = (const struct function *)r0;

    if (!type_matches(&in->store->types, callee->type, (uint32_t)FIELD_WIDE(0)))
        TRAP(pc, INDIRECT_CALL_TYPE);
    SLOW(pc, return_call_function);
}

SLOW_HANDLER(slow_ref_func)
{
    ENTER;
    r0 = (uint64_t)instance_function(in, FIELD_IMM(0));
    if (r0 == 0)
        TRAP(pc, LIMIT);
    fp[FIELD_A(0)] = r0;
    SLOW_NEXT(16);
}
