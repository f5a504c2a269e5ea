// SPDX-License-Identifier: Apache-2.0
//
// The language in which applications and policies say what a function looks like, in both
// directions:
//
//   import     = identifier "." identifier function         what the host offers
//   export     = identifier function                        what a plugin offers
//   function   = "(" [ parameter { "," parameter } ] ")" [ "->" type ]
//   parameter  = "@ctx"                                     only first, only of an import
//              | identifier ":" [ "out" | "inout" ] type
//   type       = "bool" | "i8" | "u8" | "i16" | "u16" | "i32" | "u32" | "i64" | "u64"
//              | "f32" | "f64" | "str" | "cstr" | "bytes"
//
// An identifier is a letter or underscore, then letters, digits and underscores, at most
// SIGNATURE_NAME_MAX of them. Spaces may stand between any two tokens. T[], handle<T>, structs and
// a result that may fail ("!") come later and are refused as such. What types mean is in
// sandbox/plan.h.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "sandbox/base/error.h"
#include "sandbox/plan.h"

enum {
    SIGNATURE_NAME_MAX = 63,
    // Every signature's printed form fits, with its NUL.
    SIGNATURE_TEXT_SIZE = 2048
};

struct signature {
    char module[SIGNATURE_NAME_MAX + 1]; // "" for an export
    char name[SIGNATURE_NAME_MAX + 1];
    char parameters[PLAN_PARAMETERS_MAX][SIGNATURE_NAME_MAX + 1]; // "" beyond the last one
    struct plan plan;
};

// Reads a signature, which is all of the `length` bytes. Of an error, the message tells the column,
// what was expected and what was found; its offset is the column, in bytes, the first one being 1.
// Errors: USAGE_ARGUMENT, UNSUPPORTED_FEATURE, LIMIT_PARAMETERS.
MUST_CHECK bool signature_parse(const char *text, size_t length, struct signature *signature,
                                struct error *error);

// Writes the signature's one normal form, which parses to the same signature again, as snprintf
// would: cut off and closed with NUL. Returns the length of the whole.
size_t signature_print(const struct signature *signature, char *text, size_t size);
