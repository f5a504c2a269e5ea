// SPDX-License-Identifier: Apache-2.0
#include "tests/jail/fixture.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/filter.h"

enum { DATA_BYTES_MAX = 64 * 1024 * 1024, FILE_BYTES_MAX = 1024 * 1024, DESCRIPTORS_MAX = 16 };

static const uint8_t module_bytes[8] = {0, 'a', 's', 'm', 1, 0, 0, 0};

static const struct launcher_paths paths = {
    .launcher = PINFOLD_LAUNCHER,
    .worker = PINFOLD_ATTACK_WORKER,
};

static struct fixture the_fixture;

void fixture_open(struct launcher_client *client)
{
    struct error error = {.code = ERROR_NONE};

    if (!launcher_client_open(client, &paths, &error))
        fail_msg("%s", error.message);
}

static int sealed(const void *bytes, size_t length, int seals)
{
    int descriptor = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, bytes, length), length);
    assert_int_equal(
        fcntl(descriptor, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL | seals), 0);
    return descriptor;
}

int fixture_control(uint8_t **control)
{
    static const uint8_t zeroes[FIXTURE_CONTROL_BYTES];
    int descriptor = sealed(zeroes, sizeof zeroes, 0);

    *control = mmap(NULL, FIXTURE_CONTROL_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    assert_ptr_not_equal(*control, MAP_FAILED);
    return descriptor;
}

// Answers the probe, since the jail insists, and allows all the rest.
static int permissive_filter(void)
{
    const struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_madvise, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 32), // the third argument
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, START_PROBE_ADVICE, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 0x00050000 /* ERRNO */ | START_PROBE_ERRNO),
        BPF_STMT(BPF_RET | BPF_K, 0x7fff0000 /* ALLOW */),
    };

    return sealed(program, sizeof program, F_SEAL_WRITE);
}

struct start_options fixture_options(const struct attack *attack)
{
    struct start_options options = {
        .data_bytes_max = DATA_BYTES_MAX,
        .file_bytes_max = FILE_BYTES_MAX,
        .descriptors_max = DESCRIPTORS_MAX,
        .record_offset = ATTACK_RECORD_OFFSET,
    };

    memcpy(options.payload, attack, sizeof *attack);
    return options;
}

// With files, the first three are taken, as for a plugin that has been granted some.
static void start(const struct fixture *fixture, struct launcher_client *client, int filter,
                  const struct start_options *options, struct launcher_worker *worker,
                  uint8_t **control, bool with_files)
{
    struct error error = {.code = ERROR_NONE};
    struct launcher_start message = {.options = *options, .filter = filter};
    bool started;

    for (int slot = 0; slot < START_SLOT_COUNT; slot++)
        message.slots[slot] = with_files && slot <= START_SLOT_STDERR ? fixture->module : -1;
    message.slots[START_SLOT_MODULE] = fixture->module;
    message.control = fixture_control(control);
    started = launcher_client_start(client, &message, worker, &error);
    close(message.control);
    if (!started)
        fail_msg("%s", error.message);
}

void fixture_start(const struct fixture *fixture, struct launcher_client *client, int filter,
                   const struct start_options *options, struct launcher_worker *worker,
                   uint8_t **control)
{
    start(fixture, client, filter, options, worker, control, false);
}

static void send_file(int socket, int file)
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

    memcpy(CMSG_DATA(&rights.header), &file, sizeof file);
    assert_int_equal(sendmsg(socket, &header, MSG_NOSIGNAL), 1);
}

// `file` is sent unless it is -1.
static struct outcome run(struct fixture *fixture, int filter, const struct start_options *options,
                          int file)
{
    struct launcher_worker worker;
    struct outcome outcome;
    uint8_t *control;

    start(fixture, &fixture->client, filter, options, &worker, &control, file >= 0);
    if (file >= 0)
        send_file(worker.socket, file);
    if (!launcher_client_wait(&fixture->client, &worker, FIXTURE_TIMEOUT_MS))
        fail_msg("the worker does not end");
    outcome.end = worker.ended;
    outcome.status = worker.status;
    memcpy(&outcome.report, control, sizeof outcome.report);
    memcpy(&outcome.record, control + ATTACK_RECORD_OFFSET, sizeof outcome.record);
    launcher_client_release(&fixture->client, &worker);
    munmap(control, FIXTURE_CONTROL_BYTES);
    return outcome;
}

