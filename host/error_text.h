// SPDX-License-Identifier: Apache-2.0
//
// An error as the application sees it: a status, one text that says what was tried, what refused it
// and what would allow it, and the parts of that text by themselves. It lives in the caller's frame
// until the API keeps it as the thread's last one. The first error wins.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sandbox/base/error.h"
#include "sdk/pinfold.h"

enum {
    ERROR_TEXT_SIZE = 4096,
    ERROR_TEXT_NAME_SIZE = 136, // "module.name"
    ERROR_TEXT_HINT_SIZE = 512
};

struct error_text {
    pnf_status status; // PNF_OK while nothing went wrong
    char text[ERROR_TEXT_SIZE];
    char plugin[ERROR_TEXT_NAME_SIZE];
    char export_name[ERROR_TEXT_NAME_SIZE];
    char function[ERROR_TEXT_NAME_SIZE];
    char capability[ERROR_TEXT_NAME_SIZE];
    char hint[ERROR_TEXT_HINT_SIZE];
    uint64_t offset;
    uint32_t funcidx;
    uint32_t exit_status; // of PNF_EXITED
};

// Without touching the rest of the texts: cheap enough for each call.
void error_text_init(struct error_text *error);

// Sets status and text unless they are set, and always returns false.
bool error_text_set(struct error_text *error, pnf_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// The same from an error of the layers below; `what` was tried, as in "register app.log".
bool error_text_from(struct error_text *error, const struct error *below, const char *what);

// The status that an error of the layers below has in the API.
pnf_status error_text_status(enum error_code code);

// Copies into one of the names, cut off where it does not fit, and not printable as "?".
void error_text_name(char name[ERROR_TEXT_NAME_SIZE], const char *text, size_t length);

// Keeps the error as the calling thread's last one, and returns its status.
pnf_status error_text_keep(const struct error_text *error);
