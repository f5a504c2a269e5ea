// SPDX-License-Identifier: Apache-2.0
//
// What a plugin may do and use up. One flat struct without pointers, so that host and worker share
// it by copying; texts are in a pool inside it. Const once it is put together: by the host, from
// YAML (host/policy_yaml.h) and options. The default denies everything and limits what it cannot
// deny. The keys, their bounds and defaults are in policy_key.def.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sandbox/base/error.h"
#include "sandbox/policy_key.h"

enum {
    POLICY_ARGUMENTS_MAX = 256,
    POLICY_VARIABLES_MAX = 256,
    POLICY_FUNCTIONS_MAX = 512,
    POLICY_DIRS_MAX = 16,
    POLICY_LINKS_MAX = 16,
    POLICY_LIBRARY_NAME_MAX = 64,
    POLICY_TEXT_MAX = 4096,       // bytes of one text, without its NUL
    POLICY_POOL_SIZE = 32 * 1024, // bytes of all texts, their NULs included
    POLICY_SOURCE_SIZE = 256,
    POLICY_SHA256_SIZE = 32,
    // By default, of limits.engine for a byte of a module: programs need up to 5
    // (tests/bench/load.py).
    POLICY_ENGINE_PER_MODULE = 6
};

#define POLICY_NOT_FOUND UINT32_MAX

// A text in the pool: well-formed UTF-8 without NUL, closed by one. All zeroes is the empty text.
struct policy_string {
    uint32_t offset;
    uint32_t length; // in bytes, without the NUL
};

struct policy_limits {
    uint64_t memory_bytes;
    uint64_t stack_bytes;
    uint64_t time_ms;
    uint64_t cpu_seconds;
    uint64_t fuel;
    uint64_t output_bytes;
    uint64_t open_files;
    uint64_t engine_bytes; // see policy_engine_bytes
    uint64_t memories;
    uint64_t stack_low; // an address; POLICY_NONE: what the module tells
};

struct policy_variable {
    struct policy_string name;
    struct policy_string value;
    uint32_t line; // where it was given; 0: not in a file
};

struct policy_function {
    struct policy_string name; // module.name
    uint32_t line;             // as above
    uint32_t reserved;         // zero
    uint64_t calls_per_second;
    uint64_t bytes_per_second;
};

struct policy_dir {
    // What realpath(3) gave when the policy was read (host/policy_dir.h): absolute, no link in it,
    // a directory then. Whoever opens it follows no link, so that it still is that one.
    struct policy_string host;
    struct policy_string guest; // policy_is_guest_path
    uint32_t line;              // as above
    uint32_t column;            // with the line
    uint64_t access;            // POLICY_WASI_DIRS_ACCESS_...
    uint64_t links;             // POLICY_WASI_DIRS_LINKS_...
};

// A module to link with, which stands in front of those that may import from it.
struct policy_link {
    struct policy_string name; // policy_is_library_name
    struct policy_string file; // a path, of which nothing is known until the plugin is loaded
    uint32_t line;             // as above
    uint32_t pinned;           // 1: sha256 is given
    uint8_t sha256[POLICY_SHA256_SIZE];
};

// Numbers that the table of keys reaches are uint64_t, words among them (enum policy_choice).
struct policy {
    uint64_t version;
    struct policy_string name; // the plugin's; may be empty
    uint32_t pinned;           // 1: sha256 is given
    uint8_t sha256[POLICY_SHA256_SIZE];
    struct policy_limits limits;
    uint64_t wasi_stdin;                 // POLICY_WASI_STDIN_...
    uint64_t wasi_stdout;                // POLICY_WASI_STDOUT_...
    uint64_t wasi_clock;                 // POLICY_WASI_CLOCK_...
    uint64_t wasi_random;                // POLICY_WASI_RANDOM_...
    uint64_t features_custom_page_sizes; // POLICY_FEATURES_CUSTOM_PAGE_SIZES_...
    uint64_t features_wide_arithmetic;   // POLICY_FEATURES_WIDE_ARITHMETIC_...
    uint64_t features_threads;           // POLICY_FEATURES_THREADS_...
    uint64_t features_relaxed_simd;      // POLICY_FEATURES_RELAXED_SIMD_...
    uint32_t argument_count;
    uint32_t variable_count;
    uint32_t function_count;
    uint32_t dir_count;
    uint32_t link_count;
    struct policy_string arguments[POLICY_ARGUMENTS_MAX];
    struct policy_variable variables[POLICY_VARIABLES_MAX];
    struct policy_function functions[POLICY_FUNCTIONS_MAX];
    struct policy_dir dirs[POLICY_DIRS_MAX];
    struct policy_link links[POLICY_LINKS_MAX];
    uint32_t lines[POLICY_KEY_COUNT]; // where each key was given; 0: it was not
    char source[POLICY_SOURCE_SIZE];  // the file's name for messages, or its end; may be empty
    uint32_t pool_used;
    char pool[POLICY_POOL_SIZE];
};

