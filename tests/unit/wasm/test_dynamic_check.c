// SPDX-License-Identifier: Apache-2.0
//
// What is refused before anything of a dynamic link has run.
#include "tests/unit/wasm/dynamic_fixture.h"

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

static void module_with_a_memory_or_table_of_its_own_is_told_how_to_link(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        build_dylink(4, 0, 0, NULL, NULL);
        build_import_global("env", "__memory_base", I32, false);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(strong_symbols_may_not_be_missing),
        TEST(types_of_a_symbol_must_agree),
        TEST(entries_must_be_mutable_and_of_32_bits),
        TEST(module_with_a_memory_or_table_of_its_own_is_told_how_to_link),
        TEST(thread_local_data_is_refused),
    };

    return cmocka_run_group_tests(tests, run_group_set_up, NULL);
}
