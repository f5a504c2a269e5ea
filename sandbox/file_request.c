// SPDX-License-Identifier: Apache-2.0
#include "sandbox/file_request.h"

enum {
    REQUEST_WORDS = 8,
    ANSWER_WORDS = 12,
    HAS_DESCRIPTOR = 1 // of an answer's word 3
};

static const struct {
    uint32_t paths;
    uint32_t flags;
} operations[FILE_OPERATION_COUNT] = {
#define FILE_OPERATION(NAME_, PATHS_, FLAGS_) {PATHS_, FLAGS_},
#include "sandbox/file_request.def"
#undef FILE_OPERATION
};

_Static_assert((int)ANSWER_WORDS <= (int)MESSAGE_WORDS_MAX, "an answer fits into a slot");
_Static_assert(2 * FILE_PATH_MAX <= MESSAGE_ARENA_SIZE, "two paths fit into an arena");

uint32_t file_operation_paths(enum file_operation operation)
{
    return operations[operation].paths;
}

void file_request_put(const struct file_request *request, struct message *message)
{
    *message = (struct message){
        .kind = MESSAGE_FILE,
        .count = REQUEST_WORDS,
        .words = {request->path_length + request->other_path_length, request->operation,
                  request->handle, request->other_handle, request->flags, request->values[0],
                  request->values[1], request->path_length},
    };
}

bool file_request_take(const struct message *message, const uint8_t *bytes, size_t length,
                       struct file_request *request)
{
    const uint64_t *words = message->words;

    if (message->count != REQUEST_WORDS || words[1] >= FILE_OPERATION_COUNT ||
        words[2] > UINT32_MAX || words[3] > UINT32_MAX || words[4] > UINT32_MAX ||
        words[7] > length)
        return false;
    *request = (struct file_request){
        .operation = (enum file_operation)words[1],
        .handle = (uint32_t)words[2],
        .other_handle = (uint32_t)words[3],
        .flags = (uint32_t)words[4],
        .values = {words[5], words[6]},
        .path = bytes,
        .path_length = (size_t)words[7],
    };
    request->other_path_length = length - request->path_length;
    if (request->other_path_length > 0)
        request->other_path = bytes + request->path_length;
    return (request->flags & ~operations[request->operation].flags) == 0 &&
           request->path_length <= FILE_PATH_MAX && request->other_path_length <= FILE_PATH_MAX &&
           (request->path_length == 0 || operations[request->operation].paths >= 1) &&
           (request->other_path_length == 0 || operations[request->operation].paths == 2);
}

void file_answer_put(const struct file_answer *answer, struct message *message)
{
    const struct file_status *status = &answer->status;

    *message = (struct message){
        .kind = MESSAGE_FILE_RESULT,
        .count = ANSWER_WORDS,
        .words = {0, answer->error, answer->handle, answer->has_descriptor ? HAS_DESCRIPTOR : 0,
                  status->device, status->serial_number, status->type, status->link_count,
                  status->size, status->access_time, status->modification_time,
                  status->change_time},
    };
}

bool file_answer_take(const struct message *message, struct file_answer *answer)
{
    const uint64_t *words = message->words;

    if (message->count != ANSWER_WORDS || words[1] > FILE_NOT_A_FILE || words[2] > UINT32_MAX ||
        words[3] > HAS_DESCRIPTOR || words[6] > FILE_TYPE_SYMBOLIC_LINK)
        return false;
    *answer = (struct file_answer){
        .error = (uint32_t)words[1],
        .handle = (uint32_t)words[2],
        .has_descriptor = words[3] == HAS_DESCRIPTOR,
        .status = {words[4], words[5], words[6], words[7], words[8], words[9], words[10],
                   words[11]},
    };
    return true;
}
