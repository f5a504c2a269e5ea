// SPDX-License-Identifier: Apache-2.0
//
// What a plugin asks of files: the broker's answers, descriptors for the worker, and standard
// input.
#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "host/session_private.h"
#include "sandbox/file_request.h"

enum {
    PATHS_MAX = 2 * FILE_PATH_MAX, // the request's bytes are in front of the answer's
    INPUT_POLL_MS = 20,
    NS_PER_MS = SESSION_NS_PER_MS
};

// --- descriptors ---------------------------------------------------------------------------------

// Whether the worker has taken what it was sent before: one that does not would have descriptors of
// the host pile up in its socket.
static bool has_taken_all(int socket)
{
    int left = 0;

    return ioctl(socket, SIOCOUTQ, &left) == 0 && left == 0;
}

// 0 or errno.
static int send_descriptor(int socket, int descriptor)
{
    union {
        struct cmsghdr header;
        uint8_t bytes[CMSG_SPACE(sizeof(int))];
    } rights = {.header = {.cmsg_len = CMSG_LEN(sizeof(int)),
                           .cmsg_level = SOL_SOCKET,
                           .cmsg_type = SCM_RIGHTS}};
    uint8_t byte = 0;
    struct iovec part = {&byte, sizeof byte};
    struct msghdr header = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = rights.bytes,
                            .msg_controllen = sizeof rights.bytes};
    ssize_t sent;

    memcpy(CMSG_DATA(&rights.header), &descriptor, sizeof descriptor);
    do
        sent = sendmsg(socket, &header, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? errno : 0;
}

// --- standard input ------------------------------------------------------------------------------

static uint64_t milliseconds_left(uint64_t until_ns)
{
    uint64_t now = channel_now();

    return now >= until_ns ? 0 : (until_ns - now + NS_PER_MS - 1) / NS_PER_MS;
}

// 0 when there is something to be read, or nothing any more; ETIMEDOUT; EINTR when the call is to
// end.
static int wait_input(struct session *session, uint64_t until)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};

    for (;;) {
        uint64_t left = milliseconds_left(until);
        int ready = poll(&input, 1, left < INPUT_POLL_MS ? (int)left : INPUT_POLL_MS);

        if (ready > 0)
            return 0;
        if (ready < 0 && errno != EINTR)
            return errno;
        if (session_must_stop(session))
            return EINTR;
        if (milliseconds_left(until) == 0)
            return ETIMEDOUT;
    }
}

// What is there; EAGAIN if another session has taken it since it was seen: a read would wait, and
// no deadline would end that.
static int take_input(uint8_t *bytes, size_t room, size_t *length)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    ssize_t got = -1;
    int error = EAGAIN;

    pthread_mutex_lock(&lock);
    if (poll(&input, 1, 0) > 0) {
        got = read(STDIN_FILENO, bytes, room);
        error = got < 0 ? errno : 0;
    }
    pthread_mutex_unlock(&lock);
    *length = got > 0 ? (size_t)got : 0;
    return error;
}

static int read_input(struct session *session, const struct file_request *request, uint8_t *bytes,
                      size_t *length)
{
    size_t room = request->values[0] < *length ? (size_t)request->values[0] : *length;
    uint64_t now = channel_now();
    uint64_t until = request->values[1] > UINT64_MAX - now ? UINT64_MAX : now + request->values[1];
    int error;

    *length = 0;
    if (session->setup.policy->wasi_stdin != POLICY_WASI_STDIN_INHERIT)
        return 0;
    do {
        error = wait_input(session, until);
        if (error == 0 && room > 0)
            error = take_input(bytes, room, length);
    } while ((error == EAGAIN || error == EINTR) && !session_must_stop(session));
    if (error == EAGAIN) // not now, and the call is to end
        return EINTR;
    return error == ETIMEDOUT ? EAGAIN : error;
}

// --- requests ------------------------------------------------------------------------------------

static void serve(struct session *session, const struct file_request *request,
                  struct file_answer *answer, uint8_t *bytes, size_t *length)
{
    int descriptor = -1;

    if (request->operation == FILE_READ_INPUT) {
        *answer = (struct file_answer){.handle = FILE_NO_HANDLE};
        answer->error = (uint32_t)read_input(session, request, bytes, length);
        return;
    }
    broker_serve(&session->broker, request, answer, bytes, length, &descriptor);
    if (descriptor >= 0)
        broker_sent(&session->broker, answer, descriptor,
                    send_descriptor(session->setup.socket, descriptor));
}

bool session_take_request(struct session *session, const struct message *message,
                          struct error_text *error)
{
    size_t asked = message_bytes(message);
    size_t length = MESSAGE_ARENA_SIZE - PATHS_MAX;
    struct message result;
    struct file_request request;
    struct file_answer answer;
    uint8_t *bytes;

    // As for output: nothing is being sent. The buffer has an arena's size at least.
    session->outgoing.length = 0;
    if (asked > PATHS_MAX)
        return session_violated(session, "paths that are too long", error);
    if (!session_append(session, message, &session->outgoing, error))
        return false;
    if (!file_request_take(message, session->outgoing.bytes, asked, &request))
        return session_violated(session, "a request for files that is none", error);
    if (request.operation == FILE_OPEN && !has_taken_all(session->setup.socket))
        return session_violated(session, "descriptors that were not taken", error);
    bytes = session->outgoing.bytes + PATHS_MAX;
    serve(session, &request, &answer, bytes, &length);
    file_answer_put(&answer, &result);
    result.words[0] = length;
    return channel_arena_write(&session->channel, 0, bytes, length) &&
           session_send(session, &result, error);
}
