// SPDX-License-Identifier: Apache-2.0
// Loads and stores in every form, guarded and checked, of memory 0 and of another one, with 32-bit
// and 64-bit addresses, at the edges of memory and of the address space. A later test asserts that
// no form was left out.
#include "tests/unit/wasm/run_fixture.h"

#include "sandbox/wasm/opcode.h"
#include "sandbox/wasm/operation.h"
#include "tests/unit/wasm/operation_forms.h"

#define PAGE 65536u

enum place { IN_LOCAL, IN_ACCUMULATOR, AS_CONSTANT, PLACES };

// A function that makes one access.
struct access {
    uint64_t offset;
    uint64_t address; // if a constant
    uint64_t value;   // if a constant
    uint8_t address_place, value_place;
    bool stored; // loads: the result goes to a slot
};

enum { ACCESSES_MAX = 2000 };

// Which memory is accessed, and how.
struct variant {
    bool checked;
    bool address64;
    uint8_t memidx;
};

static struct variant variant;
static struct access accesses[ACCESSES_MAX];
static uint32_t access_count;
static bool covered[OPERATION_COUNT];
static uint8_t model[PAGE]; // what the memory should hold

static const uint64_t offsets[] = {0, 1, 8, 65535, 65536, 0x7fffffff, 0xfffffffe, 0xffffffff,
                                   // of 64-bit memories only:
                                   0x100000000, 0x7fffffffffffffff, 0xfffffffffffffff8,
                                   0xffffffffffffffff};

static size_t offset_count(void)
{
    return variant.address64 ? sizeof offsets / sizeof offsets[0] : 8;
}

static uint32_t width_of(const struct opcode_info *info)
{
    const char *name = info->mnemonic;

    if (strstr(name, "load8") != NULL || strstr(name, "store8") != NULL)
        return 1;
    if (strstr(name, "16") != NULL)
        return 2;
    if (strstr(name, "load32") != NULL || strstr(name, "store32") != NULL)
        return 4;
    return name[1] == '3' ? 4 : 8;
}

static char type_of(const struct opcode_info *info)
{
    return info->mnemonic[0] == 'i' ? (info->mnemonic[1] == '3' ? 'i' : 'I')
                                    : (info->mnemonic[1] == '3' ? 'f' : 'F');
}

// Around both ends of a memory of one page and of the address space, and where the sum with the
// offset would wrap around to something inside.
static uint32_t addresses_for(uint64_t offset, uint32_t width, uint64_t *addresses)
{
    const uint64_t candidates[] = {0,
                                   1,
                                   1000,
                                   PAGE - width - offset,
                                   PAGE - width - offset + 1,
                                   PAGE - 1 - offset,
                                   PAGE - offset,
                                   0 - offset,
                                   8 - offset,
                                   0x7fffffff,
                                   0x80000000,
                                   0xffffffff,
                                   0x100000000,
                                   0x8000000000000000,
                                   0xffffffffffffffff};
    uint32_t count = sizeof candidates / sizeof candidates[0];

    for (uint32_t i = 0; i < count; i++)
        addresses[i] = variant.address64 ? candidates[i] : (uint32_t)candidates[i];
    return count;
}

static bool is_inside(uint64_t address, uint64_t offset, uint32_t width)
{
    return (unsigned __int128)address + offset + width <= PAGE;
}

static void put_address(struct bytes *code, const struct access *access)
{
    if (access->address_place == AS_CONSTANT) {
        put_constant(code, variant.address64 ? 'I' : 'i', access->address);
        return;
    }
    put_all(code, CODE(LOCAL_GET, 0));
    if (access->address_place == IN_ACCUMULATOR)
        put_identity(code, variant.address64 ? 'I' : 'i');
}

static void put_access(struct bytes *code, const struct opcode_info *info, uint64_t offset)
{
    put(code, (uint8_t)info->code);
    put(code, variant.memidx != 0 ? 0x40 : 0);
    if (variant.memidx != 0)
        put_u32(code, variant.memidx);
    put_u64(code, offset);
}

