// SPDX-License-Identifier: Apache-2.0
#include "tests/spec/commands.h"

#include <string.h>

#include "tests/spec/action.h"

// The module of a command; false, with a finding, when it has none in the binary format.
static bool binary_of(const struct session *session, const json_t *command,
                      struct script_module *module, struct finding *finding)
{
    if (!script_module(session->script, command, module))
        finding_fail(finding, "the script has no such module");
    else if (module->is_text)
        finding_ignore(finding, CAUSE_TEXT);
    else
        return true;
    return false;
}

// Decodes, validates and compiles; NULL with a finding when that fails.
static struct module *load(struct session *session, const json_t *command, struct finding *finding)
{
    struct script_module binary;
    struct module *module = NULL;
    struct error error = {.code = ERROR_NONE};

    if (!binary_of(session, command, &binary, finding))
        return NULL;
    if (!engine_load(session->engine, binary.bytes, binary.size, &module, &error)) {
        finding_error(finding, "refused", &error);
        return NULL;
    }
    return module;
}

static struct instance *instantiate_module(struct session *session, struct module *module,
                                           struct finding *finding)
{
    struct instance *instance = NULL;
    struct error error = {.code = ERROR_NONE};
    struct trap trap = {.code = TRAP_NONE};

    if (!session_can_link(session, module, finding))
        return NULL;
    switch (engine_instantiate(session->engine, module, &instance, &trap, &error)) {
    case OUTCOME_OK:
        return instance;
    case OUTCOME_TRAP:
        finding_fail(finding, "instantiation trapped: %s", trap_wording(trap.code));
        break;
    case OUTCOME_ERROR:
        finding_error(finding, "not instantiated", &error);
        break;
    }
    return NULL;
}

/* Modules. */

static void run_module_definition(struct session *session, const json_t *command,
                                  struct handle *made, struct finding *finding)
{
    made->module = load(session, command, finding);
}

static void run_module(struct session *session, const json_t *command, struct handle *made,
                       struct finding *finding)
{
    made->module = load(session, command, finding);
    if (made->module != NULL)
        made->instance = instantiate_module(session, made->module, finding);
}

static void run_module_instance(struct session *session, const json_t *command, struct handle *made,
                                struct finding *finding)
{
    struct module *module = session_definition(session, command, "module", finding);

    if (module != NULL)
        made->instance = instantiate_module(session, module, finding);
}

static void run_register(struct session *session, const json_t *command, struct handle *made,
                         struct finding *finding)
{
    struct instance *instance = session_instance(session, command, "name", finding);
    struct error error = {.code = ERROR_NONE};
    struct name name;

    if (instance == NULL)
        return;
    if (!script_name(command, "as", &name))
        finding_fail(finding, "the script gives no name");
    else if (!engine_register(session->engine, name, instance, &error))
        finding_error(finding, "not registered", &error);
    else
        made->instance = instance;
}

/* Actions. */

static void fail_trapped(const struct action_result *result, struct finding *finding)
{
    finding_fail(finding, "trapped: %s", trap_wording(result->trap.code));
}

static void run_action(struct session *session, const json_t *command, struct handle *made,
                       struct finding *finding)
{
    struct action_result result;

    (void)made;
    if (action_run(session, command, &result, finding) && result.outcome != OUTCOME_OK)
        fail_trapped(&result, finding);
    action_finish(&result);
}

static void run_assert_return(struct session *session, const json_t *command, struct handle *made,
                              struct finding *finding)
{
    struct action_result result;

    (void)made;
    if (action_run(session, command, &result, finding)) {
        if (result.outcome == OUTCOME_OK)
            action_compare(session, command, &result, finding);
        else
            fail_trapped(&result, finding);
    }
    action_finish(&result);
}

static void expect_trap(const json_t *command, enum trap_code code, struct finding *finding)
{
    const char *expected = script_word(command, "text");
    const char *actual = trap_wording(code);

    if (!finding_messages_agree(expected, actual))
        finding_fail(finding, "expected the trap \"%s\", got \"%s\"", expected, actual);
}

