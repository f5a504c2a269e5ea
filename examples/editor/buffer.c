// SPDX-License-Identifier: Apache-2.0
#include "examples/editor/buffer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char no_memory[] = "out of memory";
static const char too_large[] = "a document has at most 16 MiB and 1048576 lines";

static void release(struct line **lines, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (--lines[i]->uses == 0)
            free(lines[i]);
    }
}

bool buffer_copy(struct buffer *to, const struct buffer *from)
{
    *to = (struct buffer){.count = 0};
    if (from->count == 0)
        return true;
    to->lines = malloc(from->count * sizeof *to->lines);
    if (!to->lines)
        return false;
    memcpy(to->lines, from->lines, from->count * sizeof *to->lines);
    to->count = from->count;
    to->bytes = from->bytes;
    for (size_t i = 0; i < to->count; i++)
        to->lines[i]->uses++;
    return true;
}

void buffer_finish(struct buffer *buffer)
{
    release(buffer->lines, buffer->count);
    free(buffer->lines);
    *buffer = (struct buffer){.count = 0};
}

// --- changing ------------------------------------------------------------------------------------

static size_t count_lines(const char *text, size_t length)
{
    size_t count = 0;

    for (const char *end = text + length; text < end; count++) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));

        text = newline ? newline + 1 : end;
    }
    return count;
}

static struct line *make_line(const char *text, size_t length)
{
    struct line *line = malloc(sizeof *line + length);

    if (!line)
        return NULL;
    line->uses = 1;
    line->length = length;
    memcpy(line->text, text, length);
    return line;
}

// Makes the lines of a text; false without memory, and then none are left.
static bool split(const char *text, size_t length, struct line **lines)
{
    const char *end = text + length;
    size_t count = 0;

    while (text < end) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));

        lines[count] = make_line(text, (size_t)((newline ? newline : end) - text));
        if (!lines[count]) {
            release(lines, count);
            return false;
        }
        count++;
        text = newline ? newline + 1 : end;
    }
    return true;
}

static size_t count_bytes(const struct buffer *buffer, size_t first, size_t count)
{
    size_t bytes = 0;

    for (size_t i = 0; i < count; i++)
        bytes += buffer->lines[first - 1 + i]->length + 1;
    return bytes;
}

const char *buffer_replace(struct buffer *buffer, size_t first, size_t count, const char *text,
                           size_t length)
{
    struct line **lines;
    size_t added;
    size_t bytes;
    size_t total;

    if (first == 0 || first > buffer->count + 1 || count > buffer->count + 1 - first)
        return "there are no such lines";
    if (length > BUFFER_BYTES_MAX)
        return too_large;
    added = count_lines(text, length);
    bytes = buffer->bytes - count_bytes(buffer, first, count) + length +
            (length > 0 && text[length - 1] != '\n');
    total = buffer->count - count + added;
    if (bytes > BUFFER_BYTES_MAX || total > BUFFER_LINES_MAX)
        return too_large;
    lines = malloc((total + 1) * sizeof *lines); // never of nothing
    if (!lines || !split(text, length, lines + first - 1)) {
        free(lines);
        return no_memory;
    }
    if (first > 1)
        memcpy(lines, buffer->lines, (first - 1) * sizeof *lines);
    if (first - 1 + added < total)
        memcpy(lines + first - 1 + added, buffer->lines + first - 1 + count,
               (total - added - (first - 1)) * sizeof *lines);
    if (count > 0)
        release(buffer->lines + first - 1, count);
    free(buffer->lines);
    *buffer = (struct buffer){.lines = lines, .count = total, .bytes = bytes, .changed = true};
    return NULL;
}

char *buffer_text(const struct buffer *buffer, size_t first, size_t count, size_t *length)
{
    size_t used = 0;
    char *text;

    *length = count_bytes(buffer, first, count);
    text = malloc(*length + 1);
    if (!text)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        const struct line *line = buffer->lines[first - 1 + i];

        memcpy(text + used, line->text, line->length);
        used += line->length;
        text[used++] = '\n';
    }
    return text;
}

// --- files ---------------------------------------------------------------------------------------

const char *buffer_read(struct buffer *buffer, const char *path)
{
    struct buffer read = {.count = 0};
    FILE *file = fopen(path, "rbe");
    char *text = malloc(BUFFER_BYTES_MAX + 1);
    const char *problem = NULL;
    size_t length = 0;

    if (!file)
        problem = strerror(errno);
    else if (!text)
        problem = no_memory;
    else
        length = fread(text, 1, BUFFER_BYTES_MAX + 1, file);
    if (!problem && ferror(file))
        problem = strerror(errno);
    if (!problem)
        problem = buffer_replace(&read, 1, 0, text, length);
    if (file)
        fclose(file);
    free(text);
    if (problem)
        return problem;
    buffer_finish(buffer);
    *buffer = read;
    buffer->changed = false;
    return NULL;
}

const char *buffer_write(const struct buffer *buffer, const char *path)
{
    FILE *file = fopen(path, "wbe");
    bool written = true;

    if (!file)
        return strerror(errno);
    for (size_t i = 0; i < buffer->count; i++) {
        const struct line *line = buffer->lines[i];

        written = written && fwrite(line->text, 1, line->length, file) == line->length &&
                  putc('\n', file) != EOF;
    }
    if (fclose(file) != 0 || !written)
        return strerror(errno);
    return NULL;
}