/* Loads. */

static void add_load(const struct opcode_info *info, struct access access)
{
    char type = type_of(info);
    const char signature[] = {variant.address64 ? 'I' : 'i', ':', type, '\0'},
               locals[] = {type, '\0'};
    struct bytes code = {0};

    put_address(&code, &access);
    put_access(&code, info, access.offset);
    if (access.stored) {
        put_all(&code, CODE(LOCAL_SET, 1));
        put_displacement(&code, type);
        put_all(&code, CODE(LOCAL_GET, 1));
    }
    assert_in_range(access_count, 0, ACCESSES_MAX - 1);
    build_function(signature, locals, code.data, code.length);
    accesses[access_count++] = access;
    bytes_free(&code);
}

static void add_loads(const struct opcode_info *info)
{
    uint64_t addresses[16];

    for (size_t i = 0; i < offset_count(); i++) {
        uint32_t count = addresses_for(offsets[i], width_of(info), addresses);

        for (uint8_t stored = 0; stored < 2; stored++) {
            struct access access = {.offset = offsets[i], .stored = stored};

            for (access.address_place = IN_LOCAL; access.address_place < AS_CONSTANT;
                 access.address_place++)
                add_load(info, access);
            for (uint32_t j = 0; j < count; j++) {
                access.address = addresses[j];
                add_load(info, access);
            }
        }
    }
}

// What the model has there, extended as the name of the opcode says.
static uint64_t loaded(const struct opcode_info *info, uint64_t address)
{
    uint32_t width = width_of(info);
    const char *name = info->mnemonic;
    uint64_t bits = 0;

    for (uint32_t i = 0; i < width; i++)
        bits |= (uint64_t)model[address + i] << 8 * i;
    if (name[strlen(name) - 1] == 's' && (bits >> (8 * width - 1) & 1) != 0)
        bits |= ~(uint64_t)0 << (8 * width - 1);
    return type_of(info) == 'i' ? (uint32_t)bits : bits;
}

static void run_load(struct instance *instance, const struct opcode_info *info, uint32_t number,
                     uint64_t address)
{
    const struct access *access = &accesses[number];
    uint64_t result;

    if (!is_inside(address, access->offset, width_of(info))) {
        CALL_TRAPS(TRAP_MEMORY_OUT_OF_BOUNDS, instance, number, address);
        return;
    }
    result = CALL_GUEST(instance, number, address);
    if (type_of(info) == 'f')
        result = (uint32_t)result;
    assert_int_equal(result, loaded(info, address + access->offset));
}

static void run_loads(struct instance *instance, const struct opcode_info *info)
{
    uint64_t addresses[16];

    for (uint32_t i = 0; i < access_count; i++) {
        uint32_t count = addresses_for(accesses[i].offset, width_of(info), addresses);

        if (accesses[i].address_place == AS_CONSTANT)
            run_load(instance, info, i, accesses[i].address);
        else
            for (uint32_t j = 0; j < count; j++)
                run_load(instance, info, i, addresses[j]);
    }
}

static struct instance *instantiate_with_model(void)
{
    struct instance *instance;

    for (uint8_t i = 0; i < variant.memidx; i++)
        build_memory(2, 2);
    build_memory_of(&(struct memorytype){
        .limits = {
            .minimum = 1, .maximum = 3, .has_maximum = true, .address64 = variant.address64}});
    instance = instantiate_built();
    note_operations(instance->module, covered);
    for (uint32_t i = 0; i < PAGE; i++)
        model[i] = (uint8_t)(i * 2654435761u >> 21);
    memcpy(instance->memories[variant.memidx]->base, model, PAGE);
    return instance;
}

static void test_loads(struct variant wanted)
{
    variant = wanted;
    for (uint32_t opcode = OPCODE_I32_LOAD; opcode <= OPCODE_I64_LOAD32_U; opcode++) {
        engine_replace((struct engine_config){.checked_memory = variant.checked});
        access_count = 0;
        add_loads(&opcode_info[opcode]);
        run_loads(instantiate_with_model(), &opcode_info[opcode]);
    }
}

