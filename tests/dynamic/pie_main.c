// SPDX-License-Identifier: Apache-2.0
//
// A position-independent main module without any library; its side module is circle_side.c.
typedef int function(int);

extern char __heap_base[];
extern int side_value;
int side_add(int left, int right);
function *side_pointer_to_main(void);
int side_call(function *called, int x);
int side_weak(int x);

int counter = 5;
static int *value_of_side = &side_value;

int main_twice(int x)
{
    return 2 * x;
}

static int thrice(int x)
{
    return 3 * x;
}

int add(void)
{
    return side_add(1, 2);
}

int pointers(void)
{
    return side_pointer_to_main() == main_twice;
}

int call(void)
{
    return side_call(thrice, 3);
}

int value(void)
{
    return (*value_of_side)++;
}

int weak(void)
{
    return side_weak(4);
}

char *heap(void)
{
    return __heap_base;
}
