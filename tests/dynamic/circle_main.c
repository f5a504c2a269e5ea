// SPDX-License-Identifier: Apache-2.0
//
// A static main module in C that imports functions of a side module, which imports from it.
#include <stdio.h>

typedef int function(int);

int side_add(int left, int right);
function *side_pointer_to_main(void);
function *side_pointer_to_own(void);
function *side_pointer_to_hidden(void);
int side_own(int x);
int side_call(function *called, int x);
int side_weak(int x);

int counter = 5;

int main_twice(int x)
{
    return 2 * x;
}

static int thrice(int x)
{
    return 3 * x;
}

int main(void)
{
    printf("add %d\n", side_add(1, 2));
    printf("pointers %d %d %d\n", side_pointer_to_main() == main_twice,
           side_pointer_to_own() == side_own, side_pointer_to_hidden()(1));
    printf("call %d %d\n", side_call(thrice, 3), side_call(side_own, 3));
    printf("weak %d\n", side_weak(4));
    counter = 50;
    printf("add %d\n", side_add(1, 2));
    return 0;
}
