// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/wasm/operation_forms.h"

void put_constant(struct bytes *code, char type, uint64_t bits)
{
    switch (type) {
    case 'i':
        put(code, I32_CONST);
        put_s64(code, (int32_t)bits);
        break;
    case 'I':
        put(code, I64_CONST);
        put_s64(code, (int64_t)bits);
        break;
    case 'f':
        put(code, F32_CONST);
        put_all(code, (const uint8_t *)&bits, 4);
        break;
    default:
        put(code, F64_CONST);
        put_all(code, (const uint8_t *)&bits, 8);
    }
}

void put_vector(struct bytes *code, const uint8_t *bytes)
{
    put_all(code, CODE(V(V128_CONST)));
    put_all(code, bytes, 16);
}

void put_identity(struct bytes *code, char type)
{
    switch (type) {
    case 'i':
        put_all(code, CODE(I32_CONST, 0, I32_OR));
        break;
    case 'I':
        put_all(code, CODE(I64_CONST, 0, I64_OR));
        break;
    case 'f':
        put_all(code, CODE(F32_NEG, F32_NEG));
        break;
    case 'v':
        put_all(code, CODE(V(V128_NOT), V(V128_NOT)));
        break;
    default:
        put_all(code, CODE(F64_NEG, F64_NEG));
    }
}

void put_displacement(struct bytes *code, char type)
{
    if (type == 'i' || type == 'I')
        put_all(code, CODE(I32_CONST, 1, I32_CLZ, DROP));
    else if (type == 'f')
        put_all(code, CODE(F32_CONST, BITS32(0), F32_NEG, DROP));
    else if (type == 'v')
        put_all(code, CODE(V(V128_CONST), BITS64(1), BITS64(2), V(V128_NOT), DROP));
    else
        put_all(code, CODE(F64_CONST, BITS64(0), F64_NEG, DROP));
}

void note_operations(const struct module *module, bool *covered)
{
    for (uint32_t i = 0; i < module->body_count; i++) {
        const struct code *code = &module->codes[i];
        uint32_t number = code->first_operation;

        for (uint32_t offset = 0; offset < code->size;) {
            const struct cell *cell = (const struct cell *)(const void *)(code->entry + offset);

            if (offset > 0)
                number = (uint32_t)cell->handler;
            covered[number] = true;
            offset += operation_length(cell, number);
        }
    }
}
