// SPDX-License-Identifier: Apache-2.0
// Signal handlers belong to a process and are installed once: each test is a process of its own,
// whose exit status or death is looked at.
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "sandbox/wasm/instance.h"
#include "sandbox/wasm/run.h"
#include "sandbox/wasm/trap.h"

enum { STATUS_GOOD = 0, STATUS_BAD = 1, STATUS_PREVIOUS_HANDLER = 77 };

static struct error error;
static struct store store;
static struct memory *memory;
static struct run run;

// In the children, where cmocka's assertions would go unseen.
static void check(bool condition)
{
    if (!condition)
        _exit(STATUS_BAD);
}

// The wait status of a process that runs `body` and leaves with STATUS_GOOD.
static int status_of(void (*body)(void))
{
    int status = -1;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        body();
        _exit(STATUS_GOOD);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void assert_good(void (*body)(void))
{
    int status = status_of(body);

    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), STATUS_GOOD);
}

static void assert_killed(void (*body)(void), int signal_number)
{
    int status = status_of(body);

    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), signal_number);
}

static void install(void)
{
    const struct store_options options = {.stack_bytes = 1, .memory_bytes_max = 1 << 20};
    const struct memorytype type = {.limits = {.minimum = 1}};

    check(trap_install(&error));
    check(store_init(&store, &options, &error));
    memory = store_add_memory(&store, &type, &error);
    check(memory != NULL);
}

// As if nobody had cared for faults before, not even a sanitizer.
static void install_over_default(void)
{
    signal(SIGSEGV, SIG_DFL);
    signal(SIGBUS, SIG_DFL);
    install();
}

// Stands where the engine's handlers stand.
__attribute__((section("pinfold_handlers"), noinline,
               no_sanitize("address", "undefined"))) static uint8_t
load_inside_handlers(const volatile uint8_t *address)
{
    return *address;
}

__attribute__((noinline, no_sanitize("address", "undefined"))) static uint8_t
load_elsewhere(const volatile uint8_t *address)
{
    return *address;
}

static volatile int spinning;

__attribute__((section("pinfold_handlers"), noinline,
               no_sanitize("address", "undefined"))) static void
spin_inside_handlers(void)
{
    for (;;)
        spinning = 1;
}

// Runs `load` as run.c runs a guest; the trap that ended it, or TRAP_NONE.
static enum trap_code trap_of(uint8_t (*load)(const volatile uint8_t *), const uint8_t *address)
{
    volatile enum trap_code code = TRAP_NONE;

    run.store = &store;
    store.run = &run;
    trap_store = &store;
    if (sigsetjmp(run.landing, 0) == 0)
        load(address);
    else
        code = store.trap;
    trap_store = NULL;
    store.run = NULL;
    return code;
}

static void start_timer(void)
{
    const struct itimerval soon = {.it_value.tv_usec = 10000};

    check(trap_install_interrupt(SIGALRM, &error));
    check(setitimer(ITIMER_REAL, &soon, NULL) == 0);
}

/* Faults. */

static void fault_in_guard_area(void)
{
    install();
    check(trap_of(load_inside_handlers, memory->base) == TRAP_NONE);
    check(trap_of(load_inside_handlers, memory->base + memory->size_bytes) ==
          TRAP_MEMORY_OUT_OF_BOUNDS);
    check(trap_of(load_inside_handlers, memory->base + MEMORY_GUARDED_RESERVATION - 1) ==
          TRAP_MEMORY_OUT_OF_BOUNDS);
}

static void fault_in_a_memorys_guard_area_is_out_of_bounds(void **state)
{
    (void)state;
    assert_good(fault_in_guard_area);
}

static void fault_in_first_memory_of_many(void)
{
    const struct memorytype type = {.limits = {.minimum = 0}};

    install();
    for (int i = 0; i < 5; i++)
        check(store_add_memory(&store, &type, &error) != NULL);
    check(trap_of(load_inside_handlers, memory->base + memory->size_bytes) ==
          TRAP_MEMORY_OUT_OF_BOUNDS);
    check(trap_of(load_inside_handlers, store.memories->base) == TRAP_MEMORY_OUT_OF_BOUNDS);
}

static void fault_is_looked_up_in_all_memories(void **state)
{
    (void)state;
    assert_good(fault_in_first_memory_of_many);
}

static void fault_in_stack_guard(void)
{
    const uint8_t *end;

    install();
    end = (const uint8_t *)store.stack + store.stack_bytes;
    check(trap_of(load_inside_handlers, end) == TRAP_CALL_STACK_EXHAUSTED);
    check(trap_of(load_elsewhere, end + STACK_GUARD_ABOVE_BYTES - 1) == TRAP_CALL_STACK_EXHAUSTED);
}

static void fault_above_the_slot_stack_is_exhaustion_from_anywhere(void **state)
{
    (void)state;
    assert_good(fault_in_stack_guard);
}

