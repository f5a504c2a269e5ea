// SPDX-License-Identifier: Apache-2.0
/* Which modules the reference interpreter can judge: all but garbage-collected types,
 * relaxed vectors and proposals. */
#pragma once

#include <stdbool.h>

#include "sandbox/wasm/module.h"
#include "sandbox/wasm/type.h"

/* The module is valid; `store` has its types. */
bool known_to_reference(const struct module *module, const struct type_store *store);