// The default: no grant, every limit that has a default at it.
void policy_init(struct policy *policy);

// Whether a policy from elsewhere, of which nothing is known, is one that policy_init and the
// functions below can make: every number within its bounds and supported, every text inside the
// pool and of its form. The worker asks this of its copy. Error: USAGE_ARGUMENT, with the key's
// path; the offset is the key's number.
MUST_CHECK bool policy_check(const struct policy *policy, struct error *error);

// The copy for a worker, which has no use for it and might give it away: without file name and
// lines, pins, the host's paths and libraries (START names those), and nothing of them left in the
// pool. Errors: as for policy_add_text.
MUST_CHECK bool policy_for_worker(const struct policy *policy, struct policy *copy,
                                  struct error *error);

// A text of a policy; borrowed from it.
const char *policy_text(const struct policy *policy, struct policy_string string);

// Puts a text into the pool. Errors: USAGE_ARGUMENT if it is too long, has a NUL inside or is not
// UTF-8; LIMIT_COUNT if the pool is full.
MUST_CHECK bool policy_add_text(struct policy *policy, const char *text, size_t length,
                                struct policy_string *string, struct error *error);

// One more argument, variable, host function, directory or library, or an error as above;
// LIMIT_COUNT for one too many, USAGE_ARGUMENT for a name of the wrong form or one that is there
// already. `line` is 0 for what is not from a file. A host function is added as it is, its name in
// the pool already; so are a directory, by host/policy_dir.h alone, whose rules it has passed, and
// a library, by host/policy_link.h.
MUST_CHECK bool policy_add_argument(struct policy *policy, const char *text, size_t length,
                                    struct error *error);
MUST_CHECK bool policy_add_variable(struct policy *policy, struct policy_string name,
                                    struct policy_string value, uint32_t line, struct error *error);
MUST_CHECK bool policy_add_function(struct policy *policy, const struct policy_function *function,
                                    struct error *error);
MUST_CHECK bool policy_add_dir(struct policy *policy, const struct policy_dir *dir,
                               struct error *error);
MUST_CHECK bool policy_add_link(struct policy *policy, const struct policy_link *link,
                                struct error *error);

// The names that may stand there; nothing beyond ASCII, so that what looks the same is the same.
// Plugin: letters, digits, ".", "_", "-", beginning with a letter or digit. Variable: as in C.
// Host function: MODULE.NAME of letters, digits, "_", "-", "$", the name also with dots. Library:
// letters, digits, ".", "_", "-", at most POLICY_LIBRARY_NAME_MAX.
bool policy_is_plugin_name(const char *text, size_t length);
bool policy_is_variable_name(const char *text, size_t length);
bool policy_is_function_name(const char *text, size_t length);
bool policy_is_library_name(const char *text, size_t length);

// Whether a directory may be called that for the plugin: an absolute path without empty, "." and
// ".." components and without a slash at the end, "/" itself, or "." for the current directory.
bool policy_is_guest_path(const char *text, size_t length);

// The index of a granted host function, a variable, a directory or a library, by its exact name, of
// a directory the plugin's; else POLICY_NOT_FOUND.
uint32_t policy_find_function(const struct policy *policy, const char *name, size_t length);
uint32_t policy_find_variable(const struct policy *policy, const char *name, size_t length);
uint32_t policy_find_dir(const struct policy *policy, const char *name, size_t length);
uint32_t policy_find_link(const struct policy *policy, const char *name, size_t length);

// Whether any directory is granted for writing.
bool policy_may_write(const struct policy *policy);

// limits.engine for modules of that many bytes together: as given, or by default 16 MiB and six
// times the modules.
uint64_t policy_engine_bytes(const struct policy *policy, uint64_t module_bytes);
