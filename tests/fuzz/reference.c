// SPDX-License-Identifier: Apache-2.0
//
// The reference interpreter's execution: everything but arithmetic.
#include "tests/fuzz/reference.h"

#include <string.h>

#include "tests/fuzz/reference_machine.h"

#define CALLS_MAX       48u // from the host
#define HOST_VALUES_MAX 64u // of a function of the host

/* The machine. */

void machine_push_label(struct reference_machine *m, struct reference_label label)
{
    if (m->label_count < REFERENCE_LABELS)
        m->labels[m->label_count++] = label;
    else
        machine_stop(m, REFERENCE_STACK);
}

// The values on top go down to `to`.
static void move_down(struct reference_machine *m, uint32_t count, uint32_t to)
{
    memmove(m->stack + to, m->stack + m->sp - count, count * sizeof *m->stack);
    m->sp = to + count;
}

// Values as the host has them: a v128 is two slots.
static void flatten(const struct reference_value *values, const reference_valtype *types,
                    uint32_t count, uint64_t *slots)
{
    for (uint32_t i = 0; i < count; i++) {
        *slots++ = values[i].low;
        if (types[i] == TYPE_V128)
            *slots++ = values[i].high;
    }
}

static void unflatten(struct reference_value *values, const reference_valtype *types,
                      uint32_t count, const uint64_t *slots)
{
    for (uint32_t i = 0; i < count; i++) {
        values[i] = (struct reference_value){*slots++, 0};
        if (types[i] == TYPE_V128)
            values[i].high = *slots++;
    }
}

static void enter(struct reference_machine *m, const struct reference_function *function)
{
    const struct reference_type *type = &function->type;
    uint32_t base = m->sp - type->parameter_count;

    if (m->frame_count == REFERENCE_FRAMES ||
        base + function->local_count > REFERENCE_STACK_SLOTS) {
        machine_stop(m, REFERENCE_STACK);
        return;
    }
    m->frames[m->frame_count++] = (struct reference_frame){function, m->pc, base, m->label_count};
    while (m->sp < base + function->local_count)
        machine_push(m, 0);
    machine_push_label(m, (struct reference_label){.target = function->end,
                                                   .arity = type->result_count,
                                                   .height = m->sp});
    m->instance = function->instance;
    m->pc = function->code;
    // A frame of the engine's has a header, and room for results.
    uint64_t depth = 2 * m->sp + m->frame_count * 8ull + 2 * type->result_count;
    if (depth > m->store->deepest)
        m->store->deepest = depth;
}

static void leave(struct reference_machine *m)
{
    struct reference_frame frame = m->frames[--m->frame_count];

    move_down(m, frame.function->type.result_count, frame.base);
    m->label_count = frame.labels;
    m->pc = frame.pc;
    m->instance = m->frame_count ? m->frames[m->frame_count - 1].function->instance : NULL;
}

static void call_host(struct reference_machine *m, const struct reference_function *function)
{
    const struct reference_type *type = &function->type;
    struct reference_value *stack = m->stack + m->sp - type->parameter_count;
    uint64_t slots[2 * HOST_VALUES_MAX];

    if (type->parameter_count > HOST_VALUES_MAX || type->result_count > HOST_VALUES_MAX ||
        m->sp + type->result_count > REFERENCE_STACK_SLOTS) {
        machine_stop(m, REFERENCE_STACK);
        return;
    }
    flatten(stack, type->parameters, type->parameter_count, slots);
    enum trap_code code = m->store->host(m->store->host_context, function, slots);
    if (code == TRAP_COUNT) {
        machine_stop(m, m->store->outcome);
    } else if (code != TRAP_NONE) {
        machine_trap(m, code);
    } else {
        unflatten(stack, type->results, type->result_count, slots);
        m->sp = m->sp - type->parameter_count + type->result_count;
    }
}

static void call(struct reference_machine *m, const struct reference_function *function)
{
    if (function->instance != NULL)
        enter(m, function);
    else
        call_host(m, function);
}

static void return_from(struct reference_machine *m)
{
    machine_branch(m, m->label_count - 1 - m->frames[m->frame_count - 1].labels);
}

// The frame goes before the call, so that the stack is as if its caller had called.
static void tail_call(struct reference_machine *m, const struct reference_function *function)
{
    if (function->instance == NULL) {
        call_host(m, function);
        if (!m->stopped)
            return_from(m);
        return;
    }
    struct reference_frame frame = m->frames[--m->frame_count];
    move_down(m, function->type.parameter_count, frame.base);
    m->label_count = frame.labels;
    m->pc = frame.pc;
    enter(m, function);
}

