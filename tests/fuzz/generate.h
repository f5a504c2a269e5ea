// SPDX-License-Identifier: Apache-2.0
/*
 * Makes valid modules out of any bytes: each byte is a choice, and when there are no more, the
 * simplest is chosen. Three modules of four may have what came after WebAssembly 2.0 without
 * vectors, but for garbage-collected types and relaxed vectors. Memory accesses mostly hit, loops
 * mostly end and divisions mostly work, so that much is executed; locals and globals are written to
 * memory at the end of functions, so that much is seen.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "tests/fuzz/differential.h"

#define GENERATED_BYTES_MAX   (64u * 1024)
#define GENERATED_MODULES_MAX 2u

struct generated {
    uint8_t bytes[GENERATED_MODULES_MAX][GENERATED_BYTES_MAX];
    struct differential_module modules[GENERATED_MODULES_MAX];
    uint32_t count;
    struct differential_options options;
};

/* Modules, and how to run them. */
void generate(const uint8_t *input, size_t size, struct generated *generated);
