// SPDX-License-Identifier: Apache-2.0
#include "host/bridge.h"

#include <assert.h>
#include <string.h>

#include "sandbox/base/utf8.h"

static_assert(sizeof(void *) == sizeof(uint64_t) && sizeof(size_t) == sizeof(uint64_t),
              "pointers and sizes fill a cell");
static_assert(sizeof(bool) == 1, "a bool is a byte, in C as on the wire");
static_assert(sizeof(ffi_arg) <= sizeof(uint64_t), "a full-width result fits its buffer");

// A native call's arguments and what it writes, in one frame. Cells have their low byte first, so
// the address of a cell is that of any smaller type in it.
struct frame {
    uint64_t cells[BRIDGE_ARGUMENTS_MAX];
    unsigned cell_count;
    uint64_t outs[PLAN_PARAMETERS_MAX];  // what T * points to
    size_t lengths[PLAN_PARAMETERS_MAX]; // what size_t * points to
    uint64_t result[2];
};

static_assert(sizeof(struct bridge_bytes) == sizeof((struct frame *)NULL)->result,
              "a struct result fits the buffer");

// --- preparing -----------------------------------------------------------------------------------

// Size and alignment are given, so libffi has no reason to write them: threads share these.
static ffi_type *bytes_elements[] = {&ffi_type_pointer, &ffi_type_uint64, NULL};
static ffi_type bytes_type = {
    .size = sizeof(struct bridge_bytes),
    .alignment = _Alignof(struct bridge_bytes),
    .type = FFI_TYPE_STRUCT,
    .elements = bytes_elements,
};

// As a result, or as a parameter by value.
static ffi_type *const native_types[PLAN_KIND_COUNT] = {
    [PLAN_NONE] = &ffi_type_void,  [PLAN_BOOL] = &ffi_type_uint8,   [PLAN_I8] = &ffi_type_sint8,
    [PLAN_U8] = &ffi_type_uint8,   [PLAN_I16] = &ffi_type_sint16,   [PLAN_U16] = &ffi_type_uint16,
    [PLAN_I32] = &ffi_type_sint32, [PLAN_U32] = &ffi_type_uint32,   [PLAN_I64] = &ffi_type_sint64,
    [PLAN_U64] = &ffi_type_uint64, [PLAN_F32] = &ffi_type_float,    [PLAN_F64] = &ffi_type_double,
    [PLAN_STR] = &bytes_type,      [PLAN_CSTR] = &ffi_type_pointer, [PLAN_BYTES] = &bytes_type,
};

static void add_argument(struct bridge *bridge, ffi_type *type)
{
    bridge->types[bridge->argument_count++] = type;
}

static void add_parameter(struct bridge *bridge, const struct plan_parameter *parameter)
{
    bool in = parameter->direction == PLAN_IN;

    if (plan_kind_is_block(parameter->kind) || !in)
        add_argument(bridge, &ffi_type_pointer);
    else
        add_argument(bridge, native_types[parameter->kind]);
    if (parameter->kind == PLAN_STR || parameter->kind == PLAN_BYTES)
        add_argument(bridge, in ? &ffi_type_uint64 : &ffi_type_pointer);
}

static bool is_float(const ffi_type *type)
{
    return type == &ffi_type_float || type == &ffi_type_double;
}

// Gives each argument its register, as long as there are any.
static void prepare_thunk(struct bridge *bridge)
{
    unsigned integers = 0;
    unsigned floats = 0;

    for (size_t i = 0; i < bridge->argument_count; i++) {
        if (is_float(bridge->types[i]))
            bridge->registers[i] = (uint8_t)(THUNK_INTEGERS + floats++);
        else
            bridge->registers[i] = (uint8_t)integers++;
    }
    bridge->use_thunk = thunk_fits(integers, floats);
    if (native_types[bridge->plan.result] == &bytes_type)
        bridge->thunk_result = THUNK_PAIR;
    else
        bridge->thunk_result =
            is_float(native_types[bridge->plan.result]) ? THUNK_FLOAT : THUNK_INTEGER;
}

bool bridge_prepare(const struct plan *plan, void (*function)(void), void *context,
                    struct bridge *bridge, struct error *error)
{
    if (!plan_check(plan, error))
        return false;
    if (!function)
        return error_set(error, ERROR_USAGE_ARGUMENT, 0, "no function");
    *bridge = (struct bridge){.function = function, .context = context, .plan = *plan};
    plan_wire(plan, &bridge->wire);
    if (plan->context)
        add_argument(bridge, &ffi_type_pointer);
    for (size_t i = 0; i < plan->parameter_count; i++)
        add_parameter(bridge, &plan->parameters[i]);
    prepare_thunk(bridge);
    if (ffi_prep_cif(&bridge->cif, FFI_DEFAULT_ABI, bridge->argument_count,
                     native_types[plan->result], bridge->types) != FFI_OK)
        return error_set(error, ERROR_USAGE_ARGUMENT, 0, "libffi does not take the signature");
    return true;
}

