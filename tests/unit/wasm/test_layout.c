// SPDX-License-Identifier: Apache-2.0
// What a module tells of its stack, and that its pointer is held to that, in every form in which it
// is written.
#include "sandbox/wasm/layout.h"

#include "tests/unit/wasm/operation_forms.h"
#include "tests/unit/wasm/run_fixture.h"

enum { TOP = 70000, LOW = 4000, REACH = 2 * 65536 };

static const struct engine_config configs[] = {
    {.checked_memory = false}, {.checked_memory = true}, {.metered = true}};

#define CONFIGS (sizeof configs / sizeof configs[0])

/* What is built. */

static void build_constant(const char *name, uint32_t address)
{
    build_export(name, EXTERNAL_GLOBAL, build_global(I32, false, CODE(I32_CONST, S32(address))));
}

// A memory of two pages and its stack pointer.
static uint32_t build_pointer(uint32_t initial)
{
    build_memory(2, 2);
    return build_global(I32, true, CODE(I32_CONST, S32(initial)));
}

static uint32_t build_named_pointer(uint32_t initial)
{
    uint32_t globalidx = build_pointer(initial);

    build_export("__stack_pointer", EXTERNAL_GLOBAL, globalidx);
    return globalidx;
}

// Adds its argument to the global, as functions do that make and leave a frame.
static uint32_t build_mover(uint8_t globalidx)
{
    return build_function("i:i", "",
                          CODE(GLOBAL_GET, globalidx, LOCAL_GET, 0, I32_ADD, LOCAL_TEE, 0,
                               GLOBAL_SET, globalidx, GLOBAL_GET, globalidx));
}

static void assert_stack(enum stack_evidence evidence, uint64_t low)
{
    const struct module *module = load_built();

    assert_int_equal(module->stack.evidence, evidence);
    if (evidence != STACK_EVIDENCE_NONE)
        assert_int_equal(module->stack.low, low);
}

static void assert_refused(const char *part)
{
    struct module *module = NULL;
    size_t size;
    uint8_t *bytes = build_end(&size);

    assert_false(engine_load(engine, bytes, size, &module, &error));
    assert_int_equal(error.code, ERROR_USAGE_STACK_LOW);
    if (strstr(error.message, part) == NULL)
        fail_msg("'%s' is not in '%s'", part, error.message);
    error_clear(&error);
    free(bytes);
    build_begin();
}

static void limit_to(uint64_t low)
{
    engine_replace((struct engine_config){.has_stack_low = true, .stack_low = low});
}

/* Evidence. */

static void lower_end_is_stack_low_where_that_is_known(void **state)
{
    (void)state;
    build_named_pointer(TOP);
    build_data(SEGMENT_ACTIVE, 1024, CODE('a'));
    build_constant("__data_end", LOW - 16);
    build_constant("__stack_low", LOW);
    assert_stack(STACK_EVIDENCE_LOW, LOW);
}

static void lower_end_is_the_datas_end_where_that_is_known(void **state)
{
    (void)state;
    build_named_pointer(TOP);
    build_data(SEGMENT_ACTIVE, 1024, CODE('a'));
    build_constant("__data_end", LOW);
    assert_stack(STACK_EVIDENCE_DATA, LOW);
    build_named_pointer(TOP); // all of which are zero
    build_constant("__data_end", LOW);
    assert_stack(STACK_EVIDENCE_DATA, LOW);
}

static void lower_end_is_0_where_the_stack_is_first(void **state)
{
    (void)state;
    build_named_pointer(65536);
    build_data(SEGMENT_ACTIVE, 65536, CODE('a'));
    build_constant("__data_end", 65552);
    assert_stack(STACK_EVIDENCE_FIRST, 0);
    build_named_pointer(65536);
    build_data(SEGMENT_ACTIVE, 65600, CODE('a'));
    assert_stack(STACK_EVIDENCE_FIRST, 0);
    build_named_pointer(65536); // the data are zero, or there are none
    build_constant("__data_end", 65536);
    assert_stack(STACK_EVIDENCE_FIRST, 0);
}

