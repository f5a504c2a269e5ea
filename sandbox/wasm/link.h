// SPDX-License-Identifier: Apache-2.0
//
// Linking: turns a function's operation numbers into addresses of handlers, choosing fused
// sequences on the way. Done on a function's first call, so that cold functions cost nothing.
#pragma once

#include <stdbool.h>

#include "sandbox/base/error.h"
#include "sandbox/wasm/module.h"

// After compilation: makes the first cell of each function run the handler that links it.
void link_module(struct module *module);

// Links one function or constant expression of the module. False when memory for the work is
// lacking; then nothing has changed.
MUST_CHECK bool link_code(const struct module *module, struct code *code);
