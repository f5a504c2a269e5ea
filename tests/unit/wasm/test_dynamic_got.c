// SPDX-License-Identifier: Apache-2.0
//
// Addresses of data and of functions that modules which are linked dynamically have of each other.
#include "tests/unit/wasm/dynamic_fixture.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(addresses_of_data_are_absolute_in_all_modules),
        TEST(function_has_one_index_in_all_modules),
    };

    return cmocka_run_group_tests(tests, run_group_set_up, NULL);
}
