// SPDX-License-Identifier: Apache-2.0
// Running: the native stack stays as it is, interruptions come wherever they meet a run, fuel is
// exact, and the slot stack ends where it was said to end.
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "sandbox/wasm/run.h"
#include "tests/unit/wasm/fault_fixture.h"
#include "tests/unit/wasm/run_fixture.h"

#define COUNT_OF(array_) (sizeof(array_) / sizeof((array_)[0]))

enum {
    INTERRUPTIONS = 200, // of each loop
    PATIENCE_MS = 10000, // for an interruption to come
    SMALL_STACK_BYTES = 64 * 1024
};

// --- the native stack ---

struct small_thread {
    struct instance *instance;
    uint32_t funcidx;
    enum outcome outcome;
};

static void *run_in_thread(void *argument)
{
    struct small_thread *thread = argument;
    struct error failure = {0};

    thread->outcome = OUTCOME_ERROR;
    if (trap_install(&failure))
        thread->outcome = invoke(thread->instance, thread->funcidx);
    return NULL;
}

static enum outcome invoke_on_small_stack(struct instance *instance, uint32_t funcidx)
{
    struct small_thread small = {.instance = instance, .funcidx = funcidx};
    pthread_attr_t attributes;
    pthread_t thread;

    assert_int_equal(pthread_attr_init(&attributes), 0);
    assert_int_equal(pthread_attr_setstacksize(&attributes, SMALL_STACK_BYTES), 0);
    assert_int_equal(pthread_create(&thread, &attributes, run_in_thread, &small), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    pthread_attr_destroy(&attributes);
    return small.outcome;
}

// Cells that neither call nor return anything: were each a call, 64 KiB would soon be used up.
static void hundred_million_cells_run_on_a_small_native_stack(void **state)
{
    const uint32_t turns = 34000000; // of three cells at least
    struct instance *instance;

    (void)state;
    build_function("i:I", "I",
                   CODE(LOOP, EMPTY, LOCAL_GET, 1, LOCAL_GET, 0, I64_EXTEND_I32_U, I64_ADD,
                        LOCAL_SET, 1, LOCAL_GET, 0, I32_CONST, 1, I32_SUB, LOCAL_TEE, 0, BR_IF, 0,
                        END, LOCAL_GET, 1));
    instance = instantiate_built();
    slots[0].u64 = turns;
    assert_int_equal(invoke_on_small_stack(instance, 0), OUTCOME_OK);
    assert_int_equal(slots[0].u64, (uint64_t)turns * (turns + 1) / 2);
}

static enum trap_code give_seven(void *context, struct store *store, union slot *values)
{
    (void)context;
    (void)store;
    values[0].u64 = 7;
    return TRAP_NONE;
}

// Calls of every kind, and operations out of line, again and again and at great depth.
static void calls_take_no_native_stack(void **state)
{
    const uint32_t turns = 200000;
    struct instance *instance;
    static const uint8_t in_table[] = {1};

    (void)state;
    build_export("one", EXTERNAL_FUNCTION, build_function(":i", "", CODE(I32_CONST, 1)));
    register_instance("other", instantiate_built());
    define_host("seven", ":i", give_seven, NULL);
    build_import_function("host", "seven", ":i");
    build_import_function("other", "one", ":i");
    uint8_t type = (uint8_t)build_type(":i");
    build_memory(1, 1);
    build_table(FUNCREF, 1, 1);
    build_element(SEGMENT_ACTIVE, 0, in_table, 1);
    build_function("i:i", "i",
                   CODE(LOOP, EMPTY, LOCAL_GET, 1, CALL, 0, I32_ADD, CALL, 1, I32_ADD, I32_CONST, 0,
                        CALL_INDIRECT, type, 0, I32_ADD, LOCAL_SET, 1, I32_CONST, 0, I32_CONST, 0,
                        I32_CONST, 10, PREFIX, MEMORY_FILL, 0, LOCAL_GET, 0, I32_CONST, 1, I32_SUB,
                        LOCAL_TEE, 0, BR_IF, 0, END, LOCAL_GET, 1));
    uint32_t down = build_function("i:i", "",
                                   CODE(LOCAL_GET, 0, IF, I32, LOCAL_GET, 0, I32_CONST, 1, I32_SUB,
                                        CALL, 3, CALL, 1, I32_ADD, ELSE, I32_CONST, 0, END));
    instance = instantiate_built();
    slots[0].u64 = turns;
    assert_int_equal(invoke_on_small_stack(instance, 2), OUTCOME_OK);
    assert_int_equal(slots[0].u32, turns * 9);
    slots[0].u64 = 20000;
    assert_int_equal(invoke_on_small_stack(instance, down), OUTCOME_OK);
    assert_int_equal(slots[0].u32, 20000);
}

// --- interruption ---

// Guests write to their memory's first byte when they have begun.
struct interrupter {
    pthread_t target;
    volatile uint8_t *begun;
    uint32_t delay_us;
    bool lost; // the one signal did not end the run
};

static volatile sig_atomic_t finished;

static void wait_us(uint32_t microseconds)
{
    nanosleep(&(struct timespec){0, (long)microseconds * 1000}, NULL);
}

// One signal; only when that was in vain, more of them until the run ends.
static void *interrupt_once(void *argument)
{
    struct interrupter *interrupter = argument;

    while (!*interrupter->begun && !finished)
        sched_yield();
    for (uint32_t spin = interrupter->delay_us; spin > 0 && spin < 50; spin--)
        __asm__ volatile("" ::: "memory");
    if (interrupter->delay_us >= 50)
        wait_us(interrupter->delay_us);
    pthread_kill(interrupter->target, SIGUSR1);
    for (int ms = 0; !finished; ms++) {
        wait_us(ms < 10 ? 100 : 1000);
        if (ms > PATIENCE_MS) {
            interrupter->lost = true;
            pthread_kill(interrupter->target, SIGUSR1);
        }
    }
    return NULL;
}

// Runs an endless function and interrupts it once, after some microseconds.
static void assert_interrupted(struct instance *instance, uint32_t funcidx, uint32_t delay_us)
{
    struct interrupter interrupter = {pthread_self(), instance->memory_base, delay_us, false};
    pthread_t thread;

    instance->memory_base[0] = 0;
    finished = 0;
    assert_int_equal(pthread_create(&thread, NULL, interrupt_once, &interrupter), 0);
    enum outcome outcome = invoke(instance, funcidx);
    finished = 1;
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(outcome, OUTCOME_TRAP);
    assert_string_equal(trap_wording(trap.code), trap_wording(TRAP_INTERRUPTED));
    assert_false(interrupter.lost);
    assert_ptr_equal(trap_store, NULL);
    assert_ptr_equal(engine_store(engine)->run, NULL);
    assert_int_equal(engine_store(engine)->run_depth, 0);
    assert_ptr_equal(engine_store(engine)->stack_top, engine_store(engine)->stack);
}

static void install_interrupt(void)
{
    struct error failure = {0};

    assert_true(trap_install_interrupt(SIGUSR1, &failure));
}

static void assert_interrupted_often(struct instance *instance, uint32_t funcidx)
{
    uint32_t random = 12345;

    install_interrupt();
    for (int i = 0; i < INTERRUPTIONS; i++) {
        random = random * 1664525 + 1013904223;
        assert_interrupted(instance, funcidx, (random >> 16) % 400);
        if (trap.has_place)
            assert_in_range(trap.funcidx, funcidx - 1, funcidx);
    }
}

#define BEGUN I32_CONST, 0, I32_CONST, 1, I32_STORE8, 0, 0

static void signal_ends_a_tight_loop(void **state)
{
    struct instance *instance;

    (void)state;
    build_memory(1, 1);
    build_function(":", "", CODE(NOP));
    build_function(":", "", CODE(BEGUN, LOOP, EMPTY, BR, 0, END));
    instance = instantiate_built();
    assert_interrupted_often(instance, 1);
    if (TRAP_FAULT_HAS_PLACE) {
        assert_true(trap.has_place);
        assert_int_equal(trap.funcidx, 1);
    }
    CALL_GUEST(instance, 0); // works on
}

static void signal_ends_a_loop_of_arithmetic_and_accesses(void **state)
{
    struct instance *instance;

    (void)state;
    build_memory(1, 1);
    build_function("i:", "",
                   CODE(LOOP, EMPTY, LOCAL_GET, 0, I32_CONST, 0, I32_STORE, 2, 8, LOCAL_GET, 0,
                        I32_LOAD, 2, 8, I32_EQZ, BR_IF, 0, END));
    build_function(":", "", CODE(BEGUN, LOOP, EMPTY, I32_CONST, 16, CALL, 0, BR, 0, END));
    instance = instantiate_built();
    assert_interrupted_often(instance, 1);
}

// Transitions between handlers and C as often as can be: short fills; and long ones.
static void signal_ends_a_loop_around_a_fill(void **state)
{
    static const uint32_t lengths[] = {1, 1000, 65536, 300000};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(lengths); i++) {
        build_memory(8, 8);
        build_function(":", "", CODE(NOP));
        build_function(":", "",
                       CODE(BEGUN, LOOP, EMPTY, I32_CONST, 1, I32_CONST, 7, I32_CONST,
                            S32(lengths[i]), PREFIX, MEMORY_FILL, 0, BR, 0, END));
        assert_interrupted_often(instantiate_built(), 1);
    }
}

