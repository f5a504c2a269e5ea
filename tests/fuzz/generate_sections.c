// SPDX-License-Identifier: Apache-2.0
//
// The sections of a module, by its plan.
#include <string.h>

#include "tests/fuzz/generate_plan.h"
#include "tests/fuzz/reference.h"

// Sizes are written last, into five bytes.
static size_t begin_sized(struct output *output)
{
    output->size += 5;
    return output->size;
}

static void end_sized(struct output *output, size_t start)
{
    size_t size = output->size - start;

    for (uint32_t i = 0; i < 5; i++)
        output->bytes[start - 5 + i] = (uint8_t)((size >> 7 * i & 0x7f) | (i < 4 ? 0x80 : 0));
}

static size_t begin_section(struct output *output, uint8_t id, uint32_t count)
{
    put_byte(output, id);
    size_t start = begin_sized(output);
    put_unsigned(output, count);
    return start;
}

// Names of one letter, and a number.
static void put_name(struct output *output, char letter, uint32_t number)
{
    put_unsigned(output, 2);
    put_byte(output, (uint8_t)letter);
    put_byte(output, (uint8_t)('0' + number));
}

static void put_text(struct output *output, const char *text)
{
    put_unsigned(output, strlen(text));
    while (*text != '\0')
        put_byte(output, (uint8_t)*text++);
}

// Flags: 1 limited, 4 addressed by 64 bits.
static void put_limits(struct output *output, uint32_t flags, uint32_t minimum, uint32_t maximum)
{
    put_byte(output, flags);
    put_unsigned(output, minimum);
    if (flags & 1)
        put_unsigned(output, maximum);
}

static void put_other_memory(struct output *output, const struct plan_memory *memory)
{
    put_limits(output, memory->limited + 4u * memory->is_64, memory->minimum, memory->maximum);
}

static void put_tag(struct output *output, const struct plan_tag *tag)
{
    put_byte(output, 0);
    put_unsigned(output, tag->type);
}

static void put_types(struct plan *plan)
{
    struct output *output = &plan->output;
    size_t start = begin_section(output, 1, plan->type_count);

    for (uint32_t i = 0; i < plan->type_count; i++) {
        const struct plan_type *type = &plan->types[i];

        put_byte(output, 0x60);
        put_unsigned(output, type->parameter_count);
        for (uint32_t k = 0; k < type->parameter_count; k++)
            put_type(output, type->parameters[k]);
        put_unsigned(output, type->result_count);
        for (uint32_t k = 0; k < type->result_count; k++)
            put_type(output, type->results[k]);
    }
    end_sized(output, start);
}

static void put_function_imports(struct plan *plan)
{
    struct output *output = &plan->output;

    for (uint32_t i = 0; i < plan->imported_function_count; i++) {
        bool from_first = plan->import_sources[i] != NO_FUNCTION;

        put_text(output, from_first ? "first" : plan->number == 0 ? "host" : "host1");
        put_name(output, 'f', from_first ? plan->import_sources[i] : i);
        put_byte(output, 0);
        put_unsigned(output, plan->functions[i]);
    }
}

static void put_imports(struct plan *plan)
{
    struct output *output = &plan->output;
    uint32_t count = plan->imported_function_count + plan->imported_global_count +
                     plan->imported_tag_count + plan->memory_imported + plan->other_imported +
                     plan->table_imported;
    size_t start = begin_section(output, 2, count);

    put_function_imports(plan);
    for (uint32_t i = 0; i < plan->imported_global_count; i++) {
        const struct plan_global *global = &plan->globals[i];

        put_text(output, global->is_mutable ? "variable" : "constant");
        put_name(output, 'g', (uint32_t)(global->type - TYPE_EXTERNREF));
        put_byte(output, 3);
        put_byte(output, global->type);
        put_byte(output, global->is_mutable);
    }
    if (plan->memory_imported) {
        put_text(output, plan->first != NULL ? "first" : "host");
        put_name(output, 'm', 0);
        put_byte(output, 2);
        put_limits(output, plan->memory_limited, plan->memory_minimum, plan->memory_maximum);
    }
    if (plan->other_imported) {
        put_text(output, "first");
        put_name(output, 'n', 0);
        put_byte(output, 2);
        put_other_memory(output, &plan->others[0]);
    }
    for (uint32_t i = 0; i < plan->imported_tag_count; i++) {
        put_text(output, "first");
        put_name(output, 'x', i);
        put_byte(output, 4);
        put_tag(output, &plan->tags[i]);
    }
    if (plan->table_imported) {
        put_text(output, plan->first != NULL ? "first" : "host");
        put_name(output, 't', 0);
        put_byte(output, 1);
        put_byte(output, plan->tables[0].type);
        put_limits(output, true, plan->tables[0].minimum, plan->tables[0].maximum);
    }
    end_sized(output, start);
}

