// SPDX-License-Identifier: Apache-2.0
//
// A static main module in C++, with the library that the side module uses.
#include "shapes.h"

#include <cstdio>

Shape::~Shape()
{
    std::printf("a shape ends\n");
}

int main_offset = 100;

int twice(int x)
{
    return 2 * x;
}

static int thrice(int x)
{
    return 3 * x;
}

int main()
{
    Shape *shape = make_square(5);

    std::printf("%s: %d\n", shape->name().c_str(), shape->area());
    delete shape;
    std::printf("%d %d %d %d\n", apply(thrice, 2), apply(twice, 2), doubler() == twice,
                doubler()(4));
    std::printf("%d %s\n", entries(), history().c_str());
    side_total = 60;
    std::printf("%d %s\n", entries(), history().c_str());
}
