// SPDX-License-Identifier: Apache-2.0
//
// Directories that a policy grants: the rules that hold for a policy's file, a policy in memory and
// an option of the command line alike. What a grant is about is settled once, when it is read: the
// directory that realpath(3) names then, so that neither ".." nor a link changes anything later.
// Refused are "/", what is at or below /proc, /sys and /dev, and overlapping directories with
// different access; see also policy_guard.h.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "host/policy_error.h"
#include "sandbox/policy.h"

// A grant that has the table's defaults, and no paths yet.
void policy_dir_begin(struct policy_dir *dir);

// Resolves the directory and puts it into the pool. A relative path begins in `folder`, or in the
// working directory if that is NULL. It must exist, and be a directory; "~" is not expanded.
MUST_CHECK bool policy_dir_set_host(struct policy *policy, struct policy_dir *dir,
                                    const char *folder, const char *path, size_t length,
                                    struct policy_error *error);

// Its name for the plugin: policy_is_guest_path.
MUST_CHECK bool policy_dir_set_guest(struct policy *policy, struct policy_dir *dir,
                                     const char *path, size_t length, struct policy_error *error);

// Adds a grant that has both paths, unless another one has its name or contradicts it.
MUST_CHECK bool policy_dir_add(struct policy *policy, const struct policy_dir *dir,
                               struct policy_error *error);

// Adds one from "HOST::GUEST", "HOST::GUEST:read" or "HOST::GUEST:write". HOST ends at the first
// "::", and so has none in it; behind the last ":" of the rest stands the access, and so a GUEST
// with
// ":" needs one.
MUST_CHECK bool policy_dir_add_text(struct policy *policy, const char *text,
                                    struct policy_error *error);

// Whether a path is the folder or below it; both absolute, without links, ".", ".." and slashes too
// many.
bool policy_dir_is_within(const char *path, const char *folder);
