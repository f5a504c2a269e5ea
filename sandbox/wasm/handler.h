// SPDX-License-Identifier: Apache-2.0
//
// What handlers are made of. A handler runs one operation, or a fused sequence of them, and ends
// by dispatching the next cell. Two dispatch forms are compiled from the same bodies:
//   tail  handlers call the next one as their last act, with the machine's state in arguments
//         (clang: musttail, from 19 on preserve_none; gcc -O2: plain sibling calls);
//   loop  handlers return the next cell to a loop, with the state in struct registers.
// Bodies know the state as pc, fp, mem, r0, in, d0, s0, v0 and use the macros below for everything
// else. A handler calls no function: what must be called is a slow_... function, reached by SLOW,
// which has the state of a handler but stands outside of the handlers' section. No handler holds
// anything that would be lost if it never returned, since signals make it do so (trap.h).
#pragma once

#include <stdint.h>
#include <string.h>

#include "sandbox/wasm/instance.h"
#include "sandbox/wasm/numeric.h"
#include "sandbox/wasm/numeric_vector.h"
#include "sandbox/wasm/operation.h"

#define HANDLER_SECTION __attribute__((section("pinfold_handlers")))

#define HANDLER_STATE                                                                              \
    __attribute__((unused)) const uint8_t *pc, __attribute__((unused)) uint64_t *fp,               \
        __attribute__((unused)) uint8_t *mem, __attribute__((unused)) uint64_t r0,                 \
        __attribute__((unused)) struct instance *in, __attribute__((unused)) double d0,            \
        __attribute__((unused)) float s0, __attribute__((unused)) v128 v0

#if PINFOLD_DISPATCH_TAIL

#if defined(__has_attribute) && __has_attribute(musttail)
#define TAIL_CALL __attribute__((musttail)) return
#else
#define TAIL_CALL return
#endif
#if PINFOLD_PRESERVE_NONE
#define HANDLER_CONVENTION __attribute__((preserve_none))
#else
#define HANDLER_CONVENTION
#endif

typedef HANDLER_CONVENTION void handler(HANDLER_STATE);
#define HANDLER_PROTOTYPE(name_) HANDLER_CONVENTION void name_(HANDLER_STATE)
#define HANDLER_FUNCTION(name_)  HANDLER_CONVENTION void name_(HANDLER_STATE)
#define ENTER
// Ends the handler: the state goes on in another one.
#define CONTINUE_WITH(handler_) TAIL_CALL(handler_)(pc, fp, mem, r0, in, d0, s0, v0)
#define LEAVE                   return

#else

struct registers {
    uint64_t *fp;
    uint8_t *mem;
    uint64_t r0;
    struct instance *in;
    double d0;
    float s0;
    v128 v0;
};

// Returns the next cell, or NULL when the run is over.
typedef const uint8_t *handler(const uint8_t *pc, struct registers *registers);
#define HANDLER_PROTOTYPE(name_)                                                                   \
    const uint8_t *name_(__attribute__((unused)) const uint8_t *pc, struct registers *registers)
#define HANDLER_FUNCTION(name_) HANDLER_PROTOTYPE(name_)
#define ENTER                                                                                      \
    __attribute__((unused)) uint64_t *fp = registers->fp;                                          \
    __attribute__((unused)) uint8_t *mem = registers->mem;                                         \
    __attribute__((unused)) uint64_t r0 = registers->r0;                                           \
    __attribute__((unused)) struct instance *in = registers->in;                                   \
    __attribute__((unused)) double d0 = registers->d0;                                             \
    __attribute__((unused)) float s0 = registers->s0;                                              \
    __attribute__((unused)) v128 v0 = registers->v0
#define SAVE_STATE                                                                                 \
    *registers = (struct registers)                                                                \
    {                                                                                              \
        fp, mem, r0, in, d0, s0, v0                                                                \
    }
#define CONTINUE_WITH(handler_)                                                                    \
    do {                                                                                           \
        SAVE_STATE;                                                                                \
        return (handler_)(pc, registers);                                                          \
    } while (0)
#define LEAVE return NULL

#endif

