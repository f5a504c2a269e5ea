// SPDX-License-Identifier: Apache-2.0
//
// What clang and wasm-ld make, linked dynamically and run: commands whose standard output is what
// matters. Without the tools that build them these tests pass over themselves.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sandbox/wasm/dynamic.h"

enum { GUEST_BYTES_MAX = 4 * 1024 * 1024, OUTPUT_BYTES_MAX = 4096, WASI_NOT_SUPPORTED = 58 };

static struct engine *engine;
static struct error error;
static struct trap trap;
static struct dynamic_module modules[2];
static struct dynamic *dynamic;
static uint8_t *bytes[2];
static char names[2][64];
static char output[OUTPUT_BYTES_MAX];
static size_t output_length;

static int set_up(void **state)
{
    (void)state;
    error_clear(&error);
    output_length = 0;
    memset(modules, 0, sizeof modules);
    return !engine_create(NULL, &engine, &error);
}

static int tear_down(void **state)
{
    (void)state;
    dynamic_destroy(dynamic);
    dynamic = NULL;
    engine_destroy(engine);
    for (int i = 0; i < 2; i++) {
        free(bytes[i]);
        bytes[i] = NULL;
    }
    return 0;
}

static bool load(int which, const char *guest, const char *part)
{
    char path[1024];
    FILE *file;
    size_t size;

    snprintf(names[which], sizeof names[which], "%s_%s.wasm", guest, part);
    snprintf(path, sizeof path, "%s/%s", DYNAMIC_GUESTS, names[which]);
    file = fopen(path, "rb");
    if (file == NULL)
        return false;
    bytes[which] = malloc(GUEST_BYTES_MAX);
    assert_non_null(bytes[which]);
    size = fread(bytes[which], 1, GUEST_BYTES_MAX, file);
    fclose(file);
    modules[which].name = engine_name(which == 0 ? "" : names[which]);
    if (!engine_load(engine, bytes[which], size, &modules[which].module, &error))
        fail_msg("%s: %s", path, error.message);
    return true;
}

/* As much of WASI as it takes to print. */

static uint32_t word_at(uint32_t address)
{
    const struct memory *memory = modules[0].instance->memories[0];
    uint32_t word;

    assert_true(memory_contains(memory, address, sizeof word));
    memcpy(&word, memory->base + address, sizeof word);
    return word;
}

// fd_write(descriptor, pieces, count, written)
static enum trap_code write_output(void *context, struct store *store, union slot *slots)
{
    struct memory *memory = modules[0].instance->memories[0];
    uint32_t written = 0;

    (void)context;
    (void)store;
    for (uint32_t i = 0; i < slots[2].u32; i++) {
        uint32_t address = word_at(slots[1].u32 + 8 * i);
        uint32_t length = word_at(slots[1].u32 + 8 * i + 4);

        assert_true(memory_contains(memory, address, length));
        assert_in_range(length, 0, OUTPUT_BYTES_MAX - output_length - 1);
        memcpy(output + output_length, memory->base + address, length);
        output_length += length;
        written += length;
    }
    output[output_length] = '\0';
    memcpy(memory->base + slots[3].u32, &written, sizeof written);
    slots[0].u64 = 0;
    return TRAP_NONE;
}

static enum trap_code refuse(void *context, struct store *store, union slot *slots)
{
    (void)context;
    (void)store;
    slots[0].u64 = WASI_NOT_SUPPORTED;
    return TRAP_NONE;
}

static void define_wasi(const struct module *module)
{
    for (uint32_t i = 0; i < module->import_count; i++) {
        const struct import *import = &module->imports[i];
        const struct deftype *type;
        bool writes;

        if (dynamic_provides(dynamic, 0, import))
            continue;
        assert_int_equal(import->kind, EXTERNAL_FUNCTION);
        type = type_at(&engine_store(engine)->types, module->functions[import->index].type);
        writes = import->name.length == 8 && memcmp(import->name.bytes, "fd_write", 8) == 0;
        assert_true(engine_define_function(
            engine, import->module, import->name,
            (struct host_type){type->types, type->parameter_count, type->result_count},
            writes ? write_output : refuse, NULL, &error));
    }
}

// False where the guest has not been built.
static bool link_guest(const char *guest, const char *side)
{
    if (!load(0, guest, "main") || !load(1, side, "side")) {
        print_message("%s has not been built\n", guest);
        return false;
    }
    if (!dynamic_create(engine, modules, 2, NULL, &dynamic, &error))
        fail_msg("%s", error.message);
    define_wasi(modules[0].module);
    if (dynamic_instantiate(dynamic, &trap, &error) != OUTCOME_OK ||
        dynamic_construct(dynamic, &trap) != OUTCOME_OK)
        fail_msg("%s %s", error.message, trap_wording(trap.code));
    return true;
}

static void expect_output(const char *guest, const char *expected)
{
    struct external start;
    union slot nothing = {0};

    if (!link_guest(guest, guest))
        return;
    assert_true(engine_export(modules[0].instance, engine_name("_start"), &start));
    if (engine_invoke(engine, start.function, &nothing, &trap) != OUTCOME_OK)
        fail_msg("%s, after: %s", trap_wording(trap.code), output);
    assert_string_equal(output, expected);
}

static void modules_in_c_call_and_point_into_each_other(void **state)
{
    (void)state;
    expect_output("circle", "add 16\n"
                            "pointers 1 1 2\n"
                            "call 15 42\n"
                            "weak -4\n"
                            "add 61\n");
}

static void modules_in_cpp_share_classes_and_their_library(void **state)
{
    (void)state;
    expect_output("shapes",
                  "a square of 5 in a side module: 25\n"
                  "a shape ends\n"
                  "106 104 1 8\n"
                  "43 a log that is longer than what a string holds in itself, read\n"
                  "101 a log that is longer than what a string holds in itself, read, read\n");
}

static uint32_t call(const char *name)
{
    struct external external;
    union slot result = {0};

    assert_true(engine_export(modules[0].instance, engine_name(name), &external));
    if (engine_invoke(engine, external.function, &result, &trap) != OUTCOME_OK)
        fail_msg("%s: %s", name, trap_wording(trap.code));
    return result.u32;
}

static void position_independent_main_module_has_a_side(void **state)
{
    (void)state;
    if (!link_guest("pie", "circle"))
        return;
    assert_int_equal(call("add"), 1 + 2 + 8 + 5);
    assert_int_equal(call("value"), 8);
    assert_int_equal(call("add"), 1 + 2 + 9 + 5);
    assert_int_equal(call("pointers"), 1);
    assert_int_equal(call("call"), 9 + 6);
    assert_int_equal((int32_t)call("weak"), -4);
    assert_in_range(call("heap"), 1024 * 1024 + 1, 1024 * 1024 + 256);
}

#define TEST(test_) cmocka_unit_test_setup_teardown(test_, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(modules_in_c_call_and_point_into_each_other),
        TEST(modules_in_cpp_share_classes_and_their_library),
        TEST(position_independent_main_module_has_a_side),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
