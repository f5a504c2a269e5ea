// SPDX-License-Identifier: Apache-2.0
//
// sdk/pinfold.h: from a module and a policy to a plugin, or to what is in the module.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "host/api.h"
#include "host/filter.h"
#include "host/inspection.h"
#include "host/module.h"
#include "host/policy_file.h"
#include "host/policy_guard.h"
#include "host/policy_link.h"
#include "host/policy_setting.h"
#include "host/policy_yaml.h"

static bool apply_settings(const pnf_source *source, struct policy *policy,
                           struct policy_error *error)
{
    if (source->no_deadline && policy->lines[POLICY_KEY_LIMITS_TIME] == 0)
        policy->limits.time_ms = POLICY_NONE;
    for (size_t i = 0; i < source->setting_count; i++)
        if (!policy_set(policy, source->settings[i].key, source->settings[i].value, error))
            return false;
    return true;
}

static bool fail_policy(const pnf_source *source, const struct policy_error *below,
                        struct error_text *error)
{
    char place[64] = "";

    if (below->line != 0)
        snprintf(place, sizeof place, ":%u:%u", below->line, below->column);
    return error_text_set(error, PNF_DENIED, "policy %s%s: %s",
                          source->policy_path ? source->policy_path : "in memory", place,
                          below->message);
}

static bool guard(const pnf_source *source, const struct libexec *libexec,
                  const struct policy *policy, struct policy_error *error)
{
    if (source->policy_path && !policy_guard(policy, source->policy_path, "the policy", error))
        return false;
    return !libexec || (policy_guard(policy, libexec->launcher, "pinfold-launcher", error) &&
                        policy_guard(policy, libexec->worker, "pinfold-worker", error));
}

// `libexec` is NULL where nobody knows it.
static bool read_policy(const pnf_source *source, const struct libexec *libexec,
                        struct policy *policy, struct error_text *error)
{
    struct policy_error below = {.message = ""};

    policy_init(policy);
    if (source->policy_path
            ? !policy_from_file(source->policy_path, policy, &below)
            : source->policy_text &&
                  !policy_from_text(source->policy_text, source->policy_size, policy, &below))
        return fail_policy(source, &below, error);
    if (apply_settings(source, policy, &below) && guard(source, libexec, policy, &below))
        return true;
    // A place is that of a grant in the policy's text.
    return below.line != 0 ? fail_policy(source, &below, error)
                           : error_text_set(error, PNF_USAGE, "setting %s", below.message);
}

// What the application gives itself; without a file if it gives bytes.
static bool add_links(const pnf_source *source, struct policy *policy, struct error_text *error)
{
    for (size_t i = 0; i < source->link_count; i++) {
        const pnf_link *given = &source->links[i];
        struct policy_error below = {.message = ""};
        struct policy_link link = {.line = 0};

        if (!given->name || !given->path == !given->module)
            return error_text_set(error, PNF_USAGE,
                                  "cannot load a plugin: a library needs a name, and either a path "
                                  "or bytes");
        if (!policy_link_set_name(policy, &link, given->name, strlen(given->name), &below) ||
            (given->path && !policy_link_set_file(policy, &link, NULL, given->path,
                                                  strlen(given->path), &below)) ||
            !policy_link_add(policy, &link, &below))
            return error_text_set(error, PNF_USAGE, "cannot load a plugin: %s", below.message);
    }
    return true;
}

// The policy's name for the plugin, or the module file's own, which is then argument 0 as well.
static void name_plugin(pnf_plugin *plugin, const pnf_source *source)
{
    const char *name = policy_text(&plugin->policy, plugin->policy.name);
    const char *path = source->name ? source->name : source->module_path ? source->module_path : "";
    const char *slash = strrchr(path, '/');
    struct error ignored = {.code = ERROR_NONE};
    char *suffix;

    if (name[0] != '\0') {
        policy_show(plugin->name, sizeof plugin->name, name);
        return;
    }
    policy_show(plugin->name, sizeof plugin->name, slash && !source->name ? slash + 1 : path);
    suffix = strstr(plugin->name, ".wasm");
    if (suffix && suffix != plugin->name && suffix[5] == '\0')
        *suffix = '\0';
    if (policy_is_plugin_name(plugin->name, strlen(plugin->name)) &&
        !policy_add_text(&plugin->policy, plugin->name, strlen(plugin->name), &plugin->policy.name,
                         &ignored))
        plugin->policy.name = (struct policy_string){0, 0}; // no room: it stays without
}

// The filter for a policy's grants; made once for each kind.
static bool find_filter(pnf_host *host, const struct policy *policy, int *filter,
                        struct error_text *error)
{
    struct filter_options options = {
        .clock = policy->wasi_clock != POLICY_WASI_CLOCK_NONE,
        .random = policy->wasi_random != POLICY_WASI_RANDOM_NONE,
        .files = policy->dir_count > 0,
        .files_write = policy_may_write(policy),
    };
    int *cached = &host->filters[(options.clock ? 1 : 0) + (options.random ? 2 : 0) +
                                 (options.files ? 4 : 0) + (options.files_write ? 8 : 0)];
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

// Files get the lowest free descriptors. Where a libc would write its last words there are none:
// the module's is there as well, which nothing writes.
static void allow_files(const struct policy *policy, const struct module *module,
                        struct launcher_start *start)
{
    struct rlimit own;

