// SPDX-License-Identifier: Apache-2.0
//
// What the objects of the API are made of: api.c (hosts, calls, contexts) and api_load.c (loading
// and inspecting) share it with nobody else.
#pragma once

#include <pthread.h>

#include "host/libexec.h"
#include "host/session.h"

enum { FILTER_KINDS = 16, PLUGIN_NAME_SIZE = 128 };

struct pnf_host {
    pthread_mutex_t lock; // of filters and plugins
    struct registry registry;
    struct libexec libexec;
    struct launcher_client launcher;
    struct monitor monitor;
    int filters[FILTER_KINDS]; // memfds, made when first needed; -1
    struct pnf_plugin *plugins;
    void (*log)(void *context, const char *plugin, int level, const char *text);
    void *log_context;
};

struct pnf_export {
    struct pnf_export *next;
    struct pnf_plugin *plugin;
    struct session_export prepared;
    char text[]; // the signature as it was given
};

struct pnf_plugin {
    struct pnf_plugin *next;
    struct pnf_host *host;
    struct policy policy;
    struct report_library libraries[REPORT_LIBRARIES_MAX]; // for the session
    uint32_t library_count;
    uint64_t module_size;
    struct session session;
    struct launcher_worker worker;
    pthread_mutex_t lock; // of exports
    struct pnf_export *exports;
    struct pnf_module *module; // made when first asked for
    char name[PLUGIN_NAME_SIZE];
};

// Ends a function of the API: keeps the error, and errno as it was.
pnf_status api_finish(const struct error_text *error, int errno_before);

// Ends a plugin that is in no list any more.
void api_plugin_destroy(pnf_plugin *plugin);
