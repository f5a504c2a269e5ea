// SPDX-License-Identifier: Apache-2.0
//
// The editor's state. One line is one command; README.md has the language.
//
//   main.c       options, the terminal's interrupts
//   editor.c     reads commands, rolls back those that fail
//   commands.c   the command language
//   plugins.c    loads and calls the commands that are plugins
//   functions.c  what plugins may do to the document
//   buffer.c     the document
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "examples/editor/buffer.h"
#include "examples/editor/plugins.h"

struct editor {
    struct buffer buffer;
    struct buffer undo; // as it was before the last command that changed it
    bool can_undo;
    bool is_modified; // not written yet
    bool is_warned;   // of that, by the last command
    bool has_failed;  // a command has
    bool is_over;
    size_t current; // line; 0 in front of the first
    char *path;     // NULL: no name yet
    struct plugins plugins;
    char *lent; // what a host function returned last
    FILE *input;
    const char *input_name; // for messages; NULL: a terminal
    unsigned input_line;
};

// Opens `path` (NULL: an empty document without a name); a file that is not there yet is empty.
bool editor_open(struct editor *editor, const char *path);
void editor_finish(struct editor *editor);

// Runs the commands of editor->input until its end or `q`.
void editor_run(struct editor *editor);

// The next line of the input without its newline, for the caller to free; NULL at the end. At a
// terminal it is asked for with `prompt`.
char *editor_read_line(struct editor *editor, const char *prompt);

// Prints what went wrong, and where in the script; false.
bool editor_fail(struct editor *editor, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// Prints text of a document or a plugin: control characters cannot reach the terminal.
void editor_show(FILE *file, const char *text, size_t length);

// Runs one command. False if it failed, which was told, and has to be rolled back.
bool commands_run(struct editor *editor, const char *line);

// Offers the host functions to editor->plugins.host. Each plugin's policy says which it may import.
bool functions_offer(struct editor *editor);
