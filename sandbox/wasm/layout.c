// SPDX-License-Identifier: Apache-2.0
#include "sandbox/wasm/layout.h"

#include <inttypes.h>
#include <string.h>

#include "sandbox/wasm/dylink.h"

enum {
    I32_CONST = 0x41, // opcodes of constant expressions
    I64_CONST = 0x42,
    END = 0x0B,
    NAMES_OF_GLOBALS = 7 // subsection of the name section
};

#define NO_GLOBAL     UINT32_MAX
#define NO_ADDRESS    UINT64_MAX
#define WRAP_BYTES    65536u
#define STACK_NAME    "__stack_pointer"
#define ADDRESS32_MAX ((uint64_t)UINT32_MAX)

bool layout_constant(const struct expression *expression, uint64_t *value)
{
    struct error error = {.code = ERROR_NONE};
    struct reader reader;
    uint64_t constant;
    uint8_t opcode;

    if (expression->size == 0)
        return false;
    reader_init(&reader, expression->bytes, expression->size, 0, &error);
    opcode = reader_u8(&reader);
    if (opcode == I32_CONST)
        constant = (uint32_t)reader_s32(&reader);
    else if (opcode == I64_CONST)
        constant = (uint64_t)reader_s64(&reader);
    else
        return false;
    if (reader_u8(&reader) != END || !reader_done(&reader) || reader.failed)
        return false;
    *value = constant;
    return true;
}

// --- what the linker calls its symbols -----------------------------------------------------------

// Addresses by the linker's names; NO_ADDRESS where they are not known.
struct symbols {
    uint64_t stack_pointer;
    uint64_t stack_low;
    uint64_t data_end;
    uint64_t heap_base;
    uint32_t stack_pointer_index; // of the global that code can write; NO_GLOBAL if there is none
};

// Can it be a stack pointer that code moves?
static bool is_movable(const struct module *module, uint32_t globalidx)
{
    const struct globaltype *type = &module->globals[globalidx].type;

    return type->is_mutable && (type->type == VALTYPE_I32 || type->type == VALTYPE_I64);
}

static void note(struct symbols *symbols, const struct module *module, struct name name,
                 uint32_t globalidx)
{
    const struct {
        const char *name;
        uint64_t *address;
    } known[] = {{STACK_NAME, &symbols->stack_pointer},
                 {"__stack_low", &symbols->stack_low},
                 {"__data_end", &symbols->data_end},
                 {"__heap_base", &symbols->heap_base}};
    uint64_t value;

    if (globalidx >= module->global_count)
        return;
    if (name_is(name, STACK_NAME) && is_movable(module, globalidx))
        symbols->stack_pointer_index = globalidx;
    if (!layout_constant(&module->globals[globalidx].initial, &value))
        return;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (name_is(name, known[i].name))
            *known[i].address = value;
    }
}

// Names of globals; a section that is not well-formed says nothing from there on.
static void read_names(struct symbols *symbols, const struct module *module,
                       const struct custom_section *section)
{
    struct error error = {.code = ERROR_NONE};
    struct reader reader;

    reader_init(&reader, section->bytes, section->size, 0, &error);
    while (!reader_done(&reader)) {
        uint8_t id = reader_u8(&reader);
        uint32_t size = reader_u32(&reader);
        struct reader content;

        if (!reader_sub(&reader, size, &content))
            return;
        if (id != NAMES_OF_GLOBALS)
            continue;
        for (uint32_t count = reader_count(&content, 2); count > 0 && !content.failed; count--) {
            uint32_t globalidx = reader_u32(&content);
            struct name name = reader_name(&content);

            if (!content.failed)
                note(symbols, module, name, globalidx);
        }
    }
}

static struct symbols find_symbols(const struct module *module)
{
    struct symbols symbols = {NO_ADDRESS, NO_ADDRESS, NO_ADDRESS, NO_ADDRESS, NO_GLOBAL};

