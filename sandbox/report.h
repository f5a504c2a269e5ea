// SPDX-License-Identifier: Apache-2.0
//
// The flat encoding of what crosses in arenas: the table of libraries, the worker's report on the
// modules, the host's link message, and the frame of a call or its return. Little endian, lengths
// in front, nothing nested. Writers write into a buffer of theirs; readers read a private copy of
// which nothing is known, check every length, and give out pointers into that copy. Nothing is
// allocated.
//
// Libraries (START, behind the policy), in their order; each:
//   u64 offset, u64 size of its module in the mapping, u8 name's length, name with zeroes behind it
//                                                                           (REPORT_LIBRARY_SIZE)
//
// Report (MODULE_REPORT; what is longer than an arena goes ahead in PARTs):
//   head of REPORT_HEAD_SIZE bytes: u32 format, u32 flags, u32 items of each enum report_part
//   items, first all imports, the main module's in front of those of the libraries in their order,
//   then all exports, memories, data, sections of the main module; each:
//     u8 part, u8 kind, u8 value type, u8 flags, u16 parameters, u16 results,
//     u32 module's length, u32 name's length, u64 first, u64 second, u8 owner (REPORT_ITEM_SIZE)
//     module, name, one byte for each parameter and result
//
// Link (LINK, with PARTs): of each imported function that no library provides, in the order of the
// report, u8 enum report_service; a struct plan if that is REPORT_HOST
//
// Frame (CALL, CALL_RESULT, HOST_CALL, HOST_CALL_RESULT; what is longer than an arena goes ahead in
// PARTs, at most report_frame_max bytes in all):
//   u32 name's length, u32 words; if there is a name: name, struct plan
//   to a multiple of 8: the words of plan.h
//   to a multiple of PLAN_ALIGNMENT, if anything follows: blocks, whose offsets count from here
// Only CALL has a name: that of the export, whose plan is said with each call.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sandbox/base/error.h"
#include "sandbox/message.h"
#include "sandbox/plan.h"
#include "sandbox/policy.h"

enum {
    REPORT_FORMAT = 2,
    REPORT_BYTES_MAX = 4 * 1024 * 1024,
    REPORT_HEAD_SIZE = 28,
    REPORT_ITEM_SIZE = 33,
    REPORT_LIBRARIES_MAX = POLICY_LINKS_MAX,
    REPORT_LIBRARY_SIZE = 8 + 8 + 1 + POLICY_LIBRARY_NAME_MAX,
    REPORT_TYPES_MAX = 1000, // parameters, or results, of one function
    REPORT_NAME_MAX = 64 * 1024,
    REPORT_SECTION_ID_END = 14, // ids of sections are below
    REPORT_PLAN_SIZE = sizeof(struct plan),
    REPORT_LINK_MAX = 1 + REPORT_PLAN_SIZE, // bytes of one import
    REPORT_FRAME_MAX = 64 * 1024 * 1024,    // bytes of any frame; report_frame_max may say less
    REPORT_FRAME_HEAD_SIZE = 8,
    REPORT_FRAME_NAME_MAX = 4096
};

// --- libraries -----------------------------------------------------------------------------------

// A module that others may import from, and where it is among the bytes that the worker maps.
struct report_library {
    char name[POLICY_LIBRARY_NAME_MAX + 1]; // policy_is_library_name
    uint64_t offset;
    uint64_t size;
};

struct report_writer;

void report_put_library(struct report_writer *writer, const struct report_library *library);

// Takes the table, which is all of the bytes: at most REPORT_LIBRARIES_MAX entries, no two with one
// name, each of them inside the `mapped` bytes. Error: USAGE_ARGUMENT.
MUST_CHECK bool report_take_libraries(const uint8_t *bytes, size_t size, uint64_t mapped,
                                      struct report_library *libraries, uint32_t *count,
                                      struct error *error);

// --- the report on a module ----------------------------------------------------------------------

enum report_part {
    REPORT_IMPORT,
    REPORT_EXPORT,
    REPORT_MEMORY,  // of the whole index space, imported ones too
    REPORT_DATA,    // what is known of memory 0's regions: from `first` up to `second`
    REPORT_SECTION, // in the order of the file
    REPORT_PART_COUNT
};

