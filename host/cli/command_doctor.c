// SPDX-License-Identifier: Apache-2.0
//
// What this machine gives. Every probe asks the kernel by trying, in a way that leaves nothing
// behind; what would stay with the process is tried in a child.
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "host/cli/cli.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8u
#endif

enum {
    SET_MDWE = 65,
    MDWE_REFUSE_EXEC_GAIN = 1,
    GET_LANDLOCK_VERSION = 1,
    STARTS = 5,
    NOTE_SIZE = 160,
    // (module (func (export "run")))
    MODULE_SIZE = 33
};

static const uint8_t module_bytes[MODULE_SIZE] = {
    0x00, 'a',  's',  'm',  0x01, 0x00, 0x00, 0x00, 0x01, 0x04, 0x01,
    0x60, 0x00, 0x00, 0x03, 0x02, 0x01, 0x00, 0x07, 0x07, 0x01, 0x03,
    'r',  'u',  'n',  0x00, 0x00, 0x0a, 0x04, 0x01, 0x02, 0x00, 0x0b,
};

struct finding {
    bool there;
    char note[NOTE_SIZE];
};

struct probe {
    const char *name;
    bool needed; // plugins cannot be run without it
    const char *purpose;
    void (*look)(struct finding *finding);
};

// --- probes --------------------------------------------------------------------------------------

static void found(struct finding *finding, bool there)
{
    finding->there = there;
    if (!there)
        snprintf(finding->note, sizeof finding->note, "%s", strerror(errno));
}

static void look_kernel(struct finding *finding)
{
    struct utsname name;
    unsigned major = 0;
    unsigned minor = 0;

    finding->there = uname(&name) == 0 && sscanf(name.release, "%u.%u", &major, &minor) == 2 &&
                     (major > 5 || (major == 5 && minor >= 10));
    snprintf(finding->note, sizeof finding->note, "%s %s", name.sysname, name.release);
}

static void look_seccomp(struct finding *finding)
{
    uint32_t action = SECCOMP_RET_KILL_PROCESS;

    found(finding, syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0);
}

static void look_memfd(struct finding *finding)
{
    int fd = memfd_create("doctor", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    found(finding, fd >= 0 && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) == 0);
    if (fd >= 0)
        close(fd);
    fd = memfd_create("doctor", MFD_CLOEXEC | MFD_NOEXEC_SEAL);
    if (finding->there)
        snprintf(finding->note, sizeof finding->note, "%s",
                 fd >= 0 ? "never executable"
                         : "kernels from 6.3 on also make them never "
                           "executable");
    if (fd >= 0)
        close(fd);
}

static void look_pidfd(struct finding *finding)
{
    int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);

    found(finding, fd >= 0);
    if (fd >= 0)
        close(fd);
}

// Whether a child that does it ends well.
static bool child_can(int (*attempt)(void))
{
    int status = -1;
    pid_t child = fork();

    if (child == 0)
        _exit(attempt());
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    errno = WIFEXITED(status) ? WEXITSTATUS(status) : EPERM;
    return child > 0 && errno == 0;
}

static int try_mdwe(void)
{
    return prctl(SET_MDWE, MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) == 0 ? 0 : errno;
}

static void look_mdwe(struct finding *finding)
{
    found(finding, child_can(try_mdwe));
}

static int try_namespaces(void)
{
    return unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWNS) == 0 ? 0 : errno;
}

static void look_namespaces(struct finding *finding)
{
    found(finding, child_can(try_namespaces));
    if (finding->there)
        snprintf(finding->note, sizeof finding->note, "not used yet");
}

static void look_landlock(struct finding *finding)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, GET_LANDLOCK_VERSION);

    found(finding, version > 0);
    if (finding->there)
        snprintf(finding->note, sizeof finding->note, "ABI %ld", version);
}

static void look_openat2(struct finding *finding)
{
    struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_BENEATH};
    int fd = (int)syscall(SYS_openat2, AT_FDCWD, ".", &how, sizeof how);

    found(finding, fd >= 0);
    if (fd >= 0)
        close(fd);
    if (finding->there)
        snprintf(finding->note, sizeof finding->note, "not used yet");
}

