// SPDX-License-Identifier: Apache-2.0
#include "sandbox/wasm/translate.h"

#include <stdarg.h>
#include <stdio.h>

bool compile_fail(struct compiler *c, enum error_code code, const char *format, ...)
{
    char detail[ERROR_MESSAGE_SIZE] = "";
    va_list arguments;

    if (format) {
        va_start(arguments, format);
        vsnprintf(detail, sizeof detail, format, arguments);
        va_end(arguments);
    }
    if (!c->reader.failed)
        error_set(c->reader.error, code, c->instruction.offset, format ? "%s" : NULL, detail);
    c->reader.failed = true;
    c->reader.cursor = c->reader.end;
    return false;
}

static bool type_mismatch(struct compiler *c, valtype expected, valtype found)
{
    char expected_text[40], found_text[40];

    valtype_print(expected, expected_text, sizeof expected_text);
    valtype_print(found, found_text, sizeof found_text);
    return compile_fail(c, ERROR_TYPE_MISMATCH, "%s needs %s but the operand is %s",
                        opcode_info[c->instruction.opcode].mnemonic, expected_text, found_text);
}

static bool operand_missing(struct compiler *c)
{
    return compile_fail(c, ERROR_TYPE_MISMATCH, "%s needs more operands than the block has",
                        opcode_info[c->instruction.opcode].mnemonic);
}

// A live reference operand must be found again by reference maps: remember its height.
static void note_reference(struct compiler *c, uint32_t height)
{
    while (c->reference_count > 0 && c->reference_heights[c->reference_count - 1] >= height)
        c->reference_count--;
    c->reference_heights[c->reference_count++] = height;
    c->code->holds_references = true;
}

bool push(struct compiler *c, valtype type)
{
    uint32_t home = home_slot(c, operand_height(c));

    if (home > FRAME_HOME_MAX)
        return compile_fail(c, ERROR_LIMIT_FRAME, "more than %u slots", LIMIT_FRAME_SLOTS);
    if (valtype_is_reference(type))
        note_reference(c, operand_height(c));
    c->top->type = type;
    c->top->place = OPERAND_TEMPORARY;
    c->top->home = (uint16_t)home;
    c->top++;
    return true;
}

bool spend_values_slow(struct compiler *c, uint32_t count)
{
    if (count > c->values_left)
        return compile_fail(c, ERROR_LIMIT_CODE,
                            "instructions of over %u values have over %u of them, and %u for each "
                            "byte of the module",
                            VALUES_FREE, LIMIT_VALUES, LIMIT_VALUES_PER_BYTE);
    c->values_left -= count;
    return true;
}

bool push_all(struct compiler *c, const valtype *types, uint32_t count)
{
    if (!spend_values(c, count))
        return false;
    for (uint32_t i = 0; i < count; i++) {
        if (!push(c, types[i]))
            return false;
    }
    return true;
}

valtype pop(struct compiler *c, valtype expected)
{
    if (c->top == c->operands + c->control->height) {
        if (!c->control->unreachable)
            operand_missing(c);
        return VALTYPE_BOTTOM;
    }
    valtype found = (--c->top)->type;
    if (expected != VALTYPE_BOTTOM && !valtype_matches(c->store, found, expected))
        type_mismatch(c, expected, found);
    return found;
}

valtype pop_reference(struct compiler *c)
{
    valtype found = pop(c, VALTYPE_BOTTOM);

    if (found == VALTYPE_BOTTOM)
        return VALTYPE_REF(HEAPTYPE_BOTTOM);
    if (!valtype_is_reference(found))
        compile_fail(c, ERROR_TYPE_MISMATCH, "%s needs a reference",
                     opcode_info[c->instruction.opcode].mnemonic);
    return found;
}

void pop_all(struct compiler *c, const valtype *types, uint32_t count)
{
    while (count > 0)
        pop(c, types[--count]);
}

bool check_top(struct compiler *c, const valtype *types, uint32_t count)
{
    uint32_t present = operand_height(c) - c->control->height;

    if (present < count) {
        if (!c->control->unreachable)
            return operand_missing(c);
        types += count - present;
        count = present;
    }
    if (!spend_values(c, count))
        return false;
    for (uint32_t i = 0; i < count; i++) {
        valtype found = c->top[(int64_t)i - count].type;
        if (!valtype_matches(c->store, found, types[i]))
            return type_mismatch(c, types[i], found);
    }
    return true;
}

void retype_top(struct compiler *c, const valtype *types, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        c->top[(int64_t)i - count].type = types[i];
}

// Dead code: types only, from a stack that may be polymorphic.
static bool apply_signature_dead(struct compiler *c, const struct opcode_info *info)
{
    for (uint32_t i = info->parameter_count; i > 0; i--)
        pop(c, letter_type(c, info->signature[i - 1]));
    for (uint32_t i = 0; i < info->result_count; i++)
        push(c, letter_type(c, info->signature[info->parameter_count + 1u + i]));
    return false;
}

bool check_signature(struct compiler *c, const struct opcode_info *info)
{
    uint32_t count = info->parameter_count;

    if (__builtin_expect(c->dead, 0))
        return apply_signature_dead(c, info);
    if (__builtin_expect(operand_height(c) - c->control->height < count, 0))
        return operand_missing(c);
    for (uint32_t i = 0; i < count; i++) {
        valtype expected = letter_type(c, info->signature[i]);
        valtype found = c->top[(int64_t)i - count].type;
        if (__builtin_expect(found != expected, 0))
            return type_mismatch(c, expected, found);
    }
    return true;
}

void mark_unreachable(struct compiler *c)
{
    c->top = c->operands + c->control->height;
    c->control->unreachable = true;
    c->dead = true;
}

struct control *label_at(struct compiler *c, uint32_t index)
{
    if (index > (uint32_t)(c->control - c->controls)) {
        compile_fail(c, ERROR_UNKNOWN_LABEL, "%u", index);
        return NULL;
    }
    return c->control - index;
}

const valtype *label_types(const struct control *control, uint32_t *count)
{
    if (control->opcode == OPCODE_LOOP) {
        *count = control->parameter_count;
        return control->parameters;
    }
    *count = control->result_count;
    return control->results;
}

// The group of a local beyond those in the array.
static const struct local_group *local_group_at(const struct compiler *c, uint32_t localidx)
{
    uint32_t low = 0, high = c->group_count - 1;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (localidx < c->groups[middle].end)
            high = middle;
        else
            low = middle + 1;
    }
    return &c->groups[low];
}

uint32_t local_slot(const struct compiler *c, uint32_t localidx)
{
    if (c->local_slots == c->local_count)
        return localidx;
    if (localidx < LOCALS_EXPANDED)
        return c->local_places[localidx];
    const struct local_group *group = local_group_at(c, localidx);
    return group->end_slot - (group->end - localidx) * valtype_slots(group->type);
}

valtype local_type(struct compiler *c, uint32_t localidx)
{
    if (localidx >= c->local_count) {
        compile_fail(c, ERROR_UNKNOWN_LOCAL, "%u of %u", localidx, c->local_count);
        return VALTYPE_BOTTOM;
    }
    if (localidx < LOCALS_EXPANDED)
        return c->local_types[localidx];
    return local_group_at(c, localidx)->type;
}
