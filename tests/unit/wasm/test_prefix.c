// SPDX-License-Identifier: Apache-2.0
// Every proper prefix of real modules, whose files are the program's arguments, is refused with an
// offset inside of it, or is a module itself, which ends where a section does.
#include "tests/unit/wasm/run_fixture.h"

#include <inttypes.h>
#include <stdio.h>

#define PREAMBLE_BYTES 8

static const char *const *paths; // up to a NULL
static uint8_t *whole;
static size_t whole_size;
static bool *at_boundary; // by length of the prefix

static void read_whole(const char *path)
{
    FILE *file = fopen(path, "rb");
    long length;

    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    length = ftell(file);
    assert_in_range(length, PREAMBLE_BYTES + 1, INT32_MAX);
    rewind(file);
    whole_size = (size_t)length;
    whole = malloc(whole_size);
    at_boundary = calloc(whole_size + 1, sizeof *at_boundary);
    assert_true(whole != NULL && at_boundary != NULL);
    assert_int_equal(fread(whole, 1, whole_size, file), whole_size);
    fclose(file);
}

static void forget_whole(void)
{
    engine_replace((struct engine_config){.stack_bytes = 0}); // which may use the bytes
    free(whole);
    free(at_boundary);
}

// Marks the end of the preamble and of each section.
static size_t find_boundaries(void)
{
    size_t at = PREAMBLE_BYTES, count = 0;

    at_boundary[at] = true;
    while (at < whole_size) {
        uint64_t length = 0;
        uint32_t shift = 0;

        for (at++; (whole[at] & 0x80) != 0; shift += 7)
            length |= (uint64_t)(whole[at++] & 0x7f) << shift;
        length |= (uint64_t)whole[at++] << shift;
        at += length;
        assert_in_range(at, 0, whole_size);
        at_boundary[at] = true;
        count++;
    }
    return count;
}

static bool load(const uint8_t *bytes, size_t size)
{
    struct module *module;

    error_clear(&error);
    return engine_load(engine, bytes, size, &module, &error);
}

static void whole_module_is_valid(void **state)
{
    (void)state;
    for (const char *const *path = paths; *path != NULL; path++) {
        read_whole(*path);
        if (!load(whole, whole_size))
            fail_msg("%s: %s at %" PRIu64, *path, error.message, error.offset);
        assert_in_range(find_boundaries(), 5, 100);
        forget_whole();
    }
}

// In memory of its own, so that a sanitizer sees whoever reads on.
static void check_prefix(size_t length)
{
    uint8_t *prefix = malloc(length == 0 ? 1 : length);
    bool loaded;

    assert_non_null(prefix);
    memcpy(prefix, whole, length);
    loaded = load(prefix, length);
    if (loaded) {
        assert_true(at_boundary[length]);
        engine_replace((struct engine_config){.stack_bytes = 0}); // which still uses the bytes
    } else {
        assert_int_equal(error_kind(error.code), ERROR_KIND_MALFORMED);
        assert_in_range(error.offset, 0, length);
    }
    free(prefix);
}

static void proper_prefix_is_refused_inside_or_valid_itself(void **state)
{
    (void)state;
    for (const char *const *path = paths; *path != NULL; path++) {
        read_whole(*path);
        find_boundaries();
        for (size_t length = 0; length < whole_size; length++)
            check_prefix(length);
        forget_whole();
    }
}

static const struct CMUnitTest tests[] = {
    TEST(whole_module_is_valid),
    TEST(proper_prefix_is_refused_inside_or_valid_itself),
};

int main(int argument_count, char **arguments)
{
    paths = (const char *const *)arguments + 1;
    if (argument_count < 2) {
        puts("1..0 # SKIP nothing here compiles to WebAssembly");
        return 0;
    }
    return cmocka_run_group_tests(tests, run_group_set_up, NULL);
}