static void guarded_loads_are_right_in_every_form(void **state)
{
    (void)state;
    test_loads((struct variant){.checked = false});
}

static void checked_loads_are_right_in_every_form(void **state)
{
    (void)state;
    test_loads((struct variant){.checked = true});
}

static void loads_of_another_memory_are_right_in_every_form(void **state)
{
    (void)state;
    test_loads((struct variant){.memidx = 2});
}

static void loads_of_a_64_bit_memory_are_right_in_every_form(void **state)
{
    (void)state;
    test_loads((struct variant){.address64 = true});
}

/* Stores. */

static const uint64_t stored_values[] = {0,
                                         1,
                                         0x7f,
                                         0xff,
                                         0x7fff,
                                         0x8000,
                                         0xffff8000,
                                         0xffff7fff,
                                         0xffffffff,
                                         0x3ff80000,
                                         0x123456789abcdef0,
                                         0xffffffffffffffff};

static void add_store(const struct opcode_info *info, struct access access)
{
    char type = type_of(info);
    const char signature[] = {variant.address64 ? 'I' : 'i', type, ':', '\0'};
    struct bytes code = {0};

    put_address(&code, &access);
    if (access.value_place == AS_CONSTANT) {
        put_constant(&code, type, access.value);
    } else {
        put_all(&code, CODE(LOCAL_GET, 1));
        if (access.value_place == IN_ACCUMULATOR)
            put_identity(&code, type);
    }
    put_access(&code, info, access.offset);
    assert_in_range(access_count, 0, ACCESSES_MAX - 1);
    build_function(signature, "", code.data, code.length);
    accesses[access_count++] = access;
    bytes_free(&code);
}

// One for each constant value, or one.
static void add_stores_of(const struct opcode_info *info, struct access access)
{
    size_t count = sizeof stored_values / sizeof stored_values[0];

    for (access.value_place = 0; access.value_place < PLACES; access.value_place++) {
        for (size_t i = 0; i < (access.value_place == AS_CONSTANT ? count : 1); i++) {
            access.value = stored_values[i];
            add_store(info, access);
        }
    }
}

static void add_stores(const struct opcode_info *info, uint64_t offset)
{
    struct access access = {.offset = offset};
    uint64_t addresses[16];
    uint32_t count = addresses_for(offset, width_of(info), addresses);

    for (access.address_place = IN_LOCAL; access.address_place < AS_CONSTANT;
         access.address_place++)
        add_stores_of(info, access);
    for (uint32_t i = 0; i < count; i++) {
        access.address = addresses[i];
        add_stores_of(info, access);
    }
}

static void run_store(struct instance *instance, const struct opcode_info *info, uint32_t number,
                      uint64_t address, uint64_t value)
{
    uint32_t width = width_of(info);
    uint64_t offset = accesses[number].offset;

    if (type_of(info) == 'i' || type_of(info) == 'f')
        value = (uint32_t)value;
    if (is_inside(address, offset, width)) {
        CALL_GUEST(instance, number, address, value);
        for (uint32_t i = 0; i < width; i++)
            model[address + offset + i] = (uint8_t)(value >> 8 * i);
    } else {
        CALL_TRAPS(TRAP_MEMORY_OUT_OF_BOUNDS, instance, number, address, value);
    }
    // Nothing else was written, and nothing at all before a trap.
    assert_memory_equal(instance->memories[variant.memidx]->base, model, PAGE);
}

static void run_stores_to(struct instance *instance, const struct opcode_info *info,
                          uint32_t number, uint64_t address)
{
    if (accesses[number].value_place == AS_CONSTANT)
        run_store(instance, info, number, address, accesses[number].value);
    else
        for (size_t i = 0; i < sizeof stored_values / sizeof stored_values[0]; i++)
            run_store(instance, info, number, address, stored_values[i]);
}

