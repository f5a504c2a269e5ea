// SPDX-License-Identifier: Apache-2.0
//
// Dynamic linking of modules put together by hand: a main module of either kind, and side modules.
#include "sandbox/wasm/dynamic.h"

#include <stdio.h>

#include "tests/unit/wasm/run_fixture.h"

enum {
    SECTION_CUSTOM = 0,
    SECTION_ELEMENT = 9,
    SECTION_DATA = 11,
    MODULES_MAX = 4,
    HEAP = 1024 // where the allocator of static main modules begins
};

static struct dynamic_module modules[MODULES_MAX];
static uint32_t count;
static struct dynamic *dynamic;

static int set_up(void **state)
{
    count = 0;
    memset(modules, 0, sizeof modules);
    return run_set_up(state);
}

static int tear_down(void **state)
{
    dynamic_destroy(dynamic);
    dynamic = NULL;
    return run_tear_down(state);
}

static void begin_again(void)
{
    dynamic_destroy(dynamic);
    dynamic = NULL;
    error_clear(&error);
    count = 0;
}

// Ends the module under construction, the main one first; gives its number.
static uint32_t add_module(const char *name)
{
    modules[count] = (struct dynamic_module){.module = load_built(), .name = engine_name(name)};
    return count++;
}

static bool create(void)
{
    return dynamic_create(engine, modules, count, NULL, &dynamic, &error);
}

static void link_all(void)
{
    if (!create() || dynamic_instantiate(dynamic, &trap, &error) != OUTCOME_OK)
        fail_msg("%s %s", error.message, trap_wording(trap.code));
}

static void refuse(enum error_code code, const char *part)
{
    if (create()) {
        assert_int_equal(dynamic_instantiate(dynamic, &trap, &error), OUTCOME_ERROR);
        for (uint32_t i = 0; i < count; i++)
            assert_null(modules[i].instance);
        assert_null(engine_store(engine)->instances);
    }
    assert_string_equal(error_wording(error.code), error_wording(code));
    if (strstr(error.message, part) == NULL)
        fail_msg("no \"%s\" in \"%s\"", part, error.message);
}

static uint64_t call_export(uint32_t owner, const char *name)
{
    struct external external;

    assert_true(engine_export(modules[owner].instance, engine_name(name), &external));
    if (engine_invoke(engine, external.function, slots, &trap) != OUTCOME_OK)
        fail_msg("%s: %s", name, trap_wording(trap.code));
    return slots[0].u64;
}

/* Parts of modules. */

static void put_text(struct bytes *bytes, const char *text)
{
    put_u32(bytes, (uint32_t)strlen(text));
    put_all(bytes, (const uint8_t *)text, strlen(text));
}

static void put_subsection(struct bytes *section, uint8_t id, struct bytes *content)
{
    put(section, id);
    put_u32(section, (uint32_t)content->length);
    put_all(section, content->data, content->length);
    bytes_free(content);
}

// The section "dylink.0": sizes, a library that is needed, and a name that is imported weakly.
static void build_dylink(uint32_t memory, uint32_t log2, uint32_t table, const char *needed,
                         const char *weak)
{
    struct bytes section = {0};
    struct bytes content = {0};

    put_text(&section, "dylink.0");
    put_u32(&content, memory);
    put_u32(&content, log2);
    put_u32(&content, table);
    put_u32(&content, 0);
    put_subsection(&section, 1, &content);
    if (needed != NULL) {
        put_u32(&content, 1);
        put_text(&content, needed);
        put_subsection(&section, 2, &content);
    }
    if (weak != NULL) {
        put_u32(&content, 1);
        put_text(&content, "env");
        put_text(&content, weak);
        put_u32(&content, 0x11);
        put_subsection(&section, 4, &content);
    }
    build_section(SECTION_CUSTOM, section.data, section.length);
    bytes_free(&section);
}

// What every position-independent module imports. Globals 0, 1 and 2 are the stack pointer, the
// memory's base and the table's.
static void build_shared_imports(void)
{
    build_import_memory("env", "memory", 1);
    build_import_table("env", "__indirect_function_table", FUNCREF, 0);
    build_import_global("env", "__stack_pointer", I32, true);
    build_import_global("env", "__memory_base", I32, false);
    build_import_global("env", "__table_base", I32, false);
}