// Those of references that cannot be null have an initialiser.
static void put_table(struct plan *plan, const struct plan_table *table)
{
    struct output *output = &plan->output;
    bool certain = type_is_certain(table->type);

    if (certain) {
        put_byte(output, 0x40);
        put_byte(output, 0);
    }
    put_type(output, table->type);
    put_limits(output, 1 + 4u * table->is_64, table->minimum, table->maximum);
    if (certain) {
        put_reference(plan, table->type);
        put_byte(output, 0x0b);
    }
}

static void put_declarations(struct plan *plan)
{
    struct output *output = &plan->output;
    uint32_t tables = plan->table_count - plan->table_imported;
    size_t start = begin_section(output, 3, plan->function_count - plan->imported_function_count);

    for (uint32_t i = plan->imported_function_count; i < plan->function_count; i++)
        put_unsigned(output, plan->functions[i]);
    end_sized(output, start);
    start = begin_section(output, 4, tables);
    for (uint32_t i = plan->table_count - tables; i < plan->table_count; i++)
        put_table(plan, &plan->tables[i]);
    end_sized(output, start);
}

static void put_memories(struct plan *plan)
{
    struct output *output = &plan->output;
    bool defined = plan->has_memory && !plan->memory_imported;
    size_t start = begin_section(output, 5, defined + plan->other_count - plan->other_imported);

    if (defined)
        put_limits(output, plan->memory_limited, plan->memory_minimum, plan->memory_maximum);
    for (uint32_t i = plan->other_imported; i < plan->other_count; i++)
        put_other_memory(output, &plan->others[i]);
    end_sized(output, start);
    start = begin_section(output, 13, plan->tag_count - plan->imported_tag_count);
    for (uint32_t i = plan->imported_tag_count; i < plan->tag_count; i++)
        put_tag(output, &plan->tags[i]);
    end_sized(output, start);
}

// More than one instruction, from time to time.
static void put_initial(struct plan *plan, uint8_t type)
{
    struct output *output = &plan->output;
    bool extended = plan->newer && chance(plan->choices, 3);

    put_constant(plan, type);
    if (extended && (type == TYPE_I32 || type == TYPE_I64)) {
        put_constant(plan, type);
        put_byte(output, (type == TYPE_I32 ? 0x6au : 0x7cu) + choose(plan->choices, 3));
    }
}

static void put_globals(struct plan *plan)
{
    struct output *output = &plan->output;
    size_t start = begin_section(output, 6, plan->global_count - plan->imported_global_count);

    for (uint32_t i = plan->imported_global_count; i < plan->global_count; i++) {
        const struct plan_global *global = &plan->globals[i];
        uint32_t source = choose(plan->choices, plan->imported_global_count + 1);

        put_type(output, global->type);
        put_byte(output, global->is_mutable);
        if (source > 0 && plan->globals[source - 1].type == global->type &&
            !plan->globals[source - 1].is_mutable) {
            put_byte(output, 0x23);
            put_unsigned(output, source - 1);
        } else if (global->type < TYPE_V128) {
            put_reference(plan, global->type);
        } else {
            put_initial(plan, global->type);
        }
        put_byte(output, 0x0b);
    }
    end_sized(output, start);
}

static void put_export(struct output *output, char letter, uint32_t number, uint32_t index,
                       uint8_t kind)
{
    put_name(output, letter, number);
    put_byte(output, kind);
    put_unsigned(output, index);
}