void machine_branch(struct reference_machine *m, uint32_t index)
{
    const struct reference_label label = m->labels[m->label_count - 1 - index];

    m->label_count -= index + (label.kind == LABEL_LOOP ? 0 : 1);
    move_down(m, label.arity, label.height);
    m->pc = label.target;
    if (m->label_count == m->frames[m->frame_count - 1].labels)
        leave(m);
}

// A block type's numbers of parameters and results.
static void block_arity(struct reference_machine *m, uint32_t *parameters, uint32_t *results)
{
    int64_t type = reference_signed(&m->pc);

    if (type == -28 || type == -29) // a reference with its heap type
        reference_signed(&m->pc);
    *parameters = type >= 0 ? m->instance->types[type].parameter_count : 0;
    *results = type >= 0 ? m->instance->types[type].result_count : type != -64;
}

static void skip_clauses(struct reference_machine *m)
{
    for (uint32_t count = machine_immediate(m); count > 0; count--) {
        if (*m->pc++ < 2)
            machine_immediate(m); // the tag
        machine_immediate(m);
    }
}

static void block(struct reference_machine *m, uint8_t opcode)
{
    const struct reference_function *function = m->frames[m->frame_count - 1].function;
    uint32_t place = (uint32_t)(m->at - function->code);
    struct reference_match match = function->matches[place];
    uint32_t parameters, results;
    bool taken = true;

    block_arity(m, &parameters, &results);
    struct reference_label label = {.target = function->code + match.end, .arity = results};
    if (opcode == 0x1f) {
        label.kind = LABEL_TRY_TABLE;
        label.clauses = m->pc;
        skip_clauses(m);
    } else if (opcode == 0x04) {
        taken = (uint32_t)machine_pop(m) != 0;
    } else if (opcode == 0x03) {
        label = (struct reference_label){m->pc, parameters, .kind = LABEL_LOOP};
    } else if (opcode == 0x06) {
        label.kind = LABEL_TRY;
        label.place = place;
    }
    if (!taken && match.otherwise == 0) {
        m->pc = function->code + match.end;
        return;
    }
    label.height = m->sp - parameters;
    machine_push_label(m, label);
    if (!taken)
        m->pc = function->code + match.otherwise;
}

static void branch_table(struct reference_machine *m)
{
    uint32_t count = machine_immediate(m), index = (uint32_t)machine_pop(m), label;

    if (index > count)
        index = count;
    do
        label = machine_immediate(m);
    while (index-- > 0);
    machine_branch(m, label);
}

// The function that a table has for the call, NULL after a trap.
static const struct reference_function *look_up(struct reference_machine *m)
{
    const struct reference_type *type = &m->instance->types[machine_immediate(m)];
    const struct reference_table *table = m->instance->tables[machine_immediate(m)];
    uint64_t index = machine_pop_address(m, table->is_64);

    if (index >= table->size) {
        machine_trap(m, TRAP_UNDEFINED_ELEMENT);
        return NULL;
    }
    const struct reference_function *function =
        (const struct reference_function *)(uintptr_t)table->elements[index];
    if (function == NULL)
        machine_trap(m, TRAP_UNINITIALIZED_ELEMENT);
    else if (function->type.number != type->number)
        machine_trap(m, TRAP_INDIRECT_CALL_TYPE);
    return m->stopped ? NULL : function;
}

// The function that is called, NULL after a trap.
static const struct reference_function *callee(struct reference_machine *m, uint8_t opcode)
{
    if (opcode == 0x10 || opcode == 0x12)
        return m->instance->functions[machine_immediate(m)];
    if (opcode == 0x11 || opcode == 0x13)
        return look_up(m);
    machine_immediate(m);
    const struct reference_function *function =
        (const struct reference_function *)(uintptr_t)machine_pop(m);
    if (function == NULL)
        machine_trap(m, TRAP_NULL_FUNCTION_REFERENCE);
    return function;
}

static void any_call(struct reference_machine *m, uint8_t opcode)
{
    const struct reference_function *function = callee(m, opcode);

    if (function == NULL)
        return;
    if (opcode == 0x12 || opcode == 0x13 || opcode == 0x15)
        tail_call(m, function);
    else
        call(m, function);
}

static void end_of_block(struct reference_machine *m)
{
    m->label_count--;
    if (m->label_count == m->frames[m->frame_count - 1].labels)
        leave(m);
}

static void branch_if(struct reference_machine *m)
{
    uint32_t label = machine_immediate(m);

    if ((uint32_t)machine_pop(m))
        machine_branch(m, label);
}

