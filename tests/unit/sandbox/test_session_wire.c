// SPDX-License-Identifier: Apache-2.0
//
// What is longer than an arena, and what is too long.
#include "tests/unit/sandbox/session_fixture.h"

enum { KIB = 1024, MIB = 1024 * 1024 };

static const uint32_t lengths[] = {0, 1, 65535, 65536, 65537, 131072, MIB, 3 * MIB};

#define LENGTHS (sizeof lengths / sizeof lengths[0])

// Text of any length, none of whose arenas are alike.
static const char *pattern(void)
{
    static char text[3 * MIB + 1];

    for (uint32_t i = 0; i < sizeof text - 1; i++)
        text[i] = (char)('a' + (i ^ i >> 16) % 26);
    return text;
}

static struct value block_of(const char *text, size_t length)
{
    return (struct value){.text = text, .length = length};
}

static void expect_bytes(size_t word, const char *text, size_t length)
{
    assert_int_equal(words[word + 1], length);
    assert_memory_equal(blocks + words[word], text, length);
}

static void build_echo(void)
{
    build_exported("echo", "ii:I", CODE(PACKED));
}

// What the next error or trap says.
static void expect_words(enum message_kind kind, uint64_t code, const char *words_expected)
{
    struct message message = expect(kind);

    incoming[incoming_length] = '\0';
    assert_int_equal(message.words[1], code);
    if (!strstr((const char *)incoming, words_expected))
        fail_msg("%s", (const char *)incoming);
}

// --- what is longer than an arena ----------------------------------------------------------------

static void calls_and_results_of_any_length_are_whole(void **state)
{
    const char *text = pattern();

    (void)state;
    build_allocator_of(16 * LENGTHS * 3);
    build_echo();
    LOAD(NULL);
    for (size_t i = 0; i < LENGTHS; i++) {
        SEND_CALL("echo(text: str) -> str", block_of(text, lengths[i]));
        expect_result();
        expect_bytes(0, text, lengths[i]);
    }
    shut_down();
}

static void host_calls_and_their_results_of_any_length_are_whole(void **state)
{
    const char *text = pattern();
    uint32_t import;

    (void)state;
    import = build_import_function("app", "ask", "ii:I");
    build_allocator_of(16 * LENGTHS * 6);
    build_exported("ask", "ii:I", CODE(LOCAL_GET, 0, LOCAL_GET, 1, CALL, (uint8_t)import));
    LOAD("app.ask(text: bytes) -> bytes", NULL);
    for (size_t i = 0; i < LENGTHS; i++) {
        SEND_CALL("ask(text: bytes) -> bytes", block_of(text, lengths[i]));
        expect_host_call(0);
        expect_bytes(0, text, lengths[i]);
        SEND_RESULT("app.ask(text: bytes) -> bytes",
                    block_of(text + MIB - lengths[i] / 3, lengths[i]));
        expect_result();
        expect_bytes(0, text + MIB - lengths[i] / 3, lengths[i]);
    }
    shut_down();
}

static void long_texts_closed_by_nul_and_bytes_to_fill_are_whole(void **state)
{
    const char *text = pattern();

    (void)state;
    build_allocator_of(64);
    build_exported("same", "i:i", CODE(LOCAL_GET, 0));
    build_exported("keep", "ii:", CODE(NOP));
    LOAD(NULL);
    SEND_CALL("same(text: cstr) -> cstr", block_of(text, MIB));
    expect_result();
    expect_bytes(0, text, MIB);
    SEND_CALL("keep(data: inout bytes)", block_of(text, MIB));
    expect_result();
    expect_bytes(0, text, MIB);
    shut_down();
}

// --- what is too long ----------------------------------------------------------------------------

static void a_frame_is_no_longer_than_memory_and_an_arena(void **state)
{
    uint32_t import;

    (void)state;
    policy.limits.memory_bytes = 64 * KIB;
    import = build_import_function("app", "take", "iiiiii:");
    build_memory(1, 1);
    build_exported("take", "i:",
                   CODE(I32_CONST, 0, LOCAL_GET, 0, I32_CONST, 0, LOCAL_GET, 0, I32_CONST, 0,
                        LOCAL_GET, 0, CALL, (uint8_t)import));
    LOAD("app.take(a: bytes, b: bytes, c: bytes)", NULL);
    SEND_CALL("take(length: u32)", WORD(43000));
    expect_host_call(0);
    SEND_RESULT("app.take(a: bytes, b: bytes, c: bytes)");
    expect_result();
    SEND_CALL("take(length: u32)", WORD(44000));
    expect_words(MESSAGE_TRAP, TRAP_LIMIT, "a call carries at most 131072 bytes: limits.memory");
    shut_down();
}