// A cell that no translation emits, at which a frame returns to its caller's surroundings.
struct fixed_cell {
    handler *handler;
    uint64_t fields;
};

// A handler, and a slow function, which may call what it likes.
#define HANDLER(name_)      HANDLER_SECTION HANDLER_FUNCTION(name_)
#define SLOW_HANDLER(name_) __attribute__((noinline)) HANDLER_FUNCTION(name_)

// Ends the handler: go on at a cell, or in a slow function with pc at the cell `here_`.
#if PINFOLD_DISPATCH_TAIL
#define GO(target_)                                                                                \
    do {                                                                                           \
        pc = (target_);                                                                            \
        CONTINUE_WITH(*(handler *const *)(const void *)pc);                                        \
    } while (0)
#else
#define GO(target_)                                                                                \
    do {                                                                                           \
        pc = (target_);                                                                            \
        SAVE_STATE;                                                                                \
        return pc;                                                                                 \
    } while (0)
#endif
#define SLOW(here_, name_)                                                                         \
    do {                                                                                           \
        pc = (here_);                                                                              \
        CONTINUE_WITH(slow_##name_);                                                               \
    } while (0)

// Keeps the compiler from making a loop a call of memset.
#define KEEP_LOOP __asm__ volatile("" ::: "memory")

#define NEXT(length_) GO(pc + (length_))
// The trap's code travels in r0.
#define TRAP(here_, code_)                                                                         \
    do {                                                                                           \
        r0 = TRAP_##code_;                                                                         \
        SLOW(here_, trap);                                                                         \
    } while (0)

// The cell at an offset from pc, and its fields.
#define HERE(offset_)             (pc + (offset_))
#define FIELD_A(offset_)          (*(const uint16_t *)(const void *)(pc + (offset_) + 8))
#define FIELD_B(offset_)          (*(const uint16_t *)(const void *)(pc + (offset_) + 10))
#define FIELD_C(offset_)          (*(const uint16_t *)(const void *)(pc + (offset_) + 12))
#define FIELD_D(offset_)          (*(const uint16_t *)(const void *)(pc + (offset_) + 14))
#define FIELD_IMM(offset_)        (*(const uint32_t *)(const void *)(pc + (offset_) + 12))
#define FIELD_SIGNED_IMM(offset_) (*(const int32_t *)(const void *)(pc + (offset_) + 12))
#define FIELD_WIDE(offset_)       (*(const uint64_t *)(const void *)(pc + (offset_) + 16))
#define FIELD_WIDER(offset_)      (*(const uint64_t *)(const void *)(pc + (offset_) + 24))

#define SLOT_F32(slot_)  (*(float *)(void *)(fp + (slot_)))
#define SLOT_F64(slot_)  (*(double *)(void *)(fp + (slot_)))
#define SLOT_V128(slot_) V128_AT(fp + (slot_))

#define JUMP(here_) GO((here_) + 12 + *(const int32_t *)(const void *)((here_) + 12))
#define JUMP_TABLE(here_, index_, last_)                                                           \
    do {                                                                                           \
        uint32_t index = (index_);                                                                 \
        const uint8_t *entry = (here_) + 16 + 4 * (uint64_t)(index < (last_) ? index : (last_));   \
        GO(entry + *(const int32_t *)(const void *)entry);                                         \
    } while (0)

#define CALL(frame_, header_slot_, return_pc_, entry_)                                             \
    do {                                                                                           \
        uint64_t *new_frame = (frame_), *header = new_frame + (header_slot_);                      \
        header[0] = (uint64_t)(return_pc_);                                                        \
        header[1] = (uint64_t)fp;                                                                  \
        fp = new_frame;                                                                            \
        GO(entry_);                                                                                \
    } while (0)

// The callee of an element of a table, in the specification's order of tests; types that are not
// the same but might be subtypes, and other instances' functions, are left to the slow function.
#define TABLE_CALLEE(here_, index_, type_, tableidx_, slow_)                                       \
    const struct table *table = in->tables[tableidx_];                                             \
    uint64_t element = (index_); /* an i32 has zeroes above */                                     \
    if (element >= table->size)                                                                    \
        TRAP(here_, UNDEFINED_ELEMENT);                                                            \
    const struct function *callee = table->elements[element].function;                             \
    if (!callee)                                                                                   \
        TRAP(here_, UNINITIALIZED_ELEMENT);                                                        \
    if (callee->type != (type_) || callee->instance != in) {                                       \
        r0 = (uint64_t)callee;                                                                     \
        SLOW(here_, slow_);                                                                        \
    }

// The same of a reference, whose type is known.
#define REFERENCE_CALLEE(here_, reference_, slow_)                                                 \
    const struct function *callee = (const struct function *)(reference_);                         \
    if (!callee)                                                                                   \
        TRAP(here_, NULL_FUNCTION_REFERENCE);                                                      \
    if (callee->instance != in) {                                                                  \
        r0 = (uint64_t)callee;                                                                     \
        SLOW(here_, slow_);                                                                        \
    }

#define CALL_INDIRECT(here_, frame_slot_, index_, type_, tableidx_)                                \
    do {                                                                                           \
        TABLE_CALLEE(here_, index_, type_, tableidx_, call_indirect)                               \
        CALL(fp + (frame_slot_), callee->header_slot, (here_) + 24, callee->entry);                \
    } while (0)

#define CALL_REF(here_, frame_slot_, reference_)                                                   \
    do {                                                                                           \
        REFERENCE_CALLEE(here_, reference_, call_function)                                         \
        CALL(fp + (frame_slot_), callee->header_slot, (here_) + 24, callee->entry);                \
    } while (0)

// The frame becomes the callee's: what its header says is kept, since arguments may lie where it
// stood. They come from behind where they go.
#define RETURN_CALL(first_, count_, own_header_slot_, header_slot_, entry_)                        \
    do {                                                                                           \
        const uint64_t *own_header = fp + (own_header_slot_);                                      \
        uint64_t return_pc = own_header[0], caller = own_header[1];                                \
        const uint64_t *arguments = fp + (first_);                                                 \
        for (uint32_t i = 0, count = (count_); i < count; i++) {                                   \
            fp[i] = arguments[i];                                                                  \
            KEEP_LOOP;                                                                             \
        }                                                                                          \
        uint64_t *header = fp + (header_slot_);                                                    \
        header[0] = return_pc;                                                                     \
        header[1] = caller;                                                                        \
        GO(entry_);                                                                                \
    } while (0)

#define RETURN_CALL_INDIRECT(here_, index_, first_, count_, own_header_slot_, wide_)               \
    do {                                                                                           \
        TABLE_CALLEE(here_, index_, (uint32_t)(wide_), (wide_) >> 32, return_call_indirect)        \
        RETURN_CALL(first_, count_, own_header_slot_, callee->header_slot, callee->entry);         \
    } while (0)

#define RETURN_CALL_REF(here_, reference_, first_, count_, own_header_slot_)                       \
    do {                                                                                           \
        REFERENCE_CALLEE(here_, reference_, return_call_function)                                  \
        RETURN_CALL(first_, count_, own_header_slot_, callee->header_slot, callee->entry);         \
    } while (0)

#define RETURN(header_slot_)                                                                       \
    do {                                                                                           \
        const uint64_t *header = fp + (header_slot_);                                              \
        fp = (uint64_t *)header[1];                                                                \
        GO((const uint8_t *)header[0]);                                                            \
    } while (0)

// An access to any memory with an explicit check (specification: ea + N/8 > |mem| traps).
#define CHECKED_ADDRESS(here_, address_, index_, offset_, memidx_, width_)                         \
    do {                                                                                           \
        const struct memory *memory = in->memories[memidx_];                                       \
        uint64_t effective;                                                                        \
        if (__builtin_add_overflow((uint64_t)(index_), (uint64_t)(offset_), &effective) ||         \
            !memory_contains(memory, effective, width_))                                           \
            TRAP(here_, MEMORY_OUT_OF_BOUNDS);                                                     \
        address_ = memory->base + effective;                                                       \
    } while (0)

#include "sandbox/wasm/handlers.h"
#include "sandbox/wasm/slow.h"
