// SPDX-License-Identifier: Apache-2.0
//
// args_get, environ_get and their sizes: texts of the policy, nothing of the process's own. Both
// are lists of lines, a line being one text, or NAME=VALUE.
#include <string.h>

#include "wasi/call.h"

#define PROGRAM_NAME "plugin" // where the policy does not name it

// A line in up to two parts, with `=` between them.
struct line {
    const char *first;
    const char *second; // NULL: only one part
    size_t first_length;
    size_t second_length;
};

typedef struct line line_at(const struct policy *policy, uint32_t index);

struct lines {
    const struct policy *policy;
    line_at *at;
    uint32_t count;
};

static struct line argument_at(const struct policy *policy, uint32_t index)
{
    struct policy_string text = index == 0 ? policy->name : policy->arguments[index - 1];

    if (index == 0 && text.length == 0)
        return (struct line){.first = PROGRAM_NAME, .first_length = sizeof PROGRAM_NAME - 1};
    return (struct line){.first = policy_text(policy, text), .first_length = text.length};
}

static struct line variable_at(const struct policy *policy, uint32_t index)
{
    const struct policy_variable *variable = &policy->variables[index];

    return (struct line){
        .first = policy_text(policy, variable->name),
        .second = policy_text(policy, variable->value),
        .first_length = variable->name.length,
        .second_length = variable->value.length,
    };
}

static struct lines arguments_of(const struct wasi *wasi)
{
    return (struct lines){wasi->policy, argument_at, wasi->policy->argument_count + 1};
}

static struct lines variables_of(const struct wasi *wasi)
{
    return (struct lines){wasi->policy, variable_at, wasi->policy->variable_count};
}

// Bytes in the guest's memory, the NUL included.
static size_t line_bytes(const struct line *line)
{
    return line->first_length + (line->second != NULL ? 1 + line->second_length : 0) + 1;
}

static size_t lines_bytes(const struct lines *lines)
{
    size_t bytes = 0;

    for (uint32_t i = 0; i < lines->count; i++) {
        struct line line = lines->at(lines->policy, i);

        bytes += line_bytes(&line);
    }
    return bytes;
}

static void line_write(const struct line *line, uint8_t *bytes)
{
    memcpy(bytes, line->first, line->first_length);
    bytes += line->first_length;
    if (line->second != NULL) {
        *bytes++ = '=';
        memcpy(bytes, line->second, line->second_length);
        bytes += line->second_length;
    }
    *bytes = 0;
}

static enum wasi_errno get(struct wasi *wasi, struct lines lines, const union slot *arguments)
{
    uint8_t *pointers = wasi_array(wasi, arguments[0].u32, lines.count, 4);
    uint64_t address = arguments[1].u32;
    uint8_t *bytes = wasi_memory(wasi, address, lines_bytes(&lines));

    if (pointers == NULL || bytes == NULL)
        return WASI_FAULT;
    for (uint32_t i = 0; i < lines.count; i++) {
        struct line line = lines.at(lines.policy, i);

        wasi_store_u32(pointers + 4 * (size_t)i, (uint32_t)address);
        line_write(&line, bytes);
        bytes += line_bytes(&line);
        address += line_bytes(&line);
    }
    return WASI_SUCCESS;
}

static enum wasi_errno sizes(struct wasi *wasi, struct lines lines, const union slot *arguments)
{
    uint8_t *count = wasi_memory(wasi, arguments[0].u32, 4);
    uint8_t *bytes = wasi_memory(wasi, arguments[1].u32, 4);

    if (count == NULL || bytes == NULL)
        return WASI_FAULT;
    wasi_store_u32(count, lines.count);
    wasi_store_u32(bytes, (uint32_t)lines_bytes(&lines));
    return WASI_SUCCESS;
}

enum wasi_errno wasi_args_get(struct wasi *wasi, const union slot *arguments)
{
    return get(wasi, arguments_of(wasi), arguments);
}

enum wasi_errno wasi_args_sizes_get(struct wasi *wasi, const union slot *arguments)
{
    return sizes(wasi, arguments_of(wasi), arguments);
}

enum wasi_errno wasi_environ_get(struct wasi *wasi, const union slot *arguments)
{
    return get(wasi, variables_of(wasi), arguments);
}

enum wasi_errno wasi_environ_sizes_get(struct wasi *wasi, const union slot *arguments)
{
    return sizes(wasi, variables_of(wasi), arguments);
}
