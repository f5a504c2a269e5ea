// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "sandbox/session_internal.h"

enum { REALLOC_PARAMETERS = 4 };

static struct instance *guest(const struct session *session)
{
    return engine_caller(engine_store(session->engine));
}

static const struct memory *guest_memory(const struct session *session)
{
    const struct instance *instance = guest(session);

    if (instance == NULL || instance->module->memory_count == 0)
        return NULL;
    return instance->memories[0];
}

uint8_t *session_memory(const struct session *session, uint64_t address, uint64_t length)
{
    const struct memory *memory = guest_memory(session);

    if (memory == NULL || !memory_contains(memory, address, length))
        return NULL;
    return memory->base + address;
}

bool session_text_length(const struct session *session, uint32_t address, uint64_t *length)
{
    const struct memory *memory = guest_memory(session);
    const uint8_t *text;
    const uint8_t *end;
    uint64_t most;

    if (memory == NULL || address >= memory->size_bytes)
        return false;
    most = memory->size_bytes - address;
    if (most > session->frame_max)
        most = session->frame_max;
    text = memory->base + address;
    end = memchr(text, 0, most);
    *length = end != NULL ? (uint64_t)(end - text) : most;
    return end != NULL || most == session->frame_max;
}

// --- cabi_realloc --------------------------------------------------------------------------------

// A function of the guest's own: one of the host's, exported again, would call itself for its
// result.
static bool is_reallocation(const struct session *session, const struct function *function)
{
    const struct deftype *type = type_at(&engine_store(session->engine)->types, function->type);

    if (function->instance == NULL || type->parameter_count != REALLOC_PARAMETERS ||
        type->result_count != 1)
        return false;
    for (uint32_t i = 0; i <= REALLOC_PARAMETERS; i++) {
        if (type->types[i] != VALTYPE_I32)
            return false;
    }
    return true;
}

const struct function *session_reallocation(struct session *session)
{
    struct instance *instance = guest(session);
    struct session_module *own = &session->modules[session_module_of(session, instance)];
    struct external external;

    if (own->is_dynamic) { // one memory, one allocator
        own = &session->modules[0];
        instance = session->dynamic_modules[0].instance;
    }
    if (own->reallocation_known)
        return own->reallocation;
    own->reallocation_known = true;
    if (engine_export(instance, engine_name("cabi_realloc"), &external) &&
        external.kind == EXTERNAL_FUNCTION && is_reallocation(session, external.function))
        own->reallocation = external.function;
    return own->reallocation;
}

static enum outcome reallocate(struct session *session, union slot *slots, struct trap *trap)
{
    const struct function *function = session_reallocation(session);

    *trap = (struct trap){.code = TRAP_HOST};
    if (function == NULL)
        return OUTCOME_TRAP;
    return engine_invoke(session->engine, function, slots, trap);
}

enum outcome session_allocate(struct session *session, uint32_t size, uint32_t alignment,
                              uint32_t *address, struct trap *trap)
{
    union slot slots[REALLOC_PARAMETERS] = {{0}, {0}, {.u64 = alignment}, {.u64 = size}};
    enum outcome outcome = reallocate(session, slots, trap);

    *address = slots[0].u32;
    if (outcome != OUTCOME_OK)
        return outcome;
    if ((*address != 0 || size == 0) && session_memory(session, *address, size) != NULL)
        return OUTCOME_OK;
    *trap =
        (struct trap){.code = size != 0 && *address == 0 ? TRAP_HOST : TRAP_MEMORY_OUT_OF_BOUNDS};
    return OUTCOME_TRAP;
}

enum outcome session_free(struct session *session, uint32_t address, uint32_t size,
                          uint32_t alignment, struct trap *trap)
{
    union slot slots[REALLOC_PARAMETERS] = {
        {.u64 = address}, {.u64 = size}, {.u64 = alignment}, {0}};

    if (address == 0)
        return OUTCOME_OK;
    return reallocate(session, slots, trap);
}
