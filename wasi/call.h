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
void wasi_store_u16(uint8_t *bytes, uint16_t value);
void wasi_store_u32(uint8_t *bytes, uint32_t value);
void wasi_store_u64(uint8_t *bytes, uint64_t value);
uint16_t wasi_load_u16(const uint8_t *bytes);
uint32_t wasi_load_u32(const uint8_t *bytes);
uint64_t wasi_load_u64(const uint8_t *bytes);

// The open descriptor of that number; BADF if there is none, NOTCAPABLE without one of the rights,
// when it is found all the same.
enum wasi_errno wasi_descriptor(struct wasi *wasi, uint32_t number, uint64_t rights,
                                struct descriptor **descriptor);

// As above, of a directory: NOTDIR for others.
enum wasi_errno wasi_directory(struct wasi *wasi, uint32_t number, uint64_t rights,
                               struct descriptor **directory);

// A path in the guest's memory, for the call under way.
struct wasi_path {
    const uint8_t *bytes;
    size_t length;
};

// From the slots of its address and length, checked as far as its bytes tell: FAULT, NAMETOOLONG,
// NOENT if it is empty, INVAL for a NUL, ILSEQ for what is not UTF-8, NOTCAPABLE if it is absolute.
enum wasi_errno wasi_path(const struct wasi *wasi, const union slot *address_and_length,
                          struct wasi_path *path);

// Lookup flags, added to those of a request (enum file_flag). INVAL for unknown ones.
enum wasi_errno wasi_lookup(uint32_t lookup, uint32_t *flags);

// Whether the policy grants clocks: without, the system call would be the end of the process.
bool wasi_has_clock(const struct wasi *wasi);

// How long a file is; -1 if the system does not say.
int64_t wasi_file_size(int file);

// Asks the host's broker for what is no descriptor. `length`, NULL for no bytes, is as in
// wasi_files. IO, and the end of the run, if the host is gone.
enum wasi_errno wasi_ask(struct wasi *wasi, const struct file_request *request,
                         struct file_answer *answer, uint8_t *bytes, size_t *length);

// Closes what an open descriptor stands for, and frees its number. The error is only told: nothing
// is open any more.
enum wasi_errno wasi_close(struct wasi *wasi, uint32_t number);
