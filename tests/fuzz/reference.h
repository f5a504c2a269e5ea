// SPDX-License-Identifier: Apache-2.0
/*
 * A second, slow interpreter that the engine is compared with: a stack machine on the bytes of a
 * module, without any translation. It shares no code with the engine and trusts its modules, which
 * the engine has validated before. WebAssembly 3.0 without garbage-collected types, and legacy
 * exceptions. Floating-point vectors that get a NaN end the run undetermined.
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
    TYPE_V128 = 0x7b,
    TYPE_FUNCREF = 0x70,
    TYPE_EXTERNREF = 0x6f,
    TYPE_EXNREF = 0x69,
};

/*
 * A type of values: the byte above; that plus TYPE_NON_NULL, for references; or TYPE_CONCRETE, plus
 * twice the number of a function type in the store, plus 1 if it may be null.
 */
typedef uint16_t reference_valtype;

#define TYPE_NON_NULL 0x80u
#define TYPE_CONCRETE 0x100u

struct reference_type {
    const reference_valtype *parameters;
    const reference_valtype *results;
    uint32_t parameter_count;
    uint32_t result_count;
    uint32_t number; /* equal types have equal ones */
    const struct reference_type *next;
};

/* A v128 has two halves, all others only the low one. */
struct reference_value {
    uint64_t low, high;
};

/* Where a block ends: offsets from the function's code, just behind the opcodes. */
struct reference_match {
    uint32_t end;
    uint32_t otherwise; /* of an if: its else, or 0; of a try or catch: the next catch, or 0 */
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
    bool is_64;
};

struct reference_memory {
    uint8_t *bytes; /* room for the maximum */
    uint8_t *nans;  /* for each byte: enum reference_nan */
    uint64_t size;
    uint64_t maximum;
    bool is_64;
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
    struct reference_value value;
    reference_valtype type;
};

/* What an exception is one of; the address tells it from others. */
struct reference_tag {
    struct reference_type type;
};

/* An exnref is the address of one of these. */
struct reference_exception {
    const struct reference_tag *tag;
    struct reference_value values[];
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
    uint32_t memory;
    const uint8_t *offset; /* expression, NULL unless active */
    bool dropped;
};

/* The binary format's kinds of externals. */
enum reference_kind {
    KIND_FUNCTION,
    KIND_TABLE,
    KIND_MEMORY,
    KIND_GLOBAL,
    KIND_TAG,
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
    struct reference_memory **memories;
    struct reference_global **globals;
    struct reference_tag **tags;
    struct reference_element *elements;
    struct reference_data *datas;
    struct reference_export *exports;
    uint32_t type_count, function_count, table_count, memory_count, global_count, tag_count,
        element_count, data_count, export_count;
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
    const struct reference_type *types;
    uint32_t type_count;
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

/*
 * What each slot of values of these types is: a byte that stands for a type, of which the v128 has
 * two of TYPE_I64, and functions of whatever type are TYPE_FUNCREF. `slots` may be NULL. Gives the
 * number of slots.
 */
uint32_t reference_slots(const reference_valtype *types, uint32_t count, uint8_t *slots);
/* May the host make up values of all these types? Of those of a certain type it cannot. */
bool reference_has_defaults(const reference_valtype *types, uint32_t count);

/* Calls a function. `values` holds the slots of the arguments, then of the results. */
enum reference_outcome reference_call(struct reference_store *store,
                                      const struct reference_function *function, uint64_t *values);

/* The value of a global that the host makes up. */
uint64_t reference_made_global(uint8_t type);

/* Zeroed memory that lives as long as the store. Aborts when there is none. */
void *reference_allocate(struct reference_store *store, size_t count, size_t size);

/* For reference_module.c: the value of a constant expression, and reference_execute.c's state. */
enum reference_outcome reference_evaluate(struct reference_instance *instance,
                                          const uint8_t *expression, struct reference_value *value);
enum trap_code reference_table_init(struct reference_instance *instance, uint32_t table,
                                    uint32_t element, uint64_t to, uint64_t from, uint64_t count);
enum trap_code reference_memory_init(struct reference_instance *instance, uint32_t memory,
                                     uint32_t data, uint64_t to, uint64_t from, uint64_t count);

/* Numbers of the binary format. */
uint64_t reference_unsigned(const uint8_t **at);
int64_t reference_signed(const uint8_t **at);
/* The type that stands there. */
reference_valtype reference_read_type(const struct reference_instance *instance,
                                      const uint8_t **at);
/* Moves behind the instruction at `*at`; false if there is no such instruction. */
bool reference_skip(const uint8_t **at);

/* Does the instruction, one of 0x45 to 0xc4, or 0x100 + the number of a saturating one, take one
 * operand, not two? */
bool reference_is_unary(uint32_t opcode);
/* Its result. `*fault`: TRAP_NONE; a trap; TRAP_COUNT if a NaN would show its bits. */
uint64_t reference_numeric(uint32_t opcode, uint64_t left, uint64_t right, enum trap_code *fault);
