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

// False if the folder does not have both.
static bool try_folder(const char *folder, size_t length, struct libexec *libexec)
{
    int limit = (int)(length < PATH_MAX ? length : PATH_MAX);
    int launcher = snprintf(libexec->launcher, PATH_MAX, "%.*s/pinfold-launcher", limit, folder);
    int worker = snprintf(libexec->worker, PATH_MAX, "%.*s/pinfold-worker", limit, folder);

    return launcher > 0 && launcher < PATH_MAX && worker > 0 && worker < PATH_MAX &&
           access(libexec->launcher, X_OK) == 0 && access(libexec->worker, X_OK) == 0;
}

static bool try_beside(struct libexec *libexec)
{
    static const char anchor;
    const char *slash;
    Dl_info library;

    if (dladdr(&anchor, &library) == 0 || !library.dli_fname)
        return false;
    slash = strrchr(library.dli_fname, '/');
    return slash && try_folder(library.dli_fname, (size_t)(slash - library.dli_fname), libexec);
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
    if (try_beside(libexec) || try_folder(PINFOLD_LIBEXECDIR, strlen(PINFOLD_LIBEXECDIR), libexec))
        return true;
    return error_text_set(error, PNF_SYSTEM,
                          "cannot open a host: pinfold-launcher and pinfold-worker are neither "
                          "beside the library nor in %s; the option libexec and PINFOLD_LIBEXEC "
                          "say where they are",
                          PINFOLD_LIBEXECDIR);
}
