// SPDX-License-Identifier: Apache-2.0
#include "host/session_private.h"

const char *session_trap_words(uint64_t code)
{
    static const char *const words[] = {
        "no trap",
#define TRAP(NAME_, words_) (words_),
#include "sandbox/wasm/trap.def"
#undef TRAP
    };

    return code > 0 && code < sizeof words / sizeof words[0] ? words[code] : "unknown trap";
}

bool session_trap_is_fuel(uint64_t code)
{
    enum trap_code {
        TRAP_NONE,
#define TRAP(NAME_, words_) TRAP_##NAME_,
#include "sandbox/wasm/trap.def"
#undef TRAP
    };

    return code == TRAP_FUEL_EXHAUSTED;
}
