// SPDX-License-Identifier: Apache-2.0
//
// A worker that follows the protocol into a state, and then attacks its host from there with
// everything that it shares with it. See hostile.h.
#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "sandbox/file_request.h"
#include "sandbox/report.h"
#include "sandbox/session.h"
#include "sandbox/wasm/trap.h"
#include "sandbox/worker.h"
#include "tests/e2e/hostile.h"

enum { REPORT_ROOM = 256 * 1024, WANDER_MAX = 64, NS_PER_MS = 1000000 };

static struct channel channel;
static struct hostile_order order;
static uint8_t report[REPORT_ROOM];
static uint64_t seed;

static void need(bool condition, const char *what)
{
    if (!condition)
        worker_crash(what);
}

static uint64_t next_random(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static void store(uint64_t *word, uint64_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELAXED);
}

// Whoever sleeps in the host looks at what there is.
static void wake(void)
{
    syscall(SYS_futex, &channel.memory->bells[MESSAGE_TO_HOST].sequence, FUTEX_WAKE, INT_MAX, NULL);
}

static void sleep_ms(uint64_t ms)
{
    static uint32_t word;
    const struct timespec limit = {.tv_sec = (time_t)(ms / 1000),
                                   .tv_nsec = (long)(ms % 1000) * NS_PER_MS};

    syscall(SYS_futex, &word, FUTEX_WAIT, 0, &limit);
}

// --- playing by the rules ------------------------------------------------------------------------

static void say(enum message_kind kind, uint32_t count, const uint64_t *words)
{
    struct message message = {.kind = kind, .count = count};

    if (count > 0)
        memcpy(message.words, words, count * sizeof *words);
    need(channel_send(&channel, &message) == CHANNEL_OK, "the worker may not send");
}

static enum message_kind receive(void)
{
    struct message message;

    need(channel_receive(&channel, &message, CHANNEL_FOREVER) == CHANNEL_OK,
         "the host broke a rule");
    return message.kind;
}

// A frame of words and no blocks; returns its length.
static uint64_t put_frame(uint32_t count, const uint64_t *words)
{
    uint8_t bytes[512] = {0};
    struct report_frame frame;

    report_frame_layout(0, count, REPORT_FRAME_MAX, &frame);
    report_put_frame(bytes, &frame, NULL, NULL, words);
    need(channel_arena_write(&channel, 0, bytes, frame.blocks_at), "a frame is too long");
    return report_frame_bytes(&frame, 0);
}

static struct report_text text_of(const char *text)
{
    return (struct report_text){(const uint8_t *)text, (uint32_t)strlen(text)};
}

static void put_function(struct report_writer *writer, const char *module, const char *name,
                         uint16_t parameters, uint16_t results, const uint8_t *types)
{
    const struct report_item item = {
        .part = module != NULL ? REPORT_IMPORT : REPORT_EXPORT,
        .kind = REPORT_FUNCTION,
        .parameter_count = parameters,
        .result_count = results,
        .module = text_of(module != NULL ? module : ""),
        .name = text_of(name),
        .types = types,
    };

    report_put_item(writer, &item);
}

static size_t make_report(void)
{
    static const uint8_t i32[2] = {PLAN_CORE_I32, PLAN_CORE_I32};
    static const uint8_t i64[1] = {PLAN_CORE_I64};
    struct report_writer writer = {.bytes = report, .size = sizeof report};
    struct report_head head = {.counts = {[REPORT_IMPORT] = order.imports, [REPORT_EXPORT] = 2}};

    report_put_head(&writer, &head);
    put_function(&writer, "app", "again", 1, 1, i32);
    put_function(&writer, "app", "pause", 0, 0, i32);
    put_function(&writer, "app", "note", 2, 0, i32);
    put_function(&writer, "wasi_snapshot_preview1", "sched_yield", 0, 1, i32);
    for (uint32_t i = HOSTILE_IMPORTS; i < order.imports; i++)
        put_function(&writer, "app", "pause", 0, 0, i32);
    put_function(&writer, NULL, "run", 0, 1, i32);
    put_function(&writer, NULL, "text", 0, 1, i64);
    need(writer.length <= sizeof report, "the report is too long");
    return writer.length;
}

// --- random attacks ------------------------------------------------------------------------------

static _Noreturn void be_silent(void)
{
    for (;;)
        sleep_ms(1000);
}

static _Noreturn void make_noise(void)
{
    uint64_t *words = (uint64_t *)(void *)channel.memory;

    for (;;) {
        for (int i = 0; i < 4096; i++)
            store(&words[next_random() % (sizeof *channel.memory / sizeof *words)], next_random());
        wake();
    }
}

