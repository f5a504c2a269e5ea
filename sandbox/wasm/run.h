// SPDX-License-Identifier: Apache-2.0
//
// Running code: the entry from C into threaded code and the way back.
//
// A frame on the slot stack is [parameters][locals][return pc][caller's fp][operands]; a callee's
// frame begins at the caller's home of the first argument. The outermost frame of a run returns to
// a cell that ends it. Host functions may start a run inside a run, further up the same stack.
#pragma once

#include <setjmp.h>

#include "sandbox/wasm/instance.h"

// A frame, for whoever walks them: `pc` is the cell that comes next there, behind the call or the
// throw that is under way.
struct frame {
    const uint8_t *pc;
    uint64_t *fp;
    struct instance *instance;
};

// Goes on to the caller within the run; false if there is none. The second form is for a frame of
// which nothing is known but its header's content.
bool frame_caller(struct frame *frame, const struct code *code);
bool frame_return(struct frame *frame, uint64_t return_pc, uint64_t caller);

// Does a frame with this return pc end its run?
bool run_ends_at(uint64_t return_pc);

// Frees the exceptions that nothing refers to any more: neither a frame, from `frame` outwards,
// where what `landing` names is live in the first one, nor those of the runs around, nor anything
// else, nor the `count` values of `values`. In run_collect.c.
void run_collect(struct store *store, const struct frame *frame,
                 const struct exception_clause *landing, const union slot *values, uint32_t count);

// A run under way, on the native stack.
struct run {
    sigjmp_buf landing; // where faults and interruptions end it
    struct store *store;
    struct run *outer;         // of the same store
    struct run *enclosing;     // in the same thread, perhaps of another store
    struct store *outer_store; // trap_store, to be restored
    union slot *stack_top;     // to be restored

    // While a host function is called: to where it returns, and its arguments, which it may hold
    // on to.
    struct frame caller;
    const union slot *arguments;
    uint64_t argument_count;
};

// Around whatever the embedder asks of a store that may run code: from here on, interruptions are
// the store's, and those of before are forgotten unless a run is under way.
struct run_entry {
    struct store *outer_store; // whose the thread was
    struct run *enclosing;
};
void run_begin_entry(struct store *store, struct run_entry *entry);
void run_end_entry(struct store *store, const struct run_entry *entry);

// Calls a function: slots[0..] hold the arguments and then the results. On a trap, its code is
// returned and store->trap, trap_pc and trap_instance tell more.
enum trap_code run_function(struct store *store, const struct function *function,
                            union slot *slots);

// Evaluates a constant expression of the instance's module to `result`, which takes so many slots.
enum trap_code run_expression(struct store *store, struct instance *instance, struct code *code,
                              union slot *result, uint32_t slots);

// Calls a host function with its slots, which stand at the top of what the slot stack holds or
// outside of it. `stack_top`: where a run inside it may begin.
enum trap_code run_host_function(struct store *store, const struct function *function,
                                 union slot *slots, union slot *stack_top);

// First slot that is not the stack's.
static inline union slot *stack_end(const struct store *store)
{
    return store->stack + store->stack_bytes / sizeof(union slot);
}

// Metered stores: takes `fuel` for work that is not counted by instructions. False when there is
// not as much left.
static inline bool store_pay(struct store *store, uint64_t fuel)
{
    if (!store->metered)
        return true;
    if (store->fuel < fuel)
        return false;
    store->fuel -= fuel;
    return true;
}
