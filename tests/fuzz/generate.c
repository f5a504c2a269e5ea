// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/generate.h"

#include <assert.h>
#include <string.h>

#include "tests/fuzz/generate_plan.h"
#include "tests/fuzz/reference.h"

#define STATEMENTS_MAX 300u

uint32_t choose(struct choices *choices, uint32_t count)
{
    if (choices->at >= choices->size || count == 0)
        return 0;
    return choices->bytes[choices->at++] % count;
}

bool chance(struct choices *choices, uint32_t count)
{
    return choices->at < choices->size && choose(choices, count) == count - 1;
}

uint64_t choose_bits(struct choices *choices, uint32_t bytes)
{
    uint64_t bits = 0;

    while (bytes-- > 0)
        bits = bits << 8 | choose(choices, 256);
    return bits;
}

void put_byte(struct output *output, uint32_t byte)
{
    assert(output->size < GENERATED_BYTES_MAX);
    output->bytes[output->size++] = (uint8_t)byte;
}

void put_unsigned(struct output *output, uint64_t number)
{
    while (number >= 0x80) {
        put_byte(output, (uint8_t)number | 0x80);
        number >>= 7;
    }
    put_byte(output, (uint8_t)number);
}

void put_signed(struct output *output, int64_t number)
{
    while (number < -64 || number > 63) {
        put_byte(output, ((uint8_t)number & 0x7f) | 0x80);
        number >>= 7;
    }
    put_byte(output, (uint8_t)number & 0x7f);
}

static void put_little_endian(struct output *output, uint64_t bits, uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes; i++)
        put_byte(output, (uint8_t)(bits >> i * 8));
}

static void put_i32(struct plan *plan)
{
    static const int32_t values[] = {0,      1,      2,         3,         -1,         -2,
                                     31,     32,     INT32_MIN, INT32_MAX, 32767,      32768,
                                     -32768, -32769, 65535,     0x10000,   0x01234567, -100};
    struct choices *choices = plan->choices;
    uint32_t kind = choose(choices, 4);

    put_byte(&plan->output, 0x41);
    if (kind == 0)
        put_signed(&plan->output, (int8_t)choose(choices, 256));
    else if (kind < 3)
        put_signed(&plan->output, values[choose(choices, sizeof values / sizeof values[0])]);
    else
        put_signed(&plan->output, (int32_t)choose_bits(choices, 4));
}

static void put_i64(struct plan *plan)
{
    static const int64_t values[] = {0,         1,          -1,        2,
                                     63,        64,         INT64_MIN, INT64_MAX,
                                     INT32_MIN, INT32_MAX,  1ll << 31, -(1ll << 31) - 1,
                                     32767,     32768,      -32768,    -32769,
                                     1ll << 32, UINT32_MAX, 255,       0x123456789abcdef};
    struct choices *choices = plan->choices;
    uint32_t kind = choose(choices, 4);

    put_byte(&plan->output, 0x42);
    if (kind == 0)
        put_signed(&plan->output, (int8_t)choose(choices, 256));
    else if (kind < 3)
        put_signed(&plan->output, values[choose(choices, sizeof values / sizeof values[0])]);
    else
        put_signed(&plan->output, (int64_t)choose_bits(choices, 8));
}

static void put_f32(struct plan *plan)
{
    // Zeros more than once; infinities, NaNs, subnormals; bounds of the integer types.
    static const uint32_t values[] = {
        0,           0x80000000u, 0,           0x80000000u, 0x3f800000u, 0xbf800000u, 0x3fc00000u,
        0xbf000000u, 0x42c80000u, 0x40490fdbu, 0x7f800000u, 0xff800000u, 0x7fc00000u, 0x7fa00001u,
        0xffc12345u, 0x00000001u, 0x807fffffu, 0x7f7fffffu, 0x4effffffu, 0x4f000000u, 0xcf000000u,
        0xcf000001u, 0x4f7fffffu, 0x4f800000u, 0x5effffffu, 0x5f000000u, 0xdf000000u, 0xdf000001u,
        0x5f7fffffu, 0x5f800000u, 0xbf7fffffu};
    struct choices *choices = plan->choices;
    uint32_t kind = choose(choices, 4);

    put_byte(&plan->output, 0x43);
    if (kind < 3)
        put_little_endian(&plan->output, values[choose(choices, sizeof values / sizeof values[0])],
                          4);
    else
        put_little_endian(&plan->output, choose_bits(choices, 4), 4);
}