static _Noreturn void make_quiet_noise(void)
{
    uint64_t *words = (uint64_t *)(void *)channel.memory;
    size_t first = offsetof(struct channel_memory, slots) / sizeof *words;

    for (;;)
        store(&words[first + next_random() % (sizeof *channel.memory / sizeof *words - first)],
              next_random());
}

// Numbers that are nearly right.
static uint64_t next_near(void)
{
    static const uint64_t limits[] = {MESSAGE_ARENA_SIZE, UINT32_MAX, 1ull << 31, 1ull << 32,
                                      UINT64_MAX};
    uint64_t which = next_random() % 8;

    if (which < 4)
        return channel.sent + next_random() % 4;
    if (which < 6)
        return next_random() % (MESSAGE_KIND_COUNT + 1);
    return which == 6 ? limits[next_random() % 5] + next_random() % 2 : next_random();
}

static _Noreturn void change_control(void)
{
    uint64_t *words = (uint64_t *)(void *)channel.memory;
    size_t count = offsetof(struct channel_memory, crash_length) / sizeof *words;

    for (;;) {
        for (int i = 0; i < 32; i++)
            store(&words[next_random() % count], next_near());
        wake();
    }
}

static void scatter_in_arena(void)
{
    uint64_t *words = channel.memory->arenas[MESSAGE_TO_HOST].words;

    for (int i = 0; i < 32; i++)
        store(&words[next_random() % 64], next_random() % 2 ? next_near() : next_random() % 256);
}

static _Noreturn void wander(void)
{
    struct message message;

    for (uint64_t left = next_random() % WANDER_MAX; left > 0; left--) {
        message = (struct message){.kind = (enum message_kind)(next_random() % MESSAGE_KIND_COUNT),
                                   .count = (uint32_t)(next_random() % (MESSAGE_WORDS_MAX + 1))};
        scatter_in_arena();
        for (uint32_t i = 0; i < message.count; i++)
            message.words[i] = next_random() % 2 ? next_random() % 64 : next_near();
        if (channel_send(&channel, &message) == CHANNEL_OK &&
            channel.session.state != MESSAGE_STATE_ENDED &&
            channel_receive(&channel, &message, CHANNEL_FOREVER) != CHANNEL_OK)
            break;
    }
    make_noise();
}

// What the host may have sent; nothing is done with it.
static int take_descriptor(void)
{
    uint8_t control[CMSG_SPACE(sizeof(int))];
    uint8_t byte;
    struct iovec part = {&byte, sizeof byte};
    struct msghdr header = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = control,
                            .msg_controllen = sizeof control};
    int descriptor = -1;

    if (recvmsg(START_SLOT_SOCKET, &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT) >= 0 &&
        CMSG_FIRSTHDR(&header) != NULL)
        memcpy(&descriptor, CMSG_DATA(CMSG_FIRSTHDR(&header)), sizeof descriptor);
    return descriptor;
}

// Whether the host has answered; there is a descriptor or none.
static bool ask(const struct file_request *request, bool *has_descriptor)
{
    struct file_answer answer = {.has_descriptor = false};
    struct message message;

    file_request_put(request, &message);
    if (!channel_arena_write(&channel, 0, request->path, request->path_length) ||
        !channel_arena_write(&channel, request->path_length, request->other_path,
                             request->other_path_length) ||
        channel_send(&channel, &message) != CHANNEL_OK ||
        channel_receive(&channel, &message, CHANNEL_FOREVER) != CHANNEL_OK ||
        message.kind != MESSAGE_FILE_RESULT || !file_answer_take(&message, &answer))
        return false;
    *has_descriptor = answer.has_descriptor;
    return true;
}

static void choose_path(const uint8_t **path, size_t *length)
{
    static const char *const paths[] = {"",       "a",    "b",      "a/b",         "a/",
                                        "b/../a", ".",    "..",     "/",           "\xff",
                                        "c",      "a/./", "../out", "a/../../out", "/tmp"};
    const char *chosen = paths[next_random() % (sizeof paths / sizeof paths[0])];

    *path = (const uint8_t *)chosen;
    *length = strlen(chosen);
}

// Now and then with something that is not the operation's.
static _Noreturn void ask_at_random(void)
{
    bool has_descriptor;

    for (;;) {
        bool wild = next_random() % 256 == 0;
        struct file_request request = {
            .operation = (enum file_operation)(next_random() % FILE_OPERATION_COUNT),
            .handle = next_random() % 16 == 0 ? (uint32_t)next_near() : next_random() % 8,
            .other_handle = next_random() % 8,
            .values = {next_near(), next_near()},
        };
        uint32_t paths = file_operation_paths(request.operation);

        if (request.operation == FILE_OPEN || wild)
            request.flags = next_random() % (FILE_SYNC << 1);
        if (paths >= 1 || wild)
            choose_path(&request.path, &request.path_length);
        if (paths == 2 || wild)
            choose_path(&request.other_path, &request.other_path_length);
        if (!ask(&request, &has_descriptor))
            make_noise();
        if (has_descriptor && next_random() % 64 != 0)
            close(take_descriptor());
    }
}

