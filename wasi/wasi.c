// SPDX-License-Identifier: Apache-2.0
#include "wasi/wasi.h"

#include <assert.h>
#include <string.h>
#include <unistd.h>

#include "wasi/call.h"

#define RESULTS_ERRNO     1
#define RESULTS_NOTHING   0
#define CALL_NOW(name_)   wasi_##name_
#define CALL_LATER(name_) NULL
#define WASI(name_, parameters_, RESULT_, SUPPORT_)                                                \
    {#name_, parameters_, RESULTS_##RESULT_, CALL_##SUPPORT_(name_)},
static const struct {
    const char *name;
    const char *parameters;
    uint32_t result_count;
    wasi_call *call; // NULL: NOSYS
} functions[WASI_FUNCTION_COUNT] = {
#include "wasi/wasi.def"
};
#undef WASI
#undef CALL_LATER
#undef CALL_NOW
#undef RESULTS_NOTHING
#undef RESULTS_ERRNO

#define WASI(name_, parameters_, RESULT_, SUPPORT_)                                                \
    _Static_assert(sizeof(parameters_) - 1 <= WASI_PARAMETERS_MAX, #name_);
#include "wasi/wasi.def"
#undef WASI

void wasi_init(struct wasi *wasi, const struct policy *policy, struct store *store,
               wasi_output *output, wasi_files *files, void *context)
{
    *wasi = (struct wasi){
        .policy = policy,
        .store = store,
        .output = output,
        .files = files,
        .context = context,
    };
    descriptor_table_init(&wasi->descriptors, policy);
    for (uint32_t i = 0; i < WASI_FUNCTION_COUNT; i++)
        wasi->bindings[i] = (struct wasi_binding){wasi, (enum wasi_function)i};
}

enum wasi_function wasi_find(struct name name)
{
    for (uint32_t i = 0; i < WASI_FUNCTION_COUNT; i++) {
        if (name_is(name, functions[i].name))
            return (enum wasi_function)i;
    }
    return WASI_FUNCTION_COUNT;
}

const char *wasi_name(enum wasi_function function)
{
    return functions[function].name;
}

bool wasi_is_supported(enum wasi_function function)
{
    return functions[function].call != NULL;
}

// The host_callback of every function.
static enum trap_code call(void *context, struct store *store, union slot *slots)
{
    const struct wasi_binding *binding = context;
    struct wasi *wasi = binding->wasi;
    wasi_call *function = functions[binding->function].call;
    enum wasi_errno result = WASI_NOSYS;

    assert(store == wasi->store);
    wasi->trap = TRAP_NONE;
    if (function != NULL)
        result = function(wasi, slots);
    if (wasi->trap == TRAP_NONE && store->interrupted)
        wasi->trap = TRAP_INTERRUPTED;
    if (wasi->trap == TRAP_NONE && functions[binding->function].result_count > 0)
        slots[0].u64 = result;
    return wasi->trap;
}

bool wasi_define(struct wasi *wasi, struct engine *engine, struct name name, struct error *error)
{
    enum wasi_function function = wasi_find(name);
    valtype types[WASI_PARAMETERS_MAX + 1];
    struct host_type type = {.types = types};

    if (function == WASI_FUNCTION_COUNT)
        return error_set(error, ERROR_UNKNOWN_IMPORT, 0, "%s.%.*s", WASI_MODULE,
                         (int)(name.length < 64 ? name.length : 64), (const char *)name.bytes);
    for (const char *letter = functions[function].parameters; *letter != '\0'; letter++)
        types[type.parameter_count++] = *letter == 'I' ? VALTYPE_I64 : VALTYPE_I32;
    type.result_count = functions[function].result_count;
    types[type.parameter_count] = VALTYPE_I32;
    return engine_define_function(engine, engine_name(WASI_MODULE), name, type, call,
                                  &wasi->bindings[function], error);
}

// --- descriptors and the broker ------------------------------------------------------------------

enum wasi_errno wasi_descriptor(struct wasi *wasi, uint32_t number, uint64_t rights,
                                struct descriptor **descriptor)
{
    *descriptor = descriptor_at(&wasi->descriptors, number);
    if (*descriptor == NULL)
        return WASI_BADF;
    return (rights & ~(*descriptor)->rights) == 0 ? WASI_SUCCESS : WASI_NOTCAPABLE;
}

enum wasi_errno wasi_ask(struct wasi *wasi, const struct file_request *request,
                         struct file_answer *answer, uint8_t *bytes, size_t *length)
{
    size_t room = length != NULL ? *length : 0;
    size_t came = room;
    int file = -1;

    *answer = (struct file_answer){.handle = FILE_NO_HANDLE};
    if (!wasi->files(wasi->context, request, answer, bytes, &came, &file)) {
        wasi->trap = TRAP_HOST;
        return WASI_IO;
    }
    if (file >= 0)
        close(file); // nobody asked for one
    if (answer->error != 0)
        return wasi_errno_of(answer->error);
    if (came > room)
        return WASI_IO;
    if (length != NULL)
        *length = came;
    return WASI_SUCCESS;
}

// --- the guest's memory --------------------------------------------------------------------------

uint8_t *wasi_memory(const struct wasi *wasi, uint64_t address, uint64_t length)
{
    const struct instance *instance = engine_caller(wasi->store);
    const struct memory *memory;

    if (instance == NULL || instance->module->memory_count == 0)
        return NULL;
    memory = instance->memories[0];
    return memory_contains(memory, address, length) ? memory->base + address : NULL;
}

uint8_t *wasi_array(const struct wasi *wasi, uint64_t address, uint64_t count, uint64_t size)
{
    assert(count <= UINT32_MAX && size <= UINT32_MAX);
    return wasi_memory(wasi, address, count * size);
}

void wasi_store_u16(uint8_t *bytes, uint16_t value)
{
    bytes[0] = (uint8_t)value;
    bytes[1] = (uint8_t)(value >> 8);
}

void wasi_store_u32(uint8_t *bytes, uint32_t value)
{
    for (unsigned i = 0; i < sizeof value; i++)
        bytes[i] = (uint8_t)(value >> 8 * i);
}

void wasi_store_u64(uint8_t *bytes, uint64_t value)
{
    wasi_store_u32(bytes, (uint32_t)value);
    wasi_store_u32(bytes + 4, (uint32_t)(value >> 32));
}

uint32_t wasi_load_u32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

uint64_t wasi_load_u64(const uint8_t *bytes)
{
    return (uint64_t)wasi_load_u32(bytes) | (uint64_t)wasi_load_u32(bytes + 4) << 32;
}

uint16_t wasi_load_u16(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] | bytes[1] << 8);
}
