// SPDX-License-Identifier: Apache-2.0
#include "sandbox/base/hash.h"

#include <string.h>
#include <sys/auxv.h>

struct hash_key hash_key_of_process(void)
{
    struct hash_key key = {0x9e3779b97f4a7c15u, 0xd1b54a32d192ed03u};
    const void *random = (const void *)(uintptr_t)getauxval(AT_RANDOM); // 16 bytes, or NULL

    if (random != NULL)
        memcpy(&key, random, sizeof key);
    key.factor |= 1;
    return key;
}

uint64_t hash_bytes(const struct hash_key *key, uint64_t state, const void *bytes, size_t length)
{
    const uint8_t *cursor = bytes;

    state = hash_word(key, state, length);
    while (length > 0) {
        size_t part = length < sizeof(uint64_t) ? length : sizeof(uint64_t);
        uint64_t word = 0;

        memcpy(&word, cursor, part);
        state = hash_word(key, state, word);
        cursor += part;
        length -= part;
    }
    return state;
}
