// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/known.h"

#include "sandbox/wasm/instruction.h"

static bool heap_type_known(const struct type_store *store, uint32_t heap_type)
{
    if (heap_type >= HEAPTYPE_CONCRETE)
        return type_at(store, heap_type - HEAPTYPE_CONCRETE)->composite == COMPOSITE_FUNCTION;
    return heap_type == HEAPTYPE_FUNC || heap_type == HEAPTYPE_EXTERN || heap_type == HEAPTYPE_EXN;
}

static bool type_known(const struct type_store *store, valtype type)
{
    if (valtype_is_reference(type))
        return heap_type_known(store, valtype_heaptype(type));
    return valtype_kind(type) >= VALKIND_I32 && valtype_kind(type) <= VALKIND_V128;
}

// A type that refers to itself has a number that no earlier type has.
static bool refers_back(const struct deftype *type, valtype operand)
{
    return !valtype_is_reference(operand) || valtype_heaptype(operand) < HEAPTYPE_CONCRETE ||
           valtype_heaptype(operand) - HEAPTYPE_CONCRETE < type->group_first;
}

static bool types_known(const struct module *module, const struct type_store *store)
{
    for (uint32_t i = 0; i < module->type_count; i++) {
        const struct deftype *type = type_at(store, module->types[i]);

        if (type->composite != COMPOSITE_FUNCTION || !type->final || type->supertype != TYPE_NONE ||
            type->group_count != 1)
            return false;
        for (uint32_t j = 0; j < type->parameter_count + type->result_count; j++)
            if (!refers_back(type, type->types[j]) || !type_known(store, type->types[j]))
                return false;
    }
    return true;
}

static bool definitions_known(const struct module *module, const struct type_store *store)
{
    for (uint32_t i = 0; i < module->global_count; i++)
        if (!type_known(store, module->globals[i].type.type))
            return false;
    for (uint32_t i = 0; i < module->table_count; i++)
        if (!type_known(store, module->tables[i].type.element))
            return false;
    for (uint32_t i = 0; i < module->element_count; i++)
        if (!type_known(store, module->elements[i].type) && module->elements[i].funcidxs == NULL)
            return false;
    return true;
}

static bool opcode_known(uint16_t opcode)
{
    const uint32_t features = FEATURE_BIT(FEATURE_CORE) | FEATURE_BIT(FEATURE_VECTOR) |
                              FEATURE_BIT(FEATURE_EXCEPTION) |
                              FEATURE_BIT(FEATURE_LEGACY_EXCEPTION) |
                              FEATURE_BIT(FEATURE_TAIL_CALL) | FEATURE_BIT(FEATURE_TYPED_REFERENCE);

    return (features & FEATURE_BIT(opcode_info[opcode].feature)) != 0;
}

static bool instructions_known(const struct module *module, const struct type_store *store,
                               struct reader *reader)
{
    const struct type_names names = {module->types, module->type_count, module->features, NULL};
    struct instruction instruction;

    while (!reader_done(reader)) {
        if (!instruction_read(reader, &names, &instruction) || !opcode_known(instruction.opcode) ||
            (valtype_is_reference(instruction.type) && !type_known(store, instruction.type)))
            return false;
    }
    return true;
}

static bool body_known(const struct module *module, const struct type_store *store,
                       const struct body *body)
{
    const struct type_names names = {module->types, module->type_count, module->features, NULL};
    struct error error = {.code = ERROR_NONE};
    struct reader reader;

    reader_init(&reader, body->bytes, body->size, body->offset, &error);
    for (uint32_t groups = reader_u32(&reader); groups > 0; groups--) {
        reader_u32(&reader);
        if (!type_known(store, valtype_read(&reader, &names)))
            return false;
    }
    return instructions_known(module, store, &reader);
}

bool known_to_reference(const struct module *module, const struct type_store *store)
{
    if (!types_known(module, store) || !definitions_known(module, store))
        return false;
    for (uint32_t i = 0; i < module->body_count; i++)
        if (!body_known(module, store, &module->bodies[i]))
            return false;
    return true;
}
