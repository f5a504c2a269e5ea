// SPDX-License-Identifier: Apache-2.0
/* What the generator of modules (generate.c) tells that of function bodies (generate_code.c). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLAN_TYPES      40u
#define PLAN_BASIC      12u // types that are chosen; others follow from them
#define PLAN_FUNCTIONS  16u
#define PLAN_GLOBALS    16u
#define PLAN_TABLES     3u
#define PLAN_SEGMENTS   4u
#define PLAN_PARAMETERS 18u
#define PLAN_RESULTS    19u
#define PLAN_TAGS       6u
#define PLAN_MEMORIES   3u // beside the one that most accesses are to
#define PLAN_TABLE_SIZE 16u
#define NO_FUNCTION     0xffu

/*
 * Types of values are the bytes that reference.h has, and these for references to functions of one
 * of the first types, of which there always are functions: (ref null TYPE) and (ref TYPE).
 */
#define TYPED_COUNT     3u
#define TYPE_OPTIONAL   0x20u
#define TYPE_CERTAIN    0x10u
#define TYPED_INDEX(t_) ((t_)&0x0fu)

static inline bool type_is_optional(uint8_t type)
{
    return type >= TYPE_OPTIONAL && type < TYPE_OPTIONAL + TYPED_COUNT;
}

static inline bool type_is_certain(uint8_t type)
{
    return type >= TYPE_CERTAIN && type < TYPE_CERTAIN + TYPED_COUNT;
}

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
    bool is_64;
    uint8_t functions[PLAN_TABLE_SIZE]; /* that active segments put there, or NO_FUNCTION */
};

/* What a catch of a tag lands in: a block that gives its payload, with or without an exnref. */
struct plan_tag {
    uint8_t type;
    uint8_t landings[2];
};

struct plan_memory {
    bool is_64, limited;
    uint8_t minimum, maximum;
};

struct plan_segment {
    uint8_t type; /* of elements */
    uint8_t count;
    bool active;
    bool declarative;
    bool expressions;
    uint8_t memory; /* memidx */
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
    bool newer; /* than WebAssembly 2.0 without vectors: what follows that */
    struct plan_tag tags[PLAN_TAGS];
    uint32_t tag_count, imported_tag_count;
    struct plan_memory others[PLAN_MEMORIES]; /* behind the memory, if there is one */
    uint32_t other_count;
    bool other_imported; /* the first of them */
    uint32_t budget;     /* globalidx of the i32 that bounds backward branches */
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

void put_type(struct output *output, uint8_t type);
/* A constant instruction of a numeric type or v128. */
void put_constant(struct plan *plan, uint8_t type);
/* A constant reference: null, or a function, of which those that are typed are the last ones. */
void put_reference(struct plan *plan, uint8_t type);

/* The sections of the module that was planned (generate_sections.c). */
void generate_sections(struct plan *plan);

/* The body of a function: locals and code. */
void generate_body(struct plan *plan, uint32_t function);
