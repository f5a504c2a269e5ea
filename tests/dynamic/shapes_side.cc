// SPDX-License-Identifier: Apache-2.0
//
// The side module of shapes_main.cc: a class of its own beneath the main module's, and global
// objects that its own constructors make.
#include "shapes.h"

struct Log {
    int count;
    std::string text;

    Log() : count(40), text("a log that is longer than what a string holds in itself")
    {
    }
};

static Log journal;
int side_total = 2;

struct Square : Shape {
    int side;

    explicit Square(int s) : side(s)
    {
    }
    int area() const override
    {
        return side * side;
    }
    std::string name() const override
    {
        return "a square of " + std::to_string(side) + " in a side module";
    }
};

Shape *make_square(int side)
{
    journal.count++;
    return new Square(side);
}

int apply(int (*function)(int), int x)
{
    return function(x) + main_offset;
}

int (*doubler())(int)
{
    return twice;
}

int entries()
{
    return journal.count + side_total;
}

const std::string &history()
{
    journal.text += ", read";
    return journal.text;
}
