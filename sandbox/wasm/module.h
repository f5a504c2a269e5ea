// SPDX-License-Identifier: Apache-2.0
/*
 * The decoded module: arrays and nothing else. Made by decode.c, checked and given its code by
 * compile.c, immutable afterwards but for the handler words of cells, which link.c writes once.
 * Everything lives in the module's arenas and dies with it; names, bodies and segments point into
 * the module's bytes, which the embedder keeps for as long as the module.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sandbox/base/arena.h"
#include "sandbox/base/reader.h"
#include "sandbox/wasm/type.h"

#define MEMORY_PAGE_BYTES 65536ull

/* Limits of memories (in pages) and tables (in elements). */
struct limits {
    uint64_t minimum;
    uint64_t maximum; /* UINT64_MAX where the type has none: see has_maximum */
    bool has_maximum;
    bool address64;
};

/* What growing gives the guest: -1 of the address type where it was refused. */
static inline uint64_t limits_grown(const struct limits *limits, uint64_t old_or_refused)
{
    return limits->address64 ? old_or_refused : (uint32_t)old_or_refused;
}

struct tabletype {
    valtype element;
    struct limits limits;
};

struct memorytype {
    struct limits limits;
    bool is_shared;     /* threads */
    bool has_page_size; /* custom-page-sizes: another than 64 KiB */
    uint8_t page_log2;  /* in that case, of its bytes */
};

/* The base-2 logarithm of a page's bytes. */
static inline uint32_t memorytype_page_shift(const struct memorytype *type)
{
    return type->has_page_size ? type->page_log2 : 16;
}

/*
 * How many pages its address type allows (specification: "Memory Types"). With pages of one byte it
 * is one less than there are addresses, so that the size is a number of that type.
 */
static inline uint64_t memorytype_pages_max(const struct memorytype *type)
{
    if (memorytype_page_shift(type) == 0)
        return type->limits.address64 ? UINT64_MAX : UINT32_MAX;
    return 1ull << (type->limits.address64 ? 48 : 16);
}

/*
 * Can guard pages stand for the check of an access? No guard area is wide enough for 64 bits, and
 * none begins in the middle of a page of the machine's.
 */
static inline bool memorytype_is_guardable(const struct memorytype *type)
{
    return !type->limits.address64 && memorytype_page_shift(type) == 16;
}

struct globaltype {
    valtype type;
    bool is_mutable;
};

/* In the order of the binary format's externidx kinds. */
enum external_kind {
    EXTERNAL_FUNCTION,
    EXTERNAL_TABLE,
    EXTERNAL_MEMORY,
    EXTERNAL_GLOBAL,
    EXTERNAL_TAG,
};

/* An import; `index` is its place in the index space of its kind, which holds its type. */
struct import {
    struct name module;
    struct name name;
    enum external_kind kind;
    uint32_t index;
    uint64_t offset; /* in the module, for errors */
};

struct export
{
    struct name name;
    enum external_kind kind;
    uint32_t index;
    uint64_t offset;
};

/* A constant expression's bytes, its `end` included; `code` is filled in by compile.c. */
struct expression {
    const uint8_t *bytes;
    uint32_t size;
    uint64_t offset;
    struct code *code;
};

/*
 * A translated function or constant expression. Cells are threaded code: struct cell of
 * operation.h, 8-byte aligned, contiguous.
 */
struct code {
    uint8_t *entry;           /* first cell */
    uint32_t size;            /* bytes of cells */
    uint16_t header;          /* slot of the return pc; the caller's fp is in the next one */
    uint16_t prologue;        /* bytes of cells at `entry` that belong to no instruction */
    bool linked;              /* handler words are addresses, no longer operation numbers */
    bool holds_references;    /* has locals or operands of reference type */
    uint32_t first_operation; /* number of the first cell's, whose handler links: see link.h */
    uint32_t origins;         /* first byte in the module's origin table, see code.h */
    uint32_t origins_size;
    uint32_t references; /* first reference map in the module's table, see code.h */
    uint32_t reference_count;
    uint32_t regions; /* first region in the module's table, see code.h */
    uint32_t region_count;
    uint32_t exception_locals; /* first run in the module's table */
    uint32_t exception_local_count;
};

/* Slots of locals that may refer to exceptions, one after another. Parameters are not among them.
 */
struct local_run {
    uint32_t first_slot;
    uint32_t count;
};

/*
 * The live references among the operands of a frame while a call is under way. Locals of reference
 * type are not in it: they are always live, since they are zeroed at entry.
 */
struct reference_map {
    uint32_t
        return_offset;   /* of the cell after the call, from the first cell behind the prologue */
    uint32_t first_slot; /* of the frame, that bit 0 stands for */
    uint32_t slot_count;
    uint32_t bits; /* first byte in the module's reference_bits */
};

#define REGION_NONE UINT32_MAX
#define CLAUSE_NONE UINT32_MAX

/*
 * The cells of the body of a try block, [start, end) from the first cell behind the prologue.
 * Regions are numbered through the module, in the order in which they begin.
 */
