// SPDX-License-Identifier: Apache-2.0
//
// What a plugin writes: to its standard output, as the policy has it, and to the log.
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "host/policy_value.h"
#include "host/session_private.h"
#include "sandbox/base/utf8.h"

enum { LINE_SIZE = 1024, LEVEL_OUTPUT = 2, WRITE_POLL_MS = 20 };

static bool is_control(const uint8_t *bytes, size_t at, size_t length)
{
    // C1 ones are two bytes in UTF-8, 0xC2 first.
    return bytes[at] < ' ' || bytes[at] == 0x7F ||
           (bytes[at] == 0xC2 && at + 1 < length && bytes[at + 1] >= 0x80 && bytes[at + 1] < 0xA0);
}

// Hands out a line, "?" for what would be control characters, or is not UTF-8.
static void log_line(const struct session *session, int level, const uint8_t *bytes, size_t length)
{
    bool is_text = utf8_valid(bytes, length);
    char line[LINE_SIZE];

    for (size_t i = 0; i < length; i++)
        line[i] =
            is_control(bytes, i, length) || (bytes[i] >= 0x80 && !is_text) ? '?' : (char)bytes[i];
    for (size_t i = 1; i < length && is_text; i++)
        if (line[i - 1] == '?' && bytes[i - 1] == 0xC2)
            line[i] = '?';
    line[length] = '\0';
    session->setup.log(session->setup.context, level, line);
}

static void log_lines(const struct session *session, int level, const uint8_t *bytes, size_t length)
{
    size_t begin = 0;

    for (size_t i = 0; i < length && session->setup.log; i++) {
        if (bytes[i] == '\n' || i - begin == LINE_SIZE - 1) {
            log_line(session, level, bytes + begin, i - begin);
            begin = bytes[i] == '\n' ? i + 1 : i;
        }
    }
    if (begin < length && session->setup.log)
        log_line(session, level, bytes + begin, length - begin);
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

// Whether the descriptor takes something before the call is to end.
static bool wait_writable(struct session *session, int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};

    for (;;) {
        int ready = poll(&poll_fd, 1, WRITE_POLL_MS);

        if (ready > 0 || (ready < 0 && errno != EINTR))
            return ready > 0;
        if (session_must_stop(session))
            return false;
    }
}

// How many bytes were written. A pipe that has room for so few does not block.
static size_t write_all(struct session *session, int fd, const uint8_t *bytes, size_t length)
{
    size_t done = 0;

    while (done < length && wait_writable(session, fd)) {
        size_t part = length - done < PIPE_BUF ? length - done : PIPE_BUF;
        ssize_t written = write(fd, bytes + done, part);

        if (written > 0)
            done += (size_t)written;
        else if (written == 0 || (errno != EINTR && errno != EAGAIN))
            break;
    }
    return done;
}

// A pipe that nobody reads must not end the application.
static size_t inherit(struct session *session, int fd, const uint8_t *bytes, size_t length)
{
    static const struct timespec at_once = {0};
    sigset_t pipe;
    sigset_t before;
    sigset_t pending;
    size_t done;

    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    sigpending(&pending);
    pthread_sigmask(SIG_BLOCK, &pipe, &before);
    done = write_all(session, fd, bytes, length);
    if (!sigismember(&pending, SIGPIPE))
        while (sigtimedwait(&pipe, NULL, &at_once) < 0 && errno == EINTR)
            continue;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return done;
}

// How many bytes were accepted.
static size_t deliver(struct session *session, int fd, const uint8_t *bytes, size_t length)
{
    size_t wanted = length;

    if (length > session->output_left)
        length = (size_t)session->output_left;
    if (length < wanted)
        session->output_state = PNF_LIMIT;
    wanted = length;
    if (session->setup.policy->wasi_stdout == POLICY_WASI_STDOUT_CAPTURE &&
        !capture(session, bytes, length))
        length = 0;
    if (session->setup.policy->wasi_stdout == POLICY_WASI_STDOUT_INHERIT)
        length = inherit(session, fd, bytes, length);
    if (session->setup.policy->wasi_stdout == POLICY_WASI_STDOUT_LOG)
        log_lines(session, LEVEL_OUTPUT, bytes, length);
    if (length < wanted)
        session->output_state = PNF_SYSTEM;
    session->output_left -= length;
    return length;
}

bool session_check_output(const struct session *session, struct error_text *error)
{
    char value[POLICY_VALUE_SIZE];

    if (session->output_state == PNF_OK)
        return true;
    if (session->output_state == PNF_SYSTEM)
        return error_text_set(error, PNF_SYSTEM,
                              "plugin '%s': not all of its output could be written",
                              session->setup.name);
    snprintf(error->capability, sizeof error->capability, "limits.output");
    snprintf(error->hint, sizeof error->hint, "limits: { output: ... }");
    return error_text_set(error, PNF_LIMIT,
                          "plugin '%s': its output was cut off: limits.output is %s; for more, "
                          "raise `output:` under limits: in the policy",
                          session->setup.name,
                          policy_value_format(POLICY_KEY_LIMITS_OUTPUT,
                                              session->setup.policy->limits.output_bytes, value));
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
    if (word != STDOUT_FILENO && word != STDERR_FILENO)
        return session_violated(session, "output to no such descriptor", error);
    taken.words[0] = deliver(session, (int)word, session->outgoing.bytes, length);
    return session_send(session, &taken, error);
}
