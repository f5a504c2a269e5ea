// SPDX-License-Identifier: Apache-2.0
//
// A keyed hash for the tables whose keys come from a module: whoever wrote it must not be able to
// aim many keys at one bucket. The key is the process's own random bytes; nothing that is given out
// depends on it. Not for anything cryptographic.
#pragma once

#include <stddef.h>
#include <stdint.h>

struct hash_key {
    uint64_t start;
    uint64_t factor; // odd
};

// The process's key, from the random bytes that the kernel gives each process (AT_RANDOM): no
// system call.
struct hash_key hash_key_of_process(void);

// Hashes one more word, or bytes and their number, into `state`, which is key->start at first.
static inline uint64_t hash_word(const struct hash_key *key, uint64_t state, uint64_t word)
{
    // Both halves of the product, which depend on all bits of the factors.
    unsigned __int128 product = (unsigned __int128)(state ^ word) * key->factor;

    return ((uint64_t)product ^ (uint64_t)(product >> 64)) ^ key->start;
}
uint64_t hash_bytes(const struct hash_key *key, uint64_t state, const void *bytes, size_t length);
