// SPDX-License-Identifier: Apache-2.0
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/cli/cli.h"

// Of a control character, how many bytes it has: C1 ones are two in UTF-8. Else 0.
static size_t control_length(const uint8_t *at, size_t left)
{
    if (at[0] < ' ' || at[0] == 0x7F)
        return 1;
    return at[0] == 0xC2 && left > 1 && at[1] >= 0x80 && at[1] < 0xA0 ? 2 : 0;
}

// With \xNN for control characters but those in `allowed`.
static void show(const uint8_t *bytes, size_t length, const char *allowed)
{
    for (size_t i = 0; i < length; i++) {
        size_t control = control_length(bytes + i, length - i);

        if (control == 0 || (bytes[i] != 0 && strchr(allowed, bytes[i])))
            putchar(bytes[i]);
        else
            printf("\\x%02X", bytes[i]);
        if (control == 2)
            printf("\\x%02X", bytes[++i]);
    }
}

void cli_show_safe(const void *bytes, size_t length)
{
    show(bytes, length, "");
}

void cli_show(const void *bytes, size_t length)
{
    if (isatty(STDOUT_FILENO))
        show(bytes, length, "\n\t");
    else if (length > 0)
        fwrite(bytes, 1, length, stdout);
}

json_t *cli_json_text(const char *text)
{
    json_t *value = json_string(text);
    size_t length = strlen(text);
    char *escaped;
    size_t at = 0;

    if (value)
        return value;
    escaped = malloc(4 * length + 1);
    if (!escaped)
        return json_null();
    for (size_t i = 0; i < length; i++)
        at += (size_t)sprintf(escaped + at, (uint8_t)text[i] < 0x80 ? "%c" : "\\x%02X",
                              (uint8_t)text[i]);
    escaped[at] = '\0';
    value = json_string(escaped);
    free(escaped);
    return value;
}

void cli_print_json(json_t *value, size_t flags)
{
    json_dumpf(value, stdout, flags);
    putchar('\n');
    json_decref(value);
}

const char *cli_size(unsigned long long bytes, char text[32])
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    size_t unit = 0;

    while (unit + 1 < sizeof units / sizeof units[0] && bytes >= 1024 && bytes % 1024 == 0) {
        bytes /= 1024;
        unit++;
    }
    snprintf(text, 32, "%llu %s", bytes, units[unit]);
    return text;
}
