// SPDX-License-Identifier: Apache-2.0
//
// An evaluator of filter programs, so that tests can ask for a decision without making the call.
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>

// What the kernel would do with this call (SECCOMP_RET_...). A program that the evaluator does not
// understand, or that runs off its end, fails the running test.
uint32_t bpf_decide(const struct sock_filter *program, size_t count,
                    const struct seccomp_data *record);
