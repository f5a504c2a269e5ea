// SPDX-License-Identifier: Apache-2.0
//
// The compiler's state, shared by the files of its two sides: validate.c keeps types (what may be
// on the operand stack), translate.c keeps places (where each operand is, and which cells make it).
// compile_*.c hold the instructions, a function for each that the table does not fully describe.
//
// Operands are symbolic: a local or a constant is not moved before it must be, and a temporary's
// home slot follows from what is below it, so that all paths to a label agree without a register
// allocator. For each class of accumulator a tracker knows which slot's value it still holds.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sandbox/wasm/compile.h"
#include "sandbox/wasm/instruction.h"
#include "sandbox/wasm/limits.h"
#include "sandbox/wasm/module.h"
#include "sandbox/wasm/operation.h"
#include "sandbox/wasm/type.h"

// Room in bytes that is always there for the cells of one instruction.
#define TRANSLATE_SLACK 512u

// At the start of each function, room for the cell that zeroes locals; skipped where none must be.
#define PROLOGUE_BYTES 16u

enum operand_place {
    OPERAND_TEMPORARY, // in its home slot, possibly in an accumulator too
    OPERAND_LOCAL,     // value: the local's slot, which has not been written since
    OPERAND_CONSTANT,  // value: the bits
};

struct operand {
    valtype type;
    uint16_t place; // enum operand_place
    uint16_t home;  // slot
    uint64_t value;
};

enum accumulator_class {
    ACCUMULATOR_INTEGER, // r0: i32, i64, references
    ACCUMULATOR_F32,     // s0
    ACCUMULATOR_F64,     // d0
    ACCUMULATOR_V128,    // v0
    ACCUMULATOR_COUNT,
};

#define SLOT_NONE UINT32_MAX

// An accumulator holds the value of `slot`. `producer` is the cell that put it there and stores it
// too; it may be turned into its accumulator-only variant when the one use of the value is through
// the accumulator. NULL when the store is needed.
struct tracker {
    uint32_t slot;
    struct cell *producer;
};

// A frame of the control stack (specification: "control frames").
struct control {
    uint16_t opcode;  // block, loop, if, else, try_table, try, catch, catch_all; OPCODE_INVALID for
                      // the function itself
    bool unreachable; // the operand stack is polymorphic
    bool dead;        // begun in dead code: emits nothing
    bool targeted;    // some branch goes to its end
    uint32_t height;  // operand stack below its parameters
    uint32_t label_height; // below the label's operands: less in a catch, which hides one
    uint32_t parameter_count;
    uint32_t result_count;
    const valtype *parameters;
    const valtype *results;
    valtype result;              // what `results` points to when the block type is one value type
    uint32_t start;              // loop: offset of its first cell in the function
    uint32_t fixups;             // offset of the last displacement field to patch, 0 for none
    uint32_t else_fixup;         // if: the displacement that goes to the else branch
    uint32_t region;             // innermost one for what is directly inside, or REGION_NONE
    uint32_t own_region;         // try_table, try: the one of its body; REGION_NONE in dead code
    uint32_t clause;             // catch, catch_all: its own; else the last one, or CLAUSE_NONE
    uint32_t landings;           // last clause that lands at its end, linked by `landing`
    uint32_t initialised_height; // of the log of locals set inside
    uint32_t stub;               // br_table: where the moves to this label were put, 0 if none are
    uint32_t stub_table;         // and for which br_table
    uint32_t checked_table;      // br_table whose operands were checked against this label
    uint32_t fuel_cell; // metered: offset of the cell that pays for what is directly inside
    uint32_t fuel_cost;
};

// A run of locals of one type, as the body declares them.
struct local_group {
    uint32_t end;      // first local after it
    uint32_t end_slot; // and its slot
    valtype type;
};

// Behind the last home there is room for its operand's second slot and for a call's header.
#define FRAME_HOME_MAX (LIMIT_FRAME_SLOTS - 16u - 1u)

// Locals below this are looked up in an array; the others in their groups, so that a function of
// a few bytes cannot cost more than this.
#define LOCALS_EXPANDED 1024u

struct compiler {
    struct reader reader;
    struct module *module;
    const struct type_store *store;
    const struct compile_options *options;
    struct type_names names;
    struct instruction instruction; // the current one
    bool memory0_guarded;           // guard pages serve memory 0, and it alone
    bool constant;                  // compiling a constant expression
    uint32_t globals_visible;       // constant expressions: globals that may be read
    uint64_t values_left;           // of LIMIT_VALUES

