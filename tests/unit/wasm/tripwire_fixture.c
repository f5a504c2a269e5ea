// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/wasm/tripwire_fixture.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/unit/wasm/fault_fixture.h"
#include "tests/unit/wasm/run_fixture.h"

static struct sigaction previous_action;
static uint8_t *volatile tripwire; // start of the inaccessible page, or NULL

// The engine's handler passes on the faults that are no traps to the one that stood before: this.
static void on_fault(int signal_number, siginfo_t *info, void *context)
{
    uintptr_t offset = (uintptr_t)info->si_addr - (uintptr_t)tripwire;

    if (tripwire != NULL && offset < (uintptr_t)getpagesize()) {
        mprotect(tripwire, (size_t)getpagesize(), PROT_READ | PROT_WRITE);
        tripwire = NULL;
        engine_interrupt(engine);
    } else if ((previous_action.sa_flags & SA_SIGINFO) != 0) {
        previous_action.sa_sigaction(signal_number, info, context);
    } else if (previous_action.sa_handler != SIG_DFL && previous_action.sa_handler != SIG_IGN) {
        previous_action.sa_handler(signal_number);
    } else {
        signal(signal_number, SIG_DFL);
    }
}

int tripwire_group_set_up(void **state)
{
    struct sigaction action = {.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};

    action.sa_sigaction = on_fault;
    if (sigaction(SIGSEGV, &action, &previous_action) != 0)
        return 1;
    return fault_group_set_up(state);
}

void set_tripwire(void *address)
{
    uintptr_t mask = (uintptr_t)getpagesize() - 1;

    restore_fault_handler();
    tripwire = (uint8_t *)address - ((uintptr_t)address & mask);
    assert_int_equal(mprotect(tripwire, (size_t)getpagesize(), PROT_NONE), 0);
}

bool tripwire_touched(void)
{
    return tripwire == NULL;
}

void clear_tripwire(void)
{
    tripwire = NULL;
}
