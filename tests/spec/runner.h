// SPDX-License-Identifier: Apache-2.0
/* Runs whole scripts: every command is counted once, as passed, failed or skipped. */
#pragma once

#include <stdbool.h>

#include "sandbox/wasm/engine.h"
#include "tests/spec/later.h"
#include "tests/spec/report.h"

struct runner {
    struct engine_config config;
    struct later later;
    struct report report;
    FILE *wanted; /* where to print the lines that later.txt needs now; NULL: take it as it is */
    bool strict;  /* nothing may be skipped for what the engine lacks */
    bool broken;  /* something went wrong that is no command's failure */
};

/* Runs one script. */
void runner_run_script(struct runner *runner, const char *path);

/* Runs a script, or all scripts in a folder and below it, in the order of their names. */
void runner_run(struct runner *runner, const char *path);
