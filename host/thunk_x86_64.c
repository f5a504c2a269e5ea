// SPDX-License-Identifier: Apache-2.0
//
// System V ABI, "Parameter Passing": integers and floats take their registers independently of each
// other's order, and a function does not look at registers that it has no parameters for. So one
// function type that fills all of them stands for every signature that needs no stack. The standard
// has nothing to say for such a call, the ABI has; sanitizers are told not to look.
#include "host/thunk.h"

#include <string.h>

struct pair {
    uint64_t words[2];
};

#define PARAMETERS                                                                                 \
    uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, double, double, double, double,    \
        double, double, double, double

#define ARGUMENTS                                                                                  \
    integers[0], integers[1], integers[2], integers[3], integers[4], integers[5], floats[0],       \
        floats[1], floats[2], floats[3], floats[4], floats[5], floats[6], floats[7]

typedef uint64_t integer_function(PARAMETERS);
typedef double float_function(PARAMETERS);
typedef struct pair pair_function(PARAMETERS);

bool thunk_fits(unsigned integers, unsigned floats)
{
    return integers <= THUNK_INTEGERS && floats <= THUNK_FLOATS;
}

__attribute__((no_sanitize("undefined"))) void thunk_call(void (*function)(void),
                                                          enum thunk_result kind,
                                                          const uint64_t registers[THUNK_REGISTERS],
                                                          uint64_t result[2])
{
    const uint64_t *integers = registers;
    double floats[THUNK_FLOATS]; // bits, not numbers: an f32 is in the low half of one
    double number;
    struct pair pair;

    memcpy(floats, registers + THUNK_INTEGERS, sizeof floats);
    if (kind == THUNK_INTEGER) {
        result[0] = ((integer_function *)function)(ARGUMENTS);
    } else if (kind == THUNK_FLOAT) {
        number = ((float_function *)function)(ARGUMENTS);
        memcpy(result, &number, sizeof number);
    } else {
        pair = ((pair_function *)function)(ARGUMENTS);
        memcpy(result, pair.words, sizeof pair.words);
    }
}

#undef PARAMETERS
#undef ARGUMENTS
