// SPDX-License-Identifier: Apache-2.0
//
// What is said when a policy refuses something: one text, which the log, the error and the command
// line share. It names what was tried, by which plugin, the rule that refused it or the absence of
// one, what the guest saw, and the line that would grant it.
#pragma once

#include <stddef.h>

#include "sandbox/policy.h"

enum {
    POLICY_DENIAL_SIZE = 1024 // enough for every text
};

struct policy_attempt {
    const char *what;    // "import host function doc.write"
    enum policy_key key; // the key that decides it
    const char
        *grant; // what would grant it: a key's value ("real"), or a collection's entry, in YAML
    const char *guest; // what the guest saw: "did not start", "errno 76 (notcapable)"
};

// Fills `text` (cut off where `size` ends, which is at least 1) and returns it. One line of
// printable ASCII.
const char *policy_denial(const struct policy *policy, const struct policy_attempt *attempt,
                          char *text, size_t size);
