// SPDX-License-Identifier: Apache-2.0
//
// Pinfold for applications: load a plugin, call it, be called by it. A plugin is a WebAssembly
// module that runs in a confined process of its own, under a policy; nothing that it does reaches
// the application but through the functions that the application offers.
//
//   host    what the application offers: functions, settings; thread-safe
//   plugin  a loaded one; one caller at a time (PNF_BUSY), different plugins in parallel
//
// Ownership in one line: the caller owns what it passes; a plugin owns results until the next call
// on it. No function exits, aborts, touches errno for its callers, installs signal handlers or
// changes descriptors that are not its own.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PNF_API __attribute__((visibility("default")))

// How a call ended. The command line's exit statuses belong to the same rows (pinfold_status.def).
typedef enum pnf_status {
#define PNF_STATUS(NAME_, exit_status_, words_) PNF_##NAME_,
#include <pinfold_status.def>
#undef PNF_STATUS
    PNF_STATUS_COUNT
} pnf_status;

typedef struct pnf_host pnf_host;
typedef struct pnf_plugin pnf_plugin;
typedef struct pnf_export pnf_export;
typedef struct pnf_context pnf_context;

// Bytes or text; of `str`, UTF-8. Not closed by NUL.
typedef struct pnf_bytes {
    const uint8_t *data;
    size_t length;
} pnf_bytes;

// Zero is a good value for each field.
typedef struct pnf_options {
    const char *libexec; // folder of the worker programs; NULL: PINFOLD_LIBEXEC (unless setuid),
                         // else beside the library, else as installed
    void (*log)(void *context, const char *plugin, int level, const char *text); // NULL: no log
    void *log_context;
} pnf_options;

// What is known about the calling thread's last error, whatever the object. Texts are "" where they
// do not apply, and live until the thread's next call.
typedef struct pnf_error {
    pnf_status status;
    const char *text;   // all of it, for people
    const char *plugin; // its name
    const char *export_name;
    const char *function;   // host function
    const char *capability; // what a policy would have to grant
    const char *hint;       // the line that would grant it
    uint64_t offset;        // in the module, of what is malformed, invalid, or trapped
    uint32_t funcidx;       // of a trap; UINT32_MAX where not known
    uint32_t exit_status;   // of PNF_EXITED: the guest's own
} pnf_error;

// --- the host ---

// `options` may be NULL. Starts the launcher of confined processes.
PNF_API pnf_status pnf_host_open(const pnf_options *options, pnf_host **host);

// Ends all plugins of the host. Takes NULL. No call on it or its plugins may be under way.
PNF_API void pnf_host_close(pnf_host *host);

// Any C function.
typedef void (*pnf_native)(void);
#define PNF_NATIVE(function_) ((pnf_native)(function_))

// Offers a natural C function to plugins: "module.name(param: type, ...) -> type"; sdk/README.md
// has the types. A leading @ctx parameter receives a pnf_context *. `context` is for
// pnf_context_user. A failure is remembered and reported again by the next pnf_load.
PNF_API pnf_status pnf_host_function(pnf_host *host, const char *signature, pnf_native function,
                                     void *context);

// Announces that every plugin loaded from now on must have this export.
PNF_API pnf_status pnf_expect(pnf_host *host, const char *signature);

// --- plugins ---

// Loads a module under a policy file (NULL: the default policy, which grants nothing). Everything
// that is missing or denied is in the error, before any of the guest's code has run.
PNF_API pnf_status pnf_load(pnf_host *host, const char *module_path, const char *policy_path,
                            pnf_plugin **plugin);

// One key of a policy given beside it, as a command line's option does: {"limits.time", "500ms"}.
// Numbers and words replace what the policy says; wasi.args, wasi.env (NAME=VALUE), host_functions,
// wasi.dirs and link add to it. A directory is HOST::GUEST, :read or :write behind it; a relative
// HOST begins in the working directory, and the first "::" ends it. A library is NAME=FILE.
typedef struct pnf_setting {
    const char *key;
    const char *value;
} pnf_setting;

// A library that the plugin is linked with: what a module imports from `name`, and the library
// exports, is linked. All run in one worker under the plugin's policy.
typedef struct pnf_link {
    const char *name;   // letters, digits, '.', '_' and '-', at most 64; each library its own
    const char *path;   // either this
    const void *module; // or these bytes
    size_t module_size;
} pnf_link;

// Where a plugin comes from. Zero is a good value for each field but the module's.
typedef struct pnf_source {
    const char *module_path; // either this
    const void *module;      // or these bytes
    size_t module_size;
    const char *name;        // for messages, where the policy has none; NULL: the file's
    const char *policy_path; // either this
    const char *policy_text; // or this YAML, relative paths in it beginning in the working
                             // directory; neither: the default, which grants nothing
    size_t policy_size;
    const pnf_setting *settings;
    size_t setting_count;
    bool no_deadline;      // limits.time is none unless the policy or a setting says otherwise
    const pnf_link *links; // in this order, behind those of policy and settings; each may import
                           // from those in front of it. Not for pnf_inspect
    size_t link_count;
} pnf_source;

