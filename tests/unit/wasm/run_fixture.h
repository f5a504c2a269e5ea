// SPDX-License-Identifier: Apache-2.0
//
// For the tests of running: an engine, instances of what was built (module_builder.h), and calls.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sandbox/wasm/engine.h"
#include "sandbox/wasm/limits.h"
#include "tests/unit/wasm/module_builder.h"

#define CALL_SLOTS 1100 // for the largest signature

extern struct engine *engine;
extern struct error error;
extern struct trap trap;
extern union slot slots[CALL_SLOTS]; // arguments and results

// For cmocka_run_group_tests, and for each test. A new engine has the default configuration;
// engine_replace makes another one in its place.
int run_group_set_up(void **state);
int run_set_up(void **state);
int run_tear_down(void **state);
void engine_replace(struct engine_config config);

// Loads, or loads and instantiates, what was built, and begins a new module.
struct module *load_built(void);
struct instance *instantiate_built(void);
// Makes its exports importable from a module of this name.
void register_instance(const char *name, struct instance *instance);
// Makes a function importable from the module "host".
void define_host(const char *name, const char *signature, host_callback *callback, void *context);

// By index in the instance, which need not be exported.
const struct function *function_at(struct instance *instance, uint32_t funcidx);
enum outcome invoke(struct instance *instance, uint32_t funcidx);

// Calls a function with these arguments; the first result. Any trap fails the test.
#define CALL_GUEST(instance_, funcidx_, ...)                                                       \
    call_guest(instance_, funcidx_, (const uint64_t[]){0, ##__VA_ARGS__},                          \
               sizeof((const uint64_t[]){0, ##__VA_ARGS__}) / sizeof(uint64_t) - 1)
uint64_t call_guest(struct instance *instance, uint32_t funcidx, const uint64_t *arguments,
                    size_t count);
// The same, but it must trap with this code.
#define CALL_TRAPS(code_, instance_, funcidx_, ...)                                                \
    call_traps(code_, instance_, funcidx_, (const uint64_t[]){0, ##__VA_ARGS__},                   \
               sizeof((const uint64_t[]){0, ##__VA_ARGS__}) / sizeof(uint64_t) - 1)
void call_traps(enum trap_code code, struct instance *instance, uint32_t funcidx,
                const uint64_t *arguments, size_t count);

#define TEST(test_) cmocka_unit_test_setup_teardown(test_, run_set_up, run_tear_down)
