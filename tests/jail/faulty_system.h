// SPDX-License-Identifier: Apache-2.0
//
// Stands in for sandbox/jail/system.c: makes the calls of the set-up, except one that fails or only
// claims to have worked, as the payload of the start message wants.
#pragma once

#include <stdint.h>

// How many calls of the set-up there were so far.
uint32_t faulty_system_calls(void);