static void without_evidence_there_is_no_limit(void **state)
{
    uint32_t globalidx;

    (void)state;
    build_named_pointer(TOP); // nothing of where it ends
    build_data(SEGMENT_ACTIVE, 1024, CODE('a'));
    assert_stack(STACK_EVIDENCE_NONE, 0);
    build_named_pointer(TOP); // no data
    assert_stack(STACK_EVIDENCE_NONE, 0);
    build_pointer(TOP); // no name
    build_constant("__stack_low", LOW);
    assert_stack(STACK_EVIDENCE_NONE, 0);
    build_named_pointer(TOP); // a stack of nothing
    build_data(SEGMENT_ACTIVE, 1024, CODE('a'));
    build_constant("__stack_low", TOP);
    build_constant("__data_end", TOP);
    assert_stack(STACK_EVIDENCE_NONE, 0);
    build_global(I32, false, CODE(I32_CONST, S32(TOP))); // nobody can write it
    build_memory(2, 2);
    build_export("__stack_pointer", EXTERNAL_GLOBAL, 0);
    build_constant("__stack_low", LOW);
    assert_stack(STACK_EVIDENCE_NONE, 0);
    globalidx = build_global(I32, true, CODE(I32_CONST, S32(TOP))); // no memory
    build_export("__stack_pointer", EXTERNAL_GLOBAL, globalidx);
    build_constant("__stack_low", LOW);
    assert_stack(STACK_EVIDENCE_NONE, 0);
    build_memory(2, 2); // begins where only running tells
    build_global(I32, true, CODE(I32_CONST, S32(TOP), I32_CONST, 0, I32_ADD));
    build_export("__stack_pointer", EXTERNAL_GLOBAL, 0);
    build_constant("__stack_low", LOW);
    assert_stack(STACK_EVIDENCE_NONE, 0);
}

static void names_of_globals_are_as_good_as_exports(void **state)
{
    // Subsection 7: global 0 is the pointer, global 1 its end.
    static const uint8_t names[] = "\4name"
                                   "\7\x1f\2\0\x0f__stack_pointer"
                                   "\1\x0b__stack_low";

    (void)state;
    build_pointer(TOP);
    build_global(I32, false, CODE(I32_CONST, S32(LOW)));
    build_section(0, names, sizeof names - 1);
    assert_stack(STACK_EVIDENCE_LOW, LOW);
}

static void names_that_are_not_well_formed_are_no_evidence(void **state)
{
    static const uint8_t names[] = "\4name"
                                   "\7\x1f\2\0\x0f__stack_pointer"
                                   "\1\x0c__stack_low"; // longer than the subsection

    (void)state;
    build_pointer(TOP);
    build_global(I32, false, CODE(I32_CONST, S32(LOW)));
    build_section(0, names, sizeof names - 1);
    assert_stack(STACK_EVIDENCE_NONE, 0);
}

static void imported_pointer_has_a_limit_only_if_one_is_given(void **state)
{
    const union slot top = {.u64 = TOP};
    struct instance *instance;

    (void)state;
    for (int given = 0; given < 2; given++) {
        if (given)
            limit_to(LOW);
        assert_true(engine_define_global(engine, engine_name("env"), engine_name("__stack_pointer"),
                                         (struct globaltype){VALTYPE_I32, true}, top, &error));
        build_import_global("env", "__stack_pointer", I32, true);
        build_memory(2, 2);
        build_constant("__stack_low", LOW);
        build_function("i:", "", CODE(LOCAL_GET, 0, GLOBAL_SET, 0));
        instance = instantiate_built();
        assert_int_equal(instance->module->stack.evidence,
                         given ? STACK_EVIDENCE_GIVEN : STACK_EVIDENCE_NONE);
        CALL_GUEST(instance, 0, LOW);
        if (given)
            CALL_TRAPS(TRAP_GUEST_STACK_OVERFLOW, instance, 0, LOW - 1);
        else
            CALL_GUEST(instance, 0, LOW - 1);
    }
}

/* A limit that is given. */

static void given_limit_is_taken_instead_of_what_the_module_tells(void **state)
{
    (void)state;
    for (uint32_t low = 0; low < 2 * LOW; low += LOW - 1) {
        limit_to(low);
        build_named_pointer(TOP);
        build_constant("__stack_low", LOW);
        assert_stack(STACK_EVIDENCE_GIVEN, low);
    }
}

static void given_limit_is_for_global_0_where_no_name_is_known(void **state)
{
    struct layout found;

    (void)state;
    limit_to(LOW);
    build_pointer(TOP);
    build_mover(0);
    struct instance *instance = instantiate_built();
    layout_find(instance->module, &found);
    assert_int_equal(found.stack.first, LOW);
    assert_int_equal(found.stack.end, TOP);
    assert_int_equal(instance->module->stack.globalidx, 0);
    assert_int_equal(CALL_GUEST(instance, 0, (uint32_t)(LOW - TOP)), LOW);
    CALL_TRAPS(TRAP_GUEST_STACK_OVERFLOW, instance, 0, (uint32_t)-1);
}

