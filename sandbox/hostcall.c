// SPDX-License-Identifier: Apache-2.0
#include "sandbox/hostcall.h"

#include <assert.h>
#include <string.h>

#include "sandbox/session_internal.h"

enum {
    LENGTH_SIZE = 4 // of the u32 that a guest's size_t is
};

// The core values of a parameter.
struct argument {
    uint64_t value;     // of scalars that go in
    uint32_t address;   // of the others
    uint32_t length;    // str and bytes
    uint32_t length_at; // out and inout bytes: where their length is
};

struct import_call {
    struct session *session;
    const struct hostcall *import;
    struct argument arguments[PLAN_PARAMETERS_MAX];
    uint64_t words[PLAN_WORDS_MAX];      // of the call
    uint64_t back_words[PLAN_WORDS_MAX]; // of the return
    union slot *slots;
};

static bool is_bytes_place(const struct plan_parameter *parameter)
{
    return parameter->kind == PLAN_BYTES && parameter->direction != PLAN_IN;
}

// --- arguments -----------------------------------------------------------------------------------

static void take_core(struct import_call *call)
{
    const struct plan *plan = &call->import->plan;
    const union slot *slot = call->slots;

    for (uint32_t i = 0; i < plan->parameter_count; i++) {
        const struct plan_parameter *parameter = &plan->parameters[i];
        struct argument *argument = &call->arguments[i];

        *argument = (struct argument){.value = slot->u64, .address = slot->u32};
        slot++;
        if (is_bytes_place(parameter))
            argument->length_at = slot++->u32;
        else if (parameter->kind == PLAN_STR || parameter->kind == PLAN_BYTES)
            argument->length = slot++->u32;
    }
}

// The length of a block that goes in, or of one that comes out the room for it.
static enum trap_code block_length(const struct session *session,
                                   const struct plan_parameter *parameter,
                                   const struct argument *argument, uint64_t *length)
{
    const uint8_t *memory;

    *length = argument->length;
    if (parameter->kind == PLAN_CSTR && !session_text_length(session, argument->address, length))
        return TRAP_MEMORY_OUT_OF_BOUNDS;
    if (is_bytes_place(parameter)) {
        memory = session_memory(session, argument->length_at, LENGTH_SIZE);
        if (memory == NULL)
            return TRAP_MEMORY_OUT_OF_BOUNDS;
        if (!plan_word_load(PLAN_U32, memory, length))
            return TRAP_HOST;
    }
    if (session_memory(session, argument->address, *length) == NULL)
        return TRAP_MEMORY_OUT_OF_BOUNDS;
    return TRAP_NONE;
}

// `slot` is NULL for an out parameter, of which nothing goes in.
static enum trap_code take_scalar(const struct session *session,
                                  const struct plan_parameter *parameter,
                                  const struct argument *argument, const struct plan_slot *slot,
                                  uint64_t *words)
{
    const uint8_t *memory;

    if (parameter->direction == PLAN_IN)
        return plan_word_from_core(parameter->kind, argument->value, &words[slot->word])
                   ? TRAP_NONE
                   : TRAP_HOST;
    memory = session_memory(session, argument->address, plan_kind_size(parameter->kind));
    if (memory == NULL)
        return TRAP_MEMORY_OUT_OF_BOUNDS;
    if (slot != NULL && !plan_word_load(parameter->kind, memory, &words[slot->word]))
        return TRAP_HOST;
    return TRAP_NONE;
}

static enum trap_code take_arguments(struct import_call *call)
{
    const struct plan *plan = &call->import->plan;

    take_core(call);
    for (uint8_t i = 0; i < plan->parameter_count; i++) {
        const struct plan_parameter *parameter = &plan->parameters[i];
        const struct argument *argument = &call->arguments[i];
        const struct plan_slot *slot = plan_form_find(&call->import->wire.call, i);
        enum trap_code code;

        if (plan_kind_is_block(parameter->kind))
            code = block_length(call->session, parameter, argument, &call->words[slot->word + 1]);
        else
            code = take_scalar(call->session, parameter, argument, slot, call->words);
        if (code != TRAP_NONE)
            return code;
    }
    return TRAP_NONE;
}

static enum trap_code make_frame(struct import_call *call, struct session_frame *frame)
{
    const struct plan_wire *wire = &call->import->wire;
    struct error error = {.code = ERROR_NONE};
    size_t used;

    error_clear(&call->session->limit);
    if (!session_frame_make(call->session, &wire->call, call->words, frame, &call->session->limit))
        return TRAP_LIMIT;
    for (uint32_t i = 0; i < wire->call.slot_count; i++) {
        const struct plan_slot *slot = &wire->call.slots[i];
        const struct argument *argument = &call->arguments[slot->parameter];

        if (plan_kind_is_block(slot->kind) && slot->direction != PLAN_OUT)
            plan_put_block(
                slot, call->words, frame->blocks,
                session_memory(call->session, argument->address, call->words[slot->word + 1]));
    }
    return plan_check_call(wire, call->words, frame->blocks, frame->blocks_size, &used, &error)
               ? TRAP_NONE
               : TRAP_HOST;
}

