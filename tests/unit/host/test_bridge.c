// SPDX-License-Identifier: Apache-2.0
#include "host/bridge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "host/signature.h"

#define NATIVE(function_) ((void (*)(void))(function_))

enum { ARENA_SIZE = 512 };

static uint64_t seen[16]; // what the last native function was given
static unsigned calls;

// --- fixture -------------------------------------------------------------------------------------

// A native function, its signature, and one call's messages.
struct fixture {
    struct signature signature;
    struct bridge bridge;
    struct bridge_exchange exchange;
    uint64_t call_words[PLAN_WORDS_MAX];
    uint64_t return_words[PLAN_WORDS_MAX];
    uint8_t call_arena[ARENA_SIZE];
    uint8_t return_arena[ARENA_SIZE];
    struct plan_wire wire;
    struct bridge_bytes call_blocks[BRIDGE_BLOCKS_MAX];
    struct bridge_bytes return_blocks[BRIDGE_BLOCKS_MAX];
    struct bridge_outputs outputs;
    struct error error;
};

static void prepare(struct fixture *fixture, const char *text, void (*function)(void))
{
    struct error error = {.code = ERROR_NONE};

    memset(fixture, 0, sizeof *fixture);
    if (!signature_parse(text, strlen(text), &fixture->signature, &error) ||
        !bridge_prepare(&fixture->signature.plan, function, NULL, &fixture->bridge, &error))
        fail_msg("%s: %s", text, error.message);
    plan_wire(&fixture->signature.plan, &fixture->wire);
    // What an earlier plugin may have left behind.
    memset(fixture->call_arena, 0xA5, sizeof fixture->call_arena);
    memset(fixture->return_arena, 0xA5, sizeof fixture->return_arena);
    fixture->exchange = (struct bridge_exchange){
        .call_words = fixture->call_words,
        .call_arena = fixture->call_arena,
        .call_size = ARENA_SIZE,
        .return_words = fixture->return_words,
        .return_blocks = fixture->return_blocks,
        .return_size = ARENA_SIZE,
    };
}

static bool give(struct fixture *fixture, ...)
{
    va_list arguments;
    bool given;

    error_clear(&fixture->error);
    va_start(arguments, fixture);
    given = bridge_arguments(&fixture->signature.plan, &fixture->wire.call, arguments, ARENA_SIZE,
                             fixture->call_words, fixture->call_blocks,
                             &fixture->exchange.call_size, &fixture->outputs, &fixture->error);
    va_end(arguments);
    if (given)
        bridge_put_blocks(&fixture->wire.call, fixture->call_words, fixture->call_blocks,
                          fixture->call_arena);
    return given;
}

static bool call(struct fixture *fixture)
{
    error_clear(&fixture->error);
    if (!bridge_call(&fixture->bridge, &fixture->exchange, &fixture->error))
        return false;
    bridge_put_blocks(&fixture->bridge.wire.back, fixture->return_words, fixture->return_blocks,
                      fixture->return_arena);
    return true;
}

// Calls and hands the results out, checked as they would be on the other side of a channel.
static void call_and_take(struct fixture *fixture)
{
    size_t used;

    if (!call(fixture))
        fail_msg("%s", fixture->error.message);
    assert_true(plan_check_return(&fixture->bridge.wire, fixture->call_words, fixture->return_words,
                                  fixture->return_arena, fixture->exchange.return_used, &used,
                                  &fixture->error));
    assert_int_equal(used, fixture->exchange.return_used);
    bridge_results(&fixture->wire.back, &fixture->outputs, fixture->return_words,
                   fixture->return_arena);
}

static void fails(struct fixture *fixture, bool violation, const char *part)
{
    assert_false(call(fixture));
    assert_int_equal(fixture->exchange.violation, violation);
    if (!strstr(fixture->error.message, part))
        fail_msg("%s", fixture->error.message);
}

// --- blocks, outs and the context ----------------------------------------------------------------

