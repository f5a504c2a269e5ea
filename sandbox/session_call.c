// SPDX-License-Identifier: Apache-2.0
//
// A call of an export. Arguments are copied into memory that the guest's cabi_realloc gives and
// that belongs to the guest; what out and inout parameters point to stays ours and is freed.
// Results are copied out before cabi_post_<export> or cabi_realloc frees them, which may run any
// guest code.
#include <string.h>

#include "sandbox/session_internal.h"

#define POST_PREFIX "cabi_post_"

enum {
    LENGTH_SIZE = 4 // of the u32 in front of an out parameter's bytes
};

// Memory behind an out or inout parameter; of size 0 if there is none. Bytes begin behind their
// length.
struct place {
    uint32_t address;
    uint32_t size;
    uint32_t alignment;
};

struct export_call {
    struct session *session;
    struct plan plan;
    struct plan_wire wire;
    struct report_frame frame;           // of what came
    uint64_t words[PLAN_WORDS_MAX];      // of what came
    uint64_t back_words[PLAN_WORDS_MAX]; // of what goes back
    const uint8_t *blocks;               // of what came
    const struct function *function;
    const struct function *post; // NULL if there is none
    struct place places[PLAN_PARAMETERS_MAX];
    uint32_t result_address; // of a block
    uint32_t result_size;    // of a block, a cstr's NUL included
    union slot slots[PLAN_CORE_MAX + 1];
    struct trap trap;
    struct error error;
};

static enum outcome trap_with(struct export_call *call, enum trap_code code)
{
    call->trap = (struct trap){.code = code};
    return OUTCOME_TRAP;
}

// --- finding and checking ------------------------------------------------------------------------

static bool has_type(const struct session *session, const struct function *function,
                     const struct plan_core_type *core)
{
    const struct deftype *type = type_at(&engine_store(session->engine)->types, function->type);

    if (type->parameter_count != core->parameter_count || type->result_count != core->result_count)
        return false;
    for (uint32_t i = 0; i < type->parameter_count; i++) {
        if (session_value_code(type->types[i]) != core->parameters[i])
            return false;
    }
    return type->result_count == 0 || session_value_code(deftype_results(type)[0]) == core->result;
}

static bool find_function(const struct session *session, struct name name,
                          const struct function **function)
{
    struct external external;

    if (!engine_export(session->modules[0].instance, name, &external) ||
        external.kind != EXTERNAL_FUNCTION)
        return false;
    *function = external.function;
    return true;
}

// Records that the function cannot be called as the host wants to; false.
static bool wrong_type(struct export_call *call, struct name name, const struct function *function)
{
    const struct type_store *types = &engine_store(call->session->engine)->types;
    const struct deftype *type = type_at(types, function->type);

    if (deftype_parameter_slots(type) + deftype_result_slots(type) >
        type->parameter_count + type->result_count)
        return error_set(&call->error, ERROR_USAGE_SIGNATURE, 0,
                         "%s takes or gives a v128, which does not cross to the host: pass it in "
                         "memory, or as two i64",
                         name_printed(name).text);
    return error_set(&call->error, ERROR_USAGE_SIGNATURE, 0, "%s has another core type",
                     name_printed(name).text);
}

// The function that takes a result's memory back, if the export has one of its own.
static bool find_post(struct export_call *call, struct name name)
{
    uint8_t text[sizeof POST_PREFIX + REPORT_FRAME_NAME_MAX];
    struct name post = {.bytes = text, .length = sizeof POST_PREFIX - 1 + name.length};
    struct plan_core_type type = {.parameter_count = 1};

    if (!plan_kind_is_block(call->plan.result))
        return true;
    memcpy(text, POST_PREFIX, sizeof POST_PREFIX - 1);
    memcpy(text + sizeof POST_PREFIX - 1, name.bytes, name.length);
    if (!find_function(call->session, post, &call->post))
        return true;
    type.parameters[0] = call->plan.result == PLAN_CSTR ? PLAN_CORE_I32 : PLAN_CORE_I64;
    return has_type(call->session, call->post, &type) || wrong_type(call, post, call->post);
}

static bool needs_memory(const struct plan *plan)
{
    for (uint32_t i = 0; i < plan->parameter_count; i++) {
        const struct plan_parameter *parameter = &plan->parameters[i];

        if (plan_kind_is_block(parameter->kind) || parameter->direction != PLAN_IN)
            return true;
    }
    return false;
}

