// SPDX-License-Identifier: Apache-2.0
//
// The reference interpreter's exceptions: labels are looked at from the innermost outwards, then
// those of the caller, until one catches.
#include <string.h>

#include "tests/fuzz/reference_machine.h"

/* What is thrown. */

static const struct reference_exception *make_exception(struct reference_machine *m)
{
    const struct reference_tag *tag = m->instance->tags[machine_immediate(m)];
    uint32_t count = tag->type.parameter_count;
    struct reference_exception *exception =
        reference_allocate(m->store, 1, sizeof *exception + count * sizeof *exception->values);

    exception->tag = tag;
    m->sp -= count;
    memcpy(exception->values, m->stack + m->sp, count * sizeof *exception->values);
    return exception;
}

static void push_payload(struct reference_machine *m, const struct reference_exception *exception)
{
    for (uint32_t i = 0; i < exception->tag->type.parameter_count; i++)
        machine_push_value(m, exception->values[i]);
}

/* Who catches. */

// Clauses: 0 catch, 1 catch_ref, 2 catch_all, 3 catch_all_ref.
static bool caught_by_table(struct reference_machine *m, uint32_t index,
                            const struct reference_exception *exception)
{
    const uint8_t *at = m->labels[index].clauses;

    for (uint64_t count = reference_unsigned(&at); count > 0; count--) {
        uint8_t kind = *at++;
        bool fits = kind >= 2 || m->instance->tags[reference_unsigned(&at)] == exception->tag;
        uint32_t label = (uint32_t)reference_unsigned(&at);

        if (!fits)
            continue;
        m->sp = m->labels[index].height;
        m->label_count = index; // its labels are those around the block
        if (kind < 2)
            push_payload(m, exception);
        if (kind & 1)
            machine_push(m, (uintptr_t)exception);
        machine_branch(m, label);
        return true;
    }
    return false;
}

// Its catches follow each other in the code. False: none fits. A delegate says at which label to
// look next.
static bool caught_by_try(struct reference_machine *m, uint32_t *index,
                          const struct reference_exception *exception)
{
    const struct reference_function *function = m->frames[m->frame_count - 1].function;
    struct reference_label *label = &m->labels[*index];
    uint32_t next = function->matches[label->place].otherwise;

    while (next != 0) {
        const uint8_t *at = function->code + next;
        uint8_t opcode = *at++;

        if (opcode == 0x18) {
            uint32_t outwards = (uint32_t)reference_unsigned(&at) + 1;
            *index = *index + 1 > outwards ? *index + 1 - outwards : 0;
            return false;
        }
        if (opcode == 0x19 || m->instance->tags[reference_unsigned(&at)] == exception->tag) {
            label->kind = LABEL_CAUGHT;
            label->exception = exception;
            m->sp = label->height;
            m->label_count = *index + 1;
            m->pc = at;
            if (opcode == 0x07)
                push_payload(m, exception);
            return true;
        }
        next = function->matches[next].otherwise;
    }
    return false;
}

// In the innermost frame.
static bool caught_here(struct reference_machine *m, const struct reference_exception *exception)
{
    uint32_t first = m->frames[m->frame_count - 1].labels;

    for (uint32_t i = m->label_count; i > first;) {
        uint8_t kind = m->labels[--i].kind;

        if (kind == LABEL_TRY_TABLE && caught_by_table(m, i, exception))
            return true;
        if (kind == LABEL_TRY && caught_by_try(m, &i, exception))
            return true;
    }
    return false;
}

static void throw(struct reference_machine * m, const struct reference_exception *exception)
{
    struct reference_store *store = m->store;

    if (m->stopped)
        return;
    store->trap = TRAP_UNCAUGHT_EXCEPTION;
    store->trap_function = m->frames[m->frame_count - 1].function->index;
    store->trap_offset = (uint64_t)(m->at - m->instance->module);
    while (!caught_here(m, exception)) {
        m->label_count = m->frames[m->frame_count - 1].labels;
        if (--m->frame_count == m->first_frame) {
            machine_stop(m, REFERENCE_TRAP);
            return;
        }
        m->instance = m->frames[m->frame_count - 1].function->instance;
    }
}

/* Instructions. */

void machine_throw(struct reference_machine *m, uint8_t opcode)
{
    const struct reference_exception *exception;

    if (opcode == 0x08)
        exception = make_exception(m);
    else if (opcode == 0x09)
        exception = m->labels[m->label_count - 1 - machine_immediate(m)].exception;
    else
        exception = (const struct reference_exception *)(uintptr_t)machine_pop(m);
    if (exception == NULL)
        machine_trap(m, TRAP_NULL_EXCEPTION_REFERENCE);
    else
        throw(m, exception);
}

// The body, or one of the catches, ends as if by a branch to the end.
void machine_end_of_try(struct reference_machine *m)
{
    machine_branch(m, 0);
}
