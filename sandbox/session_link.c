// SPDX-License-Identifier: Apache-2.0
//
// From the modules' bytes to what they import.
#include <stdio.h>
#include <string.h>

#include "sandbox/hostcall.h"
#include "sandbox/session_internal.h"

#define ABI_SECTION "pinfold.abi"

static const char reallocation[] = "cabi_realloc";

enum { ABI_VERSION = 1, ENGINE_OWN_BYTES = 3 * 1024 * 1024 };

// --- loading -------------------------------------------------------------------------------------

// Where each module is among the bytes that are mapped.
static bool take_modules(struct session *session, const struct session_message *start,
                         struct error *error)
{
    uint64_t size = start->message.words[1];
    uint32_t count;

    if (size > session->mapped_size)
        return error_set(error, ERROR_USAGE_ARGUMENT, 0,
                         "a module of %llu bytes in a mapping of %zu", (unsigned long long)size,
                         session->mapped_size);
    if (!report_take_libraries(start->bytes + sizeof session->policy,
                               start->length - sizeof session->policy, session->mapped_size,
                               session->libraries, &count, error))
        return false;
    session->modules[0] = (struct session_module){
        .name = "",
        .bytes = session->module_bytes,
        .size = (size_t)size,
    };
    for (uint32_t i = 0; i < count; i++)
        session->modules[i + 1] = (struct session_module){
            .name = session->libraries[i].name,
            .bytes = session->module_bytes + session->libraries[i].offset,
            .size = (size_t)session->libraries[i].size,
        };
    session->module_count = count + 1;
    return true;
}

static bool take_start(struct session *session, const struct session_message *start,
                       struct error *error)
{
    if (start->length < sizeof session->policy)
        return error_set(error, ERROR_USAGE_ARGUMENT, 0, "a policy of %zu bytes, not %zu",
                         start->length, sizeof session->policy);
    memcpy(&session->policy, start->bytes, sizeof session->policy);
    return policy_check(&session->policy, error) && take_modules(session, start, error);
}

// The proposals that the policy switches on.
static uint32_t features_of(const struct policy *policy)
{
    uint32_t features = 0;

    if (policy->features_custom_page_sizes == POLICY_FEATURES_CUSTOM_PAGE_SIZES_ON)
        features |= FEATURE_BIT(FEATURE_CUSTOM_PAGE_SIZES);
    if (policy->features_wide_arithmetic == POLICY_FEATURES_WIDE_ARITHMETIC_ON)
        features |= FEATURE_BIT(FEATURE_WIDE_ARITHMETIC);
    if (policy->features_threads == POLICY_FEATURES_THREADS_ON)
        features |= FEATURE_BIT(FEATURE_THREADS);
    return features;
}

static bool create_engine(struct session *session, size_t module_size, struct error *error)
{
    const struct policy *policy = &session->policy;
    struct engine_config config = {
        .metered = policy->limits.fuel != POLICY_NONE,
        .stack_bytes = policy->limits.stack_bytes,
        .memory_bytes_max = policy->limits.memory_bytes,
        .code_bytes_max = policy_engine_bytes(policy, module_size),
        .features = features_of(policy),
        .has_stack_low = policy->limits.stack_low != POLICY_NONE,
        .stack_low = policy->limits.stack_low,
        .relaxed_fast = policy->features_relaxed_simd == POLICY_FEATURES_RELAXED_SIMD_FAST,
    };

    if (!engine_create(&config, &session->engine, error))
        return false;
    if (config.metered)
        engine_set_fuel(session->engine, policy->limits.fuel);
    wasi_init(&session->wasi, policy, engine_store(session->engine), session_output, session_files,
              session);
    return true;
}

// The version of the guest ABI that a module is made for; absent means the first one.
static bool check_abi(const struct module *module, struct error *error)
{
    for (uint32_t i = 0; i < module->custom_count; i++) {
        const struct custom_section *custom = &module->customs[i];
        struct reader reader;
        uint32_t version;

        if (!name_is(custom->name, ABI_SECTION))
            continue;
        reader_init(&reader, custom->bytes, custom->size, custom->offset, error);
        version = reader_u32(&reader);
        if (reader.failed)
            return false;
        if (version < 1 || version > ABI_VERSION)
            return error_set(error, ERROR_UNSUPPORTED_ABI, custom->offset, "%u; Pinfold has %d",
                             version, ABI_VERSION);
    }
    return true;
}