struct outcome fixture_run(struct fixture *fixture, int filter, const struct start_options *options)
{
    return run(fixture, filter, options, -1);
}

struct outcome fixture_attack_file(struct fixture *fixture, int filter, const struct attack *attack,
                                   int file)
{
    struct start_options options = fixture_options(attack);

    return run(fixture, filter, &options, file);
}

struct outcome fixture_attack(struct fixture *fixture, const struct attack *attack)
{
    struct start_options options = fixture_options(attack);

    return fixture_run(fixture, fixture->filter, &options);
}

struct outcome fixture_attack_unfiltered(struct fixture *fixture, const struct attack *attack)
{
    struct start_options options = fixture_options(attack);

    return fixture_run(fixture, fixture->permissive, &options);
}

void fixture_expect_killed(const struct outcome *outcome, const char *what)
{
    if (outcome->end == LAUNCHER_END_KILLED && outcome->status == SIGSYS && !outcome->report.done)
        return;
    fail_msg("%s: end %d, status %d, result %lld, record \"%.60s\"", what, (int)outcome->end,
             outcome->status, (long long)outcome->report.result, outcome->record.text);
}

bool fixture_answers(const struct launcher_worker *worker)
{
    struct pollfd waited = {.fd = worker->socket, .events = POLLIN};
    char byte = 'x';

    return send(worker->socket, &byte, 1, MSG_NOSIGNAL) == 1 &&
           poll(&waited, 1, FIXTURE_TIMEOUT_MS) == 1 &&
           recv(worker->socket, &byte, 1, MSG_DONTWAIT) == 1;
}

static DIR *open_folder(const char *path)
{
    DIR *folder = opendir(path);

    assert_non_null(folder);
    return folder;
}

int fixture_descriptors(void)
{
    DIR *folder = open_folder("/proc/self/fd");
    int count = -1; // the folder's own

    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder))
        count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}

// Whether a process runs one of our executables. Those of other users cannot be looked at.
static bool is_ours(const char *process)
{
    char path[300];
    char target[4096];
    ssize_t length;

    snprintf(path, sizeof path, "/proc/%s/exe", process);
    length = readlink(path, target, sizeof target - 1);
    if (length < 0)
        return false;
    target[length] = '\0';
    return strcmp(target, PINFOLD_LAUNCHER) == 0 || strcmp(target, PINFOLD_ATTACK_WORKER) == 0;
}

static int ours(void)
{
    DIR *folder = open_folder("/proc");
    int count = 0;

    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder))
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
            count += is_ours(entry->d_name);
    closedir(folder);
    return count;
}

int fixture_left_behind(int patience_ms)
{
    int count = ours();

    for (int waited_ms = 0; count > 0 && waited_ms < patience_ms; waited_ms += 10) {
        usleep(10 * 1000);
        count = ours();
    }
    return count;
}

int fixture_begin(void **state)
{
    struct fixture *fixture = &the_fixture;
    const struct attack attack = {.kind = ATTACK_ANSWER};
    const struct start_options options = fixture_options(&attack);
    const struct filter_options granted = {.files = true, .files_write = true};
    struct error error = {.code = ERROR_NONE};

    *state = fixture;
    fixture->descriptors_before = fixture_descriptors();
    if (!filter_memfd(&granted, &fixture->filter, &error))
        fail_msg("%s", error.message);
    fixture->permissive = permissive_filter();
    fixture->module = sealed(module_bytes, sizeof module_bytes, F_SEAL_WRITE);
    fixture_open(&fixture->client);
    fixture_start(fixture, &fixture->client, fixture->filter, &options, &fixture->sibling,
                  &fixture->sibling_control);
    assert_true(fixture_answers(&fixture->sibling));
    return 0;
}

int fixture_end(void **state)
{
    struct fixture *fixture = *state;
    siginfo_t information;

    if (!fixture_answers(&fixture->sibling))
        return -1;
    launcher_client_release(&fixture->client, &fixture->sibling);
    munmap(fixture->sibling_control, FIXTURE_CONTROL_BYTES);
    launcher_client_close(&fixture->client);
    close(fixture->filter);
    close(fixture->permissive);
    close(fixture->module);
    if (waitid(P_ALL, 0, &information, WEXITED | WNOHANG | WNOWAIT | __WALL) != -1 ||
        errno != ECHILD)
        return -1;
    return fixture_descriptors() == fixture->descriptors_before ? 0 : -1;
}
