// SPDX-License-Identifier: Apache-2.0
//
// What tests of the whole library share: where confined programs are, a folder of one's own, and
// the look at what is left behind.
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <pinfold.h>

// Whether there are confined programs: this build's, or those of the release build that
// PINFOLD_TEST_WORKERS names, since a sanitizer cannot be linked into them. Says so if not.
bool fixture_has_programs(void);

// The path of a file of that build: "pinfold-worker".
const char *fixture_program(const char *name);

// Group set-up and tear-down: a folder for files of the test.
int fixture_make_folder(void **state);
int fixture_remove_folder(void **state);

// A path in the folder. Good until the fourth call from here.
const char *fixture_in_folder(const char *name);

// Puts a file there under a name; a link to it.
void fixture_provide(const char *file, const char *name);

// Makes the folder one that a host can be opened with: the launcher, and this program as worker.
void fixture_provide_worker(const char *worker);

// A host with the programs of a folder; fails the test if there is none.
pnf_host *fixture_open_host(const char *libexec);

// A host whose workers are tests/e2e/hostile_worker.c, and what those call: app.again calls `run`
// of the plugin that calls; app.pause and app.note(text) are the test's.
pnf_host *fixture_open_hostile(void (*pause)(void), void (*note)(const char *text, size_t length));

// The policy of plugins with such a worker: 200 ms, and a folder of the test's to write in. One has
// been loaded with it, so that what a host keeps for others is there.
const char *fixture_hostile_policy(pnf_host *host);

// All bytes of a file, and how many.
const uint8_t *fixture_read(const char *path, size_t *size);

// --- time ----------------------------------------------------------------------------------------

uint64_t fixture_now_us(void);

// A thread that sleeps for a millisecond at a time, and notes what it is late by, if that is much:
// what the machine owes to other jobs is nobody's fault. What it was since the last question,
// twice, since the end of a call passes through processes that are late as well.
void fixture_watch_begin(void);
void fixture_watch_end(void);
uint64_t fixture_watch_late_us(void);

// --- what is left --------------------------------------------------------------------------------

// Open descriptors of this process; its mappings that are memory of a channel; all its mappings.
int fixture_descriptors(void);
int fixture_channels(void);
int fixture_mappings(void);

// Makes this process the one that adopts orphans; whether there is any child, dead or alive, after
// waiting for those that are about to go.
void fixture_adopt(void);
bool fixture_has_children(int patience_ms);

// The parent of a process, 0 if there is none; and the children of one, but for `other`.
pid_t fixture_parent_of(pid_t pid);
size_t fixture_children_of(pid_t parent, pid_t other, pid_t *children, size_t most);
