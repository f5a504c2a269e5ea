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

// Lanes that are all alike, or anything.
static void put_v128(struct plan *plan)
{
    static const uint64_t values[] = {0,
                                      UINT64_MAX,
                                      0x3f8000003f800000u,
                                      0x8000000080000000u,
                                      0x0001020304050607u,
                                      0x7f80ff007fff8001u};
    uint32_t kind = choose(plan->choices, 8);
    uint64_t bits = kind < 6 ? values[kind] : choose_bits(plan->choices, 8);

    put_byte(&plan->output, 0xfd);
    put_byte(&plan->output, 0x0c);
    put_little_endian(&plan->output, bits, 8);
    put_little_endian(&plan->output, kind == 7 ? choose_bits(plan->choices, 8) : bits, 8);
}

void put_type(struct output *output, uint8_t type)
{
    if (type_is_optional(type) || type_is_certain(type)) {
        put_byte(output, type_is_optional(type) ? 0x63 : 0x64);
        put_byte(output, TYPED_INDEX(type));
    } else {
        put_byte(output, type);
    }
}

static uint32_t typed_function(const struct plan *plan, uint32_t type)
{
    uint32_t index = plan->function_count - 1;

    while (index > 0 && plan->functions[index] != type)
        index--;
    return index;
}

void put_reference(struct plan *plan, uint8_t type)
{
    struct output *output = &plan->output;

    if (type_is_certain(type) || (type_is_optional(type) && !chance(plan->choices, 3))) {
        put_byte(output, 0xd2);
        put_unsigned(output, typed_function(plan, TYPED_INDEX(type)));
    } else if (type == TYPE_FUNCREF && chance(plan->choices, 2)) {
        put_byte(output, 0xd2);
        put_unsigned(output, choose(plan->choices, plan->function_count));
    } else {
        put_byte(output, 0xd0);
        put_byte(output, type_is_optional(type) ? TYPED_INDEX(type) : type);
    }
}

void put_constant(struct plan *plan, uint8_t type)
{
    if (type == TYPE_I32)
        put_i32(plan);
    else if (type == TYPE_I64)
        put_i64(plan);
    else if (type == TYPE_F32)
        put_f32(plan);
    else if (type == TYPE_F64)
        put_f64(plan);
    else
        put_v128(plan);
}

/* What the module has. */

static uint8_t choose_core_type(struct choices *choices)
{
    static const uint8_t types[] = {TYPE_I32, TYPE_I32,     TYPE_I64, TYPE_F32,
                                    TYPE_F64, TYPE_I32,     TYPE_I64, TYPE_F64,
                                    TYPE_I32, TYPE_FUNCREF, TYPE_I32, TYPE_EXTERNREF};

    return types[choose(choices, sizeof types)];
}

static uint8_t choose_type(struct plan *plan)
{
    static const uint8_t types[] = {
        TYPE_V128,         TYPE_V128,         TYPE_V128,    TYPE_EXNREF,      TYPE_OPTIONAL,
        TYPE_OPTIONAL + 1, TYPE_OPTIONAL + 2, TYPE_CERTAIN, TYPE_CERTAIN + 1, TYPE_V128};

    if (plan->newer && chance(plan->choices, 4))
        return types[choose(plan->choices, sizeof types)];
    return choose_core_type(plan->choices);
}

// What blocks give that a tag's payload is caught in.
static void add_landings(struct plan *plan)
{
    uint32_t count = plan->type_count;

    for (uint32_t i = 0; i < count && plan->tag_count < PLAN_TAGS; i++) {
        const struct plan_type *type = &plan->types[i];
        struct plan_tag *tag = &plan->tags[plan->tag_count];

        if (type->result_count != 0 || type->parameter_count >= PLAN_RESULTS)
            continue;
        plan->tag_count++;
        tag->type = (uint8_t)i;
        for (uint32_t k = 0; k < 2; k++) {
            struct plan_type *landing = &plan->types[plan->type_count];
            memcpy(landing->results, type->parameters, type->parameter_count);
            landing->result_count = (uint8_t)(type->parameter_count + k);
            if (k == 1)
                landing->results[type->parameter_count] = TYPE_EXNREF;
            tag->landings[k] = (uint8_t)plan->type_count++;
        }
    }
}

