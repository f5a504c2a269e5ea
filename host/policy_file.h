// SPDX-License-Identifier: Apache-2.0
//
// A policy from a file. It is opened once, and everything is asked of and read through that
// descriptor, so that nothing can be swapped between a check and its use.
#pragma once

#include <stdbool.h>

#include "host/policy_error.h"
#include "sandbox/policy.h"

// Refuses what is no regular file and what somebody else may write or exchange (policy_place.h).
// `path` becomes the policy's source; relative paths in the policy begin in its folder, that of the
// path as it is given.
MUST_CHECK bool policy_from_file(const char *path, struct policy *policy,
                                 struct policy_error *error);