static void given_limit_that_nothing_can_be_held_to_is_an_error(void **state)
{
    (void)state;
    limit_to(LOW);
    build_memory(1, 1); // no globals
    assert_refused("--export=__stack_pointer");
    build_memory(1, 1);
    build_global(I32, false, CODE(I32_CONST, S32(TOP)));
    assert_refused("global 0 cannot be it");
    build_memory(1, 1);
    build_global(F32, true, CODE(F32_CONST, BITS32(0)));
    assert_refused("global 0 cannot be it");
    build_memory(1, 1);
    build_import_global("m", "g", I32, true);
    assert_refused("global 0 cannot be it");
    build_memory(1, 1);
    build_global(I32, true, CODE(I32_CONST, S32(TOP), I32_CONST, 0, I32_ADD));
    assert_refused("no constant");
    build_pointer(LOW);
    assert_refused("begins no higher");
    build_named_pointer(LOW - 1);
    assert_refused("stack_low is 4000");
    build_global(I32, true, CODE(I32_CONST, S32(TOP)));
    assert_refused("no memory");
    limit_to(UINT64_C(1) << 32);
    build_import_global("env", "__stack_pointer", I32, true);
    build_memory(1, 1);
    assert_refused("32 bits");
}

// Which validation refuses, later.
static void pages_may_be_of_any_size_that_can_be_decoded(void **state)
{
    (void)state;
    for (uint8_t log2 = 0; log2 <= 64; log2++) {
        const struct memorytype type = {
            .limits = {.minimum = 1}, .has_page_size = true, .page_log2 = log2};
        struct module *module;
        uint8_t *bytes;
        size_t size;

        engine_replace((struct engine_config){.features = FEATURE_BIT(FEATURE_CUSTOM_PAGE_SIZES),
                                              .has_stack_low = true,
                                              .stack_low = LOW});
        build_memory_of(&type);
        build_global(I32, true, CODE(I32_CONST, S32(TOP)));
        bytes = build_end(&size);
        if (log2 == 0 || log2 == 16) {
            assert_true(engine_load(engine, bytes, size, &module, &error));
            assert_true(module->stack.high >= TOP);
        } else {
            assert_false(engine_load(engine, bytes, size, &module, &error));
            assert_int_equal(error_kind(error.code), error.code == ERROR_CUSTOM_PAGE_SIZE
                                                         ? ERROR_KIND_INVALID
                                                         : ERROR_KIND_MALFORMED);
        }
        engine_replace((struct engine_config){.stack_bytes = 0});
        free(bytes);
        build_begin();
    }
}

static void tools_that_only_decode_need_no_limit(void **state)
{
    struct module *module = NULL;
    size_t size;
    uint8_t *bytes = build_end(&size);

    (void)state;
    limit_to(LOW);
    assert_true(engine_decode(engine, bytes, size, &module, &error));
    engine_replace((struct engine_config){.has_stack_low = false});
    free(bytes);
}

/* Writes. */

// The pointer may be set to what is between the limits.
static void assert_limits(struct instance *instance, uint32_t setter, uint64_t low, uint64_t high)
{
    CALL_GUEST(instance, setter, low);
    CALL_GUEST(instance, setter, high);
    CALL_GUEST(instance, setter, TOP + 1000); // of another stack, on the heap
    if (low > 0)
        CALL_TRAPS(TRAP_GUEST_STACK_OVERFLOW, instance, setter, low - 1);
    if (low > 0)
        CALL_TRAPS(TRAP_GUEST_STACK_OVERFLOW, instance, setter, 0);
    CALL_TRAPS(TRAP_GUEST_STACK_OVERFLOW, instance, setter, high + 1);
    CALL_TRAPS(TRAP_GUEST_STACK_OVERFLOW, instance, setter, UINT32_MAX);
    CALL_TRAPS(TRAP_GUEST_STACK_OVERFLOW, instance, setter, 0x80000000);
}

static void pointer_is_held_between_its_limit_and_what_memory_can_have(void **state)
{
    (void)state;
    for (size_t i = 0; i < CONFIGS; i++) {
        engine_replace(configs[i]);
        build_named_pointer(TOP);
        build_constant("__stack_low", LOW);
        build_function("i:", "", CODE(LOCAL_GET, 0, GLOBAL_SET, 0)); // from a slot
        build_function("i:", "", CODE(LOCAL_GET, 0, I32_CONST, 0, I32_XOR, GLOBAL_SET, 0));
        build_function("i:", "", CODE(LOCAL_GET, 0, I32_CONST, 0, I32_SUB, GLOBAL_SET, 0));
        struct instance *instance = instantiate_built();
        for (uint32_t setter = 0; setter < 3; setter++)
            assert_limits(instance, setter, LOW, REACH);
    }
}