// A segment that begins at the module's base.
static void build_based_data(const uint8_t *data, size_t length)
{
    struct bytes content = {0};

    put_all(&content, CODE(1, 0, GLOBAL_GET, 1, END));
    put_u32(&content, (uint32_t)length);
    put_all(&content, data, length);
    build_section(SECTION_DATA, content.data, content.length);
    bytes_free(&content);
}

static void build_based_element(uint8_t funcidx)
{
    build_section(SECTION_ELEMENT, CODE(1, 0, GLOBAL_GET, 2, END, 1, funcidx));
}

// What a static main module has: memory of 2 pages full of 0xee where the heap is, a growable
// table, the stack pointer, and malloc, whose only block begins at HEAP + 1 - no alignment at all.
static void build_static_main(void)
{
    static uint8_t dirt[256];

    memset(dirt, 0xee, sizeof dirt);
    build_export("memory", EXTERNAL_MEMORY, build_memory(2, NO_MAXIMUM));
    build_export("__indirect_function_table", EXTERNAL_TABLE, build_table(FUNCREF, 4, NO_MAXIMUM));
    build_export("__stack_pointer", EXTERNAL_GLOBAL,
                 build_global(I32, true, CODE(I32_CONST, U32(512))));
    build_data(SEGMENT_ACTIVE, HEAP, dirt, sizeof dirt);
    build_export("malloc", EXTERNAL_FUNCTION,
                 build_function("i:i", "", CODE(I32_CONST, S32(HEAP + 1))));
}

static void build_exported(const char *name, const char *signature, const uint8_t *code,
                           size_t length)
{
    build_export(name, EXTERNAL_FUNCTION, build_function(signature, "", code, length));
}

// An exported data symbol, at this offset from the base.
static void build_symbol(const char *name, uint8_t offset)
{
    build_export(name, EXTERNAL_GLOBAL, build_global(I32, false, CODE(I32_CONST, offset)));
}

/* Circles of functions. */

// ask(x) of the main module calls the side's twice(x), which calls back add(x, x).
static void static_main_and_side_import_from_each_other(void **state)
{
    (void)state;
    uint32_t twice = build_import_function("env", "twice", "i:i");
    build_static_main();
    build_exported("add", "ii:i", CODE(LOCAL_GET, 0, LOCAL_GET, 1, I32_ADD));
    build_exported("ask", "i:i", CODE(LOCAL_GET, 0, CALL, (uint8_t)twice));
    build_exported("tail", "i:i", CODE(LOCAL_GET, 0, RETURN_CALL, (uint8_t)twice));
    add_module("");
    build_dylink(0, 0, 0, NULL, NULL);
    uint32_t add = build_import_function("env", "add", "ii:i");
    build_exported("twice", "i:i", CODE(LOCAL_GET, 0, LOCAL_GET, 0, CALL, (uint8_t)add));
    add_module("side");
    link_all();
    slots[0].u64 = 21;
    assert_int_equal(call_export(0, "ask"), 42);
    slots[0].u64 = 4;
    assert_int_equal(call_export(0, "tail"), 8);
}

// The side's function is in the main module's table before the side exists.
static void element_of_main_may_be_a_function_of_a_side(void **state)
{
    (void)state;
    uint32_t seven = build_import_function("env", "seven", ":i");
    build_static_main();
    build_element(SEGMENT_ACTIVE, 2, (const uint8_t[]){(uint8_t)seven}, 1);
    uint32_t type = build_type(":i");
    build_exported("ask", ":i", CODE(I32_CONST, 2, CALL_INDIRECT, (uint8_t)type, 0));
    add_module("");
    build_dylink(0, 0, 0, NULL, NULL);
    build_exported("seven", ":i", CODE(I32_CONST, 7));
    add_module("side");
    link_all();
    assert_int_equal(call_export(0, "ask"), 7);
}

