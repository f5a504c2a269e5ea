// SPDX-License-Identifier: Apache-2.0
//
// Any bytes through the decoder. It may refuse them, with an error that says where.
#include <stdlib.h>

#include "sandbox/wasm/engine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct engine_config config = {.stack_bytes = 65536};
    struct error error = {.code = ERROR_NONE};
    struct engine *engine;
    struct module *module;

    if (!engine_create(&config, &engine, &error))
        abort();
    if (engine_decode(engine, data, size, &module, &error)) {
        if (error.code != ERROR_NONE)
            abort();
    } else if (error.code == ERROR_NONE || error.offset > size || module != NULL) {
        abort();
    }
    engine_destroy(engine);
    return 0;
}
