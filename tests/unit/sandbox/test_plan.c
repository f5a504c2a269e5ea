// SPDX-License-Identifier: Apache-2.0
#include "sandbox/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { ARENA_SIZE = 256 };

// A plan of (kind, direction) pairs.
static struct plan make_plan(uint8_t result, uint8_t count, const uint8_t pairs[][2])
{
    struct plan plan = {.parameter_count = count, .result = result};

    for (size_t i = 0; i < count; i++)
        plan.parameters[i] = (struct plan_parameter){pairs[i][0], pairs[i][1]};
    return plan;
}

static struct plan plan_of(uint8_t kind, uint8_t direction)
{
    return make_plan(PLAN_NONE, 1, (const uint8_t[][2]){{kind, direction}});
}

static bool passes(const struct plan *plan)
{
    struct error error = {.code = ERROR_NONE};
    bool passed = plan_check(plan, &error);

    assert_int_equal(passed, error.code == ERROR_NONE);
    return passed;
}

static void a_plan_of_every_kind_and_direction_passes_but_text_that_goes_out(void **state)
{
    (void)state;
    for (uint8_t kind = PLAN_BOOL; kind < PLAN_KIND_COUNT; kind++) {
        for (uint8_t direction = 0; direction < PLAN_DIRECTION_COUNT; direction++) {
            struct plan plan = plan_of(kind, direction);
            bool text = kind == PLAN_STR || kind == PLAN_CSTR;

            plan.result = kind;
            assert_int_equal(passes(&plan), !text || direction == PLAN_IN);
        }
    }
}

// Every single byte of a plan set to every value: whatever passes has the bytes of a proper plan.
static void a_plan_with_a_byte_out_of_range_does_not_pass(void **state)
{
    const struct plan good = make_plan(
        PLAN_STR, 2, (const uint8_t[][2]){{PLAN_I32, PLAN_OUT}, {PLAN_BYTES, PLAN_INOUT}});

    (void)state;
    for (size_t at = 0; at < sizeof good; at++) {
        for (unsigned value = 0; value < 256; value++) {
            struct plan plan = good;

            ((uint8_t *)&plan)[at] = (uint8_t)value;
            if (!passes(&plan))
                continue;
            assert_true(plan.parameter_count == 2 && plan.context <= 1 && plan.fallible == 0);
            assert_true(plan.result < PLAN_KIND_COUNT);
            for (size_t i = 0; i < PLAN_PARAMETERS_MAX; i++) {
                assert_true(plan.parameters[i].kind < PLAN_KIND_COUNT);
                assert_int_equal(plan.parameters[i].kind != PLAN_NONE, i < 2);
                assert_true(plan.parameters[i].direction < PLAN_DIRECTION_COUNT);
            }
        }
    }
}

static void a_result_that_may_fail_is_not_supported_yet(void **state)
{
    struct plan plan = {.fallible = 1};
    struct error error = {.code = ERROR_NONE};

    (void)state;
    assert_false(plan_check(&plan, &error));
    assert_int_equal(error.code, ERROR_UNSUPPORTED_FEATURE);
}

static void more_than_the_most_parameters_do_not_pass(void **state)
{
    struct plan plan = {.parameter_count = PLAN_PARAMETERS_MAX};

    (void)state;
    memset(plan.parameters, 0, sizeof plan.parameters);
    for (size_t i = 0; i < PLAN_PARAMETERS_MAX; i++)
        plan.parameters[i].kind = PLAN_I32;
    assert_true(passes(&plan));
    plan.parameter_count++;
    assert_false(passes(&plan));
}

// --- the guest's type ----------------------------------------------------------------------------

static const char *core_text(const struct plan *plan, char text[64])
{
    struct plan_core_type type;
    size_t length = 0;

    plan_core_type(plan, &type);
    for (size_t i = 0; i < type.parameter_count; i++)
        text[length++] = "FfIi"[type.parameters[i] - PLAN_CORE_F64];
    text[length++] = ':';
    if (type.result_count)
        text[length++] = "FfIi"[type.result - PLAN_CORE_F64];
    text[length] = '\0';
    return text;
}

