// SPDX-License-Identifier: Apache-2.0
/*
 * What came of one command of a script. A finding starts as passed; the first thing that is wrong
 * decides, later ones leave it as it is. Whether something unsupported is a failure is not decided
 * here, but by the list of later.h.
 */
#pragma once

#include <stdbool.h>

#include "sandbox/wasm/engine.h"
#include "sandbox/wasm/opcode.h"

enum verdict {
    VERDICT_PASSED,
    VERDICT_FAILED,
    VERDICT_UNSUPPORTED, /* needs `feature`, which the engine refused */
    VERDICT_DEPENDENT,   /* uses a module that was skipped */
    VERDICT_IGNORED,     /* nothing that an engine without a text parser could be asked */
    VERDICT_SKIPPED,     /* the final form of the three above */
};

/* Why a command is skipped. The last two say that the engine lacks something. */
enum cause {
    CAUSE_TEXT,
    CAUSE_CUSTOM,
    CAUSE_OBSOLETE,
    CAUSE_DEPENDENT,
    CAUSE_LISTED,
    CAUSE_COUNT
};

enum {
    FINDING_TEXT_SIZE = 320
};

struct finding {
    enum verdict verdict;
    enum feature feature;
    enum cause cause;               /* of what is ignored or skipped */
    char reason[FINDING_TEXT_SIZE]; /* for people; empty when passed */
    char note[FINDING_TEXT_SIZE];   /* a message that differs from the expected one, or empty */
};

void finding_set(struct finding *finding, enum verdict verdict, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Failed, for the reason given. */
#define finding_fail(finding_, ...) finding_set(finding_, VERDICT_FAILED, __VA_ARGS__)

/* Ignored; the reason is the cause's wording. */
void finding_ignore(struct finding *finding, enum cause cause);

/* What is said of a command that is skipped, such as "in text format". */
const char *cause_wording(enum cause cause);

/* Unsupported. */
void finding_needs(struct finding *finding, enum feature feature);

/* Unsupported if the error says so, else failed: "WHAT (kind): message, offset N". */
void finding_error(struct finding *finding, const char *what, const struct error *error);

/* Records a note if neither of the two messages is the beginning of the other. */
void finding_compare_message(struct finding *finding, const char *expected, const char *actual);

/* Is one of two messages, neither of them empty, the beginning of the other? */
bool finding_messages_agree(const char *left, const char *right);
