// SPDX-License-Identifier: Apache-2.0
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/cli/cli.h"

// Options with a key of the policy are settings; the others are dealt with by letter.
struct option_row {
    const char *name;
    const char *value; // what the help calls it; NULL: takes none
    int letter;
    bool of_policy; // only where a policy applies
    const char *key;
    const char *meaning;
};

static const struct option_row rows[] = {
    {"policy", "FILE", 'p', true, NULL, "the plugin's policy; default: see above"},
    {"dir", "HOST::GUEST[:read|write]", 0, true, "wasi.dirs",
     "a directory, called GUEST by the guest; read by default"},
    {"env", "NAME=VALUE", 0, true, "wasi.env", "an environment variable; nothing is inherited"},
    {"time", "TIME", 0, true, "limits.time", "wall clock per call, as 500ms"},
    {"memory", "SIZE", 0, true, "limits.memory", "linear memories, as 64MiB"},
    {"fuel", "N", 0, true, "limits.fuel", "operations per call"},
    {"grant", "MODULE.NAME", 0, true, "host_functions", "a host function"},
    {"link", "NAME=FILE", 0, true, "link",
     "a library, from which modules import as NAME; again for more, in order"},
    {"format", "text|json", 'f', false, NULL, "form of results and errors"},
    {"help", NULL, 'h', false, NULL, "this page"},
};

enum { ROWS = sizeof rows / sizeof rows[0], FIRST = 256 };

static bool applies(const struct cli_command *command, const struct option_row *row)
{
    return command->runs_guest || !row->of_policy;
}

void cli_help(const struct cli_command *command)
{
    printf("usage: pinfold %s [options] %s\n\n%s.\n%s\noptions:\n", command->name,
           command->arguments, command->summary, command->help);
    for (size_t i = 0; i < ROWS; i++) {
        char left[64];

        if (!applies(command, &rows[i]))
            continue;
        snprintf(left, sizeof left, "--%s %s", rows[i].name, rows[i].value ? rows[i].value : "");
        printf("  %-32s %s\n", left, rows[i].meaning);
    }
}

void cli_overview(void)
{
    printf("usage: pinfold COMMAND [options] ...\n\n"
           "Runs WebAssembly modules that nobody trusts, each in a confined process, under a "
           "policy.\n\n");
    for (const struct cli_command *command = cli_commands; command->name; command++)
        printf("  %-10s %s\n", command->name, command->summary);
    printf("\npinfold COMMAND --help tells more, and pinfold --version the version.\n\n"
           "exit status: the guest's own for `run`; else 0, or\n"
           "  2 used wrongly         120 refused by the policy   121 module malformed, invalid, "
           "not linkable\n"
           "  122 limit or deadline  123 sandbox violation       124 worker crashed\n"
           "  125 Pinfold failed     134 trap\n");
}

static bool fail(const struct cli_options *options, const char *what)
{
    cli_fail_as(options, PNF_USAGE, "%s; see pinfold %s --help", what, options->command->name);
    return false;
}

static bool take(struct cli_options *options, const struct option_row *row, char *value)
{
    if (row->key) {
        options->settings[options->setting_count++] = (pnf_setting){row->key, value};
        return true;
    }
    if (row->letter == 'h')
        options->help = true;
    if (row->letter == 'p' && options->policy)
        return fail(options, "--policy is given twice");
    if (row->letter == 'p')
        options->policy = value;
    if (row->letter == 'f' && strcmp(value, "json") != 0 && strcmp(value, "text") != 0)
        return fail(options, "--format is text or json");
    if (row->letter == 'f')
        options->json = strcmp(value, "json") == 0;
    return true;
}

static bool parse(const struct cli_command *command, int argc, char **argv,
                  struct cli_options *options)
{
    struct option table[ROWS + 1] = {{NULL, 0, NULL, 0}};
    int count = 0;
    int found;

    for (int i = 0; i < ROWS; i++)
        if (applies(command, &rows[i]))
            table[count++] = (struct option){
                rows[i].name, rows[i].value ? required_argument : no_argument, NULL, FIRST + i};
    optind = 1;
    opterr = 0;
    // "+": the arguments behind the module are the guest's, whatever they look like. ":": no value.
    while ((found = getopt_long(argc, argv, command->runs_guest ? "+:h" : ":h", table, NULL)) !=
           -1) {
        char problem[128];

        if (found == 'h') {
            options->help = true;
        } else if (found < FIRST) {
            snprintf(problem, sizeof problem, "%.80s %s", argv[optind - 1],
                     found == ':' ? "needs a value" : "is no option here");
            return fail(options, problem);
        } else if (!take(options, &rows[found - FIRST], optarg)) {
            return false;
        }
    }
    return true;
}

bool cli_parse(const struct cli_command *command, int argc, char **argv,
               struct cli_options *options)
{
    char usage[160];

    *options = (struct cli_options){
        .command = command,
        .settings = calloc((size_t)argc + 1, sizeof(pnf_setting)),
    };
    if (!options->settings) {
        cli_fail_as(options, PNF_SYSTEM, "out of memory");
        return false;
    }
    if (!parse(command, argc, argv, options))
        return false;
    options->arguments = argv + optind;
    options->argument_count = (size_t)(argc - optind);
    if (options->help ||
        (options->argument_count >= command->least && options->argument_count <= command->most))
        return true;
    snprintf(usage, sizeof usage, "usage: pinfold %s [options] %s", command->name,
             command->arguments);
    return fail(options, usage);
}

void cli_options_finish(struct cli_options *options)
{
    free(options->settings);
}
