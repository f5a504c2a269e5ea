// SPDX-License-Identifier: Apache-2.0
//
// Matches what modules import, and what the main one must export, with what the application offers
// and the policy grants. Everything that is wrong is listed at once, before any guest code runs.
#include <stdio.h>
#include <string.h>

#include "host/policy_denial.h"
#include "host/policy_error.h"
#include "host/session_private.h"
#include "host/type_text.h"
#include "sandbox/report.h"

enum {
    GRANTED_NAME_SIZE = 2 * (SIGNATURE_NAME_MAX + 1),
    SIGNATURE_SHOWN_SIZE = 256,
    OWNER_SIZE = POLICY_LIBRARY_NAME_MAX + 20,
    ABSENCE_SIZE = POLICY_LIBRARY_NAME_MAX + 120
};

static const char WASI[] = "wasi_snapshot_preview1";

// Takes notes of what is wrong; the first is what the error as a whole is about.
struct findings {
    struct session *session;
    struct error_text *error;
    size_t length; // of the text so far
    uint32_t count;
};

static void note(struct findings *findings, pnf_status status, const char *text)
{
    struct error_text *error = findings->error;
    size_t room = sizeof error->text - findings->length;
    int length;

    if (findings->count++ == 0)
        error->status = status;
    length =
        snprintf(error->text + findings->length, room, "%s%s", findings->length ? "\n" : "", text);
    if (length > 0 && (size_t)length < room)
        findings->length += (size_t)length;
    else
        error->text[findings->length] = '\0';
}

// The core type that belongs to a signature, as type_text writes it.
static const char *format_plan(const struct plan *plan, char text[TYPE_TEXT_SIZE])
{
    struct plan_core_type core;
    uint8_t types[PLAN_CORE_MAX + 1];
    struct report_item item = {.part = REPORT_EXPORT, .types = types};

    plan_core_type(plan, &core);
    item.parameter_count = core.parameter_count;
    item.result_count = core.result_count;
    memcpy(types, core.parameters, core.parameter_count);
    types[core.parameter_count] = core.result;
    return type_text(&item, text);
}

// " in library 'math'", or nothing for the main module.
static const char *format_owner(const struct session *session, const struct report_item *item,
                                char text[OWNER_SIZE])
{
    const struct report_library *library = session_library(session, item->owner);

    snprintf(text, OWNER_SIZE, library ? " in library '%s'" : "%s", library ? library->name : "");
    return text;
}

static void note_denial(struct findings *findings, const struct report_item *item, const char *name)
{
    struct error_text *error = findings->error;
    char what[GRANTED_NAME_SIZE + OWNER_SIZE + 32];
    char owner[OWNER_SIZE];
    char text[POLICY_DENIAL_SIZE];
    struct policy_attempt attempt = {
        .what = what,
        .key = POLICY_KEY_HOST_FUNCTIONS,
        .grant = name,
        .guest = "did not start",
    };

    snprintf(what, sizeof what, "import host function %s%s", name,
             format_owner(findings->session, item, owner));
    if (findings->count == 0) {
        error_text_name(error->function, name, strlen(name));
        snprintf(error->capability, sizeof error->capability, "host_functions");
        snprintf(error->hint, sizeof error->hint, "- %s", name);
    }
    note(findings, PNF_DENIED,
         policy_denial(findings->session->setup.policy, &attempt, text, sizeof text));
}

// More memories than the policy allows in one module.
static void note_memories(struct findings *findings, uint32_t count)
{
    struct error_text *error = findings->error;
    char what[64];
    char grant[16];
    char text[POLICY_DENIAL_SIZE];
    struct policy_attempt attempt = {
        .what = what,
        .key = POLICY_KEY_LIMITS_MEMORIES,
        .grant = grant,
        .guest = "did not start",
    };

    snprintf(what, sizeof what, "have %u linear memories", count);
    snprintf(grant, sizeof grant, "%u", count);
    if (findings->count == 0) {
        snprintf(error->capability, sizeof error->capability, "limits.memories");
        snprintf(error->hint, sizeof error->hint, "limits: { memories: %u }", count);
    }
    note(findings, PNF_LIMIT,
         policy_denial(findings->session->setup.policy, &attempt, text, sizeof text));
}

