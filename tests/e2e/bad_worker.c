// SPDX-License-Identifier: Apache-2.0
//
// Workers that are properly confined and then go wrong: BAD_WORKER says how.
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/channel.h"
#include "sandbox/wasm/trap.h"
#include "sandbox/worker.h"

enum { VIOLATE, CRASH, FORGE };

static bool prepare(struct worker *worker, struct error *error)
{
    (void)worker;
    return trap_install(error);
}

// Says that it is loaded, which it cannot be yet.
static void forge(struct worker *worker)
{
    struct channel_memory *memory = (struct channel_memory *)(void *)worker->control;
    struct message message = {.kind = MESSAGE_LOADED};

    message_write(&memory->slots[MESSAGE_TO_HOST].slot, 1, &message);
    channel_ring(&memory->bells[MESSAGE_TO_HOST], 1);
}

static int body(struct worker *worker)
{
    if (BAD_WORKER == VIOLATE)
        syscall(SYS_getpid);
    if (BAD_WORKER == CRASH)
        worker_crash("assertion of the test");
    forge(worker);
    for (;;)
        syscall(SYS_sched_yield);
}

int main(void)
{
    static const struct worker_options options = {.prepare = prepare};

    worker_run(&options, body);
}
