// SPDX-License-Identifier: Apache-2.0
/*
 * Limits of the implementation, all of them and only here. The specification allows an engine to
 * have them (appendix "Implementation Limitations"); exceeding one is reported as a limit error,
 * never as malformed or invalid. Limits that an embedder may lower stand in struct engine_config.
 *
 * tests/lint/limits.py makes sdk/limits.md from this file: a heading is a comment by itself, and
 * the comment behind a limit says what it is of.
 */
#pragma once

#include <stdint.h>

/* Definitions in one module */
#define LIMIT_TYPES            1000000u  /* types */
#define LIMIT_FUNCTIONS        2000000u  /* functions, imported ones included */
#define LIMIT_IMPORTS          1000000u  /* imports */
#define LIMIT_EXPORTS          2000000u  /* exports */
#define LIMIT_TABLES           10000u    /* tables: each takes two of a process's 65 530 mappings */
#define LIMIT_MEMORIES         100u      /* linear memories; the policy allows one by default */
#define LIMIT_GLOBALS          1000000u  /* globals */
#define LIMIT_TAGS             1000000u  /* tags */
#define LIMIT_ELEMENT_SEGMENTS 10000000u /* element segments */
#define LIMIT_DATA_SEGMENTS    1000000u  /* data segments */
#define LIMIT_CUSTOM_SECTIONS  1000000u  /* custom sections */

/* Types */
#define LIMIT_PARAMETERS 1000u  /* parameters of a function */
#define LIMIT_RESULTS    1000u  /* results of a function */
#define LIMIT_FIELDS     10000u /* fields of a structure */
#define LIMIT_SUBTYPING  63u    /* supertypes above a type */

/* Bytes */
#define LIMIT_MODULE_BYTES (1024u * 1024 * 1024) /* of a module */
#define LIMIT_BODY_BYTES   (128u * 1024 * 1024)  /* of a function's body */

/* One function */
#define LIMIT_FRAME_SLOTS         65536u /* parameters, locals and operands together, and two more */
#define LIMIT_BLOCK_DEPTH         1000000u              /* blocks inside each other */
#define LIMIT_FUNCTION_CODE_BYTES (1024u * 1024 * 1024) /* of translated code */

/* Instructions with more than 16 operands or results, in all functions of a module together */
#define LIMIT_VALUES          4194304u /* operands and results of theirs */
#define LIMIT_VALUES_PER_BYTE 32u      /* and so many more for each byte of the module */

/* At run time */
#define LIMIT_TABLE_ELEMENTS   10000000u            /* elements of a table */
#define LIMIT_EXCEPTION_BYTES  (256u * 1024 * 1024) /* of objects of exceptions */
#define LIMIT_NESTED_RUNS      64u      /* calls from a host function back into a guest */
#define LIMIT_IMPORTABLE_NAMES 4194304u /* names that modules of one engine can import from */