static bool find_export(struct export_call *call, struct name name)
{
    struct session *session = call->session;
    struct plan_core_type type;

    if (!find_function(session, name, &call->function))
        return error_set(&call->error, ERROR_USAGE_EXPORT, 0, "%s", name_printed(name).text);
    plan_core_type(&call->plan, &type);
    if (!has_type(session, call->function, &type))
        return wrong_type(call, name, call->function);
    if (needs_memory(&call->plan) && session_reallocation(session) == NULL)
        return error_set(&call->error, ERROR_USAGE_EXPORT, 0,
                         "cabi_realloc, by which %s would get its arguments",
                         name_printed(name).text);
    return find_post(call, name);
}

static bool prepare(struct export_call *call, const struct session_message *message)
{
    struct report_frame *frame = &call->frame;
    size_t used;

    if (message->message.words[1] != MESSAGE_BY_NAME)
        return error_set(&call->error, ERROR_USAGE_EXPORT, 0, "exports are called by their names");
    if (message->length > call->session->frame_max)
        return error_set(&call->error, ERROR_LIMIT_MEMORY, 0, "arguments of %zu bytes; at most %u",
                         message->length, call->session->frame_max);
    if (!session_whole(message, &call->error) ||
        !report_take_frame(message->bytes, message->length, true, frame, &call->plan, call->words,
                           &call->error))
        return false;
    plan_wire(&call->plan, &call->wire);
    if (frame->word_count != call->wire.call.word_count)
        return error_set(&call->error, ERROR_USAGE_SIGNATURE, 0, "%u words, not %u",
                         frame->word_count, call->wire.call.word_count);
    call->blocks = frame->blocks_size > 0 ? message->bytes + frame->blocks_at : message->bytes;
    return plan_check_call(&call->wire, call->words, call->blocks, frame->blocks_size, &used,
                           &call->error) &&
           find_export(call, (struct name){message->bytes + frame->name_at, frame->name_length});
}

// --- arguments -----------------------------------------------------------------------------------

// New memory of the guest's, filled by the caller, who must do so before any guest code runs.
static enum outcome allocate(struct export_call *call, uint32_t size, uint32_t alignment,
                             uint32_t *address, uint8_t **memory)
{
    enum outcome outcome = session_allocate(call->session, size, alignment, address, &call->trap);

    *memory = outcome == OUTCOME_OK ? session_memory(call->session, *address, size) : NULL;
    return outcome;
}

// str, cstr or bytes: the guest's from now on.
static enum outcome put_block(struct export_call *call, const struct plan_slot *slot,
                              union slot **core)
{
    const uint8_t *block = call->blocks + call->words[slot->word];
    uint32_t length = (uint32_t)call->words[slot->word + 1];
    uint32_t size = length + (slot->kind == PLAN_CSTR);
    uint32_t address;
    uint8_t *memory;
    enum outcome outcome = allocate(call, size, 1, &address, &memory);

    if (outcome != OUTCOME_OK)
        return outcome;
    memcpy(memory, block, size); // a cstr's NUL was checked to be there
    (*core)++->u64 = address;
    if (slot->kind != PLAN_CSTR)
        (*core)++->u64 = length;
    return OUTCOME_OK;
}

// A scalar behind a pointer. `slot` is NULL for out ones, which are zero at first.
static enum outcome put_scalar_place(struct export_call *call, const struct plan_slot *slot,
                                     enum plan_kind kind, struct place *place, union slot **core)
{
    uint32_t size = (uint32_t)plan_kind_size(kind);
    uint8_t *memory;
    enum outcome outcome;

    *place = (struct place){.size = size, .alignment = size};
    outcome = allocate(call, size, size, &place->address, &memory);
    if (outcome != OUTCOME_OK)
        return outcome;
    plan_word_store(kind, slot != NULL ? call->words[slot->word] : 0, memory);
    (*core)++->u64 = place->address;
    return OUTCOME_OK;
}

// Bytes behind a pointer, and their length (or room) behind another.
static enum outcome put_bytes_place(struct export_call *call, const struct plan_slot *slot,
                                    struct place *place, union slot **core)
{
    const uint8_t *block = call->blocks + call->words[slot->word];
    uint32_t room = (uint32_t)call->words[slot->word + 1];
    uint8_t *memory;
    enum outcome outcome;