static void app_log(int32_t level, const char *text, size_t length)
{
    calls++;
    assert_int_equal(level, -3);
    assert_int_equal(length, 5);
    assert_memory_equal(text, "hello", 5);
}

static void a_natural_c_function_is_called_with_its_str(void **state)
{
    struct fixture fixture;

    (void)state;
    prepare(&fixture, "app.log(level: i32, text: str)", NATIVE(app_log));
    assert_true(give(&fixture, (int32_t)-3, "hello", (size_t)5));
    calls = 0;
    call_and_take(&fixture);
    fixture.bridge.use_thunk = false;
    call_and_take(&fixture);
    assert_int_equal(calls, 2);
    assert_int_equal(fixture.exchange.return_used, 0);
}

static void *take_context(void *context, uint8_t number)
{
    seen[0] = number;
    seen[1] = (uintptr_t)context;
    return context;
}

static void the_context_comes_first_and_a_calls_own_goes_before_the_bridges(void **state)
{
    struct fixture fixture;
    struct error error = {.code = ERROR_NONE};
    int a;
    int b;

    (void)state;
    prepare(&fixture, "m.f(@ctx, number: u8) -> u64", NATIVE(take_context));
    assert_true(
        bridge_prepare(&fixture.signature.plan, NATIVE(take_context), &a, &fixture.bridge, &error));
    assert_true(give(&fixture, 200, NULL));
    call_and_take(&fixture);
    assert_int_equal(seen[0], 200);
    assert_true(seen[1] == (uintptr_t)&a);
    fixture.exchange.context = &b;
    call_and_take(&fixture);
    assert_true(seen[1] == (uintptr_t)&b);
}

static int32_t edit(const char *name, const uint8_t *key, size_t key_length, uint8_t *data,
                    size_t *length, uint8_t *room, size_t *room_length, int16_t *sum, bool *flag)
{
    assert_string_equal(name, "edit");
    assert_int_equal(key_length, 3);
    assert_memory_equal(key, "k\0y", 3);
    assert_int_equal(*length, 6);
    assert_memory_equal(data, "abcdef", 6);
    assert_int_equal(*room_length, 8);
    assert_memory_equal(room, "\0\0\0\0\0\0\0", 8); // not what an earlier call left
    assert_int_equal(*sum, -7);
    assert_int_equal(*flag, 0);
    memcpy(data, "ABCD", 4);
    *length = 4;
    memcpy(room, "12345678", 8);
    *sum = -8;
    *flag = true;
    return -1;
}

static void out_and_inout_values_come_back_to_the_callers_pointers(void **state)
{
    struct fixture fixture;
    uint8_t data[] = "abcdef";
    size_t length = 6;
    uint8_t room[] = "........!";
    size_t room_length = 8;
    int16_t sum = -7;
    bool flag = false;
    int32_t result = 0;

    (void)state;
    prepare(&fixture,
            "m.edit(name: cstr, key: bytes, data: inout bytes, room: out bytes, sum: inout i16, "
            "flag: out bool) -> i32",
            NATIVE(edit));
    assert_true(give(&fixture, "edit", "k\0y", (size_t)3, data, &length, room, &room_length, &sum,
                     &flag, &result));
    call_and_take(&fixture);
    assert_int_equal(result, -1);
    assert_int_equal(length, 4);
    assert_memory_equal(data, "ABCDef", 7);
    assert_int_equal(room_length, 8);
    assert_memory_equal(room, "12345678!", 10);
    assert_int_equal(sum, -8);
    assert_true(flag);
}

static void grow(uint8_t *data, size_t *length)
{
    (void)data;
    ++*length;
}

static void bytes_longer_than_there_was_room_for_are_the_functions_fault(void **state)
{
    struct fixture fixture;
    uint8_t data[4] = {0};
    size_t length = 4;

    (void)state;
    prepare(&fixture, "m.f(data: out bytes)", NATIVE(grow));
    assert_true(give(&fixture, data, &length));
    fails(&fixture, false, "the host function's parameter 1 is longer than there was room for");
    prepare(&fixture, "m.f(data: inout bytes)", NATIVE(grow));
    assert_true(give(&fixture, data, &length));
    fails(&fixture, false, "the host function's parameter 1 is longer than there was room for");
}

