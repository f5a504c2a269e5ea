// SPDX-License-Identifier: Apache-2.0
//
// setjmp and longjmp by WebAssembly exceptions, which Debian's C library for WASI lacks. With
// -wasm-enable-sjlj the compiler turns the calls into those of setjmp.c, and functions that call
// setjmp into ones that catch.

#pragma once

// Code that catches reads these two, in this order.
struct jump_arguments {
    void *buffer;
    int value;
};

typedef struct {
    void *frame; // the call of the function that called setjmp
    unsigned label;
    struct jump_arguments arguments; // of the jump under way
} jmp_buf[1];

int setjmp(jmp_buf buffer) __attribute__((returns_twice));
_Noreturn void longjmp(jmp_buf buffer, int value);
