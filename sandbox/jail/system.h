// SPDX-License-Identifier: Apache-2.0
//
// The raw system calls of the set-up of workers and launcher: one function, so that tests can put
// another one in its place that fails, or only claims to have worked, at any of them.
#pragma once

// Makes the call and returns its result, or the negative errno. errno itself stays as it is.
long system_call_raw(long number, const long arguments[6]);

// system_call(number, up to six arguments of any scalar type); the others are 0.
#define system_call(...) SYSTEM_CALL_PADDED(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)
#define SYSTEM_CALL_PADDED(number_, a_, b_, c_, d_, e_, f_, ...)                                   \
    system_call_raw((long)(number_), (const long[6]){(long)(a_), (long)(b_), (long)(c_),           \
                                                     (long)(d_), (long)(e_), (long)(f_)})
