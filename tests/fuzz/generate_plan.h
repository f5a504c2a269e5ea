// SPDX-License-Identifier: Apache-2.0
/* What the generator of modules (generate.c) tells that of function bodies (generate_code.c). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLAN_TYPES      12u
#define PLAN_FUNCTIONS  16u
#define PLAN_GLOBALS    16u
#define PLAN_TABLES     3u
#define PLAN_SEGMENTS   4u
#define PLAN_PARAMETERS 10u
#define PLAN_RESULTS    6u
#define PLAN_TABLE_SIZE 16u
#define NO_FUNCTION     0xffu

/* Choices: one byte each. */
struct choices {
    const uint8_t *bytes;
    size_t size;
    size_t at;
};

/* The bytes of the module. */
struct output {
    uint8_t *bytes;
    size_t size;
};

struct plan_type {
    uint8_t parameters[PLAN_PARAMETERS];
    uint8_t results[PLAN_RESULTS];
    uint8_t parameter_count;
    uint8_t result_count;
};

struct plan_global {
    uint8_t type;
    bool is_mutable;
};

struct plan_table {
    uint8_t type;
    uint16_t minimum;
    uint16_t maximum;
    uint8_t functions[PLAN_TABLE_SIZE]; /* that active segments put there, or NO_FUNCTION */
};

struct plan_segment {
    uint8_t type; /* of elements */
    uint8_t count;
    bool active;
    bool declarative;
    bool expressions;
    uint8_t table;
};

struct plan {
    struct choices *choices;
    struct output output;
    const struct plan *first; /* the module that this one imports from, or NULL */
    uint32_t number;
    struct plan_type types[PLAN_TYPES];
    uint32_t type_count;
    uint8_t functions[PLAN_FUNCTIONS];      /* their types */
    uint8_t import_sources[PLAN_FUNCTIONS]; /* function of the first module, or NO_FUNCTION */
    uint32_t function_count, imported_function_count;
    struct plan_global globals[PLAN_GLOBALS];
    uint32_t global_count, imported_global_count;
    uint32_t budget; /* globalidx of the i32 that bounds backward branches */
    struct plan_table tables[PLAN_TABLES];
    uint32_t table_count;
    bool table_imported;
    struct plan_segment elements[PLAN_SEGMENTS], datas[PLAN_SEGMENTS];
    uint32_t element_count, data_count;
    bool has_memory, memory_imported, memory_limited;
    uint8_t memory_minimum, memory_maximum;
    uint32_t statements; /* that all functions together may still have */
};

/* A number below `count`, which is at most 256. */
uint32_t choose(struct choices *choices, uint32_t count);
/* True in one of `count` cases, and never when choices have run out. */
bool chance(struct choices *choices, uint32_t count);
/* Any bits. */
uint64_t choose_bits(struct choices *choices, uint32_t bytes);

void put_byte(struct output *output, uint32_t byte);
void put_unsigned(struct output *output, uint64_t number);
void put_signed(struct output *output, int64_t number);

/* A constant instruction of a numeric type. */
void put_constant(struct plan *plan, uint8_t type);

/* The body of a function: locals and code. */
void generate_body(struct plan *plan, uint32_t function);
