// SPDX-License-Identifier: Apache-2.0
/*
 * What the host makes up for imports that nobody defines: functions whose results and traps follow
 * from their number, arguments and the calls before; tables, memories, globals. The same for the
 * engine and for the reference interpreter.
 */
#pragma once

#include "sandbox/wasm/engine.h"
#include "tests/fuzz/reference.h"

/* One embedder's side. Zeroed at first. */
struct host {
    uint64_t calls;
    uint32_t function_count;
    struct host_function *functions;
};

/* A value type as the byte that stands for it in modules. */
uint8_t host_type_byte(valtype type);

/* Defines what the module imports and the engine has not got. False: more than it likes. */
bool host_define_imports(struct host *host, struct engine *engine, const struct module *module);

/* The number that the host gave one of its functions. */
uint32_t host_function_number(const struct function *function);

/* For the reference interpreter; `context` is a struct host. */
enum trap_code host_reference(void *context, const struct reference_function *function,
                              uint64_t *values);

void host_finish(struct host *host);
