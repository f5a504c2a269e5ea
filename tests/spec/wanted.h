// SPDX-License-Identifier: Apache-2.0
/* The lines of later.txt that a script needs now: collected command by command, then printed. */
#pragma once

#include <stddef.h>
#include <stdio.h>

#include "tests/spec/finding.h"

struct wanted {
    struct wanted_item {
        unsigned line;
        enum verdict verdict; /* as it was before the list was asked */
        enum feature feature;
    } *items; /* one per command of the script */
    size_t count;
};

void wanted_add(struct wanted *wanted, unsigned line, const struct finding *finding);

/* Prints at most one line for each feature, and forgets the commands. */
void wanted_print(struct wanted *wanted, const char *script, FILE *stream);
