// SPDX-License-Identifier: Apache-2.0
#include "examples/editor/editor.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// --- messages ------------------------------------------------------------------------------------

void editor_show(FILE *file, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)text[i];
        unsigned char next = i + 1 < length ? (unsigned char)text[i + 1] : 0;

        if ((byte < ' ' && byte != '\t' && byte != '\n') || byte == 0x7F) {
            putc('?', file);
        } else if (byte == 0xC2 && next >= 0x80 && next < 0xA0) { // C1, which terminals obey, too
            putc('?', file);
            i++;
        } else {
            putc(byte, file);
        }
    }
}

bool editor_fail(struct editor *editor, const char *format, ...)
{
    char text[4096];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fflush(stdout);
    if (editor->input_name)
        fprintf(stderr, "%s:%u: ", editor->input_name, editor->input_line);
    else
        fputs("? ", stderr);
    editor_show(stderr, text, strlen(text));
    putc('\n', stderr);
    editor->has_failed = true;
    return false;
}

// --- one command ---------------------------------------------------------------------------------

// What a command that fails has changed is put back, whether a plugin did it or the editor.
static void execute(struct editor *editor, const char *line)
{
    struct buffer before;
    size_t current = editor->current;
    bool was_warned = editor->is_warned;

    if (!buffer_copy(&before, &editor->buffer)) {
        editor_fail(editor, "out of memory");
        return;
    }
    editor->buffer.changed = false;
    if (!commands_run(editor, line)) {
        buffer_finish(&editor->buffer);
        editor->buffer = before;
        editor->current = current;
    } else if (editor->buffer.changed) {
        buffer_finish(&editor->undo);
        editor->undo = before;
        editor->can_undo = true;
        editor->is_modified = true;
    } else {
        buffer_finish(&before);
    }
    if (editor->current > editor->buffer.count)
        editor->current = editor->buffer.count;
    if (was_warned)
        editor->is_warned = false;
}

// --- all of them ---------------------------------------------------------------------------------

bool editor_open(struct editor *editor, const char *path)
{
    const char *problem = NULL;

    if (path && access(path, F_OK) == 0)
        problem = buffer_read(&editor->buffer, path);
    if (problem)
        return editor_fail(editor, "%s: %s", path, problem);
    editor->current = editor->buffer.count;
    editor->path = path ? strdup(path) : NULL;
    return !path || editor->path || editor_fail(editor, "out of memory");
}

void editor_finish(struct editor *editor)
{
    buffer_finish(&editor->buffer);
    buffer_finish(&editor->undo);
    free(editor->path);
    free(editor->lent);
}

// A terminal's end of input is `q`, which warns once of what is not written.
static void end_input(struct editor *editor)
{
    if (editor->input_name) {
        editor->is_over = true;
        return;
    }
    clearerr(editor->input);
    putchar('\n');
    execute(editor, "q");
}

char *editor_read_line(struct editor *editor, const char *prompt)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t length;

    if (!editor->input_name) {
        fputs(prompt, stdout);
        fflush(stdout);
    }
    length = getline(&line, &room, editor->input);
    if (length < 0) {
        free(line);
        return NULL;
    }
    editor->input_line++;
    if (length > 0 && line[length - 1] == '\n')
        line[length - 1] = '\0';
    return line;
}

void editor_run(struct editor *editor)
{
    while (!editor->is_over) {
        char *line = editor_read_line(editor, "* ");

        if (line)
            execute(editor, line);
        else
            end_input(editor);
        free(line);
    }
}
