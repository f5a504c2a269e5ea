// SPDX-License-Identifier: Apache-2.0
#include "host/registry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NATIVE(function_) ((void (*)(void))(function_))

static int32_t twice(int32_t x)
{
    return 2 * x;
}

struct fixture {
    struct registry registry;
    struct error_text error;
};

static int setup(void **state)
{
    static struct fixture fixture;

    registry_init(&fixture.registry);
    error_text_init(&fixture.error);
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    registry_finish(&fixture->registry);
    return 0;
}

static const struct registry_function *find(struct fixture *fixture, const char *module,
                                            const char *name)
{
    return registry_find(&fixture->registry, module, strlen(module), name, strlen(name));
}

static void registry_finds_what_was_added_by_its_exact_names(void **state)
{
    struct fixture *fixture = *state;
    const struct registry_function *found;
    int user;

    assert_true(registry_add(&fixture->registry, "app.twice(x: i32) -> i32", NATIVE(twice), &user,
                             &fixture->error));
    found = find(fixture, "app", "twice");
    assert_non_null(found);
    assert_ptr_equal(found->user, &user);
    assert_int_equal(found->core.parameter_count, 1);
    assert_int_equal(found->core.result, PLAN_CORE_I32);
    assert_null(find(fixture, "app", "twic"));
    assert_null(find(fixture, "app", "twice2"));
    assert_null(find(fixture, "ap", "ptwice"));
    assert_null(find(fixture, "", "app.twice"));
}

static void registry_keeps_entries_where_they_are(void **state)
{
    struct fixture *fixture = *state;
    const struct registry_function *first;
    char signature[64];

    assert_true(registry_add(&fixture->registry, "app.f(x: i32) -> i32", NATIVE(twice), NULL,
                             &fixture->error));
    first = find(fixture, "app", "f");
    for (int i = 0; i < 100; i++) {
        snprintf(signature, sizeof signature, "app.f%d(x: i32) -> i32", i);
        assert_true(
            registry_add(&fixture->registry, signature, NATIVE(twice), NULL, &fixture->error));
    }
    assert_ptr_equal(find(fixture, "app", "f"), first);
    assert_ptr_equal(first->bridge.cif.arg_types, first->bridge.types);
}

static void registry_remembers_a_failure_for_the_next_load_and_only_that(void **state)
{
    struct fixture *fixture = *state;
    struct error_text later;

    assert_false(
        registry_add(&fixture->registry, "app.f(x: i33)", NATIVE(twice), NULL, &fixture->error));
    assert_int_equal(fixture->error.status, PNF_USAGE);
    assert_non_null(strstr(fixture->error.text, "app.f(x: i33)"));
    error_text_init(&later);
    assert_false(registry_check(&fixture->registry, &later));
    assert_string_equal(later.text, fixture->error.text);
    error_text_init(&later);
    assert_true(registry_check(&fixture->registry, &later));
    assert_int_equal(later.status, PNF_OK);
}

static void registry_refuses_the_same_name_twice(void **state)
{
    struct fixture *fixture = *state;

    assert_true(registry_add(&fixture->registry, "app.f()", NATIVE(twice), NULL, &fixture->error));
    assert_false(
        registry_add(&fixture->registry, "app.f(x: i32)", NATIVE(twice), NULL, &fixture->error));
    assert_int_equal(fixture->error.status, PNF_USAGE);
    assert_non_null(strstr(fixture->error.text, "offered already"));
}

static void registry_refuses_no_function_no_signature_and_no_module(void **state)
{
    static const char *const signatures[] = {"app.f()", NULL, "f()"};
    struct fixture *fixture = *state;

    for (size_t i = 0; i < 3; i++) {
        error_text_init(&fixture->error);
        assert_false(registry_add(&fixture->registry, signatures[i], i == 0 ? NULL : NATIVE(twice),
                                  NULL, &fixture->error));
        assert_int_equal(fixture->error.status, PNF_USAGE);
    }
}

static void registry_lists_expected_exports(void **state)
{
    struct fixture *fixture = *state;

    assert_null(registry_expectations(&fixture->registry));
    assert_true(registry_expect(&fixture->registry, "greet(name: str) -> str", &fixture->error));
    assert_string_equal(registry_expectations(&fixture->registry)->signature.name, "greet");
    assert_false(registry_expect(&fixture->registry, "app.greet()", &fixture->error));
    assert_int_equal(fixture->error.status, PNF_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(registry_finds_what_was_added_by_its_exact_names, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(registry_keeps_entries_where_they_are, setup, teardown),
        cmocka_unit_test_setup_teardown(
            registry_remembers_a_failure_for_the_next_load_and_only_that, setup, teardown),
        cmocka_unit_test_setup_teardown(registry_refuses_the_same_name_twice, setup, teardown),
        cmocka_unit_test_setup_teardown(registry_refuses_no_function_no_signature_and_no_module,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(registry_lists_expected_exports, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
