// SPDX-License-Identifier: Apache-2.0
// A guest, for test_prefix.c: a small program with a large library.
#include <stdio.h>

int main(int argc, char **argv)
{
    printf("hello %s, %d %.3f\n", argv[0], argc, argc / 3.0);
    return 0;
}
