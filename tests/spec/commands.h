// SPDX-License-Identifier: Apache-2.0
/* The commands of scripts, one function each. */
#pragma once

#include "tests/spec/session.h"

/*
 * Does what a command says; the finding is not final yet. What the command makes is in `made`, for
 * command_bind.
 */
void command_run(struct session *session, const json_t *command, struct handle *made,
                 struct finding *finding);

/* Gives names to what a command made, or did not make, once the finding is final. */
void command_bind(struct session *session, const json_t *command, struct handle made,
                  const struct finding *finding);
