// SPDX-License-Identifier: Apache-2.0
//
// Bytes to struct module: sections, in the order and with the bounds that the binary format wants.
// Function bodies and constant expressions are located, not looked into (but for the opcodes that
// are needed to find a constant expression's end); nothing is validated that needs two places of
// the module to be compared. That is compile.c's business.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sandbox/base/error.h"
#include "sandbox/wasm/module.h"
#include "sandbox/wasm/type.h"

// Decodes `size` bytes, which the module borrows. `module` is zeroed first; on failure it holds
// nothing. Types are entered into `store`. `features` are the proposals that are on, of
// FEATURES_PROPOSED. Errors: malformed, limit, unsupported.
MUST_CHECK bool module_decode(struct module *module, struct type_store *store, uint32_t features,
                              const uint8_t *bytes, size_t size, struct error *error);

// Frees what the module holds, translated code included. Takes a zeroed module.
void module_finish(struct module *module);
