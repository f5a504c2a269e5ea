// SPDX-License-Identifier: Apache-2.0
#include "wasi/wasi.h"

#include <time.h>

#include "sandbox/wasm/run.h"
#include "tests/unit/wasi/wasi_fixture.h"

// --- the table -----------------------------------------------------------------------------------

static void every_function_can_be_imported_with_its_type(void **state)
{
    (void)state;
#define ANSWER_ERRNO   ":i"
#define ANSWER_NOTHING ":"
#define WASI(name_, parameters_, RESULT_, SUPPORT_)                                                \
    build_import_function(WASI_MODULE, #name_, parameters_ ANSWER_##RESULT_);                      \
    assert_true(wasi_define(&wasi, engine, engine_name(#name_), &refusal));
#include "wasi/wasi.def"
#undef WASI
#undef ANSWER_NOTHING
#undef ANSWER_ERRNO
    assert_int_equal(WASI_FUNCTION_COUNT, 46);
    assert_non_null(instantiate_built());
}

static void an_import_of_another_type_does_not_link(void **state)
{
    struct instance *instance;
    struct module *module;

    (void)state;
    build_import_function(WASI_MODULE, "fd_close", "I:i");
    module = load_built();
    assert_true(wasi_define(&wasi, engine, engine_name("fd_close"), &refusal));
    assert_int_equal(engine_instantiate(engine, module, &instance, &trap, &refusal), OUTCOME_ERROR);
    assert_int_equal(refusal.code, ERROR_INCOMPATIBLE_IMPORT_TYPE);
}

static void other_names_are_unknown(void **state)
{
    (void)state;
    assert_int_equal(wasi_find(engine_name("fd_closed")), WASI_FUNCTION_COUNT);
    assert_int_equal(wasi_find(engine_name("")), WASI_FUNCTION_COUNT);
    assert_false(wasi_define(&wasi, engine, engine_name("thread_spawn"), &refusal));
    assert_int_equal(refusal.code, ERROR_UNKNOWN_IMPORT);
}

static void what_comes_later_answers_nosys(void **state)
{
    uint32_t later = 0;

    (void)state;
    for (uint32_t i = 0; i < WASI_FUNCTION_COUNT; i++) {
        const char *name = wasi_name((enum wasi_function)i);

        if (wasi_is_supported((enum wasi_function)i))
            continue;
        later++;
        assert_int_equal(WASI_CALL(name, 3, 0, 0, 0, 0, 0, 0, 0, 0), WASI_NOSYS);
    }
    assert_true(later > 0);
}

// --- arguments and environment -------------------------------------------------------------------

static void put_policy_texts(void)
{
    struct policy_string name;
    struct policy_string value;

    assert_true(policy_add_argument(&policy, "--lang", 6, &refusal));
    assert_true(policy_add_argument(&policy, "", 0, &refusal));
    assert_true(policy_add_text(&policy, "LANG", 4, &name, &refusal));
    assert_true(policy_add_text(&policy, "en", 2, &value, &refusal));
    assert_true(policy_add_variable(&policy, name, value, 0, &refusal));
}

static void arguments_and_environment_are_the_policys(void **state)
{
    (void)state;
    put_policy_texts();
    assert_int_equal(WASI_CALL("args_sizes_get", RESULT, RESULT + 4), WASI_SUCCESS);
    assert_int_equal(word_at(RESULT), 3);
    assert_int_equal(word_at(RESULT + 4), 7 + 7 + 1);
    assert_int_equal(WASI_CALL("args_get", RESULT, BYTES), WASI_SUCCESS);
    assert_int_equal(word_at(RESULT), BYTES);
    assert_int_equal(word_at(RESULT + 4), BYTES + 7);
    assert_int_equal(word_at(RESULT + 8), BYTES + 14);
    assert_memory_equal(memory(BYTES), "plugin\0--lang\0", 15);
    assert_int_equal(WASI_CALL("environ_sizes_get", RESULT, RESULT + 4), WASI_SUCCESS);
    assert_int_equal(word_at(RESULT), 1);
    assert_int_equal(word_at(RESULT + 4), 8);
    assert_int_equal(WASI_CALL("environ_get", RESULT, BYTES), WASI_SUCCESS);
    assert_string_equal((const char *)memory(BYTES), "LANG=en");
}

static void without_a_grant_there_is_the_programs_name_only(void **state)
{
    (void)state;
    assert_int_equal(WASI_CALL("args_sizes_get", RESULT, RESULT + 4), WASI_SUCCESS);
    assert_int_equal(word_at(RESULT), 1);
    assert_int_equal(WASI_CALL("environ_sizes_get", RESULT, RESULT + 4), WASI_SUCCESS);
    assert_int_equal(word_at(RESULT), 0);
    assert_int_equal(word_at(RESULT + 4), 0);
    assert_int_equal(WASI_CALL("environ_get", RESULT, BYTES), WASI_SUCCESS);
}

static void texts_that_do_not_fit_are_a_fault_and_nothing_is_written(void **state)
{
    (void)state;
    put_policy_texts();
    memset(memory(0), 0xAA, PAGE);
    assert_int_equal(WASI_CALL("args_get", RESULT, PAGE - 14), WASI_FAULT);
    assert_int_equal(WASI_CALL("args_get", PAGE - 11, BYTES), WASI_FAULT);
    assert_int_equal(WASI_CALL("args_get", RESULT, UINT32_MAX), WASI_FAULT);
    assert_int_equal(WASI_CALL("args_sizes_get", RESULT, PAGE - 3), WASI_FAULT);
    assert_int_equal(WASI_CALL("environ_sizes_get", PAGE, RESULT), WASI_FAULT);
    for (uint32_t at = 0; at < PAGE; at++)
        assert_int_equal(*memory(at), 0xAA);
    assert_int_equal(WASI_CALL("args_get", PAGE - 12, PAGE - 27), WASI_SUCCESS);
}

// --- clocks and random numbers -------------------------------------------------------------------

static void clocks_and_random_numbers_need_a_grant(void **state)
{
    (void)state;
    assert_int_equal(WASI_CALL("clock_time_get", 0, 0, RESULT), WASI_NOTCAPABLE);
    assert_int_equal(WASI_CALL("clock_res_get", 1, RESULT), WASI_NOTCAPABLE);
    assert_int_equal(WASI_CALL("random_get", BYTES, 16), WASI_NOTCAPABLE);
    assert_int_equal(long_at(RESULT), 0);
    assert_int_equal(long_at(BYTES), 0);
}

static void a_real_clock_is_the_systems(void **state)
{
    uint64_t before = (uint64_t)time(NULL);

    (void)state;
    policy.wasi_clock = POLICY_WASI_CLOCK_REAL;
    assert_int_equal(WASI_CALL("clock_time_get", 0, 0, RESULT), WASI_SUCCESS);
    assert_true(long_at(RESULT) / 1000000000 >= before);
    assert_true(long_at(RESULT) / 1000000000 <= (uint64_t)time(NULL));
    for (uint64_t id = 0; id < 4; id++) {
        assert_int_equal(WASI_CALL("clock_time_get", id, 0, RESULT), WASI_SUCCESS);
        assert_true(long_at(RESULT) > 0);
        assert_int_equal(WASI_CALL("clock_res_get", id, RESULT), WASI_SUCCESS);
        assert_int_equal(long_at(RESULT), 1);
    }
    assert_int_equal(WASI_CALL("clock_time_get", 4, 0, RESULT), WASI_INVAL);
    assert_int_equal(WASI_CALL("clock_res_get", UINT32_MAX, RESULT), WASI_INVAL);
    assert_int_equal(WASI_CALL("clock_time_get", 0, 0, PAGE - 7), WASI_FAULT);
}

static void a_coarse_clock_has_whole_milliseconds(void **state)
{
    (void)state;
    policy.wasi_clock = POLICY_WASI_CLOCK_COARSE;
    for (int i = 0; i < 10; i++) {
        assert_int_equal(WASI_CALL("clock_time_get", 1, 0, RESULT), WASI_SUCCESS);
        assert_int_equal(long_at(RESULT) % 1000000, 0);
    }
    assert_int_equal(WASI_CALL("clock_res_get", 1, RESULT), WASI_SUCCESS);
    assert_int_equal(long_at(RESULT), 1000000);
}

static void random_numbers_fill_exactly_what_is_asked_for(void **state)
{
    (void)state;
    policy.wasi_random = POLICY_WASI_RANDOM_REAL;
    assert_int_equal(WASI_CALL("random_get", BYTES, 16), WASI_SUCCESS);
    assert_true(long_at(BYTES) != 0 && long_at(BYTES + 8) != 0);
    assert_int_equal(long_at(BYTES + 16), 0);
    assert_int_equal(WASI_CALL("random_get", 0, PAGE), WASI_SUCCESS);
    assert_int_equal(WASI_CALL("random_get", 1, PAGE), WASI_FAULT);
    assert_int_equal(WASI_CALL("random_get", UINT32_MAX, UINT32_MAX), WASI_FAULT);
    assert_int_equal(WASI_CALL("random_get", PAGE, 0), WASI_SUCCESS);
}

static void an_interruption_ends_random_get(void **state)
{
    struct external external;

    (void)state;
    policy.wasi_random = POLICY_WASI_RANDOM_REAL;
    assert_true(wasi_define(&wasi, engine, engine_name("random_get"), &refusal));
    assert_true(store_find(engine_store(engine), engine_name(WASI_MODULE),
                           engine_name("random_get"), &external));
    slots[0].u64 = 0;
    slots[1].u64 = 16;
    // As if it came during the call: engine_invoke forgets those of before.
    engine_store(engine)->interrupted = 1;
    assert_int_equal(run_function(engine_store(engine), external.function, slots),
                     TRAP_INTERRUPTED);
}

// --- the process ---------------------------------------------------------------------------------

static void proc_exit_ends_the_run_with_its_status(void **state)
{
    (void)state;
    assert_int_equal(run("proc_exit", ARGUMENTS(3)), OUTCOME_TRAP);
    assert_int_equal(trap.code, TRAP_HOST);
    assert_true(wasi.exited);
    assert_int_equal(wasi.exit_status, 3);
}

static void sched_yield_succeeds(void **state)
{
    (void)state;
    assert_int_equal(WASI_CALL("sched_yield"), WASI_SUCCESS);
}

static void without_a_memory_every_address_is_a_fault(void **state)
{
    (void)state;
    build_begin();
    guest = instantiate_built();
    assert_int_equal(WASI_CALL("args_sizes_get", 0, 4), WASI_FAULT);
    assert_int_equal(WASI_CALL("fd_write", 1, 0, 0, 0), WASI_FAULT);
}

// Of a 64-bit memory the pointers of preview 1 reach what lies below 4 GiB; of several, the first.
static void addresses_are_those_of_the_first_memory_whatever_their_width(void **state)
{
    (void)state;
    build_begin();
    build_memory_of(&(struct memorytype){.limits = {.minimum = 1, .address64 = true}});
    build_memory(2, 2);
    guest = instantiate_built();
    put_word(0, 1);
    assert_int_equal(WASI_CALL("args_sizes_get", 65528, 65532), WASI_SUCCESS);
    assert_int_equal(word_at(65528), 1);
    assert_int_equal(WASI_CALL("args_sizes_get", 65536, 0), WASI_FAULT);
    assert_int_equal(WASI_CALL("args_sizes_get", 0, 65533), WASI_FAULT);
    assert_int_equal(WASI_CALL("args_sizes_get", 0xffffffff, 0), WASI_FAULT);
    assert_int_equal(word_at(0), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WASI_TEST(every_function_can_be_imported_with_its_type),
        WASI_TEST(an_import_of_another_type_does_not_link),
        WASI_TEST(other_names_are_unknown),
        WASI_TEST(what_comes_later_answers_nosys),
        WASI_TEST(arguments_and_environment_are_the_policys),
        WASI_TEST(without_a_grant_there_is_the_programs_name_only),
        WASI_TEST(texts_that_do_not_fit_are_a_fault_and_nothing_is_written),
        WASI_TEST(clocks_and_random_numbers_need_a_grant),
        WASI_TEST(a_real_clock_is_the_systems),
        WASI_TEST(a_coarse_clock_has_whole_milliseconds),
        WASI_TEST(random_numbers_fill_exactly_what_is_asked_for),
        WASI_TEST(an_interruption_ends_random_get),
        WASI_TEST(proc_exit_ends_the_run_with_its_status),
        WASI_TEST(sched_yield_succeeds),
        WASI_TEST(without_a_memory_every_address_is_a_fault),
        WASI_TEST(addresses_are_those_of_the_first_memory_whatever_their_width),
    };

    return cmocka_run_group_tests(tests, run_group_set_up, NULL);
}
