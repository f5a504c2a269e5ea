// SPDX-License-Identifier: Apache-2.0
//
// What worker and host say to each other about files (messages FILE and FILE_RESULT). The worker
// has no system call that takes a path, so it asks the host's broker, which looks every path up
// beneath the directory of a grant. Regular files come back as descriptors, to be read and written
// without asking; directories stay in the host and have handles.
//
// A handle is a number that the host gives: 0 to the number of the policy's dirs are the preopened
// directories, in the policy's order; what OPEN gives is larger. A handle that is not open answers
// EBADF; what is out of all bounds is a violation.
//
// The bytes of FILE are the paths, the first one's length in a word; those of FILE_RESULT the
// records of LIST, the text of READ_LINK, or input.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sandbox/message.h"

enum {
    FILE_PATH_MAX = 4096, // bytes of a path; a longer one is not asked about
    FILE_LIST_MIN = 512,  // bytes of room that LIST needs, for a record at least
    FILE_RECORD_SIZE = 19 // of LIST, before the name: u64 serial number of the file, u64 where the
                          // record after this one is, u8 enum file_type, u16 length of the name
};

#define FILE_NO_HANDLE UINT32_MAX

enum file_operation {
#define FILE_OPERATION(NAME_, PATHS_, FLAGS_) FILE_##NAME_,
#include "sandbox/file_request.def"
#undef FILE_OPERATION
    FILE_OPERATION_COUNT
};

enum file_flag {
    FILE_FOLLOW = 1 << 0, // a symbolic link in the last component
    FILE_READ = 1 << 1,   // OPEN
    FILE_WRITE = 1 << 2,
    FILE_CREATE = 1 << 3,
    FILE_DIRECTORY = 1 << 4, // nothing but a directory
    FILE_EXCLUSIVE = 1 << 5,
    FILE_TRUNCATE = 1 << 6,
    FILE_APPEND = 1 << 7,
    FILE_DATA_SYNC = 1 << 8,
    FILE_SYNC = 1 << 9,
    FILE_ACCESS_TIME = 1 << 10, // SET_TIMES: to the value, or to now
    FILE_ACCESS_NOW = 1 << 11,
    FILE_MODIFICATION_TIME = 1 << 12,
    FILE_MODIFICATION_NOW = 1 << 13
};

// With the numbers that WASI has for them.
enum file_type {
    FILE_TYPE_UNKNOWN,
    FILE_TYPE_BLOCK_DEVICE,
    FILE_TYPE_CHARACTER_DEVICE,
    FILE_TYPE_DIRECTORY,
    FILE_TYPE_REGULAR,
    FILE_TYPE_SOCKET_DATAGRAM,
    FILE_TYPE_SOCKET_STREAM,
    FILE_TYPE_SYMBOLIC_LINK
};

// Beside the system's errno, of which all are below.
enum file_error {
    FILE_OUTSIDE = 4096, // the path leads out of the directory
    FILE_NOT_GRANTED,    // the grant is for reading only
    FILE_NOT_A_FILE      // a device, pipe or socket, which is not opened
};

struct file_request {
    enum file_operation operation;
    uint32_t handle;       // where the first path begins; of SYMLINK, where the second one does
    uint32_t other_handle; // of RENAME and LINK, where the second path begins
    uint32_t flags;        // of enum file_flag
    uint64_t values[2];
    // Borrowed, not closed by NUL. An empty path is the handle's own directory, or file, for STATUS
    // and SET_TIMES; for other operations it is ENOENT.
    const uint8_t *path;
    size_t path_length;
    const uint8_t *other_path;
    size_t other_path_length;
};

// As in WASI's filestat; times in nanoseconds since 1970, 0 for earlier ones.
struct file_status {
    uint64_t device;
    uint64_t serial_number;
    uint64_t type; // enum file_type
    uint64_t link_count;
    uint64_t size;
    uint64_t access_time;
    uint64_t modification_time;
    uint64_t change_time;
};

struct file_answer {
    uint32_t error;            // 0, the system's errno, or enum file_error
    uint32_t handle;           // of OPEN; FILE_NO_HANDLE if there is none
    bool has_descriptor;       // of OPEN: a descriptor comes by the socket
    struct file_status status; // of STATUS; of OPEN only the type
};

// As words of messages. Both take any values and repeat none of the bytes.
void file_request_put(const struct file_request *request, struct message *message);
void file_answer_put(const struct file_answer *answer, struct message *message);

// From a message that was checked (message.h), whose bytes are `bytes`: the request borrows them.
// False if there is no such operation, or flags, handles, paths and bytes do not fit it.
MUST_CHECK bool file_request_take(const struct message *message, const uint8_t *bytes,
                                  size_t length, struct file_request *request);
MUST_CHECK bool file_answer_take(const struct message *message, struct file_answer *answer);

// How many paths come with an operation.
uint32_t file_operation_paths(enum file_operation operation);
