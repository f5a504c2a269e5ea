// SPDX-License-Identifier: Apache-2.0
//
// Calls to native functions whose arguments all travel in registers: load every register that may
// carry one and call, which is many times faster than libffi. One file for each architecture;
// where there is none, nothing fits and libffi does it all.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
    THUNK_INTEGERS = 6, // integers, bools and pointers
    THUNK_FLOATS = 8,   // f32 (in the low half) and f64
    THUNK_REGISTERS = THUNK_INTEGERS + THUNK_FLOATS
};

enum thunk_result {
    THUNK_INTEGER, // or nothing
    THUNK_FLOAT,
    THUNK_PAIR // a struct of a pointer and a size
};

// Whether so many arguments of each class travel in registers.
bool thunk_fits(unsigned integers, unsigned floats);

// Calls `function` with the bits in `registers`, integers first, extended to 64 bits. What it
// returns is in the low bits of result[0], and of a pair in both; what is above is arbitrary.
void thunk_call(void (*function)(void), enum thunk_result kind,
                const uint64_t registers[THUNK_REGISTERS], uint64_t result[2]);