static void run_assert_trap(struct session *session, const json_t *command, struct handle *made,
                            struct finding *finding)
{
    struct action_result result;

    (void)made;
    if (action_run(session, command, &result, finding)) {
        if (result.outcome == OUTCOME_TRAP)
            expect_trap(command, result.trap.code, finding);
        else
            finding_fail(finding, "returned, expected the trap \"%s\"",
                         script_word(command, "text"));
    }
    action_finish(&result);
}

static void run_assert_exhaustion(struct session *session, const json_t *command,
                                  struct handle *made, struct finding *finding)
{
    struct action_result result;

    (void)made;
    if (action_run(session, command, &result, finding)) {
        if (result.outcome != OUTCOME_TRAP)
            finding_fail(finding, "returned, expected the call stack to be exhausted");
        else if (result.trap.code != TRAP_CALL_STACK_EXHAUSTED)
            fail_trapped(&result, finding);
    }
    action_finish(&result);
}

static void run_assert_exception(struct session *session, const json_t *command,
                                 struct handle *made, struct finding *finding)
{
    struct action_result result;

    (void)made;
    if (action_run(session, command, &result, finding)) {
        if (result.outcome != OUTCOME_TRAP)
            finding_fail(finding, "returned, expected an exception");
        else if (result.trap.code != TRAP_UNCAUGHT_EXCEPTION)
            fail_trapped(&result, finding);
    }
    action_finish(&result);
}

/* Modules that must be refused. */

static void expect_refusal(struct session *session, const json_t *command, enum error_kind kind,
                           struct finding *finding)
{
    struct script_module binary;
    struct module *module = NULL;
    struct error error = {.code = ERROR_NONE};

    if (!binary_of(session, command, &binary, finding))
        return;
    if (engine_load(session->engine, binary.bytes, binary.size, &module, &error))
        finding_fail(finding, "accepted, expected %s: %s", error_kind_name(kind),
                     script_word(command, "text"));
    else if (error_kind(error.code) == kind)
        finding_compare_message(finding, script_word(command, "text"), error_wording(error.code));
    else
        finding_error(finding, "refused for another reason", &error);
}

static void run_assert_malformed(struct session *session, const json_t *command,
                                 struct handle *made, struct finding *finding)
{
    (void)made;
    expect_refusal(session, command, ERROR_KIND_MALFORMED, finding);
}

static void run_assert_invalid(struct session *session, const json_t *command, struct handle *made,
                               struct finding *finding)
{
    (void)made;
    if (*script_word(command, "obsolete") != '\0')
        finding_ignore(finding, CAUSE_OBSOLETE);
    else
        expect_refusal(session, command, ERROR_KIND_INVALID, finding);
}

static void run_assert_unlinkable(struct session *session, const json_t *command,
                                  struct handle *made, struct finding *finding)
{
    struct module *module = load(session, command, finding);
    struct instance *instance = NULL;
    struct error error = {.code = ERROR_NONE};
    struct trap trap = {.code = TRAP_NONE};
    enum outcome outcome;

    (void)made;
    if (module == NULL || !session_can_link(session, module, finding))
        return;
    outcome = engine_instantiate(session->engine, module, &instance, &trap, &error);
    if (outcome != OUTCOME_ERROR)
        finding_fail(finding, "linked, expected: %s", script_word(command, "text"));
    else if (error_kind(error.code) == ERROR_KIND_UNLINKABLE)
        finding_compare_message(finding, script_word(command, "text"), error_wording(error.code));
    else
        finding_error(finding, "refused for another reason", &error);
}

static void run_assert_uninstantiable(struct session *session, const json_t *command,
                                      struct handle *made, struct finding *finding)
{
    struct module *module = load(session, command, finding);
    struct instance *instance = NULL;
    struct error error = {.code = ERROR_NONE};
    struct trap trap = {.code = TRAP_NONE};