// Of limits.engine messages get what the engine has no use for: a few MiB and six times the module
// are its own, or half of it where that is more than there is.
static void limit_scratch(struct session *session, size_t module_size)
{
    uint64_t bytes = policy_engine_bytes(&session->policy, module_size);
    uint64_t own = ENGINE_OWN_BYTES + POLICY_ENGINE_PER_MODULE * (uint64_t)module_size;
    uint64_t most = bytes - (own < bytes / 2 ? own : bytes / 2);

    if (most < session->scratch_max)
        session->scratch_max = (size_t)most;
}

// Of a proposal that is off: the line that would switch it on. Keys are called as features are.
static void explain_feature(struct error *error)
{
    const struct error plain = *error;
    const char *detail = strchr(plain.message, ':');
    char key[32];

    if (plain.code != ERROR_FEATURE_OFF)
        return;
    snprintf(key, sizeof key, "%s", feature_name((enum feature)plain.detail));
    for (char *space = key; (space = strchr(space, ' ')) != NULL;)
        *space = '_';
    error_clear(error);
    error_set(error, plain.code, plain.offset, "%s; write `%s: on` under features: in the policy",
              detail != NULL ? detail + 2 : key, key);
}

static bool load_module(struct session *session, uint32_t index, struct error *error)
{
    struct session_module *own = &session->modules[index];
    bool loaded = engine_load(session->engine, own->bytes, own->size, &own->module, error);

    if (!loaded)
        explain_feature(error);
    return (loaded && check_abi(own->module, error)) || session_blame(session, index, error);
}

static bool load(struct session *session, const struct session_message *start, struct error *error)
{
    size_t size = 0; // of all modules; what is mapped bounds each of them

    if (!session_whole(start, error) || !take_start(session, start, error))
        return false;
    for (uint32_t i = 0; i < session->module_count; i++)
        size += session->modules[i].size;
    session->frame_max = report_frame_max(session->policy.limits.memory_bytes);
    limit_scratch(session, size);
    if (!create_engine(session, size, error))
        return false;
    for (uint32_t i = 0; i < session->module_count; i++) {
        if (!load_module(session, i, error))
            return false;
        if (i == 0)
            engine_share_stack(session->engine, session->modules[0].module);
    }
    session_find_dynamic(session);
    return session_find_providers(session, error) && session_report(session, error);
}

bool session_load(struct session *session, const struct session_message *start)
{
    struct error error = {.code = ERROR_NONE};

    if (!load(session, start, &error))
        session_send_error(session, &error);
    return !session->over;
}

// --- linking -------------------------------------------------------------------------------------

// Dynamically linked modules have one memory, and the main one's allocator.
static bool exports_reallocation(const struct session *session, const struct session_module *own)
{
    const struct module *module = own->is_dynamic ? session->modules[0].module : own->module;

    for (uint32_t i = 0; i < module->export_count; i++) {
        if (name_is(module->exports[i].name, reallocation))
            return true;
    }
    return false;
}

// Results that are blocks are put into memory that the guest gives. A module is asked once, not for
// each import.
static bool can_return(const struct session *session, struct session_module *own,
                       const struct import *import, const struct plan *plan, struct error *error)
{
    if (!plan_kind_is_block(plan->result))
        return true;
    if (!own->has_reallocation)
        own->has_reallocation = exports_reallocation(session, own);
    return own->has_reallocation ||
           error_set(error, ERROR_USAGE_EXPORT, import->offset, "%s, which import %s needs",
                     reallocation, name_printed(import->name).text);
}

static valtype core_valtype(uint8_t code)
{
    switch (code) {
    case PLAN_CORE_F64:
        return VALTYPE_F64;
    case PLAN_CORE_F32:
        return VALTYPE_F32;
    case PLAN_CORE_I64:
        return VALTYPE_I64;
    default:
        return VALTYPE_I32;
    }
}

static bool define_host(struct session *session, const struct import *import, struct hostcall *call,
                        struct error *error)
{
    valtype types[PLAN_CORE_MAX + 1];
    struct host_type type = {.types = types};
    struct plan_core_type core;

    plan_core_type(&call->plan, &core);
    for (uint32_t i = 0; i < core.parameter_count; i++)
        types[i] = core_valtype(core.parameters[i]);
    types[core.parameter_count] = core_valtype(core.result);
    type.parameter_count = core.parameter_count;
    type.result_count = core.result_count;
    return engine_define_function(session->engine, import->module, import->name, type, hostcall,
                                  call, error);
}

