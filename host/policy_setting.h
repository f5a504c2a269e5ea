// SPDX-License-Identifier: Apache-2.0
//
// A policy's keys one by one, as options of a command line give them. What they say comes from the
// user, who decides: it replaces what a file says, or adds to it.
#pragma once

#include <stdbool.h>

#include "host/policy_error.h"
#include "sandbox/policy.h"

// Sets the key, "limits.time", to what a file would say; wasi.args, wasi.env (NAME=VALUE; a name
// that is there already gets the new value), host_functions (a name), wasi.dirs
// (policy_dir_add_text) and link (policy_link_add_text) grow by one. Other keys can only be in a
// file. After an error the policy is not to be used.
MUST_CHECK bool policy_set(struct policy *policy, const char *key, const char *value,
                           struct policy_error *error);