static void constants_are_held_to_the_limits(void **state)
{
    struct instance *instance;

    (void)state;
    build_named_pointer(TOP);
    build_constant("__stack_low", LOW);
    build_function(":", "", CODE(I32_CONST, S32(LOW), GLOBAL_SET, 0));
    build_function(":", "", CODE(I32_CONST, S32(LOW - 1), GLOBAL_SET, 0));
    instance = instantiate_built();
    CALL_GUEST(instance, 0);
    CALL_TRAPS(TRAP_GUEST_STACK_OVERFLOW, instance, 1);
}

static void stack_that_is_first_cannot_wrap_around(void **state)
{
    struct instance *instance;

    (void)state;
    for (size_t i = 0; i < CONFIGS; i++) {
        engine_replace(configs[i]);
        build_named_pointer(65536);
        build_data(SEGMENT_ACTIVE, 65536, CODE('a'));
        build_mover(0);
        build_function("i:", "", CODE(LOCAL_GET, 0, GLOBAL_SET, 0));
        instance = instantiate_built();
        assert_limits(instance, 1, 0, REACH);
        CALL_GUEST(instance, 1, 100);
        CALL_TRAPS(TRAP_GUEST_STACK_OVERFLOW, instance, 0, (uint32_t)-101);
        CALL_TRAPS(TRAP_GUEST_STACK_OVERFLOW, instance, 0, 0x80000000); // a frame of 2 GiB
        assert_int_equal(CALL_GUEST(instance, 0, (uint32_t)-100), 0);
    }
}

static void reach_is_bounded_by_what_all_memories_may_have(void **state)
{
    struct instance *instance;

    (void)state;
    engine_replace((struct engine_config){.memory_bytes_max = 3 * 65536});
    build_memory(2, 65536);
    build_global(I32, true, CODE(I32_CONST, S32(TOP)));
    build_export("__stack_pointer", EXTERNAL_GLOBAL, 0);
    build_constant("__stack_low", LOW);
    build_function("i:", "", CODE(LOCAL_GET, 0, GLOBAL_SET, 0));
    instance = instantiate_built();
    assert_limits(instance, 0, LOW, 3 * 65536);
}

static void all_of_32_bits_are_allowed_but_for_what_has_wrapped_around(void **state)
{
    struct instance *instance;

    (void)state;
    for (uint32_t first = 0; first < 2; first++) {
        build_memory(2, 65536);
        build_global(I32, true, CODE(I32_CONST, S32(65536)));
        build_export("__stack_pointer", EXTERNAL_GLOBAL, 0);
        build_data(SEGMENT_ACTIVE, 65536, CODE('a'));
        if (!first)
            build_constant("__stack_low", LOW);
        build_function("i:", "", CODE(LOCAL_GET, 0, GLOBAL_SET, 0));
        instance = instantiate_built();
        const uint64_t most = UINT32_MAX - 65536 + (first ? 0 : LOW);
        CALL_GUEST(instance, 0, most);
        CALL_TRAPS(TRAP_GUEST_STACK_OVERFLOW, instance, 0, most + 1);
        CALL_TRAPS(TRAP_GUEST_STACK_OVERFLOW, instance, 0, UINT32_MAX);
    }
}

static void pointers_of_64_bits_are_held_to_all_of_them(void **state)
{
    const struct memorytype type = {
        .limits = {.minimum = 2, .maximum = 2, .has_maximum = true, .address64 = true}};
    struct instance *instance;

    (void)state;
    for (size_t i = 0; i < CONFIGS; i++) {
        engine_replace(configs[i]);
        build_memory_of(&type);
        build_global(I64, true, CODE(I64_CONST, S64(TOP)));
        build_global(I64, false, CODE(I64_CONST, S64(LOW)));
        build_export("__stack_pointer", EXTERNAL_GLOBAL, 0);
        build_export("__stack_low", EXTERNAL_GLOBAL, 1);
        build_function("I:", "", CODE(LOCAL_GET, 0, GLOBAL_SET, 0));
        build_function("I:", "", CODE(LOCAL_GET, 0, I64_CONST, 0, I64_SUB, GLOBAL_SET, 0));
        instance = instantiate_built();
        for (uint32_t setter = 0; setter < 2; setter++) {
            assert_limits(instance, setter, LOW, REACH);
            CALL_TRAPS(TRAP_GUEST_STACK_OVERFLOW, instance, setter, UINT64_MAX);
            CALL_TRAPS(TRAP_GUEST_STACK_OVERFLOW, instance, setter, (UINT64_C(1) << 32) + TOP);
        }
    }
}