// Its memory is not there yet: were it run, address 0 would be the process's.
static void function_of_a_side_that_is_called_too_early_traps(void **state)
{
    (void)state;
    uint32_t early = build_import_function("env", "early", "i:i");
    build_export("memory", EXTERNAL_MEMORY, build_memory(1, NO_MAXIMUM));
    build_exported("malloc", "i:i", CODE(LOCAL_GET, 0, CALL, (uint8_t)early));
    add_module("");
    build_dylink(16, 0, 0, NULL, NULL);
    build_import_memory("env", "memory", 1);
    build_exported("early", "i:i", CODE(LOCAL_GET, 0, I32_LOAD, 2, 0));
    add_module("side");
    assert_true(create());
    assert_int_equal(dynamic_instantiate(dynamic, &trap, &error), OUTCOME_TRAP);
    assert_int_equal(trap.code, TRAP_UNINITIALIZED_ELEMENT);
    assert_int_equal(dynamic_instantiate(dynamic, &trap, &error), OUTCOME_ERROR);
    assert_int_equal(error.code, ERROR_USAGE_STATE);
}

/* Data. */

static void data_of_a_side_is_allocated_aligned_and_zeroed(void **state)
{
    (void)state;
    build_static_main();
    add_module("");
    build_dylink(48, 6, 0, NULL, NULL);
    build_shared_imports();
    build_based_data((const uint8_t *)"data", 4);
    build_exported("base", ":i", CODE(GLOBAL_GET, 1));
    add_module("side");
    link_all();

    uint64_t base = call_export(1, "base");
    const uint8_t *bytes = modules[0].instance->memory_base;
    static const uint8_t zeroes[44];

    assert_int_equal(base, HEAP + 64);
    assert_memory_equal(bytes + base, "data", 4);
    assert_memory_equal(bytes + base + 4, zeroes, sizeof zeroes);
    assert_int_equal(bytes[base - 1], 0xee);
    assert_int_equal(bytes[base + 48], 0xee);
}

static void build_needy_side(void)
{
    build_dylink(48, 4, 0, NULL, NULL);
    build_import_memory("env", "memory", 1);
    add_module("needy");
}

static void main_without_an_allocator_is_told_what_to_export(void **state)
{
    (void)state;
    build_export("memory", EXTERNAL_MEMORY, build_memory(1, NO_MAXIMUM));
    build_exported("malloc", "I:i", CODE(I32_CONST, 1)); // of another type
    add_module("");
    build_needy_side();
    refuse(ERROR_DYNAMIC_LINKING, "-Wl,--export=malloc");
}

static void allocator_that_lies_is_refused(void **state)
{
    static const uint32_t lies[] = {0, 65536, 65530, UINT32_MAX};

    (void)state;
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        build_export("memory", EXTERNAL_MEMORY, build_memory(1, NO_MAXIMUM));
        build_exported("malloc", "i:i", CODE(I32_CONST, S32(lies[i])));
        add_module("");
        build_needy_side();
        assert_true(create());
        assert_int_equal(dynamic_instantiate(dynamic, &trap, &error), OUTCOME_ERROR);
        assert_int_equal(error.code, ERROR_LIMIT_LINEAR_MEMORY);
        assert_non_null(strstr(error.message, "needy"));
        begin_again();
    }
}

// aligned_alloc(alignment, size) is 2048 + size, cabi_realloc(0, 0, alignment, size) 3072 + size.
static void every_kind_of_allocator_is_asked_in_its_way(void **state)
{
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        build_export("memory", EXTERNAL_MEMORY, build_memory(1, NO_MAXIMUM));
        if (kind == 0)
            build_exported("aligned_alloc", "ii:i",
                           CODE(I32_CONST, S32(2048), LOCAL_GET, 1, I32_ADD));
        build_exported("cabi_realloc", "iiii:i",
                       CODE(I32_CONST, S32(3072), LOCAL_GET, 3, I32_ADD, LOCAL_GET, 0, I32_ADD,
                            LOCAL_GET, 1, I32_ADD));
        add_module("");
        build_dylink(48, 4, 0, NULL, NULL);
        build_import_global("env", "__memory_base", I32, false);
        build_exported("base", ":i", CODE(GLOBAL_GET, 0));
        add_module("side");
        link_all();
        assert_int_equal(call_export(1, "base"), (kind == 0 ? 2048 : 3072) + 64);
        begin_again();
    }
}

