// SPDX-License-Identifier: Apache-2.0
//
// The reference interpreter's vectors. What is computed lane by lane comes from the reference that
// unit tests have; memory, and what NaNs do, is here.
#include <string.h>

#include "sandbox/wasm/opcode.h"
#include "tests/fuzz/reference_machine.h"
#include "tests/unit/wasm/vector_reference.h"

static struct vector to_vector(struct reference_value value)
{
    struct vector vector;

    memcpy(vector.bytes, &value, sizeof vector.bytes);
    return vector;
}

static void push_vector(struct reference_machine *m, const struct vector *vector)
{
    struct reference_value value;

    memcpy(&value, vector->bytes, sizeof value);
    machine_push_value(m, value);
}

/* Memory. */

// The bytes of an access; NULL after a trap, or where some NaN's bytes would be seen.
static uint8_t *bytes_at(struct reference_machine *m, struct reference_memarg memarg,
                         uint32_t width, bool is_store)
{
    uint64_t at;

    if (!machine_address(m, memarg, width, &at))
        return NULL;
    for (uint32_t i = 0; i < width; i++) {
        if (is_store)
            memarg.memory->nans[at + i] = NAN_NONE;
        else if (memarg.memory->nans[at + i] != NAN_NONE)
            machine_stop(m, REFERENCE_UNDETERMINED);
    }
    return m->stopped ? NULL : memarg.memory->bytes + at;
}

// load8x8_s to load32x2_u: half as wide lanes.
static void extend(uint32_t opcode, const uint8_t *bytes, struct vector *vector)
{
    uint32_t width = 1u << (opcode - 1) / 2;

    for (uint32_t i = 0; i < 8 / width; i++) {
        uint64_t bits = 0, sign = 1ull << (8 * width - 1);
        memcpy(&bits, bytes + i * width, width);
        vector_set_lane(vector, 2 * width, i, opcode & 1 ? (bits ^ sign) - sign : bits);
    }
}

static void load(struct reference_machine *m, uint32_t opcode)
{
    bool splat = opcode >= 0x07 && opcode <= 0x0a;
    uint32_t width = opcode == 0 ? 16 : splat ? 1u << (opcode - 0x07) : opcode == 0x5c ? 4 : 8;
    const uint8_t *bytes = bytes_at(m, machine_memarg(m), width, false);
    struct vector vector = {{0}};

    if (bytes == NULL)
        return;
    if (opcode >= 0x01 && opcode <= 0x06)
        extend(opcode, bytes, &vector);
    else
        for (uint32_t i = 0; i < (splat ? 16 : width); i += width)
            memcpy(vector.bytes + i, bytes, width);
    push_vector(m, &vector);
}

static void store(struct reference_machine *m)
{
    struct reference_memarg memarg = machine_memarg(m);
    struct vector vector = to_vector(machine_pop_value(m));
    uint8_t *bytes = bytes_at(m, memarg, 16, true);

    if (bytes != NULL)
        memcpy(bytes, vector.bytes, sizeof vector.bytes);
}

// load8_lane to store64_lane: 0x54 to 0x5b.
static void access_lane(struct reference_machine *m, uint32_t opcode)
{
    bool is_store = opcode >= 0x58;
    uint32_t width = 1u << (opcode - 0x54) % 4;
    struct reference_memarg memarg = machine_memarg(m);
    uint32_t lane = *m->pc++;
    struct vector vector = to_vector(machine_pop_value(m));
    uint8_t *bytes = bytes_at(m, memarg, width, is_store);

    if (bytes == NULL)
        return;
    if (is_store) {
        memcpy(bytes, vector.bytes + lane * width, width);
    } else {
        memcpy(vector.bytes + lane * width, bytes, width);
        push_vector(m, &vector);
    }
}

/* Lanes. */

// Of these the bits of a NaN in the result are not determined: rounding, arithmetic, conversions.
static bool computes_floats(uint32_t opcode)
{
    return (opcode >= 0x67 && opcode <= 0x6a) || opcode == 0x74 || opcode == 0x75 ||
           opcode == 0x7a || opcode == 0x94 || (opcode >= 0xe3 && opcode <= 0xe9) ||
           (opcode >= 0xef && opcode <= 0xf5) || opcode == 0x5e || opcode == 0x5f;
}

static bool has_nan(const struct vector *vector, uint32_t width)
{
    uint64_t infinity = width == 4 ? 0x7f800000u : 0x7ff0000000000000u;
    uint64_t mask = width == 4 ? 0x7fffffffu : INT64_MAX;

    for (uint32_t i = 0; i < 16 / width; i++)
        if ((vector_lane(vector, width, i) & mask) > infinity)
            return true;
    return false;
}

static void read_lanes(struct reference_machine *m, uint8_t kind, struct vector_case *operands)
{
    if (kind == IMMEDIATE_SHUFFLE) {
        memcpy(operands->lanes, m->pc, sizeof operands->lanes);
        m->pc += sizeof operands->lanes;
    } else if (kind != IMMEDIATE_NONE) {
        operands->lane = *m->pc++;
    }
}

static void pop_operands(struct reference_machine *m, const struct opcode_info *info,
                         struct vector_case *operands)
{
    for (uint32_t i = info->parameter_count, vectors = 0; i > 0; i--) {
        struct reference_value value = m->stack[m->sp - i];
        char letter = info->signature[info->parameter_count - i];

        if (letter == 'v')
            operands->vectors[vectors++] = to_vector(value);
        else
            operands->scalar = value.low;
        if ((letter == 'f' && value.low == SOME_NAN_32) ||
            (letter == 'F' && value.low == SOME_NAN_64))
            machine_stop(m, REFERENCE_UNDETERMINED);
    }
    m->sp -= info->parameter_count;
}

static void compute(struct reference_machine *m, uint32_t code)
{
    uint16_t opcode = opcode_of_prefixed(0xfd, code);
    const struct opcode_info *info = &opcode_info[opcode];
    const union vector_result nothing = {.scalar = 0};
    struct vector_case operands;
    union vector_result result;

    memset(&operands, 0, sizeof operands);
    read_lanes(m, info->immediate, &operands);
    pop_operands(m, info, &operands);
    if (m->stopped)
        return;
    vector_reference_allows(opcode, &operands, &nothing, &result);
    if (info->signature[info->parameter_count + 1] != 'v') {
        machine_push(m, result.scalar);
        return;
    }
    if (computes_floats(code) && has_nan(&result.vector, info->mnemonic[1] == '3' ? 4 : 8))
        machine_stop(m, REFERENCE_UNDETERMINED);
    push_vector(m, &result.vector);
}

void machine_vector(struct reference_machine *m)
{
    uint32_t opcode = machine_immediate(m);
    struct vector vector;

    if (opcode <= 0x0a || opcode == 0x5c || opcode == 0x5d) {
        load(m, opcode);
    } else if (opcode == 0x0b) {
        store(m);
    } else if (opcode == 0x0c) {
        memcpy(vector.bytes, m->pc, sizeof vector.bytes);
        m->pc += sizeof vector.bytes;
        push_vector(m, &vector);
    } else if (opcode >= 0x54 && opcode <= 0x5b) {
        access_lane(m, opcode);
    } else {
        compute(m, opcode);
    }
}
