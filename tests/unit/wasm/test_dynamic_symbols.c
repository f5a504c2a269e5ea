// SPDX-License-Identifier: Apache-2.0
//
// Which definition of a symbol counts where modules are linked dynamically.
#include <stdio.h>

#include "tests/unit/wasm/dynamic_fixture.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(weak_symbols_may_be_missing),
        TEST(symbols_are_looked_for_in_order),
        TEST(many_symbols_are_found),
    };

    return cmocka_run_group_tests(tests, run_group_set_up, NULL);
}
