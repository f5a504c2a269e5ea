// SPDX-License-Identifier: Apache-2.0
#include "tests/spec/runner.h"

#include <fts.h>
#include <stdlib.h>
#include <string.h>

#include "tests/spec/commands.h"
#include "tests/spec/progress.h"
#include "tests/spec/wanted.h"

// Makes the finding final, by the list or, when that is being made, by what it would have to be.
static void judge(struct runner *runner, const char *script, unsigned line, struct wanted *wanted,
                  struct finding *finding)
{
    struct later_range as_wanted = {.feature = finding->feature};

    if (runner->strict) {
        later_judge_strictly(finding);
        return;
    }
    if (runner->wanted == NULL) {
        later_judge(later_find(&runner->later, script, line), finding);
        return;
    }
    wanted_add(wanted, line, finding);
    later_judge(finding->verdict == VERDICT_UNSUPPORTED ? &as_wanted : NULL, finding);
}

static void run_command(struct runner *runner, struct session *session, const json_t *command,
                        struct wanted *wanted)
{
    const char *script = session->script->name;
    unsigned line = script_line(command);
    struct finding finding = {.verdict = VERDICT_PASSED};
    struct handle made;

    progress_at(script, line);
    command_run(session, command, &made, &finding);
    judge(runner, script, line, wanted, &finding);
    command_bind(session, command, made, &finding);
    report_add(&runner->report, line, script_word(command, "type"), &finding);
}

static void run_commands(struct runner *runner, const struct script *script, struct wanted *wanted)
{
    struct session session;
    struct error error = {.code = ERROR_NONE};
    struct finding no_engine = {.verdict = VERDICT_PASSED};
    bool good = session_init(&session, script, &runner->config, &error);

    if (!good)
        finding_error(&no_engine, "no engine", &error);
    for (size_t i = 0; i < json_array_size(script->commands); i++) {
        const json_t *command = json_array_get(script->commands, i);

        if (good)
            run_command(runner, &session, command, wanted);
        else
            report_add(&runner->report, script_line(command), script_word(command, "type"),
                       &no_engine);
    }
    if (good)
        session_finish(&session);
}

// A range that no command has needed is out of date: the list can only shrink.
static void check_ranges(struct runner *runner, const char *script)
{
    for (size_t i = 0; i < runner->later.count; i++) {
        const struct later_range *range = &runner->later.ranges[i];

        if (range->used || strcmp(range->script, script) != 0)
            continue;
        (void)fprintf(runner->report.stream,
                      "%s: line %u of the list of later features says %u-%u, where nothing needs "
                      "it: remove it\n",
                      script, range->place, range->first, range->last);
        runner->broken = true;
    }
}

void runner_run_script(struct runner *runner, const char *path)
{
    struct script script;
    struct wanted wanted = {.items = NULL};

    if (!script_load(&script, path)) {
        runner->broken = true;
        return;
    }
    report_begin_script(&runner->report);
    run_commands(runner, &script, &wanted);
    report_end_script(&runner->report, script.name);
    if (runner->wanted != NULL)
        wanted_print(&wanted, script.name, runner->wanted);
    else
        check_ranges(runner, script.name);
    script_finish(&script);
}

static bool is_script(const FTSENT *entry)
{
    const char *dot = strrchr(entry->fts_name, '.');

    return dot != NULL && strcmp(dot, ".json") == 0;
}

static int compare_names(const FTSENT **left, const FTSENT **right)
{
    return strcmp((*left)->fts_name, (*right)->fts_name);
}

// Whoever names a file knows that it is a script.
static bool run_entry(struct runner *runner, const FTSENT *entry)
{
    switch (entry->fts_info) {
    case FTS_F:
        if (entry->fts_level > FTS_ROOTLEVEL && !is_script(entry))
            return false;
        runner_run_script(runner, entry->fts_accpath);
        return true;
    case FTS_DNR:
    case FTS_ERR:
    case FTS_NS:
        (void)fprintf(stderr, "pinfold-spec: %s: %s\n", entry->fts_path,
                      strerrordesc_np(entry->fts_errno));
        runner->broken = true;
        return false;
    default:
        return false;
    }
}

void runner_run(struct runner *runner, const char *path)
{
    char *name = strdup(path);
    FTS *tree = name == NULL ? NULL
                             : fts_open((char *[]){name, NULL},
                                        FTS_COMFOLLOW | FTS_LOGICAL | FTS_NOCHDIR, compare_names);
    unsigned count = 0;

    if (tree != NULL) {
        for (FTSENT *entry = fts_read(tree); entry != NULL; entry = fts_read(tree))
            count += run_entry(runner, entry);
        (void)fts_close(tree);
    }
    if (count == 0) {
        (void)fprintf(stderr, "pinfold-spec: %s: no scripts\n", path);
        runner->broken = true;
    }
    free(name);
}
