// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/vectors.h"

#include "sandbox/wasm/instruction.h"

static bool types_have_vectors(const struct module *module, const struct type_store *types)
{
    for (uint32_t i = 0; i < module->type_count; i++) {
        const struct deftype *type = type_at(types, module->types[i]);

        for (uint32_t k = 0; k < type->parameter_count + type->result_count; k++)
            if (type->types[k] == VALTYPE_V128)
                return true;
    }
    return false;
}

static bool globals_have_vectors(const struct module *module)
{
    for (uint32_t i = 0; i < module->global_count; i++)
        if (module->globals[i].type.type == VALTYPE_V128)
            return true;
    return false;
}

static bool is_vector(const struct instruction *instruction)
{
    uint8_t feature = opcode_info[instruction->opcode].feature;

    return feature == FEATURE_VECTOR || feature == FEATURE_RELAXED_VECTOR ||
           instruction->type == VALTYPE_V128;
}

static bool body_has_vectors(const struct module *module, const struct body *body)
{
    const struct type_names names = {module->types, module->type_count};
    struct error error = {.code = ERROR_NONE};
    struct instruction instruction;
    struct reader reader;
    bool found = false;

    reader_init(&reader, body->bytes, body->size, body->offset, &error);
    for (uint32_t count = reader_u32(&reader); count > 0 && !reader.failed; count--) {
        reader_u32(&reader);
        found |= valtype_read(&reader, &names) == VALTYPE_V128;
    }
    while (!found && !reader_done(&reader) && instruction_read(&reader, &names, &instruction))
        found = is_vector(&instruction);
    return found;
}

bool module_has_vectors(const struct module *module, const struct type_store *types)
{
    bool found = types_have_vectors(module, types) || globals_have_vectors(module);

    for (uint32_t i = 0; i < module->body_count && !found; i++)
        found = body_has_vectors(module, &module->bodies[i]);
    return found;
}
