// SPDX-License-Identifier: Apache-2.0
//
// Valid modules made of the input: all forms of the engine and the reference interpreter agree.
#include <stddef.h>
#include <stdint.h>

#include "tests/fuzz/differential.h"
#include "tests/fuzz/generate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct generated generated;

    generate(data, size, &generated);
    differential_run(generated.modules, generated.count, &generated.options);
    return 0;
}
