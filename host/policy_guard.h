// SPDX-License-Identifier: Apache-2.0
//
// What no plugin may write, whatever it is granted: the policy that binds it, and the programs that
// confine it.
#pragma once

#include <stdbool.h>

#include "host/policy_error.h"
#include "sandbox/policy.h"

// Whether no grant of the policy lets the plugin change or exchange the file, or a link on the way
// to it: no directory that it may write is one, or has one below it, in which a name of the path is
// looked up. The error has the place of the grant; `what` is the file's description.
MUST_CHECK bool policy_guard(const struct policy *policy, const char *path, const char *what,
                             struct policy_error *error);
