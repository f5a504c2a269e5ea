// SPDX-License-Identifier: Apache-2.0
//
// Arithmetic on numbers that nobody vouches for. Each function stores the result, wrapped if need
// be, and returns whether it is exact; callers must look. Anything computed from a module's, a
// plugin's or a peer's numbers goes through here.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sandbox/base/error.h"

// `value` rounded up to a multiple of `alignment`, a power of two. Wraps: for numbers known to be
// far from the type's maximum. Everything else takes checked_align_up.
#define ALIGN_UP(value_, alignment_)                                                               \
    (((value_) + ((alignment_) - (__typeof__(value_))1)) & ~((alignment_) - (__typeof__(value_))1))

MUST_CHECK static inline bool checked_add_size(size_t left, size_t right, size_t *sum)
{
    return !__builtin_add_overflow(left, right, sum);
}

MUST_CHECK static inline bool checked_mul_size(size_t left, size_t right, size_t *product)
{
    return !__builtin_mul_overflow(left, right, product);
}

MUST_CHECK static inline bool checked_add_u32(uint32_t left, uint32_t right, uint32_t *sum)
{
    return !__builtin_add_overflow(left, right, sum);
}

MUST_CHECK static inline bool checked_mul_u32(uint32_t left, uint32_t right, uint32_t *product)
{
    return !__builtin_mul_overflow(left, right, product);
}

MUST_CHECK static inline bool checked_add_u64(uint64_t left, uint64_t right, uint64_t *sum)
{
    return !__builtin_add_overflow(left, right, sum);
}

MUST_CHECK static inline bool checked_mul_u64(uint64_t left, uint64_t right, uint64_t *product)
{
    return !__builtin_mul_overflow(left, right, product);
}

// Rounds `value` up to a multiple of `alignment`, a power of two.
MUST_CHECK static inline bool checked_align_up(size_t value, size_t alignment, size_t *aligned)
{
    bool exact = checked_add_size(value, alignment - 1, aligned);

    *aligned &= ~(alignment - 1);
    return exact;
}
