// SPDX-License-Identifier: Apache-2.0
//
// WASI's errors, and the system's and the broker's as WASI's.
#pragma once

#include <stdint.h>

enum wasi_errno {
    WASI_SUCCESS = 0,
#define WASI_ERRNO(NAME_, number_, error_) WASI_##NAME_ = (number_),
#include "wasi/errno.def"
#undef WASI_ERRNO
};

// What an errno of Linux's, or an enum file_error, is called. IO where WASI has no name for it, or
// calls have no use for the one that it has; 0 is SUCCESS.
enum wasi_errno wasi_errno_of(uint32_t error);
