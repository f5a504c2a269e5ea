// SPDX-License-Identifier: Apache-2.0
//
// For the tests of sessions: a session in a thread of its own, no jail around it, and the host's
// side as functions for the test's thread. Any answer but the expected one fails the test.
#pragma once

#include "tests/unit/sandbox/channel_fixture.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/signature.h"
#include "sandbox/hostcall.h"
#include "sandbox/report.h"
#include "sandbox/session.h"
#include "tests/unit/wasm/module_builder.h"

static struct pair pair;
static struct session session;
static struct policy policy;
static pthread_t thread;
static bool orderly;    // what session_run said
static uint8_t *module; // what it is given
static struct report_library libraries[REPORT_LIBRARIES_MAX + 1];
static uint32_t library_count;
static uint8_t library_bytes[64 * 1024]; // which come behind the module
static size_t libraries_size;
static uint8_t incoming[REPORT_BYTES_MAX + 1]; // the longest that comes
static size_t incoming_length;
static char output[256 * 1024]; // what came by OUTPUT
static size_t output_length;
static size_t output_room; // how much of it the host takes

static void *run_session(void *context)
{
    (void)context;
    orderly = session_run(&session);
    session_finish(&session);
    return NULL;
}

static int set_up(void **state)
{
    (void)state;
    pair_init(&pair);
    policy_init(&policy);
    build_begin();
    library_count = 0;
    libraries_size = 0;
    output_length = 0;
    output_room = sizeof output;
    return 0;
}

// A test that fails leaves its session behind: it is given up.
static int tear_down(void **state)
{
    (void)state;
    pair_finish(&pair);
    free(module);
    module = NULL;
    return 0;
}

// Sends so much ahead that the rest fits into one message; the rest's size.
static size_t host_send_parts(const uint8_t **bytes, size_t length)
{
    for (; length > MESSAGE_ARENA_SIZE; length -= MESSAGE_ARENA_SIZE) {
        struct message part = {.kind = MESSAGE_PART, .count = 1, .words = {MESSAGE_ARENA_SIZE}};

        assert_true(channel_arena_write(&pair.host, 0, *bytes, MESSAGE_ARENA_SIZE));
        assert_int_equal(channel_send(&pair.host, &part), CHANNEL_OK);
        assert_int_equal(channel_receive(&pair.host, &part, in(20 * SECOND)), CHANNEL_OK);
        assert_string_equal(message_name(part.kind), "TAKEN");
        assert_int_equal(part.words[0], MESSAGE_ARENA_SIZE);
        *bytes += MESSAGE_ARENA_SIZE;
    }
    return length;
}

static void host_send(enum message_kind kind, const void *bytes, size_t length, uint64_t second)
{
    bool is_short = kind == MESSAGE_SHUTDOWN;
    bool has_second =
        kind != MESSAGE_HOST_CALL_RESULT && kind != MESSAGE_TAKEN && kind != MESSAGE_PART;
    struct message message = {
        .kind = kind,
        .count = is_short     ? 0
                 : has_second ? 2
                              : 1,
        .words = {is_short ? 0 : length, is_short ? 0 : second},
    };

    if (kind != MESSAGE_TAKEN && length > 0)
        assert_true(channel_arena_write(&pair.host, 0, bytes, length));
    assert_int_equal(channel_send(&pair.host, &message), CHANNEL_OK);
}

static void host_send_long(enum message_kind kind, const uint8_t *bytes, size_t length,
                           uint64_t second)
{
    length = host_send_parts(&bytes, length);
    host_send(kind, bytes, length, second);
}

static void take(const struct message *message)
{
    size_t length = message_bytes(message);

    assert_true(incoming_length + length <= sizeof incoming);
    assert_true(channel_arena_read(&pair.host, 0, incoming + incoming_length, length));
    incoming_length += length;
}

static void take_output(const struct message *message)
{
    size_t length = message_bytes(message);

    if (length > output_room - output_length)
        length = output_room - output_length;
    assert_true(channel_arena_read(&pair.host, 0, output + output_length, length));
    output_length += length;
    host_send(MESSAGE_TAKEN, NULL, length, 0);
}

// The next message that is neither a part nor output; its bytes are in `incoming`.
static struct message host_receive(void)
{
    struct message message;

    incoming_length = 0;
    for (;;) {
        assert_int_equal(channel_receive(&pair.host, &message, in(20 * SECOND)), CHANNEL_OK);
        if (message.kind == MESSAGE_OUTPUT) {
            take_output(&message);
            continue;
        }
        take(&message);
        if (message.kind != MESSAGE_PART)
            return message;
        host_send(MESSAGE_TAKEN, NULL, message_bytes(&message), 0);
    }
}

static struct message expect(enum message_kind kind)
{
    struct message message = host_receive();

    if (message.kind == MESSAGE_ERROR && kind != MESSAGE_ERROR)
        print_error("%.*s\n", (int)incoming_length, (const char *)incoming);
    assert_string_equal(message_name(message.kind), message_name(kind));
    return message;
}

