// SPDX-License-Identifier: Apache-2.0
/* Counting, and printing what falls short: one line per script, with its first failures below. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "tests/spec/finding.h"

struct counts {
    unsigned long passed;
    unsigned long failed;
    unsigned long skipped;
};

struct report {
    FILE *stream;
    bool verbose; /* all failures, notes, and scripts without failures too */
    struct counts total;
    unsigned long causes[CAUSE_COUNT]; /* of what was skipped */
    unsigned long note_count;
    struct counts script; /* of the script under way, as are the next two */
    char *details;
    size_t details_size;
    FILE *details_stream;
};

void report_init(struct report *report, FILE *stream, bool verbose);

void report_begin_script(struct report *report);
/* A final finding about the command at `line`, whose type is `type`. */
void report_add(struct report *report, unsigned line, const char *type,
                const struct finding *finding);
void report_end_script(struct report *report, const char *name);

/*
 * Prints the closing line, "N passed, N failed, N skipped", after one that tells the skipped by
 * cause, if there are any, and one about notes if verbose.
 */
void report_finish(struct report *report);