    start->slots[START_SLOT_STDIN] = module->fd;
    start->slots[START_SLOT_STDOUT] = module->fd;
    start->slots[START_SLOT_STDERR] = module->fd;
    start->options.descriptors_max = START_SLOT_COUNT + (uint32_t)policy->limits.open_files;
    // As large as the application's own: a limit that it has cannot be raised again.
    if (policy_may_write(policy) && getrlimit(RLIMIT_FSIZE, &own) == 0)
        start->options.file_bytes_max = own.rlim_cur;
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
    if (policy->dir_count > 0)
        allow_files(policy, module, &start);
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

// Starts a worker and lets `way` bring the module as far as it is wanted.
static bool run_session(pnf_plugin *plugin, const struct module *module, session_way *way,
                        struct error_text *error)
{
    struct session_setup setup = {
        .policy = &plugin->policy,
        .registry = &plugin->host->registry,
        .monitor = &plugin->host->monitor,
        .module_size = plugin->module_size,
        .libraries = plugin->libraries,
        .library_count = plugin->library_count,
        .wait_end = wait_end,
        .log = log_line,
        .context = plugin,
        .plugin = plugin,
        .name = plugin->name,
    };

    if (!session_init(&plugin->session, error) || !start_worker(plugin, module, error))
        return false;
    setup.pidfd = plugin->worker.pidfd;
    setup.socket = plugin->worker.socket;
    return session_begin(&plugin->session, &setup, error) && way(&plugin->session, error);
}

static bool check_source(const pnf_source *source, struct error_text *error)
{
    if (!source->module_path == !source->module)
        return error_text_set(error, PNF_USAGE,
                              "cannot load a plugin: it needs either a path or bytes");
    if (source->policy_path && source->policy_text)
        return error_text_set(error, PNF_USAGE,
                              "cannot load a plugin: its policy has both a path and a text");
    return true;
}

// Says which library an error is about.
static bool fail_library(const char *name, const struct error_text *below, struct error_text *error)
{
    if (error->status == PNF_OK) {
        memcpy(error->capability, below->capability, sizeof error->capability);
        memcpy(error->hint, below->hint, sizeof error->hint);
    }
    return error_text_set(error, below->status, "library '%s': %.4000s", name, below->text);
}

// The bytes of libraries that the application gives are those of the last ones.
static bool add_library(pnf_plugin *plugin, const pnf_source *source, uint32_t index,
                        struct module *module, struct error_text *error)
{
    const struct policy_link *link = &plugin->policy.links[index];
    struct report_library *library = &plugin->libraries[index];
    uint32_t first = plugin->policy.link_count - (uint32_t)source->link_count;
    const pnf_link *given = index >= first ? &source->links[index - first] : NULL;
    struct error_text below;

    error_text_init(&below);
    snprintf(library->name, sizeof library->name, "%s", policy_text(&plugin->policy, link->name));
    if (!(given && given->module
              ? module_add_bytes(module, given->module, given->module_size, &below)
              : module_add_file(module, policy_text(&plugin->policy, link->file), &below)) ||
        !module_check_link_pin(module, link, &below))
        return fail_library(library->name, &below, error);
    library->offset = module->offset;
    library->size = module->size - module->offset;
    plugin->library_count++;
    return true;
}

// All modules in one piece of memory, the plugin's own first.
static bool collect(pnf_plugin *plugin, const pnf_source *source, bool linked,
                    struct module *module, struct error_text *error)
{
    if (!module_create(module, error) ||
        !(source->module ? module_add_bytes(module, source->module, source->module_size, error)
                         : module_add_file(module, source->module_path, error)) ||
        !module_check_pin(module, &plugin->policy, error))
        return false;
    plugin->module_size = module->size;
    for (uint32_t i = 0; linked && i < plugin->policy.link_count; i++) {
        if (!add_library(plugin, source, i, module, error))
            return false;
    }
    return module_seal(module, error);
}

// Nothing of a module that is looked at runs: unless a policy says otherwise, proposals are on.
static void switch_proposals_on(struct policy *policy)
{
    enum policy_key section = POLICY_KEY_FEATURES;

    for (uint64_t choice = POLICY_CHOICE_INVALID + 1; choice < POLICY_CHOICE_COUNT; choice++) {
        const struct policy_choice_info *info = policy_choice_info(choice);

        if (policy_key_parent(info->key) == section && strcmp(info->word, "on") == 0)
            policy_key_write(info->key, policy, choice);
    }
}

static bool bring(pnf_plugin *plugin, const pnf_source *source, session_way *way,
                  struct error_text *error)
{
    struct module module = {.fd = -1};
    bool linked = way == session_load; // to look at a module, others are of no use
    bool brought;