static void control(struct reference_machine *m, uint8_t opcode)
{
    switch (opcode) {
    case 0x00:
        machine_trap(m, TRAP_UNREACHABLE);
        break;
    case 0x01:
        break;
    case 0x02:
    case 0x03:
    case 0x04:
    case 0x06:
    case 0x1f:
        block(m, opcode);
        break;
    case 0x07: // the end of a try, or of one of its catches
    case 0x18:
    case 0x19:
        machine_end_of_try(m);
        break;
    case 0x08:
    case 0x09:
    case 0x0a:
        machine_throw(m, opcode);
        break;
    case 0x05: // the end of the first branch of an if
        machine_branch(m, 0);
        break;
    case 0x0b:
        end_of_block(m);
        break;
    case 0x0c:
        machine_branch(m, machine_immediate(m));
        break;
    case 0x0d:
        branch_if(m);
        break;
    case 0x0e:
        branch_table(m);
        break;
    case 0x0f:
        return_from(m);
        break;
    default: // 0x10 to 0x13
        any_call(m, opcode);
    }
}

static void select_value(struct reference_machine *m, uint8_t opcode)
{
    if (opcode == 0x1c) {
        machine_immediate(m); // one type
        reference_read_type(m->instance, &m->pc);
    }
    uint32_t condition = (uint32_t)machine_pop(m);
    struct reference_value right = machine_pop_value(m), left = machine_pop_value(m);
    machine_push_value(m, condition ? left : right);
}

static void variable(struct reference_machine *m, uint8_t opcode)
{
    struct reference_value *locals = m->stack + m->frames[m->frame_count - 1].base;

    switch (opcode) {
    case 0x1a:
        machine_pop(m);
        break;
    case 0x1b:
    case 0x1c:
        select_value(m, opcode);
        break;
    case 0x20:
        machine_push_value(m, locals[machine_immediate(m)]);
        break;
    case 0x21:
        locals[machine_immediate(m)] = machine_pop_value(m);
        break;
    case 0x22:
        locals[machine_immediate(m)] = m->stack[m->sp - 1];
        break;
    case 0x23:
        machine_push_value(m, m->instance->globals[machine_immediate(m)]->value);
        break;
    case 0x24:
        m->instance->globals[machine_immediate(m)]->value = machine_pop_value(m);
        break;
    case 0x25:
    case 0x26:
        machine_table_access(m, opcode);
        break;
    default:
        machine_stop(m, REFERENCE_OTHER);
    }
}

/* The rest. */

static void numeric(struct reference_machine *m, uint32_t opcode)
{
    uint64_t right = reference_is_unary(opcode) ? 0 : machine_pop(m), left = machine_pop(m);
    enum trap_code fault;
    uint64_t result = reference_numeric(opcode, left, right, &fault);

    if (fault == TRAP_COUNT)
        machine_stop(m, REFERENCE_UNDETERMINED);
    else if (fault != TRAP_NONE)
        machine_trap(m, fault);
    else
        machine_push(m, result);
}

static void constant(struct reference_machine *m, uint8_t opcode)
{
    uint32_t low;
    uint64_t bits;

    if (opcode == 0x41) {
        machine_push(m, (uint32_t)reference_signed(&m->pc));
    } else if (opcode == 0x42) {
        machine_push(m, (uint64_t)reference_signed(&m->pc));
    } else if (opcode == 0x43) {
        memcpy(&low, m->pc, sizeof low);
        m->pc += sizeof low;
        machine_push(m, low);
    } else {
        memcpy(&bits, m->pc, sizeof bits);
        m->pc += sizeof bits;
        machine_push(m, bits);
    }
}

// br_on_null and br_on_non_null.
static void branch_on_null(struct reference_machine *m, bool on_null)
{
    uint32_t label = machine_immediate(m);
    uint64_t reference = machine_pop(m);

    if (reference != 0)
        machine_push(m, reference);
    if ((reference == 0) == on_null)
        machine_branch(m, label);
}

static void reference(struct reference_machine *m, uint8_t opcode)
{
    switch (opcode) {
    case 0xd0:
        reference_signed(&m->pc);
        machine_push(m, 0);
        break;
    case 0xd1:
        machine_push(m, machine_pop(m) == 0);
        break;
    case 0xd2:
        machine_push(m, (uintptr_t)m->instance->functions[machine_immediate(m)]);
        break;
    case 0xd4:
        if (m->stack[m->sp - 1].low == 0)
            machine_trap(m, TRAP_NULL_REFERENCE);
        break;
    case 0xd5:
    case 0xd6:
        branch_on_null(m, opcode == 0xd5);
        break;
    default:
        machine_stop(m, REFERENCE_OTHER);
    }
}

