// SPDX-License-Identifier: Apache-2.0
//
// From the module's bytes to an instance.
#include <stdio.h>
#include <string.h>

#include "sandbox/hostcall.h"
#include "sandbox/session_internal.h"

#define ABI_SECTION "pinfold.abi"

enum { ABI_VERSION = 1, ENGINE_OWN_BYTES = 3 * 1024 * 1024, ENGINE_OWN_PER_MODULE = 6 };

// --- loading -------------------------------------------------------------------------------------

static bool take_policy(struct session *session, const struct session_message *start,
                        struct error *error)
{
    if (start->length != sizeof session->policy)
        return error_set(error, ERROR_USAGE_ARGUMENT, 0, "a policy of %zu bytes, not %zu",
                         start->length, sizeof session->policy);
    memcpy(&session->policy, start->bytes, sizeof session->policy);
    return policy_check(&session->policy, error);
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

        if (custom->name.length != sizeof ABI_SECTION - 1 ||
            memcmp(custom->name.bytes, ABI_SECTION, sizeof ABI_SECTION - 1) != 0)
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
    uint64_t own = ENGINE_OWN_BYTES + ENGINE_OWN_PER_MODULE * (uint64_t)module_size;
    uint64_t most = bytes - (own < bytes / 2 ? own : bytes / 2);

    if (most < session->scratch_max)
        session->scratch_max = (size_t)most;
}

// A proposal that is off: the line that would switch it on. Keys are called as features are.
static bool explain_feature(struct error *error)
{
    const struct error plain = *error;
    const char *detail = strchr(plain.message, ':');
    char key[32];

    if (plain.code != ERROR_FEATURE_OFF)
        return false;
    snprintf(key, sizeof key, "%s", feature_name((enum feature)plain.detail));
    for (char *space = key; (space = strchr(space, ' ')) != NULL;)
        *space = '_';
    error_clear(error);
    return error_set(error, plain.code, plain.offset,
                     "%s; write `%s: on` under features: in the policy",
                     detail != NULL ? detail + 2 : key, key);
}

static bool load(struct session *session, const struct session_message *start, struct error *error)
{
    uint64_t size = start->message.words[1];

    if (size > session->module_size)
        return error_set(error, ERROR_USAGE_ARGUMENT, 0,
                         "a module of %llu bytes in a mapping of %zu", (unsigned long long)size,
                         session->module_size);
    if (!session_whole(start, error) || !take_policy(session, start, error))
        return false;
    session->frame_max = report_frame_max(session->policy.limits.memory_bytes);
    limit_scratch(session, (size_t)size);
    if (!create_engine(session, (size_t)size, error))
        return false;
    if (!engine_load(session->engine, session->module_bytes, (size_t)size, &session->module, error))
        return explain_feature(error);
    return check_abi(session->module, error) && session_report(session, error);
}

bool session_load(struct session *session, const struct session_message *start)
{
    struct error error = {.code = ERROR_NONE};

    if (!load(session, start, &error))
        session_send_error(session, &error);
    return !session->over;
}

// --- linking -------------------------------------------------------------------------------------

// Results that are blocks are put into memory that the guest gives.
static bool can_return(const struct module *module, const struct import *import,
                       const struct plan *plan, struct error *error)
{
    static const char name[] = "cabi_realloc";

    if (!plan_kind_is_block(plan->result))
        return true;
    for (uint32_t i = 0; i < module->export_count; i++) {
        const struct name *exported = &module->exports[i].name;

        if (exported->length == sizeof name - 1 &&
            memcmp(exported->bytes, name, sizeof name - 1) == 0)
            return true;
    }
    return error_set(error, ERROR_USAGE_EXPORT, import->offset, "%s, which import %.*s needs", name,
                     (int)(import->name.length < 64 ? import->name.length : 64),
                     (const char *)import->name.bytes);
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

static bool define_host(struct session *session, const struct import *import,
                        const struct plan *plan, struct error *error)
{
    struct hostcall *call = &session->hostcalls[import->index];
    valtype types[PLAN_CORE_MAX + 1];
    struct host_type type = {.types = types};
    struct plan_core_type core;

    *call = (struct hostcall){.session = session, .plan = *plan, .index = import->index};
    plan_wire(plan, &call->wire);
    plan_core_type(plan, &core);
    for (uint32_t i = 0; i < core.parameter_count; i++)
        types[i] = core_valtype(core.parameters[i]);
    types[core.parameter_count] = core_valtype(core.result);
    type.parameter_count = core.parameter_count;
    type.result_count = core.result_count;
    return can_return(session->module, import, plan, error) &&
           engine_define_function(session->engine, import->module, import->name, type, hostcall,
                                  call, error);
}

static bool define_wasi(struct session *session, const struct import *import, struct error *error)
{
    static const char module[] = WASI_MODULE;

    if (import->module.length != sizeof module - 1 ||
        memcmp(import->module.bytes, module, sizeof module - 1) != 0)
        return error_set(error, ERROR_USAGE_ARGUMENT, import->offset, "not an import of WASI's");
    return wasi_define(&session->wasi, session->engine, import->name, error);
}

// Makes importable what the host says. What is absent is found missing by instantiation.
static bool define_imports(struct session *session, const struct session_message *link,
                           struct error *error)
{
    const struct module *module = session->module;
    size_t at = 0;
    uint64_t count = 0;

    for (uint32_t i = 0; i < module->import_count; i++) {
        const struct import *import = &module->imports[i];
        enum report_service service;
        struct plan plan;

        if (import->kind != EXTERNAL_FUNCTION)
            continue;
        if (!report_take_link(link->bytes, link->length, &at, &service, &plan, error))
            return false;
        count++;
        if (service == REPORT_HOST && !define_host(session, import, &plan, error))
            return false;
        if (service == REPORT_WASI && !define_wasi(session, import, error))
            return false;
    }
    if (at != link->length || count != link->message.words[1])
        return error_set(error, ERROR_USAGE_ARGUMENT, at, "link: not of this module's imports");
    return true;
}

// The host has refused already what it could see to be too many.
static bool check_memories(const struct session *session, struct error *error)
{
    uint32_t count = session->module->memory_count;
    uint64_t most = session->policy.limits.memories;

    return count <= most ||
           error_set(error, ERROR_LIMIT_COUNT, 0, "%u linear memories; limits.memories is %llu",
                     count, (unsigned long long)most);
}

static enum outcome instantiate_module(struct session *session, const struct session_message *link,
                                       struct trap *trap, struct error *error)
{
    struct store *store = engine_store(session->engine);

    session->hostcall_count = session->module->imported_function_count;
    session->hostcalls =
        arena_array(&store->arena, session->hostcall_count, sizeof *session->hostcalls);
    if (session->hostcalls == NULL) {
        error_set(error, ERROR_LIMIT_MEMORY, 0, "for imports");
        return OUTCOME_ERROR;
    }
    if (!session_whole(link, error) || !check_memories(session, error) ||
        !define_imports(session, link, error))
        return OUTCOME_ERROR;
    return engine_instantiate(session->engine, session->module, &session->instance, trap, error);
}

bool session_instantiate(struct session *session, const struct session_message *link)
{
    struct error error = {.code = ERROR_NONE};
    struct trap trap = {.code = TRAP_NONE};

    switch (instantiate_module(session, link, &trap, &error)) {
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
