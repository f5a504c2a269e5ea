// SPDX-License-Identifier: Apache-2.0
// Sieve of Eratosthenes, n times over: byte stores with a stride, byte loads in a row.
#include "program.h"

#define LIMIT 65536u

static uint8_t composite[LIMIT];

// Counts and sums the primes from 2 up to LIMIT that are not below `first`.
static uint64_t sieve(uint32_t first)
{
    for (uint32_t i = 0; i < LIMIT; i++)
        composite[i] = 0;
    for (uint32_t i = 2; i * i < LIMIT; i++) {
        if (composite[i])
            continue;
        for (uint32_t multiple = i * i; multiple < LIMIT; multiple += i)
            composite[multiple] = 1;
    }
    uint32_t count = 0;
    uint64_t sum = 0;
    for (uint32_t i = first; i < LIMIT; i++) {
        if (!composite[i]) {
            count++;
            sum += i;
        }
    }
    return sum << 16 | count;
}

uint64_t run(uint32_t n)
{
    uint64_t checksum = 0;
    for (uint32_t round = 0; round < n; round++)
        checksum = checksum_add(checksum, sieve(2 + round % 64));
    return checksum;
}
