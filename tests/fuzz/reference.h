// SPDX-License-Identifier: Apache-2.0
/*
 * A second, slow interpreter that the engine is compared with: a stack machine on the bytes of a
 * module, without any translation. It shares no code with the engine and trusts its modules, which
 * the engine has validated before. WebAssembly 2.0 without vectors, one memory.
 *
 * Which NaN arithmetic gives is not determined. Here it gives one of two patterns that stand for
 * "some arithmetic NaN"; when the choice would show in anything but a NaN, the run ends
 * undetermined.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sandbox/wasm/trap.h"

/* "Some arithmetic NaN", as f32 and f64. */
#define SOME_NAN_32 0x7fe1d2c3u
#define SOME_NAN_64 0x7ffa5b4c3d2e1f0full

/* Types of values, by their bytes in modules. */
enum {
    TYPE_I32 = 0x7f,
    TYPE_I64 = 0x7e,
    TYPE_F32 = 0x7d,
    TYPE_F64 = 0x7c,
    TYPE_FUNCREF = 0x70,
    TYPE_EXTERNREF = 0x6f,
};

/* A function type; its bytes stand in a module. */
struct reference_type {
    const uint8_t *parameters;
    const uint8_t *results;
    uint32_t parameter_count;
    uint32_t result_count;
};

/* Where a block ends: offsets from the function's code, just behind the opcodes. */
struct reference_match {
    uint32_t end;
    uint32_t otherwise; /* of an if: its else, or 0 */
};

struct reference_instance;

/* A funcref is the address of one of these; host functions have no instance. */
struct reference_function {
    struct reference_instance *instance;
    uint32_t index; /* in its module; of host functions the host's number */
    struct reference_type type;
    uint32_t local_count; /* parameters included */
    const uint8_t *code;
    const uint8_t *end;
    struct reference_match *matches; /* by offset from `code` */
};

struct reference_table {
    uint64_t *elements;
    uint32_t size;
    uint32_t maximum;
    uint32_t capacity;
};

struct reference_memory {
    uint8_t *bytes; /* room for the maximum */
    uint8_t *nans;  /* for each byte: enum reference_nan */
    uint64_t size;
    uint64_t maximum;
    bool has_nans; /* some NaN that is not determined was stored, once */
    struct reference_memory *next;
};

/* What a byte of memory is part of. */
enum reference_nan {
    NAN_NONE,
    NAN_FIRST_32, /* the first byte of some f32 NaN */
    NAN_FIRST_64,
    NAN_REST,
};

struct reference_global {
    uint64_t value;
    uint8_t type;
};

struct reference_element {
    uint64_t *values;
    uint32_t count;
    uint32_t table;
    const uint8_t *offset; /* expression, NULL unless active */
    bool declarative;
    bool dropped;
};

struct reference_data {
    const uint8_t *bytes;
    uint32_t size;
    const uint8_t *offset; /* expression, NULL unless active */
    bool dropped;
};

/* The binary format's kinds of externals. */
enum reference_kind {
    KIND_FUNCTION,
    KIND_TABLE,
    KIND_MEMORY,
    KIND_GLOBAL,
};

struct reference_name {
    const uint8_t *bytes;
    uint32_t length;
};

struct reference_export {
    struct reference_name name;
    enum reference_kind kind;
    uint32_t index;
};

struct reference_instance {
    struct reference_store *store;
    uint32_t number; /* in order of instantiation */
    const uint8_t *module;
    struct reference_type *types;
    struct reference_function **functions;
    struct reference_table **tables;
    struct reference_memory *memory;
    struct reference_global **globals;
    struct reference_element *elements;
    struct reference_data *datas;
    struct reference_export *exports;
    uint32_t type_count, function_count, table_count, global_count, element_count, data_count,
        export_count;
    uint32_t defined_functions; /* read from the function section */
    uint32_t code_count;        /* bodies read */
    bool has_start;
    uint32_t start;
};

enum reference_outcome {
    REFERENCE_OK,
    REFERENCE_TRAP,
    REFERENCE_STEPS,        /* more instructions than it was given */
    REFERENCE_STACK,        /* a stack deeper than the engine's can be */
    REFERENCE_UNDETERMINED, /* went on from a choice that engines may make differently */
    REFERENCE_OTHER,        /* a module that it does not understand */
};

/* A host function's work, on its arguments and then results. Anything but TRAP_NONE traps, and
 * TRAP_COUNT ends the run with the outcome of the latest nested call. */
typedef enum trap_code reference_host(void *context, const struct reference_function *function,
                                      uint64_t *values);

struct reference_registered;
struct reference_allocation;
struct reference_machine;

struct reference_store {
    reference_host *host;
    void *host_context;
    uint32_t host_count;     /* functions made up for imports so far */
    uint64_t memory_maximum; /* bytes of all memories and tables together */
    uint64_t memory_used;
    uint32_t instance_count;
    struct reference_registered *registered;
    struct reference_allocation *allocations;
    struct reference_memory *memories;
    struct reference_machine *machine;

    /* Of the latest run. */
    uint64_t steps;
    uint64_t steps_max;
    uint64_t deepest; /* slots of its stack that the engine's may have needed */
    enum trap_code trap;
    uint32_t trap_function;
    uint64_t trap_offset;
    enum reference_outcome outcome;
};

void reference_init(struct reference_store *store);
void reference_finish(struct reference_store *store);

/* What the next run may do. */
void reference_fuel(struct reference_store *store, uint64_t steps);

/*
 * Instantiates a module. What it imports comes from the registry; what is not there is made up:
 * functions of the host, tables and memories of the wanted size, globals by reference_made_global.
 */
enum reference_outcome reference_instantiate(struct reference_store *store, const uint8_t *bytes,
                                             size_t size, struct reference_instance **instance);

/* Lets later modules import the exports of an instance. */
void reference_register(struct reference_instance *instance, struct reference_name module);

/* Calls a function. `values` holds the arguments, then the results. */
enum reference_outcome reference_call(struct reference_store *store,
                                      const struct reference_function *function, uint64_t *values);

/* The value of a global that the host makes up. */
uint64_t reference_made_global(uint8_t type);

/* Zeroed memory that lives as long as the store. Aborts when there is none. */
void *reference_allocate(struct reference_store *store, size_t count, size_t size);

/* For reference_module.c: the value of a constant expression, and reference_execute.c's state. */
enum reference_outcome reference_evaluate(struct reference_instance *instance,
                                          const uint8_t *expression, uint64_t *value);
enum trap_code reference_table_init(struct reference_instance *instance, uint32_t table,
                                    uint32_t element, uint64_t to, uint64_t from, uint64_t count);
enum trap_code reference_memory_init(struct reference_instance *instance, uint32_t data,
                                     uint64_t to, uint64_t from, uint64_t count);

/* Numbers of the binary format. */
uint64_t reference_unsigned(const uint8_t **at);
int64_t reference_signed(const uint8_t **at);
/* Moves behind the instruction at `*at`; false if there is no such instruction. */
bool reference_skip(const uint8_t **at);

/* Does the instruction, one of 0x45 to 0xc4, or 0x100 + the number of a saturating one, take one
 * operand, not two? */
bool reference_is_unary(uint32_t opcode);
/* Its result. `*fault`: TRAP_NONE; a trap; TRAP_COUNT if a NaN would show its bits. */
uint64_t reference_numeric(uint32_t opcode, uint64_t left, uint64_t right, enum trap_code *fault);