static void put_f64(struct plan *plan)
{
    static const uint64_t values[] = {0,
                                      0x8000000000000000u,
                                      0,
                                      0x8000000000000000u,
                                      0x3ff0000000000000u,
                                      0xbff0000000000000u,
                                      0x3ff8000000000000u,
                                      0xbfe0000000000000u,
                                      0x4059000000000000u,
                                      0x400921fb54442d18u,
                                      0x7ff0000000000000u,
                                      0xfff0000000000000u,
                                      0x7ff8000000000000u,
                                      0x7ff4000000000001u,
                                      0xfff8000012345678u,
                                      1,
                                      0x800fffffffffffffu,
                                      0x7fefffffffffffffu,
                                      0x41dfffffffc00000u,
                                      0x41dfffffffffffffu,
                                      0x41e0000000000000u,
                                      0xc1e0000000000000u,
                                      0xc1e00000001fffffu,
                                      0xc1e0000000200000u,
                                      0x41efffffffffffffu,
                                      0x41f0000000000000u,
                                      0x43dfffffffffffffu,
                                      0x43e0000000000000u,
                                      0xc3e0000000000000u,
                                      0xc3e0000000000001u,
                                      0x43efffffffffffffu,
                                      0x43f0000000000000u,
                                      0xbfefffffffffffffu,
                                      0x47efffffe0000000u,
                                      0x47effffff0000000u,
                                      0x3810000000000000u,
                                      0x36a0000000000000u};
    struct choices *choices = plan->choices;
    uint32_t kind = choose(choices, 4);

    put_byte(&plan->output, 0x44);
    if (kind < 3)
        put_little_endian(&plan->output, values[choose(choices, sizeof values / sizeof values[0])],
                          8);
    else
        put_little_endian(&plan->output, choose_bits(choices, 8), 8);
}

void put_constant(struct plan *plan, uint8_t type)
{
    if (type == TYPE_I32)
        put_i32(plan);
    else if (type == TYPE_I64)
        put_i64(plan);
    else if (type == TYPE_F32)
        put_f32(plan);
    else
        put_f64(plan);
}

/* What the module has. */

static uint8_t choose_type(struct choices *choices)
{
    static const uint8_t types[] = {TYPE_I32, TYPE_I32,     TYPE_I64, TYPE_F32,
                                    TYPE_F64, TYPE_I32,     TYPE_I64, TYPE_F64,
                                    TYPE_I32, TYPE_FUNCREF, TYPE_I32, TYPE_EXTERNREF};

    return types[choose(choices, sizeof types)];
}

static void plan_types(struct plan *plan)
{
    static const struct plan_type always[] = {
        {.parameter_count = 0},
        {.parameters = {TYPE_I32}, .parameter_count = 1, .results = {TYPE_I32}, .result_count = 1},
        {.results = {TYPE_I32, TYPE_I64}, .result_count = 2},
    };

    if (plan->first != NULL) { // the same, so that functions' types agree
        memcpy(plan->types, plan->first->types, sizeof plan->types);
        plan->type_count = plan->first->type_count;
        return;
    }
    memcpy(plan->types, always, sizeof always);
    plan->type_count = 3 + choose(plan->choices, PLAN_TYPES - 3);
    for (uint32_t i = 3; i < plan->type_count; i++) {
        struct plan_type *type = &plan->types[i];
        bool large = chance(plan->choices, 8);

        type->parameter_count = (uint8_t)choose(plan->choices, large ? PLAN_PARAMETERS + 1 : 4);
        type->result_count = (uint8_t)choose(plan->choices, large ? PLAN_RESULTS + 1 : 3);
        for (uint32_t k = 0; k < type->parameter_count; k++)
            type->parameters[k] = choose_type(plan->choices);
        for (uint32_t k = 0; k < type->result_count; k++)
            type->results[k] = choose_type(plan->choices);
    }
}