// As in the binary format.
enum report_kind {
    REPORT_FUNCTION,
    REPORT_TABLE,
    REPORT_KIND_MEMORY,
    REPORT_GLOBAL,
    REPORT_TAG,
    REPORT_KIND_COUNT
};

// Kinds of REPORT_DATA, each at most once. A heap has no end.
enum report_region {
    REPORT_REGION_DATA = REPORT_KIND_MEMORY, // static, written by segments
    REPORT_REGION_BSS,                       // static, zero at first
    REPORT_REGION_STACK,
    REPORT_REGION_HEAP,
    REPORT_REGION_END
};

// What tells the lower end of the stack, so that its overflow traps: flags of a
// REPORT_REGION_STACK.
enum report_stack {
    REPORT_STACK_UNKNOWN, // nothing: `first` is a guess
    REPORT_STACK_LOW,     // __stack_low
    REPORT_STACK_DATA,    // __data_end
    REPORT_STACK_FIRST,   // it stands before all data
    REPORT_STACK_GIVEN,   // the policy
    REPORT_STACK_COUNT
};

// Value types that are no number: the binary format's codes, for typed references only the first
// byte of those.
enum report_reference {
    REPORT_V128 = 0x7B,
    REPORT_FUNCREF = 0x70,
    REPORT_EXTERNREF = 0x6F,
    REPORT_REF_NULL = 0x63, // any other (ref null ...)
    REPORT_REF = 0x64       // (ref ...)
};

// Of the module.
enum report_flag {
    REPORT_HAS_START = 1,
    REPORT_HAS_MEMORY64 = 2,
    REPORT_HAS_MULTI_VALUE = 4, // a function among imports and exports has several results
    REPORT_HAS_MULTI_MEMORY = 8,
    REPORT_HAS_DATA_COUNT = 16, // bulk memory instructions are likely
    REPORT_HAS_EXCEPTIONS = 32,
    REPORT_HAS_LEGACY_EXCEPTIONS = 64,
    REPORT_HAS_VECTORS = 128,
    REPORT_HAS_RELAXED_VECTORS = 256,
    REPORT_HAS_TAIL_CALLS = 512,
    REPORT_HAS_TYPED_REFERENCES = 1024,
    REPORT_HAS_CUSTOM_PAGE_SIZES = 2048,
    REPORT_HAS_WIDE_ARITHMETIC = 4096,
    REPORT_HAS_THREADS = 8192, // atomic accesses or a shared memory
    REPORT_FLAGS_ALL = 16383
};

// Of an item.
enum report_item_flag {
    REPORT_MUTABLE = 1,     // globals
    REPORT_HAS_MAXIMUM = 2, // memories and tables: `second` counts
    REPORT_ADDRESS64 = 4,   // memories and tables
    REPORT_HAS_VALUE = 8,   // globals: `first` is the initial value, an integer
    REPORT_BYTE_PAGES = 16, // memories: pages have one byte, not 64 KiB
    REPORT_LINKED = 32      // imports: a library, or the dynamic linker, provides it
};

struct report_text {
    const uint8_t *bytes; // borrowed; well-formed UTF-8, NUL allowed inside, none behind
    uint32_t length;
};

// What does not belong to an item's part and kind is zero.
struct report_item {
    enum report_part part;
    uint8_t kind;       // enum report_kind; of sections the id
    uint8_t value_type; // of globals, and of tables' elements
    uint8_t flags;      // enum report_item_flag; of stacks enum report_stack
    uint16_t parameter_count;
    uint16_t result_count;
    struct report_text module; // of imports
    struct report_text name;   // of imports, exports and custom sections
    uint64_t first;            // minimum (pages, elements), value; of sections the content's offset
    uint64_t second;           // maximum; of sections the content's size
    uint8_t owner;             // of imports: 0, the main module; k, the k-th library
    const uint8_t *types;      // parameters, then results, as value types' codes
};