// --- calling a native function -------------------------------------------------------------------

static void put_cell(struct frame *frame, uint64_t bits)
{
    frame->cells[frame->cell_count++] = bits;
}

static void put_pointer(struct frame *frame, const void *pointer)
{
    put_cell(frame, (uintptr_t)pointer);
}

static void fill_block(const struct plan_slot *slot, const struct bridge_exchange *exchange,
                       struct frame *frame)
{
    uint8_t at = slot->parameter;
    uint8_t *block = exchange->call_arena + exchange->call_words[slot->word];
    size_t length = (size_t)exchange->call_words[slot->word + 1];

    put_pointer(frame, block);
    if (slot->kind == PLAN_CSTR)
        return;
    if (slot->direction == PLAN_IN) {
        put_cell(frame, length);
        return;
    }
    // The arena may hold what earlier calls left, of other plugins even.
    if (slot->direction == PLAN_OUT)
        memset(block, 0, length);
    frame->lengths[at] = length;
    put_pointer(frame, &frame->lengths[at]);
}

static void fill_frame(const struct bridge *bridge, const struct bridge_exchange *exchange,
                       struct frame *frame)
{
    const struct plan *plan = &bridge->plan;
    const struct plan_slot *slot = bridge->wire.call.slots;

    if (plan->context)
        put_pointer(frame, exchange->context ? exchange->context : bridge->context);
    // Slots are in the parameters' order; only an out scalar has none.
    for (uint8_t i = 0; i < plan->parameter_count; i++) {
        const struct plan_parameter *parameter = &plan->parameters[i];

        if (plan_kind_is_block(parameter->kind)) {
            fill_block(slot++, exchange, frame);
            continue;
        }
        if (parameter->direction == PLAN_IN) {
            put_cell(frame, exchange->call_words[(slot++)->word]);
            continue;
        }
        if (parameter->direction == PLAN_INOUT)
            frame->outs[i] = exchange->call_words[(slot++)->word];
        put_pointer(frame, &frame->outs[i]);
    }
}

static void call_by_thunk(const struct bridge *bridge, struct frame *frame)
{
    uint64_t registers[THUNK_REGISTERS] = {0};

    for (size_t i = 0; i < frame->cell_count; i++)
        registers[bridge->registers[i]] = frame->cells[i];
    thunk_call(bridge->function, bridge->thunk_result, registers, frame->result);
}

static void call_by_ffi(const struct bridge *bridge, struct frame *frame)
{
    void *addresses[BRIDGE_ARGUMENTS_MAX];
    // libffi takes it without const and does not write to it.
    ffi_cif *cif = (ffi_cif *)(uintptr_t)&bridge->cif;

    for (size_t i = 0; i < frame->cell_count; i++)
        addresses[i] = &frame->cells[i];
    ffi_call(cif, bridge->function, frame->result, addresses);
}

static bool result_misfit(const struct plan_slot *slot, const char *what, struct error *error)
{
    if (slot->parameter == PLAN_RESULT)
        return error_set(error, ERROR_USAGE_SIGNATURE, PLAN_RESULT, "the host function's result %s",
                         what);
    return error_set(error, ERROR_USAGE_SIGNATURE, slot->parameter,
                     "the host function's parameter %u %s", slot->parameter + 1u, what);
}

// Finds the block that a function returned. A cstr as long as all that may come back is too long,
// so its NUL is not looked for any further.
static bool take_result_block(const struct plan_slot *slot, const struct frame *frame,
                              size_t size_max, struct bridge_bytes *block, struct error *error)
{
    if (slot->kind == PLAN_CSTR) {
        const char *text;

        memcpy(&text, frame->result, sizeof text);
        if (!text)
            return result_misfit(slot, "is NULL", error);
        *block = (struct bridge_bytes){(const uint8_t *)text, strnlen(text, size_max)};
        return true;
    }
    memcpy(block, frame->result, sizeof *block);
    if (!block->data && block->length > 0)
        return result_misfit(slot, "is NULL with a length", error);
    if (slot->kind == PLAN_STR && !utf8_valid(block->data, block->length))
        return result_misfit(slot, "is not UTF-8", error);
    return true;
}

// Finds the block of an out or inout parameter, where the call has placed it.
static bool take_out_block(const struct bridge *bridge, const struct plan_slot *slot,
                           const struct bridge_exchange *exchange, const struct frame *frame,
                           struct bridge_bytes *block, struct error *error)
{
    const struct plan_slot *room = plan_form_find(&bridge->wire.call, slot->parameter);
    size_t length = frame->lengths[slot->parameter];

