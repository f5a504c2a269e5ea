// SPDX-License-Identifier: Apache-2.0
/*
 * Where the runner is, for when the engine crashes or does not come to an end: signal handlers that
 * say so on stderr. They do not repair anything.
 */
#pragma once

/* Installs the handlers; to be called before the engine installs its own, which come first then. */
void progress_install(void);

/* The command that is about to run; `script` 0-terminated. Restarts the clock at a new script. */
void progress_at(const char *script, unsigned line);
