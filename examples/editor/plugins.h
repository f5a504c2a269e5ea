// SPDX-License-Identifier: Apache-2.0
//
// Commands that are plugins: NAME.wasm and its policy NAME.yaml in a folder. Each is loaded when it
// is used first, stays loaded while all goes well, and is dropped when a call of it fails: the next
// use loads it anew.
#pragma once

#include <pinfold.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct plugins {
    pnf_host *host;
    const char *folder;    // NULL: there are none
    struct loaded *loaded; // newest first
    pthread_mutex_t lock;  // for `running`, which another thread may cancel
    pnf_plugin *running;
};

struct plugins_call {
    const char *name;
    uint32_t first; // lines
    uint32_t last;
    const char *arguments;
};

// Starts the host. Its functions are to be offered to plugins->host next.
bool plugins_open(struct plugins *plugins, const char *folder);
void plugins_close(struct plugins *plugins);

bool plugins_has(const struct plugins *plugins, const char *name);
void plugins_list(const struct plugins *plugins);

// True if the plugin did what it was asked for. Else `problem` is why not; "" is never a reason.
bool plugins_run(struct plugins *plugins, const struct plugins_call *call, char *problem,
                 size_t size);

// Ends what a plugin is doing, from any thread; nothing if none runs.
void plugins_cancel(struct plugins *plugins);