static struct bridge_bytes echo(const uint8_t *data, size_t length)
{
    calls++;
    return (struct bridge_bytes){data, length};
}

static struct bridge_bytes echo_on_the_stack(int64_t a, int64_t b, int64_t c, int64_t d, int64_t e,
                                             const uint8_t *data, size_t length)
{
    assert_int_equal(a + b + c + d + e, 15);
    return (struct bridge_bytes){data, length};
}

static void a_str_result_is_returned_by_value_by_thunk_and_by_libffi(void **state)
{
    struct fixture fixture;
    struct bridge_bytes result;

    (void)state;
    prepare(&fixture, "m.echo(text: str) -> str", NATIVE(echo));
    for (int round = 0; round < 2; round++) {
        assert_true(give(&fixture, "caf\xC3\xA9", (size_t)5, &result));
        call_and_take(&fixture);
        assert_int_equal(result.length, 5);
        assert_memory_equal(result.data, "caf\xC3\xA9", 5);
        fixture.bridge.use_thunk = false;
    }
    prepare(&fixture, "m.f(a: i64, b: i64, c: i64, d: i64, e: i64, data: bytes) -> bytes",
            NATIVE(echo_on_the_stack));
    assert_false(fixture.bridge.use_thunk);
    assert_true(give(&fixture, (int64_t)1, (int64_t)2, (int64_t)3, (int64_t)4, (int64_t)5, "\xFF",
                     (size_t)1, &result));
    call_and_take(&fixture);
    assert_int_equal(result.length, 1);
    assert_int_equal(result.data[0], 0xFF);
}

static void a_str_result_that_is_no_utf8_is_the_functions_fault(void **state)
{
    struct fixture fixture;
    struct bridge_bytes result;

    (void)state;
    prepare(&fixture, "m.echo(data: bytes) -> str", NATIVE(echo));
    assert_true(give(&fixture, "\xFF", (size_t)1, &result));
    fails(&fixture, false, "the host function's result is not UTF-8");
}

static struct bridge_bytes null_bytes(uint64_t length)
{
    return (struct bridge_bytes){NULL, length};
}

static void a_null_result_is_empty_or_the_functions_fault(void **state)
{
    struct fixture fixture;
    struct bridge_bytes result;

    (void)state;
    prepare(&fixture, "m.f(length: u64) -> str", NATIVE(null_bytes));
    assert_true(give(&fixture, UINT64_C(0), &result));
    call_and_take(&fixture);
    assert_int_equal(result.length, 0);
    assert_true(give(&fixture, UINT64_C(1), &result));
    fails(&fixture, false, "the host function's result is NULL with a length");
}

static void a_result_too_long_for_the_frame_is_a_limit(void **state)
{
    static const size_t sizes[] = {0, 4, 5};
    struct fixture fixture;
    struct bridge_bytes result;

    (void)state;
    prepare(&fixture, "m.echo(text: str) -> str", NATIVE(echo));
    for (size_t i = 0; i < 3; i++) {
        assert_true(give(&fixture, "hello", (size_t)5, &result));
        fixture.exchange.return_size = sizes[i];
        assert_int_equal(call(&fixture), sizes[i] == 5);
        assert_false(fixture.exchange.violation);
        assert_int_equal(fixture.error.code, sizes[i] == 5 ? ERROR_NONE : ERROR_LIMIT_MEMORY);
    }
}

static const char *upper(const char *text)
{
    return text[0] == 'n' ? NULL : "TEXT";
}

