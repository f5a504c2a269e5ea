// SPDX-License-Identifier: Apache-2.0
#include "host/error_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local struct error_text last;
static _Thread_local pnf_error shown;

void error_text_init(struct error_text *error)
{
    error->status = PNF_OK;
    error->text[0] = '\0';
    error->plugin[0] = '\0';
    error->export_name[0] = '\0';
    error->function[0] = '\0';
    error->capability[0] = '\0';
    error->hint[0] = '\0';
    error->offset = 0;
    error->funcidx = UINT32_MAX;
    error->exit_status = 0;
}

bool error_text_set(struct error_text *error, pnf_status status, const char *format, ...)
{
    va_list arguments;

    if (error->status != PNF_OK)
        return false;
    error->status = status;
    va_start(arguments, format);
    vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    return false;
}

pnf_status error_text_status(enum error_code code)
{
    static const pnf_status statuses[ERROR_KIND_COUNT] = {
        [ERROR_KIND_NONE] = PNF_SYSTEM,     [ERROR_KIND_MALFORMED] = PNF_INVALID,
        [ERROR_KIND_INVALID] = PNF_INVALID, [ERROR_KIND_UNLINKABLE] = PNF_UNLINKABLE,
        [ERROR_KIND_LIMIT] = PNF_LIMIT,     [ERROR_KIND_UNSUPPORTED] = PNF_INVALID,
        [ERROR_KIND_SYSTEM] = PNF_SYSTEM,   [ERROR_KIND_USAGE] = PNF_USAGE,
    };

    return statuses[error_kind(code)];
}

bool error_text_from(struct error_text *error, const struct error *below, const char *what)
{
    if (error->status == PNF_OK)
        error->offset = below->offset;
    return error_text_set(error, error_text_status(below->code), "cannot %s: %s", what,
                          below->message);
}

void error_text_name(char name[ERROR_TEXT_NAME_SIZE], const char *text, size_t length)
{
    size_t used = length < ERROR_TEXT_NAME_SIZE - 1 ? length : ERROR_TEXT_NAME_SIZE - 1;

    for (size_t i = 0; i < used; i++)
        name[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
    name[used] = '\0';
}

pnf_status error_text_keep(const struct error_text *error)
{
    last = *error;
    return error->status;
}

const pnf_error *pnf_last_error(void)
{
    shown = (pnf_error){
        .status = last.status,
        .text = last.text,
        .plugin = last.plugin,
        .export_name = last.export_name,
        .function = last.function,
        .capability = last.capability,
        .hint = last.hint,
        .offset = last.offset,
        .funcidx = last.status == PNF_OK ? UINT32_MAX : last.funcidx,
        .exit_status = last.exit_status,
    };
    return &shown;
}

const char *pnf_error_text(void)
{
    return last.text;
}

const char *pnf_status_words(pnf_status status)
{
    static const char *const words[PNF_STATUS_COUNT] = {
#define PNF_STATUS(NAME_, exit_status_, words_) [PNF_##NAME_] = (words_),
#include "sdk/pinfold_status.def"
#undef PNF_STATUS
    };

    return (unsigned)status < PNF_STATUS_COUNT ? words[status] : "";
}
