// SPDX-License-Identifier: Apache-2.0
//
// Statements on whole memories and tables, and on memories other than the first, of which some have
// addresses of 64 bits.
#include "tests/fuzz/generate_body.h"

static void small_i32(struct body *b, uint32_t limit)
{
    if (chance(b->choices, 16))
        body_push_value(b, TYPE_I32);
    else
        body_i32(b, (int32_t)choose(b->choices, limit));
}

// An address, size or index of either width: small, or around what ends that width.
void body_other_index(struct body *b, bool is_64, uint32_t limit)
{
    static const int64_t values[] = {-1,          -8,        1ll << 32, (1ll << 32) - 1,
                                     INT64_MIN,   65536,     65535,     INT64_MAX,
                                     0x80000000u, 1ll << 48, 131072,    65520};

    if (!is_64) {
        if (chance(b->choices, 16))
            body_i32(b, (int32_t)values[choose(b->choices, sizeof values / sizeof values[0])]);
        else
            small_i32(b, limit);
        return;
    }
    if (chance(b->choices, 32)) {
        body_push_value(b, TYPE_I64);
        return;
    }
    body_byte(b, 0x42);
    put_signed(b->output, chance(b->choices, 12)
                              ? values[choose(b->choices, sizeof values / sizeof values[0])]
                              : (int64_t)choose(b->choices, limit));
    body_pushed(b, TYPE_I64);
}

static void prefixed(struct body *b, uint8_t opcode, uint32_t takes)
{
    body_byte(b, 0xfc);
    body_byte(b, opcode);
    body_popped(b, takes);
}

void body_bulk_memory(struct body *b)
{
    uint32_t kind = choose(b->choices, 6), segments = b->plan->data_count;

    if (!b->plan->has_memory || (kind == 3 && segments == 0))
        return;
    if (kind == 0) {
        body_byte(b, 0x3f);
        body_byte(b, 0);
        body_pushed(b, TYPE_I32);
    } else if (kind == 1) {
        small_i32(b, 3);
        body_byte(b, 0x40);
        body_byte(b, 0);
        body_popped(b, 1);
        body_pushed(b, TYPE_I32);
    } else if (kind == 5 && segments > 0 && chance(b->choices, 4)) {
        prefixed(b, 9, 0);
        body_number(b, choose(b->choices, segments));
    } else {
        small_i32(b, 256);
        small_i32(b, kind == 3 ? 16 : 256);
        if (kind != 3 && chance(b->choices, 16))
            body_i32(b, 65536 + (int32_t)choose(b->choices, 256) - 128);
        else
            small_i32(b, kind == 3 ? 16 : 80);
        prefixed(b, kind == 3 ? 8 : kind == 2 ? 10 : 11, 3);
        if (kind == 3)
            body_number(b, choose(b->choices, segments));
        if (kind == 2)
            body_byte(b, 0);
        body_byte(b, 0);
    }
}

static void table_init(struct body *b, uint32_t table)
{
    uint32_t element = choose(b->choices, b->plan->element_count);

    if (b->plan->elements[element].type != b->plan->tables[table].type)
        return;
    if (chance(b->choices, 4)) {
        prefixed(b, 13, 0);
        body_number(b, element);
        return;
    }
    body_other_index(b, b->plan->tables[table].is_64, 4);
    small_i32(b, 3);
    small_i32(b, 3);
    prefixed(b, 12, 3);
    body_number(b, element);
    body_number(b, table);
}

static void table_count(struct body *b, uint32_t table, bool is_64)
{
    if (!is_64 && b->plan->tables[table].minimum > 8192 && chance(b->choices, 4))
        body_i32(b, 8192 + (int32_t)choose(b->choices, 256));
    else
        body_other_index(b, is_64, 4);
}

static void bulk_table(struct body *b, uint32_t table, uint32_t kind)
{
    uint8_t type = b->plan->tables[table].type;
    bool is_64 = b->plan->tables[table].is_64;
    uint8_t size_type = is_64 ? TYPE_I64 : TYPE_I32;

    if (kind == 0) { // table.size
        prefixed(b, 16, 0);
        body_number(b, table);
        body_pushed(b, size_type);
    } else if (kind == 1) { // table.grow
        body_push_value(b, type);
        body_other_index(b, is_64, 4);
        prefixed(b, 15, 2);
        body_number(b, table);
        body_pushed(b, size_type);
    } else if (kind == 2) { // table.fill
        body_other_index(b, is_64, 8);
        body_push_value(b, type);
        table_count(b, table, is_64);
        prefixed(b, 17, 3);
        body_number(b, table);
    } else { // table.copy
        uint32_t source = choose(b->choices, b->plan->table_count);
        if (b->plan->tables[source].type != type)
            return;
        bool source_is_64 = b->plan->tables[source].is_64;
        body_other_index(b, is_64, 6);
        body_other_index(b, source_is_64, 6);
        table_count(b, table, is_64 && source_is_64);
        prefixed(b, 14, 3);
        body_number(b, table);
        body_number(b, source);
    }
}

