// SPDX-License-Identifier: Apache-2.0
//
// The reference interpreter's view of the binary format: numbers, types, and where instructions
// end.
#include "tests/fuzz/reference.h"

// `shift` becomes the number of bits that were read, `last` the byte that they end with.
static uint64_t number_at(const uint8_t **at, uint32_t *shift, uint8_t *last)
{
    uint64_t value = 0;

    *shift = 0;
    do {
        *last = *(*at)++;
        value |= (uint64_t)(*last & 0x7f) << *shift;
        *shift += 7;
    } while (*last & 0x80);
    return value;
}

uint64_t reference_unsigned(const uint8_t **at)
{
    uint32_t shift;
    uint8_t last;

    return number_at(at, &shift, &last);
}

int64_t reference_signed(const uint8_t **at)
{
    uint32_t shift;
    uint8_t last;
    uint64_t value = number_at(at, &shift, &last);

    if (shift < 64 && last & 0x40)
        value |= UINT64_MAX << shift;
    return (int64_t)value;
}

static bool skip_prefixed(const uint8_t **at)
{
    static const uint8_t immediates[] = {0, 0, 0, 0, 0, 0, 0, 0, 2, 1, 2, 1, 2, 1, 2, 1, 1, 1};
    uint64_t opcode = reference_unsigned(at);

    if (opcode >= sizeof immediates)
        return false;
    for (uint32_t i = 0; i < immediates[opcode]; i++)
        reference_unsigned(at);
    return true;
}

static void skip_memarg(const uint8_t **at)
{
    if (reference_unsigned(at) & 0x40)
        reference_unsigned(at);
    reference_unsigned(at);
}

static bool skip_vector(const uint8_t **at)
{
    uint64_t opcode = reference_unsigned(at);

    if (opcode <= 0x0b || (opcode >= 0x54 && opcode <= 0x5d))
        skip_memarg(at);
    if (opcode == 0x0c || opcode == 0x0d)
        *at += 16;
    else if ((opcode >= 0x15 && opcode <= 0x22) || (opcode >= 0x54 && opcode <= 0x5b))
        ++*at;
    return opcode < 0x100;
}

static void skip_block_type(const uint8_t **at)
{
    int64_t type = reference_signed(at);

    if (type == -28 || type == -29)
        reference_signed(at);
}

static void skip_clauses(const uint8_t **at)
{
    for (uint64_t count = reference_unsigned(at); count > 0; count--) {
        if (*(*at)++ < 2)
            reference_unsigned(at);
        reference_unsigned(at);
    }
}

static void skip_select_types(const uint8_t **at)
{
    for (uint64_t count = reference_unsigned(at); count > 0; count--) {
        uint8_t type = *(*at)++;
        if (type == 0x63 || type == 0x64)
            reference_signed(at);
    }
}

// Immediates that are one or two numbers without sign.
static uint32_t plain_immediates(uint8_t opcode)
{
    if (opcode == 0x11 || opcode == 0x13)
        return 2;
    return opcode == 0x0c || opcode == 0x0d || opcode == 0x10 || opcode == 0x12 || opcode == 0x14 ||
           opcode == 0x15 || opcode == 0x18 || (opcode >= 0x07 && opcode <= 0x09) ||
           opcode == 0xd2 || opcode == 0xd5 || opcode == 0xd6 ||
           (opcode >= 0x20 && opcode <= 0x26) || opcode == 0x3f || opcode == 0x40;
}

bool reference_skip(const uint8_t **at)
{
    uint8_t opcode = *(*at)++;

    if (opcode == 0xfc)
        return skip_prefixed(at);
    if (opcode == 0xfd)
        return skip_vector(at);
    if ((opcode >= 0x02 && opcode <= 0x04) || opcode == 0x06 || opcode == 0x1f) {
        skip_block_type(at);
        if (opcode == 0x1f)
            skip_clauses(at);
    } else if (opcode == 0x41 || opcode == 0x42 || opcode == 0xd0) {
        reference_signed(at);
    } else if (opcode == 0x0e) {
        for (uint64_t count = reference_unsigned(at) + 1; count > 0; count--)
            reference_unsigned(at);
    } else if (opcode == 0x1c) {
        skip_select_types(at);
    } else if (opcode >= 0x28 && opcode <= 0x3e) {
        skip_memarg(at);
    } else if (opcode == 0x43 || opcode == 0x44) {
        *at += opcode == 0x43 ? 4 : 8;
    } else {
        for (uint32_t count = plain_immediates(opcode); count > 0; count--)
            reference_unsigned(at);
    }
    return opcode <= 0xc4 || (opcode >= 0xd0 && opcode <= 0xd6 && opcode != 0xd3);
}

/* Types. */

reference_valtype reference_read_type(const struct reference_instance *instance, const uint8_t **at)
{
    uint8_t byte = *(*at)++;

    if (byte != 0x63 && byte != 0x64)
        return byte;
    bool nullable = byte == 0x63;
    int64_t heap_type = reference_signed(at);
    if (heap_type < 0)
        return (reference_valtype)((heap_type & 0x7f) | (nullable ? 0 : TYPE_NON_NULL));
    return (reference_valtype)(TYPE_CONCRETE + 2 * instance->types[heap_type].number + nullable);
}

uint32_t reference_slots(const reference_valtype *types, uint32_t count, uint8_t *slots)
{
    uint32_t slot_count = 0;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t type = types[i] >= TYPE_CONCRETE ? TYPE_FUNCREF : types[i] & ~TYPE_NON_NULL;

        for (uint32_t half = 0; half < (type == TYPE_V128 ? 2 : 1); half++, slot_count++)
            if (slots != NULL)
                slots[slot_count] = (uint8_t)(type == TYPE_V128 ? TYPE_I64 : type);
    }
    return slot_count;
}

bool reference_has_defaults(const reference_valtype *types, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (types[i] >= TYPE_CONCRETE ? types[i] % 2 == 0 : (types[i] & TYPE_NON_NULL) != 0)
            return false;
    return true;
}
