// SPDX-License-Identifier: Apache-2.0
//
// The reference interpreter's execution: everything but arithmetic.
#include "tests/fuzz/reference.h"

#include <assert.h>
#include <string.h>

#define STACK_SLOTS 65536u
#define FRAMES      16384u
#define LABELS      65536u
#define CALLS_MAX   48u // from the host

struct frame {
    const struct reference_function *function;
    const uint8_t *pc; // where it goes on after a call
    uint32_t base;     // of its locals
    uint32_t labels;   // of its caller
};

struct label {
    const uint8_t *target;
    uint32_t arity;
    uint32_t height;
    bool loop;
};

struct reference_machine {
    uint64_t stack[STACK_SLOTS];
    struct frame frames[FRAMES];
    struct label labels[LABELS];
    struct reference_store *store;
    struct reference_instance *instance;
    const uint8_t *pc;
    const uint8_t *at; // the current instruction
    uint32_t sp, frame_count, label_count;
    uint32_t calls; // from the host, under way
    bool stopped;
    enum reference_outcome outcome;
};

/* The machine. */

static void stop(struct reference_machine *m, enum reference_outcome outcome)
{
    if (m->stopped)
        return;
    m->stopped = true;
    m->outcome = outcome;
}

static void trap(struct reference_machine *m, enum trap_code code)
{
    struct reference_store *store = m->store;

    if (m->stopped)
        return;
    store->trap = code;
    store->trap_function = m->frames[m->frame_count - 1].function->index;
    store->trap_offset = m->instance ? (uint64_t)(m->at - m->instance->module) : 0;
    stop(m, REFERENCE_TRAP);
}

static void push(struct reference_machine *m, uint64_t value)
{
    if (m->sp < STACK_SLOTS)
        m->stack[m->sp++] = value;
    else
        stop(m, REFERENCE_STACK);
}

static uint64_t pop(struct reference_machine *m)
{
    assert(m->sp > 0);
    return m->stack[--m->sp];
}

static uint32_t immediate(struct reference_machine *m)
{
    return (uint32_t)reference_unsigned(&m->pc);
}

static void push_label(struct reference_machine *m, struct label label)
{
    if (m->label_count < LABELS)
        m->labels[m->label_count++] = label;
    else
        stop(m, REFERENCE_STACK);
}

// The values on top go down to `to`.
static void move_down(struct reference_machine *m, uint32_t count, uint32_t to)
{
    memmove(m->stack + to, m->stack + m->sp - count, count * sizeof *m->stack);
    m->sp = to + count;
}

static void enter(struct reference_machine *m, const struct reference_function *function)
{
    const struct reference_type *type = &function->type;
    uint32_t base = m->sp - type->parameter_count;

    if (m->frame_count == FRAMES || base + function->local_count > STACK_SLOTS) {
        stop(m, REFERENCE_STACK);
        return;
    }
    m->frames[m->frame_count++] = (struct frame){function, m->pc, base, m->label_count};
    while (m->sp < base + function->local_count)
        push(m, 0);
    push_label(m, (struct label){function->end, type->result_count, m->sp, false});
    m->instance = function->instance;
    m->pc = function->code;
    // A frame of the engine's has a header, and room for results.
    uint64_t depth = m->sp + m->frame_count * 8ull + type->result_count;
    if (depth > m->store->deepest)
        m->store->deepest = depth;
}

static void leave(struct reference_machine *m)
{
    struct frame frame = m->frames[--m->frame_count];

    move_down(m, frame.function->type.result_count, frame.base);
    m->label_count = frame.labels;
    m->pc = frame.pc;
    m->instance = m->frame_count ? m->frames[m->frame_count - 1].function->instance : NULL;
}

static void call(struct reference_machine *m, const struct reference_function *function)
{
    if (function->instance != NULL) {
        enter(m, function);
        return;
    }
    const struct reference_type *type = &function->type;
    uint32_t base = m->sp - type->parameter_count;
    if (base + type->parameter_count + type->result_count > STACK_SLOTS) {
        stop(m, REFERENCE_STACK);
        return;
    }
    enum trap_code code = m->store->host(m->store->host_context, function, m->stack + base);
    m->sp = base + type->result_count;
    if (code == TRAP_COUNT)
        stop(m, m->store->outcome);
    else if (code != TRAP_NONE)
        trap(m, code);
}

