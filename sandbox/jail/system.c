// SPDX-License-Identifier: Apache-2.0
#include "sandbox/jail/system.h"

#include <errno.h>
#include <unistd.h>

long system_call_raw(long number, const long arguments[6])
{
    int before = errno;
    long result = syscall(number, arguments[0], arguments[1], arguments[2], arguments[3],
                          arguments[4], arguments[5]);

    if (result == -1)
        result = -errno;
    errno = before;
    return result;
}
