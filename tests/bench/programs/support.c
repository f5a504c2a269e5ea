// SPDX-License-Identifier: Apache-2.0
// The memory functions that clang may call on its own in freestanding guest code.
#include <stddef.h>

void *memcpy(void *restrict target, const void *restrict source, size_t size);
void *memmove(void *target, const void *source, size_t size);
void *memset(void *target, int value, size_t size);

void *memcpy(void *restrict target, const void *restrict source, size_t size)
{
    unsigned char *to = target;
    const unsigned char *from = source;
    for (size_t i = 0; i < size; i++)
        to[i] = from[i];
    return target;
}

void *memmove(void *target, const void *source, size_t size)
{
    unsigned char *to = target;
    const unsigned char *from = source;
    if (to < from) {
        for (size_t i = 0; i < size; i++)
            to[i] = from[i];
    } else {
        for (size_t i = size; i > 0; i--)
            to[i - 1] = from[i - 1];
    }
    return target;
}

void *memset(void *target, int value, size_t size)
{
    unsigned char *to = target;
    for (size_t i = 0; i < size; i++)
        to[i] = (unsigned char)value;
    return target;
}
