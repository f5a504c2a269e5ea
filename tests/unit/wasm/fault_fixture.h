// SPDX-License-Identifier: Apache-2.0
//
// For the tests that run into guard areas: cmocka puts fault handlers of its own in the place of
// the engine's around each set-up and around each test, so they are brought back in the test.
#pragma once

// For cmocka_run_group_tests, in place of run_group_set_up.
int fault_group_set_up(void **state);

// To be called in the test itself. Faults that are no traps then go to the handler that stood
// before the engine's.
void restore_fault_handler(void);
