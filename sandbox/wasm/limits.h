// SPDX-License-Identifier: Apache-2.0
/*
 * Limits of the implementation, all of them and only here. The specification allows an engine to
 * have them (appendix "Implementation Limitations"); exceeding one is reported as a limit error,
 * never as malformed or invalid. Limits that an embedder may lower stand in struct engine_config.
 */
#pragma once

#include <stdint.h>

/* Counts of definitions in one module. */
#define LIMIT_TYPES            1000000u
#define LIMIT_FUNCTIONS        2000000u /* imported ones included */
#define LIMIT_IMPORTS          1000000u
#define LIMIT_EXPORTS          2000000u
#define LIMIT_TABLES           10000u /* each takes two of a process's 65 530 mappings */
#define LIMIT_MEMORIES         100u
#define LIMIT_GLOBALS          1000000u
#define LIMIT_TAGS             1000000u
#define LIMIT_ELEMENT_SEGMENTS 10000000u
#define LIMIT_DATA_SEGMENTS    1000000u
#define LIMIT_CUSTOM_SECTIONS  1000000u

/* Shapes of types. */
#define LIMIT_PARAMETERS 1000u
#define LIMIT_RESULTS    1000u

/* Bytes. */
#define LIMIT_MODULE_BYTES (1024u * 1024 * 1024)
#define LIMIT_BODY_BYTES   (128u * 1024 * 1024)

/* One function. */
#define LIMIT_FRAME_SLOTS                                                                          \
    65536u /* parameters, locals, header and operands; slots are 16-bit fields */
#define LIMIT_BLOCK_DEPTH         1000000u
#define LIMIT_FUNCTION_CODE_BYTES (1024u * 1024 * 1024) /* of cells; displacements are 32 bits */

/* Tables; memories are limited by pages of their address type and by engine_config. */
#define LIMIT_TABLE_ELEMENTS 10000000u

/* Calls from a host function back into a guest, each of which takes native stack. */
#define LIMIT_NESTED_RUNS 64u
