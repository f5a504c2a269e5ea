// SPDX-License-Identifier: Apache-2.0
// A priority queue as a binary heap, driving n thousand events: the earliest event is taken out
// and puts one to three later ones in while there is room, none while the queue is full.
#include "program.h"

#define CAPACITY 4096u

struct event {
    uint64_t time;
    uint32_t kind;
};

static struct event heap[CAPACITY];
static uint32_t heap_count;

static void push(struct event event)
{
    uint32_t hole = heap_count++;
    while (hole > 0) {
        uint32_t parent = (hole - 1) / 2;
        if (heap[parent].time <= event.time)
            break;
        heap[hole] = heap[parent];
        hole = parent;
    }
    heap[hole] = event;
}

static struct event pop(void)
{
    struct event earliest = heap[0];
    struct event last = heap[--heap_count];
    uint32_t hole = 0;
    for (;;) {
        uint32_t child = 2 * hole + 1;
        if (child >= heap_count)
            break;
        if (child + 1 < heap_count && heap[child + 1].time < heap[child].time)
            child++;
        if (last.time <= heap[child].time)
            break;
        heap[hole] = heap[child];
        hole = child;
    }
    heap[hole] = last;
    return earliest;
}

uint64_t run(uint32_t n)
{
    uint64_t checksum = 0;
    uint32_t state = 4711;
    heap_count = 0;
    push((struct event){0, 1});
    for (uint32_t thousand = 0; thousand < n; thousand++) {
        for (uint32_t i = 0; i < 1000; i++) {
            struct event event = pop();
            uint32_t new_count = heap_count + 3 <= CAPACITY ? 1 + event.kind % 3 : 0;
            for (uint32_t j = 0; j < new_count; j++) {
                uint32_t random = random_next(&state);
                push((struct event){event.time + 1 + random % 10000, random >> 20});
            }
            checksum += event.time ^ event.kind;
        }
        checksum = checksum_add(checksum, heap_count);
    }
    return checksum;
}
