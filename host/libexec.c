// SPDX-License-Identifier: Apache-2.0
#include "host/libexec.h"

#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef PINFOLD_LIBEXECDIR
#define PINFOLD_LIBEXECDIR "/usr/local/libexec/pinfold"
#endif
#ifndef PINFOLD_LIBEXEC_FROM_LIBRARY
#define PINFOLD_LIBEXEC_FROM_LIBRARY "../libexec/pinfold"
#endif

// False if the folder does not have both.
static bool try_folder(const char *folder, size_t length, struct libexec *libexec)
{
    int limit = (int)(length < PATH_MAX ? length : PATH_MAX);
    int launcher = snprintf(libexec->launcher, PATH_MAX, "%.*s/pinfold-launcher", limit, folder);
    int worker = snprintf(libexec->worker, PATH_MAX, "%.*s/pinfold-worker", limit, folder);

    return launcher > 0 && launcher < PATH_MAX && worker > 0 && worker < PATH_MAX &&
           access(libexec->launcher, X_OK) == 0 && access(libexec->worker, X_OK) == 0;
}

// Beside the library, as in a build; else where they are from there when installed, so that what is
// installed may be moved as a whole.
static bool try_library(struct libexec *libexec)
{
    static const char anchor;
    char folder[PATH_MAX];
    const char *slash;
    Dl_info library;
    int length;

    if (dladdr(&anchor, &library) == 0 || !library.dli_fname)
        return false;
    slash = strrchr(library.dli_fname, '/');
    if (!slash)
        return false;
    length = (int)(slash - library.dli_fname);
    if (try_folder(library.dli_fname, (size_t)length, libexec))
        return true;
    length = snprintf(folder, sizeof folder, "%.*s/" PINFOLD_LIBEXEC_FROM_LIBRARY, length,
                      library.dli_fname);
    return length > 0 && length < PATH_MAX && try_folder(folder, (size_t)length, libexec);
}

bool libexec_find(const char *folder, struct libexec *libexec, struct error_text *error)
{
    const char *asked = folder ? folder : secure_getenv("PINFOLD_LIBEXEC");

    if (asked && try_folder(asked, strlen(asked), libexec))
        return true;
    if (asked)
        return error_text_set(error, PNF_SYSTEM,
                              "cannot open a host: there are no executable pinfold-launcher and "
                              "pinfold-worker in %s, which %s names",
                              asked, folder ? "the option libexec" : "PINFOLD_LIBEXEC");
    if (try_library(libexec) || try_folder(PINFOLD_LIBEXECDIR, strlen(PINFOLD_LIBEXECDIR), libexec))
        return true;
    return error_text_set(error, PNF_SYSTEM,
                          "cannot open a host: pinfold-launcher and pinfold-worker are neither "
                          "beside the library nor in %s; the option libexec and PINFOLD_LIBEXEC "
                          "say where they are",
                          PINFOLD_LIBEXECDIR);
}