    for (uint32_t i = 0; i < module->custom_count; i++) {
        if (name_is(module->customs[i].name, "name"))
            read_names(&symbols, module, &module->customs[i]);
    }
    for (uint32_t i = 0; i < module->import_count; i++) {
        const struct import *import = &module->imports[i];

        if (import->kind == EXTERNAL_GLOBAL)
            note(&symbols, module, import->name, import->index);
    }
    for (uint32_t i = 0; i < module->export_count; i++) {
        const struct export *export = &module->exports[i];

        if (export->kind == EXTERNAL_GLOBAL)
            note(&symbols, module, export->name, export->index);
    }
    if (symbols.stack_pointer_index != NO_GLOBAL &&
        !layout_constant(&module->globals[symbols.stack_pointer_index].initial,
                         &symbols.stack_pointer))
        symbols.stack_pointer = NO_ADDRESS;
    return symbols;
}

// --- regions -------------------------------------------------------------------------------------

// From the first to the last byte that active segments with a constant place write to memory 0;
// empty without any.
static struct layout_region find_data(const struct module *module)
{
    struct layout_region data = {.first = NO_ADDRESS};

    for (uint32_t i = 0; i < module->data_count; i++) {
        const struct data_segment *segment = &module->datas[i];
        uint64_t address;

        if (segment->mode != SEGMENT_ACTIVE || segment->memidx != 0 || segment->size == 0 ||
            !layout_constant(&segment->offset, &address) || segment->size > UINT64_MAX - address)
            continue;
        if (address < data.first)
            data.first = address;
        if (address + segment->size > data.end)
            data.end = address + segment->size;
    }
    return data;
}

// Where static data begin or, if all of them are zero, end: a stack that is first ends before that.
static uint64_t first_datum(const struct symbols *symbols, const struct layout_region *data)
{
    return data->first < data->end ? data->first : symbols->data_end;
}

// By what the module tells alone.
static enum stack_evidence find_evidence(const struct symbols *symbols,
                                         const struct layout_region *data, uint64_t *low)
{
    uint64_t top = symbols->stack_pointer;
    uint64_t first = first_datum(symbols, data);

    *low = 0;
    if (top == NO_ADDRESS)
        return STACK_EVIDENCE_NONE;
    if (symbols->stack_low < top) {
        *low = symbols->stack_low;
        return STACK_EVIDENCE_LOW;
    }
    if (first != NO_ADDRESS && top <= first)
        return STACK_EVIDENCE_FIRST;
    if (symbols->data_end < top) {
        *low = symbols->data_end;
        return STACK_EVIDENCE_DATA;
    }
    return STACK_EVIDENCE_NONE;
}

// Without evidence, zeroed data may be part of what lies between the data and the stack's upper
// end.
static struct layout_region find_stack(const struct module *module, const struct symbols *symbols,
                                       const struct layout_region *data)
{
    struct layout_region stack = {.first = NO_ADDRESS, .end = symbols->stack_pointer};

    if (stack.end == NO_ADDRESS)
        return (struct layout_region){0, 0};
    if (module->stack.evidence == STACK_EVIDENCE_GIVEN)
        stack.first = module->stack.low;
    else if (find_evidence(symbols, data, &stack.first) == STACK_EVIDENCE_NONE)
        stack.first = data->first < data->end ? data->end : NO_ADDRESS;
    return stack;
}

void layout_find(const struct module *module, struct layout *layout)
{
    struct symbols symbols = find_symbols(module);

    if (module->stack.evidence == STACK_EVIDENCE_GIVEN) // perhaps for a global without a name
        layout_constant(&module->globals[module->stack.globalidx].initial, &symbols.stack_pointer);
    memset(layout, 0, sizeof *layout);
    layout->data = find_data(module);
    if (symbols.data_end != NO_ADDRESS && layout->data.end != 0)
        layout->bss = (struct layout_region){layout->data.end, symbols.data_end};
    layout->stack = find_stack(module, &symbols, &layout->data);
    if (symbols.heap_base != NO_ADDRESS)
        layout->heap = (struct layout_region){symbols.heap_base, UINT64_MAX};
}

// --- the stack's limits --------------------------------------------------------------------------