static void plan_functions(struct plan *plan)
{
    struct choices *choices = plan->choices;
    const struct plan *first = plan->first;

    plan->imported_function_count = choose(choices, 4);
    for (uint32_t i = 0; i < plan->imported_function_count; i++) {
        plan->functions[i] = (uint8_t)choose(choices, plan->type_count);
        plan->import_sources[i] = NO_FUNCTION;
        if (first != NULL && !chance(choices, 4)) {
            uint32_t source = choose(choices, first->function_count);
            plan->import_sources[i] = (uint8_t)source;
            plan->functions[i] = first->functions[source];
        }
    }
    plan->function_count = plan->imported_function_count + 1 + choose(choices, 5);
    for (uint32_t i = plan->imported_function_count; i < plan->function_count; i++)
        plan->functions[i] = (uint8_t)choose(choices, plan->type_count);
}

// Imported globals of the host come first; their names say what they are.
static void plan_globals(struct plan *plan)
{
    struct choices *choices = plan->choices;

    plan->imported_global_count = choose(choices, 3);
    for (uint32_t i = 0; i < plan->imported_global_count; i++) {
        uint8_t type = choose_type(choices);
        plan->globals[i] = (struct plan_global){type, chance(choices, 2)};
    }
    plan->budget = plan->imported_global_count;
    plan->globals[plan->budget] = (struct plan_global){TYPE_I32, true};
    plan->global_count = plan->budget + 1 + choose(choices, 10);
    for (uint32_t i = plan->budget + 1; i < plan->global_count; i++)
        plan->globals[i] = (struct plan_global){choose_type(choices), !chance(choices, 4)};
}

static void plan_memory(struct plan *plan)
{
    struct choices *choices = plan->choices;
    const struct plan *first = plan->first;

    plan->has_memory = !chance(choices, 16);
    plan->memory_imported = plan->has_memory && chance(choices, 4);
    if (plan->memory_imported && first != NULL && first->has_memory) {
        plan->memory_limited = first->memory_limited;
        plan->memory_minimum = first->memory_minimum;
        plan->memory_maximum = first->memory_maximum;
        return;
    }
    if (first != NULL)
        plan->memory_imported = false;
    plan->memory_minimum = chance(choices, 40) ? 0 : (uint8_t)(1 + choose(choices, 2));
    plan->memory_limited = !chance(choices, 8);
    plan->memory_maximum = (uint8_t)(plan->memory_minimum + choose(choices, 4));
}

static void plan_tables(struct plan *plan)
{
    struct choices *choices = plan->choices;

    plan->table_count = 1 + choose(choices, PLAN_TABLES);
    for (uint32_t i = 0; i < plan->table_count; i++) {
        struct plan_table *table = &plan->tables[i];

        table->type = i == 0 || chance(choices, 2) ? TYPE_FUNCREF : TYPE_EXTERNREF;
        table->minimum = (uint16_t)(i == 0 ? 4 + choose(choices, 12) : choose(choices, 8));
        if (i > 0 && chance(choices, 16))
            table->minimum = 9000; // more than the engine does in one go
        table->maximum = (uint16_t)(table->minimum + choose(choices, 16));
        memset(table->functions, NO_FUNCTION, sizeof table->functions);
    }
    plan->table_imported = chance(choices, 4);
    if (plan->table_imported && plan->first != NULL)
        plan->tables[0] = plan->first->tables[0];
    memset(plan->tables[0].functions, NO_FUNCTION, sizeof plan->tables[0].functions);
}

