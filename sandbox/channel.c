// SPDX-License-Identifier: Apache-2.0
#include "sandbox/channel.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8u
#endif

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

static enum message_direction outgoing(const struct channel *channel)
{
    return channel->side == CHANNEL_HOST ? MESSAGE_TO_WORKER : MESSAGE_TO_HOST;
}

static enum message_direction incoming(const struct channel *channel)
{
    return channel->side == CHANNEL_HOST ? MESSAGE_TO_HOST : MESSAGE_TO_WORKER;
}

// --- making and mapping --------------------------------------------------------------------------

static bool fail_system(struct error *error, enum error_code code, const char *what)
{
    return error_set(error, code, 0, "channel: %s (errno %d)", what, errno);
}

static int create_memfd(void)
{
    unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
    int fd = memfd_create("pinfold-channel", flags | MFD_NOEXEC_SEAL);

    // Kernels before 6.3 do not know the flag.
    if (fd < 0 && errno == EINVAL)
        fd = memfd_create("pinfold-channel", flags);
    return fd;
}

static bool map(struct channel *channel, int fd, struct error *error)
{
    void *memory =
        mmap(NULL, sizeof(struct channel_memory), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    if (memory == MAP_FAILED)
        return fail_system(error, ERROR_SYSTEM_RESERVE, "mmap");
    channel->memory = memory;
    return true;
}

static bool size_and_seal(int fd, struct error *error)
{
    if (ftruncate(fd, sizeof(struct channel_memory)) != 0)
        return fail_system(error, ERROR_SYSTEM_RESERVE, "ftruncate");
    if (fcntl(fd, F_ADD_SEALS, SEALS) != 0)
        return fail_system(error, ERROR_SYSTEM_PROTECT, "F_ADD_SEALS");
    return true;
}

static void channel_init(struct channel *channel, enum channel_side side)
{
    *channel = (struct channel){.fd = -1, .side = side};
    channel_patience_init(&channel->patience, side == CHANNEL_HOST);
}

bool channel_create(struct channel *channel, struct error *error)
{
    channel_init(channel, CHANNEL_HOST);
    channel->fd = create_memfd();
    if (channel->fd < 0)
        return fail_system(error, ERROR_SYSTEM_OPEN, "memfd_create");
    if (!size_and_seal(channel->fd, error) || !map(channel, channel->fd, error)) {
        channel_forget_fd(channel);
        return false;
    }
    // The application may fork: its children have no business here.
    madvise(channel->memory, sizeof *channel->memory, MADV_DONTFORK);
    return true;
}

bool channel_attach(struct channel *channel, int fd, struct error *error)
{
    struct stat status;
    int seals;

    channel_init(channel, CHANNEL_WORKER);
    if (fstat(fd, &status) != 0)
        return fail_system(error, ERROR_SYSTEM_OPEN, "fstat");
    seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || (seals & SEALS) != SEALS)
        return error_set(error, ERROR_USAGE_ARGUMENT, 0, "channel: not sealed");
    if (status.st_size != (off_t)sizeof(struct channel_memory))
        return error_set(error, ERROR_USAGE_ARGUMENT, 0, "channel: %lld bytes",
                         (long long)status.st_size);
    return map(channel, fd, error);
}

void channel_forget_fd(struct channel *channel)
{
    if (channel->fd >= 0)
        close(channel->fd);
    channel->fd = -1;
}

void channel_finish(struct channel *channel)
{
    if (!channel || (channel->memory == NULL && channel->fd <= 0))
        return;
    if (channel->memory)
        munmap(channel->memory, sizeof *channel->memory);
    channel->memory = NULL;
    channel_forget_fd(channel);
}

void channel_set_blocking(struct channel *channel, bool blocking)
{
    channel->patience.blocking = blocking;
}

// --- messages ------------------------------------------------------------------------------------

static enum channel_end end_of(const struct channel *channel)
{
    return (enum channel_end)__atomic_load_n(&channel->end, __ATOMIC_ACQUIRE);
}

enum channel_result channel_send(struct channel *channel, struct message *message)
{
    enum message_direction direction = outgoing(channel);

    if (channel->violation != MESSAGE_VIOLATION_NONE)
        return CHANNEL_VIOLATION;
    if (end_of(channel) != CHANNEL_ALIVE)
        return CHANNEL_DEAD;
    message->depth = message_depth(&channel->session, message->kind);
    if (message_check(&channel->session, direction, message) != MESSAGE_VIOLATION_NONE)
        return CHANNEL_MISUSE;
    channel->sent++;
    message_write(&channel->memory->slots[direction].slot, channel->sent, message);
    message_advance(&channel->session, message->kind);
    channel_ring(&channel->memory->bells[direction], (uint32_t)channel->sent & CHANNEL_BELL_MASK);
    return CHANNEL_OK;
}

static bool wait_for_bell(struct channel *channel, uint64_t deadline_ns)
{
    struct channel_wait wait = {
        .bell = &channel->memory->bells[incoming(channel)],
        .seen = (uint32_t)channel->received & CHANNEL_BELL_MASK,
        .end = &channel->end,
        .answer = &channel->memory->bells[outgoing(channel)],
        .deadline_ns = deadline_ns,
    };

    return channel_wait(&wait, &channel->patience);
}

// Something happened: a message, a violation, or the end. The bell itself is not asked what.
static enum channel_result take_message(struct channel *channel, struct message *message)
{
    enum channel_end end = end_of(channel);
    enum message_direction direction = incoming(channel);
    enum message_violation violation;

