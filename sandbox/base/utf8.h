// SPDX-License-Identifier: Apache-2.0
//
// UTF-8, as far as WebAssembly's names need it: is this a well-formed sequence? (Core
// specification, "Values / Names": the encoding of Unicode scalar values.)
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Whether the bytes are well-formed UTF-8: shortest forms only, no surrogates, nothing above
// U+10FFFF, nothing cut off. NUL is a character like any other; no bytes at all are well-formed.
bool utf8_valid(const uint8_t *bytes, size_t length);