struct report_head {
    uint32_t flags; // enum report_flag
    uint32_t counts[REPORT_PART_COUNT];
};

// Writes as far as there is room; `length` counts on, so that a writer without room measures.
struct report_writer {
    uint8_t *bytes; // borrowed; NULL if `size` is 0
    size_t size;
    size_t length;
};

void report_put_head(struct report_writer *writer, const struct report_head *head);
void report_put_item(struct report_writer *writer, const struct report_item *item);

// Reads items in their order. Only report_open makes one.
struct report_reader {
    const uint8_t *bytes; // borrowed
    size_t size;
    size_t at;
    struct report_head head;
    uint32_t left[REPORT_PART_COUNT]; // items to come
};

// Checks the whole report; owners are at most REPORT_LIBRARIES_MAX, and do not go down. Errors:
// LIMIT_MODULE if it is too long, USAGE_ARGUMENT for everything else, with the offset of the place.
MUST_CHECK bool report_open(struct report_reader *reader, const uint8_t *bytes, size_t size,
                            struct error *error);

// The next item; false after the last one.
MUST_CHECK bool report_next(struct report_reader *reader, struct report_item *item);

// Whether a function has the core type that goes with a plan.
bool report_fits(const struct report_item *item, const struct plan *plan);

// --- how imports are served ----------------------------------------------------------------------

enum report_service {
    REPORT_ABSENT, // not at all: instantiation fails
    REPORT_HOST,   // by a host function
    REPORT_WASI,   // by the worker itself
    REPORT_SERVICE_COUNT
};

// `plan` is NULL but for REPORT_HOST.
void report_put_link(struct report_writer *writer, enum report_service service,
                     const struct plan *plan);

// The next import's, from `at` on, which moves behind it. False, with USAGE_ARGUMENT or an error of
// plan_check, if there is none.
MUST_CHECK bool report_take_link(const uint8_t *bytes, size_t size, size_t *at,
                                 enum report_service *service, struct plan *plan,
                                 struct error *error);

// --- frames of calls -----------------------------------------------------------------------------

// The longest frame of calls with a plugin whose limits.memory is that: nobody can send or take
// more than the plugin's memory and an arena's worth of names, numbers and padding. So a worker
// cannot make a host hold more for its plugin than the plugin may own itself. At least two arenas.
uint32_t report_frame_max(uint64_t memory_bytes);

// Offsets in the frame.
struct report_frame {
    uint32_t name_length; // 0: no name, no plan
    uint32_t word_count;
    uint32_t name_at;
    uint32_t plan_at;
    uint32_t words_at;
    uint32_t blocks_at;   // a multiple of PLAN_ALIGNMENT
    uint32_t blocks_size; // how much room blocks have, for plan_place and plan_check_...
};

// Where everything goes in a frame of at most `most` bytes, which report_frame_max says.
// `name_length` is at most REPORT_FRAME_NAME_MAX, `word_count` at most PLAN_WORDS_MAX.
void report_frame_layout(uint32_t name_length, uint32_t word_count, uint32_t most,
                         struct report_frame *frame);

// Bytes of a frame: `blocks_used` is what plan_place says.
uint32_t report_frame_bytes(const struct report_frame *frame, size_t blocks_used);

// Writes everything in front of the blocks; `start` has room for frame->blocks_at bytes and is then
// zero between the parts. `name` and `plan` only if there is a name.
void report_put_frame(uint8_t *start, const struct report_frame *frame, const uint8_t *name,
                      const struct plan *plan, const uint64_t *words);

// Checks what is in front of the blocks in a private copy of `size` bytes, and copies the words out
// (PLAN_WORDS_MAX of them, those that are not there zero). `plan`, which may be NULL if `named` is
// false, is checked too; the name is UTF-8 and not empty. The blocks are plan_check_...'s business:
// `blocks_size` is what is left of the copy. Errors: USAGE_ARGUMENT, or one of plan_check.
MUST_CHECK bool report_take_frame(const uint8_t *bytes, size_t size, bool named,
                                  struct report_frame *frame, struct plan *plan, uint64_t *words,
                                  struct error *error);
