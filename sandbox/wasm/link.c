// SPDX-License-Identifier: Apache-2.0
#include "sandbox/wasm/link.h"

#include "sandbox/wasm/handler.h"
#include "sandbox/wasm/operation.h"

#define HANDLER_ADDRESS(name_) name_,
// By operation number; the fused sequences follow in the order of their numbers.
static handler *const handlers[OPERATION_COUNT + SEQUENCE_COUNT] = {HANDLER_LIST(HANDLER_ADDRESS)};
#undef HANDLER_ADDRESS

static uint64_t handler_word(uint32_t number)
{
    return (uint64_t)(uintptr_t)handlers[number];
}

void link_module(struct module *module)
{
    for (uint32_t i = 0; i < module->body_count; i++) {
        struct code *code = &module->codes[i];
        struct cell *first = (struct cell *)(void *)code->entry;
        code->first_operation = (uint32_t)first->handler;
        first->handler = (uint64_t)(uintptr_t)run_link;
    }
}

// A cell on its way: where it is, and the cheapest way to run from here to the end.
struct step {
    uint32_t offset;    // of the cell in the function
    uint16_t operation; // its number
    uint16_t handler;   // chosen: an operation, or OPERATION_COUNT + a sequence
    uint32_t cost;      // dispatches from here to the end
};

static uint32_t collect_steps(const struct code *code, struct step *steps)
{
    uint32_t count = 0;

    for (uint32_t offset = 0; offset < code->size;) {
        struct cell *cell = (struct cell *)(void *)(code->entry + offset);
        uint32_t operation = (uint32_t)cell->handler;
        steps[count++] = (struct step){offset, (uint16_t)operation, (uint16_t)operation, 0};
        offset += operation_length(cell, operation);
    }
    return count;
}

// Chooses, backwards, for each cell the sequence after which the fewest dispatches are left. A
// sequence replaces only the handler of its first cell: the others keep theirs, so that a branch
// into its middle finds what it expects.
static void choose_handlers(struct step *steps, uint32_t count)
{
    for (uint32_t i = count; i-- > 0;) {
        uint32_t state = 0;
        steps[i].cost = 1 + steps[i + 1].cost;
        for (uint32_t j = i; j < count; j++) {
            uint32_t at = (uint32_t)sequence_base[state] + steps[j].operation;
            if (sequence_check[at] != state)
                break;
            state = sequence_child[at];
            if (sequence_accepted[state] != 0 && 1 + steps[j + 1].cost < steps[i].cost) {
                steps[i].cost = 1 + steps[j + 1].cost;
                steps[i].handler = (uint16_t)(OPERATION_COUNT + sequence_accepted[state] - 1);
            }
        }
    }
}

// Direct calls of functions of the module, which `funcidx` is of.
static void resolve_call(const struct module *module, struct cell *cell, uint64_t funcidx)
{
    const struct code *callee = &module->codes[funcidx - module->imported_function_count];

    cell->wide[0] = (uint64_t)(uintptr_t)callee->entry;
    cell->b = callee->header;
}

// A jump to a return might as well return. Both cells are of the same length.
static void shorten_jump(struct cell *cell, struct step *step)
{
    const struct cell *target =
        (const struct cell *)(const void *)((uint8_t *)&cell->displacement + cell->displacement);

    switch (target->handler) {
    case OPERATION_RETURN_0:
    case OPERATION_RETURN_INTEGER_S:
    case OPERATION_RETURN_F32_S:
    case OPERATION_RETURN_F64_S:
    case OPERATION_RETURN_V128_S:
        *cell = *target;
        step->operation = step->handler = (uint16_t)target->handler;
        break;
    default:
        break;
    }
}

static void shorten_jumps(struct code *code, struct step *steps, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (steps[i].operation == OPERATION_BR)
            shorten_jump((struct cell *)(void *)(code->entry + steps[i].offset), &steps[i]);
    }
}

// With a step for each cell and one more: the end, which costs nothing.
static void link_steps(const struct module *module, struct code *code, struct step *steps)
{
    struct cell *first = (struct cell *)(void *)code->entry;

    if (first->handler == (uint64_t)(uintptr_t)run_link)
        first->handler = code->first_operation;
    uint32_t count = collect_steps(code, steps);
    shorten_jumps(code, steps, count);
    choose_handlers(steps, count);
    for (uint32_t i = 0; i < count; i++) {
        struct cell *cell = (struct cell *)(void *)(code->entry + steps[i].offset);
        if (steps[i].operation == OPERATION_CALL)
            resolve_call(module, cell, cell->imm);
        else if (steps[i].operation == OPERATION_RETURN_CALL)
            resolve_call(module, cell, cell->wide[0]);
        cell->handler = handler_word(steps[i].handler);
    }
    code->linked = true;
}

// Functions of no more cells are linked without asking the system for memory: constant expressions
// above all, of which a module may have millions.
#define SHORT_CELLS 64u

bool link_code(const struct module *module, struct code *code)
{
    struct step few[SHORT_CELLS + 1] = {{0}};
    struct arena scratch = {0};
    struct error error = {0};
    size_t steps_max = code->size / sizeof(struct cell) + 1;

    if (steps_max <= SHORT_CELLS) {
        link_steps(module, code, few);
        return true;
    }
    if (!arena_init(&scratch, steps_max * sizeof(struct step), &error))
        return false;
    struct step *steps =
        arena_alloc(&scratch, steps_max * sizeof(struct step), _Alignof(struct step));
    if (steps)
        link_steps(module, code, steps);
    arena_finish(&scratch);
    return steps != NULL;
}
