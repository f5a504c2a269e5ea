// SPDX-License-Identifier: Apache-2.0
//
// For the tests of interruptions: a page whose first touch, by whatever the engine does in C,
// interrupts the run and then goes on. So an instruction can be interrupted at any byte.
#pragma once

#include <stdbool.h>

// For cmocka_run_group_tests, in place of run_group_set_up.
int tripwire_group_set_up(void **state);

// The page of this address. Brings the engine's fault handler back as well (fault_fixture.h).
void set_tripwire(void *address);
// Was it touched?
bool tripwire_touched(void);
// Forgets one that was not.
void clear_tripwire(void);
