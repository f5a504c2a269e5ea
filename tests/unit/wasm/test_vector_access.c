// SPDX-License-Identifier: Apache-2.0
// Loads and stores of vectors and of their lanes in every form, guarded and checked, at the edges
// of memory and of the address space. The last test asserts that no form was left out.
#include <stdio.h>

#include "tests/unit/wasm/operation_forms.h"
#include "tests/unit/wasm/run_fixture.h"
#include "tests/unit/wasm/vector_reference.h"

#define PAGE 65536u

enum place { IN_LOCAL, IN_ACCUMULATOR, AS_CONSTANT };

// A function that makes one access.
struct access {
    uint32_t offset;
    uint32_t address; // if a constant
    uint8_t address_place, vector_place;
    uint8_t lane;
    bool stored; // what gives a vector: it goes to a slot
};

enum { ACCESSES_MAX = 4000, ADDRESSES = 10 };

static struct access accesses[ACCESSES_MAX];
static uint32_t access_count;
static bool covered[OPERATION_COUNT];
static uint8_t model[PAGE]; // what the memory should hold
static const struct opcode_info *info;
static const struct vector operand = {{0x80, 0x91, 0xa2, 0xb3, 0xc4, 0xd5, 0xe6, 0xf7, 0x08, 0x19,
                                       0x2a, 0x3b, 0x4c, 0x5d, 0x6e, 0x7f}};
static const uint32_t offsets[] = {0, 1, 65520, 65536, 0x7fffffff, 0xffffffff};

// What the mnemonic says: "load16x4_s" is 4 lanes of 2 bytes, "store8_lane" one of 1.
struct shape {
    uint32_t width, lanes;
    bool is_store, has_lane, is_splat, is_signed;
};

static struct shape shape_of(void)
{
    const char *name = info->mnemonic + strlen("v128.");
    unsigned bits = 128, lanes = 1;
    struct shape shape = {.is_store = strncmp(name, "store", 5) == 0};

    sscanf(name + (shape.is_store ? 5 : 4), "%ux%u", &bits, &lanes);
    shape.width = bits / 8;
    shape.lanes = lanes;
    shape.has_lane = strstr(name, "_lane") != NULL;
    shape.is_splat = strstr(name, "_splat") != NULL;
    shape.is_signed = strstr(name, "_s") != NULL && !shape.is_splat;
    return shape;
}

static uint32_t bytes_of(void)
{
    return shape_of().width * shape_of().lanes;
}

static void addresses_for(uint32_t offset, uint32_t *addresses)
{
    uint32_t width = bytes_of();
    const uint32_t candidates[ADDRESSES] = {0,
                                            1,
                                            1000,
                                            PAGE - width - offset,
                                            PAGE - width - offset + 1,
                                            PAGE - 1 - offset,
                                            PAGE - offset,
                                            0u - offset,
                                            0x80000000,
                                            0xffffffff};

    memcpy(addresses, candidates, sizeof candidates);
}

/* Functions. */

static void put_vector_operand(struct bytes *code, const struct access *access)
{
    if (access->vector_place == AS_CONSTANT) {
        put_vector(code, operand.bytes);
        return;
    }
    put_all(code, CODE(LOCAL_GET, 1));
    if (access->vector_place == IN_ACCUMULATOR)
        put_identity(code, 'v');
}

static void put_access(struct bytes *code, const struct access *access)
{
    if (access->address_place == AS_CONSTANT)
        put_constant(code, 'i', access->address);
    else
        put_all(code, CODE(LOCAL_GET, 0));
    if (access->address_place == IN_ACCUMULATOR)
        put_identity(code, 'i');
    if (info->parameter_count == 2)
        put_vector_operand(code, access);
    put(code, info->page);
    put_u32(code, info->code);
    put(code, 0);
    put_u32(code, access->offset);
    if (shape_of().has_lane)
        put(code, access->lane);
}

static void add_access(struct access access)
{
    const char *signature = shape_of().is_store ? "iv:" : "iv:v";
    struct bytes code = {0};

    put_access(&code, &access);
    if (access.stored) {
        put_all(&code, CODE(LOCAL_SET, 2));
        put_displacement(&code, 'v');
        put_all(&code, CODE(LOCAL_GET, 2));
    }
    assert_in_range(access_count, 0, ACCESSES_MAX - 1);
    build_function(signature, "v", code.data, code.length);
    accesses[access_count++] = access;
    bytes_free(&code);
}

static void add_addresses(struct access access)
{
    uint32_t addresses[ADDRESSES];

    for (access.address_place = IN_LOCAL; access.address_place < AS_CONSTANT;
         access.address_place++)
        add_access(access);
    addresses_for(access.offset, addresses);
    for (uint32_t i = 0; i < ADDRESSES; i++) {
        access.address = addresses[i];
        add_access(access);
    }
}

