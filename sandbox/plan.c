// SPDX-License-Identifier: Apache-2.0
#include "sandbox/plan.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "sandbox/base/checked.h"
#include "sandbox/base/utf8.h"

// Words, memory of guests and memory of the host all have their low byte first.
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "little endian only");
static_assert(sizeof(struct plan) == 4 + 2 * PLAN_PARAMETERS_MAX, "a plan has no padding");
static_assert(PLAN_PARAMETERS_MAX < PLAN_RESULT, "no parameter looks like the result");

enum { NAME_SIZE = 32 };

static const struct {
    const char *name;
    uint8_t size; // 0: a block
    uint8_t core; // as a parameter or, of scalars and cstr, as the result
    bool sign;    // words are sign-extended
} kinds[PLAN_KIND_COUNT] = {
    [PLAN_NONE] = {"", 0, 0, false},
    [PLAN_BOOL] = {"bool", 1, PLAN_CORE_I32, false},
    [PLAN_I8] = {"i8", 1, PLAN_CORE_I32, true},
    [PLAN_U8] = {"u8", 1, PLAN_CORE_I32, false},
    [PLAN_I16] = {"i16", 2, PLAN_CORE_I32, true},
    [PLAN_U16] = {"u16", 2, PLAN_CORE_I32, false},
    [PLAN_I32] = {"i32", 4, PLAN_CORE_I32, true},
    [PLAN_U32] = {"u32", 4, PLAN_CORE_I32, false},
    [PLAN_I64] = {"i64", 8, PLAN_CORE_I64, true},
    [PLAN_U64] = {"u64", 8, PLAN_CORE_I64, false},
    [PLAN_F32] = {"f32", 4, PLAN_CORE_F32, false},
    [PLAN_F64] = {"f64", 8, PLAN_CORE_F64, false},
    [PLAN_STR] = {"str", 0, PLAN_CORE_I32, false},
    [PLAN_CSTR] = {"cstr", 0, PLAN_CORE_I32, false},
    [PLAN_BYTES] = {"bytes", 0, PLAN_CORE_I32, false},
};

const char *plan_kind_name(enum plan_kind kind)
{
    return (unsigned)kind < PLAN_KIND_COUNT ? kinds[kind].name : "";
}

bool plan_kind_is_block(enum plan_kind kind)
{
    return kind == PLAN_STR || kind == PLAN_CSTR || kind == PLAN_BYTES;
}

size_t plan_kind_size(enum plan_kind kind)
{
    return kinds[kind].size;
}

// --- plans ---------------------------------------------------------------------------------------

static bool check_parameter(const struct plan_parameter *parameter, unsigned at,
                            struct error *error)
{
    if (parameter->kind == PLAN_NONE || parameter->kind >= PLAN_KIND_COUNT)
        return error_set(error, ERROR_USAGE_SIGNATURE, at, "plan: parameter %u: unknown kind %u",
                         at + 1, parameter->kind);
    if (parameter->direction >= PLAN_DIRECTION_COUNT)
        return error_set(error, ERROR_USAGE_SIGNATURE, at,
                         "plan: parameter %u: unknown direction %u", at + 1, parameter->direction);
    if (parameter->direction != PLAN_IN &&
        (parameter->kind == PLAN_STR || parameter->kind == PLAN_CSTR))
        return error_set(error, ERROR_USAGE_SIGNATURE, at, "plan: parameter %u: %s goes in only",
                         at + 1, plan_kind_name(parameter->kind));
    return true;
}

bool plan_check(const struct plan *plan, struct error *error)
{
    if (plan->parameter_count > PLAN_PARAMETERS_MAX)
        return error_set(error, ERROR_USAGE_SIGNATURE, 0, "plan: %u parameters",
                         plan->parameter_count);
    if (plan->context > 1)
        return error_set(error, ERROR_USAGE_SIGNATURE, 0, "plan: context flag %u", plan->context);
    if (plan->fallible != 0)
        return error_set(error, ERROR_UNSUPPORTED_FEATURE, 0, "plan: a result that may fail");
    if (plan->result >= PLAN_KIND_COUNT)
        return error_set(error, ERROR_USAGE_SIGNATURE, PLAN_RESULT, "plan: unknown result kind %u",
                         plan->result);
    for (unsigned i = 0; i < plan->parameter_count; i++) {
        if (!check_parameter(&plan->parameters[i], i, error))
            return false;
    }
    for (unsigned i = plan->parameter_count; i < PLAN_PARAMETERS_MAX; i++) {
        if (plan->parameters[i].kind != 0 || plan->parameters[i].direction != 0)
            return error_set(error, ERROR_USAGE_SIGNATURE, i, "plan: parameter %u is not counted",
                             i + 1);
    }
    return true;
}

