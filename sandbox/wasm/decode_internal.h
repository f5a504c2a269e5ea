// SPDX-License-Identifier: Apache-2.0
//
// Shared by decode.c, decode_types.c and decode_segments.c, and by nobody else. All functions that
// return bool return whether the reader still stands; the error is recorded in it.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sandbox/base/reader.h"
#include "sandbox/wasm/instruction.h"
#include "sandbox/wasm/limits.h"
#include "sandbox/wasm/module.h"
#include "sandbox/wasm/type.h"

struct decoder {
    struct module *module;    // what is made
    struct type_store *store; // borrowed
    uint8_t last_section;     // id of the last known section, 0 for none
};

// The types that are known so far.
struct type_names decode_names(const struct decoder *decoder);

// A list's length, which together with `present` must keep to the limit. `what` is for the message.
MUST_CHECK bool decode_count(struct reader *reader, uint32_t present, uint32_t limit,
                             const char *what, uint32_t *count);

// A zeroed array in the module's arena; NULL with LIMIT_MEMORY. Only for counts that the bytes left
// vouch for.
void *decode_array(struct decoder *decoder, struct reader *reader, size_t count, size_t size);

// A larger array, which begins with the elements of an old one.
void *decode_extend(struct decoder *decoder, struct reader *reader, const void *old,
                    uint32_t old_count, uint32_t count, size_t size);

// For arrays whose length is not known beforehand: the array, or a copy of it, with room for one
// more element. Only for arrays grown by this function from nothing, one element at a time.
void *decode_push(struct decoder *decoder, struct reader *reader, void *array, uint32_t count,
                  size_t size);

// Notes that ref.func may name this function in bodies (C.refs of rule Module_ok). Not before the
// function section is done with.
MUST_CHECK bool decode_declare(struct decoder *decoder, struct reader *reader, uint32_t funcidx);

// Finds the end of a constant expression, and declares the functions that it names.
MUST_CHECK bool decode_expression(struct decoder *decoder, struct reader *reader,
                                  struct expression *expression);

// A type index where a function type's canonical number is wanted. UNKNOWN_TYPE if there is no such
// type.
MUST_CHECK bool decode_type_use(struct decoder *decoder, struct reader *reader, uint32_t *type);

// Sections. decode_groups.c:
MUST_CHECK bool decode_types(struct decoder *decoder, struct reader *reader);

// decode_types.c:
MUST_CHECK bool decode_imports(struct decoder *decoder, struct reader *reader);
MUST_CHECK bool decode_tables(struct decoder *decoder, struct reader *reader);
MUST_CHECK bool decode_memories(struct decoder *decoder, struct reader *reader);
MUST_CHECK bool decode_tags(struct decoder *decoder, struct reader *reader);
MUST_CHECK bool decode_globals(struct decoder *decoder, struct reader *reader);

// decode_segments.c:
MUST_CHECK bool decode_elements(struct decoder *decoder, struct reader *reader);
MUST_CHECK bool decode_datas(struct decoder *decoder, struct reader *reader);
