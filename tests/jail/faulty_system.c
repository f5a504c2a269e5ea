// SPDX-License-Identifier: Apache-2.0
#include "tests/jail/faulty_system.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "sandbox/jail/system.h"
#include "sandbox/start.h"
#include "tests/jail/attack.h"

static struct attack wanted;
static bool known;  // `wanted` was read
static bool failed; // the call that shall fail has failed
static uint32_t calls;

uint32_t faulty_system_calls(void)
{
    return calls;
}

// The first call is the receipt of the message that says which call shall fail: look at it first.
static void learn(void)
{
    struct start_message message;
    struct iovec part = {&message, sizeof message};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};

    known = true;
    if (recvmsg(START_SLOT_SOCKET, &header, MSG_PEEK | MSG_DONTWAIT) == sizeof message)
        memcpy(&wanted, message.options.payload, sizeof wanted);
}

static long make(long number, const long arguments[6])
{
    long result = syscall(number, arguments[0], arguments[1], arguments[2], arguments[3],
                          arguments[4], arguments[5]);

    return result == -1 ? -errno : result;
}

long system_call_raw(long number, const long arguments[6])
{
    uint32_t at;

    if (!known)
        learn();
    at = calls++;
    if (failed)
        _exit(ATTACK_EXIT_WENT_ON);
    if (at == wanted.fault_at && wanted.fault_mode == FAULT_FAIL) {
        failed = true;
        return -wanted.fault_errno;
    }
    if (at == wanted.fault_at && wanted.fault_mode == FAULT_PRETEND)
        return 0;
    return make(number, arguments);
}
