// SPDX-License-Identifier: Apache-2.0
#include "sandbox/wasm/compile.h"

#include <assert.h>
#include <string.h>

#include "sandbox/wasm/translate.h"
#include "sandbox/wasm/validate_module.h"

// Who compiles an opcode that is in no family of the operation table. Later features come here
// when instruction_read lets them through.
static compile_function *const compile_context[OPCODE_COUNT] = {
    [OPCODE_UNREACHABLE] = compile_unreachable,
    [OPCODE_NOP] = compile_nop,
    [OPCODE_BLOCK] = compile_block,
    [OPCODE_LOOP] = compile_loop,
    [OPCODE_IF] = compile_if,
    [OPCODE_ELSE] = compile_else,
    [OPCODE_END] = compile_end,
    [OPCODE_BR] = compile_br,
    [OPCODE_BR_IF] = compile_br_if,
    [OPCODE_BR_TABLE] = compile_br_table,
    [OPCODE_RETURN] = compile_return,
    [OPCODE_CALL] = compile_call,
    [OPCODE_CALL_INDIRECT] = compile_call_indirect,
    [OPCODE_CALL_REF] = compile_call_ref,
    [OPCODE_RETURN_CALL] = compile_return_call,
    [OPCODE_RETURN_CALL_INDIRECT] = compile_return_call_indirect,
    [OPCODE_RETURN_CALL_REF] = compile_return_call_ref,
    [OPCODE_TRY_TABLE] = compile_try_table,
    [OPCODE_THROW] = compile_throw,
    [OPCODE_THROW_REF] = compile_throw_ref,
    [OPCODE_TRY] = compile_try,
    [OPCODE_CATCH] = compile_catch,
    [OPCODE_CATCH_ALL] = compile_catch,
    [OPCODE_DELEGATE] = compile_delegate,
    [OPCODE_RETHROW] = compile_rethrow,
    [OPCODE_DROP] = compile_drop,
    [OPCODE_SELECT] = compile_select,
    [OPCODE_SELECT_TYPED] = compile_select,
    [OPCODE_LOCAL_GET] = compile_local_get,
    [OPCODE_LOCAL_SET] = compile_local_set,
    [OPCODE_LOCAL_TEE] = compile_local_tee,
    [OPCODE_GLOBAL_GET] = compile_global_get,
    [OPCODE_GLOBAL_SET] = compile_global_set,
    [OPCODE_I32_CONST] = compile_constant,
    [OPCODE_I64_CONST] = compile_constant,
    [OPCODE_F32_CONST] = compile_constant,
    [OPCODE_F64_CONST] = compile_constant,
    [OPCODE_V128_CONST] = compile_vector_constant,
    [OPCODE_REF_NULL] = compile_ref_null,
    [OPCODE_REF_IS_NULL] = compile_ref_is_null,
    [OPCODE_REF_FUNC] = compile_ref_func,
    [OPCODE_REF_AS_NON_NULL] = compile_ref_as_non_null,
    [OPCODE_BR_ON_NULL] = compile_br_on_null,
    [OPCODE_BR_ON_NON_NULL] = compile_br_on_non_null,
    [OPCODE_TABLE_GET] = compile_table,
    [OPCODE_TABLE_SET] = compile_table,
    [OPCODE_TABLE_SIZE] = compile_table,
    [OPCODE_TABLE_GROW] = compile_table,
    [OPCODE_TABLE_FILL] = compile_table,
    [OPCODE_TABLE_COPY] = compile_table,
    [OPCODE_TABLE_INIT] = compile_table,
    [OPCODE_ELEM_DROP] = compile_elem_drop,
    [OPCODE_MEMORY_SIZE] = compile_memory,
    [OPCODE_MEMORY_GROW] = compile_memory,
    [OPCODE_MEMORY_FILL] = compile_memory,
    [OPCODE_MEMORY_COPY] = compile_memory,
    [OPCODE_MEMORY_INIT] = compile_memory,
    [OPCODE_DATA_DROP] = compile_data_drop,
    [OPCODE_I32_EQZ] = compile_numeric,
    [OPCODE_I64_EQZ] = compile_numeric,
    [OPCODE_I64_ADD128] = compile_wide,
    [OPCODE_I64_SUB128] = compile_wide,
    [OPCODE_I64_MUL_WIDE_S] = compile_wide,
    [OPCODE_I64_MUL_WIDE_U] = compile_wide,
    [OPCODE_ATOMIC_FENCE] = compile_nop,
    [OPCODE_MEMORY_ATOMIC_NOTIFY... OPCODE_MEMORY_ATOMIC_WAIT64] = compile_atomic,
    [OPCODE_I32_ATOMIC_LOAD... OPCODE_I64_ATOMIC_RMW32_CMPXCHG_U] = compile_atomic,
};

