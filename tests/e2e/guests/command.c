// SPDX-License-Identifier: Apache-2.0
//
// A WASI command that does what its first argument says.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static volatile int sink;

static int print_all(int argc, char **argv)
{
    for (int i = 0; i < argc; i++)
        printf("%d: %s\n", i, argv[i]);
    return 0;
}

static int print_variable(const char *name)
{
    const char *value = getenv(name);

    printf("%s\n", value ? value : "(not there)");
    return 0;
}

static int print_much(void)
{
    for (int i = 0; i < 100000; i++)
        if (puts("a million") < 0)
            return 4;
    return fflush(stdout) != 0;
}

// Until nothing more is given; how many pages of 64 KiB that were.
static int eat_memory(void)
{
    int count = 0;

    while (__builtin_wasm_memory_grow(0, 1) != SIZE_MAX)
        count++;
    printf("%d pages\n", count);
    return 0;
}

static int look_at_clock_and_random(void)
{
    uint8_t bytes[16] = {0};
    struct timespec now = {0, 0};
    int zeroes = 0;

    clock_gettime(CLOCK_REALTIME, &now);
    for (int round = 0; round < 4; round++) {
        if (getentropy(bytes, sizeof bytes) != 0)
            return 3;
        for (size_t i = 0; i < sizeof bytes; i++)
            zeroes += bytes[i] == 0;
    }
    puts(now.tv_sec > 1700000000 && zeroes < 32 ? "both" : "none");
    return 0;
}

// A file that is only read is there to be written to disk like any other.
static int synchronize(const char *path)
{
    int file = open(path, O_RDONLY);

    if (file < 0 || fsync(file) != 0)
        return 3;
    puts("synchronized");
    return 0;
}

// A file of 4 GiB, all of it a hole.
static int extend(const char *path)
{
    int file = open(path, O_WRONLY | O_CREAT, 0666);

    if (file < 0)
        return 3;
    puts(ftruncate(file, (off_t)1 << 32) == 0 ? "extended" : strerror(errno));
    return 0;
}

// Whether there is input: by poll(), for a moment, and by reading without
// waiting.
static int look_for_input(void)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    int ready = poll(&input, 1, 20);
    char byte;
    ssize_t length;

    if (fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK) != 0)
        return 3;
    length = read(STDIN_FILENO, &byte, sizeof byte);
    printf("%d ready, %zd read%s\n", ready, length,
           length >= 0       ? ""
           : errno == EAGAIN ? ", none yet"
           : errno == EBADF  ? ", closed"
                             : ", error");
    return 0;
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";

    if (strcmp(what, "exit") == 0 && argc > 2)
        exit(atoi(argv[2]));
    if (strcmp(what, "trap") == 0)
        __builtin_trap();
    while (strcmp(what, "spin") == 0)
        sink++;
    if (strcmp(what, "print") == 0)
        return print_all(argc, argv);
    if (strcmp(what, "much") == 0)
        return print_much();
    if (strcmp(what, "env") == 0 && argc > 2)
        return print_variable(argv[2]);
    if (strcmp(what, "memory") == 0)
        return eat_memory();
    if (strcmp(what, "sources") == 0)
        return look_at_clock_and_random();
    if (strcmp(what, "error") == 0)
        return fprintf(stderr, "to stderr\n") < 0;
    if (strcmp(what, "sync") == 0 && argc > 2)
        return synchronize(argv[2]);
    if (strcmp(what, "extend") == 0 && argc > 2)
        return extend(argv[2]);
    if (strcmp(what, "input") == 0)
        return look_for_input();
    if (strcmp(what, "open") == 0)
        return fopen("/etc/passwd", "r") == NULL;
    return 2;
}
