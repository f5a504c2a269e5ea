// SPDX-License-Identifier: Apache-2.0
//
// Any text: what parses has a plan that passes its check, and prints to what parses to the same;
// what does not parse has an error with a column inside the text, or right behind it.
#include <assert.h>
#include <string.h>

#include "host/signature.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// Assertions are the point here: a build without them must not pass for one that found nothing.
#ifdef NDEBUG
#error "fuzz targets need assertions"
#endif

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error error = {.code = ERROR_NONE};
    struct signature signature;
    struct signature again;
    char text[SIGNATURE_TEXT_SIZE];
    size_t length;

    if (!signature_parse((const char *)data, size, &signature, &error)) {
        assert(error.code != ERROR_NONE);
        assert(error.offset >= 1 && error.offset <= size + 1);
        return 0;
    }
    assert(error.code == ERROR_NONE && plan_check(&signature.plan, &error));
    length = signature_print(&signature, text, sizeof text);
    assert(length < sizeof text && strlen(text) == length);
    if (!signature_parse(text, length, &again, &error))
        __builtin_trap();
    assert(memcmp(&again, &signature, sizeof signature) == 0);
    return 0;
}
