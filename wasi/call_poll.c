// SPDX-License-Identifier: Apache-2.0
//
// poll_oneoff. Outputs and files are ready at all times, standard input is the host's to look at,
// and clocks need the grant. What is asked for wrongly is an event that says so; only a call that
// makes no sense as a whole fails.
#include <limits.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "wasi/call.h"
#include "wasi/rights.h"

#define SECOND_NS UINT64_C(1000000000)
#define SLICE_NS  UINT64_C(50000000) // of sleeping, until the next look at whether the run is to end
#define NEVER     UINT64_MAX

enum { SUBSCRIPTION_SIZE = 48, EVENT_SIZE = 32, SUBSCRIPTIONS_MAX = 1024 };

enum event_type { EVENT_CLOCK, EVENT_READ, EVENT_WRITE, EVENT_TYPES };

enum { CLOCK_ABSOLUTE = 1, EVENT_HANGUP = 1 };

struct subscription {
    uint64_t user_data;
    uint64_t deadline; // of the monotonic clock, in nanoseconds
    uint64_t bytes;    // that can be read
    enum wasi_errno error;
    uint8_t type;  // enum event_type
    uint8_t flags; // of the event
    bool ready;    // there is an event
    bool input;    // else it waits for standard input
};

struct poll {
    uint32_t count;
    bool ready;        // there is an event already
    bool input;        // something waits for standard input
    bool clock;        // or for a clock
    uint64_t earliest; // of all deadlines
    struct subscription subscriptions[SUBSCRIPTIONS_MAX];
};

static uint64_t now(clockid_t clock)
{
    struct timespec time = {0};

    syscall(SYS_clock_gettime, clock, &time);
    return (uint64_t)time.tv_sec * SECOND_NS + (uint64_t)time.tv_nsec;
}

static uint64_t later(uint64_t time, uint64_t by)
{
    return by < NEVER - time ? time + by : NEVER;
}

static uint64_t until(uint64_t time, uint64_t deadline)
{
    return deadline > time ? deadline - time : 0;
}

static void settle(struct poll *poll, struct subscription *subscription, enum wasi_errno error)
{
    subscription->ready = true;
    subscription->error = error;
    poll->ready = true;
}

// --- subscriptions -------------------------------------------------------------------------------

static void subscribe_clock(struct wasi *wasi, struct poll *poll, const uint8_t *bytes,
                            struct subscription *subscription)
{
    uint32_t clock = wasi_load_u32(bytes + 16);
    uint64_t timeout = wasi_load_u64(bytes + 24);
    uint16_t flags = wasi_load_u16(bytes + 40);
    uint64_t start;

    if (!wasi_has_clock(wasi)) {
        settle(poll, subscription, WASI_NOTCAPABLE);
        return;
    }
    if ((flags & ~CLOCK_ABSOLUTE) != 0 || (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC)) {
        settle(poll, subscription, WASI_INVAL); // nobody sleeps by processor time
        return;
    }
    start = now(CLOCK_MONOTONIC);
    if ((flags & CLOCK_ABSOLUTE) != 0)
        timeout = until(now((clockid_t)clock), timeout);
    subscription->deadline = later(start, timeout);
    if (subscription->deadline < poll->earliest)
        poll->earliest = subscription->deadline;
    poll->clock = true;
}

// How many bytes there are from the file's offset to its end.
static uint64_t bytes_left(int file)
{
    off_t place = lseek(file, 0, SEEK_CUR);
    int64_t size = wasi_file_size(file);

    return place >= 0 && size > place ? (uint64_t)(size - place) : 0;
}

static void subscribe_descriptor(struct wasi *wasi, struct poll *poll, const uint8_t *bytes,
                                 struct subscription *subscription)
{
    uint64_t right = subscription->type == EVENT_READ ? RIGHT_FD_READ : RIGHT_FD_WRITE;
    struct descriptor *descriptor;
    enum wasi_errno result = wasi_descriptor(wasi, wasi_load_u32(bytes + 16),
                                             right | RIGHT_POLL_FD_READWRITE, &descriptor);

    if (result == WASI_SUCCESS && descriptor->kind == DESCRIPTOR_INPUT) {
        subscription->input = wasi->policy->wasi_stdin == POLICY_WASI_STDIN_INHERIT;
        poll->input = poll->input || subscription->input;
        if (subscription->input)
            return;
        subscription->flags = EVENT_HANGUP;
    }
    if (result == WASI_SUCCESS && descriptor->kind == DESCRIPTOR_FILE &&
        subscription->type == EVENT_READ)
        subscription->bytes = bytes_left(descriptor->file);
    settle(poll, subscription, result);
}

