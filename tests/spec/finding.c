// SPDX-License-Identifier: Apache-2.0
#include "tests/spec/finding.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void finding_set(struct finding *finding, enum verdict verdict, const char *format, ...)
{
    va_list arguments;

    if (finding->verdict != VERDICT_PASSED)
        return;
    finding->verdict = verdict;
    va_start(arguments, format);
    (void)vsnprintf(finding->reason, sizeof finding->reason, format, arguments);
    va_end(arguments);
}

const char *cause_wording(enum cause cause)
{
    static const char *const wordings[] = {
        [CAUSE_TEXT] = "in text format",    [CAUSE_CUSTOM] = "about custom sections",
        [CAUSE_OBSOLETE] = "obsolete",      [CAUSE_DEPENDENT] = "dependent on what was skipped",
        [CAUSE_LISTED] = "listed as later",
    };

    return wordings[cause];
}

void finding_ignore(struct finding *finding, enum cause cause)
{
    if (finding->verdict == VERDICT_PASSED)
        finding->cause = cause;
    finding_set(finding, VERDICT_IGNORED, "%s", cause_wording(cause));
}

void finding_needs(struct finding *finding, enum feature feature)
{
    if (finding->verdict == VERDICT_PASSED)
        finding->feature = feature;
    finding_set(finding, VERDICT_UNSUPPORTED, "needs %s", feature_name(feature));
}

void finding_error(struct finding *finding, const char *what, const struct error *error)
{
    enum error_kind kind = error_kind(error->code);

    if (kind == ERROR_KIND_UNSUPPORTED && error->detail < FEATURE_COUNT)
        finding_needs(finding, (enum feature)error->detail);
    else
        finding_fail(finding, "%s (%s): %s, offset %" PRIu64, what, error_kind_name(kind),
                     error->message, error->offset);
}

bool finding_messages_agree(const char *left, const char *right)
{
    size_t left_length = strlen(left);
    size_t right_length = strlen(right);
    size_t length = left_length < right_length ? left_length : right_length;

    return length > 0 && strncmp(left, right, length) == 0;
}

void finding_compare_message(struct finding *finding, const char *expected, const char *actual)
{
    if (!finding_messages_agree(expected, actual))
        (void)snprintf(finding->note, sizeof finding->note, "expected \"%s\", got \"%s\"", expected,
                       actual);
}