__attribute__((unused)) static void expect_error(enum error_code code)
{
    struct message message = expect(MESSAGE_ERROR);

    if (message.words[1] != code)
        print_error("%.*s\n", (int)incoming_length, (const char *)incoming);
    assert_int_equal(message.words[1], code);
}

__attribute__((unused)) static void expect_trap(enum trap_code code)
{
    struct message message = expect(MESSAGE_TRAP);

    assert_string_equal(trap_wording((enum trap_code)message.words[1]), trap_wording(code));
}

// What was built becomes a library; something else can be built then.
__attribute__((unused)) static void finish_library(const char *name)
{
    struct report_library *library = &libraries[library_count++];
    size_t size;
    uint8_t *built = build_end(&size);

    assert_true(libraries_size + size <= sizeof library_bytes);
    memcpy(library_bytes + libraries_size, built, size);
    free(built);
    snprintf(library->name, sizeof library->name, "%s", name);
    library->offset = libraries_size; // behind the module, whose size is not known yet
    library->size = size;
    libraries_size += size;
    build_begin();
}

static void send_start(uint64_t size)
{
    static uint8_t bytes[sizeof policy + (REPORT_LIBRARIES_MAX + 1) * REPORT_LIBRARY_SIZE];
    struct report_writer writer = {.bytes = bytes, .size = sizeof bytes, .length = sizeof policy};

    memcpy(bytes, &policy, sizeof policy);
    for (uint32_t i = 0; i < library_count; i++) {
        libraries[i].offset += size;
        report_put_library(&writer, &libraries[i]);
    }
    host_send(MESSAGE_START, bytes, writer.length, size);
}

// Starts a session with what was built, and `tail` behind it, up to its answer to START.
static void start_session_with(const uint8_t *tail, size_t length)
{
    size_t size;
    uint8_t *built = build_end(&size);

    module = realloc(built, size + length + libraries_size);
    assert_non_null(module);
    if (length > 0)
        memcpy(module + size, tail, length);
    size += length;
    memcpy(module + size, library_bytes, libraries_size);
    session = (struct session){
        .channel = &pair.worker,
        .module_bytes = module,
        .mapped_size = size + libraries_size,
    };
    assert_int_equal(pthread_create(&thread, NULL, run_session, NULL), 0);
    assert_int_equal(expect(MESSAGE_CONFINED).words[0], MESSAGE_PROTOCOL);
    send_start(size);
}

static void start_session(void)
{
    start_session_with(NULL, 0);
}

static void join_session(bool expected)
{
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(orderly, expected);
}

static void shut_down(void)
{
    host_send(MESSAGE_SHUTDOWN, NULL, 0, 0);
    join_session(true);
}

static struct plan plan_of(const char *text, struct signature *signature)
{
    struct error error = {.code = ERROR_NONE};

    if (!signature_parse(text, strlen(text), signature, &error))
        fail_msg("%s: %s", text, error.message);
    return signature->plan;
}

// Sends LINK: a signature for what the host serves, "wasi", or "absent"; NULL at the end.
static void send_link(const char *const *services)
{
    uint8_t bytes[4096];
    struct report_writer writer = {.bytes = bytes, .size = sizeof bytes};
    struct signature signature;
    uint64_t count = 0;

    for (; *services != NULL; services++, count++) {
        struct plan plan;

        if (strcmp(*services, "wasi") == 0) {
            report_put_link(&writer, REPORT_WASI, NULL);
        } else if (strcmp(*services, "absent") == 0) {
            report_put_link(&writer, REPORT_ABSENT, NULL);
        } else {
            plan = plan_of(*services, &signature);
            report_put_link(&writer, REPORT_HOST, &plan);
        }
    }
    host_send(MESSAGE_LINK, bytes, writer.length, count);
}

#define LINK(...) send_link((const char *const[]){__VA_ARGS__})

// --- frames --------------------------------------------------------------------------------------

// A value of a call: a word, or a block. Of out bytes the length is the room.
struct value {
    uint64_t word;
    const char *text;
    size_t length;
};

#define WORD(word_)  ((struct value){.word = (uint64_t)(word_)})
#define BLOCK(text_) ((struct value){.text = (text_), .length = strlen(text_)})
#define ROOM(room_)  ((struct value){.length = (room_)})

enum { FRAME_SIZE = 4 * 1024 * 1024 }; // of the longest that a test sends