static enum trap_code do_nothing(void *context, struct store *store, union slot *values)
{
    (void)context;
    (void)store;
    (void)values;
    return TRAP_NONE;
}

static void signal_ends_a_loop_around_calls_that_leave_the_instance(void **state)
{
    (void)state;
    build_export("nothing", EXTERNAL_FUNCTION, build_function(":", "", CODE(NOP)));
    register_instance("other", instantiate_built());
    define_host("nothing", ":", do_nothing, NULL);
    build_import_function("host", "nothing", ":");
    build_import_function("other", "nothing", ":");
    build_memory(1, 1);
    build_function(":", "", CODE(BEGUN, LOOP, EMPTY, CALL, 0, BR, 0, END));
    build_function(":", "", CODE(BEGUN, LOOP, EMPTY, CALL, 1, BR, 0, END));
    struct instance *instance = instantiate_built();
    install_interrupt();
    for (uint32_t i = 0; i < INTERRUPTIONS; i++)
        assert_interrupted(instance, 2 + i % 2, i);
}

// What a table has may be of a subtype of what the call asks for, which is found out of line.
static void signal_ends_a_loop_around_calls_of_a_subtype(void **state)
{
    (void)state;
    build_section(1, CODE(2, 0x50, 0, 0x60, 0, 0, 0x50, 1, 0, 0x60, 0, 0));
    build_memory(1, 1);
    build_table(FUNCREF, 1, 1);
    build_element(SEGMENT_ACTIVE, 0, (const uint8_t[]){0}, 1);
    build_function_raw(1, CODE(0, END));
    build_function_raw(
        0, CODE(0, BEGUN, LOOP, EMPTY, I32_CONST, 0, CALL_INDIRECT, 0, 0, BR, 0, END, END));
    assert_interrupted_often(instantiate_built(), 1);
}

