// SPDX-License-Identifier: Apache-2.0
/*
 * A converted script: NAME.json and the blob beside it. Nothing in it is trusted to be complete;
 * the look-ups below say so when something is missing. All strings are names with a length, since
 * export names may hold NULs.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "sandbox/base/reader.h"

enum {
    SCRIPT_NAME_SIZE = 256
};

struct script {
    char name[SCRIPT_NAME_SIZE]; /* FOLDER/NAME */
    json_t *root;
    const json_t *commands; /* an array */
    uint8_t *blob;
    size_t blob_size;
};

/* False, with a message on stderr, when a file cannot be read or is no script. */
bool script_load(struct script *script, const char *path);
void script_finish(struct script *script);

/* The bytes of a command's module. */
struct script_module {
    const uint8_t *bytes;
    size_t size;
    bool is_text;
};
bool script_module(const struct script *script, const json_t *command,
                   struct script_module *module);

/* The source line of a command, 0 if it has none. */
unsigned script_line(const json_t *command);

/* A string field; false when there is none. The name points into the script. */
bool script_name(const json_t *object, const char *key, struct name *name);

/* A string field without NULs, for messages and keywords; "" when there is none. */
const char *script_word(const json_t *object, const char *key);
