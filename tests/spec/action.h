// SPDX-License-Identifier: Apache-2.0
/* Actions of scripts: calls of exported functions and reads of exported globals. */
#pragma once

#include "tests/spec/session.h"

/* How an action ended. The results are valid after OUTCOME_OK. */
struct action_result {
    enum outcome outcome; /* OK or TRAP */
    struct trap trap;
    union slot *slots;    /* owned */
    const valtype *types; /* of the results; borrowed */
    uint32_t count;
};

/* Carries out the command's "action"; false, with a finding, when that cannot be done. */
bool action_run(const struct session *session, const json_t *command, struct action_result *result,
                struct finding *finding);
void action_finish(struct action_result *result);

/* Fails unless the results are as the command's "expected" says. */
void action_compare(const struct session *session, const json_t *command,
                    const struct action_result *result, struct finding *finding);
