// SPDX-License-Identifier: Apache-2.0
//
// For the tests of decoding: a module from a list of bytes, decoded against a store of its own.
// Sizes of sections are written by hand, since offsets of errors are what is tested.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sandbox/wasm/decode.h"
#include "sandbox/wasm/limits.h"
#include "sandbox/wasm/opcode.h"

#define TYPES_MAX 100u

#define ARRAY_LENGTH(array_) (sizeof(array_) / sizeof((array_)[0]))
#define BYTES(...)           (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})

// A module of these bytes, the preamble apart; so sections begin at offset 8.
#define MODULE(...)   BYTES(0x00, 'a', 's', 'm', 0x01, 0x00, 0x00, 0x00, __VA_ARGS__)
#define EMPTY_MODULE  BYTES(0x00, 'a', 's', 'm', 0x01, 0x00, 0x00, 0x00)
#define TYPE_SECTION  1, 4, 1, 0x60, 0, 0 // [] -> []; sections after it begin at offset 14
#define I32_CONST_END 0x41, 0, 0x0B
#define REF_FUNC_END  0xD2, 7, 0x0B

static struct type_store store;
static struct module module;
static struct error error;
static uint32_t features; // proposals that are on
static uint8_t *copy; // the bytes being decoded, and not one more

static inline int open_store(void **state)
{
    (void)state;
    error_clear(&error);
    features = 0;
    return type_store_init(&store, TYPES_MAX, &error) ? 0 : -1;
}

static inline int close_store(void **state)
{
    (void)state;
    module_finish(&module);
    type_store_finish(&store);
    free(copy);
    copy = NULL;
    return 0;
}

static inline bool decode(const uint8_t *bytes, size_t length)
{
    module_finish(&module);
    free(copy);
    copy = malloc(length == 0 ? 1 : length);
    assert_non_null(copy);
    if (length != 0)
        memcpy(copy, bytes, length);
    error_clear(&error);
    return module_decode(&module, &store, features, copy, length, &error);
}

static inline void accept(const uint8_t *bytes, size_t length)
{
    if (!decode(bytes, length))
        fail_msg("%s at %u", error.message, (unsigned)error.offset);
    assert_int_equal(error.code, ERROR_NONE);
    assert_int_equal(module.size, length);
    assert_ptr_equal(module.bytes, copy);
}

static inline void refuse(enum error_code code, uint64_t offset, const uint8_t *bytes,
                          size_t length)
{
    assert_false(decode(bytes, length));
    assert_string_equal(error_wording(error.code), error_wording(code));
    assert_int_equal(error.code, code);
    assert_int_equal(error.offset, offset);
    // Nothing is left of it.
    assert_null(module.arena.base);
    assert_null(module.types);
    assert_null(module.imports);
    assert_null(module.functions);
    assert_int_equal(module.type_count, 0);
    assert_int_equal(module.function_count, 0);
}

static inline void lack(enum feature feature, uint64_t offset, const uint8_t *bytes, size_t length)
{
    refuse(ERROR_UNSUPPORTED_FEATURE, offset, bytes, length);
    assert_int_equal(error.detail, feature);
    assert_non_null(strstr(error.message, feature_name(feature)));
}

static inline void assert_name(struct name name, const char *expected)
{
    assert_int_equal(name.length, strlen(expected));
    assert_memory_equal(name.bytes, expected, name.length);
}

static inline bool is_declared(uint32_t funcidx)
{
    return module.declared[funcidx / 8] >> funcidx % 8 & 1;
}

#define TEST(test_) cmocka_unit_test_setup_teardown(test_, open_store, close_store)