static void the_core_type_of_each_parameter_is_what_c_for_wasm32_makes_of_it(void **state)
{
    static const char *const in[PLAN_KIND_COUNT] = {
        [PLAN_BOOL] = "i:", [PLAN_I8] = "i:",    [PLAN_U8] = "i:",  [PLAN_I16] = "i:",
        [PLAN_U16] = "i:",  [PLAN_I32] = "i:",   [PLAN_U32] = "i:", [PLAN_I64] = "I:",
        [PLAN_U64] = "I:",  [PLAN_F32] = "f:",   [PLAN_F64] = "F:", [PLAN_STR] = "ii:",
        [PLAN_CSTR] = "i:", [PLAN_BYTES] = "ii:"};
    char text[64];

    (void)state;
    for (uint8_t kind = PLAN_BOOL; kind < PLAN_KIND_COUNT; kind++) {
        struct plan plan = plan_of(kind, PLAN_IN);

        assert_string_equal(core_text(&plan, text), in[kind]);
        if (kind == PLAN_STR || kind == PLAN_CSTR)
            continue;
        plan = plan_of(kind, PLAN_OUT);
        assert_string_equal(core_text(&plan, text), kind == PLAN_BYTES ? "ii:" : "i:");
        plan = plan_of(kind, PLAN_INOUT);
        assert_string_equal(core_text(&plan, text), kind == PLAN_BYTES ? "ii:" : "i:");
    }
}

static void a_block_as_the_result_is_one_i64_and_a_cstr_an_address(void **state)
{
    static const char results[] = "-iiiiiiiIIfFIiI";
    char text[64];

    (void)state;
    for (uint8_t kind = PLAN_BOOL; kind < PLAN_KIND_COUNT; kind++) {
        struct plan plan = make_plan(kind, 0, NULL);

        core_text(&plan, text);
        assert_int_equal(text[1], results[kind]);
    }
}

static void the_context_is_nothing_to_the_guest_or_the_wire(void **state)
{
    struct plan plan = plan_of(PLAN_STR, PLAN_IN);
    struct plan_wire wires[2];
    char text[64];

    (void)state;
    plan_wire(&plan, &wires[0]);
    plan.context = 1;
    plan_wire(&plan, &wires[1]);
    assert_string_equal(core_text(&plan, text), "ii:");
    assert_memory_equal(&wires[0], &wires[1], sizeof wires[0]);
}

// --- scalars -------------------------------------------------------------------------------------

struct range {
    uint8_t kind;
    int64_t minimum;
    int64_t maximum;
};

static const struct range ranges[] = {
    {PLAN_BOOL, 0, 1},         {PLAN_I8, -128, 127},
    {PLAN_U8, 0, 255},         {PLAN_I16, -32768, 32767},
    {PLAN_U16, 0, 65535},      {PLAN_I32, INT32_MIN, INT32_MAX},
    {PLAN_U32, 0, UINT32_MAX}, {PLAN_I64, INT64_MIN, INT64_MAX},
    {PLAN_F32, 0, UINT32_MAX},
};

enum { RANGES = sizeof ranges / sizeof *ranges };

static void words_fit_exactly_within_their_kinds_range(void **state)
{
    (void)state;
    for (size_t i = 0; i < RANGES; i++) {
        const struct range *range = &ranges[i];

        assert_true(plan_word_fits(range->kind, (uint64_t)range->minimum));
        assert_true(plan_word_fits(range->kind, (uint64_t)range->maximum));
        if (range->kind == PLAN_I64)
            continue;
        assert_false(plan_word_fits(range->kind, (uint64_t)range->minimum - 1));
        assert_false(plan_word_fits(range->kind, (uint64_t)range->maximum + 1));
        // A wrong extension of a number that is right in its low bits.
        for (unsigned bit = 33; bit < 64; bit++)
            assert_false(plan_word_fits(range->kind, 1 ^ (UINT64_C(1) << bit)));
    }
    assert_true(plan_word_fits(PLAN_U64, UINT64_MAX));
    assert_true(plan_word_fits(PLAN_F64, UINT64_MAX));
}

