// SPDX-License-Identifier: Apache-2.0
// A binary search tree of 2000 random keys, nodes from an arena, n times over: every round
// inserts the keys, looks up as many others, sums the keys by their depth and drops the arena.
#include "program.h"

#include <stddef.h>

#define KEY_COUNT 2000u
#define KEY_RANGE 4096u

struct node {
    struct node *left;
    struct node *right;
    uint32_t key;
    uint32_t count;
};

struct arena {
    struct node nodes[KEY_COUNT];
    uint32_t used;
};

static struct arena arena;

static struct node *node_create(uint32_t key)
{
    struct node *node = &arena.nodes[arena.used++];
    node->left = NULL;
    node->right = NULL;
    node->key = key;
    node->count = 1;
    return node;
}

static void insert(struct node **root, uint32_t key)
{
    struct node **link = root;
    while (*link != NULL) {
        struct node *node = *link;
        if (key == node->key) {
            node->count++;
            return;
        }
        link = key < node->key ? &node->left : &node->right;
    }
    *link = node_create(key);
}

static uint32_t look_up(const struct node *node, uint32_t key)
{
    while (node != NULL && node->key != key)
        node = key < node->key ? node->left : node->right;
    return node == NULL ? 0 : node->count;
}

static uint64_t sum_by_depth(const struct node *node, uint32_t depth)
{
    if (node == NULL)
        return 0;
    return sum_by_depth(node->left, depth + 1) + (uint64_t)node->key * depth +
           sum_by_depth(node->right, depth + 1);
}

uint64_t run(uint32_t n)
{
    uint64_t checksum = 0;
    uint32_t state = 99;
    for (uint32_t round = 0; round < n; round++) {
        struct node *root = NULL;
        uint32_t found = 0;
        arena.used = 0;
        for (uint32_t i = 0; i < KEY_COUNT; i++)
            insert(&root, random_next(&state) % KEY_RANGE);
        for (uint32_t i = 0; i < KEY_COUNT; i++)
            found += look_up(root, random_next(&state) % KEY_RANGE);
        checksum = checksum_add(checksum, found);
        checksum = checksum_add(checksum, sum_by_depth(root, 1));
    }
    return checksum;
}
