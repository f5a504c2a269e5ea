// SPDX-License-Identifier: Apache-2.0
#include "sandbox/worker.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "sandbox/jail/jail.h"
#include "sandbox/jail/system.h"

enum {
    LEADING_DESCRIPTORS = 2 // control memory and filter
};

// What arrives before lock-down. Static: large, and there is one.
static struct {
    struct worker worker;
    struct start_message message;
    int descriptors[START_DESCRIPTORS_MAX];
    uint32_t descriptor_count;
    struct sock_filter filter[START_FILTER_INSTRUCTIONS_MAX];
    uint16_t filter_count;
    struct start_record *record; // NULL until control memory is there
} start;

// Claims what happened, then ends. Only the first record counts.
static _Noreturn void give_up(enum start_record_kind kind, const char *text, int status)
{
    struct start_record *record = start.record;
    size_t length = 0;

    start.record = NULL;
    if (record != NULL) {
        while (length < START_TEXT_BYTES && text[length] != '\0') {
            record->text[length] = text[length];
            length++;
        }
        record->length = (uint32_t)length;
        __atomic_store_n(&record->kind, kind, __ATOMIC_RELEASE);
    }
    _exit(status);
}

void worker_crash(const char *text)
{
    give_up(START_RECORD_CRASHED, text, START_EXIT_CRASHED);
}

// libc's ends, under the names that the linker's --wrap gives them.
_Noreturn void __wrap_abort(void);
_Noreturn void __wrap___stack_chk_fail(void);
_Noreturn void __wrap___chk_fail(void);
_Noreturn void __wrap___fortify_fail(const char *text);
_Noreturn void __wrap___libc_fatal(const char *text);
_Noreturn void __wrap___libc_message(int action, const char *format, ...);
_Noreturn void __wrap___assert_fail(const char *expression, const char *file, unsigned line,
                                    const char *function);

void __wrap_abort(void)
{
    worker_crash("abort");
}

void __wrap___stack_chk_fail(void)
{
    worker_crash("stack smashed");
}

void __wrap___chk_fail(void)
{
    worker_crash("buffer overflow");
}

void __wrap___fortify_fail(const char *text)
{
    worker_crash(text);
}

void __wrap___libc_fatal(const char *text)
{
    worker_crash(text);
}

void __wrap___libc_message(int action, const char *format, ...)
{
    (void)action;
    worker_crash(format);
}

void __wrap___assert_fail(const char *expression, const char *file, unsigned line,
                          const char *function)
{
    (void)file;
    (void)line;
    (void)function;
    worker_crash(expression);
}

static bool failed(struct error *error, const char *step, long result)
{
    return error_set(error, ERROR_SYSTEM_CONFINE, 0, "%s: errno %ld", step, -result);
}

// Copies the descriptors out of a received message. The host sends them in one control message.
static void take_descriptors(struct msghdr *header)
{
    const struct cmsghdr *control = CMSG_FIRSTHDR(header);
    size_t bytes;

    if (control == NULL || control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS)
        return;
    bytes = control->cmsg_len - CMSG_LEN(0);
    if (bytes > sizeof start.descriptors)
        return;
    memcpy(start.descriptors, CMSG_DATA(control), bytes);
    start.descriptor_count = (uint32_t)(bytes / sizeof start.descriptors[0]);
}

static bool receive(struct error *error)
{
    union {
        struct cmsghdr header;
        uint8_t bytes[CMSG_SPACE(sizeof start.descriptors)];
    } rights;
    struct iovec part = {&start.message, sizeof start.message};
    struct msghdr header = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = rights.bytes,
                            .msg_controllen = sizeof rights.bytes};
    long length = system_call(SYS_recvmsg, START_SLOT_SOCKET, &header, MSG_CMSG_CLOEXEC);

    if (length < 0)
        return failed(error, "start message", length);
    if (length != sizeof start.message || start.message.protocol != START_PROTOCOL ||
        (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0)
        return error_set(error, ERROR_SYSTEM_CONFINE, 0, "not a start message of this protocol");
    take_descriptors(&header);
    return true;
}

