// SPDX-License-Identifier: Apache-2.0
//
// sdk/pinfold.h: hosts and plugins, put together from the parts beneath. Each function of the API
// keeps its error as the thread's last one and leaves errno as it was.
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/api.h"
#include "host/policy_error.h"

static_assert(sizeof(pnf_bytes) == sizeof(struct bridge_bytes) &&
                  offsetof(pnf_bytes, length) == offsetof(struct bridge_bytes, length),
              "the bridge hands out what the API declares");

pnf_status api_finish(const struct error_text *error, int errno_before)
{
    errno = errno_before;
    return error->status == PNF_OK ? PNF_OK : error_text_keep(error);
}

// --- the host ------------------------------------------------------------------------------------

static bool open_parts(pnf_host *host, const pnf_options *options, struct error_text *error)
{
    struct libexec *libexec = &host->libexec;
    struct launcher_paths paths = {.launcher = libexec->launcher, .worker = libexec->worker};
    struct error below = {.code = ERROR_NONE};

    if (!libexec_find(options ? options->libexec : NULL, libexec, error))
        return false;
    if (!launcher_client_open(&host->launcher, &paths, &below))
        return error_text_from(error, &below, "start the launcher of plugins");
    return monitor_open(&host->monitor, &host->launcher, &below) ||
           error_text_from(error, &below, "watch over plugins");
}

static pnf_host *host_create(const pnf_options *options)
{
    pnf_host *host = calloc(1, sizeof *host);

    if (!host)
        return NULL;
    pthread_mutex_init(&host->lock, NULL);
    registry_init(&host->registry);
    for (size_t i = 0; i < FILTER_KINDS; i++)
        host->filters[i] = -1;
    if (options) {
        host->log = options->log;
        host->log_context = options->log_context;
    }
    return host;
}

static void host_destroy(pnf_host *host)
{
    monitor_close(&host->monitor);
    launcher_client_close(&host->launcher);
    for (size_t i = 0; i < FILTER_KINDS; i++)
        if (host->filters[i] >= 0)
            close(host->filters[i]);
    registry_finish(&host->registry);
    pthread_mutex_destroy(&host->lock);
    free(host);
}

pnf_status pnf_host_open(const pnf_options *options, pnf_host **host)
{
    int before = errno;
    struct error_text error;

    error_text_init(&error);
    if (!host) {
        error_text_set(&error, PNF_USAGE, "cannot open a host: no place for it was given");
        return api_finish(&error, before);
    }
    *host = host_create(options);
    if (!*host) {
        error_text_set(&error, PNF_SYSTEM, "cannot open a host: out of memory");
    } else if (!open_parts(*host, options, &error)) {
        host_destroy(*host);
        *host = NULL;
    }
    return api_finish(&error, before);
}

pnf_status pnf_host_function(pnf_host *host, const char *signature, pnf_native function,
                             void *context)
{
    int before = errno;
    struct error_text error;

    error_text_init(&error);
    if (!host)
        error_text_set(&error, PNF_USAGE, "cannot offer a host function: the host is NULL");
    else if (registry_add(&host->registry, signature, function, context, &error))
        return PNF_OK;
    return api_finish(&error, before);
}

pnf_status pnf_expect(pnf_host *host, const char *signature)
{
    int before = errno;
    struct error_text error;

    error_text_init(&error);
    if (!host)
        error_text_set(&error, PNF_USAGE, "cannot expect an export: the host is NULL");
    else if (registry_expect(&host->registry, signature, &error))
        return PNF_OK;
    return api_finish(&error, before);
}

// --- plugins: life -------------------------------------------------------------------------------

void api_plugin_destroy(pnf_plugin *plugin)
{
    // In this order: nobody watches a pidfd that is closed, or a channel that is unmapped.
    if (plugin->worker.pidfd >= 0) {
        monitor_remove(&plugin->host->monitor, &plugin->session.watch);
        launcher_client_release(&plugin->host->launcher, &plugin->worker);
    }
    session_finish(&plugin->session);
    while (plugin->exports) {
        pnf_export *prepared = plugin->exports;

        plugin->exports = prepared->next;
        free(prepared);
    }
    pnf_module_free(plugin->module);
    pthread_mutex_destroy(&plugin->lock);
    free(plugin);
}

// From a host function that the plugin is calling right now, its end must wait.
static bool is_inside(pnf_plugin *plugin)
{
    struct session *session = &plugin->session;
    bool inside;

    pthread_mutex_lock(&session->lock);
    inside = session->active && pthread_equal(session->owner, pthread_self());
    pthread_mutex_unlock(&session->lock);
    return inside;
}

void pnf_unload(pnf_plugin *plugin)
{
    int before = errno;
    pnf_plugin **at;

    if (!plugin || is_inside(plugin))
        return;
    pthread_mutex_lock(&plugin->host->lock);
    for (at = &plugin->host->plugins; *at && *at != plugin; at = &(*at)->next)
        continue;
    if (*at)
        *at = plugin->next;
    pthread_mutex_unlock(&plugin->host->lock);
    api_plugin_destroy(plugin);
    errno = before;
}

