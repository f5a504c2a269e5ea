// SPDX-License-Identifier: Apache-2.0
#include "sandbox/hostcall.h"

#include "tests/unit/sandbox/session_fixture.h"

static void a_host_function_gets_scalars_and_answers(void **state)
{
    uint32_t import;

    (void)state;
    import = build_import_function("app", "mix", "iFI:I");
    build_exported("mix", "iFI:I",
                   CODE(LOCAL_GET, 0, LOCAL_GET, 1, LOCAL_GET, 2, CALL, (uint8_t)import));
    LOAD("app.mix(a: i8, b: f64, c: u64) -> i64", NULL);
    SEND_CALL("mix(a: i32, b: f64, c: u64) -> i64", WORD(-128), WORD(5), WORD(UINT64_MAX));
    expect_host_call(0);
    assert_true(words[0] == (uint64_t)-128);
    assert_true(words[1] == 5);
    assert_true(words[2] == UINT64_MAX);
    SEND_RESULT("app.mix(a: i8, b: f64, c: u64) -> i64", WORD(-7));
    expect_result();
    assert_true(words[0] == (uint64_t)-7);
    SEND_CALL("mix(a: i32, b: f64, c: u64) -> i64", WORD(128), WORD(5), WORD(0));
    expect_trap(TRAP_HOST);
    shut_down();
}

static void a_host_function_gets_and_returns_texts(void **state)
{
    uint32_t import;

    (void)state;
    import = build_import_function("app", "ask", "ii:I");
    build_allocator();
    build_exported("ask", "ii:I", CODE(LOCAL_GET, 0, LOCAL_GET, 1, CALL, (uint8_t)import));
    LOAD("app.ask(text: str) -> str", NULL);
    SEND_CALL("ask(text: str) -> str", BLOCK("who?"));
    expect_host_call(0);
    expect_block(0, "who?");
    SEND_RESULT("app.ask(text: str) -> str", BLOCK("Grace"));
    expect_result();
    expect_block(0, "Grace");
    shut_down();
}

static void pointers_outside_of_memory_are_traps(void **state)
{
    uint32_t import;

    (void)state;
    import = build_import_function("app", "ask", "ii:");
    build_allocator();
    build_exported("ask", "ii:", CODE(LOCAL_GET, 0, LOCAL_GET, 1, CALL, (uint8_t)import));
    LOAD("app.ask(text: str)", NULL);
    SEND_CALL("ask(address: u32, length: u32)", WORD(131072), WORD(1));
    expect_trap(TRAP_MEMORY_OUT_OF_BOUNDS);
    SEND_CALL("ask(address: u32, length: u32)", WORD(0xFFFFFFFF), WORD(0xFFFFFFFF));
    expect_trap(TRAP_MEMORY_OUT_OF_BOUNDS);
    SEND_CALL("ask(text: bytes)", BLOCK("\377"));
    expect_trap(TRAP_HOST);
    shut_down();
}

static void a_host_function_fills_what_it_gets_a_pointer_to(void **state)
{
    uint32_t import;

    (void)state;
    import = build_import_function("app", "get", "iii:");
    build_allocator();
    build_exported("get",
                   "iii:", CODE(LOCAL_GET, 0, LOCAL_GET, 1, LOCAL_GET, 2, CALL, (uint8_t)import));
    LOAD("app.get(count: inout u16, data: out bytes)", NULL);
    SEND_CALL("get(count: inout u16, data: out bytes)", WORD(7), ROOM(10));
    expect_host_call(0);
    assert_int_equal(words[0], 7);
    assert_int_equal(words[2], 10);
    SEND_RESULT("app.get(count: inout u16, data: out bytes)", WORD(8), BLOCK("data"));
    expect_result();
    assert_int_equal(words[0], 8);
    expect_block(1, "data");
    SEND_CALL("get(count: u32, data: u32, length: u32)", WORD(131071), WORD(0), WORD(16));
    expect_trap(TRAP_MEMORY_OUT_OF_BOUNDS);
    SEND_CALL("get(count: u32, data: u32, length: u32)", WORD(0), WORD(0), WORD(131070));
    expect_trap(TRAP_MEMORY_OUT_OF_BOUNDS);
    shut_down();
}

static void a_host_function_that_fails_is_a_trap(void **state)
{
    struct message message;
    uint32_t import;

    (void)state;
    import = build_import_function("app", "fail", ":");
    build_exported("try", ":", CODE(CALL, (uint8_t)import));
    LOAD("app.fail()", NULL);
    SEND_CALL("try()");
    expect_host_call(0);
    host_send(MESSAGE_HOST_CALL_FAILED, "no", 2, 1);
    message = expect(MESSAGE_TRAP);
    assert_int_equal(message.words[1], TRAP_HOST);
    assert_int_equal(message.words[2], 1);
    shut_down();
}

static void an_answer_that_does_not_fit_ends_the_session(void **state)
{
    uint32_t import;

    (void)state;
    import = build_import_function("app", "get", ":i");
    build_exported("get", ":i", CODE(CALL, (uint8_t)import));
    LOAD("app.get() -> u8", NULL);
    SEND_CALL("get() -> i32");
    expect_host_call(0);
    SEND_RESULT("app.get() -> u32", WORD(256));
    join_session(false);
}

// Each level calls the host, which calls the next one; the arguments survive.
static void calls_nest_to_the_depth_limit(void **state)
{
    char text[] = "0";
    uint32_t import;

    (void)state;
    import = build_import_function("app", "ask", "ii:I");
    build_allocator();
    build_exported("ask", "ii:I", CODE(LOCAL_GET, 0, LOCAL_GET, 1, CALL, (uint8_t)import));
    LOAD("app.ask(text: str) -> str", NULL);
    for (int depth = 0; depth < MESSAGE_DEPTH_MAX; depth++) {
        text[0] = (char)('0' + depth);
        SEND_CALL("ask(text: str) -> str", BLOCK(text));
        expect_host_call(0);
        expect_block(0, text);
    }
    for (int depth = MESSAGE_DEPTH_MAX; depth-- > 0;) {
        text[0] = (char)('a' + depth);
        SEND_RESULT("app.ask(text: str) -> str", BLOCK(text));
        expect_result();
        expect_block(0, text);
    }
    shut_down();
}

static void a_trap_in_a_nested_call_leaves_the_outer_one_running(void **state)
{
    uint32_t import;

    (void)state;
    import = build_import_function("app", "get", ":i");
    build_exported("get", ":i", CODE(CALL, (uint8_t)import));
    build_exported("crash", ":", CODE(UNREACHABLE));
    LOAD("app.get() -> i32", NULL);
    SEND_CALL("get() -> i32");
    expect_host_call(0);
    SEND_CALL("crash()");
    expect_trap(TRAP_UNREACHABLE);
    SEND_CALL("missing()");
    expect_error(ERROR_USAGE_EXPORT);
    SEND_RESULT("app.get() -> i32", WORD(5));
    expect_result();
    assert_int_equal(words[0], 5);
    shut_down();
}

#define T(test_) cmocka_unit_test_setup_teardown(test_, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_host_function_gets_scalars_and_answers),
        T(a_host_function_gets_and_returns_texts),
        T(pointers_outside_of_memory_are_traps),
        T(a_host_function_fills_what_it_gets_a_pointer_to),
        T(a_host_function_that_fails_is_a_trap),
        T(an_answer_that_does_not_fit_ends_the_session),
        T(calls_nest_to_the_depth_limit),
        T(a_trap_in_a_nested_call_leaves_the_outer_one_running),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