// How many bytes memory 0 can ever have. Nothing is validated yet: a page may have 2^64 bytes.
static uint64_t memory_reach(const struct module *module, uint64_t memory_bytes_max)
{
    const struct memorytype *type = &module->memories[0];
    uint64_t pages = memorytype_pages_max(type);
    uint32_t shift = memorytype_page_shift(type);

    if (shift >= 64)
        return memory_bytes_max;
    if (type->limits.has_maximum && type->limits.maximum < pages)
        pages = type->limits.maximum;
    return pages > memory_bytes_max >> shift ? memory_bytes_max : pages << shift;
}

static void set_high(struct module *module, uint64_t memory_bytes_max)
{
    struct module_stack *stack = &module->stack;
    uint64_t initial = 0;

    layout_constant(&module->globals[stack->globalidx].initial, &initial);
    stack->high = memory_reach(module, memory_bytes_max);
    if (module->globals[stack->globalidx].type.type == VALTYPE_I32 && stack->high > ADDRESS32_MAX)
        stack->high = ADDRESS32_MAX - (stack->low < WRAP_BYTES ? WRAP_BYTES - stack->low : 0);
    if (stack->high < initial)
        stack->high = initial;
    if (stack->high < stack->low)
        stack->high = stack->low;
}

static bool refuse(const struct layout_options *options, const char *why, struct error *error)
{
    return error_set(error, ERROR_USAGE_STACK_LOW, 0, "stack_low is %" PRIu64 ", but %s",
                     options->stack_low, why);
}

// The pointer that a given limit is for: `globalidx` is the one that is named, if one is.
static bool limit_given(const struct module *module, const struct layout_options *options,
                        uint32_t *globalidx, struct error *error)
{
    bool named = *globalidx != NO_GLOBAL;
    uint64_t initial = NO_ADDRESS;

    if (module->memory_count == 0)
        return refuse(options, "there is no memory", error);
    if (!named &&
        (module->global_count == 0 || module->imported_global_count > 0 || !is_movable(module, 0)))
        return refuse(options,
                      "no global is named " STACK_NAME ", and global 0 cannot be it: link with "
                      "-Wl,--export=" STACK_NAME,
                      error);
    if (!named)
        *globalidx = 0;
    if (!layout_constant(&module->globals[*globalidx].initial, &initial) && !named)
        return refuse(options,
                      "no global is named " STACK_NAME
                      ", and global 0 begins with no constant: link "
                      "with -Wl,--export=" STACK_NAME,
                      error);
    if (initial <= options->stack_low)
        return refuse(options, "the stack pointer begins no higher: give a lower address, or none",
                      error);
    if (module->globals[*globalidx].type.type == VALTYPE_I32 && options->stack_low > ADDRESS32_MAX)
        return refuse(options, "the stack pointer has 32 bits", error);
    return true;
}

// Whether it is a side module, whose stack is the main module's.
static bool imports_pointer(const struct module *module, uint32_t globalidx)
{
    return dylink_present(module) && module->memory_count > 0 &&
           globalidx < module->imported_global_count;
}

bool layout_limit_stack(struct module *module, const struct layout_options *options,
                        struct error *error)
{
    struct symbols symbols = find_symbols(module);
    struct module_stack *stack = &module->stack;

    *stack = (struct module_stack){.globalidx = symbols.stack_pointer_index};
    if (options->has_stack_low) {
        if (!limit_given(module, options, &stack->globalidx, error))
            return false;
        stack->evidence = STACK_EVIDENCE_GIVEN;
        stack->low = options->stack_low;
    } else if (options->shared != NULL && imports_pointer(module, stack->globalidx)) {
        stack->evidence = options->shared->evidence;
        stack->low = options->shared->low;
    } else if (stack->globalidx != NO_GLOBAL && module->memory_count > 0) {
        struct layout_region data = find_data(module);

        stack->evidence = find_evidence(&symbols, &data, &stack->low);
    }
    if (stack->evidence != STACK_EVIDENCE_NONE)
        set_high(module, options->memory_bytes_max);
    return true;
}