static void a_cstr_result_is_found_by_its_nul_and_null_is_the_functions_fault(void **state)
{
    struct fixture fixture;
    const char *result;

    (void)state;
    prepare(&fixture, "m.upper(text: cstr) -> cstr", NATIVE(upper));
    assert_true(give(&fixture, "text", &result));
    call_and_take(&fixture);
    assert_string_equal(result, "TEXT");
    assert_int_equal(fixture.return_words[1], 4);
    fixture.exchange.return_size = 4; // no room for the NUL
    assert_false(call(&fixture));
    assert_int_equal(fixture.error.code, ERROR_LIMIT_MEMORY);
    assert_true(give(&fixture, "null", &result));
    fails(&fixture, false, "the host function's result is NULL");
}

static uint8_t same(uint8_t number)
{
    return number;
}

static void a_bool_that_is_none_is_the_functions_fault(void **state)
{
    struct fixture fixture;
    bool result;

    (void)state;
    prepare(&fixture, "m.f(a: u8) -> bool", NATIVE(same));
    assert_true(give(&fixture, 1, &result));
    call_and_take(&fixture);
    assert_true(result);
    assert_true(give(&fixture, 2, &result));
    fails(&fixture, false, "the host function's result is no bool");
}

static void a_function_is_not_called_when_the_words_or_blocks_are_wrong(void **state)
{
    struct fixture fixture;
    struct bridge_bytes result;

    (void)state;
    prepare(&fixture, "m.echo(text: str) -> str", NATIVE(echo));
    assert_true(give(&fixture, "hello", (size_t)5, &result));
    calls = 0;
    fixture.call_arena[2] = 0xFF;
    fails(&fixture, true, "parameter 1 (str): not UTF-8");
    fixture.call_words[1] = ARENA_SIZE + 1;
    fails(&fixture, true, "parameter 1 (str): longer than the arena");
    fixture.call_words[0] = 1;
    fixture.call_words[1] = 1;
    fails(&fixture, true, "parameter 1 (str): not where it belongs");
    assert_int_equal(calls, 0);
}

// Every parameter two pointers: the most native arguments that there are.
static void largest(void *context, uint8_t *a, size_t *al, uint8_t *b, size_t *bl, uint8_t *c,
                    size_t *cl, uint8_t *d, size_t *dl, uint8_t *e, size_t *el, uint8_t *f,
                    size_t *fl, uint8_t *g, size_t *gl, uint8_t *h, size_t *hl, uint8_t *i,
                    size_t *il, uint8_t *j, size_t *jl, uint8_t *k, size_t *kl, uint8_t *l,
                    size_t *ll, uint8_t *m, size_t *ml, uint8_t *n, size_t *nl, uint8_t *o,
                    size_t *ol, uint8_t *p, size_t *pl)
{
    uint8_t *const data[] = {a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p};
    size_t *const lengths[] = {al, bl, cl, dl, el, fl, gl, hl, il, jl, kl, ll, ml, nl, ol, pl};

    seen[0] = (uintptr_t)context;
    for (size_t at = 0; at < PLAN_PARAMETERS_MAX; at++) {
        assert_int_equal(*lengths[at], at);
        memset(data[at], (int)at, at);
        *lengths[at] = at / 2;
    }
}

static void the_largest_plan_is_called_with_all_its_arguments(void **state)
{
    struct fixture fixture;
    struct plan plan = {.parameter_count = PLAN_PARAMETERS_MAX, .context = 1};
    struct error error = {.code = ERROR_NONE};
    size_t used;

    (void)state;
    prepare(&fixture, "m.f()", NATIVE(app_log));
    for (size_t i = 0; i < PLAN_PARAMETERS_MAX; i++)
        plan.parameters[i] = (struct plan_parameter){PLAN_BYTES, PLAN_OUT};
    assert_true(bridge_prepare(&plan, NATIVE(largest), &fixture, &fixture.bridge, &error));
    for (size_t i = 0; i < PLAN_PARAMETERS_MAX; i++)
        fixture.call_words[2 * i + 1] = i;
    assert_true(
        plan_place(&fixture.bridge.wire.call, fixture.call_words, ARENA_SIZE, &used, &error));
    assert_true(call(&fixture));
    assert_true(seen[0] == (uintptr_t)&fixture);
    for (size_t i = 0; i < PLAN_PARAMETERS_MAX; i++) {
        assert_int_equal(fixture.return_words[2 * i + 1], i / 2);
        if (i > 1)
            assert_int_equal(fixture.return_arena[fixture.return_words[2 * i]], i);
    }
}

