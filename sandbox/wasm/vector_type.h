// SPDX-License-Identifier: Apache-2.0
//
// Vectors as the compilers have them: one type for each shape, cast into each other bit by bit, and
// access to a v128 at any address. Lane 0 stands at the lowest address, so all of this is for
// little-endian machines.
#pragma once

#include <stdint.h>

typedef int8_t i8x16 __attribute__((vector_size(16)));
typedef uint8_t u8x16 __attribute__((vector_size(16)));
typedef int16_t i16x8 __attribute__((vector_size(16)));
typedef uint16_t u16x8 __attribute__((vector_size(16)));
typedef int32_t i32x4 __attribute__((vector_size(16)));
typedef uint32_t u32x4 __attribute__((vector_size(16)));
typedef int64_t i64x2 __attribute__((vector_size(16)));
typedef uint64_t u64x2 __attribute__((vector_size(16)));
typedef float f32x4 __attribute__((vector_size(16)));
typedef double f64x2 __attribute__((vector_size(16)));

// A vector of no shape: what accumulators and slots hold.
typedef u64x2 v128;

// The same where it may stand at any address and was written as something else.
typedef uint64_t v128_anywhere __attribute__((vector_size(16), aligned(1), may_alias));

#define V128_AT(address_) (*(v128_anywhere *)(void *)(address_))
#define V128_IN(address_) (*(const v128_anywhere *)(const void *)(address_))