// What the message announces and what came with it must agree.
static bool check_message(struct error *error)
{
    uint32_t slots = start.message.slots;
    uint32_t announced = LEADING_DESCRIPTORS + (uint32_t)__builtin_popcount(slots);

    if (slots >> START_SLOT_COUNT != 0 || (slots & 1u << START_SLOT_SOCKET) != 0 ||
        announced != start.descriptor_count)
        return error_set(error, ERROR_SYSTEM_CONFINE, 0, "descriptors and start message differ");
    start.worker.slots = slots;
    start.worker.options = start.message.options;
    return true;
}

static bool map_control(struct error *error)
{
    struct stat file = {.st_size = 0};
    uint32_t at = start.message.options.record_offset;
    long result = system_call(SYS_fstat, start.descriptors[0], &file);

    if (result != 0)
        return failed(error, "size of control memory", result);
    if (file.st_size < (off_t)sizeof(struct start_record) || at % _Alignof(struct start_record) ||
        at > (uint64_t)file.st_size - sizeof(struct start_record))
        return error_set(error, ERROR_SYSTEM_CONFINE, 0, "control memory is too small");
    result = system_call(SYS_mmap, NULL, file.st_size, PROT_READ | PROT_WRITE, MAP_SHARED,
                         start.descriptors[0], 0);
    if (result <= 0)
        return failed(error, "control memory", result);
    start.worker.control = (uint8_t *)result;
    start.worker.control_bytes = (size_t)file.st_size;
    start.record = (struct start_record *)(start.worker.control + at);
    result = system_call(SYS_close, start.descriptors[0]);
    return result == 0 || failed(error, "closing control memory", result);
}

static bool read_filter(struct error *error)
{
    long length =
        system_call(SYS_pread64, start.descriptors[1], start.filter, sizeof start.filter, 0);

    if (length < 0)
        return failed(error, "filter", length);
    if (length == 0 || (size_t)length % sizeof start.filter[0] != 0)
        return error_set(error, ERROR_SYSTEM_CONFINE, 0, "not a filter");
    start.filter_count = (uint16_t)((size_t)length / sizeof start.filter[0]);
    length = system_call(SYS_close, start.descriptors[1]);
    return length == 0 || failed(error, "closing the filter", length);
}

static bool lock_down(struct error *error)
{
    const struct start_options *options = &start.message.options;
    struct jail_options jail = {
        .descriptors_max = options->descriptors_max,
        .data_bytes_max = options->data_bytes_max,
        .address_bytes_max = options->address_bytes_max,
        .file_bytes_max = options->file_bytes_max,
        .cpu_seconds = options->cpu_seconds,
        .parent = options->parent,
        .tsc_off = (options->flags & START_TSC_OFF) != 0,
        .filter = start.filter,
        .filter_count = start.filter_count,
    };
    uint32_t next = LEADING_DESCRIPTORS;

    for (uint32_t slot = 0; slot < START_SLOT_COUNT; slot++)
        jail.slots[slot] = (start.message.slots >> slot & 1) != 0 ? start.descriptors[next++] : -1;
    jail.slots[START_SLOT_SOCKET] = START_SLOT_SOCKET;
    return jail_enter(&jail, error);
}

static bool name_process(struct error *error)
{
    long result = system_call(SYS_prctl, PR_SET_NAME, "pinfold-worker");

    return result == 0 || failed(error, "name", result);
}

_Noreturn void worker_run(const struct worker_options *options, int (*body)(struct worker *worker))
{
    struct error error = {.code = ERROR_NONE};

    if (!receive(&error) || !check_message(&error) || !map_control(&error) ||
        !read_filter(&error) || !name_process(&error) || !options->prepare(&start.worker, &error) ||
        !lock_down(&error))
        give_up(START_RECORD_REFUSED, error.message, START_EXIT_REFUSED);
    _exit(body(&start.worker));
}