static void plan_segments(struct plan *plan)
{
    struct choices *choices = plan->choices;

    plan->element_count = 2 + choose(choices, PLAN_SEGMENTS - 1);
    // The first declares all functions, the second fills table 0.
    plan->elements[0] = (struct plan_segment){
        .type = TYPE_FUNCREF, .count = (uint8_t)plan->function_count, .declarative = true};
    plan->elements[1] = (struct plan_segment){
        .type = TYPE_FUNCREF, .count = (uint8_t)choose(choices, 5), .active = true};
    for (uint32_t i = 2; i < plan->element_count; i++)
        plan->elements[i] = (struct plan_segment){
            .type = chance(choices, 3) ? TYPE_EXTERNREF : TYPE_FUNCREF,
            .count = (uint8_t)choose(choices, 6),
            .expressions = chance(choices, 2),
        };
    plan->data_count = plan->has_memory ? choose(choices, PLAN_SEGMENTS) : 0;
    for (uint32_t i = 0; i < plan->data_count; i++)
        plan->datas[i] = (struct plan_segment){.count = (uint8_t)choose(choices, 64),
                                               .active = chance(choices, 2)};
}

/* Sections. */

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

static void put_limits(struct output *output, bool limited, uint32_t minimum, uint32_t maximum)
{
    put_byte(output, limited);
    put_unsigned(output, minimum);
    if (limited)
        put_unsigned(output, maximum);
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
            put_byte(output, type->parameters[k]);
        put_unsigned(output, type->result_count);
        for (uint32_t k = 0; k < type->result_count; k++)
            put_byte(output, type->results[k]);
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
                     plan->memory_imported + plan->table_imported;
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
    if (plan->table_imported) {
        put_text(output, plan->first != NULL ? "first" : "host");
        put_name(output, 't', 0);
        put_byte(output, 1);
        put_byte(output, plan->tables[0].type);
        put_limits(output, true, plan->tables[0].minimum, plan->tables[0].maximum);
    }
    end_sized(output, start);
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
    for (uint32_t i = plan->table_count - tables; i < plan->table_count; i++) {
        put_byte(output, plan->tables[i].type);
        put_limits(output, true, plan->tables[i].minimum, plan->tables[i].maximum);
    }
    end_sized(output, start);
    if (!plan->has_memory || plan->memory_imported)
        return;
    start = begin_section(output, 5, 1);
    put_limits(output, plan->memory_limited, plan->memory_minimum, plan->memory_maximum);
    end_sized(output, start);
}

static void put_reference(struct plan *plan, uint8_t type)
{
    struct output *output = &plan->output;

    if (type == TYPE_FUNCREF && chance(plan->choices, 2)) {
        put_byte(output, 0xd2);
        put_unsigned(output, choose(plan->choices, plan->function_count));
    } else {
        put_byte(output, 0xd0);
        put_byte(output, type);
    }
}

static void put_globals(struct plan *plan)
{
    struct output *output = &plan->output;
    size_t start = begin_section(output, 6, plan->global_count - plan->imported_global_count);

    for (uint32_t i = plan->imported_global_count; i < plan->global_count; i++) {
        const struct plan_global *global = &plan->globals[i];
        uint32_t source = choose(plan->choices, plan->imported_global_count + 1);

        put_byte(output, global->type);
        put_byte(output, global->is_mutable);
        if (source > 0 && plan->globals[source - 1].type == global->type &&
            !plan->globals[source - 1].is_mutable) {
            put_byte(output, 0x23);
            put_unsigned(output, source - 1);
        } else if (global->type == TYPE_FUNCREF || global->type == TYPE_EXTERNREF) {
            put_reference(plan, global->type);
        } else {
            put_constant(plan, global->type);
        }
        put_byte(output, 0x0b);
    }
    end_sized(output, start);
}

static void put_export(struct output *output, char letter, uint32_t index, uint8_t kind)
{
    put_name(output, letter, index);
    put_byte(output, kind);
    put_unsigned(output, index);
}