    if (!check_source(source, error) ||
        !read_policy(source, &plugin->host->libexec, &plugin->policy, error) ||
        (linked && !add_links(source, &plugin->policy, error)))
        return false;
    if (way == session_inspect && !source->policy_path && !source->policy_text &&
        source->setting_count == 0)
        switch_proposals_on(&plugin->policy);
    name_plugin(plugin, source);
    brought =
        collect(plugin, source, linked, &module, error) && run_session(plugin, &module, way, error);
    module_close(&module);
    return brought;
}

// A plugin that is in no list yet; NULL with an error.
static pnf_plugin *make_plugin(pnf_host *host, const pnf_source *source, session_way *way,
                               struct error_text *error)
{
    pnf_plugin *plugin = calloc(1, sizeof *plugin);

    if (!plugin) {
        error_text_set(error, PNF_SYSTEM, "cannot load a plugin: out of memory");
        return NULL;
    }
    plugin->host = host;
    plugin->worker.pidfd = -1;
    plugin->worker.socket = -1;
    pthread_mutex_init(&plugin->lock, NULL);
    if (bring(plugin, source, way, error))
        return plugin;
    error_text_name(error->plugin, plugin->name, strlen(plugin->name));
    api_plugin_destroy(plugin);
    return NULL;
}

pnf_status pnf_load_from(pnf_host *host, const pnf_source *source, pnf_plugin **plugin)
{
    int before = errno;
    struct error_text error;
    pnf_plugin *made = NULL;

    error_text_init(&error);
    if (plugin)
        *plugin = NULL;
    if (!host || !plugin || !source)
        error_text_set(&error, PNF_USAGE, "cannot load a plugin: %s",
                       !host     ? "the host is NULL"
                       : !plugin ? "no place for it was given"
                                 : "the source is NULL");
    else if (registry_check(&host->registry, &error))
        made = make_plugin(host, source, session_load, &error);
    if (made) {
        pthread_mutex_lock(&host->lock);
        made->next = host->plugins;
        host->plugins = made;
        pthread_mutex_unlock(&host->lock);
        *plugin = made;
    }
    return api_finish(&error, before);
}

pnf_status pnf_load(pnf_host *host, const char *module_path, const char *policy_path,
                    pnf_plugin **plugin)
{
    pnf_source source = {.module_path = module_path, .policy_path = policy_path};

    return pnf_load_from(host, &source, plugin);
}

pnf_status pnf_load_bytes(pnf_host *host, const char *name, const void *module, size_t module_size,
                          const char *policy_text_, size_t policy_size, pnf_plugin **plugin)
{
    pnf_source source = {
        .name = name ? name : "plugin",
        .module = module,
        .module_size = module_size,
        .policy_text = policy_text_,
        .policy_size = policy_size,
    };

    return pnf_load_from(host, &source, plugin);
}

pnf_status pnf_inspect(pnf_host *host, const pnf_source *source, pnf_module **module)
{
    int before = errno;
    struct error_text error;
    pnf_plugin *made;

    error_text_init(&error);
    if (module)
        *module = NULL;
    if (!host || !module || !source) {
        error_text_set(&error, PNF_USAGE, "cannot inspect a module: %s is NULL",
                       !host     ? "the host"
                       : !module ? "the place for it"
                                 : "the source");
    } else if ((made = make_plugin(host, source, session_inspect, &error)) != NULL) {
        *module = inspection_make(made->session.report, made->session.report_size, &error);
        api_plugin_destroy(made);
    }
    return api_finish(&error, before);
}

const pnf_module *pnf_plugin_module(pnf_plugin *plugin)
{
    int before = errno;
    struct error_text error;

    error_text_init(&error);
    if (!plugin)
        return NULL;
    pthread_mutex_lock(&plugin->lock);
    if (!plugin->module)
        plugin->module =
            inspection_make(plugin->session.report, plugin->session.report_size, &error);
    pthread_mutex_unlock(&plugin->lock);
    api_finish(&error, before);
    return plugin->module;
}

pnf_status pnf_policy_check(const char *policy_path)
{
    int before = errno;
    struct error_text error;
    pnf_source source = {.policy_path = policy_path};
    struct policy *policy = malloc(sizeof *policy);
    struct error_text ignored;
    struct libexec libexec;
    bool found;

    error_text_init(&error);
    error_text_init(&ignored);
    found = libexec_find(NULL, &libexec, &ignored);
    if (!policy_path)
        error_text_set(&error, PNF_USAGE, "cannot check a policy: its path is NULL");
    else if (!policy)
        error_text_set(&error, PNF_SYSTEM, "cannot check a policy: out of memory");
    else
        read_policy(&source, found ? &libexec : NULL, policy, &error);
    free(policy);
    return api_finish(&error, before);
}