struct exception_region {
    uint32_t start;
    uint32_t end;
    uint32_t parent;  /* the region around it, or REGION_NONE */
    uint32_t next;    /* the region that is asked next: its parent, unless it delegates */
    uint32_t clauses; /* the first of its clauses, or CLAUSE_NONE */
};

#define CLAUSE_ANY_TAG UINT32_MAX

/* Where an exception that is thrown in a region lands. */
struct exception_clause {
    uint32_t tagidx;         /* or CLAUSE_ANY_TAG */
    uint32_t landing;        /* offset of the cell, from the first one behind the prologue */
    uint32_t next;           /* clause of the same region, or CLAUSE_NONE */
    uint16_t slot;           /* of the frame, where the payload goes */
    uint16_t reference_slot; /* where the reference goes; 0 for nowhere, a parameter is never it */
    uint32_t references;     /* map of what is live there, in landing_references, plus 1; 0: none */
    bool wants_object;       /* the reference is used: else the slot becomes null */
};

struct function_declaration {
    uint32_t type; /* canonical number */
};

struct body {
    const uint8_t *bytes; /* locals and expression, without the size */
    uint32_t size;
    uint64_t offset;
};

struct table_declaration {
    struct tabletype type;
    bool has_initial;          /* an initialiser expression is present */
    struct expression initial; /* size 0 where absent: null */
};

struct global_declaration {
    struct globaltype type;
    struct expression initial; /* size 0 for imported ones */
};

struct tag_declaration {
    uint32_t type;
};

enum segment_mode {
    SEGMENT_PASSIVE,
    SEGMENT_ACTIVE,
    SEGMENT_DECLARATIVE,
};

/* An element segment: either function indices or expressions, never both. */
struct element_segment {
    enum segment_mode mode;
    valtype type;
    uint32_t tableidx;
    uint32_t count;
    struct expression offset;       /* active ones */
    const uint32_t *funcidxs;       /* `count` of them, or NULL */
    struct expression *expressions; /* `count` of them, or NULL */
    uint64_t position;              /* offset in the module, for errors */
};

struct data_segment {
    enum segment_mode mode;
    uint32_t memidx;
    struct expression offset;
    const uint8_t *bytes;
    uint32_t size;
    uint64_t position;
};

/* What tells the lower end of the guest's own stack, which stands in memory 0: see layout.h. */
enum stack_evidence {
    STACK_EVIDENCE_NONE,  /* nothing: its overflow cannot be seen */
    STACK_EVIDENCE_LOW,   /* __stack_low */
    STACK_EVIDENCE_DATA,  /* __data_end, behind which it stands */
    STACK_EVIDENCE_FIRST, /* it stands before all data */
    STACK_EVIDENCE_GIVEN, /* the embedder */
    STACK_EVIDENCE_COUNT,
};

/* With evidence, code may write to this global only addresses from `low` to `high`. */
struct module_stack {
    enum stack_evidence evidence;
    uint32_t globalidx; /* of the stack pointer, a mutable i32 or i64 */
    uint64_t low;
    uint64_t high;
};

struct custom_section {
    struct name name;
    const uint8_t *bytes;
    uint32_t size;
    uint8_t after; /* id of the last known section before it, 0 for none */
    uint64_t offset;
};

struct module {
    struct arena arena; /* everything below but cells and tables of code */
    const uint8_t *bytes;
    size_t size;
    uint32_t features;      /* of FEATURES_PROPOSED, those that are on */
    uint32_t features_used; /* of all that are known, those of types and instructions */

    uint32_t *types; /* typeidx -> canonical number */
    uint32_t type_count;

    struct import *imports;
    uint32_t import_count;

    struct function_declaration *functions; /* imported ones first */
    uint32_t function_count;
    uint32_t imported_function_count;
    struct body *bodies; /* of funcidx imported_function_count + i */
    uint32_t body_count;
    uint8_t *declared; /* a bit for each funcidx that ref.func may name in bodies */

    struct table_declaration *tables;
    uint32_t table_count;
    uint32_t imported_table_count;
    struct memorytype *memories;
    uint32_t memory_count;
    uint32_t imported_memory_count;
    struct global_declaration *globals;
    uint32_t global_count;
    uint32_t imported_global_count;
    struct tag_declaration *tags;
    uint32_t tag_count;
    uint32_t imported_tag_count;

    struct export *exports;
    uint32_t export_count;
    bool has_start;
    uint32_t start;
    uint64_t start_offset;
    struct element_segment *elements;
    uint32_t element_count;
    struct data_segment *datas;
    uint32_t data_count;
    bool has_data_count; /* the data count section is present */
    uint32_t data_count_declared;
    struct custom_section *customs;
    uint32_t custom_count;
    struct module_stack stack; /* written by layout.c */

    /* Translated code: written by compile.c, looked into by code.h. */
    struct code *codes; /* one for each body */
    struct arena cells;
    struct arena origins;
    struct arena references; /* array of struct reference_map */
    struct arena reference_bits;
    struct arena exception_locals;   /* array of struct local_run */
    struct arena regions;            /* array of struct exception_region */
    struct arena clauses;            /* array of struct exception_clause */
    struct arena landing_references; /* array of struct reference_map, in no order */
};
