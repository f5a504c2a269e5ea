// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "host/cli/cli.h"

int cli_exit_status(pnf_status status)
{
    static const int statuses[PNF_STATUS_COUNT] = {
#define PNF_STATUS(NAME_, exit_status_, words_) [PNF_##NAME_] = (exit_status_),
#include "sdk/pinfold_status.def"
#undef PNF_STATUS
    };

    return (unsigned)status < PNF_STATUS_COUNT ? statuses[status] : 125;
}

static const char *status_name(pnf_status status)
{
    static const char *const names[PNF_STATUS_COUNT] = {
#define PNF_STATUS(NAME_, exit_status_, words_) [PNF_##NAME_] = #NAME_,
#include "sdk/pinfold_status.def"
#undef PNF_STATUS
    };

    return (unsigned)status < PNF_STATUS_COUNT ? names[status] : "?";
}

static void set_text(json_t *object, const char *key, const char *text)
{
    if (text[0] != '\0')
        json_object_set_new(object, key, cli_json_text(text));
}

static void fail_json(const pnf_error *error, const char *subject)
{
    json_t *object = json_object();

    set_text(object, "status", status_name(error->status));
    json_object_set_new(object, "exit", json_integer(cli_exit_status(error->status)));
    set_text(object, "text", error->text);
    set_text(object, "file", subject ? subject : "");
    set_text(object, "plugin", error->plugin);
    set_text(object, "export", error->export_name);
    set_text(object, "function", error->function);
    set_text(object, "capability", error->capability);
    set_text(object, "hint", error->hint);
    if (error->status == PNF_INVALID || error->status == PNF_UNLINKABLE ||
        error->funcidx != UINT32_MAX)
        json_object_set_new(object, "offset", json_integer((json_int_t)error->offset));
    if (error->funcidx != UINT32_MAX)
        json_object_set_new(object, "funcidx", json_integer(error->funcidx));
    if (error->status == PNF_EXITED)
        json_object_set_new(object, "exit_status", json_integer(error->exit_status));
    json_dumpf(object, stderr, JSON_COMPACT | JSON_PRESERVE_ORDER);
    fputc('\n', stderr);
    json_decref(object);
}

static int report(const struct cli_options *options, const pnf_error *error, const char *subject)
{
    fflush(stdout);
    if (options->json)
        fail_json(error, subject);
    else
        fprintf(stderr, "pinfold: %s%s%s\n", subject ? subject : "", subject ? ": " : "",
                error->text);
    return cli_exit_status(error->status);
}

int cli_fail(const struct cli_options *options, const char *subject)
{
    return report(options, pnf_last_error(), subject);
}

int cli_fail_as(const struct cli_options *options, pnf_status status, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    const pnf_error error = {
        .status = status,
        .text = text,
        .plugin = "",
        .export_name = "",
        .function = "",
        .capability = "",
        .hint = "",
        .funcidx = UINT32_MAX,
    };

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return report(options, &error, NULL);
}
