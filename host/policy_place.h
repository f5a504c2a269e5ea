// SPDX-License-Identifier: Apache-2.0
//
// Opening a policy's file where nobody else can have put it, change it or exchange it. The file and
// each folder that a name is taken from belong to root or to the process's own user, and neither
// group nor others may write them; a folder with the sticky bit, as /tmp, is good enough. Symbolic
// links are followed one by one, and each is looked at like a file. Folders further up are not: who
// may write there can move folders, but not bring a file that belongs to somebody else.
#pragma once

#include <stdbool.h>

#include "host/policy_error.h"

// Gives a descriptor to read from. Everything was asked of that descriptor and of the folder that
// it was opened in, not of a path, so that nothing can be swapped in between.
MUST_CHECK bool policy_place_open(const char *path, int *file, struct policy_error *error);

// "cannot WHAT: " and the reason that errno has.
bool policy_place_fail(struct policy_error *error, const char *what);