static void branch(struct reference_machine *m, uint32_t index)
{
    const struct label label = m->labels[m->label_count - 1 - index];

    m->label_count -= index + (label.loop ? 0 : 1);
    move_down(m, label.arity, label.height);
    m->pc = label.target;
    if (m->label_count == m->frames[m->frame_count - 1].labels)
        leave(m);
}

// A block type's numbers of parameters and results.
static void block_arity(struct reference_machine *m, uint32_t *parameters, uint32_t *results)
{
    int64_t type = reference_signed(&m->pc);

    *parameters = type >= 0 ? m->instance->types[type].parameter_count : 0;
    *results = type >= 0 ? m->instance->types[type].result_count : type != -64;
}

static void block(struct reference_machine *m, uint8_t opcode)
{
    const struct reference_function *function = m->frames[m->frame_count - 1].function;
    struct reference_match match = function->matches[m->at - function->code];
    uint32_t parameters, results;
    bool taken = true;

    block_arity(m, &parameters, &results);
    if (opcode == 0x04)
        taken = (uint32_t)pop(m) != 0;
    if (!taken && match.otherwise == 0) {
        m->pc = function->code + match.end;
        return;
    }
    if (opcode == 0x03)
        push_label(m, (struct label){m->pc, parameters, m->sp - parameters, true});
    else
        push_label(m,
                   (struct label){function->code + match.end, results, m->sp - parameters, false});
    if (!taken)
        m->pc = function->code + match.otherwise;
}

static void branch_table(struct reference_machine *m)
{
    uint32_t count = immediate(m), index = (uint32_t)pop(m), label;

    if (index > count)
        index = count;
    do
        label = immediate(m);
    while (index-- > 0);
    branch(m, label);
}

static bool same_types(const uint8_t *left, uint32_t left_count, const uint8_t *right,
                       uint32_t right_count)
{
    return left_count == right_count && (left_count == 0 || memcmp(left, right, left_count) == 0);
}

static void call_indirect(struct reference_machine *m)
{
    const struct reference_type *type = &m->instance->types[immediate(m)];
    const struct reference_table *table = m->instance->tables[immediate(m)];
    uint32_t index = (uint32_t)pop(m);

    if (index >= table->size) {
        trap(m, TRAP_UNDEFINED_ELEMENT);
        return;
    }
    const struct reference_function *function =
        (const struct reference_function *)(uintptr_t)table->elements[index];
    if (function == NULL) {
        trap(m, TRAP_UNINITIALIZED_ELEMENT);
    } else if (!same_types(type->parameters, type->parameter_count, function->type.parameters,
                           function->type.parameter_count) ||
               !same_types(type->results, type->result_count, function->type.results,
                           function->type.result_count)) {
        trap(m, TRAP_INDIRECT_CALL_TYPE);
    } else {
        call(m, function);
    }
}

static void end_of_block(struct reference_machine *m)
{
    m->label_count--;
    if (m->label_count == m->frames[m->frame_count - 1].labels)
        leave(m);
}

static void control(struct reference_machine *m, uint8_t opcode)
{
    switch (opcode) {
    case 0x00:
        trap(m, TRAP_UNREACHABLE);
        break;
    case 0x01:
        break;
    case 0x02:
    case 0x03:
    case 0x04:
        block(m, opcode);
        break;
    case 0x05: // the end of the first branch of an if
        branch(m, 0);
        break;
    case 0x0b:
        end_of_block(m);
        break;
    case 0x0c:
        branch(m, immediate(m));
        break;
    case 0x0d: {
        uint32_t label = immediate(m);
        if ((uint32_t)pop(m))
            branch(m, label);
        break;
    }
    case 0x0e:
        branch_table(m);
        break;
    case 0x0f:
        branch(m, m->label_count - 1 - m->frames[m->frame_count - 1].labels);
        break;
    case 0x10:
        call(m, m->instance->functions[immediate(m)]);
        break;
    case 0x11:
        call_indirect(m);
        break;
    default:
        stop(m, REFERENCE_OTHER);
    }
}

static void select_value(struct reference_machine *m, uint8_t opcode)
{
    if (opcode == 0x1c)
        m->pc += 2; // one type
    uint32_t condition = (uint32_t)pop(m);
    uint64_t right = pop(m), left = pop(m);
    push(m, condition ? left : right);
}

