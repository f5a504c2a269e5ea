// SPDX-License-Identifier: Apache-2.0
//
// Where the programs of confined processes are.
#pragma once

#include <limits.h>
#include <stdbool.h>

#include "host/error_text.h"

struct libexec {
    char launcher[PATH_MAX];
    char worker[PATH_MAX];
};

// In `folder`, unless it is NULL; else where PINFOLD_LIBEXEC says (which a setuid program does not
// listen to), else beside this library, else where they are installed, from the library or by the
// path. Error: PNF_SYSTEM.
MUST_CHECK bool libexec_find(const char *folder, struct libexec *libexec, struct error_text *error);
