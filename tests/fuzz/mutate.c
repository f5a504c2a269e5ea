// SPDX-License-Identifier: Apache-2.0
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "sandbox/base/reader.h"
#include "sandbox/wasm/engine.h"
#include "sandbox/wasm/instruction.h"
#include "tests/fuzz/mutate.h"

#define INSTRUCTIONS_MAX 4096u
#define LENGTH_MAX       64u // of an instruction that is copied
#define NOP              0x01

struct place {
    uint32_t offset;
    uint32_t length;
    uint16_t opcode;
};

struct places {
    struct place place[INSTRUCTIONS_MAX];
    uint32_t count;
};

uint32_t mutate_random(uint32_t *random)
{
    *random ^= *random << 13;
    *random ^= *random >> 17;
    *random ^= *random << 5;
    return *random;
}

static void skip_locals(struct reader *reader)
{
    const struct type_names names = {NULL, 0, 0, NULL};

    for (uint32_t count = reader_count(reader, 2); count > 0 && !reader->failed; count--) {
        reader_u32(reader);
        valtype_read(reader, &names);
    }
}

static void find_instructions(const struct module *module, uint32_t *random, struct places *places)
{
    const struct body *body = &module->bodies[mutate_random(random) % module->body_count];
    const struct type_names names = {module->types, module->type_count, module->features, NULL};
    struct error error = {.code = ERROR_NONE};
    struct instruction instruction;
    struct reader reader;

    places->count = 0;
    reader_init(&reader, body->bytes, body->size, body->offset, &error);
    skip_locals(&reader);
    while (places->count < INSTRUCTIONS_MAX && !reader_done(&reader) &&
           instruction_read(&reader, &names, &instruction))
        places->place[places->count++] = (struct place){
            (uint32_t)instruction.offset, (uint32_t)(reader_offset(&reader) - instruction.offset),
            instruction.opcode};
}

static bool same_shape(const struct opcode_info *left, const struct opcode_info *right)
{
    bool access = left->immediate >= IMMEDIATE_MEMARG0 && left->immediate <= IMMEDIATE_MEMARG3 &&
                  right->immediate >= IMMEDIATE_MEMARG0 && right->immediate <= IMMEDIATE_MEMARG3;

    return left->page == 0 && right->page == 0 && left->feature == right->feature &&
           (access || left->immediate == right->immediate) && left->signature != NULL &&
           right->signature != NULL && strcmp(left->signature, right->signature) == 0;
}

// Another instruction of the same types in its place.
static bool exchange_opcode(uint8_t *data, const struct place *place, uint32_t *random)
{
    uint32_t first = mutate_random(random) % OPCODE_COUNT;

    for (uint32_t i = 0; i < OPCODE_COUNT; i++) {
        uint32_t opcode = (first + i) % OPCODE_COUNT;

        if (opcode == place->opcode ||
            !same_shape(&opcode_info[opcode], &opcode_info[place->opcode]))
            continue;
        data[place->offset] = (uint8_t)opcode_info[opcode].code;
        return true;
    }
    return false;
}

static bool structured(uint16_t opcode)
{
    return opcode == OPCODE_BLOCK || opcode == OPCODE_LOOP || opcode == OPCODE_IF ||
           opcode == OPCODE_ELSE || opcode == OPCODE_END;
}

static bool remove_instruction(uint8_t *data, const struct place *place)
{
    if (structured(place->opcode))
        return false;
    memset(data + place->offset, NOP, place->length);
    return true;
}

// One instruction in the place of another and of the nops behind it.
static bool copy_instruction(uint8_t *data, const struct places *places, uint32_t to, uint32_t from)
{
    const struct place *target = &places->place[to], *source = &places->place[from];
    uint8_t copy[LENGTH_MAX];
    uint32_t room = target->length;

    for (uint32_t i = to + 1; i < places->count && places->place[i].opcode == OPCODE_NOP; i++)
        room += places->place[i].length;
    if (structured(target->opcode) || structured(source->opcode) || source->length > room ||
        source->length > sizeof copy)
        return false;
    memcpy(copy, data + source->offset, source->length);
    memset(data + target->offset, NOP, room);
    memcpy(data + target->offset, copy, source->length);
    return true;
}

// A block of another kind, or another number at the end: an index, an offset, a part of a constant.
static bool change_immediate(uint8_t *data, const struct place *place, uint32_t *random)
{
    uint8_t *last = data + place->offset + place->length - 1;

    if (place->opcode == OPCODE_BLOCK || place->opcode == OPCODE_LOOP) {
        data[place->offset] ^= 0x02 ^ 0x03;
        return true;
    }
    if (place->length < 2)
        return false;
    *last = (uint8_t)((*last + (mutate_random(random) % 2 ? 1 : 0x7f)) & 0x7f);
    return true;
}

static bool change_place(uint8_t *data, const struct places *places, uint32_t *random)
{
    uint32_t index = mutate_random(random) % places->count;
    const struct place *place = &places->place[index];

    switch (mutate_random(random) % 8) {
    case 0:
        return remove_instruction(data, place);
    case 1:
    case 2:
        return copy_instruction(data, places, index, mutate_random(random) % places->count);
    case 3:
    case 4:
        return change_immediate(data, place, random);
    default:
        return exchange_opcode(data, place, random);
    }
}

bool mutate_instruction(uint8_t *data, size_t size, uint32_t *random)
{
    static struct places places;
    const struct engine_config config = {.stack_bytes = 65536};
    struct error error = {.code = ERROR_NONE};
    struct engine *engine;
    struct module *module;
    bool changed = false;

    if (!engine_create(&config, &engine, &error))
        abort();
    places.count = 0;
    if (engine_decode(engine, data, size, &module, &error) && module->body_count > 0)
        find_instructions(module, random, &places);
    engine_destroy(engine);
    for (uint32_t i = 0; i < 8 && places.count > 0 && !changed; i++)
        changed = change_place(data, &places, random);
    return changed;
}