static void table_access(struct reference_machine *m, uint8_t opcode)
{
    struct reference_table *table = m->instance->tables[immediate(m)];
    uint64_t value = opcode == 0x26 ? pop(m) : 0;
    uint32_t index = (uint32_t)pop(m);

    if (index >= table->size)
        trap(m, TRAP_TABLE_OUT_OF_BOUNDS);
    else if (opcode == 0x26)
        table->elements[index] = value;
    else
        push(m, table->elements[index]);
}

static void variable(struct reference_machine *m, uint8_t opcode)
{
    uint64_t *locals = m->stack + m->frames[m->frame_count - 1].base;

    switch (opcode) {
    case 0x1a:
        pop(m);
        break;
    case 0x1b:
    case 0x1c:
        select_value(m, opcode);
        break;
    case 0x20:
        push(m, locals[immediate(m)]);
        break;
    case 0x21:
        locals[immediate(m)] = pop(m);
        break;
    case 0x22:
        locals[immediate(m)] = m->stack[m->sp - 1];
        break;
    case 0x23:
        push(m, m->instance->globals[immediate(m)]->value);
        break;
    case 0x24:
        m->instance->globals[immediate(m)]->value = pop(m);
        break;
    case 0x25:
    case 0x26:
        table_access(m, opcode);
        break;
    default:
        stop(m, REFERENCE_OTHER);
    }
}

/* Memory. */

static bool contains(const struct reference_memory *memory, uint64_t at, uint64_t count)
{
    return at + count <= memory->size; // numbers of 33 bits at most
}

// Width of the accesses 0x28 to 0x3e, and whether a load extends the sign.
static const uint8_t access_widths[] = {4, 8, 4, 8, 1, 1, 2, 2, 1, 1, 2, 2,
                                        4, 4, 4, 8, 4, 8, 1, 2, 1, 2, 4};
static const bool access_signed[] = {0, 0, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0};

static void load(struct reference_machine *m, uint8_t opcode, uint64_t at, uint32_t width)
{
    const struct reference_memory *memory = m->instance->memory;
    const uint8_t *nans = memory->nans + at;
    uint64_t value = 0;
    bool touched = false, whole = true;

    for (uint32_t i = 0; i < width; i++) {
        value |= (uint64_t)memory->bytes[at + i] << i * 8;
        touched = touched || nans[i] != NAN_NONE;
        whole = whole && (i == 0 || nans[i] == NAN_REST);
    }
    // Some NaN may be loaded by what stored it, but its bits may not be seen.
    if (touched && !(whole && ((opcode == 0x2a && nans[0] == NAN_FIRST_32) ||
                               (opcode == 0x2b && nans[0] == NAN_FIRST_64))))
        stop(m, REFERENCE_UNDETERMINED);
    if (access_signed[opcode - 0x28]) {
        uint64_t sign = 1ull << (width * 8 - 1);
        value = (value ^ sign) - sign;
    }
    push(m, opcode == 0x28 || opcode == 0x2a || (opcode >= 0x2c && opcode <= 0x2f) ? (uint32_t)value
                                                                                   : value);
}

static void store(struct reference_machine *m, uint8_t opcode, uint64_t at, uint32_t width,
                  uint64_t value)
{
    struct reference_memory *memory = m->instance->memory;
    bool some_nan =
        (opcode == 0x38 && value == SOME_NAN_32) || (opcode == 0x39 && value == SOME_NAN_64);

    for (uint32_t i = 0; i < width; i++) {
        memory->bytes[at + i] = (uint8_t)(value >> i * 8);
        memory->nans[at + i] = some_nan ? NAN_REST : NAN_NONE;
    }
    if (some_nan) {
        memory->nans[at] = opcode == 0x38 ? NAN_FIRST_32 : NAN_FIRST_64;
        memory->has_nans = true;
    }
}

static void access_memory(struct reference_machine *m, uint8_t opcode)
{
    uint32_t width = access_widths[opcode - 0x28];
    bool is_store = opcode >= 0x36;

    if (immediate(m) & 0x40)
        immediate(m); // the memory's index
    uint64_t offset = reference_unsigned(&m->pc);
    uint64_t value = is_store ? pop(m) : 0;
    uint64_t at = (uint32_t)pop(m) + offset;
    if (!contains(m->instance->memory, at, width))
        trap(m, TRAP_MEMORY_OUT_OF_BOUNDS);
    else if (is_store)
        store(m, opcode, at, width, value);
    else
        load(m, opcode, at, width);
}