static void plan_type(struct plan *plan, uint32_t index)
{
    struct choices *choices = plan->choices;
    struct plan_type *type = &plan->types[index];
    const struct plan_type *model = &plan->types[choose(choices, index)];
    bool large = chance(choices, 8), alike = plan->newer && chance(choices, 3);

    type->parameter_count = (uint8_t)choose(choices, large ? PLAN_PARAMETERS + 1 : 4);
    type->result_count = (uint8_t)choose(choices, large ? PLAN_PARAMETERS + 1 : 3);
    if (plan->newer && chance(choices, 3))
        type->result_count = 0;
    for (uint32_t k = 0; k < type->parameter_count; k++)
        type->parameters[k] = choose_type(plan);
    for (uint32_t k = 0; k < type->result_count; k++)
        type->results[k] = choose_type(plan);
    if (alike) { // for tail calls
        type->result_count = model->result_count;
        memcpy(type->results, model->results, model->result_count);
    }
}

static void plan_types(struct plan *plan)
{
    static const struct plan_type always[TYPED_COUNT] = {
        {.parameter_count = 0},
        {.parameters = {TYPE_I32}, .parameter_count = 1, .results = {TYPE_I32}, .result_count = 1},
        {.results = {TYPE_I32, TYPE_I64}, .result_count = 2},
    };

    if (plan->first != NULL) { // the same, so that functions' types agree
        memcpy(plan->types, plan->first->types, sizeof plan->types);
        plan->type_count = plan->first->type_count;
        memcpy(plan->tags, plan->first->tags, sizeof plan->tags);
        plan->tag_count = plan->first->tag_count;
        plan->newer = plan->first->newer;
        plan->imported_tag_count = choose(plan->choices, plan->tag_count + 1);
        return;
    }
    plan->newer = !chance(plan->choices, 4);
    memcpy(plan->types, always, sizeof always);
    plan->type_count = TYPED_COUNT + choose(plan->choices, PLAN_BASIC - TYPED_COUNT);
    for (uint32_t i = TYPED_COUNT; i < plan->type_count; i++)
        plan_type(plan, i);
    if (plan->newer)
        add_landings(plan);
}

// The host makes up neither typed references nor exceptions, and takes no more than 32 slots.
static bool host_can_have(const struct plan_type *type)
{
    for (uint32_t i = 0; i < type->parameter_count; i++)
        if (type->parameters[i] < TYPE_EXTERNREF)
            return false;
    for (uint32_t i = 0; i < type->result_count; i++)
        if (type->results[i] < TYPE_EXTERNREF)
            return false;
    return type->parameter_count <= 16 && type->result_count <= 16;
}

