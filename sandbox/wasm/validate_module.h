// SPDX-License-Identifier: Apache-2.0
//
// Validation of everything outside bodies and constant expressions (specification: "Modules").
#pragma once

#include <stdbool.h>

#include "sandbox/base/error.h"
#include "sandbox/wasm/module.h"
#include "sandbox/wasm/type.h"

MUST_CHECK bool module_validate(struct module *module, const struct type_store *store,
                                struct error *error);
