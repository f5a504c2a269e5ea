// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/known.h"

#include "sandbox/wasm/instruction.h"

static bool type_known(valtype type)
{
    return type == VALTYPE_FUNCREF || type == VALTYPE_EXTERNREF ||
           (valtype_kind(type) >= VALKIND_I32 && valtype_kind(type) <= VALKIND_F64);
}

static bool types_known(const struct module *module, const struct type_store *store)
{
    for (uint32_t i = 0; i < module->type_count; i++) {
        const struct deftype *type = type_at(store, module->types[i]);

        if (type->composite != COMPOSITE_FUNCTION || !type->final || type->supertype != TYPE_NONE ||
            type->group_count != 1)
            return false;
        for (uint32_t j = 0; j < type->parameter_count + type->result_count; j++)
            if (!type_known(type->types[j]))
                return false;
    }
    return true;
}

static bool definitions_known(const struct module *module)
{
    for (uint32_t i = 0; i < module->global_count; i++)
        if (!type_known(module->globals[i].type.type))
            return false;
    for (uint32_t i = 0; i < module->table_count; i++)
        if (!type_known(module->tables[i].type.element) || module->tables[i].has_initial)
            return false;
    for (uint32_t i = 0; i < module->element_count; i++)
        if (!type_known(module->elements[i].type) && module->elements[i].funcidxs == NULL)
            return false;
    return module->tag_count == 0;
}

static bool instructions_known(const struct module *module, struct reader *reader)
{
    const struct type_names names = {module->types, module->type_count, module->features, NULL};
    struct instruction instruction;

    while (!reader_done(reader)) {
        if (!instruction_read(reader, &names, &instruction) ||
            opcode_info[instruction.opcode].feature != FEATURE_CORE ||
            (valtype_is_reference(instruction.type) && !type_known(instruction.type)))
            return false;
    }
    return true;
}

static bool body_known(const struct module *module, const struct body *body)
{
    const struct type_names names = {module->types, module->type_count, module->features, NULL};
    struct error error = {.code = ERROR_NONE};
    struct reader reader;

    reader_init(&reader, body->bytes, body->size, body->offset, &error);
    for (uint32_t groups = reader_u32(&reader); groups > 0; groups--) {
        reader_u32(&reader);
        if (!type_known(valtype_read(&reader, &names)))
            return false;
    }
    return instructions_known(module, &reader);
}

bool known_to_reference(const struct module *module, const struct type_store *store)
{
    if (!types_known(module, store) || !definitions_known(module))
        return false;
    for (uint32_t i = 0; i < module->body_count; i++)
        if (!body_known(module, &module->bodies[i]))
            return false;
    return true;
}
