// SPDX-License-Identifier: Apache-2.0
//
// For the tests of dynamic linking: the parts that its modules are made of. modules[0] is the main
// one; each module is built and then added.
#pragma once

#include "sandbox/wasm/dynamic.h"
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

static inline int set_up(void **state)
{
    count = 0;
    memset(modules, 0, sizeof modules);
    return run_set_up(state);
}

static inline int tear_down(void **state)
{
    dynamic_destroy(dynamic);
    dynamic = NULL;
    return run_tear_down(state);
}

static inline void begin_again(void)
{
    dynamic_destroy(dynamic);
    dynamic = NULL;
    error_clear(&error);
    count = 0;
}

// Ends the module under construction, the main one first; gives its number.
static inline uint32_t add_module(const char *name)
{
    modules[count] = (struct dynamic_module){.module = load_built(), .name = engine_name(name)};
    return count++;
}

static inline bool create(void)
{
    return dynamic_create(engine, modules, count, NULL, &dynamic, &error);
}

static inline void link_all(void)
{
    if (!create() || dynamic_instantiate(dynamic, &trap, &error) != OUTCOME_OK)
        fail_msg("%s %s", error.message, trap_wording(trap.code));
}

static inline void refuse(enum error_code code, const char *part)
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

static inline uint64_t call_export(uint32_t owner, const char *name)
{
    struct external external;

    assert_true(engine_export(modules[owner].instance, engine_name(name), &external));
    if (engine_invoke(engine, external.function, slots, &trap) != OUTCOME_OK)
        fail_msg("%s: %s", name, trap_wording(trap.code));
    return slots[0].u64;
}

/* Parts of modules. */

static inline void put_text(struct bytes *bytes, const char *text)
{
    put_u32(bytes, (uint32_t)strlen(text));
    put_all(bytes, (const uint8_t *)text, strlen(text));
}

static inline void put_subsection(struct bytes *section, uint8_t id, struct bytes *content)
{
    put(section, id);
    put_u32(section, (uint32_t)content->length);
    put_all(section, content->data, content->length);
    bytes_free(content);
}

// The section "dylink.0": sizes, a library that is needed, and a name that is imported weakly.
static inline void build_dylink(uint32_t memory, uint32_t log2, uint32_t table, const char *needed,
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
static inline void build_shared_imports(void)
{
    build_import_memory("env", "memory", 1);
    build_import_table("env", "__indirect_function_table", FUNCREF, 0);
    build_import_global("env", "__stack_pointer", I32, true);
    build_import_global("env", "__memory_base", I32, false);
    build_import_global("env", "__table_base", I32, false);
}

// A segment that begins at the module's base.
static inline void build_based_data(const uint8_t *data, size_t length)
{
    struct bytes content = {0};

    put_all(&content, CODE(1, 0, GLOBAL_GET, 1, END));
    put_u32(&content, (uint32_t)length);
    put_all(&content, data, length);
    build_section(SECTION_DATA, content.data, content.length);
    bytes_free(&content);
}

static inline void build_based_element(uint8_t funcidx)
{
    build_section(SECTION_ELEMENT, CODE(1, 0, GLOBAL_GET, 2, END, 1, funcidx));
}

// What a static main module has: memory of 2 pages full of 0xee where the heap is, a growable
// table, the stack pointer, and malloc, whose only block begins at HEAP + 1 - no alignment at all.
static inline void build_static_main(void)
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

static inline void build_exported(const char *name, const char *signature, const uint8_t *code,
                                  size_t length)
{
    build_export(name, EXTERNAL_FUNCTION, build_function(signature, "", code, length));
}

// An exported data symbol, at this offset from the base.
static inline void build_symbol(const char *name, uint8_t offset)
{
    build_export(name, EXTERNAL_GLOBAL, build_global(I32, false, CODE(I32_CONST, offset)));
}

#undef TEST
#define TEST(test_) cmocka_unit_test_setup_teardown(test_, set_up, tear_down)