static void prefixed(struct reference_machine *m)
{
    uint32_t opcode = machine_immediate(m);

    if (opcode < 8)
        numeric(m, 0x100 + opcode);
    else if (opcode < 12)
        machine_bulk_memory(m, opcode);
    else
        machine_bulk_table(m, opcode);
}

static void step(struct reference_machine *m)
{
    uint8_t opcode = *m->pc;

    if (m->store->steps >= m->store->steps_max) {
        machine_stop(m, REFERENCE_STEPS);
        return;
    }
    m->store->steps++;
    m->at = m->pc++;
    if (opcode <= 0x13 || opcode == 0x18 || opcode == 0x19 || opcode == 0x1f)
        control(m, opcode);
    else if (opcode == 0x14 || opcode == 0x15)
        any_call(m, opcode);
    else if (opcode <= 0x26)
        variable(m, opcode);
    else if (opcode <= 0x3e)
        machine_access(m, opcode);
    else if (opcode <= 0x40)
        machine_memory_size(m, opcode);
    else if (opcode <= 0x44)
        constant(m, opcode);
    else if (opcode <= 0xc4)
        numeric(m, opcode);
    else if (opcode <= 0xd6)
        reference(m, opcode);
    else if (opcode == 0xfd)
        machine_vector(m);
    else
        prefixed(m);
}

// Runs until no more than `frames` frames are left.
static enum reference_outcome run(struct reference_machine *m, uint32_t frames)
{
    while (!m->stopped && m->frame_count > frames)
        step(m);
    return m->stopped ? m->outcome : REFERENCE_OK;
}

void reference_init(struct reference_store *store)
{
    static struct reference_machine machine; // too large to clear each time

    *store = (struct reference_store){.machine = &machine};
    machine.store = store;
    machine.sp = machine.frame_count = machine.label_count = machine.calls = 0;
    machine.first_frame = 0;
    machine.instance = NULL;
    machine.stopped = false;
}

void reference_fuel(struct reference_store *store, uint64_t steps)
{
    store->steps = 0;
    store->steps_max = steps;
    store->deepest = 0;
}

enum reference_outcome reference_call(struct reference_store *store,
                                      const struct reference_function *function, uint64_t *values)
{
    struct reference_machine *m = store->machine;
    const struct reference_type *type = &function->type;
    const uint8_t *pc = m->pc, *at = m->at;
    struct reference_instance *instance = m->instance;
    uint32_t sp = m->sp, frames = m->frame_count, labels = m->label_count;
    uint32_t first_frame = m->first_frame;

    if (m->calls >= CALLS_MAX)
        return REFERENCE_STACK;
    m->calls++;
    m->stopped = false;
    if (function->instance == NULL) { // an export that is an import
        m->calls--;
        store->trap_function = UINT32_MAX;
        store->trap = store->host(store->host_context, function, values);
        return store->trap == TRAP_NONE    ? REFERENCE_OK
               : store->trap == TRAP_COUNT ? store->outcome
                                           : REFERENCE_TRAP;
    }
    m->first_frame = frames;
    for (uint32_t i = 0; i < type->parameter_count; i++)
        machine_push(m, 0);
    if (!m->stopped) {
        unflatten(m->stack + sp, type->parameters, type->parameter_count, values);
        enter(m, function);
    }
    enum reference_outcome outcome = run(m, frames);
    if (outcome == REFERENCE_OK)
        flatten(m->stack + sp, type->results, type->result_count, values);
    m->calls--;
    m->first_frame = first_frame;
    m->sp = sp;
    m->frame_count = frames;
    m->label_count = labels;
    m->instance = instance;
    m->pc = pc;
    m->at = at;
    m->stopped = false;
    store->outcome = outcome;
    return outcome;
}

// As a function without parameters and blocks, that takes no steps.
enum reference_outcome reference_evaluate(struct reference_instance *instance,
                                          const uint8_t *expression, struct reference_value *value)
{
    static const reference_valtype result = TYPE_V128; // both halves, whatever it is
    const struct reference_function function = {
        .instance = instance,
        .type = {.results = &result, .result_count = 1},
        .code = expression,
    };
    uint64_t slots[2];
    uint64_t steps = instance->store->steps, steps_max = instance->store->steps_max;

    instance->store->steps_max = UINT64_MAX;
    enum reference_outcome outcome = reference_call(instance->store, &function, slots);
    instance->store->steps = steps;
    instance->store->steps_max = steps_max;
    if (outcome == REFERENCE_OK)
        *value = (struct reference_value){slots[0], slots[1]};
    return outcome;
}