// Whether the import is for the host or WASI to serve.
static bool is_served(const struct session_module *own, uint32_t index)
{
    return own->module->imports[index].kind == EXTERNAL_FUNCTION &&
           own->providers[index].library == 0;
}

bool session_define_imports(struct session *session, uint32_t index, struct error *error)
{
    const struct session_module *own = &session->modules[index];
    struct hostcall *call = &session->hostcalls[own->first_hostcall];

    for (uint32_t i = 0; i < own->module->import_count; i++) {
        const struct import *import = &own->module->imports[i];

        if (!is_served(own, i))
            continue;
        if (call->service == REPORT_HOST && !define_host(session, import, call, error))
            return false;
        if (call->service == REPORT_WASI &&
            !wasi_define(&session->wasi, session->engine, import->name, error))
            return false;
        call++;
    }
    return true;
}

static bool check_wasi(const struct import *import, struct error *error)
{
    if (!name_is(import->module, WASI_MODULE))
        return error_set(error, ERROR_USAGE_ARGUMENT, import->offset, "not an import of WASI's");
    if (wasi_find(import->name) == WASI_FUNCTION_COUNT)
        return error_set(error, ERROR_UNKNOWN_IMPORT, import->offset, "%s.%s", WASI_MODULE,
                         name_printed(import->name).text);
    return true;
}

// How the host says that an import is served.
static bool take_service(struct session *session, const struct session_message *link, size_t *at,
                         struct session_module *own, uint32_t index, struct error *error)
{
    struct hostcall *call = &session->hostcalls[session->hostcall_count];
    const struct import *import = &own->module->imports[index];

    *call = (struct hostcall){.session = session, .index = session->hostcall_count};
    session->hostcall_count++;
    if (!report_take_link(link->bytes, link->length, at, &call->service, &call->plan, error))
        return false;
    if (call->service == REPORT_HOST)
        plan_wire(&call->plan, &call->wire);
    return call->service == REPORT_WASI   ? check_wasi(import, error)
           : call->service == REPORT_HOST ? can_return(session, own, import, &call->plan, error)
                                          : true;
}

// What is absent is found missing by instantiation.
static bool take_services(struct session *session, const struct session_message *link,
                          struct error *error)
{
    size_t at = 0;

    for (uint32_t i = 0; i < session->module_count; i++) {
        struct session_module *own = &session->modules[i];

        own->first_hostcall = session->hostcall_count;
        for (uint32_t k = 0; k < own->module->import_count; k++) {
            if (is_served(own, k) && !take_service(session, link, &at, own, k, error))
                return session_blame(session, i, error);
        }
    }
    if (at != link->length || session->hostcall_count != link->message.words[1])
        return error_set(error, ERROR_USAGE_ARGUMENT, at, "link: not of these modules' imports");
    return true;
}

static enum outcome instantiate_modules(struct session *session, const struct session_message *link,
                                        struct trap *trap, struct error *error)
{
    struct store *store = engine_store(session->engine);
    size_t count = 0;

    for (uint32_t i = 0; i < session->module_count; i++)
        count += session->modules[i].module->imported_function_count;
    session->hostcalls = arena_array(&store->arena, count, sizeof *session->hostcalls);
    if (session->hostcalls == NULL) {
        error_set(error, ERROR_LIMIT_MEMORY, 0, "for imports");
        return OUTCOME_ERROR;
    }
    if (session->unlinkable.code != ERROR_NONE) {
        *error = session->unlinkable;
        return OUTCOME_ERROR;
    }
    if (!session_whole(link, error) || !session_check_modules(session, error) ||
        !take_services(session, link, error))
        return OUTCOME_ERROR;
    return session_start_modules(session, trap, error);
}

bool session_instantiate(struct session *session, const struct session_message *link)
{
    struct error error = {.code = ERROR_NONE};
    struct trap trap = {.code = TRAP_NONE};

    switch (instantiate_modules(session, link, &trap, &error)) {
    case OUTCOME_OK:
        session_send(session, MESSAGE_LOADED, 0, NULL);
        break;
    case OUTCOME_TRAP:
        session_send_trap(session, &trap);
        break;
    case OUTCOME_ERROR:
        session_send_error(session, &error);
        break;
    }
    return !session->over;
}
