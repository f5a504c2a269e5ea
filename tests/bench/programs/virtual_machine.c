// SPDX-License-Identifier: Apache-2.0
// A stack machine whose interpreter is one loop around a switch. Its program sums, for every
// number from 1 to n, the number of steps until the Collatz sequence from it reaches 1.
#include "program.h"

enum opcode {
    OP_PUSH,         // immediate number; pushes it
    OP_LOAD,         // variable; pushes its value
    OP_STORE,        // variable; pops into it
    OP_ADD,          // pops two, pushes the sum
    OP_MULTIPLY,     // pops two, pushes the product
    OP_HALVE,        // pops, pushes half of it
    OP_IS_ODD,       // pops, pushes its lowest bit
    OP_LESS,         // pops b, then a; pushes a < b
    OP_EQUAL,        // pops two, pushes whether they are equal
    OP_JUMP,         // target
    OP_JUMP_IF_ZERO, // target; pops
    OP_HALT,         // pops the result
};

enum variable { VAR_LIMIT, VAR_NUMBER, VAR_VALUE, VAR_STEPS, VAR_COUNT };

// clang-format off
static const uint8_t PROGRAM[] = {
    /*  0 */ OP_PUSH, 1, OP_STORE, VAR_NUMBER,
    // Outer loop: while number < limit.
    /*  4 */ OP_LOAD, VAR_NUMBER, OP_LOAD, VAR_LIMIT, OP_LESS, OP_JUMP_IF_ZERO, 60,
    /* 11 */ OP_LOAD, VAR_NUMBER, OP_STORE, VAR_VALUE,
    // Inner loop: until value == 1.
    /* 15 */ OP_LOAD, VAR_VALUE, OP_PUSH, 1, OP_EQUAL, OP_JUMP_IF_ZERO, 24, OP_JUMP, 51,
    /* 24 */ OP_LOAD, VAR_STEPS, OP_PUSH, 1, OP_ADD, OP_STORE, VAR_STEPS,
    /* 31 */ OP_LOAD, VAR_VALUE, OP_LOAD, VAR_VALUE, OP_IS_ODD, OP_JUMP_IF_ZERO, 46,
    // Odd: value = 3 * value + 1; even: value = value / 2.
    /* 38 */ OP_PUSH, 3, OP_MULTIPLY, OP_PUSH, 1, OP_ADD, OP_JUMP, 47,
    /* 46 */ OP_HALVE,
    /* 47 */ OP_STORE, VAR_VALUE, OP_JUMP, 15,
    // number = number + 1
    /* 51 */ OP_LOAD, VAR_NUMBER, OP_PUSH, 1, OP_ADD, OP_STORE, VAR_NUMBER, OP_JUMP, 4,
    /* 60 */ OP_LOAD, VAR_STEPS, OP_HALT,
};
// clang-format on

static uint64_t interpret(const uint8_t *code, uint64_t variables[VAR_COUNT])
{
    uint64_t stack[16];
    uint64_t *top = stack; // first free entry
    const uint8_t *at = code;
    for (;;) {
        enum opcode opcode = *at++;
        switch (opcode) {
        case OP_PUSH:
            *top++ = *at++;
            break;
        case OP_LOAD:
            *top++ = variables[*at++];
            break;
        case OP_STORE:
            variables[*at++] = *--top;
            break;
        case OP_ADD:
            top--;
            top[-1] += top[0];
            break;
        case OP_MULTIPLY:
            top--;
            top[-1] *= top[0];
            break;
        case OP_HALVE:
            top[-1] >>= 1;
            break;
        case OP_IS_ODD:
            top[-1] &= 1;
            break;
        case OP_LESS:
            top--;
            top[-1] = top[-1] < top[0];
            break;
        case OP_EQUAL:
            top--;
            top[-1] = top[-1] == top[0];
            break;
        case OP_JUMP:
            at = code + *at;
            break;
        case OP_JUMP_IF_ZERO:
            at = *--top == 0 ? code + *at : at + 1;
            break;
        case OP_HALT:
            return *--top;
        }
    }
}

uint64_t run(uint32_t n)
{
    uint64_t variables[VAR_COUNT] = {[VAR_LIMIT] = (uint64_t)n + 1};
    return interpret(PROGRAM, variables);
}