// Runs a guest function; what becomes of it is not the caller's concern.
struct nested {
    struct instance *instance;
    uint32_t funcidx;
    uint64_t runs;
};

static enum trap_code run_nested(void *context, struct store *store, union slot *values)
{
    struct nested *nested = context;
    struct trap inner;

    (void)store;
    nested->runs++;
    engine_invoke(engine, function_at(nested->instance, nested->funcidx), values, &inner);
    return TRAP_NONE;
}

// funcidx 3 runs, through the host, `inner` of funcidx 1 or 2 in an endless loop.
static void interrupt_nested(uint32_t inner)
{
    struct nested nested = {.funcidx = inner};

    define_host("run", ":", run_nested, &nested);
    build_import_function("host", "run", ":");
    build_memory(1, 1);
    build_function(":", "", CODE(BEGUN, LOOP, EMPTY, BR, 0, END));
    build_function(":", "", CODE(BEGUN));
    build_function(":", "", CODE(LOOP, EMPTY, CALL, 0, BR, 0, END));
    nested.instance = instantiate_built();
    install_interrupt();
    for (uint32_t i = 0; i < INTERRUPTIONS; i++) {
        uint64_t before = nested.runs;
        assert_interrupted(nested.instance, 3, i);
        assert_true(nested.runs > before);
        if (inner == 1) // endless: the interruption of the first one was for all
            assert_int_equal(nested.runs, before + 1);
    }
}

static void signal_in_a_nested_run_ends_the_outer_ones_whatever_the_host_makes_of_it(void **state)
{
    (void)state;
    interrupt_nested(1);
}

static void signal_between_short_nested_runs_ends_the_outer_one(void **state)
{
    (void)state;
    interrupt_nested(2);
}

static void interruption_before_a_run_is_forgotten(void **state)
{
    struct instance *instance;

    (void)state;
    build_function(":i", "", CODE(I32_CONST, 3));
    instance = instantiate_built();
    engine_interrupt(engine);
    assert_int_equal(CALL_GUEST(instance, 0), 3);
    install_interrupt();
    raise(SIGUSR1);
    assert_int_equal(CALL_GUEST(instance, 0), 3);
}

// --- fuel ---

