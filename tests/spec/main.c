// SPDX-License-Identifier: Apache-2.0
// Runs converted specification scripts through the engine:
//     pinfold-spec [--checked] [--metered] [--relaxed] [--feature NAME]… [--strict] [--later FILE]
//                  [--verbose] [--print-later] PATH…
// Prints a line for each script that falls short, one with the causes of what was skipped, and last
// "N passed, N failed, N skipped", which add up to all commands. Exit status 1 when something
// failed, 2 for a wrong command line.
#include <getopt.h>
#include <stdio.h>

#include "tests/spec/progress.h"
#include "tests/spec/runner.h"

static const char usage[] =
    "usage: pinfold-spec [OPTION]... PATH...\n"
    "PATH is a script (NAME.json, with its blob beside it) or a folder with scripts in it or "
    "below.\n"
    "  --checked      explicit bounds checks instead of guard pages\n"
    "  --metered      count fuel\n"
    "  --relaxed      relaxed vectors: what is fastest, not what is deterministic\n"
    "  --feature NAME switch a proposal on, by its folder's name, such as wide-arithmetic\n"
    "  --strict       skip nothing for what the engine lacks: there is no list\n"
    "  --later FILE   the list of what may be skipped, instead of tests/spec/later.txt\n"
    "  --print-later  print the lines which that list needs now, the rest on stderr\n"
    "  --verbose      all scripts, all failures, and messages with unexpected wording\n";

struct options {
    struct engine_config config;
    const char *later;
    bool print_later;
    bool strict;
    bool verbose;
};

// Proposals are called as their folders are: feature_name with dashes. False if there is none.
static bool switch_on(struct engine_config *config, const char *name)
{
    for (unsigned i = 0; i < FEATURE_COUNT; i++) {
        const char *words = feature_name((enum feature)i);
        size_t at = 0;

        while (name[at] != '\0' && (words[at] == ' ' ? '-' : words[at]) == name[at])
            at++;
        if (name[at] == '\0' && words[at] == '\0' && (FEATURES_PROPOSED & FEATURE_BIT(i))) {
            config->features |= FEATURE_BIT(i);
            return true;
        }
    }
    return false;
}

// The index of the first PATH, or 0 when the command line is wrong.
static int parse_options(int argc, char **argv, struct options *options)
{
    static const struct option names[] = {
        {"checked", no_argument, NULL, 'c'},
        {"metered", no_argument, NULL, 'm'},
        {"relaxed", no_argument, NULL, 'r'},
        {"strict", no_argument, NULL, 's'},
        {"later", required_argument, NULL, 'l'},
        {"print-later", no_argument, NULL, 'p'},
        {"verbose", no_argument, NULL, 'v'},
        {"feature", required_argument, NULL, 'f'},
        {NULL, 0, NULL, 0},
    };
    int option;

    *options = (struct options){.later = PINFOLD_SOURCE_ROOT "/tests/spec/later.txt"};
    // NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread
    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
        switch (option) {
        case 'c':
            options->config.checked_memory = true;
            break;
        case 'm':
            options->config.metered = true;
            break;
        case 'r':
            options->config.relaxed_fast = true;
            break;
        case 'f':
            if (!switch_on(&options->config, optarg))
                return 0;
            break;
        case 'l':
            options->later = optarg;
            break;
        case 'p':
            options->print_later = true;
            break;
        case 's':
            options->strict = true;
            break;
        case 'v':
            options->verbose = true;
            break;
        default:
            return 0;
        }
    }
    return optind < argc ? optind : 0;
}

static bool read_list(struct later *later, const char *path)
{
    FILE *stream = fopen(path, "r");
    bool good;

    if (stream == NULL) {
        perror(path);
        return false;
    }
    good = later_read(later, stream, path);
    (void)fclose(stream);
    return good;
}

int main(int argc, char **argv)
{
    struct options options;
    struct runner runner = {.broken = false};
    int first = parse_options(argc, argv, &options);

    if (first == 0) {
        (void)fputs(usage, stderr);
        return 2;
    }
    progress_install();
    runner.config = options.config;
    runner.wanted = options.print_later ? stdout : NULL;
    report_init(&runner.report, options.print_later ? stderr : stdout, options.verbose);
    runner.strict = options.strict;
    if (!options.strict && !options.print_later && !read_list(&runner.later, options.later))
        return 2;
    for (int i = first; i < argc; i++)
        runner_run(&runner, argv[i]);
    report_finish(&runner.report);
    later_finish(&runner.later);
    return runner.broken || runner.report.total.failed > 0;
}
