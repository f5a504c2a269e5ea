// SPDX-License-Identifier: Apache-2.0
//
// The host functions that an application offers, each parsed and prepared once. Thread-safe;
// entries stay where they are and are never removed before registry_finish, so whoever found one
// may use it without the lock. A registration that failed is remembered, and the next load reports
// it. Who may call what is decided elsewhere (session_link.c).
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "host/bridge.h"
#include "host/error_text.h"
#include "host/signature.h"

struct registry_function {
    struct registry_function *next;
    struct signature signature;
    struct plan_core_type core; // what a guest's import has to be
    struct bridge bridge;       // points into itself
    void *user;                 // borrowed; the application's
};

// An export that every plugin must have.
struct registry_expectation {
    struct registry_expectation *next;
    struct signature signature;
    struct plan_core_type core;
};

struct registry {
    pthread_mutex_t lock; // of everything below
    struct registry_function *functions;
    struct registry_expectation *expectations;
    struct error_text failure; // of the first registration that failed, until it is reported
};

void registry_init(struct registry *registry);
void registry_finish(struct registry *registry);

// Offers a function. Errors: PNF_USAGE for a signature that is none, or one that is there already;
// PNF_SYSTEM when out of memory. They are remembered as well.
MUST_CHECK bool registry_add(struct registry *registry, const char *signature,
                             void (*function)(void), void *user, struct error_text *error);

// Announces an export. Errors as above.
MUST_CHECK bool registry_expect(struct registry *registry, const char *signature,
                                struct error_text *error);

// Hands out the failure that is remembered, once; true if there was none.
MUST_CHECK bool registry_check(struct registry *registry, struct error_text *error);

// The function by its exact names; NULL if there is none.
const struct registry_function *registry_find(struct registry *registry, const char *module,
                                              size_t module_length, const char *name,
                                              size_t name_length);

// The expectations so far: a list that only grows at its front.
const struct registry_expectation *registry_expectations(struct registry *registry);
