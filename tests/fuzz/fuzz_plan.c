// SPDX-License-Identifier: Apache-2.0
//
// What the other process may send: a plan, the words of a call and of its return, and an arena of
// the size that is left. All of it may be wrong; what passes is read and written to the last byte
// that it claims, so that a sanitizer sees any that is not there. The input's first bytes are the
// plan, then come the words, so that seeds can be written by hand.
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "sandbox/base/utf8.h"
#include "sandbox/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#ifdef NDEBUG
#error "fuzz targets need assertions"
#endif

struct message {
    struct plan plan;
    uint64_t call_words[PLAN_WORDS_MAX];
    uint64_t return_words[PLAN_WORDS_MAX];
};

// Uses a message that passed as a receiver would, then lays it out again as its sender would have.
static void use(const struct plan_form *form, const uint64_t *words, uint8_t *arena, size_t size,
                size_t used)
{
    struct error error = {.code = ERROR_NONE};
    uint64_t placed[PLAN_WORDS_MAX];
    size_t end = 0;

    memcpy(placed, words, sizeof placed);
    assert(used <= size);
    for (size_t i = 0; i < form->slot_count; i++) {
        const struct plan_slot *slot = &form->slots[i];
        const uint64_t *word = &words[slot->word];
        uint64_t core;

        if (!plan_kind_is_block(slot->kind)) {
            core = plan_core_from_word(slot->kind, word[0]);
            if (!plan_word_from_core(slot->kind, core, &core))
                __builtin_trap();
            assert(core == word[0]);
            continue;
        }
        assert(word[0] >= end && word[0] <= size && word[1] <= size - word[0]);
        end = word[0] + word[1];
        assert(slot->kind != PLAN_STR || utf8_valid(arena + word[0], word[1]));
        assert(slot->kind != PLAN_CSTR || strlen((char *)arena + word[0]) == word[1]);
        if (slot->direction != PLAN_IN)
            memset(arena + word[0], 0xFF, word[1]); // must not spoil a block after it
        placed[slot->word] = UINT64_MAX;
    }
    if (!plan_place(form, placed, size, &end, &error))
        __builtin_trap();
    assert(end == used && memcmp(placed, words, form->word_count * sizeof *words) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error error = {.code = ERROR_NONE};
    struct message message = {.plan = {.result = PLAN_NONE}};
    struct plan_core_type type;
    struct plan_wire wire;
    uint8_t *arena;
    size_t used;
    size_t head = size < sizeof message ? size : sizeof message;

    memcpy(&message, data, head);
    if (!plan_check(&message.plan, &error))
        return 0;
    plan_core_type(&message.plan, &type);
    assert(type.parameter_count <= PLAN_CORE_MAX && type.result_count <= 1);
    plan_wire(&message.plan, &wire);
    arena = malloc(size - head);
    if (!arena)
        return 0;
    memcpy(arena, data + head, size - head);
    if (plan_check_return(&wire, message.call_words, message.return_words, arena, size - head,
                          &used, &error))
        use(&wire.back, message.return_words, arena, size - head, used);
    memcpy(arena, data + head, size - head);
    if (plan_check_call(&wire, message.call_words, arena, size - head, &used, &error))
        use(&wire.call, message.call_words, arena, size - head, used);
    free(arena);
    return 0;
}
