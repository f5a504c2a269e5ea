// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/wasm/fault_fixture.h"

#include <signal.h>

#include "tests/unit/wasm/run_fixture.h"

static struct sigaction fault_action; // as the engine wants it

int fault_group_set_up(void **state)
{
    return run_group_set_up(state) != 0 || sigaction(SIGSEGV, NULL, &fault_action) != 0;
}

void restore_fault_handler(void)
{
    assert_int_equal(sigaction(SIGSEGV, &fault_action, NULL), 0);
}