static void memory_size(struct reference_machine *m, uint8_t opcode)
{
    struct reference_memory *memory = m->instance->memory;
    struct reference_store *owner = m->store;
    uint64_t pages = memory->size / 65536;

    immediate(m);
    if (opcode == 0x40) {
        uint64_t more = (uint64_t)(uint32_t)pop(m) * 65536;
        if (more > memory->maximum - memory->size ||
            more > owner->memory_maximum - owner->memory_used) {
            pages = UINT32_MAX;
        } else {
            memory->size += more;
            owner->memory_used += more;
        }
    }
    push(m, pages);
}

enum trap_code reference_memory_init(struct reference_instance *instance, uint32_t index,
                                     uint64_t to, uint64_t from, uint64_t count)
{
    const struct reference_data *data = &instance->datas[index];
    struct reference_memory *memory = instance->memory;

    if (from + count > (data->dropped ? 0 : data->size) || !contains(memory, to, count))
        return TRAP_MEMORY_OUT_OF_BOUNDS;
    if (count > 0)
        memcpy(memory->bytes + to, data->bytes + from, count);
    memset(memory->nans + to, NAN_NONE, count);
    return TRAP_NONE;
}

// memory.init, data.drop, memory.copy, memory.fill.
static void bulk_memory(struct reference_machine *m, uint32_t opcode)
{
    struct reference_memory *memory = m->instance->memory;
    uint32_t index = immediate(m);

    if (opcode == 9) {
        m->instance->datas[index].dropped = true;
        return;
    }
    if (opcode != 11)
        immediate(m);
    uint64_t count = (uint32_t)pop(m), from = (uint32_t)pop(m), to = (uint32_t)pop(m);
    if (opcode == 8) {
        enum trap_code code = reference_memory_init(m->instance, index, to, from, count);
        if (code != TRAP_NONE)
            trap(m, code);
    } else if (!contains(memory, to, count) || (opcode == 10 && !contains(memory, from, count))) {
        trap(m, TRAP_MEMORY_OUT_OF_BOUNDS);
    } else if (opcode == 10) {
        memmove(memory->bytes + to, memory->bytes + from, count);
        memmove(memory->nans + to, memory->nans + from, count);
    } else {
        memset(memory->bytes + to, (uint8_t)from, count);
        memset(memory->nans + to, NAN_NONE, count);
    }
}

/* Tables. */

enum trap_code reference_table_init(struct reference_instance *instance, uint32_t index,
                                    uint32_t elements, uint64_t to, uint64_t from, uint64_t count)
{
    const struct reference_element *element = &instance->elements[elements];
    struct reference_table *table = instance->tables[index];

    if (from + count > (element->dropped ? 0 : element->count) || to + count > table->size)
        return TRAP_TABLE_OUT_OF_BOUNDS;
    for (uint64_t i = 0; i < count; i++)
        table->elements[to + i] = element->values[from + i];
    return TRAP_NONE;
}

static void table_grow(struct reference_machine *m, struct reference_table *table)
{
    uint32_t count = (uint32_t)pop(m), old = table->size;
    uint64_t value = pop(m);

    uint64_t bytes = count * sizeof *table->elements;

    if (count > table->maximum - table->size ||
        bytes > m->store->memory_maximum - m->store->memory_used) {
        push(m, UINT32_MAX);
        return;
    }
    m->store->memory_used += bytes;
    if (table->size + count > table->capacity) {
        uint64_t *elements = table->elements;
        table->capacity = 2 * (table->size + count);
        table->elements = reference_allocate(m->store, table->capacity, sizeof *elements);
        memcpy(table->elements, elements, table->size * sizeof *elements);
    }
    table->size += count;
    for (uint32_t i = old; i < table->size; i++)
        table->elements[i] = value;
    push(m, old);
}

// Elements from one table, which may be the same, to another: as if all were read first.
static void table_copy(struct reference_machine *m, struct reference_table *target,
                       const struct reference_table *source)
{
    uint64_t count = (uint32_t)pop(m), from = (uint32_t)pop(m), to = (uint32_t)pop(m);

    if (from + count > source->size || to + count > target->size)
        trap(m, TRAP_TABLE_OUT_OF_BOUNDS);
    else
        memmove(target->elements + to, source->elements + from, count * sizeof *target->elements);
}

static void table_fill(struct reference_machine *m, struct reference_table *table)
{
    uint64_t count = (uint32_t)pop(m), value = pop(m), to = (uint32_t)pop(m);

    if (to + count > table->size) {
        trap(m, TRAP_TABLE_OUT_OF_BOUNDS);
        return;
    }
    for (uint64_t i = 0; i < count; i++)
        table->elements[to + i] = value;
}