static enum trap_code ask_host(struct import_call *call)
{
    struct message message = {
        .kind = MESSAGE_HOST_CALL,
        .count = 2,
        .words = {0, call->import->index},
    };
    size_t mark = arena_mark(&call->session->scratch);
    struct session_frame frame;
    enum trap_code code = make_frame(call, &frame);

    if (code == TRAP_NONE &&
        !session_send_bytes(call->session, &message, frame.bytes, frame.length))
        code = TRAP_HOST;
    arena_release(&call->session->scratch, mark);
    return code;
}

// --- results -------------------------------------------------------------------------------------

static enum trap_code put_result_block(struct import_call *call, const struct plan_slot *slot,
                                       const uint8_t *blocks)
{
    uint32_t length = (uint32_t)call->back_words[slot->word + 1];
    uint32_t size = length + (slot->kind == PLAN_CSTR);
    uint32_t address;
    struct trap trap;

    if (session_allocate(call->session, size, 1, &address, &trap) != OUTCOME_OK)
        return trap.code;
    memcpy(session_memory(call->session, address, size), blocks + call->back_words[slot->word],
           size);
    call->slots[0].u64 = slot->kind == PLAN_CSTR ? address : address | (uint64_t)length << 32;
    return TRAP_NONE;
}

// Into memory that was checked before the call; a memory never shrinks.
static void put_parameter(const struct import_call *call, const struct plan_slot *slot,
                          const uint8_t *blocks)
{
    const struct argument *argument = &call->arguments[slot->parameter];
    const uint64_t *word = &call->back_words[slot->word];

    if (plan_kind_is_block(slot->kind)) {
        memcpy(session_memory(call->session, argument->address, word[1]), blocks + word[0],
               (size_t)word[1]);
        plan_word_store(PLAN_U32, word[1],
                        session_memory(call->session, argument->length_at, LENGTH_SIZE));
    } else {
        plan_word_store(
            slot->kind, *word,
            session_memory(call->session, argument->address, plan_kind_size(slot->kind)));
    }
}

static enum trap_code put_results(struct import_call *call, const uint8_t *blocks)
{
    const struct plan_form *form = &call->import->wire.back;
    enum trap_code code = TRAP_NONE;

    for (uint32_t i = 0; i < form->slot_count && code == TRAP_NONE; i++) {
        const struct plan_slot *slot = &form->slots[i];

        if (slot->parameter != PLAN_RESULT)
            put_parameter(call, slot, blocks);
        else if (plan_kind_is_block(slot->kind))
            code = put_result_block(call, slot, blocks);
        else
            call->slots[0].u64 = plan_core_from_word(slot->kind, call->back_words[slot->word]);
    }
    return code;
}

// The host's answer is checked like anything that comes by the channel; a wrong one is the end.
static enum trap_code take_results(struct import_call *call, const struct session_message *answer)
{
    const struct plan_wire *wire = &call->import->wire;
    struct error error = {.code = ERROR_NONE};
    struct report_frame frame;
    const uint8_t *blocks;
    size_t used;

    error_clear(&call->session->limit);
    if (!session_whole(answer, &call->session->limit))
        return TRAP_LIMIT;
    if (!report_take_frame(answer->bytes, answer->length, false, &frame, NULL, call->back_words,
                           &error) ||
        frame.word_count != wire->back.word_count) {
        call->session->over = true;
        return TRAP_HOST;
    }
    blocks = frame.blocks_size > 0 ? answer->bytes + frame.blocks_at : answer->bytes;
    if (!plan_check_return(wire, call->words, call->back_words, blocks, frame.blocks_size, &used,
                           &error)) {
        call->session->over = true;
        return TRAP_HOST;
    }
    return put_results(call, blocks);
}

// --- the call ------------------------------------------------------------------------------------

// Receives one message: the answer, or a call of an export, after which there are `more`.
static enum trap_code serve(struct import_call *call, bool *more)
{
    struct session_message received;

    *more = false;
    if (!session_receive(call->session, &received))
        return TRAP_HOST;
    if (received.message.kind == MESSAGE_HOST_CALL_RESULT)
        return take_results(call, &received);
    if (received.message.kind != MESSAGE_CALL || !session_call(call->session, &received))
        return TRAP_HOST;
    *more = true;
    return TRAP_NONE;
}

enum trap_code hostcall(void *context, struct store *store, union slot *slots)
{
    const struct hostcall *import = context;
    struct import_call call = {.session = import->session, .import = import, .slots = slots};
    enum trap_code code = take_arguments(&call);
    bool more = true;

    assert(store == engine_store(import->session->engine));
    if (code == TRAP_NONE)
        code = ask_host(&call);
    while (code == TRAP_NONE && more) {
        size_t mark = arena_mark(&call.session->scratch);

        code = serve(&call, &more);
        arena_release(&call.session->scratch, mark);
    }
    return code == TRAP_NONE && store->interrupted ? TRAP_INTERRUPTED : code;
}
