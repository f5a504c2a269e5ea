// SPDX-License-Identifier: Apache-2.0
//
// Included before everything else when a program of tests/guests is compiled for WASI: what POSIX
// has and the C library lacks. WASI has one user, no modes of files and no record locks; programs
// copy the first two from file to file, and sqlite3 is told to lock by other means.

#pragma once

#include <fcntl.h>
#include <stdio.h>
#include <sys/types.h>
#include <unistd.h>

#define L_tmpnam 20

#define F_RDLCK 0
#define F_WRLCK 1
#define F_UNLCK 2
#define F_GETLK 5
#define F_SETLK 6

static inline int chmod(const char *path, mode_t mode)
{
    (void)path, (void)mode;
    return 0;
}

static inline int fchmod(int descriptor, mode_t mode)
{
    (void)descriptor, (void)mode;
    return 0;
}

static inline int chown(const char *path, uid_t user, gid_t group)
{
    (void)path, (void)user, (void)group;
    return 0;
}

static inline int fchown(int descriptor, uid_t user, gid_t group)
{
    (void)descriptor, (void)user, (void)group;
    return 0;
}

static inline mode_t umask(mode_t mode)
{
    return mode;
}

static inline uid_t getuid(void)
{
    return 0;
}

static inline uid_t geteuid(void)
{
    return 0;
}