    if (length > exchange->call_words[room->word + 1])
        return result_misfit(slot, "is longer than there was room for", error);
    *block = (struct bridge_bytes){exchange->call_arena + exchange->call_words[room->word], length};
    return true;
}

static bool take_scalar(const struct plan_slot *slot, const struct frame *frame, uint64_t *word,
                        struct error *error)
{
    const void *from = slot->parameter == PLAN_RESULT ? (const void *)frame->result
                                                      : &frame->outs[slot->parameter];

    if (!plan_word_load(slot->kind, from, word))
        return result_misfit(slot, "is no bool", error);
    return true;
}

// Takes what the function returned into the words, and finds its blocks: one for each slot.
static bool take_results(const struct bridge *bridge, struct bridge_exchange *exchange,
                         const struct frame *frame, struct error *error)
{
    const struct plan_form *form = &bridge->wire.back;
    struct bridge_bytes *blocks = exchange->return_blocks;

    for (size_t i = 0; i < form->slot_count; i++) {
        const struct plan_slot *slot = &form->slots[i];
        bool taken;

        if (!plan_kind_is_block(slot->kind))
            taken = take_scalar(slot, frame, &exchange->return_words[slot->word], error);
        else if (slot->parameter == PLAN_RESULT)
            taken = take_result_block(slot, frame, exchange->return_size, &blocks[i], error);
        else
            taken = take_out_block(bridge, slot, exchange, frame, &blocks[i], error);
        if (!taken)
            return false;
        if (plan_kind_is_block(slot->kind))
            exchange->return_words[slot->word + 1] = blocks[i].length;
    }
    return true;
}

bool bridge_call(const struct bridge *bridge, struct bridge_exchange *exchange, struct error *error)
{
    struct frame frame = {.cell_count = 0};
    size_t used;

    exchange->return_used = 0;
    exchange->violation = !plan_check_call(&bridge->wire, exchange->call_words,
                                           exchange->call_arena, exchange->call_size, &used, error);
    if (exchange->violation)
        return false;
    fill_frame(bridge, exchange, &frame);
    assert(frame.cell_count == bridge->argument_count);
    if (bridge->use_thunk)
        call_by_thunk(bridge, &frame);
    else
        call_by_ffi(bridge, &frame);
    return take_results(bridge, exchange, &frame, error) &&
           plan_place(&bridge->wire.back, exchange->return_words, exchange->return_size,
                      &exchange->return_used, error);
}

void bridge_put_blocks(const struct plan_form *form, const uint64_t *words,
                       const struct bridge_bytes *blocks, uint8_t *arena)
{
    size_t end = 0;

    for (size_t i = 0; i < form->slot_count; i++) {
        const struct plan_slot *slot = &form->slots[i];
        size_t offset = (size_t)words[slot->word];

        if (!plan_kind_is_block(slot->kind))
            continue;
        memset(arena + end, 0, offset - end);
        if (blocks[i].data)
            plan_put_block(slot, words, arena, blocks[i].data);
        else
            memset(arena + offset, 0, blocks[i].length);
        end = offset + blocks[i].length + (slot->kind == PLAN_CSTR);
    }
}

// --- variadic calls of a plugin ------------------------------------------------------------------

// A va_list that functions can hand on: a parameter of type va_list may have decayed to a pointer.
struct arguments {
    va_list list;
};

static bool argument_misfit(size_t at, const char *what, struct error *error)
{
    return error_set(error, ERROR_USAGE_SIGNATURE, at, "argument for parameter %zu %s", at + 1,
                     what);
}

// The word of a scalar as C's default promotions pass it. Of what comes as an int, any int may
// come.
static uint64_t next_scalar(enum plan_kind kind, struct arguments *arguments)
{
    double number;
    float narrow;
    uint64_t word = 0;

    if (plan_kind_size(kind) < sizeof(int))
        return (uint64_t)va_arg(arguments->list, int);
    if (kind == PLAN_F32) {
        narrow = (float)va_arg(arguments->list, double);
        memcpy(&word, &narrow, sizeof narrow);
        return word;
    }
    if (kind == PLAN_F64) {
        number = va_arg(arguments->list, double);
        memcpy(&word, &number, sizeof number);
        return word;
    }
    if (plan_kind_size(kind) == sizeof(uint32_t))
        return plan_word_extend(kind, va_arg(arguments->list, uint32_t));
    return va_arg(arguments->list, uint64_t);
}

