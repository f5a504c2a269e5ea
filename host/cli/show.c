// SPDX-License-Identifier: Apache-2.0
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "host/cli/cli.h"

// With \xNN for control characters but those in `allowed`.
static void show(const uint8_t *at, size_t length, const char *allowed)
{
    for (size_t i = 0; i < length; i++) {
        // C1 control characters are two bytes in UTF-8, 0xC2 first.
        bool control = at[i] < ' ' || at[i] == 0x7F ||
                       (i > 0 && at[i - 1] == 0xC2 && at[i] >= 0x80 && at[i] < 0xA0);

        if (control && (at[i] == 0 || !strchr(allowed, at[i])))
            printf("\\x%02X", at[i]);
        else
            putchar(at[i]);
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
