// SPDX-License-Identifier: Apache-2.0
#include "tests/spec/wanted.h"

#include <stdlib.h>

void wanted_add(struct wanted *wanted, unsigned line, const struct finding *finding)
{
    struct wanted_item *items =
        reallocarray(wanted->items, wanted->count + 1, sizeof wanted->items[0]);

    if (items == NULL) {
        perror("pinfold-spec");
        abort();
    }
    wanted->items = items;
    items[wanted->count++] = (struct wanted_item){line, finding->verdict, finding->feature};
}

static bool needs(const struct wanted_item *item, enum feature feature)
{
    return item->verdict == VERDICT_UNSUPPORTED && item->feature == feature;
}

// May a range of the feature go over this command without harm?
static bool is_neutral(const struct wanted_item *item)
{
    return item->verdict == VERDICT_DEPENDENT || item->verdict == VERDICT_IGNORED;
}

// How many commands need the feature, and whether the others are neutral.
static size_t count_needs(const struct wanted *wanted, enum feature feature, bool *is_all)
{
    size_t count = 0;

    *is_all = true;
    for (size_t i = 0; i < wanted->count; i++) {
        if (needs(&wanted->items[i], feature))
            count++;
        else if (!is_neutral(&wanted->items[i]))
            *is_all = false;
    }
    return count;
}

// The last command of the range that begins with the command at `first`.
static size_t range_end(const struct wanted *wanted, size_t first, enum feature feature)
{
    size_t last = first;

    for (size_t i = first; i < wanted->count; i++) {
        if (needs(&wanted->items[i], feature))
            last = i;
        else if (!is_neutral(&wanted->items[i]))
            break;
    }
    return last;
}

static void print_ranges(const struct wanted *wanted, enum feature feature, FILE *stream)
{
    const char *separator = "";

    for (size_t i = 0; i < wanted->count; i++) {
        size_t last;

        if (!needs(&wanted->items[i], feature))
            continue;
        last = range_end(wanted, i, feature);
        (void)fprintf(stream, "%s%u", separator, wanted->items[i].line);
        if (last > i)
            (void)fprintf(stream, "-%u", wanted->items[last].line);
        separator = ",";
        i = last;
    }
}

void wanted_print(struct wanted *wanted, const char *script, FILE *stream)
{
    for (unsigned i = 0; i < FEATURE_COUNT; i++) {
        enum feature feature = (enum feature)i;
        bool is_all;

        if (count_needs(wanted, feature, &is_all) == 0)
            continue;
        (void)fprintf(stream, "%s ", script);
        if (is_all)
            (void)fputs("all", stream);
        else
            print_ranges(wanted, feature, stream);
        (void)fprintf(stream, " %s\n", feature_name(feature));
    }
    free(wanted->items);
    *wanted = (struct wanted){.items = NULL};
}