static void arguments_beyond_limits_engine_are_an_error_and_the_session_goes_on(void **state)
{
    const char *text = pattern();

    (void)state;
    policy.limits.engine_bytes = MIB;
    build_allocator_of(64);
    build_echo();
    LOAD(NULL);
    for (int i = 0; i < 3; i++) {
        SEND_CALL("echo(text: str) -> str", block_of(text, 3 * MIB / 4));
        expect_words(MESSAGE_ERROR, ERROR_LIMIT_MEMORY, "limits.engine");
        SEND_CALL("echo(text: str) -> str", block_of(text, MIB / 4));
        expect_result();
        expect_bytes(0, text, MIB / 4);
    }
    shut_down();
}

static void results_beyond_limits_engine_are_an_error_and_the_guests_memory_is_freed(void **state)
{
    (void)state;
    policy.limits.engine_bytes = MIB;
    build_allocator_of(64);
    build_exported("read", "i:i", CODE(LOCAL_GET, 0, I32_LOAD, 2, 0));
    build_exported("large", "ii:I", CODE(PACKED));
    LOAD(NULL);
    SEND_CALL("large(address: u32, length: u32) -> bytes", WORD(16), WORD(2 * MIB));
    expect_words(MESSAGE_ERROR, ERROR_LIMIT_MEMORY, "limits.engine");
    SEND_CALL("read(at: u32) -> u32", WORD(0)); // how often something was freed
    expect_result();
    assert_int_equal(words[0], 1);
    shut_down();
}

static void answers_beyond_limits_engine_are_a_trap_that_says_so(void **state)
{
    const char *text = pattern();
    uint32_t import;

    (void)state;
    policy.limits.engine_bytes = MIB;
    import = build_import_function("app", "get", ":I");
    build_allocator_of(64);
    build_exported("get", ":I", CODE(CALL, (uint8_t)import));
    LOAD("app.get() -> bytes", NULL);
    SEND_CALL("get() -> bytes");
    expect_host_call(0);
    SEND_RESULT("app.get() -> bytes", block_of(text, MIB));
    expect_words(MESSAGE_TRAP, TRAP_LIMIT, "limits.engine");
    SEND_CALL("get() -> bytes");
    expect_host_call(0);
    SEND_RESULT("app.get() -> bytes", BLOCK("short"));
    expect_result();
    expect_block(0, "short");
    shut_down();
}

static void memory_for_a_large_call_is_given_back(void **state)
{
    const char *text = pattern();

    (void)state;
    build_allocator_of(256);
    build_exported("take", "iiii:", CODE(NOP));
    LOAD(NULL);
    SEND_CALL("take(a: bytes, b: bytes)", block_of(text, 3 * MIB), block_of(text, MIB / 2));
    expect_result();
    SEND_CALL("take(a: bytes, b: bytes)", BLOCK("a"), BLOCK("b")); // served after the first is over
    expect_result();
    assert_true(session.scratch.committed <= SESSION_SCRATCH_KEPT);
    shut_down();
}

static void parts_that_are_not_followed_up_end_the_session(void **state)
{
    (void)state;
    build_echo();
    LOAD(NULL);
    host_send(MESSAGE_PART, "part", 4, 0);
    expect(MESSAGE_TAKEN);
    channel_poison(&pair.worker, CHANNEL_DIED);
    join_session(false);
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(calls_and_results_of_any_length_are_whole),
        TEST(host_calls_and_their_results_of_any_length_are_whole),
        TEST(long_texts_closed_by_nul_and_bytes_to_fill_are_whole),
        TEST(a_frame_is_no_longer_than_memory_and_an_arena),
        TEST(arguments_beyond_limits_engine_are_an_error_and_the_session_goes_on),
        TEST(results_beyond_limits_engine_are_an_error_and_the_guests_memory_is_freed),
        TEST(answers_beyond_limits_engine_are_a_trap_that_says_so),
        TEST(memory_for_a_large_call_is_given_back),
        TEST(parts_that_are_not_followed_up_end_the_session),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