static void small_integers_of_a_guest_are_refused_exactly_outside_their_range(void **state)
{
    (void)state;
    for (size_t i = 0; i < RANGES; i++) {
        const struct range *range = &ranges[i];

        for (int64_t value = -70000; value <= 70000; value++) {
            uint64_t word;
            // The i32 that a guest has for it, under bits that a slot may have above.
            uint64_t core = (uint32_t)value | UINT64_C(0xABCD) << 48;
            bool fits = value >= range->minimum && value <= range->maximum;

            if (range->kind == PLAN_U32 || range->kind == PLAN_F32 || range->kind == PLAN_I64)
                continue;
            assert_int_equal(plan_word_from_core(range->kind, core, &word), fits);
            if (!fits)
                continue;
            assert_true(word == (uint64_t)value);
            assert_true(plan_core_from_word(range->kind, word) == (uint32_t)value);
        }
    }
}

static void values_of_four_and_eight_bytes_cross_with_all_their_bits(void **state)
{
    static const uint64_t patterns[] = {0,          1,          0x7FFFFFFF,         0x80000000,
                                        0xFFFFFFFF, 0x7FA00001, 0x7FF0000000000001, UINT64_MAX};
    static const uint8_t kinds[] = {PLAN_I32, PLAN_U32, PLAN_I64, PLAN_U64, PLAN_F32, PLAN_F64};

    (void)state;
    for (size_t i = 0; i < sizeof kinds; i++) {
        for (size_t j = 0; j < sizeof patterns / sizeof *patterns; j++) {
            uint64_t core = plan_kind_size(kinds[i]) == 4 ? (uint32_t)patterns[j] : patterns[j];
            uint64_t word;

            assert_true(plan_word_from_core(kinds[i], core, &word));
            assert_true(plan_word_fits(kinds[i], word));
            assert_true(plan_core_from_word(kinds[i], word) == core);
        }
    }
}

static void words_survive_memory_and_touch_no_byte_beside_theirs(void **state)
{
    (void)state;
    for (size_t i = 0; i < RANGES; i++) {
        const struct range *range = &ranges[i];
        uint8_t memory[10];
        uint64_t word;

        memset(memory, 0xEE, sizeof memory);
        plan_word_store(range->kind, (uint64_t)range->minimum, memory + 1);
        assert_int_equal(memory[0], 0xEE);
        assert_int_equal(memory[1 + plan_kind_size(range->kind)], 0xEE);
        assert_true(plan_word_load(range->kind, memory + 1, &word));
        assert_true(word == (uint64_t)range->minimum);
    }
}

static void a_byte_other_than_0_and_1_is_no_bool(void **state)
{
    (void)state;
    for (unsigned value = 0; value < 256; value++) {
        uint8_t byte = (uint8_t)value;
        uint64_t word;

        assert_int_equal(plan_word_load(PLAN_BOOL, &byte, &word), value < 2);
    }
}

// --- the wire ------------------------------------------------------------------------------------

// A message of one call: text: str, name: cstr, data: inout bytes, room: out bytes, small: i8.
struct message {
    struct plan plan;
    struct plan_wire wire;
    uint64_t words[PLAN_WORDS_MAX];
    _Alignas(16) uint8_t arena[ARENA_SIZE];
    size_t size;
    size_t used;
};

static void make_message(struct message *message)
{
    static const char *const texts[] = {"caf\xC3\xA9", "name", "data", NULL};
    static const uint64_t lengths[] = {5, 4, 4, 20};
    const struct plan_form *form = &message->wire.call;
    struct error error = {.code = ERROR_NONE};

    *message = (struct message){.plan = make_plan(PLAN_NONE, 5,
                                                  (const uint8_t[][2]){{PLAN_STR, PLAN_IN},
                                                                       {PLAN_CSTR, PLAN_IN},
                                                                       {PLAN_BYTES, PLAN_INOUT},
                                                                       {PLAN_BYTES, PLAN_OUT},
                                                                       {PLAN_I8, PLAN_IN}})};
    message->size = ARENA_SIZE;
    plan_wire(&message->plan, &message->wire);
    for (size_t i = 0; i < 4; i++)
        message->words[form->slots[i].word + 1] = lengths[i];
    message->words[form->slots[4].word] = (uint64_t)-5;
    assert_true(plan_place(form, message->words, message->size, &message->used, &error));
    for (size_t i = 0; i < 3; i++)
        plan_put_block(&form->slots[i], message->words, message->arena, texts[i]);
}