// Counts its argument down, with a call and two ways in each turn, and the turns in a global.
static struct instance *instantiate_counter(struct engine_config config)
{
    engine_replace(config);
    build_global(I32, true, CODE(I32_CONST, 0));
    build_function(":", "", CODE(GLOBAL_GET, 0, I32_CONST, 1, I32_ADD, GLOBAL_SET, 0));
    build_function("i:", "",
                   CODE(LOOP, EMPTY, LOCAL_GET, 0, I32_CONST, 1, I32_AND, IF, EMPTY, NOP, NOP, NOP,
                        ELSE, NOP, END, CALL, 0, LOCAL_GET, 0, I32_CONST, 1, I32_SUB, LOCAL_TEE, 0,
                        BR_IF, 0, END));
    return instantiate_built();
}

static uint64_t fuel_of(struct instance *instance, uint32_t turns)
{
    engine_set_fuel(engine, 1000000);
    CALL_GUEST(instance, 1, turns);
    return 1000000 - engine_fuel(engine);
}

static void same_run_takes_the_same_fuel(void **state)
{
    (void)state;
    for (uint32_t checked = 0; checked < 2; checked++) {
        struct instance *instance = instantiate_counter(
            (struct engine_config){.metered = true, .checked_memory = checked == 1});
        uint64_t two = fuel_of(instance, 2), four = fuel_of(instance, 4);
        for (uint32_t turns = 2; turns < 100; turns += 2) {
            uint64_t fuel = fuel_of(instance, turns);
            assert_int_equal(fuel, two + (four - two) * (turns / 2 - 1));
            assert_int_equal(fuel_of(instance, turns), fuel);
        }
        // Five instructions in the callee; the two ways differ by two.
        assert_in_range(four - two, 2 * 15, 2 * 25);
    }
}

static void each_instruction_takes_one_unit_of_fuel(void **state)
{
    static const uint8_t nops[100] = {[0 ... 99] = NOP};
    struct instance *instance;

    (void)state;
    engine_replace((struct engine_config){.metered = true});
    for (size_t i = 0; i <= sizeof nops; i++)
        build_function(":", "", nops, i);
    instance = instantiate_built();
    for (uint32_t i = 0; i <= sizeof nops; i++) {
        engine_set_fuel(engine, 1000);
        CALL_GUEST(instance, i);
        assert_int_equal(engine_fuel(engine), 1000 - 1 - i); // the end counts
    }
}

static void fuel_ends_where_it_ended_before(void **state)
{
    const uint32_t turns = 30;
    struct instance *instance = instantiate_counter((struct engine_config){.metered = true});
    uint64_t all = fuel_of(instance, turns), before = 0;

    (void)state;
    for (uint64_t fuel = 0; fuel < all; fuel++) {
        uint64_t done[2], left[2];
        for (int again = 0; again < 2; again++) {
            instance->globals[0]->u64 = 0;
            engine_set_fuel(engine, fuel);
            CALL_TRAPS(TRAP_FUEL_EXHAUSTED, instance, 1, turns);
            assert_true(trap.has_place);
            done[again] = instance->globals[0]->u64;
            left[again] = engine_fuel(engine);
        }
        assert_int_equal(done[0], done[1]);
        assert_int_equal(left[0], left[1]);
        assert_true(done[0] >= before && done[0] <= turns && left[0] <= fuel);
        // What is left does not suffice for the longest stretch without a branch.
        assert_true(left[0] < 20);
        before = done[0];
    }
    assert_in_range(before, turns - 1, turns);
    engine_set_fuel(engine, all);
    CALL_GUEST(instance, 1, turns);
    assert_int_equal(engine_fuel(engine), 0);
}

static void nested_run_takes_from_the_same_fuel(void **state)
{
    struct nested nested = {.funcidx = 1};

    (void)state;
    engine_replace((struct engine_config){.metered = true});
    define_host("run", ":", run_nested, &nested);
    build_import_function("host", "run", ":");
    build_function(":", "", CODE(LOOP, EMPTY, BR, 0, END));
    build_function(":", "", CODE(CALL, 0, NOP, LOOP, EMPTY, NOP, END));
    nested.instance = instantiate_built();
    engine_set_fuel(engine, 1000000);
    CALL_TRAPS(TRAP_FUEL_EXHAUSTED, nested.instance, 2);
    assert_int_equal(trap.funcidx, 2);
    assert_int_equal(nested.runs, 1);
    assert_true(engine_fuel(engine) < 10);
}

// --- the slot stack ---

// Recurses without end, with so many locals, and counts in global 0.
static struct instance *instantiate_recursion(size_t stack_bytes, uint32_t locals)
{
    struct bytes body = {0};

