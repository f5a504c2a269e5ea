// SPDX-License-Identifier: Apache-2.0
//
// For the tests of WASI's calls: a guest of one page, the calls by their names, and a host that
// takes output and plays the broker of files.
#pragma once

#include "tests/unit/wasm/run_fixture.h"
#include "wasi/rights.h"
#include "wasi/wasi.h"

enum {
    PAGE = 65536,
    IOVECS = 64,  // where they are
    RESULT = 128, // where results go
    PATH = 512,   // where paths begin
    BYTES = 1024, // where buffers begin

    WRITABLE = 3, // the directories that with_directories grants: /data for writing, and
    READABLE = 4, // lib for reading
    FIRST = 5,    // what is opened beside them

    REQUESTS_MAX = 64
};

extern struct wasi wasi;
extern struct policy policy;
extern struct instance *guest;
extern struct error refusal;
extern char output[64];
extern size_t output_length;
extern size_t output_room;
extern uint32_t output_stream; // of the last output
extern bool host_is_gone;

// What was asked of the broker, oldest first. Paths are copies.
struct asked {
    struct file_request request;
    uint8_t path[FILE_PATH_MAX];
    uint8_t other_path[FILE_PATH_MAX];
};

extern struct asked asked[REQUESTS_MAX];
extern size_t asked_count;
extern bool interrupts; // the next request is interrupted, as if by the host's signal

int wasi_set_up(void **state);
int wasi_set_up_with_directories(void **state);
int wasi_tear_down(void **state);

// What the broker answers next, in this order; then it answers success without anything.
void play_error(uint32_t error);
void play_bytes(const void *bytes, size_t length);
void play_status(struct file_status status);
void play_directory(uint32_t handle);
void play_file(int file, uint32_t handle); // the descriptor is given away; -1: it got lost

// A file with these bytes, to be given away.
int make_file(const char *bytes);

// Opens a file in /data by path_open, or a directory: its number. Handles count from 100.
uint32_t open_file(const char *bytes, uint64_t rights, uint32_t flags);
uint32_t open_directory(uint64_t rights, uint64_t inheriting);

// The request asked last, which must be of this operation.
const struct asked *last_asked(enum file_operation operation);

uint8_t *memory(uint32_t address);
uint32_t word_at(uint32_t address);
uint64_t long_at(uint32_t address);
void put_word(uint32_t address, uint32_t word);
void put_long(uint32_t address, uint64_t value);
void put_iovec(uint32_t index, uint32_t address, uint32_t length);

// A path at PATH, or at another address: its length.
uint32_t put_path(const char *path);
uint32_t put_path_at(uint32_t address, const char *path);

enum outcome run(const char *name, const uint64_t *arguments, size_t count);
uint32_t call(const char *name, const uint64_t *arguments, size_t count);

#define ARGUMENTS(...)                                                                             \
    (const uint64_t[]){0, ##__VA_ARGS__} + 1,                                                      \
        sizeof((const uint64_t[]){0, ##__VA_ARGS__}) / sizeof(uint64_t) - 1
#define WASI_CALL(name_, ...) call(name_, ARGUMENTS(__VA_ARGS__))

#define WASI_TEST(test_) cmocka_unit_test_setup_teardown(test_, wasi_set_up, wasi_tear_down)
#define DIRECTORY_TEST(test_)                                                                      \
    cmocka_unit_test_setup_teardown(test_, wasi_set_up_with_directories, wasi_tear_down)
