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
    int fd;                             // the memfd; -1 if there is none
    uint64_t size;                      // of everything in it
    uint64_t offset;                    // of the module that was added last,
    uint8_t sha256[POLICY_SHA256_SIZE]; // and its hash
};

// Makes an empty one. Error: PNF_SYSTEM.
MUST_CHECK bool module_create(struct module *module, struct error_text *error);

// Adds a module behind those that are there. Errors: PNF_SYSTEM, PNF_LIMIT for more than
// MODULE_BYTES_MAX in all, PNF_USAGE.
MUST_CHECK bool module_add_file(struct module *module, const char *path, struct error_text *error);
MUST_CHECK bool module_add_bytes(struct module *module, const void *bytes, size_t size,
                                 struct error_text *error);

// Nothing can be changed from now on. Error: PNF_SYSTEM.
MUST_CHECK bool module_seal(const struct module *module, struct error_text *error);

// Whether the module that was added last is the one that the policy, or a library of it, pins, if
// it pins any. Error: PNF_DENIED.
MUST_CHECK bool module_check_pin(const struct module *module, const struct policy *policy,
                                 struct error_text *error);
MUST_CHECK bool module_check_link_pin(const struct module *module, const struct policy_link *link,
                                      struct error_text *error);

// Takes one that is closed already.
void module_close(struct module *module);
