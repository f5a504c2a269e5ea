// SPDX-License-Identifier: Apache-2.0
//
// Where memory 0 has what, by the conventions of wasm-ld: static data, zeroed data behind it, the
// stack, which grows down from the initial value of __stack_pointer, and the heap. The linker puts
// the stack behind the data, or before it (--stack-first). What a module does not tell is left out.
#include <string.h>

#include "sandbox/session_internal.h"

enum {
    I32_CONST = 0x41, // opcodes of constant expressions
    I64_CONST = 0x42,
    END = 0x0B,
    NAMES_OF_GLOBALS = 7 // subsection of the name section
};

bool session_constant(const struct expression *expression, uint64_t *value)
{
    struct error error = {.code = ERROR_NONE};
    struct reader reader;
    uint8_t opcode;

    if (expression->size == 0)
        return false;
    reader_init(&reader, expression->bytes, expression->size, 0, &error);
    opcode = reader_u8(&reader);
    if (opcode == I32_CONST)
        *value = (uint32_t)reader_s32(&reader);
    else if (opcode == I64_CONST)
        *value = (uint64_t)reader_s64(&reader);
    else
        return false;
    return reader_u8(&reader) == END && reader_done(&reader) && !reader.failed;
}

// --- what the linker calls its symbols -----------------------------------------------------------

// Addresses by the linker's names; UINT64_MAX where they are not known.
struct symbols {
    uint64_t stack_pointer;
    uint64_t stack_low;
    uint64_t data_end;
    uint64_t heap_base;
};

static bool is_name(struct name name, const char *text)
{
    return name.length == strlen(text) && memcmp(name.bytes, text, name.length) == 0;
}

static void note(struct symbols *symbols, const struct module *module, struct name name,
                 uint32_t globalidx)
{
    const struct {
        const char *name;
        uint64_t *address;
    } known[] = {{"__stack_pointer", &symbols->stack_pointer},
                 {"__stack_low", &symbols->stack_low},
                 {"__data_end", &symbols->data_end},
                 {"__heap_base", &symbols->heap_base}};
    uint64_t value;

    if (globalidx >= module->global_count ||
        !session_constant(&module->globals[globalidx].initial, &value))
        return;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (is_name(name, known[i].name))
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
    struct symbols symbols = {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX};

    for (uint32_t i = 0; i < module->custom_count; i++) {
        if (is_name(module->customs[i].name, "name"))
            read_names(&symbols, module, &module->customs[i]);
    }
    for (uint32_t i = 0; i < module->export_count; i++) {
        const struct export *export = &module->exports[i];

        if (export->kind == EXTERNAL_GLOBAL)
            note(&symbols, module, export->name, export->index);
    }
    return symbols;
}

// --- regions -------------------------------------------------------------------------------------

// From the first to the last byte that active segments with a constant place write to memory 0;
// empty without any.
static struct session_region find_data(const struct module *module)
{
    struct session_region data = {.first = UINT64_MAX};

    for (uint32_t i = 0; i < module->data_count; i++) {
        const struct data_segment *segment = &module->datas[i];
        uint64_t address;

        if (segment->mode != SEGMENT_ACTIVE || segment->memidx != 0 || segment->size == 0 ||
            !session_constant(&segment->offset, &address) || segment->size > UINT64_MAX - address)
            continue;
        if (address < data.first)
            data.first = address;
        if (address + segment->size > data.end)
            data.end = address + segment->size;
    }
    return data;
}

// Its lower end is where the linker's symbols say so, or 0 if it comes before all data. Where they
// do not, zeroed data may be part of what lies between the data and the stack's upper end.
static struct session_region find_stack(const struct symbols *symbols,
                                        const struct session_region *data)
{
    struct session_region stack = {.first = UINT64_MAX, .end = symbols->stack_pointer};
    bool has_data = data->first < data->end;

    if (stack.end == UINT64_MAX)
        return (struct session_region){0, 0};
    if (symbols->stack_low != UINT64_MAX)
        stack.first = symbols->stack_low;
    else if (has_data && stack.end <= data->first)
        stack.first = 0;
    else if (symbols->data_end < stack.end)
        stack.first = symbols->data_end;
    else if (has_data)
        stack.first = data->end;
    return stack;
}

void session_layout(const struct module *module, struct session_layout *layout)
{
    struct symbols symbols = find_symbols(module);
    struct session_region *regions = layout->regions;

    memset(layout, 0, sizeof *layout);
    regions[REPORT_REGION_DATA - REPORT_REGION_DATA] = find_data(module);
    if (symbols.data_end != UINT64_MAX && regions[0].end != 0)
        regions[REPORT_REGION_BSS - REPORT_REGION_DATA] =
            (struct session_region){regions[0].end, symbols.data_end};
    regions[REPORT_REGION_STACK - REPORT_REGION_DATA] = find_stack(&symbols, &regions[0]);
    if (symbols.heap_base != UINT64_MAX)
        regions[REPORT_REGION_HEAP - REPORT_REGION_DATA] =
            (struct session_region){symbols.heap_base, UINT64_MAX};
}
