// SPDX-License-Identifier: Apache-2.0
//
// The table of a policy's keys (policy_key.def) as data: what a key is called, what it may hold,
// where in the policy it is kept. Knows no YAML.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define POLICY_NONE      UINT64_MAX  // no limit, where the table allows that
#define POLICY_AUTOMATIC UINT64_C(0) // a number that depends on the module

enum policy_key {
#define POLICY_SECTION(NAME_, ...) POLICY_KEY_##NAME_,
#define POLICY_NUMBER(NAME_, ...)  POLICY_KEY_##NAME_,
#define POLICY_WORD(NAME_, ...)    POLICY_KEY_##NAME_,
#define POLICY_OTHER(NAME_, ...)   POLICY_KEY_##NAME_,
#include "sandbox/policy_key.def"
    POLICY_KEY_COUNT
};

// One numbering for the choices of all keys, so that one of another key is never taken for valid.
enum policy_choice {
    POLICY_CHOICE_INVALID,
#define POLICY_CHOICE(KEY_, NAME_, word_, SUPPORT_, meaning_) POLICY_##KEY_##_##NAME_,
#include "sandbox/policy_key.def"
    POLICY_CHOICE_COUNT
};

enum policy_type {
    POLICY_TYPE_SECTION,   // a mapping of further keys
    POLICY_TYPE_NUMBER,    // a plain whole number
    POLICY_TYPE_BYTES,     // a size
    POLICY_TYPE_DURATION,  // in milliseconds
    POLICY_TYPE_SECONDS,   // a duration in whole seconds
    POLICY_TYPE_CALL_RATE, // per second
    POLICY_TYPE_BYTE_RATE, // per second
    POLICY_TYPE_WORD,      // one of the key's choices
    POLICY_TYPE_NAME,      // a plugin's name
    POLICY_TYPE_SHA256,    // 64 hexadecimal digits
    POLICY_TYPE_TEXT,      // any text without NUL
    POLICY_TYPE_FUNCTION,  // a host function's name
    POLICY_TYPE_LIBRARY,   // a library's name
    POLICY_TYPE_TEXTS,     // a list of texts
    POLICY_TYPE_VARIABLES, // a mapping of names to texts
    POLICY_TYPE_DIRS,      // a list of mappings
    POLICY_TYPE_LINKS,     // a list of mappings
    POLICY_TYPE_FUNCTIONS, // a list of names or mappings
    POLICY_TYPE_COUNT
};

enum policy_absence {
    POLICY_ABSENCE_OPTIONAL,  // empty
    POLICY_ABSENCE_FINITE,    // the default
    POLICY_ABSENCE_NONE,      // the default, and POLICY_NONE is a value
    POLICY_ABSENCE_AUTOMATIC, // the default, and POLICY_AUTOMATIC is a value
    POLICY_ABSENCE_REQUIRED   // not allowed
};

enum policy_support {
    POLICY_SUPPORT_SUPPORTED,
    POLICY_SUPPORT_LATER // refused with anything but the default
};

struct policy_key_info {
    const char *path; // "limits.memory"; "" for the whole policy; "list[].key" in an item
    enum policy_type type;
    enum policy_absence absence;
    enum policy_support support;
    uint32_t offset;        // of the field in struct policy or the item's struct
    uint64_t default_value; // of numbers and words
    uint64_t least;         // of numbers
    uint64_t most;          // of numbers; bytes of texts; items of collections
    const char *enforcer;
    const char *meaning;
};

struct policy_choice_info {
    enum policy_key key;
    const char *word;
    enum policy_support support;
    const char *meaning;
};

// `key` must be a key.
const struct policy_key_info *policy_key_info(enum policy_key key);

// NULL for a number that is no choice. POLICY_CHOICE_INVALID is none.
const struct policy_choice_info *policy_choice_info(uint64_t choice);

// The last part of a key's path.
const char *policy_key_name(enum policy_key key);

// The key whose value holds this one; of an item's key that is the list. ROOT's is ROOT.
enum policy_key policy_key_parent(enum policy_key key);

// The key called `name` right under `parent`, or POLICY_KEY_COUNT.
enum policy_key policy_key_find(enum policy_key parent, const char *name, size_t length);

// Whether the field of a key is a uint64_t: numbers and words.
bool policy_key_is_number(enum policy_key key);

// The number of a key in its holder: the policy, or for an item's key the item.
uint64_t policy_key_read(enum policy_key key, const void *holder);
void policy_key_write(enum policy_key key, void *holder, uint64_t value);

// Whether the number may stand there: within the bounds, a choice of that key, or what the table
// allows beside. Says nothing about support.
bool policy_key_allows(enum policy_key key, uint64_t value);

// Whether the number, which is allowed, is also supported.
bool policy_key_supports(enum policy_key key, uint64_t value);
