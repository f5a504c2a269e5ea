// SPDX-License-Identifier: Apache-2.0
// Product of two 64 x 64 matrices of doubles by rows and columns, n times over.
#include "program.h"

#define SIZE 64u

static double left[SIZE][SIZE];
static double right[SIZE][SIZE];
static double product[SIZE][SIZE];

static void fill(void)
{
    uint32_t state = 1;
    for (uint32_t i = 0; i < SIZE; i++) {
        for (uint32_t j = 0; j < SIZE; j++) {
            left[i][j] = (double)(random_next(&state) >> 8) / 16777216.0;
            right[i][j] = (double)(random_next(&state) >> 8) / 16777216.0;
        }
    }
}

static void multiply(void)
{
    for (uint32_t i = 0; i < SIZE; i++) {
        for (uint32_t j = 0; j < SIZE; j++) {
            double sum = 0;
            for (uint32_t k = 0; k < SIZE; k++)
                sum += left[i][k] * right[k][j];
            product[i][j] = sum;
        }
    }
}

uint64_t run(uint32_t n)
{
    uint64_t checksum = 0;
    fill();
    for (uint32_t round = 0; round < n; round++) {
        multiply();
        // Feeds the result back, scaled to stay between 0 and 1.
        uint32_t row = round % SIZE;
        for (uint32_t j = 0; j < SIZE; j++)
            left[row][j] = product[j][row] / SIZE;
        checksum = checksum_add(checksum, double_bits(product[row][SIZE - 1 - row]));
    }
    return checksum;
}
