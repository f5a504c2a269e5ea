// SPDX-License-Identifier: Apache-2.0
//
// A worker whose body is an attacker with native code: it does what the start message says.
#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "sandbox/jail/system.h"
#include "sandbox/worker.h"
#include "tests/jail/attack.h"
#include "tests/jail/faulty_system.h"

enum { PAGE_BYTES = 4096, STACK_BYTES = 64 * 1024, DESCRIPTORS_TRIED = 4096 };

static_assert(sizeof(struct attack) <= START_PAYLOAD_BYTES, "an attack fits the payload");

static _Alignas(PAGE_BYTES) uint8_t page[PAGE_BYTES];
static uint8_t *reservation;
static const size_t reservation_bytes = 8ull << 30;

static bool prepare(struct worker *worker, struct error *error)
{
    static uint8_t memory[STACK_BYTES];
    const stack_t stack = {.ss_sp = memory, .ss_size = sizeof memory};

    (void)worker;
    reservation = mmap(NULL, reservation_bytes, PROT_NONE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (reservation == MAP_FAILED || sigaltstack(&stack, NULL) != 0)
        return error_set(error, ERROR_SYSTEM_RESERVE, 0, "test");
    return true;
}

static long raw(long number, const uint64_t arguments[6])
{
    long result = syscall(number, arguments[0], arguments[1], arguments[2], arguments[3],
                          arguments[4], arguments[5]);

    return result == -1 ? -errno : result;
}

static const uint8_t *control;

static long attack_call(const struct attack *attack)
{
    uint64_t arguments[6];
    size_t length = strnlen(attack->text, sizeof attack->text);
    struct iovec vector = {page, length > 0 ? length : sizeof attack->text};

    memcpy(page, attack->text, sizeof attack->text);
    memcpy(page + ATTACK_VECTOR, &vector, sizeof vector);
    for (unsigned at = 0; at < 6; at++) {
        arguments[at] = attack->arguments[at];
        if ((attack->pointers >> at & 1) != 0)
            arguments[at] += (uintptr_t)page;
        if ((attack->pointers >> (ATTACK_CONTROL_SHIFT + at) & 1) != 0)
            arguments[at] += (uintptr_t)control;
    }
    return raw(attack->number, arguments);
}

// The call is about the file that comes by the socket.
static long attack_file(const struct attack *attack)
{
    union {
        struct cmsghdr header;
        uint8_t bytes[CMSG_SPACE(sizeof(int))];
    } rights;
    uint8_t byte = 0;
    struct iovec part = {&byte, sizeof byte};
    struct msghdr header = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = rights.bytes,
                            .msg_controllen = sizeof rights.bytes};
    struct attack with_file = *attack;
    int descriptor = -1;

    if (recvmsg(START_SLOT_SOCKET, &header, MSG_CMSG_CLOEXEC) != 1 || !CMSG_FIRSTHDR(&header))
        return -ENOMSG;
    memcpy(&descriptor, CMSG_DATA(CMSG_FIRSTHDR(&header)), sizeof descriptor);
    with_file.arguments[0] = (uint64_t)descriptor;
    return attack_call(&with_file);
}

static long attack_call_32(const struct attack *attack)
{
#if defined(__x86_64__)
    long result;

    __asm__ volatile("int $0x80" : "=a"(result) : "a"(attack->number) : "memory");
    return result;
#else
    return attack_call(attack);
#endif
}

// gettimeofday(NULL, NULL) at the address that is the same in all processes.
static long attack_vsyscall(void)
{
#if defined(__x86_64__)
    long (*volatile gettimeofday_page)(void *, void *) =
        (long (*)(void *, void *))0xffffffffff600000;

    return gettimeofday_page(NULL, NULL);
#else
    return 0;
#endif
}

static long answer(void)
{
    uint8_t byte = 0;
    struct iovec part = {&byte, sizeof byte};
    long count = 0;

    for (;;) {
        struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};

        if (recvmsg(START_SLOT_SOCKET, &header, MSG_CMSG_CLOEXEC) <= 0)
            return count;
        sendto(START_SLOT_SOCKET, &byte, 1, 0, NULL, 0);
        count++;
    }
}

static long open_descriptors(struct attack_report *report)
{
    long count = 0;

    report->bits = 0;
    for (int descriptor = 0; descriptor < DESCRIPTORS_TRIED; descriptor++) {
        if (syscall(SYS_fcntl, descriptor, 1 /* F_GETFD */, 0) < 0)
            continue;
        count++;
        if (descriptor < 64)
            report->bits |= 1ull << descriptor;
    }
    return count;
}

// The compiler must not see that this leaves the array, or it would make what it likes of it.
__attribute__((noinline)) static char smash(size_t length)
{
    volatile char small[8] = {0};
    volatile char *cursor = small;

    __asm__ volatile("" : "+r"(cursor) : : "memory");
    for (size_t at = 0; at < length; at++)
        cursor[at] = 'x';
    return small[0];
}

static long read_tsc(void)
{
#if defined(__x86_64__)
    return (long)__builtin_ia32_rdtsc();
#else
    return 0;
#endif
}

static long crash(enum attack_kind kind)
{
    volatile bool wrong = true;
    const volatile int *nowhere = NULL;

    if (kind == ATTACK_ABORT)
        abort();
    if (kind == ATTACK_ASSERT)
        assert(!wrong);
    return kind == ATTACK_SMASH ? smash(64) : *nowhere;
}

static long perform(const struct attack *attack, struct attack_report *report)
{
    volatile bool for_ever = true;

    switch ((enum attack_kind)attack->kind) {
    case ATTACK_NOTHING:
        return 0;
    case ATTACK_CALL:
        return attack_call(attack);
    case ATTACK_CALL_32:
        return attack_call_32(attack);
    case ATTACK_VSYSCALL:
        return attack_vsyscall();
    case ATTACK_ANSWER:
        return answer();
    case ATTACK_SPIN:
        while (for_ever)
            continue;
        return 0;
    case ATTACK_DESCRIPTORS:
        return open_descriptors(report);
    case ATTACK_ABORT:
    case ATTACK_ASSERT:
    case ATTACK_SMASH:
    case ATTACK_FAULT:
        return crash((enum attack_kind)attack->kind);
    case ATTACK_TSC:
        return read_tsc();
    case ATTACK_FILE:
        return attack_file(attack);
    case ATTACK_GROW:
        return mprotect(reservation, attack->arguments[0], PROT_READ | PROT_WRITE) == 0 ? 0
                                                                                        : -errno;
    }
    return -1;
}

static int attack_body(struct worker *worker)
{
    struct attack_report *report = (struct attack_report *)worker->control;
    struct attack attack;

    memcpy(&attack, worker->options.payload, sizeof attack);
    control = worker->control;
    report->calls = faulty_system_calls();
    report->result = perform(&attack, report);
    report->done = 1;
    return 0;
}

int main(void)
{
    static const struct worker_options options = {.prepare = prepare};

    worker_run(&options, attack_body);
}