static void note_import(struct findings *findings, const struct report_item *item,
                        const char *problem)
{
    char text[1024];
    char module[POLICY_QUOTE_SIZE];
    char name[POLICY_QUOTE_SIZE];
    char owner[OWNER_SIZE];

    snprintf(text, sizeof text, "plugin '%s' cannot be linked: import %s of module %s%s %s",
             findings->session->setup.name,
             policy_quote(name, (const char *)item->name.bytes, item->name.length),
             policy_quote(module, (const char *)item->module.bytes, item->module.length),
             format_owner(findings->session, item, owner), problem);
    note(findings, PNF_UNLINKABLE, text);
}

static void note_mismatch(struct findings *findings, const struct report_item *item,
                          const struct signature *signature)
{
    char problem[2 * TYPE_TEXT_SIZE + SIGNATURE_SHOWN_SIZE + 80];
    char shown[SIGNATURE_SHOWN_SIZE];
    char has[TYPE_TEXT_SIZE];
    char wants[TYPE_TEXT_SIZE];

    signature_print(signature, shown, sizeof shown);
    snprintf(problem, sizeof problem, "has the type %s, but %s is %s for a guest",
             type_text(item, has), shown, format_plan(&signature->plan, wants));
    note_import(findings, item, problem);
}

static bool is_text(const struct report_text *text, const char *other)
{
    return text->length == strlen(other) && memcmp(text->bytes, other, text->length) == 0;
}

// Whether a library could have provided the import, and why it does not.
static void describe_absence(const struct session *session, const struct report_item *item,
                             char text[ABSENCE_SIZE])
{
    for (uint32_t i = 0; i < session->setup.library_count; i++) {
        const char *name = session->setup.libraries[i].name;

        if (!is_text(&item->module, name))
            continue;
        if (item->owner != 0 && i + 1 >= item->owner)
            snprintf(text, ABSENCE_SIZE,
                     "; library '%s' does not stand in front, from where libraries import, or "
                     "exports nothing of that name",
                     name);
        else
            snprintf(text, ABSENCE_SIZE, "; library '%s' exports nothing of that name", name);
        return;
    }
    text[0] = '\0';
}

static void note_absence(struct findings *findings, const struct report_item *item)
{
    char absence[ABSENCE_SIZE];
    char problem[2 * ABSENCE_SIZE + POLICY_QUOTE_SIZE];
    bool is_function = item->kind == REPORT_FUNCTION;

    describe_absence(findings->session, item, absence);
    if (is_function)
        snprintf(problem, sizeof problem, "is no function that the application offers%s", absence);
    else
        snprintf(problem, sizeof problem, "is a %s, which only a library can provide%s%s",
                 type_text_kind(item), absence,
                 absence[0] ? ""
                            : ": link a module that exports it, with --link NAME=FILE or under "
                              "link: in the policy");
    note_import(findings, item, problem);
}

static bool is_granted(const struct session *session, const struct registry_function *function,
                       char name[GRANTED_NAME_SIZE])
{
    snprintf(name, GRANTED_NAME_SIZE, "%s.%s", function->signature.module,
             function->signature.name);
    return policy_find_function(session->setup.policy, name, strlen(name)) != POLICY_NOT_FOUND;
}

// The function that serves an import; NULL after a note.
static const struct registry_function *match(struct findings *findings,
                                             const struct report_item *item)
{
    char name[GRANTED_NAME_SIZE];
    const struct registry_function *function =
        registry_find(findings->session->setup.registry, (const char *)item->module.bytes,
                      item->module.length, (const char *)item->name.bytes, item->name.length);

    if (!function)
        note_absence(findings, item);
    else if (!is_granted(findings->session, function, name))
        note_denial(findings, item, name);
    else if (!report_fits(item, &function->signature.plan))
        note_mismatch(findings, item, &function->signature);
    else
        return function;
    return NULL;
}

static void link_import(struct findings *findings, const struct report_item *item,
                        struct report_writer *writer)
{
    struct session *session = findings->session;
    const struct registry_function *function = NULL;
    bool is_wasi = is_text(&item->module, WASI);

    if (item->flags & REPORT_LINKED)
        return;
    if (item->kind != REPORT_FUNCTION) {
        note_absence(findings, item);
        return;
    }
    if (!is_wasi)
        function = match(findings, item);
    session->imports[session->import_count++] = function;
    if (is_wasi)
        report_put_link(writer, REPORT_WASI, NULL);
    else
        report_put_link(writer, function ? REPORT_HOST : REPORT_ABSENT,
                        function ? &function->signature.plan : NULL);
}