    engine_replace((struct engine_config){.stack_bytes = stack_bytes});
    build_global(I32, true, CODE(I32_CONST, 0));
    put(&body, 1);
    put_u32(&body, locals);
    put_all(&body, CODE(I64, GLOBAL_GET, 0, I32_CONST, 1, I32_ADD, GLOBAL_SET, 0, CALL, 0, END));
    build_function_raw(build_type(":"), body.data, body.length);
    bytes_free(&body);
    struct instance *instance = instantiate_built();
    restore_fault_handler();
    return instance;
}

static void stack_holds_as_many_frames_as_fit(void **state)
{
    static const size_t stacks[] = {65536, 128 * 1024, 1024 * 1024, 8 * 1024 * 1024};
    static const uint32_t locals[] = {0, 1, 10, 62, 1000, 7000};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(stacks); i++)
        for (size_t j = 0; j < COUNT_OF(locals); j++) {
            struct instance *instance = instantiate_recursion(stacks[i], locals[j]);
            uint64_t frames = stacks[i] / sizeof(union slot) / (locals[j] + 2);
            for (int again = 0; again < 2; again++) {
                instance->globals[0]->u64 = 0;
                CALL_TRAPS(TRAP_CALL_STACK_EXHAUSTED, instance, 0);
                assert_in_range(instance->globals[0]->u64, frames - 1, frames + 1);
                if (trap.has_place)
                    assert_int_equal(trap.funcidx, 0);
            }
        }
}

static void stack_size_is_rounded_up(void **state)
{
    struct instance *instance = instantiate_recursion(1, 0);

    (void)state;
    CALL_TRAPS(TRAP_CALL_STACK_EXHAUSTED, instance, 0);
    assert_in_range(instance->globals[0]->u64, 65536 / 16 - 1, 65536 / 16 + 1);
}

static void frame_larger_than_the_stack_is_refused_before_it_is_entered(void **state)
{
    static const uint32_t locals[] = {8191, 8192, 10000, 60000, LIMIT_FRAME_SLOTS - 100};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(locals); i++) {
        struct instance *instance = instantiate_recursion(65536, locals[i]);
        CALL_TRAPS(TRAP_CALL_STACK_EXHAUSTED, instance, 0);
        assert_int_equal(instance->globals[0]->u64, 0);
    }
}

// --- arguments and results ---

static void thousand_parameters_and_results_keep_their_places(void **state)
{
    char signature[LIMIT_PARAMETERS + LIMIT_RESULTS + 2];
    struct bytes code = {0};
    struct instance *instance;

    (void)state;
    memset(signature, 'I', sizeof signature);
    signature[LIMIT_PARAMETERS] = ':';
    signature[sizeof signature - 1] = '\0';
    for (uint32_t i = 0; i < LIMIT_PARAMETERS; i++) {
        put(&code, LOCAL_GET);
        put_u32(&code, LIMIT_PARAMETERS - 1 - i);
    }
    build_function(signature, "", code.data, code.length);
    bytes_free(&code);
    instance = instantiate_built();
    for (uint32_t i = 0; i < LIMIT_PARAMETERS; i++)
        slots[i].u64 = 0x123456789abcdef0u + i;
    assert_int_equal(invoke(instance, 0), OUTCOME_OK);
    for (uint32_t i = 0; i < LIMIT_RESULTS; i++)
        assert_int_equal(slots[i].u64, 0x123456789abcdef0u + LIMIT_PARAMETERS - 1 - i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(hundred_million_cells_run_on_a_small_native_stack),
        TEST(calls_take_no_native_stack),
        TEST(signal_ends_a_tight_loop),
        TEST(signal_ends_a_loop_of_arithmetic_and_accesses),
        TEST(signal_ends_a_loop_around_a_fill),
        TEST(signal_ends_a_loop_around_calls_that_leave_the_instance),
        TEST(signal_ends_a_loop_around_calls_of_a_subtype),
        TEST(signal_in_a_nested_run_ends_the_outer_ones_whatever_the_host_makes_of_it),
        TEST(signal_between_short_nested_runs_ends_the_outer_one),
        TEST(interruption_before_a_run_is_forgotten),
        TEST(same_run_takes_the_same_fuel),
        TEST(each_instruction_takes_one_unit_of_fuel),
        TEST(fuel_ends_where_it_ended_before),
        TEST(nested_run_takes_from_the_same_fuel),
        TEST(stack_holds_as_many_frames_as_fit),
        TEST(stack_size_is_rounded_up),
        TEST(frame_larger_than_the_stack_is_refused_before_it_is_entered),
        TEST(thousand_parameters_and_results_keep_their_places),
    };

    return cmocka_run_group_tests(tests, fault_group_set_up, NULL);
}
