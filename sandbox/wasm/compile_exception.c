// SPDX-License-Identifier: Apache-2.0
//
// Exceptions, as of today and as of old. A try block emits nothing: its body is a region, and where
// exceptions that are thrown in it land is said by clauses in a table beside the code (code.h).
//
// A catch of the legacy encoding hides an operand below its own: the reference to what it caught.
// It stays null unless a rethrow names the catch, which is known when its cells are all there.
#include "sandbox/wasm/translate.h"

static struct exception_region *region_at(struct compiler *c, uint32_t index)
{
    return (struct exception_region *)(void *)c->module->regions.base + index;
}

static struct exception_clause *clause_at(struct compiler *c, uint32_t index)
{
    return (struct exception_clause *)(void *)c->module->clauses.base + index;
}

static uint32_t cell_offset(const struct compiler *c)
{
    return code_offset(c) - PROLOGUE_BYTES;
}

// A region that begins here; REGION_NONE in dead code, where nothing can be thrown.
static bool begin_region(struct compiler *c, uint32_t *index)
{
    *index = REGION_NONE;
    if (c->dead)
        return true;
    struct exception_region *region =
        arena_alloc(&c->module->regions, sizeof *region, _Alignof(struct exception_region));
    if (!region)
        return compile_fail(c, ERROR_LIMIT_CODE, "too many try blocks");
    *region = (struct exception_region){.start = cell_offset(c),
                                        .parent = c->control->region,
                                        .next = c->control->region,
                                        .clauses = CLAUSE_NONE};
    *index = (uint32_t)(region - region_at(c, 0));
    return true;
}

void exception_end_region(struct compiler *c, const struct control *control)
{
    if (control->own_region != REGION_NONE && control->region == control->own_region)
        region_at(c, control->own_region)->end = cell_offset(c);
}

// Appends a clause to a region, whose last one so far is `last`.
static bool add_clause(struct compiler *c, uint32_t region, uint32_t last,
                       struct exception_clause clause, uint32_t *index)
{
    struct exception_clause *added =
        arena_alloc(&c->module->clauses, sizeof *added, _Alignof(struct exception_clause));

    if (!added)
        return compile_fail(c, ERROR_LIMIT_CODE, "too many catch clauses");
    *added = clause;
    added->next = CLAUSE_NONE;
    *index = (uint32_t)(added - clause_at(c, 0));
    if (last == CLAUSE_NONE)
        region_at(c, region)->clauses = *index;
    else
        clause_at(c, last)->next = *index;
    return true;
}

void exception_patch_landings(struct compiler *c, const struct control *control)
{
    for (uint32_t index = control->landings; index != CLAUSE_NONE;) {
        struct exception_clause *clause = clause_at(c, index);
        index = clause->landing;
        clause->landing = cell_offset(c);
    }
}

// The parameters of a tag; NULL after an error.
static const struct deftype *tag_type(struct compiler *c, uint32_t tagidx)
{
    if (tagidx < c->module->tag_count)
        return type_at(c->store, c->module->tags[tagidx].type);
    compile_fail(c, ERROR_UNKNOWN_TAG, "%u", tagidx);
    return NULL;
}

// --- throwing ---

bool compile_throw(struct compiler *c)
{
    const struct deftype *type = tag_type(c, c->instruction.index);

    if (!type || !check_top(c, deftype_parameters(type), type->parameter_count))
        return false;
    if (!c->dead) {
        materialise_top(c, type->parameter_count);
        struct cell *cell = emit(c, OPERATION_THROW);
        cell->a = (uint16_t)home_slot(c, operand_height(c) - type->parameter_count);
        cell->imm = c->instruction.index;
    }
    mark_unreachable(c);
    return !compile_failed(c);
}

bool compile_throw_ref(struct compiler *c)
{
    pop(c, VALTYPE_REF_NULL(HEAPTYPE_EXN));
    if (compile_failed(c))
        return false;
    if (!c->dead) {
        uint32_t slot = operand_slot(c, c->top);
        emit(c, OPERATION_THROW_REF)->a = (uint16_t)slot;
    }
    mark_unreachable(c);
    return !compile_failed(c);
}

bool compile_rethrow(struct compiler *c)
{
    struct control *target = label_at(c, c->instruction.index);

    if (!target)
        return false;
    if (target->opcode != OPCODE_CATCH && target->opcode != OPCODE_CATCH_ALL)
        return compile_fail(c, ERROR_RETHROW_LABEL, "%u", c->instruction.index);
    if (!c->dead) {
        clause_at(c, target->clause)->wants_object = true;
        emit(c, OPERATION_THROW_REF)->a = (uint16_t)home_slot(c, target->label_height);
    }
    mark_unreachable(c);
    return true;
}

// --- try_table ---

// Catch_ok: what the clause gives is what the label takes.
static bool check_clause(struct compiler *c, const struct catch_clause *catch,
                         const struct control *target)
{
    static const valtype reference = VALTYPE_REF(HEAPTYPE_EXN);
    bool has_tag = catch->kind == CATCH_TAG || catch->kind == CATCH_TAG_REFERENCE;
    bool has_reference = catch->kind == CATCH_TAG_REFERENCE || catch->kind == CATCH_ANY_REFERENCE;
    const struct deftype *type = has_tag ? tag_type(c, catch->tagidx) : NULL;
    uint32_t count, payload = type ? type->parameter_count : 0;
    const valtype *types = label_types(target, &count);
    bool matches = count == payload + has_reference;

    if ((has_tag && !type) || !spend_values(c, payload))
        return false;
    for (uint32_t i = 0; matches && i < payload; i++)
        matches = valtype_matches(c->store, deftype_parameters(type)[i], types[i]);
    if (matches && has_reference)
        matches = valtype_matches(c->store, reference, types[payload]);
    return matches || compile_fail(c, ERROR_TYPE_MISMATCH,
                                   "the label of a catch clause takes other values than it gives");
}

