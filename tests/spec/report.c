// SPDX-License-Identifier: Apache-2.0
#include "tests/spec/report.h"

#include <stdlib.h>

enum {
    DETAILS_MAX = 10 // failures shown per script, if not verbose
};

void report_init(struct report *report, FILE *stream, bool verbose)
{
    *report = (struct report){.stream = stream, .verbose = verbose};
}

void report_begin_script(struct report *report)
{
    report->script = (struct counts){.passed = 0};
    report->details = NULL;
    // Collected, since the line with the counts comes first.
    report->details_stream = open_memstream(&report->details, &report->details_size);
}

static void add_detail(const struct report *report, unsigned line, const char *type,
                       const char *text)
{
    if (report->details_stream != NULL)
        (void)fprintf(report->details_stream, "    line %u: %s: %s\n", line, type, text);
}

static void add_failure(struct report *report, unsigned line, const char *type,
                        const struct finding *finding)
{
    report->script.failed++;
    if (report->verbose || report->script.failed <= DETAILS_MAX)
        add_detail(report, line, type, finding->reason);
}

void report_add(struct report *report, unsigned line, const char *type,
                const struct finding *finding)
{
    switch (finding->verdict) {
    case VERDICT_PASSED:
        report->script.passed++;
        break;
    case VERDICT_SKIPPED:
        report->script.skipped++;
        report->causes[finding->cause]++;
        break;
    case VERDICT_FAILED:
    case VERDICT_UNSUPPORTED: // the last three are not final
    case VERDICT_DEPENDENT:
    case VERDICT_IGNORED:
        add_failure(report, line, type, finding);
        break;
    }
    if (finding->note[0] != '\0') {
        report->note_count++;
        if (report->verbose)
            add_detail(report, line, "note", finding->note);
    }
}

static void print_script(const struct report *report, const char *name)
{
    (void)fprintf(report->stream, "%s: %lu failed, %lu passed, %lu skipped\n", name,
                  report->script.failed, report->script.passed, report->script.skipped);
    if (report->details != NULL)
        (void)fputs(report->details, report->stream);
    if (!report->verbose && report->script.failed > DETAILS_MAX)
        (void)fprintf(report->stream, "    and %lu more\n", report->script.failed - DETAILS_MAX);
    (void)fflush(report->stream);
}

void report_end_script(struct report *report, const char *name)
{
    if (report->details_stream != NULL)
        (void)fclose(report->details_stream);
    if (report->verbose || report->script.failed > 0)
        print_script(report, name);
    free(report->details);
    report->details = NULL;
    report->details_stream = NULL;
    report->total.passed += report->script.passed;
    report->total.failed += report->script.failed;
    report->total.skipped += report->script.skipped;
}

static void print_causes(const struct report *report)
{
    const char *separator = "skipped: ";

    for (unsigned i = 0; i < CAUSE_COUNT; i++) {
        if (report->causes[i] == 0)
            continue;
        (void)fprintf(report->stream, "%s%lu %s", separator, report->causes[i],
                      cause_wording((enum cause)i));
        separator = ", ";
    }
    if (report->total.skipped > 0)
        (void)fputs("\n", report->stream);
}

void report_finish(struct report *report)
{
    if (report->verbose)
        (void)fprintf(report->stream, "%lu messages differ from the expected ones\n",
                      report->note_count);
    print_causes(report);
    (void)fprintf(report->stream, "%lu passed, %lu failed, %lu skipped\n", report->total.passed,
                  report->total.failed, report->total.skipped);
    (void)fflush(report->stream);
}