// False for a type that does not exist: what follows it would mean nothing.
static bool subscribe(struct wasi *wasi, struct poll *poll, const uint8_t *bytes)
{
    struct subscription *subscription = &poll->subscriptions[poll->count++];

    *subscription = (struct subscription){
        .user_data = wasi_load_u64(bytes),
        .type = bytes[8],
        .deadline = NEVER,
    };
    if (subscription->type >= EVENT_TYPES)
        return false;
    if (subscription->type == EVENT_CLOCK)
        subscribe_clock(wasi, poll, bytes, subscription);
    else
        subscribe_descriptor(wasi, poll, bytes, subscription);
    return true;
}

// --- waiting -------------------------------------------------------------------------------------

// Until a signal, the end of a slice, or the deadline: whatever is first.
static void sleep_until(uint64_t time, uint64_t deadline)
{
    const uint32_t unchanged = 0;
    uint64_t end = until(time, deadline) < SLICE_NS ? deadline : later(time, SLICE_NS);
    struct timespec point = {(time_t)(end / SECOND_NS), (long)(end % SECOND_NS)};

    syscall(SYS_futex, &unchanged, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, unchanged, &point, NULL,
            FUTEX_BITSET_MATCH_ANY);
}

// AGAIN: there is none yet. Input that has ended is there as well: reading it does not wait.
static void wait_for_input(struct wasi *wasi, struct poll *poll, uint64_t time)
{
    struct file_request request = {.operation = FILE_READ_INPUT, .values = {0, time}};
    struct file_answer answer;
    enum wasi_errno result = wasi_ask(wasi, &request, &answer, NULL, NULL);

    if (result == WASI_AGAIN)
        return;
    for (uint32_t i = 0; i < poll->count; i++) {
        if (poll->subscriptions[i].input)
            settle(poll, &poll->subscriptions[i], result);
    }
}

static void settle_clocks(struct poll *poll, uint64_t time)
{
    for (uint32_t i = 0; i < poll->count; i++) {
        if (poll->subscriptions[i].deadline <= time && poll->subscriptions[i].deadline != NEVER)
            settle(poll, &poll->subscriptions[i], WASI_SUCCESS);
    }
}

// Once at least, for what has expired already, and for input beside what is ready.
static void wait_for_events(struct wasi *wasi, struct poll *poll)
{
    do {
        uint64_t time = poll->clock ? now(CLOCK_MONOTONIC) : 0;
        uint64_t left = poll->earliest == NEVER ? NEVER : until(time, poll->earliest);

        if (poll->ready)
            left = 0;
        if (poll->input)
            wait_for_input(wasi, poll, left);
        else if (left > 0)
            sleep_until(time, poll->earliest);
        if (poll->clock)
            settle_clocks(poll, now(CLOCK_MONOTONIC));
    } while (!poll->ready && wasi->trap == TRAP_NONE && !wasi->store->interrupted);
}

// --- events --------------------------------------------------------------------------------------

static uint32_t store_events(const struct poll *poll, uint8_t *bytes)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < poll->count; i++) {
        const struct subscription *subscription = &poll->subscriptions[i];

        if (!subscription->ready)
            continue;
        memset(bytes, 0, EVENT_SIZE);
        wasi_store_u64(bytes, subscription->user_data);
        wasi_store_u16(bytes + 8, (uint16_t)subscription->error);
        bytes[10] = subscription->type;
        wasi_store_u64(bytes + 16, subscription->bytes);
        wasi_store_u16(bytes + 24, subscription->flags);
        bytes += EVENT_SIZE;
        count++;
    }
    return count;
}

enum wasi_errno wasi_poll_oneoff(struct wasi *wasi, const union slot *arguments)
{
    uint32_t count = arguments[2].u32;
    const uint8_t *in = wasi_array(wasi, arguments[0].u32, count, SUBSCRIPTION_SIZE);
    uint8_t *out = wasi_array(wasi, arguments[1].u32, count, EVENT_SIZE);
    uint8_t *count_at = wasi_memory(wasi, arguments[3].u32, 4);
    struct poll poll;

    if (count == 0 || count > SUBSCRIPTIONS_MAX)
        return WASI_INVAL;
    if (in == NULL || out == NULL || count_at == NULL)
        return WASI_FAULT;
    poll.count = 0;
    poll.ready = poll.input = poll.clock = false;
    poll.earliest = NEVER;
    for (uint32_t i = 0; i < count; i++) {
        if (!subscribe(wasi, &poll, in + SUBSCRIPTION_SIZE * (size_t)i))
            return WASI_INVAL;
    }
    wait_for_events(wasi, &poll);
    if (poll.ready)
        wasi_store_u32(count_at, store_events(&poll, out));
    return WASI_SUCCESS;
}