// table.init, elem.drop, table.copy, table.grow, table.size, table.fill: 12 to 17.
static void bulk_table(struct reference_machine *m, uint32_t opcode)
{
    struct reference_instance *instance = m->instance;
    uint32_t index = immediate(m);

    if (opcode == 13) {
        instance->elements[index].dropped = true;
    } else if (opcode == 12) {
        uint32_t table = immediate(m);
        uint64_t count = (uint32_t)pop(m), from = (uint32_t)pop(m), to = (uint32_t)pop(m);
        enum trap_code code = reference_table_init(instance, table, index, to, from, count);
        if (code != TRAP_NONE)
            trap(m, code);
    } else if (opcode == 14) {
        table_copy(m, instance->tables[index], instance->tables[immediate(m)]);
    } else if (opcode == 15) {
        table_grow(m, instance->tables[index]);
    } else if (opcode == 16) {
        push(m, instance->tables[index]->size);
    } else {
        table_fill(m, instance->tables[index]);
    }
}

/* The rest. */

static void numeric(struct reference_machine *m, uint32_t opcode)
{
    uint64_t right = reference_is_unary(opcode) ? 0 : pop(m), left = pop(m);
    enum trap_code fault;
    uint64_t result = reference_numeric(opcode, left, right, &fault);

    if (fault == TRAP_COUNT)
        stop(m, REFERENCE_UNDETERMINED);
    else if (fault != TRAP_NONE)
        trap(m, fault);
    else
        push(m, result);
}

static void constant(struct reference_machine *m, uint8_t opcode)
{
    uint32_t low;
    uint64_t bits;

    if (opcode == 0x41) {
        push(m, (uint32_t)reference_signed(&m->pc));
    } else if (opcode == 0x42) {
        push(m, (uint64_t)reference_signed(&m->pc));
    } else if (opcode == 0x43) {
        memcpy(&low, m->pc, sizeof low);
        m->pc += sizeof low;
        push(m, low);
    } else {
        memcpy(&bits, m->pc, sizeof bits);
        m->pc += sizeof bits;
        push(m, bits);
    }
}

static void reference(struct reference_machine *m, uint8_t opcode)
{
    if (opcode == 0xd0) {
        m->pc++;
        push(m, 0);
    } else if (opcode == 0xd1) {
        push(m, pop(m) == 0);
    } else {
        push(m, (uintptr_t)m->instance->functions[immediate(m)]);
    }
}

static void prefixed(struct reference_machine *m)
{
    uint32_t opcode = immediate(m);

    if (opcode < 8)
        numeric(m, 0x100 + opcode);
    else if (opcode < 12)
        bulk_memory(m, opcode);
    else
        bulk_table(m, opcode);
}

static void step(struct reference_machine *m)
{
    uint8_t opcode = *m->pc;

    if (m->store->steps >= m->store->steps_max) {
        stop(m, REFERENCE_STEPS);
        return;
    }
    m->store->steps++;
    m->at = m->pc++;
    if (opcode <= 0x11)
        control(m, opcode);
    else if (opcode <= 0x26)
        variable(m, opcode);
    else if (opcode <= 0x3e)
        access_memory(m, opcode);
    else if (opcode <= 0x40)
        memory_size(m, opcode);
    else if (opcode <= 0x44)
        constant(m, opcode);
    else if (opcode <= 0xc4)
        numeric(m, opcode);
    else if (opcode <= 0xd2)
        reference(m, opcode);
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
    for (uint32_t i = 0; i < type->parameter_count; i++)
        push(m, values[i]);
    enter(m, function);
    enum reference_outcome outcome = run(m, frames);
    if (outcome == REFERENCE_OK)
        memcpy(values, m->stack + sp, type->result_count * sizeof *values);
    m->calls--;
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
                                          const uint8_t *expression, uint64_t *value)
{
    static const uint8_t result = TYPE_I32; // the number of results is what counts
    const struct reference_function function = {
        .instance = instance,
        .type = {.results = &result, .result_count = 1},
        .code = expression,
    };
    uint64_t steps = instance->store->steps, steps_max = instance->store->steps_max;

    instance->store->steps_max = UINT64_MAX;
    enum reference_outcome outcome = reference_call(instance->store, &function, value);
    instance->store->steps = steps;
    instance->store->steps_max = steps_max;
    return outcome;
}
