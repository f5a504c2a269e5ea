// SPDX-License-Identifier: Apache-2.0
#include "sandbox/base/error.h"

#include <assert.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

static const struct {
    enum error_kind kind;
    const char *wording;
} rows[ERROR_CODE_COUNT] = {
    [ERROR_NONE] = {ERROR_KIND_NONE, ""},
#define ERROR(NAME_, KIND_, wording_) [ERROR_##NAME_] = {ERROR_KIND_##KIND_, wording_},
#include "sandbox/base/error.def"
#undef ERROR
};

static const char *const kind_names[ERROR_KIND_COUNT] = {
    [ERROR_KIND_NONE] = "none",       [ERROR_KIND_MALFORMED] = "malformed",
    [ERROR_KIND_INVALID] = "invalid", [ERROR_KIND_UNLINKABLE] = "unlinkable",
    [ERROR_KIND_LIMIT] = "limit",     [ERROR_KIND_UNSUPPORTED] = "unsupported",
    [ERROR_KIND_SYSTEM] = "system",   [ERROR_KIND_USAGE] = "usage",
};

bool error_set(struct error *error, enum error_code code, uint64_t offset,
               const char *detail_format, ...)
{
    va_list arguments;
    int length;

    assert(code > ERROR_NONE && code < ERROR_CODE_COUNT);
    if (error->code != ERROR_NONE)
        return false;

    error->code = code;
    error->detail = 0;
    error->offset = offset;
    // Every wording fits, with room for ": "; a test makes sure of it.
    length = snprintf(error->message, sizeof error->message, "%s%s", error_wording(code),
                      detail_format ? ": " : "");
    if (detail_format && length > 0 && (size_t)length < sizeof error->message) {
        va_start(arguments, detail_format);
        vsnprintf(error->message + length, sizeof error->message - (size_t)length, detail_format,
                  arguments);
        va_end(arguments);
    }
    return false;
}

void error_clear(struct error *error)
{
    *error = (struct error){.code = ERROR_NONE};
}

enum error_kind error_kind(enum error_code code)
{
    return (unsigned)code < ERROR_CODE_COUNT ? rows[code].kind : ERROR_KIND_NONE;
}

const char *error_wording(enum error_code code)
{
    return (unsigned)code < ERROR_CODE_COUNT ? rows[code].wording : "";
}

const char *error_kind_name(enum error_kind kind)
{
    return (unsigned)kind < ERROR_KIND_COUNT ? kind_names[kind] : "none";
}
