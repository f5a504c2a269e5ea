// SPDX-License-Identifier: Apache-2.0
/*
 * Changes modules so that they often stay valid: whole instructions, in place, so that no size
 * changes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Changes one instruction of a module; false, and nothing changed, if it finds none. */
bool mutate_instruction(uint8_t *data, size_t size, uint32_t *random);

/* xorshift; `*random` is not 0. */
uint32_t mutate_random(uint32_t *random);