// --- variadic calls ------------------------------------------------------------------------------

static void every_scalar_comes_out_of_a_variadic_call(void **state)
{
    struct fixture fixture;
    const struct plan *plan = &fixture.signature.plan;

    (void)state;
    prepare(&fixture,
            "f(a: bool, b: i8, c: u8, d: i16, e: u16, f: i32, g: u32, h: i64, i: u64, j: f32, "
            "k: f64)",
            NATIVE(app_log));
    assert_true(give(&fixture, true, (int8_t)-1, (uint8_t)255, (int16_t)-2, (uint16_t)65535,
                     (int32_t)-3, UINT32_MAX, INT64_MIN, UINT64_MAX, 1.5, -2.5));
    for (size_t i = 0; i < plan->parameter_count; i++)
        assert_true(plan_word_fits(plan->parameters[i].kind, fixture.call_words[i]));
    assert_int_equal(fixture.call_words[0], 1);
    assert_true(fixture.call_words[1] == UINT64_MAX);
    assert_int_equal(fixture.call_words[2], 255);
    assert_true(fixture.call_words[3] == (uint64_t)-2);
    assert_int_equal(fixture.call_words[4], 65535);
    assert_true(fixture.call_words[5] == (uint64_t)-3);
    assert_int_equal(fixture.call_words[6], UINT32_MAX);
    assert_true(fixture.call_words[7] == (uint64_t)INT64_MIN);
    assert_true(fixture.call_words[8] == UINT64_MAX);
    assert_int_equal(fixture.call_words[9], 0x3FC00000);
    assert_true(fixture.call_words[10] == 0xC004000000000000);
}

static void refuses(struct fixture *fixture, bool given, const char *part)
{
    assert_false(given);
    assert_int_equal(fixture->error.code, ERROR_USAGE_SIGNATURE);
    if (!strstr(fixture->error.message, part))
        fail_msg("%s", fixture->error.message);
}

static void arguments_that_do_not_fit_the_signature_are_refused(void **state)
{
    struct fixture fixture;
    uint8_t byte = 2;
    size_t length = 1;

    (void)state;
    prepare(&fixture, "f(a: i8, b: bool)", NATIVE(app_log));
    refuses(&fixture, give(&fixture, 128, 0), "parameter 1 is out of range");
    refuses(&fixture, give(&fixture, -129, 0), "parameter 1 is out of range");
    refuses(&fixture, give(&fixture, -128, 2), "parameter 2 is out of range");
    prepare(&fixture, "f(a: str)", NATIVE(app_log));
    refuses(&fixture, give(&fixture, "\xC3", (size_t)1), "parameter 1 is not UTF-8");
    refuses(&fixture, give(&fixture, NULL, (size_t)1), "parameter 1 is NULL");
    assert_true(give(&fixture, NULL, (size_t)0));
    prepare(&fixture, "f(a: cstr)", NATIVE(app_log));
    refuses(&fixture, give(&fixture, NULL), "parameter 1 is NULL");
    prepare(&fixture, "f(a: out i8)", NATIVE(app_log));
    refuses(&fixture, give(&fixture, NULL), "parameter 1 is NULL");
    prepare(&fixture, "f(a: inout bool)", NATIVE(app_log));
    refuses(&fixture, give(&fixture, &byte), "parameter 1 points to no bool");
    prepare(&fixture, "f(a: out bytes)", NATIVE(app_log));
    refuses(&fixture, give(&fixture, &byte, NULL), "parameter 1 has no length");
    refuses(&fixture, give(&fixture, NULL, &length), "parameter 1 is NULL");
}

