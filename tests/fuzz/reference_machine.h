// SPDX-License-Identifier: Apache-2.0
/* The reference interpreter's machine, which the files of its execution share. */
#pragma once

#include <assert.h>

#include "tests/fuzz/reference.h"

#define REFERENCE_STACK_SLOTS 65536u
#define REFERENCE_FRAMES      16384u
#define REFERENCE_LABELS      65536u

struct reference_frame {
    const struct reference_function *function;
    const uint8_t *pc; /* where it goes on after a call */
    uint32_t base;     /* of its locals */
    uint32_t labels;   /* of its caller */
};

enum label_kind {
    LABEL_PLAIN,
    LABEL_LOOP,
    LABEL_TRY_TABLE,
    LABEL_TRY,    /* the body of a legacy try */
    LABEL_CAUGHT, /* one of its catches */
};

struct reference_label {
    const uint8_t *target;
    uint32_t arity;
    uint32_t height;
    uint8_t kind;
    const uint8_t *clauses;                      /* of a try_table */
    uint32_t place;                              /* of a try: where it stands in the code */
    const struct reference_exception *exception; /* of a catch */
};

struct reference_machine {
    struct reference_value stack[REFERENCE_STACK_SLOTS];
    struct reference_frame frames[REFERENCE_FRAMES];
    struct reference_label labels[REFERENCE_LABELS];
    struct reference_store *store;
    struct reference_instance *instance;
    const uint8_t *pc;
    const uint8_t *at; /* the current instruction */
    uint32_t sp, frame_count, label_count;
    uint32_t first_frame; /* of the current call from the host */
    uint32_t calls;       /* from the host, under way */
    bool stopped;
    enum reference_outcome outcome;
};

static inline void machine_stop(struct reference_machine *m, enum reference_outcome outcome)
{
    if (m->stopped)
        return;
    m->stopped = true;
    m->outcome = outcome;
}

static inline void machine_trap(struct reference_machine *m, enum trap_code code)
{
    struct reference_store *store = m->store;

    if (m->stopped)
        return;
    store->trap = code;
    store->trap_function = m->frames[m->frame_count - 1].function->index;
    store->trap_offset = m->instance ? (uint64_t)(m->at - m->instance->module) : 0;
    machine_stop(m, REFERENCE_TRAP);
}

static inline void machine_push_value(struct reference_machine *m, struct reference_value value)
{
    if (m->sp < REFERENCE_STACK_SLOTS)
        m->stack[m->sp++] = value;
    else
        machine_stop(m, REFERENCE_STACK);
}

static inline struct reference_value machine_pop_value(struct reference_machine *m)
{
    assert(m->sp > 0);
    return m->stack[--m->sp];
}

static inline void machine_push(struct reference_machine *m, uint64_t value)
{
    machine_push_value(m, (struct reference_value){value, 0});
}

static inline uint64_t machine_pop(struct reference_machine *m)
{
    return machine_pop_value(m).low;
}

/* An address, size or index of 32 or 64 bits. */
static inline uint64_t machine_pop_address(struct reference_machine *m, bool is_64)
{
    uint64_t address = machine_pop(m);

    return is_64 ? address : (uint32_t)address;
}

static inline uint32_t machine_immediate(struct reference_machine *m)
{
    return (uint32_t)reference_unsigned(&m->pc);
}

/* A memory argument, which stands at m->pc. */
struct reference_memarg {
    struct reference_memory *memory;
    uint64_t offset;
};
struct reference_memarg machine_memarg(struct reference_machine *m);
/* Pops the address. False: it is out of bounds, and the machine has trapped. */
bool machine_address(struct reference_machine *m, struct reference_memarg memarg, uint32_t width,
                     uint64_t *at);

/* Instructions, by their opcodes; m->pc is behind those. */
void machine_access(struct reference_machine *m, uint8_t opcode);
void machine_memory_size(struct reference_machine *m, uint8_t opcode);
void machine_bulk_memory(struct reference_machine *m, uint32_t opcode);
void machine_table_access(struct reference_machine *m, uint8_t opcode);
void machine_bulk_table(struct reference_machine *m, uint32_t opcode);
void machine_vector(struct reference_machine *m);

/* throw, throw_ref, rethrow. */
void machine_throw(struct reference_machine *m, uint8_t opcode);
/* catch and catch_all are met at the end of a try's body; delegate too. */
void machine_end_of_try(struct reference_machine *m);

/* In reference.c. */
void machine_branch(struct reference_machine *m, uint32_t index);
void machine_push_label(struct reference_machine *m, struct reference_label label);
