// SPDX-License-Identifier: Apache-2.0
#include "tests/spec/action.h"

#include <stdlib.h>
#include <string.h>

#include "tests/spec/value.h"

static const struct type_store *types_of(const struct session *session)
{
    return &engine_store(session->engine)->types;
}

// Reads a value; false, with a finding, for what is none or belongs to later features.
static bool read_value(const json_t *json, struct value *value, struct finding *finding)
{
    if (!value_parse(json, value))
        finding_fail(finding, "the script has a bad value");
    else if (value->form == VALUE_LATER)
        finding_needs(finding, value->feature);
    else
        return true;
    return false;
}

static bool store_arguments(const json_t *arguments, const struct deftype *type, union slot *slots,
                            struct finding *finding)
{
    size_t count = json_array_size(arguments);

    if (count != type->parameter_count) {
        finding_fail(finding, "%zu arguments for %u parameters", count, type->parameter_count);
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        valtype parameter = deftype_parameters(type)[i];
        struct value value;

        if (!read_value(json_array_get(arguments, i), &value, finding))
            return false;
        if (!value_to_slot(&value, parameter, slots)) {
            finding_fail(finding, "argument %zu does not fit its parameter", i);
            return false;
        }
        slots += valtype_slots(parameter);
    }
    return true;
}

static bool call(const struct session *session, const json_t *action, struct external external,
                 struct action_result *result, struct finding *finding)
{
    const struct deftype *type;

    if (external.kind != EXTERNAL_FUNCTION) {
        finding_fail(finding, "the export is no function");
        return false;
    }
    type = type_at(types_of(session), external.function->type);
    result->slots =
        calloc(engine_call_slots(session->engine, external.function) + 1u, sizeof result->slots[0]);
    if (result->slots == NULL) {
        finding_fail(finding, "out of memory");
        return false;
    }
    if (!store_arguments(json_object_get(action, "args"), type, result->slots, finding))
        return false;
    result->types = deftype_results(type);
    result->count = type->result_count;
    result->outcome =
        engine_invoke(session->engine, external.function, result->slots, &result->trap);
    return true;
}

static bool get(struct external external, struct action_result *result, struct finding *finding)
{
    if (external.kind != EXTERNAL_GLOBAL) {
        finding_fail(finding, "the export is no global");
        return false;
    }
    result->slots = calloc(2, sizeof result->slots[0]);
    if (result->slots == NULL) {
        finding_fail(finding, "out of memory");
        return false;
    }
    memcpy(result->slots, external.global->value, sizeof external.global->value);
    result->types = &external.global->type.type;
    result->count = 1;
    result->outcome = OUTCOME_OK;
    return true;
}

bool action_run(const struct session *session, const json_t *command, struct action_result *result,
                struct finding *finding)
{
    const json_t *action = json_object_get(command, "action");
    struct instance *instance = session_instance(session, action, "module", finding);
    struct external external;
    struct name field;

    *result = (struct action_result){.outcome = OUTCOME_ERROR};
    if (instance == NULL)
        return false;
    if (!script_name(action, "field", &field) || !engine_export(instance, field, &external)) {
        finding_fail(finding, "no export of that name");
        return false;
    }
    if (strcmp(script_word(action, "type"), "get") == 0)
        return get(external, result, finding);
    return call(session, action, external, result, finding);
}

void action_finish(struct action_result *result)
{
    free(result->slots);
    *result = (struct action_result){.outcome = OUTCOME_ERROR};
}

static void fail_result(size_t at, const struct value *expected, valtype type,
                        const union slot *slots, struct finding *finding)
{
    char wanted[200];
    char got[80];

    value_print(expected, wanted, sizeof wanted);
    value_print_slot(type, slots, got, sizeof got);
    finding_fail(finding, "result %zu: expected %s, got %s", at, wanted, got);
}

void action_compare(const struct session *session, const json_t *command,
                    const struct action_result *result, struct finding *finding)
{
    const json_t *expected = json_object_get(command, "expected");
    size_t count = json_array_size(expected);
    const union slot *slots = result->slots;

    if (!json_is_array(expected) || count != result->count) {
        finding_fail(finding, "expected %zu results, got %u", count, result->count);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        valtype type = result->types[i];
        struct value value;

        if (!read_value(json_array_get(expected, i), &value, finding))
            return;
        if (!value_matches(&value, types_of(session), type, slots)) {
            fail_result(i, &value, type, slots, finding);
            return;
        }
        slots += valtype_slots(type);
    }
}