PNF_API pnf_status pnf_load_from(pnf_host *host, const pnf_source *source, pnf_plugin **plugin);

// The same, from memory; `name` is for messages.
PNF_API pnf_status pnf_load_bytes(pnf_host *host, const char *name, const void *module,
                                  size_t module_size, const char *policy_text, size_t policy_size,
                                  pnf_plugin **plugin);

// Checks a policy file, as pnf_load would.
PNF_API pnf_status pnf_policy_check(const char *policy_path);

// Ends the plugin. Takes NULL. Not from within one of its host functions, where it does nothing.
PNF_API void pnf_unload(pnf_plugin *plugin);

// Calls an export: "name(param: type, ...) -> type", then the arguments as C passes them, then, if
// there is a result, a pointer for it. PNF_BUSY if another thread is in the plugin; PNF_LIMIT, and
// the plugin goes on, if the arguments are too large (sdk/README.md).
PNF_API pnf_status pnf_call(pnf_plugin *plugin, const char *signature, ...);

// A prepared export saves the look-up and the parse. Owned by the plugin.
PNF_API pnf_status pnf_prepare(pnf_plugin *plugin, const char *signature, pnf_export **prepared);
PNF_API pnf_status pnf_call_export(pnf_export *prepared, ...);

// Ends what the plugin is doing, from any thread: its call returns PNF_CANCELLED.
PNF_API void pnf_cancel(pnf_plugin *plugin);

// What the plugin wrote to stdout and stderr, where the policy says `capture`. Owned by the plugin
// until the next call on it.
PNF_API pnf_bytes pnf_output(pnf_plugin *plugin);

// Whether all that it wrote was taken: PNF_LIMIT after more than limits.output, PNF_SYSTEM where it
// could not be written. The guest was told, too.
PNF_API pnf_status pnf_output_check(pnf_plugin *plugin);

// --- what is in a module ---

typedef struct pnf_module pnf_module;

typedef enum pnf_part {
    PNF_PART_IMPORT,
    PNF_PART_EXPORT,
    PNF_PART_MEMORY, // of the index space, imported ones too
    PNF_PART_DATA,   // memory 0's regions "data", "bss", "stack", "heap", as far as they are known
    PNF_PART_SECTION // in the order of the file
} pnf_part;

// What does not apply is zero or "". Names are the module's: any UTF-8, not to be trusted.
typedef struct pnf_item {
    pnf_part part;
    const char *kind; // "function", "table", "memory", "global", "tag"; "custom", "code", ...
    pnf_bytes module; // of imports
    pnf_bytes name;   // of imports, exports and custom sections
    const char *type; // "(i32, i32) -> i64", "mut i32", "2 to 16 pages"
    uint64_t minimum; // pages or elements
    uint64_t maximum; // pages or elements; UINT64_MAX: none is given
    uint64_t address; // of sections in the file, of data in the memory
    uint64_t size;    // in bytes
    bool has_value;
    uint64_t value; // of a global at first
    // Of the stack: what tells its lower end, so that going below it traps: "__stack_low",
    // "__data_end", "stack first" (it stands before all data) or "limits.stack_low". "" where
    // nothing does: then `address` is a guess, and a stack that overflows overwrites data unseen.
    const char *evidence;
} pnf_item;

// Has a confined worker decode and validate a module, none of which ever runs. Without a policy in
// or settings in the source no feature that Pinfold has is off. Free it.
PNF_API pnf_status pnf_inspect(pnf_host *host, const pnf_source *source, pnf_module **module);

// The same of a loaded plugin, which owns it. NULL only if memory is short.
PNF_API const pnf_module *pnf_plugin_module(pnf_plugin *plugin);

PNF_API void pnf_module_free(pnf_module *module);
PNF_API size_t pnf_module_count(const pnf_module *module);
// NULL from the count on.
PNF_API const pnf_item *pnf_module_item(const pnf_module *module, size_t index);
// What of WebAssembly the module uses beyond 1.0, by the names of its proposals; NULL after the
// last.
PNF_API const char *pnf_module_feature(const pnf_module *module, size_t index);

// --- inside a host function with @ctx ---

PNF_API pnf_plugin *pnf_context_plugin(pnf_context *context);
PNF_API void *pnf_context_user(pnf_context *context);
// Nanoseconds until the call's deadline; UINT64_MAX without one, 0 when it is over.
PNF_API uint64_t pnf_context_time_left(pnf_context *context);
// Makes the guest's call trap with this text, once the host function returns.
PNF_API void pnf_context_fail(pnf_context *context, const char *text);

// --- errors ---

PNF_API const char *pnf_error_text(void);
PNF_API const pnf_error *pnf_last_error(void);
PNF_API const char *pnf_status_words(pnf_status status);

#ifdef __cplusplus
}
#endif
