// SPDX-License-Identifier: Apache-2.0
//
// A policy from YAML, under hard limits: 64 KiB, 16 levels, one document, and nothing of YAML that
// a policy does not need: no anchors, aliases, tags, merge keys, directives. Unknown and duplicate
// keys and values of the wrong form are errors with their place. On an error the policy is the
// default: it denies.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "host/policy_error.h"
#include "sandbox/policy.h"

enum {
    POLICY_DEPTH_MAX = 16,   // of nested lists and mappings
    POLICY_EVENTS_MAX = 8192 // of libyaml's; the largest policy that passes has fewer
};

// Relative paths in it begin in the working directory.
MUST_CHECK bool policy_from_text(const char *bytes, size_t size, struct policy *policy,
                                 struct policy_error *error);

// The same, but relative paths begin in that folder.
MUST_CHECK bool policy_from_text_in(const char *folder, const char *bytes, size_t size,
                                    struct policy *policy, struct policy_error *error);
