// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>

#include "host/cli/cli.h"

static void print_valid(const struct cli_options *options, const char *path)
{
    json_t *object;

    if (!options->json) {
        printf("%s: valid\n", path);
        return;
    }
    object = json_pack("{s:s, s:b}", "module", path, "valid", 1);
    cli_print_json(object, JSON_COMPACT);
}

// The first failure's status is the command's.
int cli_validate(const struct cli_options *options)
{
    pnf_host *host;
    int first = 0;

    if (pnf_host_open(NULL, &host) != PNF_OK)
        return cli_fail(options);
    for (size_t i = 0; i < options->argument_count; i++) {
        pnf_source source = {.module_path = options->arguments[i]};
        pnf_module *module;
        int status = 0;

        if (pnf_inspect(host, &source, &module) == PNF_OK)
            print_valid(options, options->arguments[i]);
        else
            status = cli_fail(options);
        pnf_module_free(module);
        if (first == 0)
            first = status;
    }
    pnf_host_close(host);
    return first;
}
