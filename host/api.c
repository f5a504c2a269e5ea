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

#include "host/filter.h"
#include "host/libexec.h"
#include "host/module.h"
#include "host/policy_file.h"
#include "host/policy_yaml.h"
#include "host/session.h"

enum { FILTER_KINDS = 4, PLUGIN_NAME_SIZE = 128 };

struct pnf_host {
    pthread_mutex_t lock; // of filters and plugins
    struct registry registry;
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
    struct session session;
    struct launcher_worker worker;
    pthread_mutex_t lock; // of exports
    struct pnf_export *exports;
    char name[PLUGIN_NAME_SIZE];
};

static_assert(sizeof(pnf_bytes) == sizeof(struct bridge_bytes) &&
                  offsetof(pnf_bytes, length) == offsetof(struct bridge_bytes, length),
              "the bridge hands out what the API declares");

// Ends a function of the API.
static pnf_status finish(const struct error_text *error, int errno_before)
{
    errno = errno_before;
    return error->status == PNF_OK ? PNF_OK : error_text_keep(error);
}

// --- the host ------------------------------------------------------------------------------------

static bool open_parts(pnf_host *host, const pnf_options *options, struct error_text *error)
{
    struct libexec libexec;
    struct launcher_paths paths = {.launcher = libexec.launcher, .worker = libexec.worker};
    struct error below = {.code = ERROR_NONE};

    if (!libexec_find(options ? options->libexec : NULL, &libexec, error))
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
        return finish(&error, before);
    }
    *host = host_create(options);
    if (!*host) {
        error_text_set(&error, PNF_SYSTEM, "cannot open a host: out of memory");
    } else if (!open_parts(*host, options, &error)) {
        host_destroy(*host);
        *host = NULL;
    }
    return finish(&error, before);
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
    return finish(&error, before);
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
    return finish(&error, before);
}

// --- plugins: life -------------------------------------------------------------------------------

// Where module and policy come from: files, or memory if `name` is not NULL.
struct source {
    const char *module_path;
    const char *policy_path;
    const char *name;
    const void *module;
    size_t module_size;
    const char *policy;
    size_t policy_size;
};

static bool read_policy(const struct source *source, struct policy *policy,
                        struct error_text *error)
{
    struct policy_error below = {.message = ""};
    bool from_file = source->policy_path != NULL;
    char place[64] = "";

    policy_init(policy);
    if (from_file ? policy_from_file(source->policy_path, policy, &below)
                  : !source->policy ||
                        policy_from_text(source->policy, source->policy_size, policy, &below))
        return true;
    if (below.line != 0)
        snprintf(place, sizeof place, ":%u:%u", below.line, below.column);
    return error_text_set(error, PNF_DENIED, "policy %s%s: %s; nothing was loaded",
                          from_file ? source->policy_path : "in memory", place, below.message);
}

// The policy's name for the plugin, or the module file's own.
static void name_plugin(pnf_plugin *plugin, const struct source *source)
{
    const char *name = policy_text(&plugin->policy, plugin->policy.name);
    const char *path = source->name ? source->name : source->module_path ? source->module_path : "";
    const char *slash = strrchr(path, '/');
    char *suffix;

    if (name[0] != '\0')
        path = name;
    else if (slash)
        path = slash + 1;
    policy_show(plugin->name, sizeof plugin->name, path);
    suffix = strstr(plugin->name, ".wasm");
    if (suffix && suffix != plugin->name && suffix[5] == '\0')
        *suffix = '\0';
}

// The filter for a policy's grants; made once for each kind.
static bool find_filter(pnf_host *host, const struct policy *policy, int *filter,
                        struct error_text *error)
{
    struct filter_options options = {
        .clock = policy->wasi_clock != POLICY_WASI_CLOCK_NONE,
        .random = policy->wasi_random != POLICY_WASI_RANDOM_NONE,
    };
    int *cached = &host->filters[(options.clock ? 1 : 0) + (options.random ? 2 : 0)];
    struct error below = {.code = ERROR_NONE};
    bool found;

    pthread_mutex_lock(&host->lock);
    found = *cached >= 0 || filter_memfd(&options, cached, &below);
    *filter = *cached;
    pthread_mutex_unlock(&host->lock);
    return found || error_text_from(error, &below, "confine a plugin");
}

static uint64_t add_saturating(uint64_t left, uint64_t right)
{
    uint64_t sum;

    return __builtin_add_overflow(left, right, &sum) ? UINT64_MAX : sum;
}