static void trap_leaves_the_pointer_as_it_was_and_has_its_place(void **state)
{
    struct instance *instance;

    (void)state;
    for (size_t i = 0; i < CONFIGS; i++) {
        engine_replace(configs[i]);
        build_named_pointer(TOP);
        build_constant("__stack_low", LOW);
        build_mover(0);
        // What compilers write, each of which is fused with the write.
        build_function("i:i", "",
                       CODE(GLOBAL_GET, 0, I32_CONST, S32(65536), I32_SUB, LOCAL_TEE, 0, GLOBAL_SET,
                            0, LOCAL_GET, 0));
        build_function("i:", "i",
                       CODE(GLOBAL_GET, 0, LOCAL_TEE, 1, DROP, LOCAL_GET, 1, I32_CONST, S32(-65536),
                            I32_ADD, GLOBAL_SET, 0));
        build_function("i:", "",
                       CODE(GLOBAL_GET, 0, I32_CONST, S32(65536), I32_SUB, GLOBAL_SET, 0));
        build_function("i:", "", CODE(LOCAL_GET, 0, I32_CONST, 16, I32_ADD, GLOBAL_SET, 0));
        build_function(":i", "", CODE(GLOBAL_GET, 0));
        instance = instantiate_built();
        const uint64_t places[] = {7, 11, 14, 9, 5};
        CALL_GUEST(instance, 0, (uint32_t)(LOW + 16 - TOP));
        for (uint32_t funcidx = 0; funcidx < 5; funcidx++) {
            CALL_TRAPS(TRAP_GUEST_STACK_OVERFLOW, instance, funcidx,
                       funcidx == 0 ? (uint32_t)-17 : 0);
            assert_true(trap.has_place);
            assert_int_equal(trap.funcidx, funcidx);
            assert_int_equal(trap.offset, build_code_offset(funcidx) + places[funcidx]);
            assert_int_equal(CALL_GUEST(instance, 5), LOW + 16);
        }
    }
}

static void other_globals_are_written_as_ever(void **state)
{
    static bool covered[OPERATION_COUNT];
    struct module *module;

    (void)state;
    for (int known = 0; known < 2; known++) {
        memset(covered, 0, sizeof covered);
        build_named_pointer(TOP);
        build_global(I32, true, CODE(I32_CONST, 0));
        if (known)
            build_constant("__stack_low", LOW);
        build_function("i:", "", CODE(LOCAL_GET, 0, GLOBAL_SET, 1));
        build_function("i:", "", CODE(LOCAL_GET, 0, I32_CLZ, GLOBAL_SET, 1));
        if (!known)
            build_function("i:", "", CODE(LOCAL_GET, 0, GLOBAL_SET, 0));
        module = load_built();
        note_operations(module, covered);
        assert_true(covered[OPERATION_GLOBAL_SET_64_S]);
        assert_true(covered[OPERATION_GLOBAL_SET_INTEGER_R]);
        assert_false(covered[OPERATION_GLOBAL_SET_STACK_I32_S]);
        assert_false(covered[OPERATION_GLOBAL_SET_STACK_I32_R]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(lower_end_is_stack_low_where_that_is_known),
        TEST(lower_end_is_the_datas_end_where_that_is_known),
        TEST(lower_end_is_0_where_the_stack_is_first),
        TEST(without_evidence_there_is_no_limit),
        TEST(names_of_globals_are_as_good_as_exports),
        TEST(names_that_are_not_well_formed_are_no_evidence),
        TEST(imported_pointer_has_a_limit_only_if_one_is_given),
        TEST(given_limit_is_taken_instead_of_what_the_module_tells),
        TEST(given_limit_is_for_global_0_where_no_name_is_known),
        TEST(given_limit_that_nothing_can_be_held_to_is_an_error),
        TEST(pages_may_be_of_any_size_that_can_be_decoded),
        TEST(tools_that_only_decode_need_no_limit),
        TEST(pointer_is_held_between_its_limit_and_what_memory_can_have),
        TEST(constants_are_held_to_the_limits),
        TEST(stack_that_is_first_cannot_wrap_around),
        TEST(reach_is_bounded_by_what_all_memories_may_have),
        TEST(all_of_32_bits_are_allowed_but_for_what_has_wrapped_around),
        TEST(pointers_of_64_bits_are_held_to_all_of_them),
        TEST(trap_leaves_the_pointer_as_it_was_and_has_its_place),
        TEST(other_globals_are_written_as_ever),
    };

    return cmocka_run_group_tests(tests, run_group_set_up, NULL);
}
