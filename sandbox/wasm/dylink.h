// SPDX-License-Identifier: Apache-2.0
/*
 * The custom section "dylink.0" of position-independent modules (WebAssembly tool conventions,
 * "Dynamic Linking"): how much memory and how many table elements the module needs of those that it
 * shares, which libraries, and flags of its symbols. Linking itself is in dynamic.h.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sandbox/base/arena.h"
#include "sandbox/base/error.h"
#include "sandbox/wasm/module.h"

/* Alignments are powers of two, of at most this exponent. */
#define DYLINK_ALIGNMENT_LOG2_MAX 16u

/* Flags of symbols (tool conventions, "Linking"), those that matter here. */
enum dylink_flag {
    DYLINK_BINDING_WEAK = 0x01,
    DYLINK_UNDEFINED = 0x10,
    DYLINK_TLS = 0x100,
    DYLINK_ABSOLUTE = 0x200,
};

/* What the section says about an export or an import of the module. */
struct dylink_symbol {
    struct name module; /* of an import; empty for an export */
    struct name name;
    uint32_t flags; /* of enum dylink_flag, and others */
};

/* Names are borrowed from the module, arrays from the arena. */
struct dylink {
    uint32_t memory_size;      /* bytes, at an address that the linker chooses */
    uint32_t memory_alignment; /* a power of two, like the next but one */
    uint32_t table_size;       /* elements */
    uint32_t table_alignment;
    struct name *needed; /* libraries, in the module's order */
    uint32_t needed_count;
    struct dylink_symbol *exports;
    uint32_t export_count;
    struct dylink_symbol *imports;
    uint32_t import_count;
};

/*
 * Does the module say of itself that it is made for dynamic linking? Looks for a section of that
 * name, or of its predecessor's "dylink", anywhere; dylink_read is stricter.
 */
bool dylink_present(const struct module *module);

/*
 * Reads the section of a decoded module, which must be its first section. Subsections may come in
 * any order and more than once, but for the sizes; unknown ones are passed over, as is the runtime
 * path: there is no file system to look in. Errors: those of reading, MALFORMED_DYLINK (not the
 * first section, given twice, an alignment beyond the limit, the predecessor's format),
 * LIMIT_MEMORY.
 */
bool dylink_read(const struct module *module, struct arena *arena, struct dylink *dylink,
                 struct error *error) MUST_CHECK;
