// SPDX-License-Identifier: Apache-2.0
#include <signal.h>

#include "sandbox/session.h"
#include "sandbox/wasm/trap.h"
#include "sandbox/worker.h"

static bool prepare(struct worker *worker, struct error *error)
{
    (void)worker;
    return trap_install(error) && trap_install_interrupt(SIGUSR1, error);
}

int main(void)
{
    static const struct worker_options options = {.prepare = prepare};

    worker_run(&options, session_body);
}
