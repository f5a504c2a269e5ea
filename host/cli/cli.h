// SPDX-License-Identifier: Apache-2.0
//
// What the commands of `pinfold` share: options, errors, words for the exit status. The command
// line is an application like any other: it reaches plugins through sdk/pinfold.h alone.
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "sdk/pinfold.h"

struct cli_command;

// What is left once options are taken away. Everything is borrowed from argv but `settings`.
struct cli_options {
    const struct cli_command *command;
    const char *policy;
    pnf_setting *settings;
    size_t setting_count;
    bool json;
    bool help;
    char **arguments; // closed by NULL
    size_t argument_count;
};

struct cli_command {
    const char *name;
    const char *arguments; // "MODULE [ARG...]"
    const char *summary;   // one line
    const char *help;      // the rest of its page
    size_t least;          // number of arguments
    size_t most;
    bool runs_guest; // under a policy, and what follows the module is the guest's
    int (*run)(const struct cli_options *options);
};

// Every command, closed by one without a name.
extern const struct cli_command cli_commands[];

// --- options.c -----------------------------------------------------------------------------------

// Parses what stands behind the command's name, argv[0]. Options end at "--", and of a command that
// runs a guest at the first argument. False after a message: the command line is wrong.
bool cli_parse(const struct cli_command *command, int argc, char **argv,
               struct cli_options *options);
void cli_options_finish(struct cli_options *options);

void cli_help(const struct cli_command *command);
void cli_overview(void);

// --- failure.c -----------------------------------------------------------------------------------

// Reports the thread's last error on stderr, as text or as one JSON object, and returns its exit
// status. `subject` is the file that it is about, or NULL where the error says so itself.
int cli_fail(const struct cli_options *options, const char *subject);

// The same for an error of the command line's own: `format` says what is wrong.
int cli_fail_as(const struct cli_options *options, pnf_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// The exit status that goes with a status; the table is sdk/pinfold_status.def.
int cli_exit_status(pnf_status status);

// --- plugins.c -----------------------------------------------------------------------------------

// A host whose log goes to stderr. NULL after a message.
pnf_host *cli_open_host(const struct cli_options *options, int *exit_status);

// Writes what the policy had captured to `file`, and tells if output was lost. The exit status to
// go on with: `exit_status` unless that is 0 and output was lost.
int cli_finish_output(const struct cli_options *options, pnf_plugin *plugin, FILE *file,
                      int exit_status);

// --- show.c --------------------------------------------------------------------------------------

// Text from elsewhere on stdout: as it is into files and pipes, but with \xNN for control
// characters on a terminal, which obeys them.
void cli_show(const void *bytes, size_t length);

// Always with \xNN, for newlines too.
void cli_show_safe(const void *bytes, size_t length);

// Text from anywhere as JSON: what is not UTF-8 becomes \xNN.
json_t *cli_json_text(const char *text);

// Writes a line, or several with JSON_INDENT, to stdout, and gives the value up.
void cli_print_json(json_t *value, size_t flags);

// "64 KiB", "2 MiB", "100 bytes".
const char *cli_size(unsigned long long bytes, char text[32]);

// --- the commands, a file each -------------------------------------------------------------------

int cli_run(const struct cli_options *options);
int cli_call(const struct cli_options *options);
int cli_inspect(const struct cli_options *options);
int cli_validate(const struct cli_options *options);
int cli_policy(const struct cli_options *options);
int cli_doctor(const struct cli_options *options);