// The main module's symbols are absolute, a side's count from its base; a later module's of the
// same name is not seen.
static void addresses_of_data_are_absolute_in_all_modules(void **state)
{
    (void)state;
    build_import_global("GOT.mem", "there", I32, true);
    build_static_main();
    build_symbol("here", 40);
    build_exported("there", ":i", CODE(GLOBAL_GET, 0));
    add_module("");
    build_dylink(16, 3, 0, NULL, NULL);
    build_shared_imports();
    build_import_global("GOT.mem", "here", I32, true);
    build_import_global("GOT.mem", "there", I32, true);
    build_symbol("there", 8);
    build_symbol("here", 12);
    build_exported("ask_here", ":i", CODE(GLOBAL_GET, 3));
    build_exported("ask_there", ":i", CODE(GLOBAL_GET, 4));
    build_exported("base", ":i", CODE(GLOBAL_GET, 1));
    add_module("side");
    link_all();

    uint64_t there = call_export(1, "base") + 8;

    assert_int_equal(call_export(0, "there"), there);
    assert_int_equal(call_export(1, "ask_there"), there);
    assert_int_equal(call_export(1, "ask_here"), 40);
}

/* Pointers to functions. */

// Of the functions that GOT.func entries name, `old` is in the main module's table already, `own`
// in the side's part of it, and `new` nowhere.
static void function_has_one_index_in_all_modules(void **state)
{
    static const char *const names[] = {"old", "own", "new"};

    (void)state;
    for (size_t i = 0; i < 3; i++)
        build_import_global("GOT.func", names[i], I32, true);
    build_static_main();
    uint32_t old = build_function(":i", "", CODE(I32_CONST, 1));
    build_export("old", EXTERNAL_FUNCTION, old);
    build_element(SEGMENT_ACTIVE, 3, (const uint8_t[]){(uint8_t)old}, 1);
    build_exported("new", ":i", CODE(I32_CONST, 2));
    for (uint8_t i = 0; i < 3; i++)
        build_exported((const char[]){(char)('a' + i), '\0'}, ":i", CODE(GLOBAL_GET, i));
    uint32_t type = build_type(":i");
    build_exported("call", "i:i", CODE(LOCAL_GET, 0, CALL_INDIRECT, (uint8_t)type, 0));
    add_module("");
    build_dylink(0, 0, 1, NULL, NULL);
    build_shared_imports();
    for (size_t i = 0; i < 3; i++)
        build_import_global("GOT.func", names[i], I32, true);
    uint32_t own = build_function(":i", "", CODE(I32_CONST, 3));
    build_export("own", EXTERNAL_FUNCTION, own);
    build_based_element((uint8_t)own);
    for (uint8_t i = 0; i < 3; i++)
        build_exported((const char[]){(char)('a' + i), '\0'}, ":i",
                       CODE(GLOBAL_GET, (uint8_t)(3 + i)));
    add_module("side");
    link_all();
    for (uint8_t i = 0; i < 3; i++) {
        const char name[] = {(char)('a' + i), '\0'};
        static const uint8_t results[] = {1, 3, 2};

        // 4 elements of the main module's, 1 of the side's, then what is new
        assert_int_equal(call_export(0, name), 3 + i);
        assert_int_equal(call_export(1, name), 3 + i);
        assert_int_equal(call_export(0, "call"), results[i]);
    }
}

static void table_that_cannot_grow_is_told_how(void **state)
{
    (void)state;
    build_export("__indirect_function_table", EXTERNAL_TABLE, build_table(FUNCREF, 4, 4));
    add_module("");
    build_dylink(0, 0, 1, NULL, NULL);
    add_module("side");
    assert_true(create());
    assert_int_equal(dynamic_instantiate(dynamic, &trap, &error), OUTCOME_ERROR);
    assert_non_null(strstr(error.message, "--growable-table"));
}

