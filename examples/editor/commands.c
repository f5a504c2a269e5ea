// SPDX-License-Identifier: Apache-2.0
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "examples/editor/editor.h"

enum { PROBLEM_SIZE = 2048, WORD_SIZE = 64 };

struct command {
    size_t first; // lines; where there is no address, both as the command would have it
    size_t last;
    bool has_address;
    char name[WORD_SIZE];
    const char *arguments; // "" if there are none
};

static bool fail_no_lines(struct editor *editor)
{
    return editor_fail(editor, "no such lines: there are %zu", editor->buffer.count);
}

// --- reading a command ---------------------------------------------------------------------------

static const char *skip_blanks(const char *text)
{
    while (*text == ' ' || *text == '\t')
        text++;
    return text;
}

// A line: a number, `.` or `$`. NULL if there is none.
static const char *parse_line(const struct editor *editor, const char *text, size_t *line)
{
    char *end;

    if (*text == '.' || *text == '$') {
        *line = *text == '.' ? editor->current : editor->buffer.count;
        return text + 1;
    }
    if (!isdigit((unsigned char)*text))
        return NULL;
    *line = strtoul(text, &end, 10); // what is no number that there is, is no line
    return end;
}

// LINE, LINE,LINE, or `,` for all lines.
static const char *parse_address(const struct editor *editor, const char *text,
                                 struct command *command)
{
    const char *after = parse_line(editor, text, &command->first);

    command->has_address = after || *text == ',';
    if (!command->has_address)
        return text;
    if (!after)
        command->first = editor->buffer.count > 0;
    command->last = after ? command->first : editor->buffer.count;
    after = skip_blanks(after ? after : text);
    if (*after != ',')
        return after;
    after = skip_blanks(after + 1);
    command->last = editor->buffer.count;
    text = parse_line(editor, after, &command->last);
    return text ? text : after;
}

static bool parse(struct editor *editor, const char *text, struct command *command)
{
    size_t length = 0;

    *command = (struct command){.first = editor->current, .last = editor->current};
    text = skip_blanks(parse_address(editor, skip_blanks(text), command));
    while (isalnum((unsigned char)text[length]) || text[length] == '_' || text[length] == '-')
        length++;
    if (length >= WORD_SIZE || (length == 0 && *text))
        return editor_fail(editor, "no command: %s (h lists the commands)", text);
    memcpy(command->name, text, length);
    command->arguments = skip_blanks(text + length);
    return true;
}

// --- text ----------------------------------------------------------------------------------------

// Reads lines up to a single dot, for the caller to free.
static char *read_text(struct editor *editor, size_t *length)
{
    char *text = NULL;
    char *line;
    FILE *stream = open_memstream(&text, length);

    if (!stream)
        return NULL;
    while ((line = editor_read_line(editor, "")) && strcmp(line, ".") != 0) {
        fprintf(stream, "%s\n", line);
        free(line);
    }
    free(line);
    if (fclose(stream) == 0)
        return text;
    free(text);
    return NULL;
}

static bool change(struct editor *editor, size_t first, size_t count, const char *text,
                   size_t length)
{
    size_t others = editor->buffer.count - count;
    const char *problem = buffer_replace(&editor->buffer, first, count, text, length);

    if (problem)
        return editor_fail(editor, "%s", problem);
    editor->current = first - 1 + (editor->buffer.count - others);
    if (editor->current == 0 && editor->buffer.count > 0)
        editor->current = 1;
    return true;
}

// Puts lines of the input in the place of others.
static bool enter(struct editor *editor, size_t first, size_t count)
{
    size_t length = 0;
    char *text = read_text(editor, &length);
    bool done =
        text ? change(editor, first, count, text, length) : editor_fail(editor, "out of memory");

    free(text);
    return done;
}

static bool run_append(struct editor *editor, const struct command *command)
{
    return enter(editor, command->last + 1, 0);
}

static bool run_insert(struct editor *editor, const struct command *command)
{
    return enter(editor, command->first > 0 ? command->first : 1, 0);
}

static bool run_change(struct editor *editor, const struct command *command)
{
    return enter(editor, command->first, command->last - command->first + 1);
}

static bool run_delete(struct editor *editor, const struct command *command)
{
    return change(editor, command->first, command->last - command->first + 1, "", 0);
}

static bool run_undo(struct editor *editor, const struct command *command)
{
    struct buffer now = {.count = 0};

    (void)command;
    if (!editor->can_undo)
        return editor_fail(editor, "nothing to undo");
    if (!buffer_copy(&now, &editor->undo))
        return editor_fail(editor, "out of memory");
    buffer_finish(&editor->buffer);
    editor->buffer = now;
    editor->buffer.changed = true; // so that undoing can be undone
    return true;
}

// --- printing ------------------------------------------------------------------------------------