static bool arrives(const struct message *message)
{
    struct error error = {.code = ERROR_NONE};
    size_t used;
    bool passed = plan_check_call(&message->wire, message->words, message->arena, message->size,
                                  &used, &error);

    assert_int_equal(passed, error.code == ERROR_NONE);
    if (passed)
        assert_int_equal(used, message->used);
    return passed;
}

static void what_the_sender_lays_out_passes_the_receivers_check(void **state)
{
    struct message message;

    (void)state;
    make_message(&message);
    assert_int_equal(message.wire.call.word_count, 9);
    assert_int_equal(message.words[0], 0);
    assert_int_equal(message.words[2], 16); // the cstr
    assert_int_equal(message.words[4], 32);
    assert_int_equal(message.words[6], 48);
    assert_int_equal(message.used, 68);
    assert_memory_equal(message.arena + 16, "name", 5);
    assert_true(arrives(&message));
    message.size = message.used;
    assert_true(arrives(&message));
    message.size = message.used - 1;
    assert_false(arrives(&message));
}

static void any_other_offset_than_the_one_laid_out_is_refused(void **state)
{
    (void)state;
    for (size_t word = 0; word < 8; word += 2) {
        for (unsigned bit = 0; bit < 64; bit++) {
            struct message message;

            make_message(&message);
            message.words[word] ^= UINT64_C(1) << bit;
            assert_false(arrives(&message));
        }
    }
}

static void lengths_that_wrap_or_exceed_the_arena_are_refused(void **state)
{
    static const uint64_t lengths[] = {ARENA_SIZE,      ARENA_SIZE + 1,     UINT32_MAX,
                                       UINT64_MAX - 1,  UINT64_MAX,         UINT64_MAX - 15,
                                       UINT64_MAX - 31, (uint64_t)INT64_MAX};

    (void)state;
    for (size_t word = 1; word < 8; word += 2) {
        for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
            struct message message;
            struct error error = {.code = ERROR_NONE};
            size_t used;

            make_message(&message);
            message.words[word] = lengths[i];
            assert_false(arrives(&message));
            assert_false(plan_place(&message.wire.call, message.words, ARENA_SIZE, &used, &error));
            assert_int_equal(error.code, ERROR_LIMIT_MEMORY);
        }
    }
}

static void a_str_that_is_no_utf8_is_refused(void **state)
{
    struct message message;

    (void)state;
    make_message(&message);
    message.words[1] = 4; // cuts the last character in half
    assert_false(arrives(&message));
    make_message(&message);
    message.arena[1] = 0; // NUL is a character
    assert_true(arrives(&message));
}

static void a_cstr_with_nul_inside_or_none_at_its_end_is_refused(void **state)
{
    struct message message;

    (void)state;
    make_message(&message);
    message.arena[18] = 0;
    assert_false(arrives(&message));
    make_message(&message);
    message.arena[20] = 'x';
    assert_false(arrives(&message));
    make_message(&message);
    message.words[3] = 3; // its NUL would be a letter
    assert_false(arrives(&message));
}

static void bytes_may_be_anything(void **state)
{
    struct message message;

    (void)state;
    make_message(&message);
    memset(message.arena + 32, 0xFF, 4);
    memset(message.arena + 48, 0xFF, 20);
    assert_true(arrives(&message));
}

static void a_small_integer_out_of_range_is_refused_in_a_message(void **state)
{
    struct message message;

    (void)state;
    make_message(&message);
    message.words[8] = 0xFB; // -5 without its sign
    assert_false(arrives(&message));
}

