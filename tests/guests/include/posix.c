// SPDX-License-Identifier: Apache-2.0
//
// Linked into guests that want them: functions of C and POSIX that Debian's C library for WASI
// declares and lacks. There are no commands, hence no shell. Temporary files are in TMPDIR.

#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char *tmpnam(char *name)
{
    static char own[L_tmpnam];
    static unsigned count;
    const char *folder = getenv("TMPDIR");
    char *result = name == NULL ? own : name;

    do {
        if (folder == NULL || snprintf(result, L_tmpnam, "%s/tmp-%u", folder, count++) >= L_tmpnam)
            return NULL;
    } while (access(result, F_OK) == 0);
    return result;
}

FILE *tmpfile(void)
{
    char name[L_tmpnam];
    FILE *stream = tmpnam(name) == NULL ? NULL : fopen(name, "w+b");

    if (stream != NULL)
        unlink(name);
    return stream;
}

int system(const char *command)
{
    return command == NULL ? 0 : -1;
}

FILE *__real_fopen(const char *path, const char *mode);
FILE *__wrap_fopen(const char *path, const char *mode);

// The C library takes the empty name for that of the working folder.
FILE *__wrap_fopen(const char *path, const char *mode)
{
    if (*path != '\0')
        return __real_fopen(path, mode);
    errno = ENOENT;
    return NULL;
}

// The C library takes every name for that of a locale, and then does as in C.
char *setlocale(int category, const char *name)
{
    (void)category;
    if (name == NULL || *name == '\0' || strcmp(name, "C") == 0 || strcmp(name, "POSIX") == 0)
        return "C";
    return NULL;
}

// WASI has no working folder that a guest could be started in.
__attribute__((constructor)) static void enter_folder(void)
{
    const char *folder = getenv("PWD");

    if (folder != NULL && chdir(folder) != 0) {
        perror(folder);
        exit(EXIT_FAILURE);
    }
}
