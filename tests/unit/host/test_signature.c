// SPDX-License-Identifier: Apache-2.0
#include "host/signature.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct signature parsed(const char *text)
{
    struct error error = {.code = ERROR_NONE};
    struct signature signature;

    if (!signature_parse(text, strlen(text), &signature, &error))
        fail_msg("%s: %s", text, error.message);
    assert_true(plan_check(&signature.plan, &error));
    return signature;
}

// Parses what is wrong: the code, the column, and a part of the message.
static void refused(const char *text, enum error_code code, unsigned column, const char *part)
{
    struct error error = {.code = ERROR_NONE};
    struct signature signature;

    if (signature_parse(text, strlen(text), &signature, &error))
        fail_msg("%s is taken", text);
    if (error.code != code || error.offset != column || !strstr(error.message, part))
        fail_msg("%s: column %u: %s", text, (unsigned)error.offset, error.message);
}

static void prints(const char *text, const char *expected)
{
    struct signature signature = parsed(text);
    struct signature again;
    char printed[SIGNATURE_TEXT_SIZE];

    assert_int_equal(signature_print(&signature, printed, sizeof printed), strlen(expected));
    assert_string_equal(printed, expected);
    again = parsed(printed);
    assert_memory_equal(&again, &signature, sizeof signature);
}

static void an_import_has_a_module_and_an_export_has_none(void **state)
{
    struct signature signature = parsed("app.log(level: i32, text: str)");

    (void)state;
    assert_string_equal(signature.module, "app");
    assert_string_equal(signature.name, "log");
    assert_string_equal(signature.parameters[0], "level");
    assert_string_equal(signature.parameters[1], "text");
    assert_int_equal(signature.plan.parameter_count, 2);
    assert_int_equal(signature.plan.parameters[0].kind, PLAN_I32);
    assert_int_equal(signature.plan.parameters[1].kind, PLAN_STR);
    assert_int_equal(signature.plan.result, PLAN_NONE);
    assert_int_equal(signature.plan.context, 0);

    signature = parsed("greet(name: str) -> str");
    assert_string_equal(signature.module, "");
    assert_string_equal(signature.name, "greet");
    assert_int_equal(signature.plan.result, PLAN_STR);
}

static void every_type_stands_for_its_kind(void **state)
{
    static const char *const names[] = {"bool", "i8",  "u8",  "i16", "u16", "i32",  "u32",
                                        "i64",  "u64", "f32", "f64", "str", "cstr", "bytes"};

    (void)state;
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
        char text[64];
        struct signature signature;

        snprintf(text, sizeof text, "m.f(a: %s) -> %s", names[i], names[i]);
        signature = parsed(text);
        assert_int_equal(signature.plan.parameters[0].kind, PLAN_BOOL + i);
        assert_int_equal(signature.plan.result, PLAN_BOOL + i);
    }
}

static void printing_gives_the_one_normal_form_and_parses_to_the_same(void **state)
{
    (void)state;
    prints("f()", "f()");
    prints("  m . f  ( )  ->bool  ", "m.f() -> bool");
    prints("m.f(@ctx)", "m.f(@ctx)");
    prints("m.f(@ctx,a:out i8,b:inout bytes)->u64", "m.f(@ctx, a: out i8, b: inout bytes) -> u64");
    prints("_m9.F_(out: out f32, inout: inout f64, str: cstr)",
           "_m9.F_(out: out f32, inout: inout f64, str: cstr)");
}

static void the_longest_signature_fits_the_text_size_and_less_is_cut_off(void **state)
{
    struct signature signature = {.plan = {.parameter_count = PLAN_PARAMETERS_MAX, .context = 1}};
    struct signature again;
    struct error error = {.code = ERROR_NONE};
    char text[SIGNATURE_TEXT_SIZE];
    char small[8];
    size_t length;

    (void)state;
    memset(signature.module, 'm', SIGNATURE_NAME_MAX);
    memset(signature.name, 'n', SIGNATURE_NAME_MAX);
    signature.plan.result = PLAN_BYTES;
    for (size_t i = 0; i < PLAN_PARAMETERS_MAX; i++) {
        memset(signature.parameters[i], 'p', SIGNATURE_NAME_MAX);
        signature.parameters[i][5] = (char)('a' + i);
        signature.plan.parameters[i] = (struct plan_parameter){PLAN_BYTES, PLAN_INOUT};
    }
    length = signature_print(&signature, text, sizeof text);
    assert_true(length < sizeof text);
    assert_true(signature_parse(text, length, &again, &error));
    assert_memory_equal(&again, &signature, sizeof signature);
    assert_int_equal(signature_print(&signature, small, sizeof small), length);
    assert_string_equal(small, "mmmmmmm");
    assert_int_equal(signature_print(&signature, NULL, 0), length);
}

