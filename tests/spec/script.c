// SPDX-License-Identifier: Apache-2.0
#include "tests/spec/script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Sets FOLDER/NAME of a path, which is made absolute first so that it has a folder.
static bool set_name(struct script *script, const char *path)
{
    char *absolute = realpath(path, NULL);
    char *start;
    char *dot;

    if (absolute == NULL)
        return false;
    dot = strrchr(absolute, '.');
    if (dot != NULL && strchr(dot, '/') == NULL)
        *dot = '\0';
    start = strrchr(absolute, '/');
    while (start > absolute && start[-1] != '/')
        start--;
    (void)snprintf(script->name, sizeof script->name, "%s", start);
    free(absolute);
    return true;
}

static bool read_file(const char *path, uint8_t **bytes, size_t *size)
{
    FILE *stream = fopen(path, "rb");
    long length = -1;
    bool good = false;

    if (stream == NULL)
        return false;
    if (fseek(stream, 0, SEEK_END) == 0 && (length = ftell(stream)) >= 0) {
        rewind(stream);
        *size = (size_t)length;
        *bytes = malloc(*size + 1); // an empty blob is no failure
        good = *bytes != NULL && fread(*bytes, 1, *size, stream) == *size;
    }
    (void)fclose(stream);
    return good;
}

// Reads the blob that the script names, in the script's own folder.
static bool read_blob(struct script *script, const char *path)
{
    const char *blob = script_word(script->root, "blob");
    const char *slash = strrchr(path, '/');
    int folder_length = slash == NULL ? 0 : (int)(slash + 1 - path);
    char *blob_path = NULL;
    bool good;

    if (*blob == '\0' || strchr(blob, '/') != NULL ||
        asprintf(&blob_path, "%.*s%s", folder_length, path, blob) < 0)
        return false;
    good = read_file(blob_path, &script->blob, &script->blob_size);
    free(blob_path);
    return good;
}

bool script_load(struct script *script, const char *path)
{
    json_error_t error = {.line = 0};
    const char *problem = NULL;

    *script = (struct script){.root = NULL};
    if (!set_name(script, path)) {
        perror(path);
        return false;
    }
    script->root = json_load_file(path, JSON_ALLOW_NUL, &error);
    script->commands = json_object_get(script->root, "commands");
    if (script->root == NULL)
        problem = error.text;
    else if (!json_is_array(script->commands))
        problem = "no commands";
    else if (!read_blob(script, path))
        problem = "cannot read its blob";
    if (problem == NULL)
        return true;
    (void)fprintf(stderr, "pinfold-spec: %s: %s\n", path, problem);
    script_finish(script);
    return false;
}

void script_finish(struct script *script)
{
    json_decref(script->root);
    free(script->blob);
    *script = (struct script){.root = NULL};
}

bool script_module(const struct script *script, const json_t *command, struct script_module *module)
{
    const json_t *offset = json_object_get(command, "offset");
    const json_t *length = json_object_get(command, "length");
    json_int_t first = json_integer_value(offset);
    json_int_t size = json_integer_value(length);

    if (!json_is_integer(offset) || !json_is_integer(length) || first < 0 || size < 0)
        return false;
    if ((uint64_t)first > script->blob_size || (uint64_t)size > script->blob_size - (size_t)first)
        return false;
    module->bytes = script->blob + first;
    module->size = (size_t)size;
    module->is_text = strcmp(script_word(command, "module_type"), "text") == 0;
    return true;
}

unsigned script_line(const json_t *command)
{
    return (unsigned)json_integer_value(json_object_get(command, "line"));
}

bool script_name(const json_t *object, const char *key, struct name *name)
{
    const json_t *string = json_object_get(object, key);

    if (!json_is_string(string))
        return false;
    name->bytes = (const uint8_t *)json_string_value(string);
    name->length = (uint32_t)json_string_length(string);
    return true;
}

const char *script_word(const json_t *object, const char *key)
{
    const char *word = json_string_value(json_object_get(object, key));

    return word == NULL ? "" : word;
}
