// SPDX-License-Identifier: Apache-2.0
#include "tests/spec/later.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static bool parse_feature(const char *text, enum feature *feature)
{
    for (unsigned i = FEATURE_CORE + 1; i < FEATURE_COUNT; i++) {
        if (strcmp(feature_name((enum feature)i), text) == 0) {
            *feature = (enum feature)i;
            return true;
        }
    }
    return false;
}

// A line number, 1 or more; moves the text behind it.
static bool parse_line_number(const char **text, unsigned *number)
{
    char *end;
    unsigned long value;

    if (**text < '0' || **text > '9')
        return false;
    value = strtoul(*text, &end, 10);
    *text = end;
    *number = (unsigned)value;
    return value > 0 && value < UINT_MAX;
}

// N or N-N; moves the text behind it.
static bool parse_range(const char **text, struct later_range *range)
{
    if (!parse_line_number(text, &range->first))
        return false;
    range->last = range->first;
    if (**text != '-')
        return true;
    (*text)++;
    return parse_line_number(text, &range->last) && range->last >= range->first;
}

static bool add_range(struct later *later, const struct later_range *range)
{
    struct later_range *ranges =
        reallocarray(later->ranges, later->count + 1, sizeof later->ranges[0]);

    if (ranges == NULL)
        return false;
    later->ranges = ranges;
    ranges[later->count++] = *range;
    return true;
}

static bool add_ranges(struct later *later, const char *lines, struct later_range range)
{
    if (strcmp(lines, "all") == 0) {
        range.first = 0;
        range.last = UINT_MAX;
        return add_range(later, &range);
    }
    for (;;) {
        if (!parse_range(&lines, &range) || !add_range(later, &range))
            return false;
        if (*lines == '\0')
            return true;
        if (*lines++ != ',')
            return false;
    }
}

// Blanks out the comment and the blanks at the end.
static void trim(char *line)
{
    char *end;

    line[strcspn(line, "#\n")] = '\0';
    end = line + strlen(line);
    while (end > line && (end[-1] == ' ' || end[-1] == '\t'))
        *--end = '\0';
}

// SCRIPT LINES FEATURE; the feature may be several words.
static bool parse_entry(struct later *later, char *line, unsigned place)
{
    struct later_range range = {.place = place};
    char *rest = line;
    const char *script = strsep(&rest, " ");
    const char *lines = rest == NULL ? NULL : strsep(&rest, " ");

    if (rest == NULL || strlen(script) >= sizeof range.script)
        return false;
    memcpy(range.script, script, strlen(script) + 1);
    return parse_feature(rest, &range.feature) && add_ranges(later, lines, range);
}

bool later_read(struct later *later, FILE *stream, const char *path)
{
    char *line = NULL;
    size_t capacity = 0;
    unsigned place = 0;
    bool good = true;

    while (good && getline(&line, &capacity, stream) >= 0) {
        place++;
        trim(line);
        good = *line == '\0' || parse_entry(later, line, place);
    }
    if (!good)
        (void)fprintf(stderr, "pinfold-spec: %s:%u: not \"SCRIPT LINES FEATURE\"\n", path, place);
    free(line);
    return good;
}

void later_finish(struct later *later)
{
    free(later->ranges);
    *later = (struct later){.ranges = NULL};
}

struct later_range *later_find(const struct later *later, const char *script, unsigned line)
{
    for (size_t i = 0; i < later->count; i++) {
        struct later_range *range = &later->ranges[i];

        if (line >= range->first && line <= range->last && strcmp(range->script, script) == 0)
            return range;
    }
    return NULL;
}

static void judge_listed(struct later_range *range, struct finding *finding)
{
    const char *listed = feature_name(range->feature);

    if (finding->verdict == VERDICT_DEPENDENT || finding->verdict == VERDICT_IGNORED)
        return;
    range->used = true;
    if (finding->verdict == VERDICT_PASSED) {
        finding_fail(finding, "listed as later (%s) but passes: remove it from the list", listed);
    } else if (finding->verdict == VERDICT_UNSUPPORTED && finding->feature == range->feature) {
        finding->verdict = VERDICT_SKIPPED;
        finding->cause = CAUSE_LISTED;
    } else if (finding->verdict == VERDICT_UNSUPPORTED) {
        finding->verdict = VERDICT_PASSED; // the first thing wrong would win
        finding_fail(finding, "listed as later (%s) but needs %s: correct the list", listed,
                     feature_name(finding->feature));
    }
}

void later_judge(struct later_range *range, struct finding *finding)
{
    if (range != NULL)
        judge_listed(range, finding);
    if (finding->verdict == VERDICT_DEPENDENT)
        finding->cause = CAUSE_DEPENDENT;
    if (finding->verdict == VERDICT_DEPENDENT || finding->verdict == VERDICT_IGNORED)
        finding->verdict = VERDICT_SKIPPED;
    if (finding->verdict == VERDICT_UNSUPPORTED)
        finding->verdict = VERDICT_FAILED;
}

void later_judge_strictly(struct finding *finding)
{
    if (finding->verdict == VERDICT_DEPENDENT)
        finding->verdict = VERDICT_FAILED;
    later_judge(NULL, finding);
}
