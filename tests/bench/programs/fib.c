// SPDX-License-Identifier: Apache-2.0
// Doubly recursive Fibonacci numbers: nothing but calls. The work grows as fib(n), not as n.
#include "program.h"

static __attribute__((noinline)) uint32_t fib(uint32_t n)
{
    return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

uint64_t run(uint32_t n)
{
    return fib(n);
}
