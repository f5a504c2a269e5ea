// SPDX-License-Identifier: Apache-2.0
#include "tests/spec/runner.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/spec/commands.h"
#include "tests/spec/progress.h"
#include "tests/spec/wanted.h"

// Makes the finding final, by the list or, when that is being made, by what it would have to be.
static void judge(struct runner *runner, const char *script, unsigned line, struct wanted *wanted,
                  struct finding *finding)
{
    struct later_range as_wanted = {.feature = finding->feature};

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

static int is_script(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');

    return dot != NULL && strcmp(dot, ".json") == 0;
}

static int compare_names(const struct dirent **left, const struct dirent **right)
{
    return strcmp((*left)->d_name, (*right)->d_name);
}

static void run_folder(struct runner *runner, const char *path)
{
    struct dirent **entries = NULL;
    int count = scandir(path, &entries, is_script, compare_names);

    if (count <= 0) {
        (void)fprintf(stderr, "pinfold-spec: %s: no scripts\n", path);
        runner->broken = true;
    }
    for (int i = 0; i < count; i++) {
        char *script = NULL;

        if (asprintf(&script, "%s/%s", path, entries[i]->d_name) < 0)
            runner->broken = true;
        else
            runner_run_script(runner, script);
        free(script);
        free(entries[i]);
    }
    free(entries);
}

void runner_run(struct runner *runner, const char *path)
{
    struct stat status;

    if (stat(path, &status) != 0) {
        perror(path);
        runner->broken = true;
    } else if (S_ISDIR(status.st_mode)) {
        run_folder(runner, path);
    } else {
        runner_run_script(runner, path);
    }
}
