// SPDX-License-Identifier: Apache-2.0
// Runs a benchmark program natively: prints the checksum of run(n) in decimal.
#include "program.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s N\n", argv[0]);
        return 2;
    }
    uint32_t n = (uint32_t)strtoul(argv[1], NULL, 10);
    printf("%" PRIu64 "\n", run(n));
    return 0;
}