static void put_exports(struct plan *plan)
{
    struct output *output = &plan->output;
    size_t start = begin_section(output, 7,
                                 plan->function_count + plan->has_memory + plan->table_count +
                                     plan->global_count);

    for (uint32_t i = 0; i < plan->function_count; i++)
        put_export(output, 'f', i, 0);
    for (uint32_t i = 0; i < plan->table_count; i++)
        put_export(output, 't', i, 1);
    if (plan->has_memory)
        put_export(output, 'm', 0, 2);
    for (uint32_t i = 0; i < plan->global_count; i++)
        put_export(output, 'g', i, 3);
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
    bool expressions = segment->expressions || segment->type == TYPE_EXTERNREF;

    put_byte(output, (segment->active        ? 0u
                      : segment->declarative ? 3u
                                             : 1u) |
                         (expressions ? 4u : 0u));
    if (segment->active) {
        put_byte(output, 0x41);
        put_byte(output, 0);
        put_byte(output, 0x0b);
    } else {
        put_byte(output, expressions ? segment->type : 0);
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

static void put_datas(struct plan *plan)
{
    struct output *output = &plan->output;
    size_t start = begin_section(output, 11, plan->data_count);

    for (uint32_t i = 0; i < plan->data_count; i++) {
        const struct plan_segment *segment = &plan->datas[i];

        put_byte(output, !segment->active);
        if (segment->active) {
            put_byte(output, 0x41);
            put_signed(output,
                       (int64_t)choose_bits(plan->choices, chance(plan->choices, 9) ? 2 : 1));
            put_byte(output, 0x0b);
        }
        put_unsigned(output, segment->count);
        for (uint32_t k = 0; k < segment->count; k++)
            put_byte(output, (k * 37 + i * 11 + 1) & 0xff);
    }
    end_sized(output, start);
}

static void generate_module(struct plan *plan)
{
    static const uint8_t preamble[] = {0, 'a', 's', 'm', 1, 0, 0, 0};

    for (uint32_t i = 0; i < sizeof preamble; i++)
        put_byte(&plan->output, preamble[i]);
    plan_types(plan);
    plan_functions(plan);
    plan_globals(plan);
    plan_memory(plan);
    plan_tables(plan);
    plan_segments(plan);
    put_types(plan);
    put_imports(plan);
    put_declarations(plan);
    put_globals(plan);
    put_exports(plan);
    put_start(plan);
    put_elements(plan);
    put_code(plan);
    put_datas(plan);
}

void generate(const uint8_t *input, size_t size, struct generated *generated)
{
    struct choices choices = {input, size, 0};
    struct plan plans[GENERATED_MODULES_MAX];
    uint32_t forms = choose(&choices, 4);

    memset(plans, 0, sizeof plans);
    // Two forms for speed: one of each kind of memory, one of them metered at least.
    generated->options = (struct differential_options){
        .forms = forms == 0   ? FORM_GUARDED_METERED | FORM_CHECKED_METERED
                 : forms == 1 ? FORM_GUARDED | FORM_CHECKED_METERED
                 : forms == 2 ? FORM_GUARDED_METERED | FORM_CHECKED
                              : FORM_GUARDED | FORM_CHECKED,
        .fuel = 5000,
        .calls = 1 + choose(&choices, 3),
        .seed = choose(&choices, 256),
        .must_be_valid = true,
    };
    generated->count = 1 + chance(&choices, 5);
    for (uint32_t i = 0; i < generated->count; i++) {
        struct plan *plan = &plans[i];

        plan->choices = &choices;
        plan->output.bytes = generated->bytes[i];
        plan->first = i > 0 ? &plans[0] : NULL;
        plan->number = i;
        plan->statements = STATEMENTS_MAX;
        generate_module(plan);
        generated->modules[i] = (struct differential_module){plan->output.bytes, plan->output.size};
    }
}
