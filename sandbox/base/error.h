// SPDX-License-Identifier: Apache-2.0
//
// Errors: a code from error.def, the place in the module and a bounded message, all in the caller's
// frame; nothing is allocated and nothing exits. A function that can fail returns bool (true is
// success), is marked MUST_CHECK and takes a struct error as its last parameter. The first error
// wins: later ones leave the struct as it is. Traps are results, not errors, and live elsewhere.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// The result says whether the call worked; to drop it is a mistake.
#define MUST_CHECK __attribute__((warn_unused_result))

enum {
    ERROR_MESSAGE_SIZE = 192 // bytes, the closing NUL included
};

enum error_kind {
    ERROR_KIND_NONE,
    ERROR_KIND_MALFORMED,   // not a module
    ERROR_KIND_INVALID,     // a module that breaks a rule of validation
    ERROR_KIND_UNLINKABLE,  // an import is missing or does not fit
    ERROR_KIND_LIMIT,       // beyond a limit of the engine's or the policy's
    ERROR_KIND_UNSUPPORTED, // a feature that the engine lacks
    ERROR_KIND_SYSTEM,      // the operating system refused
    ERROR_KIND_USAGE,       // the caller's mistake
    ERROR_KIND_COUNT
};

enum error_code {
    ERROR_NONE = 0,
#define ERROR(NAME_, KIND_, wording_) ERROR_##NAME_,
#include "sandbox/base/error.def"
#undef ERROR
    ERROR_CODE_COUNT
};

struct error {
    enum error_code code;             // ERROR_NONE while nothing went wrong
    uint8_t detail;                   // the setter's own: the feature of UNSUPPORTED_FEATURE
    uint64_t offset;                  // in bytes from the start of the module
    char message[ERROR_MESSAGE_SIZE]; // wording, then ": " and the detail text, if there is one
};

// Sets `error` unless it is already set, and always returns false, so that a caller can write
// `return error_set(...)`. `detail_format` (printf style, may be NULL) follows the wording; what
// does not fit is cut off. Neither allocates nor makes a system call.
bool error_set(struct error *error, enum error_code code, uint64_t offset,
               const char *detail_format, ...) __attribute__((format(printf, 4, 5)));

// Forgets an error, so that the struct can be used again.
void error_clear(struct error *error);

// The kind of a code; ERROR_KIND_NONE for ERROR_NONE and for numbers that are no code.
enum error_kind error_kind(enum error_code code);

// The wording of a code, without any detail; "" for ERROR_NONE and for numbers that are no code.
const char *error_wording(enum error_code code);

// A lower-case word for a kind, as in "malformed"; "none" for anything that is no kind.
const char *error_kind_name(enum error_kind kind);
