// SPDX-License-Identifier: Apache-2.0
//
// A guest that gets and gives a lot.
#include <pinfold_plugin.h>

PNF_IMPORT("app", "make") pnf_text app_make(uint32_t size);
PNF_IMPORT("app", "take") uint32_t app_take(const uint8_t *bytes, size_t length);
PNF_IMPORT("app", "nest") pnf_text app_nest(int32_t depth, const uint8_t *bytes, size_t length);
PNF_IMPORT("app", "twice") int32_t app_twice(int32_t x);

// What came is the guest's own, and goes back as a result.
PNF_EXPORT("echo") pnf_text echo(uint8_t *bytes, size_t length)
{
    return pnf_text_of(bytes, length);
}

PNF_EXPORT("echo_cstr") char *echo_cstr(char *text)
{
    return text;
}

PNF_EXPORT("add") int32_t add(int32_t a, int32_t b)
{
    return a + b;
}

// The first and the last byte, and a byte less.
PNF_EXPORT("flip") void flip(uint8_t *bytes, size_t *length)
{
    if (*length < 2)
        return;
    bytes[0] ^= 0xFF;
    bytes[*length - 2] ^= 0xFF;
    *length -= 1;
}

PNF_EXPORT("drop") uint32_t drop(uint8_t *bytes, size_t length)
{
    pnf_free(bytes);
    return (uint32_t)length;
}

// That many zeroes.
PNF_EXPORT("zeroes") pnf_text zeroes(uint32_t size)
{
    void *bytes = pnf_alloc(size);

    if (!bytes)
        pnf_trap();
    return pnf_text_of(bytes, size);
}

// The host's bytes go back to the host.
PNF_EXPORT("fetch") uint32_t fetch(uint32_t size)
{
    pnf_text made = app_make(size);
    uint32_t sum = app_take((const uint8_t *)pnf_text_data(made), pnf_text_length(made));

    pnf_free(pnf_text_data(made));
    return sum;
}

// The same bytes all the way down and up.
PNF_EXPORT("nest") pnf_text nest(int32_t depth, uint8_t *bytes, size_t length)
{
    pnf_text below;

    if (depth == 0)
        return pnf_text_of(bytes, length);
    below = app_nest(depth - 1, bytes, length);
    pnf_free(bytes);
    return below;
}

// For the benchmark: that many calls of the host.
PNF_EXPORT("call_host") int32_t call_host(int32_t count)
{
    int32_t x = 1;

    for (int32_t i = 0; i < count; i++)
        x = app_twice(x);
    return x;
}

PNF_EXPORT("take_many") uint32_t take_many(int32_t count, uint32_t size)
{
    pnf_text bytes = zeroes(size);
    uint32_t sum = 0;

    for (int32_t i = 0; i < count; i++)
        sum += app_take((const uint8_t *)pnf_text_data(bytes), pnf_text_length(bytes));
    pnf_free(pnf_text_data(bytes));
    return sum;
}

PNF_EXPORT("make_many") uint32_t make_many(int32_t count, uint32_t size)
{
    uint32_t sum = 0;

    for (int32_t i = 0; i < count; i++) {
        pnf_text made = app_make(size);

        sum += (uint32_t)pnf_text_length(made);
        pnf_free(pnf_text_data(made));
    }
    return sum;
}
