// SPDX-License-Identifier: Apache-2.0
//
// A policy's text. What is accepted must pass the worker's check, go through the worker's copy, and
// what is refused must deny and say why and where.
#include <stdlib.h>
#include <string.h>

#include "host/policy_source.h"
#include "host/policy_yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct policy policy;
    static struct policy other;
    struct policy_error problem = {.line = 0};
    struct error error = {.code = ERROR_NONE};

    if (!policy_from_text((const char *)data, size, &policy, &problem)) {
        policy_init(&other);
        require(memcmp(&policy, &other, sizeof policy) == 0);
        require(problem.message[0] != '\0');
        require(problem.line > 0 || size > POLICY_SOURCE_BYTES_MAX);
        for (const char *at = problem.message; *at; at++)
            require(*at >= 0x20 && *at < 0x7f);
        return 0;
    }
    require(problem.message[0] == '\0');
    require(policy_check(&policy, &error));
    require(policy_for_worker(&policy, &other, &error));
    require(policy_check(&other, &error));
    return 0;
}
