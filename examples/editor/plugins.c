// SPDX-License-Identifier: Apache-2.0
#include "examples/editor/plugins.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Every plugin of the editor has this. What it returns is "", or what was wrong with its arguments.
#define RUN "run(first: u32, last: u32, arguments: str) -> str"

enum { NAME_SIZE = 64, PATH_SIZE = 4096 };

struct loaded {
    struct loaded *next;
    pnf_plugin *plugin;
    char name[NAME_SIZE];
};

bool plugins_open(struct plugins *plugins, const char *folder)
{
    *plugins = (struct plugins){.folder = folder};
    pthread_mutex_init(&plugins->lock, NULL);
    return pnf_host_open(NULL, &plugins->host) == PNF_OK &&
           pnf_expect(plugins->host, RUN) == PNF_OK;
}

static void drop(struct loaded **at)
{
    struct loaded *loaded = *at;

    *at = loaded->next;
    pnf_unload(loaded->plugin);
    free(loaded);
}

void plugins_close(struct plugins *plugins)
{
    while (plugins->loaded)
        drop(&plugins->loaded);
    pnf_host_close(plugins->host);
    pthread_mutex_destroy(&plugins->lock);
}

// --- files ---------------------------------------------------------------------------------------

// Names are letters, digits, '_' and '-', so that none leads out of the folder.
static bool find_file(const struct plugins *plugins, const char *name, const char *ending,
                      char path[PATH_SIZE])
{
    int length = snprintf(path, PATH_SIZE, "%s/%s%s", plugins->folder, name, ending);

    return strlen(name) < NAME_SIZE && length > 0 && length < PATH_SIZE;
}

bool plugins_has(const struct plugins *plugins, const char *name)
{
    char path[PATH_SIZE];

    return plugins->folder && find_file(plugins, name, ".wasm", path) && access(path, F_OK) == 0;
}

void plugins_list(const struct plugins *plugins)
{
    struct dirent **entries = NULL;
    int count = plugins->folder ? scandir(plugins->folder, &entries, NULL, alphasort) : 0;

    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;
        size_t length = strlen(name);

        if (length > 5 && strcmp(name + length - 5, ".wasm") == 0)
            printf("  %.*s\n", (int)length - 5, name);
        free(entries[i]);
    }
    free(entries);
}

// --- calls ---------------------------------------------------------------------------------------

// Where the plugin is, or else the end of the list.
static struct loaded **find(struct plugins *plugins, const char *name)
{
    struct loaded **at = &plugins->loaded;

    while (*at && strcmp((*at)->name, name) != 0)
        at = &(*at)->next;
    return at;
}

static bool load(struct plugins *plugins, const char *name, struct loaded **at)
{
    char module[PATH_SIZE];
    char policy[PATH_SIZE];
    pnf_plugin *plugin;

    if (!find_file(plugins, name, ".wasm", module) || !find_file(plugins, name, ".yaml", policy) ||
        pnf_load(plugins->host, module, policy, &plugin) != PNF_OK)
        return false;
    *at = calloc(1, sizeof **at);
    if (!*at) {
        pnf_unload(plugin);
        return false;
    }
    (*at)->plugin = plugin;
    snprintf((*at)->name, NAME_SIZE, "%s", name);
    return true;
}

static void set_running(struct plugins *plugins, pnf_plugin *plugin)
{
    pthread_mutex_lock(&plugins->lock);
    plugins->running = plugin;
    pthread_mutex_unlock(&plugins->lock);
}

bool plugins_run(struct plugins *plugins, const struct plugins_call *call, char *problem,
                 size_t size)
{
    struct loaded **at = find(plugins, call->name);
    pnf_bytes answer = {.length = 0};
    pnf_status status;

    if (!*at && !load(plugins, call->name, at)) {
        snprintf(problem, size, "%s", pnf_error_text());
        return false;
    }
    set_running(plugins, (*at)->plugin);
    status = pnf_call((*at)->plugin, RUN, call->first, call->last, call->arguments,
                      strlen(call->arguments), &answer);
    set_running(plugins, NULL);
    if (status == PNF_OK) {
        snprintf(problem, size, "%s: %.*s", call->name, (int)answer.length,
                 (const char *)answer.data);
        return answer.length == 0;
    }
    // Copied before anything else is called, which has an error text of its own.
    snprintf(problem, size, "%s", pnf_error_text());
    drop(at);
    return false;
}

void plugins_cancel(struct plugins *plugins)
{
    pthread_mutex_lock(&plugins->lock);
    if (plugins->running)
        pnf_cancel(plugins->running);
    pthread_mutex_unlock(&plugins->lock);
}