// How many core parameters an address and what goes with it make.
static unsigned core_width(enum plan_kind kind)
{
    return kind == PLAN_STR || kind == PLAN_BYTES ? 2 : 1;
}

void plan_core_type(const struct plan *plan, struct plan_core_type *type)
{
    enum plan_kind result = plan->result;

    *type = (struct plan_core_type){.result_count = result != PLAN_NONE};
    if (result == PLAN_STR || result == PLAN_BYTES)
        type->result = PLAN_CORE_I64;
    else
        type->result = kinds[result].core;
    for (size_t i = 0; i < plan->parameter_count; i++) {
        enum plan_kind kind = plan->parameters[i].kind;
        bool in = plan->parameters[i].direction == PLAN_IN;

        for (unsigned j = 0; j < core_width(kind); j++)
            type->parameters[type->parameter_count++] = in ? kinds[kind].core : PLAN_CORE_I32;
    }
}

static void add_slot(struct plan_form *form, uint8_t kind, uint8_t direction, uint8_t parameter)
{
    form->slots[form->slot_count++] =
        (struct plan_slot){kind, direction, parameter, form->word_count};
    form->word_count = (uint8_t)(form->word_count + (plan_kind_is_block(kind) ? 2 : 1));
}

void plan_wire(const struct plan *plan, struct plan_wire *wire)
{
    *wire = (struct plan_wire){.call = {.slot_count = 0}};
    if (plan->result != PLAN_NONE)
        add_slot(&wire->back, plan->result, PLAN_OUT, PLAN_RESULT);
    for (uint8_t i = 0; i < plan->parameter_count; i++) {
        uint8_t kind = plan->parameters[i].kind;
        uint8_t direction = plan->parameters[i].direction;

        // Of out bytes the callee must know how much there is room for.
        if (direction != PLAN_OUT || plan_kind_is_block(kind))
            add_slot(&wire->call, kind, direction, i);
        if (direction != PLAN_IN)
            add_slot(&wire->back, kind, direction, i);
    }
}

const struct plan_slot *plan_form_find(const struct plan_form *form, uint8_t parameter)
{
    for (size_t i = 0; i < form->slot_count; i++) {
        if (form->slots[i].parameter == parameter)
            return &form->slots[i];
    }
    return NULL;
}

// --- scalars -------------------------------------------------------------------------------------

uint64_t plan_word_extend(enum plan_kind kind, uint64_t bits)
{
    unsigned above = 64 - 8 * (unsigned)kinds[kind].size;

    assert(kinds[kind].size > 0);
    bits <<= above;
    return kinds[kind].sign ? (uint64_t)((int64_t)bits >> above) : bits >> above;
}

bool plan_word_fits(enum plan_kind kind, uint64_t word)
{
    return plan_word_extend(kind, word) == word && (kind != PLAN_BOOL || word <= 1);
}

bool plan_word_from_core(enum plan_kind kind, uint64_t core, uint64_t *word)
{
    if (kinds[kind].core == PLAN_CORE_I32)
        *word = plan_word_extend(kinds[kind].sign ? PLAN_I32 : PLAN_U32, core);
    else
        *word = plan_word_extend(kind, core);
    return plan_word_fits(kind, *word);
}

uint64_t plan_core_from_word(enum plan_kind kind, uint64_t word)
{
    return kinds[kind].core == PLAN_CORE_I32 ? (uint32_t)word : word;
}

bool plan_word_load(enum plan_kind kind, const void *bytes, uint64_t *word)
{
    uint64_t bits = 0;

    memcpy(&bits, bytes, kinds[kind].size);
    *word = plan_word_extend(kind, bits);
    return plan_word_fits(kind, *word);
}

void plan_word_store(enum plan_kind kind, uint64_t word, void *bytes)
{
    memcpy(bytes, &word, kinds[kind].size);
}

// --- blocks --------------------------------------------------------------------------------------

// "parameter 2 (str)" or "result (str)".
static const char *slot_name(const struct plan_slot *slot, char name[NAME_SIZE])
{
    if (slot->parameter == PLAN_RESULT)
        snprintf(name, NAME_SIZE, "result (%s)", plan_kind_name(slot->kind));
    else
        snprintf(name, NAME_SIZE, "parameter %u (%s)", slot->parameter + 1u,
                 plan_kind_name(slot->kind));
    return name;
}

