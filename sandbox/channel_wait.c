// SPDX-License-Identifier: Apache-2.0
#include "sandbox/channel_wait.h"

#include <linux/futex.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S 1000000000u

_Static_assert(offsetof(struct channel_bell, sleeping) == CHANNEL_LINE, "a line for each side");

#if defined(__x86_64__)

static inline void pause_briefly(void)
{
    __builtin_ia32_pause();
}

// Linux keeps the number in the limit of a segment: no system call, no vDSO, which a worker whose
// time stamp counter is off must not touch.
static uint32_t current_cpu(void)
{
    uint32_t limit = 0;
    bool known;

    __asm__ volatile("lsl %2, %0" : "+r"(limit), "=@ccz"(known) : "r"(0x7bu));
    return known ? limit & 0xfff : CHANNEL_NO_CPU;
}

#else

static inline void pause_briefly(void)
{
    __asm__ volatile("" ::: "memory");
}

static uint32_t current_cpu(void)
{
    return CHANNEL_NO_CPU;
}

#endif

// Each of these is one system call and nothing else; the functions of a C library may be more.
static long futex(uint32_t *word, int operation, uint32_t value, const struct timespec *timeout)
{
    return syscall(SYS_futex, word, operation, value, timeout, NULL, FUTEX_BITSET_MATCH_ANY);
}

static void yield(void)
{
    syscall(SYS_sched_yield);
}

uint64_t channel_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static bool arrived(const struct channel_wait *wait)
{
    return __atomic_load_n(&wait->bell->sequence, __ATOMIC_ACQUIRE) != wait->seen ||
           __atomic_load_n(wait->end, __ATOMIC_ACQUIRE) != 0;
}

// A stage that worked gets all its tries the next time, one that did not gets half; and every now
// and then all of them, to find out whether things have changed.
static uint32_t tries(const struct channel_patience *patience, uint32_t budget, uint32_t maximum)
{
    return patience->waits % CHANNEL_PROBE == 0 ? maximum : budget;
}

static uint32_t halve(uint32_t budget)
{
    return budget > 1 ? budget / 2 : 1;
}

static bool peer_is_elsewhere(const struct channel_wait *wait)
{
    uint32_t here = current_cpu();
    uint32_t there = __atomic_load_n(&wait->bell->cpu, __ATOMIC_RELAXED);

    return here != CHANNEL_NO_CPU && there != here;
}

static bool spin(const struct channel_wait *wait, struct channel_patience *patience)
{
    uint32_t spins = tries(patience, patience->spins, CHANNEL_SPINS_MAX);

    for (uint32_t i = 0; i < spins; i++) {
        if (arrived(wait)) {
            patience->spins = CHANNEL_SPINS_MAX;
            return true;
        }
        pause_briefly();
    }
    patience->spins = halve(patience->spins);
    return false;
}

// Whether yields are switched off: the host remembers a time, the worker believes the host.
static bool is_calm(const struct channel_wait *wait, struct channel_patience *patience)
{
    if (!patience->has_clock)
        return __atomic_load_n(&wait->answer->calm, __ATOMIC_RELAXED) != 0;
    if (patience->calm_to == 0)
        return false;
    if (channel_now() < patience->calm_to)
        return true;
    patience->calm_to = 0;
    __atomic_store_n(&wait->bell->calm, 0, __ATOMIC_RELAXED);
    return false;
}

// One yield; true unless it took so long that no more of them should follow.
static bool yield_briefly(const struct channel_wait *wait, struct channel_patience *patience)
{
    uint64_t before;
    uint64_t after;

    if (!patience->has_clock) {
        yield();
        return true;
    }
    before = channel_now();
    yield();
    after = channel_now();
    if (after - before <= CHANNEL_SLOW_YIELD_NS)
        return true;
    patience->calm_to = after + CHANNEL_CALM_NS;
    __atomic_store_n(&wait->bell->calm, 1, __ATOMIC_RELAXED);
    return false;
}

static bool wait_yielding(const struct channel_wait *wait, struct channel_patience *patience)
{
    uint32_t yields = tries(patience, patience->yields, CHANNEL_YIELDS_MAX);
    bool quick = true;

    if (is_calm(wait, patience))
        return false;
    for (uint32_t i = 0; i < yields && quick; i++) {
        quick = yield_briefly(wait, patience);
        if (arrived(wait)) {
            patience->yields = CHANNEL_YIELDS_MAX;
            return true;
        }
    }
    patience->yields = halve(patience->yields);
    return false;
}

static bool deadline_is_over(uint64_t deadline_ns)
{
    return deadline_ns != CHANNEL_FOREVER && channel_now() >= deadline_ns;
}

// The flag goes up before the last look at the bell, the bell changes before the sender's look at
// the flag, all of it sequentially consistent: one of the two sees the other.
static bool sleep_until(const struct channel_wait *wait)
{
    struct timespec limit = {.tv_sec = (time_t)(wait->deadline_ns / NS_PER_S),
                             .tv_nsec = (long)(wait->deadline_ns % NS_PER_S)};
    const struct timespec *timeout = wait->deadline_ns == CHANNEL_FOREVER ? NULL : &limit;
    bool in_time = true;

    __atomic_store_n(&wait->bell->sleeping, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&wait->bell->sequence, __ATOMIC_SEQ_CST) == wait->seen &&
           __atomic_load_n(wait->end, __ATOMIC_SEQ_CST) == 0 && in_time) {
        futex(&wait->bell->sequence, FUTEX_WAIT_BITSET, wait->seen, timeout);
        in_time = !deadline_is_over(wait->deadline_ns);
    }
    __atomic_store_n(&wait->bell->sleeping, 0, __ATOMIC_RELAXED);
    return in_time || arrived(wait);
}

void channel_patience_init(struct channel_patience *patience, bool has_clock)
{
    *patience = (struct channel_patience){
        .spins = CHANNEL_SPINS_MAX, .yields = CHANNEL_YIELDS_MAX, .has_clock = has_clock};
}

bool channel_wait(const struct channel_wait *wait, struct channel_patience *patience)
{
    if (arrived(wait))
        return true;
    if (!patience->blocking) {
        patience->waits++;
        if (peer_is_elsewhere(wait) && spin(wait, patience))
            return true;
        if (wait_yielding(wait, patience))
            return true;
    }
    return sleep_until(wait);
}

void channel_ring(struct channel_bell *bell, uint32_t sequence)
{
    __atomic_store_n(&bell->cpu, current_cpu(), __ATOMIC_RELAXED);
    __atomic_store_n(&bell->sequence, sequence, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&bell->sleeping, __ATOMIC_SEQ_CST) != 0)
        futex(&bell->sequence, FUTEX_WAKE, 1, NULL);
}

void channel_ring_poison(struct channel_bell *bell)
{
    __atomic_store_n(&bell->sequence, CHANNEL_BELL_POISON, __ATOMIC_SEQ_CST);
    futex(&bell->sequence, FUTEX_WAKE, INT32_MAX, NULL);
}
