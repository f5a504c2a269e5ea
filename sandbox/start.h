// SPDX-License-Identifier: Apache-2.0
//
// What host, launcher and worker say to each other while a worker starts. Three kinds of messages
// of a fixed size, all over SEQPACKET sockets and only between programs of one build: host to
// launcher and back, and host to worker. Here too is the record that a worker leaves when it gives
// up. What is said afterwards is the channel's affair.
//
// The host puts the worker's start message, with all descriptors, into the worker's socket before
// it asks the launcher for the worker, so a starting worker never waits, and the launcher never
// holds anything of a plugin's.
#pragma once

#include <stdint.h>
#include <sys/stat.h>

enum {
    START_PROTOCOL = 1, // of everything in this file; differing numbers end the conversation
    START_PAYLOAD_BYTES = 192,
    START_TEXT_BYTES = 192,
    START_FILTER_INSTRUCTIONS_MAX = 512
};

// Descriptors of the launcher.
enum {
    START_LAUNCHER_SOCKET = 3,
    START_LAUNCHER_WORKER = 4, // the worker's executable
    START_LAUNCHER_SELF = 5    // its own executable, closed by exec
};

// Descriptors of a confined worker: these numbers, and no others.
enum start_slot {
    START_SLOT_STDIN,
    START_SLOT_STDOUT,
    START_SLOT_STDERR,
    START_SLOT_SOCKET, // to the host
    START_SLOT_MODULE, // a sealed memfd
    START_SLOT_REGION, // a sealed memfd
    START_SLOT_COUNT
};

// Exit statuses of a worker that are not its guest's.
enum {
    START_EXIT_REFUSED = 201, // could not be set up; the record says why
    START_EXIT_CRASHED = 202  // failed assertion, smashed stack, abort; the record says which
};

// The filter answers madvise with this advice, which the kernel does not know, with this errno,
// which the kernel does not return: that is how a worker sees that its filter is in force.
#define START_PROBE_ADVICE 0x70696e66
#define START_PROBE_ERRNO  54

enum start_flag {
    START_TSC_OFF = 1 // reading the time stamp counter is a fault
};

struct start_options {
    uint64_t data_bytes_max;    // private writable memory (RLIMIT_DATA)
    uint64_t address_bytes_max; // RLIMIT_AS; 0 for none. Large or none: see jail.h
    uint64_t file_bytes_max;    // RLIMIT_FSIZE
    uint32_t cpu_seconds;       // RLIMIT_CPU; 0 for none
    uint32_t descriptors_max;   // RLIMIT_NOFILE, START_SLOT_COUNT or more
    int32_t parent;             // process id of the launcher, as the worker sees it
    uint32_t record_offset;     // of the struct start_record in control memory, a multiple of 8
    uint32_t flags;             // of enum start_flag
    uint32_t reserved;          // 0
    uint8_t payload[START_PAYLOAD_BYTES]; // for the worker's body
};

// Host to worker, the first message on its socket. With it come, in this order: control memory, the
// filter, and a descriptor for each bit of `slots`, lowest first.
struct start_message {
    uint32_t protocol;
    uint32_t slots; // bits of enum start_slot, without START_SLOT_SOCKET
    struct start_options options;
};

enum { START_DESCRIPTORS_MAX = 2 + START_SLOT_COUNT };

enum start_record_kind {
    START_RECORD_NONE,
    START_RECORD_REFUSED, // with START_EXIT_REFUSED
    START_RECORD_CRASHED  // with START_EXIT_CRASHED
};

// In control memory. Written by a worker, so it is a claim and nothing to rely on; copy it first.
struct start_record {
    uint32_t kind; // of enum start_record_kind, written last
    uint32_t length;
    char text[START_TEXT_BYTES]; // not closed by NUL
};

enum launcher_request_kind {
    LAUNCHER_START = 1 // start a worker; with the worker's end of its socket
};

// Host to launcher.
struct launcher_request {
    uint32_t protocol;
    uint32_t kind;  // of enum launcher_request_kind
    uint32_t id;    // chosen by the host, returned in every reply about this worker
    uint32_t flags; // 0
};

enum launcher_reply_kind {
    LAUNCHER_READY = 1, // the launcher's first message
    LAUNCHER_STARTED,   // with a pidfd
    LAUNCHER_FAILED,    // `status` is the errno
    LAUNCHER_ENDED      // `code` and `status` as in siginfo_t: CLD_EXITED and so on
};

// Launcher to host.
struct launcher_reply {
    uint32_t protocol;
    uint32_t kind; // of enum launcher_reply_kind
    uint32_t id;
    int32_t pid; // the worker's, as the launcher sees it; of READY, the launcher's own
    int32_t code;
    int32_t status;
};

// Whether an executable may be started: a regular file that belongs to root or to us, which nobody
// else can write.
static inline int start_is_trusted(const struct stat *file, uid_t us)
{
    return S_ISREG(file->st_mode) && (file->st_uid == 0 || file->st_uid == us) &&
           (file->st_mode & (S_IWGRP | S_IWOTH)) == 0;
}
