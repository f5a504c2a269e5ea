// SPDX-License-Identifier: Apache-2.0
//
// What the jail's tests share: a host with a launcher, attacking workers, and the look at what is
// left afterwards.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "host/launcher_client.h"
#include "sandbox/start.h"
#include "tests/jail/attack.h"

enum { FIXTURE_CONTROL_BYTES = 4096, FIXTURE_TIMEOUT_MS = 10000 };

struct fixture {
    struct launcher_client client;
    int filter;                     // the filter of CORE, files granted
    int permissive;                 // a filter that allows everything, for the layers below it
    int module;                     // a sealed memfd
    int descriptors_before;         // open in this process when the fixture began
    struct launcher_worker sibling; // answers for as long as the fixture lives
    uint8_t *sibling_control;
};

// How an attack ended, and what it left behind.
struct outcome {
    enum launcher_end end;
    int status;
    struct attack_report report;
    struct start_record record;
};

// Group set-up and tear-down for cmocka; *state is the struct fixture. The tear-down fails when a
// descriptor or child is left, or when the sibling no longer answers.
int fixture_begin(void **state);
int fixture_end(void **state);

// A launcher, without anything else.
void fixture_open(struct launcher_client *client);

// The options of a worker that does `attack`.
struct start_options fixture_options(const struct attack *attack);

// Control memory: a sealed memfd, and its mapping, which the caller unmaps.
int fixture_control(uint8_t **control);

// Starts a worker with the fixture's module in `client`. `control` as above.
void fixture_start(const struct fixture *fixture, struct launcher_client *client, int filter,
                   const struct start_options *options, struct launcher_worker *worker,
                   uint8_t **control);

// A worker from its start to its end.
struct outcome fixture_run(struct fixture *fixture, int filter,
                           const struct start_options *options);

// The same with usual options and the filter of CORE, or with the permissive one.
struct outcome fixture_attack(struct fixture *fixture, const struct attack *attack);
struct outcome fixture_attack_unfiltered(struct fixture *fixture, const struct attack *attack);

// The same with any filter, for ATTACK_FILE: the worker is sent `file`.
struct outcome fixture_attack_file(struct fixture *fixture, int filter, const struct attack *attack,
                                   int file);

// Fails the test unless the attack was ended by the filter.
void fixture_expect_killed(const struct outcome *outcome, const char *what);

// Whether a worker that answers still does.
bool fixture_answers(const struct launcher_worker *worker);

// Number of open descriptors of this process.
int fixture_descriptors(void);

// Number of processes that run our launcher or our attacker, waiting for them to go.
int fixture_left_behind(int patience_ms);