static void arguments_too_long_for_the_frame_are_a_limit(void **state)
{
    static const uint8_t large[ARENA_SIZE];
    struct fixture fixture;

    (void)state;
    prepare(&fixture, "f(a: bytes)", NATIVE(app_log));
    assert_true(give(&fixture, large, sizeof large));
    assert_false(give(&fixture, large, sizeof large + 1));
    assert_int_equal(fixture.error.code, ERROR_LIMIT_MEMORY);
    assert_false(give(&fixture, large, SIZE_MAX));
    assert_int_equal(fixture.error.code, ERROR_LIMIT_MEMORY);
}

// What was in the memory that the frame is put together in may be anything of the application's.
static void nothing_but_the_arguments_reaches_the_frame(void **state)
{
    struct fixture fixture;
    uint8_t room[5] = "secre";
    size_t length = sizeof room;

    (void)state;
    prepare(&fixture, "f(a: bytes, b: out bytes, c: cstr, d: str)", NATIVE(app_log));
    assert_true(give(&fixture, "A", (size_t)1, room, &length, "C", "D", (size_t)1));
    assert_int_equal(fixture.exchange.call_size, 49);
    assert_memory_equal(fixture.call_arena,
                        "A\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"  // padding
                        "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" // room
                        "C\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0D",
                        49);
    assert_int_equal(fixture.call_arena[49], 0xA5);
}

static void a_result_that_nobody_wants_is_left(void **state)
{
    struct fixture fixture;

    (void)state;
    prepare(&fixture, "m.echo(text: str) -> str", NATIVE(echo));
    assert_true(give(&fixture, "hello", (size_t)5, NULL));
    call_and_take(&fixture);
}

static void a_bad_plan_or_no_function_is_refused(void **state)
{
    struct plan plan = {.result = PLAN_KIND_COUNT};
    struct error error = {.code = ERROR_NONE};
    struct bridge bridge;

    (void)state;
    assert_false(bridge_prepare(&plan, NATIVE(app_log), NULL, &bridge, &error));
    assert_int_equal(error.code, ERROR_USAGE_SIGNATURE);
    error_clear(&error);
    plan.result = PLAN_NONE;
    assert_false(bridge_prepare(&plan, NULL, NULL, &bridge, &error));
    assert_int_equal(error.code, ERROR_USAGE_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_natural_c_function_is_called_with_its_str),
        cmocka_unit_test(the_context_comes_first_and_a_calls_own_goes_before_the_bridges),
        cmocka_unit_test(out_and_inout_values_come_back_to_the_callers_pointers),
        cmocka_unit_test(bytes_longer_than_there_was_room_for_are_the_functions_fault),
        cmocka_unit_test(a_str_result_is_returned_by_value_by_thunk_and_by_libffi),
        cmocka_unit_test(a_str_result_that_is_no_utf8_is_the_functions_fault),
        cmocka_unit_test(a_null_result_is_empty_or_the_functions_fault),
        cmocka_unit_test(a_result_too_long_for_the_frame_is_a_limit),
        cmocka_unit_test(a_cstr_result_is_found_by_its_nul_and_null_is_the_functions_fault),
        cmocka_unit_test(a_bool_that_is_none_is_the_functions_fault),
        cmocka_unit_test(a_function_is_not_called_when_the_words_or_blocks_are_wrong),
        cmocka_unit_test(the_largest_plan_is_called_with_all_its_arguments),
        cmocka_unit_test(every_scalar_comes_out_of_a_variadic_call),
        cmocka_unit_test(arguments_that_do_not_fit_the_signature_are_refused),
        cmocka_unit_test(arguments_too_long_for_the_frame_are_a_limit),
        cmocka_unit_test(nothing_but_the_arguments_reaches_the_frame),
        cmocka_unit_test(a_result_that_nobody_wants_is_left),
        cmocka_unit_test(a_bad_plan_or_no_function_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
