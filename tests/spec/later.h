// SPDX-License-Identifier: Apache-2.0
/*
 * The list of what the engine cannot do yet, tests/spec/later.txt: lines "SCRIPT LINES FEATURE",
 * where LINES is "all" or source lines and ranges such as "12,40-52", and FEATURE is a name of
 * opcode.def. It can only shrink: what is listed and works, or is refused for another feature, is a
 * failure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "sandbox/wasm/opcode.h"
#include "tests/spec/finding.h"
#include "tests/spec/script.h"

/* One range of one line of the list. */
struct later_range {
    char script[SCRIPT_NAME_SIZE];
    unsigned first;
    unsigned last;
    enum feature feature;
    unsigned place; /* line of the list */
    bool used;      /* it said something about a command */
};

struct later {
    struct later_range *ranges;
    size_t count;
};

/* Adds the list in `stream`; false, with a message on stderr, when it is not one. */
bool later_read(struct later *later, FILE *stream, const char *path);
void later_finish(struct later *later);

/* The range that lists a source line of a script, or NULL. */
struct later_range *later_find(const struct later *later, const char *script, unsigned line);

/*
 * Makes a finding final: passed, failed or skipped. `range` is what lists the command, or NULL.
 * What is dependent needs no entry, what is unsupported does.
 */
void later_judge(struct later_range *range, struct finding *finding);

/* As later_judge, where nothing may be listed: what is dependent fails, too. */
void later_judge_strictly(struct finding *finding);