static void look_addresses(struct finding *finding)
{
    size_t size = (UINT64_C(8) << 30) + 65536;
    void *area = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    found(finding, area != MAP_FAILED);
    if (finding->there)
        munmap(area, size);
}

static void look_processors(struct finding *finding)
{
    cpu_set_t set;
    int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;

    finding->there = count > 1;
    snprintf(finding->note, sizeof finding->note, "%d", count);
}

static const struct probe probes[] = {
    {"kernel", true, "Linux 5.10 or newer", look_kernel},
    {"seccomp", true, "system calls of plugins are filtered, others kill", look_seccomp},
    {"memfd", true, "modules and channels in sealed memory", look_memfd},
    {"pidfd", true, "processes are ended and awaited without mistaking them", look_pidfd},
    {"addresses", true, "8 GiB of addresses for each memory, so that none can be left",
     look_addresses},
    {"landlock", false, "a second wall around files", look_landlock},
    {"mdwe", false, "a second wall against new code", look_mdwe},
    {"namespaces", false, "a second wall around network, processes, files", look_namespaces},
    {"openat2", false, "files by capability, without races", look_openat2},
    {"processors", false, "with two or more, calls spin instead of sleeping", look_processors},
};

enum { PROBES = sizeof probes / sizeof probes[0] };

// --- the whole -----------------------------------------------------------------------------------

static uint64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

// Loads a plugin and calls it; the shortest of several tries, in microseconds.
static pnf_status start_worker(pnf_host *host, uint64_t *shortest)
{
    *shortest = UINT64_MAX;
    for (int i = 0; i < STARTS; i++) {
        uint64_t before = now_us();
        pnf_plugin *plugin = NULL;
        pnf_status status =
            pnf_load_bytes(host, "doctor", module_bytes, MODULE_SIZE, NULL, 0, &plugin);
        uint64_t took = now_us() - before;

        if (status == PNF_OK)
            status = pnf_call(plugin, "run()");
        if (status != PNF_OK)
            return status;
        pnf_unload(plugin);
        if (took < *shortest)
            *shortest = took;
    }
    return PNF_OK;
}

static void look_worker(struct finding *finding)
{
    pnf_host *host = NULL;
    uint64_t shortest = 0;

    finding->there =
        pnf_host_open(NULL, &host) == PNF_OK && start_worker(host, &shortest) == PNF_OK;
    if (finding->there)
        snprintf(finding->note, sizeof finding->note, "ready in %llu us",
                 (unsigned long long)shortest);
    else
        snprintf(finding->note, sizeof finding->note, "%.150s", pnf_error_text());
    pnf_host_close(host);
}

static const struct probe whole = {"worker", true, "a plugin was loaded, confined and called",
                                   look_worker};

static bool report(const struct cli_options *options, const struct probe *probe, json_t *list)
{
    struct finding finding = {.there = false};

    errno = 0;
    probe->look(&finding);
    if (options->json)
        json_array_append_new(list, json_pack("{s:s, s:b, s:b, s:s, s:s}", "name", probe->name,
                                              "there", finding.there, "needed", probe->needed,
                                              "purpose", probe->purpose, "note", finding.note));
    else
        printf("%-4s %-11s %s%s%s%s\n",
               finding.there   ? "yes"
               : probe->needed ? "NO"
                               : "no",
               probe->name, probe->purpose, finding.note[0] ? " (" : "", finding.note,
               finding.note[0] ? ")" : "");
    return finding.there || !probe->needed;
}

int cli_doctor(const struct cli_options *options)
{
    json_t *list = json_array();
    bool well = true;

    for (size_t i = 0; i < PROBES; i++)
        well = report(options, &probes[i], list) && well;
    well = report(options, &whole, list) && well;
    if (!options->json)
        printf("%s\n", well ? "Plugins can be run here."
                            : "Plugins cannot be run here: see the lines that say NO.");
    if (options->json)
        cli_print_json(list, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
    else
        json_decref(list);
    return well ? 0 : cli_exit_status(PNF_SYSTEM);
}
