// SPDX-License-Identifier: Apache-2.0
/*
 * What the host makes up for imports that nobody defines: functions whose results and traps follow
 * from their number, arguments and the calls before; tables, memories, globals. The same for the
 * engine and for the reference interpreter.
 */
#pragma once

#include "sandbox/wasm/engine.h"
#include "tests/fuzz/reference.h"

struct host;

/* Calls back into a guest: some function by `choice`, if there is one. Mixes what it gives into
 * `hash`. */
typedef enum trap_code host_nested(struct host *host, uint64_t choice, uint64_t *hash);

/* One embedder's side. Zeroed at first. */
struct host {
    host_nested *nested; /* NULL: no calls back */
    void *owner;         /* for `nested` */
    uint32_t depth;      /* of calls back, now */
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

/* A value that follows from `hash`; no NaN, and never a function. */
uint64_t host_value(uint8_t type, uint64_t hash);
/* Mixes what is the same on all sides of a value into `hash`. */
uint64_t host_mix(uint64_t hash, uint8_t type, uint64_t value);

/* For the reference interpreter; `context` is a struct host. */
enum trap_code host_reference(void *context, const struct reference_function *function,
                              uint64_t *values);

void host_finish(struct host *host);
