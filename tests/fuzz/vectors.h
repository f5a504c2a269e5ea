// SPDX-License-Identifier: Apache-2.0
/* Which modules the reference interpreter cannot run: it knows no vectors. */
#pragma once

#include <stdbool.h>

#include "sandbox/wasm/module.h"
#include "sandbox/wasm/type.h"

/* Is there a v128, or an instruction on one, anywhere in a module that is valid? */
bool module_has_vectors(const struct module *module, const struct type_store *types);