static bool emit_clause(struct compiler *c, uint32_t region, uint32_t *last,
                        const struct catch_clause *catch, struct control *target)
{
    uint32_t slot = home_slot(c, target->label_height), payload = 0;
    struct exception_clause clause = {.tagidx = CLAUSE_ANY_TAG, .slot = (uint16_t)slot};

    if (catch->kind == CATCH_TAG || catch->kind == CATCH_TAG_REFERENCE) {
        clause.tagidx = catch->tagidx;
        payload = deftype_parameter_slots(tag_type(c, catch->tagidx));
    }
    if (catch->kind == CATCH_TAG_REFERENCE || catch->kind == CATCH_ANY_REFERENCE) {
        clause.wants_object = true;
        clause.reference_slot = (uint16_t)(slot + payload);
        clause.references = record_landing(c, target->label_height);
    }
    if (target->opcode == OPCODE_LOOP)
        clause.landing = target->start - PROLOGUE_BYTES;
    else
        clause.landing = target->landings;
    if (!add_clause(c, region, *last, clause, last))
        return false;
    if (target->opcode != OPCODE_LOOP) {
        target->landings = *last;
        target->targeted = true;
    }
    return true;
}

// The labels of clauses are counted from outside of the block.
static bool compile_clauses(struct compiler *c, uint32_t region)
{
    struct reader clauses;
    uint32_t last = CLAUSE_NONE;

    reader_init(&clauses, c->instruction.table, (size_t)(c->reader.cursor - c->instruction.table),
                0, c->reader.error);
    for (uint32_t i = 0; i < c->instruction.count; i++) {
        struct catch_clause catch;

        catch_read(&clauses, &catch);
        struct control *target = label_at(c, catch.label);
        if (!target || !check_clause(c, &catch, target) ||
            (region != REGION_NONE && !emit_clause(c, region, &last, &catch, target)))
            return false;
    }
    return true;
}

static bool push_try(struct compiler *c, uint16_t opcode, uint32_t region)
{
    if (!control_push(c, opcode))
        return false;
    c->control->own_region = region;
    if (region != REGION_NONE)
        c->control->region = region;
    return true;
}

bool compile_try_table(struct compiler *c)
{
    uint32_t region;

    return control_enter(c) && begin_region(c, &region) && compile_clauses(c, region) &&
           push_try(c, OPCODE_TRY_TABLE, region);
}

// --- the legacy encoding ---

bool compile_try(struct compiler *c)
{
    uint32_t region;

    return control_enter(c) && begin_region(c, &region) && push_try(c, OPCODE_TRY, region);
}

// The clause for what follows, in a try block of live code.
static bool begin_clause(struct compiler *c, struct control *control, bool has_tag)
{
    struct exception_clause clause = {
        .tagidx = has_tag ? c->instruction.index : CLAUSE_ANY_TAG,
        .landing = cell_offset(c),
        .slot = (uint16_t)home_slot(c, control->height),
        .reference_slot = (uint16_t)home_slot(c, control->label_height),
        .references = record_landing(c, control->label_height),
    };

    control->targeted = true; // by what falls through the catch, whose results are to be moved
    trackers_reset(c);
    return add_clause(c, control->own_region, control->clause, clause, &control->clause);
}

// The frame goes on as that of a catch: without its region, and above the hidden operand.
static void turn_into_catch(struct compiler *c, struct control *control)
{
    exception_end_region(c, control);
    control->region = control > c->controls ? (control - 1)->region : REGION_NONE;
    c->dead = control->dead;
    control_forget_initialised(c, control);
    control->opcode = c->instruction.opcode;
    control->unreachable = false;
    control->height = control->label_height + 1;
    c->top = c->operands + control->label_height;
}

bool compile_catch(struct compiler *c)
{
    struct control *control = c->control;
    bool has_tag = c->instruction.opcode == OPCODE_CATCH;
    const struct deftype *type = NULL;

    if (control->opcode != OPCODE_TRY && control->opcode != OPCODE_CATCH)
        return compile_fail(c, ERROR_MISPLACED_CATCH, NULL);
    if (!control_check_results(c) || (has_tag && !(type = tag_type(c, c->instruction.index))))
        return false;
    if (!c->dead) {
        control_leave(c);
        control_branch(c, control);
    }
    turn_into_catch(c, control);
    if (!push(c, VALTYPE_REF_NULL(HEAPTYPE_EXN)) ||
        (control->own_region != REGION_NONE && !begin_clause(c, control, has_tag)))
        return false;
    return !type || push_all(c, deftype_parameters(type), type->parameter_count);
}

// The exception goes on as if it had been thrown directly inside of the block that the label names.
bool compile_delegate(struct compiler *c)
{
    struct control *control = c->control;

    if (control->opcode != OPCODE_TRY)
        return compile_fail(c, ERROR_MISPLACED_CATCH, NULL);
    if (c->instruction.index >= (uint32_t)(control - c->controls))
        return compile_fail(c, ERROR_UNKNOWN_LABEL, "%u", c->instruction.index);
    const struct control *target = control - 1 - c->instruction.index;
    if (control->own_region != REGION_NONE)
        region_at(c, control->own_region)->next = target->region;
    return compile_end(c);
}