static _Noreturn void flood(void)
{
    const struct file_request request = {.operation = FILE_OPEN,
                                         .flags = FILE_READ | FILE_WRITE | FILE_CREATE,
                                         .path = (const uint8_t *)"a",
                                         .path_length = 1};
    bool has_descriptor;

    for (uint64_t count = 0;; count++) {
        need(ask(&request, &has_descriptor), "an answer was expected");
        if (count < order.number)
            take_descriptor();
    }
}

// A result that is right, whose words are then right and wrong in turn.
static _Noreturn void flip(void)
{
    const uint64_t words[1] = {HOSTILE_RESULT};
    struct message_slot *slot = &channel.memory->slots[MESSAGE_TO_HOST].slot;
    uint64_t *arena = channel.memory->arenas[MESSAGE_TO_HOST].words;
    uint64_t length = put_frame(1, words);
    uint64_t head = arena[0];

    say(MESSAGE_CALL_RESULT, 1, &length);
    for (;;) {
        uint64_t wrong = next_near();

        store(&slot->sequence, channel.sent + 1);
        store(&slot->sequence, channel.sent);
        store(&slot->kind, next_random() % 2 ? MESSAGE_LOADED : MESSAGE_KIND_COUNT);
        store(&slot->words[0], wrong);
        store(&slot->count, wrong);
        store(arena, wrong);
        store(arena, head);
        store(&slot->count, 1);
        store(&slot->words[0], length);
        store(&slot->kind, MESSAGE_CALL_RESULT);
    }
}

// --- attacks by a rule ---------------------------------------------------------------------------

static _Noreturn void forge(bool rings)
{
    struct message_slot *slot = &channel.memory->slots[MESSAGE_TO_HOST].slot;
    uint64_t sequence = channel.sent + 1;

    if (order.frame_length > 0)
        need(channel_arena_write(&channel, 0, order.frame, order.frame_length), "frame");
    order.slot.depth += channel.session.depth;
    order.slot.sequence += sequence;
    for (size_t i = 0; i < sizeof *slot / sizeof slot->sequence; i++)
        store((uint64_t *)slot + i, ((const uint64_t *)&order.slot)[i]);
    if (rings)
        channel_ring(&channel.memory->bells[MESSAGE_TO_HOST],
                     (uint32_t)(sequence + order.bell) & CHANNEL_BELL_MASK);
    be_silent();
}

// One byte of output after the other, each in good time.
static _Noreturn void dawdle(void)
{
    for (;;) {
        sleep_ms(order.number);
        say(MESSAGE_OUTPUT, 2, (const uint64_t[]){1, STDOUT_FILENO});
        receive();
    }
}

static _Noreturn void toggle(bool calls)
{
    for (;;) {
        for (int direction = 0; direction < MESSAGE_DIRECTION_COUNT; direction++) {
            uint32_t *sleeping = &channel.memory->bells[direction].sleeping;

            __atomic_store_n(sleeping, !*(volatile uint32_t *)sleeping, __ATOMIC_SEQ_CST);
        }
        if (calls)
            wake();
    }
}

static _Noreturn void fault(void)
{
    volatile int *volatile nowhere = NULL;

    for (;;)
        *nowhere = 1;
}

static void act(void)
{
    switch ((enum hostile_act)order.act) {
    case HOSTILE_NOISE:
        make_noise();
    case HOSTILE_QUIET:
        make_quiet_noise();
    case HOSTILE_CONTROL:
        change_control();
    case HOSTILE_WANDER:
        wander();
    case HOSTILE_FLIP:
        flip();
    case HOSTILE_EXIT:
        _exit(0);
    case HOSTILE_FAULT:
        fault();
    case HOSTILE_FORGE:
        forge(true);
    case HOSTILE_LATE:
        forge(false);
    case HOSTILE_LORIS:
        dawdle();
    case HOSTILE_TOGGLE:
        toggle(false);
    case HOSTILE_WAKE:
        toggle(true);
    case HOSTILE_ASK:
        ask_at_random();
    case HOSTILE_FLOOD:
        flood();
    case HOSTILE_HONEST:
        return;
    case HOSTILE_SILENCE:
    case HOSTILE_ACTS:
        break;
    }
    be_silent();
}

// --- the way there -------------------------------------------------------------------------------

static void reach(enum hostile_place place)
{
    if (order.place == place)
        act();
}

