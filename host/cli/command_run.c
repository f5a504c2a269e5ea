// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "host/cli/cli.h"

// Where no policy is given.
static const char default_policy[] =
    "pinfold: 1\n"
    "limits: { output: 1GiB }\n"
    "wasi: { stdin: inherit, stdout: inherit, clock: real, random: real }\n";

// The settings of the options, then an argument each.
static pnf_setting *join_settings(const struct cli_options *options, size_t *count)
{
    size_t arguments = options->argument_count - 1;
    pnf_setting *settings = calloc(options->setting_count + arguments + 1, sizeof *settings);

    if (!settings)
        return NULL;
    *count = options->setting_count + arguments;
    memcpy(settings, options->settings, options->setting_count * sizeof *settings);
    for (size_t i = 0; i < arguments; i++)
        settings[options->setting_count + i] =
            (pnf_setting){"wasi.args", options->arguments[i + 1]};
    return settings;
}

static bool has_start(pnf_plugin *plugin)
{
    const pnf_module *module = pnf_plugin_module(plugin);
    const pnf_item *item;

    for (size_t i = 0; (item = pnf_module_item(module, i)) != NULL; i++)
        if (item->part == PNF_PART_EXPORT && item->name.length == strlen("_start") &&
            memcmp(item->name.data, "_start", strlen("_start")) == 0)
            return true;
    return false;
}

// Of a guest that ended by proc_exit, its own status, as a process would have it.
static int finish(const struct cli_options *options)
{
    const pnf_error *error = pnf_last_error();

    return error->status == PNF_EXITED ? (int)(error->exit_status & 0xFF) : cli_fail(options, NULL);
}

static int run(pnf_host *host, const struct cli_options *options, const pnf_source *source)
{
    pnf_plugin *plugin;
    int status;

    if (pnf_load_from(host, source, &plugin) != PNF_OK)
        return finish(options);
    if (!has_start(plugin))
        return cli_fail_as(options, PNF_USAGE,
                           "%s exports no _start: it is no command; pinfold call calls its "
                           "exports, which pinfold inspect lists",
                           options->arguments[0]);
    status = pnf_call(plugin, "_start()") == PNF_OK ? 0 : finish(options);
    return cli_finish_output(options, plugin, stdout, status);
}

int cli_run(const struct cli_options *options)
{
    pnf_source source = {
        .module_path = options->arguments[0],
        .policy_path = options->policy,
        .policy_text = options->policy ? NULL : default_policy,
        .policy_size = options->policy ? 0 : sizeof default_policy - 1,
        .no_deadline = true,
    };
    pnf_setting *settings = join_settings(options, &source.setting_count);
    pnf_host *host;
    int status;

    if (!settings)
        return cli_fail_as(options, PNF_SYSTEM, "out of memory");
    source.settings = settings;
    host = cli_open_host(options, &status);
    if (host) {
        status = run(host, options, &source);
        pnf_host_close(host);
    }
    free(settings);
    return status;
}