/* Symbols that are not there, or not as expected. */

static void weak_symbols_may_be_missing(void **state)
{
    (void)state;
    build_static_main();
    add_module("");
    build_dylink(0, 0, 0, NULL, "absent");
    uint32_t absent = build_import_function("env", "absent", ":i");
    build_import_global("GOT.func", "absent", I32, true);
    build_import_global("GOT.mem", "absent", I32, true);
    build_exported("ask", ":i", CODE(GLOBAL_GET, 0, GLOBAL_GET, 1, I32_OR));
    build_exported("call", ":i", CODE(CALL, (uint8_t)absent));
    add_module("side");
    assert_true(create());
    for (uint32_t i = 0; i < 3; i++)
        assert_true(dynamic_provides(dynamic, 1, &modules[1].module->imports[i]));
    link_all();
    assert_int_equal(call_export(1, "ask"), 0);
    call_traps(TRAP_NULL_FUNCTION_REFERENCE, modules[1].instance, absent + 2, NULL, 0);
}

static void strong_symbols_may_not_be_missing(void **state)
{
    static const char *const kinds[] = {"env", "GOT.func", "GOT.mem"};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        build_static_main();
        add_module("");
        build_dylink(0, 0, 0, NULL, "another");
        if (i == 0)
            build_import_function("env", "absent", ":i");
        else
            build_import_global(kinds[i], "absent", I32, true);
        add_module("libside.so");
        refuse(ERROR_DYNAMIC_LINKING, i == 2 ? "libside.so needs the data absent"
                                             : "libside.so needs the function absent");
        assert_non_null(strstr(error.message, "--export="));
        begin_again();
    }
}

static void types_of_a_symbol_must_agree(void **state)
{
    (void)state;
    build_static_main();
    build_exported("f", "iI:f", CODE(F32_CONST, 0, 0, 0, 0));
    add_module("");
    build_dylink(0, 0, 0, NULL, NULL);
    build_import_function("env", "f", "i:");
    add_module("side");
    refuse(ERROR_INCOMPATIBLE_IMPORT_TYPE,
           "f is (i32)() in side, but (i32 i64)(f32) in the main module");
}

static void entries_must_be_mutable_and_of_32_bits(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        build_static_main();
        build_symbol("x", 1);
        add_module("");
        build_dylink(0, 0, 0, NULL, NULL);
        build_import_global(i < 2 ? "GOT.mem" : "env", i < 2 ? "x" : "__memory_base",
                            i == 0 || i == 2 ? I64 : I32, i != 1 && i != 2);
        add_module("side");
        refuse(ERROR_INCOMPATIBLE_IMPORT_TYPE, i < 2 ? "GOT.mem.x" : "env.__memory_base");
        begin_again();
    }
}

static enum trap_code give_nine(void *context, struct store *store, union slot *arguments)
{
    (void)context;
    (void)store;
    arguments[0].u64 = 9;
    return TRAP_NONE;
}

// Main first, then sides in order, then the host; what a module imports it does not define.
static void symbols_are_looked_for_in_order(void **state)
{
    const struct host_type type = {(const valtype[]){VALTYPE_I32}, 0, 1};

    (void)state;
    for (int i = 0; i < 3; i++)
        assert_true(engine_define_function(engine, engine_name("env"),
                                           engine_name((const char *[]){"a", "b", "c"}[i]), type,
                                           give_nine, NULL, &error));
    build_static_main();
    build_exported("a", ":i", CODE(I32_CONST, 1));
    add_module("");
    for (uint8_t side = 2; side < 4; side++) {
        build_dylink(0, 0, 0, NULL, NULL);
        uint32_t a = build_import_function("env", "a", ":i");
        uint32_t b = build_import_function("env", "b", ":i");
        uint32_t c = build_import_function("env", "c", ":i");
        build_exported("a", ":i", CODE(I32_CONST, side));
        build_exported("b", ":i", CODE(I32_CONST, side));
        build_export("c", EXTERNAL_FUNCTION, c);
        build_exported("ask_a", ":i", CODE(CALL, (uint8_t)a));
        build_exported("ask_b", ":i", CODE(CALL, (uint8_t)b));
        build_exported("ask_c", ":i", CODE(CALL, (uint8_t)c));
        add_module(side == 2 ? "two" : "three");
    }
    link_all();
    for (uint32_t side = 1; side < 3; side++) {
        assert_int_equal(call_export(side, "ask_a"), 1);
        assert_int_equal(call_export(side, "ask_b"), 2);
        assert_int_equal(call_export(side, "ask_c"), 9);
        assert_true(dynamic_provides(dynamic, side, &modules[side].module->imports[1]));
        assert_false(dynamic_provides(dynamic, side, &modules[side].module->imports[2]));
    }
}

