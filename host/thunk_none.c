// SPDX-License-Identifier: Apache-2.0
//
// For architectures without a thunk of their own.
#include "host/thunk.h"

#include <assert.h>

bool thunk_fits(unsigned integers, unsigned floats)
{
    (void)integers;
    (void)floats;
    return false;
}

void thunk_call(void (*function)(void), enum thunk_result kind,
                const uint64_t registers[THUNK_REGISTERS], uint64_t result[2])
{
    (void)function;
    (void)kind;
    (void)registers;
    (void)result;
    assert(false); // nothing fits
}
