// SPDX-License-Identifier: Apache-2.0
//
// Types of a module's imports and exports for people, near to the text format.
#pragma once

#include "sandbox/report.h"

enum { TYPE_TEXT_SIZE = 160 };

// "(i32, i32) -> i64" of functions and tags, "mut i32" of globals, "1 to 16 pages" of memories,
// "10 to 10 funcref" of tables, "" of what has no type; cut off where it is long. Fills `text` and
// returns it.
const char *type_text(const struct report_item *item, char text[TYPE_TEXT_SIZE]);

// "function", "memory" and so on; of sections "type", "custom" and so on.
const char *type_text_kind(const struct report_item *item);