// Which takes no time as long as no name is compared with all others.
static void many_symbols_are_found(void **state)
{
    enum { MANY = 50000 };
    char name[16];

    (void)state;
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "f%d", i);
        build_exported(name, ":i", CODE(I32_CONST, U32(i)));
    }
    build_export("__indirect_function_table", EXTERNAL_TABLE, build_table(FUNCREF, 1, NO_MAXIMUM));
    add_module("");
    build_dylink(0, 0, 0, NULL, NULL);
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "f%d", i);
        build_import_function("env", name, ":i");
    }
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "f%d", i);
        build_import_global("GOT.func", name, I32, true);
    }
    build_exported("ask", ":i", CODE(CALL, U32(MANY - 1)));
    build_exported("last", ":i", CODE(GLOBAL_GET, U32(MANY - 1)));
    add_module("side");
    link_all();
    assert_int_equal(call_export(1, "ask"), MANY - 1);
    assert_in_range(call_export(1, "last"), 1, MANY);
    assert_int_equal(modules[0].instance->tables[0]->size, 1 + MANY);
}

/* Tags. */

// The side throws what the main module catches: once a tag that the main module defines, and once
// the one that nobody does.
static void tags_are_one_for_all_modules(void **state)
{
    static const char *const names[] = {"mine", "__cpp_exception"};

    (void)state;
    for (int made = 0; made < 2; made++) {
        uint32_t tag = made ? build_import_tag("env", names[1], "i:") : 0;
        uint32_t thrower = build_import_function("env", "throw", ":");
        build_static_main();
        if (!made) {
            tag = build_tag("i:");
            build_export(names[0], EXTERNAL_TAG, tag);
        }
        build_exported("ask", ":i",
                       CODE(BLOCK, I32, TRY_TABLE, EMPTY, 1, 0, (uint8_t)tag, 0, CALL,
                            (uint8_t)thrower, END, I32_CONST, 0, END));
        add_module("");
        build_dylink(0, 0, 0, NULL, NULL);
        uint32_t thrown = build_import_tag("env", names[made], "i:");
        build_exported("throw", ":", CODE(I32_CONST, 42, THROW, (uint8_t)thrown));
        add_module("side");
        link_all();
        assert_int_equal(call_export(0, "ask"), 42);
        begin_again();
    }
}

/* Libraries that are needed. */

static void library_that_is_needed_must_be_there(void **state)
{
    (void)state;
    build_static_main();
    add_module("");
    build_dylink(0, 0, 0, "libfoo.so", NULL);
    add_module("libbar.so");
    refuse(ERROR_DYNAMIC_LINKING, "libbar.so needs libfoo.so: link it with --link libfoo.so=FILE");
}

// Each constructor appends its digit to the number that the main module exports at address 16.
static void build_constructed(uint8_t digit, const char *needed, const char *name)
{
    build_dylink(0, 0, 0, needed, NULL);
    build_import_memory("env", "memory", 1);
    build_exported(digit == 2 ? "_initialize" : "__wasm_call_ctors", ":",
                   CODE(I32_CONST, 16, I32_CONST, 16, I32_LOAD, 2, 0, I32_CONST, 10, I32_MUL,
                        I32_CONST, digit, I32_ADD, I32_STORE, 2, 0));
    add_module(name);
}

