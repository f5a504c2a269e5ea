// SPDX-License-Identifier: Apache-2.0
//
// Vector instructions.
#include <assert.h>
#include <string.h>

#include "sandbox/wasm/opcode.h"
#include "tests/fuzz/generate_body.h"

#define OPERATIONS_MAX 256u

static uint16_t operations[OPERATIONS_MAX];
static uint32_t operation_count;

// All but constants and accesses to memory.
static void prepare(void)
{
    for (uint16_t i = 0; i < OPCODE_COUNT && operation_count < OPERATIONS_MAX; i++) {
        const struct opcode_info *info = &opcode_info[i];

        if (info->feature == FEATURE_VECTOR && info->parameter_count > 0 &&
            info->result_count == 1 &&
            (info->immediate == IMMEDIATE_NONE || info->immediate == IMMEDIATE_SHUFFLE ||
             (info->immediate >= IMMEDIATE_LANE16 && info->immediate <= IMMEDIATE_LANE2)))
            operations[operation_count++] = i;
    }
    assert(operation_count > 0);
}

static uint8_t letter_type(char letter)
{
    return letter == 'I'   ? TYPE_I64
           : letter == 'f' ? TYPE_F32
           : letter == 'F' ? TYPE_F64
           : letter == 'v' ? TYPE_V128
                           : TYPE_I32;
}

static void put_lanes(struct body *b, uint8_t immediate)
{
    if (immediate == IMMEDIATE_SHUFFLE)
        for (uint32_t i = 0; i < 16; i++)
            body_byte(b, choose(b->choices, 32));
    else if (immediate != IMMEDIATE_NONE)
        body_byte(b, choose(b->choices, 16u >> (immediate - IMMEDIATE_LANE16)));
}

// Fewer of floats, of which a NaN ends the comparison.
static const struct opcode_info *choose_operation(struct body *b)
{
    const struct opcode_info *info;
    uint32_t attempts = 0;

    do
        info = &opcode_info[operations[choose(b->choices, operation_count)]];
    while (info->mnemonic[0] == 'f' && attempts++ < 2);
    return info;
}

void body_vector(struct body *b)
{
    uint8_t types[3] = {0};

    if (operation_count == 0)
        prepare();
    const struct opcode_info *info = choose_operation(b);
    for (uint32_t i = 0; i < info->parameter_count; i++)
        types[i] = letter_type(info->signature[i]);
    body_want(b, types, info->parameter_count);
    body_byte(b, 0xfd);
    body_number(b, info->code);
    put_lanes(b, info->immediate);
    body_popped(b, info->parameter_count);
    body_pushed(b, letter_type(info->signature[info->parameter_count + 1]));
}

void body_vector_memory(struct body *b)
{
    static const uint8_t codes[] = {0x00, 0x00, 0x0b, 0x0b, 0x01, 0x02, 0x03, 0x04,
                                    0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x54, 0x55,
                                    0x56, 0x57, 0x58, 0x59, 0x5a, 0x5b, 0x5c, 0x5d};
    static const uint8_t alignments[] = {4, 3, 3, 3, 3, 3, 3, 0, 1, 2, 3, 4};
    uint8_t code = codes[choose(b->choices, sizeof codes)];
    bool lane = code >= 0x54 && code <= 0x5b;
    bool is_store = code == 0x0b || code >= 0x58;
    struct access access = {.alignment =
                                (uint8_t)(code <= 0x0b ? alignments[code] : (code - 0x54) % 4)};

    uint32_t count = b->plan->has_memory + b->plan->other_count;
    uint32_t memory = choose(b->choices, count);

    if (count == 0)
        return;
    if (code == 0x5c || code == 0x5d) {
        access.alignment = code == 0x5c ? 2 : 3;
        is_store = false;
    }
    bool other = memory >= b->plan->has_memory;
    if (other)
        body_other_address(b, memory);
    else
        body_push_address(b);
    if (lane || is_store)
        body_push_value(b, TYPE_V128);
    body_byte(b, 0xfd);
    body_number(b, code);
    if (other)
        body_other_memarg(b, access.alignment, memory);
    else
        body_memarg(b, &access);
    if (lane)
        body_byte(b, choose(b->choices, 16u >> access.alignment));
    body_popped(b, lane || is_store ? 2 : 1);
    if (!is_store)
        body_pushed(b, TYPE_V128);
}