static bool run_print(struct editor *editor, const struct command *command)
{
    for (size_t i = command->first; i <= command->last; i++) {
        const struct line *line = editor->buffer.lines[i - 1];

        if (command->name[0] == 'n')
            printf("%zu\t", i);
        editor_show(stdout, line->text, line->length);
        putchar('\n');
    }
    editor->current = command->last;
    return true;
}

// --- files ---------------------------------------------------------------------------------------

static bool run_write(struct editor *editor, const struct command *command)
{
    const char *path = *command->arguments ? command->arguments : editor->path;
    const char *problem;
    char *copy;

    if (!path)
        return editor_fail(editor, "the document has no name yet: w FILE");
    problem = buffer_write(&editor->buffer, path);
    if (problem)
        return editor_fail(editor, "%s: %s", path, problem);
    printf("%zu bytes written\n", editor->buffer.bytes);
    editor->is_modified = false;
    if (!editor->path && (copy = strdup(path)))
        editor->path = copy;
    return true;
}

// Whether nothing is lost, or the same was asked for twice.
static bool may_leave(struct editor *editor)
{
    if (!editor->is_modified || editor->is_warned || editor->input_name)
        return true;
    editor->is_warned = true;
    return editor_fail(editor, "the document is not written: w writes it, the same again does not");
}

static bool run_edit(struct editor *editor, const struct command *command)
{
    struct editor opened = {.input_name = editor->input_name, .input_line = editor->input_line};

    if (!*command->arguments)
        return editor_fail(editor, "e FILE");
    if (!may_leave(editor))
        return false;
    if (!editor_open(&opened, command->arguments)) {
        editor->has_failed = true;
        return false;
    }
    buffer_finish(&editor->buffer);
    free(editor->path);
    editor->buffer = opened.buffer;
    editor->path = opened.path;
    editor->current = opened.current;
    editor->can_undo = false;
    editor->is_modified = false;
    return true;
}

static bool run_quit(struct editor *editor, const struct command *command)
{
    (void)command;
    editor->is_over = may_leave(editor);
    return editor->is_over;
}

// --- all commands --------------------------------------------------------------------------------

static bool run_help(struct editor *editor, const struct command *command);

static const struct {
    const char *name;
    bool reads_text; // lines of the input behind the command
    size_t first;    // the lowest line that it takes
    bool (*run)(struct editor *editor, const struct command *command);
    const char *help;
} table[] = {
    {"a", true, 0, run_append, "a         add lines behind this one, up to a line of a single dot"},
    {"i", true, 0, run_insert, "i         the same in front of it"},
    {"c", true, 1, run_change, "c         the same in the place of these lines"},
    {"d", false, 1, run_delete, "d         delete lines"},
    {"p", false, 1, run_print, "p         print lines"},
    {"n", false, 1, run_print, "n         print lines with their numbers"},
    {"u", false, 0, run_undo, "u         undo the last change; once more: redo it"},
    {"e", false, 0, run_edit, "e FILE    edit another file"},
    {"w", false, 0, run_write, "w [FILE]  write the document"},
    {"h", false, 0, run_help, "h         this"},
    {"q", false, 0, run_quit, "q         quit"},
};

static bool has_lines(const struct editor *editor, const struct command *command, size_t first)
{
    return first <= command->first && command->first <= command->last &&
           command->last <= editor->buffer.count;
}

static bool run_help(struct editor *editor, const struct command *command)
{
    (void)command;
    puts("[LINE[,LINE]]COMMAND, where LINE is a number, . (this one) or $ (the last); , is all");
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        printf("  %s\n", table[i].help);
    puts("plugins, for all lines unless it is said which:");
    plugins_list(&editor->plugins);
    return true;
}

static bool run_plugin(struct editor *editor, const struct command *command)
{
    char problem[PROBLEM_SIZE];
    size_t first = command->has_address ? command->first : 1;
    size_t last = command->has_address ? command->last : editor->buffer.count;
    struct plugins_call call = {.name = command->name,
                                .first = (uint32_t)first,
                                .last = (uint32_t)last,
                                .arguments = command->arguments};

    if (!plugins_has(&editor->plugins, command->name))
        return editor_fail(editor, "no command: %s (h lists the commands)", command->name);
    if (command->has_address && !has_lines(editor, command, 1))
        return fail_no_lines(editor);
    fflush(stdout);
    return plugins_run(&editor->plugins, &call, problem, sizeof problem) ||
           editor_fail(editor, "%s (the document is as it was)", problem);
}

bool commands_run(struct editor *editor, const char *line)
{
    struct command command;
    size_t ignored;

    line = skip_blanks(line);
    if (*line == '\0' || *line == '#')
        return true;
    if (!parse(editor, line, &command))
        return false;
    if (!*command.name)
        memcpy(command.name, "p", 2); // an address alone
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (strcmp(command.name, table[i].name) != 0)
            continue;
        if (has_lines(editor, &command, table[i].first))
            return table[i].run(editor, &command);
        fail_no_lines(editor);
        if (table[i].reads_text) // or they would be commands
            free(read_text(editor, &ignored));
        return false;
    }
    return run_plugin(editor, &command);
}