static void put_exports(struct plan *plan)
{
    struct output *output = &plan->output;
    size_t start = begin_section(output, 7,
                                 plan->function_count + plan->has_memory + plan->other_count +
                                     plan->tag_count + plan->table_count + plan->global_count);

    for (uint32_t i = 0; i < plan->function_count; i++)
        put_export(output, 'f', i, i, 0);
    for (uint32_t i = 0; i < plan->table_count; i++)
        put_export(output, 't', i, i, 1);
    if (plan->has_memory)
        put_export(output, 'm', 0, 0, 2);
    for (uint32_t i = 0; i < plan->other_count; i++)
        put_export(output, 'n', i, plan->has_memory + i, 2);
    for (uint32_t i = 0; i < plan->tag_count; i++)
        put_export(output, 'x', i, i, 4);
    for (uint32_t i = 0; i < plan->global_count; i++)
        put_export(output, 'g', i, i, 3);
    end_sized(output, start);
}

// The start function, if chosen, is one that takes and gives nothing.
static void put_start(struct plan *plan)
{
    if (!chance(plan->choices, 4))
        return;
    for (uint32_t i = plan->imported_function_count; i < plan->function_count; i++) {
        const struct plan_type *type = &plan->types[plan->functions[i]];

        if (type->parameter_count == 0 && type->result_count == 0) {
            size_t start = begin_section(&plan->output, 8, i);
            end_sized(&plan->output, start);
            return;
        }
    }
}

static void put_element(struct plan *plan, uint32_t index)
{
    struct output *output = &plan->output;
    const struct plan_segment *segment = &plan->elements[index];
    bool expressions = segment->expressions || segment->type != TYPE_FUNCREF;

    put_byte(output, (segment->active        ? 0u
                      : segment->declarative ? 3u
                                             : 1u) |
                         (expressions ? 4u : 0u));
    if (segment->active) {
        put_byte(output, 0x41);
        put_byte(output, 0);
        put_byte(output, 0x0b);
    } else {
        put_type(output, expressions ? segment->type : 0);
    }
    put_unsigned(output, segment->count);
    for (uint32_t i = 0; i < segment->count; i++) {
        if (expressions) {
            put_reference(plan, segment->type);
            put_byte(output, 0x0b);
        } else if (segment->declarative) {
            put_unsigned(output, i);
        } else {
            uint32_t function = choose(plan->choices, plan->function_count);
            put_unsigned(output, function);
            if (segment->active)
                plan->tables[0].functions[i] = (uint8_t)function;
        }
    }
}

static void put_elements(struct plan *plan)
{
    size_t start = begin_section(&plan->output, 9, plan->element_count);

    for (uint32_t i = 0; i < plan->element_count; i++)
        put_element(plan, i);
    end_sized(&plan->output, start);
}

static void put_code(struct plan *plan)
{
    struct output *output = &plan->output;
    uint32_t count = plan->function_count - plan->imported_function_count;
    size_t start = begin_section(output, 12, plan->data_count);

    end_sized(output, start);
    start = begin_section(output, 10, count);
    for (uint32_t i = 0; i < count; i++) {
        size_t body = begin_sized(output);

        generate_body(plan, plan->imported_function_count + i);
        end_sized(output, body);
    }
    end_sized(output, start);
}

static void put_data_offset(struct plan *plan, uint32_t memory)
{
    struct output *output = &plan->output;
    bool other = memory >= plan->has_memory;

    if (memory != 0)
        put_unsigned(output, memory);
    put_byte(output, other && plan->others[memory - plan->has_memory].is_64 ? 0x42 : 0x41);
    put_signed(output, (int64_t)choose_bits(plan->choices, chance(plan->choices, 9) ? 2 : 1));
    put_byte(output, 0x0b);
}

static void put_datas(struct plan *plan)
{
    struct output *output = &plan->output;
    size_t start = begin_section(output, 11, plan->data_count);

    for (uint32_t i = 0; i < plan->data_count; i++) {
        const struct plan_segment *segment = &plan->datas[i];

        put_byte(output, !segment->active ? 1 : segment->memory == 0 ? 0 : 2);
        if (segment->active)
            put_data_offset(plan, segment->memory);
        put_unsigned(output, segment->count);
        for (uint32_t k = 0; k < segment->count; k++)
            put_byte(output, (k * 37 + i * 11 + 1) & 0xff);
    }
    end_sized(output, start);
}

void generate_sections(struct plan *plan)
{
    put_types(plan);
    put_imports(plan);
    put_declarations(plan);
    put_memories(plan);
    put_globals(plan);
    put_exports(plan);
    put_start(plan);
    put_elements(plan);
    put_code(plan);
    put_datas(plan);
}