static void fault_a_thousand_times(void)
{
    sigset_t blocked;

    install();
    for (int i = 0; i < 1000; i++)
        check(trap_of(load_inside_handlers, memory->base + memory->size_bytes) ==
              TRAP_MEMORY_OUT_OF_BOUNDS);
    check(sigprocmask(SIG_BLOCK, NULL, &blocked) == 0);
    check(!sigismember(&blocked, SIGSEGV));
}

static void faults_leave_no_trace_in_the_signal_mask(void **state)
{
    (void)state;
    assert_good(fault_a_thousand_times);
}

static void fault_outside_handlers(void)
{
    install_over_default();
    trap_of(load_elsewhere, memory->base + memory->size_bytes);
}

static void fault_in_guard_area_outside_handlers_ends_the_process(void **state)
{
    (void)state;
    assert_killed(fault_outside_handlers, SIGSEGV);
}

static void fault_in_checked_memory(void)
{
    const struct memorytype type = {.limits = {.minimum = 0}};

    install_over_default();
    store.checked_memory = true;
    trap_of(load_inside_handlers, store_add_memory(&store, &type, &error)->base);
}

static void fault_in_checked_memory_ends_the_process(void **state)
{
    (void)state;
    assert_killed(fault_in_checked_memory, SIGSEGV);
}

static void fault_below_stack(void)
{
    install_over_default();
    trap_of(load_inside_handlers, (const uint8_t *)store.stack - 1);
}

static void fault_below_the_slot_stack_ends_the_process(void **state)
{
    (void)state;
    assert_killed(fault_below_stack, SIGSEGV);
}

static void fault_without_run(void)
{
    install_over_default();
    load_inside_handlers(memory->base + memory->size_bytes);
}

static void fault_without_a_run_ends_the_process(void **state)
{
    (void)state;
    assert_killed(fault_without_run, SIGSEGV);
}

static void fault_at_null(void)
{
    install_over_default();
    trap_of(load_inside_handlers, NULL);
}

static void fault_at_any_other_address_ends_the_process(void **state)
{
    (void)state;
    assert_killed(fault_at_null, SIGSEGV);
}

static void signal_by_hand(void)
{
    install_over_default();
    trap_store = &store;
    raise(SIGSEGV);
}

static void signal_that_is_no_fault_ends_the_process(void **state)
{
    (void)state;
    assert_killed(signal_by_hand, SIGSEGV);
}

/* Handlers that were there before. */

static void previous_handler(int signal_number, siginfo_t *info, void *context)
{
    stack_t stack;

    (void)context;
    check(signal_number == SIGSEGV && info->si_addr == (void *)8);
    check(sigaltstack(NULL, &stack) == 0 && (stack.ss_flags & SS_ONSTACK) != 0);
    _exit(STATUS_PREVIOUS_HANDLER);
}

static void fault_with_previous_handler(void)
{
    struct sigaction action = {.sa_flags = SA_SIGINFO};

    action.sa_sigaction = previous_handler;
    check(sigaction(SIGSEGV, &action, NULL) == 0);
    install();
    check(trap_install(&error)); // once more does not chain to itself
    trap_of(load_inside_handlers, (const uint8_t *)8);
}

static void fault_of_others_goes_to_the_previous_handler(void **state)
{
    int status = status_of(fault_with_previous_handler);

    (void)state;
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), STATUS_PREVIOUS_HANDLER);
}

static volatile sig_atomic_t simple_calls;

static void simple_handler(int signal_number)
{
    (void)signal_number;
    simple_calls = simple_calls + 1;
}

static void signal_with_simple_handler(void)
{
    signal(SIGBUS, simple_handler);
    install();
    raise(SIGBUS);
    check(simple_calls == 1);
}

static void signal_goes_to_a_previous_handler_of_the_simple_kind(void **state)
{
    (void)state;
    assert_good(signal_with_simple_handler);
}

static void ignored_signal(void)
{
    signal(SIGSEGV, SIG_IGN);
    install();
    raise(SIGSEGV);
}

static void ignored_fault(void)
{
    ignored_signal();
    trap_of(load_elsewhere, NULL);
}

static void ignoring_works_for_signals_but_not_for_faults(void **state)
{
    (void)state;
    assert_good(ignored_signal);
    assert_killed(ignored_fault, SIGSEGV);
}

/* Interruption. */

static void interrupt_inside_handlers(void)
{
    install();
    start_timer();
    run.store = &store;
    store.run = &run;
    trap_store = &store;
    if (sigsetjmp(run.landing, 0) == 0)
        spin_inside_handlers();
    check(store.trap == TRAP_INTERRUPTED && spinning == 1);
}

static void interruption_leaves_handlers_at_once(void **state)
{
    (void)state;
    assert_good(interrupt_inside_handlers);
}

