// SPDX-License-Identifier: Apache-2.0
//
// The side module of circle_main.c.
typedef int function(int);

extern int counter;
int main_twice(int x);
__attribute__((weak)) int absent(int x);

int side_value = 7;
static int *counter_of_main = &counter; // relocated
static function *twice_of_main = main_twice;
static int results[10]; // beyond what the segments fill

__attribute__((constructor)) static void construct(void)
{
    side_value++;
}

int side_add(int left, int right)
{
    return left + right + side_value + *counter_of_main;
}

function *side_pointer_to_main(void)
{
    return main_twice;
}

int side_own(int x)
{
    return x * 7;
}

function *side_pointer_to_own(void)
{
    return side_own;
}

static int hidden(int x)
{
    return x + 1;
}

function *side_pointer_to_hidden(void)
{
    return hidden;
}

int side_call(function *called, int x)
{
    results[x % 10] += called(x) + twice_of_main(x);
    return results[x % 10];
}

int side_weak(int x)
{
    return absent ? absent(x) : -x;
}
