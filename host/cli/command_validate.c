// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>

#include "host/cli/cli.h"

static void print_valid(const struct cli_options *options, const char *path)
{
    if (options->json)
        cli_print_json(json_pack("{s:o, s:b}", "module", cli_json_text(path), "valid", 1),
                       JSON_COMPACT);
    else
        printf("%s: valid\n", path);
}

// The first failure's status is the command's.
int cli_validate(const struct cli_options *options)
{
    int first = 0;
    pnf_host *host = cli_open_host(options, &first);

    if (!host)
        return first;
    for (size_t i = 0; i < options->argument_count; i++) {
        pnf_source source = {.module_path = options->arguments[i]};
        pnf_module *module;
        int status = 0;

        if (pnf_inspect(host, &source, &module) == PNF_OK)
            print_valid(options, options->arguments[i]);
        else
            status = cli_fail(options, options->arguments[i]);
        pnf_module_free(module);
        if (first == 0)
            first = status;
    }
    pnf_host_close(host);
    return first;
}