static void interrupt_elsewhere(void)
{
    install();
    check(trap_install_interrupt(SIGUSR1, &error));
    trap_store = &store;
    raise(SIGUSR1);
    check(store.interrupted == 1);
}

static void interruption_outside_handlers_sets_the_flag(void **state)
{
    (void)state;
    assert_good(interrupt_elsewhere);
}

static void interrupt_without_run(void)
{
    install();
    check(trap_install_interrupt(SIGUSR1, &error));
    raise(SIGUSR1);
    check(store.interrupted == 0);
}

static void interruption_without_a_run_does_nothing(void **state)
{
    (void)state;
    assert_good(interrupt_without_run);
}

static void interruption_by_a_signal_that_cannot_be_caught_is_refused(void **state)
{
    (void)state;
    error_clear(&error);
    assert_false(trap_install_interrupt(SIGKILL, &error));
    assert_int_equal(error.code, ERROR_SYSTEM_SIGNAL);
}

/* The processor's part. */

static sigjmp_buf after_redirection;
static volatile uintptr_t redirected_argument;

static void landing(uintptr_t argument)
{
    // At entry the stack must be as a call would leave it, or vector spills fault.
    if (((uintptr_t)__builtin_frame_address(0) & 15) == 0)
        redirected_argument = argument;
    siglongjmp(after_redirection, 1);
}

static void redirect(int signal_number, siginfo_t *info, void *context)
{
    (void)signal_number;
    (void)info;
    trap_context_redirect(context, landing, 12345);
}

static void redirection_calls_the_function_on_an_aligned_stack(void **state)
{
    struct sigaction action = {.sa_flags = SA_SIGINFO};

    (void)state;
    action.sa_sigaction = redirect;
    assert_int_equal(sigaction(SIGUSR2, &action, NULL), 0);
    if (sigsetjmp(after_redirection, 1) == 0)
        raise(SIGUSR2);
    assert_int_equal(redirected_argument, 12345);
}

/* Threads. */

static void *thread_body(void *context)
{
    stack_t stack;

    (void)context;
    check(trap_install(&error));
    check(sigaltstack(NULL, &stack) == 0 && (stack.ss_flags & SS_DISABLE) == 0);
    check(trap_store == NULL);
    check(trap_of(load_inside_handlers, memory->base + memory->size_bytes) ==
          TRAP_MEMORY_OUT_OF_BOUNDS);
    return NULL;
}

static void fault_in_thread(void)
{
    pthread_t thread;

    install();
    check(pthread_create(&thread, NULL, thread_body, NULL) == 0);
    check(pthread_join(thread, NULL) == 0);
}

static void each_thread_can_have_its_traps(void **state)
{
    (void)state;
    assert_good(fault_in_thread);
}

static void wording_is_the_specifications(void **state)
{
    (void)state;
    assert_string_equal(trap_wording(TRAP_NONE), "");
    assert_string_equal(trap_wording(TRAP_MEMORY_OUT_OF_BOUNDS), "out of bounds memory access");
    assert_string_equal(trap_wording(TRAP_COUNT), "");
    for (int code = TRAP_NONE + 1; code < TRAP_COUNT; code++)
        assert_true(strlen(trap_wording((enum trap_code)code)) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fault_in_a_memorys_guard_area_is_out_of_bounds),
        cmocka_unit_test(fault_is_looked_up_in_all_memories),
        cmocka_unit_test(fault_above_the_slot_stack_is_exhaustion_from_anywhere),
        cmocka_unit_test(faults_leave_no_trace_in_the_signal_mask),
        cmocka_unit_test(fault_in_guard_area_outside_handlers_ends_the_process),
        cmocka_unit_test(fault_in_checked_memory_ends_the_process),
        cmocka_unit_test(fault_below_the_slot_stack_ends_the_process),
        cmocka_unit_test(fault_without_a_run_ends_the_process),
        cmocka_unit_test(fault_at_any_other_address_ends_the_process),
        cmocka_unit_test(signal_that_is_no_fault_ends_the_process),
        cmocka_unit_test(fault_of_others_goes_to_the_previous_handler),
        cmocka_unit_test(signal_goes_to_a_previous_handler_of_the_simple_kind),
        cmocka_unit_test(ignoring_works_for_signals_but_not_for_faults),
        cmocka_unit_test(interruption_leaves_handlers_at_once),
        cmocka_unit_test(interruption_outside_handlers_sets_the_flag),
        cmocka_unit_test(interruption_without_a_run_does_nothing),
        cmocka_unit_test(interruption_by_a_signal_that_cannot_be_caught_is_refused),
        cmocka_unit_test(redirection_calls_the_function_on_an_aligned_stack),
        cmocka_unit_test(each_thread_can_have_its_traps),
        cmocka_unit_test(wording_is_the_specifications),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