static bool take_scalar_argument(const struct plan_parameter *parameter, size_t at,
                                 struct arguments *arguments, uint64_t *word,
                                 struct bridge_outputs *outputs, struct error *error)
{
    if (parameter->direction == PLAN_IN) {
        *word = next_scalar(parameter->kind, arguments);
        if (!plan_word_fits(parameter->kind, *word))
            return argument_misfit(at, "is out of range", error);
        return true;
    }
    outputs->parameters[at] = va_arg(arguments->list, void *);
    if (!outputs->parameters[at])
        return argument_misfit(at, "is NULL", error);
    if (parameter->direction == PLAN_INOUT &&
        !plan_word_load(parameter->kind, outputs->parameters[at], word))
        return argument_misfit(at, "points to no bool", error);
    return true;
}

static bool take_block_argument(const struct plan_parameter *parameter, size_t at,
                                struct arguments *arguments, struct bridge_bytes *block,
                                struct bridge_outputs *outputs, struct error *error)
{
    uint8_t *data = va_arg(arguments->list, uint8_t *);

    *block = (struct bridge_bytes){data, 0};
    if (parameter->kind == PLAN_CSTR) {
        block->length = data ? strlen((const char *)data) : 0;
    } else if (parameter->direction == PLAN_IN) {
        block->length = va_arg(arguments->list, size_t);
    } else {
        outputs->parameters[at] = data;
        outputs->lengths[at] = va_arg(arguments->list, size_t *);
        if (!outputs->lengths[at])
            return argument_misfit(at, "has no length", error);
        block->length = *outputs->lengths[at];
    }
    if (!data && (block->length > 0 || parameter->kind == PLAN_CSTR))
        return argument_misfit(at, "is NULL", error);
    if (parameter->kind == PLAN_STR && !utf8_valid(data, block->length))
        return argument_misfit(at, "is not UTF-8", error);
    return true;
}

// Takes everything off the list: words, but for the blocks' offsets, blocks of the call's slots in
// their order, and outputs. Of out bytes only the room is sent.
static bool take_arguments(const struct plan *plan, const struct plan_form *form,
                           struct arguments *arguments, uint64_t *words,
                           struct bridge_bytes *blocks, struct bridge_outputs *outputs,
                           struct error *error)
{
    for (uint8_t i = 0; i < plan->parameter_count; i++) {
        const struct plan_parameter *parameter = &plan->parameters[i];
        const struct plan_slot *slot = plan_form_find(form, i);
        size_t index = slot ? (size_t)(slot - form->slots) : 0;
        uint64_t *word = slot ? &words[slot->word] : NULL;

        if (plan_kind_is_block(parameter->kind)) {
            if (!take_block_argument(parameter, i, arguments, &blocks[index], outputs, error))
                return false;
            word[1] = blocks[index].length;
            if (parameter->direction == PLAN_OUT)
                blocks[index].data = NULL;
        } else if (!take_scalar_argument(parameter, i, arguments, word, outputs, error)) {
            return false;
        }
    }
    if (plan->result != PLAN_NONE)
        outputs->result = va_arg(arguments->list, void *);
    return true;
}

bool bridge_arguments(const struct plan *plan, const struct plan_form *form, va_list arguments,
                      size_t size_max, uint64_t *words, struct bridge_bytes *blocks, size_t *used,
                      struct bridge_outputs *outputs, struct error *error)
{
    struct arguments copy;
    bool taken;

    *used = 0;
    *outputs = (struct bridge_outputs){.result = NULL};
    va_copy(copy.list, arguments);
    taken = take_arguments(plan, form, &copy, words, blocks, outputs, error);
    va_end(copy.list);
    return taken && plan_place(form, words, size_max, used, error);
}

static void give_result_block(const struct plan_slot *slot, const uint64_t *words,
                              const uint8_t *arena, void *result)
{
    const uint8_t *block = arena + words[slot->word];

    if (slot->kind == PLAN_CSTR)
        *(const char **)result = (const char *)block;
    else
        *(struct bridge_bytes *)result =
            (struct bridge_bytes){block, (size_t)words[slot->word + 1]};
}

void bridge_results(const struct plan_form *form, const struct bridge_outputs *outputs,
                    const uint64_t *words, const uint8_t *arena)
{
    for (size_t i = 0; i < form->slot_count; i++) {
        const struct plan_slot *slot = &form->slots[i];
        bool is_result = slot->parameter == PLAN_RESULT;
        void *to = is_result ? outputs->result : outputs->parameters[slot->parameter];

        if (is_result && !to)
            continue;
        if (!plan_kind_is_block(slot->kind)) {
            plan_word_store(slot->kind, words[slot->word], to);
        } else if (is_result) {
            give_result_block(slot, words, arena, to);
        } else {
            size_t length = (size_t)words[slot->word + 1];

            if (length > 0)
                memcpy(to, arena + words[slot->word], length);
            *outputs->lengths[slot->parameter] = length;
        }
    }
}