    (void)made;
    if (module == NULL || !session_can_link(session, module, finding))
        return;
    switch (engine_instantiate(session->engine, module, &instance, &trap, &error)) {
    case OUTCOME_OK:
        finding_fail(finding, "instantiated, expected the trap \"%s\"",
                     script_word(command, "text"));
        break;
    case OUTCOME_TRAP:
        expect_trap(command, trap.code, finding);
        break;
    case OUTCOME_ERROR:
        finding_error(finding, "not instantiated", &error);
        break;
    }
}

// The engine does not look into custom sections.
static void run_custom(struct session *session, const json_t *command, struct handle *made,
                       struct finding *finding)
{
    (void)session;
    (void)command;
    (void)made;
    finding_ignore(finding, CAUSE_CUSTOM);
}

/* Names. */

static struct handle settle(struct handle made, bool is_ready, const struct finding *finding)
{
    if (is_ready)
        made.standing = STANDING_READY;
    else
        made.standing = finding->verdict == VERDICT_SKIPPED ? STANDING_SKIPPED : STANDING_BROKEN;
    return made;
}

static void bind_if_named(struct bindings *bindings, const json_t *command, const char *key,
                          struct handle handle)
{
    struct name name;

    if (script_name(command, key, &name))
        bindings_bind(bindings, name, handle);
}

static void bind_definition(struct session *session, const json_t *command, struct handle made,
                            const struct finding *finding)
{
    session->last_definition = settle(made, made.module != NULL, finding);
    bind_if_named(&session->definitions, command, "name", session->last_definition);
}

static void bind_module(struct session *session, const json_t *command, struct handle made,
                        const struct finding *finding)
{
    bind_definition(session, command, made, finding);
    session->current = settle(made, made.instance != NULL, finding);
    bind_if_named(&session->instances, command, "name", session->current);
}

static void bind_instance(struct session *session, const json_t *command, struct handle made,
                          const struct finding *finding)
{
    session->current = settle(made, made.instance != NULL, finding);
    bind_if_named(&session->instances, command, "instance", session->current);
}

static void bind_registered(struct session *session, const json_t *command, struct handle made,
                            const struct finding *finding)
{
    bind_if_named(&session->registered, command, "as",
                  settle(made, made.instance != NULL, finding));
}

/* The table. */

static const struct kind {
    const char *name;
    void (*run)(struct session *session, const json_t *command, struct handle *made,
                struct finding *finding);
    void (*bind)(struct session *session, const json_t *command, struct handle made,
                 const struct finding *finding);
} kinds[] = {
    {"assert_return", run_assert_return, NULL},
    {"assert_trap", run_assert_trap, NULL},
    {"module", run_module, bind_module},
    {"assert_invalid", run_assert_invalid, NULL},
    {"assert_malformed", run_assert_malformed, NULL},
    {"action", run_action, NULL},
    {"assert_unlinkable", run_assert_unlinkable, NULL},
    {"register", run_register, bind_registered},
    {"assert_uninstantiable", run_assert_uninstantiable, NULL},
    {"assert_exhaustion", run_assert_exhaustion, NULL},
    {"assert_exception", run_assert_exception, NULL},
    {"module_definition", run_module_definition, bind_definition},
    {"module_instance", run_module_instance, bind_instance},
    {"assert_malformed_custom", run_custom, NULL},
    {"assert_invalid_custom", run_custom, NULL},
};

static const struct kind *kind_of(const json_t *command)
{
    const char *name = script_word(command, "type");

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(kinds[i].name, name) == 0)
            return &kinds[i];
    }
    return NULL;
}

void command_run(struct session *session, const json_t *command, struct handle *made,
                 struct finding *finding)
{
    const struct kind *kind = kind_of(command);

    *made = (struct handle){.standing = STANDING_ABSENT};
    if (kind != NULL)
        kind->run(session, command, made, finding);
    else
        finding_fail(finding, "unknown command");
}

void command_bind(struct session *session, const json_t *command, struct handle made,
                  const struct finding *finding)
{
    const struct kind *kind = kind_of(command);

    if (kind != NULL && kind->bind != NULL)
        kind->bind(session, command, made, finding);
}