static bool start_worker(pnf_plugin *plugin, const struct module *module, struct error_text *error)
{
    const struct policy *policy = &plugin->policy;
    struct error below = {.code = ERROR_NONE};
    struct launcher_start start = {
        .options = {.data_bytes_max = policy->limits.memory_bytes,
                    .descriptors_max = START_SLOT_COUNT + 1,
                    .record_offset = SESSION_RECORD_OFFSET},
        .control = plugin->session.channel.fd,
    };
    bool started;

    // What the worker has to map before the session tells it anything.
    memcpy(start.options.payload, &module->size, sizeof module->size);
    for (size_t i = 0; i < START_SLOT_COUNT; i++)
        start.slots[i] = -1;
    start.slots[START_SLOT_MODULE] = module->fd;
    start.options.data_bytes_max =
        add_saturating(add_saturating(policy->limits.memory_bytes, policy->limits.stack_bytes),
                       policy_engine_bytes(policy, module->size));
    if (policy->limits.cpu_seconds != POLICY_NONE)
        start.options.cpu_seconds = (uint32_t)policy->limits.cpu_seconds;
    if (!find_filter(plugin->host, policy, &start.filter, error))
        return false;
    started = launcher_client_start(&plugin->host->launcher, &start, &plugin->worker, &below);
    channel_forget_fd(&plugin->session.channel);
    return started || error_text_from(error, &below, "start a worker for the plugin");
}

static bool wait_end(void *context, int timeout_ms, enum launcher_end *end, int *status)
{
    pnf_plugin *plugin = context;

    if (!launcher_client_wait(&plugin->host->launcher, &plugin->worker, timeout_ms))
        return false;
    *end = plugin->worker.ended;
    *status = plugin->worker.status;
    return true;
}

static void log_line(void *context, int level, const char *text)
{
    pnf_plugin *plugin = context;

    if (plugin->host->log)
        plugin->host->log(plugin->host->log_context, plugin->name, level, text);
}

static bool run_session(pnf_plugin *plugin, const struct module *module, struct error_text *error)
{
    struct session_setup setup = {
        .policy = &plugin->policy,
        .registry = &plugin->host->registry,
        .monitor = &plugin->host->monitor,
        .module_size = module->size,
        .wait_end = wait_end,
        .log = log_line,
        .context = plugin,
        .plugin = plugin,
        .name = plugin->name,
    };

    if (!session_init(&plugin->session, error) || !start_worker(plugin, module, error))
        return false;
    setup.pidfd = plugin->worker.pidfd;
    return session_begin(&plugin->session, &setup, error) && session_load(&plugin->session, error);
}

static bool load_plugin(pnf_plugin *plugin, const struct source *source, struct error_text *error)
{
    struct module module = {.fd = -1};
    bool loaded;

    if (!registry_check(&plugin->host->registry, error) ||
        !read_policy(source, &plugin->policy, error))
        return false;
    name_plugin(plugin, source);
    loaded = (source->name ? module_copy(source->module, source->module_size, &module, error)
                           : module_open(source->module_path, &module, error)) &&
             module_check_pin(&module, &plugin->policy, error) &&
             run_session(plugin, &module, error);
    module_close(&module);
    return loaded;
}

static void plugin_destroy(pnf_plugin *plugin)
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
    pthread_mutex_destroy(&plugin->lock);
    free(plugin);
}

static pnf_plugin *plugin_create(pnf_host *host)
{
    pnf_plugin *plugin = calloc(1, sizeof *plugin);

    if (!plugin)
        return NULL;
    plugin->host = host;
    plugin->worker.pidfd = -1;
    plugin->worker.socket = -1;
    pthread_mutex_init(&plugin->lock, NULL);
    return plugin;
}

static pnf_status load(pnf_host *host, const struct source *source, pnf_plugin **plugin)
{
    int before = errno;
    struct error_text error;
    pnf_plugin *made = NULL;

    error_text_init(&error);
    if (plugin)
        *plugin = NULL;
    if (!host || !plugin) {
        error_text_set(&error, PNF_USAGE, "cannot load a plugin: %s",
                       host ? "no place for it was given" : "the host is NULL");
    } else if (!(made = plugin_create(host))) {
        error_text_set(&error, PNF_SYSTEM, "cannot load a plugin: out of memory");
    } else if (!load_plugin(made, source, &error)) {
        error_text_name(error.plugin, made->name, strlen(made->name));
        plugin_destroy(made);
    } else {
        pthread_mutex_lock(&host->lock);
        made->next = host->plugins;
        host->plugins = made;
        pthread_mutex_unlock(&host->lock);
        *plugin = made;
    }
    return finish(&error, before);
}

pnf_status pnf_load(pnf_host *host, const char *module_path, const char *policy_path,
                    pnf_plugin **plugin)
{
    struct source source = {.module_path = module_path, .policy_path = policy_path};

    return load(host, &source, plugin);
}

pnf_status pnf_load_bytes(pnf_host *host, const char *name, const void *module, size_t module_size,
                          const char *policy_text_, size_t policy_size, pnf_plugin **plugin)
{
    struct source source = {
        .name = name ? name : "plugin",
        .module = module,
        .module_size = module_size,
        .policy = policy_text_,
        .policy_size = policy_size,
    };

    return load(host, &source, plugin);
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
    plugin_destroy(plugin);
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
        plugin_destroy(plugin);
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
    return finish(&error, before);
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
    return finish(&error, before);
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
    return finish(&error, before);
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