    *place = (struct place){.size = LENGTH_SIZE + room, .alignment = LENGTH_SIZE};
    outcome = allocate(call, place->size, place->alignment, &place->address, &memory);
    if (outcome != OUTCOME_OK)
        return outcome;
    plan_word_store(PLAN_U32, room, memory);
    if (slot->direction == PLAN_INOUT)
        memcpy(memory + LENGTH_SIZE, block, room);
    else
        memset(memory + LENGTH_SIZE, 0, room);
    (*core)++->u64 = place->address + LENGTH_SIZE;
    (*core)++->u64 = place->address;
    return OUTCOME_OK;
}

static enum outcome put_argument(struct export_call *call, uint8_t index, union slot **core)
{
    const struct plan_parameter *parameter = &call->plan.parameters[index];
    const struct plan_slot *slot = plan_form_find(&call->wire.call, index);
    struct place *place = &call->places[index];

    if (plan_kind_is_block(parameter->kind))
        return parameter->direction == PLAN_IN ? put_block(call, slot, core)
                                               : put_bytes_place(call, slot, place, core);
    if (parameter->direction != PLAN_IN)
        return put_scalar_place(call, slot, parameter->kind, place, core);
    (*core)++->u64 = plan_core_from_word(parameter->kind, call->words[slot->word]);
    return OUTCOME_OK;
}

static enum outcome put_arguments(struct export_call *call)
{
    union slot *core = call->slots;

    for (uint8_t i = 0; i < call->plan.parameter_count; i++) {
        enum outcome outcome = put_argument(call, i, &core);

        if (outcome != OUTCOME_OK)
            return outcome;
    }
    return OUTCOME_OK;
}

// --- results -------------------------------------------------------------------------------------

static enum outcome bad_value(struct export_call *call, const struct plan_slot *slot)
{
    if (slot->parameter == PLAN_RESULT)
        error_set(&call->error, ERROR_USAGE_SIGNATURE, PLAN_RESULT, "result (%s): out of range",
                  plan_kind_name(slot->kind));
    else
        error_set(&call->error, ERROR_USAGE_SIGNATURE, slot->parameter,
                  "parameter %u (%s): out of range", slot->parameter + 1u,
                  plan_kind_name(slot->kind));
    return OUTCOME_ERROR;
}

// Where the result's block is, and how long.
static enum outcome take_result_block(struct export_call *call, const struct plan_slot *slot)
{
    uint64_t length = call->slots[0].u64 >> 32;

    call->result_address = call->slots[0].u32;
    if (slot->kind == PLAN_CSTR &&
        !session_text_length(call->session, call->result_address, &length))
        return trap_with(call, TRAP_MEMORY_OUT_OF_BOUNDS);
    if (session_memory(call->session, call->result_address, length) == NULL)
        return trap_with(call, TRAP_MEMORY_OUT_OF_BOUNDS);
    call->result_size = (uint32_t)length + (slot->kind == PLAN_CSTR);
    call->back_words[slot->word + 1] = length;
    return OUTCOME_OK;
}

static enum outcome take_value(struct export_call *call, const struct plan_slot *slot)
{
    uint64_t *word = &call->back_words[slot->word];
    const uint8_t *memory;

    if (slot->parameter == PLAN_RESULT) {
        if (plan_kind_is_block(slot->kind))
            return take_result_block(call, slot);
        return plan_word_from_core(slot->kind, call->slots[0].u64, word) ? OUTCOME_OK
                                                                         : bad_value(call, slot);
    }
    // A memory never shrinks, so what was inside before the call still is.
    memory = session_memory(call->session, call->places[slot->parameter].address, LENGTH_SIZE);
    if (plan_kind_is_block(slot->kind))
        return plan_word_load(PLAN_U32, memory, word + 1) ? OUTCOME_OK : bad_value(call, slot);
    memory = session_memory(call->session, call->places[slot->parameter].address,
                            plan_kind_size(slot->kind));
    return plan_word_load(slot->kind, memory, word) ? OUTCOME_OK : bad_value(call, slot);
}

static const uint8_t *back_block(const struct export_call *call, const struct plan_slot *slot)
{
    uint64_t length = call->back_words[slot->word + 1];

    if (slot->parameter == PLAN_RESULT)
        return session_memory(call->session, call->result_address, length);
    return session_memory(call->session,
                          (uint64_t)call->places[slot->parameter].address + LENGTH_SIZE, length);
}

// Lengths of out bytes come from the guest: they must not exceed their room before they are used.
static bool fits_room(const struct export_call *call, const struct plan_slot *slot)
{
    return slot->parameter == PLAN_RESULT ||
           call->back_words[slot->word + 1] <= call->places[slot->parameter].size - LENGTH_SIZE;
}

