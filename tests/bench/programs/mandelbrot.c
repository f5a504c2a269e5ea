// SPDX-License-Identifier: Apache-2.0
// n rows of the Mandelbrot set in doubles; the picture is repeated every HEIGHT rows.
#include "program.h"

#define WIDTH          128u
#define HEIGHT         64u
#define ITERATIONS_MAX 128u

static uint32_t escape_time(double x0, double y0)
{
    double x = 0.0;
    double y = 0.0;
    uint32_t count = 0;
    while (count < ITERATIONS_MAX && x * x + y * y <= 4.0) {
        double next = x * x - y * y + x0;
        y = 2.0 * x * y + y0;
        x = next;
        count++;
    }
    return count;
}

uint64_t run(uint32_t n)
{
    uint64_t checksum = 0;
    for (uint32_t row = 0; row < n; row++) {
        double y = (double)(row % HEIGHT) * (2.5 / HEIGHT) - 1.25;
        uint64_t sum = 0;
        for (uint32_t column = 0; column < WIDTH; column++) {
            double x = (double)column * (3.0 / WIDTH) - 2.0;
            sum = sum * 31 + escape_time(x, y);
        }
        checksum = checksum_add(checksum, sum);
    }
    return checksum;
}