static void run_stores(struct instance *instance, const struct opcode_info *info, uint64_t offset)
{
    uint64_t addresses[16];
    uint32_t count = addresses_for(offset, width_of(info), addresses);

    for (uint32_t i = 0; i < access_count; i++) {
        if (accesses[i].address_place == AS_CONSTANT)
            run_stores_to(instance, info, i, accesses[i].address);
        else
            for (uint32_t j = 0; j < count; j++)
                run_stores_to(instance, info, i, addresses[j]);
    }
}

static void test_stores(struct variant wanted)
{
    variant = wanted;
    for (uint32_t opcode = OPCODE_I32_STORE; opcode <= OPCODE_I64_STORE32; opcode++) {
        engine_replace((struct engine_config){.checked_memory = variant.checked});
        for (size_t i = 0; i < offset_count(); i++) {
            access_count = 0;
            add_stores(&opcode_info[opcode], offsets[i]);
            run_stores(instantiate_with_model(), &opcode_info[opcode], offsets[i]);
        }
    }
}

static void guarded_stores_are_right_in_every_form(void **state)
{
    (void)state;
    test_stores((struct variant){.checked = false});
}

static void checked_stores_are_right_in_every_form(void **state)
{
    (void)state;
    test_stores((struct variant){.checked = true});
}

static void stores_to_another_memory_are_right_in_every_form(void **state)
{
    (void)state;
    test_stores((struct variant){.memidx = 2});
}

static void stores_to_a_64_bit_memory_are_right_in_every_form(void **state)
{
    (void)state;
    test_stores((struct variant){.address64 = true});
}

static void no_form_of_an_access_was_left_out(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < OPERATION_COUNT; i++)
        if ((operation_info[i].family == FAMILY_LOAD || operation_info[i].family == FAMILY_STORE) &&
            strstr(operation_info[i].name, "v128") == NULL && !covered[i])
            fail_msg("%s", operation_info[i].name);
}

/* The largest memory. */

enum {
    LOAD8,
    LOAD32,
    LOAD8_FAR, // offset 0xffffffff
    STORE64
};

static void largest_memory_ends_at_4_gib(void **state)
{
    (void)state;
    for (int checked = 0; checked < 2; checked++) {
        struct instance *instance;

        engine_replace(
            (struct engine_config){.checked_memory = checked, .memory_bytes_max = 1ull << 33});
        build_memory(65536, NO_MAXIMUM);
        build_function("i:i", "", CODE(LOCAL_GET, 0, I32_LOAD8_U, 0, 0));
        build_function("i:i", "", CODE(LOCAL_GET, 0, I32_LOAD, 0, 0));
        build_function("i:i", "", CODE(LOCAL_GET, 0, I32_LOAD8_U, 0, U32(0xffffffff)));
        build_function("iI:", "", CODE(LOCAL_GET, 0, LOCAL_GET, 1, I64_STORE, 0, 0));
        instance = instantiate_built();
        CALL_GUEST(instance, STORE64, 0xfffffff8, 0x8877665544332211);
        assert_int_equal(CALL_GUEST(instance, LOAD8, 0xffffffff), 0x88);
        assert_int_equal(CALL_GUEST(instance, LOAD32, 0xfffffffc), 0x88776655);
        assert_int_equal(CALL_GUEST(instance, LOAD8_FAR, 0), 0x88);
        CALL_TRAPS(TRAP_MEMORY_OUT_OF_BOUNDS, instance, LOAD32, 0xfffffffd);
        CALL_TRAPS(TRAP_MEMORY_OUT_OF_BOUNDS, instance, LOAD8_FAR, 1);
        CALL_TRAPS(TRAP_MEMORY_OUT_OF_BOUNDS, instance, LOAD8_FAR, 0xffffffff);
        CALL_TRAPS(TRAP_MEMORY_OUT_OF_BOUNDS, instance, STORE64, 0xfffffff9, 0);
        assert_int_equal(CALL_GUEST(instance, LOAD8, 0xffffffff), 0x88);
    }
}

