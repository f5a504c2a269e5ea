// SPDX-License-Identifier: Apache-2.0
//
// The session as the body of a worker process: it maps what the process was given.
#include <string.h>
#include <sys/mman.h>

#include "sandbox/session.h"
#include "sandbox/worker.h"

static struct session session;
static struct channel channel;

// The start message says how large the modules are together: a session says so only later.
static void map_module(const struct worker *worker)
{
    uint64_t size;
    void *bytes;

    memcpy(&size, worker->options.payload, sizeof size);
    if ((worker->slots & 1u << START_SLOT_MODULE) == 0 || size == 0)
        return;
    bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, START_SLOT_MODULE, 0);
    if (bytes == MAP_FAILED)
        return;
    session.module_bytes = bytes;
    session.mapped_size = size;
}

int session_body(struct worker *worker)
{
    if (worker->control_bytes != sizeof(struct channel_memory))
        worker_crash("control memory of another size");
    channel = (struct channel){
        .memory = (struct channel_memory *)(void *)worker->control,
        .fd = -1,
        .side = CHANNEL_WORKER,
    };
    channel_patience_init(&channel.patience, false);
    session.channel = &channel;
    map_module(worker);
    return session_run(&session) ? 0 : SESSION_EXIT_DISORDERLY;
}
