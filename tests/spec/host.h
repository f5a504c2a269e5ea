// SPDX-License-Identifier: Apache-2.0
/* The module "spectest" of the specification's scripts, but for its shared memory. */
#pragma once

#include "sandbox/wasm/engine.h"

/* Defines it in a new engine. What the engine has no support for is left out. */
bool host_define(struct engine *engine, struct error *error) MUST_CHECK;