static void errors_tell_the_column_what_was_expected_and_what_was_found(void **state)
{
    static const struct {
        const char *text;
        unsigned column;
        const char *part;
    } rows[] = {
        {"", 1, "column 1: expected a name, found the end"},
        {"1f()", 1, "expected a name, found '1'"},
        {"f", 2, "expected '.' or '(', found the end"},
        {"a.", 3, "expected the function's name, found the end"},
        {"a.b.c()", 4, "expected '(', found '.'"},
        {"a.b)", 4, "expected '(', found ')'"},
        {"f(", 3, "expected a parameter's name, found the end"},
        {"f(,", 3, "expected a parameter's name, found ','"},
        {"f(a", 4, "expected ':' and a type, found the end"},
        {"f(a i32)", 5, "expected ':' and a type, found 'i32'"},
        {"f(a:)", 5, "expected a type, found ')'"},
        {"f(a: int)", 6, "expected a type, found 'int'"},
        {"f(a: I32)", 6, "expected a type, found 'I32'"},
        {"f(a: out)", 9, "expected a type, found ')'"},
        {"f(a: out inout i8)", 10, "expected a type, found 'inout'"},
        {"f(a: out str)", 10, "expected a scalar or bytes after out or inout, found 'str'"},
        {"f(a: inout cstr)", 12, "expected a scalar or bytes after out or inout, found 'cstr'"},
        {"f(a: i8", 8, "expected ',' or ')', found the end"},
        {"f(a: i8,)", 9, "expected a parameter's name, found ')'"},
        {"f(a: i8, a: i8)", 10, "expected a new name, found 'a' again"},
        {"f() i32", 5, "expected '->' or the end, found 'i32'"},
        {"f() - > i32", 5, "expected '->' or the end, found '-'"},
        {"f() ->", 7, "expected a type, found the end"},
        {"f() -> out i8", 8, "expected a type, found 'out'"},
        {"f() -> i8 x", 11, "expected the end, found 'x'"},
        {"m.f(@", 6, "expected 'ctx' right behind '@', found the end"},
        {"m.f(@ ctx)", 7, "expected 'ctx' right behind '@', found 'ctx'"},
        {"m.f(@context)", 6, "expected 'ctx' right behind '@', found 'context'"},
        {"m.f(a: i8, @ctx)", 12, "which can only be the first one"},
        {"m.f(@ctx, @ctx)", 11, "which can only be the first one"},
        {"f(@ctx)", 3, "which is for the host's functions"},
        {"m.f(@ctx: i8)", 9, "expected ',' or ')', found ':'"},
        {"f\t()", 2, "found byte 0x09"},
        {"f(\x1B[31m)", 3, "found byte 0x1B"},
        {"\xC3\xA9()", 1, "found byte 0xC3"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        refused(rows[i].text, ERROR_USAGE_ARGUMENT, rows[i].column, rows[i].part);
}

static void what_comes_later_is_refused_as_not_supported_yet(void **state)
{
    (void)state;
    refused("f(a: i32[])", ERROR_UNSUPPORTED_FEATURE, 9, "T[]");
    refused("f() -> str[]", ERROR_UNSUPPORTED_FEATURE, 11, "T[]");
    refused("f(a: out u8 [])", ERROR_UNSUPPORTED_FEATURE, 13, "T[]");
    refused("f(a: handle<file>)", ERROR_UNSUPPORTED_FEATURE, 6, "handle<T>");
    refused("f(a: struct point)", ERROR_UNSUPPORTED_FEATURE, 6, "struct");
    refused("struct point { x: i32 }", ERROR_UNSUPPORTED_FEATURE, 1, "struct");
    refused("f() -> i32!", ERROR_UNSUPPORTED_FEATURE, 11, "a result that may fail");
}

static void names_have_a_longest_length(void **state)
{
    char text[SIGNATURE_NAME_MAX + 8] = "";

    (void)state;
    memset(text, 'x', SIGNATURE_NAME_MAX);
    memcpy(text + SIGNATURE_NAME_MAX, "()", 3);
    parsed(text);
    memcpy(text + SIGNATURE_NAME_MAX, "x()", 4);
    refused(text, ERROR_USAGE_ARGUMENT, 1, "at most 63 characters, found one of 64");
}

static void a_parameter_too_many_is_a_limit(void **state)
{
    char text[256] = "f(";
    size_t length = 2;

    (void)state;
    for (unsigned i = 0; i <= PLAN_PARAMETERS_MAX; i++)
        length += (size_t)snprintf(text + length, sizeof text - length, "%sa%u: i8",
                                   i > 0 ? ", " : "", i);
    memcpy(text + length, ")", 2);
    refused(text, ERROR_LIMIT_PARAMETERS, (unsigned)length - 6, "at most 16 parameters");
}

static void only_the_given_bytes_are_read(void **state)
{
    struct error error = {.code = ERROR_NONE};
    struct signature signature;

    (void)state;
    assert_true(signature_parse("f() -> i32", 3, &signature, &error));
    assert_int_equal(signature.plan.result, PLAN_NONE);
    // NUL does not end a text whose length says more.
    assert_false(signature_parse("f()\0x", 5, &signature, &error));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_import_has_a_module_and_an_export_has_none),
        cmocka_unit_test(every_type_stands_for_its_kind),
        cmocka_unit_test(printing_gives_the_one_normal_form_and_parses_to_the_same),
        cmocka_unit_test(the_longest_signature_fits_the_text_size_and_less_is_cut_off),
        cmocka_unit_test(errors_tell_the_column_what_was_expected_and_what_was_found),
        cmocka_unit_test(what_comes_later_is_refused_as_not_supported_yet),
        cmocka_unit_test(names_have_a_longest_length),
        cmocka_unit_test(a_parameter_too_many_is_a_limit),
        cmocka_unit_test(only_the_given_bytes_are_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