    if (end == CHANNEL_KILLED)
        return CHANNEL_DEAD;
    violation = message_read(&channel->memory->slots[direction].slot, channel->received + 1,
                             &channel->session, direction, message);
    if (violation == MESSAGE_VIOLATION_SEQUENCE && end == CHANNEL_DIED)
        return CHANNEL_DEAD;
    channel->violation = violation;
    if (violation != MESSAGE_VIOLATION_NONE)
        return CHANNEL_VIOLATION;
    channel->received++;
    message_advance(&channel->session, message->kind);
    return CHANNEL_OK;
}

enum channel_result channel_receive(struct channel *channel, struct message *message,
                                    uint64_t deadline_ns)
{
    assert(channel->side == CHANNEL_HOST || deadline_ns == CHANNEL_FOREVER);
    *message = (struct message){.kind = MESSAGE_NONE};
    if (channel->violation != MESSAGE_VIOLATION_NONE)
        return CHANNEL_VIOLATION;
    if (deadline_ns != CHANNEL_FOREVER && end_of(channel) == CHANNEL_ALIVE &&
        channel_now() >= deadline_ns)
        return CHANNEL_TIMEOUT;
    if (!wait_for_bell(channel, deadline_ns))
        return CHANNEL_TIMEOUT;
    return take_message(channel, message);
}

void channel_poison(struct channel *channel, enum channel_end end)
{
    uint32_t alive = CHANNEL_ALIVE;

    if (end == CHANNEL_KILLED)
        __atomic_store_n(&channel->end, end, __ATOMIC_SEQ_CST);
    else
        __atomic_compare_exchange_n(&channel->end, &alive, end, false, __ATOMIC_SEQ_CST,
                                    __ATOMIC_SEQ_CST);
    channel_ring_poison(&channel->memory->bells[incoming(channel)]);
}

// --- bytes ---------------------------------------------------------------------------------------

static bool fits_arena(size_t offset, size_t length)
{
    return offset <= MESSAGE_ARENA_SIZE && length <= MESSAGE_ARENA_SIZE - offset;
}

// Shared bytes are accessed atomically, a word at a time where they can be: that is what makes sure
// that a compiler reads each of them once.
static void copy_in(uint8_t *shared, const uint8_t *bytes, size_t length)
{
    uint64_t word;

    for (; length > 0 && (uintptr_t)shared % sizeof word != 0; length--)
        __atomic_store_n(shared++, *bytes++, __ATOMIC_RELAXED);
    for (; length >= sizeof word; length -= sizeof word) {
        memcpy(&word, bytes, sizeof word);
        __atomic_store_n((uint64_t *)(void *)shared, word, __ATOMIC_RELAXED);
        shared += sizeof word;
        bytes += sizeof word;
    }
    for (; length > 0; length--)
        __atomic_store_n(shared++, *bytes++, __ATOMIC_RELAXED);
}

static void copy_out(uint8_t *bytes, const uint8_t *shared, size_t length)
{
    uint64_t word;

    for (; length > 0 && (uintptr_t)shared % sizeof word != 0; length--)
        *bytes++ = __atomic_load_n(shared++, __ATOMIC_RELAXED);
    for (; length >= sizeof word; length -= sizeof word) {
        word = __atomic_load_n((const uint64_t *)(const void *)shared, __ATOMIC_RELAXED);
        memcpy(bytes, &word, sizeof word);
        shared += sizeof word;
        bytes += sizeof word;
    }
    for (; length > 0; length--)
        *bytes++ = __atomic_load_n(shared++, __ATOMIC_RELAXED);
}

bool channel_arena_write(struct channel *channel, size_t offset, const void *bytes, size_t length)
{
    uint8_t *arena = (uint8_t *)channel->memory->arenas[outgoing(channel)].words;

    if (!fits_arena(offset, length))
        return false;
    copy_in(arena + offset, bytes, length);
    return true;
}

bool channel_arena_read(const struct channel *channel, size_t offset, void *bytes, size_t length)
{
    const uint8_t *arena = (const uint8_t *)channel->memory->arenas[incoming(channel)].words;

    if (!fits_arena(offset, length))
        return false;
    copy_out(bytes, arena + offset, length);
    return true;
}

void channel_crash_write(struct channel *channel, const char *text)
{
    size_t length = strnlen(text, CHANNEL_CRASH_TEXT_MAX);

    copy_in((uint8_t *)channel->memory->crash_text, (const uint8_t *)text, length);
    // One more, so that an empty text is a record as well.
    __atomic_store_n(&channel->memory->crash_length, length + 1, __ATOMIC_RELEASE);
}

bool channel_crash_read(const struct channel *channel, struct channel_crash *crash)
{
    uint64_t length = __atomic_load_n(&channel->memory->crash_length, __ATOMIC_ACQUIRE);

    *crash = (struct channel_crash){.length = 0};
    if (length == 0)
        return false;
    crash->length = length - 1 < CHANNEL_CRASH_TEXT_MAX ? (uint32_t)(length - 1)
                                                        : (uint32_t)CHANNEL_CRASH_TEXT_MAX;
    copy_out((uint8_t *)crash->text, (const uint8_t *)channel->memory->crash_text, crash->length);
    for (uint32_t i = 0; i < crash->length; i++) {
        if (crash->text[i] < ' ' || crash->text[i] > '~')
            crash->text[i] = '?';
    }
    return true;
}
