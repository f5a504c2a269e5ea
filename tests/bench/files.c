// SPDX-License-Identifier: Apache-2.0
//
// Files, natively and as a guest: files FOLDER write|read|open COUNT. `write` and `read` move COUNT
// MiB through a file in pieces of 64 KiB; `open` opens, looks into and closes one COUNT times.
// Prints a checksum of what was read or written.
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PIECE = 64 * 1024, PIECES_PER_MIB = 16, PATH_SIZE = 4096 };

static uint8_t piece[PIECE];

static int fail(const char *what)
{
    perror(what);
    return 1;
}

static int write_file(const char *path, long pieces, uint64_t *sum)
{
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);

    if (file < 0)
        return fail(path);
    for (long i = 0; i < pieces; i++) {
        piece[0] = (uint8_t)i;
        if (write(file, piece, PIECE) != PIECE)
            return fail("write");
        *sum += piece[0];
    }
    return close(file) == 0 ? 0 : fail("close");
}

static int read_file(const char *path, long pieces, uint64_t *sum)
{
    int file = open(path, O_RDONLY);

    if (file < 0)
        return fail(path);
    for (long i = 0; i < pieces; i++) {
        if (read(file, piece, PIECE) != PIECE)
            return fail("read");
        *sum += piece[0];
    }
    return close(file) == 0 ? 0 : fail("close");
}

static int open_file(const char *path, long count, uint64_t *sum)
{
    for (long i = 0; i < count; i++) {
        int file = open(path, O_RDONLY);

        if (file < 0)
            return fail(path);
        if (read(file, piece, 1) != 1)
            return fail("read");
        *sum += piece[0];
        close(file);
    }
    return 0;
}

int main(int argc, char **argv)
{
    char path[PATH_SIZE];
    uint64_t sum = 0;
    long count;
    int status;

    if (argc != 4 || snprintf(path, sizeof path, "%s/data", argv[1]) >= (int)sizeof path)
        return 2;
    count = atol(argv[3]);
    if (strcmp(argv[2], "write") == 0)
        status = write_file(path, count * PIECES_PER_MIB, &sum);
    else if (strcmp(argv[2], "read") == 0)
        status = read_file(path, count * PIECES_PER_MIB, &sum);
    else
        status = open_file(path, count, &sum);
    printf("%llu\n", (unsigned long long)sum);
    return status;
}