static void plan_functions(struct plan *plan)
{
    struct choices *choices = plan->choices;
    const struct plan *first = plan->first;

    plan->imported_function_count = choose(choices, 4);
    for (uint32_t i = 0; i < plan->imported_function_count; i++) {
        plan->functions[i] = (uint8_t)choose(choices, plan->type_count);
        if (!host_can_have(&plan->types[plan->functions[i]]))
            plan->functions[i] %= TYPED_COUNT;
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
    for (uint32_t i = 0; i < TYPED_COUNT && plan->newer; i++)
        plan->functions[plan->function_count++] = (uint8_t)i;
}

// Imported globals of the host come first; their names say what they are.
static void plan_globals(struct plan *plan)
{
    struct choices *choices = plan->choices;

    plan->imported_global_count = choose(choices, 3);
    for (uint32_t i = 0; i < plan->imported_global_count; i++) {
        uint8_t type = choose_core_type(choices);
        plan->globals[i] = (struct plan_global){type, chance(choices, 2)};
    }
    plan->budget = plan->imported_global_count;
    plan->globals[plan->budget] = (struct plan_global){TYPE_I32, true};
    plan->global_count = plan->budget + 1 + choose(choices, 10);
    for (uint32_t i = plan->budget + 1; i < plan->global_count; i++)
        plan->globals[i] = (struct plan_global){choose_type(plan), !chance(choices, 4)};
}

static void plan_memory(struct plan *plan)
{
    struct choices *choices = plan->choices;
    const struct plan *first = plan->first;

    plan->has_memory = !chance(choices, plan->newer ? 8 : 16); // the first is another one, then
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

// Small ones, so that bounds are met; the second module may have the first's.
static void plan_other_memories(struct plan *plan)
{
    struct choices *choices = plan->choices;
    const struct plan *first = plan->first;

    if (!plan->newer)
        return;
    plan->other_count = choose(choices, PLAN_MEMORIES + 1);
    for (uint32_t i = 0; i < plan->other_count; i++) {
        uint8_t minimum = (uint8_t)choose(choices, 3);
        plan->others[i] = (struct plan_memory){.is_64 = chance(choices, 2),
                                               .limited = !chance(choices, 4),
                                               .minimum = minimum,
                                               .maximum = (uint8_t)(minimum + choose(choices, 3))};
    }
    plan->other_imported = first != NULL && first->other_count > 0 && plan->other_count > 0 &&
                           (plan->memory_imported || !plan->has_memory);
    if (plan->other_imported)
        plan->others[0] = first->others[0];
}

static uint8_t choose_table_type(struct plan *plan)
{
    uint32_t typed = choose(plan->choices, 4);

    if (plan->newer && typed < 2)
        return (uint8_t)((typed == 0 ? TYPE_OPTIONAL : TYPE_CERTAIN) +
                         choose(plan->choices, TYPED_COUNT));
    if (plan->newer && typed == 2 && chance(plan->choices, 2))
        return TYPE_EXNREF;
    return chance(plan->choices, 2) ? TYPE_FUNCREF : TYPE_EXTERNREF;
}

static void plan_tables(struct plan *plan)
{
    struct choices *choices = plan->choices;

    plan->table_count = 1 + choose(choices, PLAN_TABLES);
    for (uint32_t i = 0; i < plan->table_count; i++) {
        struct plan_table *table = &plan->tables[i];

        table->type = i == 0 ? TYPE_FUNCREF : choose_table_type(plan);
        table->is_64 = i > 0 && plan->newer && chance(choices, 2);
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
    uint32_t memories = plan->has_memory + plan->other_count;

    plan->element_count = 2 + choose(choices, PLAN_SEGMENTS - 1);
    // The first declares all functions, the second fills table 0.
    plan->elements[0] = (struct plan_segment){
        .type = TYPE_FUNCREF, .count = (uint8_t)plan->function_count, .declarative = true};
    plan->elements[1] = (struct plan_segment){
        .type = TYPE_FUNCREF, .count = (uint8_t)choose(choices, 5), .active = true};
    for (uint32_t i = 2; i < plan->element_count; i++)
        plan->elements[i] = (struct plan_segment){
            .type = choose_table_type(plan),
            .count = (uint8_t)choose(choices, 6),
            .expressions = chance(choices, 2),
        };
    plan->data_count = memories > 0 ? choose(choices, PLAN_SEGMENTS) : 0;
    for (uint32_t i = 0; i < plan->data_count; i++) {
        uint32_t memory = choose(choices, memories);
        bool other = memory >= plan->has_memory;
        bool empty = other && plan->others[memory - plan->has_memory].minimum == 0;
        plan->datas[i] = (struct plan_segment){
            .count = (uint8_t)choose(choices, 64),
            .active = chance(choices, 2) && (!empty || chance(choices, 16)),
            .memory = (uint8_t)memory,
        };
    }
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
    plan_other_memories(plan);
    plan_tables(plan);
    plan_segments(plan);
    generate_sections(plan);
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