static void send_report(void)
{
    size_t length = make_report();
    size_t at = 0;

    for (; length - at > MESSAGE_ARENA_SIZE; at += MESSAGE_ARENA_SIZE) {
        need(channel_arena_write(&channel, 0, report + at, MESSAGE_ARENA_SIZE), "part");
        say(MESSAGE_PART, 1, (const uint64_t[]){MESSAGE_ARENA_SIZE});
        reach(HOSTILE_PART);
        need(receive() == MESSAGE_TAKEN, "TAKEN was expected");
    }
    need(channel_arena_write(&channel, 0, report + at, length - at), "report");
    say(MESSAGE_MODULE_REPORT, 3, (const uint64_t[]){length - at, order.imports, 2});
}

static void receive_link(void)
{
    while (receive() == MESSAGE_PART) {
        reach(HOSTILE_LINK_PART);
        say(MESSAGE_TAKEN, 1, (const uint64_t[]){MESSAGE_ARENA_SIZE});
    }
}

static void load(void)
{
    reach(HOSTILE_CREATED);
    say(MESSAGE_CONFINED, 1, (const uint64_t[]){MESSAGE_PROTOCOL});
    reach(HOSTILE_CONFINED);
    need(receive() == MESSAGE_START, "START was expected");
    reach(HOSTILE_LOADING);
    send_report();
    reach(HOSTILE_LINKING);
    receive_link();
    reach(HOSTILE_STARTING);
    if (order.place == HOSTILE_START_IMPORT) {
        say(MESSAGE_HOST_CALL, 2, (const uint64_t[]){put_frame(0, NULL), HOSTILE_IMPORT_PAUSE});
        reach(HOSTILE_START_IMPORT);
        need(receive() == MESSAGE_HOST_CALL_RESULT, "a result was expected");
    }
    say(MESSAGE_LOADED, 0, NULL);
    reach(HOSTILE_READY);
}

static void call_host(void)
{
    const uint64_t depth[1] = {1};

    if (order.place == HOSTILE_OUTPUT) {
        say(MESSAGE_OUTPUT, 2, (const uint64_t[]){8, STDOUT_FILENO});
        reach(HOSTILE_OUTPUT);
        receive();
    }
    if (order.place == HOSTILE_ASKING) {
        say(MESSAGE_FILE, 8, (const uint64_t[]){0, FILE_LIST, 0, 0, 0, 0, MESSAGE_ARENA_SIZE, 0});
        reach(HOSTILE_ASKING);
        receive();
    }
    if (order.place == HOSTILE_IMPORT) {
        say(MESSAGE_HOST_CALL, 2, (const uint64_t[]){put_frame(0, NULL), HOSTILE_IMPORT_PAUSE});
        reach(HOSTILE_IMPORT);
        receive();
    }
    if (order.place == HOSTILE_NESTED && channel.session.depth == 1) {
        say(MESSAGE_HOST_CALL, 2, (const uint64_t[]){put_frame(1, depth), HOSTILE_IMPORT_AGAIN});
        need(receive() == MESSAGE_CALL, "a call was expected");
        reach(HOSTILE_NESTED);
    }
}

static void answer(void)
{
    const uint64_t words[1] = {HOSTILE_RESULT};

    say(MESSAGE_CALL_RESULT, 1, (const uint64_t[]){put_frame(1, words)});
}

static _Noreturn void serve(void)
{
    for (;;) {
        need(receive() == MESSAGE_CALL, "a call was expected");
        reach(HOSTILE_RUNNING);
        call_host();
        if (channel.session.depth > 1) {
            answer();
            receive();
        }
        answer();
        reach(HOSTILE_RETURNED);
    }
}

static int be_hostile(struct worker *worker)
{
    channel = (struct channel){.memory = (struct channel_memory *)(void *)worker->control,
                               .fd = -1,
                               .side = CHANNEL_WORKER};
    channel_patience_init(&channel.patience, false);
    seed = order.seed | 1;
    load();
    serve();
}

static int body(struct worker *worker)
{
    uint64_t size;
    const void *bytes;

    memcpy(&size, worker->options.payload, sizeof size);
    bytes = size < sizeof order ? MAP_FAILED
                                : mmap(NULL, size, PROT_READ, MAP_PRIVATE, START_SLOT_MODULE, 0);
    if (bytes != MAP_FAILED)
        memcpy(&order, bytes, sizeof order);
    return order.magic == HOSTILE_MAGIC ? be_hostile(worker) : session_body(worker);
}

static bool prepare(struct worker *worker, struct error *error)
{
    (void)worker;
    return trap_install(error) && trap_install_interrupt(SIGUSR1, error);
}

int main(void)
{
    static const struct worker_options options = {.prepare = prepare};

    worker_run(&options, body);
}
