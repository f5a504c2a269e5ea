// SPDX-License-Identifier: Apache-2.0
//
// Greets, and tells the application's log about it.
#include <pinfold_plugin.h>

enum { LEVEL_INFORMATION = 2 };

PNF_IMPORT("app", "log") void app_log(int32_t level, const char *text, size_t length);

static size_t put(char *to, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        to[i] = text[i];
    return length;
}

// greet(name: str) -> str
PNF_EXPORT("greet") pnf_text greet(char *name, size_t length)
{
    static const char hello[] = "Hello, ";
    static const char note[] = "greeting somebody";
    char *text = pnf_alloc(sizeof hello + length);
    size_t used;

    if (!text)
        pnf_trap();
    app_log(LEVEL_INFORMATION, note, sizeof note - 1);
    used = put(text, hello, sizeof hello - 1);
    used += put(text + used, name, length);
    used += put(text + used, "!", 1);
    pnf_free(name);
    return pnf_text_of(text, used);
}
