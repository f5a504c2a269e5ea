// SPDX-License-Identifier: Apache-2.0
//
// Libraries that a policy has a plugin linked with: the rules that hold for a policy's file, a
// policy in memory, an option of the command line and what an application gives alike. A policy
// says where a library is; whether it is there is seen when the plugin is loaded.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "host/policy_error.h"
#include "sandbox/policy.h"

// The name by which modules import from it: policy_is_library_name.
MUST_CHECK bool policy_link_set_name(struct policy *policy, struct policy_link *link,
                                     const char *name, size_t length, struct policy_error *error);

// Its file. A relative path begins in `folder`, or in the working directory if that is NULL; "~" is
// not expanded.
MUST_CHECK bool policy_link_set_file(struct policy *policy, struct policy_link *link,
                                     const char *folder, const char *path, size_t length,
                                     struct policy_error *error);

// Adds one that has a name, and a file unless its bytes are given otherwise, behind the others;
// unless there is one of that name.
MUST_CHECK bool policy_link_add(struct policy *policy, const struct policy_link *link,
                                struct policy_error *error);

// Adds one from "NAME=FILE".
MUST_CHECK bool policy_link_add_text(struct policy *policy, const char *text,
                                     struct policy_error *error);
