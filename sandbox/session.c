// SPDX-License-Identifier: Apache-2.0
#include "sandbox/session.h"

#include "sandbox/session_internal.h"

// Receives a message that is an end, or is expected and served; whether the session goes on. Which
// messages may come in which state is the channel's business.
static bool serve(struct session *session, bool *orderly)
{
    size_t mark = arena_mark(&session->scratch);
    struct session_message received;
    bool more = false;

    if (!session_receive(session, &received))
        return false;
    if (received.message.kind == MESSAGE_START)
        more = session_load(session, &received);
    else if (received.message.kind == MESSAGE_LINK)
        more = session_instantiate(session, &received);
    else if (received.message.kind == MESSAGE_CALL)
        more = session_call(session, &received);
    arena_release(&session->scratch, mark);
    if (session->scratch.committed > SESSION_SCRATCH_KEPT)
        arena_shrink(&session->scratch, SESSION_SCRATCH_KEPT);
    // The end by SHUTDOWN, ERROR, TRAP or EXIT.
    *orderly = session->channel->session.state == MESSAGE_STATE_ENDED;
    return more;
}

bool session_run(struct session *session)
{
    struct error error = {.code = ERROR_NONE};
    bool orderly = false;

    if (!arena_init(&session->scratch, SESSION_SCRATCH_SIZE, &error)) {
        session_send_error(session, &error);
        return false;
    }
    session->scratch_max = SESSION_SCRATCH_SIZE;
    if (!session_send(session, MESSAGE_CONFINED, 1, (const uint64_t[]){MESSAGE_PROTOCOL}))
        return false;
    while (serve(session, &orderly))
        continue;
    return orderly;
}

void session_finish(struct session *session)
{
    dynamic_destroy(session->dynamic);
    session->dynamic = NULL;
    engine_destroy(session->engine);
    session->engine = NULL;
    arena_finish(&session->scratch);
}
