// SPDX-License-Identifier: Apache-2.0
//
// Where memory 0 has what, by the conventions of wasm-ld: static data, zeroed data behind it, the
// stack, which grows down from the initial value of __stack_pointer, and the heap. The linker puts
// the stack behind the data, or before it (--stack-first). What a module does not tell is left out.
//
// The stack is the guest's own business, and WebAssembly knows nothing of it: it may grow into the
// data unseen. Where its lower end is evident, code is compiled so that writing an address below it
// to the stack pointer traps.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sandbox/base/error.h"
#include "sandbox/wasm/module.h"

// The value of an expression that is one constant integer, unsigned.
bool layout_constant(const struct expression *expression, uint64_t *value);

// Empty where it is not known.
struct layout_region {
    uint64_t first;
    uint64_t end; // UINT64_MAX: goes on to the end
};

struct layout {
    struct layout_region data;
    struct layout_region bss;
    struct layout_region stack; // without evidence its lower end is where the data seem to end
    struct layout_region heap;
};

// Of a decoded module. Takes the stack's lower end from module->stack where that is known.
void layout_find(const struct module *module, struct layout *layout);

struct layout_options {
    bool has_stack_low;
    uint64_t stack_low;
    uint64_t memory_bytes_max;         // no memory is larger
    const struct module_stack *shared; // the main module's, for side modules; or NULL
};

// Fills in module->stack, before anything is compiled. In this order:
//   stack_low is given     It counts for the global that is named, exported or imported as
//                          __stack_pointer; else for global 0, if that is the module's own mutable
//                          i32 or i64, constant at first and above the limit.
//   the stack is shared    It counts for the __stack_pointer that a side module (dylink.0) imports.
//   __stack_low is known   Of the module's own __stack_pointer, as all that follows.
//   the stack is first     Its pointer begins at or below the first byte of data.
//   __data_end is known    It is below the pointer.
// An address above the pointer's first value is allowed, since other stacks (of fibers, threads)
// are on the heap; above what memory 0 can ever have it is one that has wrapped around. Where that
// is all of 32 bits, what a frame of 64 KiB reaches by wrapping around counts as that, too.
// Error: USAGE_STACK_LOW if a limit is given that nothing can be held to.
MUST_CHECK bool layout_limit_stack(struct module *module, const struct layout_options *options,
                                   struct error *error);