// Constant expressions (specification: "Constant Expressions"). global.get's own rule is in
// compile_variable.
static bool is_constant(uint16_t opcode)
{
    switch (opcode) {
    case OPCODE_I32_CONST:
    case OPCODE_I64_CONST:
    case OPCODE_F32_CONST:
    case OPCODE_F64_CONST:
    case OPCODE_V128_CONST:
    case OPCODE_I32_ADD:
    case OPCODE_I32_SUB:
    case OPCODE_I32_MUL:
    case OPCODE_I64_ADD:
    case OPCODE_I64_SUB:
    case OPCODE_I64_MUL:
    case OPCODE_REF_NULL:
    case OPCODE_REF_FUNC:
    case OPCODE_GLOBAL_GET:
    case OPCODE_END:
        return true;
    default:
        return false;
    }
}

// --- origins: see code.h ---

static void write_leb(struct compiler *c, uint64_t value)
{
    while (value >= 0x80) {
        *c->origin++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *c->origin++ = (uint8_t)value;
}

#define ORIGIN_BYTES_MAX 20 // two LEB128 numbers of 64 bits

static bool reserve_origin(struct compiler *c)
{
    struct arena *origins = &c->module->origins;
    size_t used = (size_t)(c->origin - origins->base);

    if (!arena_commit(origins, used + ARENA_GRANULE))
        return compile_fail(c, ERROR_LIMIT_CODE, "the table of origins is too large");
    c->origin_limit = origins->base + origins->used;
    return true;
}

// Attributes the cells emitted since the last time to the current instruction.
static bool record_origin(struct compiler *c)
{
    uint32_t cells = code_offset(c);

    assert(c->out <= c->limit); // what was not reserved was within the slack
    if (cells == c->origin_cells)
        return true;
    if (c->origin_limit - c->origin < ORIGIN_BYTES_MAX && !reserve_origin(c))
        return false;
    write_leb(c, (cells - c->origin_cells) / 8);
    write_leb(c, c->instruction.offset - c->origin_offset);
    c->origin_cells = cells;
    c->origin_offset = c->instruction.offset;
    return true;
}

// --- one function ---

static bool compile_instruction(struct compiler *c)
{
    if (!instruction_read(&c->reader, &c->names, &c->instruction))
        return false;
    uint16_t opcode = c->instruction.opcode;
    if (c->limit - c->out < (ptrdiff_t)TRANSLATE_SLACK && !reserve_cells(c, 0))
        return false;
    if (c->constant && !is_constant(opcode))
        return compile_fail(c, ERROR_CONSTANT_EXPRESSION_REQUIRED, "%s",
                            opcode_info[opcode].mnemonic);
    if (c->options->metered && c->control->fuel_cost != UINT32_MAX)
        c->control->fuel_cost++;
    compile_function *function = numeric_operation[opcode].family != FAMILY_OTHER
                                     ? compile_numeric
                                     : compile_context[opcode];
    return function(c) && !compile_failed(c) && record_origin(c);
}

static bool compile_expression(struct compiler *c)
{
    while (c->control) {
        if (!compile_instruction(c))
            return false;
    }
    if (!reader_done(&c->reader))
        return reader_fail(&c->reader, ERROR_END_OPCODE_EXPECTED, "the body goes on after its end");
    return true;
}

// Of locals, for whoever looks for exceptions that are alive.
static bool note_exception_locals(struct compiler *c, uint32_t first_slot, uint32_t count)
{
    struct local_run *run =
        arena_alloc(&c->module->exception_locals, sizeof *run, _Alignof(struct local_run));

    if (!run)
        return compile_fail(c, ERROR_LIMIT_CODE, "too many groups of locals");
    *run = (struct local_run){first_slot, count};
    c->code->exception_local_count++;
    return true;
}

// One group of locals: types of the first ones into the array, all into the groups.
static bool add_locals(struct compiler *c, uint64_t count, valtype type)
{
    uint64_t end = c->local_count + count;

    uint32_t first_slot = c->local_slots, width = valtype_slots(type);

    for (uint32_t i = c->local_count; i < end && i < LOCALS_EXPANDED; i++) {
        c->local_types[i] = type;
        c->local_places[i] = (uint16_t)(first_slot + (i - c->local_count) * width);
    }
    c->local_slots += (uint32_t)count * width;
    struct local_group *group =
        arena_alloc(&c->group_arena, sizeof *group, _Alignof(struct local_group));
    if (!group)
        return compile_fail(c, ERROR_LIMIT_FRAME, "too many groups of locals");
    *group = (struct local_group){(uint32_t)end, c->local_slots, type};
    c->group_count++;
    // References are always live for whoever looks for them, so they must be null at first.
    if (valtype_is_reference(type)) {
        c->code->holds_references = true;
        if (count > 0 && c->local_count >= c->parameter_count) {
            if (first_slot < c->zero_first)
                c->zero_first = first_slot;
            c->zero_end = c->local_slots;
            if (valtype_heaptype(type) == HEAPTYPE_EXN &&
                !note_exception_locals(c, first_slot, (uint32_t)count))
                return false;
        }
    }
    c->local_count = (uint32_t)end;
    return true;
}

// More locals than a number can count are malformed, wherever they stand; so many that a frame
// cannot hold them are not, and are refused after all groups were read.
static bool read_locals(struct compiler *c)
{
    uint64_t total = c->local_count;
    uint32_t count = reader_count(&c->reader, 2);

    for (uint32_t i = 0; i < count && !compile_failed(c); i++) {
        c->instruction.offset = reader_offset(&c->reader);
        uint32_t length = reader_u32(&c->reader);
        valtype type = valtype_read(&c->reader, &c->names);
        total += length;
        if (compile_failed(c))
            return false;
        if (total > UINT32_MAX)
            return compile_fail(c, ERROR_TOO_MANY_LOCALS, NULL);
        if (total <= LIMIT_FRAME_SLOTS && !add_locals(c, length, type))
            return false;
    }
    if (!compile_failed(c) && total > LIMIT_FRAME_SLOTS)
        return compile_fail(c, ERROR_LIMIT_FRAME, "%llu locals", (unsigned long long)total);
    return !compile_failed(c);
}

static void reset_function(struct compiler *c, struct code *code, const uint8_t *bytes,
                           uint32_t size, uint64_t offset)
{
    reader_init(&c->reader, bytes, size, offset, c->reader.error);
    c->reader.end_code = ERROR_UNEXPECTED_END_OF_SECTION;
    c->code = code;
    code->exception_locals =
        (uint32_t)(arena_mark(&c->module->exception_locals) / sizeof(struct local_run));
    c->top = c->operands;
    c->control = NULL;
    c->dead = false;
    while (c->initialised_count > 0)
        c->initialised[c->initialised_log[--c->initialised_count]] = 0;
    arena_release(&c->group_arena, 0);
    c->local_count = c->local_slots = c->parameter_count = c->group_count = 0;
    c->zero_first = UINT32_MAX;
    c->zero_end = 0;
    c->flushed = 0;
    c->reference_count = 0;
    c->br_table_count = 0;
    c->start = c->limit = c->out;
    c->origin_cells = PROLOGUE_BYTES;
    c->origin_offset = offset;
    c->instruction.offset = offset;
    c->instruction.opcode = OPCODE_END;
    trackers_reset(c);
}

// Lays out the frame, once all locals are known: parameters, locals, header, operands. The header
// must not be in the way of results either, which are returned in slots 0 and up.
static bool lay_out_frame(struct compiler *c, uint32_t result_slots)
{
    uint32_t header = c->local_slots > result_slots ? c->local_slots : result_slots;

    // Room for a call's header behind the last operand.
    if (header + 2 + 16 > LIMIT_FRAME_SLOTS)
        return compile_fail(c, ERROR_LIMIT_FRAME, "%u locals", c->local_count);
    c->header = header;
    c->operand_base = header + 2;
    c->operands[-1] = (struct operand){.home = (uint16_t)(c->operand_base - 1)};
    return true;
}

static void finish_prologue(struct compiler *c)
{
    struct cell *cell = (struct cell *)(void *)c->start;
    struct code *code = c->code;

    code->entry = c->start;
    code->prologue = PROLOGUE_BYTES;
    if (c->zero_first >= c->zero_end) {
        code->entry += PROLOGUE_BYTES;
        code->prologue = 0;
        return;
    }
    uint32_t count = c->zero_end - c->zero_first;
    cell->handler = count <= 8 ? OPERATION_ZERO : OPERATION_ZERO_MANY;
    cell->a = (uint16_t)c->zero_first;
    cell->b = (uint16_t)count;
}

// Compiles what the reader is at, as the body of a function of that type.
static bool compile_body(struct compiler *c, const valtype *results, uint32_t result_count)
{
    struct code *code = c->code;
    size_t origins = (size_t)(c->origin - c->module->origins.base);
    size_t references = arena_mark(&c->module->references);
    size_t regions = arena_mark(&c->module->regions);

    if (!lay_out_frame(c, valtypes_slots(results, result_count)) ||
        !reserve_cells(c, PROLOGUE_BYTES) ||
        !arena_commit(&c->control_arena, sizeof(struct control)))
        return false;
    c->out += PROLOGUE_BYTES;
    if (!control_push(c, OPCODE_INVALID))
        return false;
    c->controls->results = results;
    c->controls->result_count = result_count;
    c->controls->parameters = NULL;
    c->controls->parameter_count = 0;
    if (!compile_expression(c))
        return false;
    finish_prologue(c);
    if (origins > UINT32_MAX || references / sizeof(struct reference_map) > UINT32_MAX)
        return compile_fail(c, ERROR_LIMIT_CODE, "tables beside the code are too large");
    code->size = (uint32_t)(c->out - code->entry);
    code->header = (uint16_t)c->header;
    code->origins = (uint32_t)origins;
    code->origins_size = (uint32_t)((size_t)(c->origin - c->module->origins.base) - origins);
    code->references = (uint32_t)(references / sizeof(struct reference_map));
    code->regions = (uint32_t)(regions / sizeof(struct exception_region));
    code->region_count =
        (uint32_t)((arena_mark(&c->module->regions) - regions) / sizeof(struct exception_region));
    return true;
}

static bool compile_function_body(struct compiler *c, uint32_t index)
{
    struct module *module = c->module;
    const struct body *body = &module->bodies[index];
    uint32_t type_number = module->functions[module->imported_function_count + index].type;
    const struct deftype *type = type_at(c->store, type_number);
    const valtype *parameters = deftype_parameters(type);

    reset_function(c, &module->codes[index], body->bytes, body->size, body->offset);
    c->constant = false;
    c->parameter_count = type->parameter_count;
    for (uint32_t i = 0; i < type->parameter_count; i++) {
        if (!add_locals(c, 1, parameters[i]))
            return false;
    }
    return read_locals(c) && compile_body(c, deftype_results(type), type->result_count);
}

// Makes `expression->code`: a function without parameters.
static bool compile_constant_expression(struct compiler *c, struct expression *expression,
                                        valtype type)
{
    valtype result = type;

    expression->code = arena_alloc(&c->module->arena, sizeof(struct code), _Alignof(struct code));
    if (!expression->code)
        return compile_fail(c, ERROR_LIMIT_MEMORY, NULL);
    reset_function(c, expression->code, expression->bytes, expression->size, expression->offset);
    c->constant = true;
    return compile_body(c, &result, 1);
}

// --- the module ---

static bool compile_globals(struct compiler *c)
{
    struct module *module = c->module;

    for (uint32_t i = module->imported_global_count; i < module->global_count; i++) {
        c->globals_visible = i; // imported ones and those before
        if (!compile_constant_expression(c, &module->globals[i].initial,
                                         module->globals[i].type.type))
            return false;
    }
    c->globals_visible = module->global_count;
    return true;
}

// A table's initial value sees imported globals alone (specification: Module_ok).
static bool compile_tables(struct compiler *c)
{
    struct module *module = c->module;

    c->globals_visible = module->imported_global_count;
    for (uint32_t i = module->imported_table_count; i < module->table_count; i++) {
        struct table_declaration *table = &module->tables[i];
        if (table->has_initial &&
            !compile_constant_expression(c, &table->initial, table->type.element))
            return false;
    }
    return true;
}

static bool compile_element(struct compiler *c, struct element_segment *element)
{
    if (element->mode == SEGMENT_ACTIVE &&
        !compile_constant_expression(
            c, &element->offset, address_type(&c->module->tables[element->tableidx].type.limits)))
        return false;
    for (uint32_t i = 0; element->expressions && i < element->count; i++) {
        if (!compile_constant_expression(c, &element->expressions[i], element->type))
            return false;
    }
    return true;
}

static bool compile_segments(struct compiler *c)
{
    struct module *module = c->module;

    for (uint32_t i = 0; i < module->element_count; i++) {
        if (!compile_element(c, &module->elements[i]))
            return false;
    }
    for (uint32_t i = 0; i < module->data_count; i++) {
        struct data_segment *data = &module->datas[i];
        if (data->mode == SEGMENT_ACTIVE &&
            !compile_constant_expression(c, &data->offset,
                                         address_type(&module->memories[data->memidx].limits)))
            return false;
    }
    return true;
}

static bool compile_functions(struct compiler *c)
{
    struct module *module = c->module;

    module->codes = arena_array(&module->arena, module->body_count, sizeof(struct code));
    if (!module->codes && module->body_count > 0)
        return compile_fail(c, ERROR_LIMIT_MEMORY, NULL);
    for (uint32_t i = 0; i < module->body_count; i++) {
        if (!compile_function_body(c, i))
            return false;
    }
    return true;
}

// Address space for one arena; commits nothing.
static bool reserve(struct arena *arena, uint64_t bytes, struct error *error)
{
    return arena_init(arena, bytes, error);
}

static bool compiler_init(struct compiler *c, struct error *error)
{
    uint64_t size = c->module->size;

    return reserve(&c->operand_arena, (LIMIT_FRAME_SLOTS + 16) * sizeof(struct operand), error) &&
           reserve(&c->control_arena, (LIMIT_BLOCK_DEPTH + 2ull) * sizeof(struct control), error) &&
           reserve(&c->local_arena, LOCALS_EXPANDED * 16 + LIMIT_FRAME_SLOTS * 8, error) &&
           reserve(&c->group_arena, (size + LIMIT_FRAME_SLOTS) * sizeof(struct local_group),
                   error) &&
           reserve(&c->reference_arena, (LIMIT_FRAME_SLOTS + 16) * sizeof(uint32_t), error) &&
           reserve(&c->module->cells, c->options->code_bytes_max + TRANSLATE_SLACK, error) &&
           reserve(&c->module->origins, size * 24 + ARENA_GRANULE, error) &&
           reserve(&c->module->references, size * 16 + ARENA_GRANULE, error) &&
           reserve(&c->module->reference_bits, c->options->code_bytes_max, error) &&
           reserve(&c->module->exception_locals, size * 4 + ARENA_GRANULE, error) &&
           reserve(&c->module->regions, size * 8 + ARENA_GRANULE, error) &&
           reserve(&c->module->clauses, size * 16 + ARENA_GRANULE, error) &&
           reserve(&c->module->landing_references, size * 16 + ARENA_GRANULE, error) &&
           arena_commit(&c->operand_arena, LIMIT_FRAME_SLOTS * sizeof(struct operand)) &&
           arena_commit(&c->reference_arena, LIMIT_FRAME_SLOTS * sizeof(uint32_t)) &&
           arena_commit(&c->module->origins, ARENA_GRANULE);
}

static void compiler_finish(struct compiler *c)
{
    arena_finish(&c->operand_arena);
    arena_finish(&c->control_arena);
    arena_finish(&c->local_arena);
    arena_finish(&c->group_arena);
    arena_finish(&c->reference_arena);
}

static bool compile_module(struct compiler *c)
{
    c->operands = (struct operand *)(void *)c->operand_arena.base + 1;
    c->controls = (struct control *)(void *)c->control_arena.base;
    c->groups = (struct local_group *)(void *)c->group_arena.base;
    c->reference_heights = (uint32_t *)(void *)c->reference_arena.base;
    c->local_types = arena_array(&c->local_arena, LOCALS_EXPANDED, sizeof *c->local_types);
    c->local_places = arena_array(&c->local_arena, LOCALS_EXPANDED, sizeof *c->local_places);
    c->initialised_log = arena_array(&c->local_arena, LIMIT_FRAME_SLOTS, sizeof(uint32_t));
    c->initialised = arena_alloc(&c->local_arena, LIMIT_FRAME_SLOTS, 1);
    c->values_left = LIMIT_VALUES + (uint64_t)LIMIT_VALUES_PER_BYTE * c->module->size;
    c->out = c->module->cells.base;
    c->origin = c->module->origins.base;
    c->origin_limit = c->origin + c->module->origins.used;
    return compile_tables(c) && compile_globals(c) && compile_segments(c) && compile_functions(c);
}

bool module_compile(struct module *module, const struct type_store *store,
                    const struct compile_options *options, struct error *error)
{
    struct compiler c = {
        .module = module,
        .store = store,
        .options = options,
        .memory0_guarded = module->memory_count > 0 && !options->checked_memory &&
                           memorytype_is_guardable(&module->memories[0]),
        .names = {module->types, module->type_count, module->features, &module->features_used},
        .reader = {.error = error}};

    bool done =
        module_validate(module, store, error) && compiler_init(&c, error) && compile_module(&c);
    if (!done && error->code == ERROR_NONE)
        error_set(error, ERROR_LIMIT_MEMORY, 0, NULL);
    compiler_finish(&c);
    return done;
}