// Finds an exported function; false if there is none.
static bool find_export(const struct session *session, const char *name, struct report_item *item)
{
    struct report_reader reader;
    struct error below = {.code = ERROR_NONE};

    if (!report_open(&reader, session->report, session->report_size, &below))
        return false;
    while (report_next(&reader, item))
        if (item->part == REPORT_EXPORT && item->kind == REPORT_FUNCTION &&
            is_text(&item->name, name))
            return true;
    return false;
}

bool session_exports(const struct session *session, const char *name)
{
    struct report_item item;

    return find_export(session, name, &item);
}

// What is wrong with an export; false if nothing is.
static bool describe_export(const struct session *session, const struct signature *signature,
                            char *text, size_t size)
{
    struct report_item item;
    char has[TYPE_TEXT_SIZE];
    char wants[TYPE_TEXT_SIZE];

    if (!find_export(session, signature->name, &item)) {
        snprintf(text, size, "plugin '%s' exports no function '%s'", session->setup.name,
                 signature->name);
        return true;
    }
    if (report_fits(&item, &signature->plan))
        return false;
    snprintf(text, size,
             "plugin '%s' exports '%s' with the type %s; the signature that the application gives "
             "is %s for a guest",
             session->setup.name, signature->name, type_text(&item, has),
             format_plan(&signature->plan, wants));
    return true;
}

static void match_exports(struct findings *findings)
{
    const struct registry_expectation *expected;
    char text[1024];

    for (expected = registry_expectations(findings->session->setup.registry); expected;
         expected = expected->next)
        if (describe_export(findings->session, &expected->signature, text, sizeof text)) {
            if (findings->count == 0)
                error_text_name(findings->error->export_name, expected->signature.name,
                                strlen(expected->signature.name));
            note(findings, PNF_UNLINKABLE, text);
        }
}

const struct report_library *session_library(const struct session *session, uint64_t number)
{
    return number > 0 && number <= session->setup.library_count
               ? &session->setup.libraries[number - 1]
               : NULL;
}

bool session_link(struct session *session, uint8_t *link, size_t size, size_t *used,
                  struct error_text *error)
{
    struct findings findings = {.session = session, .error = error};
    struct report_writer writer = {.bytes = link, .size = size};
    struct report_reader reader;
    struct report_item item;
    struct error below = {.code = ERROR_NONE};

    session->import_count = 0;
    if (!report_open(&reader, session->report, session->report_size, &below))
        return session_violated(session, below.message, error);
    while (report_next(&reader, &item)) {
        if (item.owner > session->setup.library_count)
            return session_violated(session, "a report on a library that there is not", error);
        if (item.part == REPORT_IMPORT)
            link_import(&findings, &item, &writer);
    }
    match_exports(&findings);
    if (reader.head.counts[REPORT_MEMORY] > session->setup.policy->limits.memories)
        note_memories(&findings, reader.head.counts[REPORT_MEMORY]);
    *used = writer.length;
    return findings.count == 0;
}

bool session_prepare(const struct session *session, const char *signature,
                     struct session_export *prepared, struct error_text *error)
{
    struct error below = {.code = ERROR_NONE};
    char text[1024];
    char quote[POLICY_QUOTE_SIZE];

    if (!signature)
        return error_text_set(error, PNF_USAGE, "cannot call an export: no signature was given");
    if (!signature_parse(signature, strlen(signature), &prepared->signature, &below))
        return error_text_set(error, PNF_USAGE, "cannot call %s: %s",
                              policy_quote(quote, signature, strlen(signature)), below.message);
    error_text_name(error->export_name, prepared->signature.name, strlen(prepared->signature.name));
    if (prepared->signature.module[0] != '\0')
        return error_text_set(error, PNF_USAGE,
                              "cannot call %s.%s: an export is written name(...), without a module",
                              prepared->signature.module, prepared->signature.name);
    if (describe_export(session, &prepared->signature, text, sizeof text))
        return error_text_set(error, PNF_UNLINKABLE, "%s", text);
    plan_wire(&prepared->signature.plan, &prepared->wire);
    return true;
}
