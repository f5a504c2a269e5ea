// SPDX-License-Identifier: Apache-2.0
// Recursive quicksort of 8192 random numbers, n times over, each time other numbers.
#include "program.h"

#define COUNT 8192u
#define SMALL 12

static int32_t numbers[COUNT];

static void swap(int32_t *a, int32_t *b)
{
    int32_t kept = *a;
    *a = *b;
    *b = kept;
}

static void insertion_sort(int32_t *first, int32_t *last)
{
    for (int32_t *next = first + 1; next <= last; next++) {
        int32_t value = *next;
        int32_t *hole = next;
        while (hole > first && hole[-1] > value) {
            *hole = hole[-1];
            hole--;
        }
        *hole = value;
    }
}

// Orders the first, middle and last number and returns the middle one.
static int32_t median_of_three(int32_t *first, int32_t *last)
{
    int32_t *middle = first + (last - first) / 2;
    if (*middle < *first)
        swap(middle, first);
    if (*last < *first)
        swap(last, first);
    if (*last < *middle)
        swap(last, middle);
    return *middle;
}

// Sorts the numbers from *first to *last, both included.
static void quicksort(int32_t *first, int32_t *last)
{
    if (last - first < SMALL) {
        insertion_sort(first, last);
        return;
    }
    int32_t pivot = median_of_three(first, last);
    int32_t *low = first;
    int32_t *high = last;
    while (low <= high) {
        while (*low < pivot)
            low++;
        while (*high > pivot)
            high--;
        if (low <= high)
            swap(low++, high--);
    }
    quicksort(first, high);
    quicksort(low, last);
}

uint64_t run(uint32_t n)
{
    uint64_t checksum = 0;
    uint32_t state = 20261122;
    for (uint32_t round = 0; round < n; round++) {
        for (uint32_t i = 0; i < COUNT; i++)
            numbers[i] = (int32_t)random_next(&state);
        quicksort(numbers, numbers + COUNT - 1);
        uint32_t disorder = 0;
        for (uint32_t i = 1; i < COUNT; i++)
            disorder += numbers[i - 1] > numbers[i];
        checksum = checksum_add(checksum, disorder);
        checksum = checksum_add(checksum, (uint32_t)numbers[state % COUNT]);
    }
    return checksum;
}