static void out_parameters_come_back_behind_the_result(void **state)
{
    const struct plan plan = make_plan(
        PLAN_STR, 3,
        (const uint8_t[][2]){{PLAN_I32, PLAN_OUT}, {PLAN_I64, PLAN_IN}, {PLAN_BYTES, PLAN_INOUT}});
    struct plan_wire wire;

    (void)state;
    plan_wire(&plan, &wire);
    assert_int_equal(wire.call.word_count, 3);
    assert_null(plan_form_find(&wire.call, 0));
    assert_int_equal(plan_form_find(&wire.call, 1)->word, 0);
    assert_int_equal(plan_form_find(&wire.call, 2)->word, 1);
    assert_int_equal(wire.back.word_count, 5);
    assert_int_equal(plan_form_find(&wire.back, PLAN_RESULT)->word, 0);
    assert_int_equal(plan_form_find(&wire.back, 0)->word, 2);
    assert_null(plan_form_find(&wire.back, 1));
    assert_int_equal(plan_form_find(&wire.back, 2)->word, 3);
}

static void bytes_come_back_no_longer_than_there_was_room_for(void **state)
{
    static const uint8_t directions[] = {PLAN_OUT, PLAN_INOUT};
    static const uint8_t arena[ARENA_SIZE];

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const struct plan plan = plan_of(PLAN_BYTES, directions[i]);
        const uint64_t call_words[] = {0, 20};
        struct plan_wire wire;

        plan_wire(&plan, &wire);
        for (uint64_t length = 0; length < 40; length++) {
            const uint64_t words[] = {0, length};
            struct error error = {.code = ERROR_NONE};
            size_t used;

            assert_int_equal(
                plan_check_return(&wire, call_words, words, arena, ARENA_SIZE, &used, &error),
                length <= 20);
        }
    }
}

static void the_largest_plan_fits_the_most_words(void **state)
{
    struct plan plan = {.parameter_count = PLAN_PARAMETERS_MAX, .result = PLAN_STR};
    struct plan_core_type type;
    struct plan_wire wire;

    (void)state;
    for (size_t i = 0; i < PLAN_PARAMETERS_MAX; i++)
        plan.parameters[i] = (struct plan_parameter){PLAN_BYTES, PLAN_INOUT};
    assert_true(passes(&plan));
    plan_wire(&plan, &wire);
    plan_core_type(&plan, &type);
    assert_int_equal(wire.call.word_count, PLAN_WORDS_MAX - 2);
    assert_int_equal(wire.back.word_count, PLAN_WORDS_MAX);
    assert_int_equal(type.parameter_count, PLAN_CORE_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plan_of_every_kind_and_direction_passes_but_text_that_goes_out),
        cmocka_unit_test(a_plan_with_a_byte_out_of_range_does_not_pass),
        cmocka_unit_test(a_result_that_may_fail_is_not_supported_yet),
        cmocka_unit_test(more_than_the_most_parameters_do_not_pass),
        cmocka_unit_test(the_core_type_of_each_parameter_is_what_c_for_wasm32_makes_of_it),
        cmocka_unit_test(a_block_as_the_result_is_one_i64_and_a_cstr_an_address),
        cmocka_unit_test(the_context_is_nothing_to_the_guest_or_the_wire),
        cmocka_unit_test(words_fit_exactly_within_their_kinds_range),
        cmocka_unit_test(small_integers_of_a_guest_are_refused_exactly_outside_their_range),
        cmocka_unit_test(values_of_four_and_eight_bytes_cross_with_all_their_bits),
        cmocka_unit_test(words_survive_memory_and_touch_no_byte_beside_theirs),
        cmocka_unit_test(a_byte_other_than_0_and_1_is_no_bool),
        cmocka_unit_test(what_the_sender_lays_out_passes_the_receivers_check),
        cmocka_unit_test(any_other_offset_than_the_one_laid_out_is_refused),
        cmocka_unit_test(lengths_that_wrap_or_exceed_the_arena_are_refused),
        cmocka_unit_test(a_str_that_is_no_utf8_is_refused),
        cmocka_unit_test(a_cstr_with_nul_inside_or_none_at_its_end_is_refused),
        cmocka_unit_test(bytes_may_be_anything),
        cmocka_unit_test(a_small_integer_out_of_range_is_refused_in_a_message),
        cmocka_unit_test(out_parameters_come_back_behind_the_result),
        cmocka_unit_test(bytes_come_back_no_longer_than_there_was_room_for),
        cmocka_unit_test(the_largest_plan_fits_the_most_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