    // Validation.
    struct operand *operands; // the bottom of the stack; the one below ends where homes begin
    struct operand *top;      // next free
    struct control *controls;
    struct control *control; // innermost
    struct control *control_end;
    bool dead; // nothing is emitted

    // Locals.
    uint32_t local_count; // parameters included
    uint32_t local_slots; // that they take
    uint32_t parameter_count;
    valtype *local_types;   // the first LOCALS_EXPANDED
    uint16_t *local_places; // their slots
    struct local_group *groups;
    uint32_t group_count;
    uint8_t *initialised;      // set before any read on this path
    uint32_t *initialised_log; // locals to forget at the end of a block
    uint32_t initialised_count;
    uint32_t zero_first, zero_end; // slots of locals that must be zeroed at entry

    // Translation.
    struct code *code;
    uint8_t *start;        // of the function's cells
    uint8_t *out;          // next cell
    uint8_t *limit;        // cells may be written below this without asking
    struct cell *last;     // last emitted cell; NULL after a label
    uint32_t header;       // slot of the return pc
    uint32_t operand_base; // slot of the operand stack's first home
    uint32_t flushed;      // no operand below this height is a local
    struct tracker trackers[ACCUMULATOR_COUNT];
    struct tracker before_compare; // what r0's tracker was before the last comparison
    uint32_t br_table_count;

    // Tables beside the code: see code.h.
    uint8_t *origin; // next byte
    uint8_t *origin_limit;
    uint32_t origin_cells;       // bytes of cells already attributed
    uint64_t origin_offset;      // module offset of the last attribution
    uint32_t *reference_heights; // operand heights that were given a reference type, ascending
    uint32_t reference_count;

    // Scratch memory: the arrays above.
    struct arena operand_arena, control_arena, local_arena, group_arena, log_arena, reference_arena,
        export_arena;
};

// --- validate.c ---