// Puts a frame together; its size.
static size_t make_frame(const struct plan_form *form, const char *name, const struct plan *plan,
                         const struct value *values, uint8_t *bytes)
{
    struct error error = {.code = ERROR_NONE};
    uint64_t words[PLAN_WORDS_MAX] = {0};
    struct report_frame frame;
    size_t used;

    for (size_t i = 0; i < form->slot_count; i++) {
        const struct plan_slot *slot = &form->slots[i];

        words[slot->word] = values[i].word;
        if (plan_kind_is_block(slot->kind))
            words[slot->word + 1] = values[i].length;
    }
    report_frame_layout(name != NULL ? (uint32_t)strlen(name) : 0, form->word_count, FRAME_SIZE,
                        &frame);
    assert_true(plan_place(form, words, frame.blocks_size, &used, &error));
    report_put_frame(bytes, &frame, (const uint8_t *)name, plan, words);
    for (size_t i = 0; i < form->slot_count; i++)
        if (plan_kind_is_block(form->slots[i].kind) && values[i].text != NULL)
            plan_put_block(&form->slots[i], words, bytes + frame.blocks_at, values[i].text);
    return report_frame_bytes(&frame, used);
}

__attribute__((unused)) static void send_call(const char *text, const struct value *values)
{
    static uint8_t bytes[FRAME_SIZE];
    struct signature signature;
    struct plan plan = plan_of(text, &signature);
    struct plan_wire wire;

    plan_wire(&plan, &wire);
    memset(bytes, 0, sizeof bytes);
    host_send_long(MESSAGE_CALL, bytes,
                   make_frame(&wire.call, signature.name, &plan, values, bytes), MESSAGE_BY_NAME);
}

#define SEND_CALL(text_, ...) send_call(text_, (const struct value[]){{0}, ##__VA_ARGS__} + 1)

__attribute__((unused)) static void send_result(const char *text, const struct value *values)
{
    static uint8_t bytes[FRAME_SIZE];
    struct signature signature;
    struct plan plan = plan_of(text, &signature);
    struct plan_wire wire;

    plan_wire(&plan, &wire);
    host_send_long(MESSAGE_HOST_CALL_RESULT, bytes,
                   make_frame(&wire.back, NULL, NULL, values, bytes), 0);
}

#define SEND_RESULT(text_, ...) send_result(text_, (const struct value[]){{0}, ##__VA_ARGS__} + 1)

// Words and blocks of what came in last, checked as a host would but for the values.
static uint64_t words[PLAN_WORDS_MAX];
static const uint8_t *blocks;

static void read_frame(void)
{
    struct error error = {.code = ERROR_NONE};
    struct report_frame frame;

    assert_true(report_take_frame(incoming, incoming_length, false, &frame, NULL, words, &error));
    blocks = incoming + frame.blocks_at;
}

__attribute__((unused)) static void expect_block(size_t word, const char *text)
{
    assert_int_equal(words[word + 1], strlen(text));
    assert_memory_equal(blocks + words[word], text, strlen(text));
}

__attribute__((unused)) static void expect_result(void)
{
    expect(MESSAGE_CALL_RESULT);
    read_frame();
}

__attribute__((unused)) static void expect_host_call(uint64_t index)
{
    assert_int_equal(expect(MESSAGE_HOST_CALL).words[1], index);
    read_frame();
}

// --- guests --------------------------------------------------------------------------------------

// Memory with an allocator that never reuses: the u32 at 0 counts what was freed, the one at 4 the
// bytes that were. Every allocation is a multiple of 16.
static void build_allocator_of(uint32_t pages)
{
    uint32_t top = build_global(I32, true, CODE(I32_CONST, U32(1024)));
    uint32_t function;

    build_memory(pages, pages);
    function = build_function(
        "iiii:i", "",
        CODE(LOCAL_GET, 3, I32_EQZ, IF, EMPTY, I32_CONST, 0, I32_CONST, 0, I32_LOAD, 2, 0,
             I32_CONST, 1, I32_ADD, I32_STORE, 2, 0, I32_CONST, 4, I32_CONST, 4, I32_LOAD, 2, 0,
             LOCAL_GET, 1, I32_ADD, I32_STORE, 2, 0, I32_CONST, 0, RETURN, END, GLOBAL_GET,
             (uint8_t)top, GLOBAL_GET, (uint8_t)top, LOCAL_GET, 3, I32_CONST, 15, I32_ADD,
             I32_CONST, 0x70, I32_AND, I32_ADD, GLOBAL_SET, (uint8_t)top));
    build_export("cabi_realloc", EXTERNAL_FUNCTION, function);
}

__attribute__((unused)) static void build_allocator(void)
{
    build_allocator_of(2);
}

__attribute__((unused)) static void build_exported(const char *name, const char *signature,
                                                   const uint8_t *code, size_t length)
{
    build_export(name, EXTERNAL_FUNCTION, build_function(signature, "", code, length));
}

// Address and length, which are locals 0 and 1, as one i64.
#define PACKED                                                                                     \
    LOCAL_GET, 1, I64_EXTEND_I32_U, I64_CONST, 32, I64_SHL, LOCAL_GET, 0, I64_EXTEND_I32_U, I64_OR

__attribute__((unused)) static void load_and_link(const char *const *services)
{
    start_session();
    expect(MESSAGE_MODULE_REPORT);
    send_link(services);
    expect(MESSAGE_LOADED);
}

#define LOAD(...) load_and_link((const char *const[]){__VA_ARGS__})
