// SPDX-License-Identifier: Apache-2.0
//
// A guest that needs nothing of anybody.
#include <pinfold_plugin.h>

PNF_EXPORT("add") uint32_t add(uint32_t left, uint32_t right)
{
    return left + right;
}

PNF_EXPORT("add64") uint64_t add64(uint64_t left, uint64_t right)
{
    return left + right;
}

PNF_EXPORT("half") double half(double number)
{
    return number / 2;
}

PNF_EXPORT("half32") float half32(float number)
{
    return number / 2;
}

PNF_EXPORT("nothing") void nothing(void)
{
}

PNF_EXPORT("reverse") pnf_text reverse(uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length / 2; i++) {
        uint8_t byte = bytes[i];

        bytes[i] = bytes[length - 1 - i];
        bytes[length - 1 - i] = byte;
    }
    return pnf_text_of(bytes, length);
}
