// SPDX-License-Identifier: Apache-2.0
//
// What the compiler calls for setjmp and longjmp. A frame is the address of something on the stack
// of the function that called setjmp; labels, 1 or more, tell that function's calls of setjmp
// apart.

#include <setjmp.h>

enum {
    TAG_LONGJMP = 1 // the compiler's number for the tag, which carries the address of the arguments
};

void __wasm_setjmp(jmp_buf buffer, unsigned label, void *frame);
unsigned __wasm_setjmp_test(jmp_buf buffer, void *frame);
_Noreturn void __wasm_longjmp(jmp_buf buffer, int value);

void __wasm_setjmp(jmp_buf buffer, unsigned label, void *frame)
{
    buffer->frame = frame;
    buffer->label = label;
}

// Asked of each frame that the jump passes: 0 if it is not the one, which throws again.
unsigned __wasm_setjmp_test(jmp_buf buffer, void *frame)
{
    return buffer->frame == frame ? buffer->label : 0;
}

_Noreturn void __wasm_longjmp(jmp_buf buffer, int value)
{
    buffer->arguments.buffer = buffer;
    buffer->arguments.value = value == 0 ? 1 : value;
    __builtin_wasm_throw(TAG_LONGJMP, &buffer->arguments);
}