void body_use_table(struct body *b)
{
    uint32_t kind = choose(b->choices, 8), table = choose(b->choices, b->plan->table_count);
    uint8_t type = b->plan->tables[table].type;
    bool is_64 = b->plan->tables[table].is_64;

    if (kind < 4) {
        bulk_table(b, table, kind);
    } else if (kind == 4) {
        table_init(b, table);
    } else if (kind == 5) {
        body_other_index(b, is_64, 6);
        body_push_value(b, type);
        body_byte(b, 0x26);
        body_number(b, table);
        body_popped(b, 2);
    } else {
        body_other_index(b, is_64, 6);
        body_byte(b, 0x25);
        body_number(b, table);
        body_popped(b, 1);
        body_pushed(b, type);
    }
}

/* Other memories. */

static bool memory_is_64(const struct plan *plan, uint32_t memory)
{
    return memory >= plan->has_memory && plan->others[memory - plan->has_memory].is_64;
}

void body_other_address(struct body *b, uint32_t memory)
{
    body_other_index(b, memory_is_64(b->plan, memory), 128);
}

void body_other_memarg(struct body *b, uint32_t alignment, uint32_t memory)
{
    static const uint64_t offsets[] = {65535,      65536,      UINT32_MAX, 0x7ffffffc,
                                       1ull << 32, UINT64_MAX, 1ull << 63, UINT64_MAX - 65535};
    bool is_64 = memory_is_64(b->plan, memory);

    body_number(b, choose(b->choices, alignment + 1) | 0x40);
    body_number(b, memory);
    put_unsigned(b->output, chance(b->choices, 32) ? offsets[choose(b->choices, is_64 ? 8 : 4)]
                                                   : choose(b->choices, 64));
}

static void access_other(struct body *b, uint32_t memory)
{
    static const struct access accesses[] = {
        {0x28, TYPE_I32, 2}, {0x29, TYPE_I64, 3}, {0x2a, TYPE_F32, 2}, {0x2b, TYPE_F64, 3},
        {0x2c, TYPE_I32, 0}, {0x2f, TYPE_I32, 1}, {0x35, TYPE_I64, 2}, {0x36, TYPE_I32, 2},
        {0x37, TYPE_I64, 3}, {0x38, TYPE_F32, 2}, {0x39, TYPE_F64, 3}, {0x3a, TYPE_I32, 0},
        {0x3b, TYPE_I32, 1}, {0x3c, TYPE_I64, 0}, {0x3e, TYPE_I64, 2}, {0x36, TYPE_I32, 2}};
    const struct access *access = &accesses[choose(b->choices, 16)];
    bool is_store = access->opcode >= 0x36;

    body_other_address(b, memory);
    if (is_store)
        body_push_value(b, access->type);
    body_byte(b, access->opcode);
    body_other_memarg(b, access->alignment, memory);
    body_popped(b, 1 + is_store);
    if (!is_store)
        body_pushed(b, access->type);
}

static void size_other(struct body *b, uint32_t memory, bool grow)
{
    bool is_64 = memory_is_64(b->plan, memory);

    if (grow)
        body_other_index(b, is_64, 3);
    body_byte(b, grow ? 0x40 : 0x3f);
    body_number(b, memory);
    body_popped(b, grow);
    body_pushed(b, is_64 ? TYPE_I64 : TYPE_I32);
}

static void bulk_other(struct body *b, uint32_t memory, uint32_t source)
{
    bool is_64 = memory_is_64(b->plan, memory), from_64 = memory_is_64(b->plan, source);
    uint32_t kind = choose(b->choices, 3);

    if (kind == 0 && b->plan->data_count == 0)
        return;
    body_other_index(b, is_64, 256);
    if (kind == 1)
        body_other_index(b, from_64, 256);
    else
        small_i32(b, kind == 0 ? 16 : 256);
    if (kind == 0)
        small_i32(b, 16);
    else
        body_other_index(b, is_64 && (kind == 2 || from_64), 80);
    prefixed(b, (uint8_t)(kind == 0 ? 8 : kind == 1 ? 10 : 11), 3);
    if (kind == 0)
        body_number(b, choose(b->choices, b->plan->data_count));
    body_number(b, memory);
    if (kind == 1)
        body_number(b, source);
}

void body_other_memory(struct body *b)
{
    const struct plan *plan = b->plan;
    uint32_t count = plan->has_memory + plan->other_count, kind = choose(b->choices, 8);

    if (plan->other_count == 0)
        return;
    uint32_t memory = plan->has_memory + choose(b->choices, plan->other_count);
    if (kind < 5)
        access_other(b, memory);
    else if (kind == 5)
        size_other(b, memory, !chance(b->choices, 3));
    else
        bulk_other(b, chance(b->choices, 4) ? choose(b->choices, count) : memory,
                   choose(b->choices, count));
}
