// SPDX-License-Identifier: Apache-2.0
//
// What the files of calls (call_*.c) share: the form of a call, and the guest's memory. Calls take
// their arguments as they stand in the slots, i32s zero-extended, and write results only when
// nothing can fail any more.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "wasi/wasi.h"

typedef enum wasi_errno wasi_call(struct wasi *wasi, const union slot *arguments);

#define WASI(name_, parameters_, RESULT_, SUPPORT_) WASI_DECLARE_##SUPPORT_(name_)
#define WASI_DECLARE_NOW(name_)                     wasi_call wasi_##name_;
#define WASI_DECLARE_LATER(name_)
#include "wasi/wasi.def"
#undef WASI_DECLARE_LATER
#undef WASI_DECLARE_NOW
#undef WASI

// The guest's bytes at an address, NULL if they are not all inside its memory. Not to be kept: only
// the call under way knows them to be there.
uint8_t *wasi_memory(const struct wasi *wasi, uint64_t address, uint64_t length);

// An array of `count` elements in the same way.
uint8_t *wasi_array(const struct wasi *wasi, uint64_t address, uint64_t count, uint64_t size);

// Little-endian numbers, at any alignment.
void wasi_store_u32(uint8_t *bytes, uint32_t value);
void wasi_store_u64(uint8_t *bytes, uint64_t value);
uint32_t wasi_load_u32(const uint8_t *bytes);
