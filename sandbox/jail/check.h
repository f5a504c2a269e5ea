// SPDX-License-Identifier: Apache-2.0
//
// The self-check: each step of the jail is looked at by its effect, not by what its call returned.
#pragma once

#include <stdbool.h>

#include "sandbox/base/error.h"

struct jail;

// The last step before the filter.
bool check_state(struct jail *jail, struct error *error) MUST_CHECK;
