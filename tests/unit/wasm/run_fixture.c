// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/wasm/run_fixture.h"

#include <inttypes.h>
#include <signal.h>

struct engine *engine;
struct error error;
struct trap trap;
union slot slots[CALL_SLOTS];

enum { MODULES_MAX = 256 };

static uint8_t *modules[MODULES_MAX]; // whose bytes the engine uses
static size_t module_count;
static struct sigaction fault_action; // as the engine wants it

// cmocka puts handlers of its own in the place of the engine's for each test, after its set-up;
// load_built brings the engine's back, which give faults that are no traps to cmocka.
int run_group_set_up(void **state)
{
    (void)state;
    return !trap_install(&error) || sigaction(SIGSEGV, NULL, &fault_action) != 0;
}

int run_set_up(void **state)
{
    (void)state;
    build_begin();
    engine_replace((struct engine_config){.stack_bytes = 0});
    return 0;
}

int run_tear_down(void **state)
{
    (void)state;
    engine_destroy(engine);
    engine = NULL;
    while (module_count > 0)
        free(modules[--module_count]);
    build_begin();
    return 0;
}

void engine_replace(struct engine_config config)
{
    engine_destroy(engine);
    error_clear(&error);
    memset(slots, 0, sizeof slots);
    if (!engine_create(&config, &engine, &error))
        fail_msg("%s", error.message);
}

struct module *load_built(void)
{
    struct module *loaded = NULL;
    size_t size;

    assert_int_equal(sigaction(SIGSEGV, &fault_action, NULL), 0);
    assert_in_range(module_count, 0, MODULES_MAX - 1);
    modules[module_count] = build_end(&size);
    if (!engine_load(engine, modules[module_count++], size, &loaded, &error))
        fail_msg("%s at %" PRIu64, error.message, error.offset);
    build_begin();
    return loaded;
}

struct instance *instantiate_built(void)
{
    struct instance *instance = NULL;
    struct module *loaded = load_built();

    if (engine_instantiate(engine, loaded, &instance, &trap, &error) != OUTCOME_OK)
        fail_msg("%s %s", error.message, trap_wording(trap.code));
    return instance;
}

void register_instance(const char *name, struct instance *instance)
{
    assert_true(engine_register(engine, engine_name(name), instance, &error));
}

static valtype letter_type(char letter)
{
    switch (letter) {
    case 'i':
        return VALTYPE_I32;
    case 'I':
        return VALTYPE_I64;
    case 'f':
        return VALTYPE_F32;
    case 'F':
        return VALTYPE_F64;
    case 'v':
        return VALTYPE_V128;
    case 'r':
        return VALTYPE_FUNCREF;
    case 'x':
        return VALTYPE_REF_NULL(HEAPTYPE_EXN);
    default:
        return VALTYPE_EXTERNREF;
    }
}

void define_host(const char *name, const char *signature, host_callback *callback, void *context)
{
    valtype types[64];
    struct host_type type = {types, (uint32_t)(strchr(signature, ':') - signature), 0};
    uint32_t count = 0;

    for (const char *letter = signature; *letter != '\0'; letter++)
        if (*letter != ':')
            types[count++] = letter_type(*letter);
    type.result_count = count - type.parameter_count;
    assert_true(engine_define_function(engine, engine_name("host"), engine_name(name), type,
                                       callback, context, &error));
}

const struct function *function_at(struct instance *instance, uint32_t funcidx)
{
    const struct function *function = instance_function(instance, funcidx);

    assert_non_null(function);
    return function;
}

enum outcome invoke(struct instance *instance, uint32_t funcidx)
{
    return engine_invoke(engine, function_at(instance, funcidx), slots, &trap);
}

static enum outcome invoke_with(struct instance *instance, uint32_t funcidx,
                                const uint64_t *arguments, size_t count)
{
    assert_in_range(count, 0, CALL_SLOTS);
    for (size_t i = 0; i < count; i++)
        slots[i].u64 = arguments[i + 1];
    return invoke(instance, funcidx);
}

uint64_t call_guest(struct instance *instance, uint32_t funcidx, const uint64_t *arguments,
                    size_t count)
{
    if (invoke_with(instance, funcidx, arguments, count) != OUTCOME_OK)
        fail_msg("trap: %s", trap_wording(trap.code));
    return slots[0].u64;
}

void call_traps(enum trap_code code, struct instance *instance, uint32_t funcidx,
                const uint64_t *arguments, size_t count)
{
    assert_int_equal(invoke_with(instance, funcidx, arguments, count), OUTCOME_TRAP);
    assert_string_equal(trap_wording(trap.code), trap_wording(code));
}
