// SPDX-License-Identifier: Apache-2.0
#include "host/policy_error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool policy_error_set(struct policy_error *error, uint32_t line, uint32_t column,
                      const char *format, ...)
{
    va_list arguments;

    if (error->message[0] != '\0')
        return false;
    error->line = line;
    error->column = column;
    va_start(arguments, format);
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    return false;
}

void policy_error_clear(struct policy_error *error)
{
    memset(error, 0, sizeof *error);
}

static bool is_printable(char c)
{
    return c >= 0x20 && c < 0x7f;
}

const char *policy_quote(char *quote, const char *text, size_t length)
{
    static const char digits[] = "0123456789abcdef";
    size_t room = POLICY_QUOTE_SIZE - sizeof "...'";
    size_t used = 0;
    size_t at = 0;

    quote[used++] = '\'';
    for (; at < length && used + 4 <= room; at++) {
        if (is_printable(text[at])) {
            quote[used++] = text[at];
            continue;
        }
        quote[used++] = '\\';
        quote[used++] = 'x';
        quote[used++] = digits[(unsigned char)text[at] >> 4];
        quote[used++] = digits[(unsigned char)text[at] & 15];
    }
    strcpy(quote + used, at < length ? "...'" : "'");
    return quote;
}

void policy_show(char *shown, size_t size, const char *text)
{
    size_t at = 0;

    for (; text[at] != '\0' && at + 1 < size; at++)
        shown[at] = is_printable(text[at]) ? text[at] : '?';
    shown[at] = '\0';
}