// Copies everything into a frame of our own, and checks that the host will accept it.
static enum outcome take_results(struct export_call *call, struct session_frame *frame)
{
    const struct plan_form *form = &call->wire.back;
    size_t used;

    for (uint32_t i = 0; i < form->slot_count; i++) {
        const struct plan_slot *slot = &form->slots[i];
        enum outcome outcome = take_value(call, slot);

        if (outcome == OUTCOME_OK && plan_kind_is_block(slot->kind) && !fits_room(call, slot))
            outcome = bad_value(call, slot);
        if (outcome != OUTCOME_OK)
            return outcome;
    }
    if (!session_frame_make(call->session, form, call->back_words, frame, &call->error))
        return OUTCOME_ERROR;
    for (uint32_t i = 0; i < form->slot_count; i++) {
        const struct plan_slot *slot = &form->slots[i];

        if (plan_kind_is_block(slot->kind))
            plan_put_block(slot, call->back_words, frame->blocks, back_block(call, slot));
    }
    if (!plan_check_return(&call->wire, call->words, call->back_words, frame->blocks,
                           frame->blocks_size, &used, &call->error))
        return OUTCOME_ERROR;
    return OUTCOME_OK;
}

static enum outcome free_result(struct export_call *call)
{
    if (!plan_kind_is_block(call->plan.result))
        return OUTCOME_OK;
    if (call->post != NULL)
        return engine_invoke(call->session->engine, call->post, call->slots, &call->trap);
    if (session_reallocation(call->session) == NULL)
        return OUTCOME_OK; // it can only be the guest's own for good
    return session_free(call->session, call->result_address, call->result_size, 1, &call->trap);
}

static enum outcome free_memory(struct export_call *call)
{
    enum outcome outcome = free_result(call);

    for (uint32_t i = 0; i < call->plan.parameter_count && outcome == OUTCOME_OK; i++) {
        const struct place *place = &call->places[i];

        if (place->size > 0)
            outcome = session_free(call->session, place->address, place->size, place->alignment,
                                   &call->trap);
    }
    return outcome;
}

// --- the call ------------------------------------------------------------------------------------

// Fuel is for a call of the application's and all that happens in it, and so is what a trap in it
// may have come from.
static void begin_outermost(struct session *session)
{
    if (session->policy.limits.fuel != POLICY_NONE)
        engine_set_fuel(session->engine, session->policy.limits.fuel);
    engine_store(session->engine)->memory_budget.refused = false;
}

static enum outcome run(struct export_call *call, const struct session_message *message,
                        struct session_frame *frame)
{
    struct session *session = call->session;
    enum outcome outcome;
    enum outcome freed;

    if (session->channel->session.depth == 1)
        begin_outermost(session);
    outcome = put_arguments(call);
    // The guest has its copy.
    arena_release(&session->scratch, message->mark);
    if (outcome == OUTCOME_OK)
        outcome = engine_invoke(session->engine, call->function, call->slots, &call->trap);
    if (outcome == OUTCOME_OK)
        outcome = take_results(call, frame);
    if (outcome == OUTCOME_TRAP)
        return outcome;
    // A result that cannot be handed over is no reason for the guest to lose its memory.
    freed = free_memory(call);
    return freed == OUTCOME_OK ? outcome : freed;
}

static bool serve(struct session *session, const struct session_message *message)
{
    struct export_call call = {.session = session};
    struct message answer = {.kind = MESSAGE_CALL_RESULT, .count = 1};
    struct session_frame frame;

    if (!prepare(&call, message)) {
        session_send_error(session, &call.error);
        return !session->over;
    }
    switch (run(&call, message, &frame)) {
    case OUTCOME_OK:
        session_send_bytes(session, &answer, frame.bytes, frame.length);
        break;
    case OUTCOME_TRAP:
        session_send_trap(session, &call.trap);
        break;
    case OUTCOME_ERROR:
        session_send_error(session, &call.error);
        break;
    }
    return !session->over;
}

// Also from a host function that a library called: the addresses are the main module's.
bool session_call(struct session *session, const struct session_message *message)
{
    struct store *store = engine_store(session->engine);
    struct instance *before = engine_set_caller(store, session->modules[0].instance);
    bool more = serve(session, message);

    engine_set_caller(store, before);
    return more;
}
