// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>

#include "examples/editor/editor.h"

// A plugin may ask for anything: what is not there makes its call fail, and it is rolled back.

static uint32_t line_count(pnf_context *context)
{
    const struct editor *editor = pnf_context_user(context);

    return (uint32_t)editor->buffer.count; // at most BUFFER_LINES_MAX
}

// The text stays until the next one is asked for: Pinfold copies it when this returns.
static pnf_bytes lines(pnf_context *context, uint32_t first, uint32_t count)
{
    struct editor *editor = pnf_context_user(context);
    const struct buffer *buffer = &editor->buffer;
    pnf_bytes text = {.length = 0};

    if (first == 0 || first > buffer->count || count > buffer->count + 1 - first) {
        pnf_context_fail(context, "there are no such lines");
        return text;
    }
    free(editor->lent);
    editor->lent = buffer_text(buffer, first, count, &text.length);
    text.data = (const uint8_t *)editor->lent;
    if (!editor->lent) {
        text.length = 0;
        pnf_context_fail(context, "the editor is out of memory");
    }
    return text;
}

static void replace(pnf_context *context, uint32_t first, uint32_t count, const uint8_t *text,
                    size_t length)
{
    struct editor *editor = pnf_context_user(context);
    const char *problem = buffer_replace(&editor->buffer, first, count, (const char *)text, length);

    if (problem)
        pnf_context_fail(context, problem);
}

static void print(pnf_context *context, const uint8_t *text, size_t length)
{
    (void)context;
    editor_show(stdout, (const char *)text, length);
    putchar('\n');
    fflush(stdout);
}

bool functions_offer(struct editor *editor)
{
    static const struct {
        const char *signature;
        pnf_native function;
    } functions[] = {
        {"buffer.line_count(@ctx) -> u32", PNF_NATIVE(line_count)},
        {"buffer.lines(@ctx, first: u32, count: u32) -> bytes", PNF_NATIVE(lines)},
        {"buffer.replace(@ctx, first: u32, count: u32, text: bytes)", PNF_NATIVE(replace)},
        {"editor.print(@ctx, text: bytes)", PNF_NATIVE(print)},
    };

    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        if (pnf_host_function(editor->plugins.host, functions[i].signature, functions[i].function,
                              editor) != PNF_OK)
            return false;
    }
    return true;
}
