// SPDX-License-Identifier: Apache-2.0
//
// Validation and translation of a decoded module, fused into one linear pass over each function
// (specification: appendix "Validation Algorithm"). Afterwards the module is valid and each body
// and constant expression has its code.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sandbox/base/error.h"
#include "sandbox/wasm/module.h"
#include "sandbox/wasm/type.h"

struct compile_options {
    bool checked_memory;     // emit checked accesses only
    bool metered;            // emit fuel operations
    bool relaxed_fast;       // relaxed vectors: the fast operations
    uint64_t code_bytes_max; // cells of the whole module
};

// Errors: malformed (inside bodies), invalid, limit, unsupported; with the module offset.
MUST_CHECK bool module_compile(struct module *module, const struct type_store *store,
                               const struct compile_options *options, struct error *error);
