// SPDX-License-Identifier: Apache-2.0
//
// What is in a module, as the API shows it, from the report of its worker.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "host/error_text.h"

// NULL with an error: PNF_SYSTEM without memory, PNF_VIOLATION if it is no report. The report is
// copied. pnf_module_free ends it.
pnf_module *inspection_make(const uint8_t *report, size_t size, struct error_text *error);
