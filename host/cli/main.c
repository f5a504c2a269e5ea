// SPDX-License-Identifier: Apache-2.0
//
// pinfold: finds the command.
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "host/cli/cli.h"

const struct cli_command cli_commands[] = {
    {"run", "MODULE [ARG...]", "Runs a WASI command",
     "The module's _start is called, with ARG... as its arguments. Without --policy it may use\n"
     "standard input and output, its arguments, the clock and random numbers, and nothing else, "
     "and\n"
     "there is no deadline; with one, what that says, and what options add.\n\n"
     "  pinfold run hello.wasm Ada\n"
     "  pinfold run --dir .::. --dir out::/out:write convert.wasm picture.png\n"
     "  pinfold run --time 2s --memory 64MiB tool.wasm --verbose input\n",
     1, SIZE_MAX, true, cli_run},
    {"call", "MODULE EXPORT [ARG...]", "Calls an export and prints its results, one a line",
     "EXPORT is a name, if its parameters and result are numbers, or a whole signature.\n"
     "Without --policy nothing is granted, and a call has 10 s.\n\n"
     "  pinfold call math.wasm add 2 3\n"
     "  pinfold call --policy greet.yaml greet.wasm 'greet(name: str) -> str' Ada\n",
     2, SIZE_MAX, true, cli_call},
    {"inspect", "MODULE", "Shows what is in a module",
     "A confined worker decodes and validates the module; nothing of it runs. Shown are sections,\n"
     "imports, exports with their types, features that it needs, the layout of its memory, and\n"
     "the policy lines that would grant its imports.\n",
     1, 1, false, cli_inspect},
    {"validate", "MODULE...", "Tells whether modules are valid",
     "One line each, with the place of what is wrong. Nothing of them runs.\n", 1, SIZE_MAX, false,
     cli_validate},
    {"policy", "check|explain FILE...", "Checks policies, or shows what they come to",
     "check: a line each, with the place of what is wrong. explain: every key with its value, and\n"
     "the line that says so.\n",
     2, SIZE_MAX, false, cli_policy},
    {"doctor", "", "Tells what this machine has for confining plugins",
     "Each line is a means, whether it is there, and what it is for. At the end a worker is\n"
     "started and timed. Exit status 125 if plugins cannot be run here.\n",
     0, 0, false, cli_doctor},
    {NULL, NULL, NULL, NULL, 0, 0, false, NULL},
};

static const struct cli_command *find(const char *name)
{
    const struct cli_command *command = cli_commands;

    while (command->name && strcmp(command->name, name) != 0)
        command++;
    return command->name ? command : NULL;
}

static int dispatch(const struct cli_command *command, int argc, char **argv)
{
    struct cli_options options;
    int status = cli_exit_status(PNF_USAGE);

    if (cli_parse(command, argc, argv, &options)) {
        if (options.help) {
            cli_help(command);
            status = 0;
        } else {
            status = command->run(&options);
        }
    }
    cli_options_finish(&options);
    if (fflush(stdout) != 0 && status == 0) {
        fprintf(stderr, "pinfold: cannot write the results\n");
        status = cli_exit_status(PNF_SYSTEM);
    }
    return status;
}

// What is closed would be the number of the next thing that is opened: a guest's standard input
// could be a socket of ours. It stays what can neither be read nor written.
static bool fill_standard_descriptors(void)
{
    for (int i = STDIN_FILENO; i <= STDERR_FILENO; i++)
        if (fcntl(i, F_GETFD) < 0 &&
            open("/dev/null", i == STDIN_FILENO ? O_WRONLY : O_RDONLY) != i)
            return false;
    return true;
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    const struct cli_command *command = find(name);

    if (!fill_standard_descriptors())
        return cli_exit_status(PNF_SYSTEM);
    if (command)
        return dispatch(command, argc - 1, argv + 1);
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        command = argc > 2 ? find(argv[2]) : NULL;
        if (command)
            cli_help(command);
        else
            cli_overview();
        return 0;
    }
    if (strcmp(name, "--version") == 0) {
        printf("pinfold %s\n", PINFOLD_VERSION);
        return 0;
    }
    if (argc > 1)
        fprintf(stderr, "pinfold: there is no command '%.40s'\n", name);
    fprintf(stderr, "usage: pinfold run|call|inspect|validate|policy|doctor ...; see pinfold "
                    "--help\n");
    return cli_exit_status(PNF_USAGE);
}
