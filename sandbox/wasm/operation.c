// SPDX-License-Identifier: Apache-2.0
#include "sandbox/wasm/operation.h"

#include "sandbox/wasm/operation_tables.inc"