void pnf_host_close(pnf_host *host)
{
    int before = errno;

    if (!host)
        return;
    while (host->plugins) {
        pnf_plugin *plugin = host->plugins;

        host->plugins = plugin->next;
        api_plugin_destroy(plugin);
    }
    host_destroy(host);
    errno = before;
}

// --- plugins: calls ------------------------------------------------------------------------------

static pnf_export *find_export(const pnf_plugin *plugin, const char *signature)
{
    for (pnf_export *at = plugin->exports; at; at = at->next)
        if (strcmp(at->text, signature) == 0)
            return at;
    return NULL;
}

// Under the plugin's lock.
static pnf_export *make_export(pnf_plugin *plugin, const char *signature, struct error_text *error)
{
    size_t length = signature ? strlen(signature) : 0;
    pnf_export *made = calloc(1, sizeof *made + length + 1);

    if (!made) {
        error_text_set(error, PNF_SYSTEM, "cannot call an export: out of memory");
        return NULL;
    }
    if (!session_prepare(&plugin->session, signature, &made->prepared, error)) {
        free(made);
        return NULL;
    }
    memcpy(made->text, signature, length);
    made->plugin = plugin;
    made->next = plugin->exports;
    plugin->exports = made;
    return made;
}

// The prepared export of a signature; NULL with an error.
static pnf_export *prepare(pnf_plugin *plugin, const char *signature, struct error_text *error)
{
    pnf_export *found;

    if (!plugin) {
        error_text_set(error, PNF_USAGE, "cannot call an export: the plugin is NULL");
        return NULL;
    }
    pthread_mutex_lock(&plugin->lock);
    found = signature ? find_export(plugin, signature) : NULL;
    if (!found)
        found = make_export(plugin, signature, error);
    pthread_mutex_unlock(&plugin->lock);
    if (!found)
        error_text_name(error->plugin, plugin->name, strlen(plugin->name));
    return found;
}

static void call(pnf_export *prepared, va_list arguments, struct error_text *error)
{
    const char *name = prepared->plugin->name;

    if (!session_call(&prepared->plugin->session, &prepared->prepared, arguments, error))
        error_text_name(error->plugin, name, strlen(name));
}

pnf_status pnf_call(pnf_plugin *plugin, const char *signature, ...)
{
    int before = errno;
    struct error_text error;
    pnf_export *prepared;
    va_list arguments;

    error_text_init(&error);
    prepared = prepare(plugin, signature, &error);
    if (prepared) {
        va_start(arguments, signature);
        call(prepared, arguments, &error);
        va_end(arguments);
    }
    return api_finish(&error, before);
}

pnf_status pnf_prepare(pnf_plugin *plugin, const char *signature, pnf_export **prepared)
{
    int before = errno;
    struct error_text error;

    error_text_init(&error);
    if (prepared)
        *prepared = prepare(plugin, signature, &error);
    else
        error_text_set(&error, PNF_USAGE, "cannot prepare an export: no place for it was given");
    return api_finish(&error, before);
}

pnf_status pnf_call_export(pnf_export *prepared, ...)
{
    int before = errno;
    struct error_text error;
    va_list arguments;

    error_text_init(&error);
    if (prepared) {
        va_start(arguments, prepared);
        call(prepared, arguments, &error);
        va_end(arguments);
    } else {
        error_text_set(&error, PNF_USAGE, "cannot call an export: it is NULL");
    }
    return api_finish(&error, before);
}

void pnf_cancel(pnf_plugin *plugin)
{
    int before = errno;

    if (plugin)
        session_cancel(&plugin->session);
    errno = before;
}

pnf_bytes pnf_output(pnf_plugin *plugin)
{
    if (!plugin)
        return (pnf_bytes){NULL, 0};
    return (pnf_bytes){plugin->session.output, plugin->session.output_length};
}

pnf_status pnf_output_check(pnf_plugin *plugin)
{
    int before = errno;
    struct error_text error;

    error_text_init(&error);
    if (!plugin)
        error_text_set(&error, PNF_USAGE, "cannot check output: the plugin is NULL");
    else if (session_check_output(&plugin->session, &error))
        return PNF_OK;
    error_text_name(error.plugin, plugin ? plugin->name : "", plugin ? strlen(plugin->name) : 0);
    return api_finish(&error, before);
}

// --- inside a host function ----------------------------------------------------------------------

pnf_plugin *pnf_context_plugin(pnf_context *context)
{
    return context->session->setup.plugin;
}

void *pnf_context_user(pnf_context *context)
{
    return context->user;
}

uint64_t pnf_context_time_left(pnf_context *context)
{
    return session_time_left(context->session);
}

void pnf_context_fail(pnf_context *context, const char *text)
{
    if (context->failed)
        return;
    context->failed = true;
    policy_show(context->text, sizeof context->text, text ? text : "no reason given");
}
