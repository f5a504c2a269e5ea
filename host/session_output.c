// SPDX-License-Identifier: Apache-2.0
//
// What a plugin writes: to its standard output, as the policy has it, and to the log.
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "host/session_private.h"

enum { LINE_SIZE = 1024, LEVEL_OUTPUT = 2, LEVEL_MAX = 5 };

// Hands out a text line by line, unprintable bytes as "?".
static void log_lines(const struct session *session, int level, const uint8_t *bytes, size_t length)
{
    char line[LINE_SIZE];
    size_t used = 0;

    if (!session->setup.log)
        return;
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] != '\n')
            line[used++] = bytes[i] >= ' ' && bytes[i] != 0x7F ? (char)bytes[i] : '?';
        if (bytes[i] == '\n' || used == sizeof line - 1) {
            line[used] = '\0';
            session->setup.log(session->setup.context, level, line);
            used = 0;
        }
    }
    line[used] = '\0';
    if (used > 0)
        session->setup.log(session->setup.context, level, line);
}

static bool capture(struct session *session, const uint8_t *bytes, size_t length)
{
    size_t wanted = session->output_length + length;

    if (wanted > session->output_size) {
        size_t size = wanted < 2 * session->output_size ? 2 * session->output_size : wanted;
        uint8_t *grown = realloc(session->output, size);

        if (!grown)
            return false;
        session->output = grown;
        session->output_size = size;
    }
    if (length > 0)
        memcpy(session->output + session->output_length, bytes, length);
    session->output_length = wanted;
    return true;
}

static void write_all(int fd, const uint8_t *bytes, size_t length)
{
    while (length > 0) {
        ssize_t written = write(fd, bytes, length);

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return;
        bytes += written;
        length -= (size_t)written;
    }
}

// A pipe that nobody reads must not end the application.
static void inherit(int fd, const uint8_t *bytes, size_t length)
{
    static const struct timespec at_once = {0};
    sigset_t pipe;
    sigset_t before;
    sigset_t pending;

    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    sigpending(&pending);
    pthread_sigmask(SIG_BLOCK, &pipe, &before);
    write_all(fd, bytes, length);
    if (!sigismember(&pending, SIGPIPE))
        while (sigtimedwait(&pipe, NULL, &at_once) < 0 && errno == EINTR)
            continue;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

// How many bytes were accepted.
static size_t deliver(struct session *session, int fd, const uint8_t *bytes, size_t length)
{
    if (length > session->output_left)
        length = (size_t)session->output_left;
    if (session->setup.policy->wasi_stdout == POLICY_WASI_STDOUT_CAPTURE &&
        !capture(session, bytes, length))
        return 0;
    if (session->setup.policy->wasi_stdout == POLICY_WASI_STDOUT_INHERIT)
        inherit(fd, bytes, length);
    if (session->setup.policy->wasi_stdout == POLICY_WASI_STDOUT_LOG)
        log_lines(session, LEVEL_OUTPUT, bytes, length);
    session->output_left -= length;
    return length;
}

bool session_take_output(struct session *session, const struct message *message,
                         struct error_text *error)
{
    struct message taken = {.kind = MESSAGE_TAKEN, .count = 1};
    size_t length = message_bytes(message);
    uint64_t word = message->words[1];

    // Nothing is being sent, so the room for that is free; what PARTs have brought stays.
    session->outgoing.length = 0;
    if (!session_append(session, message, &session->outgoing, error))
        return false;
    if (message->kind == MESSAGE_OUTPUT && word != STDOUT_FILENO && word != STDERR_FILENO)
        return session_violated(session, "output to no such descriptor", error);
    taken.words[0] = length;
    if (message->kind == MESSAGE_OUTPUT)
        taken.words[0] = deliver(session, (int)word, session->outgoing.bytes, length);
    else
        log_lines(session, word < LEVEL_MAX ? (int)word : LEVEL_MAX, session->outgoing.bytes,
                  length);
    return session_send(session, &taken, error);
}
