// SPDX-License-Identifier: Apache-2.0
//
// A plugin's bytes as they go to its worker: a sealed memfd, copied from the file that was opened
// once, or from memory. Its hash is taken of exactly the bytes that were copied, so the pin holds
// for what the worker gets. Nothing is parsed here.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/error_text.h"
#include "sandbox/policy.h"

enum { MODULE_BYTES_MAX = 1024 * 1024 * 1024 };

struct module {
    int fd; // the memfd; -1 if there is none
    uint64_t size;
    uint8_t sha256[POLICY_SHA256_SIZE];
};

// Errors: PNF_SYSTEM, PNF_LIMIT.
MUST_CHECK bool module_open(const char *path, struct module *module, struct error_text *error);
MUST_CHECK bool module_copy(const void *bytes, size_t size, struct module *module,
                            struct error_text *error);

// Whether the module is the one that the policy pins, if it pins any. Error: PNF_DENIED.
MUST_CHECK bool module_check_pin(const struct module *module, const struct policy *policy,
                                 struct error_text *error);

// Takes one that is closed already.
void module_close(struct module *module);