static void constructors_run_dependencies_first_then_in_order(void **state)
{
    uint32_t value;

    (void)state;
    build_static_main();
    add_module("");
    build_constructed(1, "two", "one");
    build_constructed(2, "one", "two"); // a circle
    build_constructed(3, NULL, "three");
    link_all();
    memcpy(&value, modules[0].instance->memory_base + 16, sizeof value);
    assert_int_equal(value, 0);
    assert_int_equal(dynamic_construct(dynamic, &trap), OUTCOME_OK);
    memcpy(&value, modules[0].instance->memory_base + 16, sizeof value);
    assert_int_equal(value, 213);
}

static void side_modules_have_names_of_their_own(void **state)
{
    (void)state;
    build_static_main();
    add_module("");
    build_constructed(1, NULL, "one");
    build_constructed(2, NULL, "one");
    refuse(ERROR_DYNAMIC_LINKING, "two side modules are named one");
}

static void side_module_without_its_section_is_refused(void **state)
{
    (void)state;
    build_static_main();
    add_module("");
    build_exported("f", ":", NO_CODE);
    add_module("plain");
    refuse(ERROR_DYNAMIC_LINKING, "plain is no side module");
}

/* Position-independent main modules. */

// The main module and the side have 40 bytes of data each; relocating stores the other's address,
// which the constructor and the main module see.
static void position_independent_main_gets_memory_and_table(void **state)
{
    static const char *const here[] = {"m", "s"};

    (void)state;
    for (int i = 0; i < 2; i++) {
        build_dylink(40, 6, 1, NULL, NULL);
        build_shared_imports();
        build_import_global("GOT.mem", here[!i], I32, true);
        build_import_global("GOT.mem", "__heap_base", I32, true);
        build_import_global("GOT.mem", "__heap_end", I32, true);
        build_based_data((const uint8_t *)here[i], 1);
        build_symbol(here[i], 8);
        build_exported("__wasm_apply_data_relocs", ":",
                       CODE(GLOBAL_GET, 1, GLOBAL_GET, 3, I32_STORE, 2, 4));
        build_exported("stored", ":i", CODE(GLOBAL_GET, 1, I32_LOAD, 2, 4));
        build_exported("stack", ":i", CODE(GLOBAL_GET, 0));
        build_exported("base", ":i", CODE(GLOBAL_GET, 1));
        build_exported("table", ":i", CODE(GLOBAL_GET, 2));
        build_exported("heap", ":i", CODE(GLOBAL_GET, 4));
        build_exported("end", ":i", CODE(GLOBAL_GET, 5));
        add_module(i == 0 ? "" : "side");
    }
    link_all();
    assert_int_equal(call_export(1, "stack"), 1024 * 1024);
    assert_int_equal(call_export(0, "base"), 1024 * 1024);
    assert_int_equal(call_export(1, "base"), 1024 * 1024 + 64);
    assert_int_equal(call_export(0, "table"), 1);
    assert_int_equal(call_export(1, "table"), 2);
    assert_int_equal(call_export(0, "heap"), 1024 * 1024 + 64 + 48);
    assert_int_equal(call_export(0, "end"), 17 * MEMORY_PAGE_BYTES);
    assert_int_equal(call_export(0, "stored"), 1024 * 1024 + 64 + 8);
    assert_int_equal(call_export(1, "stored"), 1024 * 1024 + 8);
    assert_int_equal(modules[0].instance->memory_base[1024 * 1024 + 64], 's');
    assert_int_equal(modules[0].instance->memories[0]->size_bytes, 17 * MEMORY_PAGE_BYTES);
    assert_ptr_equal(modules[0].instance->memories[0], modules[1].instance->memories[0]);
}

static void module_with_a_memory_or_table_of_its_own_is_told_how_to_link(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        build_dylink(4, 0, 0, NULL, NULL);
        if (i == 0)
            build_memory(1, NO_MAXIMUM);
        else
            build_table(FUNCREF, 1, NO_MAXIMUM);
        add_module("");
        refuse(ERROR_DYNAMIC_LINKING,
               i == 0 ? "has a memory of its own" : "has a table of its own");
        assert_non_null(strstr(error.message, "--import-memory"));
        begin_again();
    }
}