/* Fused loads. */

// Uses only a part of what was loaded, or nothing of it.
static void build_partial_uses(uint8_t load, char type)
{
    static const uint8_t narrow[][8] = {
        {I32_STORE8, 0, 0},          {I32_STORE16, 0, 0},
        {I32_EXTEND8_S, DROP, DROP}, {I32_CONST, 1, I32_AND, DROP, DROP},
        {I32_STORE, 0, 0},
    };
    static const uint8_t lengths[] = {3, 3, 3, 5, 3};

    for (size_t i = 0; i < sizeof lengths; i++) {
        struct bytes code = {0};

        // The value's target, then the value.
        put_all(&code, CODE(I32_CONST, 0, LOCAL_GET, 0, load, 0, 0));
        if (type == 'I')
            put(&code, I32_WRAP_I64);
        put_all(&code, narrow[i], lengths[i]);
        build_function("i:", "", code.data, code.length);
        bytes_free(&code);
    }
}

static void load_that_is_used_in_part_traps_where_the_whole_is_not_inside(void **state)
{
    (void)state;
    for (int checked = 0; checked < 2; checked++) {
        struct instance *instance;
        uint32_t count;

        engine_replace((struct engine_config){.checked_memory = checked});
        build_memory(1, 1);
        build_partial_uses(I32_LOAD, 'i');
        build_partial_uses(I32_LOAD16_U, 'i');
        build_partial_uses(I64_LOAD, 'I');
        build_partial_uses(I64_LOAD32_U, 'I');
        instance = instantiate_built();
        count = instance->module->function_count;
        for (uint32_t i = 0; i < count; i++) {
            static const uint32_t widths[] = {4, 2, 8, 4};
            uint32_t width = widths[i / (count / 4)];

            CALL_GUEST(instance, i, PAGE - width);
            for (uint32_t missing = 1; missing < width; missing++)
                CALL_TRAPS(TRAP_MEMORY_OUT_OF_BOUNDS, instance, i, PAGE - width + missing);
        }
    }
}

// A load whose result nobody wants must still trap.
static void load_that_is_dropped_traps(void **state)
{
    struct instance *instance;

    (void)state;
    build_memory(1, 1);
    build_function("i:", "", CODE(LOCAL_GET, 0, I32_LOAD, 0, 0, DROP));
    build_function("i:i", "", CODE(LOCAL_GET, 0, I64_LOAD, 0, 0, I64_CONST, 0, I64_AND, I64_EQZ));
    build_function(
        "i:i", "i",
        CODE(LOCAL_GET, 0, I32_LOAD, 0, 0, LOCAL_SET, 1, I32_CONST, 5, LOCAL_SET, 1, LOCAL_GET, 1));
    instance = instantiate_built();
    for (uint32_t i = 0; i < 3; i++) {
        CALL_GUEST(instance, i, 0);
        CALL_TRAPS(TRAP_MEMORY_OUT_OF_BOUNDS, instance, i, PAGE - 1);
    }
}

static const struct CMUnitTest tests[] = {
    TEST(guarded_loads_are_right_in_every_form),
    TEST(checked_loads_are_right_in_every_form),
    TEST(loads_of_another_memory_are_right_in_every_form),
    TEST(loads_of_a_64_bit_memory_are_right_in_every_form),
    TEST(guarded_stores_are_right_in_every_form),
    TEST(checked_stores_are_right_in_every_form),
    TEST(stores_to_another_memory_are_right_in_every_form),
    TEST(stores_to_a_64_bit_memory_are_right_in_every_form),
    TEST(no_form_of_an_access_was_left_out),
    TEST(largest_memory_ends_at_4_gib),
    TEST(load_that_is_used_in_part_traps_where_the_whole_is_not_inside),
    TEST(load_that_is_dropped_traps),
};

int main(void)
{
    return cmocka_run_group_tests(tests, run_group_set_up, NULL);
}
