// SPDX-License-Identifier: Apache-2.0
// An open-addressing hash table with linear probing and deletion by moving entries back.
// n thousand operations on random keys: three in eight insert, two delete, three look up.
#include "program.h"

#define CAPACITY  16384u
#define KEY_RANGE 12000u

struct entry {
    uint32_t key; // 0: free
    uint32_t value;
};

static struct entry entries[CAPACITY];

static uint32_t home_of(uint32_t key)
{
    uint32_t hash = key * 0x9e3779b1u;
    return (hash ^ hash >> 15) % CAPACITY;
}

// The place of the key, or the free place where it would go.
static uint32_t find(uint32_t key)
{
    uint32_t place = home_of(key);
    while (entries[place].key != 0 && entries[place].key != key)
        place = (place + 1) % CAPACITY;
    return place;
}

static void insert(uint32_t key, uint32_t value)
{
    struct entry *entry = &entries[find(key)];
    entry->key = key;
    entry->value += value;
}

static void erase(uint32_t key)
{
    uint32_t hole = find(key);
    if (entries[hole].key == 0)
        return;
    for (uint32_t next = (hole + 1) % CAPACITY; entries[next].key != 0;
         next = (next + 1) % CAPACITY) {
        uint32_t home = home_of(entries[next].key);
        // An entry may move back only if the hole lies between its home and its place.
        if ((next - home) % CAPACITY >= (next - hole) % CAPACITY) {
            entries[hole] = entries[next];
            hole = next;
        }
    }
    entries[hole] = (struct entry){0, 0};
}

static void clear(void)
{
    for (uint32_t i = 0; i < CAPACITY; i++)
        entries[i] = (struct entry){0, 0};
}

uint64_t run(uint32_t n)
{
    uint64_t checksum = 0;
    uint32_t state = 12345;
    clear();
    for (uint32_t thousand = 0; thousand < n; thousand++) {
        uint64_t sum = 0;
        for (uint32_t i = 0; i < 1000; i++) {
            uint32_t random = random_next(&state);
            uint32_t key = 1 + (random >> 4) % KEY_RANGE;
            if (random % 8 < 3)
                insert(key, i);
            else if (random % 8 < 5)
                erase(key);
            else
                sum += entries[find(key)].value;
        }
        checksum = checksum_add(checksum, sum);
    }
    return checksum;
}