// Records an error at the current instruction; false.
bool compile_fail(struct compiler *c, enum error_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static inline bool compile_failed(const struct compiler *c)
{
    return c->reader.failed;
}

static inline uint32_t operand_height(const struct compiler *c)
{
    return (uint32_t)(c->top - c->operands);
}

// A type of a thousand values is named by one byte, as often as a module likes: from this many on,
// whoever looks at them one by one asks first. A limit error otherwise.
#define VALUES_FREE 16u
bool spend_values_slow(struct compiler *c, uint32_t count);
static inline bool spend_values(struct compiler *c, uint32_t count)
{
    return __builtin_expect(count <= VALUES_FREE, 1) || spend_values_slow(c, count);
}

// Pushes a temporary, with or without emitting code.
bool push(struct compiler *c, valtype type);
bool push_all(struct compiler *c, const valtype *types, uint32_t count);

// Pops one operand, which must match; VALTYPE_BOTTOM accepts any. The type found, or
// VALTYPE_BOTTOM after an error or from a polymorphic stack.
valtype pop(struct compiler *c, valtype expected);
// Pops a reference of any type; from a polymorphic stack one that matches all.
valtype pop_reference(struct compiler *c);
void pop_all(struct compiler *c, const valtype *types, uint32_t count);

// Are these the topmost operands? Nothing is popped. An error otherwise. In a polymorphic stack
// missing ones count as fitting.
bool check_top(struct compiler *c, const valtype *types, uint32_t count);

// The type of addresses of a memory and of indices of a table.
static inline valtype address_type(const struct limits *limits)
{
    return limits->address64 ? VALTYPE_I64 : VALTYPE_I32;
}

// The signature's letter as a type. Of the opcodes with a signature, those with addresses access
// the memory whose index comes first, which must have been checked.
static inline valtype letter_type(const struct compiler *c, char letter)
{
    static const uint8_t types[] = {['i'] = VALKIND_I32,
                                    ['I'] = VALKIND_I64,
                                    ['f'] = VALKIND_F32,
                                    ['F'] = VALKIND_F64,
                                    ['v'] = VALKIND_V128};

    return letter == 'a' ? address_type(&c->module->memories[c->instruction.index].limits)
                         : types[(uint8_t)letter];
}
// Checks and, in dead code, applies a fixed signature. False: error, or dead and done with.
bool check_signature(struct compiler *c, const struct opcode_info *info);

// Gives the topmost operands other types, which they match.
void retype_top(struct compiler *c, const valtype *types, uint32_t count);

// The rest of the block is dead (specification: unreachable()).
void mark_unreachable(struct compiler *c);

// The frame that label `index` names; NULL after an error.
struct control *label_at(struct compiler *c, uint32_t index);
const valtype *label_types(const struct control *control, uint32_t *count);

valtype local_type(struct compiler *c, uint32_t localidx);
// The slot of a local that there is.
uint32_t local_slot(const struct compiler *c, uint32_t localidx);

// --- translate.c ---

static inline enum accumulator_class accumulator_class(valtype type)
{
    enum valkind kind = valtype_kind(type);

    return kind == VALKIND_F32    ? ACCUMULATOR_F32
           : kind == VALKIND_F64  ? ACCUMULATOR_F64
           : kind == VALKIND_V128 ? ACCUMULATOR_V128
                                  : ACCUMULATOR_INTEGER;
}

// The home slot of the operand at a height, which may be the next one to be pushed.
static inline uint32_t home_slot(const struct compiler *c, uint32_t height)
{
    const struct operand *below = c->operands + height - 1;

    return below->home + valtype_slots(below->type);
}

static inline uint32_t height_of(const struct compiler *c, const struct operand *operand)
{
    return (uint32_t)(operand - c->operands);
}

// The slot of an operand that is not a constant.
static inline uint32_t place_slot(const struct operand *operand)
{
    return operand->place == OPERAND_LOCAL ? (uint32_t)operand->value : operand->home;
}

static inline uint32_t code_offset(const struct compiler *c)
{
    return (uint32_t)(c->out - c->start);
}

// Room for `bytes` more of cells; a limit error otherwise.
bool reserve_cells(struct compiler *c, uint64_t bytes);

// Appends a cell of the operation's length. There is room for the cells of one instruction, but
// instructions that emit a number of them which the module decides call reserve_cells first.
static inline struct cell *emit(struct compiler *c, uint32_t operation)
{
    struct cell *cell = (struct cell *)(void *)c->out;

    cell->handler = operation;
    c->out += operation_info[operation].length;
    c->last = cell;
    return cell;
}

static inline uint32_t fuel_sum(uint32_t left, uint32_t right)
{
    return left <= UINT32_MAX - right ? left + right : UINT32_MAX;
}

// Metered: one instruction that moves very many values pays for them, too.
#define MOVES_PER_FUEL 16u
static inline void charge_moves(struct compiler *c, uint32_t count)
{
    c->control->fuel_cost = fuel_sum(c->control->fuel_cost, count / MOVES_PER_FUEL);
}

// The field that names the slot of the cell's result.
static inline uint16_t *cell_destination(struct cell *cell)
{
    return &cell->a + (operation_info[cell->handler].destination - 1);
}

void trackers_reset(struct compiler *c);
// A slot is written: no accumulator that held its old value does so any longer.
void slot_written(struct compiler *c, uint32_t slot);
// The same of all slots of a value.
void value_written(struct compiler *c, uint32_t slot, valtype type);
// Producers must keep their stores: some other path needs the slots.
void producers_keep(struct compiler *c);

// The slot that holds an operand's value; constants are put into their home first.
uint32_t operand_slot(struct compiler *c, struct operand *operand);
// Is the operand in its class's accumulator?
static inline bool operand_in_accumulator(const struct compiler *c, const struct operand *operand)
{
    return operand->place != OPERAND_CONSTANT &&
           c->trackers[accumulator_class(operand->type)].slot == place_slot(operand);
}
// Uses the operand through the accumulator: its producer may drop the store.
void consume_accumulator(struct compiler *c, const struct operand *operand);

// Where an operation takes an operand from.
enum form_place {
    IN_SLOT,
    IN_ACCUMULATOR,
    IMMEDIATE,
};

// --- compile_numeric.c: what accesses to memories have in common ---

struct access {
    bool checked;
    uint64_t offset;
};

// Checks the memory index, the alignment and the offset of the current instruction.
bool check_access(struct compiler *c, const struct opcode_info *info);
// Where the address is; a constant one goes into the offset, unless their sum leaves the 32 bits
// of a guarded access.
enum form_place find_address(struct compiler *c, struct operand *address, struct access *access);
// Fills in the fields of the cell that every access has.
void put_access(const struct compiler *c, struct cell *cell, const struct access *access);

// --- translate.c ---

// Emits the operation that takes its one operand from where that is: the slot, in field a, or the
// accumulator.
struct cell *emit_with(struct compiler *c, struct operand *operand, uint32_t from_slot,
                       uint32_t from_accumulator);

// Puts the operand into its home, so that its value is where all paths expect it.
void materialise(struct compiler *c, struct operand *operand);
void materialise_top(struct compiler *c, uint32_t count);
// Puts an operand's value into any slot. `consume`: this is its only use.
void move_to_slot(struct compiler *c, struct operand *operand, uint32_t slot, bool consume);
// All operands that are locals go to their homes.
void flush_locals(struct compiler *c);

// Moves the topmost `count` operands to the homes of a label whose operands begin at `height`.
void move_to_label(struct compiler *c, uint32_t height, uint32_t count, bool consume);

// The result of the last cell is in the home of height `height` and in its accumulator.
void result_to(struct compiler *c, struct cell *cell, valtype type, uint32_t height);

// Emits the return of the topmost `count` operands. `consume` as above.
void emit_return(struct compiler *c, uint32_t count, bool consume);

// Appends a displacement to a label's chain, or resolves it at once for a loop.
void branch_field(struct compiler *c, struct control *target, uint32_t field);
// Points the displacement at `field` (an offset in the function) to the next cell.
void patch_here(struct compiler *c, uint32_t field);
void patch_chain(struct compiler *c, uint32_t field);

// Emits a branch on the i32 at the top of the stack, fusing it with the comparison that made it;
// returns the offset of the displacement field. The operand stays on the stack.
uint32_t emit_condition(struct compiler *c, bool if_true);

// If the operand on top is the result of an integer comparison just emitted, inverts that in place.
bool invert_compare(struct compiler *c);

// Emits a branch that is taken if a reference is null, or if it is not; returns the offset of the
// displacement field. The operand stays usable where it is.
uint32_t emit_null_test(struct compiler *c, struct operand *reference, bool if_null);

// Records where the live references are at the call whose cells end here (see code.h).
void record_references(struct compiler *c, uint32_t height);
// The same of a place where exceptions land; the map's number, plus 1, or 0 for an empty one.
uint32_t record_landing(struct compiler *c, uint32_t height);

// --- compile_*.c: a function for each opcode, or group of them, which the table leaves to us. Each
// checks types and, in live code, emits. False after an error. ---

typedef bool compile_function(struct compiler *c);

compile_function compile_numeric; // all that operation.def has in families, and eqz
compile_function compile_wide;    // integers of 128 bits

compile_function compile_vector, compile_vector_constant; // all that vector.def has in families

bool control_push(struct compiler *c, uint16_t opcode);
// What a frame in live code needs before control_push: operands below it are no locals any longer,
// and its parameters go to their homes.
bool control_enter(struct compiler *c);
// The current frame's results, which are checked, go to where its end expects them.
void control_leave(struct compiler *c);
// Locals that were set since the frame began count as unset again.
void control_forget_initialised(struct compiler *c, const struct control *control);
bool control_check_results(struct compiler *c);
// A branch to the label's end or start.
void control_branch(struct compiler *c, struct control *target);
// Are the topmost `count` operands where a branch to the label wants them?
bool control_in_homes(const struct compiler *c, const struct control *target, uint32_t count);
// A branch to the label that is taken unless that at `field` was: around the moves of the topmost
// operands, after which everything is as it was before them.
void control_branch_around(struct compiler *c, struct control *target, uint32_t count,
                           uint32_t field);
compile_function compile_unreachable, compile_nop, compile_block, compile_loop, compile_if,
    compile_else, compile_end, compile_br, compile_br_if, compile_br_table, compile_return;

compile_function compile_call, compile_call_indirect, compile_call_ref, compile_return_call,
    compile_return_call_indirect, compile_return_call_ref;

// Pushes an operand that is somewhere already.
bool push_operand(struct compiler *c, const struct operand *operand);

compile_function compile_constant, compile_local_get, compile_local_set, compile_local_tee,
    compile_global_get, compile_global_set, compile_ref_null, compile_ref_func, compile_ref_is_null,
    compile_drop, compile_select;

compile_function compile_atomic; // accesses, waiting and notifying
compile_function compile_ref_as_non_null, compile_br_on_null, compile_br_on_non_null;

compile_function compile_try_table, compile_throw, compile_throw_ref, compile_try, compile_catch,
    compile_delegate, compile_rethrow;
// At the end of a frame: its region ends here.
void exception_end_region(struct compiler *c, const struct control *control);
// Clauses that land at the frame's end land at the next cell.
void exception_patch_landings(struct compiler *c, const struct control *control);

compile_function compile_memory, compile_table, compile_data_drop, compile_elem_drop;
