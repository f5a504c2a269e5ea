// SPDX-License-Identifier: Apache-2.0
/* v128s of scripts: as many strings as there are lanes, lane 0 first, each as a scalar's value. */
#pragma once

#include "tests/spec/value.h"

/* Is the JSON value of a v128 one? */
bool lanes_check(const json_t *json);

/* Writes a checked one to two slots; false when some lane is not a number but a kind of NaN. */
bool lanes_to_slots(const json_t *json, union slot *slots);

/* Is each lane of the two slots what is expected? */
bool lanes_match(const json_t *json, const union slot *slots);

/* The strings, and the bits of slots, for people. Always terminated. */
void lanes_print(const json_t *json, char *buffer, size_t size);
void lanes_print_slots(const union slot *slots, char *buffer, size_t size);
