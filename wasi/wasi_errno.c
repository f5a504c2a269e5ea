// SPDX-License-Identifier: Apache-2.0
#include "wasi/wasi_errno.h"

#include <errno.h>

#include "sandbox/file_request.h"

enum wasi_errno wasi_errno_of(uint32_t error)
{
    switch (error) {
    case 0:
        return WASI_SUCCESS;
#define WASI_ERRNO(NAME_, number_, error_)                                                         \
    case error_:                                                                                   \
        return WASI_##NAME_;
#include "wasi/errno.def"
#undef WASI_ERRNO
    case FILE_NOT_GRANTED:
        return WASI_NOTCAPABLE;
    case FILE_NOT_A_FILE:
        return WASI_NXIO; // as open() says it of a socket
    default:
        return WASI_IO;
    }
}
