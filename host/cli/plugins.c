// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>

#include "host/cli/cli.h"

static void log_line(void *context, const char *plugin, int level, const char *text)
{
    (void)context;
    (void)level;
    fprintf(stderr, "[%s] %s\n", plugin, text);
}

pnf_host *cli_open_host(const struct cli_options *options, int *exit_status)
{
    const pnf_options host_options = {.log = log_line};
    pnf_host *host = NULL;

    if (pnf_host_open(&host_options, &host) == PNF_OK)
        return host;
    *exit_status = cli_fail(options, NULL);
    return NULL;
}

int cli_finish_output(const struct cli_options *options, pnf_plugin *plugin, FILE *file,
                      int exit_status)
{
    pnf_bytes output = pnf_output(plugin);

    if (output.length > 0)
        fwrite(output.data, 1, output.length, file);
    if (pnf_output_check(plugin) == PNF_OK)
        return exit_status;
    return exit_status == 0 ? cli_fail(options, NULL) : exit_status;
}