static void add_accesses(void)
{
    struct shape shape = shape_of();
    uint32_t lanes = shape.has_lane ? 16 / shape.width : 1;

    for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++)
        for (uint8_t place = 0; place <= (info->parameter_count == 2 ? AS_CONSTANT : 0); place++)
            for (uint8_t stored = 0; stored < (shape.is_store ? 1 : 2); stored++)
                for (uint8_t lane = 0; lane < lanes; lane = (uint8_t)(2 * lane + 1))
                    add_addresses((struct access){.offset = offsets[i],
                                                  .vector_place = place,
                                                  .lane = lane,
                                                  .stored = stored});
}

/* Runs. */

// What the model says that a load gives.
static struct vector loaded(const struct access *access, uint64_t at)
{
    struct shape shape = shape_of();
    struct vector result = shape.has_lane ? operand : (struct vector){{0}};
    uint32_t wide = shape.lanes > 1 ? 2 * shape.width : shape.width;

    if (shape.width == 16) {
        memcpy(&result, model + at, 16);
        return result;
    }
    for (uint32_t i = 0; i < (shape.is_splat ? 16 / shape.width : shape.lanes); i++) {
        uint64_t bits = 0;
        memcpy(&bits, model + at + (shape.is_splat ? 0 : i * shape.width), shape.width);
        if (shape.is_signed && (bits >> (8 * shape.width - 1) & 1) != 0)
            bits |= ~(uint64_t)0 << 8 * shape.width;
        vector_set_lane(&result, wide, shape.has_lane ? access->lane : i, bits);
    }
    return result;
}

static void run_access(struct instance *instance, uint32_t number, uint32_t address)
{
    const struct access *access = &accesses[number];
    uint64_t at = (uint64_t)address + access->offset, bits;
    struct shape shape = shape_of();

    slots[0].u64 = address;
    memcpy(slots + 1, &operand, sizeof operand);
    enum outcome outcome = invoke(instance, number);
    if (at + bytes_of() > PAGE) {
        assert_int_equal(outcome, OUTCOME_TRAP);
        assert_int_equal(trap.code, TRAP_MEMORY_OUT_OF_BOUNDS);
        return;
    }
    assert_int_equal(outcome, OUTCOME_OK);
    if (!shape.is_store) {
        struct vector expected = loaded(access, at);
        assert_memory_equal(slots, &expected, sizeof expected);
        return;
    }
    if (shape.width == 16) {
        memcpy(model + at, &operand, 16);
    } else {
        bits = vector_lane(&operand, shape.width, access->lane);
        memcpy(model + at, &bits, shape.width);
    }
}

static void run_accesses(struct instance *instance)
{
    uint32_t addresses[ADDRESSES];

    for (uint32_t i = 0; i < access_count; i++) {
        addresses_for(accesses[i].offset, addresses);
        if (accesses[i].address_place == AS_CONSTANT)
            run_access(instance, i, accesses[i].address);
        else
            for (uint32_t j = 0; j < ADDRESSES; j++)
                run_access(instance, i, addresses[j]);
        if (i % 16 == 0)
            assert_memory_equal(instance->memory_base, model, PAGE);
    }
    assert_memory_equal(instance->memory_base, model, PAGE);
}

static void check_opcode(enum opcode opcode, bool checked)
{
    struct instance *instance;

    info = &opcode_info[opcode];
    engine_replace((struct engine_config){.checked_memory = checked});
    access_count = 0;
    add_accesses();
    build_memory(1, 1);
    instance = instantiate_built();
    note_operations(instance->module, covered);
    for (uint32_t i = 0; i < PAGE; i++)
        model[i] = (uint8_t)(i * 2654435761u >> 21);
    memcpy(instance->memory_base, model, PAGE);
    run_accesses(instance);
}

static void check_all(bool checked)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < OPCODE_COUNT; i++) {
        if (strncmp(opcode_info[i].mnemonic, "v128.load", 9) != 0 &&
            strncmp(opcode_info[i].mnemonic, "v128.store", 10) != 0)
            continue;
        check_opcode((enum opcode)i, checked);
        count++;
    }
    assert_int_equal(count, 22);
}

static void guarded_accesses_are_right_in_every_form(void **state)
{
    (void)state;
    check_all(false);
}

static void checked_accesses_are_right_in_every_form(void **state)
{
    (void)state;
    check_all(true);
}

static void no_form_of_an_access_was_left_out(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < OPERATION_COUNT; i++) {
        const struct operation_info *operation = &operation_info[i];

        if ((strstr(operation->name, "v128.load") != NULL ||
             strstr(operation->name, "v128.store") != NULL) &&
            operation->family != FAMILY_HOLE && !covered[i])
            fail_msg("%s", operation->name);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(guarded_accesses_are_right_in_every_form),
        TEST(checked_accesses_are_right_in_every_form),
        TEST(no_form_of_an_access_was_left_out),
    };
    return cmocka_run_group_tests(tests, run_group_set_up, NULL);
}
