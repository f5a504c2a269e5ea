// SPDX-License-Identifier: Apache-2.0
//
// Asking the host's broker for files. The only system call here takes a descriptor from the
// worker's socket, where the host has put it before it answered.
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "sandbox/session_internal.h"
#include "sandbox/start.h"

// The descriptor that the host announced. -1 if there is none: the worker has as many open as it
// may, so the kernel has thrown it away.
static int receive_descriptor(void)
{
    union {
        struct cmsghdr header;
        uint8_t bytes[CMSG_SPACE(sizeof(int))];
    } rights;
    uint8_t byte;
    struct iovec part = {&byte, sizeof byte};
    struct msghdr header = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = rights.bytes,
                            .msg_controllen = sizeof rights.bytes};
    ssize_t length = recvmsg(START_SLOT_SOCKET, &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    struct cmsghdr *control = length == sizeof byte ? CMSG_FIRSTHDR(&header) : NULL;
    int descriptor = -1;

    if (control != NULL && control->cmsg_level == SOL_SOCKET && control->cmsg_type == SCM_RIGHTS &&
        control->cmsg_len == CMSG_LEN(sizeof descriptor))
        memcpy(&descriptor, CMSG_DATA(control), sizeof descriptor);
    return descriptor;
}

static bool ask(struct session *session, const struct file_request *request)
{
    uint8_t paths[2 * FILE_PATH_MAX];
    struct message message;

    file_request_put(request, &message);
    if (request->path_length > 0)
        memcpy(paths, request->path, request->path_length);
    if (request->other_path_length > 0)
        memcpy(paths + request->path_length, request->other_path, request->other_path_length);
    return session_send_bytes(session, &message, paths,
                              request->path_length + request->other_path_length);
}

// Whatever is not an answer to what was asked is the host's mistake, and the end. That there is no
// memory for its bytes is not: what is left of limits.engine may be that little.
static bool take(struct session *session, const struct session_message *received,
                 struct file_answer *answer, uint8_t *bytes, size_t *length, int *descriptor)
{
    if (received->message.kind != MESSAGE_FILE_RESULT ||
        !file_answer_take(&received->message, answer) || received->length > *length) {
        session->over = true;
        return false;
    }
    *length = received->length;
    if (answer->has_descriptor)
        *descriptor = receive_descriptor();
    if (received->lost) {
        answer->error = ENOMEM;
        *length = 0;
    }
    if (*length > 0)
        memcpy(bytes, received->bytes, *length);
    return true;
}

bool session_files(void *context, const struct file_request *request, struct file_answer *answer,
                   uint8_t *bytes, size_t *length, int *descriptor)
{
    struct session *session = context;
    struct session_message received;
    size_t mark = arena_mark(&session->scratch);
    bool taken;

    *descriptor = -1;
    if (request->path_length > FILE_PATH_MAX || request->other_path_length > FILE_PATH_MAX) {
        *answer = (struct file_answer){.error = ENAMETOOLONG, .handle = FILE_NO_HANDLE};
        *length = 0;
        return true;
    }
    taken = ask(session, request) && session_receive(session, &received) &&
            take(session, &received, answer, bytes, length, descriptor);
    arena_release(&session->scratch, mark);
    return taken;
}