static bool slot_misfit(const struct plan_slot *slot, struct error *error, const char *what)
{
    char name[NAME_SIZE];

    return error_set(error, ERROR_USAGE_SIGNATURE, slot->parameter, "%s: %s", slot_name(slot, name),
                     what);
}

// Where the next block begins, the arena being used up to `used`, and where it ends.
static bool next_block(const struct plan_slot *slot, uint64_t length, size_t arena_size,
                       size_t used, size_t *offset, size_t *end)
{
    size_t terminator = slot->kind == PLAN_CSTR;

    return length <= arena_size && checked_align_up(used, PLAN_ALIGNMENT, offset) &&
           checked_add_size(*offset, (size_t)length, end) &&
           checked_add_size(*end, terminator, end) && *end <= arena_size;
}

bool plan_place(const struct plan_form *form, uint64_t *words, size_t arena_size, size_t *used,
                struct error *error)
{
    *used = 0;
    for (size_t i = 0; i < form->slot_count; i++) {
        const struct plan_slot *slot = &form->slots[i];
        char name[NAME_SIZE];
        size_t offset;

        if (!plan_kind_is_block(slot->kind))
            continue;
        if (!next_block(slot, words[slot->word + 1], arena_size, *used, &offset, used))
            return error_set(error, ERROR_LIMIT_MEMORY, slot->parameter,
                             "%s: %llu bytes do not fit into what is left of %zu",
                             slot_name(slot, name), (unsigned long long)words[slot->word + 1],
                             arena_size);
        words[slot->word] = offset;
    }
    return true;
}

void plan_put_block(const struct plan_slot *slot, const uint64_t *words, uint8_t *arena,
                    const void *bytes)
{
    uint8_t *block = arena + words[slot->word];
    size_t length = (size_t)words[slot->word + 1];

    if (length > 0)
        memcpy(block, bytes, length);
    if (slot->kind == PLAN_CSTR)
        block[length] = 0;
}

static bool check_content(const struct plan_slot *slot, const uint8_t *block, size_t length,
                          struct error *error)
{
    if (slot->kind == PLAN_STR && !utf8_valid(block, length))
        return slot_misfit(slot, error, "not UTF-8");
    if (slot->kind == PLAN_CSTR && memchr(block, 0, length))
        return slot_misfit(slot, error, "NUL inside");
    if (slot->kind == PLAN_CSTR && block[length] != 0)
        return slot_misfit(slot, error, "no NUL at the end");
    return true;
}

static bool check_block(const struct plan_slot *slot, const uint64_t *words, const uint8_t *arena,
                        size_t arena_size, size_t *used, struct error *error)
{
    uint64_t length = words[slot->word + 1];
    size_t offset;

    if (!next_block(slot, length, arena_size, *used, &offset, used))
        return slot_misfit(slot, error, "longer than the arena");
    if (words[slot->word] != offset)
        return slot_misfit(slot, error, "not where it belongs");
    return check_content(slot, arena + offset, (size_t)length, error);
}

static bool check_form(const struct plan_form *form, const uint64_t *words, const uint8_t *arena,
                       size_t arena_size, size_t *used, struct error *error)
{
    *used = 0;
    for (size_t i = 0; i < form->slot_count; i++) {
        const struct plan_slot *slot = &form->slots[i];

        if (plan_kind_is_block(slot->kind)) {
            if (!check_block(slot, words, arena, arena_size, used, error))
                return false;
        } else if (!plan_word_fits(slot->kind, words[slot->word])) {
            return slot_misfit(slot, error, "out of range");
        }
    }
    return true;
}

bool plan_check_call(const struct plan_wire *wire, const uint64_t *words, const uint8_t *arena,
                     size_t arena_size, size_t *used, struct error *error)
{
    return check_form(&wire->call, words, arena, arena_size, used, error);
}

bool plan_check_return(const struct plan_wire *wire, const uint64_t *call_words,
                       const uint64_t *words, const uint8_t *arena, size_t arena_size, size_t *used,
                       struct error *error)
{
    for (size_t i = 0; i < wire->back.slot_count; i++) {
        const struct plan_slot *slot = &wire->back.slots[i];
        const struct plan_slot *room = plan_form_find(&wire->call, slot->parameter);

        if (room && plan_kind_is_block(slot->kind) &&
            words[slot->word + 1] > call_words[room->word + 1])
            return slot_misfit(slot, error, "longer than there is room for");
    }
    return check_form(&wire->back, words, arena, arena_size, used, error);
}