static void memory_has_what_its_importers_agree_on(void **state)
{
    const struct memorytype small = {.limits = {.minimum = 1, .maximum = 16, .has_maximum = true}};
    const struct memorytype large = {.limits = {.minimum = 30, .maximum = 40, .has_maximum = true}};

    (void)state;
    build_dylink(0, 0, 0, NULL, NULL);
    build_import_memory_of("env", "memory", &large);
    add_module("");
    link_all();
    assert_int_equal(modules[0].instance->memories[0]->size_bytes, 30 * MEMORY_PAGE_BYTES);
    assert_int_equal(modules[0].instance->memories[0]->maximum_pages, 40);
    begin_again();
    build_dylink(1024 * 1024, 0, 0, NULL, NULL);
    build_import_memory_of("env", "memory", &small);
    add_module("");
    assert_true(create());
    assert_int_equal(dynamic_instantiate(dynamic, &trap, &error), OUTCOME_ERROR);
    assert_non_null(strstr(error.message, "lower maximum"));
}

static void sizes_beyond_all_addresses_are_refused(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        build_dylink(UINT32_MAX, 16, UINT32_MAX, NULL, NULL);
        add_module(i == 0 ? "" : i == 1 ? "one" : "two");
    }
    refuse(ERROR_LIMIT_LINEAR_MEMORY, "no room is left for the main module");
}

static void side_with_data_outside_of_memory_traps(void **state)
{
    (void)state;
    build_static_main();
    add_module("");
    build_dylink(0, 0, 0, NULL, NULL);
    build_import_memory("env", "memory", 1);
    build_data(SEGMENT_ACTIVE, 2 * MEMORY_PAGE_BYTES, (const uint8_t *)"x", 1);
    add_module("side");
    assert_true(create());
    assert_int_equal(dynamic_instantiate(dynamic, &trap, &error), OUTCOME_TRAP);
    assert_int_equal(trap.code, TRAP_MEMORY_OUT_OF_BOUNDS);
    assert_ptr_equal(trap.instance, modules[1].instance);
}

static void thread_local_data_is_refused(void **state)
{
    (void)state;
    build_static_main();
    add_module("");
    build_dylink(0, 0, 0, NULL, NULL);
    build_import_global("env", "__tls_base", I32, true);
    add_module("side");
    refuse(ERROR_DYNAMIC_LINKING, "side has thread-local data");
}

#undef TEST
#define TEST(test_) cmocka_unit_test_setup_teardown(test_, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(static_main_and_side_import_from_each_other),
        TEST(element_of_main_may_be_a_function_of_a_side),
        TEST(function_of_a_side_that_is_called_too_early_traps),
        TEST(data_of_a_side_is_allocated_aligned_and_zeroed),
        TEST(main_without_an_allocator_is_told_what_to_export),
        TEST(allocator_that_lies_is_refused),
        TEST(every_kind_of_allocator_is_asked_in_its_way),
        TEST(addresses_of_data_are_absolute_in_all_modules),
        TEST(function_has_one_index_in_all_modules),
        TEST(table_that_cannot_grow_is_told_how),
        TEST(weak_symbols_may_be_missing),
        TEST(strong_symbols_may_not_be_missing),
        TEST(types_of_a_symbol_must_agree),
        TEST(entries_must_be_mutable_and_of_32_bits),
        TEST(symbols_are_looked_for_in_order),
        TEST(many_symbols_are_found),
        TEST(tags_are_one_for_all_modules),
        TEST(library_that_is_needed_must_be_there),
        TEST(constructors_run_dependencies_first_then_in_order),
        TEST(side_modules_have_names_of_their_own),
        TEST(side_module_without_its_section_is_refused),
        TEST(position_independent_main_gets_memory_and_table),
        TEST(module_with_a_memory_or_table_of_its_own_is_told_how_to_link),
        TEST(memory_has_what_its_importers_agree_on),
        TEST(sizes_beyond_all_addresses_are_refused),
        TEST(side_with_data_outside_of_memory_traps),
        TEST(thread_local_data_is_refused),
    };

    return cmocka_run_group_tests(tests, run_group_set_up, NULL);
}
